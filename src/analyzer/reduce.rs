//! From exposures to a spectrum: cosmic rays, dark subtraction, noise of every point, the Raman-shift axis. Pure, so
//! that stored counts give the same spectrum again.

use super::{AnalyzerError, Exposure};
use crate::spectrum::{Spectrum, Technique};

/// Standard deviations above the other exposures at which a count is a cosmic ray.
const COSMIC_SIGMAS: f64 = 6.0;
/// Pixels on each side among which a cosmic ray in the dark is looked for; the nearest ones are left out, because a hit
/// often reaches into them.
const NEIGHBOURS: usize = 6;
const NEAREST: usize = 1;
/// Least variance of a readout, counts squared: that of rounding to whole counts.
const ROUNDING_VARIANCE: f64 = 1.0 / 12.0;
/// Groups of pixels of similar counts from which the noise model is read, and the fewest pixels of a group.
const LEVELS: usize = 16;
const LEVEL_PIXELS_MIN: usize = 24;

/// What is known about the instrument beside the exposures.
#[derive(Clone, Copy, Debug)]
pub struct Optics<'a> {
    /// Wavelength polynomial, nm over the 0-based pixel, constant term first.
    pub wavelength_coefficients_nm: &'a [f64],
    /// Laser wavelength, nm.
    pub excitation_nm: f64,
    /// Resolution (full width at half maximum), cm-1.
    pub resolution_cm1: f64,
    /// Name of the spectrometer's port, for errors.
    pub port: &'a str,
}

/// Raman shift of every pixel, cm-1: `1e7 / laser - 1e7 / wavelength` with both in nm. An error where that does not
/// rise strictly.
pub fn raman_shift_axis_cm1(optics: &Optics<'_>, pixels: usize) -> Result<Vec<f64>, AnalyzerError> {
    let refuse = |why: &str| AnalyzerError::Calibration {
        port: optics.port.to_owned(),
        excitation_nm: optics.excitation_nm,
        why: why.to_owned(),
    };
    if !(optics.excitation_nm.is_finite() && optics.excitation_nm > 0.0) {
        return Err(refuse("the laser wavelength is no length"));
    }
    let axis: Vec<f64> = (0..pixels)
        .map(|pixel| {
            let p = pixel as f64;
            let wavelength_nm = optics.wavelength_coefficients_nm.iter().rev().fold(0.0, |sum, c| sum * p + c);
            if wavelength_nm > 0.0 { 1e7 / optics.excitation_nm - 1e7 / wavelength_nm } else { f64::NAN }
        })
        .collect();
    if axis.iter().any(|shift| !shift.is_finite()) {
        return Err(refuse("some wavelengths are not positive"));
    }
    if axis.windows(2).any(|pair| matches!(pair, [a, b] if b <= a)) {
        return Err(refuse("the wavelengths do not rise from pixel to pixel"));
    }
    if axis.last().is_none_or(|last| *last <= 0.0) {
        return Err(refuse("the whole detector lies on the blue side of the laser"));
    }
    Ok(axis)
}

/// Light minus dark on the Raman-shift axis, with the noise of every point and the saturated points.
///
/// All light exposures must be taken at the same settings; the dark may average more readouts.
pub fn reduce(dark: &Exposure, light: &[Exposure], optics: &Optics<'_>) -> Result<Spectrum, AnalyzerError> {
    let pixels = dark.counts.len();
    if let Some(exposure) = light.iter().find(|exposure| exposure.counts.len() != pixels) {
        return Err(crate::spectrum::SpectrumError::Lengths { axis: pixels, intensity: exposure.counts.len() }.into());
    }
    let axis = raman_shift_axis_cm1(optics, pixels)?;
    let columns: Vec<Vec<f64>> = (0..pixels)
        .map(|p| light.iter().filter_map(|exposure| exposure.counts.get(p)).map(|c| f64::from(*c)).collect())
        .collect();
    let saturation = light.iter().map(|exposure| exposure.saturation_counts).min().unwrap_or(u32::MAX);
    let noise = NoiseModel::of(&columns, f64::from(saturation));

    let mut dark_counts: Vec<f64> = dark.counts.iter().map(|c| f64::from(*c)).collect();
    let light_averages = f64::from(light.first().map_or(1, |exposure| exposure.scans_averaged).max(1));
    let dark_gain = light_averages / f64::from(dark.scans_averaged.max(1));
    let mut light_counts = Vec::with_capacity(pixels);
    let mut noise_sd = Vec::with_capacity(pixels);
    let mut saturated = Vec::new();
    for (p, (column, dark)) in columns.iter().zip(&dark_counts).enumerate() {
        let kept = without_cosmic_rays(column, &noise);
        let mean = mean(&kept);
        light_counts.push(mean);
        let variance = noise.variance(mean) / kept.len().max(1) as f64 + noise.variance(*dark) * dark_gain;
        noise_sd.push(variance.sqrt());
        if kept.iter().chain([dark]).any(|counts| *counts >= f64::from(saturation)) {
            saturated.push(p);
        }
    }
    mend_dark(&mut dark_counts, &light_counts, &noise_sd, |counts| (noise.variance(counts) * dark_gain).sqrt());
    let intensity = light_counts.iter().zip(&dark_counts).map(|(light, dark)| light - dark).collect();
    Ok(Spectrum::new(Technique::Raman, axis, intensity)?
        .with_noise(noise_sd)?
        .with_saturated(saturated)
        .with_resolution(optics.resolution_cm1))
}

