//! Noise of each point, where the acquisition did not know it.

/// Median of values; zero for none.
pub(super) fn median(values: &mut [f64]) -> f64 {
    let n = values.len();
    if n == 0 {
        return 0.0;
    }
    let (_, upper, _) = values.select_nth_unstable_by(n / 2, f64::total_cmp);
    *upper
}

/// Standard deviation of white noise from the second difference: `MAD(y[i-1] - 2 y[i] + y[i+1]) / 0.6745 / sqrt(6)`.
/// Baselines vanish in the difference and bands are outliers that the median ignores.
pub fn noise_level(y: &[f64]) -> f64 {
    let mut differences: Vec<f64> = y.windows(3).map(|w| (w[0] - 2.0 * w[1] + w[2]).abs()).collect();
    median(&mut differences) / 0.674_5 / 6f64.sqrt()
}

/// Points of the windows in which [`noise_profile`] takes its medians.
const WINDOW: usize = 96;

/// Noise of each point: the level of half-overlapping windows, interpolated linearly between their centres. Never
/// below a tenth of the level of the whole spectrum, so that a flat stretch is not believed to be free of noise.
pub fn noise_profile(y: &[f64]) -> Vec<f64> {
    let n = y.len();
    let overall = noise_level(y);
    if n <= WINDOW {
        return vec![overall; n];
    }
    let steps = (n - WINDOW) / (WINDOW / 2) + 1;
    let knots: Vec<(f64, f64)> = (0..steps)
        .map(|k| {
            let first = k * (WINDOW / 2);
            let level = noise_level(&y[first..first + WINDOW]);
            ((first + WINDOW / 2) as f64, level.max(0.1 * overall))
        })
        .collect();
    (0..n)
        .map(|i| {
            let x = i as f64;
            let after = knots.partition_point(|k| k.0 < x);
            match (after.checked_sub(1).and_then(|b| knots.get(b)), knots.get(after)) {
                (Some(a), Some(b)) => a.1 + (b.1 - a.1) * (x - a.0) / (b.0 - a.0),
                (Some(only), None) | (None, Some(only)) => only.1,
                (None, None) => overall,
            }
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use rand::SeedableRng;
    use rand_distr::{Distribution, Normal};

    #[test]
    fn white_noise_under_a_slope_and_bands_is_measured_within_ten_percent() {
        let mut rng = rand_chacha::ChaCha8Rng::seed_from_u64(7);
        let normal = Normal::new(0.0, 4.0).unwrap();
        let y: Vec<f64> = (0..2000)
            .map(|i| {
                let x = f64::from(i);
                let bands: f64 = (1..9).map(|b| 800.0 / (1.0 + ((x - 220.0 * f64::from(b)) / 4.0).powi(2))).sum();
                1000.0 + 0.5 * x + bands + normal.sample(&mut rng)
            })
            .collect();
        assert!((noise_level(&y) / 4.0 - 1.0).abs() < 0.15, "{}", noise_level(&y));
    }

    #[test]
    fn noise_that_grows_along_the_axis_is_followed() {
        let mut rng = rand_chacha::ChaCha8Rng::seed_from_u64(8);
        let normal = Normal::new(0.0, 1.0).unwrap();
        let y: Vec<f64> = (0..2000).map(|i| normal.sample(&mut rng) * (1.0 + f64::from(i) / 500.0)).collect();
        let profile = noise_profile(&y);
        let mean = |r: std::ops::Range<usize>| profile[r.clone()].iter().sum::<f64>() / r.len() as f64;
        assert!((mean(0..200) / 1.2 - 1.0).abs() < 0.2);
        assert!((mean(1800..2000) / 4.8 - 1.0).abs() < 0.2);
    }
}
