//! B&W Tek BWSpec text: `key;value` lines, then one row per pixel with semicolons, decimal point or comma by the
//! machine's language, and blank cells where a pixel has no Raman shift.

use super::number::{self, Decimal};
use super::table::{self, Layout, Rows, Separator};
use super::{Content, FileSpectrum, FileTechnique, FormatError, SpectrumKind, XUnit, YUnit, text};

const DIALECT: &str = "a B&W Tek text file";
/// Raw counts at which the 16-bit converters of these instruments are at their end.
const SATURATION_COUNTS: f64 = 65_535.0;

/// The file begins with its version line.
pub(super) fn recognises(content: &Content<'_>) -> bool {
    content.text.trim_start().starts_with("File Version;")
}

/// One spectrum per column of counts.
pub(super) fn read(content: &Content<'_>) -> Result<Vec<FileSpectrum>, FormatError> {
    let incomplete = |what: &str| FormatError::Incomplete { dialect: DIALECT, what: what.to_owned() };
    let Some((title_line, titles)) = text::lines(content.text).find(|(_, line)| line.starts_with("Pixel;")) else {
        return Err(incomplete("the line with the column titles is missing"));
    };
    let titles: Vec<&str> = titles.trim_end().trim_end_matches(';').split(';').map(str::trim).collect();
    let header = Header::read(content.text, title_line);
    let body = text::lines(content.text).skip(title_line);
    // A file keeps one decimal mark throughout, and no cell of the body has a comma for another reason.
    let has_comma = body.clone().any(|(_, line)| line.contains(','));
    let decimal = if has_comma { Decimal::Comma } else { Decimal::Point };
    let rows = table::read_rows(body, Layout { separator: Separator::Semicolon, decimal }, titles.len())?;

    let column = |title: &str| titles.iter().position(|t| t.eq_ignore_ascii_case(title));
    let has_values = |i: &usize| !rows.points(0, *i).0.is_empty();
    let (x_column, x_unit) = if let Some(i) = column("Raman Shift").filter(has_values) {
        (i, XUnit::Cm1)
    } else if let Some(i) = column("Wavelength").filter(has_values) {
        (i, XUnit::Nm)
    } else {
        return Err(incomplete("neither the column Raman Shift nor Wavelength has values"));
    };
    let is_dark_subtracted = titles.iter().any(|title| role(title) == Some(Role::DarkSubtracted));
    let mut spectra = Vec::new();
    for (i, title) in titles.iter().enumerate() {
        let Some(role) = role(title) else { continue };
        let (x, y) = rows.points(x_column, i);
        if x.is_empty() {
            continue;
        }
        let mut spectrum = FileSpectrum::sample(format!("{}: {title}", header.title(content)), x, y);
        spectrum.kind = role.kind(is_dark_subtracted);
        spectrum.technique = (x_unit == XUnit::Cm1).then_some(FileTechnique::RAMAN);
        spectrum.x_unit = Some(x_unit.clone());
        spectrum.y_unit = Some(YUnit::Counts);
        spectrum.laser_nm = header.laser_nm;
        if spectrum.kind == SpectrumKind::Sample {
            spectrum.saturated = saturated(&rows, (x_column, i), raw_column(&titles, title));
            spectrum.notes = notes(&rows, spectrum.x.len(), role, &header);
        }
        spectra.push(spectrum);
    }
    // The sample first, as stored otherwise.
    spectra.sort_by_key(|spectrum| spectrum.kind != SpectrumKind::Sample);
    if spectra.iter().any(|spectrum| spectrum.kind == SpectrumKind::Sample) {
        Ok(spectra)
    } else {
        Err(incomplete("neither the column Dark Subtracted nor Raw data has values"))
    }
}

/// What a column of counts is. Columns that the program derives (transmittance, absorbance, irradiance) have none.
#[derive(Clone, Copy, PartialEq)]
enum Role {
    DarkSubtracted,
    Raw,
    Dark,
    Reference,
}

impl Role {
    fn kind(self, is_dark_subtracted: bool) -> SpectrumKind {
        match self {
            Self::DarkSubtracted => SpectrumKind::Sample,
            Self::Raw if !is_dark_subtracted => SpectrumKind::Sample,
            Self::Raw | Self::Dark => SpectrumKind::Other,
            Self::Reference => SpectrumKind::Reference,
        }
    }
}

fn role(title: &str) -> Option<Role> {
    let starts = |word: &str| title.get(..word.len()).is_some_and(|start| start.eq_ignore_ascii_case(word));
    if starts("Dark Subtracted") {
        Some(Role::DarkSubtracted)
    } else if starts("Raw data") {
        Some(Role::Raw)
    } else if title.eq_ignore_ascii_case("Dark") {
        Some(Role::Dark)
    } else if title.eq_ignore_ascii_case("Reference") {
        Some(Role::Reference)
    } else {
        None
    }
}

/// The raw column with the number (`#1`) of a sample column.
fn raw_column(titles: &[&str], title: &str) -> Option<usize> {
    let number = |title: &str| title.rsplit_once('#').map(|(_, number)| number.trim().to_owned());
    titles.iter().position(|t| role(t) == Some(Role::Raw) && number(t) == number(title))
}