/// Variance of one light readout over its counts: `read + slope * counts`. The read noise (with the offset of the
/// counts in it) and the shot noise are fitted to what the exposures themselves show, because the gain of the detector
/// is not known from the protocol.
#[derive(Clone, Copy, Debug, PartialEq)]
struct NoiseModel {
    read: f64,
    slope: f64,
}

impl NoiseModel {
    fn of(columns: &[Vec<f64>], saturation: f64) -> Self {
        let mut points = scatter(columns);
        // A clipped pixel shows no noise at all.
        points.retain(|(level, variance)| *level < saturation && variance.is_finite());
        points.sort_by(|a, b| a.0.total_cmp(&b.0));
        let repeats = columns.first().map_or(0, Vec::len);
        let of_median = median_of_mean_square(repeats.saturating_sub(1).max(1));
        let group = points.len().div_ceil(LEVELS).max(LEVEL_PIXELS_MIN);
        let levels: Vec<(f64, f64)> = points
            .chunks(group)
            .map(|chunk| {
                let level = median(chunk.iter().map(|(level, _)| *level).collect());
                let variance = median(chunk.iter().map(|(_, variance)| *variance).collect()) / of_median;
                (level, variance.max(ROUNDING_VARIANCE))
            })
            .collect();
        Self::fit(&levels)
    }

    /// Least squares with the same relative error for every level; a slope below zero is noise of the fit.
    fn fit(levels: &[(f64, f64)]) -> Self {
        let weighted =
            |value: &dyn Fn(f64, f64) -> f64| levels.iter().map(|(x, v)| value(*x, *v) / (v * v)).sum::<f64>();
        let (w, x, v) = (weighted(&|_, _| 1.0), weighted(&|x, _| x), weighted(&|_, v| v));
        let (xx, xv) = (weighted(&|x, _| x * x), weighted(&|x, v| x * v));
        let determinant = w * xx - x * x;
        let slope = if determinant > 1e-9 * w * xx { ((w * xv - x * v) / determinant).max(0.0) } else { 0.0 };
        let read = if w > 0.0 { (v - slope * x) / w } else { ROUNDING_VARIANCE };
        Self { read, slope }
    }

    fn variance(&self, counts: f64) -> f64 {
        (self.read + self.slope * counts).max(ROUNDING_VARIANCE)
    }
}

/// For every pixel its counts and the variance of one readout as this pixel alone shows it: between the exposures, or,
/// with a single exposure, against its two neighbours (a difference `a - 2b + c` has six times the variance).
fn scatter(columns: &[Vec<f64>]) -> Vec<(f64, f64)> {
    if columns.first().is_some_and(|column| column.len() >= 2) {
        return columns
            .iter()
            .map(|column| {
                let mean = mean(column);
                let sum: f64 = column.iter().map(|counts| (counts - mean).powi(2)).sum();
                (mean, sum / (column.len() - 1) as f64)
            })
            .collect();
    }
    columns
        .windows(3)
        .filter_map(|window| match window {
            [a, b, c] => Some((a.first()?, b.first()?, c.first()?)),
            _ => None,
        })
        .map(|(a, b, c)| (*b, (a - 2.0 * b + c).powi(2) / 6.0))
        .collect()
}

/// Median of the mean square of `freedom` normal deviates of variance 1 (Wilson-Hilferty beyond the first, whose value
/// is exact).
fn median_of_mean_square(freedom: usize) -> f64 {
    if freedom == 1 {
        return 0.454_936;
    }
    (1.0 - 2.0 / (9.0 * freedom as f64)).powi(3)
}

