//! A process may be killed at any moment: what was reported as saved is there, and the casebook is sound.

use std::io::{BufRead, BufReader, Read};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use parcelscope::casebook::Casebook;
use parcelscope::session::casebook_path;
use rand::{Rng, RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;

const KILLS_EACH: usize = 5;
const RUNNERS: u64 = 4;

/// Starts a scan of the emulated kit in the real binary.
fn start_scan(data_dir: &Path, seed: u64) -> Child {
    Command::new(env!("CARGO_BIN_EXE_parcelscope"))
        .arg("--data-dir")
        .arg(data_dir)
        .args(["--json", "scan", "--port", "emulator", "--seed", &seed.to_string()])
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap()
}

/// The document on stdout, where the process came to print a whole one.
fn document(child: &mut Child) -> Option<serde_json::Value> {
    let mut text = String::new();
    child.stdout.take().unwrap().read_to_string(&mut text).unwrap();
    serde_json::from_str(&text).ok()
}

/// When to kill.
enum Moment {
    /// So long after the start of the process.
    AfterStart(Duration),
    /// So long after the line that says that the record is being written.
    AfterWriting(Duration),
}

/// Kills a scan with SIGKILL; returns what it had printed by then.
fn kill_at(moment: &Moment, data_dir: &Path, seed: u64) -> Option<serde_json::Value> {
    let mut child = start_scan(data_dir, seed);
    match moment {
        Moment::AfterStart(wait) => std::thread::sleep(*wait),
        Moment::AfterWriting(wait) => {
            let mut lines = BufReader::new(child.stderr.take().unwrap()).lines();
            let writing = lines.by_ref().map_while(Result::ok).find(|line| line.contains("writing the record"));
            assert!(writing.is_some(), "the scan never came to write its record");
            let start = Instant::now();
            while start.elapsed() < *wait {
                std::hint::spin_loop();
            }
        }
    }
    child.kill().unwrap(); // SIGKILL; a process that has ended already is left as it is
    let printed = document(&mut child);
    child.wait().unwrap();
    printed
}

/// Opens the casebook as the next start would, and looks for every acknowledged scan.
fn check(data_dir: &Path, acknowledged: &[serde_json::Value], context: &str) -> i64 {
    let path = casebook_path(data_dir);
    let casebook = Casebook::open(&path).unwrap_or_else(|e| panic!("{context}: {e}"));
    let total = casebook.integrity_check().unwrap_or_else(|e| panic!("{context}: {e}"));
    for document in acknowledged {
        assert_eq!(document["acknowledged"], true, "{context}");
        let id = document["record"].as_i64().unwrap();
        let scan = casebook.load(id).unwrap_or_else(|e| panic!("{context}: {e}"));
        let answer = serde_json::to_value(&scan.record.answer).unwrap();
        for (key, value) in answer.as_object().unwrap() {
            assert_eq!(&document[key], value, "{context}: record {id}, {key}");
        }
    }
    total
}

#[test]
fn killed_at_twenty_random_moments_every_scan_reported_as_saved_is_there() {
    let seed = std::env::var("PARCELSCOPE_CRASH_SEED").ok().and_then(|text| text.parse().ok());
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap().subsec_nanos();
    let seed = seed.unwrap_or_else(|| u64::from(now));
    println!("kill moments from PARCELSCOPE_CRASH_SEED={seed}");
    let counts: Vec<(usize, i64)> = std::thread::scope(|scope| {
        let runners: Vec<_> = (0..RUNNERS).map(|n| scope.spawn(move || kill_five(seed.wrapping_add(n)))).collect();
        runners.into_iter().map(|runner| runner.join().unwrap()).collect()
    });
    let acknowledged: usize = counts.iter().map(|c| c.0).sum();
    let stored: i64 = counts.iter().map(|c| c.1).sum();
    println!(
        "{} kills: {acknowledged} scans acknowledged, 0 of them lost, {stored} records stored, every casebook sound",
        RUNNERS as usize * KILLS_EACH
    );
}

/// Kills five scans into one folder, between two that are left alone. Counts of acknowledged and stored scans.
fn kill_five(seed: u64) -> (usize, i64) {
    let mut random = ChaCha8Rng::seed_from_u64(seed);
    let dir = tempfile::tempdir().unwrap();
    let mut acknowledged = Vec::new();
    let start = Instant::now();
    acknowledged.push(finish(dir.path(), seed));
    let whole = start.elapsed();
    let mut stored = 1;
    for kill in 0..KILLS_EACH {
        let moment = if kill % 2 == 0 {
            Moment::AfterStart(whole.mul_f64(random.random_range(0.0..1.1)))
        } else {
            Moment::AfterWriting(Duration::from_micros(random.random_range(0..20_000)))
        };
        let context = match &moment {
            Moment::AfterStart(wait) => format!("killed {wait:?} after the start (a whole scan took {whole:?})"),
            Moment::AfterWriting(wait) => format!("killed {wait:?} after the writing began"),
        };
        acknowledged.extend(kill_at(&moment, dir.path(), random.next_u64()));
        let total = check(dir.path(), &acknowledged, &context);
        println!("{context}: {total} records");
        assert!(total >= stored, "{context}: a record is gone");
        stored = total;
    }
    acknowledged.push(finish(dir.path(), seed));
    let total = check(dir.path(), &acknowledged, "after a whole scan");
    (acknowledged.len(), total)
}

/// A scan that is left alone.
fn finish(data_dir: &Path, seed: u64) -> serde_json::Value {
    let child = start_scan(data_dir, seed);
    let output = child.wait_with_output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    serde_json::from_slice(&output.stdout).unwrap()
}
