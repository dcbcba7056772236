//! The confirmatory result that a laboratory sends back. The file comes from outside and is believed in nothing.

use jiff::civil::Date;
use serde::{Deserialize, Serialize};

use super::ReportError;

/// Largest file that is read.
pub const RESULT_BYTES_MAX: u64 = 256 << 10;
/// Most substances of one result.
const SUBSTANCES_MAX: usize = 50;

/// What the laboratory says about listed substances.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum LaboratoryOutcome {
    /// A listed substance is present.
    Confirmed,
    /// None is.
    Refuted,
    /// The laboratory could not tell.
    Undecided,
}

impl LaboratoryOutcome {
    /// The outcome with this key.
    pub(super) fn from_key(key: &str) -> Option<Self> {
        [Self::Confirmed, Self::Refuted, Self::Undecided].into_iter().find(|outcome| outcome.key() == key)
    }

    /// The key in JSON and CSV.
    pub(super) const fn key(self) -> &'static str {
        match self {
            Self::Confirmed => "confirmed",
            Self::Refuted => "refuted",
            Self::Undecided => "undecided",
        }
    }
}

/// A substance that the laboratory found.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LaboratorySubstance {
    /// Name.
    pub name: String,
    /// CAS number.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cas: Option<String>,
    /// Share of the weight, per cent, where it was measured.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub weight_percent: Option<f64>,
}

/// A confirmatory result about one record.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LaboratoryResult {
    format: String,
    /// Number of the record.
    pub record: i64,
    /// Digest of the record: another casebook's record of the same number is not meant.
    pub record_digest: String,
    /// Name of the laboratory.
    pub laboratory: String,
    /// The laboratory's number of the case.
    pub case_number: String,
    /// Method, for example GC-MS.
    pub method: String,
    /// Date of the result.
    pub reported_on: Date,
    /// What it says about listed substances.
    pub outcome: LaboratoryOutcome,
    /// What was found.
    pub substances: Vec<LaboratorySubstance>,
    /// Anything else.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub remark: String,
}

impl LaboratoryResult {
    /// Kind of the event under which the casebook keeps it.
    pub const EVENT: &'static str = "laboratory-result";

    /// Reads a result and checks every field (`docs/schema/laboratory-result.schema.json`).
    pub fn read(bytes: &[u8]) -> Result<Self, ReportError> {
        let refuse = |what: &str| Err(ReportError::Result(what.to_owned()));
        if bytes.len() as u64 > RESULT_BYTES_MAX {
            return refuse("it is larger than any result");
        }
        let result: Self = serde_json::from_slice(bytes).map_err(|e| ReportError::Result(e.to_string()))?;
        if result.format != "parcelscope-laboratory-result/1" {
            return refuse("its format is not parcelscope-laboratory-result/1");
        }
        let digest = &result.record_digest;
        if digest.len() != 64 || !digest.bytes().all(|b| matches!(b, b'0'..=b'9' | b'a'..=b'f')) {
            return refuse("record_digest is not 64 small hexadecimal digits");
        }
        let mut texts = vec![
            ("laboratory", &result.laboratory, 1, 200),
            ("case_number", &result.case_number, 1, 200),
            ("method", &result.method, 1, 400),
            ("remark", &result.remark, 0, 4_000),
        ];
        for substance in &result.substances {
            texts.push(("name", &substance.name, 1, 300));
            texts.extend(substance.cas.iter().map(|cas| ("cas", cas, 1, 20)));
        }
        for (name, text, least, most) in texts {
            if !(least..=most).contains(&text.chars().count()) || text.chars().any(|c| c.is_control() && c != '\n') {
                return refuse(&format!("{name} must have {least} to {most} characters and no control characters"));
            }
        }
        if result.substances.len() > SUBSTANCES_MAX {
            return refuse("it lists more than 50 substances");
        }
        if result.outcome == LaboratoryOutcome::Confirmed && result.substances.is_empty() {
            return refuse("a confirmed result must name what was found");
        }
        let shares = result.substances.iter().filter_map(|s| s.weight_percent);
        if shares.into_iter().any(|percent| !(0.0..=100.0).contains(&percent)) {
            return refuse("weight_percent must lie between 0 and 100");
        }
        Ok(result)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const GOOD: &str = r#"{"format":"parcelscope-laboratory-result/1","record":1,
        "record_digest":"0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef","laboratory":"L","case_number":"C 1",
        "method":"GC-MS","reported_on":"2026-11-24","outcome":"confirmed","substances":[{"name":"fentanyl","weight_percent":2.5}]}"#;

    #[test]
    fn a_result_is_read_and_every_bent_one_is_refused_with_a_sentence() {
        let result = LaboratoryResult::read(GOOD.as_bytes()).unwrap();
        assert_eq!(result.substances[0].weight_percent, Some(2.5));
        for (from, to) in [
            ("result/1", "result/2"),
            ("0123456789abcdef0", "G123456789abcdef0"),
            ("\"C 1\"", "\"\""),
            ("\"C 1\"", "\"\\u0007\""),
            ("2.5", "101"),
            ("2.5", "-1"),
            ("2026-11-24", "2026-13-24"),
            ("\"confirmed\"", "\"safe\""),
            ("[{\"name\":\"fentanyl\",\"weight_percent\":2.5}]", "[]"),
            ("\"method\"", "\"more\":1,\"method\""),
        ] {
            let bent = GOOD.replacen(from, to, 1);
            assert_ne!(bent, GOOD, "{from}");
            let error = LaboratoryResult::read(bent.as_bytes()).unwrap_err();
            assert!(matches!(error, ReportError::Result(_)), "{from} -> {to}");
        }
    }

    proptest! {
        #[test]
        fn no_file_makes_the_reader_panic(bytes in proptest::collection::vec(any::<u8>(), 0..400), at in 0..400_usize, byte: u8) {
            let _ = LaboratoryResult::read(&bytes);
            let mut bent = GOOD.as_bytes().to_vec();
            if let Some(place) = bent.get_mut(at) {
                *place = byte;
            }
            let _ = LaboratoryResult::read(&bent);
        }
    }
}
