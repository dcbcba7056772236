//! The ledger as it stands in the file, whatever that is.

use std::collections::HashMap;

use rusqlite::types::ValueRef;
use rusqlite::{Connection, Row};

use super::rows::Claims;
use super::structure::source;
use super::{FindingKind, Verification};
use crate::casebook::ledger::{ClockSaid, Entry, EvidenceTable};
use crate::casebook::merkle::Hash;

/// Most missing entries that are named one by one.
const GAP_MAX: i64 = 10_000;

/// One row, with the leaf that it states.
pub(super) struct LedgerRow {
    pub entry: Entry,
    pub leaf: Option<Hash>,
    is_true: bool,
}

/// All rows, by number.
pub(super) struct LedgerRows {
    pub rows: Vec<LedgerRow>,
    by_row: HashMap<(EvidenceTable, i64), usize>,
}

/// The leaves in the order of the log, up to the first one that nobody can tell.
pub(super) struct Leaves {
    pub hashes: Vec<Hash>,
    /// Whether these are all that the ledger has.
    pub whole: bool,
}

impl LedgerRow {
    fn new(entry: Entry, leaf: Option<Hash>) -> Self {
        Self { is_true: leaf == Some(entry.leaf()), entry, leaf }
    }

    /// Whether it says of itself what its leaf says.
    pub(super) const fn is_true(&self) -> bool {
        self.is_true
    }
}

impl LedgerRows {
    /// Reads the ledger; a value of another type than its column promises reads as an entry that cannot be right.
    pub(super) fn read(connection: &Connection) -> rusqlite::Result<Self> {
        let columns = ["seq", "table_name", "row_id", "at", "clock", "content", "leaf"];
        let mut ledger = Self { rows: Vec::new(), by_row: HashMap::new() };
        let Some(source) = source(connection, "ledger", &columns)? else { return Ok(ledger) };
        let mut statement = connection.prepare(&format!("{source} ORDER BY seq, rowid"))?;
        let mut rows = statement.query([])?;
        while let Some(row) = rows.next()? {
            let entry = Entry {
                seq: integer(row, 0)?,
                table: text(row, 1)?,
                row_id: integer(row, 2)?,
                at: text(row, 3)?,
                clock: text(row, 4)?,
                content: hash(row, 5)?.unwrap_or_default(),
            };
            ledger.rows.push(LedgerRow::new(entry, hash(row, 6)?));
        }
        // An entry that was bent may name another's row: those that are true name theirs first.
        for is_true in [true, false] {
            for (index, row) in ledger.rows.iter().enumerate().filter(|(_, row)| row.is_true() == is_true) {
                if let Some(table) = EvidenceTable::from_name(&row.entry.table) {
                    ledger.by_row.entry((table, row.entry.row_id)).or_insert(index);
                }
            }
        }
        Ok(ledger)
    }

    /// The entry that names this row.
    pub(super) fn of(&self, table: EvidenceTable, row_id: i64) -> Option<&LedgerRow> {
        self.by_row.get(&(table, row_id)).and_then(|i| self.rows.get(*i))
    }

    /// The entry of this number.
    pub(super) fn at(&self, seq: i64) -> Option<&LedgerRow> {
        let near = self.rows.partition_point(|r| r.entry.seq < seq);
        self.rows.get(near).filter(|r| r.entry.seq == seq)
    }

    /// Checks numbers, leaves and times, and returns the leaves as far as they are known.
    pub(super) fn check(&self, claims: &Claims, found: &mut Verification) -> Leaves {
        let mut known: HashMap<i64, Hash> = HashMap::with_capacity(self.rows.len());
        let mut before = 0_i64;
        let mut moved = Vec::new();
        for row in &self.rows {
            let seq = row.entry.seq;
            if let (true, Some(leaf)) = (row.is_true(), row.leaf) {
                if known.insert(seq, leaf).is_some() {
                    found.add("ledger", seq, FindingKind::Inserted);
                }
                continue;
            }
            // Whose leaf is it, then? The row of evidence says at which number it was written.
            let claim = EvidenceTable::from_name(&row.entry.table)
                .and_then(|table| claims.of(table, row.entry.row_id))
                .filter(|claim| *claim != seq && row.leaf == Some(Entry { seq: *claim, ..row.entry.clone() }.leaf()));
            match claim {
                Some(claim) if self.at(claim).is_some_and(LedgerRow::is_true) => {
                    found.add("ledger", seq, FindingKind::Inserted);
                }
                Some(claim) => {
                    found.add("ledger", seq, FindingKind::Reordered);
                    moved.push((claim, row.leaf.unwrap_or_default()));
                }
                None => {
                    found.add("ledger", seq, FindingKind::Changed);
                    // Its place is known, and what it said can be computed from the row if that is as it was.
                    if let Some(leaf) = claims.leaf_at(seq, row) {
                        moved.push((seq, leaf));
                    }
                }
            }
        }
        known.extend(moved);
        for row in &self.rows {
            let seq = row.entry.seq;
            for missing in (before.saturating_add(1)..seq).take(GAP_MAX as usize).filter(|s| !known.contains_key(s)) {
                found.add("ledger", missing, FindingKind::Missing);
            }
            before = before.max(seq);
        }
        // The last entry can be told to be missing only by a row that claims it.
        for claim in claims.beyond(before).filter(|c| !known.contains_key(c)) {
            found.add("ledger", claim, FindingKind::Missing);
        }
        self.check_times(found);
        let hashes: Vec<Hash> = (1..).map_while(|seq| known.get(&seq).copied()).collect();
        let is_gone = self.rows.is_empty() && claims.beyond(0).next().is_some();
        Leaves { whole: hashes.len() >= self.rows.len() && !is_gone, hashes }
    }

    fn check_times(&self, found: &mut Verification) {
        let (mut before, mut last) = ("", 0_i64);
        for row in self.rows.iter().filter(|row| row.is_true()) {
            let at = row.entry.at.as_str();
            // Beside a gap nobody can tell.
            if last.checked_add(1) != Some(row.entry.seq) {
                before = "";
            }
            last = row.entry.seq;
            let noted = row.entry.clock == ClockSaid::Back.name();
            if noted {
                found.clock_noted_back += 1;
            } else if at < before {
                found.add("ledger", row.entry.seq, FindingKind::ClockWentBack);
            }
            before = at;
        }
    }
}

/// An integer, or a number that no row of ours has.
pub(super) fn integer(row: &Row<'_>, column: usize) -> rusqlite::Result<i64> {
    Ok(if let ValueRef::Integer(n) = row.get_ref(column)? { n } else { i64::MIN })
}

/// A text, or one that no row of ours has.
pub(super) fn text(row: &Row<'_>, column: usize) -> rusqlite::Result<String> {
    Ok(match row.get_ref(column)? {
        ValueRef::Text(bytes) => String::from_utf8(bytes.to_vec()).unwrap_or_else(|_| "\u{fffd}".to_owned()),
        _ => "\u{fffd}".to_owned(),
    })
}

/// A digest.
pub(super) fn hash(row: &Row<'_>, column: usize) -> rusqlite::Result<Option<Hash>> {
    Ok(if let ValueRef::Blob(bytes) = row.get_ref(column)? { bytes.try_into().ok() } else { None })
}
