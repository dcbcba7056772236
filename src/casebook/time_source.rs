//! Where the wall time of a record comes from, and what is known of the clock.

use std::str::FromStr;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use thiserror::Error;

use crate::analyzer::gps::{AGE_MAX, GpsTime};

/// Distance from GPS time from which on a clock is called wrong, milliseconds. A sentence of a receiver comes up to a second
/// or two after the time that it states.
const FAR_MS: i64 = 5_000;

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
    /// The clock against the time of a GPS receiver; none where no receiver stated a time lately.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub gps: Option<ClockAgainstGps>,
}

/// The machine's clock against the time of a GPS receiver.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ClockAgainstGps {
    /// The clock minus GPS time (UTC), milliseconds, good to about a second: positive where the clock is ahead.
    pub ahead_ms: i64,
    /// True when the receiver says that it only simulates.
    pub simulated: bool,
}

impl ClockAgainstGps {
    /// A clock that says `clock` at the moment at which `time` has its age; none where that is too old to say anything.
    pub fn of(time: &GpsTime, clock: Timestamp) -> Option<Self> {
        let age_ms = i64::try_from(time.age.as_millis()).ok().filter(|_| time.age <= AGE_MAX)?;
        let gps_ms = time.utc.as_millisecond().checked_add(age_ms)?;
        let ahead_ms = clock.as_millisecond().checked_sub(gps_ms)?;
        Some(Self { ahead_ms, simulated: time.simulated })
    }

    /// Whether the clock is further from GPS time than the way of a sentence explains.
    pub const fn is_far(self) -> bool {
        self.ahead_ms.unsigned_abs() > FAR_MS.unsigned_abs()
    }

    /// The difference in words.
    fn difference(self) -> String {
        let seconds = self.ahead_ms.unsigned_abs().div_ceil(500) / 2;
        let length = match seconds {
            0..120 => format!("{seconds} s"),
            120..7_200 => format!("{} min", seconds / 60),
            7_200..172_800 => format!("{} h", seconds / 3_600),
            _ => format!("{} days", seconds / 86_400),
        };
        let side = if self.ahead_ms < 0 { "behind" } else { "ahead of" };
        let simulated = if self.simulated { " of a SIMULATED receiver" } else { "" };
        format!("{length} {side} GPS time{simulated}")
    }

    /// As a report says it.
    pub fn words(self) -> String {
        if self.is_far() {
            format!("FAR OFF, {}", self.difference())
        } else {
            let simulated = if self.simulated { " of a SIMULATED receiver" } else { "" };
            format!("agrees with GPS time{simulated} ({:+.1} s, good to about a second)", self.ahead_ms as f64 / 1e3)
        }
    }

    /// What to do about a clock that is far off.
    pub fn warning(self) -> Option<String> {
        self.is_far().then(|| {
            format!(
                "The clock of this machine is {}. Records carry the wrong time: set the clock, or have the one who keeps it do so, and note the difference.",
                self.difference()
            )
        })
    }
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
        let gps = self.gps.map_or(String::new(), |gps| format!("; {}", gps.words()));
        format!("{kept}; {synchronised}{gps}")
    }
}
