//! What can go wrong with the casebook, as sentences for the person in front of the screen.

use std::path::{Path, PathBuf};

use rusqlite::ErrorCode;
use thiserror::Error;

use super::{AccountError, BackupError, StatementError, WitnessError};

/// Why the casebook did not do what was asked. Nothing was written when an append returns one of these.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum CasebookError {
    /// No room on the disk.
    #[error("the disk that holds {} is full, so nothing was written; free some space and save again", .path.display())]
    Full {
        /// The database.
        path: PathBuf,
    },
    /// Another program holds the write lock longer than we wait.
    #[error("another program keeps {} locked, so nothing was written; close that program and save again", .path.display())]
    Locked {
        /// The database.
        path: PathBuf,
    },
    /// The file, its folder or its disk may not be written.
    #[error("{} may not be written; give this user write permission to the file and its folder, or choose another folder with --data-dir", .path.display())]
    ReadOnly {
        /// The database.
        path: PathBuf,
    },
    /// The file cannot be opened or created.
    #[error("{} cannot be opened ({what}); check that the folder exists and that this user may write there", .path.display())]
    CannotOpen {
        /// The database.
        path: PathBuf,
        /// The reason in the system's words.
        what: String,
    },
    /// A newer program made it. Nothing was touched.
    #[error("{} was written by a newer program (its format is {found}, this program knows up to {known}); it was left untouched: install the newer program", .path.display())]
    Newer {
        /// The database.
        path: PathBuf,
        /// Its schema version.
        found: i64,
        /// The newest schema version that this program knows.
        known: i64,
    },
    /// Another kind of file. Nothing was touched.
    #[error("{} is not a casebook; it was left untouched: move it away or choose another folder with --data-dir", .path.display())]
    NotACasebook {
        /// The file.
        path: PathBuf,
    },
    /// The content cannot be what this program wrote.
    #[error("{} is damaged: {what}; keep the file as it is, make a copy, and restore the last backup into a new folder", .path.display())]
    Corrupt {
        /// The database.
        path: PathBuf,
        /// What is wrong and where.
        what: String,
    },
    /// There is no record of that number.
    #[error("there is no record {id}; the casebook holds {total} records, numbered from 1")]
    NoSuchRecord {
        /// The number that was asked for.
        id: i64,
        /// How many records there are.
        total: i64,
    },
    /// An account may not, or cannot, do this.
    #[error(transparent)]
    Account(#[from] AccountError),
    /// A statement about a record was not recorded.
    #[error(transparent)]
    Statement(#[from] StatementError),
    /// There is no backup.
    #[error(transparent)]
    Backup(#[from] BackupError),
    /// A checkpoint was not witnessed.
    #[error(transparent)]
    Witness(#[from] WitnessError),
    /// The record holds something that could not be read back exactly. A fault of the program.
    #[error("this scan cannot be stored exactly ({0}), so it was not written; scan again and report this message")]
    Unstorable(String),
    /// The disk or the system failed.
    #[error("writing or reading {} failed: {what}; check the disk and try again", .path.display())]
    Failed {
        /// The database.
        path: PathBuf,
        /// The reason in SQLite's words.
        what: String,
    },
}

impl CasebookError {
    /// The sentence that fits an SQLite error on the database at `path`.
    pub(super) fn from_sqlite(path: &Path, error: &rusqlite::Error) -> Self {
        let path = path.to_owned();
        match error.sqlite_error_code() {
            Some(ErrorCode::DiskFull) => Self::Full { path },
            Some(ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked) => Self::Locked { path },
            Some(ErrorCode::ReadOnly | ErrorCode::PermissionDenied) => Self::ReadOnly { path },
            Some(ErrorCode::CannotOpen) => Self::CannotOpen { path, what: error.to_string() },
            Some(ErrorCode::NotADatabase) => Self::NotACasebook { path },
            // No code, or the unspecific one: a value of another type than its column promises, or a missing table.
            Some(ErrorCode::DatabaseCorrupt | ErrorCode::Unknown) | None => {
                Self::Corrupt { path, what: error.to_string() }
            }
            Some(_) => Self::Failed { path, what: error.to_string() },
        }
    }
}
