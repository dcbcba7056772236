//! The curves of a report, and in words why there is no reference where there is none.

use crate::casebook::ScanRecord;
use crate::identify::{Candidate, Overlay};
use crate::library::Library;

use super::words;

/// Curves over one axis, highest value 1.
pub(super) struct Curves {
    /// Raman shift or wavenumber, cm-1.
    pub axis_cm1: Vec<f64>,
    /// The scan, baseline removed.
    pub scan: Vec<f64>,
    /// Name and values of the reference, where there is one to draw.
    pub reference: Result<(String, Vec<f64>), &'static str>,
}

/// The curves of a record. A library that is not the one of the record draws no reference: it could be another one.
pub(super) fn curves(record: &ScanRecord, library: Option<&Library>) -> Curves {
    let shown = shown(record, library);
    let Overlay { axis_cm1, scan, reference } = Overlay::new(&record.acquisition.spectrum, shown.ok());
    let reference = shown.and_then(|(candidate, _)| {
        let y = reference.ok_or("The reference is not in the library of that name.")?;
        let tier = words::tier(candidate.reference.tier);
        Ok((format!("{}, {tier}, similarity {:.2}", candidate.substance, candidate.score), y))
    });
    Curves { axis_cm1, scan, reference }
}

/// The candidate whose reference is drawn: the one that was named, else the best.
fn shown<'a>(
    record: &'a ScanRecord,
    library: Option<&'a Library>,
) -> Result<(&'a Candidate, &'a Library), &'static str> {
    let answer = &record.answer;
    let named = |c: &&Candidate| answer.identified.iter().any(|i| i.substance == c.substance);
    let candidate = answer.candidates.iter().find(named).or_else(|| answer.candidates.first());
    let candidate = candidate.ok_or("No reference resembles this scan.")?;
    let library = library.filter(|l| l.identity.sha256 == answer.library.sha256);
    Ok((candidate, library.ok_or("The library of this record is not installed here, so no reference is drawn.")?))
}
