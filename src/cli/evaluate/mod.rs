//! `parcelscope evaluate`: accuracy tables on labelled spectra.

use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::Arc;

use anyhow::{Context as _, bail};
use clap::{Args, ValueEnum};
use jiff::Timestamp;

use crate::analyzer::emulator::{EXCITATION_NM, Gap, Sample, SamplePart, memory_kit};
use crate::analyzer::{Clock, Kit, ScanSettings, VirtualClock};
use crate::formats::SpectrumKind;
use crate::identify::{ENGINE, Engine, Outcome, Query, Spectra, Table, Truth, ask};
use crate::laboratory::{engine_for_evaluation, labelled_queries};
use crate::library::{Library, Reference, Tier, pack};
use crate::session;
use crate::spectrum::{Spectrum, Technique};

use super::{Context, input, output};

mod blends;
mod calibrate;
mod daughters;
mod laboratory;
mod limits;
mod own_spectra;
mod risk;
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
    /// The same, each with its own substance removed from the library
    QueriesLeaveOneOut,
    /// The reference spectra, each with its own substance removed from the library; with --library and without --data the
    /// measured spectra of that library, each with itself left out where the substance has another one
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
    /// Pairs and triples of benign substances against the bundled library
    BenignMixtures,
    /// Fits probabilities and thresholds anew, on emulated units and substances kept for that, and prints the table that
    /// the engine embeds; not part of `all`
    Calibrate,
    /// All of these but `calibrate`
    All,
}

/// What `all` runs.
const EVERY_SUITE: [Suite; 14] = [
    Suite::Reference,
    Suite::Queries,
    Suite::QueriesLeaveOneOut,
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
    Suite::BenignMixtures,
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
    /// Write the tables to this file as well; of `calibrate`, the table that the engine embeds
    #[arg(long, value_name = "FILE")]
    report: Option<PathBuf>,
    /// Ask this pack or draft instead of the bundled library; `installed` is the library in use
    #[arg(long, value_name = "PACK")]
    library: Option<PathBuf>,
    /// Of `queries` and `queries-leave-one-out`: the laboratory's own spectra, with --labels
    #[arg(long, value_name = "FOLDER", requires = "labels")]
    queries: Option<PathBuf>,
    /// Table that says what each of them is: columns file and substance, and where wanted cas, technique, laser_nm, spectrum
    #[arg(long, value_name = "CSV", requires = "queries")]
    labels: Option<PathBuf>,
    /// Of `daughters`: keep the simulated laboratory pack as a draft, which can be signed for training
    #[arg(long, value_name = "DRAFT")]
    keep_pack: Option<PathBuf>,
}

/// Stands for the library in use.
const INSTALLED: &str = "installed";

impl EvaluateArgs {
    fn library(&self, context: &Context) -> Result<Arc<Library>, anyhow::Error> {
        let Some(named) = &self.library else { return Ok(Library::bundled()?) };
        let folder = session::data_dir(context.data_dir.as_deref())?;
        let file = Some(named.as_path()).filter(|n| *n != Path::new(INSTALLED));
        Ok(session::library_to_look_at(file, &folder, Timestamp::now())?.library)
    }

    /// The laboratory's own spectra, else those of the manifest.
    fn own_or(&self, folder: &str) -> Result<(Spectra, Vec<Query>), anyhow::Error> {
        match (&self.queries, &self.labels) {
            (Some(queries), Some(labels)) => {
                let own = labelled_queries(queries, labels, &|_, _| true)?;
                Ok((own.spectra, own.queries))
            }
            _ => Ok((Spectra::Measured, labelled(&data_folder(self.data.as_deref())?, folder)?)),
        }
    }
}

/// Runs `evaluate`.
pub fn run(args: EvaluateArgs, context: &Context) -> Result<ExitCode, anyhow::Error> {
    let suite = args.suite;
    let engine = engine_for_evaluation(args.library(context)?);
    if let Some(draft) = &args.keep_pack {
        if !matches!(suite, Suite::Daughters) || draft.exists() {
            bail!("--keep-pack goes with the suite daughters, and names a draft that is not there yet");
        }
        pack::write_draft(draft, &laboratory::training_content(engine.library(), Timestamp::now())?)?;
    }
    let suites: &[Suite] = match suite {
        Suite::All => &EVERY_SUITE,
        ref one => std::slice::from_ref(one),
    };
    let mut written = String::new();
    let mut tables = Vec::new();
    for one in suites {
        let table = match one {
            Suite::Calibrate => {
                let (table, source) = calibrate::table(&engine, &name_of(*one))?;
                if !context.json && args.report.is_none() {
                    output::print_text(&source)?;
                }
                written = source;
                table
            }
            one => evaluate(*one, &engine, &args)?,
        };
        let text = table.to_string();
        if !context.json {
            output::print_text(&text)?;
        }
        if !matches!(one, Suite::Calibrate) {
            written.push_str(&text);
        }
        tables.push(table);
    }
    if context.json {
        output::print_json(&tables)?;
    }
    if let Some(path) = args.report {
        if !matches!(suite, Suite::Calibrate) {
            written = format!("{}\n{written}", heading(&engine));
        }
        std::fs::write(&path, written).with_context(|| {
            format!("{} cannot be written; name a file in a folder that exists and is yours", path.display())
        })?;
    }
    Ok(ExitCode::SUCCESS)
}

