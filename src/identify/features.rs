//! The form in which spectra are compared: square root of the band signal, high-passed, unit length.
//!
//! The square root steadies the variance and lets weak bands speak; the high-pass takes away what response curves and
//! backgrounds differ in. Together with a shift search this was the best simple score across instruments.

use crate::signal::{GRID_STEP_CM1, gaussian, high_pass};

/// Standard deviation of the high-pass, cm-1.
const HIGH_PASS_SIGMA_CM1: f64 = 40.0;
/// Standard deviation of the smoothing of both sides before a *computed* reference is compared, cm-1: its positions are
/// off by 7 cm-1 on average.
const COMPUTED_SIGMA_CM1: f64 = 5.0;

/// How a query is turned into features.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) enum Metric {
    /// For references with measured positions.
    Measured,
    /// For computed references: smoothed, wider shift search.
    Computed,
}

impl Metric {
    /// Largest axis shift that is searched, grid points.
    pub(super) const fn reach(self) -> usize {
        match self {
            Self::Measured => 2,
            Self::Computed => 4,
        }
    }
}

/// Features of a band signal on the search grid. `noise_sd` lifts the square root out of the noise.
pub(super) fn features(signal: &[f64], noise_sd: f64, metric: Metric) -> Vec<f64> {
    // Noise alone would be magnified by the square root near zero; what is under one sd of a smoothed point counts as zero.
    let smoothed = match metric {
        Metric::Measured => gaussian(signal, 0.8),
        Metric::Computed => gaussian(signal, COMPUTED_SIGMA_CM1 / GRID_STEP_CM1),
    };
    let roots: Vec<f64> = smoothed.iter().map(|v| (v - noise_sd).max(0.0).sqrt()).collect();
    high_pass(&roots, HIGH_PASS_SIGMA_CM1 / GRID_STEP_CM1)
}

/// Pearson correlation of `query` with `reference` moved by `shift` points, over the query points in `range`, and where
/// the moved reference exists. `None` where one of them is flat.
pub(super) fn correlation(query: &[f64], reference: &[f64], shift: isize, range: (usize, usize)) -> Option<f64> {
    let n = query.len().min(reference.len()) as isize;
    let from = (range.0 as isize).max(shift).max(0);
    let to = (range.1 as isize).min(n - 1).min(n - 1 + shift);
    if to - from < 50 {
        return None;
    }
    let q = &query[from as usize..=to as usize];
    let r = &reference[(from - shift) as usize..=(to - shift) as usize];
    let m = q.len() as f64;
    let (mut sq, mut sr, mut qq, mut rr, mut qr) = (0.0, 0.0, 0.0, 0.0, 0.0);
    for (a, b) in q.iter().zip(r) {
        sq += a;
        sr += b;
        qq += a * a;
        rr += b * b;
        qr += a * b;
    }
    let (vq, vr) = (qq - sq * sq / m, rr - sr * sr / m);
    (vq > 0.0 && vr > 0.0).then(|| (qr - sq * sr / m) / (vq * vr).sqrt())
}
