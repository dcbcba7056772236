//! An emulated STS spectrometer that speaks the Ocean Binary Protocol.

use std::fmt::Write;
use std::time::Duration;

use crate::analyzer::obp::codec::{Checksum, Decoder, FrameError, Message, encode, flags};
use crate::analyzer::obp::{device_error, kinds};

use super::bench::Bench;
use super::line::Line;
use super::optics::{MAX_COUNTS, PIXELS, REPORTED_COEFFICIENTS_NM};
use super::{Device, Log};

/// What the unit says when asked for its maker: whoever drives it can tell that it is emulated.
pub const MANUFACTURER: &str = "Parcelscope emulated";
/// Integration times that an STS takes, microseconds.
const INTEGRATION_US: (u32, u32) = (10, 85_000_000);
/// Most scans that it averages.
const MAX_AVERAGES: u16 = 5_000;
/// Line speeds that it takes.
const BAUDS: [u32; 5] = [9_600, 19_200, 38_400, 57_600, 115_200];

/// The device.
#[derive(Debug)]
pub struct ObpSts {
    bench: Bench,
    line: Line,
    decoder: Decoder,
    log: Log,
    checksum: Checksum,
    serial: String,
    baud: u32,
    alias: Vec<u8>,
    /// None until the host has set it once: before, the unit delivers no spectra.
    integration_us: Option<u32>,
    averages: u16,
    boxcar: u8,
    trigger: u8,
    lamp: u8,
    acquiring: Option<Acquiring>,
}

#[derive(Debug)]
struct Acquiring {
    request: Message,
    start: Duration,
    end: Duration,
    /// Settings at the request: later ones hold for the next exposure.
    averages: u16,
    boxcar: u8,
}

impl ObpSts {
    /// A unit on `bench` whose line runs at `baud` and whose replies carry MD5 when `checksum` says so.
    pub fn new(bench: Bench, serial_number: u64, checksum: Checksum, baud: u32, log: Log) -> Self {
        Self {
            bench,
            line: Line::new(baud),
            decoder: Decoder::new(),
            log,
            checksum,
            serial: format!("EMU{:05}", serial_number % 100_000),
            baud,
            alias: Vec::new(),
            integration_us: None,
            averages: 1,
            boxcar: 0,
            trigger: 0,
            lamp: 0,
            acquiring: None,
        }
    }

    fn answer(&mut self, message: Message, now: Duration) {
        let bytes = encode(&Message { checksum: self.checksum, ..message });
        self.line.send(&bytes, now);
    }

    fn handle(&mut self, request: &Message, now: Duration) {
        self.log.write(now, &format!("obp {:06x} {}", request.kind, hex(&request.data)));
        let outcome = self.act(request, now).and_then(|answer| {
            let wrong = answer.is_some() && !takes_index(request.kind) && !request.data.is_empty();
            if wrong { Err(device_error::LENGTH_MISMATCH) } else { Ok(answer) }
        });
        // A set without a wish for an ACK gets no answer at all, not even a refusal.
        let quiet = is_set(request.kind) && !request.has(flags::ACK_REQUESTED);
        match outcome {
            Ok(Some(data)) => self.answer(Message::reply(request, data), now),
            Ok(None) if is_set(request.kind) && !quiet => self.answer(Message::ack(request), now),
            Err(error) if !quiet => self.answer(Message::nack(request, error), now),
            Ok(None) | Err(_) => {}
        }
        if request.kind == kinds::SET_BAUD && outcome_is_ok(request, self.baud) {
            self.line.set_baud(self.baud);
        }
    }

    /// A frame that cannot be read is answered with the number that says why, as far as its header can be trusted.
    fn refuse_frame(&mut self, broken: &FrameError, now: Duration) {
        self.log.write(now, &format!("obp {broken}"));
        let (kind, regarding, error) = match *broken {
            FrameError::Version { kind, regarding, .. } => (kind, regarding, device_error::UNSUPPORTED_PROTOCOL),
            FrameError::Lengths { kind, regarding } => (kind, regarding, device_error::LENGTH_MISMATCH),
            FrameError::TooLong { kind, regarding, .. } => (kind, regarding, device_error::TOO_LARGE),
            FrameError::ChecksumType { kind, regarding, .. } => (kind, regarding, device_error::UNKNOWN_CHECKSUM),
            FrameError::Footer { kind, regarding } => (kind, regarding, device_error::BAD_END),
            FrameError::Checksum { kind, regarding } => (kind, regarding, device_error::BAD_CHECKSUM),
        };
        let request = Message { regarding, ..Message::query(kind, &[]) };
        self.answer(Message::nack(&request, error), now);
    }

