//! A scan finds its own exposure, knows its dark, its noise and its sample's changes, and the preview keeps the laser's rules.

use std::cell::Cell;
use std::ops::ControlFlow;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::time::Duration;

use parcelscope::analyzer::emulator::{EXCITATION_NM, Gap, MemoryKit, memory_kit};
use parcelscope::analyzer::{
    AcquireStage, Acquisition, AnalyzerError, AutoExposure, Brightness, Clock, DarkPolicy, DarkSource, ExposureMode,
    Kit, LaserState, PROBES_MAX, PreviewSettings, ScanSettings, VirtualClock,
};
use parcelscope::library::Library;
use parcelscope::session::sample_from_name;

fn bench(seed: u64, name: &str) -> (MemoryKit, Kit, Arc<dyn Clock>) {
    let sample = sample_from_name(&Library::bundled().unwrap(), name).unwrap();
    let clock: Arc<dyn Clock> = Arc::new(VirtualClock::default());
    let parts = memory_kit(seed, Gap::MEASURED, sample, Arc::clone(&clock));
    let (spectrometer, laser) = (Box::new(parts.spectrometer.clone()), Box::new(parts.laser.clone()));
    let kit = Kit::connect(spectrometer, laser, EXCITATION_NM, Arc::clone(&clock)).unwrap();
    (parts, kit, clock)
}

fn acquire(kit: &mut Kit, settings: &ScanSettings) -> Result<Acquisition, AnalyzerError> {
    kit.acquire(settings, &|| false, &mut |_| {}, &mut |_| {})
}

/// Share of saturation of the brightest pixel: the highest of the medians over the light exposures, in which a cosmic ray
/// does not count. A pixel that is bright in the dark shows no light.
fn fill(scan: &Acquisition) -> f64 {
    let median = |pixel: usize| {
        let mut counts: Vec<u32> = scan.light.iter().map(|exposure| exposure.counts[pixel]).collect();
        counts.sort_unstable();
        counts[counts.len() / 2]
    };
    let hot = |pixel: &usize| scan.dark.counts[*pixel] > scan.dark.saturation_counts / 20;
    let top = (0..scan.light[0].counts.len()).filter(|pixel| !hot(pixel)).map(median).max().unwrap();
    f64::from(top) / f64::from(scan.light[0].saturation_counts)
}

fn auto(budget_s: u64) -> ScanSettings {
    let aim = AutoExposure { budget: Duration::from_secs(budget_s), ..AutoExposure::default() };
    ScanSettings { exposure: ExposureMode::Auto(aim), ..ScanSettings::default() }
}

/// Power at which 70 % of saturation needs so many seconds, from a scan at known power.
fn power_for(parts: &MemoryKit, kit: &mut Kit, clock: &Arc<dyn Clock>, seconds: f64) -> f64 {
    // The glow bleaches first: what is tested is a steady light, not how fast a sample fades between probe and scan.
    parts.bench.set_laser_power(1e4, clock.now());
    acquire(kit, &ScanSettings { integration_us: 1_000_000, ..ScanSettings::default() }).unwrap();
    parts.bench.set_laser_power(20.0, clock.now());
    let settings = ScanSettings { integration_us: 20_000, ..ScanSettings::default() };
    let scan = acquire(kit, &settings).unwrap();
    let top = scan.spectrum.intensity().iter().copied().fold(0.0, f64::max);
    let rate_at_one = top / 0.02 / 20.0;
    (0.7 * 16_383.0 - 150.0) / seconds / rate_at_one
}

#[test]
fn auto_exposure_reaches_its_target_within_three_probes_over_six_decades_of_emulated_light() {
    let (mut fills, mut most, mut shortest, mut longest) = (Vec::new(), 0, u32::MAX, 0);
    for seed in 0..8 {
        let (parts, mut kit, clock) = bench(seed, ["sucrose", "acetaminophen", "caffeine", "talc"][seed as usize % 4]);
        let weakest = power_for(&parts, &mut kit, &clock, 13.0);
        for tenth in 0..=12 {
            let power = weakest * 10_f64.powf(f64::from(tenth) * 0.5 - f64::from(tenth / 12) * 0.02);
            parts.bench.set_laser_power(power, clock.now());
            let scan = acquire(&mut kit, &auto(75)).unwrap_or_else(|e| panic!("seed {seed}, {tenth}: {e}"));
            let choice = scan.conditions.auto_exposure.unwrap();
            assert_eq!(choice.brightness, Brightness::OnTarget, "seed {seed}, {tenth}: {choice:?}");
            assert!((0.6..=0.8).contains(&fill(&scan)), "seed {seed}, {tenth}: fill {}, {choice:?}", fill(&scan));
            assert!(scan.spectrum.saturated().is_empty());
            fills.push(fill(&scan));
            most = most.max(choice.probes);
            (shortest, longest) = (shortest.min(choice.integration_us), longest.max(choice.integration_us));
        }
    }
    println!(
        "simulated, n = {}: {shortest} to {longest} microseconds, at most {most} probes, fill {:.3} to {:.3}",
        fills.len(),
        fills.iter().copied().fold(1.0, f64::min),
        fills.iter().copied().fold(0.0, f64::max)
    );
    assert!(most <= PROBES_MAX && f64::from(longest) / f64::from(shortest) > 9e5);
}

