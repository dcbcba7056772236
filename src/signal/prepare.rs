//! The one way from a measured spectrum to one that can be searched.

use crate::spectrum::{Spectrum, Technique};

use super::despike::despike;
use super::noise::{median, noise_profile};
use super::{Quality, SearchGrid, arpls, gaussian_blur, resample};

/// Resolutions (full width at half maximum) at which spectra are matched, cm-1, sharpest first. A query is smoothed to
/// the sharpest of these that it can reach, and references are synthesised at the same one.
pub const MATCH_RESOLUTION_CM1: [f64; 6] = [9.0, 10.0, 11.0, 12.0, 14.0, 17.0];

/// Least smoothing, full width at half maximum, cm-1: it costs little resolution and takes the pixel noise away.
const LEAST_SMOOTHING_CM1: f64 = 5.0;
/// Line width assumed for the spike test when neither stated nor measurable, cm-1.
const USUAL_RESOLUTION_CM1: f64 = 6.0;
/// Share of the noise seen in the data below which stated noise is not believed; the rest may be bands.
const SEEN_SHARE: f64 = 0.8;
/// Points closer than this are one point, cm-1.
const CLOSEST_CM1: f64 = 0.02;
/// A hole in the axis wider than this is not bridged, cm-1.
const WIDEST_HOLE_CM1: f64 = 16.0;
/// Height, as a share of the largest value of the spectrum, that the baseline's solver can leave of a flat line (3e-6 was
/// seen); no band that low rises out of the shot noise of what it stands on.
const ROUNDING: f64 = 1e-5;
/// Full width at half maximum of a Gaussian over its standard deviation.
const FWHM_PER_SIGMA: f64 = 2.354_820_045;

/// A spectrum after conditioning, on the [`SearchGrid`] of its technique. Only [`prepare`] builds one.
#[derive(Clone, Debug, PartialEq)]
pub struct Prepared {
    technique: Technique,
    grid: SearchGrid,
    first: usize,
    signal: Vec<f64>,
    noise_sd: Vec<f64>,
    usable: Vec<bool>,
    baseline: Vec<f64>,
    resolution_cm1: f64,
    match_index: usize,
    unit: f64,
    quality: Quality,
}

impl Prepared {
    /// What 1 in [`Self::signal`] is in the unit of the measurement (counts, absorbance).
    pub const fn unit(&self) -> f64 {
        self.unit
    }

    /// Technique of the measurement.
    pub const fn technique(&self) -> Technique {
        self.technique
    }

    /// The grid that [`Self::first`] counts on.
    pub const fn grid(&self) -> SearchGrid {
        self.grid
    }

    /// Index of the first covered grid point.
    pub const fn first(&self) -> usize {
        self.first
    }

    /// Band signal above the baseline at the match resolution, one value per covered grid point; the strongest is 1
    /// unless there is no band at all.
    pub fn signal(&self) -> &[f64] {
        &self.signal
    }

    /// Standard deviation of the noise of each value of [`Self::signal`], same unit.
    pub fn noise_sd(&self) -> &[f64] {
        &self.noise_sd
    }

    /// False where the detector was saturated or the axis has a hole.
    pub fn usable(&self) -> &[bool] {
        &self.usable
    }

    /// The baseline that was taken off, in units of [`Self::signal`].
    pub fn baseline(&self) -> &[f64] {
        &self.baseline
    }

    /// Resolution of the instrument, stated or estimated from the sharpest bands, cm-1.
    pub const fn resolution_cm1(&self) -> f64 {
        self.resolution_cm1
    }

    /// Which of [`MATCH_RESOLUTION_CM1`] the signal was smoothed to.
    pub const fn match_index(&self) -> usize {
        self.match_index
    }

    /// The resolution the signal was smoothed to, cm-1.
    pub fn match_resolution_cm1(&self) -> f64 {
        MATCH_RESOLUTION_CM1.get(self.match_index).copied().unwrap_or(MATCH_RESOLUTION_CM1[0])
    }

