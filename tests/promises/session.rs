//! A session never waits, never loses a scan, and never dies silently.

use std::fs;
use std::path::Path;
use std::process::{Command as Process, Output};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use parcelscope::analyzer::SpectrometerSetup;
use parcelscope::analyzer::laser::LaserSetup;
use parcelscope::analyzer::{Acquisition, LaserState};
use parcelscope::casebook::{Casebook, RecordFilter, StoredScan, Subject};
use parcelscope::identify::Engine;
use parcelscope::library::Library;
use parcelscope::session::{
    Colours, Command, Connection, Event, KitChoice, RecordNews, RecordWish, Refused, Session, SessionConfig, Settings,
    Stage, casebook_path,
};

/// Longest that any single step of these tests may take on a busy machine.
const PATIENCE: Duration = Duration::from_mins(1);

fn emulator(virtual_time: bool) -> KitChoice {
    KitChoice::Emulator { sample: "sucrose".to_owned(), seed: 7, virtual_time }
}

fn config(dir: &Path, virtual_time: bool) -> SessionConfig {
    SessionConfig::new(dir.to_owned(), emulator(virtual_time))
}

/// Reads events up to the first that `wanted` takes, which is returned with all before it.
pub fn until<T>(session: &Session, what: &str, mut wanted: impl FnMut(&Event) -> Option<T>) -> (T, Vec<Event>) {
    let end = Instant::now() + PATIENCE;
    let mut seen = Vec::new();
    while Instant::now() < end {
        if let Some(event) = session.recv_timeout(Duration::from_millis(20)) {
            let found = wanted(&event);
            seen.push(event);
            if let Some(found) = found {
                return (found, seen);
            }
        }
    }
    panic!("no {what} came; instead: {:?}", seen.iter().map(brief).collect::<Vec<_>>());
}

/// An event without the spectra.
fn brief(event: &Event) -> String {
    match event {
        Event::Answered(scan) | Event::Saved(scan) | Event::Record(scan) => format!("scan {}", scan.id),
        Event::NotSaved { why, .. } => format!("not saved: {why}"),
        other => format!("{other:?}"),
    }
}

pub fn ready(session: &Session) -> Vec<Event> {
    until(session, "ready kit", |e| matches!(e, Event::Connection(Connection::Ready(_))).then_some(())).1
}

pub fn saved(session: &Session) -> (Arc<StoredScan>, Vec<Event>) {
    until(session, "saved scan", |e| match e {
        Event::Saved(scan) => Some(Arc::clone(scan)),
        Event::Failed(why) => panic!("the scan failed: {why}"),
        _ => None,
    })
}

pub fn failed(session: &Session) -> (String, Vec<Event>) {
    until(session, "failure", |e| match e {
        Event::Failed(why) => Some(why.clone()),
        Event::Saved(_) => panic!("the scan was saved"),
        _ => None,
    })
}

pub fn scan(session: &Session) {
    session.send(Command::Scan { parcel: "RR123456785DE".to_owned(), subject: Subject::default() }).unwrap();
}

fn in_light(session: &Session) {
    until(session, "light exposure", |e| matches!(e, Event::Progress { stage: Stage::Light, .. }).then_some(()));
}

