//! The thread that owns the casebook and the other files of the data folder.

use std::collections::VecDeque;
use std::fs::{self, File};
use std::io::Write;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::mpsc::{Receiver, RecvTimeoutError};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use jiff::Timestamp;

use crate::analyzer::WireLog;
use crate::casebook::{
    Act, Actor, Casebook, CasebookError, ClockKeeping, Event as NewEvent, NewAccount, Reference, Role, Secret,
    StoredScan,
};

use super::operators::Enrolment;
use super::set_aside::{remove, set_aside, take_in};
use super::shared::{Shared, caught};
use super::{Colours, Event, RecordAct, RecordNews, Settings, Stage, UNENROLLED, casebook_path, system_uptime};

/// How often scans that could not be written are tried again.
const RETRY: Duration = Duration::from_secs(5);
/// How often it is looked whether whoever is signed in does nothing.
const LOOK_IDLE: Duration = Duration::from_millis(250);
/// How often it is looked whether a backup is due.
const LOOK_BACKUP: Duration = Duration::from_mins(1);
/// Most scans that wait for a casebook that cannot be written; no scan is accepted beyond them.
const MOST_UNSAVED: usize = 32;

/// What the casebook thread is asked.
pub(super) enum CasebookRequest {
    /// Write the scan and report it as saved.
    Save(Arc<StoredScan>),
    /// One record.
    Load(i64),
    /// Say something about a record in the name of who is signed in.
    State { id: i64, act: RecordAct },
    /// Enrol the first administrator.
    EnrolFirst { name: String, secret: Secret },
    /// Sign somebody in.
    SignIn { name: String, secret: Secret },
    /// Sign out whoever is signed in.
    SignOut,
    /// Ask whether somebody may do something, so that a refusal is recorded.
    Permit(Actor, Act),
    /// Write the colours of the window.
    KeepColours(Colours),
    /// Say and keep who keeps the clock right.
    SetClock(ClockKeeping),
    /// Write the wire log to a file of its own.
    ExportWireLog(WireLog),
}

/// A scan that could not be written yet.
struct Waiting {
    scan: Arc<StoredScan>,
    /// The file that holds it meanwhile, or why there is none.
    aside: Result<PathBuf, String>,
}

impl Waiting {
    /// What to tell somebody whose scan is not in the casebook.
    fn words(&self, why: &str) -> String {
        let again = format!("tried again every {} seconds", RETRY.as_secs());
        match &self.aside {
            Ok(path) => format!(
                "The record is not saved: {why}. The scan is kept in memory and {again}. It is in the file {} as well: if the program ends before, the next start takes it in.",
                path.display()
            ),
            Err(nowhere) => format!(
                "The record is not saved: {why}. The scan is kept in memory only and {again}; do not close the program: {nowhere}."
            ),
        }
    }
}

pub(super) struct CasebookWorker {
    data_dir: PathBuf,
    requests: Receiver<CasebookRequest>,
    shared: Arc<Shared>,
    casebook: Option<Casebook>,
    /// Scans that could not be written yet, oldest first.
    unsaved: VecDeque<Waiting>,
    /// The copy that is being made, and when it was last looked whether one is due.
    backup: Option<JoinHandle<()>>,
    backup_looked: Option<Instant>,
    /// The scan whose outcome was not reported yet.
    current: Option<Arc<StoredScan>>,
}

impl CasebookWorker {
    pub(super) fn new(data_dir: PathBuf, requests: Receiver<CasebookRequest>, shared: Arc<Shared>) -> Self {
        Self {
            data_dir,
            requests,
            shared,
            casebook: None,
            unsaved: VecDeque::new(),
            backup: None,
            backup_looked: None,
            current: None,
        }
    }

    /// Works until all who could ask are gone.
    pub(super) fn run(mut self) {
        if let Err(words) = caught(|| self.greet()) {
            self.mend(&words);
        }
        loop {
            match caught(|| self.turn()) {
                Ok(true) => {}
                Ok(false) => break,
                Err(words) => self.mend(&words),
            }
        }
        // A last try for what is in no file; what is in one the next start takes in.
        if self.unsaved.iter().any(|waiting| waiting.aside.is_err())
            && let Err(words) = caught(|| self.retry())
        {
            self.mend(&words);
        }
    }

    /// After a panic: opens the database anew next time, and says what became of the scan that was being written.
    fn mend(&mut self, words: &str) {
        self.casebook = None;
        let why = format!("The casebook's part of the program failed inside ({words}); report this message.");
        let event = match self.current.take() {
            Some(scan) => {
                self.set_aside();
                self.shared.abandon_scan();
                self.not_saved(scan, &why)
            }
            None => Event::CasebookTrouble(why),
        };
        self.shared.report_after_panic([event]);
    }

