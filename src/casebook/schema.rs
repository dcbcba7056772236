//! The numbered forms of the database and how an older one becomes the newest.

use jiff::Timestamp;
use rusqlite::{Connection, TransactionBehavior};

use super::encode::Encoded;
use super::ledger::{EvidenceTable, Head};
use super::payload::Packer;

/// Marks our files in the SQLite header: the letters `PSCB`.
pub(super) const APPLICATION_ID: i64 = 0x5053_4342;

/// The migrations in order; number `n` (from 1) turns a database of version `n - 1` into one of version `n`.
const MIGRATIONS: [Migration; NEWEST as usize] = [
    Migration { sql: include_str!("migrations/0001_scan.sql"), fill: None },
    Migration { sql: include_str!("migrations/0002_ledger.sql"), fill: Some(fill_ledger) },
    Migration { sql: include_str!("migrations/0003_accounts.sql"), fill: None },
    Migration { sql: include_str!("migrations/0004_kind.sql"), fill: None },
    Migration { sql: include_str!("migrations/0005_blanks.sql"), fill: None },
];

/// One step: what SQL can say, then what needs the program.
struct Migration {
    sql: &'static str,
    fill: Option<fn(&Connection) -> rusqlite::Result<()>>,
}

/// The newest version that this program knows.
pub(super) const NEWEST: i64 = 5;

/// The version from which on a database has a ledger.
pub(super) const LEDGER_SINCE: i64 = 2;

/// What the header of a database says about who made it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Stamp {
    /// `PRAGMA application_id`.
    pub application_id: i64,
    /// `PRAGMA user_version`.
    pub version: i64,
}

impl Stamp {
    /// Reads the stamp through SQLite, so that it is right for a database whose last transactions are in the log.
    pub(super) fn read(connection: &Connection) -> rusqlite::Result<Self> {
        let pragma = |name| connection.pragma_query_value(None, name, |row| row.get::<_, i64>(0));
        // SQLite shows the unsigned header field as a signed number.
        Ok(Self { application_id: pragma("application_id")?, version: pragma("user_version")? })
    }

    /// Reads the stamp from the first bytes of a database file; `None` when they are not SQLite's.
    /// The offsets are those of the SQLite file format, section 1.3.
    pub(super) fn from_header(header: &[u8; 100]) -> Option<Self> {
        let number = |at: usize| {
            let bytes = header.get(at..at + 4)?;
            Some(i64::from(i32::from_be_bytes(bytes.try_into().ok()?)))
        };
        if !header.starts_with(b"SQLite format 3\0") {
            return None;
        }
        Some(Self { application_id: number(68)?, version: number(60)? })
    }
}

/// Brings the database to the newest version in one transaction: either all steps are there afterwards or none.
/// The caller has made sure that the database is ours or empty, and not newer.
pub(super) fn migrate(connection: &mut Connection) -> rusqlite::Result<()> {
    if Stamp::read(connection)?.version == NEWEST {
        return Ok(());
    }
    let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
    // Read again under the lock: another process may have been faster.
    let from = usize::try_from(Stamp::read(&transaction)?.version).unwrap_or(0);
    for step in MIGRATIONS.iter().skip(from) {
        transaction.execute_batch(step.sql)?;
    }
    // Afterwards, because the program writes rows of the newest form only.
    for fill in MIGRATIONS.iter().skip(from).filter_map(|step| step.fill) {
        fill(&transaction)?;
    }
    transaction.pragma_update(None, "application_id", APPLICATION_ID)?;
    transaction.pragma_update(None, "user_version", NEWEST)?;
    transaction.commit()
}

/// One thing that a database is made of.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Definition {
    /// `table`, `index` or `trigger`.
    pub kind: String,
    pub name: String,
    /// The table that it belongs to.
    pub table: String,
    /// The statement that made it, in its own form: without comments, spaces made one.
    pub sql: String,
}

/// What this database is made of. The statistics of SQLite are left out: they change no answer.
pub(super) fn definitions(connection: &Connection) -> rusqlite::Result<Vec<Definition>> {
    let sql = "SELECT type, name, tbl_name, coalesce(sql, '') FROM sqlite_schema \
               WHERE name NOT IN ('sqlite_stat1', 'sqlite_stat4') ORDER BY type, name";
    let definition = |row: &rusqlite::Row<'_>| {
        let sql: String = row.get(3)?;
        Ok(Definition { kind: row.get(0)?, name: row.get(1)?, table: row.get(2)?, sql: plain_sql(&sql) })
    };
    connection.prepare(sql)?.query_map([], definition)?.collect()
}

/// What a database of this version is made of, from the migrations.
pub(super) fn definitions_of(version: i64) -> rusqlite::Result<Vec<Definition>> {
    let made = Connection::open_in_memory()?;
    let steps = || MIGRATIONS.iter().take(usize::try_from(version).unwrap_or(0));
    for step in steps() {
        made.execute_batch(step.sql)?;
    }
    for fill in steps().filter_map(|step| step.fill) {
        fill(&made)?;
    }
    definitions(&made)
}

/// The statement without its comments, with one space for many outside of quotes: an earlier program may have laid it out
/// otherwise.
fn plain_sql(sql: &str) -> String {
    let mut plain = String::with_capacity(sql.len());
    let mut signs = sql.chars().peekable();
    while let Some(sign) = signs.next() {
        match sign {
            '\'' | '"' | '`' => {
                plain.push(sign);
                // A doubled quote closes and opens again, which copies it just so.
                for inner in signs.by_ref() {
                    plain.push(inner);
                    if inner == sign {
                        break;
                    }
                }
            }
            '-' if signs.peek() == Some(&'-') => drop(signs.by_ref().find(|c| *c == '\n')),
            c if c.is_ascii_whitespace() => {}
            c => {
                plain.push(c);
                continue;
            }
        }
        if sign != '\'' && sign != '"' && sign != '`' && !plain.ends_with(' ') {
            plain.push(' ');
        }
    }
    plain.trim_end().to_owned()
}

/// Gives the records of the first form their entries in the ledger, in their order, and drops the old table. From here on
/// a change of them is found; that nobody changed them before is not proven by it.
fn fill_ledger(connection: &Connection) -> rusqlite::Result<()> {
    let mut head = Head::read(connection, Timestamp::UNIX_EPOCH)?;
    let mut packer = Packer::new();
    let count: i64 = connection.query_row("SELECT coalesce(max(id), 0) FROM scan_1", [], |row| row.get(0))?;
    for id in 1..=count {
        let old =
            connection.prepare_cached("SELECT * FROM scan_1 WHERE id = ?1")?.query_row([id], Encoded::from_row_1)?;
        old.pack(&mut packer)?.insert(connection, id, head.next_seq())?;
        old.taken_at().clone_into(&mut head.at);
        head.append(connection, EvidenceTable::Scan, id)?;
    }
    connection.execute_batch("DROP TABLE scan_1")
}
