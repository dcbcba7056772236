//! A Wasatch module is spectrometer, laser and cooler behind one port: the laser goes off on every way out, and no wrong
//! image becomes a spectrum.

use std::process::Command;
use std::sync::{Arc, LazyLock};
use std::time::Duration;

use parcelscope::analyzer::emulator::{
    Bench, Fault, Faults, FaultyWire, Gap, Log, MemoryLink, Traffic, Wasatch, WasatchForm,
};
use parcelscope::analyzer::wasatch::{
    Calibration, CalibrationSource, PixelOrder, WasatchOptions, WasatchUnit, WriteReply, open,
};
use parcelscope::analyzer::{
    Acquisition, AnalyzerError, Clock, Kit, LaserState, ScanSettings, Spectrometer, VirtualClock,
};
use parcelscope::library::Library;
use parcelscope::session::sample_from_name;

use crate::foreign_client;

/// An emulated module on a wire in memory.
struct Desk {
    link: MemoryLink,
    clock: Arc<dyn Clock>,
    bench: Bench,
    log: Log,
    faults: Faults,
}

fn desk_of(form: WasatchForm) -> Desk {
    desk_over(form, None)
}

/// A module behind a good wire, or behind one that `seed` lets fail as the faults say.
fn desk_over(form: WasatchForm, seed: Option<u64>) -> Desk {
    let clock: Arc<dyn Clock> = Arc::new(VirtualClock::default());
    let sample = sample_from_name(&Library::bundled().expect("bundled library"), "sucrose").expect("a sample");
    let (bench, log, faults) = (Wasatch::bench(7, Gap::MEASURED, sample), Log::default(), Faults::none());
    let device = Wasatch::new(form, bench.clone(), log.clone(), faults.clone());
    let link = match seed {
        None => MemoryLink::new("emulator", device, Arc::clone(&clock)),
        Some(seed) => {
            let wire = FaultyWire::new(device, Traffic::Spectra, faults.clone(), seed);
            MemoryLink::new("emulator", wire, Arc::clone(&clock))
        }
    };
    Desk { link, clock, bench, log, faults }
}

fn desk() -> Desk {
    desk_of(WasatchForm::new(7))
}

impl Desk {
    fn open(&self, options: &WasatchOptions) -> Result<WasatchUnit, AnalyzerError> {
        open(Box::new(self.link.clone()), Arc::clone(&self.clock), options)
    }

    fn kit(&self) -> Kit {
        let unit = self.open(&WasatchOptions::default()).expect("the emulated module answers");
        unit.into_kit(None).expect("its calibration gives an axis")
    }

    fn told(&self, what: &str) -> Option<Duration> {
        self.log.lines().iter().rev().find(|l| l.1 == what).map(|l| l.0)
    }
}

const ON: &str = "wasatch b4 01";
const OFF: &str = "wasatch b4 00";

/// Holds a scan against one that nothing disturbed: same unit, same sample. Bytes out of step would turn every pixel into
/// another one; the bleaching of the sample and cosmic rays change little.
fn assert_right(scan: &Acquisition, context: &str) {
    static UNDISTURBED: LazyLock<Vec<f64>> = LazyLock::new(|| {
        let desk = desk();
        light_over_dark(&acquire(&mut desk.kit(), &|| false).expect("a spectrum"))
    });
    let seen = light_over_dark(scan);
    assert_eq!(seen.len(), UNDISTURBED.len(), "{context}");
    let pairs = seen.iter().zip(UNDISTURBED.iter());
    let far = pairs.filter(|(a, b)| (*a - *b).abs() > 150.0 + 0.1 * b.abs()).count();
    assert!(far <= 30, "{context}: {far} pixels are wrong");
}

/// The least light exposure over the dark, in every pixel.
fn light_over_dark(scan: &Acquisition) -> Vec<f64> {
    let least = |pixel: usize| scan.light.iter().map(|l| f64::from(l.counts[pixel])).fold(f64::INFINITY, f64::min);
    scan.dark.counts.iter().enumerate().map(|(pixel, dark)| least(pixel) - f64::from(*dark)).collect()
}

