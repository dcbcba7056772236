//! What the window knows of the laboratory's desk: which step is shown, what was typed, what came of it.

use std::collections::BTreeMap;
use std::path::PathBuf;

use crate::casebook::Secret;
use crate::laboratory::{
    AlarmLevel, Answers, FactEdit, GroupEdit, Imported, Naming, PreparedReference, StandardFacts, SubstanceEdit,
    SubstanceFacts, Verdict,
};
use crate::library::{LibraryIdentity, Tier};
use crate::session::{Command, Desk, Done, ImportOrder, LaboratoryWish, LibraryWish, ReleaseOrder};
use crate::spectrum::Technique;

use super::model::Model;

/// A step of the laboratory's work.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Step {
    /// Begin or open a draft.
    #[default]
    Draft,
    /// Spectra of others.
    Import,
    /// A standard that was measured here.
    Add,
    /// What is stated of substances and groups, and what alarms.
    Facts,
    /// A second person looks.
    Review,
    /// Is it better than what is in use?
    Evaluate,
    /// The signature.
    Release,
    /// What this unit has installed, and whom it trusts.
    Packs,
}

impl Step {
    /// Every step with its words.
    pub const ALL: [(Self, &'static str); 8] = [
        (Self::Draft, "Draft"),
        (Self::Import, "Import"),
        (Self::Add, "Add"),
        (Self::Facts, "Facts"),
        (Self::Review, "Review"),
        (Self::Evaluate, "Evaluate"),
        (Self::Release, "Release"),
        (Self::Packs, "Packs and keys"),
    ];
}

/// How imported spectra get their names.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum NameBy {
    /// The title in the file.
    #[default]
    Title,
    /// The file's name.
    File,
    /// The folder's name.
    Folder,
    /// A table.
    Table,
}

/// What is chosen, not typed, of the facts to propose.
#[derive(Clone, Copy, Debug, Default)]
pub struct FactChoices {
    /// What a group shall do; none leaves it as it is.
    pub level: Option<AlarmLevel>,
    /// The substance is new.
    pub new_substance: bool,
}

/// The desk as the window knows it.
#[derive(Debug, Default)]
pub struct DeskView {
    /// True while it is shown in the place of the library.
    pub shown: bool,
    /// The step at hand.
    pub step: Step,
    /// What was typed, by the names of the fields.
    typed: BTreeMap<&'static str, String>,
    /// How imported spectra get their names.
    pub name_by: NameBy,
    /// The technique that is stated for files that are silent.
    pub technique: Option<Technique>,
    /// What is chosen of the facts to propose.
    pub facts: FactChoices,
    /// Simulated references are meant: a training pack.
    pub training: bool,
    /// How things stand.
    pub desk: Desk,
    /// The share of a running step that is done.
    pub working: Option<f32>,
    /// True once the user asked to stop.
    pub stopping: bool,
    /// What the last step said.
    pub said: Option<Result<String, String>>,
    /// What was read from others.
    pub imported: Option<(Imported, bool)>,
    /// The reference that was prepared and is not submitted.
    pub prepared: Option<Box<PreparedReference>>,
}

impl DeskView {
    /// What was typed in a field.
    pub fn text(&mut self, field: &'static str) -> &mut String {
        self.typed.entry(field).or_default()
    }

    fn trimmed(&self, field: &str) -> String {
        self.typed.get(field).map(|t| t.trim().to_owned()).unwrap_or_default()
    }

    fn stated(&self, field: &str) -> Option<String> {
        Some(self.trimmed(field)).filter(|t| !t.is_empty())
    }

    /// A number that was typed; a comma is a decimal point.
    fn number(&self, field: &'static str) -> Result<Option<f64>, String> {
        self.stated(field)
            .map(|t| t.replace(',', ".").parse().map_err(|_| format!("{field}: `{t}` is no number.")))
            .transpose()
    }

    fn secret(&mut self, field: &'static str) -> Secret {
        Secret::new(&std::mem::take(self.text(field)))
    }

    /// A step ended.
    pub fn done(&mut self, done: Result<Done, String>, desk: Desk) {
        self.working = None;
        self.stopping = false;
        match done {
            Ok(Done::Looked) => {}
            Ok(Done::Said(words)) => {
                self.said = Some(Ok(words));
                self.prepared = None;
            }
            Ok(Done::Imported { report, saved }) => {
                self.said = None;
                self.imported = Some((report, saved));
            }
            Ok(Done::Prepared(prepared)) => {
                self.said = None;
                self.prepared = Some(prepared);
            }
            Err(why) => self.said = Some(Err(why)),
        }
        if let Some(why) = &desk.trouble {
            self.said.get_or_insert_with(|| Err(why.clone()));
        }
        self.desk = desk;
    }

