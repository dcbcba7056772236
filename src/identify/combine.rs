//! Several scans of one item as one finding: spots or replicates by one technique, and Raman beside infrared.
//!
//! Scans are combined by what each states, never by averaging spectra: two spots may be two substances, and two techniques
//! have no axis in common. Nothing is ever made safer by a second scan: the gravest level of the scans stays, except where
//! two techniques contradict each other, which is *inconclusive* with the advice for the graver of the two.

use serde::Serialize;
use thiserror::Error;

use crate::spectrum::Technique;

use super::Verdict;
use super::advice::{OTHER_TECHNIQUE, SPOTS_DIFFER};
use super::answer::{Answer, Coverage, DetectionLimit, Identified, Strength};
use super::verdict::Level;

/// Rules after which a scan says nothing about the item, good or bad: it was not a scan of its contents.
const SILENT: [&str; 10] = [
    "saturated",
    "too-weak",
    "fluorescence",
    "wrong-range",
    "no-references",
    "no-nir-library",
    "container-only",
    "out-of-calibration",
    "sample-changed",
    "techniques-disagree",
];

/// Why scans cannot be combined.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum CombineError {
    /// One scan is a finding of its own.
    #[error("there is {scans} scan to combine; give two or more scans of the same item")]
    TooFew {
        /// Scans given.
        scans: usize,
    },
    /// Their answers rest on different references.
    #[error("the scans were compared with different libraries; identify all of them again with one library")]
    DifferentLibraries,
}

/// Physics that scans share. Agreement within one family is repetition; across families it is support.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Family {
    Raman,
    Infrared,
    NearInfrared,
}

impl Family {
    /// SERS belongs to Raman: the same effect, on another surface. It is compared with references of its own all the same.
    const fn of(technique: Technique) -> Self {
        match technique {
            Technique::Raman | Technique::Sers => Self::Raman,
            Technique::AtrFtir | Technique::IrTransmission => Self::Infrared,
            Technique::Nir => Self::NearInfrared,
        }
    }

    const fn word(self) -> &'static str {
        match self {
            Self::Raman => "Raman",
            Self::Infrared => "infrared",
            Self::NearInfrared => "near infrared",
        }
    }
}

/// How the techniques stand to each other.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Techniques {
    /// All scans are of one technique.
    One,
    /// Two techniques name the same substance: support, still presumptive.
    Support,
    /// Each names something, and nothing of it is the same.
    Contradict,
    /// Only one of them says anything.
    OneSilent,
}

/// What several scans of one item say together.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Combined {
    /// The verdict on the item.
    pub verdict: Verdict,
    /// How many scans went in.
    pub scans: usize,
    /// How the techniques stand to each other.
    pub techniques: Techniques,
    /// False when scans of one technique contradict each other: the item is not the same all over.
    pub homogeneous: bool,
    /// What the scans say about each other, one sentence each.
    pub findings: Vec<String>,
    /// What the program stands by, each substance once, with the strongest statement about it.
    pub identified: Vec<Identified>,
    /// True when any of the scans came from an emulated device.
    pub simulated: bool,
}

/// Combines the answers to scans of one item, in the order in which they were taken.
pub fn combine(answers: &[Answer]) -> Result<Combined, CombineError> {
    let Some(first) = answers.first().filter(|_| answers.len() > 1) else {
        return Err(CombineError::TooFew { scans: answers.len() });
    };
    if answers.iter().any(|a| a.library != first.library) {
        return Err(CombineError::DifferentLibraries);
    }
    let scans: Vec<Scan<'_>> = answers.iter().enumerate().map(|(i, answer)| Scan { number: i + 1, answer }).collect();
    let mut findings = spots_that_differ(&scans);
    let homogeneous = findings.is_empty();
    let (techniques, supported) = techniques(&scans);
    let telling: Vec<&Scan<'_>> = scans.iter().filter(|s| !s.is_silent()).collect();
    findings.extend(silence(&scans, telling.len()));
    let verdict = verdict(&scans, &telling, techniques, &supported, homogeneous);
    Ok(Combined {
        verdict,
        scans: scans.len(),
        techniques,
        homogeneous,
        findings,
        identified: strongest(&scans),
        simulated: answers.iter().any(|a| a.simulated),
    })
}

