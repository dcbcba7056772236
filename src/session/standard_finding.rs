//! What a measured standard says about a kit: the one place where calibrations and performance checks are judged, for the
//! window and the command line alike.

use thiserror::Error;

use crate::analyzer::{Acquisition, AnalyzerError};
use crate::signal::calibration::{
    CalibrationError, CheckLimits, Excitation, Standard, StandardKind, Standards, check_performance, fit_axis,
    fit_response, match_lines, measure_band,
};
use crate::spectrum::{AxisCorrection, Correction, Spectrum};

use super::{AxisErrors, KitFinding, KitHistory, WitnessBand};

/// How far from its place the band is looked for whose width states the resolution, cm-1.
const WITHIN_CM1: f64 = 12.0;

/// What a standard is measured for.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum StandardPurpose {
    /// To correct the kit: its axis, its resolution or its response, whichever the standard can state.
    Calibration,
    /// To judge the kit as it is.
    Check(CheckLimits),
}

/// One measured standard.
#[derive(Clone, Debug, PartialEq)]
pub struct MeasuredStandard {
    /// Key of the standard.
    pub standard: String,
    /// On the axis and with the response that the instrument has.
    pub reported: Spectrum,
    /// With the calibration of the kit.
    pub corrected: Spectrum,
    /// Laser wavelength, nm.
    pub excitation_nm: f64,
    /// Seconds of light that the intensities stand for, where they are known.
    pub seconds: Option<f64>,
}

/// Why a measured standard says nothing.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum StandardFindingError {
    /// The measurement does not show what is needed.
    #[error(transparent)]
    Calibration(#[from] CalibrationError),
    /// A calibration cannot be laid over the measurement.
    #[error("the kit's calibration does not fit this measurement ({0}); measure the standard again")]
    Correction(String),
    /// The band that states the resolution is not there.
    #[error("no band of {name} near {place_cm1:.0} cm-1; check that it lies under the probe and measure it again")]
    NoBand {
        /// The standard.
        name: String,
        /// Where the band should be, cm-1.
        place_cm1: f64,
    },
    /// No standard at all.
    #[error("no standard was measured; put one under the probe and measure it")]
    Nothing,
}

impl MeasuredStandard {
    /// The standard as a scan of it shows it.
    pub fn of_scan(standard: &str, scan: &Acquisition) -> Result<Self, AnalyzerError> {
        Ok(Self {
            standard: standard.to_owned(),
            reported: scan.uncorrected()?,
            corrected: scan.spectrum.clone(),
            excitation_nm: scan.excitation_nm,
            seconds: scan.light_seconds(),
        })
    }
}

/// What the measured standards say about the kit with this history. A check and a standard of resolution or response stand
/// alone; standards with lines are fitted together, and one that states the resolution beside them is their witness.
pub fn find_in_standards(
    purpose: StandardPurpose,
    standards: &Standards,
    measured: &[MeasuredStandard],
    history: &KitHistory,
) -> Result<KitFinding, StandardFindingError> {
    match (purpose, measured) {
        (_, []) => Err(StandardFindingError::Nothing),
        (StandardPurpose::Check(limits), [first, ..]) => check(standards, first, history, limits),
        (StandardPurpose::Calibration, [one]) => {
            if standards.glass(&one.standard).is_ok() {
                return response(standards, one, history);
            }
            match standards.with_lines(&one.standard)?.kind {
                StandardKind::Resolution => resolution(standards, one, history),
                StandardKind::Raman | StandardKind::Lamp => axis(standards, measured),
            }
        }
        (StandardPurpose::Calibration, _) => axis(standards, measured),
    }
}

