//! The Integrated Optics MatchBox laser: ASCII commands without a terminator, which the device ends by silence on the
//! line; replies end with CR LF.

use std::ops::ControlFlow;
use std::sync::Arc;
use std::time::Duration;

use super::{EmissionPermit, Laser};
use crate::analyzer::spectrometer::{OnWait, SLICE};
use crate::analyzer::{AnalyzerError, Clock, DeviceIdentity, LaserState, Transport, TransportError};

/// Name of the driver in records.
pub const DRIVER: &str = concat!("matchbox ", env!("CARGO_PKG_VERSION"));
/// The laser's only line speed, and the time of one byte at it.
const BAUD: u32 = 115_200;
const BYTE: Duration = Duration::from_micros(87);
/// Silence that must lie between two commands; the device needs about 30 ms to see the end of one.
const IDLE: Duration = Duration::from_millis(40);
/// How long a reply may take, the silence that ends the command included.
const REPLY: Duration = Duration::from_millis(250);
/// Silence after which no overdue reply is expected any more.
const QUIET: Duration = Duration::from_millis(60);
/// How often *off* is commanded before the state is given up as unknown.
const OFF_ATTEMPTS: usize = 3;
/// Longest reply line that is read.
const LINE_MAX: usize = 256;
/// Lines of the answer to `r i`: firmware, serial number, model, operating time, switch-on count.
const INFO_LINES: usize = 5;
/// Words of the answer to `r r`, its heading included, and the place of the state among them.
const READINGS_WORDS: usize = 10;
const STATE_WORD: usize = 7;

/// A MatchBox on a link. It is commanded off when it is opened and when it is dropped.
pub struct MatchBoxLaser {
    line: Line,
    identity: DeviceIdentity,
}

impl MatchBoxLaser {
    /// Commands *off*, reads it back and identifies the laser.
    pub fn open(link: Box<dyn Transport>, clock: Arc<dyn Clock>) -> Result<Self, AnalyzerError> {
        let line = Line::new(link, clock)?;
        let identity = blank_identity(&line);
        let mut laser = Self { line, identity };
        let state = laser.disable();
        laser.identity = identify(&mut laser.line)?;
        if state == LaserState::Off {
            Ok(laser)
        } else {
            Err(AnalyzerError::LaserNotOff { port: laser.line.port(), state })
        }
    }

    /// Reads the state; an error is a state that nobody knows.
    fn read_state(&mut self, on_wait: &mut OnWait<'_>) -> Result<LaserState, Trouble> {
        self.line.ask("r r", on_wait, |line| line.starts_with("#Readings")).map(|line| state_of(&line))
    }
}

impl Laser for MatchBoxLaser {
    fn identity(&self) -> &DeviceIdentity {
        &self.identity
    }

    fn state(&mut self, on_wait: &mut OnWait<'_>) -> LaserState {
        self.read_state(on_wait).unwrap_or(LaserState::Unknown)
    }

    fn enable(&mut self, _permit: &EmissionPermit, on_wait: &mut OnWait<'_>) -> Result<(), AnalyzerError> {
        match self.line.ask("e 1", on_wait, is_verdict) {
            Ok(reply) if reply == "<ACK>" => Ok(()),
            Ok(reply) => {
                let (number, why) = refusal(&reply);
                Err(AnalyzerError::Refused { port: self.line.port(), what: "to switch the laser on", number, why })
            }
            Err(Trouble::Cancelled) => Err(AnalyzerError::Cancelled),
            // Never repeated: the state that is read back tells whether the command arrived.
            Err(Trouble::Link(TransportError::Timeout { .. }) | Trouble::Garbled) => Ok(()),
            Err(Trouble::Link(error)) => Err(error.into()),
        }
    }

    fn disable(&mut self) -> LaserState {
        let on_wait: &mut OnWait<'_> = &mut || ControlFlow::Continue(());
        let mut state = LaserState::Unknown;
        for _ in 0..OFF_ATTEMPTS {
            let answer = self.line.ask("e 0", on_wait, is_verdict);
            if let Err(Trouble::Link(TransportError::Unplugged { .. })) = answer {
                return LaserState::Unknown;
            }
            state = self.state(on_wait);
            if state == LaserState::Off {
                break;
            }
        }
        state
    }

