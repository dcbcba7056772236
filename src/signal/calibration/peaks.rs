//! Bands of a measured standard: place below the pixel pitch, height, width, and how well each is known.

use crate::signal::{gaussian_blur, noise_profile};
use crate::spectrum::{Band, Spectrum};

use super::band_fit::{FittedBand, Stretch, fit_bands};

/// Most peaks of one spectrum; the most prominent ones are kept.
const PEAKS_MAX: usize = 150;
/// Prominence over the noise of the smoothed spectrum from which a maximum is a band.
const PROMINENCE_SIGMAS: f64 = 8.0;
/// Prominence below this share of the greatest is not looked at.
const PROMINENCE_SHARE: f64 = 0.004;
/// Bands nearer than this many widths are fitted together, at most so many.
const TOGETHER_WIDTHS: f64 = 2.2;
const TOGETHER_MAX: usize = 5;
/// Points beyond the outermost band of a group that belong to its fit, in widths.
const MARGIN_WIDTHS: f64 = 1.4;
/// Widths of bands that a spectrometer for this work can show, cm-1.
const FWHM_CM1: (f64, f64) = (2.0, 30.0);
/// Bands from whose widths the usual one is taken.
const TYPICAL_OF: usize = 9;
/// Saturated points this near to a band spoil its place, in widths.
const SATURATION_WIDTHS: f64 = 0.8;

/// A band as it was found.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Peak {
    /// Place, cm-1.
    pub position_cm1: f64,
    /// Standard deviation of the place, cm-1.
    pub position_sd_cm1: f64,
    /// Height over the background.
    pub height: f64,
    /// Full width at half maximum, cm-1.
    pub fwhm_cm1: f64,
    /// Standard deviation of the width, cm-1.
    pub fwhm_sd_cm1: f64,
    /// True when the detector was saturated within it: then its place means nothing.
    pub saturated: bool,
}

/// Noise of every point, as the acquisition knew it or as the spectrum shows it; never zero.
fn noise_of(spectrum: &Spectrum) -> Vec<f64> {
    let noise = spectrum.noise_sd().map_or_else(|| noise_profile(spectrum.intensity()), <[f64]>::to_vec);
    let top = spectrum.intensity().iter().fold(0.0_f64, |m, y| m.max(y.abs()));
    let least = (top * 1e-7).max(f64::MIN_POSITIVE);
    noise.into_iter().map(|sd| sd.max(least)).collect()
}

/// The bands of a spectrum, rising. They are looked for with the width that the spectrum states or a usual one, then with
/// the one that they have.
pub fn find_peaks(spectrum: &Spectrum) -> Vec<Peak> {
    let noise = noise_of(spectrum);
    let guess = spectrum.resolution_cm1().unwrap_or(8.0).clamp(FWHM_CM1.0, FWHM_CM1.1);
    let first = peaks_of_width(spectrum, &noise, guess);
    typical_width_cm1(&first).map_or(first, |width| peaks_of_width(spectrum, &noise, width))
}

/// Width of the bands of a spectrum: the median of its tallest ones. Blends and the humps of a background are wider, so
/// that they do not decide.
pub fn typical_width_cm1(peaks: &[Peak]) -> Option<f64> {
    let mut tallest: Vec<&Peak> = peaks.iter().collect();
    tallest.sort_by(|a, b| b.height.total_cmp(&a.height));
    tallest.truncate(TYPICAL_OF);
    tallest.sort_by(|a, b| a.fwhm_cm1.total_cmp(&b.fwhm_cm1));
    let middle = tallest.get(tallest.len().saturating_sub(1) / 2)?;
    Some(middle.fwhm_cm1.clamp(FWHM_CM1.0, FWHM_CM1.1))
}

fn peaks_of_width(spectrum: &Spectrum, noise: &[f64], width: f64) -> Vec<Peak> {
    let mut starts: Vec<Band> = maxima(spectrum, noise, width)
        .into_iter()
        .filter_map(|(i, prominence)| {
            let position_cm1 = *spectrum.axis_cm1().get(i)?;
            Some(Band { position_cm1, height: prominence, fwhm_cm1: width, lorentz_fraction: 0.5 })
        })
        .collect();
    starts.sort_by(|a, b| b.height.total_cmp(&a.height));
    starts.truncate(PEAKS_MAX);
    starts.sort_by(|a, b| a.position_cm1.total_cmp(&b.position_cm1));
    let mut peaks: Vec<Peak> = groups(&starts).into_iter().flat_map(|g| fit_group(spectrum, noise, g, false)).collect();
    peaks.sort_by(|a, b| a.position_cm1.total_cmp(&b.position_cm1));
    peaks
}

