//! How a new kit is set up: which ports may be asked, what they answered, its name.

use crate::analyzer::PortListing;
use crate::analyzer::laser::{LaserKind, LaserSetup};
use crate::analyzer::probe::{Answered, ProbedProtocol};
use crate::session::{Command, KitChoice, KitName, KitParts, ProbeOutcome, Probed};

use super::kit_model::DevicePage;
use super::model::Model;

/// A port of this machine, while a kit is set up.
#[derive(Debug)]
pub struct SetupPort {
    /// The port.
    pub listing: PortListing,
    /// Whether it may be asked.
    pub chosen: bool,
    /// What it answered.
    pub outcome: Option<ProbeOutcome>,
}

/// The setting-up of a new kit.
#[derive(Debug, Default)]
pub struct Setup {
    /// Ports of this machine; `None` until they were listed.
    pub ports: Option<Vec<SetupPort>>,
    /// Name of a port that is not listed, as typed.
    pub other: String,
    /// True while ports are asked.
    pub probing: bool,
    /// True once the ports were asked.
    pub probed: bool,
    /// Port of the spectrometer or scanner.
    pub spectrometer: Option<String>,
    /// Port of the laser; none where it is inside the spectrometer.
    pub laser: Option<String>,
    /// Laser wavelength in nm, as typed.
    pub excitation_nm: String,
    /// Laser power in mW, as typed; empty leaves the laser as it is set.
    pub laser_power_mw: String,
    /// Name, as typed.
    pub name: String,
    /// True while the kit is connected and saved.
    pub saving: bool,
}

/// A laser power as typed, mW; empty is none. Else a sentence with the bounds.
pub fn typed_power(text: &str) -> Result<Option<f64>, String> {
    let (text, range) = (text.trim().replace(',', "."), KitParts::LASER_POWER_MW);
    if text.is_empty() {
        return Ok(None);
    }
    let typed = text.parse::<f64>().ok().filter(|mw| range.contains(mw));
    typed.map(Some).ok_or_else(|| {
        format!("The laser power is a number of mW from {} to {}, or nothing.", range.start(), range.end())
    })
}

impl Model {
    /// The setting-up that is shown.
    pub fn setup_mut(&mut self) -> Option<&mut Setup> {
        match &mut self.device.page {
            DevicePage::Setup(setup) => Some(setup),
            _ => None,
        }
    }

    /// Why ports cannot be asked and kits not be saved now.
    pub fn setup_refusal(&self) -> Option<&'static str> {
        self.manage_refusal().or_else(|| (self.scanning() || self.aiming()).then_some("A scan is running"))
    }

    /// Stops the asking of ports.
    pub fn cancel_setup(&mut self) {
        self.send(Command::Cancel);
    }

    /// Asks the chosen ports.
    pub fn probe_ports(&mut self) {
        let Some(setup) = self.setup_mut() else { return };
        let ports = setup.begin_probe();
        if !ports.is_empty() {
            self.device.trouble = None;
            self.send(Command::ProbePorts(ports));
        }
    }

    /// Connects to what was chosen, and saves it.
    pub fn save_kit(&mut self) {
        let Some(setup) = self.setup_mut() else { return };
        match setup.kit() {
            Ok((name, kit)) => {
                setup.saving = true;
                self.device.trouble = None;
                self.send(Command::SaveKit { name, kit });
            }
            Err(why) => self.device.trouble = Some(why),
        }
    }

    pub(super) fn listed_ports(&mut self, ports: Vec<PortListing>) {
        if let Some(setup) = self.setup_mut() {
            let fresh = |listing| SetupPort { listing, chosen: false, outcome: None };
            *setup = Setup { ports: Some(ports.into_iter().map(fresh).collect()), ..Setup::default() };
        }
    }

    pub(super) fn probed(&mut self, probed: Probed) {
        if let Some(setup) = self.setup_mut() {
            setup.probed_one(probed);
        }
    }
}

