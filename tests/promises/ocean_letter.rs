//! The letter protocol: its published bytes, its driver against an emulated device, and no wrong spectrum over a bad wire.

use std::ops::ControlFlow;
use std::sync::Arc;
use std::time::Duration;

use parcelscope::analyzer::emulator::{
    Bench, Detector, Device, Fault, Faults, FaultyWire, Gap, Log, MemoryLink, OceanLetter, Sample, Traffic,
};
use parcelscope::analyzer::ocean_letter::codec::{self, Expected, LetterSpectrum, SpectrumError};
use parcelscope::analyzer::ocean_letter::{IntegrationUnit, LetterCalibration, LetterSettings, LetterSpectrometer};
use parcelscope::analyzer::{AnalyzerError, Clock, Spectrometer, VirtualClock};
use proptest::prelude::*;

const PLAIN: Expected = Expected { pixels: 2_048, scans: 1, compressed: false, checksum: false };

fn go_on() -> impl FnMut() -> ControlFlow<()> {
    || ControlFlow::Continue(())
}

#[test]
fn the_manuals_checksum_example_is_reproduced() {
    // Flame manual 225-00000-000-11.
    assert_eq!(codec::checksum(&[15, 23, 46, 98, 231, 509, 1_023, 2_432, 3_245, 1_984]), 0x2586);
}

#[test]
fn the_traffic_of_a_foreign_client_gets_the_bytes_that_it_expects() {
    // The acfr-lcm C client: binary mode, 50 ms, read back, trigger 4, scan.
    let bench = Bench::with_detector(1, Gap::NONE, empty(), Detector::LETTER);
    let mut device = OceanLetter::new(bench, 1, Log::default(), Faults::none());
    let mut now = Duration::ZERO;
    let mut talk = |bytes: &[u8]| {
        device.receive(bytes, now);
        now += Duration::from_secs(6);
        let mut answer = Vec::new();
        while let Some(due) = device.next_due().filter(|due| *due <= now) {
            answer.extend(device.transmit(due));
        }
        answer
    };
    assert_eq!(talk(b"bB"), [0x06]);
    assert_eq!(talk(&[0x49, 0x00, 0x32]), [0x06]);
    assert_eq!(talk(&[0x3F, 0x49]), [0x06, 0x00, 0x32]);
    assert_eq!(talk(&[0x54, 0x00, 0x04]), [0x06]);
    let spectrum = talk(b"S");
    assert_eq!(spectrum.len(), 4_113);
    assert_eq!(spectrum[..15], [0x02, 0xFF, 0xFF, 0, 0, 0, 1, 0, 0x32, 0, 0, 0x04, 0xB0, 0, 0]);
    assert_eq!(spectrum[4_111..], [0xFF, 0xFD]);
    assert_eq!(talk(b"v"), [0x06, 0x03, 0xE8]);
    assert_eq!(talk(&[b'A', 0, 0]), [0x15], "no scan at all is refused");
}

#[test]
fn compressed_values_are_read_as_the_manual_lays_them_out() {
    let expected = Expected { pixels: 5, scans: 1, compressed: true, checksum: true };
    let head = [0x02, 0xFF, 0xFF, 0, 0, 0, 1, 0, 0x32, 0, 0, 0x04, 0xB0, 0, 0];
    // 1000 in full, +5, -3, 2000 in full, -128 cannot be a difference, so 1872 in full.
    let items = [0x80, 0x03, 0xE8, 0x05, 0xFD, 0x80, 0x07, 0xD0, 0x80, 0x07, 0x50];
    let sum: u16 = (1_000 + 0x80) + 5 + 0xFD + (2_000 + 0x80) + (1_872 + 0x80);
    let bytes = [&head[..], &items, &[0xFF, 0xFD], &sum.to_be_bytes()].concat();
    let (spectrum, length) = codec::decode(&bytes, &expected).unwrap().unwrap();
    assert_eq!((spectrum.sums.as_slice(), length), (&[1_000, 1_005, 1_002, 2_000, 1_872][..], bytes.len()));
    assert_eq!(codec::encode(&spectrum, &expected).unwrap(), bytes);
    assert!((0..bytes.len()).all(|n| codec::decode(&bytes[..n], &expected) == Ok(None)), "a part is no spectrum");
    let mut first_is_a_difference = bytes.clone();
    first_is_a_difference[15] = 5;
    assert_eq!(codec::decode(&first_is_a_difference, &expected), Err(SpectrumError::NoFirstValue));
}

