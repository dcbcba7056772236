//! The two curves that show what an answer rests on: the scan without its background, and a reference as this instrument
//! would show it, where the search found it to fit best. The window and the report draw the same.

use crate::library::{Library, Reference};
use crate::signal::prepare;
use crate::spectrum::{Spectrum, Technique};

use super::Candidate;

/// Curves over one axis, highest value 1.
#[derive(Clone, Debug, PartialEq)]
pub struct Overlay {
    /// Raman shift or wavenumber, cm-1.
    pub axis_cm1: Vec<f64>,
    /// The scan, baseline removed.
    pub scan: Vec<f64>,
    /// The reference of the candidate, where the library has it.
    pub reference: Option<Vec<f64>>,
}

impl Overlay {
    /// The curves of a spectrum and of a candidate of its answer.
    pub fn new(spectrum: &Spectrum, shown: Option<(&Candidate, &Library)>) -> Self {
        let prepared = prepare(spectrum);
        let scan = prepared.signal();
        let axis_cm1: Vec<f64> = (0..scan.len()).map(|i| prepared.grid().at(prepared.first() + i)).collect();
        let reference = shown.and_then(|(candidate, library)| {
            let reference = reference_of(library, candidate, spectrum.technique())?;
            let own: Vec<f64> = axis_cm1.iter().map(|x| x - candidate.shift_cm1).collect();
            let mut y = reference.synthesize(&own, prepared.match_resolution_cm1(), reference.own_resolution_cm1);
            if !reference.usual_heights {
                let factors = own.iter().map(|x| spectrum.technique().height_factor(reference.technique, *x));
                y.iter_mut().zip(factors).for_each(|(v, factor)| *v *= factor);
            }
            Some(unit_height(&y))
        });
        Self { scan: unit_height(scan), axis_cm1, reference }
    }
}

/// The reference behind a candidate: same substance, tier, source and item of it, same technique. Answers of older records
/// name no item.
fn reference_of<'a>(library: &'a Library, candidate: &Candidate, technique: Technique) -> Option<&'a Reference> {
    library.references.iter().find(|r| {
        r.tier == candidate.reference.tier
            && r.source == candidate.reference.source
            && (candidate.reference.item.is_none() || r.source_item == candidate.reference.item)
            && technique.compares_with(r.technique)
            && library.substance_of(r).is_some_and(|s| s.name == candidate.substance)
    })
}

/// Scales so that the highest value is 1; a curve without a positive value is drawn as zero.
fn unit_height(y: &[f64]) -> Vec<f64> {
    let high = y.iter().copied().fold(0.0, f64::max);
    if high > 0.0 { y.iter().map(|v| v / high).collect() } else { vec![0.0; y.len()] }
}
