//! A session never waits, never loses a scan, and never dies silently.

use std::fs;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use parcelscope::analyzer::LaserState;
use parcelscope::casebook::{Casebook, StoredScan};
use parcelscope::identify::Engine;
use parcelscope::library::Library;
use parcelscope::session::{
    Command, Connection, Event, KitChoice, Refused, Session, SessionConfig, Stage, casebook_path,
};
use parcelscope::spectrum::Spectrum;

/// Longest that any single step of these tests may take on a busy machine.
const PATIENCE: Duration = Duration::from_mins(1);

fn emulator(virtual_time: bool) -> KitChoice {
    KitChoice::Emulator { sample: "sucrose".to_owned(), seed: 7, virtual_time }
}

fn config(dir: &Path, virtual_time: bool) -> SessionConfig {
    SessionConfig::new(dir.to_owned(), emulator(virtual_time))
}

/// Reads events up to the first that `wanted` takes, which is returned with all before it.
fn until<T>(session: &Session, what: &str, mut wanted: impl FnMut(&Event) -> Option<T>) -> (T, Vec<Event>) {
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

fn ready(session: &Session) -> Vec<Event> {
    until(session, "ready kit", |e| matches!(e, Event::Connection(Connection::Ready(_))).then_some(())).1
}

fn saved(session: &Session) -> (Arc<StoredScan>, Vec<Event>) {
    until(session, "saved scan", |e| match e {
        Event::Saved(scan) => Some(Arc::clone(scan)),
        Event::Failed(why) => panic!("the scan failed: {why}"),
        _ => None,
    })
}

fn failed(session: &Session) -> (String, Vec<Event>) {
    until(session, "failure", |e| match e {
        Event::Failed(why) => Some(why.clone()),
        Event::Saved(_) => panic!("the scan was saved"),
        _ => None,
    })
}

fn scan(session: &Session) {
    session.send(Command::Scan { parcel: "RR123456785DE".to_owned() }).unwrap();
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
    session.send(Command::ListRecords { offset: 0, limit: 10 }).unwrap();
    until(&session, "list", |e| matches!(e, Event::Records { page, total: 1 } if page[0].id == 1).then_some(()));
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
fn one_scan_runs_at_a_time_and_a_cancel_that_comes_too_late_does_no_harm() {
    let dir = tempfile::tempdir().unwrap();
    let session = Session::start(config(dir.path(), false)).unwrap();
    ready(&session);
    scan(&session);
    assert_eq!(session.send(Command::Scan { parcel: String::new() }), Err(Refused::ScanRunning));
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
        let identify = move |spectrum: &Spectrum| {
            assert!(!first.swap(false, Ordering::SeqCst), "a search that panics");
            engine.identify(spectrum)
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
        Event::NotSaved { scan, why } => Some((Arc::clone(scan), why.clone())),
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
    let kit = KitChoice::Ports { spectrometer, laser, excitation_nm: 785.0 };
    let session = Session::start(SessionConfig::new(dir.path().to_owned(), kit)).unwrap();
    let (why, _) = until(&session, "lost kit", |e| match e {
        Event::Connection(Connection::Lost(why)) => Some(why.clone()),
        _ => None,
    });
    assert!(why.contains("/dev/no-such-"), "{why}");
    scan(&session);
    failed(&session);
}
