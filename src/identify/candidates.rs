//! One entry for each substance: its best reference, with the evidence for and against it.

use crate::library::{Library, Reference, Substance};
use crate::signal::Prepared;

use super::evidence::{Evidence, QueryBands, weigh};
use super::index::{Index, Indexed, Metric};
use super::search::{Hit, Ranking};

/// Substances whose evidence is weighed. The right one is among the first few wherever it can be told at all.
const WEIGHED: usize = 40;
/// References that are ranked at first; twice as many again until there are enough substances among them.
const FIRST_RANKED: usize = 64;

/// The best reference of one substance.
#[derive(Clone, Debug)]
pub(super) struct Contender<'a> {
    /// Similarity and shift.
    pub hit: Hit,
    /// The reference on the grid.
    pub entry: &'a Indexed,
    /// The reference.
    pub reference: &'a Reference,
    /// Its substance.
    pub substance: &'a Substance,
    /// What the two spectra say about each other.
    pub evidence: Evidence,
    /// True when a reference of another form of the substance fits nearly as well, so that the form stays open.
    pub other_forms_fit: bool,
}

/// Demands on a name. Chosen on the tuning half of the measured references (left-one-substance-out, and simulated with
/// the gap between reference and sample), never on the queries that are reported; see `Engine`'s tests and
/// `parcelscope evaluate`.
mod demand {
    /// Similarity.
    pub const SCORE: f64 = 0.80;
    /// Share of the query's signal that is explained.
    pub const EXPLAINED: f64 = 0.93;
    /// Share of the predicted heights that is missing.
    pub const MISSING: f64 = 0.03;
    /// Share of the query's band heights without a partner.
    pub const SURPLUS: f64 = 0.15;
    /// The last two for a substance that alarms: one weak band more may be missing or left over, because not to name it
    /// is the dearer error; the odds of the module of probabilities hold the wrong names down.
    pub const ALARMING: (f64, f64) = (0.07, 0.18);
    /// Scatter of the band positions around the common shift, cm-1.
    pub const POSITION_SCATTER_CM1: f64 = 2.6;
    /// Share of the fingerprint range that was compared.
    pub const COVERAGE: f64 = 0.8;
    /// Bands that both have.
    pub const BANDS: usize = 4;
    /// With two or three bands, which many substances share, the rest must fit better: similarity and explained share.
    pub const FEW_BANDS: (usize, f64, f64) = (2, 0.90, 0.97);
    /// Another substance that meets the demands and whose distance from perfect is less than this much larger cannot
    /// be told apart: `(1 - s1) / (1 - s2)`.
    pub const CLOSE: f64 = 0.6;
}

/// Demands on a *possible* by a calculated reference. On the tuning half four of five right ones reach the correlation,
/// three all of it; of the wrong ones none.
mod possible {
    /// Correlation under the tolerant metric.
    pub const SCORE: f64 = 0.62;
    /// Share of the query's signal that is explained.
    pub const EXPLAINED: f64 = 0.72;
    /// Share of the predicted heights that is missing.
    pub const MISSING: f64 = 0.18;
    /// Bands that both have.
    pub const BANDS: usize = 3;
    /// A calculated relative this close to the best, in correlation and in what it explains, cannot be told from it. An
    /// alarming one need not meet the demands itself: what it is mixed with lowers them for all, and the advice must be
    /// that for the worst.
    pub const RELATIVE: f64 = 0.12;
    /// A measured reference this similar, and explaining this much, makes the calculated one needless.
    pub const BETTER_MEASURED: (f64, f64) = (0.80, 0.88);
    /// Demands on a measured or literature reference of an alarming substance that falls short of a name: similarity,
    /// explained, missing.
    pub const NEAR_MISS: (f64, f64, f64) = (0.70, 0.75, 0.12);
}

impl Contender<'_> {
    /// True when the evidence in both directions carries a name.
    pub fn is_named(&self) -> bool {
        let e = &self.evidence;
        let enough_bands = e.matched.len() >= demand::BANDS
            || (e.matched.len() >= demand::FEW_BANDS.0
                && self.hit.score >= demand::FEW_BANDS.1
                && e.explained >= demand::FEW_BANDS.2);
        let (missing, surplus) =
            if self.substance.alarms { demand::ALARMING } else { (demand::MISSING, demand::SURPLUS) };
        self.entry.supports
            && enough_bands
            && self.hit.score >= demand::SCORE
            && e.explained >= demand::EXPLAINED
            && e.missing_share <= missing
            && e.surplus_share <= surplus
            && e.position_scatter_cm1 <= demand::POSITION_SCATTER_CM1
            && e.coverage >= demand::COVERAGE
    }

    /// True when `other`, which also carries a name, fits too nearly as well to be told from this one.
    pub fn is_close_to(&self, other: &Self) -> bool {
        (1.0 - self.hit.score).max(0.0) > demand::CLOSE * (1.0 - other.hit.score).max(0.0)
    }

    /// True when the reference is calculated.
    pub fn is_calculated(&self) -> bool {
        self.entry.metric == Metric::Tolerant
    }

    fn is_possible_by_calculation(&self) -> bool {
        let e = &self.evidence;
        self.is_calculated()
            && self.hit.score >= possible::SCORE
            && e.explained >= possible::EXPLAINED
            && e.missing_share <= possible::MISSING
            && e.matched.len() >= possible::BANDS
    }

    /// Few enough bands of a calculated reference are missing.
    fn is_not_excluded(&self) -> bool {
        self.is_calculated()
            && self.evidence.missing_share <= possible::MISSING
            && self.evidence.matched.len() >= possible::BANDS
    }

    fn is_near_miss(&self) -> bool {
        let (score, explained, missing) = possible::NEAR_MISS;
        self.entry.supports
            && self.hit.score >= score
            && self.evidence.explained >= explained
            && self.evidence.missing_share <= missing
            && self.evidence.matched.len() >= possible::BANDS
    }
}

