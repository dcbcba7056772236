//! A Wasatch module is spectrometer, laser and cooler behind one port: the laser goes off on every way out, and no wrong
//! image becomes a spectrum.

use std::sync::Arc;
use std::time::Duration;

use parcelscope::analyzer::emulator::{Bench, Fault, Faults, Gap, Log, MemoryLink, Wasatch, WasatchForm};
use parcelscope::analyzer::laser::Laser;
use parcelscope::analyzer::wasatch::{
    Calibration, CalibrationSource, PixelOrder, WasatchOptions, WasatchUnit, WriteReply, open,
};
use parcelscope::analyzer::{
    Acquisition, AnalyzerError, Clock, Kit, LaserState, ScanSettings, Spectrometer, VirtualClock,
};
use parcelscope::library::Library;
use parcelscope::session::sample_from_name;

/// An emulated module on a wire in memory.
struct Desk {
    link: MemoryLink,
    clock: Arc<dyn Clock>,
    bench: Bench,
    log: Log,
    faults: Faults,
    form: WasatchForm,
}

fn desk_of(form: WasatchForm) -> Desk {
    let clock: Arc<dyn Clock> = Arc::new(VirtualClock::default());
    let sample = sample_from_name(&Library::bundled().expect("bundled library"), "sucrose").expect("a sample");
    let (bench, log, faults) = (Wasatch::bench(7, Gap::MEASURED, sample), Log::default(), Faults::none());
    let device = Wasatch::new(form, bench.clone(), log.clone(), faults.clone());
    let link = MemoryLink::new("emulator", device, Arc::clone(&clock));
    Desk { link, clock, bench, log, faults, form }
}

fn desk() -> Desk {
    desk_of(WasatchForm::new(7))
}

impl Desk {
    fn open(&self, options: &WasatchOptions) -> Result<WasatchUnit, AnalyzerError> {
        open(Box::new(self.link.clone()), Arc::clone(&self.clock), options)
    }

    fn kit(&self) -> Kit {
        let unit = self.open(&WasatchOptions::default()).expect("the emulated module answers");
        unit.into_kit(None).expect("its calibration gives an axis")
    }

    fn told(&self, what: &str) -> Option<Duration> {
        self.log.lines().iter().rev().find(|l| l.1 == what).map(|l| l.0)
    }
}

const ON: &str = "wasatch b4 01";
const OFF: &str = "wasatch b4 00";

fn acquire(kit: &mut Kit, cancelled: &dyn Fn() -> bool) -> Result<Acquisition, AnalyzerError> {
    kit.acquire(&ScanSettings::default(), cancelled, &mut |_| {}, &mut |_| {})
}

#[test]
fn a_scan_is_dark_without_the_laser_and_bright_with_it() {
    let desk = desk();
    let scan = acquire(&mut desk.kit(), &|| false).expect("a spectrum");
    assert!(scan.simulated && scan.spectrometer.simulated && scan.laser.simulated);
    assert_eq!(scan.spectrometer.serial, "WP-00007");
    assert_eq!((scan.dark.laser_before, scan.dark.laser_after), (LaserState::Off, LaserState::Off));
    let top = |counts: &[u32]| f64::from(*counts.iter().max().expect("pixels"));
    for light in &scan.light {
        assert_eq!((light.laser_before, light.laser_after), (LaserState::On, LaserState::On));
        assert!(top(&light.counts) > 2.0 * top(&scan.dark.counts), "{}", top(&light.counts));
    }
    let (from, to) = scan.spectrum.range_cm1();
    assert!((150.0..250.0).contains(&from) && (2_200.0..2_500.0).contains(&to), "{from} to {to}");
    assert!(!desk.bench.laser_shines());
}

#[test]
fn off_is_the_first_command_after_opening_and_the_last_but_looking_before_closing() {
    let desk = desk();
    let kit = desk.kit();
    assert_eq!(desk.log.lines()[0].1, OFF);
    let before = desk.log.lines().len();
    drop(kit);
    let lines = desk.log.lines();
    let said: Vec<&str> = lines[before..].iter().map(|l| l.1.as_str()).collect();
    assert_eq!(said, [OFF, "wasatch 34"]);
}