    /// Opens the casebook early, so that trouble with it is on the screen before the first scan.
    fn greet(&mut self) {
        for taken in take_in(&self.data_dir) {
            self.shared.events.push(match taken {
                Ok(taken) => Event::TakenIn(taken.words()),
                Err(error) => Event::CasebookTrouble(error.to_string()),
            });
        }
        self.shared.events.push(Event::ClockKeeping(self.shared.clock_keeping()));
        match self.casebook().and_then(|casebook| casebook.has_accounts()) {
            Ok(enrolled) => {
                let enrolment = if enrolled { Enrolment::Somebody } else { Enrolment::Nobody };
                self.shared.operators.set_enrolment(enrolment);
                self.shared.events.push(Event::Accounts { enrolled });
            }
            Err(error) => {
                // An emulated kit may still be shown to somebody; a real one stays shut.
                self.shared.operators.set_enrolment(Enrolment::Nobody);
                self.shared.events.push(Event::CasebookTrouble(error.to_string()));
            }
        }
    }

    /// One request, or one round of retries. False when nobody can ask any more.
    fn turn(&mut self) -> bool {
        let signed_in = self.shared.operators.current().is_some();
        let request = if !self.unsaved.is_empty() {
            self.requests.recv_timeout(RETRY)
        } else if signed_in {
            self.requests.recv_timeout(LOOK_IDLE)
        } else {
            self.requests.recv_timeout(LOOK_BACKUP)
        };
        self.back_up_if_due();
        if let Some(actor) = self.shared.operators.lock_idle() {
            self.signed_out(&actor, true);
        }
        match request {
            Ok(CasebookRequest::Save(scan)) => self.save(scan),
            Ok(CasebookRequest::Load(id)) => self.load(id),
            Ok(CasebookRequest::State { id, act }) => self.state(id, act),
            Ok(CasebookRequest::EnrolFirst { name, secret }) => self.enrol_first(&name, &secret),
            Ok(CasebookRequest::SignIn { name, secret }) => self.sign_in(&name, &secret),
            Ok(CasebookRequest::SignOut) => {
                if let Some(actor) = self.shared.operators.current() {
                    self.shared.operators.set(None);
                    self.signed_out(&actor, false);
                }
            }
            Ok(CasebookRequest::Permit(actor, act)) => self.permit(&actor, act),
            Ok(CasebookRequest::KeepColours(colours)) => {
                self.keep(Settings { colours, ..Settings::of(&self.data_dir) });
            }
            Ok(CasebookRequest::SetClock(keeping)) => self.set_clock(keeping),
            Ok(CasebookRequest::ExportWireLog(log)) => self.export(&log),
            Err(RecvTimeoutError::Timeout) => self.retry_and_tell(),
            Err(RecvTimeoutError::Disconnected) => return false,
        }
        true
    }

    fn casebook(&mut self) -> Result<&mut Casebook, CasebookError> {
        let casebook = match self.casebook.take() {
            Some(casebook) => casebook,
            None => Casebook::open(&casebook_path(&self.data_dir))?,
        };
        Ok(self.casebook.insert(casebook))
    }

    fn save(&mut self, scan: Arc<StoredScan>) {
        // It waits behind older scans that could not be written, so that the records keep the order of time; and it is
        // in the list before anything can go wrong.
        self.unsaved.push_back(Waiting { scan: Arc::clone(&scan), aside: Err("it was not tried yet".to_owned()) });
        self.current = Some(Arc::clone(&scan));
        self.shared.progress(Stage::Saving, 0.99, Duration::from_millis(20));
        let why = self.retry();
        self.shared.set_unsaved_full(self.unsaved.len() >= MOST_UNSAVED);
        if self.current.take().is_some() {
            let event = self.not_saved(scan, &why.unwrap_or_default());
            self.shared.end_scan(event);
        }
    }

    /// What is reported of a scan that waits.
    fn not_saved(&self, scan: Arc<StoredScan>, why: &str) -> Event {
        let waiting = self.unsaved.iter().find(|waiting| Arc::ptr_eq(&waiting.scan, &scan));
        let words = waiting.map_or_else(|| format!("The record is not saved: {why}."), |waiting| waiting.words(why));
        let kept = waiting.and_then(|waiting| waiting.aside.clone().ok());
        Event::NotSaved { scan, why: words, kept }
    }

    /// One that is in a file already may have been taken in by another process, so it is looked for first.
    fn append(&mut self, scan: &StoredScan, is_aside: bool) -> Result<i64, String> {
        let result = self.casebook().and_then(|casebook| {
            if is_aside { Ok(casebook.append_late(&scan.record)?.0) } else { casebook.append(&scan.record) }
        });
        result.map_err(|e| e.to_string())
    }

