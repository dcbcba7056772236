//! The driver for the spectrometers of the Ocean Binary Protocol: settings with read-back, spectra, temperatures. What
//! differs between the models is in [`super::profile`].
//!
//! Requests carry no checksum, as the vendor's programs send them. The device is asked to protect its replies with MD5
//! where it can, because a spectrum without a checksum cannot be told from one with changed bytes.

use std::ops::ControlFlow;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use super::exchange::{Ask, Exchange, SetEnd};
use super::introduce::{Introduction, Recognised, find, find_again, implausible, introduce, recognise, serial_number};
use super::kinds;
use super::profile::{Profile, Readout};
use super::values::{buffered, counts_16, float, number};
use super::ventana::VentanaLaser;
use crate::analyzer::spectrometer::{CoolerState, DetectorFacts, Limits, OnWait, Spectrometer};
use crate::analyzer::{AnalyzerError, Clock, DeviceIdentity, Transport, TransportError};

/// Short transactions of a complete preparation.
const PREPARE_TRANSACTIONS: u32 = 15;

/// One conversation that a spectrometer and the laser in the same box share.
#[derive(Clone)]
pub(super) struct Shared(Arc<Mutex<Exchange>>);

impl Shared {
    pub fn lock(&self) -> MutexGuard<'_, Exchange> {
        // After a panic in the middle of an answer the next question brings both sides into step again.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A spectrometer of the Ocean Binary Protocol on a link.
pub struct ObpSpectrometer {
    exchange: Shared,
    profile: &'static Profile,
    identity: DeviceIdentity,
    about: Introduction,
    spectrum_kind: u32,
    integration_us: u32,
    averages: u16,
    /// Restarts of the device that were known when it was prepared.
    restarts: u32,
    /// Running number of the last spectrum out of the buffer.
    last_number: Option<u32>,
}

impl ObpSpectrometer {
    /// Finds the line speed, identifies the device and reads its calibration and limits. Operates nothing, except that a
    /// laser in the same box is commanded off and must confirm it; it stays off, use [`Self::open_with_laser`] to drive it.
    pub fn open(link: Box<dyn Transport>, clock: Arc<dyn Clock>) -> Result<Self, AnalyzerError> {
        Self::open_any(link, clock).map(|(spectrometer, _)| spectrometer)
    }

    /// Opens a spectrometer whose laser is in the same box and driven over the same line. Refused where there is none.
    pub fn open_with_laser(
        link: Box<dyn Transport>,
        clock: Arc<dyn Clock>,
    ) -> Result<(Self, VentanaLaser), AnalyzerError> {
        let (spectrometer, laser) = Self::open_any(link, clock)?;
        let port = spectrometer.identity.port.clone();
        laser.map(|laser| (spectrometer, laser)).ok_or(AnalyzerError::NoLaser { port })
    }

    fn open_any(
        link: Box<dyn Transport>,
        clock: Arc<dyn Clock>,
    ) -> Result<(Self, Option<VentanaLaser>), AnalyzerError> {
        let on_wait: &mut OnWait<'_> = &mut || ControlFlow::Continue(());
        let mut exchange = find(link, Arc::clone(&clock), on_wait)?;
        let recognised = recognise(&mut exchange, on_wait)?;
        let exchange = Shared(Arc::new(Mutex::new(exchange)));
        // Off before anything else that can fail; if something does, the drop says off again.
        let laser = if recognised.profile.laser {
            Some(VentanaLaser::open(exchange.clone(), &recognised.identity, clock)?)
        } else {
            None
        };
        let about = introduce(&mut exchange.lock(), &recognised, on_wait)?;
        let Recognised { profile, identity, .. } = recognised;
        let spectrum_kind = match profile.readout {
            Readout::Direct => kinds::RAW_SPECTRUM,
            Readout::Buffered => kinds::BUFFERED_SPECTRUM,
        };
        let spectrometer = Self {
            exchange,
            profile,
            identity,
            about,
            spectrum_kind,
            integration_us: 0,
            averages: 1,
            restarts: 0,
            last_number: None,
        };
        Ok((spectrometer, laser))
    }

    fn spectrum_ask(&self, integration_us: u32, averages: u16) -> Ask<'static> {
        let pixels = self.about.limits.pixels;
        // At least a microsecond: work that is not zero marks a request that an abort ends.
        let work = Duration::from_micros(u64::from(integration_us).max(1));
        let (answer_bytes, work) = match self.profile.readout {
            Readout::Direct => (2 * pixels, work * u32::from(averages.max(1))),
            Readout::Buffered => (4 * pixels + 32, work),
        };
        Ask { kind: self.spectrum_kind, what: "a spectrum", data: &[], answer_bytes, work }
    }

