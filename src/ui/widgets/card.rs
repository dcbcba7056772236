//! Cards: the framed surfaces that hold one subject each, and the text styles inside them.

use egui::{Frame, Label, Margin, Rect, Response, RichText, Stroke, Ui, UiBuilder};

use crate::ui::tokens::{self, CARD_MARGIN, tokens};

/// A card that fills `rect`; the contents can never make it larger.
pub fn card<R>(ui: &mut Ui, rect: Rect, name: &str, contents: impl FnOnce(&mut Ui) -> R) -> R {
    let t = tokens(ui);
    card_with(ui, rect, name, t.card.fill, Stroke::new(1.0, t.line), contents)
}

/// A card with its own surface and border.
pub fn card_with<R>(
    ui: &mut Ui,
    rect: Rect,
    name: &str,
    fill: egui::Color32,
    stroke: Stroke,
    contents: impl FnOnce(&mut Ui) -> R,
) -> R {
    let frame = Frame::new().fill(fill).stroke(stroke).corner_radius(tokens::corner());
    ui.painter().add(frame.paint(rect.shrink(stroke.width)));
    let inner = rect - Margin::same(CARD_MARGIN);
    let builder = UiBuilder::new()
        .id_salt(name)
        .max_rect(inner)
        .accessibility_label(name)
        .accessibility_role(egui::accesskit::Role::Group);
    let out = ui.scope_builder(builder, |ui| {
        ui.set_clip_rect(rect.intersect(ui.clip_rect()));
        ui.set_min_size(inner.size());
        contents(ui)
    });
    ui.advance_cursor_after_rect(rect);
    out.inner
}

/// The heading of a card.
pub fn heading(ui: &mut Ui, text: &str) -> Response {
    let t = tokens(ui);
    ui.add(Label::new(RichText::new(text).font(tokens::strong(tokens::TEXT_HEADING)).color(t.card.ink)))
}

/// Running text.
pub fn paragraph(ui: &mut Ui, text: &str) -> Response {
    let t = tokens(ui);
    ui.add(Label::new(RichText::new(text).font(tokens::regular(tokens::TEXT_BODY)).color(t.card.ink)).wrap())
}

/// A quieter note.
pub fn note(ui: &mut Ui, text: &str) -> Response {
    let t = tokens(ui);
    ui.add(Label::new(RichText::new(text).font(tokens::regular(tokens::TEXT_NOTE)).color(t.mute)).wrap())
}

/// One line of a list.
pub fn bullet(ui: &mut Ui, text: &str) {
    let t = tokens(ui);
    ui.horizontal_top(|ui| {
        ui.spacing_mut().item_spacing.x = 8.0;
        let (dot, _) = ui.allocate_exact_size(egui::vec2(8.0, 22.0), egui::Sense::hover());
        ui.painter().circle_filled(dot.center(), 3.0, t.card.ink);
        ui.vertical(|ui| paragraph(ui, text));
    });
}
