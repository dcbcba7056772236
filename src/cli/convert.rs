//! `parcelscope convert`.

use std::fmt::Write as _;
use std::fs::{self, OpenOptions};
use std::io::{ErrorKind, Write as _};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::{Context as _, bail};
use clap::{Args, ValueEnum};
use serde::Serialize;

use crate::formats::{self, FileSpectrum, JcampForm};

use super::input::{self, FileResult};
use super::{Context, output};

/// Arguments of `convert`.
#[derive(Args, Debug)]
#[command(
    after_help = "Without --to the spectra in each file are listed as they are stored, in the file's own units.\n\
                  Files that are read: JCAMP-DX, Galactic SPC, Bruker OPUS, Thermo SPA, Renishaw WDF, ENLIGHTEN CSV, \
                  LabSpec, OceanView, RRUFF, B&W Tek and Agilent ASP text, any other text with columns of numbers or a \
                  spectrum a row (tab, space, comma or semicolon; decimal point or comma), and ZIP archives of these. \
                  The content decides, not the file's name."
)]
pub struct ConvertArgs {
    /// Spectrum files
    #[arg(required = true, value_name = "FILE")]
    files: Vec<PathBuf>,
    /// Write the spectra in this format: to stdout if there is one, else to --out-dir
    #[arg(long, value_name = "FORMAT")]
    to: Option<Target>,
    /// How the numbers of JCAMP-DX are written
    #[arg(long, value_name = "FORM", default_value = "affn", requires = "to")]
    form: Form,
    /// Folder for the written files; existing files are never overwritten
    #[arg(long, value_name = "DIR", requires = "to")]
    out_dir: Option<PathBuf>,
}

/// A format that is written.
#[derive(Clone, Copy, Debug, PartialEq, ValueEnum)]
enum Target {
    /// Comma-separated values
    Csv,
    /// JCAMP-DX 4.24
    Jcamp,
}

/// How JCAMP-DX is written.
#[derive(Clone, Copy, Debug, Default, PartialEq, ValueEnum)]
enum Form {
    /// Plain numbers with all digits
    #[default]
    Affn,
    /// Differences and repeats: smaller, nine digits; an uneven axis is written as plain pairs
    Difdup,
}

/// A format with its choices.
#[derive(Clone, Copy, Debug)]
struct Writer {
    target: Target,
    form: Form,
}

impl Writer {
    const fn ending(self) -> &'static str {
        match self.target {
            Target::Csv => "csv",
            Target::Jcamp => "jdx",
        }
    }

    fn text(self, spectrum: &FileSpectrum) -> String {
        match (self.target, self.form) {
            (Target::Csv, _) => formats::to_csv(spectrum),
            (Target::Jcamp, Form::Affn) => formats::to_jcamp(spectrum, JcampForm::Affn),
            (Target::Jcamp, Form::Difdup) => formats::to_jcamp(spectrum, JcampForm::DifDup),
        }
    }
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
    technique: Option<String>,
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
    /// Checks of the file itself that failed; such a spectrum is listed but never identified.
    defects: Vec<String>,
}

impl Listed {
    fn of(spectrum: &FileSpectrum) -> Self {
        let FileSpectrum { x, y, .. } = spectrum;
        Self {
            title: spectrum.title.clone(),
            kind: spectrum.kind,
            technique: spectrum.technique.as_ref().map(ToString::to_string),
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
            defects: spectrum.defects.clone(),
        }
    }
}

/// Runs `convert`.
pub fn run(args: ConvertArgs, context: &Context) -> Result<ExitCode, anyhow::Error> {
    let ConvertArgs { files, to, form, out_dir } = args;
    match (to, out_dir) {
        (None, _) => input::for_each_file(&files, context, |path| Ok(list(path, &input::read_spectra(path)?))),
        (Some(target), Some(folder)) => {
            let writer = Writer { target, form };
            fs::create_dir_all(&folder).with_context(|| format!("cannot make the folder {}", folder.display()))?;
            input::for_each_file(&files, context, |path| write(path, &folder, writer))
        }
        (Some(target), None) => print(&files, context, Writer { target, form }),
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
        for note in line.notes.iter().chain(&line.defects) {
            let _ = writeln!(text, "                {note}");
        }
    }
    let file = path.to_string_lossy().into_owned();
    FileResult { document: Document { file, spectra: listed, written: None }, text }
}

/// Writes each spectrum of a file to a file of its own.
fn write(path: &Path, folder: &Path, writer: Writer) -> Result<FileResult<Document>, anyhow::Error> {
    let spectra = input::read_spectra(path)?;
    let stem = path.file_stem().map(|stem| stem.to_string_lossy().into_owned()).unwrap_or_default();
    let ending = writer.ending();
    let mut written = Vec::new();
    let mut text = String::new();
    for (i, spectrum) in spectra.iter().enumerate() {
        let name = if spectra.len() == 1 { format!("{stem}.{ending}") } else { format!("{stem}-{}.{ending}", i + 1) };
        let target = folder.join(name);
        create(&target, &writer.text(spectrum))?;
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
fn print(files: &[PathBuf], context: &Context, writer: Writer) -> Result<ExitCode, anyhow::Error> {
    let [path] = files else { bail!("several files do not fit on stdout; name a folder with --out-dir") };
    if context.json {
        bail!("with --json stdout holds the list of spectra; name a folder for the written files with --out-dir");
    }
    let spectra = input::read_spectra(path)?;
    let [spectrum] = spectra.as_slice() else {
        bail!(
            "{} holds {} spectra, which do not fit on stdout; name a folder with --out-dir",
            path.display(),
            spectra.len()
        );
    };
    output::print_text(&writer.text(spectrum))?;
    Ok(ExitCode::SUCCESS)
}
