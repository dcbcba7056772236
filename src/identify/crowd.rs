//! Large libraries for tests: the bundled references again and again, each copy a little off.

use rand::{RngExt, SeedableRng};

use crate::library::{Library, Reference, Substance};

/// The bundled library `copies` times. Every third copy is so near to the original that only exact scores tell them
/// apart; the others have bands moved by several cm-1.
pub(super) fn crowd(copies: usize, seed: u64) -> Library {
    let bundled = Library::bundled().unwrap();
    let mut rng = rand_chacha::ChaCha8Rng::seed_from_u64(seed);
    let (mut substances, mut references): (Vec<Substance>, Vec<Reference>) = (Vec::new(), Vec::new());
    for copy in 0..copies {
        let before = substances.len();
        substances.extend(bundled.substances.iter().map(|s| Substance {
            key: format!("{}-{copy}", s.key),
            name: format!("{} {copy}", s.name),
            synonyms: Vec::new(),
            cas: None,
            related_cas: Vec::new(),
            related: Vec::new(),
            ..s.clone()
        }));
        let off = if copy % 3 == 0 { 0.02 } else { 8.0 };
        for reference in &bundled.references {
            let mut own = Reference { substance: before + reference.substance, cas: None, ..reference.clone() };
            for band in &mut own.bands {
                let moved = band.position_cm1 + off * rng.random_range(-1.0..1.0);
                band.position_cm1 = moved.clamp(own.range_cm1.0, own.range_cm1.1);
                if band.height < 1.0 {
                    band.height *= 1.0 - 0.01 * off.min(1.0) * rng.random_range(0.0..1.0);
                }
            }
            own.bands.sort_by(|a, b| a.position_cm1.total_cmp(&b.position_cm1));
            references.push(own);
        }
    }
    Library::from_parts("crowd", "1", bundled.groups.clone(), bundled.sources.clone(), substances, references).unwrap()
}
