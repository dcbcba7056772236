//! What the laboratory said about a record in the end: the last result that stands, with what corrects it.

use serde::Deserialize;

use crate::casebook::{Reference, ScanKind, Statement, StoredEvent};

use super::laboratory::{LaboratoryOutcome, LaboratoryResult};

/// Words of a correction that take a whole result back.
const WHOLE: [&str; 3] = ["event", "result", "all"];

/// The last result of a laboratory that nobody took back. A correction of its `outcome` or, where it was stated by hand, of
/// its `substance` counts instead of what it corrects; a correction of the whole (`event`, `result`, `all`), or an outcome
/// that is none, takes it back. A correction that was itself corrected counts no more.
pub fn laboratory_outcome(history: &[StoredEvent]) -> Option<LaboratoryOutcome> {
    standing_result(history).map(|(_, outcome)| outcome)
}

/// The same, with the event that states it.
pub(super) fn standing_result(history: &[StoredEvent]) -> Option<(&StoredEvent, LaboratoryOutcome)> {
    history.iter().rev().find_map(|event| {
        let stated = outcome_of(event)?;
        let Some((field, now)) = correction_of(history, event.id) else { return Some((event, stated)) };
        let outcome = match field.as_str() {
            "outcome" => LaboratoryOutcome::from_key(now.trim())?,
            "substance" if event.kind != LaboratoryResult::EVENT => by_substance(&now),
            whole if WHOLE.contains(&whole) => return None,
            _ => stated,
        };
        Some((event, outcome))
    })
}

/// Field and right value of the last correction of this event that stands.
fn correction_of(history: &[StoredEvent], wrong: i64) -> Option<(String, String)> {
    history.iter().rev().find_map(|event| match Statement::deserialize(&event.body).ok()? {
        Statement::Correction { of: Reference::Event(of), field, now, .. }
            if of == wrong && correction_of(history, event.id).is_none() =>
        {
            Some((field, now))
        }
        _ => None,
    })
}

/// What a laboratory said in an event: in a file that was taken over, or as somebody stated it by hand.
fn outcome_of(event: &StoredEvent) -> Option<LaboratoryOutcome> {
    if event.kind == LaboratoryResult::EVENT {
        return LaboratoryResult::deserialize(&event.body).ok().map(|result| result.outcome);
    }
    match Statement::deserialize(&event.body).ok()? {
        Statement::Confirmation { substance, .. } => Some(by_substance(&substance)),
        _ => None,
    }
}

/// No substance was found where none is named.
fn by_substance(substance: &str) -> LaboratoryOutcome {
    if substance.trim().is_empty() { LaboratoryOutcome::Refuted } else { LaboratoryOutcome::Confirmed }
}

/// The value that stands for a field of the scan after every correction of it.
pub(super) fn corrected(history: &[StoredEvent], scan: i64, name: &str) -> Option<String> {
    history.iter().rev().find_map(|event| match Statement::deserialize(&event.body).ok()? {
        Statement::Correction { of: Reference::Scan(of), field, now, .. }
            if of == scan && field == name && correction_of(history, event.id).is_none() =>
        {
            Some(now)
        }
        _ => None,
    })
}

/// What was scanned, as it stands after corrections.
pub(super) fn kind_of(history: &[StoredEvent], scan: i64, recorded: ScanKind) -> ScanKind {
    corrected(history, scan, "kind").and_then(|kind| kind.trim().parse().ok()).unwrap_or(recorded)
}

#[cfg(test)]
mod tests {
    use super::*;
    use LaboratoryOutcome::{Confirmed, Refuted};

    fn event(id: i64, statement: &Statement) -> StoredEvent {
        let body = serde_json::to_value(statement).unwrap();
        let (at, operator) = (String::new(), "o".to_owned());
        StoredEvent { id, seq: id, at, operator, kind: statement.kind().to_owned(), body }
    }

    fn confirmation(id: i64, substance: &str) -> StoredEvent {
        let text = || "x".to_owned();
        event(id, &Statement::Confirmation { substance: substance.to_owned(), method: text(), report: text() })
    }

    fn correction(id: i64, of: Reference, field: &str, now: &str) -> StoredEvent {
        let (field, now) = (field.to_owned(), now.to_owned());
        event(id, &Statement::Correction { of, field, now, was: String::new(), reason: "misread".to_owned() })
    }

    #[test]
    fn the_last_result_that_stands_counts_with_what_corrects_it() {
        let of = Reference::Event;
        let table: [(Vec<StoredEvent>, Option<LaboratoryOutcome>); 8] = [
            (vec![], None),
            (vec![confirmation(1, "fentanyl"), confirmation(2, "")], Some(Refuted)),
            (vec![confirmation(1, "fentanyl"), correction(2, of(1), "substance", "")], Some(Refuted)),
            (vec![confirmation(1, ""), correction(2, of(1), "outcome", "confirmed")], Some(Confirmed)),
            (vec![confirmation(1, "fentanyl"), correction(2, of(1), "method", "LC-MS")], Some(Confirmed)),
            (vec![confirmation(1, "fentanyl"), correction(2, of(1), "result", "another parcel")], None),
            (
                vec![confirmation(1, "fentanyl"), confirmation(2, ""), correction(3, of(2), "event", "withdrawn")],
                Some(Confirmed),
            ),
            (
                vec![
                    confirmation(1, "fentanyl"),
                    correction(2, of(1), "result", "withdrawn"),
                    correction(3, of(2), "event", "it was right"),
                ],
                Some(Confirmed),
            ),
        ];
        for (history, expected) in table {
            assert_eq!(laboratory_outcome(&history), expected, "{history:?}");
        }
        let history =
            [correction(1, Reference::Scan(4), "parcel", "A"), correction(2, Reference::Scan(4), "parcel", "B")];
        assert_eq!(corrected(&history, 4, "parcel").as_deref(), Some("B"));
        assert_eq!(corrected(&history, 4, "operator"), None);
    }
}