    /// Writes a file for each scan that waits and has none.
    fn set_aside(&mut self) {
        for waiting in self.unsaved.iter_mut().filter(|waiting| waiting.aside.is_err()) {
            waiting.aside = set_aside(&self.data_dir, &waiting.scan.record).map_err(|error| error.to_string());
        }
    }

    /// Writes the scans that wait, oldest first, up to the first that still cannot be written; says why it cannot.
    fn retry(&mut self) -> Option<String> {
        while let Some(Waiting { scan, aside }) = self.unsaved.front() {
            let (scan, aside) = (Arc::clone(scan), aside.clone().ok());
            let id = match self.append(&scan, aside.is_some()) {
                Ok(id) => id,
                Err(why) => {
                    self.set_aside();
                    tracing::info!(why, waiting = self.unsaved.len(), "scans still cannot be written");
                    return Some(why);
                }
            };
            self.unsaved.pop_front();
            if let Some(path) = aside {
                remove(&path);
            }
            self.shared.saved(&scan.record);
            self.shared.set_unsaved_full(false);
            let saved = Event::Saved(Arc::new(StoredScan { id, record: scan.record.clone() }));
            if self.current.take_if(|current| Arc::ptr_eq(current, &scan)).is_some() {
                self.shared.end_scan(saved);
            } else {
                self.shared.events.push(saved);
            }
        }
        None
    }

    /// A round of retries whose outcome nobody waits for.
    fn retry_and_tell(&mut self) {
        if let Some(why) = self.retry()
            && let Some(waiting) = self.unsaved.front()
        {
            let (scan, kept) = (Arc::clone(&waiting.scan), waiting.aside.clone().ok());
            self.shared.events.push(Event::StillNotSaved { scan, why: waiting.words(&why), kept });
        }
    }

    fn load(&mut self, id: i64) {
        if let Err(why) = self.shared.operators.admit_to_records(Act::Read, || true) {
            return self.shared.events.push(Event::CasebookTrouble(why.to_owned()));
        }
        let answer = self.casebook().and_then(|casebook| casebook.load(id));
        self.answer(answer.map(|scan| Event::Record(Arc::new(scan))));
    }

    /// Makes a copy where the plan says that one is due, on a thread of its own: saving never waits for it.
    fn back_up_if_due(&mut self) {
        let running = self.backup.as_ref().is_some_and(|copy| !copy.is_finished());
        if running || self.backup_looked.is_some_and(|looked| looked.elapsed() < LOOK_BACKUP) {
            return;
        }
        self.backup_looked = Some(Instant::now());
        let due = self.casebook.as_ref().and_then(|casebook| casebook.backup_due(Timestamp::now()).ok().flatten());
        let Some(folder) = due else { return };
        let (path, shared) = (casebook_path(&self.data_dir), Arc::clone(&self.shared));
        let copy = move || {
            let copied = Casebook::open(&path)
                .and_then(|mut casebook| casebook.back_up(Timestamp::now(), "parcelscope", &folder));
            match copied {
                Ok(path) => tracing::info!(path = %path.display(), "a backup was written and verified"),
                Err(error) => shared.events.push(Event::CasebookTrouble(error.to_string())),
            }
        };
        match thread::Builder::new().name("backup".to_owned()).spawn(copy) {
            Ok(copy) => self.backup = Some(copy),
            Err(error) => tracing::warn!(%error, "no thread for the backup that is due"),
        }
    }

    fn sign_in(&mut self, name: &str, secret: &Secret) {
        let uptime = system_uptime();
        let signed_in = self.casebook().and_then(|casebook| casebook.sign_in(Timestamp::now(), &uptime, name, secret));
        self.shared.events.push(match signed_in {
            Ok(actor) => {
                self.shared.operators.set(Some(actor.clone()));
                self.shared.operators.set_enrolment(Enrolment::Somebody);
                Event::SignedIn(actor)
            }
            Err(why) => Event::SignInRefused(why.to_string()),
        });
    }

    fn state(&mut self, id: i64, act: RecordAct) {
        let stated = match self.shared.operators.current() {
            None => Err("Nobody is signed in, so nothing was recorded; sign in and say it again.".to_owned()),
            Some(by) => self.said(&by, id, act).map_err(|error| error.to_string()),
        };
        let done = stated.is_ok();
        self.shared.events.push(Event::Records(RecordNews::Stated(stated)));
        if done {
            let news = match self.casebook().and_then(|casebook| casebook.history(id)) {
                Ok(entries) => RecordNews::History { id, entries },
                Err(error) => RecordNews::Trouble(error.to_string()),
            };
            self.shared.events.push(Event::Records(news));
        }
    }

