//! What was measured about a kit: calibrations and performance checks, one JSON line each, only ever appended, under
//! `kits/<serial number>/records.jsonl` in the data folder.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Read, Write};
use std::ops::RangeInclusive;
use std::path::{Path, PathBuf};

use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};
use thiserror::Error;

use crate::analyzer::CheckState;
use crate::analyzer::nirscan::NirScan;
use crate::signal::calibration::{AxisFit, CheckLimits, CheckOutcome};
use crate::spectrum::{Correction, ResponseCurve};

/// Largest file of records that is read; thousands of records.
const MAX_BYTES: u64 = 64 << 20;
/// Stated laser wavelengths nearer than this are the same, nm.
const SAME_LASER_NM: f64 = 0.01;
/// Longest serial number that names a folder.
const MAX_SERIAL: usize = 64;

/// Why records of a kit cannot be kept or read.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum KitRecordError {
    /// No folder can be named after it.
    #[error("'{0}' is no serial number of a kit; connect the kit again, or give its serial number with --serial")]
    Serial(String),
    /// The disk.
    #[error("the records of the kit in {path} cannot be used ({what}); check the disk and the rights of the folder")]
    Disk {
        /// The file or folder.
        path: PathBuf,
        /// What the system says.
        what: String,
    },
}

/// What a record says.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "kebab-case")]
pub enum KitFinding {
    /// The axis was calibrated.
    Axis {
        /// The fit, with every line and the errors before and after.
        fit: AxisFit,
        /// Bands that were measured beside the lines and not fitted: their errors say what the fit is worth elsewhere.
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        witnesses: Vec<WitnessBand>,
    },
    /// The response was measured.
    Response {
        /// The curve.
        curve: ResponseCurve,
    },
    /// The resolution was measured.
    Resolution {
        /// Full width at half maximum, cm-1.
        fwhm_cm1: f64,
        /// Its standard deviation, cm-1.
        sd_cm1: f64,
        /// Where the band stands; not in records of before it was stated.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        band: Option<WitnessBand>,
    },
    /// The white standard of a near-infrared scanner was measured.
    White {
        /// Its scans.
        scans: Vec<NirScan>,
    },
    /// A performance check was made.
    Check {
        /// What it showed.
        outcome: CheckOutcome,
        /// What it had to show.
        limits: CheckLimits,
        /// What the axis would show without the calibration of the kit, where it has one.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        uncalibrated: Option<AxisErrors>,
    },
    /// A calibration was shown and not kept.
    Discarded {
        /// What it was.
        found: Box<KitFinding>,
    },
}

/// A band whose place is published and not certified, as measured.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct WitnessBand {
    /// Key of the standard.
    pub standard: String,
    /// Where it is published to stand, cm-1.
    pub stated_cm1: f64,
    /// Reported minus published place, cm-1.
    pub before_cm1: f64,
    /// The same on the calibrated axis, cm-1; none where no calibration is known.
    pub after_cm1: Option<f64>,
    /// Standard deviation of the measured place, cm-1.
    pub sd_cm1: f64,
    /// Full width at half maximum, cm-1.
    pub fwhm_cm1: f64,
}

/// Errors of an axis at the lines of a check, cm-1.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct AxisErrors {
    /// Their mean, cm-1.
    pub mean_cm1: f64,
    /// The largest, cm-1.
    pub worst_cm1: f64,
}

/// One record.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct KitRecord {
    /// When, by the clock of this machine.
    pub taken_at: Timestamp,
    /// Standards that were measured.
    pub samples: Vec<String>,
    /// Serial number of the laser with which it was measured; none where it is not known or there is no laser.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub laser: Option<String>,
    /// True when the kit or its sample was emulated.
    pub simulated: bool,
    /// True when the spectra came from files: nobody saw them measured, and they may be old or another instrument's.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub from_file: bool,
    /// What was found.
    pub finding: KitFinding,
}

/// How long a check holds, and what an unverified kit may do.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct CheckPolicy {
    /// A passed check holds so long.
    pub valid_for: SignedDuration,
    /// Largest distance of a line of the standard from its place, cm-1, within [`CheckPolicy::TOLERANCE_CM1`].
    pub tolerance_cm1: f64,
    /// True: a kit without a valid check does not scan. False: its scans are stamped *unverified*.
    pub refuse_unverified: bool,
}

