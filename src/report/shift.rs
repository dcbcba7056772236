//! What a shift or a batch found: counts, and how often the laboratory agreed.

use std::collections::BTreeMap;

use serde::Serialize;

use crate::casebook::ScanKind;
use crate::identify::Level;

use super::laboratory::LaboratoryOutcome;
use super::selection::SelectedRow;

/// A share with its count and its interval.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct Rate {
    /// How many.
    pub count: usize,
    /// Of how many.
    pub of: usize,
    /// The share; none where there is nothing to count.
    pub share: Option<f64>,
    /// Wilson score interval, 95 %.
    pub interval: Option<(f64, f64)>,
}

impl Rate {
    /// The rate of `count` among `of`, with the score interval of E. B. Wilson (J. Am. Stat. Assoc. 22, 209, 1927).
    pub fn new(count: usize, of: usize) -> Self {
        if of == 0 {
            return Self { count, of, share: None, interval: None };
        }
        let (n, z) = (of as f64, 1.959_963_984_540_054_f64);
        let share = count as f64 / n;
        let centre = (share + z * z / (2.0 * n)) / (1.0 + z * z / n);
        let half = z / (1.0 + z * z / n) * (share * (1.0 - share) / n + z * z / (4.0 * n * n)).sqrt();
        Self { count, of, share: Some(share), interval: Some(((centre - half).max(0.0), (centre + half).min(1.0))) }
    }
}

/// Counts over a selection. Simulated scans, blanks and controls are counted apart and are in no rate.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct ShiftSummary {
    /// Scans of real samples.
    pub scans: usize,
    /// Scans with an emulated device, which are in none of the numbers below.
    pub simulated: usize,
    /// Blanks and controls with a real device, which are in none of the numbers below: no parcel held what they show.
    pub blanks_and_controls: usize,
    /// Scans by level.
    pub by_level: BTreeMap<&'static str, usize>,
    /// Inconclusive scans by the rule that says why.
    pub inconclusive_by_rule: BTreeMap<String, usize>,
    /// What the laboratory answered about alarms and alerts, and about the rest.
    pub laboratory: Option<FieldRates>,
}

/// The field's own rates, from scans that a laboratory decided about. Which parcels go to the laboratory is a choice: the
/// rates are of those, not of all.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct FieldRates {
    /// Alarms and alerts that the laboratory confirmed, among those that it decided about.
    pub true_warnings: Rate,
    /// Alarms and alerts that it refuted.
    pub false_warnings: Rate,
    /// Scans without a warning in which it found a listed substance.
    pub missed: Rate,
    /// Results that decide nothing.
    pub undecided: usize,
}

/// What of a record is counted.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Counted<'a> {
    /// Level of the verdict.
    pub level: Level,
    /// Rule that fired.
    pub rule: &'a str,
    /// True when a device was emulated.
    pub simulated: bool,
    /// Sample, blank or control.
    pub kind: ScanKind,
    /// What the laboratory said in the end.
    pub laboratory: Option<LaboratoryOutcome>,
}

impl<'a> Counted<'a> {
    fn of(row: &'a SelectedRow) -> Self {
        Self { level: row.level, rule: &row.rule, simulated: row.simulated, kind: row.kind, laboratory: row.laboratory }
    }
}

impl ShiftSummary {
    /// Counts the rows.
    pub fn new(rows: &[SelectedRow]) -> Self {
        let all: Vec<Counted<'_>> = rows.iter().map(Counted::of).collect();
        Self::count(&all)
    }

    /// Counts what is given.
    pub fn count(rows: &[Counted<'_>]) -> Self {
        let mut summary = Self { simulated: rows.iter().filter(|r| r.simulated).count(), ..Self::default() };
        let (real, apart): (Vec<&Counted<'_>>, Vec<_>) =
            rows.iter().filter(|r| !r.simulated).partition(|r| r.kind.counts());
        summary.blanks_and_controls = apart.len();
        summary.scans = real.len();
        for level in [Level::Alarm, Level::Alert, Level::Inconclusive, Level::NoneDetected] {
            let count = real.iter().filter(|r| r.level == level).count();
            summary.by_level.insert(super::words::level_key(level), count);
        }
        for row in real.iter().filter(|r| r.level == Level::Inconclusive) {
            *summary.inconclusive_by_rule.entry(row.rule.to_owned()).or_default() += 1;
        }
        let count = |warning: bool, outcome| {
            real.iter().filter(|r| r.level.is_warning() == warning && r.laboratory == Some(outcome)).count()
        };
        let (confirmed, refuted) = (count(true, LaboratoryOutcome::Confirmed), count(true, LaboratoryOutcome::Refuted));
        let (missed, clear) = (count(false, LaboratoryOutcome::Confirmed), count(false, LaboratoryOutcome::Refuted));
        let undecided = real.iter().filter(|r| r.laboratory == Some(LaboratoryOutcome::Undecided)).count();
        if confirmed + refuted + missed + clear + undecided > 0 {
            summary.laboratory = Some(FieldRates {
                true_warnings: Rate::new(confirmed, confirmed + refuted),
                false_warnings: Rate::new(refuted, confirmed + refuted),
                missed: Rate::new(missed, missed + clear),
                undecided,
            });
        }
        summary
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Brown, Cai and DasGupta (Stat. Sci. 16, 101, 2001) and any statistics package: Wilson for 0 of 10, 5 of 10, 8 of 10.
    #[test]
    fn intervals_are_those_of_wilson() {
        for (count, of, low, high) in [(0, 10, 0.0, 0.2775), (5, 10, 0.2366, 0.7634), (8, 10, 0.4902, 0.9433)] {
            let (a, b) = Rate::new(count, of).interval.unwrap();
            assert!((a - low).abs() < 1e-4 && (b - high).abs() < 1e-4, "{count} of {of}: {a} {b}");
        }
        assert_eq!(Rate::new(0, 0).share, None);
    }
}
