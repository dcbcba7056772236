//! What was acknowledged survives a process that is killed at any moment, and a disk that loses what was not synced.

use std::collections::BTreeMap;
use std::io::{BufRead, BufReader, Read};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Duration;

use jiff::Timestamp;
use parcelscope::casebook::{Casebook, Event, VerifyOptions, verify};
use rand_chacha::ChaCha12Rng;
use rand_chacha::rand_core::{Rng, SeedableRng};

use super::record_examples::plain_record;

/// Names the folder that the load writes into; without it there is no load.
const LOAD: &str = "PARCELSCOPE_LOAD_DIR";
/// How many records the load writes at most.
const LOAD_RECORDS: &str = "PARCELSCOPE_LOAD_RECORDS";

/// `long` by `PARCELSCOPE_LONG=1`, otherwise `short`.
fn times(short: usize, long: usize) -> usize {
    if std::env::var_os("PARCELSCOPE_LONG").is_some() { long } else { short }
}

/// Not a test: the load that the tests below start in a process of its own. It writes scans and events, and says of each
/// that it is acknowledged, into the file `acks` and to standard output.
#[test]
fn load_for_the_crash_tests() {
    use std::io::Write;
    let Some(dir) = std::env::var_os(LOAD).map(PathBuf::from) else { return };
    let most: u32 = std::env::var(LOAD_RECORDS).unwrap().parse().unwrap();
    let mut casebook = Casebook::open(&dir.join("casebook.sqlite3")).unwrap();
    let mut acks = std::fs::OpenOptions::new().create(true).append(true).open(dir.join("acks")).unwrap();
    for i in 0..most {
        let line = if i % 3 == 2 {
            let body = serde_json::json!({ "text": format!("note {i}") });
            let event = Event { operator: "load", kind: "note", scan_id: None, body: &body };
            format!("event {}\n", casebook.append_event(Timestamp::now(), &event).unwrap())
        } else {
            format!("scan {}\n", casebook.append(&plain_record(i)).unwrap())
        };
        acks.write_all(line.as_bytes()).unwrap();
        println!("\nack {}", line.trim());
    }
}

fn load(dir: &Path, records: u32) -> Command {
    let mut command = Command::new(std::env::current_exe().unwrap());
    command.args(["--exact", "power_cut::load_for_the_crash_tests", "--nocapture", "--test-threads=1"]);
    command.env(LOAD, dir).env(LOAD_RECORDS, records.to_string());
    command.stdout(Stdio::piped()).stderr(Stdio::null());
    command
}

/// Scans and events that were acknowledged last, out of lines such as `scan 7`.
fn last_acknowledged<'a>(lines: impl Iterator<Item = &'a str>) -> (i64, i64) {
    let mut last = (0, 0);
    for line in lines {
        let number = |text: &str| text.trim().parse::<i64>().unwrap();
        match line.split_once(' ') {
            Some(("scan", n)) => last.0 = number(n).max(last.0),
            Some(("event", n)) => last.1 = number(n).max(last.1),
            _ => {}
        }
    }
    last
}

/// Opens the casebook as the program would, and holds it against what was acknowledged. Gives the records there are.
fn check(dir: &Path, acknowledged: (i64, i64), context: &str) -> i64 {
    let path = dir.join("casebook.sqlite3");
    let casebook = Casebook::open(&path).unwrap_or_else(|e| panic!("{context}: {e}"));
    let count = casebook.integrity_check().unwrap_or_else(|e| panic!("{context}: {e}"));
    drop(casebook);
    let report = verify(&path, &VerifyOptions::default(), &mut |_| true).unwrap().unwrap();
    assert_eq!(report.findings, [], "{context}");
    let events = i64::try_from(report.rows["event"]).unwrap();
    assert!(count >= acknowledged.0, "{context}: {count} scans, {} acknowledged", acknowledged.0);
    assert!(events >= acknowledged.1, "{context}: {events} events, {} acknowledged", acknowledged.1);
    count
}

