//! A process may be killed at any moment: what was reported as saved is there, and the casebook is sound. On every
//! ordinary way out the laser is told to go off, as the log of an emulated laser on a pseudo-terminal shows.

#![cfg(unix)]

use std::fs;
use std::io::{BufRead, BufReader, Read};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use parcelscope::analyzer::SpectrometerSetup;
use parcelscope::analyzer::laser::LaserSetup;
use parcelscope::casebook::{Casebook, Subject};
use parcelscope::session::{self, Connection, Event, KitChoice, Session, SessionConfig, casebook_path};
use rand::{Rng, RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;

const KILLS_EACH: usize = 5;
const RUNNERS: u64 = 4;

/// Starts a scan of the emulated kit in the real binary.
fn start_scan(data_dir: &Path, seed: u64) -> Child {
    Command::new(env!("CARGO_BIN_EXE_parcelscope"))
        .arg("--data-dir")
        .arg(data_dir)
        .args(["--json", "scan", "--port", "emulator", "--seed", &seed.to_string()])
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap()
}

/// The document on stdout, where the process came to print a whole one.
fn document(child: &mut Child) -> Option<serde_json::Value> {
    let mut text = String::new();
    child.stdout.take().unwrap().read_to_string(&mut text).unwrap();
    serde_json::from_str(&text).ok()
}

/// When to kill.
enum Moment {
    /// So long after the start of the process.
    AfterStart(Duration),
    /// So long after the line that says that the record is being written.
    AfterWriting(Duration),
}

/// Kills a scan with SIGKILL; returns what it had printed by then.
fn kill_at(moment: &Moment, data_dir: &Path, seed: u64) -> Option<serde_json::Value> {
    let mut child = start_scan(data_dir, seed);
    match moment {
        Moment::AfterStart(wait) => std::thread::sleep(*wait),
        Moment::AfterWriting(wait) => {
            let mut lines = BufReader::new(child.stderr.take().unwrap()).lines();
            let writing = lines.by_ref().map_while(Result::ok).find(|line| line.contains("writing the record"));
            assert!(writing.is_some(), "the scan never came to write its record");
            let start = Instant::now();
            while start.elapsed() < *wait {
                std::hint::spin_loop();
            }
        }
    }
    child.kill().unwrap(); // SIGKILL; a process that has ended already is left as it is
    let printed = document(&mut child);
    child.wait().unwrap();
    printed
}

/// Opens the casebook as the next start would, and looks for every acknowledged scan.
fn check(data_dir: &Path, acknowledged: &[serde_json::Value], context: &str) -> i64 {
    let path = casebook_path(data_dir);
    let casebook = Casebook::open(&path).unwrap_or_else(|e| panic!("{context}: {e}"));
    let total = casebook.integrity_check().unwrap_or_else(|e| panic!("{context}: {e}"));
    for document in acknowledged {
        assert_eq!(document["acknowledged"], true, "{context}");
        let id = document["record"].as_i64().unwrap();
        let scan = casebook.load(id).unwrap_or_else(|e| panic!("{context}: {e}"));
        let answer = serde_json::to_value(&scan.record.answer).unwrap();
        for (key, value) in answer.as_object().unwrap() {
            assert_eq!(&document[key], value, "{context}: record {id}, {key}");
        }
    }
    total
}

#[test]
fn killed_at_twenty_random_moments_every_scan_reported_as_saved_is_there() {
    let seed = std::env::var("PARCELSCOPE_CRASH_SEED").ok().and_then(|text| text.parse().ok());
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap().subsec_nanos();
    let seed = seed.unwrap_or_else(|| u64::from(now));
    println!("kill moments from PARCELSCOPE_CRASH_SEED={seed}");
    let counts: Vec<(usize, i64)> = std::thread::scope(|scope| {
        let runners: Vec<_> = (0..RUNNERS).map(|n| scope.spawn(move || kill_five(seed.wrapping_add(n)))).collect();
        runners.into_iter().map(|runner| runner.join().unwrap()).collect()
    });
    let acknowledged: usize = counts.iter().map(|c| c.0).sum();
    let stored: i64 = counts.iter().map(|c| c.1).sum();
    println!(
        "{} kills: {acknowledged} scans acknowledged, 0 of them lost, {stored} records stored, every casebook sound",
        RUNNERS as usize * KILLS_EACH
    );
}

/// Kills five scans into one folder, between two that are left alone. Counts of acknowledged and stored scans.
fn kill_five(seed: u64) -> (usize, i64) {
    let mut random = ChaCha8Rng::seed_from_u64(seed);
    let dir = tempfile::tempdir().unwrap();
    let mut acknowledged = Vec::new();
    let start = Instant::now();
    acknowledged.push(finish(dir.path(), seed));
    let whole = start.elapsed();
    let mut stored = 1;
    for kill in 0..KILLS_EACH {
        let moment = if kill % 2 == 0 {
            Moment::AfterStart(whole.mul_f64(random.random_range(0.0..1.1)))
        } else {
            Moment::AfterWriting(Duration::from_micros(random.random_range(0..20_000)))
        };
        let context = match &moment {
            Moment::AfterStart(wait) => format!("killed {wait:?} after the start (a whole scan took {whole:?})"),
            Moment::AfterWriting(wait) => format!("killed {wait:?} after the writing began"),
        };
        acknowledged.extend(kill_at(&moment, dir.path(), random.next_u64()));
        let total = check(dir.path(), &acknowledged, &context);
        println!("{context}: {total} records");
        assert!(total >= stored, "{context}: a record is gone");
        stored = total;
    }
    acknowledged.push(finish(dir.path(), seed));
    let total = check(dir.path(), &acknowledged, "after a whole scan");
    (acknowledged.len(), total)
}

/// A scan that is left alone.
fn finish(data_dir: &Path, seed: u64) -> serde_json::Value {
    let child = start_scan(data_dir, seed);
    let output = child.wait_with_output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    serde_json::from_slice(&output.stdout).unwrap()
}

/// Longest that a single step of these tests may take on a busy machine.
const PATIENCE: Duration = Duration::from_mins(1);

/// An emulated device in a process of its own, with a log of what it was told.
struct Emulated {
    process: Child,
    paths: Vec<String>,
    log: PathBuf,
}

impl Emulated {
    fn start(kind: &str, dir: &Path) -> Self {
        let log = dir.join(format!("{kind}.log"));
        let mut process = Command::new(env!("CARGO_BIN_EXE_parcelscope"))
            .args(["emulate", kind, "--log"])
            .arg(&log)
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let lines = BufReader::new(process.stdout.take().unwrap()).lines();
        let paths = lines.take(if kind == "kit" { 2 } else { 1 }).map(Result::unwrap).collect();
        Self { process, paths, log }
    }

    /// What the laser was told about its emission, oldest first: true is on.
    fn emission(&self) -> Vec<bool> {
        let log = fs::read_to_string(&self.log).unwrap();
        let commands = log.lines().filter_map(|line| line.split_once("matchbox e ").map(|(_, state)| state == "1"));
        commands.collect()
    }

    /// Waits until the laser was told to go on `times` times.
    fn wait_for_light(&self, times: usize) {
        let end = Instant::now() + PATIENCE;
        while self.emission().iter().filter(|on| **on).count() < times {
            assert!(Instant::now() < end, "the laser was never switched on: {:?}", self.emission());
            std::thread::sleep(Duration::from_millis(5));
        }
    }

    /// The laser was on `times` times, and the last word was *off*.
    fn assert_off(&self, times: usize, way_out: &str) {
        let emission = self.emission();
        assert_eq!(emission.iter().filter(|on| **on).count(), times, "{way_out}: {emission:?}");
        assert_eq!(emission.last(), Some(&false), "{way_out}: {emission:?}");
    }
}

impl Drop for Emulated {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

/// Starts a scan of a kit on two ports in the real binary.
fn start_port_scan(data_dir: &Path, spectrometer: &str, laser: &str) -> Child {
    Command::new(env!("CARGO_BIN_EXE_parcelscope"))
        .arg("--data-dir")
        .arg(data_dir)
        .args(["scan", "--port", spectrometer, "--laser-port", laser, "--wire-log"])
        .arg(data_dir.join("wire.txt"))
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap()
}

#[test]
fn a_signal_in_the_light_exposure_tells_the_laser_to_go_off_and_ends_with_a_sentence() {
    let dir = tempfile::tempdir().unwrap();
    let kit = Emulated::start("kit", dir.path());
    for (times, signal) in [(1, Signal::SIGTERM), (2, Signal::SIGINT), (3, Signal::SIGHUP)] {
        let process = start_port_scan(dir.path(), &kit.paths[0], &kit.paths[1]);
        kit.wait_for_light(times);
        kill(Pid::from_raw(process.id().cast_signed()), signal).unwrap();
        let output = process.wait_with_output().unwrap();
        kit.assert_off(times, signal.as_str());
        let said = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(2), "{signal}: {said}");
        assert!(said.contains("stopped by a signal; the laser was commanded off"), "{signal}: {said}");
        assert!(output.stdout.is_empty(), "{signal}: nothing is acknowledged");
        let wires = std::fs::read_to_string(dir.path().join("wire.txt")).unwrap();
        let laser: Vec<&str> = wires.lines().filter(|l| l.contains(" > ") && l.ends_with("  |e 0|")).collect();
        let on = wires.find("|e 1|").expect("the command that switched on is in the wire log");
        assert!(laser.len() >= 2 && wires.rfind("|e 0|") > Some(on), "{signal}: off is the last word: {wires}");
        assert!(wires.contains(&format!("{} <", kit.paths[0])), "{signal}: replies of the spectrometer are in it");
    }
    assert_eq!(Casebook::open(&casebook_path(dir.path())).unwrap().integrity_check().unwrap(), 0);
}

/// A session on the ports of an emulated kit, ready to scan. The flag makes its waker panic once.
fn port_session(dir: &Path, spectrometer: &str, laser: &str) -> (Session, Arc<AtomicBool>) {
    let armed = Arc::new(AtomicBool::new(false));
    let trap = Arc::clone(&armed);
    let waker = Box::new(move || assert!(!trap.swap(false, Ordering::SeqCst), "a waker that panics"));
    let kit = KitChoice::Ports {
        spectrometer: spectrometer.to_owned(),
        laser: laser.to_owned(),
        spectrometer_setup: SpectrometerSetup::default(),
        laser_setup: LaserSetup::default(),
        excitation_nm: 785.0,
        laser_power_mw: None,
    };
    let session = Session::start(SessionConfig::new(dir.to_owned(), kit).with_waker(waker)).unwrap();
    wait(&session, "ready kit", |e| matches!(e, Event::Connection(Connection::Ready(_))).then_some(()));
    (session, armed)
}

fn wait<T>(session: &Session, what: &str, mut wanted: impl FnMut(&Event) -> Option<T>) -> T {
    let end = Instant::now() + PATIENCE;
    while Instant::now() < end {
        if let Some(found) = session.recv_timeout(Duration::from_millis(20)).and_then(|event| wanted(&event)) {
            return found;
        }
    }
    panic!("no {what} came");
}

fn scan(session: &Session) {
    session.send(session::Command::Scan { parcel: String::new(), subject: Subject::default() }).unwrap();
}

fn failure(session: &Session) -> String {
    wait(session, "failure", |e| if let Event::Failed(why) = e { Some(why.clone()) } else { None })
}

#[test]
fn cancel_panic_and_a_closed_window_tell_the_laser_to_go_off() {
    let dir = tempfile::tempdir().unwrap();
    let kit = Emulated::start("kit", dir.path());
    let (session, armed) = port_session(dir.path(), &kit.paths[0], &kit.paths[1]);

    scan(&session);
    kit.wait_for_light(1);
    session.send(session::Command::Cancel).unwrap();
    wait(&session, "cancelled", |e| matches!(e, Event::Cancelled).then_some(()));
    kit.assert_off(1, "cancel");

    scan(&session);
    kit.wait_for_light(2);
    armed.store(true, Ordering::SeqCst);
    assert!(failure(&session).contains("a waker that panics"));
    kit.assert_off(2, "panic in the kit's thread");
    wait(&session, "ready kit", |e| matches!(e, Event::Connection(Connection::Ready(_))).then_some(()));

    scan(&session);
    kit.wait_for_light(3);
    drop(session); // what the window does when it closes
    kit.assert_off(3, "closed window");
}

#[test]
fn a_spectrometer_that_goes_away_in_the_light_exposure_leaves_the_laser_off() {
    let dir = tempfile::tempdir().unwrap();
    let laser = Emulated::start("matchbox", dir.path());
    let mut spectrometer = Emulated::start("obp-sts", dir.path());
    let (session, _) = port_session(dir.path(), &spectrometer.paths[0], &laser.paths[0]);
    scan(&session);
    laser.wait_for_light(1);
    spectrometer.process.kill().unwrap();
    let why = failure(&session);
    laser.assert_off(1, &why);
    assert!(why.contains(&spectrometer.paths[0]), "{why}");
    drop(session);
    laser.assert_off(1, "closed after the error");
}

#[test]
fn a_kit_that_comes_back_is_connected_again_without_the_laser_ever_going_on() {
    let dir = tempfile::tempdir().unwrap();
    let names = [dir.path().join("spectrometer"), dir.path().join("laser")];
    let plug_in = |kit: &Emulated| {
        for (name, path) in names.iter().zip(&kit.paths) {
            let _ = fs::remove_file(name);
            std::os::unix::fs::symlink(path, name).unwrap();
        }
    };
    let kit = Emulated::start("kit", dir.path());
    plug_in(&kit);
    let (session, _) = port_session(dir.path(), names[0].to_str().unwrap(), names[1].to_str().unwrap());
    kit.assert_off(0, "connected");
    drop(kit);
    let why = wait(&session, "lost kit", |e| match e {
        Event::Connection(Connection::Lost(why)) => Some(why.clone()),
        _ => None,
    });
    assert!(why.contains("spectrometer") || why.contains("laser"), "{why}");
    scan(&session);
    failure(&session);
    let kit = Emulated::start("kit", dir.path());
    plug_in(&kit);
    wait(&session, "ready kit", |e| matches!(e, Event::Connection(Connection::Ready(_))).then_some(()));
    kit.assert_off(0, "connected again");
    scan(&session);
    let saved = wait(&session, "saved scan", |e| if let Event::Saved(s) = e { Some(Arc::clone(s)) } else { None });
    assert_eq!(saved.id, 1);
    // It shines twice: for the probes that choose the exposure, and for the exposures.
    kit.assert_off(2, "a whole scan");
}

/// A pseudo-terminal before another one, whose device no longer says that it is emulated. Runs until the test ends.
fn disguise(path: &str) -> String {
    use std::io::Write;
    use std::os::fd::AsFd;
    let pair = nix::pty::openpty(None, None).unwrap();
    for end in [pair.slave.as_fd(), fs::File::open(path).unwrap().as_fd()] {
        let mut settings = nix::sys::termios::tcgetattr(end).unwrap();
        nix::sys::termios::cfmakeraw(&mut settings);
        nix::sys::termios::tcsetattr(end, nix::sys::termios::SetArg::TCSANOW, &settings).unwrap();
    }
    let name = nix::unistd::ttyname(pair.slave.as_fd()).unwrap().to_string_lossy().into_owned();
    let device = fs::OpenOptions::new().read(true).write(true).open(path).unwrap();
    let host = fs::File::from(pair.master);
    let copy = |mut from: fs::File, mut to: fs::File, disguised: bool| {
        std::thread::spawn(move || {
            let mut buffer = [0_u8; 4096];
            while let Ok(n) = from.read(&mut buffer) {
                let bytes = &mut buffer[..n];
                let marks = (0..n.saturating_sub(2)).filter(|i| disguised && &bytes[*i..*i + 3] == b"EMU");
                for mark in marks.collect::<Vec<_>>() {
                    bytes[mark..mark + 3].copy_from_slice(b"REA");
                }
                if n == 0 || to.write_all(bytes).is_err() {
                    break;
                }
            }
        });
    };
    copy(device.try_clone().unwrap(), host.try_clone().unwrap(), true);
    copy(host, device, false);
    std::mem::forget(pair.slave); // keeps the terminal open between two openings
    name
}

#[test]
fn a_kit_with_a_real_laser_is_not_scanned_while_no_account_is_enrolled() {
    let dir = tempfile::tempdir().unwrap();
    let kit = Emulated::start("kit", dir.path());
    let laser = disguise(&kit.paths[1]);
    let output = start_port_scan(dir.path(), &kit.paths[0], &laser).wait_with_output().unwrap();
    let said = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(2), "{said}");
    assert!(said.contains("connected") && said.contains("No account is enrolled"), "{said}");
    kit.assert_off(0, "refused");
    assert!(output.stdout.is_empty());
}
