//! Chips: one short fact in a frame.

use egui::accesskit::Role;
use egui::{Color32, Response, Sense, Stroke, StrokeKind, Ui, WidgetInfo, vec2};

use crate::ui::tokens::{self, tokens};

/// What a chip says about its fact.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Chip {
    /// A plain fact.
    Fact,
    /// Something emulated.
    Emulated,
    /// Something to read before going on.
    Caution,
}

/// Shows a chip.
pub fn chip(ui: &mut Ui, text: &str, kind: Chip) -> Response {
    let t = tokens(ui);
    let (fill, ink, stroke) = match kind {
        Chip::Fact => (t.card.fill, t.card.ink, Stroke::new(2.0, t.card.ink)),
        Chip::Emulated => (t.badge.fill, t.badge.ink, Stroke::NONE),
        Chip::Caution => (t.caution().fill, t.caution().ink, Stroke::new(2.0, t.caution().ink)),
    };
    let galley = ui.painter().layout_no_wrap(text.to_owned(), tokens::strong(tokens::TEXT_NOTE), Color32::PLACEHOLDER);
    let (rect, response) = ui.allocate_exact_size(galley.size() + vec2(18.0, 8.0), Sense::hover());
    response.widget_info(|| WidgetInfo::labeled(Role::Label, true, text));
    ui.painter().rect(rect, tokens::corner_small(), fill, stroke, StrokeKind::Inside);
    ui.painter().galley_with_override_text_color(rect.center() - galley.size() / 2.0, galley, ink);
    response
}
