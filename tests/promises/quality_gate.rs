//! A scan that cannot decide anything says why, and what to do next: each reason through a scan of the emulated kit.

use std::cell::Cell;
use std::sync::Arc;

use parcelscope::analyzer::emulator::{EXCITATION_NM, Gap, Sample, SamplePart, memory_kit};
use parcelscope::analyzer::{AcquireStage, Clock, Kit, ScanSettings, VirtualClock};
use parcelscope::identify::{Answer, Engine, Level};
use parcelscope::library::Library;
use parcelscope::spectrum::{Band, Spectrum, Technique};

use super::engine::{part, scan};

/// A glow without bands, so many times as strong as the strongest band of the emulated samples.
fn glow(times: f64) -> SamplePart {
    let hill = Band { position_cm1: 1_300.0, height: 1.0, fwhm_cm1: 2_500.0, lorentz_fraction: 0.0 };
    SamplePart { share: times, bands: vec![hill] }
}

/// The lower part of a scan only, as a file cut by somebody holds it.
fn cut(whole: &Spectrum, to_cm1: f64) -> Spectrum {
    let points = whole.axis_cm1().iter().take_while(|x| **x < to_cm1).count();
    let (axis, signal) = (whole.axis_cm1()[..points].to_vec(), whole.intensity()[..points].to_vec());
    Spectrum::new(Technique::Raman, axis, signal).unwrap()
}

/// A scan in whose last exposure something else lies under the probe, with what its conditions do to the answer.
fn disturbed(engine: &Engine, first: Sample, then: &Sample, seed: u64) -> Answer {
    let clock: Arc<dyn Clock> = Arc::new(VirtualClock::default());
    let parts = memory_kit(seed, Gap::MEASURED, first, Arc::clone(&clock));
    let bench = parts.bench.clone();
    let mut kit = Kit::connect(Box::new(parts.spectrometer), Box::new(parts.laser), EXCITATION_NM, clock).unwrap();
    let changed = Cell::new(false);
    let scan = kit.acquire(
        &ScanSettings::default(),
        &|| false,
        &mut |p| {
            if p.stage == AcquireStage::Light && p.fraction > 0.75 && !changed.replace(true) {
                bench.set_sample(then.clone());
            }
        },
        &mut |_| {},
    );
    let scan = scan.unwrap();
    engine.identify(&scan.spectrum).with_sample_change(scan.conditions.changed_during_scan.unwrap())
}

#[test]
fn every_reason_to_keep_silent_is_told_with_its_next_step() {
    let engine = Engine::new(Library::bundled().unwrap());
    let of = |key: &str, share: f64| part(engine.library(), key, share);
    // Rule, a word of its next step, the scan.
    let cases = [
        ("too-weak", "closer", scan(Vec::new(), 1)),
        ("saturated", "shorter", scan(vec![of("sucrose", 1.0), glow(60.0)], 2)),
        ("fluorescence", "infrared", scan(vec![of("sucrose", 0.002), glow(3.0)], 3)),
        ("wrong-range", "range", cut(&scan(vec![of("sucrose", 1.0)], 4), 500.0)),
        ("container-only", "bag", scan(vec![of("polyethylene", 1.0)], 5)),
    ];
    let mut others = Vec::new();
    for (rule, word, spectrum) in cases {
        let answer = engine.identify(&spectrum);
        let silent = answer.verdict.level() == Level::Inconclusive && answer.verdict.rule() == rule;
        if !silent || !answer.verdict.next_step().contains(word) {
            others.push(format!("{rule}: {:?} {:?}", answer.verdict, answer.quality));
        }
    }
    assert!(others.is_empty(), "{others:#?}");
}

#[test]
fn a_sample_that_is_swapped_or_bleaches_away_during_the_scan_is_never_nothing_detected() {
    let engine = Engine::new(Library::bundled().unwrap());
    let sample = |key: &str| Sample { name: key.to_owned(), parts: vec![part(engine.library(), key, 1.0)] };
    let mut detected = 0;
    for seed in 0..6 {
        let empty = Sample { name: "empty".to_owned(), parts: Vec::new() };
        for then in [sample("caffeine"), empty] {
            let answer = disturbed(&engine, sample("sucrose"), &then, seed);
            assert_ne!(answer.verdict.level(), Level::NoneDetected, "{seed}: {:?}", answer.verdict);
            assert!(answer.quality.problems.iter().any(|p| p.contains("changed during the scan")), "{seed}");
            if answer.verdict.rule() == "sample-changed" {
                detected += 1;
                assert!(answer.verdict.next_step().contains("lower the laser power"));
            }
        }
        // The same sample undisturbed keeps its answer.
        let still = disturbed(&engine, sample("sucrose"), &sample("sucrose"), seed);
        assert_ne!(still.verdict.rule(), "sample-changed", "{seed}");
    }
    assert!(detected >= 4, "sample-changed was the verdict of {detected} of 12");
}

#[test]
fn a_sers_scan_is_never_compared_with_references_of_ordinary_raman() {
    let library = Library::bundled().unwrap();
    let engine = Engine::new(Arc::clone(&library));
    let raman = scan(vec![part(&library, "sucrose", 1.0)], 7);
    let sers = Spectrum::new(Technique::Sers, raman.axis_cm1().to_vec(), raman.intensity().to_vec()).unwrap();
    assert!(!engine.identify(&raman).candidates.is_empty());
    let answer = engine.identify(&sers);
    assert_eq!((answer.verdict.rule(), answer.candidates.len()), ("no-references", 0), "{:?}", answer.verdict);
    // With a reference of that technique it is compared with that one alone, and Raman is not compared with it.
    let mut own = (*library).clone();
    let sucrose = own.substances.iter().position(|s| s.key == "sucrose").unwrap();
    let reference = own.references.iter_mut().find(|r| r.substance == sucrose && r.measured.is_none()).unwrap();
    reference.technique = Technique::Sers;
    let engine = Engine::new(Arc::new(own));
    let found = engine.identify(&sers).candidates;
    assert!(found.iter().all(|c| c.substance == "sucrose") && found.len() == 1, "{found:?}");
}
