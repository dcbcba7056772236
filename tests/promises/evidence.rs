//! Whoever changes the casebook from outside is found out, and what was done to which row is named.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

use jiff::Timestamp;
use parcelscope::casebook::{Casebook, Event, Finding, FindingKind, Verification, VerifyOptions, verify};
use rusqlite::types::Value;
use rusqlite::{Connection, params};

use super::record_examples::{casebook_of, plain_record};
use FindingKind::{Changed, Forked, Inserted, Missing, Reordered};

const TABLES: [&str; 5] = ["scan", "part", "event", "checkpoint", "ledger"];

pub fn checked(path: &Path, options: &VerifyOptions) -> Verification {
    verify(path, options, &mut |_| true).unwrap().unwrap()
}

pub fn found(path: &Path) -> Verification {
    checked(path, &VerifyOptions::default())
}

/// A casebook of some scans and events.
pub fn evidence(scans: u32) -> (tempfile::TempDir, PathBuf) {
    let (dir, path) = casebook_of(scans);
    let mut casebook = Casebook::open(&path).unwrap();
    for n in 1..=i64::from(scans) {
        let body = serde_json::json!({ "text": format!("seal {n}") });
        let event = Event { operator: "officer", kind: "note", scan_id: Some(n), body: &body };
        casebook.append_event(Timestamp::from_second(1_790_001_000 + n).unwrap(), &event).unwrap();
    }
    (dir, path)
}

/// Takes away every trigger, type and constraint of the evidence tables, and copies the file to where it is bent.
pub fn stripped(path: &Path, to: &Path) -> Connection {
    Connection::open(path).unwrap().execute_batch("PRAGMA wal_checkpoint(TRUNCATE)").unwrap();
    fs::copy(path, to).unwrap();
    let attacker = Connection::open(to).unwrap();
    let triggers: Vec<String> = names(&attacker, "SELECT name FROM sqlite_schema WHERE type = 'trigger'");
    for trigger in triggers {
        attacker.execute_batch(&format!("DROP TRIGGER {trigger}")).unwrap();
    }
    for table in TABLES {
        attacker
            .execute_batch(&format!(
                "CREATE TABLE bare AS SELECT * FROM {table}; DROP TABLE {table}; ALTER TABLE bare RENAME TO {table}"
            ))
            .unwrap();
    }
    attacker
}

/// Changes the file as somebody does who puts the triggers back afterwards.
pub fn bend(path: &Path, to: &Path, change: &str) {
    Connection::open(path).unwrap().execute_batch("PRAGMA wal_checkpoint(TRUNCATE)").unwrap();
    fs::copy(path, to).unwrap();
    let attacker = Connection::open(to).unwrap();
    let sql = "SELECT 'DROP TRIGGER ' || name FROM sqlite_schema WHERE type = 'trigger'";
    let (drop, make) =
        (names(&attacker, sql), names(&attacker, "SELECT sql FROM sqlite_schema WHERE type = 'trigger'"));
    for sql in drop.iter().map(String::as_str).chain([change]).chain(make.iter().map(String::as_str)) {
        attacker.execute_batch(sql).unwrap();
    }
}

pub fn names(connection: &Connection, sql: &str) -> Vec<String> {
    let mut statement = connection.prepare(sql).unwrap();
    let names = statement.query_map([], |row| row.get(0)).unwrap();
    names.map(Result::unwrap).collect()
}

fn key(table: &str) -> &'static str {
    if table == "ledger" { "seq" } else { "id" }
}

/// Another value of the same type.
fn bent(value: &Value) -> Value {
    match value {
        Value::Null => Value::Text("something".to_owned()),
        Value::Integer(n) => Value::Integer(n ^ 1),
        Value::Real(x) => Value::Real(x + 1.0),
        Value::Text(text) => Value::Text(match text.as_str() {
            "forward" => "back".to_owned(),
            text => format!("{text}x"),
        }),
        Value::Blob(bytes) => {
            let mut bytes = bytes.clone();
            let middle = bytes.len() / 2;
            bytes[middle] ^= 0x10;
            Value::Blob(bytes)
        }
    }
}

/// What was found, without the consequences in other tables.
pub fn in_table(report: &Verification, table: &str) -> BTreeSet<(i64, FindingKind)> {
    report.findings.iter().filter(|f| f.table == table).map(|f| (f.row, f.kind)).collect()
}

/// Rows of a table.
fn rows(path: &Path, table: &str) -> i64 {
    let database = Connection::open(path).unwrap();
    database.query_row(&format!("SELECT count(*) FROM {table}"), [], |row| row.get(0)).unwrap()
}

