//! `parcelscope convert`.

use std::fmt::Write as _;
use std::fs::{self, OpenOptions};
use std::io::{ErrorKind, Write as _};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::{Context as _, bail};
use clap::{Args, ValueEnum};
use serde::Serialize;

use crate::formats::{self, FileSpectrum};
use crate::spectrum::Technique;

use super::input::{self, FileResult};
use super::{Context, output};

/// Arguments of `convert`.
#[derive(Args, Debug)]
#[command(
    after_help = "Without --to the spectra in each file are listed as they are stored, in the file's own units.\n\
                  Files that are read: ENLIGHTEN CSV, LabSpec text, B&W Tek text, and text with two or more columns \
                  (tab, space, comma or semicolon; decimal point or comma). The content decides, not the file's name."
)]
pub struct ConvertArgs {
    /// Spectrum files
    #[arg(required = true, value_name = "FILE")]
    files: Vec<PathBuf>,
    /// Write the spectra in this format: to stdout if there is one, else to --out-dir
    #[arg(long, value_name = "FORMAT")]
    to: Option<Target>,
    /// Folder for the written files; existing files are never overwritten
    #[arg(long, value_name = "DIR", requires = "to")]
    out_dir: Option<PathBuf>,
}

/// A format that is written.
#[derive(Clone, Copy, Debug, PartialEq, ValueEnum)]
enum Target {
    /// Comma-separated values
    Csv,
    /// JCAMP-DX; refused with a sentence until it is written.
    #[value(hide = true)]
    Jcamp,
}

/// What `--json` says about a file.
#[derive(Serialize)]
struct Document {
    file: String,
    spectra: Vec<Listed>,
    /// The files that were written, where `--to` asked for them.
    #[serde(skip_serializing_if = "Option::is_none")]
    written: Option<Vec<String>>,
}

/// One spectrum of the list.
#[derive(Serialize)]
struct Listed {
    title: String,
    kind: formats::SpectrumKind,
    technique: Option<Technique>,
    x_unit: Option<String>,
    y_unit: Option<String>,
    points: usize,
    x_first: Option<f64>,
    x_last: Option<f64>,
    y_first: Option<f64>,
    y_last: Option<f64>,
    y_min: Option<f64>,
    y_max: Option<f64>,
    y_sum: f64,
    notes: Vec<String>,
}

impl Listed {
    fn of(spectrum: &FileSpectrum) -> Self {
        let FileSpectrum { x, y, .. } = spectrum;
        Self {
            title: spectrum.title.clone(),
            kind: spectrum.kind,
            technique: spectrum.technique,
            x_unit: spectrum.x_unit.as_ref().map(ToString::to_string),
            y_unit: spectrum.y_unit.as_ref().map(ToString::to_string),
            points: x.len(),
            x_first: x.first().copied(),
            x_last: x.last().copied(),
            y_first: y.first().copied(),
            y_last: y.last().copied(),
            y_min: y.iter().copied().reduce(f64::min),
            y_max: y.iter().copied().reduce(f64::max),
            y_sum: y.iter().sum(),
            notes: spectrum.notes.clone(),
        }
    }
}

/// Runs `convert`.
pub fn run(args: ConvertArgs, context: &Context) -> Result<ExitCode, anyhow::Error> {
    let ConvertArgs { files, to, out_dir } = args;
    match (to, out_dir) {
        (None, _) => input::for_each_file(&files, context, |path| Ok(list(path, &input::read_spectra(path)?))),
        (Some(Target::Jcamp), _) => bail!("this version does not write JCAMP-DX; use --to csv"),
        (Some(Target::Csv), Some(folder)) => {
            fs::create_dir_all(&folder).with_context(|| format!("cannot make the folder {}", folder.display()))?;
            input::for_each_file(&files, context, |path| write(path, &folder))
        }
        (Some(Target::Csv), None) => print(&files, context),
    }
}

fn list(path: &Path, spectra: &[FileSpectrum]) -> FileResult<Document> {
    let listed: Vec<Listed> = spectra.iter().map(Listed::of).collect();
    let mut text = format!("{}\n", path.display());
    for line in &listed {
        // Writing to a String cannot fail.
        let _ = writeln!(
            text,
            "  {:<13} {}: {} points, {} to {} {}, {} to {} {}",
            line.kind.name(),
            line.title,
            line.points,
            line.x_first.unwrap_or_default(),
            line.x_last.unwrap_or_default(),
            line.x_unit.as_deref().unwrap_or("(unit not stated)"),
            line.y_min.unwrap_or_default(),
            line.y_max.unwrap_or_default(),
            line.y_unit.as_deref().unwrap_or("(unit not stated)"),
        );
        for note in &line.notes {
            let _ = writeln!(text, "                {note}");
        }
    }
    let file = path.to_string_lossy().into_owned();
    FileResult { document: Document { file, spectra: listed, written: None }, text }
}

/// Writes each spectrum of a file to a file of its own.
fn write(path: &Path, folder: &Path) -> Result<FileResult<Document>, anyhow::Error> {
    let spectra = input::read_spectra(path)?;
    let stem = path.file_stem().map(|stem| stem.to_string_lossy().into_owned()).unwrap_or_default();
    let mut written = Vec::new();
    let mut text = String::new();
    for (i, spectrum) in spectra.iter().enumerate() {
        let name = if spectra.len() == 1 { format!("{stem}.csv") } else { format!("{stem}-{}.csv", i + 1) };
        let target = folder.join(name);
        create(&target, &formats::to_csv(spectrum))?;
        let _ = writeln!(text, "{}", target.display());
        written.push(target.to_string_lossy().into_owned());
    }
    let document = Document { written: Some(written), ..list(path, &spectra).document };
    Ok(FileResult { document, text })
}

fn create(target: &Path, text: &str) -> Result<(), anyhow::Error> {
    let name = target.display();
    let opened = OpenOptions::new().write(true).create_new(true).open(target);
    let mut file = match opened {
        Ok(file) => file,
        Err(error) if error.kind() == ErrorKind::AlreadyExists => {
            bail!("{name} exists and is not overwritten; choose another --out-dir or move it away")
        }
        Err(error) => return Err(error).with_context(|| format!("cannot write {name}")),
    };
    file.write_all(text.as_bytes()).with_context(|| format!("cannot write {name}"))
}

/// Prints the one spectrum of one file on stdout.
fn print(files: &[PathBuf], context: &Context) -> Result<ExitCode, anyhow::Error> {
    let [path] = files else { bail!("several files do not fit on stdout; name a folder with --out-dir") };
    if context.json {
        bail!("with --json stdout holds the list of spectra; name a folder for the CSV files with --out-dir");
    }
    let spectra = input::read_spectra(path)?;
    let [spectrum] = spectra.as_slice() else {
        bail!(
            "{} holds {} spectra, which do not fit on stdout; name a folder with --out-dir",
            path.display(),
            spectra.len()
        );
    };
    output::print_text(&formats::to_csv(spectrum))?;
    Ok(ExitCode::SUCCESS)
}
