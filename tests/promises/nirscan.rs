//! A near-infrared scanner: scans, white reference, absorbance, and an answer that never names what was not compared.

use std::sync::Arc;
use std::time::Duration;

use parcelscope::analyzer::emulator::{
    Device, Fault, Faults, FaultyWire, Log, MemoryLink, NirSample, NirScan, NirWindow, Traffic,
};
use parcelscope::analyzer::nirscan::{NirAcquisition, NirKit, NirSettings, absorbance};
use parcelscope::analyzer::{AcquireProgress, AnalyzerError, Clock, VirtualClock};
use parcelscope::identify::{Engine, Level};
use parcelscope::library::Library;
use parcelscope::spectrum::Technique;

/// An emulated scanner on a wire in memory.
struct Desk {
    link: MemoryLink,
    clock: Arc<dyn Clock>,
    window: NirWindow,
    log: Log,
    faults: Faults,
}

fn desk() -> Desk {
    desk_over(None)
}

/// A scanner behind a good wire, or behind one that `seed` lets fail as the faults say.
fn desk_over(seed: Option<u64>) -> Desk {
    let clock: Arc<dyn Clock> = Arc::new(VirtualClock::default());
    let (window, log, faults) = (NirWindow::new(NirSample::White), Log::default(), Faults::none());
    let device = NirScan::new(window.clone(), 11, log.clone(), faults.clone());
    let link = match seed {
        None => MemoryLink::new("emulator", device, Arc::clone(&clock)),
        Some(seed) => {
            let wire = FaultyWire::new(device, Traffic::Spectra, faults.clone(), seed);
            MemoryLink::new("emulator", wire, Arc::clone(&clock))
        }
    };
    Desk { link, clock, window, log, faults }
}

impl Desk {
    fn kit(&self) -> NirKit {
        NirKit::connect(Box::new(self.link.clone()), Arc::clone(&self.clock)).expect("the emulated scanner answers")
    }

    /// A kit with a fresh white reference and a powder on its window.
    fn ready(&self) -> NirKit {
        let mut kit = self.kit();
        kit.acquire_reference(&NirSettings::default(), &|| false, &mut |_| {}).expect("a reference");
        self.window.lay(powder());
        kit
    }
}

fn powder() -> NirSample {
    NirSample::from_name("a powder")
}

fn acquire(kit: &mut NirKit) -> Result<NirAcquisition, AnalyzerError> {
    kit.acquire(&NirSettings::default(), &|| false, &mut |_| {})
}

#[test]
fn the_absorbance_of_the_sample_comes_back_over_wavenumbers() {
    let desk = desk();
    let scan = acquire(&mut desk.ready()).expect("a spectrum");
    assert!(scan.simulated && scan.scanner.simulated);
    assert_eq!(scan.spectrum.technique(), Technique::Nir);
    let (from, to) = scan.spectrum.range_cm1();
    assert!((5_800.0..6_000.0).contains(&from) && (10_900.0..11_200.0).contains(&to), "{from} to {to}");
    let truth = powder();
    let noise = scan.spectrum.noise_sd().expect("noise is known");
    let points = scan.spectrum.axis_cm1().iter().zip(scan.spectrum.intensity()).zip(noise);
    for ((x, seen), sd) in points {
        let error = seen - truth.absorbance(1e7 / x);
        // The unit's wavelengths may be off by a nanometre.
        assert!(error.abs() < 6.0 * sd + 0.03, "at {x} cm-1: {error}, noise {sd}");
    }
    // Raw data and settings are kept: the same spectrum comes from them again.
    let again = absorbance(&scan.reference.scans, &scan.sample, "again").expect("a spectrum");
    assert_eq!(again, scan.spectrum);
    assert_eq!((scan.sample.len(), scan.sample[0].repeats, scan.sample[0].temperatures_c.len()), (2, 6, 2));
}

#[test]
fn a_near_infrared_spectrum_is_inconclusive_where_no_library_has_its_like() {
    let desk = desk();
    let scan = acquire(&mut desk.ready()).expect("a spectrum");
    let library = Arc::new(Library::bundled().expect("bundled library").as_ref().clone());
    let answer = Engine::new(library).identify(&scan.spectrum);
    assert_eq!(answer.verdict.level(), Level::Inconclusive);
    assert_eq!(answer.verdict.rule(), "no-nir-library");
    assert!(answer.identified.is_empty() && answer.candidates.is_empty() && answer.mixture.is_empty());
    assert!(answer.verdict.headline().contains("near-infrared") && answer.verdict.next_step().contains("Raman"));
}

