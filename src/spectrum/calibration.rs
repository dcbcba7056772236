//! What a calibration does to a spectrum: it moves the axis and levels the response. Kept with every scan that it was
//! applied to, so that stored counts give the same spectrum again.

use serde::{Deserialize, Serialize};

use super::{Spectrum, SpectrumError};

/// Correction of an axis that an instrument reports.
///
/// `wavelength = reported + offset(u)`, with `u = -1..=1` over the domain and `offset` a sum of Legendre polynomials (up to
/// the third order), then `shift = 1e7 / laser - 1e7 / wavelength` with the corrected laser. Outside the domain the
/// correction of its end holds, in cm-1: a polynomial says nothing there.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct AxisCorrection {
    /// Reported wavelengths between which the polynomial holds, nm.
    pub domain_nm: (f64, f64),
    /// Coefficients of the Legendre polynomials P0 to P3, nm.
    pub offset_nm: [f64; 4],
    /// Laser wavelength under which the reported axis was computed, nm.
    pub reported_excitation_nm: f64,
    /// Laser wavelength as it is, nm.
    pub excitation_nm: f64,
}

impl AxisCorrection {
    /// The correction that changes nothing on an axis between two Raman shifts.
    pub fn none(excitation_nm: f64, range_cm1: (f64, f64)) -> Self {
        let domain_nm = (wavelength_nm(excitation_nm, range_cm1.0), wavelength_nm(excitation_nm, range_cm1.1));
        Self { domain_nm, offset_nm: [0.0; 4], reported_excitation_nm: excitation_nm, excitation_nm }
    }

    /// Place of a reported wavelength in the domain, -1..=1 inside it.
    pub fn place(&self, reported_nm: f64) -> f64 {
        let (low, high) = self.domain_nm;
        if high > low { (2.0 * reported_nm - low - high) / (high - low) } else { 0.0 }
    }

    /// The wavelength that falls where `reported_nm` is reported, nm, for a wavelength of the domain.
    pub fn corrected_wavelength_nm(&self, reported_nm: f64) -> f64 {
        let basis = legendre(self.place(reported_nm));
        reported_nm + self.offset_nm.iter().zip(basis).map(|(c, b)| c * b).sum::<f64>()
    }

    /// The Raman shift that falls where `reported_cm1` is reported, cm-1.
    pub fn corrected_shift_cm1(&self, reported_cm1: f64) -> f64 {
        let reported_nm = wavelength_nm(self.reported_excitation_nm, reported_cm1);
        let (low, high) = self.domain_nm;
        // Not `clamp`, which panics where a stored domain is upside down.
        let inside_nm = reported_nm.max(low).min(high);
        let beyond_cm1 = reported_cm1 - shift_cm1(self.reported_excitation_nm, inside_nm);
        shift_cm1(self.excitation_nm, self.corrected_wavelength_nm(inside_nm)) + beyond_cm1
    }
}

/// Relative response of an instrument: a spectrum is divided by it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ResponseCurve {
    /// Corrected Raman shifts of the knots, cm-1, strictly rising.
    pub shift_cm1: Vec<f64>,
    /// Response at the knots, above 0, 1 at its highest.
    pub response: Vec<f64>,
}

impl ResponseCurve {
    /// Range in which the response was measured, cm-1. Outside it the response of the nearest end is used.
    pub fn range_cm1(&self) -> (f64, f64) {
        (self.shift_cm1.first().copied().unwrap_or(0.0), self.shift_cm1.last().copied().unwrap_or(0.0))
    }

    /// The response at a Raman shift, linear between the knots; 1 where there are none.
    pub fn at(&self, shift_cm1: f64) -> f64 {
        let knots = || self.shift_cm1.iter().zip(&self.response);
        let after = self.shift_cm1.partition_point(|x| *x < shift_cm1);
        let value = match (after.checked_sub(1).and_then(|i| knots().nth(i)), knots().nth(after)) {
            (Some((x0, y0)), Some((x1, y1))) => y0 + (y1 - y0) * (shift_cm1 - x0) / (x1 - x0),
            (Some((_, end)), None) | (None, Some((_, end))) => *end,
            (None, None) => 1.0,
        };
        if value.is_finite() && value > 0.0 { value } else { 1.0 }
    }
}

/// The calibration of a kit as it is applied to a scan.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Correction {
    /// Which records it comes from, newest of each kind: `axis 2026-11-24T09:00:00Z polystyrene` ...
    pub sources: Vec<String>,
    /// Of the axis, where one was measured.
    pub axis: Option<AxisCorrection>,
    /// Of the intensities, where one was measured.
    pub response: Option<ResponseCurve>,
    /// Resolution as measured (full width at half maximum), cm-1.
    pub resolution_cm1: Option<f64>,
}