/// The contenders, best first, one a substance.
pub(super) fn contenders<'a>(
    library: &'a Library,
    query: &Prepared,
    bands: &QueryBands,
    index: &'a Index,
    ranking: &mut Ranking<'_>,
) -> Vec<Contender<'a>> {
    let mut count = FIRST_RANKED;
    let leaders = loop {
        let hits = ranking.best(count);
        let mut leaders: Vec<(Hit, &Indexed)> = Vec::with_capacity(WEIGHED);
        for hit in &hits {
            let Some(entry) = index.get(hit.entry) else { continue };
            if leaders.len() < WEIGHED && leaders.iter().all(|(_, e)| e.substance != entry.substance) {
                leaders.push((*hit, entry));
            }
        }
        if leaders.len() == WEIGHED || hits.len() < count {
            break leaders;
        }
        count *= 2;
    };
    let mut contender = |(hit, entry): (Hit, &'a Indexed)| {
        let reference = library.references.get(entry.reference)?;
        let substance = library.substances.get(entry.substance)?;
        // Another form of the same substance that fits as well leaves the form open.
        let other_forms_fit = index.entries_of(entry.substance).any(|other| {
            let able = index.heads.get(other).filter(|h| other != hit.entry && h.supports);
            let form = able.and_then(|h| library.references.get(h.reference)).map(|r| &r.form);
            form.is_some_and(|f| *f != reference.form)
                && ranking
                    .compared(other)
                    .is_some_and(|o| (1.0 - hit.score).max(0.0) > demand::CLOSE * (1.0 - o.score).max(0.0))
        });
        let evidence = weigh(query, bands, entry, hit.shift_cm1);
        Some(Contender { hit, entry, reference, substance, evidence, other_forms_fit })
    };
    leaders.into_iter().filter_map(&mut contender).collect()
}

/// The substance that the program stands by, and those that this scan cannot tell from it: those that fit as well, and
/// those whose references are nearly the same, which one scan cannot decide whatever fits better today.
pub(super) fn named<'c, 'a>(contenders: &'c [Contender<'a>]) -> Option<(&'c Contender<'a>, Vec<&'c Contender<'a>>)> {
    let (place, first) = contenders.iter().enumerate().find(|(_, c)| c.entry.supports)?;
    if !first.is_named() {
        return None;
    }
    let as_good = |c: &&Contender<'_>| c.is_named() && first.is_close_to(c);
    let others = contenders.iter().skip(place + 1).filter(|c| as_good(c) || first.entry.is_nearly(c.entry)).collect();
    Some((first, others))
}

/// An alarming substance that is possible, and its relatives that fit nearly as well. Only asked when nothing is named.
pub(super) fn possible<'c, 'a>(contenders: &'c [Contender<'a>]) -> Option<(&'c Contender<'a>, Vec<&'c Contender<'a>>)> {
    // A measured reference of an alarming substance that leads and nearly fits.
    if let Some(leader) = contenders.iter().find(|c| c.entry.supports)
        && leader.substance.alarms
        && leader.is_near_miss()
    {
        return Some((leader, Vec::new()));
    }
    let (score, explained) = possible::BETTER_MEASURED;
    let explained_otherwise = contenders
        .iter()
        .any(|c| c.entry.supports && !c.substance.alarms && c.hit.score >= score && c.evidence.explained >= explained);
    if explained_otherwise {
        return None;
    }
    let best = contenders.iter().find(|c| c.is_calculated())?;
    let found = contenders
        .iter()
        .filter(|c| c.substance.alarms && c.is_possible_by_calculation())
        .find(|c| c.hit.score >= best.hit.score - possible::RELATIVE)?;
    let relatives = contenders
        .iter()
        .filter(|c| {
            c.is_calculated()
                && c.entry.substance != found.entry.substance
                && (c.is_possible_by_calculation() || (c.substance.alarms && c.is_not_excluded()))
                && c.hit.score >= found.hit.score - possible::RELATIVE
                && c.evidence.explained >= found.evidence.explained - possible::RELATIVE
        })
        .collect();
    Some((found, relatives))
}
