//! The ledger: one entry for every row of evidence, in the order in which the rows were written.
//!
//! An entry names the row and holds the SHA-256 of its canonical text. The texts of the entries are the leaves of the
//! Merkle log ([`super::merkle`]). Both texts are defined here and described in `docs/casebook.md`, so that another
//! program can compute them.

use std::fmt::Write as _;

use jiff::Timestamp;
use rusqlite::types::ValueRef;
use rusqlite::{Connection, OptionalExtension, Row, params};
use sha2::{Digest, Sha256};

use super::merkle::{Frontier, Hash, leaf_hash};
use super::store::ask;

/// A table whose rows are evidence.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum EvidenceTable {
    /// Scans.
    Scan,
    /// Everything else that was done or said: notes, corrections, accounts, keys.
    Event,
    /// Signed checkpoints of the log.
    Checkpoint,
}

impl EvidenceTable {
    /// Every table of evidence.
    pub const ALL: [Self; 3] = [Self::Scan, Self::Event, Self::Checkpoint];

    /// Its name in the database.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Scan => "scan",
            Self::Event => "event",
            Self::Checkpoint => "checkpoint",
        }
    }

    /// The table of this name.
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|t| t.name() == name)
    }

    /// Those of its columns that a file has: one of an earlier form lacks what came later, which is NULL everywhere.
    pub(super) fn columns_in(self, connection: &Connection) -> rusqlite::Result<Vec<&'static str>> {
        let sql = format!("SELECT name FROM pragma_table_info('{}')", self.name());
        let there = connection
            .prepare_cached(&sql)?
            .query_map([], |row| row.get(0))?
            .collect::<rusqlite::Result<Vec<String>>>()?;
        let kept = |column: &&str| !is_later(column) || there.iter().any(|name| name == column);
        Ok(self.columns().iter().copied().filter(kept).collect())
    }

    /// Its columns in the order of the canonical text.
    pub(super) const fn columns(self) -> &'static [&'static str] {
        match self {
            Self::Scan => &super::encode::SCAN_COLUMNS,
            Self::Event => &["id", "seq", "at", "operator", "kind", "scan_id", "body"],
            Self::Checkpoint => &["id", "seq", "at", "size", "note"],
        }
    }
}

/// Whether the clock had gone back when an entry was written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum ClockSaid {
    Forward,
    /// Stated by the program itself at the time.
    Back,
}

impl ClockSaid {
    pub(super) const fn name(self) -> &'static str {
        match self {
            Self::Forward => "forward",
            Self::Back => "back",
        }
    }
}

/// One entry as it stands in its row, without the leaf.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Entry {
    pub seq: i64,
    pub table: String,
    pub row_id: i64,
    /// Wall time, RFC 3339 in UTC with nine decimals, so that it sorts as text.
    pub at: String,
    pub clock: String,
    /// SHA-256 of the row's canonical text.
    pub content: Hash,
}

impl Entry {
    /// The text whose RFC 6962 leaf hash goes into the tree.
    pub(super) fn text(&self) -> String {
        let Self { seq, table, row_id, at, clock, content } = self;
        format!(
            "parcelscope-entry/1\nseq {seq}\ntable {table}\nrow {row_id}\nat {at}\nclock {clock}\ncontent {}\n",
            hex(content)
        )
    }

    pub(super) fn leaf(&self) -> Hash {
        leaf_hash(self.text().as_bytes())
    }
}

/// Small letters, two a byte.
pub(super) fn hex(bytes: &[u8]) -> String {
    let digit = |nibble: u8| char::from_digit(u32::from(nibble), 16).unwrap_or('0');
    bytes.iter().flat_map(|byte| [digit(byte >> 4), digit(byte & 15)]).collect()
}

/// Whether a column came later than the ledger. Such a one is left out of the canonical text where it is NULL.
fn is_later(column: &str) -> bool {
    column == "kind"
}

/// The canonical text of a row whose columns are the first of `row`: a JSON list of pairs of name and value, without
/// spaces; later columns left out where they are NULL; blobs as hexadecimal text, floats as text with all digits (no column of ours holds one).
pub(super) fn canonical_text(columns: &[&str], row: &Row<'_>) -> rusqlite::Result<String> {
    let mut text = String::from("[");
    for (i, name) in columns.iter().enumerate() {
        let comma = if i == 0 { "" } else { "," };
        let value = match row.get_ref(i)? {
            ValueRef::Null if is_later(name) => continue,
            ValueRef::Null => "null".to_owned(),
            ValueRef::Integer(n) => n.to_string(),
            ValueRef::Real(x) => json_text(&format!("real {x:?}")),
            ValueRef::Text(text) => match std::str::from_utf8(text) {
                Ok(text) => json_text(text),
                Err(_) => json_text(&format!("not UTF-8 {}", hex(text))),
            },
            ValueRef::Blob(bytes) => format!("\"{}\"", hex(bytes)),
        };
        // Writing to a String cannot fail.
        let _ = write!(text, "{comma}[\"{name}\",{value}]");
    }
    text.push(']');
    Ok(text)
}

