//! What the window knows of the kit beyond its state: aiming, standards, saved kits.

use std::path::PathBuf;

use crate::analyzer::PreviewSettings;
use crate::analyzer::gps::Place;
use crate::casebook::Act;
use crate::session::{Command, Connection, KitChoice, KitId, KitMeasured, KitMeasurement, KitName, KitShelf, Stage};

use super::aim_view::AimView;
use super::kit_settings_model::KitSettings;
use super::kit_setup_model::Setup;
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
    /// To give a near-infrared scanner its white reference.
    White,
}

/// Standards whose lines together reach over the whole of a usual axis, in the order in which they are proposed.
pub const WHOLE_AXIS: [&str; 3] = ["polystyrene", "toluene-acetonitrile", "acetaminophen"];

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
    /// What it showed; a calibration is not kept before the user says so.
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
    /// How scans are exposed, where the receiver is, what is demanded of checks.
    Settings(Box<KitSettings>),
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
    /// Where the machine is, once the receiver said anything.
    pub place: Option<Place>,
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
            DevicePage::Kits | DevicePage::Settings(_) => self.send(Command::ListKits),
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
            "Your role may not save or forget kits or set laser power and check policy; somebody whose role may must sign in",
        )
    }

    /// Why neither the kit nor the GPS receiver in use can be chosen.
    pub fn choose_refusal(&self) -> Option<&'static str> {
        (!self.role_may(Act::ChooseKit))
            .then_some("Your role may not choose the kit or the GPS receiver; somebody whose role may must sign in")
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
            Work::White => KitMeasurement::White,
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
            if let (true, WizardState::Measured(measured)) = (together, &wizard.state) {
                let new = WHOLE_AXIS.into_iter().find(|key| !measured.record.samples.iter().any(|s| s == key));
                new.unwrap_or(WHOLE_AXIS[0]).clone_into(&mut wizard.standard);
            }
            wizard.with_earlier = together;
            wizard.state = WizardState::Choosing;
        }
    }

    /// Keeps the calibration that is shown, or not.
    pub fn conclude_calibration(&mut self, keep: bool) {
        self.device.trouble = None;
        self.send(if keep { Command::KeepCalibration } else { Command::DiscardCalibration });
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
