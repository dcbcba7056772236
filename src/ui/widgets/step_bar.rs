//! The four steps of a scan, always in the same place.

use egui::accesskit::Role;
use egui::{Color32, Rect, Response, Sense, Stroke, StrokeKind, Ui, WidgetInfo, pos2, vec2};

use crate::ui::tokens::{self, tokens};

/// The steps of a scan.
const SCAN_STEPS: [&str; 4] = ["Parcel", "Sample", "Scan", "Answer"];

/// Shows the steps of a scan in `rect`; `now` is the present one, from 0.
pub fn step_bar(ui: &mut Ui, rect: Rect, now: usize) -> Response {
    steps_bar(ui, rect, &SCAN_STEPS, now)
}

/// Shows steps in `rect`; `now` is the present one, from 0.
pub fn steps_bar(ui: &mut Ui, rect: Rect, steps: &[&str], now: usize) -> Response {
    let t = tokens(ui);
    let response = ui.allocate_rect(rect, Sense::hover());
    let name = steps.get(now).copied().unwrap_or_default();
    response
        .widget_info(|| WidgetInfo::labeled(Role::Label, true, format!("Step {} of {}: {name}", now + 1, steps.len())));
    let gap = 8.0;
    let width = (rect.width() - gap * (steps.len() as f32 - 1.0)) / steps.len() as f32;
    for (i, step) in steps.iter().enumerate() {
        let cell =
            Rect::from_min_size(pos2(rect.min.x + i as f32 * (width + gap), rect.min.y), vec2(width, rect.height()));
        let colors = match i.cmp(&now) {
            std::cmp::Ordering::Less => t.done,
            std::cmp::Ordering::Equal => t.accent,
            std::cmp::Ordering::Greater => t.rest,
        };
        let painter = ui.painter();
        painter.rect(cell, tokens::corner(), colors.fill, Stroke::NONE, StrokeKind::Inside);
        let number =
            painter.layout_no_wrap((i + 1).to_string(), tokens::strong(tokens::TEXT_BODY), Color32::PLACEHOLDER);
        let font = if i == now { tokens::strong(tokens::TEXT_BODY) } else { tokens::regular(tokens::TEXT_BODY) };
        let text = painter.layout_no_wrap((*step).to_owned(), font, Color32::PLACEHOLDER);
        let y = cell.center().y - text.size().y / 2.0;
        painter.galley_with_override_text_color(pos2(cell.min.x + 14.0, y), number, colors.ink);
        painter.galley_with_override_text_color(pos2(cell.min.x + 36.0, y), text, colors.ink);
    }
    response
}
