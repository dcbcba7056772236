//! Spectra of others enter a draft with everything that was stated about them, or are refused with the reason.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::fs;
use std::io::{Cursor, Write as _};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicUsize, Ordering};

use jiff::Timestamp;
use parcelscope::laboratory::{
    Answers, Import, LaboratoryError, NOBODY, Naming, collect_files, import, remembered_answers,
};
use parcelscope::library::Tier;
use parcelscope::library::pack::{Decision, read_draft};
use parcelscope::spectrum::Technique;
use serde_json::Value;

use super::accounts::{SECRET, program, said};

/// Intensity at a shift: three bands on a slope, with a trace of noise that is the same every time.
pub fn intensity(shift_cm1: f64, first_cm1: f64) -> f64 {
    let band = |at: f64, height: f64| height * (-((shift_cm1 - at) / 7.0).powi(2)).exp();
    let noise = ((shift_cm1 * 12.989_8).sin() * 43_758.545).fract();
    100.0
        + 0.01 * shift_cm1
        + band(first_cm1, 1_000.0)
        + band(first_cm1 + 210.0, 600.0)
        + band(first_cm1 + 640.0, 800.0)
        + noise
}

fn points(first_cm1: f64) -> Vec<(f64, f64)> {
    (0..900).map(|i| 300.0 + 2.0 * f64::from(i)).map(|x| (x, intensity(x, first_cm1))).collect()
}

/// A file that says everything about its one spectrum.
fn jcamp(title: &str, kind: &str, points: &[(f64, f64)]) -> String {
    let mut text = format!(
        "##TITLE={title}\n##JCAMP-DX=4.24\n##DATA TYPE={kind}\n##XUNITS=1/CM\n##YUNITS=COUNTS\n##FIRSTX={}\n##LASTX={}\n\
         ##NPOINTS={}\n##XFACTOR=1\n##YFACTOR=1\n##XYPOINTS=(XY..XY)\n",
        points[0].0,
        points[points.len() - 1].0,
        points.len()
    );
    for (x, y) in points {
        writeln!(text, "{x}, {y}").unwrap();
    }
    text + "##END=\n"
}

/// A file that says nothing but numbers.
pub fn bare(first_cm1: f64) -> String {
    points(first_cm1).iter().fold(String::new(), |text, (x, y)| text + &format!("{x},{y}\n"))
}

fn zip(files: &[(&str, &str)]) -> Vec<u8> {
    let mut archive = zip::ZipWriter::new(Cursor::new(Vec::new()));
    for (name, text) in files {
        archive.start_file(*name, zip::write::SimpleFileOptions::default()).unwrap();
        archive.write_all(text.as_bytes()).unwrap();
    }
    archive.finish().unwrap().into_inner()
}

/// A folder with a data folder, an empty draft and a folder of files.
struct Bench {
    folder: tempfile::TempDir,
}

impl Bench {
    fn new() -> Self {
        let bench = Self { folder: tempfile::tempdir().unwrap() };
        fs::create_dir(bench.files()).unwrap();
        let draft = bench.draft();
        bench.run(&["library", "draft", draft.to_str().unwrap(), "--version", "9", "--empty"], 0);
        bench
    }

    fn files(&self) -> PathBuf {
        self.folder.path().join("files")
    }

    fn draft(&self) -> PathBuf {
        self.folder.path().join("draft")
    }

    fn data(&self) -> PathBuf {
        self.folder.path().join("data")
    }

    fn write(&self, name: &str, bytes: impl AsRef<[u8]>) {
        fs::write(self.files().join(name), bytes).unwrap();
    }

    fn run(&self, arguments: &[&str], code: i32) -> String {
        let output = program(&self.data(), arguments, &[]);
        assert_eq!(output.status.code(), Some(code), "{arguments:?}: {}", said(&output));
        if code == 2 { said(&output) } else { String::from_utf8(output.stdout).unwrap() }
    }

    fn of_folder(&self, source: &str, more: &[&str], code: i32) -> String {
        let (files, draft) = (self.files(), self.draft());
        let fixed = ["library", "import", files.to_str().unwrap(), "--into", draft.to_str().unwrap()];
        self.run(&[&fixed, &["--source", source, "--json"][..], more].concat(), code)
    }

    /// What the import says of the whole folder.
    fn import(&self, source: &str, more: &[&str], code: i32) -> Value {
        serde_json::from_str(&self.of_folder(source, more, code)).unwrap()
    }

