//! The engine: one spectrum in, one answer out. Deterministic: no clock, no randomness, no threads.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, PoisonError};

use crate::library::{Group, Library, Substance};
use crate::signal::{Prepared, prepare};
use crate::spectrum::{Spectrum, Technique};

use super::Verdict;
use super::advice::{NO_NIR_LIBRARY, UNKNOWN};
use super::answer::{Answer, Residual};
use super::candidates::{self, Contender};
use super::decide::{Found, Possible, ProvenPart, quality_verdict, verdict};
use super::evidence::QueryBands;
use super::index::{Head, Index};
use super::limits::{self, coverage, detection_limits, presences};
use super::mixture;
use super::probability::{Tolerance, features, log_odds, probabilities};
use super::probability_fit::CalibrationRow;
use super::report;
use super::saved_index::{self, SavedIndex, SavedIndexError};
use super::search::Ranking;

/// Name and version of the engine, kept in every record.
pub const ENGINE: &str = "parcelscope-engine 1";
/// Candidates that are reported.
const REPORTED: usize = 10;
/// Fewest usable grid points that can be compared (400 cm-1).
const MIN_POINTS: usize = 200;
/// A mixture is offered as an explanation when it leaves at most this share of the signal's area.
const BLEND_LEAVES: f64 = 0.25;

/// Similarity and shift (cm-1) from which the axis is suspected: portable units in order stay within 2 cm-1.
const OFF_AXIS: (f64, f64) = (0.75, 4.5);
/// What a reference so far off must show: bands in common, share explained, share of heights missing, scatter of the
/// positions around the common shift (cm-1).
const OFF_AXIS_EVIDENCE: (usize, f64, f64, f64) = (5, 0.93, 0.03, 1.5);
/// A reference in its place that explains this much leaves nothing for the axis to answer for.
const IN_PLACE: f64 = 0.85;
/// Most references that are tried as components: of a larger library the most similar ones.
const POOL: usize = 400;

/// References ready to be compared, by technique and match resolution.
type Indexes = BTreeMap<(Technique, usize), Arc<Index>>;

/// Identifies spectra against one library. Clones share the prepared references.
#[derive(Clone, Debug)]
pub struct Engine {
    library: Arc<Library>,
    indexes: Arc<Mutex<Indexes>>,
    saved: Option<Arc<SavedIndex>>,
    believes_simulated: bool,
    tolerance: Tolerance,
}

/// What of the library an evaluation leaves out.
struct Hidden<'a> {
    substances: &'a dyn Fn(&Substance) -> bool,
    reference: Option<usize>,
}

impl Hidden<'_> {
    const NOTHING: Self = Self { substances: &|_| false, reference: None };

    fn hides(&self, library: &Library, head: &Head) -> bool {
        self.reference == Some(head.reference) || library.substances.get(head.substance).is_none_or(self.substances)
    }
}

impl Engine {
    /// An engine on `library`. References are synthesised when a resolution is first asked for, and kept.
    pub fn new(library: Arc<Library>) -> Self {
        Self { library, indexes: Arc::default(), saved: None, believes_simulated: false, tolerance: Tolerance::DEFAULT }
    }

    /// An engine that takes *simulated* references for measured ones. Only for evaluation on simulated packs, whose every line
    /// says so, and for scans of emulated analyzers, which are stamped so.
    pub fn for_simulated_pack(library: Arc<Library>) -> Self {
        Self { library, indexes: Arc::default(), saved: None, believes_simulated: true, tolerance: Tolerance::DEFAULT }
    }

    /// The same engine with another tolerated rate of wrong names.
    #[must_use]
    pub fn with_tolerance(self, tolerance: Tolerance) -> Self {
        Self { tolerance, ..self }
    }

    /// The same engine with search tables that [`Self::to_save`] gave for this very library, so that they need not be made
    /// anew. Bytes that do not fit are an error, and change nothing. Answers are the same with and without.
    pub fn with_saved(self, bytes: Vec<u8>) -> Result<Self, SavedIndexError> {
        let saved = SavedIndex::open(bytes, &self.library.identity, self.believes_simulated)?;
        Ok(Self { saved: Some(Arc::new(saved)), ..self })
    }

    /// The search tables made so far and those that were given, to be kept; none where none was made.
    pub fn to_save(&self) -> Option<Vec<u8>> {
        let indexes = self.indexes.lock().unwrap_or_else(PoisonError::into_inner);
        let saved = |key: &(Technique, usize)| self.saved.as_ref().and_then(|s| s.tables(*key));
        if indexes.keys().all(|key| saved(key).is_some()) {
            return None;
        }
        let mut tables: BTreeMap<(Technique, usize), Vec<u8>> = BTreeMap::new();
        for (key, bytes) in self.saved.iter().flat_map(|s| s.all()) {
            tables.insert(key, bytes.to_vec());
        }
        for (key, index) in indexes.iter() {
            let bytes = tables.entry(*key).or_default();
            bytes.clear();
            index.tables.append_to(bytes);
        }
        Some(saved_index::to_bytes(&tables, &self.library.identity, self.believes_simulated))
    }

