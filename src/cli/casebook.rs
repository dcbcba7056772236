//! `parcelscope casebook`.

use std::process::ExitCode;

use clap::Args;

use super::Context;

/// Arguments of `casebook`.
#[derive(Args, Debug)]
pub struct CasebookArgs {}

/// Runs `casebook`.
pub fn run(_args: CasebookArgs, _context: &Context) -> Result<ExitCode, anyhow::Error> {
    anyhow::bail!("'casebook' is not in this build yet")
}
