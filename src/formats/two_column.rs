//! Any table of numbers: an axis column and one or more columns of intensities, with or without a header.

use std::sync::Arc;

use crate::spectrum::Technique;

use super::table::{self, Table};
use super::{Content, FileSpectrum, FileTechnique, FormatError, SpectrumKind, XUnit, YUnit, number, text};

/// Most columns of a table; a spectrum a column.
const MAX_COLUMNS: usize = 4096;
/// Most failed checks that are taken over from a file of this program.
const MAX_DEFECTS: usize = 20;

/// One spectrum per column of intensities.
pub(super) fn read(content: &Content<'_>) -> Result<Vec<FileSpectrum>, FormatError> {
    let table = table::find(content.text)?;
    if table.rows.columns > MAX_COLUMNS {
        return Err(FormatError::TooManyNumbers);
    }
    let header = Header::read(&table.header);
    let title_of = |column: usize| table.titles.as_ref().and_then(|titles| titles.get(column).copied());
    let x_column = axis_column(&table);
    let mut x_unit = title_of(x_column).and_then(XUnit::named_in);
    if x_unit.is_none() && table.titles.is_none() {
        // A header line such as "Raman shift (cm-1) Intensity" has more words than columns.
        x_unit = table.header.iter().rev().find(|line| !line.trim().is_empty()).and_then(|line| XUnit::named_in(line));
    }
    let axis: Arc<[f64]> = table.rows.column(x_column).collect();
    let mut spectra = Vec::new();
    for column in (0..table.rows.columns).filter(|column| *column != x_column) {
        let label = title_of(column);
        if label.and_then(XUnit::named_in).is_some() {
            continue;
        }
        let is_whole = table.rows.column(column).chain(axis.iter().copied()).all(f64::is_finite);
        let title = header.title(content).to_owned();
        // The columns of a table share its axis, but for those with gaps.
        let mut spectrum = if is_whole {
            FileSpectrum::sample(title, Arc::clone(&axis), table.rows.column(column).collect())
        } else {
            let (x, y) = table.rows.points(x_column, column);
            FileSpectrum::sample(title, x, y)
        };
        if spectrum.y.is_empty() {
            continue;
        }
        if table.rows.columns > 2
            && let Some(label) = label
        {
            spectrum.title = format!("{}: {label}", spectrum.title);
        }
        let left_out = table.rows.len() - spectrum.x.len().min(table.rows.len());
        if left_out > 0 {
            spectrum.notes.push(format!("rows without a value, left out: {left_out}"));
        }
        spectrum.x_unit.clone_from(&x_unit);
        spectrum.kind = header.kind.or_else(|| label.map(kind)).unwrap_or(SpectrumKind::Sample);
        spectrum.defects.clone_from(&header.defects);
        spectrum.y_unit = label.and_then(YUnit::named_in);
        spectrum.technique.clone_from(&header.technique);
        spectrum.laser_nm = header.laser_nm;
        spectra.push(spectrum);
    }
    Ok(spectra)
}

/// The column whose title names a unit in cm-1, else one in nm, else the first.
fn axis_column(table: &Table<'_>) -> usize {
    let named = |unit: &XUnit| {
        table.titles.as_ref().and_then(|titles| titles.iter().position(|t| XUnit::named_in(t).as_ref() == Some(unit)))
    };
    named(&XUnit::Cm1).or_else(|| named(&XUnit::Nm)).unwrap_or(0)
}

/// What a column of intensities is, by its title.
fn kind(label: &str) -> SpectrumKind {
    match label.trim_start_matches('#').trim().to_lowercase().as_str() {
        "dark" | "dark counts" => SpectrumKind::Other,
        "reference" | "background" | "blank" => SpectrumKind::Reference,
        _ => SpectrumKind::Sample,
    }
}

/// The technique that a header names.
fn technique(value: &str) -> FileTechnique {
    let lower = value.to_lowercase();
    if lower == "infrared" {
        return FileTechnique::Infrared;
    }
    Technique::from_name(&lower)
        .map_or_else(|| FileTechnique::Other(text::brief(value).to_owned()), FileTechnique::Known)
}

