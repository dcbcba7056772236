//! What was found about a kit over time, as the trends of the Device screen show it. Built once when the history arrives.

use crate::session::{KitFinding, KitHistory, KitRecord};

use super::widgets::{Trend, TrendPoint};
use super::words;

/// Results that a trend shows; the history holds all.
const SHOWN: usize = 200;

/// The trends of a kit.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Trends {
    /// Shift of the axis in performance checks.
    pub checks: Trend,
    /// Error of the axis that a calibration found.
    pub axis: Trend,
    /// Resolution.
    pub resolution: Trend,
    /// Every result in one line, newest first.
    pub lines: Vec<String>,
}

impl Trends {
    /// Looks at a history.
    pub fn new(history: &KitHistory) -> Self {
        let mut all = Self {
            checks: Trend {
                what: "shift in checks, cm⁻¹".to_owned(),
                beside_what: "without the calibration of the kit".to_owned(),
                ..Trend::default()
            },
            axis: Trend {
                what: "axis error before calibration, cm⁻¹ rms".to_owned(),
                beside_what: "after it".to_owned(),
                ..Trend::default()
            },
            resolution: Trend { what: "resolution, cm⁻¹".to_owned(), ..Trend::default() },
            lines: history.records.iter().rev().take(SHOWN).map(line).collect(),
        };
        for record in &history.records {
            let point = |value, good| TrendPoint { at_s: record.taken_at.as_second() as f64, value, good };
            match &record.finding {
                KitFinding::Check { outcome, limits, uncalibrated } => {
                    if let Some(errors) = uncalibrated {
                        all.checks.beside.push(point(errors.mean_cm1, true));
                    }
                    all.checks.points.push(point(outcome.mean_error_cm1, outcome.passed()));
                    all.checks.limit = Some(limits.tolerance_cm1);
                }
                KitFinding::Axis { fit, .. } => {
                    all.axis.points.push(point(fit.before_rms_cm1, true));
                    all.axis.beside.push(point(fit.after_rms_cm1, true));
                }
                KitFinding::Resolution { fwhm_cm1, .. } => all.resolution.points.push(point(*fwhm_cm1, true)),
                KitFinding::Response { .. } | KitFinding::White { .. } | KitFinding::Discarded { .. } => {}
            }
        }
        for trend in [&mut all.checks, &mut all.axis, &mut all.resolution] {
            for points in [&mut trend.points, &mut trend.beside] {
                points.retain(|p| p.value.is_finite());
                let surplus = points.len().saturating_sub(SHOWN);
                points.drain(..surplus);
            }
        }
        all
    }
}

/// A result in one line.
fn line(record: &KitRecord) -> String {
    let simulated = if record.simulated { ", simulated" } else { "" };
    let found = found(&record.finding);
    format!("{} {}{simulated}: {found}", words::local_time(record.taken_at), record.samples.join(" + "))
}

/// What was found, with the units of the screen.
pub fn found(finding: &KitFinding) -> String {
    units(&finding.words())
}

/// A sentence with the units of the screen.
pub fn units(text: &str) -> String {
    text.replace("cm-1", "cm⁻¹").replace(" +- ", " ± ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn trends_hold_the_results_of_their_kind_in_order_and_the_lines_all_of_them() {
        let at = |s| jiff::Timestamp::from_second(s).unwrap();
        let resolution = |s, fwhm_cm1| KitRecord {
            taken_at: at(s),
            samples: vec!["calcite".to_owned()],
            laser: None,
            simulated: true,
            from_file: false,
            finding: KitFinding::Resolution { fwhm_cm1, sd_cm1: 0.1, band: None },
        };
        let records = vec![resolution(10, 9.0), resolution(20, f64::NAN), resolution(30, 9.5)];
        let trends = Trends::new(&KitHistory { records, damaged_lines: 0 });
        let values: Vec<f64> = trends.resolution.points.iter().map(|p| p.value).collect();
        assert_eq!(values, [9.0, 9.5], "what is no number cannot be drawn");
        assert_eq!(trends.lines.len(), 3);
        assert!(trends.lines[0].ends_with("calcite, simulated: resolution 9.50 ± 0.10 cm⁻¹"), "{}", trends.lines[0]);
        assert!(trends.checks.points.is_empty() && trends.axis.points.is_empty());
    }
}
