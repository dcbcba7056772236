//! The engine: one spectrum in, one answer out. Deterministic: no clock, no randomness, no threads.

use std::collections::BTreeSet;
use std::sync::Arc;

use thiserror::Error;

use crate::library::{Library, Reference, Substance, Tier};
use crate::signal::{GRID_STEP_CM1, Prepared, prepare};
use crate::spectrum::{Spectrum, Technique};

use super::Verdict;
use super::answer::{Answer, Candidate, Component, Identified, QualityReport, ReferenceNote, Residual, Strength};
use super::decide::{Found, IDENTIFIED, INDISTINGUISHABLE, POSSIBLE, quality_verdict, verdict};
use super::evidence::{Evidence, QueryBands};
use super::limits::{coverage, detection_limits};
use super::mixture::{self, Mixture};
use super::search::{Match, rank};

/// Name and version of the engine, kept in every record.
pub const ENGINE: &str = "parcelscope-first-matcher 1";
/// Candidates that are reported.
const REPORTED: usize = 10;
/// Ranks that may enter the mixture.
const MIXTURE_POOL: usize = 30;
/// Bands are the same when they lie this close after the shift, cm-1.
const TOLERANCE_CM1: f64 = 6.0;
/// The same for computed references, whose positions are off by 7 cm-1 on average.
const TOLERANCE_COMPUTED_CM1: f64 = 12.0;

/// Identifies spectra against one library.
#[derive(Clone, Debug)]
pub struct Engine {
    library: Arc<Library>,
}

/// The best reference of one substance, with its evidence.
struct Best<'a> {
    rank: usize,
    hit: &'a Match,
    reference: &'a Reference,
    substance: &'a Substance,
    evidence: Evidence,
}

impl Engine {
    /// An engine on `library`.
    pub const fn new(library: Arc<Library>) -> Self {
        Self { library }
    }

    /// The library that is asked.
    pub const fn library(&self) -> &Arc<Library> {
        &self.library
    }

    /// Conditions a spectrum and says what it is. There is always an answer: a spectrum that cannot be compared is
    /// *inconclusive*, with the reason. [`Answer::simulated`] is false: whoever knows better sets it.
    pub fn identify(&self, spectrum: &Spectrum) -> Answer {
        match prepare(spectrum) {
            Ok(query) => self.identify_prepared(&query),
            Err(why) => self.refusal(spectrum.technique(), spectrum.range_cm1(), "wrong-range", &why),
        }
    }

    /// The same for a spectrum that was conditioned before.
    pub fn identify_prepared(&self, query: &Prepared) -> Answer {
        let library = self.library.as_ref();
        let matches = rank(library, query);
        let last_cm1 = query.first_cm1() + query.signal().len().saturating_sub(1) as f64 * GRID_STEP_CM1;
        if matches.is_empty() {
            let why = NoReferences { library: &library.identity.name, technique: query.technique() };
            return self.refusal(query.technique(), (query.first_cm1(), last_cm1), "no-references", &why);
        }
        let bands = QueryBands::new(query);
        let best = best_of_each_substance(library, query, &bands, &matches);
        let refused = quality_verdict(query.quality());
        let mixture = match refused {
            Some(_) => Mixture { parts: Vec::new(), residual: query.signal().to_vec(), unexplained: 1.0 },
            None => mixture::fit(query.signal(), &matches, &eligible(&best, &matches)),
        };
        let components: Vec<&[f64]> =
            mixture.parts.iter().filter_map(|p| matches.get(p.rank)).map(|m| m.curve.as_slice()).collect();
        let area = query.signal().iter().map(|v| v.max(0.0)).sum();
        let limits = detection_limits(library, query.technique(), &matches, &components, &mixture.residual, area);
        let coverage = coverage(library, query.technique());

        let named = if refused.is_some() { None } else { named(&best) };
        let possible = if refused.is_some() { None } else { possible(&best, named.as_ref()) };
        let found = Found {
            identified: named.as_ref().map(|n| (n.best.substance, n.alternatives.clone())),
            possible: possible.map(|b| b.substance),
            unexplained: mixture.unexplained,
        };
        let (verdict, problems) = match refused {
            Some((verdict, problem)) => (verdict, vec![problem]),
            None => (verdict(&found, &limits, &coverage), Vec::new()),
        };
        let quality = query.quality();
        Answer {
            technique: query.technique(),
            simulated: false,
            verdict,
            quality: QualityReport {
                snr: quality.snr,
                saturated: quality.saturated,
                fluorescence: quality.fluorescence,
                range_cm1: (query.first_cm1(), last_cm1),
                problems,
            },
            identified: named.iter().map(Named::report).chain(possible.map(report_possible)).collect(),
            coverage,
            candidates: best.iter().take(REPORTED).map(report_candidate).collect(),
            mixture: mixture.parts.iter().filter_map(|p| report_component(library, &matches, p)).collect(),
            class_evidence: Vec::new(),
            detection_limits: limits,
            residual: residual(query, &mixture),
            library: library.identity.clone(),
            engine: ENGINE.to_owned(),
        }
    }

