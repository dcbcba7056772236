//! What holds a laser, and the power that it has, are known before it is asked for light: on the command line through the
//! program itself, and in a scan of every kit that can be held.

use std::time::Duration;

use parcelscope::analyzer::emulator::{Fault, ObpModel};
use parcelscope::analyzer::laser::LaserKind;
use parcelscope::analyzer::{AcquireProgress, AcquireStage, Acquisition, AnalyzerError, Kit, LaserState, ScanSettings};

use super::fault_matrix::rig::{Driver, MemoryRig, Rig, settings};
use super::guardian::Emulated;
use super::kit_commands::{json, parcelscope, refused};

/// Scans; returns what came of it and the laser's states as they were told.
fn scan(kit: &mut Kit, settings: &ScanSettings) -> (Result<Acquisition, AnalyzerError>, Vec<LaserState>) {
    let mut told = Vec::new();
    let end = kit.acquire(settings, &|| false, &mut |_| {}, &mut |state| told.push(state));
    (end, told)
}

#[test]
fn a_kit_of_a_qe_pro_and_an_obis_is_saved_with_a_power_asked_for_its_state_and_scanned_at_it() {
    let dir = tempfile::tempdir().unwrap();
    let parts = ["--spectrometer", "obp-qepro", "--laser", "obis", "--sample", "acetaminophen", "--seed", "9"];
    let kit = Emulated::start_with("kit", &parts, dir.path());
    let on = ["--port", kit.paths[0].as_str(), "--laser-port", kit.paths[1].as_str(), "--laser", "obis"];
    let save = |power: &'static str| [&["kit", "save", "Gate", "--laser-power-mw", power], &on[..]].concat();
    assert!(refused(dir.path(), &save("0.5")).contains("no laser power"));
    let too_much = refused(dir.path(), &save("900"));
    assert!(too_much.contains("laser power") && too_much.contains("outside the limits"), "{too_much}");
    assert_eq!(json(dir.path(), &["kit", "list"])["kits"], serde_json::json!([]), "nothing was saved");
    let saved = json(dir.path(), &save("40"));
    assert_eq!(saved["kits"][0]["parts"]["laser_power_mw"], 40.0, "{saved}");

    let status = json(dir.path(), &["kit", "status", "Gate"]);
    let condition = &status["laser_condition"];
    assert_eq!((&status["laser_state"], &condition["interlock_open"]), (&"off".into(), &false.into()), "{status}");
    assert_eq!(
        (&condition["key_off"], &status["laser_obstacle"]),
        (&serde_json::Value::Null, &serde_json::Value::Null)
    );
    assert_eq!(status["laser_power"]["set_mw"].as_f64().unwrap().round(), 40.0, "{status}");
    let detector_c = status["temperatures_c"][0].as_f64().unwrap();
    assert!((-12.0..-8.0).contains(&detector_c), "the cooled detector stands first: {status}");
    assert_eq!(status["temperatures_c"].as_array().unwrap().len(), 3, "no place without a sensor: {status}");
    let words = parcelscope(dir.path(), &["kit", "status", "Gate"]);
    let words = String::from_utf8_lossy(&words.stdout).into_owned();
    for part in ["interlock     closed", "key           its protocol does not tell", "set to 40.0 mW of"] {
        assert!(words.contains(part), "{words}");
    }

    let answer = json(dir.path(), &["scan", "--kit", "Gate"]);
    assert_eq!(answer["candidates"][0]["substance"], "acetaminophen", "{answer}");
    let record = json(dir.path(), &["casebook", "show", "1"]);
    let acquisition = &record["record"]["acquisition"];
    assert!(acquisition["spectrometer"]["driver"].to_string().contains("obp-qepro"), "{acquisition}");
    let power = &acquisition["conditions"]["laser_power"];
    assert_eq!(power["set_mw"].as_f64().unwrap().round(), 40.0, "{power}");
    assert!(acquisition["conditions"]["cooler"]["stable"] == true, "{}", acquisition["conditions"]);
    // Set while it was dark, in every scan anew.
    let commands = kit.commands();
    let set = commands.iter().rposition(|line| line.contains("AMPL 0.04")).unwrap();
    let lit = commands.iter().position(|line| line == "obis SOUR:AM:STAT ON").unwrap();
    assert!(set < lit, "{commands:?}");
}

