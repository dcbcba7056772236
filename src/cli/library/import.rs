//! `library import`: spectra of others become references of a draft.

use std::fmt::Write as _;
use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::atomic::Ordering;

use anyhow::{Context as _, bail};
use clap::{Args, ValueEnum};
use jiff::Timestamp;
use serde_json::json;

use super::super::input::ChoiceArgs;
use super::super::scan::watch_signals;
use super::super::{Context, output};
use super::edit::in_use;
use super::packs::data_dir;
use super::people;
use crate::casebook::Act;
use crate::laboratory::{
    Answers, Import, Imported, Naming, collect_files, import, keep_answers, propose, read_labels, remembered_answers,
};
use crate::library::{Tier, fact_digests, pack};

/// Refusals that are printed one by one; `--json` has all.
const SHOWN: usize = 40;

/// Arguments of `library import`.
#[derive(Args, Debug)]
#[command(
    after_help = "What a file does not say must be stated, and what was stated of a source is remembered for its next import.\n\
                  Transmittance is converted; arrays that cannot be references are listed with the reason.\n\
                  The labels are a CSV table with the columns file and substance, and where wanted spectrum (its number in the\n\
                  file), cas, formula, group (several with |), form, laser_nm, technique.\n\
                  Everything imported waits for a reviewer. The exit code is 1 where nothing was taken."
)]
pub(super) struct ImportArgs {
    /// Spectrum files, folders of them, ZIP archives
    #[arg(required = true, value_name = "FILE")]
    files: Vec<PathBuf>,
    /// The draft ('library draft' makes one)
    #[arg(long, value_name = "DRAFT")]
    into: PathBuf,
    /// Short name of the collection: lower-case words with hyphens
    #[arg(long, value_name = "KEY")]
    source: String,
    /// Who made it, what, when; asked once for each source
    #[arg(long, value_name = "TEXT")]
    citation: Option<String>,
    /// Terms under which it may be in a library: CC0-1.0, facts, facts-with-attribution, project, laboratory, by-agreement
    #[arg(long, value_name = "TERMS")]
    licence: Option<String>,
    /// Where its spectra were measured
    #[arg(long, value_enum, default_value_t = TierChoice::MeasuredElsewhere)]
    tier: TierChoice,
    /// Table that says what each file is
    #[arg(long, value_name = "CSV", required_unless_present = "name_by")]
    labels: Option<PathBuf>,
    /// One rule instead: the substance is the spectrum's title, the file's name or the folder's name
    #[arg(long, value_enum, value_name = "RULE", conflicts_with = "labels")]
    name_by: Option<NameBy>,
    /// Group of substances that are new to the draft; can be given again
    #[arg(long = "group", value_name = "GROUP")]
    groups: Vec<String>,
    /// Resolution of the source's instrument (full width at half maximum), cm-1
    #[arg(long, value_name = "CM-1")]
    resolution_cm1: Option<f64>,
    /// Instrument of the source
    #[arg(long, value_name = "TEXT")]
    instrument: Option<String>,
    /// Account with the role laboratory; the secret is read from standard input
    #[arg(long, value_name = "NAME")]
    user: Option<String>,
    /// Show what would be taken and refused; change nothing
    #[arg(long)]
    preview: bool,
    #[command(flatten)]
    choices: ChoiceArgs,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
enum TierChoice {
    MeasuredHere,
    MeasuredElsewhere,
    Computed,
    Simulated,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
enum NameBy {
    Title,
    File,
    Folder,
}

pub(super) fn run(args: &ImportArgs, context: &Context) -> Result<ExitCode, anyhow::Error> {
    let folder = data_dir(context)?;
    if args.resolution_cm1.is_some_and(|r| !(0.1..=100.0).contains(&r)) {
        bail!("a resolution is between 0.1 and 100 cm-1");
    }
    let content = pack::read_draft(&args.into)
        .with_context(|| format!("{} is no draft; 'parcelscope library draft' makes one", args.into.display()))?;
    let stated = Answers {
        choices: args.choices.choices()?,
        citation: args.citation.clone(),
        licence: args.licence.clone(),
        resolution_cm1: args.resolution_cm1,
        groups: args.groups.clone(),
        instrument: args.instrument.clone(),
    };
    let answers = stated.or(remembered_answers(&folder, &args.source)?);
    let naming = match (&args.labels, args.name_by) {
        (Some(table), _) => Naming::Table(read_labels(table)?),
        (None, Some(NameBy::Title)) => Naming::Title,
        (None, Some(NameBy::File)) => Naming::File,
        (None, Some(NameBy::Folder)) => Naming::Folder,
        (None, None) => bail!("nothing says what the spectra are; name a table with --labels or a rule with --name-by"),
    };
    let author = if args.preview {
        args.user.clone().unwrap_or_else(|| crate::laboratory::NOBODY.to_owned())
    } else {
        people::author(args.user.as_deref(), Act::SubmitReference, context)?
    };
    let statement = Import {
        source: args.source.clone(),
        answers,
        tier: match args.tier {
            TierChoice::MeasuredHere => Tier::MeasuredHere,
            TierChoice::MeasuredElsewhere => Tier::MeasuredElsewhere,
            TierChoice::Computed => Tier::Computed,
            TierChoice::Simulated => Tier::Simulated,
        },
        naming,
        author,
        at: Timestamp::now(),
    };
    let files = collect_files(&args.files)?;
    let interrupted = watch_signals().context("the signals of this process cannot be watched; try again")?;
    let progress = |done: usize, all: usize| {
        if all >= 1_000 && done.is_multiple_of(500) {
            output::complain(&format!("{done} of {all} files"));
        }
        !interrupted.load(Ordering::SeqCst)
    };
    let earlier = fact_digests(&content.library);
    let (mut content, report) = import(content, &files, &statement, &progress)?;
    if !args.preview {
        if !report.taken.is_empty() {
            // What is new of substances is a proposal of its own.
            propose(&mut content, &earlier, in_use(context)?.as_ref(), &statement.author, statement.at);
            pack::write_draft(&args.into, &content)?;
        }
        keep_answers(&folder, &args.source, &statement.answers)?;
    }
    show(&report, files.len(), args.preview, context)?;
    Ok(if report.taken.is_empty() { ExitCode::from(1) } else { ExitCode::SUCCESS })
}

fn show(report: &Imported, files: usize, preview: bool, context: &Context) -> Result<(), anyhow::Error> {
    if context.json {
        output::print_json(&json!({
            "files": files, "saved": !preview, "taken": report.taken, "refused": report.refused,
            "labels_without_file": report.labels_without_file,
        }))?;
        return Ok(());
    }
    let new = report.taken.iter().filter(|t| t.new_substance).count();
    let what = if preview { "would be taken" } else { "taken, waiting for a reviewer" };
    let mut text = format!(
        "{files} files: {} spectra {what} ({new} new substances), {} refused\n",
        report.taken.len(),
        report.refused.len()
    );
    if preview {
        for t in report.taken.iter().take(SHOWN) {
            let remarks: Vec<String> = t
                .stated
                .iter()
                .map(|s| format!("stated by operator: {s}"))
                .chain(t.converted.iter().cloned())
                .collect();
            writeln!(text, "  {} #{}: {}  {}", t.file, t.spectrum, t.substance, remarks.join("; "))?;
        }
    }
    for r in report.refused.iter().take(SHOWN) {
        let number = r.spectrum.map(|n| format!(" #{n}")).unwrap_or_default();
        writeln!(text, "  refused {}{number}: {}", r.file, r.why)?;
    }
    if report.refused.len() > SHOWN {
        writeln!(text, "  and {} more, all in --json", report.refused.len() - SHOWN)?;
    }
    for file in report.labels_without_file.iter().take(SHOWN) {
        writeln!(text, "  label without file: {file}")?;
    }
    if report.labels_without_file.len() > SHOWN {
        writeln!(text, "  and {} more labels without file", report.labels_without_file.len() - SHOWN)?;
    }
    output::print_text(&output::printable(&text))?;
    Ok(())
}
