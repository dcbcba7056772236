//! Photos and other files about a scan: kept beside the casebook under their digest, which the event states.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Read, Write};
use std::path::{Path, PathBuf};

use jiff::Timestamp;
use sha2::{Digest, Sha256};

use super::{Statement, StatementError};
use crate::casebook::ledger::hex;
use crate::casebook::{Act, Actor, Casebook, CasebookError};

/// Largest file that is kept.
const FILE_BYTES_MAX: u64 = 64 << 20;

/// Where the files of the casebook at `path` lie.
pub(in crate::casebook) fn files_folder(path: &Path) -> PathBuf {
    path.with_file_name("files")
}

/// SHA-256 of a kept file, hexadecimal.
pub(in crate::casebook) fn digest_of(file: &Path) -> io::Result<String> {
    let mut hasher = Sha256::new();
    let mut file = File::open(file)?.take(FILE_BYTES_MAX + 1);
    let mut buffer = vec![0_u8; 1 << 16];
    loop {
        match file.read(&mut buffer)? {
            0 => return Ok(hex(&hasher.finalize())),
            n => hasher.update(buffer.get(..n).unwrap_or_default()),
        }
    }
}

impl Casebook {
    /// Keeps a copy of a file and records it. The copy is on the disk before the event is written; the same bytes are
    /// kept once.
    pub fn attach(
        &mut self,
        at: Timestamp,
        by: &Actor,
        scan_id: i64,
        file: &Path,
        text: &str,
    ) -> Result<i64, CasebookError> {
        self.require_scan(scan_id)?;
        self.permit(at, by, Act::Attach, Some(scan_id))?;
        let name = file.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
        let refuse = |what: String| StatementError::File { name: file.display().to_string(), what };
        let kept = keep(file, &files_folder(self.path())).map_err(|e| refuse(e.to_string()))?;
        let (sha256, bytes) = kept;
        self.record(at, by, scan_id, &Statement::File { name, sha256, bytes, text: text.to_owned() })
    }

    /// Where the bytes of a recorded file lie.
    pub fn file_path(&self, sha256: &str) -> PathBuf {
        files_folder(self.path()).join(sha256)
    }
}

/// Copies the file to its place and syncs it; gives its digest and size.
fn keep(file: &Path, folder: &Path) -> io::Result<(String, u64)> {
    if !fs::metadata(file)?.is_file() {
        return Err(io::Error::other("it is no file"));
    }
    let mut bytes = Vec::new();
    File::open(file)?.take(FILE_BYTES_MAX + 1).read_to_end(&mut bytes)?;
    if bytes.len() as u64 > FILE_BYTES_MAX {
        return Err(io::Error::other("it is larger than 64 MiB"));
    }
    let mut builder = fs::DirBuilder::new();
    builder.recursive(true);
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
    builder.create(folder)?;
    let sha256 = hex(&Sha256::digest(&bytes));
    let place = folder.join(&sha256);
    if digest_of(&place).is_ok_and(|there| there == sha256) {
        return Ok((sha256, bytes.len() as u64));
    }
    let draft = folder.join(format!("{sha256}.{}", std::process::id()));
    let mut options = OpenOptions::new();
    options.write(true).create(true).truncate(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    let mut copy = options.open(&draft)?;
    copy.write_all(&bytes)?;
    copy.sync_all()?;
    fs::rename(&draft, &place)?;
    #[cfg(unix)]
    for folder in folder.ancestors().take(2).filter(|p| !p.as_os_str().is_empty()) {
        File::open(folder)?.sync_all()?;
    }
    Ok((sha256, bytes.len() as u64))
}