    /// What a fit leaves of this scan, in the unit that makes `unit` of the old signal 1. `fitted` is the part that is taken
    /// away and `error` its standard deviation, from grid point `start` on; points that they do not reach are unusable.
    #[must_use]
    pub fn less(&self, start: usize, fitted: &[f64], error: &[f64], unit: f64) -> Self {
        let mut rest = self.clone();
        for (i, ((signal, noise), usable)) in
            rest.signal.iter_mut().zip(&mut rest.noise_sd).zip(&mut rest.usable).enumerate()
        {
            let place = (i + self.first).checked_sub(start);
            match place.and_then(|p| Some((fitted.get(p)?, error.get(p)?))) {
                Some((f, e)) => {
                    *signal = (*signal - f) / unit;
                    *noise = noise.hypot(*e) / unit;
                }
                None => *usable = false,
            }
        }
        rest
    }

    /// Quality of the spectrum.
    pub const fn quality(&self) -> &Quality {
        &self.quality
    }
}

/// Conditions a spectrum: cosmic rays out, resampled with the area conserved, baseline off, smoothed to a match
/// resolution, noise carried along, quality measured. Never fails: a spectrum that is worth nothing comes out with a
/// quality that says so. Every number in the result is finite.
pub fn prepare(spectrum: &Spectrum) -> Prepared {
    prepare_to(spectrum, 0)
}

/// The same at match resolution number `at_least`, or at the sharpest coarser one that the spectrum can reach: a measured
/// reference is conditioned like the query it is compared with.
pub fn prepare_to(spectrum: &Spectrum, at_least: usize) -> Prepared {
    let technique = spectrum.technique();
    let grid = SearchGrid::of(technique);
    let points = Points::within(spectrum, grid);
    let stated = spectrum.resolution_cm1().filter(|r| (0.5..=60.0).contains(r));

    let pitch = points.pitch();
    let line_width = stated.unwrap_or(USUAL_RESOLUTION_CM1) / pitch;
    let clean = despike(&points.y, line_width);
    let native_noise = seen_noise(points.noise.as_deref(), &clean.values);

    let cells = match (points.x.first(), points.x.last()) {
        (Some(lo), Some(hi)) => grid.span(*lo, *hi),
        _ => 0..0,
    };
    let raw = resample(&points.x, &clean.values, grid, cells.clone());
    // Noise per square root of a cm-1: what is left of it after smoothing depends only on the width of the smoothing.
    let density: Vec<f64> = resample(&points.x, &native_noise, grid, cells.clone())
        .into_iter()
        .map(|sd| sd.max(0.0) * pitch.sqrt())
        .collect();
    let baseline = arpls(&raw, grid.step_cm1()).values;
    let bands: Vec<f64> = raw.iter().zip(&baseline).map(|(y, z)| y - z).collect();

    let cell_noise: Vec<f64> = density.iter().map(|d| d / grid.step_cm1().max(pitch).sqrt()).collect();
    let resolution_cm1 =
        stated.or_else(|| sharpest_line(&bands, &cell_noise, grid.step_cm1())).unwrap_or(USUAL_RESOLUTION_CM1);
    let wanted = resolution_cm1.hypot(LEAST_SMOOTHING_CM1);
    let match_index = MATCH_RESOLUTION_CM1.iter().position(|r| *r >= wanted).unwrap_or(MATCH_RESOLUTION_CM1.len() - 1);
    let match_index = match_index.max(at_least.min(MATCH_RESOLUTION_CM1.len() - 1));
    let extra = (MATCH_RESOLUTION_CM1[match_index].powi(2) - resolution_cm1.powi(2)).max(1.0).sqrt();
    let sigma = extra / FWHM_PER_SIGMA;
    let mut signal = gaussian_blur(&bands, sigma / grid.step_cm1());
    // White noise of density d behind a Gaussian of sigma s: variance d^2 / (2 s sqrt(pi)).
    let shrink = (2.0 * sigma * std::f64::consts::PI.sqrt()).sqrt();
    let mut noise_sd: Vec<f64> = density.iter().zip(&cell_noise).map(|(d, c)| (d / shrink).min(*c)).collect();

    let usable = points.usable(grid, cells.clone(), resolution_cm1);
    let inside = |i: usize| usable.get(i).copied().unwrap_or(false);
    let top = signal.iter().enumerate().filter(|(i, _)| inside(*i)).map(|(_, v)| *v).fold(0.0, f64::max);
    let top = if top < ROUNDING { 0.0 } else { top };
    let snr = signal
        .iter()
        .take(if top > 0.0 { signal.len() } else { 0 })
        .zip(&noise_sd)
        .enumerate()
        .filter(|(i, _)| inside(*i))
        .map(|(_, (s, n))| s / n.max(1e-6 * top).max(1e-12))
        .fold(0.0, f64::max);
    let mut background = baseline.clone();
    let unit = if top > 0.0 { top } else { 1.0 };
    let fluorescence = if top > 0.0 { (median(&mut background) / top).max(0.0) } else { 0.0 };
    for v in signal.iter_mut().chain(noise_sd.iter_mut()) {
        *v /= unit;
    }
    let quality = Quality {
        snr,
        saturated_points: points.saturated,
        fluorescence,
        range_cm1: if cells.is_empty() { spectrum.range_cm1() } else { (grid.at(cells.start), grid.at(cells.end - 1)) },
        spikes: clean.replaced.len(),
    };
    Prepared {
        technique,
        grid,
        first: cells.start,
        signal,
        noise_sd,
        usable,
        baseline: baseline.into_iter().map(|z| z / unit).collect(),
        resolution_cm1,
        match_index,
        unit: unit * points.scale,
        quality,
    }
}

