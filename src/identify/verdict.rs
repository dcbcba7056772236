//! The four answers. None of them is "safe".

use serde::{Deserialize, Serialize, Serializer};

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

/// What *nothing listed detected* rests on: what this scan could have missed.
#[derive(Clone, Debug, PartialEq)]
pub struct Missable {
    limits: Vec<DetectionLimit>,
    coverage: Coverage,
}

impl Missable {
    /// Detection limits of the scan, one for each alarming substance that has a reference.
    pub fn limits(&self) -> &[DetectionLimit] {
        &self.limits
    }

    /// Which listed substances the library can search for at all.
    pub const fn coverage(&self) -> &Coverage {
        &self.coverage
    }
}

/// A level; the last one cannot be without what could have been missed.
#[derive(Clone, Debug, PartialEq)]
enum Finding {
    Alarm,
    Alert,
    Inconclusive,
    NoneDetected(Missable),
}

impl Finding {
    const fn level(&self) -> Level {
        match self {
            Self::Alarm => Level::Alarm,
            Self::Alert => Level::Alert,
            Self::Inconclusive => Level::Inconclusive,
            Self::NoneDetected(_) => Level::NoneDetected,
        }
    }
}

/// The answer to a scan. It can only be built through its constructors; *nothing listed detected* carries the detection
/// limits and the coverage from which its text follows.
///
/// Its JSON form states level, rule, headline and next step; limits and coverage stand beside it in the
/// [`Answer`](super::Answer), through which alone a verdict can be read back.
#[derive(Clone, Debug, PartialEq)]
pub struct Verdict {
    finding: Finding,
    rule: String,
    headline: String,
    next_step: String,
}

impl Verdict {
    /// An alarming substance was identified.
    pub fn alarm(rule: &str, headline: String, next_step: String) -> Self {
        Self { finding: Finding::Alarm, rule: rule.to_owned(), headline, next_step }
    }

    /// An alarming substance or class is possible.
    pub fn alert(rule: &str, headline: String, next_step: String) -> Self {
        Self { finding: Finding::Alert, rule: rule.to_owned(), headline, next_step }
    }

    /// The instrument cannot tell.
    pub fn inconclusive(rule: &str, headline: String, next_step: String) -> Self {
        Self { finding: Finding::Inconclusive, rule: rule.to_owned(), headline, next_step }
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
        let missable = Missable { limits: limits.to_vec(), coverage: coverage.clone() };
        Self { finding: Finding::NoneDetected(missable), rule: rule.to_owned(), headline, next_step }
    }

    /// The level.
    pub const fn level(&self) -> Level {
        self.finding.level()
    }

    /// What could have been missed; of *nothing listed detected* only.
    pub const fn missable(&self) -> Option<&Missable> {
        match &self.finding {
            Finding::NoneDetected(missable) => Some(missable),
            Finding::Alarm | Finding::Alert | Finding::Inconclusive => None,
        }
    }

    /// Name of the rule that fired.
    pub fn rule(&self) -> &str {
        &self.rule
    }

    /// One line that says what was found.
    pub fn headline(&self) -> &str {
        &self.headline
    }

    /// The same with another thing to do.
    pub(super) fn with_next_step(self, next_step: String) -> Self {
        Self { next_step, ..self }
    }

    /// What to do now.
    pub fn next_step(&self) -> &str {
        &self.next_step
    }
}

/// The JSON form of a verdict.
#[derive(Serialize, Deserialize)]
pub(super) struct StoredVerdict {
    level: Level,
    rule: String,
    headline: String,
    next_step: String,
}

impl StoredVerdict {
    /// The verdict again, with the words that were kept, joined with the limits and the coverage of its answer.
    pub fn with(self, limits: &[DetectionLimit], coverage: &Coverage) -> Verdict {
        let Self { level, rule, headline, next_step } = self;
        let finding = match level {
            Level::Alarm => Finding::Alarm,
            Level::Alert => Finding::Alert,
            Level::Inconclusive => Finding::Inconclusive,
            Level::NoneDetected => {
                Finding::NoneDetected(Missable { limits: limits.to_vec(), coverage: coverage.clone() })
            }
        };
        Verdict { finding, rule, headline, next_step }
    }
}

impl Serialize for Verdict {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let Self { finding, rule, headline, next_step } = self;
        let (rule, headline, next_step) = (rule.clone(), headline.clone(), next_step.clone());
        StoredVerdict { level: finding.level(), rule, headline, next_step }.serialize(serializer)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn limits() -> Vec<DetectionLimit> {
        vec![
            DetectionLimit { substance: "xylazine".to_owned(), spectral_share: Some(0.124) },
            DetectionLimit { substance: "fentanyl".to_owned(), spectral_share: None },
        ]
    }

    #[test]
    fn nothing_listed_detected_carries_its_limits_through_json_and_its_text_follows_from_them() {
        let coverage =
            Coverage { listed_measured: 1, listed_computed_only: 1, not_searchable: vec!["carfentanil".to_owned()] };
        let verdict = Verdict::none_detected("identified-not-listed", "lactose", &limits(), &coverage);
        assert!(verdict.next_step().contains("about 13 % of the signal (xylazine"), "{}", verdict.next_step());
        let json = serde_json::to_string(&verdict).unwrap();
        let stored: StoredVerdict = serde_json::from_str(&json).unwrap();
        let read = stored.with(&limits(), &coverage);
        assert_eq!(read, verdict);
        assert_eq!(read.missable().unwrap().limits(), limits());
        let alarm = Verdict::alarm("r", "h".to_owned(), "n".to_owned());
        assert!(alarm.missable().is_none());
    }
}
