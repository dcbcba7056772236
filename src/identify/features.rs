//! The two transforms under which spectra are compared.
//!
//! * *Sharp*, for measured and literature references: square root of the intensity, minus its own Gaussian average
//!   (a high-pass of 40 cm-1), which is the best simple transform on real spectra across instruments.
//! * *Tolerant*, for calculated references: square root and a wider smoothing, without the high-pass, because calculated
//!   bands are off by several cm-1.

use crate::signal::{Prepared, gaussian_blur, wide_blur};

/// Standard deviation of the Gaussian that the high-pass subtracts, cm-1.
const HIGH_PASS_SIGMA_CM1: f64 = 40.0;
/// Intensity, relative to the strongest band, under which the square root turns linear, so that noise and tiny wiggles
/// are not blown up.
const SOFT_FLOOR: f64 = 0.01;
/// Smoothing of a measured query before it meets calculated bands, standard deviation in cm-1.
const TOLERANT_QUERY_SIGMA_CM1: f64 = 5.0;
/// Smoothing of calculated bands, standard deviation in cm-1.
const TOLERANT_REFERENCE_SIGMA_CM1: f64 = 3.0;
/// Width given to calculated sticks (Lorentzian, full width at half maximum), cm-1.
pub(super) const TOLERANT_WIDTH_CM1: f64 = 14.0;
/// Range in which calculated bands are worth comparing, cm-1: below it lattice and conformer modes, above it the
/// X-H stretches.
pub(super) const TOLERANT_RANGE_CM1: (f64, f64) = (300.0, 1850.0);

/// Square root that passes smoothly through zero: `sign(v) (sqrt(|v| + c) - sqrt(c))`.
fn soft_sqrt(v: f64, c: f64) -> f64 {
    v.signum() * ((v.abs() + c).sqrt() - c.sqrt())
}

fn high_pass(values: &[f64], step_cm1: f64) -> Vec<f64> {
    let smooth = wide_blur(values, HIGH_PASS_SIGMA_CM1 / step_cm1);
    values.iter().zip(smooth).map(|(v, s)| v - s).collect()
}

/// Sharp feature of a query, zero where it is not usable.
pub(super) fn sharp_query(query: &Prepared) -> Vec<f64> {
    let noise = query.noise_sd().iter().sum::<f64>() / query.noise_sd().len().max(1) as f64;
    let c = SOFT_FLOOR + 2.0 * noise.min(1.0);
    let root: Vec<f64> = query.signal().iter().map(|v| soft_sqrt(*v, c)).collect();
    let mut feature = high_pass(&root, query.grid().step_cm1());
    for (f, ok) in feature.iter_mut().zip(query.usable()) {
        if !ok {
            *f = 0.0;
        }
    }
    feature
}

/// Sharp feature of a reference whose strongest point is 1.
pub(super) fn sharp_reference(shape: &[f64], step_cm1: f64) -> Vec<f64> {
    let root: Vec<f64> = shape.iter().map(|v| soft_sqrt(*v, SOFT_FLOOR)).collect();
    high_pass(&root, step_cm1)
}

/// Tolerant feature of a query.
pub(super) fn tolerant_query(query: &Prepared) -> Vec<f64> {
    let step = query.grid().step_cm1();
    let smooth = gaussian_blur(query.signal(), TOLERANT_QUERY_SIGMA_CM1 / step);
    smooth.into_iter().map(|v| v.max(0.0).sqrt()).collect()
}

/// Tolerant feature of a calculated reference whose sticks were given [`TOLERANT_WIDTH_CM1`].
pub(super) fn tolerant_reference(shape: &[f64], step_cm1: f64) -> Vec<f64> {
    let smooth = gaussian_blur(shape, TOLERANT_REFERENCE_SIGMA_CM1 / step_cm1);
    smooth.into_iter().map(|v| v.max(0.0).sqrt()).collect()
}
