//! What the emulated lasers with line-based protocols share: commands that end with a terminator, emission on the bench,
//! warm-up, the log, and misbehaviour. What they say is theirs ([`Dialect`]).

use std::time::Duration;

use super::bench::Bench;
use super::line::Line;
use super::{Device, Fault, Faults, Log};

/// Time from *on* to full power.
const WARM_UP: Duration = Duration::from_millis(150);
/// Longest command that is kept; the rest of a longer one is thrown away with it.
const MAX_COMMAND: usize = 128;
/// Length of a reply that never ends a line.
const TOO_LONG: usize = 600;
/// Power that every emulated laser can give, mW.
pub(super) const RATED_MW: f64 = 100.0;
/// Wavelength that it states, nm.
pub(super) const WAVELENGTH_NM: f64 = 785.0;

/// What one model says.
pub trait Dialect: Send {
    /// Name in the log.
    const NAME: &'static str;
    /// Line speed of the device.
    const BAUD: u32;
    /// Bytes that end a command and a reply.
    const END: &'static str;
    /// Carries a command out and gives the lines of the reply.
    fn answer(&mut self, command: &str, laser: &mut Emission, now: Duration) -> Vec<String>;
    /// The lines of a refusal; `count` counts the refusals so far, so that a model can walk through its numbers.
    fn refusal(&self, count: usize) -> Vec<String>;
    /// The lines with which a command is refused that the access level forbids.
    fn forbidden(&self) -> Vec<String>;
    /// The lines that answer another question than the one that was asked.
    fn other_answer(&self) -> Vec<String>;
    /// Whether a command changes something, *off* excepted.
    fn changes(command: &str) -> bool;
    /// Forgets every setting.
    fn reset(&mut self);
}

/// The emission of one laser.
#[derive(Debug)]
pub struct Emission {
    bench: Bench,
    faults: Faults,
    serial_number: u64,
    on_since: Option<Duration>,
    /// Power that the laser is told to give, mW.
    pub(super) set_mw: f64,
    /// How often it was switched on.
    pub(super) switched_on: u32,
}

impl Emission {
    /// Emission begins; false where the interlock forbids it.
    pub(super) fn on(&mut self, now: Duration) -> bool {
        if self.interlock_open() {
            return false;
        }
        if self.on_since.is_none() {
            self.on_since = Some(now);
            self.switched_on += 1;
            self.bench.laser_on(now);
        }
        true
    }

    /// Emission ends.
    pub(super) fn off(&mut self, now: Duration) {
        self.on_since = None;
        self.bench.laser_off(now);
    }

    /// Whether it emits and what it has to say of that is the contrary.
    pub(super) fn reads_off(&self) -> bool {
        self.on_since.is_some() && self.faults.shows(Fault::OnButReadsOff)
    }

    /// Whether it says that it emits.
    pub(super) fn says_on(&self) -> bool {
        self.on_since.is_some() && !self.reads_off()
    }

    /// Whether it emits and is not yet at power.
    pub(super) fn warming_up(&self, now: Duration) -> bool {
        self.on_since.is_some_and(|since| now.saturating_sub(since) < WARM_UP)
    }

    /// Power that leaves it, mW, as its photodiode measures it: also while its state says otherwise.
    pub(super) fn measured_mw(&self, now: Duration) -> f64 {
        match self.on_since {
            None => 0.0,
            Some(since) => {
                let share = now.saturating_sub(since).as_secs_f64() / WARM_UP.as_secs_f64();
                self.set_mw * (0.5 + 0.5 * share.min(1.0))
            }
        }
    }

    /// Current through the diode, mA.
    pub(super) fn current_ma(&self, now: Duration) -> f64 {
        if self.on_since.is_some() { 60.0 + 1.5 * self.measured_mw(now) } else { 0.0 }
    }

    /// Whether the interlock is open.
    pub(super) fn interlock_open(&self) -> bool {
        self.faults.is_on(Fault::InterlockOpen)
    }

    /// Serial number; another one while the fault says so.
    pub(super) fn serial(&self) -> u64 {
        self.serial_number.wrapping_add(u64::from(self.faults.strikes(Fault::OtherSerial))) % 1_000_000
    }

    /// Sets the power; false where the laser cannot give it.
    pub(super) fn set_power_mw(&mut self, wanted: f64) -> bool {
        let possible = (0.0..=RATED_MW).contains(&wanted);
        if possible {
            self.set_mw = wanted;
        }
        possible
    }
}

/// An emulated laser that speaks lines.
#[derive(Debug)]
pub struct AsciiLaser<D> {
    dialect: D,
    emission: Emission,
    line: Line,
    log: Log,
    heard: Vec<u8>,
    refusals: usize,
}

impl<D: Dialect> AsciiLaser<D> {
    pub(super) fn with_dialect(dialect: D, bench: Bench, serial_number: u64, log: Log, faults: Faults) -> Self {
        let emission = Emission { bench, faults, serial_number, on_since: None, set_mw: RATED_MW, switched_on: 0 };
        Self { dialect, emission, line: Line::new(D::BAUD), log, heard: Vec::new(), refusals: 0 }
    }

    fn execute(&mut self, command: &str, now: Duration) {
        self.log.write(now, &format!("{} {command}", D::NAME));
        let faults = self.emission.faults.clone();
        if faults.strikes(Fault::ResetBetweenCommands) {
            self.emission.off(now);
            self.emission.set_mw = RATED_MW;
            self.dialect.reset();
        }
        if self.emission.interlock_open() {
            self.emission.off(now);
        }
        let reply = if faults.strikes(Fault::Nack) {
            self.refusals += 1;
            self.dialect.refusal(self.refusals - 1)
        } else if D::changes(command) && faults.strikes(Fault::AccessLevel) {
            self.dialect.forbidden()
        } else {
            self.dialect.answer(command, &mut self.emission, now)
        };
        let reply = if faults.strikes(Fault::WrongType) { self.dialect.other_answer() } else { reply };
        if reply.is_empty() {
            return;
        }
        // The terminator the wrong way round, or none of it.
        let end = match D::END {
            _ if !faults.strikes(Fault::WrongFooter) => D::END,
            "\r\n" => "\n\r",
            _ => "\n",
        };
        let bytes = reply.iter().fold(String::new(), |bytes, line| bytes + line + end);
        if faults.strikes(Fault::OversizedLength) {
            // Text has no length field; the counterpart is a line that does not end.
            let endless: Vec<u8> = bytes.bytes().filter(|b| *b >= b' ').cycle().take(TOO_LONG).collect();
            self.line.send(&endless, now);
        } else {
            self.line.send(bytes.as_bytes(), now);
        }
    }
}

impl<D: Dialect> Device for AsciiLaser<D> {
    fn receive(&mut self, bytes: &[u8], now: Duration) {
        for byte in bytes {
            if D::END.as_bytes().contains(byte) {
                let command = String::from_utf8_lossy(&std::mem::take(&mut self.heard)).trim().to_owned();
                if !command.is_empty() {
                    self.execute(&command, now);
                }
            } else if self.heard.len() < MAX_COMMAND {
                self.heard.push(*byte);
            }
        }
    }

    fn transmit_at_most(&mut self, now: Duration, most: usize) -> Vec<u8> {
        self.line.arrived(now, most)
    }

    fn line_speed(&self) -> Option<u32> {
        Some(D::BAUD)
    }

    fn next_due(&self) -> Option<Duration> {
        self.line.next_due()
    }
}
