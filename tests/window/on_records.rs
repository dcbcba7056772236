//! The Records screen: over a session that the test plays, and over a real one.

use std::sync::Arc;

use egui_kittest::Harness;
use egui_kittest::kittest::Queryable;
use parcelscope::casebook::{
    Casebook, HistoryEntry, NewAccount, RecordFilter, Role, ScanKind, ScanSummary, Secret, Statement,
};
use parcelscope::identify::Level;
use parcelscope::report::{Paper, PreviewMark, PreviewPage};
use parcelscope::session::{Command, Event, RecordNews, RecordWish, casebook_path};
use parcelscope::ui::App;

use crate::on_script::{check_targets, ready};
use crate::on_session::{session, wait_for};
use crate::script::{self, Script};
use crate::{SIZES, name_starting, names, press, window};

pub fn summary(id: i64) -> ScanSummary {
    ScanSummary {
        id,
        taken_at: "2026-11-24T14:08:30Z".parse().expect("a time"),
        operator: "unenrolled".to_owned(),
        parcel: String::new(),
        level: Level::Inconclusive,
        headline: "Too weak".to_owned(),
        simulated: true,
        kind: ScanKind::Sample,
    }
}

pub fn found(filter: RecordFilter, page: Vec<ScanSummary>, more: bool) -> Event {
    Event::Records(RecordNews::Found { filter, page, more, first: true })
}

pub fn type_into(h: &mut Harness<'_, App>, field: &str, text: &str) {
    h.get_by_label(field).focus();
    h.run_ok();
    h.get_by_label(field).type_text(text);
    h.run_ok();
}

fn asked(script: &Script) -> (RecordFilter, Option<ScanSummary>) {
    match script.commands().as_slice() {
        [Command::Records(RecordWish::Find { filter, before, .. })] => (filter.clone(), before.clone()),
        other => panic!("one question was expected, not {other:?}"),
    }
}

#[test]
fn records_are_paged_by_their_last_line_and_never_by_reading_all() {
    let script = Script::new();
    let mut h = ready(&script, true);
    press(&mut h, "Records page");
    assert_eq!(asked(&script), (RecordFilter::default(), None));
    script.happen(found(RecordFilter::default(), (51..=100).rev().map(summary).collect(), true));
    h.run_ok();
    press(&mut h, "Older");
    assert_eq!(asked(&script), (RecordFilter::default(), Some(summary(51))));
    script.happen(found(RecordFilter::default(), (1..=50).rev().map(summary).collect(), false));
    h.run_ok();
    press(&mut h, "Newer");
    assert_eq!(asked(&script), (RecordFilter::default(), None));
    script.happen(found(RecordFilter::default(), (51..=100).rev().map(summary).collect(), true));
    h.run_ok();
    let row = name_starting(&h, "Record 100,").expect("the newest record");
    press(&mut h, &row);
    assert_eq!(script.commands(), [Command::OpenRecord { id: 100 }, Command::Records(RecordWish::History(100))]);
}

#[test]
fn what_is_typed_and_chosen_is_looked_for_and_an_answer_to_an_earlier_question_is_not_shown() {
    let script = Script::new();
    let mut h = ready(&script, true);
    press(&mut h, "Records page");
    script.commands();
    type_into(&mut h, "Look for a substance", "fentanyl");
    type_into(&mut h, "Look for a parcel", " RR473124829CN ");
    press(&mut h, "Alarm");
    let (filter, before) = asked(&script);
    assert_eq!(filter.level, Some(Level::Alarm));
    assert_eq!(filter.substance.as_deref(), Some("fentanyl"));
    assert_eq!((filter.parcel.as_deref(), filter.operator.as_deref(), before), (Some("RR473124829CN"), None, None));
    script.happen(found(RecordFilter::default(), vec![summary(7)], false));
    h.run_ok();
    assert!(name_starting(&h, "Record 7,").is_none(), "a page of another question");
    script.happen(found(filter, vec![], false));
    h.run_ok();
    assert!(name_starting(&h, "No record is like this").is_some());
    press(&mut h, "7 days");
    let from = asked(&script).0.from.expect("a time");
    let days = jiff::Timestamp::now().duration_since(from).as_hours() / 24;
    assert_eq!(days, 7);
}

