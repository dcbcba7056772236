//! Every model of the Ocean Binary Protocol: the emulated units know their messages, the one driver measures with each
//! of them, and climbs its ladder when one of them misbehaves.

use std::ops::ControlFlow;
use std::sync::Arc;
use std::time::Duration;

use parcelscope::analyzer::emulator::{
    EXCITATION_NM, Fault, Gap, MemoryKit, ObpModel, Sample, SamplePart, memory_kit_of,
};
use parcelscope::analyzer::laser::Laser;
use parcelscope::analyzer::obp::codec::{Decoder, Message, encode, flags};
use parcelscope::analyzer::obp::{ObpSpectrometer, VentanaLaser, device_error as error, kinds};
use parcelscope::analyzer::{
    Acquisition, AnalyzerError, Clock, Kit, LaserState, OnWait, ScanSettings, Spectrometer, Transport, VirtualClock,
};
use parcelscope::spectrum::Band;

const MODELS: [ObpModel; 3] = [ObpModel::Sts, ObpModel::QePro, ObpModel::Ventana];

fn bench(model: ObpModel) -> (MemoryKit, Arc<dyn Clock>) {
    let band = |position_cm1, height| Band { position_cm1, height, fwhm_cm1: 8.0, lorentz_fraction: 0.3 };
    let bands = vec![band(621.0, 0.4), band(1001.4, 1.0), band(1602.3, 0.5)];
    let sample = Sample { name: "three lines".to_owned(), parts: vec![SamplePart { share: 1.0, bands }] };
    let clock: Arc<dyn Clock> = Arc::new(VirtualClock::default());
    (memory_kit_of(model, 11, Gap::NONE, sample, Arc::clone(&clock)), clock)
}

/// A conversation with an emulated unit without the driver.
struct Talk {
    kit: MemoryKit,
    clock: Arc<dyn Clock>,
}

impl Talk {
    fn new(model: ObpModel) -> Self {
        let (kit, clock) = bench(model);
        Self { kit, clock }
    }

    fn ask(&mut self, message: &Message, wait: Duration) -> Message {
        let deadline = self.clock.now() + wait;
        self.kit.spectrometer.write_all(&encode(message), deadline).expect("the wire takes bytes");
        let (mut decoder, mut buffer) = (Decoder::new(), [0; 512]);
        loop {
            if let Some(frame) = decoder.next() {
                return frame.expect("a sound frame");
            }
            let count = self.kit.spectrometer.read_some(&mut buffer, deadline).expect("an answer in time");
            decoder.push(&buffer[..count]);
        }
    }

    fn get(&mut self, kind: u32, data: &[u8]) -> Vec<u8> {
        let answer = self.ask(&Message::query(kind, data), Duration::from_secs(30));
        assert_eq!((answer.flags, answer.error), (flags::RESPONSE, 0), "{kind:#x}");
        answer.data
    }

    fn refusal(&mut self, kind: u32, data: &[u8]) -> u16 {
        self.ask(&Message::set(kind, data), Duration::from_secs(1)).error
    }
}

/// A set, its data, the question that reads it back, the question's data and what it is answered.
type Setting = (u32, Vec<u8>, u32, Vec<u8>, Vec<u8>);

fn words(values: &[u32]) -> Vec<u8> {
    values.iter().flat_map(|v| v.to_le_bytes()).collect()
}

fn indexed(index: u8, value: f32) -> Vec<u8> {
    [vec![index], value.to_le_bytes().to_vec()].concat()
}

