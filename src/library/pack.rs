//! Packs: signed sets of references that replace or extend the bundled library.

use std::path::Path;

use super::error::LibraryError;
use super::model::Library;

/// A signed, versioned set of references.
#[derive(Clone, Debug)]
pub struct Pack {
    library: Library,
}

impl Pack {
    /// Opens a pack. This version reads none: an unsigned pack must never be trusted with an alarm, and signatures
    /// are not verified yet. The refusal says so.
    pub fn open(path: &Path) -> Result<Self, LibraryError> {
        Err(LibraryError::PackUnsupported { path: path.display().to_string() })
    }

    /// The library in the pack.
    pub fn library(&self) -> &Library {
        &self.library
    }
}
