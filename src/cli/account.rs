//! `parcelscope account`: who may use this casebook.

use std::fmt::Write as _;
use std::process::ExitCode;

use anyhow::bail;
use clap::{Args, Subcommand};
use jiff::Timestamp;
use jiff::civil::Date;
use serde_json::json;

use crate::casebook::{AccountChange, Actor, Casebook, NewAccount, ROLE_TABLE, Role, role_table_markdown};
use crate::session::{casebook_path, data_dir, system_uptime};

use super::secrets::SecretInput;
use super::{Context, output};

/// Arguments of `account`.
#[derive(Args, Debug)]
#[command(
    after_help = "Secrets are never arguments: they are read from standard input, one a line, in the order in which they are \
                  named on standard error; on a terminal they are not shown.\n\
                  The first account of a folder is an administrator. There is no way back in without one: enrol two."
)]
pub struct AccountArgs {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Enrol an account; the first one needs --role administrator and no --user
    Enrol {
        /// Its name, as records will show it
        name: String,
        /// officer, laboratory, reviewer, releaser, supervisor, administrator or auditor
        #[arg(long, value_parser = role)]
        role: Role,
        /// Barcode of the badge, which then stands for the name
        #[arg(long, value_name = "CODE")]
        badge: Option<String>,
        /// Last day on which the training counts, as 2027-06-30
        #[arg(long, value_name = "DATE")]
        training: Option<Date>,
        /// Administrator who enrols
        #[arg(long, value_name = "NAME")]
        user: Option<String>,
    },
    /// List the accounts
    List,
    /// Print the table of roles and what each may do
    Roles,
    /// Give an account another role
    Role {
        /// The account
        name: String,
        /// The new role
        #[arg(value_parser = role)]
        role: Role,
        /// Administrator
        #[arg(long, value_name = "NAME")]
        user: String,
    },
    /// Give an account another badge; without --badge it has none
    Badge {
        /// The account
        name: String,
        /// The new barcode
        #[arg(long, value_name = "CODE")]
        badge: Option<String>,
        /// Administrator
        #[arg(long, value_name = "NAME")]
        user: String,
    },
    /// State until when the training of an account counts
    Training {
        /// The account
        name: String,
        /// The last day, as 2027-06-30
        until: Date,
        /// Administrator
        #[arg(long, value_name = "NAME")]
        user: String,
    },
    /// Set a new secret for an account that forgot its own; ends a wait after wrong secrets
    Reset {
        /// The account
        name: String,
        /// Administrator
        #[arg(long, value_name = "NAME")]
        user: String,
    },
    /// Choose a new secret for oneself
    Secret {
        /// The account
        #[arg(long, value_name = "NAME")]
        user: String,
    },
    /// Let an account do nothing any more; what it did stays
    Disable {
        /// The account
        name: String,
        /// Administrator
        #[arg(long, value_name = "NAME")]
        user: String,
    },
    /// Let a disabled account work again
    Enable {
        /// The account
        name: String,
        /// Administrator
        #[arg(long, value_name = "NAME")]
        user: String,
    },
}

fn role(text: &str) -> Result<Role, String> {
    Role::from_name(text)
        .ok_or_else(|| format!("'{text}' is no role; the roles are {}", Role::ALL.map(Role::name).join(", ")))
}

