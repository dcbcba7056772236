//! A running session as its holder sees it.

use std::cell::RefCell;
use std::io;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::sync::mpsc::{SyncSender, TrySendError, sync_channel};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use thiserror::Error;

use crate::analyzer::WireLog;
use crate::casebook::{Act, Subject};

use super::casebook_worker::{CasebookRequest, CasebookWorker};
use super::events::Events;
use super::gps_watch::{self, GpsPort};
use super::identify_worker::IdentifyWorker;
use super::kit_link::LaserKeeping;
use super::kit_wishes::KitWish;
use super::kit_worker::{KitRequest, KitWorker};
use super::library_worker::{LibraryWish, LibraryWorker};
use super::operators::Operators;
use super::records_worker::RecordsWorker;
use super::shared::Shared;
use super::{Command, Event, RecordWish, SessionConfig, Settings, read_choices};

/// Requests that may wait for a worker.
const QUEUE: usize = 16;
/// Longest that dropping a session waits for its threads: a readout that runs cannot be hurried, a sync neither.
const PATIENCE: Duration = Duration::from_secs(5);
/// Longest that it waits for the casebook's thread: a casebook that another program keeps locked is waited for twice, and
/// then the scan goes into a file.
const CASEBOOK_PATIENCE: Duration = Duration::from_secs(20);

/// Why a command was not taken. Nothing happened.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum Refused {
    /// One scan, measurement, preview or probe at a time.
    #[error("a scan is running, or another work of the kit; wait for its result or cancel it")]
    ScanRunning,
    /// Too many commands wait, or their outcomes are not read.
    #[error("the program is busy with earlier requests; try again in a moment")]
    Busy,
    /// Too many scans wait for a casebook that cannot be written.
    #[error(
        "too many scans wait for a casebook that cannot be written; solve that first (see the message about the record), then scan again"
    )]
    TooManyUnsaved,
    /// The role of who is signed in does not do this.
    #[error("the role of this account may not {} (docs/casebook.md has the table); somebody whose role may must sign in", .0.words())]
    NotPermitted(Act),
    /// A worker has ended.
    #[error("a part of the program has ended; start the program again")]
    Ended,
}

/// The threads that connect, scan, identify and record. Dropping it ends them, laser off first.
pub struct Session {
    kit: SyncSender<KitRequest>,
    gps: Option<SyncSender<GpsPort>>,
    casebook: Option<SyncSender<CasebookRequest>>,
    records: Option<SyncSender<RecordWish>>,
    library: Option<SyncSender<LibraryWish>>,
    shared: Arc<Shared>,
    threads: Vec<JoinHandle<()>>,
}

impl Session {
    /// Starts the threads and returns at once; what they find is reported by events. Fails only when the system gives
    /// no threads.
    pub fn start(config: SessionConfig) -> io::Result<Self> {
        let SessionConfig {
            data_dir,
            kit: choice,
            operator,
            idle_lock,
            engine,
            guardian,
            exposure,
            gps_port,
            clock,
            ports,
            waker,
        } = config;
        let shared = Arc::new(Shared::new(Events::new(waker), Operators::new(operator, idle_lock)));
        shared.set_clock_keeping(clock.unwrap_or_else(|| Settings::of(&data_dir).clock));
        let (kit, kit_requests) = sync_channel(QUEUE);
        // One scan runs at a time; beside it there is room for whoever says that another pack is in use.
        let (jobs, jobs_waiting) = sync_channel(QUEUE);
        let (casebook, casebook_requests) = sync_channel(QUEUE);

        let writer = CasebookWorker::new(data_dir.clone(), casebook_requests, Arc::clone(&shared));
        let thinker = IdentifyWorker {
            requests: jobs_waiting,
            casebook: casebook.clone(),
            shared: Arc::clone(&shared),
            data_dir: data_dir.clone(),
            reader: RefCell::new(None),
        };
        let (records, record_wishes) = sync_channel(QUEUE);
        let reader = RecordsWorker::new(data_dir.clone(), record_wishes, Arc::clone(&shared));
        let (library, library_wishes) = sync_channel(QUEUE);
        let curator = LibraryWorker::new(data_dir.clone(), library_wishes, jobs.clone(), Arc::clone(&shared));
        let gps_port = gps_port.or_else(|| read_choices(&data_dir).gps_port);
        let keeping = LaserKeeping { data_dir, guardian };
        let scanner = KitWorker::new(choice, exposure, keeping, ports, kit_requests, jobs, Arc::clone(&shared));
        let library_to = kit.clone();
        let (gps, gps_ports) = sync_channel(QUEUE);
        // The channel is new: it has room.
        let _ = gps.try_send(gps_port);
        let mut session = Self {
            kit,
            gps: Some(gps),
            casebook: Some(casebook),
            records: Some(records),
            library: Some(library),
            shared,
            threads: Vec::new(),
        };
        session.spawn("casebook", move || writer.run())?;
        session.spawn("records", move || reader.run())?;
        session.spawn("library", move || curator.run())?;
        session.spawn("identify", move || thinker.run(engine, &library_to))?;
        let listener = Arc::clone(&session.shared);
        session.spawn("gps", move || gps_watch::watch(&listener, &gps_ports))?;
        session.spawn("kit", move || scanner.run())?;
        Ok(session)
    }

