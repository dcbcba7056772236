//! The page that asks who is there, over a played session and over a real one.

use std::time::Duration;

use egui_kittest::kittest::Queryable;
use parcelscope::casebook::Secret;
use parcelscope::session::{Command, Event, KitChoice, SessionConfig};
use parcelscope::ui::RunningSession;

use crate::on_records::{staffed, type_into};
use crate::on_script::{check_targets, ready};
use crate::on_session::{session, wait_for};
use crate::script::Script;
use crate::{SIZES, name_starting, press, window};

const PHRASE: &str = "correct horse battery";

#[test]
fn the_page_that_asks_who_is_there_fits_both_windows_and_repeats_why_nobody_may_in() {
    for size in SIZES {
        let script = Script::new();
        let mut h = ready(&script, true);
        h.set_size(size.into());
        script.happen(Event::Accounts { enrolled: true });
        h.run_ok();
        check_targets(&h, size, "the sign-in page");
        type_into(&mut h, "Account name", "omar");
        type_into(&mut h, "Account secret", "0000");
        press(&mut h, "Sign in now");
        assert_eq!(script.commands(), [Command::SignIn { name: "omar".to_owned(), secret: Secret::new("0000") }]);
        script
            .happen(Event::SignInRefused("too many wrong secrets: this account can sign in again in 32 s".to_owned()));
        h.run_ok();
        assert!(name_starting(&h, "Too many wrong secrets: this account can sign in again in 32 s.").is_some());
        h.get_by_label("Account secret");
    }
}

#[test]
fn wrong_secrets_lock_the_account_and_the_page_says_for_how_long() {
    let folder = tempfile::tempdir().expect("a folder");
    staffed(folder.path());
    let mut h = window(Box::new(session(folder.path(), true)), [1024.0, 600.0]);
    wait_for(&mut h, "Sign in");
    type_into(&mut h, "Account name", "omar");
    for _ in 0..12 {
        type_into(&mut h, "Account secret", "a wrong one, again");
        press(&mut h, "Sign in now");
        let end = std::time::Instant::now() + Duration::from_mins(1);
        while name_starting(&h, "Checking").is_some() {
            assert!(std::time::Instant::now() < end);
            std::thread::sleep(Duration::from_millis(5));
            h.step();
        }
        if name_starting(&h, "Too many wrong secrets").is_some() {
            break;
        }
    }
    // The right one does not open it either, in this window or after a restart.
    type_into(&mut h, "Account secret", PHRASE);
    press(&mut h, "Sign in now");
    wait_for(&mut h, "Too many wrong secrets: this account can sign in again in");
    drop(h);
    let mut h = window(Box::new(session(folder.path(), true)), [1024.0, 600.0]);
    wait_for(&mut h, "Sign in");
    type_into(&mut h, "Account name", "omar");
    type_into(&mut h, "Account secret", PHRASE);
    press(&mut h, "Sign in now");
    wait_for(&mut h, "Too many wrong secrets: this account can sign in again in");
}

#[test]
fn the_first_administrator_is_enrolled_in_the_window_without_a_default_secret() {
    let folder = tempfile::tempdir().expect("a folder");
    let mut h = window(Box::new(session(folder.path(), true)), [1280.0, 800.0]);
    wait_for(&mut h, "Space starts");
    press(&mut h, "Enrol the first administrator");
    check_targets(&h, [1280.0, 800.0], "the enrolment");
    type_into(&mut h, "Account name", "ada");
    type_into(&mut h, "Account secret", "123456");
    type_into(&mut h, "Account secret again", "123456");
    press(&mut h, "Enrol now");
    wait_for(&mut h, "This secret is not accepted: this role needs a passphrase");
    type_into(&mut h, "Account secret", PHRASE);
    type_into(&mut h, "Account secret again", "correct horse butter");
    press(&mut h, "Enrol now");
    wait_for(&mut h, "The two passphrases are not the same");
    type_into(&mut h, "Account secret", PHRASE);
    type_into(&mut h, "Account secret again", PHRASE);
    press(&mut h, "Enrol now");
    wait_for(&mut h, "Sign out");
    assert!(name_starting(&h, "Enrol the first administrator").is_none());
    drop(h);
    let mut h = window(Box::new(session(folder.path(), true)), [1280.0, 800.0]);
    wait_for(&mut h, "Sign in");
}

#[test]
fn whoever_is_away_is_locked_out_and_the_scan_that_runs_is_recorded_and_shown_after_the_sign_in() {
    let folder = tempfile::tempdir().expect("a folder");
    staffed(folder.path());
    let kit = KitChoice::Emulator { sample: "sucrose".to_owned(), seed: 7, virtual_time: false };
    let config = SessionConfig::new(folder.path().to_owned(), kit).with_idle_lock(Duration::from_millis(2_500));
    let mut h = window(Box::new(RunningSession::start(config).expect("threads")), [1024.0, 600.0]);
    wait_for(&mut h, "Sign in");
    wait_for(&mut h, "Laser off");
    type_into(&mut h, "Account name", "omar");
    type_into(&mut h, "Account secret", PHRASE);
    press(&mut h, "Sign in now");
    wait_for(&mut h, "Space starts");
    press(&mut h, "Scan");
    wait_for(&mut h, "A scan goes on and will be recorded");
    assert!(name_starting(&h, "Locked because nobody touched").is_some());
    assert!(name_starting(&h, "Answer:").is_none(), "nothing of the scan is shown");
    // Nobody is there until the scan has ended: whoever signs in would be locked out again before that.
    let casebook =
        parcelscope::casebook::Casebook::open(&parcelscope::session::casebook_path(folder.path())).expect("it");
    let began = std::time::Instant::now();
    while casebook.count().expect("a count") == 0 {
        assert!(began.elapsed() < Duration::from_mins(1), "the scan of a locked window was not recorded");
        h.step();
        std::thread::sleep(Duration::from_millis(20));
    }
    assert!(name_starting(&h, "Answer:").is_none(), "nothing of the scan is shown while the window is locked");
    type_into(&mut h, "Account name", "olga");
    type_into(&mut h, "Account secret", PHRASE);
    press(&mut h, "Sign in now");
    wait_for(&mut h, "Record 1 saved");
    drop(h);
    assert_eq!(casebook.load(1).expect("a record").record.operator, "omar");
}
