//! What is known of a detector, applied to counts: offset, nonlinearity, pixels that must not be used.

use crate::analyzer::DetectorFacts;

use super::statistics::{mean, median};

/// Pixels on each side with which the dark of a pixel is compared.
const NEIGHBOURS: usize = 8;
/// A pixel is hot when its dark is above its neighbours' by so many standard deviations and by this share of saturation.
const HOT_SIGMAS: f64 = 12.0;
const HOT_SHARE: f64 = 0.03;
/// A nonlinearity further from 1 than this is damaged data and not used.
const LINEARITY: (f64, f64) = (0.3, 3.0);
/// Most electric-dark pixels may be this share of the detector; more is damaged data.
const ELECTRIC_DARK_SHARE: f64 = 0.25;

/// Offset of a readout: the mean of the pixels without light and dark current, less cosmic rays. `None` where the detector
/// has no such pixels.
pub(super) fn electric_offset(counts: &[u32], facts: &DetectorFacts) -> Option<f64> {
    if facts.electric_dark_pixels.len() as f64 > ELECTRIC_DARK_SHARE * counts.len() as f64 {
        return None;
    }
    let values: Vec<f64> =
        facts.electric_dark_pixels.iter().filter_map(|p| counts.get(*p)).map(|c| f64::from(*c)).collect();
    let middle = median(values.clone());
    let spread = 1.483 * median(values.iter().map(|v| (v - middle).abs()).collect());
    let kept: Vec<f64> = values.into_iter().filter(|v| (v - middle).abs() <= 5.0 * spread.max(1.0)).collect();
    (!kept.is_empty()).then(|| mean(&kept))
}

/// Counts above the dark as a linear detector would have given them, and by what the noise grows.
pub(super) fn linear(counts_above_dark: f64, facts: &DetectorFacts) -> (f64, f64) {
    let coefficients = &facts.nonlinearity_coefficients;
    if coefficients.is_empty() {
        return (counts_above_dark, 1.0);
    }
    // Below the dark there is nothing to correct: the polynomial is meant for light.
    let divisor = coefficients.iter().rev().fold(0.0, |sum, c| sum * counts_above_dark.max(0.0) + c);
    if divisor.is_finite() && (LINEARITY.0..=LINEARITY.1).contains(&divisor) {
        (counts_above_dark / divisor, 1.0 / divisor)
    } else {
        (counts_above_dark, 1.0)
    }
}

/// Pixels whose dark is so far above their neighbours' that its noise hides the light.
pub(super) fn hot_pixels(dark: &[f64], dark_sd: impl Fn(f64) -> f64, saturation: f64) -> Vec<usize> {
    let near = |p: usize| {
        let from = p.saturating_sub(NEIGHBOURS);
        let around = dark.iter().enumerate().skip(from).take(p + NEIGHBOURS + 1 - from);
        median(around.filter(|(i, _)| *i != p).map(|(_, v)| *v).collect())
    };
    dark.iter()
        .enumerate()
        .filter(|(p, value)| {
            let level = near(*p);
            **value - level > (HOT_SIGMAS * dark_sd(level)).max(HOT_SHARE * saturation)
        })
        .map(|(p, _)| p)
        .collect()
}

/// Pixels that must not be used: those that the device names, those without light, hot ones. Rising, each once. Where
/// nearly all would go, the list itself is damaged and none goes.
pub(super) fn unusable(facts: &DetectorFacts, hot: &[usize], pixels: usize) -> Vec<usize> {
    let named = facts.bad_pixels.iter().chain(&facts.electric_dark_pixels).chain(hot);
    let mut all: Vec<usize> = named.copied().filter(|p| *p < pixels).collect();
    all.sort_unstable();
    all.dedup();
    if all.len() * 2 > pixels { Vec::new() } else { all }
}

/// Replaces the values of these pixels (rising) by a straight line between the usable ones beside them. At an end of the
/// detector the nearest usable value is taken.
pub(super) fn interpolate(values: &mut [f64], pixels: &[usize]) {
    for p in pixels {
        let usable = |i: &usize| pixels.binary_search(i).is_err();
        let left = (0..*p).rev().find(usable).and_then(|i| Some((i, *values.get(i)?)));
        let right = (p + 1..values.len()).find(usable).and_then(|i| Some((i, *values.get(i)?)));
        let new = match (left, right) {
            (Some((i, a)), Some((k, b))) => a + (b - a) * (p - i) as f64 / (k - i) as f64,
            (Some((_, only)), None) | (None, Some((_, only))) => only,
            (None, None) => continue,
        };
        if let Some(value) = values.get_mut(*p) {
            *value = new;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn unusable_pixels_lie_on_the_line_between_their_neighbours_also_in_a_row_and_at_the_ends() {
        let mut values = vec![9.0, 1.0, 2.0, 99.0, -99.0, 5.0, 6.0, 77.0];
        interpolate(&mut values, &[0, 3, 4, 7]);
        assert_eq!(values, [1.0, 1.0, 2.0, 3.0, 4.0, 5.0, 6.0, 6.0]);
    }

    #[test]
    fn a_list_that_names_most_pixels_is_not_believed() {
        let facts = DetectorFacts { bad_pixels: (0..600).collect(), ..DetectorFacts::default() };
        assert!(unusable(&facts, &[], 1_024).is_empty());
        let facts = DetectorFacts { bad_pixels: vec![7, 3, 7, 5_000], ..DetectorFacts::default() };
        assert_eq!(unusable(&facts, &[9], 1_024), [3, 7, 9]);
    }

    #[test]
    fn a_nonlinearity_is_divided_out_and_a_damaged_one_left_out() {
        let with = |c: Vec<f64>| DetectorFacts { nonlinearity_coefficients: c, ..DetectorFacts::default() };
        // A detector that loses 10 % at 10,000 counts: measured 9,000 of 10,000.
        let (value, growth) = linear(9_000.0, &with(vec![1.0, -1.111_111e-5]));
        assert!((value - 10_000.0).abs() < 1.0 && (growth - 1.111).abs() < 0.001, "{value} {growth}");
        assert_eq!(linear(9_000.0, &with(vec![0.0, 1e9])), (9_000.0, 1.0));
        assert_eq!(linear(9_000.0, &with(vec![f64::NAN])), (9_000.0, 1.0));
        assert_eq!(linear(-3.0, &with(vec![1.0, 0.1])), (-3.0, 1.0));
    }

    #[test]
    fn the_offset_comes_from_the_pixels_without_light_and_not_from_a_cosmic_ray_in_one() {
        let mut counts = vec![5_000_u32; 100];
        for (count, p) in counts.iter_mut().zip(0..8) {
            *count = 2_400 + p % 3;
        }
        counts[4] = 9_000;
        let facts = DetectorFacts { electric_dark_pixels: (0..8).collect(), ..DetectorFacts::default() };
        let offset = electric_offset(&counts, &facts).unwrap();
        assert!((2_400.0..2_402.0).contains(&offset), "{offset}");
        assert_eq!(electric_offset(&counts, &DetectorFacts::default()), None);
    }
}
