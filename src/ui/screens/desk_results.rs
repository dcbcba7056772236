//! What came of a step at the laboratory's desk.

use egui::Ui;

use crate::laboratory::{Change, Waiting};
use crate::library::pack::{Decision, KeyState};
use crate::session::LaboratoryWish;
use crate::ui::desk_model::DeskView;
use crate::ui::model::Model;
use crate::ui::tokens::{GAP_SMALL, TARGET};
use crate::ui::widgets::{Button, Look, bullet, heading, note, paragraph};
use crate::ui::words;

use super::desk_facts;

/// Lines that are shown one by one.
pub(super) const SHOWN: usize = 200;

pub(super) fn more(ui: &mut Ui, all: usize) {
    if all > SHOWN {
        note(ui, &format!("And {} more", all - SHOWN));
    }
}

/// The open draft.
pub fn draft_state(ui: &mut Ui, desk: &DeskView) {
    let Some(draft) = &desk.desk.draft else {
        paragraph(
            ui,
            "A draft is the next version of the pack. Spectra come into it, a second person reviews them, a comparison shows what it names better and worse, and then it is signed.",
        );
        return;
    };
    heading(ui, &format!("Draft {}", draft.name));
    paragraph(ui, &format!("{} {}", draft.identity.name, draft.identity.version));
    paragraph(ui, &format!("{} substances, {} references", draft.substances, draft.references));
    let waiting = draft.waiting.len() + draft.waiting_facts.len();
    paragraph(ui, &format!("{waiting} wait for a review, {} were approved in it", draft.approved));
    if !draft.changed_facts.is_empty() {
        paragraph(ui, &format!("{} fact sheets differ from what is in use", draft.changed_facts.len()));
    }
    match &draft.comparison {
        None => drop(note(ui, "Not evaluated yet.")),
        Some(c) => drop(note(ui, &format!("Evaluated: {} gains, {} regressions", c.gains.len(), c.regressions()))),
    }
    if draft.simulated {
        note(ui, "It holds SIMULATED references: for training only.");
    }
    note(ui, &format!("SHA-256 of the content: {}", draft.identity.sha256));
}

/// What was read from others.
pub fn imported(ui: &mut Ui, desk: &DeskView) {
    let Some((report, saved)) = &desk.imported else {
        paragraph(ui, "The preview shows what would be taken and how it was understood, and what is refused and why.");
        return;
    };
    let what = if *saved { "taken, waiting for a reviewer" } else { "would be taken; nothing is saved yet" };
    heading(ui, &format!("{} spectra {what}, {} refused", report.taken.len(), report.refused.len()));
    for taken in report.taken.iter().take(SHOWN) {
        let new = if taken.new_substance { " (new)" } else { "" };
        bullet(ui, &format!("{}{new}: {}, spectrum {}", taken.substance, taken.file, taken.spectrum));
        let stated = taken.stated.iter().map(|s| format!("stated by operator: {s}"));
        let remarks: Vec<String> = stated.chain(taken.converted.iter().cloned()).collect();
        if !remarks.is_empty() {
            note(ui, &remarks.join("; "));
        }
    }
    more(ui, report.taken.len());
    if !report.refused.is_empty() {
        heading(ui, "Refused");
    }
    for refused in report.refused.iter().take(SHOWN) {
        let number = refused.spectrum.map(|n| format!(", spectrum {n}")).unwrap_or_default();
        bullet(ui, &format!("{}{number}: {}", refused.file, refused.why));
    }
    more(ui, report.refused.len());
    for file in report.labels_without_file.iter().take(SHOWN) {
        note(ui, &format!("A label without its file: {file}"));
    }
}

