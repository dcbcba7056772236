//! Fits the probability model on emulated scans that no reported suite uses: other units, and only the substances of the
//! tuning half.

use crate::analyzer::ScanSettings;
use crate::analyzer::emulator::{Gap, Sample};
use crate::identify::{Engine, Spectra, Table};
use crate::library::Library;

use super::laboratory::{EmulatedUnit, Standard, laboratory, standards};

/// Units that only calibrate.
const UNITS: [u64; 3] = [9_201, 9_202, 9_203];
/// Samples of each substance on each unit.
const SAMPLES: u64 = 3;

/// Dumps the rows.
pub fn table(engine: &Engine, name: &str) -> Result<Table, anyhow::Error> {
    let library: &Library = engine.library();
    let (pack_standards, pack) = laboratory(library)?;
    let bundled: Vec<Standard> = standards(library).into_iter().filter(|s| s.supports).collect();
    let mut table = Table::new(name, Spectra::Simulated, &[], false);
    table.lines.clear();
    for (which, standards, engine) in [("pack", &pack_standards, &pack), ("bundled", &bundled, engine)] {
        for seed in UNITS {
            let mut unit = EmulatedUnit::new(seed, Gap::MEASURED)?;
            for standard in standards {
                for number in 0..SAMPLES {
                    let name = format!("{}, unit {seed}, sample {number}", standard.key);
                    let spectrum =
                        unit.scan(Sample { name, parts: vec![standard.part(1.0)] }, &ScanSettings::default())?;
                    for left_out in [false, true] {
                        let hidden = |s: &crate::library::Substance| left_out && standard.truth.is(s);
                        let Some((best, features)) = engine.evidence(&spectrum, &hidden) else { continue };
                        println!(
                            "ROW,{which},{},{},{},{},{best},{}",
                            standard.key,
                            standard.alarms,
                            standard.truth.is_for_tuning(),
                            left_out,
                            features.map(|f| f.to_string()).join(",")
                        );
                    }
                }
            }
        }
    }
    Ok(table)
}
