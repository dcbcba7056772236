//! `library review` and `library take-out`: a second person looks at what somebody submitted, references and changed facts.

use std::fmt::Write as _;
use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::bail;
use clap::{Args, Subcommand};
use jiff::Timestamp;
use serde_json::json;

use super::super::secrets::SecretInput;
use super::super::{Context, output};
use super::edit::{change_text, in_use};
use super::people;
use crate::casebook::Act;
use crate::laboratory::{Reviewed, Verdict, review, take_out};
use crate::library::pack::{self, Decision};

/// Arguments of `library review`.
#[derive(Args, Debug)]
#[command(after_help = "Without approve or return it lists what waits.\n\
                  An ID is at least eight digits of a digest, the key of a substance (group:KEY for a group) for all that waits about it, or \
                  'all'.\n\
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
    /// Let references and changed facts into the pack
    Approve {
        /// What
        #[arg(required = true, value_name = "ID")]
        ids: Vec<String>,
        /// Account with the role reviewer; the secret is read from standard input
        #[arg(long, value_name = "NAME")]
        user: Option<String>,
    },
    /// Send references and changed facts back to their author
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
    let in_use = in_use(context)?;
    let (ids, verdict, user) = match &args.action {
        None => return show(&Reviewed::waiting(&content, &in_use), "waiting for a reviewer", context),
        Some(ReviewAction::Approve { ids, user }) => (ids, Verdict::Approve, user),
        Some(ReviewAction::Return { ids, reason, user }) => (ids, Verdict::Return { reason: reason.clone() }, user),
    };
    let Some(user) = user else {
        bail!(
            "nothing was reviewed: a reviewer must be enrolled and signed in; give --user NAME, and the secret on standard input"
        );
    };
    let actor = people::signed_in(user, Act::ReviewReference, &mut SecretInput::new(), context)?;
    let done = review(&mut content, &in_use, ids, &verdict, actor.name(), Timestamp::now())?;
    pack::write_draft(&args.draft, &content)?;
    show(&done, if verdict == Verdict::Approve { "approved" } else { "returned" }, context)
}

pub(super) fn remove(args: &TakeOutArgs, context: &Context) -> Result<ExitCode, anyhow::Error> {
    let mut content = pack::read_draft(&args.draft)?;
    let by = people::author(args.user.as_deref(), Act::SubmitReference, context)?;
    let in_use = in_use(context)?;
    let references = take_out(&mut content, &in_use, &args.ids, &args.reason, &by, Timestamp::now())?;
    pack::write_draft(&args.draft, &content)?;
    show(&Reviewed { references, facts: Vec::new() }, "taken out", context)
}

fn show(list: &Reviewed, what: &str, context: &Context) -> Result<ExitCode, anyhow::Error> {
    if context.json {
        output::print_json(&json!({ "what": what, "references": list.references, "facts": list.facts }))?;
        return Ok(ExitCode::SUCCESS);
    }
    let mut text = format!("{} {what}\n", list.len());
    for w in &list.references {
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
    for facts in &list.facts {
        let by = match &facts.last {
            None => "NOT SUBMITTED".to_owned(),
            Some(last) => match &last.step {
                Decision::Returned { reason } => format!("RETURNED by {}: {reason}", last.by),
                _ => format!("by {} on {:.0}", facts.author.as_deref().unwrap_or_default(), last.at),
            },
        };
        text.push_str(&change_text(&facts.change, &by)?);
    }
    output::print_text(&output::printable(&text))?;
    Ok(ExitCode::SUCCESS)
}
