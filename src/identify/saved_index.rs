//! Search tables kept as a file, so that a large library need not be prepared anew by every process.
//!
//! The file is bound to the library's digest, to the engine and to the program's version, and ends with its own SHA-256; one that
//! is damaged, stale or of another library is refused, and the tables are made anew. The digest is no signature: whoever may write
//! into the data folder could forge the file. So the rows of whatever alarms are never taken from it (`tables.rs`): a forged
//! file can slow a search down or hide a harmless rival of an alarming candidate, and cannot hide the alarming one.

use std::collections::BTreeMap;
use std::ops::Range;

use sha2::{Digest, Sha256};
use thiserror::Error;

use super::engine::ENGINE;
use crate::library::LibraryIdentity;
use crate::spectrum::Technique;

/// First bytes of the file; the last is the version of the format.
const MAGIC: [u8; 8] = *b"PSindex\x01";
const DIGEST: usize = 32;
/// Most tables: techniques times match resolutions.
const TABLES_MAX: usize = 64;

/// Why search tables that were kept are not used.
#[derive(Clone, Copy, Debug, Error, PartialEq, Eq)]
pub enum SavedIndexError {
    /// Cut off or changed.
    #[error("the kept search index is damaged; it is made anew")]
    Damaged,
    /// Made by another program, or of another library.
    #[error("the kept search index is of another library or version; it is made anew")]
    Other,
}

/// The tables of a file, as bytes.
#[derive(Debug)]
pub(super) struct SavedIndex {
    bytes: Vec<u8>,
    places: BTreeMap<(Technique, usize), Range<usize>>,
}

/// What the tables depend on.
fn key(identity: &LibraryIdentity, believes_simulated: bool) -> [u8; DIGEST] {
    let mut hash = Sha256::new();
    for part in [&identity.sha256, ENGINE, env!("CARGO_PKG_VERSION")] {
        hash.update((part.len() as u64).to_le_bytes());
        hash.update(part);
    }
    hash.update([u8::from(believes_simulated)]);
    hash.finalize().into()
}

/// A file of tables.
pub(super) fn to_bytes(
    tables: &BTreeMap<(Technique, usize), Vec<u8>>,
    identity: &LibraryIdentity,
    believes_simulated: bool,
) -> Vec<u8> {
    let mut out = Vec::with_capacity(128 + tables.values().map(|t| t.len() + 64).sum::<usize>());
    out.extend_from_slice(&MAGIC);
    out.extend_from_slice(&key(identity, believes_simulated));
    out.extend_from_slice(&(tables.len() as u64).to_le_bytes());
    for ((technique, match_index), bytes) in tables {
        let number = Technique::ALL.iter().position(|t| t == technique).unwrap_or(Technique::ALL.len());
        for value in [number, *match_index, bytes.len()] {
            out.extend_from_slice(&(value as u64).to_le_bytes());
        }
        out.extend_from_slice(bytes);
    }
    let digest: [u8; DIGEST] = Sha256::digest(&out).into();
    out.extend_from_slice(&digest);
    out
}

impl SavedIndex {
    /// Takes a file over, where it is whole and of this library.
    pub fn open(bytes: Vec<u8>, identity: &LibraryIdentity, believes_simulated: bool) -> Result<Self, SavedIndexError> {
        let damaged = SavedIndexError::Damaged;
        let (body, digest) = bytes.split_last_chunk::<DIGEST>().ok_or(damaged)?;
        let (magic, rest) = body.split_first_chunk::<8>().ok_or(damaged)?;
        let (stated, rest) = rest.split_first_chunk::<DIGEST>().ok_or(damaged)?;
        if *magic != MAGIC || *stated != key(identity, believes_simulated) {
            return Err(SavedIndexError::Other);
        }
        let whole: [u8; DIGEST] = Sha256::digest(body).into();
        if whole != *digest {
            return Err(damaged);
        }
        let mut left = rest;
        let mut places = BTreeMap::new();
        let count = number(&mut left).filter(|n| *n <= TABLES_MAX).ok_or(damaged)?;
        for _ in 0..count {
            let technique = number(&mut left).and_then(|n| Technique::ALL.get(n)).ok_or(damaged)?;
            let match_index = number(&mut left).ok_or(damaged)?;
            let length = number(&mut left).ok_or(damaged)?;
            let from = body.len() - left.len();
            left = left.get(length..).ok_or(damaged)?;
            places.insert((*technique, match_index), from..from + length);
        }
        if left.is_empty() { Ok(Self { bytes, places }) } else { Err(damaged) }
    }

    /// The tables of one technique at one match resolution.
    pub fn tables(&self, key: (Technique, usize)) -> Option<&[u8]> {
        self.bytes.get(self.places.get(&key)?.clone())
    }

    /// All of them.
    pub fn all(&self) -> impl Iterator<Item = ((Technique, usize), &[u8])> {
        self.places.iter().filter_map(|(key, place)| Some((*key, self.bytes.get(place.clone())?)))
    }
}

