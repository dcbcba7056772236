//! `parcelscope calibrate` and `parcelscope check`: a standard is measured, or read from files, judged, and the result is
//! kept with the kit.

use std::fmt::Write as _;
use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::Arc;

use anyhow::{Context as _, bail};
use clap::Args;
use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};

use crate::analyzer::emulator::{EXCITATION_NM, Gap, memory_kit};
use crate::analyzer::{Acquisition, Clock, Kit, ScanSettings, SerialLink, SystemClock, VirtualClock};
use crate::library::Library;
use crate::session::{
    CheckPolicy, KitFinding, KitHistory, KitRecord, MeasuredStandard, StandardPurpose, append_kit_record, data_dir,
    find_in_standards, read_kit_records, standard_sample,
};
use crate::signal::calibration::{CheckLimits, Standards};

use super::{Context, input, output};

/// The name that stands for the kit in memory.
const EMULATOR: &str = "emulator";
/// Line speeds of the kit as delivered.
const SPEEDS: (u32, u32) = (9_600, 115_200);

/// Where the measurement of a standard comes from.
#[derive(Args, Debug)]
struct Origin {
    /// Port of the spectrometer, or 'emulator' for the emulated kit in memory with the standard under its probe
    #[arg(long, value_name = "PORT|emulator", required_unless_present = "file")]
    port: Option<String>,
    /// Port of the laser
    #[arg(long, value_name = "PORT")]
    laser_port: Option<String>,
    /// Spectrum files of the standards instead of a kit, one for each standard, in their order
    #[arg(long, value_name = "FILE", num_args = 1.., conflicts_with = "port")]
    file: Vec<PathBuf>,
    /// Serial number of the kit that measured the files; without it the result is told and not kept
    #[arg(long, value_name = "NUMBER")]
    serial: Option<String>,
    /// Laser wavelength in nm, where the file does not state one
    #[arg(long, value_name = "NM", default_value_t = EXCITATION_NM)]
    excitation_nm: f64,
    /// Which emulated unit
    #[arg(long, value_name = "N", default_value_t = 1)]
    seed: u64,
}

/// Arguments of `calibrate`.
#[derive(Args, Debug)]
#[command(
    after_help = "Raman standards and the neon lamp calibrate the axis, calcite states the resolution, the NIST glass the response.\n\
                  Several standards are fitted together: --standard polystyrene --standard acetaminophen."
)]
pub struct CalibrateArgs {
    /// Standard: polystyrene, cyclohexane, acetaminophen, neon, calcite, srm2241 ...
    #[arg(long, value_name = "NAME", required = true)]
    standard: Vec<String>,
    #[command(flatten)]
    origin: Origin,
}

/// Arguments of `check`.
#[derive(Args, Debug)]
#[command(after_help = "The exit code is 1 when the check is failed.")]
pub struct CheckArgs {
    /// Standard under the probe
    #[arg(long, value_name = "NAME", default_value = "polystyrene")]
    standard: String,
    /// Largest distance of a line from its place, cm-1
    #[arg(long, value_name = "CM-1", default_value_t = 3.0)]
    tolerance: f64,
    /// Days for which a passed check holds
    #[arg(long, value_name = "DAYS", default_value_t = 7, value_parser = clap::value_parser!(u32).range(1..=366))]
    valid_days: u32,
    #[command(flatten)]
    origin: Origin,
}

/// Measured standards, and whose they are.
struct Measurements {
    spectra: Vec<MeasuredStandard>,
    serial: Option<String>,
    simulated: bool,
    history: KitHistory,
}

impl Origin {
    fn measure(&self, standards: &[String], context: &Context) -> Result<Measurements, anyhow::Error> {
        match self.port.as_deref() {
            None => self.read_files(standards, context),
            Some(EMULATOR) => {
                let (library, table) = (Library::bundled()?, Standards::bundled()?);
                let mut all: Option<Measurements> = None;
                for name in standards {
                    // The same unit each time; its exposures take no real time.
                    let clock: Arc<dyn Clock> = Arc::new(VirtualClock::default());
                    let sample = standard_sample(&library, &table, name)?;
                    let parts = memory_kit(self.seed, Gap::NONE, sample, Arc::clone(&clock));
                    let kit = Kit::connect(Box::new(parts.spectrometer), Box::new(parts.laser), EXCITATION_NM, clock)?;
                    let next = scan(kit, name, context)?;
                    match &mut all {
                        Some(all) => all.spectra.extend(next.spectra),
                        None => all = Some(next),
                    }
                }
                all.context("no standard was named")
            }
            Some(port) => {
                let [name] = standards else {
                    bail!("only one standard lies under a real probe; calibrate with one, or measure files with each");
                };
                let laser =
                    self.laser_port.as_deref().context("the laser's port is missing; give it with --laser-port")?;
                let clock: Arc<dyn Clock> = Arc::new(SystemClock::start());
                let laser = SerialLink::open(laser, SPEEDS.1, Arc::clone(&clock))?;
                let spectrometer = SerialLink::open(port, SPEEDS.0, Arc::clone(&clock))?;
                let kit = Kit::connect(Box::new(spectrometer), Box::new(laser), self.excitation_nm, clock)?;
                if !kit.simulated() {
                    bail!(
                        "only emulated kits may be measured from the command line without an account; the laser stayed off"
                    );
                }
                scan(kit, name, context)
            }
        }
    }

