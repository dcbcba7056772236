//! Where things are. Every screen computes its places from the window's size alone, so that the banner, the plot and
//! the buttons never move with what they show.

use egui::{Rect, pos2, vec2};

use super::tokens::{BUTTON, GAP, MARGIN, STEP_HEIGHT};

/// Content heights below this get the tighter layout (a window of 600 points).
const TIGHT_BELOW: f32 = 620.0;

/// Places of a screen that shows an answer.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct AnswerPlaces {
    /// Step bar, or the heading of an old record.
    pub steps: Rect,
    /// Banner.
    pub banner: Rect,
    /// Spectrum.
    pub left: Rect,
    /// What to do now; empty in the tight layout, which shows it as a tab of `lower`.
    pub upper: Option<Rect>,
    /// Lists and facts.
    pub lower: Rect,
    /// Buttons.
    pub actions: Rect,
}

/// Places of the screen before a scan.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct ReadyPlaces {
    /// Step bar.
    pub steps: Rect,
    /// Parcel, sample, safety question.
    pub left: Rect,
    /// Device and the Scan button.
    pub right: Rect,
    /// Height of the Scan button.
    pub button_height: f32,
}

/// Places of the Device screen.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct DevicePlaces {
    /// Title or steps.
    pub head: Rect,
    /// What is looked at.
    pub left: Rect,
    /// What goes with it.
    pub right: Rect,
    /// Buttons.
    pub actions: Rect,
}

/// True when the layout must be tight.
pub fn tight(content: Rect) -> bool {
    content.height() < TIGHT_BELOW
}

fn inside(content: Rect) -> (Rect, f32) {
    let gap = if tight(content) { 8.0 } else { GAP };
    (content.shrink2(vec2(MARGIN, gap)), gap)
}

/// Places before a scan.
pub fn ready(content: Rect) -> ReadyPlaces {
    let (area, gap) = inside(content);
    let steps = Rect::from_min_size(area.min, vec2(area.width(), STEP_HEIGHT));
    let body = Rect::from_min_max(pos2(area.min.x, steps.max.y + gap), area.max);
    let right_width = (area.width() * 0.37).clamp(320.0, 440.0);
    let split = body.max.x - right_width;
    ReadyPlaces {
        steps,
        left: Rect::from_min_max(body.min, pos2(split - GAP, body.max.y)),
        right: Rect::from_min_max(pos2(split, body.min.y), body.max),
        button_height: if tight(content) { 104.0 } else { 132.0 },
    }
}

/// Places of an answer.
pub fn answer(content: Rect) -> AnswerPlaces {
    let (area, gap) = inside(content);
    let tight = tight(content);
    let (banner_height, button) = if tight { (112.0, 52.0) } else { (136.0, BUTTON) };
    let steps = Rect::from_min_size(area.min, vec2(area.width(), STEP_HEIGHT));
    let banner = Rect::from_min_size(pos2(area.min.x, steps.max.y + gap), vec2(area.width(), banner_height));
    let actions = Rect::from_min_max(pos2(area.min.x, area.max.y - button), area.max);
    let middle = Rect::from_min_max(pos2(area.min.x, banner.max.y + gap), pos2(area.max.x, actions.min.y - gap));
    // Advice needs the width more than the spectrum where both are small.
    let right_width = if tight { area.width() * 0.5 } else { (area.width() * 0.45).clamp(380.0, 520.0) };
    let split = middle.max.x - right_width;
    let left = Rect::from_min_max(middle.min, pos2(split - GAP, middle.max.y));
    let right = Rect::from_min_max(pos2(split, middle.min.y), middle.max);
    if tight {
        return AnswerPlaces { steps, banner, left, upper: None, lower: right, actions };
    }
    let upper_height = (right.height() * 0.56).round();
    let upper = Rect::from_min_size(right.min, vec2(right.width(), upper_height));
    let lower = Rect::from_min_max(pos2(right.min.x, upper.max.y + gap), right.max);
    AnswerPlaces { steps, banner, left, upper: Some(upper), lower, actions }
}

/// Places of the Device screen.
pub fn device(content: Rect) -> DevicePlaces {
    let (area, gap) = inside(content);
    let button = if tight(content) { 52.0 } else { BUTTON };
    let head = Rect::from_min_size(area.min, vec2(area.width(), STEP_HEIGHT));
    let actions = area.with_min_y(area.max.y - button);
    let middle = Rect::from_min_max(pos2(area.min.x, head.max.y + gap), pos2(area.max.x, actions.min.y - gap));
    let split = middle.center().x.round();
    let left = middle.with_max_x(split - gap / 2.0);
    DevicePlaces { head, left, right: middle.with_min_x(split + gap / 2.0), actions }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ui::tokens::{BAR_HEIGHT, RAIL_WIDTH, TARGET};

    fn content(width: f32, height: f32) -> Rect {
        Rect::from_min_max(pos2(RAIL_WIDTH, BAR_HEIGHT), pos2(width, height))
    }

    #[test]
    fn places_lie_inside_the_window_and_never_overlap() {
        for (w, h) in [(1280.0, 800.0), (1024.0, 600.0), (1920.0, 1080.0)] {
            let all = content(w, h);
            let a = answer(all);
            let (r, d) = (ready(all), device(all));
            let groups: [Vec<Rect>; 3] = [
                [Some(a.steps), Some(a.banner), Some(a.left), a.upper, Some(a.lower), Some(a.actions)]
                    .into_iter()
                    .flatten()
                    .collect(),
                vec![r.steps, r.left, r.right],
                vec![d.head, d.left, d.right, d.actions],
            ];
            for places in groups {
                for (i, one) in places.iter().enumerate() {
                    assert!(all.contains_rect(*one), "{one:?} in {w}x{h}");
                    assert!(one.width() > 100.0 && one.height() >= STEP_HEIGHT, "{one:?} in {w}x{h}");
                    for other in places.iter().skip(i + 1) {
                        assert!(!one.shrink(0.5).intersects(other.shrink(0.5)), "{one:?} {other:?} in {w}x{h}");
                    }
                }
            }
            assert!(a.actions.height() >= TARGET && r.button_height >= 2.0 * TARGET);
        }
    }

    #[test]
    fn the_steps_stand_at_the_same_place_before_and_after_a_scan() {
        for (w, h) in [(1280.0, 800.0), (1024.0, 600.0)] {
            assert_eq!(answer(content(w, h)).steps, ready(content(w, h)).steps);
        }
    }
}