fn number(bytes: &mut &[u8]) -> Option<usize> {
    let (own, rest) = bytes.split_first_chunk::<8>()?;
    *bytes = rest;
    usize::try_from(u64::from_le_bytes(*own)).ok()
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::super::crowd::crowd;
    use super::*;
    use crate::identify::Engine;
    use crate::library::Library;
    use crate::spectrum::Spectrum;

    /// A clean scan of a reference of the library.
    fn scan(library: &Library, key: &str) -> Spectrum {
        let substance = library.substances.iter().position(|s| s.key == key).unwrap();
        let raman = |r: &&crate::library::Reference| r.technique == Technique::Raman && r.can_support_identification();
        let reference = library.references_of(substance).find(raman).unwrap();
        let axis: Vec<f64> = (0..1_100).map(|i| 200.0 + 2.0 * f64::from(i)).collect();
        let clean = reference.synthesize(&axis, 9.0, reference.own_resolution_cm1);
        let counts = clean.iter().enumerate().map(|(i, v)| 50.0 + 900.0 * v + (i as f64 * 12.9).sin()).collect();
        Spectrum::new(Technique::Raman, axis, counts).unwrap().with_resolution(9.0)
    }

    fn alarming(key: &str) -> Arc<Library> {
        let mut library = (*Library::bundled().unwrap()).clone();
        library.substances.iter_mut().find(|s| s.key == key).unwrap().alarms = true;
        Arc::new(library)
    }

    #[test]
    fn answers_are_the_same_with_tables_that_were_kept_and_nothing_is_kept_twice() {
        let library = Arc::new(crowd(3, 4));
        let key = library.substances[40].key.clone();
        let spectra: Vec<Spectrum> = library
            .substances
            .iter()
            .enumerate()
            .filter(|(i, _)| {
                let raman = |r: &crate::library::Reference| r.technique == Technique::Raman;
                library.references_of(*i).any(|r| raman(r) && r.can_support_identification())
            })
            .step_by(29)
            .map(|(_, s)| scan(&library, &s.key))
            .collect();
        assert!(spectra.len() > 3, "{key}");
        let first = Engine::new(Arc::clone(&library));
        assert_eq!(first.to_save(), None);
        let answers: Vec<_> = spectra.iter().map(|s| first.identify(s)).collect();
        let kept = first.to_save().unwrap();
        let again = Engine::new(library).with_saved(kept.clone()).unwrap();
        assert!(spectra.iter().zip(&answers).all(|(s, a)| again.identify(s) == *a));
        assert_eq!(again.to_save(), None);
        // A table of another resolution is added to those that were given.
        again.identify(&spectra[0].clone().with_resolution(13.0));
        assert!(again.to_save().unwrap().len() > kept.len());
    }

    #[test]
    fn a_damaged_or_foreign_file_is_refused() {
        let library = alarming("caffeine");
        let engine = Engine::new(Arc::clone(&library));
        engine.identify(&scan(&library, "sucrose"));
        let kept = engine.to_save().unwrap();
        let open = |bytes: Vec<u8>| Engine::new(Arc::clone(&library)).with_saved(bytes).map(|_| ());
        assert_eq!(open(kept.clone()), Ok(()));
        for length in [0, 7, 40, 47, 60, 71, kept.len() - 33, kept.len() - 1] {
            assert!(open(kept[..length].to_vec()).is_err(), "cut at {length}");
        }
        for place in (0..80).chain((80..kept.len()).step_by(9_973)) {
            let mut changed = kept.clone();
            changed[place] ^= 1;
            assert!(open(changed).is_err(), "changed at {place}");
        }
        let other = Engine::new(Arc::new((*library).clone().renamed("other", "2")));
        assert_eq!(other.with_saved(kept.clone()).map(|_| ()), Err(SavedIndexError::Other));
        let simulated = Engine::for_simulated_pack(Arc::clone(&library));
        assert_eq!(simulated.with_saved(kept).map(|_| ()), Err(SavedIndexError::Other));
    }

    #[test]
    fn a_forged_file_neither_breaks_the_search_nor_hides_what_alarms() {
        let library = alarming("caffeine");
        let spectrum = scan(&library, "caffeine");
        let honest = Engine::new(Arc::clone(&library));
        let answer = honest.identify(&spectrum);
        assert_eq!(answer.candidates[0].substance, "caffeine");
        let tables = SavedIndex::open(honest.to_save().unwrap(), &library.identity, false).unwrap();
        let with = |change: &dyn Fn(&mut Vec<u8>)| {
            let forged: BTreeMap<_, _> = tables
                .all()
                .map(|(key, bytes)| {
                    let mut bytes = bytes.to_vec();
                    change(&mut bytes);
                    (key, bytes)
                })
                .collect();
            let file = to_bytes(&forged, &library.identity, false);
            Engine::new(Arc::clone(&library)).with_saved(file).unwrap().identify(&spectrum)
        };
        for answer in [
            with(&|bytes| bytes.fill(0)),
            with(&|bytes| bytes.fill(0xFF)),
            with(&|bytes| bytes.iter_mut().for_each(|b| *b = 0x7F)),
            with(&|bytes| bytes.truncate(1_000)),
            with(&Vec::clear),
        ] {
            assert_eq!(answer.candidates[0].substance, "caffeine");
            assert_eq!(answer.verdict, honest.identify(&spectrum).verdict);
        }
        // Lengths that lie.
        for value in [0_u64, 65, u64::MAX] {
            for place in [40, 48, 56, 64] {
                let mut file =
                    to_bytes(&BTreeMap::from([((Technique::Raman, 0), vec![1; 9])]), &library.identity, false);
                file.truncate(file.len() - DIGEST);
                file[place..place + 8].copy_from_slice(&value.to_le_bytes());
                let digest: [u8; DIGEST] = Sha256::digest(&file).into();
                file.extend(digest);
                if let Ok(engine) = Engine::new(Arc::clone(&library)).with_saved(file) {
                    assert_eq!(engine.identify(&spectrum).verdict, answer.verdict);
                }
            }
        }
    }
}
