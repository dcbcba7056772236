//! `parcelscope casebook`.

use std::fmt::Write as _;
use std::fs::File;
use std::io::Read as _;
use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::{Context as _, bail};
use clap::{Args, Subcommand};
use jiff::Timestamp;
use serde::Serialize;

use crate::casebook::note::NoteVerifier;
use crate::casebook::{
    self, Casebook, CasebookError, Finding, FindingKind, HistoryEntry, KeptUntil, RecordFilter, ScanSummary,
    StoredScan, TimeSource, Verification, VerifyOptions,
};
use crate::session::{casebook_path, data_dir};

use super::{Context, answer_text, keeping, output, record_acts, replay};

/// Arguments of `casebook`.
#[derive(Args, Debug)]
pub struct CasebookArgs {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// List the records, newest first, or show one with everything it holds
    Show {
        /// Number of the record to show; without it the records are listed
        #[arg(value_name = "ID")]
        id: Option<i64>,
        /// Most records to list
        #[arg(long, value_name = "N", default_value_t = 50)]
        limit: usize,
        /// Newest records to leave out
        #[arg(long, value_name = "N", default_value_t = 0)]
        offset: usize,
        /// Only records with this parcel number
        #[arg(long, value_name = "NUMBER")]
        parcel: Option<String>,
        /// Only records of this operator
        #[arg(long, value_name = "NAME")]
        operator: Option<String>,
        /// Only records taken at this time or later, as 2026-11-24T08:00:00Z
        #[arg(long, value_name = "TIME")]
        from: Option<Timestamp>,
        /// Only records taken before this time
        #[arg(long, value_name = "TIME")]
        to: Option<Timestamp>,
    },
    /// Find what somebody changed, removed, added or moved, and name the row: exit code 1 when there is anything
    Verify {
        /// A checkpoint that was kept elsewhere ('casebook checkpoint' prints one); may be given several times
        #[arg(long, value_name = "FILE")]
        checkpoint: Vec<PathBuf>,
        /// The verifier key as it was noted elsewhere ('casebook key' prints it); may be given several times, where a
        /// casebook went on from a copy with a new key
        #[arg(long, value_name = "KEY")]
        key: Vec<String>,
        /// Leave out the counts and spectra, which take most of the time
        #[arg(long)]
        skip_parts: bool,
    },
    /// Print the last signed checkpoint, to be kept on another machine or on paper
    Checkpoint,
    /// Print the key that verifies the checkpoints of this casebook
    Key,
    /// Prove that a record is in the log, for somebody who does not have the casebook
    Proof {
        /// Number of the record
        #[arg(value_name = "ID")]
        id: i64,
    },
    /// Write the report of a record as PDF
    Report(super::report::ReportArgs),
    /// Write the exchange package of a record: report, record, spectra, proof and how to check them
    Export(super::export::ExportArgs),
    /// Write a table of records for analysis, as CSV or JSON
    Select(super::export::SelectArgs),
    /// Count verdicts, reasons of inconclusive scans, and how often the laboratory agreed
    Shift(super::export::ShiftArgs),
    /// Count verdicts and laboratory results by day, week or month
    Statistics(super::intelligence::StatisticsArgs),
    /// Write what a laboratory confirmed for other units: substances, shipment and spectrum, and nothing about persons
    Intelligence(super::intelligence::IntelligenceArgs),
    /// Find records whose mixture and spectrum are like those of one, with the evidence
    Related {
        /// Number of the record
        #[arg(value_name = "ID")]
        id: i64,
    },
    /// Take over the file with which a laboratory states its result about a record
    TakeResult(super::export::TakeResultArgs),
    /// Compute a record again from its counts: exit code 1 when anything is another than it was recorded
    Replay {
        /// Number of the record
        #[arg(value_name = "ID")]
        id: i64,
    },
    #[command(flatten)]
    Act(record_acts::ActCommand),
    #[command(flatten)]
    Keep(keeping::KeepCommand),
}

/// A page of the list.
#[derive(Serialize)]
struct Page {
    total: i64,
    records: Vec<ScanSummary>,
}

