//! The last page of a pack: a signed note about every byte before it.
//!
//! A pack is an SQLite database followed by one page of 4096 bytes, which SQLite does not look at. The page holds a signed
//! note (C2SP signed-note) with exactly one signature, filled up with zeros:
//!
//! ```text
//! parcelscope pack 1
//! <name>
//! <version>
//! <SHA-256 of the library's canonical content>
//! <bytes of the database>
//! <SHA-256 of the database>
//! ```
//!
//! Text, signature and filling have one form each, so that no byte of the file can change unseen.

use std::fs::File;
use std::io::{Read, Seek, SeekFrom};
use std::path::Path;

use sha2::{Digest, Sha256};

use super::error::PackError;
use super::trust::TrustList;
use crate::library::assemble::hex;
use crate::signature::{NoteSigner, NoteVerifier};

/// Size of the note's page and of the database's pages.
pub(super) const PAGE: usize = 4_096;
/// Largest pack that is read: 8 GiB.
const PACK_BYTES_MAX: u64 = 8 << 30;
const FIRST_LINE: &str = "parcelscope pack 1";

/// What the note of a pack says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PackSeal {
    /// Name of the library.
    pub name: String,
    /// Its version.
    pub version: String,
    /// SHA-256 of its canonical content: what records carry.
    pub content_sha256: String,
    /// Bytes of the database.
    pub database_bytes: u64,
    /// SHA-256 of the database.
    pub database_sha256: String,
    /// Who signed.
    pub signer: NoteVerifier,
}

impl PackSeal {
    fn text(&self) -> String {
        let Self { name, version, content_sha256, database_bytes, database_sha256, .. } = self;
        format!("{FIRST_LINE}\n{name}\n{version}\n{content_sha256}\n{database_bytes}\n{database_sha256}\n")
    }

    /// The page of the note; none where name and version are too long for it or have line breaks.
    pub(super) fn page(&self, signer: &NoteSigner) -> Option<[u8; PAGE]> {
        let lines = [&self.name, &self.version];
        if lines.iter().any(|l| l.is_empty() || l.chars().any(char::is_control)) {
            return None;
        }
        let note = signer.sign(&self.text());
        let mut page = [0; PAGE];
        page.get_mut(..note.len())?.copy_from_slice(note.as_bytes());
        Some(page)
    }

    /// Reads and verifies the note of the pack, not the database before it.
    pub(super) fn read(path: &Path, file: &mut File, trust: &TrustList) -> Result<Self, PackError> {
        let whole = |what| PackError::NotWhole { path: path.to_owned(), what };
        let edited = |what: &str| PackError::Edited { path: path.to_owned(), what: what.to_owned() };
        let bytes = file.metadata().map_err(PackError::disk(path, "reading"))?.len();
        if bytes < 3 * PAGE as u64 || bytes % PAGE as u64 != 0 {
            return Err(whole("its length is not that of one"));
        }
        if bytes > PACK_BYTES_MAX {
            return Err(whole("it has more than 8 GiB"));
        }
        let mut page = [0; PAGE];
        file.seek(SeekFrom::End(-(PAGE as i64)))
            .and_then(|_| file.read_exact(&mut page))
            .map_err(PackError::disk(path, "reading"))?;
        let end = page.iter().position(|b| *b == 0).unwrap_or(PAGE);
        let (note, filling) = page.split_at(end);
        if note.is_empty() {
            return Err(whole("it carries no signature"));
        }
        let note = std::str::from_utf8(note).map_err(|_| whole("the page of its signature is no text"))?;
        if !note.starts_with(FIRST_LINE) {
            return Err(whole("the page of its signature is missing or of another version"));
        }
        if filling.iter().any(|b| *b != 0) {
            return Err(edited("there are bytes after the signature"));
        }
        if note.contains('\r') {
            return Err(edited("its note has a carriage return"));
        }
        let lines: Vec<&str> = note.lines().collect();
        let [_, name, version, content, database_bytes, database, "", signature] = lines.as_slice() else {
            return Err(edited("its note has not eight lines"));
        };
        let signer = signature.strip_prefix("\u{2014} ").and_then(|s| s.split(' ').next()).unwrap_or_default();
        let signer = trust.find(path, signer, note)?;
        let seal = Self {
            name: (*name).to_owned(),
            version: (*version).to_owned(),
            content_sha256: (*content).to_owned(),
            database_bytes: database_bytes.parse().map_err(|_| edited("the length in its note is no number"))?,
            database_sha256: (*database).to_owned(),
            signer: signer.clone(),
        };
        let text = signer.open(note).map_err(|e| PackError::Edited { path: path.to_owned(), what: e.to_string() })?;
        if text != seal.text() {
            return Err(edited("its note is not in its only form"));
        }
        if seal.database_bytes + PAGE as u64 != bytes {
            return Err(edited("its length is not the one that was signed"));
        }
        Ok(seal)
    }

    /// Holds every byte of the database against the note.
    pub(super) fn prove(&self, path: &Path, file: &mut File) -> Result<(), PackError> {
        let found = digest(path, file, self.database_bytes)?;
        if found == self.database_sha256 {
            Ok(())
        } else {
            Err(PackError::Edited {
                path: path.to_owned(),
                what: "its content is not the one that was signed".to_owned(),
            })
        }
    }
}

/// SHA-256 of the first bytes of a file.
pub(super) fn digest(path: &Path, file: &mut File, bytes: u64) -> Result<String, PackError> {
    file.seek(SeekFrom::Start(0)).map_err(PackError::disk(path, "reading"))?;
    let mut hash = Sha256::new();
    let mut rest = file.take(bytes);
    let mut chunk = vec![0; 1 << 20];
    loop {
        let read = rest.read(&mut chunk).map_err(PackError::disk(path, "reading"))?;
        if read == 0 {
            break;
        }
        hash.update(chunk.get(..read).unwrap_or_default());
    }
    Ok(hex(&hash.finalize()))
}
