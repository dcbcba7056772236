//! A second person looks at what somebody submitted.

use std::collections::{BTreeMap, HashSet};

use jiff::Timestamp;
use serde::Serialize;

use crate::library::pack::{Approval, Decision, PackContent};
use crate::library::{Library, Reference, Tier, fact_digests};
use crate::spectrum::Technique;

use super::proposal::{WaitingFacts, authors_of, propose, waiting_facts};
use super::{LaboratoryError, NOBODY};

/// Fewest digits of a digest that name a reference.
const DIGITS_MIN: usize = 8;

/// A reference that waits for a reviewer or for its author.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Waiting {
    /// Its digest.
    pub id: String,
    /// Key of the substance.
    pub key: String,
    /// Name of the substance.
    pub substance: String,
    /// Salt, base, hydrate.
    pub form: String,
    /// Technique.
    pub technique: Technique,
    /// Where it came from.
    pub tier: Tier,
    /// Key of its source.
    pub source: String,
    /// Who submitted it.
    pub author: String,
    /// The last step.
    pub last: Approval,
    /// The nearest other substances when it was added, and how similar.
    pub nearest: Vec<(String, f64)>,
    /// How many replicates it is the mean of; 0 where nobody averaged.
    pub replicates: usize,
}

/// Everything that waits, in the order of the library.
pub fn waiting(content: &PackContent) -> Vec<Waiting> {
    let lives = content.lives();
    let library = &content.library;
    // Only what somebody brought in with this program has a life of steps.
    let brought = library.references.iter().filter(|r| r.provenance.is_some());
    brought
        .filter_map(|reference| {
            let id = reference.digest();
            let life = lives.get(id.as_str())?;
            let step = life.last()?;
            let open = matches!(step.step, Decision::Submitted | Decision::Returned { .. });
            let author = life.iter().rev().find(|a| a.step == Decision::Submitted).map_or("", |a| a.by.as_str());
            open.then(|| line(library, reference, id, author, step))
        })
        .collect()
}

fn line(library: &Library, reference: &Reference, id: String, author: &str, last: &Approval) -> Waiting {
    let substance = library.substance_of(reference);
    let provenance = reference.provenance.as_deref();
    Waiting {
        id,
        key: last.substance.clone(),
        substance: substance.map(|s| s.name.clone()).unwrap_or_default(),
        form: reference.form.clone(),
        technique: reference.technique,
        tier: reference.tier,
        source: reference.source.clone(),
        author: author.to_owned(),
        last: last.clone(),
        nearest: provenance.map(|p| p.nearest.clone()).unwrap_or_default(),
        replicates: provenance.map_or(0, |p| p.replicates.iter().filter(|r| !r.outlier).count()),
    }
}

/// What somebody decided about.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct Reviewed {
    /// References.
    pub references: Vec<Waiting>,
    /// Changed facts.
    pub facts: Vec<WaitingFacts>,
}

impl Reviewed {
    /// Everything that waits.
    pub fn waiting(content: &PackContent, in_use: &Library) -> Self {
        Self { references: waiting(content), facts: waiting_facts(content, in_use) }
    }

    /// How many things that are.
    pub const fn len(&self) -> usize {
        self.references.len() + self.facts.len()
    }

    /// True when nothing is among it.
    pub const fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Key and digest of each.
    fn names(&self) -> impl Iterator<Item = (&str, &str)> {
        let references = self.references.iter().map(|w| (w.key.as_str(), w.id.as_str()));
        references.chain(self.facts.iter().map(|f| (f.change.key.as_str(), f.change.digest.as_str())))
    }
}

/// What `ids` name among what waits: at least eight digits of a digest, the key of a substance or a group for all about it,
/// or `all`. A name that fits nothing, and digits that fit two, are refused.
fn chosen(all: Reviewed, ids: &[String]) -> Result<Reviewed, LaboratoryError> {
    let mut picked = vec![false; all.len()];
    for id in ids {
        let digits = id.len() >= DIGITS_MIN && id.bytes().all(|b| b.is_ascii_hexdigit());
        let fits = |(key, digest): (&str, &str)| {
            id == "all" || key == id || (digits && digest.starts_with(&id.to_lowercase()))
        };
        let found: Vec<usize> = all.names().enumerate().filter(|(_, w)| fits(*w)).map(|(i, _)| i).collect();
        let several = digits && found.len() > 1 && !all.names().any(|(key, _)| key == id);
        if found.is_empty() || several {
            let what = if several { "names several things that wait" } else { "names nothing that waits in the draft" };
            return Err(LaboratoryError::Review(format!(
                "`{id}` {what}; 'library review DRAFT' lists what waits, with the digits that name it"
            )));
        }
        for i in found {
            if let Some(flag) = picked.get_mut(i) {
                *flag = true;
            }
        }
    }
    let Reviewed { mut references, mut facts } = all;
    let mut picked = picked.into_iter();
    references.retain(|_| picked.next().unwrap_or_default());
    facts.retain(|_| picked.next().unwrap_or_default());
    Ok(Reviewed { references, facts })
}

/// A decision of a reviewer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// Good.
    Approve,
    /// Sent back to its author.
    Return {
        /// Why.
        reason: String,
    },
}

