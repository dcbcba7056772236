//! `parcelscope identify`.

use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::Instant;

use anyhow::{Context as _, bail};
use clap::Args;
use jiff::Timestamp;
use serde::Serialize;

use crate::formats::{Choices, Comparable, FileSpectrum, SpectrumKind};
use crate::identify::{Answer, Combined, Engine, PillCheck, Tolerance, combine};
use crate::library::{Formulations, Library};
use crate::session;

use super::input::{self, ChoiceArgs, FileResult};
use super::{Context, answer_text, output};

/// Arguments of `identify`.
#[derive(Args, Debug)]
#[command(
    after_help = "The verdict is one of four: alarm, alert, inconclusive, nothing listed detected. None of them means safe.\n\
                  The exit code is 0 whatever the verdict, and 2 if a file could not be identified.\n\
                  'parcelscope convert' lists what a file holds and names the files that can be read."
)]
pub struct IdentifyArgs {
    /// Spectrum files
    #[arg(required = true, value_name = "FILE")]
    files: Vec<PathBuf>,
    /// Search this reference pack instead of the installed one
    #[arg(long, value_name = "PACK")]
    library: Option<PathBuf>,
    /// Of a file that holds several spectra of samples, identify this one, counted from 1
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..))]
    spectrum: Option<u32>,
    /// Tolerated rate of wrong names among scans like those of the calibration, 0 to 1; usually 0.01, and 0.03 among names
    /// that alarm
    #[arg(long, value_name = "RATE", value_parser = rate)]
    wrong_names: Option<f64>,
    /// Imprint of a pill, as 'M 30': says whether the scan contradicts it
    #[arg(long, value_name = "TEXT")]
    imprint: Option<String>,
    /// Colour of the pill, as 'blue'
    #[arg(long, value_name = "COLOUR", requires = "imprint")]
    colour: Option<String>,
    /// All files are scans of one item: spots, replicates, or Raman beside infrared. Says what they say together
    #[arg(long)]
    combine: bool,
    #[command(flatten)]
    choices: ChoiceArgs,
}

/// What the operator read on a pill.
struct Imprint {
    text: String,
    colour: Option<String>,
}

fn rate(text: &str) -> Result<f64, String> {
    let rate: f64 = text.parse().map_err(|_| format!("'{text}' is no number; write a rate such as 0.01"))?;
    if (0.0..=1.0).contains(&rate) { Ok(rate) } else { Err(format!("{text} is no rate; write a number from 0 to 1")) }
}

/// What `--json` says about a file.
#[derive(Serialize)]
struct Document {
    file: String,
    #[serde(flatten)]
    answer: Answer,
    assumed: Vec<String>,
    /// What the operator stated where the file is silent.
    stated: Vec<String>,
    /// What was computed from the stored numbers before they were compared.
    converted: Vec<String>,
    /// What the scan says about the imprint that was given.
    #[serde(skip_serializing_if = "Option::is_none")]
    pill: Option<PillCheck>,
    elapsed_ms: f64,
}

/// Runs `identify`.
pub fn run(args: IdentifyArgs, context: &Context) -> Result<ExitCode, anyhow::Error> {
    let IdentifyArgs { files, library, spectrum, wrong_names, imprint, colour, combine: one_item, choices } = args;
    let imprint = imprint.map(|text| Imprint { text, colour });
    let choices = choices.choices()?;
    let data_dir = session::data_dir(context.data_dir.as_deref())?;
    let used = session::library_or_pack(library.as_deref(), &data_dir, Timestamp::now())?;
    if let Some(warning) = &used.warning {
        output::complain(warning);
    }
    let tolerance = wrong_names.map_or(Tolerance::DEFAULT, Tolerance::new);
    let engine = session::engine_with_kept_index(used.library, &data_dir).with_tolerance(tolerance);
    let identify = |path: &Path| identify(path, spectrum, &choices, &engine, imprint.as_ref());
    let done =
        if one_item { combined(&files, context, identify) } else { input::for_each_file(&files, context, identify) };
    session::keep_index(&engine, &data_dir);
    done
}

