//! The laser of a unit, commanded through the port that it shares with the spectrometer.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use super::exchange::{Exchange, Trouble, WriteEnd};
use super::{LaserCalibration, kinds};
use crate::analyzer::laser::{EmissionPermit, Laser, LaserPower};
use crate::analyzer::spectrometer::OnWait;
use crate::analyzer::{AnalyzerError, DeviceIdentity, LaserState, TransportError};

/// How often *off* is commanded before the state is given up as unknown, and the time within which a repeat is begun.
const OFF_ATTEMPTS: usize = 3;
const OFF_WITHIN: Duration = Duration::from_millis(100);
/// Longest warm-up that is waited for; longer ones are for power that is stable to a percent.
const WARM_UP_MAX: Duration = Duration::from_secs(10);

/// The port that spectrometer and laser share.
pub(super) type Port = Arc<Mutex<Exchange>>;

/// Takes the port. A panic elsewhere leaves nothing half done in it that the next fence does not put right.
pub(super) fn lock(port: &Port) -> MutexGuard<'_, Exchange> {
    port.lock().unwrap_or_else(PoisonError::into_inner)
}

/// The laser of a unit. It is commanded off when the unit is opened and when this is dropped.
pub struct WasatchLaser {
    port: Port,
    identity: DeviceIdentity,
    calibration: LaserCalibration,
    /// When emission was commanded.
    enabled_at: Option<Duration>,
}

impl WasatchLaser {
    /// The laser behind `port`, not yet known to be off.
    pub(super) const fn new(port: Port, identity: DeviceIdentity) -> Self {
        Self { port, identity, calibration: LaserCalibration::UNKNOWN, enabled_at: None }
    }

    /// Takes over what is known of the laser.
    pub(super) fn configure(&mut self, identity: DeviceIdentity, calibration: Option<LaserCalibration>) {
        self.identity = identity;
        self.calibration = calibration.unwrap_or_default();
    }

    /// Ends modulation, which would make it emit at less than full power.
    pub(super) fn end_modulation(&mut self, on_wait: &mut OnWait<'_>) -> Result<(), AnalyzerError> {
        const WHAT: &str = "the modulation of the laser";
        let mut port = lock(&self.port);
        match port.write(kinds::LASER_MODULATION, WHAT, &[0], on_wait) {
            Ok(WriteEnd::Done | WriteEnd::Unconfirmed) => {}
            // What a unit does not have cannot be on.
            Err(AnalyzerError::Refused { .. }) => return Ok(()),
            Err(error) => return Err(error),
        }
        let data = port.query(kinds::LASER_MODULATION, WHAT, 1..=1, on_wait)?;
        match data.as_slice() {
            [0] => Ok(()),
            other => Err(AnalyzerError::NotTaken {
                port: port.port(),
                what: WHAT,
                wanted: 0,
                found: other.first().copied().unwrap_or_default().into(),
            }),
        }
    }

    fn state_of(&self, register: &Result<u8, Trouble>, now: Duration) -> LaserState {
        let warm_up = Duration::from_secs(self.calibration.warm_up_s.into()).min(WARM_UP_MAX);
        match register {
            Ok(0) => LaserState::Off,
            Ok(1) if self.enabled_at.is_some_and(|at| now < at + warm_up) => LaserState::WarmingUp,
            Ok(1) => LaserState::On,
            _ => LaserState::Unknown,
        }
    }
}

impl Laser for WasatchLaser {
    fn identity(&self) -> &DeviceIdentity {
        &self.identity
    }

    fn state(&mut self, on_wait: &mut OnWait<'_>) -> LaserState {
        let (register, now) = {
            let mut port = lock(&self.port);
            (port.laser_enabled(on_wait), port.clock().now())
        };
        self.state_of(&register, now)
    }

    fn enable(&mut self, _permit: &EmissionPermit, on_wait: &mut OnWait<'_>) -> Result<(), AnalyzerError> {
        let mut port = lock(&self.port);
        // Never repeated: the state that is read back tells whether the command arrived.
        port.write(kinds::LASER_ENABLE, "to switch the laser on", &[1], on_wait)?;
        let now = port.clock().now();
        drop(port);
        self.enabled_at = Some(now);
        Ok(())
    }

    fn disable(&mut self) -> LaserState {
        self.enabled_at = None;
        let mut port = lock(&self.port);
        let began = port.clock().now();
        let mut state = LaserState::Unknown;
        for _ in 0..OFF_ATTEMPTS {
            let register = port.laser_off();
            if let Err(Trouble::Link(TransportError::Unplugged { .. })) = register {
                return LaserState::Unknown;
            }
            let now = port.clock().now();
            state = self.state_of(&register, now);
            if state == LaserState::Off || now > began + OFF_WITHIN {
                break;
            }
        }
        state
    }

    /// The power in the calibration: modulation is off, so that it is the full one.
    fn power(&mut self, _on_wait: &mut OnWait<'_>) -> Result<LaserPower, AnalyzerError> {
        let (_, most_mw) = self.calibration.power_mw;
        let full_mw = (most_mw > 0.0).then_some(most_mw);
        Ok(LaserPower { set_mw: full_mw, measured_mw: None, rated_mw: full_mw })
    }

    fn expected_transaction(&self) -> Duration {
        lock(&self.port).expected()
    }
}

impl Drop for WasatchLaser {
    fn drop(&mut self) {
        let state = self.disable();
        if state != LaserState::Off {
            tracing::error!(?state, port = self.identity.port, "the laser does not confirm that it is off");
        }
    }
}
