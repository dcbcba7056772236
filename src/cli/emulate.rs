//! `parcelscope emulate`.

use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Args, ValueEnum};

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
    #[value(hide = true)]
    ObpQepro,
    #[value(hide = true)]
    ObpVentana,
    #[value(hide = true)]
    Wasatch,
    #[value(hide = true)]
    Nirscan,
    #[value(hide = true)]
    OceanLetter,
    #[value(hide = true)]
    Obis,
    #[value(hide = true)]
    Cobolt,
    #[value(hide = true)]
    Ondax,
    #[value(hide = true)]
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

    use anyhow::Context as _;
    use signal_hook::consts::{SIGHUP, SIGINT, SIGTERM};

    use super::output;
    use crate::analyzer::emulator::{Bench, Gap, Log, MatchBox, ObpSts, PtyHost};
    use crate::analyzer::obp::codec::Checksum;
    use crate::analyzer::{Clock, SystemClock};
    use crate::library::Library;
    use crate::session::sample_from_name;

    /// Line speed of an STS as delivered.
    const STS_BAUD: u32 = 9_600;

    let (with_spectrometer, with_laser) = match args.kind {
        Kind::ObpSts => (true, false),
        Kind::Matchbox => (false, true),
        Kind::Kit => (true, true),
        planned => {
            let name = planned.to_possible_value().map(|v| v.get_name().to_owned()).unwrap_or_default();
            anyhow::bail!("the emulator of '{name}' is not built yet; use obp-sts, matchbox or kit");
        }
    };
    let stop = Arc::new(AtomicBool::new(false));
    for signal in [SIGTERM, SIGINT, SIGHUP] {
        signal_hook::flag::register(signal, Arc::clone(&stop)).context("the program cannot listen for signals")?;
    }
    let sample = sample_from_name(Library::bundled()?.as_ref(), &args.sample)?;
    let log = match &args.log {
        None => Log::default(),
        Some(path) => Log::to_file(
            std::fs::OpenOptions::new()
                .create(true)
                .append(true)
                .open(path)
                .with_context(|| format!("the log {} cannot be written", path.display()))?,
        ),
    };
    let checksum = match args.reply_checksum {
        ReplyChecksum::None => Checksum::None,
        ReplyChecksum::Md5 => Checksum::Md5,
    };
    let clock: Arc<dyn Clock> = Arc::new(SystemClock::start());
    let bench = Bench::new(args.seed, if args.no_gap { Gap::NONE } else { Gap::MEASURED }, sample);
    let opened = "no pseudo-terminal could be opened";
    let spectrometer = if with_spectrometer {
        let device = ObpSts::new(bench.clone(), args.seed, checksum, STS_BAUD, log.clone());
        Some(PtyHost::start("emulated-sts", device, Arc::clone(&clock)).context(opened)?)
    } else {
        None
    };
    let laser = if with_laser {
        let device = MatchBox::new(bench, args.seed, log);
        Some(PtyHost::start("emulated-laser", device, clock).context(opened)?)
    } else {
        // A spectrometer alone looks at a sample that is always lit.
        bench.laser_on(Duration::ZERO);
        None
    };
    let path = |host: &Option<PtyHost>| host.as_ref().map(|h| h.path().to_owned());
    let (spectrometer_path, laser_path) = (path(&spectrometer), path(&laser));
    if context.json {
        output::print_json(&serde_json::json!({ "spectrometer": spectrometer_path, "laser": laser_path }))?;
    } else {
        let lines: Vec<String> = [spectrometer_path, laser_path].into_iter().flatten().collect();
        output::print_text(&format!("{}\n", lines.join("\n")))?;
    }
    while !stop.load(Ordering::SeqCst) {
        std::thread::sleep(Duration::from_millis(50));
    }
    Ok(ExitCode::SUCCESS)
}

/// Other systems have no pseudo-terminals.
#[cfg(not(unix))]
pub fn run(_args: EmulateArgs, _context: &Context) -> Result<ExitCode, anyhow::Error> {
    anyhow::bail!(
        "this system has no pseudo-terminals; use the emulated analyzer in the window or 'parcelscope scan --port emulator'"
    )
}