#[test]
fn an_untouched_casebook_is_clean_and_says_how_far_it_is_complete() {
    let (_dir, path) = evidence(4);
    let report = found(&path);
    assert_eq!(report.findings, []);
    assert_eq!((report.rows["scan"], report.rows["event"], report.rows["checkpoint"]), (4, 5, 9));
    assert_eq!((report.entries, report.parts), (18, 20));
    // The last checkpoint covers everything but its own entry; nothing from outside proves more.
    assert_eq!(report.complete_up_to.unwrap().0, 17);
    assert_eq!((report.proven_up_to, report.key_trusted), (None, false));
}

#[test]
fn every_deleted_row_is_named_as_missing() {
    let (dir, path) = evidence(4);
    let mut cases = 0;
    for table in TABLES {
        let count = rows(&path, table);
        for row in 1..=count {
            let copy = dir.path().join("bent.sqlite3");
            let attacker = stripped(&path, &copy);
            attacker.execute(&format!("DELETE FROM {table} WHERE {} = ?1", key(table)), [row]).unwrap();
            drop(attacker);
            assert_eq!(in_table(&found(&copy), table), BTreeSet::from([(row, Missing)]), "{table} {row}");
            cases += 1;
        }
    }
    println!("{cases} deletions found");
}

#[test]
fn every_duplicated_row_is_named_as_inserted() {
    let (dir, path) = evidence(3);
    let mut cases = 0;
    for table in TABLES {
        let count = rows(&path, table);
        for row in 1..=count {
            for own_number in [false, true] {
                let copy = dir.path().join("bent.sqlite3");
                let attacker = stripped(&path, &copy);
                attacker
                    .execute(&format!("INSERT INTO {table} SELECT * FROM {table} WHERE {} = ?1", key(table)), [row])
                    .unwrap();
                let mut number = row;
                if own_number {
                    number = count + 1;
                    let sql = format!("UPDATE {table} SET {} = ?1 WHERE rowid = last_insert_rowid()", key(table));
                    attacker.execute(&sql, [number]).unwrap();
                }
                drop(attacker);
                assert_eq!(
                    in_table(&found(&copy), table),
                    BTreeSet::from([(number, Inserted)]),
                    "{table} {row} {own_number}"
                );
                cases += 1;
            }
        }
    }
    println!("{cases} insertions found");
}

#[test]
fn every_two_neighbours_that_change_places_are_named_as_reordered() {
    let (dir, path) = evidence(3);
    let mut cases = 0;
    for table in TABLES {
        let count = rows(&path, table);
        let step = if table == "part" { 5 } else { 1 };
        for row in 1..=count - step {
            let copy = dir.path().join("bent.sqlite3");
            let attacker = stripped(&path, &copy);
            let k = key(table);
            if table == "part" {
                // The same part of two scans: only the bytes tell them apart.
                let same: bool = attacker
                    .query_row(
                        "SELECT a.bytes = b.bytes FROM part a, part b WHERE a.id = ?1 AND b.id = ?1 + 5",
                        [row],
                        |r| r.get(0),
                    )
                    .unwrap();
                if same {
                    continue;
                }
                attacker.execute_batch("CREATE TABLE as_it_was AS SELECT * FROM part").unwrap();
                let sql = "UPDATE part SET bytes = (SELECT p.bytes FROM as_it_was p WHERE p.id = 2 * ?1 + ?2 - part.id) WHERE id IN (?1, ?1 + ?2)";
                attacker.execute(sql, params![row, step]).unwrap();
            } else {
                attacker
                    .execute(&format!("UPDATE {table} SET {k} = 2 * ?1 + 1 - {k} WHERE {k} IN (?1, ?1 + 1)"), [row])
                    .unwrap();
            }
            drop(attacker);
            let expected = BTreeSet::from([(row, Reordered), (row + step, Reordered)]);
            assert_eq!(in_table(&found(&copy), table), expected, "{table} {row}");
            cases += 1;
        }
    }
    println!("{cases} exchanges found");
}

