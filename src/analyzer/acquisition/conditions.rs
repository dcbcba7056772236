//! Under which conditions a scan was made: what the quality gate, the record and a later reader must know of it.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::analyzer::DetectorFacts;
use crate::analyzer::gps::Place;
use crate::analyzer::laser::LaserPower;
use crate::analyzer::nirscan::NirScan;
use crate::spectrum::Correction;

/// What the last performance check of the kit allows.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", tag = "state")]
pub enum CheckState {
    /// Passed and still valid.
    Passed {
        /// When it ends to be valid.
        expires: Timestamp,
    },
    /// The last check failed.
    Failed {
        /// Sentence: what was out of tolerance.
        why: String,
    },
    /// Passed, but too long ago.
    Expired {
        /// When it ended to be valid.
        expired: Timestamp,
    },
    /// This kit was never checked.
    #[default]
    Never,
}

impl CheckState {
    /// True when axis, resolution and signal of the kit are known to be right now.
    pub const fn is_verified(&self) -> bool {
        matches!(self, Self::Passed { .. })
    }

    /// Sentence for the screen and the record.
    pub fn words(&self) -> String {
        match self {
            Self::Passed { expires } => format!("performance check passed, valid until {expires:.0}"),
            Self::Failed { why } => {
                format!("unverified: the last performance check failed ({why}); calibrate the kit and check it again")
            }
            Self::Expired { expired } => {
                format!("unverified: the performance check expired at {expired:.0}; measure polystyrene again")
            }
            Self::Never => "unverified: this kit was never checked; measure polystyrene with 'check'".to_owned(),
        }
    }
}

/// Where the dark of a scan comes from.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", tag = "source")]
pub enum DarkSource {
    /// Measured for this scan.
    #[default]
    Fresh,
    /// Measured before at the same settings and temperature.
    Cached {
        /// Its age when the scan began, milliseconds.
        age_ms: u64,
    },
}

/// What the light exposures of a scan say about its conditions, and what was done to them. Everything is optional, so that
/// records of earlier versions are still read.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct ScanConditions {
    /// Calibration that was applied to the spectrum; none where the kit has none.
    pub correction: Option<Correction>,
    /// State of the performance check when the scan began.
    pub check: CheckState,
    /// Where the dark comes from.
    pub dark_source: DarkSource,
    /// Relative change of the whole signal from the first light exposure to the last, in units of its uncertainty: above
    /// about 4 the sample moved, bleached or burnt. `None` with a single exposure.
    pub changed_during_scan: Option<f64>,
    /// The same change as a share of the signal: -0.1 when the last exposure has a tenth less than the first.
    pub change_share: Option<f64>,
    /// Pixels whose value was interpolated because they must not be used or are hot.
    pub interpolated_pixels: Vec<usize>,
    /// Of these, pixels that the dark shows to be hot.
    pub hot_pixels: Vec<usize>,
    /// Cosmic rays that were left out of the light exposures.
    pub cosmic_hits: usize,
    /// What the detector says of itself, as it was used: without it the counts do not give the same spectrum again.
    pub detector: DetectorFacts,
    /// Temperature of a cooled detector, deg C, and whether it was stable.
    pub cooler: Option<CoolerRecord>,
    /// How the exposure was chosen; none where it was given.
    pub auto_exposure: Option<ExposureChoice>,
    /// Powers that the laser read back after it was set for this scan; none where the kit leaves its power alone.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub laser_power: Option<LaserPower>,
    /// Where the scan was made, by a GPS receiver; none in records of programs that did not ask.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub place: Option<Place>,
    /// What a near-infrared spectrum was computed from; none for a Raman scan.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub nir: Option<Box<NirConditions>>,
}

/// What the absorbance of a near-infrared scan was computed from.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct NirConditions {
    /// Scans of the white standard.
    pub reference: Vec<NirScan>,
    /// When it was measured, by the clock of this machine.
    pub reference_taken_at: Timestamp,
    /// Scans of the sample.
    pub sample: Vec<NirScan>,
}

/// A cooler as it is recorded.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct CoolerRecord {
    /// Temperature that it was told to hold, deg C.
    pub setpoint_c: f32,
    /// Temperature of the detector, deg C.
    pub detector_c: f32,
    /// Whether it was stable.
    pub stable: bool,
}

/// How strong the light is for this detector.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Brightness {
    /// The target is reached.
    OnTarget,
    /// Weaker than the time budget allows: the longest time was chosen.
    TooWeak,
    /// Saturated at the shortest time.
    TooBright,
}

/// What auto exposure found.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct ExposureChoice {
    /// Probe exposures that were taken, laser on.
    pub probes: u8,
    /// Integration time that was chosen, microseconds.
    pub integration_us: u32,
    /// Light exposures that were chosen.
    pub light_exposures: u8,
    /// Share of saturation that is expected at the brightest pixel.
    pub expected_fill: f64,
    /// Verdict.
    pub brightness: Brightness,
}
