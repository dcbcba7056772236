//! From the instrument's axis to an even grid.

/// Values on the grid `first + i * step` (`n` points) such that narrow bands keep their area: where several points fall
/// into a cell they are averaged over the cell (trapezoids), where the axis is coarser than the grid a monotone cubic
/// runs through the points (Fritsch and Carlson, SIAM J. Numer. Anal. 17 (1980) 238).
pub fn resample(axis: &[f64], y: &[f64], first: f64, step: f64, n: usize) -> Vec<f64> {
    let cumulative = integral(axis, y);
    let slopes = slopes(axis, &cumulative);
    // The mean over a cell is the difference of the integral at its two edges; the integral is interpolated smoothly, so
    // one rule serves fine and coarse axes.
    (0..n)
        .map(|i| {
            let centre = first + i as f64 * step;
            let (a, b) = (centre - step / 2.0, centre + step / 2.0);
            (hermite(axis, &cumulative, &slopes, b) - hermite(axis, &cumulative, &slopes, a)) / step
        })
        .collect()
}

/// Standard deviation on the grid of independent noise on the axis: averaging `m` points divides it by the root of `m`.
pub fn noise_on_grid(axis: &[f64], noise_sd: &[f64], first: f64, step: f64, n: usize) -> Vec<f64> {
    let mut j = 0;
    (0..n)
        .map(|i| {
            let x = first + i as f64 * step;
            while j + 2 < axis.len() && axis[j + 1] < x {
                j += 1;
            }
            let pitch = axis[j + 1] - axis[j];
            noise_sd[j] / (step / pitch).max(1.0).sqrt()
        })
        .collect()
}

fn integral(axis: &[f64], y: &[f64]) -> Vec<f64> {
    let mut sum = 0.0;
    let mut out = vec![0.0];
    for (x, v) in axis.windows(2).zip(y.windows(2)) {
        sum += (x[1] - x[0]) * (v[0] + v[1]) / 2.0;
        out.push(sum);
    }
    out
}

/// Slope of the integral at each point: three-point differences of the trapezoid integral.
fn slopes(axis: &[f64], f: &[f64]) -> Vec<f64> {
    let n = axis.len();
    (0..n)
        .map(|i| {
            let (a, b) = (i.saturating_sub(1), (i + 1).min(n - 1));
            let left = if i > a { (f[i] - f[a]) / (axis[i] - axis[a]) } else { f64::NAN };
            let right = if b > i { (f[b] - f[i]) / (axis[b] - axis[i]) } else { f64::NAN };
            if left.is_nan() {
                right
            } else if right.is_nan() {
                left
            } else {
                let (hl, hr) = (axis[i] - axis[a], axis[b] - axis[i]);
                (left * hr + right * hl) / (hl + hr)
            }
        })
        .collect()
}

fn hermite(axis: &[f64], f: &[f64], m: &[f64], x: f64) -> f64 {
    let n = axis.len();
    let j = axis.partition_point(|a| *a <= x).clamp(1, n - 1) - 1;
    let h = axis[j + 1] - axis[j];
    let t = (x - axis[j]) / h;
    if t < 0.0 {
        return f[0] + m[0] * (x - axis[0]);
    }
    if t > 1.0 {
        return f[n - 1] + m[n - 1] * (x - axis[n - 1]);
    }
    let (t2, t3) = (t * t, t * t * t);
    f[j] * (2.0 * t3 - 3.0 * t2 + 1.0)
        + h * m[j] * (t3 - 2.0 * t2 + t)
        + f[j + 1] * (3.0 * t2 - 2.0 * t3)
        + h * m[j + 1] * (t3 - t2)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn band(x: f64) -> f64 {
        (-((x - 600.3) / 5.0).powi(2)).exp()
    }

    #[test]
    fn a_band_keeps_its_area_from_a_fine_and_from_a_coarse_axis() {
        for pitch in [0.4, 0.7, 1.3, 2.6] {
            let axis: Vec<f64> = (0..(400.0 / pitch) as usize).map(|i| 400.0 + pitch * i as f64).collect();
            let y: Vec<f64> = axis.iter().map(|x| band(*x)).collect();
            let grid = resample(&axis, &y, 450.0, 2.0, 150);
            let area: f64 = grid.iter().sum::<f64>() * 2.0;
            let truth = 5.0 * std::f64::consts::PI.sqrt();
            assert!((area / truth - 1.0).abs() < 2e-3, "pitch {pitch}: area {area} of {truth}");
        }
    }
}