#[test]
fn every_changed_column_of_every_row_is_named() {
    let (dir, path) = evidence(3);
    let mut cases = 0;
    for table in TABLES {
        let columns =
            names(&Connection::open(&path).unwrap(), &format!("SELECT name FROM pragma_table_info('{table}')"));
        let count = rows(&path, table);
        for row in 1..=count {
            for column in &columns {
                let copy = dir.path().join("bent.sqlite3");
                let attacker = stripped(&path, &copy);
                let k = key(table);
                let value: Value = attacker
                    .query_row(&format!("SELECT {column} FROM {table} WHERE {k} = ?1"), [row], |r| r.get(0))
                    .unwrap();
                let value = if column == k { Value::Integer(1000 + row) } else { bent(&value) };
                attacker
                    .execute(&format!("UPDATE {table} SET {column} = ?1 WHERE {k} = ?2"), params![value, row])
                    .unwrap();
                drop(attacker);
                let report = found(&copy);
                let here = in_table(&report, table);
                let named = if column == k {
                    // Under another number it is missing at its own place, or out of its place.
                    here.contains(&(row, Missing)) || here.contains(&(1000 + row, Reordered))
                } else {
                    here == BTreeSet::from([(row, Changed)])
                };
                assert!(named, "{table} {row} {column}: {:?}", report.findings);
                cases += 1;
            }
        }
    }
    println!("{cases} changes found");
}

#[test]
fn a_row_that_was_changed_with_its_entry_and_leaf_contradicts_the_signed_checkpoints() {
    let (dir, path) = evidence(3);
    let copy = dir.path().join("bent.sqlite3");
    let attacker = stripped(&path, &copy);
    // Take a whole entry and its row from another casebook of the same scans, which agree with each other.
    let (_other_dir, other) = casebook_of(1);
    attacker.execute("ATTACH ?1 AS other", [other.to_str().unwrap()]).unwrap();
    attacker
        .execute_batch(
            "DELETE FROM event WHERE id = 1; INSERT INTO event SELECT * FROM other.event WHERE id = 1;
        DELETE FROM ledger WHERE seq = 1; INSERT INTO ledger SELECT * FROM other.ledger WHERE seq = 1",
        )
        .unwrap();
    drop(attacker);
    let report = found(&copy);
    assert!(!report.is_clean());
    // The foreign first event names a foreign key: no checkpoint is signed with it.
    assert!(in_table(&report, "checkpoint").len() == report.rows["checkpoint"] as usize, "{:?}", report.findings);
}

#[test]
fn a_fork_that_was_merged_is_named() {
    let (dir, path) = evidence(3);
    let fork_dir = tempfile::tempdir().unwrap();
    let fork = fork_dir.path().join("casebook.sqlite3");
    Connection::open(&path).unwrap().execute_batch("PRAGMA wal_checkpoint(TRUNCATE)").unwrap();
    fs::copy(&path, &fork).unwrap();
    fs::copy(path.with_extension("key"), fork.with_extension("key")).unwrap();
    for (file, first) in [(&path, 10), (&fork, 20)] {
        let mut casebook = Casebook::open(file).unwrap();
        (0..3).for_each(|i| assert!(casebook.append(&plain_record(first + i)).unwrap() > 3));
    }
    assert!(found(&fork).is_clean(), "each by itself is whole");
    let copy = dir.path().join("bent.sqlite3");
    let attacker = stripped(&path, &copy);
    attacker.execute("ATTACH ?1 AS fork", [fork.to_str().unwrap()]).unwrap();
    let (scans, parts, points, entries) = (3, 15, 7, 14); // before the fork
    attacker
        .execute_batch(&format!(
            "INSERT INTO scan SELECT * FROM fork.scan WHERE id > {scans};
             UPDATE scan SET id = id + 3 WHERE rowid > 6;
             INSERT INTO part SELECT id + 15, scan_id + 3, name, codec, bytes FROM fork.part WHERE id > {parts};
             INSERT INTO checkpoint SELECT id + 3, seq, at, size, note FROM fork.checkpoint WHERE id > {points};
             INSERT INTO ledger SELECT seq + 6, table_name, row_id + 3, at, clock, content, leaf FROM fork.ledger WHERE seq > {entries};"
        ))
        .unwrap();
    drop(attacker);
    let report = found(&copy);
    let forked = report.findings.iter().filter(|f| f.kind == Forked).count();
    assert!(forked >= 2, "{:?}", report.findings);
    assert!(
        report.findings.contains(&Finding { table: "checkpoint".to_owned(), row: 11, kind: Forked }),
        "{:?}",
        report.findings
    );
}

