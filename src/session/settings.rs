//! What a user has chosen and the program remembers: a small file in the data folder.

use std::fs::{self, File};
use std::io::{self, Read, Write};
use std::path::Path;

use serde::{Deserialize, Serialize};

use crate::casebook::ClockKeeping;

/// Name of the file in the data folder.
const FILE: &str = "settings.json";
/// Most bytes that are read of it; it has a few dozen.
const MAX_BYTES: u64 = 64 * 1024;

/// Colours of the window.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Colours {
    /// Dark text on light ground.
    #[default]
    Day,
    /// Light text on dark ground.
    Night,
}

/// The choices. Fields that a file lacks, or that this version does not know, do no harm.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Settings {
    /// Colours of the window.
    pub colours: Colours,
    /// Who keeps the clock of this machine right, for the records.
    pub clock: ClockKeeping,
}

impl Settings {
    /// What was kept in a data folder. A missing file means the usual choices; so does a damaged one, because colours
    /// must never keep the program from starting.
    pub fn of(data_dir: &Path) -> Self {
        let read = || -> io::Result<Self> {
            let mut text = Vec::new();
            File::open(data_dir.join(FILE))?.take(MAX_BYTES).read_to_end(&mut text)?;
            Ok(serde_json::from_slice(&text)?)
        };
        read().unwrap_or_else(|error| {
            if error.kind() != io::ErrorKind::NotFound {
                tracing::warn!(%error, "{FILE} cannot be read; the usual settings are used");
            }
            Self::default()
        })
    }

    /// Keeps the choices: a new file takes the place of the old one, so that a power cut leaves one of the two.
    pub fn keep(&self, data_dir: &Path) -> io::Result<()> {
        let (new, old) = (data_dir.join(format!("{FILE}.new")), data_dir.join(FILE));
        let mut text = serde_json::to_vec_pretty(self)?;
        text.push(b'\n');
        let mut file = File::create(&new)?;
        file.write_all(&text)?;
        file.sync_all()?;
        drop(file);
        fs::rename(new, old)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_chosen_is_there_at_the_next_start() {
        let folder = tempfile::tempdir().unwrap();
        assert_eq!(Settings::of(folder.path()), Settings::default());
        for (colours, clock) in [(Colours::Night, ClockKeeping::Gps), (Colours::Day, ClockKeeping::Operator)] {
            let settings = Settings { colours, clock };
            settings.keep(folder.path()).unwrap();
            assert_eq!(Settings::of(folder.path()), settings);
        }
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1, "nothing else is left behind");
    }

    #[test]
    fn a_damaged_or_newer_file_does_not_keep_the_program_from_starting() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join(FILE);
        for damaged in ["", "{", "[]", "{\"colours\": 7}", "{\"colours\": \"sepia\"}", "\0\0\0"] {
            fs::write(&file, damaged).unwrap();
            assert_eq!(Settings::of(folder.path()), Settings::default(), "{damaged:?}");
        }
        fs::write(&file, "{\"colours\": \"night\", \"of a later version\": [1]}").unwrap();
        assert_eq!(Settings::of(folder.path()).colours, Colours::Night);
    }
}
