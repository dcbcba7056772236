//! While a scan runs, and when it ended without an answer.

use egui::{Align, Label, Layout, Rect, RichText, Ui, UiBuilder};

use crate::session::Stage;
use crate::ui::layout;
use crate::ui::model::{Model, Phase};
use crate::ui::tokens::{self, tokens};
use crate::ui::widgets::{
    Banner, BannerTone, Button, Icon, Look, card, heading, note, paint_icon, step_bar, verdict_banner,
};
use crate::ui::words;

/// The page of a running scan.
pub fn scanning_page(ui: &mut Ui, content: Rect, model: &mut Model) {
    let Phase::Scanning { stage, fraction, remaining_ms, stopping } = model.phase else { return };
    let places = layout::answer(content);
    step_bar(ui, places.steps, model.step());
    let (word, detail) = if stopping {
        ("Stopping", "The laser goes off first".to_owned())
    } else {
        ("Scanning", format!("{} · {}", words::stage_words(stage), words::time_left(remaining_ms)))
    };
    let banner = Banner { tone: BannerTone::Working(fraction), word, subject: "", detail: &detail, aside: 0.0 };
    verdict_banner(ui, places.banner, &banner);
    card(ui, places.left.with_max_y(places.actions.max.y), "Stages", |ui| {
        heading(ui, "Stages");
        ui.add_space(4.0);
        let has_laser = model.kit().is_none_or(|kit| kit.laser.is_some());
        for one in words::stages(has_laser, stage) {
            stage_line(ui, *one, stage);
        }
        if !model.parcel.trim().is_empty() {
            ui.add_space(8.0);
            note(ui, &format!("Parcel {}", model.parcel.trim()));
        }
    });
    let right = places.upper.unwrap_or(places.lower).union(places.lower).union(places.actions);
    let right = right.with_min_x(places.lower.min.x);
    card(ui, right, "Stop the scan", |ui| {
        let area = ui.max_rect();
        let height = 104.0_f32.min(area.height());
        let place =
            Rect::from_min_size(egui::pos2(area.min.x, area.max.y - 30.0 - height), egui::vec2(area.width(), height));
        let text_area = area.with_max_y(place.min.y);
        ui.scope_builder(UiBuilder::new().max_rect(text_area), |ui| {
            heading(ui, "Hold still");
            ui.add(
                Label::new(
                    RichText::new("Keep the probe on the sample until the light readout has ended")
                        .font(tokens::regular(tokens::TEXT_BODY))
                        .color(tokens(ui).card.ink),
                )
                .wrap(),
            );
        });
        ui.scope_builder(UiBuilder::new().max_rect(place), |ui| {
            let cancel = Button::new("Cancel", Look::Plain).size(area.width(), height).text_size(32.0);
            if ui.add_enabled(!stopping, cancel).clicked() {
                model.cancel();
            }
        });
        let line = Rect::from_min_max(egui::pos2(area.min.x, place.max.y + 8.0), area.max);
        ui.scope_builder(UiBuilder::new().max_rect(line), |ui| {
            // The banner of a small window has no room for the time.
            note(ui, &format!("Esc stops · {}", words::time_left(remaining_ms)));
        });
    });
}

fn stage_line(ui: &mut Ui, one: Stage, now: Stage) {
    let t = tokens(ui);
    ui.horizontal(|ui| {
        ui.set_height(34.0);
        let (mark, _) = ui.allocate_exact_size(egui::vec2(24.0, 24.0), egui::Sense::hover());
        let painter = ui.painter();
        match one.cmp(&now) {
            std::cmp::Ordering::Less => {
                let tick =
                    [(0.2, 0.55), (0.42, 0.75), (0.82, 0.28)].map(|(x, y)| mark.lerp_inside(egui::vec2(x, y))).to_vec();
                painter.line(tick, egui::Stroke::new(2.5, t.card.ink));
            }
            std::cmp::Ordering::Equal => paint_icon(painter, mark, Icon::Working, t.trace_reference),
            std::cmp::Ordering::Greater => {
                painter.circle_stroke(mark.center(), 4.0, egui::Stroke::new(1.5, t.line));
            }
        }
        let present = one == now;
        let font = if present { tokens::strong(tokens::TEXT_BODY) } else { tokens::regular(tokens::TEXT_BODY) };
        let ink = if one > now { t.mute } else { t.card.ink };
        ui.add(Label::new(RichText::new(words::stage_words(one)).font(font).color(ink)));
    });
}

/// The page of a scan that ended without an answer.
pub fn failed_page(ui: &mut Ui, content: Rect, model: &mut Model) {
    let Phase::Failed(why) = &model.phase else { return };
    let places = layout::answer(content);
    step_bar(ui, places.steps, model.step());
    let banner = Banner { tone: BannerTone::Failed, word: "No answer", subject: "", detail: why, aside: 0.0 };
    verdict_banner(ui, places.banner, &banner);
    card(ui, places.left.with_max_x(content.max.x - tokens::MARGIN), "What happened", |ui| {
        heading(ui, "The scan did not finish");
        ui.add(
            Label::new(RichText::new(why).font(tokens::regular(tokens::TEXT_BODY)).color(tokens(ui).card.ink)).wrap(),
        );
        ui.add_space(8.0);
        note(ui, "Nothing was identified. This says nothing about the sample");
    });
    ui.scope_builder(UiBuilder::new().max_rect(places.actions).layout(Layout::left_to_right(Align::Center)), |ui| {
        let height = places.actions.height();
        if ui.add(Button::new("Try again", Look::Main).size(160.0, height)).clicked() {
            model.another_spot();
        }
        if ui.add(Button::new("Next parcel", Look::Plain).size(160.0, height)).clicked() {
            model.next_parcel();
        }
    });
}