fn settings_of_all() -> Vec<Setting> {
    let plain = |set, data: Vec<u8>, get| (set, data.clone(), get, vec![], data);
    vec![
        plain(kinds::SET_ALIAS, b"border 7".to_vec(), kinds::ALIAS),
        (kinds::SET_USER_STRING, b"\x03seen".to_vec(), kinds::USER_STRING, vec![3], b"seen".to_vec()),
        plain(kinds::SET_FLOW_CONTROL, vec![0], kinds::FLOW_CONTROL),
        plain(kinds::SET_INTEGRATION_TIME, words(&[30_000]), kinds::INTEGRATION_TIME),
        plain(kinds::SET_TRIGGER_MODE, vec![1], kinds::TRIGGER_MODE),
        plain(kinds::SET_LAMP_ENABLE, vec![1], kinds::LAMP_ENABLE),
        plain(kinds::SET_ACQUISITION_DELAY, words(&[500]), kinds::ACQUISITION_DELAY),
        plain(kinds::SET_SCANS_TO_AVERAGE, vec![7, 0], kinds::SCANS_TO_AVERAGE),
        plain(kinds::SET_BOXCAR, vec![4], kinds::BOXCAR),
        plain(kinds::SET_BINNING, vec![0], kinds::BINNING),
        (
            kinds::SET_WAVELENGTH_COEFFICIENT,
            indexed(0, 797.5),
            kinds::WAVELENGTH_COEFFICIENT,
            vec![0],
            words(&[797.5_f32.to_bits()]),
        ),
        (
            kinds::SET_NONLINEARITY_COEFFICIENT,
            indexed(7, 1e-30),
            kinds::NONLINEARITY_COEFFICIENT,
            vec![7],
            words(&[1e-30_f32.to_bits()]),
        ),
        (
            kinds::SET_STRAY_LIGHT_COEFFICIENT,
            indexed(0, 0.01),
            kinds::STRAY_LIGHT_COEFFICIENT,
            vec![0],
            words(&[0.01_f32.to_bits()]),
        ),
        plain(kinds::SET_HOT_PIXELS, words(&[5, 17, 1_000, 3, 9]), kinds::HOT_PIXELS),
        (kinds::SET_PIN_OUTPUTS, words(&[5, 7]), kinds::PIN_OUTPUTS, vec![], words(&[5])),
        (kinds::SET_PIN_LEVELS, words(&[15, 2]), kinds::PIN_LEVELS, vec![], words(&[2])),
    ]
}

fn settings_of(model: ObpModel) -> Vec<Setting> {
    let mut all = settings_of_all();
    let plain = |set, data: Vec<u8>, get| (set, data.clone(), get, vec![], data);
    match model {
        ObpModel::Sts => all.push(plain(kinds::SET_BINNING_DEFAULT, vec![2], kinds::BINNING_DEFAULT)),
        ObpModel::QePro => {
            all.push(plain(kinds::SET_BUFFER_SIZE, words(&[12]), kinds::BUFFER_SIZE));
            all.push(plain(kinds::SET_COOLER_ENABLE, vec![0], kinds::COOLER_ENABLE));
            all.push(plain(kinds::SET_COOLER_SETPOINT, words(&[(-5.0_f32).to_bits()]), kinds::COOLER_SETPOINT));
        }
        ObpModel::Ventana => {
            let half = 0.5_f32.to_le_bytes().to_vec();
            let set = [vec![0, 0], half.clone()].concat();
            all.push((kinds::SET_LIGHT_SOURCE_INTENSITY, set, kinds::LIGHT_SOURCE_INTENSITY, vec![0, 0], half));
            all.push((kinds::SET_LIGHT_SOURCE_ENABLE, vec![0, 0, 1], kinds::LIGHT_SOURCE_ENABLE, vec![0, 0], vec![1]));
        }
    }
    all
}

#[test]
fn every_setting_of_every_model_is_acknowledged_reads_back_and_is_refused_when_its_data_are_wrong() {
    for model in MODELS {
        let mut talk = Talk::new(model);
        for (set, data, get, index, expected) in settings_of(model) {
            let answer = talk.ask(&Message::set(set, &data), Duration::from_secs(1));
            assert_eq!((answer.flags, answer.error), (flags::RESPONSE | flags::ACK, 0), "{model:?} {set:#x}");
            assert_eq!(talk.get(get, &index), expected, "{model:?} {get:#x}");
            let longer = [data, vec![0; 70]].concat();
            assert_eq!(
                talk.refusal(set, &longer),
                if set == kinds::SET_HOT_PIXELS { 5 } else { error::LENGTH_MISMATCH },
                "{model:?} {set:#x}"
            );
            assert_eq!(talk.get(get, &index), expected, "{model:?} {set:#x}: a refused set changes nothing");
        }
    }
}

