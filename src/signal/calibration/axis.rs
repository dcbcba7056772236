//! The smooth correction that brings the lines of standards into their places.

use nalgebra::{SMatrix, SVector};
use serde::{Deserialize, Serialize};

use crate::spectrum::{AxisCorrection, legendre, wavelength_nm};

use super::{CalibrationError, LinePlace, MatchedLine};

/// Standard deviations that the coefficients of the Legendre polynomials P0 to P3 have before anything is measured, as
/// shifts in cm-1. They decide only where no line is.
const COEFFICIENT_SD_CM1: [f64; 4] = [6.0, 4.0, 2.5, 2.0];
/// The same for the laser wavelength, nm: diodes without stabiliser.
const EXCITATION_SD_NM: f64 = 0.5;
/// Standard deviation of a standard's value and of the instrument's line shape, cm-1: the scatter that the round robin of
/// ASTM E1840 gives for most lines.
const LINE_SD_CM1: f64 = 0.3;
/// Residuals beyond this many standard deviations do not count (Tukey's biweight).
const TUKEY: f64 = 4.7;
/// Gauss-Newton steps; each also weighs the lines anew.
const STEPS: usize = 25;
/// What may be left of the lines that count, cm-1 rms.
const LEFT_MAX_CM1: f64 = 1.0;
/// Places on the axis for which the uncertainty is stated.
const PLACES: u32 = 9;
/// Largest standard deviation of the corrected axis where it is called trustworthy, cm-1. Emulated kits that were 6 cm-1
/// wrong were then right within 0.7 cm-1 rms.
pub const TRUSTED_SD_CM1: f64 = 0.5;
/// Steps in which the end of the trustworthy range is looked for, cm-1.
const TRUSTED_STEP_CM1: f64 = 5.0;
/// An end of the axis so short, cm-1, is no reason to measure another standard.
const EDGE_CM1: f64 = 50.0;
/// Unknowns: four coefficients and the laser.
const UNKNOWNS: usize = 5;

type Vector = SVector<f64, UNKNOWNS>;
type Matrix = SMatrix<f64, UNKNOWNS, UNKNOWNS>;

/// Whether the laser wavelength of the kit is believed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Excitation {
    /// It is known; all of the error is put on the wavelengths. Raman standards alone cannot tell one from the other, and
    /// need not: the Raman shifts come out the same.
    Known,
    /// It is fitted. Needs a lamp, which alone fixes the wavelengths, beside a Raman standard.
    Fitted,
}

/// What became of a line.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct LineResult {
    /// The line and its band.
    pub line: MatchedLine,
    /// Reported minus true place before the correction, cm-1.
    pub before_cm1: f64,
    /// Corrected minus true place, cm-1.
    pub after_cm1: f64,
    /// False when it lies so far off that it was not believed.
    pub used: bool,
}

/// A fitted axis.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct AxisFit {
    /// The correction.
    pub correction: AxisCorrection,
    /// Every line.
    pub lines: Vec<LineResult>,
    /// Root mean square of the errors of the used lines before, cm-1, each weighted by how well its place is known.
    pub before_rms_cm1: f64,
    /// The same after the correction, cm-1.
    pub after_rms_cm1: f64,
    /// The same when every line is predicted from the others: what a new line would show, cm-1. None below five lines.
    pub left_out_rms_cm1: Option<f64>,
    /// Range between the outermost used lines, cm-1. Outside it the correction is extrapolated.
    pub covered_cm1: (f64, f64),
    /// Standard deviation of the corrected axis at places along it: reported shift and deviation, both cm-1.
    pub uncertainty_cm1: Vec<(f64, f64)>,
    /// The range around the lines in which that deviation is at most [`TRUSTED_SD_CM1`]: beyond it the lines say too
    /// little. None in records of before it was stated.
    #[serde(default)]
    pub trusted_cm1: Option<(f64, f64)>,
}

impl AxisFit {
    /// True where more than an edge of the axis is not trustworthy.
    pub fn leaves_out(&self) -> bool {
        let (Some(trusted), Some(first), Some(last)) =
            (self.trusted_cm1, self.uncertainty_cm1.first(), self.uncertainty_cm1.last())
        else {
            return false;
        };
        first.0 < trusted.0 - EDGE_CM1 || last.0 > trusted.1 + EDGE_CM1
    }
}

