//! The kits that the matrix drives: one emulated device at a time is at fault, the other is in good order.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

#[cfg(unix)]
use parcelscope::analyzer::emulator::PtyHost;
#[cfg(unix)]
use parcelscope::analyzer::emulator::{
    Bench, Cobolt, Detector, Device, EXCITATION_NM, Fault, Faults, FaultyWire, Gap, Log, MatchBox, MemoryLink, Obis,
    ObpDevice, ObpModel, ObpUnit, OceanLetter, Ondax, Sample, SamplePart, Traffic, Wasatch, WasatchForm,
};
use parcelscope::analyzer::laser::{LaserKind, LaserSetup};
use parcelscope::analyzer::obp::ObpSpectrometer;
use parcelscope::analyzer::obp::codec::Checksum;
use parcelscope::analyzer::ocean_letter::{LetterSettings, LetterSpectrometer};
use parcelscope::analyzer::wasatch::{self, WasatchOptions};
use parcelscope::analyzer::{AnalyzerError, Clock, Kit, ScanSettings, Spectrometer, Transport, VirtualClock, WireLog};
#[cfg(unix)]
use parcelscope::analyzer::{SerialLink, SystemClock, TransportError};
use parcelscope::spectrum::Band;

/// The device that is at fault.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Driver {
    Obp(ObpModel),
    OceanLetter,
    /// Spectrometer and laser in one, on one port.
    Wasatch,
    Laser(LaserKind),
}

impl Driver {
    pub const ALL: [Self; 9] = [
        Self::Obp(ObpModel::Sts),
        Self::Obp(ObpModel::QePro),
        Self::Obp(ObpModel::Ventana),
        Self::OceanLetter,
        Self::Wasatch,
        Self::Laser(LaserKind::MatchBox),
        Self::Laser(LaserKind::Obis),
        Self::Laser(LaserKind::Cobolt),
        Self::Laser(LaserKind::Ondax),
    ];

    pub const fn name(self) -> &'static str {
        match self {
            Self::Obp(ObpModel::Sts) => "obp-sts",
            Self::Obp(ObpModel::QePro) => "obp-qepro",
            Self::Obp(ObpModel::Ventana) => "obp-ventana",
            Self::OceanLetter => "ocean-letter",
            Self::Wasatch => "wasatch",
            Self::Laser(kind) => kind.name(),
        }
    }

    const fn is_laser(self) -> bool {
        matches!(self, Self::Laser(_))
    }

    /// What the device at fault says that its serial number is.
    pub fn serial(self, kit: &Kit) -> String {
        let device = if self.is_laser() { kit.laser() } else { kit.spectrometer() };
        device.serial.clone()
    }

    /// The laser of the kit; `None` where it is in the spectrometer's box and on its line.
    const fn laser(self) -> Option<LaserKind> {
        match self {
            Self::Laser(kind) => Some(kind),
            Self::Wasatch | Self::Obp(ObpModel::Ventana) => None,
            _ => Some(LaserKind::MatchBox),
        }
    }

    /// The model, where the spectrometer speaks OBP.
    const fn model(self) -> ObpModel {
        match self {
            Self::Obp(model) => model,
            _ => ObpModel::Sts,
        }
    }

    /// Whether the device has what the fault spoils.
    pub const fn can_have(self, fault: Fault) -> bool {
        match fault {
            Fault::OnButReadsOff | Fault::InterlockOpen => self.is_laser() || self.laser().is_none(),
            // A Ventana has no access levels.
            Fault::AccessLevel => self.is_laser() || matches!(self, Self::Wasatch),
            // Lines of text carry no checksum, and lasers have no detector.
            Fault::WrongChecksum | Fault::Saturation => !self.is_laser(),
            Fault::TecUnstable => matches!(self, Self::Wasatch | Self::Obp(ObpModel::QePro)),
            // Its images are bare pixels: nothing in the protocol can tell a changed one.
            Fault::ChangedByte => !matches!(self, Self::Wasatch),
            _ => true,
        }
    }
}

