//! An emulated spectrometer that speaks the Ocean Binary Protocol: its wire, its exposures, and how it misbehaves on
//! demand. What it says to each message is in [`super::obp_messages`].

use std::collections::VecDeque;
use std::fmt::Write;
use std::time::Duration;

use crate::analyzer::obp::codec::{Checksum, Decoder, FrameError, MAX_FRAME_LEN, Message, encode, flags};
use crate::analyzer::obp::{device_error, kinds};

use super::bench::Bench;
use super::line::Line;
use super::obp_messages::{is_set, takes_data};
use super::obp_model::{Cooler, Facts, ObpModel, Settings, Stored};
use super::{Device, Fault, Faults, Log};

/// What the unit says when asked for its maker: whoever drives it can tell that it is emulated.
pub const MANUFACTURER: &str = "Parcelscope emulated";

/// One unit of a model and how its line is set.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ObpUnit {
    /// The model.
    pub model: ObpModel,
    /// From which the serial number is made.
    pub serial_number: u64,
    /// Protection of replies until the host asks for another.
    pub checksum: Checksum,
    /// Line speed at power-up, bits per second.
    pub baud: u32,
}

/// Silence after which half a request is forgotten. No source says whether real units do so; one that does not stays
/// deaf until it is switched off and on.
const SILENCE: Duration = Duration::from_secs(1);

/// The device.
#[derive(Debug)]
pub struct ObpDevice {
    pub(super) bench: Bench,
    pub(super) line: Line,
    decoder: Decoder,
    /// When the last byte came.
    heard_at: Duration,
    log: Log,
    pub(super) faults: Faults,
    pub(super) unit: ObpUnit,
    pub(super) facts: Facts,
    /// Whether the lamp line switches the light of the bench.
    own_lamp: bool,
    /// Number of refusals that the fault made up so far; walks through the error numbers.
    refusals: usize,
    pub(super) checksum: Checksum,
    pub(super) baud: u32,
    pub(super) flow_control: u8,
    pub(super) stored: Stored,
    pub(super) settings: Settings,
    pub(super) cooler: Cooler,
    pub(super) acquiring: Option<Acquiring>,
    /// Spectra of 32 bits with their metadata, oldest first.
    pub(super) buffer: VecDeque<Vec<u8>>,
    /// A question for a buffered spectrum that is still being taken.
    pub(super) waiting: Option<Message>,
    spectra: u32,
}

/// An exposure that is under way, with the settings at its request: later ones hold for the next.
#[derive(Debug)]
pub(super) struct Acquiring {
    /// Whom the spectrum answers; `None` for one that goes into the buffer.
    request: Option<Message>,
    /// `None` until the trigger comes.
    start: Option<Duration>,
    settings: Settings,
    integration_us: u32,
}

impl Acquiring {
    fn end(&self) -> Option<Duration> {
        let work = Duration::from_micros(u64::from(self.integration_us)) * u32::from(self.settings.averages);
        self.start.map(|start| start + work)
    }
}

impl ObpDevice {
    /// A unit on `bench`, just switched on. The bench should have the model's detector.
    pub fn new(unit: ObpUnit, bench: Bench, log: Log, faults: Faults) -> Self {
        let stored = Stored::factory(&bench.unit(), unit.baud);
        Self {
            bench,
            line: Line::new(unit.baud),
            decoder: Decoder::new(),
            heard_at: Duration::ZERO,
            log,
            faults,
            unit,
            facts: unit.model.facts(),
            own_lamp: false,
            refusals: 0,
            checksum: unit.checksum,
            baud: unit.baud,
            flow_control: stored.flow_control,
            settings: Settings::after_power_up(&stored),
            stored,
            cooler: Cooler::settled(),
            acquiring: None,
            buffer: VecDeque::new(),
            waiting: None,
            spectra: 0,
        }
    }

    /// The same with an external laser on its lamp line: the light is on while the lamp is enabled.
    #[must_use]
    pub fn with_own_lamp(mut self) -> Self {
        self.own_lamp = true;
        self
    }

    pub(super) fn serial(&self) -> String {
        let other = u64::from(self.faults.strikes(Fault::OtherSerial));
        format!("EMU{:05}", self.unit.serial_number.wrapping_add(other) % 100_000)
    }

