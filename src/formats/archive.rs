//! ZIP archives of spectrum files. Sizes are limited before anything is unpacked, because a few bytes can promise
//! terabytes.

use std::io::{Cursor, Read};

use sha2::{Digest, Sha256};
use zip::ZipArchive;

use super::{FileSpectrum, FormatError, MAX_NUMBERS};

/// First bytes of an archive with files in it.
const MAGIC: &[u8] = b"PK\x03\x04";
/// Largest archive.
const MAX_ARCHIVE_BYTES: usize = 48_000_000;
/// Most files of an archive.
const MAX_ENTRIES: usize = 10_000;
/// Most bytes of all files of an archive together, inner archives included.
const MAX_UNPACKED_BYTES: u64 = 48_000_000;
/// Unpacked bytes for each byte of the archive. Text packs to a fifth, the emptiest spectra to a fiftieth.
const MAX_GROWTH: u64 = 50;
/// Archives inside of archives: one.
const MAX_DEPTH: usize = 2;
/// Most names of unread files that a note repeats.
const MAX_NAMED: usize = 5;

/// The file begins as an archive.
pub(super) fn recognises(bytes: &[u8]) -> bool {
    bytes.starts_with(MAGIC)
}

/// Reader of one file of an archive: its bytes and its name.
type ReadFile = fn(&[u8], &str) -> Result<Vec<FileSpectrum>, FormatError>;

/// Every spectrum of every file, in the order of the archive. Files that cannot be read are named in a note.
pub(super) fn read(bytes: &[u8], read_file: ReadFile) -> Result<Vec<FileSpectrum>, FormatError> {
    let (mut spectra, mut failed) = (Vec::new(), Vec::new());
    for ArchivedFile { name, read, .. } in files(bytes, read_file)? {
        match read {
            Ok(found) => spectra.extend(found),
            Err(why) => failed.push((name, why)),
        }
    }
    let Some(first) = spectra.first_mut() else {
        return Err(match failed.into_iter().next() {
            Some((name, why)) => FormatError::InArchive { name, why: Box::new(why) },
            None => damaged("it holds no file"),
        });
    };
    for (name, why) in failed.iter().take(MAX_NAMED) {
        first.notes.push(format!("the archive also holds {name}, which was not read: {why}"));
    }
    if failed.len() > MAX_NAMED {
        first.notes.push(format!("files of the archive that were not read: {}", failed.len()));
    }
    Ok(spectra)
}

/// Every file of an archive by itself, in the order of the archive.
pub(super) fn files(bytes: &[u8], read_file: ReadFile) -> Result<Vec<ArchivedFile>, FormatError> {
    let budget = MAX_UNPACKED_BYTES.min((bytes.len() as u64).saturating_mul(MAX_GROWTH));
    let mut contents = Contents { files: Vec::new(), numbers: 0, budget, entries: 0, read_file };
    contents.unpack(bytes, 1)?;
    Ok(contents.files)
}

/// One file of an archive.
#[derive(Clone, Debug, PartialEq)]
pub struct ArchivedFile {
    /// Its name in the archive, with folders.
    pub name: String,
    /// SHA-256 of its unpacked bytes, lower-case hex; empty where it could not be unpacked.
    pub sha256: String,
    /// Its spectra, or why there are none.
    pub read: Result<Vec<FileSpectrum>, FormatError>,
}

fn damaged(what: &str) -> FormatError {
    FormatError::Incomplete { dialect: "a ZIP archive", what: what.to_owned() }
}

/// What came out of an archive so far.
struct Contents {
    files: Vec<ArchivedFile>,
    numbers: usize,
    /// Bytes that may still be unpacked.
    budget: u64,
    entries: usize,
    read_file: ReadFile,
}

impl Contents {
    fn fail(&mut self, name: String, why: FormatError) {
        self.files.push(ArchivedFile { name, sha256: String::new(), read: Err(why) });
    }

    fn unpack(&mut self, bytes: &[u8], depth: usize) -> Result<(), FormatError> {
        if bytes.len() > MAX_ARCHIVE_BYTES {
            return Err(FormatError::TooLargeArchive);
        }
        let mut archive = ZipArchive::new(Cursor::new(bytes)).map_err(|_| damaged("its directory is damaged"))?;
        if let Some(what) = document(&archive) {
            return Err(FormatError::Unsupported { what });
        }
        for i in 0..archive.len() {
            self.entries += 1;
            if self.entries > MAX_ENTRIES {
                return Err(FormatError::TooLargeArchive);
            }
            let Ok(entry) = archive.by_index(i) else {
                self.fail(format!("file {}", i + 1), damaged("the file is encrypted or packed in an unknown way"));
                continue;
            };
            let Ok(name) = entry.name().map(std::borrow::Cow::into_owned) else {
                self.fail(format!("file {}", i + 1), damaged("the file's name is damaged"));
                continue;
            };
            // Macintoshes pack a shadow of each file.
            if entry.is_dir() || name.starts_with("__MACOSX/") {
                continue;
            }
            let mut unpacked = Vec::new();
            // What the directory says about sizes is a claim; only what really comes out counts.
            let result = entry.take(self.budget + 1).read_to_end(&mut unpacked);
            let size = unpacked.len() as u64;
            if size > self.budget {
                return Err(FormatError::TooLargeArchive);
            }
            self.budget -= size;
            if result.is_err() {
                self.fail(name, damaged("the file is damaged"));
                continue;
            }
            self.add(&unpacked, name, depth)?;
        }
        Ok(())
    }

