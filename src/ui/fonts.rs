//! The fonts of the window: two weights of one family, compiled in, so that text looks the same on every machine.

use std::sync::Arc;

use egui::{FontData, FontDefinitions, FontFamily};

/// Name of the strong weight's family.
pub const STRONG: &str = "strong";

const REGULAR_FILE: &str = "inter-regular";
const STRONG_FILE: &str = "inter-semibold";

/// The fonts: regular for text and numbers, semi-bold for what must be seen first. Digits have one width in both, so
/// the monospace family is the regular one.
pub fn definitions() -> FontDefinitions {
    let mut fonts = FontDefinitions::empty();
    let files: [(&str, &'static [u8]); 2] = [
        (REGULAR_FILE, include_bytes!("../../assets/fonts/Inter-Regular-subset.otf")),
        (STRONG_FILE, include_bytes!("../../assets/fonts/Inter-SemiBold-subset.otf")),
    ];
    for (name, bytes) in files {
        fonts.font_data.insert(name.to_owned(), Arc::new(FontData::from_static(bytes)));
    }
    for (family, file) in [
        (FontFamily::Proportional, REGULAR_FILE),
        (FontFamily::Monospace, REGULAR_FILE),
        (FontFamily::Name(STRONG.into()), STRONG_FILE),
    ] {
        fonts.families.insert(family, vec![file.to_owned()]);
    }
    fonts
}