#[test]
fn a_cut_tail_and_an_older_copy_are_found_only_against_a_checkpoint_kept_elsewhere() {
    let (dir, path) = evidence(3);
    let old = dir.path().join("old.sqlite3");
    Connection::open(&path).unwrap().execute_batch("PRAGMA wal_checkpoint(TRUNCATE)").unwrap();
    fs::copy(&path, &old).unwrap();
    let mut casebook = Casebook::open(&path).unwrap();
    casebook.append(&plain_record(9)).unwrap();
    let (outside, trusted) = (casebook.last_checkpoint().unwrap(), casebook.verifier());
    drop(casebook);
    let with = VerifyOptions { outside: vec![outside], trusted_keys: vec![trusted], skip_parts: false };
    let report = checked(&path, &with);
    assert_eq!(report.findings, []);
    assert_eq!((report.proven_up_to, report.key_trusted), (Some(15), true));

    let cut = dir.path().join("cut.sqlite3");
    bend(
        &path,
        &cut,
        "DELETE FROM scan WHERE id = 4; DELETE FROM part WHERE scan_id = 4; DELETE FROM checkpoint WHERE id = 8; DELETE FROM ledger WHERE seq > 14",
    );
    for shorter in [&old, &cut] {
        let alone = found(shorter);
        assert!(alone.is_clean(), "{:?}", alone.findings);
        assert_eq!(alone.complete_up_to.as_ref().map(|c| c.0), Some(13));
        assert_eq!(alone.proven_up_to, None, "later completeness is not claimed");
        let report = checked(shorter, &with);
        assert_eq!(in_table(&report, "ledger"), BTreeSet::from([(15, Missing)]), "{:?}", report.findings);
    }
}

#[test]
fn a_clock_that_went_back_is_noted_by_the_program_and_found_when_it_was_not() {
    let (dir, path) = casebook_of(3);
    let before = || Timestamp::from_second(1_780_000_000).unwrap();
    Casebook::open(&path).unwrap().with_clock(Box::new(before)).append(&plain_record(0)).unwrap();
    let report = found(&path);
    assert_eq!(report.findings, [], "the program said so itself");
    assert!(report.clock_noted_back >= 1);
    assert!(dir.path().exists());
}

#[test]
fn programs_that_write_at_once_and_a_save_that_was_retried_are_no_clock_that_went_back() {
    let (_dir, path) = casebook_of(0);
    let writers: Vec<_> = (0..4_u32)
        .map(|writer| {
            let path = path.clone();
            // Records whose own times are in no order at all.
            let order = move |i: u32| plain_record(1_000 - 7 * i + writer);
            std::thread::spawn(move || {
                let mut casebook = Casebook::open(&path).unwrap();
                for i in 0..10 {
                    casebook.append(&order(i)).unwrap();
                }
            })
        })
        .collect();
    for writer in writers {
        writer.join().unwrap();
    }
    let report = found(&path);
    assert_eq!((report.findings, report.clock_noted_back), (vec![], 0));
}

#[test]
fn no_number_that_somebody_writes_into_the_file_makes_the_program_panic() {
    let (dir, path) = evidence(2);
    let numbers = [i64::MAX, i64::MAX - 1, i64::MIN, i64::MIN + 1, -1, 0, 1 << 53];
    let mut cases = 0;
    for table in TABLES {
        let columns = names(
            &Connection::open(&path).unwrap(),
            &format!("SELECT name FROM pragma_table_info('{table}') WHERE type = 'INTEGER'"),
        );
        for column in &columns {
            for (number, edge) in numbers.iter().flat_map(|n| [(n, "min"), (n, "max")]) {
                let copy = dir.path().join("bent.sqlite3");
                let attacker = stripped(&path, &copy);
                let key = key(table);
                let sql = format!("UPDATE {table} SET {column} = ?1 WHERE {key} = (SELECT {edge}({key}) FROM {table})");
                let changed = attacker.execute(&sql, [number]).unwrap();
                drop(attacker);
                assert_eq!(changed, 1);
                let report = found(&copy);
                let is_found = report.findings.iter().any(|f| TABLES.contains(&f.table.as_str()));
                assert!(is_found, "{table}.{column} = {number} was not found");
                // Opening may refuse; nothing may panic.
                if let Ok(casebook) = Casebook::open(&copy) {
                    let _ = (casebook.count(), casebook.list(0, 9), casebook.integrity_check());
                    for id in [1, 2, *number] {
                        let _ = (casebook.load(id), casebook.proof(id), casebook.history(id), casebook.kept_until(id));
                    }
                    let _ = casebook.consistency(1, 4);
                }
                for side in ["bent.key", "bent.sqlite3-wal", "bent.sqlite3-shm"] {
                    let _ = fs::remove_file(dir.path().join(side));
                }
                cases += 1;
            }
        }
    }
    println!("{cases} hostile numbers");
}
