//! The records: a list, newest first, and each of them opened again as it was answered.

use egui::accesskit::Role;
use egui::scroll_area::ScrollBarVisibility;
use egui::{
    Align, Layout, Rect, Response, RichText, ScrollArea, Sense, Stroke, StrokeKind, TextWrapMode, Ui, UiBuilder,
    WidgetInfo, WidgetText, pos2, vec2,
};

use crate::casebook::ScanSummary;
use crate::identify::Level;
use crate::ui::layout;
use crate::ui::model::Model;
use crate::ui::records_model::{Period, RecordsView, Search};
use crate::ui::tokens::{self, BUTTON, GAP, GAP_SMALL, MARGIN, TARGET, tokens};
use crate::ui::widgets::{Button, Icon, Look, card, line_field, note, paint_icon, paragraph};
use crate::ui::words;

use super::answer::AnswerTab;
use super::record::record_page;
use super::records_work::{count_page, verify_page};

/// Height of a row.
const ROW: f32 = 52.0;
/// Widths of the columns but the headline, which takes the rest, points.
const NUMBER: f32 = 64.0;
const TIME: f32 = 202.0;
const LEVEL: f32 = 170.0;
const PARCEL: f32 = 160.0;
const OPERATOR: f32 = 110.0;
const ORIGIN: f32 = 92.0;
/// Rows narrower than this give less to number, parcel and operator.
const NARROW_BELOW: f32 = 960.0;

/// The Records screen.
pub fn records_page(ui: &mut Ui, content: Rect, model: &mut Model, tab: &mut AnswerTab) {
    if model.records.open.is_some() {
        record_page(ui, content, model, tab);
        return;
    }
    match model.records.view {
        RecordsView::List => list(ui, content, model),
        RecordsView::Verify => verify_page(ui, content, model),
        RecordsView::Count => count_page(ui, content, model),
    }
}

fn list(ui: &mut Ui, content: Rect, model: &mut Model) {
    let (gap, button) = if layout::tight(content) { (8.0, 52.0) } else { (GAP, BUTTON) };
    let area = content.shrink2(vec2(MARGIN, gap));
    let top = area.with_max_y(area.min.y + 2.0 * TARGET + GAP_SMALL);
    ui.scope_builder(UiBuilder::new().max_rect(top), |ui| search(ui, model));
    let table = Rect::from_min_max(pos2(area.min.x, top.max.y + gap), pos2(area.max.x, area.max.y - button - gap));
    let mut wanted = None;
    card(ui, table, "Records", |ui| {
        ui.spacing_mut().item_spacing.y = 0.0;
        if let Some(trouble) = &model.records.trouble {
            paragraph(ui, trouble);
        } else if model.records.page.is_empty() {
            let text = match (model.records.waiting, model.records.search == Search::default()) {
                (true, _) => "Reading the records",
                (false, true) => "No scan has been recorded yet",
                (false, false) => "No record is like this; parcel and operator must be typed in full",
            };
            paragraph(ui, text);
        }
        if model.records.page.is_empty() {
            return;
        }
        head(ui);
        let rows = &model.records.page;
        ScrollArea::vertical()
            .auto_shrink([false, false])
            .scroll_bar_visibility(ScrollBarVisibility::AlwaysVisible)
            .show_rows(ui, ROW, rows.len(), |ui, shown| {
                for summary in rows.get(shown).unwrap_or_default() {
                    if row(ui, summary).clicked() {
                        wanted = Some(summary.id);
                    }
                }
            });
    });
    if let Some(id) = wanted {
        model.open_record(id);
    }
    let bottom = area.with_min_y(area.max.y - button);
    ui.scope_builder(UiBuilder::new().max_rect(bottom).layout(Layout::left_to_right(Align::Center)), |ui| {
        paging(ui, model, button);
    });
}

