//! Nobody does what the role table does not allow, and what was refused is on record.

use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

use jiff::Timestamp;
use parcelscope::casebook::{
    AccountChange, AccountError, Act, Actor, Casebook, CasebookError, NewAccount, ROLE_TABLE, Role, Secret, Uptime,
    VerifyOptions, lockout_wait, role_table_markdown, verify,
};
use rusqlite::Connection;

/// A passphrase that every role accepts.
pub const SECRET: &str = "four plain words here";

pub fn at(second: i64) -> Timestamp {
    Timestamp::from_second(1_790_100_000 + second).unwrap()
}

pub fn up(seconds: u64) -> Uptime {
    Uptime { boot: "first".to_owned(), seconds }
}

pub fn account(name: &str, role: Role) -> NewAccount {
    NewAccount { name: name.to_owned(), role, badge: None, training_expires: None, secret: Secret::new(SECRET) }
}

/// A casebook in which each role has an account of the role's name, all signed in, in the order of the table.
pub fn staffed(dir: &Path) -> (Casebook, Vec<Actor>) {
    let mut casebook = Casebook::open(&dir.join("casebook.sqlite3")).unwrap();
    casebook.enrol_first(at(0), &account("administrator", Role::Administrator)).unwrap();
    let admin = sign_in(&mut casebook, "administrator").unwrap();
    for role in Role::ALL.into_iter().filter(|role| *role != Role::Administrator) {
        casebook.enrol(at(1), &admin, &account(role.name(), role)).unwrap();
    }
    let actors = Role::ALL.map(|role| sign_in(&mut casebook, role.name()).unwrap()).to_vec();
    (casebook, actors)
}

fn sign_in(casebook: &mut Casebook, name: &str) -> Result<Actor, CasebookError> {
    casebook.sign_in(at(2), &up(5), name, &Secret::new(SECRET))
}

fn events(path: &Path, kind: &str) -> Vec<(String, String)> {
    let connection = Connection::open(path).unwrap();
    let mut statement = connection.prepare("SELECT operator, body FROM event WHERE kind = ?1 ORDER BY id").unwrap();
    statement.query_map([kind], |r| Ok((r.get(0)?, r.get(1)?))).unwrap().map(Result::unwrap).collect()
}

fn clean(path: &Path) {
    let report = verify(path, &VerifyOptions::default(), &mut |_| true).unwrap().unwrap();
    assert_eq!(report.findings, []);
}

#[test]
fn every_role_does_what_the_table_says_and_every_refusal_is_recorded() {
    let dir = tempfile::tempdir().unwrap();
    let (mut casebook, actors) = staffed(dir.path());
    let (mut allowed, mut refused) = (0, 0);
    for (act, row) in ROLE_TABLE {
        for (actor, cell) in actors.iter().zip(row.split(' ')) {
            let done = casebook.permit(at(3), actor, act, None);
            if cell == "x" {
                done.unwrap();
                allowed += 1;
            } else {
                let why = done.unwrap_err().to_string();
                assert!(why.contains(act.words()) && why.contains(actor.role().name()), "{why}");
                refused += 1;
                let (operator, body) = events(casebook.path(), "refused").pop().unwrap();
                assert_eq!(operator, actor.name());
                assert!(body.contains(act.words()), "{body}");
            }
        }
    }
    assert_eq!(allowed + refused, ROLE_TABLE.len() * Role::ALL.len());
    assert_eq!(events(casebook.path(), "refused").len(), refused);
    for act in [Act::EditRecord, Act::DeleteRecord, Act::HideRecord] {
        assert!(Role::ALL.iter().all(|role| !role.may(act)));
    }
    println!("{allowed} allowed, {refused} refused and recorded");
    clean(casebook.path());
}

#[test]
fn the_documentation_shows_the_table_that_the_program_keeps() {
    let docs = std::fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/casebook.md")).unwrap();
    assert!(docs.contains(&role_table_markdown()), "docs/casebook.md must hold:\n{}", role_table_markdown());
}

