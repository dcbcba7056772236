//! What leaves the house is whole, reads elsewhere, and what comes back from the laboratory is held against the record.

use std::fs;
use std::path::Path;
use std::process::{Command, Output};
use std::time::Duration;

use parcelscope::casebook::{Casebook, Role, Statement, VerifyOptions, verify};
use parcelscope::identify::Verdict;
use parcelscope::report::{Paper, package};
use serde_json::{Value, json};

use super::accounts::{at, staffed};
use super::foreign_client::{python, run};
use super::record_examples::plain_record;
use super::report::{casebook_with, full_record};

pub fn result(record: i64, digest: &str) -> Value {
    json!({
        "format": "parcelscope-laboratory-result/1", "record": record, "record_digest": digest, "laboratory": "State laboratory",
        "case_number": "2026/17", "method": "GC-MS", "reported_on": "2026-11-24", "outcome": "confirmed",
        "substances": [{ "name": "fentanyl", "cas": "437-38-7", "weight_percent": 3.5 }], "remark": "cut with lactose",
    })
}

fn parcelscope(folder: &Path, arguments: &[&str]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_parcelscope"));
    command.arg("--data-dir").arg(folder).args(["--json", "casebook"]).args(arguments).output().unwrap()
}

fn document(output: &Output) -> Value {
    serde_json::from_slice(&output.stdout).unwrap_or_else(|e| panic!("{e}: {output:?}"))
}

#[test]
fn the_same_record_gives_the_same_package() {
    let (_dir, mut casebook) = casebook_with(&full_record());
    let first = package(&casebook.dossier(1).unwrap(), None, Paper::A4).unwrap();
    casebook.append(&plain_record(2)).unwrap();
    assert_eq!(first, package(&casebook.dossier(1).unwrap(), None, Paper::A4).unwrap());
}

#[test]
fn a_package_reads_in_python_against_its_schemas_its_manifest_and_its_proof() {
    let python = python("package-reader", &["cryptography==50.0.2", "jcamp==1.3.2", "jsonschema==4.26.0"]);
    let clients = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/promises/clients");
    let (dir, casebook) = casebook_with(&full_record());
    let dossier = casebook.dossier(1).unwrap();
    let (zip, answer) = (dir.path().join("case.zip"), dir.path().join("result.json"));
    fs::write(&zip, package(&dossier, None, Paper::A4).unwrap()).unwrap();
    fs::write(&answer, result(1, &dossier.digest).to_string()).unwrap();
    let said = run(
        Command::new(&python)
            .arg(clients.join("read_package.py"))
            .args([&zip, &answer])
            .env("PYTHONDONTWRITEBYTECODE", "1"),
        Duration::from_mins(2),
    );
    let said = said.unwrap();
    assert!(said.starts_with("read: 18 files of record 1"), "{said}");
    // The verifier as it travels, with the proof as it travels.
    let unpack = "import sys, zipfile; zipfile.ZipFile(sys.argv[1]).extractall(sys.argv[2])";
    run(Command::new(&python).args(["-c", unpack]).arg(&zip).arg(dir.path()), Duration::from_mins(1)).unwrap();
    let proof = dir.path().join("proof");
    let said = run(
        Command::new(&python).arg(proof.join("verify_proof.py")).arg(proof.join("proof.json")).arg(casebook.verifier()),
        Duration::from_mins(1),
    );
    assert!(said.unwrap().starts_with("verified: record 1 "));
}

