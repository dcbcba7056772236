//! A kit is a spectrometer with its laser. It measures dark, then light, and nothing else ever switches the laser on.

use std::ops::ControlFlow;
use std::sync::Arc;

use super::acquisition::{CheckState, DarkCache, Timings, raman_shift_axis_cm1};
use super::laser::{Laser, LaserCondition, LaserKind, LaserPower, LaserSetup};
use super::obp::ObpSpectrometer;
use super::spectrometer::{DetectorFacts, OnWait, Spectrometer};
use super::{AnalyzerError, Clock, DeviceIdentity, LaserState, Transport};
use crate::spectrum::Correction;

/// A kit's state as read back.
#[derive(Clone, Debug, PartialEq)]
pub struct KitReport {
    /// Laser state.
    pub laser_state: LaserState,
    /// Interlock, key and fault of the laser, as far as its protocol tells.
    pub laser_condition: LaserCondition,
    /// Powers of the laser, as far as its protocol tells.
    pub laser_power: LaserPower,
    /// Temperatures that the spectrometer reports, deg C.
    pub temperatures_c: Vec<f32>,
}

/// A connected kit. Dropping it commands the laser off.
pub struct Kit {
    // Dropped first: the laser goes off before the spectrometer's port closes.
    pub(super) laser: Box<dyn Laser>,
    pub(super) spectrometer: Box<dyn Spectrometer>,
    pub(super) excitation_nm: f64,
    pub(super) clock: Arc<dyn Clock>,
    pub(super) timings: Timings,
    pub(super) darks: DarkCache,
    pub(super) correction: Option<Correction>,
    pub(super) check: CheckState,
    /// Power that the laser is set to before each measurement, mW.
    laser_power_mw: Option<f64>,
    /// Powers as read last.
    powers: Option<LaserPower>,
}

impl Kit {
    /// Connects an OBP spectrometer and a MatchBox laser: the laser is commanded off and must confirm it, then both are
    /// identified and the calibration is read. `clock` is the one of both links.
    pub fn connect(
        spectrometer: Box<dyn Transport>,
        laser: Box<dyn Transport>,
        excitation_nm: f64,
        clock: Arc<dyn Clock>,
    ) -> Result<Self, AnalyzerError> {
        let laser = LaserSetup::usual(LaserKind::MatchBox).open(laser, Arc::clone(&clock))?;
        let spectrometer = ObpSpectrometer::open(spectrometer, Arc::clone(&clock))?;
        Self::from_parts(Box::new(spectrometer), laser, excitation_nm, clock)
    }

    /// A kit of any spectrometer and any laser, both already opened. Refused where they give no Raman-shift axis.
    pub fn from_parts(
        spectrometer: Box<dyn Spectrometer>,
        laser: Box<dyn Laser>,
        excitation_nm: f64,
        clock: Arc<dyn Clock>,
    ) -> Result<Self, AnalyzerError> {
        let kit = Self {
            laser,
            spectrometer,
            excitation_nm,
            clock,
            timings: Timings::default(),
            darks: DarkCache::default(),
            correction: None,
            check: CheckState::Never,
            laser_power_mw: None,
            powers: None,
        };
        raman_shift_axis_cm1(&kit.optics(0.0, &DetectorFacts::default()), kit.spectrometer.limits().pixels)?;
        Ok(kit)
    }

    /// The spectrometer.
    pub fn spectrometer(&self) -> &DeviceIdentity {
        self.spectrometer.identity()
    }

    /// The laser.
    pub fn laser(&self) -> &DeviceIdentity {
        self.laser.identity()
    }

    /// Laser wavelength, nm.
    pub const fn excitation_nm(&self) -> f64 {
        self.excitation_nm
    }

    /// Whether any part of the kit says that it is emulated.
    pub fn simulated(&self) -> bool {
        self.spectrometer().simulated || self.laser().simulated
    }

    /// Reads the kit's state. A laser that emits while no scan runs is commanded off.
    pub fn report(&mut self) -> Result<KitReport, AnalyzerError> {
        let on_wait: &mut OnWait<'_> = &mut || ControlFlow::Continue(());
        let mut laser_condition = self.laser.condition(on_wait);
        if matches!(laser_condition.state, LaserState::On | LaserState::WarmingUp) {
            laser_condition = LaserCondition { state: self.laser.disable(), ..laser_condition };
        }
        let laser_power = match self.powers {
            Some(powers) => powers,
            // What a laser sets and can give does not change by itself, so one question is enough.
            None => *self.powers.insert(self.laser.power(on_wait).unwrap_or_default()),
        };
        let temperatures_c = self.spectrometer.temperatures_c(on_wait)?;
        Ok(KitReport { laser_state: laser_condition.state, laser_condition, laser_power, temperatures_c })
    }

    /// Power that the laser is set to before each measurement from now on, mW; `None` leaves it as it is.
    pub fn set_laser_power_mw(&mut self, power_mw: Option<f64>) {
        self.laser_power_mw = power_mw;
    }

    /// Sets the laser to the power of this kit and reads it back; `None` where the kit has none. Refused above what the
    /// laser says that it can give, and where its protocol has no command for it. It switches nothing on.
    pub fn apply_laser_power(&mut self, on_wait: &mut OnWait<'_>) -> Result<Option<LaserPower>, AnalyzerError> {
        let Some(wanted) = self.laser_power_mw else { return Ok(None) };
        let powers = self.laser.set_power_mw(wanted, on_wait)?;
        self.powers = Some(powers);
        Ok(Some(powers))
    }

    /// Commands the laser off and reads it back.
    pub fn laser_off(&mut self) -> LaserState {
        self.laser.disable()
    }

    /// The calibration that scans are corrected with from now on; `None` for the axis and response as the device has them.
    pub fn set_correction(&mut self, correction: Option<Correction>) {
        self.correction = correction;
    }

    /// State of the performance check that scans carry from now on.
    pub fn set_check(&mut self, check: CheckState) {
        self.check = check;
    }
}