#[test]
fn the_first_account_is_an_administrator_and_only_the_first_needs_nobody() {
    let dir = tempfile::tempdir().unwrap();
    let mut casebook = Casebook::open(&dir.path().join("casebook.sqlite3")).unwrap();
    assert!(!casebook.has_accounts().unwrap());
    let refused = casebook.enrol_first(at(0), &account("a", Role::Officer)).unwrap_err();
    assert_eq!(refused, AccountError::FirstMustBeAdministrator.into());
    casebook.enrol_first(at(0), &account("Ada", Role::Administrator)).unwrap();
    assert_eq!(
        casebook.enrol_first(at(0), &account("b", Role::Administrator)).unwrap_err(),
        AccountError::NotFirst.into()
    );
    let ada = sign_in(&mut casebook, " ADA ").unwrap();
    assert_eq!(ada.name(), "Ada");
    for change in [AccountChange::Disable, AccountChange::Role(Role::Auditor)] {
        let why = casebook.change_account(at(1), &ada, "Ada", &change).unwrap_err();
        assert_eq!(why, AccountError::LastAdministrator.into());
    }
    let badge = NewAccount { badge: Some("B-77".to_owned()), ..account("Olga", Role::Officer) };
    casebook.enrol(at(1), &ada, &badge).unwrap();
    assert_eq!(sign_in(&mut casebook, "b-77").unwrap().name(), "Olga", "the badge stands for the name");
    for taken in ["olga", "B-77", "ada"] {
        let why = casebook.enrol(at(1), &ada, &account(taken, Role::Auditor)).unwrap_err();
        assert!(matches!(why, CasebookError::Account(AccountError::Taken(_))), "{why}");
    }
    for seen in ["Zoë O'Brien-\"Z\"", "田中 一郎", "अनिल वर्मा"] {
        casebook.enrol(at(1), &ada, &account(seen, Role::Auditor)).unwrap();
    }
    let unseen = ["olga\u{200b}", "\u{202e}aglo", "ol\u{ad}ga", "\u{feff}olga", "olga\u{2066}"];
    for bad in ["", " ", "unenrolled", "PARCELSCOPE", "a\nb", &"x".repeat(65)].into_iter().chain(unseen) {
        let why = casebook.enrol(at(1), &ada, &account(bad, Role::Auditor)).unwrap_err();
        assert!(matches!(why, CasebookError::Account(AccountError::BadName(_))), "{why}");
    }
    let pin = NewAccount { secret: Secret::new("271828"), ..account("Rita", Role::Releaser) };
    assert!(casebook.enrol(at(1), &ada, &pin).unwrap_err().to_string().contains("passphrase"));
}

#[test]
fn a_disabled_or_demoted_account_loses_what_it_could_at_once_also_while_signed_in() {
    let dir = tempfile::tempdir().unwrap();
    let (mut casebook, actors) = staffed(dir.path());
    let admin = &actors[5];
    let officer = &actors[0];
    casebook.permit(at(3), officer, Act::Scan, None).unwrap();
    // Another program holds the same file open.
    let mut other = Casebook::open(casebook.path()).unwrap();
    other.change_account(at(4), admin, "officer", &AccountChange::Role(Role::Auditor)).unwrap();
    assert!(casebook.permit(at(5), officer, Act::Scan, None).is_err());
    other.change_account(at(6), admin, "officer", &AccountChange::Disable).unwrap();
    let why = casebook.permit(at(7), officer, Act::Read, None).unwrap_err();
    assert_eq!(why, AccountError::Disabled("officer".to_owned()).into());
    assert_eq!(sign_in(&mut casebook, "officer").unwrap_err(), AccountError::Disabled("officer".to_owned()).into());
    other.change_account(at(8), admin, "officer", &AccountChange::Enable).unwrap();
    sign_in(&mut casebook, "officer").unwrap();
    assert_eq!(events(casebook.path(), "refused").len(), 2);
    clean(casebook.path());
}