#[test]
fn light_outside_the_range_is_told_as_too_weak_or_too_bright() {
    for seed in 0..4 {
        let (parts, mut kit, clock) = bench(seed, "sucrose");
        let weakest = power_for(&parts, &mut kit, &clock, 13.0);
        parts.bench.set_laser_power(weakest / 1e3, clock.now());
        let weak = acquire(&mut kit, &auto(15)).unwrap().conditions.auto_exposure.unwrap();
        assert_eq!(weak.brightness, Brightness::TooWeak, "{weak:?}");
        parts.bench.set_laser_power(weakest * 1e8, clock.now());
        let bright = acquire(&mut kit, &auto(15)).unwrap_err();
        assert!(matches!(bright, AnalyzerError::TooBright { .. }) && !bright.loses_the_kit(), "{bright}");
        assert!(!parts.bench.laser_shines());
    }
}

#[test]
fn a_dark_is_used_again_while_time_settings_and_age_allow_it_and_the_record_says_so() {
    let (_parts, mut kit, clock) = bench(3, "sucrose");
    let settings = ScanSettings { dark: DarkPolicy::USUAL, ..ScanSettings::default() };
    let first = acquire(&mut kit, &settings).unwrap();
    assert_eq!(first.conditions.dark_source, DarkSource::Fresh);
    let before = clock.now();
    let second = acquire(&mut kit, &settings).unwrap();
    let DarkSource::Cached { age_ms } = second.conditions.dark_source else { panic!("a fresh dark was measured") };
    assert!(second.dark == first.dark && (1_000..10_000).contains(&age_ms), "{age_ms}");
    assert!(clock.now().saturating_sub(before) < Duration::from_secs(5), "the time of the dark is saved");
    let other = acquire(&mut kit, &ScanSettings { integration_us: 800_000, ..settings }).unwrap();
    assert_eq!(other.conditions.dark_source, DarkSource::Fresh, "another integration time");
    clock.sleep(Duration::from_secs(601));
    assert_eq!(acquire(&mut kit, &settings).unwrap().conditions.dark_source, DarkSource::Fresh, "too old");
    assert_eq!(acquire(&mut kit, &ScanSettings::default()).unwrap().conditions.dark_source, DarkSource::Fresh);
}

#[test]
fn the_stated_noise_is_what_repeated_scans_show() {
    let (mut ratios, scans) = (Vec::new(), 8);
    for seed in 0..6 {
        let (_parts, mut kit, _clock) = bench(seed, ["sucrose", "acetaminophen", "talc"][seed as usize % 3]);
        let spectra: Vec<_> =
            (0..scans).map(|_| acquire(&mut kit, &ScanSettings::default()).unwrap().spectrum).collect();
        let mut pulls = Vec::new();
        for pair in spectra.chunks(2) {
            let (a, b) = (&pair[0], &pair[1]);
            // The laser drifts and the glow bleaches from scan to scan: neither is noise.
            let sum = |s: &parcelscope::spectrum::Spectrum| s.intensity().iter().sum::<f64>();
            let gain = sum(b) / sum(a);
            let difference: Vec<f64> = a.intensity().iter().zip(b.intensity()).map(|(x, y)| y - gain * x).collect();
            for (p, w) in difference.windows(3).enumerate() {
                let sd = |s: &parcelscope::spectrum::Spectrum| s.noise_sd().unwrap()[p + 1];
                pulls.push(((w[0] - 2.0 * w[1] + w[2]) / 6_f64.sqrt() / sd(a).hypot(sd(b))).abs());
            }
        }
        pulls.sort_by(f64::total_cmp);
        let ratio = pulls[pulls.len() / 2] / 0.674_5;
        ratios.push(ratio);
    }
    println!("simulated, n = {} units of {scans} scans: scatter over stated noise {ratios:.3?}", ratios.len());
    assert!(ratios.iter().all(|r| (0.9..1.1).contains(r)), "{ratios:?}");
}

