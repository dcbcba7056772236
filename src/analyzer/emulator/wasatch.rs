//! An emulated Wasatch OEM Raman module: spectrometer, laser and cooler on one UART.

use std::collections::VecDeque;
use std::fmt::Write;
use std::time::Duration;

use crate::analyzer::wasatch::codec::{Decoder, END, Frame, FrameError, START, encode};
use crate::analyzer::wasatch::{BAUD, Calibration, PixelOrder, WriteReply, kinds};

use super::bench::Bench;
use super::detector::Detector;
use super::line::Line;
use super::wasatch_eeprom::{AMBIENT_C, SETPOINT_C, burn, counts_of_temperature, setpoint_of_counts, unit_calibration};
use super::{Device, Fault, Faults, Gap, Log, Sample};

/// Silence after which half a request is forgotten, so that noise does not deafen the unit.
const SILENCE: Duration = Duration::from_millis(300);
/// Integration time after power-up, ms.
const INTEGRATION_MS: u32 = 100;
/// Gain after power-up: 1.9.
const GAIN: u16 = 0x01E6;
/// FPGA revision; its beginning says that the unit is emulated.
const FPGA_REVISION: &[u8; 7] = b"EMU.1.0";
const OTHER_FPGA_REVISION: &[u8; 7] = b"EMU.2.0";
/// Time in which the detector comes 1/e nearer to its setpoint.
const COOLING: Duration = Duration::from_secs(4);
/// Status numbers, one after the other, while the unit refuses everything.
const REFUSALS: [u8; 8] = [1, 2, 3, 4, 0xFF, 0xFE, 0xFD, 0xFC];

/// How a unit behaves where the public sources are silent, and who it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct WasatchForm {
    /// Draws the serial number.
    pub serial_number: u64,
    /// Order of the two bytes of a pixel.
    pub pixel_order: PixelOrder,
    /// Form of the answer to a write.
    pub write_reply: WriteReply,
    /// Whether the EEPROM can be read on this port; where not, the code that loads a page is that of the test pattern.
    pub eeprom: bool,
    /// Whether the unit leaves requests waiting while it takes an image.
    pub busy_while_exposing: bool,
    /// Time after which the laser goes off by itself, s; 0 is never.
    pub watchdog_s: u16,
}

impl WasatchForm {
    /// A unit that behaves like its sibling on the SPI port.
    pub const fn new(serial_number: u64) -> Self {
        Self {
            serial_number,
            pixel_order: PixelOrder::BigEndian,
            write_reply: WriteReply::Framed,
            eeprom: true,
            busy_while_exposing: false,
            watchdog_s: 0,
        }
    }
}

/// The device.
#[derive(Debug)]
pub struct Wasatch {
    form: WasatchForm,
    bench: Bench,
    line: Line,
    log: Log,
    faults: Faults,
    decoder: Decoder,
    heard_at: Duration,
    waiting: VecDeque<Frame>,
    registers: Registers,
    laser_since: Option<Duration>,
    acquiring: Option<(Duration, Duration)>,
    /// Refusals that the fault made up so far.
    refusals: usize,
}

/// Settings that a restart forgets.
#[derive(Clone, Copy, Debug)]
struct Registers {
    integration_ms: u32,
    gain: u16,
    offset: u16,
    setpoint: u16,
    cooling_since: Option<Duration>,
    modulation: u8,
    test_pattern: u8,
    page: u8,
}

impl Registers {
    const POWER_UP: Self = Self {
        integration_ms: INTEGRATION_MS,
        gain: GAIN,
        offset: 0,
        setpoint: 0,
        cooling_since: None,
        modulation: 0,
        test_pattern: 0,
        page: 0,
    };
}

