//! Kits on the command line: saved, listed, found again, calibrated, scanned, all through the program itself.

use std::io::{BufRead, BufReader, Write};
use std::path::Path;
use std::process::{Command, Output, Stdio};
use std::time::Duration;

use super::foreign_client::emulator;

pub fn parcelscope(dir: &Path, arguments: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_parcelscope")).arg("--data-dir").arg(dir).args(arguments).output().unwrap()
}

pub fn json(dir: &Path, arguments: &[&str]) -> serde_json::Value {
    let output = parcelscope(dir, &[arguments, &["--json"]].concat());
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{arguments:?}: {said}");
    serde_json::from_slice(&output.stdout).unwrap()
}

pub fn refused(dir: &Path, arguments: &[&str]) -> String {
    let output = parcelscope(dir, arguments);
    assert_eq!(output.status.code(), Some(2), "{arguments:?}");
    String::from_utf8_lossy(&output.stderr).into_owned()
}

#[test]
fn a_box_with_its_own_laser_is_saved_listed_scanned_by_name_and_held_to_the_policy() {
    let dir = tempfile::tempdir().unwrap();
    let (_ventana, port) = emulator("obp-ventana", &["--seed", "21", "--sample", "polystyrene", "--no-gap"]);
    assert!(refused(dir.path(), &["scan", "--kit", "Box"]).contains("none is saved yet"));
    let saved = json(dir.path(), &["kit", "save", "Box", "--port", &port, "--laser-port", &port]);
    assert_eq!((&saved["kits"][0]["name"], &saved["kits"][0]["in_use"]), (&"Box".into(), &true.into()), "{saved}");
    assert_eq!(saved["kits"][0]["parts"]["laser"]["place"], "inside", "{saved}");

    let stamped = json(dir.path(), &["scan", "--kit", "box"]);
    let problems = stamped["quality"]["problems"].to_string();
    assert!(problems.contains("unverified: this kit was never checked"), "{problems}");
    json(dir.path(), &["kit", "policy", "--unverified", "refuse", "--valid-days", "2"]);
    assert!(refused(dir.path(), &["scan", "--kit", "Box"]).contains("never checked"));

    let axis = json(dir.path(), &["calibrate", "--kit", "Box", "--standard", "polystyrene"]);
    assert_eq!((&axis["finding"]["kind"], &axis["kept"]), (&"axis".into(), &true.into()), "{axis}");
    let check = json(dir.path(), &["check", "--kit", "Box"]);
    assert_eq!(check["serial"], axis["serial"]);
    let policy = json(dir.path(), &["kit", "policy", "--tolerance", "2.5"]);
    assert_eq!(policy["check_tolerance_cm1"], 2.5, "{policy}");
    for laxer in ["500", "2.6", "0", "-1", "NaN"] {
        let tolerance = format!("--tolerance={laxer}");
        let why = refused(dir.path(), &["check", "--kit", "Box", &tolerance]);
        assert!(why.contains("the 2.5 cm-1 of the policy"), "{why}");
    }
    for none in ["0.09", "10.1", "NaN"] {
        assert!(refused(dir.path(), &["kit", "policy", "--tolerance", none]).contains("no tolerance"));
    }
    let why = refused(dir.path(), &["check", "--kit", "Box", "--valid-days", "3"]);
    assert!(why.contains("the 48 hours of the policy"), "{why}");
    assert_eq!(json(dir.path(), &["kit", "list"])["check_valid_hours"], 48, "nobody's policy was loosened");
    let stricter = json(dir.path(), &["check", "--kit", "Box", "--tolerance", "2", "--valid-days", "1"]);
    assert_eq!(stricter["finding"]["limits"]["tolerance_cm1"], 2.0, "{stricter}");
    let verified = json(dir.path(), &["scan", "--kit", "Box"]);
    assert!(!verified["quality"]["problems"].to_string().contains("unverified"), "{verified}");
    let record = json(dir.path(), &["casebook", "show", "2"]);
    let conditions = &record["record"]["acquisition"]["conditions"];
    assert_eq!(conditions["check"]["state"], "passed", "{conditions}");
    assert!(conditions["correction"]["sources"].to_string().contains("polystyrene"), "{conditions}");

    json(dir.path(), &["kit", "forget", "Box"]);
    assert!(refused(dir.path(), &["scan", "--kit", "Box"]).contains("none is saved yet"));
}

