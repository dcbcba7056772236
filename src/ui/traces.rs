//! From a stored scan to the two curves of the plot: the scan without its background, and its best reference.

use egui_plot::PlotPoint;

use crate::identify::{Answer, Overlay};
use crate::library::Library;
use crate::spectrum::Spectrum;

use super::widgets::Traces;
use super::words;

/// The curves of an answer. Without a library there is no reference to draw.
pub fn traces(spectrum: &Spectrum, answer: &Answer, library: Option<&Library>) -> Traces {
    let best = answer.candidates.first();
    let overlay = Overlay::new(spectrum, best.zip(library));
    let mut out = Traces { scan: points(&overlay.axis_cm1, &overlay.scan), ..Traces::default() };
    if let (Some(candidate), Some(y)) = (best, &overlay.reference) {
        out.reference = points(&overlay.axis_cm1, y);
        let tier = words::tier_words(candidate.reference.tier);
        out.reference_name = format!("{}, {tier}, similarity {:.2}", candidate.substance, candidate.score);
    }
    out
}

fn points(axis: &[f64], y: &[f64]) -> Vec<PlotPoint> {
    axis.iter().zip(y).map(|(x, y)| PlotPoint { x: *x, y: *y }).collect()
}
