//! What was scanned is said as such: blanks and controls are no finds, spots have a place, and the clock says what it is.

use std::fs;
use std::path::Path;

use parcelscope::casebook::{
    Casebook, ClockKeeping, FindingKind, RecordFilter, Reference, ScanKind, ScanRecord, Statement, StatementError,
    Subject, TimeSource, VerifyOptions, verify,
};
use parcelscope::identify::Verdict;
use parcelscope::library::Library;
use parcelscope::report::{Find, Paper, Period, SelectedRow, ShiftSummary, Statistics, record_pdf, selection_csv};
use rusqlite::Connection;
use serde_json::Value;

use super::accounts::{SECRET, at, program, said, staffed};
use super::record_examples::plain_record;

/// A real alarm of this kind.
fn alarm(i: u32, kind: ScanKind) -> ScanRecord {
    let mut record = plain_record(i);
    record.acquisition.simulated = false;
    record.answer.simulated = false;
    record.answer.verdict = Verdict::alarm("identified", "Fentanyl".to_owned(), "Hold.".to_owned());
    record.subject = Subject { kind, spot: Some("2/5 left corner".parse().unwrap()) };
    record
}

fn findings(path: &Path) -> Vec<(String, i64, FindingKind)> {
    let report = verify(path, &VerifyOptions::default(), &mut |_| true).unwrap().unwrap();
    report.findings.into_iter().map(|f| (f.table, f.row, f.kind)).collect()
}

#[test]
fn blanks_and_controls_are_in_no_statistics_and_no_shared_find_until_a_correction_says_otherwise() {
    let dir = tempfile::tempdir().unwrap();
    let (mut casebook, actors) = staffed(dir.path());
    let kinds = [ScanKind::Sample, ScanKind::Blank, ScanKind::Control, ScanKind::Sample];
    for (i, kind) in kinds.into_iter().enumerate() {
        casebook.append(&alarm(i as u32, kind)).unwrap();
    }
    let listed: Vec<ScanKind> =
        casebook.find(&RecordFilter::default(), None, 10).unwrap().iter().map(|s| s.kind).collect();
    assert_eq!(listed, [ScanKind::Sample, ScanKind::Control, ScanKind::Blank, ScanKind::Sample], "newest first");
    let found = |text: &str| Statement::Confirmation {
        substance: text.to_owned(),
        method: "GC-MS".to_owned(),
        report: "L-1".to_owned(),
    };
    for id in 1..=4 {
        casebook.state(at(3), &actors[1], id, &found("fentanyl")).unwrap();
    }
    let counted = |casebook: &Casebook| {
        let lines = casebook.verdict_lines(None, None).unwrap();
        let by_time = Statistics::new(Period::Day, None, None, &lines).whole;
        let rows: Vec<SelectedRow> =
            (1..=4).map(|id| SelectedRow::new(&casebook.load(id).unwrap(), &casebook.events_of(id).unwrap())).collect();
        assert_eq!(ShiftSummary::new(&rows), by_time, "one count for the window, the shift and the statistics");
        by_time
    };
    let library = Library::bundled().unwrap();
    let shared = |casebook: &Casebook| -> Vec<i64> {
        (1..=4)
            .filter(|id| {
                Find::confirmed(&casebook.load(*id).unwrap(), &casebook.events_of(*id).unwrap(), &library).is_some()
            })
            .collect()
    };
    let before = counted(&casebook);
    assert_eq!((before.scans, before.by_level["alarm"], before.blanks_and_controls), (2, 2, 2));
    assert_eq!(before.laboratory.unwrap().true_warnings.of, 2);
    assert_eq!(shared(&casebook), [1, 4]);
    // A blank was forgotten to be marked; a sample was marked as a control.
    casebook.correct(at(4), &actors[0], 1, (Reference::Scan(1), "kind"), "blank", "it was the empty bag").unwrap();
    casebook.correct(at(4), &actors[0], 3, (Reference::Scan(3), "kind"), "sample", "wrong button").unwrap();
    let after = counted(&casebook);
    assert_eq!((after.scans, after.blanks_and_controls), (2, 2));
    assert_eq!(shared(&casebook), [3, 4]);
    let wrong = casebook.correct(at(5), &actors[0], 1, (Reference::Scan(1), "kind"), "sugar", "x").unwrap_err();
    assert!(matches!(wrong, parcelscope::casebook::CasebookError::Statement(StatementError::Unfit(_))), "{wrong}");
    assert_eq!(casebook.load(1).unwrap().record.subject.kind, ScanKind::Sample, "the record stays as it is");
    let rows = [SelectedRow::new(&casebook.load(3).unwrap(), &casebook.events_of(3).unwrap())];
    let table = String::from_utf8(selection_csv(&rows).unwrap()).unwrap();
    assert!(table.contains(",sample,\"spot 2 of 5, left corner\","), "{table}");
    assert!(table.lines().nth(1).unwrap().ends_with(",kind"), "the row says what was corrected: {table}");
    assert_eq!(findings(casebook.path()), []);
}

