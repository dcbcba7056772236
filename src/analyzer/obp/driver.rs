//! The driver for spectrometers of the STS family: who they are, their calibration, settings with read-back, spectra.
//!
//! Requests carry no checksum, as the vendor's programs send them. The device is asked to protect its replies with MD5
//! where it can, because a spectrum without a checksum cannot be told from one with changed bytes.

use std::ops::ControlFlow;
use std::sync::Arc;
use std::time::Duration;

use super::codec::Message;
use super::exchange::{Ask, Exchange, SetEnd};
use super::kinds;
use crate::analyzer::spectrometer::{Limits, OnWait, Spectrometer};
use crate::analyzer::{AnalyzerError, Clock, DeviceIdentity, Transport, TransportError};

/// Name of the driver in records.
pub const DRIVER: &str = concat!("obp-sts ", env!("CARGO_PKG_VERSION"));
/// Line speeds in the order in which they are tried: the factory setting, then what this driver leaves behind.
const BAUDS: [u32; 5] = [9_600, 115_200, 57_600, 38_400, 19_200];
/// Line speed that is used where the device agrees: it cuts the transfer of a spectrum, and with it the time that the
/// laser is on, by two seconds.
const FAST_BAUD: u32 = 115_200;
/// Time that the device needs to change its line speed.
const BAUD_SETTLE: Duration = Duration::from_secs(1);
/// Most readouts that the device averages.
const AVERAGES_MAX: u16 = 5_000;
/// What holds for the STS where the device does not answer.
const STS: Limits = Limits {
    pixels: 1_024,
    saturation_counts: 16_383,
    integration_us_min: 10,
    integration_us_max: 85_000_000,
    averages_max: AVERAGES_MAX,
};
/// Largest detector that is believed.
const PIXELS_MAX: usize = 16_384;
/// Most wavelength coefficients that are believed.
const COEFFICIENTS_MAX: u8 = 8;
/// Short transactions of a complete preparation.
const PREPARE_TRANSACTIONS: u32 = 11;

/// A spectrometer of the STS family on a link.
pub struct ObpSpectrometer {
    exchange: Exchange,
    identity: DeviceIdentity,
    coefficients_nm: Vec<f64>,
    limits: Limits,
    /// Greatest count that the converter can give.
    max_counts: u32,
    spectrum_kind: u32,
    integration_us: u32,
    averages: u16,
}

impl ObpSpectrometer {
    /// Finds the line speed, identifies the device and reads its calibration and limits. Operates nothing.
    pub fn open(link: Box<dyn Transport>, clock: Arc<dyn Clock>) -> Result<Self, AnalyzerError> {
        let on_wait: &mut OnWait<'_> = &mut || ControlFlow::Continue(());
        let (mut exchange, baud) = find(link, clock, on_wait)?;
        protect_replies(&mut exchange, on_wait)?;
        if baud < FAST_BAUD {
            speed_up(&mut exchange, baud, on_wait)?;
        }
        let identity = identify(&mut exchange, on_wait)?;
        let coefficients_nm = read_coefficients(&mut exchange, on_wait)?;
        let (limits, max_counts) = read_limits(&mut exchange, on_wait)?;
        Ok(Self {
            exchange,
            identity,
            coefficients_nm,
            limits,
            max_counts,
            spectrum_kind: kinds::RAW_SPECTRUM,
            integration_us: 0,
            averages: 1,
        })
    }

