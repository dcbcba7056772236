//! What is said about a record after the scan stays said: old values beside new ones, both names under a hand-over.

use std::fs;
use std::path::Path;

use parcelscope::casebook::note::NoteVerifier;
use parcelscope::casebook::{
    BackupPlan, Casebook, CasebookError, Disposition, FindingKind, KeptUntil, ParcelNumber, ROLE_TABLE, Reference,
    Statement, StatementError, VerifyOptions, WitnessError, verify,
};

use super::accounts::{SECRET, at, program, said, staffed};
use super::record_examples::plain_record;

fn verified(path: &Path) -> Vec<(String, i64, FindingKind)> {
    let report = verify(path, &VerifyOptions::default(), &mut |_| true).unwrap().unwrap();
    report.findings.into_iter().map(|f| (f.table, f.row, f.kind)).collect()
}

fn disposition(disposition: Disposition) -> Statement {
    Statement::Disposition { disposition, reason: "why".to_owned() }
}

/// One statement for every act that is a statement.
fn statements() -> Vec<Statement> {
    vec![
        Statement::Parcel {
            number: ParcelNumber::read("RR473124829CN").unwrap(),
            declared: "toys".to_owned(),
            container: "bag".to_owned(),
        },
        Statement::Note { text: "a note".to_owned() },
        disposition(Disposition::Hold),
        disposition(Disposition::Seize),
        disposition(Disposition::Release),
        disposition(Disposition::ToLaboratory { seal: "S-1".to_owned(), laboratory: "state".to_owned() }),
        Statement::Confirmation {
            substance: "fentanyl".to_owned(),
            method: "GC-MS".to_owned(),
            report: "L-9".to_owned(),
        },
        Statement::SignOff { text: String::new() },
        Statement::LegalHold { placed: true, reason: "case 7".to_owned() },
    ]
}

#[test]
fn every_role_states_what_the_table_allows_and_the_history_shows_all_of_it() {
    let dir = tempfile::tempdir().unwrap();
    let (mut casebook, actors) = staffed(dir.path());
    casebook.append(&plain_record(0)).unwrap();
    let (mut stated, mut refused) = (Vec::new(), 0);
    for statement in statements() {
        let row = ROLE_TABLE.iter().find(|(act, _)| *act == statement.act()).unwrap().1;
        for (actor, cell) in actors.iter().zip(row.split(' ')) {
            let done = casebook.state(at(10), actor, 1, &statement);
            assert_eq!(done.is_ok(), cell == "x", "{} {statement:?}", actor.name());
            match done {
                Ok(event) => stated.push((event, actor.name().to_owned(), statement.clone())),
                Err(why) => {
                    assert!(why.to_string().contains(statement.act().words()), "{why}");
                    refused += 1;
                }
            }
        }
    }
    let history = casebook.history(1).unwrap();
    assert_eq!(history.iter().filter(|entry| entry.kind == "refused").count(), refused);
    let shown: Vec<_> =
        history.into_iter().filter_map(|entry| Some((entry.event, entry.operator, entry.statement?))).collect();
    assert_eq!(shown, stated);
    println!("{} stated, {refused} refused", stated.len());
    assert_eq!(verified(casebook.path()), []);
}

#[test]
fn a_hand_over_needs_two_people_who_both_may_and_both_signed_in() {
    let dir = tempfile::tempdir().unwrap();
    let (mut casebook, actors) = staffed(dir.path());
    casebook.append(&plain_record(0)).unwrap();
    let (officer, laboratory, auditor) = (&actors[0], &actors[1], &actors[6]);
    let one_sided = casebook.hand_over(at(3), officer, officer, 1, "", "").unwrap_err();
    assert_eq!(one_sided, StatementError::OneSided("officer".to_owned()).into());
    assert!(casebook.hand_over(at(3), officer, auditor, 1, "", "").is_err());
    assert!(casebook.hand_over(at(3), auditor, officer, 1, "", "").is_err());
    let forged = Statement::HandOver {
        from: "officer".to_owned(),
        to: "laboratory".to_owned(),
        seal: String::new(),
        text: String::new(),
    };
    assert!(casebook.state(at(3), officer, 1, &forged).is_err(), "nobody states it for the other side");
    casebook.hand_over(at(4), officer, laboratory, 1, "S-1", "one bag, whole").unwrap();
    let words = casebook.history(1).unwrap().pop().unwrap().words;
    assert_eq!(words, "handed over by officer to laboratory, both signed in, seal S-1: one bag, whole");
}

