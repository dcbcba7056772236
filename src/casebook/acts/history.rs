//! The events about a scan in their order, old values beside what corrects them.

use jiff::Timestamp;
use serde::Serialize;

use super::{Reference, Statement};
use crate::casebook::{Casebook, CasebookError};

/// One line of a scan's history.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct HistoryEntry {
    /// Number of the event.
    pub event: i64,
    /// Wall time.
    pub at: Timestamp,
    /// Who said or did it.
    pub operator: String,
    /// Kind of the event.
    pub kind: String,
    /// The sentence for people.
    pub words: String,
    /// What was stated; `None` for a refusal and for kinds that this program does not know.
    pub statement: Option<Statement>,
    /// Events that correct this one.
    pub corrected_by: Vec<i64>,
}

impl Casebook {
    /// Everything that was said and done about a scan, oldest first.
    pub fn history(&self, scan_id: i64) -> Result<Vec<HistoryEntry>, CasebookError> {
        let sql = "SELECT id, at, operator, kind, body FROM event WHERE scan_id = ?1 ORDER BY id";
        let error = |e: rusqlite::Error| self.error(&e);
        let mut statement = self.connection().prepare_cached(sql).map_err(error)?;
        let mut rows = statement.query([scan_id]).map_err(error)?;
        let mut history: Vec<HistoryEntry> = Vec::new();
        while let Some(row) = rows.next().map_err(error)? {
            let (event, kind) = (row.get(0).map_err(error)?, row.get(3).map_err(error)?);
            let (at, body): (String, String) = (row.get(1).map_err(error)?, row.get(4).map_err(error)?);
            let at =
                at.parse().map_err(|e| self.corrupt(format!("event {event}: the time '{at}' cannot be read ({e})")))?;
            let statement = serde_json::from_str::<Statement>(&body).ok();
            let words = match &statement {
                Some(statement) => statement.words(),
                None => format!("{kind}: {body}"),
            };
            history.push(HistoryEntry {
                event,
                at,
                operator: row.get(2).map_err(error)?,
                kind,
                words,
                statement,
                corrected_by: Vec::new(),
            });
        }
        let corrections: Vec<(i64, i64)> = history
            .iter()
            .filter_map(|entry| match entry.statement {
                Some(Statement::Correction { of: Reference::Event(of), .. }) => Some((of, entry.event)),
                _ => None,
            })
            .collect();
        for (of, by) in corrections {
            history.iter_mut().filter(|entry| entry.event == of).for_each(|entry| entry.corrected_by.push(by));
        }
        Ok(history)
    }
}
