//! Every driver against every fault: no hang, no panic, no wrong spectrum accepted, the laser off or called *unknown*,
//! and the next scan works once the fault is gone.
//!
//! The short form runs a few seeds a cell. The long form, 200 seeds a cell in memory and 5 on pseudo-terminals, runs
//! with `PARCELSCOPE_LONG=1 cargo test --test promises fault_matrix -- --nocapture` and prints its counts. The same with
//! `PARCELSCOPE_RUN="obis late-reply 17"` repeats one run in memory and shows its wires.

mod lone;
pub mod rig;

use std::fmt::Write as _;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::thread;
use std::time::Duration;

use parcelscope::analyzer::emulator::{Fault, Faults};
use parcelscope::analyzer::{Acquisition, AnalyzerError, Exposure, ExposureKind, Kit, LaserState, WireLog};
use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;

use lone::{Lone, LoneRig};
use rig::{Driver, MemoryRig, Rig};

/// Seeds of a cell in memory: short form, long form.
const MEMORY_SEEDS: (u64, u64) = (12, 200);
/// Seeds of a cell on pseudo-terminals: short form, long form.
#[cfg(unix)]
const PTY_SEEDS: (u64, u64) = (1, 5);
/// Runs on pseudo-terminals that go on at the same time: they wait most of the time.
#[cfg(unix)]
const PTY_THREADS: usize = 12;

/// When a fault begins and how often it happens; drawn per run.
#[derive(Clone, Copy, Debug)]
struct Plan {
    fault: Fault,
    /// `None`: before the connection. Else: so long after it, that is during the scan.
    after_connection: Option<Duration>,
    /// `None`: until it is cleared.
    times: Option<u32>,
}

impl Plan {
    fn draw(fault: Fault, rng: &mut ChaCha8Rng) -> Self {
        let during = rng.random_bool(0.7).then(|| Duration::from_millis(rng.random_range(0..1_500)));
        let times = match rng.random_range(0..3) {
            0 => Some(1),
            1 => Some(rng.random_range(2..6)),
            _ => None,
        };
        Self { fault, after_connection: during, times }
    }

    fn begin(&self, faults: &Faults) {
        match self.times {
            Some(times) => faults.switch_on_times(self.fault, times),
            None => faults.switch_on(self.fault),
        }
    }
}

/// How one run ended that kept every promise.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum End {
    /// The scan under the fault gave the spectrum that the device meant.
    Right,
    /// It gave an error.
    Refused,
}

/// Scans; the fault begins at its moment. Returns the end and the laser's state as last told.
fn scan(kit: &mut Kit, rig: &dyn Rig, plan: Option<Plan>) -> (Result<Acquisition, AnalyzerError>, Option<LaserState>) {
    let began = rig.clock().now();
    let waiting = AtomicBool::new(true);
    let cancelled = || {
        if let Some(plan) = plan
            && let Some(moment) = plan.after_connection
            && rig.clock().now() >= began + moment
            && waiting.swap(false, Ordering::SeqCst)
        {
            plan.begin(rig.faults());
        }
        false
    };
    let mut told = None;
    let end = kit.acquire(&rig::settings(rig.driver()), &cancelled, &mut |_| {}, &mut |state| told = Some(state));
    (end, told)
}

