//! Files that are recognised only to say what they are.

use super::FormatError;

/// First bytes of files that are no text.
const BINARY: [(&[u8], &str); 11] = [
    (b"\x0a\x0a\xfe\xfe", "a Bruker OPUS file"),
    (b"WDF1", "a Renishaw WDF file"),
    (b"Spectral Data File", "a Thermo Omnic SPA file"),
    (b"%PDF", "a PDF document"),
    (b"PK\x03\x04", "a ZIP archive or an office document"),
    (b"\x1f\x8b", "a compressed file"),
    (b"\x89PNG", "a picture"),
    (b"\xff\xd8\xff", "a picture"),
    (b"\x7fELF", "a program"),
    (b"\xd0\xcf\x11\xe0", "an old office document"),
    (b"SQLite format 3", "a database"),
];

/// Labels that only JCAMP-DX files have, in the spelling after removal of spaces and marks.
const JCAMP_LABELS: [&str; 6] = ["JCAMPDX", "XYDATA", "XYPOINTS", "PEAKTABLE", "NTUPLES", "DATATABLE"];

/// Recognises formats by their first bytes.
pub(super) fn refuse_bytes(bytes: &[u8]) -> Option<FormatError> {
    if let Some((_, what)) = BINARY.iter().find(|(start, _)| bytes.starts_with(start)) {
        return Some(FormatError::Unsupported { what });
    }
    // SPC has no better mark than its version byte; a text never holds a NUL close behind it.
    let version = bytes.get(1).copied();
    let spc = matches!(version, Some(0x4b..=0x4d)) && bytes.len() >= 512 && bytes.iter().take(32).any(|b| *b == 0);
    spc.then_some(FormatError::Unsupported { what: "probably a Galactic SPC file" })
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
    // Its tables of differences look like columns of numbers, so it must never reach the readers of tables.
    super::text::lines(text)
        .any(|(_, line)| is_jcamp_label(line))
        .then_some(FormatError::Unsupported { what: "a JCAMP-DX file" })
}

fn is_jcamp_label(line: &str) -> bool {
    let Some((label, _)) = line.trim_start().strip_prefix("##").and_then(|rest| rest.split_once('=')) else {
        return false;
    };
    if label.len() > 32 {
        return false;
    }
    let label: String = label.chars().filter(char::is_ascii_alphanumeric).collect();
    JCAMP_LABELS.iter().any(|known| label.eq_ignore_ascii_case(known))
}

#[cfg(test)]
mod tests {
    use super::{refuse_bytes, refuse_text};

    #[test]
    fn formats_of_other_kinds_are_named() {
        for (bytes, what) in
            [(&b"WDF1\0\0"[..], "WDF"), (b"\x0a\x0a\xfe\xfe\0", "OPUS"), (b"%PDF-1.7", "PDF"), (b"PK\x03\x04", "ZIP")]
        {
            let sentence = refuse_bytes(bytes).map(|e| e.to_string()).unwrap_or_default();
            assert!(sentence.contains(what), "{sentence}");
        }
        assert_eq!(refuse_bytes(b"1 2\n3 4\n"), None);
    }

    #[test]
    fn a_jcamp_file_is_not_taken_for_a_table() {
        let jcamp = "##TITLE=x\n##JCAMP-DX= 4.24\n##XYDATA=(X++(Y..Y))\n400 1 2 3\n403 4 5 6\n##END=\n";
        assert!(refuse_text(jcamp).is_some_and(|e| e.to_string().contains("JCAMP-DX")));
        assert_eq!(refuse_text("##NAMES=Calcite\n117.9, 382.2\n"), None);
    }
}
