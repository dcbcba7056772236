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
    let mut solver = Whittaker::new(n, lambda);
    let mut weights = vec![1.0; n];
    let mut values = vec![0.0; n];
    solver.solve(y, &weights, &mut values);
    let mut rounds = 1;
    while rounds < MAX_ROUNDS {
        let Some((m, s)) = below(y, &values) else { break };
        let (change, norm) = reweigh(&mut weights, y, &values, m, s);
        solver.solve(y, &weights, &mut values);
        rounds += 1;
        if change.sqrt() < TOLERANCE * norm.sqrt() {
            break;
        }
    }
    Baseline { values, weights, rounds }
}

/// Sums are kept in this many lanes, so that they neither wait for each other nor depend on the compiler's taste.
const LANES: usize = 4;

/// Mean and standard deviation of the points below the baseline; none where too few or all equal.
fn below(y: &[f64], values: &[f64]) -> Option<(f64, f64)> {
    let (mut count, mut sum, mut squares) = ([0.0; LANES], [0.0; LANES], [0.0; LANES]);
    let (ys, y_rest) = y.as_chunks::<LANES>();
    let (zs, z_rest) = values.as_chunks::<LANES>();
    let mut add = |lane: usize, y: f64, z: f64| {
        let d = (y - z).min(0.0);
        count[lane] += if d < 0.0 { 1.0 } else { 0.0 };
        sum[lane] += d;
        squares[lane] += d * d;
    };
    for (y, z) in ys.iter().zip(zs) {
        for lane in 0..LANES {
            add(lane, y[lane], z[lane]);
        }
    }
    for (y, z) in y_rest.iter().zip(z_rest) {
        add(0, *y, *z);
    }
    let count: f64 = count.iter().sum();
    if count < 2.0 {
        return None;
    }
    let m = sum.iter().sum::<f64>() / count;
    let s = (squares.iter().sum::<f64>() / count - m * m).max(0.0).sqrt();
    (s > 0.0).then_some((m, s))
}

/// New weights, the squared change and the squared norm of the old ones.
fn reweigh(weights: &mut [f64], y: &[f64], values: &[f64], m: f64, s: f64) -> (f64, f64) {
    let (mut change, mut norm) = ([0.0; LANES], [0.0; LANES]);
    let (steepness, middle) = (2.0 / s, 2.0 * s - m);
    let mut renew = |lane: usize, w: &mut f64, y: f64, z: f64| {
        let new = (1.0 / (1.0 + exp((y - z - middle) * steepness))).max(WEIGHT_FLOOR);
        change[lane] += (new - *w) * (new - *w);
        norm[lane] += *w * *w;
        *w = new;
    };
    let (ws, w_rest) = weights.as_chunks_mut::<LANES>();
    let (ys, y_rest) = y.as_chunks::<LANES>();
    let (zs, z_rest) = values.as_chunks::<LANES>();
    for ((w, y), z) in ws.iter_mut().zip(ys).zip(zs) {
        for lane in 0..LANES {
            renew(lane, &mut w[lane], y[lane], z[lane]);
        }
    }
    for ((w, y), z) in w_rest.iter_mut().zip(y_rest).zip(z_rest) {
        renew(0, w, *y, *z);
    }
    (change.iter().sum(), norm.iter().sum())
}

/// `e^x` for `x` within -60..=60 (clamped), to a few units in the last place, without branches, so that the compiler
/// works on several values at once: `2^k` by its bits times the Taylor polynomial of the rest, `|rest| <= ln 2 / 2`.
#[inline]
fn exp(x: f64) -> f64 {
    /// Adding this number leaves the nearest integer in the lowest bits of the sum.
    const ROUND: f64 = 6_755_399_441_055_744.0; // 1.5 * 2^52
    /// ln 2 in two parts, the first with zeros at its end, so that its multiples are exact.
    const LN2: (f64, f64) = (6.931_471_803_691_238e-1, 1.908_214_929_270_587_7e-10);
    const TERMS: [f64; 13] = {
        let mut terms = [1.0; 13];
        let mut k = 1;
        while k < 13 {
            terms[k] = terms[k - 1] / k as f64;
            k += 1;
        }
        terms
    };
    let x = x.clamp(-60.0, 60.0);
    let shifted = x * std::f64::consts::LOG2_E + ROUND;
    let k = shifted - ROUND;
    let r = (x - k * LN2.0) - k * LN2.1;
    let mut sum = TERMS[12];
    let mut i = 12;
    while i > 0 {
        i -= 1;
        sum = sum * r + TERMS[i];
    }
    let power = f64::from_bits((shifted.to_bits() << 52).wrapping_add(1.0_f64.to_bits()));
    sum * power
}

/// One eliminated row: what is needed to substitute back.
#[derive(Clone, Copy, Default)]
struct Row {
    /// Coupling to the next row, over the pivot.
    e: f64,
    /// Inverse pivot, which is also the coupling to the row after the next, over the pivot.
    r: f64,
    /// Right side.
    b: f64,
}

/// The end of an elimination: what it leaves for the next two rows.
#[derive(Clone, Copy, Default)]
struct Chain {
    last: Row,
    before: Row,
    /// Coupling of the last row to the next, not over the pivot.
    c: f64,
}

