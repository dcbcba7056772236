//! The step from a spectrum as a file holds it to one that can be compared with references.

use serde::{Deserialize, Serialize};

use crate::spectrum::{Spectrum, Technique};

use super::{FileSpectrum, FileTechnique, FormatError, SpectrumKind, XUnit, YUnit};

/// Lowest and highest Raman shift that an instrument can show, cm-1; anti-Stokes shifts are negative.
const RAMAN_SHIFTS_CM1: (f64, f64) = (-4_500.0, 5_000.0);
/// Highest Raman shift of a file that says that it holds one: red light cannot lose more.
const HIGHEST_STATED_CM1: f64 = 16_000.0;
/// A near infrared spectrum reaches beyond this wavenumber, cm-1 (2,500 nm).
const NEAR_INFRARED_CM1: f64 = 4_000.0;
/// An axis that ends below this many cm-1 holds no band of a molecule.
const LOWEST_END_CM1: f64 = 200.0;
/// Lowest and highest wavenumber of infrared and near infrared instruments, cm-1.
const INFRARED_CM1: (f64, f64) = (10.0, 16_000.0);
/// A step back over this share of the axis means that a second spectrum begins.
const RESTART_SHARE: f64 = 0.2;
/// Transmittance and reflectance above this are percent: no sample lets through twice the light of the background.
const HIGHEST_SHARE: f64 = 2.0;
/// Transmittance below this is noise around zero: absorbance 4 is beyond the range of every instrument that we read.
const LOWEST_SHARE: f64 = 1e-4;
/// Nanometres in a centimetre.
const NM_PER_CM: f64 = 1e7;

/// How diffuse or total reflectance becomes something that is compared with absorbance. Neither is right for every
/// sample, so a person has to choose.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum ReflectanceAs {
    /// log10(1/R): for mirrors under a thin layer (transflection) and for weak absorption.
    Absorbance,
    /// (1-R)^2/(2R), Kubelka and Munk 1931: for thick scattering powders.
    KubelkaMunk,
}

/// What an operator states where a file is silent. What the file says is never overruled.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Choices {
    /// The technique.
    pub technique: Option<Technique>,
    /// The unit of the axis.
    pub x_unit: Option<XUnit>,
    /// The unit of the ordinate.
    pub y_unit: Option<YUnit>,
    /// The laser's wavelength, nm.
    pub laser_nm: Option<f64>,
    /// How reflectance is converted.
    pub reflectance: Option<ReflectanceAs>,
}

/// A spectrum that can be compared, and what stands between it and the file.
#[derive(Clone, Debug, PartialEq)]
pub struct Comparable {
    /// The spectrum.
    pub spectrum: Spectrum,
    /// What nobody said and had to be supposed, as sentences.
    pub assumed: Vec<String>,
    /// What the file does not say and the operator stated, as sentences.
    pub stated: Vec<String>,
    /// What was computed from the stored numbers, as sentences.
    pub converted: Vec<String>,
}

/// What is collected on the way.
#[derive(Default)]
struct Remarks {
    assumed: Vec<String>,
    stated: Vec<String>,
    converted: Vec<String>,
}

impl FileSpectrum {
    /// [`FileSpectrum::comparable`] without anybody to ask: the spectrum, and what had to be supposed.
    pub fn to_spectrum(&self) -> Result<(Spectrum, Vec<String>), FormatError> {
        self.comparable(&Choices::default()).map(|comparable| (comparable.spectrum, comparable.assumed))
    }

