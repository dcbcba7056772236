//! One spectrum as a file holds it, and the step from there to a spectrum that can be compared.

use serde::Serialize;

use crate::spectrum::{Spectrum, Technique};

use super::{FormatError, XUnit, YUnit};

/// What a spectrum of a file is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum SpectrumKind {
    /// The sample.
    Sample,
    /// The background or lamp that the sample was measured against.
    Reference,
    /// Detector signal over the path difference, before the Fourier transform.
    Interferogram,
    /// Anything else: dark, raw counts beside corrected ones ...
    Other,
}

impl SpectrumKind {
    /// The name that JSON uses.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Sample => "sample",
            Self::Reference => "reference",
            Self::Interferogram => "interferogram",
            Self::Other => "other",
        }
    }
}

/// One spectrum as stored: in file order and in the file's own units. Both arrays have the same length and hold finite
/// numbers only.
#[derive(Clone, Debug, PartialEq)]
pub struct FileSpectrum {
    /// Title that the file states, else the file's name without ending.
    pub title: String,
    /// What it is.
    pub kind: SpectrumKind,
    /// Technique, where the file states it or its dialect belongs to one.
    pub technique: Option<Technique>,
    /// Unit of the axis, where stated.
    pub x_unit: Option<XUnit>,
    /// Unit of the ordinate, where stated.
    pub y_unit: Option<YUnit>,
    /// The axis.
    pub x: Vec<f64>,
    /// The ordinate.
    pub y: Vec<f64>,
    /// Indices of the points at which the detector was saturated, where the file tells.
    pub saturated: Vec<usize>,
    /// Laser wavelength, nm, where stated.
    pub laser_nm: Option<f64>,
    /// Resolution (full width at half maximum), cm-1, where stated.
    pub resolution_cm1: Option<f64>,
    /// What a reader should know, as sentences: points left out, missing corrections.
    pub notes: Vec<String>,
}

/// Lowest and highest Raman shift that an instrument can show, cm-1; anti-Stokes shifts are negative.
const RAMAN_SHIFTS_CM1: (f64, f64) = (-4_500.0, 5_000.0);
/// An axis that ends below this many cm-1 holds no band of a molecule.
const LOWEST_END_CM1: f64 = 200.0;
/// A step back over this share of the axis means that a second spectrum begins.
const RESTART_SHARE: f64 = 0.2;

impl FileSpectrum {
    /// A sample without any statement about itself; readers add what the file says.
    pub(super) fn sample(title: String, x: Vec<f64>, y: Vec<f64>) -> Self {
        Self {
            title,
            kind: SpectrumKind::Sample,
            technique: None,
            x_unit: None,
            y_unit: None,
            x,
            y,
            saturated: Vec::new(),
            laser_nm: None,
            resolution_cm1: None,
            notes: Vec::new(),
        }
    }

    /// The spectrum that can be compared with references, and what had to be supposed because the file does not say it.
    ///
    /// Sorts the axis, gives points of equal axis their mean. Refuses what is no sample, other units and techniques
    /// whose ordinate would have to be converted first, and axes that cannot be a Raman shift.
    pub fn to_spectrum(&self) -> Result<(Spectrum, Vec<String>), FormatError> {
        if self.kind != SpectrumKind::Sample {
            return refuse(format!("it is no sample ({}); choose the sample's spectrum", self.kind.name()));
        }
        let mut assumed = Vec::new();
        let technique = self.technique.unwrap_or(Technique::Raman);
        let is_raman = matches!(technique, Technique::Raman | Technique::Sers);
        self.check_ordinate(is_raman)?;
        if self.technique.is_none() {
            assumed.push("technique Raman: the file does not name one".to_owned());
        }
        match &self.x_unit {
            Some(XUnit::Cm1) => {}
            None if counts_pixels(&self.x) => {
                return refuse("its axis counts pixels; export it over the Raman shift in cm-1".to_owned());
            }
            None => assumed.push("axis in cm-1: the file does not name its unit".to_owned()),
            Some(other) => {
                return refuse(format!(
                    "its axis is given in {other}; export it over the {} in cm-1",
                    if is_raman { "Raman shift" } else { "wavenumber" }
                ));
            }
        }
        let Sorted { axis, intensity, saturated } = self.sorted()?;
        if is_raman {
            check_raman_shift(&axis)?;
        }
        let mut spectrum = Spectrum::new(technique, axis, intensity)?.with_saturated(saturated);
        if let Some(resolution_cm1) = self.resolution_cm1 {
            spectrum = spectrum.with_resolution(resolution_cm1);
        }
        Ok((spectrum, assumed))
    }

    fn check_ordinate(&self, is_raman: bool) -> Result<(), FormatError> {
        match &self.y_unit {
            Some(unit @ (YUnit::Absorbance | YUnit::Transmittance | YUnit::Reflectance)) if is_raman => {
                refuse(format!(
                    "its ordinate is {unit}, so it is no Raman spectrum, and the file does not name another technique"
                ))
            }
            Some(unit @ (YUnit::Transmittance | YUnit::Reflectance)) => {
                refuse(format!("its ordinate is {unit}; export it as absorbance"))
            }
            _ => Ok(()),
        }
    }

