//! The window over the real session with the emulated kit in memory.

use std::time::{Duration, Instant};

use egui_kittest::kittest::Queryable;
use parcelscope::session::{KitChoice, SessionConfig};
use parcelscope::ui::{App, RunningSession};

use crate::{name_starting, press, window};

/// Longest wait for anything; generous, for machines that are busy with other tests.
const PATIENCE: Duration = Duration::from_mins(1);

fn session(data_dir: &std::path::Path, virtual_time: bool) -> RunningSession {
    let kit = KitChoice::Emulator { sample: "sucrose".to_owned(), seed: 7, virtual_time };
    RunningSession::start(SessionConfig::new(data_dir.to_owned(), kit)).expect("threads")
}

/// Runs frames until a name that starts with `start` is on the screen, and hands it back.
fn wait_for(h: &mut egui_kittest::Harness<'_, App>, start: &str) -> String {
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
