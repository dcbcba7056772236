//! Whoever is killed, the laser goes off: real processes, an emulated laser on a pseudo-terminal, and its log.

#![cfg(unix)]

use std::fs;
use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::time::{Duration, Instant};

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use parcelscope::analyzer::guardian::{GuardedLink, Guarding, Marker, open_laser};
use parcelscope::analyzer::laser::{LaserGuard, LaserKind, LaserSetup};
use parcelscope::analyzer::{AnalyzerError, Clock, Interrupt, LaserState, SerialLink, SystemClock, TransportError};

/// Longest that one step of these tests may take on a busy machine.
const PATIENCE: Duration = Duration::from_mins(1);
/// Longest from the death of the program to *off* on the laser's line: the bar of the promise.
const OFF_WITHIN: Duration = Duration::from_secs(1);

pub fn program() -> PathBuf {
    PathBuf::from(env!("CARGO_BIN_EXE_parcelscope"))
}

/// An emulated device in a process of its own, with a log of what it was told.
pub struct Emulated {
    process: Child,
    /// Its ports; of a kit the spectrometer's and the laser's.
    pub paths: Vec<String>,
    log: PathBuf,
    /// When the emulator's clock was at zero, as well as it can be told from outside.
    started: Instant,
    /// Whether what the spectrometer was told is not the laser's.
    laser_is_apart: bool,
}

impl Emulated {
    fn start(kind: &str, dir: &Path) -> Self {
        Self::start_with(kind, &[], dir)
    }

    /// A Ventana on a line where what is sent at another speed than the device's is garbled, as on a real one.
    fn ventana(dir: &Path) -> Self {
        Self::start_with("obp-ventana", &["--mind-speed"], dir)
    }

    pub fn start_with(kind: &str, arguments: &[&str], dir: &Path) -> Self {
        let log = dir.join(format!("{kind}.log"));
        let started = Instant::now();
        let mut command = Command::new(program());
        command.args(["emulate", kind]).args(arguments).arg("--log").arg(&log);
        let mut process = command.stdout(Stdio::piped()).spawn().unwrap();
        let lines = BufReader::new(process.stdout.take().unwrap()).lines();
        let paths = lines.take(if kind == "kit" { 2 } else { 1 }).map(Result::unwrap).collect();
        Self { process, paths, log, started, laser_is_apart: kind == "kit" }
    }

    /// What the laser was told, oldest first, with the emulator's seconds.
    fn told(&self) -> Vec<(f64, String)> {
        let log = fs::read_to_string(&self.log).unwrap();
        let lines = log.lines().filter(|line| !self.laser_is_apart || !line.contains(" obp "));
        lines.filter_map(|line| line.split_once(' ')).map(|(t, what)| (t.parse().unwrap(), what.to_owned())).collect()
    }

    pub fn commands(&self) -> Vec<String> {
        self.told().into_iter().map(|line| line.1).collect()
    }

    /// Waits until the log has a line `what` after its first `after` lines; returns its place.
    pub fn wait_for(&self, what: &str, after: usize) -> usize {
        let end = Instant::now() + PATIENCE;
        loop {
            let commands = self.commands();
            if let Some(place) = commands.iter().skip(after).position(|line| line == what) {
                return after + place;
            }
            assert!(Instant::now() < end, "'{what}' never came: {commands:?}");
            std::thread::sleep(Duration::from_millis(2));
        }
    }
}