/// One band near `position_cm1`, with its shape fitted: for a width that means something.
pub fn measure_band(spectrum: &Spectrum, position_cm1: f64, within_cm1: f64) -> Option<Peak> {
    let peaks = find_peaks(spectrum);
    let near = peaks.iter().filter(|p| (p.position_cm1 - position_cm1).abs() <= within_cm1);
    let tallest = near.max_by(|a, b| a.height.total_cmp(&b.height))?;
    let start = Band {
        position_cm1: tallest.position_cm1,
        height: tallest.height,
        fwhm_cm1: tallest.fwhm_cm1,
        lorentz_fraction: 0.5,
    };
    fit_group(spectrum, &noise_of(spectrum), &[start], true).into_iter().next()
}

/// Indices and prominences of the maxima of the spectrum after smoothing with half a band's width.
fn maxima(spectrum: &Spectrum, noise: &[f64], fwhm_cm1: f64) -> Vec<(usize, f64)> {
    let x = spectrum.axis_cm1();
    let (from, to) = spectrum.range_cm1();
    let pitch = (to - from) / (x.len().max(2) - 1) as f64;
    // In points; a Gaussian of this width lets `1 / (2 sd sqrt(pi))` of the variance of white noise through.
    let sd_points = 0.5 * fwhm_cm1 / 2.354_8 / pitch;
    let (smooth, through) = if sd_points > 0.3 {
        (gaussian_blur(spectrum.intensity(), sd_points), (0.5 / (sd_points * std::f64::consts::PI.sqrt())).min(1.0))
    } else {
        (spectrum.intensity().to_vec(), 1.0)
    };
    let reach = ((8.0 * fwhm_cm1 / pitch).ceil() as usize).max(4);
    let mut found: Vec<(usize, f64)> = smooth
        .windows(3)
        .enumerate()
        .filter(|(_, w)| matches!(w, [a, b, c] if b > a && b >= c))
        .map(|(i, _)| (i + 1, prominence(&smooth, i + 1, reach)))
        .filter(|(i, p)| *p > PROMINENCE_SIGMAS * through.sqrt() * noise.get(*i).copied().unwrap_or(f64::INFINITY))
        .collect();
    let greatest = found.iter().map(|f| f.1).fold(0.0, f64::max);
    found.retain(|f| f.1 > PROMINENCE_SHARE * greatest);
    found
}

/// Height over the higher of the two lowest points that lie on either side before the curve rises above the maximum.
fn prominence(y: &[f64], at: usize, reach: usize) -> f64 {
    let Some(top) = y.get(at) else { return 0.0 };
    let lowest = |side: &mut dyn Iterator<Item = &f64>| {
        side.take(reach).take_while(|v| *v <= top).fold(f64::INFINITY, |m, v| m.min(*v))
    };
    let left = lowest(&mut y.iter().take(at).rev());
    let right = lowest(&mut y.iter().skip(at + 1));
    let base = left.max(right);
    if base.is_finite() { top - base } else { 0.0 }
}

/// Runs of bands so near to each other that they must be fitted together.
fn groups(starts: &[Band]) -> Vec<&[Band]> {
    let mut groups = Vec::new();
    let mut from = 0;
    for i in 1..=starts.len() {
        let apart = match (starts.get(i - 1), starts.get(i)) {
            (Some(a), Some(b)) => b.position_cm1 - a.position_cm1 > TOGETHER_WIDTHS * a.fwhm_cm1,
            _ => true,
        };
        if apart || i - from >= TOGETHER_MAX {
            groups.extend(starts.get(from..i));
            from = i;
        }
    }
    groups
}

fn fit_group(spectrum: &Spectrum, noise: &[f64], group: &[Band], free_shape: bool) -> Vec<Peak> {
    let (Some(first), Some(last)) = (group.first(), group.last()) else { return Vec::new() };
    let x = spectrum.axis_cm1();
    let from = x.partition_point(|v| *v < first.position_cm1 - MARGIN_WIDTHS * first.fwhm_cm1);
    let to = x.partition_point(|v| *v <= last.position_cm1 + MARGIN_WIDTHS * last.fwhm_cm1);
    let (Some(x_cm1), Some(y), Some(sd)) = (x.get(from..to), spectrum.intensity().get(from..to), noise.get(from..to))
    else {
        return Vec::new();
    };
    let fitted = fit_bands(&Stretch { x_cm1, y, sd }, group, free_shape).unwrap_or_default();
    let saturated_cm1: Vec<f64> = spectrum.saturated().iter().filter_map(|i| x.get(*i).copied()).collect();
    fitted.into_iter().zip(group).filter_map(|(fit, start)| peak(&fit, start, &saturated_cm1)).collect()
}