    /// The spectrum that can be compared with references.
    ///
    /// Converts transmittance to absorbance and wavelengths to cm-1, sorts the axis, gives points of equal axis their
    /// mean. Refuses what is no sample, other techniques, ordinates for whose conversion a choice is missing, numbers
    /// that failed a check of their own file, and axes that cannot be what they should be.
    pub fn comparable(&self, choices: &Choices) -> Result<Comparable, FormatError> {
        if self.kind != SpectrumKind::Sample {
            let what = self.notes.first().map_or(String::new(), |note| format!(": {note}"));
            return refuse(format!("it is no sample ({}{what}); choose the sample's spectrum", self.kind.name()));
        }
        if self.is_peak_table {
            return refuse(
                "it is a list of peaks without the values between them; export the whole spectrum".to_owned(),
            );
        }
        if let Some(defect) = self.defects.first() {
            return refuse(format!("its numbers contradict a check in the file: {defect}; export it again"));
        }
        let mut remarks = Remarks::default();
        let technique = self.resolve_technique(choices, &mut remarks)?;
        let Sorted { axis, intensity, saturated } = self.sorted(technique, choices, &mut remarks)?;
        let (intensity, dark) = self.ordinate(technique, choices, intensity, &mut remarks)?;
        let saturated = if dark.is_empty() { saturated } else { [saturated, dark].concat() };
        let is_guess = !remarks.assumed.is_empty();
        check_range(technique, &axis, is_guess)?;
        let mut spectrum = Spectrum::new(technique, axis, intensity)?.with_saturated(saturated);
        if let Some(resolution_cm1) = self.resolution_cm1 {
            spectrum = spectrum.with_resolution(resolution_cm1);
        }
        let Remarks { assumed, stated, converted } = remarks;
        Ok(Comparable { spectrum, assumed, stated, converted })
    }

    fn resolve_technique(&self, choices: &Choices, remarks: &mut Remarks) -> Result<Technique, FormatError> {
        match (&self.technique, choices.technique) {
            (Some(FileTechnique::Other(words)), _) => {
                refuse(format!("the file says that it is '{words}'; only Raman and infrared spectra can be compared"))
            }
            // A file says Raman for SERS too: the substrate is not the instrument's knowledge.
            (Some(FileTechnique::Known(Technique::Raman)), Some(Technique::Sers)) => {
                remarks.stated.push("technique SERS".to_owned());
                Ok(Technique::Sers)
            }
            (Some(FileTechnique::Known(known)), Some(choice)) if *known != choice => {
                refuse(format!("the file says that its technique is {known}, not {choice}; leave the choice out"))
            }
            (Some(FileTechnique::Known(known)), _) => Ok(*known),
            (Some(FileTechnique::Infrared), Some(choice @ (Technique::Raman | Technique::Sers))) => {
                refuse(format!("the file says that its technique is infrared, not {choice}; leave the choice out"))
            }
            (_, Some(choice)) => {
                remarks.stated.push(format!("technique {choice}"));
                Ok(choice)
            }
            (Some(FileTechnique::Infrared), None) => {
                remarks.assumed.push(
                    "infrared, compared as measured in transmission: the file does not say that it is ATR".to_owned(),
                );
                Ok(Technique::IrTransmission)
            }
            (None, None) => {
                remarks.assumed.push("technique Raman: the file does not name one".to_owned());
                Ok(Technique::Raman)
            }
        }
    }

