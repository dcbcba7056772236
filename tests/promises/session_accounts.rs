//! The session knows who is there: nobody scans unnamed once accounts exist, and a lock never costs a scan.

use std::path::Path;
use std::time::{Duration, Instant};

use parcelscope::casebook::{Act, BackupPlan, Casebook, RecordFilter, Role, Secret, Subject};
use parcelscope::report::{Paper, Period};
use parcelscope::session::{
    CheckPolicy, Command, Connection, Event, KitChoice, KitId, KitName, KitShelf, RecordNews, RecordWish, Refused,
    Session, SessionConfig, casebook_path,
};
use rusqlite::Connection as Database;

use super::accounts::{SECRET, staffed};
use super::record_examples::plain_record;

fn start(dir: &Path, idle: Duration) -> Session {
    let kit = KitChoice::Emulator { sample: "sucrose".to_owned(), seed: 3, virtual_time: false };
    Session::start(SessionConfig::new(dir.to_owned(), kit).with_idle_lock(idle)).unwrap()
}

fn wait<T>(session: &Session, what: &str, mut wanted: impl FnMut(&Event) -> Option<T>) -> T {
    let end = Instant::now() + Duration::from_mins(1);
    while Instant::now() < end {
        if let Some(found) = session.recv_timeout(Duration::from_millis(50)).and_then(|event| wanted(&event)) {
            return found;
        }
    }
    panic!("no {what}");
}

fn sign_in(session: &Session, name: &str) {
    session.send(Command::SignIn { name: name.to_owned(), secret: Secret::new(SECRET) }).unwrap();
    let who =
        wait(session, "sign-in", |e| if let Event::SignedIn(actor) = e { Some(actor.name().to_owned()) } else { None });
    assert_eq!(who, name);
}

fn count(dir: &Path, kind: &str) -> i64 {
    let sql = "SELECT count(*) FROM event WHERE kind = ?1";
    Database::open(casebook_path(dir)).unwrap().query_row(sql, [kind], |r| r.get(0)).unwrap()
}

#[test]
fn once_accounts_exist_a_scan_needs_somebody_who_has_signed_in_and_whose_role_scans() {
    let dir = tempfile::tempdir().unwrap();
    drop(staffed(dir.path()));
    let session = start(dir.path(), Duration::from_mins(5));
    assert!(wait(&session, "accounts", |e| if let Event::Accounts { enrolled } = e { Some(*enrolled) } else { None }));
    wait(&session, "kit", |e| matches!(e, Event::Connection(Connection::Ready(_))).then_some(()));
    let scan = || session.send(Command::Scan { parcel: "RR1".to_owned(), subject: Subject::default() });
    scan().unwrap();
    let why = wait(&session, "refusal", |e| if let Event::Failed(why) = e { Some(why.clone()) } else { None });
    assert!(why.contains("sign in"), "{why}");
    session.send(Command::SignIn { name: "officer".to_owned(), secret: Secret::new("something else it is") }).unwrap();
    wait(&session, "refusal", |e| if let Event::SignInRefused(why) = e { Some(why.clone()) } else { None });
    sign_in(&session, "auditor");
    let refused = count(dir.path(), "refused");
    assert_eq!(scan(), Err(Refused::NotPermitted(Act::Scan)));
    sign_in(&session, "officer");
    assert_eq!(count(dir.path(), "refused"), refused + 1, "the refusal is recorded");
    scan().unwrap();
    let saved = wait(&session, "record", |e| if let Event::Saved(scan) = e { Some(scan.clone()) } else { None });
    assert_eq!((saved.record.operator.as_str(), saved.record.standing.unwrap().role), ("officer", Role::Officer));
    session.send(Command::SignOut).unwrap();
    wait(&session, "sign-out", |e| matches!(e, Event::SignedOut { idle: false }).then_some(()));
    assert_eq!(count(dir.path(), "signed-out"), 1);
}

