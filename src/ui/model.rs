//! What the window knows, without any drawing: events of the session come in, wishes of the user go out as commands.

use std::sync::Arc;

use crate::analyzer::LaserState;
use crate::casebook::{ClockKeeping, ScanKind, Spot, StoredScan, Subject};
use crate::library::Library;
use crate::session::{Colours, Command, Connection, Event, KitStatus, LibraryNews, LibraryWish, Stage};

use super::aim_view::AimView;
use super::answer_view::AnswerView;
use super::desk_model::DeskView;
use super::gate::Gate;
use super::kit_model::{Aim, Device, DevicePage, WizardState};
use super::kit_trends::Trends;
use super::library_model::Shelf;
use super::link::PackNote;
use super::records_model::{Records, RecordsView};
use super::widgets::Lamp;

/// Which screen is shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Screen {
    /// Scan and answer.
    Scan,
    /// List of records, or one of them.
    Records,
    /// What the program can search for.
    Library,
    /// The analyzer: state, check, calibration, saved kits.
    Device,
}

/// Answer to the question that must be asked before a laser heats a sample.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Safety {
    /// Not asked yet.
    Unanswered,
    /// Not dark, not black, cannot be an explosive.
    Harmless,
    /// Dark, black, possibly an explosive, or nobody knows.
    Dangerous,
}

/// Whether the shown answer is on disk.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Saved {
    /// Not yet.
    Pending,
    /// Written and synced under this number.
    Yes(i64),
    /// Could not be written; the sentence says why and what to do.
    No(String),
}

/// Where the scan stands.
#[derive(Debug)]
pub enum Phase {
    /// Nothing runs; a note on how the last scan ended, if it needs one.
    Idle(Option<String>),
    /// A scan runs.
    Scanning {
        /// Stage.
        stage: Stage,
        /// Share done, 0..=1.
        fraction: f32,
        /// Time left, milliseconds.
        remaining_ms: u64,
        /// True once the user asked to stop.
        stopping: bool,
    },
    /// The answer is shown.
    Answered {
        /// What is shown.
        view: Box<AnswerView>,
        /// Whether it is on disk.
        saved: Saved,
    },
    /// The scan ended without an answer.
    Failed(String),
}

/// Everything the window knows.
#[derive(Debug)]
pub struct Model {
    /// The library of the session, once it is loaded.
    pub library: Option<Arc<Library>>,
    /// The age of the installed pack; none with the bundled library.
    pub pack: Option<PackNote>,
    /// Which screen is shown.
    pub screen: Screen,
    /// Link to the kit.
    pub connection: Connection,
    /// The laser as last heard; `None` before any kit was connected.
    pub laser: Option<LaserState>,
    /// Where the scan stands.
    pub phase: Phase,
    /// Parcel number as typed.
    pub parcel: String,
    /// Sample, blank or control.
    pub kind: ScanKind,
    /// The spot of the item as typed.
    pub spot: String,
    /// Answer to the safety question.
    pub safety: Safety,
    /// Key of the sample under the emulated probe.
    pub sample: Option<String>,
    /// Records.
    pub records: Records,
    /// The library as it is looked at.
    pub shelf: Shelf,
    /// The laboratory's desk.
    pub desk: DeskView,
    /// Who is signed in.
    pub gate: Gate,
    /// Who keeps the clock of this machine right, as stated.
    pub clock_keeping: ClockKeeping,
    /// The clock is far from GPS time.
    pub clock_warning: Option<String>,
    /// The live view.
    pub aim: Aim,
    /// True while a scan waits for the end of the live view.
    pub(super) scan_waits: bool,
    /// What the Device screen knows.
    pub device: Device,
    outbox: Vec<Command>,
}

/// Why a scan is refused whose laser a key, an interlock or a fault holds.
pub const LASER_HELD: &str = "The laser cannot emit: the Device page says why and what to do";

impl Model {
    /// The state of a window that was just opened.
    pub fn new() -> Self {
        Self {
            library: None,
            pack: None,
            screen: Screen::Scan,
            connection: Connection::Connecting,
            laser: None,
            phase: Phase::Idle(None),
            parcel: String::new(),
            kind: ScanKind::Sample,
            spot: String::new(),
            safety: Safety::Unanswered,
            sample: None,
            gate: Gate::new(),
            records: Records::default(),
            shelf: Shelf::default(),
            clock_keeping: ClockKeeping::default(),
            desk: DeskView::default(),
            clock_warning: None,
            aim: Aim::Off,
            scan_waits: false,
            device: Device::default(),
            outbox: Vec::new(),
        }
    }

