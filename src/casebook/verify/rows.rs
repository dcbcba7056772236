//! The rows of evidence against their ledger entries.

use std::collections::{BTreeMap, HashMap};
use std::iter::successors;

use rusqlite::{Connection, Rows};
use sha2::{Digest, Sha256};

use super::ledger_rows::{LedgerRow, LedgerRows, integer, text as ledger_text};
use super::structure::source;
use super::{FindingKind, Verification};
use crate::casebook::ledger::{ClockSaid, Entry, EvidenceTable, canonical_text};
use crate::casebook::merkle::Hash;

/// At which number of the ledger each row says it was written.
#[derive(Default)]
pub(super) struct Claims {
    by_row: HashMap<(EvidenceTable, i64), i64>,
    by_seq: BTreeMap<i64, Claim>,
}

/// A row that says at which number it was written.
struct Claim {
    table: EvidenceTable,
    id: i64,
    at: String,
    content: Hash,
}

impl Claims {
    /// The number that a row claims.
    pub(super) fn of(&self, table: EvidenceTable, row: i64) -> Option<i64> {
        self.by_row.get(&(table, row)).copied()
    }

    /// Claims beyond `seq` that follow each other without a gap.
    pub(super) fn beyond(&self, seq: i64) -> impl Iterator<Item = i64> {
        successors(seq.checked_add(1), |s| s.checked_add(1)).take_while(|s| self.by_seq.contains_key(s))
    }

    /// The leaf that belongs at `seq`, where one column of its entry was changed and the row of evidence still tells
    /// what it was.
    pub(super) fn leaf_at(&self, seq: i64, row: &LedgerRow) -> Option<Hash> {
        let claim = self.by_seq.get(&seq)?;
        // The rows of one transaction and its checkpoint were entered at one time, which the checkpoint states.
        let mut later = self.by_seq.range(seq..).map(|(_, claim)| claim);
        let entered = later.find(|c| c.table == EvidenceTable::Checkpoint).unwrap_or(claim);
        let rebuilt = |at: &str, clock: &str| Entry {
            seq,
            table: claim.table.name().to_owned(),
            row_id: claim.id,
            at: at.to_owned(),
            clock: clock.to_owned(),
            content: claim.content,
        };
        // Either the stated leaf is the true one, or everything else is as it was and the leaf was changed.
        // Entries that were made from the first form of the database have the time of the scan.
        let times = [entered.at.as_str(), claim.at.as_str()];
        let clocks = [ClockSaid::Forward.name(), ClockSaid::Back.name()];
        let mut leaves = times.iter().flat_map(|at| clocks.map(|clock| rebuilt(at, clock).leaf()));
        let stated = leaves.find(|leaf| row.leaf == Some(*leaf));
        let whole = || times.iter().any(|at| rebuilt(at, &row.entry.clock) == row.entry);
        stated.or_else(|| whole().then(|| row.entry.leaf()))
    }
}

/// Holds every row of `table` against the ledger; returns the number of rows.
pub(super) fn check(
    connection: &Connection,
    table: EvidenceTable,
    ledger: &LedgerRows,
    claims: &mut Claims,
    found: &mut Verification,
) -> rusqlite::Result<u64> {
    let columns = table.columns_in(connection)?;
    let source = source(connection, table.name(), &columns)?;
    let mut statement = source.map(|sql| connection.prepare(&format!("{sql} ORDER BY id, rowid"))).transpose()?;
    let mut rows = statement.as_mut().map(|statement| statement.query([])).transpose()?;
    let (mut count, mut seen) = (0, std::collections::HashSet::new());
    while let Some(row) = rows.as_mut().map_or(Ok(None), Rows::next)? {
        count += 1;
        let (id, seq) = (integer(row, 0)?, integer(row, 1)?);
        let text = canonical_text(&columns, row)?;
        let content: Hash = Sha256::digest(&text).into();
        let at = ledger_text(row, 2)?;
        let claim = || Claim { table, id, at: at.clone(), content };
        claims.by_row.entry((table, id)).or_insert(seq);
        let Some(entry) = ledger.of(table, id).filter(|_| seen.insert(id)) else {
            // No entry names it. If the entry that it claims is gone or was bent, that is said of the ledger.
            let claimed = ledger.at(seq);
            let taken = claimed.is_some_and(LedgerRow::is_true);
            let last = ledger.rows.last().map_or(0, |r| r.entry.seq);
            // Where the whole ledger is gone every row stands for its entry.
            let is_beyond = !ledger.rows.is_empty() && seq > last.saturating_add(1);
            if taken || seq < 1 || is_beyond || !seen.insert(id) {
                found.add(table.name(), id, FindingKind::Inserted);
            } else {
                claims.by_seq.entry(seq).or_insert(claim());
            }
            continue;
        };
        if entry.entry.content == content {
            if entry.is_true() && entry.entry.seq != seq {
                // The program writes the number of the entry into the row.
                found.add(table.name(), id, FindingKind::Reordered);
            }
            claims.by_seq.entry(seq).or_insert(claim());
            continue;
        }
        // An entry whose own digest was changed still has the leaf of the row as it was.
        let restored = Entry { content, ..entry.entry.clone() };
        if entry.leaf == Some(restored.leaf()) {
            claims.by_seq.entry(seq).or_insert(claim());
            continue;
        }
        let moved = ledger.at(seq).is_some_and(|other| {
            other.entry.row_id != id && other.entry.content == content_under(&text, id, other.entry.row_id)
        });
        found.add(table.name(), id, if moved { FindingKind::Reordered } else { FindingKind::Changed });
    }
    for row in &ledger.rows {
        let entry = &row.entry;
        if row.is_true() && entry.table == table.name() && !seen.contains(&entry.row_id) {
            found.add(table.name(), entry.row_id, FindingKind::Missing);
        }
    }
    Ok(count)
}

/// The digest that the row would have under another number.
fn content_under(text: &str, id: i64, other: i64) -> Hash {
    let (own, wanted) = (format!("[[\"id\",{id}],"), format!("[[\"id\",{other}],"));
    let rest = text.strip_prefix(&own).unwrap_or(text);
    Sha256::new().chain_update(wanted).chain_update(rest).finalize().into()
}
