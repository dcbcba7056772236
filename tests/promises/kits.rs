//! A kit is set up once and found again by who it is; what another unit says is not taken for it; the laser stays off.

use std::path::Path;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use parcelscope::analyzer::emulator::{
    Bench, Cobolt, Device, Faults, FaultyWire, Gap, Log, MatchBox, MemoryLink, NirSample, NirScan, NirWindow, Obis,
    ObpDevice, ObpModel, ObpUnit, OceanLetter, Ondax, PtyHost, Traffic, Wasatch, WasatchForm,
};
use parcelscope::analyzer::laser::LaserSetup;
use parcelscope::analyzer::nirscan::absorbance;
use parcelscope::analyzer::obp::codec::Checksum;
use parcelscope::analyzer::probe::{ProbedProtocol, probe};
use parcelscope::analyzer::{
    CheckState, Clock, PortListing, PreviewSettings, SpectrometerSetup, SystemClock, UsbDevice, VirtualClock,
};
use parcelscope::casebook::{Casebook, StoredScan, Subject};
use parcelscope::library::Library;
use parcelscope::session::{
    CheckPolicy, Command, Connection, Event, KitChoice, KitFinding, KitId, KitMeasurement, KitName, KitParts, KitShelf,
    ProbeOutcome, Refused, Session, SessionConfig, casebook_path, read_kit_records, sample_from_name, standard_sample,
};
use parcelscope::signal::calibration::Standards;
use parcelscope::spectrum::Technique;

use super::nirscan::Silent;

const PATIENCE: Duration = Duration::from_mins(1);

/// An emulated kit on pseudo-terminals whose adapters have the serial numbers `A-<unit>` and `B-<unit>`.
struct Unit {
    /// Number in the serial numbers of the adapters.
    adapters: u64,
    bench: Bench,
    spectrometer: PtyHost,
    laser: PtyHost,
    spectrometer_faults: Faults,
    laser_faults: Faults,
    /// What the laser was told.
    log: Log,
}

impl Unit {
    fn start(serial: u64) -> Self {
        let library = Library::bundled().unwrap();
        let sample = sample_from_name(&library, "sucrose").unwrap();
        let bench = Bench::with_detector(serial, Gap::MEASURED, sample, ObpModel::Sts.detector());
        let (spectrometer_faults, laser_faults) = (Faults::default(), Faults::default());
        let log = Log::default();
        let unit = ObpUnit { model: ObpModel::Sts, serial_number: serial, checksum: Checksum::None, baud: 9_600 };
        let device = ObpDevice::new(unit, bench.clone(), Log::default(), spectrometer_faults.clone());
        let light_bench = bench.clone();
        let light = MatchBox::new(bench, serial, log.clone(), laser_faults.clone());
        let clock = Arc::new(SystemClock::start());
        let wire = FaultyWire::new(device, Traffic::Spectra, spectrometer_faults.clone(), serial);
        let spectrometer = PtyHost::start("spectrometer", wire, clock.clone()).unwrap();
        let wire = FaultyWire::new(light, Traffic::ShortReplies, laser_faults.clone(), serial);
        let laser = PtyHost::start("laser", wire, clock).unwrap();
        Self { adapters: serial, bench: light_bench, spectrometer, laser, spectrometer_faults, laser_faults, log }
    }

    fn ports(&self) -> Vec<PortListing> {
        let port = |name: Option<String>, adapter: &str| {
            let usb = UsbDevice {
                vendor: 0x0403,
                product: 0x6001,
                serial: Some(format!("{adapter}-{}", self.adapters)),
                title: None,
            };
            name.map(|name| PortListing { name, usb: Some(usb) })
        };
        [port(self.spectrometer.present_path(), "A"), port(self.laser.present_path(), "B")]
            .into_iter()
            .flatten()
            .collect()
    }

    fn choice(&self) -> KitChoice {
        KitChoice::Ports {
            spectrometer: self.spectrometer.present_path().unwrap(),
            spectrometer_setup: SpectrometerSetup::Obp,
            laser: self.laser.present_path().unwrap(),
            laser_setup: LaserSetup::default(),
            excitation_nm: 785.0,
            laser_power_mw: None,
        }
    }
}

