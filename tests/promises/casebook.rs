//! The casebook keeps what it was told to keep, exactly, and refuses the rest with a sentence.

use std::fs;
use std::io::{Read, Write};
use std::path::{Path, PathBuf};

use parcelscope::casebook::{Casebook, CasebookError, VerifyOptions, verify};
use proptest::collection::vec;
use proptest::prelude::*;
use rusqlite::Connection;
use sha2::Digest;

use super::record_examples::{casebook_of, plain_record, record};

proptest! {
    #![proptest_config(ProptestConfig::with_cases(96))]

    #[test]
    fn every_record_comes_back_exactly_as_it_went_in(records in vec(record(), 1..4)) {
        let (_dir, path) = casebook_of(0);
        let mut casebook = Casebook::open(&path).unwrap();
        for (i, record) in records.iter().enumerate() {
            prop_assert_eq!(casebook.append(record).unwrap(), i64::try_from(i).unwrap() + 1);
        }
        drop(casebook);
        let casebook = Casebook::open(&path).unwrap();
        prop_assert_eq!(casebook.integrity_check().unwrap(), i64::try_from(records.len()).unwrap());
        for (id, record) in (1..).zip(&records) {
            prop_assert_eq!(&casebook.load(id).unwrap().record, record);
        }
        for (line, (id, record)) in casebook.list(0, 10).unwrap().iter().rev().zip((1..).zip(&records)) {
            prop_assert_eq!((line.id, line.taken_at, line.level), (id, record.taken_at, record.answer.verdict.level()));
            prop_assert_eq!((&line.operator, &line.parcel), (&record.operator, &record.parcel));
            prop_assert_eq!(line.headline.as_str(), record.answer.verdict.headline());
            prop_assert_eq!(line.simulated, record.acquisition.simulated);
        }
    }
}

#[test]
fn what_could_not_be_read_back_is_not_written() {
    let (_dir, path) = casebook_of(1);
    let mut casebook = Casebook::open(&path).unwrap();
    let mut record = plain_record(7);
    record.answer.quality.snr = f64::NAN; // JSON has no such number
    let error = casebook.append(&record).unwrap_err();
    assert!(matches!(error, CasebookError::Unstorable(_)), "{error}");
    assert_eq!(casebook.count().unwrap(), 1);
    assert_eq!(casebook.append(&plain_record(8)).unwrap(), 2, "a refused record leaves no gap");
}

#[test]
fn pages_list_every_record_once_newest_first() {
    let (_dir, path) = casebook_of(23);
    let casebook = Casebook::open(&path).unwrap();
    let mut ids = Vec::new();
    for page in 0..4 {
        ids.extend(casebook.list(page * 7, 7).unwrap().iter().map(|line| line.id));
    }
    assert_eq!(ids, (1..=23).rev().collect::<Vec<_>>());
    assert!(casebook.list(23, 7).unwrap().is_empty());
    assert!(casebook.list(usize::MAX, usize::MAX).unwrap().is_empty());
    assert_eq!(casebook.list(0, usize::MAX).unwrap().len(), 23);
    for id in [i64::MIN, -1, 0, 24, i64::MAX] {
        assert_eq!(casebook.load(id).unwrap_err(), CasebookError::NoSuchRecord { id, total: 23 });
    }
}

#[test]
fn rows_cannot_be_changed_deleted_replaced_or_numbered_at_will_not_even_by_another_program() {
    let (_dir, path) = casebook_of(3);
    let insert = |verb: &str, id: &str| {
        format!("{verb} INTO scan (id, {COLUMNS}) SELECT {id}, {COLUMNS} FROM scan WHERE id = 1")
    };
    let foreign = Connection::open(&path).unwrap();
    for sql in [
        "UPDATE scan SET parcel = 'other' WHERE id = 2".to_owned(),
        "UPDATE scan SET id = 9 WHERE id = 3".to_owned(),
        "DELETE FROM scan WHERE id = 3".to_owned(),
        "DELETE FROM scan".to_owned(),
        insert("INSERT", "5"),
        insert("INSERT", "2"),
        insert("INSERT", "-1"),
        insert("INSERT", "NULL"),
        insert("INSERT OR REPLACE", "2"),
        insert("INSERT OR IGNORE", "7"),
    ] {
        assert!(foreign.execute_batch(&sql).is_err(), "accepted: {sql}");
    }
    foreign.execute_batch(&insert("INSERT", "4")).unwrap();
    let casebook = Casebook::open(&path).unwrap();
    let error = casebook.integrity_check().unwrap_err();
    assert!(error.to_string().contains("record 4"), "{error}");
    assert_eq!(casebook.load(2).unwrap().record, plain_record(1));
}

