//! A program that is not ours, in another language, accepts the proofs of records and rejects changed ones.

use std::path::Path;
use std::process::Command;
use std::time::Duration;

use parcelscope::casebook::Casebook;

use super::foreign_client::{python, run};
use super::record_examples::casebook_of;

#[test]
fn a_verifier_in_python_accepts_every_proof_and_rejects_a_thousand_changed_ones() {
    if crate::measured_data::folder("proofs by a foreign verifier").is_none() {
        return;
    }
    let python = python("proof-verifier", &["cryptography==50.0.2"]);
    let clients = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/promises/clients");
    let (dir, path) = casebook_of(9);
    let casebook = Casebook::open(&path).unwrap();
    let ask = |script: &str, arguments: &[&str]| {
        run(
            Command::new(&python).arg(clients.join(script)).args(arguments).env("PYTHONDONTWRITEBYTECODE", "1"),
            Duration::from_mins(2),
        )
    };
    let file = dir.path().join("proof.json");
    for id in 1..=9 {
        std::fs::write(&file, serde_json::to_string(&casebook.proof(id).unwrap()).unwrap()).unwrap();
        let said = ask("verify_proof.py", &[file.to_str().unwrap(), &casebook.verifier()]).unwrap();
        assert!(said.starts_with(&format!("verified: record {id} ")), "{said}");
    }
    let said = ask("mutate_proof.py", &[file.to_str().unwrap(), &casebook.verifier(), "1000"]).unwrap();
    assert_eq!(said.trim(), "1000 changed proofs rejected");
}
