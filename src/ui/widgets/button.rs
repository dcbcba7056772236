//! Buttons that a gloved finger can hit: never smaller than the smallest target, with a focus ring for the keyboard.

use egui::accesskit::Role;
use egui::{Color32, Rect, Response, Sense, Stroke, StrokeKind, Ui, Vec2, Widget, WidgetInfo, vec2};

use crate::ui::tokens::{self, TARGET, Tokens, tokens};

use super::icon::{self, Icon};

/// How a button looks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Look {
    /// The one main action of a screen.
    Main,
    /// Any other action.
    Plain,
    /// One of a few exclusive choices; true when it is the chosen one.
    Tab(bool),
    /// A choice of the left rail; true when it is the chosen one.
    Rail(bool),
    /// In the dark top bar.
    Bar,
}

/// A large button.
pub struct Button<'a> {
    text: &'a str,
    name: Option<&'a str>,
    icon: Option<Icon>,
    look: Look,
    size: Vec2,
    text_size: f32,
}

impl<'a> Button<'a> {
    /// A button that says `text`.
    pub const fn new(text: &'a str, look: Look) -> Self {
        Self { text, name: None, icon: None, look, size: Vec2::ZERO, text_size: tokens::TEXT_HEADING }
    }

    /// What a screen reader says, where it differs from the text.
    #[must_use]
    pub const fn name(mut self, name: &'a str) -> Self {
        self.name = Some(name);
        self
    }

    /// An icon beside the text (above it in the rail).
    #[must_use]
    pub const fn icon(mut self, icon: Icon) -> Self {
        self.icon = Some(icon);
        self
    }

    /// Smallest size; the text may make it wider, and it is never smaller than the smallest target.
    #[must_use]
    pub const fn size(mut self, width: f32, height: f32) -> Self {
        self.size = vec2(width, height);
        self
    }

    /// Text size, points.
    #[must_use]
    pub const fn text_size(mut self, text_size: f32) -> Self {
        self.text_size = text_size;
        self
    }

    const fn role(&self) -> (Role, Option<bool>) {
        match self.look {
            Look::Main | Look::Plain | Look::Bar => (Role::Button, None),
            Look::Tab(on) | Look::Rail(on) => (Role::Tab, Some(on)),
        }
    }
}

struct Colors {
    fill: Color32,
    ink: Color32,
    stroke: Stroke,
}

fn colors(look: Look, t: &Tokens, response: &Response, enabled: bool) -> Colors {
    let pointed = response.hovered() || response.is_pointer_button_down_on();
    if !enabled {
        return Colors { fill: t.rest.fill, ink: t.rest.ink, stroke: Stroke::new(1.0, t.line) };
    }
    match look {
        Look::Main => Colors {
            fill: if pointed { t.accent_hover } else { t.accent.fill },
            ink: t.accent.ink,
            stroke: Stroke::NONE,
        },
        Look::Tab(true) | Look::Rail(true) => Colors { fill: t.accent.fill, ink: t.accent.ink, stroke: Stroke::NONE },
        Look::Plain => Colors {
            fill: if pointed { t.hover } else { t.card.fill },
            ink: t.card.ink,
            stroke: Stroke::new(2.0, t.card.ink),
        },
        Look::Tab(false) => Colors {
            fill: if pointed { t.hover } else { t.card.fill },
            ink: t.card.ink,
            stroke: Stroke::new(1.0, t.line),
        },
        Look::Rail(false) => {
            Colors { fill: if pointed { t.hover } else { t.rail.fill }, ink: t.rail.ink, stroke: Stroke::NONE }
        }
        Look::Bar => Colors {
            fill: t.bar.fill,
            ink: t.bar.ink,
            stroke: if pointed { Stroke::new(2.0, t.bar.ink) } else { Stroke::NONE },
        },
    }
}

impl Widget for Button<'_> {
    fn ui(self, ui: &mut Ui) -> Response {
        let t = tokens(ui);
        let enabled = ui.is_enabled();
        let strong = !matches!(self.look, Look::Rail(false) | Look::Tab(false) | Look::Bar);
        let font = if strong { tokens::strong(self.text_size) } else { tokens::regular(self.text_size) };
        let galley = ui.painter().layout_no_wrap(self.text.to_owned(), font, Color32::PLACEHOLDER);
        let stacked = matches!(self.look, Look::Rail(_));
        let icon_side = match (self.icon, stacked) {
            (None, _) => 0.0,
            (Some(_), true) => 28.0,
            (Some(_), false) => 22.0,
        };
        let gap = if self.icon.is_some() && !self.text.is_empty() { 8.0 } else { 0.0 };
        let content = if stacked {
            vec2(galley.size().x.max(icon_side), galley.size().y + gap + icon_side)
        } else {
            vec2(galley.size().x + gap + icon_side, galley.size().y.max(icon_side))
        };
        let side_margin = match self.look {
            _ if self.text.is_empty() => 8.0,
            Look::Tab(_) => 12.0,
            _ => 18.0,
        };
        let wish = content + vec2(2.0 * side_margin, 12.0);
        let size = wish.max(self.size).max(Vec2::splat(TARGET));
        let (rect, response) = ui.allocate_exact_size(size, Sense::click());
        let name = self.name.unwrap_or(self.text);
        let (role, selected) = self.role();
        response.widget_info(|| match selected {
            Some(on) => WidgetInfo::selected(role, enabled, on, name),
            None => WidgetInfo::labeled(role, enabled, name),
        });
        if !ui.is_rect_visible(rect) {
            return response;
        }
        let c = colors(self.look, t, &response, enabled);
        let painter = ui.painter();
        painter.rect(rect, tokens::corner(), c.fill, c.stroke, StrokeKind::Inside);
        if response.has_focus() {
            let ring = if matches!(self.look, Look::Bar) { t.bar.ink } else { t.trace_reference };
            painter.rect_stroke(rect.expand(2.0), tokens::corner(), Stroke::new(3.0, ring), StrokeKind::Middle);
        }
        let block = Rect::from_center_size(rect.center(), content);
        let text_at = if stacked {
            egui::pos2(rect.center().x - galley.size().x / 2.0, block.max.y - galley.size().y)
        } else {
            egui::pos2(block.max.x - galley.size().x, rect.center().y - galley.size().y / 2.0)
        };
        if let Some(icon) = self.icon {
            let icon_rect = if stacked {
                Rect::from_center_size(
                    egui::pos2(rect.center().x, block.min.y + icon_side / 2.0),
                    Vec2::splat(icon_side),
                )
            } else {
                Rect::from_center_size(
                    egui::pos2(block.min.x + icon_side / 2.0, rect.center().y),
                    Vec2::splat(icon_side),
                )
            };
            icon::paint(painter, icon_rect, icon, c.ink);
        }
        painter.galley_with_override_text_color(text_at, galley, c.ink);
        response
    }
}
