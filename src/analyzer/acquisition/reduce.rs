//! From exposures to a spectrum: offset, dark, nonlinearity, cosmic rays, unusable pixels, noise of every point, the
//! Raman-shift axis. Pure, so that stored counts give the same spectrum again.

use super::detector::{electric_offset, hot_pixels, interpolate, linear, unusable};
use super::noise::NoiseModel;
use super::statistics::{mean, median};
use super::{Exposure, ScanConditions};
use crate::analyzer::{AnalyzerError, DetectorFacts};
use crate::spectrum::{Spectrum, SpectrumError, Technique, shift_cm1};

/// Standard deviations above the other exposures at which a count is a cosmic ray.
const COSMIC_SIGMAS: f64 = 6.0;
/// Pixels on each side among which a cosmic ray in the dark is looked for; the nearest ones are left out, because a hit
/// often reaches into them.
const NEIGHBOURS: usize = 6;
const NEAREST: usize = 1;
/// How well the signal of an unchanged sample repeats from exposure to exposure, as a share: portable instruments were
/// measured between 1.3 and 3.2 %.
const REPEATABILITY: f64 = 0.02;
/// Pixels whose change is added up.
const BLOCK: usize = 32;
/// Pixels of a block that cosmic rays may hit.
const HIT_PIXELS: usize = 4;
/// Largest change of the laser's power between exposures that is taken for one, as a factor.
const GAIN: (f64, f64) = (0.2, 5.0);

/// What is known about the instrument beside the exposures.
#[derive(Clone, Copy, Debug)]
pub struct Optics<'a> {
    /// Wavelength polynomial, nm over the 0-based pixel, constant term first.
    pub wavelength_coefficients_nm: &'a [f64],
    /// Laser wavelength, nm.
    pub excitation_nm: f64,
    /// Resolution (full width at half maximum), cm-1.
    pub resolution_cm1: f64,
    /// What the detector says of itself.
    pub detector: &'a DetectorFacts,
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
            if wavelength_nm > 0.0 { shift_cm1(optics.excitation_nm, wavelength_nm) } else { f64::NAN }
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

/// A spectrum and what was found on the way to it.
#[derive(Clone, Debug, PartialEq)]
pub struct Reduced {
    /// Light minus dark on the Raman-shift axis that the device reports, with the noise of every point and the saturated
    /// points.
    pub spectrum: Spectrum,
    /// What was found; calibration, check and choice of exposure are not filled in.
    pub conditions: ScanConditions,
}

/// One exposure in numbers, its electronic offset taken off.
struct Frame {
    counts: Vec<f64>,
    offset: f64,
}

impl Frame {
    fn of(exposure: &Exposure, facts: &DetectorFacts) -> Self {
        let offset = electric_offset(&exposure.counts, facts).unwrap_or(0.0);
        Self { counts: exposure.counts.iter().map(|c| f64::from(*c) - offset).collect(), offset }
    }
}