/// A window in which record 5 is open: an inconclusive scan.
fn opened(script: &Script) -> Harness<'static, App> {
    let mut h = ready(script, true);
    press(&mut h, "Records page");
    script.happen(found(RecordFilter::default(), vec![summary(5)], false));
    h.run_ok();
    let row = name_starting(&h, "Record 5,").expect("the record");
    press(&mut h, &row);
    script.commands();
    let mut scan = script::scan(script.library(), &[]);
    scan.id = 5;
    script.happen(Event::Record(Arc::new(scan)));
    h.run_ok();
    h
}

#[test]
fn the_package_for_reachback_is_two_clicks_from_the_list_and_says_where_it_is() {
    let script = Script::new();
    let mut h = opened(&script);
    press(&mut h, "Write the case package");
    assert_eq!(script.commands(), [Command::Records(RecordWish::Package(5, Paper::A4))]);
    script.happen(Event::Records(RecordNews::Written { id: 5, outcome: Ok("/data/packages/record-5.zip".into()) }));
    h.run_ok();
    assert!(name_starting(&h, "Written: /data/packages/record-5.zip").is_some(), "{:?}", names(&h));
    press(&mut h, "Preview the report");
    assert_eq!(script.commands(), [Command::Records(RecordWish::Preview(5, Paper::A4))]);
    let page = |text: &str| {
        let text = PreviewMark::Text { x: 50.0, y: 60.0, size: 11.0, strong: true, ink: [0; 3], text: text.to_owned() };
        Ok(Arc::new(vec![PreviewPage { width: 612.0, height: 792.0, marks: vec![text] }]))
    };
    press(&mut h, "Paper Letter");
    assert_eq!(script.commands(), [Command::Records(RecordWish::Preview(5, Paper::Letter))]);
    let drawn = |id, paper, text| Event::Records(RecordNews::Previewed { id, paper, outcome: page(text) });
    script.happen(drawn(5, Paper::A4, "of the other paper"));
    script.happen(drawn(4, Paper::Letter, "of another record"));
    h.run_ok();
    assert!(name_starting(&h, "Drawing the pages").is_some() && name_starting(&h, "Page 1").is_none());
    script.happen(drawn(5, Paper::Letter, "Screening report"));
    h.run_ok();
    assert!(name_starting(&h, "Page 1 of 1: Screening report").is_some(), "{:?}", names(&h));
    for size in SIZES {
        h.set_size(size.into());
        h.run_ok();
        check_targets(&h, size, "a preview");
    }
    press(&mut h, "Write the report");
    assert_eq!(script.commands(), [Command::Records(RecordWish::Report(5, Paper::Letter))]);
    script.happen(Event::Records(RecordNews::Written { id: 5, outcome: Err("The disk is full.".to_owned()) }));
    h.run_ok();
    assert!(name_starting(&h, "The disk is full.").is_some());
}

#[test]
fn long_work_shows_how_far_it_is_and_stops_when_asked() {
    let script = Script::new();
    let mut h = ready(&script, true);
    press(&mut h, "Records page");
    press(&mut h, "Verify the records");
    script.commands();
    press(&mut h, "Verify now");
    script.happen(Event::RecordProgress(0.42));
    h.run_ok();
    assert!(name_starting(&h, "42 % done").is_some(), "{:?}", names(&h));
    press(&mut h, "Stop the work");
    assert_eq!(script.commands(), [Command::Records(RecordWish::Verify), Command::Records(RecordWish::Stop)]);
    script.happen(Event::Records(RecordNews::Verified(Ok(None))));
    h.run_ok();
    assert!(name_starting(&h, "Verify now").is_some());
}

