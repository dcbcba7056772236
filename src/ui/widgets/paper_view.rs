//! The pages of a report on the screen, drawn from the marks of which the PDF is made.

use egui::accesskit::Role;
use egui::{Color32, Pos2, Rect, ScrollArea, Sense, Stroke, StrokeKind, Ui, WidgetInfo, pos2, vec2};

use crate::report::{PreviewMark, PreviewPage};
use crate::ui::tokens;

/// Widest page on the screen, points of the window.
const WIDEST: f32 = 900.0;

/// The pages one below the other.
pub fn paper_view(ui: &mut Ui, pages: &[PreviewPage]) {
    ScrollArea::vertical().id_salt("pages").auto_shrink([false, false]).show(ui, |ui| {
        ui.spacing_mut().item_spacing.y = 12.0;
        for (number, page) in pages.iter().enumerate() {
            if page.width > 0.0 {
                one_page(ui, page, number + 1, pages.len());
            }
        }
    });
}

fn one_page(ui: &mut Ui, page: &PreviewPage, number: usize, of: usize) {
    let whole = ui.available_width();
    let scale = (whole - 4.0).clamp(100.0, WIDEST) / page.width;
    let (place, response) = ui.allocate_exact_size(vec2(whole, page.height * scale), Sense::hover());
    response.widget_info(|| {
        let texts = page.marks.iter().filter_map(|mark| match mark {
            PreviewMark::Text { text, .. } => Some(text.as_str()),
            _ => None,
        });
        WidgetInfo::labeled(
            Role::Document,
            true,
            format!("Page {number} of {of}: {}", texts.collect::<Vec<_>>().join(" ")),
        )
    });
    if !ui.is_rect_visible(place) {
        return;
    }
    let sheet = Rect::from_center_size(place.center(), vec2(page.width, page.height) * scale);
    let painter = ui.painter().with_clip_rect(ui.clip_rect().intersect(sheet));
    painter.rect_filled(sheet, 0, Color32::WHITE);
    let at = |x: f32, y: f32| -> Pos2 { pos2(sheet.min.x + x * scale, sheet.min.y + y * scale) };
    let colour = |[r, g, b]: [u8; 3]| Color32::from_rgb(r, g, b);
    for mark in &page.marks {
        match mark {
            PreviewMark::Text { x, y, size, strong, ink, text } => {
                let font = if *strong { tokens::strong(size * scale) } else { tokens::regular(size * scale) };
                let galley = painter.layout_no_wrap(text.clone(), font, colour(*ink));
                let base = galley.rows.first().and_then(|row| Some(row.pos.y + row.glyphs.first()?.pos.y));
                let start = at(*x, *y) - vec2(0.0, base.unwrap_or_default());
                painter.galley(start, galley, colour(*ink));
            }
            PreviewMark::Box { x, y, width, height, ink } => {
                painter.rect_filled(Rect::from_min_size(at(*x, *y), vec2(*width, *height) * scale), 0, colour(*ink));
            }
            PreviewMark::Line { points, width, ink } => {
                let points = points.iter().map(|(x, y)| at(*x, *y)).collect();
                painter.line(points, Stroke::new(width * scale, colour(*ink)));
            }
            PreviewMark::Photo { x, y, width, height } => {
                let frame = Rect::from_min_size(at(*x, *y), vec2(*width, *height) * scale);
                let grey = Color32::from_gray(0x70);
                painter.rect_stroke(frame, 0, Stroke::new(1.0, grey), StrokeKind::Inside);
                let words = "Photo: shown in the saved report";
                painter.text(frame.center(), egui::Align2::CENTER_CENTER, words, tokens::regular(9.0 * scale), grey);
            }
        }
    }
    ui.painter().rect_stroke(sheet, 0, Stroke::new(1.0, Color32::from_gray(0x90)), StrokeKind::Outside);
}
