//! Verification: every row against its ledger entry, every entry against the Merkle log, the log against its signed
//! checkpoints and against checkpoints that were kept elsewhere. It reads only, and believes nothing that it can compute.

mod files;
mod keys;
mod ledger_rows;
mod parts;
mod rows;
mod structure;
mod tree;

use std::collections::BTreeMap;
use std::path::Path;

use rusqlite::{Connection, OpenFlags};
use serde::Serialize;

use super::CasebookError;
use super::ledger::EvidenceTable;
use super::schema::{LEDGER_SINCE, Stamp};
use ledger_rows::LedgerRows;

/// Most findings that are listed; the rest is counted.
const FINDINGS_MAX: usize = 10_000;

/// What is wrong with a row.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum FindingKind {
    /// It is not as it was written.
    Changed,
    /// It was written and is not there.
    Missing,
    /// It is there and was never written by the program.
    Inserted,
    /// It stands in another's place.
    Reordered,
    /// It belongs to another continuation of the same log.
    Forked,
    /// It is older than the one before, and the program did not say so when it wrote it.
    ClockWentBack,
}

/// One finding.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub struct Finding {
    /// Table: `scan`, `part`, `event`, `checkpoint` or `ledger`; `file` for a file of an event; or what the database is
    /// made of, with its kind and name, as `index scan_by_parcel`.
    pub table: String,
    /// Number of the row in it; 0 where the whole of it is meant.
    pub row: i64,
    /// What is wrong.
    pub kind: FindingKind,
}

/// What is asked for beyond the casebook's own content.
#[derive(Clone, Debug, Default)]
pub struct VerifyOptions {
    /// Checkpoints that were kept elsewhere, as signed notes.
    pub outside: Vec<String>,
    /// The verifier keys as they were noted elsewhere; more than one where a casebook went on with a new key. Without
    /// any the keys are taken from the casebook, and a casebook that somebody made anew as a whole, with a key of his
    /// own, passes.
    pub trusted_keys: Vec<String>,
    /// Leave out the large parts of the scans.
    pub skip_parts: bool,
}

/// What verification found.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct Verification {
    /// What is wrong, sorted by table and row; at most ten thousand.
    pub findings: Vec<Finding>,
    /// How many more there are.
    pub more_findings: usize,
    /// Entries of the ledger.
    pub entries: u64,
    /// Rows of evidence by table.
    pub rows: BTreeMap<String, u64>,
    /// Large parts that were held against their digests, and their packed size.
    pub parts: u64,
    /// Files of records that were held against their digests.
    pub files: u64,
    /// Bytes of these parts.
    pub part_bytes: u64,
    /// Entries that the last fitting checkpoint of the casebook itself covers, and its time.
    pub complete_up_to: Option<(u64, String)>,
    /// Entries that the last fitting checkpoint from elsewhere covers: up to here completeness is proven.
    pub proven_up_to: Option<u64>,
    /// Entries at which the program itself noted that the clock had gone back.
    pub clock_noted_back: u64,
    /// Times at which the signing key was replaced because it was lost.
    pub keys_replaced: u64,
    /// Whether the key was held against one from elsewhere.
    pub key_trusted: bool,
    /// Keys from elsewhere were given, and what follows this entry is signed only with another key, which the log itself
    /// states: genuine where the casebook went on from a copy, and forged where somebody without the key wrote it.
    pub unvouched_after: Option<u64>,
}

impl Verification {
    /// Whether nothing is wrong, and all of it is signed with a key that was given, where keys were given.
    pub const fn is_clean(&self) -> bool {
        self.findings.is_empty() && self.unvouched_after.is_none()
    }

    /// What was found of a row, as far as it was looked at by now.
    fn of_row(&self, table: &str, row: i64) -> impl Iterator<Item = FindingKind> {
        self.findings.iter().filter(move |f| f.table == table && f.row == row).map(|f| f.kind)
    }

    fn add(&mut self, table: &str, row: i64, kind: FindingKind) {
        if self.findings.len() < FINDINGS_MAX {
            self.findings.push(Finding { table: table.to_owned(), row, kind });
        } else {
            self.more_findings += 1;
        }
    }
}

/// Verifies the casebook at `path`. `progress` is told the share that is done, 0..=1; where it returns false the
/// verification ends without a result.
pub fn verify(
    path: &Path,
    options: &VerifyOptions,
    progress: &mut dyn FnMut(f64) -> bool,
) -> Result<Option<Verification>, CasebookError> {
    super::store::refuse_foreign(path)?;
    let mut run = || -> rusqlite::Result<Option<Verification>> {
        let connection = Connection::open_with_flags(path, OpenFlags::SQLITE_OPEN_READ_ONLY)?;
        connection.busy_timeout(std::time::Duration::from_secs(5))?;
        connection.pragma_update(None, "cell_size_check", true)?;
        // One moment of the casebook, also while another process writes.
        connection.execute_batch("BEGIN")?;
        whole(&connection, path, options, progress)
    };
    run().map_err(|e| CasebookError::from_sqlite(path, &e))
}

fn whole(
    connection: &Connection,
    path: &Path,
    options: &VerifyOptions,
    progress: &mut dyn FnMut(f64) -> bool,
) -> rusqlite::Result<Option<Verification>> {
    let mut found = Verification::default();
    if Stamp::read(connection)?.version < LEDGER_SINCE {
        // The first form had no log: there is nothing to hold it against, and SQLite says what is not there.
        connection.prepare("SELECT leaf FROM ledger")?;
    }
    let ledger = LedgerRows::read(connection)?;
    found.entries = ledger.rows.len() as u64;
    if !progress(0.1) {
        return Ok(None);
    }
    let mut seqs = rows::Claims::default();
    for (step, table) in EvidenceTable::ALL.into_iter().enumerate() {
        let count = rows::check(connection, table, &ledger, &mut seqs, &mut found)?;
        found.rows.insert(table.name().to_owned(), count);
        if !progress(0.1 + 0.1 * (step + 1) as f64) {
            return Ok(None);
        }
    }
    let leaves = ledger.check(&seqs, &mut found);
    tree::check(connection, &ledger, &leaves, options, &mut found)?;
    structure::check(connection, &mut found)?;
    if !options.skip_parts && !parts::check(connection, &mut found, &mut |done| progress(0.4 + 0.6 * done))? {
        return Ok(None);
    }
    if !options.skip_parts {
        files::check(connection, path, &mut found)?;
    }
    found.findings.sort();
    found.findings.dedup();
    Ok(Some(found))
}