#[test]
fn what_is_no_spectrum_is_named() {
    let spectrum = LetterSpectrum { scans: 1, integration: 50, baseline: 1_200, sums: vec![7; 16] };
    let expected = Expected { pixels: 16, checksum: true, ..PLAIN };
    let good = codec::encode(&spectrum, &expected).unwrap();
    let changed = |at: usize, to: u8| {
        let mut bytes = good.clone();
        bytes[at] = to;
        codec::decode(&bytes, &expected).unwrap_err()
    };
    assert_eq!(codec::decode(&[0x03], &expected), Err(SpectrumError::Failed));
    assert_eq!(changed(0, 0x06), SpectrumError::Begin(0x06));
    assert_eq!(changed(1, 0xFE), SpectrumError::FirstWord(0xFEFF));
    assert_eq!(changed(4, 2), SpectrumError::DataSize(2));
    assert_eq!(changed(6, 3), SpectrumError::Scans { expected: 1, found: 3 });
    assert_eq!(changed(14, 1), SpectrumError::PixelMode(1));
    assert_eq!(changed(20, 0xEE), SpectrumError::Checksum { found: 112, computed: 112 + 0xEE - 7 });
    assert_eq!(changed(47, 0), SpectrumError::End(0x00FD));
}

proptest! {
    #[test]
    fn every_spectrum_is_read_as_it_was_written(
        sums in proptest::collection::vec(0..=0xFFFF_u32, 1..300), scans in 1..20_u16, compressed: bool, checksum: bool,
        integration: u16, baseline: u32
    ) {
        let sums: Vec<u32> = sums.iter().map(|sum| sum * u32::from(scans)).collect();
        let spectrum = LetterSpectrum { scans, integration, baseline, sums };
        let expected = Expected { pixels: spectrum.sums.len(), scans, compressed: compressed && scans == 1, checksum };
        let bytes = codec::encode(&spectrum, &expected).unwrap();
        prop_assert_eq!(codec::decode(&bytes, &expected), Ok(Some((spectrum, bytes.len()))));
    }

    #[test]
    fn any_bytes_are_decoded_without_a_panic(
        bytes in proptest::collection::vec(any::<u8>(), 0..300), compressed: bool, checksum: bool, pixels in 0..100_usize
    ) {
        let _ = codec::decode(&bytes, &Expected { pixels, scans: 1, compressed, checksum });
        let framed = [&[0x02, 0xFF, 0xFF, 0, 0, 0, 1, 0, 50, 0, 0, 0, 0, 0, 0][..], &bytes].concat();
        let _ = codec::decode(&framed, &Expected { pixels, scans: 1, compressed, checksum });
    }
}

fn empty() -> Sample {
    Sample { name: "empty".to_owned(), parts: Vec::new() }
}

/// An emulated device on a wire that can fail.
struct Rig {
    faults: Faults,
    bench: Bench,
    log: Log,
    link: MemoryLink,
    clock: Arc<dyn Clock>,
}

fn rig(seed: u64) -> Rig {
    let clock: Arc<dyn Clock> = Arc::new(VirtualClock::default());
    let (log, faults) = (Log::default(), Faults::none());
    let bench = Bench::with_detector(seed, Gap::NONE, empty(), Detector::LETTER);
    let device = OceanLetter::new(bench.clone(), seed, log.clone(), faults.clone());
    let wire = FaultyWire::new(device, Traffic::Spectra, faults.clone(), seed);
    Rig { faults, bench, log, link: MemoryLink::new("letter", wire, Arc::clone(&clock)), clock }
}

