//! The database of a pack: written whole, read with bounds.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;

use rusqlite::{Connection, OpenFlags, OptionalExtension, Row, params};
use serde::de::DeserializeOwned;

use super::content::PackContent;
use super::error::PackError;
use crate::library::{Library, MeasuredArray, Reference, Substance};

const SCHEMA: &str = include_str!("schema.sql");
/// Most rows of one table.
const ROWS_MAX: i64 = 1_000_000;
/// Longest text or array of one row, bytes.
const CELL_BYTES_MAX: i64 = 4 << 20;
/// Longest document, bytes.
const DOCUMENT_BYTES_MAX: i64 = 32 << 20;

/// Writes a new database at `path`, which must not exist.
pub(super) fn write(path: &Path, content: &PackContent) -> Result<(), PackError> {
    let failed = PackError::database(path);
    let mut db = Connection::open(path).map_err(&failed)?;
    // Nobody reads the file before it is whole and synced; a journal would be a second file.
    db.execute_batch(
        "PRAGMA page_size=4096; PRAGMA journal_mode=OFF; PRAGMA synchronous=OFF; PRAGMA encoding='UTF-8';",
    )
    .map_err(&failed)?;
    db.execute_batch(SCHEMA).map_err(&failed)?;
    let transaction = db.transaction().map_err(&failed)?;
    fill(&transaction, content).map_err(|e| match e {
        Fill::Database(e) => failed(e),
        Fill::Text(e) => PackError::content(path, format!("it cannot be written as text ({e})")),
    })?;
    transaction.commit().map_err(&failed)?;
    db.close().map_err(|(_, e)| failed(e))
}

enum Fill {
    Database(rusqlite::Error),
    Text(serde_json::Error),
}

impl From<rusqlite::Error> for Fill {
    fn from(e: rusqlite::Error) -> Self {
        Self::Database(e)
    }
}

impl From<serde_json::Error> for Fill {
    fn from(e: serde_json::Error) -> Self {
        Self::Text(e)
    }
}

fn fill(db: &Connection, content: &PackContent) -> Result<(), Fill> {
    let library = &content.library;
    let mut manifest = db.prepare("INSERT INTO manifest VALUES (?1, ?2)")?;
    for (key, value) in [
        ("format", "1".to_owned()),
        ("name", library.identity.name.clone()),
        ("version", library.identity.version.clone()),
        ("sha256", library.identity.sha256.clone()),
        ("made_at", content.made_at.to_string()),
        ("approvals", serde_json::to_string(&content.approvals)?),
    ] {
        manifest.execute([key, &value])?;
    }
    let mut group = db.prepare("INSERT INTO groups VALUES (?1, ?2)")?;
    for (i, g) in library.groups.iter().enumerate() {
        group.execute(params![i as i64, serde_json::to_string(g)?])?;
    }
    let mut source = db.prepare("INSERT INTO source VALUES (?1, ?2)")?;
    for (i, s) in library.sources.iter().enumerate() {
        source.execute(params![i as i64, serde_json::to_string(s)?])?;
    }
    let mut substance = db.prepare("INSERT INTO substance VALUES (?1, ?2, ?3, ?4, ?5, ?6)")?;
    for (i, s) in library.substances.iter().enumerate() {
        let member = format!(" {} ", s.groups.join(" "));
        substance.execute(params![i as i64, s.key, words(s), member, s.listed, serde_json::to_string(s)?])?;
    }
    let mut reference = db.prepare("INSERT INTO reference VALUES (?1, ?2, ?3, ?4, ?5, ?6)")?;
    for (i, r) in library.references.iter().enumerate() {
        let measured = r.measured.as_ref();
        reference.execute(params![
            i as i64,
            r.substance as i64,
            serde_json::to_string(r)?,
            measured.map(|m| m.spectrum().axis_cm1().len() as i64),
            measured.and_then(|m| m.spectrum().resolution_cm1()),
            measured.map(|m| m.to_bytes()),
        ])?;
    }
    let mut document = db.prepare("INSERT INTO document VALUES (?1, ?2)")?;
    for (name, text) in &content.documents {
        document.execute([name, text])?;
    }
    Ok(())
}

/// Everything that a substance may be looked for by, in lower case.
fn words(s: &Substance) -> String {
    let names = [&s.key, &s.name].into_iter().chain(&s.synonyms).chain(&s.cas).chain(&s.related_cas);
    let all: Vec<String> = names.chain(s.related.iter().map(|r| &r.name)).map(|w| w.to_lowercase()).collect();
    all.join("\n")
}