#[test]
fn messages_of_another_model_are_unknown_and_information_that_does_not_exist_is_called_so() {
    let cases: &[(ObpModel, u32, &[u8], u16)] = &[
        (ObpModel::Sts, kinds::BUFFERED_SPECTRUM, &[], error::UNKNOWN_TYPE),
        (ObpModel::Sts, kinds::COOLER_TEMPERATURE, &[], error::UNKNOWN_TYPE),
        (ObpModel::Sts, kinds::SET_LIGHT_SOURCE_ENABLE, &[0, 0, 1], error::UNKNOWN_TYPE),
        (ObpModel::Sts, kinds::ELECTRIC_DARK_PIXELS, &[], error::NO_INFORMATION),
        (ObpModel::Sts, kinds::IRRADIANCE_CALIBRATION, &[], error::NO_INFORMATION),
        (ObpModel::Sts, kinds::PARTIAL_SPECTRUM, &[], error::NOT_READY),
        (ObpModel::Sts, kinds::SET_PARTIAL_SPECTRUM, &[2, 0, 0, 4, 1, 0, 1, 0], error::DATA_INVALID),
        (ObpModel::Sts, kinds::SET_BINNING, &[4], error::DATA_INVALID),
        (ObpModel::Sts, kinds::USER_STRING, &[16], error::DATA_INVALID),
        (ObpModel::Sts, kinds::SET_HOT_PIXELS, &[0, 4, 0, 0], error::DATA_INVALID),
        (ObpModel::Sts, kinds::SET_PIN_LEVELS, &[0, 0, 0, 0, 16, 0, 0, 0], error::DATA_INVALID),
        (ObpModel::QePro, kinds::RAW_SPECTRUM, &[], error::UNKNOWN_TYPE),
        (ObpModel::QePro, kinds::BUFFERED_SPECTRUM, &[], error::NOT_READY),
        (ObpModel::QePro, kinds::SET_BUFFER_SIZE, &[0, 0, 0, 0], error::DATA_INVALID),
        (ObpModel::QePro, kinds::SET_INTEGRATION_TIME, &[0x3F, 0x1F, 0, 0], error::DATA_INVALID),
        (ObpModel::QePro, kinds::SET_COOLER_SETPOINT, &[0, 0, 0xC0, 0x7F], error::DATA_INVALID),
        (ObpModel::Ventana, kinds::LIGHT_SOURCE_ENABLE, &[1, 0], error::DATA_INVALID),
        (ObpModel::Ventana, kinds::SET_LIGHT_SOURCE_ENABLE, &[0, 0, 2], error::DATA_INVALID),
        (ObpModel::Ventana, kinds::SET_LIGHT_SOURCE_ENABLE, &[0, 0], error::LENGTH_MISMATCH),
    ];
    for (model, kind, data, number) in cases {
        assert_eq!(Talk::new(*model).refusal(*kind, data), *number, "{model:?} {kind:#x} {data:?}");
    }
}

