//! What a record holds.

use jiff::Timestamp;
use jiff::civil::Date;
use serde::{Deserialize, Serialize};

use crate::analyzer::Acquisition;
use crate::identify::{Answer, Level};

use super::{Actor, ClockAgainstGps, LastBlank, Role, ScanKind, Subject, TimeSource};

/// One scan with everything needed to compute its verdict again.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ScanRecord {
    /// Wall time at which the verdict was reached (device clock).
    pub taken_at: Timestamp,
    /// Who scanned; `unenrolled` while no account exists.
    pub operator: String,
    /// What the operator was at the time; `None` for one who is not enrolled.
    #[serde(default)]
    pub standing: Option<Standing>,
    /// What the operator typed or scanned as the parcel's number; empty when none.
    pub parcel: String,
    /// Sample, blank or control, and which spot.
    #[serde(default)]
    pub subject: Subject,
    /// Where the wall time comes from; `None` in records of versions that did not ask.
    #[serde(default)]
    pub time_source: Option<TimeSource>,
    /// The last blank of this spectrometer before the scan; `None` where none is on record.
    #[serde(default)]
    pub last_blank: Option<LastBlank>,
    /// Name of the emulated sample, when the probe was emulated.
    pub emulated_sample: Option<String>,
    /// Raw counts, settings, device identity, laser states.
    pub acquisition: Acquisition,
    /// Verdict and findings, with library and engine versions.
    pub answer: Answer,
    /// Version of the program.
    pub program_version: String,
}

impl ScanRecord {
    /// What is wrong with the clock that gave the record its time, where GPS time says so.
    pub fn clock_warning(&self) -> Option<String> {
        self.time_source.and_then(|source| source.gps).and_then(ClockAgainstGps::warning)
    }

    /// The last blank of the analyzer before this scan, as a report says it.
    pub fn last_blank_words(&self) -> String {
        self.last_blank.as_ref().map_or("none of this analyzer on record before this scan".to_owned(), LastBlank::words)
    }
}

/// What an operator was when the scan was made.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Standing {
    /// Role of the account.
    pub role: Role,
    /// The last day on which the training counts; `None` where none was stated.
    pub training_expires: Option<Date>,
}

impl Standing {
    /// That of somebody who is signed in.
    pub const fn of(actor: &Actor) -> Self {
        Self { role: actor.role(), training_expires: actor.training_expires() }
    }
}

/// A record as the casebook holds it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct StoredScan {
    /// Number of the record, from 1, without gaps.
    pub id: i64,
    /// The record.
    pub record: ScanRecord,
}

/// A line of the list of records.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ScanSummary {
    /// Number of the record.
    pub id: i64,
    /// Wall time.
    pub taken_at: Timestamp,
    /// Operator.
    pub operator: String,
    /// Parcel number; empty when none.
    pub parcel: String,
    /// Level of the verdict.
    pub level: Level,
    /// Headline of the verdict.
    pub headline: String,
    /// True when a device was emulated.
    pub simulated: bool,
    /// Sample, blank or control, as it was scanned.
    #[serde(default)]
    pub kind: ScanKind,
}

/// Something that was said or done beside a scan: a note, a disposition, a correction, a change of an account.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Event<'a> {
    /// Who did it.
    pub operator: &'a str,
    /// What kind of event it is.
    pub kind: &'a str,
    /// Number of the scan that it is about.
    pub scan_id: Option<i64>,
    /// What was said or done.
    pub body: &'a serde_json::Value,
}
