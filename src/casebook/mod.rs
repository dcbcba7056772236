//! The record of every scan: SQLite, append-only, synced before it is acknowledged.
//!
//! One row is one record ([`ScanRecord`]); `encode` is the only place that turns one into the other, so that a chain
//! over the rows can be laid there. The SQL files in `migrations/` are the schema.

mod encode;
mod error;
mod record;
mod schema;
mod store;

pub use error::CasebookError;
pub use record::{ScanRecord, ScanSummary, StoredScan};
pub use store::Casebook;
