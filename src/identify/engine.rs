//! The engine: one spectrum in, one answer out. Deterministic: no clock, no randomness, no threads.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

use crate::library::{Library, Substance};
use crate::signal::{Prepared, prepare};
use crate::spectrum::{Spectrum, Technique};

use super::Verdict;
use super::advice::UNKNOWN;
use super::answer::{Answer, Residual};
use super::candidates::{self, Contender};
use super::decide::{Found, Possible, quality_verdict, verdict};
use super::evidence::QueryBands;
use super::index::Index;
use super::limits::{coverage, detection_limits};
use super::mixture::{self, Mixture};
use super::report;
use super::search::search;

/// Name and version of the engine, kept in every record.
pub const ENGINE: &str = "parcelscope-engine 1";
/// Candidates that are reported.
const REPORTED: usize = 10;
/// Fewest usable grid points that can be compared (400 cm-1).
const MIN_POINTS: usize = 200;
/// A mixture is offered as an explanation when it leaves at most this share of the signal's area.
const BLEND_LEAVES: f64 = 0.25;

/// References ready to be compared, by technique and match resolution.
type Indexes = BTreeMap<(Technique, usize), Arc<Index>>;

/// Identifies spectra against one library. Clones share the prepared references.
#[derive(Clone, Debug)]
pub struct Engine {
    library: Arc<Library>,
    indexes: Arc<Mutex<Indexes>>,
}

impl Engine {
    /// An engine on `library`. References are synthesised when a resolution is first asked for, and kept.
    pub fn new(library: Arc<Library>) -> Self {
        Self { library, indexes: Arc::default() }
    }

    /// The library that is asked.
    pub const fn library(&self) -> &Arc<Library> {
        &self.library
    }

    /// Conditions a spectrum and says what it is. There is always an answer: a spectrum that cannot be compared is
    /// *inconclusive*, with the reason. [`Answer::simulated`] is false: whoever knows better sets it.
    pub fn identify(&self, spectrum: &Spectrum) -> Answer {
        self.identify_without(spectrum, &|_| false)
    }

    /// The same with every substance hidden for which `hidden` is true, for evaluation with the substance left out.
    pub fn identify_without(&self, spectrum: &Spectrum, hidden: &dyn Fn(&Substance) -> bool) -> Answer {
        let query = prepare(spectrum);
        let technique = query.technique();
        if query.usable().iter().filter(|ok| **ok).count() < MIN_POINTS && query.quality().saturated_points == 0 {
            let (lo, hi) = spectrum.range_cm1();
            let headline = format!("Not compared: {lo:.0} to {hi:.0} cm-1 is too little of the axis");
            let next = "Measure or export the whole range in cm-1.";
            return self.without_comparison(&query, Verdict::inconclusive("wrong-range", headline, next.to_owned()));
        }
        if let Some(refused) = quality_verdict(query.quality()) {
            return self.refused(&query, refused, hidden);
        }
        let index = self.index(technique, query.match_index());
        let bands = QueryBands::of(&query);
        let contenders = self.contenders(&query, &bands, &index, hidden);
        if contenders.is_empty() {
            let headline = format!("Not compared: the library has no reference for {technique} in this range");
            return self
                .without_comparison(&query, Verdict::inconclusive("no-references", headline, UNKNOWN.to_owned()));
        }
        self.answer(&query, &index, &contenders)
    }

