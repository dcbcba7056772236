//! The emulated kit behaves like a device: it refuses what is wrong by number, takes its time, repeats by seed, and sees
//! light only while its laser shines.

use std::sync::Arc;
use std::time::Duration;

use parcelscope::analyzer::emulator::{
    EXCITATION_NM, Fault, Gap, MAX_COUNTS, MemoryKit, PIXELS, Sample, SamplePart, memory_kit,
};
use parcelscope::analyzer::obp::codec::{Checksum, Decoder, FrameError, Message, VERSION, VERSION_OLD, encode, flags};
use parcelscope::analyzer::obp::{device_error as error, kinds};
use parcelscope::analyzer::{Clock, Transport, VirtualClock};
use parcelscope::spectrum::Band;
use proptest::prelude::*;

/// A line at `position_cm1` that is as wide as the instruments of the references show a sharp one.
fn line(position_cm1: f64) -> Sample {
    let band = Band { position_cm1, height: 1.0, fwhm_cm1: 7.0, lorentz_fraction: 0.0 };
    Sample { name: "line".to_owned(), parts: vec![SamplePart { share: 1.0, bands: vec![band] }] }
}

struct Wires {
    kit: MemoryKit,
    clock: VirtualClock,
}

impl Wires {
    fn new(seed: u64, gap: Gap, sample: Sample) -> Self {
        let clock = VirtualClock::default();
        let time: Arc<dyn Clock> = Arc::new(clock.clone());
        Self { kit: memory_kit(seed, gap, sample, time), clock }
    }

    fn line(seed: u64) -> Self {
        Self::new(seed, Gap::NONE, line(1000.0))
    }

    /// Sends bytes to the spectrometer and returns every message that comes within `wait`.
    fn send(&mut self, bytes: &[u8], wait: Duration) -> Vec<Message> {
        let deadline = self.clock.now() + wait;
        self.kit.spectrometer.write_all(bytes, deadline).expect("the wire takes bytes");
        let (mut decoder, mut buffer, mut messages) = (Decoder::new(), [0; 512], Vec::new());
        while let Ok(count) = self.kit.spectrometer.read_some(&mut buffer, deadline) {
            decoder.push(&buffer[..count]);
            while let Some(frame) = decoder.next() {
                messages.push(frame.expect("the device sends sound frames"));
            }
        }
        messages
    }

    fn ask(&mut self, message: &Message) -> Message {
        let mut answers = self.send(&encode(message), Duration::from_millis(100));
        assert_eq!(answers.len(), 1, "one answer to {:#x}", message.kind);
        answers.remove(0)
    }

    fn set(&mut self, kind: u32, data: &[u8]) {
        let answer = self.ask(&Message::set(kind, data));
        assert_eq!((answer.flags, answer.kind), (flags::RESPONSE | flags::ACK, kind));
    }

    fn counts(&mut self) -> Vec<f64> {
        let answers = self.send(&encode(&Message::query(kinds::RAW_SPECTRUM, &[])), Duration::from_mins(20));
        let data = &answers.first().expect("a spectrum").data;
        data.chunks_exact(2).map(|c| f64::from(u16::from_le_bytes([c[0], c[1]]))).collect()
    }

    /// One command to the laser; its reply after the silence that ends a command.
    fn laser(&mut self, command: &str) -> String {
        let deadline = self.clock.now() + Duration::from_millis(80);
        self.kit.laser.write_all(command.as_bytes(), deadline).expect("the wire takes bytes");
        let (mut reply, mut buffer) = (Vec::new(), [0; 64]);
        while let Ok(count) = self.kit.laser.read_some(&mut buffer, deadline) {
            reply.extend_from_slice(&buffer[..count]);
        }
        String::from_utf8(reply).expect("text").trim_end().to_owned()
    }

    fn shine(&mut self, on: bool) {
        assert_eq!(self.laser(if on { "e 1" } else { "e 0" }), "<ACK>");
        self.clock.sleep(Duration::from_secs(1));
    }

