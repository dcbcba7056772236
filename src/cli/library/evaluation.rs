//! `library evaluate`: what a draft names better and worse than the pack in use, spectrum by spectrum.

use std::fmt::Write as _;
use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::Arc;

use anyhow::{Context as _, bail};
use clap::Args;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::super::evaluate::{data_folder, labelled};
use super::super::{Context, output};
use super::packs::data_dir;
use crate::identify::{Engine, Level, Outcome, ask};
use crate::library::Library;
use crate::library::pack::{self, PackContent};
use crate::session;

/// Names of the documents in a pack.
const REPORT: &str = "evaluation";
const JUSTIFICATION: &str = "justification";

/// Arguments of `library evaluate`.
#[derive(Args, Debug)]
pub(super) struct EvaluateArgs {
    /// The draft; the comparison is kept in it
    #[arg(value_name = "DRAFT")]
    draft: PathBuf,
    /// Compare with this pack instead of the library in use
    #[arg(long, value_name = "PACK")]
    against: Option<PathBuf>,
    /// Folder with manifest.csv (columns file, expected, cas) and the labelled spectra; else PARCELSCOPE_DATA names it
    #[arg(long, value_name = "DIR")]
    data: Option<PathBuf>,
    /// Only the spectra whose path in the manifest starts so
    #[arg(long, value_name = "PREFIX", default_value = "")]
    folder: String,
    /// Why a release with regressions is right all the same; stays in the pack
    #[arg(long, value_name = "TEXT")]
    justification: Option<String>,
}

/// One spectrum on which the two differ.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(super) struct Change {
    spectrum: String,
    expected: String,
    before: String,
    after: String,
}

/// What stays in the pack.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(super) struct Report {
    /// Digest of what was evaluated.
    content: String,
    against: String,
    at: Timestamp,
    spectra: usize,
    gains: Vec<Change>,
    losses: Vec<Change>,
    new_false_alarms: Vec<Change>,
    new_wrong_names: Vec<Change>,
}

impl Report {
    fn regressions(&self) -> usize {
        self.losses.len() + self.new_false_alarms.len() + self.new_wrong_names.len()
    }
}

fn says(outcome: &Outcome) -> String {
    outcome.named.clone().unwrap_or_else(|| format!("no name ({})", outcome.rule))
}

fn is_false_alarm(outcome: &Outcome) -> bool {
    !outcome.alarming && matches!(outcome.level, Level::Alarm | Level::Alert)
}

fn compare(before: &[Outcome], after: &[Outcome], report: &mut Report) {
    for (old, new) in before.iter().zip(after) {
        let change = || Change {
            spectrum: new.query.clone(),
            expected: new.truth.name.clone(),
            before: says(old),
            after: says(new),
        };
        match (old.named_right, new.named_right) {
            (false, true) => report.gains.push(change()),
            (true, false) => report.losses.push(change()),
            (true, true) | (false, false) => {}
        }
        if new.named_wrong && !old.named_wrong {
            report.new_wrong_names.push(change());
        }
        if is_false_alarm(new) && !is_false_alarm(old) {
            report.new_false_alarms.push(change());
        }
    }
}

pub(super) fn run(args: &EvaluateArgs, context: &Context) -> Result<ExitCode, anyhow::Error> {
    let folder = data_dir(context)?;
    let mut content = pack::read_draft(&args.draft)?;
    let current: Arc<Library> = match &args.against {
        Some(pack) => session::library_of_pack(pack, &folder)?,
        None => session::library_in_use(&folder, Timestamp::now())?.library,
    };
    let queries = labelled(&data_folder(args.data.as_deref())?, &args.folder)?;
    let against = format!("{} {} {}", current.identity.name, current.identity.version, current.identity.sha256);
    let mut report = Report {
        content: content.library.identity.sha256.clone(),
        against,
        at: Timestamp::now(),
        spectra: queries.len(),
        gains: Vec::new(),
        losses: Vec::new(),
        new_false_alarms: Vec::new(),
        new_wrong_names: Vec::new(),
    };
    let of = |library: Arc<Library>| {
        let engine = Engine::new(library);
        queries.iter().map(|q| ask(&engine, q, false)).collect::<Vec<_>>()
    };
    compare(&of(current), &of(Arc::new(content.library.clone())), &mut report);
    content.documents.insert(REPORT.to_owned(), serde_json::to_string(&report)?);
    content.documents.remove(JUSTIFICATION);
    if let Some(text) = args.justification.as_ref().filter(|t| !t.trim().is_empty()) {
        content.documents.insert(JUSTIFICATION.to_owned(), text.trim().to_owned());
    }
    pack::write_draft(&args.draft, &content)?;
    show(&report, context)?;
    Ok(if report.regressions() > 0 { ExitCode::from(1) } else { ExitCode::SUCCESS })
}

fn show(report: &Report, context: &Context) -> Result<(), anyhow::Error> {
    if context.json {
        output::print_json(report)?;
        return Ok(());
    }
    let mut text = format!("{} spectra, against {}\n", report.spectra, report.against);
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
    output::print_text(&output::printable(&text))?;
    Ok(())
}

/// Refuses a release that was not evaluated as it is, or that has regressions that nobody justified.
pub(super) fn check_release(content: &PackContent, not_evaluated: Option<&str>) -> Result<(), anyhow::Error> {
    let Some(text) = content.documents.get(REPORT) else {
        if not_evaluated.is_some_and(|why| !why.trim().is_empty()) {
            return Ok(());
        }
        bail!(
            "the draft was not signed: it was not evaluated against the pack in use; run 'library evaluate' or say why not with \
             --not-evaluated"
        );
    };
    let report: Report =
        serde_json::from_str(text).context("the evaluation in the draft cannot be read; run it again")?;
    if report.content != content.library.identity.sha256 {
        bail!("the draft was not signed: it changed after its evaluation; run 'library evaluate' again");
    }
    if report.regressions() > 0 && !content.documents.contains_key(JUSTIFICATION) {
        bail!(
            "the draft was not signed: its evaluation has {} regressions and nobody justified them; run 'library evaluate' again \
             with --justification",
            report.regressions()
        );
    }
    Ok(())
}

/// Keeps the reason for a release without evaluation in the pack.
pub(super) fn keep_reason(content: &mut PackContent, not_evaluated: Option<&str>) {
    if let Some(why) = not_evaluated.filter(|_| !content.documents.contains_key(REPORT)) {
        content.documents.insert(JUSTIFICATION.to_owned(), format!("not evaluated: {}", why.trim()));
    }
}
