//! A session that a test plays by hand: it notes the commands and hands out the events it was given.

use std::cell::RefCell;
use std::collections::VecDeque;
use std::rc::Rc;
use std::sync::Arc;

use parcelscope::analyzer::{
    Acquisition, CheckState, DeviceIdentity, Exposure, ExposureKind, LaserState, ScanConditions,
};
use parcelscope::casebook::{ScanRecord, StoredScan, Subject};
use parcelscope::identify::{Answer, Engine};
use parcelscope::library::Library;
use parcelscope::session::{Command, Connection, Event, KitStatus};
use parcelscope::spectrum::{Spectrum, Technique};
use parcelscope::ui::{PackNote, SessionLink};

/// The test's end of the played session.
#[derive(Clone)]
pub struct Script {
    events: Rc<RefCell<VecDeque<Event>>>,
    commands: Rc<RefCell<Vec<Command>>>,
    library: Arc<Library>,
    pack: Rc<RefCell<Option<PackNote>>>,
}

impl Script {
    /// A session with the bundled library that has said nothing yet.
    pub fn new() -> Self {
        Self {
            events: Rc::default(),
            commands: Rc::default(),
            library: Library::bundled().expect("the bundled library loads"),
            pack: Rc::default(),
        }
    }

    /// The window's end.
    pub fn link(&self) -> Box<dyn SessionLink> {
        Box::new(self.clone())
    }

    /// Lets something happen.
    pub fn happen(&self, event: Event) {
        self.events.borrow_mut().push_back(event);
    }

    /// The commands since the last call.
    pub fn commands(&self) -> Vec<Command> {
        self.commands.borrow_mut().drain(..).collect()
    }

    /// An installed pack is in use, and this old.
    pub fn pack(&self, note: PackNote) {
        *self.pack.borrow_mut() = Some(note);
    }

    /// The library.
    pub fn library(&self) -> &Arc<Library> {
        &self.library
    }

    /// The emulated kit reports that it is ready.
    pub fn connect(&self, simulated: bool) {
        self.happen(Event::Connection(Connection::Ready(Box::new(kit(simulated)))));
        if simulated {
            self.happen(Event::EmulatedSample { sample: "sucrose".to_owned() });
        }
    }
}

impl SessionLink for Script {
    fn send(&self, command: Command) -> Result<(), String> {
        self.commands.borrow_mut().push(command);
        Ok(())
    }

    fn try_recv(&self) -> Option<Event> {
        self.events.borrow_mut().pop_front()
    }

    fn library(&self) -> Option<Arc<Library>> {
        Some(Arc::clone(&self.library))
    }

    fn pack_note(&self) -> Option<PackNote> {
        self.pack.borrow().clone()
    }
}

fn device(model: &str, driver: &str, simulated: bool) -> DeviceIdentity {
    DeviceIdentity {
        model: model.to_owned(),
        serial: "0042".to_owned(),
        firmware: Some("3.2".to_owned()),
        driver: driver.to_owned(),
        port: if simulated { "emulator".to_owned() } else { "/dev/ttyUSB0".to_owned() },
        simulated,
    }
}

/// A kit that is ready.
pub fn kit(simulated: bool) -> KitStatus {
    KitStatus {
        spectrometer: device("STS-NIR", "obp", simulated),
        laser: Some(device("MatchBox 785", "matchbox", simulated)),
        laser_state: LaserState::Off,
        laser_condition: None,
        laser_power: None,
        temperatures_c: vec![24.4, 31.0],
        scan_ms: 5200,
        saved: None,
        check: CheckState::Never,
        calibration: Vec::new(),
    }
}

/// What the engine says to a scan of `parts`: pairs of a substance of the library and its height. No part is a weak,
/// empty scan.
pub fn scan(library: &Arc<Library>, parts: &[(&str, f64)]) -> StoredScan {
    let spectrum = spectrum(library, parts);
    let mut answer = Engine::new(Arc::clone(library)).identify(&spectrum);
    answer.simulated = true;
    stored(spectrum, answer)
}

/// A record of `spectrum` with `answer`, not yet numbered.
pub fn stored(spectrum: Spectrum, answer: Answer) -> StoredScan {
    let exposure = |kind, laser| Exposure {
        kind,
        counts: vec![900; 1024],
        integration_us: 1_000_000,
        scans_averaged: 2,
        saturation_counts: 16_383,
        temperatures_c: vec![24.4, 31.0],
        laser_before: laser,
        laser_after: laser,
        started_ms: 0,
    };
    let simulated = answer.simulated;
    StoredScan {
        id: 0,
        record: ScanRecord {
            taken_at: "2026-11-24T14:08:30Z".parse().expect("a time"),
            operator: "unenrolled".to_owned(),
            standing: None,
            parcel: "RR473124829CN".to_owned(),
            subject: Subject::default(),
            time_source: None,
            last_blank: None,
            emulated_sample: simulated.then(|| "sucrose".to_owned()),
            acquisition: Acquisition {
                spectrometer: device("STS-NIR", "obp", simulated),
                laser: device("MatchBox 785", "matchbox", simulated),
                excitation_nm: 785.0,
                wavelength_coefficients_nm: vec![790.0, 0.23],
                dark: exposure(ExposureKind::Dark, LaserState::Off),
                light: vec![exposure(ExposureKind::Light, LaserState::On)],
                spectrum,
                simulated,
                conditions: ScanConditions::default(),
            },
            answer,
            program_version: "0.1.0".to_owned(),
        },
    }
}

/// A spectrum of `parts` on a falling background, with noise that is the same in every run.
pub fn spectrum(library: &Library, parts: &[(&str, f64)]) -> Spectrum {
    let axis: Vec<f64> = (0..1024).map(|i| 180.0 + f64::from(i) * 2.4).collect();
    let mut y: Vec<f64> = axis.iter().map(|x| 900.0 * (-x / 1500.0).exp() + 120.0).collect();
    for (key, height) in parts {
        let index = library.find_index(key).expect("a substance of the library");
        let reference = library
            .references_of(index)
            .filter(|r| r.technique == Technique::Raman)
            .min_by_key(|r| r.tier)
            .expect("a Raman reference");
        let curve = reference.synthesize(&axis, 9.0, reference.own_resolution_cm1);
        let top = curve.iter().copied().fold(f64::MIN, f64::max);
        for (sum, v) in y.iter_mut().zip(curve) {
            *sum += 4000.0 * height * v / top;
        }
    }
    let mut state: u32 = 0x2545_f491;
    for v in &mut y {
        // A small congruential generator: the noise only has to look like noise.
        let mut next = || {
            state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            f64::from(state >> 8) / f64::from(1_u32 << 24) - 0.5
        };
        *v += 24.0 * (next() + next() + next());
    }
    Spectrum::new(Technique::Raman, axis, y).expect("a spectrum").with_resolution(9.0)
}
