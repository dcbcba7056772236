//! The key with which a casebook signs its checkpoints: 32 random bytes in a file beside the database.
//!
//! Whoever can read the file can sign in the casebook's name; what only a checkpoint kept elsewhere prevents is written
//! down in `THREAT_MODEL.md`.

use std::fs::{File, OpenOptions};
use std::io::{self, Read, Write};
use std::path::{Path, PathBuf};

use rand::TryRng;
use rand::rngs::SysRng;
use sha2::{Digest, Sha256};

use super::ledger::hex;
use super::note::NoteSigner;

/// The file beside the database at `path`.
pub(super) fn key_path(path: &Path) -> PathBuf {
    path.with_extension("key")
}

/// Reads the key, or makes one where there is none; the second value says that it is new. It is on the disk before this
/// returns, so that no checkpoint is signed with a key that a power cut takes away.
pub(super) fn open_or_make(path: &Path) -> io::Result<(NoteSigner, bool)> {
    match read(path) {
        Err(e) if e.kind() == io::ErrorKind::NotFound => {
            make(path)?;
            Ok((signer(&read(path)?)?, true))
        }
        secret => Ok((signer(&secret?)?, false)),
    }
}

fn read(path: &Path) -> io::Result<[u8; 32]> {
    let mut text = String::new();
    File::open(path)?.take(100).read_to_string(&mut text)?;
    let text = text.trim();
    let bad = || io::Error::new(io::ErrorKind::InvalidData, "it does not hold 64 hexadecimal digits");
    if text.len() != 64 || !text.is_ascii() {
        return Err(bad());
    }
    let mut secret = [0; 32];
    for (byte, digits) in secret.iter_mut().zip(text.as_bytes().chunks(2)) {
        let digits = std::str::from_utf8(digits).map_err(|_| bad())?;
        *byte = u8::from_str_radix(digits, 16).map_err(|_| bad())?;
    }
    Ok(secret)
}

/// Writes a new key beside its place and moves it there whole; a process that was faster wins.
fn make(path: &Path) -> io::Result<()> {
    let mut secret = [0_u8; 32];
    SysRng.try_fill_bytes(&mut secret).map_err(io::Error::other)?;
    let draft = path.with_extension(format!("key-{}", std::process::id()));
    let mut options = OpenOptions::new();
    options.write(true).create(true).truncate(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    let mut file = options.open(&draft)?;
    writeln!(file, "{}", hex(&secret))?;
    file.sync_all()?;
    let placed = std::fs::hard_link(&draft, path);
    std::fs::remove_file(&draft)?;
    match placed {
        Err(e) if e.kind() != io::ErrorKind::AlreadyExists => return Err(e),
        _ => {}
    }
    #[cfg(unix)]
    if let Some(folder) = path.parent().filter(|p| !p.as_os_str().is_empty()) {
        File::open(folder)?.sync_all()?;
    }
    Ok(())
}

/// The signer under the name of the log, which is drawn from the key itself: two casebooks never share one.
fn signer(secret: &[u8; 32]) -> io::Result<NoteSigner> {
    let public = Sha256::new()
        .chain_update("parcelscope casebook name\n")
        .chain_update(ed25519_dalek::SigningKey::from_bytes(secret).verifying_key().as_bytes());
    let digest: [u8; 32] = public.finalize().into();
    let name = format!("parcelscope/casebook/{}", hex(digest.get(..8).unwrap_or_default()));
    NoteSigner::new(&name, secret).map_err(|e| io::Error::new(io::ErrorKind::InvalidData, e.to_string()))
}