    /// Light minus dark, mean of `averages` readouts of one second.
    fn spectrum(&mut self, averages: u16) -> Vec<f64> {
        self.set(kinds::SET_INTEGRATION_TIME, &1_000_000_u32.to_le_bytes());
        self.set(kinds::SET_SCANS_TO_AVERAGE, &averages.to_le_bytes());
        let dark = self.counts();
        self.shine(true);
        let light = self.counts();
        self.shine(false);
        light.iter().zip(&dark).map(|(l, d)| l - d).collect()
    }

    /// Raman shift of every pixel as a host computes it from the coefficients that the device reports.
    fn reported_axis(&mut self) -> Vec<f64> {
        let coefficients: Vec<f64> = (0..4)
            .map(|i| {
                let data = self.ask(&Message::query(kinds::WAVELENGTH_COEFFICIENT, &[i])).data;
                f64::from(f32::from_le_bytes(data.try_into().expect("four bytes")))
            })
            .collect();
        let nm = |pixel: usize| coefficients.iter().rev().fold(0.0, |sum, c| sum * pixel as f64 + c);
        (0..PIXELS).map(|pixel| 1e7 / EXCITATION_NM - 1e7 / nm(pixel)).collect()
    }
}

#[test]
fn what_is_wrong_is_refused_with_the_number_that_says_why() {
    let cases: &[(u32, &[u8], u16)] = &[
        (0x00AB_CDEF, &[], error::UNKNOWN_TYPE),
        (kinds::SET_INTEGRATION_TIME, &9_u32.to_le_bytes(), error::DATA_INVALID),
        (kinds::SET_INTEGRATION_TIME, &85_000_001_u32.to_le_bytes(), error::DATA_INVALID),
        (kinds::SET_INTEGRATION_TIME, &[1, 2, 3], error::LENGTH_MISMATCH),
        (kinds::SET_SCANS_TO_AVERAGE, &0_u16.to_le_bytes(), error::DATA_INVALID),
        (kinds::SET_SCANS_TO_AVERAGE, &5001_u16.to_le_bytes(), error::DATA_INVALID),
        (kinds::SET_BOXCAR, &[16], error::DATA_INVALID),
        (kinds::SET_TRIGGER_MODE, &[3], error::DATA_INVALID),
        (kinds::SET_LAMP_ENABLE, &[2], error::DATA_INVALID),
        (kinds::SET_BAUD, &1234_u32.to_le_bytes(), error::DATA_INVALID),
        (kinds::SET_ALIAS, &[b'a'; 17], error::LENGTH_MISMATCH),
        (kinds::SET_CHECKSUM_TYPE, &[2], error::UNKNOWN_CHECKSUM),
        (kinds::WAVELENGTH_COEFFICIENT, &[4], error::DATA_INVALID),
        (kinds::WAVELENGTH_COEFFICIENT, &[], error::LENGTH_MISMATCH),
        (kinds::NONLINEARITY_COEFFICIENT, &[8], error::DATA_INVALID),
        (kinds::TEMPERATURE, &[3], error::DATA_INVALID),
        (kinds::SERIAL_NUMBER, &[0], error::LENGTH_MISMATCH),
        (kinds::RAW_SPECTRUM, &[0], error::LENGTH_MISMATCH),
        (kinds::RAW_SPECTRUM, &[], error::NOT_READY),
        (kinds::CORRECTED_SPECTRUM, &[], error::NOT_READY),
    ];
    let mut wires = Wires::line(1);
    for (kind, data, number) in cases {
        let request = Message { regarding: 0xA5A5_0001, ..Message::set(*kind, data) };
        let answer = wires.ask(&request);
        assert_eq!((answer.flags, answer.error), (flags::RESPONSE | flags::NACK, *number), "{kind:#x} {data:?}");
        assert_eq!((answer.kind, answer.regarding), (*kind, 0xA5A5_0001), "the answer names its request");
    }
}

