//! `parcelscope scan`: one scan without the window, identified and recorded.

use std::fmt::Write as _;
use std::hash::{BuildHasher, Hasher, RandomState};
use std::io;
use std::ops::ControlFlow;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use anyhow::{Context as _, bail};
use clap::Args;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::analyzer::WireLog;
use crate::analyzer::laser::{LaserKind, LaserSetup};
use crate::analyzer::wasatch::{Calibration, CalibrationSource, WasatchOptions};
use crate::analyzer::{Clock, OnWait, SpectrometerSetup, SystemClock, gps};
use crate::casebook::{Act, Actor, Casebook, StoredScan};
use crate::identify::Answer;
use crate::session::{Command, Connection, Event, KitChoice, Session, SessionConfig, Stage, casebook_path, data_dir};

use super::secrets::SecretInput;
use super::{Context, account, answer_text, output};

/// The name that stands for the kit in memory.
const EMULATOR: &str = "emulator";
/// What lies under the emulated probe unless somebody says otherwise.
pub(super) const DEFAULT_SAMPLE: &str = "sucrose";
/// Laser wavelength of most handheld kits, nm.
const USUAL_EXCITATION_NM: f64 = 785.0;
/// Wavelengths of the lasers that Raman kits have, nm: deep ultraviolet to 1064 nm lasers, with some room.
const EXCITATION_NM: (f64, f64) = (200.0, 1_200.0);
/// How often the signals are looked at.
const LOOK_EVERY: Duration = Duration::from_millis(20);

/// How long a GPS receiver may take to say where it is: a scan does not wait for a cold start.
const GPS_PATIENCE: Duration = Duration::from_secs(12);

/// Arguments of `scan`.
#[derive(Args, Debug)]
#[command(
    after_help = "The verdict is one of four: alarm, alert, inconclusive, nothing listed detected. None of them means safe.\n\
                  The result is printed when the record is written and synced to the disk, not before.\n\
                  The exit code is 0 whatever the verdict, and 2 if there is no result or no record."
)]
pub struct ScanArgs {
    /// Port of the spectrometer, or 'emulator' for the emulated kit in memory; 'parcelscope ports' lists the ports
    #[arg(long, value_name = "PORT|emulator")]
    port: String,
    /// Protocol of the spectrometer: obp, ocean-letter or wasatch, which has its laser on the same port
    #[arg(long, value_name = "KIND", default_value = "obp")]
    spectrometer: SpectrometerSetup,
    /// Settings of a spectrometer whose protocol leaves some open (docs/devices.md), a TOML file
    #[arg(long, value_name = "FILE")]
    spectrometer_settings: Option<PathBuf>,
    /// Port of the laser; for a Ventana, whose laser is its own, the same port again
    #[arg(long, value_name = "PORT")]
    laser_port: Option<String>,
    /// Protocol of the laser: matchbox, obis, cobolt, ondax or wasatch
    #[arg(long, value_name = "KIND", default_value = "matchbox")]
    laser: LaserKind,
    /// Line speed of the laser, where it is not the usual one; Ondax lasers need it
    #[arg(long, value_name = "BAUD")]
    laser_baud: Option<u32>,
    /// Port of a GPS receiver: the place is said on stderr before the scan
    #[arg(long, value_name = "PORT")]
    gps_port: Option<String>,
    /// Laser wavelength of a kit on ports, in nm [default: that of a module's calibration, else 785]
    #[arg(long, value_name = "NM", value_parser = excitation)]
    excitation_nm: Option<f64>,
    /// What lies under the emulated probe: a substance of the library, or 'empty'
    #[arg(long, value_name = "NAME")]
    sample: Option<String>,
    /// Seed of the emulated kit: the same seed gives the same scan
    #[arg(long, value_name = "N")]
    seed: Option<u64>,
    /// Number of the parcel, for the record
    #[arg(long, value_name = "NUMBER", default_value = "")]
    parcel: String,
    /// Write what passed over the wires during the last minute to this file when the scan has ended, also when it failed
    #[arg(long, value_name = "FILE")]
    wire_log: Option<PathBuf>,
    /// Account of the operator, by name or badge; the secret is read from standard input
    #[arg(long, value_name = "NAME")]
    user: Option<String>,
}

