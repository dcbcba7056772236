//! What surrounds every screen: the top bar and the left rail.

use egui::{Align, Frame, Label, Layout, Margin, Panel, RichText, Theme, Ui};

use crate::session::{Colours, Command};
use crate::ui::model::{Model, Screen};
use crate::ui::tokens::{self, BAR_HEIGHT, RAIL_WIDTH, TARGET, tokens};
use crate::ui::widgets::{Button, Chip, Icon, Look, chip, status_lamp};

/// Time of day as the top bar shows it, and when it will change.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Clock {
    /// Hours and minutes.
    pub text: String,
    /// Seconds until the next minute.
    pub seconds_left: u64,
}

/// The top bar: product, simulated or not, laser, temperature, operator, time, theme.
pub fn top_bar(ui: &mut Ui, model: &mut Model, operator: &str, clock: &Clock) {
    let t = tokens(ui);
    let frame = Frame::new().fill(t.bar.fill).inner_margin(Margin::symmetric(16, 4));
    Panel::top("bar").exact_size(BAR_HEIGHT).show_separator_line(false).resizable(false).frame(frame).show(ui, |ui| {
        ui.horizontal_centered(|ui| {
            ui.spacing_mut().item_spacing.x = 16.0;
            let text = |s: &str| RichText::new(s).font(tokens::regular(tokens::TEXT_LABEL)).color(t.bar.ink);
            ui.add(Label::new(text("Parcelscope").font(tokens::strong(19.0))));
            if model.emulated() {
                chip(ui, "EMULATED ANALYZER", Chip::Emulated);
            }
            ui.with_layout(Layout::right_to_left(Align::Center), |ui| {
                let dark = ui.visuals().dark_mode;
                let (icon, name, theme, colours) = if dark {
                    (Icon::Day, "Day colours", Theme::Light, Colours::Day)
                } else {
                    (Icon::Night, "Night colours", Theme::Dark, Colours::Night)
                };
                let button = Button::new("", Look::Bar).icon(icon).name(name).size(TARGET, TARGET);
                if ui.add(button).on_hover_text(name).clicked() {
                    ui.ctx().set_theme(theme);
                    model.keep_colours(colours);
                }
                ui.add(Label::new(text(&clock.text)));
                if model.gate.can_sign_out() {
                    let button = Button::new(operator, Look::Bar).name("Sign out").size(130.0, TARGET);
                    if ui.add(button).on_hover_text("Sign out").clicked() {
                        model.send(Command::SignOut);
                    }
                } else if model.gate.can_enrol() && !model.scanning() {
                    let button =
                        Button::new(operator, Look::Bar).name("Enrol the first administrator").size(110.0, TARGET);
                    let hint = "No account is enrolled. Enrol the first administrator";
                    if ui.add(button.text_size(tokens::TEXT_LABEL)).on_hover_text(hint).clicked() {
                        model.gate.begin_enrolment();
                    }
                } else {
                    ui.add(Label::new(text(operator)));
                }
                if let Some(temperature) = model.kit().and_then(|k| k.temperatures_c.first()) {
                    ui.add(Label::new(text(&format!("{temperature:.0} °C")))).on_hover_text("Detector temperature");
                }
                if model.kit().is_some_and(|k| k.laser.is_some() && !k.check.is_verified()) {
                    ui.add(Label::new(text("Unverified"))).on_hover_text("No valid performance check");
                }
                if let Some(pack) = &model.pack {
                    // Short, because the bar is narrow; the page before a scan has the sentence.
                    let words =
                        if pack.warning.is_some() { "Pack is old".to_owned() } else { format!("Pack {} d", pack.days) };
                    ui.add(Label::new(text(&words))).on_hover_text(pack.warning.as_ref().unwrap_or(&pack.words));
                }
                status_lamp(ui, model.lamp());
            });
        });
    });
}

/// The left rail: the screens.
pub fn rail(ui: &mut Ui, model: &mut Model) {
    let t = tokens(ui);
    let frame = Frame::new().fill(t.rail.fill).inner_margin(Margin::symmetric(8, 10));
    Panel::left("rail").exact_size(RAIL_WIDTH).show_separator_line(false).resizable(false).frame(frame).show(
        ui,
        |ui| {
            for (screen, text, name, icon) in [
                (Screen::Scan, "Scan", "Scan page", Icon::Scan),
                (Screen::Records, "Records", "Records page", Icon::Records),
                (Screen::Library, "Library", "Library page", Icon::Library),
                (Screen::Device, "Device", "Device page", Icon::Device),
            ] {
                let button = Button::new(text, Look::Rail(model.screen == screen))
                    .icon(icon)
                    .name(name)
                    .size(ui.available_width(), 76.0)
                    .text_size(tokens::TEXT_LABEL);
                if ui.add(button).clicked() {
                    model.show_screen(screen);
                }
            }
        },
    );
}
