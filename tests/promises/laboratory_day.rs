//! A day in the laboratory, and what an officer sees the day after: from the first file to the alarm on a unit in the field.

use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};

use parcelscope::casebook::Casebook;
use parcelscope::library::pack::{read_draft, sign};
use parcelscope::signature::NoteSigner;
use parcelscope::spectrum::Spectrum;
use serde_json::Value;

use super::accounts::{SECRET, program, said};
use super::laboratory_import::{bare, enrol};

const PASSPHRASE: &str = "five random words in here";
/// A listed substance of which the bundled library has a calculation only.
const NEW: &str = "xylazine";

/// A data folder, and the program that runs on it.
pub struct Unit(pub PathBuf);

impl Unit {
    pub fn new(folder: &Path, name: &str) -> Self {
        Self(folder.join(name))
    }

    /// Runs the program, which must end with this code, and returns everything it said.
    pub fn run(&self, arguments: &[&str], secrets: &[&str], code: i32) -> String {
        let output = program(&self.0, arguments, secrets);
        assert_eq!(output.status.code(), Some(code), "{arguments:?}: {}", said(&output));
        said(&output)
    }

    /// Runs it well and reads the document it prints.
    pub fn json(&self, arguments: &[&str], secrets: &[&str]) -> Value {
        let output = program(&self.0, &[arguments, &["--json"]].concat(), secrets);
        assert_eq!(output.status.code(), Some(0), "{arguments:?}: {}", said(&output));
        serde_json::from_slice(&output.stdout).unwrap()
    }

    /// The spectrum of a record.
    pub fn spectrum(&self, record: i64) -> Spectrum {
        Casebook::open(&self.0.join("casebook.sqlite3")).unwrap().load(record).unwrap().record.acquisition.spectrum
    }

    /// An emulated analyzer that was calibrated and checked.
    pub fn ready(&self, seed: &str, user: &[&str], secrets: &[&str]) {
        let emulator = [&["--port", "emulator", "--seed", seed][..], user].concat();
        let standards = ["calibrate", "--standard", "polystyrene", "--standard", "acetaminophen"];
        self.run(&[&standards, &emulator[..]].concat(), secrets, 0);
        self.run(&[&["check"], &emulator[..]].concat(), secrets, 0);
    }
}

/// A file with nothing but the numbers of a spectrum.
pub fn write_csv(path: &Path, spectrum: &Spectrum) {
    let mut text = String::new();
    for (x, y) in spectrum.axis_cm1().iter().zip(spectrum.intensity()) {
        writeln!(text, "{x},{y}").unwrap();
    }
    fs::write(path, text).unwrap();
}

