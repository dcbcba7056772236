//! Cosmic rays.

use super::noise::median;

/// A spectrum without its spikes, and where they were.
#[derive(Clone, Debug, PartialEq)]
pub struct Despiked {
    /// The values; spikes are replaced by a line between their unharmed neighbours.
    pub values: Vec<f64>,
    /// Indices of the replaced points, ascending.
    pub replaced: Vec<usize>,
}

/// Modified z-score of the first difference from which a step is suspicious.
const Z_LIMIT: f64 = 10.0;
/// Narrowest share of the instrument's line width that real light can show.
const NARROWEST_SHARE: f64 = 0.55;
/// Points on either side over which a spike's foot is sought.
const REACH: usize = 8;

/// Removes single-readout cosmic rays: a point is suspicious when the modified z-score of the first difference,
/// `0.6745 (d - median) / MAD` (Whitaker and Hayes, Chemom. Intell. Lab. Syst. 179 (2018) 82), is large; it is a spike
/// only when the peak it belongs to is narrower than the instrument can show (`line_width_points`, full width at half
/// maximum in points), so that true sharp bands stay. Where the pixels are too coarse for that test (a line narrower than
/// 2.5 points) nothing is removed.
pub fn despike(y: &[f64], line_width_points: f64) -> Despiked {
    let n = y.len();
    let mut out = Despiked { values: y.to_vec(), replaced: Vec::new() };
    if n < 16 || line_width_points.is_nan() || line_width_points < 2.5 {
        return out;
    }
    let difference: Vec<f64> = y.windows(2).map(|w| w[1] - w[0]).collect();
    let middle = median(&mut difference.clone());
    let mut deviation: Vec<f64> = difference.iter().map(|d| (d - middle).abs()).collect();
    let mad = median(&mut deviation);
    if mad <= 0.0 {
        return out;
    }
    let steep = |i: usize| difference.get(i).is_some_and(|d| (0.674_5 * (d - middle) / mad).abs() > Z_LIMIT);
    let widest = NARROWEST_SHARE * line_width_points;
    let mut i = 0;
    while i + 1 < n {
        if !(steep(i) && difference[i] > 0.0) {
            i += 1;
            continue;
        }
        // Climb to the top of the peak that starts here.
        let mut top = i + 1;
        while top + 1 < n && y[top + 1] > y[top] {
            top += 1;
        }
        if let Some((first, last)) = spike_around(y, top, widest, mad) {
            replace(&mut out, first, last);
            i = last.max(i + 1);
        } else {
            i = top;
        }
    }
    out
}

/// First and last point of a spike with its top at `top`, or none when the peak is as wide as light can be.
fn spike_around(y: &[f64], top: usize, widest: f64, mad: f64) -> Option<(usize, usize)> {
    let (lo, hi) = (top.saturating_sub(REACH), (top + REACH).min(y.len() - 1));
    // Foot: the lower of the medians of both sides would be fooled by a band's flank, so take each side's own minimum
    // near the peak and the higher of the two.
    let near = |range: &[f64]| range.iter().copied().fold(f64::INFINITY, f64::min);
    let left = near(&y[top.saturating_sub(3).max(lo)..top]);
    let right = near(&y[top + 1..=(top + 3).min(hi)]);
    if !left.is_finite() || !right.is_finite() {
        return None;
    }
    let foot = left.max(right);
    let height = y[top] - foot;
    if height <= Z_LIMIT * mad {
        return None;
    }
    let half = foot + 0.5 * height;
    let crossing = |mut at: usize, step: isize| -> f64 {
        loop {
            let Some(next) = at.checked_add_signed(step).filter(|k| *k < y.len()) else {
                return at as f64;
            };
            if y[next] <= half {
                let t = (y[at] - half) / (y[at] - y[next]);
                return at as f64 + step as f64 * t;
            }
            at = next;
        }
    };
    let width = crossing(top, 1) - crossing(top, -1);
    if width > widest {
        return None;
    }
    let edge = foot + 0.1 * height;
    let mut first = top;
    while first > lo && y[first - 1] > edge {
        first -= 1;
    }
    let mut last = top;
    while last < hi && y[last + 1] > edge {
        last += 1;
    }
    (last - first < REACH).then_some((first, last))
}

/// Draws a line over `first..=last` between the neighbours outside.
fn replace(out: &mut Despiked, first: usize, last: usize) {
    let before = first.checked_sub(1).and_then(|i| out.values.get(i)).copied();
    let after = out.values.get(last + 1).copied();
    let (a, b) = match (before, after) {
        (Some(a), Some(b)) => (a, b),
        (Some(v), None) | (None, Some(v)) => (v, v),
        (None, None) => return,
    };
    let span = (last - first + 2) as f64;
    for (k, i) in (first..=last).enumerate() {
        if let Some(v) = out.values.get_mut(i) {
            *v = a + (b - a) * (k + 1) as f64 / span;
            out.replaced.push(i);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use rand::SeedableRng;
    use rand_distr::{Distribution, Normal};

    /// A spectrum with sharp bands of 4 points full width at half maximum and a little noise.
    fn sharp_spectrum() -> Vec<f64> {
        let mut rng = rand_chacha::ChaCha8Rng::seed_from_u64(3);
        let normal = Normal::new(0.0, 3.0).unwrap();
        (0..1000)
            .map(|i| {
                let x = f64::from(i);
                let bands: f64 = [(200.0, 4000.0), (520.4, 9000.0), (523.0, 1500.0), (801.0, 600.0)]
                    .iter()
                    .map(|(at, h)| h * (-std::f64::consts::LN_2 * ((x - at) / 2.0f64).powi(2)).exp())
                    .sum();
                100.0 + bands + normal.sample(&mut rng)
            })
            .collect()
    }

    #[test]
    fn true_sharp_bands_stay_untouched() {
        let y = sharp_spectrum();
        let clean = despike(&y, 4.0);
        assert_eq!(clean.replaced, Vec::<usize>::new());
        assert_eq!(clean.values, y);
    }

    #[test]
    fn spikes_of_one_and_two_pixels_go_even_on_a_bands_flank() {
        let truth = sharp_spectrum();
        let mut y = truth.clone();
        y[350] += 5000.0;
        y[702] += 2500.0;
        y[703] += 1800.0;
        y[196] += 3000.0;
        let clean = despike(&y, 4.0);
        for i in [350, 702, 703, 196] {
            assert!(clean.replaced.contains(&i), "{i} of {:?}", clean.replaced);
        }
        assert!((clean.values[350] - truth[350]).abs() < 20.0);
        assert!((clean.values[702] - truth[702]).abs() < 20.0);
    }

    #[test]
    fn nothing_is_removed_where_pixels_are_too_coarse_to_tell() {
        let mut y = sharp_spectrum();
        y[350] += 5000.0;
        assert!(despike(&y, 2.0).replaced.is_empty());
    }
}