/// What `--json` says: the answer as `identify --json` gives it, and where it is recorded.
#[derive(Serialize)]
struct Document<'a> {
    /// There is no file.
    file: Option<String>,
    /// Number of the record; null when it could not be written.
    record: Option<i64>,
    /// True when the record is written and synced.
    acknowledged: bool,
    #[serde(flatten)]
    answer: &'a Answer,
    assumed: [String; 0],
    /// From the end of the last exposure to the verdict.
    elapsed_ms: f64,
}

/// Runs `scan`.
pub fn run(args: ScanArgs, context: &Context) -> Result<ExitCode, anyhow::Error> {
    let (parcel, wire_log, gps_port) = (args.parcel.clone(), args.wire_log.clone(), args.gps_port.clone());
    let user = args.user.clone();
    let kit = choose_kit(args)?;
    let interrupted = watch_signals().context("the signals of this process cannot be watched; try again")?;
    let data_dir = data_dir(context.data_dir.as_deref())?;
    // What could not be recorded is not scanned: nobody sits here to whom a window would show the unsaved scan.
    let mut casebook = Casebook::open(&casebook_path(&data_dir)).context("nothing was scanned")?;
    let operator = operator(&mut casebook, user.as_deref())?;
    drop(casebook);
    if let Some(port) = gps_port {
        let clock: Arc<dyn Clock> = Arc::new(SystemClock::start());
        let on_wait: &mut OnWait<'_> =
            &mut || if interrupted.load(Ordering::SeqCst) { ControlFlow::Break(()) } else { ControlFlow::Continue(()) };
        output::complain(&gps::locate(&port, GPS_PATIENCE, &clock, on_wait).words());
    }
    let session = Session::start(SessionConfig::new(data_dir, kit).with_operator(operator))
        .context("this system gives no more threads")?;
    let wires = session.wire_log();
    let outcome = scan(&session, parcel, &interrupted);
    // The laser is commanded off and the threads end before the result is printed.
    drop(session);
    if let Some(path) = wire_log
        && let Err(error) = write_wire_log(&path, &wires)
    {
        // How the scan ended matters more.
        output::complain(&format!("{error:#}"));
    }
    let Outcome { scan, elapsed, not_saved } = outcome?;
    print(&scan, elapsed, not_saved.is_none(), context)?;
    match not_saved {
        None => Ok(ExitCode::SUCCESS),
        Some(why) => {
            output::complain(&why);
            Ok(ExitCode::from(super::BAD_INPUT))
        }
    }
}

/// Who scans: whoever `--user` names, with the secret from standard input; nobody while no account is enrolled.
fn operator(casebook: &mut Casebook, user: Option<&str>) -> Result<Option<Actor>, anyhow::Error> {
    let Some(user) = user else {
        if casebook.has_accounts()? {
            bail!(
                "accounts are enrolled in this folder, so a scan needs one: give --user NAME and the secret on standard input; nothing was scanned"
            );
        }
        return Ok(None);
    };
    if !casebook.has_accounts()? {
        bail!(
            "no account is enrolled in this folder: leave out --user to scan the emulator, or enrol with 'parcelscope account enrol NAME --role administrator'"
        );
    }
    let actor = account::sign_in(casebook, user, &mut SecretInput::new()).context("nothing was scanned")?;
    casebook.permit(Timestamp::now(), &actor, Act::Scan, None).context("nothing was scanned")?;
    Ok(Some(actor))
}

