//! A spectrum as CSV that spreadsheets open and this program reads back.

use std::fmt::Write;

use super::FileSpectrum;

/// The spectrum as CSV: lines of key and value, a line of column titles, then one point a line, as stored.
///
/// Texts come from outside, so a text that a spreadsheet would take for a formula gets an apostrophe before it.
pub fn to_csv(spectrum: &FileSpectrum) -> String {
    let mut out = String::with_capacity(64 + spectrum.x.len() * 24);
    let mut line = |key: &str, value: &str| {
        // Writing to a String cannot fail.
        let _ = writeln!(out, "{key},{}", text_cell(value));
    };
    line("title", &spectrum.title);
    line("kind", spectrum.kind.name());
    if let Some(technique) = &spectrum.technique {
        line("technique", &technique.to_string());
    }
    if let Some(laser_nm) = spectrum.laser_nm {
        line("laser_nm", &laser_nm.to_string());
    }
    for note in &spectrum.notes {
        line("note", note);
    }
    for defect in &spectrum.defects {
        line("defect", defect);
    }
    let unit = |unit: Option<String>| unit.unwrap_or_else(|| "unit not stated".to_owned());
    let x_title = format!("axis ({})", unit(spectrum.x_unit.as_ref().map(ToString::to_string)));
    let y_title = format!("intensity ({})", unit(spectrum.y_unit.as_ref().map(ToString::to_string)));
    let _ = writeln!(out, "{},{}", text_cell(&x_title), text_cell(&y_title));
    for (x, y) in spectrum.x.iter().zip(&spectrum.y) {
        let _ = writeln!(out, "{x},{y}");
    }
    out
}

/// A text as one cell: no formula, no line end, quoted where it must be.
fn text_cell(text: &str) -> String {
    let flat: String = text.chars().map(|c| if c.is_control() { ' ' } else { c }).collect();
    let is_formula =
        flat.trim_start().starts_with(['=', '+', '-', '@', '\u{ff1d}', '\u{ff0b}', '\u{ff0d}', '\u{ff20}']);
    let harmless = if is_formula { format!("'{flat}") } else { flat };
    if harmless.contains([',', '"', ';']) || harmless.starts_with(' ') {
        format!("\"{}\"", harmless.replace('"', "\"\""))
    } else {
        harmless
    }
}

#[cfg(test)]
mod tests {
    use super::super::{FileSpectrum, FileTechnique, SpectrumKind, XUnit, YUnit, read_bytes};
    use super::{text_cell, to_csv};

    #[test]
    fn a_title_cannot_become_a_formula() {
        for (title, cell) in [
            ("=HYPERLINK(\"x\")", "\"'=HYPERLINK(\"\"x\"\")\""),
            ("@SUM(1)", "'@SUM(1)"),
            ("-1+2", "'-1+2"),
            ("\t=1", "' =1"),
            ("tea, green", "\"tea, green\""),
            ("tea\ngreen", "tea green"),
        ] {
            assert_eq!(text_cell(title), cell);
        }
    }

    #[test]
    fn what_is_written_reads_back_the_same() {
        let x: Vec<f64> = (0..50).map(|i| 1800.0 - 3.3 * f64::from(i)).collect();
        let y: Vec<f64> = x.iter().map(|x| (x / 7.0).sin() * 1e5).collect();
        let mut spectrum = FileSpectrum::sample("tea".to_owned(), x, y);
        spectrum.technique = Some(FileTechnique::RAMAN);
        spectrum.x_unit = Some(XUnit::Cm1);
        spectrum.y_unit = Some(YUnit::Counts);
        spectrum.laser_nm = Some(784.82);
        assert_eq!(read_bytes(to_csv(&spectrum).as_bytes(), "other.csv").unwrap(), [spectrum.clone()]);
        // Neither its kind nor a check that failed is washed off by a conversion.
        spectrum.kind = SpectrumKind::Reference;
        spectrum.defects = vec!["line 3, after a gap, is wrong".to_owned()];
        assert_eq!(read_bytes(to_csv(&spectrum).as_bytes(), "other.csv").unwrap(), [spectrum.clone()]);
        // A file that says nothing still says nothing after the round trip.
        spectrum.technique = None;
        spectrum.x_unit = None;
        spectrum.y_unit = None;
        assert_eq!(read_bytes(to_csv(&spectrum).as_bytes(), "other.csv").unwrap(), [spectrum]);
    }
}
