//! Least squares in whitened space: weights, a smooth background projected out, non-negative amplitudes, p-values.

/// Order of the Legendre polynomials that are projected out of signal and references: the baseline's own error is
/// fitted jointly instead of being trusted. Over 2,000 cm-1 order 10 bends every 200 cm-1, far wider than a band.
const BACKGROUND_ORDER: usize = 10;
/// Autocorrelation below which residuals count as independent.
const INDEPENDENT: f64 = 0.05;
/// Longest lag of the autocorrelation, points.
const LONGEST_LAG: usize = 50;

/// Weights and the background that is projected out.
pub(super) struct Whitening {
    weights: Vec<f64>,
    background: Vec<Vec<f64>>,
    used: usize,
}

impl Whitening {
    /// From the standard deviation of each point; none where a point must not count.
    pub fn new(sigmas: &[Option<f64>]) -> Self {
        let weights: Vec<f64> =
            sigmas.iter().map(|s| s.filter(|s| *s > 0.0 && s.is_finite()).map_or(0.0, |s| 1.0 / s)).collect();
        let used = weights.iter().filter(|w| **w > 0.0).count();
        let n = weights.len().max(2) as f64 - 1.0;
        let mut background: Vec<Vec<f64>> = Vec::new();
        for order in 0..=BACKGROUND_ORDER {
            let mut column: Vec<f64> =
                weights.iter().enumerate().map(|(i, w)| w * legendre(order, 2.0 * i as f64 / n - 1.0)).collect();
            project_out(&mut column, &background);
            let norm = dot(&column, &column).sqrt();
            if norm > 1e-9 {
                for v in &mut column {
                    *v /= norm;
                }
                background.push(column);
            }
        }
        Self { weights, background, used }
    }

    /// A curve, weighted, without what the background can imitate.
    pub fn whiten(&self, curve: &[f64]) -> Vec<f64> {
        let mut out: Vec<f64> = curve.iter().zip(&self.weights).map(|(v, w)| v * w).collect();
        project_out(&mut out, &self.background);
        out
    }

    /// Number of points that count, less the parameters of the background.
    pub fn free(&self) -> usize {
        self.used.saturating_sub(self.background.len())
    }
}

/// Legendre polynomial by Bonnet's recursion.
fn legendre(order: usize, x: f64) -> f64 {
    let (mut before, mut now) = (1.0, x);
    if order == 0 {
        return before;
    }
    for k in 1..order {
        let k = k as f64;
        (before, now) = (now, ((2.0 * k + 1.0) * x * now - k * before) / (k + 1.0));
    }
    now
}

/// Scalar product, in lanes whose sums do not wait for each other.
pub(super) fn dot(a: &[f64], b: &[f64]) -> f64 {
    const LANES: usize = 8;
    let mut lanes = [0.0; LANES];
    let ((a, a_rest), (b, b_rest)) = (a.as_chunks::<LANES>(), b.as_chunks::<LANES>());
    for (a, b) in a.iter().zip(b) {
        for lane in 0..LANES {
            lanes[lane] += a[lane] * b[lane];
        }
    }
    lanes.iter().sum::<f64>() + a_rest.iter().zip(b_rest).map(|(a, b)| a * b).sum::<f64>()
}

fn project_out(v: &mut [f64], basis: &[Vec<f64>]) {
    for b in basis {
        let along = dot(v, b);
        v.iter_mut().zip(b).for_each(|(x, y)| *x -= along * y);
    }
}

/// An orthonormal basis of the space that columns span.
#[derive(Clone, Default)]
pub(super) struct Span {
    basis: Vec<Vec<f64>>,
}

impl Span {
    /// The span of `columns`.
    pub fn of(columns: &[&[f64]]) -> Self {
        let mut basis: Vec<Vec<f64>> = Vec::new();
        for column in columns {
            let mut v = column.to_vec();
            project_out(&mut v, &basis);
            let (norm, whole) = (dot(&v, &v).sqrt(), dot(column, column).sqrt());
            if norm > 1e-6 * whole && norm > 0.0 {
                for x in &mut v {
                    *x /= norm;
                }
                basis.push(v);
            }
        }
        Self { basis }
    }

