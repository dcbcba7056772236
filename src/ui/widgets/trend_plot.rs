//! Earlier results over time: one mark each, with the limits they must keep.

use egui::accesskit::Role;
use egui::{Sense, Ui, WidgetInfo, vec2};
use egui_plot::{
    AxisHints, GridInput, GridMark, HLine, Line, LineStyle, MarkerShape, Plot, PlotPoint, PlotPoints, Points,
};

use crate::ui::tokens::{self, tokens};

use super::spectrum_plot::grid_marks;

/// A result.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct TrendPoint {
    /// When, seconds since 1970.
    pub at_s: f64,
    /// What was found.
    pub value: f64,
    /// Whether it was as it must be.
    pub good: bool,
}

/// Earlier results of one kind, oldest first.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Trend {
    /// What the values are, with their unit.
    pub what: String,
    /// The results.
    pub points: Vec<TrendPoint>,
    /// What each of them was before, or became after, where that is known: `beside_what` says which.
    pub beside: Vec<TrendPoint>,
    /// What those are, for a person who hears it.
    pub beside_what: String,
    /// The values must stay between minus and plus this.
    pub limit: Option<f64>,
}

/// Shortest span of time that is shown, seconds.
const SPAN_MIN_S: f64 = 3600.0;
/// Spans below this are labelled with hours, longer ones with days.
const HOURS_BELOW_S: f64 = 2.0 * 86_400.0;

/// Distances of the marks on the time axis, seconds: minutes, hours, days, weeks, months, years.
const TIME_STEPS_S: [f64; 13] = [
    300.0,
    900.0,
    3_600.0,
    10_800.0,
    21_600.0,
    43_200.0,
    86_400.0,
    172_800.0,
    604_800.0,
    2_592_000.0,
    7_776_000.0,
    15_552_000.0,
    31_536_000.0,
];
/// Smallest distance of two marks, points: room for a label.
const MARK_PX: f32 = 64.0;

/// Marks at round times, as close as their labels allow.
fn time_marks(input: &GridInput) -> Vec<GridMark> {
    let wanted = input.base_step_size;
    let step_size = TIME_STEPS_S.into_iter().find(|s| *s >= wanted).unwrap_or(wanted.max(1.0));
    let (first, last) = ((input.bounds.0 / step_size).ceil(), (input.bounds.1 / step_size).floor());
    if !first.is_finite() || !last.is_finite() || last - first > 500.0 {
        return Vec::new();
    }
    (first as i64..=last as i64).map(|k| GridMark { value: k as f64 * step_size, step_size }).collect()
}

/// Time of a place on the axis in the words of the clock on the wall.
fn tick(at_s: f64, hours: bool) -> String {
    let at = jiff::Timestamp::from_second(at_s.round() as i64).unwrap_or_default();
    let local = at.to_zoned_datetime(jiff::tz::TimeZone::system());
    local.strftime(if hours { "%H:%M" } else { "%m-%d" }).to_string()
}

fn counted(results: usize) -> String {
    if results == 1 { "1 result".to_owned() } else { format!("{results} results") }
}

/// Shows the trend in all the room of `ui`.
pub fn trend_plot(ui: &mut Ui, trend: &Trend) {
    let t = tokens(ui);
    let Some((first, last)) = trend.points.first().zip(trend.points.last()) else { return };
    let middle = f64::midpoint(first.at_s, last.at_s);
    let span = (1.1 * (last.at_s - first.at_s)).max(SPAN_MIN_S);
    let highest =
        trend.points.iter().chain(&trend.beside).map(|p| p.value.abs()).chain(trend.limit).fold(0.1, f64::max);
    let signed = trend.limit.is_some();
    let low = if signed { -1.15 * highest } else { 0.0 };
    let hours = span < HOURS_BELOW_S;
    let x_axis = AxisHints::new_x()
        .tick_label_font(tokens::regular(tokens::TEXT_NOTE))
        .tick_label_color(t.mute)
        .formatter(move |mark, _| tick(mark.value, hours));
    let y_axis = AxisHints::new_y()
        .tick_label_font(tokens::regular(tokens::TEXT_NOTE))
        .tick_label_color(t.mute)
        .formatter(move |mark, _| {
            // A step of a tenth is not always a tenth in binary.
            let value = (mark.value * 100.0).round() / 100.0;
            if signed && value != 0.0 { format!("{value:+}") } else { format!("{}", value.abs()) }
        });
    let line: Vec<PlotPoint> = trend.points.iter().map(|p| PlotPoint { x: p.at_s, y: p.value }).collect();
    let marks = |good: bool| -> Vec<[f64; 2]> {
        trend.points.iter().filter(|p| p.good == good).map(|p| [p.at_s, p.value]).collect()
    };
    let beside: Vec<[f64; 2]> = trend.beside.iter().map(|p| [p.at_s, p.value]).collect();
    let response = Plot::new("trend")
        .custom_x_axes(vec![x_axis])
        .custom_y_axes(vec![y_axis])
        .x_grid_spacer(|input| time_marks(&input))
        .y_grid_spacer(|input| grid_marks(&input))
        .grid_spacing(egui::Rangef::new(MARK_PX, MARK_PX + 1.0))
        .grid_color(t.grid)
        .show_background(false)
        .show_crosshair(false)
        .sense(Sense::hover())
        .include_x(middle - span / 2.0)
        .include_x(middle + span / 2.0)
        .include_y(low)
        .include_y(1.15 * highest)
        .set_margin_fraction(vec2(0.0, 0.0))
        .width(ui.available_width())
        .height(ui.available_height())
        .show(ui, |plot| {
            for y in trend.limit.into_iter().flat_map(|l| [-l, l]) {
                plot.hline(HLine::new("limit", y).color(t.line).style(LineStyle::dashed_dense()).width(2.0));
            }
            plot.line(Line::new("results", PlotPoints::Borrowed(&line)).color(t.line).width(1.4));
            // Told from the results by shape and not only by colour.
            let hollow = Points::new("beside", beside).shape(MarkerShape::Diamond).filled(false);
            plot.points(hollow.color(t.card.ink).radius(6.0));
            plot.points(Points::new("good", marks(true)).color(t.trace_reference).radius(5.0));
            // A failed one differs by its shape too.
            let failed = Points::new("failed", marks(false)).shape(MarkerShape::Cross);
            plot.points(failed.color(t.caution().ink).radius(8.0));
        })
        .response;
    response.widget_info(|| {
        let mut said = format!("Trend of {}: {}, the last {:.2}", trend.what, counted(trend.points.len()), last.value);
        if let Some(beside) = trend.beside.last() {
            said = format!("{said}; {}: {:.2}", trend.beside_what, beside.value);
        }
        WidgetInfo::labeled(Role::Image, true, said)
    });
}
