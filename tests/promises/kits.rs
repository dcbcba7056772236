//! A kit is set up once and found again by who it is; what another unit says is not taken for it; the laser stays off.

use std::path::Path;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use parcelscope::analyzer::emulator::{
    Bench, Faults, FaultyWire, Gap, Log, MatchBox, ObpDevice, ObpModel, ObpUnit, PtyHost, Traffic,
};
use parcelscope::analyzer::laser::LaserSetup;
use parcelscope::analyzer::obp::codec::Checksum;
use parcelscope::analyzer::{PortListing, SpectrometerSetup, SystemClock, UsbDevice};
use parcelscope::library::Library;
use parcelscope::session::{
    Command, Connection, Event, KitChoice, KitId, KitName, KitShelf, ProbeOutcome, Session, SessionConfig,
    sample_from_name,
};

const PATIENCE: Duration = Duration::from_mins(1);

/// An emulated kit on pseudo-terminals whose adapters have the serial numbers `A-<unit>` and `B-<unit>`.
struct Unit {
    serial: u64,
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
        let light = MatchBox::new(bench, serial, log.clone(), laser_faults.clone());
        let clock = Arc::new(SystemClock::start());
        let wire = FaultyWire::new(device, Traffic::Spectra, spectrometer_faults.clone(), serial);
        let spectrometer = PtyHost::start("spectrometer", wire, clock.clone()).unwrap();
        let wire = FaultyWire::new(light, Traffic::ShortReplies, laser_faults.clone(), serial);
        let laser = PtyHost::start("laser", wire, clock).unwrap();
        Self { serial, spectrometer, laser, spectrometer_faults, laser_faults, log }
    }

    fn ports(&self) -> Vec<PortListing> {
        let port = |name: Option<String>, adapter: &str| {
            let usb = UsbDevice {
                vendor: 0x0403,
                product: 0x6001,
                serial: Some(format!("{adapter}-{}", self.serial)),
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
    again.send(Command::Scan { parcel: "1".to_owned() }).unwrap();
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

fn wait_for(mut met: impl FnMut() -> bool) {
    let end = Instant::now() + PATIENCE;
    while !met() {
        assert!(Instant::now() < end, "it did not happen");
        std::thread::sleep(Duration::from_millis(5));
    }
}
