//! The emulated devices of one command on their pseudo-terminals.

use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::{Context as _, bail};

use crate::analyzer::emulator::{
    Bench, Cobolt, Detector, Device, Faults, FaultyWire, Gap, Gps, Log, MatchBox, NirSample, NirScan, NirWindow, Obis,
    ObpDevice, ObpModel, ObpUnit, OceanLetter, Ondax, Position, PtyHost, Sample, Traffic, Wasatch, WasatchForm,
};
use crate::analyzer::laser::LaserKind;
use crate::analyzer::obp::codec::Checksum;
use crate::analyzer::{Clock, SpectrometerSetup, SystemClock};
use crate::cli::{Context, input, output};
use crate::formats::SpectrumKind;
use crate::library::Library;
use crate::session::sample_from_name;
use crate::spectrum::Technique;

use super::faults::DeviceFaults;
use super::{EmulateArgs, Kind, ReplyChecksum};

/// Line speed of the OBP spectrometers as delivered.
const OBP_BAUD: u32 = 9_600;
/// How long a cable that is plugged in again may take to appear.
const CABLE_PATIENCE: Duration = Duration::from_secs(2);

/// What runs.
pub(super) struct Hosts {
    spectrometer: Option<PtyHost>,
    laser: Option<PtyHost>,
    gps: Option<PtyHost>,
    /// What lies on the window of a near-infrared scanner, and what is exchanged for it.
    window: NirWindow,
    powder: NirSample,
    white: bool,
}

impl Hosts {
    /// Starts the devices of `kind`.
    pub(super) fn start(kind: Kind, args: &EmulateArgs, faults: &DeviceFaults) -> Result<Self, anyhow::Error> {
        let model = match kind {
            Kind::ObpQepro => ObpModel::QePro,
            Kind::ObpVentana => ObpModel::Ventana,
            _ => ObpModel::Sts,
        };
        // Their light comes from outside, so that somebody must say when it is on.
        let alone = matches!(kind, Kind::ObpSts | Kind::ObpQepro);
        if args.lit && !alone {
            bail!("--lit goes with obp-sts and obp-qepro only: the others have their own light");
        }
        let (sample, gap) = sample(kind, args)?;
        let log = match &args.log {
            None => Log::default(),
            Some(path) => Log::to_file(
                std::fs::OpenOptions::new()
                    .create(true)
                    .append(true)
                    .open(path)
                    .with_context(|| format!("the log {} cannot be written", path.display()))?,
            ),
        };
        let checksum = match args.reply_checksum {
            ReplyChecksum::None => Checksum::None,
            ReplyChecksum::Md5 => Checksum::Md5,
        };
        let (seed, window) = (args.seed, NirWindow::new(NirSample::White));
        // A kit has the spectrometer and the laser that were chosen; any other device is alone.
        let instrument = match (kind, &args.spectrometer) {
            (Kind::Kit, SpectrometerSetup::OceanLetter(_)) => Kind::OceanLetter,
            (kind, _) => kind,
        };
        let laser = match kind {
            Kind::Kit => Some(args.laser),
            Kind::Matchbox => Some(LaserKind::MatchBox),
            Kind::Obis => Some(LaserKind::Obis),
            Kind::Cobolt => Some(LaserKind::Cobolt),
            Kind::Ondax => Some(LaserKind::Ondax),
            _ => None,
        };
        let bench = match instrument {
            Kind::Wasatch => Wasatch::bench(seed, gap, sample),
            Kind::OceanLetter => Bench::with_detector(seed, gap, sample, Detector::LETTER),
            _ => Bench::with_detector(seed, gap, sample, model.detector()),
        };
        if args.lit || kind == Kind::OceanLetter {
            bench.laser_on(Duration::ZERO);
        }
        let (on, notes, bad) = (bench.clone(), log.clone(), faults.device.clone());
        let spectrometer: Option<Box<dyn Device>> = match instrument {
            Kind::ObpSts | Kind::Kit | Kind::ObpQepro | Kind::ObpVentana => {
                let device =
                    ObpDevice::new(ObpUnit { model, serial_number: seed, checksum, baud: OBP_BAUD }, on, notes, bad);
                Some(Box::new(if alone && !args.lit { device.with_own_lamp() } else { device }))
            }
            Kind::Wasatch => Some(Box::new(Wasatch::new(WasatchForm::new(seed), on, notes, bad))),
            Kind::Nirscan => Some(Box::new(NirScan::new(window.clone(), seed, notes, bad))),
            Kind::OceanLetter => Some(Box::new(OceanLetter::new(on, seed, notes, bad))),
            _ => None,
        };
        let bad = if kind == Kind::Kit { &faults.laser } else { &faults.device };
        let (notes, laser_bad) = (log.clone(), bad.clone());
        let laser = laser.map(|kind| -> Box<dyn Device> {
            match kind {
                LaserKind::MatchBox => Box::new(MatchBox::new(bench, seed, notes, laser_bad)),
                LaserKind::Obis => Box::new(Obis::new(bench, seed, notes, laser_bad)),
                LaserKind::Cobolt => Box::new(Cobolt::new(bench, seed, notes, laser_bad)),
                LaserKind::Ondax => Box::new(Ondax::new(bench, seed, notes, laser_bad)),
                LaserKind::Ventana => {
                    let model = ObpModel::Ventana;
                    let unit = ObpUnit { model, serial_number: seed, checksum, baud: OBP_BAUD };
                    Box::new(ObpDevice::new(unit, bench, notes, laser_bad))
                }
                LaserKind::Wasatch => Box::new(Wasatch::new(WasatchForm::new(seed), bench, notes, laser_bad)),
            }
        });
        let gps: Option<Box<dyn Device>> = match kind {
            Kind::Gps => Some(Box::new(Gps::new(Some(Position::AIRPORT), log, bad.clone()))),
            _ => None,
        };
        let clock: Arc<dyn Clock> = Arc::new(SystemClock::start());
        let host = |name: &str, device: Option<Box<dyn Device>>, traffic, faults: &Faults| {
            let wire = device.map(|device| {
                let wire = FaultyWire::new(device, traffic, faults.clone(), seed);
                if args.mind_speed { wire.minding_speed() } else { wire }
            });
            wire.map(|wire| PtyHost::start(name, wire, Arc::clone(&clock))).transpose()
        };
        let opened = "no pseudo-terminal could be opened";
        Ok(Self {
            spectrometer: host("emulated-spectrometer", spectrometer, Traffic::Spectra, &faults.device)
                .context(opened)?,
            laser: host("emulated-laser", laser, Traffic::ShortReplies, bad).context(opened)?,
            gps: host("emulated-gps", gps, Traffic::ShortReplies, bad).context(opened)?,
            window,
            powder: NirSample::from_name(&args.sample),
            white: true,
        })
    }

