//! Records as a table for analysis.

use jiff::Timestamp;
use serde::Serialize;

use crate::casebook::{ScanKind, ScanSummary, StoredEvent, StoredScan};
use crate::identify::Level;

use super::laboratory::LaboratoryOutcome;
use super::outcome::{corrected, kind_of, laboratory_outcome};
use super::{ReportError, words};

/// Which records. What is `None` lets everything through.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Selection {
    /// From this time on.
    pub from: Option<Timestamp>,
    /// Before this time.
    pub until: Option<Timestamp>,
    /// Of this level.
    pub level: Option<Level>,
    /// Whose parcel number contains this, in small or capital letters.
    pub parcel: Option<String>,
    /// Of this operator.
    pub operator: Option<String>,
}

impl Selection {
    /// Whether a record belongs to it.
    pub fn takes(&self, scan: &ScanSummary) -> bool {
        self.passes(scan.taken_at, scan.level, &scan.parcel, &scan.operator)
    }

    /// Whether a row belongs to it, as it stands after corrections.
    pub fn takes_row(&self, row: &SelectedRow) -> bool {
        self.passes(row.taken_at, row.level, &row.parcel, &row.operator)
    }

    fn passes(&self, taken_at: Timestamp, level: Level, parcel: &str, operator: &str) -> bool {
        let holds = |text: &str, part: &str| text.to_lowercase().contains(&part.to_lowercase());
        self.from.is_none_or(|from| taken_at >= from)
            && self.until.is_none_or(|until| taken_at < until)
            && self.level.is_none_or(|wanted| level == wanted)
            && self.parcel.as_ref().is_none_or(|part| holds(parcel, part))
            && self.operator.as_ref().is_none_or(|wanted| operator == wanted)
    }
}

/// One record as a row.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct SelectedRow {
    /// Number of the record.
    pub id: i64,
    /// Wall time.
    pub taken_at: Timestamp,
    /// Operator.
    pub operator: String,
    /// Parcel number; empty when none.
    pub parcel: String,
    /// Sample, blank or control.
    pub kind: ScanKind,
    /// The spot of the item; empty when none was stated.
    pub spot: String,
    /// Level of the verdict.
    pub level: Level,
    /// Rule that fired.
    pub rule: String,
    /// Headline of the verdict.
    pub headline: String,
    /// What was named.
    pub named: Vec<String>,
    /// Calibrated probability of the best candidate that was named.
    pub probability: Option<f64>,
    /// True when a device was emulated.
    pub simulated: bool,
    /// Signal to noise.
    pub snr: f64,
    /// Serial number of the spectrometer.
    pub spectrometer_serial: String,
    /// Version of the library.
    pub library_version: String,
    /// What the laboratory said in the end; none where it said nothing or took it back.
    pub laboratory: Option<LaboratoryOutcome>,
    /// Fields above that stand as a correction says, not as the record was made.
    pub corrected: Vec<&'static str>,
}

impl SelectedRow {
    /// The row of a record and what was said about it.
    pub fn new(scan: &StoredScan, history: &[StoredEvent]) -> Self {
        let (record, answer) = (&scan.record, &scan.record.answer);
        let named: Vec<String> = answer.identified.iter().map(|i| i.substance.clone()).collect();
        let probability = answer.candidates.iter().find(|c| named.contains(&c.substance)).and_then(|c| c.probability);
        let laboratory = laboratory_outcome(history);
        let [parcel, operator] = ["parcel", "operator"].map(|field| corrected(history, scan.id, field));
        let taken_at = corrected(history, scan.id, "taken-at").and_then(|text| text.trim().parse().ok());
        let spot = corrected(history, scan.id, "spot");
        let kind = kind_of(history, scan.id, record.subject.kind);
        let fields = [
            ("parcel", parcel.is_some()),
            ("operator", operator.is_some()),
            ("taken_at", taken_at.is_some()),
            ("kind", kind != record.subject.kind),
            ("spot", spot.is_some()),
        ];
        Self {
            id: scan.id,
            taken_at: taken_at.unwrap_or(record.taken_at),
            operator: operator.unwrap_or_else(|| record.operator.clone()),
            parcel: parcel.unwrap_or_else(|| record.parcel.clone()),
            kind,
            spot: spot.or_else(|| record.subject.spot.as_ref().map(ToString::to_string)).unwrap_or_default(),
            corrected: fields.into_iter().filter(|(_, is)| *is).map(|(name, _)| name).collect(),
            level: answer.verdict.level(),
            rule: answer.verdict.rule().to_owned(),
            headline: answer.verdict.headline().to_owned(),
            named,
            probability,
            simulated: record.acquisition.simulated,
            snr: answer.quality.snr,
            spectrometer_serial: record.acquisition.spectrometer.serial.clone(),
            library_version: answer.library.version.clone(),
            laboratory,
        }
    }
}