#[test]
fn an_sts_sends_part_of_its_pixels_bins_them_waits_for_its_trigger_and_keeps_its_line_speed_when_told() {
    let mut talk = Talk::new(ObpModel::Sts);
    let set = |talk: &mut Talk, kind, data: &[u8]| assert_eq!(talk.refusal(kind, data), 0, "{kind:#x}");
    set(&mut talk, kinds::SET_INTEGRATION_TIME, &words(&[50_000]));
    set(&mut talk, kinds::SET_PARTIAL_SPECTRUM, &[2, 0, 100, 0, 1, 0, 10, 0]);
    assert_eq!(talk.get(kinds::PARTIAL_SPECTRUM, &[]).len(), 20);
    set(&mut talk, kinds::SET_BINNING, &[2]);
    assert_eq!(talk.get(kinds::RAW_SPECTRUM, &[]).len(), 2 * 256);
    set(&mut talk, kinds::SET_BINNING, &[0]);

    set(&mut talk, kinds::SET_TRIGGER_MODE, &[1]);
    let begun = talk.clock.now();
    talk.kit.spectrometer.write_all(&encode(&Message::query(kinds::RAW_SPECTRUM, &[])), begun).expect("sent");
    talk.clock.sleep(Duration::from_secs(5));
    assert_eq!(talk.get(kinds::IDLE, &[]), [0], "it waits");
    set(&mut talk, kinds::TRIGGER_PULSE, &[]);
    let mut buffer = [0; 512];
    let deadline = talk.clock.now() + Duration::from_secs(1);
    assert!(talk.kit.spectrometer.read_some(&mut buffer, deadline).is_ok(), "the pulse starts the exposure");

    let mut talk = Talk::new(ObpModel::Sts);
    set(&mut talk, kinds::SET_BAUD, &words(&[57_600]));
    set(&mut talk, kinds::RESET, &[]);
    assert_eq!(talk.get(kinds::BAUD, &[]), words(&[115_200]), "forgotten");
    set(&mut talk, kinds::SET_BAUD, &words(&[57_600]));
    set(&mut talk, kinds::SAVE_SERIAL_SETTINGS, &[]);
    set(&mut talk, kinds::RESET, &[]);
    assert_eq!(talk.get(kinds::BAUD, &[]), words(&[57_600]), "kept");
}

#[test]
fn a_qe_pro_numbers_its_buffered_spectra_and_cools_its_detector() {
    let mut talk = Talk::new(ObpModel::QePro);
    assert_eq!(talk.refusal(kinds::SET_INTEGRATION_TIME, &words(&[100_000])), 0);
    for expected in 1..=3_u32 {
        assert_eq!(talk.refusal(kinds::ACQUIRE_INTO_BUFFER, &[]), 0);
        talk.clock.sleep(Duration::from_millis(200));
        assert_eq!(talk.get(kinds::BUFFERED_COUNT, &[]), words(&[expected]));
    }
    assert_eq!(talk.refusal(kinds::REMOVE_OLDEST, &words(&[1])), 0);
    let spectrum = talk.get(kinds::BUFFERED_SPECTRUM, &[]);
    assert_eq!(spectrum.len(), 32 + 4 * 1_044);
    assert_eq!(spectrum[..4], words(&[2]), "the oldest that is left");
    assert_eq!(spectrum[12..16], words(&[100_000]));
    assert_eq!(talk.refusal(kinds::CLEAR_BUFFER, &[]), 0);
    assert_eq!(talk.get(kinds::BUFFERED_COUNT, &[]), words(&[0]));
    assert_eq!(talk.get(kinds::BUFFERED_SPECTRUM, &[])[..4], words(&[4]), "out of an empty buffer comes a fresh one");

    let celsius =
        |talk: &mut Talk| f32::from_le_bytes(talk.get(kinds::COOLER_TEMPERATURE, &[]).try_into().expect("four bytes"));
    assert_eq!((celsius(&mut talk), talk.get(kinds::COOLER_STABLE, &[])), (-10.0, vec![1]));
    assert_eq!(talk.refusal(kinds::SET_COOLER_SETPOINT, &words(&[(-20.0_f32).to_bits()])), 0);
    assert_eq!(talk.get(kinds::COOLER_STABLE, &[]), [0]);
    talk.clock.sleep(Duration::from_mins(3));
    assert!((celsius(&mut talk) + 20.0).abs() < 0.1 && talk.get(kinds::COOLER_STABLE, &[]) == [1]);
    talk.kit.spectrometer_faults.switch_on(Fault::TecUnstable);
    assert!(talk.get(kinds::COOLER_STABLE, &[]) == [0] && (celsius(&mut talk) + 20.0).abs() > 0.9);
}

