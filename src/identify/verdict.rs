//! The four answers. None of them is "safe".

use serde::{Deserialize, Serialize};

use super::answer::{Coverage, DetectionLimit};

/// The level of an answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Level {
    /// An alarming substance was identified.
    Alarm,
    /// Possible, or its class without the member: treat as dangerous.
    Alert,
    /// The instrument cannot tell; the reason and the next step are given.
    Inconclusive,
    /// Nothing listed was detected, with what could have been missed.
    NoneDetected,
}

impl Level {
    /// Alarm or alert.
    pub const fn is_warning(self) -> bool {
        matches!(self, Self::Alarm | Self::Alert)
    }
}

/// The answer to a scan. It can only be built through its constructors; *nothing listed detected* needs the detection
/// limits and the coverage from which its text follows.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Verdict {
    level: Level,
    rule: String,
    headline: String,
    next_step: String,
}

impl Verdict {
    /// An alarming substance was identified.
    pub fn alarm(rule: &str, headline: String, next_step: String) -> Self {
        Self { level: Level::Alarm, rule: rule.to_owned(), headline, next_step }
    }

    /// An alarming substance or class is possible.
    pub fn alert(rule: &str, headline: String, next_step: String) -> Self {
        Self { level: Level::Alert, rule: rule.to_owned(), headline, next_step }
    }

    /// The instrument cannot tell.
    pub fn inconclusive(rule: &str, headline: String, next_step: String) -> Self {
        Self { level: Level::Inconclusive, rule: rule.to_owned(), headline, next_step }
    }

    /// Nothing listed was detected. `limits` and `coverage` say what could have been missed; the text follows from them.
    pub fn none_detected(rule: &str, found: &str, limits: &[DetectionLimit], coverage: &Coverage) -> Self {
        let reachable = limits.iter().filter_map(|l| l.spectral_share.map(|s| (s, &l.substance)));
        let missed = match reachable.max_by(|a, b| a.0.total_cmp(&b.0)) {
            Some((share, substance)) => format!(
                "This scan would have shown listed substances with a measured reference from about {:.0} % of the signal ({substance} is the hardest).",
                (share * 100.0).ceil()
            ),
            None => "This library holds no measured reference of an alarming substance for this technique, so it cannot exclude any.".to_owned(),
        };
        let next_step = format!(
            "This does not mean safe. {missed} {} listed substances are known by calculation only and {} cannot be searched for. If suspicion remains: scan two more spots, use a test strip, send to the laboratory.",
            coverage.listed_computed_only,
            coverage.not_searchable.len()
        );
        let headline = if found.is_empty() {
            "Nothing listed detected".to_owned()
        } else {
            format!("Nothing listed detected. Found: {found}")
        };
        Self { level: Level::NoneDetected, rule: rule.to_owned(), headline, next_step }
    }

    /// The level.
    pub const fn level(&self) -> Level {
        self.level
    }

    /// Name of the rule that fired.
    pub fn rule(&self) -> &str {
        &self.rule
    }

    /// One line that says what was found.
    pub fn headline(&self) -> &str {
        &self.headline
    }

    /// What to do now.
    pub fn next_step(&self) -> &str {
        &self.next_step
    }
}
