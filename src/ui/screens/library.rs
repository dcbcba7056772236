//! The Library screen: what the program can search for, substance by substance, and the spectra over each other.

use std::sync::Arc;

use egui::accesskit::Role;
use egui::{
    Id, Rect, Response, RichText, ScrollArea, Sense, Stroke, StrokeKind, TextWrapMode, Ui, WidgetInfo, WidgetText,
    pos2, vec2,
};

use crate::library::{Library, Substance};
use crate::ui::layout;
use crate::ui::library_model::{CURVES_MAX, Face, Kind};
use crate::ui::model::Model;
use crate::ui::tokens::{self, GAP, GAP_SMALL, MARGIN, TARGET, tokens};
use crate::ui::widgets::{Button, Curve, Look, card, heading, line_field, note, overlay_plot, paragraph};

use super::desk::desk_page;
use super::library_facts::{alike, facts, references};

/// Height of a row.
const ROW: f32 = 50.0;
/// Width of the list.
const LIST: f32 = 372.0;

/// The Library screen.
pub fn library_page(ui: &mut Ui, content: Rect, model: &mut Model) {
    let gap = if layout::tight(content) { 8.0 } else { GAP };
    let area = content.shrink2(vec2(MARGIN, gap));
    if model.desk.shown {
        desk_page(ui, content, model);
        return;
    }
    let Some(library) = model.library.clone() else {
        card(ui, area, "Library", |ui| paragraph(ui, "The library is being loaded"));
        return;
    };
    let split = area.min.x + LIST.min(0.42 * area.width());
    list(ui, area.with_max_x(split), model, &library);
    let right = area.with_min_x(split + gap);
    let Some(index) = model.shelf.chosen else {
        card(ui, right, "Substance", |ui| about(ui, &library));
        return;
    };
    if layout::tight(content) {
        card(ui, right, "Substance", |ui| substance(ui, model, &library, index, true));
        return;
    }
    let middle = right.min.y + 0.48 * right.height();
    card(ui, right.with_max_y(middle), "Spectra", |ui| spectra(ui, model));
    card(ui, right.with_min_y(middle + gap), "Substance", |ui| substance(ui, model, &library, index, false));
}

/// What the library is as a whole, where no substance is at hand.
fn about(ui: &mut Ui, library: &Library) {
    heading(ui, &format!("{} {}", library.identity.name, library.identity.version));
    let alarming = library.substances.iter().filter(|s| s.alarms).count();
    paragraph(
        ui,
        &format!(
            "{} substances, {alarming} of them alarm; {} references from {} sources.",
            library.substances.len(),
            library.references.len(),
            library.sources.len()
        ),
    );
    note(ui, &format!("SHA-256 of the content: {}", library.identity.sha256));
    ui.add_space(GAP);
    paragraph(
        ui,
        "Choose a substance to see its facts, where its references came from, and what it could be taken for.",
    );
}

fn list(ui: &mut Ui, place: Rect, model: &mut Model, library: &Arc<Library>) {
    let (mut wanted, mut laboratory) = (None, false);
    card(ui, place, "Substances", |ui| {
        ui.spacing_mut().item_spacing = vec2(GAP_SMALL, GAP_SMALL);
        let width = ui.available_width();
        line_field(
            ui,
            width,
            "Name, CAS, formula or group",
            "Look for a substance of the library",
            &mut model.shelf.query,
        );
        ui.horizontal_wrapped(|ui| {
            for (kind, words) in Kind::ALL {
                let on = model.shelf.kind == kind;
                if ui.add(Button::new(words, Look::Tab(on)).text_size(tokens::TEXT_NOTE)).clicked() {
                    model.shelf.kind = kind;
                }
            }
        });
        model.shelf.find(library);
        let hits = model.shelf.hits.len();
        note(
            ui,
            &match hits {
                0 => "No substance is like this".to_owned(),
                1 => "1 substance".to_owned(),
                n => format!("{n} substances"),
            },
        );
        ui.spacing_mut().item_spacing.y = 0.0;
        let height = ui.available_height() - TARGET - GAP_SMALL;
        ScrollArea::vertical().auto_shrink([false, false]).max_height(height).show_rows(ui, ROW, hits, |ui, shown| {
            for index in model.shelf.hits.get(shown).unwrap_or_default() {
                let Some(substance) = library.substances.get(*index) else { continue };
                let count = library.references_of(*index).count();
                if row(ui, substance, count, model.shelf.chosen == Some(*index)).clicked() {
                    wanted = Some(*index);
                }
            }
        });
        ui.add_space(GAP_SMALL);
        let button = Button::new("Laboratory: drafts, packs, keys", Look::Plain).size(ui.available_width(), TARGET);
        laboratory = ui.add(button.text_size(tokens::TEXT_LABEL)).clicked();
    });
    if laboratory {
        model.show_desk();
    }
    if let Some(index) = wanted {
        model.choose_substance(library, index);
    }
}

/// Whether a substance alarms, is watched, or neither.
pub(super) const fn standing(substance: &Substance) -> &'static str {
    match (substance.alarms, substance.listed) {
        (true, _) => "alarms",
        (false, true) => "watched",
        (false, false) => "",
    }
}