fn connect(model: ObpModel, parts: &MemoryKit, clock: &Arc<dyn Clock>) -> Kit {
    let link = Box::new(parts.spectrometer.clone());
    if model == ObpModel::Ventana {
        let (spectrometer, laser) = ObpSpectrometer::open_with_laser(link, Arc::clone(clock)).expect("it answers");
        return Kit::from_parts(Box::new(spectrometer), Box::new(laser), EXCITATION_NM, Arc::clone(clock))
            .expect("a kit");
    }
    Kit::connect(link, Box::new(parts.laser.clone()), EXCITATION_NM, Arc::clone(clock)).expect("it answers")
}

fn acquire(kit: &mut Kit, cancelled: &dyn Fn() -> bool) -> Result<Acquisition, AnalyzerError> {
    kit.acquire(&ScanSettings::default(), cancelled, &mut |_| {}, &mut |_| {})
}

fn wait<'a>() -> Box<OnWait<'a>> {
    Box::new(|| ControlFlow::Continue(()))
}

#[test]
fn one_driver_measures_the_same_sample_with_every_model() {
    for (model, driver, saturation) in [
        (ObpModel::Sts, "obp-sts", 16_383),
        (ObpModel::QePro, "obp-qepro", 200_000),
        (ObpModel::Ventana, "obp-ventana", 65_535),
    ] {
        let (parts, clock) = bench(model);
        let scan = acquire(&mut connect(model, &parts, &clock), &|| false).unwrap_or_else(|e| panic!("{model:?}: {e}"));
        assert!(scan.spectrometer.driver.starts_with(driver) && scan.simulated, "{:?}", scan.spectrometer);
        assert_eq!((scan.dark.saturation_counts, scan.light.len()), (saturation, 3));
        assert!(!parts.bench.laser_shines(), "{model:?}");
        // The strongest point of the spectrum lies at the strongest band, off by no more than axis error and noise allow.
        let (axis, light) = (scan.spectrum.axis_cm1(), scan.spectrum.intensity());
        let near = |centre: f64| {
            axis.iter().zip(light).filter(move |(x, _)| (**x - centre).abs() < 60.0).map(|(x, y)| (*x, *y))
        };
        let (at, _) = near(1001.4).fold((0.0, f64::MIN), |best, point| if point.1 > best.1 { point } else { best });
        assert!((at - 1001.4).abs() < 5.0, "{model:?}: the line lies at {at}");
    }
}

#[test]
fn the_driver_reads_what_corrects_the_counts_and_the_state_of_the_cooler() {
    let (parts, clock) = bench(ObpModel::QePro);
    let link = Box::new(parts.spectrometer.clone());
    let mut device = ObpSpectrometer::open(link, clock).expect("it answers");
    let (unit, facts) = (parts.bench.unit(), device.detector_facts());
    assert_eq!(facts.nonlinearity_coefficients, unit.nonlinearity.map(f64::from));
    assert_eq!(facts.electric_dark_pixels, [0, 1, 2, 3, 1_040, 1_041, 1_042, 1_043]);
    let hot: Vec<usize> = unit.hot_pixels.iter().map(|(p, _)| *p).collect();
    assert!(!hot.is_empty() && hot.iter().all(|p| facts.bad_pixels.contains(p)));
    assert!((4..=9).chain(1_034..=1_039).all(|p| facts.bad_pixels.contains(&p)));
    let state = device.cooler(&mut *wait()).expect("an answer").expect("a cooler");
    assert!(state.stable && (state.detector_c - state.setpoint_c).abs() < 0.5, "{state:?}");
    parts.spectrometer_faults.switch_on(Fault::TecUnstable);
    assert!(!device.cooler(&mut *wait()).expect("an answer").expect("a cooler").stable);

    let (parts, clock) = bench(ObpModel::Sts);
    let mut device = ObpSpectrometer::open(Box::new(parts.spectrometer.clone()), clock).expect("it answers");
    assert_eq!(device.cooler(&mut *wait()), Ok(None));
    assert!(device.detector_facts().electric_dark_pixels.is_empty());
    assert_eq!(device.detector_facts().nonlinearity_coefficients.len(), 8);
}

