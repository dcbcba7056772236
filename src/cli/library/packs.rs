//! `library draft|check|sign|install|rollback|installed|warn-after`: the way of a pack from the laboratory to the field.

use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::Arc;

use anyhow::bail;
use clap::Args;
use jiff::Timestamp;
use serde_json::json;

use super::super::secrets::SecretInput;
use super::super::{Context, output};
use super::evaluation::QueryArgs;
use super::{evaluation, keys, people};
use crate::casebook::Act;
use crate::laboratory::{begin, check_comparison, check_facts, check_references, check_training};
use crate::library::Library;
use crate::library::pack::{self, Installed, Pack, PackContent, PackShelf};
use crate::session;

/// Arguments of `library draft`.
#[derive(Args, Debug)]
pub(super) struct DraftArgs {
    /// The draft to make
    #[arg(value_name = "DRAFT")]
    draft: PathBuf,
    /// Name of the pack; units install newer versions of the same name only
    #[arg(long)]
    name: Option<String>,
    /// Version: one to four numbers joined by dots
    #[arg(long)]
    version: String,
    /// Begin without substances and references, with the groups of the library in use
    #[arg(long)]
    empty: bool,
}

/// Arguments of `library sign`.
#[derive(Args, Debug)]
pub(super) struct SignArgs {
    /// The draft
    #[arg(value_name = "DRAFT")]
    draft: PathBuf,
    /// Name of the signing key; its passphrase is read from standard input, behind the account's secret
    #[arg(long)]
    key: String,
    /// Account with the role releaser; needed where accounts are enrolled
    #[arg(long, value_name = "NAME")]
    user: Option<String>,
    /// The draft holds simulated references on purpose: a pack for training on emulated analyzers
    #[arg(long)]
    training: bool,
    /// Why a release with regressions is right all the same; stays in the pack
    #[arg(long, value_name = "TEXT")]
    justification: Option<String>,
    #[command(flatten)]
    queries: QueryArgs,
    /// The pack to write
    #[arg(long, value_name = "PACK")]
    out: PathBuf,
    /// Why the draft is released without an evaluation; stays in the pack
    #[arg(long, value_name = "WHY")]
    not_evaluated: Option<String>,
}

/// Arguments of `library check`.
#[derive(Args, Debug)]
pub(super) struct CheckArgs {
    /// A pack or a draft
    #[arg(value_name = "FILE")]
    file: PathBuf,
}

/// Arguments of `library install`.
#[derive(Args, Debug)]
pub(super) struct InstallArgs {
    /// The pack
    #[arg(value_name = "PACK")]
    pack: PathBuf,
    /// Change to a pack of another name than the installed one
    #[arg(long)]
    other_name: bool,
    /// Account whose role installs packs; needed where accounts are enrolled, its secret is read from standard input
    #[arg(long, value_name = "NAME")]
    user: Option<String>,
}

/// Arguments of `library rollback`.
#[derive(Args, Debug)]
pub(super) struct RollbackArgs {
    /// Version or digest of the pack to use again, or `bundled`; the pack before the present one without it
    #[arg(value_name = "VERSION")]
    to: Option<String>,
    /// Account whose role installs packs; needed where accounts are enrolled, its secret is read from standard input
    #[arg(long, value_name = "NAME")]
    user: Option<String>,
}

/// Arguments of `library warn-after`.
#[derive(Args, Debug)]
pub(super) struct WarnArgs {
    /// Days; 0 never warns
    #[arg(value_name = "DAYS")]
    days: u32,
    /// Account whose role installs packs; needed where accounts are enrolled, its secret is read from standard input
    #[arg(long, value_name = "NAME")]
    user: Option<String>,
}

pub(super) fn data_dir(context: &Context) -> Result<PathBuf, anyhow::Error> {
    Ok(session::data_dir(context.data_dir.as_deref())?)
}

pub(super) fn draft(args: &DraftArgs, context: &Context) -> Result<ExitCode, anyhow::Error> {
    if args.draft.exists() {
        bail!("{} is there already; choose another name for the new draft", args.draft.display());
    }
    let now = Timestamp::now();
    let used = session::content_in_use(&data_dir(context)?, now)?;
    let content = begin(used, args.name.as_deref(), &args.version, args.empty, now)?;
    pack::write_draft(&args.draft, &content)?;
    report(&content, "draft", &args.draft, context)
}

pub(super) fn sign(args: &SignArgs, context: &Context) -> Result<ExitCode, anyhow::Error> {
    let mut content = pack::read_draft(&args.draft)?;
    let mut secrets = SecretInput::new();
    people::author_with(args.user.as_deref(), Act::ReleasePack, &mut secrets, context)?;
    check_training(&content, args.training)?;
    let in_use = session::library_in_use(&data_dir(context)?, Timestamp::now())?.library;
    check_references(&content, &[Library::bundled()?.as_ref(), in_use.as_ref()])?;
    check_facts(&mut content, &in_use)?;
    if args.queries.named() {
        let report = evaluation::comparison(&in_use, &Arc::new(content.library.clone()), &args.queries)?;
        output::complain(&output::printable(&evaluation::describe(&report)?));
        report.keep_in(&mut content, args.justification.as_deref());
    }
    let (why, justification) = (args.not_evaluated.as_deref(), args.justification.as_deref());
    check_comparison(&mut content, &in_use, why, justification)?;
    let signer = keys::open(&args.key, &mut secrets, context)?;
    content.made_at = Timestamp::now();
    pack::sign(&args.out, &content, &signer)?;
    report(&content, "signed pack", &args.out, context)
}

