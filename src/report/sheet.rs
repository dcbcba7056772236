//! Pages that fill from top to bottom. What is put on them is kept as marks and drawn at the end, when the number of
//! pages is known.

use krilla::Document;
use krilla::SerializeSettings;
use krilla::color::rgb;
use krilla::configure::{Archival, ConfigurationBuilder};
use krilla::geom::{PathBuilder, Point, Rect, Size, Transform};
use krilla::image::Image;
use krilla::metadata::Metadata;
use krilla::num::NormalizedF32;
use krilla::page::PageSettings;
use krilla::paint::{Fill, LineJoin, Stroke};
use krilla::surface::Surface;
use krilla::text::TextDirection;

use super::ReportError;
use super::letters::{Letters, Weight};
use super::preview::PreviewPage;

/// Size of the paper.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Paper {
    /// ISO 216 A4, 210 x 297 mm.
    #[default]
    A4,
    /// US Letter, 8.5 x 11 inches.
    Letter,
}

impl Paper {
    /// Width and height, points of 1/72 inch.
    pub(super) const fn size(self) -> (f32, f32) {
        match self {
            Self::A4 => (595.28, 841.89),
            Self::Letter => (612.0, 792.0),
        }
    }
}

/// A colour, red, green and blue.
pub(super) type Ink = [u8; 3];
pub(super) const BLACK: Ink = [0x16, 0x19, 0x1d];
pub(super) const MUTE: Ink = [0x55, 0x5b, 0x63];
pub(super) const RULE: Ink = [0xc4, 0xc9, 0xcf];

/// Margin at the sides and at the top.
pub(super) const MARGIN: f32 = 45.0;
/// Room for the footer.
const FOOT: f32 = 84.0;
/// Height of a line in units of the size of its letters.
const LEADING: f32 = 1.32;
/// Size of running text.
pub(super) const TEXT: f32 = 9.0;
/// Size of notes.
pub(super) const NOTE: f32 = 7.5;

/// Something on a page; places in points from the top left corner.
pub(super) enum Mark {
    Text { x: f32, y: f32, size: f32, weight: Weight, ink: Ink, text: String },
    Box { x: f32, y: f32, width: f32, height: f32, ink: Ink },
    Line { points: Vec<(f32, f32)>, width: f32, ink: Ink },
    Photo { x: f32, y: f32, width: f32, height: f32, image: Image },
}

/// A finished document: for a file and, from the same marks, for a screen.
pub(super) struct Drawn {
    pub(super) pdf: Vec<u8>,
    pub(super) pages: Vec<PreviewPage>,
}

/// The pages so far and the place where the next thing goes.
pub(super) struct Sheet<'a> {
    pub(super) letters: &'a Letters,
    size: (f32, f32),
    pages: Vec<Vec<Mark>>,
    y: f32,
}

impl<'a> Sheet<'a> {
    pub(super) fn new(letters: &'a Letters, paper: Paper) -> Self {
        Self { letters, size: paper.size(), pages: vec![Vec::new()], y: MARGIN }
    }

    /// Width of the column.
    pub(super) fn width(&self) -> f32 {
        self.size.0 - 2.0 * MARGIN
    }

    pub(super) fn put(&mut self, mark: Mark) {
        if let Some(page) = self.pages.last_mut() {
            page.push(mark);
        }
    }

    /// Takes `height` of the page, or of the next one where this one is too full, and returns its upper edge.
    pub(super) fn take(&mut self, height: f32) -> f32 {
        if self.y + height > self.size.1 - FOOT && self.y > MARGIN {
            self.pages.push(Vec::new());
            self.y = MARGIN;
        }
        let top = self.y;
        self.y += height;
        top
    }

    pub(super) fn space(&mut self, height: f32) {
        self.y += height;
    }

    /// Begins a new page where less than `height` is left.
    pub(super) fn keep_together(&mut self, height: f32) {
        let top = self.take(height);
        self.y = top;
    }

    /// One line at a place that was taken; `y` is its upper edge.
    pub(super) fn text(&mut self, (x, y): (f32, f32), text: &str, weight: Weight, size: f32, ink: Ink) {
        let text = self.letters.drawable(text);
        self.put(Mark::Text { x, y: y + size, size, weight, ink, text });
    }

    /// A paragraph over the whole column.
    pub(super) fn paragraph(&mut self, text: &str, weight: Weight, size: f32, ink: Ink) {
        for line in self.letters.lines(text, weight, size, self.width()) {
            let top = self.take(size * LEADING);
            self.text((MARGIN, top), &line, weight, size, ink);
        }
    }

    /// Title of a section, never alone at the foot of a page.
    pub(super) fn heading(&mut self, text: &str) {
        self.space(9.0);
        self.keep_together(50.0);
        let top = self.take(18.0);
        self.text((MARGIN, top), text, Weight::Strong, 11.0, BLACK);
        let edge = top + 15.0;
        let right = MARGIN + self.width();
        self.put(Mark::Line { points: vec![(MARGIN, edge), (right, edge)], width: 0.6, ink: RULE });
        self.space(2.0);
    }

    /// Label and value, one pair a line.
    pub(super) fn facts(&mut self, facts: &[(&str, String)]) {
        let label_width = 118.0;
        for (label, value) in facts {
            let lines = self.letters.lines(value, Weight::Regular, TEXT, self.width() - label_width);
            for (i, line) in lines.iter().enumerate() {
                let top = self.take(TEXT * LEADING);
                if i == 0 {
                    self.text((MARGIN, top), label, Weight::Regular, TEXT, MUTE);
                }
                self.text((MARGIN + label_width, top), line, Weight::Regular, TEXT, BLACK);
            }
            self.space(1.0);
        }
    }

