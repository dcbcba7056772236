//! Everything the program says about one spectrum. The field names are those of `identify --json`.

use serde::{Deserialize, Serialize};

use crate::library::{LibraryIdentity, Tier};
use crate::spectrum::Technique;

use super::Verdict;
use super::verdict::StoredVerdict;

/// How strongly a substance is named.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Strength {
    /// The program stands by it.
    Identified,
    /// Worth acting on, not proven.
    Possible,
    /// The class, not the member.
    Class,
}

/// A substance that the program stands by.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Identified {
    /// Name.
    pub substance: String,
    /// CAS number, where one exists.
    pub cas: Option<String>,
    /// Form, or `form not determined`.
    pub form: String,
    /// How strongly.
    pub strength: Strength,
    /// Group keys.
    pub groups: Vec<String>,
    /// Substances that this scan cannot tell apart from it.
    pub alternatives: Vec<String>,
}

/// Which reference stands behind a line.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ReferenceNote {
    /// Where it came from.
    pub tier: Tier,
    /// Source key.
    pub source: String,
    /// Name of the item inside the source, where it has one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub item: Option<String>,
}

/// One candidate; asserts nothing.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Candidate {
    /// Name.
    pub substance: String,
    /// CAS number.
    pub cas: Option<String>,
    /// Group keys.
    pub groups: Vec<String>,
    /// Calibrated probability; null for references that may not identify.
    pub probability: Option<f64>,
    /// Similarity, -1..=1.
    pub score: f64,
    /// Share of the query's band signal that the reference explains, 0..=1.
    pub explained: f64,
    /// Strong bands of the reference that should be visible and are not, cm-1.
    pub missing_bands: Vec<f64>,
    /// Axis shift at which the reference fitted best, cm-1 (query minus reference).
    pub shift_cm1: f64,
    /// The reference.
    pub reference: ReferenceNote,
}

/// One component of the fitted mixture.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Component {
    /// Name.
    pub substance: String,
    /// CAS number.
    pub cas: Option<String>,
    /// Group keys.
    pub groups: Vec<String>,
    /// Share of the fitted signal, 0..=1; never a share of weight.
    pub spectral_share: f64,
    /// Interval of the share, 95 %, its lower end lowered by the share of the signal that no component explains; null
    /// where the fit could state none.
    pub share_interval: Option<(f64, f64)>,
    /// Probability that chance alone gains as much with any of the references that were tried.
    pub p_value: Option<f64>,
    /// Substances whose reference would explain the signal as well in its place.
    #[serde(default)]
    pub alternatives: Vec<String>,
    /// The reference.
    pub reference: ReferenceNote,
}

/// Evidence for a class without the member.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ClassEvidence {
    /// Group key.
    pub class: String,
    /// Probability, once calibrated.
    pub probability: Option<f64>,
    /// Bands of the class that were found, cm-1.
    pub bands_found: Vec<f64>,
    /// Bands of the class that were not found, cm-1.
    pub bands_missing: Vec<f64>,
}

/// The smallest share of the signal at which this scan would have shown an alarming substance.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct DetectionLimit {
    /// Name.
    pub substance: String,
    /// Share, 0..=1; null where the only reference is computed, so that the substance is not searchable.
    pub spectral_share: Option<f64>,
}

/// Which listed substances this library can search for with this technique.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Coverage {
    /// Listed substances with a measured reference.
    pub listed_measured: usize,
    /// Listed substances known by calculation only.
    pub listed_computed_only: usize,
    /// Names of the listed substances without any reference for this technique.
    pub not_searchable: Vec<String>,
}

/// Quality of the scan.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct QualityReport {
    /// Signal to noise of the strongest bands.
    pub snr: f64,
    /// True when points of the spectrum were saturated.
    pub saturated: bool,
    /// Ratio of the smooth background to the band signal.
    pub fluorescence: f64,
    /// Range that was compared, cm-1.
    pub range_cm1: (f64, f64),
    /// What is wrong, as sentences with a next step.
    pub problems: Vec<String>,
}

/// What no reference explains.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Residual {
    /// Share of the band signal that the mixture leaves unexplained, 0..=1.
    pub unexplained: f64,
    /// Positions of the strongest unexplained bands, cm-1.
    pub strongest_unexplained_cm1: Vec<f64>,
}

/// The whole answer to one spectrum. `file`, `assumed` and `elapsed_ms` are added by whoever asked.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(from = "StoredAnswer")]
pub struct Answer {
    /// Technique of the spectrum.
    pub technique: Technique,
    /// True when the spectrum came from an emulated device.
    pub simulated: bool,
    /// The verdict.
    pub verdict: Verdict,
    /// Quality of the scan.
    pub quality: QualityReport,
    /// What the program stands by.
    pub identified: Vec<Identified>,
    /// What the library can and cannot search for.
    pub coverage: Coverage,
    /// Candidates, best first; assert nothing.
    pub candidates: Vec<Candidate>,
    /// Calibrated probability that the substance is in no reference that may identify; null where nothing was compared.
    #[serde(default)]
    pub not_in_library: Option<f64>,
    /// Components, largest share first; assert nothing.
    pub mixture: Vec<Component>,
    /// Class evidence.
    pub class_evidence: Vec<ClassEvidence>,
    /// Detection limits of this scan.
    pub detection_limits: Vec<DetectionLimit>,
    /// What stays unexplained.
    pub residual: Residual,
    /// The library that was asked.
    pub library: LibraryIdentity,
    /// Name and version of the engine.
    pub engine: String,
}

/// An answer as it is read: its verdict gets limits and coverage from beside it.
#[derive(Deserialize)]
struct StoredAnswer {
    technique: Technique,
    simulated: bool,
    verdict: StoredVerdict,
    quality: QualityReport,
    identified: Vec<Identified>,
    coverage: Coverage,
    candidates: Vec<Candidate>,
    #[serde(default)]
    not_in_library: Option<f64>,
    mixture: Vec<Component>,
    class_evidence: Vec<ClassEvidence>,
    detection_limits: Vec<DetectionLimit>,
    residual: Residual,
    library: LibraryIdentity,
    engine: String,
}

impl From<StoredAnswer> for Answer {
    fn from(stored: StoredAnswer) -> Self {
        Self {
            technique: stored.technique,
            simulated: stored.simulated,
            verdict: stored.verdict.with(&stored.detection_limits, &stored.coverage),
            quality: stored.quality,
            identified: stored.identified,
            coverage: stored.coverage,
            candidates: stored.candidates,
            not_in_library: stored.not_in_library,
            mixture: stored.mixture,
            class_evidence: stored.class_evidence,
            detection_limits: stored.detection_limits,
            residual: stored.residual,
            library: stored.library,
            engine: stored.engine,
        }
    }
}
