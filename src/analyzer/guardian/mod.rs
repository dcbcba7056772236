//! The guardian: a small process of the same binary that owns the laser's port, so that the laser goes off when the
//! program dies.
//!
//! The program talks to its laser through the guardian ([`GuardedLink`]), which passes bytes on and asks for nothing of
//! its own. When the program's end of the pipe closes, when its heartbeat stops, or when the machine has slept, the
//! guardian commands *off* before anything else. What neither of them can do, because both were killed, the next start
//! does: a [`Marker`] lies in the data folder from before emission until *off* was confirmed.

mod link;
mod marker;
mod message;
mod watch;
mod watched;

use std::path::{Path, PathBuf};
use std::sync::{Arc, OnceLock};

pub use link::GuardedLink;
pub use marker::{LeftOn, Marker, extinguish_left_on};
pub use watch::{Alarm, GuardianSettings, SleepWatch, guard};
pub use watched::WatchedLaser;

use super::laser::{Laser, LaserKind, LaserSetup};
use super::obp::ObpSpectrometer;
use super::wasatch::{self, WasatchOptions, WasatchUnit};
use super::{AnalyzerError, Clock, Interrupt, SerialLink, Transport};

/// The program that knows the `guardian` subcommand, once it has said so.
static PROGRAM: OnceLock<PathBuf> = OnceLock::new();

/// Tells that the running program can be started again as a guardian. Test programs and other users of the library
/// cannot, and own their ports themselves unless they name a program.
pub fn announce(program: PathBuf) {
    // The first announcement is as good as a second one: it is the same program.
    let _ = PROGRAM.set(program);
}

/// The program that was announced.
pub fn announced() -> Option<PathBuf> {
    PROGRAM.get().cloned()
}

/// How lasers are opened.
pub struct Guarding<'a> {
    /// The folder that takes the markers.
    pub data_dir: &'a Path,
    /// The program that can be a guardian; without one the port is opened directly.
    pub program: Option<&'a Path>,
    /// Ends the opening when nobody wants it any more.
    pub interrupt: &'a Interrupt,
}

/// Opens the laser on a port. It is commanded off first. `watch_wire` may put something between the driver and the port
/// that looks on.
pub fn open_laser(
    port: &str,
    setup: LaserSetup,
    guarding: &Guarding<'_>,
    watch_wire: impl Fn(Box<dyn Transport>) -> Box<dyn Transport>,
    clock: Arc<dyn Clock>,
) -> Result<Box<dyn Laser>, AnalyzerError> {
    let link = guarded(port, setup, guarding, &clock)?;
    let laser = setup.open(guarding.interrupt.wrap(watch_wire(link)), Arc::clone(&clock))?;
    let marker = Marker::new(port, setup, &laser.identity().serial);
    Ok(Box::new(WatchedLaser::new(laser, marker, guarding.data_dir, clock, watch::wall_clock)))
}

/// Opens the Wasatch module on a port in the same way: its laser, spectrometer and cooler share the port, so that all of
/// their bytes pass through the guardian.
pub fn open_wasatch(
    port: &str,
    options: &WasatchOptions,
    guarding: &Guarding<'_>,
    watch_wire: impl Fn(Box<dyn Transport>) -> Box<dyn Transport>,
    clock: Arc<dyn Clock>,
) -> Result<WasatchUnit, AnalyzerError> {
    let setup = LaserSetup::usual(LaserKind::Wasatch);
    let link = guarded(port, setup, guarding, &clock)?;
    let unit = wasatch::open(guarding.interrupt.wrap(watch_wire(link)), Arc::clone(&clock), options)?;
    Ok(unit.watched(|laser| {
        let marker = Marker::new(port, setup, &laser.identity().serial);
        Box::new(WatchedLaser::new(laser, marker, guarding.data_dir, clock, watch::wall_clock))
    }))
}

/// Opens the Ventana on a port in the same way: its laser is driven by messages to its spectrometer.
pub fn open_ventana(
    port: &str,
    guarding: &Guarding<'_>,
    watch_wire: impl Fn(Box<dyn Transport>) -> Box<dyn Transport>,
    clock: Arc<dyn Clock>,
) -> Result<(ObpSpectrometer, Box<dyn Laser>), AnalyzerError> {
    let setup = LaserSetup::usual(LaserKind::Ventana);
    let link = guarded(port, setup, guarding, &clock)?;
    let (spectrometer, laser) =
        ObpSpectrometer::open_with_laser(guarding.interrupt.wrap(watch_wire(link)), Arc::clone(&clock))?;
    let marker = Marker::new(port, setup, &laser.identity().serial);
    let laser = WatchedLaser::new(Box::new(laser), marker, guarding.data_dir, clock, watch::wall_clock);
    Ok((spectrometer, Box::new(laser)))
}

fn guarded(
    port: &str,
    setup: LaserSetup,
    guarding: &Guarding<'_>,
    clock: &Arc<dyn Clock>,
) -> Result<Box<dyn Transport>, AnalyzerError> {
    let baud = setup.baud()?;
    let Guarding { data_dir, program, interrupt } = *guarding;
    if let Some(program) = program {
        let link = GuardedLink::start(program, port, setup.kind, baud, data_dir, interrupt, Arc::clone(clock))?;
        return Ok(Box::new(link));
    }
    tracing::warn!(port, "no guardian: this program owns the laser's port itself");
    Ok(Box::new(SerialLink::open(port, baud, Arc::clone(clock))?))
}
