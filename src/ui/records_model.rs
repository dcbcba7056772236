//! What the window knows of the records: what is looked for, the page at hand, the open record, and long work on them.

use std::path::PathBuf;
use std::sync::Arc;

use jiff::{SignedDuration, Timestamp};

use crate::casebook::{HistoryEntry, RecordFilter, ScanSummary, Verification};
use crate::identify::Level;
use crate::report::{Paper, Period as Step, PreviewPage, Statistics};
use crate::session::{Command, RecordAct, RecordNews, RecordWish};

use super::answer_view::AnswerView;
use super::model::Model;
use super::record_form::RecordForm;

/// Records asked for at a time.
pub const PAGE: usize = 50;

/// From when on records are looked for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Period {
    /// All of them.
    #[default]
    Any,
    /// The last 24 hours.
    Day,
    /// The last seven days.
    Week,
    /// The last thirty days.
    Month,
}

impl Period {
    /// Every choice with its words.
    pub const ALL: [(Self, &'static str); 4] =
        [(Self::Any, "Any time"), (Self::Day, "24 h"), (Self::Week, "7 days"), (Self::Month, "30 days")];

    /// The steps in which it is counted.
    const fn step(self) -> Step {
        match self {
            Self::Any => Step::Month,
            Self::Day | Self::Week | Self::Month => Step::Day,
        }
    }

    fn begins(self) -> Option<Timestamp> {
        let hours = match self {
            Self::Any => return None,
            Self::Day => 24,
            Self::Week => 7 * 24,
            Self::Month => 30 * 24,
        };
        Timestamp::now().checked_sub(SignedDuration::from_hours(hours)).ok()
    }
}

/// What is typed and chosen above the list.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Search {
    /// Parcel number, exactly.
    pub parcel: String,
    /// Operator, exactly.
    pub operator: String,
    /// Part of the name of what was found.
    pub substance: String,
    /// Level.
    pub level: Option<Level>,
    /// Time.
    pub period: Period,
}

impl Search {
    fn filter(&self) -> RecordFilter {
        let typed = |text: &str| Some(text.trim().to_owned()).filter(|text| !text.is_empty());
        RecordFilter {
            level: self.level,
            operator: typed(&self.operator),
            parcel: typed(&self.parcel),
            substance: typed(&self.substance),
            from: self.period.begins(),
            to: None,
        }
    }
}

/// What the Records screen shows where no record is open.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum RecordsView {
    /// The list.
    #[default]
    List,
    /// The verification.
    Verify,
    /// The statistics.
    Count,
}

/// What of an open record is shown.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum RecordFace {
    /// What was answered.
    #[default]
    Answer,
    /// What was said and done about it.
    History,
    /// The report as it would be saved.
    Preview,
}

/// A long work that runs.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct LongWork {
    /// Share done, 0..=1.
    pub fraction: f32,
    /// True once the user asked to stop.
    pub stopping: bool,
}

/// The records as the window knows them.
#[derive(Debug, Default)]
pub struct Records {
    /// What is looked for.
    pub search: Search,
    /// The filter that was asked with; pages belong to it.
    asked: RecordFilter,
    /// The page at hand, newest first.
    pub page: Vec<ScanSummary>,
    /// Last lines of the pages before this one.
    pub before: Vec<ScanSummary>,
    /// Whether there are older ones.
    pub more: bool,
    /// True while an answer to a question is awaited.
    pub waiting: bool,
    /// What went wrong, if anything.
    pub trouble: Option<String>,
    /// The record that is open.
    pub open: Option<Box<AnswerView>>,
    /// What was said and done about it, oldest first; none while it is read.
    pub history: Option<Vec<HistoryEntry>>,
    /// What of it is shown.
    pub face: RecordFace,
    /// What is being said about it.
    pub form: RecordForm,
    /// Paper of reports.
    pub paper: Paper,
    /// The pages of the report; none while they are drawn.
    pub preview: Option<Result<Arc<Vec<PreviewPage>>, String>>,
    /// True while a report or package is written.
    pub writing: bool,
    /// The last file that was written, or why not.
    pub written: Option<(i64, Result<PathBuf, String>)>,
    /// What is shown where no record is open.
    pub view: RecordsView,
    /// A verification or a count that runs.
    pub work: Option<LongWork>,
    /// What the last verification said.
    pub verified: Option<Result<Box<Verification>, String>>,
    /// What the last count said.
    pub counts: Option<Result<Box<Statistics>, String>>,
}

