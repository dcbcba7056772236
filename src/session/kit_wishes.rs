//! What a user wishes of kits and ports beside a scan, fulfilled on the kit's thread: saving, choosing, probing, the
//! preview.

use std::sync::Arc;
use std::time::Instant;

use jiff::Timestamp;

use crate::analyzer::probe::{self, Answered};
use crate::analyzer::{Clock, DeviceIdentity, PortListing, PreviewSettings, SerialLink, SystemClock};
use crate::casebook::Act;

use super::kit_link::{KitLink, words};
use super::kit_worker::{KitWorker, Link, RETRY_EVERY};
use super::{
    CheckPolicy, Connection, Event, KitChoice, KitChoices, KitId, KitMeasurement, KitName, KitParts, KitShelf,
    ProbeOutcome, Probed, SavedDevice, SavedKit, SavedLaser, ScanExposure, forget_kit, keep_choices, read_choices,
    read_kit_records, save_kit,
};

/// Line speed at which a port is opened for a probe, which then sets its own.
const FIRST_BAUD: u32 = 9_600;

/// Something about kits and ports; see [`super::Command`].
pub(super) enum KitWish {
    List,
    Ports,
    Probe(Vec<String>),
    Save(KitName, KitChoice),
    Forget(KitId),
    Use(KitChoice),
    Policy(CheckPolicy),
    Exposure(ScanExposure),
    Power(Option<f64>),
    Gps(Option<String>),
    Measure(KitMeasurement),
    Keep { wanted: bool },
    Preview(PreviewSettings),
    History(KitId),
    Disconnect,
    Connect,
}

impl KitWorker {
    pub(super) fn fulfil(&mut self, wish: KitWish) {
        match wish {
            KitWish::List => self.tell_kits(),
            KitWish::Ports => match (self.ports)() {
                Ok(mut ports) => {
                    ports.sort_by(|a, b| a.name.cmp(&b.name));
                    self.shared.events.push(Event::Ports(ports));
                }
                Err(error) => self.trouble(words(&error)),
            },
            KitWish::Probe(ports) => self.probe(&ports),
            KitWish::Save(name, kit) => self.save(name, &kit),
            KitWish::Forget(id) => self.forget(&id),
            KitWish::Use(kit) => match self.may(Act::ChooseKit) {
                Ok(()) => self.use_kit(kit),
                Err(why) => self.trouble(why),
            },
            KitWish::Power(power_mw) => {
                if let Err(why) = self.may(Act::ManageKits).and_then(|()| self.set_power(power_mw)) {
                    self.trouble(why);
                }
            }
            KitWish::Policy(policy) => {
                if let Err(why) = self.may(Act::ManageKits) {
                    return self.trouble(why);
                }
                self.policy = policy.bounded();
                self.keep_choice();
                self.refresh();
                self.tell_kits();
            }
            KitWish::Exposure(exposure) => {
                self.exposure = exposure;
                let choices = KitChoices { exposure, ..read_choices(&self.keeping.data_dir) };
                if let Err(error) = keep_choices(&self.keeping.data_dir, &choices) {
                    self.trouble(words(&error));
                }
                self.refresh();
                self.tell_kits();
            }
            KitWish::Gps(gps_port) => {
                if let Err(why) = self.may(Act::ChooseKit) {
                    return self.trouble(why);
                }
                let choices = KitChoices { gps_port, ..read_choices(&self.keeping.data_dir) };
                if let Err(error) = keep_choices(&self.keeping.data_dir, &choices) {
                    self.trouble(words(&error));
                }
                self.tell_kits();
            }
            KitWish::Measure(measurement) => {
                self.scanning = true;
                let end = self.measure(&measurement);
                self.scanning = false;
                self.end(end);
            }
            KitWish::Keep { wanted } => {
                if let Err(why) = self.conclude_calibration(wanted) {
                    self.trouble(why);
                }
            }
            KitWish::Preview(settings) => {
                self.scanning = true;
                let shared = Arc::clone(&self.shared);
                let operator = self.shared.operators.current();
                let end = self.usable(operator.as_ref(), Act::Scan).and_then(|kit| kit.preview(&settings, &shared));
                self.scanning = false;
                if end.is_ok() {
                    shared.end_scan(Event::PreviewEnded);
                }
                self.end(end);
                self.refresh();
            }
            KitWish::Disconnect => self.release(),
            KitWish::Connect => {
                if self.released {
                    self.released = false;
                    self.shared.events.push(Event::Connection(Connection::Connecting));
                    self.look();
                }
            }
            KitWish::History(kit) => match read_kit_records(&self.keeping.data_dir, &kit.0) {
                Ok(history) => self.shared.events.push(Event::KitHistory { kit, history: Arc::new(history) }),
                Err(error) => self.trouble(words(&error)),
            },
        }
    }