#[test]
fn a_correction_keeps_what_it_corrects_and_says_what_it_was() {
    let dir = tempfile::tempdir().unwrap();
    let (mut casebook, actors) = staffed(dir.path());
    casebook.append(&plain_record(7)).unwrap();
    let officer = &actors[0];
    let note = casebook.state(at(3), officer, 1, &Statement::Note { text: "blue bag".to_owned() }).unwrap();
    let by_event =
        casebook.correct(at(4), officer, 1, (Reference::Event(note), "text"), "green bag", "looked again").unwrap();
    casebook.correct(at(5), officer, 1, (Reference::Scan(1), "parcel"), "RR8", "misread").unwrap();
    let history = casebook.history(1).unwrap();
    assert_eq!(history[0].words, "note: blue bag");
    assert_eq!(history[0].corrected_by, [by_event]);
    assert!(history[1].words.contains("was 'note: blue bag', should be 'green bag': looked again"));
    assert!(history[2].words.contains("was 'RR7', should be 'RR8'"));
    assert_eq!(casebook.load(1).unwrap().record, plain_record(7));
    for wrong in [(Reference::Event(999), "text"), (Reference::Event(1), "text"), (Reference::Scan(1), "level")] {
        assert!(casebook.correct(at(6), officer, 1, wrong, "x", "y").is_err());
    }
    assert!(casebook.state(at(6), officer, 2, &Statement::Note { text: "x".to_owned() }).is_err(), "no such scan");
}

#[test]
fn a_file_is_kept_under_its_digest_and_verification_finds_it_changed_or_gone() {
    let dir = tempfile::tempdir().unwrap();
    let (mut casebook, actors) = staffed(dir.path());
    casebook.append(&plain_record(0)).unwrap();
    let photo = dir.path().join("photo.jpg");
    fs::write(&photo, b"light and shadow").unwrap();
    let event = casebook.attach(at(3), &actors[0], 1, &photo, "the bag").unwrap();
    let Some(Statement::File { sha256, name, bytes, .. }) = casebook.history(1).unwrap().pop().unwrap().statement
    else {
        panic!("no file");
    };
    assert_eq!((name.as_str(), bytes), ("photo.jpg", 16));
    let kept = casebook.file_path(&sha256);
    assert_eq!(fs::read(&kept).unwrap(), b"light and shadow");
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt;
        assert_eq!(fs::metadata(&kept).unwrap().permissions().mode() & 0o777, 0o600);
    }
    assert_eq!(verified(casebook.path()), []);
    fs::write(&kept, b"light and shade!").unwrap();
    assert_eq!(verified(casebook.path()), [("file".to_owned(), event, FindingKind::Changed)]);
    fs::remove_file(&kept).unwrap();
    assert_eq!(verified(casebook.path()), [("file".to_owned(), event, FindingKind::Missing)]);
    assert!(casebook.attach(at(4), &actors[6], 1, &photo, "").is_err(), "an auditor adds nothing");
    assert!(casebook.attach(at(4), &actors[0], 1, dir.path(), "").is_err(), "a folder is no file");
}

#[test]
fn nobody_shortens_how_long_a_record_under_hold_is_kept() {
    let dir = tempfile::tempdir().unwrap();
    let (mut casebook, actors) = staffed(dir.path());
    casebook.append(&plain_record(0)).unwrap();
    casebook.append(&plain_record(1)).unwrap();
    let (supervisor, admin) = (&actors[4], &actors[5]);
    let hold = |placed| Statement::LegalHold { placed, reason: "case 7".to_owned() };
    assert_eq!(casebook.kept_until(1).unwrap(), KeptUntil::NoPolicy);
    casebook.set_retention(at(1), admin, 10).unwrap();
    assert!(casebook.set_retention(at(1), supervisor, 20).is_err());
    assert!(casebook.set_retention(at(1), admin, 0).is_err());
    casebook.state(at(2), supervisor, 1, &hold(true)).unwrap();
    assert_eq!(casebook.kept_until(1).unwrap(), KeptUntil::Held);
    casebook.set_retention(at(3), admin, 1).unwrap();
    casebook.state(at(4), supervisor, 1, &hold(false)).unwrap();
    let until = |id: i64| match casebook.kept_until(id).unwrap() {
        KeptUntil::Day(day) => day.year(),
        other => panic!("{other:?}"),
    };
    assert_eq!((until(1), until(2)), (2036, 2027), "the hold keeps what stood when it was placed");
}

