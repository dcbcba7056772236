//! A kit is a spectrometer with its laser. It measures dark, then light, and nothing else ever switches the laser on.

use std::ops::ControlFlow;
use std::sync::Arc;
use std::time::Duration;

use super::laser::{Laser, LaserGuard, MatchBoxLaser};
use super::obp::ObpSpectrometer;
use super::progress::{AcquireProgress, AcquireStage, Plan, Ticker};
use super::reduce::{Optics, raman_shift_axis_cm1, reduce};
use super::spectrometer::{OnWait, Spectrometer};
use super::{Acquisition, AnalyzerError, Clock, DeviceIdentity, Exposure, ExposureKind, LaserState, Transport};

/// Most light exposures of one scan.
const LIGHT_EXPOSURES_MAX: u8 = 20;
/// Time from the command to stable emission that is planned before it was ever measured.
const WARM_UP_GUESS: Duration = Duration::from_millis(700);

/// How a scan is measured.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct ScanSettings {
    /// Integration time of every readout, microseconds.
    pub integration_us: u32,
    /// Readouts that the device averages into the dark exposure.
    pub dark_averages: u16,
    /// Readouts that the device averages into one light exposure. More than one hides saturation and cosmic rays.
    pub light_averages: u16,
    /// Light exposures; from two on, cosmic rays are found by comparing them.
    pub light_exposures: u8,
    /// Resolution of the kit (full width at half maximum), cm-1.
    pub resolution_cm1: f64,
}

impl Default for ScanSettings {
    /// Four and a half seconds of readouts: about six with transfers and the laser's warm-up and read-backs.
    fn default() -> Self {
        Self { integration_us: 900_000, dark_averages: 2, light_averages: 1, light_exposures: 3, resolution_cm1: 9.0 }
    }
}

/// A kit's state as read back.
#[derive(Clone, Debug, PartialEq)]
pub struct KitReport {
    /// Laser state.
    pub laser_state: LaserState,
    /// Temperatures that the spectrometer reports, deg C.
    pub temperatures_c: Vec<f32>,
}