    fn is_sure(&self, best: &Contender<'_>, contenders: &[Contender<'_>]) -> bool {
        let next = contenders.iter().find(|c| c.entry.supports && c.hit.entry != best.hit.entry);
        log_odds(best, next) > self.tolerance.threshold(best.substance.alarms)
    }

    /// True when the odds of a row are above what the tolerated rate of wrong names asks for.
    pub fn is_sure_of(&self, row: &CalibrationRow) -> bool {
        row.odds().ln() > self.tolerance.threshold(row.best_alarms)
    }

    /// The first group of a substance that alarms.
    fn alarming_group(&self, substance: &Substance) -> Option<&Group> {
        substance.groups.iter().filter_map(|g| self.library.group(g)).find(|g| g.alarms)
    }

    /// The library that is asked.
    pub const fn library(&self) -> &Arc<Library> {
        &self.library
    }

    /// Conditions a spectrum and says what it is. There is always an answer: a spectrum that cannot be compared is
    /// *inconclusive*, with the reason. [`Answer::simulated`] is false: whoever knows better sets it.
    pub fn identify(&self, spectrum: &Spectrum) -> Answer {
        self.answer_to(spectrum, &Hidden::NOTHING)
    }

    /// The same with every substance hidden for which `hidden` is true, for evaluation with the substance left out.
    pub fn identify_without(&self, spectrum: &Spectrum, hidden: &dyn Fn(&Substance) -> bool) -> Answer {
        self.answer_to(spectrum, &Hidden { substances: hidden, reference: None })
    }

    /// The same with the reference of this number hidden, for evaluation with the very spectrum left out.
    pub fn identify_without_reference(&self, spectrum: &Spectrum, reference: usize) -> Answer {
        self.answer_to(spectrum, &Hidden { reference: Some(reference), ..Hidden::NOTHING })
    }

    fn answer_to(&self, spectrum: &Spectrum, hidden: &Hidden<'_>) -> Answer {
        let query = prepare(spectrum);
        let technique = query.technique();
        if technique == Technique::Nir && !self.library.references.iter().any(|r| r.technique == technique) {
            let headline = "Not compared: no near-infrared library is installed".to_owned();
            let next = NO_NIR_LIBRARY.to_owned();
            return self.without_comparison(&query, Verdict::inconclusive("no-nir-library", headline, next));
        }
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
        let (contenders, promising) = self.contenders(&query, &bands, &index, hidden);
        if contenders.is_empty() {
            let headline = format!("Not compared: the library has no reference for {technique} in this range");
            return self
                .without_comparison(&query, Verdict::inconclusive("no-references", headline, UNKNOWN.to_owned()));
        }
        self.answer(&query, &index, (&contenders, &promising), hidden)
    }

    /// The evidence about the best reference that may identify, for calibration; `is_truth` says whether a substance is
    /// what was scanned. None where nothing can be compared.
    pub fn evidence(
        &self,
        spectrum: &Spectrum,
        hidden: &dyn Fn(&Substance) -> bool,
        is_truth: &dyn Fn(&Substance) -> bool,
    ) -> Option<CalibrationRow> {
        self.evidence_beside(spectrum, &Hidden { substances: hidden, reference: None }, is_truth)
    }

    /// The same with the reference of this number hidden.
    pub fn evidence_without_reference(
        &self,
        spectrum: &Spectrum,
        reference: usize,
        is_truth: &dyn Fn(&Substance) -> bool,
    ) -> Option<CalibrationRow> {
        self.evidence_beside(spectrum, &Hidden { reference: Some(reference), ..Hidden::NOTHING }, is_truth)
    }

    fn evidence_beside(
        &self,
        spectrum: &Spectrum,
        hidden: &Hidden<'_>,
        is_truth: &dyn Fn(&Substance) -> bool,
    ) -> Option<CalibrationRow> {
        let query = prepare(spectrum);
        let index = self.index(query.technique(), query.match_index());
        let (contenders, _) = self.contenders(&query, &QueryBands::of(&query), &index, hidden);
        let mut able = contenders.iter().filter(|c| c.entry.supports);
        let best = able.next()?;
        let others = candidates::named(&contenders).map_or_else(Vec::new, |(_, others)| others);
        Some(CalibrationRow {
            declared: is_truth(best.substance) || others.iter().any(|c| is_truth(c.substance)),
            features: features(best, able.next()),
            right: is_truth(best.substance),
            best_alarms: best.substance.alarms,
            carries_name: best.is_named() && quality_verdict(query.quality()).is_none(),
            left_out: false,
        })
    }

    fn answer(
        &self,
        query: &Prepared,
        index: &Index,
        (contenders, promising): (&[Contender<'_>], &[usize]),
        hidden: &Hidden<'_>,
    ) -> Answer {
        let library = self.library.as_ref();
        let technique = query.technique();
        let (probabilities, not_in_library) = probabilities(contenders);
        // What meets every demand but not the odds that the tolerated rate of wrong names asks for keeps its class only.
        let (named, class) = match candidates::named(contenders) {
            Some((c, others)) if self.is_sure(c, contenders) => (Some((c, others)), None),
            Some((c, _)) => (None, Some(c).filter(|c| c.substance.alarms)),
            None => (None, None),
        };
        let skip = |head: &Head| hidden.hides(library, head);
        let pool = pool(contenders, promising);
        let start = mixture::Start {
            pool: &pool,
            shift_cm1: pool.first().map_or(0.0, |(_, shift)| *shift),
            named: named.as_ref().map(|(c, _)| c.hit.entry),
        };
        let mixture = mixture::fit(query, index, &start);
        let presences = presences(library, query, index, &mixture, &skip);
        let limits = detection_limits(library, &presences);
        let coverage = coverage(library, technique);
        let substance = |i: usize| library.substances.get(i);

        let carries_name_alone =
            |s: usize| named.iter().any(|(c, others)| [c].into_iter().chain(others).any(|c| c.entry.substance == s));
        let best = contenders.iter().find(|c| c.entry.supports);
        let sure_alone = class.is_none()
            && best.is_some_and(|c| {
                mixture.parts.first().is_some_and(|p| p.substance == c.entry.substance) && self.is_sure(c, contenders)
            });
        let parts: Vec<&mixture::Part> =
            mixture.proven(sure_alone).filter(|p| !carries_name_alone(p.substance)).collect();
        let proven: Vec<ProvenPart<'_>> = parts
            .iter()
            .filter_map(|p| {
                let alternatives = p.alternatives.iter().filter_map(|a| substance(*a)).collect();
                Some(ProvenPart { substance: substance(p.substance)?, alternatives })
            })
            .collect();
        let all_proven = named.is_none() && !proven.is_empty() && proven.len() == mixture.parts.len();
        let asked = named.is_none() && class.is_none() && !explained(all_proven, &proven);
        let possible = asked.then(|| candidates::possible(contenders)).flatten();
        let present: Vec<&Substance> =
            limits::standing_out(&presences).filter_map(|p| substance(p.substance)).collect();
        let listed_component = present.first().copied();
        let blend = if named.is_none() && mixture.unexplained <= BLEND_LEAVES {
            mixture.parts.iter().filter_map(|p| substance(p.substance)).collect()
        } else {
            Vec::new()
        };
        let found = Found {
            named: named.as_ref().map(|(c, others)| (c.substance, others.iter().map(|o| o.substance).collect())),
            all_proven,
            proven,
            class: class.and_then(|c| Some((self.alarming_group(c.substance)?, c.substance))),
            possible: possible.as_ref().map(|(c, relatives)| Possible {
                substance: c.substance,
                calculated: c.is_calculated(),
                relatives: relatives.iter().map(|r| r.substance).collect(),
            }),
            or_another_listed: present.len() > 1,
            listed_component,
            axis_is_off: axis_is_off(contenders),
            blend,
        };
        let of_class = possible.as_ref().map(|(c, _)| *c).or(class);
        let class_group = of_class.and_then(|c| self.alarming_group(c.substance));
        let already = |s: &Substance| {
            named.as_ref().is_some_and(|(c, _)| c.substance.key == s.key)
                || found.proven.iter().any(|p| p.substance.key == s.key)
                || possible.as_ref().is_some_and(|(c, _)| c.substance.key == s.key)
                || class.is_some_and(|c| c.substance.key == s.key)
        };
        Answer {
            technique,
            simulated: false,
            verdict: verdict(&found, &limits, &coverage),
            quality: report::quality(query),
            identified: named
                .iter()
                .map(|(c, others)| report::named(c, others))
                .chain(parts.iter().filter_map(|p| report::proven(p, index, library)))
                .chain(class.iter().map(|c| report::of_class(c)))
                .chain(possible.iter().map(|(c, relatives)| report::possible(c, relatives)))
                .chain(report::present(present.iter().filter(|s| !already(s))))
                .collect(),
            coverage,
            candidates: (contenders.iter().zip(&probabilities).take(REPORTED))
                .map(|(c, p)| report::candidate(c, *p))
                .collect(),
            not_in_library: Some(not_in_library),
            mixture: mixture.parts.iter().filter_map(|p| report::component(p, index, library)).collect(),
            class_evidence: of_class
                .iter()
                .flat_map(|c| report::class(c, class_group.map(|g| g.key.as_str())))
                .collect(),
            detection_limits: limits,
            residual: report::residual(query, &mixture),
            library: library.identity.clone(),
            engine: ENGINE.to_owned(),
        }
    }

    /// A spectrum whose quality forbids a name still shows what comes nearest, asserting nothing.
    fn refused(&self, query: &Prepared, refused: Verdict, hidden: &Hidden<'_>) -> Answer {
        let mut answer = self.without_comparison(query, refused);
        if query.quality().is_empty_scan() {
            return answer;
        }
        let index = self.index(query.technique(), query.match_index());
        let (contenders, _) = self.contenders(query, &QueryBands::of(query), &index, hidden);
        answer.candidates = contenders.iter().take(REPORTED).map(|c| report::candidate(c, None)).collect();
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
            not_in_library: None,
            mixture: Vec::new(),
            class_evidence: Vec::new(),
            detection_limits: Vec::new(),
            residual: Residual { unexplained: 1.0, strongest_unexplained_cm1: Vec::new() },
            library: self.library.identity.clone(),
            engine: ENGINE.to_owned(),
        }
    }

    /// The best reference of each of the most similar substances, and the entries that may enter a mixture.
    fn contenders<'a>(
        &'a self,
        query: &Prepared,
        bands: &QueryBands,
        index: &'a Index,
        hidden: &Hidden<'_>,
    ) -> (Vec<Contender<'a>>, Vec<usize>) {
        let skip = |head: &Head| hidden.hides(&self.library, head);
        let mut ranking = Ranking::new(query, index, &skip);
        (candidates::contenders(&self.library, query, bands, index, &mut ranking), ranking.promising(POOL))
    }

    /// The references of a technique at a match resolution; synthesised at the first question.
    fn index(&self, technique: Technique, match_index: usize) -> Arc<Index> {
        let mut indexes = self.indexes.lock().unwrap_or_else(PoisonError::into_inner);
        Arc::clone(indexes.entry((technique, match_index)).or_insert_with(|| {
            let saved = self.saved.as_ref().and_then(|s| s.tables((technique, match_index)));
            Arc::new(Index::from_saved(&self.library, (technique, match_index), self.believes_simulated, saved))
        }))
    }
}

