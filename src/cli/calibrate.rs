//! `parcelscope calibrate` and `parcelscope check`: a standard is measured, or read from files, judged, and the result is
//! kept with the kit.

use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::Arc;

use anyhow::{Context as _, bail};
use clap::Args;
use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};

use crate::analyzer::emulator::{EXCITATION_NM, Gap, memory_kit};
use crate::analyzer::{Acquisition, Clock, Kit, ScanSettings, VirtualClock};
use crate::library::Library;
use crate::session::{
    CheckPolicy, KitChoice, KitFinding, KitHistory, KitMeasurement, KitRecord, KitShelf, MeasuredStandard,
    StandardPurpose, append_kit_record, data_dir, find_in_standards, read_choices, read_kit_records, standard_sample,
};
use crate::signal::calibration::Standards;

use super::kit_args::KitArgs;
use super::{Context, input, on_kit, output};

/// The standard of a near-infrared scanner.
const WHITE: &str = "white";
/// The name that stands for the kit in memory.
const EMULATOR: &str = "emulator";

/// Where the measurement of a standard comes from.
#[derive(Args, Debug)]
struct Origin {
    /// Port of the spectrometer, or 'emulator' for the emulated kit in memory with the standard under its probe
    #[arg(long, value_name = "PORT|emulator", required_unless_present_any = ["file", "kit"])]
    port: Option<String>,
    /// A saved kit by its name or serial number, wherever it is connected
    #[arg(long, value_name = "NAME", conflicts_with_all = ["port", "laser_port"])]
    kit: Option<String>,
    #[command(flatten)]
    on_ports: KitArgs,
    /// Spectrum files of the standards instead of a kit, one for each standard, in their order
    #[arg(long, value_name = "FILE", num_args = 1.., conflicts_with_all = ["port", "kit"])]
    file: Vec<PathBuf>,
    /// Serial number of the kit that measured the files; without it the result is told and not kept
    #[arg(long, value_name = "NUMBER")]
    serial: Option<String>,
    /// Account of whoever calibrates, by name or badge; the secret is read from standard input
    #[arg(long, value_name = "NAME")]
    user: Option<String>,
    /// Which emulated unit
    #[arg(long, value_name = "N", default_value_t = 1)]
    seed: u64,
    /// Let the axis of the kit in memory be wrong by so much, cm-1, at its worst place [default: up to 2]; that unit is gone
    /// with this command, so that nothing is kept
    #[arg(long, value_name = "CM-1", value_parser = super::emulate::axis_error)]
    axis_error_cm1: Option<f64>,
}

/// Arguments of `calibrate`.
#[derive(Args, Debug)]
#[command(
    after_help = "Raman standards and the neon lamp calibrate the axis, calcite states the resolution, the NIST glass the response.\n\
                  Several standards are fitted together: --standard polystyrene --standard acetaminophen. On a connected kit they are asked\n\
                  for one after the other. Calcite beside them is fitted in no way: its error before and after says what the fit is worth."
)]
pub struct CalibrateArgs {
    /// Standard: polystyrene, cyclohexane, acetaminophen, neon, calcite, srm2241 ...; white for a near-infrared scanner
    #[arg(long, value_name = "NAME", required = true)]
    standard: Vec<String>,
    /// Tell what was found and keep nothing
    #[arg(long)]
    dry_run: bool,
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
    /// Hold the lines of this check to a smaller distance from their places, cm-1 [default: that of 'parcelscope kit policy']
    #[arg(long, value_name = "CM-1")]
    tolerance: Option<f64>,
    /// Tell the state as if a passed check held for fewer days; nothing is kept of it [default: those of 'parcelscope kit
    /// policy', which it cannot exceed]
    #[arg(long, value_name = "DAYS", value_parser = clap::value_parser!(u32).range(1..=366))]
    valid_days: Option<u32>,
    #[command(flatten)]
    origin: Origin,
}

/// Measured standards, and whose they are.
struct Measurements {
    spectra: Vec<MeasuredStandard>,
    serial: Option<String>,
    /// Serial number of the laser, where it is known.
    laser: Option<String>,
    simulated: bool,
    from_file: bool,
    history: KitHistory,
}

