//! The performance check: is the instrument still what it was calibrated to be?

use serde::{Deserialize, Serialize};

use crate::spectrum::Spectrum;

use super::{CalibrationError, LinePlace, MatchedLine, Standard, match_lines, measure_band};

/// Places that are known worse than this do not fail a check, cm-1.
const PLACE_SD_MAX_CM1: f64 = 0.7;
/// How far from its place a band is looked for whose width is measured, cm-1.
const WITHIN_CM1: f64 = 10.0;

/// What a check must show.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct CheckLimits {
    /// Largest distance of a line from its place, cm-1. ASTM E1840 sets no limit; 3 cm-1 is usual for handhelds.
    pub tolerance_cm1: f64,
    /// Widest band of the standard's strongest line, cm-1. Ph. Eur. 2.2.48 asks for 15 or less of handhelds that identify.
    pub resolution_max_cm1: f64,
    /// Least height of the strongest line over its noise.
    pub snr_min: f64,
    /// Least height of the strongest line per second, as a share of the first passed check.
    pub signal_share_min: f64,
}

impl Default for CheckLimits {
    fn default() -> Self {
        Self { tolerance_cm1: 3.0, resolution_max_cm1: 15.0, snr_min: 30.0, signal_share_min: 0.3 }
    }
}

/// One line of a check.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct CheckedLine {
    /// Where it should be, cm-1.
    pub place_cm1: f64,
    /// Measured minus that, cm-1.
    pub error_cm1: f64,
    /// Standard deviation of the measured place, cm-1.
    pub sd_cm1: f64,
}

/// What a check showed.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct CheckOutcome {
    /// Every line that was found.
    pub lines: Vec<CheckedLine>,
    /// Largest error of the lines whose place is well known, cm-1.
    pub worst_error_cm1: f64,
    /// Mean of their errors, cm-1: the shift of the axis.
    pub mean_error_cm1: f64,
    /// Root mean square of their errors, cm-1.
    pub rms_error_cm1: f64,
    /// Width of the strongest line, cm-1.
    pub width_cm1: f64,
    /// Height of the strongest line over the noise at its place.
    pub snr: f64,
    /// Height of the strongest line, counts per second of integration, where the time is known.
    pub signal_per_s: Option<f64>,
    /// What is out of tolerance, one sentence each; empty when the check is passed.
    pub problems: Vec<String>,
}

impl CheckOutcome {
    /// True when nothing is out of tolerance.
    pub fn passed(&self) -> bool {
        self.problems.is_empty()
    }
}

/// Judges a measurement of `standard`, which is a Raman standard. `seconds` is the light's integration time that the
/// intensities stand for, `first_signal_per_s` the signal of the first passed check.
pub fn check_performance(
    standard: &Standard,
    spectrum: &Spectrum,
    excitation_nm: f64,
    seconds: Option<f64>,
    first_signal_per_s: Option<f64>,
    limits: &CheckLimits,
) -> Result<CheckOutcome, CalibrationError> {
    let matched = match_lines(standard, spectrum, excitation_nm)?;
    let error = |line: &MatchedLine| match line.place {
        LinePlace::ShiftCm1(place) => Some((place, line.reported_cm1 - place)),
        LinePlace::WavelengthNm(_) => None,
    };
    let lines: Vec<CheckedLine> = matched
        .iter()
        .filter_map(|line| {
            let (place_cm1, error_cm1) = error(line)?;
            Some(CheckedLine { place_cm1, error_cm1, sd_cm1: line.reported_sd_cm1 })
        })
        .collect();
    let known: Vec<f64> = lines.iter().filter(|l| l.sd_cm1 <= PLACE_SD_MAX_CM1).map(|l| l.error_cm1).collect();
    let strongest = matched.iter().max_by(|a, b| a.height.total_cmp(&b.height));
    let (Some(strongest), false) = (strongest, known.is_empty()) else {
        return Err(CalibrationError::WrongStandard {
            name: standard.name.clone(),
            purpose: "a performance check with this measurement",
            instead: "polystyrene, measured with more light",
        });
    };
    let count = known.len() as f64;
    let worst_error_cm1 = known.iter().copied().fold(0.0_f64, |worst, e| if e.abs() > worst.abs() { e } else { worst });
    let shape = measure_band(spectrum, strongest.reported_cm1, WITHIN_CM1);
    let width_cm1 = shape.map_or(strongest.fwhm_cm1, |band| band.fwhm_cm1);
    let snr = strongest.height / noise_at(spectrum, strongest.reported_cm1);
    let signal_per_s = seconds.filter(|s| *s > 0.0).map(|s| strongest.height / s);

    let mut problems = Vec::new();
    if worst_error_cm1.abs() > limits.tolerance_cm1 {
        problems.push(format!(
            "a line is {worst_error_cm1:+.1} cm-1 from its place and {:.1} are allowed; calibrate the axis",
            limits.tolerance_cm1
        ));
    }
    if width_cm1 > limits.resolution_max_cm1 {
        problems.push(format!(
            "the strongest line is {width_cm1:.1} cm-1 wide and {:.1} are allowed; have the focus of the spectrometer checked",
            limits.resolution_max_cm1
        ));
    }
    if snr < limits.snr_min {
        problems.push(format!(
            "the strongest line is only {snr:.0} times the noise and {:.0} are needed; clean the probe's window, press it on the standard, measure again",
            limits.snr_min
        ));
    }
    if let (Some(now), Some(first)) = (signal_per_s, first_signal_per_s)
        && now < limits.signal_share_min * first
    {
        problems.push(format!(
            "the signal is {:.0} % of that of the first check and {:.0} % are needed; clean the window and check the laser's power",
            100.0 * now / first,
            100.0 * limits.signal_share_min
        ));
    }
    Ok(CheckOutcome {
        worst_error_cm1,
        mean_error_cm1: known.iter().sum::<f64>() / count,
        rms_error_cm1: (known.iter().map(|e| e * e).sum::<f64>() / count).sqrt(),
        lines,
        width_cm1,
        snr,
        signal_per_s,
        problems,
    })
}

fn noise_at(spectrum: &Spectrum, shift_cm1: f64) -> f64 {
    let at = spectrum.axis_cm1().partition_point(|x| *x < shift_cm1);
    let noise = match spectrum.noise_sd() {
        Some(noise) => noise.get(at).copied(),
        None => crate::signal::noise_profile(spectrum.intensity()).get(at).copied(),
    };
    noise.unwrap_or(1.0).max(f64::MIN_POSITIVE)
}
