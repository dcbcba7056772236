//! The first conversation with a device: at which line speed it answers, who it is, its calibration and its limits; and
//! how it is found again after it was lost. Operates nothing, except that *off* is the first word to whoever listens.

use std::sync::Arc;
use std::time::Duration;

use super::codec::Checksum;
use super::exchange::{Ask, Exchange, SetEnd};
use super::kinds;
use super::profile::{self, Profile};
use super::values::{float, number, text};
use super::ventana;
use crate::analyzer::spectrometer::{DetectorFacts, Limits, OnWait};
use crate::analyzer::{AnalyzerError, Clock, DeviceIdentity, Transport, TransportError};

/// Line speeds in the order in which they are tried: the factory setting, then what this driver leaves behind.
const BAUDS: [u32; 5] = [9_600, 115_200, 57_600, 19_200, 38_400];
/// Line speed that is used where the device agrees: it cuts the transfer of a spectrum, and with it the time that the
/// laser is on, by two seconds.
const FAST_BAUD: u32 = 115_200;
/// Time that the device needs to change its line speed.
const BAUD_SETTLE: Duration = Duration::from_secs(1);
/// Largest detector that is believed.
const PIXELS_MAX: usize = 16_384;
/// Most wavelength coefficients that are believed.
const WAVELENGTH_COEFFICIENTS_MAX: u8 = 8;
/// Most nonlinearity coefficients that are believed.
const NONLINEARITY_COEFFICIENTS_MAX: u8 = 16;
/// Constant term of a nonlinearity polynomial that was ever calibrated: such a detector is off by a few per cent.
const NONLINEARITY_CONSTANT: std::ops::RangeInclusive<f64> = 0.5..=1.5;
/// Bytes of a list of hot pixels that are waited for.
const HOT_PIXELS_BYTES: usize = 1_024;

/// Who a device is.
pub(super) struct Recognised {
    pub profile: &'static Profile,
    pub identity: DeviceIdentity,
    pixels: Option<u32>,
}

/// What a device said of its optics and its detector.
pub(super) struct Introduction {
    pub coefficients_nm: Vec<f64>,
    pub limits: Limits,
    /// Greatest count that the converter can give.
    pub max_counts: u32,
    pub facts: DetectorFacts,
}

/// Tries the line speeds until something answers with a valid frame, and moves both sides to the best conditions.
pub(super) fn find(
    link: Box<dyn Transport>,
    clock: Arc<dyn Clock>,
    on_wait: &mut OnWait<'_>,
) -> Result<Exchange, AnalyzerError> {
    let mut exchange = Exchange::new(link, clock, FAST_BAUD);
    search(&mut exchange, on_wait)?;
    Ok(exchange)
}

/// The upper rungs of the ladder after trouble: opens the port again, searches the device at every line speed and makes
/// sure that it is the same. What it was set to is lost.
pub(super) fn find_again(
    exchange: &mut Exchange,
    identity: &DeviceIdentity,
    on_wait: &mut OnWait<'_>,
) -> Result<(), AnalyzerError> {
    tracing::warn!(port = identity.port, serial = identity.serial, "the device is out of step; it is searched again");
    exchange.reopen()?;
    search(exchange, on_wait)?;
    let found = serial_number(exchange, on_wait)?;
    if found == identity.serial {
        return Ok(());
    }
    Err(AnalyzerError::OtherDevice { port: exchange.port(), expected: identity.serial.clone(), found })
}

fn search(exchange: &mut Exchange, on_wait: &mut OnWait<'_>) -> Result<(), AnalyzerError> {
    for baud in BAUDS {
        if answers_at(exchange, baud, on_wait)? {
            if baud < FAST_BAUD {
                speed_up(exchange, baud, on_wait)?;
            }
            return protect_replies(exchange, on_wait);
        }
    }
    Err(AnalyzerError::NoSpectrometer { port: exchange.port() })
}

