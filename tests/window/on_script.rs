//! The window over a session that the test plays by hand.

use std::sync::Arc;

use egui::Key;
use egui_kittest::Harness;
use egui_kittest::kittest::NodeT;
use parcelscope::analyzer::LaserState;
use parcelscope::casebook::{RecordFilter, Subject};
use parcelscope::identify::{Level, Verdict};
use parcelscope::session::{Colours, Command, Connection, Event, Stage};
use parcelscope::ui::{App, PackNote};

use crate::on_records::{found, summary};
use crate::script::{self, Script};
use crate::{SIZES, name_starting, names, press, window};

pub fn ready(script: &Script, simulated: bool) -> Harness<'static, App> {
    script.connect(simulated);
    let mut h = window(script.link(), [1280.0, 800.0]);
    h.run_ok();
    script.commands();
    h
}

/// Plays a scan that ends with a saved record of `level`.
fn answer(script: &Script, h: &mut Harness<'_, App>, level: Level) {
    press(h, "Scan");
    let mut scan = script::scan(script.library(), &[("sucrose", 1.0)]);
    let (headline, next) = ("fentanyl identified".to_owned(), "Hold the parcel. Send it to the laboratory.".to_owned());
    scan.record.answer.verdict = match level {
        Level::Alarm => Verdict::alarm("r", headline, next),
        Level::Alert => Verdict::alert("r", headline, next),
        Level::Inconclusive => Verdict::inconclusive("r", "Too weak".to_owned(), next),
        Level::NoneDetected => scan.record.answer.verdict.clone(),
    };
    if level != Level::NoneDetected {
        scan.record.answer.identified.clear();
    }
    script.happen(Event::Answered(Arc::new(scan.clone())));
    h.run_ok();
    assert!(name_starting(h, "Record 5").is_none(), "nothing is called saved before it is");
    scan.id = 5;
    script.happen(Event::Saved(Arc::new(scan)));
    h.run_ok();
    assert!(name_starting(h, "Record 5 saved").is_some());
}

#[test]
fn every_level_has_its_word_and_its_way_on() {
    for (level, word, card) in [
        (Level::Alarm, "Answer: ALARM: fentanyl", "What to do now"),
        (Level::Alert, "Answer: ALERT: fentanyl", "What to do now"),
        (Level::Inconclusive, "Answer: Inconclusive: Too weak", "What to do now"),
        (Level::NoneDetected, "Answer: Nothing listed detected: Found: sucrose", "This is not “safe”"),
    ] {
        let script = Script::new();
        let mut h = ready(&script, true);
        answer(&script, &mut h, level);
        assert!(name_starting(&h, word).is_some(), "{level:?}: {:?}", names(&h));
        assert!(name_starting(&h, card).is_some(), "{level:?}");
        press(&mut h, "Next parcel");
        assert!(name_starting(&h, "Space starts").is_some());
    }
}

#[test]
fn space_starts_and_escape_stops() {
    let script = Script::new();
    let mut h = ready(&script, true);
    h.key_press(Key::Space);
    h.run_ok();
    assert_eq!(script.commands(), [Command::Scan { parcel: String::new(), subject: Subject::default() }]);
    script.happen(Event::Progress { stage: Stage::Light, fraction: 0.5, remaining_ms: 2100 });
    h.run_ok();
    assert!(names(&h).iter().any(|n| n.contains("about 3 seconds left")));
    h.key_press(Key::Escape);
    h.run_ok();
    assert_eq!(script.commands(), [Command::Cancel]);
    assert!(name_starting(&h, "Answer: Stopping").is_some());
    script.happen(Event::Cancelled);
    h.run_ok();
    assert!(name_starting(&h, "Scan cancelled").is_some());
}

#[test]
fn what_a_barcode_scanner_types_finds_the_parcel_field_and_goes_into_the_scan() {
    let script = Script::new();
    let mut h = ready(&script, true);
    for c in ["R", "R4", "7"] {
        h.event(egui::Event::Text(c.to_owned()));
        h.step();
    }
    h.key_press(Key::Enter);
    h.run_ok();
    assert_eq!(h.state().model().parcel, "RR47");
    assert!(script.commands().is_empty(), "a barcode starts nothing");
    h.key_press(Key::Space);
    h.run_ok();
    assert_eq!(script.commands(), [Command::Scan { parcel: "RR47".to_owned(), subject: Subject::default() }]);
}

