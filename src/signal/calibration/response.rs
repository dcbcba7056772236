//! Relative response of an instrument from a glass whose luminescence is certified (ASTM E2911; NIST SRM 2241 and its
//! sisters): response = measured over certified.

use crate::signal::{gaussian_blur, noise_profile};
use crate::spectrum::{ResponseCurve, Spectrum};

use super::{CalibrationError, Luminescence};

/// Distance between the knots of the curve, cm-1. Responses are smooth; what changes faster is the pixel's own and stays.
const KNOTS_CM1: f64 = 10.0;
/// Smoothing before the division, standard deviation in cm-1.
const SMOOTH_CM1: f64 = 10.0;
/// Response below this share of the greatest is not divided by: behind the edge filter there is no light.
const LEAST_RESPONSE: f64 = 0.03;
/// Signal over noise that the smoothed luminescence must have everywhere in the range.
const LEAST_SNR: f64 = 30.0;
/// Difference between the kit's laser and the certificate's that still counts as the same, nm.
const SAME_LASER_NM: f64 = 2.0;

/// The response of the instrument that measured `spectrum`, which is the glass with the dark subtracted and the axis
/// corrected, without any response applied.
pub fn fit_response(
    glass: &Luminescence,
    spectrum: &Spectrum,
    excitation_nm: f64,
) -> Result<ResponseCurve, CalibrationError> {
    if (glass.excitation_nm - excitation_nm).abs() > SAME_LASER_NM {
        return Err(CalibrationError::WrongLaser {
            name: glass.name.clone(),
            certified_nm: glass.excitation_nm,
            excitation_nm,
        });
    }
    if !spectrum.saturated().is_empty() {
        return Err(CalibrationError::Saturated(spectrum.saturated().len()));
    }
    let x = spectrum.axis_cm1();
    let (from, to) = spectrum.range_cm1();
    let pitch_cm1 = (to - from) / (x.len().max(2) - 1) as f64;
    let sd_points = (SMOOTH_CM1 / pitch_cm1).max(0.5);
    let smooth = gaussian_blur(spectrum.intensity(), sd_points);
    let noise = spectrum.noise_sd().map_or_else(|| noise_profile(spectrum.intensity()), <[f64]>::to_vec);
    // What a Gaussian of this width lets through of the standard deviation of white noise.
    let through = (0.5 / (sd_points * std::f64::consts::PI.sqrt())).sqrt().min(1.0);
    let ratio: Vec<(f64, f64, f64)> = x
        .iter()
        .zip(&smooth)
        .zip(&noise)
        .filter_map(|((x, y), sd)| Some((*x, y / glass.at(*x)?, y / (sd * through).max(f64::MIN_POSITIVE))))
        .collect();
    let greatest = ratio.iter().map(|r| r.1).fold(0.0, f64::max);
    let usable = longest_run(&ratio, |r| r.1 > LEAST_RESPONSE * greatest);
    let (Some(first), Some(last)) = (usable.first(), usable.last()) else {
        return Err(CalibrationError::NoBands);
    };
    let weakest = usable.iter().map(|r| r.2).fold(f64::INFINITY, f64::min);
    if weakest < LEAST_SNR {
        return Err(CalibrationError::WeakLuminescence { snr: weakest.max(0.0) });
    }
    let count = (((last.0 - first.0) / KNOTS_CM1).ceil() as usize).clamp(1, 10_000);
    let mut shift_cm1 = Vec::with_capacity(count + 1);
    let mut response = Vec::with_capacity(count + 1);
    for i in 0..=count {
        let at = first.0 + (last.0 - first.0) * i as f64 / count as f64;
        let Some(nearest) = usable.get(usable.partition_point(|r| r.0 < at).min(usable.len() - 1)) else { continue };
        if shift_cm1.last().is_none_or(|x| *x < nearest.0) {
            shift_cm1.push(nearest.0);
            response.push(nearest.1 / greatest);
        }
    }
    Ok(ResponseCurve { shift_cm1, response })
}

/// The longest stretch in which `good` holds.
fn longest_run<T>(values: &[T], good: impl Fn(&T) -> bool) -> &[T] {
    values.split(|v| !good(v)).max_by_key(|run| run.len()).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::signal::calibration::Standards;
    use crate::spectrum::{Correction, Technique};

    fn response(x: f64) -> f64 {
        (1.0 / (1.0 + ((205.0 - x) / 8.0).exp()))
            * (1.0 - 0.6 * (x / 2_300.0).powi(2))
            * (1.0 + 0.1 * (x / 180.0).sin())
    }

    fn axis() -> Vec<f64> {
        (0..1_024).map(|i| 190.0 + 2.05 * f64::from(i)).collect()
    }

    #[test]
    fn the_response_is_found_within_a_percent_and_levels_another_spectrum() {
        let standards = Standards::bundled().unwrap();
        let glass = standards.glass("SRM2241").unwrap();
        let light = axis().iter().map(|x| 5e4 * glass.at(*x).unwrap_or(0.0) * response(*x)).collect();
        let spectrum = Spectrum::new(Technique::Raman, axis(), light).unwrap();
        let curve = fit_response(glass, &spectrum, 785.0).unwrap();
        let (low, high) = curve.range_cm1();
        assert!(low < 260.0 && high > 2_280.0, "{low} to {high}");
        let scale = curve.at(1_000.0) / response(1_000.0);
        for x in axis().into_iter().filter(|x| (260.0..2_280.0).contains(x)) {
            assert!((curve.at(x) / response(x) / scale - 1.0).abs() < 0.01, "{x}");
        }
        let flat =
            Spectrum::new(Technique::Raman, axis(), axis().iter().map(|x| 1e4 * response(*x)).collect()).unwrap();
        let level = Correction { response: Some(curve), ..Correction::default() }.apply(&flat).unwrap();
        let inside: Vec<f64> = level.intensity().iter().copied().skip(40).collect();
        let (least, most) = inside.iter().fold((f64::INFINITY, 0.0_f64), |(a, b), v| (a.min(*v), b.max(*v)));
        assert!(most / least < 1.02, "{least} to {most}");
    }

    #[test]
    fn another_laser_saturation_and_weak_light_are_refused() {
        let standards = Standards::bundled().unwrap();
        let glass = standards.glass("srm2241").unwrap();
        let light: Vec<f64> = axis().iter().map(|x| 100.0 * glass.at(*x).unwrap_or(0.0)).collect();
        let spectrum = || Spectrum::new(Technique::Raman, axis(), light.clone()).unwrap();
        let refused = |s: &Spectrum, nm| fit_response(glass, s, nm).unwrap_err();
        assert!(matches!(refused(&spectrum(), 830.0), CalibrationError::WrongLaser { .. }));
        assert!(matches!(refused(&spectrum().with_saturated(vec![5]), 785.0), CalibrationError::Saturated(1)));
        let weak = spectrum().with_noise(vec![20.0; 1_024]).unwrap();
        assert!(matches!(refused(&weak, 785.0), CalibrationError::WeakLuminescence { .. }));
        let dark = Spectrum::new(Technique::Raman, axis(), vec![0.0; 1_024]).unwrap();
        assert!(fit_response(glass, &dark, 785.0).is_err());
    }
}
