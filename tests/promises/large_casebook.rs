//! A large casebook opens, lists, takes records and verifies as quickly as a small one, as far as it can.

use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use jiff::{SignedDuration, Timestamp};
use parcelscope::analyzer::Exposure;
use parcelscope::casebook::{Casebook, RecordFilter, ScanRecord, VerifyOptions, verify};
use parcelscope::identify::Level;
use parcelscope::spectrum::Spectrum;
use rusqlite::{Connection, params};

use super::record_examples::plain_record;

fn timed<T>(what: impl FnOnce() -> T) -> (T, Duration) {
    let start = Instant::now();
    let done = what();
    (done, start.elapsed())
}

/// The time in the middle, and the one that nine of ten exceed: what is left of it when the machine does nothing else.
fn quantiles(mut times: Vec<Duration>) -> [Duration; 2] {
    times.sort_unstable();
    [times[times.len() / 2], times[times.len() / 10]]
}

fn ratio(a: Duration, b: Duration) -> f64 {
    a.as_secs_f64() / b.as_secs_f64()
}

/// Fills a new casebook in `folder`. Where the system has a disk in memory the records are written there, because nobody
/// asks how long that takes, and the finished file is copied.
fn fill(folder: &Path, records: u32) -> PathBuf {
    let memory = Path::new("/dev/shm");
    let scratch = if memory.is_dir() { tempfile::tempdir_in(memory) } else { tempfile::tempdir_in(folder) }.unwrap();
    let from = scratch.path().join("casebook.sqlite3");
    let mut casebook = Casebook::open(&from).unwrap();
    for i in 0..records {
        casebook.append(&plain_record(i)).unwrap();
    }
    drop(casebook);
    Connection::open(&from).unwrap().execute_batch("PRAGMA wal_checkpoint(TRUNCATE)").unwrap();
    for file in ["casebook.key", "casebook.sqlite3"] {
        std::fs::copy(scratch.path().join(file), folder.join(file)).unwrap();
        std::fs::File::open(folder.join(file)).unwrap().sync_all().unwrap();
    }
    folder.join("casebook.sqlite3")
}

/// A table without anything else, in the same mode of SQLite.
fn plain_table(path: &Path) -> Connection {
    let connection = Connection::open(path).unwrap();
    connection
        .execute_batch("PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL; CREATE TABLE plain (id INTEGER PRIMARY KEY, bytes BLOB)")
        .unwrap();
    connection
}

/// Times of a record added to the one casebook and to the other, and of a plain insert of `bytes` bytes, taken in turn, so
/// that all three meet the same load and the same disk.
fn append_times(
    small: &mut Casebook,
    large: &mut Casebook,
    plain: &Connection,
    record: fn(u32) -> ScanRecord,
    bytes: usize,
) -> [[Duration; 2]; 3] {
    let blob: Vec<u8> = (0..bytes).map(|i| (i * 31 % 251) as u8).collect();
    let mut times = [const { Vec::new() }; 3];
    for i in 0..300 {
        let record = record(i);
        times[0].push(timed(|| small.append(&record).unwrap()).1);
        times[1].push(timed(|| large.append(&record).unwrap()).1);
        let insert =
            || plain.prepare_cached("INSERT INTO plain (bytes) VALUES (?1)").unwrap().execute(params![blob]).unwrap();
        times[2].push(timed(insert).1);
    }
    times.map(quantiles)
}

fn slowest_page(casebook: &Casebook, count: i64) -> Duration {
    let start = Timestamp::from_second(1_790_000_000).unwrap();
    let hour = |n: i64| start.checked_add(SignedDuration::from_hours(n)).unwrap();
    let filters = [
        RecordFilter::default(),
        RecordFilter { level: Some(Level::Inconclusive), ..RecordFilter::default() },
        RecordFilter { level: Some(Level::Alarm), ..RecordFilter::default() },
        RecordFilter { operator: Some("unenrolled".to_owned()), ..RecordFilter::default() },
        RecordFilter { parcel: Some("RR500".to_owned()), ..RecordFilter::default() },
        RecordFilter { from: Some(hour(0)), to: Some(hour(1)), ..RecordFilter::default() },
        RecordFilter { from: Some(hour(1_000_000)), ..RecordFilter::default() },
    ];
    let mut slowest = Duration::ZERO;
    for filter in &filters {
        let middle = casebook.list(usize::try_from(count / 2).unwrap(), 1).unwrap();
        for before in [None, middle.first()] {
            let (page, time) = timed(|| casebook.find(filter, before, 50).unwrap());
            if *filter == RecordFilter::default() {
                assert!(page.len() == 50 && page.windows(2).all(|w| w[0].id > w[1].id));
            }
            slowest = slowest.max(time);
        }
    }
    slowest
}

