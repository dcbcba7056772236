//! The files that events name against their digests.

use std::path::Path;

use rusqlite::Connection;

use super::structure::source;
use super::{FindingKind, Verification};
use crate::casebook::acts::{Statement, digest_of, files_folder};

/// Checks every file that an event names. A finding's row is the number of the event.
pub(super) fn check(connection: &Connection, casebook: &Path, found: &mut Verification) -> rusqlite::Result<()> {
    let folder = files_folder(casebook);
    // An index can be bent so that it hides a row: none is asked.
    let Some(source) = source(connection, "event", &["id", "kind", "body"])? else { return Ok(()) };
    let mut events = connection.prepare(&format!("{source} WHERE kind = 'file' ORDER BY id"))?;
    let mut rows = events.query([])?;
    while let Some(row) = rows.next()? {
        // A row that cannot be read is named by the check of the events.
        let (Ok(id), Ok(body)) = (row.get::<_, i64>(0), row.get::<_, String>(2)) else { continue };
        let Ok(Statement::File { sha256, .. }) = serde_json::from_str(&body) else { continue };
        if sha256.len() != 64 || !sha256.bytes().all(|b| b.is_ascii_hexdigit()) {
            continue;
        }
        found.files += 1;
        match digest_of(&folder.join(&sha256)) {
            Ok(digest) if digest == sha256 => {}
            Ok(_) => found.add("file", id, FindingKind::Changed),
            Err(_) => found.add("file", id, FindingKind::Missing),
        }
    }
    Ok(())
}