fn choose_kit(args: ScanArgs) -> Result<KitChoice, anyhow::Error> {
    let ScanArgs {
        port,
        spectrometer,
        spectrometer_settings,
        laser_port,
        laser: kind,
        laser_baud,
        excitation_nm,
        sample,
        seed,
        user: _,
        parcel: _,
        gps_port: _,
        wire_log: _,
    } = args;
    if port == EMULATOR {
        if laser_port.is_some() {
            bail!("--laser-port does not go with --port emulator: the emulated kit has its own laser");
        }
        if excitation_nm.is_some() {
            bail!("--excitation-nm does not go with --port emulator: the emulated kit states its own wavelength");
        }
        let sample = sample.unwrap_or_else(|| DEFAULT_SAMPLE.to_owned());
        return Ok(KitChoice::Emulator { sample, seed: seed.unwrap_or_else(fresh_seed), virtual_time: false });
    }
    if sample.is_some() || seed.is_some() {
        bail!(
            "--sample and --seed go with --port emulator only; for an emulator on a port, give them to 'parcelscope emulate'"
        );
    }
    let mut spectrometer_setup = match spectrometer_settings {
        None => spectrometer,
        Some(path) => read_settings(&spectrometer, &path)?,
    };
    let stated_nm = excitation_nm;
    let excitation_nm = stated_nm.unwrap_or(USUAL_EXCITATION_NM);
    if let SpectrometerSetup::Wasatch(options) = &mut spectrometer_setup {
        options.excitation_nm = stated_nm.or(options.excitation_nm);
        if laser_port.is_some() {
            bail!("--laser-port does not go with --spectrometer wasatch: the module has its laser on its own port");
        }
        let (laser, laser_setup) = (port.clone(), LaserSetup::usual(LaserKind::Wasatch));
        return Ok(KitChoice::Ports { spectrometer: port, spectrometer_setup, laser, laser_setup, excitation_nm });
    }
    let Some(laser) = laser_port else {
        bail!(
            "the laser's port is missing; give it with --laser-port ('parcelscope ports' lists the ports); for a Ventana, whose laser is its own, give the same port again"
        );
    };
    if laser == port && spectrometer_setup != SpectrometerSetup::Obp {
        bail!("spectrometer and laser cannot both be on {port}; name the port of each");
    }
    let laser_setup = LaserSetup { kind, baud: laser_baud };
    laser_setup.baud()?;
    Ok(KitChoice::Ports { spectrometer: port, spectrometer_setup, laser, laser_setup, excitation_nm })
}

/// The settings in a file for the protocol that was named.
fn read_settings(named: &SpectrometerSetup, path: &Path) -> Result<SpectrometerSetup, anyhow::Error> {
    let file = path.display();
    let text = std::fs::read_to_string(path).with_context(|| format!("the settings {file} cannot be read"))?;
    match named {
        SpectrometerSetup::Obp => {
            bail!("--spectrometer-settings does not go with obp: the device is asked for everything")
        }
        SpectrometerSetup::OceanLetter(_) => Ok(SpectrometerSetup::OceanLetter(
            toml::from_str(&text).with_context(|| format!("{file} is no file of settings; see docs/devices.md"))?,
        )),
        SpectrometerSetup::Wasatch(_) => Ok(SpectrometerSetup::Wasatch(read_wasatch(&text, path)?)),
    }
}

/// A laser wavelength that a Raman kit can have.
fn excitation(text: &str) -> Result<f64, String> {
    let (shortest, longest) = EXCITATION_NM;
    text.parse().ok().filter(|nm| (shortest..=longest).contains(nm)).ok_or_else(|| {
        format!(
            "'{text}' is no laser wavelength of a Raman kit; give nanometres between {shortest:.0} and {longest:.0}"
        )
    })
}

/// The settings of a Wasatch module. `[calibration_file]` with `path` and `serial` takes the calibration of a unit from a
/// JSON file beside the settings.
fn read_wasatch(text: &str, path: &Path) -> Result<WasatchOptions, anyhow::Error> {
    let file = path.display();
    let wrong = || format!("{file} is no file of settings; see docs/devices.md");
    let mut table: toml::Table = text.parse().with_context(wrong)?;
    let place = table.remove("calibration_file").map(toml::Value::try_into::<CalibrationPlace>).transpose();
    let place = place.with_context(wrong)?;
    let mut options: WasatchOptions = table.try_into().with_context(wrong)?;
    if let Some(CalibrationPlace { path: name, serial }) = place {
        let name = path.parent().unwrap_or(Path::new("")).join(name);
        let bytes =
            std::fs::read(&name).with_context(|| format!("the calibration file {} cannot be read", name.display()))?;
        options.calibration = CalibrationSource::Given(Box::new(Calibration::from_json(&bytes, &serial)?));
    }
    if let CalibrationSource::Given(calibration) = options.calibration {
        options.calibration = CalibrationSource::Given(Box::new(calibration.checked()?));
    }
    Ok(options)
}

/// Where the calibration of a unit stands.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct CalibrationPlace {
    path: PathBuf,
    serial: String,
}

/// Another number in every run: the keys that the standard library draws for its hash tables.
pub(super) fn fresh_seed() -> u64 {
    RandomState::new().build_hasher().finish()
}

/// A flag that is raised when somebody asks the process to end.
fn watch_signals() -> io::Result<Arc<AtomicBool>> {
    let flag = Arc::new(AtomicBool::new(false));
    #[cfg(unix)]
    for signal in [signal_hook::consts::SIGTERM, signal_hook::consts::SIGINT, signal_hook::consts::SIGHUP] {
        signal_hook::flag::register(signal, Arc::clone(&flag))?;
    }
    Ok(flag)
}