#[test]
fn a_scan_is_answered_then_saved_and_what_is_saved_is_on_the_disk() {
    let dir = tempfile::tempdir().unwrap();
    let session = Session::start(config(dir.path(), true)).unwrap();
    ready(&session);
    scan(&session);
    let (scan, events) = saved(&session);
    assert_eq!(scan.id, 1);
    let position = |what: &dyn Fn(&Event) -> bool| events.iter().position(what).unwrap_or_else(|| panic!("{events:?}"));
    let answered = position(&|e| matches!(e, Event::Answered(s) if s.id == 0 && s.record == scan.record));
    assert!(answered < position(&|e| matches!(e, Event::Saved(_))));
    let on_disk = Casebook::open(&casebook_path(dir.path())).unwrap().load(1).unwrap();
    assert_eq!(on_disk, *scan);
    let record = &scan.record;
    assert_eq!((record.operator.as_str(), record.parcel.as_str()), ("unenrolled", "RR123456785DE"));
    assert_eq!(record.emulated_sample.as_deref(), Some("sucrose"));
    assert!(record.acquisition.simulated && record.answer.simulated, "simulated is called simulated");
    assert_eq!(record.acquisition.dark.laser_before, LaserState::Off, "the dark exposure is dark");
    assert_eq!(record.answer.library, Library::bundled().unwrap().identity);
    let find = RecordWish::Find { filter: RecordFilter::default(), before: None, limit: 10 };
    session.send(Command::Records(find)).unwrap();
    until(&session, "list", |e| match e {
        Event::Records(RecordNews::Found { page, more: false, .. }) if page.len() == 1 && page[0].id == 1 => Some(()),
        _ => None,
    });
    session.send(Command::OpenRecord { id: 1 }).unwrap();
    until(&session, "record", |e| matches!(e, Event::Record(r) if **r == *scan).then_some(()));
    session.send(Command::OpenRecord { id: 2 }).unwrap();
    until(&session, "trouble", |e| {
        matches!(e, Event::CasebookTrouble(why) if why.contains("no record 2")).then_some(())
    });
}

#[test]
fn stages_come_in_order_and_the_share_never_falls() {
    let dir = tempfile::tempdir().unwrap();
    let session = Session::start(config(dir.path(), false)).unwrap();
    ready(&session);
    scan(&session);
    let (_, events) = saved(&session);
    let mut last = (Stage::Preparing, 0.0_f32);
    let mut stages = vec![];
    for event in &events {
        if let Event::Progress { stage, fraction, .. } = event {
            assert!(*stage >= last.0 && *fraction >= last.1 && *fraction <= 1.0, "{last:?} then {event:?}");
            last = (*stage, *fraction);
            stages.push(*stage);
        }
    }
    stages.dedup();
    assert_eq!(stages, [Stage::Preparing, Stage::Dark, Stage::Light, Stage::Identifying, Stage::Saving]);
    let lit: Vec<_> = events.iter().filter_map(|e| if let Event::Laser(s) = e { Some(*s) } else { None }).collect();
    assert!(lit.contains(&LaserState::On), "{lit:?}");
    assert_eq!(lit.last(), Some(&LaserState::Off));
}

#[test]
fn cancel_ends_a_scan_within_200_ms_with_the_laser_off_and_the_next_scan_runs() {
    let dir = tempfile::tempdir().unwrap();
    let session = Session::start(config(dir.path(), false)).unwrap();
    ready(&session);
    let mut slowest = Duration::ZERO;
    for wait_ms in [0, 60, 120] {
        scan(&session);
        in_light(&session);
        std::thread::sleep(Duration::from_millis(wait_ms));
        let pressed = Instant::now();
        session.send(Command::Cancel).unwrap();
        let ((), events) = until(&session, "cancelled", |e| matches!(e, Event::Cancelled).then_some(()));
        slowest = slowest.max(pressed.elapsed());
        let laser = events.iter().rev().find_map(|e| if let Event::Laser(s) = e { Some(*s) } else { None });
        assert!(laser.is_none_or(|state| state == LaserState::Off), "{laser:?}");
    }
    println!("slowest of 3 cancels: {slowest:?}");
    assert!(slowest < Duration::from_millis(200), "{slowest:?}");
    scan(&session);
    assert_eq!(saved(&session).0.id, 1, "cancelled scans leave no record and no gap");
}

