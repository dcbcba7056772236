//! Savitzky-Golay smoothing and derivatives, and the Gaussian blur.

use nalgebra::{DMatrix, DVector};
use thiserror::Error;

/// Why a Savitzky-Golay filter cannot be built.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum SmoothError {
    /// The window must be odd, wider than the order, and the derivative not above the order.
    #[error(
        "a window of {window} points, order {order} and derivative {derivative} do not go together; use an odd window wider than the order, and a derivative not above the order"
    )]
    Settings {
        /// Points in the window.
        window: usize,
        /// Order of the polynomial.
        order: usize,
        /// Derivative.
        derivative: usize,
    },
}

/// A Savitzky-Golay filter: each point is replaced by the value (or a derivative) of the polynomial that fits its
/// window best; at the ends the polynomial of the first and last whole window is evaluated off centre, so that a
/// polynomial of the filter's order passes unchanged everywhere (Savitzky and Golay 1964; ends as Gorry 1990).
#[derive(Clone, Debug, PartialEq)]
pub struct SavitzkyGolay {
    window: usize,
    /// Row `i`: weights that give the result at point `i` of the window.
    weights: Vec<Vec<f64>>,
}

impl SavitzkyGolay {
    /// Builds the filter for points `pitch` apart; a derivative is per unit of `pitch`.
    pub fn new(window: usize, order: usize, derivative: usize, pitch: f64) -> Result<Self, SmoothError> {
        let wrong = SmoothError::Settings { window, order, derivative };
        if window.is_multiple_of(2) || window <= order || derivative > order || order > 8 || window > 501 {
            return Err(wrong);
        }
        let half = (window / 2) as f64;
        // Abscissae in -1..=1 keep the normal equations well conditioned.
        let scale = half.max(1.0);
        let t = |i: usize| (i as f64 - half) / scale;
        let design = DMatrix::from_fn(window, order + 1, |i, k| t(i).powi(k as i32));
        let normal = design.transpose() * &design;
        let Some(factor) = normal.cholesky() else { return Err(wrong) };
        let projection = factor.solve(&design.transpose());
        let unit = (scale * pitch).powi(derivative as i32);
        let weights = (0..window)
            .map(|at| {
                let basis = DVector::from_fn(order + 1, |k, _| {
                    if k < derivative {
                        0.0
                    } else {
                        let falling: f64 = (0..derivative).map(|d| (k - d) as f64).product();
                        falling * t(at).powi((k - derivative) as i32)
                    }
                });
                (projection.transpose() * basis / unit).iter().copied().collect()
            })
            .collect();
        Ok(Self { window, weights })
    }

    /// The filtered values. Fewer values than the window come back unchanged (or as zeros for a derivative's filter
    /// there is nothing to fit, so the caller must not ask).
    pub fn apply(&self, y: &[f64]) -> Vec<f64> {
        let (n, w, half) = (y.len(), self.window, self.window / 2);
        if n < w {
            return y.to_vec();
        }
        (0..n)
            .map(|i| {
                let first = i.saturating_sub(half).min(n - w);
                self.weights[i - first].iter().zip(&y[first..first + w]).map(|(a, b)| a * b).sum()
            })
            .collect()
    }
}

/// Convolution with a Gaussian of standard deviation `sigma_points`; at the ends the kernel is renormalised over the
/// points that exist, so that a constant stays constant.
pub fn gaussian_blur(y: &[f64], sigma_points: f64) -> Vec<f64> {
    if sigma_points.is_nan() || sigma_points <= 1e-3 || y.is_empty() {
        return y.to_vec();
    }
    let reach = ((4.0 * sigma_points).ceil() as usize).min(y.len());
    let kernel: Vec<f64> = (0..=reach).map(|k| (-0.5 * (k as f64 / sigma_points).powi(2)).exp()).collect();
    let mut weight_sums = Vec::with_capacity(kernel.len());
    let mut sum = 0.0;
    for w in &kernel {
        sum += w;
        weight_sums.push(sum);
    }
    (0..y.len())
        .map(|i| {
            let (left, right) = (reach.min(i), reach.min(y.len() - 1 - i));
            let below = y[i - left..i].iter().rev().zip(&kernel[1..]).map(|(v, k)| v * k).sum::<f64>();
            let above = y[i..=i + right].iter().zip(&kernel).map(|(v, k)| v * k).sum::<f64>();
            (below + above) / (weight_sums[left] + weight_sums[right] - kernel[0])
        })
        .collect()
}

