//! A near-infrared kit: a scanner with its own lamp, a white reference, a sample. It has no laser.

use std::ops::ControlFlow;
use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::absorbance::absorbance;
use super::scanner::{NirScan, NirScanner, REPEATS_MAX};
use crate::analyzer::acquisition::{AcquireProgress, AcquireStage, Plan, Ticker};
use crate::analyzer::gps::Place;
use crate::analyzer::{
    Acquisition, AnalyzerError, Clock, DeviceIdentity, Exposure, ExposureKind, LaserState, NirConditions,
    ScanConditions, Transport,
};
use crate::spectrum::Spectrum;

/// What a record says in the place of a laser.
const NO_LASER: &str = "none";
/// Most scans of one measurement.
const SCANS_MAX: u8 = 20;

/// How a near-infrared measurement is made.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NirSettings {
    /// Index of the scan configuration in the device.
    pub config: u8,
    /// Repeats that the device averages into one scan.
    pub repeats: u16,
    /// Scans of one measurement; from two on, the noise is known from their scatter.
    pub scans: u8,
    /// Age above which a white reference must be measured again.
    pub reference_max_age: Duration,
}

impl Default for NirSettings {
    fn default() -> Self {
        Self { config: 0, repeats: 6, scans: 2, reference_max_age: Duration::from_mins(10) }
    }
}

/// A measurement of the white standard.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct NirReference {
    /// The scans.
    pub scans: Vec<NirScan>,
    /// End of the measurement on the session's monotonic clock, milliseconds.
    pub ended_ms: u64,
}

/// One complete near-infrared measurement of a sample.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct NirAcquisition {
    /// The scanner.
    pub scanner: DeviceIdentity,
    /// The white reference.
    pub reference: NirReference,
    /// The scans of the sample; at least one.
    pub sample: Vec<NirScan>,
    /// Absorbance over wavenumber, with its noise.
    pub spectrum: Spectrum,
    /// True when the scanner is emulated.
    pub simulated: bool,
}

impl NirAcquisition {
    /// The measurement in the form in which scans are kept. It has no laser, no dark and no counts: the fields for them
    /// say so, and the scans stand in the conditions.
    pub fn into_record(self, reference_taken_at: Timestamp, place: Option<Place>) -> Acquisition {
        let Self { scanner, reference, sample, spectrum, simulated } = self;
        let none = |kind| Exposure {
            kind,
            counts: Vec::new(),
            integration_us: 0,
            scans_averaged: sample.first().map_or(0, |scan| scan.repeats),
            saturation_counts: 0,
            temperatures_c: sample.first().map(|scan| scan.temperatures_c.clone()).unwrap_or_default(),
            laser_before: LaserState::Off,
            laser_after: LaserState::Off,
            started_ms: sample.first().map_or(0, |scan| scan.started_ms),
        };
        let laser = DeviceIdentity {
            model: NO_LASER.to_owned(),
            serial: NO_LASER.to_owned(),
            firmware: None,
            driver: scanner.driver.clone(),
            port: scanner.port.clone(),
            simulated: scanner.simulated,
        };
        let (dark, light) = (none(ExposureKind::Dark), vec![none(ExposureKind::Light)]);
        let nir = Some(Box::new(NirConditions { reference: reference.scans, reference_taken_at, sample }));
        Acquisition {
            spectrometer: scanner,
            laser,
            excitation_nm: 0.0,
            wavelength_coefficients_nm: Vec::new(),
            dark,
            light,
            spectrum,
            simulated,
            conditions: ScanConditions { place, nir, ..ScanConditions::default() },
        }
    }
}

/// A connected scanner with the white reference that was measured last.
pub struct NirKit {
    scanner: NirScanner,
    reference: Option<NirReference>,
    clock: Arc<dyn Clock>,
}

impl NirKit {
    /// Connects the scanner on `link` and identifies it. `clock` is the one of the link.
    pub fn connect(link: Box<dyn Transport>, clock: Arc<dyn Clock>) -> Result<Self, AnalyzerError> {
        let scanner = NirScanner::open(link, Arc::clone(&clock))?;
        Ok(Self { scanner, reference: None, clock })
    }

    /// The scanner.
    pub const fn scanner(&self) -> &DeviceIdentity {
        self.scanner.identity()
    }

    /// Whether the scanner says that it is emulated.
    pub const fn simulated(&self) -> bool {
        self.scanner().simulated
    }

    /// Temperatures of electronics and detector, deg C; empty where the device does not report them.
    pub fn temperatures_c(&mut self) -> Result<Vec<f32>, AnalyzerError> {
        self.scanner.temperatures_c(&mut || ControlFlow::Continue(()))
    }

    /// Number of scan configurations that are stored in the device.
    pub const fn configs(&self) -> u8 {
        self.scanner.configs()
    }