    fn trouble(&self, why: String) {
        self.shared.events.push(Event::KitTrouble(why));
    }

    fn tell_kits(&self) {
        self.shared.events.push(Event::Kits(KitShelf::of(&self.keeping.data_dir)));
    }

    /// Remembers the kit in use, where it is a saved one, and the policy.
    fn keep_choice(&self) {
        let in_use = match &self.choice {
            KitChoice::Saved(id) => Some(id.clone()),
            _ => None,
        };
        let choices = KitChoices { in_use, policy: self.policy, ..read_choices(&self.keeping.data_dir) };
        if let Err(error) = keep_choices(&self.keeping.data_dir, &choices) {
            self.trouble(words(&error));
        }
    }

    fn use_kit(&mut self, kit: KitChoice) {
        self.let_go();
        if let KitChoice::Emulator { sample, .. } = &kit {
            sample.clone_into(&mut self.sample);
        }
        self.choice = kit;
        self.keep_choice();
        self.tell_kits();
        self.shared.events.push(Event::Connection(Connection::Connecting));
        self.look();
    }

    /// Lets the kit go, laser off first, and looks for none.
    fn release(&mut self) {
        let laser = match &mut self.link {
            Link::Up { kit, .. } => kit.laser_off(),
            Link::Down { .. } => None,
        };
        self.let_go();
        self.released = true;
        if let Some(state) = laser {
            self.shared.events.push(Event::Laser(state));
        }
        self.shared.events.push(Event::Connection(Connection::Released));
    }

    /// Drops the connected kit: its laser is commanded off and its ports are free.
    fn let_go(&mut self) {
        self.link = Link::Down { retry_at: Instant::now() };
        self.units = None;
        self.released = false;
        self.measured.clear();
        self.pending = None;
    }

    /// Whether who is signed in may change something about the kits. Where no account is enrolled anybody may.
    fn may(&self, act: Act) -> Result<(), String> {
        let operator = self.shared.operators.current();
        let admitted = self.shared.operators.admit(operator.as_ref(), act, true, || self.shared.cancelled());
        admitted.map_err(ToOwned::to_owned)
    }

    /// Sets the power of the connected saved kit: at once at the laser, which is dark, where it is read back, and then for
    /// every scan. What the laser does not take is not kept.
    fn set_power(&mut self, power_mw: Option<f64>) -> Result<(), String> {
        let range = KitParts::LASER_POWER_MW;
        if power_mw.is_some_and(|mw| !range.contains(&mw)) {
            return Err(format!(
                "The laser power of a Raman kit is from {} to {} mW; give such a number, or none.",
                range.start(),
                range.end()
            ));
        }
        let connect = "Only the power of a saved kit that is connected can be set; connect it, or save the kit first.";
        let Link::Up { kit, .. } = &mut self.link else { return Err(connect.to_owned()) };
        let mut saved = kit.saved.clone().ok_or(connect)?;
        let KitParts::Raman { laser_power_mw, .. } = &mut saved.parts else {
            return Err("A near-infrared scanner has no laser.".to_owned());
        };
        let before = std::mem::replace(laser_power_mw, power_mw);
        kit.set_laser_power_mw(power_mw);
        let kept =
            kit.apply_laser_power().and_then(|()| save_kit(&self.keeping.data_dir, &saved).map_err(|e| words(&e)));
        match kept {
            Ok(()) => kit.saved = Some(saved),
            // What the laser was set to before is set again before the next scan.
            Err(_) => kit.set_laser_power_mw(before),
        }
        self.refresh();
        self.tell_kits();
        kept
    }

    fn forget(&mut self, id: &KitId) {
        if let Err(why) = self.may(Act::ManageKits) {
            return self.trouble(why);
        }
        if let Err(error) = forget_kit(&self.keeping.data_dir, id) {
            return self.trouble(words(&error));
        }
        if self.choice == KitChoice::Saved(id.clone()) {
            // The kit of the start, unless that is the forgotten one.
            if self.first_choice == self.choice {
                self.let_go();
                drop(self.lost(format!("The kit {id} was forgotten; choose another kit or set one up.")));
            } else {
                return self.use_kit(self.first_choice.clone());
            }
        }
        self.tell_kits();
    }

