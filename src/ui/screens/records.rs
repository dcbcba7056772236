//! The records: a list, newest first, and each of them opened again as it was answered.

use egui::accesskit::Role;
use egui::scroll_area::ScrollBarVisibility;
use egui::{
    Align, Layout, Rect, Response, RichText, ScrollArea, Sense, Stroke, StrokeKind, TextWrapMode, Ui, UiBuilder,
    WidgetInfo, WidgetText, pos2, vec2,
};

use crate::casebook::ScanSummary;
use crate::ui::layout;
use crate::ui::model::{Model, PAGE, Saved};
use crate::ui::tokens::{self, BUTTON, GAP, MARGIN, tokens};
use crate::ui::widgets::{Button, Icon, Look, card, note, paint_icon, paragraph};
use crate::ui::words;

use super::answer::{AnswerTab, answer_page};

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
        opened(ui, content, model, tab);
    } else {
        list(ui, content, model);
    }
}

fn opened(ui: &mut Ui, content: Rect, model: &mut Model, tab: &mut AnswerTab) {
    let Some(view) = &model.records.open else { return };
    let saved = Saved::Yes(view.scan.id);
    let places = answer_page(ui, content, view, &saved, tab);
    let record = &view.scan.record;
    let parcel = if record.parcel.is_empty() { String::new() } else { format!(" · parcel {}", record.parcel) };
    let title =
        format!("Record {} · {}{parcel} · {}", view.scan.id, words::local_time(record.taken_at), record.operator);
    ui.scope_builder(UiBuilder::new().max_rect(places.steps).layout(Layout::left_to_right(Align::Center)), |ui| {
        let t = tokens(ui);
        let title = RichText::new(title).font(tokens::strong(tokens::TEXT_LEAD)).color(t.page.ink);
        ui.add(egui::Label::new(title).truncate());
    });
    let mut back = false;
    ui.scope_builder(UiBuilder::new().max_rect(places.actions).layout(Layout::left_to_right(Align::Center)), |ui| {
        let button = Button::new("Back to the list", Look::Main).size(180.0, places.actions.height());
        back = ui.add(button).clicked();
    });
    let escape = ui.input(|i| i.key_pressed(egui::Key::Escape));
    if back || escape {
        model.records.open = None;
    }
}

fn list(ui: &mut Ui, content: Rect, model: &mut Model) {
    let gap = if layout::tight(content) { 8.0 } else { GAP };
    let area = content.shrink2(vec2(MARGIN, gap));
    let table = area.with_max_y(area.max.y - BUTTON - gap);
    let mut wanted = None;
    card(ui, table, "Records", |ui| {
        ui.spacing_mut().item_spacing.y = 0.0;
        if let Some(trouble) = &model.records.trouble {
            paragraph(ui, trouble);
        } else if model.records.page.is_empty() {
            let text = if model.records.waiting { "Reading the records" } else { "No scan has been recorded yet" };
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
    let bottom = area.with_min_y(area.max.y - BUTTON);
    ui.scope_builder(UiBuilder::new().max_rect(bottom).layout(Layout::left_to_right(Align::Center)), |ui| {
        paging(ui, model);
    });
}

fn paging(ui: &mut Ui, model: &mut Model) {
    let (offset, total, here) = (model.records.offset, model.records.total, model.records.page.len());
    let newer = Button::new("Newer", Look::Plain).size(130.0, BUTTON);
    if ui.add_enabled(offset > 0, newer).clicked() {
        model.list_records(offset.saturating_sub(PAGE));
    }
    let older = Button::new("Older", Look::Plain).size(130.0, BUTTON);
    if ui.add_enabled(offset + here < total, older).clicked() {
        model.list_records(offset + PAGE);
    }
    if here > 0 {
        note(ui, &format!("{} to {} of {total}, newest first", offset + 1, offset + here));
    }
}

/// The columns of a row; all of them lie inside it, because the last one says what was simulated.
fn columns(row: Rect) -> [Rect; 7] {
    let row = row.shrink2(vec2(10.0, 0.0));
    let narrow = row.width() < NARROW_BELOW;
    let (number, parcel, operator) = if narrow { (48.0, 115.0, 98.0) } else { (NUMBER, PARCEL, OPERATOR) };
    let what = (row.width() - number - TIME - LEVEL - parcel - operator - ORIGIN).max(0.0);
    let widths = [number, TIME, LEVEL, what, parcel, operator, ORIGIN];
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
    response.widget_info(|| {
        let name =
            format!("Record {}, {time}, {word}, {}, parcel {}, {}, {origin}", s.id, s.headline, s.parcel, s.operator);
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
    put(ui, when, plain(&time), t.card.ink);
    let pair = t.level(s.level);
    let tag = level.shrink2(vec2(0.0, 9.0));
    ui.painter().rect_filled(tag, tokens::corner_small(), pair.fill);
    let icon = Rect::from_center_size(pos2(tag.min.x + 18.0, tag.center().y), vec2(22.0, 22.0));
    paint_icon(ui.painter(), icon, Icon::from(s.level), pair.ink);
    let short = if word == "Nothing listed detected" { "Nothing listed" } else { word };
    let text = RichText::new(short).font(tokens::strong(tokens::TEXT_LABEL));
    put(ui, tag.with_min_x(tag.min.x + 36.0), text, pair.ink);
    put(ui, what, plain(words::without_level(&s.headline, s.level)), t.card.ink);
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
            assert!(number >= 38.0 && time >= 190.0 && level >= 160.0 && what >= 80.0, "{all:?} in {width}");
            assert!(parcel >= 105.0 && operator >= 88.0 && origin >= 80.0, "{all:?} in {width}");
        }
    }
}
