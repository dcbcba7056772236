//! The smooth background under the bands: asymmetrically reweighted penalised least squares.

/// Stiffness at a pitch of 2 cm-1; it means the same in cm-1 at every pitch when scaled with pitch^-4.
const STIFFNESS_AT_2_CM1: f64 = 1e5;
/// Most reweightings.
const MAX_ROUNDS: usize = 50;
/// Relative change of the weights at which the reweighting ends.
const TOLERANCE: f64 = 1e-3;
/// Weight that a point keeps at least, so that the system stays well conditioned under wide bands.
const WEIGHT_FLOOR: f64 = 1e-6;

/// A baseline and how it came about.
#[derive(Clone, Debug, PartialEq)]
pub struct Baseline {
    /// The baseline, one value per point.
    pub values: Vec<f64>,
    /// Weight of each point in the last round, 0..=1: near 1 on the background, near 0 on bands.
    pub weights: Vec<f64>,
    /// Rounds of reweighting.
    pub rounds: usize,
}

/// Baseline by arPLS (Baek, Park, Ahn, Choo, Analyst 140 (2015) 250): minimises
/// `sum w (y - z)^2 + lambda sum (second difference of z)^2`, with `w = 1 / (1 + exp(2 (d - (2 s - m)) / s))` where
/// `d = y - z` and `m`, `s` are mean and standard deviation of the negative `d`. Points are `pitch_cm1` apart; each
/// round solves one pentadiagonal system, so the cost grows linearly with the points.
pub fn arpls(y: &[f64], pitch_cm1: f64) -> Baseline {
    let n = y.len();
    if n < 3 {
        return Baseline { values: y.to_vec(), weights: vec![1.0; n], rounds: 0 };
    }
    let lambda = STIFFNESS_AT_2_CM1 * (2.0 / pitch_cm1).powi(4);
    let mut weights = vec![1.0; n];
    let mut values = whittaker(y, &weights, lambda);
    let mut rounds = 1;
    while rounds < MAX_ROUNDS {
        let (mut count, mut sum, mut squares) = (0.0, 0.0, 0.0);
        for (a, z) in y.iter().zip(&values) {
            let d = a - z;
            if d < 0.0 {
                count += 1.0;
                sum += d;
                squares += d * d;
            }
        }
        if count < 2.0 {
            break;
        }
        let m = sum / count;
        let s = (squares / count - m * m).max(0.0).sqrt();
        if s <= 0.0 {
            break;
        }
        let (mut change, mut norm) = (0.0, 0.0);
        for (w, (a, z)) in weights.iter_mut().zip(y.iter().zip(&values)) {
            let exponent = (2.0 * (a - z - (2.0 * s - m)) / s).clamp(-60.0, 60.0);
            let new = (1.0 / (1.0 + exponent.exp())).max(WEIGHT_FLOOR);
            change += (new - *w) * (new - *w);
            norm += *w * *w;
            *w = new;
        }
        values = whittaker(y, &weights, lambda);
        rounds += 1;
        if change.sqrt() < TOLERANCE * norm.sqrt() {
            break;
        }
    }
    Baseline { values, weights, rounds }
}

