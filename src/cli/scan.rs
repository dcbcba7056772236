//! `parcelscope scan`: one scan without the window, identified and recorded.

use std::fmt::Write as _;
use std::hash::{BuildHasher, Hasher, RandomState};
use std::io;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use anyhow::{Context as _, bail};
use clap::Args;
use jiff::Timestamp;
use serde::Serialize;

use crate::analyzer::WireLog;
use crate::analyzer::gps::{NoFix, Place};
use crate::casebook::{Act, Actor, Casebook, ClockKeeping, ScanKind, Spot, StoredScan, Subject};
use crate::identify::Answer;
use crate::session::{
    AutomaticExposure, Command, Connection, Event, FixedExposure, KitChoice, KitParts, KitShelf, ScanExposure, Session,
    SessionConfig, Stage, casebook_path, data_dir, pack_age,
};

use super::kit_args::KitArgs;
use super::secrets::SecretInput;
use super::{Context, account, answer_text, output};

/// The name that stands for the kit in memory.
const EMULATOR: &str = "emulator";
/// What lies under the emulated probe unless somebody says otherwise.
pub(super) const DEFAULT_SAMPLE: &str = "sucrose";
/// How often the signals are looked at.
const LOOK_EVERY: Duration = Duration::from_millis(20);

/// How often somebody who waits for a record to be written is told so.
const SAY_WAITING_EVERY: Duration = Duration::from_secs(5);

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
    port: Option<String>,
    /// A saved kit by its name or serial number, wherever it is connected; 'parcelscope kit list' names them
    #[arg(long, value_name = "NAME", conflicts_with_all = ["port", "laser_port", "laser_power_mw", "excitation_nm", "sample", "seed"])]
    kit: Option<String>,
    #[command(flatten)]
    on_ports: KitArgs,
    #[command(flatten)]
    exposure: ExposureArgs,
    /// Port of a GPS receiver: the place goes into the record and is said on stderr before the scan
    #[arg(long, value_name = "PORT")]
    gps_port: Option<String>,
    /// What lies under the emulated probe: a substance of the library, or 'empty'
    #[arg(long, value_name = "NAME")]
    sample: Option<String>,
    /// Seed of the emulated kit: the same seed gives the same scan
    #[arg(long, value_name = "N")]
    seed: Option<u64>,
    /// Number of the parcel, for the record
    #[arg(long, value_name = "NUMBER", default_value = "")]
    parcel: String,
    /// What is scanned: sample, blank (nothing, or the bag alone) or control (a known substance); only samples count as finds
    #[arg(long, value_name = "KIND", default_value = "sample")]
    kind: ScanKind,
    /// Which spot of the item, and which of several: '2/5 left corner', '2/5' or 'left corner'
    #[arg(long, value_name = "SPOT")]
    spot: Option<Spot>,
    /// Who keeps the clock of this machine right: system, gps or operator [default: as the settings of the data folder say]
    #[arg(long, value_name = "WHO")]
    clock: Option<ClockKeeping>,
    /// Write what passed over the wires during the last minute to this file when the scan has ended, also when it failed
    #[arg(long, value_name = "FILE")]
    wire_log: Option<PathBuf>,
    /// Account of the operator, by name or badge; the secret is read from standard input
    #[arg(long, value_name = "NAME")]
    user: Option<String>,
}

/// How the sample is exposed.
#[derive(Args, Clone, Copy, Debug)]
struct ExposureArgs {
    /// Longest time for dark and light together, in s, where the exposure is chosen for the sample: more for weak light [default: 10, or as the settings say]
    #[arg(long, value_name = "S", conflicts_with = "integration_ms", value_parser = clap::value_parser!(u16).range(4..=120))]
    budget_s: Option<u16>,
    /// Expose for this time, in ms, instead of choosing the exposure for the sample by up to three short probes
    #[arg(long, value_name = "MS", value_parser = clap::value_parser!(u32).range(1..=FixedExposure::LONGEST_MS as i64))]
    integration_ms: Option<u32>,
    /// Light exposures of a scan with --integration-ms [default: 3]
    #[arg(long, value_name = "N", requires = "integration_ms", value_parser = clap::value_parser!(u8).range(1..=20))]
    exposures: Option<u8>,
    /// Readouts that the device averages into one exposure, with --integration-ms [default: 1]
    #[arg(long, value_name = "N", requires = "integration_ms", value_parser = clap::value_parser!(u16).range(1..))]
    averages: Option<u16>,
}

