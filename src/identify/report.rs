//! Findings in the words of the [`Answer`](super::Answer).

use crate::library::{Library, Reference, Substance};
use crate::signal::{Prepared, WEAKEST_SNR};

use super::answer::{
    Candidate, ClassEvidence, Component, Identified, QualityReport, ReferenceNote, Residual, Strength,
};
use super::candidates::Contender;
use super::index::Index;
use super::mixture::{Mixture, Part};
use super::tops::tops;

/// Unexplained bands that are listed.
const UNEXPLAINED_LISTED: usize = 5;
/// Least height of an unexplained band, of the strongest band.
const UNEXPLAINED_HEIGHT: f64 = 0.05;
/// What is said where the reference does not state its form.
const FORM_UNKNOWN: &str = "form not determined";

pub(super) fn quality(query: &Prepared) -> QualityReport {
    let quality = query.quality();
    QualityReport {
        snr: quality.snr,
        saturated: quality.saturated_points > 0,
        fluorescence: quality.fluorescence,
        range_cm1: quality.range_cm1,
        problems: quality.problems(),
    }
}

pub(super) fn candidate(contender: &Contender<'_>, probability: Option<f64>) -> Candidate {
    Candidate {
        substance: contender.substance.name.clone(),
        cas: contender.substance.cas.clone(),
        groups: contender.substance.groups.clone(),
        probability,
        score: contender.hit.score,
        explained: contender.evidence.explained,
        missing_bands: contender.evidence.missing.clone(),
        shift_cm1: contender.hit.shift_cm1,
        reference: note(contender.reference),
    }
}

pub(super) fn named(contender: &Contender<'_>, others: &[&Contender<'_>]) -> Identified {
    let form = if contender.other_forms_fit { "" } else { contender.reference.form.as_str() };
    Identified {
        substance: contender.substance.name.clone(),
        cas: contender.substance.cas.clone(),
        form: if form.is_empty() { FORM_UNKNOWN.to_owned() } else { form.to_owned() },
        strength: Strength::Identified,
        groups: contender.substance.groups.clone(),
        alternatives: others.iter().map(|c| c.substance.name.clone()).collect(),
    }
}

pub(super) fn possible(contender: &Contender<'_>, relatives: &[&Contender<'_>]) -> Identified {
    Identified {
        substance: contender.substance.name.clone(),
        cas: contender.substance.cas.clone(),
        form: FORM_UNKNOWN.to_owned(),
        strength: Strength::Possible,
        groups: contender.substance.groups.clone(),
        alternatives: relatives.iter().map(|c| c.substance.name.clone()).collect(),
    }
}

/// A member of an alarming class that fits, but not surely enough to be the one.
pub(super) fn of_class(contender: &Contender<'_>) -> Identified {
    Identified { strength: Strength::Class, form: FORM_UNKNOWN.to_owned(), ..named(contender, &[]) }
}

/// The class of a possible substance, with the bands that speak for it and those that should be there and are not.
pub(super) fn class(contender: &Contender<'_>, alarming_group: Option<&str>) -> Vec<ClassEvidence> {
    alarming_group
        .map(|group| ClassEvidence {
            class: group.to_owned(),
            probability: None,
            bands_found: contender.evidence.matched.clone(),
            bands_missing: contender.evidence.missing.clone(),
        })
        .into_iter()
        .collect()
}

pub(super) fn component(part: &Part, index: &Index, library: &Library) -> Option<Component> {
    let reference = library.references.get(index.get(part.entry)?.reference)?;
    let substance = library.substances.get(part.substance)?;
    Some(Component {
        substance: substance.name.clone(),
        cas: substance.cas.clone(),
        groups: substance.groups.clone(),
        spectral_share: part.share,
        share_interval: Some(part.interval),
        p_value: Some(part.p_value),
        alternatives: names(&part.alternatives, library),
        reference: note(reference),
    })
}

fn names(substances: &[usize], library: &Library) -> Vec<String> {
    substances.iter().filter_map(|i| library.substances.get(*i)).map(|s| s.name.clone()).collect()
}

/// A component of a mixture that carries a name.
pub(super) fn proven(part: &Part, index: &Index, library: &Library) -> Option<Identified> {
    let reference = library.references.get(index.get(part.entry)?.reference)?;
    let substance = library.substances.get(part.substance)?;
    Some(Identified {
        substance: substance.name.clone(),
        cas: substance.cas.clone(),
        form: if reference.form.is_empty() { FORM_UNKNOWN.to_owned() } else { reference.form.clone() },
        strength: Strength::Identified,
        groups: substance.groups.clone(),
        alternatives: names(&part.alternatives, library),
    })
}

/// Alarming substances that stand out of what the others leave, clearest first, none proven: one line with the rest as
/// its alternatives.
pub(super) fn present<'a>(mut substances: impl Iterator<Item = &'a &'a Substance>) -> Option<Identified> {
    let substance = substances.next()?;
    Some(Identified {
        substance: substance.name.clone(),
        cas: substance.cas.clone(),
        form: FORM_UNKNOWN.to_owned(),
        strength: Strength::Possible,
        groups: substance.groups.clone(),
        alternatives: substances.map(|s| s.name.clone()).collect(),
    })
}

pub(super) fn residual(query: &Prepared, mixture: &Mixture) -> Residual {
    let grid = query.grid();
    let noise = |x: f64| {
        let i = grid.nearest(x).saturating_sub(query.first());
        query.noise_sd().get(i).copied().unwrap_or(0.0)
    };
    let mut found = tops(&mixture.surplus, grid.at(mixture.window.start), grid.step_cm1());
    found.retain(|t| t.prominence >= UNEXPLAINED_HEIGHT.max(WEAKEST_SNR * noise(t.at_cm1)));
    found.sort_by(|a, b| b.prominence.total_cmp(&a.prominence).then(a.at_cm1.total_cmp(&b.at_cm1)));
    Residual {
        unexplained: mixture.unexplained,
        strongest_unexplained_cm1: found.iter().take(UNEXPLAINED_LISTED).map(|t| t.at_cm1).collect(),
    }
}

fn note(reference: &Reference) -> ReferenceNote {
    ReferenceNote { tier: reference.tier, source: reference.source.clone(), item: reference.source_item.clone() }
}
