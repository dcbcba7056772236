//! The Device page and the live view over a session that the test plays by hand.

use std::sync::Arc;
use std::time::Duration;

use egui::Key;
use egui_kittest::Harness;
use parcelscope::analyzer::laser::{LaserCondition, LaserKind, LaserPower, LaserSetup};
use parcelscope::analyzer::probe::{Answered, ProbedProtocol};
use parcelscope::analyzer::{CheckState, LaserState, PortListing, PreviewFrame, PreviewSettings, SpectrometerSetup};
use parcelscope::casebook::Subject;
use parcelscope::session::{
    Command, Connection, Event, KitChoice, KitChoices, KitFinding, KitHistory, KitId, KitMeasured, KitMeasurement,
    KitName, KitParts, KitRecord, KitShelf, ProbeOutcome, Probed, SavedDevice, SavedKit, SavedLaser, Stage,
};
use parcelscope::signal::calibration::{CheckLimits, CheckOutcome};
use parcelscope::ui::App;

use crate::on_script::{check_targets, ready};
use crate::on_standards::{axis_record, measured};
use crate::script::{self, Script};
use crate::{SIZES, name_starting, names, press};

/// A frame in which a band stands out.
fn frame(saturated: usize) -> Event {
    let axis_cm1: Vec<f64> = (0..1024).map(|i| 200.0 + 2.0 * f64::from(i)).collect();
    let counts = axis_cm1.iter().enumerate().map(|(i, x)| {
        let noise = [5.0, -3.0, 2.0, -5.0][i % 4];
        400.0 + 3000.0 * (-((x - 1001.0) / 8.0_f64).powi(2)).exp() + noise
    });
    Event::Preview(Arc::new(PreviewFrame {
        counts: counts.collect(),
        axis_cm1,
        fill: 0.42,
        saturated,
        integration_us: 200_000,
        remaining: Duration::from_secs(41),
    }))
}

pub fn happen(script: &Script, h: &mut Harness<'_, App>, event: Event) {
    script.happen(event);
    h.run_ok();
}

#[test]
fn the_live_view_is_seen_and_said_and_ends_before_a_scan_begins() {
    let script = Script::new();
    let mut h = ready(&script, true);
    press(&mut h, "Live view");
    assert_eq!(script.commands(), [Command::Preview(PreviewSettings::default())]);
    happen(&script, &mut h, frame(0));
    assert!(name_starting(&h, "Live view. Good").is_some(), "{:?}", names(&h));
    assert!(name_starting(&h, "Detector filled to 42 %").is_some());
    assert!(names(&h).iter().any(|n| n.contains("laser off by itself in 41 s")));
    happen(&script, &mut h, frame(7));
    assert!(name_starting(&h, "Live view. Too bright").is_some());
    h.key_press(Key::Space);
    h.run_ok();
    assert_eq!(script.commands(), [Command::Cancel], "no scan is asked for while the laser belongs to the live view");
    happen(&script, &mut h, frame(0));
    assert!(script.commands().is_empty());
    happen(&script, &mut h, Event::PreviewEnded);
    assert_eq!(script.commands(), [Command::Scan { parcel: String::new(), subject: Subject::default() }]);
}

