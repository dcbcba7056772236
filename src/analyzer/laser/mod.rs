//! Lasers, and the rule that emission ends on every path.
//!
//! Emission begins only through [`LaserGuard::emit`]; the guard commands *off* when it goes out of scope, whatever the
//! reason: the exposure is done, an error, a cancel, a panic. A missing answer is never taken for *off*.

mod cobolt;
mod kind;
mod line;
mod line_laser;
mod matchbox;
mod obis;
mod ondax;

pub use kind::{LaserKind, LaserSetup, UnknownLaser};

use std::sync::Arc;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::spectrometer::OnWait;
use super::{AnalyzerError, Clock, DeviceIdentity, LaserState};

/// Longest time that a laser may take from the command to stable emission.
const WARM_UP_MAX: Duration = Duration::from_secs(15);
/// Pause between two questions for the state while the laser warms up.
const WARM_UP_POLL: Duration = Duration::from_millis(20);

/// Permission to start emission. Only [`LaserGuard::emit`] can give it, so nothing can switch a laser on without the
/// guard that switches it off.
#[derive(Debug)]
pub struct EmissionPermit(());

/// Power at the photodiode that still counts as dark, mW (an assumption: what an amplifier's offset may show).
const DARK_POWER_MAX_MW: f64 = 1.0;

/// What a laser says of itself beside its state. A question that its protocol does not have is `None`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct LaserCondition {
    /// The state that follows from everything below. [`LaserState::Fault`] and [`LaserState::Blocked`] are only given
    /// where emission was read back as ended.
    pub state: LaserState,
    /// Whether the interlock is open.
    pub interlock_open: Option<bool>,
    /// Whether the key is turned off.
    pub key_off: Option<bool>,
    /// The fault that it reports, in words.
    pub fault: Option<String>,
}

impl LaserCondition {
    /// Nothing is known.
    pub const UNKNOWN: Self = Self::of(LaserState::Unknown);

    /// A state of which no more is known.
    pub const fn of(state: LaserState) -> Self {
        Self { state, interlock_open: None, key_off: None, fault: None }
    }

    /// The state that follows from what is emitted and from what stops it: a laser that may emit is on, whatever else
    /// it says.
    fn combine(
        emission: LaserState,
        interlock_open: Option<bool>,
        key_off: Option<bool>,
        fault: Option<String>,
    ) -> Self {
        let state = match emission {
            LaserState::Off if fault.is_some() => LaserState::Fault,
            LaserState::Off if interlock_open == Some(true) || key_off == Some(true) => LaserState::Blocked,
            emission => emission,
        };
        Self { state, interlock_open, key_off, fault }
    }

    /// Why it cannot emit, for a sentence; `None` where nothing stops it.
    pub fn obstacle(&self) -> Option<String> {
        match self {
            Self { fault: Some(fault), .. } => Some(format!("it reports a fault: {fault}")),
            Self { interlock_open: Some(true), .. } => Some("its interlock is open".to_owned()),
            Self { key_off: Some(true), .. } => Some("its key is turned off".to_owned()),
            _ => None,
        }
    }

    /// What to do about what stops it, for a sentence of its own; `None` where nothing is known that stops it.
    pub const fn remedy(&self) -> Option<&'static str> {
        match self {
            Self { fault: Some(_), .. } => Some(
                "Switch the laser off at its key or supply, wait a minute and switch it on again; if the fault comes back, do not use it and have it repaired",
            ),
            Self { interlock_open: Some(true), .. } => {
                Some("Close the cover and plug the interlock in; the laser can then be used at once")
            }
            Self { key_off: Some(true), .. } => {
                Some("Turn the key of the laser on; the laser can then be used at once")
            }
            _ => None,
        }
    }
}

/// The state of a laser that says it is off: the light that it measures must agree.
fn believed_dark(measured_mw: Option<f64>) -> LaserState {
    match measured_mw {
        None => LaserState::Off,
        Some(mw) if mw.abs() <= DARK_POWER_MAX_MW => LaserState::Off,
        Some(_) => LaserState::Unknown,
    }
}

/// Optical powers of a laser, mW; `None` where its protocol does not tell.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct LaserPower {
    /// What it is told to give.
    pub set_mw: Option<f64>,
    /// What it measures now.
    pub measured_mw: Option<f64>,
    /// The most that it can give.
    pub rated_mw: Option<f64>,
}

impl LaserPower {
    /// For a person: what it is set to and what it can give.
    pub fn words(&self) -> String {
        match (self.set_mw, self.rated_mw) {
            (Some(set), Some(rated)) => format!("set to {set:.1} mW of {rated:.1} mW"),
            (Some(set), None) => format!("set to {set:.1} mW"),
            (None, Some(rated)) => format!("at most {rated:.1} mW; its protocol does not tell what it is set to"),
            (None, None) => "its protocol does not tell".to_owned(),
        }
    }
}

