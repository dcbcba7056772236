//! How similar is the query to each reference, at the best small shift of the axis?

use std::collections::BTreeMap;
use std::ops::Range;

use crate::signal::Prepared;

use super::features::{sharp_query, tolerant_query};
use super::index::{Head, Index, Indexed, Metric, running_sums};
use super::linear::dot;
use super::scan::{highest, top};

/// Largest shift searched for measured and literature references, cm-1: axis errors of field instruments.
const SHARP_SHIFT_CM1: f64 = 6.0;
/// Largest shift searched for calculated references, cm-1.
const TOLERANT_SHIFT_CM1: f64 = 8.0;
/// Fewest common points for a comparison.
pub(super) const MIN_OVERLAP: usize = 100;
/// A list of positions without heights, or of one or two bands, correlates well with whatever has a band there; its
/// score is lowered by this factor so that it cannot crowd out references that say more.
pub(super) const LIST_ONLY: f64 = 0.75;

/// One comparison.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Hit {
    /// Number of the entry in [`Index::heads`].
    pub entry: usize,
    /// Similarity on the scale that all references share, -1..=1.
    ///
    /// Calculated references enter with the correlation of their own metric. On the tuning half the best wrong one lies
    /// 0.1 under the best wrong measured reference and the right one 0.15 to 0.2 under the right measured one, so that
    /// a calculation outranks measurements only where it is clearly better; it can never be *identified* anyway.
    pub score: f64,
    /// Query minus reference, cm-1.
    pub shift_cm1: f64,
}

/// The query as one metric sees it.
pub(super) struct Asked {
    /// The feature, zero where the query is not usable.
    pub feature: Vec<f64>,
    metric: Metric,
    sums: Vec<(f64, f64)>,
    /// Usable points before each place.
    points: Vec<u32>,
    /// Stretches that are not usable.
    holes: Vec<Range<usize>>,
}

/// The points that query and reference have in common at one shift.
pub(super) struct Common {
    /// Places in the query.
    pub query: Range<usize>,
    /// Place in the reference that meets the first of them.
    pub reference: usize,
}

impl Asked {
    fn new(query: &Prepared, metric: Metric) -> Self {
        let mut feature = match metric {
            Metric::Sharp => sharp_query(query),
            Metric::Tolerant => tolerant_query(query),
        };
        let (mut points, mut holes, mut count) = (vec![0_u32], Vec::<Range<usize>>::new(), 0);
        for (i, (v, ok)) in feature.iter_mut().zip(query.usable()).enumerate() {
            if *ok {
                count += 1;
            } else {
                *v = 0.0;
                match holes.last_mut() {
                    Some(hole) if hole.end == i => hole.end = i + 1,
                    _ => holes.push(i..i + 1),
                }
            }
            points.push(count);
        }
        let sums = running_sums(&feature);
        Self { feature, metric, sums, points, holes }
    }

    /// Largest shift, grid steps.
    pub fn reach(&self, step_cm1: f64) -> isize {
        let reach_cm1 = match self.metric {
            Metric::Sharp => SHARP_SHIFT_CM1,
            Metric::Tolerant => TOLERANT_SHIFT_CM1,
        };
        (reach_cm1 / step_cm1).floor().max(1.0) as isize
    }

    /// Length of the whole feature.
    pub fn length(&self) -> f64 {
        self.sums.last().map_or(0.0, |s| s.1).sqrt()
    }

    /// Stretches between the holes.
    pub fn usable_runs(&self) -> Vec<Range<usize>> {
        let ends = self.holes.iter().map(|h| h.start).chain([self.feature.len()]);
        let starts = [0].into_iter().chain(self.holes.iter().map(|h| h.end));
        starts.zip(ends).map(|(from, to)| from..to).filter(|run| !run.is_empty()).collect()
    }

    /// Points in common with a reference over `span` that is moved up by `shift` grid steps; `first` is the grid point
    /// of the query's first place.
    pub fn common(&self, first: usize, span: &Range<usize>, shift: isize) -> Common {
        // Where the query lies on the reference's own cells; a reference may begin where the grid does.
        let offset = first as isize - span.start as isize - shift;
        let skipped = offset.min(0).unsigned_abs();
        let from = offset.max(0).unsigned_abs();
        let len = self.feature.len().saturating_sub(skipped).min(span.len().saturating_sub(from));
        Common { query: skipped..skipped + len, reference: from }
    }

