//! A laboratory day in the window: import, add from the analyzer, review by another person, evaluate, sign, install on a
//! second data folder, scan there. Over real sessions with emulated analyzers, so that everything in it is simulated.

use std::fmt::Write as _;
use std::path::Path;

use egui_kittest::Harness;
use egui_kittest::kittest::Queryable;
use parcelscope::casebook::{Casebook, NewAccount, Role, Secret};
use parcelscope::library::Library;
use parcelscope::session::{KitChoice, SessionConfig, casebook_path};
use parcelscope::spectrum::Technique;
use parcelscope::ui::{App, RunningSession};

use crate::on_records::type_into;
use crate::on_script::{check_targets, ready};
use crate::on_session::wait_for;
use crate::script::Script;
use crate::{SIZES, name_starting, names, press, window};

pub const PHRASE: &str = "correct horse battery";
/// The substance of the day: the bundled library knows it by a calculation only, so that it cannot be identified yet.
const NEW: &str = "acetylfentanyl";

pub fn staff(folder: &Path) {
    let mut book = Casebook::open(&casebook_path(folder)).expect("a casebook");
    let now = jiff::Timestamp::now();
    let account = |name: &str, role| NewAccount {
        name: name.to_owned(),
        role,
        badge: None,
        training_expires: None,
        secret: Secret::new(PHRASE),
    };
    book.enrol_first(now, &account("ada", Role::Administrator)).expect("an administrator");
    let uptime = parcelscope::session::system_uptime();
    let ada = book.sign_in(now, &uptime, "ada", &Secret::new(PHRASE)).expect("signs in");
    for (name, role) in
        [("lena", Role::Laboratory), ("rhea", Role::Reviewer), ("rolf", Role::Releaser), ("omar", Role::Officer)]
    {
        book.enrol(now, &ada, &account(name, role)).expect("an account");
    }
}

pub fn open(folder: &Path, who: &str, sample: &str) -> Harness<'static, App> {
    let kit = KitChoice::Emulator { sample: sample.to_owned(), seed: 7, virtual_time: true };
    let config = SessionConfig::new(folder.to_owned(), kit).with_idle_lock(std::time::Duration::from_hours(1));
    let mut h = window(Box::new(RunningSession::start(config).expect("threads")), SIZES[0]);
    wait_for(&mut h, "Sign in");
    wait_for(&mut h, "Laser off");
    sign_in(&mut h, who);
    h
}

fn sign_in(h: &mut Harness<'_, App>, who: &str) {
    type_into(h, "Account name", who);
    type_into(h, "Account secret", PHRASE);
    press(h, "Sign in now");
    wait_for(h, "Library page");
    wait_for(h, "Sign out");
}

pub fn change_to(h: &mut Harness<'_, App>, who: &str) {
    press(h, "Sign out");
    wait_for(h, "Sign in now");
    sign_in(h, who);
}

/// Opens the desk and waits until it knows how things stand: until then nothing can be typed or pressed.
pub fn desk(h: &mut Harness<'_, App>) {
    press(h, "Library page");
    press(h, "Laboratory: drafts, packs, keys");
    wait_for(h, "Begin");
}

pub fn step(h: &mut Harness<'_, App>, step: &str) {
    press(h, step);
    h.run_ok();
}

/// Types into fields; their labels have the same words.
pub fn fill(h: &mut Harness<'_, App>, fields: &[(&str, &str)]) {
    for (field, text) in fields {
        let input = |h: &mut Harness<'_, App>, act: &dyn Fn(&egui_kittest::Node<'_>)| {
            act(&h.get_by_role_and_label(egui::accesskit::Role::TextInput, field));
            h.run_ok();
        };
        // A long form is scrolled; its fields are there all the same.
        input(h, &|node| node.scroll_to_me());
        input(h, &|node| node.focus());
        input(h, &|node| node.type_text(text));
    }
}

