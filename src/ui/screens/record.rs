//! One record: its answer as it was given, its history, and what can be added to it.

use egui::{Align, Key, Layout, OpenUrl, Rect, RichText, ScrollArea, Ui, UiBuilder, vec2};

use crate::casebook::HistoryEntry;
use crate::identify::Level;
use crate::report::Paper;
use crate::ui::layout;
use crate::ui::model::{Model, Saved};
use crate::ui::record_form::{Saying, Wrong};
use crate::ui::records_model::RecordFace;
use crate::ui::tokens::{self, GAP_SMALL, TARGET, tokens};
use crate::ui::widgets::{Button, Look, card, heading, line_field, note, paper_view, paragraph, secret_field};
use crate::ui::words;

use super::answer::{AnswerTab, answer_page};

/// An open record.
pub fn record_page(ui: &mut Ui, content: Rect, model: &mut Model, tab: &mut AnswerTab) {
    let Some(view) = &model.records.open else { return };
    let (id, level) = (view.scan.id, view.level);
    let record = &view.scan.record;
    let parcel = if record.parcel.is_empty() { String::new() } else { format!(" · parcel {}", record.parcel) };
    let title = format!("Record {id} · {}{parcel} · {}", words::local_time(record.taken_at), record.operator);
    if model.records.face == RecordFace::Preview {
        return preview_page(ui, content, model, id, &title, level);
    }
    let history = model.records.face == RecordFace::History;
    let (head, actions) = if history {
        let places = layout::device(content);
        history_page(ui, places.left, places.right, id, model);
        (places.head, places.actions)
    } else {
        let places = answer_page(ui, content, view, &Saved::Yes(id), tab);
        (places.steps, places.actions)
    };
    ui.scope_builder(UiBuilder::new().max_rect(head).layout(Layout::left_to_right(Align::Center)), |ui| {
        let t = tokens(ui);
        let title = RichText::new(title).font(tokens::strong(tokens::TEXT_LEAD)).color(t.page.ink);
        ui.add(egui::Label::new(title).truncate());
    });
    let mut back = false;
    ui.scope_builder(UiBuilder::new().max_rect(actions).layout(Layout::left_to_right(Align::Center)), |ui| {
        ui.spacing_mut().item_spacing.x = 8.0;
        let height = actions.height();
        back = ui.add(Button::new("Back", Look::Main).name("Back to the list").size(100.0, height)).clicked();
        let (other, face) = if history { ("Answer", RecordFace::Answer) } else { ("History", RecordFace::History) };
        if ui.add(Button::new(other, Look::Plain).name(&format!("Show the {other}")).size(110.0, height)).clicked() {
            model.records.face = face;
        }
        if ui.add(Button::new("Report", Look::Plain).name("Preview the report").size(100.0, height)).clicked() {
            let paper = model.records.paper;
            model.preview_record(id, paper);
        }
        package_button(ui, model, id, level, height);
        outcome(ui, model, id, height);
    });
    if back || ui.input(|i| i.key_pressed(Key::Escape)) {
        model.records.open = None;
    }
}

/// Buttons that write a report or a package, and where it went.
pub fn write_buttons(ui: &mut Ui, model: &mut Model, id: i64, level: Level, height: f32) {
    let idle = !model.records.writing;
    if ui.add_enabled(idle, Button::new("Report", Look::Plain).name("Write the report").size(100.0, height)).clicked() {
        model.write_record(id, false);
    }
    package_button(ui, model, id, level, height);
    outcome(ui, model, id, height);
}

fn package_button(ui: &mut Ui, model: &mut Model, id: i64, level: Level, height: f32) {
    let idle = !model.records.writing;
    // What an expert elsewhere needs to help with a scan that decided nothing.
    let words = if level == Level::Inconclusive { "Reachback" } else { "Case package" };
    if ui
        .add_enabled(idle, Button::new(words, Look::Plain).name("Write the case package").size(120.0, height))
        .clicked()
    {
        model.write_record(id, true);
    }
}

fn outcome(ui: &mut Ui, model: &Model, id: i64, height: f32) {
    if model.records.writing {
        note(ui, "Writing");
    }
    match model.records.written.as_ref().filter(|(of, _)| *of == id) {
        Some((_, Ok(path))) => {
            if ui.add(Button::new("Open it", Look::Plain).size(96.0, height)).clicked() {
                ui.ctx().open_url(OpenUrl::new_tab(format!("file://{}", path.display())));
            }
            note(ui, &format!("Written: {}", path.display()));
        }
        Some((_, Err(why))) => {
            note(ui, why);
        }
        None => {}
    }
}