    /// Asks ports what is connected. A kit that is connected to one of them is let go first.
    fn probe(&mut self, ports: &[String]) {
        let used = match &self.link {
            Link::Up { kit, .. } => {
                std::iter::once(kit.spectrometer()).chain(kit.laser()).any(|d| ports.contains(&d.port))
            }
            Link::Down { .. } => false,
        };
        if used {
            self.let_go();
            self.shared.events.push(Event::Connection(Connection::Connecting));
        }
        let clock: Arc<dyn Clock> = Arc::new(SystemClock::start());
        for port in ports {
            if self.shared.cancelled() {
                break;
            }
            let probed = self.probe_one(port, &clock);
            if self.shared.cancelled() {
                break;
            }
            let outcome = match probed {
                Ok(Some(answered)) => ProbeOutcome::Answered(answered),
                Ok(None) => ProbeOutcome::Silent,
                Err(why) => ProbeOutcome::Failed(why),
            };
            self.shared.events.push(Event::Probed(Probed { port: port.clone(), outcome }));
        }
        self.shared.end_scan(Event::ProbeEnded);
    }

    fn probe_one(&self, port: &str, clock: &Arc<dyn Clock>) -> Result<Option<Answered>, String> {
        let link = SerialLink::open(port, FIRST_BAUD, Arc::clone(clock)).map_err(|e| words(&e))?;
        let link = self.shared.wire_log.watch(Box::new(link), Arc::clone(clock));
        let mut link = self.shared.interrupt().wrap(link);
        probe::probe(link.as_mut(), clock.as_ref()).map_err(|e| words(&e))
    }

    /// Connects to a kit and saves it. Where that fails the kit of before is looked for again.
    fn save(&mut self, name: KitName, choice: &KitChoice) {
        if let Err(why) = self.may(Act::ManageKits) {
            return self.shared.end_scan(Event::KitTrouble(why));
        }
        self.let_go();
        self.shared.events.push(Event::Connection(Connection::Connecting));
        match self.try_save(name, choice) {
            Ok(id) => {
                self.tell_kits();
                self.shared.end_scan(Event::KitSaved(id));
            }
            Err(_) if self.shared.cancelled() => {
                let why = "The setting-up was cancelled; no kit was saved.".to_owned();
                self.shared.end_scan(Event::KitTrouble(why));
            }
            Err(why) => self.shared.end_scan(Event::KitTrouble(why)),
        }
        if let Link::Down { retry_at } = &mut self.link {
            // After a cancel a program that ends need not wait until the kit of before is there again.
            if self.shared.cancelled() {
                *retry_at = Instant::now() + RETRY_EVERY;
            } else {
                self.look();
            }
        }
    }

    fn try_save(&mut self, name: KitName, choice: &KitChoice) -> Result<KitId, String> {
        if matches!(choice, KitChoice::Emulator { .. } | KitChoice::Saved(_)) {
            return Err("Only a kit on ports can be saved; name its ports.".to_owned());
        }
        let mut kit = self.open(choice)?;
        // A power that the laser does not take is refused now and not at the first scan.
        kit.apply_laser_power()?;
        let listing = (self.ports)().map_err(|e| words(&e))?;
        let parts = parts(&kit, choice, &listing).ok_or("This kit cannot be saved; name its ports again.")?;
        let saved = SavedKit { name, saved_at: Timestamp::now(), parts };
        save_kit(&self.keeping.data_dir, &saved).map_err(|e| words(&e))?;
        let id = saved.id();
        self.choice = KitChoice::Saved(id.clone());
        self.keep_choice();
        kit.saved = Some(saved);
        self.units = Some(kit.serials());
        self.take(kit)?;
        Ok(id)
    }
}

/// What a connected kit is made of; `None` for one that is not on ports.
fn parts(kit: &KitLink, choice: &KitChoice, listing: &[PortListing]) -> Option<KitParts> {
    let saved = |device: &DeviceIdentity| SavedDevice {
        model: device.model.clone(),
        serial: device.serial.clone(),
        usb: listing.iter().find(|p| p.name == device.port).and_then(|p| p.usb.clone()),
        last_port: device.port.clone(),
    };
    let main = saved(kit.spectrometer());
    Some(match choice {
        KitChoice::Nir { .. } => KitParts::Nir { scanner: main },
        KitChoice::Ports { spectrometer, spectrometer_setup, laser, laser_setup, excitation_nm, laser_power_mw } => {
            KitParts::Raman {
                laser_power_mw: *laser_power_mw,
                setup: Box::new(spectrometer_setup.clone()),
                laser: if spectrometer == laser {
                    SavedLaser::Inside
                } else {
                    SavedLaser::OwnPort { device: saved(kit.laser()?), setup: *laser_setup }
                },
                excitation_nm: kit.excitation_nm().unwrap_or(*excitation_nm),
                spectrometer: main,
            }
        }
        KitChoice::Emulator { .. } | KitChoice::Saved(_) => return None,
    })
}
