//! Kits on the command line: saved, listed, found again, calibrated, scanned, all through the program itself.

use std::path::Path;
use std::process::{Command, Output};

use super::foreign_client::emulator;

fn parcelscope(dir: &Path, arguments: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_parcelscope")).arg("--data-dir").arg(dir).args(arguments).output().unwrap()
}

fn json(dir: &Path, arguments: &[&str]) -> serde_json::Value {
    let output = parcelscope(dir, &[arguments, &["--json"]].concat());
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{arguments:?}: {said}");
    serde_json::from_slice(&output.stdout).unwrap()
}

fn refused(dir: &Path, arguments: &[&str]) -> String {
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
    let stricter = json(dir.path(), &["check", "--kit", "Box", "--tolerance", "2"]);
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