impl Setup {
    fn begin_probe(&mut self) -> Vec<String> {
        let ports = self.ports.iter_mut().flatten().filter(|p| p.chosen);
        let names: Vec<String> = ports
            .map(|p| {
                p.outcome = None;
                p.listing.name.clone()
            })
            .collect();
        self.probing = !names.is_empty();
        (self.spectrometer, self.laser) = (None, None);
        names
    }

    /// Adds the port that was typed, chosen: whoever types it means it.
    pub fn add_port(&mut self) {
        let name = self.other.trim().to_owned();
        let ports = self.ports.get_or_insert_with(Vec::new);
        match ports.iter_mut().find(|p| p.listing.name == name) {
            Some(port) => port.chosen = true,
            None => {
                ports.push(SetupPort { listing: PortListing { name, usb: None }, chosen: true, outcome: None });
            }
        }
        self.other.clear();
    }

    fn probed_one(&mut self, probed: Probed) {
        if let ProbeOutcome::Answered(answered) = &probed.outcome {
            let protocol = answered.protocol;
            let measures = protocol.spectrometer_setup().is_some() || protocol == ProbedProtocol::Nirscan;
            if measures && self.spectrometer.is_none() {
                self.spectrometer = Some(probed.port.clone());
            } else if protocol.laser_setup(answered.baud).is_some() && self.laser.is_none() {
                self.laser = Some(probed.port.clone());
            }
        }
        if let Some(port) = self.ports.iter_mut().flatten().find(|p| p.listing.name == probed.port) {
            port.outcome = Some(probed.outcome);
        }
    }

    /// All ports were asked.
    pub fn probe_ended(&mut self) {
        self.probing = false;
        self.probed = true;
        if self.excitation_nm.is_empty() {
            "785".clone_into(&mut self.excitation_nm);
        }
    }

    fn answer(&self, port: &str) -> Option<&Answered> {
        let port = self.ports.iter().flatten().find(|p| p.listing.name == port)?;
        match &port.outcome {
            Some(ProbeOutcome::Answered(answered)) => Some(answered),
            _ => None,
        }
    }

    /// True where the kit is a near-infrared scanner, which has no laser.
    pub fn is_nir(&self) -> bool {
        self.spectrometer.as_deref().and_then(|p| self.answer(p)).is_some_and(|a| a.protocol == ProbedProtocol::Nirscan)
    }

    /// What is to be saved; else a sentence that says what is missing.
    pub fn kit(&self) -> Result<(KitName, KitChoice), String> {
        let name = KitName::new(&self.name).map_err(|e| super::words::sentence(&e.to_string()))?;
        let port = self.spectrometer.as_ref().ok_or("No spectrometer answered. Choose its port and ask again.")?;
        let answered = self.answer(port).ok_or("The spectrometer did not answer. Ask the ports again.")?;
        if answered.protocol == ProbedProtocol::Nirscan {
            return Ok((name, KitChoice::Nir { port: port.clone() }));
        }
        let setup = answered.protocol.spectrometer_setup().ok_or("This device is no Raman spectrometer.")?;
        let excitation_nm: f64 = self.excitation_nm.trim().parse().unwrap_or(0.0);
        if !KitParts::EXCITATION_NM.contains(&excitation_nm) {
            return Err("The laser wavelength is a number of nanometres, like 785. It stands on the laser.".to_owned());
        }
        // The power of a laser inside the spectrometer cannot be set by any public command.
        let laser_power_mw = if self.laser.is_some() { typed_power(&self.laser_power_mw)? } else { None };
        // A laser without a port of its own is inside the spectrometer.
        let laser = self.laser.clone().unwrap_or_else(|| port.clone());
        let found = self.laser.as_deref().and_then(|p| self.answer(p));
        let laser_setup =
            found.and_then(|a| a.protocol.laser_setup(a.baud)).unwrap_or(LaserSetup::usual(LaserKind::MatchBox));
        Ok((
            name,
            KitChoice::Ports {
                spectrometer: port.clone(),
                spectrometer_setup: setup,
                laser,
                laser_setup,
                excitation_nm,
                laser_power_mw,
            },
        ))
    }
}
