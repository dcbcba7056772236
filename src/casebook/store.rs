//! The database of records.

use std::fs::{File, OpenOptions};
use std::io::{self, Read};
use std::path::{Path, PathBuf};
use std::time::Duration;

use jiff::Timestamp;
use rusqlite::config::DbConfig;
use rusqlite::{Connection, OpenFlags, OptionalExtension, TransactionBehavior};

use super::encode::{Encoded, summary_from_row};
use super::key;
use super::ledger::{EvidenceTable, Head};
use super::note::NoteSigner;
use super::payload::Packer;
use super::schema::{self, APPLICATION_ID, NEWEST, Stamp};
use super::writing::{add_checkpoint, add_event};
use super::{CasebookError, Event, ScanRecord, ScanSummary, StoredScan};

/// How long to wait for another program that is writing.
const BUSY_TIMEOUT: Duration = Duration::from_secs(5);

/// Parsed statements that are kept; adding a record takes a dozen.
const STATEMENTS: usize = 64;

/// An open casebook. One thread owns it; other processes may hold the same file open.
#[derive(Debug)]
pub struct Casebook {
    connection: Connection,
    path: PathBuf,
    signer: NoteSigner,
    clock: WallClock,
    /// Its tables are kept: to make them anew for each record takes longer than to pack one.
    packer: Packer,
}

/// Tells the wall time under the write lock.
pub(super) struct WallClock(Box<dyn Fn() -> Timestamp + Send>);

impl WallClock {
    pub(super) fn now(&self) -> Timestamp {
        (self.0)()
    }
}

impl std::fmt::Debug for WallClock {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("WallClock")
    }
}

impl Casebook {
    /// Opens the casebook at `path`, or makes a new one where there is no file (readable by this user only).
    ///
    /// A file of a newer program or of another kind is refused untouched.
    pub fn open(path: &Path) -> Result<Self, CasebookError> {
        create_private(path).map_err(|e| cannot_open(path, &e))?;
        refuse_foreign(path)?;
        let key_path = key::key_path(path);
        let (signer, _) = key::open_or_make(&key_path).map_err(|e| cannot_open(&key_path, &e))?;
        let connection = Self::connect(path).map_err(|e| CasebookError::from_sqlite(path, &e))?;
        let clock = WallClock(Box::new(Timestamp::now));
        let mut casebook = Self { connection, path: path.to_owned(), signer, clock, packer: Packer::new() };
        casebook.found().map_err(|e| casebook.error(&e))?;
        Ok(casebook)
    }

    /// The same with another clock for the entries of the log.
    #[must_use]
    pub fn with_clock(mut self, clock: Box<dyn Fn() -> Timestamp + Send>) -> Self {
        self.clock = WallClock(clock);
        self
    }

    /// States the key in the log where it is not yet: in the first event of a new casebook, or in a further one when the
    /// key was lost and another one took its place.
    fn found(&mut self) -> rusqlite::Result<()> {
        let verifier = self.signer.verifier().text();
        let stated = |connection: &Connection| -> rusqlite::Result<Option<String>> {
            let sql = "SELECT body ->> 'verifier' FROM event WHERE kind IN ('founded', 'key-replaced') ORDER BY id DESC LIMIT 1";
            connection.query_row(sql, [], |row| row.get(0)).optional().map(Option::flatten)
        };
        if stated(&self.connection)?.as_ref() == Some(&verifier) {
            return Ok(());
        }
        let transaction = self.connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
        let before = stated(&transaction)?;
        if before.as_ref() == Some(&verifier) {
            return Ok(()); // another process was faster
        }
        let mut head = Head::read(&transaction, self.clock.now())?;
        let kind = if before.is_some() { "key-replaced" } else { "founded" };
        let body = serde_json::json!({
            "verifier": verifier, "before": before, "unchained_before": head.frontier.size(), "program": env!("CARGO_PKG_VERSION"),
        });
        let at = head.at.clone();
        add_event(&transaction, &mut head, &at, &Event { operator: "parcelscope", kind, scan_id: None, body: &body })?;
        add_checkpoint(&transaction, &mut head, &self.signer)?;
        transaction.commit()
    }

    /// The key that verifies this casebook's checkpoints, as text to be kept elsewhere.
    pub fn verifier(&self) -> String {
        self.signer.verifier().text()
    }

    /// Adds an event of wall time `at`. Returns its number when it is synced. Who may do so is not asked: what an account
    /// does goes through the acts of [`super::Actor`].
    pub fn append_event(&mut self, at: Timestamp, event: &Event<'_>) -> Result<i64, CasebookError> {
        self.write(at, |writing| writing.event(event).map_err(|e| writing.error(&e)))
    }

