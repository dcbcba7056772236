//! Lasers. The rules: *off* on open, on error, on drop; state read back after every change; never assumed off because
//! no answer came.

mod guard;
mod matchbox;

pub use guard::LaserGuard;
pub use matchbox::MatchBoxLaser;

use super::{AnalyzerError, DeviceIdentity, LaserState};

/// A laser that can be switched and asked.
pub trait Laser: Send {
    /// Who answers.
    fn identity(&self) -> &DeviceIdentity;
    /// The state as the device says now; [`LaserState::Unknown`] where it does not answer.
    fn state(&mut self) -> LaserState;
    /// Commands *on*. Only [`LaserGuard`] calls this.
    fn enable(&mut self) -> Result<(), AnalyzerError>;
    /// Commands *off* and reads the state back. Never gives up before the command was sent.
    fn disable(&mut self) -> LaserState;
}
