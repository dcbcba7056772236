//! A stored scan again: spectrum from its counts, verdict from the spectrum, held against what was recorded.

use serde::Serialize;
use serde_json::Value;

use crate::analyzer::AnalyzerError;
use crate::analyzer::nirscan::absorbance;
use crate::casebook::ScanRecord;
use crate::identify::Answer;
use crate::library::LibraryIdentity;
use crate::spectrum::{Spectrum, SpectrumError};

use super::judged::judged;

/// Most differing values that are listed.
const DIFFERENCES_MAX: usize = 200;

/// Why a scan cannot be computed again.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ReplayError {
    /// The counts give no spectrum.
    #[error("the stored counts give no spectrum any more: {0}")]
    Counts(#[from] AnalyzerError),
    /// The correction does not fit.
    #[error("the stored correction does not fit the stored counts: {0}")]
    Correction(#[from] SpectrumError),
    /// The answer is not comparable.
    #[error("the answer cannot be compared: {0}")]
    Answer(#[from] serde_json::Error),
}

/// One field, then and now.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct ReplayField {
    /// Name in the record.
    pub field: String,
    /// Whether it is the same.
    pub same: bool,
}

/// One value that is another one now.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct ReplayDifference {
    /// Where it stands.
    pub path: String,
    /// As it was recorded.
    pub then: Value,
    /// As it is computed now.
    pub now: Value,
}

/// What came of computing a scan again.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Replay {
    /// True when every field is the same.
    pub same: bool,
    /// Every field of the answer, and the spectrum.
    pub fields: Vec<ReplayField>,
    /// The values that differ; at most two hundred.
    pub differences: Vec<ReplayDifference>,
    /// What is not here as it was on that day: the library, the engine. Empty where all is.
    pub not_of_that_day: Vec<String>,
}

/// The spectrum that the stored counts give: reduced and corrected as the scan was.
pub fn spectrum_again(record: &ScanRecord) -> Result<Spectrum, ReplayError> {
    if let Some(nir) = &record.acquisition.conditions.nir {
        // A near-infrared scan has no counts: its spectrum is that of its scans against their white reference.
        return Ok(absorbance(&nir.reference, &nir.sample, &record.acquisition.spectrometer.port)?);
    }
    let plain = record.acquisition.uncorrected()?;
    Ok(match &record.acquisition.conditions.correction {
        Some(correction) => correction.apply(&plain)?,
        None => plain,
    })
}

/// Computes a scan again with `identify` and holds it against the record. `library` and `engine` are those that
/// `identify` uses.
pub fn replay(
    record: &ScanRecord,
    library: &LibraryIdentity,
    engine: &str,
    identify: impl FnOnce(&Spectrum) -> Answer,
) -> Result<Replay, ReplayError> {
    let spectrum = spectrum_again(record)?;
    let blank = (record.subject.kind, record.last_blank.as_ref());
    let now = judged(identify(&spectrum), &record.acquisition, record.emulated_sample.is_some(), blank);
    let mut fields = vec![ReplayField { field: "spectrum".to_owned(), same: record.acquisition.spectrum == spectrum }];
    let mut differences = Vec::new();
    let (then, now) = (serde_json::to_value(&record.answer)?, serde_json::to_value(&now)?);
    if let (Value::Object(then), Value::Object(now)) = (&then, &now) {
        let mut names: Vec<&String> = then.keys().chain(now.keys()).collect();
        names.sort();
        names.dedup();
        for name in names {
            let (then, now) = (then.get(name).unwrap_or(&Value::Null), now.get(name).unwrap_or(&Value::Null));
            differ(name, then, now, &mut differences);
            fields.push(ReplayField { field: name.clone(), same: then == now });
        }
    }
    let mut not_of_that_day = Vec::new();
    let was = &record.answer.library;
    if was.sha256 != library.sha256 {
        not_of_that_day.push(format!(
            "the library of that day ({} {}, SHA-256 {}) is not here; computed with {} {}, SHA-256 {}",
            was.name, was.version, was.sha256, library.name, library.version, library.sha256
        ));
    }
    if record.answer.engine != engine {
        not_of_that_day.push(format!(
            "the engine of that day ({}) is not this program's ({engine}); install parcelscope {} to compute with it",
            record.answer.engine, record.program_version
        ));
    }
    Ok(Replay { same: fields.iter().all(|field| field.same), fields, differences, not_of_that_day })
}

/// Collects the leaves that differ.
fn differ(path: &str, then: &Value, now: &Value, found: &mut Vec<ReplayDifference>) {
    if then == now || found.len() >= DIFFERENCES_MAX {
        return;
    }
    match (then, now) {
        (Value::Object(a), Value::Object(b)) => {
            let mut names: Vec<&String> = a.keys().chain(b.keys()).collect();
            names.sort();
            names.dedup();
            for name in names {
                let (a, b) = (a.get(name).unwrap_or(&Value::Null), b.get(name).unwrap_or(&Value::Null));
                differ(&format!("{path}.{name}"), a, b, found);
            }
        }
        (Value::Array(a), Value::Array(b)) => {
            for index in 0..a.len().max(b.len()) {
                let (a, b) = (a.get(index).unwrap_or(&Value::Null), b.get(index).unwrap_or(&Value::Null));
                differ(&format!("{path}[{index}]"), a, b, found);
            }
        }
        _ => found.push(ReplayDifference { path: path.to_owned(), then: then.clone(), now: now.clone() }),
    }
}