impl Default for CheckPolicy {
    /// A week, the usual tolerance, and a stamp.
    fn default() -> Self {
        Self {
            valid_for: SignedDuration::from_hours(168),
            tolerance_cm1: CheckLimits::default().tolerance_cm1,
            refuse_unverified: false,
        }
    }
}

impl CheckPolicy {
    /// Tolerances that can be set, cm-1. Below the least no handheld passes; above the largest a check would pass an axis on
    /// which neighbouring bands are taken for each other.
    pub const TOLERANCE_CM1: RangeInclusive<f64> = 0.1..=10.0;

    /// What a check must show. `stricter_cm1` asks for a smaller tolerance in this check alone; a larger one than that of
    /// the policy has no effect.
    pub fn limits(&self, stricter_cm1: Option<f64>) -> CheckLimits {
        let asked = stricter_cm1.filter(|cm1| *cm1 > 0.0).unwrap_or(self.tolerance_cm1);
        CheckLimits { tolerance_cm1: asked.min(self.tolerance_cm1), ..CheckLimits::default() }
    }

    /// The same with a tolerance that can be set.
    #[must_use]
    pub fn bounded(self) -> Self {
        let (least, largest) = (*Self::TOLERANCE_CM1.start(), *Self::TOLERANCE_CM1.end());
        let usual = CheckLimits::default().tolerance_cm1;
        let tolerance_cm1 = if self.tolerance_cm1.is_finite() { self.tolerance_cm1 } else { usual };
        Self { tolerance_cm1: tolerance_cm1.max(least).min(largest), ..self }
    }

    /// Whether a kit in this state may scan; the error is a sentence for the screen.
    pub fn admits(&self, state: &CheckState) -> Result<(), String> {
        if self.refuse_unverified && !state.is_verified() { Err(state.words()) } else { Ok(()) }
    }
}

/// All records of one kit, oldest first.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct KitHistory {
    /// The records.
    pub records: Vec<KitRecord>,
    /// Lines that cannot be read: a write that a power cut ended, or damage.
    pub damaged_lines: usize,
}

impl KitHistory {
    /// What scans of this kit are corrected with: the newest of each kind. `None` where nothing was calibrated.
    pub fn correction(&self) -> Option<Correction> {
        self.correction_with(None)
    }

    /// The same for the spectrometer with this laser: what was measured with another laser, or under another wavelength
    /// (nm), does not hold.
    pub fn correction_with(&self, laser: Option<(&str, f64)>) -> Option<Correction> {
        let mut correction = Correction::default();
        let holds = |record: &&KitRecord| {
            let Some((serial, excitation_nm)) = laser else { return true };
            let same_line = match &record.finding {
                KitFinding::Axis { fit, .. } => {
                    (fit.correction.reported_excitation_nm - excitation_nm).abs() <= SAME_LASER_NM
                }
                _ => true,
            };
            same_line && record.laser.as_deref().is_none_or(|with| with == serial)
        };
        for record in self.records.iter().filter(holds) {
            let name = match &record.finding {
                KitFinding::Axis { fit, .. } => {
                    correction.axis = Some(fit.correction.clone());
                    "axis"
                }
                KitFinding::Response { curve } => {
                    correction.response = Some(curve.clone());
                    "response"
                }
                KitFinding::Resolution { fwhm_cm1, .. } => {
                    correction.resolution_cm1 = Some(*fwhm_cm1);
                    "resolution"
                }
                KitFinding::Check { .. } | KitFinding::White { .. } | KitFinding::Discarded { .. } => continue,
            };
            correction.sources.retain(|s| !s.starts_with(&format!("{name} ")));
            correction.sources.push(format!("{name} {:.0} {}", record.taken_at, record.samples.join(" + ")));
        }
        (correction != Correction::default()).then_some(correction)
    }

    /// State of the performance check at `now`. A clock that was set back makes a check expired, not longer valid; a
    /// check of a file says nothing about the kit of today.
    pub fn check_state(&self, now: Timestamp, policy: &CheckPolicy) -> CheckState {
        let last = self.records.iter().rev().find_map(|r| match &r.finding {
            KitFinding::Check { outcome, .. } if !r.from_file => Some((r.taken_at, outcome)),
            _ => None,
        });
        let Some((taken_at, outcome)) = last else { return CheckState::Never };
        let expires = taken_at.checked_add(policy.valid_for).unwrap_or(taken_at);
        if !outcome.passed() {
            CheckState::Failed { why: outcome.problems.join("; ") }
        } else if outcome.worst_error_cm1.abs() > policy.tolerance_cm1 {
            // Passed under a laxer policy than that of now.
            let (worst, allowed) = (outcome.worst_error_cm1, policy.tolerance_cm1);
            CheckState::Failed {
                why: format!(
                    "a line is {worst:+.1} cm-1 from its place and the policy allows {allowed:.1} now; calibrate the axis"
                ),
            }
        } else if now < taken_at {
            CheckState::Failed {
                why: format!(
                    "it is dated {taken_at:.0}, which the clock of this machine has not reached: the clock was set back; set it right"
                ),
            }
        } else if now < expires {
            CheckState::Passed { expires }
        } else {
            CheckState::Expired { expired: expires }
        }
    }

