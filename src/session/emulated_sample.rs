//! From the name of a substance or mixture of the library to what lies under the emulated probe.

use thiserror::Error;

use crate::analyzer::emulator::{Sample, SamplePart};
use crate::library::{Library, Reference, Tier};
use crate::spectrum::Technique;

/// The name of an empty probe.
pub const EMPTY: &str = "empty";
/// Most parts of a mixture.
const MAX_PARTS: usize = 8;

/// Why a name is no sample.
#[derive(Clone, Debug, PartialEq, Error)]
#[non_exhaustive]
pub enum EmulatedSampleError {
    /// The library does not know the name.
    #[error("the library has no substance called '{0}'; 'parcelscope library list' shows the names")]
    Unknown(String),
    /// The substance has no Raman reference from which its light could be made.
    #[error("the library has no Raman bands of '{0}', so its light cannot be emulated; choose another sample")]
    NoBands(String),
    /// A share that is none, or too many parts.
    #[error(
        "'{0}' is no mixture; write it like fentanyl:0.3+lactose:0.7, with shares above 0 and at most {MAX_PARTS} parts"
    )]
    Mixture(String),
}

/// Finds what `name` stands for: a key, name, synonym or CAS number of the library, a mixture of such names with shares of
/// the signal (`fentanyl:0.3+lactose:0.7`), or `empty`.
pub fn sample_from_name(library: &Library, name: &str) -> Result<Sample, EmulatedSampleError> {
    let name = name.trim();
    if name.eq_ignore_ascii_case(EMPTY) {
        return Ok(Sample { name: EMPTY.to_owned(), parts: Vec::new() });
    }
    // A name may itself hold a plus sign or a colon; the library's word goes first.
    if library.find(name).is_some() {
        return Ok(Sample { name: name.to_owned(), parts: vec![part(library, name, 1.0)?] });
    }
    let wrong = || EmulatedSampleError::Mixture(name.to_owned());
    if !name.contains(':') {
        return Err(EmulatedSampleError::Unknown(name.to_owned()));
    }
    let mut parts = Vec::new();
    for piece in name.split('+') {
        let (substance, share) = piece.rsplit_once(':').ok_or_else(wrong)?;
        let share: f64 = share.trim().parse().map_err(|_| wrong())?;
        if !share.is_finite() || share <= 0.0 || parts.len() == MAX_PARTS {
            return Err(wrong());
        }
        parts.push(part(library, substance, share)?);
    }
    let total: f64 = parts.iter().map(|p| p.share).sum();
    for part in &mut parts {
        part.share /= total;
    }
    Ok(Sample { name: name.to_owned(), parts })
}

/// What the window offers: every substance whose light can be made, and a few mixtures; key and title.
pub fn sample_choices(library: &Library) -> Vec<(String, String)> {
    let mut choices = vec![(EMPTY.to_owned(), "Nothing under the probe".to_owned())];
    for (index, substance) in library.substances.iter().enumerate() {
        if best_reference(library, index).is_some() {
            choices.push((substance.key.clone(), substance.name.clone()));
        }
    }
    for (mixture, title) in [
        ("fentanyl:0.5+lactose:0.5", "Mixture: fentanyl 50, lactose 50"),
        ("xylazine:0.3+caffeine:0.7", "Mixture: xylazine 30, caffeine 70"),
        ("caffeine:0.5+acetaminophen:0.5", "Mixture: caffeine 50, acetaminophen 50"),
    ] {
        if sample_from_name(library, mixture).is_ok() {
            choices.push((mixture.to_owned(), title.to_owned()));
        }
    }
    choices
}

fn part(library: &Library, name: &str, share: f64) -> Result<SamplePart, EmulatedSampleError> {
    let name = name.trim();
    let index = library.find_index(name).ok_or_else(|| EmulatedSampleError::Unknown(name.to_owned()))?;
    let reference = best_reference(library, index).ok_or_else(|| EmulatedSampleError::NoBands(name.to_owned()))?;
    Ok(SamplePart { share, bands: reference.bands.clone() })
}

/// The Raman reference with the best standing; measured before literature before computed.
fn best_reference(library: &Library, substance: usize) -> Option<&Reference> {
    let standing = |r: &&Reference| match r.tier {
        Tier::MeasuredHere => 0,
        Tier::MeasuredElsewhere => 1,
        Tier::Literature => 2,
        Tier::Computed => 3,
        Tier::Simulated => 4,
    };
    let raman = library.references_of(substance).filter(|r| r.technique == Technique::Raman && !r.bands.is_empty());
    raman.min_by_key(standing)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_mixtures_and_the_empty_probe_are_understood_and_others_refused_with_a_sentence() {
        let library = Library::bundled().expect("bundled library");
        assert_eq!(sample_from_name(&library, "sucrose").expect("known").parts.len(), 1);
        assert!(sample_from_name(&library, "EMPTY").expect("known").parts.is_empty());
        let mixture = sample_from_name(&library, "fentanyl:3+lactose:7").expect("known");
        assert!((mixture.parts[0].share - 0.3).abs() < 1e-12);
        for wrong in ["", "nothing like it", "sucrose:0", "sucrose:x", "sucrose:-1+lactose:2", "a+b"] {
            assert!(sample_from_name(&library, wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn every_choice_of_the_window_can_be_put_under_the_probe() {
        let library = Library::bundled().expect("bundled library");
        let choices = sample_choices(&library);
        assert!(choices.len() > 100, "{}", choices.len());
        for (key, _) in choices {
            sample_from_name(&library, &key).unwrap_or_else(|e| panic!("{key}: {e}"));
        }
    }
}
