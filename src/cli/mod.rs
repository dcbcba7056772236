//! The command line. One file per subcommand: its arguments and what it does.
//!
//! Exit codes: 0 success, 1 a negative result that the command was asked to find, 2 bad input. Results go to stdout,
//! everything else (errors, logs) to stderr; with `--json` stdout holds one JSON document, also when a command fails.

use std::ffi::OsString;
use std::path::PathBuf;
use std::process::ExitCode;

use clap::error::ErrorKind;
use clap::{Args, Parser, Subcommand};
use serde_json::json;

use crate::session::{self, KitChoice};
use crate::ui::{self, WindowConfig};

mod account;
mod answer_text;
mod calibrate;
mod casebook;
mod convert;
mod emulate;
mod evaluate;
mod export;
mod guardian;
mod identify;
mod input;
mod intelligence;
mod keeping;
mod kit;
mod kit_args;
mod kit_state;
mod left_on;
mod library;
mod on_kit;
mod output;
mod ports;
mod record_acts;
mod replay;
mod report;
mod scan;
mod secrets;

/// Exit code of bad input: a wrong argument, a file that cannot be read, a device that does not answer.
const BAD_INPUT: u8 = 2;
/// Heading of the options that every command takes.
const EVERYWHERE: &str = "Options of every command";
/// Names the levels of the log that goes to stderr, as in `PARCELSCOPE_LOG=debug`.
const LOG_VARIABLE: &str = "PARCELSCOPE_LOG";

/// What every subcommand is told besides its own arguments.
#[derive(Clone, Debug)]
pub struct Context {
    /// The folder that holds casebook, packs, kits, keys and settings, where the user named one.
    pub data_dir: Option<PathBuf>,
    /// True when stdout must hold one JSON document.
    pub json: bool,
}

/// Identify suspect substances from Raman spectra, with the analyzer or from files, and keep a record of every scan.
///
/// Without a command the window opens. The program works offline and never says that a substance is safe.
#[derive(Debug, Parser)]
#[command(
    name = "parcelscope",
    version,
    after_help = "Exit codes: 0 success, 1 a negative result that the command was asked to find, 2 bad input.\n\
                  Set PARCELSCOPE_LOG=debug to see on stderr what the program does."
)]
struct Cli {
    /// Folder for casebook, packs and settings; a new folder works at once with the emulated analyzer
    #[arg(long, value_name = "DIR", global = true, help_heading = EVERYWHERE)]
    data_dir: Option<PathBuf>,
    /// Print one JSON document on stdout instead of text
    #[arg(long, global = true, help_heading = EVERYWHERE)]
    json: bool,
    #[command(subcommand)]
    command: Option<Command>,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Say what the substance in spectrum files is
    Identify(identify::IdentifyArgs),
    /// Read spectrum files and list or export every spectrum in them
    Convert(convert::ConvertArgs),
    /// Scan once without the window, identify and record
    Scan(scan::ScanArgs),
    /// Calibrate a kit with a standard: axis, resolution or response
    Calibrate(calibrate::CalibrateArgs),
    /// Save kits, list and choose them, and say what is demanded of their performance checks
    Kit(kit::KitCommand),
    /// Check a kit's performance with polystyrene
    Check(calibrate::CheckArgs),
    /// Run an emulated device on a new pseudo-terminal
    Emulate(emulate::EmulateArgs),
    /// List the serial ports, or ask named ones what is connected
    Ports(ports::PortsArgs),
    /// List the substances of the reference library or show one
    Library(library::LibraryArgs),
    /// Show the records of earlier scans
    Casebook(casebook::CasebookArgs),
    /// Enrol accounts, and say who may do what
    Account(account::AccountArgs),
    /// Print accuracy tables with counts and confidence intervals
    Evaluate(evaluate::EvaluateArgs),
    /// Hold the port of a laser and switch it off when the program that started this dies
    #[command(hide = true)]
    Guardian(guardian::GuardianArgs),
    /// Planned: screening of declarations
    #[command(hide = true)]
    Triage(Planned),
}

/// Arguments of a command that this version does not have: any, so that the answer is a sentence about the command.
#[derive(Args, Debug)]
#[command(disable_help_flag = true)]
struct Planned {
    #[arg(trailing_var_arg = true, allow_hyphen_values = true, hide = true)]
    _rest: Vec<OsString>,
}

/// Runs the program with the arguments of the process.
pub fn run() -> ExitCode {
    let cli = match Cli::try_parse() {
        Ok(cli) => cli,
        Err(error) => return refuse_arguments(&error),
    };
    start_log();
    if let Ok(program) = std::env::current_exe() {
        // Lasers on ports are then held by a second process of this program.
        crate::analyzer::guardian::announce(program);
    }
    let context = Context { data_dir: cli.data_dir, json: cli.json };
    let done = match cli.command {
        Some(command) => dispatch(command, &context),
        None => open_window(&context),
    };
    match done {
        Ok(code) => code,
        Err(error) => report(&error, context.json),
    }
}

