//! Substances, their references and where each came from.
//!
//! The bundled library lies in `spectra-library/` as text that a scientist can review; `build.rs` puts it into the
//! binary and [`Library::bundled`] reads it once. Every library, from whatever source, passes
//! [`Library::from_parts`], which checks each rule of the format.

mod assemble;
mod bundled;
mod cas;
mod error;
mod facts;
mod file;
mod formula;
mod formulation;
mod lookup;
mod measured;
mod model;
pub mod pack;

pub use assemble::LibraryTexts;
pub use cas::is_valid_cas;
pub use error::LibraryError;
pub use facts::{FactChange, changed_facts, fact_digests};
pub use file::MAX_BANDS as BANDS_MAX;
pub use formula::{Formula, FormulaError};
pub use formulation::{Active, Formulation, Formulations};
pub use lookup::Coverage;
pub use measured::{MEASURED_POINTS_MAX, MeasuredArray, Provenance, ReplicateAgreement, SourceFile};
pub use model::{
    Control, ControlStatus, Group, KNOWN_LICENCES, Library, LibraryIdentity, MIN_BANDS_TO_SUPPORT, Reference,
    RelatedForm, Source, Substance, TRAINING, Tier,
};