#[test]
fn a_frame_that_cannot_be_read_is_refused_and_the_next_one_is_heard() {
    let good = encode(&Message { checksum: Checksum::Md5, ..Message::query(kinds::SERIAL_NUMBER, &[]) });
    let changed = |at: usize, value: u8| {
        let mut bytes = good.clone();
        bytes[at] = value;
        bytes
    };
    let cases = [
        (changed(3, 0x22), error::UNSUPPORTED_PROTOCOL),
        (changed(23, 17), error::LENGTH_MISMATCH),
        (changed(42, 1), error::TOO_LARGE),
        (changed(22, 9), error::UNKNOWN_CHECKSUM),
        (changed(63, 0), error::BAD_END),
        (changed(50, good[50] ^ 1), error::BAD_CHECKSUM),
    ];
    for (bytes, number) in cases {
        let mut wires = Wires::line(1);
        let answers = wires.send(&[bytes, good.clone()].concat(), Duration::from_millis(100));
        assert_eq!(answers.iter().map(|a| a.error).collect::<Vec<_>>(), [number, error::OK]);
        assert_eq!(answers[1].data, b"EMU00001");
    }
}

#[test]
fn both_protocol_versions_are_heard_and_a_set_that_wants_no_answer_gets_none() {
    let mut wires = Wires::line(1);
    for version in [VERSION, VERSION_OLD] {
        let answer = wires.ask(&Message { version, ..Message::query(kinds::SERIAL_NUMBER, &[]) });
        assert_eq!((answer.version, answer.data.as_slice()), (VERSION, b"EMU00001".as_slice()));
        let silent = |kind, data: &[u8]| encode(&Message { version, flags: 0, ..Message::set(kind, data) });
        let wait = Duration::from_millis(100);
        assert_eq!(wires.send(&silent(kinds::SET_INTEGRATION_TIME, &20_000_u32.to_le_bytes()), wait), []);
        assert_eq!(wires.send(&silent(kinds::SET_INTEGRATION_TIME, &1_u32.to_le_bytes()), wait), [], "nor a refusal");
        let read_back = wires.ask(&Message { version, ..Message::query(kinds::INTEGRATION_TIME, &[]) });
        assert_eq!(read_back.data, 20_000_u32.to_le_bytes());
    }
    assert_eq!(wires.ask(&Message::query(kinds::MANUFACTURER, &[])).data, b"Parcelscope emulated");
}

#[test]
fn replies_carry_md5_once_the_host_asked_for_it() {
    let mut wires = Wires::line(1);
    assert_eq!(wires.ask(&Message::query(kinds::PRODUCT, &[])).checksum, Checksum::None);
    wires.set(kinds::SET_CHECKSUM_TYPE, &[1]);
    let answer = wires.ask(&Message::query(kinds::PRODUCT, &[]));
    assert_eq!((answer.checksum, answer.data.as_slice()), (Checksum::Md5, b"STS".as_slice()));
}

/// What the host sees of a damaged answer to the question for the serial number.
fn damaged(fault: Fault) -> Result<Message, FrameError> {
    let mut wires = Wires::line(1);
    wires.kit.spectrometer_faults.switch_on_times(fault, 1);
    let deadline = wires.clock.now() + Duration::from_millis(100);
    let question = encode(&Message::query(kinds::SERIAL_NUMBER, &[]));
    wires.kit.spectrometer.write_all(&question, deadline).expect("the wire takes bytes");
    let (mut decoder, mut buffer) = (Decoder::new(), [0; 512]);
    while let Ok(count) = wires.kit.spectrometer.read_some(&mut buffer, deadline) {
        decoder.push(&buffer[..count]);
    }
    let seen = decoder.next().expect("something came");
    assert_eq!(wires.ask(&Message::query(kinds::SERIAL_NUMBER, &[])).data, b"EMU00001", "once only");
    seen
}