/// Fits the axis of an instrument that reports `range_cm1` and computes it with `excitation_nm` to lines of one or more
/// standards.
pub fn fit_axis(
    lines: &[MatchedLine],
    range_cm1: (f64, f64),
    excitation_nm: f64,
    excitation: Excitation,
) -> Result<AxisFit, CalibrationError> {
    let lamp = lines.iter().any(|l| matches!(l.place, LinePlace::WavelengthNm(_)));
    let raman = lines.iter().any(|l| matches!(l.place, LinePlace::ShiftCm1(_)));
    if excitation == Excitation::Fitted && !(lamp && raman) {
        return Err(CalibrationError::WrongStandard {
            name: "one kind of line alone".to_owned(),
            purpose: "fitting the laser wavelength",
            instead: "a neon lamp and a Raman standard together",
        });
    }
    let start = AxisCorrection::none(excitation_nm, range_cm1);
    let problem = Problem { lines, start, excitation };
    let solution = problem.solve(None);
    let results: Vec<LineResult> = lines
        .iter()
        .map(|line| LineResult {
            line: *line,
            before_cm1: error_cm1(&problem.start, line),
            after_cm1: error_cm1(&solution.correction, line),
            used: weight(error_cm1(&solution.correction, line), line, solution.scale) > 0.0,
        })
        .collect();
    let used = || results.iter().filter(|r| r.used);
    let after_rms_cm1 = rms(used().map(|r| (&r.line, r.after_cm1)));
    let enough = used().count() * 2 > results.len();
    if !enough || after_rms_cm1.is_nan() || after_rms_cm1 > LEFT_MAX_CM1 {
        return Err(CalibrationError::NotSmooth { rms_cm1: rms(results.iter().map(|r| (&r.line, r.after_cm1))) });
    }
    let left_out = (results.len() >= 5).then(|| {
        rms(results
            .iter()
            .enumerate()
            .filter(|(_, r)| r.used)
            .map(|(i, r)| (&r.line, error_cm1(&problem.solve(Some(i)).correction, &r.line))))
    });
    let places = || used().map(|r| r.line.reported_cm1);
    let covered_cm1 = (places().fold(f64::INFINITY, f64::min), places().fold(f64::NEG_INFINITY, f64::max));
    Ok(AxisFit {
        trusted_cm1: solution.trusted(&problem.start, covered_cm1, range_cm1),
        before_rms_cm1: rms(used().map(|r| (&r.line, r.before_cm1))),
        after_rms_cm1,
        left_out_rms_cm1: left_out,
        covered_cm1,
        uncertainty_cm1: solution.uncertainty(&problem.start, range_cm1),
        correction: solution.correction,
        lines: results,
    })
}

/// Corrected minus true place of a line, cm-1; for a lamp line at the laser wavelength of the correction.
pub fn error_cm1(correction: &AxisCorrection, line: &MatchedLine) -> f64 {
    let corrected = correction.corrected_shift_cm1(line.reported_cm1);
    match line.place {
        LinePlace::ShiftCm1(truth) => corrected - truth,
        LinePlace::WavelengthNm(truth) => corrected - crate::spectrum::shift_cm1(correction.excitation_nm, truth),
    }
}

/// Root mean square of errors, each weighted by how well the place of its line is known; not a number for none.
fn rms<'a>(errors: impl Iterator<Item = (&'a MatchedLine, f64)>) -> f64 {
    let (sum, weights) = errors.fold((0.0, 0.0), |(sum, weights), (line, error)| {
        let weight = line_sd(line).powi(-2);
        (sum + weight * error * error, weights + weight)
    });
    (sum / weights).sqrt()
}

fn line_sd(line: &MatchedLine) -> f64 {
    line.reported_sd_cm1.hypot(LINE_SD_CM1)
}

/// Weight of a line after its residual, 0..=1.
fn weight(residual_cm1: f64, line: &MatchedLine, scale: f64) -> f64 {
    let u = residual_cm1 / (TUKEY * line_sd(line) * scale);
    if u.abs() < 1.0 { (1.0 - u * u).powi(2) } else { 0.0 }
}

struct Problem<'a> {
    lines: &'a [MatchedLine],
    start: AxisCorrection,
    excitation: Excitation,
}

struct Solution {
    correction: AxisCorrection,
    covariance: Matrix,
    scale: f64,
}