/// Exposures as short as the promises allow: a matrix has thousands of them.
pub fn settings(driver: Driver) -> ScanSettings {
    // Where the host averages, an exposure is not what the detector saw once.
    let host_averages = matches!(driver, Driver::Wasatch | Driver::Obp(ObpModel::QePro));
    let dark_averages = if host_averages { 1 } else { 2 };
    ScanSettings { integration_us: 150_000, dark_averages, light_exposures: 2, ..ScanSettings::default() }
}

fn sample() -> Sample {
    let band = |position_cm1, height| Band { position_cm1, height, fwhm_cm1: 9.0, lorentz_fraction: 0.5 };
    let bands = vec![band(620.0, 0.3), band(1_001.0, 1.0), band(1_602.0, 0.4)];
    Sample { name: "three lines".to_owned(), parts: vec![SamplePart { share: 1.0, bands }] }
}

/// The devices of one kit, before anybody opened them.
pub struct Devices {
    pub spectrometer: Box<dyn Device>,
    /// None where the spectrometer's port is the laser's too.
    pub laser: Option<Box<dyn Device>>,
    pub bench: Bench,
    /// Of the device that is at fault; the other is in good order.
    pub faults: Faults,
}

impl Devices {
    pub fn new(driver: Driver, seed: u64) -> Self {
        let detector = match driver {
            Driver::OceanLetter => Detector::LETTER,
            Driver::Wasatch => Detector::WASATCH,
            _ => driver.model().detector(),
        };
        let bench = Bench::with_detector(seed, Gap::NONE, sample(), detector);
        let log = Log::default();
        let (faults, others) = (Faults::none(), Faults::none());
        let (of_spectrometer, of_laser) = if driver.is_laser() { (&others, &faults) } else { (&faults, &others) };
        let unit = ObpUnit { model: driver.model(), serial_number: seed, checksum: Checksum::None, baud: 9_600 };
        let (light, notes, faulty) = (bench.clone(), log.clone(), of_spectrometer.clone());
        let of_ventana = unit;
        let spectrometer: Box<dyn Device> = match driver {
            Driver::Wasatch => Box::new(Wasatch::new(WasatchForm::new(seed), light, notes, faulty)),
            Driver::OceanLetter => Box::new(OceanLetter::new(light, seed, notes, faulty)),
            _ => Box::new(ObpDevice::new(unit, light, notes, faulty)),
        };
        let (light, notes, faulty) = (bench.clone(), log, of_laser.clone());
        let laser = driver.laser().map(|kind| -> Box<dyn Device> {
            match kind {
                LaserKind::MatchBox => Box::new(MatchBox::new(light, seed, notes, faulty)),
                LaserKind::Obis => Box::new(Obis::new(light, seed, notes, faulty)),
                LaserKind::Cobolt => Box::new(Cobolt::new(light, seed, notes, faulty)),
                LaserKind::Ondax => Box::new(Ondax::new(light, seed, notes, faulty)),
                LaserKind::Ventana => Box::new(ObpDevice::new(of_ventana, light, notes, faulty)),
                LaserKind::Wasatch => Box::new(Wasatch::new(WasatchForm::new(seed), light, notes, faulty)),
            }
        });
        let wire = |device, traffic, faults: &Faults| -> Box<dyn Device> {
            Box::new(FaultyWire::new(device, traffic, faults.clone(), seed).minding_speed())
        };
        Self {
            spectrometer: wire(spectrometer, Traffic::Spectra, of_spectrometer),
            laser: laser.map(|laser| wire(laser, Traffic::ShortReplies, of_laser)),
            bench,
            faults,
        }
    }
}

/// What the device says of its wavelengths.
pub fn reported_coefficients_nm(driver: Driver, seed: u64, bench: &Bench) -> Vec<f64> {
    match driver {
        Driver::Wasatch => Wasatch::calibration(&WasatchForm::new(seed), bench).wavelength_coefficients_nm,
        _ => bench.unit().detector.reported_coefficients_nm.to_vec(),
    }
}

