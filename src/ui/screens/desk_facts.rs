//! The step of the laboratory's desk that says what alarms: facts of substances and groups, each a proposal.

use egui::Ui;

use crate::laboratory::{AlarmLevel, WaitingFacts};
use crate::library::FactChange;
use crate::library::pack::Decision;
use crate::ui::desk_model::DeskView;
use crate::ui::tokens::GAP_SMALL;
use crate::ui::widgets::{bullet, heading, note, paragraph};

use super::desk::{field, tab};
use super::desk_results::{SHOWN, more};

/// What is typed.
pub fn fields(ui: &mut Ui, desk: &mut DeskView) {
    note(
        ui,
        "What is changed is a proposal: another person approves exactly it. Several things are parted by semicolons.",
    );
    heading(ui, "A substance");
    field(ui, desk, "Substance to change");
    if tab(ui, desk.facts.new_substance, "It is new to the draft") {
        desk.facts.new_substance = !desk.facts.new_substance;
    }
    for name in [
        "Into groups",
        "Out of groups",
        "Other names to add",
        "Other names to take away",
        "New CAS number",
        "Jurisdiction",
        "Control status",
        "As of (2026-11-24)",
        "State nothing more of (jurisdictions)",
        "Where this can be read (empty: from memory)",
    ] {
        field(ui, desk, name);
    }
    note(ui, "What is from memory is shown as not verified, and never as law.");
    heading(ui, "A group");
    field(ui, desk, "Group");
    field(ui, desk, "Its title");
    ui.horizontal_wrapped(|ui| {
        ui.spacing_mut().item_spacing.x = GAP_SMALL;
        for (level, words) in [
            (None, "As it is"),
            (Some(AlarmLevel::Alarms), "It alarms"),
            (Some(AlarmLevel::Watched), "It is watched"),
            (Some(AlarmLevel::Neither), "Neither"),
        ] {
            if tab(ui, desk.facts.level == level, words) {
                desk.facts.level = level;
            }
        }
    });
    field(ui, desk, "Why it alarms or not");
    if let Some(draft) = &desk.desk.draft {
        let mut levels: [Vec<&str>; 3] = Default::default();
        let [alarms, watched, neither] = &mut levels;
        for group in &draft.groups {
            match (group.alarms, group.listed) {
                (true, _) => &mut *alarms,
                (false, true) => &mut *watched,
                (false, false) => &mut *neither,
            }
            .push(&group.key);
        }
        for (words, keys) in ["Groups that alarm", "Watched", "Neither"].into_iter().zip(&levels) {
            note(ui, &format!("{words}: {}", keys.join(", ")));
        }
    }
}

/// What the draft states otherwise than what is in use.
pub fn changed(ui: &mut Ui, desk: &DeskView) {
    let Some(draft) = &desk.desk.draft else { return };
    let all = draft.changed_facts.len();
    heading(ui, &format!("{all} changed {}", if all == 1 { "fact sheet" } else { "fact sheets" }));
    if draft.changed_facts.is_empty() {
        paragraph(ui, "The draft says of every substance and group what the pack in use says.");
    }
    for change in draft.changed_facts.iter().take(SHOWN) {
        let waits = draft.waiting_facts.iter().find(|w| w.change.digest == change.digest);
        one(ui, change, &waits.map_or_else(|| "Approved".to_owned(), state));
    }
    more(ui, all);
}

/// Where a proposal stands.
pub fn state(waiting: &WaitingFacts) -> String {
    match waiting.last.as_ref().map(|last| (&last.step, &last.by)) {
        None => "Submitted by nobody".to_owned(),
        Some((Decision::Returned { reason }, by)) => format!("Returned by {by}: {reason}"),
        Some((_, by)) => format!("Waits for a reviewer, submitted by {}", waiting.author.as_ref().unwrap_or(by)),
    }
}

/// One changed fact sheet.
pub fn one(ui: &mut Ui, change: &FactChange, state: &str) {
    paragraph(ui, &change.name);
    if !state.is_empty() {
        note(ui, state);
    }
    for line in &change.lines {
        bullet(ui, line);
    }
}