/// What was measured, at the median and at the lowest tenth.
fn append_words([small, large, plain]: [[Duration; 2]; 3]) -> String {
    let at = |q: usize| {
        let (small, large, plain) = (small[q], large[q], plain[q]);
        format!(
            "{small:.2?} at a thousand and {large:.2?} now (ratio {:.2}), plain synced insert of the same bytes {plain:.2?} (ratios {:.2} and {:.2})",
            ratio(large, small),
            ratio(small, plain),
            ratio(large, plain),
        )
    };
    format!("append, median: {}; lowest tenth: {}", at(0), at(1))
}

/// A record with the counts of a detector of 1,024 pixels: a dark and three light exposures with shot noise.
fn detector_record(i: u32) -> ScanRecord {
    let mut state = u64::from(i) * 7_919 + 1;
    let mut noise = move || {
        // The sum of a few uniform numbers of a linear congruential generator is near enough to shot noise.
        (0..4).fold(0_i64, |sum, _| {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            sum + (state >> 58) as i64
        }) - 126
    };
    let mut record = plain_record(i);
    let mut counts = |height: f64| -> Vec<u32> {
        let bands = |p: f64| [212.0, 340.0, 500.0, 777.0].map(|at| height / (1.0 + ((p - at) / 4.0_f64).powi(2)));
        let level = |p: usize| 1_500.0 + height * 0.4 + bands(p as f64).iter().sum::<f64>();
        (0..1_024).map(|p| (level(p) as i64 + noise()).max(0) as u32).collect()
    };
    record.acquisition.dark.counts = counts(0.0);
    let light = record.acquisition.light[0].clone();
    record.acquisition.light = (0..3).map(|_| Exposure { counts: counts(9_000.0), ..light.clone() }).collect();
    let axis: Vec<f64> = (0..1_024).map(|p| 200.0 + 1.9 * f64::from(p) + 1e-4 * f64::from(p).powi(2)).collect();
    let light = &record.acquisition.light[0].counts;
    let signal = light.iter().zip(&record.acquisition.dark.counts).map(|(l, d)| f64::from(*l) - f64::from(*d));
    let noise = light.iter().map(|l| f64::from(*l).sqrt()).collect();
    record.acquisition.spectrum =
        Spectrum::new(record.answer.technique, axis, signal.collect()).unwrap().with_noise(noise).unwrap();
    record
}

/// How many bytes a record of a real detector takes, and how long one takes to write beside a plain insert of as many bytes.
#[test]
fn a_record_of_a_thousand_pixels_is_packed_and_comes_back() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("casebook.sqlite3");
    let mut casebook = Casebook::open(&path).unwrap();
    let records = 200;
    for i in 0..records {
        casebook.append(&detector_record(i)).unwrap();
    }
    assert_eq!(casebook.load(7).unwrap().record, detector_record(6));
    Connection::open(&path).unwrap().execute_batch("PRAGMA wal_checkpoint(TRUNCATE)").unwrap();
    let bytes = usize::try_from(std::fs::metadata(&path).unwrap().len()).unwrap() / records as usize;
    // Counts of 16 bits and floats of 64 bits, unpacked.
    let raw = 4 * 1_024 * 2 + 3 * 1_024 * 8;
    let plain = plain_table(&dir.path().join("plain.sqlite3"));
    let mut other = Casebook::open(&dir.path().join("other.sqlite3")).unwrap();
    let times = append_times(&mut other, &mut casebook, &plain, detector_record, bytes);
    println!("{bytes} bytes a record of 1,024 pixels, {raw} of counts and spectrum unpacked; {}", append_words(times));
    assert!(bytes < raw, "{bytes} bytes are not packed");
}