/// Light minus dark, with what the detector says of itself taken into account.
///
/// All light exposures must be taken at the same settings; the dark may average more readouts.
pub fn reduce(dark: &Exposure, light: &[Exposure], optics: &Optics<'_>) -> Result<Reduced, AnalyzerError> {
    let pixels = dark.counts.len();
    if let Some(exposure) = light.iter().find(|exposure| exposure.counts.len() != pixels) {
        return Err(SpectrumError::Lengths { axis: pixels, intensity: exposure.counts.len() }.into());
    }
    let axis = raman_shift_axis_cm1(optics, pixels)?;
    let facts = optics.detector;
    let saturation = f64::from(light.iter().map(|exposure| exposure.saturation_counts).min().unwrap_or(u32::MAX));
    let mut dark_frame = Frame::of(dark, facts);
    let frames: Vec<Frame> = light.iter().map(|exposure| Frame::of(exposure, facts)).collect();
    let gains = relative_power(&frames, &dark_frame.counts, saturation);
    // Brought to the mean power of the laser: what is above the dark is divided by the exposure's share of it.
    let columns: Vec<Vec<f64>> = dark_frame
        .counts
        .iter()
        .enumerate()
        .map(|(p, dark)| {
            let exposures = frames.iter().zip(&gains);
            exposures.filter_map(|(frame, gain)| Some(dark + (frame.counts.get(p)? - dark) / gain)).collect()
        })
        .collect();
    let levels: Vec<f64> = columns.iter().map(|column| mean(column)).collect();
    let offset = mean(&frames.iter().map(|f| f.offset).collect::<Vec<_>>());
    let noise = NoiseModel::of(&columns, &levels, saturation - offset);

    let light_averages = f64::from(light.first().map_or(1, |exposure| exposure.scans_averaged).max(1));
    let dark_gain = light_averages / f64::from(dark.scans_averaged.max(1));
    let dark_sd = |counts: f64| (noise.variance(counts) * dark_gain).sqrt();
    let mut light_counts = Vec::with_capacity(pixels);
    let mut noise_sd = Vec::with_capacity(pixels);
    let mut saturated = Vec::new();
    let mut cosmic_hits = 0;
    for (p, (column, dark)) in columns.iter().zip(&dark_frame.counts).enumerate() {
        let kept = without_cosmic_rays(column, &noise);
        cosmic_hits += column.len() - kept.len();
        let values: Vec<f64> = kept.iter().filter_map(|k| column.get(*k)).copied().collect();
        let level = mean(&values);
        light_counts.push(level);
        let variance = noise.variance(level) / values.len().max(1) as f64 + noise.variance(*dark) * dark_gain;
        noise_sd.push(variance.sqrt());
        let raw = |k: &usize| light.get(*k).and_then(|e| e.counts.get(p)).map_or(0.0, |c| f64::from(*c));
        if kept.iter().any(|k| raw(k) >= saturation) || dark + dark_frame.offset >= saturation {
            saturated.push(p);
        }
    }
    let hot = hot_pixels(&dark_frame.counts, dark_sd, saturation);
    mend_dark(&mut dark_frame.counts, &light_counts, &noise_sd, dark_sd);
    // A cosmic ray in the dark looks like a hot pixel until it is mended.
    let hot: Vec<usize> = {
        let still = hot_pixels(&dark_frame.counts, dark_sd, saturation);
        hot.into_iter().filter(|p| still.contains(p)).collect()
    };
    let change = change(&frames, &dark_frame.counts, &noise, &saturated);
    let interpolated = unusable(facts, &hot, pixels);
    let mut intensity = Vec::with_capacity(pixels);
    for ((light, dark), sd) in light_counts.iter().zip(&dark_frame.counts).zip(&mut noise_sd) {
        let (value, growth) = linear(light - dark, facts);
        intensity.push(value);
        *sd *= growth;
    }
    interpolate(&mut intensity, &interpolated);
    interpolate(&mut noise_sd, &interpolated);
    for p in &interpolated {
        // What lies between two pixels is known worse than either.
        if let Some(sd) = noise_sd.get_mut(*p) {
            *sd *= 2.0;
        }
    }
    saturated.retain(|p| interpolated.binary_search(p).is_err());
    let spectrum = Spectrum::new(Technique::Raman, axis, intensity)?
        .with_noise(noise_sd)?
        .with_saturated(saturated)
        .with_resolution(optics.resolution_cm1);
    let conditions = ScanConditions {
        changed_during_scan: change.map(|c| c.sigmas),
        change_share: change.map(|c| c.share),
        interpolated_pixels: interpolated,
        hot_pixels: hot,
        cosmic_hits,
        detector: facts.clone(),
        ..ScanConditions::default()
    };
    Ok(Reduced { spectrum, conditions })
}

/// Signal of each exposure relative to their mean: the laser's power drifts and fluorescence bleaches.
fn relative_power(frames: &[Frame], dark: &[f64], saturation: f64) -> Vec<f64> {
    // The median over the pixels ignores cosmic rays; a pixel counts where there is light.
    let first: Vec<f64> =
        frames.first().map(|f| f.counts.iter().zip(dark).map(|(y, d)| y - d).collect()).unwrap_or_default();
    let bright = first.iter().copied().fold(0.0, f64::max) * 0.1;
    let ratios: Vec<f64> = frames
        .iter()
        .map(|frame| {
            let lit = frame.counts.iter().zip(dark).zip(&first).filter(|((y, _), reference)| {
                **reference > bright && bright > 0.0 && **y + frame.offset < saturation && **reference < saturation
            });
            let (sum, of) = lit.fold((0.0, 0.0), |(sum, of), ((y, d), reference)| (sum + (y - d), of + reference));
            let ratio = sum / of;
            if ratio.is_finite() && (GAIN.0..=GAIN.1).contains(&ratio) { ratio } else { 1.0 }
        })
        .collect();
    let middle = mean(&ratios);
    ratios.into_iter().map(|r| r / middle).collect()
}

/// How much the light changed from the first to the last exposure.
#[derive(Clone, Copy)]
struct Change {
    sigmas: f64,
    share: f64,
}

