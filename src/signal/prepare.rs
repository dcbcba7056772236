//! The one way from a [`Spectrum`] to a [`Prepared`] one.

use thiserror::Error;

use crate::spectrum::{Spectrum, Technique};

use super::{BaselineSettings, arpls, despike, gaussian, noise_on_grid, resample};

/// Pitch of the search grid, cm-1: about a fifth of the resolution of a handheld instrument.
pub const GRID_STEP_CM1: f64 = 2.0;
/// Part of the axis that is used, cm-1: below it the edge filter of portable instruments cuts in.
const USED_CM1: (f64, f64) = (150.0, 3600.0);
/// Fewest grid points that can carry a decision.
const MIN_GRID_POINTS: usize = 100;
/// Resolution assumed where the instrument's is not known, cm-1 (full width at half maximum).
const ASSUMED_RESOLUTION_CM1: f64 = 8.0;

/// Why a spectrum cannot be conditioned.
#[derive(Clone, Debug, PartialEq, Error)]
#[non_exhaustive]
pub enum SignalError {
    /// The axis does not reach far enough into the range that is compared.
    #[error(
        "the spectrum covers {from:.0} to {to:.0} cm-1, too little of the range 150 to 3600 cm-1 in which references are compared; measure or export a wider range"
    )]
    Range {
        /// First axis value, cm-1.
        from: f64,
        /// Last axis value, cm-1.
        to: f64,
    },
    /// The axis has a gap or is too coarse.
    #[error("the axis has steps of {0:.0} cm-1, too coarse for bands of 10 cm-1; measure or export with a finer step")]
    Coarse(f64),
}

/// What the conditioning found out about the scan.
#[derive(Clone, Debug, PartialEq)]
pub struct Quality {
    /// Strongest band over the noise.
    pub snr: f64,
    /// True when saturated points lie in the compared range.
    pub saturated: bool,
    /// Mean background over the height of the strongest band.
    pub fluorescence: f64,
    /// Points that were taken for cosmic rays.
    pub spikes: usize,
}

/// A conditioned spectrum on the even search grid.
#[derive(Clone, Debug, PartialEq)]
pub struct Prepared {
    technique: Technique,
    first_cm1: f64,
    signal: Vec<f64>,
    background: Vec<f64>,
    noise_sd: Vec<f64>,
    resolution_cm1: f64,
    quality: Quality,
}

impl Prepared {
    /// Technique of the measurement.
    pub const fn technique(&self) -> Technique {
        self.technique
    }

    /// First point of the grid, cm-1; the pitch is [`GRID_STEP_CM1`].
    pub const fn first_cm1(&self) -> f64 {
        self.first_cm1
    }

    /// The grid, cm-1.
    pub fn axis_cm1(&self) -> Vec<f64> {
        (0..self.signal.len()).map(|i| self.first_cm1 + i as f64 * GRID_STEP_CM1).collect()
    }

    /// Band signal: despiked, background removed; same unit as the spectrum.
    pub fn signal(&self) -> &[f64] {
        &self.signal
    }

    /// The background that was removed.
    pub fn background(&self) -> &[f64] {
        &self.background
    }

    /// Standard deviation of each point of the signal.
    pub fn noise_sd(&self) -> &[f64] {
        &self.noise_sd
    }

    /// Resolution of the instrument as stated, else as assumed, cm-1.
    pub const fn resolution_cm1(&self) -> f64 {
        self.resolution_cm1
    }

    /// Quality of the scan.
    pub const fn quality(&self) -> &Quality {
        &self.quality
    }
}