    /// The axis in cm-1 in the file's order.
    fn axis_cm1(
        &self,
        technique: Technique,
        choices: &Choices,
        remarks: &mut Remarks,
    ) -> Result<Vec<f64>, FormatError> {
        let is_raman = is_raman(technique);
        let wanted = if is_raman { "Raman shift" } else { "wavenumber" };
        let unit = match (&self.x_unit, &choices.x_unit) {
            (Some(unit), _) => unit,
            (None, Some(choice)) => {
                remarks.stated.push(format!("axis in {choice}"));
                choice
            }
            (None, None) if counts_pixels(&self.x) => {
                return refuse("its axis counts pixels; export it over the Raman shift in cm-1".to_owned());
            }
            (None, None) => {
                remarks.assumed.push("axis in cm-1: the file does not name its unit".to_owned());
                &XUnit::Cm1
            }
        };
        let nm_per_unit = match unit {
            XUnit::Cm1 => return Ok(self.x.to_vec()),
            XUnit::Nm => 1.0,
            XUnit::Micrometre => 1_000.0,
            XUnit::Pixel | XUnit::Other(_) => {
                return refuse(format!("its axis is given in {unit}; export it over the {wanted} in cm-1"));
            }
        };
        let laser_nm = match (is_raman, self.laser_nm, choices.laser_nm) {
            (false, ..) => None,
            (true, Some(laser_nm), _) => Some(laser_nm),
            (true, None, Some(laser_nm)) => {
                remarks.stated.push(format!("laser {laser_nm} nm"));
                Some(laser_nm)
            }
            (true, None, None) => {
                return refuse(format!(
                    "its axis is given in {unit} and the file does not state the laser's wavelength; export it over the {wanted} in cm-1"
                ));
            }
        };
        if self.x.iter().any(|x| *x <= 0.0) {
            return refuse(format!("its axis is given in {unit} and holds values that are no wavelengths"));
        }
        remarks.converted.push(match laser_nm {
            Some(laser_nm) => format!("Raman shift computed from the wavelength and the laser at {laser_nm} nm"),
            None => "wavenumber computed from the wavelength".to_owned(),
        });
        let wavenumber = |x: &f64| NM_PER_CM / (x * nm_per_unit);
        Ok(self.x.iter().map(|x| laser_nm.map_or(wavenumber(x), |laser| NM_PER_CM / laser - wavenumber(x))).collect())
    }

