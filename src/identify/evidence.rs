//! Evidence in both directions: which of the query's bands does a reference explain, and which of the reference's bands
//! are missing from the query?

use crate::signal::{GRID_STEP_CM1, Prepared, gaussian};

/// Bands of the query below this share of its strongest one are not asked for.
const QUERY_FLOOR: f64 = 0.04;
/// Bands below this multiple of the noise are not asked for.
const NOISE_MULTIPLE: f64 = 6.0;
/// Bands of a reference below this share of its strongest one may hide.
const REFERENCE_FLOOR: f64 = 0.15;
/// A band counts as seen when it has this share of the expected height: responses and orientation change heights a lot,
/// they do not make bands vanish.
const SEEN_SHARE: f64 = 0.2;

/// A local maximum.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Peak {
    /// Grid index.
    pub(super) index: usize,
    /// Height over the higher of the two valleys beside it.
    pub(super) prominence: f64,
    /// Value at the maximum.
    pub(super) height: f64,
}

/// What the two spectra say about each other.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Evidence {
    /// Share of the query's bands (weighted by the root of their height) that the reference has too, 0..=1.
    pub(super) explained: f64,
    /// Share of the reference's strong, visible bands that the query lacks (weighted likewise), 0..=1.
    pub(super) missing: f64,
    /// Their positions on the query's axis, cm-1.
    pub(super) missing_cm1: Vec<f64>,
    /// Strong bands of the reference that could have been seen.
    pub(super) expected: usize,
}

/// The query's side of the evidence; made once for all references.
#[derive(Clone, Debug)]
pub(super) struct QueryBands {
    smoothed: Vec<f64>,
    pub(super) peaks: Vec<Peak>,
    noise: f64,
    first_cm1: f64,
}

impl QueryBands {
    pub(super) fn new(query: &Prepared) -> Self {
        let smoothed = gaussian(query.signal(), 1.0);
        let noise = query.noise_sd().iter().sum::<f64>() / query.noise_sd().len().max(1) as f64;
        let strongest = smoothed.iter().copied().fold(0.0, f64::max);
        let floor = (strongest * QUERY_FLOOR).max(NOISE_MULTIPLE * noise);
        let peaks = peaks(&smoothed, floor);
        Self { smoothed, peaks, noise, first_cm1: query.first_cm1() }
    }

    /// Position of a grid index, cm-1.
    pub(super) fn position_cm1(&self, index: usize) -> f64 {
        self.first_cm1 + index as f64 * GRID_STEP_CM1
    }

    /// Weighs a reference's curve (on the query's grid, already shifted) against the query within the grid `range`.
    pub(super) fn weigh(&self, curve: &[f64], range: (usize, usize), tolerance_cm1: f64) -> Evidence {
        let reach = (tolerance_cm1 / GRID_STEP_CM1).round() as usize;
        let inside = |p: &&Peak| (range.0..=range.1).contains(&p.index);
        let strongest = curve.get(range.0..=range.1).unwrap_or_default().iter().copied().fold(0.0, f64::max);
        let references = peaks(curve, strongest * 0.03);
        let amplitude = amplitude(&self.smoothed, curve, range);

        let (mut seen, mut all) = (0.0, 0.0);
        for peak in self.peaks.iter().filter(inside) {
            let weight = peak.prominence.sqrt();
            all += weight;
            let near = references.iter().any(|r| r.index.abs_diff(peak.index) <= reach);
            let high = amplitude * highest_near(curve, peak.index, reach) >= SEEN_SHARE * peak.height;
            if near && high {
                seen += weight;
            }
        }
        let (mut lacking, mut asked, mut missing_cm1, mut expected) = (0.0, 0.0, Vec::new(), 0);
        for peak in references.iter().filter(inside).filter(|p| p.height >= REFERENCE_FLOOR * strongest) {
            let height = amplitude * peak.height;
            if height < NOISE_MULTIPLE * self.noise {
                continue;
            }
            expected += 1;
            asked += peak.height.sqrt();
            if highest_near(&self.smoothed, peak.index, reach) < SEEN_SHARE * height {
                lacking += peak.height.sqrt();
                missing_cm1.push(self.position_cm1(peak.index));
            }
        }
        Evidence {
            explained: if all > 0.0 { seen / all } else { 0.0 },
            missing: if asked > 0.0 { lacking / asked } else { 1.0 },
            missing_cm1,
            expected,
        }
    }
}

/// Local maxima that stand at least `floor` over the valleys beside them (looked for within 30 cm-1).
pub(super) fn peaks(values: &[f64], floor: f64) -> Vec<Peak> {
    let reach = (30.0 / GRID_STEP_CM1) as usize;
    let mut found = Vec::new();
    for i in 1..values.len().saturating_sub(1) {
        let height = values[i];
        if height <= floor || height < values[i - 1] || height <= values[i + 1] {
            continue;
        }
        let valley = |side: &mut dyn Iterator<Item = usize>| {
            let mut lowest = height;
            for j in side {
                if values[j] > height {
                    break;
                }
                lowest = lowest.min(values[j]);
            }
            lowest
        };
        let left = valley(&mut (i.saturating_sub(reach)..i).rev());
        let right = valley(&mut (i + 1..(i + 1 + reach).min(values.len())));
        let prominence = height - left.max(right);
        if prominence >= floor {
            found.push(Peak { index: i, prominence, height });
        }
    }
    found
}

fn highest_near(values: &[f64], index: usize, reach: usize) -> f64 {
    let to = (index + reach + 1).min(values.len());
    values.get(index.saturating_sub(reach)..to).unwrap_or_default().iter().copied().fold(0.0, f64::max)
}

/// Least-squares amplitude of the curve in the query, not below zero.
fn amplitude(query: &[f64], curve: &[f64], range: (usize, usize)) -> f64 {
    let (mut qr, mut rr) = (0.0, 0.0);
    for (q, r) in query.iter().zip(curve).take(range.1 + 1).skip(range.0) {
        qr += q * r;
        rr += r * r;
    }
    if rr > 0.0 { (qr / rr).max(0.0) } else { 0.0 }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn two_bands_are_found_and_a_shoulder_of_noise_is_not() {
        let values: Vec<f64> = (0..200)
            .map(|i| {
                let x = f64::from(i);
                10.0 * (-((x - 60.0) / 4.0).powi(2)).exp() + 5.0 * (-((x - 120.0) / 4.0).powi(2)).exp()
            })
            .collect();
        let found: Vec<usize> = peaks(&values, 0.5).iter().map(|p| p.index).collect();
        assert_eq!(found, [60, 120]);
    }
}