impl Drop for Emulated {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

fn start_scan(data_dir: &Path, kit: &Emulated) -> Child {
    Command::new(program())
        .arg("--data-dir")
        .arg(data_dir)
        .args(["scan", "--port", &kit.paths[0], "--laser-port", kit.paths.last().unwrap()])
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap()
}

/// The guardian that a program started, by the system's list of its children.
pub fn guardian_of(program: &Child) -> Pid {
    let tasks = fs::read_dir(format!("/proc/{}/task", program.id())).unwrap();
    let children: Vec<i32> = tasks
        .filter_map(|task| fs::read_to_string(task.unwrap().path().join("children")).ok())
        .flat_map(|list| list.split_whitespace().map(|pid| pid.parse().unwrap()).collect::<Vec<i32>>())
        .collect();
    assert_eq!(children.len(), 1, "one guardian: {children:?}");
    Pid::from_raw(children[0])
}

pub fn wait_until(what: &str, done: impl Fn() -> bool) {
    let end = Instant::now() + PATIENCE;
    while !done() {
        assert!(Instant::now() < end, "{what}");
        std::thread::sleep(Duration::from_millis(5));
    }
}

/// A killed process that nobody waited for yet is gone for this purpose too.
pub fn is_gone(pid: Pid) -> bool {
    fs::read_to_string(format!("/proc/{pid}/stat")).map_or(true, |stat| stat.contains(") Z "))
}

fn milliseconds(times: &[Duration]) -> String {
    let words: Vec<String> = times.iter().map(|t| format!("{:.0}", t.as_secs_f64() * 1e3)).collect();
    words.join(", ")
}

#[test]
fn a_killed_program_leaves_a_guardian_that_commands_off_within_a_second() {
    let dir = tempfile::tempdir().unwrap();
    killed_program_goes_dark(dir.path(), &Emulated::start("kit", dir.path()), "matchbox e 1", "matchbox e 0");
}

#[test]
fn a_ventana_goes_dark_within_a_second_of_the_death_of_its_program_also_at_the_speed_it_was_moved_to() {
    let dir = tempfile::tempdir().unwrap();
    killed_program_goes_dark(dir.path(), &Emulated::ventana(dir.path()), VENTANA_ON, VENTANA_OFF);
}

/// How often a program is killed: more often in the long form.
fn kills() -> usize {
    if std::env::var_os("PARCELSCOPE_LONG").is_some() { 30 } else { 3 }
}

fn killed_program_goes_dark(dir: &Path, kit: &Emulated, laser_on: &str, laser_off: &str) {
    let mut times = Vec::new();
    let mut heard = 0;
    for _ in 0..kills() {
        let mut process = start_scan(dir, kit);
        let on = kit.wait_for(laser_on, heard);
        assert_eq!(Marker::list(dir).len(), 1, "the marker is written before emission");
        let guardian = guardian_of(&process);
        let killed = Instant::now();
        process.kill().unwrap(); // SIGKILL
        let off = kit.wait_for(laser_off, on);
        let seen = killed.elapsed();
        process.wait().unwrap();
        // The emulator's own clock says when the command came; the log is read a little later.
        let at = kit.told()[off].0 - killed.duration_since(kit.started).as_secs_f64();
        let took = seen.min(Duration::from_secs_f64(at.max(0.0) + 0.001));
        assert!(seen < OFF_WITHIN, "off came {seen:?} after the kill");
        times.push(took.max(Duration::from_millis(1)));
        wait_until("the guardian ends", || is_gone(guardian));
        assert!(Marker::list(dir).is_empty(), "off was confirmed, so the marker is gone");
        heard = kit.commands().len();
    }
    let n = times.len();
    println!("SIGKILL of the program: {laser_off} on the line after {} ms (n={n}, emulated)", milliseconds(&times));
}

#[test]
fn a_wait_for_a_port_that_another_program_holds_ends_with_a_cancel() {
    let rig = Guarded::new(LaserKind::Obis);
    let held = SerialLink::open(rig.port(), 115_200, Arc::clone(&rig.clock)).unwrap();
    let began = Instant::now();
    let when = Duration::from_millis(400);
    let interrupt = Interrupt::new(move || began.elapsed() >= when);
    let (program, dir) = (program(), rig.dir.path());
    let guarding = guarding(dir, Some(&program), &interrupt);
    let end = open_laser(rig.port(), rig.setup, &guarding, |link| link, Arc::clone(&rig.clock)).err();
    let after = began.elapsed().saturating_sub(when);
    println!("cancel while a guardian waits for its port: {} ms", after.as_millis());
    assert!(matches!(end, Some(AnalyzerError::Link(TransportError::Interrupted { .. }))), "{end:?}");
    assert!(after < Duration::from_millis(200), "{after:?}");
    drop(held);
    let never = Interrupt::never();
    let guarding = Guarding { interrupt: &never, ..guarding };
    drop(open_laser(rig.port(), rig.setup, &guarding, |link| link, Arc::clone(&rig.clock)).unwrap());
}

/// A laser behind a guardian, opened by this process.
struct Guarded {
    dir: tempfile::TempDir,
    device: Emulated,
    clock: Arc<dyn Clock>,
    setup: LaserSetup,
}

impl Guarded {
    fn new(kind: LaserKind) -> Self {
        let dir = tempfile::tempdir().unwrap();
        let device = match kind {
            LaserKind::Ventana => Emulated::ventana(dir.path()),
            kind => Emulated::start(kind.name(), dir.path()),
        };
        let setup = LaserSetup { kind, baud: (kind == LaserKind::Ondax).then_some(19_200) };
        Self { dir, device, clock: Arc::new(SystemClock::start()), setup }
    }

