//! Files that are recognised only to say what they are.

use super::FormatError;

/// First bytes of files that are no text.
const BINARY: [(&[u8], &str); 7] = [
    (b"%PDF", "a PDF document"),
    (b"\x1f\x8b", "a compressed file"),
    (b"\x89PNG", "a picture"),
    (b"\xff\xd8\xff", "a picture"),
    (b"\x7fELF", "a program"),
    (b"\xd0\xcf\x11\xe0", "an old office document"),
    (b"SQLite format 3", "a database"),
];

/// Recognises formats by their first bytes.
pub(super) fn refuse_bytes(bytes: &[u8]) -> Option<FormatError> {
    let (_, what) = BINARY.iter().find(|(start, _)| bytes.starts_with(start))?;
    Some(FormatError::Unsupported { what })
}

/// Recognises formats that are text but no tables.
pub(super) fn refuse_text(text: &str) -> Option<FormatError> {
    let start = text.trim_start();
    if start.get(..5).is_some_and(|s| s.eq_ignore_ascii_case("<?xml") || s.eq_ignore_ascii_case("<html"))
        || start.get(..9).is_some_and(|s| s.eq_ignore_ascii_case("<!doctype"))
    {
        return Some(FormatError::Unsupported { what: "an XML or HTML document" });
    }
    if start.starts_with('{') {
        return Some(FormatError::Unsupported { what: "a JSON document" });
    }
    None
}

#[cfg(test)]
mod tests {
    use super::refuse_bytes;

    #[test]
    fn formats_of_other_kinds_are_named() {
        for (bytes, what) in [(&b"%PDF-1.7"[..], "PDF"), (b"SQLite format 3\0", "database")] {
            let sentence = refuse_bytes(bytes).map(|e| e.to_string()).unwrap_or_default();
            assert!(sentence.contains(what), "{sentence}");
        }
        assert_eq!(refuse_bytes(b"1 2\n3 4\n"), None);
    }
}
