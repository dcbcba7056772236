//! What lies under the probe in the simulated suites: bags, mixtures by share, and trouble.

use crate::analyzer::ScanSettings;
use crate::analyzer::emulator::{Gap, Sample};
use crate::identify::{Engine, Outcome, Query, Truth, ask};
use crate::library::Library;
use crate::spectrum::Spectrum;

use super::laboratory::{DAUGHTERS, EmulatedUnit, Standard, laboratory, standards};

/// The bag.
const BAG: &str = "polyethylene";
/// Shares of the signal that the bag takes.
const BAG_SHARES: [f64; 5] = [0.3, 0.4, 0.5, 0.6, 0.7];
/// Shares of the signal that a listed substance takes in a mixture.
const LISTED_SHARES: [f64; 7] = [0.02, 0.05, 0.1, 0.2, 0.3, 0.5, 0.7];
/// What listed substances are cut with.
const CUTS: [&str; 4] = ["lactose", "caffeine", "acetaminophen", "glucose"];
/// Every third benign substance is bagged, which keeps the suite short.
const BENIGN_STEP: usize = 3;

/// Benign mixtures on each unit.
const BENIGN_MIXTURES: usize = 140;
/// Units on which rules about benign mixtures were chosen.
const BENIGN_TUNING: [u64; 3] = [9_301, 9_302, 9_303];

/// A sample of standards with their shares of the signal's area.
pub fn sample(name: &str, parts: &[(&Standard, f64)]) -> Sample {
    let whole: f64 = parts.iter().map(|(s, share)| share / s.area()).sum();
    let parts = parts.iter().map(|(s, share)| s.part(share / s.area() / whole)).collect();
    Sample { name: name.to_owned(), parts }
}

fn find<'a>(standards: &'a [Standard], key: &str) -> Result<&'a Standard, anyhow::Error> {
    standards.iter().find(|s| s.key == key).ok_or_else(|| anyhow::anyhow!("the pack has no '{key}'"))
}

/// A question about a scene of which the first part is what matters.
fn question(engine: &Engine, name: String, parts: &[(&Standard, f64)], spectrum: Spectrum) -> Outcome {
    let truth = parts.first().map_or_else(Truth::nothing, |(s, _)| s.truth.clone());
    let beside = parts.iter().skip(1).map(|(s, _)| s.truth.clone()).collect();
    ask(engine, &Query { name, truth, beside, spectrum }, false)
}

/// Listed and benign substances through a polyethylene bag.
pub fn bagged(library: &Library) -> Result<Vec<(String, Outcome)>, anyhow::Error> {
    let (standards, engine) = laboratory(library)?;
    let bag = find(&standards, BAG)?;
    let benign = standards.iter().filter(|s| !s.alarms && !s.is_container()).step_by(BENIGN_STEP);
    let contents: Vec<&Standard> = standards.iter().filter(|s| s.alarms).chain(benign).collect();
    let mut outcomes = Vec::new();
    for seed in DAUGHTERS {
        let mut unit = EmulatedUnit::new(seed, Gap::MEASURED)?;
        for share in BAG_SHARES {
            for content in &contents {
                let name = format!("{} in a bag of {:.0} %, unit {seed}", content.key, 100.0 * share);
                let parts = [(*content, 1.0 - share), (bag, share)];
                let spectrum = unit.scan(sample(&name, &parts), &ScanSettings::default())?;
                let part = format!("bag takes {:.0} % of the signal", 100.0 * share);
                outcomes.push((part, question(&engine, name, &parts, spectrum)));
            }
        }
    }
    Ok(outcomes)
}

/// Listed substances cut with benign ones, and benign ones with each other.
pub fn mixtures(library: &Library) -> Result<Vec<(String, Outcome)>, anyhow::Error> {
    let (standards, engine) = laboratory(library)?;
    let cuts = CUTS.iter().map(|key| find(&standards, key)).collect::<Result<Vec<_>, _>>()?;
    let mut outcomes = Vec::new();
    for seed in DAUGHTERS {
        let mut unit = EmulatedUnit::new(seed, Gap::MEASURED)?;
        for share in LISTED_SHARES {
            for (number, listed) in standards.iter().filter(|s| s.alarms).enumerate() {
                for cut in [cuts.get(number % 4), cuts.get((number + 1) % 4)].into_iter().flatten() {
                    let name = format!("{} {:.0} % in {}, unit {seed}", listed.key, 100.0 * share, cut.key);
                    let parts = [(listed, share), (*cut, 1.0 - share)];
                    let spectrum = unit.scan(sample(&name, &parts), &ScanSettings::default())?;
                    let part = format!("listed has {:.0} % of the signal", 100.0 * share);
                    outcomes.push((part, question(&engine, name, &parts, spectrum)));
                }
            }
        }
        for (number, one) in standards.iter().filter(|s| !s.alarms).enumerate() {
            let Some(cut) = cuts.get(number % 4).filter(|c| c.key != one.key) else { continue };
            let name = format!("{} 40 % in {}, unit {seed}", one.key, cut.key);
            let parts = [(one, 0.4), (*cut, 0.6)];
            let spectrum = unit.scan(sample(&name, &parts), &ScanSettings::default())?;
            outcomes.push(("two benign ones".to_owned(), question(&engine, name, &parts, spectrum)));
        }
    }
    Ok(outcomes)
}

