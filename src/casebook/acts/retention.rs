//! How long records must be kept. The program deletes nothing; this says until when nobody may.

use jiff::civil::Date;
use jiff::tz::TimeZone;
use jiff::{Span, Timestamp};
use rusqlite::OptionalExtension;

use super::{Statement, StatementError};
use crate::casebook::{Act, Actor, Casebook, CasebookError, Event};

/// Kind of the event that sets the policy.
const POLICY: &str = "retention";
/// Years a policy can state.
const YEARS: std::ops::RangeInclusive<i64> = 1..=100;

/// Until when a record must be kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum KeptUntil {
    /// No policy was ever set and no hold: for ever.
    NoPolicy,
    /// A legal hold stands: for ever, until it is lifted.
    Held,
    /// The last day on which it must be there.
    Day(Date),
}

impl Casebook {
    /// Sets for how many years records are kept. It cannot shorten the time of a record that is or was under hold.
    pub fn set_retention(&mut self, at: Timestamp, by: &Actor, years: i64) -> Result<(), CasebookError> {
        if !YEARS.contains(&years) {
            return Err(StatementError::Unfit("records are kept for 1 to 100 years").into());
        }
        self.act(at, by, Act::SetRetention, None, |writing, _| {
            let body = serde_json::json!({ "years": years });
            let event = Event { operator: by.name(), kind: POLICY, scan_id: None, body: &body };
            writing.event(&event).map(drop).map_err(|e| writing.error(&e))
        })
    }

    /// Until when a record must be kept: by the newest policy, or by the longest one that stood while it was held.
    pub fn kept_until(&self, scan_id: i64) -> Result<KeptUntil, CasebookError> {
        let error = |e: rusqlite::Error| self.error(&e);
        let sql = "SELECT id, body ->> 'years' FROM event NOT INDEXED WHERE kind = ?1 ORDER BY id";
        let mut statement = self.connection().prepare_cached(sql).map_err(error)?;
        let policies = statement.query_map([POLICY], |row| Ok((row.get(0)?, row.get(1)?))).map_err(error)?;
        let policies: Vec<(i64, i64)> = policies.collect::<rusqlite::Result<_>>().map_err(error)?;
        let holds: Vec<(i64, bool)> = self
            .history(scan_id)?
            .iter()
            .filter_map(|entry| match entry.statement {
                Some(Statement::LegalHold { placed, .. }) => Some((entry.event, placed)),
                _ => None,
            })
            .collect();
        if holds.last().is_some_and(|(_, placed)| *placed) {
            return Ok(KeptUntil::Held);
        }
        let Some(years) = years(&policies, &holds) else { return Ok(KeptUntil::NoPolicy) };
        let sql = "SELECT taken_at FROM scan WHERE id = ?1";
        let taken: Option<String> =
            self.connection().query_row(sql, [scan_id], |row| row.get(0)).optional().map_err(error)?;
        let day = taken.and_then(|text| text.parse::<Timestamp>().ok()).and_then(|taken| {
            TimeZone::UTC.to_datetime(taken).date().checked_add(Span::new().try_years(years).ok()?).ok()
        });
        Ok(day.map_or(KeptUntil::Held, KeptUntil::Day))
    }
}

/// Years by policies (event, years) and holds (event, placed), both in the order of events.
fn years(policies: &[(i64, i64)], holds: &[(i64, bool)]) -> Option<i64> {
    let newest = policies.last()?.1;
    let mut longest = newest;
    let mut placed_at = None;
    for (event, placed) in holds {
        match (placed_at, placed) {
            (None, true) => placed_at = Some(*event),
            (Some(from), false) => {
                // The policy that stood when the hold was placed, and all that came while it stood.
                let before = policies.iter().rev().find(|(set, _)| *set < from);
                let during = policies.iter().filter(|(set, _)| (from..*event).contains(set));
                // Without one the record was kept for ever, and the first one that came under the hold shortens nothing.
                if before.is_none() && during.clone().next().is_some() {
                    return None;
                }
                longest = before.into_iter().chain(during).map(|(_, years)| *years).fold(longest, i64::max);
                placed_at = None;
            }
            _ => {}
        }
    }
    Some(longest)
}

#[cfg(test)]
mod tests {
    use super::years;

    #[test]
    fn a_policy_that_was_shortened_under_hold_does_not_count_for_the_held_record() {
        assert_eq!(years(&[], &[(1, true), (2, false)]), None);
        assert_eq!(years(&[(1, 10), (5, 2)], &[]), Some(2));
        assert_eq!(years(&[(1, 10), (5, 2)], &[(3, true), (7, false)]), Some(10));
        assert_eq!(years(&[(1, 10), (2, 2)], &[(3, true), (7, false)]), Some(2), "it was short before the hold");
        assert_eq!(years(&[(1, 2), (4, 30), (5, 1)], &[(3, true), (7, false)]), Some(30));
        assert_eq!(years(&[(5, 1)], &[(3, true), (7, false)]), None, "for ever is shortened by no policy under hold");
        assert_eq!(years(&[(9, 1)], &[(3, true), (7, false)]), Some(1), "the hold was over");
        assert_eq!(years(&[(1, 2), (9, 5)], &[(3, true), (7, false)]), Some(5), "longer is always allowed");
    }
}