    fn spectrum_ask(&self, integration_us: u32, averages: u16) -> Ask<'static> {
        Ask {
            kind: self.spectrum_kind,
            what: "a spectrum",
            data: &[],
            answer_bytes: 2 * self.limits.pixels,
            // At least a microsecond: work that is not zero marks a request that an abort ends.
            work: Duration::from_micros(u64::from(integration_us).max(1)) * u32::from(averages.max(1)),
        }
    }

    /// A setting that must take: set, read back, compared.
    fn set_and_read_back(
        &mut self,
        setting: &Setting,
        wanted: u32,
        on_wait: &mut OnWait<'_>,
    ) -> Result<(), AnalyzerError> {
        let bytes = wanted.to_le_bytes();
        let data = bytes.get(..setting.bytes).unwrap_or(&bytes);
        let set = Ask::short(setting.set, setting.what, data);
        let get = Ask::short(setting.get, setting.what, &[]);
        let found = if setting.required {
            self.exchange.set(&set, on_wait)?;
            Some(self.exchange.query(&get, on_wait)?)
        } else {
            // What a device does not have cannot be set wrongly.
            match self.exchange.set_optional(&set, on_wait)? {
                None => None,
                Some(end) => match self.exchange.query_optional(&get, on_wait)? {
                    None if end == SetEnd::Unconfirmed => {
                        return Err(TransportError::Timeout { port: self.exchange.port() }.into());
                    }
                    found => found,
                },
            }
        };
        let Some(found) = found else { return Ok(()) };
        let found = number(&self.exchange, setting.what, &found)?;
        if found == wanted {
            return Ok(());
        }
        Err(AnalyzerError::NotTaken {
            port: self.exchange.port(),
            what: setting.what,
            wanted: wanted.into(),
            found: found.into(),
        })
    }

    fn counts(&self, data: &[u8]) -> Result<Vec<u32>, AnalyzerError> {
        let implausible =
            |why: String| AnalyzerError::Implausible { port: self.exchange.port(), what: "a spectrum", why };
        if data.len() != 2 * self.limits.pixels {
            return Err(implausible(format!("{} bytes for {} pixels", data.len(), self.limits.pixels)));
        }
        let (pairs, _) = data.as_chunks::<2>();
        let counts: Vec<u32> = pairs.iter().map(|pair| u16::from_le_bytes(*pair).into()).collect();
        match counts.iter().find(|c| **c > self.max_counts) {
            Some(count) => Err(implausible(format!("{count} counts, where {} is the most", self.max_counts))),
            None => Ok(counts),
        }
    }
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

impl Spectrometer for ObpSpectrometer {
    fn identity(&self) -> &DeviceIdentity {
        &self.identity
    }

    fn limits(&self) -> Limits {
        self.limits
    }

    fn wavelength_coefficients_nm(&self) -> &[f64] {
        &self.coefficients_nm
    }

    fn prepare(&mut self, integration_us: u32, averages: u16, on_wait: &mut OnWait<'_>) -> Result<(), AnalyzerError> {
        let found = serial_number(&mut self.exchange, on_wait)?;
        if found != self.identity.serial {
            return Err(AnalyzerError::OtherDevice {
                port: self.exchange.port(),
                expected: self.identity.serial.clone(),
                found,
            });
        }
        // Another program may have left a trigger that never comes, smoothing, or a lamp line that drives something.
        self.set_and_read_back(&TRIGGER, 0, on_wait)?;
        self.set_and_read_back(&BOXCAR, 0, on_wait)?;
        self.set_and_read_back(&LAMP, 0, on_wait)?;
        self.set_and_read_back(&INTEGRATION_TIME, integration_us, on_wait)?;
        self.integration_us = integration_us;
        self.set_averages(averages, on_wait)
    }

    fn set_averages(&mut self, averages: u16, on_wait: &mut OnWait<'_>) -> Result<(), AnalyzerError> {
        self.set_and_read_back(&AVERAGES, averages.into(), on_wait)?;
        self.averages = averages;
        Ok(())
    }

    fn acquire(&mut self, on_wait: &mut OnWait<'_>) -> Result<Vec<u32>, AnalyzerError> {
        let ask = self.spectrum_ask(self.integration_us, self.averages);
        let reply = match self.exchange.query_optional(&ask, on_wait)? {
            Some(reply) => reply,
            None if self.spectrum_kind == kinds::RAW_SPECTRUM => {
                // Older firmware knows only the spectrum with the device's own corrections.
                self.spectrum_kind = kinds::CORRECTED_SPECTRUM;
                self.exchange.query(&Ask { kind: self.spectrum_kind, ..ask }, on_wait)?
            }
            None => return Err(refused_spectrum(&self.exchange)),
        };
        self.counts(&reply.data)
    }

    fn temperatures_c(&mut self, on_wait: &mut OnWait<'_>) -> Result<Vec<f32>, AnalyzerError> {
        const WHAT: &str = "the temperatures";
        let ask = Ask { answer_bytes: 32, ..Ask::short(kinds::TEMPERATURES, WHAT, &[]) };
        let Some(reply) = self.exchange.query_optional(&ask, on_wait)? else { return Ok(Vec::new()) };
        let (values, rest) = reply.data.as_chunks::<4>();
        if !rest.is_empty() {
            return Err(implausible(&self.exchange, WHAT, format!("{} bytes", reply.data.len())));
        }
        // Reserved places may hold anything.
        Ok(values.iter().map(|v| f32::from_le_bytes(*v)).filter(|t| t.is_finite()).collect())
    }

    fn abort(&mut self) {
        self.exchange.abort();
    }

