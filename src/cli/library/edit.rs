//! `library edit|group|changes|submit`: what the laboratory states of substances and groups, as proposals in a draft.

use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::Arc;

use clap::{ArgGroup, Args, ValueEnum};
use jiff::Timestamp;
use jiff::civil::Date;
use serde_json::json;

use super::super::{Context, output};
use super::packs::data_dir;
use super::people;
use crate::casebook::Act;
use crate::laboratory::{AlarmLevel, FactEdit, GroupEdit, SubstanceEdit, edit, propose, submit_facts};
use crate::library::pack::{self, PackContent};
use crate::library::{FactChange, Library, changed_facts, fact_digests};
use crate::session;

/// Arguments of `library edit`.
#[derive(Args, Debug)]
#[command(group = ArgGroup::new("from").required(true).args(["source", "from_memory"]))]
pub(super) struct EditArgs {
    /// The draft
    #[arg(value_name = "DRAFT")]
    draft: PathBuf,
    /// Key, name, synonym or CAS number of the substance
    substance: String,
    /// It is new: a listed substance, of which there need not be a reference
    #[arg(long)]
    new: bool,
    /// Put it into this group
    #[arg(long, value_name = "GROUP")]
    add_group: Vec<String>,
    /// Take it out of this group
    #[arg(long, value_name = "GROUP")]
    drop_group: Vec<String>,
    /// Another name
    #[arg(long, value_name = "NAME")]
    add_synonym: Vec<String>,
    /// A name that is not its
    #[arg(long, value_name = "NAME")]
    drop_synonym: Vec<String>,
    /// Its CAS number
    #[arg(long, value_name = "NUMBER")]
    cas: Option<String>,
    /// Control status, such as 'US=Schedule II' or 'DE=not controlled'
    #[arg(long, value_name = "JURISDICTION=STATUS", value_parser = status, requires = "as_of")]
    control: Vec<(String, String)>,
    /// State nothing of this jurisdiction any more
    #[arg(long, value_name = "JURISDICTION")]
    drop_control: Vec<String>,
    /// The day on which the control status was so
    #[arg(long, value_name = "YYYY-MM-DD")]
    as_of: Option<Date>,
    /// Where these facts can be read
    #[arg(long, value_name = "TEXT")]
    source: Option<String>,
    /// They are from memory: they are shown as not verified, and never as law
    #[arg(long)]
    from_memory: bool,
    /// Account with the role laboratory; the secret is read from standard input
    #[arg(long, value_name = "NAME")]
    user: Option<String>,
}

