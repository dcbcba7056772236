//! Connecting to a kit: the emulated one, one whose ports were named, or a saved one wherever it is now.

use std::sync::Arc;
use std::time::Duration;

use crate::analyzer::emulator::{EXCITATION_NM, Gap, memory_kit};
use crate::analyzer::guardian::{self, Guarding};
use crate::analyzer::laser::{Laser, LaserKind, LaserSetup};
use crate::analyzer::nirscan::{self, NirKit};
use crate::analyzer::probe::{self, Answered, ProbedProtocol};
use crate::analyzer::{
    Clock, Interrupt, Kit, SerialLink, Spectrometer, SpectrometerSetup, SystemClock, Transport, VirtualClock, WireLog,
};
use crate::library::Library;

use super::emulated_sample::sample_from_name;
use super::find_kit::candidates;
use super::kit_link::{KitLink, LaserKeeping, Linked, words};
use super::{KitChoice, KitId, KitParts, KitShelf, PortLister, SavedDevice, SavedKit, SavedLaser};

/// Longest wait for *off* to leave, and the time that it gets on the line and that its answer gets.
const OFF_WRITE: Duration = Duration::from_secs(1);
const OFF_SETTLES: Duration = Duration::from_millis(100);

/// What is needed to connect.
pub(super) struct Opening<'a> {
    /// What lies under the emulated probe.
    pub sample: &'a str,
    /// Where the emulator takes its samples from.
    pub library: Option<Arc<Library>>,
    pub keeping: &'a LaserKeeping,
    pub wire_log: &'a WireLog,
    pub ports: &'a PortLister,
    /// Ends it when nobody wants the kit any more.
    pub interrupt: &'a Interrupt,
}

/// A kit on ports, as named or as found.
struct OnPorts<'a> {
    spectrometer: &'a str,
    setup: &'a SpectrometerSetup,
    laser: &'a str,
    laser_setup: LaserSetup,
    excitation_nm: f64,
}

