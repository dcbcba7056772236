//! One measurement of a standard, from a recorded scan or from a file.

use crate::casebook::StoredScan;
use crate::formats::sha256_hex;
use crate::library::SourceFile;
use crate::spectrum::Spectrum;

use super::LaboratoryError;

/// Relative change during a scan, in units of its uncertainty, above which the sample moved, bleached or burnt.
const CHANGED_SIGMAS: f64 = 4.0;

/// One measurement of a standard.
#[derive(Clone, Debug, PartialEq)]
pub struct Replicate {
    /// Where it is from, with the digest.
    pub from: SourceFile,
    /// The spectrum, corrected.
    pub spectrum: Spectrum,
    /// Laser wavelength, nm.
    pub laser_nm: Option<f64>,
    /// True when an emulated analyzer measured it.
    pub simulated: bool,
    /// Instrument: model and serial numbers.
    pub instrument: String,
    /// What was computed from the measured numbers: corrections of axis and response.
    pub converted: Vec<String>,
    /// What was stated because nothing measured says it.
    pub stated: Vec<String>,
    /// State of the performance check in words.
    pub check: String,
}

impl Replicate {
    /// That of a recorded scan. Refused where the kit had no fresh passed performance check, or where the scan itself is no
    /// good.
    pub fn of_scan(scan: &StoredScan) -> Result<Self, LaboratoryError> {
        let (id, acquisition) = (scan.id, &scan.record.acquisition);
        let conditions = &acquisition.conditions;
        let refuse = |why: String| Err(LaboratoryError::Replicate(format!("record {id} is no replicate: {why}")));
        if !conditions.check.is_verified() {
            let words = conditions.check.words();
            return refuse(format!(
                "its kit had no passed performance check that still held ({words}); check it and scan again"
            ));
        }
        if !acquisition.spectrum.saturated().is_empty() {
            return refuse("some of its pixels are saturated; scan again with less exposure".to_owned());
        }
        if conditions.changed_during_scan.is_some_and(|sigmas| sigmas.abs() > CHANGED_SIGMAS) {
            return refuse(
                "its sample moved, bleached or burnt during the scan; place it anew and scan again".to_owned(),
            );
        }
        let device = |d: &crate::analyzer::DeviceIdentity| format!("{} {}", d.model, d.serial);
        let (axis, response) =
            conditions.correction.as_ref().map_or((false, false), |c| (c.axis.is_some(), c.response.is_some()));
        let sources = conditions.correction.iter().flat_map(|c| &c.sources);
        let mut corrections: Vec<String> = sources.map(|s| format!("corrected by {s}")).collect();
        for (what, _) in [("axis", axis), ("response", response)].into_iter().filter(|(_, done)| !done) {
            corrections.push(format!("{what} not corrected: the kit has no such calibration"));
        }
        let bytes = serde_json::to_vec(&scan.record).unwrap_or_default();
        Ok(Self {
            from: SourceFile { name: format!("record {id}"), sha256: sha256_hex(&bytes) },
            spectrum: acquisition.spectrum.clone(),
            laser_nm: (acquisition.excitation_nm > 0.0).then_some(acquisition.excitation_nm),
            simulated: acquisition.simulated,
            instrument: format!("{}, laser {}", device(&acquisition.spectrometer), device(&acquisition.laser)),
            converted: corrections,
            stated: Vec::new(),
            check: conditions.check.words(),
        })
    }
}