/// Solves `(W + lambda D'D) z = W y`, `D` the second difference, by the LDL' factorisation of the pentadiagonal matrix.
fn whittaker(y: &[f64], weights: &[f64], lambda: f64) -> Vec<f64> {
    let n = y.len();
    // Diagonals of D'D: each second difference (1, -2, 1) adds its outer product.
    let row = |i: usize| (i + 2 < n, i >= 1 && i + 1 < n, i >= 2);
    let diagonal = |i: usize| {
        let (first, middle, last) = row(i);
        f64::from(u8::from(first)) + 4.0 * f64::from(u8::from(middle)) + f64::from(u8::from(last))
    };
    let off_one = |i: usize| {
        // Between i and i + 1: differences starting at i and at i - 1.
        let mut v = 0.0;
        if i + 2 < n {
            v -= 2.0;
        }
        if i >= 1 && i + 1 < n {
            v -= 2.0;
        }
        v
    };
    let (mut d, mut e, mut f) = (vec![0.0; n], vec![0.0; n], vec![0.0; n]);
    let mut z = vec![0.0; n];
    for i in 0..n {
        let mut pivot = weights[i] + lambda * diagonal(i);
        let mut right = weights[i] * y[i];
        if i >= 1 {
            pivot -= e[i - 1] * e[i - 1] * d[i - 1];
            right -= e[i - 1] * z[i - 1];
        }
        if i >= 2 {
            pivot -= f[i - 2] * f[i - 2] * d[i - 2];
            right -= f[i - 2] * z[i - 2];
        }
        d[i] = pivot;
        z[i] = right;
        if i + 1 < n {
            let mut coupling = lambda * off_one(i);
            if i >= 1 {
                coupling -= f[i - 1] * e[i - 1] * d[i - 1];
            }
            e[i] = coupling / pivot;
        }
        if i + 2 < n {
            f[i] = lambda / pivot;
        }
    }
    for i in 0..n {
        z[i] /= d[i];
    }
    for i in (0..n).rev() {
        if i + 1 < n {
            z[i] -= e[i] * z[i + 1];
        }
        if i + 2 < n {
            z[i] -= f[i] * z[i + 2];
        }
    }
    z
}

#[cfg(test)]
mod tests {
    use super::*;
    use nalgebra::{DMatrix, DVector};
    use rand::SeedableRng;
    use rand_distr::{Distribution, Normal};

    fn dense(y: &[f64], weights: &[f64], lambda: f64) -> Vec<f64> {
        let n = y.len();
        let d = DMatrix::from_fn(n - 2, n, |i, j| match j.wrapping_sub(i) {
            0 | 2 => 1.0,
            1 => -2.0,
            _ => 0.0,
        });
        let a = DMatrix::from_diagonal(&DVector::from_row_slice(weights)) + lambda * d.transpose() * &d;
        let b = DVector::from_fn(n, |i, _| weights[i] * y[i]);
        a.lu().solve(&b).unwrap().iter().copied().collect()
    }

    #[test]
    fn the_banded_solution_is_the_dense_one() {
        for n in [3_u32, 4, 5, 40, 150] {
            let y: Vec<f64> = (0..n).map(|i| (f64::from(i) * 0.7).sin() * 50.0 + f64::from(i)).collect();
            let weights: Vec<f64> = (0..n).map(|i| 0.05 + f64::from((i * 37) % 11) / 11.0).collect();
            for lambda in [1.0, 1e3, 1e5] {
                for (a, b) in whittaker(&y, &weights, lambda).iter().zip(dense(&y, &weights, lambda)) {
                    assert!((a - b).abs() < 1e-6 * (1.0 + b.abs()), "n {n} lambda {lambda}: {a} against {b}");
                }
            }
        }
    }

    #[test]
    fn a_curved_background_is_found_under_narrow_bands_at_any_pitch() {
        let mut rng = rand_chacha::ChaCha8Rng::seed_from_u64(5);
        let normal = Normal::new(0.0, 5.0).unwrap();
        for pitch in [1.0, 2.0, 3.0] {
            let n = (1800.0 / pitch) as usize;
            let background = |x: f64| 4000.0 * (-((x - 700.0) / 900.0).powi(2)).exp();
            let y: Vec<f64> = (0..n)
                .map(|i| {
                    let x = i as f64 * pitch;
                    background(x) + normal.sample(&mut rng) + 900.0 / (1.0 + ((x - 900.0) / 5.0).powi(2))
                })
                .collect();
            let found = arpls(&y, pitch);
            for i in [n / 10, n / 3, n / 2, 9 * n / 10] {
                let truth = background(i as f64 * pitch);
                assert!((found.values[i] - truth).abs() < 60.0, "pitch {pitch}: {} for {truth}", found.values[i]);
            }
            assert!(found.rounds < MAX_ROUNDS);
        }
    }
}
