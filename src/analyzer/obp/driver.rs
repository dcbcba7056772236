//! Driver of OBP spectrometers, STS profile.

use std::sync::Arc;
use std::time::Duration;

use crate::analyzer::{AnalyzerError, Clock, DeviceIdentity, Transport, TransportError};

use super::codec::{Decoder, Message, encode, flags};
use super::{device_error, kinds};

/// Margin over the time that the wire and the exposure need.
const MARGIN: Duration = Duration::from_millis(500);
/// How long one read waits before it looks whether the user cancelled.
const SLICE: Duration = Duration::from_millis(40);
/// Longest transfer of a spectrum: 2,112 bytes at 9,600 baud.
const TRANSFER: Duration = Duration::from_millis(2_300);
/// Most pixels that are believed.
const MAX_PIXELS: usize = 8_192;
/// Counts at which a 14-bit STS is saturated, where the device does not say.
const STS_SATURATION: u32 = 16_383;

/// An OBP spectrometer on its port.
pub struct ObpSpectrometer {
    link: Box<dyn Transport>,
    clock: Arc<dyn Clock>,
    decoder: Decoder,
    identity: DeviceIdentity,
    coefficients_nm: Vec<f64>,
    saturation_counts: u32,
}

/// Settings as the device took them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Readout {
    /// Integration time of one scan, microseconds.
    pub integration_us: u32,
    /// Scans that the device averages.
    pub averages: u16,
}

impl ObpSpectrometer {
    /// Identifies the device and reads its wavelength polynomial.
    pub fn open(link: Box<dyn Transport>, clock: Arc<dyn Clock>) -> Result<Self, AnalyzerError> {
        let identity = DeviceIdentity {
            model: "STS".to_owned(),
            serial: String::new(),
            firmware: None,
            driver: "OBP STS".to_owned(),
            port: link.name().to_owned(),
            simulated: false,
        };
        let mut device = Self {
            link,
            clock,
            decoder: Decoder::new(),
            identity,
            coefficients_nm: Vec::new(),
            saturation_counts: STS_SATURATION,
        };
        let now = device.clock.now();
        device.link.drain(Duration::from_millis(20), now + MARGIN)?;
        device.identity.serial = device.text(kinds::SERIAL_NUMBER, "serial number")?;
        if let Some(product) = device.optional_text(kinds::PRODUCT)? {
            device.identity.model = product;
        }
        if let Some(maker) = device.optional_text(kinds::MANUFACTURER)? {
            device.identity.simulated = maker.to_lowercase().contains("emulated");
            device.identity.model = format!("{maker} {}", device.identity.model);
        }
        if let Some(data) = device.optional(kinds::FIRMWARE_REVISION)?
            && let Ok(revision) = <[u8; 2]>::try_from(data.as_slice())
        {
            device.identity.firmware = Some(format!("{:#06x}", u16::from_le_bytes(revision)));
        }
        if let Some(data) = device.optional(kinds::MAX_COUNTS)? {
            device.saturation_counts = match data.as_slice() {
                [a, b] => u32::from(u16::from_le_bytes([*a, *b])),
                [a, b, c, d] => u32::from_le_bytes([*a, *b, *c, *d]),
                _ => STS_SATURATION,
            };
        }
        device.coefficients_nm = device.read_coefficients()?;
        Ok(device)
    }

    /// Who answers.
    pub const fn identity(&self) -> &DeviceIdentity {
        &self.identity
    }

    /// Wavelength polynomial, nm over the 0-based pixel, constant term first.
    pub fn coefficients_nm(&self) -> &[f64] {
        &self.coefficients_nm
    }

    /// Counts at which a pixel is saturated.
    pub const fn saturation_counts(&self) -> u32 {
        self.saturation_counts
    }

