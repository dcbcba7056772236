//! Icons as strokes on a 24 x 24 grid. Each verdict has its own outline, so that it is told apart without colour.

use egui::{Color32, Painter, Pos2, Rect, Stroke};

use crate::identify::Level;

/// An icon.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Icon {
    /// A trace: the Scan screen.
    Scan,
    /// A sheet: the Records screen.
    Records,
    /// Books: the Library screen.
    Library,
    /// A probe with its beam: the Device screen.
    Device,
    /// Triangle with an exclamation mark.
    Alarm,
    /// Diamond with an exclamation mark.
    Alert,
    /// Circle with a question mark.
    Inconclusive,
    /// Circle with a bar.
    NoneDetected,
    /// Hourglass: work is going on.
    Working,
    /// Cross in a square: it failed.
    Failed,
    /// A list can be opened.
    Open,
    /// Sun: the day theme.
    Day,
    /// Moon: the night theme.
    Night,
    /// Enlarge.
    Plus,
    /// Shrink.
    Minus,
}

impl From<Level> for Icon {
    fn from(level: Level) -> Self {
        match level {
            Level::Alarm => Self::Alarm,
            Level::Alert => Self::Alert,
            Level::Inconclusive => Self::Inconclusive,
            Level::NoneDetected => Self::NoneDetected,
        }
    }
}

/// Pencil of one icon: grid coordinates to points on the screen.
struct Pencil<'a> {
    painter: &'a Painter,
    origin: Pos2,
    unit: f32,
    stroke: Stroke,
}

impl Pencil<'_> {
    fn at(&self, (x, y): (f32, f32)) -> Pos2 {
        egui::pos2(self.origin.x + x * self.unit, self.origin.y + y * self.unit)
    }

    fn path(&self, points: &[(f32, f32)]) {
        self.painter.add(egui::Shape::line(points.iter().map(|p| self.at(*p)).collect(), self.stroke));
    }

    fn closed(&self, points: &[(f32, f32)]) {
        self.painter.add(egui::Shape::closed_line(points.iter().map(|p| self.at(*p)).collect(), self.stroke));
    }

    fn circle(&self, centre: (f32, f32), radius: f32) {
        self.painter.circle_stroke(self.at(centre), radius * self.unit, self.stroke);
    }

    fn dot(&self, centre: (f32, f32), radius: f32) {
        self.painter.circle_filled(self.at(centre), radius * self.unit, self.stroke.color);
    }

    /// Part of a circle, angles in degrees clockwise from three o'clock.
    fn arc(&self, centre: (f32, f32), radius: f32, from_deg: f32, to_deg: f32) {
        let points: Vec<(f32, f32)> = (0..=24)
            .map(|i| {
                let angle = (from_deg + (to_deg - from_deg) * i as f32 / 24.0).to_radians();
                (centre.0 + radius * angle.cos(), centre.1 + radius * angle.sin())
            })
            .collect();
        self.path(&points);
    }
}

/// Paints `icon` as large as fits into `rect`.
pub fn paint(painter: &Painter, rect: Rect, icon: Icon, color: Color32) {
    let side = rect.width().min(rect.height());
    let unit = side / 24.0;
    let square = Rect::from_center_size(rect.center(), egui::Vec2::splat(side));
    let p = Pencil { painter, origin: square.min, unit, stroke: Stroke::new((2.1 * unit).max(1.6), color) };
    match icon {
        Icon::Scan => {
            p.path(&[(2.0, 13.0), (6.5, 13.0), (9.0, 5.0), (13.0, 20.0), (16.0, 10.0), (18.0, 13.0), (22.0, 13.0)]);
        }
        Icon::Records => {
            p.closed(&[(5.0, 3.0), (15.0, 3.0), (19.0, 7.0), (19.0, 21.0), (5.0, 21.0)]);
            p.path(&[(8.5, 11.0), (15.5, 11.0)]);
            p.path(&[(8.5, 15.5), (15.5, 15.5)]);
        }
        Icon::Library => {
            p.closed(&[(3.0, 3.0), (8.0, 3.0), (8.0, 21.0), (3.0, 21.0)]);
            p.closed(&[(8.0, 6.0), (13.0, 6.0), (13.0, 21.0), (8.0, 21.0)]);
            p.closed(&[(14.5, 6.5), (18.5, 5.0), (22.5, 19.5), (18.5, 21.0)]);
        }
        Icon::Device => {
            p.closed(&[(7.0, 2.0), (17.0, 2.0), (17.0, 11.0), (14.0, 15.0), (10.0, 15.0), (7.0, 11.0)]);
            p.path(&[(12.0, 17.0), (12.0, 22.0)]);
            p.path(&[(8.5, 17.5), (6.5, 21.5)]);
            p.path(&[(15.5, 17.5), (17.5, 21.5)]);
        }
        Icon::Alarm => {
            p.closed(&[(12.0, 2.5), (22.8, 21.5), (1.2, 21.5)]);
            p.path(&[(12.0, 9.0), (12.0, 15.0)]);
            p.dot((12.0, 18.2), 1.35);
        }
        Icon::Alert => {
            p.closed(&[(12.0, 1.5), (22.5, 12.0), (12.0, 22.5), (1.5, 12.0)]);
            p.path(&[(12.0, 6.8), (12.0, 13.2)]);
            p.dot((12.0, 16.6), 1.35);
        }
        Icon::Inconclusive => {
            p.circle((12.0, 12.0), 10.0);
            p.arc((12.0, 9.7), 3.3, 180.0, 410.0);
            p.path(&[(14.1, 12.2), (12.0, 14.4)]);
            p.dot((12.0, 17.4), 1.35);
        }
        Icon::NoneDetected => {
            p.circle((12.0, 12.0), 10.0);
            p.path(&[(7.0, 12.0), (17.0, 12.0)]);
        }
        Icon::Working => {
            p.closed(&[(6.0, 2.5), (18.0, 2.5), (13.0, 12.0), (18.0, 21.5), (6.0, 21.5), (11.0, 12.0)]);
            p.path(&[(9.5, 18.5), (14.5, 18.5)]);
        }
        Icon::Failed => {
            p.closed(&[(3.0, 3.0), (21.0, 3.0), (21.0, 21.0), (3.0, 21.0)]);
            p.path(&[(8.0, 8.0), (16.0, 16.0)]);
            p.path(&[(16.0, 8.0), (8.0, 16.0)]);
        }
        Icon::Open => p.path(&[(5.0, 9.0), (12.0, 16.0), (19.0, 9.0)]),
        Icon::Day => {
            p.circle((12.0, 12.0), 4.5);
            for k in 0..8 {
                let (sin, cos) = (k as f32 * std::f32::consts::FRAC_PI_4).sin_cos();
                p.path(&[(12.0 + 7.5 * cos, 12.0 + 7.5 * sin), (12.0 + 10.5 * cos, 12.0 + 10.5 * sin)]);
            }
        }
        Icon::Night => {
            p.arc((12.0, 12.0), 9.5, 20.0, 270.0);
            p.arc((16.6, 7.0), 7.8, 120.0, 240.0 - 15.0);
        }
        Icon::Plus => {
            p.path(&[(4.0, 12.0), (20.0, 12.0)]);
            p.path(&[(12.0, 4.0), (12.0, 20.0)]);
        }
        Icon::Minus => p.path(&[(4.0, 12.0), (20.0, 12.0)]),
    }
}