    /// Data of the answer, nothing for a set or an answer that comes later, or an error number.
    fn act(&mut self, request: &Message, now: Duration) -> Result<Option<Vec<u8>>, u16> {
        let data = request.data.as_slice();
        let some = |bytes: &[u8]| Ok(Some(bytes.to_vec()));
        match request.kind {
            kinds::RESET | kinds::RESET_DEFAULTS => {
                self.acquiring = None;
                (self.integration_us, self.averages, self.boxcar, self.trigger, self.lamp) = (None, 1, 0, 0, 0);
                Ok(None)
            }
            kinds::SET_CHECKSUM_TYPE => {
                self.checksum = match byte(data)? {
                    0 => Checksum::None,
                    1 => Checksum::Md5,
                    _ => return Err(device_error::UNKNOWN_CHECKSUM),
                };
                Ok(None)
            }
            kinds::HARDWARE_REVISION | kinds::STRAY_LIGHT_COEFFICIENT_COUNT => some(&[1]),
            kinds::FIRMWARE_REVISION => some(&0x0100_u16.to_le_bytes()),
            kinds::SERIAL_NUMBER => some(self.serial.as_bytes()),
            kinds::SERIAL_NUMBER_LENGTH | kinds::ALIAS_LENGTH => some(&[16]),
            kinds::ALIAS => some(&self.alias),
            kinds::SET_ALIAS if data.len() <= 16 => {
                self.alias = data.to_vec();
                Ok(None)
            }
            kinds::SET_ALIAS => Err(device_error::LENGTH_MISMATCH),
            kinds::MANUFACTURER => some(MANUFACTURER.as_bytes()),
            kinds::PRODUCT => some(b"STS"),
            kinds::BAUD => some(&self.baud.to_le_bytes()),
            kinds::SET_BAUD => {
                let baud = word(data)?;
                if !BAUDS.contains(&baud) {
                    return Err(device_error::DATA_INVALID);
                }
                self.baud = baud;
                Ok(None)
            }
            kinds::ABORT => {
                self.acquiring = None;
                self.line.clear();
                Ok(None)
            }
            kinds::PIXEL_COUNT => some(&(PIXELS as u32).to_le_bytes()),
            kinds::MAX_COUNTS | kinds::SATURATION_COUNTS => some(&(MAX_COUNTS as u16).to_le_bytes()),
            kinds::INTEGRATION_TIME => some(&self.integration_us.unwrap_or(INTEGRATION_US.0).to_le_bytes()),
            kinds::INTEGRATION_TIME_MIN => some(&INTEGRATION_US.0.to_le_bytes()),
            kinds::INTEGRATION_TIME_MAX => some(&INTEGRATION_US.1.to_le_bytes()),
            kinds::INTEGRATION_TIME_STEP => some(&1_u32.to_le_bytes()),
            kinds::SET_INTEGRATION_TIME => {
                let wanted = word(data)?;
                if !(INTEGRATION_US.0..=INTEGRATION_US.1).contains(&wanted) {
                    return Err(device_error::DATA_INVALID);
                }
                self.integration_us = Some(wanted);
                Ok(None)
            }
            kinds::SCANS_TO_AVERAGE => some(&self.averages.to_le_bytes()),
            kinds::SET_SCANS_TO_AVERAGE => {
                let wanted = u16::from_le_bytes(data.try_into().map_err(|_| device_error::LENGTH_MISMATCH)?);
                if !(1..=MAX_AVERAGES).contains(&wanted) {
                    return Err(device_error::DATA_INVALID);
                }
                self.averages = wanted;
                Ok(None)
            }
            kinds::BOXCAR => some(&[self.boxcar]),
            kinds::SET_BOXCAR => set_byte(&mut self.boxcar, data, 15),
            kinds::TRIGGER_MODE => some(&[self.trigger]),
            kinds::SET_TRIGGER_MODE => set_byte(&mut self.trigger, data, 2),
            kinds::LAMP_ENABLE => some(&[self.lamp]),
            kinds::SET_LAMP_ENABLE => set_byte(&mut self.lamp, data, 1),
            kinds::WAVELENGTH_COEFFICIENT_COUNT => some(&[REPORTED_COEFFICIENTS_NM.len() as u8]),
            kinds::WAVELENGTH_COEFFICIENT => coefficient(&REPORTED_COEFFICIENTS_NM, data),
            kinds::NONLINEARITY_COEFFICIENT_COUNT => some(&[8]),
            kinds::NONLINEARITY_COEFFICIENT => coefficient(&[1.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0], data),
            kinds::STRAY_LIGHT_COEFFICIENT => coefficient(&[0.0], data),
            kinds::BENCH_ID => some(b"STS-785"),
            kinds::SLIT_UM => some(&25_u16.to_le_bytes()),
            kinds::TEMPERATURE_COUNT => some(&[3]),
            kinds::TEMPERATURE => {
                let index = usize::from(byte(data)?);
                Self::temperatures(now)
                    .get(index)
                    .map(|t| Some(t.to_le_bytes().to_vec()))
                    .ok_or(device_error::DATA_INVALID)
            }
            kinds::TEMPERATURES => Ok(Some(Self::temperatures(now).iter().flat_map(|t| t.to_le_bytes()).collect())),
            kinds::CORRECTED_SPECTRUM | kinds::RAW_SPECTRUM => self.begin(request, now).map(|()| None),
            _ => Err(device_error::UNKNOWN_TYPE),
        }
    }

