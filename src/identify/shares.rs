//! How much of each of a few known materials: amplitudes against pure scans of the same session, on their own scale.

use crate::signal::{Prepared, SavitzkyGolay, prepare};
use crate::spectrum::Spectrum;

use super::linear::{Span, Whitening, non_negative};

/// A blend in terms of pure scans.
#[derive(Clone, Debug, PartialEq)]
pub struct Blend {
    /// Amplitude of each material: 1 means as much light as its pure scan gave.
    pub amplitudes: Vec<f64>,
    /// Amplitude over the sum of amplitudes, which allows for how strongly each material scatters.
    pub fractions: Vec<f64>,
}

/// Fits a scan by pure scans of the same session that were not normalised, with noise weights, a joint smooth
/// background and non-negativity. Each material may have several pure scans; their mean is its
/// column. None where a scan has no band or the ranges do not meet.
///
/// What is conserved when a material is blended is the area of its bands. Their height is not: neighbours of another kind
/// broaden sharp bands, and a fit of shapes then reads the sharp material low. So every scan is smoothed alike, as one
/// instrument has one resolution whatever each scan shows of it, and each material's bands are free to move and to widen
/// to first order (the first and second derivative of its pure scan, which carry no area).
pub fn fit_blend(blend: &Spectrum, pure: &[Vec<Spectrum>]) -> Option<Blend> {
    let resolution_cm1 = pure.iter().flatten().chain([blend]).map(|s| prepare(s).resolution_cm1()).reduce(f64::min)?;
    let alike = |s: &Spectrum| prepare(&s.clone().with_resolution(resolution_cm1));
    let query = alike(blend);
    let materials: Vec<Vec<Prepared>> = pure.iter().map(|scans| scans.iter().map(alike).collect()).collect();
    let all = || materials.iter().flatten().chain([&query]);
    let first = all().map(Prepared::first).max()?;
    let end = all().map(|p| p.first() + p.signal().len()).min()?;
    if end < first + 100 || all().any(|p| p.quality().is_empty_scan()) || materials.iter().any(Vec::is_empty) {
        return None;
    }
    let value = |p: &Prepared, position: f64| -> f64 {
        let i = (position - p.first() as f64).max(0.0);
        let (cell, t) = (i.floor() as usize, i.fract());
        // With the baseline: what is smooth is fitted jointly, instead of being taken off each scan by itself.
        let whole = |i: usize| Some(p.signal().get(i)? + p.baseline().get(i)?);
        let a = whole(cell).unwrap_or(0.0);
        let b = whole(cell + 1).unwrap_or(a);
        p.unit() * (a + (b - a) * t)
    };
    let target: Vec<f64> = (first..end).map(|cell| value(&query, cell as f64)).collect();
    let sigmas: Vec<Option<f64>> = (first..end)
        .map(|cell| {
            let i = cell - query.first();
            let ok = query.usable().get(i).copied().unwrap_or(false);
            // Pure scans of the same session are no strangers: noise is the only error.
            ok.then_some(query.unit() * query.noise_sd().get(i)?)
        })
        .collect();
    let whitening = Whitening::new(&sigmas);
    let target = whitening.whiten(&target);
    let column = |scans: &[Prepared]| -> Vec<f64> {
        let mean = |cell: usize| scans.iter().map(|p| value(p, cell as f64)).sum::<f64>() / scans.len() as f64;
        (first..end).map(mean).collect()
    };
    let pure: Vec<Vec<f64>> = materials.iter().map(|scans| column(scans)).collect();
    let mut nuisance: Vec<Vec<f64>> = Vec::new();
    for derivative in [1, 2] {
        let filter = SavitzkyGolay::new(5, 3, derivative, 1.0).ok()?;
        nuisance.extend(pure.iter().map(|curve| whitening.whiten(&filter.apply(curve))));
    }
    let span = Span::of(&nuisance.iter().map(Vec::as_slice).collect::<Vec<_>>());
    let target = span.outside(&target);
    let columns: Vec<Vec<f64>> = pure.iter().map(|c| span.outside(&whitening.whiten(c))).collect();
    let set: Vec<&[f64]> = columns.iter().map(Vec::as_slice).collect();
    let amplitudes = non_negative(&target, &set);
    let whole: f64 = amplitudes.iter().sum();
    (whole > 0.0).then(|| Blend { fractions: amplitudes.iter().map(|a| a / whole).collect(), amplitudes })
}

