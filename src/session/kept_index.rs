//! The search tables of a large library, kept in the data folder from one process to the next.

use std::fs;
use std::io::{Read as _, Write as _};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use crate::identify::Engine;
use crate::library::Library;

/// References from which making the tables takes longer than reading them is worth.
const WORTH_KEEPING: usize = 2_000;
/// Largest file that is read.
const BYTES_MAX: u64 = 2 << 30;

/// An engine on a library, with the search tables that were kept of it where they fit. A file that does not fit is left
/// alone until [`keep_index`] replaces it.
pub fn engine_with_kept_index(library: Arc<Library>, data_dir: &Path) -> Engine {
    let path = place(&library, data_dir);
    let engine = Engine::new(library);
    let Some(bytes) = path.and_then(|path| read(&path)) else { return engine };
    match engine.clone().with_saved(bytes) {
        Ok(prepared) => prepared,
        Err(refused) => {
            tracing::warn!("{refused}");
            engine
        }
    }
}

/// Keeps the tables that the engine had to make, for the next process. A folder that does not take them costs nothing but the
/// time of making them again.
pub fn keep_index(engine: &Engine, data_dir: &Path) {
    let Some(path) = place(engine.library(), data_dir) else { return };
    let Some(bytes) = engine.to_save() else { return };
    if let Err(e) = write(&path, &bytes) {
        tracing::warn!("the search index is not kept: {e}");
    }
}

/// The file of a library that is large enough.
fn place(library: &Library, data_dir: &Path) -> Option<PathBuf> {
    let digest = library.identity.sha256.get(..16).filter(|d| d.bytes().all(|b| b.is_ascii_hexdigit()))?;
    let worth = library.references.len() >= WORTH_KEEPING;
    worth.then(|| data_dir.join("index").join(format!("{digest}.index")))
}

fn read(path: &Path) -> Option<Vec<u8>> {
    let file = fs::File::open(path).ok()?;
    let length = file.metadata().ok()?.len();
    if length > BYTES_MAX {
        return None;
    }
    let mut bytes = Vec::with_capacity(usize::try_from(length).ok()?);
    file.take(BYTES_MAX).read_to_end(&mut bytes).ok()?;
    Some(bytes)
}

/// Writes the file whole or not at all; those of other libraries go.
fn write(path: &Path, bytes: &[u8]) -> std::io::Result<()> {
    let folder = path.parent().unwrap_or(Path::new("."));
    fs::create_dir_all(folder)?;
    let new = path.with_extension(format!("{}.new", std::process::id()));
    let written = fs::File::create(&new).and_then(|mut f| f.write_all(bytes).and_then(|()| f.sync_all()));
    written.and_then(|()| fs::rename(&new, path)).inspect_err(|_| {
        // What is half written is of no use; the error itself is reported.
        let _ = fs::remove_file(&new);
    })?;
    for other in fs::read_dir(folder)?.flatten() {
        let other = other.path();
        if other != path && other.extension().is_some_and(|e| e == "index") {
            fs::remove_file(other)?;
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::spectrum::{Spectrum, Technique};

    /// The bundled library with its references many times over.
    fn large() -> Arc<Library> {
        let mut library = (*Library::bundled().unwrap()).clone();
        let copies = WORTH_KEEPING / library.references.len() + 1;
        library.references = library.references.iter().flat_map(|r| std::iter::repeat_n(r.clone(), copies)).collect();
        Arc::new(library)
    }

    fn scan(library: &Library) -> Spectrum {
        let sucrose = library.find_index("sucrose").unwrap();
        let reference = library.references_of(sucrose).find(|r| r.technique == Technique::Raman).unwrap();
        let axis: Vec<f64> = (0..1_100).map(|i| 200.0 + 2.0 * f64::from(i)).collect();
        let counts = reference.synthesize(&axis, 9.0, 6.0).iter().map(|v| 50.0 + 900.0 * v).collect();
        Spectrum::new(Technique::Raman, axis, counts).unwrap().with_resolution(9.0)
    }

    #[test]
    fn an_index_is_kept_and_used_and_a_broken_one_is_replaced() {
        let (folder, library) = (tempfile::tempdir().unwrap(), large());
        let path = place(&library, folder.path()).unwrap();
        let spectrum = scan(&library);
        let engine = engine_with_kept_index(Arc::clone(&library), folder.path());
        keep_index(&engine, folder.path());
        assert!(!path.exists(), "nothing was made yet");
        let answer = engine.identify(&spectrum);
        keep_index(&engine, folder.path());
        let kept = fs::read(&path).unwrap();
        let again = engine_with_kept_index(Arc::clone(&library), folder.path());
        assert_eq!(again.identify(&spectrum), answer);
        assert_eq!(again.to_save(), None, "the kept tables were used");
        for broken in [kept[..kept.len() / 2].to_vec(), Vec::new(), vec![7; 5_000]] {
            fs::write(&path, broken).unwrap();
            let engine = engine_with_kept_index(Arc::clone(&library), folder.path());
            assert_eq!(engine.identify(&spectrum), answer);
            keep_index(&engine, folder.path());
            assert_eq!(fs::read(&path).unwrap(), kept);
        }
        // Another library takes the place.
        let other = Arc::new((*library).clone().renamed("other", "9"));
        let engine = engine_with_kept_index(Arc::clone(&other), folder.path());
        engine.identify(&spectrum);
        keep_index(&engine, folder.path());
        assert!(!path.exists() && place(&other, folder.path()).unwrap().exists());
        // A small library is not worth a file.
        assert_eq!(place(&Library::bundled().unwrap(), folder.path()), None);
    }
}