    /// Why it was not begun.
    fn refused(&self, source: &str, more: &[&str]) -> String {
        self.of_folder(source, more, 2)
    }
}

/// File names without folders, of one list of the report.
fn names(report: &Value, list: &str) -> Vec<String> {
    let base = |v: &Value| v["file"].as_str().unwrap().rsplit('/').next().unwrap().to_owned();
    report[list].as_array().unwrap().iter().map(base).collect()
}

fn why(report: &Value, file: &str) -> String {
    let refused = report["refused"].as_array().unwrap();
    let found = refused.iter().find(|r| r["file"].as_str().unwrap().ends_with(file));
    found.unwrap_or_else(|| panic!("{file}: {report}"))["why"].as_str().unwrap().to_owned()
}

const TERMS: [&str; 6] = ["--citation", "A partner, 2026", "--licence", "by-agreement", "--group", "food"];

#[test]
fn what_a_file_does_not_say_is_stated_and_remembered_for_its_source_and_never_guessed() {
    let bench = Bench::new();
    bench.write("whole.jdx", jcamp("sweet thing", "RAMAN SPECTRUM", &points(500.0)));
    bench.write("bare.csv", bare(620.0));
    bench.write("mass.jdx", jcamp("ions", "MASS SPECTRUM", &points(500.0)));
    bench.write("flat.jdx", jcamp("nothing", "RAMAN SPECTRUM", &points(9_000.0)));
    bench.write("junk.spc", "no spectrum at all");

    let by_file = ["--name-by", "file"];
    let said_nothing = bench.refused("partner", &by_file);
    assert!(said_nothing.contains("nothing states the citation"), "{said_nothing}");

    let first = bench.import("partner", &[&by_file[..], &TERMS].concat(), 0);
    assert_eq!(names(&first, "taken"), ["whole.jdx"]);
    assert!(why(&first, "bare.csv").contains("must not rest on a supposition"), "{first}");
    assert!(why(&first, "mass.jdx").to_lowercase().contains("mass"), "{first}");
    assert!(why(&first, "flat.jdx").contains("no band"), "{first}");
    assert!(!why(&first, "junk.spc").is_empty());

    let stated = ["--technique", "raman", "--x-unit", "cm-1", "--laser-nm", "785"];
    let second = bench.import("partner", &[&by_file[..], &stated].concat(), 0);
    assert_eq!(names(&second, "taken"), ["bare.csv"], "what is there already is not taken twice: {second}");
    assert!(why(&second, "whole.jdx").contains("already"));
    let remarks = second["taken"][0]["stated"].to_string();
    assert!(remarks.contains("technique") || remarks.contains("Raman"), "{remarks}");
    assert!(remarks.contains("laser 785 nm"), "{remarks}");

    // The next delivery of this source needs no words; another source is asked anew.
    bench.write("later.csv", bare(700.0));
    let elsewhere = bench.import("stranger", &[&by_file[..], &TERMS].concat(), 1);
    assert!(why(&elsewhere, "later.csv").contains("supposition"));
    let third = bench.import("partner", &by_file, 0);
    assert_eq!(names(&third, "taken"), ["later.csv"]);
    assert_eq!(third["taken"][0]["stated"], second["taken"][0]["stated"]);
    let kept = remembered_answers(&bench.data(), "partner").unwrap();
    assert_eq!(
        (kept.choices.technique, kept.licence.as_deref()),
        (Some(Technique::Raman), Some("by-agreement")),
        "{kept:?}"
    );

    // The draft says who said what of each, and that all of it waits: references, and what is new of their substances.
    let content = read_draft(&bench.draft()).unwrap();
    assert_eq!((content.library.references.len(), content.waiting().len()), (3, 6));
    assert!(content.approvals.iter().all(|a| a.by == NOBODY && a.step == Decision::Submitted));
    for reference in &content.library.references {
        let provenance = reference.provenance.as_ref().unwrap();
        assert!(provenance.assumed.is_empty() && provenance.files[0].sha256.len() == 64, "{provenance:?}");
        assert_eq!((reference.tier, reference.licence.as_str()), (Tier::MeasuredElsewhere, "by-agreement"));
        let measured = reference.measured.as_ref().unwrap().spectrum();
        assert_eq!(measured.axis_cm1().len(), 900, "full resolution");
    }
    let bare = content.library.find_index("bare").unwrap();
    let bare = content.library.references_of(bare).next().unwrap();
    assert_eq!(bare.laser_nm, Some(785.0));
    assert!(!bare.provenance.as_ref().unwrap().stated.is_empty());
}

