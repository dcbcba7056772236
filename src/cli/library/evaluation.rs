//! `library evaluate`: what a draft names better and worse than the pack in use, spectrum by spectrum.

use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::Arc;
use std::sync::atomic::Ordering;

use anyhow::{Context as _, bail};
use clap::Args;
use jiff::Timestamp;

use super::super::evaluate::{data_folder, labelled};
use super::super::scan::watch_signals;
use super::super::{Context, output};
use super::edit::change_text;
use super::packs::data_dir;
use crate::identify::Query;
use crate::laboratory::{Comparison, compare, labelled_queries};
use crate::library::Library;
use crate::library::pack;
use crate::session;

/// Which labelled spectra are asked about.
#[derive(Args, Clone, Debug, Default)]
pub(super) struct QueryArgs {
    /// Folder of the laboratory's own labelled spectra, with --labels
    #[arg(long, value_name = "FOLDER", requires = "labels", conflicts_with = "data")]
    queries: Option<PathBuf>,
    /// Table that says what each of them is: columns file and substance, and where wanted cas, technique, laser_nm, spectrum
    #[arg(long, value_name = "CSV", requires = "queries")]
    labels: Option<PathBuf>,
    /// Folder with manifest.csv (columns file, expected, cas) and the labelled spectra; else PARCELSCOPE_DATA names it
    #[arg(long, value_name = "DIR")]
    data: Option<PathBuf>,
    /// Only the spectra whose path in the manifest starts so
    #[arg(long, value_name = "PREFIX", default_value = "")]
    folder: String,
}

impl QueryArgs {
    /// True where the user named spectra.
    pub(super) const fn named(&self) -> bool {
        self.queries.is_some() || self.data.is_some()
    }

    fn read(&self) -> Result<Vec<Query>, anyhow::Error> {
        match (&self.queries, &self.labels) {
            (Some(folder), Some(labels)) => Ok(labelled_queries(folder, labels, &|_, _| true)?.queries),
            _ => labelled(&data_folder(self.data.as_deref())?, &self.folder),
        }
    }
}

/// Arguments of `library evaluate`.
#[derive(Args, Debug)]
pub(super) struct EvaluateArgs {
    /// A draft, in which the comparison is kept, or a pack
    #[arg(value_name = "PACK")]
    pack: PathBuf,
    /// Compare with this pack or draft instead of the library in use
    #[arg(long, value_name = "PACK")]
    against: Option<PathBuf>,
    #[command(flatten)]
    queries: QueryArgs,
    /// Why a release with regressions is right all the same; stays in the pack
    #[arg(long, value_name = "TEXT")]
    justification: Option<String>,
}

/// Compares and follows signals.
pub(super) fn comparison(
    before: &Arc<Library>,
    after: &Arc<Library>,
    queries: &QueryArgs,
) -> Result<Comparison, anyhow::Error> {
    let queries = queries.read()?;
    let interrupted = watch_signals().context("the signals of this process cannot be watched; try again")?;
    let go_on = |done: usize, all: usize| {
        if all >= 200 && done.is_multiple_of(100) {
            output::complain(&format!("{done} of {all} spectra"));
        }
        !interrupted.load(Ordering::SeqCst)
    };
    Ok(compare(before, after, &queries, Timestamp::now(), &go_on)?)
}

pub(super) fn run(args: &EvaluateArgs, context: &Context) -> Result<ExitCode, anyhow::Error> {
    let (folder, now) = (data_dir(context)?, Timestamp::now());
    let of = |file: Option<&Path>| session::library_to_look_at(file, &folder, now).map(|used| used.library);
    let (after, before) = (of(Some(&args.pack))?, of(args.against.as_deref())?);
    let report = comparison(&before, &after, &args.queries)?;
    if pack::is_draft(&args.pack)? {
        let mut content = pack::read_draft(&args.pack)?;
        if content.library.identity != after.identity {
            bail!("{} was changed meanwhile; evaluate it again", args.pack.display());
        }
        report.keep_in(&mut content, args.justification.as_deref());
        pack::write_draft(&args.pack, &content)?;
    } else if args.justification.is_some() {
        bail!("{} is signed already, so nothing can be added to it; leave out --justification", args.pack.display());
    }
    if context.json {
        output::print_json(&report)?;
    } else {
        output::print_text(&output::printable(&describe(&report)?))?;
    }
    Ok(if report.regressions() > 0 { ExitCode::from(1) } else { ExitCode::SUCCESS })
}

/// The comparison, one line for every spectrum on which the two differ.
pub(super) fn describe(report: &Comparison) -> Result<String, anyhow::Error> {
    let simulated = if report.simulated { "simulated references count as measured: " } else { "" };
    let mut text = format!("{simulated}{} spectra, against {}\n", report.spectra, report.against);
    for (what, changes) in [
        ("gains", &report.gains),
        ("losses", &report.losses),
        ("new wrong names", &report.new_wrong_names),
        ("new false alarms", &report.new_false_alarms),
    ] {
        writeln!(text, "\n{what}: {}", changes.len())?;
        for c in changes {
            writeln!(text, "  {}: expected {}, was {}, is {}", c.spectrum, c.expected, c.before, c.after)?;
        }
    }
    writeln!(text, "\nchanged facts: {}", report.changed_facts.len())?;
    for change in &report.changed_facts {
        text.push_str(&change_text(change, "")?);
    }
    Ok(text)
}
