//! `parcelscope evaluate`: accuracy tables on labelled spectra.

use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::Arc;

use anyhow::{Context as _, bail};
use clap::{Args, ValueEnum};

use crate::analyzer::emulator::{EXCITATION_NM, Gap, Sample, SamplePart, memory_kit};
use crate::analyzer::{Clock, Kit, ScanSettings, VirtualClock};
use crate::formats::SpectrumKind;
use crate::identify::{Engine, Outcome, Query, Spectra, Table, Truth, ask};
use crate::library::{Library, Reference, Tier};
use crate::spectrum::{Spectrum, Technique};

use super::{Context, input, output};

mod blends;
mod calibrate;
mod daughters;
mod laboratory;
mod limits;
mod scenes;

/// Names the folder with labelled spectra where `--data` does not.
const DATA_VARIABLE: &str = "PARCELSCOPE_DATA";
/// What the manifest says of a substance that is in no reference.
const OUT_OF_LIBRARY: &str = "out of library";

/// A set of labelled spectra and the question put to them.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Suite {
    /// The spectra from which the measured references were made (does the plumbing hold?)
    Reference,
    /// Spectra of other laboratories and instruments
    Queries,
    /// The reference spectra, each with its own substance removed from the library
    LeaveOneOut,
    /// Emulated scans of every measured Raman reference, with the gap between reference and sample, and empty probes
    Emulator,
    /// The same, each with its own substance removed from the library
    EmulatorLeaveOneOut,
    /// Three emulated units ask a simulated laboratory pack that a fourth has measured
    Daughters,
    /// The same, each with its own substance removed from the pack
    DaughtersLeaveOneOut,
    /// Listed and benign substances through a polyethylene bag, against the simulated laboratory pack
    Bagged,
    /// Listed substances cut with benign ones by share, against the simulated laboratory pack
    Mixtures,
    /// Listed substances added to blanks at the very share that the blank's scan states as its limit
    Limits,
    /// Measured blends of polystyrene and polypropylene oxide with stated fractions
    Blends,
    /// Noise only, container only, cosmic rays and saturation, against the simulated laboratory pack
    Hostile,
    /// Fits probabilities and thresholds anew, on emulated units and substances kept for that; not part of `all`
    Calibrate,
    /// All of these but `calibrate`
    All,
}

/// What `all` runs.
const EVERY_SUITE: [Suite; 12] = [
    Suite::Reference,
    Suite::Queries,
    Suite::LeaveOneOut,
    Suite::Emulator,
    Suite::EmulatorLeaveOneOut,
    Suite::Daughters,
    Suite::DaughtersLeaveOneOut,
    Suite::Bagged,
    Suite::Mixtures,
    Suite::Limits,
    Suite::Blends,
    Suite::Hostile,
];
/// Emulated scans of each reference, each by another unit on another sample.
const SEEDS: u64 = 3;

/// Arguments of `evaluate`.
#[derive(Args, Debug)]
pub struct EvaluateArgs {
    /// Which suite
    #[arg(value_enum)]
    suite: Suite,
    /// Folder with manifest.csv and the labelled spectra; else the variable PARCELSCOPE_DATA names it
    #[arg(long, value_name = "DIR")]
    data: Option<PathBuf>,
}

/// Runs `evaluate`.
pub fn run(args: EvaluateArgs, context: &Context) -> Result<ExitCode, anyhow::Error> {
    let EvaluateArgs { suite, data } = args;
    let engine = Engine::new(Library::bundled()?);
    let suites: &[Suite] = match suite {
        Suite::All => &EVERY_SUITE,
        ref one => std::slice::from_ref(one),
    };
    let mut tables = Vec::new();
    for one in suites {
        let table = evaluate(*one, &engine, data.as_deref())?;
        if !context.json {
            output::print_text(&table.to_string())?;
        }
        tables.push(table);
    }
    if context.json {
        output::print_json(&tables)?;
    }
    Ok(ExitCode::SUCCESS)
}

fn evaluate(suite: Suite, engine: &Engine, data: Option<&Path>) -> Result<Table, anyhow::Error> {
    let measured = |folder: &str, leave_out: bool| -> Result<Vec<Outcome>, anyhow::Error> {
        let queries = labelled(&data_folder(data)?, folder)?;
        Ok(queries.iter().map(|q| ask(engine, q, leave_out)).collect())
    };
    let name = suite.to_possible_value().map_or_else(String::new, |v| v.get_name().to_owned());
    let table = |spectra, outcomes: Vec<Outcome>, halves| Table::new(&name, spectra, &outcomes, halves);
    let parts = |outcomes: Vec<(String, Outcome)>| Table::of_parts(&name, Spectra::Simulated, &outcomes);
    Ok(match suite {
        Suite::Reference => table(Spectra::Measured, measured("raman-reference/", false)?, true),
        Suite::LeaveOneOut => table(Spectra::Measured, measured("raman-reference/", true)?, true),
        Suite::Queries | Suite::All => table(Spectra::Measured, measured("raman-queries/", false)?, false),
        Suite::Emulator => table(Spectra::Simulated, emulated(engine, false)?, false),
        Suite::EmulatorLeaveOneOut => table(Spectra::Simulated, emulated(engine, true)?, false),
        Suite::Bagged => parts(scenes::bagged(engine.library())?),
        Suite::Mixtures => parts(scenes::mixtures(engine.library())?),
        Suite::Limits => limits::table(engine.library(), &name)?,
        Suite::Blends => blends::table(&data_folder(data)?, &name)?,
        Suite::Calibrate => calibrate::table(engine, &name)?,
        Suite::Hostile => parts(scenes::hostile(engine.library())?),
        Suite::Daughters => table(Spectra::Simulated, daughters::pure(engine.library(), false)?, true),
        Suite::DaughtersLeaveOneOut => table(Spectra::Simulated, daughters::pure(engine.library(), true)?, true),
    })
}