#[test]
fn whoever_makes_a_find_of_a_blank_or_a_blank_of_a_find_is_found_out() {
    let changes = [
        (1, "UPDATE scan SET kind = 'blank' WHERE id = 1"),
        (2, "UPDATE scan SET kind = NULL WHERE id = 2"),
        (2, "UPDATE scan SET kind = 'control' WHERE id = 2"),
        (2, "DROP INDEX scan_by_blank; ALTER TABLE scan DROP COLUMN kind; PRAGMA user_version = 3"),
    ];
    for (row, change) in changes {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("casebook.sqlite3");
        let mut casebook = Casebook::open(&path).unwrap();
        for kind in [ScanKind::Sample, ScanKind::Blank] {
            casebook.append(&alarm(1, kind)).unwrap();
        }
        drop(casebook);
        assert_eq!(findings(&path), []);
        let attacker = Connection::open(&path).unwrap();
        attacker.execute_batch(&format!("DROP TRIGGER scan_keeps_values; {change}")).unwrap();
        drop(attacker);
        let trigger = ("trigger scan_keeps_values".to_owned(), 0, FindingKind::Missing);
        assert_eq!(findings(&path), [("scan".to_owned(), row, FindingKind::Changed), trigger], "{change}");
    }
}

/// A form of the database that knew no kinds is verified as it lies there, before this program writes to it.
#[test]
fn an_earlier_form_verifies_untouched() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("casebook.sqlite3");
    fs::copy(format!("{}/tests/corpus/casebook/form-3.sqlite3", env!("CARGO_MANIFEST_DIR")), &path).unwrap();
    assert_eq!(findings(&path), []);
    let version: i64 = Connection::open(&path).unwrap().pragma_query_value(None, "user_version", |r| r.get(0)).unwrap();
    assert_eq!(version, 3);
}

#[test]
fn the_command_line_records_kind_spot_and_clock_and_every_document_says_them() {
    let dir = tempfile::tempdir().unwrap();
    let shot = [
        "scan",
        "--port",
        "emulator",
        "--seed",
        "4",
        "--sample",
        "empty",
        "--integration-ms",
        "50",
        "--exposures",
        "1",
    ];
    let scan = |more: &[&str]| program(dir.path(), &[&shot, more].concat(), &[]);
    for wrong in [["--kind", "sugar"], ["--spot", "7/5"], ["--clock", "sundial"]] {
        let refused = scan(&wrong);
        assert_eq!(refused.status.code(), Some(2), "{}", said(&refused));
    }
    let done = scan(&["--kind", "blank", "--spot", "2/5 left corner", "--clock", "gps"]);
    assert!(done.status.success(), "{}", said(&done));
    let shown = said(&program(dir.path(), &["casebook", "show", "1"], &[]));
    for words in ["BLANK, no sample; spot 2 of 5, left corner", "stated to be set by a GPS receiver"] {
        assert!(shown.contains(words), "{words} in {shown}");
    }
    assert!(said(&program(dir.path(), &["casebook", "show"], &[])).contains("  blank  "));
    let json = program(dir.path(), &["--json", "casebook", "show", "1"], &[]);
    let json: Value = serde_json::from_slice(&json.stdout).unwrap();
    let record = &json["record"];
    assert_eq!(record["subject"]["kind"], "blank");
    assert_eq!(record["subject"]["spot"], serde_json::json!({ "number": 2, "of": 5, "place": "left corner" }));
    assert_eq!(record["time_source"]["kept_by"], "gps");
    let synchronised = &record["time_source"]["synchronised"];
    assert!(synchronised.is_boolean() || synchronised.is_null());
    let casebook = Casebook::open(&dir.path().join("casebook.sqlite3")).unwrap();
    let source = casebook.load(1).unwrap().record.time_source;
    let expected = TimeSource {
        kept_by: ClockKeeping::Gps,
        synchronised: parcelscope::session::system_clock_synchronised(),
        gps: None,
    };
    assert_eq!(source, Some(expected), "the kernel's own word");
    let pdf = record_pdf(&casebook.dossier(1).unwrap(), None, Paper::A4).unwrap();
    let file = dir.path().join("report.pdf");
    fs::write(&file, pdf).unwrap();
    match std::process::Command::new("pdftotext").arg("-layout").arg(&file).arg("-").output() {
        Ok(text) => {
            let text = String::from_utf8_lossy(&text.stdout).split_whitespace().collect::<Vec<_>>().join(" ");
            for words in ["BLANK, no sample; spot 2 of 5, left corner", "stated to be set by a GPS receiver"] {
                assert!(text.contains(words), "{words} in {text}");
            }
        }
        Err(_) => println!("SKIPPED: the text of the report was not read, there is no pdftotext here"),
    }
}

#[test]
fn the_training_of_who_scans_is_in_the_record_and_its_report() {
    let dir = tempfile::tempdir().unwrap();
    drop(staffed(dir.path()));
    let enrol =
        ["account", "enrol", "trained", "--role", "officer", "--training", "2027-03-31", "--user", "administrator"];
    let enrolled = program(dir.path(), &enrol, &[SECRET, SECRET]);
    assert!(enrolled.status.success(), "{}", said(&enrolled));
    let scan = [
        "scan",
        "--port",
        "emulator",
        "--seed",
        "1",
        "--integration-ms",
        "50",
        "--exposures",
        "1",
        "--user",
        "trained",
    ];
    let done = program(dir.path(), &scan, &[SECRET]);
    assert!(done.status.success(), "{}", said(&done));
    let casebook = Casebook::open(&dir.path().join("casebook.sqlite3")).unwrap();
    let standing = casebook.load(1).unwrap().record.standing.unwrap();
    assert_eq!(standing.training_expires, Some(jiff::civil::date(2027, 3, 31)));
    assert!(said(&program(dir.path(), &["casebook", "show", "1"], &[])).contains("trained until 2027-03-31"));
}
