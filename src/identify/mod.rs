//! Who is it? Search, evidence in both directions, verdict, evaluation.

mod answer;
mod verdict;

pub use answer::{
    Answer, Candidate, ClassEvidence, Component, Coverage, DetectionLimit, Identified, QualityReport, ReferenceNote,
    Residual, Strength,
};
pub use verdict::{Level, Verdict};