    /// The answer to a spectrum that cannot be compared with anything.
    fn refusal(&self, technique: Technique, range_cm1: (f64, f64), rule: &str, why: &dyn std::fmt::Display) -> Answer {
        let headline = "Not compared with the library".to_owned();
        let why = why.to_string();
        Answer {
            technique,
            simulated: false,
            verdict: Verdict::inconclusive(rule, headline, sentence(&why)),
            quality: QualityReport {
                snr: 0.0,
                saturated: false,
                fluorescence: 0.0,
                range_cm1,
                problems: vec![sentence(&why)],
            },
            identified: Vec::new(),
            coverage: coverage(&self.library, technique),
            candidates: Vec::new(),
            mixture: Vec::new(),
            class_evidence: Vec::new(),
            detection_limits: Vec::new(),
            residual: Residual { unexplained: 1.0, strongest_unexplained_cm1: Vec::new() },
            library: self.library.identity.clone(),
            engine: ENGINE.to_owned(),
        }
    }
}

/// The library has nothing for this technique.
#[derive(Debug, Error)]
#[error(
    "the library {library} has no references for the technique {technique}; use a library that has, or measure with another technique"
)]
struct NoReferences<'a> {
    library: &'a str,
    technique: Technique,
}

/// The same words as a sentence: capital first, full stop last.
fn sentence(words: &str) -> String {
    let mut letters = words.chars();
    let first = letters.next().map(|c| c.to_uppercase().to_string()).unwrap_or_default();
    format!("{first}{}.", letters.as_str())
}

/// The substance that the program stands by.
struct Named<'a> {
    best: &'a Best<'a>,
    alternatives: Vec<&'a Substance>,
}

impl Named<'_> {
    fn report(&self) -> Identified {
        let substance = self.best.substance;
        let form = &self.best.reference.form;
        Identified {
            substance: substance.name.clone(),
            cas: substance.cas.clone(),
            form: if form.is_empty() { "form not determined".to_owned() } else { form.clone() },
            strength: Strength::Identified,
            groups: substance.groups.clone(),
            alternatives: self.alternatives.iter().map(|s| s.name.clone()).collect(),
        }
    }
}

fn report_possible(best: &Best<'_>) -> Identified {
    Identified {
        substance: best.substance.name.clone(),
        cas: best.substance.cas.clone(),
        form: "form not determined".to_owned(),
        strength: Strength::Possible,
        groups: best.substance.groups.clone(),
        alternatives: Vec::new(),
    }
}

