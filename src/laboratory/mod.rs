//! The laboratory's work on a draft, before it becomes a pack: spectra come in as references, a second person looks at them,
//! a comparison says what the draft names better and worse.
//!
//! Plain functions over [`crate::library::pack::PackContent`]; the window and the command line call the same ones. Clock and
//! author enter by parameter; nothing here is written to a draft, which is its caller's.

mod adding;
mod answers;
mod begin;
mod confusion;
mod edit;
mod error;
mod evaluation;
mod facts;
mod import;
mod labels;
mod names;
mod proposal;
mod queries;
mod reading;
mod release;
mod replicate;
mod review;

pub use adding::{PreparedReference, StandardFacts, prepare_reference, submit};
pub use answers::{Answers, keep_answers, remembered_answers};
pub use begin::begin;
pub use confusion::{Confusables, CuttingLimit};
pub use edit::{AlarmLevel, FactEdit, GroupEdit, SubstanceEdit, edit};
pub use error::LaboratoryError;
pub use evaluation::{Change, Comparison, compare, engine_for_evaluation};
pub use facts::{SubstanceFacts, place};
pub use import::{Import, Imported, Refused, TERMS, Taken, bounded, import};
pub use labels::{Label, Naming, Origin, read_labels};
pub use names::Names;
pub use proposal::{WaitingFacts, check_facts, propose, submit_facts, waiting_facts};
pub use queries::{LabelledQueries, labelled_queries};
pub use reading::collect_files;
pub use release::{check_comparison, check_references, check_training};
pub use replicate::Replicate;
pub use review::{Reviewed, Verdict, Waiting, review, take_out, waiting};

/// Who a submission is from while no account is enrolled; nobody can approve such a one, because nobody is its author.
pub const NOBODY: &str = "unenrolled";