/// What the machine says of its ports; the test changes it.
type Listing = Arc<Mutex<Vec<PortListing>>>;

fn session(dir: &Path, kit: KitChoice, listing: &Listing) -> Session {
    let listing = Arc::clone(listing);
    let ports = Box::new(move || Ok(listing.lock().unwrap().clone()));
    Session::start(SessionConfig::new(dir.to_owned(), kit).with_ports(ports)).unwrap()
}

fn until<T>(session: &Session, what: &str, mut wanted: impl FnMut(&Event) -> Option<T>) -> T {
    let end = Instant::now() + PATIENCE;
    let mut seen = Vec::new();
    while Instant::now() < end {
        if let Some(event) = session.recv_timeout(Duration::from_millis(20)) {
            if let Some(found) = wanted(&event) {
                return found;
            }
            if !matches!(event, Event::Answered(_) | Event::Saved(_) | Event::Preview(_)) {
                seen.push(format!("{event:?}").chars().take(300).collect::<String>());
            }
        }
    }
    panic!("no {what} came; instead: {}", seen.join("\n"));
}

fn ready(session: &Session) -> Option<KitId> {
    until(session, "ready kit", |e| match e {
        Event::Connection(Connection::Ready(status)) => Some(status.saved.clone()),
        _ => None,
    })
}

fn save(session: &Session, name: &str, kit: KitChoice) -> KitId {
    session.send(Command::SaveKit { name: KitName::new(name).unwrap(), kit }).unwrap();
    until(session, "saved kit", |e| match e {
        Event::KitSaved(id) => Some(id.clone()),
        Event::KitTrouble(why) => panic!("{why}"),
        _ => None,
    })
}

fn lost(session: &Session) -> String {
    until(session, "lost kit", |e| match e {
        Event::Connection(Connection::Lost(why)) => Some(why.clone()),
        _ => None,
    })
}

#[test]
fn a_kit_is_set_up_once_and_found_again_under_other_port_names() {
    let dir = tempfile::tempdir().unwrap();
    let unit = Unit::start(3);
    let listing: Listing = Arc::new(Mutex::new(unit.ports()));
    let emulator = KitChoice::Emulator { sample: "sucrose".to_owned(), seed: 1, virtual_time: true };
    let first = session(dir.path(), emulator.clone(), &listing);
    first.send(Command::ProbePorts(unit.ports().into_iter().map(|p| p.name).collect())).unwrap();
    let mut answers = Vec::new();
    until(&first, "end of the probe", |e| match e {
        Event::Probed(probed) => {
            let ProbeOutcome::Answered(answered) = &probed.outcome else { panic!("{probed:?}") };
            answers.push(answered.protocol.words());
            None
        }
        Event::ProbeEnded => Some(()),
        _ => None,
    });
    assert_eq!(answers, ["spectrometer with the Ocean Binary Protocol", "MatchBox laser"]);
    let id = save(&first, "Gate 4", unit.choice());
    drop(first);
    let shelf = KitShelf::of(dir.path());
    assert_eq!(shelf.choices.in_use, Some(id.clone()), "it is remembered");
    assert!(shelf.trouble.is_empty(), "{:?}", shelf.trouble);
    assert_eq!(shelf.find(" gate 4 ").unwrap().id(), id);

    // Both cables go to other ports; something else takes the old name of the spectrometer.
    let old = unit.spectrometer.present_path().unwrap();
    unit.spectrometer_faults.unplug();
    unit.laser_faults.unplug();
    wait_for(|| unit.ports().is_empty());
    let other = Unit::start(4);
    unit.spectrometer_faults.plug_in();
    unit.laser_faults.plug_in();
    wait_for(|| unit.ports().len() == 2);
    let told = unit.log.lines().len();
    println!("was at {old}, is at {:?}", unit.spectrometer.present_path());
    *listing.lock().unwrap() = [other.ports(), unit.ports()].concat();
    let again = session(dir.path(), KitChoice::Saved(id.clone()), &listing);
    assert_eq!(ready(&again), Some(id.clone()));
    let after: Vec<String> = unit.log.lines().into_iter().skip(told).map(|(_, line)| line).collect();
    assert!(after.iter().all(|line| !line.contains("e 1")), "connecting switches nothing on: {after:?}");
    again.send(Command::Scan { parcel: "1".to_owned(), subject: Subject::default() }).unwrap();
    let serial = until(&again, "saved scan", |e| match e {
        Event::Saved(scan) => Some(scan.record.acquisition.spectrometer.serial.clone()),
        Event::Failed(why) => panic!("{why}"),
        _ => None,
    });
    assert_eq!(KitId(serial), id);

    again.send(Command::ForgetKit(id.clone())).unwrap();
    assert!(lost(&again).contains("forgotten"));
    drop(again);
    assert!(KitShelf::of(dir.path()).kits.is_empty());
}

