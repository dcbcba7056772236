//! `parcelscope casebook export|select|shift|take-result`: what leaves the casebook, and what the laboratory sends back.

use std::fs::File;
use std::io::Read as _;
use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::{Context as _, bail};
use clap::{Args, ValueEnum};
use jiff::Timestamp;
use serde_json::json;

use crate::casebook::{Act, Casebook, Event};
use crate::identify::Level;
use crate::report::{
    LaboratoryResult, RESULT_BYTES_MAX, Rate, SelectedRow, Selection, ShiftSummary, package, selection_csv, shift_pdf,
};

use super::report::{PaperChoice, library_of_record, write_new, written};
use super::secrets::SecretInput;
use super::{Context, account, output};

/// Records that are listed at once.
const PAGE: usize = 500;

/// Arguments of `casebook export`.
#[derive(Args, Debug)]
pub struct ExportArgs {
    /// Number of the record
    #[arg(value_name = "ID")]
    id: i64,
    /// The ZIP archive to write; an existing file is not overwritten
    #[arg(long, value_name = "FILE")]
    out: PathBuf,
    /// Paper of the report inside
    #[arg(long, value_enum, default_value_t)]
    paper: PaperChoice,
}

/// Level of a verdict, as on the command line.
#[derive(Clone, Copy, Debug, ValueEnum)]
pub enum LevelChoice {
    /// Alarms
    Alarm,
    /// Alerts
    Alert,
    /// Inconclusive scans
    Inconclusive,
    /// Nothing listed detected
    NoneDetected,
}

/// Which records.
#[derive(Args, Debug)]
pub struct SelectionArgs {
    /// From this time on, as 2026-11-24T06:00:00Z
    #[arg(long, value_name = "TIME")]
    from: Option<Timestamp>,
    /// Before this time
    #[arg(long, value_name = "TIME")]
    until: Option<Timestamp>,
    /// Of this verdict
    #[arg(long, value_enum)]
    verdict: Option<LevelChoice>,
    /// Whose parcel number contains this
    #[arg(long, value_name = "TEXT")]
    parcel: Option<String>,
    /// Of this operator
    #[arg(long, value_name = "NAME")]
    operator: Option<String>,
}

impl SelectionArgs {
    fn selection(&self) -> Selection {
        Selection {
            from: self.from,
            until: self.until,
            level: self.verdict.map(|level| match level {
                LevelChoice::Alarm => Level::Alarm,
                LevelChoice::Alert => Level::Alert,
                LevelChoice::Inconclusive => Level::Inconclusive,
                LevelChoice::NoneDetected => Level::NoneDetected,
            }),
            parcel: self.parcel.clone(),
            operator: self.operator.clone(),
        }
    }
}

/// Arguments of `casebook select`.
#[derive(Args, Debug)]
pub struct SelectArgs {
    #[command(flatten)]
    which: SelectionArgs,
    /// The table to write: CSV, or JSON for a name that ends with .json; an existing file is not overwritten
    #[arg(long, value_name = "FILE")]
    out: PathBuf,
}

/// Arguments of `casebook shift`.
#[derive(Args, Debug)]
pub struct ShiftArgs {
    #[command(flatten)]
    which: SelectionArgs,
    /// Write the report as PDF, with every record of it, instead of printing the counts; an existing file is not overwritten
    #[arg(long, value_name = "FILE")]
    out: Option<PathBuf>,
    /// Size of the paper
    #[arg(long, value_enum, default_value_t)]
    paper: PaperChoice,
}

/// Arguments of `casebook take-result`.
#[derive(Args, Debug)]
pub struct TakeResultArgs {
    /// The result as JSON, as docs/schema/laboratory-result.schema.json says
    #[arg(value_name = "FILE")]
    file: PathBuf,
    /// Account with the role laboratory; its secret is read from standard input
    #[arg(long, value_name = "NAME")]
    user: Option<String>,
}

/// Runs `casebook export`.
pub(super) fn export(args: &ExportArgs, casebook: &Casebook, context: &Context) -> Result<ExitCode, anyhow::Error> {
    let dossier = casebook.dossier(args.id)?;
    let library = library_of_record(&dossier, context)?;
    let archive = package(&dossier, library.as_deref(), args.paper.into())?;
    write_new(&args.out, &archive)?;
    written(&args.out, &archive, context)
}

/// The rows of a selection, oldest first.
fn rows(casebook: &Casebook, selection: &Selection) -> Result<Vec<SelectedRow>, anyhow::Error> {
    let mut rows = Vec::new();
    let corrected = casebook.corrected_scans()?;
    let total = usize::try_from(casebook.count()?).unwrap_or(usize::MAX);
    for offset in (0..total).step_by(PAGE) {
        for scan in &casebook.list(offset, PAGE)? {
            if selection.takes(scan) || corrected.contains(&scan.id) {
                let row = SelectedRow::new(&casebook.load(scan.id)?, &casebook.events_of(scan.id)?);
                rows.extend(Some(row).filter(|row| selection.takes_row(row)));
            }
        }
    }
    rows.reverse();
    Ok(rows)
}