/// What free headers commonly say, in lines of key and value under any separator.
#[derive(Default)]
struct Header {
    title: Option<String>,
    technique: Option<FileTechnique>,
    laser_nm: Option<f64>,
    /// What this program writes into its own CSV files.
    kind: Option<SpectrumKind>,
    defects: Vec<String>,
}

impl Header {
    fn read(lines: &[&str]) -> Self {
        let mut header = Self::default();
        for line in lines {
            // The word alone is a statement; titles of columns and of instruments carry it too.
            let says_raman = line.split(|c: char| !c.is_alphanumeric()).any(|word| word.eq_ignore_ascii_case("raman"));
            if says_raman {
                header.technique.get_or_insert(FileTechnique::RAMAN);
            }
            let Some((key, value)) = line.trim_start_matches('#').split_once(['=', ':', ',', ';', '\t']) else {
                continue;
            };
            let value = value.trim().trim_matches('"').trim();
            match key.trim().to_lowercase().as_str() {
                "title" | "sample" | "name" | "names" if !value.is_empty() => {
                    header.title.get_or_insert_with(|| text::brief(value).to_owned());
                }
                "kind" => header.kind = SpectrumKind::from_name(value),
                "defect" if !value.is_empty() && header.defects.len() < MAX_DEFECTS => {
                    header.defects.push(text::brief(value).to_owned());
                }
                "technique" if !value.is_empty() => header.technique = Some(technique(value)),
                "laser_nm" | "laser (nm)" | "laser wavelength" | "laser wavelength (nm)" | "excitation (nm)" => {
                    header.laser_nm = number::laser_nm(value);
                }
                _ => {}
            }
        }
        header
    }

    fn title<'a>(&'a self, content: &Content<'a>) -> &'a str {
        self.title.as_deref().unwrap_or(content.fallback_title)
    }
}

#[cfg(test)]
mod tests {
    use super::super::{FileTechnique, XUnit, YUnit, read_bytes};

    #[test]
    fn a_bare_table_says_nothing_about_itself() {
        let spectra = read_bytes(b"204.377\t832\n206.045\t858\n", "vial 3.txt").unwrap();
        let spectrum = &spectra[0];
        assert_eq!(spectrum.title, "vial 3");
        assert_eq!((&spectrum.technique, &spectrum.x_unit, &spectrum.y_unit), (&None, &None, &None));
    }

    #[test]
    fn column_titles_choose_axis_and_intensities() {
        let text = "Pixel;Raman shift;Wavelength;Intensity (counts)\n0;200,5;797,2;10\n1;201,5;797,3;20\n";
        let spectra = read_bytes(text.as_bytes(), "x").unwrap();
        assert_eq!(spectra.len(), 1);
        assert_eq!((&spectra[0].x[..], &spectra[0].y[..]), (&[200.5, 201.5][..], &[10.0, 20.0][..]));
        assert_eq!(
            (&spectra[0].x_unit, &spectra[0].y_unit, &spectra[0].technique),
            (&Some(XUnit::Cm1), &Some(YUnit::Counts), &Some(FileTechnique::RAMAN))
        );
    }

    #[test]
    fn a_header_whose_titles_stand_apart_is_understood() {
        let spectra = read_bytes(b"#Wave\t\t#Intensity\r\n3199.4\t59.2\r\n3198.7\t45.3\r\n", "x").unwrap();
        assert_eq!((&spectra[0].x[..], &spectra[0].x_unit), (&[3199.4, 3198.7][..], &None));
        let words = read_bytes(b"Raman shift (cm-1)  Intensity\n200.5 1\n201.5 2\n", "x").unwrap();
        assert_eq!(words[0].x_unit, Some(XUnit::Cm1));
    }

    #[test]
    fn several_columns_of_intensities_are_several_spectra() {
        let spectra = read_bytes(b"shift,a,b\n200.5,1,4\n201.5,2,5\n", "m.csv").unwrap();
        let titles: Vec<_> = spectra.iter().map(|s| s.title.as_str()).collect();
        assert_eq!(titles, ["m: a", "m: b"]);
        assert_eq!(spectra[1].y, [4.0, 5.0]);
    }
}