    fn expected_prepare(&self) -> Duration {
        self.exchange.expected(&Ask::short(kinds::SERIAL_NUMBER, "", &[])) * PREPARE_TRANSACTIONS
    }

    fn expected_acquire(&self, integration_us: u32, averages: u16) -> Duration {
        self.exchange.expected(&self.spectrum_ask(integration_us, averages))
    }
}

fn implausible(exchange: &Exchange, what: &'static str, why: String) -> AnalyzerError {
    AnalyzerError::Implausible { port: exchange.port(), what, why }
}

fn refused_spectrum(exchange: &Exchange) -> AnalyzerError {
    implausible(exchange, "a spectrum", "it knows neither raw nor corrected spectra".to_owned())
}

/// Tries the line speeds until something answers with a valid frame.
fn find(
    link: Box<dyn Transport>,
    clock: Arc<dyn Clock>,
    on_wait: &mut OnWait<'_>,
) -> Result<(Exchange, u32), AnalyzerError> {
    let mut exchange = Exchange::new(link, clock, BAUDS[0]);
    for baud in BAUDS {
        if answers_at(&mut exchange, baud, on_wait)? {
            return Ok((exchange, baud));
        }
    }
    Err(AnalyzerError::NoSpectrometer { port: exchange.port() })
}

fn answers_at(exchange: &mut Exchange, baud: u32, on_wait: &mut OnWait<'_>) -> Result<bool, AnalyzerError> {
    exchange.set_baud(baud)?;
    match exchange.probe(&Ask::short(kinds::SERIAL_NUMBER, "the serial number", &[]), on_wait) {
        Ok(_) => Ok(true),
        Err(AnalyzerError::Damaged { .. } | AnalyzerError::Link(TransportError::Timeout { .. })) => Ok(false),
        Err(error) => Err(error),
    }
}

/// Asks for MD5 in replies. A device that cannot stays as it is.
fn protect_replies(exchange: &mut Exchange, on_wait: &mut OnWait<'_>) -> Result<(), AnalyzerError> {
    match exchange.set(&Ask::short(kinds::SET_CHECKSUM_TYPE, "the checksum of replies", &[1]), on_wait) {
        Ok(_) | Err(AnalyzerError::Refused { .. }) => Ok(()),
        Err(error) => Err(error),
    }
}

/// Moves both sides to the fast line speed; where that fails, back to the old one.
fn speed_up(exchange: &mut Exchange, old: u32, on_wait: &mut OnWait<'_>) -> Result<(), AnalyzerError> {
    let data = FAST_BAUD.to_le_bytes();
    let end = match exchange.set(&Ask::short(kinds::SET_BAUD, "a faster line", &data), on_wait) {
        Ok(end) => end,
        Err(AnalyzerError::Refused { .. }) => return Ok(()),
        Err(error) => return Err(error),
    };
    exchange.pause(BAUD_SETTLE, on_wait)?;
    if answers_at(exchange, FAST_BAUD, on_wait)? || answers_at(exchange, old, on_wait)? {
        return Ok(());
    }
    tracing::warn!(?end, "the device was lost while the line speed was changed");
    Err(AnalyzerError::NoSpectrometer { port: exchange.port() })
}

fn identify(exchange: &mut Exchange, on_wait: &mut OnWait<'_>) -> Result<DeviceIdentity, AnalyzerError> {
    let serial = serial_number(exchange, on_wait)?;
    let mut words = |kind, what| {
        let ask = Ask { answer_bytes: 64, ..Ask::short(kind, what, &[]) };
        Ok::<_, AnalyzerError>(exchange.query_optional(&ask, on_wait)?.map(|reply| text(&reply.data)))
    };
    let manufacturer = words(kinds::MANUFACTURER, "the manufacturer")?.unwrap_or_default();
    let product = words(kinds::PRODUCT, "the product")?.unwrap_or_default();
    let firmware =
        match exchange.query_optional(&Ask::short(kinds::FIRMWARE_REVISION, "the firmware revision", &[]), on_wait)? {
            Some(reply) => Some(format!("{:#06x}", number(exchange, "the firmware revision", &reply)?)),
            None => None,
        };
    let hardware =
        match exchange.query_optional(&Ask::short(kinds::HARDWARE_REVISION, "the hardware revision", &[]), on_wait)? {
            Some(reply) => Some(number(exchange, "the hardware revision", &reply)?),
            None => None,
        };
    let firmware = match (firmware, hardware) {
        (Some(firmware), Some(hardware)) => Some(format!("{firmware}, hardware {hardware}")),
        (firmware, _) => firmware,
    };
    let named = format!("{manufacturer} {product}");
    let model =
        if named.trim().is_empty() { "STS (Ocean Binary Protocol)".to_owned() } else { named.trim().to_owned() };
    Ok(DeviceIdentity {
        simulated: manufacturer.to_lowercase().contains("emulated"),
        model,
        serial,
        firmware,
        driver: DRIVER.to_owned(),
        port: exchange.port(),
    })
}