/// The points of a spectrum on and around the grid, scaled to at most 1.
struct Points {
    x: Vec<f64>,
    y: Vec<f64>,
    noise: Option<Vec<f64>>,
    saturated_x: Vec<f64>,
    saturated: usize,
    scale: f64,
}

impl Points {
    fn within(spectrum: &Spectrum, grid: SearchGrid) -> Self {
        let (lo, hi) = (grid.at(0) - 60.0, grid.at(grid.len() - 1) + 60.0);
        let axis = spectrum.axis_cm1();
        let all = spectrum.intensity();
        let mut keep: Vec<usize> = Vec::with_capacity(axis.len());
        for (i, x) in axis.iter().enumerate() {
            let far_enough = keep.last().and_then(|k| axis.get(*k)).is_none_or(|last| x - last >= CLOSEST_CM1);
            if (lo..=hi).contains(x) && far_enough {
                keep.push(i);
            }
        }
        if keep.len() < 16 {
            keep.clear();
        }
        let pick = |values: &[f64]| -> Vec<f64> { keep.iter().filter_map(|i| values.get(*i)).copied().collect() };
        let (x, mut y) = (pick(axis), pick(all));
        let scale = y.iter().fold(0.0f64, |m, v| m.max(v.abs()));
        let scale = if scale > 0.0 { scale } else { 1.0 };
        for v in &mut y {
            *v /= scale;
        }
        let noise = spectrum
            .noise_sd()
            .map(|sd| pick(sd).into_iter().map(|s| (s / scale).min(1e6)).collect::<Vec<_>>())
            .filter(|sd| sd.iter().any(|s| *s > 0.0));
        let mut saturated = spectrum.saturated().to_vec();
        saturated.extend(clipped(all));
        saturated.sort_unstable();
        saturated.dedup();
        let saturated_x: Vec<f64> = saturated.iter().filter_map(|i| axis.get(*i)).copied().collect();
        Self { x, y, noise, saturated: saturated_x.len(), saturated_x, scale }
    }

