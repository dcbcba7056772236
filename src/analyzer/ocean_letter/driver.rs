//! The driver: finds the line speed, reads the calibration, keeps settings read back, takes spectra and divides the sums.

use std::ops::ControlFlow;
use std::sync::Arc;
use std::time::Duration;

use super::codec::{self, Expected};
use super::exchange::{Exchange, Trouble, Verdict};
use super::settings::{IntegrationUnit, LetterCalibration, LetterSettings};
use crate::analyzer::spectrometer::{DetectorFacts, Limits, OnWait, Spectrometer};
use crate::analyzer::{AnalyzerError, Clock, DeviceIdentity, Transport, TransportError};

/// Name of the driver in records.
pub const DRIVER: &str = concat!("ocean-letter ", env!("CARGO_PKG_VERSION"));
/// Line speeds in the order in which they are tried, with their numbers for `K`.
const BAUDS: [(u32, u16); 5] = [(9_600, 2), (115_200, 6), (57_600, 5), (38_400, 4), (19_200, 3)];
/// Time that must pass between the two commands of a change of line speed; the manual says more than 50 ms.
const BAUD_PAUSE: Duration = Duration::from_millis(70);
/// Integration times that the manuals allow.
const MILLISECONDS: (u32, u32) = (1, 65_000);
const MICROSECONDS: (u32, u32) = (1_000, 65_000_000);
/// Calibration constants in the device's memory.
const SERIAL: u16 = 0;
const WAVELENGTH: std::ops::RangeInclusive<u16> = 1..=4;
const NONLINEARITY_FIRST: u16 = 6;
const NONLINEARITY_ORDER: u16 = 14;
/// How often a constant is asked for until it came twice the same.
const CONSTANT_ASKED_MAX: u32 = 4;
/// Highest order of the nonlinearity polynomial.
const ORDER_MAX: u16 = 7;
/// Bytes of a reply beside its pixels: mark, header, end, checksum.
const SPECTRUM_FRAME: usize = 1 + 14 + 2 + 2;
/// Exchanges of a whole preparation, and bytes of one.
const PREPARE_EXCHANGES: u32 = 18;
const SHORT_BYTES: usize = 8;

/// A spectrometer that speaks letters.
pub struct LetterSpectrometer {
    exchange: Exchange,
    settings: LetterSettings,
    identity: DeviceIdentity,
    coefficients_nm: Vec<f64>,
    nonlinearity: Vec<f64>,
    integration_us: u32,
    scans: u16,
}

impl LetterSpectrometer {
    /// Finds the line speed, brings the device into binary mode, identifies it and reads its calibration. Operates
    /// nothing.
    pub fn open(
        link: Box<dyn Transport>,
        settings: LetterSettings,
        clock: Arc<dyn Clock>,
    ) -> Result<Self, AnalyzerError> {
        let on_wait: &mut OnWait<'_> = &mut || ControlFlow::Continue(());
        let mut exchange = find(link, clock, on_wait)?;
        must(&mut exchange, "binary mode", b"bB", on_wait)?;
        if let Some(baud) = settings.fast_baud {
            speed_up(&mut exchange, baud, on_wait)?;
        }
        let (serial, coefficients_nm, nonlinearity) = match &settings.calibration {
            LetterCalibration::Papers { serial, wavelength_coefficients_nm, nonlinearity_coefficients } => {
                (serial.clone(), wavelength_coefficients_nm.clone(), nonlinearity_coefficients.clone())
            }
            LetterCalibration::Device => read_calibration(&mut exchange, on_wait)?,
        };
        let version = exchange.version.unwrap_or_default();
        let identity = DeviceIdentity {
            model: "Ocean spectrometer (letter protocol)".to_owned(),
            simulated: serial.contains("EMU"),
            serial,
            // 1000 stands for 1.00.0.
            firmware: Some(format!("{}.{:02}.{}", version / 1_000, version / 10 % 100, version % 10)),
            driver: DRIVER.to_owned(),
            port: exchange.port(),
        };
        Ok(Self { exchange, settings, identity, coefficients_nm, nonlinearity, integration_us: 0, scans: 1 })
    }

