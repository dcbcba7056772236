//! Replicates of one reference: do they agree, which stands out, and what is their mean?

use thiserror::Error;

use crate::signal::{Prepared, prepare};
use crate::spectrum::{Spectrum, SpectrumError};

/// Fewest replicates of a reference.
pub const REPLICATES_MIN: usize = 3;
/// Correlation with the mean of the others under which a replicate is left out. Two scans of one pure powder on one unit
/// reach 0.99 and more; 0.95 leaves room for weak scatterers.
const OUTLIER_UNDER: f64 = 0.95;

/// Why there is no mean.
#[derive(Clone, Debug, PartialEq, Error)]
#[non_exhaustive]
pub enum ReplicateError {
    /// Too few.
    #[error("there are {0} replicates; at least {REPLICATES_MIN} of them are needed, each of a newly placed sample")]
    TooFew(usize),
    /// Too few that agree.
    #[error(
        "only {0} replicates agree with each other, and {REPLICATES_MIN} must; look at the sample and measure again"
    )]
    Disagree(usize),
    /// Of several techniques or without a common range.
    #[error("the replicates have no common range or are of several techniques; measure them alike")]
    NotAlike,
    /// The mean is no spectrum.
    #[error(transparent)]
    Spectrum(#[from] SpectrumError),
}

/// The mean and what it is of.
#[derive(Clone, Debug, PartialEq)]
pub struct Replicates {
    /// Correlation of each replicate with the mean of the others, in the order given.
    pub correlation: Vec<f64>,
    /// Which were left out.
    pub outlier: Vec<bool>,
    /// Mean of the others on the axis of the first of them, each scaled to the same area, with the standard error of every
    /// point as its noise.
    pub mean: Spectrum,
}

/// Compares replicates after conditioning and averages those that agree.
pub fn average(spectra: &[Spectrum]) -> Result<Replicates, ReplicateError> {
    if spectra.len() < REPLICATES_MIN {
        return Err(ReplicateError::TooFew(spectra.len()));
    }
    let prepared: Vec<_> = spectra.iter().map(prepare).collect();
    let first = prepared.iter().map(Prepared::first).max().unwrap_or(0);
    let end = prepared.iter().map(|p| p.first() + p.signal().len()).min().unwrap_or(0);
    let technique = spectra.first().map(Spectrum::technique);
    if end < first + 50 || spectra.iter().any(|s| Some(s.technique()) != technique) {
        return Err(ReplicateError::NotAlike);
    }
    let rows: Vec<&[f64]> =
        prepared.iter().map(|p| p.signal().get(first - p.first()..end - p.first()).unwrap_or_default()).collect();
    let correlation: Vec<f64> = (0..rows.len())
        .map(|i| {
            let others: Vec<&&[f64]> = rows.iter().enumerate().filter(|(k, _)| *k != i).map(|(_, r)| r).collect();
            // The median of the others: one bad replicate must not make the good ones look bad.
            let middle: Vec<f64> = (0..end - first)
                .map(|at| {
                    let mut values: Vec<f64> = others.iter().filter_map(|r| r.get(at)).copied().collect();
                    values.sort_by(f64::total_cmp);
                    values.get(values.len() / 2).copied().unwrap_or(0.0)
                })
                .collect();
            rows.get(i).map_or(0.0, |row| cosine(row, &middle))
        })
        .collect();
    let outlier: Vec<bool> = correlation.iter().map(|c| *c < OUTLIER_UNDER).collect();
    let kept: Vec<&Spectrum> = spectra.iter().zip(&outlier).filter(|(_, out)| !**out).map(|(s, _)| s).collect();
    if kept.len() < REPLICATES_MIN {
        return Err(ReplicateError::Disagree(kept.len()));
    }
    Ok(Replicates { mean: mean(&kept)?, correlation, outlier })
}

fn cosine(a: &[f64], b: &[f64]) -> f64 {
    let dot = |x: &[f64], y: &[f64]| x.iter().zip(y).map(|(p, q)| p * q).sum::<f64>();
    let scale = (dot(a, a) * dot(b, b)).sqrt();
    if scale > 0.0 { (dot(a, b) / scale).clamp(-1.0, 1.0) } else { 0.0 }
}