    fn expected_transaction(&self) -> Duration {
        self.line.took
    }
}

impl Drop for MatchBoxLaser {
    fn drop(&mut self) {
        let state = self.disable();
        if state != LaserState::Off {
            tracing::error!(?state, port = self.line.port(), "the laser does not confirm that it is off");
        }
    }
}

/// Why no reply line can be used.
enum Trouble {
    Link(TransportError),
    Garbled,
    Cancelled,
}

/// The conversation on the link: silences, replies, leftovers.
struct Line {
    link: Box<dyn Transport>,
    clock: Arc<dyn Clock>,
    /// When the line has been silent long enough for the next command.
    free_at: Duration,
    received: Vec<u8>,
    /// A reply was not waited for and may still come.
    stale: bool,
    /// Time of the last command with its reply, the silence before it included.
    took: Duration,
}

impl Line {
    fn new(mut link: Box<dyn Transport>, clock: Arc<dyn Clock>) -> Result<Self, AnalyzerError> {
        link.set_baud(BAUD)?;
        // Whatever was sent before us may still be half a command.
        let free_at = clock.now() + IDLE;
        Ok(Self { link, clock, free_at, received: Vec::new(), stale: false, took: 2 * IDLE })
    }

    fn port(&self) -> String {
        self.link.name().to_owned()
    }

    /// Sends a command and returns the first line that can be its reply.
    fn ask(&mut self, command: &str, on_wait: &mut OnWait<'_>, fits: impl Fn(&str) -> bool) -> Result<String, Trouble> {
        let off = command == "e 0";
        // Off is not delayed by leftovers: its reply is told from older ones by its form.
        if self.stale && !off {
            self.link.drain(QUIET, self.clock.now() + REPLY).map_err(Trouble::Link)?;
            self.stale = false;
        }
        let began = self.clock.now();
        self.clock.sleep(self.free_at.saturating_sub(began));
        self.received.clear();
        let sent = self.clock.now();
        let on_the_wire = BYTE * command.len() as u32;
        self.free_at = sent + on_the_wire + IDLE;
        self.link.write_all(command.as_bytes(), sent + REPLY).map_err(Trouble::Link)?;
        let deadline = sent + on_the_wire + REPLY;
        loop {
            let line = self.read_line(deadline, on_wait);
            match line {
                Ok(line) if fits(&line) => {
                    // A verdict comes after every older reply.
                    self.stale &= !is_verdict(&line);
                    self.took = self.clock.now().saturating_sub(began);
                    return Ok(line);
                }
                Ok(_) => {}
                Err(trouble) => {
                    self.stale = true;
                    return Err(trouble);
                }
            }
        }
    }

    /// The next complete line without its end.
    fn read_line(&mut self, deadline: Duration, on_wait: &mut OnWait<'_>) -> Result<String, Trouble> {
        let mut buffer = [0; 128];
        loop {
            if let Some(end) = self.received.iter().position(|b| *b == b'\n') {
                let line: Vec<u8> = self.received.drain(..=end).collect();
                let line = line.strip_suffix(b"\r\n").ok_or(Trouble::Garbled)?;
                return String::from_utf8(line.to_vec()).map_err(|_| Trouble::Garbled);
            }
            if self.received.len() > LINE_MAX {
                return Err(Trouble::Garbled);
            }
            if on_wait().is_break() {
                return Err(Trouble::Cancelled);
            }
            let now = self.clock.now();
            if now >= deadline {
                return Err(Trouble::Link(TransportError::Timeout { port: self.port() }));
            }
            match self.link.read_some(&mut buffer, deadline.min(now + SLICE)) {
                Ok(n) => self.received.extend_from_slice(buffer.get(..n).unwrap_or_default()),
                Err(TransportError::Timeout { .. }) => {}
                Err(error) => return Err(Trouble::Link(error)),
            }
        }
    }
}

fn blank_identity(line: &Line) -> DeviceIdentity {
    DeviceIdentity {
        model: "MatchBox".to_owned(),
        serial: String::new(),
        firmware: None,
        driver: DRIVER.to_owned(),
        port: line.port(),
        simulated: false,
    }
}