#[test]
fn two_programs_may_write_and_the_numbers_stay_without_gaps() {
    let (_dir, path) = casebook_of(0);
    let writers: Vec<_> = (0..4_u32)
        .map(|writer| {
            let path = path.clone();
            std::thread::spawn(move || {
                let mut casebook = Casebook::open(&path).unwrap();
                (0..10).map(|i| casebook.append(&plain_record(writer * 100 + i)).unwrap()).collect::<Vec<_>>()
            })
        })
        .collect();
    let mut ids: Vec<i64> = writers.into_iter().flat_map(|w| w.join().unwrap()).collect();
    ids.sort_unstable();
    assert_eq!(ids, (1..=40).collect::<Vec<_>>());
    assert_eq!(Casebook::open(&path).unwrap().integrity_check().unwrap(), 40);
}

/// Every file of the folder with its content.
fn snapshot(dir: &Path) -> Vec<(PathBuf, Vec<u8>)> {
    let mut files: Vec<_> = fs::read_dir(dir)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .map(|path| (path.clone(), fs::read(path).unwrap()))
        .collect();
    files.sort();
    files
}

#[test]
fn a_casebook_of_a_newer_program_is_refused_untouched() {
    let (dir, path) = casebook_of(2);
    Connection::open(&path).unwrap().pragma_update(None, "user_version", 99).unwrap();
    let before = snapshot(dir.path());
    let error = Casebook::open(&path).unwrap_err();
    assert_eq!(error, CasebookError::Newer { path: path.clone(), found: 99, known: 5 });
    assert!(error.to_string().contains("install the newer program"), "{error}");
    assert_eq!(snapshot(dir.path()), before);
}

#[test]
fn a_newer_stamp_that_is_still_in_the_log_is_seen_and_the_file_stays_untouched() {
    let (dir, path) = casebook_of(2);
    let newer = Connection::open(&path).unwrap();
    newer.pragma_update(None, "user_version", 99).unwrap(); // in the log while this connection lives
    let crashed = tempfile::tempdir().unwrap(); // a copy taken now is what a crash would leave
    for (file, content) in snapshot(dir.path()) {
        if !file.to_string_lossy().ends_with("-shm") {
            fs::write(crashed.path().join(file.file_name().unwrap()), content).unwrap();
        }
    }
    let path = crashed.path().join("casebook.sqlite3");
    let log = crashed.path().join("casebook.sqlite3-wal");
    let before = (fs::read(&path).unwrap(), fs::read(&log).unwrap());
    assert!(matches!(Casebook::open(&path).unwrap_err(), CasebookError::Newer { found: 99, .. }));
    assert_eq!((fs::read(&path).unwrap(), fs::read(&log).unwrap()), before);
}

#[test]
fn other_files_are_refused_untouched() {
    let dir = tempfile::tempdir().unwrap();
    let other_database = dir.path().join("other.sqlite3");
    Connection::open(&other_database).unwrap().execute_batch("CREATE TABLE t (x); INSERT INTO t VALUES (1);").unwrap();
    let stamped = dir.path().join("stamped.sqlite3");
    let other_program = Connection::open(&stamped).unwrap();
    other_program.execute_batch("PRAGMA application_id = 77; PRAGMA user_version = 1;").unwrap();
    drop(other_program);
    let versioned = dir.path().join("versioned.sqlite3");
    Connection::open(&versioned).unwrap().execute_batch("PRAGMA user_version = 1; CREATE TABLE scan (id);").unwrap();
    let text = dir.path().join("notes.txt");
    fs::write(&text, "a short note").unwrap();
    let long = dir.path().join("long.bin");
    fs::write(&long, vec![7_u8; 20_000]).unwrap();
    let before = snapshot(dir.path());
    for path in [&other_database, &stamped, &versioned, &text, &long] {
        let error = Casebook::open(path).unwrap_err();
        assert_eq!(error, CasebookError::NotACasebook { path: path.clone() }, "{}", path.display());
    }
    assert_eq!(snapshot(dir.path()), before);
}

