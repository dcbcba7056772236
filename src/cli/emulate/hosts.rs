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
use crate::analyzer::{Clock, SystemClock};
use crate::cli::{Context, input, output};
use crate::formats::SpectrumKind;
use crate::library::Library;
use crate::session::{sample_from_name, standard_sample};
use crate::signal::calibration::Standards;
use crate::spectrum::Technique;

use super::faults::DeviceFaults;
use super::{EmulateArgs, Kind, KitSpectrometer, ReplyChecksum};

/// Line speed of the OBP spectrometers as delivered.
const OBP_BAUD: u32 = 9_600;
/// What the name of a calibration standard begins with.
const STANDARD: &str = "standard:";
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
    /// What lies under a probe in turn, and which lies there now.
    bench: Bench,
    samples: Vec<(Sample, Gap)>,
    under_probe: usize,
}

impl Hosts {
    /// Starts the devices of `kind`.
    pub(super) fn start(kind: Kind, args: &EmulateArgs, faults: &DeviceFaults) -> Result<Self, anyhow::Error> {
        let model = match kind {
            Kind::ObpQepro => ObpModel::QePro,
            Kind::Kit if args.spectrometer == KitSpectrometer::ObpQepro => ObpModel::QePro,
            Kind::ObpVentana => ObpModel::Ventana,
            _ => ObpModel::Sts,
        };
        // Their light comes from outside, so that somebody must say when it is on.
        let alone = matches!(kind, Kind::ObpSts | Kind::ObpQepro);
        if args.lit && !alone {
            bail!("--lit goes with obp-sts and obp-qepro only: the others have their own light");
        }
        let samples = args.sample.iter().map(|name| sample(kind, name, args.no_gap)).collect::<Result<Vec<_>, _>>()?;
        let (sample, gap) = samples.first().cloned().context("name what lies under the probe with --sample")?;
        let log = log_of(args)?;
        let checksum = match args.reply_checksum {
            ReplyChecksum::None => Checksum::None,
            ReplyChecksum::Md5 => Checksum::Md5,
        };
        let (seed, window) = (args.seed, NirWindow::new(NirSample::White));
        // A kit has the spectrometer and the laser that were chosen; any other device is alone.
        let instrument = match (kind, args.spectrometer) {
            (Kind::Kit, KitSpectrometer::OceanLetter) => Kind::OceanLetter,
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
        let detector = match instrument {
            Kind::Wasatch => Detector::WASATCH,
            Kind::OceanLetter => Detector::LETTER,
            _ => model.detector(),
        };
        let bench = Bench::with_detector(seed, gap, sample, detector);
        args.axis_error_cm1.into_iter().for_each(|largest_cm1| bench.set_axis_error(largest_cm1));
        let under = bench.clone();
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
            Kind::Gps => {
                Some(Box::new(Gps::new(Some(Position::AIRPORT), log, bad.clone()).starting_at(jiff::Timestamp::now())))
            }
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
            powder: NirSample::from_name(args.sample.first().map_or("", String::as_str)),
            white: true,
            bench: under,
            samples,
            under_probe: 0,
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

    /// Lays the sample on the window of a near-infrared scanner, or the white standard again, and the next sample under a
    /// probe.
    pub(super) fn exchange_sample(&mut self) {
        self.under_probe = (self.under_probe + 1) % self.samples.len().max(1);
        if let Some((sample, gap)) = self.samples.get(self.under_probe).filter(|_| self.samples.len() > 1) {
            self.bench.set_gap(*gap);
            self.bench.set_sample(sample.clone());
            output::complain(&format!("under the probe: {}", sample.name));
        }
        self.white = !self.white;
        self.window.lay(if self.white { NirSample::White } else { self.powder.clone() });
    }
}

/// Where the commands that the devices receive are written.
fn log_of(args: &EmulateArgs) -> Result<Log, anyhow::Error> {
    let Some(path) = &args.log else { return Ok(Log::default()) };
    let file = std::fs::OpenOptions::new().create(true).append(true).open(path);
    Ok(Log::to_file(file.with_context(|| format!("the log {} cannot be written", path.display()))?))
}

/// What lies under the probe, and how far it may differ from its reference: a measured spectrum is already real.
fn sample(kind: Kind, name: &str, no_gap: bool) -> Result<(Sample, Gap), anyhow::Error> {
    let gap = if no_gap { Gap::NONE } else { Gap::MEASURED };
    if kind == Kind::Nirscan {
        // The library has no near-infrared spectra: the name draws a powder.
        return Ok((Sample { name: name.to_owned(), parts: Vec::new() }, gap));
    }
    let library = Library::bundled()?;
    if let Some(key) = name.strip_prefix(STANDARD) {
        return Ok((standard_sample(&library, &Standards::bundled()?, key)?, Gap::NONE));
    }
    let path = Path::new(name);
    // The library's word goes first: a file may have the name of a substance.
    if library.find(name).is_some() || !path.is_file() {
        return Ok((sample_from_name(library.as_ref(), name)?, gap));
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
