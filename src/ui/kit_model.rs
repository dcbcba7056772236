//! What the window knows of the kit beyond its state: aiming, standards, saved kits and how a new one is set up.

use std::path::PathBuf;

use crate::analyzer::laser::{LaserKind, LaserSetup};
use crate::analyzer::probe::{Answered, ProbedProtocol};
use crate::analyzer::{PortListing, PreviewSettings};
use crate::casebook::Act;
use crate::session::{
    Command, Connection, KitChoice, KitId, KitMeasured, KitMeasurement, KitName, KitShelf, ProbeOutcome, Probed, Stage,
};

use super::aim_view::AimView;
use super::kit_trends::Trends;
use super::model::{Model, Phase, Safety, Screen};

/// The live view.
#[derive(Debug, Default)]
pub enum Aim {
    /// The laser is off; a note on how it ended, if it needs one.
    #[default]
    Off,
    /// Asked for; no frame came yet.
    Starting,
    /// Frames come.
    Live(Box<AimView>),
    /// Asked to end.
    Stopping,
}

/// What a standard is measured for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Work {
    /// To correct the kit.
    Calibrate,
    /// To judge it.
    Check,
}

/// Where the measurement of a standard stands.
#[derive(Debug)]
pub enum WizardState {
    /// The standard is being chosen and put under the probe.
    Choosing,
    /// It is measured.
    Measuring {
        /// Stage.
        stage: Stage,
        /// Share done, 0..=1.
        fraction: f32,
        /// Time left, milliseconds.
        remaining_ms: u64,
        /// True once the user asked to stop.
        stopping: bool,
    },
    /// What it showed; kept already.
    Measured(Box<KitMeasured>),
    /// It ended without a result.
    Failed(String),
}

/// The measurement of a standard, step by step.
#[derive(Debug)]
pub struct Wizard {
    /// What for.
    pub work: Work,
    /// Key of the standard.
    pub standard: String,
    /// Whether the axis is fitted together with the standards measured just before.
    pub with_earlier: bool,
    /// Search text of the list of standards.
    pub query: String,
    /// Where it stands.
    pub state: WizardState,
}

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
    /// Name, as typed.
    pub name: String,
    /// True while the kit is connected and saved.
    pub saving: bool,
}

/// What the Device screen shows.
#[derive(Debug, Default)]
pub enum DevicePage {
    /// State of the kit.
    #[default]
    Overview,
    /// A standard is measured.
    Standard(Box<Wizard>),
    /// The saved kits.
    Kits,
    /// A new kit is set up.
    Setup(Box<Setup>),
}

/// What the Device screen knows.
#[derive(Debug, Default)]
pub struct Device {
    /// What is shown.
    pub page: DevicePage,
    /// The saved kits.
    pub shelf: Option<KitShelf>,
    /// Calibrations and checks of the kit that was connected last.
    pub trends: Option<Trends>,
    /// What went wrong, if anything.
    pub trouble: Option<String>,
    /// Where the wire log is, or why it is nowhere.
    pub wire_log: Option<Result<PathBuf, String>>,
    /// The kit that is to be forgotten, once the user confirms it.
    pub forgetting: Option<KitId>,
}

impl Model {
    /// Starts the live view where nothing speaks against it.
    pub fn start_aiming(&mut self) {
        if self.refusal().is_none() && matches!(self.aim, Aim::Off) {
            self.aim = Aim::Starting;
            self.send(Command::Preview(PreviewSettings::default()));
        }
    }

    /// Ends the live view.
    pub fn stop_aiming(&mut self) {
        if matches!(self.aim, Aim::Starting | Aim::Live(_)) {
            self.aim = Aim::Stopping;
            self.send(Command::Cancel);
        }
    }

    /// Takes the answer to the safety question. A sample that the laser must not heat ends the live view too.
    pub fn answer_safety(&mut self, answer: Safety) {
        self.safety = answer;
        if answer == Safety::Dangerous {
            self.stop_aiming();
        }
    }

    /// True from the wish for a live view to its end.
    pub const fn aiming(&self) -> bool {
        !matches!(self.aim, Aim::Off)
    }

    /// The live view ended; a scan that waited for it begins.
    pub(super) fn aiming_ended(&mut self, why: Option<String>) {
        self.aim = Aim::Off;
        let waiting = std::mem::take(&mut self.scan_waits);
        match why {
            Some(why) => self.phase = Phase::Failed(why),
            None if waiting => self.send_scan(),
            None => {}
        }
    }

    /// Shows a part of the Device screen.
    pub fn show_device(&mut self, page: DevicePage) {
        if self.measuring_standard() {
            return;
        }
        match &page {
            DevicePage::Setup(_) => self.send(Command::ListPorts),
            DevicePage::Kits => self.send(Command::ListKits),
            DevicePage::Overview | DevicePage::Standard(_) => self.ask_history(),
        }
        self.device.trouble = None;
        self.device.forgetting = None;
        self.device.page = page;
        self.screen = Screen::Device;
    }

