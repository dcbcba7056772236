//! The laboratory's desk: one step at a time, its fields on the left and what came of it on the right.

use egui::{Align, Label, Layout, ProgressBar, Rect, RichText, ScrollArea, Ui, UiBuilder};

use crate::session::LaboratoryWish;
use crate::spectrum::Technique;
use crate::ui::desk_model::{DeskView, NameBy, Step};
use crate::ui::layout;
use crate::ui::model::Model;
use crate::ui::tokens::{self, GAP_SMALL, TARGET, tokens};
use crate::ui::widgets::{Button, Look, card, heading, line_field, note, paragraph, secret_field};
use crate::ui::words;

use super::desk_facts;
use super::desk_results::{comparison, draft_state, imported, packs, prepared, review};
use super::device::actions;

/// The desk.
pub fn desk_page(ui: &mut Ui, content: Rect, model: &mut Model) {
    let places = layout::device(content);
    ui.scope_builder(UiBuilder::new().max_rect(places.head).layout(Layout::left_to_right(Align::Center)), |ui| {
        ui.spacing_mut().item_spacing.x = GAP_SMALL;
        for (step, words) in Step::ALL {
            let on = model.desk.step == step;
            if ui.add(Button::new(words, Look::Tab(on)).text_size(tokens::TEXT_NOTE)).clicked() {
                model.desk.step = step;
                model.desk.said = None;
            }
        }
    });
    let free = model.desk.working.is_none();
    card(ui, places.left, "Step", |ui| {
        ui.add_enabled_ui(free, |ui| {
            ScrollArea::vertical().id_salt(model.desk.step as u8).auto_shrink([false, false]).show(ui, |ui| {
                ui.spacing_mut().item_spacing.y = 3.0;
                fields(ui, model);
            });
        });
    });
    card(ui, places.right, "Result", |ui| {
        outcome(ui, model);
        ScrollArea::vertical().id_salt("desk result").auto_shrink([false, false]).show(ui, |ui| {
            ui.spacing_mut().item_spacing.y = 4.0;
            match model.desk.step {
                Step::Draft => draft_state(ui, &model.desk),
                Step::Import => imported(ui, &model.desk),
                Step::Add => prepared(ui, &model.desk),
                Step::Facts => desk_facts::changed(ui, &model.desk),
                Step::Review => review(ui, model),
                Step::Evaluate | Step::Release => comparison(ui, &model.desk),
                Step::Packs => packs(ui, model),
            }
        });
    });
    actions(ui, places.actions, |ui, height| {
        if free {
            buttons(ui, height, model);
        } else if ui.add_enabled(!model.desk.stopping, Button::new("Stop", Look::Main).size(0.0, height)).clicked() {
            model.stop_desk();
        }
        if ui.add(Button::new("Back to the library", Look::Plain).size(0.0, height)).clicked() {
            model.desk.shown = false;
        }
    });
}

/// What runs, or what the last step said.
fn outcome(ui: &mut Ui, model: &Model) {
    if let Some(share) = model.desk.working {
        heading(ui, if model.desk.stopping { "Stopping" } else { "Working" });
        ui.add(ProgressBar::new(share).desired_height(22.0).show_percentage());
        return;
    }
    let t = tokens(ui);
    match &model.desk.said {
        None => {}
        Some(Ok(said)) => {
            let text = RichText::new(said).font(tokens::strong(tokens::TEXT_LABEL)).color(t.card.ink);
            ui.add(Label::new(text).wrap().selectable(true));
        }
        Some(Err(why)) => {
            let text =
                RichText::new(words::sentence(why)).font(tokens::strong(tokens::TEXT_LABEL)).color(t.caution().ink);
            ui.add(Label::new(text).wrap());
        }
    }
}

pub(super) fn field(ui: &mut Ui, desk: &mut DeskView, name: &'static str) {
    note(ui, name);
    let width = ui.available_width();
    line_field(ui, width, "", name, desk.text(name));
}

fn secret(ui: &mut Ui, desk: &mut DeskView, name: &'static str) {
    note(ui, name);
    let width = ui.available_width();
    secret_field(ui, width, "", name, desk.text(name));
}