    /// The part of `column` that the span cannot imitate.
    pub fn outside(&self, column: &[f64]) -> Vec<f64> {
        let mut out = column.to_vec();
        project_out(&mut out, &self.basis);
        out
    }

    /// Squared norm of the part of `column` that the span cannot imitate: the net analyte signal (Lorber, Anal. Chem.
    /// 58 (1986) 1167).
    pub fn net_square(&self, column: &[f64]) -> f64 {
        let inside: f64 = self.basis.iter().map(|b| dot(b, column).powi(2)).sum();
        (dot(column, column) - inside).max(0.0)
    }
}

/// Non-negative least squares by cyclic coordinate descent on the normal equations, which converges for a positive
/// semidefinite matrix; a handful of unknowns need a few dozen rounds.
pub(super) fn non_negative(signal: &[f64], columns: &[&[f64]]) -> Vec<f64> {
    let gram: Vec<Vec<f64>> = columns.iter().map(|a| columns.iter().map(|b| dot(a, b)).collect()).collect();
    let right: Vec<f64> = columns.iter().map(|a| dot(a, signal)).collect();
    let mut amplitudes = vec![0.0; columns.len()];
    for _ in 0..500 {
        let mut moved = 0.0_f64;
        for (k, row) in gram.iter().enumerate() {
            let (Some(diagonal), Some(now)) = (row.get(k).copied(), amplitudes.get(k).copied()) else { continue };
            if diagonal <= 0.0 {
                continue;
            }
            let new = (now + (right.get(k).copied().unwrap_or(0.0) - dot(row, &amplitudes)) / diagonal).max(0.0);
            moved = moved.max((new - now).abs() * diagonal.sqrt());
            if let Some(a) = amplitudes.get_mut(k) {
                *a = new;
            }
        }
        if moved <= 1e-9 * right.iter().fold(0.0_f64, |m, r| m.max(r.abs())).sqrt() {
            break;
        }
    }
    amplitudes
}

/// Signal less the weighted sum of the columns.
pub(super) fn left_over(signal: &[f64], columns: &[&[f64]], amplitudes: &[f64]) -> Vec<f64> {
    let mut rest = signal.to_vec();
    for (c, a) in columns.iter().zip(amplitudes) {
        rest.iter_mut().zip(*c).for_each(|(r, v)| *r -= a * v);
    }
    rest
}

/// `1 + 2 sum rho` over the residual's autocorrelation up to its first drop below 0.05: neighbouring points of a
/// residual that smoothing and the references' faults made are not independent.
pub(super) fn autocorrelation_inflation(residual: &[f64]) -> f64 {
    let zero = dot(residual, residual);
    if zero <= 0.0 {
        return 1.0;
    }
    let mut inflation = 1.0;
    for lag in 1..residual.len().min(LONGEST_LAG) {
        let (later, earlier) = (residual.get(lag..), residual.get(..residual.len() - lag));
        let rho = dot(later.unwrap_or_default(), earlier.unwrap_or_default()) / zero;
        if rho < INDEPENDENT {
            break;
        }
        inflation += 2.0 * rho;
    }
    inflation
}

/// Probability that Student's t with `freedom` degrees exceeds `t` (one side); from the incomplete beta function.
pub(super) fn student_tail(t: f64, freedom: f64) -> f64 {
    if !t.is_finite() || freedom <= 0.0 {
        return 1.0;
    }
    let half = 0.5 * incomplete_beta(0.5 * freedom, 0.5, freedom / (freedom + t * t));
    if t >= 0.0 { half } else { 1.0 - half }
}

