//! Signing in, and waiting after wrong secrets.

use jiff::Timestamp;
use rusqlite::{Connection, OptionalExtension};
use sha2::{Digest, Sha256};

use super::lockout::{self, Uptime};
use super::{Account, AccountError, Actor, CHANGED, Secret, found};
use crate::casebook::ledger::hex;
use crate::casebook::{Casebook, CasebookError, Event};

/// Kind of the event of somebody who signed in.
const SIGNED_IN: &str = "signed-in";
/// Kind of the event of a wrong secret.
const FAILED: &str = "sign-in-failed";
/// Who a wrong name is recorded as: what was typed there may have been a passphrase.
const NOBODY: &str = "unknown";

impl Casebook {
    /// Signs an account in by its name or badge. Success and failure are recorded before the answer is given, under one
    /// lock, so that nobody gains tries by killing the program or by starting it many times.
    pub fn sign_in(
        &mut self,
        at: Timestamp,
        uptime: &Uptime,
        name: &str,
        secret: &Secret,
    ) -> Result<Actor, CasebookError> {
        self.write_checked(at, |writing, all| {
            let account = found(all, name);
            let who = account.map_or(NOBODY, |account| account.account.as_str());
            let wait = waiting(writing.connection, who, uptime).map_err(|e| writing.error(&e))?;
            if !wait.is_zero() {
                return Ok(Err(AccountError::LockedOut { seconds: wait.as_secs().max(1) }));
            }
            let outcome = match account {
                None => {
                    // As long as for an account that exists.
                    let _ = secret.hash();
                    Err(AccountError::WrongSecret)
                }
                Some(account) => {
                    let known = credential(writing.connection, account).map_err(|e| writing.error(&e))?;
                    match known {
                        None => Err(AccountError::CredentialExchanged(account.account.clone())),
                        Some(known) if !secret.fits(&known) => Err(AccountError::WrongSecret),
                        Some(_) if !account.active => Err(AccountError::Disabled(account.account.clone())),
                        Some(_) => Ok(Actor {
                            name: account.account.clone(),
                            role: account.role,
                            training_expires: account.training_expires,
                        }),
                    }
                }
            };
            let (kind, body) = match &outcome {
                Ok(actor) => (SIGNED_IN, serde_json::json!({ "role": actor.role })),
                Err(why) => (FAILED, serde_json::json!({ "uptime": uptime, "why": why.to_string() })),
            };
            let event = Event { operator: who, kind, scan_id: None, body: &body };
            writing.event(&event).map_err(|e| writing.error(&e))?;
            Ok(outcome)
        })?
        .map_err(CasebookError::from)
    }

    /// Records that somebody signed out or was locked out by idleness.
    pub fn sign_out(&mut self, at: Timestamp, actor: &Actor, why: &str) -> Result<(), CasebookError> {
        let body = serde_json::json!({ "why": why });
        self.append_event(at, &Event { operator: actor.name(), kind: "signed-out", scan_id: None, body: &body })?;
        Ok(())
    }
}

/// The hash of the account's secret, where it is the one that the chain states.
pub(super) fn credential(connection: &Connection, account: &Account) -> rusqlite::Result<Option<String>> {
    let sql = "SELECT phc FROM credential WHERE account = ?1";
    let stored: Option<String> =
        connection.query_row(sql, [super::folded(&account.account)], |row| row.get(0)).optional()?;
    Ok(stored.filter(|phc| hex(&Sha256::digest(phc)) == account.credential_sha256))
}

/// Past the indexes, which can be bent so that they hide an event: what is left of the wait after the wrong secrets since the last right one, or since an administrator set a new one.
fn waiting(connection: &Connection, who: &str, now: &Uptime) -> rusqlite::Result<std::time::Duration> {
    let number = |sql: &str, kind: &str| -> rusqlite::Result<i64> {
        connection.prepare_cached(sql)?.query_row([kind, who], |row| row.get(0))
    };
    let right =
        number("SELECT coalesce(max(id), 0) FROM event NOT INDEXED WHERE kind = ?1 AND operator = ?2", SIGNED_IN)?;
    let reset = number(
        "SELECT coalesce(max(id), 0) FROM event NOT INDEXED \
         WHERE kind = ?1 AND body ->> 'account' = ?2 AND body ->> 'what' = 'secret'",
        CHANGED,
    )?;
    let sql = "SELECT count(*), max(id) FROM event NOT INDEXED WHERE kind = ?1 AND operator = ?2 AND id > ?3";
    let (failures, last): (u32, Option<i64>) = connection
        .prepare_cached(sql)?
        .query_row(rusqlite::params![FAILED, who, right.max(reset)], |row| Ok((row.get(0)?, row.get(1)?)))?;
    let Some(last) = last else { return Ok(std::time::Duration::ZERO) };
    let body: String = connection.query_row("SELECT body FROM event WHERE id = ?1", [last], |row| row.get(0))?;
    let failed = serde_json::from_str::<serde_json::Value>(&body)
        .ok()
        .and_then(|body| serde_json::from_value::<Uptime>(body.get("uptime")?.clone()).ok())
        // Where the time of the failure cannot be read the whole wait begins now.
        .unwrap_or_else(|| now.clone());
    Ok(lockout::left(failures, &failed, now))
}
