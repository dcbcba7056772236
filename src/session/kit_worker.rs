//! The thread that owns the kit: it connects, asks for its state while nothing else is to do, and acquires.

use std::sync::Arc;
use std::sync::mpsc::{Receiver, RecvTimeoutError, SyncSender};
use std::time::{Duration, Instant};

use crate::analyzer::LaserState;
use crate::casebook::{Act, Actor, Subject};
use crate::library::Library;

use super::identify_worker::{EngineRequest, Job};
use super::kit_link::{Ended, KitLink, LaserKeeping};
use super::kit_open::Opening;
use super::kit_wishes::KitWish;
use super::shared::{Shared, caught};
use super::{
    CheckPolicy, Connection, Event, KitChoice, KitMeasured, KitStatus, MeasuredStandard, PortLister, ScanExposure,
    read_choices,
};

/// How often an idle kit is asked for its state.
const STATUS_EVERY: Duration = Duration::from_secs(1);
/// How often a lost kit is looked for.
pub(super) const RETRY_EVERY: Duration = Duration::from_secs(2);

/// What the kit's thread is asked.
pub(super) enum KitRequest {
    /// Acquire and hand over to the engine.
    Scan { parcel: String, subject: Subject, operator: Option<Actor> },
    /// Put something else under the emulated probe.
    SetSample(String),
    /// Something about kits and ports.
    Wish(KitWish),
    /// The library is there (the emulator takes its samples from it), or a sentence why not.
    Library(Result<Arc<Library>, String>),
    /// The session is being dropped.
    Close,
}

/// The link to the kit.
pub(super) enum Link {
    /// Not there; when to look again.
    Down { retry_at: Instant },
    /// There, with its state as last reported.
    Up { kit: Box<KitLink>, status: Option<Box<KitStatus>> },
}

pub(super) struct KitWorker {
    pub(super) choice: KitChoice,
    /// The kit with which the session was started.
    pub(super) first_choice: KitChoice,
    pub(super) policy: CheckPolicy,
    /// Exposure of Raman scans.
    pub(super) exposure: ScanExposure,
    pub(super) keeping: LaserKeeping,
    pub(super) ports: PortLister,
    /// Serial numbers of the kit that was connected first since it was chosen; another unit does not take its place.
    pub(super) units: Option<Vec<String>>,
    /// Standards that were measured one after the other, to be fitted together.
    pub(super) measured: Vec<MeasuredStandard>,
    /// A calibration that was shown and is neither kept nor discarded.
    pub(super) pending: Option<KitMeasured>,
    pub(super) sample: String,
    pub(super) library: Option<Result<Arc<Library>, String>>,
    pub(super) link: Link,
    /// True after the user let the kit go: none is looked for.
    pub(super) released: bool,
    requests: Receiver<KitRequest>,
    jobs: SyncSender<EngineRequest>,
    pub(super) shared: Arc<Shared>,
    /// True while a scan is this worker's to end.
    pub(super) scanning: bool,
}

impl KitWorker {
    pub(super) fn new(
        choice: KitChoice,
        exposure: Option<ScanExposure>,
        keeping: LaserKeeping,
        ports: PortLister,
        requests: Receiver<KitRequest>,
        jobs: SyncSender<EngineRequest>,
        shared: Arc<Shared>,
    ) -> Self {
        let sample = match &choice {
            KitChoice::Emulator { sample, .. } => sample.clone(),
            _ => String::new(),
        };
        let kept = read_choices(&keeping.data_dir);
        Self {
            first_choice: choice.clone(),
            choice,
            policy: kept.policy,
            exposure: exposure.unwrap_or(kept.exposure),
            keeping,
            ports,
            units: None,
            measured: Vec::new(),
            pending: None,
            sample,
            library: None,
            link: Link::Down { retry_at: Instant::now() },
            released: false,
            requests,
            jobs,
            shared,
            scanning: false,
        }
    }

    /// Works until the session closes. Dropping the kit at the end commands the laser off.
    pub(super) fn run(mut self) {
        let shared = Arc::clone(&self.shared);
        // Before anything else; a kit that is emulated does not excuse a real laser that was left on.
        if !self.keeping.extinguish_left_on() {
            shared.events.push(Event::Laser(LaserState::Unknown));
        }
        if let Err(words) = caught(|| shared.events.push(Event::Connection(Connection::Connecting))) {
            self.mend(&words);
        }
        while !shared.closing() {
            match caught(|| self.turn()) {
                Ok(true) => {}
                Ok(false) => break,
                Err(words) => self.mend(&words),
            }
        }
    }

