//! Accounts: who somebody is, and what the role table lets them do.
//!
//! An account is what its newest event says; nothing about accounts is stored beside the chain except the hash of the
//! secret, and that counts only while it is the one whose digest the event states. An [`Actor`] can only be made by
//! signing in, and every act asks again, under the lock, whether the account still stands.

mod error;
mod lockout;
mod role;
mod secret;
mod sign_in;

use std::collections::BTreeMap;

use jiff::Timestamp;
use jiff::civil::Date;
use rusqlite::{Connection, params};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use super::ledger::hex;
use super::writing::Writing;
use super::{Casebook, CasebookError, Event};

pub use error::AccountError;
pub use lockout::{Uptime, lockout_wait};
pub use role::{Act, Role, TABLE, role_table_markdown};
pub use secret::Secret;

/// Longest name or badge, in characters.
const NAME_CHARS_MAX: usize = 64;
/// Names under which the program itself writes events.
const RESERVED: [&str; 3] = ["unenrolled", "parcelscope", "unknown"];
/// Kind of the event that enrols an account.
const ENROLLED: &str = "account-enrolled";
/// Kind of the event that changes one.
const CHANGED: &str = "account-changed";

/// An account as its newest event states it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Account {
    /// Its name, as records show it.
    pub account: String,
    /// What it is for.
    pub role: Role,
    /// Barcode of the badge that stands for the name.
    pub badge: Option<String>,
    /// The last day on which the training counts; none stated where absent.
    pub training_expires: Option<Date>,
    /// False once it is disabled.
    pub active: bool,
    /// SHA-256 of the hash of its secret, hexadecimal.
    credential_sha256: String,
}

/// What enrolling needs.
#[derive(Clone, Debug)]
pub struct NewAccount {
    /// The name.
    pub name: String,
    /// The role.
    pub role: Role,
    /// Barcode of the badge.
    pub badge: Option<String>,
    /// The last day on which the training counts.
    pub training_expires: Option<Date>,
    /// The first secret.
    pub secret: Secret,
}

/// What an administrator can change of an account.
#[derive(Clone, Debug)]
pub enum AccountChange {
    /// Another role.
    Role(Role),
    /// Another badge, or none.
    Badge(Option<String>),
    /// Another last day of training.
    Training(Option<Date>),
    /// A new secret; ends a lockout.
    Secret(Secret),
    /// The account can do nothing any more; its records stay.
    Disable,
    /// It can again.
    Enable,
}

impl AccountChange {
    const fn name(&self) -> &'static str {
        match self {
            Self::Role(_) => "role",
            Self::Badge(_) => "badge",
            Self::Training(_) => "training",
            Self::Secret(_) => "secret",
            Self::Disable => "disable",
            Self::Enable => "enable",
        }
    }
}

/// Somebody who has signed in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Actor {
    name: String,
    role: Role,
    training_expires: Option<Date>,
}

impl Actor {
    /// Name of the account.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Its role when it signed in.
    pub const fn role(&self) -> Role {
        self.role
    }

    /// The last day on which the training counts.
    pub const fn training_expires(&self) -> Option<Date> {
        self.training_expires
    }
}

impl Casebook {
    /// Every account, by name.
    pub fn accounts(&self) -> Result<Vec<Account>, CasebookError> {
        accounts(self.connection()).map_err(|e| self.error(&e))?.map_err(|what| self.corrupt(what))
    }

    /// True once somebody is enrolled; from then on nobody scans without signing in.
    pub fn has_accounts(&self) -> Result<bool, CasebookError> {
        Ok(!self.accounts()?.is_empty())
    }

    /// Enrols the first administrator of a new casebook. Refused where any account was ever enrolled.
    pub fn enrol_first(&mut self, at: Timestamp, new: &NewAccount) -> Result<(), CasebookError> {
        if new.role != Role::Administrator {
            return Err(AccountError::FirstMustBeAdministrator.into());
        }
        let hash = prepared(new)?;
        self.write_checked(at, |writing, all| {
            if all.is_empty() {
                add_account(writing, all, new, &hash, &new.name)
            } else {
                Err(AccountError::NotFirst.into())
            }
        })
    }

    /// Enrols an account.
    pub fn enrol(&mut self, at: Timestamp, by: &Actor, new: &NewAccount) -> Result<(), CasebookError> {
        self.permit(at, by, Act::ManageAccounts, None)?;
        let hash = prepared(new)?;
        self.act(at, by, Act::ManageAccounts, None, |writing, all| add_account(writing, all, new, &hash, by.name()))
    }

