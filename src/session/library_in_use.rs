//! Which library answers: the pack that is installed in the data folder, or the bundled library where none is.

use std::path::Path;
use std::sync::Arc;

use jiff::Timestamp;

use crate::library::pack::{Installed, Pack, PackContent, PackError, PackShelf, is_draft, read_draft};
use crate::library::{Library, LibraryError};

/// Seconds of a day.
const DAY_SECONDS: i64 = 86_400;

/// The library in use and where it came from.
#[derive(Clone, Debug)]
pub struct LibraryInUse {
    /// The library.
    pub library: Arc<Library>,
    /// The installed pack; none for the bundled library and for a pack that was named.
    pub installed: Option<Installed>,
    /// A sentence for the operator where the pack is older than the unit's settings allow.
    pub warning: Option<String>,
}

/// The library in use in a data folder. An installed pack that cannot be trusted any more is an error and never replaced in
/// silence by another library: what it lists decides what alarms.
pub fn library_in_use(data_dir: &Path, now: Timestamp) -> Result<LibraryInUse, PackError> {
    let shelf = PackShelf::of(data_dir);
    let Some((installed, pack)) = shelf.open_used()? else {
        let library = Library::bundled()?;
        return Ok(LibraryInUse { library, installed: None, warning: None });
    };
    let library = Arc::new(pack.content()?.library);
    let warning = age_warning(&installed, shelf.current()?.warn_after_days, now);
    Ok(LibraryInUse { library, installed: Some(installed), warning })
}

/// A text that is another one whenever another library is in use, or the same is trusted otherwise. Reads no pack.
pub(super) fn in_use_mark(data_dir: &Path) -> String {
    let shelf = PackShelf::of(data_dir);
    match shelf.current().map(|current| current.used) {
        Ok(None) => String::new(),
        Ok(Some(file)) => match shelf.trust() {
            Ok(trust) => format!("{file} {trust:?}"),
            Err(error) => format!("{file} {error}"),
        },
        Err(error) => error.to_string(),
    }
}

/// All that is in use in a data folder, for the draft of its next version.
pub fn content_in_use(data_dir: &Path, now: Timestamp) -> Result<PackContent, PackError> {
    match PackShelf::of(data_dir).open_used()? {
        Some((_, used)) => used.content(),
        None => Ok(PackContent::of_bundled(Library::bundled()?.as_ref(), Library::bundled_notices(), now)),
    }
}

/// The library of a pack file that was named, signed by a key that the data folder trusts.
pub fn library_of_pack(pack: &Path, data_dir: &Path) -> Result<Arc<Library>, PackError> {
    Ok(Arc::new(Pack::open(pack, &PackShelf::of(data_dir).trust()?)?.content()?.library))
}

/// The library of a pack or a draft that was named, else the one in use. Nothing vouches for a draft: it may be looked at and
/// evaluated, and never identifies for a record.
pub fn library_to_look_at(file: Option<&Path>, data_dir: &Path, now: Timestamp) -> Result<LibraryInUse, PackError> {
    match file {
        Some(draft) if is_draft(draft)? => {
            Ok(LibraryInUse { library: Arc::new(read_draft(draft)?.library), installed: None, warning: None })
        }
        file => library_or_pack(file, data_dir, now),
    }
}

/// The library of a pack that was named, else the one in use.
pub fn library_or_pack(pack: Option<&Path>, data_dir: &Path, now: Timestamp) -> Result<LibraryInUse, PackError> {
    let Some(pack) = pack else { return library_in_use(data_dir, now) };
    Ok(LibraryInUse { library: library_of_pack(pack, data_dir)?, installed: None, warning: None })
}

/// The library with this digest, for the replay of a record: bundled, or any pack that was ever installed here.
pub fn library_by_digest(data_dir: &Path, sha256: &str) -> Result<Option<Arc<Library>>, PackError> {
    let bundled: Result<Arc<Library>, LibraryError> = Library::bundled();
    match bundled {
        Ok(library) if library.identity.sha256 == sha256 => Ok(Some(library)),
        Ok(_) | Err(_) => PackShelf::of(data_dir)
            .open_by_content(sha256)?
            .map(|pack| Ok(Arc::new(pack.content()?.library)))
            .transpose(),
    }
}

/// How old the pack in use is, for the screen.
#[derive(Clone, Debug, PartialEq)]
pub struct PackAge {
    /// The pack.
    pub installed: Installed,
    /// The unit warns from this age on, days; 0 never.
    pub warn_after_days: u32,
}

impl PackAge {
    /// Whole days since it was made; 0 where the clock is behind its maker's.
    pub fn days(&self, now: Timestamp) -> i64 {
        (now.as_second().saturating_sub(self.installed.made_at.as_second()) / DAY_SECONDS).max(0)
    }

    /// Name, version and age.
    pub fn words(&self, now: Timestamp) -> String {
        let days = self.days(now);
        let age = match days {
            0 => "made today".to_owned(),
            1 => "1 day old".to_owned(),
            days => format!("{days} days old"),
        };
        format!("{} {}, {age}", self.installed.name, self.installed.version)
    }

    /// The sentence for the operator where it is too old.
    pub fn warning(&self, now: Timestamp) -> Option<String> {
        age_warning(&self.installed, self.warn_after_days, now)
    }
}

/// The age of the pack in use, without reading the pack; none where the bundled library is used.
pub fn pack_age(data_dir: &Path) -> Result<Option<PackAge>, PackError> {
    let current = PackShelf::of(data_dir).current()?;
    let installed = current.used().cloned();
    Ok(installed.map(|installed| PackAge { installed, warn_after_days: current.warn_after_days }))
}

/// The sentence about a pack that is older than `days`; zero days never warns.
pub fn age_warning(installed: &Installed, days: u32, now: Timestamp) -> Option<String> {
    let age = now.as_second().saturating_sub(installed.made_at.as_second()) / DAY_SECONDS;
    (days > 0 && age > i64::from(days)).then(|| {
        format!(
            "The reference pack {} {} is {age} days old, and this unit warns after {days}: ask the laboratory for a newer one.",
            installed.name, installed.version
        )
    })
}
