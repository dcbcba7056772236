//! What the emulated models of the Ocean Binary Protocol are, and what a unit keeps over power-off.

use std::ops::RangeInclusive;
use std::time::Duration;

use super::detector::Detector;
use super::optics::Unit;

/// Which model an emulated unit is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ObpModel {
    /// STS: 1,024 pixels of 16 bits, no laser of its own.
    Sts,
    /// QE Pro: 1,044 pixels of 32 bits out of a buffer, cooled, no laser of its own.
    QePro,
    /// Ventana 785: 1,024 pixels of 16 bits, with its own laser.
    Ventana,
}

/// What is the same in all units of a model.
#[derive(Clone, Copy, Debug)]
pub(super) struct Facts {
    pub product: &'static str,
    pub usb_product: u16,
    pub detector: Detector,
    pub integration_us: (u32, u32),
    pub averages_max: u16,
    pub trigger_max: u8,
    pub binning_max: u8,
    /// Counts that the device calls saturated.
    pub saturation_counts: u32,
    pub bench_id: &'static str,
    /// Whether spectra are 32 bits wide and come out of a buffer.
    pub buffered: bool,
    pub cooled: bool,
    pub laser: bool,
}

const STS: Facts = Facts {
    product: "STS",
    usb_product: 0x4000,
    detector: Detector::STS,
    integration_us: (10, 85_000_000),
    averages_max: 5_000,
    trigger_max: 2,
    binning_max: 3,
    saturation_counts: Detector::STS.max_counts,
    bench_id: "STS-785",
    buffered: false,
    cooled: false,
    laser: false,
};
const QE_PRO: Facts = Facts {
    product: "QE-PRO",
    usb_product: 0x4004,
    detector: Detector::QE_PRO,
    integration_us: (8_000, 1_600_000_000),
    trigger_max: 3,
    binning_max: 0,
    saturation_counts: 200_000,
    bench_id: "QEPRO-RAMAN",
    buffered: true,
    cooled: true,
    ..STS
};
const VENTANA: Facts = Facts {
    product: "Ventana",
    usb_product: 0x5000,
    detector: Detector::VENTANA,
    integration_us: (22_000, 60_000_000),
    trigger_max: 3,
    binning_max: 0,
    saturation_counts: Detector::VENTANA.max_counts,
    bench_id: "VENTANA-785",
    laser: true,
    ..STS
};

impl ObpModel {
    pub(super) const fn facts(self) -> Facts {
        match self {
            Self::Sts => STS,
            Self::QePro => QE_PRO,
            Self::Ventana => VENTANA,
        }
    }

    /// The detector, for the bench that the unit looks at.
    pub const fn detector(self) -> Detector {
        self.facts().detector
    }
}

/// Line speeds that the devices take.
pub(super) const BAUDS: [u32; 5] = [9_600, 19_200, 38_400, 57_600, 115_200];
/// User strings and their greatest length (a).
pub(super) const USER_STRINGS: usize = 16;
pub(super) const USER_STRING_LENGTH: usize = 64;
pub(super) const ALIAS_LENGTH: usize = 16;
/// Longest acquisition delay, microseconds (a).
pub(super) const DELAY_MAX_US: u32 = 335_500;
/// General-purpose pins (a).
pub(super) const PINS: u8 = 4;
/// Spectra that the buffer of a QE Pro holds at most (a).
pub(super) const BUFFER_MAX: u32 = 1_000;
/// Temperatures to which the cooler can be set, deg C (a).
pub(super) const SETPOINTS_C: RangeInclusive<f32> = -30.0..=20.0;

/// What a unit keeps over power-off.
#[derive(Clone, Debug)]
pub(super) struct Stored {
    pub alias: Vec<u8>,
    pub user_strings: Vec<Vec<u8>>,
    pub wavelength: Vec<f32>,
    pub nonlinearity: Vec<f32>,
    pub stray_light: Vec<f32>,
    pub hot_pixels: Vec<u32>,
    /// Empty until somebody measured it.
    pub irradiance: Vec<u8>,
    pub baud: u32,
    pub flow_control: u8,
    pub binning: u8,
}

