//! The kit as the session's kit thread uses it.

use std::ops::ControlFlow;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;

use crate::analyzer::emulator::{Bench, Gap, Sample};
use crate::analyzer::guardian::{self, LeftOn};
use crate::analyzer::nirscan::{NirKit, NirScan, NirSettings};
use crate::analyzer::{
    AcquireProgress, AcquireStage, Acquisition, AnalyzerError, CheckState, Clock, DeviceIdentity, Kit, LaserState,
    PreviewSettings, ScanSettings, SystemClock,
};
use crate::library::Library;
use crate::spectrum::{Correction, Spectrum, Technique};

use super::emulated_sample::sample_from_name;
use super::shared::Shared;
use super::{CheckPolicy, Event, KitHistory, KitStatus, SavedKit, Stage, read_kit_records};

/// Share of the progress bar that the acquisition takes; the rest is identification and saving.
const ACQUISITION_SHARE: f32 = 0.95;

/// How an acquisition ends without a spectrum. The sentences say what to do.
pub(super) enum Ended {
    /// The user cancelled it; the laser is off.
    Cancelled,
    /// It failed; the kit is still there.
    Failed(String),
    /// It failed and the kit must be connected again.
    Lost(String),
}

/// What keeps a laser on a port from staying on.
pub(super) struct LaserKeeping {
    /// The folder of the notes about lasers that may be on.
    pub data_dir: PathBuf,
    /// The program that holds the laser's port.
    pub guardian: Option<PathBuf>,
}

impl LaserKeeping {
    /// Commands every laser off that an earlier run may have left on. True when none is left that may be on.
    pub(super) fn extinguish_left_on(&self) -> bool {
        let clock: Arc<dyn Clock> = Arc::new(SystemClock::start());
        let left = guardian::extinguish_left_on(&self.data_dir, &clock);
        for LeftOn { marker, trouble } in &left {
            match trouble {
                None => tracing::info!(port = marker.port, "a laser that may have been left on was commanded off"),
                Some(why) => tracing::warn!(
                    port = marker.port,
                    serial = marker.serial,
                    %why,
                    "a laser may have been left on by an earlier run and cannot be commanded off: treat it as on"
                ),
            }
        }
        left.iter().all(|left| left.trouble.is_none())
    }
}

/// A connected kit.
pub(super) struct KitLink {
    pub linked: Linked,
    /// The saved kit that this is.
    pub saved: Option<SavedKit>,
    /// Its calibrations and checks.
    pub history: KitHistory,
    /// State of its performance check when it was last looked at.
    pub check: CheckState,
}

/// What is connected.
pub(super) enum Linked {
    /// Spectrometer and laser.
    Raman {
        kit: Box<Kit>,
        /// What lies under the emulated probe, and the library from which it is taken.
        emulated: Option<(Bench, Arc<Library>)>,
    },
    /// A near-infrared scanner.
    Nir(Box<NirKit>),
}

impl Linked {
    pub(super) fn raman(kit: Kit, emulated: Option<(Bench, Arc<Library>)>) -> Self {
        Self::Raman { kit: Box::new(kit), emulated }
    }
}

impl KitLink {
    pub(super) fn new(linked: Linked) -> Self {
        Self { linked, saved: None, history: KitHistory::default(), check: CheckState::Never }
    }

    /// The spectrometer or the scanner.
    pub(super) fn spectrometer(&self) -> &DeviceIdentity {
        match &self.linked {
            Linked::Raman { kit, .. } => kit.spectrometer(),
            Linked::Nir(kit) => kit.scanner(),
        }
    }

    /// The laser, where there is one.
    pub(super) fn laser(&self) -> Option<&DeviceIdentity> {
        match &self.linked {
            Linked::Raman { kit, .. } => Some(kit.laser()),
            Linked::Nir(_) => None,
        }
    }

    /// Serial numbers of all devices.
    pub(super) fn serials(&self) -> Vec<String> {
        std::iter::once(self.spectrometer()).chain(self.laser()).map(|d| d.serial.clone()).collect()
    }

    /// Laser wavelength, nm, where there is a laser.
    pub(super) fn excitation_nm(&self) -> Option<f64> {
        match &self.linked {
            Linked::Raman { kit, .. } => Some(kit.excitation_nm()),
            Linked::Nir(_) => None,
        }
    }

    /// Whether every device says that it is emulated.
    pub(super) fn simulated(&self) -> bool {
        self.spectrometer().simulated && self.laser().is_none_or(|laser| laser.simulated)
    }

    /// Reads the records of the kit anew: scans are corrected with them from now on.
    pub(super) fn read_records(&mut self, data_dir: &Path, policy: &CheckPolicy) -> Result<(), String> {
        self.history = read_kit_records(data_dir, &self.spectrometer().serial).map_err(|e| words(&e))?;
        if self.history.damaged_lines > 0 {
            tracing::warn!(lines = self.history.damaged_lines, "some records of the kit cannot be read");
        }
        let correction = self.correction();
        if let Linked::Raman { kit, .. } = &mut self.linked {
            kit.set_correction(correction);
        }
        self.look_at_check(policy);
        Ok(())
    }