    /// The last checkpoint, a signed note to be kept outside this folder.
    pub fn last_checkpoint(&self) -> Result<String, CasebookError> {
        let sql = "SELECT note FROM checkpoint ORDER BY id DESC LIMIT 1";
        self.connection.query_row(sql, [], |row| row.get(0)).map_err(|e| self.error(&e))
    }

    fn connect(path: &Path) -> rusqlite::Result<Connection> {
        let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
        let mut connection = Connection::open_with_flags(path, flags)?;
        connection.busy_timeout(BUSY_TIMEOUT)?;
        connection.set_prepared_statement_cache_capacity(STATEMENTS);
        // The file may have been prepared by somebody: nothing in its schema may do more than hold data.
        connection.set_db_config(DbConfig::SQLITE_DBCONFIG_DEFENSIVE, true)?;
        connection.set_db_config(DbConfig::SQLITE_DBCONFIG_TRUSTED_SCHEMA, false)?;
        connection.set_db_config(DbConfig::SQLITE_DBCONFIG_DQS_DDL, false)?;
        connection.set_db_config(DbConfig::SQLITE_DBCONFIG_DQS_DML, false)?;
        connection.pragma_update(None, "cell_size_check", true)?;
        connection.pragma_update(None, "foreign_keys", true)?;
        // A commit returns only when the log is on the disk; with FULL in the log mode it costs one sync.
        connection.pragma_update_and_check(None, "journal_mode", "WAL", |row| row.get::<_, String>(0))?;
        connection.pragma_update(None, "synchronous", "FULL")?;
        connection.pragma_update(None, "fullfsync", true)?; // macOS: through the disk's own cache
        connection.pragma_update(None, "checkpoint_fullfsync", true)?;
        schema::migrate(&mut connection)?;
        Ok(connection)
    }

    /// Where the database lies.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Adds a record and returns its number. When this returns, the record is committed and synced to the disk.
    pub fn append(&mut self, record: &ScanRecord) -> Result<i64, CasebookError> {
        let encoded = Encoded::new(record).map_err(CasebookError::Unstorable)?;
        self.insert(&encoded).map_err(|e| CasebookError::from_sqlite(&self.path, &e))
    }

    fn insert(&mut self, encoded: &Encoded) -> rusqlite::Result<i64> {
        let packed = encoded.pack(&mut self.packer)?;
        let transaction = self.connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
        let id: i64 = ask(&transaction, "SELECT coalesce(max(id), 0) + 1 FROM scan")?;
        let mut head = Head::read(&transaction, self.clock.now())?;
        packed.insert(&transaction, id, head.next_seq())?;
        head.append(&transaction, EvidenceTable::Scan, id)?;
        add_checkpoint(&transaction, &mut head, &self.signer)?;
        transaction.commit()?;
        Ok(id)
    }

    /// Number of records. Records are numbered from 1 without gaps, so it is also the number of the newest.
    pub fn count(&self) -> Result<i64, CasebookError> {
        self.ask("SELECT coalesce(max(id), 0) FROM scan")
    }

    fn ask(&self, sql: &str) -> Result<i64, CasebookError> {
        ask(&self.connection, sql).map_err(|e| self.error(&e))
    }

    /// A page of records, newest first.
    pub fn list(&self, offset: usize, limit: usize) -> Result<Vec<ScanSummary>, CasebookError> {
        let last = self.count()?.saturating_sub(i64::try_from(offset).unwrap_or(i64::MAX));
        let before_first = last.saturating_sub(i64::try_from(limit).unwrap_or(i64::MAX));
        let sql = "SELECT id, taken_at, operator, parcel, level, headline, simulated, kind FROM scan \
                   WHERE id > ?1 AND id <= ?2 ORDER BY id DESC";
        let mut statement = self.connection.prepare_cached(sql).map_err(|e| self.error(&e))?;
        let rows = statement.query_map([before_first.max(0), last], summary_from_row).map_err(|e| self.error(&e))?;
        rows.map(|row| row.map_err(|e| self.error(&e))?.map_err(|what| self.corrupt(what))).collect()
    }

    /// One whole record.
    pub fn load(&self, id: i64) -> Result<StoredScan, CasebookError> {
        let total = self.count()?;
        if id < 1 || id > total {
            return Err(CasebookError::NoSuchRecord { id, total });
        }
        let missing = |e: &rusqlite::Error| match e {
            rusqlite::Error::QueryReturnedNoRows => self.corrupt(format!("record {id} of {total} is missing")),
            e => self.corrupt_if_typed(id, e),
        };
        let encoded = Encoded::read(&self.connection, id).map_err(|e| missing(&e))?;
        let encoded = encoded.map_err(|what| self.corrupt(format!("record {id}: {what}")))?;
        let record = encoded.decode().map_err(|what| self.corrupt(format!("record {id}: {what}")))?;
        Ok(StoredScan { id, record })
    }