/// One run from connection to the scan after the fault. The error is the promise that was broken.
fn run(rig: &dyn Rig, plan: Plan, rng: &mut ChaCha8Rng) -> Result<End, String> {
    if plan.fault == Fault::OtherSerial {
        exchanged(rig)?;
    }
    if plan.after_connection.is_none() {
        plan.begin(rig.faults());
    }
    let (end, told, kept) = match rig.connect() {
        Err(error) => (Err(error), None, None),
        Ok(mut kit) => {
            let (end, told) = scan(&mut kit, rig, Some(plan));
            let lost = end.as_ref().is_err_and(AnalyzerError::loses_the_kit);
            (end, told, (!lost).then_some(kit))
        }
    };
    // A kit that is given up was dropped above and has said off once more.
    let shines = rig.bench().laser_shines();
    if shines && told != Some(LaserState::Unknown) {
        return Err(format!("the laser shines and was last called {told:?} ({end:?})"));
    }
    let scanned = match end {
        Ok(scan) => {
            right(&scan, rig, plan.fault)?;
            if shines {
                return Err("a spectrum was accepted and the laser still shines".to_owned());
            }
            End::Right
        }
        Err(error) if error.to_string().is_empty() => return Err("an error without a sentence".to_owned()),
        Err(_) => End::Refused,
    };
    rig.faults().clear();
    // A reply that is still under way belongs to the fault.
    let under_way = if plan.fault == Fault::LateReply { Duration::from_secs(8) } else { Duration::ZERO };
    rig.clock().sleep(under_way + Duration::from_millis(rng.random_range(0..3_000)));
    // The same kit where it is still held; another connection where it was lost, as the session does. A right scan may
    // have left a unit that was restarted or exchanged, which only this scan met; the end of a wrong speed is itself a
    // change of speed. Either may lose a kit that is still held.
    let (mut held, mut patience) = (kept, rig.patience());
    let mut may_be_lost = scanned == End::Right || plan.fault == Fault::BaudMismatch;
    let (kit, next) = loop {
        let connected = held.take().map_or_else(|| rig.connect(), Ok);
        let (why, lost) = match connected {
            Err(error) => (format!("no connection after the fault: {error}"), false),
            Ok(mut kit) => match scan(&mut kit, rig, None).0 {
                Ok(next) => break (kit, next),
                Err(error) => (format!("the scan after the fault failed: {error}"), error.loses_the_kit()),
            },
        };
        if may_be_lost && lost {
            may_be_lost = false;
        } else if patience > 0 {
            patience -= 1;
            rig.clock().sleep(Duration::from_secs(2));
        } else {
            return Err(why);
        }
    };
    right(&next, rig, Fault::OneByteReads).map_err(|e| format!("after the fault: {e}"))?;
    drop(kit);
    if rig.bench().laser_shines() {
        return Err("the laser shines after everything was closed".to_owned());
    }
    Ok(scanned)
}

/// The unit is exchanged for another one between two connections, and back: each time its serial number tells, which is
/// what a session goes by.
fn exchanged(rig: &dyn Rig) -> Result<(), String> {
    let connected = || {
        let mut patience = rig.patience();
        loop {
            match rig.connect() {
                Ok(kit) => return Ok(rig.driver().serial(&kit)),
                Err(_) if patience > 0 => patience -= 1,
                Err(error) => return Err(format!("no connection to a unit in good order: {error}")),
            }
            rig.clock().sleep(Duration::from_secs(2));
        }
    };
    let first = connected()?;
    rig.faults().switch_on(Fault::OtherSerial);
    let other = connected()?;
    rig.faults().clear();
    let again = connected()?;
    if other == first || again != first {
        return Err(format!("{first} was exchanged for another unit and back: {other}, {again}"));
    }
    Ok(())
}

/// Holds an accepted scan against what the detector saw.
fn right(scan: &Acquisition, rig: &dyn Rig, fault: Fault) -> Result<(), String> {
    let readouts = rig.bench().readouts();
    let mut found = Vec::new();
    for exposure in std::iter::once(&scan.dark).chain(&scan.light) {
        let lit = if exposure.kind == ExposureKind::Dark { 0.0 } else { 1.0 };
        if fault == Fault::Saturation && exposure.counts.iter().all(|c| *c >= exposure.saturation_counts) {
            continue;
        }
        let Some(index) = readouts.iter().position(|r| r.counts == exposure.counts) else {
            return Err(format!("a {:?} exposure was accepted that no detector saw", exposure.kind));
        };
        let readout = &readouts[index];
        let told = Duration::from_micros(u64::from(exposure.integration_us)) * u32::from(exposure.scans_averaged);
        let real = readout.end.checked_sub(readout.start).unwrap();
        if readout.lit != lit || told != real || readout.scans != exposure.scans_averaged {
            return Err(format!("a {:?} exposure of {told:?} was {real:?} with light {}", exposure.kind, readout.lit));
        }
        if found.contains(&index) {
            return Err("one readout was taken for two exposures".to_owned());
        }
        found.push(index);
    }
    if !states_fit(&scan.dark, LaserState::Off) || !scan.light.iter().all(|light| states_fit(light, LaserState::On)) {
        return Err("an exposure was accepted with the laser in the wrong state".to_owned());
    }
    let reported = rig::reported_coefficients_nm(rig.driver(), rig.seed(), rig.bench());
    let same = |(seen, meant): (&f64, &f64)| *seen as f32 == *meant as f32;
    if scan.wavelength_coefficients_nm.len() != reported.len()
        || !scan.wavelength_coefficients_nm.iter().zip(&reported).all(same)
    {
        return Err(format!("a wrong wavelength calibration: {:?}", scan.wavelength_coefficients_nm));
    }
    Ok(())
}