impl Problem<'_> {
    /// Standard deviations of the unknowns before anything is measured, nm.
    fn prior_sd_nm(&self) -> Vector {
        let middle_nm = f64::midpoint(self.start.domain_nm.0, self.start.domain_nm.1);
        let nm_per_cm1 = middle_nm * middle_nm / 1e7;
        let [a, b, c, d] = COEFFICIENT_SD_CM1.map(|sd| sd * nm_per_cm1);
        Vector::from([a, b, c, d, if self.excitation == Excitation::Fitted { EXCITATION_SD_NM } else { 1e-9 }])
    }

    fn correction(&self, unknowns: &Vector) -> AxisCorrection {
        let [a, b, c, d, laser] = unknowns.data.0[0];
        AxisCorrection {
            offset_nm: [a, b, c, d],
            excitation_nm: self.start.reported_excitation_nm + laser,
            ..self.start.clone()
        }
    }

    /// Iterates weighted least squares; `without` leaves one line out.
    fn solve(&self, without: Option<usize>) -> Solution {
        let prior = self.prior_sd_nm();
        let mut unknowns = Vector::zeros();
        let mut covariance = Matrix::identity();
        let mut scale = 20.0;
        for step in 0..STEPS {
            let correction = self.correction(&unknowns);
            let mut normal = Matrix::from_diagonal(&prior.map(|sd| 1.0 / (sd * sd)));
            let mut gradient = -unknowns.component_div(&prior.component_mul(&prior));
            let mut pulls = Vec::new();
            for (i, line) in self.lines.iter().enumerate() {
                if Some(i) == without {
                    continue;
                }
                let residual = error_cm1(&correction, line);
                pulls.push((residual / line_sd(line)).abs());
                let slope = slope(&correction, line);
                let w = weight(residual, line, scale) / line_sd(line).powi(2);
                normal += slope * slope.transpose() * w;
                gradient -= slope * (residual * w);
            }
            let Some(cholesky) = normal.cholesky() else { break };
            unknowns += cholesky.solve(&gradient);
            covariance = cholesky.inverse();
            // The net is drawn in from step to step, so that a wrong line does not decide the first fit.
            pulls.sort_by(f64::total_cmp);
            let typical = pulls.get(pulls.len() / 2).copied().unwrap_or(1.0) / 0.674_5;
            scale = if step < 6 { typical.max(2.0) } else { typical.max(1.0) };
        }
        Solution { correction: self.correction(&unknowns), covariance, scale }
    }
}

/// Derivative of a line's error to the unknowns, cm-1 per nm.
fn slope(correction: &AxisCorrection, line: &MatchedLine) -> Vector {
    let reported_nm = wavelength_nm(correction.reported_excitation_nm, line.reported_cm1);
    let wavelength = correction.corrected_wavelength_nm(reported_nm);
    let per_nm = 1e7 / (wavelength * wavelength);
    let [a, b, c, d] = legendre(correction.place(reported_nm)).map(|p| p * per_nm);
    // A lamp line is compared at the same laser on both sides, which cancels.
    let laser = match line.place {
        LinePlace::ShiftCm1(_) => -1e7 / (correction.excitation_nm * correction.excitation_nm),
        LinePlace::WavelengthNm(_) => 0.0,
    };
    Vector::from([a, b, c, d, laser])
}

impl Solution {
    fn uncertainty(&self, start: &AxisCorrection, range_cm1: (f64, f64)) -> Vec<(f64, f64)> {
        (0..PLACES)
            .map(|i| {
                let shift = range_cm1.0 + (range_cm1.1 - range_cm1.0) * f64::from(i) / f64::from(PLACES - 1);
                (shift, self.sd_cm1(start, shift))
            })
            .collect()
    }

    /// Standard deviation of the corrected axis where it reports `shift_cm1`, cm-1.
    fn sd_cm1(&self, start: &AxisCorrection, shift_cm1: f64) -> f64 {
        let nm = wavelength_nm(start.reported_excitation_nm, shift_cm1);
        let per_nm = 1e7 / (nm * nm);
        let [a, b, c, d] = legendre(start.place(nm)).map(|p| p * per_nm);
        let excitation = self.correction.excitation_nm;
        let slope = Vector::from([a, b, c, d, -1e7 / (excitation * excitation)]);
        (slope.transpose() * self.covariance * slope).x.max(0.0).sqrt()
    }

    /// The trustworthy range: from the place between the outermost lines that is known best up to where the deviation is
    /// too large on either side. `None` where it is too large everywhere.
    fn trusted(&self, start: &AxisCorrection, covered_cm1: (f64, f64), range_cm1: (f64, f64)) -> Option<(f64, f64)> {
        let sd = |shift: f64| self.sd_cm1(start, shift);
        let count = ((range_cm1.1 - range_cm1.0) / TRUSTED_STEP_CM1).clamp(1.0, 10_000.0) as u32;
        let places: Vec<f64> =
            (0..=count).map(|i| range_cm1.0 + (range_cm1.1 - range_cm1.0) * f64::from(i) / f64::from(count)).collect();
        let between = places.iter().copied().filter(|x| (covered_cm1.0..=covered_cm1.1).contains(x));
        let best = between.min_by(|a, b| sd(*a).total_cmp(&sd(*b))).filter(|x| sd(*x) <= TRUSTED_SD_CM1)?;
        let fits = |x: &&f64| sd(**x) <= TRUSTED_SD_CM1;
        let low = places.iter().rev().filter(|x| **x <= best).take_while(fits).last().copied();
        let high = places.iter().filter(|x| **x >= best).take_while(fits).last().copied();
        Some((low.unwrap_or(best), high.unwrap_or(best)))
    }
}