impl Wasatch {
    /// A unit on `bench`; its laser is off at first.
    pub fn new(form: WasatchForm, bench: Bench, log: Log, faults: Faults) -> Self {
        Self {
            form,
            bench,
            line: Line::new(BAUD),
            log,
            faults,
            decoder: Decoder::new(),
            heard_at: Duration::ZERO,
            waiting: VecDeque::new(),
            registers: Registers::POWER_UP,
            laser_since: None,
            acquiring: None,
            refusals: 0,
        }
    }

    /// The bench of a unit: optics and detector as `seed` draws them, with `sample` under the probe.
    pub fn bench(seed: u64, gap: Gap, sample: Sample) -> Bench {
        Bench::with_detector(seed, gap, sample, Detector::WASATCH)
    }

    /// What the unit says of itself; also for a calibration file of a unit that does not let its EEPROM be read.
    pub fn calibration(form: &WasatchForm, bench: &Bench) -> Calibration {
        unit_calibration(form.serial_number, form.watchdog_s, &bench.unit())
    }

    fn answer(&mut self, command: u8, data: &[u8], now: Duration) {
        let wrong_type = self.faults.strikes(Fault::WrongType);
        let mut bytes = encode(if wrong_type { command ^ 1 } else { command }, data);
        let last = bytes.len().saturating_sub(1);
        if self.faults.strikes(Fault::WrongChecksum) {
            bytes.iter_mut().skip(last.saturating_sub(1)).take(1).for_each(|b| *b ^= 0xFF);
        }
        if self.faults.strikes(Fault::WrongFooter) {
            bytes.iter_mut().skip(last).for_each(|b| *b = 0x0A);
        }
        if self.faults.strikes(Fault::OversizedLength) {
            bytes.iter_mut().skip(1).take(2).for_each(|b| *b = 0xFF);
        }
        self.line.send(&bytes, now);
    }

    fn answer_write(&mut self, command: u8, status: u8, now: Duration) {
        match self.form.write_reply {
            WriteReply::Framed => self.answer(command, &[status], now),
            WriteReply::Bare => {
                let end = if self.faults.strikes(Fault::WrongFooter) { 0x0A } else { END };
                self.line.send(&[START, status, end], now);
            }
        }
    }

    fn handle(&mut self, request: &Frame, now: Duration) {
        let data = request.data.iter().fold(String::new(), |mut text, b| {
            let _ = write!(text, " {b:02x}"); // writing to a string cannot fail
            text
        });
        self.log.write(now, &format!("wasatch {:02x}{data}", request.command));
        if self.faults.strikes(Fault::ResetBetweenCommands) {
            self.power_up(now);
        }
        let (code, writes) = (request.command & !kinds::WRITE, request.command & kinds::WRITE != 0);
        let outcome = if self.faults.strikes(Fault::Nack) {
            self.refusals += 1;
            Err(REFUSALS.get((self.refusals - 1) % REFUSALS.len()).copied().unwrap_or(kinds::UNKNOWN_COMMAND))
        } else if writes {
            self.write(code, &request.data, now).map(|()| None)
        } else if request.data.is_empty() {
            self.read(code, now)
        } else {
            Err(kinds::LENGTH_ERROR)
        };
        match outcome {
            _ if writes => self.answer_write(request.command, outcome.err().unwrap_or(kinds::SUCCESS), now),
            Ok(Some(data)) => self.answer(code, &data, now),
            Ok(None) => {}
            Err(status) => self.answer(code, &[status], now),
        }
    }

    /// Every setting as after power-up.
    fn power_up(&mut self, now: Duration) {
        self.dim(now);
        self.acquiring = None;
        self.waiting.clear();
        self.line.clear();
        self.registers = Registers::POWER_UP;
    }

