//! The scan over its best reference, in a plot one can zoom.

use egui::accesskit::Role;
use egui::{PointerButton, Ui, WidgetInfo, vec2};
use egui_plot::{
    AxisHints, GridInput, GridMark, HoverPosition, Line, LineStyle, Plot, PlotBounds, PlotPoint, PlotPoints,
};

use crate::ui::tokens::{self, TARGET, tokens};

use super::button::{Button, Look};
use super::icon::Icon;

/// What the plot shows. Computed once per answer; every frame only borrows it.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Traces {
    /// The scan, baseline removed, largest value 1.
    pub scan: Vec<PlotPoint>,
    /// The best reference as this instrument would show it, largest value 1; empty when there is no candidate.
    pub reference: Vec<PlotPoint>,
    /// Name of the reference.
    pub reference_name: String,
}

impl Traces {
    fn range_cm1(&self) -> Option<(f64, f64)> {
        Some((self.scan.first()?.x, self.scan.last()?.x))
    }
}

/// Label of the axis.
const AXIS: &str = "Raman shift / cm⁻¹";
/// Room above the highest and below the lowest point, in units of the highest point.
const HEADROOM: f64 = 0.06;

/// Smallest distance of two ticks, points: room for a label of four digits.
const TICK_PX: f32 = 48.0;

/// Ticks at round values, as close as their labels allow.
pub(super) fn grid_marks(input: &GridInput) -> Vec<GridMark> {
    let power = 10.0_f64.powf(input.base_step_size.log10().floor());
    let step_size = [1.0, 2.0, 5.0, 10.0].map(|m| m * power).into_iter().find(|s| *s >= input.base_step_size);
    let step_size = step_size.unwrap_or(10.0 * power);
    let (low, high) = input.bounds;
    let (first, last) = ((low / step_size).ceil(), (high / step_size).floor());
    if !first.is_finite() || !last.is_finite() || last - first > 500.0 {
        return Vec::new();
    }
    (first as i64..=last as i64).map(|k| GridMark { value: k as f64 * step_size, step_size }).collect()
}

/// A plot over an axis in cm-1 in all the room of `ui`: round ticks, no numbers beside it, the place of a point where the
/// pointer is near one.
pub(super) fn cm1_plot(ui: &Ui, name: &str, label: Option<&str>) -> Plot<'static> {
    let t = tokens(ui);
    let mut axis = AxisHints::new_x()
        .tick_label_font(tokens::regular(tokens::TEXT_NOTE))
        .tick_label_color(t.mute)
        .formatter(|mark, _| format!("{:.0}", mark.value));
    if let Some(label) = label {
        axis = axis
            .label(egui::RichText::new(label).font(tokens::regular(tokens::TEXT_LABEL)).color(t.mute))
            .label_spacing(egui::Rangef::new(30.0, 31.0));
    }
    Plot::new(name.to_owned())
        .custom_x_axes(vec![axis])
        .show_axes([true, false])
        .show_grid([true, false])
        .x_grid_spacer(|input| grid_marks(&input))
        .grid_spacing(egui::Rangef::new(TICK_PX, TICK_PX + 1.0))
        .grid_color(t.grid)
        .show_background(false)
        .show_crosshair(false)
        .set_margin_fraction(vec2(0.0, 0.0))
        .width(ui.available_width())
        .height(ui.available_height())
        .label_formatter(|at| match at {
            HoverPosition::NearDataPoint { plot_name, position, .. } => {
                Some(format!("{plot_name}\n{:.0} cm⁻¹", position.x))
            }
            HoverPosition::Elsewhere { .. } => None,
        })
}

/// What a zoom button asks for.
enum Zoom {
    In,
    Out,
    All,
}

