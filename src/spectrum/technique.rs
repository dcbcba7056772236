//! How a spectrum was measured. Spectra of different techniques are never compared with each other.

use std::fmt;

use serde::{Deserialize, Serialize};

/// The measurement technique. Its names in JSON and in reference files are those of `Technique::name`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Technique {
    /// Spontaneous Raman scattering; the axis is the Raman shift.
    Raman,
    /// Surface-enhanced Raman scattering: other bands than Raman, its own references.
    Sers,
    /// Attenuated total reflection infrared absorption.
    AtrFtir,
    /// Infrared absorption in transmission.
    IrTransmission,
    /// Near infrared, 900-1700 nm.
    Nir,
}

impl Technique {
    /// Every technique, in the order of declaration.
    pub const ALL: [Self; 5] = [Self::Raman, Self::Sers, Self::AtrFtir, Self::IrTransmission, Self::Nir];

    /// The stable name used in JSON, reference files and the casebook.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Raman => "raman",
            Self::Sers => "sers",
            Self::AtrFtir => "atr-ftir",
            Self::IrTransmission => "ir-transmission",
            Self::Nir => "nir",
        }
    }

    /// The technique with this stable name.
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|t| t.name() == name)
    }
}

impl fmt::Display for Technique {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}
