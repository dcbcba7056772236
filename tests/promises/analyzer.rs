//! The laser goes off on every way out of a scan, and no wrong spectrum is accepted.

use std::cell::Cell;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use parcelscope::analyzer::emulator::{EXCITATION_NM, Gap, MemoryKit, MemoryLink, Sample, memory_kit};
use parcelscope::analyzer::{
    AcquireProgress, Acquisition, AnalyzerError, Clock, Kit, LaserState, ScanSettings, Transport, TransportError,
    VirtualClock,
};
use parcelscope::library::Library;
use parcelscope::session::sample_from_name;

fn sample(name: &str) -> Sample {
    sample_from_name(&Library::bundled().expect("bundled library"), name).expect("a sample")
}

fn bench(name: &str) -> (MemoryKit, Arc<dyn Clock>) {
    let clock: Arc<dyn Clock> = Arc::new(VirtualClock::default());
    (memory_kit(7, Gap::MEASURED, sample(name), Arc::clone(&clock)), clock)
}

fn connect(parts: &MemoryKit, clock: &Arc<dyn Clock>) -> Kit {
    let (spectrometer, laser) = (Box::new(parts.spectrometer.clone()), Box::new(parts.laser.clone()));
    Kit::connect(spectrometer, laser, EXCITATION_NM, Arc::clone(clock)).expect("the emulated kit answers")
}

fn acquire(kit: &mut Kit, cancelled: &dyn Fn() -> bool) -> Result<Acquisition, AnalyzerError> {
    kit.acquire(&ScanSettings::default(), cancelled, &mut |_| {}, &mut |_| {})
}

#[test]
fn a_scan_is_dark_without_the_laser_and_bright_with_it() {
    let (parts, clock) = bench("sucrose");
    let scan = acquire(&mut connect(&parts, &clock), &|| false).expect("a spectrum");
    assert!(scan.simulated && scan.spectrometer.simulated && scan.laser.simulated);
    assert_eq!((scan.dark.laser_before, scan.dark.laser_after), (LaserState::Off, LaserState::Off));
    // A tenth of the pixels lies above; hot pixels, which are bright in the dark, are far fewer.
    let top = |counts: &[u32]| {
        let mut sorted = counts.to_vec();
        sorted.sort_unstable();
        f64::from(sorted[sorted.len() * 9 / 10])
    };
    let dark = top(&scan.dark.counts);
    for light in &scan.light {
        assert_eq!((light.laser_before, light.laser_after), (LaserState::On, LaserState::On));
        assert!(top(&light.counts) > 3.0 * dark, "light {} over dark {dark}", top(&light.counts));
    }
    let (from, to) = scan.spectrum.range_cm1();
    assert!((150.0..250.0).contains(&from) && (2_200.0..2_400.0).contains(&to), "{from} to {to}");
    assert!(!parts.bench.laser_shines());
}

#[test]
fn the_laser_is_off_after_a_cancel_at_any_moment_and_the_scan_ends_within_200_ms() {
    for moment_ms in (0..6_500).step_by(31) {
        let (parts, clock) = bench("sucrose");
        let mut kit = connect(&parts, &clock);
        let cancel_at = clock.now() + Duration::from_millis(moment_ms);
        let end = acquire(&mut kit, &|| clock.now() >= cancel_at);
        if end.is_ok() {
            continue; // the scan was faster
        }
        assert_eq!(end, Err(AnalyzerError::Cancelled), "cancelled after {moment_ms} ms");
        let late = clock.now().saturating_sub(cancel_at);
        assert!(late <= Duration::from_millis(200), "cancelled after {moment_ms} ms, ended {late:?} later");
        assert!(!parts.bench.laser_shines(), "cancelled after {moment_ms} ms");
        let lines = parts.log.lines();
        if let Some(on) = lines.iter().rposition(|l| l.1 == "matchbox e 1") {
            let off = lines[on..].iter().find(|l| l.1 == "matchbox e 0").expect("off follows on");
            let on_wire = off.0.saturating_sub(cancel_at);
            assert!(on_wire <= Duration::from_millis(100), "off {on_wire:?} after the cancel at {moment_ms} ms");
        }
        let again = acquire(&mut kit, &|| false);
        assert!(again.is_ok(), "the next scan after a cancel at {moment_ms} ms: {again:?}");
    }
}

