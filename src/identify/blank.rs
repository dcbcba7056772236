//! What a blank says: a scan of nothing, or of the empty bag, that must show nothing.

use super::{Answer, Level};

/// Group of what goods are packed in, which a blank of the empty bag may show.
const PACKAGING: &str = "packaging";
/// Rules of scans that show no bands, or those of the packaging alone.
const SHOWS_NOTHING: [&str; 2] = ["too-weak", "container-only"];

/// What came of a blank.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum BlankOutcome {
    /// It shows nothing, or the packaging alone.
    Clean,
    /// It shows something; the words say what.
    Found(String),
    /// It cannot be judged: too bright, or bands of nothing that the library knows.
    Undecided,
}

impl Answer {
    /// What this answer says where a blank was scanned.
    pub fn blank_outcome(&self) -> BlankOutcome {
        let carried: Vec<&str> = (self.identified.iter())
            .filter(|found| !found.groups.iter().any(|group| group == PACKAGING))
            .map(|found| found.substance.as_str())
            .collect();
        let level = self.verdict.level();
        if !carried.is_empty() {
            BlankOutcome::Found(carried.join(", "))
        } else if level.is_warning() {
            BlankOutcome::Found(self.verdict.headline().to_owned())
        } else if level == Level::NoneDetected || SHOWS_NOTHING.contains(&self.verdict.rule()) {
            BlankOutcome::Clean
        } else {
            BlankOutcome::Undecided
        }
    }

    /// The answer to a blank: what is to be done about the parcel is replaced by what is to be done about the analyzer.
    /// `since` names the blank before it, from which on scans are in doubt where this one is not clean.
    #[must_use]
    pub fn as_blank(mut self, since: &str) -> Self {
        let next = match self.blank_outcome() {
            BlankOutcome::Clean => "This blank is clean: nothing was carried over that this scan can see. Scans can go on.".to_owned(),
            BlankOutcome::Found(what) => {
                let gloves = if self.verdict.level().is_warning() { "Wear gloves: treat the probe as carrying it. " } else { "" };
                format!(
                    "THE BLANK IS NOT CLEAN: it shows {what}. {gloves}Clean the window of the probe, put on fresh gloves, take a new bag, and scan the blank again. Do not trust scans of this analyzer {since}: scan those samples again. Scan no further sample before a blank is clean."
                )
            }
            BlankOutcome::Undecided => {
                "This blank cannot be judged, so it shows neither that the probe is clean nor that it is not. Clean the window of the probe and scan the blank again.".to_owned()
            }
        };
        self.verdict = self.verdict.with_next_step(next);
        self
    }
}
