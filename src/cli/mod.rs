//! The command line. One file per subcommand: its arguments and what it does.

use std::process::ExitCode;

mod casebook;
mod convert;
mod emulate;
mod evaluate;
mod identify;
mod library;
mod ports;
mod scan;

/// Runs the program with the arguments of the process.
pub fn run() -> ExitCode {
    ExitCode::SUCCESS
}