    /// Sets integration time and averages, and reads both back.
    pub fn configure(&mut self, readout: Readout) -> Result<(), AnalyzerError> {
        self.set(kinds::SET_INTEGRATION_TIME, &readout.integration_us.to_le_bytes(), "integration time")?;
        self.set(kinds::SET_SCANS_TO_AVERAGE, &readout.averages.to_le_bytes(), "averages")?;
        if self.query(kinds::INTEGRATION_TIME, &[], "integration time")? != readout.integration_us.to_le_bytes() {
            return Err(self.not_taken("integration time"));
        }
        if self.query(kinds::SCANS_TO_AVERAGE, &[], "averages")? != readout.averages.to_le_bytes() {
            return Err(self.not_taken("averages"));
        }
        Ok(())
    }

    /// Temperatures that the device reports, deg C; empty where it reports none.
    pub fn temperatures_c(&mut self) -> Result<Vec<f32>, AnalyzerError> {
        let data = self.optional(kinds::TEMPERATURES)?.unwrap_or_default();
        let (values, _) = data.as_chunks::<4>();
        Ok(values.iter().map(|c| f32::from_le_bytes(*c)).filter(|t| t.is_finite()).collect())
    }

    /// Acquires one spectrum. `cancelled` is asked at least every 50 ms; when it says so the device is told to abort.
    /// `tick` is called as often.
    pub fn acquire(
        &mut self,
        readout: Readout,
        cancelled: &dyn Fn() -> bool,
        tick: &mut dyn FnMut(),
    ) -> Result<Vec<u32>, AnalyzerError> {
        const WHAT: &str = "spectrum";
        let request = Message::query(kinds::RAW_SPECTRUM, &[]);
        self.send(&request)?;
        let exposure = Duration::from_micros(u64::from(readout.integration_us)) * u32::from(readout.averages);
        let deadline = self.clock.now() + exposure + TRANSFER + MARGIN;
        loop {
            if cancelled() {
                self.abort()?;
                return Err(AnalyzerError::Cancelled);
            }
            tick();
            match self.receive(&request, WHAT, deadline.min(self.clock.now() + SLICE)) {
                Ok(reply) => return self.pixels(&reply.data),
                Err(AnalyzerError::Transport(TransportError::Timeout { .. })) if self.clock.now() < deadline => {}
                Err(other) => return Err(other),
            }
        }
    }

    /// Stops an acquisition and empties the line.
    fn abort(&mut self) -> Result<(), AnalyzerError> {
        self.send(&Message { flags: 0, ..Message::set(kinds::ABORT, &[]) })?;
        let now = self.clock.now();
        self.link.drain(Duration::from_millis(30), now + Duration::from_millis(100))?;
        self.decoder.clear();
        Ok(())
    }

    fn pixels(&self, data: &[u8]) -> Result<Vec<u32>, AnalyzerError> {
        let (values, rest) = data.as_chunks::<2>();
        if !rest.is_empty() || values.len() < 64 || values.len() > MAX_PIXELS {
            return Err(self.garbled("spectrum", format!("{} bytes are no spectrum", data.len())));
        }
        let counts: Vec<u32> = values.iter().map(|c| u32::from(u16::from_le_bytes(*c))).collect();
        if let Some(high) = counts.iter().find(|c| **c > self.saturation_counts) {
            return Err(self.garbled("spectrum", format!("{high} counts are more than the device can count")));
        }
        Ok(counts)
    }

    fn read_coefficients(&mut self) -> Result<Vec<f64>, AnalyzerError> {
        const WHAT: &str = "wavelength coefficients";
        let count = self.query(kinds::WAVELENGTH_COEFFICIENT_COUNT, &[], WHAT)?;
        let count = count.first().copied().unwrap_or(0);
        if !(2..=8).contains(&count) {
            return Err(self.garbled(WHAT, format!("{count} coefficients")));
        }
        let mut coefficients = Vec::new();
        for index in 0..count {
            let data = self.query(kinds::WAVELENGTH_COEFFICIENT, &[index], WHAT)?;
            let value = <[u8; 4]>::try_from(data.as_slice()).map(f32::from_le_bytes);
            match value {
                Ok(value) if value.is_finite() => coefficients.push(f64::from(value)),
                _ => return Err(self.garbled(WHAT, format!("coefficient {index} is no number"))),
            }
        }
        Ok(coefficients)
    }