    fn port(&self) -> &str {
        &self.device.paths[0]
    }

    fn link(&self) -> Result<GuardedLink, TransportError> {
        let (setup, clock) = (self.setup, Arc::clone(&self.clock));
        GuardedLink::start(
            &program(),
            self.port(),
            setup.kind,
            setup.baud().unwrap(),
            self.dir.path(),
            &Interrupt::never(),
            clock,
        )
    }
}

pub const VENTANA_ON: &str = "obp 810031 000001";
pub const VENTANA_OFF: &str = "obp 810031 000000";

fn guarding<'a>(data_dir: &'a Path, program: Option<&'a Path>, interrupt: &'a Interrupt) -> Guarding<'a> {
    Guarding { data_dir, program, interrupt }
}

const SWITCHES: [(LaserKind, &str, &str); 6] = [
    (LaserKind::MatchBox, "matchbox e 1", "matchbox e 0"),
    (LaserKind::Obis, "obis SOUR:AM:STAT ON", "obis SOUR:AM:STAT OFF"),
    (LaserKind::Cobolt, "cobolt l1", "cobolt l0"),
    (LaserKind::Ondax, "ondax lon", "ondax loff"),
    (LaserKind::Wasatch, "wasatch b4 01", "wasatch b4 00"),
    (LaserKind::Ventana, VENTANA_ON, VENTANA_OFF),
];

#[test]
fn every_laser_is_driven_through_a_guardian_and_marked_while_it_may_be_on() {
    for (kind, on, off) in SWITCHES {
        let rig = Guarded::new(kind);
        let (dir, clock) = (rig.dir.path(), &rig.clock);
        let (program, never) = (program(), Interrupt::never());
        let mut laser =
            open_laser(rig.port(), rig.setup, &guarding(dir, Some(&program), &never), |link| link, Arc::clone(clock))
                .unwrap();
        assert_eq!(rig.device.commands()[0], off, "{kind}: off is the first word");
        assert!(Marker::list(dir).is_empty());
        let guard = LaserGuard::emit(&mut *laser, clock, &mut || std::ops::ControlFlow::Continue(())).unwrap();
        assert!(rig.device.commands().iter().any(|line| line == on), "{kind}");
        assert_eq!(Marker::list(dir)[0].port, rig.port());
        assert_eq!(guard.off(), LaserState::Off, "{kind}");
        assert!(Marker::list(dir).is_empty(), "{kind}: confirmed");
        // The port is held: nobody else can switch it on.
        assert!(matches!(
            open_laser(rig.port(), rig.setup, &guarding(dir, None, &never), |link| link, Arc::clone(clock)).err(),
            Some(AnalyzerError::Link(TransportError::Busy { .. }))
        ));
        drop(laser);
        wait_until("off is the last word", || rig.device.commands().last().is_some_and(|last| last == off));
        // And free again.
        drop(open_laser(rig.port(), rig.setup, &guarding(dir, None, &never), |link| link, Arc::clone(clock)).unwrap());
    }
}

#[test]
fn a_kit_of_a_letter_spectrometer_and_an_obis_is_scanned_from_end_to_end() {
    let dir = tempfile::tempdir().unwrap();
    let parts = ["--spectrometer", "ocean-letter", "--laser", "obis", "--sample", "acetaminophen"];
    let kit = Emulated::start_with("kit", &parts, dir.path());
    let output = Command::new(program())
        .arg("--data-dir")
        .arg(dir.path())
        .args(["--json", "scan", "--port", &kit.paths[0], "--laser-port", &kit.paths[1]])
        .args(["--spectrometer", "ocean-letter", "--laser", "obis"])
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{said}");
    let answer: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(answer["acknowledged"], true, "{answer}");
    let best = &answer["candidates"][0]["substance"];
    assert_eq!(best, "acetaminophen", "{answer}");
    println!("letter spectrometer and OBIS on pseudo-terminals: best candidate {best}, n=1, simulated");
    let commands = kit.commands();
    let ons = commands.iter().filter(|line| *line == "obis SOUR:AM:STAT ON").count();
    // Once for the probes that choose the exposure, once for the exposures.
    assert_eq!((ons, commands.iter().any(|line| line == "letter 53")), (2, true), "{commands:?}");
}