impl Rig {
    fn open(&self, settings: LetterSettings) -> Result<LetterSpectrometer, AnalyzerError> {
        LetterSpectrometer::open(Box::new(self.link.clone()), settings, Arc::clone(&self.clock))
    }
}

#[test]
fn a_device_is_identified_calibrated_and_set_and_its_sums_are_divided() {
    let rig = rig(3);
    let mut device = rig.open(LetterSettings::default()).unwrap();
    assert_eq!((device.identity().serial.as_str(), device.identity().simulated), ("EMU00003", true));
    assert_eq!(device.identity().firmware.as_deref(), Some("1.00.0"));
    let reported = Detector::LETTER.reported_coefficients_nm;
    for (found, expected) in device.wavelength_coefficients_nm().iter().zip(reported) {
        assert!((found - expected).abs() <= 1e-8 * expected.abs(), "{found} {expected}");
    }
    let nonlinearity = device.detector_facts().nonlinearity_coefficients;
    for (found, expected) in nonlinearity.iter().zip(rig.bench.unit().nonlinearity) {
        assert!((found - f64::from(expected)).abs() <= 1e-7 * f64::from(expected).abs(), "{found} {expected}");
    }
    assert_eq!(nonlinearity.len(), 8);
    assert!(rig.log.lines().iter().any(|line| line.1 == "letter 4b 00 06"), "the line was made faster");
    let mut mean = |scans: u16| {
        device.prepare(20_000, scans, &mut go_on()).unwrap();
        let counts = device.acquire(&mut go_on()).unwrap();
        assert_eq!(counts.len(), 2_048);
        counts.iter().map(|c| f64::from(*c)).sum::<f64>() / 2_048.0
    };
    let (one, many) = (mean(1), mean(16));
    assert!((one - many).abs() < 10.0, "one scan {one}, mean of sixteen {many}");
    // A setting that this device cannot have is refused, not rounded.
    assert!(matches!(device.prepare(20_500, 1, &mut go_on()), Err(AnalyzerError::NotTaken { .. })));
}

#[test]
fn settings_that_the_sources_leave_open_are_settings() {
    let rig = rig(4);
    let papers = LetterCalibration::Papers {
        serial: "P1".to_owned(),
        wavelength_coefficients_nm: vec![800.0, 0.1],
        nonlinearity_coefficients: Vec::new(),
    };
    let settings = LetterSettings {
        integration: IntegrationUnit::Microseconds,
        compressed: true,
        fast_baud: None,
        calibration: papers,
        ..LetterSettings::default()
    };
    let text = serde_json::to_string(&settings).unwrap();
    assert_eq!(serde_json::from_str::<LetterSettings>(&text).unwrap(), settings);
    assert_eq!(serde_json::from_str::<LetterSettings>("{}").unwrap(), LetterSettings::default());
    let mut device = rig.open(settings).unwrap();
    assert_eq!((device.identity().serial.as_str(), device.wavelength_coefficients_nm()), ("P1", &[800.0, 0.1][..]));
    device.prepare(12_345, 1, &mut go_on()).unwrap();
    let compressed = device.acquire(&mut go_on()).unwrap();
    device.prepare(12_345, 4, &mut go_on()).unwrap();
    let summed = device.acquire(&mut go_on()).unwrap();
    let difference = compressed.iter().zip(&summed).map(|(a, b)| f64::from(*a) - f64::from(*b)).sum::<f64>() / 2_048.0;
    assert!(difference.abs() < 10.0, "{difference}");
    let wrong = LetterSettings { fast_baud: Some(250_000), ..LetterSettings::default() };
    assert!(matches!(rig.open(wrong).err(), Some(AnalyzerError::OutOfLimits { .. })));
}

