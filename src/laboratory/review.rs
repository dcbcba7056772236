//! A second person looks at what somebody submitted.

use std::collections::HashSet;

use jiff::Timestamp;
use serde::Serialize;

use crate::library::pack::{Approval, Decision, PackContent};
use crate::library::{Library, Reference, Tier};
use crate::spectrum::Technique;

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

/// What `ids` name among what waits: at least eight digits of a digest, the key of a substance for all of its references, or
/// `all`. A name that fits nothing, and digits that fit two, are refused.
fn chosen(content: &PackContent, ids: &[String]) -> Result<Vec<Waiting>, LaboratoryError> {
    let all = waiting(content);
    let mut picked = vec![false; all.len()];
    for id in ids {
        let digits = id.len() >= DIGITS_MIN && id.bytes().all(|b| b.is_ascii_hexdigit());
        let fits = |w: &Waiting| id == "all" || w.key == *id || (digits && w.id.starts_with(&id.to_lowercase()));
        let found: Vec<usize> = all.iter().enumerate().filter(|(_, w)| fits(w)).map(|(i, _)| i).collect();
        let several = digits && found.len() > 1 && !all.iter().any(|w| w.key == *id);
        if found.is_empty() || several {
            let what = if several { "names several references" } else { "names nothing that waits in the draft" };
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
    Ok(all.into_iter().zip(picked).filter(|(_, picked)| *picked).map(|(w, _)| w).collect())
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
    ids: &[String],
    verdict: &Verdict,
    by: &str,
    at: Timestamp,
) -> Result<Vec<Waiting>, LaboratoryError> {
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
    let chosen = chosen(content, ids)?;
    let lives = content.lives();
    for waiting in &chosen {
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
    record(content, &chosen, &step, by, at);
    Ok(chosen)
}

/// Takes what waits out of the draft again; its life stays on record.
pub fn take_out(
    content: &mut PackContent,
    ids: &[String],
    reason: &str,
    by: &str,
    at: Timestamp,
) -> Result<Vec<Waiting>, LaboratoryError> {
    let reason = stated(reason)?;
    let chosen = chosen(content, ids)?;
    let mut references = content.library.references.clone();
    let out: HashSet<&str> = chosen.iter().map(|c| c.id.as_str()).collect();
    references.retain(|r| r.provenance.is_none() || !out.contains(r.digest().as_str()));
    let Library { identity, groups, sources, substances, .. } = content.library.clone();
    content.library = Library::from_parts(&identity.name, &identity.version, groups, sources, substances, references)?;
    record(content, &chosen, &Decision::Withdrawn { reason }, by, at);
    Ok(chosen)
}

fn record(content: &mut PackContent, chosen: &[Waiting], step: &Decision, by: &str, at: Timestamp) {
    content.approvals.extend(chosen.iter().map(|waiting| Approval {
        substance: waiting.key.clone(),
        reference: waiting.id.clone(),
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
