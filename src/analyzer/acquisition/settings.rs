//! How a scan is measured.

use std::time::Duration;

use super::{AutoExposure, DarkPolicy};

/// Who chooses the exposure.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum ExposureMode {
    /// Integration time and number of exposures are as set.
    Fixed,
    /// They are chosen for this sample.
    Auto(AutoExposure),
}

/// How a scan is measured.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct ScanSettings {
    /// Integration time of every readout, microseconds. Chosen anew by auto exposure.
    pub integration_us: u32,
    /// Readouts that are averaged into the dark exposure, by the device as far as it can, by the program beyond.
    pub dark_averages: u16,
    /// Readouts that the device averages into one light exposure. More than one hides saturation and cosmic rays.
    pub light_averages: u16,
    /// Light exposures; from two on, cosmic rays are found by comparing them. Chosen anew by auto exposure.
    pub light_exposures: u8,
    /// Resolution of the kit (full width at half maximum), cm-1; a calibrated one goes before it.
    pub resolution_cm1: f64,
    /// Who chooses the exposure.
    pub exposure: ExposureMode,
    /// When a dark measured before may be used.
    pub dark: DarkPolicy,
}

impl Default for ScanSettings {
    /// Four and a half seconds of readouts: about six with transfers and the laser's warm-up and read-backs.
    fn default() -> Self {
        Self {
            integration_us: 900_000,
            dark_averages: 2,
            light_averages: 1,
            light_exposures: 3,
            resolution_cm1: 9.0,
            exposure: ExposureMode::Fixed,
            dark: DarkPolicy::FRESH,
        }
    }
}

impl ScanSettings {
    /// The exposure is chosen for the sample, and a dark is used again while it holds.
    pub fn automatic() -> Self {
        Self { exposure: ExposureMode::Auto(AutoExposure::default()), dark: DarkPolicy::USUAL, ..Self::default() }
    }
}

/// How the preview for aiming is measured.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct PreviewSettings {
    /// Integration time of every frame, microseconds; halved while frames saturate.
    pub integration_us: u32,
    /// The laser goes off after this time whatever happens.
    pub longest: Duration,
    /// Resolution that the frames state, cm-1.
    pub resolution_cm1: f64,
}

impl PreviewSettings {
    /// Longest preview that is allowed.
    pub const LONGEST: Duration = Duration::from_mins(2);
}

impl Default for PreviewSettings {
    /// Five frames a second, one minute.
    fn default() -> Self {
        Self { integration_us: 200_000, longest: Duration::from_mins(1), resolution_cm1: 9.0 }
    }
}