fn states_fit(exposure: &Exposure, state: LaserState) -> bool {
    exposure.laser_before == state && exposure.laser_after == state
}

/// What became of the runs of one cell.
#[derive(Default)]
struct Cell {
    right: usize,
    refused: usize,
    /// Occurrences of the fault, where it happens at moments.
    struck: u32,
    broken: Vec<String>,
}

fn long() -> bool {
    std::env::var_os("PARCELSCOPE_LONG").is_some_and(|v| v == "1")
}

/// What is at fault.
#[derive(Clone, Copy)]
enum Subject {
    /// A device of a Raman kit.
    OfKit(Driver),
    /// A device without a laser beside it.
    Lone(Lone),
}

impl Subject {
    fn all() -> Vec<Self> {
        Driver::ALL.into_iter().map(Self::OfKit).chain([Lone::Nirscan, Lone::Gps].map(Self::Lone)).collect()
    }

    const fn name(self) -> &'static str {
        match self {
            Self::OfKit(driver) => driver.name(),
            Self::Lone(lone) => lone.name(),
        }
    }

    const fn can_have(self, fault: Fault) -> bool {
        match self {
            Self::OfKit(driver) => driver.can_have(fault),
            Self::Lone(lone) => lone.can_have(fault),
        }
    }
}

/// One run of a cell: its end, and how often the fault happened.
type Once<'a> = dyn Fn(Subject, Fault, u64) -> (Result<End, String>, u32) + Sync + 'a;

/// Draws when the fault happens and runs.
fn once(rig: &dyn Rig, fault: Fault, seed: u64) -> (Result<End, String>, u32) {
    let mut rng = ChaCha8Rng::seed_from_u64(seed ^ (fault as u64) << 32 ^ (rig.seed() << 40));
    let plan = Plan::draw(fault, &mut rng);
    let end = run(rig, plan, &mut rng).map_err(|why| format!("{plan:?}: {why}"));
    (end, rig.faults().times_struck(fault))
}

/// Runs every cell of these faults and prints the matrix; the broken promises come back.
fn matrix(title: &str, faults: &[Fault], seeds: u64, threads: usize, once: &Once<'_>) -> Vec<String> {
    let cells: Vec<(Subject, Fault)> = Subject::all()
        .into_iter()
        .flat_map(|driver| faults.iter().map(move |fault| (driver, *fault)))
        .filter(|(driver, fault)| driver.can_have(*fault))
        .collect();
    let results: Vec<Mutex<Cell>> = cells.iter().map(|_| Mutex::default()).collect();
    let next = AtomicUsize::new(0);
    let all = cells.len() * seeds as usize;
    thread::scope(|scope| {
        for _ in 0..threads {
            scope.spawn(|| {
                loop {
                    let job = next.fetch_add(1, Ordering::Relaxed);
                    if job >= all {
                        return;
                    }
                    let (index, seed) = (job / seeds as usize, (job % seeds as usize) as u64);
                    let (driver, fault) = cells[index];
                    let (end, struck) = catch_unwind(AssertUnwindSafe(|| once(driver, fault, seed)))
                        .unwrap_or_else(|panic| (Err(format!("panic: {}", words(&*panic))), 0));
                    let mut cell = results[index].lock().unwrap();
                    cell.struck += struck;
                    match end {
                        Ok(End::Right) => cell.right += 1,
                        Ok(End::Refused) => cell.refused += 1,
                        Err(why) => cell.broken.push(format!("{} {fault} seed {seed}: {why}", driver.name())),
                    }
                }
            });
        }
    });
    let mut text = format!(
        "{title}: {seeds} seeds a cell, {all} runs\n{:<14}{:<18}{:>7}{:>9}{:>8}\n",
        "driver", "fault", "right", "refused", "broken"
    );
    let mut broken = Vec::new();
    for ((driver, fault), cell) in cells.iter().zip(results) {
        let cell = cell.into_inner().unwrap();
        let _ = writeln!(
            text,
            "{:<14}{:<18}{:>7}{:>9}{:>8}",
            driver.name(),
            fault.name(),
            cell.right,
            cell.refused,
            cell.broken.len()
        );
        // A cell whose fault never happened would prove nothing; a few seeds may all draw a moment at which it cannot.
        let is_state = matches!(fault, Fault::InterlockOpen | Fault::TecUnstable)
            || matches!((driver, fault), (Subject::Lone(_), Fault::Saturation));
        if cell.struck == 0 && !is_state && (seeds >= MEMORY_SEEDS.0 || *fault == Fault::OtherSerial) {
            broken.push(format!("{} {fault}: the fault never happened", driver.name()));
        }
        broken.extend(cell.broken);
    }
    println!("{text}");
    broken
}

