//! Who is it? Search, evidence in both directions, mixture, limits, verdict, evaluation.

mod answer;
mod decide;
mod engine;
mod evaluation;
mod evidence;
mod features;
mod limits;
mod mixture;
mod search;
mod verdict;

pub use answer::{
    Answer, Candidate, ClassEvidence, Component, Coverage, DetectionLimit, Identified, QualityReport, ReferenceNote,
    Residual, Strength,
};
pub use engine::{ENGINE, Engine};
pub use evaluation::{Outcome, Rate, Table, wilson};
pub use verdict::{Level, Verdict};
