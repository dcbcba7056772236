//! `parcelscope emulate`.

#[cfg(unix)]
use std::path::Path;
use std::path::PathBuf;
use std::process::ExitCode;

#[cfg(unix)]
use anyhow::Context as _;
use clap::{Args, ValueEnum};

use crate::analyzer::SpectrometerSetup;
#[cfg(unix)]
use crate::analyzer::emulator::{
    Bench, Cobolt, Device, Faults, Log, MatchBox, Obis, ObpDevice, ObpModel, ObpUnit, Ondax, Wasatch, WasatchForm,
};
use crate::analyzer::laser::LaserKind;
#[cfg(unix)]
use crate::analyzer::obp::{self, codec::Checksum};

use super::Context;

/// Arguments of `emulate`.
#[derive(Args, Debug)]
#[command(
    after_help = "The first line on stdout is the path of the pseudo-terminal alone; 'kit' prints two lines: spectrometer, laser.\n\
                  The devices run until the program is interrupted (Ctrl-C or SIGTERM).\n\
                  Example: parcelscope emulate kit --sample fentanyl:0.5+lactose:0.5"
)]
pub struct EmulateArgs {
    /// Device to emulate; 'kit' is a spectrometer and a laser that shine on one sample
    kind: Kind,
    /// Spectrometer of a 'kit': obp or ocean-letter
    #[arg(long, value_name = "KIND", default_value = "obp")]
    spectrometer: SpectrometerSetup,
    /// Laser of a 'kit': matchbox, obis, cobolt, ondax or wasatch
    #[arg(long, value_name = "KIND", default_value = "matchbox")]
    laser: LaserKind,
    /// What lies under the probe: a name of the library, a mixture like fentanyl:0.3+lactose:0.7, or empty
    #[arg(long, value_name = "NAME", default_value = "sucrose")]
    sample: String,
    /// Whether replies of the spectrometer carry a checksum
    #[arg(long, value_enum, default_value = "none")]
    reply_checksum: ReplyChecksum,
    /// Draws the unit and its noise; the same seed gives the same device
    #[arg(long, value_name = "N", default_value_t = 1)]
    seed: u64,
    /// Let the sample be exactly its reference, which no real sample is
    #[arg(long)]
    no_gap: bool,
    /// Let an external laser shine all the time on the sample of a spectrometer that is emulated alone; without it the
    /// sample is lit while the spectrometer's lamp line is enabled
    #[arg(long)]
    lit: bool,
    /// Append every command that the devices receive, with seconds since the start, to this file
    #[arg(long, value_name = "FILE")]
    log: Option<PathBuf>,
}

/// Devices; those that the help does not list are refused by name until they are built.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Kind {
    /// Ocean STS spectrometer, Ocean Binary Protocol
    ObpSts,
    /// MatchBox laser, 785 nm
    Matchbox,
    /// Both, on one sample
    Kit,
    /// Ocean QE Pro spectrometer with cooler and buffer, Ocean Binary Protocol
    ObpQepro,
    /// Ocean Ventana 785, spectrometer and laser in one, Ocean Binary Protocol
    ObpVentana,
    /// Wasatch OEM Raman module, 785 nm: spectrometer, laser and cooler on one port, 921600 baud
    Wasatch,
    /// NIRscan Nano near-infrared scanner; the signal USR1 exchanges the white standard and the sample on its window
    Nirscan,
    /// Ocean spectrometer of the USB2000+ class, letter protocol, 9600 baud
    OceanLetter,
    /// Coherent OBIS laser, 785 nm
    Obis,
    /// Cobolt (Hübner) laser, 785 nm
    Cobolt,
    /// Ondax LM laser, 785 nm, 19200 baud
    Ondax,
    /// GPS receiver at an airport, NMEA 0183, 9600 baud; it says that it is simulated
    Gps,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum ReplyChecksum {
    /// Sixteen zeros
    None,
    /// MD5
    Md5,
}

