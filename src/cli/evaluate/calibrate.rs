//! Fits the probability model and the thresholds of the tolerance anew, and gives them as the source file that the engine
//! embeds. The spectra are emulated scans that no reported suite uses: other units, and only the substances of the tuning
//! half. The model is fitted on some units, the thresholds are taken from others.

use crate::analyzer::ScanSettings;
use crate::analyzer::emulator::{Gap, Sample};
use crate::identify::{CalibrationRow, Engine, Rate, Spectra, Table, embedded_source, fit_probability};
use crate::library::{Library, Substance};

use super::laboratory::{EmulatedUnit, Standard, laboratory, standards};

/// Units on which the model is fitted.
const FIT_UNITS: [u64; 3] = [9_201, 9_202, 9_203];
/// Units on which the thresholds are taken.
const THRESHOLD_UNITS: [u64; 4] = [9_204, 9_205, 9_206, 9_207];
/// Samples of each substance on each unit.
const SAMPLES: u64 = 3;
/// Samples of alarming substances on each unit of the thresholds: more, because no rate below three in their number can
/// be claimed.
const ALARMING_SAMPLES: u64 = 10;

/// The suite: figures of the fit, and the source file as the last note.
pub fn table(engine: &Engine, name: &str) -> Result<(Table, String), anyhow::Error> {
    let library: &Library = engine.library();
    let (pack_standards, pack) = laboratory(library)?;
    let bundled: Vec<Standard> = standards(library).into_iter().filter(|s| s.supports).collect();
    let sources = [(&pack_standards, &pack), (&bundled, engine)];
    let mut fit: Vec<CalibrationRow> = Vec::new();
    let mut check: Vec<CalibrationRow> = Vec::new();
    let mut thresholds: Vec<CalibrationRow> = Vec::new();
    for (standards, engine) in sources {
        for seed in FIT_UNITS {
            for (standard, row) in rows(standards.iter(), engine, seed, |_| SAMPLES)? {
                if standard.truth.is_for_tuning() { &mut fit } else { &mut check }.push(row);
            }
        }
        let tuning = || standards.iter().filter(|s| s.truth.is_for_tuning());
        let samples = |s: &Standard| if s.alarms { ALARMING_SAMPLES } else { SAMPLES };
        for seed in THRESHOLD_UNITS {
            thresholds.extend(rows(tuning(), engine, seed, samples)?.into_iter().map(|(_, row)| row));
        }
    }
    let fitted = fit_probability(&fit, &thresholds);
    let mut table = Table::new(name, Spectra::Simulated, &[], false);
    table.lines.clear();
    let alarming = thresholds.iter().filter(|r| r.best_alarms).count();
    let all = thresholds.len();
    let wrong = thresholds.iter().filter(|r| r.carries_name && !r.declared).count();
    table.notes = vec![
        format!("model fitted on {} scans of the tuning half, half of them with the own substance left out", fit.len()),
        format!(
            "expected calibration error on {} scans of the other half: {:.4}",
            check.len(),
            fitted.error_on(&check)
        ),
        format!(
            "thresholds from {all} scans, half of them with the own substance left out, {alarming} nearest to an alarming one"
        ),
        format!(
            "named wrongly at the usual tolerance, of scans of the other half nearest to an alarming reference, half of them with the own substance left out: {}",
            named_wrongly(engine, &check)
        ),
        format!(
            "of the scans of the thresholds, wrongly meet every demand on a name but the odds: {}",
            Rate::new(wrong, all)
        ),
    ];
    table.figures = vec![
        ("fitted_on".to_owned(), fit.len() as f64),
        ("checked_on".to_owned(), check.len() as f64),
        ("calibration_error".to_owned(), fitted.error_on(&check)),
        ("scans".to_owned(), all as f64),
    ];
    let source = embedded_source(&fitted);
    Ok((table, source))
}

/// The thresholds hold for scans like those that they were taken from; these are of other substances.
fn named_wrongly(engine: &Engine, rows: &[CalibrationRow]) -> Rate {
    let near = || rows.iter().filter(|r| r.best_alarms);
    let wrong = near().filter(|r| r.carries_name && !r.declared && engine.is_sure_of(r)).count();
    Rate::new(wrong, near().count())
}

/// Emulated scans of the standards on one unit, each asked with and without its own substance.
fn rows<'a>(
    standards: impl Iterator<Item = &'a Standard>,
    engine: &Engine,
    seed: u64,
    samples: impl Fn(&Standard) -> u64,
) -> Result<Vec<(&'a Standard, CalibrationRow)>, anyhow::Error> {
    let mut unit = EmulatedUnit::new(seed, Gap::MEASURED)?;
    let mut rows = Vec::new();
    for standard in standards {
        for number in 0..samples(standard) {
            let name = format!("{}, unit {seed}, sample {number}", standard.key);
            let spectrum = unit.scan(Sample { name, parts: vec![standard.part(1.0)] }, &ScanSettings::default())?;
            for left_out in [false, true] {
                let hidden = |s: &Substance| left_out && standard.truth.is(s);
                let is_truth = |s: &Substance| standard.truth.is(s);
                if let Some(row) = engine.evidence(&spectrum, &hidden, &is_truth) {
                    rows.push((standard, CalibrationRow { left_out, ..row }));
                }
            }
        }
    }
    Ok(rows)
}
