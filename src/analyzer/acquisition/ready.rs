//! What must be so before a measurement, with the laser off: its power set, and a cooled detector at its temperature. Dark
//! current doubles every few degrees, so that a dark and a light exposure of different temperatures do not belong together.

use std::time::Duration;

use super::{AcquireStage, Ticker};
use crate::analyzer::laser::LaserPower;
use crate::analyzer::spectrometer::SLICE;
use crate::analyzer::{AnalyzerError, Kit};

/// Longest wait for a detector to come to its temperature after the analyzer was switched on (an assumption; the papers
/// of such detectors speak of one to two minutes).
const SETTLE_MAX: Duration = Duration::from_mins(2);
/// Difference at which detectors are about to be called stable, deg C (the devices do not say theirs).
const STABLE_WITHIN_C: f64 = 0.5;
/// Pause between two questions.
const ASK_EVERY: Duration = Duration::from_millis(500);

/// Time until a detector is at its temperature that was `first_c` away from it and is now, `waited` later, `now_c` away: such
/// a difference falls exponentially.
fn left(first_c: f64, now_c: f64, waited: Duration) -> Duration {
    let rate = (first_c / now_c).ln() / waited.as_secs_f64();
    let seconds = (now_c / STABLE_WITHIN_C).ln().max(0.0) / rate;
    // One that warms up, or does not change at all, has no such time.
    if rate > 0.0 { Duration::try_from_secs_f64(seconds).unwrap_or(SETTLE_MAX) } else { SETTLE_MAX }
}

impl Kit {
    /// Sets the power of the laser where the kit has one, with the laser off before and after.
    pub(super) fn adjust_power(&mut self, ticker: &mut Ticker<'_>) -> Result<Option<LaserPower>, AnalyzerError> {
        let power = self.apply_laser_power(&mut || ticker.tick());
        let power = power.map_err(|error| self.off_after(error, ticker))?;
        if power.is_some() {
            self.confirm_off(ticker)?;
        }
        Ok(power)
    }

    /// Waits until the detector holds its temperature, with the laser off. One that never does ends the scan with a
    /// sentence; a detector without a cooler is not waited for.
    pub(super) fn await_cooler(&mut self, ticker: &mut Ticker<'_>) -> Result<(), AnalyzerError> {
        let began = self.clock.now();
        let mut first = None;
        while let Some(cooler) = self.spectrometer.cooler(&mut || ticker.tick())? {
            let asked = self.clock.now();
            let waited = asked.saturating_sub(began);
            if cooler.stable {
                return Ok(());
            }
            if waited >= SETTLE_MAX {
                return Err(AnalyzerError::CoolerUnsettled {
                    port: self.spectrometer().port.clone(),
                    detector_c: cooler.detector_c,
                    setpoint_c: cooler.setpoint_c,
                    waited_s: waited.as_secs(),
                });
            }
            let off_c = f64::from((cooler.detector_c - cooler.setpoint_c).abs());
            match first {
                None => {
                    first = Some(off_c);
                    ticker.enter_for(AcquireStage::Cooling, SETTLE_MAX);
                }
                Some(first_c) => {
                    ticker.takes_longer(left(first_c, off_c, waited).min(SETTLE_MAX.saturating_sub(waited)));
                }
            }
            while self.clock.now().saturating_sub(asked) < ASK_EVERY {
                if ticker.tick().is_break() {
                    return Err(AnalyzerError::Cancelled);
                }
                self.clock.sleep(SLICE);
            }
        }
        Ok(())
    }
}
