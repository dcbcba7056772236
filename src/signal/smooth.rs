//! Gaussian smoothing and the high-pass that takes the slow part of a spectrum away.

/// `y` smoothed by a Gaussian of standard deviation `sigma_points`, renormalised at the ends. A sigma of zero copies.
pub fn gaussian(y: &[f64], sigma_points: f64) -> Vec<f64> {
    if sigma_points.is_nan() || sigma_points <= 0.0 {
        return y.to_vec();
    }
    let reach = (4.0 * sigma_points).ceil() as usize;
    let kernel: Vec<f64> = (0..=reach).map(|i| (-0.5 * (i as f64 / sigma_points).powi(2)).exp()).collect();
    (0..y.len())
        .map(|i| {
            let (from, to) = (i.saturating_sub(reach), (i + reach).min(y.len() - 1));
            let (mut sum, mut norm) = (0.0, 0.0);
            for (j, v) in y.iter().enumerate().take(to + 1).skip(from) {
                let k = kernel[i.abs_diff(j)];
                sum += k * v;
                norm += k;
            }
            sum / norm
        })
        .collect()
}

/// `y` less its Gaussian average.
pub fn high_pass(y: &[f64], sigma_points: f64) -> Vec<f64> {
    gaussian(y, sigma_points).iter().zip(y).map(|(slow, v)| v - slow).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_constant_passes_the_smoother_and_not_the_high_pass() {
        let flat = vec![3.5; 64];
        assert!(gaussian(&flat, 5.0).iter().all(|v| (v - 3.5).abs() < 1e-12));
        assert!(high_pass(&flat, 5.0).iter().all(|v| v.abs() < 1e-12));
    }
}