/// A spectrum of a substance of the bundled library as a text file.
fn text_file(path: &Path, name: &str) {
    let library = Library::bundled().expect("the library");
    let substance = library.find_index(name).expect("a substance");
    let reference = library
        .references_of(substance)
        .find(|r| r.technique == Technique::Raman && r.can_support_identification())
        .expect("a reference");
    let axis: Vec<f64> = (0..900).map(|i| 200.0 + 2.0 * f64::from(i)).collect();
    let mut text = "Raman shift (cm-1),Intensity (counts)\n".to_owned();
    for (i, (x, y)) in axis.iter().zip(reference.synthesize(&axis, 8.0, reference.own_resolution_cm1)).enumerate() {
        // Deterministic noise of a good scan.
        let noise = ((i * 7919) % 13) as f64 - 6.0;
        writeln!(text, "{x:.1},{:.1}", 500.0 + 8_000.0 * y + 4.0 * noise).expect("text");
    }
    std::fs::write(path, text).expect("a file");
}

/// The scientist checks the analyzer and measures the standard three times.
fn measure(h: &mut Harness<'_, App>) {
    press(h, "Device page");
    press(h, "Check now");
    press(h, "Measure");
    wait_for(h, "Passed");
    press(h, "Scan page");
    for record in 1..=3 {
        press(h, "Scan");
        wait_for(h, &format!("Record {record} saved"));
        press(h, "Next parcel");
    }
}

/// A draft; a spectrum of a partner comes in, seen before it is taken.
fn bring_in(h: &mut Harness<'_, App>, files: &Path) {
    desk(h);
    fill(h, &[("Name of the draft", "autumn"), ("Version", "2027.1")]);
    press(h, "Begin");
    wait_for(h, "Began the draft autumn");
    step(h, "Import");
    press(h, "The file's name");
    press(h, "raman");
    fill(
        h,
        &[
            ("Files or folders", &files.join("sucrose.csv").to_string_lossy()),
            ("Short name of the source", "partner"),
            ("Laser, nm", "785"),
            ("Who made it, what, when", "A partner, 2026"),
            ("Terms", "by-agreement"),
        ],
    );
    press(h, "Preview");
    wait_for(h, "1 spectra would be taken");
    press(h, "Import now");
    wait_for(h, "1 spectra taken, waiting for a reviewer");
}

/// The standard is added, after its look-alikes were shown. Its author cannot approve it.
fn add(h: &mut Harness<'_, App>) {
    step(h, "Add");
    fill(
        h,
        &[
            ("Numbers of its scans", "1, 2, 3"),
            ("Substance", NEW),
            ("Lot of the standard", "L-1"),
            ("Certificate number", "C-1"),
        ],
    );
    press(h, "What could it be taken for?");
    wait_for(h, "Found beside cutting agents");
    press(h, "Submit");
    wait_for(h, "Submitted the reference");
    step(h, "Review");
    let approve = wait_for(h, &format!("Approve {NEW}"));
    press(h, &approve);
    wait_for(h, "The role of this account may not");
}

fn compare(h: &mut Harness<'_, App>, files: &Path, labels: &Path) {
    step(h, "Evaluate");
    fill(
        h,
        &[
            ("Folder of labelled spectra", &files.to_string_lossy()),
            ("Table of what each is (CSV)", &labels.to_string_lossy()),
        ],
    );
    press(h, "Compare");
    wait_for(h, "Asked both about 1 spectra");
}

/// Another person approves, one by one.
fn approve(h: &mut Harness<'_, App>) {
    change_to(h, "rhea");
    step(h, "Review");
    for name in [NEW, "sucrose"] {
        let approve = wait_for(h, &format!("Approve {name}"));
        press(h, &approve);
        wait_for(h, "Approved 1 reference");
    }
    wait_for(h, "0 wait");
}