/// What a user does.
type Way = fn(&mut Harness<'_, App>);

#[test]
fn the_live_view_ends_on_escape_on_leaving_the_page_and_for_a_dangerous_sample() {
    let ways: [(&str, Way); 4] = [
        ("escape", |h| {
            h.key_press(Key::Escape);
            h.run_ok();
        }),
        ("the button", |h| press(h, "Stop live view")),
        ("another page", |h| press(h, "Records page")),
        ("a dangerous sample", |h| press(h, "Yes, or not sure")),
    ];
    for (way, end) in ways {
        let script = Script::new();
        let mut h = ready(&script, true);
        press(&mut h, "Live view");
        happen(&script, &mut h, frame(0));
        script.commands();
        end(&mut h);
        assert!(script.commands().contains(&Command::Cancel), "{way} did not end the live view");
        happen(&script, &mut h, Event::PreviewEnded);
        assert!(!script.commands().iter().any(|c| matches!(c, Command::Scan { .. })), "{way} started a scan");
    }
}

#[test]
fn a_live_view_with_a_real_laser_needs_the_safety_answer() {
    let script = Script::new();
    let mut h = ready(&script, false);
    press(&mut h, "Live view");
    assert!(script.commands().is_empty());
    press(&mut h, "No");
    press(&mut h, "Live view");
    assert_eq!(script.commands(), [Command::Preview(PreviewSettings::default())]);
    happen(&script, &mut h, Event::Failed("The laser is blocked.".to_owned()));
    assert!(name_starting(&h, "Answer: No answer: The laser is blocked.").is_some());
}

pub fn check_record(problems: &[&str]) -> KitRecord {
    let outcome = CheckOutcome {
        lines: Vec::new(),
        worst_error_cm1: 4.2,
        mean_error_cm1: 3.9,
        rms_error_cm1: 4.0,
        width_cm1: 8.5,
        snr: 210.0,
        signal_per_s: None,
        problems: problems.iter().map(|p| (*p).to_owned()).collect(),
    };
    KitRecord {
        taken_at: "2026-11-24T07:42:00Z".parse().expect("a time"),
        samples: vec!["polystyrene".to_owned()],
        laser: None,
        simulated: true,
        from_file: false,
        finding: KitFinding::Check { outcome, limits: CheckLimits::default(), uncalibrated: None },
    }
}

/// The Device page of a connected kit with a history.
pub fn device(script: &Script, records: Vec<KitRecord>) -> Harness<'static, App> {
    let mut h = ready(script, true);
    press(&mut h, "Device page");
    let id = KitId("0042".to_owned());
    assert_eq!(script.commands(), [Command::ListKits, Command::ShowKitHistory(id.clone())]);
    happen(script, &mut h, Event::Kits(KitShelf::default()));
    let history = Arc::new(KitHistory { records, damaged_lines: 0 });
    happen(script, &mut h, Event::KitHistory { kit: id, history });
    h
}

#[test]
fn what_holds_the_laser_and_its_power_stand_on_the_device_page_before_a_scan() {
    let script = Script::new();
    let mut h = device(&script, Vec::new());
    assert!(name_starting(&h, "The laser cannot emit").is_none());
    let mut status = script::kit(true);
    status.laser_state = LaserState::Blocked;
    status.laser_condition =
        Some(LaserCondition { interlock_open: Some(true), ..LaserCondition::of(LaserState::Blocked) });
    status.laser_power = Some(LaserPower { set_mw: Some(40.0), measured_mw: None, rated_mw: Some(100.0) });
    script.happen(Event::Laser(LaserState::Blocked));
    happen(&script, &mut h, Event::Connection(Connection::Ready(Box::new(status))));
    assert!(name_starting(&h, "The laser cannot emit: its interlock is open").is_some(), "{:?}", names(&h));
    assert!(name_starting(&h, "set to 40.0 mW of 100.0 mW").is_some(), "{:?}", names(&h));
    assert!(name_starting(&h, "Close the cover and plug the interlock in").is_some(), "{:?}", names(&h));
}

#[test]
fn a_laser_with_a_fault_is_shown_with_what_to_do_scans_are_refused_with_it_and_possible_again_when_it_is_over() {
    let script = Script::new();
    let mut h = device(&script, Vec::new());
    let mut status = script::kit(true);
    status.laser_state = LaserState::Fault;
    let fault = Some("over-current".to_owned());
    status.laser_condition = Some(LaserCondition { fault, ..LaserCondition::of(LaserState::Fault) });
    happen(&script, &mut h, Event::Connection(Connection::Ready(Box::new(status))));
    for said in [
        "LASER FAULT: treat as on",
        "NO SCAN POSSIBLE",
        "The laser cannot emit: it reports a fault: over-current",
        "Switch the laser off at its key or supply",
    ] {
        assert!(name_starting(&h, said).is_some(), "{said}: {:?}", names(&h));
    }
    press(&mut h, "Scan page");
    script.commands();
    assert!(name_starting(&h, "The laser cannot emit: it reports a fault: over-current").is_some(), "{:?}", names(&h));
    h.key_press(Key::Space);
    h.run_ok();
    press(&mut h, "Live view");
    assert!(script.commands().is_empty(), "neither a scan nor a live view is asked for");
    script.connect(true);
    h.run_ok();
    h.key_press(Key::Space);
    h.run_ok();
    assert_eq!(script.commands(), [Command::Scan { parcel: String::new(), subject: Subject::default() }]);
}