/// The counts of one pixel without those far above the others. With two exposures the lower one is believed.
fn without_cosmic_rays(column: &[f64], noise: &NoiseModel) -> Vec<f64> {
    if column.len() < 2 {
        return column.to_vec();
    }
    let reference =
        if column.len() == 2 { column.iter().copied().fold(f64::INFINITY, f64::min) } else { median(column.to_vec()) };
    // A difference of two readouts.
    let limit = reference + COSMIC_SIGMAS * (2.0 * noise.variance(reference)).sqrt();
    column.iter().copied().filter(|counts| *counts <= limit).collect()
}

/// Replaces cosmic rays in the dark. There is one dark exposure, so a hit is known by its shape: far above its
/// neighbours in the dark, and a hole in the difference. A hot pixel is no hole, because the light has it too. A weak
/// hit under the tip of a narrow, strong band makes no hole either and stays: it lowers that band a little.
fn mend_dark(dark: &mut [f64], light: &[f64], noise_sd: &[f64], dark_sd: impl Fn(f64) -> f64) {
    let difference: Vec<f64> = light.iter().zip(dark.iter()).map(|(light, dark)| light - dark).collect();
    let original = dark.to_vec();
    for (p, value) in dark.iter_mut().enumerate() {
        let near =
            original.iter().enumerate().skip(p.saturating_sub(NEIGHBOURS)).take_while(|(i, _)| *i <= p + NEIGHBOURS);
        let level = median(near.filter(|(i, _)| i.abs_diff(p) > NEAREST).map(|(_, v)| *v).collect());
        if *value <= level + COSMIC_SIGMAS * dark_sd(level) {
            continue;
        }
        // The pixels just outside the hit; at the edge of the detector there is only one.
        let outside = [p.checked_sub(NEAREST + 1), p.checked_add(NEAREST + 1)];
        let outside: Vec<f64> = outside.into_iter().flatten().filter_map(|i| difference.get(i)).copied().collect();
        let hole =
            difference.get(p).zip(noise_sd.get(p)).is_some_and(|(d, sd)| *d < mean(&outside) - COSMIC_SIGMAS * sd);
        if hole {
            *value = level;
        }
    }
}

fn mean(values: &[f64]) -> f64 {
    values.iter().sum::<f64>() / values.len().max(1) as f64
}

/// Middle value, or the mean of the two middle ones; 0 of nothing.
fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    let middle = values.len() / 2;
    match (values.get(middle), values.len() % 2) {
        (Some(upper), 0) => {
            f64::midpoint(*upper, middle.checked_sub(1).and_then(|i| values.get(i)).copied().unwrap_or(*upper))
        }
        (Some(value), _) => *value,
        (None, _) => 0.0,
    }
}

#[cfg(test)]
mod tests {
    use rand::SeedableRng;
    use rand_chacha::ChaCha8Rng;
    use rand_distr::{Distribution, Normal};

    use super::*;
    use crate::analyzer::{ExposureKind, LaserState};

    const PIXELS: usize = 1_024;
    const OFFSET: f64 = 1_500.0;
    const READ_SD: f64 = 8.0;
    /// Counts per electron.
    const GAIN: f64 = 0.2;

