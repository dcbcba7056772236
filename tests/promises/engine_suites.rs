//! The engine against simulated laboratory packs, bags, mixtures and limits, and measured blends: what `evaluate` states is
//! held here. Simulated suites say so; none of their figures is one for the field.

use std::process::Command;

use serde_json::Value;

/// Runs `parcelscope evaluate SUITE --json` and returns its table.
fn table(suite: &str) -> Value {
    let out = Command::new(env!("CARGO_BIN_EXE_parcelscope")).args(["evaluate", suite, "--json"]).output().unwrap();
    assert!(out.status.success(), "{}", String::from_utf8_lossy(&out.stderr));
    let tables: Value = serde_json::from_slice(&out.stdout).unwrap();
    tables[0].clone()
}

fn rate(table: &Value, line: usize, what: &str) -> (u64, u64) {
    let rate = &table["lines"][line][what];
    (rate["k"].as_u64().unwrap(), rate["n"].as_u64().unwrap())
}

fn part<'a>(table: &'a Value, name: &str) -> &'a Value {
    table["lines"].as_array().unwrap().iter().find(|l| l["part"] == name).unwrap()
}

fn figure(table: &Value, name: &str) -> f64 {
    let figures = table["figures"].as_array().unwrap();
    figures.iter().find(|f| f[0] == name).unwrap()[1].as_f64().unwrap()
}

#[test]
fn other_units_find_what_is_listed_in_a_laboratory_pack_and_leave_the_rest_in_peace() {
    let table = table("daughters");
    assert_eq!(table["spectra"], "simulated");
    let (alarms, listed) = rate(&table, 0, "alarmed");
    assert!(listed >= 200 && alarms * 1_000 >= listed * 973, "{alarms} of {listed}: {}", table["errors"]);
    let (exact, n) = rate(&table, 0, "exact");
    assert!(exact * 1_000 >= n * 933, "{exact} of {n}");
    let (false_alarms, benign) = rate(&table, 0, "false_alarms");
    assert!(benign >= 1_000 && false_alarms == 0, "{false_alarms} of {benign}: {}", table["errors"]);
    let (wrong, all) = rate(&table, 0, "named_wrong");
    assert!(wrong * 100 <= all, "{wrong} of {all}");
}

#[test]
fn with_its_own_reference_removed_a_substance_is_seldom_named_as_another_and_nothing_benign_alarms() {
    let table = table("daughters-leave-one-out");
    let (wrong, n) = rate(&table, 0, "named_wrong");
    assert!(wrong * 100 <= n, "{wrong} of {n}: {}", table["errors"]);
    // The curve's last line: what is named with the reference in the library, by the same demands.
    assert!(figure(&table, "coverage") >= 0.90, "{}", table["notes"]);
    let (false_alarms, benign) = rate(&table, 0, "false_alarms");
    assert!(false_alarms * 50 <= benign, "{false_alarms} of {benign}");
}

#[test]
fn a_listed_substance_in_a_bag_is_warned_of_and_its_benign_neighbour_is_not() {
    let table = table("bagged");
    assert_eq!(table["spectra"], "simulated");
    let (warned, n) = rate(&table, 0, "warned");
    assert!(n >= 200 && warned * 100 >= n * 97, "{warned} of {n}");
    let (alarmed, n) = rate(&table, 0, "alarmed");
    assert!(alarmed * 100 >= n * 90, "{alarmed} of {n}");
    let (wrong, _) = rate(&table, 0, "named_wrong");
    assert_eq!(wrong, 0);
    let (false_alarms, benign) = rate(&table, 0, "false_alarms");
    assert!(false_alarms * 50 <= benign, "{false_alarms} of {benign}");
}

#[test]
fn a_stated_detection_limit_has_the_stated_power() {
    let table = table("limits");
    let (found, scans) = (figure(&table, "found"), figure(&table, "scans"));
    assert!(scans >= 500.0, "{scans}");
    assert!((0.90..=0.99).contains(&(found / scans)), "{found} of {scans}");
    assert!(figure(&table, "blank_alarms") * 100.0 <= figure(&table, "blanks"), "{}", table["notes"]);
}

#[test]
fn pairs_and_triples_of_benign_substances_hardly_ever_alarm_and_are_not_misnamed() {
    let table = table("benign-mixtures");
    let line = part(&table, "reporting units");
    let count = |what: &str| (line[what]["k"].as_u64().unwrap(), line[what]["n"].as_u64().unwrap());
    let (alarms, n) = count("false_alarms");
    assert!(n >= 400 && alarms * 100 <= n, "{alarms} of {n}: {}", table["errors"]);
    let (wrong, n) = count("named_wrong");
    assert!(wrong * 100 <= n, "{wrong} of {n}: {}", table["errors"]);
}

#[test]
fn the_embedded_probabilities_are_those_that_calibrate_fits() {
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("table.rs");
    let out = Command::new(env!("CARGO_BIN_EXE_parcelscope"))
        .args(["evaluate", "calibrate", "--report"])
        .arg(&file)
        .output()
        .unwrap();
    assert!(out.status.success(), "{}", String::from_utf8_lossy(&out.stderr));
    let numbers = |text: &str| -> Vec<f64> {
        let constants = text.lines().filter(|l| l.contains("const CONSTANT") || l.contains("const COEFFICIENTS"));
        let of_line = |l: &str| {
            l.split_once(" = ").unwrap().1.split([',', '[', ']', ';', ' ']).map(str::to_owned).collect::<Vec<_>>()
        };
        constants.flat_map(of_line).filter_map(|n| n.parse().ok()).collect()
    };
    let fitted = numbers(&std::fs::read_to_string(&file).unwrap());
    let embedded = numbers(include_str!("../../src/identify/probability_table.rs"));
    assert_eq!(fitted.len(), 8);
    // Rounding may differ between machines; a model fitted on other evidence differs by far more.
    let near = |a: f64, b: f64| (a - b).abs() <= 0.02 * (1.0 + b.abs());
    assert!(fitted.iter().zip(&embedded).all(|(a, b)| near(*a, *b)), "{fitted:?} {embedded:?}");
}

#[test]
fn trouble_is_called_by_its_name_and_never_alarms() {
    let table = table("hostile");
    let (false_alarms, n) = rate(&table, 0, "false_alarms");
    assert!(n > 300 && false_alarms == 0, "{false_alarms} of {n}");
    let (wrong, _) = rate(&table, 0, "named_wrong");
    assert_eq!(wrong, 0);
    for name in ["noise only", "container only"] {
        let line = part(&table, name);
        let inconclusive = &line["inconclusive"];
        assert!(inconclusive["k"].as_u64() >= inconclusive["n"].as_u64().map(|n| n * 97 / 100), "{name}: {line}");
    }
    let rays = part(&table, "cosmic rays");
    assert!(rays["first"]["k"] == rays["first"]["n"], "{rays}");
}

#[test]
fn measured_blends_are_fitted_with_little_scatter() {
    if crate::measured_data::folder("measured blends").is_none() {
        return;
    }
    let table = table("blends");
    assert_eq!(table["spectra"], "measured");
    // At 0.3938 the fit is 0.074 low, which is more than the 0.05 that was aimed at; docs/identification.md says so.
    assert!(figure(&table, "off_at_0.9072").abs() <= 0.05, "{}", table["notes"]);
    assert!(figure(&table, "off_at_0.3938").abs() <= 0.08, "{}", table["notes"]);
}