#[test]
fn a_barcode_with_blanks_that_arrives_in_one_frame_starts_nothing() {
    let script = Script::new();
    let mut h = ready(&script, true);
    for c in ["R", "R", " ", "4", "7"] {
        if c == " " {
            h.key_press(Key::Space);
        }
        h.event(egui::Event::Text(c.to_owned()));
    }
    h.run_ok();
    assert!(script.commands().is_empty(), "a barcode starts nothing");
    assert_eq!(h.state().model().parcel, "RR 47");
}

#[test]
fn the_chosen_colours_are_kept() {
    let script = Script::new();
    let mut h = ready(&script, true);
    press(&mut h, "Night colours");
    assert_eq!(script.commands(), [Command::KeepColours(Colours::Night)]);
    press(&mut h, "Day colours");
    assert_eq!(script.commands(), [Command::KeepColours(Colours::Day)]);
    script.happen(Event::SettingsNotKept("The settings hold only until the program ends.".to_owned()));
    h.run_ok();
    assert!(name_starting(&h, "The settings hold only").is_some());
}

#[test]
fn what_to_do_on_an_alert_needs_no_scrolling_at_either_size() {
    for size in SIZES {
        let script = Script::new();
        let mut h = ready(&script, true);
        h.set_size(size.into());
        h.run_ok();
        press(&mut h, "Scan");
        let mut scan = script::scan(script.library(), &[("sucrose", 1.0)]);
        // The longest advice of the engine on a possible opioid that may also be its precursor.
        let advice = "Presumptive. Hold the parcel and send it to the laboratory. Do not open; gloves, eye protection, \
            ventilation. If someone is unresponsive or breathing slowly: call for help, support breathing, give \
            naloxone, repeat after 2-3 minutes. Confirm with a measured reference or a second technique: a calculation \
            cannot tell it from its relatives.";
        let headline = "Possible 4-ANPP or a relative (calculated reference)".to_owned();
        scan.record.answer.verdict = Verdict::alert("possible-listed", headline, advice.to_owned());
        scan.record.answer.identified.clear();
        script.happen(Event::Answered(Arc::new(scan)));
        h.run_ok();
        let places = |start: &str| -> Vec<egui::Rect> {
            let named = h.root().children_recursive().filter(|n| {
                let node = n.accesskit_node();
                // Runs of text inside a label have its words and no place.
                node.bounding_box().is_some()
                    && node.label().or_else(|| node.value()).is_some_and(|name| name.starts_with(start))
            });
            named.map(|n| n.rect()).collect()
        };
        let last = places("Confirm with a measured reference")[0];
        // Below the last step are the margin of its card (14) and a gap (12 or 8), then either the next card, whose
        // first row has that margin too, or the buttons.
        let end =
            if size[1] > 700.0 { places("Signal")[0].min.y - 40.0 } else { places("Next parcel")[0].min.y - 22.0 };
        assert!(last.max.y <= end, "the last step {last:?} leaves its card, which ends at {end}, at {size:?}");
    }
}

#[test]
fn shares_are_told_as_shares_of_what_was_explained() {
    let script = Script::new();
    let mut h = ready(&script, true);
    press(&mut h, "Scan");
    let mut scan = script::scan(script.library(), &[("sucrose", 1.0)]);
    scan.record.answer.residual.unexplained = 0.31;
    script.happen(Event::Answered(Arc::new(scan)));
    h.run_ok();
    assert!(name_starting(&h, "Of what is explained").is_some(), "{:?}", names(&h));
    assert!(name_starting(&h, "31 % of the signal is explained by no reference. The shares are of the rest").is_some());
}

