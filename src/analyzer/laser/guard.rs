//! The only way to switch a laser on.

use std::time::Duration;

use crate::analyzer::{AnalyzerError, Clock, LaserState};

use super::Laser;

/// Longest wait for full power.
const WARM_UP_LIMIT: Duration = Duration::from_secs(5);

/// While it lives the laser may shine; dropped on whatever path, by error, cancel or panic, it commands *off*.
pub struct LaserGuard<'a> {
    laser: &'a mut dyn Laser,
    done: bool,
}

impl<'a> LaserGuard<'a> {
    /// Commands *on* and waits until the device says that it shines at power. `cancelled` ends the wait.
    pub fn switch_on(
        laser: &'a mut dyn Laser,
        clock: &dyn Clock,
        cancelled: &dyn Fn() -> bool,
    ) -> Result<Self, AnalyzerError> {
        // The guard exists before the command, so that an error in between switches off too.
        let mut guard = Self { laser, done: false };
        guard.enable()?;
        let deadline = clock.now() + WARM_UP_LIMIT;
        loop {
            if cancelled() {
                return Err(AnalyzerError::Cancelled);
            }
            match guard.state() {
                LaserState::On => return Ok(guard),
                LaserState::WarmingUp if clock.now() < deadline => clock.sleep(Duration::from_millis(20)),
                LaserState::Unknown => return Err(AnalyzerError::LaserUnknown),
                state => return Err(AnalyzerError::LaserStayedOff(format!("it says {state:?}"))),
            }
        }
    }

    fn enable(&mut self) -> Result<(), AnalyzerError> {
        self.laser.enable()
    }

    /// The state as the device says now.
    pub fn state(&mut self) -> LaserState {
        self.laser.state()
    }

    /// Commands *off* and returns the state that was read back.
    pub fn switch_off(mut self) -> LaserState {
        self.done = true;
        self.laser.disable()
    }
}

impl Drop for LaserGuard<'_> {
    fn drop(&mut self) {
        if !self.done {
            self.laser.disable();
        }
    }
}