/// True when proven benign components explain the signal, so that no calculated reference is needed.
fn explained(all_proven: bool, proven: &[ProvenPart<'_>]) -> bool {
    all_proven && proven.iter().all(|p| !p.may_alarm())
}

/// True when several bands of the best reference agree on one shift that no unit in order has, so shifted it explains
/// nearly everything, and no reference explains much without such a shift. A wrong reference is similar at some shift too.
fn axis_is_off(contenders: &[Contender<'_>]) -> bool {
    let able = || contenders.iter().filter(|c| c.entry.supports);
    let (bands, explains, missing, scatter_cm1) = OFF_AXIS_EVIDENCE;
    let agree = |c: &Contender<'_>| {
        c.hit.score >= OFF_AXIS.0
            && c.hit.shift_cm1.abs() >= OFF_AXIS.1
            && c.evidence.matched.len() >= bands
            && c.evidence.explained >= explains
            && c.evidence.missing_share <= missing
            && c.evidence.position_scatter_cm1 <= scatter_cm1
    };
    let in_place = |c: &Contender<'_>| c.hit.shift_cm1.abs() < OFF_AXIS.1 && c.evidence.explained >= IN_PLACE;
    able().next().is_some_and(agree) && !able().any(in_place)
}

/// References that may enter a mixture, one place each: the contenders with the shift at which each fitted, then the
/// others that may identify, the most promising first, with the shift of the best.
fn pool(contenders: &[Contender<'_>], promising: &[usize]) -> Vec<(usize, f64)> {
    let mut pool: Vec<(usize, f64)> =
        contenders.iter().filter(|c| c.entry.supports).map(|c| (c.hit.entry, c.hit.shift_cm1)).collect();
    let shift = pool.first().map_or(0.0, |p| p.1);
    let mut inside: BTreeSet<usize> = pool.iter().map(|(entry, _)| *entry).collect();
    for entry in promising {
        if pool.len() >= POOL {
            break;
        }
        if inside.insert(*entry) {
            pool.push((*entry, shift));
        }
    }
    pool
}
