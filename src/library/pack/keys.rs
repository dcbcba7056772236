//! The signing keys of a data folder: one sealed file each.

use std::fs::{self, File, OpenOptions};
use std::io::{Read, Write};
use std::path::{Path, PathBuf};

use super::PackError;
use super::shelf::sync_folder;
use crate::signature::{Kdf, NoteSigner, NoteVerifier, SealedKey};

/// Most bytes of a key's file.
const BYTES_MAX: u64 = 8 << 10;
/// Longest name, bytes.
const NAME_MAX: usize = 60;
/// What stands behind a key's name.
const ENDING: &str = ".key";

/// The folder of the signing keys.
#[derive(Clone, Debug)]
pub struct KeyStore {
    folder: PathBuf,
}

impl KeyStore {
    /// That of a data folder.
    pub fn of(data_dir: &Path) -> Self {
        Self { folder: data_dir.join("keys") }
    }

    /// The file of a key, whether it is there or not.
    pub fn path(&self, name: &str) -> Result<PathBuf, PackError> {
        let plain = |b: u8| b.is_ascii_alphanumeric() || b == b'-' || b == b'.';
        if name.is_empty() || name.len() > NAME_MAX || name.starts_with('.') || !name.bytes().all(plain) {
            return Err(PackError::Key(format!(
                "`{}` is no name of a key; use letters, digits, dots and hyphens",
                name.escape_debug()
            )));
        }
        Ok(self.folder.join(format!("{name}{ENDING}")))
    }

    /// The names of the keys, in order. No folder means no keys.
    pub fn names(&self) -> Vec<String> {
        let entries = fs::read_dir(&self.folder).into_iter().flatten().flatten();
        let names = entries.map(|e| e.file_name().to_string_lossy().into_owned());
        let mut own: Vec<String> = names.filter_map(|n| n.strip_suffix(ENDING).map(str::to_owned)).collect();
        own.sort();
        own
    }

    /// Makes a key, sealed under `passphrase`, in a file that only its owner reads. `secret` and `random` are fresh random
    /// bytes. A key is never written over another one.
    pub fn create(
        &self,
        name: &str,
        passphrase: &str,
        secret: &[u8; 32],
        random: &[u8; 40],
    ) -> Result<NoteVerifier, PackError> {
        let path = self.path(name)?;
        if path.exists() {
            return Err(PackError::Key(format!("there is a key {name} already; choose another name, or rotate it")));
        }
        let sealed = SealedKey::seal(name, secret, passphrase, Kdf::USUAL, random).map_err(key)?;
        let text = sealed.text().map_err(key)?;
        fs::create_dir_all(&self.folder).map_err(PackError::disk(&self.folder, "making the folder"))?;
        let mut options = OpenOptions::new();
        options.write(true).create_new(true);
        #[cfg(unix)]
        std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
        options
            .open(&path)
            .and_then(|mut file| file.write_all(text.as_bytes()).and_then(|()| file.sync_all()))
            .map_err(PackError::disk(&path, "writing"))?;
        sync_folder(&path)?;
        sealed.verifier().map_err(key)
    }

    /// A key as it lies there, sealed.
    pub fn read(&self, name: &str) -> Result<SealedKey, PackError> {
        let path = self.path(name)?;
        let mut text = String::new();
        match File::open(&path) {
            Err(e) if e.kind() == std::io::ErrorKind::NotFound => {
                return Err(PackError::Key(format!("there is no key {name} here ({})", path.display())));
            }
            opened => opened
                .and_then(|f| f.take(BYTES_MAX).read_to_string(&mut text))
                .map_err(PackError::disk(&path, "reading"))?,
        };
        SealedKey::parse(&text).map_err(key)
    }

    /// Opens a key with its passphrase.
    pub fn open(&self, name: &str, passphrase: &str) -> Result<NoteSigner, PackError> {
        self.read(name)?.open(passphrase).map_err(key)
    }
}

fn key(error: impl std::fmt::Display) -> PackError {
    PackError::Key(error.to_string())
}