#[test]
fn a_fault_of_the_spectrometer_shows_on_its_wire_as_what_it_is_called() {
    let (kind, regarding) = (kinds::SERIAL_NUMBER, 0);
    assert_eq!(damaged(Fault::WrongChecksum), Err(FrameError::Checksum { kind, regarding }));
    assert_eq!(damaged(Fault::WrongFooter), Err(FrameError::Footer { kind, regarding }));
    assert!(matches!(damaged(Fault::OversizedLength), Err(FrameError::TooLong { .. })));
    assert_ne!(damaged(Fault::WrongType).expect("a sound frame").kind, kind);
    assert_eq!(damaged(Fault::OtherSerial).expect("a sound frame").data, b"EMU00002");

    let mut wires = Wires::line(1);
    wires.kit.spectrometer_faults.switch_on_times(Fault::Nack, error::ALL.len() as u32);
    let numbers = error::ALL.map(|_| wires.ask(&Message::query(kinds::SERIAL_NUMBER, &[])).error);
    assert_eq!(numbers, error::ALL, "each number in its turn");

    wires.set(kinds::SET_INTEGRATION_TIME, &50_000_u32.to_le_bytes());
    wires.kit.spectrometer_faults.switch_on_times(Fault::Saturation, 1);
    assert!(wires.counts().iter().all(|c| *c == f64::from(MAX_COUNTS)));
    wires.kit.spectrometer_faults.switch_on_times(Fault::ResetBetweenCommands, 1);
    let answer = wires.ask(&Message::query(kinds::RAW_SPECTRUM, &[]));
    assert_eq!(answer.error, error::NOT_READY, "a fresh unit waits for its integration time");
}

#[test]
fn a_fault_of_the_laser_shows_on_its_wire_as_what_it_is_called() {
    let state = |wires: &mut Wires| wires.laser("r r").split(' ').nth(7).map(str::to_owned);
    let mut wires = Wires::line(1);
    let faults = wires.kit.laser_faults.clone();
    faults.switch_on(Fault::OnButReadsOff);
    assert_eq!(wires.laser("e 1"), "<ACK>");
    assert_eq!((state(&mut wires).as_deref(), wires.kit.bench.laser_shines()), (Some("OFF"), true));
    faults.clear();
    faults.switch_on(Fault::InterlockOpen);
    assert_eq!((state(&mut wires).as_deref(), wires.kit.bench.laser_shines()), (Some("OFF"), false));
    assert_eq!((wires.laser("e 1").as_str(), wires.kit.bench.laser_shines()), ("<ERR 0>", false));
    faults.clear();
    faults.switch_on(Fault::AccessLevel);
    assert_eq!((wires.laser("e 1").as_str(), wires.laser("e 0").as_str()), ("<ERR 1>", "<ACK>"));
    faults.clear();
    faults.switch_on_times(Fault::Nack, 7);
    let refusals: Vec<String> = (0..7).map(|_| wires.laser("NM?")).collect();
    assert_eq!(refusals, (0..7).map(|n| format!("<ERR {n}>")).collect::<Vec<_>>());
    faults.switch_on_times(Fault::OtherSerial, 1);
    assert_eq!((wires.laser("ID?").as_str(), wires.laser("ID?").as_str()), ("<000002>", "<000001>"));
    faults.switch_on_times(Fault::WrongType, 1);
    assert_eq!(wires.laser("NM?"), "<ACKNOWLEDGED>");
    faults.switch_on_times(Fault::OversizedLength, 1);
    assert!(wires.laser("NM?").len() > 256 && wires.laser("NM?") == "<0785L-EMU>");
}

