//! What a device delivered: raw counts and everything it said about them.

use serde::{Deserialize, Serialize};

use crate::spectrum::Spectrum;

use super::ScanConditions;

/// What is known of the laser. `Unknown` must be treated as on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum LaserState {
    /// Read back as off.
    Off,
    /// Warming up: not yet at power, may emit.
    WarmingUp,
    /// Emitting.
    On,
    /// The device reports a fault.
    Fault,
    /// The interlock or the key stops it, and it was read back that it does not emit.
    Blocked,
    /// No answer, or one that cannot be trusted: treat as on.
    Unknown,
}

impl LaserState {
    /// Whether it was read back that the laser does not emit.
    pub const fn is_dark(self) -> bool {
        matches!(self, Self::Off | Self::Blocked)
    }

    /// Whether emission was read back as ended, also by a laser that reports a fault.
    pub const fn emission_ended(self) -> bool {
        self.is_dark() || matches!(self, Self::Fault)
    }

    /// In the words of a sentence.
    pub const fn words(self) -> &'static str {
        match self {
            Self::Off => "off",
            Self::WarmingUp => "warming up",
            Self::On => "on",
            Self::Fault => "fault",
            Self::Blocked => "blocked by key or interlock",
            Self::Unknown => "unknown",
        }
    }
}

/// Whether the laser was commanded on for an exposure.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum ExposureKind {
    /// Laser off: what the detector shows by itself.
    Dark,
    /// Laser on.
    Light,
}

/// One readout of the detector.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Exposure {
    /// Dark or light.
    pub kind: ExposureKind,
    /// Raw counts, one per pixel, as the device sent them (already averaged where the device averages).
    pub counts: Vec<u32>,
    /// Integration time of one readout, microseconds.
    pub integration_us: u32,
    /// Readouts that the device averaged.
    pub scans_averaged: u16,
    /// Counts at which a pixel is saturated.
    pub saturation_counts: u32,
    /// Temperatures that the device reports, deg C, in its order; empty where it reports none.
    pub temperatures_c: Vec<f32>,
    /// Laser state read back before the readout.
    pub laser_before: LaserState,
    /// Laser state read back after the readout.
    pub laser_after: LaserState,
    /// Start of the readout on the session's monotonic clock, milliseconds.
    pub started_ms: u64,
}

/// Who answered on a port.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct DeviceIdentity {
    /// Maker and model as far as the device says, else the profile's name.
    pub model: String,
    /// Serial number as the device says.
    pub serial: String,
    /// Firmware as the device says.
    pub firmware: Option<String>,
    /// The driver's name.
    pub driver: String,
    /// Port name.
    pub port: String,
    /// True when the device says that it is emulated.
    pub simulated: bool,
}

/// One complete measurement of a sample: dark, light and the spectrum that they give.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Acquisition {
    /// The spectrometer.
    pub spectrometer: DeviceIdentity,
    /// The laser.
    pub laser: DeviceIdentity,
    /// Laser wavelength of the kit, nm.
    pub excitation_nm: f64,
    /// Wavelength polynomial of the spectrometer, nm over the 0-based pixel, constant term first.
    pub wavelength_coefficients_nm: Vec<f64>,
    /// Laser off.
    pub dark: Exposure,
    /// Laser on; at least one.
    pub light: Vec<Exposure>,
    /// Light minus dark on the Raman-shift axis, with its noise.
    pub spectrum: Spectrum,
    /// True when any device of the kit is emulated.
    pub simulated: bool,
    /// Conditions, findings and calibration of the scan.
    #[serde(default)]
    pub conditions: ScanConditions,
}
