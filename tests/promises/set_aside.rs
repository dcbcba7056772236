//! A scan that the casebook cannot take is never lost: the command waits, the record lies in a file, the next start takes it in.
use std::fs;
use std::io::{BufRead, BufReader, Read as _};
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStderr, Command as Process, ExitStatus, Stdio};
use std::time::Duration;

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use parcelscope::casebook::{Casebook, Subject, VerifyOptions, verify};
use parcelscope::session::{Command, Connection, Event, KitChoice, Session, SessionConfig, casebook_path, take_in};
use rusqlite::Connection as Database;

use super::record_examples::plain_record;

const SCAN: [&str; 10] =
    ["--json", "scan", "--port", "emulator", "--sample", "talc", "--seed", "3", "--integration-ms", "100"];

/// The files of scans that were set aside in a folder.
fn aside(folder: &Path) -> Vec<PathBuf> {
    let paths = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    paths.filter(|path| path.file_name().unwrap().to_string_lossy().starts_with("parcelscope-unsaved-")).collect()
}

fn assert_private(path: &Path) {
    assert_eq!(fs::metadata(path).unwrap().permissions().mode() & 0o777, 0o600, "{}", path.display());
}

/// A command that runs, with what it says on stderr.
struct Running {
    child: Child,
    stderr: BufReader<ChildStderr>,
}

impl Running {
    fn start(mut command: Process) -> Self {
        let mut child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        let stderr = BufReader::new(child.stderr.take().unwrap());
        Self { child, stderr }
    }

    /// Reads until a line holds `part`.
    fn until(&mut self, part: &str) -> String {
        let mut all = String::new();
        loop {
            let mut line = String::new();
            assert_ne!(self.stderr.read_line(&mut line).unwrap(), 0, "ended before it said '{part}':\n{all}");
            if line.contains(part) {
                return line;
            }
            all.push_str(&line);
        }
    }

    fn interrupt(&self) {
        kill(Pid::from_raw(i32::try_from(self.child.id()).unwrap()), Signal::SIGINT).unwrap();
    }

    fn end(mut self) -> (ExitStatus, serde_json::Value, String) {
        let (mut stdout, mut rest) = (String::new(), String::new());
        self.child.stdout.take().unwrap().read_to_string(&mut stdout).unwrap();
        self.stderr.read_to_string(&mut rest).unwrap();
        (self.child.wait().unwrap(), serde_json::from_str(&stdout).unwrap(), rest)
    }
}

fn parcelscope(folder: &Path, arguments: &[&str]) -> Process {
    let mut command = Process::new(env!("CARGO_BIN_EXE_parcelscope"));
    command.arg("--data-dir").arg(folder).args(arguments);
    command
}

/// Records of the casebook and what was said on stderr.
fn shown(folder: &Path) -> (i64, String) {
    let output = parcelscope(folder, &["--json", "casebook", "show"]).output().unwrap();
    let page: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
    (page["total"].as_i64().unwrap(), String::from_utf8_lossy(&output.stderr).into_owned())
}

#[test]
fn a_command_line_scan_outlasts_a_lock_and_ctrl_c_leaves_the_record_to_the_next_start() {
    let dir = tempfile::tempdir().unwrap();
    let path = casebook_path(dir.path());
    drop(Casebook::open(&path).unwrap());
    // Another process holds the write lock: this one.
    let other = Database::open(&path).unwrap();
    let locked_scan = || {
        let mut scan = Running::start(parcelscope(dir.path(), &SCAN));
        scan.until("light exposure");
        other.execute_batch("BEGIN IMMEDIATE").unwrap();
        let why = scan.until("The record is not saved");
        assert!(why.contains("locked") && why.contains("the next start takes it in"), "{why}");
        scan.until("waiting for");
        let files = aside(dir.path());
        assert_eq!(files.len(), 1, "{files:?}");
        assert_private(&files[0]);
        scan
    };
    let scan = locked_scan();
    other.execute_batch("ROLLBACK").unwrap();
    let (status, document, _) = scan.end();
    assert_eq!((status.code(), &document["record"], &document["acknowledged"]), (Some(0), &1.into(), &true.into()));
    assert!(aside(dir.path()).is_empty(), "the file is gone when the record is saved");

    let scan = locked_scan();
    scan.interrupt();
    let (status, document, said) = scan.end();
    assert_eq!((status.code(), &document["acknowledged"]), (Some(2), &false.into()), "{said}");
    let file = aside(dir.path()).remove(0);
    assert!(said.contains(&file.display().to_string()) && said.contains("takes it in"), "{said}");
    assert!(!said.contains("left behind"), "{said}");
    let (total, said) = shown(dir.path());
    assert!(total == 1 && said.contains("still not in the casebook"), "{said}");
    other.execute_batch("ROLLBACK").unwrap();
    let (total, said) = shown(dir.path());
    assert!(total == 2 && said.contains("is now record 2"), "{said}");
    assert!(aside(dir.path()).is_empty());
    let casebook = Casebook::open(&path).unwrap();
    assert_eq!(serde_json::to_value(&casebook.load(2).unwrap().record.answer.verdict).unwrap(), document["verdict"]);
    assert!(casebook.history(2).unwrap()[0].words.contains("kept outside the casebook"));
    assert!(casebook.history(1).unwrap().iter().all(|entry| entry.operator == "parcelscope"));
    assert!(verify(&path, &VerifyOptions::default(), &mut |_| true).unwrap().unwrap().is_clean());
    assert_eq!(shown(dir.path()), (2, String::new()), "taken in once");
}

