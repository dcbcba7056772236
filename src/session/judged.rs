//! What the conditions of a scan do to the engine's answer: said once, for the scan and for its replay.

use crate::analyzer::Acquisition;
use crate::casebook::{LastBlank, ScanKind};
use crate::identify::Answer;

use super::scan_exposure::too_weak;

/// The engine's answer to the spectrum of `acquisition` with what its conditions say: emulated or not, a sample that
/// changed, light too weak, a kit without a valid check, a blank that was not clean. `in_memory` is the emulated kit of this
/// program, which cannot go out of adjustment.
pub(super) fn judged(
    answer: Answer,
    acquisition: &Acquisition,
    in_memory: bool,
    (kind, last_blank): (ScanKind, Option<&LastBlank>),
) -> Answer {
    let conditions = &acquisition.conditions;
    let mut answer = match conditions.changed_during_scan {
        Some(sigmas) => answer.with_sample_change(sigmas),
        None => answer,
    };
    answer.simulated = acquisition.simulated;
    answer.quality.problems.extend(too_weak(acquisition, answer.quality.snr));
    // A near-infrared scan stands on its white reference.
    if !in_memory && conditions.nir.is_none() && !conditions.check.is_verified() {
        answer.quality.problems.push(conditions.check.words());
    }
    if kind == ScanKind::Blank {
        return answer.as_blank(&LastBlank::since(last_blank));
    }
    answer.quality.problems.extend(last_blank.and_then(LastBlank::doubt));
    answer
}