#[test]
fn a_cancel_while_the_search_runs_does_not_wait_for_it_and_the_next_scan_is_recorded_alone() {
    let dir = tempfile::tempdir().unwrap();
    let searches = Arc::new(AtomicUsize::new(0));
    let begun = Arc::clone(&searches);
    let mut config = config(dir.path(), true);
    config.engine = Box::new(move || {
        let library = Library::bundled().map_err(|e| e.to_string())?;
        let engine = Engine::new(Arc::clone(&library));
        let begun = Arc::clone(&begun);
        let identify = move |acquisition: &Acquisition| {
            if begun.fetch_add(1, Ordering::SeqCst) == 0 {
                std::thread::sleep(Duration::from_secs(2));
            }
            engine.identify(&acquisition.spectrum)
        };
        Ok((library, Box::new(identify)))
    });
    let session = Session::start(config).unwrap();
    ready(&session);
    scan(&session);
    let end = Instant::now() + PATIENCE;
    while searches.load(Ordering::SeqCst) == 0 {
        assert!(Instant::now() < end, "the search never began");
        std::thread::sleep(Duration::from_millis(2));
    }
    let pressed = Instant::now();
    session.send(Command::Cancel).unwrap();
    until(&session, "cancelled", |e| matches!(e, Event::Cancelled).then_some(()));
    assert!(pressed.elapsed() < Duration::from_millis(200), "{:?}", pressed.elapsed());
    session.send(Command::Cancel).unwrap();
    scan(&session);
    let (scan, events) = saved(&session);
    assert_eq!(scan.id, 1, "the cancelled scan left no record");
    assert!(!events.iter().any(|e| matches!(e, Event::Cancelled)), "one cancel, one event");
    assert_eq!(searches.load(Ordering::SeqCst), 2);
}

#[test]
fn the_session_says_what_lies_under_the_emulated_probe_before_the_first_scan() {
    let dir = tempfile::tempdir().unwrap();
    let session = Session::start(config(dir.path(), true)).unwrap();
    until(&session, "sample", |e| matches!(e, Event::EmulatedSample { sample } if sample == "sucrose").then_some(()));
}

#[test]
fn settings_are_kept_by_the_session_or_it_says_why_not() {
    let dir = tempfile::tempdir().unwrap();
    let folder = dir.path().join("data");
    fs::create_dir(&folder).unwrap();
    let session = Session::start(config(&folder, true)).unwrap();
    ready(&session);
    let night = Settings { colours: Colours::Night, ..Settings::default() };
    session.send(Command::KeepColours(Colours::Night)).unwrap();
    let end = Instant::now() + PATIENCE;
    while Settings::of(&folder) != night {
        assert!(Instant::now() < end, "the settings were never written");
        std::thread::sleep(Duration::from_millis(5));
    }
    fs::rename(&folder, dir.path().join("elsewhere")).unwrap();
    session.send(Command::KeepColours(Colours::Day)).unwrap();
    until(&session, "trouble", |e| {
        matches!(e, Event::SettingsNotKept(why) if why.contains("cannot be written")).then_some(())
    });
}

#[test]
fn one_scan_runs_at_a_time_and_a_cancel_that_comes_too_late_does_no_harm() {
    let dir = tempfile::tempdir().unwrap();
    let session = Session::start(config(dir.path(), false)).unwrap();
    ready(&session);
    scan(&session);
    assert_eq!(
        session.send(Command::Scan { parcel: String::new(), subject: Subject::default() }),
        Err(Refused::ScanRunning)
    );
    saved(&session);
    session.send(Command::Cancel).unwrap();
    scan(&session);
    assert_eq!(saved(&session).0.id, 2);
}

#[test]
fn the_emulated_sample_changes_and_an_unknown_one_is_refused() {
    let dir = tempfile::tempdir().unwrap();
    let session = Session::start(config(dir.path(), true)).unwrap();
    ready(&session);
    session.send(Command::SetEmulatedSample { sample: "no such thing".to_owned() }).unwrap();
    failed(&session);
    session.send(Command::SetEmulatedSample { sample: "empty".to_owned() }).unwrap();
    until(&session, "sample", |e| matches!(e, Event::EmulatedSample { sample } if sample == "empty").then_some(()));
    scan(&session);
    let (scan, _) = saved(&session);
    assert_eq!(scan.record.emulated_sample.as_deref(), Some("empty"));
    assert!(scan.record.answer.identified.is_empty(), "{:?}", scan.record.answer.identified);
}