/// What `--combine --json` says about an item.
#[derive(Serialize)]
struct ItemDocument<'a> {
    #[serde(flatten)]
    combined: &'a Combined,
    /// The scans, in the order given.
    files: Vec<&'a Document>,
}

/// One finding from all files. A file that cannot be read stops it: an item judged by half of its scans is another item.
fn combined(
    files: &[PathBuf],
    context: &Context,
    mut identify: impl FnMut(&Path) -> Result<FileResult<Document>, anyhow::Error>,
) -> Result<ExitCode, anyhow::Error> {
    let scans: Vec<FileResult<Document>> = files.iter().map(|path| identify(path)).collect::<Result<_, _>>()?;
    let answers: Vec<Answer> = scans.iter().map(|s| s.document.answer.clone()).collect();
    let combined = combine(&answers)?;
    if context.json {
        let files = scans.iter().map(|s| &s.document).collect();
        output::print_json(&ItemDocument { combined: &combined, files })?;
    } else {
        let mut text = answer_text::describe_combined(&combined);
        for (number, scan) in scans.iter().enumerate() {
            // Writing to a String cannot fail.
            let _ = write!(text, "\nScan {}: {}", number + 1, scan.text);
        }
        output::print_text(&output::printable(&text))?;
    }
    Ok(ExitCode::SUCCESS)
}

fn identify(
    path: &Path,
    number: Option<u32>,
    choices: &Choices,
    engine: &Engine,
    imprint: Option<&Imprint>,
) -> Result<FileResult<Document>, anyhow::Error> {
    let started = Instant::now();
    let name = path.display();
    let spectra = input::read_spectra(path)?;
    let chosen = choose(path, &spectra, number)?;
    let Comparable { spectrum, assumed, stated, converted } =
        chosen.comparable(choices).with_context(|| name.to_string())?;
    let answer = engine.identify(&spectrum);
    let elapsed_ms = started.elapsed().as_micros() as f64 / 1_000.0;
    let pill = imprint.map(|i| pill_check(&i.text, i.colour.as_deref(), &answer, engine.library())).transpose()?;

    let mut text = format!("{}\n{}", name, answer_text::describe(&answer));
    for (what, sentences) in [("Supposed", &assumed), ("Stated", &stated), ("Converted", &converted)] {
        if !sentences.is_empty() {
            // Writing to a String cannot fail.
            let _ = writeln!(text, "  {what:<10} {}", sentences.join("; "));
        }
    }
    for note in &chosen.notes {
        let _ = writeln!(text, "  In file    {note}");
    }
    if let Some(pill) = &pill {
        let _ = writeln!(text, "  Imprint    {}", pill.sentence);
    }
    let file = path.to_string_lossy().into_owned();
    Ok(FileResult { document: Document { file, answer, assumed, stated, converted, pill, elapsed_ms }, text })
}

/// Compares an answer with the tablets of an imprint that the program knows.
pub(super) fn pill_check(
    imprint: &str,
    colour: Option<&str>,
    answer: &Answer,
    library: &Library,
) -> Result<PillCheck, anyhow::Error> {
    let table = Formulations::bundled()?;
    Ok(PillCheck::of(imprint, &table.with_imprint(imprint, colour), answer, library))
}

/// The sample spectrum that is meant. A file with several needs a choice: the alarming one may not be the first.
fn choose<'a>(
    path: &Path,
    spectra: &'a [FileSpectrum],
    number: Option<u32>,
) -> Result<&'a FileSpectrum, anyhow::Error> {
    let name = path.display();
    let samples: Vec<&FileSpectrum> = spectra.iter().filter(|s| s.kind == SpectrumKind::Sample).collect();
    match (number, samples.as_slice()) {
        (_, []) => bail!("{name} holds no spectrum of a sample; 'parcelscope convert {name}' lists what it holds"),
        (None, [only]) => Ok(only),
        (None, several) => bail!(
            "{name} holds {} spectra of samples; choose one with --spectrum 1 to --spectrum {}",
            several.len(),
            several.len()
        ),
        (Some(number), samples) => samples
            .get(number as usize - 1)
            .copied()
            .with_context(|| format!("{name} has no spectrum {number} of a sample: it holds {}", samples.len())),
    }
}
