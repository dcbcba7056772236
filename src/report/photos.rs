//! Photos of a record in its report.

use krilla::Data;
use krilla::image::Image;

use crate::casebook::{Dossier, KeptFile};

use super::letters::Weight;
use super::sheet::{BLACK, MARGIN, MUTE, Mark, NOTE, Sheet, TEXT};

/// Most photos that are shown; the package holds all.
const PHOTOS: usize = 8;
/// Largest file that is shown.
const BYTES_MAX: usize = 16 << 20;
/// Most pixels that are shown: a small file can claim any number of them.
const PIXELS_MAX: u64 = 40_000_000;
/// Largest height on the page, points.
const HEIGHT: f32 = 250.0;

/// A file that can be shown.
pub(super) struct Photo<'a> {
    file: &'a KeptFile,
    image: Image,
}

/// The files of the record that are pictures (JPEG or PNG, by their first bytes and not by their names).
pub(super) fn photos(dossier: &Dossier) -> Vec<Photo<'_>> {
    dossier.files.iter().filter_map(shown).take(PHOTOS).collect()
}

fn shown(file: &KeptFile) -> Option<Photo<'_>> {
    let bytes = file.bytes.as_ref().filter(|bytes| bytes.len() <= BYTES_MAX)?;
    let data: Data = bytes.clone().into();
    // PDF/A forbids interpolation.
    let image = match bytes.get(..4)? {
        [0xff, 0xd8, ..] => Image::from_jpeg(data, false),
        b"\x89PNG" => Image::from_png(data, false),
        _ => return None,
    };
    let image = image.ok()?;
    let (width, height) = image.size();
    let pixels = u64::from(width) * u64::from(height);
    (1..=PIXELS_MAX).contains(&pixels).then_some(Photo { file, image })
}

/// Pictures with what they show, and the other files by name.
pub(super) fn put_photos(sheet: &mut Sheet<'_>, dossier: &Dossier, photos: &[Photo<'_>]) {
    if dossier.files.is_empty() {
        return;
    }
    sheet.heading("Photos and files");
    for Photo { file, image } in photos {
        let (pixels_wide, pixels_high) = image.size();
        let shape = pixels_wide as f32 / pixels_high as f32;
        let (width, height) = if HEIGHT * shape > sheet.width() {
            (sheet.width(), sheet.width() / shape)
        } else {
            (HEIGHT * shape, HEIGHT)
        };
        sheet.keep_together(height + 34.0);
        let y = sheet.take(height + 4.0);
        sheet.put(Mark::Photo { x: MARGIN, y, width, height, image: image.clone() });
        caption(sheet, file, "");
    }
    for file in &dossier.files {
        if !photos.iter().any(|photo| std::ptr::eq(photo.file, file)) {
            let state = if file.bytes.is_some() {
                "not shown here; the exchange package holds it"
            } else {
                "NOT THERE, or not the file that was added"
            };
            caption(sheet, file, state);
        }
    }
}

fn caption(sheet: &mut Sheet<'_>, file: &KeptFile, state: &str) {
    let words: Vec<&str> = [file.name.as_str(), &file.text, state].into_iter().filter(|w| !w.is_empty()).collect();
    sheet.paragraph(&words.join(" \u{2013} "), Weight::Regular, TEXT, BLACK);
    sheet.paragraph(&format!("SHA-256 {}", file.sha256), Weight::Regular, NOTE, MUTE);
    sheet.space(5.0);
}