/// Emulated scans at default settings, through driver and protocol, in virtual time. Without `leave_out` empty probes
/// are among them.
fn emulated(engine: &Engine, leave_out: bool) -> Result<Vec<Outcome>, anyhow::Error> {
    let library = engine.library();
    let measured = |r: &&Reference| {
        r.technique == Technique::Raman && matches!(r.tier, Tier::MeasuredHere | Tier::MeasuredElsewhere)
    };
    let mut outcomes = Vec::new();
    for (number, reference) in library.references.iter().enumerate().filter(|(_, r)| measured(r)) {
        let Some(substance) = library.substance_of(reference) else { continue };
        let truth = Truth { name: substance.name.clone(), cas: substance.cas.iter().cloned().collect() };
        let parts = vec![SamplePart { share: 1.0, bands: reference.bands.clone() }];
        for seed in 0..SEEDS {
            let name = format!("{} ({}), seed {seed}", substance.key, reference.source_item.as_deref().unwrap_or("-"));
            let sample = Sample { name: substance.key.clone(), parts: parts.clone() };
            let spectrum = emulated_scan(number as u64 * 1_000 + seed, sample)?;
            outcomes.push(ask(engine, &Query { name, truth: truth.clone(), beside: Vec::new(), spectrum }, leave_out));
        }
    }
    if !leave_out {
        for seed in 0..SEEDS {
            let truth = Truth::nothing();
            let spectrum = emulated_scan(u64::MAX - seed, Sample { name: "empty".to_owned(), parts: Vec::new() })?;
            let name = format!("empty probe, seed {seed}");
            outcomes.push(ask(engine, &Query { name, truth, beside: Vec::new(), spectrum }, false));
        }
    }
    Ok(outcomes)
}

fn emulated_scan(seed: u64, sample: Sample) -> Result<Spectrum, anyhow::Error> {
    let clock: Arc<dyn Clock> = Arc::new(VirtualClock::default());
    let parts = memory_kit(seed, Gap::MEASURED, sample, Arc::clone(&clock));
    let mut kit = Kit::connect(Box::new(parts.spectrometer), Box::new(parts.laser), EXCITATION_NM, clock)?;
    let acquisition = kit.acquire(&ScanSettings::default(), &|| false, &mut |_| {}, &mut |_| {})?;
    Ok(acquisition.spectrum)
}

fn data_folder(argument: Option<&Path>) -> Result<PathBuf, anyhow::Error> {
    argument.map(Path::to_owned).or_else(|| std::env::var_os(DATA_VARIABLE).map(PathBuf::from)).with_context(|| {
        format!("no labelled spectra: name their folder with --data DIR or in the variable {DATA_VARIABLE}")
    })
}

/// The spectra of the manifest whose path starts with `folder`, with their labels.
fn labelled(data: &Path, folder: &str) -> Result<Vec<Query>, anyhow::Error> {
    let manifest = data.join("manifest.csv");
    let name = manifest.display();
    let mut rows = csv::Reader::from_path(&manifest)
        .with_context(|| format!("{name} cannot be read; --data must name the folder that holds it"))?;
    let headers = rows.headers().with_context(|| format!("{name} is not a table"))?.clone();
    let column = |title: &str| {
        headers.iter().position(|h| h == title).with_context(|| format!("{name} has no column '{title}'"))
    };
    let (file, expected, cas) = (column("file")?, column("expected")?, column("cas")?);
    let mut queries = Vec::new();
    for row in rows.records() {
        let row = row.with_context(|| format!("{name} has a row that cannot be read"))?;
        let cell = |i: usize| row.get(i).unwrap_or_default();
        let Some(short) = cell(file).strip_prefix(folder) else { continue };
        let path = data.join(cell(file));
        let spectra = input::read_spectra(&path)?;
        let sample = spectra
            .iter()
            .find(|s| s.kind == SpectrumKind::Sample)
            .with_context(|| format!("{} holds no spectrum of a sample", path.display()))?;
        let (spectrum, _) = sample.to_spectrum().with_context(|| format!("{} cannot be compared", path.display()))?;
        let truth = Truth {
            name: cell(expected).to_owned(),
            cas: cell(cas).split('|').map(str::trim).filter(|c| !c.is_empty()).map(str::to_owned).collect(),
        };
        if truth.cas.is_empty() && truth.name.is_empty() {
            bail!("{name} does not say what {short} is; write '{OUT_OF_LIBRARY}' for a substance without reference");
        }
        queries.push(Query { name: short.to_owned(), truth, beside: Vec::new(), spectrum });
    }
    if queries.is_empty() {
        bail!("{name} lists no spectrum under {folder}");
    }
    Ok(queries)
}