/// What a report begins with: which program asked which library.
fn heading(engine: &Engine) -> String {
    let identity = &engine.library().identity;
    format!(
        "Evaluation by parcelscope {} ({ENGINE}), library {} {} (sha256 {})\nIntervals are Wilson's, 95 %. Simulated figures are not figures for the field.\n",
        env!("CARGO_PKG_VERSION"),
        identity.name,
        identity.version,
        identity.sha256
    )
}

fn name_of(suite: Suite) -> String {
    suite.to_possible_value().map_or_else(String::new, |v| v.get_name().to_owned())
}

fn evaluate(suite: Suite, engine: &Engine, args: &EvaluateArgs) -> Result<Table, anyhow::Error> {
    let data = args.data.as_deref();
    let measured = |folder: &str| labelled(&data_folder(data)?, folder);
    let name = name_of(suite);
    let parts = |outcomes: Vec<(String, Outcome)>| Table::of_parts(&name, Spectra::Simulated, &outcomes);
    let table = |spectra, (engine, queries): (&Engine, Vec<Query>), leave_out: bool, halves| {
        let outcomes: Vec<Outcome> = queries.iter().map(|q| ask(engine, q, leave_out)).collect();
        let mut table = Table::new(&name, spectra, &outcomes, halves);
        if leave_out {
            risk::add_curve(&mut table, engine, &queries);
        }
        table
    };
    Ok(match suite {
        Suite::Reference => table(Spectra::Measured, (engine, measured("raman-reference/")?), false, true),
        Suite::LeaveOneOut if args.library.is_some() && args.data.is_none() => own_spectra::table(engine, &name)?,
        Suite::LeaveOneOut => table(Spectra::Measured, (engine, measured("raman-reference/")?), true, true),
        Suite::Queries | Suite::QueriesLeaveOneOut | Suite::All | Suite::Calibrate => {
            let (spectra, queries) = args.own_or("raman-queries/")?;
            table(spectra, (engine, queries), matches!(suite, Suite::QueriesLeaveOneOut), false)
        }
        Suite::Emulator => table(Spectra::Simulated, (engine, emulated(engine, true)?), false, false),
        Suite::EmulatorLeaveOneOut => table(Spectra::Simulated, (engine, emulated(engine, false)?), true, false),
        Suite::Bagged => parts(scenes::bagged(engine.library())?),
        Suite::Mixtures => parts(scenes::mixtures(engine.library())?),
        Suite::BenignMixtures => parts(scenes::benign_mixtures(engine)?),
        Suite::Limits => limits::table(engine.library(), &name)?,
        Suite::Blends => blends::table(&data_folder(data)?, &name)?,
        Suite::Hostile => parts(scenes::hostile(engine.library())?),
        Suite::Daughters | Suite::DaughtersLeaveOneOut => {
            let (pack, queries) = daughters::queries(engine)?;
            table(Spectra::Simulated, (&pack, queries), matches!(suite, Suite::DaughtersLeaveOneOut), true)
        }
    })
}

/// Emulated scans at default settings, through driver and protocol, in virtual time.
fn emulated(engine: &Engine, with_empty_probes: bool) -> Result<Vec<Query>, anyhow::Error> {
    let library = engine.library();
    let measured = |r: &&Reference| {
        r.technique == Technique::Raman && matches!(r.tier, Tier::MeasuredHere | Tier::MeasuredElsewhere)
    };
    let mut queries = Vec::new();
    for (number, reference) in library.references.iter().enumerate().filter(|(_, r)| measured(r)) {
        let Some(substance) = library.substance_of(reference) else { continue };
        let truth = Truth { name: substance.name.clone(), cas: substance.cas.iter().cloned().collect() };
        let parts = vec![SamplePart { share: 1.0, bands: reference.bands.clone() }];
        for seed in 0..SEEDS {
            let name = format!("{} ({}), seed {seed}", substance.key, reference.source_item.as_deref().unwrap_or("-"));
            let sample = Sample { name: substance.key.clone(), parts: parts.clone() };
            let spectrum = emulated_scan(number as u64 * 1_000 + seed, sample)?;
            queries.push(Query { name, truth: truth.clone(), beside: Vec::new(), spectrum });
        }
    }
    if with_empty_probes {
        for seed in 0..SEEDS {
            let truth = Truth::nothing();
            let spectrum = emulated_scan(u64::MAX - seed, Sample { name: "empty".to_owned(), parts: Vec::new() })?;
            let name = format!("empty probe, seed {seed}");
            queries.push(Query { name, truth, beside: Vec::new(), spectrum });
        }
    }
    Ok(queries)
}

fn emulated_scan(seed: u64, sample: Sample) -> Result<Spectrum, anyhow::Error> {
    let clock: Arc<dyn Clock> = Arc::new(VirtualClock::default());
    let parts = memory_kit(seed, Gap::MEASURED, sample, Arc::clone(&clock));
    let mut kit = Kit::connect(Box::new(parts.spectrometer), Box::new(parts.laser), EXCITATION_NM, clock)?;
    let acquisition = kit.acquire(&ScanSettings::default(), &|| false, &mut |_| {}, &mut |_| {})?;
    Ok(acquisition.spectrum)
}

pub(super) fn data_folder(argument: Option<&Path>) -> Result<PathBuf, anyhow::Error> {
    argument.map(Path::to_owned).or_else(|| std::env::var_os(DATA_VARIABLE).map(PathBuf::from)).with_context(|| {
        format!("no labelled spectra: name their folder with --data DIR or in the variable {DATA_VARIABLE}")
    })
}

/// The spectra of the manifest whose path starts with `folder`, with their labels.
pub(super) fn labelled(data: &Path, folder: &str) -> Result<Vec<Query>, anyhow::Error> {
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
