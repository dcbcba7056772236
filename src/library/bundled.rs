//! The library in the binary.

use std::sync::{Arc, OnceLock};

use super::assemble::LibraryTexts;
use super::error::LibraryError;
use super::model::Library;

mod files {
    include!(concat!(env!("OUT_DIR"), "/bundled_library.rs"));

    pub(super) const TEXTS: super::LibraryTexts<'static> =
        super::LibraryTexts { library: LIBRARY, groups: GROUPS, sources: SOURCES, substances: SUBSTANCES };
    pub(super) const ALL_NOTICES: &[(&str, &str)] = NOTICES;
}

static BUNDLED: OnceLock<Result<Arc<Library>, LibraryError>> = OnceLock::new();

impl Library {
    /// The library that is compiled into the binary, read on the first call and shared afterwards. A test proves that
    /// it is sound; an error would mean a damaged build.
    pub fn bundled() -> Result<Arc<Self>, LibraryError> {
        BUNDLED.get_or_init(|| Self::from_texts(&files::TEXTS).map(Arc::new)).clone()
    }

    /// The texts that [`Library::bundled`] is read from.
    pub fn bundled_texts() -> &'static LibraryTexts<'static> {
        &files::TEXTS
    }

    /// The licence texts that travel along with the bundled references: file as named in
    /// [`super::Source::notice`], and text.
    pub fn bundled_notices() -> &'static [(&'static str, &'static str)] {
        files::ALL_NOTICES
    }
}
