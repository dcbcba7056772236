//! Which key may sign what: a key counts from the entry that states it on, and a casebook that went on with a new key
//! still verifies against the one that was noted.

use std::fs;
use std::path::Path;

use parcelscope::casebook::merkle::{Frontier, leaf_hash};
use parcelscope::casebook::note::{Checkpoint, NoteSigner};
use parcelscope::casebook::{Casebook, Finding, FindingKind, Verification, VerifyOptions};
use rusqlite::types::ValueRef;
use rusqlite::{Connection, params};
use sha2::{Digest, Sha256};

use super::evidence::{bend, checked, evidence, found, names};
use super::record_examples::plain_record;
use FindingKind::{Changed, Forked, Inserted, Reordered};

fn finding(table: &str, row: i64, kind: FindingKind) -> Finding {
    Finding { table: table.to_owned(), row, kind }
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::new(), |text, b| text + &format!("{b:02x}"))
}

/// SHA-256 of the canonical text of a row, as `docs/casebook.md` describes it.
fn content(database: &Connection, table: &str, id: i64) -> [u8; 32] {
    let columns = names(database, &format!("SELECT name FROM pragma_table_info('{table}')"));
    let sql = format!("SELECT {} FROM {table} WHERE id = ?1", columns.join(", "));
    let pairs: Vec<String> = database
        .query_row(&sql, [id], |row| {
            let mut pairs = Vec::new();
            for (i, name) in columns.iter().enumerate() {
                let value = match row.get_ref(i)? {
                    ValueRef::Null if table == "scan" && name == "kind" => continue,
                    ValueRef::Text(text) => serde_json::Value::from(std::str::from_utf8(text).unwrap()).to_string(),
                    ValueRef::Blob(bytes) => format!("\"{}\"", hex(bytes)),
                    ValueRef::Integer(n) => n.to_string(),
                    _ => "null".to_owned(),
                };
                pairs.push(format!("[\"{name}\",{value}]"));
            }
            Ok(pairs)
        })
        .unwrap();
    Sha256::digest(format!("[{}]", pairs.join(","))).into()
}

/// Computes the ledger anew and signs every checkpoint with the key that `signer` gives for its size.
fn sign_anew<'a>(path: &Path, signer: impl Fn(u64) -> &'a NoteSigner) {
    let copy = path.with_extension("anew");
    bend(path, &copy, "");
    let database = Connection::open(&copy).unwrap();
    let guards = names(&database, "SELECT sql FROM sqlite_schema WHERE type = 'trigger'");
    for sql in names(&database, "SELECT 'DROP TRIGGER ' || name FROM sqlite_schema WHERE type = 'trigger'") {
        database.execute_batch(&sql).unwrap();
    }
    let mut tree = Frontier::default();
    let entries = names(&database, "SELECT json_array(seq, table_name, row_id, at, clock) FROM ledger ORDER BY seq");
    for entry in entries {
        let (seq, table, row, at, clock): (i64, String, i64, String, String) = serde_json::from_str(&entry).unwrap();
        if table == "checkpoint" {
            let sql = "SELECT size FROM checkpoint WHERE id = ?1";
            let size: i64 = database.query_row(sql, [row], |r| r.get(0)).unwrap();
            assert_eq!(size as u64, tree.size());
            let key = signer(tree.size());
            let origin = key.verifier().name().to_owned();
            let note = key.sign(&Checkpoint { origin, size: tree.size(), root: tree.root() }.text());
            database.execute("UPDATE checkpoint SET note = ?1 WHERE id = ?2", params![note, row]).unwrap();
        }
        let content = content(&database, &table, row);
        let text = format!(
            "parcelscope-entry/1\nseq {seq}\ntable {table}\nrow {row}\nat {at}\nclock {clock}\ncontent {}\n",
            hex(&content)
        );
        let leaf = leaf_hash(text.as_bytes());
        let sql = "UPDATE ledger SET content = ?1, leaf = ?2 WHERE seq = ?3";
        database.execute(sql, params![content, leaf, seq]).unwrap();
        tree.push(leaf);
    }
    for sql in &guards {
        database.execute_batch(sql).unwrap();
    }
    drop(database);
    fs::copy(&copy, path).unwrap();
}

fn signer(path: &Path) -> NoteSigner {
    let text = fs::read_to_string(path.with_extension("key")).unwrap();
    let bytes: Vec<u8> = (0..32).map(|i| u8::from_str_radix(&text[2 * i..2 * i + 2], 16).unwrap()).collect();
    let name = Casebook::open(path).unwrap().verifier().split('+').next().unwrap().to_owned();
    NoteSigner::new(&name, &bytes.try_into().unwrap()).unwrap()
}