impl Opening<'_> {
    /// Connects: the laser is commanded off first. The error is a sentence.
    pub(super) fn open(&self, choice: &KitChoice) -> Result<KitLink, String> {
        match choice {
            KitChoice::Emulator { seed, virtual_time, .. } => self.emulator(*seed, *virtual_time),
            KitChoice::Ports {
                spectrometer,
                spectrometer_setup,
                laser,
                laser_setup,
                excitation_nm,
                laser_power_mw,
            } => {
                let mut kit = self.on_ports(&OnPorts {
                    spectrometer,
                    setup: spectrometer_setup,
                    laser,
                    laser_setup: *laser_setup,
                    excitation_nm: *excitation_nm,
                })?;
                kit.set_laser_power_mw(*laser_power_mw);
                Ok(KitLink::new(Linked::raman(kit, None)))
            }
            KitChoice::Nir { port } => Ok(KitLink::new(Linked::Nir(Box::new(self.scanner(port)?)))),
            KitChoice::Saved(id) => self.saved(id),
        }
    }

    fn emulator(&self, seed: u64, virtual_time: bool) -> Result<KitLink, String> {
        let library = self.library.clone();
        let library = library.ok_or("The emulated kit takes its samples from the library, which is not loaded.")?;
        let clock: Arc<dyn Clock> =
            if virtual_time { Arc::new(VirtualClock::default()) } else { Arc::new(SystemClock::start()) };
        let sample = sample_from_name(&library, self.sample).map_err(|e| words(&e))?;
        let parts = memory_kit(seed, Gap::MEASURED, sample, Arc::clone(&clock));
        let watched = |link| self.wire_log.watch(Box::new(link), Arc::clone(&clock));
        let (spectrometer, laser) = (watched(parts.spectrometer), watched(parts.laser));
        let kit = Kit::connect(spectrometer, laser, EXCITATION_NM, clock).map_err(|e| words(&e))?;
        Ok(KitLink::new(Linked::raman(kit, Some((parts.bench, library)))))
    }

    fn on_ports(&self, on: &OnPorts<'_>) -> Result<Kit, String> {
        let clock: Arc<dyn Clock> = Arc::new(SystemClock::start());
        if let SpectrometerSetup::Wasatch(_) = on.setup {
            return self.wasatch(on.spectrometer, on.setup, &clock);
        }
        if on.spectrometer == on.laser && *on.setup == SpectrometerSetup::Obp {
            return self.ventana(on.spectrometer, on.excitation_nm, clock);
        }
        // The laser first: it is commanded off before anything is asked of the spectrometer.
        let laser = self.laser(on.laser, on.laser_setup, &clock)?;
        let spectrometer = self.spectrometer(on.spectrometer, on.setup, &clock)?;
        Kit::from_parts(spectrometer, laser, on.excitation_nm, clock).map_err(|e| words(&e))
    }

    fn wasatch(&self, port: &str, setup: &SpectrometerSetup, clock: &Arc<dyn Clock>) -> Result<Kit, String> {
        let SpectrometerSetup::Wasatch(options) = setup else { return Err("This is no Wasatch module.".to_owned()) };
        let watch = |link| self.wire_log.watch(link, Arc::clone(clock));
        let unit = guardian::open_wasatch(port, options, &self.guarding(), watch, Arc::clone(clock));
        unit.and_then(|unit| unit.into_kit(options.excitation_nm)).map_err(|e| words(&e))
    }

    fn ventana(&self, port: &str, excitation_nm: f64, clock: Arc<dyn Clock>) -> Result<Kit, String> {
        let watch = |link| self.wire_log.watch(link, Arc::clone(&clock));
        let parts = guardian::open_ventana(port, &self.guarding(), watch, Arc::clone(&clock));
        let (spectrometer, laser) = parts.map_err(|e| words(&e))?;
        Kit::from_parts(Box::new(spectrometer), laser, excitation_nm, clock).map_err(|e| words(&e))
    }

    fn laser(&self, port: &str, setup: LaserSetup, clock: &Arc<dyn Clock>) -> Result<Box<dyn Laser>, String> {
        let watch = |link| self.wire_log.watch(link, Arc::clone(clock));
        guardian::open_laser(port, setup, &self.guarding(), watch, Arc::clone(clock)).map_err(|e| words(&e))
    }

    fn guarding(&self) -> Guarding<'_> {
        let LaserKeeping { data_dir, guardian } = self.keeping;
        Guarding { data_dir, program: guardian.as_deref(), interrupt: self.interrupt }
    }

    fn link(&self, port: &str, baud: u32, clock: &Arc<dyn Clock>) -> Result<Box<dyn Transport>, String> {
        let link = SerialLink::open(port, baud, Arc::clone(clock)).map_err(|e| words(&e))?;
        Ok(self.interrupt.wrap(self.wire_log.watch(Box::new(link), Arc::clone(clock))))
    }

    fn spectrometer(
        &self,
        port: &str,
        setup: &SpectrometerSetup,
        clock: &Arc<dyn Clock>,
    ) -> Result<Box<dyn Spectrometer>, String> {
        let link = self.link(port, SpectrometerSetup::BAUD, clock)?;
        setup.open(link, Arc::clone(clock)).map_err(|e| words(&e))
    }

    fn scanner(&self, port: &str) -> Result<NirKit, String> {
        let clock: Arc<dyn Clock> = Arc::new(SystemClock::start());
        let link = self.link(port, nirscan::BAUD, &clock)?;
        NirKit::connect(link, clock).map_err(|e| words(&e))
    }

    fn saved(&self, id: &KitId) -> Result<KitLink, String> {
        let shelf = KitShelf::of(&self.keeping.data_dir);
        let kit = shelf.get(id).ok_or_else(|| {
            format!("The kit {id} is not saved any more; choose another kit, or connect this one and set it up again.")
        })?;
        let linked = match &kit.parts {
            KitParts::Nir { scanner } => {
                let found = self.find(scanner, kit, ProbedProtocol::Nirscan, None, None, |port| {
                    let scanner = self.scanner(port)?;
                    Ok((scanner.scanner().serial.clone(), scanner))
                })?;
                Linked::Nir(Box::new(found))
            }
            KitParts::Raman { spectrometer, setup, laser, excitation_nm, laser_power_mw } => {
                let mut found = self.saved_raman(kit, spectrometer, setup, laser, *excitation_nm)?;
                found.set_laser_power_mw(*laser_power_mw);
                Linked::raman(found, None)
            }
        };
        Ok(KitLink { saved: Some(kit.clone()), ..KitLink::new(linked) })
    }

    fn saved_raman(
        &self,
        kit: &SavedKit,
        device: &SavedDevice,
        setup: &SpectrometerSetup,
        laser: &SavedLaser,
        excitation_nm: f64,
    ) -> Result<Kit, String> {
        let clock: Arc<dyn Clock> = Arc::new(SystemClock::start());
        let protocol = match setup {
            SpectrometerSetup::Obp => ProbedProtocol::Obp,
            SpectrometerSetup::OceanLetter(_) => ProbedProtocol::OceanLetter,
            SpectrometerSetup::Wasatch(_) => ProbedProtocol::Wasatch,
        };
        let SavedLaser::OwnPort { device: laser, setup: laser_setup } = laser else {
            let inside = match setup {
                SpectrometerSetup::Wasatch(_) => LaserKind::Wasatch,
                _ => LaserKind::Ventana,
            };
            return self.find(device, kit, protocol, None, Some(inside), |port| {
                let kit = match setup {
                    SpectrometerSetup::Wasatch(_) => self.wasatch(port, setup, &clock)?,
                    _ => self.ventana(port, excitation_nm, Arc::clone(&clock))?,
                };
                Ok((kit.spectrometer().serial.clone(), kit))
            });
        };
        let laser_protocol = ProbedProtocol::of_laser(laser_setup.kind)
            .ok_or_else(|| format!("The laser of {} is inside its spectrometer; set the kit up again.", kit.name))?;
        // The laser first: it is commanded off before anything is asked of the spectrometer.
        let laser = self.find(laser, kit, laser_protocol, laser_setup.baud, Some(laser_setup.kind), |port| {
            let laser = self.laser(port, *laser_setup, &clock)?;
            Ok((laser.identity().serial.clone(), laser))
        })?;
        let spectrometer = self.find(device, kit, protocol, None, None, |port| {
            let spectrometer = self.spectrometer(port, setup, &clock)?;
            Ok((spectrometer.identity().serial.clone(), spectrometer))
        })?;
        Kit::from_parts(spectrometer, laser, excitation_nm, clock).map_err(|e| words(&e))
    }

    /// Opens a device of a saved kit where it is now. Only the one with its serial number is taken.
    fn find<T>(
        &self,
        device: &SavedDevice,
        kit: &SavedKit,
        protocol: ProbedProtocol,
        baud: Option<u32>,
        laser: Option<LaserKind>,
        open: impl Fn(&str) -> Result<(String, T), String>,
    ) -> Result<T, String> {
        let ports = (self.ports)().map_err(|e| words(&e))?;
        let (mut other, mut trouble) = (None, None);
        for candidate in candidates(device, kit, &ports) {
            if self.interrupt.came() {
                return Err(format!("The search for the kit {} was cancelled.", kit.name));
            }
            if !candidate.same_adapter {
                match self.ask(&candidate.port, protocol, baud, laser) {
                    Ok(Some(Answered { serial: Some(serial), .. })) if serial != device.serial => {
                        other = other.or(Some((candidate.port, serial)));
                        continue;
                    }
                    // One that has no question for its serial number is opened and then known.
                    Ok(Some(_)) => {}
                    Ok(None) => continue,
                    Err(why) => {
                        trouble = trouble.or(Some(why));
                        continue;
                    }
                }
            }
            match open(&candidate.port) {
                Ok((serial, opened)) if serial == device.serial => return Ok(opened),
                // Dropped here: what was opened is let go, a laser off.
                Ok((serial, _)) => other = other.or(Some((candidate.port, serial))),
                Err(why) => trouble = trouble.or(Some(why)),
            }
        }
        let (name, model, serial) = (&kit.name, &device.model, &device.serial);
        Err(match (other, trouble) {
            (Some((port, found)), _) => format!(
                "The device at {port} says serial number {found}, but the {model} of the kit {name} has {serial}: another unit is not taken for it. Connect {serial}, or set the other unit up as a kit of its own."
            ),
            (None, Some(why)) => format!("The {model} ({serial}) of the kit {name} cannot be used: {why}"),
            (None, None) => format!(
                "The {model} ({serial}) of the kit {name} is not connected; plug it in and switch it on. If its cable was exchanged for another one, set the kit up again."
            ),
        })
    }

    /// Asks a port for one protocol. Where the kit has a laser there, which may shine, *off* goes out before each question:
    /// its answer may be lost.
    fn ask(
        &self,
        port: &str,
        protocol: ProbedProtocol,
        baud: Option<u32>,
        laser: Option<LaserKind>,
    ) -> Result<Option<Answered>, String> {
        let clock: Arc<dyn Clock> = Arc::new(SystemClock::start());
        let bauds = baud.map_or_else(|| protocol.bauds().to_vec(), |baud| vec![baud]);
        for baud in bauds {
            let mut link = self.link(port, baud, &clock)?;
            if let Some(laser) = laser {
                link.write_all(laser.off_bytes(), clock.now() + OFF_WRITE).map_err(|e| words(&e))?;
                // What it answers is not read as the answer to the question, and silence ends it where that must.
                clock.sleep(OFF_SETTLES);
            }
            if let Some(answered) = probe::ask(link.as_mut(), clock.as_ref(), protocol, baud).map_err(|e| words(&e))? {
                return Ok(Some(answered));
            }
        }
        Ok(None)
    }
}