    /// One spectrum that the device averaged.
    fn acquire_direct(&mut self, on_wait: &mut OnWait<'_>) -> Result<Vec<u32>, AnalyzerError> {
        let ask = self.spectrum_ask(self.integration_us, self.averages);
        let mut exchange = self.exchange.lock();
        let reply = match exchange.query_optional(&ask, on_wait)? {
            Some(reply) => reply,
            None if self.spectrum_kind == kinds::RAW_SPECTRUM => {
                // Older firmware knows only the spectrum with the device's own corrections.
                self.spectrum_kind = kinds::CORRECTED_SPECTRUM;
                exchange.query(&Ask { kind: self.spectrum_kind, ..ask }, on_wait)?
            }
            None => {
                let why = "it knows neither raw nor corrected spectra".to_owned();
                return Err(implausible(&exchange, "a spectrum", why));
            }
        };
        let counts = counts_16(&reply.data, self.about.limits.pixels);
        let counts = counts.map_err(|why| implausible(&exchange, "a spectrum", why))?;
        self.believable(&exchange, counts)
    }

    /// The mean of several spectra out of the buffer, each taken after the buffer was emptied.
    fn acquire_buffered(&mut self, on_wait: &mut OnWait<'_>) -> Result<Vec<u32>, AnalyzerError> {
        let mut sums = vec![0_u64; self.about.limits.pixels];
        for _ in 0..self.averages.max(1) {
            let counts = self.acquire_one_buffered(on_wait)?;
            sums.iter_mut().zip(counts).for_each(|(sum, count)| *sum += u64::from(count));
        }
        let averages = u64::from(self.averages.max(1));
        Ok(sums.into_iter().map(|sum| ((sum + averages / 2) / averages) as u32).collect())
    }

    fn acquire_one_buffered(&mut self, on_wait: &mut OnWait<'_>) -> Result<Vec<u32>, AnalyzerError> {
        let ask = self.spectrum_ask(self.integration_us, 1);
        let shared = self.exchange.clone();
        let mut exchange = shared.lock();
        // What lies in the buffer was taken with another light or other settings.
        let clear = Ask::short(kinds::CLEAR_BUFFER, "an empty buffer", &[]);
        if exchange.set(&clear, on_wait)? == SetEnd::Unconfirmed {
            let left = exchange.query(&Ask::short(kinds::BUFFERED_COUNT, "the filling of the buffer", &[]), on_wait)?;
            match number(&left) {
                Ok(0) => {}
                other => return Err(implausible(&exchange, "an empty buffer", format!("{other:?} spectra in it"))),
            }
        }
        let reply = exchange.query(&ask, on_wait)?;
        let refuse = |why: String| implausible(&exchange, "a spectrum", why);
        let spectrum = buffered(&reply.data, self.about.limits.pixels).map_err(refuse)?;
        if spectrum.integration_us != self.integration_us {
            return Err(refuse(format!(
                "taken with {} microseconds instead of {}",
                spectrum.integration_us, self.integration_us
            )));
        }
        if spectrum.trigger != 0 {
            return Err(refuse(format!("taken in trigger mode {}", spectrum.trigger)));
        }
        if self.last_number.replace(spectrum.number) == Some(spectrum.number) {
            return Err(refuse(format!("number {} for the second time", spectrum.number)));
        }
        self.believable(&exchange, spectrum.counts)
    }

    fn believable(&self, exchange: &Exchange, counts: Vec<u32>) -> Result<Vec<u32>, AnalyzerError> {
        let most = self.about.max_counts;
        match counts.iter().find(|c| **c > most) {
            Some(count) => {
                Err(implausible(exchange, "a spectrum", format!("{count} counts, where {most} is the most")))
            }
            None => Ok(counts),
        }
    }