#[test]
fn a_start_that_was_cut_off_before_its_first_transaction_is_finished() {
    let dir = tempfile::tempdir().unwrap();
    let empty = dir.path().join("empty.sqlite3");
    fs::write(&empty, "").unwrap();
    let log_mode = dir.path().join("log_mode.sqlite3"); // the log mode is set before the schema is made
    Connection::open(&log_mode).unwrap().query_row("PRAGMA journal_mode = WAL", [], |_| Ok(())).unwrap();
    for path in [&empty, &log_mode] {
        let mut casebook = Casebook::open(path).unwrap();
        assert_eq!(casebook.append(&plain_record(1)).unwrap(), 1);
    }
}

#[cfg(unix)]
#[test]
fn the_database_and_its_side_files_can_be_read_by_their_owner_only() {
    use std::os::unix::fs::PermissionsExt;
    let (dir, path) = casebook_of(1);
    let _open = Casebook::open(&path).unwrap();
    let files = snapshot(dir.path());
    assert!(files.len() >= 2, "{files:?}");
    for (file, _) in files {
        assert_eq!(fs::metadata(&file).unwrap().permissions().mode() & 0o777, 0o600, "{}", file.display());
    }
}

#[test]
fn a_locked_casebook_says_so_and_loses_nothing() {
    let (_dir, path) = casebook_of(1);
    let mut casebook = Casebook::open(&path).unwrap();
    let other = Connection::open(&path).unwrap();
    other.execute_batch("BEGIN IMMEDIATE").unwrap();
    let error = casebook.append(&plain_record(1)).unwrap_err();
    assert_eq!(error, CasebookError::Locked { path: path.clone() });
    other.execute_batch("COMMIT").unwrap();
    assert_eq!(casebook.append(&plain_record(1)).unwrap(), 2);
}

const COLUMNS: &str = "seq, taken_at, operator, parcel, level, rule, headline, simulated, emulated_sample, \
     spectrometer_model, spectrometer_serial, laser_model, laser_serial, program_version, engine, library_name, \
     library_version, library_sha256, settings_sha256, answer_sha256, dark_counts_sha256, light_counts_sha256, \
     spectrum_sha256, kind";

/// A database with our stamp and tables without types, whose rows its maker could shape freely.
fn hostile(change: &str) -> (tempfile::TempDir, Result<Casebook, CasebookError>) {
    let (dir, path) = casebook_of(2);
    let attacker = Connection::open(&path).unwrap();
    attacker
        .execute_batch(&format!(
            "DROP TRIGGER scan_keeps_values; DROP TRIGGER scan_keeps_rows; DROP TRIGGER scan_keeps_numbers;
             DROP TRIGGER part_keeps_values; DROP TRIGGER part_keeps_rows;
             ALTER TABLE scan RENAME TO old; CREATE TABLE scan (id, {COLUMNS});
             INSERT INTO scan (id, {COLUMNS}) SELECT id, {COLUMNS} FROM old; DROP TABLE old;
             ALTER TABLE part RENAME TO old; CREATE TABLE part (id, scan_id, name, codec, bytes);
             INSERT INTO part SELECT * FROM old; DROP TABLE old; {change}"
        ))
        .unwrap();
    drop(attacker);
    let casebook = Casebook::open(&path);
    (dir, casebook)
}

/// Replaces a part of record 2 and the digest of it, as somebody would who wants it to be believed.
fn replaced(part: &str, change: impl FnOnce(Vec<u8>) -> Vec<u8>) -> CasebookError {
    let (dir, casebook) = hostile("");
    drop(casebook.unwrap());
    let path = dir.path().join("casebook.sqlite3");
    let attacker = Connection::open(&path).unwrap();
    let sql = "SELECT bytes FROM part WHERE scan_id = 2 AND name = ?1";
    let packed: Vec<u8> = attacker.query_row(sql, [part], |row| row.get(0)).unwrap();
    let mut plain = Vec::new();
    flate2::read::DeflateDecoder::new(packed.as_slice()).read_to_end(&mut plain).unwrap();
    let mut packer = flate2::write::DeflateEncoder::new(Vec::new(), flate2::Compression::default());
    let plain = change(plain);
    packer.write_all(&plain).unwrap();
    let packed = packer.finish().unwrap();
    let update = "UPDATE part SET bytes = ?1, codec = 'deflate' WHERE scan_id = 2 AND name = ?2";
    attacker.execute(update, rusqlite::params![packed, part]).unwrap();
    let digest: [u8; 32] = sha2::Sha256::digest(&plain).into();
    attacker.execute(&format!("UPDATE scan SET {part}_sha256 = ?1 WHERE id = 2"), [digest]).unwrap();
    Casebook::open(&path).unwrap().load(2).expect_err(part)
}

