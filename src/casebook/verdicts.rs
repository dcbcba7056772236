//! The verdicts of many records without what they were computed from, for statistics.

use jiff::Timestamp;

use super::encode::{kind_from_column, level_from_name, time_from_text};
use super::{Casebook, CasebookError, ScanKind, StoredEvent};
use crate::identify::Level;

/// Kinds of events that change what a verdict counts as.
const COUNTING: [&str; 3] = ["laboratory-result", "confirmation", "correction"];

/// One verdict.
#[derive(Clone, Debug, PartialEq)]
pub struct VerdictLine {
    /// Number of the record.
    pub id: i64,
    /// Wall time as recorded.
    pub taken_at: Timestamp,
    /// Level.
    pub level: Level,
    /// Rule that fired.
    pub rule: String,
    /// True when a device was emulated.
    pub simulated: bool,
    /// Sample, blank or control, as it was scanned.
    pub kind: ScanKind,
    /// What was said about the record, where that holds a laboratory's result or a correction; empty otherwise.
    pub said: Vec<StoredEvent>,
}

impl Casebook {
    /// The verdicts of the records taken from `from` on and before `until`, and of every record in which something was
    /// corrected, because its time may have been. Oldest number first.
    pub fn verdict_lines(
        &self,
        from: Option<Timestamp>,
        until: Option<Timestamp>,
    ) -> Result<Vec<VerdictLine>, CasebookError> {
        let error = |e: rusqlite::Error| self.error(&e);
        let (corrected, said) = (self.corrected_scans()?, self.scans_with(&COUNTING)?);
        let sql = "SELECT id, taken_at, level, rule, simulated, kind FROM scan ORDER BY id";
        let mut statement = self.connection().prepare_cached(sql).map_err(error)?;
        let mut rows = statement.query([]).map_err(error)?;
        let mut lines = Vec::new();
        while let Some(row) = rows.next().map_err(error)? {
            let id: i64 = row.get(0).map_err(error)?;
            let time: String = row.get(1).map_err(error)?;
            let taken_at = time_from_text(&time).map_err(|what| self.corrupt(format!("record {id}: {what}")))?;
            let outside = from.is_some_and(|from| taken_at < from) || until.is_some_and(|until| taken_at >= until);
            if outside && !corrected.contains(&id) {
                continue;
            }
            let level: String = row.get(2).map_err(error)?;
            lines.push(VerdictLine {
                id,
                taken_at,
                level: level_from_name(&level).map_err(|what| self.corrupt(format!("record {id}: {what}")))?,
                rule: row.get(3).map_err(error)?,
                simulated: row.get(4).map_err(error)?,
                kind: kind_from_column(row.get::<_, Option<String>>(5).map_err(error)?.as_deref())
                    .map_err(|what| self.corrupt(format!("record {id}: {what}")))?,
                said: if said.contains(&id) { self.events_of(id)? } else { Vec::new() },
            });
        }
        Ok(lines)
    }
}
