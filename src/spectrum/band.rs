//! One band of a reference spectrum.

use serde::{Deserialize, Serialize};

/// A pseudo-Voigt band: `height * (eta * L + (1 - eta) * G)`, both with the same full width at half maximum.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Band {
    /// Centre, cm-1.
    pub position_cm1: f64,
    /// Height at the centre, relative to the strongest band of the same reference (or any common scale).
    pub height: f64,
    /// Full width at half maximum as the instrument of the reference showed it, cm-1.
    pub fwhm_cm1: f64,
    /// Share of the Lorentzian, 0..=1.
    pub lorentz_fraction: f64,
}

impl Band {
    /// The band's value at `x_cm1`. The width must be positive; the library's loader refuses others.
    pub fn value_at(&self, x_cm1: f64) -> f64 {
        let u = 2.0 * (x_cm1 - self.position_cm1) / self.fwhm_cm1;
        let lorentz = 1.0 / (1.0 + u * u);
        // Beyond nine half widths the Gaussian is under 1e-24 of its height; the exponential is what costs the time.
        let gauss = if u.abs() < 9.0 { (-std::f64::consts::LN_2 * u * u).exp() } else { 0.0 };
        self.height * (self.lorentz_fraction * lorentz + (1.0 - self.lorentz_fraction) * gauss)
    }

    /// The same band seen through an instrument whose resolution is `extra_fwhm_cm1` worse: the Gaussian part of
    /// the width grows in quadrature, the area stays (height shrinks as the width grows).
    #[must_use]
    pub fn broadened(self, extra_fwhm_cm1: f64) -> Self {
        let fwhm_cm1 = self.fwhm_cm1.hypot(extra_fwhm_cm1);
        Self { fwhm_cm1, height: self.height * self.fwhm_cm1 / fwhm_cm1, ..self }
    }
}