/// Regularised incomplete beta function by Lentz's continued fraction (Abramowitz and Stegun 26.5.8).
fn incomplete_beta(a: f64, b: f64, x: f64) -> f64 {
    if x <= 0.0 {
        return 0.0;
    }
    if x >= 1.0 {
        return 1.0;
    }
    if x > (a + 1.0) / (a + b + 2.0) {
        return 1.0 - incomplete_beta(b, a, 1.0 - x);
    }
    let front = (ln_gamma(a + b) - ln_gamma(a) - ln_gamma(b) + a * x.ln() + b * (1.0 - x).ln()).exp() / a;
    let tiny = 1e-300;
    let away = |v: f64| if v.abs() < tiny { tiny } else { v };
    let (mut c, mut d) = (1.0, 1.0 / away(1.0 - (a + b) * x / (a + 1.0)));
    let mut fraction = d;
    for m in 1..300 {
        let m = f64::from(m);
        for step in [
            m * (b - m) * x / ((a + 2.0 * m - 1.0) * (a + 2.0 * m)),
            -(a + m) * (a + b + m) * x / ((a + 2.0 * m) * (a + 2.0 * m + 1.0)),
        ] {
            d = 1.0 / away(1.0 + step * d);
            c = away(1.0 + step / c);
            fraction *= d * c;
        }
        if (d * c - 1.0).abs() < 1e-12 {
            break;
        }
    }
    (front * fraction).clamp(0.0, 1.0)
}

/// Logarithm of the gamma function of a positive number: Stirling's series after moving the argument above 8.
fn ln_gamma(x: f64) -> f64 {
    let (mut x, mut shift) = (x, 0.0);
    while x < 8.0 {
        shift -= x.ln();
        x += 1.0;
    }
    let inverse = 1.0 / (x * x);
    let series = (1.0 / 12.0 - inverse * (1.0 / 360.0 - inverse * (1.0 / 1260.0 - inverse / 1680.0))) / x;
    shift + (x - 0.5) * x.ln() - x + 0.5 * std::f64::consts::TAU.ln() + series
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn non_negative_amplitudes_come_back_and_an_absent_curve_gets_none() {
        let band = |c: f64| (0..300).map(|i| (-((f64::from(i) - c) / 4.0).powi(2)).exp()).collect::<Vec<f64>>();
        let curves = [band(50.0), band(54.0), band(200.0)];
        let signal: Vec<f64> = (0..300).map(|i| 7.0 * curves[0][i] - 0.5 * curves[1][i] + 3.0 * curves[2][i]).collect();
        let set: Vec<&[f64]> = curves.iter().map(Vec::as_slice).collect();
        let amplitudes = non_negative(&signal, &set);
        assert!(amplitudes[1] == 0.0 && (amplitudes[2] - 3.0).abs() < 1e-6, "{amplitudes:?}");
        assert!((6.0..7.0).contains(&amplitudes[0]), "{amplitudes:?}");
    }

    #[test]
    fn tails_of_students_t_agree_with_published_tables() {
        // Two-sided critical values: t(0.05; 10) = 2.228139, t(0.001; 30) = 3.645959, t(0.05; 1) = 12.706205.
        for (t, freedom, two_sided) in [(2.228_139, 10.0, 0.05), (3.645_959, 30.0, 0.001), (12.706_205, 1.0, 0.05)] {
            assert!((2.0 * student_tail(t, freedom) / two_sided - 1.0).abs() < 1e-5, "{t} {freedom}");
        }
        // Far out the tail of many degrees is the normal one: 1 - Phi(5) = 2.8665e-7.
        assert!((student_tail(5.0, 1e6) / 2.866_5e-7 - 1.0).abs() < 1e-2);
        assert!((student_tail(-1.0, 12.0) + student_tail(1.0, 12.0) - 1.0).abs() < 1e-12);
    }

    #[test]
    fn whitening_takes_any_smooth_background_away() {
        let whitening = Whitening::new(&vec![Some(0.5); 400]);
        let smooth: Vec<f64> = (0..400).map(|i| 3.0 + 0.01 * f64::from(i) - 1e-5 * f64::from(i * i)).collect();
        assert!(whitening.whiten(&smooth).iter().all(|v| v.abs() < 1e-9));
        assert_eq!(whitening.free(), 400 - BACKGROUND_ORDER - 1);
    }
}
