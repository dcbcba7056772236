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

    /// Commands *off* where the machine slept since the last look, and says whether it did.
    fn wake(&mut self) -> bool {
        let slept = self.sleep.slept(self.clock.now(), (self.wall)());
        if slept {
            tracing::warn!(port = self.marker.port, "the computer was suspended: the laser is commanded off");
            self.disable();
        }
        slept
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
        if self.wake() {
            // Whoever asked for light may have gone home since.
            return Err(AnalyzerError::Suspended { port: self.marker.port.clone() });
        }
        if let Err(error) = self.marker.write(&self.data_dir) {
            return Err(AnalyzerError::NoMarker { port: self.marker.port.clone(), why: error.to_string() });
        }
        self.marked = true;
        self.laser.enable(permit, on_wait)
    }

    fn disable(&mut self) -> LaserState {
        let state = self.laser.disable();
        if state.emission_ended() {
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

#[cfg(test)]
mod tests {
    use std::ops::ControlFlow;
    use std::sync::atomic::{AtomicU64, Ordering};

    use super::*;
    use crate::analyzer::VirtualClock;
    use crate::analyzer::emulator::{Bench, Faults, Gap, Log, MemoryLink, Obis, Sample};
    use crate::analyzer::laser::{LaserGuard, LaserKind, LaserSetup};

    /// Seconds that the wall clock is ahead. One test uses it.
    static AHEAD: AtomicU64 = AtomicU64::new(0);

    fn wall() -> Duration {
        Duration::from_secs(AHEAD.load(Ordering::SeqCst))
    }

    #[test]
    fn a_laser_of_a_machine_that_slept_goes_off_first_and_does_not_come_on_by_an_old_wish() {
        let dir = tempfile::tempdir().unwrap();
        let clock: Arc<dyn Clock> = Arc::new(VirtualClock::default());
        let log = Log::default();
        let bench = Bench::new(1, Gap::NONE, Sample { name: "empty".to_owned(), parts: Vec::new() });
        let device = Obis::new(bench.clone(), 1, log.clone(), Faults::none());
        let link = MemoryLink::new("laser", device, Arc::clone(&clock));
        let setup = LaserSetup::usual(LaserKind::Obis);
        let laser = setup.open(Box::new(link), Arc::clone(&clock)).unwrap();
        let marker = Marker::new("laser", setup, "000001");
        let mut laser = WatchedLaser::new(laser, marker, dir.path(), Arc::clone(&clock), wall);
        let on_wait: &mut OnWait<'_> = &mut || ControlFlow::Continue(());

        // While it shines. The virtual clock has moved on, so that the wall clock catches up with it first.
        std::mem::forget(LaserGuard::emit(&mut laser, &clock, on_wait).unwrap());
        assert!(bench.laser_shines() && Marker::list(dir.path()).len() == 1);
        AHEAD.store(3_600, Ordering::SeqCst);
        let before = log.lines().len();
        assert_eq!(laser.state(on_wait), LaserState::Off);
        assert_eq!(log.lines()[before].1, "obis SOUR:AM:STAT OFF", "before anything else");
        assert!(!bench.laser_shines() && Marker::list(dir.path()).is_empty());

        // Between the wish and the command.
        AHEAD.store(7_200, Ordering::SeqCst);
        let before = log.lines().len();
        let error = LaserGuard::emit(&mut laser, &clock, on_wait).map(drop).unwrap_err();
        assert_eq!(error, AnalyzerError::Suspended { port: "laser".to_owned() });
        assert!(!log.lines()[before..].iter().any(|line| line.1 == "obis SOUR:AM:STAT ON"), "{:?}", log.lines());

        // A new wish is carried out.
        drop(LaserGuard::emit(&mut laser, &clock, on_wait).unwrap());
    }

    #[test]
    fn a_laser_whose_marker_cannot_be_written_stays_dark() {
        let dir = tempfile::tempdir().unwrap();
        let clock: Arc<dyn Clock> = Arc::new(VirtualClock::default());
        let bench = Bench::new(1, Gap::NONE, Sample { name: "empty".to_owned(), parts: Vec::new() });
        let link =
            MemoryLink::new("laser", Obis::new(bench.clone(), 1, Log::default(), Faults::none()), Arc::clone(&clock));
        let setup = LaserSetup::usual(LaserKind::Obis);
        let laser = setup.open(Box::new(link), Arc::clone(&clock)).unwrap();
        let folder = dir.path().join("gone");
        let mut laser =
            WatchedLaser::new(laser, Marker::new("laser", setup, "1"), &folder, Arc::clone(&clock), || Duration::ZERO);
        let error = LaserGuard::emit(&mut laser, &clock, &mut || ControlFlow::Continue(())).map(drop).unwrap_err();
        assert!(matches!(error, AnalyzerError::NoMarker { .. }), "{error}");
        assert!(!bench.laser_shines());
    }
}
