//! How fast is the engine? Each bar of the product beside a rival that runs in turn with it, on one thread.
//!
//! `cargo bench` prints one table: the medians, the fastest runs, and the ratio of the medians, which is what decides,
//! because both sides met the same load. `cargo bench -- conditioning` runs only the lines whose name holds the word;
//! `cargo bench -- quick` leaves out the half million references, which take 2 GB and a minute to make.

#![expect(clippy::expect_used, reason = "a bench that cannot set itself up has to end")]

mod crowd;

use std::hint::black_box;
use std::sync::Arc;
use std::time::Instant;

use baselines::whittaker::{ArPlsParams, WhittakerWorkspace, arpls_into};
use parcelscope::identify::Engine;
use parcelscope::identify::scan::{Factors, Instructions, Probe, Table, top};
use parcelscope::library::Library;
use parcelscope::library::pack::{PackContent, read_draft, write_draft};
use parcelscope::signal::{arpls, prepare};
use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;

/// Points of a row in the plain searches.
const POINTS: usize = 1024;

fn main() {
    let words: Vec<String> = std::env::args().skip(1).filter(|a| !a.starts_with('-')).collect();
    let quick = words.iter().any(|w| w == "quick");
    let wanted = |name: &str| {
        let mut filters = words.iter().filter(|w| *w != "quick").peekable();
        filters.peek().is_none() || filters.any(|w| name.contains(w.as_str()))
    };
    let load = std::fs::read_to_string("/proc/loadavg").unwrap_or_default();
    println!("load {} instructions {}", load.trim(), Instructions::best().name());
    println!("{:<58} {:>20} {:>20} {:>6}", "median (fastest), ms", "own", "rival", "ratio");
    for points in [1024, 3000] {
        if wanted("conditioning baseline") {
            baseline(points);
        }
    }
    if wanted("conditioning whole") {
        whole_conditioning();
    }
    for (references, runs) in [(25_000, 31), (500_000, 9)] {
        if wanted("exact search") && !(quick && references > 100_000) {
            exact_search(references, runs);
        }
    }
    if wanted("shift-tolerant search") {
        tolerant_search(25_000, 31);
    }
    if wanted("opening 25000") {
        opening();
    }
    if wanted("engine bundled") {
        verdicts("engine bundled", &Library::bundled().expect("the bundled library is sound"));
    }
    if wanted("engine 500: mixture") {
        mixture_of_three();
    }
    if wanted("engine 25000") {
        verdicts("engine 25000", &Arc::new(crowd::crowd(132, 3)));
    }
}

/// A pack of 25,000 references read with every rule and its digest checked, and the first answer, as a cold process does.
fn opening() {
    let folder = tempfile::tempdir().expect("a folder for the pack");
    let path = folder.path().join("pack");
    let library = crowd::crowd(132, 3);
    let spectrum = crowd::scan_of(&Arc::new(library.clone()), "acetaminophen").expect("the reference is bundled");
    let content = PackContent::of_bundled(&library, &[], jiff::Timestamp::UNIX_EPOCH);
    write_draft(&path, &content).expect("the folder takes the pack");
    let read = || Arc::new(read_draft(&path).expect("what was written reads back").library);
    compare("opening 25000: pack read and checked", 5, || drop(black_box(read())), None);
    let answer = || drop(black_box(Engine::new(read()).identify(&spectrum)));
    compare("opening 25000: the same and the first answer", 5, answer, None);
    let first = Engine::new(read());
    let expected = first.identify(&spectrum);
    let kept = path.with_extension("index");
    std::fs::write(&kept, first.to_save().expect("tables were made")).expect("the folder takes the index");
    let with_index = |library: Arc<Library>| {
        let bytes = std::fs::read(&kept).expect("the index is there");
        Engine::new(library).with_saved(bytes).expect("the index fits").identify(&spectrum)
    };
    assert!(with_index(read()) == expected, "an answer with the kept index is another");
    compare("opening 25000: both with the kept search index", 5, || drop(black_box(with_index(read()))), None);
    let library = read();
    compare(
        "opening 25000: kept index and answer, pack read before",
        5,
        || drop(black_box(with_index(Arc::clone(&library)))),
        None,
    );
}