fn identify(line: &mut Line) -> Result<DeviceIdentity, AnalyzerError> {
    let on_wait: &mut OnWait<'_> = &mut || ControlFlow::Continue(());
    let mut named = |command| match line.ask(command, on_wait, is_bracketed) {
        Ok(reply) if is_verdict(&reply) => Err(AnalyzerError::NoLaser { port: line.port() }),
        Ok(reply) => Ok(reply.trim_matches(['<', '>']).trim().to_owned()),
        Err(Trouble::Link(error)) if !matches!(error, TransportError::Timeout { .. }) => Err(error.into()),
        Err(_) => Err(AnalyzerError::NoLaser { port: line.port() }),
    };
    let name = named("NM?")?;
    let serial = named("ID?")?;
    let info = read_info(line, on_wait);
    let firmware = info.as_ref().and_then(|info| info.first()).filter(|line| !line.is_empty()).cloned();
    let model_line = info.as_ref().and_then(|info| info.get(2));
    Ok(DeviceIdentity {
        simulated: name.contains("EMU") || model_line.is_some_and(|model| model.contains("EMU")),
        model: format!("MatchBox {name}"),
        serial,
        firmware,
        ..blank_identity(line)
    })
}

/// The five lines of `r i`, where the laser gives them.
fn read_info(line: &mut Line, on_wait: &mut OnWait<'_>) -> Option<Vec<String>> {
    let mut info = vec![line.ask("r i", on_wait, |_| true).ok()?];
    let deadline = line.clock.now() + REPLY;
    while info.len() < INFO_LINES {
        let Ok(next) = line.read_line(deadline, on_wait) else {
            line.stale = true;
            return None;
        };
        info.push(next);
    }
    Some(info)
}

fn is_bracketed(line: &str) -> bool {
    line.starts_with('<') && line.ends_with('>')
}

/// Whether a line says that a command was carried out or refused.
fn is_verdict(line: &str) -> bool {
    line == "<ACK>" || (line.starts_with("<ERR") && line.ends_with('>'))
}

/// The state in a complete line of readings; anything that is not exactly of its form is unknown.
fn state_of(line: &str) -> LaserState {
    let words: Vec<&str> = line.split_ascii_whitespace().collect();
    let whole = words.len() == READINGS_WORDS && words.last().is_some_and(|word| word.ends_with('V'));
    match words.get(STATE_WORD) {
        Some(&"OFF") if whole => LaserState::Off,
        Some(&"WRM") if whole => LaserState::WarmingUp,
        Some(&("APC" | "ACC")) if whole => LaserState::On,
        _ => LaserState::Unknown,
    }
}

/// Number and meaning of `<ERR n>`.
fn refusal(reply: &str) -> (u16, &'static str) {
    let number = reply.trim_start_matches("<ERR").trim_end_matches('>').trim().parse().unwrap_or(0);
    let why = match number {
        1 => "its access level forbids it",
        2 => "it says that it was on already",
        3 => "it is busy",
        4 => "the value is out of range",
        5 => "it does not know the command",
        6 => "it must be enabled first",
        _ => "it gives no reason",
    };
    (number, why)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_whole_line_of_readings_is_believed() {
        let line = |state: &str| format!("#Readings: 25.02 25.01 27.30 150mA 0% 20% {state} 20% 5.01V");
        let cases = [
            (line("OFF"), LaserState::Off),
            (line("WRM"), LaserState::WarmingUp),
            (line("APC"), LaserState::On),
            (line("ACC"), LaserState::On),
            (line("ofF"), LaserState::Unknown),
            (line("XYZ"), LaserState::Unknown),
            // One reading was lost on the wire and another word took the place of the state.
            ("#Readings: 25.02 27.30 150mA 0% 20% APC OFF 5.01V".to_owned(), LaserState::Unknown),
            ("#Readings: 25.02 25.01 27.30 150mA 0% 20% OFF 20%".to_owned(), LaserState::Unknown),
            ("#Readings:".to_owned(), LaserState::Unknown),
            (String::new(), LaserState::Unknown),
        ];
        for (line, state) in cases {
            assert_eq!(state_of(&line), state, "{line}");
        }
    }
}