    /// Median distance of neighbours, cm-1.
    fn pitch(&self) -> f64 {
        let mut steps: Vec<f64> = self.x.windows(2).map(|w| w[1] - w[0]).collect();
        let middle = median(&mut steps);
        if middle > 0.0 { middle } else { 1.0 }
    }

    fn usable(&self, grid: SearchGrid, cells: std::ops::Range<usize>, resolution_cm1: f64) -> Vec<bool> {
        let mut usable = vec![true; cells.len()];
        let mut spoil = |lo: f64, hi: f64| {
            for cell in grid.span(lo, hi) {
                if let Some(flag) = cell.checked_sub(cells.start).and_then(|i| usable.get_mut(i)) {
                    *flag = false;
                }
            }
        };
        for x in &self.saturated_x {
            spoil(x - 2.0 * resolution_cm1, x + 2.0 * resolution_cm1);
        }
        let widest = WIDEST_HOLE_CM1.max(2.5 * grid.step_cm1());
        for w in self.x.windows(2) {
            if w[1] - w[0] > widest {
                spoil(w[0], w[1]);
            }
        }
        usable
    }
}

/// Noise of each point: as stated, but never below most of what the data themselves show, because an acquisition cannot
/// state everything (pixels of unequal response under a high background, digitisation).
fn seen_noise(stated: Option<&[f64]>, values: &[f64]) -> Vec<f64> {
    let seen = noise_profile(values);
    match stated {
        Some(stated) => stated.iter().zip(seen).map(|(a, b)| a.max(SEEN_SHARE * b)).collect(),
        None => seen,
    }
}

/// Points that sit on one common top value, as a clipped readout does: five or more equal to the maximum, at least
/// three of them side by side, and the maximum well above the rest.
fn clipped(y: &[f64]) -> Vec<usize> {
    let top = y.iter().copied().fold(f64::NEG_INFINITY, f64::max);
    let middle = median(&mut y.to_vec());
    let at_top: Vec<usize> = y.iter().enumerate().filter(|(_, v)| **v == top).map(|(i, _)| i).collect();
    let side_by_side = at_top.windows(3).any(|w| w[2] - w[0] == 2);
    let stands_out = top > 0.0 && top > 1.05 * middle && at_top.len() * 2 < y.len();
    let all_high = top >= 4095.0 && at_top.len() * 2 >= y.len();
    if at_top.len() >= 5 && side_by_side && (stands_out || all_high) { at_top } else { Vec::new() }
}