impl Origin {
    /// What is kept counts for the scans of a kit from then on, so that it is for those who may calibrate, wherever the
    /// measurement comes from.
    fn permit(&self, context: &Context) -> Result<(), anyhow::Error> {
        if self.port.is_some() || self.serial.is_some() {
            on_kit::may_calibrate(self.user.as_deref(), context)?;
        }
        Ok(())
    }

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
                    if let Some(largest_cm1) = self.axis_error_cm1 {
                        parts.bench.set_axis_error(largest_cm1);
                    }
                    let kit = Kit::connect(Box::new(parts.spectrometer), Box::new(parts.laser), EXCITATION_NM, clock)?;
                    let mut next = scan(kit, name, context)?;
                    if self.axis_error_cm1.is_some() {
                        next.serial = None;
                    }
                    match &mut all {
                        Some(all) => all.spectra.extend(next.spectra),
                        None => all = Some(next),
                    }
                }
                all.context("no standard was named")
            }
            Some(port) => bail!("{port} is no place where standards are read"),
        }
    }

    /// The kit that is connected, where it is neither the one in memory nor files.
    fn connected(&mut self, data_dir: &Path) -> Result<Option<KitChoice>, anyhow::Error> {
        if let Some(kit) = &self.kit {
            return Ok(Some(KitChoice::Saved(KitShelf::of(data_dir).find(kit)?.id())));
        }
        match self.port.take_if(|port| port != EMULATOR) {
            Some(port) => Ok(Some(self.on_ports.clone().choice(port)?)),
            None => Ok(None),
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
            let excitation_nm = laser_nm.or(self.on_ports.excitation_nm).unwrap_or(EXCITATION_NM);
            let standard = standard.clone();
            spectra.push(MeasuredStandard { standard, reported, corrected, excitation_nm, seconds: None });
        }
        Ok(Measurements {
            spectra,
            serial: self.serial.clone(),
            laser: None,
            simulated: false,
            from_file: true,
            history,
        })
    }
}

/// Measures once with the kit's own calibration in force.
fn scan(mut kit: Kit, standard: &str, context: &Context) -> Result<Measurements, anyhow::Error> {
    let serial = kit.spectrometer().serial.clone();
    let history = read_kit_records(&data_dir(context.data_dir.as_deref())?, &serial)?;
    kit.set_correction(history.correction());
    let scan: Acquisition = kit.acquire(&ScanSettings::automatic(), &|| false, &mut |_| {}, &mut |_| {})?;
    let measured = MeasuredStandard::of_scan(standard, &scan)?;
    Ok(Measurements {
        spectra: vec![measured],
        serial: Some(serial),
        laser: Some(scan.laser.serial),
        simulated: scan.simulated,
        from_file: false,
        history,
    })
}

/// Runs `calibrate`.
pub fn run(mut args: CalibrateArgs, context: &Context) -> Result<ExitCode, anyhow::Error> {
    let standards = Standards::bundled()?;
    if let Some(kit) = args.origin.connected(&data_dir(context.data_dir.as_deref())?)? {
        let user = args.origin.user.as_deref();
        let measured = match args.standard.as_slice() {
            [only] if only == WHITE && args.dry_run => {
                bail!("--dry-run does not go with the white standard: it is kept at once")
            }
            [only] if only == WHITE => on_kit::measure(kit, KitMeasurement::White, user, context)?,
            several if several.iter().any(|s| s == WHITE) => bail!("the white standard is measured alone"),
            several => on_kit::calibrate(kit, several, !args.dry_run, user, context)?,
        };
        let text = lines_of(&measured.record.finding);
        tell(&measured.record, Some(&measured.kit.0), &text, measured.kept, context)?;
        return Ok(ExitCode::SUCCESS);
    }
    if !args.dry_run {
        args.origin.permit(context)?;
    }
    let measurements = args.origin.measure(&args.standard, context)?;
    let (spectra, history) = (&measurements.spectra, &measurements.history);
    let finding = find_in_standards(StandardPurpose::Calibration, &standards, spectra, history)?;
    let text = lines_of(&finding);
    let record = KitRecord {
        taken_at: Timestamp::now(),
        samples: args.standard,
        laser: measurements.laser.clone(),
        simulated: measurements.simulated,
        from_file: measurements.from_file,
        finding,
    };
    let kept = !args.dry_run && keep(&measurements, &record, context)?;
    tell(&record, measurements.serial.as_deref(), &text, kept, context)?;
    Ok(ExitCode::SUCCESS)
}

/// What was found, and of an axis every line.
fn lines_of(finding: &KitFinding) -> String {
    let mut text = finding.words();
    text.push('\n');
    for remark in finding.remarks() {
        // Writing to a String cannot fail.
        let _ = writeln!(text, "  {remark}");
    }
    if let KitFinding::Axis { fit, .. } = finding {
        for line in &fit.lines {
            // Writing to a String cannot fail.
            let _ = writeln!(
                text,
                "  reported at {:8.2} +- {:.2} cm-1: {:+.2} before, {:+.2} after{}",
                line.line.reported_cm1,
                line.line.reported_sd_cm1,
                line.before_cm1,
                line.after_cm1,
                if line.used { "" } else { " (not believed)" }
            );
        }
    }
    text
}

