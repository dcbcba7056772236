//! Standards, settings and who may change them, over a session that the test plays by hand.

use std::path::Path;

use egui::Key;
use egui_kittest::Harness;
use egui_kittest::kittest::Queryable;
use parcelscope::analyzer::CheckState;
use parcelscope::analyzer::laser::LaserPower;
use parcelscope::casebook::{Act, Actor, Casebook, ClockKeeping, NewAccount, Role, Secret, Uptime};
use parcelscope::session::{
    CheckPolicy, Command, Connection, Event, FixedExposure, KitFinding, KitId, KitMeasured, KitMeasurement, KitRecord,
    KitShelf, KitStatus, ScanExposure,
};
use parcelscope::signal::calibration::{AxisFit, LinePlace, LineResult, MatchedLine};
use parcelscope::spectrum::AxisCorrection;
use parcelscope::ui::App;

use crate::on_kit::{check_record, device, happen, shelf};
use crate::script::{self, Script};
use crate::{name_starting, names, press};

/// A calibration of the axis as a kit that is 3 cm-1 off gives it.
pub fn axis_record() -> KitRecord {
    let line = MatchedLine {
        place: LinePlace::ShiftCm1(1_001.4),
        reported_cm1: 998.4,
        reported_sd_cm1: 0.05,
        fwhm_cm1: 9.0,
        height: 900.0,
    };
    let fit = AxisFit {
        correction: AxisCorrection::none(785.0, (200.0, 2_300.0)),
        lines: vec![LineResult { line, before_cm1: -3.0, after_cm1: 0.1, used: true }; 12],
        before_rms_cm1: 3.0,
        after_rms_cm1: 0.1,
        left_out_rms_cm1: None,
        covered_cm1: (620.0, 1_602.0),
        uncertainty_cm1: vec![(200.0, 2.0), (2_300.0, 3.0)],
        trusted_cm1: Some((450.0, 1_800.0)),
    };
    KitRecord { finding: KitFinding::Axis { fit, witnesses: Vec::new() }, ..check_record(&[]) }
}

pub fn measured(script: &Script, record: KitRecord, kept: bool) -> Event {
    let spectrum = script::spectrum(script.library(), &[("sucrose", 1.0)]);
    let kit = KitId("0042".to_owned());
    Event::Measured(Box::new(KitMeasured { kit, record, spectrum, check: CheckState::Never, kept }))
}

#[test]
fn a_calibration_is_shown_with_its_range_before_it_is_kept_or_discarded() {
    for keep in [true, false] {
        let script = Script::new();
        let mut h = device(&script, Vec::new());
        press(&mut h, "Calibrate");
        press(&mut h, "Measure");
        happen(&script, &mut h, measured(&script, axis_record(), false));
        script.commands();
        for said in ["Calibration found", "NOT KEPT YET", "Trustworthy from 450 to 1800 cm⁻¹", "1001.4 cm⁻¹", "-3.00"]
        {
            assert!(name_starting(&h, said).is_some(), "{said}: {:?}", names(&h));
        }
        assert!(name_starting(&h, "Back to the device").is_none(), "it is decided first");
        press(&mut h, if keep { "Keep this calibration" } else { "Discard this calibration" });
        let wish = if keep { Command::KeepCalibration } else { Command::DiscardCalibration };
        assert_eq!(script.commands(), [wish]);
        let mut record = axis_record();
        if !keep {
            record.finding = KitFinding::Discarded { found: Box::new(record.finding) };
        }
        happen(&script, &mut h, measured(&script, record, true));
        let said = if keep { "Kept with the kit" } else { "The calibration before still holds" };
        assert!(name_starting(&h, said).is_some(), "{:?}", names(&h));
        press(&mut h, "Back to the device");
    }
}