    /// The white reference that was measured last.
    pub const fn reference(&self) -> Option<&NirReference> {
        self.reference.as_ref()
    }

    /// Takes a reference that was measured earlier with this scanner, `age` ago.
    pub fn restore_reference(&mut self, scans: Vec<NirScan>, age: Duration) {
        let ended = self.clock.now().saturating_sub(age);
        self.reference = Some(NirReference { scans, ended_ms: u64::try_from(ended.as_millis()).unwrap_or(u64::MAX) });
    }

    /// Why a white reference must be measured before a sample can be; `None` when the last one still holds.
    pub fn reference_needed(&self, settings: &NirSettings) -> Option<&'static str> {
        let Some(reference) = &self.reference else { return Some("none was measured since the scanner was connected") };
        let age = self.clock.now().saturating_sub(Duration::from_millis(reference.ended_ms));
        let other = |scan: &NirScan| scan.config != settings.config;
        if reference.scans.iter().any(other) {
            Some("it was measured with another scan configuration")
        } else if age > settings.reference_max_age {
            Some("it is too old")
        } else {
            None
        }
    }

    /// How long [`Self::acquire`] or [`Self::acquire_reference`] takes at these settings.
    pub fn expected_duration(&self, settings: &NirSettings) -> Duration {
        self.plan(settings).total()
    }

    /// Measures the white standard, which must lie on the window.
    ///
    /// `cancelled` is asked every 20 ms while waiting for the device; `progress` is called as the measurement goes on,
    /// both on this thread.
    pub fn acquire_reference(
        &mut self,
        settings: &NirSettings,
        cancelled: &dyn Fn() -> bool,
        progress: &mut dyn FnMut(AcquireProgress),
    ) -> Result<&NirReference, AnalyzerError> {
        // Whatever happens now, the old one was given up.
        self.reference = None;
        let scans = self.measure(settings, cancelled, progress)?;
        // A reference without light is found now and not when the sample lies on the window.
        absorbance(&scans, &scans, &self.scanner().port)?;
        let ended_ms = u64::try_from(self.clock.now().as_millis()).unwrap_or(u64::MAX);
        Ok(self.reference.insert(NirReference { scans, ended_ms }))
    }

    /// Measures the sample and gives its absorbance against the last white reference. Refused where there is none that
    /// holds.
    pub fn acquire(
        &mut self,
        settings: &NirSettings,
        cancelled: &dyn Fn() -> bool,
        progress: &mut dyn FnMut(AcquireProgress),
    ) -> Result<NirAcquisition, AnalyzerError> {
        let port = self.scanner().port.clone();
        let needed = self.reference_needed(settings).map(str::to_owned);
        let reference = match (&self.reference, needed) {
            (Some(reference), None) => reference.clone(),
            (_, why) => return Err(AnalyzerError::NoReference { port, why: why.unwrap_or_default() }),
        };
        let sample = self.measure(settings, cancelled, progress)?;
        let spectrum = absorbance(&reference.scans, &sample, &port)?;
        let (scanner, simulated) = (self.scanner().clone(), self.simulated());
        Ok(NirAcquisition { scanner, reference, sample, spectrum, simulated })
    }

    fn measure(
        &mut self,
        settings: &NirSettings,
        cancelled: &dyn Fn() -> bool,
        progress: &mut dyn FnMut(AcquireProgress),
    ) -> Result<Vec<NirScan>, AnalyzerError> {
        self.check(settings)?;
        let no_laser = &mut |_| {};
        let mut ticker = Ticker::new(Arc::clone(&self.clock), cancelled, progress, no_laser, self.plan(settings));
        self.scanner.prepare(settings.config, settings.repeats, &mut || ticker.tick())?;
        ticker.enter(AcquireStage::Light);
        (0..settings.scans).map(|_| self.scanner.scan(&mut || ticker.tick())).collect()
    }

    /// Refuses what this scanner cannot do before anything is sent.
    fn check(&self, settings: &NirSettings) -> Result<(), AnalyzerError> {
        let cases: [(&'static str, u64, u64, u64); 3] = [
            ("a scan configuration", settings.config.into(), 0, u64::from(self.configs()) - 1),
            ("a number of repeats", settings.repeats.into(), 1, REPEATS_MAX.into()),
            ("a number of scans", settings.scans.into(), 1, SCANS_MAX.into()),
        ];
        for (what, wanted, least, most) in cases {
            if !(least..=most).contains(&wanted) {
                return Err(AnalyzerError::OutOfLimits {
                    port: self.scanner().port.clone(),
                    what,
                    wanted,
                    least,
                    most,
                });
            }
        }
        Ok(())
    }

    fn plan(&self, settings: &NirSettings) -> Plan {
        Plan {
            preparing: self.scanner.expected_prepare(),
            dark: Duration::ZERO,
            light: self.scanner.expected_scan() * u32::from(settings.scans),
        }
    }
}
