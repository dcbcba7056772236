//! A blank that shows something says what to do, and every scan after it says so until a blank is clean.

use std::fs;
use std::path::Path;

use parcelscope::casebook::{Casebook, LastBlank, Reference, ScanKind, ScanRecord};
use parcelscope::identify::{BlankOutcome, Identified, Strength, Verdict};
use parcelscope::report::{Paper, record_pdf};
use serde_json::Value;

use super::accounts::{at, program, said, staffed};
use super::record_examples::plain_record;

const NOT_CLEAN: &str = "THE BLANK IS NOT CLEAN";
const DOUBT: &str = "The last blank of this analyzer was not clean";

/// A headless scan; gives what was printed.
fn scan(dir: &Path, seed: &str, kind: &str, sample: &str) -> String {
    let fixed = ["scan", "--port", "emulator", "--integration-ms", "100", "--exposures", "2", "--seed", seed];
    let done = program(dir, &[&fixed[..], &["--kind", kind, "--sample", sample]].concat(), &[]);
    assert!(done.status.success(), "{}", said(&done));
    said(&done)
}

fn shown(dir: &Path, id: i64) -> (String, Value) {
    let id = id.to_string();
    let text = said(&program(dir, &["casebook", "show", &id], &[]));
    let json = program(dir, &["--json", "casebook", "show", &id], &[]);
    (text, serde_json::from_slice(&json.stdout).unwrap())
}

#[test]
fn a_blank_that_is_not_clean_says_what_to_do_and_casts_doubt_on_what_follows_until_one_is_clean() {
    let dir = tempfile::tempdir().unwrap();
    let dir = dir.path();
    let clean = scan(dir, "4", "blank", "empty");
    assert!(clean.contains("This blank is clean") && !clean.contains(DOUBT), "{clean}");
    let carried = scan(dir, "4", "blank", "sucrose");
    for words in [NOT_CLEAN, "Clean the window", "scan the blank again", "since its last clean blank (record 1,"] {
        assert!(carried.contains(words), "{words} in {carried}");
    }
    let doubtful = scan(dir, "4", "sample", "sucrose");
    assert!(doubtful.contains(DOUBT) && doubtful.contains("(record 2,"), "{doubtful}");
    let again = scan(dir, "4", "blank", "sucrose");
    assert!(again.contains(NOT_CLEAN) && again.contains("was not clean either"), "{again}");
    assert!(!again.contains(DOUBT), "a blank is what ends the doubt: {again}");
    let other = scan(dir, "5", "sample", "sucrose");
    assert!(!other.contains(DOUBT), "another analyzer has its own blanks: {other}");
    scan(dir, "4", "blank", "empty");
    let trusted = scan(dir, "4", "sample", "sucrose");
    assert!(!trusted.contains(DOUBT), "{trusted}");

    let (text, json) = shown(dir, 3);
    assert!(text.contains("Last blank NOT CLEAN (record 2,"), "{text}");
    assert_eq!(
        (&json["record"]["last_blank"]["record"], json["record"]["last_blank"]["found"].is_string()),
        (&2.into(), true)
    );
    let (text, json) = shown(dir, 7);
    assert!(text.contains("Last blank clean (record 6,"), "{text}");
    assert!(json["record"]["last_blank"]["found"].is_null() && json["record"]["last_blank"]["record"] == 6);
    assert!(shown(dir, 5).0.contains("none of this analyzer on record"));

    let casebook = Casebook::open(&dir.join("casebook.sqlite3")).unwrap();
    for (id, words) in [(2, NOT_CLEAN), (3, DOUBT), (7, "clean (record 6")] {
        let pdf = record_pdf(&casebook.dossier(id).unwrap(), None, Paper::A4).unwrap();
        let file = dir.join("report.pdf");
        fs::write(&file, pdf).unwrap();
        match std::process::Command::new("pdftotext").arg("-layout").arg(&file).arg("-").output() {
            Ok(text) => {
                let text = String::from_utf8_lossy(&text.stdout).split_whitespace().collect::<Vec<_>>().join(" ");
                assert!(text.contains(words), "{words} in {text}");
            }
            Err(_) => println!("SKIPPED: the text of the report was not read, there is no pdftotext here"),
        }
    }
    for id in 1..=7 {
        let again = program(dir, &["casebook", "replay", &id.to_string()], &[]);
        assert!(again.status.success(), "record {id}: {}", said(&again));
    }
}

