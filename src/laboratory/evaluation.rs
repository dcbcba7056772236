//! What a draft names better and worse than another library, spectrum by spectrum.

use std::sync::Arc;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::identify::{Engine, Outcome, Query, ask};
use crate::library::pack::PackContent;
use crate::library::{FactChange, Library, changed_facts};

use super::LaboratoryError;
use super::reading::on_every_core;

/// Name of the report among the documents of a pack.
const REPORT: &str = "evaluation";
/// Name of the justification among the documents of a pack.
pub(super) const JUSTIFICATION: &str = "justification";

/// One spectrum on which the two differ.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Change {
    /// Which.
    pub spectrum: String,
    /// What it is.
    pub expected: String,
    /// What the other library says.
    pub before: String,
    /// What the draft says.
    pub after: String,
}

/// A comparison, as it stays in the pack.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Comparison {
    /// Digest of what was evaluated.
    pub content: String,
    /// Name, version and digest of what it was compared with.
    pub against: String,
    /// When.
    pub at: Timestamp,
    /// How many spectra were asked about.
    pub spectra: usize,
    /// True where simulated references were taken for measured ones: a training pack.
    pub simulated: bool,
    /// Named right now and not before.
    pub gains: Vec<Change>,
    /// Named right before and not now, and alarms or alerts on listed substances that are gone.
    pub losses: Vec<Change>,
    /// Alarms and alerts on substances that do not alarm, which were not there before.
    pub new_false_alarms: Vec<Change>,
    /// Wrong names that were not there before.
    pub new_wrong_names: Vec<Change>,
    /// What the draft states otherwise of substances and groups.
    #[serde(default)]
    pub changed_facts: Vec<FactChange>,
}

impl Comparison {
    /// How many things are worse.
    pub const fn regressions(&self) -> usize {
        self.losses.len() + self.new_false_alarms.len() + self.new_wrong_names.len()
    }

    /// The comparison that a draft or pack holds.
    pub fn kept_in(content: &PackContent) -> Result<Option<Self>, LaboratoryError> {
        let text = content.documents.get(REPORT);
        text.map(|t| serde_json::from_str(t)).transpose().map_err(|e| {
            LaboratoryError::Release(format!("its evaluation cannot be read ({e}); run 'library evaluate' again"))
        })
    }

    /// Keeps it in a draft, with what somebody says about its regressions; what was said about an earlier one goes.
    pub fn keep_in(&self, content: &mut PackContent, justification: Option<&str>) {
        // Plain structs with text keys always serialise.
        content.documents.insert(REPORT.to_owned(), serde_json::to_string(self).unwrap_or_default());
        content.documents.remove(JUSTIFICATION);
        if let Some(text) = justification.map(str::trim).filter(|t| !t.is_empty()) {
            content.documents.insert(JUSTIFICATION.to_owned(), text.to_owned());
        }
    }
}

/// The engine that a library is evaluated with: simulated references count as measured in a training pack, and nothing that it
/// says leaves the evaluation.
pub fn engine_for_evaluation(library: Arc<Library>) -> Engine {
    if library.is_training() { Engine::for_simulated_pack(library) } else { Engine::new(library) }
}

/// Asks both libraries about every query and lists where they differ. `go_on` is told how many answers there are and ends it by
/// returning false.
pub fn compare(
    before: &Arc<Library>,
    after: &Arc<Library>,
    queries: &[Query],
    at: Timestamp,
    go_on: &(dyn Fn(usize, usize) -> bool + Sync),
) -> Result<Comparison, LaboratoryError> {
    let engines = [before, after].map(|l| engine_for_evaluation(Arc::clone(l)));
    let [old, new] = &engines;
    let pairs = on_every_core(queries, |q| (ask(old, q, false), ask(new, q, false)), go_on)?;
    let identity = &before.identity;
    let mut report = Comparison {
        content: after.identity.sha256.clone(),
        against: format!("{} {} {}", identity.name, identity.version, identity.sha256),
        at,
        spectra: queries.len(),
        simulated: after.is_training(),
        gains: Vec::new(),
        losses: Vec::new(),
        new_false_alarms: Vec::new(),
        new_wrong_names: Vec::new(),
        changed_facts: changed_facts(before, after),
    };
    for (old, new) in &pairs {
        report.add(old, new);
    }
    Ok(report)
}

impl Comparison {
    fn add(&mut self, old: &Outcome, new: &Outcome) {
        let change = || Change {
            spectrum: new.query.clone(),
            expected: new.truth.name.clone(),
            before: says(old),
            after: says(new),
        };
        let lost_warning = new.alarming && old.alarming && old.is_warning() && !new.is_warning();
        match (old.named_right, new.named_right) {
            (false, true) => self.gains.push(change()),
            (true, false) => self.losses.push(change()),
            _ if lost_warning => self.losses.push(change()),
            _ => {}
        }
        if new.named_wrong && !old.named_wrong {
            self.new_wrong_names.push(change());
        }
        if new.is_false_alarm() && !old.is_false_alarm() {
            self.new_false_alarms.push(change());
        }
    }
}

fn says(outcome: &Outcome) -> String {
    outcome.named.clone().unwrap_or_else(|| format!("no name ({})", outcome.rule))
}