    /// Starts an exposure with the present settings; its spectrum is sent when it is over.
    fn begin(&mut self, request: &Message, now: Duration) -> Result<(), u16> {
        if !request.data.is_empty() {
            return Err(device_error::LENGTH_MISMATCH);
        }
        if self.acquiring.is_some() {
            return Err(device_error::NOT_READY);
        }
        let integration_us = self.integration_us.ok_or(device_error::NOT_READY)?;
        let (averages, boxcar) = (self.averages, self.boxcar);
        let end = now + Duration::from_micros(u64::from(integration_us)) * u32::from(averages);
        self.acquiring = Some(Acquiring { request: request.clone(), start: now, end, averages, boxcar });
        Ok(())
    }

    /// Detector, reserved, board: slowly warming up.
    fn temperatures(now: Duration) -> [f32; 3] {
        let warm = 1.0 - (-now.as_secs_f32() / 300.0).exp();
        [24.0 + 6.0 * warm, 0.0, 26.0 + 5.0 * warm]
    }

    fn finish(&mut self, now: Duration) {
        if let Some(done) = self.acquiring.take_if(|a| a.end <= now) {
            let counts = self.bench.read_out(done.start, done.end, done.averages);
            let smoothed = boxcar(&counts, usize::from(done.boxcar));
            let data = smoothed.iter().flat_map(|c| (*c as u16).to_le_bytes()).collect();
            self.answer(Message::reply(&done.request, data), done.end);
        }
    }
}

impl Device for ObpSts {
    fn receive(&mut self, bytes: &[u8], now: Duration) {
        self.finish(now);
        self.decoder.push(bytes);
        while let Some(frame) = self.decoder.next() {
            match frame {
                Ok(request) => self.handle(&request, now),
                Err(broken) => self.refuse_frame(&broken, now),
            }
        }
    }

    fn transmit_at_most(&mut self, now: Duration, most: usize) -> Vec<u8> {
        self.finish(now);
        self.line.arrived(now, most)
    }

    fn next_due(&self) -> Option<Duration> {
        [self.line.next_due(), self.acquiring.as_ref().map(|a| a.end)].into_iter().flatten().min()
    }
}

/// Types that change something; all others ask.
const fn is_set(kind: u32) -> bool {
    matches!(
        kind,
        kinds::RESET
            | kinds::RESET_DEFAULTS
            | kinds::SET_CHECKSUM_TYPE
            | kinds::SET_ALIAS
            | kinds::SET_BAUD
            | kinds::ABORT
            | kinds::SET_INTEGRATION_TIME
            | kinds::SET_SCANS_TO_AVERAGE
            | kinds::SET_BOXCAR
            | kinds::SET_TRIGGER_MODE
            | kinds::SET_LAMP_ENABLE
    )
}

/// Questions that carry the index of what they ask for.
const fn takes_index(kind: u32) -> bool {
    matches!(
        kind,
        kinds::WAVELENGTH_COEFFICIENT
            | kinds::NONLINEARITY_COEFFICIENT
            | kinds::STRAY_LIGHT_COEFFICIENT
            | kinds::TEMPERATURE
    )
}

fn outcome_is_ok(request: &Message, baud: u32) -> bool {
    word(&request.data).is_ok_and(|wanted| wanted == baud)
}

fn byte(data: &[u8]) -> Result<u8, u16> {
    match data {
        [value] => Ok(*value),
        _ => Err(device_error::LENGTH_MISMATCH),
    }
}

fn word(data: &[u8]) -> Result<u32, u16> {
    data.try_into().map(u32::from_le_bytes).map_err(|_| device_error::LENGTH_MISMATCH)
}

fn set_byte(place: &mut u8, data: &[u8], most: u8) -> Result<Option<Vec<u8>>, u16> {
    let wanted = byte(data)?;
    if wanted > most {
        return Err(device_error::DATA_INVALID);
    }
    *place = wanted;
    Ok(None)
}

fn coefficient(all: &[f64], data: &[u8]) -> Result<Option<Vec<u8>>, u16> {
    let value = all.get(usize::from(byte(data)?)).ok_or(device_error::DATA_INVALID)?;
    Ok(Some((*value as f32).to_le_bytes().to_vec()))
}

/// Mean over `half` pixels to both sides, as the device's boxcar does.
fn boxcar(counts: &[u32], half: usize) -> Vec<u32> {
    (0..counts.len())
        .map(|i| {
            let window = counts.get(i.saturating_sub(half)..(i + half + 1).min(counts.len())).unwrap_or_default();
            window.iter().sum::<u32>() / (window.len().max(1) as u32)
        })
        .collect()
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::new(), |mut text, b| {
        let _ = write!(text, "{b:02x}"); // writing to a string cannot fail
        text
    })
}
