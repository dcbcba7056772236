//! The library in memory.

use std::sync::Arc;

use jiff::civil::Date;
use serde::{Deserialize, Serialize};

use super::measured::{MeasuredArray, Provenance};
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
#[serde(deny_unknown_fields)]
pub struct Group {
    /// Stable key, kebab-case: `fentanyl`, `nitazene`, `cutting-agent` ...
    pub key: String,
    /// Name for people.
    pub title: String,
    /// True when an identified member is an *alarm* and a possible member an *alert*.
    pub alarms: bool,
    /// True when the group is on a watch list (listed), alarming or not.
    pub listed: bool,
    /// Why it alarms or does not.
    #[serde(default)]
    pub note: Option<String>,
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
    /// Which facts are unverified: `cas`, `formula`, `control`, `cas of NAME` ...
    pub unverified_facts: Vec<String>,
    /// Hazards in field words, kebab-case: `avoid-aerosol-and-skin-contact`, `not-reversed-by-naloxone` ...
    pub hazards: Vec<String>,
    /// Remarks for the reader.
    pub notes: Vec<String>,
    /// Where the facts came from.
    pub facts_from: Vec<String>,
    /// The forms behind `related_cas`, with their names.
    pub related: Vec<RelatedForm>,
    /// What the lists say about it.
    pub control: Control,
}

/// A salt, hydrate, enantiomer or ester that counts as the same substance for the user.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RelatedForm {
    /// Name.
    pub name: String,
    /// CAS registry number.
    pub cas: String,
    /// Formula, where known.
    #[serde(default)]
    pub formula: Option<String>,
}

/// Control facts as their lists state them; a trailing `(M)` marks a part from memory.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Control {
    /// United States: schedule or list, reference, threshold.
    pub us: Option<String>,
    /// United Nations conventions.
    pub un: Option<String>,
    /// European Union and China.
    pub eu_cn: Option<String>,
    /// Heading of the Harmonized System 2022.
    pub hs2022: Option<String>,
    /// Why it is on a watch list.
    pub why_watched: Option<String>,
    /// What a laboratory states of each jurisdiction, with date and source.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub statuses: Vec<ControlStatus>,
}

/// How one jurisdiction controls a substance, as somebody states it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ControlStatus {
    /// Whose law: `US`, `UN`, `EU`, a country.
    pub jurisdiction: String,
    /// Schedule, list, or *not controlled*.
    pub status: String,
    /// The day on which this was so.
    pub as_of: Date,
    /// Where it can be read; none for what is from memory, which is *unverified* and never shown as law.
    #[serde(default)]
    pub source: Option<String>,
}

impl ControlStatus {
    /// Status, day and source; what nobody verified says so first.
    pub fn words(&self) -> String {
        match &self.source {
            Some(source) => format!("{} (as of {}; {source})", self.status, self.as_of),
            None => format!("NOT VERIFIED, from memory: {} (as of {})", self.status, self.as_of),
        }
    }

    /// The name under which a status from memory stands among the unverified facts.
    pub(super) fn unverified_name(&self) -> String {
        format!("control in {}", self.jurisdiction)
    }
}

impl Control {
    /// Everything that is stated, as label and words, in the order of the lists. Where control facts are from memory, the
    /// words say so: they are not the law.
    pub fn lines(&self, unverified_facts: &[String]) -> Vec<(String, String)> {
        let memory = unverified_facts.iter().any(|f| f == "control");
        let old = |label: &str, text: &Option<String>, law: bool| {
            let mark = if memory && law { "NOT VERIFIED, from memory: " } else { "" };
            text.as_ref().map(|t| (label.to_owned(), format!("{mark}{t}")))
        };
        let lists = [old("US", &self.us, true), old("UN", &self.un, true), old("EU, China", &self.eu_cn, true)];
        let stated = self.statuses.iter().map(|s| (s.jurisdiction.clone(), s.words()));
        let rest = [old("HS 2022", &self.hs2022, false), old("why watched", &self.why_watched, false)];
        lists.into_iter().flatten().chain(stated).chain(rest.into_iter().flatten()).collect()
    }
}

