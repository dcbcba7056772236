//! From evidence to a verdict. Every way out has a name, which the record keeps.

use crate::library::Substance;
use crate::signal::Quality;

use super::Verdict;
use super::advice::{FLUORESCENT, PARTLY, SATURATED, UNKNOWN, WEAK, hold};
use super::answer::{Coverage, DetectionLimit};

/// Background per band height from which weakness is put down to fluorescence.
const FLUORESCENCE: f64 = 20.0;

/// What was found, as far as the verdict needs it.
pub(super) struct Found<'a> {
    /// The substance that the evidence carries, and those that this scan cannot tell from it.
    pub named: Option<(&'a Substance, Vec<&'a Substance>)>,
    /// An alarming substance that is possible; when no name is carried.
    pub possible: Option<Possible<'a>>,
    /// An alarming component of the mixture beyond its detection limit.
    pub listed_component: Option<&'a Substance>,
    /// Names of the components of a mixture that explains the signal although no single substance does.
    pub blend: Vec<&'a Substance>,
}

/// A possible alarming substance.
pub(super) struct Possible<'a> {
    /// The substance.
    pub substance: &'a Substance,
    /// True when the reference is calculated.
    pub calculated: bool,
    /// Relatives that fit nearly as well.
    pub relatives: Vec<&'a Substance>,
}

/// A verdict on the quality alone, where it forbids any other.
pub(super) fn quality_verdict(quality: &Quality) -> Option<Verdict> {
    let inconclusive = |rule: &str, headline: &str, next: &str| {
        Some(Verdict::inconclusive(rule, headline.to_owned(), next.to_owned()))
    };
    if quality.saturated_points > 0 {
        return inconclusive("saturated", "Too bright: the detector was saturated", SATURATED);
    }
    if quality.is_empty_scan() && quality.fluorescence > FLUORESCENCE && quality.snr > 0.0 {
        return inconclusive("fluorescence", "The background hides the bands of the sample", FLUORESCENT);
    }
    if quality.is_empty_scan() {
        return inconclusive("too-weak", "Too weak: no bands stand out of the noise", WEAK);
    }
    None
}

/// Every alarming substance that was found, is possible, or cannot be told from one that is.
fn threats<'a>(found: &Found<'a>) -> Vec<&'a Substance> {
    let named = found.named.iter().flat_map(|(s, others)| [*s].into_iter().chain(others.iter().copied()));
    let possible = found.possible.iter().flat_map(|p| [p.substance].into_iter().chain(p.relatives.iter().copied()));
    named.chain(found.listed_component).chain(possible).filter(|s| s.alarms).collect()
}

/// The verdict on what was found.
pub(super) fn verdict(found: &Found<'_>, limits: &[DetectionLimit], coverage: &Coverage) -> Verdict {
    if let Some((substance, others)) = &found.named {
        if substance.alarms {
            return Verdict::alarm(
                "identified-listed",
                format!("{} identified", substance.name),
                hold(&threats(found)),
            );
        }
        if let Some(other) = others.iter().find(|s| s.alarms) {
            let headline = format!("{} or {}: this scan cannot tell them apart", substance.name, other.name);
            return Verdict::alert("listed-not-excluded", headline, hold(&threats(found)));
        }
    }
    if let Some(substance) = found.listed_component {
        let headline = format!("Possible {} in a mixture", substance.name);
        return Verdict::alert("possible-listed-in-mixture", headline, hold(&threats(found)));
    }
    if let Some(possible) = &found.possible {
        let name = &possible.substance.name;
        let relative = if possible.relatives.is_empty() { "" } else { " or a relative" };
        let (rule, source, confirm) = if possible.calculated {
            (
                "possible-listed",
                " (calculated reference)",
                " Confirm with a measured reference or a second technique: a calculation cannot tell it from its relatives.",
            )
        } else {
            ("nearly-listed", "", " Confirm with a second technique.")
        };
        let headline = format!("Possible {name}{relative}{source}");
        return Verdict::alert(rule, headline, format!("{}{confirm}", hold(&threats(found))));
    }
    if let Some((substance, others)) = &found.named {
        let mut names = substance.name.clone();
        for other in others {
            names.push_str(" or ");
            names.push_str(&other.name);
        }
        return Verdict::none_detected("identified-not-listed", &names, limits, coverage);
    }
    if found.blend.len() > 1 {
        let names: Vec<&str> = found.blend.iter().map(|s| s.name.as_str()).collect();
        let headline = format!("Not one substance; a mixture of {} would explain it", names.join(" and "));
        return Verdict::inconclusive("mixture-not-proven", headline, PARTLY.to_owned());
    }
    Verdict::inconclusive(
        "not-in-library",
        "Not identified: nothing in the library fits well enough".to_owned(),
        UNKNOWN.to_owned(),
    )
}
