//! What is shared about a find helps to recognise it and names nobody.

use std::fs;
use std::path::Path;
use std::process::{Command, Output};

use jiff::Timestamp;
use parcelscope::casebook::{Casebook, Event, Reference, Role, ScanRecord, Shipment, Statement};
use parcelscope::identify::{Component, Identified, ReferenceNote, Strength, Verdict};
use parcelscope::library::Tier;
use parcelscope::report::{Period, Statistics};
use parcelscope::spectrum::Spectrum;
use serde_json::{Value, json};

use super::accounts::{SECRET, at, program, staffed};

use super::record_examples::plain_record;
use super::report_exchange::result;

/// What a person typed or could be found by; none of it may be in an export.
const SECRETS: [&str; 12] = [
    "officer",
    "laboratory-person",
    "RR1",
    "Jane Roe",
    "2026/17",
    "State laboratory",
    "1790000",
    "S1\"",
    "cut with lactose",
    "Main Street",
    "spectrometer",
    "GC-MS",
];

/// A real scan of a powder of two substances, whose signal is a band at `band`.
fn powder(i: u32, parts: &[(&str, f64)], band: f64) -> ScanRecord {
    let mut record = plain_record(i);
    record.acquisition.simulated = false;
    "officer".clone_into(&mut record.operator);
    let axis: Vec<f64> = (0..900).map(|p| 250.0 + 2.0 * f64::from(p)).collect();
    let light = axis.iter().map(|x| 5_000.0 / (1.0 + ((x - band) / 6.0).powi(2)) + 10.0).collect();
    record.acquisition.spectrum = Spectrum::new(record.answer.technique, axis, light).unwrap();
    record.answer.verdict = Verdict::alert("possible-listed", "Possible X".to_owned(), "Hold.".to_owned());
    record.answer.identified = vec![Identified {
        substance: "fentanyl".to_owned(),
        cas: Some("437-38-7".to_owned()),
        form: "citrate".to_owned(),
        strength: Strength::Possible,
        groups: vec!["fentanyls".to_owned()],
        alternatives: vec![],
    }];
    let reference = || ReferenceNote { tier: Tier::Literature, source: "s".to_owned(), item: None };
    record.answer.mixture = parts
        .iter()
        .map(|(name, share)| Component {
            substance: (*name).to_owned(),
            cas: None,
            groups: vec![],
            spectral_share: *share,
            share_interval: None,
            p_value: None,
            alternatives: vec![],
            reference: reference(),
        })
        .collect();
    record
}

fn output(folder: &Path, arguments: &[&str]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_parcelscope"));
    command.arg("--data-dir").arg(folder).args(["--json", "casebook"]).args(arguments).output().unwrap()
}

fn ask(folder: &Path, arguments: &[&str]) -> Value {
    let output = output(folder, arguments);
    assert!(output.status.success(), "{output:?}");
    serde_json::from_slice::<Value>(&output.stdout).unwrap()
}

/// Five powders, the first four with a laboratory's confirmation and free texts all over.
fn finds(casebook: &mut Casebook) {
    let alike = [("fentanyl", 0.30), ("lactose", 0.70)];
    let powders = [
        powder(1, &alike, 1000.0),
        powder(2, &[("fentanyl", 0.33), ("lactose", 0.67)], 1000.0),
        powder(3, &[("fentanyl", 0.95), ("talc", 0.05)], 1000.0), // another composition
        powder(4, &alike, 1400.0),                                // another spectrum
        powder(5, &alike, 1000.0),                                // never confirmed
    ];
    for (n, record) in powders.iter().enumerate() {
        let id = casebook.append(record).unwrap();
        let said = |casebook: &mut Casebook, kind, body: &Value| {
            let event = Event { operator: "laboratory-person", kind, scan_id: Some(id), body };
            casebook.append_event(Timestamp::from_second(1_790_100_000).unwrap(), &event).unwrap()
        };
        let shipment = Shipment {
            concealment: Some("false-label".parse().unwrap()),
            declared: Some("cosmetics".parse().unwrap()),
            hs_code: Some("3304".parse().unwrap()),
            route: vec!["CN".parse().unwrap(), "US".parse().unwrap()],
            weight_g: Some(317),
        };
        for statement in
            [Statement::Shipment(shipment), Statement::Note { text: "addressed to Jane Roe, Main Street".to_owned() }]
        {
            said(casebook, statement.kind(), &serde_json::to_value(&statement).unwrap());
        }
        if n < 4 {
            let mut body = result(id, &casebook.dossier(id).unwrap().digest);
            body["substances"].as_array_mut().unwrap().push(json!({ "name": "the powder of Jane Roe" }));
            said(casebook, "laboratory-result", &body);
        }
    }
}