#[test]
fn a_sample_that_changes_during_the_scan_is_told_and_one_that_does_not_is_not() {
    let library = Library::bundled().unwrap();
    let (mut quiet, mut loud) = (Vec::new(), Vec::new());
    for seed in 0..12 {
        let (parts, mut kit, _clock) = bench(seed, "sucrose");
        let scan = acquire(&mut kit, &ScanSettings::default()).unwrap();
        quiet.push(scan.conditions.changed_during_scan.unwrap());
        let burnt = sample_from_name(&library, if seed % 2 == 0 { "empty" } else { "caffeine" }).unwrap();
        let changed = Cell::new(false);
        let scan = kit.acquire(
            &ScanSettings::default(),
            &|| false,
            &mut |p| {
                if p.stage == AcquireStage::Light && p.fraction > 0.75 && !changed.replace(true) {
                    parts.bench.set_sample(burnt.clone());
                }
            },
            &mut |_| {},
        );
        loud.push(scan.unwrap().conditions.changed_during_scan.unwrap());
    }
    println!(
        "simulated, n = 12: change of a quiet sample {quiet:.1?}, of one that is swapped {loud:.1?} standard deviations"
    );
    assert!(quiet.iter().all(|c| *c < 4.0), "{quiet:?}");
    assert!(loud.iter().all(|c| *c > 4.0), "{loud:?}");
}

#[test]
fn hot_pixels_that_the_unit_names_or_the_dark_shows_are_interpolated_and_marked() {
    let (parts, mut kit, _clock) = bench(5, "sucrose");
    let scan = acquire(&mut kit, &ScanSettings::default()).unwrap();
    let hot = parts.bench.unit().hot_pixels;
    println!("hot pixels of the unit {hot:?}; interpolated {:?}", scan.conditions.interpolated_pixels);
    for (pixel, _) in hot {
        assert!(scan.conditions.interpolated_pixels.contains(&pixel), "{pixel}");
    }
    assert!(scan.conditions.interpolated_pixels.len() < 40);
    assert_eq!(scan.uncorrected().unwrap(), scan.spectrum, "stored counts give the same spectrum");
}

#[test]
fn the_laser_is_off_in_time_after_a_cancel_at_any_moment_of_an_automatic_scan() {
    for moment_ms in (0..9_000).step_by(83) {
        let (parts, mut kit, clock) = bench(7, "sucrose");
        let cancel_at = clock.now() + Duration::from_millis(moment_ms);
        let end = kit.acquire(&ScanSettings::automatic(), &|| clock.now() >= cancel_at, &mut |_| {}, &mut |_| {});
        if end.is_ok() {
            continue;
        }
        assert_eq!(end.err(), Some(AnalyzerError::Cancelled), "cancelled after {moment_ms} ms");
        let late = clock.now().saturating_sub(cancel_at);
        assert!(late <= Duration::from_millis(200), "cancelled after {moment_ms} ms, ended {late:?} later");
        assert!(!parts.bench.laser_shines());
        let lines = parts.log.lines();
        if let Some(on) = lines.iter().rposition(|l| l.1 == "matchbox e 1") {
            let off = lines[on..].iter().find(|l| l.1 == "matchbox e 0").expect("off follows on");
            assert!(off.0.saturating_sub(cancel_at) <= Duration::from_millis(100), "{moment_ms} ms");
        }
    }
}

#[test]
fn progress_of_an_automatic_scan_never_falls_and_ends_at_one() {
    let (_parts, mut kit, _clock) = bench(7, "caffeine");
    for _ in 0..2 {
        let mut seen = Vec::new();
        kit.acquire(&ScanSettings::automatic(), &|| false, &mut |p| seen.push(p), &mut |_| {}).unwrap();
        assert!(seen.windows(2).all(|w| w[0].fraction <= w[1].fraction && w[0].stage <= w[1].stage), "{seen:?}");
        let last = seen.last().unwrap();
        assert!(last.fraction > 0.85, "{last:?}");
    }
}

#[test]
fn the_preview_lights_the_sample_only_while_frames_are_wanted() {
    let settings = PreviewSettings { longest: Duration::from_secs(5), ..PreviewSettings::default() };
    for way in ["enough", "cancel", "time", "panic"] {
        let (parts, mut kit, clock) = bench(2, "sucrose");
        let (frames, began) = (Cell::new(0), clock.now());
        let mut states = Vec::new();
        let end = catch_unwind(AssertUnwindSafe(|| {
            kit.preview(
                &settings,
                &|| way == "cancel" && frames.get() >= 3,
                &mut |state| states.push(state),
                &mut |frame| {
                    assert!(parts.bench.laser_shines() && frame.counts.len() == frame.axis_cm1.len());
                    assert!(frame.fill > 0.0 && frame.remaining <= settings.longest);
                    frames.set(frames.get() + 1);
                    assert!(way != "panic" || frames.get() < 3, "a fault inside the program");
                    if way == "enough" && frames.get() == 3 {
                        ControlFlow::Break(())
                    } else {
                        ControlFlow::Continue(())
                    }
                },
            )
        }));
        assert_eq!(end.is_err(), way == "panic");
        if let Ok(end) = end {
            end.unwrap_or_else(|e| panic!("{way}: {e}"));
            assert_eq!(states, [LaserState::Off, LaserState::WarmingUp, LaserState::On, LaserState::Off], "{way}");
        }
        assert!(!parts.bench.laser_shines(), "{way}");
        assert!(frames.get() >= 3, "{way}: {} frames", frames.get());
        assert!(clock.now().saturating_sub(began) < Duration::from_secs(7), "{way}");
    }
}
