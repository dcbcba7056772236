//! What the window tells the session's threads and what they tell the window.

use std::path::PathBuf;
use std::sync::Arc;

use crate::analyzer::gps::Place;
use crate::analyzer::laser::{LaserCondition, LaserPower};
use crate::analyzer::probe::Answered;
use crate::analyzer::{CheckState, DeviceIdentity, LaserState, PortListing, PreviewFrame, PreviewSettings};
use crate::casebook::{Actor, ClockKeeping, Secret, StoredScan, Subject};
use crate::library::LibraryIdentity;
use crate::spectrum::Spectrum;

use super::{
    CheckPolicy, Colours, KitChoice, KitHistory, KitId, KitName, KitRecord, KitShelf, LibraryNews, LibraryWish,
    RecordNews, RecordWish, ScanExposure,
};

/// A wish of the user.
#[derive(Clone, Debug, PartialEq)]
pub enum Command {
    /// Scan what is under the probe.
    Scan {
        /// Parcel number as typed; may be empty.
        parcel: String,
        /// Sample, blank or control, and which spot.
        subject: Subject,
    },
    /// Stop the scan that is running; the laser goes off first.
    Cancel,
    /// Put another substance under the emulated probe; ignored by real kits.
    SetEmulatedSample {
        /// Key of a substance of the library, or `empty`.
        sample: String,
    },
    /// Ask for one whole record.
    OpenRecord {
        /// Its number.
        id: i64,
    },
    /// Something about records.
    Records(RecordWish),
    /// Something about the library.
    Library(LibraryWish),
    /// Enrol the first administrator of a new folder: [`Event::Accounts`] and [`Event::SignedIn`], or
    /// [`Event::SignInRefused`].
    EnrolFirst {
        /// The name.
        name: String,
        /// The passphrase.
        secret: Secret,
    },
    /// Sign in. The answer is [`Event::SignedIn`] or [`Event::SignInRefused`].
    SignIn {
        /// Name or badge.
        name: String,
        /// What was typed.
        secret: Secret,
    },
    /// Sign out. A scan that is running goes on and is recorded in the name of who began it.
    SignOut,
    /// The user did something: who is signed in stays so.
    Active,
    /// Remember the colours of the window for the next start.
    KeepColours(Colours),
    /// State who keeps the clock of this machine right, for every record from now on; kept, and said in the casebook:
    /// [`Event::ClockKeeping`].
    SetClock(ClockKeeping),
    /// Ask for the saved kits: [`Event::Kits`].
    ListKits,
    /// Ask for the serial ports of this machine: [`Event::Ports`]. Nothing is sent to them.
    ListPorts,
    /// Ask these ports what is connected, in the order that is safest: one [`Event::Probed`] each, then
    /// [`Event::ProbeEnded`]. Only ports that the user named: a strange device may take a question for a command. A
    /// connected kit on one of them is let go first. [`Command::Cancel`] ends it early.
    ProbePorts(Vec<String>),
    /// Connect to a kit on ports, and where it answers save it under its serial number and use it:
    /// [`Event::KitSaved`], or [`Event::KitTrouble`] and nothing is saved.
    SaveKit {
        /// What people call it.
        name: KitName,
        /// The kit: [`KitChoice::Ports`] or [`KitChoice::Nir`].
        kit: KitChoice,
    },
    /// Forget a saved kit. Its calibrations and checks stay in the data folder.
    ForgetKit(KitId),
    /// Use this kit from now on. A saved one is remembered for the next start; any other one is not.
    UseKit(KitChoice),
    /// Demand so much of performance checks from now on; kept.
    SetCheckPolicy(CheckPolicy),
    /// Expose Raman scans so from now on; kept.
    SetExposure(ScanExposure),
    /// Set the laser of the connected kit, which must be a saved one, to this power (mW) before each scan from now on, or
    /// leave it as it is: [`Event::Kits`], or [`Event::KitTrouble`] and it stays as it was. The laser is set at once, dark,
    /// and read back.
    SetLaserPower(Option<f64>),
    /// Listen to the GPS receiver on this port from now on, or to none; kept.
    UseGps(Option<String>),
    /// Measure a standard: progress events, then [`Event::Measured`], [`Event::Failed`] or [`Event::Cancelled`].
    Measure(KitMeasurement),
    /// Keep the calibration that was shown last, for every scan from now on: [`Event::Measured`] again, kept.
    KeepCalibration,
    /// Do not keep it: [`Event::Measured`] again, with [`KitFinding::Discarded`](super::KitFinding), which is on record.
    DiscardCalibration,
    /// Show what the probe sees, laser on, until [`Command::Cancel`] or the time is over: [`Event::Preview`], then
    /// [`Event::PreviewEnded`] or [`Event::Failed`].
    Preview(PreviewSettings),
    /// Ask for all calibrations and checks of a kit: [`Event::KitHistory`].
    ShowKitHistory(KitId),
    /// Let the kit go, laser off first, until [`Command::Connect`] or another kit is chosen.
    Disconnect,
    /// Look for a kit that was let go.
    Connect,
    /// Write the last minute of what passed over the wires to a file for support: [`Event::WireLogWritten`].
    ExportWireLog,
}