/// Runs both sides in turn and prints a line.
fn compare(name: &str, runs: usize, mut own: impl FnMut(), rival: Option<&mut dyn FnMut()>) {
    let mut times = [Vec::new(), Vec::new()];
    let mut timed = |side: usize, run: &mut dyn FnMut()| {
        let start = Instant::now();
        run();
        times[side].push(start.elapsed().as_secs_f64() * 1e3);
    };
    match rival {
        Some(rival) => (0..runs).for_each(|_| {
            timed(0, &mut own);
            timed(1, rival);
        }),
        None => (0..runs).for_each(|_| timed(0, &mut own)),
    }
    let line = times.map(|mut all| {
        all.sort_by(f64::total_cmp);
        all.get(all.len() / 2).map(|median| (*median, all[0]))
    });
    let shown = |side: Option<(f64, f64)>| side.map_or(String::new(), |(m, b)| format!("{m:.4} ({b:.4})"));
    let ratio = line[0].zip(line[1]).map_or(String::new(), |(own, rival)| format!("{:.1}", rival.0 / own.0));
    println!("{name:<58} {:>20} {:>20} {ratio:>6}", shown(line[0]), shown(line[1]));
}

/// A fluorescent spectrum with a dozen bands at a pitch of 2 cm-1.
fn counts(points: usize, seed: u64) -> Vec<f64> {
    let mut rng = ChaCha8Rng::seed_from_u64(seed);
    (0..points)
        .map(|i| {
            let x = 2.0 * i as f64;
            let bands: f64 = (1..12).map(|b| 1500.0 / (1.0 + ((x - 140.0 * f64::from(b)) / 5.0).powi(2))).sum();
            9000.0 * (-((x - 700.0) / 900.0).powi(2)).exp() + bands + rng.random_range(-40.0..40.0)
        })
        .collect()
}

/// arPLS beside that of the crate `baselines`, same stiffness and tolerance, workspace kept for the rival only.
fn baseline(points: usize) {
    let y = counts(points, 5);
    let mut params = ArPlsParams::default();
    params.whittaker.lambda = 1e5;
    params.whittaker.max_iter = 50;
    params.whittaker.tol = 1e-3;
    let (mut out, mut workspace) = (vec![0.0; points], WhittakerWorkspace::new(points));
    arpls_into(&y, params, &mut out, &mut workspace).expect("the rival takes the spectrum");
    let apart = arpls(&y, 2.0).values.iter().zip(&out).map(|(a, b)| (a - b).abs()).fold(0.0, f64::max);
    assert!(apart < 0.5, "the two baselines are {apart} counts of 9000 apart");
    let mut rival = || {
        black_box(arpls_into(black_box(&y), params, &mut out, &mut workspace).expect("as before"));
    };
    let own = || {
        black_box(arpls(black_box(&y), 2.0));
    };
    compare(&format!("conditioning baseline, {points} points"), 301, own, Some(&mut rival));
}

/// Everything between a measured spectrum and one that can be searched.
fn whole_conditioning() {
    for (name, points, pitch) in [("1024", 1024, 1.7), ("3000", 3000, 1.2)] {
        let spectrum = crowd::measured(&counts(points, 6), 260.0, pitch);
        compare(&format!("conditioning whole, {name} points"), 101, || drop(black_box(prepare(&spectrum))), None);
    }
}

/// Ten and fifty best of so many rows of 1,024 values of single precision, beside reading them all.
fn exact_search(references: usize, runs: usize) {
    let rows = crowd::rows(references, POINTS, 1);
    let row = |i: usize| rows.get(i * POINTS..(i + 1) * POINTS).unwrap_or_default();
    let table =
        Table::new(POINTS, rows.chunks(POINTS).map(|r| (0, r.iter().map(|v| f64::from(*v)).collect::<Vec<_>>())));
    let mut rng = ChaCha8Rng::seed_from_u64(2);
    let noisy: Vec<f64> = row(40).iter().map(|v| f64::from(*v) + 0.01 * rng.random_range(-0.5..0.5)).collect();
    let query = crowd::unit(&noisy);
    let factors = |_: usize| Factors { most: 1.0, least: 1.0 };
    for count in [10, 50] {
        let fast = || {
            let probe = Probe::new(&table, &[(0, query.clone())]);
            top(&table.bounds(0..references, &probe, factors), count, |i| Some(crowd::product(row(i), &query)))
        };
        let slow = || {
            let mut all: Vec<(usize, f32)> = (0..references).map(|i| (i, crowd::plain(row(i), &query))).collect();
            all.select_nth_unstable_by(count - 1, |a, b| b.1.total_cmp(&a.1));
            all.truncate(count);
            all
        };
        // The same rows, judged in double precision.
        let mut all: Vec<(usize, f64)> = (0..references).map(|i| (i, crowd::product(row(i), &query))).collect();
        all.sort_by(|a, b| b.1.total_cmp(&a.1).then(a.0.cmp(&b.0)));
        all.truncate(count);
        assert_eq!(fast(), all, "the fast pass misses a row");
        let mut rival = || drop(black_box(slow()));
        compare(
            &format!("exact search, {count} best of {references}"),
            runs,
            || drop(black_box(fast())),
            Some(&mut rival),
        );
    }
}

