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

    /// True when a scan by this technique can be compared with a reference by `other`: the same technique, or the two ways of
    /// measuring infrared absorption, whose heights [`Self::height_factor`] makes comparable. SERS meets SERS only.
    pub fn compares_with(self, other: Self) -> bool {
        self == other || (self.is_infrared() && other.is_infrared())
    }

    const fn is_infrared(self) -> bool {
        matches!(self, Self::AtrFtir | Self::IrTransmission)
    }

    /// Factor, up to a common scale, by which the height at `wavenumber_cm1` of a reference by `reference` must be multiplied
    /// to be seen as this technique sees it. In attenuated total reflection the light enters the sample to a depth
    /// `d = lambda / (2 pi n1 sqrt(sin^2 theta - (n2/n1)^2))` (Harrick, Internal Reflection Spectroscopy, 1967), so that a band is
    /// as much stronger as its wavelength is longer; in transmission the path is the same for all. The dispersion of the
    /// sample's index near strong bands, which moves them down by a few cm-1, is left to the search for shifts.
    pub fn height_factor(self, reference: Self, wavenumber_cm1: f64) -> f64 {
        let relative = wavenumber_cm1.max(1.0) / 1_000.0;
        match (self, reference) {
            (Self::AtrFtir, Self::IrTransmission) => 1.0 / relative,
            (Self::IrTransmission, Self::AtrFtir) => relative,
            _ => 1.0,
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sers_meets_sers_only_and_the_two_ways_of_infrared_meet() {
        for a in Technique::ALL {
            for b in Technique::ALL {
                let infrared = a.name().contains("ir-tr") || a.name().contains("ftir");
                let both = infrared && (b.name().contains("ir-tr") || b.name().contains("ftir"));
                assert_eq!(a.compares_with(b), a == b || both, "{a} and {b}");
                assert_eq!(a.height_factor(b, 700.0) == 1.0, a == b || !both, "{a} and {b}");
                assert!((a.height_factor(b, 700.0) * b.height_factor(a, 700.0) - 1.0).abs() < 1e-12);
            }
        }
        // Twice the wavelength enters twice as deep.
        let atr = |x| Technique::AtrFtir.height_factor(Technique::IrTransmission, x);
        assert!((atr(750.0) / atr(1_500.0) - 2.0).abs() < 1e-12);
    }
}