    fn answer(&mut self, message: Message, now: Duration) {
        let mut message = Message { checksum: self.checksum, ..message };
        if self.faults.strikes(Fault::WrongType) {
            message.kind ^= 1;
        }
        let wrong_checksum = self.faults.strikes(Fault::WrongChecksum);
        if wrong_checksum {
            // Without a checksum there is none that could be wrong.
            message.checksum = Checksum::Md5;
        }
        let mut bytes = encode(&message);
        if wrong_checksum {
            let at = bytes.len().saturating_sub(20);
            bytes.iter_mut().skip(at).take(1).for_each(|b| *b ^= 0xFF);
        }
        if self.faults.strikes(Fault::WrongFooter) {
            bytes.iter_mut().rev().take(1).for_each(|b| *b ^= 0xFF);
        }
        if self.faults.strikes(Fault::OversizedLength) {
            // Data that follow the header exclude data inside it.
            bytes.iter_mut().skip(23).take(1).for_each(|b| *b = 0);
            let length = (MAX_FRAME_LEN as u32).to_le_bytes();
            bytes.iter_mut().skip(40).zip(length).for_each(|(place, b)| *place = b);
        }
        self.line.send(&bytes, now);
    }

    fn handle(&mut self, request: &Message, now: Duration) {
        self.log.write(now, &format!("obp {:06x} {}", request.kind, hex(&request.data)));
        if self.faults.strikes(Fault::ResetBetweenCommands) {
            self.power_up(now);
        }
        if self.facts.laser && self.faults.is_on(Fault::InterlockOpen) {
            self.shine(false, now);
        }
        let outcome = if self.faults.strikes(Fault::Nack) {
            Err(self.next_refusal())
        } else if !is_set(request.kind) && !takes_data(request.kind) && !request.data.is_empty() {
            Err(device_error::LENGTH_MISMATCH)
        } else {
            self.act(request, now)
        };
        // A set without a wish for an ACK gets no answer at all, not even a refusal.
        let quiet = is_set(request.kind) && !request.has(flags::ACK_REQUESTED);
        let taken = outcome.is_ok();
        match outcome {
            Ok(Some(data)) => self.answer(Message::reply(request, data), now),
            Ok(None) if is_set(request.kind) && !quiet => self.answer(Message::ack(request), now),
            Err(error) if !quiet => self.answer(Message::nack(request, error), now),
            Ok(None) | Err(_) => {}
        }
        if request.kind == kinds::SET_BAUD && taken {
            self.line.set_baud(self.baud);
        }
    }

    /// Every setting as after power-up.
    pub(super) fn power_up(&mut self, now: Duration) {
        self.stop_acquiring();
        self.line.clear();
        self.settings = Settings::after_power_up(&self.stored);
        (self.checksum, self.baud, self.flow_control) =
            (self.unit.checksum, self.stored.baud, self.stored.flow_control);
        self.line.set_baud(self.baud);
        if self.facts.laser || self.own_lamp {
            self.bench.laser_off(now);
        }
    }