#[test]
fn a_substance_that_the_laboratory_adds_alarms_on_a_unit_that_installs_its_pack() {
    let folder = tempfile::tempdir().unwrap();
    let (lab, unit) = (Unit::new(folder.path(), "lab"), Unit::new(folder.path(), "unit"));
    let path = |name: &str| folder.path().join(name).to_str().unwrap().to_owned();
    let (draft, pack, files, queries, labels) =
        (path("draft"), path("new.pack"), path("files"), path("queries"), path("labels.csv"));

    // Before: the unit knows the substance from a calculation and says no more than possible.
    let scan = ["scan", "--port", "emulator", "--sample", NEW, "--seed", "44", "--integration-ms", "600"];
    unit.ready("44", &[], &[]);
    let before = unit.json(&scan, &[]);
    assert_eq!(before["verdict"]["level"], "alert", "{before}");

    // Morning: accounts, a key, a draft, and the files of a partner.
    enrol(&lab.0, &[("ana", "laboratory"), ("rita", "reviewer"), ("rolf", "releaser"), ("olga", "officer")]);
    lab.run(&["library", "key", "create", "lab-1"], &[SECRET], 2);
    lab.run(&["library", "key", "create", "lab-1", "--user", "ana"], &[SECRET, PASSPHRASE], 2);
    lab.run(&["library", "key", "create", "lab-1", "--user", "rolf"], &[SECRET, PASSPHRASE], 0);
    lab.run(&["library", "draft", &draft, "--version", "2027.1", "--name", "border"], &[], 0);
    import(&lab, &draft, &files);

    // Straight from the analyzer: not without a performance check, not with wrong facts, not by anybody.
    let facts = ["--lot", "L-77", "--certificate", "C-2026-4", "--purity", "98.5", "--formula", "C12H16N2S"];
    let fixed = ["library", "add", "--into", &draft, "--substance", NEW, "--port", "emulator", "--seed", "4"];
    let add =
        |more: &[&str], user: &str, code| lab.run(&[&fixed[..], more, &["--user", user]].concat(), &[SECRET], code);
    assert!(add(&facts, "ana", 2).contains("performance check"));
    lab.ready("4", &["--user", "ana"], &[SECRET]);
    assert!(add(&facts, "olga", 2).contains("officer"));
    assert!(add(&["--cas", "7361-61-8"], "ana", 2).contains("CAS"), "a number that is not that of the draft");
    assert!(add(&["--formula", "C2H6O"], "ana", 2).contains("molar mass"));
    assert!(add(&["--purity", "101"], "ana", 2).contains("purity"));
    let preview = add(&[&facts[..], &["--preview"]].concat(), "ana", 0);
    for wanted in ["220.3", "3 of 3 replicates", "similarity", "lactose", "corrected by axis"] {
        assert!(preview.contains(wanted), "{wanted}: {preview}");
    }
    assert!(preview.contains("Nothing was saved"));
    let added = lab.json(&[&fixed[..], &facts, &["--user", "ana"]].concat(), &[SECRET]);
    assert_eq!((&added["tier"], added["replicates"].as_array().unwrap().len()), (&Value::from("simulated"), 3));

    // Another person reviews.
    let waiting = lab.json(&["library", "review", &draft], &[]);
    let waiting = waiting["references"].as_array().unwrap();
    assert_eq!(waiting.len(), 2);
    let new = waiting.iter().find(|w| w["key"] == NEW).unwrap()["id"].as_str().unwrap().to_owned();
    let approve =
        |user: &str, code| lab.run(&["library", "review", &draft, "approve", "all", "--user", user], &[SECRET], code);
    assert!(approve("ana", 2).contains("laboratory"), "her role does not review");
    assert!(lab.run(&["library", "review", &draft, "approve", "all"], &[], 2).contains("signed in"));
    let sign = ["library", "sign", &draft, "--key", "lab-1", "--out", &pack];
    let sign = |more: &[&str], user: &str, code| {
        lab.run(&[&sign[..], more, &["--user", user]].concat(), &[SECRET, PASSPHRASE], code)
    };
    assert!(sign(&["--training"], "rolf", 2).contains("waits for a reviewer"));
    let back = ["library", "review", &draft, "return", &new[..10], "--reason", "which salt is it?", "--user", "rita"];
    lab.run(&back, &[SECRET], 0);
    assert!(approve("rita", 2).contains("was returned"));
    lab.run(&["library", "review", &draft, "approve", "novelane", "--user", "rita"], &[SECRET], 0);
    assert!(sign(&["--training"], "rolf", 2).contains("which salt is it?"));
    let out = ["library", "take-out", &draft, &new, "--reason", "form stated", "--user", "ana"];
    lab.run(&out, &[SECRET], 0);
    add(&[&facts[..], &["--form", "base"]].concat(), "ana", 0);
    approve("rita", 0);
    assert!(lab.run(&["library", "review", &draft], &[], 0).starts_with("0 waiting"));

    // The draft is compared with the library in use on the laboratory's own spectra.
    assert!(sign(&["--training"], "rolf", 2).contains("library evaluate"));
    measure_queries(&lab, &queries, &labels);
    let evaluate = ["library", "evaluate", &draft, "--queries", &queries, "--labels", &labels];
    let report = lab.json(&evaluate, &[]);
    assert_eq!((&report["spectra"], &report["simulated"]), (&Value::from(3), &Value::Bool(true)));
    assert_eq!(report["gains"][0]["expected"], NEW, "{report}");
    for regression in ["losses", "new_false_alarms", "new_wrong_names"] {
        assert_eq!(report[regression], Value::Array(vec![]), "{report}");
    }

    // It is signed by the releaser, and says that it is for training.
    assert!(sign(&["--training"], "rita", 2).contains("reviewer"));
    assert!(sign(&[], "rolf", 2).contains("--training"));
    sign(&["--training"], "rolf", 0);
    let verifier = lab.run(&["library", "key", "show", "lab-1"], &[], 0);

    // The unit takes it, and alarms.
    unit.run(&["library", "key", "trust", verifier.trim()], &[], 0);
    assert!(unit.run(&["library", "install", &pack], &[], 0).contains("border training"));
    let after = unit.json(&scan, &[]);
    assert_eq!(after["verdict"]["level"], "alarm", "{after}");
    assert_eq!((&after["identified"][0]["substance"], &after["simulated"]), (&Value::from(NEW), &Value::Bool(true)));
    assert_eq!(after["library"]["name"], "border training");
    let record = after["record"].as_i64().unwrap();
    assert!(unit.run(&["casebook", "replay", &record.to_string()], &[], 0).contains("The same in every field"));
    real_light_does_not_alarm(&unit, record, &path("light.csv"));
}