    /// Makes sure that the same device listens and is in step; if it is not, climbs the ladder: opens the port again and
    /// searches the device at every line speed.
    fn reach(&self, on_wait: &mut OnWait<'_>) -> Result<(), AnalyzerError> {
        let mut exchange = self.exchange.lock();
        let expected = &self.identity;
        match serial_number(&mut exchange, on_wait) {
            Ok(found) if found == expected.serial => Ok(()),
            Ok(found) => {
                Err(AnalyzerError::OtherDevice { port: exchange.port(), expected: expected.serial.clone(), found })
            }
            Err(AnalyzerError::Damaged { .. } | AnalyzerError::Link(TransportError::Timeout { .. })) => {
                find_again(&mut exchange, expected, on_wait)
            }
            Err(error) => Err(error),
        }
    }
}

/// A setting that must take: set, read back, compared.
fn set_and_read_back(
    exchange: &mut Exchange,
    setting: &Setting,
    wanted: u32,
    on_wait: &mut OnWait<'_>,
) -> Result<(), AnalyzerError> {
    let bytes = wanted.to_le_bytes();
    let data = bytes.get(..setting.bytes).unwrap_or(&bytes);
    let set = Ask::short(setting.set, setting.what, data);
    let get = Ask::short(setting.get, setting.what, &[]);
    let found = if setting.required {
        exchange.set(&set, on_wait)?;
        Some(exchange.query(&get, on_wait)?)
    } else {
        // What a device does not have cannot be set wrongly.
        match exchange.set_optional(&set, on_wait)? {
            None => None,
            Some(end) => match exchange.query_optional(&get, on_wait)? {
                None if end == SetEnd::Unconfirmed => {
                    return Err(TransportError::Timeout { port: exchange.port() }.into());
                }
                found => found,
            },
        }
    };
    let Some(found) = found else { return Ok(()) };
    let found = number(&found).map_err(|why| implausible(exchange, setting.what, why))?;
    if found == wanted {
        return Ok(());
    }
    Err(AnalyzerError::NotTaken {
        port: exchange.port(),
        what: setting.what,
        wanted: wanted.into(),
        found: found.into(),
    })
}

/// A setting with the message that reads it back.
struct Setting {
    what: &'static str,
    set: u32,
    get: u32,
    bytes: usize,
    required: bool,
}

const INTEGRATION_TIME: Setting = Setting {
    what: "the integration time in microseconds",
    set: kinds::SET_INTEGRATION_TIME,
    get: kinds::INTEGRATION_TIME,
    bytes: 4,
    required: true,
};
const AVERAGES: Setting = Setting {
    what: "the number of averaged readouts",
    set: kinds::SET_SCANS_TO_AVERAGE,
    get: kinds::SCANS_TO_AVERAGE,
    bytes: 2,
    required: true,
};
const TRIGGER: Setting = Setting {
    what: "the trigger mode",
    set: kinds::SET_TRIGGER_MODE,
    get: kinds::TRIGGER_MODE,
    bytes: 1,
    required: false,
};
const BOXCAR: Setting =
    Setting { what: "the boxcar width", set: kinds::SET_BOXCAR, get: kinds::BOXCAR, bytes: 1, required: false };
const LAMP: Setting =
    Setting { what: "the lamp line", set: kinds::SET_LAMP_ENABLE, get: kinds::LAMP_ENABLE, bytes: 1, required: false };
const BINNING: Setting =
    Setting { what: "the binning of pixels", set: kinds::SET_BINNING, get: kinds::BINNING, bytes: 1, required: false };
const DELAY: Setting = Setting {
    what: "the acquisition delay in microseconds",
    set: kinds::SET_ACQUISITION_DELAY,
    get: kinds::ACQUISITION_DELAY,
    bytes: 4,
    required: false,
};
const COOLER: Setting = Setting {
    what: "the cooler of the detector",
    set: kinds::SET_COOLER_ENABLE,
    get: kinds::COOLER_ENABLE,
    bytes: 1,
    required: true,
};

impl Spectrometer for ObpSpectrometer {
    fn identity(&self) -> &DeviceIdentity {
        &self.identity
    }

    fn limits(&self) -> Limits {
        self.about.limits
    }

    fn wavelength_coefficients_nm(&self) -> &[f64] {
        &self.about.coefficients_nm
    }

    fn detector_facts(&self) -> DetectorFacts {
        self.about.facts.clone()
    }

