//! What a session is made of.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;

use super::kept_index::{engine_with_kept_index, keep_index};
use super::library_in_use::library_in_use;
use crate::analyzer::guardian;
use crate::analyzer::laser::LaserSetup;
use crate::analyzer::{Acquisition, PortListing, SpectrometerSetup, TransportError, list_ports};
use crate::casebook::{Actor, ClockKeeping};
use crate::identify::{Answer, Engine};
use crate::library::Library;

use super::{KitId, ScanExposure};

/// Who is signed in and touches nothing for so long is signed out.
const IDLE_LOCK: Duration = Duration::from_mins(5);

/// Which kit to scan with.
#[derive(Clone, Debug, PartialEq)]
pub enum KitChoice {
    /// The emulated kit in memory.
    Emulator {
        /// What lies under the probe at first: a key of the library, or `empty`.
        sample: String,
        /// Seed of its noise; the same seed gives the same scans.
        seed: u64,
        /// Exposures take no real time. For scans by the thousand, not for people.
        virtual_time: bool,
    },
    /// A kit on serial ports.
    Ports {
        /// Port of the spectrometer.
        spectrometer: String,
        /// Protocol of the spectrometer.
        spectrometer_setup: SpectrometerSetup,
        /// Port of the laser.
        laser: String,
        /// Protocol and line speed of the laser.
        laser_setup: LaserSetup,
        /// Laser wavelength, nm.
        excitation_nm: f64,
        /// Power that the laser is set to before each scan, mW; `None` leaves it as it is.
        laser_power_mw: Option<f64>,
    },
    /// A near-infrared scanner on a serial port.
    Nir {
        /// The port.
        port: String,
    },
    /// A saved kit, wherever it is connected.
    Saved(KitId),
}

/// Tells which serial ports the machine has.
pub type PortLister = Box<dyn Fn() -> Result<Vec<PortListing>, TransportError> + Send>;

/// What answers the spectrum of an acquisition.
pub type Identifier = Box<dyn Fn(&Acquisition) -> Answer>;

/// Loads the library in use and makes what answers with it, on the thread that will use it, so that the window need not wait:
/// once at the start, and again whenever another pack is in use. The error is a sentence that says what to do.
pub type EngineLoader = Box<dyn FnMut() -> Result<(Arc<Library>, Identifier), String> + Send>;

/// How to start a [`super::Session`].
pub struct SessionConfig {
    /// The data folder; see [`super::data_dir`].
    pub data_dir: PathBuf,
    /// The kit.
    pub kit: KitChoice,
    /// Who has signed in already.
    pub operator: Option<Actor>,
    /// Who is signed in and does nothing for so long is signed out; `None` never.
    pub idle_lock: Option<Duration>,
    /// Makes the engine.
    pub engine: EngineLoader,
    /// The program that can hold the laser's port as a guardian; without one the session holds it itself.
    pub guardian: Option<PathBuf>,
    /// The exposure of Raman scans; without one, that of the data folder's choices.
    pub exposure: Option<ScanExposure>,
    /// Port of the GPS receiver; without one, that of the data folder's choices.
    pub gps_port: Option<String>,
    /// Who keeps the clock of the machine right; without one, as the data folder's settings say.
    pub clock: Option<ClockKeeping>,
    /// Tells which ports there are.
    pub ports: PortLister,
    /// Called after every event, from the thread that reports it; must return at once.
    pub waker: Box<dyn Fn() + Send + Sync>,
}

impl SessionConfig {
    /// A session with the library in use in the data folder and nobody to wake.
    pub fn new(data_dir: PathBuf, kit: KitChoice) -> Self {
        let packs = data_dir.clone();
        Self {
            data_dir,
            kit,
            operator: None,
            idle_lock: Some(IDLE_LOCK),
            engine: Box::new(move || engine_in_use(&packs)),
            guardian: guardian::announced(),
            exposure: None,
            gps_port: None,
            clock: None,
            ports: Box::new(list_ports),
            waker: Box::new(|| {}),
        }
    }

    /// The same with a GPS receiver.
    #[must_use]
    pub fn with_gps(mut self, port: Option<String>) -> Self {
        self.gps_port = port;
        self
    }

    /// The same with another word on who keeps the clock than the data folder's.
    #[must_use]
    pub const fn with_clock(mut self, clock: Option<ClockKeeping>) -> Self {
        self.clock = clock;
        self
    }

    /// The same with another exposure than the data folder's.
    #[must_use]
    pub fn with_exposure(mut self, exposure: Option<ScanExposure>) -> Self {
        self.exposure = exposure;
        self
    }

    /// The same with another view of the machine's ports.
    #[must_use]
    pub fn with_ports(mut self, ports: PortLister) -> Self {
        self.ports = ports;
        self
    }

    /// The same with somebody who has signed in and stays so.
    #[must_use]
    pub fn with_operator(mut self, operator: Option<Actor>) -> Self {
        self.operator = operator;
        self.idle_lock = None;
        self
    }

    /// The same with another time until somebody idle is signed out.
    #[must_use]
    pub fn with_idle_lock(mut self, idle_lock: Duration) -> Self {
        self.idle_lock = Some(idle_lock);
        self
    }

    /// The same with a waker.
    #[must_use]
    pub fn with_waker(mut self, waker: Box<dyn Fn() + Send + Sync>) -> Self {
        self.waker = waker;
        self
    }
}

/// The engine over the installed pack, or over the bundled library where none is installed.
fn engine_in_use(data_dir: &Path) -> Result<(Arc<Library>, Identifier), String> {
    let used = library_in_use(data_dir, Timestamp::now()).map_err(|e| e.to_string())?;
    if let Some(warning) = used.warning {
        tracing::warn!(warning);
    }
    let engine = engine_with_kept_index(Arc::clone(&used.library), data_dir);
    let training = used.library.is_training().then(|| Engine::for_simulated_pack(Arc::clone(&used.library)));
    let data_dir = data_dir.to_owned();
    let identify = move |acquisition: &Acquisition| {
        // Simulated references identify what an emulated analyzer sees, which is stamped so, and nothing else.
        let training = training.as_ref().filter(|_| acquisition.simulated);
        let answer = training.unwrap_or(&engine).identify(&acquisition.spectrum);
        keep_index(&engine, &data_dir);
        answer
    };
    Ok((used.library, Box::new(identify)))
}