/// Files of a partner come in.
fn import(lab: &Unit, draft: &str, files: &str) {
    fs::create_dir(files).unwrap();
    fs::write(Path::new(files).join("novelane.csv"), bare(620.0)).unwrap();
    let import = [
        "library",
        "import",
        files,
        "--into",
        draft,
        "--source",
        "partner",
        "--name-by",
        "file",
        "--citation",
        "A partner, 2026",
        "--licence",
        "by-agreement",
        "--group",
        "cutting-agent",
        "--technique",
        "raman",
        "--x-unit",
        "cm-1",
        "--user",
        "ana",
    ];
    lab.run(&import, &[SECRET], 0);
}

/// The laboratory measures what it will ask its draft about.
fn measure_queries(lab: &Unit, queries: &str, labels: &str) {
    fs::create_dir(queries).unwrap();
    let mut table = "file,substance,technique,cas\n".to_owned();
    for (number, sample) in [NEW, "sucrose", "talc"].into_iter().enumerate() {
        let scan = [
            "scan",
            "--port",
            "emulator",
            "--sample",
            sample,
            "--seed",
            "21",
            "--integration-ms",
            "600",
            "--user",
            "ana",
        ];
        let record = lab.json(&scan, &[SECRET])["record"].as_i64().unwrap();
        let file = format!("{number}.csv");
        write_csv(&Path::new(queries).join(&file), &lab.spectrum(record));
        writeln!(table, "{file},{sample},raman,").unwrap();
    }
    fs::write(labels, table).unwrap();
}

/// What a training pack must not do.
fn real_light_does_not_alarm(unit: &Unit, record: i64, file: &str) {
    // The same light from a file, of which nobody knows that it is emulated, does not alarm on a simulated reference.
    write_csv(Path::new(file), &unit.spectrum(record));
    let from_file = unit.json(&["identify", file], &[]);
    let level = from_file.pointer("/0/verdict/level").or_else(|| from_file.pointer("/verdict/level")).unwrap();
    assert_ne!(level, "alarm", "{from_file}");
    // Everything about the reference travelled along.
    let shown = unit.run(&["library", "show", NEW, "--json"], &[], 0);
    assert!(shown.contains("simulated") && shown.contains("base"), "{shown}");
    let shown = unit.run(&["library", "show", NEW], &[], 0);
    for wanted in ["lot L-77", "certificate C-2026-4", "purity 98.5", "by ana", "replicate record", "nearest when"] {
        assert!(shown.contains(wanted), "{wanted}: {shown}");
    }
    let found = unit.json(&["library", "list", "--find", "XYLA", "--group", "veterinary-sedative"], &[]);
    assert_eq!(found["substances"][0]["name"], NEW, "{found}");
}

#[test]
fn the_daughter_units_answer_an_installed_pack_as_they_answered_the_laboratory() {
    let folder = tempfile::tempdir().unwrap();
    let (lab, unit) = (Unit::new(folder.path(), "lab"), Unit::new(folder.path(), "unit"));
    let draft = folder.path().join("draft");
    let pack = folder.path().join("parent.pack");
    let draft_name = draft.to_str().unwrap();
    lab.run(&["evaluate", "daughters", "--keep-pack", draft_name], &[], 0);
    let in_laboratory = lab.json(&["evaluate", "daughters", "--library", draft_name], &[]);
    let key = NoteSigner::new("lab", &[5; 32]).unwrap();
    sign(&pack, &read_draft(&draft).unwrap(), &key).unwrap();
    unit.run(&["library", "key", "trust", &key.verifier().text()], &[], 0);
    unit.run(&["library", "install", pack.to_str().unwrap()], &[], 0);
    let in_the_field = unit.json(&["evaluate", "daughters", "--library", "installed"], &[]);
    assert_eq!(in_the_field, in_laboratory);
    assert!(in_the_field.to_string().contains("simulated"), "{in_the_field}");
    println!("{in_the_field:#}");
}
