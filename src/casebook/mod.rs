//! The record of every scan: SQLite, append-only, synced before it is acknowledged.

mod record;

pub use record::{ScanRecord, ScanSummary, StoredScan};