#[test]
fn hostile_rows_give_a_sentence_and_never_a_panic() {
    let columns = [
        "taken_at",
        "operator",
        "level",
        "rule",
        "simulated",
        "spectrometer_serial",
        "library_sha256",
        "settings_sha256",
        "spectrum_sha256",
        "emulated_sample",
        "headline",
        "kind",
    ];
    let values = ["NULL", "5", "-1.5", "'text'", "x'00'", "x'ff00ff'", "''", "zeroblob(70000000)", "'{}'", "'[]'"];
    let mut refused = 0;
    for column in columns {
        for value in values {
            let (_dir, casebook) = hostile(&format!("UPDATE scan SET {column} = {value} WHERE id = 2"));
            let casebook = casebook.unwrap();
            // Text columns that nothing is derived from may hold any text, and the sample may be absent.
            let plain_text = matches!(column, "operator" | "emulated_sample") && value.starts_with('\'');
            if plain_text || matches!((column, value), ("emulated_sample" | "kind", "NULL")) {
                casebook.load(2).unwrap();
                continue;
            }
            let error = casebook.load(2).expect_err(&format!("{column} = {value}"));
            assert!(matches!(error, CasebookError::Corrupt { .. }), "{column} = {value}: {error}");
            assert!(error.to_string().contains("record 2"), "{column} = {value}: {error}");
            assert!(casebook.integrity_check().is_err(), "{column} = {value}");
            let _ = casebook.list(0, 10);
            assert_eq!(casebook.load(1).unwrap().record, plain_record(0), "other records stay readable");
            refused += 1;
        }
    }
    for column in ["scan_id", "name", "codec", "bytes"] {
        for value in values {
            let (_dir, casebook) = hostile(&format!("UPDATE part SET {column} = {value} WHERE id IN (6, 8, 10)"));
            let casebook = casebook.unwrap();
            let Err(error) = casebook.load(2) else {
                assert_eq!(column, "scan_id", "a part is found by its number");
                continue;
            };
            assert!(matches!(error, CasebookError::Corrupt { .. }), "{column} = {value}: {error}");
            assert_eq!(casebook.load(1).unwrap().record, plain_record(0), "other records stay readable");
            refused += 1;
        }
    }
    println!("{refused} hostile rows refused");
    assert!(refused > 120);
}

#[test]
fn cut_blobs_and_lying_settings_are_damage() {
    for change in [
        "UPDATE part SET bytes = substr(bytes, 1, 5) WHERE scan_id = 2 AND name = 'dark_counts'",
        "DELETE FROM part WHERE scan_id = 2 AND name = 'spectrum'",
        "UPDATE scan SET level = 'none-detected' WHERE id = 2",
        "UPDATE scan SET headline = 'Sugar' WHERE id = 2",
        "UPDATE scan SET simulated = 0 WHERE id = 2",
        "DELETE FROM scan WHERE id = 2; INSERT INTO scan (id) VALUES (2)",
    ] {
        let (_dir, casebook) = hostile(change);
        let error = casebook.unwrap().load(2).expect_err(change);
        assert!(matches!(error, CasebookError::Corrupt { .. }), "{change}: {error}");
    }
    let text = |from: &'static str, to: &'static str| {
        move |plain: Vec<u8>| {
            let plain = String::from_utf8(plain).unwrap();
            assert!(plain.contains(from));
            plain.replace(from, to).into_bytes()
        }
    };
    for (part, change) in [
        ("settings", Box::new(text("\"pixels\":64", "\"pixels\":18446744073709551615")) as Box<dyn FnOnce(_) -> _>),
        ("settings", Box::new(text("\"points\":64", "\"points\":9223372036854775807"))),
        ("settings", Box::new(text("785.0", "1e999"))),
        ("settings", Box::new(|_| b"{}".to_vec())),
        ("answer", Box::new(text("inconclusive", "safe"))),
        ("answer", Box::new(|_| vec![0xff; 40])),
        ("dark_counts", Box::new(|plain: Vec<u8>| plain[..100].to_vec())),
        ("light_counts", Box::new(|plain: Vec<u8>| [plain, vec![0; 4]].concat())),
        ("spectrum", Box::new(|plain: Vec<u8>| plain[8..].to_vec())),
    ] {
        let error = replaced(part, change);
        assert!(matches!(error, CasebookError::Corrupt { .. }), "{part}: {error}");
    }
}

