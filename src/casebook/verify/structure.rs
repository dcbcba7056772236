//! What the database is made of against what the migrations make, and the indexes against their tables.
//!
//! Whoever can write the file can give an index a content that hides rows from every search, without touching a row.

use rusqlite::Connection;

use super::{FindingKind, Verification};
use crate::casebook::schema::{Definition, Stamp, definitions, definitions_of};

/// The start of a statement that reads these columns of a table past all indexes; a column that is gone reads as NULL,
/// which is no value that its rows had. `None` where the table, or the column of its numbers, the first one, is gone.
pub(super) fn source(connection: &Connection, table: &str, columns: &[&str]) -> rusqlite::Result<Option<String>> {
    let sql =
        "SELECT c.name FROM sqlite_schema AS t, pragma_table_info(t.name) AS c WHERE t.type = 'table' AND t.name = ?1";
    let there = connection
        .prepare_cached(sql)?
        .query_map([table], |row| row.get(0))?
        .collect::<rusqlite::Result<Vec<String>>>()?;
    let is_there = |column: &str| there.iter().any(|name| name == column);
    if !columns.first().is_some_and(|number| is_there(number)) {
        return Ok(None);
    }
    let read = |column: &&str| if is_there(column) { (*column).to_owned() } else { format!("NULL AS {column}") };
    Ok(Some(format!("SELECT {} FROM {table} NOT INDEXED", columns.iter().map(read).collect::<Vec<_>>().join(", "))))
}

/// Most rows that are named of one index.
const ROWS_MAX: i64 = 100;

pub(super) fn check(connection: &Connection, found: &mut Verification) -> rusqlite::Result<()> {
    let expected = definitions_of(Stamp::read(connection)?.version)?;
    let actual = definitions(connection)?;
    let of_same_name = |all: &[Definition], one: &Definition| -> Option<Definition> {
        all.iter().find(|d| d.kind == one.kind && d.name == one.name).cloned()
    };
    let mut intact = Vec::new();
    for definition in &expected {
        let named = format!("{} {}", definition.kind, definition.name);
        match of_same_name(&actual, definition) {
            None => found.add(&named, 0, FindingKind::Missing),
            Some(there) if there != *definition => found.add(&named, 0, FindingKind::Changed),
            Some(there) => intact.push(there),
        }
    }
    for definition in actual.iter().filter(|d| of_same_name(&expected, d).is_none()) {
        found.add(&format!("{} {}", definition.kind, definition.name), 0, FindingKind::Inserted);
    }
    // The rows of the other tables are read one by one by their numbers.
    let mut tables: Vec<&str> = intact.iter().filter(|d| d.kind == "index").map(|d| d.table.as_str()).collect();
    tables.sort_unstable();
    tables.dedup();
    for table in tables {
        let indexes: Vec<_> = intact.iter().filter(|d| d.kind == "index" && d.table == table).collect();
        check_indexes(connection, table, &indexes, found)?;
    }
    Ok(())
}

/// Has SQLite hold the indexes of a table against its rows, both ways.
fn check_indexes(
    connection: &Connection,
    table: &str,
    indexes: &[&Definition],
    found: &mut Verification,
) -> rusqlite::Result<()> {
    // The name is one of the migrations'.
    let mut statement = connection.prepare(&format!("PRAGMA integrity_check({table})"))?;
    let said = statement.query_map([], |row| row.get(0))?.collect::<rusqlite::Result<Vec<String>>>()?;
    if said.iter().all(|verdict| verdict == "ok") {
        return Ok(());
    }
    let mut is_named = false;
    for index in indexes {
        let is_meant =
            |verdict: &String| verdict.split(|c: char| c != '_' && !c.is_alphanumeric()).any(|w| w == index.name);
        if !said.iter().any(is_meant) {
            continue;
        }
        is_named = true;
        let named = format!("index {}", index.name);
        let hidden = hidden_rows(connection, index).unwrap_or_default();
        for row in &hidden {
            found.add(&named, *row, FindingKind::Missing);
        }
        if hidden.is_empty() {
            found.add(&named, 0, FindingKind::Changed);
        }
    }
    // A value that the table's own rules refuse is said of its row.
    if !is_named && found.findings.iter().all(|f| f.table != table) {
        found.add(&format!("table {table}"), 0, FindingKind::Changed);
    }
    Ok(())
}

/// Rows of the table that the index does not have.
fn hidden_rows(connection: &Connection, index: &Definition) -> rusqlite::Result<Vec<i64>> {
    let (table, name) = (&index.table, &index.name);
    let partial = index.sql.split_once(" WHERE ").map_or_else(String::new, |(_, of)| format!("WHERE {of}"));
    let sql = format!(
        "SELECT rowid FROM {table} NOT INDEXED {partial} EXCEPT SELECT rowid FROM {table} INDEXED BY {name} {partial} LIMIT {ROWS_MAX}"
    );
    connection.prepare(&sql)?.query_map([], |row| row.get(0))?.collect()
}