    /// Prints where the devices are, as far as their cables are in.
    pub(super) fn print(&self, context: &Context) -> Result<(), anyhow::Error> {
        let path = |host: &Option<PtyHost>| host.as_ref().and_then(PtyHost::present_path);
        let (spectrometer, laser, gps) = (path(&self.spectrometer), path(&self.laser), path(&self.gps));
        if context.json {
            output::print_json(&serde_json::json!({ "spectrometer": spectrometer, "laser": laser, "gps": gps }))?;
        } else {
            let lines: Vec<String> = [spectrometer, laser, gps].into_iter().flatten().collect();
            output::print_text(&format!("{}\n", lines.join("\n")))?;
        }
        Ok(())
    }

    /// Waits until every cable that was plugged in again has its port.
    pub(super) fn await_cables(&self) {
        let end = Instant::now() + CABLE_PATIENCE;
        let out = |host: &Option<PtyHost>| host.as_ref().is_some_and(|host| host.present_path().is_none());
        while (out(&self.spectrometer) || out(&self.laser) || out(&self.gps)) && Instant::now() < end {
            std::thread::sleep(Duration::from_millis(5));
        }
    }

    /// Lays the sample on the window of a near-infrared scanner, or the white standard again.
    pub(super) fn exchange_sample(&mut self) {
        self.white = !self.white;
        self.window.lay(if self.white { NirSample::White } else { self.powder.clone() });
    }
}

/// What lies under the probe, and how far it may differ from its reference: a measured spectrum is already real.
fn sample(kind: Kind, args: &EmulateArgs) -> Result<(Sample, Gap), anyhow::Error> {
    let gap = if args.no_gap { Gap::NONE } else { Gap::MEASURED };
    if kind == Kind::Nirscan {
        // The library has no near-infrared spectra: the name draws a powder.
        return Ok((Sample { name: args.sample.clone(), parts: Vec::new() }, gap));
    }
    let library = Library::bundled()?;
    let path = Path::new(&args.sample);
    // The library's word goes first: a file may have the name of a substance.
    if library.find(&args.sample).is_some() || !path.is_file() {
        return Ok((sample_from_name(library.as_ref(), &args.sample)?, gap));
    }
    let spectra = input::read_spectra(path)?;
    let measured = spectra.iter().find(|s| s.kind == SpectrumKind::Sample);
    let measured = measured.with_context(|| format!("{} holds no spectrum of a sample", path.display()))?;
    let (spectrum, _) = measured.to_spectrum().with_context(|| path.display().to_string())?;
    if spectrum.technique() != Technique::Raman {
        bail!("{} is no Raman spectrum; choose one, the emulated probe sends Raman light", path.display());
    }
    Ok((Sample::measured(&measured.title, &spectrum), Gap::NONE))
}
