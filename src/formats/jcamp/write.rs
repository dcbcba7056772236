//! A spectrum as JCAMP-DX 4.24 that other programs and this one read.

use std::fmt::Write;

use crate::spectrum::Technique;

use super::super::{FileSpectrum, FileTechnique, SpectrumKind, XUnit, YUnit};

/// Longest line of the standard.
const MAX_LINE: usize = 80;
/// Largest ordinate of the packed form; other readers keep ordinates in 32 bits.
const MAX_ORDINATE: f64 = 2_147_483_647.0;
/// Share of a step by which an even axis may miss its places.
const EVEN_TOLERANCE: f64 = 1e-6;

/// How the numbers are written.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum JcampForm {
    /// Plain numbers with all their digits: reads back exactly.
    #[default]
    Affn,
    /// Differences and repeats of whole numbers: a fifth of the size, nine digits. Needs an even axis; others are
    /// written as plain pairs.
    DifDup,
}

/// The spectrum as one JCAMP-DX block, as stored.
pub fn to_jcamp(spectrum: &FileSpectrum, form: JcampForm) -> String {
    let mut out = String::with_capacity(512 + spectrum.x.len() * 24);
    let mut record = |label: &str, value: &str| {
        // Writing to a String cannot fail.
        let _ = writeln!(out, "##{label}={value}");
    };
    let (x, y) = (&spectrum.x[..], &spectrum.y[..]);
    record("TITLE", &one_line(&spectrum.title));
    record("JCAMP-DX", concat!("4.24 $$ Parcelscope ", env!("CARGO_PKG_VERSION")));
    let (data_type, sampling) = data_type(spectrum);
    record("DATA TYPE", &one_line(&data_type));
    record("ORIGIN", concat!("Parcelscope ", env!("CARGO_PKG_VERSION")));
    record("OWNER", "");
    if !sampling.is_empty() {
        record("SAMPLING PROCEDURE", sampling);
    }
    if matches!(spectrum.kind, SpectrumKind::Reference | SpectrumKind::Other) {
        record("$KIND", spectrum.kind.name());
    }
    if let Some(laser_nm) = spectrum.laser_nm {
        record("$LASER WAVELENGTH NM", &number(laser_nm));
    }
    for note in &spectrum.notes {
        record("$NOTE", &one_line(note));
    }
    for defect in &spectrum.defects {
        record("$DEFECT", &one_line(defect));
    }
    if !spectrum.saturated.is_empty() {
        let points: Vec<String> = spectrum.saturated.iter().map(ToString::to_string).collect();
        record("$SATURATED POINTS", &format!("\n{}", wrapped(&points)));
    }
    if let Some(resolution_cm1) = spectrum.resolution_cm1 {
        record("RESOLUTION", &number(resolution_cm1));
    }
    record("XUNITS", &spectrum.x_unit.as_ref().map_or_else(String::new, x_unit));
    record("YUNITS", &spectrum.y_unit.as_ref().map_or_else(String::new, y_unit));
    record("NPOINTS", &x.len().to_string());
    let ends = |values: &[f64]| Some((*values.first()?, *values.last()?));
    if let Some((first, last)) = ends(x) {
        record("FIRSTX", &number(first));
        record("LASTX", &number(last));
    }
    if let Some((first, _)) = ends(y) {
        record("FIRSTY", &number(first));
    }
    for (label, values) in [("X", x), ("Y", y)] {
        if let (Some(low), Some(high)) =
            (values.iter().copied().reduce(f64::min), values.iter().copied().reduce(f64::max))
        {
            record(&format!("MAX{label}"), &number(high));
            record(&format!("MIN{label}"), &number(low));
        }
    }
    let factor = if form == JcampForm::DifDup { packing_factor(y) } else { 1.0 };
    if let Some(step) = even_step(x).filter(|_| !spectrum.is_peak_table) {
        record("DELTAX", &number(step));
        record("XFACTOR", "1");
        record("YFACTOR", &number(factor));
        record("XYDATA", "(X++(Y..Y))");
        match form {
            JcampForm::Affn => plain_lines(&mut out, x, y),
            JcampForm::DifDup => packed_lines(&mut out, x, y, factor),
        }
    } else {
        record("XFACTOR", "1");
        record("YFACTOR", "1");
        record(if spectrum.is_peak_table { "PEAK TABLE" } else { "XYPOINTS" }, "(XY..XY)");
        for (x, y) in x.iter().zip(y) {
            let _ = writeln!(out, "{}, {}", number(*x), number(*y));
        }
    }
    out.push_str("##END=\n");
    out
}

