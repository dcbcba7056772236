//! Why a pack was not written, read or installed.

use std::io;
use std::path::{Path, PathBuf};

use thiserror::Error;

use crate::library::LibraryError;
use crate::signature::NoteError;

/// Why a pack is refused. Each sentence says what to do.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum PackError {
    /// The disk.
    #[error("{path}: {doing} failed; check the path, the rights and the room on the disk: {source}")]
    Disk {
        /// File or folder.
        path: PathBuf,
        /// What was done.
        doing: &'static str,
        /// The system's reason.
        source: io::Error,
    },
    /// Not a pack, or cut.
    #[error("{path} is not a whole pack ({what}); copy it again from where it came")]
    NotWhole {
        /// File.
        path: PathBuf,
        /// What is missing.
        what: &'static str,
    },
    /// A good note of a key that nobody here trusts.
    #[error(
        "the pack {path} is signed by {signer}, whom this unit does not trust; if you expect packs of this key, compare its \
         number on the telephone and run 'library key trust'"
    )]
    Foreign {
        /// File.
        path: PathBuf,
        /// Name in the signature.
        signer: String,
    },
    /// Signed by a key that was taken back.
    #[error(
        "the pack {path} is signed by {signer}, a key that is {state}; ask the laboratory for a pack of its present key"
    )]
    Withdrawn {
        /// File.
        path: PathBuf,
        /// Name.
        signer: String,
        /// `retired since ...` or `revoked on ... because ...`.
        state: String,
    },
    /// Signature or digest does not fit.
    #[error(
        "the pack {path} was changed after it was signed ({what}); copy it again and report it if that happens twice"
    )]
    Edited {
        /// File.
        path: PathBuf,
        /// What does not fit.
        what: String,
    },
    /// Older or equal version.
    #[error(
        "the pack {path} has version {offered}, and {installed} is installed; only a newer one is installed. To go back to an \
         earlier installed pack run 'library rollback'"
    )]
    Older {
        /// File.
        path: PathBuf,
        /// Its version.
        offered: String,
        /// The installed one.
        installed: String,
    },
    /// Another line of packs.
    #[error(
        "the pack {path} is `{offered}`, and `{installed}` is installed; if this unit is to change to it, say --other-name"
    )]
    OtherName {
        /// File.
        path: PathBuf,
        /// Its name.
        offered: String,
        /// The installed name.
        installed: String,
    },
    /// A version that cannot be compared.
    #[error("the version `{0}` is not one to four numbers joined by dots, such as 2026.11.2; choose one like that")]
    Version(String),
    /// A content that breaks a bound or a rule of the file.
    #[error("the pack {path} was refused: {what}; ask its maker for a sound one")]
    Content {
        /// File.
        path: PathBuf,
        /// What.
        what: String,
    },
    /// Nothing to go back to.
    #[error("{0}; 'library installed' lists what can be chosen")]
    NoSuchPack(String),
    /// A key that cannot be trusted, revoked or replaced.
    #[error("{0}; 'library key list' shows the keys")]
    Key(String),
    /// The library inside.
    #[error(transparent)]
    Library(#[from] LibraryError),
    /// SQLite.
    #[error("the pack {path} cannot be read as a database ({source}); copy it again from where it came")]
    Database {
        /// File.
        path: PathBuf,
        /// SQLite's words.
        source: rusqlite::Error,
    },
    /// A key or a note.
    #[error(transparent)]
    Note(#[from] NoteError),
}

impl PackError {
    /// For `map_err` of what the disk says.
    pub(in crate::library) fn disk(path: &Path, doing: &'static str) -> impl FnOnce(io::Error) -> Self {
        let path = path.to_owned();
        move |source| Self::Disk { path, doing, source }
    }

    pub(super) fn database(path: &Path) -> impl Fn(rusqlite::Error) -> Self {
        let path = path.to_owned();
        move |source| Self::Database { path: path.clone(), source }
    }

    pub(super) fn content(path: &Path, what: impl Into<String>) -> Self {
        Self::Content { path: path.to_owned(), what: what.into() }
    }
}