impl ExposureArgs {
    /// What was chosen; nothing leaves it to the data folder, which says automatic unless somebody chose otherwise.
    fn exposure(self) -> Option<ScanExposure> {
        let usual = FixedExposure::default();
        let longer = self.budget_s.map(|budget_s| ScanExposure::Automatic(AutomaticExposure { budget_s }));
        let fixed = self.integration_ms.map(|integration_ms| {
            ScanExposure::Fixed(FixedExposure {
                integration_ms,
                exposures: self.exposures.unwrap_or(usual.exposures),
                averages: self.averages.unwrap_or(usual.averages),
            })
        });
        fixed.or(longer)
    }
}

/// Whether this is a near-infrared scanner.
fn is_near_infrared(kit: &KitChoice, data_dir: &Path) -> bool {
    match kit {
        KitChoice::Nir { .. } => true,
        KitChoice::Saved(id) => {
            let shelf = KitShelf::of(data_dir);
            shelf.kits.iter().any(|kit| kit.id() == *id && matches!(kit.parts, KitParts::Nir { .. }))
        }
        KitChoice::Emulator { .. } | KitChoice::Ports { .. } => false,
    }
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
    let (subject, clock) = (Subject { kind: args.kind, spot: args.spot.clone() }, args.clock);
    let with_gps = gps_port.is_some();
    let data_dir = data_dir(context.data_dir.as_deref())?;
    let exposure = args.exposure.exposure();
    let kit = choose_kit(args, &data_dir)?;
    if exposure.is_some() && is_near_infrared(&kit, &data_dir) {
        bail!(
            "--integration-ms does not go with a near-infrared scanner, which exposes as its scan configuration says; leave it out"
        );
    }
    say_age(&data_dir)?;
    let interrupted = watch_signals().context("the signals of this process cannot be watched; try again")?;
    // What could not be recorded is not scanned: nobody sits here to whom a window would show the unsaved scan.
    let mut casebook = Casebook::open(&casebook_path(&data_dir)).context("nothing was scanned")?;
    let operator = operator(&mut casebook, user.as_deref(), Act::Scan).context("nothing was scanned")?;
    drop(casebook);
    let session = Session::start(
        SessionConfig::new(data_dir, kit)
            .with_operator(operator)
            .with_exposure(exposure)
            .with_gps(gps_port)
            .with_clock(clock),
    )
    .context("this system gives no more threads")?;
    let wires = session.wire_log();
    let outcome = scan(&session, (parcel, subject), with_gps, &interrupted);
    // The laser is commanded off and the threads end before the result is printed.
    drop(session);
    if let Some(path) = wire_log
        && let Err(error) = write_wire_log(&path, &wires)
    {
        // How the scan ended matters more.
        output::complain(&format!("{error:#}"));
    }
    let Outcome { scan, elapsed, not_saved } = outcome?;
    if let Some(warning) = scan.record.clock_warning() {
        output::complain(&warning);
    }
    print(&scan, elapsed, not_saved.is_none(), context)?;
    match not_saved {
        None => Ok(ExitCode::SUCCESS),
        Some(why) => {
            output::complain(&why);
            Ok(ExitCode::from(super::BAD_INPUT))
        }
    }
}

/// Says on stderr how old the pack in use is, and warns where that is more than the unit allows.
fn say_age(data_dir: &Path) -> Result<(), anyhow::Error> {
    if let Some(age) = pack_age(data_dir)? {
        let now = Timestamp::now();
        output::complain(&output::printable(&format!("reference pack: {}", age.words(now))));
        if let Some(warning) = age.warning(now) {
            output::complain(&output::printable(&warning));
        }
    }
    Ok(())
}