/// Indices, among the points that have a Raman shift, at which the raw counts are at the converter's end.
fn saturated(rows: &Rows, (x_column, y_column): (usize, usize), raw: Option<usize>) -> Vec<usize> {
    let Some(raw) = raw else { return Vec::new() };
    // Counted over the points of the spectrum: a pixel without a value in it has none, whatever the raw column says.
    let points = rows.column(x_column).zip(rows.column(y_column)).zip(rows.column(raw));
    let points = points.filter(|((x, y), _)| x.is_finite() && y.is_finite());
    points.enumerate().filter(|(_, (_, raw))| *raw >= SATURATION_COUNTS).map(|(i, _)| i).collect()
}

fn notes(rows: &Rows, points: usize, role: Role, header: &Header) -> Vec<String> {
    let mut notes = Vec::new();
    let left_out = rows.len() - points.min(rows.len());
    if left_out > 0 {
        notes.push(format!("pixels without a value on the axis, left out: {left_out}"));
    }
    if role == Role::Raw {
        notes.push("the counts still contain the dark signal".to_owned());
    }
    if !header.model.is_empty() {
        notes.push(format!("measured with {}", header.model));
    }
    notes
}

/// The lines before the table that matter here.
#[derive(Default)]
struct Header {
    title: String,
    model: String,
    laser_nm: Option<f64>,
}

impl Header {
    fn read(text: &str, title_line: usize) -> Self {
        let mut header = Self::default();
        for (_, line) in text::lines(text).take(title_line) {
            match line.split_once(';') {
                Some(("title", value)) => text::brief(value).clone_into(&mut header.title),
                Some(("model", value)) => text::brief(value).clone_into(&mut header.model),
                Some(("laser_wavelength", value)) => header.laser_nm = number::laser_nm(value),
                _ => {}
            }
        }
        header
    }

    fn title<'a>(&'a self, content: &Content<'a>) -> &'a str {
        if self.title.is_empty() { content.fallback_title } else { &self.title }
    }
}

#[cfg(test)]
mod tests {
    use super::super::{FileSpectrum, FormatError, SpectrumKind, XUnit, read_bytes};

    const HEAD: &str = "File Version;BWSpec4.11_1\r\ntitle;BWS\r\nmodel;BTC\r\nlaser_wavelength;784,82\r\n";
    const TITLES: &str =
        "Pixel;Wavelength;Wavenumber;Raman Shift;Dark;Reference;Raw data #1;Dark Subtracted #1;%TR #1;\r\n";

    fn read(body: &str) -> Result<Vec<FileSpectrum>, FormatError> {
        read_bytes(format!("{HEAD}{TITLES}{body}").as_bytes(), "x.txt")
    }

    #[test]
    fn the_dark_subtracted_counts_over_the_raman_shift_are_the_sample() {
        let spectra = read(
            "0;   ;   ;   ;1104,0;65535,0;987,0;-117,0;0,0;\r\n1;800,93;12485,5;256,23;1024,0;65535,0;3816,0;2792,5;0,0;\r\n2;801,0;12483,2;258,5;1023,0;65535,0;65535,0;64512,0;0,0;\r\n",
        )
        .unwrap();
        let sample = &spectra[0];
        assert_eq!((&sample.x[..], &sample.y[..]), (&[256.23, 258.5][..], &[2792.5, 64512.0][..]));
        assert_eq!((sample.laser_nm, sample.x_unit.clone()), (Some(784.82), Some(XUnit::Cm1)));
        assert_eq!(sample.saturated, [1]);
        assert!(sample.notes[0].ends_with("left out: 1"), "{:?}", sample.notes);
        let kinds: Vec<_> = spectra.iter().map(|s| s.kind).collect();
        assert_eq!(
            kinds,
            [SpectrumKind::Sample, SpectrumKind::Other, SpectrumKind::Reference, SpectrumKind::Other],
            "dark-subtracted, dark, reference, raw"
        );
    }

    #[test]
    fn without_a_raman_shift_the_axis_is_the_wavelength_and_it_is_not_called_raman() {
        let spectra = read("0;769.4;12996.4; ;1;1;1;1;0;\r\n1;769.6;12993.9; ;1;1;1;1;0;\r\n").unwrap();
        assert_eq!((spectra[0].x_unit.clone(), spectra[0].technique.clone()), (Some(XUnit::Nm), None));
    }

    #[test]
    fn a_file_that_was_cut_off_is_refused() {
        assert!(read("0;769.4;12996.4;1.0;1;1;1;1;0;\r\n1;769.6;129").unwrap_err().to_string().contains("line 7"));
        assert!(read_bytes(HEAD.as_bytes(), "x").unwrap_err().to_string().contains("column titles"));
        assert!(read("").is_err());
    }

    #[test]
    fn a_saturated_pixel_is_counted_over_the_points_of_its_own_spectrum() {
        let rows = "0;8;9;200,5;1;2;65535;;0;\r\n1;8;9;201,5;1;2;65535;64000,5;0;\r\n2;8;9;202,5;1;2;3;2,5;0;\r\n";
        let spectra = read_bytes(format!("{HEAD}{TITLES}{rows}").as_bytes(), "x").unwrap();
        let sample = spectra.iter().find(|s| s.kind == SpectrumKind::Sample).unwrap();
        assert_eq!((&sample.x[..], &sample.saturated[..]), (&[201.5, 202.5][..], &[0][..]));
    }
}
