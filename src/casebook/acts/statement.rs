//! What can be said about a scan after it was made.

use serde::{Deserialize, Serialize};

use super::{ParcelNumber, Shipment};
use crate::casebook::Act;

/// Longest text of one field, in characters.
const TEXT_CHARS_MAX: usize = 10_000;

/// Something that was said or done about a scan. It becomes an event, and stays as it is: a later statement may add to it
/// or correct it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", tag = "statement")]
#[non_exhaustive]
pub enum Statement {
    /// What the parcel is.
    Parcel {
        /// Its number.
        number: ParcelNumber,
        /// What the declaration says is in it.
        declared: String,
        /// What holds the substance: bag, vial, envelope ...
        container: String,
    },
    /// What may be shared about the parcel, in fixed words only.
    Shipment(Shipment),
    /// Anything worth keeping.
    Note {
        /// The text.
        text: String,
    },
    /// What is done with the parcel.
    Disposition {
        /// Which.
        disposition: Disposition,
        /// Why.
        reason: String,
    },
    /// The parcel changed hands; both sides had signed in.
    HandOver {
        /// Who gave.
        from: String,
        /// Who took.
        to: String,
        /// Number of the seal; empty where there is none.
        seal: String,
        /// What was handed over, in what state.
        text: String,
    },
    /// An earlier record is wrong. It stays as it is.
    Correction {
        /// What is corrected.
        of: Reference,
        /// Which field of it.
        field: String,
        /// What it says.
        was: String,
        /// What it should say.
        now: String,
        /// Why.
        reason: String,
    },
    /// A photo or another file, which lies beside the casebook under its digest.
    File {
        /// Its name when it was added.
        name: String,
        /// SHA-256 of its bytes, hexadecimal; also its name in the folder `files`.
        sha256: String,
        /// Its size.
        bytes: u64,
        /// What it shows.
        text: String,
    },
    /// The laboratory's result.
    Confirmation {
        /// The substance that was confirmed; empty where nothing listed was found.
        substance: String,
        /// How it was measured.
        method: String,
        /// Reference of the laboratory's report.
        report: String,
    },
    /// A second person looked at it.
    SignOff {
        /// What they say.
        text: String,
    },
    /// The record must be kept until the hold is lifted, whatever the policy says.
    LegalHold {
        /// True: placed. False: lifted.
        placed: bool,
        /// Why.
        reason: String,
    },
}

/// What is done with a parcel.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", tag = "what")]
pub enum Disposition {
    /// It stays here.
    Hold,
    /// It is taken.
    Seize,
    /// It goes its way.
    Release,
    /// It goes to the laboratory under a seal.
    ToLaboratory {
        /// Number of the seal.
        seal: String,
        /// Which laboratory.
        laboratory: String,
    },
}

/// An earlier row of evidence.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", tag = "table", content = "row")]
pub enum Reference {
    /// The scan itself.
    Scan(i64),
    /// An event.
    Event(i64),
}

impl Statement {
    /// Kind of the event.
    pub const fn kind(&self) -> &'static str {
        match self {
            Self::Parcel { .. } => "parcel",
            Self::Shipment(_) => "shipment",
            Self::Note { .. } => "note",
            Self::Disposition { .. } => "disposition",
            Self::HandOver { .. } => "hand-over",
            Self::Correction { .. } => "correction",
            Self::File { .. } => "file",
            Self::Confirmation { .. } => "confirmation",
            Self::SignOff { .. } => "sign-off",
            Self::LegalHold { .. } => "legal-hold",
        }
    }

    /// What somebody must be allowed to do to say it.
    pub const fn act(&self) -> Act {
        match self {
            Self::Parcel { .. } | Self::Shipment(_) => Act::Describe,
            Self::Note { .. } => Act::Note,
            Self::Disposition { disposition, .. } => match disposition {
                Disposition::Hold => Act::Hold,
                Disposition::Seize => Act::Seize,
                Disposition::Release => Act::Release,
                Disposition::ToLaboratory { .. } => Act::SendToLaboratory,
            },
            Self::HandOver { .. } => Act::HandOver,
            Self::Correction { .. } => Act::Correct,
            Self::File { .. } => Act::Attach,
            Self::Confirmation { .. } => Act::Confirm,
            Self::SignOff { .. } => Act::SignOff,
            Self::LegalHold { .. } => Act::LegalHold,
        }
    }

    /// The sentence that a history shows.
    pub fn words(&self) -> String {
        let because = |reason: &str| if reason.is_empty() { String::new() } else { format!(": {reason}") };
        match self {
            Self::Parcel { number, declared, container } => {
                let form = if matches!(number, ParcelNumber::S10(_)) { "S10" } else { "free text" };
                format!("parcel {} ({form}), declared '{declared}', container '{container}'", number.text())
            }
            Self::Shipment(shipment) => shipment.words(),
            Self::Note { text } => format!("note: {text}"),
            Self::Disposition { disposition, reason } => match disposition {
                Disposition::Hold => format!("held{}", because(reason)),
                Disposition::Seize => format!("seized{}", because(reason)),
                Disposition::Release => format!("released{}", because(reason)),
                Disposition::ToLaboratory { seal, laboratory } => {
                    format!("sent to the laboratory {laboratory} under seal {seal}{}", because(reason))
                }
            },
            Self::HandOver { from, to, seal, text } => {
                let seal = if seal.is_empty() { "no seal".to_owned() } else { format!("seal {seal}") };
                format!("handed over by {from} to {to}, both signed in, {seal}{}", because(text))
            }
            Self::Correction { of, field, was, now, reason } => {
                let of = match of {
                    Reference::Scan(id) => format!("scan {id}"),
                    Reference::Event(id) => format!("event {id}"),
                };
                format!("corrects {of}, {field}: was '{was}', should be '{now}'{}", because(reason))
            }
            Self::File { name, sha256, bytes, text } => {
                format!("file {name}, {bytes} bytes, SHA-256 {sha256}{}", because(text))
            }
            Self::Confirmation { substance, method, report } => {
                let found = if substance.is_empty() { "nothing listed" } else { substance };
                format!("laboratory result: {found} ({method}, report {report})")
            }
            Self::SignOff { text } => format!("signed off{}", because(text)),
            Self::LegalHold { placed: true, reason } => format!("legal hold placed{}", because(reason)),
            Self::LegalHold { placed: false, reason } => format!("legal hold lifted{}", because(reason)),
        }
    }

    /// True when every field is short enough to be kept and shown, and what must be there is there.
    pub(super) fn problem(&self) -> Option<&'static str> {
        if let Self::Shipment(shipment) = self {
            return shipment.problem();
        }
        let required: &[&String] = match self {
            Self::Note { text } => &[text],
            Self::Correction { field, reason, .. } => &[field, reason],
            Self::LegalHold { reason, .. } => &[reason],
            Self::Confirmation { method, report, .. } => &[method, report],
            Self::Disposition { disposition: Disposition::ToLaboratory { seal, laboratory }, .. } => {
                &[seal, laboratory]
            }
            _ => &[],
        };
        if required.iter().any(|text| text.trim().is_empty()) {
            return Some("a text that must be there is empty");
        }
        let too_long = self.words().chars().count() > TEXT_CHARS_MAX;
        too_long.then_some("it is longer than 10000 characters; add it as a file")
    }
}
