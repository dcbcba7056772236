//! Building a library from its parts: rules are checked, derived fields filled in, the digest taken.

use std::collections::{BTreeMap, BTreeSet};

use sha2::{Digest, Sha256};

use super::cas::is_valid_cas;
use super::error::LibraryError;
use super::file::{self, GroupsFile, LibraryFile, MAX_BANDS, SourcesFile};
use super::formula::Formula;
use super::model::{Group, KNOWN_LICENCES, Library, LibraryIdentity, Reference, Source, Substance};

/// Longest fact in words of a control status, bytes.
const WORDS_MAX: usize = 500;

/// The texts of a library as they lie in `spectra-library/`.
#[derive(Clone, Copy, Debug)]
pub struct LibraryTexts<'a> {
    /// `library.toml`.
    pub library: &'a str,
    /// `groups.toml`.
    pub groups: &'a str,
    /// `sources.toml`.
    pub sources: &'a str,
    /// File name and text of each substance.
    pub substances: &'a [(&'a str, &'a str)],
}

impl Library {
    /// Reads a library from its texts.
    pub fn from_texts(texts: &LibraryTexts<'_>) -> Result<Self, LibraryError> {
        let LibraryFile { name, version } = file::read("library.toml", texts.library)?;
        let GroupsFile { group } = file::read("groups.toml", texts.groups)?;
        let SourcesFile { source } = file::read("sources.toml", texts.sources)?;
        let mut substances = Vec::with_capacity(texts.substances.len());
        let mut references = Vec::new();
        for (index, (file, text)) in texts.substances.iter().enumerate() {
            let (substance, own) = file::read_substance(file, text)?;
            substances.push(substance);
            references.extend(own.into_iter().map(|r| Reference { substance: index, ..r }));
        }
        Self::from_parts(&name, &version, group, source, substances, references)
    }

    /// Builds a library from parts, checks every rule of the format, fills in the derived fields (`alarms`, `listed`,
    /// `licence`, `own_resolution_cm1`) and takes the digest. Substances may come in any order.
    pub fn from_parts(
        name: &str,
        version: &str,
        groups: Vec<Group>,
        mut sources: Vec<Source>,
        mut substances: Vec<Substance>,
        mut references: Vec<Reference>,
    ) -> Result<Self, LibraryError> {
        check_groups(&groups)?;
        sources.sort_by(|a, b| a.key.cmp(&b.key));
        check_sources(&sources)?;
        for substance in &mut substances {
            check_substance(substance)?;
            derive_groups(substance, &groups)?;
        }
        check_numbers_unique(&substances)?;
        for reference in &mut references {
            let substance = substances.get(reference.substance).ok_or_else(|| {
                LibraryError::rule(
                    "(parts)",
                    format!("a reference names substance {}, which is not there", reference.substance),
                )
            })?;
            let file = format!("{}.toml", substance.key);
            let source = sources
                .binary_search_by(|s| s.key.cmp(&reference.source))
                .ok()
                .and_then(|at| sources.get(at))
                .ok_or_else(|| {
                    LibraryError::rule(&file, format!("the source `{}` is not in sources.toml", reference.source))
                })?;
            if !source.ship {
                return Err(LibraryError::rule(&file, format!("the terms of source `{}` do not allow it", source.key)));
            }
            check_reference(reference, substance, &file)?;
            reference.licence.clone_from(&source.licence);
            reference.own_resolution_cm1 = source.resolution_cm1;
        }
        sort(&mut substances, &mut references);
        let identity = LibraryIdentity { name: name.to_owned(), version: version.to_owned(), sha256: String::new() };
        let mut library = Self { identity, groups, substances, references, sources };
        library.identity.sha256 = library.digest();
        Ok(library)
    }

    /// The same content under another name and version, with its own digest.
    #[must_use]
    pub fn renamed(mut self, name: &str, version: &str) -> Self {
        name.clone_into(&mut self.identity.name);
        version.clone_into(&mut self.identity.version);
        self.identity.sha256 = self.digest();
        self
    }

    /// SHA-256, lower-case hex, over the canonical content: one JSON line for each of name and version, groups,
    /// sources, substances and references, in the library's order, floats in their shortest exact form; then the measured
    /// arrays, each after the number of its reference. Comments and blanks in the files do not count. The bundled library
    /// and the content of a pack take this one way.
    fn digest(&self) -> String {
        let mut hash = Sha256::new();
        let parts = [
            serde_json::to_vec(&(&self.identity.name, &self.identity.version)),
            serde_json::to_vec(&self.groups),
            serde_json::to_vec(&self.sources),
            serde_json::to_vec(&self.substances),
            serde_json::to_vec(&self.references),
        ];
        // Plain structs with text keys always serialise; a part that did not would have no content to vouch for.
        for part in parts.into_iter().flatten() {
            hash.update(&part);
            hash.update(b"\n");
        }
        for (number, measured) in
            self.references.iter().enumerate().filter_map(|(i, r)| Some((i, r.measured.as_ref()?)))
        {
            hash.update((number as u64).to_le_bytes());
            measured.update(&mut hash);
        }
        hex(&hash.finalize())
    }
}

