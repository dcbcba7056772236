//! What must be known of a Wasatch unit beside its pixels: from its EEPROM, or from a file where that cannot be read.

use serde::{Deserialize, Serialize};
use thiserror::Error;

/// Largest calibration file that is read, bytes: thousands of units.
const FILE_MAX: usize = 4 << 20;
/// Wavelength coefficients that make a polynomial, and the most that the EEPROM has room for.
const COEFFICIENTS: std::ops::RangeInclusive<usize> = 2..=5;
/// Longest text.
const TEXT_MAX: usize = 64;

/// The calibration of one unit.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Calibration {
    /// Serial number.
    pub serial: String,
    /// Model.
    pub model: String,
    /// Wavelength polynomial, nm over the 0-based pixel, constant term first.
    pub wavelength_coefficients_nm: Vec<f64>,
    /// Laser wavelength, nm.
    pub excitation_nm: Option<f64>,
    /// The detector's name.
    pub detector: String,
    /// Pixels that must not be used, 0-based.
    pub bad_pixels: Vec<usize>,
    /// Polynomial over dark-subtracted counts by which they are divided to become linear, constant term first; empty
    /// where the unit needs none.
    pub linearity_coefficients: Vec<f64>,
    /// Shortest and longest integration time, ms.
    pub integration_ms: Option<(u32, u32)>,
    /// Resolution (full width at half maximum), cm-1.
    pub resolution_cm1: Option<f64>,
    /// Cooler of the detector; `None` where it has none.
    pub cooler: Option<CoolerCalibration>,
    /// The laser; `None` where it has none.
    pub laser: Option<LaserCalibration>,
    /// When the wavelengths were calibrated, as the maker wrote it.
    pub calibrated_on: String,
}

/// How the converter counts of a cooler become degrees.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CoolerCalibration {
    /// Setpoint in converter counts over deg C, constant term first.
    pub setpoint_counts_of_c: [f64; 3],
    /// deg C over counts of the temperature converter, constant term first.
    pub c_of_counts: [f64; 3],
    /// Coldest and warmest setpoint, deg C.
    pub range_c: (f64, f64),
    /// Setpoint with which the unit was calibrated, deg C.
    pub setpoint_c: f64,
}

/// What is known of the laser.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct LaserCalibration {
    /// Share of full power in percent over the power in mW, constant term first.
    pub percent_of_mw: [f64; 4],
    /// Least and greatest power, mW.
    pub power_mw: (f64, f64),
    /// Time from *on* to stable emission, s.
    pub warm_up_s: u8,
    /// Time after which the unit switches the laser off by itself, s; 0 is never.
    pub watchdog_s: u16,
}

impl LaserCalibration {
    /// Nothing is known of the laser.
    pub const UNKNOWN: Self = Self { percent_of_mw: [0.0; 4], power_mw: (0.0, 0.0), warm_up_s: 0, watchdog_s: 0 };
}

/// Why a calibration cannot be used.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum CalibrationError {
    /// Too large to be one.
    #[error("the calibration file has {0} bytes; a calibration file has at most {FILE_MAX}, choose the right file")]
    TooLarge(usize),
    /// No JSON of the right form.
    #[error("the calibration file cannot be read ({0}); correct it, docs/devices.md shows its form")]
    Json(String),
    /// Two entries claim one unit.
    #[error("the calibration file has two entries for serial number {0}; remove the wrong one")]
    Twice(String),
    /// The unit is not in it.
    #[error("the calibration file has no entry for serial number {0}; add the unit's calibration to the file")]
    NoSuchUnit(String),
    /// A value that cannot be right.
    #[error("the calibration of {serial} cannot be right ({why}); it is not used, have the unit calibrated again")]
    Implausible {
        /// Serial number as far as it could be read.
        serial: String,
        /// What is wrong.
        why: String,
    },
}

impl Calibration {
    /// Reads the calibration of the unit `serial` from a file: a JSON list of calibrations, one for each unit.
    pub fn from_json(bytes: &[u8], serial: &str) -> Result<Self, CalibrationError> {
        if bytes.len() > FILE_MAX {
            return Err(CalibrationError::TooLarge(bytes.len()));
        }
        let all: Vec<Self> = serde_json::from_slice(bytes).map_err(|e| CalibrationError::Json(e.to_string()))?;
        let mut of_unit = all.into_iter().filter(|c| c.serial == serial);
        let found = of_unit.next().ok_or_else(|| CalibrationError::NoSuchUnit(serial.to_owned()))?;
        if of_unit.next().is_some() {
            return Err(CalibrationError::Twice(serial.to_owned()));
        }
        found.checked()
    }

    /// The calibration itself when everything in it can be right.
    pub fn checked(self) -> Result<Self, CalibrationError> {
        match self.fault() {
            None => Ok(self),
            Some(why) => Err(CalibrationError::Implausible { serial: self.serial, why }),
        }
    }

