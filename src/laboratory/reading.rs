//! From paths to the arrays in their files, on every core.

use std::fs::{self, File};
use std::io::Read;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Mutex, PoisonError};

use crate::formats::{self, ArchivedFile, FormatError, MAX_FILE_BYTES};

use super::LaboratoryError;

/// Most files of a collection.
const FILES_MAX: usize = 1_000_000;
/// Deepest folder.
const DEPTH_MAX: usize = 16;

/// Every regular file that `paths` name, folders with all that is in them, in the order of their names. Names that begin with
/// a dot are left out; links are not followed into folders.
pub fn collect_files(paths: &[PathBuf]) -> Result<Vec<PathBuf>, LaboratoryError> {
    let mut found = Vec::new();
    for path in paths {
        let disk = |source| LaboratoryError::Disk { path: path.clone(), doing: "read", source };
        if fs::metadata(path).map_err(disk)?.is_dir() { walk(path, 0, &mut found)? } else { found.push(path.clone()) }
    }
    Ok(found)
}

fn walk(folder: &Path, depth: usize, found: &mut Vec<PathBuf>) -> Result<(), LaboratoryError> {
    let disk = |source| LaboratoryError::Disk { path: folder.to_owned(), doing: "read", source };
    if depth > DEPTH_MAX || found.len() > FILES_MAX {
        return Err(disk(std::io::Error::other("it holds too many folders or files")));
    }
    let mut entries: Vec<_> = fs::read_dir(folder).and_then(Iterator::collect).map_err(disk)?;
    entries.sort_by_key(std::fs::DirEntry::file_name);
    for entry in entries.iter().filter(|e| !e.file_name().to_string_lossy().starts_with('.')) {
        let kind = entry.file_type().map_err(disk)?;
        if kind.is_dir() {
            walk(&entry.path(), depth + 1, found)?;
        } else if fs::metadata(entry.path()).is_ok_and(|m| m.is_file()) {
            found.push(entry.path());
        }
    }
    Ok(())
}

/// A file of disk with what was read of it; an archive has several. The error is about the file as a whole.
pub(super) struct ReadFile {
    pub name: String,
    /// Its name without the folders; the files of an archive have others.
    pub base: String,
    pub files: Result<Vec<ArchivedFile>, FormatError>,
}

/// Reads one file; its name is the path below the common folder that the user named, so that labels can name folders.
pub(super) fn read(path: &Path) -> Result<ReadFile, LaboratoryError> {
    let disk = |source| LaboratoryError::Disk { path: path.to_owned(), doing: "read", source };
    let name = path.to_string_lossy().replace('\\', "/");
    let base = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
    let file = File::open(path).map_err(disk)?;
    let length = file.metadata().map_err(disk)?;
    if !length.is_file() {
        return Err(disk(std::io::Error::other("it is no regular file")));
    }
    if length.len() > MAX_FILE_BYTES {
        return Ok(ReadFile { name, base, files: Err(FormatError::too_large(length.len())) });
    }
    let mut bytes = Vec::new();
    file.take(MAX_FILE_BYTES + 1).read_to_end(&mut bytes).map_err(disk)?;
    let files = formats::read_each(&bytes, &base);
    Ok(ReadFile { name, base, files })
}

/// Applies `work` to every item on every core; the results are in the order of the items. `go_on` is told how many are done
/// and ends it by returning false.
pub(super) fn on_every_core<T: Sync, R: Send>(
    items: &[T],
    work: impl Fn(&T) -> R + Sync,
    go_on: &(dyn Fn(usize, usize) -> bool + Sync),
) -> Result<Vec<R>, LaboratoryError> {
    let (next, done, stop) = (AtomicUsize::new(0), AtomicUsize::new(0), AtomicBool::new(false));
    let results = Mutex::new(Vec::with_capacity(items.len()));
    let worker = || {
        while !stop.load(Ordering::Relaxed) {
            let at = next.fetch_add(1, Ordering::Relaxed);
            let Some(item) = items.get(at) else { break };
            let result = work(item);
            results.lock().unwrap_or_else(PoisonError::into_inner).push((at, result));
            if !go_on(done.fetch_add(1, Ordering::Relaxed) + 1, items.len()) {
                stop.store(true, Ordering::Relaxed);
            }
        }
    };
    let cores = std::thread::available_parallelism().map_or(1, usize::from).min(16);
    std::thread::scope(|scope| {
        for _ in 1..cores {
            scope.spawn(worker);
        }
        worker();
    });
    if stop.into_inner() {
        return Err(LaboratoryError::Cancelled);
    }
    let mut results = results.into_inner().unwrap_or_else(PoisonError::into_inner);
    results.sort_by_key(|(at, _)| *at);
    Ok(results.into_iter().map(|(_, r)| r).collect())
}
