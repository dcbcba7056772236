//! Whatever dies beside a laser that shines, the guardian alone or everybody, *off* is the next thing that it hears: every
//! laser, the real program, emulated devices on pseudo-terminals.

#![cfg(unix)]

use std::path::Path;
use std::process::{Child, Command, Output, Stdio};
use std::time::{Duration, Instant};

use nix::sys::signal::{Signal, kill};
use parcelscope::analyzer::guardian::Marker;

use super::guardian::{Emulated, VENTANA_OFF, VENTANA_ON, guardian_of, is_gone, program, wait_until};

/// Wait after which a command that was to come would have come.
const QUIET: Duration = Duration::from_millis(300);
/// Longest from the death of the guardian alone to *off* on the line: the driver must notice, and the speed be found again.
const RESCUED_WITHIN: Duration = Duration::from_secs(6);
/// Longest from a signal to the end of a command that opens a kit; the machine of the tests is slow and shared.
const ENDED_WITHIN: Duration = Duration::from_millis(600);

/// A laser in a kit, how it is scanned, and its two commands as the emulator logs them.
struct Subject {
    emulate: &'static [&'static str],
    scan: &'static [&'static str],
    on: &'static str,
    off: &'static str,
    /// A command that has nothing to do with any laser.
    next_start: &'static [&'static str],
}

const SUBJECTS: [Subject; 6] = [
    Subject {
        emulate: &["kit"],
        scan: &[],
        on: "matchbox e 1",
        off: "matchbox e 0",
        next_start: &["casebook", "verify"],
    },
    Subject {
        emulate: &["kit", "--laser", "obis"],
        scan: &["--laser", "obis"],
        on: "obis SOUR:AM:STAT ON",
        off: "obis SOUR:AM:STAT OFF",
        next_start: &["kit", "list"],
    },
    Subject {
        emulate: &["kit", "--laser", "cobolt"],
        scan: &["--laser", "cobolt"],
        on: "cobolt l1",
        off: "cobolt l0",
        next_start: &["library", "show", "sucrose"],
    },
    Subject {
        emulate: &["kit", "--laser", "ondax"],
        scan: &["--laser", "ondax", "--laser-baud", "19200"],
        on: "ondax lon",
        off: "ondax loff",
        next_start: &["ports", "--probe", "LASER"],
    },
    Subject {
        emulate: &["wasatch"],
        scan: &["--spectrometer", "wasatch"],
        on: "wasatch b4 01",
        off: "wasatch b4 00",
        next_start: &["ports"],
    },
    Subject {
        emulate: &["obp-ventana", "--mind-speed"],
        scan: &[],
        on: VENTANA_ON,
        off: VENTANA_OFF,
        next_start: &["scan", "--port", "emulator", "--seed", "1"],
    },
];

impl Subject {
    fn start(&self, dir: &Path) -> Emulated {
        Emulated::start_with(self.emulate[0], &self.emulate[1..], dir)
    }

    fn command(&self, dir: &Path, kit: &Emulated) -> Command {
        let mut command = Command::new(program());
        command.arg("--data-dir").arg(dir).args(["scan", "--port", &kit.paths[0]]).args(self.scan);
        if self.emulate[0] != "wasatch" {
            command.args(["--laser-port", kit.paths.last().unwrap()]);
        }
        // Long enough for a kill in the middle of the light, short enough for twelve scans.
        command.args(["--integration-ms", "400", "--exposures", "2"]);
        command.stdout(Stdio::piped()).stderr(Stdio::piped());
        command
    }

    /// A scan whose laser shines now, and the place of the command that switched it on.
    fn lit(&self, dir: &Path, kit: &Emulated) -> (Child, usize) {
        let before = kit.commands().len();
        let process = self.command(dir, kit).spawn().unwrap();
        let on = kit.wait_for(self.on, before);
        assert_eq!(Marker::list(dir).len(), 1, "{}: the marker is written before emission", self.on);
        (process, on)
    }

    fn guardian_killed_alone(&self, dir: &Path, kit: &Emulated) {
        let (process, on) = self.lit(dir, kit);
        let killed = Instant::now();
        kill(guardian_of(&process), Signal::SIGKILL).unwrap();
        let output = process.wait_with_output().unwrap();
        let ended = killed.elapsed();
        // The program does not end before it has said *off* itself.
        let commands = kit.commands();
        let off = commands.iter().skip(on).position(|line| line == self.off);
        assert!(off.is_some(), "{}: the program ended after {ended:?} without off: {:?}", self.on, &commands[on..]);
        assert_eq!(output.status.code(), Some(2), "{}: {}", self.on, words(&output));
        assert!(ended < RESCUED_WITHIN, "{}: {ended:?}", self.on);
        assert!(Marker::list(dir).is_empty(), "{}: off was read back", self.on);
        println!(
            "SIGKILL of the guardian alone: {} and the end within {} ms (n=1, emulated)",
            self.off,
            ended.as_millis()
        );
    }