/// Runs `casebook`.
pub fn run(args: CasebookArgs, context: &Context) -> Result<ExitCode, anyhow::Error> {
    let CasebookArgs { command } = args;
    match command {
        Command::Show { id: Some(id), .. } => show(id, context),
        Command::Show { id: None, limit, offset, parcel, operator, from, to } => {
            let filter = RecordFilter { operator, parcel, from, to, ..RecordFilter::default() };
            list(offset, limit, &filter, context)
        }
        Command::Verify { checkpoint, key, skip_parts } => verify(&checkpoint, key, skip_parts, context),
        Command::Checkpoint => {
            let note = existing(context)?.last_checkpoint()?;
            print(&note, &serde_json::json!({ "checkpoint": note }), context)
        }
        Command::Key => {
            let key = existing(context)?.verifier();
            print(&format!("{key}\n"), &serde_json::json!({ "verifier": key }), context)
        }
        Command::Proof { id } => {
            let proof = existing(context)?.proof(id)?;
            print(&proof.proof, &serde_json::to_value(&proof)?, context)
        }
        Command::Report(args) => super::report::run(&args, &existing(context)?, context),
        Command::Replay { id } => replay::run(id, context),
        Command::Act(command) => record_acts::run(command, context),
        Command::Keep(command) => keeping::run(command, context),
        Command::Export(args) => super::export::export(&args, &existing(context)?, context),
        Command::Select(args) => super::export::select(&args, &existing(context)?, context),
        Command::Shift(args) => super::export::shift(&args, &existing(context)?, context),
        Command::Statistics(args) => super::intelligence::statistics(&args, &existing(context)?, context),
        Command::Intelligence(args) => super::intelligence::export(&args, &mut existing(context)?, context),
        Command::Related { id } => super::intelligence::related(id, &existing(context)?, context),
        Command::TakeResult(args) => super::export::take_result(&args, &mut existing(context)?, context),
    }
}

/// Where the casebook of the data folder would be. Looking makes no folder: a mistyped name must not pass for an empty
/// casebook.
fn place(context: &Context) -> Result<PathBuf, anyhow::Error> {
    if let Some(folder) = &context.data_dir
        && !folder.exists()
    {
        bail!(
            "there is no folder {}, so there is no casebook yet; choose the right folder with --data-dir",
            folder.display()
        );
    }
    Ok(casebook_path(&data_dir(context.data_dir.as_deref())?))
}

/// The casebook of the data folder; none is made only to be looked at.
pub(super) fn open(context: &Context) -> Result<Option<Casebook>, anyhow::Error> {
    let path = place(context)?;
    Ok(if path.exists() { Some(Casebook::open(&path)?) } else { None })
}

fn list(offset: usize, limit: usize, filter: &RecordFilter, context: &Context) -> Result<ExitCode, anyhow::Error> {
    let page = match open(context)? {
        Some(casebook) if *filter == RecordFilter::default() => {
            Page { total: casebook.count()?, records: casebook.list(offset, limit)? }
        }
        Some(casebook) => {
            let found = casebook.find(filter, None, offset.saturating_add(limit))?;
            Page { total: casebook.count()?, records: found.into_iter().skip(offset).collect() }
        }
        None => Page { total: 0, records: Vec::new() },
    };
    if context.json {
        output::print_json(&page)?;
    } else {
        let mut text = String::new();
        for line in &page.records {
            // Writing to a String cannot fail.
            let _ = writeln!(text, "{}", output::printable(&line_of(line)));
        }
        let _ = match page.total {
            0 => writeln!(text, "No records yet; 'parcelscope scan --port emulator' makes one."),
            total => writeln!(text, "{} of {total} records", page.records.len()),
        };
        output::print_text(&text)?;
    }
    Ok(ExitCode::SUCCESS)
}

fn line_of(line: &ScanSummary) -> String {
    let ScanSummary { id, taken_at, operator, parcel, level, headline, simulated, kind } = line;
    let level = answer_text::word(*level);
    let parcel = if parcel.is_empty() { "-" } else { parcel };
    let simulated = if *simulated { "simulated" } else { "" };
    let kind = if kind.counts() { "" } else { kind.name() };
    format!("{id:>6}  {taken_at:.0}  {level:<23}  {simulated:<9}  {kind:<7}  {parcel:<13}  {operator:<10}  {headline}")
}

fn show(id: i64, context: &Context) -> Result<ExitCode, anyhow::Error> {
    let Some(casebook) = open(context)? else {
        bail!("there is no record {id}: this data folder has no casebook yet; choose the right folder with --data-dir");
    };
    let scan = casebook.load(id)?;
    let (history, kept) = (casebook.history(id)?, casebook.kept_until(id)?);
    if context.json {
        output::print_json(&Whole { scan: &scan, history: &history })?;
    } else {
        let text = text_of(&scan) + &history_text(&history, kept);
        output::print_text(&output::printable(&text))?;
    }
    Ok(ExitCode::SUCCESS)
}

