//! `parcelscope casebook backup`, `witness`, `consistency`: what keeps a casebook trustworthy when this disk does not.

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::{Context as _, bail};
use clap::Subcommand;
use jiff::Timestamp;
use serde_json::json;

use crate::casebook::note::NoteVerifier;
use crate::casebook::{Act, BackupPlan};

use super::secrets::SecretInput;
use super::{Context, account, casebook, output};

/// Largest checkpoint or proof that is read.
const TEXT_BYTES_MAX: u64 = 64 << 10;

/// Backups and witnesses.
#[derive(Debug, Subcommand)]
pub enum KeepCommand {
    /// Copy the casebook while it may be in use, and verify the copy
    Backup {
        /// Folder for the copy; without it the one of the plan, and only when a backup is due
        #[arg(value_name = "FOLDER")]
        folder: Option<PathBuf>,
        /// Account that asks; the secret is read from standard input. A planned backup needs none
        #[arg(long, value_name = "NAME")]
        user: Option<String>,
    },
    /// Set where backups go and how often
    BackupPlan {
        /// Folder for the copies, on another disk where possible
        folder: PathBuf,
        /// Hours between two; 0 ends the schedule
        #[arg(long, value_name = "N", default_value_t = 24)]
        every_hours: u32,
        /// Supervisor or administrator
        #[arg(long, value_name = "NAME")]
        user: String,
    },
    /// Sign the checkpoint of another unit, if it continues what was signed before
    Witness {
        /// The checkpoint, as 'casebook checkpoint' on the other unit printed it
        #[arg(value_name = "FILE")]
        checkpoint: PathBuf,
        /// The other unit's key, as 'casebook key' printed it when it was put into service
        #[arg(long, value_name = "KEY")]
        key: String,
        /// The proof that it continues, as 'casebook consistency' on the other unit printed it
        #[arg(long, value_name = "FILE")]
        proof: Option<PathBuf>,
        /// Account that witnesses
        #[arg(long, value_name = "NAME")]
        user: String,
    },
    /// Print the proof that this log continues an earlier checkpoint, for a witness
    Consistency {
        /// Entries that the earlier checkpoint covers (its second line)
        #[arg(long, value_name = "N")]
        from: u64,
        /// Entries that the later one covers
        #[arg(long, value_name = "N")]
        to: u64,
    },
}

/// Runs one of them.
pub(super) fn run(command: KeepCommand, context: &Context) -> Result<ExitCode, anyhow::Error> {
    let mut casebook = casebook::existing(context)?;
    let mut secrets = SecretInput::new();
    let now = Timestamp::now();
    match command {
        KeepCommand::Backup { folder: None, .. } => match casebook.backup_due(now)? {
            Some(folder) => written(&casebook.back_up(now, "parcelscope", &folder)?, context),
            None => account::done("no backup is due", context),
        },
        KeepCommand::Backup { folder: Some(folder), user } => {
            let by = match user {
                Some(user) => {
                    let by = account::sign_in(&mut casebook, &user, &mut secrets)?;
                    casebook.permit(now, &by, Act::Backup, None)?;
                    by.name().to_owned()
                }
                None if casebook.has_accounts()? => {
                    bail!("accounts are enrolled, so a backup needs one: give --user NAME")
                }
                None => crate::session::UNENROLLED.to_owned(),
            };
            written(&casebook.back_up(now, &by, &folder)?, context)
        }
        KeepCommand::BackupPlan { folder, every_hours, user } => {
            let folder = folder.canonicalize().with_context(|| format!("{} is no folder", folder.display()))?;
            let by = account::sign_in(&mut casebook, &user, &mut secrets)?;
            let words = format!("backups go to {} every {every_hours} hours", folder.display());
            casebook.set_backup_plan(now, &by, &BackupPlan { folder, every_hours })?;
            account::done(&words, context)
        }
        KeepCommand::Witness { checkpoint, key, proof, user } => {
            let key = NoteVerifier::parse(&key)?;
            let note = text(&checkpoint)?;
            let proof = proof.as_deref().map(text).transpose()?;
            let by = account::sign_in(&mut casebook, &user, &mut secrets)?;
            let signed = casebook.witness(now, &by, &note, &key, proof.as_deref())?;
            casebook::print(&signed, &json!({ "checkpoint": signed }), context)
        }
        KeepCommand::Consistency { from, to } => {
            let proof = casebook.consistency(from, to)?;
            casebook::print(&proof, &json!({ "proof": proof }), context)
        }
    }
}

fn written(path: &Path, context: &Context) -> Result<ExitCode, anyhow::Error> {
    if context.json {
        output::print_json(&json!({ "backup": path, "verified": true }))?;
    } else {
        output::print_text(&output::printable(&format!("written and verified: {}\n", path.display())))?;
    }
    Ok(ExitCode::SUCCESS)
}

fn text(path: &Path) -> Result<String, anyhow::Error> {
    use std::io::Read as _;
    let mut text = String::new();
    let file = std::fs::File::open(path).with_context(|| format!("{} cannot be read", path.display()))?;
    file.take(TEXT_BYTES_MAX).read_to_string(&mut text).with_context(|| format!("{} is no text", path.display()))?;
    Ok(text)
}
