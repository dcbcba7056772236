//! What the emulated probe shows when a calibration standard lies under it.

use crate::analyzer::emulator::{Sample, SamplePart};
use crate::library::{Library, Reference};
use crate::signal::calibration::{CalibrationError, Luminescence, Standard, StandardKind, Standards};
use crate::spectrum::{Band, Technique};

/// A band of the library this near to a line of a standard is that line, cm-1.
const SAME_LINE_CM1: f64 = 8.0;
/// Width of a line that no reference has, cm-1.
const USUAL_FWHM_CM1: f64 = 9.0;
/// Distance of the bands of which a luminescence is made, cm-1. Gaussians whose standard deviation is their distance add up
/// to a smooth curve within 1e-8.
const GLASS_STEP_CM1: f64 = 50.0;
/// Full width at half maximum of a Gaussian with standard deviation 1.
const FWHM_OF_SD: f64 = 2.354_820_045;
/// Name of the substance of the library that a standard is, where it is another one.
const SUBSTANCES: [(&str, &str); 2] =
    [("calcite", "calcium-carbonate"), ("toluene-acetonitrile", "toluene-acetonitrile-50-50-v-v")];

/// The standard or glass called `key` as a sample of the emulator. Raman standards have the bands of the library's
/// reference (certified lines exactly in their places), so that there are other bands beside the certified ones, as on a
/// real instrument.
pub fn standard_sample(library: &Library, standards: &Standards, key: &str) -> Result<Sample, CalibrationError> {
    if let Ok(glass) = standards.glass(key) {
        return Ok(sample(key, glass_bands(glass)));
    }
    let standard = standards.with_lines(key)?;
    if standard.kind == StandardKind::Lamp {
        return Err(CalibrationError::WrongStandard {
            name: standard.name.clone(),
            purpose: "the emulated probe, which sees light of the laser only",
            instead: "polystyrene, or a file of the lamp",
        });
    }
    Ok(sample(key, raman_bands(library, standard)))
}

fn sample(name: &str, bands: Vec<Band>) -> Sample {
    Sample { name: name.to_owned(), parts: vec![SamplePart { share: 1.0, bands }] }
}

fn raman_bands(library: &Library, standard: &Standard) -> Vec<Band> {
    let name = SUBSTANCES.iter().find(|s| s.0 == standard.key).map_or(standard.key.as_str(), |s| s.1);
    let references = library.find_index(name).map(|i| library.references_of(i).collect::<Vec<_>>()).unwrap_or_default();
    let richest = |references: Vec<&Reference>| -> Vec<Band> {
        let raman = references.into_iter().filter(|r| r.technique == Technique::Raman);
        raman.max_by_key(|r| r.bands.len()).map(|r| r.bands.clone()).unwrap_or_default()
    };
    let mut bands = richest(references);
    if standard.kind == StandardKind::Resolution && !bands.is_empty() {
        return bands;
    }
    for line in &standard.lines {
        let near = bands
            .iter_mut()
            .filter(|b| (b.position_cm1 - line.position).abs() <= SAME_LINE_CM1)
            .max_by(|a, b| a.height.total_cmp(&b.height));
        match near {
            Some(band) => band.position_cm1 = line.position,
            None => bands.push(Band {
                position_cm1: line.position,
                height: if line.intensity >= 5.0 { 1.0 } else { 0.1 * line.intensity },
                fwhm_cm1: USUAL_FWHM_CM1,
                lorentz_fraction: 0.5,
            }),
        }
    }
    bands
}

fn glass_bands(glass: &Luminescence) -> Vec<Band> {
    let (low, high) = glass.range_cm1;
    // Beyond the certificate the glass goes on shining as at its end.
    let at = |x: f64| glass.at(x.max(low).min(high)).unwrap_or(0.0);
    // The sum of unit Gaussians at this distance.
    let sum = (2.0 * std::f64::consts::PI).sqrt();
    let count = ((high - low + 800.0) / GLASS_STEP_CM1) as u32;
    (0..count)
        .map(|i| {
            let position_cm1 = low - 400.0 + GLASS_STEP_CM1 * f64::from(i);
            let height = at(position_cm1) / sum;
            Band { position_cm1, height, fwhm_cm1: GLASS_STEP_CM1 * FWHM_OF_SD, lorentz_fraction: 0.0 }
        })
        .collect()
}