    /// Axis ascending, ordinate and saturated points in the same order.
    fn sorted(&self) -> Result<Sorted, FormatError> {
        if restarts(&self.x) {
            return refuse(
                "its axis runs through its range more than once, as if several spectra followed each other; export each spectrum to a file of its own"
                    .to_owned(),
            );
        }
        let mut is_saturated = vec![false; self.x.len()];
        for i in &self.saturated {
            if let Some(flag) = is_saturated.get_mut(*i) {
                *flag = true;
            }
        }
        let mut points: Vec<(f64, f64, bool)> =
            self.x.iter().zip(&self.y).zip(is_saturated).map(|((x, y), s)| (*x, *y, s)).collect();
        points.sort_by(|a, b| a.0.total_cmp(&b.0));
        let (mut axis, mut intensity, mut saturated) = (Vec::new(), Vec::new(), Vec::new());
        // `==` and not the total order: -0.0 and 0.0 are one place on the axis.
        for same in points.chunk_by(|a, b| a.0 == b.0) {
            let Some((x, _, _)) = same.first() else { continue };
            if same.iter().any(|p| p.2) {
                saturated.push(axis.len());
            }
            axis.push(*x);
            intensity.push(same.iter().map(|p| p.1 / same.len() as f64).sum());
        }
        Ok(Sorted { axis, intensity, saturated })
    }
}

/// Points in the order of the axis.
struct Sorted {
    axis: Vec<f64>,
    intensity: Vec<f64>,
    saturated: Vec<usize>,
}

fn refuse<T>(why: String) -> Result<T, FormatError> {
    Err(FormatError::NotComparable { why })
}

fn check_raman_shift(axis: &[f64]) -> Result<(), FormatError> {
    let (Some(first), Some(last)) = (axis.first(), axis.last()) else { return Ok(()) };
    if *first < RAMAN_SHIFTS_CM1.0 || *last > RAMAN_SHIFTS_CM1.1 || *last < LOWEST_END_CM1 {
        return refuse(format!(
            "its axis runs from {first} to {last}, which is no range of Raman shifts in cm-1; export it over the Raman shift"
        ));
    }
    Ok(())
}

/// True for 0, 1, 2 ... and 1, 2, 3 ...: no Raman instrument measures at the laser line itself.
fn counts_pixels(x: &[f64]) -> bool {
    x.first().is_some_and(|first| *first == 0.0 || *first == 1.0) && x.windows(2).all(|w| w[1] - w[0] == 1.0)
}

/// True when the axis steps back over a good part of its range against its own direction.
fn restarts(x: &[f64]) -> bool {
    let (low, high) = x.iter().fold((f64::INFINITY, f64::NEG_INFINITY), |(l, h), v| (l.min(*v), h.max(*v)));
    let rising = x.windows(2).filter(|w| w[1] > w[0]).count();
    let falling = x.windows(2).filter(|w| w[1] < w[0]).count();
    let direction = if rising >= falling { 1.0 } else { -1.0 };
    x.windows(2).any(|w| (w[0] - w[1]) * direction > RESTART_SHARE * (high - low))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn over(x: Vec<f64>) -> FileSpectrum {
        let y = x.iter().map(|x| x * 2.0).collect();
        FileSpectrum::sample("t".to_owned(), x, y)
    }

    fn refusal(spectrum: &FileSpectrum) -> String {
        spectrum.to_spectrum().unwrap_err().to_string()
    }

    #[test]
    fn a_descending_axis_is_turned_and_equal_points_are_averaged() {
        let mut x: Vec<f64> = (0..40).map(|i| 1000.0 - 10.0 * f64::from(i)).collect();
        x.push(x[39]);
        let mut spectrum = over(x);
        spectrum.y[40] = 0.0;
        spectrum.saturated = vec![0, 99];
        let (sorted, assumed) = spectrum.to_spectrum().unwrap();
        assert_eq!(sorted.axis_cm1().len(), 40);
        assert_eq!((sorted.axis_cm1()[0], sorted.intensity()[0]), (610.0, 610.0));
        assert_eq!(sorted.saturated(), [39]);
        assert_eq!(assumed.len(), 2, "{assumed:?}");
        assert!(assumed[0].contains("Raman") && assumed[1].contains("cm-1"), "{assumed:?}");
    }

    #[test]
    fn what_the_file_says_is_not_assumed() {
        let mut spectrum = over((200..300).map(f64::from).collect());
        spectrum.technique = Some(Technique::Raman);
        spectrum.x_unit = Some(XUnit::Cm1);
        assert_eq!(spectrum.to_spectrum().unwrap().1, Vec::<String>::new());
    }

    #[test]
    fn other_units_kinds_and_ranges_are_refused_with_the_reason() {
        let good: Vec<f64> = (0..100).map(|i| 200.0 + 5.0 * f64::from(i)).collect();
        let with = |change: fn(&mut FileSpectrum)| {
            let mut spectrum = over(good.clone());
            change(&mut spectrum);
            refusal(&spectrum)
        };
        assert!(with(|s| s.x_unit = Some(XUnit::Nm)).contains("in nm"));
        assert!(with(|s| s.y_unit = Some(YUnit::Absorbance)).contains("absorbance"));
        assert!(with(|s| s.kind = SpectrumKind::Interferogram).contains("no sample"));
        assert!(
            with(|s| {
                s.technique = Some(Technique::AtrFtir);
                s.y_unit = Some(YUnit::Transmittance);
            })
            .contains("transmittance")
        );
        assert!(refusal(&over((0..500).map(f64::from).collect())).contains("pixels"));
        assert!(refusal(&over((0..500).map(|i| 12_000.0 + f64::from(i)).collect())).contains("no range"));
        assert!(refusal(&over((0..20).map(|i| 200.0 + 9.0 * f64::from(i)).collect())).contains("20 points"));
    }

    #[test]
    fn two_spectra_one_after_another_are_not_averaged() {
        let mut x: Vec<f64> = (0..100).map(|i| 200.0 + 5.0 * f64::from(i)).collect();
        x.extend(x.clone());
        assert!(refusal(&over(x)).contains("more than once"));
    }
}
