//! Several curves over each other.

use egui::accesskit::Role;
use egui::{Align, Color32, Label, Layout, RichText, Sense, Stroke, Ui, WidgetInfo, vec2};
use egui_plot::{Line, LineStyle, PlotPoint, PlotPoints};

use crate::ui::tokens::{self, TARGET, tokens};

use super::button::{Button, Look};
use super::spectrum_plot::cm1_plot;

/// A curve with its name.
#[derive(Clone, Debug, PartialEq)]
pub struct Curve {
    /// What it is.
    pub name: String,
    /// Position (cm-1) and height, highest 1.
    pub points: Vec<PlotPoint>,
}

/// Curves from this one on are dashed, so that neighbours in colour differ by more.
const DASHED_FROM: usize = 4;

fn style(place: usize) -> LineStyle {
    if place < DASHED_FROM { LineStyle::Solid } else { LineStyle::dashed_dense() }
}

/// Shows curves in all the room of `ui`, below the list of their names. True when the user wants none of them.
pub fn overlay_plot(ui: &mut Ui, id: egui::Id, axis: &str, curves: &[&Curve]) -> bool {
    let t = tokens(ui);
    let mut clear = false;
    ui.with_layout(Layout::right_to_left(Align::Min), |ui| {
        clear = ui
            .add(Button::new("Clear", Look::Tab(false)).name("Hide all curves").text_size(tokens::TEXT_NOTE))
            .clicked();
        let names = Layout::left_to_right(Align::Min).with_main_wrap(true);
        ui.allocate_ui_with_layout(vec2(ui.available_width(), TARGET), names, |ui| {
            ui.spacing_mut().item_spacing = vec2(14.0, 2.0);
            for (place, curve) in curves.iter().enumerate() {
                legend(ui, t.series.get(place).copied().unwrap_or(t.trace_scan), place, &curve.name);
            }
        });
    });
    let range =
        |start: fn(f64, f64) -> f64, of: f64| curves.iter().flat_map(|c| &c.points).map(|p| p.x).fold(of, start);
    let (first, last) = (range(f64::min, f64::INFINITY), range(f64::max, f64::NEG_INFINITY));
    let (first, last) = if first < last { (first, last) } else { (200.0, 2000.0) };
    let lowest = curves.iter().flat_map(|c| &c.points).map(|p| p.y).fold(0.0_f64, f64::min).max(-0.3);
    let response = cm1_plot(ui, "overlay", Some(axis))
        .id(id)
        .allow_scroll(false)
        .default_x_bounds(first, last)
        .default_y_bounds(lowest - 0.05, 1.06)
        .show(ui, |plot| {
            for (place, curve) in curves.iter().enumerate() {
                let color = t.series.get(place).copied().unwrap_or(t.trace_scan);
                let line = Line::new(curve.name.as_str(), PlotPoints::Borrowed(&curve.points));
                plot.line(line.color(color).style(style(place)).width(1.8));
            }
        })
        .response;
    response.widget_info(|| {
        let names: Vec<&str> = curves.iter().map(|c| c.name.as_str()).collect();
        WidgetInfo::labeled(Role::Image, true, format!("Spectra over each other: {}", names.join("; ")))
    });
    clear
}

/// One name with the look of its curve.
fn legend(ui: &mut Ui, color: Color32, place: usize, name: &str) {
    let t = tokens(ui);
    ui.horizontal(|ui| {
        ui.spacing_mut().item_spacing.x = 6.0;
        let (mark, _) = ui.allocate_exact_size(vec2(22.0, 20.0), Sense::hover());
        let y = mark.center().y;
        if place < DASHED_FROM {
            ui.painter().hline(mark.x_range(), y, Stroke::new(3.0, color));
        } else {
            for k in 0..3 {
                let x = mark.min.x + 8.0 * k as f32;
                ui.painter().hline(x..=x + 5.0, y, Stroke::new(3.0, color));
            }
        }
        let label = RichText::new(name).font(tokens::regular(tokens::TEXT_NOTE)).color(t.card.ink);
        ui.add(Label::new(label).truncate());
    });
}