/// A casebook of two scans that goes on, with a third, under a new key: its old signer and its new one. Entry 11 states
/// the new key.
fn gone_on() -> (tempfile::TempDir, std::path::PathBuf, NoteSigner, NoteSigner) {
    let (dir, path) = evidence(2);
    let old = signer(&path);
    fs::remove_file(path.with_extension("key")).unwrap();
    Casebook::open(&path).unwrap().append(&plain_record(7)).unwrap();
    let new = signer(&path);
    let copy = dir.path().join("on.sqlite3");
    bend(&path, &copy, "");
    (dir, copy, old, new)
}

fn against(path: &Path, keys: &[&NoteSigner]) -> Verification {
    let trusted_keys = keys.iter().map(|key| key.verifier().text()).collect();
    checked(path, &VerifyOptions { trusted_keys, ..VerifyOptions::default() })
}

#[test]
fn a_casebook_that_went_on_with_a_new_key_verifies_against_each_key_that_was_noted() {
    let (_dir, path, old, new) = gone_on();
    assert!(found(&path).is_clean(), "{:?}", found(&path).findings);
    for keys in [&[&old, &new][..], &[&new][..]] {
        let report = against(&path, keys);
        assert!(report.is_clean() && report.key_trusted, "{:?}", report.findings);
    }
    let report = against(&path, &[&old]);
    assert_eq!(
        (report.findings, report.unvouched_after),
        (vec![], Some(9)),
        "nobody is accused, and it is not called clean"
    );
    let stranger = NoteSigner::new("parcelscope/casebook/1", &[7; 32]).unwrap();
    let report = against(&path, &[&stranger]);
    assert_eq!((report.findings, report.unvouched_after), (vec![finding("event", 1, Forked)], Some(0)));
}

#[test]
fn a_key_signs_only_what_follows_the_entry_that_states_it() {
    let (_dir, path, old, new) = gone_on();
    sign_anew(&path, |size| if size < 11 { &old } else { &new });
    assert!(found(&path).is_clean(), "the same history signed again: {:?}", found(&path).findings);
    let forged = path.with_extension("forged");
    bend(&path, &forged, "UPDATE scan SET headline = 'Nothing listed detected' WHERE id = 1");
    sign_anew(&forged, |_| &new);
    for report in [found(&forged), checked(&forged, &VerifyOptions { skip_parts: true, ..VerifyOptions::default() })] {
        let expected: Vec<_> = (1..=5).map(|row| finding("checkpoint", row, Changed)).collect();
        assert_eq!(report.findings, expected, "the old key signed none of these");
    }
}

#[test]
fn an_event_that_claims_an_earlier_entry_than_its_own_brings_its_key_no_further() {
    let (_dir, path, _, new) = gone_on();
    let forged = path.with_extension("forged");
    bend(&path, &forged, "UPDATE event SET seq = 2 WHERE kind = 'key-replaced'");
    sign_anew(&forged, |_| &new);
    // What a bent event states is no key, so that who signed cannot be told; the event is named.
    assert_eq!(found(&forged).findings, vec![finding("event", 4, Reordered)]);
    assert!(found(&forged).complete_up_to.is_none_or(|(entries, _)| entries < 11));
}

#[test]
fn an_event_that_names_another_key_before_it_is_of_another_log() {
    let (_dir, path, old, new) = gone_on();
    let forged = path.with_extension("forged");
    bend(&path, &forged, "UPDATE event SET body = json_set(body, '$.before', 'another') WHERE kind = 'key-replaced'");
    sign_anew(&forged, |size| if size < 11 { &old } else { &new });
    assert!(found(&forged).findings.contains(&finding("event", 4, Forked)), "{:?}", found(&forged).findings);
}

#[test]
fn entries_that_no_checkpoint_covers_are_named() {
    let (dir, path) = evidence(2);
    let own = signer(&path);
    let copy = dir.path().join("longer.sqlite3");
    let add = "INSERT INTO event SELECT 4, 11, at, operator, kind, scan_id, body FROM event WHERE id = 3;
               INSERT INTO ledger SELECT 11, table_name, 4, at, clock, content, leaf FROM ledger WHERE seq = 9";
    bend(&path, &copy, add);
    sign_anew(&copy, |_| &own);
    assert_eq!(found(&copy).findings, [finding("ledger", 11, Inserted)]);
}
