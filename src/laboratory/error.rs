//! Why a step of the laboratory's work was not done.

use std::io;
use std::path::PathBuf;

use thiserror::Error;

use crate::formats::FormatError;
use crate::library::{FormulaError, LibraryError};

/// Why a step was not done. Each sentence says what to do.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum LaboratoryError {
    /// The disk.
    #[error("{path} cannot be {doing} ({source}); check the path and the rights")]
    Disk {
        /// File or folder.
        path: PathBuf,
        /// What was tried.
        doing: &'static str,
        /// The system's reason.
        source: io::Error,
    },
    /// A table of labels that is none.
    #[error("the labels {path} cannot be used: {what}; write a table with the columns file and substance")]
    Labels {
        /// The table.
        path: PathBuf,
        /// What is wrong.
        what: String,
    },
    /// A file that cannot be read.
    #[error("{name} cannot be read: {source}")]
    File {
        /// The file.
        name: String,
        /// Why.
        source: FormatError,
    },
    /// A fact that is wrong or missing.
    #[error("{0}")]
    Fact(String),
    /// A formula that is none.
    #[error("`{formula}` is no formula: {source}")]
    Formula {
        /// The text.
        formula: String,
        /// Why.
        source: FormulaError,
    },
    /// Measurements of which no reference can be made.
    #[error("no reference was made: {0}")]
    Replicate(String),
    /// A review that must not be.
    #[error("nothing was reviewed: {0}")]
    Review(String),
    /// A draft that must not be released.
    #[error("the draft was not signed: {0}")]
    Release(String),
    /// A rule of the library.
    #[error(transparent)]
    Library(#[from] LibraryError),
    /// The user ended it.
    #[error("stopped; the draft is as it was")]
    Cancelled,
}
