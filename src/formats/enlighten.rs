//! Wasatch ENLIGHTEN CSV: `key,value` lines, a line of column titles, then one row per pixel.

use super::number::{self, Decimal};
use super::table::{self, Layout, Separator};
use super::{Content, FileSpectrum, FileTechnique, FormatError, SpectrumKind, XUnit, YUnit, text};

const DIALECT: &str = "an ENLIGHTEN CSV file";
/// Columns of counts and what they are. `Raw` is the sample only where nothing was processed.
const COUNTS: [(&str, SpectrumKind); 5] = [
    ("Processed", SpectrumKind::Sample),
    ("Spectrum", SpectrumKind::Sample),
    ("Raw", SpectrumKind::Other),
    ("Dark", SpectrumKind::Other),
    ("Reference", SpectrumKind::Reference),
];

/// The file begins with the program's version.
pub(super) fn recognises(content: &Content<'_>) -> bool {
    content.text.trim_start().starts_with("ENLIGHTEN Version,")
}

/// One spectrum per column of counts.
pub(super) fn read(content: &Content<'_>) -> Result<Vec<FileSpectrum>, FormatError> {
    let incomplete = |what: &str| FormatError::Incomplete { dialect: DIALECT, what: what.to_owned() };
    let titles = text::lines(content.text)
        .map(|(line_number, line)| (line_number, line.split(',').map(str::trim).collect::<Vec<_>>()))
        .find(|(_, cells)| cells.len() > 1 && cells.iter().all(|c| axis(c).is_some() || counts(c).is_some()));
    let Some((title_line, titles)) = titles else {
        return Err(incomplete("the line with the column titles is missing"));
    };
    let header = Header::read(content.text, title_line);
    let layout = Layout { separator: Separator::Comma, decimal: Decimal::Point };
    let rows = table::read_rows(text::lines(content.text).skip(title_line), layout, titles.len())?;

    let has_values = |i: usize| !rows.points(i, i).0.is_empty();
    let x = ["Wavenumber", "Wavelength", "Pixel"]
        .into_iter()
        .find_map(|wanted| titles.iter().position(|t| *t == wanted).filter(|i| has_values(*i)));
    let Some((x_column, x_unit)) = x.and_then(|i| Some((i, axis(titles.get(i)?)?))) else {
        return Err(incomplete("no axis column has values"));
    };
    let mut spectra = Vec::new();
    for (i, title) in titles.iter().enumerate() {
        let Some(kind) = counts(title) else { continue };
        let (x, y) = rows.points(x_column, i);
        if !x.is_empty() {
            spectra.push(header.spectrum(content, title, kind, x_unit.clone(), (x, y)));
        }
    }
    if !spectra.iter().any(|s| s.kind == SpectrumKind::Sample) {
        let raw = spectra.iter_mut().find(|s| s.title.ends_with(": Raw"));
        let Some(raw) = raw else { return Err(incomplete("neither the column Processed nor Raw has values")) };
        raw.kind = SpectrumKind::Sample;
        raw.notes.push("the counts still contain the dark signal".to_owned());
    }
    spectra.sort_by_key(|spectrum| spectrum.kind != SpectrumKind::Sample);
    Ok(spectra)
}

fn axis(title: &str) -> Option<XUnit> {
    match title {
        "Wavenumber" => Some(XUnit::Cm1),
        "Wavelength" => Some(XUnit::Nm),
        "Pixel" => Some(XUnit::Pixel),
        _ => None,
    }
}

fn counts(title: &str) -> Option<SpectrumKind> {
    COUNTS.iter().find(|(name, _)| *name == title).map(|(_, kind)| *kind)
}

/// The lines before the table that matter here.
#[derive(Default)]
struct Header {
    label: String,
    model: String,
    technique: String,
    laser_nm: Option<f64>,
}

