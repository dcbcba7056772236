//! What is installed: a folder of packs that are never changed and one small file that says which of them is used.
//!
//! An install copies the pack, syncs it, proves the copy, gives it its final name, and only then replaces `current.json` by
//! a new one. Each step is whole or not there, so that a power cut leaves the old pack or the new one. Packs stay on the
//! shelf: rollback goes back to them and the replay of an old record finds the library of its day.

use std::fs::{self, File, OpenOptions};
use std::io::{Read, Write};
use std::path::{Path, PathBuf};

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::{Pack, PackError, PackVersion, TrustList};

/// Most bytes of `current.json`.
const CURRENT_BYTES_MAX: u64 = 4 << 20;
/// Most installs that are remembered.
const HISTORY_MAX: usize = 2_000;

/// Age from which the operator is warned where nobody chose another, days.
const WARN_AFTER_DAYS: u32 = 180;

/// One installed pack.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Installed {
    /// File on the shelf.
    pub file: String,
    /// Name of the library.
    pub name: String,
    /// Its version.
    pub version: String,
    /// Digest of its content, as records carry it.
    pub sha256: String,
    /// Name of the key that signed it.
    pub signer: String,
    /// When its maker wrote it.
    pub made_at: Timestamp,
    /// When it was first installed here.
    pub installed_at: Timestamp,
}

/// What `current.json` holds.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Current {
    /// File of the pack that is used; none means the bundled library.
    pub used: Option<String>,
    /// Every pack on the shelf, in the order in which they came.
    pub packs: Vec<Installed>,
    /// Age of the pack in use from which the operator is warned, days; 0 never warns.
    pub warn_after_days: u32,
}

impl Default for Current {
    fn default() -> Self {
        Self { used: None, packs: Vec::new(), warn_after_days: WARN_AFTER_DAYS }
    }
}

impl Current {
    /// The pack that is used.
    pub fn used(&self) -> Option<&Installed> {
        let file = self.used.as_ref()?;
        self.packs.iter().find(|p| p.file == *file)
    }
}

/// The packs of one data folder.
#[derive(Clone, Debug)]
pub struct PackShelf {
    folder: PathBuf,
}

impl PackShelf {
    /// The shelf of a data folder; nothing is written until something is installed.
    pub fn of(data_dir: &Path) -> Self {
        Self { folder: data_dir.join("packs") }
    }

    /// The file of the trusted keys.
    pub fn trust_path(&self) -> PathBuf {
        self.folder.join("trust.json")
    }

    /// The trusted keys.
    pub fn trust(&self) -> Result<TrustList, PackError> {
        TrustList::read(&self.trust_path())
    }

    /// Changes the trusted keys while nobody else does.
    pub fn change_trust<T>(&self, change: impl FnOnce(&mut TrustList) -> Result<T, PackError>) -> Result<T, PackError> {
        let _lock = self.lock()?;
        let mut list = self.trust()?;
        let value = change(&mut list)?;
        list.keep(&self.trust_path())?;
        Ok(value)
    }

    /// What is installed.
    pub fn current(&self) -> Result<Current, PackError> {
        let path = self.folder.join("current.json");
        let mut text = String::new();
        match File::open(&path) {
            Err(e) if e.kind() == std::io::ErrorKind::NotFound => return Ok(Current::default()),
            opened => opened
                .and_then(|f| f.take(CURRENT_BYTES_MAX).read_to_string(&mut text))
                .map_err(PackError::disk(&path, "reading"))?,
        };
        serde_json::from_str(&text).map_err(|e| PackError::disk(&path, "reading")(std::io::Error::other(e)))
    }

    /// The pack that is used; none where the bundled library is.
    pub fn open_used(&self) -> Result<Option<(Installed, Pack)>, PackError> {
        let current = self.current()?;
        match (&current.used, current.used()) {
            (None, _) => Ok(None),
            (Some(file), None) => Err(PackError::NoSuchPack(format!("the installed pack {file} is not on the shelf"))),
            (Some(_), Some(installed)) => Ok(Some((installed.clone(), self.open(installed)?))),
        }
    }