#[test]
fn labels_name_files_in_folders_and_archives_and_what_they_name_in_vain_is_said() {
    let bench = Bench::new();
    let spectrum = |at| jcamp("x", "RAMAN SPECTRUM", &points(at));
    let (a, b, c) = (spectrum(500.0), spectrum(560.0), spectrum(610.0));
    bench.write("many.zip", zip(&[("one/a.jdx", a.as_str()), ("two/a.jdx", b.as_str()), ("readme.txt", "hello")]));
    bench.write("single.zip", zip(&[("c.jdx", c.as_str())]));
    bench.write("unlabelled.jdx", spectrum(680.0));
    let labels = bench.folder.path().join("labels.csv");
    let table = "file,substance,cas,formula,group,form\none/a.jdx,Sucrose,57-50-1,C12H22O11,food,crystals\n\
                 two/a.jdx,Novelane,50-00-1,C2H6O,food,\nc.jdx,Novelane,,CH2O,food,\ngone.jdx,Water,,,food,\n";
    fs::write(&labels, table).unwrap();
    let more = [&["--labels", labels.to_str().unwrap()][..], &TERMS].concat();
    let report = bench.import("archive", &more, 0);
    assert_eq!(names(&report, "taken"), ["a.jdx", "c.jdx"], "{report}");
    assert!(why(&report, "two/a.jdx").contains("check digit"), "{report}");
    assert!(why(&report, "unlabelled.jdx").contains("no label"), "{report}");
    assert_eq!(report["labels_without_file"], serde_json::json!(["gone.jdx"]));
    let library = read_draft(&bench.draft()).unwrap().library;
    let sucrose = &library.substances[library.find_index("57-50-1").unwrap()];
    assert_eq!((sucrose.name.as_str(), sucrose.formula.as_deref()), ("Sucrose", Some("C12H22O11")));
    fs::write(&labels, "file,substanze\na,b\n").unwrap();
    let refused = bench.refused("archive", &["--labels", labels.to_str().unwrap()]);
    assert!(refused.contains("no column `substanze`"), "a misspelt column is no column: {refused}");
}

#[test]
fn a_preview_and_a_cancelled_import_leave_the_draft_as_it_was() {
    let bench = Bench::new();
    for i in 0..40_i32 {
        bench.write(&format!("{i:02}.jdx"), jcamp("x", "RAMAN SPECTRUM", &points(450.0 + 10.0 * f64::from(i))));
    }
    let before = fs::read(bench.draft()).unwrap();
    let more = [&["--name-by", "file", "--preview"][..], &TERMS].concat();
    let preview = bench.import("partner", &more, 0);
    assert_eq!((preview["taken"].as_array().unwrap().len(), &preview["saved"]), (40, &Value::Bool(false)));
    assert_eq!(fs::read(bench.draft()).unwrap(), before);
    assert_eq!(remembered_answers(&bench.data(), "partner").unwrap(), Answers::default());

    let statement = Import {
        source: "partner".to_owned(),
        answers: Answers {
            citation: Some("c".to_owned()),
            licence: Some("by-agreement".to_owned()),
            groups: vec!["food".to_owned()],
            ..Answers::default()
        },
        tier: Tier::MeasuredElsewhere,
        naming: Naming::File,
        author: "ana".to_owned(),
        at: Timestamp::UNIX_EPOCH,
    };
    let files = collect_files(&[bench.files()]).unwrap();
    let asked = AtomicUsize::new(0);
    let five = |done: usize, all: usize| {
        assert_eq!(all, 40);
        asked.fetch_add(1, Ordering::Relaxed);
        done < 5
    };
    let ended = import(read_draft(&bench.draft()).unwrap(), &files, &statement, &five);
    assert!(matches!(ended, Err(LaboratoryError::Cancelled)));
    assert!(asked.load(Ordering::Relaxed) < 25, "the files after the cancel are not read");
    let (content, _) = import(read_draft(&bench.draft()).unwrap(), &files, &statement, &|_, _| true).unwrap();
    assert_eq!(content.library.references.len(), 40);
}

