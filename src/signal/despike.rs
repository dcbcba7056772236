//! Cosmic rays in a single readout.
//!
//! After D. A. Whitaker, K. Hayes, Chemometr. Intell. Lab. Syst. 179 (2018) 82: the modified z-score of the first difference.
//! A true band climbs over several points; a cosmic ray climbs within one and falls within a few.

/// Modified z-score of a difference above which it is suspicious.
const Z_LIMIT: f64 = 9.0;
/// A spike is at most this many points wide.
const MAX_WIDTH: usize = 3;

/// Replaces spikes by the straight line between their neighbours. Returns the cleaned values and the replaced indices.
pub fn despike(y: &[f64]) -> (Vec<f64>, Vec<usize>) {
    let mut clean = y.to_vec();
    let mut replaced = Vec::new();
    if y.len() < 16 {
        return (clean, replaced);
    }
    let differences: Vec<f64> = y.windows(2).map(|w| w[1] - w[0]).collect();
    let centre = median(differences.clone());
    let spread = median(differences.iter().map(|d| (d - centre).abs()).collect()) / 0.6745;
    if spread <= 0.0 {
        return (clean, replaced);
    }
    let mut i = 1;
    while i + 1 < y.len() {
        let rise = (y[i] - y[i - 1] - centre) / spread;
        let width = (1..=MAX_WIDTH).find(|w| {
            let Some(after) = y.get(i + w) else { return false };
            let foot = y[i - 1].max(*after);
            let top = y[i..i + w].iter().copied().fold(f64::NEG_INFINITY, f64::max);
            // One flank is a cliff: most of the height is climbed or lost within one step, which no band that an
            // instrument's resolution spreads over several points can do.
            let height = top - foot;
            let cliff = (y[i] - y[i - 1]).max(y[i + w - 1] - after);
            height > Z_LIMIT * spread && cliff > 0.6 * height && is_alone(y, i, *w)
        });
        match width {
            Some(width) if rise > Z_LIMIT => {
                let (left, right) = (clean[i - 1], y[i + width]);
                for k in 0..width {
                    clean[i + k] = left + (right - left) * (k + 1) as f64 / (width + 1) as f64;
                    replaced.push(i + k);
                }
                i += width;
            }
            _ => i += 1,
        }
    }
    (clean, replaced)
}

/// True when the points beside the spike show no flank of a band: a band's neighbours stand out too.
fn is_alone(y: &[f64], start: usize, width: usize) -> bool {
    let (Some(left), Some(right)) = (start.checked_sub(3), y.get(start + width + 2)) else { return true };
    let top = y[start..start + width].iter().copied().fold(f64::NEG_INFINITY, f64::max);
    let near = y[start - 1].max(y[start + width]);
    let far = y[left].max(*right);
    near - far < 0.15 * (top - far)
}

fn median(mut values: Vec<f64>) -> f64 {
    let middle = values.len() / 2;
    *values.select_nth_unstable_by(middle, f64::total_cmp).1
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Repeatable noise of about one unit.
    fn rough(i: usize) -> f64 {
        let mixed = (i as u64).wrapping_mul(0x9E37_79B9_7F4A_7C15).rotate_left(31).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        (mixed >> 40) as f64 / f64::from(1_u32 << 23) - 1.0
    }

    #[test]
    fn a_cosmic_ray_is_taken_out_and_a_sharp_band_is_kept() {
        let mut y: Vec<f64> =
            (0..400).map(|i| 100.0 + rough(i) + 500.0 * (-((i as f64 - 200.0) / 2.2).powi(2)).exp()).collect();
        let band = y.clone();
        y[90] += 900.0;
        y[91] += 400.0;
        let (clean, replaced) = despike(&y);
        assert!(replaced.contains(&90), "replaced {replaced:?}");
        assert!((clean[90] - 100.0).abs() < 10.0 && (clean[91] - 100.0).abs() < 10.0);
        assert_eq!(clean[195..206], band[195..206], "the band was changed");
    }
}