    /// After a panic: the unwinding has commanded the laser off; dropping the kit does it once more, and the next
    /// connection starts by doing it again.
    fn mend(&mut self, words: &str) {
        let old = std::mem::replace(&mut self.link, Link::Down { retry_at: Instant::now() + RETRY_EVERY });
        if let Err(words) = caught(|| drop(old)) {
            tracing::error!(words, "closing the kit panicked");
        }
        let why = format!(
            "The analyzer's part of the program failed inside ({words}). The laser was commanded off; treat it as on until the kit is connected again, and report this message."
        );
        let failed = self.scanning.then(|| {
            self.scanning = false;
            self.shared.abandon_scan();
            Event::Failed(why.clone())
        });
        let lost = Event::Connection(Connection::Lost(why));
        self.shared.report_after_panic(failed.into_iter().chain([Event::Laser(LaserState::Unknown), lost]));
    }

    /// Waits for a request, or until it is time to look at the kit. False when the session is gone.
    fn turn(&mut self) -> bool {
        let wait = match &self.link {
            Link::Up { .. } => STATUS_EVERY,
            Link::Down { .. } if !self.can_connect() => RETRY_EVERY,
            Link::Down { retry_at } => retry_at.saturating_duration_since(Instant::now()),
        };
        match self.requests.recv_timeout(wait) {
            Ok(KitRequest::Scan { parcel, subject, operator }) => self.scan(parcel, subject, operator),
            Ok(KitRequest::SetSample(sample)) => self.set_sample(sample),
            Ok(KitRequest::Wish(wish)) => self.fulfil(wish),
            Ok(KitRequest::Library(library)) => {
                if let (Ok(library), Link::Up { kit, .. }) = (&library, &mut self.link) {
                    kit.take_samples_from(library, &self.sample);
                }
                self.library = Some(library);
            }
            Ok(KitRequest::Close) | Err(RecvTimeoutError::Disconnected) => return false,
            Err(RecvTimeoutError::Timeout) => self.look(),
        }
        true
    }

    /// The emulator needs the library first.
    fn can_connect(&self) -> bool {
        !self.released && (self.library.is_some() || !self.is_emulator())
    }

    fn is_emulator(&self) -> bool {
        matches!(self.choice, KitChoice::Emulator { .. })
    }

    /// Asks the kit for its state, or looks for a lost kit.
    pub(super) fn look(&mut self) {
        match self.link {
            Link::Down { .. } if self.can_connect() => drop(self.connect()),
            Link::Down { .. } => {}
            Link::Up { .. } => self.refresh(),
        }
    }

    /// Connects and reports. Connecting never enables the laser.
    pub(super) fn connect(&mut self) -> Result<(), String> {
        match self.open(&self.choice).and_then(|kit| self.same_unit(kit)) {
            Ok(kit) => self.take(kit),
            Err(why) => self.lost(why),
        }
    }

    /// Opens a kit with the calibrations and checks of its unit.
    pub(super) fn open(&self, choice: &KitChoice) -> Result<KitLink, String> {
        let library = match &self.library {
            // Only the emulated kit needs it.
            Some(Err(why)) if matches!(choice, KitChoice::Emulator { .. }) => return Err(why.clone()),
            Some(Ok(library)) => Some(Arc::clone(library)),
            _ => None,
        };
        let (sample, keeping, interrupt) = (self.sample.as_str(), &self.keeping, self.shared.interrupt());
        let (wire_log, ports) = (&self.shared.wire_log, &self.ports);
        let mut kit = Opening { sample, library, keeping, wire_log, ports, interrupt: &interrupt }.open(choice)?;
        interrupt.done();
        kit.read_records(&self.keeping.data_dir, &self.policy)?;
        Ok(kit)
    }

    /// Refuses another unit at the ports of the one that was connected before.
    fn same_unit(&mut self, kit: KitLink) -> Result<KitLink, String> {
        let found = kit.serials();
        match &self.units {
            Some(units) if *units != found => Err(format!(
                "Another unit is connected: it says serial number {}, the one before said {}. It is not taken for the same; connect the unit of before, or choose the kit anew.",
                found.join(" with "),
                units.join(" with ")
            )),
            _ => {
                self.units = Some(found);
                Ok(kit)
            }
        }
    }

    /// Takes an opened kit into use.
    pub(super) fn take(&mut self, kit: KitLink) -> Result<(), String> {
        self.link = Link::Up { kit: Box::new(kit), status: None };
        self.announce_sample();
        self.refresh();
        match self.link {
            Link::Up { .. } => Ok(()),
            Link::Down { .. } => Err("the kit was lost again at once".to_owned()),
        }
    }

