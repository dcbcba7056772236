//! The live view: a curve that changes several times a second, and how full the detector is.

use egui::accesskit::Role;
use egui::{Rect, Sense, Stroke, StrokeKind, Ui, WidgetInfo, pos2, vec2};
use egui_plot::{Line, PlotPoint, PlotPoints};

use crate::ui::tokens::{self, tokens};

use super::spectrum_plot::cm1_plot;

/// Shows a curve in all the room of `ui`; nothing in it can be moved by hand. `spoken` is what a screen reader says.
pub fn live_plot(ui: &mut Ui, points: &[PlotPoint], range_counts: (f64, f64), spoken: &str) {
    let t = tokens(ui);
    let (first, last) = points.first().zip(points.last()).map_or((200.0, 2000.0), |(a, b)| (a.x, b.x));
    let (low, high) = range_counts;
    let room = 0.06 * (high - low).max(1.0);
    let response = cm1_plot(ui, "live view", None)
        .sense(Sense::hover())
        .include_x(first)
        .include_x(last)
        .include_y(low - room)
        .include_y(high + room)
        .show(ui, |plot| {
            plot.line(Line::new("Live view", PlotPoints::Borrowed(points)).color(t.trace_scan).width(1.6));
        })
        .response;
    response.widget_info(|| WidgetInfo::labeled(Role::Image, true, spoken));
}

/// From here on the detector is nearly full. There is no mark for too little: the scan chooses its own, longer time.
const NEARLY_FULL: f32 = 0.9;

/// How full the detector is, 0..=1 of saturation, with a mark where it is nearly full.
pub fn fill_bar(ui: &mut Ui, fill: f32) {
    let t = tokens(ui);
    let (rect, response) = ui.allocate_exact_size(vec2(ui.available_width(), 18.0), Sense::hover());
    response.widget_info(|| {
        WidgetInfo::labeled(Role::Label, true, format!("Detector filled to {:.0} %", 100.0 * f64::from(fill)))
    });
    let painter = ui.painter();
    painter.rect(rect, tokens::corner_small(), t.rest.fill, Stroke::new(1.0, t.line), StrokeKind::Inside);
    let full = Rect::from_min_max(rect.min, pos2(rect.min.x + rect.width() * fill.clamp(0.0, 1.0), rect.max.y));
    let color = if fill >= 1.0 { t.lamp_unknown.fill } else { t.accent.fill };
    painter.rect(full, tokens::corner_small(), color, Stroke::NONE, StrokeKind::Inside);
    painter.vline(rect.min.x + rect.width() * NEARLY_FULL, rect.y_range(), Stroke::new(2.0, t.card.ink));
}
