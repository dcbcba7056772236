//! A reference as it was measured, and how it came into the library.

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use crate::spectrum::{Spectrum, SpectrumError, Technique};

/// Most points of a measured reference.
pub const MEASURED_POINTS_MAX: usize = 1 << 16;

/// A measured array at full resolution. Kept as IEEE 754 doubles, little endian, so that it reads back exactly.
#[derive(Clone, Debug, PartialEq)]
pub struct MeasuredArray(Spectrum);

impl MeasuredArray {
    /// Takes a spectrum over; none where it has more points than [`MEASURED_POINTS_MAX`].
    pub fn new(spectrum: Spectrum) -> Option<Self> {
        (spectrum.axis_cm1().len() <= MEASURED_POINTS_MAX).then_some(Self(spectrum))
    }

    /// The spectrum.
    pub const fn spectrum(&self) -> &Spectrum {
        &self.0
    }

    /// Axis, intensities and, where known, their standard deviations, one after the other.
    pub fn to_bytes(&self) -> Vec<u8> {
        let parts = [self.0.axis_cm1(), self.0.intensity(), self.0.noise_sd().unwrap_or_default()];
        let values = parts.into_iter().flatten();
        let mut bytes = Vec::with_capacity(self.0.axis_cm1().len() * 24);
        for value in values {
            bytes.extend_from_slice(&value.to_le_bytes());
        }
        bytes
    }

    /// Reads what [`Self::to_bytes`] wrote; none where it cannot have written them.
    pub fn from_bytes(
        technique: Technique,
        points: usize,
        bytes: &[u8],
        resolution_cm1: f64,
    ) -> Option<Result<Self, SpectrumError>> {
        if points == 0 || points > MEASURED_POINTS_MAX || !bytes.len().is_multiple_of(8) {
            return None;
        }
        let arrays = bytes.len() / 8 / points;
        if !(2..=3).contains(&arrays) || arrays * points * 8 != bytes.len() {
            return None;
        }
        let mut columns = bytes
            .chunks_exact(points * 8)
            .map(|column| column.as_chunks::<8>().0.iter().map(|b| f64::from_le_bytes(*b)).collect::<Vec<f64>>());
        let (axis, intensity) = (columns.next()?, columns.next()?);
        let spectrum = Spectrum::new(technique, axis, intensity).and_then(|s| match columns.next() {
            Some(noise) => s.with_noise(noise),
            None => Ok(s),
        });
        Some(spectrum.map(|s| Self(s.with_resolution(resolution_cm1))))
    }

    /// What the library's digest takes of it.
    pub(super) fn update(&self, hash: &mut Sha256) {
        hash.update((self.0.axis_cm1().len() as u64).to_le_bytes());
        hash.update(self.to_bytes());
    }
}

/// A file from which a reference was made.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SourceFile {
    /// Its name, without the folder.
    pub name: String,
    /// SHA-256 of its bytes, lower-case hex.
    pub sha256: String,
}

/// How one replicate compares with the mean of the others.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ReplicateAgreement {
    /// File and spectrum.
    pub name: String,
    /// Correlation of the conditioned spectrum with the mean of the other replicates, -1 to 1.
    pub correlation: f64,
    /// True where it stands out and was left out of the mean.
    pub outlier: bool,
}

/// Where a reference came from and what was done to it.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Provenance {
    /// Who brought it in.
    pub author: String,
    /// When, RFC 3339.
    pub added_at: String,
    /// The files.
    pub files: Vec<SourceFile>,
    /// Facts that the operator stated because the file is silent.
    pub stated: Vec<String>,
    /// What was computed from the stored numbers.
    pub converted: Vec<String>,
    /// What was supposed without anybody saying it.
    pub assumed: Vec<String>,
    /// Lot of the reference standard.
    pub lot: Option<String>,
    /// Number of its certificate.
    pub certificate: Option<String>,
    /// Purity as certified, percent by mass.
    pub purity_percent: Option<f64>,
    /// Instrument, as the file or the operator names it.
    pub instrument: Option<String>,
    /// Agreement of the replicates.
    pub replicates: Vec<ReplicateAgreement>,
    /// The nearest substances when it was added, nearest first: key and similarity.
    pub nearest: Vec<(String, f64)>,
}
