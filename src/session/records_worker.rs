//! The thread that looks records up, and the one beside it that verifies, counts and writes reports. Both read the
//! casebook over connections of their own, so that a scan is saved while they work.

use std::fs::{self, OpenOptions};
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::Receiver;
use std::thread::{self, JoinHandle};

use jiff::Timestamp;

use crate::casebook::{Act, Casebook, CasebookError, Dossier, VerifyOptions, verify};
use crate::library::Library;
use crate::report::{Paper, Period, Statistics, package, record_pdf, record_preview};

use super::shared::{Shared, caught};
use super::{Event, RecordNews, RecordWish, casebook_path, library_by_digest};

/// Most lines of a page.
const LIMIT_MAX: usize = 500;

pub(super) struct RecordsWorker {
    data_dir: PathBuf,
    requests: Receiver<RecordWish>,
    shared: Arc<Shared>,
    casebook: Option<Casebook>,
    job: Option<JoinHandle<()>>,
    /// True while the long work has not said yet what came of it.
    working: Arc<AtomicBool>,
}

impl RecordsWorker {
    pub(super) fn new(data_dir: PathBuf, requests: Receiver<RecordWish>, shared: Arc<Shared>) -> Self {
        Self { data_dir, requests, shared, casebook: None, job: None, working: Arc::new(AtomicBool::new(false)) }
    }

    /// Works until nobody can ask any more.
    pub(super) fn run(mut self) {
        while let Ok(wish) = self.requests.recv() {
            let news = match caught(|| self.fulfil(wish)) {
                Ok(news) => news,
                Err(words) => {
                    self.casebook = None;
                    Some(RecordNews::Trouble(format!(
                        "The part of the program that reads records failed inside ({words}); report this message."
                    )))
                }
            };
            if let Some(news) = news {
                self.shared.report_after_panic([Event::Records(news)]);
            }
        }
        self.shared.stop_records.store(true, Ordering::SeqCst);
        if let Some(job) = self.job.take()
            && job.join().is_err()
        {
            tracing::error!("a long work on records ended by a panic");
        }
    }

    fn fulfil(&mut self, wish: RecordWish) -> Option<RecordNews> {
        let act = if wish == RecordWish::Verify { Act::Verify } else { Act::Read };
        if let Err(why) = self.shared.operators.admit_to_records(act, || self.shared.closing()) {
            return Some(RecordNews::Trouble(why.to_owned()));
        }
        match wish {
            RecordWish::Find { filter, before, limit } => {
                let limit = limit.min(LIMIT_MAX);
                let found = self.casebook().and_then(|book| book.find(&filter, before.as_ref(), limit + 1));
                Some(match found {
                    Ok(mut page) => {
                        let more = page.len() > limit;
                        page.truncate(limit);
                        RecordNews::Found { filter, page, more, first: before.is_none() }
                    }
                    Err(error) => RecordNews::Trouble(error.to_string()),
                })
            }
            RecordWish::History(id) => Some(match self.casebook().and_then(|book| book.history(id)) {
                Ok(entries) => RecordNews::History { id, entries },
                Err(error) => RecordNews::Trouble(error.to_string()),
            }),
            RecordWish::Report(..)
            | RecordWish::Package(..)
            | RecordWish::Preview(..)
            | RecordWish::Verify
            | RecordWish::Count { .. } => self.begin(wish),
            // The casebook's thread writes, and stopping needs no thread.
            RecordWish::State { .. } | RecordWish::Stop => None,
        }
    }

    fn casebook(&mut self) -> Result<&mut Casebook, CasebookError> {
        let casebook = match self.casebook.take() {
            Some(casebook) => casebook,
            None => Casebook::open(&casebook_path(&self.data_dir))?,
        };
        Ok(self.casebook.insert(casebook))
    }

    /// Starts a long work; one at a time.
    fn begin(&mut self, wish: RecordWish) -> Option<RecordNews> {
        if self.working.swap(true, Ordering::SeqCst) {
            return Some(RecordNews::Trouble(
                "Another long work on the records is running; wait for its end or stop it, then try again.".to_owned(),
            ));
        }
        self.shared.stop_records.store(false, Ordering::SeqCst);
        let (data_dir, shared, working) = (self.data_dir.clone(), Arc::clone(&self.shared), Arc::clone(&self.working));
        let work = move || {
            let news = caught(|| long_work(&wish, &data_dir, &shared)).unwrap_or_else(|words| {
                RecordNews::Trouble(format!("The work on the records failed inside ({words}); report this message."))
            });
            // Whoever reads the news may ask for the next work at once.
            working.store(false, Ordering::SeqCst);
            shared.report_after_panic([Event::Records(news)]);
        };
        match thread::Builder::new().name("records-work".to_owned()).spawn(work) {
            Ok(job) => {
                self.job = Some(job);
                None
            }
            Err(error) => {
                self.working.store(false, Ordering::SeqCst);
                Some(RecordNews::Trouble(format!(
                    "The system gives no thread for this work ({error}); close other programs and try again."
                )))
            }
        }
    }
}