/// A kit with a fault that can be connected again and again, in memory or on pseudo-terminals.
pub trait Rig {
    fn connect(&self) -> Result<Kit, AnalyzerError>;
    /// How often more a scan may be tried when nothing is wrong any more. In virtual time the first must do.
    fn patience(&self) -> u32 {
        0
    }
    fn driver(&self) -> Driver;
    fn seed(&self) -> u64;
    fn clock(&self) -> &Arc<dyn Clock>;
    fn bench(&self) -> &Bench;
    fn faults(&self) -> &Faults;
}

/// Opens the drivers, the laser first, as the program does.
fn connect(
    driver: Driver,
    spectrometer: Box<dyn Transport>,
    laser: Option<Box<dyn Transport>>,
    clock: &Arc<dyn Clock>,
) -> Result<Kit, AnalyzerError> {
    let (Some(kind), Some(laser)) = (driver.laser(), laser) else {
        if driver == Driver::Wasatch {
            return wasatch::open(spectrometer, Arc::clone(clock), &WasatchOptions::default())?.into_kit(None);
        }
        let (spectrometer, laser) = ObpSpectrometer::open_with_laser(spectrometer, Arc::clone(clock))?;
        return Kit::from_parts(Box::new(spectrometer), Box::new(laser), EXCITATION_NM, Arc::clone(clock));
    };
    // No public source states the speed of an Ondax; the emulated one has this.
    let baud = (kind == LaserKind::Ondax).then_some(19_200);
    let laser = LaserSetup { kind, baud }.open(laser, Arc::clone(clock))?;
    let spectrometer: Box<dyn Spectrometer> = match driver {
        Driver::OceanLetter => {
            let settings = LetterSettings { pixels: Detector::LETTER.pixels, ..LetterSettings::default() };
            Box::new(LetterSpectrometer::open(spectrometer, settings, Arc::clone(clock))?)
        }
        _ => Box::new(ObpSpectrometer::open(spectrometer, Arc::clone(clock))?),
    };
    Kit::from_parts(spectrometer, laser, EXCITATION_NM, Arc::clone(clock))
}

/// A kit on wires in memory under virtual time.
pub struct MemoryRig {
    driver: Driver,
    seed: u64,
    spectrometer: MemoryLink,
    laser: Option<MemoryLink>,
    clock: Arc<dyn Clock>,
    bench: Bench,
    faults: Faults,
    /// What passed over the wires, where somebody wants to see it.
    pub wires: Option<WireLog>,
}

impl MemoryRig {
    pub fn new(driver: Driver, seed: u64) -> Self {
        let clock: Arc<dyn Clock> = Arc::new(PatientClock::new(VirtualClock::default()));
        let Devices { spectrometer, laser, bench, faults } = Devices::new(driver, seed);
        Self {
            driver,
            seed,
            spectrometer: MemoryLink::new("emulator", spectrometer, Arc::clone(&clock)),
            laser: laser.map(|laser| MemoryLink::new("emulated laser", laser, Arc::clone(&clock))),
            clock,
            bench,
            faults,
            wires: None,
        }
    }
}

/// Opens a wire; what had arrived before is thrown away, as the operating system does with a port.
pub fn open_memory(link: &MemoryLink, clock: &Arc<dyn Clock>) -> Result<Box<dyn Transport>, AnalyzerError> {
    let mut link = link.clone();
    link.drain(Duration::from_micros(1), clock.now() + Duration::from_micros(1))?;
    Ok(Box::new(link))
}

impl MemoryRig {
    fn open(&self, link: &MemoryLink) -> Result<Box<dyn Transport>, AnalyzerError> {
        let link = open_memory(link, &self.clock)?;
        Ok(match &self.wires {
            Some(wires) => wires.watch(link, Arc::clone(&self.clock)),
            None => link,
        })
    }
}

impl Rig for MemoryRig {
    fn connect(&self) -> Result<Kit, AnalyzerError> {
        let laser = self.laser.as_ref().map(|laser| self.open(laser)).transpose()?;
        connect(self.driver, self.open(&self.spectrometer)?, laser, &self.clock)
    }

    fn driver(&self) -> Driver {
        self.driver
    }

    fn seed(&self) -> u64 {
        self.seed
    }