/// Compares the first and the last exposure: the whole signal, and blocks of pixels after the whole is made equal.
fn change(frames: &[Frame], dark: &[f64], noise: &NoiseModel, saturated: &[usize]) -> Option<Change> {
    let (first, last) = (frames.first()?, frames.last()?);
    if frames.len() < 2 {
        return None;
    }
    // Above the dark in the first and the last exposure, and the variance of one readout.
    let lit: Vec<(f64, f64, f64)> = dark
        .iter()
        .enumerate()
        .filter(|(p, _)| saturated.binary_search(p).is_err())
        .filter_map(|(p, dark)| {
            let (a, b) = (first.counts.get(p)?, last.counts.get(p)?);
            Some((a - dark, b - dark, noise.variance(*a)))
        })
        .collect();
    // A cosmic ray is no change of the sample: the few pixels of each block that changed most are left out.
    let blocks: Vec<Vec<(f64, f64, f64)>> = lit
        .chunks(BLOCK)
        .map(|block| {
            let mut block = block.to_vec();
            block.sort_by(|l, r| (l.1 - l.0).abs().total_cmp(&(r.1 - r.0).abs()));
            block.truncate(block.len() - (block.len() / 2).min(HIT_PIXELS));
            block
        })
        .collect();
    let lit = blocks.concat();
    let sum = |of: &dyn Fn(&(f64, f64, f64)) -> f64, over: &[(f64, f64, f64)]| over.iter().map(of).sum::<f64>();
    let (a, b, variance) = (sum(&|l| l.0, &lit), sum(&|l| l.1, &lit), sum(&|l| l.2, &lit));
    let ratio = if a > 0.0 && (GAIN.0..=GAIN.1).contains(&(b / a)) { b / a } else { 1.0 };
    let whole = (b - a) / (2.0 * variance + (REPEATABILITY * a).powi(2)).sqrt();
    let blocks = blocks.iter().map(|block| {
        let (a, b, variance) = (sum(&|l| l.0, block), sum(&|l| l.1, block), sum(&|l| l.2, block));
        (b - ratio * a) / (2.0 * variance + (REPEATABILITY * a).powi(2)).sqrt()
    });
    let sigmas = blocks.chain([whole]).map(f64::abs).filter(|s| s.is_finite()).fold(0.0, f64::max);
    let share = b / a - 1.0;
    Some(Change { sigmas, share: if share.is_finite() { share } else { 0.0 } })
}

/// Indices of the exposures whose counts are not far above the others. With two exposures the lower one is believed.
fn without_cosmic_rays(column: &[f64], noise: &NoiseModel) -> Vec<usize> {
    if column.len() < 2 {
        return (0..column.len()).collect();
    }
    let reference =
        if column.len() == 2 { column.iter().copied().fold(f64::INFINITY, f64::min) } else { median(column.to_vec()) };
    // A difference of two readouts.
    let limit = reference + COSMIC_SIGMAS * (2.0 * noise.variance(reference)).sqrt();
    column.iter().enumerate().filter(|(_, counts)| **counts <= limit).map(|(k, _)| k).collect()
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

    static NO_FACTS: DetectorFacts = DetectorFacts {
        nonlinearity_coefficients: Vec::new(),
        bad_pixels: Vec::new(),
        electric_dark_pixels: Vec::new(),
    };

    fn optics() -> Optics<'static> {
        Optics {
            wavelength_coefficients_nm: &[790.0, 0.3, -1e-5],
            excitation_nm: 785.0,
            resolution_cm1: 9.0,
            detector: &NO_FACTS,
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
            let (largest, mean_square) = pulls(&reduce(&dark, &light, &optics()).expect("a spectrum").spectrum);
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
            let (largest, _) = pulls(&reduce(&dark, &light, &optics()).expect("a spectrum").spectrum);
            assert!(largest < 7.0, "hit in exposure {hit}: {largest} standard deviations remain");
        }
    }

    #[test]
    fn a_hot_pixel_is_subtracted_and_not_mended() {
        let (mut dark, mut light) = exposures(3);
        for exposure in light.iter_mut().chain([&mut dark]) {
            exposure.counts[200] += 900;
        }
        let (largest, _) = pulls(&reduce(&dark, &light, &optics()).expect("a spectrum").spectrum);
        assert!(largest < 6.0, "{largest}");
    }

    #[test]
    fn saturated_pixels_are_named_and_a_saturating_cosmic_ray_is_not() {
        let (dark, mut light) = exposures(3);
        for exposure in &mut light {
            exposure.counts[500] = 16_383;
        }
        light[1].counts[600] = 16_383;
        let spectrum = reduce(&dark, &light, &optics()).expect("a spectrum").spectrum;
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
