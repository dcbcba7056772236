//! Do the stated detection limits hold? Each listed substance is added to a blank at exactly the share that the scan of
//! the blank has stated.

use crate::analyzer::ScanSettings;
use crate::analyzer::emulator::Gap;
use crate::identify::{Engine, Outcome, Query, Rate, Spectra, Table, ask};
use crate::library::Library;
use crate::spectrum::Spectrum;

use super::laboratory::{DAUGHTERS, EmulatedUnit, Standard, laboratory};
use super::scenes::sample;

/// What the blanks are made of.
const MATRICES: [&str; 11] = [
    "lactose",
    "caffeine",
    "acetaminophen",
    "glucose",
    "sucrose",
    "urea",
    "calcium-carbonate",
    "citric-acid",
    "polyethylene",
    "sodium-bicarbonate",
    "ibuprofen",
];
/// From this share on a limit says that the substance would be missed in this matrix.
const USELESS: f64 = 0.9;

/// The suite, with a table of the scans at the limit and notes on limits and blanks.
pub fn table(library: &Library, name: &str) -> Result<Table, anyhow::Error> {
    let (standards, engine) = laboratory(library)?;
    let matrices: Vec<&Standard> = MATRICES.iter().filter_map(|key| standards.iter().find(|s| s.key == *key)).collect();
    let (mut stated, mut useless) = (Vec::new(), 0);
    let mut outcomes: Vec<(String, Outcome)> = Vec::new();
    let (mut blanks, mut false_alarms) = (0, 0);
    for seed in DAUGHTERS {
        let mut unit = EmulatedUnit::new(seed, Gap::MEASURED)?;
        for matrix in &matrices {
            for listed in standards.iter().filter(|s| s.alarms) {
                // One name, so that strength, background and the matrix's own bands are those of the blank.
                let name = format!("{} in {}, unit {seed}", listed.key, matrix.key);
                let blank = unit.scan(sample(&name, &[(matrix, 1.0)]), &ScanSettings::default())?;
                let (limit, alarmed) = stated_limit(&engine, &blank, listed);
                blanks += 1;
                false_alarms += usize::from(alarmed);
                let Some(limit) = limit.filter(|l| *l < USELESS) else {
                    useless += 1;
                    continue;
                };
                stated.push(limit);
                let spiked = sample(&name, &[(matrix, 1.0 - limit), (listed, limit)]);
                let spectrum = unit.scan(spiked, &ScanSettings::default())?;
                let query = Query {
                    name: format!("{name}, at its limit of {:.1} %", 100.0 * limit),
                    truth: listed.truth.clone(),
                    beside: vec![matrix.truth.clone()],
                    spectrum,
                };
                let half = if listed.truth.is_for_tuning() { "tuning half" } else { "reporting half" };
                outcomes.push((half.to_owned(), ask(&engine, &query, false)));
            }
        }
    }
    stated.sort_by(f64::total_cmp);
    let quantile = |q: f64| stated.get((q * stated.len() as f64) as usize).copied().unwrap_or(1.0);
    let power = |half: Option<&str>| {
        let own = || outcomes.iter().filter(|(h, _)| half.is_none_or(|half| h == half));
        Rate::new(own().filter(|(_, o)| o.is_warning() && o.pointed_at).count(), own().count())
    };
    let mut table = Table::of_parts(name, Spectra::Simulated, &outcomes);
    table.notes = vec![
        format!("found at the stated limit, all: {}; nominal 95 %", power(None)),
        format!("found at the stated limit, tuning half of the listed substances: {}", power(Some("tuning half"))),
        format!("found at the stated limit, reporting half: {}", power(Some("reporting half"))),
        format!(
            "stated limits, share of the signal: median {:.3}, tenth percentile {:.3}, ninetieth {:.3}, n = {}; useless (0.9 or more): {useless}",
            quantile(0.5),
            quantile(0.1),
            quantile(0.9),
            stated.len()
        ),
        format!("alarms and alerts on the blanks: {}", Rate::new(false_alarms, blanks)),
    ];
    let all = power(None);
    table.figures = vec![
        ("found".to_owned(), all.k as f64),
        ("scans".to_owned(), all.n as f64),
        ("blank_alarms".to_owned(), false_alarms as f64),
        ("blanks".to_owned(), blanks as f64),
        ("median_limit".to_owned(), quantile(0.5)),
    ];
    Ok(table)
}

/// What the scan of the blank says about one substance, and whether it warned.
fn stated_limit(engine: &Engine, blank: &Spectrum, listed: &Standard) -> (Option<f64>, bool) {
    let answer = engine.identify(blank);
    let limit = answer.detection_limits.iter().find(|l| l.substance == listed.truth.name);
    (limit.and_then(|l| l.spectral_share), answer.verdict.level().is_warning())
}