/// The reference that was prepared.
pub fn prepared(ui: &mut Ui, desk: &DeskView) {
    let Some(p) = &desk.prepared else {
        paragraph(
            ui,
            "Before anything is saved you see how the replicates agree, the nearest other substances, and how much of it is found in common cutting agents.",
        );
        return;
    };
    let new = if p.new_substance { ", new to the draft" } else { "" };
    heading(ui, &format!("{}{new}", p.substance));
    note(ui, &format!("{}, {} bands. {}", words::tier_words(p.tier), p.bands, p.check));
    if let Some(mass) = p.molar_mass_g_mol {
        note(ui, &format!("Molar mass from the formula: {mass:.2} g/mol"));
    }
    heading(ui, "Replicates");
    for r in &p.replicates {
        let out = if r.outlier { ": STANDS OUT, left out of the mean" } else { "" };
        bullet(ui, &format!("{}: agrees with the others to {:.3}{out}", r.name, r.correlation));
    }
    heading(ui, "Could be taken for");
    let c = &p.confusables;
    for (name, likeness) in &c.nearest {
        bullet(ui, &format!("{name}: likeness {likeness:.2}"));
    }
    note(ui, &format!("{} of {} replicates were named right against the mean of the others", c.named_right, c.asked));
    for other in &c.named_else {
        note(ui, &format!("A replicate was answered: {other}"));
    }
    for other in &c.taken_for_it {
        bullet(ui, &format!("{other} would now be taken for it"));
    }
    heading(ui, "Found beside cutting agents (computed)");
    for limit in &c.cutting {
        let share = limit.lowest_share.map_or("not even at half".to_owned(), |s| format!("down to {:.0} %", 100.0 * s));
        bullet(ui, &format!("{}: {share} of the signal, never of the weight", limit.agent));
    }
    for text in &p.converted {
        note(ui, text);
    }
}

/// What waits for a review, with what can be decided.
pub fn review(ui: &mut Ui, model: &mut Model) {
    let Some(draft) = &model.desk.desk.draft else { return };
    heading(ui, &format!("{} wait", draft.waiting.len() + draft.waiting_facts.len()));
    let mut wish = None;
    for waiting in draft.waiting.iter().take(SHOWN) {
        one_waiting(ui, waiting);
        ui.horizontal(|ui| {
            ui.spacing_mut().item_spacing.x = GAP_SMALL;
            let digits = waiting.id.get(..8).unwrap_or(&waiting.id);
            for (text, act) in [
                ("Approve", Model::approve as fn(&mut Model, String)),
                ("Return", Model::return_to_author),
                ("Take out", Model::take_out),
            ] {
                let name = format!("{text} {} {digits}", waiting.substance);
                if ui.add(Button::new(text, Look::Plain).name(&name).size(0.0, TARGET)).clicked() {
                    wish = Some((act, waiting.id.clone()));
                }
            }
        });
        ui.add_space(GAP_SMALL);
    }
    more(ui, draft.waiting.len());
    for waiting in draft.waiting_facts.iter().take(SHOWN) {
        desk_facts::one(ui, &waiting.change, &desk_facts::state(waiting));
        ui.horizontal(|ui| {
            ui.spacing_mut().item_spacing.x = GAP_SMALL;
            let digits = waiting.change.digest.get(..8).unwrap_or_default();
            for (text, act) in
                [("Approve", Model::approve as fn(&mut Model, String)), ("Return", Model::return_to_author)]
            {
                let name = format!("{text} the change of {} {digits}", waiting.change.name);
                if ui.add(Button::new(text, Look::Plain).name(&name).size(0.0, TARGET)).clicked() {
                    wish = Some((act, waiting.change.digest.clone()));
                }
            }
        });
        ui.add_space(GAP_SMALL);
    }
    more(ui, draft.waiting_facts.len());
    if let Some((act, id)) = wish {
        act(model, id);
    }
}

fn one_waiting(ui: &mut Ui, w: &Waiting) {
    let form = if w.form.is_empty() { String::new() } else { format!(", {}", w.form) };
    paragraph(ui, &format!("{}{form}", w.substance));
    let mut line = format!("{}, {}, source {}, by {}", w.technique, words::tier_words(w.tier), w.source, w.author);
    if w.replicates > 0 {
        line = format!("{line}, mean of {} replicates", w.replicates);
    }
    note(ui, &line);
    if let Decision::Returned { reason } = &w.last.step {
        note(ui, &format!("Returned by {}: {reason}", w.last.by));
    }
    let near: Vec<String> = w.nearest.iter().map(|(name, likeness)| format!("{name} {likeness:.2}")).collect();
    if !near.is_empty() {
        note(ui, &format!("Near: {}", near.join(", ")));
    }
}