#[test]
fn a_failed_check_says_what_is_wrong_and_stays_in_the_trend() {
    let script = Script::new();
    let mut h = device(&script, Vec::new());
    press(&mut h, "Check now");
    script.commands();
    press(&mut h, "Measure");
    let measurement = KitMeasurement::Check { standard: "polystyrene".to_owned(), stricter_cm1: None };
    assert_eq!(script.commands(), [Command::Measure(measurement)]);
    happen(&script, &mut h, Event::Progress { stage: Stage::Light, fraction: 0.4, remaining_ms: 2100 });
    assert!(name_starting(&h, "Answer: Measuring: Light readout, laser on · about 3 seconds left").is_some());
    let record = check_record(&["a line lies 4.2 cm-1 off its place"]);
    let check = CheckState::Failed { why: "a line lies 4.2 cm-1 off its place".to_owned() };
    let kit = KitId("0042".to_owned());
    let spectrum = script::spectrum(script.library(), &[("sucrose", 1.0)]);
    let measured = KitMeasured { kit: kit.clone(), record: record.clone(), spectrum, check, kept: true };
    happen(&script, &mut h, Event::Measured(Box::new(measured)));
    assert!(name_starting(&h, "Failed").is_some());
    assert!(name_starting(&h, "A line lies 4.2 cm⁻¹ off its place.").is_some(), "{:?}", names(&h));
    assert!(name_starting(&h, "Kept with the kit").is_some());
    assert_eq!(script.commands(), [Command::ShowKitHistory(kit.clone())]);
    let history = Arc::new(KitHistory { records: vec![record], damaged_lines: 0 });
    happen(&script, &mut h, Event::KitHistory { kit, history });
    assert!(name_starting(&h, "Trend of shift in checks, cm⁻¹: 1 result, the last 3.90").is_some(), "{:?}", names(&h));
    press(&mut h, "Back to the device");
    assert!(name_starting(&h, "UNVERIFIED").is_some());
}

#[test]
fn the_measurement_of_a_standard_is_cancelled_at_once_and_nothing_of_it_reaches_the_scan_page() {
    let script = Script::new();
    let mut h = device(&script, Vec::new());
    press(&mut h, "Calibrate");
    script.commands();
    press(&mut h, "Measure");
    let calibrate = KitMeasurement::Calibrate { standard: "polystyrene".to_owned(), with_earlier: false };
    assert_eq!(script.commands(), [Command::Measure(calibrate)]);
    h.key_press(Key::Escape);
    h.run_ok();
    assert_eq!(script.commands(), [Command::Cancel]);
    assert!(name_starting(&h, "Answer: Stopping").is_some());
    happen(&script, &mut h, Event::Cancelled);
    press(&mut h, "Measure");
    happen(&script, &mut h, Event::Failed("The standard was not found.".to_owned()));
    assert!(name_starting(&h, "No result").is_some() && name_starting(&h, "The standard was not found.").is_some());
    press(&mut h, "Scan page");
    assert!(name_starting(&h, "Space starts").is_some(), "the scan page is as it was");
}

#[test]
fn the_device_page_says_who_the_kit_is_and_lets_it_go() {
    let script = Script::new();
    let mut h = device(&script, vec![check_record(&[])]);
    for said in
        ["STS-NIR, serial 0042", "MatchBox 785, serial 0042", "24.4 °C", "Laser off", "None: scans have the axis"]
    {
        assert!(name_starting(&h, said).is_some(), "{said}: {:?}", names(&h));
    }
    press(&mut h, "Disconnect");
    assert_eq!(script.commands(), [Command::Disconnect]);
    script.happen(Event::Laser(LaserState::Off));
    happen(&script, &mut h, Event::Connection(Connection::Released));
    assert!(name_starting(&h, "Laser off").is_some(), "it was read back before the kit was let go");
    press(&mut h, "Connect");
    assert_eq!(script.commands(), [Command::Connect]);
    press(&mut h, "Scan page");
    assert!(name_starting(&h, "Disconnected: connect on the Device page").is_some());
}

