//! A field that opens a list one can search: for choosing one of many names.

use egui::accesskit::Role;
use egui::{
    Color32, Id, Label, Popup, PopupCloseBehavior, Response, RichText, ScrollArea, Sense, Stroke, StrokeKind, TextEdit,
    TextWrapMode, Ui, WidgetInfo, WidgetText, pos2, vec2,
};

use crate::ui::tokens::{self, FIELD, TARGET, tokens};

use super::icon::{self, Icon};

/// One entry of the list.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Choice {
    /// What is handed back.
    pub key: String,
    /// What is shown.
    pub label: String,
    /// Text in which the search looks; lower case.
    pub search: String,
}

/// Shows the field and, when open, its list. Hands back the key of a new choice.
pub fn choice_field(
    ui: &mut Ui,
    id: Id,
    name: &str,
    chosen: Option<&str>,
    choices: &[Choice],
    query: &mut String,
) -> Option<String> {
    let shown = chosen.and_then(|key| choices.iter().find(|c| c.key == key)).map_or("Choose", |c| c.label.as_str());
    let field = closed_field(ui, name, shown);
    let mut picked = None;
    let popup_id = id.with("list");
    if field.clicked() {
        query.clear();
    }
    let width = field.rect.width() - 2.0 * f32::from(tokens::CARD_MARGIN);
    Popup::from_toggle_button_response(&field)
        .id(popup_id)
        .close_behavior(PopupCloseBehavior::CloseOnClickOutside)
        .accessible_name(name)
        .width(width)
        .show(|ui| {
            ui.set_width(width);
            picked = open_list(ui, id, chosen, choices, query);
            if picked.is_some() {
                ui.close();
            }
        });
    picked
}

fn closed_field(ui: &mut Ui, name: &str, shown: &str) -> Response {
    let t = tokens(ui);
    let (rect, response) = ui.allocate_exact_size(vec2(ui.available_width(), FIELD), Sense::click());
    response.widget_info(|| {
        let mut info = WidgetInfo::labeled(Role::ComboBox, true, name);
        info.current_text_value = Some(shown.to_owned());
        info
    });
    let border = if response.has_focus() {
        Stroke::new(3.0, t.trace_reference)
    } else if response.hovered() {
        Stroke::new(2.0, t.card.ink)
    } else {
        Stroke::new(2.0, t.line)
    };
    ui.painter().rect(rect, egui::CornerRadius::same(8), t.card.fill, border, StrokeKind::Inside);
    let room = rect.width() - 14.0 - 44.0;
    let galley = WidgetText::from(RichText::new(shown).font(tokens::regular(tokens::TEXT_LEAD))).into_galley(
        ui,
        Some(TextWrapMode::Truncate),
        room,
        tokens::regular(tokens::TEXT_LEAD),
    );
    let at = pos2(rect.min.x + 14.0, rect.center().y - galley.size().y / 2.0);
    let cut = galley.elided;
    ui.painter().galley_with_override_text_color(at, galley, t.card.ink);
    let mark = egui::Rect::from_center_size(pos2(rect.max.x - 26.0, rect.center().y), vec2(20.0, 20.0));
    icon::paint(ui.painter(), mark, Icon::Open, t.card.ink);
    if cut { response.on_hover_text(shown) } else { response }
}

fn open_list(ui: &mut Ui, id: Id, chosen: Option<&str>, choices: &[Choice], query: &mut String) -> Option<String> {
    let t = tokens(ui);
    let search_id = id.with("search");
    let search = ui.add(
        TextEdit::singleline(query)
            .id(search_id)
            .hint_text(RichText::new("Search by name or CAS number").color(t.mute))
            .font(tokens::regular(tokens::TEXT_BODY))
            .min_size(vec2(0.0, TARGET))
            .align(egui::Align2::LEFT_CENTER)
            .desired_width(f32::INFINITY),
    );
    search.widget_info(|| WidgetInfo::labeled(Role::SearchInput, true, "Search the list"));
    let enter = search.lost_focus() && ui.input(|i| i.key_pressed(egui::Key::Enter));
    let opened = ui.memory(egui::Memory::focused).is_none();
    if opened {
        search.request_focus();
    }
    let wanted = query.trim().to_lowercase();
    let found: Vec<&Choice> = choices.iter().filter(|c| c.search.contains(&wanted)).collect();
    if enter && let Some(first) = found.first() {
        return Some(first.key.clone());
    }
    if found.is_empty() {
        ui.add(Label::new(RichText::new("Nothing by that name").color(t.mute)));
    }
    let mut picked = None;
    ui.spacing_mut().item_spacing.y = 0.0;
    ScrollArea::vertical().max_height(6.0 * TARGET).auto_shrink([false, true]).show_rows(
        ui,
        TARGET,
        found.len(),
        |ui, rows| {
            for choice in found.get(rows).unwrap_or_default() {
                let (rect, response) = ui.allocate_exact_size(vec2(ui.available_width(), TARGET), Sense::click());
                let on = chosen == Some(choice.key.as_str());
                response.widget_info(|| WidgetInfo::selected(Role::ListBoxOption, true, on, &choice.label));
                let fill = match (on, response.hovered() || response.has_focus()) {
                    (true, _) => t.done.fill,
                    (false, true) => t.hover,
                    (false, false) => Color32::TRANSPARENT,
                };
                ui.painter().rect_filled(rect, tokens::corner_small(), fill);
                if response.has_focus() {
                    let ring = Stroke::new(2.0, t.trace_reference);
                    ui.painter().rect_stroke(rect, tokens::corner_small(), ring, StrokeKind::Inside);
                }
                let galley = WidgetText::from(RichText::new(&choice.label)).into_galley(
                    ui,
                    Some(TextWrapMode::Truncate),
                    rect.width() - 20.0,
                    tokens::regular(tokens::TEXT_BODY),
                );
                let at = pos2(rect.min.x + 10.0, rect.center().y - galley.size().y / 2.0);
                ui.painter().galley_with_override_text_color(at, galley, t.card.ink);
                if response.clicked() {
                    picked = Some(choice.key.clone());
                }
            }
        },
    );
    picked
}
