//! The thread that works on libraries for whoever looks at them, so that neither a scan nor the window waits for it.

use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc::{Receiver, SyncSender};

use crate::identify::{Answer, Engine};
use crate::laboratory::engine_for_evaluation;

use super::Event;
use super::identify_worker::EngineRequest;
use super::laboratory_desk::DeskWorker;
use super::laboratory_wishes::{Desk, Done, LaboratoryWish};
use super::shared::{Shared, caught};

/// A wish about the library.
#[derive(Clone, Debug, PartialEq)]
pub enum LibraryWish {
    /// What reference number `reference` could be taken for: [`LibraryNews::Alike`].
    Alike {
        /// Index into the references of the library in use.
        reference: usize,
    },
    /// A step of the laboratory's work: progress where it is long, then [`LibraryNews::Laboratory`].
    Laboratory(LaboratoryWish),
    /// End the long work that runs.
    Stop,
}

/// What became of a wish about the library.
#[derive(Clone, Debug)]
pub enum LibraryNews {
    /// What a scan like a reference would be answered without its substance in the library.
    Alike {
        /// The reference.
        reference: usize,
        /// The answer; none where the reference cannot be compared.
        answer: Option<Box<Answer>>,
    },
    /// A step of the laboratory's work was done, or a sentence says why not; and how the desk looks now.
    Laboratory {
        /// What was done.
        done: Result<Done, String>,
        /// How things stand.
        desk: Box<Desk>,
    },
    /// A wish was not fulfilled; the sentence says why and what to do.
    Trouble(String),
}

pub(super) struct LibraryWorker {
    requests: Receiver<LibraryWish>,
    answers: SyncSender<EngineRequest>,
    shared: Arc<Shared>,
    desk: DeskWorker,
    /// An engine of its own: the one that answers scans is never kept waiting.
    engine: Option<Engine>,
}

impl LibraryWorker {
    pub(super) fn new(
        data_dir: PathBuf,
        requests: Receiver<LibraryWish>,
        answers: SyncSender<EngineRequest>,
        shared: Arc<Shared>,
    ) -> Self {
        Self { requests, answers, shared, desk: DeskWorker::new(data_dir), engine: None }
    }

    /// Works until nobody can ask any more.
    pub(super) fn run(mut self) {
        while let Ok(wish) = self.requests.recv() {
            let changes_use = matches!(&wish, LibraryWish::Laboratory(wish) if wish.changes_use());
            let news = caught(|| self.fulfil(wish)).unwrap_or_else(|words| {
                self.engine = None;
                Some(LibraryNews::Trouble(format!(
                    "The part of the program that works on the library failed inside ({words}); report this message."
                )))
            });
            if let Some(news) = news {
                self.shared.report_after_panic([Event::Library(news)]);
            }
            if changes_use {
                // Where there is no room somebody else has asked, and what is in use is looked at then.
                let _ = self.answers.try_send(EngineRequest::LookAgain);
            }
        }
    }

    fn fulfil(&mut self, wish: LibraryWish) -> Option<LibraryNews> {
        Some(match wish {
            LibraryWish::Alike { reference } => self.alike(reference),
            LibraryWish::Laboratory(wish) => {
                self.shared.stop_library.store(false, Ordering::SeqCst);
                let (shared, told) = (&self.shared, AtomicUsize::new(0));
                let go_on = move |done: usize, all: usize| {
                    let percent = 100 * done / all.max(1);
                    if told.fetch_max(percent, Ordering::SeqCst) < percent {
                        shared.events.push(Event::LibraryProgress(percent as f32 / 100.0));
                    }
                    !shared.stop_library.load(Ordering::SeqCst) && !shared.closing()
                };
                let done = self.desk.fulfil(wish, shared.operators.current().as_ref(), &go_on);
                LibraryNews::Laboratory { done, desk: Box::new(self.desk.look()) }
            }
            // Stopping needs no thread.
            LibraryWish::Stop => return None,
        })
    }

    fn alike(&mut self, reference: usize) -> LibraryNews {
        let Some(library) = self.shared.library() else {
            return LibraryNews::Trouble("The library is not loaded yet; try again in a moment.".to_owned());
        };
        self.engine.take_if(|engine| !Arc::ptr_eq(engine.library(), &library));
        let engine = self.engine.get_or_insert_with(|| engine_for_evaluation(library));
        LibraryNews::Alike { reference, answer: engine.answer_without_itself(reference).map(Box::new) }
    }
}