/// Ten best of so many rows at the best of seven shifts, beside reading them all at each shift in single precision.
fn tolerant_search(references: usize, runs: usize) {
    const REACH: isize = 3;
    let rows = crowd::rows(references, POINTS, 1);
    let row = |i: usize| rows.get(i * POINTS..(i + 1) * POINTS).unwrap_or_default();
    let table =
        Table::new(POINTS, rows.chunks(POINTS).map(|r| (0, r.iter().map(|v| f64::from(*v)).collect::<Vec<_>>())));
    let mut rng = ChaCha8Rng::seed_from_u64(2);
    // Moved by two cells.
    let moved = [0.0; 2].into_iter().chain(row(40).iter().map(|v| f64::from(*v))).take(POINTS);
    let query = crowd::unit(&moved.map(|v| v + 0.01 * rng.random_range(-0.5..0.5)).collect::<Vec<_>>());
    // The query moved down by so many cells, as far as it meets the row.
    let common = |row: &[f32], shift: isize| -> (usize, usize, usize) {
        let skipped = shift.max(0).unsigned_abs();
        (skipped, shift.min(0).unsigned_abs(), row.len() - shift.unsigned_abs())
    };
    let score = |row: &[f32], product: &dyn Fn(&[f32], &[f32]) -> f64| -> f64 {
        let scores: Vec<f64> = (-REACH..=REACH)
            .map(|shift| {
                let (of_query, of_row, len) = common(row, shift);
                product(&row[of_row..of_row + len], &query[of_query..of_query + len])
            })
            .collect();
        let best = (0..scores.len()).max_by(|a, b| scores[*a].total_cmp(&scores[*b])).unwrap_or(0);
        let sides = best.checked_sub(1).and_then(|i| scores.get(i)).zip(scores.get(best + 1));
        let Some((left, right)) = sides else { return scores[best] };
        let curvature = left - 2.0 * scores[best] + right;
        let offset = if curvature < -1e-12 { (0.5 * (left - right) / curvature).clamp(-0.5, 0.5) } else { 0.0 };
        scores[best] - 0.25 * (left - right) * offset
    };
    let exact = |i: usize| score(row(i), &crowd::product);
    let curves: Vec<(isize, Vec<f32>)> = (-REACH..=REACH).map(|shift| (-shift, query.clone())).collect();
    let fast = || {
        let probe = Probe::new(&table, &curves);
        top(&table.bounds(0..references, &probe, |_| Factors { most: 1.0, least: 1.0 }), 10, |i| Some(exact(i)))
    };
    let best_ten = |score: &dyn Fn(usize) -> f64| {
        let mut all: Vec<(usize, f64)> = (0..references).map(|i| (i, score(i))).collect();
        all.sort_by(|a, b| b.1.total_cmp(&a.1).then(a.0.cmp(&b.0)));
        all.truncate(10);
        all
    };
    assert_eq!(fast(), best_ten(&exact), "the fast pass misses a row");
    let mut rival = || drop(black_box(best_ten(&|i| score(row(i), &|a, b| f64::from(crowd::plain(a, b))))));
    let name = format!("shift-tolerant search, 10 best of {references}, 7 shifts");
    compare(&name, runs, || drop(black_box(fast())), Some(&mut rival));
}

/// The whole verdict on a mixture of three among some 500 references: conditioning, search, evidence, the fit with its
/// selection, detection limits.
fn mixture_of_three() {
    let library = Arc::new(crowd::crowd(3, 3));
    let engine = Engine::new(Arc::clone(&library));
    let parts: Vec<_> =
        ["lactose", "acetaminophen", "caffeine"].iter().filter_map(|key| crowd::scan_of(&library, key)).collect();
    let counts: Vec<f64> = (0..1024).map(|i| parts.iter().map(|s| s.intensity()[i]).sum()).collect();
    let spectrum = crowd::measured(&counts, 300.0, 1.7);
    assert!(engine.identify(&spectrum).mixture.len() > 1, "the mixture is not seen as one");
    let verdict = || drop(black_box(engine.identify(black_box(&spectrum))));
    compare("engine 500: mixture of three, whole verdict", 31, verdict, None);
}

/// The whole verdict, the shift-tolerant search in it.
fn verdicts(name: &str, library: &Arc<Library>) {
    let engine = Engine::new(Arc::clone(library));
    for substance in ["acetaminophen", "polystyrene", "fentanyl"] {
        let Some(spectrum) = crowd::scan_of(library, substance) else { continue };
        let start = Instant::now();
        black_box(engine.identify(&spectrum));
        let first = start.elapsed().as_secs_f64() * 1e3;
        let verdict = || drop(black_box(engine.identify(black_box(&spectrum))));
        compare(&format!("{name}: verdict on {substance} (first {first:.0})"), 31, verdict, None);
    }
}