fn acquire(kit: &mut Kit, cancelled: &dyn Fn() -> bool) -> Result<Acquisition, AnalyzerError> {
    kit.acquire(&ScanSettings::default(), cancelled, &mut |_| {}, &mut |_| {})
}

#[test]
fn a_scan_is_dark_without_the_laser_and_bright_with_it() {
    let desk = desk();
    let scan = acquire(&mut desk.kit(), &|| false).expect("a spectrum");
    assert!(scan.simulated && scan.spectrometer.simulated && scan.laser.simulated);
    assert_eq!(scan.spectrometer.serial, "WP-00007");
    assert_eq!((scan.dark.laser_before, scan.dark.laser_after), (LaserState::Off, LaserState::Off));
    // The offset is in both; a hot pixel is brighter than the sample.
    let mean = |counts: &[u32]| counts.iter().map(|c| f64::from(*c)).sum::<f64>() / counts.len() as f64 - 800.0;
    for light in &scan.light {
        assert_eq!((light.laser_before, light.laser_after), (LaserState::On, LaserState::On));
        let (bright, dark) = (mean(&light.counts), mean(&scan.dark.counts));
        assert!(bright > 3.0 * dark, "{bright} over {dark}");
    }
    let (from, to) = scan.spectrum.range_cm1();
    assert!((150.0..250.0).contains(&from) && (2_200.0..2_500.0).contains(&to), "{from} to {to}");
    assert!(!desk.bench.laser_shines());
}

#[test]
fn off_is_the_first_command_after_opening_and_the_last_but_looking_before_closing() {
    let desk = desk();
    let kit = desk.kit();
    assert_eq!(desk.log.lines()[0].1, OFF);
    let before = desk.log.lines().len();
    drop(kit);
    let lines = desk.log.lines();
    let said: Vec<&str> = lines[before..].iter().map(|l| l.1.as_str()).collect();
    assert_eq!(said, [OFF, "wasatch 34"]);
}

#[test]
fn the_laser_is_off_after_a_cancel_at_any_moment_and_the_scan_ends_within_200_ms() {
    let desk = desk();
    let mut kit = desk.kit();
    let mut lit = 0;
    for moment_ms in (0..7_500).step_by(37) {
        let cancel_at = desk.clock.now() + Duration::from_millis(moment_ms);
        let before = desk.log.lines().len();
        let end = acquire(&mut kit, &|| desk.clock.now() >= cancel_at);
        if end.is_ok() {
            continue; // the scan was faster
        }
        assert_eq!(end.err(), Some(AnalyzerError::Cancelled), "cancelled after {moment_ms} ms");
        let late = desk.clock.now().saturating_sub(cancel_at);
        assert!(late <= Duration::from_millis(200), "cancelled after {moment_ms} ms, ended {late:?} later");
        assert!(!desk.bench.laser_shines(), "cancelled after {moment_ms} ms");
        let lines = desk.log.lines();
        if let Some(on) = lines.iter().skip(before).rposition(|l| l.1 == ON) {
            lit += 1;
            let off = lines.iter().skip(before + on).find(|l| l.1 == OFF).expect("off follows on");
            let on_wire = off.0.saturating_sub(cancel_at);
            assert!(on_wire <= Duration::from_millis(100), "off {on_wire:?} after the cancel at {moment_ms} ms");
        }
    }
    assert!(lit > 20, "{lit} cancels while the laser was on");
    assert!(acquire(&mut kit, &|| false).is_ok(), "the next scan");
}

