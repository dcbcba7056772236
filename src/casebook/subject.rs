//! What a scan was made of, as the operator states it before the scan: a sample, a blank or a control, and which spot.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};
use thiserror::Error;

/// Longest description of a spot, in characters.
const PLACE_CHARS_MAX: usize = 120;

/// Why a scan was made.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum ScanKind {
    /// To know what a parcel holds.
    #[default]
    Sample,
    /// Of nothing, or of the bag or glass alone, to show that nothing is carried over from an earlier sample.
    Blank,
    /// Of a known substance, to show that the instrument finds what is there.
    Control,
}

impl ScanKind {
    /// Every kind.
    pub const ALL: [Self; 3] = [Self::Sample, Self::Blank, Self::Control];

    /// The word for it, as JSON and the command line have it.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Sample => "sample",
            Self::Blank => "blank",
            Self::Control => "control",
        }
    }

    /// True for what counts in statistics of finds, is shared and is compared: blanks and controls show that the instrument
    /// works, and no parcel held what they show.
    pub const fn counts(self) -> bool {
        matches!(self, Self::Sample)
    }
}

/// Why words say nothing about what was scanned.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum SubjectError {
    /// A kind outside the list.
    #[error("'{0}' is none of sample, blank and control; choose one of them")]
    Kind(String),
    /// A spot that cannot be.
    #[error("'{spot}' is no spot: {what}; write '2/5 left corner', '2/5' or 'left corner'")]
    Spot {
        /// What was written.
        spot: String,
        /// What is wrong with it.
        what: &'static str,
    },
}

impl FromStr for ScanKind {
    type Err = SubjectError;

    fn from_str(text: &str) -> Result<Self, SubjectError> {
        Self::ALL.into_iter().find(|kind| kind.name() == text).ok_or_else(|| SubjectError::Kind(text.to_owned()))
    }
}

/// The spot of the item that was scanned: which of several, and where it is.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "Stated", into = "Stated")]
pub struct Spot {
    number: Option<u16>,
    of: Option<u16>,
    place: String,
}

/// A spot as JSON has it.
#[derive(Serialize, Deserialize)]
struct Stated {
    number: Option<u16>,
    of: Option<u16>,
    place: String,
}

impl Spot {
    /// Spot `number` (from 1) of `of`, at `place`. One of number and place must be there.
    pub fn new(number: Option<u16>, of: Option<u16>, place: &str) -> Result<Self, SubjectError> {
        let place = place.trim();
        let wrong = |what| {
            let number = number.map_or(String::new(), |n| n.to_string());
            let of = of.map_or(String::new(), |n| format!("/{n}"));
            Err(SubjectError::Spot { spot: format!("{number}{of} {place}"), what })
        };
        match (number, of) {
            (None, Some(_)) => wrong("a count of spots needs the number of this one"),
            (Some(0), _) => wrong("spots are counted from 1"),
            (Some(number), Some(of)) if number > of => wrong("there are fewer spots than that"),
            (None, None) if place.is_empty() => wrong("nothing is stated"),
            _ if place.chars().count() > PLACE_CHARS_MAX => wrong("it is longer than 120 characters"),
            _ if place.contains(char::is_control) => wrong("it has signs that are no text"),
            _ => Ok(Self { number, of, place: place.to_owned() }),
        }
    }

    /// Which of several, from 1.
    pub const fn number(&self) -> Option<u16> {
        self.number
    }

    /// Of how many.
    pub const fn of(&self) -> Option<u16> {
        self.of
    }

    /// Where it is on the item; empty where nobody said.
    pub fn place(&self) -> &str {
        &self.place
    }
}

impl TryFrom<Stated> for Spot {
    type Error = SubjectError;

    fn try_from(Stated { number, of, place }: Stated) -> Result<Self, SubjectError> {
        Self::new(number, of, &place)
    }
}

impl From<Spot> for Stated {
    fn from(Spot { number, of, place }: Spot) -> Self {
        Self { number, of, place }
    }
}

/// As it is typed: `2/5 left corner`, `2/5`, `2` or `left corner`.
impl FromStr for Spot {
    type Err = SubjectError;

