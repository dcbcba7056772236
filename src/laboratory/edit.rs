//! What the laboratory states of substances and groups: an edit changes the draft and is a proposal of its author.

use jiff::Timestamp;
use jiff::civil::Date;

use crate::library::pack::PackContent;
use crate::library::{ControlStatus, Group, Library, Substance, is_valid_cas};

use super::facts::{SubstanceFacts, check_groups, place};
use super::{LaboratoryError, Names};

/// Longest fact in words, bytes.
const WORDS_MAX: usize = 500;

/// What finding a member of a group does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AlarmLevel {
    /// An identified member is an alarm, a possible one an alert.
    Alarms,
    /// It is on a watch list and shown as watched.
    Watched,
    /// Neither.
    Neither,
}

impl AlarmLevel {
    /// Every level with its word.
    pub const ALL: [(Self, &'static str); 3] =
        [(Self::Alarms, "alarms"), (Self::Watched, "watched"), (Self::Neither, "neither")];
}

/// A group as it shall be. What is none stays.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct GroupEdit {
    /// Its key; one that is not there makes a new group.
    pub key: String,
    /// Name for people; a new group needs one.
    pub title: Option<String>,
    /// What it does; a new group needs it.
    pub level: Option<AlarmLevel>,
    /// Why.
    pub note: Option<String>,
}

/// What shall be different of a substance. What is empty stays.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct SubstanceEdit {
    /// Key, name, synonym or CAS number.
    pub substance: String,
    /// It is new: a listed substance of which there need not be a reference.
    pub new: bool,
    /// Keys of groups to enter.
    pub add_groups: Vec<String>,
    /// Keys of groups to leave.
    pub drop_groups: Vec<String>,
    /// Other names to add.
    pub add_synonyms: Vec<String>,
    /// Other names to take away.
    pub drop_synonyms: Vec<String>,
    /// Its CAS number.
    pub cas: Option<String>,
    /// Control status by jurisdiction; the one that is stated of a jurisdiction already is replaced.
    pub control: Vec<(String, String)>,
    /// Jurisdictions of which nothing shall be stated any more.
    pub drop_control: Vec<String>,
    /// The day on which the control status was so; needed where one is stated.
    pub as_of: Option<Date>,
    /// Where all this can be read. None for what is from memory, which is then *unverified*.
    pub source: Option<String>,
}

/// A proposal.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum FactEdit {
    /// About a group.
    Group(GroupEdit),
    /// About a substance.
    Substance(Box<SubstanceEdit>),
}

/// The content with other facts; every rule of a library is checked. Nobody is its author yet: [`super::propose`] submits it.
pub fn edit(
    mut content: PackContent,
    edit: &FactEdit,
    author: &str,
    at: Timestamp,
) -> Result<PackContent, LaboratoryError> {
    let Library { identity, mut groups, sources, mut substances, references } = content.library.clone();
    match edit {
        FactEdit::Group(edit) => edit_group(&mut groups, edit)?,
        FactEdit::Substance(edit) => edit_substance(&mut substances, &groups, edit, author, at)?,
    }
    let library = Library::from_parts(&identity.name, &identity.version, groups, sources, substances, references)?;
    if library == content.library {
        return refuse("nothing was changed: the draft states that already");
    }
    content.library = library;
    Ok(content)
}

fn refuse<T>(why: impl Into<String>) -> Result<T, LaboratoryError> {
    Err(LaboratoryError::Fact(why.into()))
}

fn words(what: &str, text: &str) -> Result<String, LaboratoryError> {
    let text = text.trim();
    if text.is_empty() || text.len() > WORDS_MAX || text.chars().any(char::is_control) {
        return refuse(format!("the {what} needs 1 to {WORDS_MAX} bytes on one line"));
    }
    Ok(text.to_owned())
}

fn edit_group(groups: &mut Vec<Group>, edit: &GroupEdit) -> Result<(), LaboratoryError> {
    let at = if let Some(at) = groups.iter().position(|g| g.key == edit.key) {
        at
    } else {
        let (Some(_), Some(_)) = (&edit.title, edit.level) else {
            return refuse(format!(
                "there is no group `{}`; a new one needs a title and a level (alarms, watched, neither)",
                edit.key
            ));
        };
        groups.push(Group { key: edit.key.clone(), title: String::new(), alarms: false, listed: false, note: None });
        groups.len() - 1
    };
    let Some(group) = groups.get_mut(at) else { return Ok(()) };
    if let Some(title) = &edit.title {
        group.title = words("title", title)?;
    }
    if let Some(level) = edit.level {
        group.alarms = level == AlarmLevel::Alarms;
        group.listed = level != AlarmLevel::Neither;
    }
    if let Some(note) = &edit.note {
        group.note = Some(words("note", note)?);
    }
    Ok(())
}