#[test]
fn a_package_proves_everything_that_it_holds_and_no_bent_member_is_accepted() {
    if crate::measured_data::folder("packages by a foreign verifier").is_none() {
        return;
    }
    let python = python("proof-verifier", &["cryptography==50.0.2"]);
    let clients = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/promises/clients");
    let dir = tempfile::tempdir().unwrap();
    let (mut casebook, staff) = staffed(dir.path());
    casebook.append(&full_record()).unwrap();
    casebook.append(&plain_record(2)).unwrap();
    let photo = dir.path().join("photo.txt");
    fs::write(&photo, "a bag with white powder").unwrap();
    let officer = staff.iter().find(|actor| actor.role() == Role::Officer).unwrap();
    let note = Statement::Note { text: "seal \"7\" was whole, čaj".to_owned() };
    casebook.state(at(10), officer, 1, &note).unwrap();
    casebook.attach(at(11), officer, 1, &photo, "as found").unwrap();
    let (zip, key) = (dir.path().join("case.zip"), casebook.verifier());
    fs::write(&zip, package(&casebook.dossier(1).unwrap(), None, Paper::A4).unwrap()).unwrap();
    let ask = |script: &str, more: &[&str], limit| {
        let mut command = Command::new(&python);
        command.arg(clients.join(script)).arg(&zip).arg(&key).args(more).env("PYTHONDONTWRITEBYTECODE", "1");
        run(&mut command, limit)
    };
    let said = ask("verify_proof.py", &[], Duration::from_mins(2)).unwrap();
    assert!(said.starts_with("verified: record 1 ") && said.contains("5 parts, 2 events and 1 files"), "{said}");
    let count = if std::env::var_os("PARCELSCOPE_LONG").is_some() { "1000" } else { "50" };
    let said = ask("mutate_package.py", &[count], Duration::from_hours(1)).unwrap();
    println!("{said}");
    assert!(said.contains("changed ones rejected"), "{said}");
}

#[test]
fn a_laboratory_result_comes_back_onto_its_record_and_no_other() {
    let mut real = plain_record(1);
    real.acquisition.simulated = false;
    real.answer.verdict = Verdict::alarm("identified", "fentanyl identified".to_owned(), "Hold.".to_owned());
    real.parcel = "=HYPERLINK(\"http://x\")".to_owned();
    let (dir, mut casebook) = casebook_with(&real);
    casebook.append(&plain_record(2)).unwrap();
    let (path, digest) = (casebook.path().to_owned(), casebook.dossier(1).unwrap().digest);
    drop(casebook);
    let file = dir.path().join("result.json");
    let confirm = |record, digest: &str| {
        fs::write(&file, result(record, digest).to_string()).unwrap();
        parcelscope(dir.path(), &["take-result", file.to_str().unwrap()])
    };
    for wrong in [confirm(2, &digest), confirm(1, &"0".repeat(64)), confirm(9, &digest)] {
        assert_eq!(wrong.status.code(), Some(2), "{wrong:?}");
    }
    assert_eq!(Casebook::open(&path).unwrap().events_of(1).unwrap().len(), 0, "nothing was taken over");
    let taken = confirm(1, &digest);
    assert_eq!((taken.status.code(), document(&taken)["record"].as_i64()), (Some(0), Some(1)));
    let history = Casebook::open(&path).unwrap().events_of(1).unwrap();
    assert_eq!((history.len(), &history[0].body["substances"][0]["name"]), (1, &json!("fentanyl")));
    let checked = verify(&path, &VerifyOptions::default(), &mut |_| true).unwrap().unwrap();
    assert!(checked.is_clean(), "the result is in the chain: {checked:?}");

    let summary = document(&parcelscope(dir.path(), &["shift"]))["summary"].clone();
    assert_eq!((&summary["scans"], &summary["simulated"]), (&json!(1), &json!(1)));
    assert_eq!(summary["laboratory"]["true_warnings"]["count"], 1);

    let table = dir.path().join("table.csv");
    let out = table.to_str().unwrap();
    assert_eq!(parcelscope(dir.path(), &["select", "--verdict", "alarm", "--out", out]).status.code(), Some(0));
    let text = fs::read_to_string(&table).unwrap();
    assert_eq!(text.lines().count(), 2, "{text}");
    assert!(text.contains("\"'=HYPERLINK(\"\"http://x\"\")\"") && text.contains(",confirmed"), "{text}");
    let again = parcelscope(dir.path(), &["select", "--out", out]);
    assert_eq!(again.status.code(), Some(2), "an existing file is not overwritten");
    let json_file = dir.path().join("table.json");
    let arguments = ["select", "--operator", "nobody", "--out", json_file.to_str().unwrap()];
    assert_eq!(parcelscope(dir.path(), &arguments).status.code(), Some(0));
    let listed: Value = serde_json::from_slice(&fs::read(&json_file).unwrap()).unwrap();
    assert_eq!(listed["records"], json!([]));
}