#[test]
fn the_laser_is_off_after_a_panic_during_the_light_exposure() {
    let (parts, clock) = bench("sucrose");
    let mut kit = connect(&parts, &clock);
    let shone = Cell::new(false);
    let end = catch_unwind(AssertUnwindSafe(|| {
        kit.acquire(
            &ScanSettings::default(),
            &|| false,
            &mut |_| {
                if parts.bench.laser_shines() {
                    shone.set(true);
                    panic!("a fault inside the program");
                }
            },
            &mut |_| {},
        )
    }));
    assert!(end.is_err() && shone.get());
    assert!(!parts.bench.laser_shines(), "the guard must switch off while the panic unwinds");
}

#[test]
fn dropping_the_kit_says_off_last() {
    let (parts, clock) = bench("sucrose");
    let kit = connect(&parts, &clock);
    let before = parts.log.lines().len();
    drop(kit);
    let lines = parts.log.lines();
    let said: Vec<&str> = lines[before..].iter().map(|l| l.1.as_str()).collect();
    assert_eq!(said, ["matchbox e 0", "matchbox r r"], "off, and a look whether it is");
    let first = lines.iter().find(|l| l.1.starts_with("matchbox")).expect("the laser was spoken to");
    assert_eq!(first.1, "matchbox e 0", "off is the first command after opening");
}

/// What happens to bytes on their way from the device.
type Spoil = Box<dyn FnMut(&mut Vec<u8>) + Send>;

/// A wire that spoils what the device sends and keeps what the host sends.
struct BadWire {
    inner: MemoryLink,
    spoil: Spoil,
    written: Arc<Mutex<Vec<u8>>>,
}

impl BadWire {
    fn new(inner: &MemoryLink, spoil: impl FnMut(&mut Vec<u8>) + Send + 'static) -> Self {
        Self { inner: inner.clone(), spoil: Box::new(spoil), written: Arc::default() }
    }
}

impl Transport for BadWire {
    fn name(&self) -> &str {
        self.inner.name()
    }

    fn write_all(&mut self, bytes: &[u8], deadline: Duration) -> Result<(), TransportError> {
        self.written.lock().expect("not poisoned").extend_from_slice(bytes);
        self.inner.write_all(bytes, deadline)
    }

    fn read_some(&mut self, buffer: &mut [u8], deadline: Duration) -> Result<usize, TransportError> {
        let room = buffer.len();
        let n = self.inner.read_some(buffer, deadline)?;
        let mut bytes = buffer[..n].to_vec();
        (self.spoil)(&mut bytes);
        bytes.truncate(room);
        buffer[..bytes.len()].copy_from_slice(&bytes);
        match bytes.len() {
            0 => Err(TransportError::Timeout { port: "emulator".to_owned() }),
            n => Ok(n),
        }
    }

    fn now(&self) -> Duration {
        self.inner.now()
    }

    fn set_baud(&mut self, baud: u32) -> Result<(), TransportError> {
        self.inner.set_baud(baud)
    }
}

/// A wire to the emulated spectrometer on which the bytes that the device sends are spoiled one by one: `spoil` gets
/// the place of each byte since the connection and the byte, and returns what arrives.
fn spoiled(inner: &MemoryLink, mut spoil: impl FnMut(usize, u8) -> Option<u8> + Send + 'static) -> BadWire {
    let mut place = 0;
    BadWire::new(inner, move |bytes| {
        bytes.retain_mut(|byte| {
            let arrived = spoil(place, *byte);
            place += 1;
            arrived.inspect(|new| *byte = *new).is_some()
        });
    })
}

