//! The saved kits in the data folder: `kits/<serial number>/kit.json` beside the records of the kit, and
//! `kits/choice.json` with the kit in use and the policy on performance checks.

use std::fs::{self, File};
use std::io::{self, Read, Write};
use std::path::{Path, PathBuf};

use jiff::SignedDuration;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use thiserror::Error;

use super::kit_records::{KitRecordError, kit_folder};
use super::{CheckPolicy, KitId, KitName, SavedKit, ScanExposure};

/// File of a kit in its folder.
const KIT: &str = "kit.json";
/// File with the kit in use and the policy.
const CHOICE: &str = "choice.json";
/// Largest file that is read; a kit with the calibration of its module has a few thousand bytes.
const MAX_BYTES: u64 = 1 << 20;
/// Most folders that are looked into.
const MAX_KITS: usize = 256;
/// Longest and shortest validity of a check that may be set, hours.
const VALID_HOURS: std::ops::RangeInclusive<i64> = 1..=366 * 24;

/// Why a saved kit cannot be kept, read or found.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum KitStoreError {
    /// The folder cannot be named.
    #[error(transparent)]
    Serial(#[from] KitRecordError),
    /// The disk.
    #[error("{path} cannot be used ({what}); check the disk and the rights of the folder")]
    Disk {
        /// The file or folder.
        path: PathBuf,
        /// What the system says.
        what: String,
    },
    /// Another kit has the name.
    #[error("the kit {other} is already called '{name}'; choose another name, or forget that kit first")]
    NameTaken {
        /// The name.
        name: String,
        /// Serial number of the kit that has it.
        other: KitId,
    },
    /// No such kit.
    #[error("no kit called '{wanted}' is saved; {}", known(.names))]
    NoSuchKit {
        /// What was asked for.
        wanted: String,
        /// The names that there are.
        names: Vec<String>,
    },
}

fn known(names: &[String]) -> String {
    if names.is_empty() {
        "none is saved yet: 'parcelscope kit save --help' says how to save one".to_owned()
    } else {
        format!("there is {}", names.join(", "))
    }
}

/// Which kit is in use and what is demanded of it.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct KitChoices {
    /// The saved kit in use; `None` for the kit with which the session was started.
    pub in_use: Option<KitId>,
    /// Policy on performance checks.
    pub policy: CheckPolicy,
    /// Exposure of Raman scans.
    pub exposure: ScanExposure,
    /// Port of the GPS receiver.
    pub gps_port: Option<String>,
}

/// The choices as they stand in the file.
#[derive(Default, Serialize, Deserialize)]
#[serde(default)]
struct ChoiceFile {
    in_use: Option<KitId>,
    check_valid_hours: Option<i64>,
    check_tolerance_cm1: Option<f64>,
    refuse_unverified: bool,
    exposure: ScanExposure,
    gps_port: Option<String>,
}

/// All saved kits, by name, and what cannot be read.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct KitShelf {
    /// The kits.
    pub kits: Vec<SavedKit>,
    /// Which is in use, and the policy.
    pub choices: KitChoices,
    /// Sentences about files that cannot be read.
    pub trouble: Vec<String>,
}

impl KitShelf {
    /// Reads the shelf of a data folder. What cannot be read is told and left alone.
    pub fn of(data_dir: &Path) -> Self {
        let mut shelf = Self { choices: read_choices(data_dir), ..Self::default() };
        let folders = match fs::read_dir(data_dir.join("kits")) {
            Ok(folders) => folders,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return shelf,
            Err(error) => {
                shelf.trouble.push(format!("the saved kits cannot be read: {error}"));
                return shelf;
            }
        };
        for folder in folders.flatten().take(MAX_KITS) {
            let path = folder.path().join(KIT);
            match read::<SavedKit>(&path) {
                // A kit in the folder of another unit would get the other's calibration.
                Ok(kit) if kit_folder(data_dir, &kit.id().0).is_ok_and(|own| own == folder.path()) => {
                    shelf.kits.push(kit);
                }
                Ok(_) => {
                    shelf.trouble.push(format!("{} is not the kit of its folder; set it up again", path.display()));
                }
                Err(error) if is_absent(&error) => {}
                Err(error) => shelf.trouble.push(format!(
                    "{} cannot be read ({error}); set the kit up again, its calibrations are kept",
                    path.display()
                )),
            }
        }
        shelf.kits.sort_by_key(|kit| (kit.name.as_str().to_lowercase(), kit.id()));
        shelf
    }

    /// The kit of this id.
    pub fn get(&self, id: &KitId) -> Option<&SavedKit> {
        self.kits.iter().find(|kit| kit.id() == *id)
    }

    /// The kit of this name, or of this serial number.
    pub fn find(&self, wanted: &str) -> Result<&SavedKit, KitStoreError> {
        let named = self.kits.iter().find(|kit| kit.name.resembles(wanted));
        named.or_else(|| self.kits.iter().find(|kit| kit.id().0 == wanted.trim())).ok_or_else(|| {
            let names = self.kits.iter().map(|kit| kit.name.to_string()).collect();
            KitStoreError::NoSuchKit { wanted: wanted.to_owned(), names }
        })
    }

