//! Who is it? Search, evidence in both directions, mixture, limits, verdict, evaluation.

mod advice;
mod alike;
mod answer;
mod blank;
mod candidates;
mod combine;
#[cfg(test)]
mod crowd;
mod decide;
mod engine;
mod evaluation;
mod evidence;
mod features;
mod index;
mod limits;
mod linear;
mod mixture;
mod overlay;
mod pill;
mod probability;
mod probability_fit;
mod probability_table;
mod replicates;
mod report;
mod sample_change;
mod saved_index;
pub mod scan;
mod search;
mod shares;
mod tables;
mod tops;
mod verdict;

pub use alike::drawn;
pub use answer::{
    Answer, Candidate, ClassEvidence, Component, Coverage, DetectionLimit, Identified, QualityReport, ReferenceNote,
    Residual, Strength,
};
pub use blank::BlankOutcome;
pub use combine::{CombineError, Combined, Techniques, combine};
pub use engine::{ENGINE, Engine};
pub use evaluation::{Line, Outcome, Query, Rate, Spectra, Table, Truth, ask, ask_without_reference, wilson};
pub use overlay::Overlay;
pub use pill::{ImprintFinding, PillCheck};
pub use probability::Tolerance;
pub use probability_fit::{CalibrationRow, FittedProbability, embedded_source, fit_probability};
pub use replicates::{REPLICATES_MIN, ReplicateError, Replicates, average, mean as replicate_mean};
pub use saved_index::SavedIndexError;
pub use shares::{Blend, fit_blend};
pub use verdict::{Level, Missable, Verdict};
