//! From evidence to a verdict. Every way out has a name, which the record keeps.

use crate::library::{Group, Substance};
use crate::signal::Quality;

use super::Verdict;
use super::advice::{CALIBRATE, CONTAINER, FLUORESCENT, PARTLY, SATURATED, UNKNOWN, WEAK, hold};
use super::answer::{Coverage, DetectionLimit};

/// Background per band height from which weakness is put down to fluorescence.
const FLUORESCENCE: f64 = 20.0;

/// Group of what goods are packed in.
const PACKAGING: &str = "packaging";

/// What was found, as far as the verdict needs it.
pub(super) struct Found<'a> {
    /// The substance that the evidence carries, and those that this scan cannot tell from it.
    pub named: Option<(&'a Substance, Vec<&'a Substance>)>,
    /// Components of a mixture that carry a name.
    pub proven: Vec<ProvenPart<'a>>,
    /// True when every component of the mixture does.
    pub all_proven: bool,
    /// An alarming class, with the member that fits best though not surely enough.
    pub class: Option<(&'a Group, &'a Substance)>,
    /// An alarming substance that is possible; when no name is carried.
    pub possible: Option<Possible<'a>>,
    /// An alarming component of the mixture beyond its detection limit.
    pub listed_component: Option<&'a Substance>,
    /// True when others stand out with it, as relatives do.
    pub or_another_listed: bool,
    /// True when the best reference fits well only far from where it should be.
    pub axis_is_off: bool,
    /// Names of the components of a mixture that explains the signal although no single substance does.
    pub blend: Vec<&'a Substance>,
}

/// A component that carries a name.
pub(super) struct ProvenPart<'a> {
    /// The substance.
    pub substance: &'a Substance,
    /// Substances that this scan cannot tell from it.
    pub alternatives: Vec<&'a Substance>,
}

impl ProvenPart<'_> {
    fn is_container(&self) -> bool {
        is_container(self.substance)
    }

    /// True when it or one that this scan cannot tell from it alarms.
    pub fn may_alarm(&self) -> bool {
        self.substance.alarms || self.alternatives.iter().any(|s| s.alarms)
    }

    fn alarms(&self) -> bool {
        self.substance.alarms && self.alternatives.iter().all(|s| s.alarms)
    }
}

/// True for what goods are packed in.
fn is_container(substance: &Substance) -> bool {
    substance.groups.iter().any(|g| g == PACKAGING)
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
    let proven = found.proven.iter().flat_map(|p| [p.substance].into_iter().chain(p.alternatives.iter().copied()));
    let possible = found.possible.iter().flat_map(|p| [p.substance].into_iter().chain(p.relatives.iter().copied()));
    let class = found.class.map(|(_, nearest)| nearest);
    named.chain(proven).chain(class).chain(found.listed_component).chain(possible).filter(|s| s.alarms).collect()
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
    if let Some(part) = found.proven.iter().find(|p| p.alarms()) {
        return in_mixture(found, part);
    }
    let unclear = found.proven.iter().find(|p| p.may_alarm());
    if let Some(part) = unclear {
        let headline = format!("{}: this scan cannot tell them apart", either(part.substance, &part.alternatives));
        return Verdict::alert("listed-not-excluded", headline, hold(&threats(found)));
    }
    if let Some((group, nearest)) = found.class {
        let headline =
            format!("{}: {} or a relative that the library does not tell from it", group.title, nearest.name);
        return Verdict::alert("class-without-member", headline, hold(&threats(found)));
    }
    if let Some(substance) = found.listed_component {
        let relative = if found.or_another_listed { " or another listed substance" } else { "" };
        let headline = format!("Possible {}{relative} in a mixture", substance.name);
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
    let only_containers = match &found.named {
        Some((substance, _)) => is_container(substance) && found.proven.iter().all(ProvenPart::is_container),
        None => found.all_proven && found.proven.iter().all(ProvenPart::is_container),
    };
    if only_containers {
        let seen: Vec<&str> = (found.named.iter().map(|(s, _)| s.name.as_str()))
            .chain(found.proven.iter().map(|p| p.substance.name.as_str()))
            .collect();
        let headline = format!("Only packaging was seen: {}", seen.join(" and "));
        return Verdict::inconclusive("container-only", headline, CONTAINER.to_owned());
    }
    if let Some((substance, others)) = &found.named {
        let mut names = substance.name.clone();
        for other in others {
            names.push_str(" or ");
            names.push_str(&other.name);
        }
        return Verdict::none_detected("identified-not-listed", &names, limits, coverage);
    }
    if found.all_proven {
        let names: Vec<String> = found.proven.iter().map(|p| either(p.substance, &p.alternatives)).collect();
        let rule = if names.len() == 1 { "identified-not-listed" } else { "identified-mixture-not-listed" };
        return Verdict::none_detected(rule, &names.join(" and "), limits, coverage);
    }
    if found.axis_is_off {
        let headline = "Not identified, and the axis seems to be off: the nearest reference fits only when shifted";
        return Verdict::inconclusive("out-of-calibration", headline.to_owned(), CALIBRATE.to_owned());
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

/// The alarm on a component, with what else was found.
fn in_mixture(found: &Found<'_>, part: &ProvenPart<'_>) -> Verdict {
    let others: Vec<&ProvenPart<'_>> = found.proven.iter().filter(|p| p.substance.key != part.substance.key).collect();
    let contents: Vec<&str> = others.iter().filter(|p| !p.is_container()).map(|p| p.substance.name.as_str()).collect();
    let containers: Vec<&str> = others.iter().filter(|p| p.is_container()).map(|p| p.substance.name.as_str()).collect();
    let mut headline = format!("{} identified", either(part.substance, &part.alternatives));
    if !contents.is_empty() {
        headline += " beside ";
        headline += &contents.join(" and ");
    }
    if !containers.is_empty() {
        headline += ", through ";
        headline += &containers.join(" and ");
    }
    let alone = found.all_proven && others.is_empty();
    let rule = if alone { "identified-listed" } else { "identified-listed-in-mixture" };
    Verdict::alarm(rule, headline, hold(&threats(found)))
}

/// A name with those that cannot be told from it.
fn either(substance: &Substance, alternatives: &[&Substance]) -> String {
    [substance].iter().chain(alternatives).map(|s| s.name.as_str()).collect::<Vec<_>>().join(" or ")
}
