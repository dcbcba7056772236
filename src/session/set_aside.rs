//! Scans that the casebook could not take, as files that the next start takes in.
//!
//! The casebook is the place of a record. Where it cannot be written (locked by another program, full disk, no
//! permission) the record goes into a file of its own at once: into the data folder, else beside it, else into the
//! system's folder for temporary files. Nothing that ends the program then costs the scan.

use std::fmt::Write as _;
use std::fs::{self, File, OpenOptions};
use std::io::{self, Read as _, Write as _};
use std::path::{Path, PathBuf};

use sha2::{Digest, Sha256};
use thiserror::Error;

use crate::casebook::{Casebook, CasebookError, ScanRecord};

use super::casebook_path;

/// First word of a file.
const FORMAT: &str = "parcelscope-unsaved/1";
/// How the names of the files begin and end.
const PREFIX: &str = "parcelscope-unsaved-";
const SUFFIX: &str = ".record";
/// Largest file that is read: far above any scan.
const FILE_BYTES_MAX: u64 = 256 << 20;
/// Longest that a file's name makes the digests in it, in hexadecimal digits.
const DIGEST_CHARS: usize = 16;

/// Why a record is in no file.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[error("no file could be written for it either ({tried}); free some space in one of these folders")]
pub struct SetAsideError {
    /// The places that were tried, each with the reason in the system's words.
    tried: String,
}

/// Why a file that was set aside is not in the casebook. The file is left as it is.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum TakeInError {
    /// It is not what this program wrote.
    #[error("the scan that was set aside in {} cannot be taken in ({what}); keep the file and report this message", .path.display())]
    Unreadable {
        /// The file.
        path: PathBuf,
        /// What is wrong.
        what: String,
    },
    /// The casebook cannot be written, now as then.
    #[error("the scan that was set aside in {} is still not in the casebook: {why}; the next start tries again", .path.display())]
    Casebook {
        /// The file.
        path: PathBuf,
        /// Why.
        why: CasebookError,
    },
}

/// A scan that came into the casebook from a file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TakenIn {
    /// Number of its record.
    pub id: i64,
    /// Where it had been set aside.
    pub path: PathBuf,
    /// False where the record was in the casebook already and only the file was left.
    pub is_new: bool,
}

impl TakenIn {
    /// What happened, as a sentence.
    pub fn words(&self) -> String {
        let Self { id, path, is_new } = self;
        let what = if *is_new { "is now" } else { "was in the casebook already as" };
        format!("the scan that was set aside in {} {what} record {id}", path.display())
    }
}

/// Writes the record into a file that only this user may read, and syncs it. The same record gets the same name.
pub(super) fn set_aside(data_dir: &Path, record: &ScanRecord) -> Result<PathBuf, SetAsideError> {
    let nowhere = |tried| SetAsideError { tried };
    let json = serde_json::to_vec(record).map_err(|e| nowhere(e.to_string()))?;
    let digest = hex(&Sha256::digest(&json));
    let short = digest.get(..DIGEST_CHARS).unwrap_or_default();
    let time = record.taken_at.strftime("%Y%m%dT%H%M%SZ");
    let name = format!("{PREFIX}{}-{time}-{short}{SUFFIX}", folder_mark(data_dir));
    let mut tried = String::new();
    for folder in places(data_dir) {
        let path = folder.join(&name);
        match write_synced(&folder, &path, &[format!("{FORMAT} {digest}\n").as_bytes(), &json]) {
            Ok(()) => return Ok(path),
            Err(error) => {
                let comma = if tried.is_empty() { "" } else { ", " };
                // Writing to a String cannot fail.
                let _ = write!(tried, "{comma}{}: {error}", folder.display());
            }
        }
    }
    Err(nowhere(tried))
}

/// Takes what was set aside for this data folder into its casebook, oldest first, and removes each file whose record is
/// synced. Makes no casebook where nothing waits, and looks at nothing but the names then.
pub fn take_in(data_dir: &Path) -> Vec<Result<TakenIn, TakeInError>> {
    let waiting = waiting(data_dir);
    if waiting.is_empty() {
        return Vec::new();
    }
    let mut casebook = Casebook::open(&casebook_path(data_dir));
    let take = |path: PathBuf| {
        let unreadable = |what: String| TakeInError::Unreadable { path: path.clone(), what };
        let record = read(&path).map_err(unreadable)?;
        let failed = |why: CasebookError| TakeInError::Casebook { path: path.clone(), why };
        let casebook = casebook.as_mut().map_err(|e| failed(e.clone()))?;
        let (id, is_new) = casebook.append_late(&record).map_err(failed)?;
        remove(&path);
        Ok(TakenIn { id, path, is_new })
    };
    waiting.into_iter().map(take).collect()
}