#[test]
fn the_wait_after_wrong_secrets_grows_and_neither_restart_nor_clock_shortens_it() {
    let dir = tempfile::tempdir().unwrap();
    let (casebook, _) = staffed(dir.path());
    let path = casebook.path().to_owned();
    drop(casebook);
    let wrong = Secret::new("some other words here");
    let right = Secret::new(SECRET);
    let tried = |wall: i64, uptime: Uptime, secret: &Secret| {
        // A new process each time.
        Casebook::open(&path).unwrap().sign_in(at(wall), &uptime, "officer", secret)
    };
    for n in 0..3 {
        assert_eq!(tried(10, up(100 + n), &wrong).unwrap_err(), AccountError::WrongSecret.into());
    }
    let locked = |outcome: Result<Actor, CasebookError>| match outcome.unwrap_err() {
        CasebookError::Account(AccountError::LockedOut { seconds }) => seconds,
        other => panic!("{other}"),
    };
    assert_eq!(locked(tried(10, up(103), &right)), 29, "the right secret too must wait");
    assert_eq!(locked(tried(9_999_999, up(110), &right)), 22, "a clock set ahead does not help");
    assert_eq!(locked(tried(-9_999_999, up(110), &right)), 22, "nor one set back");
    let restarted = Uptime { boot: "second".to_owned(), seconds: 4 };
    assert_eq!(locked(tried(10, restarted, &right)), 26, "nor a restart of the machine");
    assert_eq!(tried(10, up(140), &wrong).unwrap_err(), AccountError::WrongSecret.into());
    assert_eq!(locked(tried(10, up(141), &right)), lockout_wait(4).as_secs() - 1);
    let mut other = Casebook::open(&path).unwrap();
    assert!(sign_in(&mut other, "laboratory").is_ok(), "others do not wait");
    assert_eq!(tried(10, up(200), &right).unwrap().name(), "officer");
    assert_eq!(tried(10, up(201), &wrong).unwrap_err(), AccountError::WrongSecret.into());
    assert!(tried(10, up(201), &right).is_ok(), "the right secret begins anew");
    assert_eq!(events(&path, "sign-in-failed").len(), 5);
    clean(&path);
}

#[test]
fn a_new_secret_from_an_administrator_ends_the_wait_and_the_old_one_fits_no_more() {
    let dir = tempfile::tempdir().unwrap();
    let (mut casebook, actors) = staffed(dir.path());
    let wrong = Secret::new("some other words here");
    for _ in 0..3 {
        casebook.sign_in(at(3), &up(9), "officer", &wrong).unwrap_err();
    }
    let reset = Secret::new("161803");
    casebook.change_account(at(4), &actors[5], "officer", &AccountChange::Secret(reset.clone())).unwrap();
    let officer = casebook.sign_in(at(5), &up(9), "officer", &reset).unwrap();
    assert_eq!(sign_in(&mut casebook, "officer").unwrap_err(), AccountError::WrongSecret.into());
    let own = Secret::new("words of my own choice");
    assert_eq!(
        casebook.change_own_secret(at(6), &officer, &wrong, &own).unwrap_err(),
        AccountError::WrongSecret.into()
    );
    casebook.change_own_secret(at(6), &officer, &reset, &own).unwrap();
    casebook.sign_in(at(7), &up(9), "officer", &own).unwrap();
}

#[test]
fn a_secret_that_somebody_put_into_the_file_does_not_open_the_account() {
    let dir = tempfile::tempdir().unwrap();
    let (mut casebook, _) = staffed(dir.path());
    let thief = Connection::open(casebook.path()).unwrap();
    thief
        .execute_batch(
            "UPDATE credential SET phc = (SELECT phc FROM credential WHERE account = 'auditor') WHERE account = 'administrator'",
        )
        .unwrap();
    let why = sign_in(&mut casebook, "administrator").unwrap_err();
    assert_eq!(why, AccountError::CredentialExchanged("administrator".to_owned()).into());
}

#[test]
fn no_secret_is_in_the_folder_in_clear_nor_any_hash_in_the_evidence() {
    let dir = tempfile::tempdir().unwrap();
    let (casebook, _) = staffed(dir.path());
    for (_, body) in events(casebook.path(), "account-enrolled") {
        assert!(!body.contains("argon2"), "{body}");
    }
    drop(casebook);
    for entry in std::fs::read_dir(dir.path()).unwrap() {
        let bytes = std::fs::read(entry.unwrap().path()).unwrap();
        assert!(!bytes.windows(SECRET.len()).any(|w| w == SECRET.as_bytes()));
    }
}

/// Runs the program with secrets on standard input.
pub fn program(dir: &Path, arguments: &[&str], secrets: &[&str]) -> Output {
    let mut child = Command::new(env!("CARGO_BIN_EXE_parcelscope"))
        .arg("--data-dir")
        .arg(dir)
        .args(arguments)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let lines = secrets.join("\n") + "\n";
    // A program that refuses early reads nothing.
    let _ = child.stdin.take().unwrap().write_all(if secrets.is_empty() { b"" } else { lines.as_bytes() });
    child.wait_with_output().unwrap()
}

