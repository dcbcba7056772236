//! Ocean Optics text (OceanView, SpectraSuite, OOIBase): lines of key and value, a mark, two columns, perhaps a mark.

use super::{Content, FileSpectrum, FileTechnique, FormatError, XUnit, text, two_column};

/// Some line is the mark before the numbers.
pub(super) fn recognises(content: &Content<'_>) -> bool {
    text::lines(content.text).any(|(_, line)| is_begin(line))
}

fn is_begin(line: &str) -> bool {
    line.trim_start().starts_with(">>>>>Begin") && line.contains("Spectral Data")
}

/// The spectrum behind the mark.
pub(super) fn read(content: &Content<'_>) -> Result<Vec<FileSpectrum>, FormatError> {
    let Some((_, mark)) = text::lines(content.text).find(|(_, line)| is_begin(line)) else {
        return Err(FormatError::NoTable);
    };
    let (head, body) = content.text.split_once(mark).unwrap_or(("", content.text));
    let mut spectra = two_column::read(&Content { text: body, fallback_title: content.fallback_title })?;
    for spectrum in &mut spectra {
        for (_, line) in text::lines(head) {
            let Some((key, value)) = line.split_once(':') else { continue };
            let value = text::brief(value);
            match key.trim().to_lowercase().as_str() {
                "xaxis mode" => {
                    spectrum.x_unit = Some(XUnit::named_in(value).unwrap_or_else(|| XUnit::Other(value.to_owned())));
                    if value.to_lowercase().contains("raman") {
                        spectrum.technique = Some(FileTechnique::RAMAN);
                    }
                }
                "spectrometer" | "spectrometers" if !value.is_empty() => {
                    spectrum.notes.push(format!("measured with {value}"));
                }
                "correct for electrical dark" | "electric dark correction enabled" | "electric dark correction" => {
                    let is_off = matches!(value.split_whitespace().next(), Some("No" | "false" | "False"));
                    spectrum
                        .notes
                        .extend(is_off.then(|| "the counts still contain the electric dark signal".to_owned()));
                }
                _ => {}
            }
        }
    }
    Ok(spectra)
}

#[cfg(test)]
mod tests {
    use super::super::{FileTechnique, XUnit, read_bytes};

    #[test]
    fn the_axis_mode_decides_unit_and_technique() {
        let file = |mode: &str| {
            let text = format!(
                "Data from tea_Node 1\n\nDate: Tue Nov 24 2026\nSpectrometer: QEP00123\nIntegration Time (sec): 1.0E0\nElectric dark correction enabled: false\nXAxis mode: {mode}\nNumber of Pixels in Spectrum: 2\n>>>>>Begin Spectral Data<<<<<\n200.377\t832.5\n206.045\t858\n>>>>>End Spectral Data<<<<<\n"
            );
            read_bytes(text.as_bytes(), "tea.txt").unwrap().remove(0)
        };
        let raman = file("Raman Shifts");
        assert_eq!((&raman.x[..], &raman.y[..]), (&[200.377, 206.045][..], &[832.5, 858.0][..]));
        assert_eq!((raman.x_unit, raman.technique), (Some(XUnit::Cm1), Some(FileTechnique::RAMAN)));
        assert_eq!(raman.notes.len(), 2, "{:?}", raman.notes);
        let wavelengths = file("Wavelengths");
        assert_eq!((wavelengths.x_unit, wavelengths.technique), (Some(XUnit::Nm), None));
    }
}
