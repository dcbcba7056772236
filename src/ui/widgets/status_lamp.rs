//! The laser lamp. What is not known to be off is shown as on.

use egui::accesskit::Role;
use egui::{Color32, Response, Sense, Stroke, StrokeKind, Ui, WidgetInfo, pos2, vec2};

use crate::analyzer::LaserState;
use crate::ui::tokens::{self, tokens};

/// What the lamp shows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Lamp {
    /// Known to be off.
    Off,
    /// Blocked by interlock or key.
    Blocked,
    /// Warming up: may emit.
    Warming,
    /// Emitting.
    On,
    /// The laser reports a fault: treat as on.
    Fault,
    /// Nobody knows: treat as on.
    Unknown,
    /// No kit was ever connected.
    NoKit,
}

impl From<LaserState> for Lamp {
    fn from(state: LaserState) -> Self {
        match state {
            LaserState::Off => Self::Off,
            LaserState::Blocked => Self::Blocked,
            LaserState::WarmingUp => Self::Warming,
            LaserState::On => Self::On,
            LaserState::Fault => Self::Fault,
            LaserState::Unknown => Self::Unknown,
        }
    }
}

impl Lamp {
    /// The words beside the lamp.
    pub const fn words(self) -> &'static str {
        match self {
            Self::Off => "Laser off",
            Self::Blocked => "Laser blocked",
            Self::Warming => "LASER WARMING UP",
            Self::On => "LASER ON",
            Self::Fault => "LASER FAULT: treat as on",
            Self::Unknown => "LASER STATE UNKNOWN: treat as on",
            Self::NoKit => "Laser not connected",
        }
    }
}

/// Shows the lamp and its words. While the laser is on, or may be, the words stand on a filled ground.
pub fn status_lamp(ui: &mut Ui, lamp: Lamp) -> Response {
    let t = tokens(ui);
    let (fill, ink, mark) = match lamp {
        Lamp::Off | Lamp::Blocked => (Color32::TRANSPARENT, t.bar.ink, t.lamp_off),
        Lamp::NoKit => (Color32::TRANSPARENT, t.bar.ink, t.bar.fill),
        Lamp::Warming | Lamp::On => (t.lamp_on.fill, t.lamp_on.ink, t.lamp_on.fill),
        Lamp::Fault | Lamp::Unknown => (t.lamp_unknown.fill, t.lamp_unknown.ink, t.lamp_unknown.fill),
    };
    let loud = fill != Color32::TRANSPARENT;
    let font = if loud { tokens::strong(tokens::TEXT_LABEL) } else { tokens::regular(tokens::TEXT_LABEL) };
    let galley = ui.painter().layout_no_wrap(lamp.words().to_owned(), font, Color32::PLACEHOLDER);
    let side_margin = if loud { 10.0 } else { 0.0 };
    let size = vec2(galley.size().x + 26.0 + 2.0 * side_margin, galley.size().y.max(20.0) + 10.0);
    let (rect, response) = ui.allocate_exact_size(size, Sense::hover());
    response.widget_info(|| WidgetInfo::labeled(Role::Label, true, lamp.words()));
    let painter = ui.painter();
    if loud {
        painter.rect(rect, tokens::corner_small(), fill, Stroke::NONE, StrokeKind::Inside);
    }
    let centre = pos2(rect.min.x + side_margin + 9.0, rect.center().y);
    painter.circle(centre, 7.0, mark, Stroke::new(2.0, ink));
    match lamp {
        // The emitting lamp is crossed by rays, the doubtful one by a bar: told apart without colour.
        Lamp::On | Lamp::Warming => {
            painter.circle_filled(centre, 3.5, ink);
        }
        Lamp::Fault | Lamp::Unknown => {
            painter.line_segment([centre - vec2(4.0, 0.0), centre + vec2(4.0, 0.0)], Stroke::new(2.5, ink));
        }
        Lamp::Off | Lamp::Blocked | Lamp::NoKit => {}
    }
    let text_at = pos2(rect.min.x + side_margin + 26.0, rect.center().y - galley.size().y / 2.0);
    painter.galley_with_override_text_color(text_at, galley, ink);
    response
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_laser_that_is_not_known_to_be_off_is_called_on() {
        for state in [LaserState::Unknown, LaserState::Fault] {
            assert!(Lamp::from(state).words().contains("treat as on"), "{state:?}");
        }
        assert!(Lamp::from(LaserState::WarmingUp).words().contains("WARMING"));
        assert!(Lamp::from(LaserState::On).words().contains("ON"));
        assert_eq!(Lamp::from(LaserState::Off).words(), "Laser off");
    }
}