    /// Changes an account. The last administrator stays one.
    pub fn change_account(
        &mut self,
        at: Timestamp,
        by: &Actor,
        name: &str,
        change: &AccountChange,
    ) -> Result<(), CasebookError> {
        self.act(at, by, Act::ManageAccounts, None, |writing, all| {
            let account = found(all, name).ok_or_else(|| AccountError::NoSuchAccount(name.to_owned()))?;
            let mut new = account.clone();
            let mut hash = None;
            match change {
                AccountChange::Role(role) => {
                    if account.role.accepts_pin() && !role.accepts_pin() {
                        return Err(AccountError::PinTooWeakForRole(*role).into());
                    }
                    new.role = *role;
                }
                AccountChange::Badge(badge) => {
                    new.badge = badge.as_deref().map(checked_name).transpose()?;
                    if let Some(badge) = &new.badge
                        && found(all, badge).is_some_and(|other| other.account != new.account)
                    {
                        return Err(AccountError::Taken(badge.clone()).into());
                    }
                }
                AccountChange::Training(until) => new.training_expires = *until,
                AccountChange::Secret(secret) => {
                    secret.acceptable_for(account.role)?;
                    hash = Some(secret.hash()?);
                }
                AccountChange::Disable => new.active = false,
                AccountChange::Enable => new.active = true,
            }
            let stays = |account: &Account| account.active && account.role == Role::Administrator;
            let others = all.values().filter(|other| other.account != new.account).any(stays);
            if stays(account) && !stays(&new) && !others {
                return Err(AccountError::LastAdministrator.into());
            }
            write_account(writing, &mut new, hash.as_deref(), CHANGED, change.name(), by.name())
        })
    }

    /// The account chooses a new secret; it must know the old one.
    pub fn change_own_secret(
        &mut self,
        at: Timestamp,
        by: &Actor,
        old: &Secret,
        new: &Secret,
    ) -> Result<(), CasebookError> {
        let hash = new.hash()?;
        self.write_checked(at, |writing, all| {
            let mut account = standing(all, by)?.clone();
            new.acceptable_for(account.role)?;
            let known = sign_in::credential(writing.connection, &account).map_err(|e| writing.error(&e))?;
            if !known.is_some_and(|known| old.fits(&known)) {
                return Err(AccountError::WrongSecret.into());
            }
            write_account(writing, &mut account, Some(&hash), CHANGED, "own-secret", by.name())
        })
    }

    /// Asks whether `by` may do `act`; a refusal is recorded.
    pub fn permit(&mut self, at: Timestamp, by: &Actor, act: Act, scan_id: Option<i64>) -> Result<(), CasebookError> {
        self.act(at, by, act, scan_id, |_, _| Ok(()))
    }

    /// Does something in the name of `by`, if the account still stands and its role allows it. A refusal is recorded.
    pub(super) fn act<T>(
        &mut self,
        at: Timestamp,
        by: &Actor,
        act: Act,
        scan_id: Option<i64>,
        change: impl FnOnce(&mut Writing<'_>, &Accounts) -> Result<T, CasebookError>,
    ) -> Result<T, CasebookError> {
        let done = self.write_checked(at, |writing, all| {
            let refused = match standing(all, by) {
                Ok(account) if account.role.may(act) => return change(writing, all).map(Ok),
                Ok(account) => {
                    AccountError::NotPermitted { who: by.name.clone(), role: account.role, act: act.words() }
                }
                Err(why) => why,
            };
            let body = serde_json::json!({ "act": act.words(), "why": refused.to_string() });
            let event = Event { operator: &by.name, kind: "refused", scan_id, body: &body };
            writing.event(&event).map_err(|e| writing.error(&e))?;
            Ok(Err(refused))
        })?;
        Ok(done?)
    }

    /// Lets `change` write with the accounts as they are under the lock.
    fn write_checked<T>(
        &mut self,
        at: Timestamp,
        change: impl FnOnce(&mut Writing<'_>, &Accounts) -> Result<T, CasebookError>,
    ) -> Result<T, CasebookError> {
        self.write(at, |writing| {
            let all = all(writing.connection).map_err(|e| writing.error(&e))?.map_err(|what| writing.corrupt(what))?;
            change(writing, &all)
        })
    }
}

/// Accounts by folded name.
pub(super) type Accounts = BTreeMap<String, Account>;

/// Reads the events themselves: an index can be bent so that it hides the event that disabled an account.
fn all(connection: &Connection) -> rusqlite::Result<Result<Accounts, String>> {
    let sql = "SELECT id, body FROM event NOT INDEXED WHERE kind IN (?1, ?2) ORDER BY id";
    let mut statement = connection.prepare_cached(sql)?;
    let mut rows = statement.query([ENROLLED, CHANGED])?;
    let mut all = Accounts::new();
    while let Some(row) = rows.next()? {
        let (id, body): (i64, String) = (row.get(0)?, row.get(1)?);
        match serde_json::from_str::<Account>(&body) {
            Ok(account) => drop(all.insert(folded(&account.account), account)),
            Err(e) => return Ok(Err(format!("event {id} about an account cannot be read ({e})"))),
        }
    }
    Ok(Ok(all))
}

fn accounts(connection: &Connection) -> rusqlite::Result<Result<Vec<Account>, String>> {
    Ok(all(connection)?.map(|all| all.into_values().collect()))
}

fn folded(name: &str) -> String {
    name.trim().to_lowercase()
}

/// The account of this name or badge.
pub(super) fn found<'a>(all: &'a Accounts, name: &str) -> Option<&'a Account> {
    let name = folded(name);
    all.get(&name).or_else(|| all.values().find(|a| a.badge.as_deref().is_some_and(|badge| folded(badge) == name)))
}

