//! `parcelscope casebook intelligence|related|statistics`: finds without persons, finds that are alike, counts over time.

use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::bail;
use clap::{Args, ValueEnum};
use jiff::Timestamp;
use serde::Serialize;
use serde_json::json;

use crate::casebook::{Act, Casebook, Event, ScanKind, ScanSummary};
use crate::identify::Level;
use crate::report::{Find, Likeness, Period, SelectedRow, Statistics, intelligence_json, sha256_hex};
use crate::session::{data_dir, library_in_use};

use super::export::rate_text;
use super::report::{write_new, written};
use super::secrets::SecretInput;
use super::{Context, account, output};

/// Records that are listed at once.
const PAGE: usize = 500;
/// Most finds that are held against each other: a thousand make half a million pairs, some seconds.
const FINDS_MAX: usize = 1_000;
/// Most records that are held against one: their spectra are prepared anew, some milliseconds each.
const COMPARED_MAX: usize = 5_000;
/// Most related records that are printed.
const RELATED_MAX: usize = 20;

/// Arguments of `casebook intelligence`.
#[derive(Args, Debug)]
pub struct IntelligenceArgs {
    /// The JSON file to write; an existing file is not overwritten
    #[arg(long, value_name = "FILE")]
    out: PathBuf,
    /// Account that may share finds; its secret is read from standard input
    #[arg(long, value_name = "NAME")]
    user: Option<String>,
}

/// Length of a step, as on the command line.
#[derive(Clone, Copy, Debug, Default, ValueEnum)]
pub enum PeriodChoice {
    /// By day
    Day,
    /// By week, Monday to Sunday
    #[default]
    Week,
    /// By month
    Month,
}

/// Arguments of `casebook statistics`.
#[derive(Args, Debug)]
pub struct StatisticsArgs {
    /// Length of a step, in UTC
    #[arg(long, value_enum, default_value_t)]
    by: PeriodChoice,
    /// From this time on, as 2026-11-24T06:00:00Z
    #[arg(long, value_name = "TIME")]
    from: Option<Timestamp>,
    /// Before this time
    #[arg(long, value_name = "TIME")]
    until: Option<Timestamp>,
}

/// A record that is like the one asked for.
#[derive(Serialize)]
struct Related {
    record: i64,
    evidence: Likeness,
}

/// Runs `casebook intelligence`.
pub(super) fn export(
    args: &IntelligenceArgs,
    casebook: &mut Casebook,
    context: &Context,
) -> Result<ExitCode, anyhow::Error> {
    let now = Timestamp::now();
    let operator = match &args.user {
        None if casebook.has_accounts()? => {
            bail!("accounts are enrolled in this folder, so sharing needs one that may share finds: give --user NAME");
        }
        None => "unenrolled".to_owned(),
        Some(user) => {
            let actor = account::sign_in(casebook, user, &mut SecretInput::new())?;
            casebook.permit(now, &actor, Act::ShareFinds, None)?;
            actor.name().to_owned()
        }
    };
    let library = library_in_use(&data_dir(context.data_dir.as_deref())?, now)?.library;
    let mut finds = Vec::new();
    let answered = casebook.scans_with(&["laboratory-result", "confirmation"])?;
    for id in answered.iter().rev() {
        finds.extend(Find::confirmed(&casebook.load(*id)?, &casebook.events_of(*id)?, &library));
        if finds.len() == FINDS_MAX {
            break;
        }
    }
    let text = intelligence_json(&finds, finds.len() < FINDS_MAX)?;
    write_new(&args.out, &text)?;
    // What left the house is on record, by its digest.
    let body = json!({ "finds": finds.len(), "sha256": sha256_hex(&text) });
    casebook.append_event(now, &Event { operator: &operator, kind: "finds-shared", scan_id: None, body: &body })?;
    written(&args.out, &text, context)
}