    /// Data of the answer, nothing for an image, which comes later, or a status.
    fn read(&mut self, code: u8, now: Duration) -> Result<Option<Vec<u8>>, u8> {
        let r = self.registers;
        let data = match code {
            kinds::ACQUIRE if self.acquiring.is_some() => return Err(0xFC),
            kinds::ACQUIRE => {
                self.acquiring = Some((now, now + Duration::from_millis(r.integration_ms.into())));
                return Ok(None);
            }
            kinds::FIRMWARE_REVISION => vec![10, 0, 0, 1],
            kinds::FPGA_REVISION if !self.form.eeprom && self.faults.strikes(Fault::OtherSerial) => {
                OTHER_FPGA_REVISION.to_vec()
            }
            kinds::FPGA_REVISION => FPGA_REVISION.to_vec(),
            kinds::INTEGRATION_TIME => r.integration_ms.to_le_bytes().into_iter().take(3).collect(),
            kinds::DETECTOR_OFFSET => r.offset.to_le_bytes().to_vec(),
            kinds::DETECTOR_GAIN => r.gain.to_le_bytes().to_vec(),
            kinds::PIXEL_COUNT => (self.bench.unit().detector.pixels as u16).to_le_bytes().to_vec(),
            kinds::TEC_SETPOINT => r.setpoint.to_le_bytes().to_vec(),
            kinds::TEC_ENABLE => vec![u8::from(r.cooling_since.is_some())],
            kinds::DETECTOR_TEMPERATURE => counts_of_temperature(self.detector_c(now)).to_le_bytes().to_vec(),
            kinds::LASER_MODULATION => vec![r.modulation],
            kinds::LASER_ENABLE if self.faults.shows(Fault::OnButReadsOff) => vec![0],
            kinds::LASER_ENABLE => vec![u8::from(self.laser_since.is_some())],
            kinds::TEST_PATTERN if !self.form.eeprom => vec![r.test_pattern],
            kinds::READ_PAGE if self.form.eeprom => self.page(r.page)?,
            kinds::PING => Vec::new(),
            _ => return Err(kinds::UNKNOWN_COMMAND),
        };
        Ok(Some(data))
    }

    fn page(&self, number: u8) -> Result<Vec<u8>, u8> {
        let other = number == 0 && self.faults.strikes(Fault::OtherSerial);
        let serial_number = self.form.serial_number.wrapping_add(u64::from(other));
        let pages = burn(&Self::calibration(&WasatchForm { serial_number, ..self.form }, &self.bench));
        pages.get(usize::from(number)).map(|page| page.to_vec()).ok_or(0xFD)
    }

    fn write(&mut self, code: u8, data: &[u8], now: Duration) -> Result<(), u8> {
        let off = code == kinds::LASER_ENABLE && data == [0];
        if !off && self.faults.strikes(Fault::AccessLevel) {
            return Err(kinds::NOT_AVAILABLE);
        }
        match (code, data) {
            (kinds::INTEGRATION_TIME, [a, b, c]) => {
                self.registers.integration_ms = u32::from_le_bytes([*a, *b, *c, 0]).max(1);
            }
            (kinds::DETECTOR_GAIN, [a, b]) => self.registers.gain = u16::from_le_bytes([*a, *b]),
            (kinds::DETECTOR_OFFSET, [a, b]) => self.registers.offset = u16::from_le_bytes([*a, *b]),
            (kinds::TEC_SETPOINT, [a, b]) => self.registers.setpoint = u16::from_le_bytes([*a, *b]),
            (kinds::TEC_ENABLE, [0]) => self.registers.cooling_since = None,
            (kinds::TEC_ENABLE, [1]) => {
                self.registers.cooling_since.get_or_insert(now);
            }
            (kinds::LASER_MODULATION, [on @ 0..=1]) => self.registers.modulation = *on,
            (kinds::LASER_ENABLE, [0]) => self.dim(now),
            // The protocol has no word for the interlock: the command is taken, and no light comes.
            (kinds::LASER_ENABLE, [1]) if self.faults.is_on(Fault::InterlockOpen) => {}
            (kinds::LASER_ENABLE, [1]) => {
                self.laser_since = Some(now);
                self.bench.laser_on(now);
            }
            (kinds::LOAD_PAGE, [page]) if self.form.eeprom => {
                self.registers.page = page.checked_sub(kinds::PAGE_FLAG).ok_or(0xFD)?;
            }
            (kinds::TEST_PATTERN, [pattern]) => self.registers.test_pattern = *pattern,
            (
                kinds::INTEGRATION_TIME
                | kinds::DETECTOR_GAIN
                | kinds::DETECTOR_OFFSET
                | kinds::TEC_SETPOINT
                | kinds::TEC_ENABLE
                | kinds::LASER_MODULATION
                | kinds::LASER_ENABLE
                | kinds::TEST_PATTERN,
                _,
            ) => return Err(kinds::LENGTH_ERROR),
            _ => return Err(kinds::UNKNOWN_COMMAND),
        }
        Ok(())
    }