/// The text as a string of JSON.
fn json_text(text: &str) -> String {
    serde_json::Value::from(text).to_string()
}

/// SHA-256 of the canonical text.
pub(super) fn content_of(columns: &[&str], row: &Row<'_>) -> rusqlite::Result<Hash> {
    Ok(Sha256::digest(canonical_text(columns, row)?).into())
}

/// What is needed to add the next entry.
pub(super) struct Head {
    pub frontier: Frontier,
    /// Wall time of the last entry; empty before the first.
    pub last_at: String,
    /// Wall time of the entries that come: read under the write lock, so that of two programs that write at once neither
    /// looks like a clock that went back.
    pub at: String,
}

impl Head {
    /// Reads the head: the tree as of the last checkpoint from its cache, the entries behind it from the ledger. A cache
    /// that does not have the root that the checkpoint states is not believed, and the tree is computed from all leaves.
    pub(super) fn read(connection: &Connection, now: Timestamp) -> rusqlite::Result<Self> {
        let size: i64 = ask(connection, "SELECT coalesce(max(seq), 0) FROM ledger")?;
        let mut statement = connection.prepare_cached("SELECT at FROM ledger WHERE seq = ?1")?;
        let last_at: Option<String> = statement.query_row([size], |r| r.get(0)).optional()?;
        let mut frontier = cached(connection)?.unwrap_or_default();
        let from = i64::try_from(frontier.size()).unwrap_or(0);
        let mut statement = connection.prepare_cached("SELECT leaf FROM ledger WHERE seq > ?1 ORDER BY seq")?;
        let mut rows = statement.query([from])?;
        while let Some(row) = rows.next()? {
            frontier.push(row.get(0)?);
        }
        Ok(Self { frontier, last_at: last_at.unwrap_or_default(), at: format!("{now:.9}") })
    }

    /// Number of the entry that comes next.
    pub(super) fn next_seq(&self) -> i64 {
        i64::try_from(self.frontier.size()).unwrap_or(i64::MAX - 1) + 1
    }

    /// Adds the entry of a row that was just written with `seq` as [`Self::next_seq`].
    pub(super) fn append(
        &mut self,
        connection: &Connection,
        table: EvidenceTable,
        row_id: i64,
    ) -> rusqlite::Result<()> {
        let columns = table.columns();
        let sql = format!("SELECT {} FROM {} WHERE id = ?1", columns.join(", "), table.name());
        let content = connection.prepare_cached(&sql)?.query_row([row_id], |row| content_of(columns, row))?;
        let clock = if self.at < self.last_at { ClockSaid::Back } else { ClockSaid::Forward };
        let entry = Entry {
            seq: self.next_seq(),
            table: table.name().to_owned(),
            row_id,
            at: self.at.clone(),
            clock: clock.name().to_owned(),
            content,
        };
        let leaf = entry.leaf();
        let sql = "INSERT INTO ledger (seq, table_name, row_id, at, clock, content, leaf) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)";
        connection.prepare_cached(sql)?.execute(params![
            entry.seq,
            entry.table,
            entry.row_id,
            entry.at,
            entry.clock,
            entry.content,
            leaf
        ])?;
        self.frontier.push(leaf);
        self.last_at.clone_from(&self.at);
        Ok(())
    }

    /// Keeps the tree for the next time. Called when a checkpoint states its root.
    pub(super) fn keep(&self, connection: &Connection) -> rusqlite::Result<()> {
        let sql = "INSERT INTO head (id, size, peaks) VALUES (1, ?1, ?2) \
                   ON CONFLICT (id) DO UPDATE SET size = excluded.size, peaks = excluded.peaks";
        let size = i64::try_from(self.frontier.size()).unwrap_or(i64::MAX);
        connection.prepare_cached(sql)?.execute(params![size, self.frontier.peaks().concat()])?;
        Ok(())
    }
}

/// The kept tree, where it is the one of the last checkpoint.
fn cached(connection: &Connection) -> rusqlite::Result<Option<Frontier>> {
    let mut statement = connection.prepare_cached("SELECT size, peaks FROM head WHERE id = 1")?;
    let head: Option<(i64, Vec<u8>)> = statement.query_row([], |r| Ok((r.get(0)?, r.get(1)?))).optional()?;
    let mut statement = connection.prepare_cached("SELECT note FROM checkpoint ORDER BY id DESC LIMIT 1")?;
    let note: Option<String> = statement.query_row([], |r| r.get(0)).optional()?;
    let (Some((size, peaks)), Some(note)) = (head, note) else { return Ok(None) };
    let (hashes, rest) = peaks.as_chunks::<32>();
    let frontier = u64::try_from(size).ok().and_then(|size| Frontier::from_parts(size, hashes.to_vec()));
    let stated = super::note::Checkpoint::parse(&note).ok();
    Ok(match (frontier, stated) {
        (Some(frontier), Some(stated))
            if rest.is_empty() && stated.size == frontier.size() && stated.root == frontier.root() =>
        {
            Some(frontier)
        }
        _ => None,
    })
}