/// Bytes that the spectrometer sends from the connection to the end of a scan.
fn bytes_of_a_scan() -> usize {
    let (parts, clock) = bench("sucrose");
    let sent = Arc::new(AtomicUsize::new(0));
    let counter = Arc::clone(&sent);
    let wire = spoiled(&parts.spectrometer, move |place, byte| {
        counter.store(place + 1, Ordering::SeqCst);
        Some(byte)
    });
    let kit = Kit::connect(Box::new(wire), Box::new(parts.laser.clone()), EXCITATION_NM, Arc::clone(&clock));
    acquire(&mut kit.expect("the emulated kit answers"), &|| false).expect("a spectrum");
    sent.load(Ordering::SeqCst)
}

/// Holds a scan over a bad wire against one over a good wire: same sample, same unit, so that only noise and cosmic
/// rays may differ. Bytes out of step would turn every count into another one.
fn assert_same_light(scan: &Acquisition, good: &Acquisition, context: &str) {
    for (seen, truth) in scan.light.iter().chain([&scan.dark]).zip(good.light.iter().chain([&good.dark])) {
        assert_eq!(seen.counts.len(), truth.counts.len(), "{context}");
        let far = seen.counts.iter().zip(&truth.counts).filter(|(a, b)| a.abs_diff(**b) > 300).count();
        assert!(far <= 20, "{context}: {far} pixels are wrong");
    }
    assert_eq!(scan.wavelength_coefficients_nm, good.wavelength_coefficients_nm, "{context}");
    assert_eq!(scan.spectrometer, good.spectrometer, "{context}");
}

#[test]
fn a_byte_lost_or_changed_on_the_wire_gives_an_error_or_the_right_spectrum() {
    let total = bytes_of_a_scan();
    let (parts, clock) = bench("sucrose");
    let good = acquire(&mut connect(&parts, &clock), &|| false).expect("a spectrum");
    let (mut mended, mut refused) = (0, 0);
    for hit in (0..total).step_by(total / 120) {
        for change in [None, Some(0x10_u8)] {
            let (parts, clock) = bench("sucrose");
            let wire =
                spoiled(
                    &parts.spectrometer,
                    move |place, byte| {
                        if place == hit { change.map(|bits| byte ^ bits) } else { Some(byte) }
                    },
                );
            let kit = Kit::connect(Box::new(wire), Box::new(parts.laser.clone()), EXCITATION_NM, Arc::clone(&clock));
            let end = kit.and_then(|mut kit| acquire(&mut kit, &|| false));
            assert!(!parts.bench.laser_shines(), "byte {hit}, {change:?}");
            match end {
                Ok(scan) => {
                    mended += 1;
                    assert_same_light(&scan, &good, &format!("byte {hit}, {change:?}"));
                }
                Err(_) => refused += 1,
            }
        }
    }
    println!("one byte of {total} spoiled: {mended} scans mended by asking again, {refused} refused");
    assert!(mended > refused, "a single bad byte should cost a question, not the scan");
}

#[test]
fn a_spectrometer_that_falls_silent_ends_the_scan_with_an_error_and_the_laser_off() {
    let total = bytes_of_a_scan();
    for silent_from in (0..total).step_by(total / 40) {
        let (parts, clock) = bench("sucrose");
        let wire = spoiled(&parts.spectrometer, move |place, byte| (place < silent_from).then_some(byte));
        let kit = Kit::connect(Box::new(wire), Box::new(parts.laser.clone()), EXCITATION_NM, Arc::clone(&clock));
        let end = kit.and_then(|mut kit| acquire(&mut kit, &|| false));
        assert!(end.is_err(), "silent from byte {silent_from}");
        assert!(!parts.bench.laser_shines(), "silent from byte {silent_from}");
    }
}