/// A source of references.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Source {
    /// Stable key: `S01`, `C01` ...
    pub key: String,
    /// Who, what, when.
    pub citation: String,
    /// Address or DOI; empty where there is none.
    #[serde(default)]
    pub url: String,
    /// Licence: one of [`KNOWN_LICENCES`].
    pub licence: String,
    /// Full width at half maximum that the source's instrument adds and that its bands already hold, cm-1; 0 for
    /// calculations.
    pub resolution_cm1: f64,
    /// False when the terms do not allow it into a library: references of it are refused.
    pub ship: bool,
    /// File with the licence text that must travel along, below `spectra-library/`.
    #[serde(default)]
    pub notice: Option<String>,
    /// Remarks.
    #[serde(default)]
    pub note: Option<String>,
}

/// Terms under which a reference may be in a library: open licences, numbers that nobody owns (`facts`), positions
/// and relative heights with the source named (`facts-with-attribution`), work of this project (`project`), measured by
/// the laboratory that owns the pack (`laboratory`), and taken over from its owner by agreement (`by-agreement`).
pub const KNOWN_LICENCES: [&str; 7] =
    ["MIT", "CC0-1.0", "facts", "facts-with-attribution", "project", "laboratory", "by-agreement"];

/// One reference spectrum of one substance in one form: bands, and the measured array where there is one.
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
    /// True when the source states no heights, so that all are 1: a list of positions, no spectrum.
    pub usual_heights: bool,
    /// CAS number of the form, where it is another than the substance's.
    pub cas: Option<String>,
    /// Licence of the source. Derived by the loader.
    pub licence: String,
    /// Resolution that is already in the widths, cm-1 ([`Source::resolution_cm1`]). Derived by the loader.
    pub own_resolution_cm1: f64,
    /// Name of the item inside the source, where it has one.
    pub source_item: Option<String>,
    /// How it came into the library, where somebody brought it in with this program.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub provenance: Option<Box<Provenance>>,
    /// The array as measured; the search then uses it instead of the bands, which summarise it for people. The digest
    /// and packs take it apart from the other fields.
    #[serde(skip)]
    pub measured: Option<Arc<MeasuredArray>>,
}

/// Fewer bands than this cannot support an identification.
pub const MIN_BANDS_TO_SUPPORT: usize = 3;

impl Substance {
    /// True when `cas` is the number of the substance or of one of its related forms.
    pub fn has_cas(&self, cas: &str) -> bool {
        self.cas.as_deref() == Some(cas) || self.related_cas.iter().any(|c| c == cas)
    }
}

impl Reference {
    /// Number of bands.
    pub fn band_count(&self) -> usize {
        self.bands.len()
    }

    /// True when the reference alone may carry an identification: measured or from the literature, with enough bands
    /// and with heights. Calculated and simulated references and bare lists of positions never may.
    pub fn can_support_identification(&self) -> bool {
        !matches!(self.tier, Tier::Computed | Tier::Simulated)
            && self.bands.len() >= MIN_BANDS_TO_SUPPORT
            && !self.usual_heights
    }

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
    /// References; each belongs to one substance, in the order of the substances.
    pub references: Vec<Reference>,
    /// Where the references came from, ascending by key.
    pub sources: Vec<Source>,
}

/// What the name of every library ends with that holds simulated references.
pub const TRAINING: &str = " training";

impl Library {
    /// True when a reference of it is simulated: a library for training and evaluation, which identifies on emulated analyzers
    /// only.
    pub fn is_training(&self) -> bool {
        self.references.iter().any(|r| r.tier == Tier::Simulated)
    }

    /// The name that this content must have: that of a training library says so.
    pub fn honest_name(&self, name: &str) -> String {
        if self.is_training() && !name.ends_with(TRAINING) { format!("{name}{TRAINING}") } else { name.to_owned() }
    }
}