#[test]
fn an_open_interlock_is_said_by_kit_status_and_named_by_a_scan_that_never_asks_for_light() {
    let dir = tempfile::tempdir().unwrap();
    for (laser, on_command) in [("obis", "obis SOUR:AM:STAT ON"), ("cobolt", "cobolt l1")] {
        let folder = dir.path().join(laser);
        std::fs::create_dir(&folder).unwrap();
        let kit = Emulated::start_with("kit", &["--laser", laser, "--fault", "laser/interlock-open"], &folder);
        let on = ["--port", kit.paths[0].as_str(), "--laser-port", kit.paths[1].as_str(), "--laser", laser];
        json(&folder, &[&["kit", "save", "Gate"], &on[..]].concat());
        let status = parcelscope(&folder, &["kit", "status", "Gate", "--json"]);
        let said = String::from_utf8_lossy(&status.stderr).into_owned();
        assert!(said.contains("the laser cannot emit: its interlock is open"), "{laser}: {said}");
        let status: serde_json::Value = serde_json::from_slice(&status.stdout).unwrap();
        assert_eq!(status["laser_condition"]["interlock_open"], true, "{laser}: {status}");
        let why = refused(&folder, &["scan", "--kit", "Gate"]);
        assert!(
            why.contains("cannot emit: its interlock is open") && !why.contains("treat it as on"),
            "{laser}: {why}"
        );
        assert!(!kit.commands().iter().any(|line| line == on_command), "{laser}: {:?}", kit.commands());
    }
}

/// Run state 5 of an Ondax is a fault, and its emulator is in it while the interlock is open.
#[test]
fn a_laser_with_a_fault_is_opened_shown_refused_to_scans_and_used_again_when_the_fault_is_over() {
    let dir = tempfile::tempdir().unwrap();
    let kit = Emulated::start_with("kit", &["--laser", "ondax", "--fault", "laser/interlock-open"], dir.path());
    let on = ["--port", kit.paths[0].as_str(), "--laser-port", kit.paths[1].as_str()];
    let ondax = ["--laser", "ondax", "--laser-baud", "19200"];
    let saved = json(dir.path(), &[&["kit", "save", "Gate"], &on[..], &ondax[..]].concat());
    assert_eq!(saved["kits"][0]["name"], "Gate", "{saved}");
    let status = json(dir.path(), &["kit", "status", "Gate"]);
    let told = (&status["laser_state"], &status["laser_obstacle"]);
    assert_eq!(told, (&"fault".into(), &"it reports a fault: it shut down for its current".into()), "{status}");
    let said = String::from_utf8_lossy(&parcelscope(dir.path(), &["kit", "status", "Gate"]).stderr).into_owned();
    assert!(said.contains("have it repaired"), "{said}");
    let why = refused(dir.path(), &["scan", "--kit", "Gate"]);
    assert!(why.contains("cannot emit: it reports a fault: it shut down for its current"), "{why}");
    assert!(!kit.commands().iter().any(|line| line == "ondax lon"), "{:?}", kit.commands());
    assert!(parcelscope::analyzer::guardian::Marker::list(dir.path()).is_empty(), "it was read back dark");

    let driver = Driver::Laser(LaserKind::Ondax);
    let rig = MemoryRig::new(driver, 5);
    rig.faults().switch_on(Fault::InterlockOpen);
    let mut kit = rig.connect().unwrap();
    assert_eq!(kit.report().unwrap().laser_state, LaserState::Fault);
    let error = scan(&mut kit, &settings(driver)).0.unwrap_err();
    assert!(matches!(error, AnalyzerError::LaserBlocked { .. }) && !error.loses_the_kit(), "{error:?}");
    rig.faults().clear();
    assert_eq!(kit.report().unwrap().laser_condition.obstacle(), None);
    assert!(scan(&mut kit, &settings(driver)).0.is_ok(), "the same connection scans again");
}

