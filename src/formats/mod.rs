//! Spectrum files in and out.
//!
//! The content of a file decides how it is read, never the ending of its name. Each dialect is one file with a function
//! that recognises it and one that reads it; [`read_bytes`] asks them in order. Reading takes bytes and gives values or
//! a sentence: no disk, no clock.

mod archive;
mod asp;
mod binary;
mod bwtek;
mod comparable;
mod csv_out;
mod enlighten;
mod error;
mod file_spectrum;
mod foreign;
mod jcamp;
mod labspec;
mod number;
mod oceanview;
mod opus;
mod rruff;
mod series;
mod spa;
mod spc;
mod table;
mod text;
mod two_column;
mod units;
mod wdf;

pub use archive::{ArchivedFile, sha256_hex};
pub use comparable::{Choices, Comparable, ReflectanceAs};
pub use csv_out::to_csv;
pub use error::FormatError;
pub use file_spectrum::{FileSpectrum, FileTechnique, SpectrumKind};
pub use jcamp::{JcampForm, to_jcamp};
pub use units::{XUnit, YUnit};

/// Largest file that is read. Single spectra have a few hundred kilobytes, the largest maps some tens of megabytes.
pub const MAX_FILE_BYTES: u64 = 100_000_000;
/// Most axis points of one spectrum; what a [`crate::spectrum::Spectrum`] takes.
const MAX_POINTS: usize = 1 << 20;
/// Most numbers of one file: with the file itself and its text they stay below 256 MB of memory.
const MAX_NUMBERS: usize = 1 << 23;
/// Largest text that is read. The largest maps as text have some tens of megabytes.
const MAX_TEXT_BYTES: usize = 48_000_000;

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

/// One way of writing spectra as bytes.
struct BinaryFormat {
    recognises: fn(&[u8]) -> bool,
    read: fn(&[u8], &str) -> Result<Vec<FileSpectrum>, FormatError>,
}

/// The binary formats.
const BINARY_FORMATS: [BinaryFormat; 4] = [
    BinaryFormat { recognises: opus::recognises, read: opus::read },
    BinaryFormat { recognises: spa::recognises, read: spa::read },
    BinaryFormat { recognises: wdf::recognises, read: wdf::read },
    BinaryFormat { recognises: spc::recognises, read: spc::read },
];

/// The text dialects, from the one with the surest mark to the one that takes any table of numbers.
const TEXT_DIALECTS: [Dialect; 9] = [
    Dialect { recognises: jcamp::recognises, read: jcamp::read },
    Dialect { recognises: bwtek::recognises, read: bwtek::read },
    Dialect { recognises: enlighten::recognises, read: enlighten::read },
    Dialect { recognises: labspec::recognises, read: labspec::read },
    Dialect { recognises: rruff::recognises, read: rruff::read },
    Dialect { recognises: oceanview::recognises, read: oceanview::read },
    Dialect { recognises: asp::recognises, read: asp::read },
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
    if archive::recognises(bytes) {
        return archive::read(bytes, read_file);
    }
    read_file(bytes, file_name)
}

/// Reads a file, or every file of an archive by itself: what `file_name` and the archive name, and its spectra or why there
/// are none.
pub fn read_each(bytes: &[u8], file_name: &str) -> Result<Vec<ArchivedFile>, FormatError> {
    if bytes.len() as u64 <= MAX_FILE_BYTES && archive::recognises(bytes) {
        return archive::files(bytes, read_file);
    }
    let read = read_bytes(bytes, file_name);
    Ok(vec![ArchivedFile { name: file_name.to_owned(), sha256: sha256_hex(bytes), read }])
}

/// Reads a file that is no archive.
fn read_file(bytes: &[u8], file_name: &str) -> Result<Vec<FileSpectrum>, FormatError> {
    if bytes.is_empty() {
        return Err(FormatError::Empty);
    }
    if let Some(error) = foreign::refuse_bytes(bytes) {
        return Err(error);
    }
    if let Some(format) = BINARY_FORMATS.iter().find(|format| (format.recognises)(bytes)) {
        return (format.read)(bytes, stem(file_name));
    }
    if bytes.len() > MAX_TEXT_BYTES {
        return Err(FormatError::too_large_as_text(bytes.len() as u64));
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
mod tests {
    use super::stem;

    #[test]
    fn a_title_is_the_name_without_folder_and_ending() {
        for (name, title) in
            [("a/b.c.txt", "b.c"), (r"C:\x\tea.csv", "tea"), (".hidden", ".hidden"), ("plain", "plain")]
        {
            assert_eq!(stem(name), title);
        }
    }
}
