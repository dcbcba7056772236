//! What every spectrometer driver can do, whatever its protocol.

use std::ops::ControlFlow;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::{AnalyzerError, DeviceIdentity};

/// Longest time that a driver waits without asking whether it should go on.
pub const SLICE: Duration = Duration::from_millis(20);

/// Asked by drivers at least every [`SLICE`] while they wait for a device; `Break` ends the wait with
/// [`AnalyzerError::Cancelled`]. The acquisition reports its progress here too.
pub type OnWait<'a> = dyn FnMut() -> ControlFlow<()> + 'a;

/// What a spectrometer can be set to and what its counts mean.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Pixels of one spectrum.
    pub pixels: usize,
    /// Counts at which a pixel is saturated.
    pub saturation_counts: u32,
    /// Shortest integration time, microseconds.
    pub integration_us_min: u32,
    /// Longest integration time, microseconds.
    pub integration_us_max: u32,
    /// Most readouts that the device averages into one spectrum; 1 when it cannot average.
    pub averages_max: u16,
}

/// What a device says of its detector; empty where it says nothing.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct DetectorFacts {
    /// Polynomial over dark-subtracted counts by which they are divided to become linear, constant term first.
    pub nonlinearity_coefficients: Vec<f64>,
    /// Pixels that must not be used, 0-based.
    pub bad_pixels: Vec<usize>,
    /// Pixels that never see light and follow the electronic offset, 0-based.
    pub electric_dark_pixels: Vec<usize>,
}

/// Temperature control of a detector.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct CoolerState {
    /// Temperature that it is told to hold, deg C.
    pub setpoint_c: f32,
    /// Temperature of the detector, deg C.
    pub detector_c: f32,
    /// Whether the device (or, where it does not say, the difference) calls it stable.
    pub stable: bool,
}

/// A spectrometer. All waits are bounded; whoever implements this keeps the promise that a damaged, short or late
/// answer is an error and never a spectrum.
pub trait Spectrometer: Send {
    /// Who it is.
    fn identity(&self) -> &DeviceIdentity;
    /// What it can do.
    fn limits(&self) -> Limits;
    /// Step in which integration times are set, microseconds; others are refused.
    fn integration_step_us(&self) -> u32 {
        1
    }
    /// Wavelength polynomial, nm over the 0-based pixel, constant term first.
    fn wavelength_coefficients_nm(&self) -> &[f64];
    /// What it says of its detector.
    fn detector_facts(&self) -> DetectorFacts {
        DetectorFacts::default()
    }
    /// The state of the detector's cooler; `None` where there is none.
    fn cooler(&mut self, _on_wait: &mut OnWait<'_>) -> Result<Option<CoolerState>, AnalyzerError> {
        Ok(None)
    }
    /// Makes sure that the same instrument still answers and brings every setting that matters into a known state, each
    /// read back.
    fn prepare(&mut self, integration_us: u32, averages: u16, on_wait: &mut OnWait<'_>) -> Result<(), AnalyzerError>;
    /// Sets the number of readouts averaged into one spectrum and reads it back.
    fn set_averages(&mut self, averages: u16, on_wait: &mut OnWait<'_>) -> Result<(), AnalyzerError>;
    /// Takes one spectrum at the prepared settings: raw counts, one per pixel.
    fn acquire(&mut self, on_wait: &mut OnWait<'_>) -> Result<Vec<u32>, AnalyzerError>;
    /// Temperatures that the device reports, deg C, in its order; empty where it reports none.
    fn temperatures_c(&mut self, on_wait: &mut OnWait<'_>) -> Result<Vec<f32>, AnalyzerError>;
    /// Tells the device to drop what it is doing. Quick, and without waiting for an answer: the next call brings both
    /// sides into step again.
    fn abort(&mut self);
    /// How long [`Self::prepare`] usually takes.
    fn expected_prepare(&self) -> Duration;
    /// How long [`Self::acquire`] usually takes at these settings, transfer included.
    fn expected_acquire(&self, integration_us: u32, averages: u16) -> Duration;
}