/// Runs `account`.
pub fn run(args: AccountArgs, context: &Context) -> Result<ExitCode, anyhow::Error> {
    let mut secrets = SecretInput::new();
    match args.command {
        Command::Roles => roles(context),
        Command::List => list(context),
        Command::Enrol { name, role, badge, training, user } => {
            let mut casebook = Casebook::open(&casebook_path(&data_dir(context.data_dir.as_deref())?))?;
            let by = match &user {
                Some(user) => Some(sign_in(&mut casebook, user, &mut secrets)?),
                None if casebook.has_accounts()? => {
                    bail!("accounts are enrolled already, so an administrator must enrol {name}; give --user NAME")
                }
                None => None,
            };
            let secret = secrets.read(&format!("new secret of {name}"))?;
            let new = NewAccount { name: name.clone(), role, badge, training_expires: training, secret };
            match by {
                Some(by) => casebook.enrol(Timestamp::now(), &by, &new)?,
                None => casebook.enrol_first(Timestamp::now(), &new)?,
            }
            done(&format!("{name} is enrolled as {}", role.name()), context)
        }
        Command::Role { name, role, user } => {
            let words = format!("{name} is now {}", role.name());
            change(&name, &user, &words, &mut secrets, context, |_| Ok(AccountChange::Role(role)))
        }
        Command::Badge { name, badge, user } => {
            let words = format!("the badge of {name} is changed");
            change(&name, &user, &words, &mut secrets, context, |_| Ok(AccountChange::Badge(badge)))
        }
        Command::Training { name, until, user } => {
            let words = format!("the training of {name} counts until {until}");
            change(&name, &user, &words, &mut secrets, context, |_| Ok(AccountChange::Training(Some(until))))
        }
        Command::Reset { name, user } => {
            let words = format!("{name} has a new secret");
            let prompt = format!("new secret of {name}");
            change(&name, &user, &words, &mut secrets, context, |s| Ok(AccountChange::Secret(s.read(&prompt)?)))
        }
        Command::Disable { name, user } => {
            let words = format!("{name} is disabled");
            change(&name, &user, &words, &mut secrets, context, |_| Ok(AccountChange::Disable))
        }
        Command::Enable { name, user } => {
            let words = format!("{name} is enabled");
            change(&name, &user, &words, &mut secrets, context, |_| Ok(AccountChange::Enable))
        }
        Command::Secret { user } => {
            let mut casebook = super::casebook::existing(context)?;
            let old = secrets.read(&format!("secret of {user}"))?;
            let actor = casebook.sign_in(Timestamp::now(), &system_uptime(), &user, &old)?;
            let new = secrets.read(&format!("new secret of {user}"))?;
            casebook.change_own_secret(Timestamp::now(), &actor, &old, &new)?;
            done(&format!("{user} has a new secret"), context)
        }
    }
}

/// Signs in with the next secret of the input.
pub(super) fn sign_in(casebook: &mut Casebook, user: &str, secrets: &mut SecretInput) -> Result<Actor, anyhow::Error> {
    let secret = secrets.read(&format!("secret of {user}"))?;
    Ok(casebook.sign_in(Timestamp::now(), &system_uptime(), user, &secret)?)
}

fn change(
    name: &str,
    user: &str,
    words: &str,
    secrets: &mut SecretInput,
    context: &Context,
    what: impl FnOnce(&mut SecretInput) -> Result<AccountChange, anyhow::Error>,
) -> Result<ExitCode, anyhow::Error> {
    let mut casebook = super::casebook::existing(context)?;
    let by = sign_in(&mut casebook, user, secrets)?;
    let change = what(secrets)?;
    casebook.change_account(Timestamp::now(), &by, name, &change)?;
    done(words, context)
}

pub(super) fn done(words: &str, context: &Context) -> Result<ExitCode, anyhow::Error> {
    if context.json {
        output::print_json(&json!({ "done": words }))?;
    } else {
        output::print_text(&output::printable(&format!("{words}\n")))?;
    }
    Ok(ExitCode::SUCCESS)
}

fn list(context: &Context) -> Result<ExitCode, anyhow::Error> {
    let accounts = match super::casebook::open(context)? {
        Some(casebook) => casebook.accounts()?,
        None => Vec::new(),
    };
    if context.json {
        let lines: Vec<_> = accounts
            .iter()
            .map(|a| {
                json!({ "account": a.account, "role": a.role, "badge": a.badge,
                        "training_expires": a.training_expires, "active": a.active })
            })
            .collect();
        output::print_json(&lines)?;
        return Ok(ExitCode::SUCCESS);
    }
    let mut text = String::new();
    for a in &accounts {
        let training =
            a.training_expires.map_or_else(|| "no training stated".to_owned(), |d| format!("trained until {d}"));
        let badge = a.badge.as_deref().map(|b| format!(", badge {b}")).unwrap_or_default();
        let active = if a.active { "" } else { ", DISABLED" };
        // Writing to a String cannot fail.
        let _ = writeln!(text, "{:<20}  {:<13}  {training}{badge}{active}", a.account, a.role.name());
    }
    if accounts.is_empty() {
        text.push_str(
            "Nobody is enrolled, so only the emulated analyzer can be scanned. 'parcelscope account enrol NAME --role administrator' begins.\n",
        );
    }
    output::print_text(&output::printable(&text))?;
    Ok(ExitCode::SUCCESS)
}

fn roles(context: &Context) -> Result<ExitCode, anyhow::Error> {
    if context.json {
        let rows: Vec<_> = ROLE_TABLE
            .iter()
            .map(|(act, _)| {
                let allowed: Vec<_> = Role::ALL.into_iter().filter(|role| role.may(*act)).collect();
                json!({ "act": act.words(), "allowed": allowed })
            })
            .collect();
        output::print_json(&rows)?;
    } else {
        output::print_text(&role_table_markdown())?;
    }
    Ok(ExitCode::SUCCESS)
}
