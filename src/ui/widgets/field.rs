//! Text fields with a label above them.

use egui::{Frame, Label, Margin, Response, RichText, Stroke, TextEdit, Ui, vec2};

use crate::ui::tokens::{self, FIELD, TARGET, tokens};

/// A one-line text field, named by the label above it.
pub fn labelled_field(ui: &mut Ui, id: egui::Id, label: &str, hint: &str, text: &mut String) -> Response {
    let t = tokens(ui);
    let label = ui.add(Label::new(RichText::new(label).font(tokens::regular(tokens::TEXT_LABEL)).color(t.mute)));
    let focused = ui.memory(|m| m.has_focus(id));
    let border = if focused { Stroke::new(3.0, t.trace_reference) } else { Stroke::new(2.0, t.line) };
    let frame = Frame::new()
        .fill(t.card.fill)
        .stroke(border)
        .corner_radius(egui::CornerRadius::same(8))
        .inner_margin(Margin::symmetric(14, 4));
    ui.add(
        TextEdit::singleline(text)
            .id(id)
            .hint_text(RichText::new(hint).color(t.mute).font(tokens::regular(tokens::TEXT_BODY)))
            .font(tokens::regular(tokens::TEXT_LEAD))
            .text_color(t.card.ink)
            .char_limit(64)
            .frame(frame)
            .align(egui::Align2::LEFT_CENTER)
            .min_size(vec2(0.0, FIELD))
            .desired_width(f32::INFINITY),
    )
    .labelled_by(label.id)
}

/// A one-line text field without a label, as high as a target; true when Enter was pressed in it. `hint` stands in it
/// while it is empty, `name` is what a screen reader says.
pub fn line_field(ui: &mut Ui, width: f32, hint: &str, name: &str, text: &mut String) -> bool {
    one_line(ui, width, hint, name, text, false)
}

/// The same for a secret.
pub fn secret_field(ui: &mut Ui, width: f32, hint: &str, name: &str, text: &mut String) -> bool {
    one_line(ui, width, hint, name, text, true)
}

fn one_line(ui: &mut Ui, width: f32, hint: &str, name: &str, text: &mut String, secret: bool) -> bool {
    let t = tokens(ui);
    let id = egui::Id::unique(name);
    let border =
        if ui.memory(|m| m.has_focus(id)) { Stroke::new(3.0, t.trace_reference) } else { Stroke::new(2.0, t.line) };
    let frame = Frame::new()
        .fill(t.card.fill)
        .stroke(border)
        .corner_radius(egui::CornerRadius::same(8))
        .inner_margin(Margin::symmetric(12, 4));
    let response = ui.add(
        TextEdit::singleline(text)
            .id(id)
            .password(secret)
            .hint_text(RichText::new(hint).color(t.mute).font(tokens::regular(tokens::TEXT_LABEL)))
            .font(tokens::regular(tokens::TEXT_BODY))
            .text_color(t.card.ink)
            .char_limit(1_024)
            .frame(frame)
            .align(egui::Align2::LEFT_CENTER)
            .min_size(vec2(0.0, TARGET))
            .desired_width(width - 24.0),
    );
    response.widget_info(|| {
        let mut info = egui::WidgetInfo::labeled(egui::Role::TextInput, true, name);
        if !secret {
            info.current_text_value = Some(text.clone());
        }
        info
    });
    response.lost_focus() && ui.input(|i| i.key_pressed(egui::Key::Enter))
}
