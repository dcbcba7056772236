//! An emulated NIRscan Nano: a lamp, a window with a white standard or a sample on it, a serial line.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use crate::analyzer::nirscan::BAUD;
use crate::analyzer::nirscan::codec::{Decoder, GAP_FAILURE, MAX_DATA, Packet, PacketError, encode, flags};
use crate::analyzer::nirscan::interpreted::Interpreted;
use crate::analyzer::nirscan::kinds;

use super::line::Line;
use super::nir_optics::{NirSample, scan};
use super::{Device, Fault, Faults, Log};

/// Silence inside a packet at which the firmware gives up.
const GAP: Duration = Duration::from_millis(1);
/// Scan configurations in the device.
const CONFIGS: u8 = 2;
/// Estimated time of one repeat, ms.
const REPEAT_MS: u32 = 340;
/// Time that the interpretation takes.
const INTERPRETATION: Duration = Duration::from_millis(150);
/// The error bit of the converter, which a saturated scan sets.
const CONVERTER_ERROR: u32 = 0x002;

/// Scans that a window remembers.
const SEEN: usize = 64;

/// What the detector really saw in one scan: what the device means to send, whatever becomes of it on the wire.
#[derive(Clone, Debug, PartialEq)]
pub struct NirReadout {
    /// What lay on the window.
    pub sample: NirSample,
    /// Scan configuration and repeats.
    pub settings: (u8, u16),
    /// The scan as interpreted.
    pub seen: Interpreted,
}

/// What lies on the window. Clones are the same window.
#[derive(Clone, Debug)]
pub struct NirWindow {
    sample: Arc<Mutex<NirSample>>,
    seen: Arc<Mutex<VecDeque<NirReadout>>>,
}

impl NirWindow {
    /// A window with something on it.
    pub fn new(sample: NirSample) -> Self {
        Self { sample: Arc::new(Mutex::new(sample)), seen: Arc::default() }
    }

    /// Lays something else on the window.
    pub fn lay(&self, sample: NirSample) {
        *self.sample.lock().unwrap_or_else(PoisonError::into_inner) = sample;
    }

    /// The last scans, oldest first.
    pub fn readouts(&self) -> Vec<NirReadout> {
        self.seen.lock().unwrap_or_else(PoisonError::into_inner).iter().rev().cloned().collect()
    }

    fn saw(&self, readout: NirReadout) {
        let mut seen = self.seen.lock().unwrap_or_else(PoisonError::into_inner);
        seen.truncate(SEEN - 1);
        seen.push_front(readout);
    }