    fn both_killed(&self, dir: &Path, kit: &Emulated) {
        let (mut process, on) = self.lit(dir, kit);
        let guardian = guardian_of(&process);
        // Both at once: first nobody may run any more, then both die.
        kill(guardian, Signal::SIGSTOP).unwrap();
        process.kill().unwrap();
        kill(guardian, Signal::SIGKILL).unwrap();
        process.wait().unwrap();
        wait_until("the guardian ends", || is_gone(guardian));
        std::thread::sleep(QUIET);
        let before = kit.commands();
        assert!(!before[on..].iter().any(|line| line == self.off), "{}: nobody is left: {before:?}", self.on);
        assert_eq!(Marker::list(dir).len(), 1, "{}: the marker outlives both", self.on);

        // Also a start that has nothing to do with this laser begins with it.
        let laser = kit.paths.last().unwrap().as_str();
        let arguments = self.next_start.iter().map(|word| if *word == "LASER" { laser } else { word });
        let next = Command::new(program()).arg("--data-dir").arg(dir).args(arguments).output().unwrap();
        assert!(next.status.success(), "{:?}: {}", self.next_start, words(&next));
        let told = kit.commands();
        // What is not the laser's may come before: a Ventana is searched for, *off* goes with the first question.
        let first = told.get(before.len()).map(String::as_str);
        assert_eq!(first, Some(self.off), "{:?}: {told:?}", self.next_start);
        assert!(words(&next).contains("was commanded off"), "{}", words(&next));
        assert!(Marker::list(dir).is_empty(), "{}", self.on);
        let start = self.next_start.join(" ");
        println!("after SIGKILL of both, '{start}': {} is the first command (n=1, emulated)", self.off);
    }
}

fn words(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}

#[test]
fn every_laser_hears_off_when_its_guardian_is_killed_and_before_anything_else_after_all_were() {
    std::thread::scope(|scope| {
        for subject in &SUBJECTS {
            scope.spawn(move || {
                let dir = tempfile::tempdir().unwrap();
                let kit = subject.start(dir.path());
                subject.guardian_killed_alone(dir.path(), &kit);
                subject.both_killed(dir.path(), &kit);
                // The line is free again, and the unit works.
                let again = subject.command(dir.path(), &kit).output().unwrap();
                assert!(again.status.success(), "{}: {}", subject.on, words(&again));
            });
        }
    });
}

#[test]
fn a_laser_that_was_left_on_and_cannot_be_reached_is_named_by_every_command() {
    use parcelscope::analyzer::laser::{LaserKind, LaserSetup};
    let dir = tempfile::tempdir().unwrap();
    Marker::new("/dev/nothing", LaserSetup::usual(LaserKind::Obis), "123").write(dir.path()).unwrap();
    let listed = Command::new(program()).arg("--data-dir").arg(dir.path()).args(["kit", "list"]).output().unwrap();
    assert!(listed.status.success(), "{}", words(&listed));
    assert!(words(&listed).contains("laser 123 on /dev/nothing") && words(&listed).contains("treat it as on"));
    assert_eq!(Marker::list(dir.path()).len(), 1, "it is tried again by the next command");
}

/// A signal while the ports are opened: the command ends, and *off* was the laser's last word where it was reached.
#[test]
fn a_signal_ends_the_opening_of_a_kit_whatever_it_is_opened_for() {
    let dir = tempfile::tempdir().unwrap();
    let kit = Emulated::start_with("kit", &[], dir.path());
    let ports = ["--port", kit.paths[0].as_str(), "--laser-port", kit.paths[1].as_str()];
    let commands: [&[&str]; 4] =
        [&["check"], &["calibrate", "--standard", "polystyrene"], &["kit", "save", "Gate 4"], &["ports", "--probe"]];
    for command in commands {
        let on: &[&str] = if command[0] == "ports" { &ports[3..4] } else { &ports };
        let before = kit.commands().len();
        let process = Command::new(program())
            .arg("--data-dir")
            .arg(dir.path())
            .args(command)
            .args(on)
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        if command[0] == "ports" {
            // A laser: it is silent while other protocols are asked for, for some seconds.
            std::thread::sleep(Duration::from_millis(400));
        } else {
            kit.wait_for("matchbox e 0", before);
        }
        let pid = nix::unistd::Pid::from_raw(process.id().cast_signed());
        let told = Instant::now();
        kill(pid, Signal::SIGINT).unwrap();
        let output = process.wait_with_output().unwrap();
        let took = told.elapsed();
        println!("{command:?}: ended {} ms after SIGINT while it opened (n=1, emulated)", took.as_millis());
        assert_eq!(output.status.code(), Some(2), "{command:?}: {}", words(&output));
        assert!(words(&output).contains("stopped by a signal"), "{command:?}: {}", words(&output));
        assert!(took < ENDED_WITHIN, "{command:?}: {took:?}");
    }
    assert!(!kit.commands().iter().any(|line| line == "matchbox e 1"), "no light was asked for");
}

#[test]
fn a_saved_laser_without_a_usb_identity_hears_off_before_it_is_asked_who_it_is() {
    let dir = tempfile::tempdir().unwrap();
    let kit = Emulated::start_with("kit", &["--laser", "obis"], dir.path());
    let run = |arguments: &[&str]| {
        let output = Command::new(program()).arg("--data-dir").arg(dir.path()).args(arguments).output().unwrap();
        assert!(output.status.success(), "{arguments:?}: {}", words(&output));
    };
    run(&["kit", "save", "Gate 4", "--port", &kit.paths[0], "--laser-port", &kit.paths[1], "--laser", "obis"]);
    let before = kit.commands().len();
    run(&["kit", "status", "Gate 4"]);
    let commands = kit.commands();
    assert_eq!(commands.get(before).map(String::as_str), Some("obis SOUR:AM:STAT OFF"), "{:?}", &commands[before..]);
}