/// Removes a file whose record is in the casebook. Where that fails the next start finds the record there and tries again.
pub(super) fn remove(path: &Path) {
    if let Err(error) = fs::remove_file(path)
        && error.kind() != io::ErrorKind::NotFound
    {
        tracing::warn!(path = %path.display(), %error, "a file whose record is saved cannot be removed");
    }
}

/// Where a record is set aside, best first.
fn places(data_dir: &Path) -> Vec<PathBuf> {
    let data_dir = fs::canonicalize(data_dir).unwrap_or_else(|_| data_dir.to_owned());
    let beside = data_dir.parent().map(Path::to_owned);
    let mut places = vec![data_dir];
    for place in beside.into_iter().chain([std::env::temp_dir()]) {
        if !places.contains(&place) {
            places.push(place);
        }
    }
    places
}

/// Tells the files of one data folder from those of another where they lie elsewhere.
fn folder_mark(data_dir: &Path) -> String {
    let path = fs::canonicalize(data_dir).unwrap_or_else(|_| data_dir.to_owned());
    let digest = hex(&Sha256::digest(path.as_os_str().as_encoded_bytes()));
    digest.chars().take(DIGEST_CHARS).collect()
}

/// The files that wait, by name, which begins with the time of the scan behind the mark of the folder.
fn waiting(data_dir: &Path) -> Vec<PathBuf> {
    let own = format!("{PREFIX}{}-", folder_mark(data_dir));
    let mut found = Vec::new();
    for (number, folder) in places(data_dir).into_iter().enumerate() {
        // In the data folder itself also what was set aside before the folder was moved.
        let prefix = if number == 0 { PREFIX } else { &own };
        let Ok(entries) = fs::read_dir(&folder) else { continue };
        for entry in entries.flatten() {
            let name = entry.file_name();
            let ours = name.to_str().is_some_and(|name| name.starts_with(prefix) && name.ends_with(SUFFIX));
            if ours && is_private(&entry.path(), data_dir) {
                found.push(entry.path());
            }
        }
    }
    found.sort_by_key(|path| path.file_name().map(std::ffi::OsStr::to_owned));
    found
}

/// True for a file that nobody but the owner of the data folder can have written: others may write into the system's
/// folder for temporary files.
fn is_private(path: &Path, data_dir: &Path) -> bool {
    let Ok(file) = fs::symlink_metadata(path) else { return false };
    #[cfg(unix)]
    {
        use std::os::unix::fs::MetadataExt as _;
        let Ok(folder) = fs::metadata(data_dir) else { return false };
        let owned = file.uid() == folder.uid() || file.uid() == 0;
        let others = file.mode() & 0o077; // what group and others may do
        file.is_file() && owned && others == 0
    }
    #[cfg(not(unix))]
    {
        let _ = data_dir;
        file.is_file()
    }
}

fn read(path: &Path) -> Result<ScanRecord, String> {
    let mut bytes = Vec::new();
    let file = File::open(path).map_err(|e| e.to_string())?;
    file.take(FILE_BYTES_MAX).read_to_end(&mut bytes).map_err(|e| e.to_string())?;
    let end = bytes.iter().position(|byte| *byte == b'\n').ok_or("it has no first line")?;
    let (first, json) = bytes.split_at(end);
    let json = json.get(1..).unwrap_or_default();
    if first != format!("{FORMAT} {}", hex(&Sha256::digest(json))).as_bytes() {
        return Err("its content has not the digest in its first line".to_owned());
    }
    serde_json::from_slice(json).map_err(|e| e.to_string())
}

/// The file is whole under its name, or not there.
fn write_synced(folder: &Path, path: &Path, contents: &[&[u8]]) -> io::Result<()> {
    let draft = path.with_extension(format!("{}.part", std::process::id()));
    let mut options = OpenOptions::new();
    options.write(true).create_new(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    let mut file = options.open(&draft)?;
    let written = contents.iter().try_for_each(|part| file.write_all(part)).and_then(|()| file.sync_all());
    let placed = written.and_then(|()| fs::rename(&draft, path));
    if placed.is_err() {
        // What is left of a file that has no room only takes more of it.
        let _ = fs::remove_file(&draft);
        return placed;
    }
    #[cfg(unix)]
    File::open(folder)?.sync_all()?;
    Ok(())
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::new(), |mut text, byte| {
        // Writing to a String cannot fail.
        let _ = write!(text, "{byte:02x}");
        text
    })
}