    fn said(&mut self, by: &Actor, id: i64, act: RecordAct) -> Result<i64, CasebookError> {
        let (now, uptime) = (Timestamp::now(), system_uptime());
        let casebook = self.casebook()?;
        match act {
            RecordAct::State(statement) => casebook.state(now, by, id, &statement),
            RecordAct::HandOver { to, secret, seal, text } => {
                let to = casebook.sign_in(now, &uptime, &to, &secret)?;
                casebook.hand_over(now, by, &to, id, &seal, &text)
            }
            RecordAct::Correct { event, field, now: right, reason } => {
                let of = event.map_or(Reference::Scan(id), Reference::Event);
                casebook.correct(now, by, id, (of, &field), &right, &reason)
            }
            RecordAct::Attach { file, text } => casebook.attach(now, by, id, &file, &text),
        }
    }

    fn enrol_first(&mut self, name: &str, secret: &Secret) {
        let new = NewAccount {
            name: name.to_owned(),
            role: Role::Administrator,
            badge: None,
            training_expires: None,
            secret: secret.clone(),
        };
        match self.casebook().and_then(|casebook| casebook.enrol_first(Timestamp::now(), &new)) {
            Ok(()) => {
                self.shared.operators.set_enrolment(Enrolment::Somebody);
                self.shared.events.push(Event::Accounts { enrolled: true });
                self.sign_in(name, secret);
            }
            Err(why) => self.shared.events.push(Event::SignInRefused(why.to_string())),
        }
    }

    fn signed_out(&mut self, actor: &Actor, idle: bool) {
        let why = if idle { "nobody did anything for too long" } else { "asked to" };
        if let Err(error) = self.casebook().and_then(|casebook| casebook.sign_out(Timestamp::now(), actor, why)) {
            tracing::warn!(%error, "that somebody signed out is not recorded");
        }
        self.shared.events.push(Event::SignedOut { idle });
    }

    fn permit(&mut self, actor: &Actor, act: Act) {
        if let Err(error) = self.casebook().and_then(|casebook| casebook.permit(Timestamp::now(), actor, act, None)) {
            tracing::info!(%error, "an act was refused");
        }
    }

    /// The word of who keeps the clock stands in every record, so that a change of it is an event.
    fn set_clock(&mut self, keeping: ClockKeeping) {
        let operator = self.shared.operators.current();
        if let Err(why) = self.shared.operators.admit(operator.as_ref(), Act::ManageKits, true, || true) {
            return self.shared.events.push(Event::SettingsNotKept(why.to_owned()));
        }
        let body = serde_json::json!({ "before": self.shared.clock_keeping(), "kept_by": keeping });
        let by = operator.as_ref().map_or(UNENROLLED, Actor::name);
        let event = NewEvent { operator: by, kind: "clock-keeping", scan_id: None, body: &body };
        if let Err(error) = self.casebook().and_then(|casebook| casebook.append_event(Timestamp::now(), &event)) {
            return self.shared.events.push(Event::SettingsNotKept(error.to_string()));
        }
        self.shared.set_clock_keeping(keeping);
        self.keep(Settings { clock: keeping, ..Settings::of(&self.data_dir) });
        self.shared.events.push(Event::ClockKeeping(keeping));
    }

    fn keep(&self, settings: Settings) {
        if let Err(error) = settings.keep(&self.data_dir) {
            self.shared.events.push(Event::SettingsNotKept(format!(
                "The settings hold only until the program ends: {} cannot be written ({error}). Check its permissions and the free space.",
                self.data_dir.display()
            )));
        }
    }

    /// Writes the log into the data folder, under a name that says when; never over an earlier one.
    fn export(&self, log: &WireLog) {
        let folder = self.data_dir.join("support");
        let path = folder.join(format!("wire-log-{}.txt", Timestamp::now().strftime("%Y%m%dT%H%M%S.%3fZ")));
        let written = fs::create_dir_all(&folder)
            .and_then(|()| File::create_new(&path))
            .and_then(|mut file| file.write_all(log.text().as_bytes()).and_then(|()| file.sync_all()));
        let outcome = written.map(|()| path).map_err(|error| {
            format!(
                "The wire log cannot be written to {} ({error}); check its permissions and the free space.",
                folder.display()
            )
        });
        self.shared.events.push(Event::WireLogWritten(outcome));
    }

    fn answer(&self, answer: Result<Event, CasebookError>) {
        self.shared.events.push(answer.unwrap_or_else(|error| Event::CasebookTrouble(error.to_string())));
    }
}
