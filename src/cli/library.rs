//! `parcelscope library`.

use std::process::ExitCode;

use clap::Args;

use super::Context;

/// Arguments of `library`.
#[derive(Args, Debug)]
pub struct LibraryArgs {}

/// Runs `library`.
pub fn run(_args: LibraryArgs, _context: &Context) -> Result<ExitCode, anyhow::Error> {
    anyhow::bail!("'library' is not in this build yet")
}
