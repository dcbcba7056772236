//! The laser goes off on every way out of a scan, and no wrong spectrum is accepted.

use std::cell::Cell;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::time::Duration;

use parcelscope::analyzer::emulator::{EXCITATION_NM, Gap, MemoryKit, MemoryLink, Sample, memory_kit};
use parcelscope::analyzer::{
    AnalyzerError, Clock, Kit, LaserState, ScanSettings, Transport, TransportError, VirtualClock,
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

fn acquire(kit: &mut Kit, cancelled: &dyn Fn() -> bool) -> Result<parcelscope::analyzer::Acquisition, AnalyzerError> {
    kit.acquire(&ScanSettings::default(), cancelled, &mut |_| {}, &mut |_| {})
}

#[test]
fn a_scan_is_dark_without_the_laser_and_bright_with_it() {
    let (parts, clock) = bench("sucrose");
    let scan = acquire(&mut connect(&parts, &clock), &|| false).expect("a spectrum");
    assert!(scan.simulated && scan.spectrometer.simulated && scan.laser.simulated);
    assert_eq!((scan.dark.laser_before, scan.dark.laser_after), (LaserState::Off, LaserState::Off));
    let top = |counts: &[u32]| f64::from(*counts.iter().max().expect("pixels"));
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
    for moment_ms in (0..6_000).step_by(97) {
        let (parts, clock) = bench("sucrose");
        let mut kit = connect(&parts, &clock);
        let cancel_at = clock.now() + Duration::from_millis(moment_ms);
        let end = acquire(&mut kit, &|| clock.now() >= cancel_at);
        if end.is_ok() {
            continue; // the scan was faster
        }
        assert_eq!(end, Err(AnalyzerError::Cancelled), "cancelled after {moment_ms} ms");
        let late = clock.now().saturating_sub(cancel_at);
        assert!(late <= Duration::from_millis(300), "cancelled after {moment_ms} ms, ended {late:?} later");
        assert!(!parts.bench.laser_shines(), "cancelled after {moment_ms} ms");
        let lines = parts.log.lines();
        if let Some(on) = lines.iter().rposition(|l| l.1 == "matchbox e 1") {
            let off = lines[on..].iter().find(|l| l.1 == "matchbox e 0").expect("off follows on");
            let on_wire = off.0.saturating_sub(cancel_at);
            assert!(on_wire <= Duration::from_millis(200), "off {on_wire:?} after the cancel at {moment_ms} ms");
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
    drop(connect(&parts, &clock));
    let lines = parts.log.lines();
    let last = lines.iter().rfind(|l| l.1.starts_with("matchbox")).expect("the laser was spoken to");
    assert_eq!(last.1, "matchbox e 0");
    let first = lines.iter().find(|l| l.1.starts_with("matchbox")).expect("the laser was spoken to");
    assert_eq!(first.1, "matchbox e 0", "off is the first command after opening");
}

/// Changes the bytes of one read.
type Spoil = Box<dyn FnMut(&mut Vec<u8>) + Send>;

/// A wire that spoils what the device sends.
struct BadWire {
    inner: MemoryLink,
    spoil: Spoil,
}

impl Transport for BadWire {
    fn name(&self) -> &str {
        self.inner.name()
    }

    fn write_all(&mut self, bytes: &[u8], deadline: Duration) -> Result<(), TransportError> {
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

    fn drain(&mut self, quiet: Duration, deadline: Duration) -> Result<(), TransportError> {
        self.inner.drain(quiet, deadline)
    }

    fn set_baud(&mut self, baud: u32) -> Result<(), TransportError> {
        self.inner.set_baud(baud)
    }
}

#[test]
fn bytes_lost_on_the_wire_end_the_scan_with_an_error_and_the_laser_off() {
    // Byte 0 is the first of the connection; the light spectra come well behind 9,000.
    for lost in [70_usize, 700, 1_500, 2_500, 3_500, 4_500, 6_000, 7_500] {
        let (parts, clock) = bench("sucrose");
        let mut seen = 0;
        let wire = BadWire {
            inner: parts.spectrometer.clone(),
            spoil: Box::new(move |bytes| {
                if (seen..seen + bytes.len()).contains(&lost) {
                    bytes.remove(lost - seen);
                    seen += 1;
                }
                seen += bytes.len();
            }),
        };
        let kit = Kit::connect(Box::new(wire), Box::new(parts.laser.clone()), EXCITATION_NM, Arc::clone(&clock));
        // A lost byte of a question's answer is mended by asking again; a lost byte of a spectrum never is.
        let end = kit.and_then(|mut kit| acquire(&mut kit, &|| false));
        assert!(!parts.bench.laser_shines(), "byte {lost} lost");
        if let Ok(scan) = end {
            assert!(scan.light.iter().all(|l| l.counts.len() == 1024), "byte {lost} lost");
            assert!(lost < 2_000, "byte {lost} of a spectrum was lost and nobody said so");
        }
    }
}

#[test]
fn a_laser_that_does_not_answer_is_unknown_and_no_scan_starts() {
    let (parts, clock) = bench("sucrose");
    let mute = BadWire { inner: parts.laser.clone(), spoil: Box::new(Vec::clear) };
    let end = Kit::connect(Box::new(parts.spectrometer.clone()), Box::new(mute), EXCITATION_NM, clock);
    assert!(matches!(end.err(), Some(AnalyzerError::NoLaser { .. } | AnalyzerError::LaserNotOff { .. })));
}
