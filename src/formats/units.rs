//! Units of the two axes, as far as files state them.

use std::fmt;

use serde::{Deserialize, Serialize};

/// Unit of the axis.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum XUnit {
    /// Raman shift or wavenumber, cm-1.
    Cm1,
    /// Wavelength, nm.
    Nm,
    /// Wavelength, micrometres.
    Micrometre,
    /// Detector pixels, counted.
    Pixel,
    /// Something else, in the file's words.
    Other(String),
}

impl XUnit {
    /// The unit that a column title or an axis label names, if any.
    pub(super) fn named_in(label: &str) -> Option<Self> {
        let label = label.to_lowercase();
        let has = |words: &[&str]| words.iter().any(|word| label.contains(word));
        if has(&["cm-1", "cm^-1", "cm\u{207b}\u{b9}", "cm\u{af}\u{b9}", "1/cm", "/cm", "cm^{-1}"])
            || has(&["raman shift", "ramanshift", "raman_shift", "wavenumber", "wave number"])
        {
            Some(Self::Cm1)
        } else if has(&["nanomet", "(nm)", "[nm]"]) || label.trim() == "nm" {
            Some(Self::Nm)
        } else if has(&["micromet", "micron", "\u{b5}m", "\u{3bc}m", "(um)", "[um]"]) || label.trim() == "um" {
            Some(Self::Micrometre)
        } else if has(&["wavelength"]) {
            Some(Self::Nm)
        } else if has(&["pixel"]) {
            Some(Self::Pixel)
        } else {
            None
        }
    }
}

impl fmt::Display for XUnit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Cm1 => "cm-1",
            Self::Nm => "nm",
            Self::Micrometre => "um",
            Self::Pixel => "pixel",
            Self::Other(words) => words,
        })
    }
}

/// Unit of the ordinate.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum YUnit {
    /// Detector counts.
    Counts,
    /// Detector counts a second.
    CountsPerSecond,
    /// Absorbance.
    Absorbance,
    /// Transmittance. Files use the word for shares of one and for percent alike.
    Transmittance,
    /// Transmittance, stated to be in percent.
    TransmittancePercent,
    /// Reflectance, as share or in percent.
    Reflectance,
    /// Reflectance, stated to be in percent.
    ReflectancePercent,
    /// Kubelka-Munk units: diffuse reflectance converted to something proportional to absorption.
    KubelkaMunk,
    /// Something else, in the file's words.
    Other(String),
}

impl YUnit {
    /// The unit that a column title or an axis label names, if any.
    pub(super) fn named_in(label: &str) -> Option<Self> {
        let label = label.to_lowercase();
        let has = |words: &[&str]| words.iter().any(|word| label.contains(word));
        if has(&["absorb"]) {
            Some(Self::Absorbance)
        } else if has(&["kubelka"]) {
            Some(Self::KubelkaMunk)
        } else if has(&["transmi", "%t", "% t"]) {
            Some(if label.contains(['%']) || has(&["percent"]) {
                Self::TransmittancePercent
            } else {
                Self::Transmittance
            })
        } else if has(&["reflect", "%r", "% r"]) {
            Some(if label.contains(['%']) || has(&["percent"]) { Self::ReflectancePercent } else { Self::Reflectance })
        } else if has(&["cnt/s", "counts/s", "counts per s", "cps"]) {
            Some(Self::CountsPerSecond)
        } else if has(&["count", "cnt"]) {
            Some(Self::Counts)
        } else {
            None
        }
    }
}

impl fmt::Display for YUnit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Counts => "counts",
            Self::CountsPerSecond => "counts/s",
            Self::Absorbance => "absorbance",
            Self::Transmittance => "transmittance",
            Self::TransmittancePercent => "transmittance (%)",
            Self::Reflectance => "reflectance",
            Self::ReflectancePercent => "reflectance (%)",
            Self::KubelkaMunk => "Kubelka-Munk",
            Self::Other(words) => words,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::{XUnit, YUnit};

    #[test]
    fn axis_labels_name_their_unit() {
        for (label, unit) in [
            ("Raman Shift", Some(XUnit::Cm1)),
            ("Wavenumber", Some(XUnit::Cm1)),
            ("x (cm-1)", Some(XUnit::Cm1)),
            ("1/cm", Some(XUnit::Cm1)),
            ("Wavelength", Some(XUnit::Nm)),
            ("x [nm]", Some(XUnit::Nm)),
            ("MICROMETERS", Some(XUnit::Micrometre)),
            ("Pixel", Some(XUnit::Pixel)),
            ("#Wave", None),
            ("environment", None),
        ] {
            assert_eq!(XUnit::named_in(label), unit, "{label}");
        }
        for (label, unit) in [
            ("Absorbance #1", Some(YUnit::Absorbance)),
            ("%T", Some(YUnit::TransmittancePercent)),
            ("TRANSMITTANCE", Some(YUnit::Transmittance)),
            ("Kubelka-Munk", Some(YUnit::KubelkaMunk)),
            ("Cnt/sec", Some(YUnit::CountsPerSecond)),
            ("Intensity (counts)", Some(YUnit::Counts)),
            ("Intensity", None),
        ] {
            assert_eq!(YUnit::named_in(label), unit, "{label}");
        }
    }
}
