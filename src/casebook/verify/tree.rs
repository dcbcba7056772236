//! The Merkle log against the signed checkpoints, inside the casebook and from elsewhere.

use std::collections::BTreeMap;

use rusqlite::Connection;

use super::keys::{Keys, opened};
use super::ledger_rows::{Leaves, LedgerRows, integer, text};
use super::structure::source;
use super::{FindingKind, Verification, VerifyOptions};
use crate::casebook::merkle::{Frontier, Hash};
use crate::casebook::note::Checkpoint;

/// A checkpoint that somebody signed for this log.
struct Signed {
    row: Option<i64>,
    size: u64,
    root: Hash,
    at: String,
}

pub(super) fn check(
    connection: &Connection,
    ledger: &LedgerRows,
    leaves: &Leaves,
    options: &VerifyOptions,
    found: &mut Verification,
) -> rusqlite::Result<()> {
    let keys = Keys::read(connection, ledger, options, found)?;
    let rows = stated_rows(connection)?;
    let mut wanted: Vec<u64> = rows.iter().filter_map(|row| row.stated.as_ref()).map(|stated| stated.size).collect();
    let outside: Vec<_> =
        options.outside.iter().map(|note| (keys.opened(note), Checkpoint::parse(note).ok())).collect();
    wanted.extend(outside.iter().flat_map(|(opened, said)| opened.iter().chain(said)).map(|stated| stated.size));
    let roots = roots(leaves, wanted);
    let fits = |s: &Checkpoint| roots.get(&s.size) == Some(&s.root);
    // Where the event that states the key is damaged, nobody can tell who signed; what fits the log is not accused.
    let untold = |s: &Checkpoint| keys.is_untold(s) && fits(s);
    // The newest checkpoint of a key that is signed and fits proves every row that it covers, so also the checkpoints
    // among them: where only the chain is asked for, the same key's own signatures there say nothing more.
    let mut proven: BTreeMap<String, u64> = BTreeMap::new();
    let mut signed = Vec::new();
    let (mut vouched, mut last) = (0, 0);
    for Row { id, at, size, note, stated } in rows.into_iter().rev() {
        let Some(stated) = stated.filter(|s| i64::try_from(s.size) == Ok(size)) else {
            found.add("checkpoint", id, FindingKind::Changed);
            continue;
        };
        if untold(&stated) {
            continue;
        }
        let key = keys.of(&stated);
        let is_proven = options.skip_parts && fits(&stated) && proven.get(&stated.origin) > Some(&stated.size);
        let Some(key) = key.filter(|key| is_proven || opened(&note, key).as_ref() == Some(&stated)) else {
            found.add("checkpoint", id, FindingKind::Changed);
            continue;
        };
        if fits(&stated) {
            last = last.max(stated.size);
            if keys.is_trusted(key) {
                vouched = vouched.max(stated.size);
            }
            let newest = proven.entry(stated.origin).or_default();
            *newest = stated.size.max(*newest);
        }
        signed.push(Signed { row: Some(id), size: stated.size, root: stated.root, at });
    }
    if keys.are_noted() && vouched < last {
        found.unvouched_after = Some(vouched);
    }
    signed.reverse();
    for (stated, said) in outside {
        if let Some(stated) = stated {
            signed.push(Signed { row: None, size: stated.size, root: stated.root, at: String::new() });
        } else if !said.as_ref().is_some_and(untold) {
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
    // Every transaction ends with a checkpoint: what follows the last one's own entry nobody signed.
    let is_told = |f: &super::Finding| f.table != "checkpoint" && f.table != "ledger";
    if leaves.whole && !keys.are_lost() && found.findings.iter().all(is_told) {
        let covered = found.complete_up_to.as_ref().map_or(0, |(size, _)| size.saturating_add(1));
        for entry in covered.saturating_add(1)..=leaves.hashes.len() as u64 {
            found.add("ledger", i64::try_from(entry).unwrap_or(i64::MAX), FindingKind::Inserted);
        }
    }
    Ok(())
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
    let mut all = Vec::new();
    let Some(source) = source(connection, "checkpoint", &["id", "at", "size", "note"])? else { return Ok(all) };
    let mut statement = connection.prepare(&format!("{source} ORDER BY id, rowid"))?;
    let mut rows = statement.query([])?;
    while let Some(row) = rows.next()? {
        let (id, at, size, note) = (integer(row, 0)?, text(row, 1)?, integer(row, 2)?, text(row, 3)?);
        let stated = Checkpoint::parse(&note).ok();
        all.push(Row { id, at, size, note, stated });
    }
    Ok(all)
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