/// Nearly the same as [`gaussian_blur`] for wide Gaussians, at a cost that does not grow with the width: three running
/// means whose variances add up to `sigma_points^2`; at the ends each mean is over the points that exist.
pub fn wide_blur(y: &[f64], sigma_points: f64) -> Vec<f64> {
    // A running mean over 2 h + 1 points has the variance h (h + 1) / 3; three of them make sigma^2 = h (h + 1).
    let half = (0.25 + sigma_points * sigma_points).sqrt() - 0.5;
    let half = half.round().max(0.0) as usize;
    let mut out = y.to_vec();
    for _ in 0..3 {
        out = running_mean(&out, half);
    }
    out
}

fn running_mean(y: &[f64], half: usize) -> Vec<f64> {
    let mut sums = Vec::with_capacity(y.len() + 1);
    let mut sum = 0.0;
    sums.push(sum);
    for v in y {
        sum += v;
        sums.push(sum);
    }
    (0..y.len())
        .map(|i| {
            let (from, to) = (i.saturating_sub(half), (i + half + 1).min(y.len()));
            (sums[to] - sums[from]) / (to - from) as f64
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_polynomial_of_the_filters_order_passes_exactly_ends_included() {
        let f = |x: f64| 1.5 - 0.7 * x + 0.02 * x * x - 3e-4 * x * x * x;
        let slope = |x: f64| -0.7 + 0.04 * x - 9e-4 * x * x;
        let pitch = 0.5;
        let x: Vec<f64> = (0..60).map(|i| f64::from(i) * pitch).collect();
        let y: Vec<f64> = x.iter().map(|x| f(*x)).collect();
        for window in [5, 9, 15] {
            let smooth = SavitzkyGolay::new(window, 3, 0, pitch).unwrap().apply(&y);
            let derivative = SavitzkyGolay::new(window, 3, 1, pitch).unwrap().apply(&y);
            for i in 0..x.len() {
                assert!((smooth[i] - y[i]).abs() < 1e-9, "window {window} point {i}");
                assert!((derivative[i] - slope(x[i])).abs() < 1e-8, "window {window} point {i}");
            }
        }
    }

    #[test]
    fn the_classic_five_point_weights_come_out() {
        let filter = SavitzkyGolay::new(5, 2, 0, 1.0).unwrap();
        let classic = [-3.0, 12.0, 17.0, 12.0, -3.0].map(|w| w / 35.0);
        for (got, want) in filter.weights[2].iter().zip(classic) {
            assert!((got - want).abs() < 1e-12);
        }
    }

    #[test]
    fn settings_that_do_not_go_together_are_refused() {
        for (window, order, derivative) in [(4, 2, 0), (3, 3, 0), (5, 2, 3), (1, 1, 0)] {
            assert!(SavitzkyGolay::new(window, order, derivative, 1.0).is_err());
        }
    }

    #[test]
    fn the_blur_keeps_a_constant_and_the_area_of_an_inner_band() {
        assert!(gaussian_blur(&[3.0; 40], 5.0).iter().all(|v| (v - 3.0).abs() < 1e-12));
        let mut y = vec![0.0; 101];
        y[50] = 1.0;
        let blurred = gaussian_blur(&y, 4.0);
        assert!((blurred.iter().sum::<f64>() - 1.0).abs() < 1e-3);
        assert!((blurred[46] / blurred[50] - (-0.5f64).exp()).abs() < 1e-12);
    }

    #[test]
    fn the_fast_wide_blur_is_the_gaussian_one_within_two_percent_of_the_signal() {
        let y: Vec<f64> = (0..800).map(|i| if (300..360).contains(&i) { 1.0 } else { 0.0 }).collect();
        let exact = gaussian_blur(&y, 20.0);
        for (a, b) in wide_blur(&y, 20.0).iter().zip(&exact) {
            assert!((a - b).abs() < 0.02, "{a} against {b}");
        }
        assert!(wide_blur(&[2.0; 50], 20.0).iter().all(|v| (v - 2.0).abs() < 1e-12));
    }
}
