//! What the window asks about records, and what it hears.

use std::path::PathBuf;
use std::sync::Arc;

use jiff::Timestamp;

use crate::casebook::{Disposition, HistoryEntry, RecordFilter, ScanSummary, Secret, Statement, Verification};
use crate::report::{Paper, Period, PreviewPage, Statistics};

/// A wish about records. What only reads or computes is done on a thread of its own, so that scans are saved meanwhile.
#[derive(Clone, Debug, PartialEq)]
pub enum RecordWish {
    /// The next page of the records that pass a filter: [`RecordNews::Found`].
    Find {
        /// What is looked for.
        filter: RecordFilter,
        /// The last line of the page before; none for the first page.
        before: Option<ScanSummary>,
        /// Most lines.
        limit: usize,
    },
    /// What was said and done about a record: [`RecordNews::History`].
    History(i64),
    /// Say something about a record: [`RecordNews::Stated`] and the history anew.
    State {
        /// Number of the record.
        id: i64,
        /// What.
        act: RecordAct,
    },
    /// Write the report as a PDF into the data folder: [`RecordNews::Written`].
    Report(i64, Paper),
    /// Write the case package into the data folder: [`RecordNews::Written`].
    Package(i64, Paper),
    /// Draw the pages of the report, and write nothing: [`RecordNews::Previewed`].
    Preview(i64, Paper),
    /// Verify the whole casebook: progress, then [`RecordNews::Verified`].
    Verify,
    /// Count what was found over time: progress, then [`RecordNews::Counted`].
    Count {
        /// Length of a step.
        period: Period,
        /// Scans taken from then on; all where there is none.
        from: Option<Timestamp>,
    },
    /// End a verification or a count that runs.
    Stop,
}

/// Something to say about a record.
#[derive(Clone, Debug, PartialEq)]
pub enum RecordAct {
    /// A statement of who is signed in.
    State(Statement),
    /// The parcel changes hands from who is signed in.
    HandOver {
        /// Account that takes it.
        to: String,
        /// Its secret.
        secret: Secret,
        /// Number of the seal; may be empty.
        seal: String,
        /// What was handed over.
        text: String,
    },
    /// A field of the scan is wrong: `parcel`, `operator`, `taken-at`, `kind` or `spot`; or, with an event, that event.
    Correct {
        /// The event that is wrong; none for the scan.
        event: Option<i64>,
        /// Which field.
        field: String,
        /// What it should say.
        now: String,
        /// Why.
        reason: String,
    },
    /// A file is kept with the record.
    Attach {
        /// The file.
        file: PathBuf,
        /// What it shows.
        text: String,
    },
}

impl RecordAct {
    /// A disposition.
    pub const fn disposition(disposition: Disposition, reason: String) -> Self {
        Self::State(Statement::Disposition { disposition, reason })
    }
}

/// What came of a wish about records.
#[derive(Clone, Debug)]
pub enum RecordNews {
    /// A page of what was looked for.
    Found {
        /// The filter it was looked for with.
        filter: RecordFilter,
        /// The lines, newest first.
        page: Vec<ScanSummary>,
        /// Whether there are further ones.
        more: bool,
        /// Whether it is the first page.
        first: bool,
    },
    /// What was said and done about a record, oldest first.
    History {
        /// Number of the record.
        id: i64,
        /// The entries.
        entries: Vec<HistoryEntry>,
    },
    /// Something was recorded about a record, as this event, or a sentence says why not.
    Stated(Result<i64, String>),
    /// A file was written, or a sentence says why not.
    Written {
        /// Number of the record.
        id: i64,
        /// The file.
        outcome: Result<PathBuf, String>,
    },
    /// The pages of a report were drawn, or a sentence says why not.
    Previewed {
        /// Number of the record.
        id: i64,
        /// The paper.
        paper: Paper,
        /// The pages.
        outcome: Result<Arc<Vec<PreviewPage>>, String>,
    },
    /// The casebook was verified; none when it was stopped.
    Verified(Result<Option<Box<Verification>>, String>),
    /// The records were counted; none when it was stopped.
    Counted(Result<Option<Box<Statistics>>, String>),
    /// A wish was not fulfilled; the sentence says why.
    Trouble(String),
}
