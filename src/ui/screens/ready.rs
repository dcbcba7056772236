//! Before a scan: parcel, sample, the safety question, the device and the one large button.

use egui::{Id, Label, Rect, RichText, ScrollArea, Stroke, Ui};

use crate::casebook::ScanKind;
use crate::library::Library;
use crate::session::sample_choices;
use crate::ui::layout;
use crate::ui::model::{LASER_HELD, Model, Phase, Safety};
use crate::ui::tokens::{self, GAP, GAP_SMALL, tokens};
use crate::ui::widgets::{
    Button, Chip, Choice, Look, bullet, card, card_with, chip, choice_field, heading, labelled_field, line_field, note,
    paragraph, step_bar,
};

use super::aim::aim;

/// Said on a sample that a laser must not heat.
const INSTEAD: &str = "Do not scan at full power: the laser can ignite it. Leave it closed, keep people away and call \
    the bomb technician if it could be an explosive. A dark sample goes to the laboratory, or to an infrared analyzer.";

/// What the page remembers between frames.
#[derive(Debug, Default)]
pub struct ReadyState {
    choices: Vec<Choice>,
    query: String,
}

impl ReadyState {
    /// Takes the samples that the emulated probe offers from the library.
    pub fn set_library(&mut self, library: &Library) {
        self.choices = choices(library);
    }

    /// Id of the parcel field, so that a barcode scanner's text can be led there.
    pub fn parcel_id() -> Id {
        Id::unique("parcel number")
    }
}

/// What the emulated probe can hold, with everything that a search may ask for: names, synonyms, CAS numbers.
fn choices(library: &Library) -> Vec<Choice> {
    let mut all: Vec<Choice> = sample_choices(library)
        .into_iter()
        .map(|(key, title)| {
            let substance = library.find(&key);
            let cas = substance.and_then(|s| s.cas.as_ref()).map_or(String::new(), |c| format!(" · {c}"));
            let synonyms = substance.map_or(String::new(), |s| s.synonyms.join(" "));
            let label = format!("{title}{cas}");
            let search = format!("{label} {synonyms} {key}").to_lowercase();
            Choice { key, label, search }
        })
        .collect();
    // The empty probe and the mixtures stand first, the substances in the order of their names.
    all.sort_by_key(|c| (library.find(&c.key).is_some(), c.label.to_lowercase()));
    all
}

/// The page before a scan.
pub fn ready_page(ui: &mut Ui, content: Rect, model: &mut Model, state: &mut ReadyState) {
    let places = layout::ready(content);
    step_bar(ui, places.steps, model.step());
    card(ui, places.left, "Parcel and sample", |ui| {
        let gap = if layout::tight(content) { 10.0 } else { 16.0 };
        if let Some(warning) = &model.clock_warning {
            chip_line(ui, warning);
            ui.add_space(GAP_SMALL);
        }
        if let Phase::Idle(Some(text)) = &model.phase {
            chip_line(ui, text);
            ui.add_space(GAP_SMALL);
        } else if let Some(warning) = model.pack.as_ref().and_then(|p| p.warning.as_ref()) {
            chip_line(ui, warning);
            ui.add_space(GAP_SMALL);
        }
        labelled_field(
            ui,
            ReadyState::parcel_id(),
            "Parcel number (scan the barcode or type)",
            "none yet",
            &mut model.parcel,
        );
        ui.add_space(GAP_SMALL);
        subject(ui, model);
        ui.add_space(gap);
        if model.emulated() {
            emulated_sample(ui, model, state);
            ui.add_space(gap);
        }
        safety_question(ui, model);
        if !layout::tight(content) {
            ui.add_space(gap);
            aiming(ui);
        }
    });
    card(ui, places.right, "Aim and scan", |ui| {
        let bottom = ui.max_rect();
        let button = Rect::from_min_max(
            egui::pos2(bottom.min.x, bottom.max.y - 30.0 - places.button_height),
            egui::pos2(bottom.max.x, bottom.max.y - 30.0),
        );
        let above = Rect::from_min_max(bottom.min, egui::pos2(bottom.max.x, button.min.y - GAP));
        ui.scope_builder(egui::UiBuilder::new().max_rect(above), |ui| aim(ui, model));
        ui.scope_builder(egui::UiBuilder::new().max_rect(button), |ui| {
            let refusal = model.refusal();
            let scan =
                Button::new("Scan", Look::Main).size(button.width(), places.button_height).text_size(tokens::TEXT_SCAN);
            if ui.add_enabled(refusal.is_none(), scan).clicked() {
                model.start_scan();
            }
        });
        let hint = match (model.refusal(), model.kit()) {
            (Some(LASER_HELD), Some(kit)) => {
                format!("The laser cannot emit: {}", kit.laser_obstacle().unwrap_or_default())
            }
            (Some(why), _) => why.to_owned(),
            (None, Some(kit)) => format!("Space starts · Esc stops · about {} s", kit.scan_ms.div_ceil(1000)),
            (None, None) => String::new(),
        };
        let line = Rect::from_min_max(egui::pos2(bottom.min.x, button.max.y + 8.0), bottom.max);
        ui.scope_builder(egui::UiBuilder::new().max_rect(line), |ui| note(ui, &hint));
    });
}

