//! `parcelscope convert`.

use std::process::ExitCode;

use clap::Args;

use super::Context;

/// Arguments of `convert`.
#[derive(Args, Debug)]
pub struct ConvertArgs {}

/// Runs `convert`.
pub fn run(_args: ConvertArgs, _context: &Context) -> Result<ExitCode, anyhow::Error> {
    anyhow::bail!("'convert' is not in this build yet")
}
