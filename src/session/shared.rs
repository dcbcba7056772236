//! What the threads of a session share, and what holds when one of them panics.

use std::any::Any;
use std::collections::BTreeMap;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use jiff::Timestamp;

use crate::analyzer::gps::{AGE_MAX, GpsFix, GpsTime, NoFix, Place};
use crate::analyzer::{Interrupt, SystemClock, WireLog};
use crate::casebook::{ClockAgainstGps, ClockKeeping, LastBlank, ScanRecord, TimeSource};
use crate::library::Library;

use super::events::Events;
use super::operators::Operators;
use super::{Event, Stage, system_clock_synchronised};

/// Shared by all threads of a session.
pub(super) struct Shared {
    pub(super) events: Events,
    pub(super) operators: Operators,
    /// What passed over the wires of the kit, whichever connection it was.
    pub(super) wire_log: WireLog,
    /// Set by the user: the running scan must end.
    pub(super) cancel: AtomicBool,
    /// Set by the user: a verification or a count of records must end.
    pub(super) stop_records: AtomicBool,
    /// Set by the user: long work on a library must end.
    pub(super) stop_library: AtomicBool,
    /// True from the acceptance of a scan to the event that ends it.
    scanning: AtomicBool,
    /// The session is being dropped.
    closing: AtomicBool,
    unsaved_full: AtomicBool,
    /// The acquisition that the engine works on, or is about to; 0 when none can be cancelled there any more.
    identifying: AtomicU64,
    /// Number of the last acquisition that was handed to the engine.
    last_ticket: AtomicU64,
    /// The library that answers, once it is loaded.
    library: Mutex<Option<Arc<Library>>>,
    /// What the GPS receiver said last, and when.
    place: Mutex<Option<(Place, Instant)>>,
    /// What time the GPS receiver stated last, and when that was handed over.
    gps_time: Mutex<Option<(GpsTime, Instant)>>,
    /// What was said last of the clock against GPS time.
    clock_said: Mutex<Option<String>>,
    /// Who keeps the clock right, as stated.
    clock_keeping: Mutex<ClockKeeping>,
    /// Blanks that wait to be saved, by the serial number of the spectrometer.
    unsaved_blanks: Mutex<BTreeMap<String, LastBlank>>,
}

impl Shared {
    pub(super) fn new(events: Events, operators: Operators) -> Self {
        Self {
            events,
            operators,
            wire_log: WireLog::new(Arc::new(SystemClock::start())),
            cancel: AtomicBool::new(false),
            stop_records: AtomicBool::new(false),
            stop_library: AtomicBool::new(false),
            scanning: AtomicBool::new(false),
            closing: AtomicBool::new(false),
            unsaved_full: AtomicBool::new(false),
            identifying: AtomicU64::new(0),
            last_ticket: AtomicU64::new(0),
            library: Mutex::new(None),
            place: Mutex::new(None),
            gps_time: Mutex::new(None),
            clock_said: Mutex::new(None),
            clock_keeping: Mutex::new(ClockKeeping::System),
            unsaved_blanks: Mutex::new(BTreeMap::new()),
        }
    }

    /// The library that answers from now on.
    pub(super) fn set_library(&self, library: &Arc<Library>) {
        *self.library.lock().unwrap_or_else(PoisonError::into_inner) = Some(Arc::clone(library));
    }

