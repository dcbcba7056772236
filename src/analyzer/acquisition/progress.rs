//! How far an acquisition is and how long it will take, from the planned durations of its stages.

use std::ops::ControlFlow;
use std::sync::Arc;
use std::time::Duration;

use super::LaserState;
use crate::analyzer::Clock;

/// Shortest time between two reports of the same stage.
const REPORT_EVERY: Duration = Duration::from_millis(100);

/// The stages of an acquisition, in order.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum AcquireStage {
    /// The laser is confirmed off; settings are sent and read back.
    Preparing,
    /// Laser off, until a cooled detector is at its temperature; left out where it is.
    Cooling,
    /// Laser off, dark readout.
    Dark,
    /// Laser on, light readouts.
    Light,
}

/// How far an acquisition is.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct AcquireProgress {
    /// Stage.
    pub stage: AcquireStage,
    /// Share of the acquisition that is done, 0..=1; never falls.
    pub fraction: f32,
    /// Computed time left.
    pub remaining: Duration,
}

/// Planned durations of the stages.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::analyzer) struct Plan {
    pub preparing: Duration,
    pub dark: Duration,
    pub light: Duration,
}

impl Plan {
    pub fn total(&self) -> Duration {
        self.preparing + self.dark + self.light
    }

    fn before(&self, stage: AcquireStage) -> Duration {
        match stage {
            AcquireStage::Preparing => Duration::ZERO,
            AcquireStage::Cooling | AcquireStage::Dark => self.preparing,
            AcquireStage::Light => self.preparing + self.dark,
        }
    }

    fn of(&self, stage: AcquireStage) -> Duration {
        match stage {
            AcquireStage::Preparing => self.preparing,
            // Not planned: it is known when the detector is asked.
            AcquireStage::Cooling => Duration::ZERO,
            AcquireStage::Dark => self.dark,
            AcquireStage::Light => self.light,
        }
    }
}

/// Listens to the user and reports progress while drivers wait.
pub(in crate::analyzer) struct Ticker<'a> {
    clock: Arc<dyn Clock>,
    cancelled: &'a dyn Fn() -> bool,
    report: &'a mut dyn FnMut(AcquireProgress),
    laser: &'a mut dyn FnMut(LaserState),
    laser_state: Option<LaserState>,
    plan: Plan,
    stage: AcquireStage,
    stage_start: Duration,
    reported: Duration,
    /// Share that was done and time that was left when the plan was made.
    planned_at: (f32, Duration),
    /// Time that the present stage will take beyond the plan.
    beyond: Duration,
}

impl<'a> Ticker<'a> {
    pub fn new(
        clock: Arc<dyn Clock>,
        cancelled: &'a dyn Fn() -> bool,
        report: &'a mut dyn FnMut(AcquireProgress),
        laser: &'a mut dyn FnMut(LaserState),
        plan: Plan,
    ) -> Self {
        let now = clock.now();
        let mut ticker = Self {
            clock,
            cancelled,
            report,
            laser,
            laser_state: None,
            plan,
            stage: AcquireStage::Preparing,
            stage_start: now,
            reported: now,
            planned_at: (0.0, plan.total()),
            beyond: Duration::ZERO,
        };
        ticker.say(now);
        ticker
    }

    /// Puts another plan in the place of the first: the exposure was chosen. The present stage is over.
    pub fn plan_again(&mut self, plan: Plan) {
        let (fraction, _) = self.state(self.clock.now());
        self.plan = plan;
        self.planned_at = (fraction, plan.dark + plan.light);
    }

    /// Begins the next stage.
    pub fn enter(&mut self, stage: AcquireStage) {
        self.enter_for(stage, Duration::ZERO);
    }

    /// Begins a stage that takes so much longer than it was planned: the first time left that a user sees is the right one.
    pub fn enter_for(&mut self, stage: AcquireStage, beyond: Duration) {
        let now = self.clock.now();
        self.stage = stage;
        self.stage_start = now;
        self.beyond = beyond;
        self.say(now);
    }

    /// The present stage will take so much longer than it was planned.
    pub fn takes_longer(&mut self, beyond: Duration) {
        self.beyond = beyond;
    }

    /// To be called while waiting; `Break` when the user has cancelled.
    pub fn tick(&mut self) -> ControlFlow<()> {
        if (self.cancelled)() {
            return ControlFlow::Break(());
        }
        let now = self.clock.now();
        if now >= self.reported + REPORT_EVERY {
            self.say(now);
        }
        ControlFlow::Continue(())
    }

    /// The laser's state as read back; reported when it is another one.
    pub fn laser(&mut self, state: LaserState) {
        if self.laser_state.replace(state) != Some(state) {
            (self.laser)(state);
        }
    }

    /// Share that is done and time that is left.
    fn state(&self, now: Duration) -> (f32, Duration) {
        let in_stage = now.saturating_sub(self.stage_start).min(self.plan.of(self.stage));
        let left = self.plan.total().saturating_sub(self.plan.before(self.stage) + in_stage);
        let (done_then, left_then) = self.planned_at;
        let since = if left_then.is_zero() { 1.0 } else { 1.0 - left.as_secs_f32() / left_then.as_secs_f32() };
        ((done_then + (1.0 - done_then) * since.clamp(0.0, 1.0)).clamp(done_then, 1.0), left + self.beyond)
    }

    fn say(&mut self, now: Duration) {
        self.reported = now;
        let (fraction, remaining) = self.state(now);
        (self.report)(AcquireProgress { stage: self.stage, fraction, remaining });
    }
}