pub(super) fn tab(ui: &mut Ui, on: bool, text: &str) -> bool {
    ui.add(Button::new(text, Look::Tab(on)).text_size(tokens::TEXT_NOTE)).clicked()
}

fn fields(ui: &mut Ui, model: &mut Model) {
    if model.desk.desk.draft.is_none() && !matches!(model.desk.step, Step::Draft | Step::Packs) {
        paragraph(ui, "No draft is open. Begin one, or open one, in the first step.");
        return;
    }
    match model.desk.step {
        Step::Draft => drafts(ui, model),
        Step::Import => import(ui, &mut model.desk),
        Step::Add => {
            note(ui, "Check the kit, then scan the standard three times or more, placed anew each time.");
            for name in [
                "Numbers of its scans",
                "Substance",
                "CAS number",
                "Formula",
                "Groups, with commas",
                "Salt, base or hydrate",
                "Lot of the standard",
                "Certificate number",
                "Purity, % by mass",
            ] {
                field(ui, &mut model.desk, name);
            }
            if let Some(draft) = &model.desk.desk.draft {
                let keys: Vec<&str> = draft.groups.iter().map(|g| g.key.as_str()).collect();
                note(ui, &format!("Groups: {}", keys.join(", ")));
            }
        }
        Step::Facts => desk_facts::fields(ui, &mut model.desk),
        Step::Review => {
            paragraph(
                ui,
                "Look at what waits: is it what it says, are the replicates alike, is the name right? Nobody approves their own.",
            );
            field(ui, &mut model.desk, "Reason");
            note(ui, "Needed to return something to its author or to take a reference out of the draft.");
        }
        Step::Evaluate => {
            paragraph(
                ui,
                "Asks the draft and what is in use about spectra that were not used to make it, and lists every difference.",
            );
            field(ui, &mut model.desk, "Folder of labelled spectra");
            field(ui, &mut model.desk, "Table of what each is (CSV)");
        }
        Step::Release => {
            let keys = model.desk.desk.signing.join(", ");
            note(
                ui,
                &if keys.is_empty() {
                    "There is no signing key here; make one under Packs and keys.".to_owned()
                } else {
                    format!("Signing keys here: {keys}")
                },
            );
            field(ui, &mut model.desk, "Signing key");
            secret(ui, &mut model.desk, "Passphrase of the key");
            field(ui, &mut model.desk, "Why regressions are right");
            field(ui, &mut model.desk, "Why there is no evaluation");
            if model.desk.desk.draft.as_ref().is_some_and(|d| d.simulated) {
                note(
                    ui,
                    "It holds simulated references: it can only become a pack for training on emulated analyzers.",
                );
                if tab(ui, model.desk.training, "A training pack") {
                    model.desk.training = !model.desk.training;
                }
            }
        }
        Step::Packs => {
            field(ui, &mut model.desk, "Pack to install");
            field(ui, &mut model.desk, "Public half of a key");
            field(ui, &mut model.desk, "Why a key is taken back");
            field(ui, &mut model.desk, "Name of a new key");
            secret(ui, &mut model.desk, "Its passphrase, 12 or more");
        }
    }
}

fn drafts(ui: &mut Ui, model: &mut Model) {
    for name in ["Name of the draft", "Version", "Name of the pack (empty: as now)"] {
        field(ui, &mut model.desk, name);
    }
    ui.add_space(GAP_SMALL);
    heading(ui, "Drafts here");
    if model.desk.desk.drafts.is_empty() {
        note(ui, "None");
    }
    let mut wanted = None;
    for name in &model.desk.desk.drafts {
        if ui.add(Button::new(name, Look::Plain).name(&format!("Open the draft {name}")).size(0.0, TARGET)).clicked() {
            wanted = Some(name.clone());
        }
    }
    if let Some(name) = wanted {
        model.ask_desk(LaboratoryWish::Open(name));
    }
}