#[test]
fn a_backup_is_whole_private_verified_and_due_when_the_plan_says() {
    let dir = tempfile::tempdir().unwrap();
    let copies = tempfile::tempdir().unwrap();
    let (mut casebook, actors) = staffed(dir.path());
    let photo = dir.path().join("photo.jpg");
    fs::write(&photo, b"light").unwrap();
    for i in 0..5 {
        casebook.append(&plain_record(i)).unwrap();
    }
    casebook.attach(at(3), &actors[0], 1, &photo, "").unwrap();
    let plan = BackupPlan { folder: copies.path().to_owned(), every_hours: 24 };
    assert!(casebook.set_backup_plan(at(4), &actors[0], &plan).is_err());
    assert_eq!(casebook.backup_due(at(4)).unwrap(), None);
    casebook.set_backup_plan(at(4), &actors[5], &plan).unwrap();
    assert_eq!(casebook.backup_due(at(5)).unwrap(), Some(copies.path().to_owned()));
    let copy = casebook.back_up(at(6), "parcelscope", copies.path()).unwrap();
    assert_eq!(casebook.backup_due(at(3_600)).unwrap(), None);
    assert!(casebook.backup_due(at(6 + 86_400)).unwrap().is_some());
    assert!(casebook.backup_due(at(0)).unwrap().is_some(), "a clock set back makes one due");
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt;
        assert_eq!(fs::metadata(&copy).unwrap().permissions().mode() & 0o777, 0o600);
    }
    assert_eq!(verified(&copy), []);
    let restored = Casebook::open(&copy).unwrap();
    assert_eq!(restored.load(5).unwrap().record, plain_record(4));
    assert_eq!(restored.history(1).unwrap(), casebook.history(1).unwrap());
    assert!(casebook.back_up(at(6), "parcelscope", copies.path()).is_err(), "an existing copy is never overwritten");
    assert!(casebook.back_up(at(7), "parcelscope", &copies.path().join("gone")).is_err());
    rusqlite::Connection::open(casebook.path())
        .unwrap()
        .execute_batch("DROP TRIGGER scan_keeps_values; UPDATE scan SET parcel = 'other' WHERE id = 2")
        .unwrap();
    let why = casebook.back_up(at(8), "parcelscope", copies.path()).unwrap_err();
    assert!(why.to_string().contains("does not verify"), "{why}");
    let names: Vec<_> = fs::read_dir(copies.path()).unwrap().map(|e| e.unwrap().file_name()).collect();
    let whole = names.iter().filter(|n| n.to_string_lossy().ends_with(".sqlite3")).count();
    assert_eq!(whole, 1, "a copy that does not verify is no backup: {names:?}");
}