    /// What scans of this kit are corrected with.
    fn correction(&self) -> Option<Correction> {
        match &self.linked {
            Linked::Raman { kit, .. } => self.history.correction_with(Some((&kit.laser().serial, kit.excitation_nm()))),
            Linked::Nir(_) => None,
        }
    }

    /// Finds out what the last performance check is worth now.
    pub(super) fn look_at_check(&mut self, policy: &CheckPolicy) -> CheckState {
        self.check = self.history.check_state(Timestamp::now(), policy);
        if let Linked::Raman { kit, .. } = &mut self.linked {
            kit.set_check(self.check.clone());
        }
        self.check.clone()
    }

    /// `settings` are those of the next scan.
    pub(super) fn status(&mut self, settings: &ScanSettings) -> Result<KitStatus, String> {
        // Tenths are what a person reads; finer digits would make every status a new one.
        let tenths = |all: &[f32]| all.iter().map(|t| (t * 10.0).round() / 10.0).collect();
        let (mut laser_condition, mut laser_power) = (None, None);
        let (laser_state, temperatures_c, took) = match &mut self.linked {
            Linked::Raman { kit, .. } => {
                let report = kit.report().map_err(|e| words(&e))?;
                (laser_condition, laser_power) = (Some(report.laser_condition), Some(report.laser_power));
                (report.laser_state, tenths(&report.temperatures_c), kit.expected_duration(settings))
            }
            Linked::Nir(kit) => {
                let temperatures_c = kit.temperatures_c().map_err(|e| words(&e))?;
                (LaserState::Off, tenths(&temperatures_c), kit.expected_duration(&NirSettings::default()))
            }
        };
        Ok(KitStatus {
            spectrometer: self.spectrometer().clone(),
            laser: self.laser().cloned(),
            laser_state,
            laser_condition,
            laser_power,
            temperatures_c,
            scan_ms: u64::try_from(took.as_millis()).unwrap_or(u64::MAX),
            saved: self.saved.as_ref().map(SavedKit::id),
            check: self.check.clone(),
            calibration: self.correction().map(|c| c.sources).unwrap_or_default(),
        })
    }

    /// Power that the laser is set to before each scan from now on, mW; none leaves it as it is.
    pub(super) fn set_laser_power_mw(&mut self, power_mw: Option<f64>) {
        if let Linked::Raman { kit, .. } = &mut self.linked {
            kit.set_laser_power_mw(power_mw);
        }
    }

    /// Sets the laser to the power of the kit, where it has one, and reads it back.
    pub(super) fn apply_laser_power(&mut self) -> Result<(), String> {
        match &mut self.linked {
            Linked::Raman { kit, .. } => {
                let set = kit.apply_laser_power(&mut || ControlFlow::Continue(()));
                set.map(drop).map_err(|e| words(&e))
            }
            Linked::Nir(_) => Ok(()),
        }
    }

    /// Commands the laser off and reads it back; `None` where there is none.
    pub(super) fn laser_off(&mut self) -> Option<LaserState> {
        match &mut self.linked {
            Linked::Raman { kit, .. } => Some(kit.laser_off()),
            Linked::Nir(_) => None,
        }
    }

    /// Puts a standard under the emulated probe: it is what its certificate says, as samples never are.
    pub(super) fn show_standard(
        &self,
        standard: impl FnOnce(&Library) -> Result<Sample, String>,
    ) -> Result<(), String> {
        self.show(Gap::NONE, standard)
    }

    fn show(&self, gap: Gap, sample: impl FnOnce(&Library) -> Result<Sample, String>) -> Result<(), String> {
        if let Linked::Raman { emulated: Some((bench, library)), .. } = &self.linked {
            let sample = sample(library)?;
            bench.set_gap(gap);
            bench.set_sample(sample);
        }
        Ok(())
    }

    /// Another library is in use: emulated samples are taken from it. One that it does not have stays as it is until another
    /// is chosen.
    pub(super) fn take_samples_from(&mut self, library: &Arc<Library>, sample: &str) {
        if let Linked::Raman { emulated: Some((_, old)), .. } = &mut self.linked {
            *old = Arc::clone(library);
            if let Err(why) = self.set_sample(sample) {
                tracing::info!(why, "the emulated sample stays as it is");
            }
        }
    }

    pub(super) fn set_sample(&self, sample: &str) -> Result<(), String> {
        self.show(Gap::MEASURED, |library| sample_from_name(library, sample).map_err(|e| words(&e)))
    }

