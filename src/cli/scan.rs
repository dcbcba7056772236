//! `parcelscope scan`.

use std::process::ExitCode;

use clap::Args;

use super::Context;

/// Arguments of `scan`.
#[derive(Args, Debug)]
pub struct ScanArgs {}

/// Runs `scan`.
pub fn run(_args: ScanArgs, _context: &Context) -> Result<ExitCode, anyhow::Error> {
    anyhow::bail!("'scan' is not in this build yet")
}
