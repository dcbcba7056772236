//! How long the parts of an acquisition take on this kit, as measured; before that, as the drivers compute them.

use std::time::Duration;

/// Measured durations; the newest counts half.
#[derive(Clone, Copy, Debug, Default)]
pub(in crate::analyzer) struct Timings {
    /// A readout beyond its integration: command, wait, transfer.
    overhead: Option<Duration>,
    /// Settings sent and read back.
    prepare: Option<Duration>,
    /// From the command to stable emission.
    warm_up: Option<Duration>,
}

/// Time from the command to stable emission that is planned before it was ever measured on this kit.
const WARM_UP_UNMEASURED: Duration = Duration::from_millis(700);

impl Timings {
    fn note(slot: &mut Option<Duration>, measured: Duration) {
        *slot = Some(slot.map_or(measured, |old| (old + measured) / 2));
    }

    pub fn readout(&mut self, took: Duration, integration: Duration) {
        Self::note(&mut self.overhead, took.saturating_sub(integration));
    }

    pub fn prepared(&mut self, took: Duration) {
        Self::note(&mut self.prepare, took);
    }

    pub fn warmed_up(&mut self, took: Duration) {
        self.warm_up = Some(took);
    }

    pub fn overhead_or(&self, computed: Duration) -> Duration {
        self.overhead.unwrap_or(computed)
    }

    pub fn prepare_or(&self, computed: Duration) -> Duration {
        self.prepare.unwrap_or(computed)
    }

    pub fn warm_up(&self) -> Duration {
        self.warm_up.unwrap_or(WARM_UP_UNMEASURED)
    }
}
