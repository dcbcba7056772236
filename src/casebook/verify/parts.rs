//! The large parts of the scans against the digests that the scans hold.

use std::collections::HashMap;

use rusqlite::Connection;
use sha2::{Digest, Sha256};

use super::ledger_rows::{hash, integer, text};
use super::structure::source;
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
    let digests: Vec<&str> = digests.iter().map(String::as_str).collect();
    // Of tables that are gone the rows are named where something says that they were there.
    let part_source = source(connection, "part", &["id", "scan_id", "name", "codec", "bytes"])?;
    let Some(scan_source) = source(connection, "scan", &[&["id"], digests.as_slice()].concat())? else {
        return Ok(true);
    };
    let mut scans = connection.prepare(&format!("{scan_source} ORDER BY id"))?;
    let mut parts = part_source.as_ref().map(|sql| connection.prepare(&format!("{sql} WHERE id = ?1"))).transpose()?;
    let count: i64 = connection.query_row("SELECT count(*) FROM scan NOT INDEXED", [], |r| r.get(0))?;
    let bent: HashMap<i64, FindingKind> =
        found.findings.iter().filter(|f| f.table == "scan").map(|f| (f.row, f.kind)).collect();
    let mut bad: Vec<(i64, Hash)> = Vec::new();
    let mut elsewhere: Vec<(i64, Label)> = Vec::new();
    let mut stated: HashMap<Hash, i64> = HashMap::new();
    let mut rows = scans.query([])?;
    let mut done = 0_i64;
    while let Some(row) = rows.next()? {
        let scan = integer(row, 0)?;
        // A scan that was put in has no parts, and one that was bent states digests that prove nothing of its parts.
        let said = bent.get(&scan);
        if said == Some(&FindingKind::Inserted) {
            continue;
        }
        let proves = said.is_none();
        for (index, (name, codec)) in PARTS.into_iter().enumerate() {
            let id = part_id(scan, index);
            let expected = hash(row, index + 1)?;
            let Some(parts) = parts.as_mut() else {
                found.add("part", id, FindingKind::Missing);
                continue;
            };
            let mut found_parts = parts.query([id])?;
            let Some(part) = found_parts.next()? else {
                found.add("part", id, FindingKind::Missing);
                continue;
            };
            let label = Label { scan: integer(part, 1)?, name: text(part, 2)?, codec: text(part, 3)?, digest: None };
            let labelled = label.scan == scan && label.name == name && label.codec == codec.name();
            let bytes = part.get_ref(4)?.as_blob_or_null().ok().flatten().unwrap_or_default();
            found.parts += 1;
            found.part_bytes += bytes.len() as u64;
            let actual = digest(codec, bytes);
            if !labelled {
                let digest = label.codec().and_then(|codec| digest(codec, bytes));
                elsewhere.push((id, Label { digest, ..label }));
            } else if proves && (actual.is_none() || actual != expected) {
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
    for (id, label) in elsewhere {
        let moved = label.is_stated_elsewhere(connection, id)?;
        found.add("part", id, if moved { FindingKind::Reordered } else { FindingKind::Changed });
    }
    // The parts of a scan that is gone are said by the scan.
    if part_source.is_none() {
        return Ok(true);
    }
    let entries = source(connection, "ledger", &["table_name", "row_id"])?
        .map_or_else(String::new, |sql| format!("UNION SELECT row_id FROM ({sql}) WHERE table_name = 'scan'"));
    let sql = format!(
        "SELECT id FROM part NOT INDEXED WHERE typeof(id) <> 'integer' OR (id - 1) / ?1 + 1 NOT IN \
         (SELECT id FROM scan NOT INDEXED {entries})"
    );
    let mut strangers = connection.prepare(&sql)?;
    let mut rows = strangers.query([PARTS.len() as i64])?;
    while let Some(row) = rows.next()? {
        found.add("part", integer(row, 0)?, FindingKind::Inserted);
    }
    Ok(true)
}

/// Which part a row says that it is, where that is not the one of its number.
struct Label {
    scan: i64,
    name: String,
    codec: String,
    digest: Option<Hash>,
}

impl Label {
    /// Place among the parts of a scan, and the codec, where there is such a part.
    fn place(&self) -> Option<(usize, Codec)> {
        let (index, (_, codec)) = PARTS.into_iter().enumerate().find(|(_, (name, _))| *name == self.name)?;
        (codec.name() == self.codec).then_some((index, codec))
    }

    fn codec(&self) -> Option<Codec> {
        self.place().map(|(_, codec)| codec)
    }

    /// Whether the row is whole and stands in the place of another one.
    fn is_stated_elsewhere(&self, connection: &Connection, id: i64) -> rusqlite::Result<bool> {
        let Some((index, _)) = self.place().filter(|(index, _)| part_id(self.scan, *index) != id) else {
            return Ok(false);
        };
        let Some((name, _)) = PARTS.get(index) else { return Ok(false) };
        let mut statement = connection.prepare(&format!("SELECT {name}_sha256 FROM scan NOT INDEXED WHERE id = ?1"))?;
        let mut rows = statement.query([self.scan])?;
        let stated = rows.next()?.map(|row| hash(row, 0)).transpose()?.flatten();
        Ok(stated.is_some() && stated == self.digest)
    }
}

fn digest(codec: Codec, packed: &[u8]) -> Option<Hash> {
    codec.unpack(packed).ok().map(|plain| Sha256::digest(plain).into())
}
