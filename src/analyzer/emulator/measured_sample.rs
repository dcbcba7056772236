//! A measured spectrum as what lies under the probe: its curve becomes a row of narrow bands close to each other, so that
//! the forward model needs to know nothing of files.

use crate::spectrum::{Band, Spectrum};

use super::{Sample, SamplePart};

/// Distance of two bands, cm-1: half the resolution of the emulated instruments.
const STEP_CM1: f64 = 4.0;
/// Standard deviation of a band in steps: the sum of such Gaussians is flat to a millionth where the curve is.
const SIGMA_STEPS: f64 = 0.85;
/// Full width at half maximum of a Gaussian over its standard deviation, 2 sqrt(2 ln 2).
const FWHM_PER_SIGMA: f64 = 2.354_820_045_030_949;

impl Sample {
    /// A sample that sends the curve of `spectrum`, its lowest value as no light. What is finer than 8 cm-1 is lost. Such
    /// a sample is already real: put it on a bench with [`super::Gap::NONE`].
    #[must_use]
    pub fn measured(name: &str, spectrum: &Spectrum) -> Self {
        let (from, to) = spectrum.range_cm1();
        let lowest = spectrum.intensity().iter().copied().fold(f64::INFINITY, f64::min);
        let steps = ((to - from) / STEP_CM1).floor().max(0.0) as u32;
        let bands: Vec<Band> = (0..=steps)
            .map(|step| {
                let position_cm1 = from + f64::from(step) * STEP_CM1;
                Band {
                    position_cm1,
                    height: value_at(spectrum, position_cm1) - lowest,
                    fwhm_cm1: FWHM_PER_SIGMA * SIGMA_STEPS * STEP_CM1,
                    lorentz_fraction: 0.0,
                }
            })
            .collect();
        // So many bands stand upon each other that their sum is higher than each by this.
        let pile = SIGMA_STEPS * (2.0 * std::f64::consts::PI).sqrt();
        Self { name: name.to_owned(), parts: vec![SamplePart { share: 1.0 / pile, bands }] }
    }
}

/// The curve between its points.
fn value_at(spectrum: &Spectrum, x: f64) -> f64 {
    let (axis, values) = (spectrum.axis_cm1(), spectrum.intensity());
    let after = axis.partition_point(|a| *a < x).clamp(1, axis.len().saturating_sub(1).max(1));
    match (axis.get(after - 1), axis.get(after), values.get(after - 1), values.get(after)) {
        (Some(x0), Some(x1), Some(y0), Some(y1)) => y0 + (y1 - y0) * (x - x0) / (x1 - x0),
        _ => 0.0,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::spectrum::Technique;

    #[test]
    fn the_bands_add_up_to_the_curve() {
        let axis: Vec<f64> = (0..1_000).map(|i| 200.0 + 2.3 * f64::from(i)).collect();
        let curve =
            |x: f64| 0.2 + (-((x - 1_001.0) / 25.0).powi(2)).exp() + 0.4 * (-((x - 700.0) / 120.0).powi(2)).exp();
        let heights: Vec<f64> = axis.iter().map(|x| 3_000.0 * curve(*x)).collect();
        let spectrum = Spectrum::new(Technique::Raman, axis, heights).unwrap();
        let sample = Sample::measured("measured", &spectrum);
        let part = &sample.parts[0];
        let light = |x: f64| part.share * part.bands.iter().map(|b| b.value_at(x)).sum::<f64>() / 3_000.0;
        for x in (250..2_300).step_by(7).map(f64::from) {
            let expected = curve(x) - 0.2;
            assert!((light(x) - expected).abs() < 0.02, "{x}: {} for {expected}", light(x));
        }
    }
}