/// Takes scans into the casebook that an earlier run had to leave in files, and says so on stderr. The window does the same
/// by its session.
fn take_in_set_aside(context: &Context) {
    // A folder that cannot be named is told by the command itself; none is made only to be looked at.
    let Ok(data_dir) = session::data_dir_path(context.data_dir.as_deref()) else { return };
    if !data_dir.is_dir() {
        return;
    }
    for taken in session::take_in(&data_dir) {
        output::complain(&taken.map_or_else(|error| error.to_string(), |taken| taken.words()));
    }
}

fn dispatch(command: Command, context: &Context) -> Result<ExitCode, anyhow::Error> {
    // The guardian holds a port for a program that did this; an emulator is a device and no program that drives one.
    if !matches!(command, Command::Guardian(_) | Command::Emulate(_)) {
        left_on::extinguish(context);
        take_in_set_aside(context);
    }
    match command {
        Command::Identify(args) => identify::run(args, context),
        Command::Convert(args) => convert::run(args, context),
        Command::Scan(args) => scan::run(args, context),
        Command::Calibrate(args) => calibrate::run(args, context),
        Command::Kit(args) => kit::run(args, context),
        Command::Check(args) => calibrate::check(args, context),
        Command::Emulate(args) => emulate::run(args, context),
        Command::Ports(args) => ports::run(args, context),
        Command::Library(args) => library::run(args, context),
        Command::Casebook(args) => casebook::run(args, context),
        Command::Account(args) => account::run(args, context),
        Command::Evaluate(args) => evaluate::run(args, context),
        Command::Guardian(args) => guardian::run(args, context),
        Command::Triage(_) => Err(anyhow::anyhow!(
            "this version cannot screen declarations yet; 'parcelscope --help' lists what it can do"
        )),
    }
}

/// Opens the window with the saved kit that was chosen, else with the emulated one, sugar under its probe. Another seed
/// each time: no two scans are the same.
fn open_window(context: &Context) -> Result<ExitCode, anyhow::Error> {
    let data_dir = session::data_dir(context.data_dir.as_deref())?;
    let shelf = session::KitShelf::of(&data_dir);
    let saved = shelf.choices.in_use.as_ref().and_then(|id| shelf.get(id));
    let emulator = || KitChoice::Emulator {
        sample: scan::DEFAULT_SAMPLE.to_owned(),
        seed: scan::fresh_seed(),
        virtual_time: false,
    };
    let kit = saved.map_or_else(emulator, |kit| KitChoice::Saved(kit.id()));
    ui::run(WindowConfig { data_dir, kit })?;
    Ok(ExitCode::SUCCESS)
}

/// Prints an error of `clap`, or the help and version texts, which it also treats as errors.
fn refuse_arguments(error: &clap::Error) -> ExitCode {
    let informs = matches!(error.kind(), ErrorKind::DisplayHelp | ErrorKind::DisplayVersion);
    if !informs && std::env::args_os().any(|argument| argument == "--json") {
        let text = error.render().to_string();
        // The first paragraph says what is wrong; usage and hints follow.
        let paragraph: Vec<&str> = text.lines().map(str::trim).take_while(|line| !line.is_empty()).collect();
        let sentence = paragraph.join(" ");
        let sentence = sentence.strip_prefix("error: ").unwrap_or(&sentence);
        // Stdout may be closed; the exit code still tells.
        let _ = output::print_json(&json!({ "error": sentence }));
    }
    // As above: nobody may be reading.
    let _ = error.print();
    if informs { ExitCode::SUCCESS } else { ExitCode::from(BAD_INPUT) }
}

/// Tells the user why a command failed: one sentence chain on stderr and, with `--json`, an object on stdout.
fn report(error: &anyhow::Error, json: bool) -> ExitCode {
    if output::is_broken_pipe(error) {
        // The reader went away on purpose (`| head`): not a failure.
        return ExitCode::SUCCESS;
    }
    let sentence = output::sentence(error);
    if json {
        // Stdout may be closed; stderr and the exit code still tell.
        let _ = output::print_json(&json!({ "error": sentence }));
    }
    output::complain(&sentence);
    ExitCode::from(BAD_INPUT)
}

/// Sends the log to stderr at the level that the environment names; warnings and errors without one.
fn start_log() {
    use tracing_subscriber::EnvFilter;
    let wanted = std::env::var(LOG_VARIABLE).unwrap_or_default();
    let filter = EnvFilter::try_new(if wanted.is_empty() { "warn" } else { &wanted }).unwrap_or_else(|_| {
        output::complain(&format!("{LOG_VARIABLE}={wanted} is not a log level; use error, warn, info, debug or trace"));
        EnvFilter::new("warn")
    });
    // Fails only where a log was already started, which is then the right one.
    let _ = tracing_subscriber::fmt().with_env_filter(filter).with_writer(std::io::stderr).try_init();
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    use super::Cli;

    #[test]
    fn the_argument_definitions_are_consistent() {
        Cli::command().debug_assert();
    }
}
