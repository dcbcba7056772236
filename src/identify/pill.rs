//! Does a scan contradict the imprint of a pill? An imprint is easily copied: nothing here ever supports it.

use serde::{Deserialize, Serialize};

use crate::library::{Formulation, Library, Substance};

use super::answer::{Answer, Identified, Strength};

/// How far an expected substance's least share of the mass must lie above this scan's limit, which is a share of the
/// signal, before its absence counts: substances scatter light differently strongly. A margin of safety, not a
/// measured factor.
const ABSENCE_MARGIN: f64 = 5.0;
/// Groups that lie around a tablet, not in it.
const AROUND: &str = "packaging";
/// The group of medicines.
const MEDICINE: &str = "medicine";

/// What a scan says about an imprint.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum ImprintFinding {
    /// Something foreign was identified, or something that should have been seen is absent.
    Inconsistent,
    /// The scan says nothing against the imprint, and nothing for it.
    NeitherSupportedNorContradicted,
}

/// The check of a pill against its imprint.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PillCheck {
    /// The imprint as it was entered.
    pub imprint: String,
    /// What was found.
    pub finding: ImprintFinding,
    /// Identified substances that no known tablet with this imprint holds.
    pub foreign: Vec<String>,
    /// Substances that it should hold, that this scan would have seen, and that are absent.
    pub absent: Vec<String>,
    /// Where the contents of such a tablet were read; empty where the imprint is not in the table.
    pub sources: Vec<String>,
    /// The finding as a sentence, with what to do.
    pub sentence: String,
}

impl PillCheck {
    /// Compares an answer with what tablets of this imprint hold. `formulations` are all known tablets with the imprint
    /// (and colour): only what contradicts every one of them counts.
    pub fn of(imprint: &str, formulations: &[&Formulation], answer: &Answer, library: &Library) -> Self {
        let contradictions: Vec<(Vec<String>, Vec<String>)> =
            formulations.iter().map(|f| (foreign(f, answer, library), absent(f, answer, library))).collect();
        let inconsistent =
            !contradictions.is_empty() && contradictions.iter().all(|(f, a)| !(f.is_empty() && a.is_empty()));
        let (foreign, absent) = contradictions.into_iter().next().filter(|_| inconsistent).unwrap_or_default();
        let sentence = if inconsistent {
            let foreign = (!foreign.is_empty()).then(|| format!("{} does not belong in it", foreign.join(", ")));
            let absent =
                (!absent.is_empty()).then(|| format!("{} should have been seen and is absent", absent.join(", ")));
            let why = [foreign, absent].into_iter().flatten().collect::<Vec<_>>().join("; ");
            format!("Inconsistent with the imprint: {why}. Suspected counterfeit; send it to the laboratory.")
        } else if formulations.is_empty() {
            "Imprint neither supported nor contradicted: it is not in the table of known tablets.".to_owned()
        } else {
            format!(
                "Imprint neither supported nor contradicted. {} An imprint is easily copied: this is not a sign that the pill is genuine.",
                expectation(formulations)
            )
        };
        let finding =
            if inconsistent { ImprintFinding::Inconsistent } else { ImprintFinding::NeitherSupportedNorContradicted };
        let sources = formulations.iter().map(|f| f.source.clone()).collect();
        Self { imprint: imprint.trim().to_owned(), finding, foreign, absent, sources, sentence }
    }
}

/// What the label lets one expect, so that a spectrum of the bulk ingredient alone is not taken for a sign.
fn expectation(formulations: &[&Formulation]) -> String {
    let of = |f: &Formulation| {
        let active = |a: &crate::library::Active| match (a.mass_share, a.mg) {
            (Some((least, most)), _) => {
                format!("{} ({:.0} to {:.0} % of the mass)", a.substance, 100.0 * least, 100.0 * most)
            }
            (None, Some(mg)) => format!("{} ({mg} mg)", a.substance),
            (None, None) => a.substance.clone(),
        };
        f.actives.iter().map(active).collect::<Vec<_>>().join(", ")
    };
    let all: Vec<String> = formulations.iter().map(|f| of(f)).collect();
    format!("Such a tablet holds {}; what is a few percent of the mass is not expected to be seen.", all.join(", or "))
}

/// Substances that are identified, not only possible, and that this tablet does not hold. Where the list of the other
/// ingredients was not read, only a medicine or a listed substance can be foreign: any filler could belong.
fn foreign(formulation: &Formulation, answer: &Answer, library: &Library) -> Vec<String> {
    let belongs = |name: &str| {
        let actives = formulation.actives.iter().map(|a| a.substance.as_str());
        actives.chain(formulation.inactive.iter().map(String::as_str)).any(|own| same(library, own, name))
    };
    let telling = |found: &Identified| {
        let listed = |key: &String| key == MEDICINE || library.group(key).is_some_and(|g| g.listed || g.alarms);
        if formulation.inactive.is_empty() {
            found.groups.iter().any(listed)
        } else {
            !found.groups.iter().any(|g| g == AROUND)
        }
    };
    (answer.identified.iter())
        .filter(|found| found.strength == Strength::Identified && telling(found))
        .filter(|found| !belongs(&found.substance) && !found.alternatives.iter().any(|a| belongs(a)))
        .map(|found| found.substance.clone())
        .collect()
}

/// Active substances whose share of the mass lies well above this scan's limit and of which nothing was seen.
fn absent(formulation: &Formulation, answer: &Answer, library: &Library) -> Vec<String> {
    let limit_of = |name: &str| {
        (answer.detection_limits.iter())
            .find(|limit| same(library, &limit.substance, name))
            .and_then(|limit| limit.spectral_share)
    };
    let seen = |name: &str| {
        let identified = (answer.identified.iter()).flat_map(|i| [&i.substance].into_iter().chain(&i.alternatives));
        let mixed = (answer.mixture.iter()).flat_map(|c| [&c.substance].into_iter().chain(&c.alternatives));
        identified.chain(mixed).any(|other| same(library, other, name))
    };
    (formulation.actives.iter())
        .filter(|active| {
            let least = active.mass_share.map(|(least, _)| least);
            let shows = least.zip(limit_of(&active.substance)).is_some_and(|(m, l)| m >= ABSENCE_MARGIN * l);
            shows && !seen(&active.substance)
        })
        .map(|active| active.substance.clone())
        .collect()
}

/// True when both names mean the same substance, whatever its form.
fn same(library: &Library, one: &str, other: &str) -> bool {
    let key = |name: &str| library.find(name).map(|s: &Substance| s.key.clone());
    one.eq_ignore_ascii_case(other) || key(one).is_some_and(|k| key(other) == Some(k))
}