/// What to measure of the connected kit.
#[derive(Clone, Debug, PartialEq)]
pub enum KitMeasurement {
    /// Calibrate with a standard.
    Calibrate {
        /// Its key, such as `polystyrene`, `calcite` or `srm2241`.
        standard: String,
        /// Fit the axis together with the standards that were measured just before in this way.
        with_earlier: bool,
    },
    /// Measure the white standard, which lies on the window of a near-infrared scanner.
    White,
    /// Make a performance check.
    Check {
        /// Key of the standard.
        standard: String,
        /// Largest distance of a line from its place in this check alone, cm-1, where it is to be stricter than the
        /// policy; a laxer one has no effect.
        stricter_cm1: Option<f64>,
    },
}

/// What a measurement of a standard showed. A check is kept at once, a calibration when it is said so.
#[derive(Clone, Debug, PartialEq)]
pub struct KitMeasured {
    /// The kit.
    pub kit: KitId,
    /// What was found, as it is kept; its finding says it in words.
    pub record: KitRecord,
    /// The spectrum of the standard with the calibration that the kit had before; of the white standard its intensities.
    pub spectrum: Spectrum,
    /// State of the performance check now.
    pub check: CheckState,
    /// Whether it is on record with the kit.
    pub kept: bool,
}

/// What one port answered to a probe.
#[derive(Clone, Debug, PartialEq)]
pub struct Probed {
    /// The port.
    pub port: String,
    /// What is there.
    pub outcome: ProbeOutcome,
}

/// How a probe of a port ended.
#[derive(Clone, Debug, PartialEq)]
pub enum ProbeOutcome {
    /// A device answered.
    Answered(Answered),
    /// Nothing that is known answered.
    Silent,
    /// The port cannot be used; the sentence says why and what to do.
    Failed(String),
}

/// The stages of a scan, in order.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Stage {
    /// Settings are sent and read back.
    Preparing,
    /// Laser off, until a cooled detector is at its temperature.
    Cooling,
    /// Laser off, dark readout.
    Dark,
    /// Laser on, light readout.
    Light,
    /// The light readout of a near-infrared scanner, which has a lamp and no laser.
    Lamp,
    /// Conditioning, search, verdict.
    Identifying,
    /// Writing and syncing the record.
    Saving,
}

/// The kit that answered.
#[derive(Clone, Debug, PartialEq)]
pub struct KitStatus {
    /// Spectrometer.
    pub spectrometer: DeviceIdentity,
    /// Laser; a near-infrared scanner has none.
    pub laser: Option<DeviceIdentity>,
    /// Laser state as last read back; off where there is none.
    pub laser_state: LaserState,
    /// Interlock, key and fault of the laser as last read, as far as its protocol tells.
    pub laser_condition: Option<LaserCondition>,
    /// Powers of the laser, as far as its protocol tells.
    pub laser_power: Option<LaserPower>,
    /// Detector and board temperatures, deg C.
    pub temperatures_c: Vec<f32>,
    /// Expected duration of a scan at the present settings, milliseconds.
    pub scan_ms: u64,
    /// The saved kit that this is.
    pub saved: Option<KitId>,
    /// State of its performance check.
    pub check: CheckState,
    /// What its calibration comes from, a few words each; empty where it was never calibrated.
    pub calibration: Vec<String>,
}

impl KitStatus {
    /// Why the laser cannot emit, for a sentence; `None` where nothing is known that stops it.
    pub fn laser_obstacle(&self) -> Option<String> {
        self.laser_condition.as_ref().and_then(LaserCondition::obstacle)
    }

    /// What to do about that.
    pub fn laser_remedy(&self) -> Option<&'static str> {
        self.laser_condition.as_ref().and_then(LaserCondition::remedy)
    }

    /// True when every device of the kit says that it is emulated.
    pub fn simulated(&self) -> bool {
        self.spectrometer.simulated && self.laser.as_ref().is_none_or(|laser| laser.simulated)
    }
}

