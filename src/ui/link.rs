//! What the window needs of a session: commands go out, events come in, and neither ever waits.

use std::io;
use std::sync::{Arc, Mutex, PoisonError};

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
    loaded: Arc<Mutex<Loaded>>,
}

/// The library that answers, and the pack it came from.
#[derive(Default)]
struct Loaded {
    library: Option<Arc<Library>>,
    pack_age: Option<PackAge>,
}

impl RunningSession {
    /// Starts the session. Library and engine are loaded on the session's own thread; the window sees the library as
    /// soon as it is there.
    pub fn start(mut config: SessionConfig) -> io::Result<Self> {
        let loaded = Arc::new(Mutex::new(Loaded::default()));
        let (slot, data_dir) = (Arc::clone(&loaded), config.data_dir.clone());
        let mut load = config.engine;
        config.engine = Box::new(move || {
            let (library, engine) = load()?;
            let pack_age = session::pack_age(&data_dir).unwrap_or_default();
            *slot.lock().unwrap_or_else(PoisonError::into_inner) =
                Loaded { library: Some(Arc::clone(&library)), pack_age };
            Ok((library, engine))
        });
        Ok(Self { session: Session::start(config)?, loaded })
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
        self.loaded.lock().unwrap_or_else(PoisonError::into_inner).library.clone()
    }

    fn pack_note(&self) -> Option<PackNote> {
        let now = Timestamp::now();
        let loaded = self.loaded.lock().unwrap_or_else(PoisonError::into_inner);
        let age = loaded.pack_age.as_ref()?;
        Some(PackNote { days: age.days(now), words: age.words(now), warning: age.warning(now) })
    }
}