/// Data type and sampling procedure. What nobody stated stays empty.
fn data_type(spectrum: &FileSpectrum) -> (String, &'static str) {
    let interferogram = spectrum.kind == SpectrumKind::Interferogram;
    let (words, sampling) = match &spectrum.technique {
        None => return (if interferogram { "INTERFEROGRAM" } else { "" }.to_owned(), ""),
        Some(FileTechnique::Other(words)) => return (words.clone(), ""),
        Some(FileTechnique::Known(Technique::Raman)) => ("RAMAN", ""),
        Some(FileTechnique::Known(Technique::Sers)) => ("RAMAN", "SERS"),
        Some(FileTechnique::Known(Technique::Nir)) => ("NEAR INFRARED", ""),
        Some(FileTechnique::Known(Technique::AtrFtir)) => ("INFRARED", "ATR"),
        Some(FileTechnique::Known(Technique::IrTransmission)) => ("INFRARED", "TRANSMISSION"),
        Some(FileTechnique::Infrared) => ("INFRARED", ""),
    };
    (format!("{words} {}", if interferogram { "INTERFEROGRAM" } else { "SPECTRUM" }), sampling)
}

fn x_unit(unit: &XUnit) -> String {
    match unit {
        XUnit::Cm1 => "1/CM".to_owned(),
        XUnit::Nm => "NANOMETERS".to_owned(),
        XUnit::Micrometre => "MICROMETERS".to_owned(),
        XUnit::Pixel => "PIXELS".to_owned(),
        XUnit::Other(words) => one_line(words),
    }
}

fn y_unit(unit: &YUnit) -> String {
    match unit {
        YUnit::Counts => "COUNTS".to_owned(),
        YUnit::CountsPerSecond => "COUNTS/S".to_owned(),
        YUnit::Absorbance => "ABSORBANCE".to_owned(),
        YUnit::Transmittance => "TRANSMITTANCE".to_owned(),
        YUnit::TransmittancePercent => "PERCENT TRANSMITTANCE".to_owned(),
        YUnit::Reflectance => "REFLECTANCE".to_owned(),
        YUnit::ReflectancePercent => "PERCENT REFLECTANCE".to_owned(),
        YUnit::KubelkaMunk => "KUBELKA-MUNK".to_owned(),
        YUnit::Other(words) => one_line(words),
    }
}

/// A text that stays inside its record: one line, no comment, no label.
fn one_line(text: &str) -> String {
    let flat: String = text.chars().map(|c| if c.is_control() { ' ' } else { c }).collect();
    flat.replace("$$", "$ $").trim().to_owned()
}

/// The shortest digits that read back exactly; the exponent has a sign, because without one E could be a digit.
fn number(value: f64) -> String {
    if value == 0.0 || (1e-5..1e15).contains(&value.abs()) {
        return value.to_string();
    }
    let text = format!("{value:E}");
    if text.contains("E-") { text } else { text.replace('E', "E+") }
}

/// Words in lines of the standard's length.
fn wrapped(words: &[String]) -> String {
    let mut text = String::new();
    let mut length = 0;
    for word in words {
        if length > 0 && length + 1 + word.len() > MAX_LINE {
            text.push('\n');
            length = 0;
        } else if length > 0 {
            text.push(' ');
            length += 1;
        }
        text.push_str(word);
        length += word.len();
    }
    text
}

/// The step of an even axis.
fn even_step(x: &[f64]) -> Option<f64> {
    let (first, last) = (*x.first()?, *x.last()?);
    let step = (last - first) / (x.len().checked_sub(1).filter(|n| *n > 0)? as f64);
    let fits = |(i, x): (usize, &f64)| (step.mul_add(i as f64, first) - x).abs() <= EVEN_TOLERANCE * step.abs();
    (step != 0.0 && x.iter().enumerate().all(fits)).then_some(step)
}

/// Lines of an abscissa and as many ordinates as fit.
fn plain_lines(out: &mut String, x: &[f64], y: &[f64]) {
    let mut length = 0;
    for (x, y) in x.iter().zip(y) {
        let word = number(*y);
        if length > 0 && length + 1 + word.len() > MAX_LINE {
            out.push('\n');
            length = 0;
        }
        if length == 0 {
            let start = number(*x);
            length = start.len();
            out.push_str(&start);
        }
        length += 1 + word.len();
        let _ = write!(out, " {word}");
    }
    out.push('\n');
}

/// One where all ordinates are whole numbers, else the power of ten with which the largest just fits.
fn packing_factor(y: &[f64]) -> f64 {
    let highest = y.iter().fold(0.0_f64, |high, v| high.max(v.abs()));
    if highest <= MAX_ORDINATE && y.iter().all(|v| v.fract() == 0.0) {
        return 1.0;
    }
    let exponent = (highest / MAX_ORDINATE).log10().ceil().clamp(-300.0, 300.0) as i32;
    // As read back from its digits, so that writer and reader multiply by the same number.
    format!("1E{exponent}").parse().unwrap_or(1.0)
}