/// Connects and scans.
fn scan(session: &Session, parcel: String, interrupted: &AtomicBool) -> Result<Outcome, anyhow::Error> {
    connect(session, interrupted)?;
    session.send(Command::Scan { parcel })?;
    follow(session, interrupted)
}

/// Writes the log with the off command that ended the session as its last entry.
fn write_wire_log(path: &Path, wires: &WireLog) -> Result<(), anyhow::Error> {
    std::fs::write(path, wires.text()).with_context(|| {
        format!("the wire log {} cannot be written; choose another place with --wire-log", path.display())
    })
}

/// Waits until the kit is ready.
fn connect(session: &Session, interrupted: &AtomicBool) -> Result<(), anyhow::Error> {
    loop {
        match session.recv_timeout(LOOK_EVERY) {
            Some(Event::Connection(Connection::Ready(kit))) => {
                let spectrometer = &kit.spectrometer;
                let laser = kit.laser.as_ref().map(|laser| format!(" with laser {} {}", laser.model, laser.serial));
                output::complain(&format!(
                    "connected: {} {}{}, about {:.1} s a scan",
                    spectrometer.model,
                    spectrometer.serial,
                    laser.unwrap_or_default(),
                    Duration::from_millis(kit.scan_ms).as_secs_f64()
                ));
                return Ok(());
            }
            Some(Event::Connection(Connection::Lost(why)) | Event::Failed(why)) => bail!(why),
            _ => {}
        }
        if interrupted.load(Ordering::SeqCst) {
            bail!("stopped by a signal before the scan; the laser stayed off and nothing was recorded");
        }
    }
}

/// How a scan ended that has an answer.
struct Outcome {
    scan: Arc<StoredScan>,
    elapsed: Duration,
    not_saved: Option<String>,
}

/// Follows the scan to its end and says on stderr where it is.
fn follow(session: &Session, interrupted: &AtomicBool) -> Result<Outcome, anyhow::Error> {
    let (mut stage_shown, mut measured, mut elapsed) = (None, Instant::now(), Duration::ZERO);
    loop {
        match session.recv_timeout(LOOK_EVERY) {
            Some(Event::Progress { stage, remaining_ms, .. }) if stage_shown != Some(stage) => {
                stage_shown = Some(stage);
                if stage == Stage::Identifying {
                    measured = Instant::now();
                }
                let left = Duration::from_millis(remaining_ms).as_secs_f64();
                output::complain(&format!("{}, {left:.1} s left", stage_words(stage)));
            }
            Some(Event::Answered(_)) => {
                elapsed = measured.elapsed();
                output::complain("answered; writing the record");
            }
            Some(Event::Saved(scan)) => return Ok(Outcome { scan, elapsed, not_saved: None }),
            Some(Event::NotSaved { scan, why }) => return Ok(Outcome { scan, elapsed, not_saved: Some(why) }),
            Some(Event::Failed(why)) => bail!(why),
            Some(Event::Cancelled) => {
                bail!("stopped by a signal; the laser was commanded off and nothing was recorded")
            }
            _ => {}
        }
        if interrupted.load(Ordering::SeqCst) {
            // A scan that is answered already is still recorded.
            session.send(Command::Cancel)?;
        }
    }
}

const fn stage_words(stage: Stage) -> &'static str {
    match stage {
        Stage::Preparing => "preparing",
        Stage::Dark => "dark exposure, laser off",
        Stage::Light => "light exposure, laser on",
        Stage::Identifying => "identifying",
        Stage::Saving => "saving",
    }
}

fn print(scan: &StoredScan, elapsed: Duration, saved: bool, context: &Context) -> Result<(), anyhow::Error> {
    let answer = &scan.record.answer;
    if context.json {
        let document = Document {
            file: None,
            record: saved.then_some(scan.id),
            acknowledged: saved,
            answer,
            assumed: [],
            elapsed_ms: elapsed.as_secs_f64() * 1_000.0,
        };
        output::print_json(&document)?;
    } else {
        let mut text = answer_text::describe(answer);
        if saved {
            // Writing to a String cannot fail.
            let _ = writeln!(text, "acknowledged record {}", scan.id);
        }
        output::print_text(&output::printable(&text))?;
    }
    Ok(())
}