    fn optics() -> Optics<'static> {
        Optics {
            wavelength_coefficients_nm: &[790.0, 0.3, -1e-5],
            excitation_nm: 785.0,
            resolution_cm1: 9.0,
            port: "test",
        }
    }

    fn truth(pixel: usize) -> f64 {
        let x = pixel as f64;
        3_000.0 * (-(x - 400.0).powi(2) / 50.0).exp() + 2_000.0 * x / PIXELS as f64
    }

    fn exposure(kind: ExposureKind, averages: u16, seed: u64) -> Exposure {
        let mut rng = ChaCha8Rng::seed_from_u64(seed);
        let counts = (0..PIXELS)
            .map(|p| {
                let signal = if kind == ExposureKind::Light { truth(p) } else { 0.0 };
                let sd = ((READ_SD.powi(2) + GAIN * signal) / f64::from(averages)).sqrt();
                let noise = Normal::new(0.0, sd).unwrap().sample(&mut rng);
                (OFFSET + signal + noise).round().max(0.0) as u32
            })
            .collect();
        Exposure {
            kind,
            counts,
            integration_us: 1_000_000,
            scans_averaged: averages,
            saturation_counts: 16_383,
            temperatures_c: Vec::new(),
            laser_before: LaserState::Off,
            laser_after: LaserState::Off,
            started_ms: 0,
        }
    }

    fn exposures(count: u64) -> (Exposure, Vec<Exposure>) {
        let light = (0..count).map(|i| exposure(ExposureKind::Light, 1, 10 + i)).collect();
        (exposure(ExposureKind::Dark, 2, 1), light)
    }

    /// Largest deviation from the truth in units of the stated noise, and the mean square of all of them.
    fn pulls(spectrum: &Spectrum) -> (f64, f64) {
        let noise = spectrum.noise_sd().expect("noise is known");
        let pulls: Vec<f64> =
            spectrum.intensity().iter().zip(noise).enumerate().map(|(p, (y, sd))| (y - truth(p)) / sd).collect();
        let largest = pulls.iter().fold(0.0_f64, |m, v| m.max(v.abs()));
        (largest, pulls.iter().map(|v| v * v).sum::<f64>() / pulls.len() as f64)
    }

    #[test]
    fn the_stated_noise_is_the_scatter_around_the_truth() {
        for count in [1, 2, 3, 5] {
            let (dark, light) = exposures(count);
            let (largest, mean_square) = pulls(&reduce(&dark, &light, &optics()).expect("a spectrum"));
            assert!((0.75..1.35).contains(&mean_square), "{count} exposures: mean square {mean_square}");
            assert!(largest < 6.0, "{count} exposures: {largest} standard deviations");
        }
    }

    #[test]
    fn a_cosmic_ray_in_any_exposure_leaves_no_trace() {
        for hit in 0..4 {
            let (mut dark, mut light) = exposures(3);
            for p in [100, 101, 400, 700] {
                let counts = if hit == 3 { &mut dark.counts[p] } else { &mut light[hit].counts[p] };
                *counts += 900;
            }
            let (largest, _) = pulls(&reduce(&dark, &light, &optics()).expect("a spectrum"));
            assert!(largest < 7.0, "hit in exposure {hit}: {largest} standard deviations remain");
        }
    }

    #[test]
    fn a_hot_pixel_is_subtracted_and_not_mended() {
        let (mut dark, mut light) = exposures(3);
        for exposure in light.iter_mut().chain([&mut dark]) {
            exposure.counts[200] += 900;
        }
        let (largest, _) = pulls(&reduce(&dark, &light, &optics()).expect("a spectrum"));
        assert!(largest < 6.0, "{largest}");
    }

    #[test]
    fn saturated_pixels_are_named_and_a_saturating_cosmic_ray_is_not() {
        let (dark, mut light) = exposures(3);
        for exposure in &mut light {
            exposure.counts[500] = 16_383;
        }
        light[1].counts[600] = 16_383;
        let spectrum = reduce(&dark, &light, &optics()).expect("a spectrum");
        assert_eq!(spectrum.saturated(), [500]);
    }

    #[test]
    fn the_axis_is_the_difference_of_wavenumbers() {
        let axis = raman_shift_axis_cm1(&optics(), PIXELS).expect("an axis");
        // 820 nm under 785 nm: 1e7 / 785 - 1e7 / 820 = 543.73 cm-1.
        let near = Optics { wavelength_coefficients_nm: &[820.0, 0.1], ..optics() };
        assert!((raman_shift_axis_cm1(&near, 2).expect("an axis")[0] - 543.731).abs() < 0.001);
        assert!(axis.windows(2).all(|w| w[1] > w[0]));
        let refused: [(&[f64], f64); 5] = [
            (&[790.0], 785.0),
            (&[790.0, -0.1], 785.0),
            (&[-1.0, 0.1], 785.0),
            (&[600.0, 0.01], 785.0),
            (&[790.0, 0.3], 0.0),
        ];
        for (coefficients, excitation_nm) in refused {
            let optics = Optics { wavelength_coefficients_nm: coefficients, excitation_nm, ..optics() };
            assert!(raman_shift_axis_cm1(&optics, PIXELS).is_err(), "{coefficients:?} {excitation_nm}");
        }
    }

    #[test]
    fn exposures_of_different_length_are_no_spectrum() {
        let (dark, mut light) = exposures(2);
        light[1].counts.pop();
        assert!(reduce(&dark, &light, &optics()).is_err());
        assert!(reduce(&Exposure { counts: vec![], ..dark }, &[], &optics()).is_err());
    }
}
