//! Text of the RRUFF collection: `##KEY=value` lines, two columns with a comma, `##END=`. Looks like JCAMP-DX and is not.

use super::{Content, FileSpectrum, FileTechnique, FormatError, XUnit, number, text, two_column};

/// A line names the collection's own number of the sample.
pub(super) fn recognises(content: &Content<'_>) -> bool {
    text::lines(content.text).any(|(_, line)| line.trim_start().starts_with("##RRUFFID="))
}

/// The spectrum. The collection keeps its Raman and infrared spectra over cm-1.
pub(super) fn read(content: &Content<'_>) -> Result<Vec<FileSpectrum>, FormatError> {
    let mut spectra = two_column::read(content)?;
    let is_infrared = words(content.text).any(|word| word.eq_ignore_ascii_case("infrared"));
    for spectrum in &mut spectra {
        spectrum.x_unit = Some(XUnit::Cm1);
        if spectrum.technique.is_none() && is_infrared {
            spectrum.technique = Some(FileTechnique::Infrared);
        }
        if spectrum.technique == Some(FileTechnique::RAMAN) && spectrum.laser_nm.is_none() {
            spectrum.laser_nm = words(content.text).filter(|word| word.ends_with("nm")).find_map(number::laser_nm);
        }
    }
    Ok(spectra)
}

/// The words before the numbers begin.
fn words(text: &str) -> impl Iterator<Item = &str> {
    let header =
        text::lines(text).map(|(_, line)| line).take_while(|line| !line.starts_with(|c: char| c.is_ascii_digit()));
    header.flat_map(|line| line.split(|c: char| c.is_whitespace() || matches!(c, ',' | '(' | ')' | '@' | '_')))
}

#[cfg(test)]
mod tests {
    use super::super::{FileTechnique, XUnit, read_bytes};

    #[test]
    fn the_text_before_the_keys_says_how_it_was_measured() {
        let text = "Settings:\tAlmega XR 785nm @ 100% of 500mW\nRaman Data (RAW)\n\n##NAMES=Calcite\n##RRUFFID=R040070\n117.9119, 382.2266\n119.8403, 494.9488\n##END=\n";
        let spectrum = &read_bytes(text.as_bytes(), "x.txt").unwrap()[0];
        assert_eq!((spectrum.title.as_str(), &spectrum.technique), ("Calcite", &Some(FileTechnique::RAMAN)));
        assert_eq!((&spectrum.x_unit, spectrum.laser_nm), (&Some(XUnit::Cm1), Some(785.0)));
        assert_eq!((&spectrum.x[..], &spectrum.y[..]), (&[117.9119, 119.8403][..], &[382.2266, 494.9488][..]));
    }
}
