//! Lasers, and the rule that emission ends on every path.
//!
//! Emission begins only through [`LaserGuard::emit`]; the guard commands *off* when it goes out of scope, whatever the
//! reason: the exposure is done, an error, a cancel, a panic. A missing answer is never taken for *off*.

mod matchbox;

pub use matchbox::MatchBoxLaser;

use std::sync::Arc;
use std::time::Duration;

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

/// A laser of a kit. Implementations command *off* when they are opened and when they are dropped.
pub trait Laser: Send {
    /// Who it is.
    fn identity(&self) -> &DeviceIdentity;
    /// The state as read back now; [`LaserState::Unknown`] without a trustworthy answer.
    fn state(&mut self, on_wait: &mut OnWait<'_>) -> LaserState;
    /// Commands emission; returns when the laser has accepted it, which may be before it is at power.
    fn enable(&mut self, permit: &EmissionPermit, on_wait: &mut OnWait<'_>) -> Result<(), AnalyzerError>;
    /// Commands *off* and reads the state back. Repeats the command while the state is anything else, because *off* is
    /// the one command that may be sent twice; bounded in time and not to be cancelled.
    fn disable(&mut self) -> LaserState;
    /// Usual time of one command or question.
    fn expected_transaction(&self) -> Duration;
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
        // The guard exists before the command: also a command whose answer is lost is followed by off.
        let mut guard = Self { laser, armed: true };
        let Err(error) = guard.reach_power(clock, on_wait) else { return Ok(guard) };
        let port = guard.laser.identity().port.clone();
        match guard.off() {
            LaserState::Off => Err(error),
            state => Err(AnalyzerError::LaserNotOff { port, state }),
        }
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
    fn not_on(&self, state: LaserState, on_wait: &mut OnWait<'_>) -> AnalyzerError {
        if on_wait().is_break() {
            return AnalyzerError::Cancelled;
        }
        AnalyzerError::LaserNotOn { port: self.laser.identity().port.clone(), state }
    }
}

impl Drop for LaserGuard<'_> {
    fn drop(&mut self) {
        if self.armed {
            let state = self.laser.disable();
            if state != LaserState::Off {
                tracing::error!(?state, port = self.laser.identity().port, "the laser does not confirm that it is off");
            }
        }
    }
}
