//! Where the wall time of a record comes from, and what is known of the clock.

use std::str::FromStr;

use serde::{Deserialize, Serialize};
use thiserror::Error;

/// Who keeps the clock of the machine right, as whoever set the machine up states it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum ClockKeeping {
    /// The operating system, with whatever it is set to.
    #[default]
    System,
    /// The operating system, which takes the time from a GPS receiver.
    Gps,
    /// A person sets it by hand.
    Operator,
}

/// A word that is none.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[error("'{0}' is none of system, gps and operator; choose who keeps the clock of this machine")]
pub struct UnknownClockKeeping(String);

impl ClockKeeping {
    /// Every answer.
    pub const ALL: [Self; 3] = [Self::System, Self::Gps, Self::Operator];

    /// The word for it, as JSON and the command line have it.
    pub const fn name(self) -> &'static str {
        match self {
            Self::System => "system",
            Self::Gps => "gps",
            Self::Operator => "operator",
        }
    }
}

impl FromStr for ClockKeeping {
    type Err = UnknownClockKeeping;

    fn from_str(text: &str) -> Result<Self, UnknownClockKeeping> {
        Self::ALL.into_iter().find(|k| k.name() == text).ok_or_else(|| UnknownClockKeeping(text.to_owned()))
    }
}

/// What is known of the clock that gave a record its time.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct TimeSource {
    /// Who keeps the clock, as stated.
    pub kept_by: ClockKeeping,
    /// Whether the system's kernel held its clock to be synchronised at the time; none where it does not say.
    pub synchronised: Option<bool>,
}

impl TimeSource {
    /// As a report says it.
    pub fn words(self) -> String {
        let kept = match self.kept_by {
            ClockKeeping::System => "system clock",
            ClockKeeping::Gps => "system clock, stated to be set by a GPS receiver",
            ClockKeeping::Operator => "system clock, stated to be set by hand",
        };
        let synchronised = match self.synchronised {
            Some(true) => "synchronised, as the system says",
            Some(false) => "NOT synchronised, as the system says",
            None => "the system does not say whether it is synchronised",
        };
        format!("{kept}; {synchronised}")
    }
}