    /// Has a command sent with the next frame.
    pub fn send(&mut self, command: Command) {
        self.outbox.push(command);
    }

    /// The commands that wait to be sent; leaves none behind.
    pub fn take_commands(&mut self) -> Vec<Command> {
        std::mem::take(&mut self.outbox)
    }

    /// The session did not take a command; `why` is a sentence that says what to do.
    pub fn refused(&mut self, command: &Command, why: String) {
        match command {
            Command::Scan { .. } => self.phase = Phase::Failed(why),
            Command::Records(_) | Command::OpenRecord { .. } => self.records_trouble(why),
            Command::Library(LibraryWish::Laboratory(_)) => {
                self.desk_refused(why);
            }
            Command::Library(_) => self.shelf.news(LibraryNews::Trouble(why), None),
            Command::SignIn { .. } | Command::EnrolFirst { .. } => self.gate.refused(why),
            Command::Preview(_) => self.aiming_ended(Some(why)),
            Command::Measure(_)
            | Command::SaveKit { .. }
            | Command::ProbePorts(_)
            | Command::ListPorts
            | Command::UseKit(_)
            | Command::ForgetKit(_)
            | Command::SetCheckPolicy(_)
            | Command::KeepCalibration
            | Command::DiscardCalibration
            | Command::SetExposure(_)
            | Command::SetClock(_)
            | Command::SetLaserPower(_)
            | Command::UseGps(_) => self.kit_trouble(why),
            _ => self.remark(why),
        }
    }

    /// Says something beside the point, where it disturbs nothing.
    pub(super) fn remark(&mut self, text: String) {
        if let Phase::Idle(note) = &mut self.phase {
            *note = Some(text);
        }
    }

    /// The kit, when it is ready.
    pub fn kit(&self) -> Option<&KitStatus> {
        match &self.connection {
            Connection::Ready(kit) => Some(kit),
            Connection::Connecting | Connection::Lost(_) | Connection::Released => None,
        }
    }

    /// True when any device of the connected kit is emulated.
    pub fn emulated(&self) -> bool {
        self.kit().is_some_and(|k| k.spectrometer.simulated || k.laser.as_ref().is_some_and(|l| l.simulated))
    }

    /// What the laser lamp shows.
    pub fn lamp(&self) -> Lamp {
        self.laser.map_or(Lamp::NoKit, Lamp::from)
    }

    /// True while a scan runs.
    pub const fn scanning(&self) -> bool {
        matches!(self.phase, Phase::Scanning { .. })
    }