/// Runs `check`.
pub fn check(mut args: CheckArgs, context: &Context) -> Result<ExitCode, anyhow::Error> {
    let standards = Standards::bundled()?;
    standards.with_lines(&args.standard)?;
    let folder = data_dir(context.data_dir.as_deref())?;
    let days = args.valid_days.map(|days| SignedDuration::from_hours(24 * i64::from(days)));
    let policy = read_choices(&folder).policy;
    if args.tolerance.is_some_and(|cm1| !(cm1 > 0.0 && cm1 <= policy.tolerance_cm1)) {
        bail!(
            "--tolerance makes one check stricter: give a distance above 0 and up to the {} cm-1 of the policy; 'parcelscope kit policy --tolerance' changes that",
            policy.tolerance_cm1
        );
    }
    if days.is_some_and(|days| days > policy.valid_for) {
        bail!(
            "--valid-days tells the state by a stricter rule: give at most the {} hours of the policy; 'parcelscope kit policy --valid-days' changes that",
            policy.valid_for.as_hours()
        );
    }
    let policy = CheckPolicy { valid_for: days.unwrap_or(policy.valid_for), ..policy };
    if let Some(kit) = args.origin.connected(&folder)? {
        let measurement = KitMeasurement::Check { standard: args.standard, stricter_cm1: args.tolerance };
        let measured = on_kit::measure(kit, measurement, args.origin.user.as_deref(), context)?;
        let history = read_kit_records(&folder, &measured.kit.0)?;
        return conclude(&measured.record, &history, &policy, Some(&measured.kit.0), true, context);
    }
    let samples = vec![args.standard.clone()];
    args.origin.permit(context)?;
    let mut measurements = args.origin.measure(&samples, context)?;
    let (spectra, history) = (&measurements.spectra, &measurements.history);
    let finding =
        find_in_standards(StandardPurpose::Check(policy.limits(args.tolerance)), &standards, spectra, history)?;
    let (taken_at, laser) = (Timestamp::now(), measurements.laser.clone());
    let record = KitRecord {
        taken_at,
        samples,
        laser,
        simulated: measurements.simulated,
        from_file: measurements.from_file,
        finding,
    };
    let kept = keep(&measurements, &record, context)?;
    measurements.history.records.push(record.clone());
    conclude(&record, &measurements.history, &policy, measurements.serial.as_deref(), kept, context)
}

/// Tells how a check ended and what it is worth from now on.
fn conclude(
    record: &KitRecord,
    history: &KitHistory,
    policy: &CheckPolicy,
    serial: Option<&str>,
    kept: bool,
    context: &Context,
) -> Result<ExitCode, anyhow::Error> {
    let problems = match &record.finding {
        KitFinding::Check { outcome, .. } => outcome.problems.as_slice(),
        _ => &[],
    };
    let mut text = format!("{}\n", record.finding.words());
    for remark in record.finding.remarks() {
        // Writing to a String cannot fail.
        let _ = writeln!(text, "  {remark}");
    }
    for problem in problems {
        // Writing to a String cannot fail.
        let _ = writeln!(text, "  {problem}");
    }
    if record.from_file {
        text.push_str("  a check of a file is told and verifies no kit\n");
    } else {
        let _ = writeln!(text, "  {}", history.check_state(record.taken_at, policy).words());
    }
    tell(record, serial, &text, kept, context)?;
    Ok(if problems.is_empty() { ExitCode::SUCCESS } else { ExitCode::from(1) })
}

/// Appends the record to the kit's, where a kit is known.
fn keep(measurements: &Measurements, record: &KitRecord, context: &Context) -> Result<bool, anyhow::Error> {
    let Some(serial) = &measurements.serial else { return Ok(false) };
    append_kit_record(&data_dir(context.data_dir.as_deref())?, serial, record)?;
    Ok(true)
}

fn tell(
    record: &KitRecord,
    serial: Option<&str>,
    text: &str,
    kept: bool,
    context: &Context,
) -> Result<(), anyhow::Error> {
    if context.json {
        let mut document: Value = serde_json::to_value(record)?;
        if let Some(fields) = document.as_object_mut() {
            fields.insert("serial".to_owned(), json!(serial));
            fields.insert("kept".to_owned(), json!(kept));
        }
        output::print_json(&document)?;
    } else {
        let simulated = if record.simulated { "simulated: " } else { "" };
        let fate = if kept { "" } else { "  nothing was kept\n" };
        output::print_text(&output::printable(&format!("{simulated}{text}{fate}")))?;
    }
    Ok(())
}