#[test]
fn a_pulled_cable_is_told_with_a_laser_to_be_treated_as_on_and_the_kit_comes_back_by_itself() {
    let script = Script::new();
    let mut h = device(&script, Vec::new());
    let why = "The cable was pulled: plug it in again.".to_owned();
    happen(&script, &mut h, Event::Connection(Connection::Lost(why)));
    for said in ["LASER STATE UNKNOWN: treat as on", "Not connected", "The cable was pulled", "It is looked for every"]
    {
        assert!(name_starting(&h, said).is_some(), "{said}: {:?}", names(&h));
    }
    script.commands();
    script.connect(true);
    h.run_ok();
    assert!(name_starting(&h, "Laser off").is_some() && name_starting(&h, "STS-NIR, serial 0042").is_some());
    assert!(script.commands().contains(&Command::ShowKitHistory(KitId("0042".to_owned()))));
}

fn answered(protocol: ProbedProtocol, baud: u32, serial: &str) -> ProbeOutcome {
    ProbeOutcome::Answered(Answered { protocol, baud, model: None, serial: Some(serial.to_owned()) })
}

/// The page of a setting-up, with three ports.
fn setup(script: &Script) -> Harness<'static, App> {
    let mut h = device(script, Vec::new());
    press(&mut h, "Kits");
    press(&mut h, "Set up a new kit");
    assert_eq!(script.commands(), [Command::ListKits, Command::ListPorts]);
    let ports = ["/dev/ttyUSB0", "/dev/ttyUSB1", "/dev/ttyS0"];
    let listing = |name: &str| PortListing { name: name.to_owned(), usb: None };
    happen(script, &mut h, Event::Ports(ports.into_iter().map(listing).collect()));
    h
}

#[test]
fn only_the_chosen_ports_are_asked_and_what_answered_is_named_and_saved() {
    let script = Script::new();
    let mut h = setup(&script);
    press(&mut h, "Ask the chosen ports");
    assert!(script.commands().is_empty(), "no port is asked that nobody chose");
    for port in ["Port /dev/ttyUSB1: no USB device", "Port /dev/ttyUSB0: no USB device"] {
        press(&mut h, port);
    }
    press(&mut h, "Another port, by its name");
    h.event(egui::Event::Text("/dev/ttyACM9".to_owned()));
    h.run_ok();
    press(&mut h, "Add this port");
    press(&mut h, "Port /dev/ttyACM9: no USB device");
    press(&mut h, "Ask the chosen ports");
    let chosen = vec!["/dev/ttyUSB0".to_owned(), "/dev/ttyUSB1".to_owned()];
    assert_eq!(script.commands(), [Command::ProbePorts(chosen)]);
    let found = [
        ("/dev/ttyUSB0", answered(ProbedProtocol::MatchBox, 115_200, "77")),
        ("/dev/ttyUSB1", answered(ProbedProtocol::Obp, 9_600, "S12345")),
    ];
    for (port, outcome) in found {
        script.happen(Event::Probed(Probed { port: port.to_owned(), outcome }));
    }
    happen(&script, &mut h, Event::ProbeEnded);
    assert!(names(&h).iter().any(|n| n.contains("/dev/ttyUSB1: spectrometer") && n.contains("S12345")));
    press(&mut h, "Save and use");
    assert!(script.commands().is_empty() && name_starting(&h, "A kit needs a name").is_some(), "{:?}", names(&h));
    press(&mut h, "Name of the kit");
    h.event(egui::Event::Text("Hall 2".to_owned()));
    h.run_ok();
    press(&mut h, "Laser power / mW, 1 to 1000; empty: as the laser is set");
    h.event(egui::Event::Text("0.5".to_owned()));
    h.run_ok();
    press(&mut h, "Save and use");
    assert!(script.commands().is_empty() && name_starting(&h, "The laser power is a number of mW from 1").is_some());
    press(&mut h, "Laser power / mW, 1 to 1000; empty: as the laser is set");
    h.key_press_modifiers(egui::Modifiers::COMMAND, Key::A);
    h.event(egui::Event::Text("40".to_owned()));
    h.run_ok();
    press(&mut h, "Save and use");
    let kit = KitChoice::Ports {
        spectrometer: "/dev/ttyUSB1".to_owned(),
        spectrometer_setup: SpectrometerSetup::Obp,
        laser: "/dev/ttyUSB0".to_owned(),
        laser_setup: LaserSetup::usual(LaserKind::MatchBox),
        excitation_nm: 785.0,
        laser_power_mw: Some(40.0),
    };
    assert_eq!(script.commands(), [Command::SaveKit { name: KitName::new("Hall 2").expect("a name"), kit }]);
    happen(&script, &mut h, Event::KitTrouble("The laser says that it is on: treat it as on.".to_owned()));
    assert!(
        name_starting(&h, "The laser says that it is on").is_some(),
        "what went wrong is told, and can be tried again"
    );
    script.happen(Event::Kits(shelf()));
    happen(&script, &mut h, Event::KitSaved(KitId("S12345".to_owned())));
    assert!(name_starting(&h, "Hall 2").is_some());
}