/// The account of an actor, if it can still do anything.
fn standing<'a>(all: &'a Accounts, by: &Actor) -> Result<&'a Account, AccountError> {
    all.get(&folded(&by.name)).filter(|a| a.active).ok_or_else(|| AccountError::Disabled(by.name.clone()))
}

fn checked_name(name: &str) -> Result<String, AccountError> {
    let name = name.trim();
    let fits = (1..=NAME_CHARS_MAX).contains(&name.chars().count());
    if !fits || !is_seen(name) || RESERVED.contains(&folded(name).as_str()) {
        return Err(AccountError::BadName(name.chars().filter(|c| !c.is_control()).take(NAME_CHARS_MAX).collect()));
    }
    Ok(name.to_owned())
}

/// Whether every sign is one that a reader sees: with invisible or direction-turning ones two people would look like one.
fn is_seen(name: &str) -> bool {
    let unquoted = || name.chars().filter(|c| !matches!(c, '\\' | '"' | '\''));
    // The standard library escapes what cannot be printed.
    unquoted().collect::<String>().escape_debug().eq(unquoted())
}

/// Checks what can be checked without the lock, and hashes, which takes time.
fn prepared(new: &NewAccount) -> Result<String, AccountError> {
    checked_name(&new.name)?;
    new.badge.as_deref().map(checked_name).transpose()?;
    new.secret.acceptable_for(new.role)?;
    new.secret.hash()
}

fn add_account(
    writing: &mut Writing<'_>,
    all: &Accounts,
    new: &NewAccount,
    hash: &str,
    by: &str,
) -> Result<(), CasebookError> {
    let mut account = Account {
        account: checked_name(&new.name)?,
        role: new.role,
        badge: new.badge.as_deref().map(checked_name).transpose()?,
        training_expires: new.training_expires,
        active: true,
        credential_sha256: String::new(),
    };
    for name in [Some(&account.account), account.badge.as_ref()].into_iter().flatten() {
        if found(all, name).is_some() {
            return Err(AccountError::Taken(name.clone()).into());
        }
    }
    write_account(writing, &mut account, Some(hash), ENROLLED, "enrolled", by)
}

/// Writes the event with the account's new state and, where there is one, the hash of the new secret.
fn write_account(
    writing: &mut Writing<'_>,
    account: &mut Account,
    hash: Option<&str>,
    kind: &str,
    what: &str,
    by: &str,
) -> Result<(), CasebookError> {
    if let Some(hash) = hash {
        account.credential_sha256 = hex(&Sha256::digest(hash));
        let sql = "INSERT INTO credential (account, phc) VALUES (?1, ?2) \
                   ON CONFLICT (account) DO UPDATE SET phc = excluded.phc";
        let done = writing.connection.execute(sql, params![folded(&account.account), hash]);
        done.map_err(|e| writing.error(&e))?;
    }
    let mut body = serde_json::to_value(&*account).map_err(|e| CasebookError::Unstorable(e.to_string()))?;
    if let Some(fields) = body.as_object_mut() {
        fields.insert("what".to_owned(), what.into());
    }
    let event = Event { operator: by, kind, scan_id: None, body: &body };
    writing.event(&event).map_err(|e| writing.error(&e))?;
    Ok(())
}
