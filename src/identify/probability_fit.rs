//! Fits the probability model and takes the thresholds, on rows that `parcelscope evaluate calibrate` gathers.

use std::fmt::Write as _;

use nalgebra::{DMatrix, DVector};

use super::probability::{FEATURES, model_log_odds};

/// Strength of the ridge on standardised coefficients: a prior of standard deviation 3 on each.
const RIDGE: f64 = 1.0 / 9.0;
/// Newton steps; the fit has settled after a dozen.
const STEPS: usize = 50;
/// Thresholds are kept up to this rate of wrong names.
const KEPT_RATE: f64 = 0.10;
/// Bins of the calibration error.
const BINS: usize = 10;

/// One calibration scan: the best reference that may identify, the evidence for it, and whether it is right.
#[derive(Clone, Debug, PartialEq)]
#[expect(clippy::struct_excessive_bools, reason = "each is one question about the scan")]
pub struct CalibrationRow {
    /// The evidence.
    pub features: [f64; FEATURES],
    /// True when the best reference is the truth.
    pub right: bool,
    /// True when it or a substance that would be declared with it, as not told apart, is the truth.
    pub declared: bool,
    /// True when the substance of the best reference alarms.
    pub best_alarms: bool,
    /// True when it meets the demands on a name, before the odds.
    pub carries_name: bool,
    /// True when the own substance was hidden.
    pub left_out: bool,
}

impl CalibrationRow {
    /// Odds that the best reference names the right substance, by the embedded model.
    pub fn odds(&self) -> f64 {
        model_log_odds(&self.features).exp()
    }
}

/// Thresholds of one kind of substance.
#[derive(Clone, Debug, PartialEq)]
struct Kind {
    scans: usize,
    wrong: Vec<f64>,
}

/// A fitted model with its thresholds.
#[derive(Clone, Debug, PartialEq)]
pub struct FittedProbability {
    constant: f64,
    coefficients: [f64; FEATURES],
    alarming: Kind,
    other: Kind,
}

impl FittedProbability {
    fn log_odds(&self, row: &CalibrationRow) -> f64 {
        self.constant + row.features.iter().zip(self.coefficients).map(|(f, c)| f * c).sum::<f64>()
    }

    /// Expected calibration error on other rows: the mean distance between stated probability and frequency, over ten
    /// bins, weighted by their rows.
    pub fn error_on(&self, rows: &[CalibrationRow]) -> f64 {
        let mut bins = [(0.0, 0.0); BINS];
        for row in rows {
            let p = 1.0 / (1.0 + (-self.log_odds(row)).exp());
            let bin = ((p * BINS as f64) as usize).min(BINS - 1);
            bins[bin].0 += p;
            bins[bin].1 += f64::from(u8::from(row.right));
        }
        bins.iter().map(|(stated, found)| (stated - found).abs()).sum::<f64>() / rows.len().max(1) as f64
    }
}

/// Logistic regression with a small ridge (Newton's method on standardised features) on `fit`; thresholds from
/// those of `thresholds`, apart by whether the best reference alarms.
pub fn fit_probability(fit: &[CalibrationRow], thresholds: &[CalibrationRow]) -> FittedProbability {
    let n = fit.len().max(1) as f64;
    let mean: [f64; FEATURES] = std::array::from_fn(|k| fit.iter().map(|r| r.features[k]).sum::<f64>() / n);
    let sd: [f64; FEATURES] = std::array::from_fn(|k| {
        let variance = fit.iter().map(|r| (r.features[k] - mean[k]).powi(2)).sum::<f64>() / n;
        variance.sqrt().max(1e-9)
    });
    let design = DMatrix::from_fn(fit.len(), FEATURES + 1, |i, k| match k {
        0 => 1.0,
        k => (fit[i].features[k - 1] - mean[k - 1]) / sd[k - 1],
    });
    let truth = DVector::from_iterator(fit.len(), fit.iter().map(|r| f64::from(u8::from(r.right))));
    let mut beta = DVector::zeros(FEATURES + 1);
    for _ in 0..STEPS {
        let p = (&design * &beta).map(|eta: f64| 1.0 / (1.0 + (-eta).exp()));
        let weights = p.map(|p| (p * (1.0 - p)).max(1e-9));
        let mut weighted = design.clone();
        for (mut row, w) in weighted.row_iter_mut().zip(weights.iter()) {
            row *= *w;
        }
        let mut hessian = design.transpose() * weighted;
        let mut gradient = design.transpose() * (&truth - &p);
        for k in 1..=FEATURES {
            hessian[(k, k)] += RIDGE;
            gradient[k] -= RIDGE * beta[k];
        }
        let Some(step) = hessian.cholesky().map(|c| c.solve(&gradient)) else { break };
        beta += &step;
        if step.amax() < 1e-10 {
            break;
        }
    }
    let coefficients: [f64; FEATURES] = std::array::from_fn(|k| beta[k + 1] / sd[k]);
    let constant = beta[0] - coefficients.iter().zip(mean).map(|(c, m)| c * m).sum::<f64>();
    let empty = || Kind { scans: 0, wrong: Vec::new() };
    let mut fitted = FittedProbability { constant, coefficients, alarming: empty(), other: empty() };
    let kind = |alarming: bool| {
        let own = || thresholds.iter().filter(move |r| r.best_alarms == alarming);
        let mut wrong: Vec<f64> = own().filter(|r| r.carries_name && !r.declared).map(|r| fitted.log_odds(r)).collect();
        wrong.sort_by(|a, b| b.total_cmp(a));
        let scans = own().count();
        wrong.truncate((KEPT_RATE * scans as f64).ceil() as usize);
        Kind { scans, wrong }
    };
    (fitted.alarming, fitted.other) = (kind(true), kind(false));
    fitted
}

