//! What two libraries state differently about substances and groups, one by one: what alarms is decided there.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use super::assemble::hex;
use super::model::{Control, Group, Library, Substance};

/// Members of a group that a line names.
const MEMBERS_NAMED: usize = 5;
/// What stands before the key of a group.
const GROUP: &str = "group:";

/// A substance or a group of which one library states something else than another.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct FactChange {
    /// Key of the substance; `group:KEY` for a group.
    pub key: String,
    /// Name for people.
    pub name: String,
    /// SHA-256, lower-case hex, over the digest of the first library and what both state: what an approval is about. Other
    /// facts, or the same ones instead of those of another library, have another digest.
    pub digest: String,
    /// What differs, one line a fact; what it does to alarms comes first.
    pub lines: Vec<String>,
}

/// Everything that `after` states otherwise than `before`: groups, then substances, ascending by key. Measured arrays and
/// bands are no facts; what follows from the groups (`alarms`, `listed`) counts where it is stated, at the group.
pub fn changed_facts(before: &Library, after: &Library) -> Vec<FactChange> {
    let mut changes = Vec::new();
    let (old, new) = (by_key(&before.groups, |g| &g.key), by_key(&after.groups, |g| &g.key));
    for key in keys(&old, &new) {
        let (a, b) = (old.get(key).copied(), new.get(key).copied());
        if a != b {
            changes.push(FactChange {
                key: format!("{GROUP}{key}"),
                name: b.or(a).map_or_else(String::new, |g| format!("group {}", g.title)),
                digest: digest(before, &format!("{GROUP}{key}"), a, b),
                lines: group_lines(a, b, after),
            });
        }
    }
    let (old, new) = (by_key(&before.substances, |s| &s.key), by_key(&after.substances, |s| &s.key));
    for key in keys(&old, &new) {
        let (a, b) = (old.get(key).copied(), new.get(key).copied());
        let (stated_a, stated_b) = (a.map(Substance::stated), b.map(Substance::stated));
        if stated_a != stated_b {
            changes.push(FactChange {
                key: key.to_owned(),
                name: b.or(a).map_or_else(String::new, |s| s.name.clone()),
                digest: digest(before, key, stated_a.as_ref(), stated_b.as_ref()),
                lines: substance_lines(a, b),
            });
        }
    }
    changes
}

/// Every substance and group by its key, as in [`FactChange::key`], with a digest of what is stated about it.
pub fn fact_digests(library: &Library) -> BTreeMap<String, String> {
    let groups = library.groups.iter().map(|g| (format!("{GROUP}{}", g.key), hash(g)));
    let substances = library.substances.iter().map(|s| (s.key.clone(), hash(&s.stated())));
    groups.chain(substances).collect()
}

impl Substance {
    /// What is stated of it, without what follows from its groups.
    fn stated(&self) -> Self {
        Self { alarms: false, listed: false, ..self.clone() }
    }
}

fn by_key<'a, T>(items: &'a [T], key: impl Fn(&'a T) -> &'a String) -> BTreeMap<&'a str, &'a T> {
    items.iter().map(|item| (key(item).as_str(), item)).collect()
}

fn keys<'a, T>(a: &BTreeMap<&'a str, &'a T>, b: &BTreeMap<&'a str, &'a T>) -> BTreeSet<&'a str> {
    a.keys().chain(b.keys()).copied().collect()
}

fn hash<T: Serialize>(value: &T) -> String {
    // Plain structs with text keys always serialise.
    hex(&Sha256::digest(serde_json::to_vec(value).unwrap_or_default()))
}

fn digest<T: Serialize>(before: &Library, key: &str, a: Option<&T>, b: Option<&T>) -> String {
    hash(&("facts", &before.identity.sha256, key, a, b))
}

/// What a group says about its members.
const fn level(group: &Group) -> &'static str {
    match (group.alarms, group.listed) {
        (true, _) => "alarms",
        (false, true) => "watched, does not alarm",
        (false, false) => "neither alarms nor watched",
    }
}

