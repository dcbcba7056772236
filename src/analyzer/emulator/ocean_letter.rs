//! An emulated spectrometer that speaks the Ocean letter protocol, binary mode.

use std::fmt::Write;
use std::time::Duration;

use crate::analyzer::ocean_letter::codec::{self, ACK, ETX, Expected, LetterSpectrum, NAK};

use super::bench::Bench;
use super::detector::Detector;
use super::line::Line;
use super::{Device, Fault, Faults, Log};

/// Line speeds that it takes, by their numbers.
const BAUDS: [(u16, u32); 5] = [(2, 9_600), (3, 19_200), (4, 38_400), (5, 57_600), (6, 115_200)];
/// How long after the first `K` the second one may come.
const BAUD_CHANGE: Duration = Duration::from_secs(2);
/// Version 1.00.0.
const VERSION: u16 = 1_000;
/// Length of a command with one word.
const WORD_COMMAND: usize = 3;
/// Length of a calibration constant with its padding.
const CONSTANT: usize = 15;
/// Bytes that announce more than there is: a spectrum of words that never ends.
const TOO_LONG: usize = 20_000;

/// The device.
#[derive(Debug)]
pub struct OceanLetter {
    bench: Bench,
    line: Line,
    log: Log,
    faults: Faults,
    serial_number: u64,
    heard: Vec<u8>,
    baud: u32,
    /// Speed of the host's end, where it is known.
    host_baud: Option<u32>,
    /// A change of speed that waits for its confirmation.
    new_baud: Option<(u32, Duration)>,
    ascii: bool,
    variables: Variables,
    acquiring: Option<Acquiring>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Variables {
    scans: u16,
    boxcar: u16,
    compressed: bool,
    checksum: bool,
    integration_us: u32,
    lamp: u16,
    trigger: u16,
    pixel_mode: u16,
}

impl Default for Variables {
    fn default() -> Self {
        Self {
            scans: 1,
            boxcar: 0,
            compressed: false,
            checksum: false,
            integration_us: 10_000,
            lamp: 0,
            trigger: 0,
            pixel_mode: 0,
        }
    }
}

#[derive(Debug)]
struct Acquiring {
    start: Duration,
    end: Duration,
    /// Settings at the request.
    variables: Variables,
}

impl OceanLetter {
    /// A unit on `bench`, which must have a detector of this family ([`Detector::LETTER`]).
    pub fn new(bench: Bench, serial_number: u64, log: Log, faults: Faults) -> Self {
        let baud = 9_600;
        Self {
            bench,
            line: Line::new(baud),
            log,
            faults,
            serial_number,
            heard: Vec::new(),
            baud,
            host_baud: None,
            new_baud: None,
            ascii: false,
            variables: Variables::default(),
            acquiring: None,
        }
    }

    fn serial(&self) -> String {
        let number = self.serial_number.wrapping_add(u64::from(self.faults.strikes(Fault::OtherSerial)));
        format!("EMU{:05}", number % 100_000)
    }

    fn reset(&mut self, now: Duration) {
        self.variables = Variables::default();
        self.acquiring = None;
        self.line.clear();
        self.ascii = false;
        self.new_baud = None;
        self.run_at(9_600);
        self.log.write(now, "letter restarted");
    }

    fn run_at(&mut self, baud: u32) {
        self.baud = baud;
        self.line.set_baud(baud);
    }

    /// The whole command at the front of what was heard, if it is whole.
    fn next_command(&mut self) -> Option<Vec<u8>> {
        let bytes = self.heard.as_slice();
        let second = bytes.get(1).copied();
        let length = match bytes.first()? {
            b'A' | b'B' | b'G' | b'I' | b'J' | b'K' | b'L' | b'M' | b'T' | b'k' => WORD_COMMAND,
            // Modes with parameters are refused with them.
            b'P' => match (second?, bytes.get(2)?) {
                (0, 1) => 5,
                (0, 3) => 9,
                _ => WORD_COMMAND,
            },
            b'i' | b'W' => 5,
            b'?' if second? == b'x' => 4,
            b'?' | b'a' | b'b' => 2,
            _ => 1,
        };
        (bytes.len() >= length).then(|| self.heard.drain(..length).collect())
    }

