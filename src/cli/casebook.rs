//! `parcelscope casebook`.

use std::fmt::Write as _;
use std::process::ExitCode;

use anyhow::bail;
use clap::{Args, Subcommand};
use serde::Serialize;

use crate::casebook::{Casebook, ScanSummary, StoredScan};
use crate::session::{casebook_path, data_dir};

use super::{Context, answer_text, output};

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
    },
    /// Check that the casebook is undamaged: the database file, the numbering and that every record can be read
    Verify,
    /// Planned: export records
    #[command(hide = true)]
    Export(super::Planned),
    /// Planned: proof of one record
    #[command(hide = true)]
    Proof(super::Planned),
    /// Planned: verdict again from the stored counts
    #[command(hide = true)]
    Replay(super::Planned),
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
        Command::Show { id: None, limit, offset } => list(offset, limit, context),
        Command::Verify => verify(context),
        Command::Export(_) | Command::Proof(_) | Command::Replay(_) => {
            bail!(
                "this version cannot export, prove or replay records yet; 'parcelscope casebook show ID --json' prints a whole record"
            )
        }
    }
}

/// The casebook of the data folder; none is made only to be looked at.
fn open(context: &Context) -> Result<Option<Casebook>, anyhow::Error> {
    let path = casebook_path(&data_dir(context.data_dir.as_deref())?);
    Ok(if path.exists() { Some(Casebook::open(&path)?) } else { None })
}

fn list(offset: usize, limit: usize, context: &Context) -> Result<ExitCode, anyhow::Error> {
    let page = match open(context)? {
        Some(casebook) => Page { total: casebook.count()?, records: casebook.list(offset, limit)? },
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
    let ScanSummary { id, taken_at, operator, parcel, level, headline, simulated } = line;
    let level = answer_text::word(*level);
    let parcel = if parcel.is_empty() { "-" } else { parcel };
    let simulated = if *simulated { "simulated" } else { "" };
    format!("{id:>6}  {taken_at:.0}  {level:<23}  {simulated:<9}  {parcel:<13}  {operator:<10}  {headline}")
}

fn show(id: i64, context: &Context) -> Result<ExitCode, anyhow::Error> {
    let Some(casebook) = open(context)? else {
        bail!("there is no record {id}: this data folder has no casebook yet; choose the right folder with --data-dir");
    };
    let scan = casebook.load(id)?;
    if context.json {
        output::print_json(&scan)?;
    } else {
        output::print_text(&output::printable(&text_of(&scan)))?;
    }
    Ok(ExitCode::SUCCESS)
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
    line("Operator", record.operator.clone());
    line("Parcel", if record.parcel.is_empty() { "none entered".to_owned() } else { record.parcel.clone() });
    if let Some(sample) = &record.emulated_sample {
        line("Emulated", format!("sample under the emulated probe: {sample}"));
    }
    for (name, device) in [("Analyzer", &acquisition.spectrometer), ("Laser", &acquisition.laser)] {
        line(name, format!("{}, serial {}, on {}", device.model, device.serial, device.port));
    }
    let light = acquisition.light.first();
    if let Some(light) = light {
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

/// What `verify` found.
#[derive(Serialize)]
struct Verified {
    records: i64,
    damaged: Option<String>,
    /// Whether the records are chained, so that an edit from outside would be found.
    chained: bool,
}

fn verify(context: &Context) -> Result<ExitCode, anyhow::Error> {
    let Some(casebook) = open(context)? else {
        bail!("this data folder has no casebook yet; choose the right folder with --data-dir");
    };
    let found = match casebook.integrity_check() {
        Ok(records) => Verified { records, damaged: None, chained: false },
        Err(error) => {
            Verified { records: casebook.count().unwrap_or(0), damaged: Some(error.to_string()), chained: false }
        }
    };
    if context.json {
        output::print_json(&found)?;
    } else {
        let text = match &found.damaged {
            None => format!(
                "{} records, numbered without gaps, all readable; the database file is undamaged.\n\
                 This does not prove that nobody edited a record: in this version records are not chained.\n",
                found.records
            ),
            Some(damage) => format!("{damage}\n"),
        };
        output::print_text(&output::printable(&text))?;
    }
    Ok(if found.damaged.is_some() { ExitCode::FAILURE } else { ExitCode::SUCCESS })
}
