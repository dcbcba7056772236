//! `parcelscope emulate`.

mod faults;
#[cfg(unix)]
mod hosts;

use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Args, ValueEnum};

use crate::analyzer::laser::LaserKind;

use super::Context;

/// Arguments of `emulate`.
#[derive(Args, Debug)]
#[command(
    after_help = "The first line on stdout is the path of the pseudo-terminal alone; 'kit' prints two lines: spectrometer, laser.\n\
                  The devices run until the program is interrupted (Ctrl-C or SIGTERM).\n\
                  A cable that the fault 'unplug' pulls is plugged in again after 5 s; the new path is then printed.\n\
                  Example: parcelscope emulate kit --sample fentanyl:0.5+lactose:0.5 --fault laser/missing-reply:2"
)]
pub struct EmulateArgs {
    /// Device to emulate; 'kit' is a spectrometer and a laser that shine on one sample
    #[arg(required_unless_present = "fault")]
    kind: Option<Kind>,
    /// Spectrometer of a 'kit'
    #[arg(long, value_enum, value_name = "KIND", default_value = "obp")]
    spectrometer: KitSpectrometer,
    /// Laser of a 'kit': matchbox, obis, cobolt, ondax or wasatch
    #[arg(long, value_name = "KIND", default_value = "matchbox")]
    laser: LaserKind,
    /// What lies under the probe: a name of the library, a mixture like fentanyl:0.3+lactose:0.7, empty, the file of a
    /// measured Raman spectrum in any format that 'identify' reads, or standard:polystyrene and the like for a calibration
    /// standard with its certified lines. Of several, the signal USR1 puts the next one under the probe
    #[arg(long, value_name = "NAME|FILE", default_value = "sucrose")]
    sample: Vec<String>,
    /// Let the axis of the spectrometer be wrong by so much, cm-1, at its worst place, with a random shape of the third
    /// order [default: up to 2, another for every seed]
    #[arg(long, value_name = "CM-1", value_parser = axis_error)]
    axis_error_cm1: Option<f64>,
    /// Let the device misbehave, for ever or so many times; 'list' names the faults, 'laser/' before one gives it to the
    /// laser of a kit
    #[arg(long, value_name = "NAME[:TIMES]")]
    fault: Vec<String>,
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
    /// Let bytes be garbled whenever both ends of a line run at different speeds, as on a real line; without it the devices
    /// understand at any speed
    #[arg(long)]
    mind_speed: bool,
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

/// An axis error that an emulated unit can have, cm-1.
pub(super) fn axis_error(text: &str) -> Result<f64, String> {
    text.parse()
        .ok()
        .filter(|cm1| (0.0..=20.0).contains(cm1))
        .ok_or_else(|| format!("'{text}' is no error of an axis that can be emulated; give cm-1 between 0 and 20"))
}

/// The spectrometers that a kit can have beside its laser.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum KitSpectrometer {
    /// Ocean STS
    #[value(name = "obp", alias = "obp-sts")]
    Obp,
    /// Ocean QE Pro
    ObpQepro,
    /// Ocean spectrometer of the USB2000+ class
    OceanLetter,
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
    use std::time::{Duration, Instant};

    use anyhow::Context as _;
    use signal_hook::consts::{SIGHUP, SIGINT, SIGTERM, SIGUSR1};

    use super::output;

    /// How long a cable stays out that a fault has pulled.
    const PLUG_IN_AFTER: Duration = Duration::from_secs(5);

    if args.fault.iter().any(|word| word == faults::LIST) {
        output::print_text(&faults::list())?;
        return Ok(ExitCode::SUCCESS);
    }
    let kind = args.kind.context("which device is to misbehave? Name one, for example: parcelscope emulate kit")?;
    let stop = Arc::new(AtomicBool::new(false));
    let exchange = Arc::new(AtomicBool::new(false));
    for signal in [SIGTERM, SIGINT, SIGHUP] {
        signal_hook::flag::register(signal, Arc::clone(&stop)).context("the program cannot listen for signals")?;
    }
    signal_hook::flag::register(SIGUSR1, Arc::clone(&exchange)).context("the program cannot listen for signals")?;
    let faults = faults::DeviceFaults::from_words(&args.fault, kind == Kind::Kit)?;
    let mut hosts = hosts::Hosts::start(kind, &args, &faults)?;
    hosts.print(context)?;
    let mut pulled: Option<Instant> = None;
    while !stop.load(Ordering::SeqCst) {
        std::thread::sleep(Duration::from_millis(50));
        if exchange.swap(false, Ordering::SeqCst) {
            hosts.exchange_sample();
        }
        if !faults.unplugged() {
            continue;
        }
        let since = *pulled.get_or_insert_with(|| {
            output::complain(&format!("the cable was pulled; it comes back in {} s", PLUG_IN_AFTER.as_secs()));
            Instant::now()
        });
        if since.elapsed() >= PLUG_IN_AFTER {
            pulled = None;
            faults.plug_in();
            hosts.await_cables();
            hosts.print(context)?;
        }
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
