//! The large parts of the scans against the digests that the scans hold.

use std::collections::HashMap;

use rusqlite::Connection;
use sha2::{Digest, Sha256};

use super::ledger_rows::{hash, integer, text};
use super::{FindingKind, Verification};
use crate::casebook::encode::{PARTS, part_id};
use crate::casebook::merkle::Hash;
use crate::casebook::payload::Codec;

/// Scans after which the caller is asked whether to go on.
const PROGRESS_EVERY: i64 = 64;

/// Checks every part; false when the caller wants no more.
pub(super) fn check(
    connection: &Connection,
    found: &mut Verification,
    progress: &mut dyn FnMut(f64) -> bool,
) -> rusqlite::Result<bool> {
    let digests: Vec<String> = PARTS.iter().map(|(name, _)| format!("{name}_sha256")).collect();
    let mut scans = connection.prepare(&format!("SELECT id, {} FROM scan ORDER BY id", digests.join(", ")))?;
    let mut parts = connection.prepare("SELECT scan_id, name, codec, bytes FROM part WHERE id = ?1")?;
    let count: i64 = connection.query_row("SELECT count(*) FROM scan", [], |r| r.get(0))?;
    let mut bad: Vec<(i64, Hash)> = Vec::new();
    let mut stated: HashMap<Hash, i64> = HashMap::new();
    let mut rows = scans.query([])?;
    let mut done = 0_i64;
    while let Some(row) = rows.next()? {
        let scan = integer(row, 0)?;
        for (index, (name, codec)) in PARTS.into_iter().enumerate() {
            let id = part_id(scan, index);
            let expected = hash(row, index + 1)?;
            let mut found_parts = parts.query([id])?;
            let Some(part) = found_parts.next()? else {
                found.add("part", id, FindingKind::Missing);
                continue;
            };
            let labelled = integer(part, 0)? == scan && text(part, 1)? == name && text(part, 2)? == codec.name();
            let bytes = part.get_ref(3)?.as_blob_or_null().ok().flatten().unwrap_or_default();
            found.parts += 1;
            found.part_bytes += bytes.len() as u64;
            let actual = digest(codec, bytes);
            if !labelled {
                found.add("part", id, FindingKind::Changed);
            } else if actual.is_none() || actual != expected {
                bad.push((id, actual.unwrap_or_default()));
                if let Some(expected) = expected {
                    stated.insert(expected, id);
                }
            }
            if found_parts.next()?.is_some() {
                found.add("part", id, FindingKind::Inserted);
            }
        }
        done += 1;
        if done % PROGRESS_EVERY == 0 && !progress(done as f64 / count.max(1) as f64) {
            return Ok(false);
        }
    }
    for (id, actual) in bad {
        // What another bad part should be, stands here: they changed places.
        let moved = stated.get(&actual).is_some_and(|other| *other != id);
        found.add("part", id, if moved { FindingKind::Reordered } else { FindingKind::Changed });
    }
    // The parts of a scan that is gone are said by the scan.
    let sql = "SELECT id FROM part WHERE typeof(id) <> 'integer' OR (id - 1) / ?1 + 1 NOT IN \
               (SELECT id FROM scan UNION SELECT row_id FROM ledger WHERE table_name = 'scan')";
    let mut strangers = connection.prepare(sql)?;
    let mut rows = strangers.query([PARTS.len() as i64])?;
    while let Some(row) = rows.next()? {
        found.add("part", integer(row, 0)?, FindingKind::Inserted);
    }
    Ok(true)
}

fn digest(codec: Codec, packed: &[u8]) -> Option<Hash> {
    codec.unpack(packed).ok().map(|plain| Sha256::digest(plain).into())
}