    /// The library that answers, once it is loaded.
    pub(super) fn library(&self) -> Option<Arc<Library>> {
        self.library.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// States who keeps the clock of the machine right.
    pub(super) fn set_clock_keeping(&self, keeping: ClockKeeping) {
        *self.clock_keeping.lock().unwrap_or_else(PoisonError::into_inner) = keeping;
    }

    /// Who keeps the clock, as stated.
    pub(super) fn clock_keeping(&self) -> ClockKeeping {
        *self.clock_keeping.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// What is known of the clock now.
    pub(super) fn time_source(&self) -> TimeSource {
        TimeSource {
            kept_by: self.clock_keeping(),
            synchronised: system_clock_synchronised(),
            gps: self.clock_against_gps(),
        }
    }

    /// The machine's clock against the time of the GPS receiver now, where one was heard lately.
    fn clock_against_gps(&self) -> Option<ClockAgainstGps> {
        let (time, at) = (*self.gps_time.lock().unwrap_or_else(PoisonError::into_inner))?;
        ClockAgainstGps::of(&GpsTime { age: time.age + at.elapsed(), ..time }, Timestamp::now())
    }

    /// Keeps the time that the GPS receiver states, and says so when the clock begins or ends to be far from it.
    pub(super) fn set_gps_time(&self, time: Option<GpsTime>, at: Instant) {
        *self.gps_time.lock().unwrap_or_else(PoisonError::into_inner) = time.map(|time| (time, at));
        let warning = self.clock_against_gps().and_then(ClockAgainstGps::warning);
        let mut said = self.clock_said.lock().unwrap_or_else(PoisonError::into_inner);
        if *said != warning {
            said.clone_from(&warning);
            drop(said);
            self.events.push(Event::ClockWarning(warning));
        }
    }

    /// A blank was judged and waits to be saved.
    pub(super) fn remember_blank(&self, serial: &str, blank: LastBlank) {
        self.unsaved_blanks.lock().unwrap_or_else(PoisonError::into_inner).insert(serial.to_owned(), blank);
    }

    /// The blank of this spectrometer that waits to be saved.
    pub(super) fn unsaved_blank(&self, serial: &str) -> Option<LastBlank> {
        self.unsaved_blanks.lock().unwrap_or_else(PoisonError::into_inner).get(serial).cloned()
    }

    /// A record was saved: where it is the blank that waited, the casebook has it now.
    pub(super) fn saved(&self, record: &ScanRecord) {
        let mut blanks = self.unsaved_blanks.lock().unwrap_or_else(PoisonError::into_inner);
        let serial = &record.acquisition.spectrometer.serial;
        if blanks.get(serial).is_some_and(|blank| blank.taken_at == record.taken_at) {
            blanks.remove(serial);
        }
    }

    /// Keeps what the GPS receiver says. True when it is another place, or another reason for having none.
    pub(super) fn set_place(&self, place: Place, at: Instant) -> bool {
        let mut kept = self.place.lock().unwrap_or_else(PoisonError::into_inner);
        let ageless = |place: &Place| match place {
            Place::Fix(fix) => Place::Fix(GpsFix { age_ms: 0, ..fix.clone() }),
            none @ Place::NoFix { .. } => none.clone(),
        };
        let other = kept.as_ref().is_none_or(|(old, _)| ageless(old) != ageless(&place));
        *kept = Some((place, at));
        other
    }

    /// Where the machine is now, as far as the GPS receiver says; a position ages while nothing is heard.
    pub(super) fn place(&self) -> Place {
        let kept = self.place.lock().unwrap_or_else(PoisonError::into_inner).clone();
        match kept {
            None => Place::NoFix { why: NoFix::NoReceiver },
            Some((Place::Fix(fix), at)) => {
                let since = u64::try_from(at.elapsed().as_millis()).unwrap_or(u64::MAX);
                let age_ms = fix.age_ms.saturating_add(since);
                if Duration::from_millis(age_ms) <= AGE_MAX {
                    Place::Fix(GpsFix { age_ms, ..fix })
                } else {
                    Place::NoFix { why: NoFix::Silent }
                }
            }
            Some((none, _)) => none,
        }
    }

    /// Claims the one scan that may run. False when one runs already.
    pub(super) fn begin_scan(&self) -> bool {
        let won = self.scanning.compare_exchange(false, true, Ordering::SeqCst, Ordering::SeqCst).is_ok();
        if won {
            // A cancel of an earlier scan that came too late must not end this one.
            self.cancel.store(self.closing(), Ordering::SeqCst);
        }
        won
    }

    /// Ends the running scan with its last event. Whoever reads the event may start the next one at once.
    pub(super) fn end_scan(&self, last: Event) {
        self.scanning.store(false, Ordering::SeqCst);
        self.events.push(last);
    }

    /// Gives the claim back without an event, for a scan that never reached a worker.
    pub(super) fn abandon_scan(&self) {
        self.scanning.store(false, Ordering::SeqCst);
    }

    /// Ends the running scan: the kit's thread sees the flag; a search, which cannot be interrupted, is left to its end
    /// and its answer thrown away.
    pub(super) fn cancel(&self) {
        self.cancel.store(true, Ordering::SeqCst);
        if self.identifying.swap(0, Ordering::SeqCst) != 0 {
            self.end_scan(Event::Cancelled);
        }
    }

    /// An acquisition goes to the engine; the ticket tells later whether the answer is still wanted.
    pub(super) fn begin_identifying(&self) -> u64 {
        let ticket = self.last_ticket.fetch_add(1, Ordering::SeqCst) + 1;
        self.identifying.store(ticket, Ordering::SeqCst);
        ticket
    }

    /// True while the answer to this ticket is wanted.
    pub(super) fn is_identifying(&self, ticket: u64) -> bool {
        self.identifying.load(Ordering::SeqCst) == ticket
    }

    /// Claims the end of a scan for whoever holds its ticket. False when a cancel was first and has ended it.
    pub(super) fn end_identifying(&self, ticket: u64) -> bool {
        self.identifying.compare_exchange(ticket, 0, Ordering::SeqCst, Ordering::SeqCst).is_ok()
    }

    pub(super) fn cancelled(&self) -> bool {
        self.cancel.load(Ordering::SeqCst)
    }

    /// What ends a conversation with devices that is no acquisition: the cancel of whatever the user waits for, or the end
    /// of the session. A cancel that came when nothing was waited for ends nothing.
    pub(super) fn interrupt(self: &Arc<Self>) -> Interrupt {
        let shared = Arc::clone(self);
        Interrupt::new(move || shared.closing() || (shared.scanning.load(Ordering::SeqCst) && shared.cancelled()))
    }

    pub(super) fn close(&self) {
        self.closing.store(true, Ordering::SeqCst);
        self.stop_records.store(true, Ordering::SeqCst);
        self.cancel();
    }

    pub(super) fn closing(&self) -> bool {
        self.closing.load(Ordering::SeqCst)
    }

    pub(super) fn progress(&self, stage: Stage, fraction: f32, remaining: Duration) {
        let remaining_ms = u64::try_from(remaining.as_millis()).unwrap_or(u64::MAX);
        self.events.push(Event::Progress { stage, fraction: fraction.clamp(0.0, 1.0), remaining_ms });
    }

    /// Tells whether so many scans wait for the casebook that no further one may be made.
    pub(super) fn set_unsaved_full(&self, full: bool) {
        self.unsaved_full.store(full, Ordering::SeqCst);
    }

    pub(super) fn unsaved_full(&self) -> bool {
        self.unsaved_full.load(Ordering::SeqCst)
    }

    /// Reports from a thread that has just caught a panic. What panicked may be the waker itself: an event is in the
    /// queue before the waker is called, so it arrives all the same.
    pub(super) fn report_after_panic(&self, events: impl IntoIterator<Item = Event>) {
        for event in events {
            if catch_unwind(AssertUnwindSafe(|| self.events.push(event))).is_err() {
                tracing::error!("the waker panicked while a panic was reported");
            }
        }
    }
}

/// Runs one turn of a worker. A panic ends the turn and not the thread: it comes back as its words, and the worker puts
/// itself in order and reports.
pub(super) fn caught<T>(turn: impl FnOnce() -> T) -> Result<T, String> {
    catch_unwind(AssertUnwindSafe(turn)).map_err(|panic| {
        let words = panic_words(panic.as_ref()).to_owned();
        tracing::error!(words, "a worker panicked and goes on");
        words
    })
}

/// The message of a panic, where it has one.
fn panic_words(panic: &(dyn Any + Send)) -> &str {
    match (panic.downcast_ref::<&str>(), panic.downcast_ref::<String>()) {
        (Some(words), _) => words,
        (None, Some(words)) => words,
        (None, None) => "without a message",
    }
}
