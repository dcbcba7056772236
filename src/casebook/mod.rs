//! The record of every scan: SQLite, append-only, synced before it is acknowledged.
//!
//! One row is one record ([`ScanRecord`]); `encode` is the only place that turns one into the other. Every row of evidence
//! has an entry in the `ledger`, whose entries are the leaves of a Merkle log; signed checkpoints state its root; `verify`
//! holds everything against everything. The SQL files in `migrations/` are the schema.

mod accounts;
mod acts;
mod backup;
mod blank;
mod dossier;
mod encode;
mod error;
mod find;
mod key;
mod ledger;
pub mod merkle;
pub mod note;
mod payload;
mod proof;
mod record;
mod schema;
mod settings;
mod store;
mod subject;
mod time_source;
mod verdicts;
mod verify;
mod witness;
mod writing;

pub use accounts::{
    Account, AccountChange, AccountError, Act, Actor, NewAccount, Role, Secret, TABLE as ROLE_TABLE, Uptime,
    lockout_wait, role_table_markdown,
};
pub use acts::{
    Concealment, Country, DeclaredGoods, Disposition, HistoryEntry, HsCode, KeptUntil, ParcelNumber, Reference,
    Shipment, Statement, StatementError, UnknownWord, WrongCheckDigit,
};
pub use backup::{BackupError, BackupPlan};
pub use blank::LastBlank;
pub use dossier::{Dossier, KeptFile, RawPart, StoredEvent};
pub use error::CasebookError;
pub use find::RecordFilter;
pub use ledger::EvidenceTable;
pub use proof::RecordProof;
pub use record::{Event, ScanRecord, ScanSummary, Standing, StoredScan};
pub use store::Casebook;
pub use subject::{ScanKind, Spot, Subject, SubjectError};
pub use time_source::{ClockAgainstGps, ClockKeeping, TimeSource, UnknownClockKeeping};
pub use verdicts::VerdictLine;
pub use verify::{Finding, FindingKind, Verification, VerifyOptions, verify};
pub use witness::WitnessError;
