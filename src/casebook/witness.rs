//! Witnesses: another unit signs a checkpoint of this log, and later signs a newer one only where that continues the old.
//!
//! The witness keeps in its own log what it signed. The signature is a further line on the same note (C2SP signed-note),
//! so that whoever has the note and both keys needs nothing else.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use thiserror::Error;

use super::merkle::{Hash, consistency_proof, consistent};
use super::note::{Checkpoint, NoteError, NoteVerifier};
use super::{Act, Actor, Casebook, CasebookError, Event};

/// Kind of the event of a checkpoint that was witnessed.
const WITNESSED: &str = "witnessed";
/// First line of a proof of consistency.
const PROOF_HEADER: &str = "parcelscope-consistency/1";
/// Most hashes of a proof: two for each level of a tree of 2^63 entries.
const PROOF_HASHES_MAX: usize = 128;

/// Why a checkpoint is not witnessed.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum WitnessError {
    /// The note is not one of this key.
    #[error(transparent)]
    Note(#[from] NoteError),
    /// Another log than the key's.
    #[error("the checkpoint is of the log {origin}, not of the key {key}; give the key of the unit that it is from")]
    OtherLog {
        /// The log of the checkpoint.
        origin: String,
        /// The name of the key.
        key: String,
    },
    /// An earlier checkpoint was witnessed and nothing proves that this one continues it.
    #[error(
        "this unit has witnessed entry {old} of that log; give the proof that entry {new} continues it ('parcelscope casebook consistency --from {old} --to {new}' on that unit prints it)"
    )]
    ProofMissing {
        /// Size of the witnessed log.
        old: u64,
        /// Size of the new one.
        new: u64,
    },
    /// The log was forked, cut or rewritten since.
    #[error(
        "THE LOG DOES NOT CONTINUE WHAT WAS WITNESSED: the checkpoint at entry {new} contradicts the one at entry {old}; keep both and report it"
    )]
    NotConsistent {
        /// Size of the witnessed log.
        old: u64,
        /// Size of the new one.
        new: u64,
    },
    /// No text of a proof.
    #[error(
        "this is not a proof of consistency; take the text that 'parcelscope casebook consistency' prints, unchanged"
    )]
    NotAProof,
    /// The log has no such sizes.
    #[error("the log has {entries} entries; give sizes from 1 up to that, the older one first")]
    NoSuchSize {
        /// How many there are.
        entries: u64,
    },
}

/// A checkpoint as the witness remembers it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
struct Witnessed {
    origin: String,
    size: u64,
    root: String,
    note: String,
}

impl Casebook {
    /// Signs the checkpoint of another unit, whose key `verifier` is known from elsewhere. Where this unit has witnessed
    /// that log before, `proof` must show that it continues. Returns the note with this unit's signature added.
    pub fn witness(
        &mut self,
        at: Timestamp,
        by: &Actor,
        note: &str,
        verifier: &NoteVerifier,
        proof: Option<&str>,
    ) -> Result<String, CasebookError> {
        let checkpoint = verifier.open(note).and_then(Checkpoint::parse).map_err(WitnessError::from)?;
        if checkpoint.origin != verifier.name() {
            let key = verifier.name().to_owned();
            return Err(WitnessError::OtherLog { origin: checkpoint.origin, key }.into());
        }
        if let Some(before) = self.last_witnessed(verifier.name())? {
            judge(&before, &checkpoint, proof)?;
        }
        let own = self.cosign(note)?;
        let body = serde_json::to_value(Witnessed {
            origin: checkpoint.origin,
            size: checkpoint.size,
            root: STANDARD.encode(checkpoint.root),
            note: own.clone(),
        })
        .map_err(|e| CasebookError::Unstorable(e.to_string()))?;
        self.act(at, by, Act::Witness, None, |writing, _| {
            let event = Event { operator: by.name(), kind: WITNESSED, scan_id: None, body: &body };
            writing.event(&event).map(drop).map_err(|e| writing.error(&e))
        })?;
        Ok(own)
    }