impl Correction {
    /// The spectrum on the corrected axis, divided by the response.
    pub fn apply(&self, spectrum: &Spectrum) -> Result<Spectrum, SpectrumError> {
        let axis: Vec<f64> = match &self.axis {
            Some(axis) => spectrum.axis_cm1().iter().map(|x| axis.corrected_shift_cm1(*x)).collect(),
            None => spectrum.axis_cm1().to_vec(),
        };
        let gain: Vec<f64> = axis.iter().map(|x| self.response.as_ref().map_or(1.0, |r| 1.0 / r.at(*x))).collect();
        let scaled = |values: &[f64]| values.iter().zip(&gain).map(|(y, g)| y * g).collect::<Vec<_>>();
        let mut out = Spectrum::new(spectrum.technique(), axis, scaled(spectrum.intensity()))?
            .with_saturated(spectrum.saturated().to_vec());
        if let Some(noise) = spectrum.noise_sd() {
            out = out.with_noise(scaled(noise))?;
        }
        Ok(match self.resolution_cm1.or(spectrum.resolution_cm1()) {
            Some(resolution) => out.with_resolution(resolution),
            None => out,
        })
    }
}

/// Raman shift of a wavelength, cm-1.
pub fn shift_cm1(excitation_nm: f64, wavelength_nm: f64) -> f64 {
    1e7 / excitation_nm - 1e7 / wavelength_nm
}

/// Wavelength of a Raman shift, nm.
pub fn wavelength_nm(excitation_nm: f64, shift_cm1: f64) -> f64 {
    1e7 / (1e7 / excitation_nm - shift_cm1)
}

/// Legendre polynomials P0 to P3.
pub fn legendre(u: f64) -> [f64; 4] {
    [1.0, u, 1.5 * u * u - 0.5, (2.5 * u * u - 1.5) * u]
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::spectrum::Technique;

    #[test]
    fn a_correction_without_offset_changes_nothing_inside_and_outside_its_domain() {
        let none = AxisCorrection::none(785.0, (200.0, 2_300.0));
        for x in [-100.0, 200.0, 1_001.4, 2_300.0, 3_500.0] {
            assert!((none.corrected_shift_cm1(x) - x).abs() < 1e-8, "{x}");
        }
    }

    #[test]
    fn a_wrong_laser_moves_every_shift_by_the_same_wavenumbers() {
        let axis = AxisCorrection { excitation_nm: 785.1, ..AxisCorrection::none(785.0, (200.0, 2_300.0)) };
        let moved = 1e7 / 785.1 - 1e7 / 785.0;
        for x in [0.0, 500.0, 1_500.0, 3_000.0] {
            assert!((axis.corrected_shift_cm1(x) - x - moved).abs() < 1e-8, "{x}");
        }
    }

    #[test]
    fn beyond_the_domain_the_correction_of_its_end_holds() {
        let mut axis = AxisCorrection::none(785.0, (200.0, 2_300.0));
        axis.offset_nm = [0.1, -0.2, 0.1, 0.3];
        let moved = |x: f64| axis.corrected_shift_cm1(x) - x;
        assert!((moved(100.0) - moved(200.0)).abs() < 1e-8);
        assert!((moved(3_000.0) - moved(2_300.0)).abs() < 1e-8);
    }

    #[test]
    fn intensities_and_their_noise_are_divided_by_the_response() {
        let axis: Vec<f64> = (0..100).map(|i| 200.0 + 10.0 * f64::from(i)).collect();
        let spectrum = Spectrum::new(Technique::Raman, axis, vec![10.0; 100]).unwrap();
        let spectrum = spectrum.with_noise(vec![1.0; 100]).unwrap().with_saturated(vec![3]);
        let response = ResponseCurve { shift_cm1: vec![400.0, 800.0], response: vec![1.0, 0.5] };
        let correction = Correction { response: Some(response), resolution_cm1: Some(7.5), ..Correction::default() };
        let out = correction.apply(&spectrum).unwrap();
        let at = |x: usize| (out.intensity()[x], out.noise_sd().unwrap()[x]);
        assert_eq!((at(0), at(99)), ((10.0, 1.0), (20.0, 2.0)));
        assert!((at(40).0 - 10.0 / 0.75).abs() < 1e-9, "600 cm-1: {:?}", at(40));
        assert_eq!((out.saturated(), out.resolution_cm1()), (&[3_usize][..], Some(7.5)));
        let broken = ResponseCurve { shift_cm1: vec![1.0], response: vec![0.0] };
        assert!((broken.at(5.0) - 1.0).abs() < 1e-12, "a stored zero must not divide");
    }

    #[test]
    fn a_correction_that_folds_the_axis_is_refused() {
        let axis: Vec<f64> = (0..100).map(|i| 200.0 + 10.0 * f64::from(i)).collect();
        let spectrum = Spectrum::new(Technique::Raman, axis, vec![10.0; 100]).unwrap();
        let mut folded = AxisCorrection::none(785.0, (200.0, 1_200.0));
        folded.offset_nm = [0.0, -60.0, 0.0, 0.0];
        let correction = Correction { axis: Some(folded), ..Correction::default() };
        assert!(correction.apply(&spectrum).is_err());
    }
}
