//! What somebody is about to say about a record: the kind, the fields, and what came of it.

use crate::casebook::{Act, Disposition, ParcelNumber, Role, Secret, Statement};
use crate::session::RecordAct;

/// What can be said.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Saying {
    /// A note.
    #[default]
    Note,
    /// The parcel stays.
    Hold,
    /// The parcel is taken.
    Seize,
    /// The parcel goes its way.
    Release,
    /// The parcel goes to the laboratory.
    ToLaboratory,
    /// The parcel changes hands.
    HandOver,
    /// What the parcel is.
    Parcel,
    /// A field of the scan is wrong.
    Correct,
    /// A file is kept with it.
    Attach,
    /// The laboratory's result.
    Confirm,
    /// A second person looked at it.
    SignOff,
    /// A legal hold is placed.
    LegalHold,
    /// A legal hold is lifted.
    LiftHold,
}

/// What is wrong, where something is corrected.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Wrong {
    /// The parcel number of the scan.
    #[default]
    Parcel,
    /// Who is said to have scanned.
    Operator,
    /// The time of the scan.
    TakenAt,
    /// Sample, blank or control.
    Kind,
    /// The spot of the item.
    Spot,
    /// An event of the history.
    Event,
}

impl Wrong {
    /// Each with its words and the casebook's name of the field.
    pub const ALL: [(Self, &'static str, &'static str); 6] = [
        (Self::Parcel, "Parcel", "parcel"),
        (Self::Operator, "Operator", "operator"),
        (Self::TakenAt, "Time", "taken-at"),
        (Self::Kind, "Kind", "kind"),
        (Self::Spot, "Spot", "spot"),
        (Self::Event, "An event", "event"),
    ];

    fn field(self) -> &'static str {
        Self::ALL.into_iter().find(|(wrong, ..)| *wrong == self).map_or("", |(.., field)| field)
    }
}

impl Saying {
    /// Every kind with its words, what it needs, and its fields.
    pub const ALL: [(Self, &'static str, Act, &'static [&'static str]); 13] = [
        (Self::Note, "Note", Act::Note, &["Note"]),
        (Self::Hold, "Hold", Act::Hold, &["Reason"]),
        (Self::Seize, "Seize", Act::Seize, &["Reason"]),
        (Self::Release, "Release", Act::Release, &["Reason"]),
        (Self::ToLaboratory, "To laboratory", Act::SendToLaboratory, &["Seal number", "Laboratory", "Reason"]),
        (Self::HandOver, "Hand over", Act::HandOver, &["Account that takes it", "Its secret", "Seal number", "State"]),
        (Self::Parcel, "Parcel", Act::Describe, &["Parcel number", "Declared contents", "Container"]),
        (
            Self::Correct,
            "Correct",
            Act::Correct,
            &["What it should say", "Reason", "Number of the event", "Its field, or 'event' for all of it"],
        ),
        (Self::Attach, "Photo or file", Act::Attach, &["Path of the file", "What it shows"]),
        (Self::Confirm, "Laboratory result", Act::Confirm, &["Substance (empty: none)", "Method", "Report number"]),
        (Self::SignOff, "Sign off", Act::SignOff, &["Remark"]),
        (Self::LegalHold, "Legal hold", Act::LegalHold, &["Reason"]),
        (Self::LiftHold, "Lift the hold", Act::LegalHold, &["Reason"]),
    ];

    /// What this role may say.
    pub fn of_role(role: Role) -> impl Iterator<Item = (Self, &'static str)> {
        Self::ALL.into_iter().filter(move |(_, _, act, _)| role.may(*act)).map(|(saying, words, ..)| (saying, words))
    }

    /// Its fields, each to be labelled so.
    fn fields(self) -> &'static [&'static str] {
        Self::ALL.into_iter().find(|(saying, ..)| *saying == self).map_or(&[], |(.., fields)| fields)
    }
}

/// The form beside the history.
#[derive(Debug, Default)]
pub struct RecordForm {
    /// What is said.
    pub saying: Saying,
    /// What is wrong, where that is said.
    pub wrong: Wrong,
    /// What was typed, as many as a kind can need.
    pub fields: [String; 4],
    /// True while an answer is awaited.
    pub waiting: bool,
    /// What came of it.
    pub outcome: Option<Result<String, String>>,
}

impl RecordForm {
    /// Labels of the fields that are asked for.
    pub fn fields(&self) -> &'static [&'static str] {
        let all = self.saying.fields();
        // Only an event has a number and fields of its own.
        let fewer = self.saying == Saying::Correct && self.wrong != Wrong::Event;
        if fewer { all.get(..2).unwrap_or(all) } else { all }
    }

    /// Says something else from now on; what was typed is gone.
    pub fn say(&mut self, saying: Saying) {
        *self = Self { saying, ..Self::default() };
    }

    /// What was typed as a thing to say, or a sentence about what is missing.
    pub fn act(&self) -> Result<RecordAct, String> {
        let [a, b, c, d] = self.fields.each_ref().map(|text| text.trim().to_owned());
        Ok(match self.saying {
            Saying::Note => RecordAct::State(Statement::Note { text: a }),
            Saying::Hold => RecordAct::disposition(Disposition::Hold, a),
            Saying::Seize => RecordAct::disposition(Disposition::Seize, a),
            Saying::Release => RecordAct::disposition(Disposition::Release, a),
            Saying::ToLaboratory => RecordAct::disposition(Disposition::ToLaboratory { seal: a, laboratory: b }, c),
            // A secret is taken as it was typed.
            Saying::HandOver => RecordAct::HandOver { to: a, secret: Secret::new(&self.fields[1]), seal: c, text: d },
            Saying::Parcel => RecordAct::State(Statement::Parcel {
                number: ParcelNumber::read(&a).map_err(|e| e.to_string())?,
                declared: b,
                container: c,
            }),
            Saying::Correct if self.wrong == Wrong::Event => {
                let event =
                    c.parse().map_err(|_| "Type the number of the event, as the history shows it.".to_owned())?;
                let field = if d.is_empty() { self.wrong.field().to_owned() } else { d };
                RecordAct::Correct { event: Some(event), field, now: a, reason: b }
            }
            Saying::Correct => {
                RecordAct::Correct { event: None, field: self.wrong.field().to_owned(), now: a, reason: b }
            }
            Saying::Attach => RecordAct::Attach { file: a.into(), text: b },
            Saying::Confirm => RecordAct::State(Statement::Confirmation { substance: a, method: b, report: c }),
            Saying::SignOff => RecordAct::State(Statement::SignOff { text: a }),
            Saying::LegalHold => RecordAct::State(Statement::LegalHold { placed: true, reason: a }),
            Saying::LiftHold => RecordAct::State(Statement::LegalHold { placed: false, reason: a }),
        })
    }

    /// It is on its way. A secret is not kept in the form.
    pub fn sent(&mut self) {
        self.waiting = true;
        self.outcome = None;
        if self.saying == Saying::HandOver {
            self.fields[1].clear();
        }
    }

    /// It stands in the casebook.
    pub fn recorded(&mut self, event: i64) {
        self.say(self.saying);
        self.outcome = Some(Ok(format!("Recorded as event {event}")));
    }

    /// It was not recorded; what was typed stays.
    pub fn refused(&mut self, why: &str) {
        if self.waiting {
            self.waiting = false;
            self.outcome = Some(Err(why.to_owned()));
        }
    }
}