/// The source file that the engine embeds.
pub fn embedded_source(fitted: &FittedProbability) -> String {
    let numbers = |values: &[f64]| values.iter().map(|v| format!("{v:.4}")).collect::<Vec<_>>().join(", ");
    let mut out = String::from(
        "//! Written by `parcelscope evaluate calibrate --report src/identify/probability_table.rs`; not to be edited by hand.\n\nuse super::probability::{Calibration, FEATURES};\n\n",
    );
    // Writing to a String cannot fail.
    let _ = writeln!(out, "/// Constant of the log-odds.\npub(super) const CONSTANT: f64 = {:.4};", fitted.constant);
    let _ = writeln!(
        out,
        "/// One coefficient for each piece of evidence.\n#[rustfmt::skip]\npub(super) const COEFFICIENTS: [f64; FEATURES] = [{}];",
        numbers(&fitted.coefficients)
    );
    for (name, what, kind) in
        [("ALARMING", "an alarming substance", &fitted.alarming), ("OTHER", "another substance", &fitted.other)]
    {
        let _ = writeln!(
            out,
            "/// Calibration scans whose best reference is {what}.\n#[rustfmt::skip]\npub(super) const {name}: Calibration = Calibration {{ scans: {}, wrong: &[{}] }};",
            kind.scans,
            numbers(&kind.wrong)
        );
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_fit_finds_the_model_that_drew_the_rows() {
        // Rows drawn from known odds, with a fixed sequence of quasi-random numbers.
        let fraction = |i: usize, k: f64| (i as f64 * k).fract();
        let rows: Vec<CalibrationRow> = (0..6_000)
            .map(|i| {
                let features = std::array::from_fn(|k| {
                    4.0 * fraction(i + 1, [2.0f64, 3.0, 5.0, 7.0, 11.0, 13.0, 17.0][k].sqrt()) - 2.0
                });
                let odds = 0.5 + 1.5 * features[0] - 0.8 * features[3];
                let right = fraction(i + 1, 19.0f64.sqrt()) < 1.0 / (1.0 + (-odds).exp());
                CalibrationRow {
                    features,
                    right,
                    declared: right,
                    best_alarms: i % 3 == 0,
                    carries_name: odds > 0.0,
                    left_out: !right,
                }
            })
            .collect();
        let fitted = fit_probability(&rows, &rows);
        assert!((fitted.constant - 0.5).abs() < 0.15, "{fitted:?}");
        for (k, wanted) in [1.5, 0.0, 0.0, -0.8, 0.0, 0.0, 0.0].into_iter().enumerate() {
            assert!((fitted.coefficients[k] - wanted).abs() < 0.15, "{k}: {fitted:?}");
        }
        assert!(fitted.error_on(&rows) < 0.03);
        assert!(fitted.alarming.wrong.windows(2).all(|w| w[0] >= w[1]) && !fitted.other.wrong.is_empty());
    }
}