    fn add(&mut self, bytes: &[u8], name: String, depth: usize) -> Result<(), FormatError> {
        if recognises(bytes) {
            if depth >= MAX_DEPTH {
                return Err(FormatError::NestedArchive);
            }
            // An office document beside spectra is a file like any other that cannot be read.
            return match self.unpack(bytes, depth + 1) {
                Err(why @ (FormatError::Unsupported { .. } | FormatError::Incomplete { .. })) => {
                    self.fail(name, why);
                    Ok(())
                }
                other => other,
            };
        }
        let read = (self.read_file)(bytes, &name);
        self.numbers += read.iter().flatten().map(|s| s.x.len() + s.y.len()).sum::<usize>();
        if self.numbers > MAX_NUMBERS {
            return Err(FormatError::TooManyNumbers);
        }
        self.files.push(ArchivedFile { name, sha256: sha256_hex(bytes), read });
        Ok(())
    }
}

/// Lower-case hexadecimal SHA-256.
pub fn sha256_hex(bytes: &[u8]) -> String {
    let digest = Sha256::digest(bytes);
    let nibbles = digest.iter().flat_map(|b| [b >> 4, b & 15]);
    nibbles.filter_map(|n| char::from_digit(u32::from(n), 16)).collect()
}

/// Archives that are documents of other programs.
fn document(archive: &ZipArchive<Cursor<&[u8]>>) -> Option<&'static str> {
    archive.file_names().flatten().find_map(|name| match name.as_ref() {
        "[Content_Types].xml" | "mimetype" => Some("an office document"),
        "OOISignatures.xml" => Some("an Ocean Optics ProcSpec archive of XML"),
        _ => None,
    })
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use zip::ZipWriter;
    use zip::write::SimpleFileOptions;

    use super::super::{FormatError, read_bytes};
    use super::*;

    fn archive(files: &[(&str, &[u8])]) -> Vec<u8> {
        let mut writer = ZipWriter::new(Cursor::new(Vec::new()));
        for (name, bytes) in files {
            writer.start_file(*name, SimpleFileOptions::default()).unwrap();
            writer.write_all(bytes).unwrap();
        }
        writer.finish().unwrap().into_inner()
    }

    const TABLE: &[u8] = b"100\t1\n101\t2\n102\t3\n";
    const JCAMP: &[u8] = b"##TITLE=coffee\n##NPOINTS=2\n##XYPOINTS=(XY..XY)\n1 2\n2 3\n##END=\n";

    #[test]
    fn every_file_of_an_archive_is_read_also_inside_one_more_archive() {
        let inner = archive(&[("coffee.dx", JCAMP)]);
        let outer = archive(&[("folder/tea.txt", TABLE), ("inner.zip", &inner), ("read me.txt", b"Dear colleague")]);
        let spectra = read_bytes(&outer, "x.zip").unwrap();
        let titles: Vec<_> = spectra.iter().map(|s| s.title.as_str()).collect();
        assert_eq!(titles, ["tea", "coffee"]);
        assert!(spectra[0].notes[0].contains("read me.txt"), "{:?}", spectra[0].notes);
        let too_deep = archive(&[("outer.zip", &outer)]);
        assert_eq!(read_bytes(&too_deep, "x").unwrap_err(), FormatError::NestedArchive);
    }

    #[test]
    fn an_archive_that_grows_beyond_measure_is_refused_before_it_fills_the_memory() {
        let bomb = archive(&[("zeros.txt", &vec![b' '; 5_000_000])]);
        assert!(bomb.len() < 10_000);
        assert_eq!(read_bytes(&bomb, "x").unwrap_err(), FormatError::TooLargeArchive);
    }

    #[test]
    fn documents_and_archives_without_spectra_are_named() {
        let office = archive(&[("[Content_Types].xml", b"<Types/>"), ("xl/workbook.xml", b"<workbook/>")]);
        assert!(read_bytes(&office, "x").unwrap_err().to_string().contains("office document"));
        let prose = archive(&[("letter.txt", b"Dear colleague")]);
        assert!(read_bytes(&prose, "x").unwrap_err().to_string().contains("letter.txt"));
        let mut cut = archive(&[("tea.txt", TABLE)]);
        cut.truncate(60);
        assert!(read_bytes(&cut, "x").unwrap_err().to_string().contains("damaged"));
    }
}