fn import(ui: &mut Ui, desk: &mut DeskView) {
    // What is dropped on the window is what is meant.
    let dropped: Vec<String> =
        ui.input(|i| i.raw.dropped_files.iter().map(|f| f.path().to_string_lossy().into_owned()).collect());
    if !dropped.is_empty() {
        *desk.text("Files or folders") = dropped.join("; ");
    }
    field(ui, desk, "Files or folders");
    field(ui, desk, "Short name of the source");
    note(ui, "What each spectrum is");
    ui.horizontal_wrapped(|ui| {
        ui.spacing_mut().item_spacing.x = GAP_SMALL;
        for (by, words) in [
            (NameBy::Title, "Its title"),
            (NameBy::File, "The file's name"),
            (NameBy::Folder, "The folder's name"),
            (NameBy::Table, "A table"),
        ] {
            if tab(ui, desk.name_by == by, words) {
                desk.name_by = by;
            }
        }
    });
    if desk.name_by == NameBy::Table {
        field(ui, desk, "Table of labels (CSV)");
    }
    note(ui, "Where the files do not say; what was stated of this source before holds where nothing is stated now");
    ui.horizontal_wrapped(|ui| {
        ui.spacing_mut().item_spacing.x = GAP_SMALL;
        if tab(ui, desk.technique.is_none(), "As they say") {
            desk.technique = None;
        }
        for technique in Technique::ALL {
            if tab(ui, desk.technique == Some(technique), technique.name()) {
                desk.technique = Some(technique);
            }
        }
    });
    for name in ["Laser, nm", "Resolution, cm⁻¹", "Who made it, what, when", "Terms", "Group of new substances"] {
        field(ui, desk, name);
    }
    note(ui, &format!("Terms: {}", crate::laboratory::TERMS.join(", ")));
}

/// The buttons of the step.
fn buttons(ui: &mut Ui, height: f32, model: &mut Model) {
    let draft = model.desk.desk.draft.is_some();
    let press = |ui: &mut Ui, text: &str, look: Look, able: bool| {
        ui.add_enabled(able, Button::new(text, look).size(0.0, height)).clicked()
    };
    match model.desk.step {
        Step::Draft => {
            if press(ui, "Begin", Look::Main, true) {
                model.begin_draft(false);
            }
            if press(ui, "Begin empty", Look::Plain, true) {
                model.begin_draft(true);
            }
        }
        Step::Import => {
            if press(ui, "Preview", Look::Plain, draft) {
                model.import_files(false);
            }
            if press(ui, "Import now", Look::Main, draft) {
                model.import_files(true);
            }
        }
        Step::Add => {
            let ready = model.desk.prepared.is_some();
            if press(ui, "What could it be taken for?", if ready { Look::Plain } else { Look::Main }, draft) {
                model.prepare_standard();
            }
            if press(ui, "Submit", Look::Main, ready) {
                model.ask_desk(LaboratoryWish::Submit);
            }
        }
        Step::Facts => {
            if press(ui, "Propose for the substance", Look::Main, draft) {
                model.propose_substance();
            }
            if press(ui, "Propose for the group", Look::Plain, draft) {
                model.propose_group();
            }
            let nobodys = model.desk.desk.draft.as_ref();
            if nobodys.is_some_and(|d| d.waiting_facts.iter().any(|w| w.last.is_none()))
                && press(ui, "Submit the rest", Look::Plain, true)
            {
                model.ask_desk(LaboratoryWish::SubmitFacts);
            }
        }
        Step::Review => {}
        Step::Evaluate => {
            if press(ui, "Compare", Look::Main, draft) {
                model.evaluate_draft();
            }
        }
        Step::Release => {
            if press(ui, "Sign", Look::Main, draft) {
                model.sign_draft();
            }
        }
        Step::Packs => {
            if press(ui, "Install", Look::Main, true) {
                model.install_pack(false);
            }
            if press(ui, "Install another line", Look::Plain, true) {
                model.install_pack(true);
            }
            if press(ui, "Trust", Look::Plain, true) {
                model.trust_key();
            }
            if press(ui, "Make the key", Look::Plain, true) {
                model.create_key();
            }
        }
    }
}
