//! Spectrum files in and out.
//!
//! The content of a file decides how it is read, never the ending of its name. Each dialect is one file with a function
//! that recognises it and one that reads it; [`read_bytes`] asks them in order. Reading takes bytes and gives values or
//! a sentence: no disk, no clock.

mod bwtek;
mod csv_out;
mod enlighten;
mod error;
mod file_spectrum;
mod foreign;
mod labspec;
mod number;
mod series;
mod table;
mod text;
mod two_column;
mod units;

pub use csv_out::to_csv;
pub use error::FormatError;
pub use file_spectrum::{FileSpectrum, SpectrumKind};
pub use units::{XUnit, YUnit};

/// Largest file that is read. Single spectra have a few hundred kilobytes, the largest maps some tens of megabytes.
pub const MAX_FILE_BYTES: u64 = 100_000_000;
/// Most axis points of one spectrum; what a [`crate::spectrum::Spectrum`] takes.
const MAX_POINTS: usize = 1 << 20;
/// Most numbers of one file.
const MAX_CELLS: usize = 1 << 24;

/// What a dialect is given.
struct Content<'a> {
    /// The decoded text.
    text: &'a str,
    /// Title for spectra whose file states none: the file's name without folder and ending.
    fallback_title: &'a str,
}

/// One way of writing spectra as text.
struct Dialect {
    recognises: fn(&Content<'_>) -> bool,
    read: fn(&Content<'_>) -> Result<Vec<FileSpectrum>, FormatError>,
}

/// The text dialects, from the one with the surest mark to the one that takes any table of numbers.
const TEXT_DIALECTS: [Dialect; 5] = [
    Dialect { recognises: bwtek::recognises, read: bwtek::read },
    Dialect { recognises: enlighten::recognises, read: enlighten::read },
    Dialect { recognises: labspec::recognises, read: labspec::read },
    Dialect { recognises: series::recognises, read: series::read },
    Dialect { recognises: |_| true, read: two_column::read },
];

/// Reads every spectrum in a file, as stored: in file order and in the file's own units.
///
/// `file_name` serves only as the title of spectra that state none.
pub fn read_bytes(bytes: &[u8], file_name: &str) -> Result<Vec<FileSpectrum>, FormatError> {
    if bytes.len() as u64 > MAX_FILE_BYTES {
        return Err(FormatError::too_large(bytes.len() as u64));
    }
    if bytes.is_empty() {
        return Err(FormatError::Empty);
    }
    if let Some(error) = foreign::refuse_bytes(bytes) {
        return Err(error);
    }
    let text = text::decode(bytes).ok_or(FormatError::NotText)?;
    if text.trim().is_empty() {
        return Err(FormatError::Empty);
    }
    if let Some(error) = foreign::refuse_text(&text) {
        return Err(error);
    }
    let content = Content { text: &text, fallback_title: stem(file_name) };
    let Some(dialect) = TEXT_DIALECTS.iter().find(|dialect| (dialect.recognises)(&content)) else {
        return Err(FormatError::NoTable);
    };
    let spectra = (dialect.read)(&content)?;
    if spectra.is_empty() { Err(FormatError::NoTable) } else { Ok(spectra) }
}

/// The file's name without folder and ending.
fn stem(file_name: &str) -> &str {
    let name = file_name.rsplit(['/', '\\']).next().unwrap_or(file_name);
    match name.rsplit_once('.') {
        Some((stem, _)) if !stem.is_empty() => stem,
        _ => name,
    }
}

#[cfg(test)]
mod hostile_tests;