#[test]
fn a_laser_that_falls_silent_while_it_shines_is_commanded_off_and_called_not_off() {
    let (parts, clock) = bench("sucrose");
    let shining = parts.bench.clone();
    let deaf = BadWire::new(&parts.laser, move |bytes| {
        if shining.laser_shines() {
            bytes.clear();
        }
    });
    let spectrometer = Box::new(parts.spectrometer.clone());
    let mut kit = Kit::connect(spectrometer, Box::new(deaf), EXCITATION_NM, Arc::clone(&clock)).expect("it answers");
    let mut states = Vec::new();
    let end = kit.acquire(&ScanSettings::default(), &|| false, &mut |_| {}, &mut |state| states.push(state));
    assert!(matches!(end, Err(AnalyzerError::LaserNotOn { .. })), "{end:?}");
    // The command arrived although no answer came; from then on the wire works again and says so.
    assert!(!parts.bench.laser_shines());
    assert_eq!(states, [LaserState::Off, LaserState::WarmingUp, LaserState::Off]);
    let commands: Vec<String> = parts.log.lines().into_iter().map(|l| l.1).filter(|l| l.contains(" e ")).collect();
    let on = commands.iter().position(|c| c == "matchbox e 1").expect("it was switched on");
    assert_eq!(commands[on + 1], "matchbox e 0");
}

#[test]
fn a_laser_that_stays_silent_is_never_called_off() {
    let (parts, clock) = bench("sucrose");
    let silent = Arc::new(AtomicBool::new(false));
    let gate = Arc::clone(&silent);
    let wire = BadWire::new(&parts.laser, move |bytes| {
        if gate.load(Ordering::SeqCst) {
            bytes.clear();
        }
    });
    let mut kit =
        Kit::connect(Box::new(parts.spectrometer.clone()), Box::new(wire), EXCITATION_NM, clock).expect("it answers");
    assert_eq!(kit.report().expect("a report").laser_state, LaserState::Off);
    silent.store(true, Ordering::SeqCst);
    assert_eq!(kit.report().expect("a report").laser_state, LaserState::Unknown);
    assert_eq!(kit.laser_off(), LaserState::Unknown);
    let mut states = Vec::new();
    let end = kit.acquire(&ScanSettings::default(), &|| false, &mut |_| {}, &mut |state| states.push(state));
    let words = end.expect_err("no scan").to_string();
    assert!(words.contains("treat it as on"), "{words}");
    assert_eq!(states, [LaserState::Unknown]);
    assert!(parts.log.lines().iter().all(|l| l.1 != "matchbox e 1"), "it must not be switched on");
}

#[test]
fn a_laser_that_somebody_else_switched_on_is_switched_off_and_no_dark_is_taken_with_it() {
    let (parts, clock) = bench("sucrose");
    let mut kit = connect(&parts, &clock);
    let mut hand = parts.laser.clone();
    clock.sleep(Duration::from_millis(100));
    hand.write_all(b"e 1", clock.now()).expect("written");
    clock.sleep(Duration::from_secs(1));
    hand.drain(Duration::from_millis(50), clock.now() + Duration::from_millis(200)).expect("drained");
    assert!(parts.bench.laser_shines());
    assert_eq!(kit.report().expect("a report").laser_state, LaserState::Off);
    assert!(!parts.bench.laser_shines());
}

#[test]
fn a_scan_takes_the_time_that_it_says_and_its_progress_never_falls() {
    let (parts, clock) = bench("sucrose");
    let mut kit = connect(&parts, &clock);
    let settings = ScanSettings::default();
    for run in 0..2 {
        let expected = kit.expected_duration(&settings).as_secs_f64();
        assert!((5.0..7.0).contains(&expected), "expected {expected} s");
        let began = clock.now();
        let mut seen: Vec<AcquireProgress> = Vec::new();
        kit.acquire(&settings, &|| false, &mut |p| seen.push(p), &mut |_| {}).expect("a spectrum");
        let took = clock.now().saturating_sub(began).as_secs_f64();
        println!("a default scan: {took:.2} s taken, {expected:.2} s said");
        assert!((took / expected - 1.0).abs() < 0.1, "run {run}: {took} s taken, {expected} s said");
        assert!(seen.windows(2).all(|w| w[0].fraction <= w[1].fraction && w[0].remaining >= w[1].remaining));
        assert!(seen.windows(2).all(|w| w[0].stage <= w[1].stage) && seen.len() > 30, "{}", seen.len());
    }
}

