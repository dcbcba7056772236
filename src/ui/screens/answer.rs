//! The answer: banner, spectrum over the best reference, what to do, what is in the signal. The same page shows a
//! fresh answer and a stored one.

use egui::{Align, Grid, Label, Layout, Rect, RichText, ScrollArea, Stroke, Ui, UiBuilder};

use crate::casebook::ScanKind;
use crate::identify::Level;
use crate::ui::answer_view::AnswerView;
use crate::ui::layout::{self, AnswerPlaces};
use crate::ui::model::Saved;
use crate::ui::tokens::{self, tokens};
use crate::ui::widgets::{
    Banner, BannerTone, Button, Chip, Look, bullet, card, card_with, chip, heading, note, paragraph, spectrum_plot,
    verdict_banner,
};
use crate::ui::words;

/// Which list the lower card shows.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum AnswerTab {
    /// What to do; a tab of its own only where there is no room for a card of its own.
    #[default]
    Next,
    /// Components.
    Signal,
    /// Candidates.
    Candidates,
    /// Facts of the record.
    Facts,
}

/// Shows the answer below the steps; the caller fills steps and actions.
pub fn answer_page(ui: &mut Ui, content: Rect, view: &AnswerView, saved: &Saved, tab: &mut AnswerTab) -> AnswerPlaces {
    let places = layout::answer(content);
    let aside = 196.0;
    let banner = Banner {
        tone: BannerTone::Verdict(view.level),
        word: words::level_word(view.level),
        subject: &view.subject,
        detail: &view.detail,
        aside,
    };
    verdict_banner(ui, places.banner, &banner);
    let chips = places.banner.shrink(16.0);
    let chips = chips.with_min_x(chips.max.x - aside);
    ui.scope_builder(UiBuilder::new().max_rect(chips).layout(Layout::top_down(Align::Max)), |ui| {
        match saved {
            Saved::Pending => chip(ui, "Saving the record", Chip::Fact),
            Saved::Yes(id) => chip(ui, &format!("Record {id} saved"), Chip::Fact),
            Saved::No(_) => chip(ui, "NOT SAVED", Chip::Caution),
        };
        match view.scan.record.subject.kind {
            ScanKind::Sample => {}
            ScanKind::Blank => drop(chip(ui, "BLANK", Chip::Caution)),
            ScanKind::Control => drop(chip(ui, "CONTROL", Chip::Caution)),
        }
        if view.scan.record.answer.simulated {
            chip(ui, "SIMULATED", Chip::Emulated);
        }
    });
    card(ui, places.left, "Spectrum card", |ui| {
        let id = egui::Id::unique("spectrum").with(view.scan.record.taken_at.as_nanosecond());
        spectrum_plot(ui, id, &view.traces);
    });
    if let Some(upper) = places.upper {
        card(ui, upper, words::next_title(view.level), |ui| next_steps(ui, view, saved, false));
    }
    lists(ui, places, view, saved, tab);
    places
}

fn next_steps(ui: &mut Ui, view: &AnswerView, saved: &Saved, alone: bool) {
    let t = tokens(ui);
    ScrollArea::vertical().id_salt("next steps").auto_shrink([false, false]).show(ui, |ui| {
        ui.spacing_mut().item_spacing.y = if alone { 2.0 } else { 4.0 };
        // Where the advice is a tab of its own, the tab says what it is; what is not safe is said everywhere.
        if !alone || view.level == Level::NoneDetected {
            heading(ui, words::next_title(view.level));
        }
        if let Saved::No(why) = saved {
            let caution = t.caution();
            let text = format!("This scan is not saved. {why}");
            let width = ui.available_width() - 28.0;
            let galley = ui.painter().layout(text.clone(), tokens::strong(tokens::TEXT_LABEL), caution.ink, width);
            let place = ui.available_rect_before_wrap();
            let place = Rect::from_min_size(place.min, egui::vec2(place.width(), galley.size().y + 28.0));
            card_with(ui, place, "Not saved", caution.fill, Stroke::new(1.5, caution.ink), |ui| {
                let line = RichText::new(text).font(tokens::strong(tokens::TEXT_LABEL)).color(caution.ink);
                ui.add(Label::new(line).wrap());
            });
        }
        for step in &view.steps {
            bullet(ui, step);
        }
        if !view.problems.is_empty() {
            ui.add_space(6.0);
            heading(ui, "About this scan");
            for problem in &view.problems {
                bullet(ui, problem);
            }
        }
    });
}