#[test]
fn everything_on_the_pages_of_records_is_large_enough_and_inside_the_window() {
    for size in SIZES {
        let script = Script::new();
        let mut h = opened(&script);
        h.set_size(size.into());
        h.run_ok();
        check_targets(&h, size, "a record");
        press(&mut h, "Show the History");
        check_targets(&h, size, "its history");
        press(&mut h, "Back to the list");
        press(&mut h, "Verify the records");
        check_targets(&h, size, "the verification");
        press(&mut h, "Back to the list");
        press(&mut h, "Statistics");
        check_targets(&h, size, "the statistics");
    }
}

/// A folder with an administrator `ada`, the officers `omar` and `olga` and a supervisor `sue`.
pub fn staffed(folder: &std::path::Path) {
    let mut casebook = Casebook::open(&casebook_path(folder)).expect("a casebook");
    let (now, phrase) = (jiff::Timestamp::now(), Secret::new("correct horse battery"));
    let account = |name: &str, role| NewAccount {
        name: name.to_owned(),
        role,
        badge: None,
        training_expires: None,
        secret: phrase.clone(),
    };
    casebook.enrol_first(now, &account("ada", Role::Administrator)).expect("the first");
    let ada = casebook.sign_in(now, &parcelscope::session::system_uptime(), "ada", &phrase).expect("signs in");
    for (name, role) in [("omar", Role::Officer), ("olga", Role::Officer), ("sue", Role::Supervisor)] {
        casebook.enrol(now, &ada, &account(name, role)).expect("an account");
    }
}

#[test]
fn a_record_is_held_handed_over_by_two_people_reported_and_verified_in_the_window() {
    let folder = tempfile::tempdir().expect("a folder");
    staffed(folder.path());
    let mut h = window(Box::new(session(folder.path(), true)), [1280.0, 800.0]);
    wait_for(&mut h, "Sign in");
    type_into(&mut h, "Account name", "omar");
    type_into(&mut h, "Account secret", "correct horse battery");
    press(&mut h, "Sign in now");
    wait_for(&mut h, "Space starts");
    press(&mut h, "Scan");
    wait_for(&mut h, "Record 1 saved");
    press(&mut h, "Records page");
    let row = wait_for(&mut h, "Record 1,");
    press(&mut h, &row);
    wait_for(&mut h, "Record 1 · ");
    press(&mut h, "Show the History");
    wait_for(&mut h, "Nothing yet.");
    assert!(name_starting(&h, "Release").is_none() && name_starting(&h, "Sign off").is_none(), "an officer may not");
    press(&mut h, "Hold");
    type_into(&mut h, "Reason", "white powder");
    press(&mut h, "Record it");
    wait_for(&mut h, "Held: white powder.");
    press(&mut h, "Hand over");
    type_into(&mut h, "Account that takes it", "olga");
    type_into(&mut h, "Its secret", "a wrong secret!");
    press(&mut h, "Record it");
    wait_for(&mut h, "This name and this secret do not belong together");
    type_into(&mut h, "Its secret", "correct horse battery");
    press(&mut h, "Record it");
    wait_for(&mut h, "Handed over by omar to olga, both signed in");
    press(&mut h, "Correct");
    type_into(&mut h, "What it should say", "RR473124829CN");
    type_into(&mut h, "Reason", "typed wrong");
    press(&mut h, "Record it");
    wait_for(&mut h, "Corrects scan 1, parcel");
    press(&mut h, "Preview the report");
    let page = wait_for(&mut h, "Page 1 of ");
    for words in ["Screening report", "Record 1", "Chain of custody", "omar"] {
        assert!(names(&h).concat().contains(words), "{words} in {page}");
    }
    press(&mut h, "Write the report");
    let written = wait_for(&mut h, "Written: ");
    let pdf = std::fs::read(written.trim_start_matches("Written: ")).expect("the report");
    assert!(pdf.starts_with(b"%PDF-"));
    press(&mut h, "Back to the record");
    press(&mut h, "Back to the list");
    press(&mut h, "Statistics");
    press(&mut h, "Count now");
    wait_for(&mut h, "0 scans of real samples");
    assert!(name_starting(&h, "1 simulated scans are in none").is_some());
    press(&mut h, "Back to the list");
    press(&mut h, "Verify the records");
    press(&mut h, "Verify now");
    wait_for(&mut h, "Nothing was changed");
    drop(h);
    let casebook = Casebook::open(&casebook_path(folder.path())).expect("a casebook");
    let history: Vec<HistoryEntry> = casebook.history(1).expect("a history");
    let kinds: Vec<&str> = history.iter().map(|e| e.kind.as_str()).collect();
    assert_eq!(kinds, ["disposition", "hand-over", "correction"]);
    assert!(matches!(&history[0].statement, Some(Statement::Disposition { .. })));
}

