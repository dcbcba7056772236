//! The live view for aiming, on the page before a scan.

use egui::{Align, Label, Layout, RichText, Ui};

use crate::session::Connection;
use crate::ui::aim_view::{AimView, Aimed};
use crate::ui::kit_model::Aim;
use crate::ui::model::Model;
use crate::ui::tokens::{self, GAP_SMALL, TARGET, tokens};
use crate::ui::widgets::{Button, Chip, Look, chip, fill_bar, heading, live_plot, note, paragraph};
use crate::ui::words;

/// Height of what stands below the curve: the bar and two lines of words.
const BELOW_CURVE: f32 = 84.0;

/// The live view, or what is connected while the laser is off.
pub fn aim(ui: &mut Ui, model: &mut Model) {
    header(ui, model);
    match &model.connection {
        Connection::Connecting => {
            paragraph(ui, "Opening the ports and asking the devices who they are");
        }
        Connection::Lost(why) => {
            paragraph(ui, why);
        }
        Connection::Released => {
            paragraph(ui, "The analyzer was disconnected here. Connect it again on the Device page.");
        }
        Connection::Ready(_) => match &model.aim {
            Aim::Off => at_rest(ui, model),
            Aim::Starting => {
                paragraph(ui, "Dark readout, laser off");
            }
            Aim::Stopping => {
                paragraph(ui, "The laser goes off");
            }
            Aim::Live(view) => live(ui, view),
        },
    }
}

fn header(ui: &mut Ui, model: &mut Model) {
    ui.horizontal(|ui| {
        ui.set_height(TARGET);
        heading(ui, "Aim");
        let t = tokens(ui);
        let state = match &model.connection {
            Connection::Connecting => "connecting",
            Connection::Ready(_) if model.aiming() => "",
            Connection::Ready(_) => "ready",
            Connection::Lost(_) => "not connected",
            Connection::Released => "disconnected",
        };
        ui.add(Label::new(RichText::new(state).font(tokens::regular(tokens::TEXT_BODY)).color(t.mute)));
        ui.with_layout(Layout::right_to_left(Align::Center), |ui| {
            if model.aiming() {
                if ui.add(Button::new("Stop live view", Look::Plain).text_size(tokens::TEXT_LABEL)).clicked() {
                    model.stop_aiming();
                }
            } else {
                let start = Button::new("Live view", Look::Plain).text_size(tokens::TEXT_LABEL);
                if ui.add_enabled(model.refusal().is_none(), start).clicked() {
                    model.start_aiming();
                }
            }
        });
    });
    ui.add_space(GAP_SMALL);
}

/// What is connected, in the few lines that matter before a scan; all of it is on the Device page.
fn at_rest(ui: &mut Ui, model: &Model) {
    let Some(kit) = model.kit() else { return };
    let name = model.kit_name().map_or_else(|| kit.spectrometer.model.clone(), ToString::to_string);
    paragraph(ui, &format!("{name}, serial {}", kit.spectrometer.serial));
    if !kit.check.is_verified() {
        chip(ui, "UNVERIFIED", Chip::Caution);
    }
    note(ui, &words::check(&kit.check));
    if let Some(library) = &model.library {
        let identity = &library.identity;
        let counts = format!("{} substances, {} references", library.substances.len(), library.references.len());
        note(ui, &format!("Library {} {}: {counts}", identity.name, identity.version));
    }
}

fn live(ui: &mut Ui, view: &AimView) {
    let spoken = format!("Live view. {}", view.aimed.words());
    let curve = egui::vec2(ui.available_width(), (ui.available_height() - BELOW_CURVE).max(60.0));
    ui.allocate_ui(curve, |ui| {
        ui.set_min_size(curve);
        live_plot(ui, &view.points, view.range_counts, &spoken);
    });
    ui.spacing_mut().item_spacing.y = 4.0;
    fill_bar(ui, view.fill);
    let t = tokens(ui);
    let ink = if view.aimed == Aimed::TooBright { t.caution().ink } else { t.card.ink };
    let words = RichText::new(view.aimed.words()).font(tokens::strong(tokens::TEXT_LABEL)).color(ink);
    ui.add(Label::new(words).truncate());
    let filled = 100.0 * view.fill;
    note(ui, &format!("Detector {filled:.0} % full · laser off by itself in {} s", view.remaining.as_secs()));
}