/// Width of the instrument's line as the sharpest strong bands show it: the median of the three narrowest, less a
/// natural width of 4 cm-1 in quadrature; none when no band is strong enough.
fn sharpest_line(bands: &[f64], noise: &[f64], step_cm1: f64) -> Option<f64> {
    let top = bands.iter().copied().fold(0.0, f64::max);
    let mut widths: Vec<f64> = Vec::new();
    for i in 1..bands.len().saturating_sub(1) {
        let h = bands[i];
        if h < 0.1 * top || h < 12.0 * noise[i] || h < bands[i - 1] || h <= bands[i + 1] {
            continue;
        }
        let cross = |range: &mut dyn Iterator<Item = usize>| -> Option<f64> {
            let mut above = h;
            for (steps, k) in range.enumerate() {
                if bands[k] <= 0.5 * h {
                    return Some(steps as f64 + (above - 0.5 * h) / (above - bands[k]));
                }
                above = bands[k];
            }
            None
        };
        if let (Some(l), Some(r)) = (cross(&mut (0..i).rev()), cross(&mut (i + 1..bands.len()))) {
            widths.push((l + r) * step_cm1);
        }
    }
    if widths.is_empty() {
        return None;
    }
    widths.sort_by(f64::total_cmp);
    let width = widths[widths.len().min(3) / 2];
    Some((width * width - 16.0).max(4.0).sqrt().clamp(2.0, 14.0))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use rand::SeedableRng;
    use rand_distr::{Distribution, Normal};

    fn scan(bands: &[(f64, f64)], fwhm: f64, noise: f64) -> Spectrum {
        let mut rng = rand_chacha::ChaCha8Rng::seed_from_u64(11);
        let normal = Normal::new(0.0, noise).unwrap();
        let axis: Vec<f64> = (0..1000).map(|i| 250.0 + 1.8 * f64::from(i)).collect();
        let y = axis
            .iter()
            .map(|x| {
                let lines: f64 = bands
                    .iter()
                    .map(|(at, h)| h * (-std::f64::consts::LN_2 * (2.0 * (x - at) / fwhm).powi(2)).exp())
                    .sum();
                3000.0 + 0.4 * x + lines + normal.sample(&mut rng)
            })
            .collect();
        Spectrum::new(Technique::Raman, axis, y).unwrap()
    }

    #[test]
    fn the_resolution_is_estimated_from_the_sharpest_bands() {
        let p = prepare(&scan(&[(620.0, 900.0), (1001.0, 5000.0), (1602.0, 2000.0)], 8.0, 10.0));
        assert!((5.5..9.0).contains(&p.resolution_cm1()), "{}", p.resolution_cm1());
        assert!(p.quality().snr > 100.0);
    }

    #[test]
    fn noise_alone_is_an_empty_scan_and_a_band_of_ten_sigma_is_not() {
        assert!(prepare(&scan(&[], 8.0, 10.0)).quality().is_empty_scan());
        assert!(!prepare(&scan(&[(1001.0, 150.0)], 8.0, 10.0)).quality().is_empty_scan());
    }

    #[test]
    fn the_noise_that_is_carried_along_is_the_noise_that_is_there() {
        let p = prepare(&scan(&[(400.0, 2000.0)], 8.0, 20.0));
        let quiet = &p.signal()[300..850];
        let mean = quiet.iter().sum::<f64>() / quiet.len() as f64;
        let sd = (quiet.iter().map(|v| (v - mean).powi(2)).sum::<f64>() / quiet.len() as f64).sqrt();
        let claimed = p.noise_sd()[300..850].iter().sum::<f64>() / 550.0;
        assert!((0.7..1.3).contains(&(claimed / sd)), "claimed {claimed}, seen {sd}");
    }

    #[test]
    fn a_clipped_readout_is_saturated() {
        let spectrum = scan(&[(1001.0, 60000.0)], 12.0, 10.0);
        let clipped = spectrum.intensity().iter().map(|v| v.min(16383.0)).collect();
        let spectrum = Spectrum::new(Technique::Raman, spectrum.axis_cm1().to_vec(), clipped).unwrap();
        let p = prepare(&spectrum);
        assert!(p.quality().saturated_points >= 5);
        assert!(!p.usable()[p.grid().nearest(1001.0) - p.first()]);
    }

    proptest! {
        #[test]
        fn any_spectrum_gives_finite_numbers(
            start in -5000.0..5000.0f64,
            steps in prop::collection::vec(1e-9..40.0f64, 32..400),
            values in prop::collection::vec(prop_oneof![-1e300..1e300f64, -10.0..1e5f64, Just(0.0)], 400),
            technique in prop::sample::select(Technique::ALL.to_vec()),
        ) {
            let mut x = start;
            let axis: Vec<f64> = steps.iter().map(|s| { x += s; x }).collect();
            let n = axis.len();
            if let Ok(spectrum) = Spectrum::new(technique, axis, values[..n].to_vec()) {
                let p = prepare(&spectrum);
                prop_assert!(p.signal().iter().chain(p.noise_sd()).chain(p.baseline()).all(|v| v.is_finite()));
                prop_assert!(p.quality().snr.is_finite() && p.quality().fluorescence.is_finite());
                prop_assert_eq!(p.signal().len(), p.usable().len());
            }
        }
    }
}