#[test]
fn a_real_laser_needs_the_safety_answer_and_a_dangerous_sample_is_refused() {
    let script = Script::new();
    let mut h = ready(&script, false);
    assert!(name_starting(&h, "EMULATED").is_none());
    h.key_press(Key::Space);
    h.run_ok();
    assert!(script.commands().is_empty());
    press(&mut h, "Yes, or not sure");
    h.key_press(Key::Space);
    press(&mut h, "Scan");
    assert!(script.commands().is_empty());
    assert!(name_starting(&h, "Do not scan at full power").is_some());
    press(&mut h, "No");
    press(&mut h, "Scan");
    assert_eq!(script.commands(), [Command::Scan { parcel: String::new(), subject: Subject::default() }]);
}

#[test]
fn a_scan_that_is_not_saved_says_so_with_the_reason() {
    let script = Script::new();
    let mut h = ready(&script, true);
    press(&mut h, "Scan");
    let scan = Arc::new(script::scan(script.library(), &[("sucrose", 1.0)]));
    script.happen(Event::NotSaved { scan, why: "The disk is full: free some space.".to_owned(), kept: None });
    h.run_ok();
    assert!(name_starting(&h, "NOT SAVED").is_some());
    assert!(names(&h).iter().any(|n| n.contains("The disk is full")));
}

#[test]
fn a_lost_analyzer_means_that_the_laser_is_treated_as_on() {
    let script = Script::new();
    let mut h = ready(&script, true);
    script.happen(Event::Laser(LaserState::On));
    h.run_ok();
    assert!(name_starting(&h, "LASER ON").is_some());
    script.happen(Event::Connection(Connection::Lost("The cable was pulled.".to_owned())));
    h.run_ok();
    assert!(name_starting(&h, "LASER STATE UNKNOWN: treat as on").is_some());
    assert!(name_starting(&h, "The cable was pulled.").is_some());
}

/// Holds that everything that can be pressed is a target for a glove and lies inside the window.
pub fn check_targets(h: &Harness<'_, App>, size: [f32; 2], page: &str) {
    let window = egui::Rect::from_min_size(egui::Pos2::ZERO, size.into());
    let mut seen = 0;
    for node in h.root().children_recursive() {
        let inner = node.accesskit_node();
        if !egui::accessibility::is_input(inner.role()) || inner.is_hidden() {
            continue;
        }
        seen += 1;
        let rect = node.rect();
        let name = inner.label().unwrap_or_default();
        assert!(rect.width() >= 47.9 && rect.height() >= 47.9, "{name:?} is {rect:?} on {page} at {size:?}");
        assert!(window.contains_rect(rect), "{name:?} at {rect:?} leaves {page} at {size:?}");
    }
    assert!(seen > 3, "{page} has things to press");
}

#[test]
fn everything_that_can_be_pressed_is_large_enough_and_inside_the_window() {
    for size in SIZES {
        let script = Script::new();
        let mut h = ready(&script, true);
        h.set_size(size.into());
        h.run_ok();
        check_targets(&h, size, "the page before a scan");
        press(&mut h, "Scan");
        check_targets(&h, size, "the page of a running scan");
        script.happen(Event::Failed("The cable was pulled.".to_owned()));
        h.run_ok();
        check_targets(&h, size, "the page of a failed scan");
        press(&mut h, "Try again");
        answer(&script, &mut h, Level::Alarm);
        check_targets(&h, size, "the answer");
        press(&mut h, "Records page");
        script.happen(found(RecordFilter::default(), vec![summary(2), summary(1)], false));
        h.run_ok();
        check_targets(&h, size, "the records");
    }
}

#[test]
fn the_window_shows_how_old_the_pack_is_and_warns_where_that_is_too_much() {
    let script = Script::new();
    let words = "border 2026.3, 12 days old".to_owned();
    script.pack(PackNote { days: 12, words, warning: None });
    let mut h = ready(&script, true);
    assert!(name_starting(&h, "Pack 12 d").is_some(), "{:?}", names(&h));
    assert!(name_starting(&h, "The reference pack").is_none());
    let warning = "The reference pack border 2026.3 is 200 days old, and this unit warns after 180.".to_owned();
    script.pack(PackNote { days: 200, words: String::new(), warning: Some(warning.clone()) });
    script.happen(Event::EmulatedSample { sample: "sucrose".to_owned() });
    h.run_ok();
    assert!(name_starting(&h, "Pack is old").is_some());
    assert!(name_starting(&h, &warning).is_some(), "before a scan: {:?}", names(&h));
}