    fn fault(&self) -> Option<String> {
        let numbers = |values: &[f64]| values.iter().all(|v| v.is_finite());
        let said = |wrong: bool, why: &str| wrong.then(|| why.to_owned());
        let texts = [&self.serial, &self.model, &self.detector, &self.calibrated_on];
        let laser = self.laser.unwrap_or_default();
        let (least_mw, most_mw) = laser.power_mw;
        said(
            self.serial.trim().is_empty(),
            "the serial number is empty; where the unit's memory has none, state the one on its label in the settings",
        )
        .or_else(|| said(texts.iter().any(|t| t.len() > TEXT_MAX), "a text is too long"))
        .or_else(|| said(!COEFFICIENTS.contains(&self.wavelength_coefficients_nm.len()), "no wavelengths"))
        .or_else(|| said(!numbers(&self.wavelength_coefficients_nm), "a wavelength coefficient is no number"))
        .or_else(|| {
            let wrong = self.excitation_nm.is_some_and(|nm| !(nm.is_finite() && (200.0..2_000.0).contains(&nm)));
            said(wrong, "the laser wavelength is no wavelength")
        })
        .or_else(|| said(!numbers(&self.linearity_coefficients), "a linearity coefficient is no number"))
        .or_else(|| {
            let wrong = self.integration_ms.is_some_and(|(least, most)| least == 0 || least > most);
            said(wrong, "the limits of the integration time contradict each other")
        })
        .or_else(|| {
            let wrong = self.resolution_cm1.is_some_and(|r| !(r.is_finite() && (0.1..500.0).contains(&r)));
            said(wrong, "the resolution is none")
        })
        .or_else(|| said(self.cooler.is_some_and(|c| !c.is_plausible()), "the cooler's curves are no curves"))
        .or_else(|| {
            let wrong = !(numbers(&laser.percent_of_mw) && least_mw >= 0.0 && least_mw <= most_mw);
            said(wrong || !most_mw.is_finite(), "the laser's powers contradict each other")
        })
    }
}

impl CoolerCalibration {
    fn is_plausible(&self) -> bool {
        let (coldest, warmest) = self.range_c;
        let all = self.setpoint_counts_of_c.iter().chain(&self.c_of_counts);
        all.chain([&coldest, &warmest]).all(|v| v.is_finite())
            && (-150.0..=100.0).contains(&coldest)
            && coldest < warmest
            && warmest <= 100.0
            && (coldest..=warmest).contains(&self.setpoint_c)
    }

    /// Counts that set a temperature, within the 12 bits of such converters.
    pub fn setpoint_counts(&self, temperature_c: f64) -> u16 {
        polynomial(&self.setpoint_counts_of_c, temperature_c).round().clamp(0.0, 4_095.0) as u16
    }

    /// Temperature that counts of the temperature converter mean, deg C.
    pub fn temperature_c(&self, counts: u16) -> f64 {
        polynomial(&self.c_of_counts, counts.into())
    }
}

/// Sum of `coefficients[i] * x^i`.
fn polynomial(coefficients: &[f64], x: f64) -> f64 {
    coefficients.iter().rev().fold(0.0, |sum, c| sum * x + c)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn unit(serial: &str) -> Calibration {
        Calibration {
            serial: serial.to_owned(),
            wavelength_coefficients_nm: vec![798.0, 0.15, -1e-6],
            excitation_nm: Some(785.2),
            ..Calibration::default()
        }
    }

    #[test]
    fn a_unit_is_found_by_its_serial_number_and_only_by_it() {
        let file = serde_json::to_vec(&[unit("WP-1"), unit("WP-2"), unit("WP-3"), unit("WP-3")]).unwrap();
        assert_eq!(Calibration::from_json(&file, "WP-2"), Ok(unit("WP-2")));
        assert_eq!(Calibration::from_json(&file, "WP-9"), Err(CalibrationError::NoSuchUnit("WP-9".to_owned())));
        assert_eq!(Calibration::from_json(&file, "WP-3"), Err(CalibrationError::Twice("WP-3".to_owned())));
    }

    #[test]
    fn a_short_file_written_by_hand_is_enough() {
        let file = br#"[{"serial": "WP-7", "wavelength_coefficients_nm": [798.0, 0.15], "excitation_nm": 785.0}]"#;
        let read = Calibration::from_json(file, "WP-7").unwrap();
        assert_eq!((read.wavelength_coefficients_nm.as_slice(), read.cooler), ([798.0, 0.15].as_slice(), None));
        let misspelt = br#"[{"serial": "WP-7", "wavelength": [798.0, 0.15]}]"#;
        assert!(matches!(Calibration::from_json(misspelt, "WP-7"), Err(CalibrationError::Json(_))));
    }

    #[test]
    fn values_that_cannot_be_right_are_refused() {
        let cooler = |range_c, setpoint_c| {
            let curves = [[3_000.0, -40.0, 0.0], [60.0, -0.02, 0.0]];
            let [setpoint_counts_of_c, c_of_counts] = curves;
            Some(CoolerCalibration { setpoint_counts_of_c, c_of_counts, range_c, setpoint_c })
        };
        let laser = LaserCalibration { power_mw: (100.0, 50.0), ..LaserCalibration::default() };
        let wrong = [
            unit(" "),
            Calibration { wavelength_coefficients_nm: vec![798.0], ..unit("a") },
            Calibration { wavelength_coefficients_nm: vec![798.0, f64::NAN], ..unit("a") },
            Calibration { excitation_nm: Some(0.0), ..unit("a") },
            Calibration { linearity_coefficients: vec![f64::INFINITY], ..unit("a") },
            Calibration { integration_ms: Some((100, 3)), ..unit("a") },
            Calibration { cooler: cooler((20.0, -20.0), 0.0), ..unit("a") },
            Calibration { cooler: cooler((-20.0, 20.0), 30.0), ..unit("a") },
            Calibration { laser: Some(laser), ..unit("a") },
            Calibration { model: "x".repeat(100), ..unit("a") },
        ];
        for calibration in wrong {
            let end = calibration.clone().checked();
            assert!(matches!(end, Err(CalibrationError::Implausible { .. })), "{calibration:?}");
        }
        let good = Calibration { cooler: cooler((-20.0, 20.0), -15.0), ..unit("a") };
        assert_eq!(good.clone().checked(), Ok(good));
    }
}
