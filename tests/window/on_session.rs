//! The window over the real session with the emulated kit in memory.

use std::time::{Duration, Instant};

use egui_kittest::kittest::Queryable;
use parcelscope::session::{KitChoice, SessionConfig};
use parcelscope::ui::{App, RunningSession};

use crate::{name_starting, press, window};

/// Longest wait for anything; generous, for machines that are busy with other tests.
const PATIENCE: Duration = Duration::from_mins(1);

pub fn session(data_dir: &std::path::Path, virtual_time: bool) -> RunningSession {
    let kit = KitChoice::Emulator { sample: "sucrose".to_owned(), seed: 7, virtual_time };
    RunningSession::start(SessionConfig::new(data_dir.to_owned(), kit)).expect("threads")
}

/// Runs frames until a name that starts with `start` is on the screen, and hands it back.
pub fn wait_for(h: &mut egui_kittest::Harness<'_, App>, start: &str) -> String {
    let end = Instant::now() + PATIENCE;
    loop {
        h.step();
        if let Some(name) = name_starting(h, start) {
            return name;
        }
        assert!(Instant::now() < end, "'{start}' did not come; on the screen: {:?}", crate::names(h));
        std::thread::sleep(Duration::from_millis(5));
    }
}

#[test]
fn a_new_user_presses_scan_reads_the_answer_and_opens_it_again_from_the_records() {
    let folder = tempfile::tempdir().expect("a folder");
    let mut h = window(Box::new(session(folder.path(), true)), [1280.0, 800.0]);
    wait_for(&mut h, "Space starts");
    assert!(name_starting(&h, "EMULATED ANALYZER").is_some());
    press(&mut h, "Scan");
    wait_for(&mut h, "Record 1 saved");
    let answer = wait_for(&mut h, "Answer:");
    assert!(!answer.contains("ALARM") && !answer.contains("ALERT"), "sugar is neither: {answer}");
    let spectrum = wait_for(&mut h, "Spectrum of this scan");
    assert!(spectrum.contains("sucrose"), "{spectrum}");
    assert!(name_starting(&h, "SIMULATED").is_some());

    press(&mut h, "Records page");
    let row = wait_for(&mut h, "Record 1,");
    assert!(row.contains("simulated"), "{row}");
    press(&mut h, &row);
    wait_for(&mut h, "Record 1 · ");
    assert_eq!(wait_for(&mut h, "Answer:"), answer, "the record answers as the scan did");
    assert_eq!(wait_for(&mut h, "Spectrum of this scan"), spectrum);
}

#[test]
fn cancel_turns_the_laser_off_in_less_than_half_a_second_and_records_nothing() {
    let folder = tempfile::tempdir().expect("a folder");
    let mut h = window(Box::new(session(folder.path(), false)), [1280.0, 800.0]);
    wait_for(&mut h, "Space starts");
    press(&mut h, "Scan");
    wait_for(&mut h, "LASER ON");
    h.get_by_label("Cancel").click();
    let pressed = Instant::now();
    wait_for(&mut h, "Answer: Stopping");
    wait_for(&mut h, "Laser off");
    let took = pressed.elapsed();
    assert!(took < Duration::from_millis(500), "{took:?}");
    wait_for(&mut h, "Scan cancelled");
    println!("laser off after {took:?}, cancelled after {:?}", pressed.elapsed());
    press(&mut h, "Records page");
    wait_for(&mut h, "No scan has been recorded yet");
}

/// Puts the check and the calibration of a new kit through, as a new user does.
#[test]
fn a_new_kit_is_calibrated_and_checked_and_both_are_kept_with_their_trend() {
    let folder = tempfile::tempdir().expect("a folder");
    let mut h = window(Box::new(session(folder.path(), true)), [1280.0, 800.0]);
    wait_for(&mut h, "Space starts");
    assert!(name_starting(&h, "UNVERIFIED").is_some());
    press(&mut h, "Device page");
    press(&mut h, "Calibrate");
    press(&mut h, "Measure");
    let found = wait_for(&mut h, "Axis calibrated with");
    let rms = |before: &str| -> f64 {
        let words: Vec<&str> = found.split(' ').collect();
        let at = words.iter().position(|w| w.trim_end_matches([',', '.']) == before).expect("both errors are told");
        words[at - if before == "after" { 1 } else { 3 }].parse().expect("a number")
    };
    assert!(rms("after") < 0.7 && rms("after") < rms("before"), "{found}");
    wait_for(&mut h, "Trustworthy from");
    assert!(name_starting(&h, "NOT KEPT YET").is_some());
    press(&mut h, "Keep this calibration");
    wait_for(&mut h, "Kept with the kit");
    wait_for(&mut h, "Trend of axis error");
    press(&mut h, "Back to the device");
    press(&mut h, "Check now");
    press(&mut h, "Measure");
    wait_for(&mut h, "Passed");
    wait_for(&mut h, "Trend of shift in checks, cm⁻¹: 1 result,");
    press(&mut h, "Back to the device");
    wait_for(&mut h, "VALID");
    assert!(name_starting(&h, "Unverified").is_none(), "the top bar says nothing any more");
    // Another window over the same folder and unit knows it.
    drop(h);
    let mut h = window(Box::new(session(folder.path(), true)), [1280.0, 800.0]);
    wait_for(&mut h, "Performance check passed, valid until");
}

#[test]
fn the_live_view_shows_the_emulated_sample_and_escape_turns_the_laser_off() {
    let folder = tempfile::tempdir().expect("a folder");
    let mut h = window(Box::new(session(folder.path(), false)), [1280.0, 800.0]);
    wait_for(&mut h, "Space starts");
    press(&mut h, "Live view");
    wait_for(&mut h, "Live view. ");
    assert!(name_starting(&h, "LASER ON").is_some());
    h.key_press(egui::Key::Escape);
    let pressed = Instant::now();
    wait_for(&mut h, "Laser off");
    assert!(pressed.elapsed() < Duration::from_millis(500), "{:?}", pressed.elapsed());
    println!("laser off {:?} after escape", pressed.elapsed());
    wait_for(&mut h, "Space starts");
    // The kit is free again.
    press(&mut h, "Scan");
    wait_for(&mut h, "Answer: Scanning");
    press(&mut h, "Cancel");
    wait_for(&mut h, "Scan cancelled");
}

#[test]
fn the_wire_log_for_support_is_written_and_a_kit_that_was_let_go_comes_back_on_connect() {
    let folder = tempfile::tempdir().expect("a folder");
    let mut h = window(Box::new(session(folder.path(), true)), [1280.0, 800.0]);
    wait_for(&mut h, "Space starts");
    press(&mut h, "Device page");
    press(&mut h, "Save wire log");
    wait_for(&mut h, "The wire log of the last minute is in");
    let files: Vec<_> = std::fs::read_dir(folder.path().join("support")).expect("a folder").flatten().collect();
    let text = std::fs::read_to_string(files[0].path()).expect("a text");
    assert!(files.len() == 1 && text.contains("emulated laser >") && text.contains("emulator <"), "{text}");
    press(&mut h, "Disconnect");
    wait_for(&mut h, "Disconnected");
    std::thread::sleep(Duration::from_secs(3));
    h.run_ok();
    assert!(name_starting(&h, "Disconnected").is_some(), "nothing connects by itself to a kit that was let go");
    assert!(name_starting(&h, "Laser off").is_some());
    press(&mut h, "Connect");
    wait_for(&mut h, "Spectrometer");
}