    fn text(&mut self, kind: u32, what: &'static str) -> Result<String, AnalyzerError> {
        let data = self.query(kind, &[], what)?;
        let text: String = data.iter().take_while(|b| **b != 0).map(|b| char::from(*b)).collect();
        if text.is_empty() || text.chars().any(char::is_control) {
            return Err(self.garbled(what, "not a text".to_owned()));
        }
        Ok(text)
    }

    fn optional_text(&mut self, kind: u32) -> Result<Option<String>, AnalyzerError> {
        let data = self.optional(kind)?;
        Ok(data
            .map(|d| d.iter().take_while(|b| **b != 0).map(|b| char::from(*b)).filter(|c| !c.is_control()).collect()))
    }

    /// Asks for what not every device knows; a refusal is *none*.
    fn optional(&mut self, kind: u32) -> Result<Option<Vec<u8>>, AnalyzerError> {
        match self.query(kind, &[], "optional information") {
            Ok(data) => Ok(Some(data)),
            Err(AnalyzerError::Refused { .. }) => Ok(None),
            Err(other) => Err(other),
        }
    }

    /// Asks; where the answer is spoilt or stays away the line is emptied and the question asked once more.
    fn query(&mut self, kind: u32, data: &[u8], what: &'static str) -> Result<Vec<u8>, AnalyzerError> {
        match self.query_once(kind, data, what) {
            Err(AnalyzerError::Garbled { .. } | AnalyzerError::Transport(TransportError::Timeout { .. })) => {
                let now = self.clock.now();
                self.link.drain(Duration::from_millis(50), now + MARGIN)?;
                self.decoder.clear();
                self.query_once(kind, data, what)
            }
            other => other,
        }
    }

    fn query_once(&mut self, kind: u32, data: &[u8], what: &'static str) -> Result<Vec<u8>, AnalyzerError> {
        let request = Message::query(kind, data);
        self.send(&request)?;
        let deadline = self.clock.now() + MARGIN;
        Ok(self.receive(&request, what, deadline)?.data)
    }

    /// Sets once; a set is never repeated blindly.
    fn set(&mut self, kind: u32, data: &[u8], what: &'static str) -> Result<(), AnalyzerError> {
        let request = Message::set(kind, data);
        self.send(&request)?;
        let deadline = self.clock.now() + MARGIN;
        let reply = self.receive(&request, what, deadline)?;
        if reply.has(flags::ACK) { Ok(()) } else { Err(self.garbled(what, "no acknowledgement".to_owned())) }
    }

    fn send(&mut self, message: &Message) -> Result<(), AnalyzerError> {
        let deadline = self.clock.now() + MARGIN;
        Ok(self.link.write_all(&encode(message), deadline)?)
    }

    /// Reads until the answer to `request` is there.
    fn receive(&mut self, request: &Message, what: &'static str, deadline: Duration) -> Result<Message, AnalyzerError> {
        let mut buffer = [0_u8; 4096];
        loop {
            if let Some(frame) = self.decoder.next() {
                let message = frame.map_err(|e| self.garbled(what, e.to_string()))?;
                if message.kind != request.kind {
                    return Err(self.garbled(what, format!("an answer to message {:#x}", message.kind)));
                }
                if message.has(flags::NACK) {
                    let why = device_error::meaning(message.error).to_owned();
                    return Err(AnalyzerError::Refused { port: self.link.name().to_owned(), what, why });
                }
                return Ok(message);
            }
            let n = self.link.read_some(&mut buffer, deadline)?;
            self.decoder.push(buffer.get(..n).unwrap_or_default());
        }
    }

    fn garbled(&self, what: &'static str, why: String) -> AnalyzerError {
        AnalyzerError::Garbled { port: self.link.name().to_owned(), what, why }
    }

    fn not_taken(&self, what: &'static str) -> AnalyzerError {
        AnalyzerError::NotTaken { port: self.link.name().to_owned(), what }
    }
}