    fn sample(&self) -> NirSample {
        self.sample.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

/// The device.
#[derive(Debug)]
pub struct NirScan {
    window: NirWindow,
    seed: u64,
    line: Line,
    log: Log,
    faults: Faults,
    decoder: Decoder,
    heard_at: Duration,
    config: u8,
    repeats: u16,
    scans: u64,
    /// When the scan and the interpretation that run will be done.
    scanning_until: Option<Duration>,
    interpreting_until: Option<Duration>,
    /// The file of the last interpreted scan.
    interpreted: Vec<u8>,
    /// Rest of the file that is being read.
    reading: Vec<u8>,
    errors: u32,
    last_length: usize,
}

impl NirScan {
    /// A device that looks at `window`.
    pub fn new(window: NirWindow, seed: u64, log: Log, faults: Faults) -> Self {
        Self {
            window,
            seed,
            line: Line::new(BAUD),
            log,
            faults,
            decoder: Decoder::new(),
            heard_at: Duration::ZERO,
            config: 0,
            repeats: 1,
            scans: 0,
            scanning_until: None,
            interpreting_until: None,
            interpreted: Vec::new(),
            reading: Vec::new(),
            errors: 0,
            last_length: 0,
        }
    }

    fn power_up(&mut self) {
        (self.config, self.repeats, self.errors) = (0, 1, 0);
        (self.scanning_until, self.interpreting_until) = (None, None);
        self.interpreted.clear();
        self.reading.clear();
        self.line.clear();
    }

    fn answer(&mut self, request: &Packet, response: u8, data: Vec<u8>, now: Duration) {
        if request.flags & flags::REPLY == 0 {
            return;
        }
        self.last_length = data.len();
        let command = if self.faults.strikes(Fault::WrongType) { request.command ^ 1 } else { request.command };
        let flags = (request.flags & !flags::RESPONSE) | response;
        let mut bytes = encode(&Packet { flags, sequence: request.sequence, command, data });
        if self.faults.strikes(Fault::WrongChecksum) {
            bytes.iter_mut().skip(4).take(1).for_each(|b| *b ^= 0x55);
        }
        if self.faults.strikes(Fault::WrongFooter) {
            bytes.iter_mut().rev().take(1).for_each(|b| *b ^= 0xFF);
        }
        if self.faults.strikes(Fault::OversizedLength) {
            bytes.iter_mut().skip(10).take(2).for_each(|b| *b = 0xFF);
        }
        self.line.send(&bytes, now);
    }

    fn handle(&mut self, request: &Packet, now: Duration) {
        self.log.write(now, &format!("nirscan {:04x} {:02x?}", request.command, request.data));
        if self.faults.strikes(Fault::ResetBetweenCommands) {
            self.power_up();
        }
        if self.faults.strikes(Fault::AccessLevel) {
            // The nearest that this device has: another link owns it.
            return self.answer(request, flags::BUSY, Vec::new(), now);
        }
        let outcome = if self.faults.strikes(Fault::Nack) {
            None
        } else if request.flags & flags::READ != 0 {
            self.read(request.command, &request.data, now)
        } else {
            self.write(request.command, &request.data, now)
        };
        match outcome {
            Some(data) => self.answer(request, 0, data, now),
            None => self.answer(request, flags::ERROR, Vec::new(), now),
        }
    }

    fn read(&mut self, command: u16, data: &[u8], now: Duration) -> Option<Vec<u8>> {
        let done = |until: Option<Duration>| vec![u8::from(until.is_none())];
        Some(match (command, data) {
            (kinds::VERSIONS, []) => [0x0002_0101_u32, 0, 0, 0, 0, 0, 0].iter().flat_map(|v| v.to_le_bytes()).collect(),
            (kinds::SERIAL_NUMBER, []) => {
                let other = u64::from(self.faults.strikes(Fault::OtherSerial));
                format!("E{:06}\0", self.seed.wrapping_add(other) % 1_000_000).into_bytes()
            }
            (kinds::MODEL, []) => b"NIRscanNano EMU\0".to_vec(),
            (kinds::CONFIG_COUNT, []) => vec![CONFIGS],
            (kinds::ACTIVE_CONFIG, []) => vec![self.config],
            (kinds::SCAN_TIME, []) => self.scan_ms().to_le_bytes().to_vec(),
            (kinds::SCAN_DONE, []) => done(self.scanning_until),
            (kinds::INTERPRET_DONE, []) => done(self.interpreting_until),
            (kinds::FILE_SIZE, [kinds::INTERPRETED_FILE]) if !self.interpreted.is_empty() => {
                self.reading.clone_from(&self.interpreted);
                (self.reading.len() as u32).to_le_bytes().to_vec()
            }
            (kinds::FILE_DATA, []) if !self.reading.is_empty() => {
                let piece = self.reading.len().min(MAX_DATA);
                self.reading.drain(..piece).collect()
            }
            (kinds::TEMPERATURES, []) => {
                let warm = 1.0 - (-now.as_secs_f64() / 200.0).exp();
                let hundredths = [24.0 + 9.0 * warm, 23.0 + 6.0 * warm].map(|t: f64| (100.0 * t).round() as i32);
                hundredths.iter().flat_map(|t| t.to_le_bytes()).collect()
            }
            (kinds::DEVICE_STATUS, []) => {
                let scanning = if self.scanning_until.is_some() { kinds::STATUS_SCANNING } else { 0 };
                let interpreting = if self.interpreting_until.is_some() { kinds::STATUS_INTERPRETING } else { 0 };
                (1 | scanning | interpreting).to_le_bytes().to_vec()
            }
            (kinds::ERROR_STATUS, []) => self.errors.to_le_bytes().to_vec(),
            _ => return None,
        })
    }

    fn write(&mut self, command: u16, data: &[u8], now: Duration) -> Option<Vec<u8>> {
        let busy = self.scanning_until.is_some() || self.interpreting_until.is_some();
        match (command, data) {
            (kinds::SET_ACTIVE_CONFIG, [config @ 0..CONFIGS]) if !busy => {
                self.config = *config;
                return Some(super::nir_optics::points(self.config).to_le_bytes().to_vec());
            }
            (kinds::SET_REPEATS, [low, high]) if !busy && (*low, *high) != (0, 0) => {
                self.repeats = u16::from_le_bytes([*low, *high]);
            }
            (kinds::START_SCAN, [_]) if !busy => {
                self.interpreted.clear();
                self.scanning_until = Some(now + Duration::from_millis(self.scan_ms().into()));
            }
            (kinds::INTERPRET, []) if !busy && self.scans > 0 => {
                self.interpreting_until = Some(now + INTERPRETATION);
            }
            (kinds::CLEAR_ERRORS, []) => self.errors = 0,
            _ => return None,
        }
        Some(Vec::new())
    }

    const fn scan_ms(&self) -> u32 {
        REPEAT_MS * self.repeats as u32
    }

    /// Everything that happens by itself: scans and interpretations end, half a packet is given up.
    fn settle(&mut self, now: Duration) {
        if self.scanning_until.take_if(|until| *until <= now).is_some() {
            self.scans += 1;
            if self.faults.is_on(Fault::Saturation) {
                self.errors |= CONVERTER_ERROR;
            }
        }
        if let Some(end) = self.interpreting_until.take_if(|until| *until <= now) {
            let seed = self.seed.wrapping_mul(0x9E37_79B9_7F4A_7C15) ^ self.scans;
            let (sample, settings) = (self.window.sample(), (self.config, self.repeats));
            let seen = scan(&sample, self.seed, self.config, self.repeats, end, seed);
            self.interpreted = seen.encode();
            self.window.saw(NirReadout { sample, settings, seen });
        }
        if self.decoder.pending() > 0 && now.saturating_sub(self.heard_at) > GAP {
            self.decoder.clear();
            self.line.send(&GAP_FAILURE, now);
        }
    }

    fn refuse_packet(&mut self, broken: PacketError, now: Duration) {
        self.log.write(now, &format!("nirscan {broken}"));
        // The firmware answers a wrong checksum with the length of its last answer, whatever stands there.
        if matches!(broken, PacketError::Checksum { .. }) {
            let flags = flags::READ | flags::REPLY | flags::ERROR;
            let packet = Packet { flags, sequence: 0, command: 0, data: vec![0; self.last_length] };
            self.line.send(&encode(&packet), now);
        }
    }
}

impl Device for NirScan {
    fn receive(&mut self, bytes: &[u8], now: Duration) {
        self.settle(now);
        self.heard_at = now;
        self.decoder.push(bytes);
        while let Some(packet) = self.decoder.next() {
            match packet {
                Ok(request) => self.handle(&request, now),
                Err(broken) => self.refuse_packet(broken, now),
            }
        }
    }

    fn transmit_at_most(&mut self, now: Duration, most: usize) -> Vec<u8> {
        self.settle(now);
        self.line.arrived(now, most)
    }

    fn line_speed(&self) -> Option<u32> {
        Some(BAUD)
    }

    fn next_due(&self) -> Option<Duration> {
        let gap = (self.decoder.pending() > 0).then_some(self.heard_at + 2 * GAP);
        [self.line.next_due(), self.scanning_until, self.interpreting_until, gap].into_iter().flatten().min()
    }
}
