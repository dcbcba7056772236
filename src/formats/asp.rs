//! Agilent (Varian Resolutions) infrared text `.asp`: one number a line: how many points, the first and the last
//! wavenumber, three codes, then the ordinates.
//!
//! The codes are not documented, so what the ordinate is remains to be stated by the operator.

use super::number::{self, Decimal};
use super::{Content, FileSpectrum, FileTechnique, FormatError, MAX_POINTS, XUnit, text};

const DIALECT: &str = "an Agilent ASP file";
/// Lines before the ordinates.
const HEAD: usize = 6;
/// Fewest points that tell such a file from a list of numbers.
const MIN_POINTS: usize = 16;

/// Numbers alone on their lines, the first of which counts those behind the head.
pub(super) fn recognises(content: &Content<'_>) -> bool {
    let mut lines = numbers(content.text);
    let (Some(Some(count)), Some(Some(first)), Some(Some(last))) = (lines.next(), lines.next(), lines.next()) else {
        return false;
    };
    let is_count = count.fract() == 0.0 && (MIN_POINTS as f64..=MAX_POINTS as f64).contains(&count);
    is_count && first > 0.0 && last > 0.0 && first != last && lines.take(HEAD).all(|value| value.is_some())
}

/// The spectrum.
pub(super) fn read(content: &Content<'_>) -> Result<Vec<FileSpectrum>, FormatError> {
    let incomplete = |what: String| FormatError::Incomplete { dialect: DIALECT, what };
    let mut values = Vec::new();
    for (i, value) in numbers(content.text).enumerate() {
        let Some(value) = value else {
            return Err(FormatError::Line { line: i + 1, what: "it is no number".to_owned() });
        };
        if values.len() > MAX_POINTS {
            return Err(FormatError::TooManyNumbers);
        }
        values.push(value);
    }
    let [count, first, last, _, _, _, y @ ..] = values.as_slice() else {
        return Err(incomplete("its head is cut off".to_owned()));
    };
    if *count != y.len() as f64 {
        return Err(incomplete(format!("it states {count} points and holds {}", y.len())));
    }
    let step = (last - first) / (count - 1.0).max(1.0);
    let x: Vec<f64> =
        (0..y.len()).map(|i| if i + 1 == y.len() { *last } else { step.mul_add(i as f64, *first) }).collect();
    let mut spectrum = FileSpectrum::sample(content.fallback_title.to_owned(), x, y.to_vec());
    spectrum.technique = Some(FileTechnique::Infrared);
    spectrum.x_unit = Some(XUnit::Cm1);
    Ok(vec![spectrum])
}

/// The value of each line; `None` for a line that is no number. Empty lines at the end are left out.
fn numbers(text: &str) -> impl Iterator<Item = Option<f64>> {
    text::lines(text.trim_end()).map(|(_, line)| number::parse(line, Decimal::Point))
}

#[cfg(test)]
mod tests {
    use super::super::{FileTechnique, read_bytes};

    #[test]
    fn the_head_counts_the_points_and_gives_their_places() {
        let mut text = "20\n4000\n2100\n1\n2\n4\n".to_owned();
        for i in 0..20 {
            text = text + "0." + &i.to_string() + "\r\n";
        }
        let spectrum = &read_bytes(text.as_bytes(), "film.asp").unwrap()[0];
        assert_eq!((spectrum.x[0], spectrum.x[1], spectrum.x[19]), (4000.0, 3900.0, 2100.0));
        assert_eq!((spectrum.y[19], &spectrum.technique), (0.19, &Some(FileTechnique::Infrared)));
        assert!(spectrum.to_spectrum().unwrap_err().to_string().contains("absorbance or transmittance"));
        text.push_str("0.5\n");
        assert!(read_bytes(text.as_bytes(), "x").unwrap_err().to_string().contains("states 20 points and holds 21"));
    }
}
