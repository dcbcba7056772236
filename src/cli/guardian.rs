//! `parcelscope guardian`: what the program starts beside itself to hold the port of its laser. Not for people.

use std::process::ExitCode;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use anyhow::Context as _;
use clap::Args;

use crate::analyzer::guardian::{GuardianSettings, guard};
use crate::analyzer::laser::{LaserKind, LaserSetup};
use crate::analyzer::{Clock, SystemClock};
use crate::session::data_dir;

use super::Context;

/// Exit code when *off* could not be confirmed.
const NOT_CONFIRMED: u8 = 1;

/// Arguments of `guardian`.
#[derive(Args, Debug)]
pub struct GuardianArgs {
    /// Port of the laser
    #[arg(long)]
    port: String,
    /// Its protocol
    #[arg(long)]
    laser: LaserKind,
    /// Its line speed
    #[arg(long)]
    baud: u32,
}

/// Runs `guardian` until its stdin ends.
pub fn run(args: GuardianArgs, context: &Context) -> Result<ExitCode, anyhow::Error> {
    let stop = Arc::new(AtomicBool::new(false));
    #[cfg(unix)]
    for signal in [signal_hook::consts::SIGTERM, signal_hook::consts::SIGINT, signal_hook::consts::SIGHUP] {
        signal_hook::flag::register(signal, Arc::clone(&stop)).context("the guardian cannot listen for signals")?;
    }
    let data_dir = data_dir(context.data_dir.as_deref()).context("the guardian needs the data folder")?;
    let setup = LaserSetup { kind: args.laser, baud: Some(args.baud) };
    let settings = GuardianSettings { port: args.port, setup, data_dir };
    let clock: Arc<dyn Clock> = Arc::new(SystemClock::start());
    let confirmed = guard(&settings, std::io::stdin(), std::io::stdout(), &|| stop.load(Ordering::SeqCst), &clock);
    Ok(if confirmed { ExitCode::SUCCESS } else { ExitCode::from(NOT_CONFIRMED) })
}
