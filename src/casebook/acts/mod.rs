//! What is said and done about a scan after it was made: chained events, shown as its history.

mod files;
mod history;
mod retention;
mod s10;
mod shipment;
mod statement;

use jiff::Timestamp;
use thiserror::Error;

use super::writing::Writing;
use super::{Act, Actor, Casebook, CasebookError, Event, ScanKind};

pub(super) use files::{digest_of, files_folder};
pub use history::HistoryEntry;
pub use retention::KeptUntil;
pub use s10::{ParcelNumber, WrongCheckDigit};
pub use shipment::{Concealment, Country, DeclaredGoods, HsCode, Shipment, UnknownWord};
pub use statement::{Disposition, Reference, Statement};

/// Why a statement was not recorded.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum StatementError {
    /// Something is missing or too long.
    #[error("this cannot be recorded: {0}")]
    Unfit(&'static str),
    /// There is no such row about this scan.
    #[error("there is no event {event} about record {scan}; 'parcelscope casebook show {scan}' lists them")]
    NoSuchEvent {
        /// The event that was named.
        event: i64,
        /// The scan.
        scan: i64,
    },
    /// A correction that corrects nothing.
    #[error("the field '{0}' is none of the ones that can be corrected by name; correct the event, or add a note")]
    NoSuchField(String),
    /// Both sides of a hand-over are the same person.
    #[error("{0} cannot hand over to themselves; the other side must sign in too")]
    OneSided(String),
    /// The other side of a hand-over may not take it.
    #[error("{0} may not take part in a hand-over; nothing was recorded")]
    OtherSide(String),
    /// The file cannot be kept.
    #[error("the file {name} cannot be kept ({what}); nothing was recorded")]
    File {
        /// Its name.
        name: String,
        /// Why.
        what: String,
    },
}

impl Casebook {
    /// Records a statement about a scan in the name of `by`. Returns the number of the event.
    pub fn state(
        &mut self,
        at: Timestamp,
        by: &Actor,
        scan_id: i64,
        statement: &Statement,
    ) -> Result<i64, CasebookError> {
        match statement {
            // Their texts are facts that the program itself finds out; the other side and the file must be there.
            Statement::HandOver { .. } | Statement::Correction { .. } | Statement::File { .. } => {
                Err(StatementError::Unfit("hand-overs, corrections and files have ways of their own").into())
            }
            _ => self.record(at, by, scan_id, statement),
        }
    }

    fn record(&mut self, at: Timestamp, by: &Actor, scan_id: i64, statement: &Statement) -> Result<i64, CasebookError> {
        self.require_scan(scan_id)?;
        if let Some(problem) = statement.problem() {
            return Err(StatementError::Unfit(problem).into());
        }
        self.act(at, by, statement.act(), Some(scan_id), |writing, _| {
            write_statement(writing, by.name(), scan_id, statement)
        })
    }

    /// Records that `from` gave the parcel to `to`. Both have signed in, and both must be allowed to.
    pub fn hand_over(
        &mut self,
        at: Timestamp,
        from: &Actor,
        to: &Actor,
        scan_id: i64,
        seal: &str,
        text: &str,
    ) -> Result<i64, CasebookError> {
        self.require_scan(scan_id)?;
        if from.name() == to.name() {
            return Err(StatementError::OneSided(from.name().to_owned()).into());
        }
        self.permit(at, to, Act::HandOver, Some(scan_id))?;
        let statement = Statement::HandOver {
            from: from.name().to_owned(),
            to: to.name().to_owned(),
            seal: seal.to_owned(),
            text: text.to_owned(),
        };
        if let Some(problem) = statement.problem() {
            return Err(StatementError::Unfit(problem).into());
        }
        self.act(at, from, Act::HandOver, Some(scan_id), |writing, all| {
            let stands = super::accounts::found(all, to.name()).is_some_and(|a| a.active && a.role.may(Act::HandOver));
            if !stands {
                return Err(StatementError::OtherSide(to.name().to_owned()).into());
            }
            write_statement(writing, from.name(), scan_id, &statement)
        })
    }

    /// Records that a field of the scan or a whole event is wrong, with what the program itself reads there.
    pub fn correct(
        &mut self,
        at: Timestamp,
        by: &Actor,
        scan_id: i64,
        what: (Reference, &str),
        now: &str,
        reason: &str,
    ) -> Result<i64, CasebookError> {
        let (of, field) = what;
        if let (Reference::Scan(_), "kind") = what {
            now.parse::<ScanKind>()
                .map_err(|_| StatementError::Unfit("the kind of a scan is sample, blank or control"))?;
        }
        let was = match of {
            Reference::Scan(_) => {
                let record = self.load(scan_id)?.record;
                match field {
                    "parcel" => record.parcel,
                    "operator" => record.operator,
                    "taken-at" => record.taken_at.to_string(),
                    "kind" => record.subject.kind.name().to_owned(),
                    "spot" => record.subject.spot.as_ref().map(ToString::to_string).unwrap_or_default(),
                    other => return Err(StatementError::NoSuchField(other.to_owned()).into()),
                }
            }
            Reference::Event(event) => {
                let entry = self.history(scan_id)?.into_iter().find(|entry| entry.event == event);
                entry.ok_or(StatementError::NoSuchEvent { event, scan: scan_id })?.words
            }
        };
        let statement = Statement::Correction {
            of: if let Reference::Scan(_) = of { Reference::Scan(scan_id) } else { of },
            field: field.to_owned(),
            was,
            now: now.to_owned(),
            reason: reason.to_owned(),
        };
        self.record(at, by, scan_id, &statement)
    }

    fn require_scan(&self, id: i64) -> Result<(), CasebookError> {
        let total = self.count()?;
        if (1..=total).contains(&id) { Ok(()) } else { Err(CasebookError::NoSuchRecord { id, total }) }
    }
}

fn write_statement(
    writing: &mut Writing<'_>,
    by: &str,
    scan_id: i64,
    statement: &Statement,
) -> Result<i64, CasebookError> {
    let body = serde_json::to_value(statement).map_err(|e| CasebookError::Unstorable(e.to_string()))?;
    let event = Event { operator: by, kind: statement.kind(), scan_id: Some(scan_id), body: &body };
    writing.event(&event).map_err(|e| writing.error(&e))
}
