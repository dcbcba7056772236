//! Through the command line too, every role does what the table says and nothing else, and every refusal is on record.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

use parcelscope::casebook::{Act, Casebook, ROLE_TABLE, Role, VerifyOptions, verify};
use parcelscope::library::Library;

use super::accounts::{SECRET, program, said, staffed};
use super::record_examples::plain_record;
use super::report_exchange::result;

/// A command of every act that has one, with one record there. `NEW` is a file that is not there yet, `PHOTO`, `RESULT` and
/// `CHECKPOINT` are files, `KEY` is the key of the unit whose checkpoint that is, `OTHER` another account that may take
/// part in a hand-over.
const COMMANDS: &[(Act, &[&str])] = &[
    (
        Act::Scan,
        &[
            "scan",
            "--port",
            "emulator",
            "--seed",
            "1",
            "--integration-ms",
            "50",
            "--exposures",
            "1",
            "--kind",
            "control",
        ],
    ),
    (Act::Calibrate, &["calibrate", "--port", "emulator", "--standard", "polystyrene"]),
    (Act::Calibrate, &["check", "--port", "emulator"]),
    (Act::ManageKits, &["kit", "policy", "--tolerance", "2.5"]),
    (Act::ChooseKit, &["kit", "use", "emulator"]),
    (Act::ManagePacks, &["library", "warn-after", "90"]),
    (Act::Describe, &["casebook", "parcel", "1", "--number", "RR473124829CN"]),
    (Act::Describe, &["casebook", "shipment", "1", "--concealment", "in-paper", "--hs", "4901", "--route", "CN,US"]),
    (Act::Note, &["casebook", "note", "1", "text"]),
    (Act::Note, &["casebook", "pill", "1", "--imprint", "M 30"]),
    (Act::Attach, &["casebook", "attach", "1", "PHOTO", "--text", "the bag"]),
    (Act::Correct, &["casebook", "correct", "1", "--field", "parcel", "--now", "RR2", "--reason", "misread"]),
    (Act::Hold, &["casebook", "hold", "1"]),
    (Act::Seize, &["casebook", "seize", "1"]),
    (Act::Release, &["casebook", "release", "1"]),
    (Act::SendToLaboratory, &["casebook", "to-laboratory", "1", "--seal", "S", "--laboratory", "L"]),
    (Act::HandOver, &["casebook", "hand-over", "1", "--to", "OTHER", "--seal", "S"]),
    (Act::Confirm, &["casebook", "confirm", "1", "--method", "GC-MS", "--report", "L-9"]),
    (Act::Confirm, &["casebook", "take-result", "RESULT"]),
    (Act::SignOff, &["casebook", "sign-off", "1"]),
    (Act::ShareFinds, &["casebook", "intelligence", "--out", "NEW"]),
    (Act::LegalHold, &["casebook", "legal-hold", "1", "--reason", "case 7"]),
    (Act::LegalHold, &["casebook", "legal-hold", "1", "--lift", "--reason", "case 7 is closed"]),
    (Act::SetRetention, &["casebook", "retention", "10"]),
    (Act::ManageAccounts, &["account", "training", "auditor", "2027-01-01"]),
    (Act::ManageAccounts, &["account", "badge", "auditor", "--badge", "B-9"]),
    (Act::ManageAccounts, &["account", "reset", "auditor"]),
    (Act::ManageAccounts, &["account", "role", "auditor", "auditor"]),
    (Act::ManageAccounts, &["account", "enrol", "NAME", "--role", "auditor"]),
    (Act::Backup, &["casebook", "backup-plan", "."]),
    (Act::Backup, &["casebook", "backup", "FOLDER"]),
    (Act::Witness, &["casebook", "witness", "CHECKPOINT", "--key", "KEY"]),
];

/// What needs no account: whoever can read the file can read it without this program (docs/casebook.md).
const OPEN: &[(Act, &[&str])] = &[
    (Act::Read, &["casebook", "show", "1"]),
    (Act::Read, &["casebook", "report", "1", "--out", "NEW"]),
    (Act::Read, &["casebook", "export", "1", "--out", "NEW"]),
    (Act::Read, &["casebook", "select", "--out", "NEW"]),
    (Act::Verify, &["casebook", "verify"]),
    (Act::Verify, &["casebook", "checkpoint"]),
    (Act::Verify, &["casebook", "proof", "1"]),
];

/// What is done with references and packs belongs to the commands of the library and is not asked here.
const OF_THE_LIBRARY: [Act; 3] = [Act::SubmitReference, Act::ReviewReference, Act::ReleasePack];

/// What nobody may do has no command.
const NEVER: [Act; 3] = [Act::EditRecord, Act::DeleteRecord, Act::HideRecord];

#[test]
fn every_act_has_a_command_is_open_to_all_or_does_not_exist() {
    let named: BTreeSet<&str> = COMMANDS
        .iter()
        .chain(OPEN)
        .map(|(act, _)| act.words())
        .chain(NEVER.into_iter().chain(OF_THE_LIBRARY).map(Act::words))
        .collect();
    let table: BTreeSet<&str> = ROLE_TABLE.iter().map(|(act, _)| act.words()).collect();
    assert_eq!(named, table);
    for act in [Act::Read, Act::Verify] {
        assert!(Role::ALL.iter().all(|role| role.may(act)), "what needs no account is allowed to every role");
    }
}