#[test]
fn a_second_standard_is_proposed_and_fitted_together_with_the_first() {
    let script = Script::new();
    let mut h = device(&script, Vec::new());
    press(&mut h, "Calibrate");
    press(&mut h, "Measure");
    happen(&script, &mut h, measured(&script, axis_record(), false));
    press(&mut h, "Add another standard");
    script.commands();
    press(&mut h, "Measure");
    let together = KitMeasurement::Calibrate { standard: "toluene-acetonitrile".to_owned(), with_earlier: true };
    assert_eq!(script.commands(), [Command::Measure(together)]);
}

#[test]
fn exposure_receiver_and_policy_are_set_in_the_window_and_what_makes_no_sense_is_not_sent() {
    let script = Script::new();
    let mut h = device(&script, Vec::new());
    press(&mut h, "Settings");
    happen(&script, &mut h, Event::Kits(KitShelf::default()));
    script.commands();
    press(&mut h, "Save settings");
    assert!(script.commands().is_empty() && name_starting(&h, "Nothing was changed").is_some());
    press(&mut h, "Fixed");
    type_into(&mut h, "Integration / ms", "0");
    press(&mut h, "Save settings");
    assert!(script.commands().is_empty() && name_starting(&h, "The integration time in ms must be").is_some());
    type_into(&mut h, "Integration / ms", "1500");
    type_into(&mut h, "Its port; empty for none", "/dev/ttyACM7");
    type_into(&mut h, "Largest error of a line / cm⁻¹, from 0.1 to 10", "2.5");
    press(&mut h, "Does not scan");
    press(&mut h, "Clock kept by a GPS receiver");
    press(&mut h, "Save settings");
    let exposure = FixedExposure { integration_ms: 1_500, ..FixedExposure::default() };
    let policy = CheckPolicy { tolerance_cm1: 2.5, refuse_unverified: true, ..CheckPolicy::default() };
    let wanted = [
        Command::SetExposure(ScanExposure::Fixed(exposure)),
        Command::UseGps(Some("/dev/ttyACM7".to_owned())),
        Command::SetCheckPolicy(policy),
        Command::SetClock(ClockKeeping::Gps),
    ];
    assert_eq!(script.commands(), wanted);
    happen(&script, &mut h, Event::ClockKeeping(ClockKeeping::Gps));
    let mut shelf = KitShelf::default();
    shelf.choices.policy = policy;
    happen(&script, &mut h, Event::Kits(shelf));
    press(&mut h, "Automatic");
    press(&mut h, "Save settings");
    assert!(script.commands().is_empty(), "what is kept is not sent again");
}

/// Somebody with this role who is signed in.
fn somebody(folder: &Path, role: Role) -> Actor {
    let (at, up) = (jiff::Timestamp::UNIX_EPOCH, Uptime { boot: "first".to_owned(), seconds: 5 });
    let secret = || Secret::new("four plain words here");
    let account = |name: &str, role| NewAccount {
        name: name.to_owned(),
        role,
        badge: None,
        training_expires: None,
        secret: secret(),
    };
    let mut casebook = Casebook::open(&folder.join("casebook.sqlite3")).expect("a casebook");
    casebook.enrol_first(at, &account("ada", Role::Administrator)).expect("the first account");
    let ada = casebook.sign_in(at, &up, "ada", &secret()).expect("signed in");
    casebook.enrol(at, &ada, &account("bo", role)).expect("another account");
    casebook.sign_in(at, &up, "bo", &secret()).expect("signed in")
}