#[test]
fn settings_outside_the_limits_are_refused_before_the_laser_shines() {
    let (parts, clock) = bench("sucrose");
    let mut kit = connect(&parts, &clock);
    let good = ScanSettings::default();
    for settings in [
        ScanSettings { integration_us: 5, ..good },
        ScanSettings { integration_us: 90_000_000, ..good },
        ScanSettings { light_averages: 0, ..good },
        ScanSettings { dark_averages: 5_001, ..good },
        ScanSettings { light_exposures: 0, ..good },
    ] {
        let end = kit.acquire(&settings, &|| false, &mut |_| {}, &mut |_| {});
        assert!(matches!(end, Err(AnalyzerError::OutOfLimits { .. })), "{settings:?}: {end:?}");
    }
    assert!(parts.log.lines().iter().all(|l| l.1 != "matchbox e 1"));
    assert!(acquire(&mut kit, &|| false).is_ok(), "the kit is still there");
}

#[test]
fn the_driver_sends_the_bytes_that_the_vendors_library_sends() {
    const TAIL: &str = "00000000000000001400000000000000000000000000000000000000c5c4c3c2";
    let (parts, clock) = bench("sucrose");
    let wire = BadWire::new(&parts.spectrometer, |_| {});
    let written = Arc::clone(&wire.written);
    let mut kit = Kit::connect(Box::new(wire), Box::new(parts.laser.clone()), EXCITATION_NM, clock).expect("connected");
    let settings = ScanSettings { integration_us: 20_000, dark_averages: 3, ..ScanSettings::default() };
    kit.acquire(&settings, &|| false, &mut |_| {}, &mut |_| {}).expect("a spectrum");
    let written = written.lock().expect("not poisoned").clone();
    assert_eq!(written.len() % 64, 0, "only whole short frames");
    let hex = |text: &str| -> Vec<u8> {
        (0..text.len()).step_by(2).map(|i| u8::from_str_radix(&text[i..i + 2], 16).expect("hex")).collect()
    };
    for (what, head) in [
        ("get serial", "c1c0001100000000000100000000000000000000000000000000000000000000"),
        ("get WL coeff 3", "c1c0001100000000010118000000000000000000000000010300000000000000"),
        ("set itime 20000us", "c1c000110400000010001100000000000000000000000004204e000000000000"),
        ("set trigger 0", "c1c0001104000000100111000000000000000000000000010000000000000000"),
        ("all temperatures", "c1c0001100000000020040000000000000000000000000000000000000000000"),
        ("average 3", "c1c0001104000000100012000000000000000000000000020300000000000000"),
    ] {
        let frame = hex(&format!("{head}{TAIL}"));
        assert!(written.chunks(64).any(|sent| sent == frame), "{what}");
    }
}

#[cfg(unix)]
mod on_a_pseudo_terminal {
    use parcelscope::analyzer::emulator::{Bench, Faults, Log, MatchBox, ObpDevice, ObpModel, ObpUnit, PtyHost};
    use parcelscope::analyzer::obp::codec::Checksum;
    use parcelscope::analyzer::{SerialLink, SystemClock};

    use super::*;

    struct Ports {
        spectrometer: PtyHost,
        laser: PtyHost,
        bench: Bench,
        clock: Arc<dyn Clock>,
    }

    fn ports(baud: u32) -> Ports {
        let clock: Arc<dyn Clock> = Arc::new(SystemClock::start());
        let (bench, log) = (Bench::new(7, Gap::MEASURED, sample("sucrose")), Log::default());
        let unit = ObpUnit { model: ObpModel::Sts, serial_number: 7, checksum: Checksum::None, baud };
        let sts = ObpDevice::new(unit, bench.clone(), log.clone(), Faults::none());
        let laser = MatchBox::new(bench.clone(), 7, log, Faults::none());
        Ports {
            spectrometer: PtyHost::start("test-sts", sts, Arc::clone(&clock)).expect("a pseudo-terminal"),
            laser: PtyHost::start("test-laser", laser, Arc::clone(&clock)).expect("a pseudo-terminal"),
            bench,
            clock,
        }
    }