#[test]
fn whoever_does_nothing_is_signed_out_and_the_scan_that_runs_is_recorded_in_their_name() {
    let dir = tempfile::tempdir().unwrap();
    drop(staffed(dir.path()));
    let session = start(dir.path(), Duration::from_millis(1_200));
    wait(&session, "kit", |e| matches!(e, Event::Connection(Connection::Ready(_))).then_some(()));
    sign_in(&session, "officer");
    for _ in 0..10 {
        std::thread::sleep(Duration::from_millis(200));
        session.send(Command::Active).unwrap();
    }
    assert_eq!(count(dir.path(), "signed-out"), 0, "two seconds of touching keep it open");
    session.send(Command::Scan { parcel: String::new(), subject: Subject::default() }).unwrap();
    let (mut locked, mut saved) = (false, None);
    let end = Instant::now() + Duration::from_mins(1);
    while (!locked || saved.is_none()) && Instant::now() < end {
        match session.recv_timeout(Duration::from_millis(50)) {
            Some(Event::SignedOut { idle: true }) => locked = true,
            Some(Event::Saved(scan)) => saved = Some(scan),
            Some(Event::Failed(why)) => panic!("{why}"),
            _ => {}
        }
    }
    assert!(locked);
    assert_eq!(saved.unwrap().record.operator, "officer");
    drop(session);
    assert_eq!(Casebook::open(&casebook_path(dir.path())).unwrap().integrity_check().unwrap(), 1);
    assert_eq!(count(dir.path(), "signed-out"), 1);
}

#[test]
fn a_running_program_makes_the_backup_that_is_due() {
    let (dir, copies) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let (mut casebook, actors) = staffed(dir.path());
    let plan = BackupPlan { folder: copies.path().to_owned(), every_hours: 1 };
    casebook.set_backup_plan(jiff::Timestamp::now(), &actors[5], &plan).unwrap();
    drop(casebook);
    let session = start(dir.path(), Duration::from_mins(5));
    let end = Instant::now() + Duration::from_mins(1);
    while count(dir.path(), "backup") == 0 && Instant::now() < end {
        std::thread::sleep(Duration::from_millis(50));
        // A wish wakes the thread as any other would.
        session.send(Command::OpenRecord { id: 1 }).unwrap();
        while session.try_recv().is_some() {}
    }
    assert_eq!(count(dir.path(), "backup"), 1);
    let names: Vec<_> = std::fs::read_dir(copies.path()).unwrap().map(|e| e.unwrap().file_name()).collect();
    assert!(names.len() == 1 && names[0].to_string_lossy().ends_with("Z.sqlite3"), "{names:?}");
}

#[test]
fn kits_and_what_is_demanded_of_them_are_changed_by_the_roles_of_the_table_and_by_nobody_unnamed() {
    let dir = tempfile::tempdir().unwrap();
    drop(staffed(dir.path()));
    let session = start(dir.path(), Duration::from_mins(5));
    wait(&session, "kit", |e| matches!(e, Event::Connection(Connection::Ready(_))).then_some(()));
    let set =
        |tolerance_cm1| session.send(Command::SetCheckPolicy(CheckPolicy { tolerance_cm1, ..CheckPolicy::default() }));
    let kept = || KitShelf::of(dir.path()).choices.policy.tolerance_cm1;
    let kit = || KitChoice::Nir { port: "/dev/null".to_owned() };
    let save = || session.send(Command::SaveKit { name: KitName::new("Van").unwrap(), kit: kit() });
    let forget = || session.send(Command::ForgetKit(KitId("1".to_owned())));
    let gps = || session.send(Command::UseGps(Some("/dev/null".to_owned())));
    let choose = || session.send(Command::UseKit(kit_in_memory()));
    let power = || session.send(Command::SetLaserPower(Some(40.0)));
    let trouble =
        || wait(&session, "trouble", |e| if let Event::KitTrouble(why) = e { Some(why.clone()) } else { None });
    for wish in [&(|| set(1.0)) as &dyn Fn() -> _, &save, &forget, &gps, &choose, &power] {
        wish().unwrap();
        let why = trouble();
        assert!(why.contains("sign in"), "{why}");
    }
    assert_eq!(kept().to_bits(), 3.0_f64.to_bits());
    let (mut wanted, mut refusals) = (1.0, count(dir.path(), "refused"));
    for role in Role::ALL {
        sign_in(&session, role.name());
        wanted += 0.5;
        let before = kept();
        if role.may(Act::ManageKits) {
            set(wanted).unwrap();
            let told = wait(&session, "kits", |e| if let Event::Kits(shelf) = e { Some(shelf.clone()) } else { None });
            assert_eq!((kept(), told.choices.policy.tolerance_cm1), (wanted, wanted), "{}", role.name());
            forget().unwrap();
            wait(&session, "kits", |e| matches!(e, Event::Kits(_)).then_some(()));
        } else {
            for end in [set(wanted), save(), forget(), power()] {
                assert_eq!(end, Err(Refused::NotPermitted(Act::ManageKits)), "{}", role.name());
                refusals += 1;
            }
            assert_eq!(kept(), before, "{}", role.name());
        }
        let told = || wait(&session, "kits", |e| matches!(e, Event::Kits(_)).then_some(()));
        let port = KitShelf::of(dir.path()).choices.gps_port;
        if role.may(Act::ChooseKit) {
            gps().unwrap();
            told();
            assert_eq!(KitShelf::of(dir.path()).choices.gps_port.as_deref(), Some("/dev/null"), "{}", role.name());
            choose().unwrap();
            told();
        } else {
            for end in [gps(), choose()] {
                assert_eq!(end, Err(Refused::NotPermitted(Act::ChooseKit)), "{}", role.name());
                refusals += 1;
            }
            assert_eq!(KitShelf::of(dir.path()).choices.gps_port, port, "{}", role.name());
        }
    }
    set(500.0).unwrap_err();
    sign_in(&session, "laboratory");
    assert_eq!(count(dir.path(), "refused"), refusals + 1, "every refusal is recorded");
    set(500.0).unwrap();
    wait(&session, "kits", |e| matches!(e, Event::Kits(_)).then_some(()));
    assert_eq!(kept(), 10.0, "no tolerance is larger than the largest");
}

