//! `parcelscope casebook report`.

use std::fs::OpenOptions;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::Arc;

use anyhow::Context as _;
use clap::{Args, ValueEnum};
use serde_json::json;

use crate::casebook::{Casebook, Dossier};
use crate::library::Library;
use crate::report::{Paper, record_pdf, sha256_hex};
use crate::session::{data_dir, library_by_digest};

use super::{Context, output};

/// Arguments of `casebook report`.
#[derive(Args, Debug)]
pub struct ReportArgs {
    /// Number of the record
    #[arg(value_name = "ID")]
    id: i64,
    /// The PDF to write; an existing file is not overwritten
    #[arg(long, value_name = "FILE")]
    out: PathBuf,
    /// Size of the paper
    #[arg(long, value_enum, default_value_t)]
    paper: PaperChoice,
}

/// Size of the paper, as on the command line.
#[derive(Clone, Copy, Debug, Default, ValueEnum)]
pub enum PaperChoice {
    /// 210 x 297 mm
    #[default]
    A4,
    /// 8.5 x 11 inches
    Letter,
}

impl From<PaperChoice> for Paper {
    fn from(choice: PaperChoice) -> Self {
        match choice {
            PaperChoice::A4 => Self::A4,
            PaperChoice::Letter => Self::Letter,
        }
    }
}

/// Runs `casebook report`.
pub(super) fn run(args: &ReportArgs, casebook: &Casebook, context: &Context) -> Result<ExitCode, anyhow::Error> {
    let dossier = casebook.dossier(args.id)?;
    let library = library_of_record(&dossier, context)?;
    let pdf = record_pdf(&dossier, library.as_deref(), args.paper.into())?;
    write_new(&args.out, &pdf)?;
    written(&args.out, &pdf, context)
}

/// The library that a record was made with, where this folder has or had it. A report without it draws no reference.
pub(super) fn library_of_record(dossier: &Dossier, context: &Context) -> Result<Option<Arc<Library>>, anyhow::Error> {
    Ok(library_by_digest(&data_dir(context.data_dir.as_deref())?, &dossier.scan.record.answer.library.sha256)?)
}

/// Writes a file that must not exist yet, and waits for the disk.
pub(super) fn write_new(path: &Path, bytes: &[u8]) -> Result<(), anyhow::Error> {
    let write = || {
        let mut file = OpenOptions::new().write(true).create_new(true).open(path)?;
        file.write_all(bytes)?;
        file.sync_all()
    };
    write()
        .with_context(|| format!("cannot write {}; choose a new file in a folder that may be written", path.display()))
}

/// Says what was written.
pub(super) fn written(path: &Path, bytes: &[u8], context: &Context) -> Result<ExitCode, anyhow::Error> {
    let sha256 = sha256_hex(bytes);
    if context.json {
        output::print_json(&json!({ "file": path, "bytes": bytes.len(), "sha256": sha256 }))?;
    } else {
        output::print_text(&format!("Wrote {} ({} bytes, SHA-256 {sha256})\n", path.display(), bytes.len()))?;
    }
    Ok(ExitCode::SUCCESS)
}