fn words(panic: &(dyn std::any::Any + Send)) -> &str {
    panic.downcast_ref::<String>().map_or_else(|| panic.downcast_ref::<&str>().copied().unwrap_or("?"), String::as_str)
}

/// `PARCELSCOPE_RUN="obis late-reply 17"` repeats one run and prints what passed over its wires.
fn repeat(words: &str) {
    let mut words = words.split_whitespace();
    let name = words.next().unwrap_or_default();
    let subject = Subject::all().into_iter().find(|subject| subject.name() == name).expect("the name of a driver");
    let fault: Fault = words.next().unwrap_or_default().parse().expect("the name of a fault");
    let seed: u64 = words.next().unwrap_or_default().parse().expect("a seed");
    let driver = match subject {
        Subject::OfKit(driver) => driver,
        Subject::Lone(lone) => return println!("{:?}", LoneRig::in_memory(lone, seed + 1).once(fault)),
    };
    let mut rig = MemoryRig::new(driver, seed + 1);
    let wires = WireLog::new(std::sync::Arc::clone(rig.clock()));
    rig.wires = Some(wires.clone());
    let end = catch_unwind(AssertUnwindSafe(|| once(&rig, fault, seed)));
    println!("{}\n{end:?}", wires.text());
}

#[test]
fn every_driver_keeps_its_promises_under_every_fault_on_wires_in_memory() {
    if let Ok(words) = std::env::var("PARCELSCOPE_RUN") {
        return repeat(&words);
    }
    let seeds = if long() { MEMORY_SEEDS.1 } else { MEMORY_SEEDS.0 };
    let faults = Fault::ALL.map(|(fault, ..)| fault);
    let broken =
        matrix("faults on wires in memory, virtual time", &faults, seeds, 2, &|subject, fault, seed| match subject {
            Subject::OfKit(driver) => once(&MemoryRig::new(driver, seed + 1), fault, seed),
            Subject::Lone(lone) => LoneRig::in_memory(lone, seed + 1).once(fault),
        });
    assert!(broken.is_empty(), "{} broken promises:\n{}", broken.len(), broken.join("\n"));
}

/// The short form runs what only a real port shows: single bytes, a wrong speed and a cable that is pulled.
#[cfg(unix)]
#[test]
fn every_driver_keeps_its_promises_under_faults_on_pseudo_terminals() {
    let faults = if long() {
        Fault::ALL.map(|(fault, ..)| fault).to_vec()
    } else {
        vec![Fault::OneByteReads, Fault::BaudMismatch, Fault::UnplugMidSpectrum]
    };
    let seeds = if long() { PTY_SEEDS.1 } else { PTY_SEEDS.0 };
    let broken =
        matrix("faults on pseudo-terminals, real time", &faults, seeds, PTY_THREADS, &|subject, fault, seed| {
            match subject {
                Subject::OfKit(driver) => once(&rig::PtyRig::new(driver, seed + 1), fault, seed),
                Subject::Lone(lone) => LoneRig::on_terminal(lone, seed + 1).once(fault),
            }
        });
    assert!(broken.is_empty(), "{} broken promises:\n{}", broken.len(), broken.join("\n"));
}