const COLUMNS: [&str; 17] = [
    "id",
    "taken_at",
    "operator",
    "parcel",
    "kind",
    "spot",
    "level",
    "rule",
    "headline",
    "named",
    "probability",
    "simulated",
    "snr",
    "spectrometer_serial",
    "library_version",
    "laboratory",
    "corrected",
];

/// The rows as CSV (RFC 4180) that a spreadsheet opens without running anything that a parcel's label says.
pub fn selection_csv(rows: &[SelectedRow]) -> Result<Vec<u8>, ReportError> {
    let failed = |e: csv::Error| ReportError::Package(e.to_string());
    let mut writer = csv::WriterBuilder::new().terminator(csv::Terminator::CRLF).from_writer(Vec::new());
    writer.write_record(COLUMNS).map_err(failed)?;
    for row in rows {
        let number = |n: Option<f64>| n.map_or(String::new(), |n| n.to_string());
        let fields = [
            row.id.to_string(),
            row.taken_at.to_string(),
            harmless(&row.operator),
            harmless(&row.parcel),
            row.kind.name().to_owned(),
            harmless(&row.spot),
            words::level_key(row.level).to_owned(),
            harmless(&row.rule),
            harmless(&row.headline),
            harmless(&row.named.join("; ")),
            number(row.probability),
            row.simulated.to_string(),
            number(Some(row.snr)),
            harmless(&row.spectrometer_serial),
            harmless(&row.library_version),
            row.laboratory.map_or(String::new(), |l| l.key().to_owned()),
            row.corrected.join("; "),
        ];
        writer.write_record(&fields).map_err(failed)?;
    }
    writer.into_inner().map_err(|e| ReportError::Package(e.to_string()))
}

/// The text so that no spreadsheet takes it for a formula: an apostrophe before the signs that begin one, also behind
/// blanks and as the wide signs of East Asian keyboards (OWASP, CSV injection).
fn harmless(text: &str) -> String {
    let starts_formula =
        |c: char| matches!(c, '=' | '+' | '-' | '@' | '\u{ff1d}' | '\u{ff0b}' | '\u{ff0d}' | '\u{ff20}');
    let first = text.chars().next();
    let behind_blanks = text.trim_start().chars().next();
    if first.is_some_and(|c| matches!(c, '\t' | '\r' | '\n')) || behind_blanks.is_some_and(starts_formula) {
        return format!("'{text}");
    }
    text.to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn no_text_begins_a_formula_and_none_is_lost(sign in "[=+\\-@\t\r\n ]{1,3}", rest in "\\PC{0,20}") {
            let text = sign + &rest;
            let kept = harmless(&text);
            prop_assert!(kept.ends_with(&text));
            let first = kept.chars().next().unwrap();
            prop_assert!(!matches!(first, '=' | '+' | '-' | '@' | '\t' | '\r' | '\n'), "{:?}", kept);
            let bare = kept.trim_start().chars().next();
            prop_assert!(!bare.is_some_and(|c| matches!(c, '=' | '+' | '-' | '@')), "{:?}", kept);
        }
    }

    #[test]
    fn ordinary_texts_stay_as_they_are() {
        for text in ["", "RR123456785HR", "437-38-7", "a=b", "fentanyl + lactose"] {
            assert_eq!(harmless(text), text);
        }
    }
}
