//! The text format of `spectra-library/`: what the TOML files hold, read strictly.

use serde::Deserialize;
use serde::de::DeserializeOwned;

use super::error::LibraryError;
use super::model::{Control, Group, Reference, RelatedForm, Source, Substance, Tier};
use crate::spectrum::{Band, Technique};

/// The largest file that is read.
pub(super) const MAX_FILE_BYTES: usize = 1 << 20;
/// The most bands one reference may have.
pub const MAX_BANDS: usize = 400;
/// The most references one substance may have.
pub(super) const MAX_REFERENCES: usize = 64;

/// `library.toml`.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct LibraryFile {
    pub(super) name: String,
    pub(super) version: String,
}

/// `groups.toml`.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct GroupsFile {
    pub(super) group: Vec<Group>,
}

/// `sources.toml`.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct SourcesFile {
    pub(super) source: Vec<Source>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct SubstanceFile {
    name: String,
    synonyms: Vec<String>,
    cas: Option<String>,
    formula: Option<String>,
    groups: Vec<String>,
    #[serde(default)]
    hazards: Vec<String>,
    unverified: Vec<String>,
    #[serde(default)]
    notes: Vec<String>,
    #[serde(default)]
    facts_from: Vec<String>,
    #[serde(default)]
    control: Control,
    #[serde(default)]
    related: Vec<RelatedForm>,
    #[serde(default)]
    reference: Vec<ReferenceTable>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct ReferenceTable {
    #[serde(default)]
    form: String,
    cas: Option<String>,
    tier: Tier,
    technique: Technique,
    laser_nm: Option<f64>,
    range_cm1: [f64; 2],
    source: String,
    source_item: Option<String>,
    #[serde(default)]
    usual_widths: bool,
    #[serde(default)]
    usual_heights: bool,
    bands: String,
}

/// Reads one TOML document of a library.
pub(super) fn read<T: DeserializeOwned>(file: &str, text: &str) -> Result<T, LibraryError> {
    if text.len() > MAX_FILE_BYTES {
        return Err(LibraryError::TooLarge { file: file.to_owned(), bytes: text.len(), most: MAX_FILE_BYTES });
    }
    toml::from_str(text).map_err(|e| LibraryError::Syntax {
        file: file.to_owned(),
        detail: e.to_string().split_whitespace().collect::<Vec<_>>().join(" "),
    })
}

/// Reads one substance. What depends on other files (groups, sources, its own index) is filled in by
/// [`super::Library::from_parts`].
pub(super) fn read_substance(file: &str, text: &str) -> Result<(Substance, Vec<Reference>), LibraryError> {
    let key = file.strip_suffix(".toml").unwrap_or(file);
    let parsed: SubstanceFile = read(file, text)?;
    if parsed.reference.len() > MAX_REFERENCES {
        return Err(LibraryError::rule(file, format!("it has more than {MAX_REFERENCES} references")));
    }
    let mut references = Vec::with_capacity(parsed.reference.len());
    for (i, table) in parsed.reference.into_iter().enumerate() {
        references.push(Reference {
            substance: 0,
            form: table.form,
            tier: table.tier,
            technique: table.technique,
            laser_nm: table.laser_nm,
            range_cm1: (table.range_cm1[0], table.range_cm1[1]),
            source: table.source,
            bands: read_bands(file, i + 1, &table.bands)?,
            usual_widths: table.usual_widths,
            usual_heights: table.usual_heights,
            cas: table.cas,
            licence: String::new(),
            own_resolution_cm1: 0.0,
            source_item: table.source_item,
            provenance: None,
            measured: None,
        });
    }
    let substance = Substance {
        key: key.to_owned(),
        name: parsed.name,
        synonyms: parsed.synonyms,
        cas: parsed.cas,
        related_cas: parsed.related.iter().map(|r| r.cas.clone()).collect(),
        formula: parsed.formula,
        groups: parsed.groups,
        alarms: false,
        listed: false,
        unverified: !parsed.unverified.is_empty(),
        unverified_facts: parsed.unverified,
        hazards: parsed.hazards,
        notes: parsed.notes,
        facts_from: parsed.facts_from,
        related: parsed.related,
        control: parsed.control,
    };
    Ok((substance, references))
}

/// Four numbers a line: position, height, full width at half maximum, Lorentzian share.
fn read_bands(file: &str, reference: usize, text: &str) -> Result<Vec<Band>, LibraryError> {
    let mut bands = Vec::new();
    for (i, line) in text.lines().enumerate().filter(|(_, l)| !l.trim().is_empty()) {
        let refuse = || LibraryError::BandLine {
            file: file.to_owned(),
            reference,
            line: i + 1,
            text: line.trim().chars().take(60).collect(),
        };
        let mut numbers = line.split_ascii_whitespace().map(str::parse::<f64>);
        let mut next = || numbers.next().and_then(Result::ok).ok_or_else(refuse);
        let band = Band { position_cm1: next()?, height: next()?, fwhm_cm1: next()?, lorentz_fraction: next()? };
        if numbers.next().is_some() {
            return Err(refuse());
        }
        if bands.len() == MAX_BANDS {
            return Err(LibraryError::rule(file, format!("reference {reference} has more than {MAX_BANDS} bands")));
        }
        bands.push(band);
    }
    Ok(bands)
}