    /// The installed pack with this content, for the replay of a record.
    pub fn open_by_content(&self, sha256: &str) -> Result<Option<Pack>, PackError> {
        let current = self.current()?;
        current.packs.iter().find(|p| p.sha256 == sha256).map(|p| self.open(p)).transpose()
    }

    fn open(&self, installed: &Installed) -> Result<Pack, PackError> {
        let path = self.place(&installed.file)?;
        let pack = Pack::open_installed(&path, &self.trust()?.for_installed())?;
        if pack.seal().content_sha256 == installed.sha256 {
            Ok(pack)
        } else {
            Err(PackError::Edited { path, what: "it is another pack than the one that was installed".to_owned() })
        }
    }

    /// Installs a pack and uses it from then on. A newer version of the same name only, unless `other_name`.
    pub fn install(&self, path: &Path, now: Timestamp, other_name: bool) -> Result<Installed, PackError> {
        let _lock = self.lock()?;
        let trust = self.trust()?;
        // Cheap refusals come before the copy.
        let offered = Pack::open(path, &trust)?;
        let mut current = self.current()?;
        let seal = offered.seal().clone();
        check_order(path, &seal, current.used().or(current.packs.last()), other_name)?;
        drop(offered);

        let file = format!("{}-{}.pack", short(&seal.content_sha256), short(&seal.database_sha256));
        let place = self.folder.join(&file);
        let made_at;
        if current.packs.iter().any(|p| p.file == file) && place.is_file() {
            made_at = Pack::open(&place, &trust)?.made_at()?;
        } else {
            let incoming = self.folder.join("incoming.new");
            copy_synced(path, &incoming)?;
            // The copy is proved, not what may meanwhile have changed under its name.
            let copied = Pack::open(&incoming, &trust)?;
            if *copied.seal() != seal {
                return Err(PackError::Edited {
                    path: path.to_owned(),
                    what: "it changed while it was copied".to_owned(),
                });
            }
            copied.content()?;
            made_at = copied.made_at()?;
            drop(copied);
            fs::rename(&incoming, &place).map_err(PackError::disk(&place, "installing"))?;
            sync_folder(&place)?;
        }
        let installed = Installed {
            file: file.clone(),
            name: seal.name,
            version: seal.version,
            sha256: seal.content_sha256,
            signer: seal.signer.name().to_owned(),
            made_at,
            installed_at: now,
        };
        current.packs.retain(|p| p.file != file);
        if current.packs.len() >= HISTORY_MAX {
            return Err(PackError::NoSuchPack(format!("{HISTORY_MAX} packs are on the shelf, which is the most")));
        }
        current.packs.push(installed.clone());
        current.used = Some(file);
        self.keep(&current)?;
        Ok(installed)
    }

    /// Uses an earlier installed pack again: the one with this version or digest, or the one before the present one.
    /// `bundled` uses the library that is compiled in.
    pub fn rollback(&self, to: Option<&str>) -> Result<Option<Installed>, PackError> {
        let _lock = self.lock()?;
        let mut current = self.current()?;
        if to == Some("bundled") {
            current.used = None;
            self.keep(&current)?;
            return Ok(None);
        }
        let used = current.used.clone();
        let mut others = current.packs.iter().rev().filter(|p| Some(&p.file) != used.as_ref());
        let found = if let Some(wanted) = to {
            others.find(|p| p.version == wanted || (wanted.len() >= 8 && p.sha256.starts_with(wanted)))
        } else {
            let at = current.packs.iter().position(|p| Some(&p.file) == used.as_ref());
            at.and_then(|at| at.checked_sub(1)).and_then(|at| current.packs.get(at))
        };
        let found = found.cloned().ok_or_else(|| {
            PackError::NoSuchPack(match to {
                Some(wanted) => format!("no other pack of version or digest {wanted} was installed here"),
                None => "there is no pack before the present one".to_owned(),
            })
        })?;
        // What is gone back to is proved byte by byte, as at its install.
        let place = self.place(&found.file)?;
        Pack::open(&place, &self.trust()?.for_installed())?;
        current.used = Some(found.file.clone());
        self.keep(&current)?;
        Ok(Some(found))
    }