    /// What to import, as typed.
    fn import_order(&self, save: bool) -> Result<ImportOrder, String> {
        let files: Vec<PathBuf> = self
            .trimmed("Files or folders")
            .split(';')
            .map(str::trim)
            .filter(|p| !p.is_empty())
            .map(PathBuf::from)
            .collect();
        if files.is_empty() {
            return Err("Name files or folders, or drop them on the window.".to_owned());
        }
        let source = self.stated("Short name of the source").ok_or("Give the source a short name.")?;
        let mut answers = Answers {
            citation: self.stated("Who made it, what, when"),
            licence: self.stated("Terms"),
            groups: self.stated("Group of new substances").into_iter().collect(),
            resolution_cm1: self.number("Resolution, cm⁻¹")?,
            ..Answers::default()
        };
        answers.choices.technique = self.technique;
        answers.choices.laser_nm = self.number("Laser, nm")?;
        let labels = self.stated("Table of labels (CSV)").map(PathBuf::from);
        let (labels, naming) = match (self.name_by, labels) {
            (NameBy::Table, None) => return Err("Name the table that says what each file is.".to_owned()),
            (NameBy::Table, table) => (table, Naming::Title),
            (NameBy::Title, _) => (None, Naming::Title),
            (NameBy::File, _) => (None, Naming::File),
            (NameBy::Folder, _) => (None, Naming::Folder),
        };
        Ok(ImportOrder { files, source, answers, tier: Tier::MeasuredElsewhere, labels, naming, save })
    }

    /// Several things in one field.
    fn several(&self, field: &str) -> Vec<String> {
        let parts = self.trimmed(field);
        parts.split(';').map(str::trim).filter(|p| !p.is_empty()).map(str::to_owned).collect()
    }

    /// What shall be stated of a substance, as typed.
    fn substance_edit(&self) -> Result<SubstanceEdit, String> {
        let status = self.stated("Control status");
        let control = match (self.stated("Jurisdiction"), status) {
            (Some(jurisdiction), Some(status)) => vec![(jurisdiction, status)],
            (None, None) => Vec::new(),
            _ => return Err("A control status needs its jurisdiction, and a jurisdiction its status.".to_owned()),
        };
        let day =
            |text: String| text.parse().map_err(|_| format!("As of: `{text}` is no day; write it as 2026-11-24."));
        Ok(SubstanceEdit {
            substance: self.stated("Substance to change").ok_or("Name the substance.")?,
            new: self.facts.new_substance,
            add_groups: self.several("Into groups"),
            drop_groups: self.several("Out of groups"),
            add_synonyms: self.several("Other names to add"),
            drop_synonyms: self.several("Other names to take away"),
            cas: self.stated("New CAS number"),
            control,
            drop_control: self.several("State nothing more of (jurisdictions)"),
            as_of: self.stated("As of (2026-11-24)").map(day).transpose()?,
            source: self.stated("Where this can be read (empty: from memory)"),
        })
    }

    /// What a group shall be, as typed.
    fn group_edit(&self) -> Result<GroupEdit, String> {
        Ok(GroupEdit {
            key: self.stated("Group").ok_or("Name the group by its key.")?,
            title: self.stated("Its title"),
            level: self.facts.level,
            note: self.stated("Why it alarms or not"),
        })
    }

    /// What is stated of a standard, as typed, and the records of its replicates.
    fn standard(&self) -> Result<(Vec<i64>, StandardFacts), String> {
        let records = self.trimmed("Numbers of its scans");
        let records = records.split([',', ' ', ';']).filter(|n| !n.is_empty());
        let records: Vec<i64> = records
            .map(|n| n.parse().map_err(|_| format!("`{n}` is no number of a record; write them as 12, 13, 14.")))
            .collect::<Result<_, String>>()?;
        let substance = SubstanceFacts {
            name: self.stated("Substance").ok_or("Name the substance.")?,
            cas: self.stated("CAS number"),
            formula: self.stated("Formula"),
            groups: self
                .stated("Groups, with commas")
                .map_or(Vec::new(), |g| g.split(',').map(|k| k.trim().to_owned()).filter(|k| !k.is_empty()).collect()),
            stated_by: "stated by operator".to_owned(),
            ..SubstanceFacts::default()
        };
        Ok((
            records,
            StandardFacts {
                substance,
                form: self.trimmed("Salt, base or hydrate"),
                lot: self.stated("Lot of the standard"),
                certificate: self.stated("Certificate number"),
                purity_percent: self.number("Purity, % by mass")?,
            },
        ))
    }
}

impl Model {
    /// Shows the desk and asks how things stand.
    pub fn show_desk(&mut self) {
        self.desk.shown = true;
        self.ask_desk(LaboratoryWish::Look);
    }

    /// Has a step done.
    pub fn ask_desk(&mut self, wish: LaboratoryWish) {
        if self.desk.working.is_some() {
            return;
        }
        self.desk.working = Some(0.0);
        self.desk.said = None;
        self.send(Command::Library(LibraryWish::Laboratory(wish)));
    }

    /// A step was not taken, or failed inside; how things stand is as it was.
    pub(super) fn desk_refused(&mut self, why: String) {
        let desk = std::mem::take(&mut self.desk.desk);
        self.desk.done(Err(why), desk);
    }