    fn spawn(&mut self, name: &str, work: impl FnOnce() + Send + 'static) -> io::Result<()> {
        self.threads.push(thread::Builder::new().name(name.to_owned()).spawn(work)?);
        Ok(())
    }

    /// Hands a command to the threads. Never waits. The outcome comes as an [`Event`]; a command that is refused has
    /// none.
    pub fn send(&self, command: Command) -> Result<(), Refused> {
        match command {
            Command::Cancel => {
                self.shared.cancel();
                Ok(())
            }
            Command::Scan { parcel, subject } => self.scan(parcel, subject),
            Command::SetEmulatedSample { sample } => self.ask(&self.kit, KitRequest::SetSample(sample)),
            Command::OpenRecord { id } => self.ask_casebook(CasebookRequest::Load(id)),
            Command::Records(wish) => self.records(wish),
            Command::Library(LibraryWish::Stop) => {
                self.shared.stop_library.store(true, Ordering::SeqCst);
                Ok(())
            }
            Command::Library(wish) => {
                if let LibraryWish::Laboratory(wish) = &wish
                    && let Some(act) = wish.act()
                {
                    self.permitted(act)?;
                }
                self.library.as_ref().map_or(Err(Refused::Ended), |library| self.ask(library, wish))
            }
            Command::EnrolFirst { name, secret } => self.ask_casebook(CasebookRequest::EnrolFirst { name, secret }),
            Command::SignIn { name, secret } => self.ask_casebook(CasebookRequest::SignIn { name, secret }),
            Command::SignOut => self.ask_casebook(CasebookRequest::SignOut),
            Command::Active => {
                self.shared.operators.active();
                Ok(())
            }
            Command::KeepColours(colours) => self.ask_casebook(CasebookRequest::KeepColours(colours)),
            Command::SetClock(keeping) => {
                self.permitted(Act::ManageKits)?;
                self.ask_casebook(CasebookRequest::SetClock(keeping))
            }
            Command::ListKits => self.wish(KitWish::List),
            Command::ListPorts => self.wish(KitWish::Ports),
            Command::ForgetKit(id) => {
                self.permitted(Act::ManageKits)?;
                self.wish(KitWish::Forget(id))
            }
            Command::UseKit(kit) => {
                self.permitted(Act::ChooseKit)?;
                self.wish(KitWish::Use(kit))
            }
            Command::SetLaserPower(power_mw) => {
                self.permitted(Act::ManageKits)?;
                self.wish(KitWish::Power(power_mw))
            }
            Command::SetCheckPolicy(policy) => {
                self.permitted(Act::ManageKits)?;
                self.wish(KitWish::Policy(policy))
            }
            Command::SetExposure(exposure) => {
                self.permitted(Act::Scan)?;
                self.wish(KitWish::Exposure(exposure))
            }
            Command::ShowKitHistory(id) => self.wish(KitWish::History(id)),
            Command::Disconnect => self.wish(KitWish::Disconnect),
            Command::Connect => self.wish(KitWish::Connect),
            Command::ExportWireLog => self.ask_casebook(CasebookRequest::ExportWireLog(self.wire_log())),
            Command::UseGps(port) => {
                self.permitted(Act::ChooseKit)?;
                if self.shared.operators.someone_must_sign_in() {
                    return self.wish(KitWish::Gps(port));
                }
                self.gps.as_ref().map_or(Err(Refused::Ended), |gps| self.ask(gps, port.clone()))?;
                self.wish(KitWish::Gps(port))
            }
            Command::ProbePorts(ports) => self.occupy(KitRequest::Wish(KitWish::Probe(ports))),
            Command::SaveKit { name, kit } => {
                self.permitted(Act::ManageKits)?;
                self.occupy(KitRequest::Wish(KitWish::Save(name, kit)))
            }
            Command::Measure(measurement) => {
                self.permitted(Act::Calibrate)?;
                self.occupy(KitRequest::Wish(KitWish::Measure(measurement)))
            }
            Command::KeepCalibration => {
                self.permitted(Act::Calibrate)?;
                self.wish(KitWish::Keep { wanted: true })
            }
            Command::DiscardCalibration => {
                self.permitted(Act::Calibrate)?;
                self.wish(KitWish::Keep { wanted: false })
            }
            Command::Preview(settings) => self.occupy(KitRequest::Wish(KitWish::Preview(settings))),
        }
    }

