//! Ranks every reference of the technique against one prepared spectrum.

use crate::library::{Library, Reference, Tier};
use crate::signal::{GRID_STEP_CM1, Prepared};

use super::features::{Metric, correlation, features};

/// Scores of computed references are multiplied by this before they stand beside others: in the published validation the
/// right computed reference reached 0.74 on average, so that only the product of both says how surprising a score is.
const COMPUTED_WEIGHT: f64 = 0.9;

/// One reference against the query.
#[derive(Clone, Debug)]
pub(super) struct Match {
    /// Index into the library's references.
    pub(super) reference: usize,
    /// Correlation of the features at the best shift.
    pub(super) score: f64,
    /// Best shift, query minus reference, cm-1.
    pub(super) shift_cm1: f64,
    /// The reference on the query's grid at the query's resolution, moved by the shift; strongest band near 1.
    pub(super) curve: Vec<f64>,
}

/// All references of the query's technique, best first. Ties are broken by the reference's place in the library.
pub(super) fn rank(library: &Library, query: &Prepared) -> Vec<Match> {
    let noise = mean(query.noise_sd());
    let measured = features(query.signal(), noise, Metric::Measured);
    let computed = features(query.signal(), noise, Metric::Computed);
    let axis = query.axis_cm1();
    let mut matches: Vec<Match> = library
        .references
        .iter()
        .enumerate()
        .filter(|(_, r)| r.technique == query.technique() && !r.bands.is_empty())
        .filter_map(|(index, reference)| {
            let metric = metric_of(reference);
            let own = if metric == Metric::Measured { &measured } else { &computed };
            compare(index, reference, metric, own, &axis, query.resolution_cm1())
        })
        .collect();
    matches.sort_by(|a, b| b.score.total_cmp(&a.score).then(a.reference.cmp(&b.reference)));
    matches
}

const fn metric_of(reference: &Reference) -> Metric {
    match reference.tier {
        Tier::Computed => Metric::Computed,
        _ => Metric::Measured,
    }
}

fn compare(
    index: usize,
    reference: &Reference,
    metric: Metric,
    query: &[f64],
    axis: &[f64],
    resolution_cm1: f64,
) -> Option<Match> {
    let curve = reference.synthesize(axis, resolution_cm1, reference.own_resolution_cm1);
    let reference_features = features(&curve, 0.0, metric);
    let range = common_range(axis, reference.range_cm1)?;
    let reach = metric.reach() as isize;
    let (score, shift) = (-reach..=reach)
        .filter_map(|s| correlation(query, &reference_features, s, range).map(|c| (c, s)))
        .max_by(|a, b| a.0.total_cmp(&b.0).then(b.1.abs().cmp(&a.1.abs())))?;
    let weight = if metric == Metric::Computed { COMPUTED_WEIGHT } else { 1.0 };
    Some(Match {
        reference: index,
        score: score * weight,
        shift_cm1: shift as f64 * GRID_STEP_CM1,
        curve: moved(&curve, shift),
    })
}

/// Grid indices of the part of the axis that the reference covers.
fn common_range(axis: &[f64], range_cm1: (f64, f64)) -> Option<(usize, usize)> {
    let from = axis.partition_point(|x| *x < range_cm1.0);
    let to = axis.partition_point(|x| *x <= range_cm1.1);
    (to >= from + 50).then(|| (from, to - 1))
}

fn moved(curve: &[f64], shift: isize) -> Vec<f64> {
    (0..curve.len() as isize)
        .map(|i| usize::try_from(i - shift).ok().and_then(|j| curve.get(j)).copied().unwrap_or(0.0))
        .collect()
}

fn mean(values: &[f64]) -> f64 {
    values.iter().sum::<f64>() / values.len().max(1) as f64
}
