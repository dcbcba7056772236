//! An imprint is never supported by a scan, and only contradicted by what was really found.

use std::sync::Arc;

use parcelscope::casebook::{Casebook, Role, StoredEvent};
use parcelscope::identify::{Answer, DetectionLimit, Engine, ImprintFinding, PillCheck, Strength};
use parcelscope::library::{Formulation, Formulations, Library};

use super::accounts::{SECRET, program, said, staffed};
use super::engine::{part, scan};

fn answer(key: &str) -> Answer {
    let library = Library::bundled().unwrap();
    let answer = Engine::new(Arc::clone(&library)).identify(&scan(vec![part(&library, key, 1.0)], 5));
    assert!(
        answer.identified.iter().any(|i| i.strength == Strength::Identified),
        "{key} is not identified: {}",
        answer.verdict.headline()
    );
    answer
}

fn check(imprint: &str, answer: &Answer) -> PillCheck {
    let rows: Vec<&Formulation> = Formulations::bundled().unwrap().with_imprint(imprint, None);
    PillCheck::of(imprint, &rows, answer, &Library::bundled().unwrap())
}

#[test]
fn a_medicine_that_does_not_belong_contradicts_an_imprint_and_the_one_that_does_never_supports_it() {
    let paracetamol = answer("acetaminophen");
    let foreign = check("M 30", &paracetamol);
    assert_eq!(foreign.finding, ImprintFinding::Inconsistent);
    assert_eq!(foreign.foreign, ["acetaminophen"]);
    assert!(foreign.sentence.contains("Suspected counterfeit"));
    let expected = check("t192", &paracetamol);
    assert_eq!(expected.finding, ImprintFinding::NeitherSupportedNorContradicted);
    assert!(expected.sentence.contains("1 to 2 % of the mass"), "{}", expected.sentence);
    assert!(expected.sentence.contains("neither supported nor contradicted"));
    assert!(!expected.sources.is_empty());
}

#[test]
fn an_imprint_outside_the_table_and_a_merely_possible_substance_contradict_nothing() {
    let mut paracetamol = answer("acetaminophen");
    let unknown = check("ZZ 999", &paracetamol);
    assert_eq!(unknown.finding, ImprintFinding::NeitherSupportedNorContradicted);
    assert!(unknown.sentence.contains("not in the table") && unknown.sources.is_empty());
    for found in &mut paracetamol.identified {
        found.strength = Strength::Possible;
    }
    assert_eq!(check("M 30", &paracetamol).finding, ImprintFinding::NeitherSupportedNorContradicted);
}

#[test]
fn a_filler_is_foreign_only_where_the_label_lists_what_else_is_in() {
    let sugar = answer("sucrose");
    // The list of fillers of M 30 was not read; that of K 18 was, and sucrose is not on it.
    assert_eq!(check("M 30", &sugar).finding, ImprintFinding::NeitherSupportedNorContradicted);
    assert_eq!(check("K 18", &sugar).foreign, ["sucrose"]);
    assert_eq!(check("K 18", &answer("lactose")).finding, ImprintFinding::NeitherSupportedNorContradicted);
}

#[test]
fn an_expected_substance_is_missed_only_far_above_the_limit_of_the_scan() {
    let library = Library::bundled().unwrap();
    let row = |share: f64| {
        let text = format!(
            "[[formulation]]\nimprint = \"Q 1\"\ncolour = \"\"\nshape = \"\"\ninactive = []\nsource = \"made up for a test\"\n\
             actives = [{{ substance = \"oxycodone hydrochloride\", mass_share = [{share}, 0.9] }}]\n"
        );
        Formulations::from_text(&text).unwrap()
    };
    let with_limit = |limit: Option<f64>| {
        let mut answer = answer("lactose");
        answer.detection_limits =
            vec![DetectionLimit { substance: "oxycodone hydrochloride".to_owned(), spectral_share: limit }];
        answer
    };
    for (share, limit, absent) in
        [(0.5, Some(0.05), true), (0.5, Some(0.2), false), (0.02, Some(0.05), false), (0.5, None, false)]
    {
        let table = row(share);
        let check = PillCheck::of("Q 1", &table.with_imprint("Q1", None), &with_limit(limit), &library);
        assert_eq!(!check.absent.is_empty(), absent, "{share} {limit:?}");
    }
}

#[test]
fn the_check_of_a_recorded_scan_becomes_a_note_on_the_record() {
    let dir = tempfile::tempdir().unwrap();
    drop(staffed(dir.path()));
    let officer = Role::Officer.name();
    let scanned = program(
        dir.path(),
        &["scan", "--port", "emulator", "--sample", "acetaminophen", "--seed", "3", "--user", officer],
        &[SECRET],
    );
    assert!(scanned.status.success(), "{}", said(&scanned));
    let pill = ["casebook", "pill", "1", "--imprint", "m30", "--colour", "blue", "--user", officer];
    let checked = program(dir.path(), &pill, &[SECRET]);
    assert!(checked.status.success(), "{}", said(&checked));
    assert!(said(&checked).contains("acetaminophen does not belong in it"), "{}", said(&checked));
    let casebook = Casebook::open(&dir.path().join("casebook.sqlite3")).unwrap();
    let kept: Vec<StoredEvent> = casebook.events_of(1).unwrap();
    assert!(
        kept.iter().any(|e| e.kind == "note" && e.words().is_some_and(|w| w.contains("m30") && w.contains("blue")))
    );
}
