//! Substances, their references and where each came from.

mod model;

pub use model::{Group, Library, LibraryIdentity, Reference, Substance, Tier};