fn check(
    standards: &Standards,
    measured: &MeasuredStandard,
    history: &KitHistory,
    limits: CheckLimits,
) -> Result<KitFinding, StandardFindingError> {
    let standard = standards.with_lines(&measured.standard)?;
    let first = history.first_signal_per_s();
    let (spectrum, nm) = (&measured.corrected, measured.excitation_nm);
    let outcome = check_performance(standard, spectrum, nm, measured.seconds, first, &limits)?;
    let uncalibrated = if measured.reported.axis_cm1() == spectrum.axis_cm1() {
        None
    } else {
        let as_reported = check_performance(standard, &measured.reported, nm, None, None, &limits);
        as_reported.ok().map(|o| AxisErrors { mean_cm1: o.mean_error_cm1, worst_cm1: o.worst_error_cm1 })
    };
    Ok(KitFinding::Check { outcome, limits, uncalibrated })
}

fn response(
    standards: &Standards,
    measured: &MeasuredStandard,
    history: &KitHistory,
) -> Result<KitFinding, StandardFindingError> {
    // The axis of the glass must be right before its intensities mean anything.
    let axis = history.correction().and_then(|c| c.axis);
    let on_axis = Correction { axis, ..Correction::default() }.apply(&measured.reported);
    let on_axis = on_axis.map_err(|e| StandardFindingError::Correction(e.to_string()))?;
    let curve = fit_response(standards.glass(&measured.standard)?, &on_axis, measured.excitation_nm)?;
    Ok(KitFinding::Response { curve })
}

fn resolution(
    standards: &Standards,
    measured: &MeasuredStandard,
    history: &KitHistory,
) -> Result<KitFinding, StandardFindingError> {
    let axis = history.correction().and_then(|c| c.axis);
    let (band, fwhm_sd_cm1) = witness(standards.with_lines(&measured.standard)?, measured, axis.as_ref())?;
    Ok(KitFinding::Resolution { fwhm_cm1: band.fwhm_cm1, sd_cm1: fwhm_sd_cm1, band: Some(band) })
}

/// The band of a standard whose place is published and not certified, and the standard deviation of its width, cm-1.
fn witness(
    standard: &Standard,
    measured: &MeasuredStandard,
    axis: Option<&AxisCorrection>,
) -> Result<(WitnessBand, f64), StandardFindingError> {
    let stated_cm1 = standard.lines.first().map_or(0.0, |l| l.position);
    let band = measure_band(&measured.reported, stated_cm1, WITHIN_CM1);
    let name = || standard.name.clone();
    let band = band.ok_or_else(|| StandardFindingError::NoBand { name: name(), place_cm1: stated_cm1 })?;
    let witness = WitnessBand {
        standard: standard.key.clone(),
        stated_cm1,
        before_cm1: band.position_cm1 - stated_cm1,
        after_cm1: axis.map(|axis| axis.corrected_shift_cm1(band.position_cm1) - stated_cm1),
        sd_cm1: band.position_sd_cm1,
        fwhm_cm1: band.fwhm_cm1,
    };
    Ok((witness, band.fwhm_sd_cm1))
}

fn axis(standards: &Standards, measured: &[MeasuredStandard]) -> Result<KitFinding, StandardFindingError> {
    let (mut lines, mut beside) = (Vec::new(), Vec::new());
    let (mut excitation_nm, mut range) = (0.0, (f64::INFINITY, f64::NEG_INFINITY));
    let (mut lamp, mut raman) = (false, false);
    for one in measured {
        let standard = standards.with_lines(&one.standard)?;
        (lamp, raman) = match standard.kind {
            StandardKind::Lamp => (true, raman),
            StandardKind::Raman => (lamp, true),
            StandardKind::Resolution => {
                beside.push((standard, one));
                continue;
            }
        };
        lines.extend(match_lines(standard, &one.reported, one.excitation_nm)?);
        excitation_nm = one.excitation_nm;
        let (low, high) = one.reported.range_cm1();
        range = (range.0.min(low), range.1.max(high));
    }
    let excitation = if lamp && raman { Excitation::Fitted } else { Excitation::Known };
    let fit = fit_axis(&lines, range, excitation_nm, excitation)?;
    let mut witnesses = Vec::new();
    for (standard, one) in beside {
        witnesses.push(witness(standard, one, Some(&fit.correction))?.0);
    }
    Ok(KitFinding::Axis { fit, witnesses })
}