/// Fields and choices above the list. The fields look when Enter is pressed, the choices at once.
fn search(ui: &mut Ui, model: &mut Model) {
    let before = model.records.search.clone();
    let mut look = false;
    ui.spacing_mut().item_spacing = vec2(GAP_SMALL, GAP_SMALL);
    let search = &mut model.records.search;
    ui.horizontal(|ui| {
        let width = ((ui.available_width() - 120.0) / 3.0 - GAP_SMALL).max(120.0);
        for (text, hint, name) in [
            (&mut search.parcel, "Parcel number", "Look for a parcel"),
            (&mut search.substance, "Substance, or part of it", "Look for a substance"),
            (&mut search.operator, "Operator", "Look for an operator"),
        ] {
            look |= line_field(ui, width, hint, name, text);
        }
        look |= ui.add(Button::new("Find", Look::Main).name("Find records").size(112.0, TARGET)).clicked();
    });
    ui.horizontal(|ui| {
        let tab = |ui: &mut Ui, on: bool, text: &str| {
            ui.add(Button::new(text, Look::Tab(on)).text_size(tokens::TEXT_NOTE)).clicked()
        };
        if tab(ui, search.level.is_none(), "All") {
            search.level = None;
        }
        for level in [Level::Alarm, Level::Alert, Level::Inconclusive, Level::NoneDetected] {
            if tab(ui, search.level == Some(level), short_word(level)) {
                search.level = Some(level);
            }
        }
        ui.add_space(2.0 * GAP_SMALL);
        for (period, words) in Period::ALL {
            if tab(ui, search.period == period, words) {
                search.period = period;
            }
        }
    });
    let chosen = search.level != before.level || search.period != before.period;
    if look || chosen {
        model.find_records();
    }
}

fn paging(ui: &mut Ui, model: &mut Model, height: f32) {
    let (first, here) = (model.records.before.is_empty(), model.records.page.len());
    let idle = !model.records.waiting;
    if ui.add_enabled(idle && !first, Button::new("Newer", Look::Plain).size(110.0, height)).clicked() {
        model.newer_records();
    }
    if ui.add_enabled(idle && model.records.more, Button::new("Older", Look::Plain).size(110.0, height)).clicked() {
        model.older_records();
    }
    ui.with_layout(Layout::right_to_left(Align::Center), |ui| {
        if ui.add(Button::new("Statistics", Look::Plain).size(130.0, height)).clicked() {
            model.records.view = RecordsView::Count;
        }
        if ui.add(Button::new("Verify", Look::Plain).name("Verify the records").size(110.0, height)).clicked() {
            model.records.view = RecordsView::Verify;
        }
        if here > 0 {
            let words = if model.records.more { "older ones follow" } else { "no older one" };
            ui.with_layout(Layout::left_to_right(Align::Center), |ui| {
                let page = model.records.before.len() + 1;
                note(ui, &format!("Page {page}, {here} records, newest first; {words}"));
            });
        }
    });
}

/// The level in as few words as a column holds.
const fn short_word(level: Level) -> &'static str {
    match level {
        Level::Alarm => "Alarm",
        Level::Alert => "Alert",
        Level::Inconclusive => "Inconclusive",
        Level::NoneDetected => "Nothing listed",
    }
}

/// The columns of a row; all of them lie inside it, because the last one says what was simulated.
fn columns(row: Rect) -> [Rect; 7] {
    let row = row.shrink2(vec2(10.0, 0.0));
    let narrow = row.width() < NARROW_BELOW;
    let (number, time, parcel, operator) =
        if narrow { (48.0, 158.0, 115.0, 98.0) } else { (NUMBER, TIME, PARCEL, OPERATOR) };
    let what = (row.width() - number - time - LEVEL - parcel - operator - ORIGIN).max(0.0);
    let widths = [number, time, LEVEL, what, parcel, operator, ORIGIN];
    let mut x = row.min.x;
    widths.map(|w| {
        let column = Rect::from_min_size(pos2(x, row.min.y), vec2(w - 10.0, row.height()));
        x += w;
        column
    })
}

fn put(ui: &Ui, column: Rect, text: RichText, ink: egui::Color32) {
    let galley = WidgetText::from(text).into_galley(
        ui,
        Some(TextWrapMode::Truncate),
        column.width(),
        tokens::regular(tokens::TEXT_LABEL),
    );
    let at = pos2(column.min.x, column.center().y - galley.size().y / 2.0);
    ui.painter().galley_with_override_text_color(at, galley, ink);
}