#[test]
fn killed_at_random_moments_under_load_no_acknowledged_record_is_lost() {
    const KILLS_PER_FOLDER: usize = 20;
    let kills = times(20, 1_000);
    let mut random = ChaCha12Rng::seed_from_u64(20_261_124);
    let (mut acknowledged, mut there, mut dir) = (0, 0, tempfile::tempdir().unwrap());
    let mut before_first = 0;
    for kill in 0..kills {
        if kill % KILLS_PER_FOLDER == 0 {
            dir = tempfile::tempdir().unwrap();
        }
        let mut child = load(dir.path(), 100_000).spawn().unwrap();
        let mut said = BufReader::new(child.stdout.take().unwrap());
        // Half the kills come while the casebook is being opened, made or recovered, half under load.
        let mut line = String::new();
        if kill % 2 == 0 {
            while !line.starts_with("ack ") {
                line.clear();
                assert_ne!(said.read_line(&mut line).unwrap(), 0, "the load ended early");
            }
        }
        std::thread::sleep(Duration::from_micros(u64::from(random.next_u32() % 60_000)));
        child.kill().unwrap();
        child.wait().unwrap();
        let mut rest = String::new();
        said.read_to_string(&mut rest).unwrap();
        let lines = [line.as_str()].into_iter().chain(rest.lines());
        let last = last_acknowledged(lines.filter_map(|line| line.strip_prefix("ack ")));
        before_first += usize::from(last == (0, 0));
        let count = check(dir.path(), last, &format!("kill {kill}"));
        (acknowledged, there) = (acknowledged + last.0, there + count);
    }
    println!(
        "{kills} kills ({before_first} before the first acknowledgement), {acknowledged} scans acknowledged last, {there} there, none lost"
    );
    assert!(acknowledged > 0);
}

/// One entry of the log of `record_writes.c`.
struct Write {
    kind: u8,
    name: String,
    offset: u64,
    data: Vec<u8>,
}

fn read_log(bytes: &[u8], folder: &Path) -> Vec<Write> {
    let mut at = 0;
    let mut take = |n: usize| {
        let slice = &bytes[at..at + n];
        at += n;
        slice
    };
    let mut log = Vec::new();
    let mut left = bytes.len();
    let base = |path: &str| Path::new(path).strip_prefix(folder).unwrap().to_string_lossy().into_owned();
    while left > 0 {
        let kind = take(1)[0];
        let mut number = || u64::from_le_bytes(take(8).try_into().unwrap());
        let path_length = usize::try_from(number()).unwrap();
        let path = String::from_utf8(take(path_length).to_vec()).unwrap();
        let mut number = || u64::from_le_bytes(take(8).try_into().unwrap());
        let (offset, length) = (number(), usize::try_from(number()).unwrap());
        let mut data = take(length).to_vec();
        left -= 1 + 8 + path_length + 16 + length;
        if matches!(kind, b'l' | b'r') {
            data = base(std::str::from_utf8(&data).unwrap()).into_bytes();
        }
        log.push(Write { kind, name: base(&path), offset, data });
    }
    log
}

/// A disk that keeps what was synced, and of the rest what it likes: each write whole, torn at a sector, or not at all.
/// A name in a folder is kept once the folder was synced; of later changes of names any first part.
#[derive(Default)]
struct Disk {
    /// Content that is safe, by file.
    synced: Vec<Vec<u8>>,
    /// Writes and cuts since the file's last sync.
    pending: Vec<Vec<(u64, Option<Vec<u8>>)>>,
    names: BTreeMap<String, usize>,
    /// Names as of the folder's last sync, and the changes since: each the whole list of names after it.
    safe_names: BTreeMap<String, usize>,
    name_changes: Vec<BTreeMap<String, usize>>,
}

impl Disk {
    fn apply(&mut self, write: &Write) {
        let Write { kind, name, offset, data } = write;
        let file = self.names.get(name).copied();
        match (kind, file) {
            (b'c', _) => {
                self.synced.push(Vec::new());
                self.pending.push(Vec::new());
                self.names.insert(name.clone(), self.synced.len() - 1);
                self.name_changes.push(self.names.clone());
            }
            (b'w', Some(file)) => self.pending[file].push((*offset, Some(data.clone()))),
            (b't', Some(file)) => self.pending[file].push((*offset, None)),
            (b's', Some(file)) => {
                for (offset, data) in std::mem::take(&mut self.pending[file]) {
                    put(&mut self.synced[file], offset, data.as_deref());
                }
            }
            (b's', None) if name.is_empty() => {
                self.safe_names = self.names.clone();
                self.name_changes.clear();
            }
            (b'l' | b'r', Some(file)) => {
                self.names.insert(String::from_utf8(data.clone()).unwrap(), file);
                if *kind == b'r' {
                    self.names.remove(name);
                }
                self.name_changes.push(self.names.clone());
            }
            (b'u', Some(_)) => {
                self.names.remove(name);
                self.name_changes.push(self.names.clone());
            }
            _ => {} // a file from before, such as the shared memory of the log, which is rebuilt
        }
    }