#[test]
fn a_unit_that_is_deaf_while_it_exposes_leaves_the_state_unknown_and_obeys_later() {
    let desk = desk_of(WasatchForm { busy_while_exposing: true, ..WasatchForm::new(7) });
    let mut kit = desk.kit();
    let settings = ScanSettings { integration_us: 2_000_000, light_exposures: 1, ..ScanSettings::default() };
    let states = std::cell::RefCell::new(Vec::new());
    let shone_at = std::cell::Cell::new(None);
    let end = kit.acquire(
        &settings,
        &|| {
            let now = desk.clock.now();
            if desk.bench.laser_shines() && shone_at.get().is_none() {
                shone_at.set(Some(now));
            }
            shone_at.get().is_some_and(|at: Duration| now >= at + Duration::from_millis(900))
        },
        &mut |_| {},
        &mut |state| states.borrow_mut().push(state),
    );
    let cancelled = shone_at.get().expect("the laser shone") + Duration::from_millis(900);
    assert!(matches!(end, Err(AnalyzerError::LaserNotOff { state: LaserState::Unknown, .. })), "{end:?}");
    assert_eq!(states.borrow().last(), Some(&LaserState::Unknown), "never off without an answer");
    assert!(desk.clock.now() <= cancelled + Duration::from_millis(250), "it ends without waiting for the exposure");
    // The off that was sent is obeyed as soon as the unit listens, and a new connection confirms it.
    desk.clock.sleep(Duration::from_secs(2));
    drop(kit);
    assert!(!desk.bench.laser_shines());
    assert!(acquire(&mut desk.kit(), &|| false).is_ok());
}

#[test]
fn what_the_sources_leave_open_is_a_setting_and_works_in_every_form() {
    let orders = [PixelOrder::BigEndian, PixelOrder::LittleEndian];
    let replies = [WriteReply::Framed, WriteReply::Bare];
    for (pixel_order, write_reply) in orders.into_iter().flat_map(|o| replies.map(|r| (o, r))) {
        for eeprom in [true, false] {
            let form = WasatchForm { pixel_order, write_reply, eeprom, ..WasatchForm::new(7) };
            let desk = desk_of(form);
            let given = Wasatch::calibration(&form, &desk.bench);
            let calibration =
                if eeprom { CalibrationSource::Eeprom } else { CalibrationSource::Given(Box::new(given.clone())) };
            let byte_pause = if eeprom { Duration::from_millis(1) } else { Duration::ZERO };
            let options = WasatchOptions {
                calibration,
                pixel_order,
                write_reply,
                byte_pause,
                gain: Some(24.0),
                excitation_nm: None,
                serial: None,
            };
            let unit = desk.open(&options).expect("the emulated module answers");
            assert_eq!(unit.spectrometer.calibration(), &given);
            let mut kit = unit.into_kit(None).expect("a kit");
            let scan = acquire(&mut kit, &|| false).expect("a spectrum");
            assert_eq!(scan.spectrometer.serial, "WP-00007");
            assert!(desk.told("wasatch 94 00 18").is_some(), "the gain of 24 is set");
            // With the other byte order the bytes are refused, not turned into a spectrum.
            let swapped = WasatchOptions { pixel_order: pixel_order.other(), ..options };
            let mut kit = desk.open(&swapped).expect("a module").into_kit(None).expect("a kit");
            match acquire(&mut kit, &|| false) {
                Err(AnalyzerError::Implausible { why, .. }) => assert!(why.contains("byte first"), "{why}"),
                other => panic!("{other:?}"),
            }
        }
    }
}