/// A line where something differs.
fn line(lines: &mut Vec<String>, what: &str, a: Option<&str>, b: Option<&str>) {
    if a != b {
        lines.push(format!("{what}: was {}, is {}", a.unwrap_or("none"), b.unwrap_or("none")));
    }
}

fn group_lines(a: Option<&Group>, b: Option<&Group>, after: &Library) -> Vec<String> {
    let mut lines = Vec::new();
    match (a, b) {
        (None, Some(b)) => lines.push(format!("new group: {}", level(b))),
        (Some(a), None) => lines.push(format!("the group is gone; it was: {}", level(a))),
        (Some(a), Some(b)) => line(&mut lines, "level", Some(level(a)), Some(level(b))),
        (None, None) => {}
    }
    if let Some(b) = b
        && a.is_none_or(|a| level(a) != level(b))
    {
        let members: Vec<&str> =
            after.substances.iter().filter(|s| s.groups.contains(&b.key)).map(|s| s.name.as_str()).collect();
        let named: Vec<&str> = members.iter().take(MEMBERS_NAMED).copied().collect();
        let more = members.len().saturating_sub(MEMBERS_NAMED);
        let more = if more > 0 { format!(" and {more} more") } else { String::new() };
        lines.push(match members.len() {
            0 => "no substance is in it".to_owned(),
            count => format!("{count} in it: {}{more}", named.join(", ")),
        });
    }
    line(&mut lines, "title", a.map(|g| g.title.as_str()), b.map(|g| g.title.as_str()));
    line(&mut lines, "note", a.and_then(|g| g.note.as_deref()), b.and_then(|g| g.note.as_deref()));
    lines
}

fn substance_lines(a: Option<&Substance>, b: Option<&Substance>) -> Vec<String> {
    let mut lines = Vec::new();
    let standing = |s: &Substance| match (s.alarms, s.listed) {
        (true, _) => "alarms",
        (false, true) => "is watched and does not alarm",
        (false, false) => "does not alarm and is not watched",
    };
    match (a, b) {
        (None, Some(b)) => lines.push(format!("new substance: {}", standing(b))),
        (Some(a), None) => lines.push(format!("the substance is gone; before: {}", standing(a))),
        (Some(a), Some(b)) if standing(a) != standing(b) => {
            lines.push(format!("{}; before: {}", standing(b), standing(a)));
        }
        _ => {}
    }
    let (Some(b), a) = (b, a) else { return lines };
    line(&mut lines, "name", a.map(|s| s.name.as_str()), Some(&b.name));
    let mut list = |what: &str, of: &dyn Fn(&Substance) -> String| {
        let words = |s: &Substance| Some(of(s)).filter(|w| !w.is_empty());
        line(&mut lines, what, a.and_then(words).as_deref(), words(b).as_deref());
    };
    list("groups", &|s| s.groups.join(", "));
    list("other names", &|s| s.synonyms.join(", "));
    list("CAS", &|s| s.cas.clone().unwrap_or_default());
    list("CAS of other forms", &|s| s.related_cas.join(", "));
    list("forms", &|s| s.related.iter().map(|r| r.name.as_str()).collect::<Vec<_>>().join(", "));
    list("formula", &|s| s.formula.clone().unwrap_or_default());
    list("US", &|s| s.control.us.clone().unwrap_or_default());
    list("UN", &|s| s.control.un.clone().unwrap_or_default());
    list("EU, China", &|s| s.control.eu_cn.clone().unwrap_or_default());
    list("HS 2022", &|s| s.control.hs2022.clone().unwrap_or_default());
    list("why watched", &|s| s.control.why_watched.clone().unwrap_or_default());
    list("control", &|s| control_words(&s.control));
    list("hazards", &|s| s.hazards.join(", "));
    list("NOT VERIFIED", &|s| s.unverified_facts.join(", "));
    list("notes", &|s| s.notes.join("; "));
    list("facts from", &|s| s.facts_from.join("; "));
    lines
}

fn control_words(control: &Control) -> String {
    control.statuses.iter().map(|s| format!("{} {}", s.jurisdiction, s.words())).collect::<Vec<_>>().join("; ")
}
