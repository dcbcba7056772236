//! The thread that owns the engine.

use std::cell::{Cell, RefCell};
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::mpsc::{Receiver, SyncSender};
use std::time::Duration;

use jiff::Timestamp;

use crate::analyzer::Acquisition;
use crate::casebook::{Actor, Casebook, LastBlank, ScanRecord, Standing, StoredScan, Subject};
use crate::library::LibraryIdentity;

use super::casebook_worker::CasebookRequest;
use super::config::Identifier;
use super::judged::judged;
use super::kit_worker::KitRequest;
use super::library_in_use::in_use_mark;
use super::set_aside::set_aside;
use super::shared::{Shared, caught};
use super::{EngineLoader, Event, Stage, UNENROLLED, casebook_path};

/// A finished acquisition that wants an answer.
pub(super) struct Job {
    /// From [`Shared::begin_identifying`].
    pub(super) ticket: u64,
    pub(super) parcel: String,
    pub(super) subject: Subject,
    /// Who began the scan; who is signed in may have changed since.
    pub(super) operator: Option<Actor>,
    pub(super) emulated_sample: Option<String>,
    pub(super) acquisition: Acquisition,
}

/// What the engine's thread is asked.
pub(super) enum EngineRequest {
    /// Answer and record.
    Answer(Box<Job>),
    /// Another pack may be in use.
    LookAgain,
}

pub(super) struct IdentifyWorker {
    pub(super) requests: Receiver<EngineRequest>,
    pub(super) casebook: SyncSender<CasebookRequest>,
    pub(super) shared: Arc<Shared>,
    pub(super) data_dir: PathBuf,
    /// Opened for the first scan, to look its last blank up; the casebook's thread writes.
    pub(super) reader: RefCell<Option<Casebook>>,
}

impl IdentifyWorker {
    /// Makes the engine, hands the library to the kit's thread, then works until nobody can ask any more. What is in use is
    /// looked at before every answer, so that a pack which this program or another one installed answers from the next scan
    /// on, and one whose key was taken back answers no more.
    pub(super) fn run(self, mut loader: EngineLoader, kit: &SyncSender<KitRequest>) {
        let mut mark = in_use_mark(&self.data_dir);
        let (mut answers, mut engine) = self.load(&mut loader, kit);
        if let Err(why) = &engine {
            // The kit's thread may be gone already; then there is nothing to tell.
            let _ = kit.send(KitRequest::Library(Err(why.clone())));
        }
        while let Ok(request) = self.requests.recv() {
            let now = in_use_mark(&self.data_dir);
            if now != mark {
                mark = now;
                let before = answers;
                (answers, engine) = self.load(&mut loader, kit);
                if answers != before {
                    self.shared.report_after_panic([Event::LibraryInUse(answers.clone())]);
                }
            }
            let EngineRequest::Answer(job) = request else { continue };
            let (ticket, claimed) = (job.ticket, Cell::new(false));
            if let Err(words) = caught(|| self.answer(&engine, *job, &claimed)) {
                if !claimed.get() && !self.shared.end_identifying(ticket) {
                    continue; // cancelled before, so that nobody waits for it
                }
                self.shared.abandon_scan();
                self.shared.report_after_panic([Event::Failed(format!(
                    "The search failed inside ({words}), so this scan has no answer. Treat the parcel as dangerous, scan again, and report this message."
                ))]);
            }
        }
    }

    /// Loads what is in use and tells those who look things up in it.
    fn load(
        &self,
        loader: &mut EngineLoader,
        kit: &SyncSender<KitRequest>,
    ) -> (Result<LibraryIdentity, String>, Result<Identifier, String>) {
        let why = match caught(loader) {
            Ok(Ok((library, engine))) => {
                self.shared.set_library(&library);
                let identity = library.identity.clone();
                // The kit's thread may be gone already; then there is nothing to tell.
                let _ = kit.send(KitRequest::Library(Ok(library)));
                return (Ok(identity), Ok(engine));
            }
            Ok(Err(why)) => why,
            Err(words) => format!("the library cannot be loaded ({words}); install the program again"),
        };
        (Err(why.clone()), Err(why))
    }

    /// Answers and records a job. `claimed` becomes true when the scan is this thread's to end.
    fn answer(&self, engine: &Result<Identifier, String>, job: Job, claimed: &Cell<bool>) {
        let Job { ticket, parcel, subject, operator, emulated_sample, acquisition } = job;
        let claim = || {
            claimed.set(self.shared.end_identifying(ticket));
            claimed.get()
        };
        if !self.shared.is_identifying(ticket) {
            return; // cancelled while it waited
        }
        let engine = match engine {
            Ok(engine) => engine,
            Err(_) if !claim() => return,
            Err(why) => return self.shared.end_scan(Event::Failed(format!("The scan has no answer: {why}"))),
        };
        self.shared.progress(Stage::Identifying, 0.96, Duration::from_millis(100));
        let last_blank = self.last_blank(&acquisition.spectrometer.serial);
        let blank = (subject.kind, last_blank.as_ref());
        let answer = judged(engine(&acquisition), &acquisition, emulated_sample.is_some(), blank);
        if !claim() {
            return; // cancelled meanwhile; that has ended the scan
        }
        let record = ScanRecord {
            taken_at: Timestamp::now(),
            operator: operator.as_ref().map_or(UNENROLLED, Actor::name).to_owned(),
            standing: operator.as_ref().map(Standing::of),
            parcel,
            subject,
            time_source: Some(self.shared.time_source()),
            last_blank,
            emulated_sample,
            acquisition,
            answer,
            program_version: env!("CARGO_PKG_VERSION").to_owned(),
        };
        let scan = Arc::new(StoredScan { id: 0, record });
        if let Some(blank) = LastBlank::of(&scan) {
            self.shared.remember_blank(&scan.record.acquisition.spectrometer.serial, blank);
        }
        // A waker that panics here must not cost the record, so its panic ends here.
        if let Err(words) = caught(|| self.shared.events.push(Event::Answered(Arc::clone(&scan)))) {
            tracing::error!(words, "the waker panicked; the answer waits to be read");
        }
        let handed_over = self.casebook.send(CasebookRequest::Save(Arc::clone(&scan)));
        if handed_over.is_err() {
            let ended = "the casebook's thread has ended; start the program again";
            let (kept, why) = match set_aside(&self.data_dir, &scan.record) {
                Ok(path) => {
                    let why = format!("{ended}, which takes the record in from {}", path.display());
                    (Some(path), why)
                }
                Err(error) => (None, format!("{ended}, and note the result by hand: {error}")),
            };
            self.shared.end_scan(Event::NotSaved { scan, why, kept });
        }
    }

    /// The last blank of a spectrometer: one that waits to be saved, or the newest of the casebook. A casebook that cannot be
    /// read must not cost the answer; what is wrong with it the casebook's thread says.
    fn last_blank(&self, serial: &str) -> Option<LastBlank> {
        if let Some(unsaved) = self.shared.unsaved_blank(serial) {
            return Some(unsaved);
        }
        let mut reader = self.reader.borrow_mut();
        let opened = match reader.take() {
            Some(casebook) => Ok(casebook),
            None => Casebook::open(&casebook_path(&self.data_dir)),
        };
        let found = opened.and_then(|casebook| reader.insert(casebook).last_blank(serial));
        found.unwrap_or_else(|error| {
            *reader = None;
            tracing::warn!(%error, "the last blank cannot be looked up");
            None
        })
    }
}