#[test]
fn a_unit_whose_eeprom_cannot_be_read_asks_for_a_calibration_file_and_takes_it() {
    let form = WasatchForm { eeprom: false, ..WasatchForm::new(7) };
    let desk = desk_of(form);
    let refused = desk.open(&WasatchOptions::default()).err().expect("no calibration");
    assert!(matches!(refused, AnalyzerError::NoCalibration { .. }), "{refused:?}");
    assert!(refused.to_string().contains("calibration file"), "{refused}");
    // The code that loads a page is that of the test pattern there: it is off again.
    assert_eq!(desk.log.lines().iter().rfind(|l| l.1.starts_with("wasatch b0")).expect("asked").1, "wasatch b0 00");
    let file = serde_json::to_vec(&[Wasatch::calibration(&form, &desk.bench)]).expect("JSON");
    assert!(Calibration::from_json(&file, "WP-00008").is_err());
    let given = Calibration::from_json(&file, "WP-00007").expect("its calibration");
    let options =
        WasatchOptions { calibration: CalibrationSource::Given(Box::new(given)), ..WasatchOptions::default() };
    let mut kit = desk.open(&options).expect("a module").into_kit(Some(784.9)).expect("a kit");
    let scan = acquire(&mut kit, &|| false).expect("a spectrum");
    assert_eq!(scan.excitation_nm, 784.9);
    // Another unit on the port is noticed by its revisions.
    desk.faults.switch_on(Fault::OtherSerial);
    assert!(matches!(acquire(&mut kit, &|| false), Err(AnalyzerError::OtherDevice { .. })));
}

#[test]
fn the_cooler_reaches_its_temperature_and_an_unstable_one_is_told() {
    let desk = desk();
    let mut unit = desk.open(&WasatchOptions::default()).expect("a module");
    let on_wait = &mut || std::ops::ControlFlow::Continue(());
    let warm = unit.spectrometer.cooler(on_wait).expect("an answer").expect("a cooler");
    assert!(!warm.stable && warm.detector_c > 0.0, "{warm:?}");
    desk.clock.sleep(Duration::from_secs(30));
    let cold = unit.spectrometer.cooler(on_wait).expect("an answer").expect("a cooler");
    assert!(cold.stable && (cold.detector_c + 15.0).abs() < 0.1 && cold.setpoint_c == -15.0, "{cold:?}");
    desk.faults.switch_on(Fault::TecUnstable);
    assert!(!unit.spectrometer.cooler(on_wait).expect("an answer").expect("a cooler").stable);
    let facts = unit.spectrometer.detector_facts();
    assert!(facts.nonlinearity_coefficients.len() == 5 && !facts.bad_pixels.is_empty(), "{facts:?}");
}

#[test]
fn averages_are_means_and_hide_no_saturation() {
    let desk = desk();
    let mut unit = desk.open(&WasatchOptions::default()).expect("a module");
    let on_wait = &mut || std::ops::ControlFlow::Continue(());
    desk.clock.sleep(Duration::from_mins(1));
    let mut spread = |averages| {
        unit.spectrometer.prepare(100_000, averages, on_wait).expect("settings");
        let counts = unit.spectrometer.acquire(on_wait).expect("an image");
        let steps = counts.windows(2).map(|w| (f64::from(w[1]) - f64::from(w[0])).powi(2) / 2.0);
        (steps.sum::<f64>() / counts.len() as f64).sqrt()
    };
    let (one, nine) = (spread(1), spread(9));
    assert!(nine < 0.5 * one, "{one} counts, averaged {nine}");
    desk.faults.switch_on_times(Fault::Saturation, 1);
    unit.spectrometer.prepare(100_000, 4, on_wait).expect("settings");
    let counts = unit.spectrometer.acquire(on_wait).expect("an image");
    assert!(counts.iter().all(|c| *c == unit.spectrometer.limits().saturation_counts));
    let step = unit.spectrometer.prepare(100_500, 1, on_wait);
    assert!(matches!(step, Err(AnalyzerError::NotAStep { .. })), "{step:?}");
}