    /// Number of usable points and their mean.
    pub fn points_and_mean(&self, places: &Range<usize>) -> (f64, f64) {
        let at = |i: usize| (self.points.get(i).copied().unwrap_or(0), self.sums.get(i).map_or(0.0, |s| s.0));
        let (from, to) = (at(places.start), at(places.end));
        let n = f64::from(to.0.saturating_sub(from.0));
        (n, if n > 0.0 { (to.1 - from.1) / n } else { 0.0 })
    }
}

/// The references in the order of their similarity to one query, found as far as they are asked for.
pub(super) struct Ranking<'a> {
    query: &'a Prepared,
    index: &'a Index,
    sharp: Asked,
    tolerant: Asked,
    bounds: Vec<f32>,
    known: BTreeMap<usize, Option<Hit>>,
}

impl<'a> Ranking<'a> {
    /// All references but those that `skip` hides.
    pub fn new(query: &'a Prepared, index: &'a Index, skip: &dyn Fn(&Head) -> bool) -> Self {
        let (sharp, tolerant) = (Asked::new(query, Metric::Sharp), Asked::new(query, Metric::Tolerant));
        let bounds = index.tables.bounds(query, index, (&sharp, &tolerant), skip);
        Self { query, index, sharp, tolerant, bounds, known: BTreeMap::new() }
    }

    /// The `count` most similar references, best first, ties in the order of the library; fewer where fewer can be
    /// compared. The same as comparing every reference, which the fast pass makes needless.
    pub fn best(&mut self, count: usize) -> Vec<Hit> {
        let bounds = std::mem::take(&mut self.bounds);
        let found = top(&bounds, count, |entry| self.compared(entry).map(|h| h.score));
        self.bounds = bounds;
        found.into_iter().filter_map(|(entry, _)| self.compared(entry)).collect()
    }

    /// One reference compared in full; none where too little is common, or where it is hidden.
    pub fn compared(&mut self, entry: usize) -> Option<Hit> {
        if self.bounds.get(entry).is_some_and(|b| *b == f32::NEG_INFINITY) {
            return None;
        }
        let (query, index, sharp, tolerant) = (self.query, self.index, &self.sharp, &self.tolerant);
        *self.known.entry(entry).or_insert_with(|| {
            let e = index.get(entry)?;
            compare(query, if e.metric == Metric::Sharp { sharp } else { tolerant }, entry, e)
        })
    }

    /// Up to `count` entries that may identify, by their bounds, the most promising first.
    pub fn promising(&self, count: usize) -> Vec<usize> {
        let able = |(entry, bound): (usize, &f32)| {
            if self.index.heads.get(entry).is_some_and(|h| h.supports) { *bound } else { f32::NEG_INFINITY }
        };
        highest(&self.bounds.iter().enumerate().map(able).collect::<Vec<f32>>(), count)
    }
}

/// Best similarity of one reference over small shifts; none where too little is common.
fn compare(query: &Prepared, asked: &Asked, entry: usize, e: &Indexed) -> Option<Hit> {
    let step = query.grid().step_cm1();
    let (correlation, shift) = best_shift(query.first(), asked, e, asked.reach(step))?;
    let score = match e.metric {
        Metric::Sharp if !e.supports => LIST_ONLY * correlation,
        Metric::Sharp | Metric::Tolerant => correlation,
    };
    Some(Hit { entry, score, shift_cm1: shift * step })
}

/// Best correlation over the shifts `-reach..=reach` grid steps, refined by the parabola through the best three.
fn best_shift(first: usize, asked: &Asked, e: &Indexed, reach: isize) -> Option<(f64, f64)> {
    let scores: Vec<f64> = (-reach..=reach).map(|k| correlation(first, asked, e, k)).collect::<Option<_>>()?;
    let best = (0..scores.len()).max_by(|a, b| scores[*a].total_cmp(&scores[*b]).then(b.cmp(a)))?;
    let at = best as f64 - reach as f64;
    let neighbours = best.checked_sub(1).and_then(|i| scores.get(i)).zip(scores.get(best + 1));
    let Some((left, right)) = neighbours else { return Some((scores[best], at)) };
    let curvature = left - 2.0 * scores[best] + right;
    if curvature >= -1e-12 {
        return Some((scores[best], at));
    }
    let offset = (0.5 * (left - right) / curvature).clamp(-0.5, 0.5);
    let top = scores[best] - 0.25 * (left - right) * offset;
    Some((top.clamp(-1.0, 1.0), at + offset))
}