fn edit_substance(
    substances: &mut Vec<Substance>,
    groups: &[Group],
    edit: &SubstanceEdit,
    author: &str,
    at: Timestamp,
) -> Result<(), LaboratoryError> {
    let source = edit.source.as_deref().map(|s| words("source", s)).transpose()?;
    let day = at.strftime("%Y-%m-%d");
    let stated = |what: &str| {
        let by = format!("{what}: stated by {author} on {day}");
        source.as_ref().map_or_else(|| format!("{by} from memory"), |s| format!("{by}: {s}"))
    };
    let mut names = Names::of(substances);
    let index = match (names.find(&edit.substance), edit.new) {
        (Some(index), false) => index,
        (Some(_), true) => {
            return refuse(format!("{} is in the draft already; leave out that it is new", edit.substance));
        }
        (None, false) => {
            return refuse(format!(
                "no substance of the draft has the key, name, synonym or CAS number `{}`; say that it is new where it is",
                edit.substance
            ));
        }
        (None, true) => {
            let facts = SubstanceFacts {
                name: edit.substance.clone(),
                groups: edit.add_groups.clone(),
                cas: edit.cas.clone(),
                stated_by: stated("name"),
                ..SubstanceFacts::default()
            };
            place(substances, &mut names, groups, &facts)?.0
        }
    };
    let Some(substance) = substances.get_mut(index) else { return Ok(()) };
    let mut touched = Vec::new();
    if !(edit.add_groups.is_empty() && edit.drop_groups.is_empty()) {
        if let Some(absent) = edit.drop_groups.iter().find(|g| !substance.groups.contains(g)) {
            return refuse(format!("{} is not in the group `{absent}`", substance.name));
        }
        substance.groups.retain(|g| !edit.drop_groups.contains(g));
        change_list(&mut substance.groups, &edit.add_groups);
        check_groups(&substance.groups, groups, &substance.name)?;
        touched.push("groups");
    }
    if !(edit.add_synonyms.is_empty() && edit.drop_synonyms.is_empty()) {
        let same = |a: &str, b: &String| a.eq_ignore_ascii_case(b.trim());
        if let Some(absent) = edit.drop_synonyms.iter().find(|d| !substance.synonyms.iter().any(|s| same(s, d))) {
            return refuse(format!("{} has no other name `{absent}`", substance.name));
        }
        substance.synonyms.retain(|s| !edit.drop_synonyms.iter().any(|d| same(s, d)));
        let new: Result<Vec<String>, _> = edit.add_synonyms.iter().map(|s| words("other name", s)).collect();
        change_list(&mut substance.synonyms, &new?);
        touched.push("synonyms");
    }
    if let Some(cas) = edit.cas.as_deref().map(str::trim) {
        if !is_valid_cas(cas) {
            return refuse(format!(
                "`{cas}` is no CAS number: its check digit does not fit; read it again from the certificate"
            ));
        }
        substance.cas = Some(cas.to_owned());
        touched.push("cas");
    }
    for what in &touched {
        substance.unverified_facts.retain(|f| f != what);
        if source.is_none() {
            substance.unverified_facts.push((*what).to_owned());
        }
    }
    if edit_control(substance, edit, source.as_ref())? {
        touched.push("control");
    }
    if touched.is_empty() {
        return refuse("nothing was stated: name groups, names, a CAS number or a control status");
    }
    substance.facts_from.push(stated(&touched.join(", ")));
    Ok(())
}

fn change_list(list: &mut Vec<String>, new: &[String]) {
    for word in new {
        if !list.iter().any(|w| w.eq_ignore_ascii_case(word)) {
            list.push(word.clone());
        }
    }
}

/// True where something about control was stated or taken away.
fn edit_control(
    substance: &mut Substance,
    edit: &SubstanceEdit,
    source: Option<&String>,
) -> Result<bool, LaboratoryError> {
    let control = &mut substance.control;
    for jurisdiction in &edit.drop_control {
        let before = control.clone();
        control.statuses.retain(|s| !s.jurisdiction.eq_ignore_ascii_case(jurisdiction.trim()));
        match jurisdiction.trim().to_uppercase().as_str() {
            "US" => control.us = None,
            "UN" => control.un = None,
            "EU, CHINA" => control.eu_cn = None,
            _ => {}
        }
        if *control == before {
            return refuse(format!("nothing is stated of the control of {} in {jurisdiction}", substance.name));
        }
    }
    for (jurisdiction, status) in &edit.control {
        let Some(as_of) = edit.as_of else {
            return refuse("a control status needs the day on which it was so, such as 2026-11-24");
        };
        let jurisdiction = words("jurisdiction", jurisdiction)?;
        control.statuses.retain(|s| !s.jurisdiction.eq_ignore_ascii_case(&jurisdiction));
        // What the old list says of the same jurisdiction is replaced.
        match jurisdiction.to_uppercase().as_str() {
            "US" => control.us = None,
            "UN" => control.un = None,
            _ => {}
        }
        let status = words("control status", status)?;
        control.statuses.push(ControlStatus { jurisdiction, status, as_of, source: source.cloned() });
    }
    let stated: Vec<String> = control.statuses.iter().map(|s| format!("control in {}", s.jurisdiction)).collect();
    let lists = control.us.is_some() || control.un.is_some() || control.eu_cn.is_some();
    substance.unverified_facts.retain(|f| match f.as_str() {
        "control" => lists,
        // The rule of the library sets these anew.
        other => !other.starts_with("control in ") || stated.iter().any(|s| s == other),
    });
    Ok(!(edit.control.is_empty() && edit.drop_control.is_empty()))
}
