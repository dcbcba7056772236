//! How much of each of a few known materials: amplitudes against pure scans of the same session, on their own scale.

use crate::signal::{Prepared, SavitzkyGolay, prepare};
use crate::spectrum::Spectrum;

use super::linear::{Span, Whitening, non_negative};

/// A blend in terms of pure scans.
#[derive(Clone, Debug, PartialEq)]
pub struct Blend {
    /// Amplitude of each material: 1 means as much light as its pure scan gave.
    pub amplitudes: Vec<f64>,
    /// Amplitude over the sum of amplitudes, which allows for how strongly each material scatters.
    pub fractions: Vec<f64>,
}

/// Fits a scan by pure scans of the same session that were not normalised, with noise weights, a joint smooth
/// background and non-negativity. Each material may have several pure scans; their mean is its
/// column. None where a scan has no band or the ranges do not meet.
pub fn fit_blend(blend: &Spectrum, pure: &[Vec<Spectrum>]) -> Option<Blend> {
    let query = prepare(blend);
    let materials: Vec<Vec<Prepared>> = pure.iter().map(|scans| scans.iter().map(prepare).collect()).collect();
    let all = || materials.iter().flatten().chain([&query]);
    let first = all().map(Prepared::first).max()?;
    let end = all().map(|p| p.first() + p.signal().len()).min()?;
    if end < first + 100 || all().any(|p| p.quality().is_empty_scan()) || materials.iter().any(Vec::is_empty) {
        return None;
    }
    let value = |p: &Prepared, position: f64| -> f64 {
        let i = (position - p.first() as f64).max(0.0);
        let (cell, t) = (i.floor() as usize, i.fract());
        // With the baseline: what is smooth is fitted jointly, instead of being taken off each scan by itself.
        let whole = |i: usize| Some(p.signal().get(i)? + p.baseline().get(i)?);
        let a = whole(cell).unwrap_or(0.0);
        let b = whole(cell + 1).unwrap_or(a);
        p.unit() * (a + (b - a) * t)
    };
    let target: Vec<f64> = (first..end).map(|cell| value(&query, cell as f64)).collect();
    let sigmas: Vec<Option<f64>> = (first..end)
        .map(|cell| {
            let i = cell - query.first();
            let ok = query.usable().get(i).copied().unwrap_or(false);
            // Pure scans of the same session are no strangers: noise is the only error.
            ok.then_some(query.unit() * query.noise_sd().get(i)?)
        })
        .collect();
    let whitening = Whitening::new(&sigmas);
    let target = whitening.whiten(&target);
    let column = |scans: &[Prepared]| -> Vec<f64> {
        let mean = |cell: usize| scans.iter().map(|p| value(p, cell as f64)).sum::<f64>() / scans.len() as f64;
        (first..end).map(mean).collect()
    };
    // Bands move a little from scan to scan. The slope of each pure scan, free in sign, takes that up to first order.
    let pure: Vec<Vec<f64>> = materials.iter().map(|scans| column(scans)).collect();
    let slope = SavitzkyGolay::new(5, 3, 1, 1.0).ok()?;
    let mut nuisance: Vec<Vec<f64>> = Vec::new();
    for curve in &pure {
        nuisance.push(whitening.whiten(&slope.apply(curve)));
    }
    let span = Span::of(&nuisance.iter().map(Vec::as_slice).collect::<Vec<_>>());
    let target = span.outside(&target);
    let columns: Vec<Vec<f64>> = pure.iter().map(|c| span.outside(&whitening.whiten(c))).collect();
    let set: Vec<&[f64]> = columns.iter().map(Vec::as_slice).collect();
    let amplitudes = non_negative(&target, &set);
    let whole: f64 = amplitudes.iter().sum();
    (whole > 0.0).then(|| Blend { fractions: amplitudes.iter().map(|a| a / whole).collect(), amplitudes })
}