/// Correlation of the query with the reference moved up by `shift` grid steps, over the points both have.
fn correlation(first: usize, asked: &Asked, e: &Indexed, shift: isize) -> Option<f64> {
    let common = asked.common(first, &e.span, shift);
    let len = common.query.len();
    if len < MIN_OVERLAP {
        return None;
    }
    let (n, mean) = asked.points_and_mean(&common.query);
    if n < MIN_OVERLAP as f64 {
        return None;
    }
    let q = asked.feature.get(common.query.clone())?;
    let r = e.feature.get(common.reference..common.reference + len)?;
    let within = |sums: &[(f64, f64)], places: Range<usize>| -> Option<(f64, f64)> {
        let (a, b) = (sums.get(places.start)?, sums.get(places.end)?);
        Some((b.0 - a.0, b.1 - a.1))
    };
    let (sq, mut qq) = within(&asked.sums, common.query.clone())?;
    let (mut sr, mut rr) = within(&e.sums, common.reference..common.reference + len)?;
    for hole in &asked.holes {
        let (from, to) = (hole.start.max(common.query.start), hole.end.min(common.query.end));
        if from < to {
            let place = |i: usize| i - common.query.start + common.reference;
            let (s, square) = within(&e.sums, place(from)..place(to))?;
            sr -= s;
            rr -= square;
        }
    }
    let mut qr = dot(q, r);
    if asked.metric == Metric::Tolerant {
        qq -= sq * sq / n;
        rr -= sr * sr / n;
        qr -= mean * sr;
    }
    let scale = (qq.max(0.0) * rr.max(0.0)).sqrt();
    Some(if scale > 1e-12 { (qr / scale).clamp(-1.0, 1.0) } else { 0.0 })
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::super::crowd::crowd;
    use super::*;
    use crate::signal::prepare;
    use crate::spectrum::{Spectrum, Technique};
    use rand::{RngExt, SeedableRng};

    /// The correlation as it is defined, point by point.
    fn slow_correlation(query: &Prepared, feature: &[f64], e: &Indexed, shift: isize) -> Option<f64> {
        let (mut n, mut sq, mut sr, mut qq, mut rr, mut qr, mut common) = (0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0);
        for (i, a) in feature.iter().enumerate() {
            let cell = query.first() as isize + i as isize - shift - e.span.start as isize;
            let Some(b) = usize::try_from(cell).ok().and_then(|c| e.feature.get(c)) else { continue };
            common += 1;
            if query.usable()[i] {
                n += 1.0;
                sq += a;
                sr += b;
                qq += a * a;
                rr += b * b;
                qr += a * b;
            }
        }
        if common < MIN_OVERLAP || n < MIN_OVERLAP as f64 {
            return None;
        }
        if e.metric == Metric::Tolerant {
            qq -= sq * sq / n;
            rr -= sr * sr / n;
            qr -= sq * sr / n;
        }
        let scale = (qq.max(0.0) * rr.max(0.0)).sqrt();
        Some(if scale > 1e-12 { (qr / scale).clamp(-1.0, 1.0) } else { 0.0 })
    }

    /// Every reference, compared in full.
    fn slow_search(query: &Prepared, index: &Index) -> Vec<Hit> {
        let (sharp, tolerant) = (sharp_query(query), tolerant_query(query));
        let mut hits = Vec::new();
        for entry in 0..index.heads.len() {
            let Some(e) = index.get(entry) else { continue };
            let (feature, reach) = if e.metric == Metric::Sharp { (&sharp, 3) } else { (&tolerant, 4) };
            let scores: Option<Vec<f64>> = (-reach..=reach).map(|k| slow_correlation(query, feature, e, k)).collect();
            let Some(scores) = scores else { continue };
            let best = (0..scores.len()).max_by(|a, b| scores[*a].total_cmp(&scores[*b]).then(b.cmp(a))).unwrap();
            let (mut score, mut at) = (scores[best], best as f64);
            if best > 0 && best + 1 < scores.len() {
                let (left, right) = (scores[best - 1], scores[best + 1]);
                let curvature = left - 2.0 * score + right;
                if curvature < -1e-12 {
                    let offset = (0.5 * (left - right) / curvature).clamp(-0.5, 0.5);
                    score = (score - 0.25 * (left - right) * offset).clamp(-1.0, 1.0);
                    at += offset;
                }
            }
            let weight = if e.metric == Metric::Sharp && !e.supports { LIST_ONLY } else { 1.0 };
            hits.push(Hit { entry, score: weight * score, shift_cm1: (at - reach as f64) * query.grid().step_cm1() });
        }
        hits.sort_by(|a, b| b.score.total_cmp(&a.score).then(a.entry.cmp(&b.entry)));
        hits
    }

    /// A noisy scan of some reference of the index on a window of the axis, moved a little, with a saturated stretch.
    fn scan(index: &Index, rng: &mut rand_chacha::ChaCha8Rng) -> Prepared {
        let e = loop {
            if let Some(e) = index.get(rng.random_range(0..index.heads.len())) {
                break e;
            }
        };
        let step = 1.3 + rng.random_range(0.0..0.8);
        let (lo, hi) = (rng.random_range(150.0..500.0), rng.random_range(1500.0..3600.0));
        let (moved, noise) = (rng.random_range(-4.0..4.0), rng.random_range(0.2..12.0));
        let axis: Vec<f64> = (0..3000).map(|i| lo + step * f64::from(i)).take_while(|x| *x < hi).collect();
        let height = |x: f64| {
            let place = (x - moved - index.grid.at(e.span.start)) / index.grid.step_cm1();
            if place < 0.0 { 0.0 } else { e.shape.get(place as usize).copied().unwrap_or(0.0) }
        };
        let counts: Vec<f64> = axis
            .iter()
            .map(|x| {
                300.0
                    + 0.02 * x
                    + 500.0 * height(*x)
                    + noise * (rng.random_range(-1.0..1.0) + rng.random_range(-1.0..1.0))
            })
            .collect();
        let spectrum = Spectrum::new(Technique::Raman, axis, counts).unwrap();
        let hole = rng.random_range(0..spectrum.intensity().len() - 30);
        let burnt: Vec<usize> = if rng.random_bool(0.5) { (hole..hole + 20).collect() } else { Vec::new() };
        prepare(&spectrum.with_saturated(burnt))
    }

    #[test]
    fn the_fast_search_gives_the_top_fifty_of_comparing_every_reference_with_near_duplicates() {
        let mut rng = rand_chacha::ChaCha8Rng::seed_from_u64(21);
        let library = Arc::new(crowd(9, 4));
        let (mut asked, mut all) = (0, 0);
        for round in 0..12 {
            let index = Index::build(&library, Technique::Raman, round % 6, false);
            let query = scan(&index, &mut rng);
            let slow = slow_search(&query, &index);
            let mut ranking = Ranking::new(&query, &index, &|_| false);
            for hit in &slow {
                let bound = f64::from(ranking.bounds[hit.entry]);
                assert!(bound >= hit.score, "round {round}: {bound} is no bound of {hit:?}");
            }
            for count in [10, 50] {
                let fast = ranking.best(count);
                assert_eq!(fast.len(), count.min(slow.len()));
                for (f, s) in fast.iter().zip(&slow) {
                    let same = f.entry == s.entry && (f.score - s.score).abs() < 1e-9;
                    assert!(same && (f.shift_cm1 - s.shift_cm1).abs() < 1e-6, "round {round}: {f:?} for {s:?}");
                }
            }
            asked += ranking.known.len();
            all += index.heads.len();
        }
        assert!(asked * 2 < all, "the fast pass spares too little: {asked} of {all} compared in full");
    }

    #[test]
    fn hidden_substances_are_not_ranked() {
        let mut rng = rand_chacha::ChaCha8Rng::seed_from_u64(8);
        let library = Arc::new(crowd(1, 4));
        let index = Index::build(&library, Technique::Raman, 1, false);
        let query = scan(&index, &mut rng);
        let first = Ranking::new(&query, &index, &|_| false).best(1)[0];
        let hidden = index.heads[first.entry].substance;
        let mut ranking = Ranking::new(&query, &index, &|h| h.substance == hidden);
        assert!(ranking.best(200).iter().all(|h| index.heads[h.entry].substance != hidden));
        assert!(ranking.promising(400).iter().all(|e| index.heads[*e].substance != hidden && index.heads[*e].supports));
    }
}