impl Reference {
    /// SHA-256, lower-case hex, over the reference with its array: what an approval is about. Where its substance lies in
    /// the library does not count.
    pub fn digest(&self) -> String {
        let mut hash = Sha256::new();
        hash.update(serde_json::to_vec(&Self { substance: 0, ..self.clone() }).unwrap_or_default());
        if let Some(measured) = &self.measured {
            measured.update(&mut hash);
        }
        hex(&hash.finalize())
    }
}

/// Lower-case hexadecimal digits.
pub(super) fn hex(bytes: &[u8]) -> String {
    let mut text = String::with_capacity(2 * bytes.len());
    for nibble in bytes.iter().flat_map(|b| [b >> 4, b & 15]) {
        text.extend(char::from_digit(u32::from(nibble), 16));
    }
    text
}

/// Ascending keys; references follow their substances, in their own order.
fn sort(substances: &mut [Substance], references: &mut [Reference]) {
    let mut order: Vec<usize> = (0..substances.len()).collect();
    order.sort_by(|a, b| substances[*a].key.cmp(&substances[*b].key));
    let mut place = vec![0; order.len()];
    for (new, old) in order.iter().enumerate() {
        place[*old] = new;
    }
    for reference in references.iter_mut() {
        reference.substance = place[reference.substance];
    }
    substances.sort_by(|a, b| a.key.cmp(&b.key));
    references.sort_by_key(|r| r.substance);
}

fn is_key(text: &str) -> bool {
    !text.is_empty()
        && text.len() <= 100
        && !text.starts_with('-')
        && !text.ends_with('-')
        && text.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-')
}

fn check_groups(groups: &[Group]) -> Result<(), LibraryError> {
    let mut seen = BTreeSet::new();
    for group in groups {
        if !is_key(&group.key) || !seen.insert(&group.key) {
            let rule = format!("the group key `{}` is there twice or is not lower-case words with hyphens", group.key);
            return Err(LibraryError::rule("groups.toml", rule));
        }
        if group.title.trim().is_empty() {
            return Err(LibraryError::rule("groups.toml", format!("group `{}` has no title", group.key)));
        }
        if group.alarms && !group.listed {
            let rule = format!("group `{}` alarms without being listed", group.key);
            return Err(LibraryError::rule("groups.toml", rule));
        }
    }
    Ok(())
}

fn check_sources(sources: &[Source]) -> Result<(), LibraryError> {
    let refuse = |rule: String| Err(LibraryError::rule("sources.toml", rule));
    for pair in sources.windows(2) {
        if let [a, b] = pair
            && a.key == b.key
        {
            return refuse(format!("the source `{}` is there twice", a.key));
        }
    }
    for source in sources {
        if !KNOWN_LICENCES.contains(&source.licence.as_str()) {
            return refuse(format!(
                "the licence `{}` of source `{}` is none of {}",
                source.licence,
                source.key,
                KNOWN_LICENCES.join(", ")
            ));
        }
        if source.licence == "MIT" && source.notice.is_none() {
            return refuse(format!("source `{}` is under MIT but names no notice file", source.key));
        }
        if source.citation.trim().is_empty() {
            return refuse(format!("source `{}` has no citation", source.key));
        }
        if !(0.0..=100.0).contains(&source.resolution_cm1) {
            return refuse(format!("source `{}` has a resolution outside 0 to 100 cm-1", source.key));
        }
    }
    Ok(())
}

fn check_substance(substance: &mut Substance) -> Result<(), LibraryError> {
    let file = format!("{}.toml", substance.key);
    if !is_key(&substance.key) {
        return Err(LibraryError::rule(&file, "the file name is not lower-case words with hyphens"));
    }
    if substance.name.trim().is_empty() {
        return Err(LibraryError::rule(&file, "it has no name"));
    }
    if substance.groups.is_empty() {
        return Err(LibraryError::rule(&file, "it belongs to no group"));
    }
    for cas in substance.cas.iter().chain(&substance.related_cas) {
        if !is_valid_cas(cas) {
            return Err(LibraryError::rule(
                &file,
                format!("`{cas}` is not a CAS number: the check digit does not fit"),
            ));
        }
    }
    for formula in substance.formula.iter().chain(substance.related.iter().filter_map(|r| r.formula.as_ref())) {
        Formula::parse(formula).map_err(|source| LibraryError::Formula {
            file: file.clone(),
            formula: formula.clone(),
            source,
        })?;
    }
    check_control(substance, &file)?;
    substance.unverified = !substance.unverified_facts.is_empty();
    Ok(())
}

