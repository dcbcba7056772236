//! One transaction that adds evidence: every row with its entry, a signed checkpoint at the end, synced.

use std::path::Path;

use jiff::Timestamp;
use rusqlite::{Connection, TransactionBehavior, params};

use super::encode::{Encoded, Packed};
use super::ledger::{EvidenceTable, Head};
use super::note::{Checkpoint, NoteSigner};
use super::payload::Packer;
use super::store::ask;
use super::{Casebook, CasebookError, Event, ScanRecord, Statement};

/// What may be done inside the transaction.
pub(super) struct Writing<'a> {
    pub(super) connection: &'a Connection,
    path: &'a Path,
    head: Head,
    at: String,
}

impl Writing<'_> {
    /// Adds an event and returns its number.
    pub(super) fn event(&mut self, event: &Event<'_>) -> rusqlite::Result<i64> {
        add_event(self.connection, &mut self.head, &self.at, event)
    }

    /// Adds a scan and returns its number.
    fn scan(&mut self, packed: &Packed<'_>) -> rusqlite::Result<i64> {
        let id: i64 = ask(self.connection, "SELECT coalesce(max(id), 0) + 1 FROM scan")?;
        packed.insert(self.connection, id, self.head.next_seq())?;
        self.head.append(self.connection, EvidenceTable::Scan, id)?;
        Ok(id)
    }

    /// The sentence for an SQLite error.
    pub(super) fn error(&self, error: &rusqlite::Error) -> CasebookError {
        CasebookError::from_sqlite(self.path, error)
    }

    /// Something in the casebook makes no sense.
    pub(super) fn corrupt(&self, what: String) -> CasebookError {
        CasebookError::Corrupt { path: self.path.to_owned(), what }
    }
}

impl Casebook {
    /// Adds a record that was kept outside the casebook since its scan, with a note that says so, both or none. Where the
    /// casebook holds the very same record already nothing is added. Returns its number, and whether it is new.
    pub fn append_late(&mut self, record: &ScanRecord) -> Result<(i64, bool), CasebookError> {
        let encoded = Encoded::new(record).map_err(CasebookError::Unstorable)?;
        let path = self.path().to_owned();
        let packed = encoded.pack(&mut Packer::new()).map_err(|e| CasebookError::from_sqlite(&path, &e))?;
        let text =
            "this record could not be written when the scan was made; it was kept outside the casebook and written now";
        let note = Statement::Note { text: text.to_owned() };
        let body = serde_json::to_value(&note).map_err(|e| CasebookError::Unstorable(e.to_string()))?;
        self.write(Timestamp::now(), |writing| {
            if let Some(id) = packed.find(writing.connection).map_err(|e| writing.error(&e))? {
                return Ok((id, false));
            }
            let id = writing.scan(&packed).map_err(|e| writing.error(&e))?;
            let event = Event { operator: "parcelscope", kind: note.kind(), scan_id: Some(id), body: &body };
            writing.event(&event).map_err(|e| writing.error(&e))?;
            Ok((id, true))
        })
    }

    /// Lets `change` write under the lock, signs the log and waits for the disk. Where `change` fails nothing of it stays.
    pub(super) fn write<T>(
        &mut self,
        at: Timestamp,
        change: impl FnOnce(&mut Writing<'_>) -> Result<T, CasebookError>,
    ) -> Result<T, CasebookError> {
        let path = self.path().to_owned();
        let sqlite = |e: rusqlite::Error| CasebookError::from_sqlite(&path, &e);
        let (connection, signer, clock) = self.parts_to_write();
        let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate).map_err(sqlite)?;
        let head = Head::read(&transaction, clock.now()).map_err(sqlite)?;
        let before = head.next_seq();
        let mut writing = Writing { connection: &transaction, path: &path, head, at: format!("{at:.9}") };
        let changed = change(&mut writing)?;
        let Writing { mut head, .. } = writing;
        if head.next_seq() > before {
            add_checkpoint(&transaction, &mut head, signer).map_err(sqlite)?;
        }
        transaction.commit().map_err(sqlite)?;
        Ok(changed)
    }
}

/// Writes an event with its entry.
pub(super) fn add_event(
    connection: &Connection,
    head: &mut Head,
    at: &str,
    event: &Event<'_>,
) -> rusqlite::Result<i64> {
    let Event { operator, kind, scan_id, body } = event;
    let id: i64 = ask(connection, "SELECT coalesce(max(id), 0) + 1 FROM event")?;
    let sql = "INSERT INTO event (id, seq, at, operator, kind, scan_id, body) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)";
    connection.prepare_cached(sql)?.execute(params![
        id,
        head.next_seq(),
        at,
        operator,
        kind,
        scan_id,
        body.to_string()
    ])?;
    head.append(connection, EvidenceTable::Event, id)?;
    Ok(id)
}

/// Signs the log as it is and writes the checkpoint with its own entry, which the next checkpoint covers.
pub(super) fn add_checkpoint(connection: &Connection, head: &mut Head, signer: &NoteSigner) -> rusqlite::Result<()> {
    let size = head.frontier.size();
    let origin = signer.verifier().name().to_owned();
    let note = signer.sign(&Checkpoint { origin, size, root: head.frontier.root() }.text());
    head.keep(connection)?;
    let id: i64 = ask(connection, "SELECT coalesce(max(id), 0) + 1 FROM checkpoint")?;
    let sql = "INSERT INTO checkpoint (id, seq, at, size, note) VALUES (?1, ?2, ?3, ?4, ?5)";
    let size = i64::try_from(size).unwrap_or(i64::MAX);
    connection.prepare_cached(sql)?.execute(params![id, head.next_seq(), head.at, size, note])?;
    head.append(connection, EvidenceTable::Checkpoint, id)
}