/// One scan with its number, counted from 1.
#[derive(Clone, Copy)]
struct Scan<'a> {
    number: usize,
    answer: &'a Answer,
}

impl<'a> Scan<'a> {
    fn family(&self) -> Family {
        Family::of(self.answer.technique)
    }

    fn is_silent(&self) -> bool {
        self.answer.verdict.level() == Level::Inconclusive && SILENT.contains(&self.answer.verdict.rule())
    }

    /// What it stands by, packaging apart: two spots under one bag have the bag in common and nothing else.
    fn named(&self) -> impl Iterator<Item = &'a Identified> {
        let contents =
            |i: &&Identified| i.strength == Strength::Identified && !i.groups.iter().any(|g| g == "packaging");
        self.answer.identified.iter().filter(contents)
    }

    /// True when it names the substance, calls it possible, or cannot tell it from one of these.
    fn points_at(&self, found: &Identified) -> bool {
        self.answer.identified.iter().any(|own| is_same(own, found))
    }
}

/// True when two statements can be about one substance.
fn is_same(a: &Identified, b: &Identified) -> bool {
    let names = |i: &Identified| -> Vec<String> {
        [&i.substance].into_iter().chain(&i.alternatives).map(|n| n.to_lowercase()).collect()
    };
    let own = names(a);
    names(b).iter().any(|n| own.contains(n)) || (a.cas.is_some() && a.cas == b.cas)
}

fn list(found: &[&Identified]) -> String {
    let names: Vec<&str> = found.iter().map(|i| i.substance.as_str()).collect();
    names.join(" and ")
}

/// The contradictions between scans of one technique.
fn spots_that_differ(scans: &[Scan<'_>]) -> Vec<String> {
    let mut findings = Vec::new();
    for (i, a) in scans.iter().enumerate() {
        for b in scans.iter().skip(i + 1).filter(|b| b.answer.technique == a.answer.technique) {
            let (of_a, of_b): (Vec<_>, Vec<_>) = (a.named().collect(), b.named().collect());
            if !of_a.is_empty() && !of_b.is_empty() && !of_a.iter().any(|x| of_b.iter().any(|y| is_same(x, y))) {
                findings.push(format!(
                    "Not homogeneous: scan {} shows {}, scan {} shows {}.",
                    a.number,
                    list(&of_a),
                    b.number,
                    list(&of_b)
                ));
                continue;
            }
            findings.extend([(a, b), (b, a)].into_iter().flat_map(|(seen, other)| absent(*seen, *other)));
        }
    }
    findings
}

/// Listed substances of one scan whose share lies wholly above what the other would have shown, and that it does not
/// point at. A share below the other's limit is no contradiction: it would have been missed there.
fn absent(seen: Scan<'_>, other: Scan<'_>) -> Vec<String> {
    if other.is_silent() {
        return Vec::new();
    }
    let mut findings = Vec::new();
    for found in seen.named().filter(|f| !other.points_at(f)) {
        let limit = other.answer.detection_limits.iter().find(|l| l.substance == found.substance);
        let Some(limit) = limit.and_then(|l| l.spectral_share) else { continue };
        let part = seen.answer.mixture.iter().find(|c| c.substance == found.substance);
        let Some((least, _)) = part.and_then(|c| c.share_interval) else { continue };
        if least > limit {
            findings.push(format!(
                "Not homogeneous: scan {} shows {}, at least {:.0} % of its signal; scan {} does not, and would have shown it from {:.0} %.",
                seen.number,
                found.substance,
                100.0 * least,
                other.number,
                100.0 * limit
            ));
        }
    }
    findings
}

/// How the techniques stand to each other, with the statements that two of them share.
fn techniques<'a>(scans: &[Scan<'a>]) -> (Techniques, Vec<&'a Identified>) {
    let mut families: Vec<Family> = scans.iter().map(Scan::family).collect();
    families.sort_unstable();
    families.dedup();
    if families.len() < 2 {
        return (Techniques::One, Vec::new());
    }
    let of = |family: Family| scans.iter().filter(move |s| s.family() == family);
    let mut shared: Vec<&Identified> = Vec::new();
    for (i, family) in families.iter().enumerate() {
        for other in families.iter().skip(i + 1) {
            for found in of(*family).flat_map(Scan::named) {
                let supported = of(*other).flat_map(Scan::named).any(|o| is_same(o, found));
                if supported && !shared.iter().any(|s| is_same(s, found)) {
                    shared.push(found);
                }
            }
        }
    }
    let naming = families.iter().filter(|f| of(**f).any(|s| s.named().next().is_some())).count();
    match (shared.is_empty(), naming) {
        (false, _) => (Techniques::Support, shared),
        (true, 2..) => (Techniques::Contradict, shared),
        (true, _) => (Techniques::OneSilent, shared),
    }
}

