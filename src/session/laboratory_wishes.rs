//! What the window asks of the laboratory's desk, and how things stand there.

use std::path::PathBuf;

use crate::casebook::{Act, Secret};
use crate::laboratory::{
    Answers, Comparison, FactEdit, Imported, Naming, PreparedReference, StandardFacts, Verdict, Waiting, WaitingFacts,
    waiting, waiting_facts,
};
use crate::library::pack::{Current, Decision, PackContent, TrustedKey};
use crate::library::{FactChange, Group, Library, LibraryIdentity, Tier, changed_facts};

/// A step of the laboratory's work.
#[derive(Clone, Debug, PartialEq)]
pub enum LaboratoryWish {
    /// How things stand.
    Look,
    /// Begin a draft from what is in use, and open it.
    Begin {
        /// Name of the draft, without folder and ending.
        draft: String,
        /// Name of the pack; none keeps that of what is in use.
        name: Option<String>,
        /// Version of the pack.
        version: String,
        /// Without substances and references.
        empty: bool,
    },
    /// Open a draft.
    Open(String),
    /// Read spectra of others; into the open draft where `save` says so.
    Import(Box<ImportOrder>),
    /// Make a reference of recorded scans of a standard and show what it may be taken for; nothing is saved.
    Prepare {
        /// Numbers of the records.
        records: Vec<i64>,
        /// What is stated of the standard.
        facts: Box<StandardFacts>,
    },
    /// Submit the reference that was prepared last.
    Submit,
    /// Propose other facts of a substance or a group in the open draft.
    Edit(FactEdit),
    /// Submit the changed facts that nobody has submitted.
    SubmitFacts,
    /// Approve or return what waits in the open draft.
    Review {
        /// Digests.
        ids: Vec<String>,
        /// What the reviewer decides.
        verdict: Verdict,
    },
    /// Take what waits out of the open draft.
    TakeOut {
        /// Digests.
        ids: Vec<String>,
        /// Why.
        reason: String,
    },
    /// Compare the open draft with what is in use on labelled spectra.
    Evaluate {
        /// Their folder.
        folder: PathBuf,
        /// Table of what each of them is.
        labels: PathBuf,
    },
    /// Sign the open draft.
    Sign(Box<ReleaseOrder>),
    /// Install a signed pack.
    Install {
        /// The file.
        pack: PathBuf,
        /// Also where it has another name than the installed one.
        other_name: bool,
    },
    /// Use an earlier pack again, by version or digest; `bundled` for the library that is compiled in.
    Rollback(String),
    /// Make a signing key.
    CreateKey {
        /// Its name.
        name: String,
        /// Its passphrase.
        passphrase: Secret,
    },
    /// Trust the packs of a key.
    Trust(String),
    /// Take a key back.
    Revoke {
        /// Its name.
        name: String,
        /// Why.
        why: String,
    },
}

impl LaboratoryWish {
    /// What the role table must allow for it; none for looking.
    pub const fn act(&self) -> Option<Act> {
        match self {
            Self::Look | Self::Open(_) => None,
            Self::Begin { .. }
            | Self::Import(_)
            | Self::Prepare { .. }
            | Self::Submit
            | Self::Edit(_)
            | Self::SubmitFacts
            | Self::TakeOut { .. }
            | Self::Evaluate { .. } => Some(Act::SubmitReference),
            Self::Review { .. } => Some(Act::ReviewReference),
            Self::Sign(_) | Self::CreateKey { .. } => Some(Act::ReleasePack),
            Self::Install { .. } | Self::Rollback(_) | Self::Trust(_) | Self::Revoke { .. } => Some(Act::ManagePacks),
        }
    }
}

impl LaboratoryWish {
    /// True where another pack may be in use afterwards, or none.
    pub(super) const fn changes_use(&self) -> bool {
        matches!(self, Self::Install { .. } | Self::Rollback(_) | Self::Trust(_) | Self::Revoke { .. })
    }
}

/// What to read from others.
#[derive(Clone, Debug, PartialEq)]
pub struct ImportOrder {
    /// Files, folders, archives.
    pub files: Vec<PathBuf>,
    /// Key of the source.
    pub source: String,
    /// What is said of it; what was said earlier holds where this says nothing.
    pub answers: Answers,
    /// Where it was measured.
    pub tier: Tier,
    /// Table of labels; without one `naming` holds.
    pub labels: Option<PathBuf>,
    /// How spectra get their names.
    pub naming: Naming,
    /// Saves; else shows only what would be taken.
    pub save: bool,
}

/// How to sign.
#[derive(Clone, Debug, PartialEq)]
pub struct ReleaseOrder {
    /// Name of the key.
    pub key: String,
    /// Its passphrase.
    pub passphrase: Secret,
    /// The pack holds simulated references on purpose.
    pub training: bool,
    /// Why regressions are right; may be empty.
    pub justification: String,
    /// Why there was no evaluation; may be empty.
    pub not_evaluated: String,
}

/// What was done.
#[derive(Clone, Debug)]
pub enum Done {
    /// Nothing but looking.
    Looked,
    /// What this sentence says.
    Said(String),
    /// Spectra were read.
    Imported {
        /// What of them was taken.
        report: Imported,
        /// Whether it was saved.
        saved: bool,
    },
    /// A reference was made, not saved yet.
    Prepared(Box<PreparedReference>),
}

/// The open draft.
#[derive(Clone, Debug, PartialEq)]
pub struct DraftState {
    /// Its name.
    pub name: String,
    /// Name, version and digest of its content.
    pub identity: LibraryIdentity,
    /// How many substances it has.
    pub substances: usize,
    /// How many references.
    pub references: usize,
    /// Groups that a new substance can be in.
    pub groups: Vec<Group>,
    /// What waits for a reviewer or for its author.
    pub waiting: Vec<Waiting>,
    /// What is stated otherwise than by what is in use and waits for a reviewer or for its author.
    pub waiting_facts: Vec<WaitingFacts>,
    /// Everything that is stated otherwise than by what is in use.
    pub changed_facts: Vec<FactChange>,
    /// How many references and changes of facts were approved.
    pub approved: usize,
    /// How it compares with what is in use.
    pub comparison: Option<Comparison>,
    /// True where it holds simulated references.
    pub simulated: bool,
}

/// How things stand.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Desk {
    /// Names of the drafts.
    pub drafts: Vec<String>,
    /// The open one.
    pub draft: Option<DraftState>,
    /// The packs of this unit.
    pub packs: Current,
    /// Names of the signing keys.
    pub signing: Vec<String>,
    /// Keys whose packs are taken.
    pub trusted: Vec<TrustedKey>,
    /// What could not be read.
    pub trouble: Option<String>,
}

impl DraftState {
    /// `in_use` is none where it cannot be read; that is said beside, and refuses the signature.
    pub(super) fn of(name: &str, content: &PackContent, in_use: Option<&Library>) -> Self {
        let library = &content.library;
        Self {
            name: name.to_owned(),
            identity: library.identity.clone(),
            substances: library.substances.len(),
            references: library.references.len(),
            groups: library.groups.clone(),
            waiting: waiting(content),
            waiting_facts: in_use.map(|used| waiting_facts(content, used)).unwrap_or_default(),
            changed_facts: in_use.map(|used| changed_facts(used, library)).unwrap_or_default(),
            approved: content.last_steps().values().filter(|a| a.step == Decision::Approved).count(),
            // An evaluation that cannot be read is refused where it counts: at the signing.
            comparison: Comparison::kept_in(content).unwrap_or_default(),
            simulated: library.references.iter().any(|r| r.tier == Tier::Simulated),
        }
    }
}