    fn cooler(&mut self, on_wait: &mut OnWait<'_>) -> Result<Option<CoolerState>, AnalyzerError> {
        const WHAT: &str = "the cooler of the detector";
        if !self.profile.cooled {
            return Ok(None);
        }
        let mut exchange = self.exchange.lock();
        let enabled = exchange.query(&Ask::short(kinds::COOLER_ENABLE, WHAT, &[]), on_wait)?;
        let setpoint = exchange.query(&Ask::short(kinds::COOLER_SETPOINT, WHAT, &[]), on_wait)?;
        let detector = exchange.query(&Ask::short(kinds::COOLER_TEMPERATURE, WHAT, &[]), on_wait)?;
        let stable = exchange.query(&Ask::short(kinds::COOLER_STABLE, WHAT, &[]), on_wait)?;
        let read = || {
            Ok(CoolerState {
                setpoint_c: float(&setpoint)?,
                detector_c: float(&detector)?,
                stable: number(&enabled)? != 0 && number(&stable)? != 0,
            })
        };
        read().map(Some).map_err(|why| implausible(&exchange, WHAT, why))
    }

    fn prepare(&mut self, integration_us: u32, averages: u16, on_wait: &mut OnWait<'_>) -> Result<(), AnalyzerError> {
        self.reach(on_wait)?;
        let shared = self.exchange.clone();
        let mut exchange = shared.lock();
        self.restarts = exchange.restarts();
        // Another program may have left a trigger that never comes, smoothing, or a lamp line that drives something.
        for setting in [TRIGGER, BOXCAR, LAMP, BINNING, DELAY] {
            set_and_read_back(&mut exchange, &setting, 0, on_wait)?;
        }
        if self.profile.cooled {
            set_and_read_back(&mut exchange, &COOLER, 1, on_wait)?;
        }
        set_and_read_back(&mut exchange, &INTEGRATION_TIME, integration_us, on_wait)?;
        drop(exchange);
        self.integration_us = integration_us;
        self.set_averages(averages, on_wait)
    }

    fn set_averages(&mut self, averages: u16, on_wait: &mut OnWait<'_>) -> Result<(), AnalyzerError> {
        let mut exchange = self.exchange.lock();
        match self.profile.readout {
            Readout::Direct => set_and_read_back(&mut exchange, &AVERAGES, averages.into(), on_wait)?,
            // The host averages; a device that could do it too must not.
            Readout::Buffered => {
                set_and_read_back(&mut exchange, &Setting { required: false, ..AVERAGES }, 1, on_wait)?;
            }
        }
        self.averages = averages;
        Ok(())
    }

    fn acquire(&mut self, on_wait: &mut OnWait<'_>) -> Result<Vec<u32>, AnalyzerError> {
        let counts = match self.profile.readout {
            Readout::Direct => self.acquire_direct(on_wait),
            Readout::Buffered => self.acquire_buffered(on_wait),
        }?;
        let exchange = self.exchange.lock();
        if exchange.restarts() == self.restarts {
            return Ok(counts);
        }
        // Whatever it answered, it was not taken with what was set.
        Err(implausible(&exchange, "a spectrum", "it was restarted and has forgotten its settings".to_owned()))
    }

    fn temperatures_c(&mut self, on_wait: &mut OnWait<'_>) -> Result<Vec<f32>, AnalyzerError> {
        const WHAT: &str = "the temperatures";
        let ask = Ask { answer_bytes: 32, ..Ask::short(kinds::TEMPERATURES, WHAT, &[]) };
        let mut exchange = self.exchange.lock();
        let Some(reply) = exchange.query_optional(&ask, on_wait)? else { return Ok(Vec::new()) };
        let (values, rest) = reply.data.as_chunks::<4>();
        if !rest.is_empty() {
            return Err(implausible(&exchange, WHAT, format!("{} bytes", reply.data.len())));
        }
        let sensors = self.profile.sensors.iter().filter_map(|place| values.get(*place));
        Ok(sensors.map(|v| f32::from_le_bytes(*v)).filter(|t| t.is_finite()).collect())
    }

    fn abort(&mut self) {
        self.exchange.lock().abort();
    }

    fn expected_prepare(&self) -> Duration {
        self.exchange.lock().expected(&Ask::short(kinds::SERIAL_NUMBER, "", &[])) * PREPARE_TRANSACTIONS
    }

    fn expected_acquire(&self, integration_us: u32, averages: u16) -> Duration {
        let exchange = self.exchange.lock();
        let one = exchange.expected(&self.spectrum_ask(integration_us, averages));
        match self.profile.readout {
            Readout::Direct => one,
            Readout::Buffered => {
                let clear = exchange.expected(&Ask::short(kinds::CLEAR_BUFFER, "", &[]));
                (one + clear) * u32::from(averages.max(1))
            }
        }
    }
}