/// Pairs and triples of benign substances that the library has measured, in shares of 30 to 70 %, asked of that library
/// itself: nothing in it may alarm. The units of the tuning part are not those of the reported one.
pub fn benign_mixtures(engine: &Engine) -> Result<Vec<(String, Outcome)>, anyhow::Error> {
    let library = engine.library();
    let all = standards(library);
    let benign: Vec<&Standard> = all.iter().filter(|s| !s.alarms && s.supports).collect();
    let mut outcomes = Vec::new();
    for (part, seeds) in [("tuning units", BENIGN_TUNING), ("reporting units", DAUGHTERS)] {
        for (round, seed) in seeds.into_iter().enumerate() {
            let mut unit = EmulatedUnit::new(seed, Gap::MEASURED)?;
            for number in 0..BENIGN_MIXTURES {
                let draw = |step: usize| benign.get((number * step + round * 13 + seed as usize) % benign.len());
                let picked = [draw(3), draw(7), if number % 3 == 0 { draw(11) } else { None }];
                let mut found: Vec<&Standard> = Vec::new();
                for one in picked.into_iter().flatten() {
                    if found.iter().all(|s| s.key != one.key) {
                        found.push(one);
                    }
                }
                if found.len() < 2 {
                    continue;
                }
                let first = 0.3 + 0.4 * (number % 5) as f64 / 4.0;
                let rest = (1.0 - first) / (found.len() - 1) as f64;
                let parts: Vec<(&Standard, f64)> =
                    found.iter().enumerate().map(|(i, s)| (*s, if i == 0 { first } else { rest })).collect();
                let names: Vec<&str> = found.iter().map(|s| s.key.as_str()).collect();
                let name = format!("{}, unit {seed}", names.join(" + "));
                let spectrum = unit.scan(sample(&name, &parts), &ScanSettings::default())?;
                outcomes.push((part.to_owned(), question(engine, name, &parts, spectrum)));
            }
        }
    }
    Ok(outcomes)
}

/// Nothing, containers alone, cosmic rays, saturation.
pub fn hostile(library: &Library) -> Result<Vec<(String, Outcome)>, anyhow::Error> {
    let (standards, engine) = laboratory(library)?;
    let mut outcomes = Vec::new();
    for seed in DAUGHTERS {
        let mut unit = EmulatedUnit::new(seed, Gap::MEASURED)?;
        for number in 0..20 {
            let name = format!("noise only {number}, unit {seed}");
            let spectrum = unit.scan(sample(&name, &[]), &ScanSettings::default())?;
            outcomes.push(("noise only".to_owned(), question(&engine, name, &[], spectrum)));
        }
        for container in standards.iter().filter(|s| s.is_container()) {
            for number in 0..5 {
                let name = format!("{} alone {number}, unit {seed}", container.key);
                let spectrum = unit.scan(sample(&name, &[(container, 1.0)]), &ScanSettings::default())?;
                let outcome = question(&engine, name, &[(container, 1.0)], spectrum);
                outcomes.push(("container only".to_owned(), outcome));
            }
        }
        for standard in standards.iter().step_by(2) {
            let name = format!("{}, unit {seed}", standard.key);
            let spectrum = unit.scan(sample(&name, &[(standard, 1.0)]), &ScanSettings::default())?;
            let struck = with_cosmic_rays(&spectrum, seed ^ standard.substance as u64)?;
            let outcome = question(&engine, format!("{name}, cosmic rays"), &[(standard, 1.0)], struck);
            outcomes.push(("cosmic rays".to_owned(), outcome));
            let clipped = saturated(&spectrum)?;
            let outcome = question(&engine, format!("{name}, saturated"), &[(standard, 1.0)], clipped);
            outcomes.push(("saturated".to_owned(), outcome));
        }
    }
    Ok(outcomes)
}

/// Eight cosmic rays of one or two pixels, up to three times as high as the strongest point.
fn with_cosmic_rays(spectrum: &Spectrum, seed: u64) -> Result<Spectrum, anyhow::Error> {
    let mut values = spectrum.intensity().to_vec();
    let top = values.iter().copied().fold(0.0, f64::max);
    let mut state = seed | 1;
    let mut draw = || {
        // Marsaglia's xorshift, J. Stat. Softw. 8 (2003) 14.
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        (state >> 11) as f64 / (1_u64 << 53) as f64
    };
    for _ in 0..8 {
        let (place, height) = ((draw() * values.len() as f64) as usize, (0.3 + 2.7 * draw()) * top);
        for (pixel, part) in [(place, 1.0), (place + 1, 0.4 * draw())] {
            if let Some(v) = values.get_mut(pixel) {
                *v += part * height;
            }
        }
    }
    rebuilt(spectrum, values)
}

/// The same scan with the top two fifths of its range cut off, as a full converter does.
fn saturated(spectrum: &Spectrum) -> Result<Spectrum, anyhow::Error> {
    let top = spectrum.intensity().iter().copied().fold(0.0, f64::max);
    rebuilt(spectrum, spectrum.intensity().iter().map(|v| v.min(0.6 * top)).collect())
}

fn rebuilt(spectrum: &Spectrum, values: Vec<f64>) -> Result<Spectrum, anyhow::Error> {
    let mut out = Spectrum::new(spectrum.technique(), spectrum.axis_cm1().to_vec(), values)?;
    if let Some(noise) = spectrum.noise_sd() {
        out = out.with_noise(noise.to_vec())?;
    }
    Ok(match spectrum.resolution_cm1() {
        Some(resolution) => out.with_resolution(resolution),
        None => out,
    })
}
