//! `parcelscope emulate`.

use std::process::ExitCode;

use clap::Args;

use super::Context;

/// Arguments of `emulate`.
#[derive(Args, Debug)]
pub struct EmulateArgs {}

/// Runs `emulate`.
pub fn run(_args: EmulateArgs, _context: &Context) -> Result<ExitCode, anyhow::Error> {
    anyhow::bail!("'emulate' is not in this build yet")
}