#[test]
fn a_cancel_ends_the_wait_at_once_and_the_next_spectrum_is_whole() {
    let rig = rig(5);
    let mut device = rig.open(LetterSettings::default()).unwrap();
    device.prepare(2_000_000, 1, &mut go_on()).unwrap();
    let end = rig.clock.now() + Duration::from_millis(700);
    let cancelled =
        device.acquire(&mut || if rig.clock.now() >= end { ControlFlow::Break(()) } else { ControlFlow::Continue(()) });
    assert_eq!(cancelled, Err(AnalyzerError::Cancelled));
    assert!(rig.clock.now() < end + Duration::from_millis(100));
    device.abort();
    device.prepare(10_000, 1, &mut go_on()).unwrap();
    assert_eq!(device.acquire(&mut go_on()).unwrap().len(), 2_048);
}

/// What the device meant to send: the same exposure of the same bench without the wire.
fn plausible(counts: &[u32], dark: f64) -> bool {
    let mean = counts.iter().map(|c| f64::from(*c)).sum::<f64>() / counts.len() as f64;
    // A shifted or swapped byte moves pixels by hundreds; the noise of a dark readout does not.
    (mean - dark).abs() < 30.0 && counts.iter().filter(|c| (f64::from(**c) - dark).abs() > 4_000.0).count() < 12
}

#[test]
fn no_wrong_spectrum_is_accepted_under_any_fault() {
    let seeds: u64 = std::env::var("PARCELSCOPE_FAULT_RUNS").ok().and_then(|text| text.parse().ok()).unwrap_or(12);
    println!("letter protocol: fault             runs spectra errors ({seeds} seeds, PARCELSCOPE_FAULT_RUNS)");
    for (fault, ..) in Fault::ALL {
        let (mut spectra, mut errors) = (0, 0);
        for seed in 0..seeds {
            let rig = rig(seed);
            let settings = LetterSettings { compressed: seed % 2 == 0, ..LetterSettings::default() };
            let context = || format!("{fault}, seed {seed}");
            let mut device = rig.open(settings.clone()).unwrap_or_else(|error| panic!("{}: {error}", context()));
            device.prepare(10_000, 1, &mut go_on()).unwrap();
            let counts = device.acquire(&mut go_on()).unwrap();
            let dark = counts.iter().map(|c| f64::from(*c)).sum::<f64>() / 2_048.0;
            match seed % 3 {
                0 => rig.faults.switch_on(fault),
                times => rig.faults.switch_on_times(fault, u32::try_from(times).unwrap()),
            }
            let began = rig.clock.now();
            for _ in 0..3 {
                let scans = if seed % 4 == 3 { 3 } else { 1 };
                let taken = device.prepare(10_000, scans, &mut go_on()).and_then(|()| device.acquire(&mut go_on()));
                match taken {
                    Ok(counts) => {
                        let saturated = counts.iter().all(|c| *c == 65_535);
                        assert!(plausible(&counts, dark) || saturated && fault == Fault::Saturation, "{}", context());
                        spectra += 1;
                    }
                    Err(_) => errors += 1,
                }
            }
            let took = rig.clock.now().saturating_sub(began);
            assert!(took < Duration::from_mins(2), "{}: {took:?}", context());
            rig.faults.clear();
            rig.clock.sleep(Duration::from_secs(10));
            let again = device.prepare(10_000, 1, &mut go_on()).and_then(|()| device.acquire(&mut go_on()));
            // Where the unit was restarted or pulled out, it is found again.
            let counts = again.or_else(|_| {
                let mut device = rig.open(settings)?;
                device.prepare(10_000, 1, &mut go_on())?;
                device.acquire(&mut go_on())
            });
            let counts = counts.unwrap_or_else(|error| panic!("{}: after the fault: {error}", context()));
            assert!(plausible(&counts, dark), "{}", context());
        }
        println!("                 {:<17} {:>4} {spectra:>7} {errors:>6}", fault.name(), seeds * 3);
    }
}