    fn expected(&self) -> Expected {
        Expected {
            pixels: self.settings.pixels,
            scans: self.scans,
            // How compressed double words would look is not documented.
            compressed: self.settings.compressed && self.scans == 1,
            checksum: self.settings.checksum,
        }
    }

    /// Longest reply with so many scans.
    fn spectrum_bytes(&self, scans: u16) -> usize {
        let each = match scans {
            1 if self.settings.compressed => 3,
            1 => 2,
            _ => 4,
        };
        SPECTRUM_FRAME + each * self.settings.pixels
    }

    /// Sets a variable of one word and reads it back.
    fn set_word(
        &mut self,
        letter: u8,
        what: &'static str,
        wanted: u16,
        on_wait: &mut OnWait<'_>,
    ) -> Result<(), AnalyzerError> {
        must_or_lost(&mut self.exchange, what, &codec::with_word(letter, wanted), on_wait)?;
        self.read_back(letter, what, 2, wanted.into(), on_wait)
    }

    fn read_back(
        &mut self,
        letter: u8,
        what: &'static str,
        bytes: usize,
        wanted: u32,
        on_wait: &mut OnWait<'_>,
    ) -> Result<(), AnalyzerError> {
        let port = self.exchange.port();
        let found = self.exchange.query(&codec::question(letter), bytes, on_wait);
        match found.map_err(|trouble| self.exchange.explain(what, trouble))? {
            Some(found) if found == wanted => Ok(()),
            Some(found) => Err(AnalyzerError::NotTaken { port, what, wanted: wanted.into(), found: found.into() }),
            None => Err(AnalyzerError::Refused { port, what, number: 0, why: "it does not tell this setting" }),
        }
    }

    fn set_integration(&mut self, integration_us: u32, on_wait: &mut OnWait<'_>) -> Result<(), AnalyzerError> {
        const WHAT: &str = "the integration time";
        match self.settings.integration {
            IntegrationUnit::Milliseconds => {
                let milliseconds = u16::try_from(integration_us / 1_000).unwrap_or(u16::MAX);
                self.set_word(b'I', WHAT, milliseconds, on_wait)?;
                self.integration_us = u32::from(milliseconds) * 1_000;
                // What is recorded must be what was measured.
                if self.integration_us != integration_us {
                    let port = self.exchange.port();
                    let (wanted, found) = (integration_us.into(), self.integration_us.into());
                    let what = "the integration time in microseconds (this device takes whole milliseconds)";
                    return Err(AnalyzerError::NotTaken { port, what, wanted, found });
                }
            }
            IntegrationUnit::Microseconds => {
                must_or_lost(&mut self.exchange, WHAT, &codec::with_dword(b'i', integration_us), on_wait)?;
                self.read_back(b'i', WHAT, 4, integration_us, on_wait)?;
                self.integration_us = integration_us;
            }
        }
        Ok(())
    }
}

impl Spectrometer for LetterSpectrometer {
    fn identity(&self) -> &DeviceIdentity {
        &self.identity
    }

    fn limits(&self) -> Limits {
        let (integration_us_min, integration_us_max) = match self.settings.integration {
            IntegrationUnit::Milliseconds => (MILLISECONDS.0 * 1_000, MILLISECONDS.1 * 1_000),
            IntegrationUnit::Microseconds => MICROSECONDS,
        };
        Limits {
            pixels: self.settings.pixels,
            saturation_counts: self.settings.saturation_counts,
            integration_us_min,
            integration_us_max,
            averages_max: self.settings.scans_max.max(1),
        }
    }

    fn integration_step_us(&self) -> u32 {
        match self.settings.integration {
            IntegrationUnit::Milliseconds => 1_000,
            IntegrationUnit::Microseconds => 1,
        }
    }