/// Runs `casebook select`.
pub(super) fn select(args: &SelectArgs, casebook: &Casebook, context: &Context) -> Result<ExitCode, anyhow::Error> {
    let selection = args.which.selection();
    let rows = rows(casebook, &selection)?;
    let is_json = args.out.extension().is_some_and(|e| e.eq_ignore_ascii_case("json"));
    let table = if is_json {
        let mut text = serde_json::to_string_pretty(&json!({ "selection": selection, "records": rows }))?;
        text.push('\n');
        text.into_bytes()
    } else {
        selection_csv(&rows)?
    };
    write_new(&args.out, &table)?;
    written(&args.out, &table, context)
}

/// Runs `casebook shift`.
pub(super) fn shift(args: &ShiftArgs, casebook: &Casebook, context: &Context) -> Result<ExitCode, anyhow::Error> {
    let selection = args.which.selection();
    let checkpoint = casebook.last_checkpoint()?;
    let rows = rows(casebook, &selection)?;
    if let Some(out) = &args.out {
        let pdf = shift_pdf(&selection, &rows, &checkpoint, args.paper.into())?;
        write_new(out, &pdf)?;
        return written(out, &pdf, context);
    }
    let summary = ShiftSummary::new(&rows);
    if context.json {
        output::print_json(&json!({ "selection": selection, "summary": summary }))?;
    } else {
        output::print_text(&output::printable(&shift_text(&summary)))?;
    }
    Ok(ExitCode::SUCCESS)
}

fn shift_text(summary: &ShiftSummary) -> String {
    let mut lines = vec![format!(
        "{} scans; {} simulated ones, and {} blanks and controls, count nowhere",
        summary.scans, summary.simulated, summary.blanks_and_controls
    )];
    lines.extend(summary.by_level.iter().map(|(level, n)| format!("  {level:<15} {n}")));
    lines.extend(summary.inconclusive_by_rule.iter().map(|(rule, n)| format!("  inconclusive, {rule}: {n}")));
    match &summary.laboratory {
        None => lines.push("No laboratory result yet, so no rate of true or false alarms".to_owned()),
        Some(rates) => {
            lines.push(format!("  warnings that the laboratory confirmed: {}", rate_text(&rates.true_warnings)));
            lines.push(format!("  warnings that it refuted: {}", rate_text(&rates.false_warnings)));
            lines.push(format!("  no warning, but it found a listed substance: {}", rate_text(&rates.missed)));
            lines.push(format!("  undecided results: {}", rates.undecided));
        }
    }
    lines.join("\n") + "\n"
}

pub(super) fn rate_text(rate: &Rate) -> String {
    let percent = |share: f64| share * 100.0;
    match (rate.share, rate.interval) {
        (Some(share), Some((low, high))) => format!(
            "{} of {}, {:.1} % (95 %: {:.1} to {:.1})",
            rate.count,
            rate.of,
            percent(share),
            percent(low),
            percent(high)
        ),
        _ => "none decided".to_owned(),
    }
}

/// Runs `casebook take-result`.
pub(super) fn take_result(
    args: &TakeResultArgs,
    casebook: &mut Casebook,
    context: &Context,
) -> Result<ExitCode, anyhow::Error> {
    let mut bytes = Vec::new();
    let read = File::open(&args.file).and_then(|file| file.take(RESULT_BYTES_MAX + 1).read_to_end(&mut bytes));
    read.with_context(|| format!("the result {} cannot be read; check its path", args.file.display()))?;
    let result = LaboratoryResult::read(&bytes)?;
    let digest = casebook.dossier(result.record)?.digest;
    if digest != result.record_digest {
        bail!(
            "the result is about another record: it names the digest {}, record {} here has {digest}; nothing was taken over",
            result.record_digest,
            result.record
        );
    }
    let now = Timestamp::now();
    let operator = match &args.user {
        None if casebook.has_accounts()? => {
            bail!(
                "accounts are enrolled in this folder, so a result needs one with the role laboratory: give --user NAME"
            );
        }
        None => "unenrolled".to_owned(),
        Some(user) => {
            let actor = account::sign_in(casebook, user, &mut SecretInput::new())?;
            casebook.permit(now, &actor, Act::Confirm, Some(result.record))?;
            actor.name().to_owned()
        }
    };
    let body = serde_json::to_value(&result)?;
    let event = Event { operator: &operator, kind: LaboratoryResult::EVENT, scan_id: Some(result.record), body: &body };
    let id = casebook.append_event(now, &event)?;
    if context.json {
        output::print_json(&json!({ "event": id, "record": result.record }))?;
    } else {
        output::print_text(&format!("The result is event {id}, about record {}\n", result.record))?;
    }
    Ok(ExitCode::SUCCESS)
}
