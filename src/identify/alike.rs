//! What a reference could be taken for: the question that a laboratory asks before it adds a substance, and an officer
//! when two names stand beside each other.

use crate::library::Reference;
use crate::signal::SearchGrid;
use crate::spectrum::Spectrum;

use super::answer::Answer;
use super::engine::Engine;

/// Resolution with which a list of bands is drawn where nobody asks for another, cm-1: that of a usual handheld.
const SHOWN_RESOLUTION_CM1: f64 = 10.0;
/// A noiseless drawing would be compared to the last digit, which no scan can be: noise of this share of the strongest
/// point is stated (not added), that of a good scan.
const STATED_NOISE: f64 = 0.003;

impl Engine {
    /// What a good scan that looks exactly like reference number `reference` would be answered if the library did not
    /// know its substance; the nearest other substances are its candidates. None where the library has no such reference
    /// or it cannot be drawn.
    ///
    /// The reference stands for a scan, so that this shows which names lie near each other, not how often they are
    /// confused in the field.
    pub fn answer_without_itself(&self, reference: usize) -> Option<Answer> {
        let library = self.library();
        let reference = library.references.get(reference)?;
        let own = &library.substance_of(reference)?.key;
        Some(self.identify_without(&drawn(reference)?, &|substance| substance.key == *own))
    }
}

/// A reference as a spectrum: the array that was measured, else its bands as a usual handheld would show them. None where
/// its range is too short for a spectrum.
pub fn drawn(reference: &Reference) -> Option<Spectrum> {
    if let Some(measured) = &reference.measured {
        return Some(measured.spectrum().clone());
    }
    let grid = SearchGrid::of(reference.technique);
    let span = grid.span(reference.range_cm1.0, reference.range_cm1.1);
    let axis_cm1: Vec<f64> = span.map(|i| grid.at(i)).collect();
    let resolution_cm1 = SHOWN_RESOLUTION_CM1.max(reference.own_resolution_cm1);
    let heights = reference.synthesize(&axis_cm1, resolution_cm1, reference.own_resolution_cm1);
    let highest = heights.iter().copied().fold(0.0, f64::max);
    let noise = vec![(STATED_NOISE * highest).max(f64::MIN_POSITIVE); heights.len()];
    let spectrum = Spectrum::new(reference.technique, axis_cm1, heights).ok()?;
    Some(spectrum.with_noise(noise).ok()?.with_resolution(resolution_cm1))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::library::Library;

    #[test]
    fn a_reference_is_never_taken_for_its_own_substance_and_its_look_alikes_come_by_likeness() {
        let engine = Engine::new(Library::bundled().unwrap());
        let library = engine.library().clone();
        let mut asked = 0;
        for (number, reference) in library.references.iter().enumerate().step_by(5) {
            let own = &library.substance_of(reference).unwrap().name;
            let Some(answer) = engine.answer_without_itself(number) else { continue };
            asked += 1;
            assert!(answer.candidates.iter().all(|c| c.substance != *own), "{own}");
            assert!(answer.candidates.is_sorted_by(|a, b| a.score >= b.score), "{own}");
        }
        assert!(asked > 20, "{asked}");
        assert!(engine.answer_without_itself(library.references.len()).is_none());
    }

    #[test]
    fn a_drawn_reference_is_found_again_by_its_own_name() {
        let engine = Engine::new(Library::bundled().unwrap());
        let library = engine.library().clone();
        let able = library.references.iter().filter(|r| r.can_support_identification()).step_by(4);
        let (mut first, mut all) = (0, 0);
        for reference in able {
            let answer = engine.identify(&drawn(reference).unwrap());
            let own = &library.substance_of(reference).unwrap().name;
            all += 1;
            first += usize::from(answer.candidates.first().is_some_and(|c| c.substance == *own));
        }
        assert!(all > 10 && first == all, "{first} of {all}");
    }
}