fn long_work(wish: &RecordWish, data_dir: &Path, shared: &Shared) -> RecordNews {
    let mut progress = |done: f64| {
        shared.events.push(Event::RecordProgress(done.clamp(0.0, 1.0) as f32));
        !shared.stop_records.load(Ordering::SeqCst)
    };
    let path = casebook_path(data_dir);
    match *wish {
        RecordWish::Report(id, paper) => RecordNews::Written { id, outcome: written(data_dir, id, false, paper) },
        RecordWish::Package(id, paper) => RecordNews::Written { id, outcome: written(data_dir, id, true, paper) },
        RecordWish::Preview(id, paper) => {
            let pages = whole(data_dir, id).and_then(|(dossier, library)| {
                record_preview(&dossier, library.as_deref(), paper).map_err(|e| e.to_string())
            });
            RecordNews::Previewed { id, paper, outcome: pages.map(Arc::new) }
        }
        RecordWish::Count { period, from } => RecordNews::Counted(
            counted(&path, period, from, &mut progress).map(|c| c.map(Box::new)).map_err(|e| e.to_string()),
        ),
        _ => RecordNews::Verified(
            verify(&path, &VerifyOptions::default(), &mut progress)
                .map(|found| found.map(Box::new))
                .map_err(|e| e.to_string()),
        ),
    }
}

/// Everything about a record, and the library of its day where it is kept.
fn whole(data_dir: &Path, id: i64) -> Result<(Dossier, Option<Arc<Library>>), String> {
    let dossier =
        Casebook::open(&casebook_path(data_dir)).and_then(|book| book.dossier(id)).map_err(|e| e.to_string())?;
    let library = library_by_digest(data_dir, &dossier.scan.record.answer.library.sha256).map_err(|e| e.to_string())?;
    Ok((dossier, library))
}

/// Writes the report or the package of a record under a name that is not taken.
fn written(data_dir: &Path, id: i64, whole_case: bool, paper: Paper) -> Result<PathBuf, String> {
    let (dossier, library) = whole(data_dir, id)?;
    let (bytes, folder, ending) = if whole_case {
        (package(&dossier, library.as_deref(), paper), "packages", "zip")
    } else {
        (record_pdf(&dossier, library.as_deref(), paper), "reports", "pdf")
    };
    let bytes = bytes.map_err(|e| e.to_string())?;
    let folder = data_dir.join(folder);
    let write = || {
        fs::create_dir_all(&folder)?;
        // The history grows, and with it the report: an earlier one is never written over.
        for version in 1..1000_u32 {
            let path = folder.join(match version {
                1 => format!("record-{id}.{ending}"),
                n => format!("record-{id}-{n}.{ending}"),
            });
            if fs::read(&path).is_ok_and(|there| there == bytes) {
                return Ok(path);
            }
            match OpenOptions::new().write(true).create_new(true).open(&path) {
                Ok(mut file) => {
                    file.write_all(&bytes)?;
                    file.sync_all()?;
                    return Ok(path);
                }
                Err(error) if error.kind() == std::io::ErrorKind::AlreadyExists => {}
                Err(error) => return Err(error),
            }
        }
        Err(std::io::Error::other("there are a thousand already"))
    };
    write().map_err(|error: std::io::Error| {
        format!("Nothing can be written to {} ({error}); check its permissions and the free space.", folder.display())
    })
}

/// Counts over time. No record is read whole for it: verdict, time and kind stand in the rows.
fn counted(
    path: &Path,
    period: Period,
    from: Option<Timestamp>,
    progress: &mut dyn FnMut(f64) -> bool,
) -> Result<Option<Statistics>, CasebookError> {
    if !progress(0.0) {
        return Ok(None);
    }
    let lines = Casebook::open(path)?.verdict_lines(from, None)?;
    Ok(progress(0.9).then(|| Statistics::new(period, from, None, &lines)))
}