/// A process that may not make a file longer gets an error for every write, as on a disk without room.
#[test]
fn a_scan_without_room_anywhere_does_not_end_and_is_recorded_when_there_is_room() {
    let dir = tempfile::tempdir().unwrap();
    let path = casebook_path(dir.path());
    // Stays open, so that the log beside the database is longer than the limit already.
    let mut casebook = Casebook::open(&path).unwrap();
    casebook.append(&plain_record(1)).unwrap();
    let mut limited = Process::new("sh");
    limited.args([
        "-c",
        "trap '' XFSZ; ulimit -S -f 4; exec \"$@\"",
        "sh",
        env!("CARGO_BIN_EXE_parcelscope"),
        "--data-dir",
    ]);
    limited.arg(dir.path()).args(SCAN);
    let mut scan = Running::start(limited);
    let why = scan.until("The record is not saved");
    assert!(why.contains("do not close the program") && why.contains("no file could be written"), "{why}");
    assert!(aside(dir.path()).is_empty(), "no half file is left");
    scan.interrupt();
    scan.until("not ended: the record is in no file yet");
    let limit = ["--fsize=unlimited", "--pid", &scan.child.id().to_string()].map(str::to_owned);
    assert!(Process::new("prlimit").args(limit).status().unwrap().success());
    let (status, document, said) = scan.end();
    assert_eq!((status.code(), &document["record"]), (Some(0), &2.into()), "{said}");
    assert!(aside(dir.path()).is_empty());
    assert_eq!(casebook.count().unwrap(), 2);
}

fn next(session: &Session) -> Event {
    session.recv_timeout(Duration::from_mins(1)).expect("an event within a minute")
}

/// Scans with a session as the window does; gives the file in which the record was put.
fn unsaved_scan(data: &Path) -> (Session, PathBuf, String) {
    let kit = KitChoice::Emulator { sample: "talc".to_owned(), seed: 7, virtual_time: true };
    let session = Session::start(SessionConfig::new(data.to_owned(), kit)).unwrap();
    while !matches!(next(&session), Event::Connection(Connection::Ready(_))) {}
    session.send(Command::Scan { parcel: "P1".to_owned(), subject: Subject::default() }).unwrap();
    loop {
        if let Event::NotSaved { kept, why, .. } = next(&session) {
            return (session, kept.unwrap(), why);
        }
    }
}

#[test]
fn a_window_that_is_closed_with_an_unsaved_record_leaves_it_to_the_next_start() {
    let dir = tempfile::tempdir().unwrap();
    let path = casebook_path(dir.path());
    fs::create_dir(&path).unwrap(); // a folder where the database belongs
    let (session, file, why) = unsaved_scan(dir.path());
    assert!(why.contains(&file.display().to_string()), "{why}");
    assert_private(&file);
    drop(session);
    fs::remove_dir(&path).unwrap();
    // What somebody bent is not taken in and not removed.
    let good = fs::read(&file).unwrap();
    let mut bent = good.clone();
    *bent.last_mut().unwrap() ^= 1;
    fs::write(&file, &bent).unwrap();
    let [Err(refused)] = &take_in(dir.path())[..] else { panic!("it was taken in") };
    assert!(refused.to_string().contains("digest"), "{refused}");
    // Nor what others could have written.
    fs::write(&file, &good).unwrap();
    fs::set_permissions(&file, fs::Permissions::from_mode(0o644)).unwrap();
    assert!(take_in(dir.path()).is_empty());
    fs::set_permissions(&file, fs::Permissions::from_mode(0o600)).unwrap();
    let kit = KitChoice::Emulator { sample: "talc".to_owned(), seed: 7, virtual_time: true };
    let session = Session::start(SessionConfig::new(dir.path().to_owned(), kit)).unwrap();
    let words = loop {
        if let Event::TakenIn(words) = next(&session) {
            break words;
        }
    };
    assert!(words.contains("is now record 1"), "{words}");
    drop(session);
    assert!(!file.exists());
    // A file that outlived its record by a crash is not a second record.
    fs::write(&file, &good).unwrap();
    fs::set_permissions(&file, fs::Permissions::from_mode(0o600)).unwrap();
    let taken = take_in(dir.path()).remove(0).unwrap();
    assert_eq!((taken.id, taken.is_new), (1, false));
    let casebook = Casebook::open(&path).unwrap();
    assert_eq!((casebook.count().unwrap(), casebook.load(1).unwrap().record.parcel.as_str()), (1, "P1"));
}

#[test]
fn a_record_goes_beside_a_data_folder_that_cannot_be_written() {
    let outer = tempfile::tempdir().unwrap();
    let data = outer.path().join("data");
    let (session, file, _) = unsaved_scan(&data); // it is not there yet
    assert_eq!(file.parent(), Some(outer.path().canonicalize().unwrap().as_path()));
    drop(session);
    fs::create_dir(&data).unwrap();
    let other = outer.path().join("other");
    fs::create_dir(&other).unwrap();
    assert!(take_in(&other).is_empty(), "it belongs to another folder");
    assert_eq!(take_in(&data).remove(0).unwrap().id, 1);
    assert!(aside(outer.path()).is_empty());
}