    /// Chooses the age from which the operator is warned, days; 0 never warns.
    pub fn warn_after(&self, days: u32) -> Result<(), PackError> {
        let _lock = self.lock()?;
        let current = Current { warn_after_days: days, ..self.current()? };
        self.keep(&current)
    }

    fn keep(&self, current: &Current) -> Result<(), PackError> {
        let path = self.folder.join("current.json");
        let text = serde_json::to_vec_pretty(current)
            .map_err(|e| PackError::disk(&path, "writing")(std::io::Error::other(e)))?;
        replace_file(&path, &text)
    }

    /// A file on the shelf; a name that leads elsewhere is refused.
    fn place(&self, file: &str) -> Result<PathBuf, PackError> {
        let plain = file.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-' || b == b'.') && !file.starts_with('.');
        if plain {
            Ok(self.folder.join(file))
        } else {
            Err(PackError::NoSuchPack(format!("`{file}` is no pack's name")))
        }
    }

    /// One process at a time changes the shelf.
    fn lock(&self) -> Result<File, PackError> {
        make_private(&self.folder)?;
        let path = self.folder.join("lock");
        let file = OpenOptions::new().create(true).truncate(false).write(true).open(&path);
        file.and_then(|f| f.lock().map(|()| f)).map_err(PackError::disk(&path, "locking"))
    }
}

fn check_order(
    path: &Path,
    seal: &super::PackSeal,
    used: Option<&Installed>,
    other_name: bool,
) -> Result<(), PackError> {
    let offered = PackVersion::parse(&seal.version)?;
    let Some(used) = used else { return Ok(()) };
    if used.name != seal.name {
        return if other_name {
            Ok(())
        } else {
            Err(PackError::OtherName {
                path: path.to_owned(),
                offered: seal.name.clone(),
                installed: used.name.clone(),
            })
        };
    }
    if offered > PackVersion::parse(&used.version)? {
        Ok(())
    } else {
        Err(PackError::Older { path: path.to_owned(), offered: seal.version.clone(), installed: used.version.clone() })
    }
}

fn short(digest: &str) -> &str {
    digest.get(..16).unwrap_or(digest)
}

fn make_private(folder: &Path) -> Result<(), PackError> {
    if folder.is_dir() {
        return Ok(());
    }
    let mut builder = fs::DirBuilder::new();
    builder.recursive(true);
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
    builder.create(folder).map_err(PackError::disk(folder, "making the folder"))?;
    sync_folder(folder)
}

fn copy_synced(from: &Path, to: &Path) -> Result<(), PackError> {
    let mut source = File::open(from).map_err(PackError::disk(from, "reading"))?;
    let mut target = File::create(to).map_err(PackError::disk(to, "writing"))?;
    std::io::copy(&mut source, &mut target).and_then(|_| target.sync_all()).map_err(PackError::disk(to, "writing"))
}

/// Puts a new file in the place of an old one, whole, and syncs file and folder.
pub(super) fn replace_file(path: &Path, bytes: &[u8]) -> Result<(), PackError> {
    let mut name = path.file_name().unwrap_or_default().to_owned();
    name.push(".new");
    let new = path.with_file_name(name);
    let written = File::create(&new).and_then(|mut f| f.write_all(bytes).and_then(|()| f.sync_all()));
    written.and_then(|()| fs::rename(&new, path)).map_err(PackError::disk(path, "writing"))?;
    sync_folder(path)
}

/// Syncs the folder of a file, so that its name survives a power cut.
pub(super) fn sync_folder(path: &Path) -> Result<(), PackError> {
    #[cfg(unix)]
    if let Some(folder) = path.parent() {
        let folder = if folder.as_os_str().is_empty() { Path::new(".") } else { folder };
        File::open(folder).and_then(|f| f.sync_all()).map_err(PackError::disk(folder, "syncing"))?;
    }
    Ok(())
}