    fn wavelength_coefficients_nm(&self) -> &[f64] {
        &self.coefficients_nm
    }

    fn detector_facts(&self) -> DetectorFacts {
        DetectorFacts { nonlinearity_coefficients: self.nonlinearity.clone(), ..DetectorFacts::default() }
    }

    fn prepare(&mut self, integration_us: u32, averages: u16, on_wait: &mut OnWait<'_>) -> Result<(), AnalyzerError> {
        if self.settings.calibration == LetterCalibration::Device {
            let found = constant(&mut self.exchange, SERIAL, "the serial number", on_wait)?;
            if found != self.identity.serial {
                let (port, expected) = (self.exchange.port(), self.identity.serial.clone());
                return Err(AnalyzerError::OtherDevice { port, expected, found });
            }
        }
        must(&mut self.exchange, "binary mode", b"bB", on_wait)?;
        // Another program may have left a trigger that never comes, smoothing, or a lamp line that drives something.
        self.set_word(b'T', "the trigger mode", 0, on_wait)?;
        self.set_word(b'B', "the boxcar width", 0, on_wait)?;
        self.set_word(b'J', "the lamp line", 0, on_wait)?;
        // These cannot be read back; what they do is seen in every spectrum.
        let checksum = u16::from(self.settings.checksum);
        must(&mut self.exchange, "all pixels", &codec::with_word(b'P', 0), on_wait)?;
        must(&mut self.exchange, "a checksum", &codec::with_word(b'k', checksum), on_wait)?;
        self.set_integration(integration_us, on_wait)?;
        self.set_averages(averages, on_wait)
    }

    fn set_averages(&mut self, averages: u16, on_wait: &mut OnWait<'_>) -> Result<(), AnalyzerError> {
        self.set_word(b'A', "the number of scans", averages, on_wait)?;
        self.scans = averages;
        let compressed = u16::from(self.expected().compressed);
        must(&mut self.exchange, "compression", &codec::with_word(b'G', compressed), on_wait)
    }

    /// The device adds scans up; the mean is what counts of one scan are.
    fn acquire(&mut self, on_wait: &mut OnWait<'_>) -> Result<Vec<u32>, AnalyzerError> {
        const WHAT: &str = "a spectrum";
        let expected = self.expected();
        let work = Duration::from_micros(self.integration_us.into()) * u32::from(self.scans);
        let bytes = self.spectrum_bytes(self.scans);
        let mut once = |on_wait: &mut OnWait<'_>| self.exchange.spectrum(&expected, work, bytes, on_wait);
        let taken = match once(on_wait) {
            Err(Trouble::Garbled(_) | Trouble::CutShort) => once(on_wait),
            other => other,
        };
        let spectrum = taken.map_err(|trouble| self.exchange.explain(WHAT, trouble))?;
        let port = self.exchange.port();
        let implausible = |why: String| AnalyzerError::Implausible { port: port.clone(), what: WHAT, why };
        let milliseconds = self.integration_us / 1_000;
        if self.settings.integration == IntegrationUnit::Milliseconds && u32::from(spectrum.integration) != milliseconds
        {
            return Err(implausible(format!("it was measured for {} ms, not {milliseconds}", spectrum.integration)));
        }
        let scans = u32::from(self.scans.max(1));
        let most = self.settings.saturation_counts.max(u32::from(u16::MAX));
        match spectrum.sums.iter().find(|sum| **sum / scans > most) {
            Some(sum) => Err(implausible(format!("{sum} counts in {scans} scans of at most {most} each"))),
            None => Ok(spectrum.sums.iter().map(|sum| (sum + scans / 2) / scans).collect()),
        }
    }

    fn temperatures_c(&mut self, _on_wait: &mut OnWait<'_>) -> Result<Vec<f32>, AnalyzerError> {
        // The protocol has no question for them.
        Ok(Vec::new())
    }

    /// The protocol cannot end an exposure; its spectrum is waited for and thrown away before the next exchange.
    fn abort(&mut self) {
        let now = self.exchange.now();
        self.exchange.abandon(now);
    }