    /// Has SQLite check the whole file, checks that the numbers have no gap, and reads every record once.
    /// Returns the number of records. Takes time in proportion to the size of the casebook.
    ///
    /// It finds damage. Records that somebody replaced skilfully are not found by it.
    pub fn integrity_check(&self) -> Result<i64, CasebookError> {
        let verdict: String =
            self.connection.query_row("PRAGMA integrity_check(1)", [], |row| row.get(0)).map_err(|e| self.error(&e))?;
        if verdict != "ok" {
            return Err(self.corrupt(verdict));
        }
        let (total, rows) = (self.count()?, self.ask("SELECT count(*) FROM scan WHERE id >= 1")?);
        if total != rows {
            return Err(self.corrupt(format!("the newest record is number {total}, but there are {rows} records")));
        }
        for id in 1..=total {
            self.load(id)?;
        }
        Ok(total)
    }

    pub(super) fn error(&self, error: &rusqlite::Error) -> CasebookError {
        CasebookError::from_sqlite(&self.path, error)
    }

    pub(super) const fn connection(&self) -> &Connection {
        &self.connection
    }

    pub(super) const fn parts_to_write(&mut self) -> (&mut Connection, &NoteSigner, &WallClock) {
        (&mut self.connection, &self.signer, &self.clock)
    }

    pub(super) fn corrupt(&self, what: String) -> CasebookError {
        CasebookError::Corrupt { path: self.path.clone(), what }
    }

    fn corrupt_if_typed(&self, id: i64, error: &rusqlite::Error) -> CasebookError {
        match self.error(error) {
            CasebookError::Corrupt { path, what } => {
                CasebookError::Corrupt { path, what: format!("record {id}: {what}") }
            }
            other => other,
        }
    }
}

/// The number that `sql` gives. The statement is kept: what every transaction asks should not be parsed every time.
pub(super) fn ask(connection: &Connection, sql: &str) -> rusqlite::Result<i64> {
    connection.prepare_cached(sql)?.query_row([], |row| row.get(0))
}

fn cannot_open(path: &Path, error: &io::Error) -> CasebookError {
    match error.kind() {
        io::ErrorKind::StorageFull => CasebookError::Full { path: path.to_owned() },
        io::ErrorKind::PermissionDenied | io::ErrorKind::ReadOnlyFilesystem => {
            CasebookError::ReadOnly { path: path.to_owned() }
        }
        _ => CasebookError::CannotOpen { path: path.to_owned(), what: error.to_string() },
    }
}

