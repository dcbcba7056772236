//! A laser with a marker: what may be on is written down first, and a machine that slept goes dark before anything else.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use super::{Marker, SleepWatch};
use crate::analyzer::laser::{EmissionPermit, Laser, LaserCondition, LaserPower};
use crate::analyzer::{AnalyzerError, Clock, DeviceIdentity, LaserState, OnWait};

/// Any laser, watched.
pub struct WatchedLaser {
    laser: Box<dyn Laser>,
    marker: Marker,
    data_dir: PathBuf,
    /// Whether the marker lies in the folder, as far as this laser knows.
    marked: bool,
    clock: Arc<dyn Clock>,
    wall: fn() -> Duration,
    sleep: SleepWatch,
}

impl WatchedLaser {
    /// Watches a laser that was just opened, so that it is off. A marker that an earlier program left is removed.
    /// `wall` is the wall clock.
    pub fn new(
        laser: Box<dyn Laser>,
        marker: Marker,
        data_dir: &Path,
        clock: Arc<dyn Clock>,
        wall: fn() -> Duration,
    ) -> Self {
        let sleep = SleepWatch::new(clock.now(), wall());
        let mut watched = Self { laser, marker, data_dir: data_dir.to_owned(), marked: true, clock, wall, sleep };
        watched.unmark();
        watched
    }

    fn unmark(&mut self) {
        if self.marked {
            match Marker::remove(&self.data_dir, &self.marker.port) {
                Ok(()) => self.marked = false,
                // It costs the next start a superfluous *off*.
                Err(error) => tracing::warn!(%error, port = self.marker.port, "the laser's marker cannot be removed"),
            }
        }
    }

    /// Commands *off* where the machine slept since the last look.
    fn wake(&mut self) {
        if self.sleep.slept(self.clock.now(), (self.wall)()) {
            tracing::warn!(port = self.marker.port, "the computer was suspended: the laser is commanded off");
            self.disable();
        }
    }
}

impl Laser for WatchedLaser {
    fn identity(&self) -> &DeviceIdentity {
        self.laser.identity()
    }

    fn state(&mut self, on_wait: &mut OnWait<'_>) -> LaserState {
        self.wake();
        self.laser.state(on_wait)
    }

    fn condition(&mut self, on_wait: &mut OnWait<'_>) -> LaserCondition {
        self.wake();
        self.laser.condition(on_wait)
    }

    fn enable(&mut self, permit: &EmissionPermit, on_wait: &mut OnWait<'_>) -> Result<(), AnalyzerError> {
        self.wake();
        if let Err(error) = self.marker.write(&self.data_dir) {
            return Err(AnalyzerError::NoMarker { port: self.marker.port.clone(), why: error.to_string() });
        }
        self.marked = true;
        self.laser.enable(permit, on_wait)
    }

    fn disable(&mut self) -> LaserState {
        let state = self.laser.disable();
        if state.is_dark() {
            self.unmark();
        }
        state
    }

    fn power(&mut self, on_wait: &mut OnWait<'_>) -> Result<LaserPower, AnalyzerError> {
        self.wake();
        self.laser.power(on_wait)
    }

    fn set_power_mw(&mut self, power_mw: f64, on_wait: &mut OnWait<'_>) -> Result<LaserPower, AnalyzerError> {
        self.wake();
        self.laser.set_power_mw(power_mw, on_wait)
    }

    fn expected_transaction(&self) -> Duration {
        self.laser.expected_transaction()
    }
}

impl Drop for WatchedLaser {
    fn drop(&mut self) {
        // The laser itself goes off when it is dropped; here the marker goes with the confirmation.
        if self.marked {
            self.disable();
        }
    }
}
