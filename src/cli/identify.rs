//! `parcelscope identify`.

use std::process::ExitCode;

use clap::Args;

use super::Context;

/// Arguments of `identify`.
#[derive(Args, Debug)]
pub struct IdentifyArgs {}

/// Runs `identify`.
pub fn run(_args: IdentifyArgs, _context: &Context) -> Result<ExitCode, anyhow::Error> {
    anyhow::bail!("'identify' is not in this build yet")
}
