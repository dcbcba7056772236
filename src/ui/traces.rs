//! From a stored scan to the two curves of the plot: the scan without its background, and its best reference as this
//! instrument would show it.

use egui_plot::PlotPoint;

use crate::identify::{Answer, Candidate};
use crate::library::{Library, Reference};
use crate::signal::prepare;
use crate::spectrum::Spectrum;

use super::widgets::Traces;
use super::words;

/// The curves of an answer. Without a library there is no reference to draw.
pub fn traces(spectrum: &Spectrum, answer: &Answer, library: Option<&Library>) -> Traces {
    let prepared = prepare(spectrum);
    let scan = prepared.signal();
    let axis: Vec<f64> = (0..scan.len()).map(|i| prepared.grid().at(prepared.first() + i)).collect();
    let mut out = Traces { scan: points(&axis, &to_unit_height(scan)), ..Traces::default() };
    let best = answer.candidates.first().and_then(|c| Some((c, reference_of(library?, c, answer)?)));
    if let Some((candidate, reference)) = best {
        // The reference is drawn where the search found it to fit best.
        let own: Vec<f64> = axis.iter().map(|x| x - candidate.shift_cm1).collect();
        let y = reference.synthesize(&own, prepared.match_resolution_cm1(), reference.own_resolution_cm1);
        out.reference = points(&axis, &to_unit_height(&y));
        out.reference_name = format!(
            "{}, {}, similarity {:.2}",
            candidate.substance,
            words::tier_words(reference.tier),
            candidate.score
        );
    }
    out
}

/// The reference behind a candidate: same substance, tier, source and item of it, same technique. Answers of older records
/// name no item.
fn reference_of<'a>(library: &'a Library, candidate: &Candidate, answer: &Answer) -> Option<&'a Reference> {
    library.references.iter().find(|r| {
        r.tier == candidate.reference.tier
            && r.source == candidate.reference.source
            && (candidate.reference.item.is_none() || r.source_item == candidate.reference.item)
            && r.technique == answer.technique
            && library.substance_of(r).is_some_and(|s| s.name == candidate.substance)
    })
}

fn points(axis: &[f64], y: &[f64]) -> Vec<PlotPoint> {
    axis.iter().zip(y).map(|(x, y)| PlotPoint { x: *x, y: *y }).collect()
}

/// Scales so that the highest value is 1; a curve without a positive value is drawn as zero.
fn to_unit_height(y: &[f64]) -> Vec<f64> {
    let high = y.iter().copied().fold(0.0, f64::max);
    if high > 0.0 { y.iter().map(|v| v / high).collect() } else { vec![0.0; y.len()] }
}