    /// The white reference that was measured last, and when.
    pub fn white(&self) -> Option<(Timestamp, &[NirScan])> {
        self.records.iter().rev().find_map(|r| match &r.finding {
            KitFinding::White { scans } => Some((r.taken_at, scans.as_slice())),
            _ => None,
        })
    }

    /// Signal of the first passed check, with which later ones are compared.
    pub fn first_signal_per_s(&self) -> Option<f64> {
        self.records.iter().find_map(|r| match &r.finding {
            KitFinding::Check { outcome, .. } if outcome.passed() && !r.from_file => outcome.signal_per_s,
            _ => None,
        })
    }
}

/// The file of a kit's records.
pub fn kit_records_path(data_dir: &Path, serial: &str) -> Result<PathBuf, KitRecordError> {
    Ok(kit_folder(data_dir, serial)?.join("records.jsonl"))
}

/// The folder of a kit.
pub(super) fn kit_folder(data_dir: &Path, serial: &str) -> Result<PathBuf, KitRecordError> {
    if serial.is_empty() || serial.len() > MAX_SERIAL {
        return Err(KitRecordError::Serial(serial.to_owned()));
    }
    // Whatever a device says, it names one folder and no path.
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'_';
    let letter = |byte: u8| if plain(byte) { char::from(byte).to_string() } else { format!("%{byte:02X}") };
    let name = serial.bytes().map(letter).collect::<Vec<_>>().concat();
    Ok(data_dir.join("kits").join(name))
}

/// Reads the records of a kit; none where there is no file.
pub fn read_kit_records(data_dir: &Path, serial: &str) -> Result<KitHistory, KitRecordError> {
    let path = kit_records_path(data_dir, serial)?;
    let bytes = match read_bounded(&path) {
        Ok(bytes) => bytes,
        Err(e) if e.kind() == io::ErrorKind::NotFound => return Ok(KitHistory::default()),
        Err(e) => return Err(KitRecordError::Disk { path, what: e.to_string() }),
    };
    let mut history = KitHistory::default();
    for line in bytes.split(|b| *b == b'\n').filter(|line| !line.is_empty()) {
        match serde_json::from_slice(line) {
            Ok(record) => history.records.push(record),
            Err(_) => history.damaged_lines += 1,
        }
    }
    Ok(history)
}

fn read_bounded(path: &Path) -> io::Result<Vec<u8>> {
    let file = File::open(path)?;
    if file.metadata()?.len() > MAX_BYTES {
        return Err(io::Error::other("the file is too large to be records of a kit"));
    }
    let mut bytes = Vec::new();
    file.take(MAX_BYTES).read_to_end(&mut bytes)?;
    Ok(bytes)
}

/// Appends a record and syncs it to the disk. A line that an earlier power cut left half is closed first, so that it
/// cannot swallow this one.
pub fn append_kit_record(data_dir: &Path, serial: &str, record: &KitRecord) -> Result<(), KitRecordError> {
    let path = kit_records_path(data_dir, serial)?;
    append(&path, record).map_err(|e| KitRecordError::Disk { path, what: e.to_string() })
}