    /// Refuses a name that another kit has.
    pub fn admits(&self, name: &KitName, id: &KitId) -> Result<(), KitStoreError> {
        match self.kits.iter().find(|kit| kit.name.resembles(name.as_str()) && kit.id() != *id) {
            None => Ok(()),
            Some(other) => Err(KitStoreError::NameTaken { name: name.to_string(), other: other.id() }),
        }
    }
}

/// Not there, also where the thing above it is a file.
fn is_absent(error: &io::Error) -> bool {
    matches!(error.kind(), io::ErrorKind::NotFound | io::ErrorKind::NotADirectory)
}

/// Saves a kit in the place of an earlier one with the same serial number. Its records stay.
pub fn save_kit(data_dir: &Path, kit: &SavedKit) -> Result<(), KitStoreError> {
    KitShelf::of(data_dir).admits(&kit.name, &kit.id())?;
    let path = kit_folder(data_dir, &kit.id().0)?.join(KIT);
    write(&path, kit).map_err(|e| KitStoreError::Disk { path, what: e.to_string() })
}

/// Forgets a kit. Its calibrations and checks stay and count again when it is saved again.
pub fn forget_kit(data_dir: &Path, id: &KitId) -> Result<(), KitStoreError> {
    let path = kit_folder(data_dir, &id.0)?.join(KIT);
    match fs::remove_file(&path) {
        Err(e) if !is_absent(&e) => return Err(KitStoreError::Disk { path, what: e.to_string() }),
        _ => {}
    }
    let choices = read_choices(data_dir);
    if choices.in_use.as_ref() == Some(id) {
        keep_choices(data_dir, &KitChoices { in_use: None, ..choices })?;
    }
    Ok(())
}

/// The choices of a data folder; a missing or damaged file means the usual ones, with a warning in the log.
pub fn read_choices(data_dir: &Path) -> KitChoices {
    let file = read::<ChoiceFile>(&data_dir.join("kits").join(CHOICE)).unwrap_or_else(|error| {
        if !is_absent(&error) {
            tracing::warn!(%error, "{CHOICE} cannot be read; the usual choices are used");
        }
        ChoiceFile::default()
    });
    let usual = CheckPolicy::default();
    let valid_for = file.check_valid_hours.filter(|hours| VALID_HOURS.contains(hours)).map(SignedDuration::from_hours);
    let tolerance_cm1 = file.check_tolerance_cm1.filter(|cm1| CheckPolicy::TOLERANCE_CM1.contains(cm1));
    let policy = CheckPolicy {
        valid_for: valid_for.unwrap_or(usual.valid_for),
        tolerance_cm1: tolerance_cm1.unwrap_or(usual.tolerance_cm1),
        refuse_unverified: file.refuse_unverified,
    };
    KitChoices { in_use: file.in_use, policy, exposure: file.exposure, gps_port: file.gps_port }
}

/// Keeps the choices.
pub fn keep_choices(data_dir: &Path, choices: &KitChoices) -> Result<(), KitStoreError> {
    let file = ChoiceFile {
        in_use: choices.in_use.clone(),
        check_valid_hours: Some(choices.policy.valid_for.as_hours().clamp(*VALID_HOURS.start(), *VALID_HOURS.end())),
        check_tolerance_cm1: Some(choices.policy.bounded().tolerance_cm1),
        refuse_unverified: choices.policy.refuse_unverified,
        exposure: choices.exposure,
        gps_port: choices.gps_port.clone(),
    };
    let path = data_dir.join("kits").join(CHOICE);
    write(&path, &file).map_err(|e| KitStoreError::Disk { path, what: e.to_string() })
}

fn read<T: DeserializeOwned>(path: &Path) -> io::Result<T> {
    let file = File::open(path)?;
    let meta = file.metadata()?;
    if !meta.is_file() || meta.len() > MAX_BYTES {
        return Err(io::Error::other("it is no file of this program"));
    }
    let mut bytes = Vec::new();
    file.take(MAX_BYTES).read_to_end(&mut bytes)?;
    Ok(serde_json::from_slice(&bytes)?)
}