/// Follows a scan to its end: the record, or the sentence why there is none.
fn scan(session: &Session) -> Result<Arc<StoredScan>, String> {
    session.send(Command::Scan { parcel: String::new(), subject: Subject::default() }).unwrap();
    until(session, "end of the scan", |e| match e {
        Event::Saved(scan) => Some(Ok(Arc::clone(scan))),
        Event::Failed(why) => Some(Err(why.clone())),
        _ => None,
    })
}

fn told(log: &Log, what: &str) -> usize {
    log.lines().iter().filter(|(_, line)| line.contains(what)).count()
}

#[test]
fn a_kit_that_is_unplugged_in_a_scan_says_so_and_is_connected_again_elsewhere_without_light() {
    let dir = tempfile::tempdir().unwrap();
    let unit = Unit::start(5);
    let listing: Listing = Arc::new(Mutex::new(unit.ports()));
    let emulator = KitChoice::Emulator { sample: "sucrose".to_owned(), seed: 1, virtual_time: true };
    let session = session(dir.path(), emulator, &listing);
    let id = save(&session, "Van", unit.choice());
    for faults in [&unit.spectrometer_faults, &unit.laser_faults] {
        let (before, lit) = (unit.ports(), told(&unit.log, "e 1"));
        session.send(Command::Scan { parcel: String::new(), subject: Subject::default() }).unwrap();
        wait_for(|| told(&unit.log, "e 1") > lit);
        faults.unplug();
        let why = until(&session, "end of the scan", |e| match e {
            Event::Failed(why) => Some(why.clone()),
            Event::Saved(_) | Event::Answered(_) => panic!("half a scan was taken"),
            _ => None,
        });
        println!("{why}");
        // A laser that is out of reach was told to go off and cannot say that it did.
        assert!(why.contains("was unplugged") || why.contains("treat it as on"), "{why}");
        wait_for(|| unit.ports().len() == 1);
        let lit = told(&unit.log, "e 1");
        // The freed name goes to another program's terminal, so that the kit must come back under a new one.
        let taken: Vec<_> = (0..32).map(|_| nix::pty::openpty(None, None).unwrap()).collect();
        *listing.lock().unwrap() = unit.ports();
        faults.plug_in();
        wait_for(|| unit.ports().len() == 2);
        assert_ne!(unit.ports(), before, "it has another port name");
        *listing.lock().unwrap() = unit.ports();
        assert_eq!(ready(&session), Some(id.clone()));
        drop(taken);
        assert_eq!(told(&unit.log, "e 1"), lit, "coming back switches nothing on");
    }
    let lit = told(&unit.log, "e 1");
    assert_eq!(KitId(scan(&session).unwrap().record.acquisition.spectrometer.serial.clone()), id);
    // A whole scan shines twice: for the probes that choose the exposure, and for the exposures.
    assert_eq!(told(&unit.log, "e 1"), lit + 2);
}

#[test]
fn another_unit_behind_the_same_adapters_is_refused_until_it_is_set_up() {
    let dir = tempfile::tempdir().unwrap();
    let unit = Unit::start(6);
    let listing: Listing = Arc::new(Mutex::new(unit.ports()));
    let emulator = KitChoice::Emulator { sample: "sucrose".to_owned(), seed: 1, virtual_time: true };
    let session = session(dir.path(), emulator, &listing);
    let id = save(&session, "Van", unit.choice());
    unit.spectrometer_faults.unplug();
    unit.laser_faults.unplug();
    lost(&session);
    let other = Unit { adapters: 6, ..Unit::start(7) };
    *listing.lock().unwrap() = other.ports();
    let why = until(&session, "refusal", |e| match e {
        Event::Connection(Connection::Lost(why)) if why.contains("another unit") => Some(why.clone()),
        Event::Connection(Connection::Ready(status)) => panic!("it was taken: {status:?}"),
        _ => None,
    });
    assert!(why.contains("000007") && why.contains("000006"), "{why}");
    assert!(scan(&session).unwrap_err().contains("another unit"));
    assert_eq!(told(&other.log, "e 1"), 0, "its laser stayed off");
    let second = save(&session, "Van 2", other.choice());
    assert_ne!(second, id);
    assert!(scan(&session).is_ok());
}

