//! What the window tells the session's threads and what they tell the window.

use std::sync::Arc;

use crate::analyzer::{DeviceIdentity, LaserState};
use crate::casebook::{ScanSummary, StoredScan};

use super::Settings;

/// A wish of the user.
#[derive(Clone, Debug, PartialEq)]
pub enum Command {
    /// Scan what is under the probe.
    Scan {
        /// Parcel number as typed; may be empty.
        parcel: String,
    },
    /// Stop the scan that is running; the laser goes off first.
    Cancel,
    /// Put another substance under the emulated probe; ignored by real kits.
    SetEmulatedSample {
        /// Key of a substance of the library, or `empty`.
        sample: String,
    },
    /// Ask for a page of records, newest first.
    ListRecords {
        /// Records to skip.
        offset: usize,
        /// Most records to return.
        limit: usize,
    },
    /// Ask for one whole record.
    OpenRecord {
        /// Its number.
        id: i64,
    },
    /// Remember the user's choices for the next start.
    KeepSettings(Settings),
}

/// The stages of a scan, in order.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Stage {
    /// Settings are sent and read back.
    Preparing,
    /// Laser off, dark readout.
    Dark,
    /// Laser on, light readout.
    Light,
    /// Conditioning, search, verdict.
    Identifying,
    /// Writing and syncing the record.
    Saving,
}

/// The kit that answered.
#[derive(Clone, Debug, PartialEq)]
pub struct KitStatus {
    /// Spectrometer.
    pub spectrometer: DeviceIdentity,
    /// Laser.
    pub laser: DeviceIdentity,
    /// Laser state as last read back.
    pub laser_state: LaserState,
    /// Detector and board temperatures, deg C.
    pub temperatures_c: Vec<f32>,
    /// Expected duration of a scan at the present settings, milliseconds.
    pub scan_ms: u64,
}

/// State of the link to the kit.
#[derive(Clone, Debug, PartialEq)]
pub enum Connection {
    /// Opening ports and identifying.
    Connecting,
    /// Ready to scan.
    Ready(Box<KitStatus>),
    /// Not there; the sentence says why and what to do.
    Lost(String),
}

/// What happened.
#[derive(Clone, Debug)]
pub enum Event {
    /// The link to the kit changed.
    Connection(Connection),
    /// The laser's state as read back (or `Unknown`).
    Laser(LaserState),
    /// A running scan moved on.
    Progress {
        /// Stage.
        stage: Stage,
        /// Share of the whole scan that is done, 0..=1.
        fraction: f32,
        /// Computed time left, milliseconds.
        remaining_ms: u64,
    },
    /// The verdict is there; the record is not yet saved (`id` is 0).
    Answered(Arc<StoredScan>),
    /// The record is written and synced.
    Saved(Arc<StoredScan>),
    /// The scan's record could not be written; the scan is kept in memory. The sentence says what to do.
    NotSaved {
        /// The scan.
        scan: Arc<StoredScan>,
        /// Why, and what to do.
        why: String,
    },
    /// The scan ended without an answer; the sentence says why and what to do.
    Failed(String),
    /// The scan was cancelled.
    Cancelled,
    /// The emulated sample changed.
    EmulatedSample {
        /// Its key.
        sample: String,
    },
    /// A page of records, newest first, and the number of all records.
    Records {
        /// The page.
        page: Vec<ScanSummary>,
        /// Number of all records.
        total: usize,
    },
    /// One whole record.
    Record(Arc<StoredScan>),
    /// A question to the casebook failed; the sentence says what to do.
    CasebookTrouble(String),
    /// The user's choices hold only until the program ends; the sentence says why.
    SettingsNotKept(String),
}