    /// Measures the sample. A near-infrared scanner has settings of its own.
    pub(super) fn acquire(&mut self, settings: &ScanSettings, shared: &Shared) -> Result<Acquisition, Ended> {
        match &mut self.linked {
            Linked::Raman { kit, .. } => {
                let end = kit.acquire(
                    settings,
                    &|| shared.cancelled(),
                    &mut |progress| tell(shared, &progress, true),
                    &mut |state: LaserState| shared.events.push(Event::Laser(state)),
                );
                let mut acquisition = end.map_err(Ended::from)?;
                acquisition.conditions.place = Some(shared.place());
                Ok(acquisition)
            }
            Linked::Nir(kit) => {
                let settings = NirSettings::default();
                let taken_at = restore_white(kit, &self.history, &settings).map_err(Ended::Failed)?;
                let end =
                    kit.acquire(&settings, &|| shared.cancelled(), &mut |progress| tell(shared, &progress, false));
                Ok(end.map_err(Ended::from)?.into_record(taken_at, Some(shared.place())))
            }
        }
    }

    pub(super) fn is_near_infrared(&self) -> bool {
        matches!(self.linked, Linked::Nir(_))
    }

    /// Measures the white standard of a near-infrared scanner: its scans and their spectrum.
    pub(super) fn white(&mut self, shared: &Shared) -> Result<(Vec<NirScan>, Spectrum), Ended> {
        let Linked::Nir(kit) = &mut self.linked else {
            return Err(Ended::Failed("A Raman kit has no white standard; choose a near-infrared scanner.".to_owned()));
        };
        let (cancelled, progress) = (|| shared.cancelled(), &mut |progress| tell(shared, &progress, false));
        let reference = kit.acquire_reference(&NirSettings::default(), &cancelled, progress)?;
        let scans = reference.scans.clone();
        let first = scans.first().ok_or_else(|| Ended::Failed("The white standard gave no scan.".to_owned()))?;
        // Rising wavenumbers are falling wavelengths.
        let axis = first.wavelengths_nm.iter().rev().map(|nm| 1e7 / nm).collect();
        let intensity = first.intensities.iter().rev().map(|i| f64::from(*i)).collect();
        let spectrum = Spectrum::new(Technique::Nir, axis, intensity).map_err(|e| Ended::Failed(words(&e)))?;
        Ok((scans, spectrum))
    }

    /// Shows frames until the user ends it.
    pub(super) fn preview(&mut self, settings: &PreviewSettings, shared: &Shared) -> Result<(), Ended> {
        let Linked::Raman { kit, .. } = &mut self.linked else {
            return Err(Ended::Failed("A near-infrared scanner has no preview; choose a Raman kit.".to_owned()));
        };
        let end = kit.preview(
            settings,
            &|| shared.cancelled(),
            &mut |state: LaserState| shared.events.push(Event::Laser(state)),
            &mut |frame| {
                shared.events.push(Event::Preview(Arc::new(frame.clone())));
                ControlFlow::Continue(())
            },
        );
        end.map_err(Ended::from)
    }
}

impl From<AnalyzerError> for Ended {
    fn from(error: AnalyzerError) -> Self {
        match error {
            AnalyzerError::Cancelled => Self::Cancelled,
            error if error.loses_the_kit() => Self::Lost(words(&error)),
            error => Self::Failed(words(&error)),
        }
    }
}

/// Reports how far an acquisition is.
/// `shines` says whether the light is a laser's.
fn tell(shared: &Shared, progress: &AcquireProgress, shines: bool) {
    let stage = match progress.stage {
        AcquireStage::Preparing => Stage::Preparing,
        AcquireStage::Cooling => Stage::Cooling,
        AcquireStage::Dark => Stage::Dark,
        AcquireStage::Light if shines => Stage::Light,
        AcquireStage::Light => Stage::Lamp,
    };
    shared.progress(stage, progress.fraction * ACQUISITION_SHARE, progress.remaining);
}

/// Gives a scanner the white reference that is stored with it; says when that was measured. A clock that was set back
/// makes it useless, not younger.
fn restore_white(kit: &mut NirKit, history: &KitHistory, settings: &NirSettings) -> Result<Timestamp, String> {
    let again = "Lay the white standard on the window and measure it.";
    let (taken_at, scans) =
        history.white().ok_or_else(|| format!("This scanner has no white reference yet. {again}"))?;
    let age = Duration::try_from(Timestamp::now().duration_since(taken_at));
    let age = age.ok().filter(|age| *age <= settings.reference_max_age);
    let age = age.ok_or_else(|| {
        let minutes = settings.reference_max_age.as_secs() / 60;
        format!("The white reference of {taken_at:.0} holds for {minutes} minutes and is too old. {again}")
    })?;
    kit.restore_reference(scans.to_vec(), age);
    Ok(taken_at)
}

/// An error as a sentence for the screen.
pub(super) fn words(error: &dyn std::error::Error) -> String {
    let text = error.to_string();
    let mut letters = text.chars();
    let first = letters.next().map(|c| c.to_uppercase().to_string()).unwrap_or_default();
    format!("{first}{}.", letters.as_str().trim_end_matches('.'))
}