/// Whether a device listens at a speed. *Off* is the first thing that it hears, before its speed or its checksum is changed
/// and before anything is asked that can fail: a laser may have been left on.
fn answers_at(exchange: &mut Exchange, baud: u32, on_wait: &mut OnWait<'_>) -> Result<bool, AnalyzerError> {
    exchange.set_baud(baud)?;
    let ask = Ask { answer_bytes: 64, ..Ask::short(kinds::SERIAL_NUMBER, "the serial number", &[]) };
    let off = Ask::short(kinds::SET_LIGHT_SOURCE_ENABLE, "to switch the laser off", &ventana::OFF);
    let knock = exchange.knock(&off, &ask, on_wait)?;
    if !knock.heard {
        return Ok(false);
    }
    if !knock.off {
        // Half a frame of an earlier conversation lay in the device and spoiled ours, or its answer was lost.
        match exchange.set_now(&off, on_wait) {
            Ok(_) | Err(AnalyzerError::Refused { .. }) => {}
            Err(error) => return Err(error),
        }
    }
    if knock.answered {
        return Ok(true);
    }
    match exchange.query(&ask, on_wait) {
        Ok(_) => Ok(true),
        Err(AnalyzerError::Damaged { .. } | AnalyzerError::Link(TransportError::Timeout { .. })) => Ok(false),
        Err(error) => Err(error),
    }
}

/// Asks for MD5 in replies; from then on an answer without it is not believed. A device that cannot stays as it is.
fn protect_replies(exchange: &mut Exchange, on_wait: &mut OnWait<'_>) -> Result<(), AnalyzerError> {
    exchange.require_protection(false);
    match exchange.set(&Ask::short(kinds::SET_CHECKSUM_TYPE, "the checksum of replies", &[1]), on_wait) {
        Ok(_) | Err(AnalyzerError::Refused { .. }) => {}
        Err(error) => return Err(error),
    }
    let ask = Ask { answer_bytes: 64, ..Ask::short(kinds::SERIAL_NUMBER, "the serial number", &[]) };
    let answer = exchange.query(&ask, on_wait)?;
    exchange.require_protection(answer.checksum == Checksum::Md5);
    Ok(())
}