/// Shows the plot in all the room of `ui`. `id` keeps the zoom of one answer apart from that of another.
pub fn spectrum_plot(ui: &mut Ui, id: egui::Id, traces: &Traces) {
    let t = tokens(ui);
    let zoom = header(ui, traces);
    let (first, last) = traces.range_cm1().unwrap_or((200.0, 2000.0));
    let lowest = traces.scan.iter().chain(&traces.reference).fold(0.0_f64, |low, p| low.min(p.y)).max(-1.0);
    let whole = PlotBounds::from_min_max([first, lowest - HEADROOM], [last, 1.0 + HEADROOM]);
    let response = cm1_plot(ui, "spectrum", Some(AXIS))
        .id(id)
        .auto_bounds([false, false])
        .default_x_bounds(first, last)
        .default_y_bounds(lowest - HEADROOM, 1.0 + HEADROOM)
        .boxed_zoom_pointer_button(PointerButton::Primary)
        .allow_drag(false)
        .allow_scroll(false)
        .allow_double_click_reset(false)
        .show(ui, |plot| {
            if !traces.reference.is_empty() {
                plot.line(
                    Line::new(traces.reference_name.as_str(), PlotPoints::Borrowed(&traces.reference))
                        .color(t.trace_reference)
                        .style(LineStyle::Solid)
                        .width(2.5),
                );
            }
            plot.line(Line::new("This scan", PlotPoints::Borrowed(&traces.scan)).color(t.trace_scan).width(1.6));
            let centre = plot.plot_bounds().center();
            match zoom {
                Some(Zoom::In) => plot.zoom_bounds(vec2(1.5, 1.0), centre),
                Some(Zoom::Out) => plot.zoom_bounds(vec2(1.0 / 1.5, 1.0), centre),
                Some(Zoom::All) => plot.set_plot_bounds(whole),
                None if plot.response().double_clicked() => plot.set_plot_bounds(whole),
                None => {}
            }
        })
        .response;
    response.widget_info(|| {
        let with = if traces.reference.is_empty() { String::new() } else { format!(" and {}", traces.reference_name) };
        WidgetInfo::labeled(Role::Image, true, format!("Spectrum of this scan{with} from {first:.0} to {last:.0} cm⁻¹"))
    });
}

fn header(ui: &mut Ui, traces: &Traces) -> Option<Zoom> {
    let t = tokens(ui);
    let mut zoom = None;
    ui.horizontal(|ui| {
        ui.set_height(TARGET);
        let buttons = 3.0 * TARGET + 32.0;
        ui.allocate_ui(vec2((ui.available_width() - buttons).max(0.0), TARGET), |ui| {
            ui.vertical(|ui| {
                ui.set_width(ui.available_width());
                ui.spacing_mut().item_spacing = vec2(14.0, 2.0);
                ui.horizontal(|ui| {
                    super::card::heading(ui, "Spectrum");
                    legend(ui, t.trace_scan, "this scan");
                });
                if traces.reference.is_empty() {
                    super::card::note(ui, "No reference resembles it");
                } else {
                    ui.horizontal(|ui| legend(ui, t.trace_reference, &traces.reference_name));
                }
            });
        });
        ui.with_layout(egui::Layout::right_to_left(egui::Align::Center), |ui| {
            ui.spacing_mut().item_spacing.x = 6.0;
            let all = Button::new("All", Look::Tab(false)).name("Show the whole range").text_size(tokens::TEXT_LABEL);
            if ui.add(all).clicked() {
                zoom = Some(Zoom::All);
            }
            for (icon, name, wish) in [(Icon::Minus, "Zoom out", Zoom::Out), (Icon::Plus, "Zoom in", Zoom::In)] {
                if ui.add(Button::new("", Look::Tab(false)).icon(icon).name(name)).clicked() {
                    zoom = Some(wish);
                }
            }
        });
    });
    zoom
}

fn legend(ui: &mut Ui, color: egui::Color32, text: &str) {
    let t = tokens(ui);
    ui.spacing_mut().item_spacing.x = 8.0;
    let (rect, _) = ui.allocate_exact_size(vec2(22.0, 18.0), egui::Sense::hover());
    ui.painter().hline(rect.x_range(), rect.center().y, egui::Stroke::new(3.0, color));
    let label = egui::RichText::new(text).font(tokens::regular(tokens::TEXT_NOTE)).color(t.mute);
    ui.add(egui::Label::new(label).truncate());
}