#[test]
fn a_sample_without_a_reference_that_holds_is_refused() {
    let desk = desk();
    let mut kit = desk.kit();
    let refused = |end: Result<NirAcquisition, AnalyzerError>, why: &str| match end {
        Err(AnalyzerError::NoReference { why: said, .. }) => assert!(said.contains(why), "{said}"),
        other => panic!("{other:?}"),
    };
    refused(acquire(&mut kit), "none was measured");
    kit.acquire_reference(&NirSettings::default(), &|| false, &mut |_| {}).expect("a reference");
    let other = NirSettings { config: 1, ..NirSettings::default() };
    refused(kit.acquire(&other, &|| false, &mut |_| {}), "another scan configuration");
    desk.clock.sleep(Duration::from_mins(11));
    refused(acquire(&mut kit), "too old");
    // A black window is no white standard, and the old reference is gone.
    desk.window.lay(NirSample::Empty);
    desk.faults.clear();
    let _ = kit.acquire_reference(&NirSettings::default(), &|| true, &mut |_| {});
    refused(acquire(&mut kit), "none was measured");
}

#[test]
fn a_cancel_ends_within_200_ms_at_any_moment_and_the_next_scan_succeeds() {
    let desk = desk();
    let mut kit = desk.ready();
    let whole = kit.expected_duration(&NirSettings::default()).as_millis() as u64;
    let mut cancelled = 0;
    for moment_ms in (0..whole).step_by(97) {
        let cancel_at = desk.clock.now() + Duration::from_millis(moment_ms);
        let end = kit.acquire(&NirSettings::default(), &|| desk.clock.now() >= cancel_at, &mut |_| {});
        if end.is_ok() {
            continue;
        }
        cancelled += 1;
        assert_eq!(end.err(), Some(AnalyzerError::Cancelled), "cancelled after {moment_ms} ms");
        let late = desk.clock.now().saturating_sub(cancel_at);
        assert!(late <= Duration::from_millis(200), "cancelled after {moment_ms} ms, ended {late:?} later");
        kit.acquire_reference(&NirSettings::default(), &|| false, &mut |_| {}).expect("the next scan succeeds");
    }
    assert!(cancelled > 20, "{cancelled}");
}

#[test]
fn progress_rises_to_the_computed_end() {
    let desk = desk();
    let mut kit = desk.ready();
    acquire(&mut kit).expect("a first scan, from which the times are known");
    let planned = kit.expected_duration(&NirSettings::default());
    let mut seen: Vec<AcquireProgress> = Vec::new();
    let began = desk.clock.now();
    kit.acquire(&NirSettings::default(), &|| false, &mut |p| seen.push(p)).expect("a spectrum");
    let took = desk.clock.now().saturating_sub(began);
    assert!(seen.windows(2).all(|w| w[1].fraction >= w[0].fraction), "progress never falls");
    assert!(took.abs_diff(planned) < Duration::from_millis(800), "took {took:?}, planned {planned:?}");
}

#[test]
fn every_fault_gives_an_error_or_the_right_spectrum_and_then_the_next_scan_succeeds() {
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
    let truth = powder();
    let (mut errors, mut spectra) = (0, 0);
    for fault in faults {
        // The fault strikes once, at one request after the other.
        for skipped in 0..24 {
            let desk = desk();
            let mut kit = desk.ready();
            let asked = desk.log.lines().len() + skipped;
            let armed = std::cell::Cell::new(false);
            let end = kit.acquire(
                &NirSettings::default(),
                &|| {
                    if !armed.get() && desk.log.lines().len() >= asked {
                        armed.set(true);
                        desk.faults.switch_on_times(fault, 1);
                    }
                    false
                },
                &mut |_| {},
            );
            match end {
                Err(_) => errors += 1,
                Ok(scan) => {
                    spectra += 1;
                    let points = scan.spectrum.axis_cm1().iter().zip(scan.spectrum.intensity());
                    for (x, seen) in points {
                        assert!((seen - truth.absorbance(1e7 / x)).abs() < 0.1, "{fault}, request {skipped}, {x} cm-1");
                    }
                    assert!(scan.sample.iter().all(|s| s.repeats == 6), "{fault}");
                }
            }
            desk.faults.clear();
            let mut kit = if kit.acquire_reference(&NirSettings::default(), &|| false, &mut |_| {}).is_ok() {
                kit
            } else {
                desk.kit()
            };
            desk.window.lay(NirSample::White);
            kit.acquire_reference(&NirSettings::default(), &|| false, &mut |_| {}).expect("a reference");
            desk.window.lay(powder());
            assert!(acquire(&mut kit).is_ok(), "after {fault} at request {skipped}");
        }
    }
    println!("{errors} errors, {spectra} right spectra");
    assert!(errors > 60 && spectra > 20, "{errors} errors, {spectra} spectra");
}

