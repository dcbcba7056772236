//! Driver of the Integrated Optics MatchBox lasers: ASCII commands that end with a silence, replies that end with CRLF.

use std::sync::Arc;
use std::time::Duration;

use crate::analyzer::{AnalyzerError, Clock, DeviceIdentity, LaserState, Transport, TransportError};

use super::Laser;

/// Silence that separates commands; the device wants 30 ms.
const SILENCE: Duration = Duration::from_millis(35);
/// Longest wait for a reply.
const REPLY_LIMIT: Duration = Duration::from_millis(400);
/// Longest reply that is read.
const MAX_REPLY: usize = 256;

/// The laser on its port.
pub struct MatchBoxLaser {
    link: Box<dyn Transport>,
    clock: Arc<dyn Clock>,
    identity: DeviceIdentity,
    /// When the next command may be sent.
    free_at: Duration,
}

impl MatchBoxLaser {
    /// Opens the laser: commands *off* first of all, then asks who it is.
    pub fn open(link: Box<dyn Transport>, clock: Arc<dyn Clock>) -> Result<Self, AnalyzerError> {
        let port = link.name().to_owned();
        let identity = DeviceIdentity {
            model: String::new(),
            serial: String::new(),
            firmware: None,
            driver: "MatchBox".to_owned(),
            port: port.clone(),
            simulated: false,
        };
        let mut laser = Self { link, clock, identity, free_at: Duration::ZERO };
        if laser.disable() != LaserState::Off {
            return Err(AnalyzerError::LaserUnknown);
        }
        let bare = |text: String| text.trim_matches(|c| c == '<' || c == '>').to_owned();
        laser.identity.model = bare(laser.ask("NM?")?);
        laser.identity.serial = bare(laser.ask("ID?")?);
        if laser.identity.model.starts_with("ERR") || laser.identity.model.is_empty() {
            return Err(AnalyzerError::Garbled { port, what: "laser model", why: "no model name".to_owned() });
        }
        laser.identity.simulated = laser.identity.model.contains("EMU");
        Ok(laser)
    }

    fn send(&mut self, command: &str) -> Result<(), AnalyzerError> {
        let now = self.clock.now();
        self.clock.sleep(self.free_at.saturating_sub(now));
        let now = self.clock.now();
        // What an earlier command left behind must not be taken for the answer to this one.
        self.link.drain(Duration::ZERO, now)?;
        let sent = self.link.write_all(command.as_bytes(), now + REPLY_LIMIT);
        self.free_at = self.clock.now() + SILENCE;
        Ok(sent?)
    }

    /// Sends a command and reads one line.
    fn ask(&mut self, command: &str) -> Result<String, AnalyzerError> {
        self.send(command)?;
        let deadline = self.clock.now() + REPLY_LIMIT;
        let mut line = Vec::new();
        let mut byte = [0_u8; 1];
        while line.len() < MAX_REPLY {
            self.link.read_some(&mut byte, deadline)?;
            match byte {
                [b'\n'] => {
                    self.free_at = self.clock.now() + SILENCE;
                    return Ok(String::from_utf8_lossy(&line).trim().to_owned());
                }
                [other] => line.push(other),
            }
        }
        Err(self.garbled("laser reply", "a line without an end"))
    }

    fn garbled(&self, what: &'static str, why: &str) -> AnalyzerError {
        AnalyzerError::Garbled { port: self.link.name().to_owned(), what, why: why.to_owned() }
    }

    fn read_state(&mut self) -> Result<LaserState, AnalyzerError> {
        let readings = self.ask("r r")?;
        if !readings.starts_with("#Readings:") {
            return Err(self.garbled("laser readings", "not a line of readings"));
        }
        let state = readings.split_whitespace().find_map(|word| match word {
            "OFF" => Some(LaserState::Off),
            "WRM" => Some(LaserState::WarmingUp),
            "APC" | "ACC" => Some(LaserState::On),
            "ERR" | "FLT" => Some(LaserState::Fault),
            "INT" | "KEY" => Some(LaserState::Blocked),
            _ => None,
        });
        Ok(state.unwrap_or(LaserState::Unknown))
    }
}

impl Laser for MatchBoxLaser {
    fn identity(&self) -> &DeviceIdentity {
        &self.identity
    }

    fn state(&mut self) -> LaserState {
        // A question may be asked once more; an answer that stays away is *unknown*.
        self.read_state().or_else(|_| self.read_state()).unwrap_or(LaserState::Unknown)
    }

    fn enable(&mut self) -> Result<(), AnalyzerError> {
        match self.ask("e 1")?.as_str() {
            // 2: already on. The state is read back in either case.
            "<ACK>" | "<ERR 2>" => Ok(()),
            other => Err(AnalyzerError::LaserStayedOff(format!("it answers {other}"))),
        }
    }

    fn disable(&mut self) -> LaserState {
        // Off is harmless to repeat: a command that was spoilt on the wire is sent again.
        for _ in 0..2 {
            if let Err(AnalyzerError::Transport(TransportError::Unplugged { .. })) = self.ask("e 0") {
                return LaserState::Unknown;
            }
            if self.state() == LaserState::Off {
                return LaserState::Off;
            }
        }
        self.state()
    }
}

impl Drop for MatchBoxLaser {
    fn drop(&mut self) {
        // The port is about to close: the last word is *off*, whatever state was read back before.
        let _ = self.ask("e 0");
    }
}
