//! The one binary: without an argument it opens the window, with a subcommand it does the same work without one.

use std::process::ExitCode;

fn main() -> ExitCode {
    parcelscope::cli::run()
}
