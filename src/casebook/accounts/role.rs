//! Who may do what: one table.

use std::fmt::Write as _;

use serde::{Deserialize, Serialize};

/// What an account is for. An account has one role.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Role {
    /// Scans parcels, describes, holds and hands them over.
    Officer,
    /// Measures, calibrates and states confirmatory results.
    Laboratory,
    /// Signs off what others recorded.
    Reviewer,
    /// Lets held parcels go.
    Releaser,
    /// Decides over seizures and legal holds.
    Supervisor,
    /// Keeps accounts, policies and backups; takes no part in evidence.
    Administrator,
    /// Reads and verifies, nothing else.
    Auditor,
}

impl Role {
    /// Every role, in the order of the table's columns.
    pub const ALL: [Self; 7] = [
        Self::Officer,
        Self::Laboratory,
        Self::Reviewer,
        Self::Releaser,
        Self::Supervisor,
        Self::Administrator,
        Self::Auditor,
    ];

    /// Its name on the command line, in events and in the documentation.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Officer => "officer",
            Self::Laboratory => "laboratory",
            Self::Reviewer => "reviewer",
            Self::Releaser => "releaser",
            Self::Supervisor => "supervisor",
            Self::Administrator => "administrator",
            Self::Auditor => "auditor",
        }
    }

    /// The role of this name.
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|role| role.name() == name)
    }

    /// Whether the table allows it.
    pub fn may(self, act: Act) -> bool {
        let column = Self::ALL.iter().position(|role| *role == self);
        let row = TABLE.iter().find(|(of, _)| *of == act).map(|(_, row)| row);
        match (row, column) {
            (Some(row), Some(column)) => row.as_bytes().get(column * 2) == Some(&b'x'),
            _ => false,
        }
    }

    /// Whether a PIN of digits is enough. Roles that release, decide or keep accounts need a passphrase.
    pub const fn accepts_pin(self) -> bool {
        !matches!(self, Self::Releaser | Self::Supervisor | Self::Administrator)
    }
}

/// Something that can be done with the casebook or the kit.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Act {
    /// Scan with a kit.
    Scan,
    /// Calibrate a kit or check its performance.
    Calibrate,
    /// Save and forget kits, set their laser power and what is demanded of performance checks.
    ManageKits,
    /// Choose which saved kit is in use and the port of the GPS receiver.
    ChooseKit,
    /// Read records.
    Read,
    /// Verify the chain, print checkpoints and proofs.
    Verify,
    /// State the parcel: number, declared contents, container.
    Describe,
    /// Add a note.
    Note,
    /// Add a photo or another file.
    Attach,
    /// State that an earlier record is wrong, and what is right.
    Correct,
    /// Hold the parcel.
    Hold,
    /// Seize the parcel.
    Seize,
    /// Let the parcel go.
    Release,
    /// Send the parcel to the laboratory under a seal.
    SendToLaboratory,
    /// Give or take the parcel in a hand-over.
    HandOver,
    /// State the laboratory's confirmatory result.
    Confirm,
    /// Sign off a record after a second look.
    SignOff,
    /// Export finds without persons for other units.
    ShareFinds,
    /// Place or lift a legal hold.
    LegalHold,
    /// Set how long records are kept.
    SetRetention,
    /// Enrol, change and disable accounts.
    ManageAccounts,
    /// Write backups and set where they go.
    Backup,
    /// Witness the checkpoint of another unit.
    Witness,
    /// Add references to a draft of the library and edit its facts.
    SubmitReference,
    /// Approve or return what somebody else added.
    ReviewReference,
    /// Sign a draft: the pack that units install.
    ReleasePack,
    /// Install packs, go back to earlier ones, and choose whose are taken.
    ManagePacks,
    /// Change a record in place.
    EditRecord,
    /// Delete a record.
    DeleteRecord,
    /// Hide a record from others.
    HideRecord,
}