    /// The error numbers of the protocol, one after the other.
    fn next_refusal(&mut self) -> u16 {
        let number = device_error::ALL.get(self.refusals % device_error::ALL.len()).copied();
        self.refusals += 1;
        number.unwrap_or(device_error::INTERNAL)
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

    /// The lamp line changed.
    pub(super) fn lamp_changed(&mut self, now: Duration) {
        if self.own_lamp {
            self.shine(self.settings.lamp != 0, now);
        }
    }

    /// The light of the bench goes on or off.
    pub(super) fn shine(&mut self, on: bool, now: Duration) {
        if on {
            self.bench.laser_on(now);
        } else {
            self.bench.laser_off(now);
        }
    }

    /// Detector, reserved, board: slowly warming up. A QE Pro says processor, reserved, board, detector.
    pub(super) fn temperatures(&self, now: Duration) -> Vec<f32> {
        let warm = 1.0 - (-now.as_secs_f32() / 300.0).exp();
        if self.facts.cooled {
            return vec![30.0 + 8.0 * warm, 0.0, 26.0 + 5.0 * warm, self.detector_c(now)];
        }
        vec![24.0 + 6.0 * warm, 0.0, 26.0 + 5.0 * warm]
    }

    pub(super) fn detector_c(&self, now: Duration) -> f32 {
        self.cooler.temperature_c(now, self.faults.is_on(Fault::TecUnstable))
    }

    /// Starts an exposure with the present settings; its spectrum is sent or buffered when it is over.
    pub(super) fn begin(&mut self, request: Option<&Message>, now: Duration) -> Result<(), u16> {
        if self.acquiring.is_some() {
            return Err(device_error::NOT_READY);
        }
        let integration_us = self.settings.integration_us.ok_or(device_error::NOT_READY)?;
        let delay = Duration::from_micros(self.settings.delay_us.into());
        // Mode 2 of an STS is its own strobe, which comes at once.
        let triggered = self.settings.trigger == 0 || (self.settings.trigger == 2 && !self.facts.buffered);
        self.acquiring = Some(Acquiring {
            request: request.cloned(),
            start: triggered.then_some(now + delay),
            settings: self.settings.clone(),
            integration_us,
        });
        Ok(())
    }

    /// An exposure that waits for a trigger begins.
    pub(super) fn trigger(&mut self, now: Duration) {
        if let Some(acquiring) = &mut self.acquiring {
            let delay = Duration::from_micros(acquiring.settings.delay_us.into());
            acquiring.start.get_or_insert(now + delay);
        }
    }

    pub(super) fn stop_acquiring(&mut self) {
        (self.acquiring, self.waiting) = (None, None);
        self.buffer.clear();
    }

    fn finish(&mut self, now: Duration) {
        let Some(done) = self.acquiring.take_if(|a| a.end().is_some_and(|end| end <= now)) else { return };
        let (Some(start), Some(end)) = (done.start, done.end()) else { return };
        if self.facts.cooled {
            let out_of_order = self.faults.is_on(Fault::TecUnstable);
            self.bench.set_dark_scale(self.cooler.dark_scale(end, out_of_order));
        }
        let mut counts = self.bench.read_out(start, end, done.settings.averages);
        if self.faults.strikes(Fault::Saturation) {
            counts.fill(self.facts.detector.max_counts);
        }
        let counts = boxcar(&binned(&counts, done.settings.binning), usize::from(done.settings.boxcar));
        self.spectra = self.spectra.wrapping_add(1);
        if self.facts.buffered {
            let spectrum = self.with_metadata(&counts, &done, end);
            if self.buffer.len() >= done.settings.buffer_size as usize {
                self.buffer.pop_front();
            }
            self.buffer.push_back(spectrum);
            if let Some(request) = self.waiting.take().or(done.request) {
                self.hand_out(&request, end);
            }
            return;
        }
        let Some(request) = done.request else { return };
        let counts = match done.settings.partial {
            Some((start, increment, count)) if request.kind == kinds::PARTIAL_SPECTRUM => {
                counts.into_iter().skip(start).step_by(increment).take(count).collect()
            }
            _ => counts,
        };
        let data = counts.iter().flat_map(|c| (*c as u16).to_le_bytes()).collect();
        self.answer(Message::reply(&request, data), end);
    }

    /// Answers with the oldest buffered spectrum.
    fn hand_out(&mut self, request: &Message, now: Duration) {
        if let Some(spectrum) = self.buffer.pop_front() {
            self.answer(Message::reply(request, spectrum), now);
        }
    }

    /// Count, microseconds since power-up, integration time, reserved, trigger, reserved; then the pixels.
    fn with_metadata(&self, counts: &[u32], done: &Acquiring, end: Duration) -> Vec<u8> {
        let mut data = Vec::with_capacity(32 + 4 * counts.len());
        data.extend_from_slice(&self.spectra.to_le_bytes());
        data.extend_from_slice(&(end.as_micros() as u64).to_le_bytes());
        data.extend_from_slice(&done.integration_us.to_le_bytes());
        data.extend_from_slice(&[0, 0, done.settings.trigger]);
        data.resize(32, 0);
        data.extend(counts.iter().flat_map(|c| c.to_le_bytes()));
        data
    }
}

impl Device for ObpDevice {
    fn receive(&mut self, bytes: &[u8], now: Duration) {
        self.finish(now);
        // Half a request whose length was changed on the wire would make the unit deaf for up to 64 KiB.
        if now.saturating_sub(self.heard_at) >= SILENCE {
            self.decoder.clear();
        }
        self.heard_at = now;
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

    fn line_speed(&self) -> Option<u32> {
        Some(self.baud)
    }

    fn next_due(&self) -> Option<Duration> {
        [self.line.next_due(), self.acquiring.as_ref().and_then(Acquiring::end)].into_iter().flatten().min()
    }
}

/// Means of two to the power of `binning` neighbours.
fn binned(counts: &[u32], binning: u8) -> Vec<u32> {
    counts.chunks(1 << binning.min(8)).map(|group| group.iter().sum::<u32>() / group.len().max(1) as u32).collect()
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