/// Runs `emulate` until it is interrupted.
#[expect(clippy::needless_pass_by_value, reason = "every command takes its arguments by value")]
#[cfg(unix)]
pub fn run(args: EmulateArgs, context: &Context) -> Result<ExitCode, anyhow::Error> {
    use std::sync::Arc;
    use std::sync::atomic::{AtomicBool, Ordering};
    use std::time::Duration;

    use signal_hook::consts::{SIGHUP, SIGINT, SIGTERM, SIGUSR1};

    use super::output;
    use crate::analyzer::emulator::{
        Detector, Gap, Gps, NirSample, NirScan, NirWindow, OceanLetter, Position, PtyHost, Sample, Wasatch, WasatchForm,
    };
    use crate::analyzer::{Clock, SystemClock};
    use crate::library::Library;
    use crate::session::sample_from_name;

    /// Line speed of the spectrometers as delivered.
    const OBP_BAUD: u32 = 9_600;

    let model = match args.kind {
        Kind::ObpSts | Kind::Kit => Some(ObpModel::Sts),
        Kind::ObpQepro => Some(ObpModel::QePro),
        Kind::ObpVentana => Some(ObpModel::Ventana),
        _ => None,
    };
    // Their light comes from outside, so that somebody must say when it is on.
    let alone = matches!(args.kind, Kind::ObpSts | Kind::ObpQepro);
    if args.lit && !alone {
        anyhow::bail!("--lit goes with obp-sts and obp-qepro only: the others have their own light");
    }
    let stop = Arc::new(AtomicBool::new(false));
    for signal in [SIGTERM, SIGINT, SIGHUP] {
        signal_hook::flag::register(signal, Arc::clone(&stop)).context("the program cannot listen for signals")?;
    }
    let log = open_log(args.log.as_deref())?;
    let checksum = if args.reply_checksum == ReplyChecksum::Md5 { Checksum::Md5 } else { Checksum::None };
    let clock: Arc<dyn Clock> = Arc::new(SystemClock::start());
    let sample = match args.kind {
        // The library has no near-infrared spectra: the name draws a powder.
        Kind::Nirscan => Sample { name: args.sample.clone(), parts: Vec::new() },
        _ => sample_from_name(Library::bundled()?.as_ref(), &args.sample)?,
    };
    let gap = if args.no_gap { Gap::NONE } else { Gap::MEASURED };
    let powder = NirSample::from_name(&args.sample);
    let window = NirWindow::new(NirSample::White);
    let exchange = Arc::new(AtomicBool::new(false));
    signal_hook::flag::register(SIGUSR1, Arc::clone(&exchange)).context("the program cannot listen for signals")?;
    let mut white = true;
    let (instrument, laser) = parts(&args);
    let bench = match instrument {
        Kind::Wasatch => Wasatch::bench(args.seed, gap, sample),
        Kind::OceanLetter => Bench::with_detector(args.seed, gap, sample, Detector::LETTER),
        _ => Bench::with_detector(args.seed, gap, sample, model.unwrap_or(ObpModel::Sts).detector()),
    };
    let opened = "no pseudo-terminal could be opened";
    let spectrometer = match instrument {
        Kind::ObpSts | Kind::Kit | Kind::ObpQepro | Kind::ObpVentana => {
            let model = model.unwrap_or(ObpModel::Sts);
            let unit = ObpUnit { model, serial_number: args.seed, checksum, baud: OBP_BAUD };
            let device = ObpDevice::new(unit, bench.clone(), log.clone(), Faults::none());
            let device = if alone && !args.lit { device.with_own_lamp() } else { device };
            Some(PtyHost::start("emulated-spectrometer", device, Arc::clone(&clock)).context(opened)?)
        }
        Kind::Wasatch => {
            let device = Wasatch::new(WasatchForm::new(args.seed), bench.clone(), log.clone(), Faults::none());
            Some(PtyHost::start("emulated-wasatch", device, Arc::clone(&clock)).context(opened)?)
        }
        Kind::Nirscan => {
            let device = NirScan::new(window.clone(), args.seed, log.clone(), Faults::none());
            Some(PtyHost::start("emulated-nirscan", device, Arc::clone(&clock)).context(opened)?)
        }
        Kind::OceanLetter => {
            let device = OceanLetter::new(bench.clone(), args.seed, log.clone(), Faults::none());
            Some(PtyHost::start("emulated-letter", device, Arc::clone(&clock)).context(opened)?)
        }
        _ => None,
    };
    let gps = match args.kind {
        Kind::Gps => {
            let device = Gps::new(Some(Position::AIRPORT), log.clone(), Faults::none());
            Some(PtyHost::start("emulated-gps", device, Arc::clone(&clock)).context(opened)?)
        }
        _ => None,
    };
    if args.lit || args.kind == Kind::OceanLetter {
        bench.laser_on(Duration::ZERO);
    }
    let laser = laser.map(|kind| laser_device(kind, bench, args.seed, log));
    let laser = laser.map(|device| PtyHost::start("emulated-laser", device, clock).context(opened)).transpose()?;
    let path = |host: &Option<PtyHost>| host.as_ref().map(|h| h.path().to_owned());
    let (spectrometer_path, laser_path, gps_path) = (path(&spectrometer), path(&laser), path(&gps));
    if context.json {
        let paths = serde_json::json!({ "spectrometer": spectrometer_path, "laser": laser_path, "gps": gps_path });
        output::print_json(&paths)?;
    } else {
        let lines: Vec<String> = [spectrometer_path, laser_path, gps_path].into_iter().flatten().collect();
        output::print_text(&format!("{}\n", lines.join("\n")))?;
    }
    while !stop.load(Ordering::SeqCst) {
        std::thread::sleep(Duration::from_millis(50));
        if exchange.swap(false, Ordering::SeqCst) {
            white = !white;
            window.lay(if white { NirSample::White } else { powder.clone() });
        }
    }
    Ok(ExitCode::SUCCESS)
}