/// The role table. Columns are those of [`Role::ALL`]: officer, laboratory, reviewer, releaser, supervisor,
/// administrator, auditor; `x` allows, `-` refuses. Nobody may edit, delete or hide a record.
pub const TABLE: [(Act, &str); 30] = [
    //                        O L R R S A A
    (Act::Scan, /*         */ "x x - - x - -"),
    (Act::Calibrate, /*    */ "x x - - x - -"),
    (Act::ManageKits, /*   */ "- x - - x x -"),
    (Act::ChooseKit, /*    */ "x x - - x x -"),
    (Act::Read, /*         */ "x x x x x x x"),
    (Act::Verify, /*       */ "x x x x x x x"),
    (Act::Describe, /*     */ "x x - - x - -"),
    (Act::Note, /*         */ "x x x x x - -"),
    (Act::Attach, /*       */ "x x - - x - -"),
    (Act::Correct, /*      */ "x x x - x - -"),
    (Act::Hold, /*         */ "x x x x x - -"),
    (Act::Seize, /*        */ "x - - - x - -"),
    (Act::Release, /*      */ "- - - x x - -"),
    (Act::SendToLaboratory, "x - x - x - -"),
    (Act::HandOver, /*     */ "x x - x x - -"),
    (Act::Confirm, /*      */ "- x - - - - -"),
    (Act::SignOff, /*      */ "- - x - x - -"),
    (Act::ShareFinds, /*   */ "- x x - x - -"),
    (Act::LegalHold, /*    */ "- - - - x - -"),
    (Act::SetRetention, /* */ "- - - - - x -"),
    (Act::ManageAccounts, "- - - - - x -"),
    (Act::Backup, /*       */ "- - - - x x -"),
    (Act::Witness, /*      */ "- - - - x x x"),
    (Act::SubmitReference, "- x - - - - -"),
    (Act::ReviewReference, "- - x - - - -"),
    (Act::ReleasePack, /*  */ "- - - x - - -"),
    (Act::ManagePacks, /*  */ "- x - - x x -"),
    (Act::EditRecord, /*   */ "- - - - - - -"),
    (Act::DeleteRecord, /* */ "- - - - - - -"),
    (Act::HideRecord, /*   */ "- - - - - - -"),
];

impl Act {
    /// What it is called in refusals and in the documentation.
    pub const fn words(self) -> &'static str {
        match self {
            Self::Scan => "scan with a kit",
            Self::Calibrate => "calibrate or check a kit",
            Self::ManageKits => "save or forget kits, set laser power and check policy",
            Self::ChooseKit => "choose the kit and the GPS receiver in use",
            Self::Read => "read records",
            Self::Verify => "verify the chain",
            Self::Describe => "describe the parcel",
            Self::Note => "add a note",
            Self::Attach => "add a photo or file",
            Self::Correct => "correct a record by a new one",
            Self::Hold => "hold a parcel",
            Self::Seize => "seize a parcel",
            Self::Release => "release a parcel",
            Self::SendToLaboratory => "send a parcel to the laboratory",
            Self::HandOver => "hand a parcel over or take it",
            Self::Confirm => "state a laboratory result",
            Self::SignOff => "sign off a record",
            Self::ShareFinds => "share finds with other units",
            Self::LegalHold => "place or lift a legal hold",
            Self::SetRetention => "set how long records are kept",
            Self::ManageAccounts => "manage accounts",
            Self::Backup => "write backups",
            Self::Witness => "witness another unit's checkpoint",
            Self::SubmitReference => "add references to a draft",
            Self::ReviewReference => "approve or return a reference",
            Self::ReleasePack => "sign a pack of references",
            Self::ManagePacks => "install packs of references and choose whose are taken",
            Self::EditRecord => "change a record in place",
            Self::DeleteRecord => "delete a record",
            Self::HideRecord => "hide a record",
        }
    }
}

/// The table as Markdown, as `docs/casebook.md` shows it.
pub fn role_table_markdown() -> String {
    let names = Role::ALL.map(Role::name).join(" | ");
    let mut text = format!("| act | {names} |\n|---{}|\n", "|---".repeat(Role::ALL.len()));
    for (act, _) in TABLE {
        let cells = Role::ALL.map(|role| if role.may(act) { "yes" } else { "-" }).join(" | ");
        // Writing to a String cannot fail.
        let _ = writeln!(text, "| {} | {cells} |", act.words());
    }
    text
}
