//! The standards: what their certificates say, read from a table that names its sources.

use serde::Deserialize;

use super::CalibrationError;
use crate::spectrum::shift_cm1;

const TABLE: &str = include_str!("../../../assets/calibration/standards.toml");

/// What a standard's lines are.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum StandardKind {
    /// Raman shifts: places on the shift axis.
    Raman,
    /// Emission lines of a lamp: wavelengths, whatever the laser.
    Lamp,
    /// One band whose width states the resolution.
    Resolution,
}

/// One line of a standard.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct StandardLine {
    /// Raman shift in cm-1, or wavelength in vacuum in nm for a lamp.
    pub position: f64,
    /// Relative intensity as the source gives it: a class of 1 to 5 for a Raman line.
    pub intensity: f64,
}

/// A material or lamp with known lines.
#[derive(Clone, Debug, PartialEq)]
pub struct Standard {
    /// Its name on the command line and in records.
    pub key: String,
    /// Name for people.
    pub name: String,
    /// Kind of its lines.
    pub kind: StandardKind,
    /// Where the values come from.
    pub citation: String,
    /// Lines, rising.
    pub lines: Vec<StandardLine>,
    /// Places of strong bands that are not certified, cm-1.
    pub other_bands_cm1: Vec<f64>,
}

/// A glass whose luminescence under one laser is certified.
#[derive(Clone, Debug, PartialEq)]
pub struct Luminescence {
    /// Its name on the command line and in records.
    pub key: String,
    /// Name for people.
    pub name: String,
    /// Where the values come from.
    pub citation: String,
    /// Laser of the certificate, nm.
    pub excitation_nm: f64,
    /// Range of the certificate, cm-1.
    pub range_cm1: (f64, f64),
    /// Temperatures of the certificate, deg C, where known.
    pub temperature_c: Option<(f64, f64)>,
    curve: Curve,
}

#[derive(Clone, Debug, PartialEq)]
enum Curve {
    Polynomial(Vec<f64>),
    LogNormal(LogNormal),
}

#[derive(Clone, Copy, Debug, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
struct LogNormal {
    height: f64,
    width_cm1: f64,
    rho: f64,
    centre_cm1: f64,
    slope: f64,
    offset: f64,
}

impl Luminescence {
    /// Certified relative intensity at a Raman shift; `None` outside the certificate's range.
    pub fn at(&self, shift_cm1: f64) -> Option<f64> {
        let (low, high) = self.range_cm1;
        if !(low..=high).contains(&shift_cm1) {
            return None;
        }
        let value = match &self.curve {
            Curve::Polynomial(coefficients) => coefficients.iter().rev().fold(0.0, |sum, c| sum * shift_cm1 + c),
            Curve::LogNormal(c) => {
                let inside = (shift_cm1 - c.centre_cm1) * (c.rho * c.rho - 1.0) / (c.width_cm1 * c.rho) + 1.0;
                let exponent = std::f64::consts::LN_2 / c.rho.ln().powi(2) * inside.max(f64::MIN_POSITIVE).ln().powi(2);
                c.height * (-exponent).exp() + c.slope * shift_cm1 + c.offset
            }
        };
        (value.is_finite() && value > 0.0).then_some(value)
    }
}

