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

/// Between the title and the line below it, points.
const DETAIL_GAP: f32 = 4.0;

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
    job.append(word, 0.0, format(tokens::TEXT_VERDICT_LEAST, egui::Align::BOTTOM));
    job.append(subject, 16.0, format(names_size, egui::Align::Center));
    job.wrap.max_width = width;
    ui.painter().layout_job(job)
}

/// The title: one large line where it fits. A longer one keeps the word large and makes the names behind it smaller, or
/// puts them below it, smaller step by step until they fit; they are never cut.
fn title(ui: &Ui, word: &str, subject: &str, width: f32, height: f32) -> Vec<Arc<Galley>> {
    let whole = if subject.is_empty() { word.to_owned() } else { format!("{word}: {subject}") };
    for size in [tokens::TEXT_VERDICT, tokens::TEXT_VERDICT_LEAST] {
        let line = wrapped(ui, &whole, tokens::strong(size), width);
        // The larger size only where the line below still has its room.
        if line.rows.len() == 1 && (line.size().y <= height + 0.5 || size <= tokens::TEXT_VERDICT_LEAST) {
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
    let head = wrapped(ui, word, tokens::strong(tokens::TEXT_VERDICT_LEAST), width);
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

/// Title and detail as they fit into `room`: the detail gets smaller first, then the names. What still does not fit is
/// left out at the end of the detail, which pages repeat below the banner; the word and the names are never cut.
fn fit(ui: &Ui, banner: &Banner<'_>, room: Vec2) -> (Vec<Arc<Galley>>, Arc<Galley>) {
    let used = |lines: &[Arc<Galley>]| lines.iter().map(|l| l.size().y).sum::<f32>();
    let mut size = tokens::TEXT_LEAD;
    loop {
        let detail = wrapped(ui, banner.detail, tokens::regular(size), room.x);
        let for_title = room.y - if banner.detail.is_empty() { 0.0 } else { detail.size().y + DETAIL_GAP };
        let lines = title(ui, banner.word, banner.subject, room.x, for_title);
        if used(&lines) <= for_title + 0.5 {
            return (lines, detail);
        }
        if size <= tokens::TEXT_NOTE {
            break;
        }
        size -= 1.0;
    }
    let font = tokens::regular(tokens::TEXT_NOTE);
    let row = wrapped(ui, "X", font.clone(), room.x).size().y;
    let lines = title(ui, banner.word, banner.subject, room.x, room.y - row - DETAIL_GAP);
    let rows = ((room.y - DETAIL_GAP - used(&lines)) / row).floor().max(0.0) as usize;
    let mut job = LayoutJob::default();
    job.append(
        if rows == 0 { "" } else { banner.detail },
        0.0,
        TextFormat { font_id: font, color: Color32::PLACEHOLDER, ..TextFormat::default() },
    );
    job.wrap.max_width = room.x;
    job.wrap.max_rows = rows.max(1);
    (lines, ui.painter().layout_job(job))
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
    let bar_height = if matches!(banner.tone, BannerTone::Working(_)) { 18.0 } else { 0.0 };
    let (lines, detail) = fit(ui, banner, vec2(width, inner.height() - bar_height));
    let detail_height = if detail.text().is_empty() { 0.0 } else { detail.size().y + DETAIL_GAP };
    let total: f32 = lines.iter().map(|l| l.size().y).sum::<f32>() + detail_height + bar_height;
    let mut y = (rect.center().y - total / 2.0).max(inner.min.y);
    let painter = ui.painter();
    for line in lines {
        let step = line.size().y;
        painter.galley_with_override_text_color(pos2(left, y), line, pair.ink);
        y += step;
    }
    if detail_height > 0.0 {
        painter.galley_with_override_text_color(pos2(left, y + DETAIL_GAP), detail, t.card.ink);
        y += detail_height;
    }
    if let BannerTone::Working(done) = banner.tone {
        let track = Rect::from_min_size(pos2(left, y + 6.0), vec2(width, 12.0));
        painter.rect(track, tokens::corner_small(), t.rest.fill, Stroke::new(1.0, t.line), StrokeKind::Inside);
        let mut filled = track;
        filled.set_width(track.width() * done.clamp(0.0, 1.0));
        painter.rect(filled, tokens::corner_small(), t.accent.fill, Stroke::NONE, StrokeKind::Inside);
    }
    response
}

#[cfg(test)]
mod tests {
    use egui::{CentralPanel, Context, RawInput};

    use super::*;
    use crate::session::Colours;
    use crate::ui::{App, layout};

    /// The widest room that a chip at the right leaves, as on the answer page.
    const ASIDE: f32 = 196.0;

    /// Lays out a banner in a window of `size` as the pages do, and hands the title and the detail to `look`.
    fn laid_out(size: [f32; 2], banner: &Banner<'_>, look: impl Fn(&[Arc<Galley>], &Galley, Vec2)) {
        let ctx = Context::default();
        App::set_up(&ctx, Colours::Day);
        let window = Rect::from_min_size(egui::Pos2::ZERO, size.into());
        for _ in 0..2 {
            // Fonts are there from the second frame on.
            let mut output = ctx.run_ui(RawInput { screen_rect: Some(window), ..RawInput::default() }, |ui| {
                CentralPanel::default().show(ui, |ui| {
                    let content = Rect::from_min_max(pos2(tokens::RAIL_WIDTH, tokens::BAR_HEIGHT), window.max);
                    let inner = layout::answer(content).banner.shrink2(vec2(18.0, 10.0));
                    let side = tokens::VERDICT_ICON.min(inner.height());
                    let room = vec2(inner.width() - side - 18.0 - banner.aside, inner.height());
                    let (lines, detail) = fit(ui, banner, room);
                    look(&lines, &detail, room);
                });
            });
            output.textures_delta.clear(); // nobody paints here
        }
    }

    fn largest(galley: &Galley) -> f32 {
        galley.job.sections.iter().map(|s| s.format.font_id.size).fold(0.0, f32::max)
    }

    #[test]
    fn the_word_of_the_verdict_is_never_smaller_than_forty_points_and_names_are_never_cut() {
        let library = crate::library::Library::bundled().unwrap();
        let mut names: Vec<String> = library.substances.iter().map(|s| s.name.clone()).collect();
        names.sort_by_key(|name| std::cmp::Reverse(name.len()));
        names.truncate(6);
        let three = names[..3].join(", ");
        names.extend([three, "fentanyl".to_owned(), String::new()]);
        let detail = "Presumptive \u{b7} or a relative (calculated reference) \u{b7} cannot be told apart from others and 3 more";
        for size in [[1280.0, 800.0], [1024.0, 600.0]] {
            for word in ["ALARM", "ALERT", "Inconclusive", "Nothing listed detected"] {
                for name in &names {
                    // Only a find has a subject.
                    if !name.is_empty() && !word.starts_with('A') {
                        continue;
                    }
                    let subject = if name.is_empty() { String::new() } else { format!("possible {name}") };
                    let tone = BannerTone::Verdict(Level::Alert);
                    let banner = Banner { tone, word, subject: &subject, detail, aside: ASIDE };
                    laid_out(size, &banner, |lines, detail, room| {
                        let head = lines.first().unwrap();
                        let first = head.job.sections.first().unwrap().format.font_id.size;
                        assert!(first >= 40.0, "{word} is {first} points large before {subject} at {size:?}");
                        let text: String = lines.iter().map(|l| l.text()).collect::<Vec<_>>().join(" ");
                        assert!(text.contains(word) && text.contains(&subject), "{text}");
                        assert!(lines.iter().all(|l| !l.elided), "{text} at {size:?}");
                        let names = largest(lines.last().unwrap());
                        let least = if size[0] > 1100.0 && !subject.contains(", ") { 20.0 } else { tokens::TEXT_NOTE };
                        assert!(names >= least, "{subject} is {names} points large at {size:?}");
                        let under = if detail.text().is_empty() { 0.0 } else { detail.size().y + DETAIL_GAP };
                        let used = lines.iter().map(|l| l.size().y).sum::<f32>() + under;
                        assert!(used <= room.y + 1.0, "{text}: {used} of {} points at {size:?}", room.y);
                    });
                }
            }
        }
    }

    #[test]
    fn a_sentence_of_any_length_stays_inside_the_banner() {
        let why = "The analyzer's part of the program failed inside and this message is long. ".repeat(12);
        let banner = Banner { tone: BannerTone::Failed, word: "No answer", subject: "", detail: &why, aside: 0.0 };
        for size in [[1280.0, 800.0], [1024.0, 600.0]] {
            laid_out(size, &banner, |lines, detail, room| {
                assert!(detail.elided);
                let used: f32 = lines.iter().map(|l| l.size().y).sum::<f32>() + detail.size().y + DETAIL_GAP;
                assert!(used <= room.y + 1.0, "{used} of {}", room.y);
            });
        }
    }
}