    /// Axis ascending, ordinate and saturated points in the same order.
    fn sorted(&self, technique: Technique, choices: &Choices, remarks: &mut Remarks) -> Result<Sorted, FormatError> {
        let axis = self.axis_cm1(technique, choices, remarks)?;
        if restarts(&axis) {
            return refuse(
                "its axis runs through its range more than once, as if several spectra followed each other; export each spectrum to a file of its own"
                    .to_owned(),
            );
        }
        let mut is_saturated = vec![false; axis.len()];
        for i in &self.saturated {
            if let Some(flag) = is_saturated.get_mut(*i) {
                *flag = true;
            }
        }
        let mut points: Vec<(f64, f64, bool)> =
            axis.iter().zip(&self.y).zip(is_saturated).map(|((x, y), s)| (*x, *y, s)).collect();
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

    /// The ordinate as the engine compares it, and the points at which no light was left.
    fn ordinate(
        &self,
        technique: Technique,
        choices: &Choices,
        values: Vec<f64>,
        remarks: &mut Remarks,
    ) -> Result<(Vec<f64>, Vec<usize>), FormatError> {
        let unit = self.y_unit.as_ref().or_else(|| {
            let choice = choices.y_unit.as_ref()?;
            remarks.stated.push(format!("ordinate in {choice}"));
            Some(choice)
        });
        let is_optical = matches!(
            unit,
            Some(
                YUnit::Absorbance
                    | YUnit::Transmittance
                    | YUnit::TransmittancePercent
                    | YUnit::Reflectance
                    | YUnit::ReflectancePercent
                    | YUnit::KubelkaMunk
            )
        );
        match (is_raman(technique), unit) {
            (true, Some(unit)) if is_optical => refuse(format!(
                "its ordinate is {unit}, so it is no Raman spectrum; state the technique that it belongs to"
            )),
            (true, _) | (false, Some(YUnit::Absorbance | YUnit::KubelkaMunk)) => Ok((values, Vec::new())),
            (false, Some(YUnit::Transmittance | YUnit::TransmittancePercent)) => {
                let share = share_of_one(unit, choices.y_unit.as_ref(), values, remarks);
                remarks.converted.push("absorbance computed from transmittance".to_owned());
                Ok(absorbance(&share))
            }
            (false, Some(YUnit::Reflectance | YUnit::ReflectancePercent)) => {
                let Some(conversion) = choices.reflectance else {
                    return refuse(
                        "its ordinate is reflectance, and its conversion depends on the sample: choose absorbance for a thin layer on a mirror or Kubelka-Munk for a thick powder, or export it as absorbance"
                            .to_owned(),
                    );
                };
                let share = share_of_one(unit, choices.y_unit.as_ref(), values, remarks);
                Ok(match conversion {
                    ReflectanceAs::Absorbance => {
                        remarks.converted.push("log10(1/R) computed from reflectance".to_owned());
                        absorbance(&share)
                    }
                    ReflectanceAs::KubelkaMunk => {
                        remarks.converted.push("Kubelka-Munk units computed from reflectance".to_owned());
                        let dark = dark(&share);
                        let munk = |r: &f64| (1.0 - r.max(LOWEST_SHARE)).powi(2) / (2.0 * r.max(LOWEST_SHARE));
                        (share.iter().map(munk).collect(), dark)
                    }
                })
            }
            (false, Some(other)) => refuse(format!(
                "its ordinate is {other}; an infrared spectrum is compared as absorbance: export it so"
            )),
            (false, None) => refuse(
                "the file does not say whether its ordinate is absorbance or transmittance; state it, or export it as absorbance with its unit"
                    .to_owned(),
            ),
        }
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

const fn is_raman(technique: Technique) -> bool {
    matches!(technique, Technique::Raman | Technique::Sers)
}

/// Transmittance or reflectance as share of one. The word alone does not tell percent from shares; the numbers do.
fn share_of_one(unit: Option<&YUnit>, choice: Option<&YUnit>, mut values: Vec<f64>, remarks: &mut Remarks) -> Vec<f64> {
    let highest = values.iter().copied().fold(f64::NEG_INFINITY, f64::max);
    let says_percent = |u: Option<&YUnit>| matches!(u, Some(YUnit::TransmittancePercent | YUnit::ReflectancePercent));
    // Where the file has only the word, the operator may say which of the two is meant.
    let chosen = choice.filter(|c| matches!(c, YUnit::Transmittance | YUnit::Reflectance) || says_percent(Some(c)));
    let is_stated = says_percent(unit) || chosen.is_some();
    let is_percent = says_percent(unit) || chosen.map_or(highest > HIGHEST_SHARE, |c| says_percent(Some(c)));
    if let Some(choice) = chosen.filter(|c| !says_percent(unit) && Some(*c) != unit) {
        remarks.stated.push(format!("ordinate in {choice}"));
    }
    if !is_stated {
        let scale = if is_percent { "in percent" } else { "as share of one" };
        remarks.assumed.push(format!("ordinate {scale}: its highest value is {highest}"));
    }
    if is_percent {
        for value in &mut values {
            *value /= 100.0;
        }
    }
    values
}

/// -log10 of shares; where no light is left the absorbance stops at the range of the instruments.
fn absorbance(share: &[f64]) -> (Vec<f64>, Vec<usize>) {
    (share.iter().map(|t| -t.max(LOWEST_SHARE).log10()).collect(), dark(share))
}

/// The points at which no light was left.
fn dark(share: &[f64]) -> Vec<usize> {
    share.iter().enumerate().filter(|(_, v)| **v < LOWEST_SHARE).map(|(i, _)| i).collect()
}

/// Where the file or the operator said what the axis is, only the impossible is refused; a guess must look right.
fn check_range(technique: Technique, axis: &[f64], is_guess: bool) -> Result<(), FormatError> {
    let (Some(first), Some(last)) = (axis.first(), axis.last()) else { return Ok(()) };
    if is_raman(technique) {
        let highest = if is_guess { RAMAN_SHIFTS_CM1.1 } else { HIGHEST_STATED_CM1 };
        if *first < RAMAN_SHIFTS_CM1.0 || *last > highest || *last < LOWEST_END_CM1 {
            return refuse(format!(
                "its axis runs from {first} to {last}, which is no range of Raman shifts in cm-1; export it over the Raman shift"
            ));
        }
    } else if technique == Technique::Nir && *last < NEAR_INFRARED_CM1 {
        return refuse(format!(
            "its axis ends at {last} cm-1, below the near infrared that the file or the operator states; state the technique that it belongs to"
        ));
    } else if *first < INFRARED_CM1.0 || *last > INFRARED_CM1.1 {
        return refuse(format!(
            "its axis runs from {first} to {last}, which is no range of infrared wavenumbers in cm-1; export it over the wavenumber"
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
mod tests;
