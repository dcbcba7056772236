//! The words of the window that do not depend on where they are shown.

use jiff::Timestamp;
use jiff::tz::TimeZone;

use crate::analyzer::CheckState;
use crate::identify::{Level, Strength};
use crate::library::Tier;
use crate::session::Stage;

/// The word of a level. Alarm and alert are written in capitals, so that they differ by more than colour.
pub const fn level_word(level: Level) -> &'static str {
    match level {
        Level::Alarm => "ALARM",
        Level::Alert => "ALERT",
        Level::Inconclusive => "Inconclusive",
        Level::NoneDetected => "Nothing listed detected",
    }
}

/// A headline without the words of its level, which stand beside it already.
pub fn without_level(headline: &str, level: Level) -> &str {
    let headline = headline.trim();
    headline.strip_prefix(level_word(level)).unwrap_or(headline).trim_start_matches(['.', ':', ' '])
}

/// Title of the card that says what to do.
pub const fn next_title(level: Level) -> &'static str {
    match level {
        Level::Alarm | Level::Alert | Level::Inconclusive => "What to do now",
        Level::NoneDetected => "This is not “safe”",
    }
}

/// What a stage of the scan does.
pub const fn stage_words(stage: Stage) -> &'static str {
    match stage {
        Stage::Preparing => "Sending the settings",
        Stage::Cooling => "Waiting until the detector is cold, laser off",
        Stage::Dark => "Dark readout, laser off",
        Stage::Light => "Light readout, laser on",
        Stage::Lamp => "Light readout, lamp of the scanner on",
        Stage::Identifying => "Searching the library",
        Stage::Saving => "Saving the record",
    }
}

/// Every stage of a scan, in order; a scanner with a lamp has no readout in the dark, and a detector is waited for only where
/// it is not cold.
pub const fn stages(has_laser: bool, now: Stage) -> &'static [Stage] {
    if matches!(now, Stage::Cooling) {
        &[Stage::Preparing, Stage::Cooling, Stage::Dark, Stage::Light, Stage::Identifying, Stage::Saving]
    } else if has_laser {
        &[Stage::Preparing, Stage::Dark, Stage::Light, Stage::Identifying, Stage::Saving]
    } else {
        &[Stage::Preparing, Stage::Lamp, Stage::Identifying, Stage::Saving]
    }
}

/// Where a reference came from.
pub const fn tier_words(tier: Tier) -> &'static str {
    match tier {
        Tier::MeasuredHere => "measured here",
        Tier::MeasuredElsewhere => "measured elsewhere",
        Tier::Literature => "literature",
        Tier::Computed => "computed",
        Tier::Simulated => "simulated",
    }
}

/// How strongly a substance is named.
pub const fn strength_words(strength: Strength) -> &'static str {
    match strength {
        Strength::Identified => "identified",
        Strength::Possible => "possible",
        Strength::Class => "class only",
    }
}

/// Time left, rounded up to whole seconds, so that it never promises too little.
pub fn time_left(remaining_ms: u64) -> String {
    match remaining_ms.div_ceil(1000) {
        0 => "less than a second left".to_owned(),
        1 => "about 1 second left".to_owned(),
        s => format!("about {s} seconds left"),
    }
}

/// A share of the signal, with its interval where the fit stated one.
pub fn share(share: f64, interval: Option<(f64, f64)>) -> String {
    let percent = |v: f64| (v.clamp(0.0, 1.0) * 100.0).round();
    match interval {
        Some((low, high)) => format!("{} % ({}–{})", percent(share), percent(low), percent(high)),
        None => format!("{} %", percent(share)),
    }
}

/// State of the performance check.
pub fn check(state: &CheckState) -> String {
    match state {
        CheckState::Passed { expires } => format!("Performance check passed, valid until {}", local_time(*expires)),
        CheckState::Failed { why } => {
            format!(
                "The last performance check failed: {why}. Scans are stamped unverified; calibrate and check again."
            )
        }
        CheckState::Expired { expired } => format!(
            "The performance check expired on {}. Scans are stamped unverified; check again.",
            local_time(*expired)
        ),
        CheckState::Never => {
            "No performance check yet: scans are stamped unverified. Measure polystyrene on the Device page.".to_owned()
        }
    }
}