    fn answer(&self, query: &Prepared, index: &Index, contenders: &[Contender<'_>]) -> Answer {
        let library = self.library.as_ref();
        let technique = query.technique();
        let named = candidates::named(contenders);
        let mixture = mixture::fit(query, contenders, named.is_some());
        let limits = self.limits(query, index, &mixture);
        let coverage = coverage(library, technique);

        let possible = if named.is_none() { candidates::possible(contenders) } else { None };
        let limit_of =
            |s: &Substance| limits.iter().find(|l| l.substance == s.name).and_then(|l| l.spectral_share).unwrap_or(1.0);
        let component_of = |part: &mixture::Part| contenders.get(part.contender);
        let listed_component = mixture
            .parts
            .iter()
            .filter_map(|p| component_of(p).map(|c| (p, c)))
            .find(|(p, c)| c.substance.alarms && c.is_measured() && p.share > limit_of(c.substance))
            .map(|(_, c)| c.substance);
        let blend = if named.is_none() && mixture.unexplained <= BLEND_LEAVES {
            mixture.parts.iter().filter_map(component_of).map(|c| c.substance).collect()
        } else {
            Vec::new()
        };
        let found = Found {
            named: named.as_ref().map(|(c, others)| (c.substance, others.iter().map(|o| o.substance).collect())),
            possible: possible.as_ref().map(|(c, relatives)| Possible {
                substance: c.substance,
                calculated: c.is_calculated(),
                relatives: relatives.iter().map(|r| r.substance).collect(),
            }),
            listed_component,
            blend,
        };
        let alarming_group = possible.as_ref().and_then(|(c, _)| {
            c.substance.groups.iter().find(|g| library.group(g).is_some_and(|g| g.alarms)).map(String::as_str)
        });
        Answer {
            technique,
            simulated: false,
            verdict: verdict(&found, &limits, &coverage),
            quality: report::quality(query),
            identified: named
                .iter()
                .map(|(c, others)| report::named(c, others))
                .chain(possible.iter().map(|(c, relatives)| report::possible(c, relatives)))
                .collect(),
            coverage,
            candidates: contenders.iter().take(REPORTED).map(report::candidate).collect(),
            mixture: mixture.parts.iter().filter_map(|p| report::component(p, contenders)).collect(),
            class_evidence: possible.iter().flat_map(|(c, _)| report::class(c, alarming_group)).collect(),
            detection_limits: limits,
            residual: report::residual(query, &mixture),
            library: library.identity.clone(),
            engine: ENGINE.to_owned(),
        }
    }

    /// A spectrum whose quality forbids a name still shows what comes nearest, asserting nothing.
    fn refused(&self, query: &Prepared, refused: Verdict, hidden: &dyn Fn(&Substance) -> bool) -> Answer {
        let mut answer = self.without_comparison(query, refused);
        if query.quality().is_empty_scan() {
            return answer;
        }
        let index = self.index(query.technique(), query.match_index());
        let contenders = self.contenders(query, &QueryBands::of(query), &index, hidden);
        answer.candidates = contenders.iter().take(REPORTED).map(report::candidate).collect();
        answer
    }

    fn without_comparison(&self, query: &Prepared, verdict: Verdict) -> Answer {
        Answer {
            technique: query.technique(),
            simulated: false,
            verdict,
            quality: report::quality(query),
            identified: Vec::new(),
            coverage: coverage(&self.library, query.technique()),
            candidates: Vec::new(),
            mixture: Vec::new(),
            class_evidence: Vec::new(),
            detection_limits: Vec::new(),
            residual: Residual { unexplained: 1.0, strongest_unexplained_cm1: Vec::new() },
            library: self.library.identity.clone(),
            engine: ENGINE.to_owned(),
        }
    }

    fn contenders<'a>(
        &'a self,
        query: &Prepared,
        bands: &QueryBands,
        index: &'a Index,
        hidden: &dyn Fn(&Substance) -> bool,
    ) -> Vec<Contender<'a>> {
        let skip = |substance: usize| self.library.substances.get(substance).is_none_or(hidden);
        let hits = search(query, index, &skip);
        candidates::contenders(&self.library, query, bands, index, &hits)
    }

    fn limits(&self, query: &Prepared, index: &Index, mixture: &Mixture) -> Vec<super::DetectionLimit> {
        let noise = query.noise_sd().iter().sum::<f64>() / query.noise_sd().len().max(1) as f64;
        let curve_of = |substance: usize| {
            let entry = index.entries.iter().find(|e| e.substance == substance && e.is_measured() && e.supports)?;
            Some(mixture.window.clone().map(|cell| entry.shape_at(cell as f64).unwrap_or(0.0)).collect::<Vec<f64>>())
        };
        let area = query.signal().iter().map(|v| v.max(0.0)).sum();
        detection_limits(&self.library, query.technique(), mixture, area, noise, &curve_of)
    }

    /// The references of a technique at a match resolution; synthesised at the first question.
    fn index(&self, technique: Technique, match_index: usize) -> Arc<Index> {
        let mut indexes = self.indexes.lock().unwrap_or_else(PoisonError::into_inner);
        Arc::clone(
            indexes
                .entry((technique, match_index))
                .or_insert_with(|| Arc::new(Index::build(&self.library, technique, match_index))),
        )
    }
}