#[test]
fn a_blank_is_scanned_as_one_its_hold_is_placed_and_lifted_and_what_is_wrong_corrected() {
    let folder = tempfile::tempdir().expect("a folder");
    staffed(folder.path());
    let mut h = window(Box::new(session(folder.path(), true)), [1280.0, 800.0]);
    wait_for(&mut h, "Sign in");
    type_into(&mut h, "Account name", "sue");
    type_into(&mut h, "Account secret", "correct horse battery");
    press(&mut h, "Sign in now");
    wait_for(&mut h, "Space starts");
    press(&mut h, "Scan a blank");
    type_into(&mut h, "Spot of the item", "6/5");
    wait_for(&mut h, "Write the spot as");
    h.get_by_label("Spot of the item").focus();
    for _ in 0..8 {
        h.key_press(egui::Key::Backspace);
    }
    h.run_ok();
    type_into(&mut h, "Spot of the item", "2/5 lid");
    press(&mut h, "Scan");
    wait_for(&mut h, "Record 1 saved");
    assert!(name_starting(&h, "BLANK").is_some(), "{:?}", names(&h));
    press(&mut h, "Records page");
    let row = wait_for(&mut h, "Record 1,");
    assert!(row.contains("blank"), "{row}");
    press(&mut h, &row);
    wait_for(&mut h, "Record 1 · ");
    press(&mut h, "Show the History");
    wait_for(&mut h, "Nothing yet.");
    for (what, outcome) in [("Legal hold", "Legal hold placed: case 7"), ("Lift the hold", "Legal hold lifted: case 7")]
    {
        press(&mut h, what);
        type_into(&mut h, "Reason", "case 7");
        press(&mut h, "Record it");
        wait_for(&mut h, outcome);
    }
    press(&mut h, "Correct");
    press(&mut h, "Wrong: Kind");
    type_into(&mut h, "What it should say", "sugar");
    type_into(&mut h, "Reason", "wrong button");
    press(&mut h, "Record it");
    wait_for(&mut h, "This cannot be recorded: the kind of a scan is");
    press(&mut h, "Correct");
    press(&mut h, "Wrong: Kind");
    type_into(&mut h, "What it should say", "sample");
    type_into(&mut h, "Reason", "wrong button");
    press(&mut h, "Record it");
    wait_for(&mut h, "Corrects scan 1, kind: was 'blank', should be 'sample'");
    press(&mut h, "Correct");
    press(&mut h, "Wrong: An event");
    type_into(&mut h, "What it should say", "nothing");
    type_into(&mut h, "Reason", "it was right");
    type_into(&mut h, "Number of the event", "seven");
    press(&mut h, "Record it");
    wait_for(&mut h, "Type the number of the event");
    drop(h);
    let casebook = Casebook::open(&casebook_path(folder.path())).expect("a casebook");
    let record = casebook.load(1).expect("the record").record;
    assert_eq!(
        (record.subject.kind, record.subject.spot.map(|s| s.to_string())),
        (ScanKind::Blank, Some("spot 2 of 5, lid".to_owned()))
    );
}
