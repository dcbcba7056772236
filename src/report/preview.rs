//! The pages of a report as they are drawn on a screen: the very marks from which the PDF is made.

use super::letters::Weight;
use super::sheet::Mark;

/// One page; lengths in points of 1/72 inch, places from the upper left corner.
#[derive(Clone, Debug, PartialEq)]
pub struct PreviewPage {
    /// Width.
    pub width: f32,
    /// Height.
    pub height: f32,
    /// What is on it, in the order of drawing.
    pub marks: Vec<PreviewMark>,
}

/// Something on a page. Inks are red, green and blue.
#[derive(Clone, Debug, PartialEq)]
pub enum PreviewMark {
    /// A line of text in the letters of the program.
    Text {
        /// Left edge.
        x: f32,
        /// Base line.
        y: f32,
        /// Size of the letters.
        size: f32,
        /// Whether in the strong weight.
        strong: bool,
        /// Colour.
        ink: [u8; 3],
        /// The text.
        text: String,
    },
    /// A filled rectangle.
    Box {
        /// Left edge.
        x: f32,
        /// Upper edge.
        y: f32,
        /// Width.
        width: f32,
        /// Height.
        height: f32,
        /// Colour.
        ink: [u8; 3],
    },
    /// A line through points.
    Line {
        /// The points.
        points: Vec<(f32, f32)>,
        /// Its width.
        width: f32,
        /// Colour.
        ink: [u8; 3],
    },
    /// The place of a photo, which only the PDF shows.
    Photo {
        /// Left edge.
        x: f32,
        /// Upper edge.
        y: f32,
        /// Width.
        width: f32,
        /// Height.
        height: f32,
    },
}

impl PreviewPage {
    pub(super) fn new((width, height): (f32, f32), marks: &[Mark]) -> Self {
        Self { width, height, marks: marks.iter().map(PreviewMark::of).collect() }
    }
}

impl PreviewMark {
    fn of(mark: &Mark) -> Self {
        match mark {
            Mark::Text { x, y, size, weight, ink, text } => Self::Text {
                x: *x,
                y: *y,
                size: *size,
                strong: *weight == Weight::Strong,
                ink: *ink,
                text: text.clone(),
            },
            Mark::Box { x, y, width, height, ink } => {
                Self::Box { x: *x, y: *y, width: *width, height: *height, ink: *ink }
            }
            Mark::Line { points, width, ink } => Self::Line { points: points.clone(), width: *width, ink: *ink },
            Mark::Photo { x, y, width, height, .. } => Self::Photo { x: *x, y: *y, width: *width, height: *height },
        }
    }
}