#[test]
fn a_panic_in_the_kits_thread_is_told_and_the_thread_goes_on() {
    let dir = tempfile::tempdir().unwrap();
    let armed = Arc::new(AtomicBool::new(false));
    let trap = Arc::clone(&armed);
    // The waker is called from inside the acquisition: what panics there panics with the laser on.
    let waker = Box::new(move || assert!(!trap.swap(false, Ordering::SeqCst), "a waker that panics"));
    let session = Session::start(config(dir.path(), false).with_waker(waker)).unwrap();
    ready(&session);
    scan(&session);
    in_light(&session);
    armed.store(true, Ordering::SeqCst);
    let (why, _) = failed(&session);
    assert!(why.contains("a waker that panics"), "{why}");
    let why = until(&session, "lost kit", |e| match e {
        Event::Connection(Connection::Lost(why)) => Some(why.clone()),
        _ => None,
    });
    assert!(why.0.contains("laser was commanded off"), "{}", why.0);
    ready(&session);
    scan(&session);
    assert_eq!(saved(&session).0.id, 1);
}

#[test]
fn a_panic_of_the_search_is_told_and_the_session_goes_on() {
    let dir = tempfile::tempdir().unwrap();
    let mut config = config(dir.path(), true);
    config.engine = Box::new(|| {
        let library = Library::bundled().map_err(|e| e.to_string())?;
        let engine = Engine::new(Arc::clone(&library));
        let first = AtomicBool::new(true);
        let identify = move |acquisition: &Acquisition| {
            assert!(!first.swap(false, Ordering::SeqCst), "a search that panics");
            engine.identify(&acquisition.spectrum)
        };
        Ok((library, Box::new(identify)))
    });
    let session = Session::start(config).unwrap();
    ready(&session);
    scan(&session);
    let (why, _) = failed(&session);
    assert!(why.contains("a search that panics") && why.contains("scan again"), "{why}");
    scan(&session);
    assert_eq!(saved(&session).0.id, 1);
}

#[test]
fn a_library_that_cannot_be_loaded_is_told_and_nothing_is_scanned() {
    let dir = tempfile::tempdir().unwrap();
    for panics in [false, true] {
        let mut config = config(dir.path(), true);
        config.engine = Box::new(move || {
            assert!(!panics, "a loader that panics");
            Err("the library is damaged; install the program again".to_owned())
        });
        let session = Session::start(config).unwrap();
        let (why, _) = until(&session, "lost kit", |e| match e {
            Event::Connection(Connection::Lost(why)) => Some(why.clone()),
            _ => None,
        });
        assert!(why.contains("install the program again"), "{why}");
        scan(&session);
        failed(&session);
    }
}

#[test]
fn a_scan_that_cannot_be_written_is_kept_shown_and_written_later() {
    let dir = tempfile::tempdir().unwrap();
    let path = casebook_path(dir.path());
    fs::create_dir(&path).unwrap(); // a folder where the database belongs
    let session = Session::start(config(dir.path(), true)).unwrap();
    until(&session, "trouble", |e| matches!(e, Event::CasebookTrouble(_)).then_some(()));
    ready(&session);
    scan(&session);
    let ((kept, why), events) = until(&session, "unsaved scan", |e| match e {
        Event::NotSaved { scan, why, .. } => Some((Arc::clone(scan), why.clone())),
        Event::Saved(_) => panic!("reported as saved"),
        _ => None,
    });
    assert!(events.iter().any(|e| matches!(e, Event::Answered(s) if Arc::ptr_eq(s, &kept))));
    assert!(why.contains("kept in memory") && why.contains("casebook.sqlite3"), "{why}");
    fs::remove_dir(&path).unwrap();
    let (written, _) = saved(&session);
    assert_eq!((written.id, &written.record), (1, &kept.record));
    scan(&session);
    assert_eq!(saved(&session).0.id, 2);
    drop(session);
    assert_eq!(Casebook::open(&path).unwrap().integrity_check().unwrap(), 2);
}

#[test]
fn dropping_a_session_in_the_middle_of_a_scan_is_quick_and_leaves_a_sound_casebook() {
    let dir = tempfile::tempdir().unwrap();
    let session = Session::start(config(dir.path(), false)).unwrap();
    ready(&session);
    scan(&session);
    in_light(&session);
    let start = Instant::now();
    drop(session);
    let taken = start.elapsed();
    println!("dropped in {taken:?}");
    assert!(taken < Duration::from_secs(1), "{taken:?}");
    assert_eq!(Casebook::open(&casebook_path(dir.path())).unwrap().integrity_check().unwrap(), 0);
}