#[test]
fn somebody_without_the_role_imports_nothing() {
    let bench = Bench::new();
    bench.write("whole.jdx", jcamp("sweet thing", "RAMAN SPECTRUM", &points(500.0)));
    enrol(&bench.data(), &[("ana", "laboratory"), ("olga", "officer")]);
    let (files, draft) = (bench.files(), bench.draft());
    let arguments = |user: &'static [&'static str]| {
        let fixed = ["library", "import", files.to_str().unwrap(), "--into", draft.to_str().unwrap()];
        let fixed = [&fixed, &["--source", "partner", "--name-by", "file"][..], &TERMS, user].concat();
        fixed.into_iter().map(str::to_owned).collect::<Vec<_>>()
    };
    let run = |user| {
        let arguments = arguments(user);
        let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
        program(&bench.data(), &arguments, &[SECRET])
    };
    let (nobody, officer) = (run(&[]), run(&["--user", "olga"]));
    assert!(nobody.status.code() == Some(2) && said(&nobody).contains("--user"), "{}", said(&nobody));
    assert!(officer.status.code() == Some(2) && said(&officer).contains("officer"), "{}", said(&officer));
    let ana = run(&["--user", "ana"]);
    assert_eq!(ana.status.code(), Some(0), "{}", said(&ana));
    assert_eq!(read_draft(&draft).unwrap().approvals[0].by, "ana");
}

/// Enrols an administrator `ada` and these accounts, all with the usual secret.
pub fn enrol(data: &Path, accounts: &[(&str, &str)]) {
    let first = program(data, &["account", "enrol", "ada", "--role", "administrator"], &[SECRET]);
    assert_eq!(first.status.code(), Some(0), "{}", said(&first));
    for (name, role) in accounts {
        let arguments = ["account", "enrol", name, "--role", role, "--user", "ada"];
        let done = program(data, &arguments, &[SECRET, SECRET]);
        assert_eq!(done.status.code(), Some(0), "{}", said(&done));
    }
}

/// What the measured files of each format give when nothing but their technique-free facts is stated: format, files, arrays
/// taken, files and arrays refused.
#[test]
fn of_the_measured_files_of_every_format_each_array_is_taken_or_refused_with_a_sentence() {
    let Some(data) = crate::measured_data::folder("import of real files of every format") else { return };
    let bench = Bench::new();
    let (folder, draft) = (data.join("formats"), bench.draft());
    let fixed = ["library", "import", folder.to_str().unwrap(), "--into", draft.to_str().unwrap()];
    let more = ["--source", "formats", "--name-by", "file", "--json"];
    let report: Value = serde_json::from_str(&bench.run(&[&fixed, &more[..], &TERMS].concat(), 0)).unwrap();
    let mut table: BTreeMap<String, [usize; 3]> = BTreeMap::new();
    let format = |file: &str| file.split("/formats/").nth(1).unwrap().split('/').next().unwrap().to_owned();
    for file in collect_files(&[folder]).unwrap() {
        table.entry(format(&file.to_string_lossy())).or_default()[0] += 1;
    }
    let rows = |list: &str| report[list].as_array().unwrap().clone();
    for taken in rows("taken") {
        table.entry(format(taken["file"].as_str().unwrap())).or_default()[1] += 1;
    }
    for refused in rows("refused") {
        assert!(refused["why"].as_str().unwrap().len() > 20, "{refused}");
        table.entry(format(refused["file"].as_str().unwrap())).or_default()[2] += 1;
    }
    println!("{:<14} files taken refused", "format");
    for (format, [files, taken, refused]) in &table {
        println!("{format:<14} {files:>5} {taken:>5} {refused:>7}");
        assert!(taken + refused >= *files, "{format}: every file is accounted for");
    }
    let total = |i: usize| table.values().map(|r| r[i]).sum::<usize>();
    println!("{:<14} {:>5} {:>5} {:>7}", "all", total(0), total(1), total(2));
    assert!(total(1) >= 20, "{table:?}");
    let library = read_draft(&draft).unwrap().library;
    assert_eq!(library.references.len(), total(1));
    assert!(library.references.iter().all(|r| r.provenance.as_ref().unwrap().assumed.is_empty()));
    // Nothing that is no vibrational spectrum comes in, whatever its file is called.
    for strange in ["set-TESTSPEC", "DRUG_SAMPLE", "set-TESTFID", "HOLMIUM", "ftir_polyethylene", "cheminfo-iv"] {
        assert!(!names(&report, "taken").iter().any(|n| n.contains(strange)), "{strange}");
    }
}
