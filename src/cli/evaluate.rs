//! `parcelscope evaluate`.

use std::process::ExitCode;

use clap::Args;

use super::Context;

/// Arguments of `evaluate`.
#[derive(Args, Debug)]
pub struct EvaluateArgs {}

/// Runs `evaluate`.
pub fn run(_args: EvaluateArgs, _context: &Context) -> Result<ExitCode, anyhow::Error> {
    anyhow::bail!("'evaluate' is not in this build yet")
}