/// Makes an empty file that only this user may read, unless there is a file already. SQLite gives its side files the
/// same permissions.
pub(super) fn create_private(path: &Path) -> io::Result<()> {
    let mut options = OpenOptions::new();
    options.write(true).create_new(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    match options.open(path) {
        Err(e) if e.kind() == io::ErrorKind::AlreadyExists => Ok(()),
        other => other.map(drop),
    }
}

/// Refuses a database that is newer or not ours, without a write: from its header, and where a log lies beside it
/// (the header is then not the last word), through a connection that can only read.
pub(super) fn refuse_foreign(path: &Path) -> Result<(), CasebookError> {
    let mut header = [0_u8; 100];
    let mut file = File::open(path).map_err(|e| cannot_open(path, &e))?;
    let length = file.metadata().map_err(|e| cannot_open(path, &e))?.len();
    if length == 0 {
        return Ok(()); // just made, now or by a process that ended before its first write
    }
    let foreign = || CasebookError::NotACasebook { path: path.to_owned() };
    let beside = |ending: &str| {
        let mut name = path.as_os_str().to_owned();
        name.push(ending);
        name
    };
    file.read_exact(&mut header).map_err(|e| match e.kind() {
        io::ErrorKind::UnexpectedEof => foreign(),
        _ => cannot_open(path, &e),
    })?;
    drop(file);
    // A first page of which nothing reached the disk, beside the journal that takes it back.
    let unmade = header == [0; 100] && std::fs::metadata(beside("-journal")).is_ok_and(|m| m.len() > 0);
    if !unmade {
        check_stamp(path, Stamp::from_header(&header).ok_or_else(foreign)?)?;
    }
    if std::fs::metadata(beside("-wal")).is_ok_and(|m| m.len() > 0) || !is_ours(&header) {
        let read = |flags| {
            let connection = Connection::open_with_flags(path, flags)?;
            connection.busy_timeout(BUSY_TIMEOUT)?;
            let tables: i64 = connection.query_row("SELECT count(*) FROM sqlite_schema", [], |row| row.get(0))?;
            Ok((Stamp::read(&connection)?, tables))
        };
        let read_only = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX;
        let read_write = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
        // A power cut in the very first transaction leaves a journal, which only a writer can roll back: that gives the
        // file its last committed state, as any program that reads it would.
        let looked = read(read_only).or_else(|e: rusqlite::Error| match e.sqlite_error_code() {
            Some(rusqlite::ErrorCode::ReadOnly) => read(read_write),
            _ => Err(e),
        });
        let (stamp, tables) = looked.map_err(|e| CasebookError::from_sqlite(path, &e))?;
        check_stamp(path, stamp)?;
        if stamp.application_id != APPLICATION_ID && tables > 0 {
            return Err(foreign());
        }
    }
    Ok(())
}

fn is_ours(header: &[u8; 100]) -> bool {
    Stamp::from_header(header).is_some_and(|stamp| stamp.application_id == APPLICATION_ID)
}

/// Accepts what is ours and known, and what carries no stamp yet (an empty database, to be looked at further).
fn check_stamp(path: &Path, stamp: Stamp) -> Result<(), CasebookError> {
    let path = path.to_owned();
    match stamp {
        Stamp { application_id: 0, version: 0 } => Ok(()),
        Stamp { application_id: APPLICATION_ID, version } if version > NEWEST => {
            Err(CasebookError::Newer { path, found: version, known: NEWEST })
        }
        Stamp { application_id: APPLICATION_ID, version } if version >= 1 => Ok(()),
        Stamp { .. } => Err(CasebookError::NotACasebook { path }),
    }
}

#[cfg(test)]
impl Casebook {
    /// Adds a row that the tables accept.
    pub(super) fn append_example(&mut self) {
        self.insert(&Encoded::example(10)).unwrap();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn new() -> (tempfile::TempDir, Casebook) {
        let dir = tempfile::tempdir().unwrap();
        let casebook = Casebook::open(&dir.path().join("casebook.sqlite3")).unwrap();
        (dir, casebook)
    }

    #[test]
    fn a_commit_waits_for_the_disk() {
        let (_dir, casebook) = new();
        let number = |name| casebook.connection.pragma_query_value(None, name, |row| row.get::<_, i64>(0)).unwrap();
        assert_eq!(number("synchronous"), 2, "FULL");
        assert_eq!(number("foreign_keys"), 1);
        assert_eq!(number("trusted_schema"), 0);
        assert_eq!(number("busy_timeout"), 5000);
        assert_eq!(number("application_id"), APPLICATION_ID);
        assert_eq!(number("user_version"), NEWEST);
        let mode: String = casebook.connection.pragma_query_value(None, "journal_mode", |row| row.get(0)).unwrap();
        assert_eq!(mode, "wal");
    }

    /// SQLite gives the same code when the page limit is reached and when the disk has no room.
    #[test]
    fn a_full_disk_is_named_and_the_casebook_goes_on_when_there_is_room() {
        let (_dir, mut casebook) = new();
        let pages: i64 = casebook.connection.pragma_query_value(None, "page_count", |row| row.get(0)).unwrap();
        let limit = |casebook: &Casebook, pages: i64| {
            casebook
                .connection
                .pragma_update_and_check(None, "max_page_count", pages, |row| row.get::<_, i64>(0))
                .unwrap();
        };
        limit(&casebook, pages);
        let encoded = Encoded::example(100_000);
        let error = casebook.insert(&encoded).unwrap_err();
        let error = CasebookError::from_sqlite(casebook.path(), &error);
        assert_eq!(error, CasebookError::Full { path: casebook.path().to_owned() });
        assert!(error.to_string().contains("free some space"), "{error}");
        limit(&casebook, 1 << 30);
        assert_eq!(casebook.insert(&encoded).unwrap(), 1);
    }

    #[test]
    fn a_casebook_that_may_not_be_written_is_named() {
        let (_dir, mut casebook) = new();
        casebook.connection.pragma_update(None, "query_only", true).unwrap();
        let error = casebook.insert(&Encoded::example(10)).unwrap_err();
        let error = CasebookError::from_sqlite(casebook.path(), &error);
        assert_eq!(error, CasebookError::ReadOnly { path: casebook.path().to_owned() });
    }
}