#[test]
fn a_calibration_is_applied_to_every_scan_and_a_kit_without_a_valid_check_is_stamped_or_refused() {
    let dir = tempfile::tempdir().unwrap();
    let unit = Unit::start(8);
    let listing: Listing = Arc::new(Mutex::new(unit.ports()));
    let emulator = KitChoice::Emulator { sample: "sucrose".to_owned(), seed: 1, virtual_time: true };
    let session = session(dir.path(), emulator, &listing);
    let id = save(&session, "Lab", unit.choice());

    let stamped = scan(&session).unwrap();
    assert_eq!(stamped.record.acquisition.conditions.check, CheckState::Never);
    assert!(stamped.record.answer.quality.problems.iter().any(|p| p.starts_with("unverified")));
    assert_eq!(stamped.record.acquisition.conditions.correction, None);
    let strict = CheckPolicy { refuse_unverified: true, ..CheckPolicy::default() };
    session.send(Command::SetCheckPolicy(strict)).unwrap();
    let lights = told(&unit.log, "e 1");
    assert!(scan(&session).unwrap_err().contains("never checked"));
    assert_eq!(told(&unit.log, "e 1"), lights, "refused before the laser");
    assert!(KitShelf::of(dir.path()).choices.policy.refuse_unverified, "the policy is kept");

    let (library, standards) = (Library::bundled().unwrap(), Standards::bundled().unwrap());
    unit.bench.set_sample(standard_sample(&library, &standards, "polystyrene").unwrap());
    let measure = |measurement| {
        session.send(Command::Measure(measurement)).unwrap();
        until(&session, "measured standard", |e| match e {
            Event::Measured(measured) => Some((**measured).clone()),
            Event::Failed(why) => panic!("{why}"),
            _ => None,
        })
    };
    let standard = "polystyrene".to_owned();
    let calibrate = || measure(KitMeasurement::Calibrate { standard: standard.clone(), with_earlier: false });
    let answer = |wish| {
        session.send(wish).unwrap();
        until(&session, "the same again", |e| match e {
            Event::Measured(measured) => Some((**measured).clone()),
            Event::KitTrouble(why) => panic!("{why}"),
            _ => None,
        })
    };
    let records = || read_kit_records(dir.path(), &id.0).unwrap().records;
    let shown = calibrate();
    assert!(!shown.kept && records().is_empty(), "what is only shown is not kept");
    let discarded = answer(Command::DiscardCalibration);
    assert!(discarded.kept, "that it was discarded is on record");
    assert_eq!(discarded.record.finding, KitFinding::Discarded { found: Box::new(shown.record.finding) });
    assert_eq!(records(), std::slice::from_ref(&discarded.record));
    assert_eq!(read_kit_records(dir.path(), &id.0).unwrap().correction(), None, "it corrects nothing");
    for nothing_waits in [Command::KeepCalibration, Command::DiscardCalibration] {
        session.send(nothing_waits).unwrap();
        let why = until(&session, "trouble", |e| match e {
            Event::KitTrouble(why) => Some(why.clone()),
            _ => None,
        });
        assert!(why.contains("No calibration waits"), "{why}");
    }
    let shown = calibrate();
    let axis = answer(Command::KeepCalibration);
    assert_eq!((&axis.record, axis.kept), (&shown.record, true));
    assert!(matches!(axis.record.finding, KitFinding::Axis { .. }), "{:?}", axis.record.finding.words());
    assert_eq!(axis.record.laser.as_deref(), Some("000008"));
    let check = measure(KitMeasurement::Check { standard: standard.clone(), stricter_cm1: None });
    assert!(check.kept, "a check is kept at once");
    println!("{}; {}", axis.record.finding.words(), check.record.finding.words());
    assert!(check.check.is_verified(), "{:?}", check.check);

    let verified = scan(&session).unwrap();
    let conditions = &verified.record.acquisition.conditions;
    assert!(matches!(conditions.check, CheckState::Passed { .. }), "{:?}", conditions.check);
    let correction = conditions.correction.as_ref().expect("it is recorded");
    let KitFinding::Axis { fit, .. } = &axis.record.finding else {
        panic!("the axis was calibrated, not {:?}", axis.record.finding)
    };
    assert_eq!(correction.axis.as_ref(), Some(&fit.correction));
    assert!(correction.sources.iter().any(|s| s.contains("polystyrene")), "{:?}", correction.sources);
    assert!(!verified.record.answer.quality.problems.iter().any(|p| p.starts_with("unverified")));

    session.send(Command::ShowKitHistory(id.clone())).unwrap();
    let history = until(&session, "history", |e| match e {
        Event::KitHistory { history, .. } => Some(Arc::clone(history)),
        _ => None,
    });
    assert_eq!(history.records, [discarded.record, axis.record, check.record]);
}