/// Who acts: whoever `--user` names, with the secret from standard input; nobody while no account is enrolled.
pub(super) fn operator(casebook: &mut Casebook, user: Option<&str>, act: Act) -> Result<Option<Actor>, anyhow::Error> {
    let Some(user) = user else {
        if casebook.has_accounts()? {
            bail!(
                "accounts are enrolled in this folder, so this needs one: give --user NAME and the secret on standard input"
            );
        }
        return Ok(None);
    };
    if !casebook.has_accounts()? {
        bail!(
            "no account is enrolled in this folder: leave out --user to scan the emulator, or enrol with 'parcelscope account enrol NAME --role administrator'"
        );
    }
    let actor = account::sign_in(casebook, user, &mut SecretInput::new())?;
    casebook.permit(Timestamp::now(), &actor, act, None)?;
    Ok(Some(actor))
}

fn choose_kit(args: ScanArgs, data_dir: &Path) -> Result<KitChoice, anyhow::Error> {
    let ScanArgs { port, kit, on_ports, sample, seed, .. } = args;
    if let Some(kit) = kit {
        return Ok(KitChoice::Saved(KitShelf::of(data_dir).find(&kit)?.id()));
    }
    let port = port.context(
        "nothing is named to scan with; give the port of the spectrometer with --port, a saved kit with --kit, or --port emulator",
    )?;
    if port == EMULATOR {
        if on_ports.laser_port.is_some() {
            bail!("--laser-port does not go with --port emulator: the emulated kit has its own laser");
        }
        if on_ports.excitation_nm.is_some() {
            bail!("--excitation-nm does not go with --port emulator: the emulated kit states its own wavelength");
        }
        if on_ports.laser_power_mw.is_some() {
            bail!("--laser-power-mw does not go with --port emulator: its power stays as it is delivered");
        }
        let sample = sample.unwrap_or_else(|| DEFAULT_SAMPLE.to_owned());
        return Ok(KitChoice::Emulator { sample, seed: seed.unwrap_or_else(fresh_seed), virtual_time: false });
    }
    if sample.is_some() || seed.is_some() {
        bail!(
            "--sample and --seed go with --port emulator only; for an emulator on a port, give them to 'parcelscope emulate'"
        );
    }
    on_ports.choice(port)
}

/// Another number in every run: the keys that the standard library draws for its hash tables.
pub(super) fn fresh_seed() -> u64 {
    RandomState::new().build_hasher().finish()
}

/// A flag that is raised when somebody asks the process to end.
pub(super) fn watch_signals() -> io::Result<Arc<AtomicBool>> {
    let flag = Arc::new(AtomicBool::new(false));
    #[cfg(unix)]
    for signal in [signal_hook::consts::SIGTERM, signal_hook::consts::SIGINT, signal_hook::consts::SIGHUP] {
        signal_hook::flag::register(signal, Arc::clone(&flag))?;
    }
    Ok(flag)
}

/// Connects and scans.
fn scan(
    session: &Session,
    (parcel, subject): (String, Subject),
    with_gps: bool,
    interrupted: &AtomicBool,
) -> Result<Outcome, anyhow::Error> {
    let place = connect(session, interrupted)?;
    if with_gps {
        output::complain(&await_place(session, place, interrupted).words());
    }
    session.send(Command::Scan { parcel, subject })?;
    follow(session, interrupted)
}

/// Scans several times with one kit, each scan recorded; `before` is asked before each but the first. The laser is off and the
/// ports are free when this returns.
pub(super) fn scan_times(
    times: usize,
    config: SessionConfig,
    mut before: impl FnMut(usize) -> Result<(), anyhow::Error>,
) -> Result<Vec<Arc<StoredScan>>, anyhow::Error> {
    let interrupted = watch_signals().context("the signals of this process cannot be watched; try again")?;
    let session = Session::start(config).context("this system gives no more threads")?;
    connect(&session, &interrupted)?;
    let mut scans = Vec::with_capacity(times);
    for number in 0..times {
        if number > 0 {
            before(number)?;
        }
        // A known substance: no parcel held it.
        let subject = Subject { kind: ScanKind::Control, spot: None };
        session.send(Command::Scan { parcel: String::new(), subject })?;
        let Outcome { scan, not_saved, .. } = follow(&session, &interrupted)?;
        if let Some(why) = not_saved {
            bail!(why);
        }
        scans.push(scan);
    }
    Ok(scans)
}