/// All standards.
#[derive(Clone, Debug, PartialEq)]
pub struct Standards {
    /// With lines.
    pub lines: Vec<Standard>,
    /// With a luminescence curve.
    pub luminescence: Vec<Luminescence>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Table {
    source: Vec<SourceRow>,
    standard: Vec<StandardRow>,
    luminescence: Vec<LuminescenceRow>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct SourceRow {
    key: String,
    citation: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct StandardRow {
    key: String,
    name: String,
    kind: StandardKind,
    source: String,
    lines: Vec<(f64, f64)>,
    #[serde(default)]
    other_bands: Vec<f64>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct LuminescenceRow {
    key: String,
    name: String,
    source: String,
    excitation_nm: f64,
    range_cm1: (f64, f64),
    temperature_c: Option<(f64, f64)>,
    polynomial: Option<Vec<f64>>,
    log_normal: Option<LogNormal>,
}

impl Standards {
    /// The standards that the program knows.
    pub fn bundled() -> Result<Self, CalibrationError> {
        let table: Table = toml::from_str(TABLE).map_err(|e| CalibrationError::Table(e.to_string()))?;
        let citation = |key: &str| {
            let row = table.source.iter().find(|row| row.key == key);
            row.map(|row| row.citation.clone())
                .ok_or_else(|| CalibrationError::Table(format!("the source '{key}' is missing")))
        };
        let lines = table.standard.iter().map(|row| {
            let position = |x| if row.kind == StandardKind::Lamp { vacuum_from_air_nm(x) } else { x };
            let lines: Vec<StandardLine> = row
                .lines
                .iter()
                .map(|(x, intensity)| StandardLine { position: position(*x), intensity: *intensity })
                .collect();
            if lines.is_empty() || lines.windows(2).any(|w| matches!(w, [a, b] if b.position <= a.position)) {
                return Err(CalibrationError::Table(format!("the lines of {} do not rise", row.key)));
            }
            let (key, name) = (row.key.clone(), row.name.clone());
            let other_bands_cm1 = row.other_bands.clone();
            Ok(Standard { key, name, kind: row.kind, citation: citation(&row.source)?, lines, other_bands_cm1 })
        });
        let lines = lines.collect::<Result<_, _>>()?;
        let luminescence = table.luminescence.iter().map(|row| {
            let curve = match (&row.polynomial, row.log_normal) {
                (Some(coefficients), None) => Curve::Polynomial(coefficients.clone()),
                (None, Some(curve)) => Curve::LogNormal(curve),
                _ => return Err(CalibrationError::Table(format!("{} has no curve or two", row.key))),
            };
            Ok(Luminescence {
                key: row.key.clone(),
                name: row.name.clone(),
                citation: citation(&row.source)?,
                excitation_nm: row.excitation_nm,
                range_cm1: row.range_cm1,
                temperature_c: row.temperature_c,
                curve,
            })
        });
        let luminescence = luminescence.collect::<Result<_, _>>()?;
        Ok(Self { lines, luminescence })
    }

    /// Every key, for the sentence of a refusal.
    pub fn keys(&self) -> String {
        let lines = self.lines.iter().map(|s| s.key.as_str());
        lines.chain(self.luminescence.iter().map(|s| s.key.as_str())).collect::<Vec<_>>().join(", ")
    }

    /// The standard with lines that has this key.
    pub fn with_lines(&self, key: &str) -> Result<&Standard, CalibrationError> {
        self.lines
            .iter()
            .find(|s| s.key.eq_ignore_ascii_case(key))
            .ok_or_else(|| CalibrationError::UnknownStandard { name: key.to_owned(), known: self.keys() })
    }

    /// The glass that has this key.
    pub fn glass(&self, key: &str) -> Result<&Luminescence, CalibrationError> {
        self.luminescence
            .iter()
            .find(|s| s.key.eq_ignore_ascii_case(key))
            .ok_or_else(|| CalibrationError::UnknownStandard { name: key.to_owned(), known: self.keys() })
    }
}

impl Standard {
    /// Raman shift at which a line stands on an axis that was computed with `excitation_nm`, cm-1.
    pub fn shift_of(&self, line: StandardLine, excitation_nm: f64) -> f64 {
        match self.kind {
            StandardKind::Lamp => shift_cm1(excitation_nm, line.position),
            StandardKind::Raman | StandardKind::Resolution => line.position,
        }
    }
}

/// Wavelength in vacuum of a wavelength in standard air (15 deg C, 1013.25 hPa), nm: Ciddor (1996), Applied Optics 35:1566,
/// equation 1. Raman shifts are differences of wavenumbers in vacuum.
fn vacuum_from_air_nm(air_nm: f64) -> f64 {
    let index = |vacuum_nm: f64| {
        let squared = (1e3 / vacuum_nm).powi(2);
        1.0 + 1e-8 * (5_792_105.0 / (238.018_5 - squared) + 167_917.0 / (57.362 - squared))
    };
    // The index changes so slowly that one repetition is exact to 1e-9 nm.
    air_nm * index(air_nm * index(air_nm))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_standard_of_the_table_can_be_used_and_names_its_source() {
        let standards = Standards::bundled().unwrap();
        let polystyrene = standards.with_lines("Polystyrene").unwrap();
        assert_eq!(polystyrene.lines.len(), 11);
        assert!(polystyrene.lines.iter().any(|l| (l.position, l.intensity) == (1_001.4, 5.0)));
        for standard in &standards.lines {
            assert!(standard.citation.len() > 40, "{}", standard.key);
            assert!(standard.lines.iter().all(|l| l.position > 0.0 && l.intensity > 0.0), "{}", standard.key);
        }
        assert!(matches!(standards.with_lines("talc"), Err(CalibrationError::UnknownStandard { .. })));
    }

    #[test]
    fn certified_luminescence_is_positive_in_its_range_and_unknown_outside() {
        let standards = Standards::bundled().unwrap();
        assert_eq!(standards.luminescence.len(), 4);
        for glass in &standards.luminescence {
            let (low, high) = glass.range_cm1;
            let steps = (0..=100).map(|i| low + (high - low) * f64::from(i) / 100.0);
            let values: Vec<f64> = steps.map(|x| glass.at(x).unwrap_or_else(|| panic!("{} {x}", glass.key))).collect();
            let highest = values.iter().copied().fold(0.0, f64::max);
            // The certificates give intensities relative to a maximum near 1.
            assert!((0.9..1.1).contains(&highest), "{}: {highest}", glass.key);
            assert_eq!((glass.at(low - 1.0), glass.at(high + 1.0)), (None, None), "{}", glass.key);
        }
    }

    #[test]
    fn air_wavelengths_become_those_of_vacuum() {
        // NIST gives Ne I at 640.2248 nm in air and 640.4018 nm in vacuum.
        assert!((vacuum_from_air_nm(640.2248) - 640.4018).abs() < 2e-4, "{}", vacuum_from_air_nm(640.2248));
    }
}