/// Moves both sides to the fast line speed; where that fails, back to the old one.
fn speed_up(exchange: &mut Exchange, old: u32, on_wait: &mut OnWait<'_>) -> Result<(), AnalyzerError> {
    let data = FAST_BAUD.to_le_bytes();
    let end: SetEnd = match exchange.set(&Ask::short(kinds::SET_BAUD, "a faster line", &data), on_wait) {
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

/// Asks a device that was found who it is.
pub(super) fn recognise(exchange: &mut Exchange, on_wait: &mut OnWait<'_>) -> Result<Recognised, AnalyzerError> {
    let serial = serial_number(exchange, on_wait)?;
    exchange.expect_serial(&serial);
    let manufacturer = words(exchange, kinds::MANUFACTURER, "the manufacturer", on_wait)?.unwrap_or_default();
    let product = words(exchange, kinds::PRODUCT, "the product", on_wait)?;
    let usb_product = optional_number(exchange, kinds::USB_PRODUCT_ID, "the product number", on_wait)?;
    let pixels = optional_number(exchange, kinds::PIXEL_COUNT, "the pixel count", on_wait)?;
    let profile = profile::choose(usb_product, product.as_deref(), pixels)
        .map_err(|why| implausible(exchange, "which model it is", why))?;
    let firmware = optional_number(exchange, kinds::FIRMWARE_REVISION, "the firmware revision", on_wait)?;
    let hardware = optional_number(exchange, kinds::HARDWARE_REVISION, "the hardware revision", on_wait)?;
    let named = format!("{manufacturer} {}", product.unwrap_or_default());
    let identity = DeviceIdentity {
        simulated: manufacturer.to_lowercase().contains("emulated"),
        model: if named.trim().is_empty() { profile.name.to_owned() } else { named.trim().to_owned() },
        serial,
        firmware: firmware.map(|firmware| match hardware {
            Some(hardware) => format!("{firmware:#06x}, hardware {hardware}"),
            None => format!("{firmware:#06x}"),
        }),
        driver: profile.driver.to_owned(),
        port: exchange.port(),
    };
    Ok(Recognised { profile, identity, pixels })
}

/// Asks a recognised device for everything else that does not change.
pub(super) fn introduce(
    exchange: &mut Exchange,
    recognised: &Recognised,
    on_wait: &mut OnWait<'_>,
) -> Result<Introduction, AnalyzerError> {
    let coefficients_nm = read_wavelengths(exchange, on_wait)?;
    let (limits, max_counts) = read_limits(exchange, recognised.profile, recognised.pixels, on_wait)?;
    let facts = read_facts(exchange, recognised.profile, limits.pixels, on_wait)?;
    Ok(Introduction { coefficients_nm, limits, max_counts, facts })
}

pub(super) fn serial_number(exchange: &mut Exchange, on_wait: &mut OnWait<'_>) -> Result<String, AnalyzerError> {
    const WHAT: &str = "the serial number";
    let ask = Ask { answer_bytes: 64, ..Ask::short(kinds::SERIAL_NUMBER, WHAT, &[]) };
    let serial = text(&exchange.query(&ask, on_wait)?.data);
    if serial.is_empty() {
        return Err(implausible(exchange, WHAT, "it is empty".to_owned()));
    }
    Ok(serial)
}

pub(super) fn implausible(exchange: &Exchange, what: &'static str, why: String) -> AnalyzerError {
    AnalyzerError::Implausible { port: exchange.port(), what, why }
}

fn words(
    exchange: &mut Exchange,
    kind: u32,
    what: &'static str,
    on_wait: &mut OnWait<'_>,
) -> Result<Option<String>, AnalyzerError> {
    let ask = Ask { answer_bytes: 64, ..Ask::short(kind, what, &[]) };
    Ok(exchange.query_optional(&ask, on_wait)?.map(|reply| text(&reply.data)))
}

fn optional_number(
    exchange: &mut Exchange,
    kind: u32,
    what: &'static str,
    on_wait: &mut OnWait<'_>,
) -> Result<Option<u32>, AnalyzerError> {
    let Some(reply) = exchange.query_optional(&Ask::short(kind, what, &[]), on_wait)? else { return Ok(None) };
    number(&reply).map(Some).map_err(|why| implausible(exchange, what, why))
}

fn read_wavelengths(exchange: &mut Exchange, on_wait: &mut OnWait<'_>) -> Result<Vec<f64>, AnalyzerError> {
    const WHAT: &str = "the wavelength calibration";
    let reply = exchange.query(&Ask::short(kinds::WAVELENGTH_COEFFICIENT_COUNT, WHAT, &[]), on_wait)?;
    let count = number(&reply).map_err(|why| implausible(exchange, WHAT, why))?;
    let count = u8::try_from(count)
        .ok()
        .filter(|n| (2..=WAVELENGTH_COEFFICIENTS_MAX).contains(n))
        .ok_or_else(|| implausible(exchange, WHAT, format!("{count} coefficients")))?;
    (0..count)
        .map(|index| {
            let reply = exchange.query(&Ask::short(kinds::WAVELENGTH_COEFFICIENT, WHAT, &[index]), on_wait)?;
            float(&reply).map(f64::from).map_err(|why| implausible(exchange, WHAT, format!("term {index}: {why}")))
        })
        .collect()
}

fn read_limits(
    exchange: &mut Exchange,
    profile: &Profile,
    pixels: Option<u32>,
    on_wait: &mut OnWait<'_>,
) -> Result<(Limits, u32), AnalyzerError> {
    let mut ask = |kind, what| optional_number(exchange, kind, what, on_wait);
    let max_counts = ask(kinds::MAX_COUNTS, "the greatest counts")?;
    let saturation = ask(kinds::SATURATION_COUNTS, "the saturation level")?;
    let shortest = ask(kinds::INTEGRATION_TIME_MIN, "the shortest integration time")?;
    let longest = ask(kinds::INTEGRATION_TIME_MAX, "the longest integration time")?;
    let pixels = pixels.map_or(profile.limits.pixels, |p| p as usize);
    if !(32..=PIXELS_MAX).contains(&pixels) {
        return Err(implausible(exchange, "the pixel count", pixels.to_string()));
    }
    // A device cannot count further than its model, whatever it says.
    let max_counts = max_counts.filter(|c| (1..=profile.max_counts).contains(c)).unwrap_or(profile.max_counts);
    let saturation_counts =
        saturation.filter(|s| (1..=max_counts).contains(s)).unwrap_or(profile.limits.saturation_counts.min(max_counts));
    let limits = Limits {
        pixels,
        saturation_counts,
        integration_us_min: shortest.unwrap_or(profile.limits.integration_us_min),
        integration_us_max: longest.unwrap_or(profile.limits.integration_us_max),
        averages_max: profile.limits.averages_max,
    };
    Ok((limits, max_counts))
}

fn read_facts(
    exchange: &mut Exchange,
    profile: &Profile,
    pixels: usize,
    on_wait: &mut OnWait<'_>,
) -> Result<DetectorFacts, AnalyzerError> {
    let list = |ranges: &[(usize, usize)]| -> Vec<usize> {
        ranges.iter().flat_map(|(first, last)| *first..=*last).filter(|p| *p < pixels).collect()
    };
    let mut bad_pixels = read_hot_pixels(exchange, pixels, on_wait)?;
    bad_pixels.extend(list(profile.optical_dark));
    bad_pixels.sort_unstable();
    bad_pixels.dedup();
    Ok(DetectorFacts {
        nonlinearity_coefficients: read_nonlinearity(exchange, on_wait)?,
        bad_pixels,
        electric_dark_pixels: list(profile.electric_dark),
    })
}

/// A memory that was never calibrated holds zeros or no numbers at all; then there is nothing to correct with.
fn read_nonlinearity(exchange: &mut Exchange, on_wait: &mut OnWait<'_>) -> Result<Vec<f64>, AnalyzerError> {
    const WHAT: &str = "the nonlinearity of the detector";
    let Some(count) = optional_number(exchange, kinds::NONLINEARITY_COEFFICIENT_COUNT, WHAT, on_wait)? else {
        return Ok(Vec::new());
    };
    let count = u8::try_from(count)
        .ok()
        .filter(|n| *n <= NONLINEARITY_COEFFICIENTS_MAX)
        .ok_or_else(|| implausible(exchange, WHAT, format!("{count} coefficients")))?;
    let mut coefficients = Vec::new();
    for index in 0..count {
        let reply = exchange.query(&Ask::short(kinds::NONLINEARITY_COEFFICIENT, WHAT, &[index]), on_wait)?;
        let Ok(value) = float(&reply) else {
            tracing::warn!(index, "the device's nonlinearity is no number; its counts are not corrected for it");
            return Ok(Vec::new());
        };
        coefficients.push(f64::from(value));
    }
    if coefficients.first().is_some_and(|constant| !NONLINEARITY_CONSTANT.contains(constant)) {
        tracing::warn!(?coefficients, "the device's nonlinearity was never calibrated; its counts are not corrected");
        return Ok(Vec::new());
    }
    Ok(coefficients)
}

fn read_hot_pixels(
    exchange: &mut Exchange,
    pixels: usize,
    on_wait: &mut OnWait<'_>,
) -> Result<Vec<usize>, AnalyzerError> {
    const WHAT: &str = "the list of hot pixels";
    let ask = Ask { answer_bytes: HOT_PIXELS_BYTES, ..Ask::short(kinds::HOT_PIXELS, WHAT, &[]) };
    let Some(reply) = exchange.query_optional(&ask, on_wait)? else { return Ok(Vec::new()) };
    let (words, rest) = reply.data.as_chunks::<4>();
    let indices: Vec<usize> = words.iter().map(|w| u32::from_le_bytes(*w) as usize).collect();
    if !rest.is_empty() {
        return Err(implausible(exchange, WHAT, format!("{} bytes", reply.data.len())));
    }
    // Places of the list that nobody filled may hold anything.
    Ok(indices.into_iter().filter(|p| *p < pixels).collect())
}