#[test]
fn a_witness_signs_what_continues_and_refuses_a_fork_a_cut_and_a_missing_proof() {
    let (dir, other) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let (mut unit, _) = staffed(dir.path());
    let (mut witness, actors) = staffed(other.path());
    let by = &actors[6];
    let size = |note: &str| note.lines().nth(1).unwrap().parse::<u64>().unwrap();
    let key = NoteVerifier::parse(&unit.verifier()).unwrap();
    unit.append(&plain_record(0)).unwrap();
    let first = unit.last_checkpoint().unwrap();
    let fork = tempfile::tempdir().unwrap();
    rusqlite::Connection::open(unit.path()).unwrap().execute_batch("PRAGMA wal_checkpoint(TRUNCATE)").unwrap();
    for name in ["casebook.sqlite3", "casebook.key"] {
        fs::copy(dir.path().join(name), fork.path().join(name)).unwrap();
    }
    let signed = witness.witness(at(5), by, &first, &key, None).unwrap();
    NoteVerifier::parse(&witness.verifier()).unwrap().open(&signed).unwrap();
    key.open(&signed).unwrap();
    for i in 1..4 {
        unit.append(&plain_record(i)).unwrap();
    }
    let second = unit.last_checkpoint().unwrap();
    let proof = unit.consistency(size(&first), size(&second)).unwrap();
    let refused = |outcome: Result<String, CasebookError>| match outcome.unwrap_err() {
        CasebookError::Witness(why) => why,
        other => panic!("{other}"),
    };
    assert!(matches!(refused(witness.witness(at(6), by, &second, &key, None)), WitnessError::ProofMissing { .. }));
    let bent = proof.replacen('A', "B", 1);
    assert_ne!(bent, proof);
    assert!(witness.witness(at(6), by, &second, &key, Some(&bent)).is_err());
    witness.witness(at(6), by, &second, &key, Some(&proof)).unwrap();
    // An older copy, put back: it signs with the right key, but not what was witnessed.
    let mut forked = Casebook::open(&fork.path().join("casebook.sqlite3")).unwrap();
    let older = forked.last_checkpoint().unwrap();
    assert!(matches!(refused(witness.witness(at(7), by, &older, &key, None)), WitnessError::NotConsistent { .. }));
    for i in 10..20 {
        forked.append(&plain_record(i)).unwrap();
    }
    let longer = forked.last_checkpoint().unwrap();
    let proof = forked.consistency(size(&second), size(&longer)).unwrap();
    assert!(matches!(
        refused(witness.witness(at(8), by, &longer, &key, Some(&proof))),
        WitnessError::NotConsistent { .. }
    ));
    let stranger = NoteVerifier::parse(&witness.verifier()).unwrap();
    assert!(matches!(refused(witness.witness(at(9), by, &second, &stranger, None)), WitnessError::Note(_)));
    assert_eq!(verified(witness.path()), []);
}

#[test]
fn a_history_is_shown_and_a_scan_is_computed_again_from_the_command_line() {
    let dir = tempfile::tempdir().unwrap();
    let run = |arguments: &[&str], secrets: &[&str]| program(dir.path(), arguments, secrets);
    let scan = run(&["scan", "--port", "emulator", "--seed", "5", "--sample", "caffeine"], &[]);
    assert_eq!(scan.status.code(), Some(0), "{}", said(&scan));
    let again = run(&["--json", "casebook", "replay", "1"], &[]);
    assert_eq!(again.status.code(), Some(0), "{}", said(&again));
    let document: serde_json::Value = serde_json::from_slice(&again.stdout).unwrap();
    assert_eq!(document["same"], true);
    assert!(document["fields"].as_array().unwrap().len() > 10);
    assert!(document["not_of_that_day"].as_array().unwrap().is_empty());
    drop(staffed(dir.path()));
    let wrong = run(&["casebook", "parcel", "1", "--user", "officer", "--number", "RR473124828CN"], &[SECRET]);
    assert!(said(&wrong).contains("check digit should be 9"), "{}", said(&wrong));
    assert_eq!(
        run(&["casebook", "note", "1", "seal\u{1b}[2J broken", "--user", "officer"], &[SECRET]).status.code(),
        Some(0)
    );
    let over = ["casebook", "hand-over", "1", "--user", "officer", "--to", "laboratory", "--seal", "S-1"];
    assert_eq!(run(&over, &[SECRET, SECRET]).status.code(), Some(0));
    let shown = said(&run(&["casebook", "show", "1"], &[]));
    assert!(shown.contains("History") && shown.contains("by officer to laboratory"), "{shown}");
    assert!(!shown.contains('\u{1b}'));
}

#[test]
fn a_record_whose_answer_is_another_one_now_is_said_to_differ_and_where() {
    let dir = tempfile::tempdir().unwrap();
    let mut casebook = Casebook::open(&dir.path().join("casebook.sqlite3")).unwrap();
    // The example was never computed from its counts, and names a library that nobody has.
    casebook.append(&plain_record(0)).unwrap();
    drop(casebook);
    let output = program(dir.path(), &["casebook", "replay", "1"], &[]);
    let said = said(&output);
    assert_eq!(output.status.code(), Some(1), "{said}");
    assert!(said.contains("NOT THE SAME") && said.contains("verdict") && said.contains("DIFFERENT"), "{said}");
    assert!(said.contains("the library of that day (bundled 1") && said.contains("the engine of that day"), "{said}");
}