/// A record with what was said about it.
#[derive(Serialize)]
struct Whole<'a> {
    #[serde(flatten)]
    scan: &'a StoredScan,
    history: &'a [HistoryEntry],
}

fn history_text(history: &[HistoryEntry], kept: KeptUntil) -> String {
    let kept = match kept {
        KeptUntil::NoPolicy => "no policy is set, so for ever".to_owned(),
        KeptUntil::Held => "for ever: a legal hold stands".to_owned(),
        KeptUntil::Day(day) => format!("until {day}"),
    };
    let mut text = format!("  {:<10} {kept}\n", "Kept");
    if !history.is_empty() {
        text.push_str("History (nothing in it was ever changed)\n");
    }
    for entry in history {
        let corrected: Vec<String> = entry.corrected_by.iter().map(|by| format!(", corrected by event {by}")).collect();
        let HistoryEntry { event, at, operator, words, .. } = entry;
        // Writing to a String cannot fail.
        let _ = writeln!(text, "  event {event:<5} {at:.0}  {operator:<14} {words}{}", corrected.concat());
    }
    text
}

fn text_of(scan: &StoredScan) -> String {
    let record = &scan.record;
    let acquisition = &record.acquisition;
    let mut text = format!("Record {}{}\n", scan.id, if acquisition.simulated { ", simulated" } else { "" });
    text.push_str(&answer_text::describe(&record.answer));
    let mut line = |name: &str, value: String| {
        // Writing to a String cannot fail.
        let _ = writeln!(text, "  {name:<10} {value}");
    };
    line("Taken", format!("{:.0} (UTC, clock of this machine)", record.taken_at));
    line("Clock", record.time_source.map_or("its state was not recorded".to_owned(), TimeSource::words));
    let standing = record.standing.map(|s| {
        let training = s.training_expires.map_or_else(String::new, |day| format!(", trained until {day}"));
        format!(" ({}{training})", s.role.name())
    });
    line("Operator", format!("{}{}", record.operator, standing.unwrap_or_default()));
    line("Parcel", if record.parcel.is_empty() { "none entered".to_owned() } else { record.parcel.clone() });
    line("Scanned", record.subject.words());
    line("Last blank", record.last_blank_words());
    if let Some(sample) = &record.emulated_sample {
        line("Emulated", format!("sample under the emulated probe: {sample}"));
    }
    for (name, device) in [("Analyzer", &acquisition.spectrometer), ("Laser", &acquisition.laser)] {
        line(name, format!("{}, serial {}, on {}", device.model, device.serial, device.port));
    }
    let conditions = &acquisition.conditions;
    if let Some(place) = &conditions.place {
        line("Place", place.words());
    }
    if let Some(nir) = &conditions.nir {
        let (scans, white) = (nir.sample.len(), nir.reference_taken_at);
        line("Exposure", format!("{scans} near-infrared scans against the white reference of {white:.0}"));
    } else {
        line("Check", conditions.check.words());
    }
    if let Some(light) = acquisition.light.first().filter(|_| conditions.nir.is_none()) {
        line(
            "Exposure",
            format!(
                "{} ms, {} readouts averaged, {} light exposure(s) of {} pixels, excitation {} nm",
                light.integration_us / 1000,
                light.scans_averaged,
                acquisition.light.len(),
                light.counts.len(),
                acquisition.excitation_nm
            ),
        );
    }
    let library = &record.answer.library;
    line("Library", format!("{} {}, SHA-256 {}", library.name, library.version, library.sha256));
    line("Program", format!("parcelscope {}, engine {}", record.program_version, record.answer.engine));
    text
}

/// The casebook, which must be there.
pub(super) fn existing(context: &Context) -> Result<Casebook, anyhow::Error> {
    open(context)?
        .ok_or_else(|| anyhow::anyhow!("this data folder has no casebook yet; choose the right folder with --data-dir"))
}

pub(super) fn print(text: &str, json: &serde_json::Value, context: &Context) -> Result<ExitCode, anyhow::Error> {
    if context.json {
        output::print_json(json)?;
    } else {
        output::print_text(text)?;
    }
    Ok(ExitCode::SUCCESS)
}

/// Longest checkpoint file that is read.
const CHECKPOINT_BYTES_MAX: u64 = 64 << 10;

