//! Packs: signed, versioned files of references that the laboratory makes and units in the field install.
//!
//! `seal` is the signed page at the end of the file, `database` what lies before it, `trust` whose packs are taken,
//! `shelf` what is installed.

mod content;
mod database;
mod error;
mod keys;
mod seal;
mod shelf;
mod trust;
mod version;

use std::fs::{File, OpenOptions};
use std::io::{Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};

use rusqlite::Connection;

pub use content::{Approval, Decision, PackContent};
pub use database::{Filter, ListedSubstance};
pub use error::PackError;
pub use keys::KeyStore;
pub use seal::PackSeal;
pub use shelf::{Current, Installed, PackShelf};
pub use trust::{KeyState, TrustList, TrustedKey, rotation};
pub use version::PackVersion;

use super::TRAINING;
use crate::signature::NoteSigner;

/// An open pack whose signature fits.
#[derive(Debug)]
pub struct Pack {
    path: PathBuf,
    seal: PackSeal,
    db: Connection,
}

impl Pack {
    /// Opens a pack and holds every byte of it against its signature.
    pub fn open(path: &Path, trust: &TrustList) -> Result<Self, PackError> {
        let mut file = File::open(path).map_err(PackError::disk(path, "opening"))?;
        let seal = PackSeal::read(path, &mut file, trust)?;
        seal.prove(path, &mut file)?;
        Self::over(path, seal)
    }

    /// Opens a pack that was installed, without reading all of it: the signature must fit the note, and the library is
    /// held against the note when it is read ([`Self::content`]).
    fn open_installed(path: &Path, trust: &TrustList) -> Result<Self, PackError> {
        let mut file = File::open(path).map_err(PackError::disk(path, "opening"))?;
        let seal = PackSeal::read(path, &mut file, trust)?;
        Self::over(path, seal)
    }

    fn over(path: &Path, seal: PackSeal) -> Result<Self, PackError> {
        let db = database::open(path)?;
        for (key, stated) in [("name", &seal.name), ("version", &seal.version), ("sha256", &seal.content_sha256)] {
            if database::manifest(&db, path, key)? != *stated {
                return Err(PackError::Edited {
                    path: path.to_owned(),
                    what: format!("the {key} in it is not the one that was signed"),
                });
            }
        }
        Ok(Self { path: path.to_owned(), seal, db })
    }

    /// What was signed.
    pub const fn seal(&self) -> &PackSeal {
        &self.seal
    }

    /// Reads everything, checks every rule, computes the digest anew and holds it against the note.
    pub fn content(&self) -> Result<PackContent, PackError> {
        let content = database::read(&self.db, &self.path)?;
        check_name(&self.path, &content)?;
        if content.library.identity.sha256 == self.seal.content_sha256 {
            Ok(content)
        } else {
            Err(PackError::content(&self.path, "its content is not the one that was signed"))
        }
    }

    /// When it was made, as its maker's clock said.
    pub fn made_at(&self) -> Result<jiff::Timestamp, PackError> {
        let text = database::manifest(&self.db, &self.path, "made_at")?;
        text.parse().map_err(|_| PackError::content(&self.path, "its manifest has no time"))
    }

    /// Looks substances up without reading the library.
    pub fn find(&self, filter: &Filter) -> Result<Vec<ListedSubstance>, PackError> {
        database::find(&self.db, &self.path, filter)
    }
}

/// A pack with simulated references says so in its name, which is signed, recorded and shown everywhere.
fn check_name(path: &Path, content: &PackContent) -> Result<(), PackError> {
    let name = &content.library.identity.name;
    if content.library.honest_name(name) == *name {
        return Ok(());
    }
    Err(PackError::content(path, format!("it holds simulated references, and its name does not end with `{TRAINING}`")))
}

/// Writes and signs a pack at `path`, whole or not at all.
pub fn sign(path: &Path, content: &PackContent, signer: &NoteSigner) -> Result<PackSeal, PackError> {
    let identity = &content.library.identity;
    PackVersion::parse(&identity.version)?;
    check_name(path, content)?;
    let draft = beside(path);
    write_new(&draft, content)?;
    let sealed = (|| {
        let mut file =
            OpenOptions::new().read(true).append(true).open(&draft).map_err(PackError::disk(&draft, "opening"))?;
        let database_bytes = file.seek(SeekFrom::End(0)).map_err(PackError::disk(&draft, "writing"))?;
        let seal = PackSeal {
            name: identity.name.clone(),
            version: identity.version.clone(),
            content_sha256: identity.sha256.clone(),
            database_bytes,
            database_sha256: seal::digest(&draft, &mut file, database_bytes)?,
            signer: signer.verifier(),
        };
        let page = seal.page(signer);
        let page = page.ok_or_else(|| PackError::content(path, "its name is empty or longer than a page"))?;
        file.write_all(&page).and_then(|()| file.sync_all()).map_err(PackError::disk(&draft, "writing"))?;
        Ok(seal)
    })();
    put(&draft, path, sealed)
}

/// Writes a draft: the database of a pack without a signature. It replaces an earlier one whole.
pub fn write_draft(path: &Path, content: &PackContent) -> Result<(), PackError> {
    let draft = beside(path);
    write_new(&draft, content)?;
    let synced = OpenOptions::new()
        .append(true)
        .open(&draft)
        .and_then(|f| f.sync_all())
        .map_err(PackError::disk(&draft, "syncing"));
    put(&draft, path, synced)
}

/// Reads a draft. Nothing vouches for it; it is for the laboratory that makes it.
pub fn read_draft(path: &Path) -> Result<PackContent, PackError> {
    File::open(path).map_err(PackError::disk(path, "opening"))?;
    database::read(&database::open(path)?, path)
}

/// True for a draft, false for a pack and for anything else. A draft has no page behind its database: the database's own
/// length is the file's.
pub fn is_draft(path: &Path) -> Result<bool, PackError> {
    let mut head = [0; 100];
    let mut file = File::open(path).map_err(PackError::disk(path, "opening"))?;
    let bytes = file.metadata().map_err(PackError::disk(path, "reading"))?.len();
    if std::io::Read::read_exact(&mut file, &mut head).is_err() {
        return Ok(false); // reading it as a pack says what is wrong
    }
    let pages = u32::from_be_bytes([head[28], head[29], head[30], head[31]]);
    Ok(head.starts_with(b"SQLite format 3\0") && u64::from(pages) * 4_096 == bytes)
}

fn write_new(draft: &Path, content: &PackContent) -> Result<(), PackError> {
    match std::fs::remove_file(draft) {
        Err(e) if e.kind() != std::io::ErrorKind::NotFound => return Err(PackError::disk(draft, "writing")(e)),
        _ => {}
    }
    database::write(draft, content).inspect_err(|_| {
        // What is half written is of no use; the error itself is reported.
        let _ = std::fs::remove_file(draft);
    })
}

fn put<T>(draft: &Path, path: &Path, done: Result<T, PackError>) -> Result<T, PackError> {
    let value = done.inspect_err(|_| {
        let _ = std::fs::remove_file(draft);
    })?;
    std::fs::rename(draft, path).map_err(PackError::disk(path, "writing"))?;
    shelf::sync_folder(path)?;
    Ok(value)
}

fn beside(path: &Path) -> PathBuf {
    let mut name = path.file_name().unwrap_or_default().to_owned();
    name.push(format!(".{}.new", std::process::id()));
    path.with_file_name(name)
}