fn silence(scans: &[Scan<'_>], telling: usize) -> Option<String> {
    let silent: Vec<String> = scans
        .iter()
        .filter(|s| s.is_silent())
        .map(|s| format!("scan {} ({})", s.number, s.answer.verdict.headline().to_lowercase()))
        .collect();
    (!silent.is_empty() && telling > 0).then(|| format!("Says nothing about the contents: {}.", silent.join(", ")))
}

const fn gravity(level: Level) -> u8 {
    match level {
        Level::NoneDetected => 0,
        Level::Inconclusive => 1,
        Level::Alert => 2,
        Level::Alarm => 3,
    }
}

fn verdict(
    scans: &[Scan<'_>],
    telling: &[&Scan<'_>],
    techniques: Techniques,
    supported: &[&Identified],
    homogeneous: bool,
) -> Verdict {
    // The first of the gravest: the order of the scans must not decide between equals.
    let gravest = |scans: &[&Scan<'_>]| -> Option<Verdict> {
        let top = scans.iter().map(|s| gravity(s.answer.verdict.level())).max()?;
        scans.iter().find(|s| gravity(s.answer.verdict.level()) == top).map(|s| s.answer.verdict.clone())
    };
    let all: Vec<&Scan<'_>> = scans.iter().collect();
    let Some(worst) = gravest(telling).or_else(|| gravest(&all)) else {
        return Verdict::inconclusive("nothing-to-combine", "No scan".to_owned(), OTHER_TECHNIQUE.to_owned());
    };
    if techniques == Techniques::Contradict {
        let mut said: Vec<String> = Vec::new();
        for scan in scans.iter().filter(|s| s.named().next().is_some()) {
            let sentence = format!("{} says {}", scan.family().word(), list(&scan.named().collect::<Vec<_>>()));
            if !said.contains(&sentence) {
                said.push(sentence);
            }
        }
        let headline = format!("The techniques contradict each other: {}", said.join(", "));
        let next = if gravity(worst.level()) >= gravity(Level::Alert) {
            format!("One of them alone says {}: treat it as that. {}", worst.headline(), worst.next_step())
        } else {
            OTHER_TECHNIQUE.to_owned()
        };
        return Verdict::inconclusive("techniques-disagree", headline, next);
    }
    let mut headline = worst.headline().to_owned();
    let mut rule = worst.rule().to_owned();
    let mut next = worst.next_step().to_owned();
    if techniques == Techniques::Support {
        headline = format!("{headline}; {} supported by a second technique, still presumptive", list(supported));
        // The headline of an alarm begins with what alarms.
        if supported.iter().any(|s| worst.headline().starts_with(&format!("{} ", s.substance))) {
            "supported-by-second-technique".clone_into(&mut rule);
        }
    }
    if !homogeneous {
        headline = format!("{headline}; the item is not homogeneous");
        next = format!("{next} {SPOTS_DIFFER}");
        "not-homogeneous".clone_into(&mut rule);
    }
    match worst.level() {
        Level::Alarm => Verdict::alarm(&rule, headline, next),
        Level::Alert => Verdict::alert(&rule, headline, next),
        Level::Inconclusive => Verdict::inconclusive(&rule, headline, next),
        Level::NoneDetected => {
            let found = found_text(scans, techniques, supported, homogeneous);
            let coverage = coverage(telling);
            Verdict::none_detected(&rule, &found, &limits(telling), &coverage)
        }
    }
}

/// What stands after *Found:* where nothing listed was detected.
fn found_text(scans: &[Scan<'_>], techniques: Techniques, supported: &[&Identified], homogeneous: bool) -> String {
    let mut found: Vec<&Identified> = Vec::new();
    for own in scans.iter().flat_map(Scan::named) {
        if !found.iter().any(|f| is_same(f, own)) {
            found.push(own);
        }
    }
    let mut text = list(&found);
    if techniques == Techniques::Support {
        text = format!("{text}; {} supported by a second technique, still presumptive", list(supported));
    }
    if !homogeneous {
        text += "; the item is not homogeneous";
    }
    text
}

/// Smallest shares that would have been found. Spots of one family: the worst of them, because each speaks for its own
/// place. Across families the better one counts: both saw the same item.
fn limits(telling: &[&Scan<'_>]) -> Vec<DetectionLimit> {
    let mut combined: Vec<DetectionLimit> = Vec::new();
    for name in telling.iter().flat_map(|s| s.answer.detection_limits.iter().map(|l| &l.substance)) {
        if combined.iter().any(|l| l.substance == *name) {
            continue;
        }
        let of = |family: Family| -> Option<f64> {
            let own = telling.iter().filter(|s| s.family() == family);
            own.map(|s| s.answer.detection_limits.iter().find(|l| l.substance == *name).and_then(|l| l.spectral_share))
                .collect::<Option<Vec<f64>>>()?
                .into_iter()
                .reduce(f64::max)
        };
        let best = [Family::Raman, Family::Infrared, Family::NearInfrared].into_iter().filter_map(of).reduce(f64::min);
        combined.push(DetectionLimit { substance: name.clone(), spectral_share: best });
    }
    combined
}

/// What any of the techniques could search for.
fn coverage(telling: &[&Scan<'_>]) -> Coverage {
    let all = || telling.iter().map(|s| &s.answer.coverage);
    let Some(first) = all().next() else { return Coverage::default() };
    let nowhere = |name: &&String| all().all(|c| c.not_searchable.contains(name));
    Coverage {
        listed_measured: all().map(|c| c.listed_measured).max().unwrap_or(0),
        listed_computed_only: all().map(|c| c.listed_computed_only).min().unwrap_or(0),
        not_searchable: first.not_searchable.iter().filter(nowhere).cloned().collect(),
    }
}

/// Each substance once, with the strongest statement about it.
fn strongest(scans: &[Scan<'_>]) -> Vec<Identified> {
    let rank = |s: Strength| match s {
        Strength::Identified => 0,
        Strength::Class => 1,
        Strength::Possible => 2,
    };
    let mut all: Vec<&Identified> = scans.iter().flat_map(|s| &s.answer.identified).collect();
    all.sort_by_key(|i| rank(i.strength));
    let mut kept: Vec<Identified> = Vec::new();
    for found in all {
        if !kept.iter().any(|k| k.substance == found.substance) {
            kept.push(found.clone());
        }
    }
    kept
}

#[cfg(test)]
mod tests;