fn row(ui: &mut Ui, substance: &Substance, count: usize, chosen: bool) -> Response {
    let t = tokens(ui);
    let (rect, response) = ui.allocate_exact_size(vec2(ui.available_width() - 4.0, ROW), Sense::click());
    let standing = standing(substance);
    let cas = substance.cas.as_deref().unwrap_or("no CAS number");
    let references = match count {
        0 => "no reference".to_owned(),
        1 => "1 reference".to_owned(),
        n => format!("{n} references"),
    };
    response.widget_info(|| {
        WidgetInfo::labeled(
            Role::Button,
            true,
            format!("{}, {cas}, {references} {standing}", substance.name).trim_end(),
        )
    });
    let pair = if chosen { t.done } else { t.card };
    if chosen {
        ui.painter().rect_filled(rect, tokens::corner_small(), pair.fill);
    } else if response.hovered() {
        ui.painter().rect_filled(rect, tokens::corner_small(), t.hover);
    }
    if response.has_focus() {
        let ring = Stroke::new(3.0, t.trace_reference);
        ui.painter().rect_stroke(rect, tokens::corner_small(), ring, StrokeKind::Inside);
    }
    ui.painter().hline(rect.x_range(), rect.max.y, Stroke::new(1.0, t.grid));
    let inner = rect.shrink2(vec2(8.0, 4.0));
    let text = |text: RichText, ink, width: f32| {
        let font = tokens::regular(tokens::TEXT_LABEL);
        (WidgetText::from(text).into_galley(ui, Some(TextWrapMode::Truncate), width, font), ink)
    };
    let tag = text(RichText::new(standing).font(tokens::strong(tokens::TEXT_NOTE)), pair.ink, 80.0);
    let name_width = inner.width() - tag.0.size().x - 10.0;
    let name = text(RichText::new(&substance.name).font(tokens::strong(tokens::TEXT_LABEL)), pair.ink, name_width);
    let below = format!("{cas}   {references}");
    let below = text(RichText::new(below).font(tokens::regular(tokens::TEXT_NOTE)), t.mute, inner.width());
    let places = [
        (inner.min, name),
        (pos2(inner.max.x - tag.0.size().x, inner.min.y), tag),
        (pos2(inner.min.x, inner.max.y - below.0.size().y), below),
    ];
    for (at, (galley, ink)) in places {
        ui.painter().galley_with_override_text_color(at, galley, ink);
    }
    response
}

fn spectra(ui: &mut Ui, model: &mut Model) {
    if model.shelf.curves.is_empty() {
        paragraph(ui, "No spectrum is shown. References of a substance can be added to the plot.");
        return;
    }
    let curves: Vec<&Curve> = model.shelf.curves.iter().map(|(_, curve)| curve).collect();
    let axis = "Raman shift or wavenumber / cm⁻¹";
    // Another set of curves may lie elsewhere on the axis, so that their zoom is their own.
    let id = Id::unique(("library spectra", model.shelf.curves.iter().map(|(r, _)| *r).collect::<Vec<_>>()));
    if overlay_plot(ui, id, axis, &curves) {
        model.shelf.curves.clear();
    }
}

fn substance(ui: &mut Ui, model: &mut Model, library: &Arc<Library>, index: usize, small: bool) {
    let Some(substance) = library.substances.get(index) else { return };
    heading(ui, &substance.name);
    ui.spacing_mut().item_spacing = vec2(GAP_SMALL, GAP_SMALL);
    let faces = [
        (Face::Facts, "Facts"),
        (Face::References, "References"),
        (Face::Alike, "Could be taken for"),
        (Face::Spectra, "Spectra"),
    ];
    if !small && model.shelf.face == Face::Spectra {
        model.shelf.face = Face::Facts;
    }
    ui.horizontal(|ui| {
        for (face, words) in faces.into_iter().filter(|(face, _)| small || *face != Face::Spectra) {
            let on = model.shelf.face == face;
            if ui.add(Button::new(words, Look::Tab(on)).text_size(tokens::TEXT_NOTE)).clicked() {
                model.shelf.face = face;
            }
        }
    });
    if model.shelf.face == Face::Spectra {
        spectra(ui, model);
        return;
    }
    if model.shelf.face == Face::Alike {
        model.ask_alike(library);
    }
    let mut toggled = None;
    ScrollArea::vertical().id_salt((index, model.shelf.face as u8)).auto_shrink([false, false]).show(ui, |ui| {
        ui.spacing_mut().item_spacing.y = 4.0;
        match model.shelf.face {
            Face::Facts | Face::Spectra => facts(ui, library, substance),
            Face::References => toggled = references(ui, library, index, &model.shelf),
            Face::Alike => toggled = alike(ui, library, &model.shelf),
        }
    });
    if let Some(reference) = toggled {
        model.shelf.toggle(library, reference);
    }
}

/// A button that shows or hides a curve; the reference is handed back when it was pressed.
pub(super) fn curve_button(ui: &mut Ui, shelf: &crate::ui::library_model::Shelf, reference: usize, name: &str) -> bool {
    let shown = shelf.shows(reference);
    let (text, said) = if shown { ("Hide", format!("Hide {name}")) } else { ("Show", format!("Show {name}")) };
    let room = shown || shelf.curves.len() < CURVES_MAX;
    let button = Button::new(text, Look::Tab(shown)).name(&said).text_size(tokens::TEXT_NOTE).size(76.0, TARGET);
    let response = ui.add_enabled(room, button);
    response.on_disabled_hover_text("Eight curves are shown, which is the most; hide one first").clicked()
}

/// Room on the left for a button and the rest for words, side by side.
pub(super) fn with_button(ui: &mut Ui, button: impl FnOnce(&mut Ui) -> bool, words: impl FnOnce(&mut Ui)) -> bool {
    let mut pressed = false;
    ui.horizontal_top(|ui| {
        ui.spacing_mut().item_spacing.x = 10.0;
        pressed = button(ui);
        ui.vertical(words);
    });
    pressed
}
