//! Verdicts over time: scans, alarms, reasons of inconclusive ones, and how often laboratories agreed.

use std::collections::BTreeMap;

use jiff::civil::{Date, Weekday};
use jiff::{Timestamp, tz::TimeZone};
use serde::Serialize;

use crate::casebook::VerdictLine;

use super::outcome::{corrected, kind_of, laboratory_outcome};
use super::shift::{Counted, ShiftSummary};

/// How long a step of time is; all begin at midnight UTC.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Period {
    /// A day.
    Day,
    /// Monday to Sunday, as ISO 8601 counts weeks.
    #[default]
    Week,
    /// A calendar month.
    Month,
}

impl Period {
    /// The first day of the step in which `at` lies.
    fn begin(self, at: Timestamp) -> Date {
        let day = at.to_zoned_datetime(TimeZone::UTC).date();
        match self {
            Self::Day => day,
            Self::Week => {
                let days = day.weekday().since(Weekday::Monday);
                day.checked_sub(jiff::Span::new().days(days)).unwrap_or(day)
            }
            Self::Month => day.first_of_month(),
        }
    }
}

/// The counts of one step.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct PeriodSummary {
    /// Its first day, UTC.
    pub begins: Date,
    /// What was counted in it, by the time of the scan, not of the laboratory's answer.
    pub summary: ShiftSummary,
}

/// Counts over time.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Statistics {
    /// Length of a step.
    pub period: Period,
    /// Every step in which something was scanned, oldest first.
    pub steps: Vec<PeriodSummary>,
    /// All together.
    pub whole: ShiftSummary,
}

impl Statistics {
    /// Counts the verdicts taken from `from` on and before `until`. Corrections count: of the time of a scan and of a
    /// laboratory's result.
    pub fn new(period: Period, from: Option<Timestamp>, until: Option<Timestamp>, lines: &[VerdictLine]) -> Self {
        let mut steps: BTreeMap<Date, Vec<Counted<'_>>> = BTreeMap::new();
        let mut all = Vec::new();
        for line in lines {
            let right = corrected(&line.said, line.id, "taken-at").and_then(|text| text.trim().parse().ok());
            let taken_at: Timestamp = right.unwrap_or(line.taken_at);
            if from.is_some_and(|from| taken_at < from) || until.is_some_and(|until| taken_at >= until) {
                continue;
            }
            let counted = Counted {
                level: line.level,
                rule: &line.rule,
                simulated: line.simulated,
                kind: kind_of(&line.said, line.id, line.kind),
                laboratory: laboratory_outcome(&line.said),
            };
            steps.entry(period.begin(taken_at)).or_default().push(counted);
            all.push(counted);
        }
        let steps = steps
            .into_iter()
            .map(|(begins, counted)| PeriodSummary { begins, summary: ShiftSummary::count(&counted) })
            .collect();
        Self { period, steps, whole: ShiftSummary::count(&all) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::casebook::ScanKind;
    use crate::identify::Level;

    #[test]
    fn every_scan_is_counted_once_in_the_step_of_its_time() {
        let line = |id, time: &str, level| VerdictLine {
            id,
            taken_at: time.parse().unwrap(),
            level,
            rule: "no-signal".to_owned(),
            simulated: false,
            kind: ScanKind::Sample,
            said: Vec::new(),
        };
        // 2026-11-30 is a Monday.
        let lines = [
            line(1, "2026-11-29T23:59:59Z", Level::Alarm),
            line(2, "2026-11-30T00:00:00Z", Level::Inconclusive),
            line(3, "2026-12-06T12:00:00Z", Level::Alarm),
            line(4, "2027-01-01T00:00:00Z", Level::NoneDetected),
        ];
        let scans = |period| -> Vec<(String, usize)> {
            let steps = Statistics::new(period, None, None, &lines).steps;
            steps.iter().map(|s| (s.begins.to_string(), s.summary.scans)).collect()
        };
        let named = |list: &[(&str, usize)]| list.iter().map(|(d, n)| ((*d).to_owned(), *n)).collect::<Vec<_>>();
        assert_eq!(scans(Period::Week), named(&[("2026-11-23", 1), ("2026-11-30", 2), ("2026-12-28", 1)]));
        assert_eq!(scans(Period::Month), named(&[("2026-11-01", 2), ("2026-12-01", 1), ("2027-01-01", 1)]));
        assert_eq!(scans(Period::Day).len(), 4);
        let until = Some("2026-12-01T00:00:00Z".parse().unwrap());
        let whole = Statistics::new(Period::Day, None, until, &lines).whole;
        assert_eq!((whole.scans, whole.by_level["alarm"], whole.inconclusive_by_rule["no-signal"]), (2, 1, 1));
    }
}
