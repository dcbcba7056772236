//! What the drivers of all line-speaking lasers do in the same way: off first, identify, read back after every change.

use std::ops::ControlFlow;
use std::sync::Arc;
use std::time::Duration;

use super::line::{Dialect, Line, Trouble};
use super::{EmissionPermit, Laser, LaserCondition, LaserPower};
use crate::analyzer::spectrometer::OnWait;
use crate::analyzer::{AnalyzerError, Clock, DeviceIdentity, LaserState, Transport, TransportError};

/// How often *off* is commanded before the state is given up as unknown.
const OFF_ATTEMPTS: usize = 3;
/// Relative difference between a power that was sent and the one read back that counts as the same; replies have four
/// digits.
const POWER_TOLERANCE: f64 = 0.005;

/// What a laser says of itself.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Named {
    pub model: String,
    pub serial: String,
    pub firmware: Option<String>,
    pub simulated: bool,
}

/// What is particular to one model.
pub(super) trait Protocol: Send {
    /// Name of the driver in records.
    const DRIVER: &'static str;
    /// What to call the laser before it has said who it is.
    const MODEL: &'static str;
    /// The command that begins emission.
    const ON: &'static str;
    /// How it talks.
    fn dialect(&self) -> Dialect;
    /// Makes it answer in the way that the driver expects, after it was commanded off.
    fn begin(&mut self, _line: &mut Line) -> Result<(), Trouble> {
        Ok(())
    }
    /// Who it is.
    fn identify(&mut self, line: &mut Line) -> Result<Named, Trouble>;
    /// State, interlock, key, fault.
    fn condition(&mut self, line: &mut Line, on_wait: &mut OnWait<'_>) -> Result<LaserCondition, Trouble>;
    /// What must be sent before emission can begin; it must not begin it.
    fn make_ready(&mut self, _line: &mut Line, _on_wait: &mut OnWait<'_>) -> Result<(), Trouble> {
        Ok(())
    }
    /// What was last commanded, for models that do not tell.
    fn commanded(&mut self, _on: bool, _now: Duration) {}
    /// Number and meaning of a verdict that refuses; `None` for one that accepts.
    fn refusal(reply: &str) -> Option<(u16, &'static str)>;
    /// Powers, mW.
    fn power(&mut self, line: &mut Line, on_wait: &mut OnWait<'_>) -> Result<LaserPower, Trouble>;
    /// The command that sets the power.
    fn power_command(power_mw: f64) -> String;
    /// The command that allows changes, where a refusal with this number asks for it.
    fn unlock(_refusal: u16) -> Option<&'static str> {
        None
    }
}

/// A laser on a link. It is commanded off when it is opened and when it is dropped.
pub(super) struct LineLaser<P: Protocol> {
    line: Line,
    protocol: P,
    identity: DeviceIdentity,
}

impl<P: Protocol> LineLaser<P> {
    /// Commands *off*, identifies the laser, commands *off* again and reads it back.
    pub fn open(link: Box<dyn Transport>, clock: Arc<dyn Clock>, mut protocol: P) -> Result<Self, AnalyzerError> {
        let mut line = Line::new(link, clock, protocol.dialect())?;
        let unplugged = match line.command(protocol.dialect().off, &mut always()) {
            Err(Trouble::Link(error)) if !matches!(error, TransportError::Timeout { .. }) => Some(error),
            _ => None,
        };
        if let Some(error) = unplugged {
            return Err(error.into());
        }
        let named = protocol.begin(&mut line).and_then(|()| protocol.identify(&mut line));
        let named = match named {
            Ok(named) if named.serial.is_empty() => return Err(AnalyzerError::NoLaser { port: line.port() }),
            Ok(named) => named,
            Err(Trouble::Link(error)) if !matches!(error, TransportError::Timeout { .. }) => return Err(error.into()),
            Err(_) => return Err(AnalyzerError::NoLaser { port: line.port() }),
        };
        let identity = DeviceIdentity {
            model: if named.model.is_empty() { P::MODEL.to_owned() } else { named.model },
            serial: named.serial,
            firmware: named.firmware,
            driver: P::DRIVER.to_owned(),
            port: line.port(),
            simulated: named.simulated,
        };
        let mut laser = Self { line, protocol, identity };
        let (state, port) = (laser.disable(), laser.line.port());
        // One that reports a fault is dark: it is opened, so that its fault can be shown and its end be noticed.
        if state.emission_ended() { Ok(laser) } else { Err(AnalyzerError::LaserNotOff { port, state }) }
    }

    fn explain(&self, what: &'static str, trouble: Trouble) -> AnalyzerError {
        match trouble {
            Trouble::Link(error) => error.into(),
            Trouble::Cancelled => AnalyzerError::Cancelled,
            Trouble::Garbled => {
                AnalyzerError::Damaged { port: self.line.port(), what, why: "no line of it is an answer".to_owned() }
            }
        }
    }

    fn accepted(&self, what: &'static str, reply: &str) -> Result<(), AnalyzerError> {
        match P::refusal(reply) {
            None => Ok(()),
            Some((number, why)) => Err(AnalyzerError::Refused { port: self.line.port(), what, number, why }),
        }
    }
}

impl<P: Protocol> Laser for LineLaser<P> {
    fn identity(&self) -> &DeviceIdentity {
        &self.identity
    }

    fn state(&mut self, on_wait: &mut OnWait<'_>) -> LaserState {
        self.condition(on_wait).state
    }

    fn condition(&mut self, on_wait: &mut OnWait<'_>) -> LaserCondition {
        self.protocol.condition(&mut self.line, on_wait).unwrap_or(LaserCondition::UNKNOWN)
    }

    fn enable(&mut self, _permit: &EmissionPermit, on_wait: &mut OnWait<'_>) -> Result<(), AnalyzerError> {
        const WHAT: &str = "to switch the laser on";
        self.protocol.make_ready(&mut self.line, on_wait).map_err(|trouble| self.explain(WHAT, trouble))?;
        self.protocol.commanded(true, self.line.now());
        match self.line.command(P::ON, on_wait) {
            Ok(reply) => self.accepted(WHAT, &reply),
            // Never repeated: the state that is read back tells whether the command arrived.
            Err(Trouble::Link(TransportError::Timeout { .. }) | Trouble::Garbled) => Ok(()),
            Err(trouble) => Err(self.explain(WHAT, trouble)),
        }
    }

    fn disable(&mut self) -> LaserState {
        let on_wait: &mut OnWait<'_> = &mut always();
        let mut state = LaserState::Unknown;
        for _ in 0..OFF_ATTEMPTS {
            let answer = self.line.command(self.protocol.dialect().off, on_wait);
            self.protocol.commanded(false, self.line.now());
            if let Err(Trouble::Link(TransportError::Unplugged { .. })) = answer {
                return LaserState::Unknown;
            }
            state = self.state(on_wait);
            if state.emission_ended() {
                break;
            }
        }
        state
    }

    fn power(&mut self, on_wait: &mut OnWait<'_>) -> Result<LaserPower, AnalyzerError> {
        let power = self.protocol.power(&mut self.line, on_wait);
        power.map_err(|trouble| self.explain("the laser power", trouble))
    }

    fn set_power_mw(&mut self, power_mw: f64, on_wait: &mut OnWait<'_>) -> Result<LaserPower, AnalyzerError> {
        const WHAT: &str = "the laser power";
        const MICROWATTS: &str = "the laser power in microwatts";
        let microwatts = |mw: f64| (mw.max(0.0) * 1_000.0).round() as u64;
        let before = self.power(on_wait)?;
        let most = before.rated_mw.unwrap_or(f64::INFINITY);
        if !(0.0..=most).contains(&power_mw) {
            let (port, wanted, most) = (self.line.port(), microwatts(power_mw), microwatts(most));
            return Err(AnalyzerError::OutOfLimits { port, what: MICROWATTS, wanted, least: 0, most });
        }
        let command = P::power_command(power_mw);
        let mut reply = self.line.command(&command, on_wait);
        if let Ok(verdict) = &reply
            && let Some(unlock) = P::refusal(verdict).and_then(|(number, _)| P::unlock(number))
        {
            let unlocked = self.line.command(unlock, on_wait).map_err(|trouble| self.explain(WHAT, trouble))?;
            self.accepted(WHAT, &unlocked)?;
            // It was refused, so it may be sent again.
            reply = self.line.command(&command, on_wait);
        }
        match reply {
            Ok(reply) => self.accepted(WHAT, &reply)?,
            Err(Trouble::Link(TransportError::Timeout { .. }) | Trouble::Garbled) => {}
            Err(trouble) => return Err(self.explain(WHAT, trouble)),
        }
        let power = self.power(on_wait)?;
        let found = power.set_mw.unwrap_or(f64::NAN);
        if (found - power_mw).abs() <= POWER_TOLERANCE * power_mw.max(1.0) {
            return Ok(power);
        }
        let (wanted, found) = (microwatts(power_mw), microwatts(found));
        Err(AnalyzerError::NotTaken { port: self.line.port(), what: MICROWATTS, wanted, found })
    }

    fn expected_transaction(&self) -> Duration {
        self.line.took
    }
}

impl<P: Protocol> Drop for LineLaser<P> {
    fn drop(&mut self) {
        let state = self.disable();
        if !state.emission_ended() {
            tracing::error!(?state, port = self.line.port(), "the laser does not confirm that it is off");
        }
    }
}

/// Asks a question twice. The same answer twice is not the leftover of another program's exchange.
pub(super) fn same_twice(line: &mut Line, question: &str, fits: impl Fn(&str) -> bool) -> Result<String, Trouble> {
    let first = line.query(question, &mut always(), &fits)?;
    let second = line.query(question, &mut always(), &fits)?;
    if first == second { Ok(second) } else { Err(Trouble::Garbled) }
}

/// A wait that nobody ends.
pub(super) fn always() -> impl FnMut() -> ControlFlow<()> {
    || ControlFlow::Continue(())
}
