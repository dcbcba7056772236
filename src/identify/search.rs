//! How similar is the query to each reference, at the best small shift of the axis?

use crate::signal::Prepared;

use super::features::{sharp_query, tolerant_query};
use super::index::{Index, Indexed, Metric};

/// Largest shift searched for measured and literature references, cm-1: axis errors of field instruments.
const SHARP_SHIFT_CM1: f64 = 6.0;
/// Largest shift searched for calculated references, cm-1.
const TOLERANT_SHIFT_CM1: f64 = 8.0;
/// Fewest common points for a comparison.
const MIN_OVERLAP: usize = 100;
/// A list of positions without heights, or of one or two bands, correlates well with whatever has a band there; its
/// score is lowered by this factor so that it cannot crowd out references that say more.
const LIST_ONLY: f64 = 0.75;

/// One comparison.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Hit {
    /// Index into [`Index::entries`].
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

/// Every comparable reference, best first; ties in the order of the library.
pub(super) fn search(query: &Prepared, index: &Index, skip: &dyn Fn(usize) -> bool) -> Vec<Hit> {
    let sharp = sharp_query(query);
    let tolerant = tolerant_query(query);
    let step = index.grid.step_cm1();
    let mut hits: Vec<Hit> = index
        .entries
        .iter()
        .enumerate()
        .filter(|(_, e)| !skip(e.substance))
        .filter_map(|(entry, e)| {
            let (feature, reach, centred) = match e.metric {
                Metric::Sharp => (&sharp, SHARP_SHIFT_CM1, false),
                Metric::Tolerant => (&tolerant, TOLERANT_SHIFT_CM1, true),
            };
            let reach = (reach / step).floor().max(1.0) as isize;
            let (correlation, shift) = best_shift(query, feature, e, reach, centred)?;
            let score = match e.metric {
                Metric::Sharp if !e.supports => LIST_ONLY * correlation,
                Metric::Sharp | Metric::Tolerant => correlation,
            };
            Some(Hit { entry, score, shift_cm1: shift * step })
        })
        .collect();
    hits.sort_by(|a, b| b.score.total_cmp(&a.score).then(a.entry.cmp(&b.entry)));
    hits
}

/// Best correlation over the shifts `-reach..=reach` grid steps, refined by the parabola through the best three.
fn best_shift(query: &Prepared, feature: &[f64], e: &Indexed, reach: isize, centred: bool) -> Option<(f64, f64)> {
    let scores: Vec<f64> =
        (-reach..=reach).map(|k| correlation(query, feature, e, k, centred)).collect::<Option<_>>()?;
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
fn correlation(query: &Prepared, feature: &[f64], e: &Indexed, shift: isize, centred: bool) -> Option<f64> {
    // Where the query lies on the reference's own cells; a reference may begin where the grid does.
    let offset = query.first() as isize - e.span.start as isize - shift;
    let skipped = offset.min(0).unsigned_abs();
    let from = offset.max(0).unsigned_abs();
    let len = feature.len().saturating_sub(skipped).min(e.feature.len().saturating_sub(from));
    if len < MIN_OVERLAP {
        return None;
    }
    let q = feature.get(skipped..skipped + len)?;
    let usable = query.usable().get(skipped..skipped + len)?;
    let r = e.feature.get(from..from + len)?;
    let (mut n, mut sq, mut sr, mut qq, mut rr, mut qr) = (0.0, 0.0, 0.0, 0.0, 0.0, 0.0);
    for ((a, b), ok) in q.iter().zip(r).zip(usable) {
        if *ok {
            n += 1.0;
            sq += a;
            sr += b;
            qq += a * a;
            rr += b * b;
            qr += a * b;
        }
    }
    if n < MIN_OVERLAP as f64 {
        return None;
    }
    if centred {
        qq -= sq * sq / n;
        rr -= sr * sr / n;
        qr -= sq * sr / n;
    }
    let scale = (qq.max(0.0) * rr.max(0.0)).sqrt();
    Some(if scale > 1e-12 { (qr / scale).clamp(-1.0, 1.0) } else { 0.0 })
}