fn lists(ui: &mut Ui, places: AnswerPlaces, view: &AnswerView, saved: &Saved, tab: &mut AnswerTab) {
    let alone = places.upper.is_none();
    if !alone && *tab == AnswerTab::Next {
        *tab = AnswerTab::Signal;
    }
    let all = [
        (AnswerTab::Next, "To do"),
        (AnswerTab::Signal, "Signal"),
        (AnswerTab::Candidates, "Candidates"),
        (AnswerTab::Facts, "Record"),
    ];
    let tabs = if alone { all.as_slice() } else { all.get(1..).unwrap_or_default() };
    card(ui, places.lower, "Lists", |ui| {
        ui.horizontal(|ui| {
            ui.spacing_mut().item_spacing.x = 6.0;
            for (one, text) in tabs {
                let button = Button::new(text, Look::Tab(*tab == *one)).text_size(tokens::TEXT_LABEL);
                if ui.add(button).clicked() {
                    *tab = *one;
                }
            }
        });
        if !alone {
            ui.add_space(4.0);
        }
        match tab {
            AnswerTab::Next => next_steps(ui, view, saved, true),
            AnswerTab::Signal => scrolled(ui, "signal", |ui| parts(ui, view)),
            AnswerTab::Candidates => scrolled(ui, "candidates", |ui| candidates(ui, view)),
            AnswerTab::Facts => scrolled(ui, "facts", |ui| facts(ui, view)),
        }
    });
}

fn scrolled(ui: &mut Ui, name: &str, contents: impl FnOnce(&mut Ui)) {
    ScrollArea::both().id_salt(name).auto_shrink([false, false]).show(ui, contents);
}

fn cell(ui: &mut Ui, text: &str) {
    let t = tokens(ui);
    ui.add(Label::new(RichText::new(text).font(tokens::regular(tokens::TEXT_LABEL)).color(t.card.ink)));
}

fn head(ui: &mut Ui, titles: &[&str]) {
    let t = tokens(ui);
    for title in titles {
        ui.add(Label::new(RichText::new(*title).font(tokens::regular(tokens::TEXT_NOTE)).color(t.mute)));
    }
    ui.end_row();
}

fn parts(ui: &mut Ui, view: &AnswerView) {
    if view.parts.is_empty() {
        paragraph(ui, "No part of the signal could be assigned to a reference");
    } else {
        Grid::new("parts").num_columns(3).spacing([12.0, 4.0]).show(ui, |ui| {
            head(ui, &["In the signal", "Of what is explained", "Reference"]);
            for row in &view.parts {
                cell(ui, &row.name);
                cell(ui, &row.share);
                cell(ui, row.tier);
                ui.end_row();
            }
        });
    }
    let rest = if view.parts.is_empty() { "" } else { " The shares are of the rest, and not percent by weight." };
    note(ui, &format!("{} of the signal is explained by no reference.{rest}", view.unexplained));
}

fn candidates(ui: &mut Ui, view: &AnswerView) {
    if view.candidates.is_empty() {
        paragraph(ui, "No reference was compared");
        return;
    }
    // A similarity never stands under the name of a probability: most candidates have none.
    let columns: &[&str] = if view.calibrated {
        &["Candidate", "Similarity", "Probability", "Explains", "Missing / cm⁻¹", "Reference"]
    } else {
        &["Candidate", "Similarity", "Explains", "Missing / cm⁻¹", "Reference"]
    };
    Grid::new("candidates").num_columns(columns.len()).spacing([14.0, 4.0]).show(ui, |ui| {
        head(ui, columns);
        for row in &view.candidates {
            cell(ui, &row.name);
            cell(ui, &row.similarity);
            if view.calibrated {
                cell(ui, &row.probability);
            }
            cell(ui, &row.explained);
            cell(ui, &row.missing);
            cell(ui, row.tier);
            ui.end_row();
        }
    });
    note(ui, "Candidates assert nothing. A high similarity alone is no evidence");
}

fn facts(ui: &mut Ui, view: &AnswerView) {
    let t = tokens(ui);
    for (what, value) in &view.facts {
        ui.horizontal_top(|ui| {
            ui.spacing_mut().item_spacing.x = 10.0;
            ui.allocate_ui_with_layout(egui::vec2(130.0, 20.0), Layout::left_to_right(Align::Min), |ui| {
                ui.set_width(130.0);
                ui.add(Label::new(RichText::new(*what).font(tokens::regular(tokens::TEXT_NOTE)).color(t.mute)));
            });
            ui.vertical(|ui| {
                let value = RichText::new(value).font(tokens::regular(tokens::TEXT_NOTE)).color(t.card.ink);
                ui.add(Label::new(value).wrap());
            });
        });
    }
}
