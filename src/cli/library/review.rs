//! `library review` and `library take-out`: a second person looks at what somebody submitted.

use std::fmt::Write as _;
use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::bail;
use clap::{Args, Subcommand};
use jiff::Timestamp;
use serde_json::json;

use super::super::secrets::SecretInput;
use super::super::{Context, output};
use super::people;
use crate::casebook::Act;
use crate::laboratory::{Verdict, Waiting, review, take_out, waiting};
use crate::library::pack::{self, Decision};

/// Arguments of `library review`.
#[derive(Args, Debug)]
#[command(after_help = "Without approve or return it lists what waits.\n\
                  An ID is at least eight digits of a reference's digest, the key of a substance for all its references, or 'all'.\n\
                  Nobody approves their own: the account needs the role reviewer and must be another person than the author.")]
pub(super) struct ReviewArgs {
    /// The draft
    #[arg(value_name = "DRAFT")]
    draft: PathBuf,
    #[command(subcommand)]
    action: Option<ReviewAction>,
}

#[derive(Subcommand, Debug)]
enum ReviewAction {
    /// Let references into the pack
    Approve {
        /// What
        #[arg(required = true, value_name = "ID")]
        ids: Vec<String>,
        /// Account with the role reviewer; the secret is read from standard input
        #[arg(long, value_name = "NAME")]
        user: Option<String>,
    },
    /// Send references back to their author
    Return {
        /// What
        #[arg(required = true, value_name = "ID")]
        ids: Vec<String>,
        /// Why
        #[arg(long, value_name = "TEXT")]
        reason: String,
        /// Account with the role reviewer; the secret is read from standard input
        #[arg(long, value_name = "NAME")]
        user: Option<String>,
    },
}

/// Arguments of `library take-out`.
#[derive(Args, Debug)]
pub(super) struct TakeOutArgs {
    /// The draft
    #[arg(value_name = "DRAFT")]
    draft: PathBuf,
    /// At least eight digits of a reference's digest, the key of a substance, or 'all'
    #[arg(required = true, value_name = "ID")]
    ids: Vec<String>,
    /// Why
    #[arg(long, value_name = "TEXT")]
    reason: String,
    /// Account with the role laboratory; the secret is read from standard input
    #[arg(long, value_name = "NAME")]
    user: Option<String>,
}

pub(super) fn run(args: &ReviewArgs, context: &Context) -> Result<ExitCode, anyhow::Error> {
    let mut content = pack::read_draft(&args.draft)?;
    let (ids, verdict, user) = match &args.action {
        None => return show(&waiting(&content), "waiting for a reviewer", context),
        Some(ReviewAction::Approve { ids, user }) => (ids, Verdict::Approve, user),
        Some(ReviewAction::Return { ids, reason, user }) => (ids, Verdict::Return { reason: reason.clone() }, user),
    };
    let Some(user) = user else {
        bail!(
            "nothing was reviewed: a reviewer must be enrolled and signed in; give --user NAME, and the secret on standard input"
        );
    };
    let actor = people::signed_in(user, Act::ReviewReference, &mut SecretInput::new(), context)?;
    let done = review(&mut content, ids, &verdict, actor.name(), Timestamp::now())?;
    pack::write_draft(&args.draft, &content)?;
    show(&done, if verdict == Verdict::Approve { "approved" } else { "returned" }, context)
}

pub(super) fn remove(args: &TakeOutArgs, context: &Context) -> Result<ExitCode, anyhow::Error> {
    let mut content = pack::read_draft(&args.draft)?;
    let by = people::author(args.user.as_deref(), Act::SubmitReference, context)?;
    let done = take_out(&mut content, &args.ids, &args.reason, &by, Timestamp::now())?;
    pack::write_draft(&args.draft, &content)?;
    show(&done, "taken out", context)
}

fn show(list: &[Waiting], what: &str, context: &Context) -> Result<ExitCode, anyhow::Error> {
    if context.json {
        output::print_json(&json!({ "what": what, "references": list }))?;
        return Ok(ExitCode::SUCCESS);
    }
    let mut text = format!("{} {what}\n", list.len());
    for w in list {
        let tier = json!(w.tier);
        writeln!(
            text,
            "  {}  {} {}, {} {}, source {}, by {} on {:.0}",
            w.id.get(..12).unwrap_or_default(),
            w.substance,
            w.form,
            tier.as_str().unwrap_or_default(),
            w.technique,
            w.source,
            w.author,
            w.last.at
        )?;
        if w.replicates > 0 {
            writeln!(text, "      mean of {} replicates", w.replicates)?;
        }
        if !w.nearest.is_empty() {
            let near: Vec<String> = w.nearest.iter().map(|(name, score)| format!("{name} {score:.2}")).collect();
            writeln!(text, "      nearest: {}", near.join(", "))?;
        }
        if let Decision::Returned { reason } = &w.last.step {
            writeln!(text, "      RETURNED by {}: {reason}", w.last.by)?;
        }
    }
    output::print_text(&output::printable(&text))?;
    Ok(ExitCode::SUCCESS)
}