fn head(ui: &mut Ui) {
    let t = tokens(ui);
    let width = ui.available_width() - ui.spacing().scroll.allocated_width();
    let (rect, _) = ui.allocate_exact_size(vec2(width, 30.0), Sense::hover());
    let titles = ["No.", "Time", "Answer", "What", "Parcel", "Operator", "Origin"];
    for (column, title) in columns(rect).into_iter().zip(titles) {
        put(ui, column, RichText::new(title).font(tokens::regular(tokens::TEXT_NOTE)), t.mute);
    }
    ui.painter().hline(rect.x_range(), rect.max.y, Stroke::new(1.0, t.line));
}

fn row(ui: &mut Ui, s: &ScanSummary) -> Response {
    let t = tokens(ui);
    let (rect, response) = ui.allocate_exact_size(vec2(ui.available_width(), ROW), Sense::click());
    let word = words::level_word(s.level);
    let time = words::local_time(s.taken_at);
    let origin = if s.simulated { "simulated" } else { "measured" };
    let kind = if s.kind.counts() { String::new() } else { format!("{}, ", s.kind.name()) };
    response.widget_info(|| {
        let name = format!(
            "Record {}, {time}, {kind}{word}, {}, parcel {}, {}, {origin}",
            s.id, s.headline, s.parcel, s.operator
        );
        WidgetInfo::labeled(Role::Button, true, name)
    });
    if response.hovered() {
        ui.painter().rect_filled(rect, tokens::corner_small(), t.hover);
    }
    if response.has_focus() {
        let ring = Stroke::new(3.0, t.trace_reference);
        ui.painter().rect_stroke(rect, tokens::corner_small(), ring, StrokeKind::Inside);
    }
    ui.painter().hline(rect.x_range(), rect.max.y, Stroke::new(1.0, t.grid));
    let [number, when, level, what, parcel, operator, from] = columns(rect);
    let plain = |text: &str| RichText::new(text).font(tokens::regular(tokens::TEXT_LABEL));
    put(ui, number, plain(&s.id.to_string()), t.card.ink);
    // A narrow row leaves the seconds to the record itself.
    let shown = if when.width() < 180.0 { time.get(..16).unwrap_or(&time) } else { &time };
    put(ui, when, plain(shown), t.card.ink);
    let pair = t.level(s.level);
    let tag = level.shrink2(vec2(0.0, 9.0));
    ui.painter().rect_filled(tag, tokens::corner_small(), pair.fill);
    let icon = Rect::from_center_size(pos2(tag.min.x + 18.0, tag.center().y), vec2(22.0, 22.0));
    paint_icon(ui.painter(), icon, Icon::from(s.level), pair.ink);
    let short = if word == "Nothing listed detected" { "Nothing listed" } else { word };
    let text = RichText::new(short).font(tokens::strong(tokens::TEXT_LABEL));
    put(ui, tag.with_min_x(tag.min.x + 36.0), text, pair.ink);
    let headline = words::without_level(&s.headline, s.level);
    let headline =
        if s.kind.counts() { headline.to_owned() } else { format!("{}: {headline}", s.kind.name().to_uppercase()) };
    put(ui, what, plain(&headline), t.card.ink);
    put(ui, parcel, plain(if s.parcel.is_empty() { "–" } else { &s.parcel }), t.card.ink);
    put(ui, operator, plain(&s.operator), t.card.ink);
    put(ui, from, plain(origin), t.card.ink);
    response
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_column_of_a_record_lies_inside_the_row_on_the_smallest_window_too() {
        for width in [838.0, 851.0, 1000.0, 1107.0, 1700.0] {
            let row = Rect::from_min_size(pos2(140.0, 200.0), vec2(width, ROW));
            let all = columns(row);
            for pair in all.windows(2) {
                assert!(pair[0].max.x <= pair[1].min.x, "{pair:?} in {width}");
            }
            assert!(all.iter().all(|c| row.contains_rect(*c)), "{all:?} in {width}");
            let [number, time, level, what, parcel, operator, origin] = all.map(|c| c.width());
            assert!(number >= 38.0 && time >= 148.0 && level >= 160.0 && what >= 120.0, "{all:?} in {width}");
            assert!(parcel >= 105.0 && operator >= 88.0 && origin >= 80.0, "{all:?} in {width}");
        }
    }
}
