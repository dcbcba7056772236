//! Everything the casebook holds about one record, as a report or an exchange package needs it.

use std::collections::BTreeSet;
use std::fs::File;
use std::io::{self, Read as _};
use std::path::Path;

use rusqlite::{Connection, params};
use serde::{Deserialize, Serialize};

use super::encode::{Encoded, PARTS};
use super::ledger::{EvidenceTable, hex};
use super::note::Checkpoint;
use super::{Casebook, CasebookError, RecordProof, Statement, StoredScan};
use sha2::{Digest, Sha256};

/// Most events of one record that are read: far above any case, far below what would exhaust memory.
const EVENTS_MAX: i64 = 10_000;

/// Most bytes of files that are read for one record.
const FILES_BYTES_MAX: u64 = 256 << 20;

/// The whole file, or its beginning where it is larger.
fn read_up_to(path: &Path, most: u64) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    File::open(path)?.take(most).read_to_end(&mut bytes)?;
    Ok(bytes)
}

/// An event as the casebook holds it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct StoredEvent {
    /// Number of the event.
    pub id: i64,
    /// Its place in the ledger.
    pub seq: i64,
    /// Wall time, RFC 3339 in UTC.
    pub at: String,
    /// Who did it.
    pub operator: String,
    /// What kind of event it is.
    pub kind: String,
    /// What was said or done.
    pub body: serde_json::Value,
}

impl StoredEvent {
    /// What was stated, as the history of the record says it; `None` for a refusal and for kinds that this program does
    /// not know.
    pub fn words(&self) -> Option<String> {
        Statement::deserialize(&self.body).ok().map(|statement| statement.words())
    }
}

/// A photo or another file that was added to a record.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KeptFile {
    /// Its name when it was added.
    pub name: String,
    /// SHA-256 that the history states, hexadecimal.
    pub sha256: String,
    /// What it shows.
    pub text: String,
    /// Its bytes, where they are there and have that digest.
    pub bytes: Option<Vec<u8>>,
}

/// A large part of a record: the very bytes whose SHA-256 its row states.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RawPart {
    /// Its name, as in the table `part`.
    pub name: &'static str,
    /// `settings` and `answer`: JSON. Counts: 32-bit, little-endian. The spectrum: 64-bit floats, little-endian, axis in
    /// cm-1, then intensities, then their noise where it is known.
    pub bytes: Vec<u8>,
}

/// One record with its history and its proof. It does not change while nothing is said about the record: the proof is
/// against the first checkpoint that covers the record and all of its history, not against the newest one.
#[derive(Clone, Debug, PartialEq)]
pub struct Dossier {
    /// The record.
    pub scan: StoredScan,
    /// SHA-256 of the canonical text of the record's row, hexadecimal; the ledger holds it as the content of the entry.
    pub digest: String,
    /// What was said or done about the record, oldest first.
    pub history: Vec<StoredEvent>,
    /// The files that the history states, in its order.
    pub files: Vec<KeptFile>,
    /// Proof that the record is in the log.
    pub proof: RecordProof,
    /// Proof of each event of the history that it is in the log, in the order of the history, against the same checkpoint.
    pub event_proofs: Vec<RecordProof>,
    /// The large parts of the record, in the order of their digests in the row.
    pub parts: Vec<RawPart>,
    /// What the checkpoint of the proof states.
    pub checkpoint: Checkpoint,
    /// When that checkpoint was written, RFC 3339 in UTC.
    pub checkpoint_at: String,
}

impl Casebook {
    /// Everything about scan `id`.
    pub fn dossier(&self, id: i64) -> Result<Dossier, CasebookError> {
        let scan = self.load(id)?;
        let history = self.events_of(id)?;
        let covered = |connection: &Connection| -> rusqlite::Result<(String, String)> {
            let seq: i64 = connection.query_row("SELECT seq FROM scan WHERE id = ?1", [id], |row| row.get(0))?;
            let last = history.last().map_or(seq, |event| event.seq.max(seq));
            let sql = "SELECT note, at FROM checkpoint WHERE size >= ?1 ORDER BY size, id LIMIT 1";
            connection.query_row(sql, [last], |row| Ok((row.get(0)?, row.get(1)?)))
        };
        let (note, checkpoint_at) = covered(self.connection()).map_err(|e| self.error(&e))?;
        let checkpoint = Checkpoint::parse(&note).map_err(|e| self.corrupt(format!("a checkpoint: {e}")))?;
        let leaves = self.leaves_under(&note)?;
        let proof = self.proof_against((EvidenceTable::Scan, id), &note, &leaves)?;
        let prove = |event: &StoredEvent| self.proof_against((EvidenceTable::Event, event.id), &note, &leaves);
        let event_proofs = history.iter().map(prove).collect::<Result<_, _>>()?;
        let encoded = Encoded::read(self.connection(), id).map_err(|e| self.error(&e))?;
        let encoded = encoded.map_err(|what| self.corrupt(format!("record {id}: {what}")))?;
        let parts = PARTS.iter().zip(encoded.parts()).map(|((name, _), bytes)| RawPart { name, bytes: bytes.to_vec() });
        let parts = parts.collect();
        let digest = hex(&Sha256::digest(&proof.row));
        let files = self.kept_files(&history);
        Ok(Dossier { scan, digest, history, files, proof, event_proofs, parts, checkpoint, checkpoint_at })
    }