/// First letters of whole numbers (SQZ), of differences (DIF) and of repeats (DUP), by first digit.
const SQZ: (&[u8; 10], &[u8; 10]) = (b"@ABCDEFGHI", b"@abcdefghi");
const DIF: (&[u8; 10], &[u8; 10]) = (b"%JKLMNOPQR", b"%jklmnopqr");
const DUP: &[u8; 10] = b" STUVWXYZs";

/// The digits of a number with its first one and its sign as a letter.
fn lettered(value: i64, letters: (&[u8; 10], &[u8; 10])) -> String {
    let digits = value.unsigned_abs().to_string();
    let (first, rest) = digits.split_at(1);
    let alphabet = if value < 0 { letters.1 } else { letters.0 };
    let letter = first.parse().ok().and_then(|digit: usize| alphabet.get(digit)).copied().unwrap_or(b'@');
    format!("{}{rest}", char::from(letter))
}

/// Lines in the packed form. Each begins with the value that the line before reached, as a check.
fn packed_lines(out: &mut String, x: &[f64], y: &[f64], factor: f64) {
    let whole: Vec<i64> = y.iter().map(|v| (v / factor).round() as i64).collect();
    let start = |i: usize| {
        // Six decimals are enough to check a place; what overflows on the way keeps its digits.
        let rounded = |x: &f64| Some((x * 1e6).round() / 1e6).filter(|x| x.is_finite());
        let abscissa = x.get(i).map(|x| number(rounded(x).unwrap_or(*x))).unwrap_or_default();
        format!("{abscissa}{}", lettered(whole.get(i).copied().unwrap_or(0), SQZ))
    };
    let mut line = start(0);
    let mut i = 1;
    let difference = |i: usize| Some(whole.get(i)? - whole.get(i.checked_sub(1)?)?);
    while let Some(step) = difference(i) {
        let run = (i..whole.len()).take_while(|j| difference(*j) == Some(step)).count();
        let mut word = lettered(step, DIF);
        if run > 1 {
            word.push_str(&lettered(run as i64, (DUP, DUP)));
        }
        if line.len() + word.len() > MAX_LINE {
            let _ = writeln!(out, "{line}");
            line = start(i - 1);
        }
        line.push_str(&word);
        i += run;
    }
    let _ = writeln!(out, "{line}");
    if whole.len() > 1 {
        let _ = writeln!(out, "{}", start(whole.len() - 1));
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::super::super::read_bytes;
    use super::*;

    fn read_back(text: &str) -> FileSpectrum {
        let mut spectra = read_bytes(text.as_bytes(), "other.dx").unwrap_or_else(|error| panic!("{text}: {error}"));
        assert_eq!(spectra.len(), 1);
        spectra.remove(0)
    }

    fn over(x: Vec<f64>, y: Vec<f64>) -> FileSpectrum {
        let mut spectrum = FileSpectrum::sample("tea $$ ##END=".to_owned(), x, y);
        spectrum.technique = Some(FileTechnique::RAMAN);
        spectrum.x_unit = Some(XUnit::Cm1);
        spectrum.y_unit = Some(YUnit::Counts);
        spectrum
    }

    #[test]
    fn everything_that_is_known_reads_back() {
        let mut spectrum = over(vec![100.5, 101.7, 103.0], vec![1.5, -2.0, 1e-9]);
        spectrum.title = "tea".to_owned();
        spectrum.laser_nm = Some(784.82);
        spectrum.resolution_cm1 = Some(9.5);
        spectrum.saturated = vec![0, 2];
        spectrum.notes = vec!["the dark signal is in it".to_owned()];
        spectrum.defects = vec!["line 3 is wrong".to_owned()];
        for (technique, kind) in [
            (Some(FileTechnique::RAMAN), SpectrumKind::Sample),
            (Some(Technique::Sers.into()), SpectrumKind::Other),
            (Some(Technique::AtrFtir.into()), SpectrumKind::Reference),
            (Some(Technique::IrTransmission.into()), SpectrumKind::Sample),
            (Some(Technique::Nir.into()), SpectrumKind::Sample),
            (Some(FileTechnique::Infrared), SpectrumKind::Interferogram),
            (Some(FileTechnique::Other("NMR SPECTRUM".to_owned())), SpectrumKind::Sample),
            (None, SpectrumKind::Sample),
        ] {
            spectrum.technique = technique;
            spectrum.kind = kind;
            assert_eq!(read_back(&to_jcamp(&spectrum, JcampForm::Affn)), spectrum);
        }
        for unit in [
            YUnit::CountsPerSecond,
            YUnit::Absorbance,
            YUnit::TransmittancePercent,
            YUnit::ReflectancePercent,
            YUnit::KubelkaMunk,
            YUnit::Other("volts".to_owned()),
        ] {
            spectrum.y_unit = Some(unit);
            (spectrum.x_unit, spectrum.resolution_cm1) = (None, None);
            assert_eq!(read_back(&to_jcamp(&spectrum, JcampForm::Affn)), spectrum);
        }
    }

    #[test]
    fn a_title_cannot_break_out_of_its_record() {
        let text = to_jcamp(&over(vec![1.0, 2.0], vec![1.0, 2.0]), JcampForm::Affn);
        assert_eq!(text.matches("##END=").count(), 2);
        assert_eq!(read_back(&text).title, "tea $ $ ##END=");
    }

    #[test]
    fn packed_lines_repeat_and_check() {
        let y: Vec<f64> = (0..40).map(|i| f64::from(if i < 20 { i * 3 } else { 57 })).collect();
        let x: Vec<f64> = (0..40).map(|i| 400.0 + f64::from(i)).collect();
        let text = to_jcamp(&over(x, y), JcampForm::DifDup);
        assert!(text.contains("\n400@LS9%T0\n"), "{text}");
        assert!(text.ends_with("439E7\n##END=\n"), "{text}");
    }

    #[test]
    fn numbers_at_the_end_of_the_range_are_written_as_numbers() {
        let x: Vec<f64> = (0..40).map(|i| -1.0e306 + 2.5e304 * f64::from(i)).collect();
        let spectrum = over(x, (0..40).map(f64::from).collect());
        assert_eq!(read_back(&to_jcamp(&spectrum, JcampForm::DifDup)).y, spectrum.y);
    }

    proptest! {
        #[test]
        fn plain_numbers_read_back_exactly(
            values in prop::collection::vec(prop::num::f64::NORMAL | prop::num::f64::ZERO, 1..60),
            first in -4_000.0..4_000.0_f64,
            step in prop::sample::select(vec![-1.9285, 0.482_207_92, 1.0, 7.5]),
            uneven in any::<bool>(),
        ) {
            // JCAMP-DX limits exponents to three digits in practice, and products with factors must stay finite.
            let y: Vec<f64> = values.iter().map(|v| if v.abs() > 1e200 || v.abs() < 1e-200 { 0.0 } else { *v }).collect();
            let x: Vec<f64> = (0..y.len())
                .map(|i| first + step * i as f64 + if uneven && i % 2 == 1 { 0.1 } else { 0.0 })
                .collect();
            let written = over(x, y);
            let read = read_back(&to_jcamp(&written, JcampForm::Affn));
            prop_assert_eq!(&read.y, &written.y);
            prop_assert!(read.x.iter().zip(&written.x[..]).all(|(a, b)| (a - b).abs() <= 2e-6 * step.abs()));
            prop_assert!(read.defects.is_empty(), "{:?}", read.defects);
            if uneven && written.x.len() > 2 {
                prop_assert_eq!(&read.x, &written.x);
            }
        }

        #[test]
        fn packed_numbers_read_back_within_half_a_unit(
            values in prop::collection::vec(-1e6..1e6_f64, 2..300),
            flat in prop::collection::vec(0..3_usize, 2..300),
            whole in any::<bool>(),
            scale in prop::sample::select(vec![1e-9, 1.0, 1e4]),
        ) {
            let mut y: Vec<f64> = values.iter().map(|v| if whole { v.round() } else { v * scale }).collect();
            for (i, repeat) in flat.iter().enumerate() {
                if *repeat > 0 && i > 0 && i < y.len() {
                    y[i] = y[i - 1];
                }
            }
            let x: Vec<f64> = (0..y.len()).map(|i| 3999.5 - 1.9285 * i as f64).collect();
            let written = over(x, y);
            let text = to_jcamp(&written, JcampForm::DifDup);
            prop_assert!(text.lines().all(|line| line.len() <= MAX_LINE));
            let read = read_back(&text);
            let unit = packing_factor(&written.y);
            prop_assert!(read.defects.is_empty(), "{:?}", read.defects);
            for (a, b) in read.y.iter().zip(&written.y) {
                prop_assert!((a - b).abs() <= unit * 0.5001, "{a} {b} {unit}");
            }
            if whole {
                prop_assert_eq!(&read.y, &written.y);
            }
        }
    }
}
