//! A measured spectrum as bands, so that it can become a reference.

use crate::spectrum::{Band, Spectrum};

use super::{Prepared, prepare};

/// Distance of neighbouring centres in grid steps.
const SPACING: usize = 1;
/// Rounds of coordinate descent; heights change by less than noise long before.
const ROUNDS: usize = 300;
/// Bands lower than this share of the strongest, or than this many standard deviations of the noise, are dropped.
const LOWEST: (f64, f64) = (0.002, 1.0);
/// A Gaussian is over at this many widths.
const REACH: f64 = 2.0;

/// What [`bands_of`] finds.
#[derive(Clone, Debug, PartialEq)]
pub struct BandModel {
    /// Bands, ascending by position, strongest 1.
    pub bands: Vec<Band>,
    /// Resolution that is in their widths, cm-1.
    pub resolution_cm1: f64,
    /// Range that was measured, cm-1.
    pub range_cm1: (f64, f64),
}

/// Conditions a spectrum and writes it as a non-negative sum of Gaussians of one width on the search grid: not the
/// physical bands, but a curve that can be broadened and drawn at any resolution. None for a spectrum without bands.
pub fn bands_of(spectrum: &Spectrum) -> Option<BandModel> {
    let prepared = prepare(spectrum);
    if prepared.quality().is_empty_scan() {
        return None;
    }
    let heights = heights(&prepared);
    let top = heights.iter().copied().fold(0.0, f64::max);
    if top <= 0.0 {
        return None;
    }
    let (grid, fwhm_cm1) = (prepared.grid(), prepared.match_resolution_cm1());
    let bands = heights
        .iter()
        .enumerate()
        .filter(|(i, h)| {
            let noise = prepared.noise_sd().get(i * SPACING).copied().unwrap_or(0.0);
            **h > (LOWEST.0 * top).max(LOWEST.1 * noise)
        })
        .map(|(i, h)| Band {
            position_cm1: grid.at(prepared.first() + i * SPACING),
            height: h / top,
            fwhm_cm1,
            lorentz_fraction: 0.0,
        })
        .collect();
    Some(BandModel { bands, resolution_cm1: fwhm_cm1, range_cm1: prepared.quality().range_cm1 })
}

/// Non-negative heights of Gaussians at every grid point: cyclic coordinate descent on a banded system.
fn heights(prepared: &Prepared) -> Vec<f64> {
    let step = prepared.grid().step_cm1();
    let fwhm = prepared.match_resolution_cm1();
    let reach = (REACH * fwhm / step).ceil() as usize;
    let shape: Vec<f64> = (0..=reach)
        .map(|d| {
            let u = 2.0 * d as f64 * step / fwhm;
            (-std::f64::consts::LN_2 * u * u).exp()
        })
        .collect();
    let signal = prepared.signal();
    let n = signal.len();
    let mut rest: Vec<f64> = signal.iter().zip(prepared.usable()).map(|(s, ok)| if *ok { *s } else { 0.0 }).collect();
    let norm: f64 = shape.iter().map(|v| v * v).sum::<f64>() * 2.0 - 1.0;
    let mut heights = vec![0.0; n.div_ceil(SPACING)];
    for _ in 0..ROUNDS {
        let mut moved = 0.0_f64;
        for (k, height) in heights.iter_mut().enumerate() {
            let at = k * SPACING;
            let (from, to) = (at.saturating_sub(reach), (at + reach + 1).min(n));
            let Some(near) = rest.get_mut(from..to) else { continue };
            let value = |i: usize| shape.get((from + i).abs_diff(at)).copied().unwrap_or(0.0);
            let along: f64 = near.iter().enumerate().map(|(i, r)| r * value(i)).sum();
            let new = (*height + along / norm).max(0.0);
            let change = new - *height;
            if change != 0.0 {
                near.iter_mut().enumerate().for_each(|(i, r)| *r -= change * value(i));
                moved = moved.max(change.abs());
                *height = new;
            }
        }
        if moved < 1e-5 {
            break;
        }
    }
    heights
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::spectrum::Technique;

    #[test]
    fn the_bands_draw_the_measured_curve_again() {
        let truth = [(400.0, 0.4, 9.0), (612.5, 1.0, 12.0), (625.0, 0.7, 14.0), (1500.0, 0.3, 25.0)]
            .map(|(position_cm1, height, fwhm_cm1)| Band { position_cm1, height, fwhm_cm1, lorentz_fraction: 0.3 });
        let axis: Vec<f64> = (0..900).map(|i| 260.0 + 2.0 * f64::from(i)).collect();
        let y = axis.iter().map(|x| 1e4 * truth.iter().map(|b| b.value_at(*x)).sum::<f64>() + 200.0).collect();
        let spectrum = Spectrum::new(Technique::Raman, axis, y).unwrap().with_resolution(8.0);
        let prepared = prepare(&spectrum);
        let model = bands_of(&spectrum).unwrap();
        let drawn = |x: f64| model.bands.iter().map(|b| b.value_at(x)).sum::<f64>();
        let top = prepared.grid().axis_cm1().iter().map(|x| drawn(*x)).fold(0.0, f64::max);
        for (i, s) in prepared.signal().iter().enumerate() {
            let x = prepared.grid().at(prepared.first() + i);
            assert!((drawn(x) / top - s).abs() < 0.02, "at {x}: {} against {s}", drawn(x) / top);
        }
    }

    #[test]
    fn an_empty_spectrum_has_no_bands() {
        let axis: Vec<f64> = (0..900).map(|i| 260.0 + 2.0 * f64::from(i)).collect();
        let flat = Spectrum::new(Technique::Raman, axis, vec![10.0; 900]).unwrap();
        assert_eq!(bands_of(&flat), None);
    }
}