#[test]
fn a_port_that_is_not_there_is_told_with_the_next_step() {
    let dir = tempfile::tempdir().unwrap();
    let (spectrometer, laser) = ("/dev/no-such-port".to_owned(), "/dev/no-such-laser".to_owned());
    let kit = KitChoice::Ports {
        spectrometer,
        laser,
        spectrometer_setup: SpectrometerSetup::default(),
        laser_setup: LaserSetup::default(),
        excitation_nm: 785.0,
        laser_power_mw: None,
    };
    let session = Session::start(SessionConfig::new(dir.path().to_owned(), kit)).unwrap();
    let (why, _) = until(&session, "lost kit", |e| match e {
        Event::Connection(Connection::Lost(why)) => Some(why.clone()),
        _ => None,
    });
    assert!(why.contains("/dev/no-such-"), "{why}");
    scan(&session);
    failed(&session);
}

fn parcelscope(dir: &Path, arguments: &[&str]) -> Output {
    Process::new(env!("CARGO_BIN_EXE_parcelscope")).arg("--data-dir").arg(dir).args(arguments).output().unwrap()
}

fn said(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

#[test]
fn a_scan_from_the_command_line_is_printed_recorded_and_shown_again() {
    let dir = tempfile::tempdir().unwrap();
    let log = dir.path().join("wire.txt");
    let scan = ["--json", "scan", "--port", "emulator", "--sample", "talc", "--seed", "3", "--parcel", "LX1"];
    let scan = [&scan[..], &["--wire-log", log.to_str().unwrap()]].concat();
    let output = parcelscope(dir.path(), &scan);
    assert_eq!(output.status.code(), Some(0), "{}", said(&output.stderr));
    let scan: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!((&scan["record"], &scan["acknowledged"]), (&1.into(), &true.into()));
    assert_eq!((&scan["simulated"], &scan["technique"]), (&true.into(), &"raman".into()));
    assert!(scan["file"].is_null() && scan["assumed"].as_array().unwrap().is_empty(), "{scan}");
    assert!(scan["elapsed_ms"].as_f64().unwrap() > 0.0);

    let wires = std::fs::read_to_string(log).unwrap();
    assert!(wires.contains("emulator < c1 c0") && wires.contains("emulated laser > 65 20 31"), "{wires}");

    let shown = parcelscope(dir.path(), &["casebook", "show", "1", "--json"]);
    let record: serde_json::Value = serde_json::from_slice(&shown.stdout).unwrap();
    assert_eq!(record["record"]["answer"]["verdict"], scan["verdict"]);
    assert_eq!(record["record"]["parcel"], "LX1");
    assert_eq!(record["record"]["acquisition"]["dark"]["counts"].as_array().unwrap().len(), 1024);

    let list: serde_json::Value =
        serde_json::from_slice(&parcelscope(dir.path(), &["casebook", "show", "--json"]).stdout).unwrap();
    assert_eq!((&list["total"], &list["records"][0]["id"]), (&1.into(), &1.into()));
    let text = said(&parcelscope(dir.path(), &["casebook", "show", "1"]).stdout);
    for part in ["Record 1, simulated", "LX1", "unenrolled", "talc", "serial", "SHA-256"] {
        assert!(text.contains(part), "{part} is missing in: {text}");
    }
    let list = said(&parcelscope(dir.path(), &["casebook", "show"]).stdout);
    assert!(list.contains("LX1") && list.contains("simulated") && list.contains("1 of 1 records"), "{list}");
    let verified = parcelscope(dir.path(), &["casebook", "verify"]);
    assert_eq!(verified.status.code(), Some(0));
    let verified = said(&verified.stdout);
    assert!(
        verified.contains("Nothing was changed") && verified.contains("later completeness cannot be proven"),
        "{verified}"
    );
}

#[test]
fn verify_finds_damage_and_says_so_with_exit_code_1() {
    let dir = tempfile::tempdir().unwrap();
    let session = Session::start(config(dir.path(), true)).unwrap();
    ready(&session);
    scan(&session);
    saved(&session);
    drop(session);
    let database = rusqlite::Connection::open(casebook_path(dir.path())).unwrap();
    database
        .execute_batch("DROP TRIGGER part_keeps_values; UPDATE part SET bytes = x'00' WHERE name = 'light_counts';")
        .unwrap();
    drop(database);
    let verified = parcelscope(dir.path(), &["casebook", "verify", "--json"]);
    assert_eq!(verified.status.code(), Some(1));
    let found: serde_json::Value = serde_json::from_slice(&verified.stdout).unwrap();
    let finding = &found["findings"][0];
    assert_eq!(
        (&finding["table"], &finding["row"], &finding["kind"]),
        (&"part".into(), &4.into(), &"changed".into()),
        "{found}"
    );
}

#[test]
fn what_cannot_be_scanned_or_shown_is_refused_with_the_next_step() {
    let dir = tempfile::tempdir().unwrap();
    for (arguments, part) in [
        (vec!["scan", "--port", "emulator", "--user", "ana"], "no account is enrolled"),
        (vec!["scan", "--port", "emulator", "--laser-port", "/dev/x"], "its own laser"),
        (vec!["scan", "--port", "emulator", "--excitation-nm", "785"], "its own wavelength"),
        (vec!["scan", "--port", "/dev/x", "--laser-port", "/dev/y", "--excitation-nm", "NaN"], "between 200 and 1200"),
        (vec!["scan", "--port", "/dev/x", "--laser-port", "/dev/x"], "no serial port"),
        (
            vec!["scan", "--spectrometer", "ocean-letter", "--port", "/dev/x", "--laser-port", "/dev/x"],
            "name the port of each",
        ),
        (vec!["scan", "--port", "/dev/no-such-port"], "--laser-port"),
        (vec!["scan", "--port", "/dev/x", "--laser-port", "/dev"], "a folder"),
        (vec!["ports", "--probe", "/dev/null"], "no serial port"),
        (vec!["scan", "--port", "/dev/x", "--laser-port", "/dev/y", "--seed", "1"], "--port emulator only"),
        (vec!["scan", "--port", "/dev/no-such-port", "--laser-port", "/dev/no-such-laser"], "/dev/no-such-"),
        (vec!["scan", "--port", "emulator", "--sample", "no such thing"], "no such thing"),
        (vec!["casebook", "show", "1"], "no casebook yet"),
        (vec!["casebook", "verify"], "no casebook yet"),
        (vec!["casebook", "replay", "1"], "no casebook yet"),
    ] {
        // Nothing may make a casebook only to refuse something.
        let fresh = dir.path().join(arguments.join("_").replace('/', "-"));
        let output = parcelscope(&fresh, &arguments);
        let why = said(&output.stderr);
        assert_eq!(output.status.code(), Some(2), "{arguments:?}: {why}");
        assert!(why.contains(part), "{arguments:?}: {why}");
        assert!(output.stdout.is_empty(), "{arguments:?}");
        assert!(arguments[0] != "casebook" || !fresh.exists(), "{arguments:?}: looking makes no folder");
    }
    let empty = parcelscope(dir.path(), &["casebook", "show"]);
    assert_eq!(empty.status.code(), Some(0));
    assert!(said(&empty.stdout).contains("No records yet"), "{}", said(&empty.stdout));
    assert!(!casebook_path(dir.path()).exists(), "looking makes no casebook");
}

#[test]
fn a_casebook_that_cannot_be_opened_stops_a_command_line_scan_before_the_laser_is_used() {
    let dir = tempfile::tempdir().unwrap();
    fs::write(casebook_path(dir.path()), "not a database").unwrap();
    let output = parcelscope(dir.path(), &["--json", "scan", "--port", "emulator"]);
    assert_eq!(output.status.code(), Some(2));
    let document: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
    assert!(document["error"].as_str().unwrap().contains("not a casebook"), "{document}");
    assert_eq!(fs::read(casebook_path(dir.path())).unwrap(), b"not a database");
}
