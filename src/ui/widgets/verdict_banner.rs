//! The banner whose place never moves: icon, word and colour of the answer, or of the work that leads to it.

use std::sync::Arc;

use egui::accesskit::{Live, Role};
use egui::text::{LayoutJob, TextFormat};
use egui::{Color32, Galley, Rect, Response, Sense, Stroke, StrokeKind, Ui, Vec2, WidgetInfo, pos2, vec2};

use crate::identify::Level;
use crate::ui::tokens::{self, Pair, Tokens, tokens};

use super::icon::{self, Icon};

/// What the banner stands for.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum BannerTone {
    /// A verdict.
    Verdict(Level),
    /// A scan under way; the share that is done, 0..=1.
    Working(f32),
    /// A scan that ended without an answer.
    Failed,
}

/// The texts of the banner.
#[derive(Clone, Copy, Debug)]
pub struct Banner<'a> {
    /// Tone.
    pub tone: BannerTone,
    /// The word of the level: `ALARM`, `ALERT` ...
    pub word: &'a str,
    /// What it is about: a name, or empty.
    pub subject: &'a str,
    /// One or two lines below.
    pub detail: &'a str,
    /// Room kept free at the right for chips and buttons, points.
    pub aside: f32,
}

fn colors(t: &Tokens, tone: BannerTone) -> (Pair, Icon) {
    match tone {
        BannerTone::Verdict(level) => (t.level(level), Icon::from(level)),
        BannerTone::Working(_) => (t.card, Icon::Working),
        BannerTone::Failed => (t.level(Level::Inconclusive), Icon::Failed),
    }
}

fn wrapped(ui: &Ui, text: &str, font: egui::FontId, width: f32) -> Arc<Galley> {
    let mut job = LayoutJob::default();
    job.append(text, 0.0, TextFormat { font_id: font, color: Color32::PLACEHOLDER, ..TextFormat::default() });
    job.wrap.max_width = width;
    ui.painter().layout_job(job)
}

/// A row of the word at its full size and the names behind it, smaller.
fn mixed_row(ui: &Ui, word: &str, subject: &str, names_size: f32, width: f32) -> Arc<Galley> {
    let format = |size, valign| TextFormat {
        font_id: tokens::strong(size),
        color: Color32::PLACEHOLDER,
        valign,
        ..TextFormat::default()
    };
    let mut job = LayoutJob::default();
    job.append(word, 0.0, format(40.0, egui::Align::BOTTOM));
    job.append(subject, 16.0, format(names_size, egui::Align::Center));
    job.wrap.max_width = width;
    ui.painter().layout_job(job)
}

/// The title: one large line where it fits. A longer one keeps the word large and makes the names behind it smaller, or
/// puts them below it, smaller step by step until they fit; they are never cut.
fn title(ui: &Ui, word: &str, subject: &str, width: f32, height: f32) -> Vec<Arc<Galley>> {
    let whole = if subject.is_empty() { word.to_owned() } else { format!("{word}: {subject}") };
    for size in [tokens::TEXT_VERDICT, 40.0] {
        let line = wrapped(ui, &whole, tokens::strong(size), width);
        if line.rows.len() == 1 {
            return vec![line];
        }
    }
    if !subject.is_empty() {
        for size in [32.0, 28.0, tokens::TEXT_VERDICT_LONG.min(26.0), 22.0] {
            let row = mixed_row(ui, word, subject, size, width);
            if row.rows.len() == 1 {
                return vec![row];
            }
        }
    }
    let head = wrapped(ui, word, tokens::strong(40.0), width);
    let mut lines = vec![head.clone()];
    if !subject.is_empty() {
        let mut size = tokens::TEXT_VERDICT_LONG;
        loop {
            let names = wrapped(ui, subject, tokens::strong(size), width);
            if head.size().y + names.size().y <= height || size <= tokens::TEXT_NOTE {
                lines.push(names);
                break;
            }
            size -= 1.0;
        }
    }
    lines
}

/// Shows the banner in `rect`.
pub fn verdict_banner(ui: &mut Ui, rect: Rect, banner: &Banner<'_>) -> Response {
    let t = tokens(ui);
    let (pair, icon) = colors(t, banner.tone);
    let response = ui.allocate_rect(rect, Sense::hover());
    let spoken = [banner.word, banner.subject, banner.detail].into_iter().filter(|s| !s.is_empty());
    let spoken = spoken.collect::<Vec<_>>().join(": ");
    response.widget_info(|| WidgetInfo::labeled(Role::Alert, true, format!("Answer: {spoken}")));
    ui.ctx().accesskit_node_builder(response.id, |node| node.set_live(Live::Assertive));

    let painter = ui.painter();
    let border = if matches!(banner.tone, BannerTone::Working(_)) { t.line } else { pair.ink };
    painter.rect(rect, tokens::corner(), pair.fill, Stroke::new(3.0, border), StrokeKind::Inside);
    let inner = rect.shrink2(vec2(18.0, 10.0));
    let side = tokens::VERDICT_ICON.min(inner.height());
    let icon_rect = Rect::from_center_size(pos2(inner.min.x + side / 2.0, rect.center().y), Vec2::splat(side - 4.0));
    icon::paint(painter, icon_rect, icon, pair.ink);

    let left = inner.min.x + side + 18.0;
    let width = inner.max.x - banner.aside - left;
    let bar_height = if matches!(banner.tone, BannerTone::Working(_)) { 22.0 } else { 0.0 };
    let mut size = tokens::TEXT_LEAD;
    let (detail, lines) = loop {
        let detail = wrapped(ui, banner.detail, tokens::regular(size), width);
        let room = inner.height() - bar_height - if banner.detail.is_empty() { 0.0 } else { detail.size().y + 4.0 };
        let lines = title(ui, banner.word, banner.subject, width, room);
        let used: f32 = lines.iter().map(|l| l.size().y).sum();
        if used <= room + 0.5 || size <= tokens::TEXT_NOTE {
            break (detail, lines);
        }
        size -= 1.0;
    };
    let detail_height = if banner.detail.is_empty() { 0.0 } else { detail.size().y + 4.0 };
    let total: f32 = lines.iter().map(|l| l.size().y).sum::<f32>() + detail_height + bar_height;
    let mut y = (rect.center().y - total / 2.0).max(inner.min.y);
    let painter = ui.painter();
    for line in lines {
        let step = line.size().y;
        painter.galley_with_override_text_color(pos2(left, y), line, pair.ink);
        y += step;
    }
    if detail_height > 0.0 {
        painter.galley_with_override_text_color(pos2(left, y + 4.0), detail, t.card.ink);
        y += detail_height;
    }
    if let BannerTone::Working(done) = banner.tone {
        let track = Rect::from_min_size(pos2(left, y + 8.0), vec2(width, 14.0));
        painter.rect(track, tokens::corner_small(), t.rest.fill, Stroke::new(1.0, t.line), StrokeKind::Inside);
        let mut filled = track;
        filled.set_width(track.width() * done.clamp(0.0, 1.0));
        painter.rect(filled, tokens::corner_small(), t.accent.fill, Stroke::NONE, StrokeKind::Inside);
    }
    response
}