/// A laser of a kit. Implementations command *off* when they are opened and when they are dropped.
pub trait Laser: Send {
    /// Who it is.
    fn identity(&self) -> &DeviceIdentity;
    /// The state as read back now; [`LaserState::Unknown`] without a trustworthy answer.
    fn state(&mut self, on_wait: &mut OnWait<'_>) -> LaserState;
    /// State, interlock, key and fault as read back now.
    fn condition(&mut self, on_wait: &mut OnWait<'_>) -> LaserCondition {
        LaserCondition::of(self.state(on_wait))
    }
    /// Commands emission; returns when the laser has accepted it, which may be before it is at power.
    fn enable(&mut self, permit: &EmissionPermit, on_wait: &mut OnWait<'_>) -> Result<(), AnalyzerError>;
    /// Commands *off* and reads the state back. Repeats the command while the state is anything else, because *off* is
    /// the one command that may be sent twice; bounded in time and not to be cancelled.
    fn disable(&mut self) -> LaserState;
    /// Reads the powers that its protocol tells; all empty where it tells none.
    fn power(&mut self, _on_wait: &mut OnWait<'_>) -> Result<LaserPower, AnalyzerError> {
        Ok(LaserPower::default())
    }
    /// Sets the power and reads it back. Refused where the protocol has no such command.
    fn set_power_mw(&mut self, _power_mw: f64, _on_wait: &mut OnWait<'_>) -> Result<LaserPower, AnalyzerError> {
        Err(AnalyzerError::PowerFixed { port: self.identity().port.clone() })
    }
    /// Usual time of one command or question.
    fn expected_transaction(&self) -> Duration;
}

/// Emission that did not begin.
#[derive(Clone, Debug, PartialEq)]
pub struct NotLit {
    /// Why.
    pub error: AnalyzerError,
    /// The state that was read back after the *off* that followed.
    pub state: LaserState,
}

/// Holds a laser while it emits.
pub struct LaserGuard<'a> {
    laser: &'a mut dyn Laser,
    armed: bool,
}

impl<'a> LaserGuard<'a> {
    /// Commands emission and waits until the laser is at power. On any error the laser was commanded off again.
    pub fn emit(
        laser: &'a mut dyn Laser,
        clock: &Arc<dyn Clock>,
        on_wait: &mut OnWait<'_>,
    ) -> Result<Self, AnalyzerError> {
        Self::light(laser, clock, on_wait).map_err(|not_lit| not_lit.error)
    }

    /// The same with the state that was read back where emission did not begin.
    pub fn light(laser: &'a mut dyn Laser, clock: &Arc<dyn Clock>, on_wait: &mut OnWait<'_>) -> Result<Self, NotLit> {
        // The guard exists before the command: also a command whose answer is lost is followed by off.
        let mut guard = Self { laser, armed: true };
        let Err(error) = guard.reach_power(clock, on_wait) else { return Ok(guard) };
        let port = guard.laser.identity().port.clone();
        let state = guard.off();
        let error = if state.emission_ended() { error } else { AnalyzerError::LaserNotOff { port, state } };
        Err(NotLit { error, state })
    }

    fn reach_power(&mut self, clock: &Arc<dyn Clock>, on_wait: &mut OnWait<'_>) -> Result<(), AnalyzerError> {
        self.laser.enable(&EmissionPermit(()), on_wait)?;
        let deadline = clock.now() + WARM_UP_MAX;
        loop {
            match self.laser.state(on_wait) {
                LaserState::On => return Ok(()),
                LaserState::WarmingUp if clock.now() < deadline => {}
                state => return Err(self.not_on(state, on_wait)),
            }
            if on_wait().is_break() {
                return Err(AnalyzerError::Cancelled);
            }
            clock.sleep(WARM_UP_POLL);
        }
    }

    /// Checks that the laser emits now.
    pub fn require_on(&mut self, on_wait: &mut OnWait<'_>) -> Result<LaserState, AnalyzerError> {
        match self.laser.state(on_wait) {
            LaserState::On => Ok(LaserState::On),
            state => Err(self.not_on(state, on_wait)),
        }
    }

    /// Ends emission and returns the state as read back.
    pub fn off(mut self) -> LaserState {
        self.armed = false;
        self.laser.disable()
    }

    /// A question that was cut short by a cancel gives no state: that is the cancel, not a fault of the laser.
    fn not_on(&mut self, state: LaserState, on_wait: &mut OnWait<'_>) -> AnalyzerError {
        if on_wait().is_break() {
            return AnalyzerError::Cancelled;
        }
        let port = self.laser.identity().port.clone();
        if matches!(state, LaserState::Fault | LaserState::Blocked)
            && let Some(why) = self.laser.condition(on_wait).obstacle()
        {
            return AnalyzerError::LaserBlocked { port, why };
        }
        AnalyzerError::LaserNotOn { port, state }
    }
}

impl Drop for LaserGuard<'_> {
    fn drop(&mut self) {
        if self.armed {
            let state = self.laser.disable();
            if !state.is_dark() {
                tracing::error!(?state, port = self.laser.identity().port, "the laser does not confirm that it is off");
            }
        }
    }
}
