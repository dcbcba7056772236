//! Baseline by asymmetrically reweighted penalised least squares.
//!
//! arPLS: S.-J. Baek, A. Park, Y.-J. Ahn, J. Choo, Analyst 140 (2015) 250, doi 10.1039/C4AN01061B.

/// Settings of [`arpls`].
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct BaselineSettings {
    /// Stiffness at a pitch of 2 cm-1; scaled with the fourth power of the pitch so that it means the same in cm-1.
    pub lambda_at_2cm1: f64,
    /// Stop when the weights change less than this, relative.
    pub tolerance: f64,
    /// Most rounds of reweighting.
    pub max_rounds: usize,
}

impl Default for BaselineSettings {
    fn default() -> Self {
        Self { lambda_at_2cm1: 1e5, tolerance: 1e-3, max_rounds: 30 }
    }
}

/// The smooth background of `y`, sampled evenly at `pitch_cm1`: minimises `sum w (y - z)^2 + lambda sum (second difference
/// of z)^2`, with weights near 0 where `y` stands above the background. Fewer than three points are returned unchanged.
pub fn arpls(y: &[f64], pitch_cm1: f64, settings: &BaselineSettings) -> Vec<f64> {
    if y.len() < 3 {
        return y.to_vec();
    }
    let lambda = settings.lambda_at_2cm1 * (2.0 / pitch_cm1).powi(4);
    let mut weights = vec![1.0; y.len()];
    let mut background = Vec::new();
    for _ in 0..settings.max_rounds {
        background = smooth_weighted(y, &weights, lambda);
        let below: Vec<f64> = y.iter().zip(&background).map(|(a, b)| a - b).filter(|d| *d < 0.0).collect();
        if below.len() < 2 {
            break;
        }
        let mean = below.iter().sum::<f64>() / below.len() as f64;
        let variance = below.iter().map(|d| (d - mean).powi(2)).sum::<f64>() / (below.len() - 1) as f64;
        let sd = variance.sqrt();
        if sd <= f64::EPSILON * mean.abs() || sd == 0.0 {
            break;
        }
        let mut change = 0.0;
        let mut norm = 0.0;
        for ((w, a), b) in weights.iter_mut().zip(y).zip(&background) {
            let exponent = 2.0 * ((a - b) - (2.0 * sd - mean)) / sd;
            let new = 1.0 / (1.0 + exponent.clamp(-500.0, 500.0).exp());
            change += (new - *w).powi(2);
            norm += w.powi(2);
            *w = new;
        }
        if change <= settings.tolerance.powi(2) * norm {
            break;
        }
    }
    background
}

/// Solves `(W + lambda D'D) z = W y` with the second difference `D`: symmetric, positive, five diagonals, O(n).
fn smooth_weighted(y: &[f64], weights: &[f64], lambda: f64) -> Vec<f64> {
    let n = y.len();
    // Diagonals of D'D for second differences: ends 1 5 6 ... 6 5 1; first off-diagonal -2 -4 ... -4 -2; second 1.
    // A tiny weight keeps the system regular where every point lies above the background.
    let diagonal = |i: usize| {
        let d = match i.min(n - 1 - i) {
            0 => 1.0,
            1 if n == 3 => 4.0,
            1 => 5.0,
            _ => 6.0,
        };
        weights[i].max(1e-9) + lambda * d
    };
    let off1 = |i: usize| lambda * if i == 0 || i == n - 2 { -2.0 } else { -4.0 };
    // LDL' factorisation: row i needs two earlier rows.
    let (mut d, mut l1, mut l2, mut z) = (vec![0.0; n], vec![0.0; n], vec![0.0; n], vec![0.0; n]);
    for i in 0..n {
        let mut pivot = diagonal(i);
        let mut right = weights[i].max(1e-9) * y[i];
        if i >= 1 {
            pivot -= l1[i - 1] * l1[i - 1] * d[i - 1];
            right -= l1[i - 1] * z[i - 1];
        }
        if i >= 2 {
            pivot -= l2[i - 2] * l2[i - 2] * d[i - 2];
            right -= l2[i - 2] * z[i - 2];
        }
        d[i] = pivot;
        z[i] = right;
        if i + 1 < n {
            let mut e = off1(i);
            if i >= 1 {
                e -= l1[i - 1] * l2[i - 1] * d[i - 1];
            }
            l1[i] = e / pivot;
        }
        if i + 2 < n {
            l2[i] = lambda / pivot;
        }
    }
    for i in 0..n {
        z[i] /= d[i];
    }
    for i in (0..n).rev() {
        if i + 1 < n {
            z[i] -= l1[i] * z[i + 1];
        }
        if i + 2 < n {
            z[i] -= l2[i] * z[i + 2];
        }
    }
    z
}

#[cfg(test)]
mod tests {
    use super::*;
    use nalgebra::{DMatrix, DVector};

    #[test]
    fn the_banded_solver_agrees_with_a_dense_one() {
        for n in [3_usize, 4, 5, 17, 60] {
            let y: Vec<f64> = (0..n).map(|i| (i as f64 * 0.7).sin() * 5.0 + i as f64).collect();
            let w: Vec<f64> = (0..n).map(|i| 0.1 + (i % 5) as f64 / 5.0).collect();
            let difference = DMatrix::from_fn(n - 2, n, |r, c| match c.checked_sub(r) {
                Some(0 | 2) => 1.0,
                Some(1) => -2.0,
                _ => 0.0,
            });
            let weights = DMatrix::from_diagonal(&DVector::from_vec(w.clone()));
            let matrix = &weights + difference.transpose() * &difference * 37.0;
            let dense = matrix.lu().solve(&(weights * DVector::from_vec(y.clone()))).expect("regular");
            let banded = smooth_weighted(&y, &w, 37.0);
            for (a, b) in banded.iter().zip(dense.iter()) {
                assert!((a - b).abs() < 1e-8, "n {n}: {a} against {b}");
            }
        }
    }

    #[test]
    fn a_band_on_a_slope_keeps_its_height() {
        let y: Vec<f64> = (0..1000)
            .map(|i| {
                let x = f64::from(i) * 2.0;
                500.0 + 0.2 * x + 300.0 * (-((x - 1000.0) / 8.0).powi(2)).exp()
            })
            .collect();
        let background = arpls(&y, 2.0, &BaselineSettings::default());
        assert!((y[500] - background[500] - 300.0).abs() < 15.0, "band height {}", y[500] - background[500]);
    }
}