impl Stored {
    /// As it left the factory.
    pub fn factory(unit: &Unit, baud: u32) -> Self {
        Self {
            alias: Vec::new(),
            user_strings: vec![Vec::new(); USER_STRINGS],
            wavelength: unit.detector.reported_coefficients_nm.map(|c| c as f32).to_vec(),
            nonlinearity: unit.nonlinearity.to_vec(),
            stray_light: vec![0.0],
            hot_pixels: unit.hot_pixels.iter().map(|(pixel, _)| *pixel as u32).collect(),
            irradiance: Vec::new(),
            baud,
            flow_control: 0,
            binning: 0,
        }
    }
}

/// What power-off and a reset forget.
#[derive(Clone, Debug)]
pub(super) struct Settings {
    /// `None` until the host has set it once: before, the units deliver no spectra.
    pub integration_us: Option<u32>,
    pub averages: u16,
    pub boxcar: u8,
    pub trigger: u8,
    pub lamp: u8,
    pub shutter: u8,
    pub delay_us: u32,
    pub binning: u8,
    /// Start, increment and count of the pixels of a partial spectrum.
    pub partial: Option<(usize, usize, usize)>,
    pub pin_outputs: u32,
    pub pin_levels: u32,
    pub buffer_size: u32,
    pub laser_intensity: f32,
}

impl Settings {
    pub fn after_power_up(stored: &Stored) -> Self {
        Self {
            integration_us: None,
            averages: 1,
            boxcar: 0,
            trigger: 0,
            lamp: 0,
            shutter: 0,
            delay_us: 0,
            binning: stored.binning,
            partial: None,
            pin_outputs: 0,
            pin_levels: 0,
            buffer_size: BUFFER_MAX,
            laser_intensity: 1.0,
        }
    }
}

/// Temperature of the room, deg C.
const ROOM_C: f32 = 24.0;
/// Temperature that a cooler holds as delivered, deg C; the dark current of the detector is that at this temperature.
const DELIVERED_SETPOINT_C: f32 = -10.0;
/// Time in which the detector follows (a).
const COOLING_S: f32 = 15.0;
/// Distance from the set temperature within which the device calls itself stable, deg C (a).
const STABLE_WITHIN_C: f32 = 0.5;
/// Rise of the temperature that doubles the dark current, deg C: silicon near room temperature and below.
const DOUBLING_C: f32 = 6.5;

/// The cooler of a detector: the temperature follows what is set.
#[derive(Clone, Copy, Debug)]
pub(super) struct Cooler {
    pub enabled: bool,
    pub setpoint_c: f32,
    /// Temperature at the last change, and when that was.
    from_c: f32,
    changed: Duration,
}

impl Cooler {
    /// Has been running for a long time.
    pub const fn settled() -> Self {
        Self { enabled: true, setpoint_c: DELIVERED_SETPOINT_C, from_c: DELIVERED_SETPOINT_C, changed: Duration::ZERO }
    }

    /// Temperature of the detector, deg C; a cooler that is out of order swings.
    pub fn temperature_c(&self, now: Duration, out_of_order: bool) -> f32 {
        let target = if self.enabled { self.setpoint_c } else { ROOM_C };
        let since = now.saturating_sub(self.changed).as_secs_f32();
        let swing = if out_of_order { 2.0 + (now.as_secs_f32() / 3.0).sin() } else { 0.0 };
        target + (self.from_c - target) * (-since / COOLING_S).exp() + swing
    }

    pub fn stable(&self, now: Duration, out_of_order: bool) -> bool {
        let off = (self.temperature_c(now, out_of_order) - self.setpoint_c).abs();
        self.enabled && !out_of_order && off < STABLE_WITHIN_C
    }

    /// Changes what is set; the temperature goes on from where it is.
    pub fn change(&mut self, enabled: bool, setpoint_c: f32, now: Duration) {
        self.from_c = self.temperature_c(now, false);
        (self.enabled, self.setpoint_c, self.changed) = (enabled, setpoint_c, now);
    }

    /// Dark current relative to the one of the delivered set temperature.
    pub fn dark_scale(&self, now: Duration, out_of_order: bool) -> f64 {
        f64::from(((self.temperature_c(now, out_of_order) - DELIVERED_SETPOINT_C) / DOUBLING_C).exp2())
    }
}
