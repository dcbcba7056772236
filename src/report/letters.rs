//! The two weights of the report's letters, and how wide a text is.

use krilla::text::Font;
use skrifa::instance::{LocationRef, Size};
use skrifa::{FontRef, MetadataProvider};

use super::ReportError;

/// Stands for a character that the letters do not have, so that nothing is left out silently.
const MISSING: char = '\u{25a1}';

/// Weight of a text.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Weight {
    Regular,
    Strong,
}

/// One weight: for drawing and for measuring.
struct Face {
    font: Font,
    measure: FontRef<'static>,
}

/// The letters of a document.
pub(super) struct Letters {
    regular: Face,
    strong: Face,
}

impl Letters {
    /// Reads the compiled-in fonts (SIL Open Font License, `assets/fonts/OFL.txt`).
    pub(super) fn new() -> Result<Self, ReportError> {
        Ok(Self {
            regular: face(include_bytes!("../../assets/fonts/Inter-Regular-subset.otf"))?,
            strong: face(include_bytes!("../../assets/fonts/Inter-SemiBold-subset.otf"))?,
        })
    }

    const fn face(&self, weight: Weight) -> &Face {
        match weight {
            Weight::Regular => &self.regular,
            Weight::Strong => &self.strong,
        }
    }

    pub(super) fn font(&self, weight: Weight) -> Font {
        self.face(weight).font.clone()
    }

    /// Width of `text`, points.
    pub(super) fn width(&self, text: &str, weight: Weight, size: f32) -> f32 {
        let measure = &self.face(weight).measure;
        let metrics = measure.glyph_metrics(Size::new(size), LocationRef::default());
        let letters = measure.charmap();
        text.chars().filter_map(|c| metrics.advance_width(letters.map(c)?)).sum()
    }

    /// The text as it can be drawn: one line, without signs that turn the reading direction, and with a box for every
    /// character that the letters do not have.
    pub(super) fn drawable(&self, text: &str) -> String {
        let letters = self.regular.measure.charmap();
        let known = |c: char| letters.map(c).is_some_and(|glyph| glyph.to_u32() != 0);
        text.chars()
            .map(|c| match c {
                c if c.is_whitespace() => ' ',
                c if known(c) => c,
                _ => MISSING,
            })
            .collect()
    }

    /// The lines of `text` in a column of `width` points. A word that is longer than the column is cut into pieces.
    pub(super) fn lines(&self, text: &str, weight: Weight, size: f32, width: f32) -> Vec<String> {
        let text = self.drawable(text);
        let fits = |line: &str| self.width(line, weight, size) <= width;
        let mut lines = Vec::new();
        let mut line = String::new();
        for word in text.split(' ').filter(|word| !word.is_empty()) {
            let joined = if line.is_empty() { word.to_owned() } else { format!("{line} {word}") };
            if fits(&joined) {
                line = joined;
                continue;
            }
            if !line.is_empty() {
                lines.push(std::mem::take(&mut line));
            }
            for c in word.chars() {
                line.push(c);
                if !fits(&line) && line.chars().count() > 1 {
                    line.pop();
                    lines.push(std::mem::replace(&mut line, c.to_string()));
                }
            }
        }
        if !line.is_empty() || lines.is_empty() {
            lines.push(line);
        }
        lines
    }
}

fn face(bytes: &'static [u8]) -> Result<Face, ReportError> {
    let damaged = || ReportError::Fonts;
    let font = Font::new(bytes.to_vec().into(), 0).ok_or_else(damaged)?;
    Ok(Face { font, measure: FontRef::new(bytes).map_err(|_| damaged())? })
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn no_line_is_wider_than_its_column_and_no_letter_is_lost(text in "\\PC{0,200}", width in 20.0_f32..400.0) {
            let letters = Letters::new().unwrap();
            let lines = letters.lines(&text, Weight::Regular, 9.0, width);
            for line in &lines {
                prop_assert!(letters.width(line, Weight::Regular, 9.0) <= width || line.chars().count() == 1);
            }
            let without = |s: &str| s.chars().filter(|c| *c != ' ').collect::<String>();
            prop_assert_eq!(without(&lines.concat()), without(&letters.drawable(&text)));
        }
    }
}
