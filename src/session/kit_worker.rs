//! The thread that owns the kit: it connects, asks for its state while nothing else is to do, and acquires.

use std::sync::Arc;
use std::sync::mpsc::{Receiver, RecvTimeoutError, SyncSender};
use std::time::{Duration, Instant};

use crate::analyzer::LaserState;
use crate::library::Library;

use super::identify_worker::Job;
use super::kit_link::{Ended, KitLink, LaserKeeping};
use super::shared::{Shared, caught};
use super::{Connection, Event, KitChoice, KitStatus};

/// How often an idle kit is asked for its state.
const STATUS_EVERY: Duration = Duration::from_secs(1);
/// How often a lost kit is looked for.
const RETRY_EVERY: Duration = Duration::from_secs(2);

/// Why a real device is not scanned.
const NOT_ENROLLED: &str = "No account is enrolled, so only an emulated kit may be scanned: this kit has a real device. Nothing was measured and the laser stayed off; accounts come with the next form of the casebook.";

/// What the kit's thread is asked.
pub(super) enum KitRequest {
    /// Acquire and hand over to the engine.
    Scan { parcel: String },
    /// Put something else under the emulated probe.
    SetSample(String),
    /// The library is there (the emulator takes its samples from it), or a sentence why not.
    Library(Result<Arc<Library>, String>),
    /// The session is being dropped.
    Close,
}

/// The link to the kit.
enum Link {
    /// Not there; when to look again.
    Down { retry_at: Instant },
    /// There, with its state as last reported.
    Up { kit: Box<KitLink>, status: Option<Box<KitStatus>> },
}

pub(super) struct KitWorker {
    choice: KitChoice,
    keeping: LaserKeeping,
    sample: String,
    library: Option<Result<Arc<Library>, String>>,
    link: Link,
    requests: Receiver<KitRequest>,
    jobs: SyncSender<Job>,
    shared: Arc<Shared>,
    /// True while a scan is this worker's to end.
    scanning: bool,
}

impl KitWorker {
    pub(super) fn new(
        choice: KitChoice,
        keeping: LaserKeeping,
        requests: Receiver<KitRequest>,
        jobs: SyncSender<Job>,
        shared: Arc<Shared>,
    ) -> Self {
        let sample = match &choice {
            KitChoice::Emulator { sample, .. } => sample.clone(),
            KitChoice::Ports { .. } => String::new(),
        };
        let link = Link::Down { retry_at: Instant::now() };
        Self { choice, keeping, sample, library: None, link, requests, jobs, shared, scanning: false }
    }

    /// Works until the session closes. Dropping the kit at the end commands the laser off.
    pub(super) fn run(mut self) {
        let shared = Arc::clone(&self.shared);
        // Before anything else; a kit that is emulated does not excuse a real laser that was left on.
        if !self.keeping.extinguish_left_on() {
            shared.events.push(Event::Laser(LaserState::Unknown));
        }
        if let Err(words) = caught(|| shared.events.push(Event::Connection(Connection::Connecting))) {
            self.mend(&words);
        }
        while !shared.closing() {
            match caught(|| self.turn()) {
                Ok(true) => {}
                Ok(false) => break,
                Err(words) => self.mend(&words),
            }
        }
    }

    /// After a panic: the unwinding has commanded the laser off; dropping the kit does it once more, and the next
    /// connection starts by doing it again.
    fn mend(&mut self, words: &str) {
        let old = std::mem::replace(&mut self.link, Link::Down { retry_at: Instant::now() + RETRY_EVERY });
        if let Err(words) = caught(|| drop(old)) {
            tracing::error!(words, "closing the kit panicked");
        }
        let why = format!(
            "The analyzer's part of the program failed inside ({words}). The laser was commanded off; treat it as on until the kit is connected again, and report this message."
        );
        let failed = self.scanning.then(|| {
            self.scanning = false;
            self.shared.abandon_scan();
            Event::Failed(why.clone())
        });
        let lost = Event::Connection(Connection::Lost(why));
        self.shared.report_after_panic(failed.into_iter().chain([Event::Laser(LaserState::Unknown), lost]));
    }

    /// Waits for a request, or until it is time to look at the kit. False when the session is gone.
    fn turn(&mut self) -> bool {
        let wait = match &self.link {
            Link::Up { .. } => STATUS_EVERY,
            Link::Down { .. } if !self.can_connect() => RETRY_EVERY,
            Link::Down { retry_at } => retry_at.saturating_duration_since(Instant::now()),
        };
        match self.requests.recv_timeout(wait) {
            Ok(KitRequest::Scan { parcel }) => self.scan(parcel),
            Ok(KitRequest::SetSample(sample)) => self.set_sample(sample),
            Ok(KitRequest::Library(library)) => self.library = Some(library),
            Ok(KitRequest::Close) | Err(RecvTimeoutError::Disconnected) => return false,
            Err(RecvTimeoutError::Timeout) => self.look(),
        }
        true
    }