pub fn said(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned() + &String::from_utf8_lossy(&output.stdout)
}

fn casebook_path(dir: &Path) -> PathBuf {
    dir.join("casebook.sqlite3")
}

#[test]
fn accounts_are_kept_from_the_command_line_and_scans_ask_who_scans() {
    let dir = tempfile::tempdir().unwrap();
    let run = |arguments: &[&str], secrets: &[&str]| program(dir.path(), arguments, secrets);
    let ok = |arguments: &[&str], secrets: &[&str]| {
        let output = run(arguments, secrets);
        assert_eq!(output.status.code(), Some(0), "{arguments:?}: {}", said(&output));
        said(&output)
    };
    let refused = |arguments: &[&str], secrets: &[&str]| {
        let output = run(arguments, secrets);
        assert_eq!(output.status.code(), Some(2), "{arguments:?}: {}", said(&output));
        assert!(output.stdout.is_empty());
        said(&output)
    };
    let scan = ["scan", "--port", "emulator", "--seed", "1"];
    assert!(refused(&[&scan[..], &["--user", "olga"]].concat(), &[SECRET]).contains("account enrol"));
    assert!(refused(&["account", "enrol", "olga", "--role", "officer"], &[SECRET]).contains("--role administrator"));
    assert!(refused(&["account", "enrol", "ada", "--role", "administrator"], &[]).contains("standard input"));
    ok(&["account", "enrol", "ada", "--role", "administrator"], &[SECRET]);
    assert!(refused(&["account", "enrol", "eve", "--role", "administrator"], &[SECRET]).contains("--user NAME"));
    let enrol =
        ["account", "enrol", "olga", "--role", "officer", "--badge", "B1", "--training", "2027-06-30", "--user", "ada"];
    ok(&enrol, &[SECRET, "271828"]);
    ok(&["account", "enrol", "aud", "--role", "auditor", "--user", "ada"], &[SECRET, SECRET]);
    assert!(
        refused(&["account", "enrol", "eve", "--role", "officer", "--user", "olga"], &["271828", SECRET])
            .contains("may not manage accounts")
    );
    let list = ok(&["account", "list"], &[]);
    assert!(list.contains("trained until 2027-06-30, badge B1"), "{list}");
    assert!(ok(&["account", "roles"], &[]).contains(&role_table_markdown()));
    assert!(refused(&scan, &[]).contains("--user NAME"));
    // A file that anybody brings must not make the check of a kit, nor may the unit in memory without an account.
    for origin in [&["--file", "any.txt", "--serial", "EMU00001"][..], &["--port", "emulator"]] {
        assert!(refused(&[&["check"], origin].concat(), &[]).contains("--user NAME"));
        let calibrate = ["calibrate", "--standard", "polystyrene"];
        assert!(refused(&[&calibrate[..], origin].concat(), &[]).contains("--user NAME"));
        assert!(refused(&[&["check"], origin, &["--user", "aud"]].concat(), &[SECRET]).contains("may not"));
    }
    assert!(!dir.path().join("kits").exists());
    assert!(refused(&[&scan[..], &["--user", "aud"]].concat(), &[SECRET]).contains("may not scan"));
    assert!(refused(&[&scan[..], &["--user", "olga"]].concat(), &["314159"]).contains("do not belong together"));
    ok(&[&scan[..], &["--user", "B1"]].concat(), &["271828"]);
    let record = Casebook::open(&casebook_path(dir.path())).unwrap().load(1).unwrap().record;
    assert_eq!(record.operator, "olga");
    let standing = record.standing.unwrap();
    assert_eq!(
        (standing.role, standing.training_expires.unwrap().to_string()),
        (Role::Officer, "2027-06-30".to_owned())
    );
    ok(&["account", "disable", "olga", "--user", "ada"], &[SECRET]);
    assert!(refused(&[&scan[..], &["--user", "olga"]].concat(), &["271828"]).contains("disabled"));
    let recorded = events(&casebook_path(dir.path()), "refused");
    assert_eq!(recorded.iter().map(|(who, _)| who.as_str()).collect::<Vec<_>>(), ["olga", "aud", "aud", "aud"]);
    assert_eq!(events(&casebook_path(dir.path()), "sign-in-failed").len(), 2);
    clean(&casebook_path(dir.path()));
}