#[test]
fn light_reaches_the_detector_only_while_the_laser_shines() {
    let mut wires = Wires::line(3);
    wires.set(kinds::SET_INTEGRATION_TIME, &1_000_000_u32.to_le_bytes());
    let sum = |counts: &[f64]| counts.iter().sum::<f64>();
    let dark = sum(&wires.counts());
    wires.shine(true);
    let light = sum(&wires.counts());
    wires.shine(false);
    let dark_again = sum(&wires.counts());
    // 1,024 pixels with a read noise of a few counts: sums of two dark readouts differ by a few hundred at most.
    assert!((dark - dark_again).abs() < 1_000.0, "{dark} and {dark_again}");
    assert!(light - dark > 20_000.0, "light {light} over dark {dark}");
    // Half of an exposure lit gives about half of the light, of a sample that is not yet bleached.
    wires.kit.bench.set_sample(line(1000.0));
    wires.shine(true);
    wires.kit.spectrometer.write_all(&encode(&Message::query(kinds::RAW_SPECTRUM, &[])), Duration::MAX).expect("sent");
    wires.clock.sleep(Duration::from_millis(470));
    assert_eq!(wires.laser("e 0"), "<ACK>");
    let answers = wires.send(&[], Duration::from_secs(3));
    let half: f64 =
        answers[0].data.chunks_exact(2).map(|c| f64::from(u16::from_le_bytes([c[0], c[1]]))).sum::<f64>() - dark;
    assert!((0.4..0.6).contains(&(half / (light - dark))), "{half} of {}", light - dark);
}

#[test]
fn an_exposure_takes_integration_times_averages_and_then_the_time_of_the_line() {
    let mut wires = Wires::line(1);
    wires.set(kinds::SET_INTEGRATION_TIME, &200_000_u32.to_le_bytes());
    wires.set(kinds::SET_SCANS_TO_AVERAGE, &5_u16.to_le_bytes());
    let start = wires.clock.now();
    let deadline = start + Duration::from_secs(10);
    wires.kit.spectrometer.write_all(&encode(&Message::query(kinds::RAW_SPECTRUM, &[])), deadline).expect("sent");
    let (mut buffer, mut bytes, mut first) = ([0; 512], 0, None);
    while bytes < 2112 {
        bytes += wires.kit.spectrometer.read_some(&mut buffer, deadline).expect("bytes come in time");
        first.get_or_insert(wires.clock.now().saturating_sub(start));
    }
    let (first, last) =
        (first.expect("bytes came").as_secs_f64(), wires.clock.now().saturating_sub(start).as_secs_f64());
    assert!((1.0..1.05).contains(&first), "first bytes after {first} s");
    // 2,112 bytes of ten bits at 115,200 bit/s.
    assert!((0.17..0.25).contains(&(last - first)), "the reply took {} s", last - first);
}

#[test]
fn settings_that_come_during_an_exposure_hold_for_the_next_one() {
    let mut wires = Wires::line(1);
    wires.set(kinds::SET_INTEGRATION_TIME, &400_000_u32.to_le_bytes());
    wires.set(kinds::SET_SCANS_TO_AVERAGE, &2_u16.to_le_bytes());
    let undisturbed = Wires::line(1).counts_with(400_000, 2);
    wires.kit.spectrometer.write_all(&encode(&Message::query(kinds::RAW_SPECTRUM, &[])), Duration::MAX).expect("sent");
    wires.set(kinds::SET_SCANS_TO_AVERAGE, &200_u16.to_le_bytes());
    let answers = wires.send(&[], Duration::from_secs(3));
    let counts: Vec<f64> =
        answers[0].data.chunks_exact(2).map(|c| f64::from(u16::from_le_bytes([c[0], c[1]]))).collect();
    assert_eq!(counts, undisturbed);
}

impl Wires {
    fn counts_with(&mut self, integration_us: u32, averages: u16) -> Vec<f64> {
        self.set(kinds::SET_INTEGRATION_TIME, &integration_us.to_le_bytes());
        self.set(kinds::SET_SCANS_TO_AVERAGE, &averages.to_le_bytes());
        self.counts()
    }
}

#[test]
fn an_aborted_exposure_sends_no_spectrum_and_the_next_one_is_whole() {
    let mut wires = Wires::line(1);
    wires.set(kinds::SET_INTEGRATION_TIME, &5_000_000_u32.to_le_bytes());
    wires.kit.spectrometer.write_all(&encode(&Message::query(kinds::RAW_SPECTRUM, &[])), Duration::MAX).expect("sent");
    wires.clock.sleep(Duration::from_secs(1));
    wires.set(kinds::ABORT, &[]);
    let late = wires.send(&[], Duration::from_secs(10));
    assert!(late.iter().all(|m| m.data.is_empty()), "a spectrum came after the abort");
    assert_eq!(wires.counts().len(), PIXELS);
}