/// The mean of spectra that agree, on the axis of the first of them, each scaled to the same area, with the standard error of
/// every point as its noise. Nothing is compared; [`average`] does that.
pub fn mean(kept: &[&Spectrum]) -> Result<Spectrum, ReplicateError> {
    if kept.len() < 2 {
        return Err(ReplicateError::TooFew(kept.len()));
    }
    let first = kept.first().ok_or(ReplicateError::TooFew(0))?;
    let low = kept.iter().map(|s| s.range_cm1().0).fold(f64::NEG_INFINITY, f64::max);
    let high = kept.iter().map(|s| s.range_cm1().1).fold(f64::INFINITY, f64::min);
    let axis: Vec<f64> = first.axis_cm1().iter().copied().filter(|x| (low..=high).contains(x)).collect();
    let rows: Vec<Vec<f64>> = kept.iter().map(|s| axis.iter().map(|x| at(s, *x)).collect()).collect();
    let total = |row: &[f64]| row.iter().sum::<f64>();
    let target = rows.iter().map(|r| total(r)).sum::<f64>() / rows.len() as f64;
    let rows: Vec<Vec<f64>> = rows
        .into_iter()
        .map(|row| {
            let own = total(&row);
            let scale = if own > 0.0 && target > 0.0 { target / own } else { 1.0 };
            row.into_iter().map(|v| v * scale).collect()
        })
        .collect();
    let n = rows.len() as f64;
    let (mut values, mut noise) = (Vec::with_capacity(axis.len()), Vec::with_capacity(axis.len()));
    for i in 0..axis.len() {
        let column: Vec<f64> = rows.iter().filter_map(|r| r.get(i)).copied().collect();
        let middle = column.iter().sum::<f64>() / n;
        let variance = column.iter().map(|v| (v - middle).powi(2)).sum::<f64>() / (n - 1.0);
        values.push(middle);
        noise.push((variance / n).sqrt());
    }
    let mean = Spectrum::new(first.technique(), axis, values)?.with_noise(noise)?;
    Ok(first.resolution_cm1().map_or(mean.clone(), |r| mean.with_resolution(r)))
}

/// Intensity between two points of the axis, on the line between them.
fn at(spectrum: &Spectrum, x: f64) -> f64 {
    let (axis, values) = (spectrum.axis_cm1(), spectrum.intensity());
    let i = axis.partition_point(|a| *a < x);
    let value = |i: usize| values.get(i).copied().unwrap_or(0.0);
    match (i.checked_sub(1).and_then(|k| axis.get(k)), axis.get(i)) {
        (Some(a), Some(b)) => value(i - 1) + (value(i) - value(i - 1)) * (x - a) / (b - a),
        (None, _) => value(0),
        (_, None) => value(axis.len().saturating_sub(1)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::spectrum::Technique;

    fn scan(seed: u64, at_cm1: f64) -> Spectrum {
        use rand::{RngExt as _, SeedableRng as _};
        let mut rng = rand_chacha::ChaCha8Rng::seed_from_u64(seed);
        let axis: Vec<f64> = (0..900).map(|i| 300.0 + 2.0 * f64::from(i)).collect();
        let band = |x: f64, c: f64| 1_000.0 * (-((x - c) / 6.0).powi(2)).exp();
        let values = axis
            .iter()
            .map(|x| band(*x, at_cm1) + band(*x, at_cm1 + 300.0) + 100.0 + rng.random_range(-5.0..5.0))
            .collect();
        Spectrum::new(Technique::Raman, axis, values).unwrap()
    }

    #[test]
    fn the_one_that_stands_out_is_flagged_and_left_out_of_the_mean() {
        let good: Vec<Spectrum> = (0..4).map(|s| scan(s, 800.0)).collect();
        let mut all = good.clone();
        all.insert(2, scan(9, 1_000.0));
        let found = average(&all).unwrap();
        assert_eq!(found.outlier, [false, false, true, false, false], "{:?}", found.correlation);
        assert_eq!(found.mean, average(&good).unwrap().mean);
        // Uniform noise of +-5 has a standard deviation of 2.9; of four the standard error is half of that.
        let noise = found.mean.noise_sd().unwrap();
        let typical = noise.iter().sum::<f64>() / noise.len() as f64;
        assert!((1.0..2.0).contains(&typical), "{typical}");
    }

    #[test]
    fn two_or_three_that_differ_give_no_mean() {
        assert_eq!(average(&[scan(1, 800.0), scan(2, 800.0)]), Err(ReplicateError::TooFew(2)));
        let error = average(&[scan(1, 800.0), scan(2, 1_000.0), scan(3, 1_400.0)]).unwrap_err();
        assert!(matches!(error, ReplicateError::Disagree(_)), "{error}");
    }
}