fn ventana(parts: &MemoryKit, clock: &Arc<dyn Clock>) -> (ObpSpectrometer, VentanaLaser) {
    let link = Box::new(parts.spectrometer.clone());
    ObpSpectrometer::open_with_laser(link, Arc::clone(clock)).expect("it answers")
}

#[test]
fn the_laser_of_a_ventana_is_off_after_opening_and_dropping_and_unknown_without_an_answer() {
    let (parts, clock) = bench(ObpModel::Ventana);
    parts.bench.laser_on(clock.now());
    let (_spectrometer, mut laser) = ventana(&parts, &clock);
    assert!(!parts.bench.laser_shines(), "off on opening");
    assert_eq!(laser.state(&mut *wait()), LaserState::Off);
    parts.spectrometer_faults.switch_on(Fault::MissingReply);
    assert_eq!(laser.state(&mut *wait()), LaserState::Unknown);
    parts.bench.laser_on(clock.now());
    assert_eq!(laser.disable(), LaserState::Unknown, "the command may have arrived, but nobody says so");
    assert!(!parts.bench.laser_shines());
    parts.spectrometer_faults.clear();
    assert_eq!(laser.disable(), LaserState::Off);
    parts.bench.laser_on(clock.now());
    drop(laser);
    assert!(!parts.bench.laser_shines(), "off on dropping");

    let (parts, clock) = bench(ObpModel::Sts);
    let end = ObpSpectrometer::open_with_laser(Box::new(parts.spectrometer.clone()), clock);
    assert!(matches!(end.err(), Some(AnalyzerError::NoLaser { .. })), "an STS has no laser");
}

#[test]
fn a_ventana_that_says_off_while_it_shines_or_refuses_its_laser_gives_no_spectrum() {
    for fault in [Fault::OnButReadsOff, Fault::InterlockOpen] {
        let (parts, clock) = bench(ObpModel::Ventana);
        let mut kit = connect(ObpModel::Ventana, &parts, &clock);
        parts.spectrometer_faults.switch_on(fault);
        let end = acquire(&mut kit, &|| false);
        assert!(matches!(end, Err(AnalyzerError::LaserNotOn { .. } | AnalyzerError::Refused { .. })), "{end:?}");
        assert!(!parts.bench.laser_shines(), "{fault}");
        parts.spectrometer_faults.clear();
        assert!(acquire(&mut kit, &|| false).is_ok(), "{fault} cleared");
    }
}

#[test]
fn a_cancel_ends_within_200_ms_with_the_laser_off_on_the_wire_within_100_ms_on_every_model() {
    for model in MODELS {
        for moment_ms in (0..9_000).step_by(173) {
            let (parts, clock) = bench(model);
            let mut kit = connect(model, &parts, &clock);
            let cancel_at = clock.now() + Duration::from_millis(moment_ms);
            let end = acquire(&mut kit, &|| clock.now() >= cancel_at);
            if end.is_ok() {
                continue; // the scan was faster
            }
            assert_eq!(end, Err(AnalyzerError::Cancelled), "{model:?}, cancelled after {moment_ms} ms");
            let late = clock.now().saturating_sub(cancel_at);
            assert!(late <= Duration::from_millis(200), "{model:?}, cancelled after {moment_ms} ms, {late:?} later");
            assert!(!parts.bench.laser_shines(), "{model:?}, cancelled after {moment_ms} ms");
            let lines = parts.log.lines();
            let on = lines.iter().rposition(|l| l.1 == "matchbox e 1" || l.1 == "obp 810031 000001");
            if let Some(on) = on {
                let off = lines[on..].iter().find(|l| l.1 == "matchbox e 0" || l.1 == "obp 810031 000000");
                let on_wire = off.expect("off follows on").0.saturating_sub(cancel_at);
                assert!(on_wire <= Duration::from_millis(100), "{model:?}: off {on_wire:?} after {moment_ms} ms");
            }
        }
    }
}