fn chip_line(ui: &mut Ui, text: &str) {
    let t = tokens(ui);
    ui.add(Label::new(RichText::new(text).font(tokens::strong(tokens::TEXT_LABEL)).color(t.caution().ink)).wrap());
}

/// What is scanned: sample, blank or control, and which spot of it.
fn subject(ui: &mut Ui, model: &mut Model) {
    ui.horizontal(|ui| {
        ui.spacing_mut().item_spacing.x = 6.0;
        for (kind, text) in [(ScanKind::Sample, "Sample"), (ScanKind::Blank, "Blank"), (ScanKind::Control, "Control")] {
            let (look, name) = (Look::Tab(model.kind == kind), format!("Scan a {}", kind.name()));
            if ui.add(Button::new(text, look).name(&name).text_size(tokens::TEXT_NOTE)).clicked() {
                model.kind = kind;
            }
        }
        let width = ui.available_width();
        line_field(ui, width, "Spot, as 2/5 left corner", "Spot of the item", &mut model.spot);
    });
}

fn emulated_sample(ui: &mut Ui, model: &mut Model, state: &mut ReadyState) {
    ui.horizontal(|ui| {
        ui.spacing_mut().item_spacing.x = 10.0;
        let t = tokens(ui);
        ui.add(Label::new(RichText::new("Emulated sample").font(tokens::regular(tokens::TEXT_LABEL)).color(t.mute)));
        chip(ui, "SIMULATED", Chip::Emulated);
    });
    let chosen = model.sample.clone();
    let id = Id::unique("emulated sample");
    if let Some(key) = choice_field(ui, id, "Emulated sample", chosen.as_deref(), &state.choices, &mut state.query) {
        model.choose_sample(key);
    }
}

fn safety_question(ui: &mut Ui, model: &mut Model) {
    let t = tokens(ui);
    let caution = t.caution();
    let place = ui.available_rect_before_wrap();
    let height: f32 = if model.safety == Safety::Dangerous { 216.0 } else { 142.0 };
    let place = Rect::from_min_size(place.min, egui::vec2(place.width(), height.min(place.height())));
    let stroke = Stroke::new(1.5, caution.ink);
    card_with(ui, place, "Safety question", caution.fill, stroke, |ui| {
        ui.spacing_mut().item_spacing.y = 4.0;
        heading(ui, "Dark, black, or could it be an explosive?");
        paragraph(ui, "The laser heats dark samples and can ignite them");
        ui.add_space(4.0);
        ui.horizontal(|ui| {
            ui.spacing_mut().item_spacing.x = 10.0;
            for (answer, text) in [(Safety::Harmless, "No"), (Safety::Dangerous, "Yes, or not sure")] {
                let button = Button::new(text, Look::Tab(model.safety == answer)).size(110.0, 50.0);
                if ui.add(button).clicked() {
                    model.answer_safety(answer);
                }
            }
        });
        if model.safety == Safety::Dangerous {
            ui.add_space(4.0);
            paragraph(ui, INSTEAD);
        }
    });
}

/// What a newcomer must know before the first press.
fn aiming(ui: &mut Ui) {
    ScrollArea::vertical().id_salt("aiming").auto_shrink([false, false]).show(ui, |ui| {
        heading(ui, "How to aim");
        for line in [
            "Leave the bag closed: the laser passes through clear plastic and glass",
            "Touch the sample or its bag with the probe: no light from the side",
            "Never look into the beam or at its reflection, and point it at nothing but the sample",
            "Keep still until the light readout has ended",
        ] {
            bullet(ui, line);
        }
    });
}
