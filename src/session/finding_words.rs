//! What was found about a kit, in words.

use std::fmt::Write as _;

use crate::signal::calibration::{AxisFit, TRUSTED_SD_CM1};

use super::{KitFinding, WitnessBand};

/// The standards that together reach from one end of a usual axis to the other.
const WHOLE_AXIS: &str = "polystyrene and toluene-acetonitrile together, best with acetaminophen as the third";

impl KitFinding {
    /// One line: what was found.
    pub fn words(&self) -> String {
        match self {
            Self::Axis { fit, .. } => axis(fit),
            Self::Response { curve } => {
                let (low, high) = curve.range_cm1();
                format!("response measured from {low:.0} to {high:.0} cm-1")
            }
            Self::Resolution { fwhm_cm1, sd_cm1, .. } => format!("resolution {fwhm_cm1:.2} +- {sd_cm1:.2} cm-1"),
            Self::White { scans } => {
                let points = scans.first().map_or(0, |scan| scan.wavelengths_nm.len());
                format!("white standard measured: {} scans of {points} points", scans.len())
            }
            Self::Check { outcome, limits, .. } => format!(
                "{}: shift {:+.2}, worst {:+.2} cm-1 (allowed {:.1}), band {:.1} cm-1 wide, {:.0} times its noise",
                if outcome.passed() { "passed" } else { "failed" },
                outcome.mean_error_cm1,
                outcome.worst_error_cm1,
                limits.tolerance_cm1,
                outcome.width_cm1,
                outcome.snr
            ),
            Self::Discarded { found } => format!("not kept: {}", found.words()),
        }
    }

    /// What is to be known beside it, a sentence each: errors of the axis before and after, where it may be trusted, what
    /// to measure for more.
    pub fn remarks(&self) -> Vec<String> {
        match self {
            Self::Axis { fit, witnesses } => trust(fit).into_iter().chain(witnesses.iter().map(witness)).collect(),
            Self::Resolution { band, .. } => band.iter().map(witness).collect(),
            Self::Check { outcome, uncalibrated: Some(before), .. } => vec![format!(
                "without the calibration of the kit: shift {:+.2}, worst {:+.2} cm-1; with it: shift {:+.2}, worst {:+.2} cm-1",
                before.mean_cm1, before.worst_cm1, outcome.mean_error_cm1, outcome.worst_error_cm1
            )],
            Self::Check { uncalibrated: None, .. } => {
                vec![
                    "no calibration of the axis was applied: the errors are those that the instrument reports"
                        .to_owned(),
                ]
            }
            Self::Response { .. } | Self::White { .. } | Self::Discarded { .. } => Vec::new(),
        }
    }
}

fn axis(fit: &AxisFit) -> String {
    let mut text = format!(
        "axis calibrated with {} lines between {:.0} and {:.0} cm-1: {:.2} cm-1 rms before, {:.2} after",
        fit.lines.iter().filter(|l| l.used).count(),
        fit.covered_cm1.0,
        fit.covered_cm1.1,
        fit.before_rms_cm1,
        fit.after_rms_cm1
    );
    if let Some(left_out) = fit.left_out_rms_cm1 {
        // Writing to a String cannot fail.
        let _ = write!(text, ", {left_out:.2} for a line that was left out");
    }
    text
}

/// Where the axis may be trusted.
fn trust(fit: &AxisFit) -> Vec<String> {
    // A record of before it was stated.
    if fit.trusted_cm1.is_none() && fit.uncertainty_cm1.is_empty() {
        return Vec::new();
    }
    let Some((low, high)) = fit.trusted_cm1 else {
        return vec![format!("trustworthy nowhere: the lines say too little; calibrate with {WHOLE_AXIS}")];
    };
    let mut text = format!(
        "trustworthy from {low:.0} to {high:.0} cm-1, where its standard deviation is at most {TRUSTED_SD_CM1} cm-1"
    );
    if fit.leaves_out() {
        // Writing to a String cannot fail.
        let _ = write!(text, "; for the rest of the axis calibrate with {WHOLE_AXIS}");
    }
    vec![text]
}

fn witness(band: &WitnessBand) -> String {
    let WitnessBand { standard, stated_cm1, before_cm1, after_cm1, sd_cm1, fwhm_cm1 } = band;
    let after = match after_cm1 {
        Some(after) => format!("{after:+.2} after the calibration of the axis"),
        None => "no calibration of the axis is known".to_owned(),
    };
    format!(
        "{standard}, {fwhm_cm1:.2} cm-1 wide, against its nominal {stated_cm1:.1} cm-1 (ASTM E2529 and Ph. Eur. 2.2.48; no certified place exists): {before_cm1:+.2} +- {sd_cm1:.2} cm-1 before, {after}"
    )
}