#[test]
fn a_preview_shows_frames_and_ends_with_the_laser_off() {
    let dir = tempfile::tempdir().unwrap();
    let unit = Unit::start(9);
    let listing: Listing = Arc::new(Mutex::new(unit.ports()));
    let session = session(dir.path(), unit.choice(), &listing);
    ready(&session);
    session.send(Command::Preview(PreviewSettings::default())).unwrap();
    let mut frames = 0;
    until(&session, "end of the preview", |e| match e {
        Event::Preview(frame) => {
            assert!(frame.axis_cm1.len() == frame.counts.len() && frame.fill > 0.0);
            frames += 1;
            if frames == 3 {
                assert!(matches!(
                    session.send(Command::Scan { parcel: String::new(), subject: Subject::default() }),
                    Err(Refused::ScanRunning)
                ));
                session.send(Command::Cancel).unwrap();
            }
            None
        }
        Event::PreviewEnded => Some(()),
        Event::Failed(why) => panic!("{why}"),
        _ => None,
    });
    let lines = unit.log.lines();
    let last = |what: &str| lines.iter().rposition(|(_, line)| line.contains(what));
    assert!(frames >= 3 && last("e 0") > last("e 1"), "{lines:?}");
}

#[test]
fn a_near_infrared_scan_stands_on_the_stored_white_reference_and_names_nothing() {
    let dir = tempfile::tempdir().unwrap();
    let window = NirWindow::new(NirSample::White);
    let device = NirScan::new(window.clone(), 11, Log::default(), Faults::default());
    let host = PtyHost::start("scanner", device, Arc::new(SystemClock::start())).unwrap();
    let listing: Listing = Arc::default();
    let choice = KitChoice::Nir { port: host.path().to_owned() };
    let first = session(dir.path(), choice.clone(), &listing);
    ready(&first);
    let id = save(&first, "NIR", choice);
    assert!(scan(&first).unwrap_err().contains("white reference"));
    first.send(Command::Measure(KitMeasurement::White)).unwrap();
    until(&first, "white reference", |e| match e {
        Event::Measured(measured) => {
            assert!(measured.record.finding.words().contains("white standard"));
            Some(())
        }
        Event::Failed(why) => panic!("{why}"),
        _ => None,
    });
    drop(first);
    window.lay(NirSample::from_name("a powder"));
    // The reference is there at the next start.
    let second = session(dir.path(), KitChoice::Saved(id), &listing);
    ready(&second);
    let stored = scan(&second).unwrap();
    let record = &stored.record;
    assert_eq!(record.answer.verdict.rule(), "no-nir-library");
    assert_eq!(record.acquisition.spectrum.technique(), Technique::Nir);
    assert!(record.answer.candidates.is_empty() && record.answer.identified.is_empty());
    let nir = record.acquisition.conditions.nir.as_ref().expect("what it was computed from is recorded");
    let again = absorbance(&nir.reference, &nir.sample, "record").unwrap();
    assert_eq!(again, record.acquisition.spectrum, "stored scans give the same spectrum again");
    assert!(Casebook::open(&casebook_path(dir.path())).unwrap().load(stored.id).unwrap() == *stored);
}