/// Takes everything and says nothing.
pub struct Silent;

impl Device for Silent {
    fn receive(&mut self, _bytes: &[u8], _now: Duration) {}

    fn transmit_at_most(&mut self, _now: Duration, _most: usize) -> Vec<u8> {
        Vec::new()
    }

    fn next_due(&self) -> Option<Duration> {
        None
    }
}

#[test]
fn a_converter_that_saturates_and_a_silent_device_are_errors_with_their_reason() {
    let desk = desk();
    let mut kit = desk.ready();
    desk.faults.switch_on(Fault::Saturation);
    match acquire(&mut kit) {
        Err(AnalyzerError::Refused { why, .. }) => assert_eq!(why, "the converter failed"),
        other => panic!("{other:?}"),
    }
    desk.faults.clear();
    assert!(acquire(&mut kit).is_ok());

    let link = MemoryLink::new("silent", Silent, Arc::clone(&desk.clock));
    let end = NirKit::connect(Box::new(link), Arc::clone(&desk.clock)).err();
    assert_eq!(end, Some(AnalyzerError::NoSpectrometer { port: "silent".to_owned() }));
}

#[test]
fn no_wire_however_bad_makes_a_wrong_spectrum() {
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
        let desk = desk_over(Some(seed));
        let mut kit = desk.ready();
        let begins = desk.clock.now() + Duration::from_millis(seed * 181);
        let armed = std::cell::Cell::new(false);
        let end = kit.acquire(
            &NirSettings::default(),
            &|| {
                if !armed.get() && desk.clock.now() >= begins {
                    armed.set(true);
                    desk.faults.switch_on(fault);
                }
                false
            },
            &mut |_| {},
        );
        match end {
            Ok(scan) => {
                spectra += 1;
                for (x, seen) in scan.spectrum.axis_cm1().iter().zip(scan.spectrum.intensity()) {
                    let error = seen - powder().absorbance(1e7 / x);
                    assert!(error.abs() < 0.1, "{fault}, seed {seed}, at {x} cm-1: {error}");
                }
            }
            Err(_) => errors += 1,
        }
        desk.faults.clear();
        desk.clock.sleep(Duration::from_secs(10));
        desk.window.lay(NirSample::White);
        assert!(acquire(&mut desk.ready()).is_ok(), "{fault}, seed {seed}, the next connection");
    }
    println!("{errors} errors, {spectra} right spectra");
    assert!(errors > 30 && spectra > 15, "{errors} errors, {spectra} spectra");
}

#[cfg(unix)]
#[test]
fn a_reference_and_a_scan_over_a_serial_port_work() {
    use parcelscope::analyzer::emulator::PtyHost;
    use parcelscope::analyzer::{SerialLink, SystemClock};

    let clock: Arc<dyn Clock> = Arc::new(SystemClock::start());
    let window = NirWindow::new(NirSample::White);
    let device = NirScan::new(window.clone(), 3, Log::default(), Faults::none());
    let host = PtyHost::start("test-nirscan", device, Arc::clone(&clock)).expect("a pseudo-terminal");
    let link = SerialLink::open(host.path(), 9_600, Arc::clone(&clock)).expect("the port opens");
    let mut kit = NirKit::connect(Box::new(link), clock).expect("the scanner answers");
    let settings = NirSettings { repeats: 1, scans: 1, ..NirSettings::default() };
    kit.acquire_reference(&settings, &|| false, &mut |_| {}).expect("a reference");
    window.lay(powder());
    let scan = kit.acquire(&settings, &|| false, &mut |_| {}).expect("a spectrum");
    assert!(scan.simulated && scan.scanner.port == host.path());
    assert!(scan.spectrum.axis_cm1().len() > 150, "{}", scan.spectrum.axis_cm1().len());
}