impl Chain {
    /// Eliminates the next row: diagonal, coupling to the next row, right side. The coupling to the row after the next is 1.
    #[inline]
    fn eliminate(&mut self, diagonal: f64, off: f64, right: f64) -> Row {
        let pivot = (diagonal - self.before.r) - self.c * self.last.e;
        let r = 1.0 / pivot;
        self.c = off - self.last.e;
        let row = Row { e: self.c * r, r, b: (right - self.before.r * self.before.b) - self.last.e * self.last.b };
        (self.before, self.last) = (self.last, row);
        row
    }
}

/// Solves `(W + lambda D'D) z = W y`, `D` the second difference, again and again for other weights `W`.
///
/// The pentadiagonal matrix, divided by lambda, is eliminated from both ends at once: the divisions of one chain fill the
/// waits of the other, and they meet in two rows in the middle.
struct Whittaker {
    /// Diagonal of `D'D`.
    diagonal: Vec<f64>,
    /// Coupling of a row of `D'D` to the next.
    off: Vec<f64>,
    inverse_lambda: f64,
    rows: Vec<Row>,
}

impl Whittaker {
    /// For `n >= 3` points.
    fn new(n: usize, lambda: f64) -> Self {
        let (mut diagonal, mut off) = (vec![0.0; n], vec![0.0; n]);
        // Each second difference (1, -2, 1) adds its outer product.
        for i in 0..n.saturating_sub(2) {
            for (place, value) in [(i, 1.0), (i + 1, 4.0), (i + 2, 1.0)] {
                diagonal[place] += value;
            }
            off[i] -= 2.0;
            off[i + 1] -= 2.0;
        }
        Self { diagonal, off, inverse_lambda: 1.0 / lambda, rows: vec![Row::default(); n] }
    }

    fn solve(&mut self, y: &[f64], weights: &[f64], z: &mut [f64]) {
        let n = self.rows.len();
        // Rows 0..h are eliminated downwards, rows n - 1..h + 2 upwards; h and h + 1 remain.
        let h = (n - 2) / 2;
        let (mut down, mut up) = (Chain::default(), Chain::default());
        let scale = self.inverse_lambda;
        let (y, weights, z) = (&y[..n], &weights[..n], &mut z[..n]);
        let (diagonal, off) = (&self.diagonal[..n], &self.off[..n]);
        let rows = &mut self.rows[..n];
        let input = |i: usize| (weights[i] * scale + diagonal[i], weights[i] * scale * y[i]);
        for i in 0..h {
            let j = n - 1 - i;
            let (d, right) = input(i);
            rows[i] = down.eliminate(d, off[i], right);
            let (d, right) = input(j);
            rows[j] = up.eliminate(d, off[j - 1], right);
        }
        if n % 2 == 1 {
            let (d, right) = input(h + 2);
            rows[h + 2] = up.eliminate(d, off[h + 1], right);
        }
        let left = |near: &Chain, far: &Chain, (diagonal, right): (f64, f64)| {
            (
                diagonal - near.c * near.last.e - near.before.r - far.last.r,
                right - near.last.e * near.last.b - near.before.r * near.before.b - far.last.r * far.last.b,
            )
        };
        let (a, u) = left(&down, &up, input(h));
        let (b, v) = left(&up, &down, input(h + 1));
        let c = off[h] - down.last.e - up.last.e;
        let determinant = a * b - c * c;
        z[h] = (u * b - v * c) / determinant;
        z[h + 1] = (v * a - u * c) / determinant;
        let back = |row: Row, next: f64, after: f64| (row.b - after) * row.r - row.e * next;
        if n % 2 == 1 {
            z[h + 2] = back(rows[h + 2], z[h + 1], z[h]);
        }
        let (mut low, mut high) = ((z[h], z[h + 1]), (z[n - h - 1], z[n - h - 2]));
        for i in (0..h).rev() {
            let j = n - 1 - i;
            low = (back(rows[i], low.0, low.1), low.0);
            high = (back(rows[j], high.0, high.1), high.0);
            z[i] = low.0;
            z[j] = high.0;
        }
    }
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
        for n in [3_u32, 4, 5, 6, 7, 40, 151] {
            let y: Vec<f64> = (0..n).map(|i| (f64::from(i) * 0.7).sin() * 50.0 + f64::from(i)).collect();
            let weights: Vec<f64> = (0..n).map(|i| 0.05 + f64::from((i * 37) % 11) / 11.0).collect();
            for lambda in [1.0, 1e3, 1e5] {
                let mut banded = vec![0.0; y.len()];
                Whittaker::new(y.len(), lambda).solve(&y, &weights, &mut banded);
                for (a, b) in banded.iter().zip(dense(&y, &weights, lambda)) {
                    assert!((a - b).abs() < 1e-6 * (1.0 + b.abs()), "n {n} lambda {lambda}: {a} against {b}");
                }
            }
        }
    }

    #[test]
    fn the_exponential_is_that_of_the_standard_library_to_the_last_places() {
        for i in -6_200..=6_200 {
            let x = f64::from(i) * 0.0101;
            let wanted = x.clamp(-60.0, 60.0).exp();
            assert!((exp(x) / wanted - 1.0).abs() < 1e-15 * 4.0, "exp({x})");
        }
        assert_eq!(exp(0.0), 1.0);
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