/// State of the link to the kit.
#[derive(Clone, Debug, PartialEq)]
pub enum Connection {
    /// Opening ports and identifying.
    Connecting,
    /// Ready to scan.
    Ready(Box<KitStatus>),
    /// Not there; the sentence says why and what to do.
    Lost(String),
    /// Let go on the user's wish; not looked for.
    Released,
}

/// What happened.
#[derive(Clone, Debug)]
pub enum Event {
    /// The link to the kit changed.
    Connection(Connection),
    /// The laser's state as read back (or `Unknown`).
    Laser(LaserState),
    /// A running scan moved on.
    Progress {
        /// Stage.
        stage: Stage,
        /// Share of the whole scan that is done, 0..=1.
        fraction: f32,
        /// Computed time left, milliseconds.
        remaining_ms: u64,
    },
    /// The verdict is there; the record is not yet saved (`id` is 0).
    Answered(Arc<StoredScan>),
    /// The record is written and synced.
    Saved(Arc<StoredScan>),
    /// The scan's record could not be written; the scan is kept and tried again. The sentence says what to do.
    NotSaved {
        /// The scan.
        scan: Arc<StoredScan>,
        /// Why, and what to do.
        why: String,
        /// The file that holds the record until the casebook does; none where no file could be written either.
        kept: Option<PathBuf>,
    },
    /// It was tried again and the record still cannot be written: as [`Event::NotSaved`], about the oldest that waits.
    StillNotSaved {
        /// The scan.
        scan: Arc<StoredScan>,
        /// Why, and what to do.
        why: String,
        /// The file, as above.
        kept: Option<PathBuf>,
    },
    /// A record that an earlier run had to keep outside the casebook is in it now; the sentence says which.
    TakenIn(String),
    /// The scan ended without an answer; the sentence says why and what to do.
    Failed(String),
    /// The scan was cancelled.
    Cancelled,
    /// The emulated sample changed.
    EmulatedSample {
        /// Its key.
        sample: String,
    },
    /// One whole record.
    Record(Arc<StoredScan>),
    /// News about records.
    Records(RecordNews),
    /// News about the library.
    Library(LibraryNews),
    /// Another library answers from now on, or none does and a sentence says why and what to do.
    LibraryInUse(Result<LibraryIdentity, String>),
    /// Long work on a library moved on: the share that is done, 0..=1.
    LibraryProgress(f32),
    /// A verification or a count of records moved on: the share that is done, 0..=1.
    RecordProgress(f32),
    /// Whether accounts are enrolled: where they are, a scan needs somebody who has signed in.
    Accounts {
        /// True when there are any.
        enrolled: bool,
    },
    /// Somebody signed in.
    SignedIn(Actor),
    /// Nobody signed in; the sentence says why.
    SignInRefused(String),
    /// Nobody is signed in any more.
    SignedOut {
        /// True when it was because nobody did anything for too long.
        idle: bool,
    },
    /// A question to the casebook failed; the sentence says what to do.
    CasebookTrouble(String),
    /// The wire log is in this file, or a sentence says why it is nowhere.
    WireLogWritten(Result<PathBuf, String>),
    /// The user's choices hold only until the program ends; the sentence says why.
    SettingsNotKept(String),
    /// The saved kits, which is in use and the policy: after every change, and when asked for.
    Kits(KitShelf),
    /// The serial ports of this machine.
    Ports(Vec<PortListing>),
    /// What one port answered.
    Probed(Probed),
    /// All ports were asked, or the user ended it.
    ProbeEnded,
    /// The kit was saved and is in use; [`Event::Kits`] came before.
    KitSaved(KitId),
    /// A wish about kits or ports was not fulfilled; the sentence says why and what to do.
    KitTrouble(String),
    /// A standard was measured.
    Measured(Box<KitMeasured>),
    /// Who keeps the clock of this machine right, as stated: at the start, and when it changed.
    ClockKeeping(ClockKeeping),
    /// The machine's clock is far from GPS time, as the sentence says; none when it is not any more.
    ClockWarning(Option<String>),
    /// Where the machine is, when that changed.
    Place(Place),
    /// A frame of the preview. Of those that were not read only the newest waits.
    Preview(Arc<PreviewFrame>),
    /// The preview is over and the laser was commanded off.
    PreviewEnded,
    /// All calibrations and checks of a kit.
    KitHistory {
        /// The kit.
        kit: KitId,
        /// Its records.
        history: Arc<KitHistory>,
    },
}