#[test]
fn the_watchdog_of_the_unit_ends_a_scan_that_is_too_long_for_it() {
    let desk = desk_of(WasatchForm { watchdog_s: 2, ..WasatchForm::new(7) });
    let mut kit = desk.kit();
    let long = ScanSettings { integration_us: 2_500_000, ..ScanSettings::default() };
    let end = kit.acquire(&long, &|| false, &mut |_| {}, &mut |_| {});
    assert!(matches!(end, Err(AnalyzerError::OutOfLimits { .. })), "{end:?}");
    let many = ScanSettings { integration_us: 1_500_000, light_exposures: 3, ..ScanSettings::default() };
    let end = kit.acquire(&many, &|| false, &mut |_| {}, &mut |_| {});
    assert!(matches!(end, Err(AnalyzerError::LaserNotOn { state: LaserState::Off, .. })), "{end:?}");
    assert!(desk.told("wasatch watchdog").is_some() && !desk.bench.laser_shines());
}

#[test]
fn a_laser_that_does_not_come_on_or_lies_gives_no_spectrum_and_is_commanded_off() {
    for fault in [Fault::InterlockOpen, Fault::OnButReadsOff] {
        let desk = desk();
        let mut kit = desk.kit();
        desk.faults.switch_on(fault);
        let end = acquire(&mut kit, &|| false);
        assert!(matches!(end, Err(AnalyzerError::LaserNotOn { .. })), "{fault}: {end:?}");
        assert!(!desk.bench.laser_shines(), "{fault}");
        assert!(desk.told(OFF) > desk.told(ON), "{fault}");
        desk.faults.clear();
        assert!(acquire(&mut kit, &|| false).is_ok(), "after {fault}");
    }
}

#[test]
fn every_fault_at_every_request_gives_an_error_or_the_right_spectrum_and_a_laser_that_is_off() {
    let faults = [
        Fault::WrongChecksum,
        Fault::WrongFooter,
        Fault::OversizedLength,
        Fault::WrongType,
        Fault::Nack,
        Fault::AccessLevel,
        Fault::ResetBetweenCommands,
        Fault::OtherSerial,
    ];
    let (mut errors, mut spectra) = (0, 0);
    for fault in faults {
        for skipped in 0..36 {
            let desk = desk();
            let mut kit = desk.kit();
            let asked = desk.log.lines().len() + skipped;
            let armed = std::cell::Cell::new(false);
            let end = acquire(&mut kit, &|| {
                if !armed.get() && desk.log.lines().len() >= asked {
                    armed.set(true);
                    desk.faults.switch_on_times(fault, 1);
                }
                false
            });
            assert!(!desk.bench.laser_shines(), "{fault} at request {skipped}: {end:?}");
            match end {
                Err(_) => errors += 1,
                Ok(scan) => {
                    spectra += 1;
                    assert!(scan.light.iter().all(|l| l.laser_after == LaserState::On), "{fault}");
                    assert_right(&scan, &format!("{fault} at request {skipped}"));
                }
            }
            desk.faults.clear();
            if acquire(&mut kit, &|| false).is_err() {
                drop(kit);
                assert!(acquire(&mut desk.kit(), &|| false).is_ok(), "after {fault} at request {skipped}");
            }
        }
    }
    println!("{errors} errors, {spectra} right spectra");
    assert!(errors > 60 && spectra > 60, "{errors} errors, {spectra} spectra");
}

#[test]
fn no_wire_however_bad_makes_a_wrong_spectrum_or_a_laser_that_is_thought_off() {
    let faults = [
        Fault::OneByteReads,
        Fault::LeadingNoise,
        Fault::DroppedByte,
        Fault::LateReply,
        Fault::MissingReply,
        Fault::UnplugMidSpectrum,
    ];
    let (mut errors, mut spectra) = (0, 0);
    for (fault, seed) in faults.into_iter().flat_map(|f| (0..20).map(move |seed| (f, seed))) {
        let desk = desk_over(WasatchForm::new(7), Some(seed));
        let mut kit = desk.kit();
        let begins = desk.clock.now() + Duration::from_millis(seed * 271);
        let armed = std::cell::Cell::new(false);
        let mut told = None;
        let end = kit.acquire(
            &ScanSettings::default(),
            &|| {
                if !armed.get() && desk.clock.now() >= begins {
                    armed.set(true);
                    desk.faults.switch_on(fault);
                }
                false
            },
            &mut |_| {},
            &mut |state| told = Some(state),
        );
        let context = format!("{fault}, seed {seed}");
        if desk.bench.laser_shines() {
            assert!(end.is_err() && told.is_some_and(|s| s != LaserState::Off), "{context}: {told:?}, {end:?}");
        }
        match end {
            Ok(scan) => {
                spectra += 1;
                assert_right(&scan, &context);
            }
            Err(_) => errors += 1,
        }
        desk.faults.clear();
        desk.clock.sleep(Duration::from_secs(10));
        drop(kit);
        let again = acquire(&mut desk.kit(), &|| false);
        assert!(again.is_ok(), "{context}, the next connection: {again:?}");
        assert!(!desk.bench.laser_shines(), "{context}");
    }
    println!("{errors} errors, {spectra} right spectra");
    assert!(errors > 40 && spectra > 15, "{errors} errors, {spectra} spectra");
}

