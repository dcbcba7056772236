//! The library in memory.

use serde::{Deserialize, Serialize};

use crate::spectrum::{Band, Technique};

/// Where a reference came from, from the strongest evidence to the weakest.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Tier {
    /// Measured by the laboratory that uses the library.
    MeasuredHere,
    /// Measured by somebody else, on another instrument.
    MeasuredElsewhere,
    /// Band positions from standards and papers.
    Literature,
    /// Quantum-chemical calculation: may raise a *possible*, never an *identified*.
    Computed,
    /// Evaluation packs only.
    Simulated,
}

/// A named set of substances and whether finding one of them alarms.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Group {
    /// Stable key, kebab-case: `fentanyl`, `nitazene`, `cutting-agent` ...
    pub key: String,
    /// Name for people.
    pub title: String,
    /// True when an identified member is an *alarm* and a possible member an *alert*.
    pub alarms: bool,
    /// True when the group is on a watch list (listed), alarming or not.
    pub listed: bool,
}

/// One substance.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Substance {
    /// Stable key: the file name without its ending.
    pub key: String,
    /// Preferred name.
    pub name: String,
    /// Other names.
    pub synonyms: Vec<String>,
    /// CAS registry number with a right check digit, where one exists.
    pub cas: Option<String>,
    /// CAS numbers of other forms that count as the same substance for the user (salts, hydrates).
    pub related_cas: Vec<String>,
    /// Molecular formula.
    pub formula: Option<String>,
    /// Keys of the groups it belongs to.
    pub groups: Vec<String>,
    /// True when any of its groups alarms. Derived by the loader.
    pub alarms: bool,
    /// True when it is on a watch list. Derived by the loader.
    pub listed: bool,
    /// True when a fact in its file is from memory and unverified.
    pub unverified: bool,
}

/// One reference spectrum of one substance in one form, as bands.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Reference {
    /// Index into [`Library::substances`].
    pub substance: usize,
    /// Salt, base, hydrate, polymorph, product; empty when not stated.
    pub form: String,
    /// Where it came from.
    pub tier: Tier,
    /// Technique.
    pub technique: Technique,
    /// Laser wavelength, nm, where stated.
    pub laser_nm: Option<f64>,
    /// Range in which absence of a band means something, cm-1.
    pub range_cm1: (f64, f64),
    /// Key of the source in `spectra-library/sources.toml`.
    pub source: String,
    /// Bands, strongest scaled to 1, ascending by position.
    pub bands: Vec<Band>,
    /// True when the widths were not measured but set to the usual one.
    pub usual_widths: bool,
}

impl Reference {
    /// Intensity of the reference at each axis point when seen with `resolution_cm1` (full width at half maximum).
    ///
    /// `own_resolution_cm1` is already part of measured band widths; only the excess is added, in quadrature.
    pub fn synthesize(&self, axis_cm1: &[f64], resolution_cm1: f64, own_resolution_cm1: f64) -> Vec<f64> {
        let extra = (resolution_cm1 * resolution_cm1 - own_resolution_cm1 * own_resolution_cm1).max(0.0).sqrt();
        let mut out = vec![0.0; axis_cm1.len()];
        for band in &self.bands {
            let band = band.broadened(extra);
            for (y, x) in out.iter_mut().zip(axis_cm1) {
                *y += band.value_at(*x);
            }
        }
        out
    }
}

/// What identifies a library in a record.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct LibraryIdentity {
    /// Name.
    pub name: String,
    /// Version.
    pub version: String,
    /// SHA-256 over the canonical content, lower-case hex.
    pub sha256: String,
}

/// A whole library.
#[derive(Clone, Debug, PartialEq)]
pub struct Library {
    /// Name, version and digest.
    pub identity: LibraryIdentity,
    /// Groups.
    pub groups: Vec<Group>,
    /// Substances, ascending by key. Some have no reference: they are on the watch list and *not searchable*.
    pub substances: Vec<Substance>,
    /// References; each belongs to one substance.
    pub references: Vec<Reference>,
}