    /// The emulator needs the library first.
    fn can_connect(&self) -> bool {
        self.library.is_some() || matches!(self.choice, KitChoice::Ports { .. })
    }

    /// Asks the kit for its state, or looks for a lost kit.
    fn look(&mut self) {
        match self.link {
            Link::Down { .. } if self.can_connect() => drop(self.connect()),
            Link::Down { .. } => {}
            Link::Up { .. } => self.refresh(),
        }
    }

    /// Connects and reports. Connecting never enables the laser.
    fn connect(&mut self) -> Result<(), String> {
        let library = match &self.library {
            Some(Ok(library)) => Some(Arc::clone(library)),
            Some(Err(why)) => return self.lost(why.clone()),
            None => None,
        };
        match KitLink::connect(&self.choice, &self.sample, library, &self.keeping, &self.shared.wire_log) {
            Ok(kit) => {
                self.link = Link::Up { kit: Box::new(kit), status: None };
                self.announce_sample();
                self.refresh();
                match self.link {
                    Link::Up { .. } => Ok(()),
                    Link::Down { .. } => Err("the kit was lost again at once".to_owned()),
                }
            }
            Err(why) => self.lost(why),
        }
    }

    /// Reads the kit's state and reports it where it changed.
    fn refresh(&mut self) {
        let Link::Up { kit, status } = &mut self.link else { return };
        match kit.status() {
            Ok(new) => {
                let new = Box::new(new);
                if status.as_ref() != Some(&new) {
                    *status = Some(new.clone());
                    self.shared.events.push(Event::Laser(new.laser_state));
                    self.shared.events.push(Event::Connection(Connection::Ready(new)));
                }
            }
            Err(why) => drop(self.lost(why)),
        }
    }

    /// Lets the kit go and says so.
    fn lost(&mut self, why: String) -> Result<(), String> {
        self.link = Link::Down { retry_at: Instant::now() + RETRY_EVERY };
        self.shared.events.push(Event::Laser(LaserState::Unknown));
        self.shared.events.push(Event::Connection(Connection::Lost(why.clone())));
        Err(why)
    }

    /// Says what lies under an emulated probe.
    fn announce_sample(&self) {
        if let KitChoice::Emulator { .. } = self.choice {
            self.shared.events.push(Event::EmulatedSample { sample: self.sample.clone() });
        }
    }

    fn set_sample(&mut self, sample: String) {
        if let KitChoice::Ports { .. } = self.choice {
            return; // nobody can change what lies under a real probe
        }
        if let Link::Up { kit, .. } = &mut self.link
            && let Err(why) = kit.set_sample(&sample)
        {
            return self.shared.events.push(Event::Failed(why));
        }
        self.sample = sample;
        self.announce_sample();
    }

    fn scan(&mut self, parcel: String) {
        self.scanning = true;
        let end = self.acquire(parcel);
        self.scanning = false;
        match end {
            Ok(()) => {}
            Err(Ended::Cancelled) => self.shared.end_scan(Event::Cancelled),
            Err(Ended::Failed(why)) => self.shared.end_scan(Event::Failed(why)),
            Err(Ended::Lost(why)) => {
                drop(self.lost(why.clone()));
                self.shared.end_scan(Event::Failed(why));
            }
        }
    }

    fn acquire(&mut self, parcel: String) -> Result<(), Ended> {
        if let Link::Down { .. } = self.link {
            if !self.can_connect() {
                return Err(Ended::Failed("The library is still being loaded; scan again in a moment.".to_owned()));
            }
            self.connect().map_err(Ended::Failed)?;
        }
        let Link::Up { kit, status } = &mut self.link else {
            return Err(Ended::Failed("No kit is connected; connect it and scan again.".to_owned()));
        };
        let emulated = status.as_ref().is_some_and(|s| s.spectrometer.simulated && s.laser.simulated);
        if !emulated {
            return Err(Ended::Failed(NOT_ENROLLED.to_owned()));
        }
        let acquisition = kit.acquire(&self.shared)?;
        let emulated_sample = match self.choice {
            KitChoice::Emulator { .. } => Some(self.sample.clone()),
            KitChoice::Ports { .. } => None,
        };
        // From here on the scan is the engine's thread's to end. The channel has room: one scan runs at a time.
        self.scanning = false;
        let ticket = self.shared.begin_identifying();
        if self.shared.cancelled() {
            // Whoever cancelled after this line has ended the scan already.
            return if self.shared.end_identifying(ticket) { Err(Ended::Cancelled) } else { Ok(()) };
        }
        match self.jobs.send(Job { ticket, parcel, emulated_sample, acquisition }) {
            Err(_) if self.shared.end_identifying(ticket) => {
                Err(Ended::Failed("The engine's thread has ended; start the program again.".to_owned()))
            }
            Ok(()) | Err(_) => Ok(()),
        }
    }
}