#[test]
fn a_scan_names_what_holds_the_laser_before_it_and_during_it_and_tells_the_state_that_was_read_back() {
    let held = [Driver::Laser(LaserKind::Obis), Driver::Laser(LaserKind::Cobolt)];
    let silent = [Driver::Obp(ObpModel::Ventana), Driver::Wasatch];
    for driver in held.into_iter().chain(silent) {
        let rig = MemoryRig::new(driver, 5);
        let mut kit = rig.connect().unwrap();
        let name = driver.name();
        // Open beforehand.
        rig.faults().switch_on(Fault::InterlockOpen);
        let (end, told) = scan(&mut kit, &settings(driver));
        let error = end.unwrap_err();
        let words = error.to_string();
        assert!(!error.loses_the_kit() || matches!(error, AnalyzerError::Refused { .. }), "{name}: {error:?}");
        assert!(!words.contains("treat it as on"), "{name}: {words}");
        if held.contains(&driver) {
            assert!(matches!(error, AnalyzerError::LaserBlocked { .. }), "{name}: {error:?}");
            assert!(words.contains("its interlock is open"), "{name}: {words}");
            assert_eq!(told.last(), Some(&LaserState::Blocked), "{name}: {told:?}");
            assert_eq!(kit.report().unwrap().laser_condition.interlock_open, Some(true), "{name}");
        } else {
            // Their protocols have no question for it: the laser that does not come on is commanded off and said to be.
            assert!(
                matches!(error, AnalyzerError::LaserNotOn { .. } | AnalyzerError::Refused { .. }),
                "{name}: {error:?}"
            );
            assert_eq!(told.last(), Some(&LaserState::Off), "{name}: {told:?}");
        }
        assert!(!rig.bench().laser_shines(), "{name}");
        rig.faults().clear();
        let (end, told) = scan(&mut kit, &settings(driver));
        assert!(end.is_ok() && told.last() == Some(&LaserState::Off), "{name}: {end:?} {told:?}");

        // Opened while it shines.
        let (mut told, began) = (Vec::new(), rig.clock().now());
        let opened = std::cell::Cell::new(false);
        let opens = || {
            if rig.bench().laser_shines() && !opened.replace(true) {
                rig.faults().switch_on(Fault::InterlockOpen);
            }
            false
        };
        let end = kit.acquire(&settings(driver), &opens, &mut |_| {}, &mut |state| told.push(state));
        assert!(opened.get() && rig.clock().now() < began + Duration::from_mins(1), "{name}");
        let error = end.unwrap_err();
        let expected = if held.contains(&driver) { LaserState::Blocked } else { LaserState::Off };
        assert_eq!(told.last(), Some(&expected), "{name}: {error} {told:?}");
        assert!(!rig.bench().laser_shines(), "{name}");
        println!("{name}: {error}");
    }
}

#[test]
fn the_power_of_a_kit_is_read_back_in_every_scan_or_refused_without_light() {
    for driver in [LaserKind::MatchBox, LaserKind::Obis, LaserKind::Cobolt, LaserKind::Ondax].map(Driver::Laser) {
        let rig = MemoryRig::new(driver, 6);
        let mut kit = rig.connect().unwrap();
        let name = driver.name();
        let (end, _) = scan(&mut kit, &settings(driver));
        assert_eq!(end.unwrap().conditions.laser_power, None, "{name}: left alone");
        for power in [60.0, 30.0] {
            kit.set_laser_power_mw(Some(power));
            let (end, _) = scan(&mut kit, &settings(driver));
            let read_back = end.unwrap().conditions.laser_power.unwrap().set_mw.unwrap();
            assert!((read_back - power).abs() <= 0.005 * power, "{name}: {read_back}");
        }
        let readouts = rig.bench().readouts().len();
        kit.set_laser_power_mw(Some(900.0));
        let error = scan(&mut kit, &settings(driver)).0.unwrap_err();
        assert!(
            matches!(error, AnalyzerError::OutOfLimits { .. } | AnalyzerError::Refused { .. }),
            "{name}: {error:?}"
        );
        assert_eq!(rig.bench().readouts().len(), readouts, "{name}: refused before anything was measured");
        assert!(!rig.bench().laser_shines(), "{name}");
    }
    for driver in [Driver::Wasatch, Driver::Obp(ObpModel::Ventana)] {
        let rig = MemoryRig::new(driver, 6);
        let mut kit = rig.connect().unwrap();
        kit.set_laser_power_mw(Some(50.0));
        let error = scan(&mut kit, &settings(driver)).0.unwrap_err();
        assert!(matches!(error, AnalyzerError::PowerFixed { .. }), "{error:?}");
        assert!(error.to_string().contains("cannot be set from here"), "{error}");
    }
}

