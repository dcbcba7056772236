//! Why a file gave no spectrum.

use thiserror::Error;

use crate::spectrum::SpectrumError;

use super::{MAX_FILE_BYTES, MAX_TEXT_BYTES};

/// Why bytes are not spectra, or why a spectrum of a file cannot be compared with references.
#[derive(Clone, Debug, PartialEq, Error)]
#[non_exhaustive]
pub enum FormatError {
    /// Larger than any spectrum file.
    #[error(
        "the file has {megabytes} MB and at most {limit} MB are read; a single spectrum is far smaller: export it alone",
        limit = MAX_FILE_BYTES / 1_000_000
    )]
    TooLarge {
        /// Its size, rounded up.
        megabytes: u64,
    },
    /// No known binary format, and larger than any text with spectra.
    #[error(
        "the file is no known spectrum format in binary, and with {megabytes} MB it is too large for text (at most {limit} MB); export a single spectrum",
        limit = MAX_TEXT_BYTES / 1_000_000
    )]
    TooLargeAsText {
        /// Its size, rounded up.
        megabytes: u64,
    },
    /// Nothing in it.
    #[error("the file is empty; export the spectrum again")]
    Empty,
    /// Bytes of no known kind.
    #[error(
        "the file is neither text nor a known spectrum format; export the spectrum as text with two columns (Raman shift and intensity)"
    )]
    NotText,
    /// A known format that this version does not read.
    #[error(
        "this is {what}, which this version cannot read; export the spectrum as text with two columns (Raman shift and intensity)"
    )]
    Unsupported {
        /// What the file is.
        what: &'static str,
    },
    /// Text without numbers in columns.
    #[error(
        "the text holds no table of at least two columns of numbers; export the spectrum as text with two columns (Raman shift and intensity)"
    )]
    NoTable,
    /// A line that breaks the table.
    #[error("line {line} breaks the table: {what}; export the spectrum again")]
    Line {
        /// Line number, from 1.
        line: usize,
        /// What is wrong with it.
        what: String,
    },
    /// A dialect was recognised, but a part of it is missing.
    #[error("this is {dialect}, but {what}; export the spectrum again")]
    Incomplete {
        /// The dialect.
        dialect: &'static str,
        /// What is missing.
        what: String,
    },
    /// Commas could separate columns or decimals.
    #[error(
        "the commas are ambiguous: they may separate columns or decimals; export the spectrum with tabs or semicolons between the columns"
    )]
    AmbiguousCommas,
    /// More numbers than any spectrum.
    #[error("the file holds more numbers than a spectrum or a map of usual size; export the spectrum alone")]
    TooManyNumbers,
    /// An archive that is, or unpacks to, more than is read.
    #[error("the archive is too large, or grows too much when it is unpacked; unpack it and choose the spectrum files")]
    TooLargeArchive,
    /// Archives inside of archives inside of archives.
    #[error("the archive holds archives inside of archives; unpack it and choose the spectrum files")]
    NestedArchive,
    /// The only file, or the first, of an archive in which no file could be read.
    #[error("no file of the archive can be read; of {name}: {why}")]
    InArchive {
        /// Its name in the archive.
        name: String,
        /// Why it cannot be read.
        why: Box<FormatError>,
    },
    /// Read, but not something that can be compared with references.
    #[error("the spectrum cannot be compared with references: {why}")]
    NotComparable {
        /// The reason and what to do.
        why: String,
    },
    /// The numbers break a spectrum's invariants.
    #[error("the spectrum cannot be compared with references: {0}")]
    Spectrum(#[from] SpectrumError),
}

impl FormatError {
    /// The refusal of a file of this many bytes.
    pub fn too_large(bytes: u64) -> Self {
        Self::TooLarge { megabytes: bytes.div_ceil(1_000_000) }
    }

    /// The refusal of a text of this many bytes.
    pub(super) fn too_large_as_text(bytes: u64) -> Self {
        Self::TooLargeAsText { megabytes: bytes.div_ceil(1_000_000) }
    }
}
