//! What public documents do not settle for every model of this family: told by whoever knows the unit.

use serde::{Deserialize, Serialize};

/// How the integration time is sent.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum IntegrationUnit {
    /// `I` with a word of milliseconds, which every model of the sources knows.
    #[default]
    Milliseconds,
    /// `i` with a double word of microseconds; which models know it is not documented.
    Microseconds,
}

/// Where serial number, wavelengths and nonlinearity come from.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", tag = "from")]
pub enum LetterCalibration {
    /// From the device's memory (`?x`).
    #[default]
    Device,
    /// From the papers of the unit, for models whose memory cannot be read.
    Papers {
        /// Serial number of the unit.
        serial: String,
        /// Wavelength polynomial, nm over the 0-based pixel, constant term first.
        wavelength_coefficients_nm: Vec<f64>,
        /// Nonlinearity polynomial over dark-subtracted counts, constant term first; empty where there is none.
        nonlinearity_coefficients: Vec<f64>,
    },
}

/// How to talk to one model.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct LetterSettings {
    /// Pixels of the detector.
    pub pixels: usize,
    /// Counts at which one scan saturates; nominal, no source states it as measured.
    pub saturation_counts: u32,
    /// How the integration time is sent.
    pub integration: IntegrationUnit,
    /// Most scans that the device adds up: 5,000, and 15 on the SAD500.
    pub scans_max: u16,
    /// Whether spectra are sent compressed; only single scans can be.
    pub compressed: bool,
    /// Whether spectra carry a checksum. Without one a changed byte cannot be told from light.
    pub checksum: bool,
    /// Line speed to change to, of 9600, 19200, 38400, 57600 and 115200; none keeps the one that was found. SAD500
    /// units need pauses between bytes at 115200, which are not made: give them 57600 at most.
    pub fast_baud: Option<u32>,
    /// Where the calibration comes from.
    pub calibration: LetterCalibration,
}

impl Default for LetterSettings {
    fn default() -> Self {
        Self {
            pixels: 2_048,
            saturation_counts: 65_535,
            integration: IntegrationUnit::default(),
            scans_max: 5_000,
            compressed: false,
            checksum: true,
            fast_baud: Some(115_200),
            calibration: LetterCalibration::default(),
        }
    }
}