    /// Another library answers, or none does.
    pub(super) fn library_in_use(&mut self, used: Result<LibraryIdentity, String>) {
        match used {
            Ok(identity) => {
                let now = format!("Scans use {} {} from now on.", identity.name, identity.version);
                let before = self.desk.said.take().and_then(Result::ok);
                self.desk.said = Some(Ok(before.map_or_else(|| now.clone(), |said| format!("{now} {said}"))));
            }
            Err(why) => {
                let why = format!("No scan gets an answer now: {why}");
                self.desk.said = Some(Err(why.clone()));
                self.remark(why);
            }
        }
    }

    /// Ends the step that runs.
    pub fn stop_desk(&mut self) {
        if self.desk.working.is_some() {
            self.desk.stopping = true;
            self.send(Command::Library(LibraryWish::Stop));
        }
    }

    fn ask_or_say(&mut self, wish: Result<LaboratoryWish, String>) {
        match wish {
            Ok(wish) => self.ask_desk(wish),
            Err(why) => self.desk.said = Some(Err(why)),
        }
    }

    /// Begins a draft from what is in use.
    pub fn begin_draft(&mut self, empty: bool) {
        let desk = &self.desk;
        let wish = LaboratoryWish::Begin {
            draft: desk.trimmed("Name of the draft"),
            name: desk.stated("Name of the pack (empty: as now)"),
            version: desk.trimmed("Version"),
            empty,
        };
        self.ask_desk(wish);
    }

    /// Reads spectra of others.
    pub fn import_files(&mut self, save: bool) {
        let wish = self.desk.import_order(save).map(|order| LaboratoryWish::Import(Box::new(order)));
        self.ask_or_say(wish);
    }

    /// Prepares a reference of recorded scans.
    pub fn prepare_standard(&mut self) {
        let wish = self.desk.standard();
        self.ask_or_say(wish.map(|(records, facts)| LaboratoryWish::Prepare { records, facts: Box::new(facts) }));
    }

    /// Proposes other facts of a substance.
    pub fn propose_substance(&mut self) {
        let wish = self.desk.substance_edit().map(|e| LaboratoryWish::Edit(FactEdit::Substance(Box::new(e))));
        self.ask_or_say(wish);
    }

    /// Proposes another group.
    pub fn propose_group(&mut self) {
        let wish = self.desk.group_edit().map(|e| LaboratoryWish::Edit(FactEdit::Group(e)));
        self.ask_or_say(wish);
    }

    /// Approves what waits.
    pub fn approve(&mut self, id: String) {
        self.ask_desk(LaboratoryWish::Review { ids: vec![id], verdict: Verdict::Approve });
    }

    /// Returns what waits with the reason that was typed.
    pub fn return_to_author(&mut self, id: String) {
        let reason = self.desk.trimmed("Reason");
        self.ask_desk(LaboratoryWish::Review { ids: vec![id], verdict: Verdict::Return { reason } });
    }

    /// Takes what waits out of the draft.
    pub fn take_out(&mut self, id: String) {
        let reason = self.desk.trimmed("Reason");
        self.ask_desk(LaboratoryWish::TakeOut { ids: vec![id], reason });
    }

    /// Compares the draft with what is in use.
    pub fn evaluate_draft(&mut self) {
        let folder = self.desk.trimmed("Folder of labelled spectra").into();
        let labels = self.desk.trimmed("Table of what each is (CSV)").into();
        self.ask_desk(LaboratoryWish::Evaluate { folder, labels });
    }

    /// Signs the draft.
    pub fn sign_draft(&mut self) {
        let desk = &mut self.desk;
        let passphrase = desk.secret("Passphrase of the key");
        let order = ReleaseOrder {
            key: desk.trimmed("Signing key"),
            passphrase,
            training: desk.training,
            justification: desk.trimmed("Why regressions are right"),
            not_evaluated: desk.trimmed("Why there is no evaluation"),
        };
        self.ask_desk(LaboratoryWish::Sign(Box::new(order)));
    }

    /// Installs a pack; `other_name` also where it is of another line.
    pub fn install_pack(&mut self, other_name: bool) {
        let pack = self.desk.trimmed("Pack to install").into();
        self.ask_desk(LaboratoryWish::Install { pack, other_name });
    }

    /// Makes a key.
    pub fn create_key(&mut self) {
        let passphrase = self.desk.secret("Its passphrase, 12 or more");
        let name = self.desk.trimmed("Name of a new key");
        self.ask_desk(LaboratoryWish::CreateKey { name, passphrase });
    }

    /// Trusts a key.
    pub fn trust_key(&mut self) {
        let verifier = self.desk.trimmed("Public half of a key");
        self.ask_desk(LaboratoryWish::Trust(verifier));
    }

    /// Takes a key back.
    pub fn revoke_key(&mut self, name: String) {
        let why = self.desk.trimmed("Why a key is taken back");
        self.ask_desk(LaboratoryWish::Revoke { name, why });
    }
}