pub fn shelf() -> KitShelf {
    let device = |model: &str, serial: &str| SavedDevice {
        model: model.to_owned(),
        serial: serial.to_owned(),
        usb: None,
        last_port: "/dev/ttyUSB1".to_owned(),
    };
    let kit = SavedKit {
        name: KitName::new("Hall 2").expect("a name"),
        saved_at: "2026-11-24T14:08:30Z".parse().expect("a time"),
        parts: KitParts::Raman {
            spectrometer: device("STS-NIR", "S12345"),
            setup: Box::new(SpectrometerSetup::Obp),
            laser: SavedLaser::OwnPort {
                device: device("MatchBox", "77"),
                setup: LaserSetup::usual(LaserKind::MatchBox),
            },
            excitation_nm: 785.0,
            laser_power_mw: None,
        },
    };
    KitShelf { kits: vec![kit], choices: KitChoices::default(), trouble: Vec::new() }
}

#[test]
fn a_saved_kit_is_used_by_its_name_and_forgotten_only_after_a_question() {
    let script = Script::new();
    let mut h = device(&script, Vec::new());
    press(&mut h, "Kits");
    script.commands();
    happen(&script, &mut h, Event::Kits(shelf()));
    let id = KitId("S12345".to_owned());
    press(&mut h, "Use Hall 2");
    assert_eq!(script.commands(), [Command::UseKit(KitChoice::Saved(id.clone()))]);
    press(&mut h, "Forget Hall 2");
    press(&mut h, "Keep it");
    assert!(script.commands().is_empty());
    press(&mut h, "Forget Hall 2");
    press(&mut h, "Forget it");
    assert_eq!(script.commands(), [Command::ForgetKit(id)]);
}

#[test]
fn everything_on_the_device_pages_is_large_enough_and_inside_the_window() {
    for size in SIZES {
        let script = Script::new();
        let mut h = setup(&script);
        h.set_size(size.into());
        h.run_ok();
        check_targets(&h, size, "the setting-up");
        press(&mut h, "Port /dev/ttyUSB1: no USB device");
        press(&mut h, "Ask the chosen ports");
        let outcome = answered(ProbedProtocol::Obp, 9_600, "S12345");
        script.happen(Event::Probed(Probed { port: "/dev/ttyUSB1".to_owned(), outcome }));
        happen(&script, &mut h, Event::ProbeEnded);
        check_targets(&h, size, "the naming of a kit");
        press(&mut h, "Back to the kits");
        happen(&script, &mut h, Event::Kits(shelf()));
        press(&mut h, "Forget Hall 2");
        check_targets(&h, size, "the saved kits");
        press(&mut h, "Back to the device");
        check_targets(&h, size, "the device");
        press(&mut h, "Calibrate");
        check_targets(&h, size, "the choice of a standard");
        press(&mut h, "Measure");
        check_targets(&h, size, "the measurement of a standard");
        happen(&script, &mut h, Event::Failed("Too weak.".to_owned()));
        check_targets(&h, size, "a failed measurement");
        press(&mut h, "Measure again");
        press(&mut h, "Measure");
        happen(&script, &mut h, measured(&script, axis_record(), false));
        check_targets(&h, size, "a calibration that is not kept yet");
        happen(&script, &mut h, measured(&script, axis_record(), true));
        press(&mut h, "Back to the device");
        press(&mut h, "Settings");
        happen(&script, &mut h, Event::Kits(KitShelf::default()));
        press(&mut h, "Fixed");
        check_targets(&h, size, "the settings");
        press(&mut h, "Scan page");
        press(&mut h, "Live view");
        happen(&script, &mut h, frame(0));
        check_targets(&h, size, "the live view");
    }
}