/// 2,000 records; with `PARCELSCOPE_LONG=1` a million, or as many as `PARCELSCOPE_RECORDS` says. Where `PARCELSCOPE_CASEBOOK`
/// names a folder the large casebook stays in it, and one that lies there is taken.
#[test]
fn a_large_casebook_is_as_quick_as_a_small_one() {
    let long = std::env::var_os("PARCELSCOPE_LONG").is_some();
    let records: u32 = std::env::var("PARCELSCOPE_RECORDS").ok().and_then(|n| n.parse().ok()).unwrap_or(if long {
        1_000_000
    } else {
        2_000
    });
    let dir = tempfile::tempdir().unwrap();
    let kept = std::env::var_os("PARCELSCOPE_CASEBOOK").map(PathBuf::from);
    let [folder, small] = [kept.unwrap_or_else(|| dir.path().join("large")), dir.path().join("small")];
    for folder in [&folder, &small] {
        std::fs::create_dir_all(folder).unwrap();
    }
    let path = folder.join("casebook.sqlite3");
    if !path.exists() {
        fill(&folder, records);
    }
    let mut small = Casebook::open(&fill(&small, 1_000)).unwrap();
    let mut casebook = Casebook::open(&path).unwrap();
    let count = casebook.count().unwrap();
    let bytes = usize::try_from(std::fs::metadata(&path).unwrap().len()).unwrap() / usize::try_from(count).unwrap();
    let plain_connection = plain_table(&dir.path().join("plain.sqlite3"));
    let times = append_times(&mut small, &mut casebook, &plain_connection, plain_record, bytes);
    let append = append_words(times);
    let count = count + 300;
    drop(casebook);
    let (casebook, open) = timed(|| Casebook::open(&path).unwrap());
    let page = slowest_page(&casebook, count);
    let chain = VerifyOptions { skip_parts: true, ..VerifyOptions::default() };
    let (report, chain) = timed(|| verify(&path, &chain, &mut |_| true).unwrap().unwrap());
    assert!(report.is_clean());
    let (report, whole) = timed(|| verify(&path, &VerifyOptions::default(), &mut |_| true).unwrap().unwrap());
    println!(
        "{count} records of {bytes} bytes: open {open:.1?}, slowest page of 50 {page:.1?}, {append}, chain verified in {chain:.1?}, with parts {whole:.1?} \
         ({:.1} MB of parts a second)",
        report.part_bytes as f64 / 1e6 / (whole.saturating_sub(chain)).as_secs_f64().max(1e-9),
    );
    assert!(open < Duration::from_secs(1), "open {open:?}");
    assert!(page < Duration::from_millis(100), "page {page:?}");
    assert!(chain < Duration::from_secs(30), "chain {chain:?}");
}

#[test]
fn what_is_looked_for_is_found_once_page_by_page_and_nothing_else() {
    let dir = tempfile::tempdir().unwrap();
    let mut casebook = Casebook::open(&dir.path().join("casebook.sqlite3")).unwrap();
    for i in 0..60_u32 {
        let mut record = plain_record(i % 20); // three of each time
        record.operator = if i % 2 == 0 { "ada" } else { "olga" }.to_owned();
        casebook.append(&record).unwrap();
    }
    let second = |n: i64| Some(Timestamp::from_second(1_790_000_000 + n).unwrap());
    let all = casebook.list(0, 100).unwrap();
    let filters = [
        RecordFilter::default(),
        RecordFilter { level: Some(Level::Inconclusive), operator: Some("ada".to_owned()), ..RecordFilter::default() },
        RecordFilter { level: Some(Level::Alarm), ..RecordFilter::default() },
        RecordFilter { parcel: Some("RR7".to_owned()), ..RecordFilter::default() },
        RecordFilter { parcel: Some(String::new()), ..RecordFilter::default() },
        RecordFilter { from: second(5), to: second(9), ..RecordFilter::default() },
        RecordFilter { to: second(3), operator: Some("olga".to_owned()), ..RecordFilter::default() },
        RecordFilter { from: second(18), ..RecordFilter::default() },
    ];
    for filter in filters {
        let passes = |line: &&parcelscope::casebook::ScanSummary| {
            filter.level.is_none_or(|level| line.level == level)
                && filter.operator.as_ref().is_none_or(|operator| line.operator == *operator)
                && filter.parcel.as_ref().is_none_or(|parcel| line.parcel == *parcel)
                && filter.from.is_none_or(|from| line.taken_at >= from)
                && filter.to.is_none_or(|to| line.taken_at < to)
        };
        let mut expected: Vec<_> = all.iter().filter(passes).cloned().collect();
        if filter.from.is_some() || filter.to.is_some() {
            expected.sort_by_key(|line| std::cmp::Reverse((line.taken_at, line.id)));
        }
        for size in [1, 4, 7, 100] {
            let mut found: Vec<parcelscope::casebook::ScanSummary> = Vec::new();
            loop {
                let page = casebook.find(&filter, found.last(), size).unwrap();
                found.extend(page.iter().cloned());
                if page.len() < size {
                    break;
                }
            }
            assert_eq!(found, expected, "{filter:?} by {size}");
        }
    }
}
