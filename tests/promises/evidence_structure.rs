//! What the database is made of is held against what the program makes: indexes that lie, tables and triggers that are
//! gone, and a casebook that was emptied.

use std::collections::BTreeSet;
use std::path::Path;

use parcelscope::casebook::{AccountChange, AccountError, Casebook, Finding, FindingKind, Secret};
use rusqlite::Connection;

use super::accounts::{SECRET, at, staffed, up};
use super::evidence::{bend, evidence, found, in_table, names};
use FindingKind::{Changed, Inserted, Missing};

fn finding(table: &str, row: i64, kind: FindingKind) -> Finding {
    Finding { table: table.to_owned(), row, kind }
}

/// Takes a row out of an index, and leaves the index with the text that it had.
fn hide(path: &Path, index: &str, row: i64) {
    let set = |from: &str, to: &str| {
        let attacker = Connection::open(path).unwrap();
        let version: i64 = attacker.pragma_query_value(None, "schema_version", |row| row.get(0)).unwrap();
        attacker.execute_batch("PRAGMA writable_schema = 1").unwrap();
        let changed =
            attacker.execute("UPDATE sqlite_schema SET sql = ?1 WHERE name = ?2 AND sql = ?3", (to, index, from));
        assert_eq!(changed.unwrap(), 1);
        attacker.execute_batch(&format!("PRAGMA schema_version = {}", version + 1)).unwrap();
    };
    let sql = format!("SELECT sql FROM sqlite_schema WHERE name = '{index}'");
    let own = names(&Connection::open(path).unwrap(), &sql).remove(0);
    let lying = format!("{own} {} id <> {row}", if own.contains(" WHERE ") { "AND" } else { "WHERE" });
    set(&own, &lying);
    Connection::open(path).unwrap().execute_batch(&format!("REINDEX {index}")).unwrap();
    set(&lying, &own);
}

#[test]
fn an_index_that_hides_a_row_is_named_with_the_row() {
    for index in
        ["scan_by_time", "scan_by_parcel", "scan_by_level", "scan_by_operator", "event_by_scan", "event_by_kind"]
    {
        let (dir, path) = evidence(3);
        let copy = dir.path().join("bent.sqlite3");
        bend(&path, &copy, "");
        hide(&copy, index, 2);
        assert_eq!(found(&copy).findings, [finding(&format!("index {index}"), 2, Missing)], "{index}");
    }
}

#[test]
fn an_index_or_trigger_that_is_gone_other_or_more_is_named() {
    let cases = [
        ("DROP INDEX event_by_kind", "index event_by_kind", Missing),
        (
            "DROP INDEX event_by_kind; CREATE INDEX event_by_kind ON event (kind, operator, id) WHERE id <> 2",
            "index event_by_kind",
            Changed,
        ),
        ("CREATE INDEX more ON event (kind, id) WHERE id <> 2", "index more", Inserted),
        ("CREATE VIEW more AS SELECT 1", "view more", Inserted),
        ("CREATE TRIGGER more BEFORE INSERT ON scan BEGIN SELECT 1; END", "trigger more", Inserted),
    ];
    for (change, table, kind) in cases {
        let (dir, path) = evidence(2);
        let copy = dir.path().join("bent.sqlite3");
        bend(&path, &copy, "");
        Connection::open(&copy).unwrap().execute_batch(change).unwrap();
        assert_eq!(found(&copy).findings, [finding(table, 0, kind)], "{change}");
    }
    let (_dir, path) = evidence(2);
    Connection::open(&path).unwrap().execute_batch("DROP TRIGGER event_keeps_rows").unwrap();
    assert_eq!(found(&path).findings, [finding("trigger event_keeps_rows", 0, Missing)]);
}

#[test]
fn every_row_of_a_table_that_was_dropped_is_named_as_missing() {
    for (table, rows) in [("scan", 3), ("event", 4), ("checkpoint", 7), ("part", 15), ("ledger", 14)] {
        let (dir, path) = evidence(3);
        let copy = dir.path().join("bent.sqlite3");
        bend(&path, &copy, "");
        Connection::open(&copy)
            .unwrap()
            .execute_batch(&format!("PRAGMA foreign_keys = 0; DROP TABLE {table}"))
            .unwrap();
        let report = found(&copy);
        assert_eq!(in_table(&report, &format!("table {table}")), BTreeSet::from([(0, Missing)]), "{table}");
        let expected: BTreeSet<_> = (1..=rows).map(|row| (row, Missing)).collect();
        assert_eq!(in_table(&report, table), expected, "{table}: {:?}", report.findings);
        for other in ["scan", "event", "checkpoint", "part", "ledger"].into_iter().filter(|other| *other != table) {
            assert_eq!(in_table(&report, other), BTreeSet::new(), "{table}: {other} is innocent");
        }
    }
}

#[test]
fn a_column_that_was_dropped_changes_every_row() {
    let (dir, path) = evidence(2);
    let copy = dir.path().join("bent.sqlite3");
    bend(&path, &copy, "");
    Connection::open(&copy).unwrap().execute_batch("ALTER TABLE event DROP COLUMN at").unwrap();
    let report = found(&copy);
    assert_eq!(in_table(&report, "event"), BTreeSet::from([(1, Changed), (2, Changed), (3, Changed)]));
    assert_eq!(in_table(&report, "table event"), BTreeSet::from([(0, Changed)]));
}

#[test]
fn a_casebook_that_was_emptied_is_no_casebook() {
    let (dir, path) = evidence(2);
    let copy = dir.path().join("bent.sqlite3");
    let tables = ["scan", "part", "event", "checkpoint", "ledger", "head", "credential"];
    bend(&path, &copy, &tables.map(|table| format!("DELETE FROM {table};")).concat());
    assert_eq!(found(&copy).findings, [finding("event", 1, Missing)]);
}

#[test]
fn an_index_that_hides_the_event_that_disabled_an_account_does_not_bring_it_back() {
    let dir = tempfile::tempdir().unwrap();
    let (mut casebook, actors) = staffed(dir.path());
    casebook.change_account(at(4), &actors[5], "officer", &AccountChange::Disable).unwrap();
    drop(casebook);
    let path = dir.path().join("casebook.sqlite3");
    let disabled: i64 =
        Connection::open(&path).unwrap().query_row("SELECT max(id) FROM event", [], |row| row.get(0)).unwrap();
    hide(&path, "event_by_kind", disabled);
    assert_eq!(found(&path).findings, [finding("index event_by_kind", disabled, Missing)]);
    let mut casebook = Casebook::open(&path).unwrap();
    let why = casebook.sign_in(at(6), &up(9), "officer", &Secret::new(SECRET)).unwrap_err();
    assert_eq!(why, AccountError::Disabled("officer".to_owned()).into());
}