/// Runs `casebook related`.
pub(super) fn related(id: i64, casebook: &Casebook, context: &Context) -> Result<ExitCode, anyhow::Error> {
    let asked = casebook.load(id)?.record;
    if asked.answer.mixture.is_empty() {
        bail!(
            "record {id} has no fitted mixture, so nothing can be held against it; choose a scan in which substances were found"
        );
    }
    let library = library_in_use(&data_dir(context.data_dir.as_deref())?, Timestamp::now())?.library;
    let (find, corrected) = (Find::new(&asked, &[], &library), casebook.corrected_scans()?);
    let (mut found, mut compared) = (Vec::new(), 0);
    let total = usize::try_from(casebook.count()?).unwrap_or(usize::MAX);
    'pages: for offset in (0..total).step_by(PAGE) {
        for scan in &casebook.list(offset, PAGE)? {
            let comparable = scan.id != id
                && scan.simulated == asked.acquisition.simulated
                && kind_in(casebook, scan, &corrected)?.counts();
            if !comparable || scan.level == Level::Inconclusive {
                continue;
            }
            if compared == COMPARED_MAX {
                break 'pages;
            }
            compared += 1;
            let other = Find::new(&casebook.load(scan.id)?.record, &[], &library);
            found.extend(find.likeness(&other).map(|evidence| Related { record: scan.id, evidence }));
        }
    }
    found.sort_by(|a, b| b.evidence.composition.total_cmp(&a.evidence.composition).then(b.record.cmp(&a.record)));
    let alike = found.len();
    found.truncate(RELATED_MAX);
    if context.json {
        output::print_json(&json!({ "record": id, "compared": compared, "alike": alike, "related": found }))?;
    } else {
        let mut text = String::new();
        for Related { record, evidence } in &found {
            let names: Vec<&str> = evidence.common.iter().map(|c| c.substance.as_str()).collect();
            // Writing to a String cannot fail.
            let _ = writeln!(
                text,
                "record {record}: composition alike {:.2}, spectrum {:.2}, both with {}",
                evidence.composition,
                evidence.spectrum,
                names.join(", ")
            );
        }
        let _ = writeln!(text, "{alike} of the newest {compared} comparable records are alike.");
        text.push_str("Alike is a reason to look, not a proof of one source.\n");
        output::print_text(&output::printable(&text))?;
    }
    Ok(ExitCode::SUCCESS)
}

/// Sample, blank or control, as it stands after corrections.
fn kind_in(casebook: &Casebook, scan: &ScanSummary, corrected: &BTreeSet<i64>) -> Result<ScanKind, anyhow::Error> {
    if !corrected.contains(&scan.id) {
        return Ok(scan.kind);
    }
    Ok(SelectedRow::new(&casebook.load(scan.id)?, &casebook.events_of(scan.id)?).kind)
}

/// Runs `casebook statistics`.
pub(super) fn statistics(
    args: &StatisticsArgs,
    casebook: &Casebook,
    context: &Context,
) -> Result<ExitCode, anyhow::Error> {
    let period = match args.by {
        PeriodChoice::Day => Period::Day,
        PeriodChoice::Week => Period::Week,
        PeriodChoice::Month => Period::Month,
    };
    let statistics = Statistics::new(period, args.from, args.until, &casebook.verdict_lines(args.from, args.until)?);
    if context.json {
        output::print_json(&statistics)?;
        return Ok(ExitCode::SUCCESS);
    }
    let mut text = String::from(
        "begins        scans  alarms  alerts  inconclusive  nothing listed  confirmed / refuted warnings\n",
    );
    for step in &statistics.steps {
        let count = |level: &str| step.summary.by_level.get(level).copied().unwrap_or_default();
        let decided = step.summary.laboratory.map_or((0, 0), |r| (r.true_warnings.count, r.false_warnings.count));
        // Writing to a String cannot fail.
        let _ = writeln!(
            text,
            "{}  {:>7} {:>7} {:>7} {:>13} {:>15}  {} / {}",
            step.begins,
            step.summary.scans,
            count("alarm"),
            count("alert"),
            count("inconclusive"),
            count("none-detected"),
            decided.0,
            decided.1
        );
    }
    if let Some(rates) = &statistics.whole.laboratory {
        let _ = writeln!(text, "warnings confirmed by the laboratory: {}", rate_text(&rates.true_warnings));
        let _ = writeln!(text, "warnings refuted by it: {}", rate_text(&rates.false_warnings));
        let _ = writeln!(text, "no warning, but it found a listed substance: {}", rate_text(&rates.missed));
    }
    output::print_text(&text)?;
    Ok(ExitCode::SUCCESS)
}