    /// The proof that the log at `new` entries continues the log at `old` entries, as text.
    pub fn consistency(&self, old: u64, new: u64) -> Result<String, CasebookError> {
        let sql = "SELECT leaf FROM ledger WHERE seq <= ?1 ORDER BY seq";
        let error = |e: rusqlite::Error| self.error(&e);
        let mut statement = self.connection().prepare(sql).map_err(error)?;
        let limit = i64::try_from(new).unwrap_or(i64::MAX);
        let rows = statement.query_map([limit], |row| row.get(0)).map_err(error)?;
        let leaves: Vec<Hash> = rows.collect::<rusqlite::Result<_>>().map_err(error)?;
        let entries = leaves.len() as u64;
        let path = usize::try_from(old).ok().filter(|_| old >= 1 && old <= new && new == entries);
        let path = path.and_then(|old| consistency_proof(old, &leaves));
        let path = path.ok_or(WitnessError::NoSuchSize { entries })?;
        let mut text = format!("{PROOF_HEADER}\n{old} {new}\n");
        for hash in path {
            text.push_str(&STANDARD.encode(hash));
            text.push('\n');
        }
        Ok(text)
    }

    /// Sizes of the logs that this unit has witnessed, newest last.
    fn last_witnessed(&self, origin: &str) -> Result<Option<Witnessed>, CasebookError> {
        use rusqlite::OptionalExtension;
        let sql = "SELECT body FROM event WHERE kind = ?1 AND body ->> 'origin' = ?2 \
                   ORDER BY body ->> 'size' DESC, id DESC LIMIT 1";
        let body: Option<String> = self
            .connection()
            .query_row(sql, [WITNESSED, origin], |row| row.get(0))
            .optional()
            .map_err(|e| self.error(&e))?;
        body.map(|body| {
            serde_json::from_str(&body)
                .map_err(|e| self.corrupt(format!("a witnessed checkpoint cannot be read ({e})")))
        })
        .transpose()
    }

    /// The note with this unit's signature added.
    fn cosign(&mut self, note: &str) -> Result<String, CasebookError> {
        let text = note.split_once("\n\n").map(|(text, _)| format!("{text}\n"));
        let text = text.ok_or(WitnessError::Note(NoteError::Malformed("it has no signature")))?;
        let (_, signer, _) = self.parts_to_write();
        let mut signed = note.to_owned();
        if !signed.ends_with('\n') {
            signed.push('\n');
        }
        signed.push_str(&signer.signature_line(&text));
        Ok(signed)
    }
}

/// Whether `now` continues `before`.
fn judge(before: &Witnessed, now: &Checkpoint, proof: Option<&str>) -> Result<(), WitnessError> {
    let (old, new) = (before.size, now.size);
    let contradiction = WitnessError::NotConsistent { old, new };
    let root: Hash = STANDARD
        .decode(&before.root)
        .ok()
        .and_then(|root| root.try_into().ok())
        .ok_or_else(|| contradiction.clone())?;
    if new < old {
        return Err(contradiction); // the end was cut off, or an older copy was put back
    }
    if new == old {
        return if root == now.root { Ok(()) } else { Err(contradiction) };
    }
    let path = read_proof(proof.ok_or(WitnessError::ProofMissing { old, new })?, old, new)?;
    if consistent(old, &root, new, &now.root, &path) { Ok(()) } else { Err(contradiction) }
}

fn read_proof(text: &str, old: u64, new: u64) -> Result<Vec<Hash>, WitnessError> {
    let mut lines = text.lines();
    if lines.next() != Some(PROOF_HEADER) || lines.next() != Some(format!("{old} {new}").as_str()) {
        return Err(WitnessError::NotAProof);
    }
    let hash = |line: &str| STANDARD.decode(line).ok()?.try_into().ok();
    let path: Option<Vec<Hash>> = lines.take(PROOF_HASHES_MAX).map(hash).collect();
    path.ok_or(WitnessError::NotAProof)
}