/// How the draft compares with what is in use.
pub fn comparison(ui: &mut Ui, desk: &DeskView) {
    let Some(c) = desk.desk.draft.as_ref().and_then(|d| d.comparison.as_ref()) else {
        paragraph(
            ui,
            "The draft was not compared with what is in use. A release without it needs a reason that stays in the pack.",
        );
        desk_facts::changed(ui, desk);
        return;
    };
    heading(ui, &format!("{} spectra, {} gains, {} regressions", c.spectra, c.gains.len(), c.regressions()));
    note(ui, &format!("Against {}, {}", c.against, words::local_time(c.at)));
    if c.simulated {
        note(ui, "SIMULATED references counted as measured ones: a training pack.");
    }
    for (title, changes) in [
        ("Losses", &c.losses),
        ("New false alarms", &c.new_false_alarms),
        ("New wrong names", &c.new_wrong_names),
        ("Gains", &c.gains),
    ] {
        changed(ui, title, changes);
    }
    if !c.changed_facts.is_empty() {
        heading(ui, &format!("{} changed fact sheets", c.changed_facts.len()));
    }
    for change in c.changed_facts.iter().take(SHOWN) {
        desk_facts::one(ui, change, "");
    }
    more(ui, c.changed_facts.len());
}

fn changed(ui: &mut Ui, title: &str, changes: &[Change]) {
    if changes.is_empty() {
        return;
    }
    heading(ui, title);
    for change in changes.iter().take(SHOWN) {
        bullet(ui, &format!("{} ({}): {} → {}", change.expected, change.spectrum, change.before, change.after));
    }
    more(ui, changes.len());
}

/// The packs of this unit and the keys.
pub fn packs(ui: &mut Ui, model: &mut Model) {
    let desk = &model.desk.desk;
    let mut wish = None;
    heading(ui, "Packs of this unit");
    let row = |ui: &mut Ui, words: &str, used: bool, to: &str, wish: &mut Option<LaboratoryWish>| {
        bullet(ui, words);
        if used {
            note(ui, "In use");
        } else if ui
            .add(Button::new("Use again", Look::Plain).name(&format!("Use {to} again")).size(0.0, TARGET))
            .clicked()
        {
            *wish = Some(LaboratoryWish::Rollback(to.to_owned()));
        }
    };
    row(ui, "The library that came with the program", desk.packs.used.is_none(), "bundled", &mut wish);
    for pack in &desk.packs.packs {
        let words = format!(
            "{} {}, signed by {}, made {}",
            pack.name,
            pack.version,
            pack.signer,
            words::local_time(pack.made_at)
        );
        row(ui, &words, desk.packs.used.as_ref() == Some(&pack.file), &pack.version, &mut wish);
    }
    heading(ui, "Keys whose packs are taken");
    if desk.trusted.is_empty() {
        note(ui, "None: no pack can be installed.");
    }
    let mut revoked = None;
    for key in &desk.trusted {
        let state = match &key.state {
            KeyState::Trusted => "trusted".to_owned(),
            KeyState::Retired { at, successor } => format!("retired {at:.0} for {successor}"),
            KeyState::Revoked { at, why } => format!("REVOKED {at:.0}: {why}"),
        };
        bullet(ui, &format!("{}: {state}", key.verifier));
        let name = key.verifier.split('+').next().unwrap_or_default();
        if key.state == KeyState::Trusted
            && ui
                .add(Button::new("Take it back", Look::Plain).name(&format!("Take {name} back")).size(0.0, TARGET))
                .clicked()
        {
            revoked = Some(name.to_owned());
        }
    }
    heading(ui, "Signing keys here");
    if desk.signing.is_empty() {
        note(ui, "None");
    }
    for name in &desk.signing {
        bullet(ui, name);
    }
    if let Some(wish) = wish {
        model.ask_desk(wish);
    }
    if let Some(name) = revoked {
        model.revoke_key(name);
    }
}