/// Approves or returns what `ids` name, in the name of `by`; all of it or, where one must not be, nothing. Nobody approves
/// their own, and somebody who is not enrolled approves nothing.
pub fn review(
    content: &mut PackContent,
    in_use: &Library,
    ids: &[String],
    verdict: &Verdict,
    by: &str,
    at: Timestamp,
) -> Result<Reviewed, LaboratoryError> {
    let refuse = |why: String| Err(LaboratoryError::Review(why));
    let step = match verdict {
        Verdict::Approve => Decision::Approved,
        Verdict::Return { reason } => Decision::Returned { reason: stated(reason)? },
    };
    if by == NOBODY || by.trim().is_empty() {
        return refuse(
            "a reviewer must be enrolled and signed in; 'parcelscope account enrol' makes accounts".to_owned(),
        );
    }
    let chosen = chosen(Reviewed::waiting(content, in_use), ids)?;
    let lives = content.lives();
    for waiting in &chosen.references {
        let mut life = lives.get(waiting.id.as_str()).into_iter().flatten();
        let own = life.any(|a| a.step == Decision::Submitted && a.by.eq_ignore_ascii_case(by));
        if own {
            return refuse(format!(
                "{by} submitted the reference of {} and cannot review it; another person must",
                waiting.substance
            ));
        }
        if *verdict == Verdict::Approve && waiting.author == NOBODY {
            return refuse(format!(
                "the reference of {} was submitted while no account was enrolled, so that nobody vouches for it; take it out \
                 and bring it in again signed in",
                waiting.substance
            ));
        }
        if *verdict == Verdict::Approve && matches!(waiting.last.step, Decision::Returned { .. }) {
            return refuse(format!(
                "the reference of {} was returned; its author takes it out and submits a better one",
                waiting.substance
            ));
        }
    }
    for facts in &chosen.facts {
        check_proposal(content, facts, verdict, by)?;
    }
    record(content, chosen.names(), &step, by, at);
    Ok(chosen)
}

/// Whether `by` may decide so about a change of facts.
fn check_proposal(
    content: &PackContent,
    facts: &WaitingFacts,
    verdict: &Verdict,
    by: &str,
) -> Result<(), LaboratoryError> {
    let refuse = |why: String| Err(LaboratoryError::Review(why));
    let name = &facts.change.name;
    let Some(last) = &facts.last else {
        return refuse(format!(
            "nobody submitted the change of {name}; 'library submit' does that in somebody's name, and another person reviews it"
        ));
    };
    let authors = authors_of(content, &facts.change.key, &facts.change.digest);
    if authors.iter().any(|author| author.eq_ignore_ascii_case(by)) {
        return refuse(format!("{by} has a part in the change of {name} and cannot review it; another person must"));
    }
    if *verdict == Verdict::Approve && authors.contains(NOBODY) {
        return refuse(format!(
            "the change of {name} was submitted while no account was enrolled, so that nobody vouches for it; undo it and make \
             it again signed in"
        ));
    }
    if *verdict == Verdict::Approve && matches!(last.step, Decision::Returned { .. }) {
        return refuse(format!("the change of {name} was returned; its author undoes it or proposes a better one"));
    }
    Ok(())
}

/// Takes references that wait out of the draft again; their lives stay on record. A substance that came with them and has no
/// other reference goes too. Changed facts are not taken out but edited back.
pub fn take_out(
    content: &mut PackContent,
    in_use: &Library,
    ids: &[String],
    reason: &str,
    by: &str,
    at: Timestamp,
) -> Result<Vec<Waiting>, LaboratoryError> {
    let reason = stated(reason)?;
    let chosen = chosen(Reviewed { references: waiting(content), facts: Vec::new() }, ids)?;
    let earlier = fact_digests(&content.library);
    let Library { identity, groups, sources, mut substances, mut references } = content.library.clone();
    let out: HashSet<&str> = chosen.references.iter().map(|c| c.id.as_str()).collect();
    references.retain(|r| r.provenance.is_none() || !out.contains(r.digest().as_str()));
    let known: HashSet<&str> = in_use.substances.iter().map(|s| s.key.as_str()).collect();
    let came: HashSet<&str> =
        chosen.references.iter().map(|w| w.key.as_str()).filter(|key| !known.contains(key)).collect();
    let used: HashSet<usize> = references.iter().map(|r| r.substance).collect();
    let mut place = BTreeMap::new();
    let mut index = 0;
    substances.retain(|s| {
        let stays = used.contains(&index) || !came.contains(s.key.as_str());
        if stays {
            place.insert(index, place.len());
        }
        index += 1;
        stays
    });
    for reference in &mut references {
        reference.substance = place.get(&reference.substance).copied().unwrap_or_default();
    }
    content.library = Library::from_parts(&identity.name, &identity.version, groups, sources, substances, references)?;
    record(content, chosen.names(), &Decision::Withdrawn { reason }, by, at);
    propose(content, &earlier, in_use, by, at);
    Ok(chosen.references)
}

fn record<'a>(
    content: &mut PackContent,
    chosen: impl Iterator<Item = (&'a str, &'a str)>,
    step: &Decision,
    by: &str,
    at: Timestamp,
) {
    content.approvals.extend(chosen.map(|(key, digest)| Approval {
        substance: key.to_owned(),
        reference: digest.to_owned(),
        by: by.to_owned(),
        at,
        step: step.clone(),
    }));
}

fn stated(reason: &str) -> Result<String, LaboratoryError> {
    let reason = reason.trim();
    if reason.is_empty() || reason.len() > 4_000 {
        return Err(LaboratoryError::Review(
            "a reason is needed, of at most 4000 bytes; say it with --reason".to_owned(),
        ));
    }
    Ok(reason.to_owned())
}