fn append(path: &Path, record: &KitRecord) -> io::Result<()> {
    let mut line = serde_json::to_vec(record)?;
    line.push(b'\n');
    if let Some(folder) = path.parent() {
        fs::create_dir_all(folder)?;
    }
    let half = read_bounded(path).is_ok_and(|bytes| bytes.last().is_some_and(|b| *b != b'\n'));
    if half {
        line.insert(0, b'\n');
    }
    let mut file = OpenOptions::new().create(true).append(true).open(path)?;
    file.write_all(&line)?;
    file.sync_all()?;
    #[cfg(unix)]
    for folder in path.ancestors().skip(1).take(3).filter(|p| !p.as_os_str().is_empty()) {
        File::open(folder)?.sync_all()?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(day: i64, problems: &[&str]) -> KitRecord {
        let outcome = CheckOutcome {
            lines: Vec::new(),
            worst_error_cm1: 0.5,
            mean_error_cm1: 0.1,
            rms_error_cm1: 0.2,
            width_cm1: 8.0,
            snr: 300.0,
            signal_per_s: Some(1_000.0),
            problems: problems.iter().map(|p| (*p).to_owned()).collect(),
        };
        KitRecord {
            taken_at: Timestamp::from_second(1_790_000_000 + day * 86_400).unwrap(),
            samples: vec!["polystyrene".to_owned()],
            laser: None,
            simulated: true,
            from_file: false,
            finding: KitFinding::Check { outcome, limits: CheckLimits::default(), uncalibrated: None },
        }
    }

    #[test]
    fn a_check_passes_expires_fails_and_a_clock_set_back_does_not_prolong_it() {
        let at = |day: i64| Timestamp::from_second(1_790_000_000 + day * 86_400).unwrap();
        let policy = CheckPolicy::default();
        let history = |records: Vec<KitRecord>| KitHistory { records, damaged_lines: 0 };
        assert_eq!(history(vec![]).check_state(at(0), &policy), CheckState::Never);
        let passed = history(vec![check(0, &["old"]), check(1, &[])]);
        assert_eq!(passed.check_state(at(2), &policy), CheckState::Passed { expires: at(8) });
        assert_eq!(passed.check_state(at(8), &policy), CheckState::Expired { expired: at(8) });
        let set_back = passed.check_state(at(0), &policy);
        assert!(
            matches!(&set_back, CheckState::Failed { why } if why.contains("has not reached"))
                && !set_back.is_verified(),
            "{set_back:?}"
        );
        let failed = history(vec![check(0, &[]), check(1, &["a line is off"])]).check_state(at(1), &policy);
        assert!(matches!(&failed, CheckState::Failed { why } if why == "a line is off"));
        let strict = CheckPolicy { refuse_unverified: true, ..policy };
        assert!(policy.admits(&failed).is_ok() && strict.admits(&failed).is_err());
        let of_a_file = history(vec![check(0, &["off"]), KitRecord { from_file: true, ..check(1, &[]) }]);
        assert!(matches!(of_a_file.check_state(at(1), &policy), CheckState::Failed { .. }));
    }

    #[test]
    fn a_check_is_held_to_the_tolerance_of_the_policy_and_one_check_can_only_be_held_to_less() {
        let policy = CheckPolicy { tolerance_cm1: 2.0, ..CheckPolicy::default() };
        let asked = [None, Some(500.0), Some(2.1), Some(1.5), Some(0.0), Some(-3.0), Some(f64::NAN)];
        let tolerances = asked.map(|cm1| policy.limits(cm1).tolerance_cm1);
        assert_eq!(tolerances, [2.0, 2.0, 2.0, 1.5, 2.0, 2.0, 2.0]);
        let history = KitHistory { records: vec![check(0, &[])], damaged_lines: 0 };
        let now = Timestamp::from_second(1_790_000_001).unwrap();
        assert!(history.check_state(now, &policy).is_verified());
        // The check was off by 0.5 cm-1.
        let strict = CheckPolicy { tolerance_cm1: 0.4, ..policy };
        let state = history.check_state(now, &strict);
        assert!(matches!(&state, CheckState::Failed { why } if why.contains("allows 0.4 now")), "{state:?}");
    }

    #[test]
    fn records_are_appended_read_back_and_survive_a_line_that_was_cut() {
        let dir = tempfile::tempdir().unwrap();
        let serial = "../EMU/0 1";
        append_kit_record(dir.path(), serial, &check(0, &[])).unwrap();
        let path = kit_records_path(dir.path(), serial).unwrap();
        assert!(path.starts_with(dir.path().join("kits")) && path.components().all(|c| c.as_os_str() != ".."));
        let mut file = OpenOptions::new().append(true).open(&path).unwrap();
        file.write_all(b"{\"taken_at\":\"2026").unwrap();
        drop(file);
        append_kit_record(dir.path(), serial, &check(1, &[])).unwrap();
        let history = read_kit_records(dir.path(), serial).unwrap();
        assert_eq!((history.records, history.damaged_lines), (vec![check(0, &[]), check(1, &[])], 1));
        assert!(kit_records_path(dir.path(), "").is_err());
    }
}
