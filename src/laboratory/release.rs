//! What a draft must show before somebody signs it.

use std::collections::BTreeSet;

use crate::library::pack::{Decision, PackContent};
use crate::library::{Library, Reference, Tier};

use super::LaboratoryError;
use super::evaluation::{Comparison, JUSTIFICATION};
use super::proposal::approved_by_another;

/// Refuses a draft that holds a reference which nobody approved. What is in one of `released` already (the bundled library,
/// the pack in use) was approved in its time; everything else needs the word of somebody who did not submit it, also where
/// the draft's own list of steps was lost.
pub fn check_references(content: &PackContent, released: &[&Library]) -> Result<(), LaboratoryError> {
    let library = &content.library;
    let known: BTreeSet<String> = released.iter().flat_map(|l| &l.references).map(Reference::digest).collect();
    let lives = content.lives();
    for reference in &library.references {
        let id = reference.digest();
        if known.contains(&id) {
            continue;
        }
        let name = library.substance_of(reference).map_or("", |s| s.name.as_str());
        let life = lives.get(id.as_str()).map_or(&[][..], Vec::as_slice);
        let authors = life.iter().filter(|s| s.step == Decision::Submitted).map(|s| s.by.as_str()).collect();
        let Err(why) = approved_by_another(life, &authors) else { continue };
        return Err(LaboratoryError::Release(format!(
            "a reference of {name} ({}) {why}; 'library review' shows what waits, 'library take-out' removes it",
            id.get(..12).unwrap_or_default()
        )));
    }
    Ok(())
}

/// Refuses a draft with simulated references unless it is meant for training.
pub fn check_training(content: &PackContent, training: bool) -> Result<(), LaboratoryError> {
    let simulated = content.library.references.iter().filter(|r| r.tier == Tier::Simulated).count();
    match (simulated, training) {
        (0, true) => Err(LaboratoryError::Release("no reference of it is simulated; leave out --training".to_owned())),
        (1.., false) => Err(LaboratoryError::Release(format!(
            "{simulated} of its references are simulated, so that it identifies on emulated analyzers only; take them out, or sign \
             it with --training"
        ))),
        (0, false) | (1.., true) => Ok(()),
    }
}

/// Refuses a draft that was not compared with the pack in use as it is now, or that has regressions which nobody justified.
/// Why a draft was not compared, and why its regressions are right, stays in the pack.
pub fn check_comparison(
    content: &mut PackContent,
    in_use: &Library,
    not_evaluated: Option<&str>,
    justification: Option<&str>,
) -> Result<(), LaboratoryError> {
    let refuse = |why: String| Err(LaboratoryError::Release(why));
    let words = |text: Option<&str>| text.map(str::trim).filter(|t| !t.is_empty()).map(str::to_owned);
    let Some(report) = Comparison::kept_in(content)? else {
        let Some(why) = words(not_evaluated) else {
            return refuse(
                "it was not evaluated against the pack in use; run 'library evaluate', name labelled spectra, or say why not with \
                 --not-evaluated"
                    .to_owned(),
            );
        };
        content.documents.insert(JUSTIFICATION.to_owned(), format!("not evaluated: {why}"));
        return Ok(());
    };
    if report.content != content.library.identity.sha256 {
        return refuse("it changed after its evaluation; run 'library evaluate' again".to_owned());
    }
    if !report.against.ends_with(&in_use.identity.sha256) {
        return refuse(format!(
            "it was evaluated against {}, and {} {} is in use now; run 'library evaluate' again",
            report.against, in_use.identity.name, in_use.identity.version
        ));
    }
    if let Some(text) = words(justification) {
        content.documents.insert(JUSTIFICATION.to_owned(), text);
    }
    if report.regressions() > 0 && !content.documents.contains_key(JUSTIFICATION) {
        return refuse(format!(
            "its evaluation has {} regressions and nobody justified them; say why they are right with --justification",
            report.regressions()
        ));
    }
    Ok(())
}
