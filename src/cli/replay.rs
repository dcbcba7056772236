//! `parcelscope casebook replay`: a stored scan again, and whether it still says the same.

use std::fmt::Write as _;
use std::process::ExitCode;
use std::sync::Arc;

use jiff::Timestamp;
use serde::Serialize;

use crate::identify::{ENGINE, Engine};
use crate::session::{Replay, data_dir, library_by_digest, library_in_use, replay};

use super::{Context, casebook, output};

/// What `--json` prints.
#[derive(Serialize)]
struct Document {
    record: i64,
    #[serde(flatten)]
    replay: Replay,
}

/// Runs it: exit code 0 when everything is the same, 1 when anything differs.
pub(super) fn run(id: i64, context: &Context) -> Result<ExitCode, anyhow::Error> {
    let record = casebook::existing(context)?.load(id)?.record;
    // The library of that day, where this folder has or had it; else the one in use, and the answer says so.
    let data_dir = data_dir(context.data_dir.as_deref())?;
    let library = match library_by_digest(&data_dir, &record.answer.library.sha256)? {
        Some(library) => library,
        None => library_in_use(&data_dir, Timestamp::now())?.library,
    };
    let believes = library.is_training() && record.acquisition.simulated;
    let engine = if believes { Engine::for_simulated_pack } else { Engine::new }(Arc::clone(&library));
    let replay = replay(&record, &library.identity, ENGINE, |spectrum| engine.identify(spectrum))?;
    let code = if replay.same { ExitCode::SUCCESS } else { ExitCode::from(1) };
    if context.json {
        output::print_json(&Document { record: id, replay })?;
    } else {
        output::print_text(&output::printable(&text(id, &replay)))?;
    }
    Ok(code)
}

fn text(id: i64, replay: &Replay) -> String {
    let mut text = format!("Record {id}, computed again from its counts\n");
    let mut line = |words: String| {
        // Writing to a String cannot fail.
        let _ = writeln!(text, "  {words}");
    };
    for field in &replay.fields {
        line(format!("{:<18} {}", field.field, if field.same { "same" } else { "DIFFERENT" }));
    }
    for difference in &replay.differences {
        line(format!("{}: was {}, is {}", difference.path, difference.then, difference.now));
    }
    for missing in &replay.not_of_that_day {
        line(missing.clone());
    }
    line(if replay.same { "The same in every field.".to_owned() } else { "NOT THE SAME.".to_owned() });
    text
}