#[test]
fn whose_role_may_not_cannot_set_up_forget_or_change_the_policy_in_the_window() {
    for role in Role::ALL {
        let folder = tempfile::tempdir().expect("a folder");
        let (script, may) = (Script::new(), role.may(Act::ManageKits));
        let mut h = device(&script, Vec::new());
        happen(&script, &mut h, Event::Accounts { enrolled: true });
        happen(&script, &mut h, Event::SignedIn(somebody(folder.path(), role)));
        press(&mut h, "Kits");
        happen(&script, &mut h, Event::Kits(shelf()));
        script.commands();
        press(&mut h, "Use Hall 2");
        let chooses = role.may(Act::ChooseKit);
        let used = script.commands().iter().any(|c| matches!(c, Command::UseKit(_)));
        assert_eq!(used, chooses, "{}", role.name());
        press(&mut h, "Forget Hall 2");
        assert_eq!(name_starting(&h, "Forget it").is_some(), may, "{}", role.name());
        press(&mut h, "Set up a new kit");
        assert_eq!(script.commands().contains(&Command::ListPorts), may, "{}", role.name());
        if !may {
            assert!(name_starting(&h, "Your role may not save or forget kits").is_some());
        }
        press(&mut h, if may { "Back to the kits" } else { "Back to the device" });
        if may {
            press(&mut h, "Back to the device");
        }
        press(&mut h, "Settings");
        happen(&script, &mut h, Event::Kits(shelf()));
        script.commands();
        press(&mut h, "Does not scan");
        if chooses {
            type_into(&mut h, "Its port; empty for none", "/dev/ttyS9");
        }
        press(&mut h, "Save settings");
        let sent = script.commands();
        let policy = sent.iter().any(|c| matches!(c, Command::SetCheckPolicy(_)));
        let receiver = sent.iter().any(|c| matches!(c, Command::UseGps(_)));
        assert_eq!((policy, receiver), (may, chooses), "{}", role.name());
    }
}

#[test]
fn a_scanner_is_offered_its_white_reference_and_no_check() {
    let script = Script::new();
    let mut h = device(&script, Vec::new());
    let status = KitStatus { laser: None, ..script::kit(true) };
    happen(&script, &mut h, Event::Connection(Connection::Ready(Box::new(status))));
    assert!(name_starting(&h, "Check now").is_none() && name_starting(&h, "Calibrate").is_none());
    press(&mut h, "Measure white reference");
    script.commands();
    press(&mut h, "Measure");
    assert_eq!(script.commands(), [Command::Measure(KitMeasurement::White)]);
    let record = KitRecord { finding: KitFinding::White { scans: Vec::new() }, ..check_record(&[]) };
    happen(&script, &mut h, measured(&script, record, true));
    assert!(name_starting(&h, "White standard measured").is_some(), "{:?}", names(&h));
}

/// Replaces what stands in a field.
fn type_into(h: &mut Harness<'_, App>, label: &str, text: &str) {
    h.get_by_label(label).focus();
    h.run_ok();
    h.key_press_modifiers(egui::Modifiers::COMMAND, Key::A);
    h.run_ok();
    h.get_by_label(label).type_text(text);
    h.run_ok();
}

#[test]
fn the_laser_power_of_the_connected_kit_is_set_within_its_bounds_and_what_was_read_back_stands_beside_it() {
    let script = Script::new();
    let mut h = device(&script, Vec::new());
    let id = KitId("S12345".to_owned());
    let mut status = script::kit(true);
    status.saved = Some(id);
    status.laser_power = Some(LaserPower { set_mw: Some(40.0), measured_mw: None, rated_mw: Some(100.0) });
    happen(&script, &mut h, Event::Kits(shelf()));
    happen(&script, &mut h, Event::Connection(Connection::Ready(Box::new(status))));
    press(&mut h, "Settings");
    happen(&script, &mut h, Event::Kits(shelf()));
    script.commands();
    assert!(name_starting(&h, "Read back: set to 40.0 mW of 100.0 mW").is_some(), "{:?}", names(&h));
    let field = "Power / mW, 1 to 1000; empty: as the laser is set";
    for bad in ["0", "1001", "much", "-4"] {
        type_into(&mut h, field, bad);
        press(&mut h, "Save settings");
        assert!(script.commands().is_empty(), "{bad}");
        assert!(name_starting(&h, "The laser power is a number of mW from 1 to 1000").is_some(), "{bad}");
    }
    type_into(&mut h, field, "62,5");
    press(&mut h, "Save settings");
    assert_eq!(script.commands(), [Command::SetLaserPower(Some(62.5))]);
}