impl Header {
    fn read(text: &str, title_line: usize) -> Self {
        let mut header = Self::default();
        for (_, line) in text::lines(text).take(title_line) {
            match line.split_once(',') {
                Some(("Label", value)) => text::brief(value).clone_into(&mut header.label),
                Some(("Model", value)) => text::brief(value).clone_into(&mut header.model),
                Some(("Technique", value)) => value.trim().clone_into(&mut header.technique),
                Some(("Laser Wavelength", value)) => header.laser_nm = number::laser_nm(value),
                _ => {}
            }
        }
        header
    }

    fn spectrum(
        &self,
        content: &Content<'_>,
        column: &str,
        kind: SpectrumKind,
        x_unit: XUnit,
        points: (Vec<f64>, Vec<f64>),
    ) -> FileSpectrum {
        let title = if self.label.is_empty() { content.fallback_title } else { &self.label };
        let mut spectrum = FileSpectrum::sample(title.to_owned(), points.0, points.1);
        if kind != SpectrumKind::Sample {
            spectrum.title = format!("{title}: {column}");
        }
        spectrum.kind = kind;
        // The program counts the wavenumber from the laser line, so an axis in cm-1 with a laser is a Raman shift.
        let says_raman = self.technique.eq_ignore_ascii_case("raman");
        let is_silent = self.technique.is_empty() || self.technique.eq_ignore_ascii_case("none");
        let shifted = x_unit == XUnit::Cm1 && self.laser_nm.is_some();
        spectrum.technique = (says_raman || (is_silent && shifted)).then_some(FileTechnique::RAMAN);
        spectrum.y_unit = if says_raman || is_silent { Some(YUnit::Counts) } else { YUnit::named_in(&self.technique) };
        spectrum.x_unit = Some(x_unit);
        spectrum.laser_nm = self.laser_nm;
        if !self.model.is_empty() {
            spectrum.notes.push(format!("measured with {}", self.model));
        }
        spectrum
    }
}

#[cfg(test)]
mod tests {
    use super::super::{FileSpectrum, FileTechnique, SpectrumKind, XUnit, read_bytes};

    fn read(technique: &str, body: &str) -> Vec<FileSpectrum> {
        let head = format!(
            "ENLIGHTEN Version,4.1.44\nLabel,tea 1\nModel,WP\nTechnique,{technique}\nLaser Wavelength,784.896\n\n{body}"
        );
        read_bytes(head.as_bytes(), "x.csv").unwrap()
    }

    #[test]
    fn the_processed_counts_over_the_wavenumber_are_the_sample() {
        let spectra = read(
            "",
            "Pixel,Wavelength,Wavenumber,Raw,Dark,Processed\n0,803.99,302.00,400,90,309.57\n1,804.05,303.00,430,87,343.56\n",
        );
        let sample = &spectra[0];
        assert_eq!((&sample.x[..], &sample.y[..]), (&[302.0, 303.0][..], &[309.57, 343.56][..]));
        assert_eq!((sample.title.as_str(), sample.laser_nm), ("tea 1", Some(784.896)));
        assert_eq!((sample.technique.clone(), sample.x_unit.clone()), (Some(FileTechnique::RAMAN), Some(XUnit::Cm1)));
        let others: Vec<_> = spectra[1..].iter().map(|s| (s.title.as_str(), s.kind)).collect();
        assert_eq!(others, [("tea 1: Raw", SpectrumKind::Other), ("tea 1: Dark", SpectrumKind::Other)]);
    }

    #[test]
    fn raw_counts_serve_where_nothing_was_processed_and_the_file_says_so() {
        let spectra = read("Raman", "Pixel,Wavenumber,Raw\n0,302.00,400\n1,303.00,430\n");
        assert_eq!(spectra[0].kind, SpectrumKind::Sample);
        assert!(spectra[0].notes.iter().any(|note| note.contains("dark signal")));
    }

    #[test]
    fn another_technique_is_not_called_raman() {
        let spectra = read("Absorbance", "Pixel,Wavenumber,Processed\n0,302.00,0.4\n1,303.00,0.5\n");
        assert_eq!(spectra[0].technique, None);
        assert!(spectra[0].to_spectrum().unwrap_err().to_string().contains("absorbance"));
    }
}
