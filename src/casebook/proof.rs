//! The proof that one row of evidence is in the log, as text that verifies without the casebook.
//!
//! The format is C2SP tlog-proof (<https://c2sp.org/tlog-proof>); its extra data is the text of the entry.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use rusqlite::Connection;
use serde::Serialize;

use super::ledger::{Entry, EvidenceTable, canonical_text};
use super::merkle::{Hash, inclusion_proof};
use super::note::Checkpoint;
use super::{Casebook, CasebookError};

/// Everything that another program needs to check one row: that of a record, or an event of its history.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct RecordProof {
    /// The canonical text of the row; its SHA-256 stands in the entry.
    pub row: String,
    /// The text of the row's entry; its RFC 6962 leaf hash is in the tree.
    pub entry: String,
    /// The C2SP tlog-proof: place in the log, audit path, signed checkpoint.
    pub proof: String,
    /// The key that verifies the checkpoint. It proves nothing unless it is held against one from elsewhere.
    pub verifier: String,
}

impl Casebook {
    /// Proves that scan `id` is in the log that the last checkpoint signs.
    pub fn proof(&self, id: i64) -> Result<RecordProof, CasebookError> {
        let total = self.count()?;
        if id < 1 || id > total {
            return Err(CasebookError::NoSuchRecord { id, total });
        }
        let checkpoint = self.last_checkpoint()?;
        let leaves = self.leaves_under(&checkpoint)?;
        self.proof_against((EvidenceTable::Scan, id), &checkpoint, &leaves)
    }

    /// The leaves of the log that `checkpoint` signs.
    pub(super) fn leaves_under(&self, checkpoint: &str) -> Result<Vec<Hash>, CasebookError> {
        let size = Checkpoint::parse(checkpoint).map_err(|e| self.corrupt(format!("a checkpoint: {e}")))?.size;
        let read = |connection: &Connection| -> rusqlite::Result<Vec<Hash>> {
            let mut statement = connection.prepare("SELECT leaf FROM ledger WHERE seq <= ?1 ORDER BY seq")?;
            statement.query_map([i64::try_from(size).unwrap_or(i64::MAX)], |row| row.get(0))?.collect()
        };
        read(self.connection()).map_err(|e| self.error(&e))
    }

    /// Proves that a row, which exists, is in the log of these leaves, which `checkpoint` signs.
    pub(super) fn proof_against(
        &self,
        (table, id): (EvidenceTable, i64),
        checkpoint: &str,
        leaves: &[Hash],
    ) -> Result<RecordProof, CasebookError> {
        let parts = read(self.connection(), table, id, leaves).map_err(|e| self.error(&e))?;
        let damaged = || {
            self.corrupt(format!(
                "row {id} of the table {} does not fit its entry; run 'parcelscope casebook verify'",
                table.name()
            ))
        };
        let (row, entry, index, path) = parts.ok_or_else(damaged)?;
        let mut proof = format!("c2sp.org/tlog-proof@v1\nextra {}\nindex {index}\n", STANDARD.encode(&entry));
        for hash in path {
            proof.push_str(&STANDARD.encode(hash));
            proof.push('\n');
        }
        proof.push('\n');
        proof.push_str(checkpoint);
        Ok(RecordProof { row, entry, proof, verifier: self.verifier() })
    }
}

type Parts = (String, String, usize, Vec<Hash>);

/// Row, entry, index and audit path; `None` where they do not fit each other.
fn read(connection: &Connection, table: EvidenceTable, id: i64, leaves: &[Hash]) -> rusqlite::Result<Option<Parts>> {
    let (columns, name) = (table.columns(), table.name());
    let sql = format!("SELECT {} FROM {name} WHERE id = ?1", columns.join(", "));
    let row = connection.prepare_cached(&sql)?.query_row([id], |row| canonical_text(columns, row))?;
    let sql = format!("SELECT seq, at, clock, content FROM ledger WHERE seq = (SELECT seq FROM {name} WHERE id = ?1)");
    let entry = connection.query_row(&sql, [id], |row| {
        Ok(Entry {
            seq: row.get(0)?,
            table: name.to_owned(),
            row_id: id,
            at: row.get(1)?,
            clock: row.get(2)?,
            content: row.get(3)?,
        })
    })?;
    let index = usize::try_from(entry.seq.saturating_sub(1)).unwrap_or(usize::MAX);
    if leaves.get(index) != Some(&entry.leaf()) {
        return Ok(None);
    }
    Ok(inclusion_proof(index, leaves).map(|path| (row, entry.text(), index, path)))
}

#[cfg(test)]
mod tests {
    use super::super::merkle::{includes, leaf_hash};
    use super::super::note::NoteVerifier;
    use super::*;

    /// Reads the text by the words of its format and checks it with nothing but the key.
    fn verify(proof: &RecordProof) -> bool {
        let Some((head, checkpoint)) = proof.proof.split_once("\n\n") else { return false };
        let mut lines = head.lines();
        let (Some("c2sp.org/tlog-proof@v1"), Some(extra), Some(index)) = (lines.next(), lines.next(), lines.next())
        else {
            return false;
        };
        let entry = extra.strip_prefix("extra ").and_then(|e| STANDARD.decode(e).ok()).unwrap_or_default();
        let index: u64 = index.strip_prefix("index ").and_then(|i| i.parse().ok()).unwrap_or(u64::MAX);
        let path: Option<Vec<Hash>> = lines.map(|l| STANDARD.decode(l).ok()?.try_into().ok()).collect();
        let key = NoteVerifier::parse(&proof.verifier).unwrap();
        let Ok(stated) = key.open(checkpoint).and_then(Checkpoint::parse) else { return false };
        path.is_some_and(|path| includes(&leaf_hash(&entry), index, stated.size, &path, &stated.root))
    }

    #[test]
    fn a_proof_verifies_without_the_casebook_and_a_bent_one_does_not() {
        let dir = tempfile::tempdir().unwrap();
        let mut casebook = Casebook::open(&dir.path().join("casebook.sqlite3")).unwrap();
        for _ in 0..5 {
            casebook.append_example();
        }
        for id in 1..=5 {
            let proof = casebook.proof(id).unwrap();
            assert!(verify(&proof), "{id}");
            let content: Hash = <sha2::Sha256 as sha2::Digest>::digest(&proof.row).into();
            assert!(proof.entry.contains(&super::super::ledger::hex(&content)), "the row belongs to the entry");
            for from in ["index ", "\n\nparcelscope", "extra cG"] {
                let bent = proof.proof.replacen(from, &format!("{from}1"), 1);
                assert!(!verify(&RecordProof { proof: bent, ..proof.clone() }), "{id}: {from}");
            }
        }
        assert_eq!(casebook.proof(6), Err(CasebookError::NoSuchRecord { id: 6, total: 5 }));
    }
}