    /// Emission ends.
    fn dim(&mut self, at: Duration) {
        if self.laser_since.take().is_some() {
            self.bench.laser_off(at);
        }
    }

    fn detector_c(&self, now: Duration) -> f64 {
        let Some(since) = self.registers.cooling_since else { return AMBIENT_C };
        let setpoint = setpoint_of_counts(self.registers.setpoint);
        if self.faults.is_on(Fault::TecUnstable) {
            return setpoint + 4.0 + 2.0 * (now.as_secs_f64() / 3.0).sin();
        }
        let left = (-now.saturating_sub(since).as_secs_f64() / COOLING.as_secs_f64()).exp();
        setpoint + (AMBIENT_C - setpoint) * left
    }

    /// Everything that happens by itself: the image is done, the watchdog ends emission, half a request is forgotten.
    fn settle(&mut self, now: Duration) {
        let watchdog = Duration::from_secs(self.form.watchdog_s.into());
        if let Some(since) = self.laser_since
            && !watchdog.is_zero()
            && now >= since + watchdog
        {
            self.log.write(since + watchdog, "wasatch watchdog");
            self.dim(since + watchdog);
        }
        if self.faults.is_on(Fault::InterlockOpen) {
            self.dim(now);
        }
        if let Some((start, end)) = self.acquiring.take_if(|(_, end)| *end <= now) {
            self.send_image(start, end);
            while let Some(request) = self.waiting.pop_front() {
                self.handle(&request, end);
            }
        }
        if self.decoder.pending() > 0 && now.saturating_sub(self.heard_at) >= SILENCE {
            self.decoder.clear();
        }
    }

    fn send_image(&mut self, start: Duration, end: Duration) {
        // Dark current doubles every 7 degrees.
        let warmer_c = self.detector_c(end) - SETPOINT_C;
        self.bench.set_dark_scale((warmer_c / 7.0).exp2());
        let mut counts = self.bench.read_out(start, end, 1);
        if self.registers.test_pattern != 0 {
            counts = (0..).take(counts.len()).collect();
        } else if self.faults.strikes(Fault::Saturation) {
            counts.fill(u16::MAX.into());
        }
        self.line.send(&self.form.pixel_order.bytes(&counts), end);
    }

    fn refuse_frame(&mut self, broken: FrameError, now: Duration) {
        self.log.write(now, &format!("wasatch {broken}"));
        match broken {
            FrameError::Checksum { command, .. } => self.answer(command, &[kinds::CRC_ERROR], now),
            FrameError::Length(_) | FrameError::Footer(_) => {}
        }
    }
}

impl Device for Wasatch {
    fn receive(&mut self, bytes: &[u8], now: Duration) {
        self.settle(now);
        self.heard_at = now;
        self.decoder.push(bytes);
        while let Some(frame) = self.decoder.next() {
            match frame {
                Ok(request) if self.form.busy_while_exposing && self.acquiring.is_some() => {
                    self.waiting.push_back(request);
                }
                Ok(request) => self.handle(&request, now),
                Err(broken) => self.refuse_frame(broken, now),
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
        [self.line.next_due(), self.acquiring.map(|(_, end)| end)].into_iter().flatten().min()
    }
}
