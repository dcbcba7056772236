//! The folder that holds everything the program keeps on this machine.

use std::io;
use std::path::{Path, PathBuf};

use thiserror::Error;

/// Why there is no data folder.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum DataDirError {
    /// The system does not say where this user's data belongs.
    #[error("this system names no home folder for this user; choose a folder with --data-dir")]
    NoHome,
    /// The folder cannot be made.
    #[error("the data folder {} cannot be made ({what}); choose another one with --data-dir", .path.display())]
    Unusable {
        /// The folder.
        path: PathBuf,
        /// The reason in the system's words.
        what: String,
    },
}

/// The data folder: `chosen`, or the platform's place for the data of a program (on Linux
/// `~/.local/share/parcelscope`). It is made when it is missing, for this user only.
pub fn data_dir(chosen: Option<&Path>) -> Result<PathBuf, DataDirError> {
    let path = data_dir_path(chosen)?;
    create_private(&path).map_err(|e| DataDirError::Unusable { path: path.clone(), what: e.to_string() })?;
    Ok(path)
}

/// The same folder without making it.
pub fn data_dir_path(chosen: Option<&Path>) -> Result<PathBuf, DataDirError> {
    Ok(match chosen {
        Some(path) => path.to_owned(),
        None => {
            directories::ProjectDirs::from("", "", "parcelscope").ok_or(DataDirError::NoHome)?.data_dir().to_owned()
        }
    })
}

/// The casebook's place in a data folder.
pub fn casebook_path(data_dir: &Path) -> PathBuf {
    data_dir.join("casebook.sqlite3")
}

fn create_private(path: &Path) -> io::Result<()> {
    if path.is_dir() {
        return Ok(());
    }
    let mut builder = std::fs::DirBuilder::new();
    builder.recursive(true);
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
    builder.create(path)?;
    // The name of a new folder must outlive a power cut as its files do.
    #[cfg(unix)]
    for made in path.ancestors().skip(1).take(2).filter(|p| !p.as_os_str().is_empty()) {
        std::fs::File::open(made)?.sync_all()?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_chosen_folder_is_made_for_this_user_only() {
        let outer = tempfile::tempdir().unwrap();
        let path = outer.path().join("a/b");
        assert_eq!(data_dir(Some(&path)).unwrap(), path);
        assert_eq!(data_dir(Some(&path)).unwrap(), path, "a folder that is there is taken as it is");
        #[cfg(unix)]
        {
            use std::os::unix::fs::PermissionsExt;
            assert_eq!(std::fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o700);
        }
    }

    #[test]
    fn a_file_in_the_way_is_refused_with_the_next_step() {
        let file = tempfile::NamedTempFile::new().unwrap();
        let error = data_dir(Some(file.path())).unwrap_err();
        assert!(error.to_string().contains("--data-dir"), "{error}");
    }
}