#[cfg(test)]
mod tests {
    use rand::SeedableRng;
    use rand_distr::{Distribution, Normal};

    use super::*;
    use crate::spectrum::{Band, Technique};

    /// Position, height, width (cm-1): a material of sharp bands, and one of broad bands.
    const SHARP: [(f64, f64, f64); 5] =
        [(620.0, 0.2, 9.0), (1001.0, 1.0, 7.0), (1031.0, 0.35, 8.0), (1155.0, 0.15, 11.0), (1602.0, 0.4, 10.0)];
    const BROAD: [(f64, f64, f64); 5] =
        [(870.0, 0.6, 30.0), (935.0, 0.3, 28.0), (1135.0, 0.5, 35.0), (1340.0, 0.5, 30.0), (1455.0, 1.0, 27.0)];

    /// A scan: shares, widths of the bands and their places as multiples and additions, a background, counting noise.
    fn scan(shares: (f64, f64), widen: (f64, f64), moved_cm1: f64, seed: u64) -> Spectrum {
        let mut rng = rand_chacha::ChaCha8Rng::seed_from_u64(seed);
        let axis: Vec<f64> = (0..1200).map(|i| 320.0 + 1.4 * f64::from(i)).collect();
        let of = |bands: &[(f64, f64, f64)], share: f64, widen: f64| -> Vec<Band> {
            let widened = |(at, height, width): &(f64, f64, f64)| {
                // A wider band of the same area is lower.
                Band {
                    position_cm1: at + moved_cm1,
                    height: share * height / widen,
                    fwhm_cm1: width * widen,
                    lorentz_fraction: 0.5,
                }
            };
            bands.iter().map(widened).collect()
        };
        let bands: Vec<Band> = of(&SHARP, shares.0, widen.0).into_iter().chain(of(&BROAD, shares.1, widen.1)).collect();
        let counts = axis
            .iter()
            .map(|x| {
                let light = 900.0 + 0.2 * x + 4_000.0 * bands.iter().map(|b| b.value_at(*x)).sum::<f64>();
                light + Normal::new(0.0, light.sqrt()).unwrap().sample(&mut rng)
            })
            .collect();
        Spectrum::new(Technique::Raman, axis, counts).unwrap()
    }

    #[test]
    fn bands_that_widen_or_move_in_the_blend_do_not_change_the_fractions() {
        let pure = [
            (0..9).map(|i| scan((1.0, 0.0), (1.0, 1.0), 0.0, i)).collect::<Vec<_>>(),
            (9..18).map(|i| scan((0.0, 1.0), (1.0, 1.0), 0.0, i)).collect(),
        ];
        for (widen, moved) in [
            ((1.0, 1.0), 0.0),
            ((1.12, 1.0), 0.0),
            ((1.12, 1.05), 0.6),
            ((0.93, 1.0), -0.6),
            // Without the second derivative this one is read 0.018 low at 0.4.
            ((1.2, 1.0), 0.0),
        ] {
            for stated in [0.2, 0.4, 0.6, 0.9] {
                let fitted = |seed| fit_blend(&scan((stated, 1.0 - stated), widen, moved, seed), &pure).unwrap();
                let off = (100..106).map(|seed| fitted(seed).fractions[0] - stated).sum::<f64>() / 6.0;
                assert!(off.abs() < 0.01, "widths x {widen:?}, moved {moved} cm-1: {stated} read as {off:+.3}");
            }
        }
    }
}