/// The spectrometer, or whatever stands in its place, and the laser of a kind.
#[cfg(unix)]
fn parts(args: &EmulateArgs) -> (Kind, Option<LaserKind>) {
    let instrument = match (args.kind, &args.spectrometer) {
        (Kind::Kit, SpectrometerSetup::OceanLetter(_)) => Kind::OceanLetter,
        (kind, _) => kind,
    };
    let laser = match args.kind {
        Kind::Kit => Some(args.laser),
        Kind::Matchbox => Some(LaserKind::MatchBox),
        Kind::Obis => Some(LaserKind::Obis),
        Kind::Cobolt => Some(LaserKind::Cobolt),
        Kind::Ondax => Some(LaserKind::Ondax),
        _ => None,
    };
    (instrument, laser)
}

#[cfg(unix)]
fn laser_device(kind: LaserKind, bench: Bench, seed: u64, log: Log) -> Box<dyn Device> {
    let faults = Faults::none();
    match kind {
        LaserKind::MatchBox => Box::new(MatchBox::new(bench, seed, log, faults)),
        LaserKind::Obis => Box::new(Obis::new(bench, seed, log, faults)),
        LaserKind::Cobolt => Box::new(Cobolt::new(bench, seed, log, faults)),
        LaserKind::Ondax => Box::new(Ondax::new(bench, seed, log, faults)),
        LaserKind::Ventana => {
            let (checksum, baud) = (Checksum::None, obp::BAUD);
            let unit = ObpUnit { model: ObpModel::Ventana, serial_number: seed, checksum, baud };
            Box::new(ObpDevice::new(unit, bench, log, faults))
        }
        LaserKind::Wasatch => Box::new(Wasatch::new(WasatchForm::new(seed), bench, log, faults)),
    }
}

/// A log that is also written to a file, where one is named.
#[cfg(unix)]
fn open_log(path: Option<&Path>) -> Result<Log, anyhow::Error> {
    let Some(path) = path else { return Ok(Log::default()) };
    let file = std::fs::OpenOptions::new().create(true).append(true).open(path);
    Ok(Log::to_file(file.with_context(|| format!("the log {} cannot be written", path.display()))?))
}

/// Other systems have no pseudo-terminals.
#[cfg(not(unix))]
pub fn run(_args: EmulateArgs, _context: &Context) -> Result<ExitCode, anyhow::Error> {
    anyhow::bail!(
        "this system has no pseudo-terminals; use the emulated analyzer in the window or 'parcelscope scan --port emulator'"
    )
}