/// The window hides the pages while nobody is signed in; the session itself shows no record either.
#[test]
fn records_are_shown_to_nobody_who_is_not_signed_in() {
    let dir = tempfile::tempdir().unwrap();
    let (mut casebook, _) = staffed(dir.path());
    casebook.append(&plain_record(0)).unwrap();
    drop(casebook);
    let session = start(dir.path(), Duration::from_mins(5));
    let wishes = || {
        [
            RecordWish::Find { filter: RecordFilter::default(), before: None, limit: 10 },
            RecordWish::History(1),
            RecordWish::Report(1, Paper::A4),
            RecordWish::Package(1, Paper::A4),
            RecordWish::Preview(1, Paper::A4),
            RecordWish::Verify,
            RecordWish::Count { period: Period::Month, from: None },
        ]
    };
    // What came of a wish: true where something was shown.
    let shown = |wish: RecordWish| {
        session.send(Command::Records(wish)).unwrap();
        wait(&session, "outcome", |e| match e {
            Event::Records(RecordNews::Trouble(why)) => Some((false, why.clone())),
            Event::Records(_) => Some((true, String::new())),
            _ => None,
        })
    };
    let opened = || {
        session.send(Command::OpenRecord { id: 1 }).unwrap();
        wait(&session, "outcome", |e| match e {
            Event::CasebookTrouble(why) => Some((false, why.clone())),
            Event::Record(_) => Some((true, String::new())),
            _ => None,
        })
    };
    let mut count = 0;
    for (expected, change) in [(false, None), (true, Some("auditor")), (false, None)] {
        match change {
            Some(name) => sign_in(&session, name),
            None if count > 0 => {
                session.send(Command::SignOut).unwrap();
                wait(&session, "outcome", |e| matches!(e, Event::SignedOut { .. }).then_some(()));
            }
            None => {}
        }
        for (was, why) in wishes().into_iter().map(&shown).chain([opened()]) {
            assert_eq!(was, expected, "{why}");
            assert!(expected || why.contains("sign in"), "{why}");
            count += 1;
        }
    }
    assert_eq!(count, 24);
    assert!(dir.path().join("reports/record-1.pdf").exists(), "the auditor's report");
}

fn kit_in_memory() -> KitChoice {
    KitChoice::Emulator { sample: "sucrose".to_owned(), seed: 1, virtual_time: true }
}
