//! How commands talk: results to stdout, errors to stderr, nothing that a file says may drive the terminal.

use std::io::{self, Write};

use serde::Serialize;

/// Prints one JSON document and a line end.
pub(super) fn print_json(document: &impl Serialize) -> io::Result<()> {
    let mut text = serde_json::to_string_pretty(document)?;
    text.push('\n');
    print_text(&text)
}

/// Prints text as it is. Unlike `println!` it returns an error when the reader went away.
pub(super) fn print_text(text: &str) -> io::Result<()> {
    let mut stdout = io::stdout().lock();
    stdout.write_all(text.as_bytes()).and_then(|()| stdout.flush()).map_err(|error| {
        let what = without_number(&error.to_string()).to_owned();
        io::Error::new(
            error.kind(),
            format!("the result cannot be written to standard output ({what}); send it elsewhere"),
        )
    })
}

/// Prints a sentence on stderr.
pub(super) fn complain(sentence: &str) {
    // Nothing sensible can be done where even stderr is closed.
    let _ = writeln!(io::stderr().lock(), "parcelscope: {}", printable(sentence));
}

/// An error and its causes as one line. A cause that the sentence before it already contains is not repeated.
pub(super) fn sentence(error: &anyhow::Error) -> String {
    let mut line = String::new();
    for cause in error.chain() {
        let cause = cause.to_string();
        let cause = without_number(&cause);
        if line.is_empty() {
            cause.clone_into(&mut line);
        } else if !line.contains(cause) {
            line.push_str(": ");
            line.push_str(cause);
        }
    }
    line
}

/// The system's words without the number behind them, which says nothing to a person.
fn without_number(text: &str) -> &str {
    text.rsplit_once(" (os error ").filter(|(_, number)| number.ends_with(')')).map_or(text, |(words, _)| words)
}

/// True when the reader of stdout went away.
pub(super) fn is_broken_pipe(error: &anyhow::Error) -> bool {
    error.chain().any(|cause| {
        let io_kind = cause.downcast_ref::<io::Error>().map(io::Error::kind);
        let json_kind = cause.downcast_ref::<serde_json::Error>().and_then(serde_json::Error::io_error_kind);
        io_kind.or(json_kind) == Some(io::ErrorKind::BrokenPipe)
    })
}

/// The text with control characters replaced, so that a file's title cannot move the cursor or colour the screen.
pub(super) fn printable(text: &str) -> String {
    text.chars().map(|c| if is_harmless(c) { c } else { '\u{fffd}' }).collect()
}

/// False for control characters (line end and tab excepted) and for those that reverse the reading direction.
fn is_harmless(c: char) -> bool {
    let reorders = matches!(c, '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}');
    !reorders && (!c.is_control() || c == '\n' || c == '\t')
}

#[cfg(test)]
mod tests {
    use anyhow::Context;

    use super::{is_broken_pipe, printable, sentence};

    #[test]
    fn an_error_chain_is_one_line_without_repetition() {
        let inner = std::io::Error::other("the disk is full");
        let error = anyhow::Error::from(inner).context("cannot write a.csv");
        assert_eq!(sentence(&error), "cannot write a.csv: the disk is full");
        let numbered = anyhow::Error::from(std::io::Error::from_raw_os_error(2)).context("cannot write a.csv");
        assert!(!sentence(&numbered).contains("os error"), "{}", sentence(&numbered));
        let repeated = Err::<(), _>(anyhow::anyhow!("gone")).context("the port is gone").unwrap_err();
        assert_eq!(sentence(&repeated), "the port is gone");
    }

    #[test]
    fn a_reader_that_went_away_is_recognised_below_other_causes() {
        let error = anyhow::Error::from(std::io::Error::from(std::io::ErrorKind::BrokenPipe)).context("printing");
        assert!(is_broken_pipe(&error));
        assert!(!is_broken_pipe(&anyhow::anyhow!("other")));
    }

    #[test]
    fn a_title_cannot_drive_the_terminal() {
        assert_eq!(printable("a\u{1b}[2Jb\u{202e}c"), "a\u{fffd}[2Jb\u{fffd}c");
        assert_eq!(printable("Ethanol 96 %\t\u{b5}m"), "Ethanol 96 %\t\u{b5}m");
    }
}