    /// The last minute of what passed over the wires of the kit. To be read at any time, also while the kit's thread
    /// waits for a device.
    pub fn wire_log(&self) -> WireLog {
        self.shared.wire_log.clone()
    }

    /// The oldest event that was not read yet. Never waits.
    pub fn try_recv(&self) -> Option<Event> {
        self.shared.events.try_next()
    }

    /// The oldest event that was not read yet, waiting for one up to `timeout`. For callers without a window.
    pub fn recv_timeout(&self, timeout: Duration) -> Option<Event> {
        self.shared.events.next(timeout)
    }

    /// Refuses what the role of who is signed in does not allow, and has the refusal recorded. Whether anybody must be
    /// signed in is the worker's to say.
    fn permitted(&self, act: Act) -> Result<(), Refused> {
        match self.shared.operators.current().filter(|actor| !actor.role().may(act)) {
            None => Ok(()),
            Some(actor) => {
                self.ask_casebook(CasebookRequest::Permit(actor, act))?;
                Err(Refused::NotPermitted(act))
            }
        }
    }

    fn scan(&self, parcel: String, subject: Subject) -> Result<(), Refused> {
        self.permitted(Act::Scan)?;
        let operator = self.shared.operators.current();
        if self.shared.unsaved_full() {
            return Err(Refused::TooManyUnsaved);
        }
        self.occupy(KitRequest::Scan { parcel, subject, operator })
    }

    /// Asks for what only one at a time can have of the kit, and what a cancel ends.
    fn occupy(&self, request: KitRequest) -> Result<(), Refused> {
        if !self.shared.begin_scan() {
            return Err(Refused::ScanRunning);
        }
        self.ask(&self.kit, request).inspect_err(|_| self.shared.abandon_scan())
    }

    fn wish(&self, wish: KitWish) -> Result<(), Refused> {
        self.ask(&self.kit, KitRequest::Wish(wish))
    }

    fn records(&self, wish: RecordWish) -> Result<(), Refused> {
        match wish {
            RecordWish::State { id, act } => self.ask_casebook(CasebookRequest::State { id, act }),
            RecordWish::Stop => {
                self.shared.stop_records.store(true, Ordering::SeqCst);
                Ok(())
            }
            wish => self.records.as_ref().map_or(Err(Refused::Ended), |records| self.ask(records, wish)),
        }
    }

    fn ask_casebook(&self, request: CasebookRequest) -> Result<(), Refused> {
        self.casebook.as_ref().map_or(Err(Refused::Ended), |casebook| self.ask(casebook, request))
    }

    fn ask<T>(&self, worker: &SyncSender<T>, request: T) -> Result<(), Refused> {
        if self.shared.events.crowded() {
            return Err(Refused::Busy);
        }
        worker.try_send(request).map_err(|e| match e {
            TrySendError::Full(_) => Refused::Busy,
            TrySendError::Disconnected(_) => Refused::Ended,
        })
    }
}

impl Drop for Session {
    fn drop(&mut self) {
        // Cancels a scan; the kit's thread ends, and with it the engine's, and with it the casebook's.
        self.shared.close();
        // Wakes an idle kit thread. Where the queue is full it is awake.
        let _ = self.kit.try_send(KitRequest::Close);
        self.casebook = None;
        self.records = None;
        self.library = None;
        self.gps = None;
        let start = Instant::now();
        for thread in self.threads.drain(..) {
            let patience = if thread.thread().name() == Some("casebook") { CASEBOOK_PATIENCE } else { PATIENCE };
            while !thread.is_finished() && start.elapsed() < patience {
                thread::sleep(Duration::from_millis(2));
            }
            let name = thread.thread().name().unwrap_or_default().to_owned();
            if !thread.is_finished() {
                tracing::error!(name, "a thread did not end in time and is left behind");
            } else if thread.join().is_err() {
                tracing::error!(name, "a thread ended by a panic");
            }
        }
    }
}
