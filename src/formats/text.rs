//! From bytes to text: UTF-8, UTF-16 with its mark, or Windows-1252.

use std::borrow::Cow;

/// The text of a file, or `None` where the bytes are no text.
///
/// A byte order mark decides; without one the bytes are UTF-8 where they are valid, else Windows-1252, which old
/// instrument programs write (Latin-1 is the same but for rarely used control characters). Control characters other than white space do not occur in text.
pub(super) fn decode(bytes: &[u8]) -> Option<Cow<'_, str>> {
    let text = match bytes {
        [0xef, 0xbb, 0xbf, rest @ ..] => Cow::Borrowed(std::str::from_utf8(rest).ok()?),
        [0xff, 0xfe, rest @ ..] => Cow::Owned(utf16(rest, u16::from_le_bytes)?),
        [0xfe, 0xff, rest @ ..] => Cow::Owned(utf16(rest, u16::from_be_bytes)?),
        _ => match std::str::from_utf8(bytes) {
            Ok(text) => Cow::Borrowed(text),
            Err(_) => Cow::Owned(bytes.iter().map(|byte| windows_1252(*byte)).collect()),
        },
    };
    // 0x1a is the end mark of old DOS programs.
    let strange = |c: char| c < ' ' && !matches!(c, '\t' | '\n' | '\r' | '\u{b}' | '\u{c}' | '\u{1a}');
    if text.chars().any(strange) { None } else { Some(text) }
}

/// The character of a byte by the WHATWG Encoding Standard's index of windows-1252.
pub(super) fn windows_1252(byte: u8) -> char {
    const FROM_80: [char; 32] = [
        '\u{20ac}', '\u{81}', '\u{201a}', '\u{192}', '\u{201e}', '\u{2026}', '\u{2020}', '\u{2021}', '\u{2c6}',
        '\u{2030}', '\u{160}', '\u{2039}', '\u{152}', '\u{8d}', '\u{17d}', '\u{8f}', '\u{90}', '\u{2018}', '\u{2019}',
        '\u{201c}', '\u{201d}', '\u{2022}', '\u{2013}', '\u{2014}', '\u{2dc}', '\u{2122}', '\u{161}', '\u{203a}',
        '\u{153}', '\u{9d}', '\u{17e}', '\u{178}',
    ];
    let special = byte.checked_sub(0x80).and_then(|i| FROM_80.get(usize::from(i)));
    special.copied().unwrap_or(char::from(byte))
}

fn utf16(bytes: &[u8], unit: fn([u8; 2]) -> u16) -> Option<String> {
    let (pairs, rest) = bytes.as_chunks::<2>();
    if !rest.is_empty() {
        return None;
    }
    char::decode_utf16(pairs.iter().map(|pair| unit(*pair))).collect::<Result<_, _>>().ok()
}

/// Most bytes of a text that is copied to every spectrum of a file.
const MAX_BRIEF: usize = 200;

/// The beginning of a text that goes into titles, units and notes: a file may hold thousands of spectra, and a text of
/// megabytes copied to each would fill the memory.
pub(super) fn brief(text: &str) -> &str {
    text.get(..text.floor_char_boundary(MAX_BRIEF)).unwrap_or(text).trim()
}

/// The lines of a text with their numbers, from 1. A line ends at a line feed, a carriage return or both.
pub(super) fn lines(text: &str) -> impl Iterator<Item = (usize, &str)> + Clone {
    // Old Macintosh files end lines by carriage return alone; files with both must not be counted twice.
    let separator = if text.contains('\n') { '\n' } else { '\r' };
    text.split(separator).enumerate().map(|(i, line)| (i + 1, line.strip_suffix('\r').unwrap_or(line)))
}

#[cfg(test)]
mod tests {
    use super::{decode, lines};

    #[test]
    fn text_is_read_in_every_usual_encoding() {
        assert_eq!(decode("25 \u{b0}C".as_bytes()).as_deref(), Some("25 \u{b0}C"));
        assert_eq!(decode(b"25 \xb0C").as_deref(), Some("25 \u{b0}C"));
        assert_eq!(decode(b"5 \x80 \x96 \xb5m").as_deref(), Some("5 \u{20ac} \u{2013} \u{b5}m"));
        assert_eq!(decode(b"\xef\xbb\xbfa").as_deref(), Some("a"));
        assert_eq!(decode(b"\xff\xfea\0\n\0").as_deref(), Some("a\n"));
        assert_eq!(decode(b"\xfe\xff\0a").as_deref(), Some("a"));
    }

    #[test]
    fn bytes_that_are_no_text_are_not_taken_for_text() {
        for bytes in [&b"a\0b"[..], b"\x01\x02", b"\xff\xfea", b"\xef\xbb\xbf\xff"] {
            assert_eq!(decode(bytes), None, "{bytes:?}");
        }
    }

    #[test]
    fn lines_end_in_every_usual_way() {
        for text in ["a\nb", "a\r\nb", "a\rb"] {
            assert_eq!(lines(text).collect::<Vec<_>>(), [(1, "a"), (2, "b")], "{text:?}");
        }
    }
}