/// Arguments of `library group`.
#[derive(Args, Debug)]
pub(super) struct GroupArgs {
    /// The draft
    #[arg(value_name = "DRAFT")]
    draft: PathBuf,
    /// Key of the group; one that is not there makes a new group
    group: String,
    /// Name for people
    #[arg(long)]
    title: Option<String>,
    /// What finding a member does
    #[arg(long)]
    level: Option<Level>,
    /// Why
    #[arg(long, value_name = "TEXT")]
    note: Option<String>,
    /// Account with the role laboratory; the secret is read from standard input
    #[arg(long, value_name = "NAME")]
    user: Option<String>,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
enum Level {
    /// An identified member is an alarm, a possible one an alert
    Alarms,
    /// Shown as watched
    Watched,
    /// Neither
    Neither,
}

/// Arguments of `library changes`.
#[derive(Args, Debug)]
pub(super) struct ChangesArgs {
    /// The draft
    #[arg(value_name = "DRAFT")]
    draft: PathBuf,
}

/// Arguments of `library submit`.
#[derive(Args, Debug)]
pub(super) struct SubmitArgs {
    /// The draft
    #[arg(value_name = "DRAFT")]
    draft: PathBuf,
    /// Account with the role laboratory; the secret is read from standard input
    #[arg(long, value_name = "NAME")]
    user: Option<String>,
}

fn status(text: &str) -> Result<(String, String), String> {
    let (jurisdiction, status) = text.split_once('=').ok_or("write it as JURISDICTION=STATUS")?;
    Ok((jurisdiction.to_owned(), status.to_owned()))
}

/// The library that the data folder uses: what a draft's facts are compared with.
pub(super) fn in_use(context: &Context) -> Result<Arc<Library>, anyhow::Error> {
    Ok(session::library_in_use(&data_dir(context)?, Timestamp::now())?.library)
}

pub(super) fn substance(args: EditArgs, context: &Context) -> Result<ExitCode, anyhow::Error> {
    let wish = SubstanceEdit {
        substance: args.substance,
        new: args.new,
        add_groups: args.add_group,
        drop_groups: args.drop_group,
        add_synonyms: args.add_synonym,
        drop_synonyms: args.drop_synonym,
        cas: args.cas,
        control: args.control,
        drop_control: args.drop_control,
        as_of: args.as_of,
        source: args.source,
    };
    change(&args.draft, &FactEdit::Substance(Box::new(wish)), args.user.as_deref(), context)
}

pub(super) fn group(args: GroupArgs, context: &Context) -> Result<ExitCode, anyhow::Error> {
    let level = args.level.map(|level| match level {
        Level::Alarms => AlarmLevel::Alarms,
        Level::Watched => AlarmLevel::Watched,
        Level::Neither => AlarmLevel::Neither,
    });
    let wish = GroupEdit { key: args.group, title: args.title, level, note: args.note };
    change(&args.draft, &FactEdit::Group(wish), args.user.as_deref(), context)
}

fn change(draft: &Path, wish: &FactEdit, user: Option<&str>, context: &Context) -> Result<ExitCode, anyhow::Error> {
    let author = people::author(user, Act::SubmitReference, context)?;
    let (content, now) = (pack::read_draft(draft)?, Timestamp::now());
    let earlier = fact_digests(&content.library);
    let mut content = edit(content, wish, &author, now)?;
    let changes = propose(&mut content, &earlier, in_use(context)?.as_ref(), &author, now);
    pack::write_draft(draft, &content)?;
    let what = if changes.is_empty() {
        "what is in use says the same again: nothing to review"
    } else {
        "submitted; another person must review it"
    };
    show(&content, &changes, what, context)
}

pub(super) fn changes(args: &ChangesArgs, context: &Context) -> Result<ExitCode, anyhow::Error> {
    let content = pack::read_draft(&args.draft)?;
    let changes = changed_facts(in_use(context)?.as_ref(), &content.library);
    show(&content, &changes, "stated otherwise than by what is in use", context)
}

pub(super) fn submit(args: &SubmitArgs, context: &Context) -> Result<ExitCode, anyhow::Error> {
    let author = people::author(args.user.as_deref(), Act::SubmitReference, context)?;
    let mut content = pack::read_draft(&args.draft)?;
    let changes = submit_facts(&mut content, in_use(context)?.as_ref(), &author, Timestamp::now());
    pack::write_draft(&args.draft, &content)?;
    show(&content, &changes, "submitted; another person must review it", context)
}

fn show(
    content: &PackContent,
    changes: &[FactChange],
    what: &str,
    context: &Context,
) -> Result<ExitCode, anyhow::Error> {
    let last = content.last_steps();
    let step = |change: &FactChange| last.get(change.digest.as_str()).copied();
    if context.json {
        let rows: Vec<_> = changes.iter().map(|c| json!({ "change": c, "last": step(c) })).collect();
        output::print_json(&json!({ "what": what, "facts": rows }))?;
        return Ok(ExitCode::SUCCESS);
    }
    let mut text = format!("{} {what}\n", changes.len());
    for change in changes {
        let state = step(change).map_or_else(
            || "NOT SUBMITTED".to_owned(),
            |a| {
                let step = json!(a.step);
                format!("{} by {}", step["decision"].as_str().unwrap_or_default(), a.by)
            },
        );
        text.push_str(&change_text(change, &state)?);
    }
    output::print_text(&output::printable(&text))?;
    Ok(ExitCode::SUCCESS)
}

/// A change of facts, one line for each.
pub(super) fn change_text(change: &FactChange, state: &str) -> Result<String, std::fmt::Error> {
    let mut text = String::new();
    let digits = change.digest.get(..12).unwrap_or_default();
    let state = if state.is_empty() { String::new() } else { format!(", {state}") };
    writeln!(text, "  {digits}  {} ({}){state}", change.name, change.key)?;
    for line in &change.lines {
        writeln!(text, "      {line}")?;
    }
    Ok(text)
}
