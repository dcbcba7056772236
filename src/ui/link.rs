//! What the window needs of a session: commands go out, events come in, and neither ever waits.

use std::io;
use std::sync::{Arc, OnceLock};

use jiff::Timestamp;

use crate::library::Library;
use crate::session::{self, Command, Event, PackAge, Session, SessionConfig};

/// The window's end of a session. Dropping it ends the session: a scan is cancelled and the laser is commanded off.
pub trait SessionLink {
    /// Hands a command over without waiting. A refusal is a sentence that says why and what to do.
    fn send(&self, command: Command) -> Result<(), String>;
    /// The next event, if one is there; never waits.
    fn try_recv(&self) -> Option<Event>;
    /// The library that the session searches, once it is loaded; never waits.
    fn library(&self) -> Option<Arc<Library>>;
    /// How old the pack in use is now; none where the bundled library is used, and until the library is there. Never waits.
    fn pack_note(&self) -> Option<PackNote> {
        None
    }
}

/// What the window says of the age of the pack in use.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PackNote {
    /// Whole days since it was made.
    pub days: i64,
    /// Name, version and age.
    pub words: String,
    /// The sentence for the operator where it is older than this unit allows.
    pub warning: Option<String>,
}

/// A running session, with the library that its engine has loaded.
pub struct RunningSession {
    session: Session,
    library: Arc<OnceLock<Arc<Library>>>,
    pack_age: Arc<OnceLock<PackAge>>,
}

impl RunningSession {
    /// Starts the session. Library and engine are loaded on the session's own thread; the window sees the library as
    /// soon as it is there.
    pub fn start(mut config: SessionConfig) -> io::Result<Self> {
        let library = Arc::new(OnceLock::new());
        let slot = Arc::clone(&library);
        let pack_age = Arc::new(OnceLock::new());
        let (age_slot, data_dir) = (Arc::clone(&pack_age), config.data_dir.clone());
        let load = config.engine;
        config.engine = Box::new(move || {
            let loaded = load()?;
            // The loader runs once, so the slot is empty.
            let _ = slot.set(Arc::clone(&loaded.0));
            if let Ok(Some(age)) = session::pack_age(&data_dir) {
                let _ = age_slot.set(age);
            }
            Ok(loaded)
        });
        Ok(Self { session: Session::start(config)?, library, pack_age })
    }
}

impl SessionLink for RunningSession {
    fn send(&self, command: Command) -> Result<(), String> {
        self.session.send(command).map_err(|refused| {
            let mut sentence = refused.to_string();
            // Sentences of errors start small, on a screen they stand alone.
            if let Some(first) = sentence.get_mut(0..1) {
                first.make_ascii_uppercase();
            }
            sentence
        })
    }

    fn try_recv(&self) -> Option<Event> {
        self.session.try_recv()
    }

    fn library(&self) -> Option<Arc<Library>> {
        self.library.get().cloned()
    }

    fn pack_note(&self) -> Option<PackNote> {
        let now = Timestamp::now();
        let age = self.pack_age.get()?;
        Some(PackNote { days: age.days(now), words: age.words(now), warning: age.warning(now) })
    }
}
