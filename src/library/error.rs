//! What can be wrong with a library.

use thiserror::Error;

use super::formula::FormulaError;

/// Why a library was refused. `file` is the file (or, for parts in memory, the substance) at fault.
#[derive(Clone, Debug, PartialEq, Error)]
pub enum LibraryError {
    /// Too large to be a file of a library.
    #[error(
        "library file {file} was refused: it has {bytes} bytes, at most {most} are read; split it or remove what does not belong"
    )]
    TooLarge {
        /// File.
        file: String,
        /// Its size.
        bytes: usize,
        /// The limit.
        most: usize,
    },
    /// No TOML, a missing field, or a field that the format does not have.
    #[error("library file {file} cannot be read: {detail}; correct the file (format: spectra-library/README.md)")]
    Syntax {
        /// File.
        file: String,
        /// What the reader said.
        detail: String,
    },
    /// A line of a band table that is not four numbers.
    #[error(
        "library file {file}, reference {reference}, line {line} of the bands is not four numbers (position height fwhm lorentz): `{text}`; correct the line"
    )]
    BandLine {
        /// File.
        file: String,
        /// Number of the reference, from 1.
        reference: usize,
        /// Line of the table, from 1.
        line: usize,
        /// The line, cut short.
        text: String,
    },
    /// A formula that is none.
    #[error("library file {file} has the formula `{formula}`: {source}")]
    Formula {
        /// File.
        file: String,
        /// The text.
        formula: String,
        /// Why.
        source: FormulaError,
    },
    /// A rule of the library is broken.
    #[error("library file {file} was refused: {rule}; correct the file")]
    Rule {
        /// File.
        file: String,
        /// What is wrong.
        rule: String,
    },
}

impl LibraryError {
    pub(super) fn rule(file: &str, rule: impl Into<String>) -> Self {
        Self::Rule { file: file.to_owned(), rule: rule.into() }
    }
}