/// Opens a database for reading and holds its schema against ours, so that nothing in the file can run.
pub(super) fn open(path: &Path) -> Result<Connection, PackError> {
    let failed = PackError::database(path);
    let mut uri = String::from("file:");
    for byte in path.as_os_str().as_encoded_bytes() {
        match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'/' | b'.' | b'-' | b'_' => uri.push(char::from(*byte)),
            other => {
                uri.push('%');
                for nibble in [other >> 4, other & 15] {
                    uri.extend(char::from_digit(u32::from(nibble), 16));
                }
            }
        }
    }
    // Immutable: no journal is looked for beside the file, no lock is taken.
    uri.push_str("?immutable=1");
    let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_URI | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let db = Connection::open_with_flags(uri, flags).map_err(&failed)?;
    db.execute_batch("PRAGMA trusted_schema=OFF; PRAGMA query_only=ON; PRAGMA cell_size_check=ON;").map_err(&failed)?;
    let found: Vec<String> = db
        .prepare("SELECT sql FROM sqlite_schema WHERE sql IS NOT NULL")
        .and_then(|mut s| s.query_map([], |row| row.get(0))?.take(20).collect())
        .map_err(&failed)?;
    let ours: Vec<&str> = SCHEMA.lines().map(|l| l.trim_end_matches(';')).filter(|l| !l.is_empty()).collect();
    if found != ours {
        return Err(PackError::content(path, "its tables are not those of a pack of this version"));
    }
    for (table, column, most) in [
        ("manifest", "value", DOCUMENT_BYTES_MAX),
        ("groups", "content", CELL_BYTES_MAX),
        ("source", "content", CELL_BYTES_MAX),
        ("document", "content", DOCUMENT_BYTES_MAX),
    ] {
        let sql = format!("SELECT count(*), coalesce(max(length(CAST({column} AS BLOB))), 0) FROM {table}");
        let (rows, longest): (i64, i64) =
            db.query_row(&sql, [], |row| Ok((row.get(0)?, row.get(1)?))).map_err(&failed)?;
        if rows > 10_000 || longest > most {
            return Err(PackError::content(path, format!("its table {table} is out of reason")));
        }
    }
    Ok(db)
}

/// One value of the manifest.
pub(super) fn manifest(db: &Connection, path: &Path, key: &str) -> Result<String, PackError> {
    db.query_row("SELECT value FROM manifest WHERE key = ?1", [key], |row| row.get(0))
        .optional()
        .map_err(PackError::database(path))?
        .ok_or_else(|| PackError::content(path, format!("its manifest has no `{key}`")))
}

/// Reads everything and checks every rule of a library; the digest is computed anew.
pub(super) fn read(db: &Connection, path: &Path) -> Result<PackContent, PackError> {
    let failed = PackError::database(path);
    if manifest(db, path, "format")? != "1" {
        return Err(PackError::content(path, "it is of a later format"));
    }
    let made_at = manifest(db, path, "made_at")?;
    let made_at = made_at.parse().map_err(|_| PackError::content(path, "its manifest has no time"))?;
    let approvals = json(path, &manifest(db, path, "approvals")?)?;
    let groups = all(db, path, "groups")?;
    let sources = all(db, path, "source")?;
    let substances = all(db, path, "substance")?;
    let mut references = Vec::new();
    let mut statement = db
        .prepare("SELECT substance, content, points, resolution, measured FROM reference ORDER BY position")
        .map_err(&failed)?;
    let mut rows = statement.query([]).map_err(&failed)?;
    while let Some(row) = rows.next().map_err(&failed)? {
        if references.len() as i64 >= ROWS_MAX {
            return Err(PackError::content(path, "it has more than a million references"));
        }
        references.push(reference(row, path)?);
    }
    let documents: BTreeMap<String, String> = db
        .prepare("SELECT name, content FROM document")
        .and_then(|mut s| s.query_map([], |row| Ok((row.get(0)?, row.get(1)?)))?.collect())
        .map_err(&failed)?;
    let (name, version) = (manifest(db, path, "name")?, manifest(db, path, "version")?);
    let library = Library::from_parts(&name, &version, groups, sources, substances, references)?;
    if library.identity.sha256 != manifest(db, path, "sha256")? {
        return Err(PackError::content(path, "its content does not have the digest that its manifest states"));
    }
    Ok(PackContent { library, made_at, approvals, documents })
}