#[test]
fn the_same_seed_and_commands_give_the_same_bytes_and_another_seed_others() {
    let run = |seed| Wires::new(seed, Gap::MEASURED, line(1000.0)).spectrum(1);
    assert_eq!(run(5), run(5));
    assert_ne!(run(5), run(6));
}

#[test]
fn a_sharp_line_shows_the_resolution_of_the_instrument_at_its_place() {
    let mut widths = Vec::new();
    for seed in 0..12 {
        // A thousand readouts leave little noise.
        let mut wires = Wires::line(seed);
        let axis = wires.reported_axis();
        let bright = wires.spectrum(1000);
        wires.kit.bench.set_sample(line(1700.0));
        let elsewhere = wires.spectrum(1000);
        // The glow of both is the same: their difference is the line alone, up and down.
        let near: Vec<(f64, f64)> = axis
            .iter()
            .zip(bright.iter().zip(&elsewhere))
            .filter(|(x, _)| (960.0..1040.0).contains(*x))
            .map(|(x, (a, b))| (*x, a - b))
            .collect();
        let top = near.iter().map(|(_, y)| *y).fold(0.0, f64::max);
        assert!(top > 200.0, "seed {seed}: a line of {top} counts");
        let area: f64 = near.windows(2).map(|w| 0.5 * (w[0].1 + w[1].1) * (w[1].0 - w[0].0)).sum();
        let centre = near.iter().map(|(x, y)| x * y).sum::<f64>() / near.iter().map(|(_, y)| y).sum::<f64>();
        assert!((centre - 1000.0).abs() < 2.5, "seed {seed}: the line lies at {centre}");
        // Of a Gaussian: full width at half maximum = area / height * 2 sqrt(ln 2 / pi).
        widths.push(area / top * 0.939_437);
    }
    for width in &widths {
        assert!((7.6..10.8).contains(width), "widths {widths:?}");
    }
}

#[test]
fn the_laser_is_off_until_told_and_refuses_by_number() {
    let mut wires = Wires::line(1);
    let dialogue = [
        ("NM?", "<0785L-EMU>"),
        ("r l", "Access level: 0"),
        ("c 4 50", "<ERR 1>"),
        ("c u 1 9999", "<ERR 4>"),
        ("c u 1 1234", "<ACK>"),
        ("c 4 50", "<ACK>"),
        ("c 4 100000", "<ERR 4>"),
        ("c 3 500", "<ERR 1>"),
        ("c a 1", "<ACK>"),
        ("c f 3000", "<ACK>"),
        ("c 6 8192", "<ERR 4>"),
        ("c 9 1", "<ERR 5>"),
        ("f s", "<ACK>"),
        ("e 2", "<ACK>"),
        ("r s", "#Settings: 2500 2500 800 4000 50 900 1 1 3000"),
        ("fire", "<ERR 5>"),
        ("e 1e 0", "<ERR 5>"),
    ];
    for (command, reply) in dialogue {
        assert_eq!(wires.laser(command), reply, "{command}");
        assert!(!wires.kit.bench.laser_shines(), "{command} does not switch on");
    }
    let state = |wires: &mut Wires| wires.laser("r r").split(' ').nth(7).map(str::to_owned);
    assert_eq!(state(&mut wires).as_deref(), Some("OFF"));
    assert_eq!(wires.laser("e 1"), "<ACK>");
    assert_eq!(state(&mut wires).as_deref(), Some("WRM"));
    assert_eq!(wires.laser("e 1"), "<ERR 2>");
    wires.clock.sleep(Duration::from_secs(1));
    assert_eq!(state(&mut wires).as_deref(), Some("APC"));
    assert_eq!(wires.laser("e 0"), "<ACK>");
    assert_eq!(wires.laser("e 0"), "<ACK>", "off is never refused");
    assert!(!wires.kit.bench.laser_shines());
    let log = wires.kit.log.lines();
    assert_eq!(log.last().map(|(_, text)| text.as_str()), Some("matchbox e 0"), "the log proves it");
}