fn verify(
    checkpoints: &[PathBuf],
    keys: Vec<String>,
    skip_parts: bool,
    context: &Context,
) -> Result<ExitCode, anyhow::Error> {
    let path = place(context)?;
    if !path.exists() {
        bail!("this data folder has no casebook yet; choose the right folder with --data-dir");
    }
    for key in &keys {
        NoteVerifier::parse(key)?;
    }
    let mut options = VerifyOptions { outside: Vec::new(), trusted_keys: keys, skip_parts };
    for file in checkpoints {
        let mut note = String::new();
        let read = File::open(file).and_then(|f| f.take(CHECKPOINT_BYTES_MAX).read_to_string(&mut note));
        read.with_context(|| format!("the checkpoint {} cannot be read; check its path", file.display()))?;
        options.outside.push(note);
    }
    let report = match casebook::verify(&path, &options, &mut |_| true) {
        Ok(Some(report)) => report,
        Ok(None) => return Ok(ExitCode::FAILURE),
        Err(error @ (CasebookError::Corrupt { .. } | CasebookError::NotACasebook { .. })) => {
            // What cannot even be read as a database is a finding, not bad input.
            let json = serde_json::json!({ "damaged": error.to_string(), "findings": [] });
            print(&format!("{error}\n"), &json, context)?;
            return Ok(ExitCode::FAILURE);
        }
        Err(error) => return Err(error.into()),
    };
    if context.json {
        output::print_json(&report)?;
    } else {
        output::print_text(&output::printable(&verified(&report)))?;
    }
    Ok(if report.is_clean() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// What verification found, in words.
fn verified(report: &Verification) -> String {
    let mut text = String::new();
    let mut line = |words: String| {
        text.push_str(&words);
        text.push('\n');
    };
    for Finding { table, row, kind } in &report.findings {
        line(match (kind, table.as_str(), row) {
            (FindingKind::Forked, "checkpoint", 0) => {
                "the checkpoint from elsewhere is not of this log: the log was forked or replaced".to_owned()
            }
            (FindingKind::Missing, "ledger", row) if *row > i64::try_from(report.entries).unwrap_or(i64::MAX) => {
                format!("the end is cut off: entry {row} and what followed it are missing")
            }
            (kind, table, 0) => format!("{table}: {}", kind_words(*kind)),
            (kind, table, row) => format!("{table} {row}: {}", kind_words(*kind)),
        });
    }
    if report.more_findings > 0 {
        line(format!("... and {} more", report.more_findings));
    }
    let rows: Vec<String> = report.rows.iter().map(|(table, n)| format!("{n} {table} rows")).collect();
    line(format!("{} entries, {}, {} parts checked", report.entries, rows.join(", "), report.parts));
    if report.clock_noted_back > 0 {
        line(format!("{} entries at which the program noted that the clock had gone back", report.clock_noted_back));
    }
    if report.keys_replaced > 0 {
        line(format!("the signing key was replaced {} times because its file was lost", report.keys_replaced));
    }
    line(match (report.proven_up_to, &report.complete_up_to) {
        (Some(size), _) => format!("complete up to entry {size}: proven by the checkpoint from elsewhere"),
        (None, Some((size, at))) => {
            format!("complete up to the checkpoint at {at} (entry {size}); later completeness cannot be proven")
        }
        (None, None) => "no checkpoint fits: completeness cannot be proven".to_owned(),
    });
    if let Some(entry) = report.unvouched_after {
        line(format!(
            "what follows entry {entry} is signed only with a key that was not given: where the casebook went on from a \
             copy, give the key that was noted then with another --key; where nobody noted one, trust nothing after entry {entry}"
        ));
    }
    if !report.key_trusted {
        line("the key was taken from the casebook itself; give the one noted elsewhere with --key".to_owned());
    }
    line(
        if report.is_clean() {
            "Nothing was changed, removed, added or moved."
        } else if report.findings.is_empty() {
            "Up to there nothing was changed, removed, added or moved."
        } else {
            "THE CASEBOOK WAS TAMPERED WITH OR DAMAGED."
        }
        .to_owned(),
    );
    text
}

const fn kind_words(kind: FindingKind) -> &'static str {
    match kind {
        FindingKind::Changed => "changed after it was written",
        FindingKind::Missing => "missing",
        FindingKind::Inserted => "inserted from outside",
        FindingKind::Reordered => "in another's place",
        FindingKind::Forked => "from another continuation of this log",
        FindingKind::ClockWentBack => "older than the entry before it",
    }
}