fn serial_number(exchange: &mut Exchange, on_wait: &mut OnWait<'_>) -> Result<String, AnalyzerError> {
    const WHAT: &str = "the serial number";
    let ask = Ask { answer_bytes: 64, ..Ask::short(kinds::SERIAL_NUMBER, WHAT, &[]) };
    let serial = text(&exchange.query(&ask, on_wait)?.data);
    if serial.is_empty() {
        return Err(implausible(exchange, WHAT, "it is empty".to_owned()));
    }
    Ok(serial)
}

fn read_coefficients(exchange: &mut Exchange, on_wait: &mut OnWait<'_>) -> Result<Vec<f64>, AnalyzerError> {
    const WHAT: &str = "the wavelength calibration";
    let reply = exchange.query(&Ask::short(kinds::WAVELENGTH_COEFFICIENT_COUNT, WHAT, &[]), on_wait)?;
    let count = number(exchange, WHAT, &reply)?;
    let count = u8::try_from(count)
        .ok()
        .filter(|n| (2..=COEFFICIENTS_MAX).contains(n))
        .ok_or_else(|| implausible(exchange, WHAT, format!("{count} coefficients")))?;
    (0..count)
        .map(|index| {
            let reply = exchange.query(&Ask::short(kinds::WAVELENGTH_COEFFICIENT, WHAT, &[index]), on_wait)?;
            let value = <[u8; 4]>::try_from(reply.data.as_slice()).map(f32::from_le_bytes);
            match value {
                Ok(value) if value.is_finite() => Ok(f64::from(value)),
                _ => Err(implausible(exchange, WHAT, format!("coefficient {index} is no number"))),
            }
        })
        .collect()
}

fn read_limits(exchange: &mut Exchange, on_wait: &mut OnWait<'_>) -> Result<(Limits, u32), AnalyzerError> {
    let mut ask = |kind, what| {
        let reply = exchange.query_optional(&Ask::short(kind, what, &[]), on_wait)?;
        reply.map(|reply| number(exchange, what, &reply)).transpose()
    };
    let pixels = ask(kinds::PIXEL_COUNT, "the pixel count")?;
    let max_counts = ask(kinds::MAX_COUNTS, "the greatest counts")?;
    let saturation = ask(kinds::SATURATION_COUNTS, "the saturation level")?;
    let shortest = ask(kinds::INTEGRATION_TIME_MIN, "the shortest integration time")?;
    let longest = ask(kinds::INTEGRATION_TIME_MAX, "the longest integration time")?;
    let pixels = pixels.map_or(STS.pixels, |p| p as usize);
    if !(32..=PIXELS_MAX).contains(&pixels) {
        return Err(implausible(exchange, "the pixel count", pixels.to_string()));
    }
    // Spectra of this family have 16 bits a pixel, so nothing can exceed them.
    let max_counts = max_counts.filter(|c| (1..=u32::from(u16::MAX)).contains(c)).unwrap_or(STS.saturation_counts);
    let saturation_counts = saturation.filter(|s| (1..=max_counts).contains(s)).unwrap_or(max_counts);
    let limits = Limits {
        pixels,
        saturation_counts,
        integration_us_min: shortest.unwrap_or(STS.integration_us_min),
        integration_us_max: longest.unwrap_or(STS.integration_us_max),
        averages_max: STS.averages_max,
    };
    Ok((limits, max_counts))
}

/// An unsigned number of 1, 2 or 4 bytes; sources differ on the widths.
fn number(exchange: &Exchange, what: &'static str, reply: &Message) -> Result<u32, AnalyzerError> {
    match *reply.data.as_slice() {
        [a] => Ok(a.into()),
        [a, b] => Ok(u16::from_le_bytes([a, b]).into()),
        [a, b, c, d] => Ok(u32::from_le_bytes([a, b, c, d])),
        _ => Err(implausible(exchange, what, format!("{} bytes", reply.data.len()))),
    }
}

/// Printable text up to the first zero.
fn text(data: &[u8]) -> String {
    let text: String =
        data.iter().take_while(|b| **b != 0).filter(|b| (0x20..0x7F).contains(*b)).map(|b| char::from(*b)).collect();
    text.trim().to_owned()
}
