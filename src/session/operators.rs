//! Who is signed in, and whether anybody must be.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use crate::casebook::{Act, Actor};

/// How long a scan waits for the casebook to say whether accounts are enrolled.
const PATIENCE: Duration = Duration::from_secs(5);
/// How often a wait looks whether it was cancelled.
const LOOK_EVERY: Duration = Duration::from_millis(20);

/// Why a real device is not scanned.
const NOT_ENROLLED: &str = "No account is enrolled, so only an emulated kit may be scanned: this kit has a real device. Nothing was measured and the laser stayed off; enrol an administrator ('parcelscope account enrol NAME --role administrator'), who enrols an officer, and sign in.";
/// Why nobody may scan who is not signed in.
const NOT_SIGNED_IN: &str = "Accounts are enrolled, so this needs somebody who has signed in. Nothing was measured and the laser stayed off; sign in (on the command line with --user NAME) and try again.";
/// Why a role does not use the kit.
const NOT_PERMITTED: &str = "The role of this account may not do this with a kit (docs/casebook.md has the table). Nothing was done and the laser stayed off; somebody whose role may must sign in.";
/// Why nothing is scanned before the casebook has answered.
const NOT_KNOWN: &str = "The casebook has not said yet whether accounts are enrolled. Nothing was measured and the laser stayed off; scan again in a moment.";

/// Why nobody is shown records who is not signed in.
const RECORDS_CLOSED: &str =
    "Accounts are enrolled, so records are shown to somebody who has signed in; sign in and ask again.";
/// Why a role is not shown records.
const NOT_FOR_RECORDS: &str = "The role of this account may not do this with records (docs/casebook.md has the table); somebody else must sign in.";
/// Why nothing is shown before the casebook has answered.
const NOT_KNOWN_RECORDS: &str = "The casebook has not said yet whether accounts are enrolled; ask again in a moment.";

/// Whether accounts are enrolled.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Enrolment {
    /// The casebook was not opened yet.
    Unknown,
    /// None, or the casebook cannot be opened.
    Nobody,
    /// Some.
    Somebody,
}

/// Shared by the session's threads.
pub(super) struct Operators {
    state: Mutex<State>,
    changed: Condvar,
    started: Instant,
    /// Milliseconds since `started` at which the user last did something.
    active_ms: AtomicU64,
    idle_lock: Option<Duration>,
}

struct State {
    enrolment: Enrolment,
    actor: Option<Actor>,
}

impl Operators {
    pub(super) fn new(actor: Option<Actor>, idle_lock: Option<Duration>) -> Self {
        Self {
            state: Mutex::new(State { enrolment: Enrolment::Unknown, actor }),
            changed: Condvar::new(),
            started: Instant::now(),
            active_ms: AtomicU64::new(0),
            idle_lock,
        }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Who is signed in.
    pub(super) fn current(&self) -> Option<Actor> {
        self.state().actor.clone()
    }

    /// Somebody signed in or out.
    pub(super) fn set(&self, actor: Option<Actor>) {
        self.active();
        self.state().actor = actor;
    }

    /// The casebook says whether accounts are enrolled.
    pub(super) fn set_enrolment(&self, enrolment: Enrolment) {
        self.state().enrolment = enrolment;
        self.changed.notify_all();
    }

    /// The user did something.
    pub(super) fn active(&self) {
        let now = u64::try_from(self.started.elapsed().as_millis()).unwrap_or(u64::MAX);
        self.active_ms.store(now, Ordering::SeqCst);
    }

    /// Signs out whoever is signed in and did nothing for too long; says who it was.
    pub(super) fn lock_idle(&self) -> Option<Actor> {
        let limit = self.idle_lock?;
        let idle = self.started.elapsed().saturating_sub(Duration::from_millis(self.active_ms.load(Ordering::SeqCst)));
        if idle < limit { None } else { self.state().actor.take() }
    }

    /// True where accounts are enrolled and nobody is signed in.
    pub(super) fn someone_must_sign_in(&self) -> bool {
        let state = self.state();
        state.enrolment == Enrolment::Somebody && state.actor.is_none()
    }

    /// Whether accounts are enrolled. It may wait for the casebook to be opened, unless it is cancelled.
    fn enrolment(&self, cancelled: impl Fn() -> bool) -> Enrolment {
        let end = Instant::now() + PATIENCE;
        let mut state = self.state();
        while state.enrolment == Enrolment::Unknown && Instant::now() < end && !cancelled() {
            state = self.changed.wait_timeout(state, LOOK_EVERY).unwrap_or_else(PoisonError::into_inner).0;
        }
        state.enrolment
    }

    /// Whether records may be shown, or something done that reads them: to everybody where no account is enrolled, else to
    /// who is signed in and may.
    pub(super) fn admit_to_records(&self, act: Act, cancelled: impl Fn() -> bool) -> Result<(), &'static str> {
        match (self.enrolment(cancelled), self.current()) {
            (Enrolment::Nobody, _) => Ok(()),
            (_, Some(actor)) if actor.role().may(act) => Ok(()),
            (_, Some(_)) => Err(NOT_FOR_RECORDS),
            (Enrolment::Somebody, None) => Err(RECORDS_CLOSED),
            (Enrolment::Unknown, None) => Err(NOT_KNOWN_RECORDS),
        }
    }

    /// Whether the kit may be used. It may wait for the casebook to be opened, unless it is cancelled.
    pub(super) fn admit(
        &self,
        actor: Option<&Actor>,
        act: Act,
        emulated: bool,
        cancelled: impl Fn() -> bool,
    ) -> Result<(), &'static str> {
        if let Some(actor) = actor {
            return if actor.role().may(act) { Ok(()) } else { Err(NOT_PERMITTED) };
        }
        match self.enrolment(cancelled) {
            Enrolment::Nobody if emulated => Ok(()),
            Enrolment::Nobody => Err(NOT_ENROLLED),
            Enrolment::Somebody => Err(NOT_SIGNED_IN),
            Enrolment::Unknown => Err(NOT_KNOWN),
        }
    }
}