#[test]
fn a_lost_answer_costs_one_question_and_a_set_is_never_sent_twice() {
    let sets = |parts: &MemoryKit| {
        let text = format!("obp {:06x}", kinds::SET_INTEGRATION_TIME);
        parts.log.lines().iter().filter(|l| l.1.starts_with(&text)).count()
    };
    for model in MODELS {
        let (parts, clock) = bench(model);
        let mut device = ObpSpectrometer::open(Box::new(parts.spectrometer.clone()), clock).expect("it answers");
        let on_wait = &mut *wait();
        for fault in [Fault::MissingReply, Fault::WrongFooter, Fault::WrongType, Fault::WrongChecksum] {
            parts.spectrometer_faults.switch_on_times(fault, 1);
            assert!(device.temperatures_c(on_wait).is_ok(), "{model:?}: {fault} mended by asking again");
            device.prepare(50_000, 1, on_wait).expect("prepared");
            // The third answer from here is that of a set.
            for nth in 1..16 {
                let before = sets(&parts);
                let faults = parts.spectrometer_faults.clone();
                let mut answers = 0;
                let end = device.prepare(50_000, 1, &mut || {
                    answers += 1;
                    if answers == nth {
                        faults.switch_on_times(fault, 1);
                    }
                    ControlFlow::Continue(())
                });
                assert_eq!(sets(&parts), before + 1, "{model:?}: {fault} at {nth}");
                assert_eq!(end, Ok(()), "{model:?}: {fault} at {nth}");
                faults.clear();
            }
            assert!(device.acquire(on_wait).is_ok(), "{model:?}: {fault}");
        }
    }
}

#[test]
fn a_restarted_device_is_found_again_another_one_is_refused_and_a_dead_one_is_lost_until_it_answers() {
    for model in MODELS {
        let (parts, clock) = bench(model);
        let mut kit = connect(model, &parts, &clock);
        parts.spectrometer_faults.switch_on_times(Fault::ResetBetweenCommands, 1);
        assert!(acquire(&mut kit, &|| false).is_ok(), "{model:?}: restarted before the scan");

        parts.spectrometer_faults.switch_on(Fault::OtherSerial);
        let end = acquire(&mut kit, &|| false);
        assert!(matches!(end, Err(AnalyzerError::OtherDevice { .. })), "{model:?}: {end:?}");
        assert!(end.is_err_and(|e| e.loses_the_kit()));
        parts.spectrometer_faults.clear();
        assert!(acquire(&mut kit, &|| false).is_ok(), "{model:?}: the right one is back");

        parts.spectrometer_faults.switch_on(Fault::MissingReply);
        let began = clock.now();
        let end = acquire(&mut kit, &|| false).expect_err("nothing answers");
        assert!(end.loses_the_kit(), "{model:?}: {end:?}");
        assert!(clock.now().saturating_sub(began) < Duration::from_secs(12), "{model:?}: given up in time");
        parts.spectrometer_faults.clear();
        assert!(!parts.bench.laser_shines() && acquire(&mut kit, &|| false).is_ok(), "{model:?}: it answers again");
    }
}

