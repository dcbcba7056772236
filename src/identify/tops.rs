//! The bands that an eye would mark: local tops that rise out of their surroundings.

use crate::signal::SavitzkyGolay;

/// A band top.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Top {
    /// Position, cm-1.
    pub at_cm1: f64,
    /// Height above zero, in units of the curve.
    pub height: f64,
    /// Height above the higher of the two saddles beside it.
    pub prominence: f64,
}

/// Window of the derivative, points.
const WINDOW: usize = 5;

/// Tops of a curve on a uniform axis that starts at `start_cm1`: zero crossings of the Savitzky-Golay first derivative
/// from rising to falling, placed between points by linear interpolation of the derivative.
pub(super) fn tops(curve: &[f64], start_cm1: f64, step_cm1: f64) -> Vec<Top> {
    let Ok(filter) = SavitzkyGolay::new(WINDOW, 2, 1, 1.0) else { return Vec::new() };
    if curve.len() < WINDOW {
        return Vec::new();
    }
    let slope = filter.apply(curve);
    let mut found: Vec<(usize, f64)> = Vec::new();
    for (i, pair) in slope.windows(2).enumerate() {
        if pair[0] > 0.0 && pair[1] <= 0.0 {
            found.push((i, i as f64 + pair[0] / (pair[0] - pair[1])));
        }
    }
    let lowest_between = |a: usize, b: usize| curve[a..=b].iter().copied().fold(f64::INFINITY, f64::min);
    let heights: Vec<f64> = found.iter().map(|(i, _)| curve[*i].max(curve[(i + 1).min(curve.len() - 1)])).collect();
    found
        .iter()
        .enumerate()
        .map(|(k, (i, at))| {
            let h = heights[k];
            // The saddle towards the next higher top on each side, or the end of the curve.
            let left_top = (0..k).rev().find(|j| heights[*j] > h).map_or(0, |j| found[j].0);
            let right_top = (k + 1..found.len()).find(|j| heights[*j] > h).map_or(curve.len() - 1, |j| found[j].0);
            let saddle = lowest_between(left_top, *i).max(lowest_between(*i, right_top));
            Top { at_cm1: start_cm1 + at * step_cm1, height: h, prominence: h - saddle }
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tops_are_placed_between_points_with_their_prominence() {
        let curve: Vec<f64> = (0..200)
            .map(|i| {
                let x = 300.0 + 2.0 * f64::from(i);
                let band = |at: f64, h: f64| h * (-((x - at) / 6.0f64).powi(2)).exp();
                band(400.7, 1.0) + band(417.0, 0.5) + band(600.0, 0.2)
            })
            .collect();
        let found = tops(&curve, 300.0, 2.0);
        assert_eq!(found.len(), 3, "{found:?}");
        for (top, at) in found.iter().zip([400.7, 417.0, 600.0]) {
            assert!((top.at_cm1 - at).abs() < 0.6, "{top:?}");
        }
        assert!((found[0].prominence - 1.0).abs() < 0.05);
        assert!(found[1].prominence < 0.45);
    }
}
