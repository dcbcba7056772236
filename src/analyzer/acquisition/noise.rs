//! Noise of a readout over its counts, read from the exposures themselves.

use super::statistics::{mean, median};

/// Least variance of a readout, counts squared: that of rounding to whole counts.
const ROUNDING_VARIANCE: f64 = 1.0 / 12.0;
/// Groups of pixels of similar counts from which the model is read, and the fewest pixels of a group.
const LEVELS: usize = 16;
const LEVEL_PIXELS_MIN: usize = 24;
/// Pixels on each side over which a change between exposures is smooth: what bleaches or drifts is no noise.
const SMOOTH_OVER: usize = 12;

/// Variance of one light readout over its counts: `read + slope * counts`. The read noise (with the offset of the
/// counts in it) and the shot noise are fitted to what the exposures show, because the gain of the detector is not known
/// from the protocol. Noise of the dark current is shot noise of its counts.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct NoiseModel {
    read: f64,
    slope: f64,
}

impl NoiseModel {
    /// Reads the model from the counts of each pixel (one entry an exposure, brought to the same laser power), given the
    /// raw counts at which each pixel stands. Pixels at or above `saturation` show no noise and do not count.
    pub fn of(columns: &[Vec<f64>], levels: &[f64], saturation: f64) -> Self {
        let repeats = columns.first().map_or(0, Vec::len);
        let scatter = if repeats >= 2 { between_exposures(columns, repeats) } else { between_neighbours(columns) };
        let mut points: Vec<(f64, f64)> = levels
            .iter()
            .copied()
            .zip(scatter)
            .filter(|(level, variance)| *level < saturation && variance.is_finite())
            .collect();
        points.sort_by(|a, b| a.0.total_cmp(&b.0));
        let of_median = median_of_mean_square(repeats.saturating_sub(1).max(1));
        let group = points.len().div_ceil(LEVELS).max(LEVEL_PIXELS_MIN);
        let levels: Vec<(f64, f64)> = points
            .chunks(group)
            .map(|chunk| {
                let level = median(chunk.iter().map(|(level, _)| *level).collect());
                let variance = median(chunk.iter().map(|(_, variance)| *variance).collect()) / of_median;
                (level, variance.max(ROUNDING_VARIANCE))
            })
            .collect();
        Self::fit(&levels)
    }

    /// Least squares with the same relative error for every level; a slope below zero is noise of the fit.
    fn fit(levels: &[(f64, f64)]) -> Self {
        let weighted =
            |value: &dyn Fn(f64, f64) -> f64| levels.iter().map(|(x, v)| value(*x, *v) / (v * v)).sum::<f64>();
        let (w, x, v) = (weighted(&|_, _| 1.0), weighted(&|x, _| x), weighted(&|_, v| v));
        let (xx, xv) = (weighted(&|x, _| x * x), weighted(&|x, v| x * v));
        let determinant = w * xx - x * x;
        let slope = if determinant > 1e-9 * w * xx { ((w * xv - x * v) / determinant).max(0.0) } else { 0.0 };
        let read = if w > 0.0 { (v - slope * x) / w } else { ROUNDING_VARIANCE };
        Self { read, slope }
    }

    /// Variance of one light readout at these raw counts.
    pub fn variance(&self, counts: f64) -> f64 {
        (self.read + self.slope * counts).max(ROUNDING_VARIANCE)
    }
}

/// Variance of one readout as each pixel alone shows it between the exposures, after what changed smoothly along the
/// detector is taken off.
fn between_exposures(columns: &[Vec<f64>], repeats: usize) -> Vec<f64> {
    let means: Vec<f64> = columns.iter().map(|column| mean(column)).collect();
    let mut sums = vec![0.0; columns.len()];
    for k in 0..repeats {
        let difference: Vec<f64> =
            columns.iter().zip(&means).map(|(column, mean)| column.get(k).map_or(0.0, |y| y - mean)).collect();
        for (i, (sum, y)) in sums.iter_mut().zip(&difference).enumerate() {
            let from = i.saturating_sub(SMOOTH_OVER);
            let near = difference.iter().skip(from).take(i + SMOOTH_OVER + 1 - from).copied().collect();
            *sum += (y - median(near)).powi(2);
        }
    }
    // The median of 25 values has pi / 50 of their variance, and shares the middle one: 1 - 1/25 is left.
    let left = 1.0 - 1.0 / (2.0 * SMOOTH_OVER as f64 + 1.0);
    sums.into_iter().map(|sum| sum / (repeats - 1) as f64 / left).collect()
}

/// With a single exposure: against the two neighbours (a difference `a - 2b + c` has six times the variance).
fn between_neighbours(columns: &[Vec<f64>]) -> Vec<f64> {
    let values: Vec<f64> = columns.iter().map(|c| c.first().copied().unwrap_or(0.0)).collect();
    let mut out = vec![f64::NAN; values.len()];
    for (slot, window) in out.iter_mut().skip(1).zip(values.windows(3)) {
        if let [a, b, c] = window {
            *slot = (a - 2.0 * b + c).powi(2) / 6.0;
        }
    }
    out
}

/// Median of the mean square of `freedom` normal deviates of variance 1 (Wilson-Hilferty beyond the first, whose value
/// is exact).
fn median_of_mean_square(freedom: usize) -> f64 {
    if freedom == 1 {
        return 0.454_936;
    }
    (1.0 - 2.0 / (9.0 * freedom as f64)).powi(3)
}