fn refusals(path: &Path) -> usize {
    let sql = "SELECT count(*) FROM event WHERE kind = 'refused'";
    let count: i64 = rusqlite::Connection::open(path).unwrap().query_row(sql, [], |r| r.get(0)).unwrap();
    count as usize
}

#[test]
fn every_command_is_allowed_and_refused_as_the_table_says() {
    let (dir, other) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let (mut casebook, _) = staffed(dir.path());
    let mut record = plain_record(0);
    record.answer.library = Library::bundled().unwrap().identity.clone(); // a pill is compared with the library of the scan
    casebook.append(&record).unwrap();
    let digest = casebook.dossier(1).unwrap().digest;
    drop(casebook);
    let unit = Casebook::open(&other.path().join("casebook.sqlite3")).unwrap();
    let file = |name: &str, bytes: &[u8]| {
        let path = other.path().join(name);
        fs::write(&path, bytes).unwrap();
        path.display().to_string()
    };
    let photo = file("photo.jpg", b"light and shadow");
    let answer = file("result.json", result(1, &digest).to_string().as_bytes());
    let checkpoint = file("checkpoint.txt", unit.last_checkpoint().unwrap().as_bytes());
    let (key, path) = (unit.verifier(), dir.path().join("casebook.sqlite3"));
    let (mut allowed, mut refused) = (0, 0);
    for (n, (act, arguments)) in COMMANDS.iter().enumerate() {
        for role in Role::ALL {
            let name = format!("{n}-{}", role.name());
            let new = other.path().join(&name).display().to_string();
            let folder = other.path().join(format!("{name}-copies"));
            fs::create_dir(&folder).unwrap();
            let folder = folder.display().to_string();
            let taker = if role == Role::Supervisor { "officer" } else { "supervisor" };
            let filled: Vec<&str> = arguments
                .iter()
                .map(|argument| match *argument {
                    "NEW" => &new,
                    "PHOTO" => &photo,
                    "RESULT" => &answer,
                    "CHECKPOINT" => &checkpoint,
                    "KEY" => &key,
                    "FOLDER" => &folder,
                    "NAME" => &name,
                    "OTHER" => taker,
                    argument => argument,
                })
                .collect();
            let before = refusals(&path);
            // The second line is the secret of the other side, or a new one.
            let output = program(dir.path(), &[&filled, &["--user", role.name()][..]].concat(), &[SECRET, SECRET]);
            let (words, recorded) = (said(&output), refusals(&path) - before);
            if role.may(*act) {
                // A check may find that a kit is out of adjustment, and says so with 1.
                let done = matches!(output.status.code(), Some(0))
                    || (*act == Act::Calibrate && output.status.code() == Some(1));
                assert!(done && recorded == 0, "{filled:?} as {}: {words}", role.name());
                allowed += 1;
            } else {
                assert_eq!(output.status.code(), Some(2), "{filled:?} as {}: {words}", role.name());
                assert!(words.contains("may not"), "{filled:?} as {}: {words}", role.name());
                assert_eq!(recorded, 1, "{filled:?} as {} is refused on record", role.name());
                refused += 1;
            }
        }
    }
    for (n, (_, arguments)) in OPEN.iter().enumerate() {
        let new = other.path().join(format!("open-{n}.csv")).display().to_string();
        let filled: Vec<&str> = arguments.iter().map(|a| if *a == "NEW" { &new } else { *a }).collect();
        let output = program(dir.path(), &filled, &[]);
        assert_eq!(output.status.code(), Some(0), "{filled:?}: {}", said(&output));
    }
    for word in ["edit", "delete", "hide", "update", "remove"] {
        let output = program(dir.path(), &["casebook", word, "1"], &[]);
        assert_eq!(output.status.code(), Some(2), "there is no command '{word}'");
    }
    println!("{allowed} commands allowed, {refused} refused and recorded");
    assert_eq!(allowed + refused, COMMANDS.len() * Role::ALL.len());
    let report = verify(&path, &VerifyOptions::default(), &mut |_| true).unwrap().unwrap();
    assert_eq!(report.findings, []);
}

/// Both sides of a hand-over are asked; a side that may not take part, or does not sign in, ends it.
#[test]
fn whoever_may_not_take_a_parcel_is_not_given_one() {
    let dir = tempfile::tempdir().unwrap();
    let (mut casebook, _) = staffed(dir.path());
    casebook.append(&plain_record(0)).unwrap();
    let give = |to: &str, secrets: &[&str]| {
        program(dir.path(), &["casebook", "hand-over", "1", "--to", to, "--user", "officer"], secrets)
    };
    for role in Role::ALL.into_iter().filter(|role| *role != Role::Officer) {
        let output = give(role.name(), &[SECRET, SECRET]);
        let expected = if role.may(Act::HandOver) { 0 } else { 2 };
        assert_eq!(output.status.code(), Some(expected), "{}: {}", role.name(), said(&output));
    }
    for (to, secrets) in
        [("supervisor", &[SECRET, "not the secret"][..]), ("supervisor", &[SECRET]), ("officer", &[SECRET, SECRET])]
    {
        assert_eq!(give(to, secrets).status.code(), Some(2), "{to} {}", secrets.len());
    }
    let handed = casebook.history(1).unwrap().iter().filter(|entry| entry.kind == "hand-over").count();
    assert_eq!(handed, Role::ALL.iter().filter(|role| role.may(Act::HandOver)).count() - 1);
}