#[test]
fn a_near_infrared_scanner_is_scanned_from_the_command_line_against_its_white_reference() {
    let dir = tempfile::tempdir().unwrap();
    let (_scanner, port) = emulator("nirscan", &["--seed", "5"]);
    let on = ["--port", port.as_str(), "--spectrometer", "nirscan"];
    assert!(refused(dir.path(), &[&["scan"], &on[..]].concat()).contains("white standard"));
    let white = json(dir.path(), &[&["calibrate", "--standard", "white"], &on[..]].concat());
    assert_eq!(white["finding"]["kind"], "white", "{white}");
    let scan = json(dir.path(), &[&["scan"], &on[..]].concat());
    assert_eq!((&scan["verdict"]["rule"], &scan["technique"]), (&"no-nir-library".into(), &"nir".into()), "{scan}");
    let shown = parcelscope(dir.path(), &["casebook", "show", "1"]);
    let shown = String::from_utf8_lossy(&shown.stdout).into_owned();
    assert!(shown.contains("near-infrared scans against the white reference"), "{shown}");
    assert!(refused(dir.path(), &[&["scan", "--laser-port", "/dev/x"], &on[..]].concat()).contains("no laser"));
}

#[test]
fn three_standards_are_asked_for_one_after_the_other_and_fitted_together_to_a_kit_that_is_six_wavenumbers_wrong() {
    let dir = tempfile::tempdir().unwrap();
    let standards = ["polystyrene", "acetaminophen", "toluene-acetonitrile"];
    let samples = standards.map(|s| format!("standard:{s}"));
    let under: Vec<&str> = samples.iter().flat_map(|s| ["--sample", s.as_str()]).collect();
    let (device, port) = emulator("obp-ventana", &[&under[..], &["--seed", "22", "--axis-error-cm1", "6"]].concat());
    let mut calibrate = Command::new(env!("CARGO_BIN_EXE_parcelscope"))
        .arg("--data-dir")
        .arg(dir.path())
        .args(["--json", "calibrate", "--port", &port, "--laser-port", &port])
        .args(standards.iter().flat_map(|s| ["--standard", *s]))
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut enter = calibrate.stdin.take().unwrap();
    let mut asked = Vec::new();
    for line in BufReader::new(calibrate.stderr.take().unwrap()).lines() {
        let line = line.unwrap();
        if line.contains("press Enter") {
            if !asked.is_empty() {
                let pid = nix::unistd::Pid::from_raw(device.0.id().try_into().unwrap());
                nix::sys::signal::kill(pid, nix::sys::signal::Signal::SIGUSR1).unwrap();
                std::thread::sleep(Duration::from_millis(500));
            }
            enter.write_all(b"\n").unwrap();
            asked.push(line);
        }
    }
    let output = calibrate.wait_with_output().unwrap();
    assert!(output.status.success());
    let found: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
    assert!(asked.len() == 3 && asked.iter().zip(standards).all(|(line, s)| line.contains(s)), "{asked:?}");
    assert_eq!((&found["kept"], &found["samples"]), (&true.into(), &standards.to_vec().into()), "{found}");
    let fit = &found["finding"]["fit"];
    let (before, after) = (fit["before_rms_cm1"].as_f64().unwrap(), fit["after_rms_cm1"].as_f64().unwrap());
    println!("emulated Ventana on a pseudo-terminal, n = 1: {before:.2} cm-1 rms before, {after:.2} after");
    assert!(before > 1.0 && after < 0.7, "{before} {after}");
    let lines = std::fs::read_to_string(dir.path().join("kits").join("EMU00022").join("records.jsonl"));
    assert_eq!(lines.unwrap().lines().count(), 1, "one calibration, not one for each standard");

    let told = json(dir.path(), &["calibrate", "--port", "emulator", "--standard", "polystyrene", "--dry-run"]);
    assert_eq!(told["kept"], false, "{told}");
    assert!(!dir.path().join("kits").join("EMU00001").exists());
}