impl Model {
    fn records_wish(&mut self, wish: RecordWish) {
        self.send(Command::Records(wish));
    }

    /// Looks the records up anew, from the newest on.
    pub fn find_records(&mut self) {
        self.records.before.clear();
        self.records.asked = self.records.search.filter();
        self.ask_page();
    }

    fn ask_page(&mut self) {
        self.records.waiting = true;
        self.records.trouble = None;
        let (filter, before) = (self.records.asked.clone(), self.records.before.last().cloned());
        self.records_wish(RecordWish::Find { filter, before, limit: PAGE });
    }

    /// Asks for the page of older records.
    pub fn older_records(&mut self) {
        if let Some(last) = self.records.page.last().cloned() {
            self.records.before.push(last);
            self.ask_page();
        }
    }

    /// Asks for the page of newer records.
    pub fn newer_records(&mut self) {
        self.records.before.pop();
        self.ask_page();
    }

    /// Asks for one record and its history.
    pub fn open_record(&mut self, id: i64) {
        self.records.waiting = true;
        self.records.trouble = None;
        self.records.history = None;
        self.records.face = RecordFace::Answer;
        self.records.form = RecordForm::default();
        self.records.written = None;
        self.send(Command::OpenRecord { id });
        self.records_wish(RecordWish::History(id));
    }

    /// Has the report or the package of a record written.
    pub fn write_record(&mut self, id: i64, package: bool) {
        self.records.writing = true;
        self.records.written = None;
        let paper = self.records.paper;
        self.records_wish(if package { RecordWish::Package(id, paper) } else { RecordWish::Report(id, paper) });
    }

    /// Has the pages of a report drawn on this paper.
    pub fn preview_record(&mut self, id: i64, paper: Paper) {
        self.records.trouble = None;
        self.records.paper = paper;
        self.records.preview = None;
        self.records.face = RecordFace::Preview;
        self.records_wish(RecordWish::Preview(id, paper));
    }

    /// Says something about the open record.
    pub fn state_about(&mut self, id: i64, act: RecordAct) {
        self.records.form.sent();
        self.records_wish(RecordWish::State { id, act });
    }

    /// Starts a verification.
    pub fn verify_records(&mut self) {
        self.records.verified = None;
        self.begin_work(RecordWish::Verify);
    }

    /// Starts a count over the time that is chosen.
    pub fn count_records(&mut self) {
        self.records.counts = None;
        let time = self.records.search.period;
        self.begin_work(RecordWish::Count { period: time.step(), from: time.begins() });
    }

    fn begin_work(&mut self, wish: RecordWish) {
        self.records.trouble = None;
        self.records.work = Some(LongWork { fraction: 0.0, stopping: false });
        self.records_wish(wish);
    }

    /// Stops the verification or the count that runs.
    pub fn stop_record_work(&mut self) {
        if let Some(work) = &mut self.records.work
            && !work.stopping
        {
            work.stopping = true;
            self.records_wish(RecordWish::Stop);
        }
    }

    /// A wish about records was not taken or not fulfilled.
    pub(super) fn records_trouble(&mut self, why: String) {
        let records = &mut self.records;
        records.waiting = false;
        records.writing = false;
        records.work = None;
        records.form.refused(&why);
        records.trouble = Some(why);
    }

    /// Takes in news about records.
    pub(super) fn records_news(&mut self, news: RecordNews) {
        let records = &mut self.records;
        match news {
            // A page of an earlier question is not shown under a new one.
            RecordNews::Found { filter, page, more, .. } => {
                if filter == records.asked {
                    records.waiting = false;
                    records.page = page;
                    records.more = more;
                }
            }
            RecordNews::History { entries, .. } => records.history = Some(entries),
            RecordNews::Stated(Ok(event)) => records.form.recorded(event),
            RecordNews::Stated(Err(why)) => records.form.refused(&why),
            RecordNews::Written { id, outcome } => {
                records.writing = false;
                records.written = Some((id, outcome));
            }
            // Pages on a paper that was chosen before, or of another record, are not shown.
            RecordNews::Previewed { id, paper, outcome } => {
                if paper == records.paper && records.open.as_ref().is_some_and(|open| open.scan.id == id) {
                    records.preview = Some(outcome);
                }
            }
            RecordNews::Verified(outcome) => {
                records.work = None;
                records.verified = outcome.transpose();
            }
            RecordNews::Counted(outcome) => {
                records.work = None;
                records.counts = outcome.transpose();
            }
            RecordNews::Trouble(why) => self.records_trouble(why),
        }
    }
}
