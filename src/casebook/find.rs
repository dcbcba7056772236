//! Pages of the records that somebody looks for.

use std::fmt::Write as _;

use jiff::Timestamp;
use rusqlite::types::ToSql;

use super::encode::{level_name, summary_from_row};
use super::{Casebook, CasebookError, ScanSummary};
use crate::identify::Level;

/// What is looked for; a field that is `None` lets everything pass.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct RecordFilter {
    /// Level of the verdict.
    pub level: Option<Level>,
    /// Operator, exactly.
    pub operator: Option<String>,
    /// Parcel as it was entered with the scan, exactly.
    pub parcel: Option<String>,
    /// Text in the headline of the verdict, which names what was found; small and capital letters of ASCII are the same.
    /// There is no index for it: where few records have it, all that pass the other conditions are read.
    pub substance: Option<String>,
    /// Taken at or after.
    pub from: Option<Timestamp>,
    /// Taken before.
    pub to: Option<Timestamp>,
}

impl Casebook {
    /// The next page of the records that pass `filter` after the line `before` (none: the first page): newest first, by
    /// number, or by the time of the scan where a time is looked for. Each of the conditions has an index, so that a page
    /// takes as long in a large casebook as in a small one; several conditions at once may take longer.
    pub fn find(
        &self,
        filter: &RecordFilter,
        before: Option<&ScanSummary>,
        limit: usize,
    ) -> Result<Vec<ScanSummary>, CasebookError> {
        let text = |time: Timestamp| format!("{time:.9}");
        let level = filter.level.map(level_name);
        let (from, to) = (filter.from.map(text), filter.to.map(text));
        let by_time = from.is_some() || to.is_some();
        let (before_id, before_time) = (before.map(|line| line.id), before.map(|line| text(line.taken_at)));
        // SQLite goes by one upper bound of an index only, so it is given the tighter one and not both.
        let to_is_tighter =
            !by_time || to.as_ref().is_some_and(|to| before_time.as_ref().is_none_or(|time| to <= time));
        let conditions: [(&str, &dyn ToSql, bool); 9] = [
            ("id < ", &before_id, before_id.is_some() && !by_time),
            // The rows of the same time as the last line, and all before that time.
            ("taken_at <= ", &before_time, before_time.is_some() && !to_is_tighter),
            ("(taken_at, id) < (", &before_time, before_time.is_some() && !to_is_tighter),
            ("level = ", &level, level.is_some()),
            ("operator = ", &filter.operator, filter.operator.is_some()),
            ("parcel <> '' AND parcel = ", &filter.parcel, filter.parcel.is_some()),
            ("instr(lower(headline), lower(", &filter.substance, filter.substance.is_some()),
            ("taken_at >= ", &from, from.is_some()),
            ("taken_at < ", &to, to.is_some() && to_is_tighter),
        ];
        let (index, order) =
            if by_time { (" INDEXED BY scan_by_time", "taken_at DESC, id DESC") } else { ("", "id DESC") };
        let mut sql = format!(
            "SELECT id, taken_at, operator, parcel, level, headline, simulated, kind FROM scan{index} WHERE id > 0"
        );
        let mut values: Vec<&dyn ToSql> = Vec::new();
        for (condition, value, wanted) in conditions {
            if wanted {
                values.push(value);
                // Writing to a String cannot fail.
                let _ = write!(sql, " AND {condition}?{}", values.len());
                if condition.ends_with("lower(") {
                    sql.push_str("))");
                } else if condition.ends_with('(') {
                    values.push(&before_id);
                    let _ = write!(sql, ", ?{})", values.len());
                }
            }
        }
        let _ = write!(sql, " ORDER BY {order} LIMIT {}", i64::try_from(limit).unwrap_or(i64::MAX));
        let error = |e: rusqlite::Error| self.error(&e);
        let mut statement = self.connection().prepare_cached(&sql).map_err(error)?;
        let rows = statement.query_map(values.as_slice(), summary_from_row).map_err(error)?;
        rows.map(|row| row.map_err(error)?.map_err(|what| self.corrupt(what))).collect()
    }
}
