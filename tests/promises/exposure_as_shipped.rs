//! The exposure that the program chooses unless told otherwise, on the spectrometers of two protocols: what is
//! said of the light is what the detector saw.

use std::time::Duration;

use parcelscope::analyzer::emulator::ObpModel;
use parcelscope::analyzer::{Acquisition, AnalyzerError, Brightness, PROBES_MAX};
use parcelscope::session::{AutomaticExposure, ScanExposure};

use super::fault_matrix::rig::{Driver, MemoryRig, Rig, settings};

/// A model, the shortest integration time that it takes and the step of its times, microseconds.
type Model = (Driver, u32, u32);

/// The Wasatch module is not among them: docs/devices.md says what its exposures still do.
const MODELS: [Model; 4] = [
    (Driver::Obp(ObpModel::Sts), 10, 1),
    (Driver::Obp(ObpModel::QePro), 8_000, 1),
    (Driver::Obp(ObpModel::Ventana), 22_000, 1),
    (Driver::OceanLetter, 1_000, 1_000),
];

/// Steps of brightness, three to the decade, over the range of every model and beyond.
const STEPS: std::ops::RangeInclusive<i32> = -10..=18;

/// Share of saturation of the brightest pixel, the highest of the medians over the light exposures.
fn fill(scan: &Acquisition) -> f64 {
    let hot = |pixel: usize| scan.dark.counts[pixel] > scan.dark.saturation_counts / 20;
    let median = |pixel: usize| {
        let mut counts: Vec<u32> = scan.light.iter().map(|exposure| exposure.counts[pixel]).collect();
        counts.sort_unstable();
        counts[counts.len() / 2]
    };
    let top = (0..scan.light[0].counts.len()).filter(|pixel| !hot(*pixel)).map(median).max().unwrap();
    f64::from(top) / f64::from(scan.light[0].saturation_counts)
}

#[derive(Debug, Default)]
struct Range {
    weak: usize,
    fills: Vec<f64>,
    /// At the shortest time: above the target and not saturated.
    above: usize,
    bright: usize,
    shortest_us: Option<u32>,
    longest_us: u32,
}

/// Scans light of every brightness with one exposure and holds what is said of it to what was seen.
fn over_all_light((driver, least_us, step_us): Model, exposure: ScanExposure, seed: u64) -> Range {
    let mut range = Range::default();
    for step in STEPS {
        let rig = MemoryRig::new(driver, seed);
        let mut kit = rig.connect().unwrap();
        // The glow bleaches first, so that the light is as steady as a test of the exposure needs.
        rig.bench().set_laser_power(1e4, rig.clock().now());
        drop(kit.acquire(&settings(driver), &|| false, &mut |_| {}, &mut |_| {}));
        rig.bench().set_laser_power(10_f64.powf(f64::from(step) / 3.0), rig.clock().now());
        let context = format!("{} at step {step}", driver.name());
        let began = rig.clock().now();
        let scan = match kit.acquire(&exposure.settings(), &|| false, &mut |_| {}, &mut |_| {}) {
            Ok(scan) => scan,
            Err(AnalyzerError::TooBright { shortest_us, .. }) => {
                assert_eq!(shortest_us, least_us, "{context}");
                range.bright += 1;
                continue;
            }
            Err(error) => panic!("{context}: {error}"),
        };
        assert_eq!(range.bright, 0, "{context}: more light was too bright and this is not");
        let taken = rig.clock().now().saturating_sub(began);
        assert!(taken < Duration::from_secs(200), "{context}: {taken:?}");
        let (choice, seen) = (scan.conditions.auto_exposure.unwrap(), fill(&scan));
        assert!(choice.probes <= PROBES_MAX, "{context}: {choice:?}");
        match choice.brightness {
            Brightness::OnTarget if choice.integration_us <= least_us && seen > 0.8 => range.above += 1,
            Brightness::OnTarget => {
                // A time that can be set in steps only is off by half of one.
                let off = 0.02 + 0.35 * f64::from(step_us) / f64::from(choice.integration_us);
                assert!((0.6 - off..0.8 + off).contains(&seen), "{context}: {seen} of saturation, {choice:?}");
                range.fills.push(seen);
                range.shortest_us =
                    Some(range.shortest_us.map_or(choice.integration_us, |us| us.min(choice.integration_us)));
                range.longest_us = range.longest_us.max(choice.integration_us);
            }
            Brightness::TooWeak => {
                assert!(seen < 0.62 && range.fills.is_empty(), "{context}: {seen} of saturation, {choice:?}");
                range.weak += 1;
            }
            Brightness::TooBright => panic!("{context}: {choice:?} ended with a spectrum"),
        }
    }
    range
}

#[test]
fn the_usual_exposure_says_on_target_where_it_is_and_too_weak_or_too_bright_where_it_is_not() {
    for model in MODELS {
        let driver = model.0;
        for (words, exposure) in [
            ("10 s, as shipped", ScanExposure::default()),
            ("120 s", ScanExposure::Automatic(AutomaticExposure { budget_s: 120 })),
        ] {
            let range = over_all_light(model, exposure, 5);
            let decades = (f64::from(range.longest_us) / f64::from(range.shortest_us.unwrap_or(1))).log10();
            println!(
                "{}, {words} (simulated): {} too weak, {} on target over {decades:.1} decades ({:.2} to {:.2} of saturation), {} above it at the shortest time, {} too bright",
                driver.name(),
                range.weak,
                range.fills.len(),
                range.fills.iter().copied().fold(1.0, f64::min),
                range.fills.iter().copied().fold(0.0, f64::max),
                range.above,
                range.bright,
            );
            assert!(range.weak > 0 && range.bright > 0, "{} must meet both ends", driver.name());
            assert!(range.fills.len() >= 4, "{}: {range:?}", driver.name());
        }
    }
}