fn record(kind: ScanKind, verdict: Verdict, found: &[(&str, &str)]) -> ScanRecord {
    let mut record = plain_record(1);
    record.subject.kind = kind;
    record.answer.verdict = verdict;
    record.answer.identified = (found.iter())
        .map(|(name, group)| Identified {
            substance: (*name).to_owned(),
            cas: None,
            form: String::new(),
            strength: Strength::Identified,
            groups: vec![(*group).to_owned()],
            alternatives: Vec::new(),
        })
        .collect();
    record
}

fn inconclusive(rule: &str) -> Verdict {
    Verdict::inconclusive(rule, "x".to_owned(), "y".to_owned())
}

fn alarm() -> Verdict {
    Verdict::alarm("identified-listed", "fentanyl identified".to_owned(), "Hold.".to_owned())
}

#[test]
fn what_a_blank_shows_is_judged_and_its_bag_is_not_held_against_it() {
    let found = |what: &str| BlankOutcome::Found(what.to_owned());
    for (verdict, substances, outcome) in [
        (inconclusive("too-weak"), vec![], BlankOutcome::Clean),
        (inconclusive("container-only"), vec![("polyethylene", "packaging")], BlankOutcome::Clean),
        (inconclusive("fluorescence"), vec![], BlankOutcome::Undecided),
        (inconclusive("saturated"), vec![], BlankOutcome::Undecided),
        (inconclusive("not-in-library"), vec![], BlankOutcome::Undecided),
        (inconclusive("x"), vec![("polyethylene", "packaging"), ("lactose", "cutting-agent")], found("lactose")),
        (alarm(), vec![("fentanyl", "opioid")], found("fentanyl")),
        (alarm(), vec![], found("fentanyl identified")),
    ] {
        let record = record(ScanKind::Blank, verdict.clone(), &substances);
        assert_eq!(record.answer.blank_outcome(), outcome, "{verdict:?}");
        let told = record.answer.clone().as_blank("since noon");
        assert_eq!((told.verdict.level(), told.verdict.rule()), (verdict.level(), verdict.rule()));
        let next = told.verdict.next_step();
        match outcome {
            BlankOutcome::Clean => assert!(next.contains("is clean"), "{next}"),
            BlankOutcome::Undecided => assert!(next.contains("cannot be judged"), "{next}"),
            BlankOutcome::Found(_) => {
                assert!(next.contains(NOT_CLEAN) && next.contains("since noon"), "{next}");
                assert_eq!(next.contains("Wear gloves"), verdict.level().is_warning(), "{next}");
            }
        }
    }
}

#[test]
fn the_last_blank_is_the_newest_that_can_be_judged_and_follows_corrections_of_the_kind() {
    let dir = tempfile::tempdir().unwrap();
    let (mut casebook, actors) = staffed(dir.path());
    let serial = plain_record(1).acquisition.spectrometer.serial;
    let last = |casebook: &Casebook| casebook.last_blank(&serial).unwrap().map(|b: LastBlank| (b.record, b.found));
    assert_eq!(last(&casebook), None);
    let dirty = Some("fentanyl identified".to_owned());
    casebook.append(&record(ScanKind::Blank, inconclusive("too-weak"), &[])).unwrap();
    assert_eq!(last(&casebook), Some((Some(1), None)));
    casebook.append(&record(ScanKind::Blank, alarm(), &[])).unwrap();
    casebook.append(&record(ScanKind::Blank, inconclusive("saturated"), &[])).unwrap();
    casebook.append(&record(ScanKind::Sample, inconclusive("too-weak"), &[])).unwrap();
    assert_eq!(last(&casebook), Some((Some(2), dirty.clone())), "what cannot be judged ends no doubt");
    assert_eq!(casebook.last_blank("another").unwrap(), None);
    let event = casebook.correct(at(4), &actors[0], 4, (Reference::Scan(4), "kind"), "blank", "wrong button").unwrap();
    assert_eq!(last(&casebook), Some((Some(4), None)));
    casebook
        .correct(at(5), &actors[0], 4, (Reference::Event(event), "event"), "it was a sample", "right before")
        .unwrap();
    assert_eq!(last(&casebook), Some((Some(2), dirty)), "the correction was taken back");
    casebook.correct(at(6), &actors[0], 2, (Reference::Scan(2), "kind"), "sample", "wrong button").unwrap();
    assert_eq!(last(&casebook), Some((Some(1), None)));
    casebook.correct(at(7), &actors[0], 1, (Reference::Scan(1), "kind"), "control", "wrong button").unwrap();
    assert_eq!(last(&casebook), None);
}