    /// The files of a history. One that is not there, is not what was added, or comes when [`FILES_BYTES_MAX`] is reached has
    /// no bytes.
    fn kept_files(&self, history: &[StoredEvent]) -> Vec<KeptFile> {
        let mut left = FILES_BYTES_MAX;
        let stated = history.iter().filter_map(|event| match Statement::deserialize(&event.body).ok()? {
            Statement::File { name, sha256, text, .. } => Some((name, sha256, text)),
            _ => None,
        });
        stated
            .map(|(name, sha256, text)| {
                // The text of an event may have been bent: it must not lead out of the folder.
                let is_digest = sha256.len() == 64 && sha256.bytes().all(|b| b.is_ascii_hexdigit());
                let bytes = is_digest.then(|| read_up_to(&self.file_path(&sha256), left).ok()).flatten();
                let bytes = bytes.filter(|bytes| hex(&Sha256::digest(bytes)) == sha256);
                left = left.saturating_sub(bytes.as_ref().map_or(0, |bytes| bytes.len() as u64));
                KeptFile { name, sha256, text, bytes }
            })
            .collect()
    }

    /// The scans of which somebody said that something in them, or in what was said about them, is wrong.
    pub fn corrected_scans(&self) -> Result<BTreeSet<i64>, CasebookError> {
        self.scans_with(&["correction"])
    }

    /// The scans about which there are events of these kinds.
    pub fn scans_with(&self, kinds: &[&str]) -> Result<BTreeSet<i64>, CasebookError> {
        let sql = "SELECT scan_id FROM event WHERE kind = ?1 AND scan_id IS NOT NULL";
        let mut scans = BTreeSet::new();
        let mut statement = self.connection().prepare_cached(sql).map_err(|e| self.error(&e))?;
        for kind in kinds {
            let rows = statement.query_map([kind], |row| row.get(0)).map_err(|e| self.error(&e))?;
            for row in rows {
                scans.insert(row.map_err(|e| self.error(&e))?);
            }
        }
        Ok(scans)
    }

    /// What was said or done about scan `id`, oldest first.
    pub fn events_of(&self, id: i64) -> Result<Vec<StoredEvent>, CasebookError> {
        let sql = "SELECT id, seq, at, operator, kind, body FROM event WHERE scan_id = ?1 ORDER BY id LIMIT ?2";
        let mut statement = self.connection().prepare_cached(sql).map_err(|e| self.error(&e))?;
        let rows = statement.query_map(params![id, EVENTS_MAX], |row| {
            let event = (row.get(0)?, row.get(1)?, row.get(2)?, row.get(3)?, row.get(4)?);
            Ok((event, row.get::<_, String>(5)?))
        });
        let rows = rows.map_err(|e| self.error(&e))?;
        rows.map(|row| {
            let ((id, seq, at, operator, kind), body) = row.map_err(|e| self.error(&e))?;
            let body = serde_json::from_str(&body)
                .map_err(|e| self.corrupt(format!("event {id}: its body cannot be read ({e})")))?;
            Ok(StoredEvent { id, seq, at, operator, kind, body })
        })
        .collect()
    }
}

#[cfg(test)]
mod tests {
    use super::super::Event;
    use super::*;
    use jiff::Timestamp;

    #[test]
    fn the_history_of_a_record_is_its_own_and_in_order() {
        let dir = tempfile::tempdir().unwrap();
        let mut casebook = Casebook::open(&dir.path().join("casebook.sqlite3")).unwrap();
        casebook.append_example();
        casebook.append_example();
        for (n, scan) in [(1, 1), (2, 2), (3, 1)] {
            let body = serde_json::json!({ "n": n });
            let event = Event { operator: "o", kind: "note", scan_id: Some(scan), body: &body };
            casebook.append_event(Timestamp::from_second(n).unwrap(), &event).unwrap();
        }
        let numbers: Vec<_> = casebook.events_of(1).unwrap().into_iter().map(|e| e.body["n"].as_i64()).collect();
        assert_eq!(numbers, [Some(1), Some(3)]);
    }
}