#[cfg(unix)]
#[test]
fn a_scan_over_a_serial_port_works_and_a_cancel_ends_it_in_time() {
    use parcelscope::analyzer::emulator::PtyHost;
    use parcelscope::analyzer::{SerialLink, SystemClock};

    let clock: Arc<dyn Clock> = Arc::new(SystemClock::start());
    let sample = sample_from_name(&Library::bundled().expect("bundled library"), "sucrose").expect("a sample");
    let bench = Wasatch::bench(7, Gap::MEASURED, sample);
    let device = Wasatch::new(WasatchForm::new(7), bench.clone(), Log::default(), Faults::none());
    let host = PtyHost::start("test-wasatch", device, Arc::clone(&clock)).expect("a pseudo-terminal");
    let link = SerialLink::open(host.path(), 9_600, Arc::clone(&clock)).expect("the port opens");
    let unit = open(Box::new(link), Arc::clone(&clock), &WasatchOptions::default()).expect("the module answers");
    let mut kit = unit.into_kit(None).expect("a kit");
    let settings = ScanSettings { integration_us: 50_000, ..ScanSettings::default() };
    let scan = kit.acquire(&settings, &|| false, &mut |_| {}, &mut |_| {}).expect("a spectrum");
    assert!(scan.simulated && scan.spectrometer.port == host.path());
    let slow = ScanSettings { integration_us: 3_000_000, ..settings };
    let cancelled_at = std::cell::Cell::new(None);
    let cancel = || {
        if cancelled_at.get().is_none() && bench.laser_shines() {
            cancelled_at.set(Some(clock.now()));
        }
        cancelled_at.get().is_some()
    };
    let end = kit.acquire(&slow, &cancel, &mut |_| {}, &mut |_| {});
    let took = clock.now().saturating_sub(cancelled_at.get().expect("the laser shone"));
    // On a machine that is busy with other tests the module may not be heard in time: then the state is unknown.
    assert!(
        matches!(end, Err(AnalyzerError::Cancelled | AnalyzerError::LaserNotOff { state: LaserState::Unknown, .. })),
        "{end:?}"
    );
    drop(kit);
    assert!(!bench.laser_shines());
    // 200 ms on a quiet machine.
    assert!(took < Duration::from_millis(600), "{took:?}");
    println!("cancel over a pseudo-terminal: {took:?}");
}

