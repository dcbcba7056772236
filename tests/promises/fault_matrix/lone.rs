//! The devices of the matrix that have no laser beside them: a near-infrared scanner and a GPS receiver.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

#[cfg(unix)]
use parcelscope::analyzer::emulator::PtyHost;
use parcelscope::analyzer::emulator::{
    Device, Fault, Faults, FaultyWire, Gps, Log, MemoryLink, NirSample, NirScan, NirWindow, Position, Traffic,
};
use parcelscope::analyzer::gps::{GpsReceiver, Place};
use parcelscope::analyzer::nirscan::{NirAcquisition, NirKit, NirSettings};
use parcelscope::analyzer::{AnalyzerError, Clock, Transport, VirtualClock};
use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;

use super::rig::{PatientClock, open_memory};
#[cfg(unix)]
use super::rig::{PtyRig, open_port};
use super::{End, Plan};

/// How long a receiver is listened to under the fault, and at most until it has a fix again.
const LISTENED: Duration = Duration::from_secs(4);
const FIX_WITHIN: Duration = Duration::from_secs(20);
/// Largest error of a coordinate that sentences with four digits of a minute have, degrees.
const COORDINATE: f64 = 1e-5;

/// Which device.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Lone {
    Nirscan,
    Gps,
}

impl Lone {
    pub const fn name(self) -> &'static str {
        match self {
            Self::Nirscan => "nirscan",
            Self::Gps => "gps",
        }
    }

    /// Whether the device has what the fault spoils.
    pub const fn can_have(self, fault: Fault) -> bool {
        match self {
            // It has neither a laser nor a cooler.
            Self::Nirscan => !matches!(fault, Fault::OnButReadsOff | Fault::InterlockOpen | Fault::TecUnstable),
            // It is asked nothing and says nothing but sentences with a checksum.
            Self::Gps => fault.is_of_the_wire() || matches!(fault, Fault::WrongChecksum | Fault::WrongFooter),
        }
    }

    /// The sum of a sentence is an exclusive or of its bytes: two lost or changed ones can make up for each other, which
    /// no receiver finds out. One cannot.
    fn bounded(self, plan: Plan) -> Plan {
        match plan.fault {
            Fault::DroppedByte | Fault::ChangedByte if self == Self::Gps => Plan { times: Some(1), ..plan },
            _ => plan,
        }
    }
}

/// The far end of the wire.
enum Wire {
    Memory(MemoryLink),
    #[cfg(unix)]
    Terminal(PtyHost),
}

/// One device with a fault that can be opened again and again.
pub struct LoneRig {
    lone: Lone,
    seed: u64,
    wire: Wire,
    window: NirWindow,
    clock: Arc<dyn Clock>,
    faults: Faults,
    patience: u32,
}

impl LoneRig {
    fn device(lone: Lone, seed: u64) -> (Box<dyn Device>, NirWindow, Faults) {
        let (window, faults) = (NirWindow::new(NirSample::White), Faults::none());
        let (notes, faulty) = (Log::default(), faults.clone());
        let (device, traffic): (Box<dyn Device>, _) = match lone {
            Lone::Nirscan => (Box::new(NirScan::new(window.clone(), seed, notes, faulty)), Traffic::Spectra),
            Lone::Gps => (Box::new(Gps::new(Some(Position::AIRPORT), notes, faulty)), Traffic::ShortReplies),
        };
        let wire = FaultyWire::new(device, traffic, faults.clone(), seed).minding_speed();
        (Box::new(wire), window, faults)
    }

    pub fn in_memory(lone: Lone, seed: u64) -> Self {
        let clock: Arc<dyn Clock> = Arc::new(PatientClock::new(VirtualClock::default()));
        let (device, window, faults) = Self::device(lone, seed);
        let wire = Wire::Memory(MemoryLink::new("emulator", device, Arc::clone(&clock)));
        Self { lone, seed, wire, window, clock, faults, patience: 0 }
    }

    #[cfg(unix)]
    pub fn on_terminal(lone: Lone, seed: u64) -> Self {
        let clock = PtyRig::clock();
        let (device, window, faults) = Self::device(lone, seed);
        let wire =
            Wire::Terminal(PtyHost::start("matrix-lone", device, Arc::clone(&clock)).expect("a pseudo-terminal"));
        Self { lone, seed, wire, window, clock, faults, patience: PtyRig::PATIENCE }
    }

    fn open(&self) -> Result<Box<dyn Transport>, AnalyzerError> {
        match &self.wire {
            Wire::Memory(link) => open_memory(link, &self.clock),
            #[cfg(unix)]
            Wire::Terminal(host) => open_port(host, &self.faults, &self.clock),
        }
    }

    /// One run of a cell: its end, and how often the fault happened.
    pub fn once(&self, fault: Fault) -> (Result<End, String>, u32) {
        let mut rng = ChaCha8Rng::seed_from_u64(self.seed ^ (fault as u64) << 32 ^ (self.seed << 40));
        let plan = self.lone.bounded(Plan::draw(fault, &mut rng));
        let end = self.run(plan, &mut rng).map_err(|why| format!("{plan:?}: {why}"));
        (end, self.faults.times_struck(fault))
    }

