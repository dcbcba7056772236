//! The Merkle log against the signed checkpoints, inside the casebook and from elsewhere.

use std::collections::BTreeMap;

use rusqlite::Connection;

use super::ledger_rows::{Leaves, integer, text};
use super::{FindingKind, Verification, VerifyOptions};
use crate::casebook::merkle::{Frontier, Hash};
use crate::casebook::note::{Checkpoint, NoteVerifier};

/// A checkpoint that somebody signed for this log.
struct Signed {
    row: Option<i64>,
    size: u64,
    root: Hash,
    at: String,
}

pub(super) fn check(
    connection: &Connection,
    leaves: &Leaves,
    options: &VerifyOptions,
    found: &mut Verification,
) -> rusqlite::Result<()> {
    let keys = keys(connection, options, found)?;
    let rows = stated_rows(connection)?;
    let mut wanted: Vec<u64> = rows.iter().filter_map(|row| row.stated.as_ref()).map(|stated| stated.size).collect();
    let outside: Vec<_> = options.outside.iter().map(|note| opened(note, &keys)).collect();
    wanted.extend(outside.iter().flatten().map(|stated| stated.size));
    let roots = roots(leaves, wanted);
    // The newest checkpoint that is signed and fits proves every row that it covers, so also the checkpoints among them:
    // where only the chain is asked for, their own signatures say nothing more.
    let mut proven = None;
    let mut signed = Vec::new();
    for Row { id, at, size, note, stated } in rows.into_iter().rev() {
        let fits = |s: &Checkpoint| {
            i64::try_from(s.size) == Ok(size)
                && roots.get(&s.size) == Some(&s.root)
                && keys.iter().any(|key| s.origin == key.name())
        };
        let fitting = stated.filter(fits);
        let is_proven = options.skip_parts && fitting.as_ref().is_some_and(|s| Some(s.size) < proven);
        let stated = if is_proven { fitting.clone() } else { opened(&note, &keys) };
        match stated {
            Some(stated) if i64::try_from(stated.size) == Ok(size) => {
                if fitting.is_some() {
                    proven = proven.max(Some(stated.size));
                }
                signed.push(Signed { row: Some(id), size: stated.size, root: stated.root, at });
            }
            _ => found.add("checkpoint", id, FindingKind::Changed),
        }
    }
    signed.reverse();
    for stated in outside {
        if let Some(stated) = stated {
            signed.push(Signed { row: None, size: stated.size, root: stated.root, at: String::new() });
        } else {
            // Not signed with this casebook's key: this is not the log that the checkpoint is of.
            found.add("checkpoint", 0, FindingKind::Forked);
        }
    }
    let fits = |s: &Signed| roots.get(&s.size).map(|root| *root == s.root);
    // From the first checkpoint on that does not fit, is there a later one that does? Then it came from elsewhere.
    let last_fitting = signed.iter().filter(|s| s.row.is_some() && fits(s) == Some(true)).map(|s| s.size).max();
    for checkpoint in &signed {
        match (fits(checkpoint), checkpoint.row) {
            (Some(true), Some(_)) => {
                if Some(checkpoint.size) == last_fitting {
                    found.complete_up_to = Some((checkpoint.size, checkpoint.at.clone()));
                }
            }
            (Some(true), None) => found.proven_up_to = found.proven_up_to.max(Some(checkpoint.size)),
            (Some(false), Some(row)) => {
                let elsewhere = last_fitting.is_some_and(|last| checkpoint.size <= last);
                if elsewhere {
                    found.add("checkpoint", row, FindingKind::Forked);
                } else {
                    // Entries and leaves agree with each other and not with what was signed.
                    found.add("ledger", i64::try_from(checkpoint.size).unwrap_or(i64::MAX), FindingKind::Changed);
                }
            }
            (Some(false), None) => found.add("checkpoint", 0, FindingKind::Forked),
            // More entries were signed than there are. Inside a damaged ledger that is said already.
            (None, row) if leaves.whole => {
                let first = i64::try_from(leaves.hashes.len()).unwrap_or(i64::MAX).saturating_add(1);
                match row {
                    Some(row) => found.add("checkpoint", row, FindingKind::Forked),
                    None => found.add("ledger", first, FindingKind::Missing),
                }
            }
            (None, _) => {}
        }
    }
    Ok(())
}

/// The keys that may have signed: the one from elsewhere, or those that the log itself states.
fn keys(
    connection: &Connection,
    options: &VerifyOptions,
    found: &mut Verification,
) -> rusqlite::Result<Vec<NoteVerifier>> {
    let mut statement =
        connection.prepare("SELECT kind, body FROM event WHERE kind IN ('founded', 'key-replaced') ORDER BY id")?;
    let mut rows = statement.query([])?;
    let mut stated = Vec::new();
    while let Some(row) = rows.next()? {
        let body: Option<serde_json::Value> = serde_json::from_str(&text(row, 1)?).ok();
        let key = body.as_ref().and_then(|b| b.get("verifier")).and_then(|v| v.as_str());
        if let Some(key) = key.and_then(|k| NoteVerifier::parse(k).ok()) {
            stated.push(key);
        }
        if text(row, 0)? == "key-replaced" {
            found.keys_replaced += 1;
        }
    }
    let Some(trusted) = options.trusted_key.as_deref() else { return Ok(stated) };
    found.key_trusted = true;
    Ok(NoteVerifier::parse(trusted).into_iter().collect())
}

/// A row of the table `checkpoint`, with what its note says, whoever signed it.
struct Row {
    id: i64,
    at: String,
    size: i64,
    note: String,
    stated: Option<Checkpoint>,
}

fn stated_rows(connection: &Connection) -> rusqlite::Result<Vec<Row>> {
    let mut statement = connection.prepare("SELECT id, at, size, note FROM checkpoint ORDER BY id, rowid")?;
    let mut rows = statement.query([])?;
    let mut all = Vec::new();
    while let Some(row) = rows.next()? {
        let (id, at, size, note) = (integer(row, 0)?, text(row, 1)?, integer(row, 2)?, text(row, 3)?);
        let stated = Checkpoint::parse(&note).ok();
        all.push(Row { id, at, size, note, stated });
    }
    Ok(all)
}

fn opened(note: &str, keys: &[NoteVerifier]) -> Option<Checkpoint> {
    keys.iter().find_map(|key| {
        let stated = Checkpoint::parse(key.open(note).ok()?).ok()?;
        (stated.origin == key.name()).then_some(stated)
    })
}

/// The roots at the sizes that somebody states.
fn roots(leaves: &Leaves, mut wanted: Vec<u64>) -> BTreeMap<u64, Hash> {
    wanted.sort_unstable();
    wanted.dedup();
    let mut wanted = wanted.into_iter().peekable();
    let mut frontier = Frontier::default();
    let mut roots = BTreeMap::new();
    let mut rest = leaves.hashes.iter();
    loop {
        if wanted.next_if_eq(&frontier.size()).is_some() {
            roots.insert(frontier.size(), frontier.root());
        }
        let Some(leaf) = rest.next() else { return roots };
        frontier.push(*leaf);
    }
}