#[test]
fn a_program_that_stands_still_has_its_laser_switched_off_and_cannot_switch_it_on_again() {
    let dir = tempfile::tempdir().unwrap();
    let kit = Emulated::start("kit", dir.path());
    let process = start_scan(dir.path(), &kit);
    let on = kit.wait_for("matchbox e 1", 0);
    let pid = Pid::from_raw(process.id().cast_signed());
    let stopped = Instant::now();
    kill(pid, Signal::SIGSTOP).unwrap();
    kit.wait_for("matchbox e 0", on);
    let took = stopped.elapsed();
    println!("heartbeat stopped: off on the laser's line after {:.0} ms (emulated)", took.as_secs_f64() * 1e3);
    assert!(took < Duration::from_millis(2_500), "{took:?}");
    let before = kit.commands().len();
    std::thread::sleep(Duration::from_secs(1));
    kill(pid, Signal::SIGCONT).unwrap();
    let output = process.wait_with_output().unwrap();
    let said = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(2), "{said}");
    assert!(said.contains("the program stood still"), "{said}");
    assert!(!kit.commands()[before..].iter().any(|line| line == "matchbox e 1"), "{:?}", kit.commands());
}

#[test]
fn a_laser_whose_guardian_is_killed_is_commanded_off_without_it_and_called_unknown() {
    let rig = Guarded::new(LaserKind::Obis);
    let (program, never) = (program(), Interrupt::never());
    let (dir, clock) = (rig.dir.path(), &rig.clock);
    let link = rig.link().unwrap();
    let guardian = Pid::from_raw(link.guardian_id().cast_signed());
    let laser = rig.setup.open(Box::new(link), Arc::clone(clock)).unwrap();
    let marker = Marker::new(rig.port(), rig.setup, &laser.identity().serial);
    let mut laser = laser;
    marker.write(dir).unwrap();
    let go_on: &mut parcelscope::analyzer::OnWait<'_> = &mut || std::ops::ControlFlow::Continue(());
    std::mem::forget(LaserGuard::emit(&mut *laser, clock, go_on).unwrap());
    let (before, killed) = (rig.device.commands().len(), Instant::now());
    kill(guardian, Signal::SIGKILL).unwrap();
    // Nobody asks the laser anything.
    let off = || rig.device.commands()[before..].iter().any(|line| line == "obis SOUR:AM:STAT OFF");
    wait_until("the laser is commanded off", off);
    println!("off {} ms after its guardian was killed", killed.elapsed().as_millis());
    assert!(killed.elapsed() < Duration::from_secs(1), "{:?}", killed.elapsed());
    wait_until("the guardian ends", || is_gone(guardian));
    wait_until("the marker is removed", || Marker::list(dir).is_empty());
    assert_eq!(laser.state(go_on), LaserState::Unknown, "nobody can ask it over this link any more");
    assert_eq!(laser.disable(), LaserState::Unknown, "nor command it");
    drop(laser);
    drop(
        open_laser(rig.port(), rig.setup, &guarding(dir, Some(&program), &never), |link| link, Arc::clone(clock))
            .unwrap(),
    );
}

#[test]
fn a_port_that_is_not_there_is_named_by_the_guardian_as_by_the_port_itself() {
    let dir = tempfile::tempdir().unwrap();
    let clock: Arc<dyn Clock> = Arc::new(SystemClock::start());
    let port = "/dev/there-is-no-such-port";
    let end = GuardedLink::start(&program(), port, LaserKind::Obis, 115_200, dir.path(), &Interrupt::never(), clock);
    assert_eq!(end.err(), Some(TransportError::NotFound { port: port.to_owned() }));
}
