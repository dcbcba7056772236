//! Large libraries and queries for the benches.

use std::sync::Arc;

use parcelscope::library::{Library, Reference, Substance};
use parcelscope::signal::wide_blur;
use parcelscope::spectrum::{Spectrum, Technique};
use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;

/// The bundled references `copies` times, each copy with its bands moved: every third by so little that only exact scores
/// tell them apart. Only the first copy alarms.
pub fn crowd(copies: usize, seed: u64) -> Library {
    let bundled = Library::bundled().expect("the bundled library is sound");
    let mut rng = ChaCha8Rng::seed_from_u64(seed);
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
            groups: if copy == 0 { s.groups.clone() } else { vec!["cutting-agent".to_owned()] },
            ..s.clone()
        }));
        let off = if copy % 3 == 0 { 0.02 } else { 40.0 };
        for reference in &bundled.references {
            let mut own = Reference { substance: before + reference.substance, cas: None, ..reference.clone() };
            for band in &mut own.bands {
                let moved = band.position_cm1 + off * rng.random_range(-1.0..1.0);
                band.position_cm1 = moved.clamp(own.range_cm1.0, own.range_cm1.1);
            }
            own.bands.sort_by(|a, b| a.position_cm1.total_cmp(&b.position_cm1));
            references.push(own);
        }
    }
    Library::from_parts("crowd", "1", bundled.groups.clone(), bundled.sources.clone(), substances, references)
        .expect("copies of sound references are sound")
}

/// A Raman spectrum of counts at a uniform pitch.
pub fn measured(counts: &[f64], from_cm1: f64, pitch_cm1: f64) -> Spectrum {
    let axis = (0..counts.len()).map(|i| from_cm1 + pitch_cm1 * i as f64).collect();
    Spectrum::new(Technique::Raman, axis, counts.to_vec()).expect("a uniform axis is sound")
}

/// A noisy scan of the first Raman reference whose substance's key begins so: 1,024 points.
pub fn scan_of(library: &Arc<Library>, key: &str) -> Option<Spectrum> {
    let mut rng = ChaCha8Rng::seed_from_u64(9);
    let reference = library
        .references
        .iter()
        .find(|r| r.technique == Technique::Raman && library.substance_of(r).is_some_and(|s| s.key.starts_with(key)))?;
    let axis: Vec<f64> = (0..1024).map(|i| 300.0 + 1.7 * f64::from(i)).collect();
    let clean = reference.synthesize(&axis, 6.0, reference.own_resolution_cm1);
    let counts: Vec<f64> = clean.iter().map(|v| 200.0 + 1000.0 * v + rng.random_range(-10.0..10.0)).collect();
    Some(measured(&counts, 300.0, 1.7))
}

/// So many rows of length 1, the feature of random bands under which spectra are compared: square root and high-pass.
/// Three of each twenty are nearly the same.
pub fn rows(count: usize, points: usize, seed: u64) -> Vec<f32> {
    let mut rng = ChaCha8Rng::seed_from_u64(seed);
    let mut rows = Vec::with_capacity(count * points);
    let mut family = Vec::new();
    for number in 0..count {
        if number % 20 == 0 {
            family = feature(&mut rng, points);
        }
        let row: Vec<f64> = if number % 20 < 3 {
            family.iter().map(|v| v + 0.003 * rng.random_range(-0.5..0.5)).collect()
        } else {
            feature(&mut rng, points)
        };
        rows.extend(unit(&row));
    }
    rows
}

fn feature(rng: &mut ChaCha8Rng, points: usize) -> Vec<f64> {
    let mut intensity = vec![0.0; points];
    for _ in 0..rng.random_range(8..30) {
        let (at, height) = (rng.random_range(0.0..points as f64), rng.random_range(0.02_f64..1.0).powi(2));
        // 9 to 20 cm-1 wide at 2 cm-1 a point.
        let half = rng.random_range(4.5_f64..10.0) / 1.665 / 2.0;
        let (from, to) = ((at - 8.0 * half).max(0.0) as usize, ((at + 8.0 * half) as usize).min(points - 1));
        for (i, v) in intensity.iter_mut().enumerate().take(to + 1).skip(from) {
            *v += height * (-((i as f64 - at) / half).powi(2)).exp();
        }
    }
    let root: Vec<f64> = intensity.iter().map(|v| (v + 0.01_f64).sqrt() - 0.1).collect();
    root.iter().zip(wide_blur(&root, 20.0)).map(|(a, b)| a - b).collect()
}

/// Brought to length 1.
pub fn unit(values: &[f64]) -> Vec<f32> {
    let length = values.iter().map(|v| v * v).sum::<f64>().sqrt().max(1e-300);
    values.iter().map(|v| (v / length) as f32).collect()
}

/// Scalar product in double precision.
pub fn product(a: &[f32], b: &[f32]) -> f64 {
    let mut lanes = [0.0_f64; 8];
    for (a, b) in a.as_chunks::<8>().0.iter().zip(b.as_chunks::<8>().0) {
        for lane in 0..8 {
            lanes[lane] += f64::from(a[lane]) * f64::from(b[lane]);
        }
    }
    lanes.iter().sum()
}

/// Scalar product in single precision, sixteen lanes: a good plain scan, as fast as memory gives the rows.
pub fn plain(a: &[f32], b: &[f32]) -> f32 {
    let mut lanes = [0.0_f32; 16];
    for (a, b) in a.as_chunks::<16>().0.iter().zip(b.as_chunks::<16>().0) {
        for lane in 0..16 {
            lanes[lane] += a[lane] * b[lane];
        }
    }
    lanes.iter().sum()
}
