//! What is stated about a substance when it enters a draft or is edited there.

use std::collections::BTreeSet;

use crate::library::{Control, Formula, Group, Substance, is_valid_cas};

use super::{LaboratoryError, Names};

/// Facts of a new substance.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct SubstanceFacts {
    /// Its name.
    pub name: String,
    /// Other names.
    pub synonyms: Vec<String>,
    /// CAS number; the check digit must fit.
    pub cas: Option<String>,
    /// Molecular formula.
    pub formula: Option<String>,
    /// Keys of groups of the library; at least one.
    pub groups: Vec<String>,
    /// Control facts.
    pub control: Control,
    /// Who or what states this.
    pub stated_by: String,
}

impl SubstanceFacts {
    /// Molar mass from the formula, g/mol.
    pub fn molar_mass_g_mol(&self) -> Result<Option<f64>, LaboratoryError> {
        self.formula.as_deref().map(|f| formula(f).map(|f| f.molar_mass_g_mol())).transpose()
    }

    /// Holds every fact against its rule.
    pub fn check(&self, groups: &[Group]) -> Result<(), LaboratoryError> {
        if let Some(cas) = self.cas.as_deref().filter(|c| !is_valid_cas(c)) {
            return Err(LaboratoryError::Fact(format!(
                "`{cas}` is no CAS number: its check digit does not fit; read it again from the certificate"
            )));
        }
        self.molar_mass_g_mol()?;
        check_groups(&self.groups, groups, &self.name)
    }
}

/// Refuses groups that the library does not have, and none at all.
pub(super) fn check_groups(wanted: &[String], groups: &[Group], name: &str) -> Result<(), LaboratoryError> {
    let known = || groups.iter().map(|g| g.key.as_str()).collect::<Vec<_>>().join(", ");
    if wanted.is_empty() {
        return Err(LaboratoryError::Fact(format!(
            "{name} is not in the draft, and no group was stated for it; state one of {}",
            known()
        )));
    }
    match wanted.iter().find(|w| !groups.iter().any(|g| g.key == **w)) {
        Some(unknown) => {
            Err(LaboratoryError::Fact(format!("there is no group `{unknown}`; the groups are {}", known())))
        }
        None => Ok(()),
    }
}

pub(super) fn formula(text: &str) -> Result<Formula, LaboratoryError> {
    Formula::parse(text).map_err(|source| LaboratoryError::Formula { formula: text.to_owned(), source })
}

/// The substance that these facts name: one of `substances`, or a new one at their end. The second value is true for a new
/// one.
pub fn place(
    substances: &mut Vec<Substance>,
    names: &mut Names,
    groups: &[Group],
    facts: &SubstanceFacts,
) -> Result<(usize, bool), LaboratoryError> {
    let by_name = names.find(&facts.name);
    let by_number = facts.cas.as_deref().and_then(|cas| names.find(cas));
    let title = |i: usize| substances.get(i).map_or("", |s| s.name.as_str());
    match (by_name, by_number) {
        (Some(a), Some(b)) if a != b => {
            return Err(LaboratoryError::Fact(format!(
                "the name {} is that of {}, and the number {} that of {}; correct one of them",
                facts.name,
                title(a),
                facts.cas.as_deref().unwrap_or_default(),
                title(b)
            )));
        }
        (Some(index), None) => {
            let known = substances.get(index).and_then(|s| s.cas.as_deref());
            if let (Some(known), Some(stated)) = (known, facts.cas.as_deref()) {
                return Err(LaboratoryError::Fact(format!(
                    "{} has the CAS number {known} in the draft, not {stated}; correct one of them",
                    title(index)
                )));
            }
            return Ok((index, false));
        }
        (Some(index), Some(_)) | (None, Some(index)) => return Ok((index, false)),
        (None, None) => {}
    }
    let name = facts.name.trim();
    if name.is_empty() || name.len() > 200 || name.chars().any(char::is_control) {
        return Err(LaboratoryError::Fact("a substance needs a name of 1 to 200 bytes on one line".to_owned()));
    }
    facts.check(groups)?;
    let index = substances.len();
    let substance = Substance {
        key: new_key(name, substances),
        name: name.to_owned(),
        synonyms: distinct(&facts.synonyms, name),
        cas: facts.cas.clone(),
        related_cas: Vec::new(),
        formula: facts.formula.clone(),
        groups: facts.groups.clone(),
        alarms: false,
        listed: false,
        unverified: false,
        unverified_facts: Vec::new(),
        hazards: Vec::new(),
        notes: Vec::new(),
        facts_from: vec![facts.stated_by.clone()],
        related: Vec::new(),
        control: facts.control.clone(),
    };
    names.add(index, &substance);
    substances.push(substance);
    Ok((index, true))
}

fn distinct(words: &[String], name: &str) -> Vec<String> {
    let mut seen = BTreeSet::from([name.to_lowercase()]);
    words.iter().map(|w| w.trim().to_owned()).filter(|w| !w.is_empty() && seen.insert(w.to_lowercase())).collect()
}

/// Lower-case words with hyphens, as the library's rule wants; names without such letters, and names whose key is taken, get
/// a number.
fn new_key(name: &str, substances: &[Substance]) -> String {
    let plain: String = name.to_lowercase().chars().map(|c| if c.is_ascii_alphanumeric() { c } else { '-' }).collect();
    let mut key = plain.split('-').filter(|p| !p.is_empty()).collect::<Vec<_>>().join("-");
    key.truncate(90);
    let key = key.trim_matches('-');
    let key = if key.is_empty() { "substance" } else { key };
    let taken = |key: &str| substances.iter().any(|s| s.key == key);
    if !taken(key) {
        return key.to_owned();
    }
    // One of more numbers than there are substances is free.
    (2..substances.len() + 3).map(|n| format!("{key}-{n}")).find(|k| !taken(k)).unwrap_or_default()
}
