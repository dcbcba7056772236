//! The part `settings` of a scan: the acquisition without its long arrays, as JSON, and how the arrays are cut out of
//! their blobs again.

use serde::{Deserialize, Serialize};

use super::{LastBlank, Standing, Subject, TimeSource};
use crate::analyzer::{DeviceIdentity, Exposure, ExposureKind, LaserState, ScanConditions};
use crate::spectrum::{Spectrum, Technique};

/// The JSON of the column `settings`: the acquisition without its long arrays.
#[derive(Serialize, Deserialize)]
pub(super) struct Settings {
    pub(super) spectrometer: DeviceIdentity,
    pub(super) laser: DeviceIdentity,
    pub(super) excitation_nm: f64,
    pub(super) wavelength_coefficients_nm: Vec<f64>,
    pub(super) simulated: bool,
    #[serde(default)]
    pub(super) conditions: ScanConditions,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) standing: Option<Standing>,
    #[serde(default, skip_serializing_if = "Subject::is_plain")]
    pub(super) subject: Subject,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) time_source: Option<TimeSource>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) last_blank: Option<LastBlank>,
    pub(super) dark: ExposureSettings,
    pub(super) light: Vec<ExposureSettings>,
    pub(super) spectrum: SpectrumSettings,
}

/// What an exposure said of itself; `pixels` tells how many counts it has in the blob.
#[derive(Serialize, Deserialize)]
pub(super) struct ExposureSettings {
    pub(super) kind: ExposureKind,
    pub(super) pixels: usize,
    pub(super) integration_us: u32,
    pub(super) scans_averaged: u16,
    pub(super) saturation_counts: u32,
    pub(super) temperatures_c: Vec<f32>,
    pub(super) laser_before: LaserState,
    pub(super) laser_after: LaserState,
    pub(super) started_ms: u64,
}

/// What a spectrum is beside its arrays.
#[derive(Serialize, Deserialize)]
pub(super) struct SpectrumSettings {
    pub(super) technique: Technique,
    pub(super) points: usize,
    pub(super) has_noise: bool,
    pub(super) saturated: Vec<usize>,
    pub(super) resolution_cm1: Option<f64>,
}

pub(super) fn split_exposure(exposure: &Exposure) -> (ExposureSettings, &[u32]) {
    // Named one by one, so that a new field cannot be forgotten here.
    let Exposure {
        kind,
        counts,
        integration_us,
        scans_averaged,
        saturation_counts,
        temperatures_c,
        laser_before,
        laser_after,
        started_ms,
    } = exposure;
    let settings = ExposureSettings {
        kind: *kind,
        pixels: counts.len(),
        integration_us: *integration_us,
        scans_averaged: *scans_averaged,
        saturation_counts: *saturation_counts,
        temperatures_c: temperatures_c.clone(),
        laser_before: *laser_before,
        laser_after: *laser_after,
        started_ms: *started_ms,
    };
    (settings, counts)
}

impl ExposureSettings {
    /// The exposure with its counts, which are taken from the front of `blob`.
    pub(super) fn join(self, blob: &mut &[u8]) -> Result<Exposure, String> {
        let bytes = take(blob, self.pixels, 4)?;
        let counts = bytes.as_chunks::<4>().0.iter().map(|b| u32::from_le_bytes(*b)).collect();
        Ok(Exposure {
            kind: self.kind,
            counts,
            integration_us: self.integration_us,
            scans_averaged: self.scans_averaged,
            saturation_counts: self.saturation_counts,
            temperatures_c: self.temperatures_c,
            laser_before: self.laser_before,
            laser_after: self.laser_after,
            started_ms: self.started_ms,
        })
    }
}

impl SpectrumSettings {
    pub(super) fn join(self, mut blob: &[u8]) -> Result<Spectrum, String> {
        let mut floats = || -> Result<Vec<f64>, String> {
            let bytes = take(&mut blob, self.points, 8)?;
            Ok(bytes.as_chunks::<8>().0.iter().map(|b| f64::from_le_bytes(*b)).collect())
        };
        let axis = floats()?;
        let intensity = floats()?;
        let noise = if self.has_noise { Some(floats()?) } else { None };
        at_end(blob, "spectrum")?;
        let mut spectrum = Spectrum::new(self.technique, axis, intensity).map_err(|e| e.to_string())?;
        if let Some(noise) = noise {
            spectrum = spectrum.with_noise(noise).map_err(|e| e.to_string())?;
        }
        spectrum = spectrum.with_saturated(self.saturated);
        Ok(match self.resolution_cm1 {
            Some(resolution) => spectrum.with_resolution(resolution),
            None => spectrum,
        })
    }
}

/// Takes `count` items of `size` bytes from the front of `blob`.
fn take<'a>(blob: &mut &'a [u8], count: usize, size: usize) -> Result<&'a [u8], String> {
    let short = || format!("a blob ends {} bytes after it should hold {count} values of {size} bytes", blob.len());
    let length = count.checked_mul(size).ok_or_else(short)?;
    let (front, rest) = blob.split_at_checked(length).ok_or_else(short)?;
    *blob = rest;
    Ok(front)
}

pub(super) fn at_end(blob: &[u8], name: &str) -> Result<(), String> {
    if blob.is_empty() { Ok(()) } else { Err(format!("the {name} has {} bytes too many", blob.len())) }
}