/// The fitted band as a peak, if the fit stayed with what was seen.
fn peak(fit: &FittedBand, start: &Band, saturated_cm1: &[f64]) -> Option<Peak> {
    let FittedBand { band, position_sd_cm1, fwhm_sd_cm1 } = *fit;
    let stayed = (band.position_cm1 - start.position_cm1).abs() < 0.8 * start.fwhm_cm1;
    let known = position_sd_cm1.is_finite() && position_sd_cm1 < 0.5 * start.fwhm_cm1;
    (stayed && known && band.height > 0.0).then(|| Peak {
        position_cm1: band.position_cm1,
        position_sd_cm1,
        height: band.height,
        fwhm_cm1: band.fwhm_cm1,
        fwhm_sd_cm1,
        saturated: saturated_cm1.iter().any(|x| (x - band.position_cm1).abs() < SATURATION_WIDTHS * band.fwhm_cm1),
    })
}

#[cfg(test)]
mod tests {
    use rand::SeedableRng;
    use rand_chacha::ChaCha8Rng;
    use rand_distr::{Distribution, Normal};

    use super::*;
    use crate::spectrum::Technique;

    const BANDS: [(f64, f64, f64); 6] = [
        (621.3, 300.0, 8.0),
        (1_001.37, 2_000.0, 8.0),
        (1_031.9, 600.0, 9.0),
        (1_450.2, 150.0, 9.0),
        (1_583.7, 250.0, 9.0),
        (1_602.6, 500.0, 9.0),
    ];

    fn spectrum(seed: u64) -> Spectrum {
        let mut rng = ChaCha8Rng::seed_from_u64(seed);
        let axis: Vec<f64> = (0..1_024).map(|i| 190.0 + 2.05 * f64::from(i)).collect();
        let sd: Vec<f64> = axis.iter().map(|x| 4.0 + 2.0 * (x / 500.0)).collect();
        let y = axis
            .iter()
            .zip(&sd)
            .map(|(x, sd)| {
                let bands: f64 = BANDS
                    .iter()
                    .map(|(position_cm1, height, fwhm_cm1)| {
                        Band {
                            position_cm1: *position_cm1,
                            height: *height,
                            fwhm_cm1: *fwhm_cm1,
                            lorentz_fraction: 0.4,
                        }
                        .value_at(*x)
                    })
                    .sum();
                900.0 * (-0.5 * ((x - 1_200.0) / 700.0).powi(2)).exp()
                    + bands
                    + Normal::new(0.0, *sd).unwrap().sample(&mut rng)
            })
            .collect();
        Spectrum::new(Technique::Raman, axis, y).unwrap().with_noise(sd).unwrap()
    }

    #[test]
    fn places_are_found_below_a_tenth_of_the_pitch_and_within_their_stated_uncertainty() {
        let (mut pulls, mut errors) = (Vec::new(), Vec::new());
        for seed in 0..30 {
            let peaks = find_peaks(&spectrum(seed));
            for (truth, height, _) in BANDS {
                let nearest = peaks
                    .iter()
                    .min_by(|a, b| (a.position_cm1 - truth).abs().total_cmp(&(b.position_cm1 - truth).abs()))
                    .unwrap();
                let error = nearest.position_cm1 - truth;
                pulls.push(error / nearest.position_sd_cm1);
                if height >= 500.0 {
                    errors.push(error);
                }
            }
        }
        let rms = |v: &[f64]| (v.iter().map(|e| e * e).sum::<f64>() / v.len() as f64).sqrt();
        println!(
            "n = {}: rms error of strong bands {:.3} cm-1, rms pull {:.2}",
            pulls.len(),
            rms(&errors),
            rms(&pulls)
        );
        assert!(rms(&errors) < 0.2, "{}", rms(&errors));
        assert!((0.5..1.6).contains(&rms(&pulls)), "{}", rms(&pulls));
    }

    #[test]
    fn noise_alone_has_no_bands() {
        let mut rng = ChaCha8Rng::seed_from_u64(3);
        let normal = Normal::new(1_000.0, 30.0).unwrap();
        for _ in 0..20 {
            let axis: Vec<f64> = (0..1_024).map(|i| 190.0 + 2.05 * f64::from(i)).collect();
            let y = (0..1_024).map(|_| normal.sample(&mut rng)).collect();
            let peaks = find_peaks(&Spectrum::new(Technique::Raman, axis, y).unwrap());
            assert!(peaks.is_empty(), "{peaks:?}");
        }
    }

    #[test]
    fn a_saturated_band_is_named_and_a_width_is_measured_within_a_tenth() {
        let spectrum = spectrum(1);
        let band = measure_band(&spectrum, 1_000.0, 8.0).unwrap();
        assert!((band.fwhm_cm1 / 8.0 - 1.0).abs() < 0.1, "{band:?}");
        let top = spectrum.axis_cm1().partition_point(|x| *x < 1_001.0);
        let peaks = find_peaks(&spectrum.with_saturated(vec![top]));
        let saturated: Vec<f64> = peaks.iter().filter(|p| p.saturated).map(|p| p.position_cm1).collect();
        assert!(matches!(saturated.as_slice(), [only] if (only - 1_001.4).abs() < 1.0), "{saturated:?}");
    }
}