    fn clock(&self) -> &Arc<dyn Clock> {
        &self.clock
    }

    fn bench(&self) -> &Bench {
        &self.bench
    }

    fn faults(&self) -> &Faults {
        &self.faults
    }
}

/// A kit on pseudo-terminals in real time.
#[cfg(unix)]
pub struct PtyRig {
    driver: Driver,
    seed: u64,
    spectrometer: PtyHost,
    laser: Option<PtyHost>,
    clock: Arc<dyn Clock>,
    bench: Bench,
    faults: Faults,
}

#[cfg(unix)]
impl PtyRig {
    pub fn new(driver: Driver, seed: u64) -> Self {
        let clock = Self::clock();
        let Devices { spectrometer, laser, bench, faults } = Devices::new(driver, seed);
        let host = |name, device| PtyHost::start(name, device, Arc::clone(&clock)).expect("a pseudo-terminal");
        let (spectrometer, laser) = (host("matrix-device", spectrometer), laser.map(|l| host("matrix-laser", l)));
        Self { driver, seed, spectrometer, laser, clock, bench, faults }
    }

    /// In real time on a busy machine the device's own thread may not run for seconds, which is a device that does not
    /// answer. The session connects again every two seconds and an officer scans again.
    pub const PATIENCE: u32 = 4;

    /// Real time.
    pub fn clock() -> Arc<dyn Clock> {
        Arc::new(PatientClock::new(SystemClock::start()))
    }

    fn open(&self, host: &PtyHost) -> Result<Box<dyn Transport>, AnalyzerError> {
        open_port(host, &self.faults, &self.clock)
    }
}

/// Opens a port; a cable that was plugged in again takes a moment to appear.
#[cfg(unix)]
pub fn open_port(host: &PtyHost, faults: &Faults, clock: &Arc<dyn Clock>) -> Result<Box<dyn Transport>, AnalyzerError> {
    let deadline = clock.now() + Duration::from_secs(2);
    let path = loop {
        match host.present_path() {
            Some(path) => break path,
            None if faults.unplugged() || clock.now() > deadline => {
                return Err(TransportError::NotFound { port: host.path().to_owned() }.into());
            }
            None => clock.sleep(Duration::from_millis(5)),
        }
    };
    Ok(Box::new(SerialLink::open(&path, 9_600, Arc::clone(clock))?))
}

#[cfg(unix)]
impl Rig for PtyRig {
    fn connect(&self) -> Result<Kit, AnalyzerError> {
        let laser = self.laser.as_ref().map(|laser| self.open(laser)).transpose()?;
        connect(self.driver, self.open(&self.spectrometer)?, laser, &self.clock)
    }

    fn patience(&self) -> u32 {
        Self::PATIENCE
    }

    fn driver(&self) -> Driver {
        self.driver
    }

    fn seed(&self) -> u64 {
        self.seed
    }

    fn clock(&self) -> &Arc<dyn Clock> {
        &self.clock
    }

    fn bench(&self) -> &Bench {
        &self.bench
    }

    fn faults(&self) -> &Faults {
        &self.faults
    }
}

/// Time that ends: whoever waits longer than any deadline allows, or asks for the time without end, hangs, and the panic
/// says so.
pub struct PatientClock<C> {
    time: C,
    looks: AtomicU64,
}

impl<C> PatientClock<C> {
    pub const fn new(time: C) -> Self {
        Self { time, looks: AtomicU64::new(0) }
    }
}

/// Longer than a connection, a scan, all repeats and the last late reply.
const PATIENCE: Duration = Duration::from_mins(10);
const LOOKS_MAX: u64 = 20_000_000;

impl<C: Clock> Clock for PatientClock<C> {
    fn now(&self) -> Duration {
        assert!(self.looks.fetch_add(1, Ordering::Relaxed) < LOOKS_MAX, "hangs: looks at the clock for ever");
        self.time.now()
    }

    fn sleep(&self, duration: Duration) {
        self.time.sleep(duration);
        assert!(self.time.now() < PATIENCE, "hangs: still waiting after {PATIENCE:?}");
    }
}
