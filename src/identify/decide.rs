//! From evidence to a verdict. Every way out has a name, which the record keeps.

use crate::library::Substance;
use crate::signal::Quality;

use super::Verdict;
use super::answer::{Coverage, DetectionLimit};
use super::evidence::Evidence;

/// Least signal-to-noise ratio of the strongest band at which a search means something.
const MIN_SNR: f64 = 12.0;
/// Thresholds of *identified*: correlation of the features, explained and missing shares, bands that had to be there.
pub(super) const IDENTIFIED: Threshold = Threshold { score: 0.90, explained: 0.85, missing: 0.12, bands: 3 };
/// Thresholds of *possible*, for references that may not identify.
pub(super) const POSSIBLE: Threshold = Threshold { score: 0.55, explained: 0.60, missing: 0.35, bands: 5 };
/// Substances this close to the best score cannot be told from it by this scan.
pub(super) const INDISTINGUISHABLE: f64 = 0.015;
/// A benign identification stands only if the fit leaves less than this share of the signal.
const MAX_UNEXPLAINED: f64 = 0.25;

/// What a name must reach.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Threshold {
    score: f64,
    explained: f64,
    missing: f64,
    bands: usize,
}

impl Threshold {
    /// True when score and evidence reach the threshold.
    pub(super) fn is_met(&self, score: f64, evidence: &Evidence) -> bool {
        score >= self.score
            && evidence.explained >= self.explained
            && evidence.missing <= self.missing
            && evidence.expected >= self.bands
    }
}

/// What was found, as far as the verdict needs it.
pub(super) struct Found<'a> {
    /// The substance that meets [`IDENTIFIED`], and those that this scan cannot tell from it.
    pub(super) identified: Option<(&'a Substance, Vec<&'a Substance>)>,
    /// An alarming substance that meets [`POSSIBLE`] and outranks everything benign.
    pub(super) possible: Option<&'a Substance>,
    /// Share of the signal that the mixture leaves.
    pub(super) unexplained: f64,
}

/// A verdict on the quality alone, where it forbids any other; with the sentence for the list of problems.
pub(super) fn quality_verdict(quality: &Quality) -> Option<(Verdict, String)> {
    if quality.saturated {
        let next = "Scan again with a shorter exposure or less laser power.";
        let verdict =
            Verdict::inconclusive("saturated", "Too bright: the detector was saturated".to_owned(), next.to_owned());
        return Some((verdict, format!("Points of the spectrum are saturated. {next}")));
    }
    if quality.snr < MIN_SNR {
        let next = "Aim again at the sample, scan longer, or try another spot; if it stays weak, use infrared, a test strip or the laboratory.";
        let (rule, headline) = if quality.fluorescence > 20.0 {
            ("fluorescence", "Fluorescence hides the bands of the sample")
        } else {
            ("too-weak", "Too weak: no bands stand out of the noise")
        };
        return Some((
            Verdict::inconclusive(rule, headline.to_owned(), next.to_owned()),
            format!("The strongest band is only {:.1} times the noise. {next}", quality.snr),
        ));
    }
    None
}

/// The verdict on what was found.
pub(super) fn verdict(found: &Found<'_>, limits: &[DetectionLimit], coverage: &Coverage) -> Verdict {
    if let Some((substance, others)) = &found.identified {
        let alarming: Vec<&&Substance> = others.iter().filter(|s| s.alarms).collect();
        if substance.alarms {
            return Verdict::alarm("identified-listed", format!("{} identified", substance.name), hold(substance));
        }
        if let Some(other) = alarming.first() {
            let headline = format!("{} or {}: this scan cannot tell them apart", substance.name, other.name);
            return Verdict::alert("listed-not-excluded", headline, hold(other));
        }
    }
    if let Some(substance) = found.possible {
        let headline = format!("Possible {} (computed reference)", substance.name);
        let next = format!(
            "{} Confirm with a measured reference or a second technique: a calculation cannot tell it from its relatives.",
            hold(substance)
        );
        return Verdict::alert("possible-listed", headline, next);
    }
    match &found.identified {
        Some((substance, _)) if found.unexplained <= MAX_UNEXPLAINED => {
            Verdict::none_detected("identified-not-listed", &substance.name, limits, coverage)
        }
        Some((substance, _)) => Verdict::inconclusive(
            "unexplained-signal",
            format!("{}, and something else that the library does not explain", substance.name),
            "Scan two more spots. If the rest stays unexplained, send to the laboratory.".to_owned(),
        ),
        None => Verdict::inconclusive(
            "not-in-library",
            "Not identified: nothing in the library fits well enough".to_owned(),
            "Scan another spot, without the bag where that is allowed. If it stays unidentified, hold the parcel and send to the laboratory."
                .to_owned(),
        ),
    }
}

/// What an officer does on a find, by what is known of the hazard. Precursors are corrosive chemicals, not opioids.
fn hold(substance: &Substance) -> String {
    let precursor = substance.groups.iter().any(|g| g.ends_with("precursor"));
    if precursor {
        "Presumptive. Hold the parcel and send it to the laboratory. Corrosive and toxic chemicals are possible: gloves, eye protection, ventilation; keep it closed and dry."
            .to_owned()
    } else {
        "Presumptive. Gloves, keep the bag closed, hold the parcel and send it to the laboratory. Someone unresponsive or breathing slowly: call for help, support breathing, give naloxone."
            .to_owned()
    }
}