    /// Why a scan cannot start now, or nothing when it can. Before a real laser fires, the safety question must be
    /// answered; an emulated one heats nothing, but a sample called dangerous is refused in practice as in earnest.
    pub fn refusal(&self) -> Option<&'static str> {
        match (&self.connection, self.safety) {
            (Connection::Connecting, _) => Some("Waiting for the analyzer"),
            (Connection::Lost(_), _) => Some("The analyzer is not connected"),
            (Connection::Released, _) => Some("Disconnected: connect on the Device page"),
            (Connection::Ready(_), _) if self.scanning() => Some("A scan is running"),
            (Connection::Ready(_), _) if self.spot_wrong() => {
                Some("Write the spot as 2/5 left corner, or leave it empty")
            }
            (Connection::Ready(kit), _) if kit.laser_obstacle().is_some() => Some(LASER_HELD),
            (Connection::Ready(_), Safety::Dangerous) => Some("Not at full power: see what to do instead"),
            (Connection::Ready(_), Safety::Unanswered) if !self.emulated() => Some("Answer the safety question first"),
            (Connection::Ready(_), Safety::Unanswered | Safety::Harmless) => None,
        }
    }

    /// Whether what was typed as the spot cannot be one.
    fn spot_wrong(&self) -> bool {
        !self.spot.trim().is_empty() && self.spot.parse::<Spot>().is_err()
    }

    /// Starts a scan where nothing speaks against it. The live view ends first.
    pub fn start_scan(&mut self) {
        if self.refusal().is_some() {
            return;
        }
        if self.aiming() {
            self.stop_aiming();
            self.scan_waits = true;
        } else {
            self.send_scan();
        }
        let remaining_ms = self.kit().map_or(0, |k| k.scan_ms);
        self.phase = Phase::Scanning { stage: Stage::Preparing, fraction: 0.0, remaining_ms, stopping: false };
    }

    pub(super) fn send_scan(&mut self) {
        let subject = Subject { kind: self.kind, spot: self.spot.parse().ok() };
        self.send(Command::Scan { parcel: self.parcel.trim().to_owned(), subject });
    }

    /// Asks the running scan to stop.
    pub fn cancel(&mut self) {
        if let Phase::Scanning { stopping, .. } = &mut self.phase
            && !*stopping
        {
            *stopping = true;
            if std::mem::take(&mut self.scan_waits) {
                self.phase = Phase::Idle(Some("Scan cancelled before it began. Nothing was recorded.".to_owned()));
            } else {
                self.send(Command::Cancel);
            }
        }
    }

    /// Leaves the answer for the same parcel.
    pub fn another_spot(&mut self) {
        if !self.scanning() {
            self.phase = Phase::Idle(None);
        }
    }

    /// Leaves the answer for the next parcel: number and safety question start again.
    pub fn next_parcel(&mut self) {
        if !self.scanning() {
            self.phase = Phase::Idle(None);
            self.parcel.clear();
            self.spot.clear();
            self.kind = ScanKind::Sample;
            self.safety = Safety::Unanswered;
        }
    }

    /// Puts another sample under the emulated probe.
    pub fn choose_sample(&mut self, sample: String) {
        self.outbox.push(Command::SetEmulatedSample { sample });
    }

    /// Has the colours of the window remembered.
    pub fn keep_colours(&mut self, colours: Colours) {
        self.outbox.push(Command::KeepColours(colours));
    }

    /// Shows a screen. The Records screen asks for its list anew each time.
    /// The live view ends where it is not seen.
    pub fn show_screen(&mut self, screen: Screen) {
        if !self.scan_waits {
            self.stop_aiming();
        }
        self.screen = screen;
        match screen {
            Screen::Scan | Screen::Library => {}
            Screen::Records => {
                self.records.open = None;
                self.records.view = RecordsView::List;
                self.find_records();
            }
            Screen::Device => {
                self.send(Command::ListKits);
                self.ask_history();
            }
        }
    }

    /// The present step of four, from 0.
    pub fn step(&self) -> usize {
        match &self.phase {
            Phase::Answered { .. } | Phase::Failed(_) => 3,
            Phase::Scanning { .. } => 2,
            Phase::Idle(_) if self.safety == Safety::Harmless && self.refusal().is_none() => 2,
            Phase::Idle(_) => usize::from(!self.parcel.trim().is_empty()),
        }
    }

    /// Takes in what the session reported.
    pub fn apply(&mut self, event: Event) {
        match event {
            Event::Connection(connection) => self.connected(connection),
            Event::Laser(state) => self.laser = Some(state),
            Event::Progress { stage, fraction, remaining_ms } => {
                if let Some(wizard) = self.running_wizard() {
                    if let WizardState::Measuring { stopping, .. } = wizard.state {
                        wizard.state = WizardState::Measuring { stage, fraction, remaining_ms, stopping };
                    }
                } else if let Phase::Scanning { stopping, .. } = self.phase {
                    self.phase = Phase::Scanning { stage, fraction, remaining_ms, stopping };
                }
            }
            Event::Answered(scan) => self.answered(scan, Saved::Pending),
            Event::Saved(scan) => {
                let saved = Saved::Yes(scan.id);
                self.answered(scan, saved);
            }
            Event::NotSaved { scan, why, .. } => self.answered(scan, Saved::No(why)),
            Event::StillNotSaved { scan, why, .. } => self.still_not_saved(&scan, why),
            Event::TakenIn(words) => self.remark(words),
            Event::Failed(why) => self.failed(why),
            Event::Cancelled if self.measuring_standard() => self.another_standard(false),
            Event::Cancelled if self.aiming() => self.aiming_ended(None),
            Event::Cancelled => {
                self.phase = Phase::Idle(Some(
                    "Scan cancelled. The laser was commanded off and nothing was recorded.".to_owned(),
                ));
            }
            Event::EmulatedSample { sample } => self.sample = Some(sample),
            Event::Records(news) => self.records_news(news),
            Event::Library(LibraryNews::Laboratory { done, desk }) => self.desk.done(done, *desk),
            // A step that failed inside has no other end.
            Event::Library(LibraryNews::Trouble(why)) if self.desk.working.is_some() => self.desk_refused(why),
            Event::LibraryInUse(used) => self.library_in_use(used),
            Event::Library(news) => self.shelf.news(news, self.library.as_deref()),
            Event::LibraryProgress(share) => {
                if let Some(working) = &mut self.desk.working {
                    *working = share;
                }
            }
            Event::RecordProgress(fraction) => {
                if let Some(work) = &mut self.records.work {
                    work.fraction = fraction;
                }
            }
            Event::Record(scan) => {
                self.records.waiting = false;
                self.records.open = Some(Box::new(AnswerView::new(scan, self.library.as_deref())));
            }
            Event::Accounts { enrolled } => self.gate.set_enrolled(enrolled),
            Event::SignedIn(actor) => self.gate.signed_in(actor),
            Event::SignInRefused(why) => self.gate.refused(why),
            Event::SignedOut { idle } => self.gate.signed_out(idle),
            Event::SettingsNotKept(why) => {
                if let Some(settings) = self.kit_settings_mut() {
                    settings.note = Some(why.clone());
                }
                self.remark(why);
            }
            Event::Preview(frame) => {
                if matches!(self.aim, Aim::Starting | Aim::Live(_)) {
                    self.aim = Aim::Live(Box::new(AimView::new(&frame)));
                }
            }
            Event::Place(place) => self.device.place = Some(place),
            Event::ClockKeeping(keeping) => {
                self.clock_keeping = keeping;
                self.kept_settings();
            }
            Event::ClockWarning(warning) => self.clock_warning = warning,
            Event::PreviewEnded => self.aiming_ended(None),
            Event::Measured(measured) => {
                if let DevicePage::Standard(wizard) = &mut self.device.page {
                    wizard.state = WizardState::Measured(measured);
                }
                self.ask_history();
            }
            Event::KitHistory { history, .. } => self.device.trends = Some(Trends::new(&history)),
            Event::Kits(shelf) => {
                self.device.shelf = Some(shelf);
                self.kept_settings();
            }
            Event::Ports(ports) => self.listed_ports(ports),
            Event::Probed(probed) => self.probed(probed),
            Event::ProbeEnded => {
                if let Some(setup) = self.setup_mut() {
                    setup.probe_ended();
                }
            }
            Event::KitSaved(_) => self.device.page = DevicePage::Kits,
            Event::KitTrouble(why) => self.kit_trouble(why),
            Event::WireLogWritten(outcome) => self.device.wire_log = Some(outcome),
            Event::CasebookTrouble(why) => self.records_trouble(why),
        }
    }

    /// What runs ended without a result: the measurement of a standard, the live view or the scan.
    fn failed(&mut self, why: String) {
        if let Some(wizard) = self.running_wizard() {
            wizard.state = WizardState::Failed(why);
        } else if self.aiming() {
            self.aiming_ended(Some(why));
        } else {
            self.phase = Phase::Failed(why);
        }
    }

    fn connected(&mut self, connection: Connection) {
        let before = self.kit().map(|kit| kit.spectrometer.serial.clone());
        match &connection {
            Connection::Ready(kit) => self.laser = Some(kit.laser_state),
            Connection::Lost(why) => {
                // Nobody hears the laser any more: it must be treated as on.
                self.laser = Some(LaserState::Unknown);
                if self.scanning() {
                    self.phase = Phase::Failed(why.clone());
                }
            }
            // A kit that was let go said what its laser did last.
            Connection::Connecting | Connection::Released => {}
        }
        self.connection = connection;
        if self.screen == Screen::Device && self.kit().map(|kit| kit.spectrometer.serial.clone()) != before {
            self.ask_history();
        }
    }

    /// Shows an answer, or updates whether the shown one is on disk.
    /// The reason may be another one by now, and the record in a file.
    fn still_not_saved(&mut self, scan: &StoredScan, why: String) {
        if let Phase::Answered { view, saved: saved @ Saved::No(_) } = &mut self.phase
            && view.scan.record == scan.record
        {
            *saved = Saved::No(why);
        }
    }

    fn answered(&mut self, scan: Arc<StoredScan>, now: Saved) {
        match &mut self.phase {
            Phase::Answered { view, saved } if view.scan.record == scan.record => {
                view.set_scan(scan);
                *saved = now;
            }
            // The user already went on to the next parcel: only a record that is missing is worth a word.
            Phase::Idle(note) => {
                if let Saved::No(why) = now {
                    *note = Some(format!("The last scan is not saved. {why}"));
                }
            }
            Phase::Scanning { .. } | Phase::Answered { .. } | Phase::Failed(_) => {
                self.phase =
                    Phase::Answered { view: Box::new(AnswerView::new(scan, self.library.as_deref())), saved: now };
            }
        }
    }
}