/// Conditions a spectrum: cosmic rays out, even grid, background off, noise and quality measured.
pub fn prepare(spectrum: &Spectrum) -> Result<Prepared, SignalError> {
    let axis = spectrum.axis_cm1();
    let (from, to) = spectrum.range_cm1();
    let first = (from.max(USED_CM1.0) / GRID_STEP_CM1).ceil() * GRID_STEP_CM1;
    let last = (to.min(USED_CM1.1) / GRID_STEP_CM1).floor() * GRID_STEP_CM1;
    let n = ((last - first) / GRID_STEP_CM1).floor().max(0.0) as usize + 1;
    if last <= first || n < MIN_GRID_POINTS {
        return Err(SignalError::Range { from, to });
    }
    let used = |x: &f64| (first..=last).contains(x);
    let widest = axis.windows(2).filter(|w| used(&w[0])).map(|w| w[1] - w[0]).fold(0.0, f64::max);
    if widest > 16.0 {
        return Err(SignalError::Coarse(widest));
    }
    let (clean, spikes) = despike(spectrum.intensity());
    let values = resample(axis, &clean, first, GRID_STEP_CM1, n);
    let background = arpls(&values, GRID_STEP_CM1, &BaselineSettings::default());
    let signal: Vec<f64> = values.iter().zip(&background).map(|(v, b)| v - b).collect();
    let estimate = robust_noise(&signal);
    let noise_sd = match spectrum.noise_sd() {
        // The estimate from the data also sees what an acquisition cannot state: digitisation, interference.
        Some(stated) => {
            noise_on_grid(axis, stated, first, GRID_STEP_CM1, n).iter().map(|s| s.max(0.5 * estimate)).collect()
        }
        None => vec![estimate; n],
    };
    let strongest = gaussian(&signal, 1.0).into_iter().fold(0.0, f64::max);
    let typical_noise = (noise_sd.iter().sum::<f64>() / n as f64).max(f64::MIN_POSITIVE);
    let mean_background = background.iter().sum::<f64>() / n as f64;
    let quality = Quality {
        snr: (strongest / typical_noise).min(1e6),
        saturated: spectrum.saturated().iter().any(|i| axis.get(*i).is_some_and(used)),
        fluorescence: (mean_background.max(0.0) / strongest.max(f64::MIN_POSITIVE)).min(1e6),
        spikes: spikes.len(),
    };
    Ok(Prepared {
        technique: spectrum.technique(),
        first_cm1: first,
        signal,
        background,
        noise_sd,
        resolution_cm1: spectrum.resolution_cm1().unwrap_or(ASSUMED_RESOLUTION_CM1),
        quality,
    })
}

/// Noise from the median absolute second difference: bands are smooth over three points, noise is not.
/// The factor is that of normal noise: sd of the second difference is sqrt(6), the median of |N(0,1)| 0.6745.
fn robust_noise(y: &[f64]) -> f64 {
    let mut seconds: Vec<f64> = y.windows(3).map(|w| (w[0] - 2.0 * w[1] + w[2]).abs()).collect();
    let middle = seconds.len() / 2;
    let median = *seconds.select_nth_unstable_by(middle, f64::total_cmp).1;
    (median / 0.6745 / 6.0_f64.sqrt()).max(f64::MIN_POSITIVE)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn a_short_range_is_refused_with_the_range_in_the_sentence() {
        let axis: Vec<f64> = (0..40).map(|i| 1000.0 + f64::from(i)).collect();
        let spectrum = Spectrum::new(Technique::Raman, axis.clone(), axis).expect("valid");
        assert!(matches!(prepare(&spectrum), Err(SignalError::Range { .. })));
    }

    proptest! {
        #[test]
        fn any_finite_spectrum_is_prepared_or_refused_without_a_panic(
            y in proptest::collection::vec(-1e9..1e9_f64, 300),
            pitch in 0.1..20.0_f64,
        ) {
            let axis: Vec<f64> = (0..y.len()).map(|i| 200.0 + pitch * i as f64).collect();
            let spectrum = Spectrum::new(Technique::Raman, axis, y).expect("valid");
            if let Ok(prepared) = prepare(&spectrum) {
                prop_assert!(prepared.signal().iter().all(|v| v.is_finite()));
                prop_assert!(prepared.noise_sd().iter().all(|v| v.is_finite() && *v > 0.0));
            }
        }
    }
}