fn json<T: DeserializeOwned>(path: &Path, text: &str) -> Result<T, PackError> {
    if text.len() as i64 > DOCUMENT_BYTES_MAX {
        return Err(PackError::content(path, "a text in it is too long"));
    }
    serde_json::from_str(text).map_err(|e| PackError::content(path, format!("a part cannot be read: {e}")))
}

fn all<T: DeserializeOwned>(db: &Connection, path: &Path, table: &str) -> Result<Vec<T>, PackError> {
    let failed = PackError::database(path);
    let mut statement = db.prepare(&format!("SELECT content FROM {table} ORDER BY position")).map_err(&failed)?;
    let mut rows = statement.query([]).map_err(&failed)?;
    let mut out = Vec::new();
    while let Some(row) = rows.next().map_err(&failed)? {
        let text = row.get_ref(0).ok().and_then(|v| v.as_str().ok());
        let text = text.ok_or_else(|| PackError::content(path, format!("a row of {table} is no text")))?;
        if out.len() as i64 >= ROWS_MAX || text.len() as i64 > CELL_BYTES_MAX {
            return Err(PackError::content(path, format!("its table {table} is out of reason")));
        }
        out.push(json(path, text)?);
    }
    Ok(out)
}

fn reference(row: &Row<'_>, path: &Path) -> Result<Reference, PackError> {
    let failed = PackError::database(path);
    let bad = || PackError::content(path, "a measured array is none");
    let content = row.get_ref(1).ok().and_then(|v| v.as_str().ok()).ok_or_else(bad)?;
    let mut reference: Reference = json(path, content)?;
    let substance: i64 = row.get(0).map_err(&failed)?;
    if usize::try_from(substance).ok() != Some(reference.substance) {
        return Err(PackError::content(path, "a reference names two substances"));
    }
    let points: Option<i64> = row.get(2).map_err(&failed)?;
    if let Some(points) = points {
        let bytes = row.get_ref(4).ok().and_then(|v| v.as_blob().ok()).ok_or_else(bad)?;
        if bytes.len() as i64 > CELL_BYTES_MAX {
            return Err(bad());
        }
        let resolution: Option<f64> = row.get(3).map_err(&failed)?;
        let points = usize::try_from(points).map_err(|_| bad())?;
        let array = MeasuredArray::from_bytes(reference.technique, points, bytes, resolution.unwrap_or(0.0));
        let array = array.ok_or_else(bad)?.map_err(|e| PackError::content(path, format!("a measured array: {e}")))?;
        reference.measured = Some(Arc::new(array));
    }
    Ok(reference)
}

/// A substance in a list, without reading the library.
#[derive(Clone, Debug, PartialEq)]
pub struct ListedSubstance {
    /// The substance.
    pub substance: Substance,
    /// How many references it has.
    pub references: u64,
}

/// What [`super::Pack::find`] looks for; empty parts ask nothing.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Filter {
    /// Part of a name, synonym, key or CAS number.
    pub text: String,
    /// Key of a group.
    pub group: Option<String>,
    /// Only what is on a watch list.
    pub listed: bool,
    /// Most rows.
    pub most: u32,
}

impl Filter {
    /// True for what [`super::Pack::find`] gives, whatever the most.
    pub fn fits(&self, substance: &Substance) -> bool {
        words(substance).contains(&self.text.trim().to_lowercase())
            && self.group.as_ref().is_none_or(|g| substance.groups.contains(g))
            && (substance.listed || !self.listed)
    }
}

pub(super) fn find(db: &Connection, path: &Path, filter: &Filter) -> Result<Vec<ListedSubstance>, PackError> {
    let failed = PackError::database(path);
    let sql = "SELECT content, (SELECT count(*) FROM reference WHERE substance = s.position) FROM substance s \
               WHERE instr(words, ?1) > 0 AND (?2 IS NULL OR instr(member, ?2) > 0) AND listed >= ?3 \
               ORDER BY position LIMIT ?4";
    let group = filter.group.as_ref().map(|g| format!(" {g} "));
    let mut statement = db.prepare(sql).map_err(&failed)?;
    let mut rows = statement
        .query(params![filter.text.trim().to_lowercase(), group, filter.listed, filter.most])
        .map_err(&failed)?;
    let mut out = Vec::new();
    while let Some(row) = rows.next().map_err(&failed)? {
        let text: String = row.get(0).map_err(&failed)?;
        let references: i64 = row.get(1).map_err(&failed)?;
        out.push(ListedSubstance { substance: json(path, &text)?, references: references.unsigned_abs() });
    }
    Ok(out)
}