#[test]
fn a_detector_that_never_holds_its_temperature_is_waited_for_two_minutes_and_then_named_without_light() {
    for driver in [Driver::Wasatch, Driver::Obp(ObpModel::QePro)] {
        let rig = MemoryRig::new(driver, 7);
        let mut kit = rig.connect().unwrap();
        rig.faults().switch_on(Fault::TecUnstable);
        let began = rig.clock().now();
        let (end, told) = scan(&mut kit, &settings(driver));
        let took = rig.clock().now().saturating_sub(began);
        let error = end.unwrap_err();
        assert!(matches!(error, AnalyzerError::CoolerUnsettled { waited_s: 120, .. }), "{error:?}");
        assert!(!error.loses_the_kit() && error.to_string().contains("does not hold"), "{error}");
        assert!((120..125).contains(&took.as_secs()), "{took:?}");
        assert!(told.iter().all(|state| *state == LaserState::Off), "{told:?}");
        // The wait is ended by a cancel like any other.
        let cancel_at = rig.clock().now() + Duration::from_secs(30);
        let end = kit.acquire(&settings(driver), &|| rig.clock().now() >= cancel_at, &mut |_| {}, &mut |_| {});
        assert_eq!(end.map(drop), Err(AnalyzerError::Cancelled));
        let after = rig.clock().now().saturating_sub(cancel_at);
        assert!(after < Duration::from_millis(200), "{after:?}");
        rig.faults().clear();
        let (end, _) = scan(&mut kit, &settings(driver));
        assert!(end.unwrap().conditions.cooler.unwrap().stable, "{}", driver.name());
    }
}

#[test]
fn the_wait_for_a_warm_detector_is_said_and_its_end_is_computed() {
    // The module was just switched on.
    let rig = MemoryRig::new(Driver::Wasatch, 8);
    let mut kit = rig.connect().unwrap();
    let mut cooling = Vec::new();
    let mut dark_at = None;
    let mut follow = |progress: AcquireProgress| match progress.stage {
        AcquireStage::Cooling => cooling.push((rig.clock().now(), progress.remaining, progress.fraction)),
        AcquireStage::Dark => drop(dark_at.get_or_insert((rig.clock().now(), progress.remaining))),
        AcquireStage::Preparing | AcquireStage::Light => {}
    };
    kit.acquire(&settings(Driver::Wasatch), &|| false, &mut follow, &mut |_| {}).unwrap();
    let (dark_at, after) = dark_at.unwrap();
    assert!(cooling.len() > 20, "{}", cooling.len());
    let (began, first_said, _) = cooling[0];
    let (said, real) = (first_said.saturating_sub(after), dark_at.saturating_sub(began));
    assert!(said >= real, "before it is known, the longest wait is said: {said:?}, {real:?} taken");
    assert!(cooling.windows(2).all(|pair| pair[0].2 <= pair[1].2), "the bar never falls");
    for (at, remaining, _) in cooling.iter().filter(|(at, ..)| *at > cooling[0].0 + Duration::from_secs(3)) {
        let (said, real) = (remaining.saturating_sub(after), dark_at.saturating_sub(*at));
        let off = said.abs_diff(real);
        assert!(off < Duration::from_secs(2) + real / 5, "{at:?}: {said:?} said, {real:?} taken");
    }
}
