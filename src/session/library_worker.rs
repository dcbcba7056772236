//! The thread that works on libraries for whoever looks at them, so that neither a scan nor the window waits for it.

use std::sync::Arc;
use std::sync::mpsc::Receiver;

use crate::identify::{Answer, Engine};

use super::Event;
use super::shared::{Shared, caught};

/// A wish about the library.
#[derive(Clone, Debug, PartialEq)]
pub enum LibraryWish {
    /// What reference number `reference` could be taken for: [`LibraryNews::Alike`].
    Alike {
        /// Index into the references of the library in use.
        reference: usize,
    },
}

/// What became of a wish about the library.
#[derive(Clone, Debug, PartialEq)]
pub enum LibraryNews {
    /// What a scan like a reference would be answered without its substance in the library.
    Alike {
        /// The reference.
        reference: usize,
        /// The answer; none where the reference cannot be compared.
        answer: Option<Box<Answer>>,
    },
    /// A wish was not fulfilled; the sentence says why and what to do.
    Trouble(String),
}

pub(super) struct LibraryWorker {
    pub(super) requests: Receiver<LibraryWish>,
    pub(super) shared: Arc<Shared>,
}

impl LibraryWorker {
    /// Works until nobody can ask any more.
    pub(super) fn run(self) {
        // An engine of its own: the one that answers scans is never kept waiting.
        let mut engine = None;
        while let Ok(wish) = self.requests.recv() {
            let news = caught(|| self.fulfil(&wish, &mut engine)).unwrap_or_else(|words| {
                engine = None;
                LibraryNews::Trouble(format!(
                    "The part of the program that works on the library failed inside ({words}); report this message."
                ))
            });
            self.shared.report_after_panic([Event::Library(news)]);
        }
    }

    fn fulfil(&self, wish: &LibraryWish, engine: &mut Option<Engine>) -> LibraryNews {
        let Some(library) = self.shared.library.get() else {
            return LibraryNews::Trouble("The library is not loaded yet; try again in a moment.".to_owned());
        };
        let engine = engine.get_or_insert_with(|| Engine::new(Arc::clone(library)));
        match *wish {
            LibraryWish::Alike { reference } => {
                LibraryNews::Alike { reference, answer: engine.answer_without_itself(reference).map(Box::new) }
            }
        }
    }
}
