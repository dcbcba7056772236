//! What is in a pack beside the references.

use std::collections::{BTreeMap, HashMap};

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::library::Library;

/// What somebody decided about a submitted reference.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", tag = "decision")]
pub enum Decision {
    /// Waits for a second person.
    Submitted,
    /// Good.
    Approved,
    /// Sent back.
    Returned {
        /// Why.
        reason: String,
    },
    /// Taken out of the draft again.
    Withdrawn {
        /// Why.
        reason: String,
    },
}

/// One step in the life of a reference: submitted, approved or returned.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Approval {
    /// Key of the substance.
    pub substance: String,
    /// Digest of the reference ([`crate::library::Reference::digest`]): another array needs another approval.
    pub reference: String,
    /// Who.
    pub by: String,
    /// When.
    pub at: Timestamp,
    /// What.
    pub step: Decision,
}

/// Everything that a pack or a draft holds.
#[derive(Clone, Debug, PartialEq)]
pub struct PackContent {
    /// The library.
    pub library: Library,
    /// When this content was written.
    pub made_at: Timestamp,
    /// The life of its references, in the order in which it happened.
    pub approvals: Vec<Approval>,
    /// Further texts by name: the evaluation report (`evaluation`, JSON), a justification of its regressions
    /// (`justification`), licence texts that travel along (`LICENSES/...`).
    pub documents: BTreeMap<String, String>,
}

impl PackContent {
    /// The bundled library as the content of a pack, with its licence texts.
    pub fn of_bundled(library: &Library, notices: &[(&str, &str)], made_at: Timestamp) -> Self {
        let documents = notices.iter().map(|(name, text)| ((*name).to_owned(), (*text).to_owned())).collect();
        Self { library: library.clone(), made_at, approvals: Vec::new(), documents }
    }

    /// The last step of each reference, by its digest.
    pub fn last_steps(&self) -> BTreeMap<&str, &Approval> {
        self.approvals.iter().map(|a| (a.reference.as_str(), a)).collect()
    }

    /// Every step of each reference, by its digest, in the order in which they happened.
    pub fn lives(&self) -> HashMap<&str, Vec<&Approval>> {
        let mut lives: HashMap<&str, Vec<&Approval>> = HashMap::new();
        for approval in &self.approvals {
            lives.entry(&approval.reference).or_default().push(approval);
        }
        lives
    }

    /// References that somebody submitted and nobody approved or took out since, as substance and digest.
    pub fn waiting(&self) -> Vec<(&str, &str)> {
        let is_open = |a: &Approval| matches!(a.step, Decision::Submitted | Decision::Returned { .. });
        let last = self.last_steps();
        last.values().filter(|a| is_open(a)).map(|a| (a.substance.as_str(), a.reference.as_str())).collect()
    }
}
