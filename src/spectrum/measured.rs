//! A measured spectrum on a calibrated axis.

use serde::{Deserialize, Serialize};
use thiserror::Error;

use super::Technique;

/// Fewest points that can carry a decision about bands.
const MIN_POINTS: usize = 32;
/// Most points of one spectrum; far above any spectrometer, far below what would exhaust memory.
const MAX_POINTS: usize = 1 << 20;

/// Why numbers are not a spectrum.
#[derive(Clone, Debug, PartialEq, Error)]
#[non_exhaustive]
pub enum SpectrumError {
    /// The two arrays differ in length.
    #[error(
        "the axis has {axis} points and the intensities {intensity}; a spectrum needs one intensity for each axis point"
    )]
    Lengths {
        /// Points on the axis.
        axis: usize,
        /// Points of intensity.
        intensity: usize,
    },
    /// Too few or too many points.
    #[error("the spectrum has {0} points; between {MIN_POINTS} and {MAX_POINTS} are needed")]
    PointCount(usize),
    /// A value that is not a number, or infinite.
    #[error("point {0} is not a finite number; export the spectrum again without gaps")]
    NotFinite(usize),
    /// The axis does not rise strictly.
    #[error("the axis does not rise at point {0}; sort the points and remove duplicates")]
    AxisOrder(usize),
}

/// Intensities over a strictly rising axis in cm-1 (Raman shift or wavenumber), dark-subtracted, not yet conditioned.
///
/// Invariants: as many intensities (and noise values, where known) as axis points; everything finite; 32 points or more.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Spectrum {
    technique: Technique,
    axis_cm1: Vec<f64>,
    intensity: Vec<f64>,
    noise_sd: Option<Vec<f64>>,
    saturated: Vec<usize>,
    resolution_cm1: Option<f64>,
}

impl Spectrum {
    /// Checks the invariants and builds the spectrum.
    pub fn new(technique: Technique, axis_cm1: Vec<f64>, intensity: Vec<f64>) -> Result<Self, SpectrumError> {
        if axis_cm1.len() != intensity.len() {
            return Err(SpectrumError::Lengths { axis: axis_cm1.len(), intensity: intensity.len() });
        }
        if !(MIN_POINTS..=MAX_POINTS).contains(&axis_cm1.len()) {
            return Err(SpectrumError::PointCount(axis_cm1.len()));
        }
        if let Some(i) = axis_cm1.iter().zip(&intensity).position(|(x, y)| !x.is_finite() || !y.is_finite()) {
            return Err(SpectrumError::NotFinite(i));
        }
        if let Some(i) = axis_cm1.windows(2).position(|w| w[1] <= w[0]) {
            return Err(SpectrumError::AxisOrder(i + 1));
        }
        Ok(Self { technique, axis_cm1, intensity, noise_sd: None, saturated: Vec::new(), resolution_cm1: None })
    }

    /// Adds the standard deviation of every intensity, same unit and length as the intensities.
    pub fn with_noise(mut self, noise_sd: Vec<f64>) -> Result<Self, SpectrumError> {
        if noise_sd.len() != self.axis_cm1.len() {
            return Err(SpectrumError::Lengths { axis: self.axis_cm1.len(), intensity: noise_sd.len() });
        }
        if let Some(i) = noise_sd.iter().position(|s| !s.is_finite() || *s < 0.0) {
            return Err(SpectrumError::NotFinite(i));
        }
        self.noise_sd = Some(noise_sd);
        Ok(self)
    }

    /// Names the points at which the detector was saturated; indices beyond the end are dropped.
    #[must_use]
    pub fn with_saturated(mut self, mut saturated: Vec<usize>) -> Self {
        saturated.retain(|i| *i < self.axis_cm1.len());
        self.saturated = saturated;
        self
    }

    /// States the instrument's resolution (full width at half maximum), cm-1. Values that are not positive are ignored.
    #[must_use]
    pub fn with_resolution(mut self, resolution_cm1: f64) -> Self {
        if resolution_cm1.is_finite() && resolution_cm1 > 0.0 {
            self.resolution_cm1 = Some(resolution_cm1);
        }
        self
    }

    /// The technique of the measurement.
    pub const fn technique(&self) -> Technique {
        self.technique
    }

    /// The axis, cm-1, strictly rising.
    pub fn axis_cm1(&self) -> &[f64] {
        &self.axis_cm1
    }

    /// The intensities: counts for Raman, absorbance for infrared.
    pub fn intensity(&self) -> &[f64] {
        &self.intensity
    }

    /// Standard deviation of each intensity, where the acquisition knew it.
    pub fn noise_sd(&self) -> Option<&[f64]> {
        self.noise_sd.as_deref()
    }

    /// Points at which the detector was saturated.
    pub fn saturated(&self) -> &[usize] {
        &self.saturated
    }

    /// Resolution of the instrument (full width at half maximum), cm-1, where stated.
    pub const fn resolution_cm1(&self) -> Option<f64> {
        self.resolution_cm1
    }

    /// First and last axis value, cm-1.
    pub fn range_cm1(&self) -> (f64, f64) {
        // The constructor guarantees at least MIN_POINTS points.
        (self.axis_cm1.first().copied().unwrap_or(0.0), self.axis_cm1.last().copied().unwrap_or(0.0))
    }
}