#[test]
fn confirmed_finds_are_shared_without_persons_and_alike_ones_are_linked_with_the_evidence() {
    let dir = tempfile::tempdir().unwrap();
    let mut casebook = Casebook::open(&dir.path().join("casebook.sqlite3")).unwrap();
    finds(&mut casebook);
    drop(casebook);
    let file = dir.path().join("finds.json");
    ask(dir.path(), &["intelligence", "--out", file.to_str().unwrap()]);
    let text = fs::read_to_string(&file).unwrap();
    let document: Value = serde_json::from_str(&text).unwrap();
    assert_eq!(document["finds"].as_array().unwrap().len(), 4, "the unconfirmed one is not shared");
    for personal in SECRETS {
        assert!(!text.contains(personal), "{personal}");
    }
    let find = &document["finds"][0];
    assert_eq!(find["laboratory"][0]["substance"].as_str().map(str::to_lowercase).as_deref(), Some("fentanyl"));
    assert_eq!(find["laboratory_others"], 1, "a name that the library does not know is only counted");
    let shipment = ["concealment", "declared", "hs_code", "weight_g"].map(|field| find[field].as_str().unwrap());
    assert_eq!(shipment, ["false-label", "cosmetics", "3304", "100 to 500"]);
    assert_eq!((&find["route"], &find["week"]), (&json!(["CN", "US"]), &json!("2026-W39")));
    assert_eq!((&find["named"][0]["form"], &find["named"][0]["groups"]), (&json!("citrate"), &json!(["fentanyls"])));
    assert!(find["signal"].as_array().unwrap().len() > 100);
    // Every name of a field is one that the published schema lists, and the schema lets no other through.
    let schema: Value = serde_json::from_str(include_str!("../../docs/schema/intelligence.schema.json")).unwrap();
    let listed = &schema["$defs"]["find"];
    assert_eq!(listed["additionalProperties"], false);
    let names = |value: &Value| value.as_object().unwrap().keys().cloned().collect::<Vec<_>>();
    assert_eq!(names(find), names(&listed["properties"]));
    let links = document["links"].as_array().unwrap();
    assert_eq!(links.len(), 1, "{links:?}");
    // Newest first: the first two powders are the last two finds.
    assert_eq!(links[0]["finds"], json!([2, 3]));
    assert_eq!(links[0]["evidence"]["common"][0]["substance"], "fentanyl");

    let related = ask(dir.path(), &["related", "1"]);
    let records: Vec<i64> =
        related["related"].as_array().unwrap().iter().map(|r| r["record"].as_i64().unwrap()).collect();
    assert_eq!(records, [5, 2], "the same composition first");
}

#[test]
fn only_who_may_shares_finds_and_what_left_is_on_record() {
    let dir = tempfile::tempdir().unwrap();
    let (mut casebook, _) = staffed(dir.path());
    finds(&mut casebook);
    drop(casebook);
    let out = |name: &str| dir.path().join(name).display().to_string();
    assert_eq!(output(dir.path(), &["intelligence", "--out", &out("nobody.json")]).status.code(), Some(2));
    for (role, code) in [(Role::Officer, 2), (Role::Supervisor, 0)] {
        let file = out(role.name());
        let arguments = ["casebook", "intelligence", "--out", &file, "--user", role.name()];
        assert_eq!(program(dir.path(), &arguments, &[SECRET]).status.code(), Some(code), "{}", role.name());
        assert_eq!(Path::new(&file).exists(), code == 0);
    }
    let connection = rusqlite::Connection::open(dir.path().join("casebook.sqlite3")).unwrap();
    let sql = "SELECT operator, body ->> 'finds' FROM event WHERE kind = 'finds-shared'";
    let shared: (String, i64) = connection.query_row(sql, [], |r| Ok((r.get(0)?, r.get(1)?))).unwrap();
    assert_eq!(shared, ("supervisor".to_owned(), 4));
}

#[test]
fn a_result_that_was_corrected_or_taken_back_counts_so_in_the_rates_and_over_time() {
    let dir = tempfile::tempdir().unwrap();
    let (mut casebook, actors) = staffed(dir.path());
    let laboratory = &actors[1];
    for n in 0..3 {
        let id = casebook.append(&powder(n, &[("fentanyl", 1.0)], 1000.0)).unwrap();
        let confirmed = Statement::Confirmation {
            substance: "fentanyl".to_owned(),
            method: "GC-MS".to_owned(),
            report: format!("L-{n}"),
        };
        casebook.state(at(10), laboratory, id, &confirmed).unwrap();
    }
    let rates = |casebook: &Casebook| {
        let lines = casebook.verdict_lines(None, None).unwrap();
        let rates = Statistics::new(Period::Week, None, None, &lines).whole.laboratory.unwrap();
        (rates.true_warnings.count, rates.true_warnings.of)
    };
    assert_eq!(rates(&casebook), (3, 3));
    let confirmation = casebook.history(2).unwrap().last().unwrap().event;
    let of = Reference::Event(confirmation);
    casebook.correct(at(11), laboratory, 2, (of, "substance"), "", "samples were swapped").unwrap();
    assert_eq!(rates(&casebook), (2, 3), "refuted instead of confirmed");
    let of = Reference::Event(casebook.history(3).unwrap().last().unwrap().event);
    casebook.correct(at(12), laboratory, 3, (of, "result"), "withdrawn", "of another parcel").unwrap();
    assert_eq!(rates(&casebook), (1, 2), "taken back, so decided no more");
    let of = Reference::Scan(1);
    casebook.correct(at(13), laboratory, 1, (of, "taken-at"), "2026-01-05T10:00:00Z", "the clock was wrong").unwrap();
    drop(casebook);
    let statistics = ask(dir.path(), &["statistics", "--by", "month", "--until", "2026-02-01T00:00:00Z"]);
    assert_eq!(statistics["steps"].as_array().unwrap().len(), 1, "{statistics}");
    assert_eq!((&statistics["steps"][0]["begins"], &statistics["whole"]["scans"]), (&json!("2026-01-01"), &json!(1)));
    let shift = ask(dir.path(), &["shift", "--until", "2026-02-01T00:00:00Z"]);
    assert_eq!(
        (&shift["summary"]["scans"], &shift["summary"]["laboratory"]["true_warnings"]["count"]),
        (&json!(1), &json!(1))
    );
}