#[test]
fn too_much_light_shows_the_largest_count_and_no_more() {
    let mut wires = Wires::line(2);
    wires.shine(true);
    let counts = wires.counts_with(19_000_000, 1);
    assert!(counts.iter().all(|c| *c <= f64::from(MAX_COUNTS)));
    assert!(counts.iter().any(|c| *c == f64::from(MAX_COUNTS)), "19 s saturate");
}

#[cfg(unix)]
#[test]
fn a_host_that_never_reads_cannot_keep_the_emulator_from_ending() {
    use std::io::Write;
    use std::sync::mpsc;

    use parcelscope::analyzer::SystemClock;
    use parcelscope::analyzer::emulator::{Bench, Faults, Log, ObpDevice, ObpModel, ObpUnit, PtyHost};

    let unit = ObpUnit { model: ObpModel::Sts, serial_number: 1, checksum: Checksum::None, baud: 115_200 };
    let device = ObpDevice::new(unit, Bench::new(1, Gap::NONE, line(1000.0)), Log::default(), Faults::none());
    let host = PtyHost::start("deaf-host", device, Arc::new(SystemClock::start())).expect("a pseudo-terminal");
    let mut port = std::fs::OpenOptions::new().read(true).write(true).open(host.path()).expect("the port opens");
    let question = encode(&Message::query(kinds::SERIAL_NUMBER, &[]));
    for _ in 0..400 {
        port.write_all(&question).expect("the port takes bytes");
    }
    // 400 replies of 64 bytes take 2.2 s on this line and are far more than the terminal holds.
    std::thread::sleep(Duration::from_millis(2500));
    let (ended, end) = mpsc::sync_channel(1);
    std::thread::spawn(move || {
        drop(host);
        let _ = ended.send(());
    });
    assert!(end.recv_timeout(Duration::from_secs(3)).is_ok(), "the emulator hangs on a host that does not read");
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn arbitrary_bytes_never_panic_the_devices_and_they_answer_afterwards(
        chunks in prop::collection::vec((prop::collection::vec(any::<u8>(), 0..150), 0_u64..90), 0..12),
        starts in prop::collection::vec(any::<bool>(), 12),
    ) {
        let mut wires = Wires::line(1);
        for ((bytes, pause), start) in chunks.iter().zip(starts) {
            // Half of the noise begins like a frame.
            let head: &[u8] = if start { &[0xC1, 0xC0, 0x00, 0x11] } else { &[] };
            wires.kit.spectrometer.write_all(&[head, bytes].concat(), Duration::MAX).expect("the wire takes bytes");
            wires.kit.laser.write_all(bytes, Duration::MAX).expect("the wire takes bytes");
            wires.clock.sleep(Duration::from_millis(*pause));
        }
        wires.clock.sleep(Duration::from_millis(50));
        let deadline = wires.clock.now() + Duration::from_secs(5);
        wires.kit.laser.drain(Duration::from_millis(100), deadline).expect("drained");
        prop_assert_eq!(wires.laser("NM?"), "<0785L-EMU>");
        // A frame whose rest never came is ended by zeros, at most as many as a frame may have.
        let deadline = wires.clock.now() + Duration::from_mins(1);
        wires.kit.spectrometer.write_all(&vec![0; 64 * 1024], deadline).expect("the wire takes bytes");
        wires.kit.spectrometer.drain(Duration::from_millis(100), deadline).expect("drained");
        let answers = wires.send(&encode(&Message::query(kinds::SERIAL_NUMBER, &[])), Duration::from_millis(200));
        prop_assert!(answers.iter().any(|a| a.data == b"EMU00001"), "{:?}", answers);
    }
}