/// A text of an error as a sentence that stands alone.
pub fn sentence(text: &str) -> String {
    let mut letters = text.trim_end_matches('.').chars();
    let first = letters.next().map(|c| c.to_uppercase().to_string()).unwrap_or_default();
    format!("{first}{}.", letters.as_str())
}

/// Date and time of the machine's zone, to the second.
pub fn local_time(at: Timestamp) -> String {
    at.to_zoned_datetime(TimeZone::system()).strftime("%Y-%m-%d %H:%M:%S").to_string()
}

/// The sentences of a text, so that each can be one line of a list. A full stop inside a number or before a small
/// letter does not end a sentence.
pub fn sentences(text: &str) -> Vec<String> {
    let mut out = Vec::new();
    let mut start = 0;
    let mut before = ' ';
    let chars: Vec<(usize, char)> = text.char_indices().collect();
    for (k, (at, c)) in chars.iter().enumerate() {
        let ends = matches!(c, '.' | '!' | '?');
        let space_next = chars.get(k + 1).is_none_or(|(_, n)| n.is_whitespace());
        let opens_next = chars.get(k + 2).is_none_or(|(_, n)| n.is_uppercase() || n.is_ascii_digit());
        // A single capital before the stop is an abbreviation (E. coli), not an end.
        if ends && space_next && opens_next && !before.is_uppercase() {
            let end = at + c.len_utf8();
            if let Some(part) = text.get(start..end) {
                out.push(part.trim().to_owned());
            }
            start = end;
        }
        before = *c;
    }
    if let Some(rest) = text.get(start..).map(str::trim).filter(|r| !r.is_empty()) {
        out.push(rest.to_owned());
    }
    out
}

/// Up to `shown` names, and how many more there are.
pub fn name_some(names: &[String], shown: usize) -> String {
    let head = names.iter().take(shown).map(String::as_str).collect::<Vec<_>>().join(", ");
    match names.len().saturating_sub(shown) {
        0 => head,
        more => format!("{head} and {more} more"),
    }
}

/// The label of a control fact on a page; another jurisdiction than the old lists' is called as it was stated.
pub fn control_label(label: &str) -> &str {
    match label {
        "US" => "United States",
        "UN" => "United Nations",
        "why watched" => "Why watched",
        other => other,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_text_falls_into_its_sentences_and_nothing_is_lost() {
        let text = "Hold the parcel. Naloxone 0.4 mg if needed! 16 listed substances stay. See J. Doe. Then wait";
        let parts = sentences(text);
        assert_eq!(
            parts,
            [
                "Hold the parcel.",
                "Naloxone 0.4 mg if needed!",
                "16 listed substances stay.",
                "See J. Doe.",
                "Then wait"
            ]
        );
        assert_eq!(parts.join(" "), text);
        assert!(sentences("").is_empty());
    }

    #[test]
    fn time_left_is_never_rounded_down() {
        assert_eq!(time_left(2001), "about 3 seconds left");
        assert_eq!(time_left(1000), "about 1 second left");
        assert_eq!(time_left(0), "less than a second left");
    }

    #[test]
    fn a_share_shows_its_interval() {
        assert_eq!(share(0.314, Some((0.26, 0.36))), "31 % (26–36)");
        assert_eq!(share(0.05, None), "5 %");
    }

    #[test]
    fn names_beyond_the_shown_ones_are_counted() {
        let names: Vec<String> = ["a", "b", "c"].map(str::to_owned).to_vec();
        assert_eq!(name_some(&names, 2), "a, b and 1 more");
        assert_eq!(name_some(&names, 3), "a, b, c");
    }
}