/// One status a jurisdiction, each in words on one line. What has no source stands among the unverified facts, what has one
/// does not.
fn check_control(substance: &mut Substance, file: &str) -> Result<(), LibraryError> {
    let mut seen = BTreeSet::new();
    for status in &substance.control.statuses {
        let words = [Some(&status.jurisdiction), Some(&status.status), status.source.as_ref()];
        let plain = |w: &String| !w.trim().is_empty() && w.len() <= WORDS_MAX && !w.chars().any(char::is_control);
        if !words.into_iter().flatten().all(plain) {
            let rule =
                format!("a control status needs jurisdiction, status and source of 1 to {WORDS_MAX} bytes on one line");
            return Err(LibraryError::rule(file, rule));
        }
        if !seen.insert(status.jurisdiction.to_lowercase()) {
            return Err(LibraryError::rule(file, format!("it has two control statuses for {}", status.jurisdiction)));
        }
        let name = status.unverified_name();
        match (&status.source, substance.unverified_facts.contains(&name)) {
            (None, false) => substance.unverified_facts.push(name),
            (Some(_), true) => substance.unverified_facts.retain(|f| *f != name),
            _ => {}
        }
    }
    Ok(())
}

fn derive_groups(substance: &mut Substance, groups: &[Group]) -> Result<(), LibraryError> {
    let file = format!("{}.toml", substance.key);
    (substance.alarms, substance.listed) = (false, false);
    for key in &substance.groups {
        let group = groups
            .iter()
            .find(|g| g.key == *key)
            .ok_or_else(|| LibraryError::rule(&file, format!("the group `{key}` is not in groups.toml")))?;
        substance.alarms |= group.alarms;
        substance.listed |= group.listed;
    }
    Ok(())
}

fn check_numbers_unique(substances: &[Substance]) -> Result<(), LibraryError> {
    let mut keys = BTreeSet::new();
    let mut numbers: BTreeMap<&str, &str> = BTreeMap::new();
    let mut names: BTreeMap<String, &str> = BTreeMap::new();
    for substance in substances {
        let file = format!("{}.toml", substance.key);
        if !keys.insert(substance.key.as_str()) {
            return Err(LibraryError::rule(&file, "there are two substances with this key"));
        }
        for cas in substance.cas.iter().chain(&substance.related_cas) {
            if let Some(other) = numbers.insert(cas, &substance.key) {
                return Err(LibraryError::rule(&file, format!("its CAS number {cas} is also in {other}.toml")));
            }
        }
        for name in [&substance.name].into_iter().chain(&substance.synonyms) {
            match names.insert(name.to_lowercase(), &substance.key) {
                Some(other) if other != substance.key => {
                    return Err(LibraryError::rule(&file, format!("its name `{name}` is also in {other}.toml")));
                }
                _ => {}
            }
        }
    }
    Ok(())
}

fn check_reference(reference: &Reference, substance: &Substance, file: &str) -> Result<(), LibraryError> {
    let refuse = |rule: String| Err(LibraryError::rule(file, rule));
    if let Some(cas) = &reference.cas
        && !substance.has_cas(cas)
    {
        return refuse(format!("a reference has the CAS number {cas}, which is none of the substance's"));
    }
    if let Some(laser) = reference.laser_nm
        && !(180.0..=2500.0).contains(&laser)
    {
        return refuse(format!("a laser of {laser} nm is not possible"));
    }
    let (from, to) = reference.range_cm1;
    if !(from.is_finite() && to.is_finite() && 0.0 <= from && from < to && to <= 12_500.0) {
        return refuse(format!("the range {from} to {to} cm-1 is not ascending within 0 to 12500"));
    }
    if reference.bands.is_empty() {
        return refuse("a reference has no bands".to_owned());
    }
    if reference.bands.len() > MAX_BANDS {
        return refuse(format!("a reference has more than {MAX_BANDS} bands"));
    }
    if reference.measured.as_ref().is_some_and(|m| m.spectrum().technique() != reference.technique) {
        return refuse("a measured array is of another technique than its reference".to_owned());
    }
    let mut last = f64::NEG_INFINITY;
    let mut highest = 0.0_f64;
    for band in &reference.bands {
        let at = band.position_cm1;
        if !(0.5..=500.0).contains(&band.fwhm_cm1) {
            return refuse(format!("the band at {at} cm-1 has a width outside 0.5 to 500 cm-1"));
        }
        // A band centred just outside still reaches into the range with its flank.
        if !(from - band.fwhm_cm1..=to + band.fwhm_cm1).contains(&at) {
            return refuse(format!("the band at {at} cm-1 lies outside the range of its reference"));
        }
        if at < last {
            return refuse(format!("the band at {at} cm-1 is not in ascending order"));
        }
        if !(band.height > 0.0 && band.height <= 1.0) {
            return refuse(format!("the band at {at} cm-1 has a height outside 0 to 1"));
        }
        if !(0.0..=1.0).contains(&band.lorentz_fraction) {
            return refuse(format!("the band at {at} cm-1 has a Lorentzian share outside 0 to 1"));
        }
        last = at;
        highest = highest.max(band.height);
    }
    if highest != 1.0 {
        return refuse(format!("the strongest band of a reference has height {highest} instead of 1"));
    }
    Ok(())
}