    /// Lets the kit go, or looks for it again.
    pub fn connect(&mut self, wanted: bool) {
        self.send(if wanted { Command::Connect } else { Command::Disconnect });
    }

    /// Has the last minute of the wires written to a file.
    pub fn export_wire_log(&mut self) {
        self.device.wire_log = None;
        self.send(Command::ExportWireLog);
    }

    /// Begins with a standard.
    pub fn begin_standard(&mut self, work: Work) {
        let wizard = Wizard {
            work,
            standard: "polystyrene".to_owned(),
            with_earlier: false,
            query: String::new(),
            state: WizardState::Choosing,
        };
        self.show_device(DevicePage::Standard(Box::new(wizard)));
    }

    /// True while a standard is measured.
    pub fn measuring_standard(&self) -> bool {
        matches!(&self.device.page, DevicePage::Standard(w) if matches!(w.state, WizardState::Measuring { .. }))
    }

    /// Whether the role of who is signed in allows it; without accounts everything is allowed that the session allows.
    pub fn role_may(&self, act: Act) -> bool {
        self.gate.actor().is_none_or(|actor| actor.role().may(act))
    }

    /// Why kits and what is demanded of them cannot be changed.
    pub fn manage_refusal(&self) -> Option<&'static str> {
        (!self.role_may(Act::ManageKits)).then_some(
            "Your role may not save or forget kits or set the check policy; somebody whose role may must sign in",
        )
    }

    /// Why a standard cannot be measured now.
    pub fn standard_refusal(&self) -> Option<&'static str> {
        match &self.connection {
            _ if !self.role_may(Act::Calibrate) => Some("Your role may not calibrate or check a kit"),
            Connection::Ready(_) if self.scanning() || self.aiming() => Some("A scan is running"),
            Connection::Ready(_) => None,
            _ => Some("The analyzer is not connected"),
        }
    }

    /// Measures the chosen standard.
    pub fn measure_standard(&mut self) {
        if self.standard_refusal().is_some() {
            return;
        }
        let remaining_ms = self.kit().map_or(0, |k| k.scan_ms);
        let DevicePage::Standard(wizard) = &mut self.device.page else { return };
        let standard = wizard.standard.clone();
        let measurement = match wizard.work {
            Work::Calibrate => KitMeasurement::Calibrate { standard, with_earlier: wizard.with_earlier },
            Work::Check => KitMeasurement::Check { standard, stricter_cm1: None },
        };
        wizard.state = WizardState::Measuring { stage: Stage::Preparing, fraction: 0.0, remaining_ms, stopping: false };
        self.send(Command::Measure(measurement));
    }

    /// Stops the measurement of a standard.
    pub fn cancel_standard(&mut self) {
        if let DevicePage::Standard(wizard) = &mut self.device.page
            && let WizardState::Measuring { stopping, .. } = &mut wizard.state
            && !*stopping
        {
            *stopping = true;
            self.send(Command::Cancel);
        }
    }

    /// Goes on with another standard, whose lines are fitted together with those before it, or with the same one again.
    pub fn another_standard(&mut self, together: bool) {
        if let DevicePage::Standard(wizard) = &mut self.device.page {
            wizard.with_earlier = together;
            wizard.state = WizardState::Choosing;
        }
    }

    /// The wizard, while it measures.
    pub(super) fn running_wizard(&mut self) -> Option<&mut Wizard> {
        match &mut self.device.page {
            DevicePage::Standard(w) if matches!(w.state, WizardState::Measuring { .. }) => Some(w),
            _ => None,
        }
    }

    /// Asks for everything that was found about the connected kit.
    pub(super) fn ask_history(&mut self) {
        if let Some(id) = self.kit().map(|kit| KitId(kit.spectrometer.serial.clone())) {
            self.send(Command::ShowKitHistory(id));
        }
    }

    /// The kit whose name and parts are saved, where the connected one is such.
    pub fn kit_name(&self) -> Option<&KitName> {
        let id = self.kit()?.saved.as_ref()?;
        self.device.shelf.as_ref()?.kits.iter().find(|kit| kit.id() == *id).map(|kit| &kit.name)
    }

    /// Uses another kit from now on.
    pub fn use_kit(&mut self, kit: KitChoice) {
        self.device.trouble = None;
        self.send(Command::UseKit(kit));
    }

    /// Forgets a kit for which the user was asked.
    pub fn forget_kit(&mut self) {
        if let Some(id) = self.device.forgetting.take() {
            self.send(Command::ForgetKit(id));
        }
    }

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

    pub(super) fn kit_trouble(&mut self, why: String) {
        if let Some(setup) = self.setup_mut() {
            setup.saving = false;
            setup.probing = false;
        }
        if let Some(wizard) = self.running_wizard() {
            wizard.state = WizardState::Failed(why);
        } else {
            self.device.trouble = Some(why);
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
        if !(200.0..=2000.0).contains(&excitation_nm) {
            return Err("The laser wavelength is a number of nanometres, like 785. It stands on the laser.".to_owned());
        }
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
            },
        ))
    }
}