    /// What is left after a cut of the power.
    fn cut(&self, to: &Path, random: &mut ChaCha12Rng) -> usize {
        let kept = random.next_u32() as usize % (self.name_changes.len() + 1);
        let names = if kept == 0 { &self.safe_names } else { &self.name_changes[kept - 1] };
        let mut dropped = 0;
        for (name, file) in names {
            let mut content = self.synced[*file].clone();
            let mut order: Vec<_> = self.pending[*file].iter().collect();
            for i in (1..order.len()).rev() {
                order.swap(i, random.next_u32() as usize % (i + 1));
            }
            for (offset, data) in order {
                match random.next_u32() % 4 {
                    0 | 1 => dropped += 1,
                    2 => put(&mut content, *offset, data.as_deref()),
                    _ => {
                        let torn =
                            data.as_ref().map(|d| &d[..(random.next_u32() as usize % (d.len() / 512 + 1)) * 512]);
                        if torn.is_some() {
                            put(&mut content, *offset, torn);
                        }
                    }
                }
            }
            if name != "acks" && !name.ends_with("-shm") {
                std::fs::write(to.join(name), content).unwrap();
            }
        }
        dropped
    }
}

/// Writes into a file, or cuts it.
fn put(content: &mut Vec<u8>, offset: u64, data: Option<&[u8]>) {
    let offset = usize::try_from(offset).unwrap();
    match data {
        None => content.resize(offset, 0),
        Some(data) => {
            content.resize(content.len().max(offset + data.len()), 0);
            content[offset..offset + data.len()].copy_from_slice(data);
        }
    }
}

#[cfg(target_os = "linux")]
#[test]
fn a_power_cut_that_loses_what_was_not_synced_loses_no_acknowledged_record() {
    let cuts = times(60, 2_000);
    let outer = tempfile::tempdir().unwrap();
    let (watcher, writes, folder) =
        (outer.path().join("record_writes.so"), outer.path().join("writes"), outer.path().join("data"));
    std::fs::create_dir(&folder).unwrap();
    let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/promises/clients/record_writes.c");
    let built =
        Command::new("cc").args(["-shared", "-fPIC", "-O1", "-o"]).arg(&watcher).arg(source).arg("-ldl").status();
    assert!(built.unwrap().success());
    let mut command = load(&folder, 240);
    command.env("LD_PRELOAD", &watcher).env("PARCELSCOPE_WATCHED", &folder).env("PARCELSCOPE_WRITES", &writes);
    assert!(command.stdout(Stdio::null()).status().unwrap().success());
    let log = read_log(&std::fs::read(&writes).unwrap(), &folder);
    let syncs = log.iter().filter(|w| w.kind == b's').count();
    assert!(syncs > 240, "{syncs} syncs: the log does not see the program's writes");
    assert!(
        log.iter().any(|w| w.name == "casebook.sqlite3" && w.kind == b'w' && w.offset > 0),
        "no checkpoint was seen"
    );

    let mut random = ChaCha12Rng::seed_from_u64(7);
    // While the casebook is made every moment is another one; later they are alike.
    let making = log.iter().position(|w| w.name == "acks").unwrap();
    let random_moments = (0..cuts).map(|_| random.next_u32() as usize % log.len());
    let mut moments: Vec<usize> =
        random_moments.chain((0..making).flat_map(|m| [m; 3]).take(times(0, 3 * making))).collect();
    moments.sort_unstable();
    let (mut disk, mut said, mut at, mut dropped, mut acknowledged) = (Disk::default(), String::new(), 0, 0, 0);
    for (cut, moment) in moments.iter().copied().enumerate() {
        while at < moment {
            let write = &log[at];
            if write.name == "acks" && write.kind == b'w' {
                said.push_str(std::str::from_utf8(&write.data).unwrap());
            }
            disk.apply(write);
            at += 1;
        }
        let left = tempfile::tempdir().unwrap();
        dropped += disk.cut(left.path(), &mut random);
        let last = last_acknowledged(said.lines());
        acknowledged += last.0 + last.1;
        check(left.path(), last, &format!("cut {cut} at write {moment}"));
    }
    println!(
        "{} cuts in {} writes with {syncs} syncs: {dropped} writes dropped, {acknowledged} acknowledgements held",
        moments.len(),
        log.len()
    );
    assert!(dropped > 0 && acknowledged > 0);
}