/// The report as it would be saved, with its paper.
fn preview_page(ui: &mut Ui, content: Rect, model: &mut Model, id: i64, title: &str, level: Level) {
    let places = layout::device(content);
    let mut paper = model.records.paper;
    ui.scope_builder(UiBuilder::new().max_rect(places.head).layout(Layout::left_to_right(Align::Center)), |ui| {
        ui.spacing_mut().item_spacing.x = 8.0;
        for (one, words) in [(Paper::A4, "A4"), (Paper::Letter, "Letter")] {
            let tab = Button::new(words, Look::Tab(paper == one)).text_size(tokens::TEXT_NOTE);
            if ui.add(tab.name(&format!("Paper {words}"))).clicked() {
                paper = one;
            }
        }
        let t = tokens(ui);
        let title = RichText::new(format!("Report of {title}")).font(tokens::strong(tokens::TEXT_LEAD));
        ui.add(egui::Label::new(title.color(t.page.ink)).truncate());
    });
    card(ui, places.left.union(places.right), "Preview", |ui| match &model.records.preview {
        Some(Ok(pages)) => paper_view(ui, pages),
        Some(Err(why)) => drop(paragraph(ui, &words::sentence(why))),
        None => drop(paragraph(ui, model.records.trouble.as_deref().unwrap_or("Drawing the pages"))),
    });
    let mut back = ui.input(|i| i.key_pressed(Key::Escape));
    ui.scope_builder(UiBuilder::new().max_rect(places.actions).layout(Layout::left_to_right(Align::Center)), |ui| {
        ui.spacing_mut().item_spacing.x = 8.0;
        let height = places.actions.height();
        let idle = !model.records.writing && matches!(model.records.preview, Some(Ok(_)));
        let save = Button::new("Save", Look::Main).name("Write the report").size(110.0, height);
        if ui.add_enabled(idle, save).clicked() {
            model.write_record(id, false);
        }
        package_button(ui, model, id, level, height);
        back |= ui.add(Button::new("Back", Look::Plain).name("Back to the record").size(100.0, height)).clicked();
        outcome(ui, model, id, height);
    });
    if back {
        model.records.face = RecordFace::Answer;
    } else if paper != model.records.paper {
        model.preview_record(id, paper);
    }
}

fn history_page(ui: &mut Ui, left: Rect, right: Rect, id: i64, model: &mut Model) {
    card(ui, left, "History", |ui| {
        heading(ui, "What was said and done");
        ScrollArea::vertical().id_salt("history").auto_shrink([false, false]).show(ui, |ui| {
            match model.records.history.as_deref() {
                None => {
                    paragraph(ui, "Reading the history");
                }
                Some([]) => {
                    paragraph(ui, "Nothing yet. What is added is dated, signed by an account, and stays.");
                }
                Some(entries) => entries.iter().rev().for_each(|entry| history_entry(ui, entry)),
            }
        });
    });
    card(ui, right, "Add to the record", |ui| {
        ScrollArea::vertical().id_salt("form").auto_shrink([false, false]).show(ui, |ui| form(ui, id, model));
    });
}

fn history_entry(ui: &mut Ui, entry: &HistoryEntry) {
    ui.add_space(GAP_SMALL);
    note(ui, &format!("{} · {} · event {}", words::local_time(entry.at), entry.operator, entry.event));
    paragraph(ui, &words::sentence(&entry.words));
    for by in &entry.corrected_by {
        note(ui, &format!("Corrected by event {by}; what it said stays"));
    }
    ui.separator();
}

fn form(ui: &mut Ui, id: i64, model: &mut Model) {
    heading(ui, "Add to the record");
    let Some(role) = model.gate.actor().map(crate::casebook::Actor::role) else {
        paragraph(
            ui,
            "Notes, holds, hand-overs and results are signed by the account that says them, and nobody is signed in. Where no account exists yet, the first administrator is enrolled with the name at the top right.",
        );
        return;
    };
    let choices: Vec<_> = Saying::of_role(role).collect();
    let form = &mut model.records.form;
    if choices.is_empty() {
        paragraph(ui, "This role reads and verifies; it adds nothing to a record.");
        return;
    }
    if !choices.iter().any(|(saying, _)| *saying == form.saying)
        && let Some((first, _)) = choices.first()
    {
        form.say(*first);
    }
    ui.spacing_mut().item_spacing = vec2(GAP_SMALL, GAP_SMALL);
    ui.horizontal_wrapped(|ui| {
        for (saying, words) in choices {
            let tab = Button::new(words, Look::Tab(form.saying == saying)).text_size(tokens::TEXT_NOTE);
            if ui.add(tab).clicked() {
                form.say(saying);
            }
        }
    });
    let mut send = false;
    if form.saying == Saying::Correct {
        ui.horizontal_wrapped(|ui| {
            for (wrong, words, _) in Wrong::ALL {
                let (look, name) = (Look::Tab(form.wrong == wrong), format!("Wrong: {words}"));
                if ui.add(Button::new(words, look).name(&name).text_size(tokens::TEXT_NOTE)).clicked() {
                    form.wrong = wrong;
                }
            }
        });
    }
    for (label, text) in form.fields().iter().zip(&mut form.fields) {
        let width = ui.available_width();
        let secret = *label == "Its secret";
        send |= if secret {
            secret_field(ui, width, label, label, text)
        } else {
            line_field(ui, width, label, label, text)
        };
    }
    if form.saying == Saying::HandOver {
        note(ui, "The other side types its own name and secret, so both have signed");
    }
    let button = Button::new("Record it", Look::Main).size(140.0, TARGET);
    send |= ui.add_enabled(!form.waiting, button).clicked();
    match &form.outcome {
        Some(Ok(words)) => drop(paragraph(ui, words)),
        Some(Err(why)) => drop(paragraph(ui, &words::sentence(why))),
        None => {}
    }
    if send && !form.waiting {
        match form.act() {
            Ok(act) => model.state_about(id, act),
            Err(why) => form.outcome = Some(Err(why)),
        }
    }
}