    fn from_str(text: &str) -> Result<Self, SubjectError> {
        let text = text.trim();
        let (first, rest) = text.split_once(char::is_whitespace).unwrap_or((text, ""));
        let (number, of) = first.split_once('/').map_or((first, None), |(number, of)| (number, Some(of)));
        let digits = |part: &str| !part.is_empty() && part.bytes().all(|b| b.is_ascii_digit());
        if !digits(number) || !of.is_none_or(digits) {
            return Self::new(None, None, text);
        }
        let read = |part: &str| part.parse::<u16>().ok();
        match (read(number), of.map(read)) {
            (Some(number), None) => Self::new(Some(number), None, rest),
            (Some(number), Some(Some(of))) => Self::new(Some(number), Some(of), rest),
            _ => Err(SubjectError::Spot { spot: text.to_owned(), what: "nobody scans so many spots" }),
        }
    }
}

/// As people read it: `spot 2 of 5, left corner`.
impl fmt::Display for Spot {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (self.number, self.of) {
            (Some(number), Some(of)) => write!(f, "spot {number} of {of}")?,
            (Some(number), None) => write!(f, "spot {number}")?,
            (None, _) => return f.write_str(&self.place),
        }
        if self.place.is_empty() { Ok(()) } else { write!(f, ", {}", self.place) }
    }
}

/// What was scanned.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Subject {
    /// Sample, blank or control.
    #[serde(default)]
    pub kind: ScanKind,
    /// The spot, where one was stated.
    #[serde(default)]
    pub spot: Option<Spot>,
}

impl Subject {
    /// True where nothing was stated: a sample, no spot. Records of earlier versions are such.
    pub fn is_plain(&self) -> bool {
        *self == Self::default()
    }

    /// As a report says it.
    pub fn words(&self) -> String {
        let spot = self.spot.as_ref().map_or("spot not stated".to_owned(), ToString::to_string);
        match self.kind {
            ScanKind::Sample => format!("sample, {spot}"),
            ScanKind::Blank => format!("BLANK, no sample; {spot}"),
            ScanKind::Control => format!("CONTROL of a known substance; {spot}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn a_spot_is_read_as_it_is_typed() {
        let table = [
            ("2/5 left corner", (Some(2), Some(5), "left corner"), "spot 2 of 5, left corner"),
            (" 2/5 ", (Some(2), Some(5), ""), "spot 2 of 5"),
            ("7", (Some(7), None, ""), "spot 7"),
            ("7 lid", (Some(7), None, "lid"), "spot 7, lid"),
            ("left corner", (None, None, "left corner"), "left corner"),
            ("lid/inside", (None, None, "lid/inside"), "lid/inside"),
        ];
        for (typed, (number, of, place), words) in table {
            let spot: Spot = typed.parse().unwrap();
            assert_eq!((spot.number(), spot.of(), spot.place(), spot.to_string().as_str()), (number, of, place, words));
        }
        for wrong in ["", "  ", "0/5", "6/5", "0", "70000", "1/70000", "2/5 a\u{7}b", &"x".repeat(121)] {
            assert!(wrong.parse::<Spot>().is_err(), "{wrong:?}");
        }
    }

    #[test]
    fn what_cannot_be_a_spot_is_refused_from_json_too() {
        for wrong in [r#"{"number":6,"of":5,"place":""}"#, r#"{"number":null,"of":3,"place":"x"}"#] {
            assert!(serde_json::from_str::<Spot>(wrong).is_err(), "{wrong}");
        }
        assert_eq!(serde_json::from_str::<Subject>("{}").unwrap(), Subject::default());
    }

    proptest! {
        #[test]
        fn every_spot_reads_back_from_json(number in prop::option::of(1_u16..50), more in 0_u16..50, place in "[a-z/0-9 ]{1,20}") {
            if let Ok(spot) = Spot::new(number, number.map(|n| n + more), &place) {
                let json = serde_json::to_string(&spot).unwrap();
                prop_assert_eq!(serde_json::from_str::<Spot>(&json).unwrap(), spot);
            }
        }
    }
}