/// A connected kit. Dropping it commands the laser off.
pub struct Kit {
    // Dropped first: the laser goes off before the spectrometer's port closes.
    laser: Box<dyn Laser>,
    spectrometer: Box<dyn Spectrometer>,
    excitation_nm: f64,
    clock: Arc<dyn Clock>,
    /// Time from the command to stable emission, as last measured.
    warm_up: Duration,
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
        let laser = MatchBoxLaser::open(laser, Arc::clone(&clock))?;
        let spectrometer = ObpSpectrometer::open(spectrometer, Arc::clone(&clock))?;
        Self::from_parts(Box::new(spectrometer), Box::new(laser), excitation_nm, clock)
    }

    /// A kit of any spectrometer and any laser, both already opened. Refused where they give no Raman-shift axis.
    pub fn from_parts(
        spectrometer: Box<dyn Spectrometer>,
        laser: Box<dyn Laser>,
        excitation_nm: f64,
        clock: Arc<dyn Clock>,
    ) -> Result<Self, AnalyzerError> {
        let kit = Self { laser, spectrometer, excitation_nm, clock, warm_up: WARM_UP_GUESS };
        raman_shift_axis_cm1(&kit.optics(&ScanSettings::default()), kit.spectrometer.limits().pixels)?;
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
        let laser_state = match self.laser.state(on_wait) {
            LaserState::On | LaserState::WarmingUp => self.laser.disable(),
            state => state,
        };
        Ok(KitReport { laser_state, temperatures_c: self.spectrometer.temperatures_c(on_wait)? })
    }

    /// Commands the laser off and reads it back.
    pub fn laser_off(&mut self) -> LaserState {
        self.laser.disable()
    }

    /// How long [`Self::acquire`] takes at these settings.
    pub fn expected_duration(&self, settings: &ScanSettings) -> Duration {
        self.plan(settings).total()
    }

    /// Measures the sample: dark with the laser confirmed off, light with the laser confirmed on, laser off and
    /// confirmed, then the spectrum.
    ///
    /// The laser is commanded off on every way out. `cancelled` is asked every 20 ms while waiting for the devices;
    /// `progress` is called as the scan goes on and `laser` with every change of the laser's state, both on this thread.
    pub fn acquire(
        &mut self,
        settings: &ScanSettings,
        cancelled: &dyn Fn() -> bool,
        progress: &mut dyn FnMut(AcquireProgress),
        laser: &mut dyn FnMut(LaserState),
    ) -> Result<Acquisition, AnalyzerError> {
        self.check(settings)?;
        let plan = self.plan(settings);
        let mut ticker = Ticker::new(Arc::clone(&self.clock), cancelled, progress, laser, plan);
        let exposures = self.measure(settings, &mut ticker).inspect_err(|_| self.spectrometer.abort());
        let (dark, light) = exposures?;
        let spectrum = reduce(&dark, &light, &self.optics(settings))?;
        Ok(Acquisition {
            spectrometer: self.spectrometer().clone(),
            laser: self.laser().clone(),
            excitation_nm: self.excitation_nm,
            wavelength_coefficients_nm: self.spectrometer.wavelength_coefficients_nm().to_vec(),
            dark,
            light,
            spectrum,
            simulated: self.simulated(),
        })
    }

    /// Refuses what this kit cannot do before anything is sent.
    fn check(&self, settings: &ScanSettings) -> Result<(), AnalyzerError> {
        let limits = self.spectrometer.limits();
        let averages = (1, u64::from(limits.averages_max));
        let cases: [(&'static str, u64, (u64, u64)); 4] = [
            (
                "an integration time in microseconds",
                settings.integration_us.into(),
                (limits.integration_us_min.into(), limits.integration_us_max.into()),
            ),
            ("a number of averaged dark readouts", settings.dark_averages.into(), averages),
            ("a number of averaged light readouts", settings.light_averages.into(), averages),
            ("a number of light exposures", settings.light_exposures.into(), (1, LIGHT_EXPOSURES_MAX.into())),
        ];
        for (what, wanted, (least, most)) in cases {
            if !(least..=most).contains(&wanted) {
                let port = self.spectrometer().port.clone();
                return Err(AnalyzerError::OutOfLimits { port, what, wanted, least, most });
            }
        }
        Ok(())
    }

    fn plan(&self, settings: &ScanSettings) -> Plan {
        let transaction = self.laser.expected_transaction();
        let acquire = |averages| self.spectrometer.expected_acquire(settings.integration_us, averages);
        Plan {
            preparing: transaction + self.spectrometer.expected_prepare(),
            dark: 2 * transaction + acquire(settings.dark_averages),
            light: self.warm_up
                + u32::from(settings.light_exposures) * (transaction + acquire(settings.light_averages))
                + 2 * transaction,
        }
    }

    fn optics(&self, settings: &ScanSettings) -> Optics<'_> {
        Optics {
            wavelength_coefficients_nm: self.spectrometer.wavelength_coefficients_nm(),
            excitation_nm: self.excitation_nm,
            resolution_cm1: settings.resolution_cm1,
            port: &self.spectrometer.identity().port,
        }
    }

    fn measure(
        &mut self,
        settings: &ScanSettings,
        ticker: &mut Ticker<'_>,
    ) -> Result<(Exposure, Vec<Exposure>), AnalyzerError> {
        self.confirm_off(ticker)?;
        let dark = self.measure_dark(settings, ticker).map_err(|error| self.off_after(error, ticker))?;
        ticker.enter(AcquireStage::Light);
        let temperatures_c = self.prepare_light(settings, ticker).map_err(|error| self.off_after(error, ticker))?;
        let light = self.measure_light(settings, &temperatures_c, ticker)?;
        Ok((dark, light))
    }

    /// Commands the laser off and hands on why, or that the laser does not obey, which matters more.
    fn off_after(&mut self, error: AnalyzerError, ticker: &mut Ticker<'_>) -> AnalyzerError {
        let state = self.laser.disable();
        ticker.laser(state);
        if state == LaserState::Off { error } else { not_off(&*self.laser, state) }
    }

    /// Makes sure that the laser is off before anything else.
    fn confirm_off(&mut self, ticker: &mut Ticker<'_>) -> Result<(), AnalyzerError> {
        let mut state = self.laser.state(&mut || ticker.tick());
        if state != LaserState::Off {
            state = self.laser.disable();
        }
        ticker.laser(state);
        match state {
            LaserState::Off if ticker.tick().is_break() => Err(AnalyzerError::Cancelled),
            LaserState::Off => Ok(()),
            state => Err(not_off(&*self.laser, state)),
        }
    }

    fn measure_dark(&mut self, settings: &ScanSettings, ticker: &mut Ticker<'_>) -> Result<Exposure, AnalyzerError> {
        let averages = settings.dark_averages;
        self.spectrometer.prepare(settings.integration_us, averages, &mut || ticker.tick())?;
        ticker.enter(AcquireStage::Dark);
        let temperatures_c = self.spectrometer.temperatures_c(&mut || ticker.tick())?;
        let laser_before = self.require_off(ticker)?;
        let started_ms = milliseconds(self.clock.now());
        let counts = self.spectrometer.acquire(&mut || ticker.tick())?;
        // A laser that is not off now may have been on during the readout: that is no dark.
        let laser_after = self.require_off(ticker)?;
        Ok(Exposure {
            kind: ExposureKind::Dark,
            counts,
            integration_us: settings.integration_us,
            scans_averaged: averages,
            saturation_counts: self.spectrometer.limits().saturation_counts,
            temperatures_c,
            laser_before,
            laser_after,
            started_ms,
        })
    }

    fn require_off(&mut self, ticker: &mut Ticker<'_>) -> Result<LaserState, AnalyzerError> {
        match self.laser.state(&mut || ticker.tick()) {
            LaserState::Off => Ok(LaserState::Off),
            // A question that a cancel cut short gives no state.
            _ if ticker.tick().is_break() => Err(AnalyzerError::Cancelled),
            state => Err(not_off(&*self.laser, state)),
        }
    }

    /// Everything that the light exposures need and that can be done while the laser is still off.
    fn prepare_light(&mut self, settings: &ScanSettings, ticker: &mut Ticker<'_>) -> Result<Vec<f32>, AnalyzerError> {
        if settings.light_averages != settings.dark_averages {
            self.spectrometer.set_averages(settings.light_averages, &mut || ticker.tick())?;
        }
        self.spectrometer.temperatures_c(&mut || ticker.tick())
    }

    fn measure_light(
        &mut self,
        settings: &ScanSettings,
        temperatures_c: &[f32],
        ticker: &mut Ticker<'_>,
    ) -> Result<Vec<Exposure>, AnalyzerError> {
        let commanded = self.clock.now();
        // From the command on it may emit.
        ticker.laser(LaserState::WarmingUp);
        let mut guard = match LaserGuard::emit(&mut *self.laser, &self.clock, &mut || ticker.tick()) {
            Ok(guard) => guard,
            Err(error) => {
                ticker.laser(match error {
                    AnalyzerError::LaserNotOff { state, .. } => state,
                    _ => LaserState::Off,
                });
                return Err(error);
            }
        };
        ticker.laser(LaserState::On);
        self.warm_up = self.clock.now().saturating_sub(commanded);
        let mut laser_before = LaserState::On;
        let exposures: Result<Vec<Exposure>, AnalyzerError> = (0..settings.light_exposures)
            .map(|_| {
                let started_ms = milliseconds(self.clock.now());
                let counts = self.spectrometer.acquire(&mut || ticker.tick())?;
                let laser_after = guard.require_on(&mut || ticker.tick())?;
                let before = std::mem::replace(&mut laser_before, laser_after);
                Ok(Exposure {
                    kind: ExposureKind::Light,
                    counts,
                    integration_us: settings.integration_us,
                    scans_averaged: settings.light_averages,
                    saturation_counts: self.spectrometer.limits().saturation_counts,
                    temperatures_c: temperatures_c.to_vec(),
                    laser_before: before,
                    laser_after,
                    started_ms,
                })
            })
            .collect();
        let state = guard.off();
        ticker.laser(state);
        if state == LaserState::Off { exposures } else { Err(not_off(&*self.laser, state)) }
    }
}

fn not_off(laser: &dyn Laser, state: LaserState) -> AnalyzerError {
    AnalyzerError::LaserNotOff { port: laser.identity().port.clone(), state }
}

fn milliseconds(time: Duration) -> u64 {
    u64::try_from(time.as_millis()).unwrap_or(u64::MAX)
}