/// A third signs: the pack, and the public half of the key. The draft holds simulated references: it must be called a
/// training pack.
fn release(h: &mut Harness<'_, App>) -> (String, String) {
    change_to(h, "rolf");
    step(h, "Packs and keys");
    fill(h, &[("Name of a new key", "lab-2027"), ("Its passphrase, 12 or more", PHRASE)]);
    press(h, "Make the key");
    let made = wait_for(h, "Made the key.");
    let verifier = made.rsplit(": ").next().expect("the public half").to_owned();
    step(h, "Release");
    fill(h, &[("Signing key", "lab-2027"), ("Passphrase of the key", PHRASE)]);
    press(h, "Sign");
    wait_for(h, "The draft was not signed");
    fill(h, &[("Passphrase of the key", PHRASE)]);
    press(h, "A training pack");
    press(h, "Sign");
    let pack = wait_for(h, "Signed: ").trim_start_matches("Signed: ").to_owned();
    (pack, verifier)
}

#[test]
fn a_laboratory_day_ends_with_an_alarm_on_the_new_substance_on_another_unit() {
    let (laboratory, field, files) =
        (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    staff(laboratory.path());
    staff(field.path());
    text_file(&files.path().join("sucrose.csv"), "sucrose");
    let labels = files.path().join("labels.txt");
    std::fs::write(&labels, "file,substance,technique\nsucrose.csv,sucrose,raman\n").unwrap();
    let mut h = open(laboratory.path(), "lena", NEW);
    measure(&mut h);
    bring_in(&mut h, files.path());
    add(&mut h);
    compare(&mut h, files.path(), &labels);
    approve(&mut h);
    let (pack, verifier) = release(&mut h);
    drop(h);

    // Another unit: an officer may not install; the administrator trusts the key and installs.
    let mut h = open(field.path(), "omar", NEW);
    press(&mut h, "Scan");
    wait_for(&mut h, "Record 1 saved");
    let before = wait_for(&mut h, "Answer:");
    assert!(!before.contains("ALARM"), "{before}");
    change_to(&mut h, "ada");
    desk(&mut h);
    step(&mut h, "Packs and keys");
    fill(&mut h, &[("Pack to install", &pack)]);
    press(&mut h, "Install another line");
    wait_for(&mut h, "The pack");
    assert!(names(&h).iter().any(|n| n.contains("does not trust")), "{:?}", names(&h));
    fill(&mut h, &[("Public half of a key", &verifier)]);
    press(&mut h, "Trust");
    wait_for(&mut h, "Packs of lab-2027 are taken");
    press(&mut h, "Install another line");
    // The window that is open uses it.
    wait_for(&mut h, "Scans use ");
    change_to(&mut h, "omar");
    press(&mut h, "Scan page");
    press(&mut h, "Next parcel");
    press(&mut h, "Scan");
    wait_for(&mut h, "Record 2 saved");
    let answer = wait_for(&mut h, "Answer:");
    assert!(answer.contains("ALARM") && answer.contains(NEW), "{answer}");
    assert!(name_starting(&h, "SIMULATED").is_some());
}

#[test]
fn every_step_at_the_desk_fits_both_windows() {
    for size in SIZES {
        let script = Script::new();
        let mut h = ready(&script, true);
        h.set_size(size.into());
        press(&mut h, "Library page");
        press(&mut h, "Laboratory: drafts, packs, keys");
        let news = parcelscope::session::LibraryNews::Laboratory {
            done: Ok(parcelscope::session::Done::Looked),
            desk: Box::default(),
        };
        script.happen(parcelscope::session::Event::Library(news));
        h.run_ok();
        for step in ["Draft", "Import", "Facts", "Review", "Evaluate", "Release"] {
            press(&mut h, step);
            check_targets(&h, size, step);
        }
    }
}

#[test]
fn a_step_that_fails_inside_says_so_and_the_desk_goes_on() {
    let script = Script::new();
    let mut h = ready(&script, true);
    press(&mut h, "Library page");
    press(&mut h, "Laboratory: drafts, packs, keys");
    assert!(name_starting(&h, "Working").is_some());
    let why = "The part of the program that works on the library failed inside (index); report this message.";
    let news = parcelscope::session::LibraryNews::Trouble(why.to_owned());
    script.happen(parcelscope::session::Event::Library(news));
    h.run_ok();
    assert!(name_starting(&h, why).is_some(), "{:?}", names(&h));
    press(&mut h, "Begin");
}