/// Who answers a probe, at which line speed, with which serial number; and the device.
type Probed = (ProbedProtocol, u32, Option<&'static str>, Box<dyn Device>);

#[test]
fn a_probe_knows_every_device_that_there_is_a_driver_for_and_its_line_speed() {
    let library = Library::bundled().unwrap();
    let bench =
        || Bench::with_detector(3, Gap::NONE, sample_from_name(&library, "sucrose").unwrap(), ObpModel::Sts.detector());
    let (log, none) = (Log::default, Faults::default);
    let letter_bench = Bench::with_detector(
        3,
        Gap::NONE,
        sample_from_name(&library, "sucrose").unwrap(),
        parcelscope::analyzer::emulator::Detector::LETTER,
    );
    let module = Wasatch::bench(3, Gap::NONE, sample_from_name(&library, "sucrose").unwrap());
    let obp = |model| {
        let unit = ObpUnit { model, serial_number: 3, checksum: Checksum::None, baud: 115_200 };
        Box::new(ObpDevice::new(unit, bench(), log(), none())) as Box<dyn Device>
    };
    let devices: Vec<Probed> = vec![
        (ProbedProtocol::Obp, 115_200, Some("EMU00003"), obp(ObpModel::Sts)),
        (ProbedProtocol::Obp, 115_200, Some("EMU00003"), obp(ObpModel::QePro)),
        (ProbedProtocol::Obp, 115_200, Some("EMU00003"), obp(ObpModel::Ventana)),
        (ProbedProtocol::Wasatch, 921_600, None, Box::new(Wasatch::new(WasatchForm::new(3), module, log(), none()))),
        (
            ProbedProtocol::Nirscan,
            115_200,
            Some("EMU0003"),
            Box::new(NirScan::new(NirWindow::new(NirSample::White), 3, log(), none())),
        ),
        (ProbedProtocol::MatchBox, 115_200, Some("000003"), Box::new(MatchBox::new(bench(), 3, log(), none()))),
        (ProbedProtocol::Obis, 115_200, Some("000003"), Box::new(Obis::new(bench(), 3, log(), none()))),
        (ProbedProtocol::Cobolt, 115_200, Some("000003"), Box::new(Cobolt::new(bench(), 3, log(), none()))),
        (ProbedProtocol::Ondax, 19_200, Some("EMU000003"), Box::new(Ondax::new(bench(), 3, log(), none()))),
        (ProbedProtocol::OceanLetter, 9_600, None, Box::new(OceanLetter::new(letter_bench, 3, log(), none()))),
    ];
    // As on a real line: whatever is said at another speed is garbled both ways, and half of a question may lie in the
    // device when its own comes.
    for (protocol, baud, serial, device) in devices {
        let clock: Arc<dyn Clock> = Arc::new(VirtualClock::default());
        let wire = FaultyWire::new(device, Traffic::ShortReplies, none(), 3).minding_speed();
        let mut link = MemoryLink::new("probed", wire, Arc::clone(&clock));
        let answered = probe(&mut link, clock.as_ref()).unwrap().unwrap_or_else(|| panic!("{protocol:?} is silent"));
        println!("{answered:?} after {:.1} s", clock.now().as_secs_f64());
        assert_eq!((answered.protocol, answered.baud), (protocol, baud));
        assert!(answered.serial.as_deref() == serial || protocol == ProbedProtocol::Nirscan, "{answered:?}");
    }
}

#[test]
fn a_cancel_ends_the_asking_of_a_silent_port_and_the_saving_of_a_kit_within_200_ms() {
    let dir = tempfile::tempdir().unwrap();
    let emulator = KitChoice::Emulator { sample: "sucrose".to_owned(), seed: 1, virtual_time: true };
    let silent = PtyHost::start("silent", Silent, Arc::new(SystemClock::start())).unwrap();
    let unit = Unit::start(31);
    let session = session(dir.path(), emulator, &Arc::new(Mutex::new(unit.ports())));
    let ended = |session: &Session, what: &str| {
        let cancelled = Instant::now();
        session.send(Command::Cancel).unwrap();
        until(session, what, |e| match e {
            Event::ProbeEnded => Some(String::new()),
            Event::KitTrouble(why) => Some(why.clone()),
            Event::KitSaved(id) => panic!("{id} was saved"),
            _ => None,
        });
        cancelled.elapsed()
    };
    let mut longest = Duration::ZERO;
    // The asking of a silent port takes ten seconds; the opening of a spectrometer that is not there three.
    for wait in [40, 700, 1_900, 2_600].map(Duration::from_millis) {
        session.send(Command::ProbePorts(vec![silent.path().to_owned()])).unwrap();
        std::thread::sleep(wait);
        longest = longest.max(ended(&session, "end of the asking"));
        for laser_is_there in [true, false] {
            let mut kit = unit.choice();
            if let KitChoice::Ports { spectrometer, laser, .. } = &mut kit {
                let place = if laser_is_there { spectrometer } else { laser };
                silent.path().clone_into(place);
            }
            unit.bench.laser_on(Duration::ZERO);
            let name = KitName::new("never").unwrap();
            session.send(Command::SaveKit { name, kit }).unwrap();
            std::thread::sleep(wait);
            longest = longest.max(ended(&session, "end of the saving"));
            if laser_is_there && wait > Duration::from_millis(500) {
                wait_for(|| !unit.bench.laser_shines());
            }
        }
    }
    println!(
        "cancel of asking and saving at a silent port: at most {} ms (n=12, pseudo-terminals)",
        longest.as_millis()
    );
    assert!(longest < Duration::from_millis(200), "{longest:?}");
    assert!(KitShelf::of(dir.path()).kits.is_empty());
}

fn wait_for(mut met: impl FnMut() -> bool) {
    let end = Instant::now() + PATIENCE;
    while !met() {
        assert!(Instant::now() < end, "it did not happen");
        std::thread::sleep(Duration::from_millis(5));
    }
}

#[test]
fn the_laser_power_of_a_saved_kit_is_set_read_back_kept_and_refused_where_the_laser_does_not_take_it() {
    let dir = tempfile::tempdir().unwrap();
    let unit = Unit::start(8);
    let listing: Listing = Arc::new(Mutex::new(unit.ports()));
    let session = session(dir.path(), unit.choice(), &listing);
    ready(&session);
    let trouble = |session: &Session| {
        until(session, "trouble", |e| if let Event::KitTrouble(why) = e { Some(why.clone()) } else { None })
    };
    session.send(Command::SetLaserPower(Some(40.0))).unwrap();
    let why = trouble(&session);
    assert!(why.contains("saved kit"), "{why}");
    let id = save(&session, "Gate 4", unit.choice());
    let kept = || match &KitShelf::of(dir.path()).get(&id).unwrap().parts {
        KitParts::Raman { laser_power_mw, .. } => *laser_power_mw,
        KitParts::Nir { .. } => None,
    };
    assert_eq!(kept(), None);
    session.send(Command::SetLaserPower(Some(40.0))).unwrap();
    let read_back = until(&session, "power", |e| match e {
        Event::Connection(Connection::Ready(status)) => status.laser_power?.set_mw.filter(|mw| (mw - 40.0).abs() < 0.3),
        Event::KitTrouble(why) => panic!("{why}"),
        _ => None,
    });
    println!("40 mW wanted, {read_back} mW read back (n=1, emulated MatchBox)");
    assert_eq!(kept(), Some(40.0));
    assert!(!unit.log.lines().iter().any(|(_, line)| line.contains("e 1")), "nothing was switched on");
    // More than this laser gives, and more than any kit has.
    for too_much in [900.0, 5_000.0, f64::NAN] {
        session.send(Command::SetLaserPower(Some(too_much))).unwrap();
        let why = trouble(&session);
        assert!(why.contains("laser power"), "{why}");
        assert_eq!(kept(), Some(40.0), "{too_much}");
    }
    let record = scan(&session).unwrap();
    let set = record.record.acquisition.conditions.laser_power.unwrap().set_mw.unwrap();
    assert!((set - 40.0).abs() < 0.3, "what was kept is what scans have: {set}");
}
