//! A changed fact is a proposal: somebody submits it, another person approves exactly it, or it is not released.

use std::collections::{BTreeMap, BTreeSet};

use jiff::Timestamp;
use serde::Serialize;

use crate::library::pack::{Approval, Decision, PackContent};
use crate::library::{FactChange, Library, Reference, changed_facts, fact_digests};

use super::{LaboratoryError, NOBODY};

/// Reason in the life of a proposal whose place a later one took.
const REPLACED: &str = "replaced by a later proposal";
/// Name of the list of changed facts among the documents of a pack.
const CHANGED: &str = "changed-facts";

/// A changed fact that nobody but its author has approved.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct WaitingFacts {
    /// What is changed.
    #[serde(flatten)]
    pub change: FactChange,
    /// Who submitted it; none where nobody did.
    pub author: Option<String>,
    /// The last step; none where nobody submitted it.
    pub last: Option<Approval>,
}

/// Submits what is different of a draft since `earlier` ([`fact_digests`] of it), in the author's name, where it is no longer
/// what is in use. Open proposals about the same substances and groups are replaced. Gives what was submitted.
pub fn propose(
    content: &mut PackContent,
    earlier: &BTreeMap<String, String>,
    in_use: &Library,
    author: &str,
    at: Timestamp,
) -> Vec<FactChange> {
    let now = fact_digests(&content.library);
    let touched: BTreeSet<&String> =
        now.keys().chain(earlier.keys()).filter(|key| now.get(*key) != earlier.get(*key)).collect();
    if touched.is_empty() {
        return Vec::new();
    }
    let mut changes = changed_facts(in_use, &content.library);
    changes.retain(|c| touched.contains(&c.key));
    record(content, &touched, changes, author, at)
}

/// Submits every fact that differs from what is in use and was submitted by nobody, in the author's name.
pub fn submit_facts(content: &mut PackContent, in_use: &Library, author: &str, at: Timestamp) -> Vec<FactChange> {
    let mut changes = changed_facts(in_use, &content.library);
    let last = content.last_steps();
    let open = |c: &FactChange| {
        let step = last.get(c.digest.as_str()).map(|a| &a.step);
        matches!(step, None | Some(Decision::Withdrawn { .. }))
    };
    changes.retain(open);
    let keys: BTreeSet<String> = changes.iter().map(|c| c.key.clone()).collect();
    record(content, &keys.iter().collect(), changes, author, at)
}

fn record(
    content: &mut PackContent,
    touched: &BTreeSet<&String>,
    changes: Vec<FactChange>,
    author: &str,
    at: Timestamp,
) -> Vec<FactChange> {
    // Only what somebody brought in has a life of its own beside that of its substance's facts.
    let library = &content.library;
    let about = |r: &&Reference| library.substance_of(r).is_some_and(|s| touched.contains(&s.key));
    let brought = library.references.iter().filter(|r| r.provenance.is_some());
    let references: BTreeSet<String> = brought.filter(about).map(Reference::digest).collect();
    let known: BTreeSet<&str> = changes.iter().map(|c| c.digest.as_str()).collect();
    let step = |key: &str, digest: &str, step| Approval {
        substance: key.to_owned(),
        reference: digest.to_owned(),
        by: author.to_owned(),
        at,
        step,
    };
    let mut steps: Vec<Approval> = Vec::new();
    for (digest, last) in content.last_steps() {
        let open = matches!(last.step, Decision::Submitted | Decision::Returned { .. });
        let other = !known.contains(digest) && !references.contains(digest);
        if open && other && touched.contains(&last.substance) {
            steps.push(step(&last.substance, digest, Decision::Withdrawn { reason: REPLACED.to_owned() }));
        }
    }
    steps.extend(changes.iter().map(|c| step(&c.key, &c.digest, Decision::Submitted)));
    content.approvals.extend(steps);
    changes
}

/// Whether somebody who is not among the authors approved last what has this life; else why it is not let in, for the end of
/// a sentence.
pub(super) fn approved_by_another(life: &[&Approval], authors: &BTreeSet<&str>) -> Result<(), String> {
    match life.last() {
        None => Err("was never submitted for a review".to_owned()),
        Some(a) => match &a.step {
            Decision::Submitted => Err(format!("of {} waits for a reviewer", a.by)),
            Decision::Returned { reason } => Err(format!("was returned by {} ({reason})", a.by)),
            Decision::Withdrawn { .. } => Err("was taken out and is there all the same".to_owned()),
            Decision::Approved => {
                let another = authors.iter().all(|by| !by.eq_ignore_ascii_case(&a.by) && *by != NOBODY);
                if a.by != NOBODY && !authors.is_empty() && another {
                    Ok(())
                } else {
                    Err(format!("was approved by {}, who may not", a.by))
                }
            }
        },
    }
}

/// Who has a part in a proposal: whoever submitted it, and whoever submitted one whose place it took.
pub(super) fn authors_of<'a>(content: &'a PackContent, key: &str, digest: &str) -> BTreeSet<&'a str> {
    let last = content.last_steps();
    let replaced = |a: &Approval| {
        let step = last.get(a.reference.as_str()).map(|l| &l.step);
        a.substance == key && matches!(step, Some(Decision::Withdrawn { reason }) if reason == REPLACED)
    };
    let submitted = content.approvals.iter().filter(|a| a.step == Decision::Submitted);
    submitted.filter(|a| a.reference == digest || replaced(a)).map(|a| a.by.as_str()).collect()
}

fn state(content: &PackContent, lives: &Lives<'_>, change: &FactChange) -> Result<(), String> {
    let life = lives.get(change.digest.as_str()).map_or(&[][..], Vec::as_slice);
    approved_by_another(life, &authors_of(content, &change.key, &change.digest))
}

type Lives<'a> = std::collections::HashMap<&'a str, Vec<&'a Approval>>;

/// Every fact that differs from what is in use and that another person has not approved.
pub fn waiting_facts(content: &PackContent, in_use: &Library) -> Vec<WaitingFacts> {
    let lives = content.lives();
    let changes = changed_facts(in_use, &content.library).into_iter();
    changes
        .filter(|change| state(content, &lives, change).is_err())
        .map(|change| {
            let life = lives.get(change.digest.as_str()).map_or(&[][..], Vec::as_slice);
            let author = life.iter().rev().find(|a| a.step == Decision::Submitted).map(|a| a.by.clone());
            WaitingFacts { author, last: life.last().map(|a| (*a).clone()), change }
        })
        .collect()
}

/// Refuses a draft that states of a substance or a group anything else than the pack in use which another person did not
/// approve exactly as it is. What was changed stays in the pack, one by one.
pub fn check_facts(content: &mut PackContent, in_use: &Library) -> Result<(), LaboratoryError> {
    let changes = changed_facts(in_use, &content.library);
    let lives = content.lives();
    for change in &changes {
        state(content, &lives, change).map_err(|why| {
            LaboratoryError::Release(format!(
                "the change of {} ({}) {why}; 'library changes' lists what differs from the pack in use, 'library submit' \
                 submits what nobody did, 'library review' approves or returns it",
                change.name,
                change.lines.first().map_or("facts", String::as_str)
            ))
        })?;
    }
    content.documents.remove(CHANGED);
    if !changes.is_empty() {
        // Plain structs with text keys always serialise.
        content.documents.insert(CHANGED.to_owned(), serde_json::to_string(&changes).unwrap_or_default());
    }
    Ok(())
}