    fn expected_prepare(&self) -> Duration {
        (self.exchange.wire_time(SHORT_BYTES) + Duration::from_millis(20)) * PREPARE_EXCHANGES
    }

    fn expected_acquire(&self, integration_us: u32, averages: u16) -> Duration {
        Duration::from_micros(integration_us.into()) * u32::from(averages)
            + self.exchange.wire_time(self.spectrum_bytes(averages))
    }
}

/// A command that must be taken, whose effect nothing else tells.
fn must(
    exchange: &mut Exchange,
    what: &'static str,
    command: &[u8],
    on_wait: &mut OnWait<'_>,
) -> Result<(), AnalyzerError> {
    match exchange.command(command, on_wait) {
        Ok(Verdict::Taken) => Ok(()),
        Ok(Verdict::Refused) => Err(refused(exchange, what)),
        Err(trouble) => Err(exchange.explain(what, trouble)),
    }
}

/// A command that is read back afterwards: where its answer is lost, that tells.
fn must_or_lost(
    exchange: &mut Exchange,
    what: &'static str,
    command: &[u8],
    on_wait: &mut OnWait<'_>,
) -> Result<(), AnalyzerError> {
    match exchange.command(command, on_wait) {
        Ok(Verdict::Taken)
        | Err(Trouble::Garbled(_) | Trouble::CutShort | Trouble::Link(TransportError::Timeout { .. })) => Ok(()),
        Ok(Verdict::Refused) => Err(refused(exchange, what)),
        Err(trouble) => Err(exchange.explain(what, trouble)),
    }
}

fn refused(exchange: &Exchange, what: &'static str) -> AnalyzerError {
    let why = "it answers with NAK; this model may not know the command, see the settings of its kit";
    AnalyzerError::Refused { port: exchange.port(), what, number: 0, why }
}

/// Tries the line speeds until something answers the question for the version twice in the same way.
fn find(link: Box<dyn Transport>, clock: Arc<dyn Clock>, on_wait: &mut OnWait<'_>) -> Result<Exchange, AnalyzerError> {
    let mut exchange = Exchange::new(link, clock, BAUDS[0].0);
    for (baud, _) in BAUDS {
        exchange.set_baud(baud)?;
        if let Some(version) = version(&mut exchange, on_wait)? {
            exchange.version = Some(version);
            return Ok(exchange);
        }
    }
    Err(AnalyzerError::NoSpectrometer { port: exchange.port() })
}

/// The version, where a device answers at this speed.
fn version(exchange: &mut Exchange, on_wait: &mut OnWait<'_>) -> Result<Option<u16>, AnalyzerError> {
    let (mut last, mut filled) = (None, false);
    // The first answer may be to what another program left behind.
    for _ in 0..4 {
        match exchange.probe(on_wait) {
            Ok(Some(version)) if last == Some(version) => return Ok(Some(version)),
            Ok(version) => last = version,
            Err(Trouble::Garbled(_) | Trouble::CutShort) => exchange.set_baud_again()?,
            Err(Trouble::Link(TransportError::Timeout { .. })) if !filled => {
                filled = true;
                exchange.fill_half_command()?;
            }
            Err(Trouble::Link(TransportError::Timeout { .. })) => return Ok(None),
            Err(trouble) => return Err(exchange.explain("the version", trouble)),
        }
    }
    Ok(None)
}