#[test]
fn a_missing_row_or_table_is_damage() {
    let (_dir, casebook) = hostile("DELETE FROM scan WHERE id = 1");
    let casebook = casebook.unwrap();
    assert!(matches!(casebook.load(1).unwrap_err(), CasebookError::Corrupt { .. }));
    assert!(matches!(casebook.integrity_check().unwrap_err(), CasebookError::Corrupt { .. }));
    let (_dir, casebook) = hostile("DROP TABLE scan");
    let mut casebook = casebook.unwrap();
    assert!(matches!(casebook.count().unwrap_err(), CasebookError::Corrupt { .. }));
    assert!(matches!(casebook.append(&plain_record(1)).unwrap_err(), CasebookError::Corrupt { .. }));
    let (_dir, casebook) = hostile("UPDATE scan SET id = 'x' WHERE id = 2");
    assert!(casebook.unwrap().integrity_check().is_err());
}

/// Bytes that changed on the disk are found by the check or do not matter; nothing panics.
#[test]
fn a_damaged_file_gives_a_sentence_and_never_a_panic() {
    let (_dir, path) = casebook_of(6);
    let good = fs::read(&path).unwrap();
    let records: Vec<_> = (0..6).map(plain_record).collect();
    let (mut refused, mut harmless) = (0, 0);
    for step in 0..150_usize {
        let mut bytes = good.clone();
        let at = (step * 7919 + 13) % bytes.len();
        let end = (at + 40).min(bytes.len());
        bytes[at..end].iter_mut().for_each(|b| *b = b.wrapping_mul(31).wrapping_add(101));
        fs::write(&path, &bytes).unwrap();
        let outcome = Casebook::open(&path).and_then(|casebook| {
            casebook.integrity_check()?;
            (1..=casebook.count()?).map(|id| casebook.load(id)).collect::<Result<Vec<_>, _>>()
        });
        match outcome {
            Err(error) => {
                assert!(error.to_string().contains(';'), "no next step: {error}");
                refused += 1;
            }
            Ok(read) => {
                assert_eq!(read.len(), records.len());
                harmless += 1;
            }
        }
    }
    println!("{refused} damaged files refused, {harmless} damaged where nothing is read or without a trace");
    assert!(refused > 30, "only {refused} of 150 found");
}

/// Files that earlier versions of the program wrote, one scan each; the first form was the last without a ledger.
#[test]
fn a_casebook_of_every_earlier_form_opens_keeps_its_record_and_verifies() {
    for form in 1..=4 {
        let headline = "Possible para-fluorofentanyl";
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("casebook.sqlite3");
        let source = format!("{}/tests/corpus/casebook/form-{form}.sqlite3", env!("CARGO_MANIFEST_DIR"));
        fs::copy(source, &path).unwrap();
        let version = |path: &Path| -> i64 {
            Connection::open(path).unwrap().pragma_query_value(None, "user_version", |row| row.get(0)).unwrap()
        };
        assert_eq!(version(&path), form);
        let casebook = Casebook::open(&path).unwrap();
        assert_eq!(casebook.integrity_check().unwrap(), 1);
        let record = casebook.load(1).unwrap().record;
        assert!(record.answer.verdict.headline().starts_with(headline), "{}", record.answer.verdict.headline());
        assert_eq!((record.operator.as_str(), record.standing), ("unenrolled", None));
        drop(casebook);
        assert_eq!(version(&path), 5);
        let report = verify(&path, &VerifyOptions::default(), &mut |_| true).unwrap().unwrap();
        assert_eq!(report.findings, [], "form {form}");
        assert_eq!(report.rows["scan"], 1);
        // The key did not come with the file: the log states the new one.
        assert_eq!(report.keys_replaced, u64::from(form > 1));
    }
}