    fn read_files(&self, standards: &[String], context: &Context) -> Result<Measurements, anyhow::Error> {
        if self.file.len() != standards.len() {
            bail!("{} standards need as many files; {} were given", standards.len(), self.file.len());
        }
        let history = match &self.serial {
            Some(serial) => read_kit_records(&data_dir(context.data_dir.as_deref())?, serial)?,
            None => KitHistory::default(),
        };
        let correction = history.correction().unwrap_or_default();
        let mut spectra = Vec::new();
        for (standard, path) in standards.iter().zip(&self.file) {
            let name = path.display().to_string();
            let found = input::read_spectra(path)?;
            let usable = found.iter().find_map(|s| Some((s.to_spectrum().ok()?.0, s.laser_nm)));
            let (reported, laser_nm) =
                usable.with_context(|| format!("{name} holds no Raman spectrum of a sample over cm-1"))?;
            let corrected = correction.apply(&reported).with_context(|| name.clone())?;
            let excitation_nm = laser_nm.unwrap_or(self.excitation_nm);
            let standard = standard.clone();
            spectra.push(MeasuredStandard { standard, reported, corrected, excitation_nm, seconds: None });
        }
        Ok(Measurements { spectra, serial: self.serial.clone(), simulated: false, history })
    }
}

/// Measures once with the kit's own calibration in force.
fn scan(mut kit: Kit, standard: &str, context: &Context) -> Result<Measurements, anyhow::Error> {
    let serial = kit.spectrometer().serial.clone();
    let history = read_kit_records(&data_dir(context.data_dir.as_deref())?, &serial)?;
    kit.set_correction(history.correction());
    let scan: Acquisition = kit.acquire(&ScanSettings::automatic(), &|| false, &mut |_| {}, &mut |_| {})?;
    let measured = MeasuredStandard::of_scan(standard, &scan)?;
    Ok(Measurements { spectra: vec![measured], serial: Some(serial), simulated: scan.simulated, history })
}

/// Runs `calibrate`.
pub fn run(args: CalibrateArgs, context: &Context) -> Result<ExitCode, anyhow::Error> {
    let standards = Standards::bundled()?;
    let measurements = args.origin.measure(&args.standard, context)?;
    let (spectra, history) = (&measurements.spectra, &measurements.history);
    let finding = find_in_standards(StandardPurpose::Calibration, &standards, spectra, history)?;
    let text = lines_of(&finding);
    let record =
        KitRecord { taken_at: Timestamp::now(), samples: args.standard, simulated: measurements.simulated, finding };
    let kept = keep(&measurements, &record, context)?;
    tell(&record, &measurements, &text, kept, context)?;
    Ok(ExitCode::SUCCESS)
}

/// What was found, and of an axis every line.
fn lines_of(finding: &KitFinding) -> String {
    let mut text = finding.words();
    text.push('\n');
    if let KitFinding::Axis { fit } = finding {
        for line in &fit.lines {
            // Writing to a String cannot fail.
            let _ = writeln!(
                text,
                "  reported at {:8.2} cm-1: {:+.2} before, {:+.2} after{}",
                line.line.reported_cm1,
                line.before_cm1,
                line.after_cm1,
                if line.used { "" } else { " (not believed)" }
            );
        }
    }
    text
}

/// Runs `check`.
#[expect(clippy::needless_pass_by_value, reason = "every command takes its arguments by value")]
pub fn check(args: CheckArgs, context: &Context) -> Result<ExitCode, anyhow::Error> {
    if !(args.tolerance.is_finite() && args.tolerance > 0.0) {
        bail!("--tolerance is a distance in cm-1 above 0");
    }
    let standards = Standards::bundled()?;
    standards.with_lines(&args.standard)?;
    let samples = vec![args.standard.clone()];
    let mut measurements = args.origin.measure(&samples, context)?;
    let limits = CheckLimits { tolerance_cm1: args.tolerance, ..CheckLimits::default() };
    let (spectra, history) = (&measurements.spectra, &measurements.history);
    let finding = find_in_standards(StandardPurpose::Check(limits), &standards, spectra, history)?;
    let problems = match &finding {
        KitFinding::Check { outcome, .. } => outcome.problems.clone(),
        KitFinding::Axis { .. } | KitFinding::Response { .. } | KitFinding::Resolution { .. } => Vec::new(),
    };
    let passed = problems.is_empty();
    let mut text = format!("{}\n", finding.words());
    for problem in &problems {
        let _ = writeln!(text, "  {problem}");
    }
    let record = KitRecord { taken_at: Timestamp::now(), samples, simulated: measurements.simulated, finding };
    let kept = keep(&measurements, &record, context)?;
    measurements.history.records.push(record.clone());
    let valid_for = SignedDuration::from_hours(24 * i64::from(args.valid_days));
    let state = measurements.history.check_state(record.taken_at, &CheckPolicy { valid_for, ..CheckPolicy::default() });
    let _ = writeln!(text, "  {}", state.words());
    tell(&record, &measurements, &text, kept, context)?;
    Ok(if passed { ExitCode::SUCCESS } else { ExitCode::from(1) })
}

/// Appends the record to the kit's, where a kit is known.
fn keep(measurements: &Measurements, record: &KitRecord, context: &Context) -> Result<bool, anyhow::Error> {
    let Some(serial) = &measurements.serial else { return Ok(false) };
    append_kit_record(&data_dir(context.data_dir.as_deref())?, serial, record)?;
    Ok(true)
}

fn tell(
    record: &KitRecord,
    measurements: &Measurements,
    text: &str,
    kept: bool,
    context: &Context,
) -> Result<(), anyhow::Error> {
    if context.json {
        let mut document: Value = serde_json::to_value(record)?;
        if let Some(fields) = document.as_object_mut() {
            fields.insert("serial".to_owned(), json!(measurements.serial));
            fields.insert("kept".to_owned(), json!(kept));
        }
        output::print_json(&document)?;
    } else {
        let simulated = if record.simulated { "simulated: " } else { "" };
        output::print_text(&output::printable(&format!("{simulated}{text}")))?;
    }
    Ok(())
}