    fn open(host: &PtyHost, clock: &Arc<dyn Clock>) -> Box<dyn Transport> {
        Box::new(SerialLink::open(host.path(), 9_600, Arc::clone(clock)).expect("the port opens"))
    }

    #[test]
    fn a_scan_over_serial_ports_works_and_a_cancel_ends_it_in_time() {
        let ports = ports(9_600);
        let (spectrometer, laser) = (open(&ports.spectrometer, &ports.clock), open(&ports.laser, &ports.clock));
        let busy = SerialLink::open(ports.laser.path(), 115_200, Arc::clone(&ports.clock)).err();
        assert!(matches!(busy, Some(TransportError::Busy { .. })), "{busy:?}");
        let mut kit = Kit::connect(spectrometer, laser, EXCITATION_NM, Arc::clone(&ports.clock)).expect("connected");
        let settings = ScanSettings { integration_us: 50_000, ..ScanSettings::default() };
        let scan = kit.acquire(&settings, &|| false, &mut |_| {}, &mut |_| {}).expect("a spectrum");
        assert!(scan.simulated && scan.spectrometer.port == ports.spectrometer.path());

        let slow = ScanSettings { integration_us: 3_000_000, ..settings };
        let cancelled_at = Cell::new(None);
        let end = kit.acquire(
            &slow,
            &|| {
                if cancelled_at.get().is_none() && ports.bench.laser_shines() {
                    cancelled_at.set(Some(ports.clock.now()));
                }
                cancelled_at.get().is_some()
            },
            &mut |_| {},
            &mut |_| {},
        );
        let took = ports.clock.now().saturating_sub(cancelled_at.get().expect("the laser shone"));
        assert_eq!(end, Err(AnalyzerError::Cancelled));
        assert!(!ports.bench.laser_shines());
        // 200 ms on a quiet machine; tests share theirs with others.
        assert!(took < Duration::from_millis(600), "{took:?}");
        println!("cancel over pseudo-terminals: {took:?}");
        drop(kit.acquire(&settings, &|| false, &mut |_| {}, &mut |_| {}).expect("the next scan works"));
    }

    #[test]
    fn an_unplugged_port_is_named_and_a_missing_one_too() {
        let ports = ports(115_200);
        let path = ports.spectrometer.path().to_owned();
        let (spectrometer, laser) = (open(&ports.spectrometer, &ports.clock), open(&ports.laser, &ports.clock));
        let mut kit = Kit::connect(spectrometer, laser, EXCITATION_NM, Arc::clone(&ports.clock)).expect("connected");
        drop(ports.spectrometer);
        let end = kit.acquire(&ScanSettings::default(), &|| false, &mut |_| {}, &mut |_| {});
        assert_eq!(end, Err(TransportError::Unplugged { port: path.clone() }.into()));
        assert!(end.is_err_and(|error| error.loses_the_kit()));
        assert!(!ports.bench.laser_shines());
        let again = SerialLink::open(&path, 9_600, Arc::clone(&ports.clock)).err();
        assert_eq!(again, Some(TransportError::NotFound { port: path }));
    }
}

#[test]
fn a_laser_that_does_not_answer_is_unknown_and_no_scan_starts() {
    let (parts, clock) = bench("sucrose");
    let mute = BadWire::new(&parts.laser, Vec::clear);
    let end = Kit::connect(Box::new(parts.spectrometer.clone()), Box::new(mute), EXCITATION_NM, clock);
    assert!(matches!(end.err(), Some(AnalyzerError::NoLaser { .. } | AnalyzerError::LaserNotOff { .. })));
}