/// Writes the log with the off command that ended the session as its last entry.
fn write_wire_log(path: &Path, wires: &WireLog) -> Result<(), anyhow::Error> {
    std::fs::write(path, wires.text()).with_context(|| {
        format!("the wire log {} cannot be written; choose another place with --wire-log", path.display())
    })
}

/// Waits for a position, and not for ever.
fn await_place(session: &Session, mut place: Option<Place>, interrupted: &AtomicBool) -> Place {
    let end = Instant::now() + GPS_PATIENCE;
    loop {
        // The sentence that brings height and satellites may be the second one; no receiver will not come.
        let whole = matches!(&place, Some(Place::Fix(fix)) if fix.satellites.is_some());
        let hopeless = matches!(&place, Some(Place::NoFix { why: NoFix::NoReceiver | NoFix::Silent }));
        if whole || hopeless || Instant::now() >= end || interrupted.load(Ordering::SeqCst) {
            return place.unwrap_or(Place::NoFix { why: NoFix::Silent });
        }
        if let Some(Event::Place(new)) = session.recv_timeout(LOOK_EVERY) {
            place = Some(new);
        }
    }
}

/// Waits until the kit is ready; returns what was said of the place meanwhile.
pub(super) fn connect(session: &Session, interrupted: &AtomicBool) -> Result<Option<Place>, anyhow::Error> {
    let mut place = None;
    loop {
        match session.recv_timeout(LOOK_EVERY) {
            Some(Event::Place(new)) => place = Some(new),
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
                return Ok(place);
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
            Some(Event::NotSaved { scan, why, kept }) => {
                let (scan, not_saved) = await_saving(session, interrupted, scan, (why, kept));
                return Ok(Outcome { scan, elapsed, not_saved });
            }
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

/// Waits until a record that cannot be written is written, and says so all the while. A signal ends the waiting only when the
/// record is in a file; what is returned beside the scan says where.
fn await_saving(
    session: &Session,
    interrupted: &AtomicBool,
    scan: Arc<StoredScan>,
    (mut why, mut kept): (String, Option<PathBuf>),
) -> (Arc<StoredScan>, Option<String>) {
    output::complain(&why);
    output::complain("waiting until the record can be written; Ctrl-C ends that once the record is in a file");
    let (begun, mut said) = (Instant::now(), Instant::now());
    loop {
        match session.recv_timeout(LOOK_EVERY) {
            Some(Event::Saved(saved)) if saved.record.taken_at == scan.record.taken_at => return (saved, None),
            Some(Event::StillNotSaved { why: now, kept: place, .. }) => (why, kept) = (now, place),
            _ => {}
        }
        if interrupted.swap(false, Ordering::SeqCst) {
            if let Some(path) = kept {
                let words = format!(
                    "stopped by a signal while the casebook could not be written: the record is in {}, and the next start of the program with this data folder takes it in; do not delete the file",
                    path.display()
                );
                return (scan, Some(words));
            }
            output::complain(
                "not ended: the record is in no file yet, so it would be lost; make room and the program goes on by itself",
            );
        }
        if said.elapsed() >= SAY_WAITING_EVERY {
            said = Instant::now();
            output::complain(&format!("waiting for {} s. {why}", begun.elapsed().as_secs()));
        }
    }
}

pub(super) const fn stage_words(stage: Stage) -> &'static str {
    match stage {
        Stage::Preparing => "preparing",
        Stage::Cooling => "waiting until the detector is cold, laser off",
        Stage::Dark => "dark exposure, laser off",
        Stage::Light => "light exposure, laser on",
        Stage::Lamp => "light exposure, lamp of the scanner on",
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