fn report(content: &PackContent, what: &str, path: &Path, context: &Context) -> Result<ExitCode, anyhow::Error> {
    let library = &content.library;
    let measured = library.references.iter().filter(|r| r.measured.is_some()).count();
    if context.json {
        output::print_json(&json!({
            "file": path.to_string_lossy(), "what": what, "library": library.identity, "made_at": content.made_at,
            "substances": library.substances.len(), "references": library.references.len(),
            "measured_arrays": measured, "waiting_for_review": content.waiting(),
            "documents": content.documents.keys().collect::<Vec<_>>(),
        }))?;
    } else {
        output::print_text(&output::printable(&format!(
            "{}: {what} of {} {}\n  {} substances, {} references, {measured} with the measured array, {} waiting for review\n  \
             content sha256 {}\n",
            path.display(),
            library.identity.name,
            library.identity.version,
            library.substances.len(),
            library.references.len(),
            content.waiting().len(),
            library.identity.sha256
        )))?;
    }
    Ok(ExitCode::SUCCESS)
}

pub(super) fn check(args: &CheckArgs, context: &Context) -> Result<ExitCode, anyhow::Error> {
    let shelf = PackShelf::of(&data_dir(context)?);
    if pack::is_draft(&args.file)? {
        return report(&pack::read_draft(&args.file)?, "draft", &args.file, context);
    }
    let checked = Pack::open(&args.file, &shelf.trust()?).and_then(|p| p.content());
    match checked {
        Ok(content) => report(&content, "pack with a good signature", &args.file, context),
        Err(error) => {
            let sentence = output::sentence(&error.into());
            if context.json {
                output::print_json(&json!({ "file": args.file.to_string_lossy(), "refused": sentence }))?;
            }
            output::complain(&sentence);
            Ok(ExitCode::from(1))
        }
    }
}

fn describe(installed: &Installed) -> String {
    format!(
        "{} {}  sha256 {}  signed by {}, made {:.0}, installed {:.0}",
        installed.name,
        installed.version,
        installed.sha256.get(..16).unwrap_or_default(),
        installed.signer,
        installed.made_at,
        installed.installed_at
    )
}

pub(super) fn install(args: &InstallArgs, context: &Context) -> Result<ExitCode, anyhow::Error> {
    people::author(args.user.as_deref(), Act::ManagePacks, context)?;
    let shelf = PackShelf::of(&data_dir(context)?);
    let installed = shelf.install(&args.pack, Timestamp::now(), args.other_name)?;
    say("Installed", Some(&installed), context)
}

pub(super) fn rollback(args: &RollbackArgs, context: &Context) -> Result<ExitCode, anyhow::Error> {
    people::author(args.user.as_deref(), Act::ManagePacks, context)?;
    let used = PackShelf::of(&data_dir(context)?).rollback(args.to.as_deref())?;
    say("Now in use", used.as_ref(), context)
}

fn say(what: &str, installed: Option<&Installed>, context: &Context) -> Result<ExitCode, anyhow::Error> {
    if context.json {
        output::print_json(&json!({ "used": installed }))?;
    } else {
        let words = installed.map_or_else(|| "the bundled library".to_owned(), describe);
        output::print_text(&output::printable(&format!("{what}: {words}\n")))?;
    }
    Ok(ExitCode::SUCCESS)
}

pub(super) fn installed(context: &Context) -> Result<ExitCode, anyhow::Error> {
    let current = PackShelf::of(&data_dir(context)?).current()?;
    let days = current.warn_after_days;
    let warning = current.used().and_then(|p| session::age_warning(p, days, Timestamp::now()));
    if context.json {
        output::print_json(&json!({
            "used": current.used(), "packs": current.packs, "warn_after_days": days, "warning": warning,
        }))?;
        return Ok(ExitCode::SUCCESS);
    }
    let mut text = String::new();
    for pack in &current.packs {
        let mark = if current.used.as_ref() == Some(&pack.file) { "in use" } else { "" };
        writeln!(text, "{mark:<7} {}", describe(pack))?;
    }
    if current.used.is_none() {
        text.push_str("in use  the bundled library\n");
    }
    if let Some(warning) = warning {
        writeln!(text, "\n{warning}")?;
    }
    output::print_text(&output::printable(&text))?;
    Ok(ExitCode::SUCCESS)
}

pub(super) fn warn_after(args: &WarnArgs, context: &Context) -> Result<ExitCode, anyhow::Error> {
    people::author(args.user.as_deref(), Act::ManagePacks, context)?;
    PackShelf::of(&data_dir(context)?).warn_after(args.days)?;
    installed(context)
}
