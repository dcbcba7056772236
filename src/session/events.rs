//! The way from the workers to whoever holds the session. A worker is never held up here: not by a window that sleeps,
//! not by a full channel; the laser may be on while it reports.

use std::collections::VecDeque;
use std::mem::discriminant;
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use super::Event;

/// Waiting events from which on the session takes no further commands until some are read.
const CROWDED: usize = 256;

/// Events that wait to be read, and what wakes the reader.
pub(super) struct Events {
    waiting: Mutex<VecDeque<Event>>,
    arrived: Condvar,
    waker: Box<dyn Fn() + Send + Sync>,
}

impl Events {
    pub(super) fn new(waker: Box<dyn Fn() + Send + Sync>) -> Self {
        Self { waiting: Mutex::default(), arrived: Condvar::new(), waker }
    }

    /// Adds an event and wakes the reader. Of states (connection, laser, progress) only the newest waits, so that the
    /// queue stays as short as the number of commands whose outcome was not read yet.
    pub(super) fn push(&self, event: Event) {
        {
            let mut waiting = self.lock();
            if is_state(&event) {
                waiting.retain(|old| discriminant(old) != discriminant(&event));
            }
            waiting.push_back(event);
        }
        self.arrived.notify_all();
        (self.waker)();
    }

    /// The oldest event, if one waits.
    pub(super) fn try_next(&self) -> Option<Event> {
        self.lock().pop_front()
    }

    /// The oldest event, waiting for one up to `timeout`.
    pub(super) fn next(&self, timeout: Duration) -> Option<Event> {
        let end = Instant::now() + timeout;
        let mut waiting = self.lock();
        loop {
            if let Some(event) = waiting.pop_front() {
                return Some(event);
            }
            let left = end.checked_duration_since(Instant::now())?;
            waiting = self.arrived.wait_timeout(waiting, left).unwrap_or_else(PoisonError::into_inner).0;
        }
    }

    /// True when nobody seems to read.
    pub(super) fn crowded(&self) -> bool {
        self.lock().len() >= CROWDED
    }

    fn lock(&self) -> MutexGuard<'_, VecDeque<Event>> {
        // A push either happened or did not; a panic elsewhere cannot leave the queue half changed.
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Events of which only the newest counts.
fn is_state(event: &Event) -> bool {
    matches!(
        event,
        Event::Connection(_)
            | Event::Laser(_)
            | Event::Progress { .. }
            | Event::Preview(_)
            | Event::Kits(_)
            | Event::Place(_)
            | Event::StillNotSaved { .. }
            | Event::RecordProgress(_)
            | Event::LibraryProgress(_)
    )
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::sync::atomic::{AtomicUsize, Ordering};

    use super::*;
    use crate::analyzer::LaserState;
    use crate::session::Stage;

    #[test]
    fn a_thousand_unread_states_wait_as_one_and_no_outcome_is_lost() {
        let woken = Arc::new(AtomicUsize::new(0));
        let counter = Arc::clone(&woken);
        let events = Events::new(Box::new(move || {
            counter.fetch_add(1, Ordering::SeqCst);
        }));
        for i in 0..1000_u16 {
            events.push(Event::Progress { stage: Stage::Light, fraction: f32::from(i), remaining_ms: 0 });
            events.push(Event::Laser(if i % 2 == 0 { LaserState::On } else { LaserState::Off }));
            if i % 100 == 0 {
                events.push(Event::Failed(i.to_string()));
            }
        }
        let mut seen = Vec::new();
        while let Some(event) = events.try_next() {
            seen.push(event);
        }
        let failed: Vec<_> = seen.iter().filter(|e| matches!(e, Event::Failed(_))).collect();
        assert_eq!(failed.len(), 10);
        assert_eq!(seen.len(), 12);
        assert!(matches!(seen[10], Event::Progress { fraction: 999.0, .. }), "{seen:?}");
        assert!(matches!(seen[11], Event::Laser(LaserState::Off)), "{seen:?}");
        assert_eq!(woken.load(Ordering::SeqCst), 2010);
    }

    #[test]
    fn waiting_for_an_event_ends_when_the_time_is_over() {
        let events = Events::new(Box::new(|| {}));
        let start = Instant::now();
        assert!(events.next(Duration::from_millis(30)).is_none());
        assert!(start.elapsed() >= Duration::from_millis(30));
    }
}