    fn execute(&mut self, command: &[u8], now: Duration) {
        let hex = command.iter().fold(String::new(), |mut text, byte| {
            let _ = write!(text, " {byte:02x}"); // writing to a string cannot fail
            text
        });
        self.log.write(now, &format!("letter{hex}"));
        if self.faults.strikes(Fault::ResetBetweenCommands) {
            return self.reset(now);
        }
        let confirms = matches!(command, [b'K', ..]);
        let pending = self.new_baud.take_if(|_| !confirms);
        if pending.is_some() {
            // Anything but the same command at the new speed leaves everything as it was.
            self.log.write(now, "letter keeps its speed");
        }
        let reply = if self.faults.strikes(Fault::Nack) { Some(vec![NAK]) } else { self.answer(command, now) };
        let Some(reply) = reply else { return };
        let reply = match reply.as_slice() {
            // A variable answers where a mark belongs, and the other way round.
            [_] if self.faults.strikes(Fault::WrongType) => vec![0x03, 0xE8],
            _ if self.faults.strikes(Fault::WrongType) => vec![ACK],
            _ => reply,
        };
        self.line.send(&reply, now);
    }

    /// The bytes of the reply; none for a scan, whose reply comes when it is over.
    fn answer(&mut self, command: &[u8], now: Duration) -> Option<Vec<u8>> {
        let variables = &mut self.variables;
        let value = match *command {
            [_, high, low] => u16::from_be_bytes([high, low]),
            _ => 0,
        };
        let word = |value: u16| {
            let [high, low] = value.to_be_bytes();
            Some(vec![ACK, high, low])
        };
        let set = |place: &mut u16, range: std::ops::RangeInclusive<u16>| {
            let taken = range.contains(&value);
            if taken {
                *place = value;
            }
            Some(vec![if taken { ACK } else { NAK }])
        };
        match *command {
            [b'A', ..] => set(&mut variables.scans, 1..=5_000),
            [b'B', ..] => set(&mut variables.boxcar, 0..=15),
            [b'J', ..] => set(&mut variables.lamp, 0..=1),
            [b'T', ..] => set(&mut variables.trigger, 0..=4),
            [b'P', 0, 0] => set(&mut variables.pixel_mode, 0..=0),
            [b'G', 0, flag @ (0 | 1)] => {
                variables.compressed = flag == 1;
                Some(vec![ACK])
            }
            [b'k', high, low] => {
                variables.checksum = (high, low) != (0, 0);
                Some(vec![ACK])
            }
            [b'I', ..] if (1..=65_000).contains(&value) => {
                variables.integration_us = u32::from(value) * 1_000;
                Some(vec![ACK])
            }
            [b'i', a, b, c, d] => {
                let microseconds = u32::from_be_bytes([a, b, c, d]);
                let taken = (1_000..=65_000_000).contains(&microseconds);
                if taken {
                    variables.integration_us = microseconds;
                }
                Some(vec![if taken { ACK } else { NAK }])
            }
            [b'K', ..] => Some(vec![self.change_speed(value, now)]),
            [b'a', b'A'] => {
                self.ascii = true;
                Some(vec![ACK])
            }
            [b'b', b'B'] => {
                self.ascii = false;
                Some(vec![ACK])
            }
            [b'Q'] => {
                let ascii = self.ascii;
                self.variables = Variables::default();
                self.ascii = ascii;
                Some(vec![ACK])
            }
            [b'v'] => word(VERSION),
            [b'?', b'A'] => word(variables.scans),
            [b'?', b'B'] => word(variables.boxcar),
            [b'?', b'J'] => word(variables.lamp),
            [b'?', b'T'] => word(variables.trigger),
            [b'?', b'I'] => word((variables.integration_us / 1_000) as u16),
            [b'?', b'K'] => word(BAUDS.iter().find(|(_, baud)| *baud == self.baud).map_or(0, |(number, _)| *number)),
            [b'?', b'i'] => Some([&[ACK][..], &variables.integration_us.to_be_bytes()].concat()),
            [b'?', b'x', high, low] => Some(match self.constant(u16::from_be_bytes([high, low])) {
                None => vec![NAK],
                Some(text) => {
                    // As over USB: fifteen characters, the rest NUL.
                    let mut bytes = vec![ACK];
                    bytes.extend(text.bytes().take(CONSTANT));
                    bytes.resize(1 + CONSTANT, 0);
                    bytes
                }
            }),
            // Compressed double words are not documented; the emulator has none.
            [b'S'] if variables.compressed && variables.scans > 1 => Some(vec![ETX]),
            [b'S'] if self.acquiring.is_none() => {
                let exposure = Duration::from_micros(variables.integration_us.into()) * u32::from(variables.scans);
                self.acquiring = Some(Acquiring { start: now, end: now + exposure, variables: *variables });
                None
            }
            _ => Some(vec![NAK]),
        }
    }