#[test]
fn a_restart_in_the_middle_of_a_scan_never_gives_a_spectrum_of_other_settings() {
    for model in MODELS {
        for nth in 0..60 {
            let (parts, clock) = bench(model);
            let mut kit = connect(model, &parts, &clock);
            let faults = parts.spectrometer_faults.clone();
            let count = std::cell::Cell::new(0);
            let end = acquire(&mut kit, &|| {
                count.set(count.get() + 1);
                if count.get() == 1 + nth * 5 {
                    faults.switch_on_times(Fault::ResetBetweenCommands, 1);
                }
                false
            });
            assert!(!parts.bench.laser_shines(), "{model:?} {nth}");
            if let Ok(scan) = end {
                let mean = |counts: &[u32]| counts.iter().map(|c| f64::from(*c)).sum::<f64>() / counts.len() as f64;
                let dark = mean(&scan.dark.counts);
                assert!(scan.light.iter().all(|l| mean(&l.counts) > 1.02 * dark), "{model:?} {nth}: dark {dark}");
            }
            faults.clear();
            assert!(acquire(&mut kit, &|| false).is_ok(), "{model:?} {nth}: the next scan");
        }
    }
}

#[cfg(unix)]
#[test]
fn a_scan_of_a_box_with_its_own_laser_is_made_over_one_port_and_recorded() {
    use std::process::Command;

    use super::foreign_client::{TALK_LIMIT, emulator, run};

    let folder = tempfile::tempdir().expect("a folder");
    let log = folder.path().join("heard.log");
    let (_emulator, port) = emulator("obp-ventana", &["--log", &log.display().to_string()]);
    let mut scan = Command::new(env!("CARGO_BIN_EXE_parcelscope"));
    scan.arg("--data-dir").arg(folder.path()).args(["scan", "--json", "--port", &port, "--laser-port", &port]);
    let said = run(&mut scan, TALK_LIMIT).expect("a scan");
    let answer: serde_json::Value = serde_json::from_str(&said).expect("a document");
    assert_eq!((&answer["acknowledged"], &answer["simulated"]), (&true.into(), &true.into()), "{answer}");
    assert_eq!(answer["candidates"][0]["substance"], "sucrose", "{answer}");
    let heard = std::fs::read_to_string(&log).expect("the emulator's log");
    let laser: Vec<&str> = heard.lines().filter_map(|l| l.split_once(" obp 810031 ")).map(|l| l.1).collect();
    assert_eq!(laser.first(), Some(&"000000"), "off first");
    assert_eq!(laser.last(), Some(&"000000"), "off last");
    assert!(laser.contains(&"000001"));
}

#[cfg(unix)]
#[test]
fn the_laser_of_a_ventana_is_commanded_off_within_a_second_when_the_program_is_killed() {
    use std::process::{Command, Stdio};
    use std::time::Instant;

    use super::foreign_client::{Killed, TALK_LIMIT, emulator};

    let folder = tempfile::tempdir().expect("a folder");
    let log = folder.path().join("heard.log");
    let (_emulator, port) = emulator("obp-ventana", &["--log", &log.display().to_string()]);
    let mut scan = Command::new(env!("CARGO_BIN_EXE_parcelscope"));
    scan.arg("--data-dir").arg(folder.path()).args(["scan", "--port", &port, "--laser-port", &port]);
    let mut scan = Killed(scan.stdout(Stdio::null()).stderr(Stdio::null()).spawn().expect("the scan starts"));
    let last_command = || {
        let heard = std::fs::read_to_string(&log).unwrap_or_default();
        heard.lines().filter_map(|l| l.split_once(" obp 810031 ")).map(|l| l.1.to_owned()).next_back()
    };
    let wait_for = |command: &str, limit: Duration| {
        let start = Instant::now();
        while last_command().as_deref() != Some(command) {
            assert!(start.elapsed() < limit, "no {command} within {limit:?}, but {:?}", last_command());
            std::thread::sleep(Duration::from_millis(10));
        }
        start.elapsed()
    };
    wait_for("000001", TALK_LIMIT);
    scan.0.kill().expect("killed");
    // One second on a quiet machine; tests share theirs with others.
    let took = wait_for("000000", Duration::from_secs(3));
    println!("off {took:?} after kill -9");
}