#[cfg(unix)]
#[test]
fn a_scan_from_the_command_line_uses_the_module_alone_and_its_own_laser_wavelength() {
    let folder = tempfile::tempdir().expect("a folder");
    let log = folder.path().join("log");
    let log_name = log.to_str().expect("a name");
    let (_emulator, port) = foreign_client::emulator("wasatch", &["--seed", "7", "--log", log_name]);
    let settings = folder.path().join("module.toml");
    std::fs::write(&settings, "calibration = 'eeprom'\nwrite_reply = 'framed'\n").expect("a file");
    let mut scan = Command::new(env!("CARGO_BIN_EXE_parcelscope"));
    scan.arg("--data-dir").arg(folder.path()).args(["scan", "--json", "--port", &port, "--spectrometer", "wasatch"]);
    scan.arg("--spectrometer-settings").arg(&settings);
    let said = foreign_client::run(&mut scan, foreign_client::TALK_LIMIT).expect("a scan");
    let seen: serde_json::Value = serde_json::from_str(&said).expect("JSON");
    assert_eq!(
        (&seen["simulated"], &seen["acknowledged"], &seen["technique"]),
        (&true.into(), &true.into(), &"raman".into())
    );
    let told = std::fs::read_to_string(&log).expect("a log");
    let switches: Vec<&str> =
        told.lines().filter_map(|l| l.split_once(' ')).map(|l| l.1).filter(|l| [ON, OFF].contains(l)).collect();
    assert!(switches.contains(&ON) && switches.first() == Some(&OFF) && switches.last() == Some(&OFF), "{switches:?}");
}

/// Packages of the client; all but the first are imported by it even where they are not used.
const PACKAGES: [&str; 9] = [
    "--no-deps",
    "wasatch==2.5.2",
    "crcmod==1.7",
    "pyserial==3.5",
    "pyusb==1.3.1",
    "pyftdi==0.57.2",
    "future==1.0.0",
    "six==1.17.0",
    "numpy==2.4.6",
];

#[test]
fn the_vendors_codec_and_eeprom_parser_accept_the_emulated_module() {
    if crate::measured_data::folder("the emulated module by the vendor's codec").is_none() {
        return;
    }
    let python = foreign_client::python("foreign-wasatch", &PACKAGES);
    let (_emulator, port) = foreign_client::emulator("wasatch", &["--seed", "7"]);
    let client = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/promises/clients/wasatch_uart.py");
    let said = foreign_client::run(Command::new(&python).args([client, &port]), foreign_client::TALK_LIMIT);
    let seen: serde_json::Value = serde_json::from_str(&said.expect("the client ends well")).expect("one JSON line");
    let form = WasatchForm::new(7);
    let sample = sample_from_name(&Library::bundled().expect("bundled library"), "sucrose").expect("a sample");
    let unit = Wasatch::calibration(&form, &Wasatch::bench(7, Gap::MEASURED, sample));
    let cooler = unit.cooler.expect("a cooler");
    let laser = unit.laser.expect("a laser");
    assert_eq!(seen["wrong"], 0, "checksums that the vendor's code finds wrong: {seen}");
    assert_eq!((&seen["ping"], &seen["fpga"]), (&"".into(), &"EMU.1.0".into()), "{seen}");
    assert_eq!((&seen["integration_ms"], &seen["pixels"], &seen["counts"]), (&100.into(), &2048.into(), &2048.into()));
    let middle = seen["middle"].as_u64().expect("a count");
    assert!((750..1_000).contains(&middle), "a dark image in the right byte order: {seen}");
    assert_eq!(seen["laser"], serde_json::json!([1, 0]), "{seen}");
    assert_eq!((&seen["serial"], &seen["model"]), (&unit.serial.as_str().into(), &unit.model.as_str().into()));
    assert_eq!(seen["wavelengths"], serde_json::json!(unit.wavelength_coefficients_nm), "{seen}");
    assert_eq!((&seen["excitation"], &seen["watchdog"]), (&785.0.into(), &laser.watchdog_s.into()), "{seen}");
    assert_eq!(seen["bad_pixels"], serde_json::json!(unit.bad_pixels), "{seen}");
    assert_eq!(seen["integration"], serde_json::json!(unit.integration_ms), "{seen}");
    assert_eq!(
        (&seen["setpoint"], &seen["degc_to_dac"]),
        (&(-15).into(), &serde_json::json!(cooler.setpoint_counts_of_c))
    );
    assert_eq!(seen["power"], serde_json::json!(laser.power_mw), "{seen}");
}