/// Moves both sides to another line speed; where that fails, back to the old one.
fn speed_up(exchange: &mut Exchange, baud: u32, on_wait: &mut OnWait<'_>) -> Result<(), AnalyzerError> {
    const WHAT: &str = "another line speed";
    let old = exchange.baud();
    let Some((_, number)) = BAUDS.iter().find(|(known, _)| *known == baud) else {
        return Err(AnalyzerError::OutOfLimits {
            port: exchange.port(),
            what: "a line speed",
            wanted: baud.into(),
            least: 9_600,
            most: 115_200,
        });
    };
    if baud == old {
        return Ok(());
    }
    let command = codec::with_word(b'K', *number);
    match exchange.command(&command, on_wait) {
        Ok(Verdict::Taken) => {}
        // It stays as it is.
        Ok(Verdict::Refused) => return Ok(()),
        Err(trouble) => return Err(exchange.explain(WHAT, trouble)),
    }
    exchange.sleep(BAUD_PAUSE);
    exchange.set_baud(baud)?;
    if let Ok(Verdict::Taken) = exchange.command(&command, on_wait)
        && version(exchange, on_wait)?.is_some()
    {
        return Ok(());
    }
    exchange.set_baud(old)?;
    match version(exchange, on_wait)? {
        Some(_) => Ok(()),
        None => Err(AnalyzerError::NoSpectrometer { port: exchange.port() }),
    }
}

/// A calibration constant as text.
fn constant(
    exchange: &mut Exchange,
    index: u16,
    what: &'static str,
    on_wait: &mut OnWait<'_>,
) -> Result<String, AnalyzerError> {
    let question = codec::calibration_question(index);
    // Nothing protects a constant on the wire, and one digit less is another wavelength: it is believed when it came
    // twice the same.
    let mut last = None;
    let mut text = Ok(None);
    for _ in 0..CONSTANT_ASKED_MAX {
        text = match exchange.text(&question, on_wait) {
            Ok(Some(text)) if last.as_ref() != Some(&text) => {
                last = Some(text);
                Err(Trouble::CutShort)
            }
            Err(Trouble::Garbled(_) | Trouble::CutShort) => Err(Trouble::CutShort),
            other => other,
        };
        if !matches!(text, Err(Trouble::CutShort)) {
            break;
        }
    }
    match text {
        Ok(Some(text)) if !text.is_empty() => Ok(text),
        Ok(_) => {
            let why = "its memory does not hold it; give serial number and wavelengths of this unit in its kit";
            Err(AnalyzerError::Refused { port: exchange.port(), what, number: 0, why })
        }
        Err(trouble) => Err(exchange.explain(what, trouble)),
    }
}

/// Serial number, wavelengths and nonlinearity from the device's memory.
fn read_calibration(
    exchange: &mut Exchange,
    on_wait: &mut OnWait<'_>,
) -> Result<(String, Vec<f64>, Vec<f64>), AnalyzerError> {
    const WHAT: &str = "the nonlinearity of the detector";
    let serial = constant(exchange, SERIAL, "the serial number", on_wait)?;
    let mut number = |index, what| -> Result<f64, AnalyzerError> {
        let text = constant(exchange, index, what, on_wait)?;
        text.parse().ok().filter(|value: &f64| value.is_finite()).ok_or_else(|| AnalyzerError::Implausible {
            port: exchange.port(),
            what,
            why: format!("'{text}' is no number; give the calibration of this unit in its kit"),
        })
    };
    let wavelengths = WAVELENGTH.map(|index| number(index, "the wavelength calibration"));
    let wavelengths = wavelengths.collect::<Result<Vec<f64>, _>>()?;
    let order = match number(NONLINEARITY_ORDER, WHAT) {
        Ok(order) => order,
        // A unit without it has none.
        Err(AnalyzerError::Refused { .. }) => return Ok((serial, wavelengths, Vec::new())),
        Err(error) => return Err(error),
    };
    if order.fract() != 0.0 || !(0.0..=f64::from(ORDER_MAX)).contains(&order) {
        let why = format!("an order of {order}");
        return Err(AnalyzerError::Implausible { port: exchange.port(), what: WHAT, why });
    }
    let nonlinearity = (0..=order as u16).map(|n| number(NONLINEARITY_FIRST + n, WHAT));
    let nonlinearity = nonlinearity.collect::<Result<Vec<f64>, _>>()?;
    Ok((serial, wavelengths, nonlinearity))
}
