//! The two curves of a report: the scan without its background, and the reference that fits it best as this instrument
//! would show it.

use crate::casebook::ScanRecord;
use crate::identify::Candidate;
use crate::library::Library;
use crate::signal::prepare;

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
    let prepared = prepare(&record.acquisition.spectrum);
    let scan = prepared.signal();
    let axis_cm1: Vec<f64> = (0..scan.len()).map(|i| prepared.grid().at(prepared.first() + i)).collect();
    let reference = shown(record, library).map(|(candidate, library)| {
        let reference = library.references.iter().find(|r| {
            r.tier == candidate.reference.tier
                && r.source == candidate.reference.source
                && r.technique == record.answer.technique
                && library.substance_of(r).is_some_and(|s| s.name == candidate.substance)
        });
        let own: Vec<f64> = axis_cm1.iter().map(|x| x - candidate.shift_cm1).collect();
        let y =
            reference.map(|r| unit_height(&r.synthesize(&own, prepared.match_resolution_cm1(), r.own_resolution_cm1)));
        let tier = words::tier(candidate.reference.tier);
        (format!("{}, {tier}, similarity {:.2}", candidate.substance, candidate.score), y)
    });
    let reference = match reference {
        Ok((name, Some(y))) => Ok((name, y)),
        Ok((_, None)) => Err("The reference is not in the library of that name."),
        Err(why) => Err(why),
    };
    Curves { axis_cm1, scan: unit_height(scan), reference }
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

/// Scales so that the highest value is 1; a curve without a positive value is drawn as zero.
fn unit_height(y: &[f64]) -> Vec<f64> {
    let high = y.iter().copied().fold(0.0, f64::max);
    if high > 0.0 { y.iter().map(|v| v / high).collect() } else { vec![0.0; y.len()] }
}