    /// A table; `shares` are the widths of its columns as shares of the whole. The header is repeated on a new page.
    pub(super) fn table(&mut self, shares: &[f32], header: &[&str], rows: &[Vec<String>]) {
        let whole = self.width();
        let widths: Vec<f32> = shares.iter().map(|s| s * whole).collect();
        let head: Vec<String> = header.iter().map(|h| (*h).to_owned()).collect();
        self.keep_together(3.0 * TEXT * LEADING);
        self.row(&widths, &head, Weight::Regular, NOTE, MUTE);
        let mut page = self.pages.len();
        for row in rows {
            let needed = self.row_height(&widths, row, TEXT);
            self.keep_together(needed);
            if self.pages.len() != page {
                page = self.pages.len();
                self.row(&widths, &head, Weight::Regular, NOTE, MUTE);
            }
            self.row(&widths, row, Weight::Regular, TEXT, BLACK);
        }
    }

    fn cell_lines(&self, text: &str, size: f32, width: f32) -> Vec<String> {
        self.letters.lines(text, Weight::Regular, size, width - 8.0)
    }

    fn row_height(&self, widths: &[f32], row: &[String], size: f32) -> f32 {
        let lines = row.iter().zip(widths).map(|(text, width)| self.cell_lines(text, size, *width).len());
        lines.max().unwrap_or(1) as f32 * size * LEADING + 4.0
    }

    fn row(&mut self, widths: &[f32], row: &[String], weight: Weight, size: f32, ink: Ink) {
        let top = self.take(self.row_height(widths, row, size));
        let mut x = MARGIN;
        for (text, width) in row.iter().zip(widths) {
            for (i, line) in self.cell_lines(text, size, *width).iter().enumerate() {
                self.text((x, top + i as f32 * size * LEADING), line, weight, size, ink);
            }
            x += width;
        }
        let edge = self.y - 2.5;
        let right = MARGIN + self.width();
        self.put(Mark::Line { points: vec![(MARGIN, edge), (right, edge)], width: 0.35, ink: RULE });
    }

    /// Draws everything, and gives the pages for a screen too. `foot` puts what stands at the foot of a page, given its number and how many there are.
    pub(super) fn finish(
        mut self,
        metadata: Metadata,
        foot: impl Fn(&mut Self, f32, usize, usize),
    ) -> Result<Drawn, ReportError> {
        let filled = std::mem::take(&mut self.pages);
        let total = filled.len();
        let mut document = Document::new_with(SerializeSettings {
            configuration: ConfigurationBuilder::new()
                .with_archival_validator(Archival::A2_B)
                .finish()
                .map_err(|e| ReportError::Pdf(format!("{e:?}")))?,
            ..SerializeSettings::default()
        });
        document.set_metadata(metadata);
        let mut pages = Vec::with_capacity(total);
        for (number, marks) in filled.into_iter().enumerate() {
            self.pages = vec![marks];
            let foot_top = self.size.1 - FOOT + 12.0;
            foot(&mut self, foot_top, number + 1, total);
            let settings = PageSettings::from_wh(self.size.0, self.size.1);
            let settings = settings.ok_or_else(|| ReportError::Pdf("the paper has no size".to_owned()))?;
            let mut page = document.start_page_with(settings);
            let mut surface = page.surface();
            for mark in self.pages.iter().flatten() {
                draw(&mut surface, self.letters, mark);
            }
            surface.finish();
            page.finish();
            pages.extend(self.pages.iter().map(|marks| PreviewPage::new(self.size, marks)));
        }
        let pdf = document.finish().map_err(|e| ReportError::Pdf(format!("{e:?}")))?;
        Ok(Drawn { pdf, pages })
    }
}

fn draw(surface: &mut Surface<'_>, letters: &Letters, mark: &Mark) {
    let paint = |ink: &Ink| rgb::Color::new(ink[0], ink[1], ink[2]).into();
    let fill = |ink: &Ink| Some(Fill { paint: paint(ink), opacity: NormalizedF32::ONE, ..Fill::default() });
    match mark {
        Mark::Text { x, y, size, weight, ink, text } => {
            surface.set_stroke(None);
            surface.set_fill(fill(ink));
            let start = Point::from_xy(*x, *y);
            surface.draw_text(start, letters.font(*weight), *size, text, false, TextDirection::LeftToRight);
        }
        Mark::Box { x, y, width, height, ink } => {
            let mut path = PathBuilder::new();
            let Some(rect) = Rect::from_xywh(*x, *y, *width, *height) else { return };
            path.push_rect(rect);
            let Some(path) = path.finish() else { return };
            surface.set_stroke(None);
            surface.set_fill(fill(ink));
            surface.draw_path(&path);
        }
        Mark::Photo { x, y, width, height, image } => {
            let Some(size) = Size::from_wh(*width, *height) else { return };
            surface.push_transform(&Transform::from_translate(*x, *y));
            surface.draw_image(image.clone(), size);
            surface.pop();
        }
        Mark::Line { points, width, ink } => {
            let mut path = PathBuilder::new();
            for (i, (x, y)) in points.iter().enumerate() {
                if i == 0 { path.move_to(*x, *y) } else { path.line_to(*x, *y) }
            }
            let Some(path) = path.finish() else { return };
            surface.set_fill(None);
            let line_join = LineJoin::Round;
            surface.set_stroke(Some(Stroke { paint: paint(ink), width: *width, line_join, ..Stroke::default() }));
            surface.draw_path(&path);
        }
    }
}