/// A new file takes the place of the old one, so that a power cut leaves one of the two.
fn write<T: Serialize>(path: &Path, value: &T) -> io::Result<()> {
    let mut text = serde_json::to_vec_pretty(value)?;
    text.push(b'\n');
    if let Some(folder) = path.parent() {
        fs::create_dir_all(folder)?;
    }
    let new = path.with_extension("new");
    let mut file = File::create(&new)?;
    file.write_all(&text)?;
    file.sync_all()?;
    drop(file);
    fs::rename(&new, path)?;
    #[cfg(unix)]
    for folder in path.ancestors().skip(1).take(2) {
        File::open(folder)?.sync_all()?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use jiff::Timestamp;

    use super::*;
    use crate::analyzer::laser::LaserSetup;
    use crate::analyzer::{SpectrometerSetup, UsbDevice};
    use crate::session::{KitParts, SavedDevice, SavedLaser};

    fn kit(name: &str, serial: &str) -> SavedKit {
        let device = |serial: &str| SavedDevice {
            model: "M".to_owned(),
            serial: serial.to_owned(),
            usb: Some(UsbDevice { vendor: 0x0403, product: 0x6001, serial: Some("A1".to_owned()), title: None }),
            last_port: "COM3".to_owned(),
        };
        SavedKit {
            name: KitName::new(name).unwrap(),
            saved_at: Timestamp::from_second(1_790_000_000).unwrap(),
            parts: KitParts::Raman {
                spectrometer: device(serial),
                setup: Box::new(SpectrometerSetup::OceanLetter(
                    crate::analyzer::ocean_letter::LetterSettings::default(),
                )),
                laser: SavedLaser::OwnPort { device: device("L"), setup: LaserSetup::default() },
                excitation_nm: 785.0,
                laser_power_mw: None,
            },
        }
    }

    #[test]
    fn kits_and_choices_are_there_again_and_a_forgotten_kit_leaves_its_records() {
        let dir = tempfile::tempdir().unwrap();
        assert_eq!(KitShelf::of(dir.path()), KitShelf::default());
        let (b, a) = (kit("b", "S/2"), kit("A", ".."));
        save_kit(dir.path(), &b).unwrap();
        save_kit(dir.path(), &a).unwrap();
        let policy =
            CheckPolicy { valid_for: SignedDuration::from_hours(48), tolerance_cm1: 1.5, refuse_unverified: true };
        let gps_port = Some("COM9".to_owned());
        let exposure =
            ScanExposure::Fixed(super::super::FixedExposure { integration_ms: 250, exposures: 4, averages: 2 });
        let choices = KitChoices { in_use: Some(b.id()), policy, exposure, gps_port };
        keep_choices(dir.path(), &choices).unwrap();
        let shelf = KitShelf::of(dir.path());
        assert_eq!((&shelf.kits, &shelf.choices), (&vec![a.clone(), b.clone()], &choices));
        assert!(dir.path().read_dir().unwrap().count() == 1, "nothing is written beside the folder of the kits");
        let taken = save_kit(dir.path(), &kit(" a ", "S3")).unwrap_err().to_string();
        assert!(taken.contains("already called"), "{taken}");
        save_kit(dir.path(), &kit("new name", "S/2")).unwrap();
        assert_eq!(KitShelf::of(dir.path()).find("NEW name").unwrap().id(), b.id());
        let records = kit_folder(dir.path(), "S/2").unwrap().join("records.jsonl");
        fs::write(&records, "").unwrap();
        forget_kit(dir.path(), &b.id()).unwrap();
        forget_kit(dir.path(), &b.id()).unwrap();
        let shelf = KitShelf::of(dir.path());
        assert_eq!((shelf.kits.len(), &shelf.choices.in_use, records.exists()), (1, &None, true));
        assert_eq!(shelf.choices.policy, policy);
        assert!(shelf.find("new name").unwrap_err().to_string().contains("there is A"));
    }

    #[test]
    fn a_file_that_is_no_kit_is_told_and_harms_no_other() {
        let dir = tempfile::tempdir().unwrap();
        save_kit(dir.path(), &kit("good", "S1")).unwrap();
        let copy = fs::read(kit_folder(dir.path(), "S1").unwrap().join(KIT)).unwrap();
        let bad: [(&str, Vec<u8>); 5] = [
            ("cut", copy[..copy.len() / 2].to_vec()),
            ("other", copy.clone()),
            ("large", vec![b' '; MAX_BYTES as usize + 1]),
            ("deep", vec![b'['; 100_000]),
            ("name", String::from_utf8(copy).unwrap().replace("\"good\"", "\"\\u202e\"").into_bytes()),
        ];
        for (folder, bytes) in &bad {
            let folder = kit_folder(dir.path(), folder).unwrap();
            fs::create_dir_all(&folder).unwrap();
            fs::write(folder.join(KIT), bytes).unwrap();
        }
        fs::write(dir.path().join("kits").join("a file"), "x").unwrap();
        fs::write(dir.path().join("kits").join(CHOICE), "{\"check_valid_hours\": -9, \"check_tolerance_cm1\": 500.0}")
            .unwrap();
        let shelf = KitShelf::of(dir.path());
        assert_eq!(shelf.kits, [kit("good", "S1")]);
        assert_eq!(shelf.trouble.len(), bad.len(), "{:?}", shelf.trouble);
        assert_eq!(shelf.choices, KitChoices::default());
    }

    #[test]
    fn a_name_of_a_kit_is_short_and_can_be_printed() {
        for bad in ["", "  ", "a\nb", "\u{202E}kit", &"x".repeat(MAX_NAME_TRIED)] {
            assert!(KitName::new(bad).is_err(), "{bad:?}");
        }
        assert_eq!(KitName::new("  Tor 4 ").unwrap().as_str(), "Tor 4");
        assert!(KitName::new("Ž. Gate").is_ok());
    }

    const MAX_NAME_TRIED: usize = 41;
}