    fn constant(&self, index: u16) -> Option<String> {
        let unit = self.bench.unit();
        match index {
            0 => Some(self.serial()),
            1..=4 => {
                let value = unit.detector.reported_coefficients_nm.get(usize::from(index) - 1)?;
                Some(format!("{value:.8e}"))
            }
            6..=13 => {
                let value = unit.nonlinearity.get(usize::from(index) - 6).copied().unwrap_or(0.0);
                Some(format!("{value:.8e}"))
            }
            14 => Some(unit.nonlinearity.len().saturating_sub(1).to_string()),
            _ => None,
        }
    }

    /// First and second half of a change of line speed.
    fn change_speed(&mut self, number: u16, now: Duration) -> u8 {
        let Some((_, wanted)) = BAUDS.iter().find(|(known, _)| *known == number) else { return NAK };
        match self.new_baud.take() {
            Some((pending, until)) if pending == *wanted && now <= until => {
                self.run_at(pending);
                ACK
            }
            _ => {
                self.new_baud = Some((*wanted, now + BAUD_CHANGE));
                ACK
            }
        }
    }

    fn finish(&mut self, now: Duration) {
        if self.new_baud.is_some_and(|(_, until)| now > until) {
            self.new_baud = None;
        }
        let Some(done) = self.acquiring.take_if(|acquiring| acquiring.end <= now) else { return };
        let scans = done.variables.scans;
        let mean = self.bench.read_out(done.start, done.end, scans);
        let top = self.bench.unit().detector.max_counts;
        let saturated = self.faults.strikes(Fault::Saturation);
        let sums = mean.iter().map(|counts| if saturated { top } else { *counts } * u32::from(scans)).collect();
        let spectrum = LetterSpectrum {
            scans,
            integration: (done.variables.integration_us / 1_000).min(u32::from(u16::MAX)) as u16,
            baseline: 1_200,
            sums,
        };
        let expected = Expected {
            pixels: mean.len(),
            scans,
            compressed: done.variables.compressed,
            checksum: done.variables.checksum,
        };
        let Some(mut bytes) = codec::encode(&spectrum, &expected) else {
            return self.line.send(&[ETX], done.end);
        };
        let length = bytes.len();
        let end_at = length.saturating_sub(if expected.checksum { 4 } else { 2 });
        if self.faults.strikes(Fault::WrongFooter)
            && let Some(byte) = bytes.get_mut(end_at)
        {
            *byte ^= 0x40;
        }
        if expected.checksum
            && self.faults.strikes(Fault::WrongChecksum)
            && let Some(byte) = bytes.last_mut()
        {
            *byte ^= 1;
        }
        if self.faults.strikes(Fault::OversizedLength) {
            bytes = bytes.into_iter().take(end_at).chain(std::iter::repeat(0x33)).take(TOO_LONG).collect();
        }
        self.line.send(&bytes, done.end);
    }

    /// The speed at which the device listens now.
    fn listens_at(&self) -> u32 {
        self.new_baud.map_or(self.baud, |(baud, _)| baud)
    }
}

impl Device for OceanLetter {
    fn receive(&mut self, bytes: &[u8], now: Duration) {
        self.finish(now);
        if self.host_baud.is_some_and(|baud| baud != self.listens_at()) {
            // At another speed nothing of it can be understood; a change of speed ends with that.
            self.new_baud = None;
            if self.host_baud != Some(self.baud) {
                return;
            }
        }
        self.heard.extend_from_slice(bytes);
        while let Some(command) = self.next_command() {
            self.execute(&command, now);
        }
        // Half a command waits for its rest; a host that gave it up begins anew after a silence of its own.
        self.heard.truncate(16);
    }

    fn transmit_at_most(&mut self, now: Duration, most: usize) -> Vec<u8> {
        self.finish(now);
        self.line.arrived(now, most)
    }

    fn line_speed(&self) -> Option<u32> {
        Some(self.listens_at())
    }

    fn next_due(&self) -> Option<Duration> {
        [self.line.next_due(), self.acquiring.as_ref().map(|acquiring| acquiring.end)].into_iter().flatten().min()
    }

    fn host_speed(&mut self, baud: u32) {
        self.host_baud = Some(baud);
    }
}

impl Detector {
    /// USB2000+ class: 2,048 pixels, 16 bits; 190 to 2,300 cm-1 at 785 nm.
    pub const LETTER: Self = Self {
        pixels: 2_048,
        max_counts: 65_535,
        reported_coefficients_nm: [797.0, 0.0796, -5.0e-7, 0.0],
        electrons_per_count: 1.5,
        offset_counts: 900.0,
        ..Self::STS
    };
}
