//! Several files of one item give one finding, and measured scans of two substances are told to differ.

use std::process::Command;

use serde_json::Value;

/// The document of `identify --combine` on files of the measured data.
fn combined(data: &std::path::Path, files: &[&str]) -> Value {
    let mut command = Command::new(env!("CARGO_BIN_EXE_parcelscope"));
    command.args(["identify", "--combine", "--json"]).args(files.iter().map(|f| data.join(f)));
    let out = command.output().unwrap();
    assert!(out.status.success(), "{}", String::from_utf8_lossy(&out.stderr));
    serde_json::from_slice(&out.stdout).unwrap()
}

#[test]
fn spots_of_one_liquid_agree_and_two_liquids_do_not() {
    let Some(data) = crate::measured_data::folder("several scans of one item") else { return };
    let ethanol = [
        "raman-queries/nrc-txt-etoh_-_vial_-_map1_Y00_X00.txt",
        "raman-queries/nrc-txt-etoh_-_vial_-_map1_Y04_X04.txt",
        "raman-queries/nrc-txt-etoh_-_vial_-_map1_Y08_X08.txt",
    ];
    let same = combined(&data, &ethanol);
    assert_eq!((&same["homogeneous"], &same["scans"], &same["techniques"]), (&true.into(), &3.into(), &"one".into()));
    assert_eq!(same["identified"].as_array().unwrap().len(), 1, "{}", same["identified"]);
    assert_eq!(same["files"].as_array().unwrap().len(), 3);
    let paracetamol = "raman-queries/hyspc-txt.Renishaw-paracetamol.txt";
    let apart = combined(&data, &[ethanol[0], ethanol[1], paracetamol]);
    assert_eq!(apart["homogeneous"], false, "{}", apart["verdict"]);
    assert_eq!(apart["findings"].as_array().unwrap().len(), 2, "{}", apart["findings"]);
}

#[test]
fn a_file_that_cannot_be_read_and_a_single_file_are_refused() {
    let run = |files: &[&str]| {
        let mut command = Command::new(env!("CARGO_BIN_EXE_parcelscope"));
        command.args(["identify", "--combine"]).args(files).output().unwrap()
    };
    let missing = run(&["no-such-scan.txt", "no-such-other.txt"]);
    assert_eq!(missing.status.code(), Some(2));
    assert!(String::from_utf8_lossy(&missing.stderr).contains("there is no file no-such-scan.txt"));
}