    /// Reads the kit's state and reports it where it changed.
    pub(super) fn refresh(&mut self) {
        let Link::Up { kit, status } = &mut self.link else { return };
        kit.look_at_check(&self.policy);
        match kit.status(&self.exposure.settings()) {
            Ok(new) => {
                let new = Box::new(new);
                if status.as_ref() != Some(&new) {
                    *status = Some(new.clone());
                    self.shared.events.push(Event::Laser(new.laser_state));
                    self.shared.events.push(Event::Connection(Connection::Ready(new)));
                }
            }
            Err(why) => drop(self.lost(why)),
        }
    }

    /// Lets the kit go and says so.
    pub(super) fn lost(&mut self, why: String) -> Result<(), String> {
        self.link = Link::Down { retry_at: Instant::now() + RETRY_EVERY };
        self.shared.events.push(Event::Laser(LaserState::Unknown));
        self.shared.events.push(Event::Connection(Connection::Lost(why.clone())));
        Err(why)
    }

    /// Says what lies under an emulated probe.
    fn announce_sample(&self) {
        if self.is_emulator() {
            self.shared.events.push(Event::EmulatedSample { sample: self.sample.clone() });
        }
    }

    fn set_sample(&mut self, sample: String) {
        if !self.is_emulator() {
            return; // nobody can change what lies under a real probe
        }
        if let Link::Up { kit, .. } = &mut self.link
            && let Err(why) = kit.set_sample(&sample)
        {
            return self.shared.events.push(Event::Failed(why));
        }
        self.sample = sample;
        self.announce_sample();
    }

    fn scan(&mut self, parcel: String, subject: Subject, operator: Option<Actor>) {
        self.scanning = true;
        let end = self.acquire(parcel, subject, operator);
        self.scanning = false;
        self.end(end);
    }

    /// Ends what the user waits for, where it did not end well.
    pub(super) fn end(&mut self, end: Result<(), Ended>) {
        match end {
            Ok(()) => {}
            Err(Ended::Cancelled) => self.shared.end_scan(Event::Cancelled),
            Err(Ended::Failed(why)) => self.shared.end_scan(Event::Failed(why)),
            Err(Ended::Lost(why)) => {
                drop(self.lost(why.clone()));
                self.shared.end_scan(Event::Failed(why));
            }
        }
    }

    /// The connected kit, connecting where it is not; only one that may be used.
    pub(super) fn usable(&mut self, operator: Option<&Actor>, act: Act) -> Result<&mut KitLink, Ended> {
        if let Link::Down { .. } = self.link {
            if self.released {
                return Err(Ended::Failed(
                    "The analyzer was disconnected here; connect it on the Device page.".to_owned(),
                ));
            }
            if !self.can_connect() {
                return Err(Ended::Failed("The library is still being loaded; scan again in a moment.".to_owned()));
            }
            self.connect()
                .map_err(|why| if self.shared.cancelled() { Ended::Cancelled } else { Ended::Failed(why) })?;
        }
        let Link::Up { kit, .. } = &mut self.link else {
            return Err(Ended::Failed("No kit is connected; connect it and scan again.".to_owned()));
        };
        let emulated = kit.simulated();
        let admitted = self.shared.operators.admit(operator, act, emulated, || self.shared.cancelled());
        admitted.map_err(|why| Ended::Failed(why.to_owned()))?;
        Ok(kit)
    }

    fn acquire(&mut self, parcel: String, subject: Subject, operator: Option<Actor>) -> Result<(), Ended> {
        let (policy, exposure, shared) = (self.policy, self.exposure, Arc::clone(&self.shared));
        let emulated_sample = self.is_emulator().then(|| self.sample.clone());
        let kit = self.usable(operator.as_ref(), Act::Scan)?;
        let check = kit.look_at_check(&policy);
        // A kit in memory has nothing that could go out of adjustment; a scanner stands on its white reference.
        if emulated_sample.is_none() && kit.laser().is_some() {
            policy.admits(&check).map_err(Ended::Failed)?;
        }
        let acquisition = kit.acquire(&exposure.settings(), &shared)?;
        // From here on the scan is the engine's thread's to end. The channel has room: one scan runs at a time.
        self.scanning = false;
        let ticket = self.shared.begin_identifying();
        if self.shared.cancelled() {
            // Whoever cancelled after this line has ended the scan already.
            return if self.shared.end_identifying(ticket) { Err(Ended::Cancelled) } else { Ok(()) };
        }
        let job = Job { ticket, parcel, subject, operator, emulated_sample, acquisition };
        match self.jobs.send(EngineRequest::Answer(Box::new(job))) {
            Err(_) if self.shared.end_identifying(ticket) => {
                Err(Ended::Failed("The engine's thread has ended; start the program again.".to_owned()))
            }
            Ok(()) | Err(_) => Ok(()),
        }
    }
}
