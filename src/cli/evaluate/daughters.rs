//! Three emulated units ask a pack that a fourth has measured.

use crate::analyzer::ScanSettings;
use crate::analyzer::emulator::{Gap, Sample};
use crate::identify::{Engine, Query};
use crate::library::Library;

use super::laboratory::{DAUGHTERS, EmulatedUnit, laboratory, standards};

/// Samples of each substance on each unit; each differs from the references in another way.
const SAMPLES: u64 = 5;

/// Every standard, pure, on every daughter, and the engine on the pack: that of `asked` where it is a training pack already,
/// else what a parent unit measures of its standards.
pub fn queries(asked: &Engine) -> Result<(Engine, Vec<Query>), anyhow::Error> {
    let (standards, engine) = if asked.library().is_training() {
        (standards(Library::bundled()?.as_ref()), asked.clone())
    } else {
        laboratory(asked.library())?
    };
    let mut queries = Vec::new();
    for seed in DAUGHTERS {
        let mut unit = EmulatedUnit::new(seed, Gap::MEASURED)?;
        for standard in &standards {
            for number in 0..SAMPLES {
                let name = format!("{}, unit {seed}, sample {number}", standard.key);
                let sample = Sample { name: name.clone(), parts: vec![standard.part(1.0)] };
                let spectrum = unit.scan(sample, &ScanSettings::default())?;
                queries.push(Query { name, truth: standard.truth.clone(), beside: Vec::new(), spectrum });
            }
        }
    }
    Ok((engine, queries))
}