    fn run(&self, plan: Plan, rng: &mut ChaCha8Rng) -> Result<End, String> {
        if plan.after_connection.is_none() {
            plan.begin(&self.faults);
        }
        let end = match self.measure(Some(plan)) {
            Ok(()) => End::Right,
            Err(Trouble::Wrong(why)) => return Err(why),
            Err(Trouble::Refused(why)) if why.is_empty() => return Err("an error without a sentence".to_owned()),
            Err(Trouble::Refused(_)) => End::Refused,
        };
        self.faults.clear();
        // A reply that is still under way belongs to the fault.
        let under_way = if plan.fault == Fault::LateReply { Duration::from_secs(8) } else { Duration::ZERO };
        self.clock.sleep(under_way + Duration::from_millis(rng.random_range(0..3_000)));
        let mut patience = self.patience;
        loop {
            match self.measure(None) {
                Ok(()) => return Ok(end),
                Err(Trouble::Refused(_)) if patience > 0 => {
                    patience -= 1;
                    self.clock.sleep(Duration::from_secs(2));
                }
                Err(Trouble::Wrong(why) | Trouble::Refused(why)) => return Err(format!("after the fault: {why}")),
            }
        }
    }

    /// Opens and measures; the fault begins at its moment.
    fn measure(&self, plan: Option<Plan>) -> Result<(), Trouble> {
        match self.lone {
            Lone::Nirscan => self.scan(plan),
            Lone::Gps => self.listen(plan),
        }
    }

    /// Asked while the device is waited for: begins the fault at its moment and never cancels.
    fn watch(&self, plan: Option<Plan>) -> impl Fn() -> bool + '_ {
        let (began, waiting) = (self.clock.now(), AtomicBool::new(true));
        move || {
            if let Some(plan) = plan
                && let Some(moment) = plan.after_connection
                && self.clock.now() >= began + moment
                && waiting.swap(false, Ordering::SeqCst)
            {
                plan.begin(&self.faults);
            }
            false
        }
    }

    fn scan(&self, plan: Option<Plan>) -> Result<(), Trouble> {
        let settings = NirSettings { repeats: 2, ..NirSettings::default() };
        self.window.lay(NirSample::White);
        let mut kit = NirKit::connect(self.open()?, Arc::clone(&self.clock))?;
        let tick = self.watch(plan);
        kit.acquire_reference(&settings, &tick, &mut |_| {})?;
        self.window.lay(NirSample::Powder("a powder".to_owned()));
        let scan = kit.acquire(&settings, &tick, &mut |_| {})?;
        self.is_right(&scan, &settings).map_err(Trouble::Wrong)
    }

    /// Holds an accepted measurement against what the detector saw.
    fn is_right(&self, found: &NirAcquisition, settings: &NirSettings) -> Result<(), String> {
        let readouts = self.window.readouts();
        let mut taken = Vec::new();
        let scans = found.reference.scans.iter().map(|s| (s, true)).chain(found.sample.iter().map(|s| (s, false)));
        for (scan, white) in scans {
            let same = |r: &parcelscope::analyzer::emulator::NirReadout| {
                r.seen.intensities == scan.intensities && r.seen.wavelengths_nm == scan.wavelengths_nm
            };
            let index = readouts.iter().position(same).ok_or("a scan was accepted that no detector saw")?;
            let meant = &readouts[index];
            if taken.contains(&index) || (meant.sample == NirSample::White) != white {
                return Err(format!("a scan of {:?} was taken for another one", meant.sample));
            }
            if meant.settings != (settings.config, settings.repeats) || scan.repeats != settings.repeats {
                return Err(format!("a scan with settings {:?} was accepted", meant.settings));
            }
            taken.push(index);
        }
        Ok(())
    }

    fn listen(&self, plan: Option<Plan>) -> Result<(), Trouble> {
        let tick = self.watch(plan);
        let mut receiver = GpsReceiver::open(self.open()?, &self.clock, &mut || {
            tick();
            std::ops::ControlFlow::Continue(())
        })?;
        let began = self.clock.now();
        // Under the fault the whole time counts, afterwards the first fix.
        let (least, most) = if plan.is_some() { (LISTENED, LISTENED) } else { (Duration::ZERO, FIX_WITHIN) };
        loop {
            tick();
            receiver.listen(Duration::from_millis(100)).map_err(AnalyzerError::from)?;
            let spent = self.clock.now().saturating_sub(began);
            match receiver.place() {
                Place::Fix(fix) => {
                    let meant = Position::AIRPORT;
                    let off = (fix.latitude_deg - meant.latitude_deg).abs() > COORDINATE
                        || (fix.longitude_deg - meant.longitude_deg).abs() > COORDINATE
                        || fix.altitude_m.is_some_and(|m| f64::from(m as f32) != f64::from(meant.altitude_m as f32));
                    if off || !fix.simulated {
                        return Err(Trouble::Wrong(format!("a wrong place was believed: {fix:?}")));
                    }
                    if spent >= least {
                        return Ok(());
                    }
                }
                none @ Place::NoFix { .. } if spent >= most => return Err(Trouble::Refused(none.words())),
                Place::NoFix { .. } => {}
            }
        }
    }
}

/// Why there is no measurement.
enum Trouble {
    /// The device or the driver said so.
    Refused(String),
    /// A promise was broken.
    Wrong(String),
}

impl From<AnalyzerError> for Trouble {
    fn from(error: AnalyzerError) -> Self {
        Self::Refused(error.to_string())
    }
}
