//! `parcelscope ports`.

use std::process::ExitCode;

use clap::Args;

use super::Context;

/// Arguments of `ports`.
#[derive(Args, Debug)]
pub struct PortsArgs {}

/// Runs `ports`.
pub fn run(_args: PortsArgs, _context: &Context) -> Result<ExitCode, anyhow::Error> {
    anyhow::bail!("'ports' is not in this build yet")
}
