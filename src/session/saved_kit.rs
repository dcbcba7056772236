//! A kit as it is saved: what it is made of, and by which numbers its devices are known again.

use std::fmt;
use std::ops::RangeInclusive;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use thiserror::Error;

use crate::analyzer::laser::LaserSetup;
use crate::analyzer::{SpectrometerSetup, UsbDevice};

/// Longest name of a kit.
const MAX_NAME: usize = 40;

/// The name under which a saved kit is kept: the serial number of its spectrometer, as the device says it.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(transparent)]
pub struct KitId(pub String);

impl fmt::Display for KitId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// What a person calls a kit: 1 to 40 printable letters without blanks around them.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct KitName(String);

/// A text that is no name of a kit.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[error("a kit needs a name of 1 to {MAX_NAME} letters or digits that can be printed; choose another name")]
pub struct BadKitName;

impl KitName {
    /// The name, without the blanks around it.
    pub fn new(text: &str) -> Result<Self, BadKitName> {
        let text = text.trim();
        let fits = !text.is_empty() && text.chars().count() <= MAX_NAME;
        // Letters that turn the direction of writing would make one name look like another.
        let plain = |c: char| {
            !c.is_control() && !matches!(c, '\u{200B}'..='\u{200F}' | '\u{2028}'..='\u{202E}' | '\u{2066}'..='\u{2069}')
        };
        if fits && text.chars().all(plain) { Ok(Self(text.to_owned())) } else { Err(BadKitName) }
    }

    /// The text.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Whether a person would take both for the same name.
    pub fn resembles(&self, other: &str) -> bool {
        self.0.to_lowercase() == other.trim().to_lowercase()
    }
}

impl fmt::Display for KitName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl TryFrom<String> for KitName {
    type Error = BadKitName;

    fn try_from(text: String) -> Result<Self, BadKitName> {
        Self::new(&text)
    }
}

impl From<KitName> for String {
    fn from(name: KitName) -> Self {
        name.0
    }
}

/// A device of a kit and how it is known again.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct SavedDevice {
    /// Model as the device says.
    pub model: String,
    /// Serial number as the device says. Only the device that says it is this one.
    pub serial: String,
    /// The USB adapter through which it was connected; none where the port is no USB device.
    pub usb: Option<UsbDevice>,
    /// Port at which it was last. Only where to ask first: names are given to other devices too.
    pub last_port: String,
}

/// Where the laser of a saved kit is.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", tag = "place")]
pub enum SavedLaser {
    /// Inside the spectrometer, on its port.
    Inside,
    /// A device of its own.
    OwnPort {
        /// The device.
        device: SavedDevice,
        /// Protocol and line speed.
        setup: LaserSetup,
    },
}

/// What a saved kit is made of.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", tag = "technique")]
pub enum KitParts {
    /// Spectrometer and laser.
    Raman {
        /// The spectrometer.
        spectrometer: SavedDevice,
        /// Its protocol.
        setup: Box<SpectrometerSetup>,
        /// The laser.
        laser: SavedLaser,
        /// Laser wavelength, nm.
        excitation_nm: f64,
        /// Power that the laser is set to before each scan, mW; none leaves it as it is.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        laser_power_mw: Option<f64>,
    },
    /// A near-infrared scanner with its own lamp.
    Nir {
        /// The scanner.
        scanner: SavedDevice,
    },
}

impl KitParts {
    /// Laser powers of handheld Raman kits, mW. What the laser itself can give is asked of it.
    pub const LASER_POWER_MW: RangeInclusive<f64> = 1.0..=1000.0;
    /// Laser wavelengths of Raman kits, nm.
    pub const EXCITATION_NM: RangeInclusive<f64> = 200.0..=1200.0;
}

/// A saved kit.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct SavedKit {
    /// What people call it.
    pub name: KitName,
    /// When it was set up.
    pub saved_at: Timestamp,
    /// What it is made of.
    pub parts: KitParts,
}

impl SavedKit {
    /// The name under which it is kept.
    pub fn id(&self) -> KitId {
        KitId(self.main_device().serial.clone())
    }

    /// The spectrometer or the scanner.
    pub const fn main_device(&self) -> &SavedDevice {
        match &self.parts {
            KitParts::Raman { spectrometer: device, .. } | KitParts::Nir { scanner: device } => device,
        }
    }

    /// All devices, the main one first.
    pub fn devices(&self) -> Vec<&SavedDevice> {
        let laser = match &self.parts {
            KitParts::Raman { laser: SavedLaser::OwnPort { device, .. }, .. } => Some(device),
            _ => None,
        };
        std::iter::once(self.main_device()).chain(laser).collect()
    }
}
