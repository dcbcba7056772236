//! The bench: what spectrometer and laser of one emulated kit share. Light reaches the detector only while the laser shines.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use super::Sample;
use super::optics::{Gap, Unit};

/// One emulated kit's optics. Clones are the same bench.
#[derive(Clone, Debug)]
pub struct Bench {
    state: Arc<Mutex<State>>,
}

#[derive(Debug)]
struct State {
    unit: Unit,
    sample: Sample,
    gap: Gap,
    seed: u64,
    readouts: u64,
    /// When the laser was switched on and off; the last entry is open while it shines.
    shining: Vec<(Duration, Option<Duration>)>,
}

impl Bench {
    /// A bench with the unit that `seed` draws and `sample` under the probe.
    pub fn new(seed: u64, gap: Gap, sample: Sample) -> Self {
        let state = State { unit: Unit::draw(seed), sample, gap, seed, readouts: 0, shining: Vec::new() };
        Self { state: Arc::new(Mutex::new(state)) }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        // Nothing in here can be left half done, so a panic elsewhere does not spoil it.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Puts something else under the probe.
    pub fn set_sample(&self, sample: Sample) {
        self.state().sample = sample;
    }

    /// The laser starts to shine.
    pub fn laser_on(&self, now: Duration) {
        let mut state = self.state();
        if state.shining.last().is_none_or(|last| last.1.is_some()) {
            // A readout looks back at most a few minutes; older intervals are of no use.
            if state.shining.len() > 64 {
                state.shining.drain(..32);
            }
            state.shining.push((now, None));
        }
    }

    /// The laser stops shining.
    pub fn laser_off(&self, now: Duration) {
        if let Some(last) = self.state().shining.last_mut()
            && last.1.is_none()
        {
            last.1 = Some(now);
        }
    }

    /// True while the laser shines.
    pub fn laser_shines(&self) -> bool {
        self.state().shining.last().is_some_and(|last| last.1.is_none())
    }

    /// Counts of a readout from `start` to `end` that averaged `scans` integrations.
    pub fn read_out(&self, start: Duration, end: Duration, scans: u16) -> Vec<u32> {
        let mut state = self.state();
        state.readouts += 1;
        let lit: Duration =
            state.shining.iter().map(|(on, off)| off.unwrap_or(end).min(end).saturating_sub((*on).max(start))).sum();
        let all = end.saturating_sub(start).as_secs_f64();
        let seconds = all / f64::from(scans.max(1));
        let share = if all > 0.0 { (lit.as_secs_f64() / all).min(1.0) } else { 0.0 };
        // The same sample on the same bench shines the same; only the noise changes from readout to readout.
        let name_seed =
            state.sample.name.bytes().fold(state.seed, |s, b| s.wrapping_mul(0x100_0000_01b3) ^ u64::from(b));
        let light = state.unit.light_e_per_s(&state.sample, state.gap, name_seed);
        let noise_seed = state.seed.wrapping_mul(0x9E37_79B9_7F4A_7C15) ^ state.readouts;
        state.unit.read_out(&light, seconds, seconds * share, scans, noise_seed)
    }
}