/// One entry a substance, best first: the best reference that may identify, else the best of the others.
fn best_of_each_substance<'a>(
    library: &'a Library,
    query: &Prepared,
    bands: &QueryBands,
    matches: &'a [Match],
) -> Vec<Best<'a>> {
    let axis = query.axis_cm1();
    let mut seen = BTreeSet::new();
    let mut best = Vec::new();
    for (rank, hit) in matches.iter().enumerate() {
        let Some(reference) = library.references.get(hit.reference) else { continue };
        let Some(substance) = library.substance_of(reference) else { continue };
        if !seen.insert(reference.substance) {
            continue;
        }
        let tolerance = if reference.tier == Tier::Computed { TOLERANCE_COMPUTED_CM1 } else { TOLERANCE_CM1 };
        let from = axis.partition_point(|x| *x < reference.range_cm1.0);
        let to = axis.partition_point(|x| *x <= reference.range_cm1.1).saturating_sub(1);
        let evidence = bands.weigh(&hit.curve, (from, to), tolerance);
        best.push(Best { rank, hit, reference, substance, evidence });
    }
    best
}

/// The best substance, if it meets the threshold by a reference that may identify.
fn named<'a>(best: &'a [Best<'a>]) -> Option<Named<'a>> {
    let first = best.iter().find(|b| b.reference.can_support_identification())?;
    if !IDENTIFIED.is_met(first.hit.score, &first.evidence) {
        return None;
    }
    let alternatives = best
        .iter()
        .filter(|b| b.rank != first.rank && b.hit.score >= first.hit.score - INDISTINGUISHABLE)
        .map(|b| b.substance)
        .collect();
    Some(Named { best: first, alternatives })
}

/// An alarming substance that is the best of all, by a reference that may not identify.
fn possible<'a>(best: &'a [Best<'a>], named: Option<&Named<'_>>) -> Option<&'a Best<'a>> {
    let first = best.first()?;
    (named.is_none() && first.substance.alarms && POSSIBLE.is_met(first.hit.score, &first.evidence)).then_some(first)
}

/// Ranks that may enter the mixture: the best reference of each of the leading substances.
fn eligible(best: &[Best<'_>], matches: &[Match]) -> Vec<usize> {
    best.iter()
        .filter(|b| b.rank < matches.len() && b.reference.bands.len() >= 3)
        .take(MIXTURE_POOL)
        .map(|b| b.rank)
        .collect()
}

fn note(reference: &Reference) -> ReferenceNote {
    ReferenceNote { tier: reference.tier, source: reference.source.clone() }
}

fn report_candidate(best: &Best<'_>) -> Candidate {
    Candidate {
        substance: best.substance.name.clone(),
        cas: best.substance.cas.clone(),
        groups: best.substance.groups.clone(),
        probability: None,
        score: best.hit.score,
        explained: best.evidence.explained,
        missing_bands: best.evidence.missing_cm1.clone(),
        shift_cm1: best.hit.shift_cm1,
        reference: note(best.reference),
    }
}

fn report_component(library: &Library, matches: &[Match], part: &mixture::Part) -> Option<Component> {
    let reference = library.references.get(matches.get(part.rank)?.reference)?;
    let substance = library.substance_of(reference)?;
    Some(Component {
        substance: substance.name.clone(),
        cas: substance.cas.clone(),
        groups: substance.groups.clone(),
        spectral_share: part.share,
        share_interval: None,
        p_value: None,
        reference: note(reference),
    })
}

fn residual(query: &Prepared, mixture: &Mixture) -> Residual {
    let strongest = query.signal().iter().copied().fold(0.0, f64::max);
    let mut peaks = super::evidence::peaks(&crate::signal::gaussian(&mixture.residual, 1.0), strongest * 0.05);
    peaks.sort_by(|a, b| b.prominence.total_cmp(&a.prominence).then(a.index.cmp(&b.index)));
    Residual {
        unexplained: mixture.unexplained,
        strongest_unexplained_cm1: peaks
            .iter()
            .take(5)
            .map(|p| query.first_cm1() + p.index as f64 * GRID_STEP_CM1)
            .collect(),
    }
}
