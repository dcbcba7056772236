//! The kit as the session's kit thread uses it.

use std::path::PathBuf;
use std::sync::Arc;

use crate::analyzer::emulator::{Bench, EXCITATION_NM, Gap, memory_kit};
use crate::analyzer::guardian::{self, LeftOn};
use crate::analyzer::{
    AcquireStage, Acquisition, AnalyzerError, Clock, Kit, LaserState, ScanSettings, SerialLink, SpectrometerSetup,
    SystemClock, VirtualClock, WireLog,
};
use crate::library::Library;

use super::emulated_sample::sample_from_name;
use super::shared::Shared;
use super::{Event, KitChoice, KitStatus, Stage};

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
    kit: Kit,
    settings: ScanSettings,
    /// What lies under the emulated probe, and the library from which it is taken.
    emulated: Option<(Bench, Arc<Library>)>,
}

impl KitLink {
    pub(super) fn connect(
        choice: &KitChoice,
        sample: &str,
        library: Option<Arc<Library>>,
        keeping: &LaserKeeping,
        wire_log: &WireLog,
    ) -> Result<Self, String> {
        let settings = ScanSettings::default();
        match choice {
            KitChoice::Emulator { seed, virtual_time, .. } => {
                let library =
                    library.ok_or("The emulated kit takes its samples from the library, which is not loaded.")?;
                let clock: Arc<dyn Clock> =
                    if *virtual_time { Arc::new(VirtualClock::default()) } else { Arc::new(SystemClock::start()) };
                let sample = sample_from_name(&library, sample).map_err(|e| words(&e))?;
                let parts = memory_kit(*seed, Gap::MEASURED, sample, Arc::clone(&clock));
                let watched = |link| wire_log.watch(Box::new(link), Arc::clone(&clock));
                let (spectrometer, laser) = (watched(parts.spectrometer), watched(parts.laser));
                let kit = Kit::connect(spectrometer, laser, EXCITATION_NM, clock);
                Ok(Self { kit: kit.map_err(|e| words(&e))?, settings, emulated: Some((parts.bench, library)) })
            }
            KitChoice::Ports { spectrometer, spectrometer_setup, laser, laser_setup, excitation_nm } => {
                let clock: Arc<dyn Clock> = Arc::new(SystemClock::start());
                let watch = |link| wire_log.watch(link, Arc::clone(&clock));
                let (folder, guardian) = (&keeping.data_dir, keeping.guardian.as_deref());
                if let SpectrometerSetup::Wasatch(options) = spectrometer_setup {
                    // Its laser is on the same port.
                    let unit = guardian::open_wasatch(spectrometer, options, folder, guardian, watch, clock.clone());
                    let kit = unit.and_then(|unit| unit.into_kit(options.excitation_nm)).map_err(|e| words(&e))?;
                    return Ok(Self { kit, settings, emulated: None });
                }
                if spectrometer == laser && *spectrometer_setup == SpectrometerSetup::Obp {
                    // A Ventana: its laser is on the same port.
                    let parts = guardian::open_ventana(spectrometer, folder, guardian, watch, Arc::clone(&clock));
                    let (spectrometer, laser) = parts.map_err(|e| words(&e))?;
                    let kit = Kit::from_parts(Box::new(spectrometer), laser, *excitation_nm, clock);
                    return Ok(Self { kit: kit.map_err(|e| words(&e))?, settings, emulated: None });
                }
                // The laser first: it is commanded off before anything is asked of the spectrometer.
                let laser = guardian::open_laser(laser, *laser_setup, folder, guardian, watch, Arc::clone(&clock))
                    .map_err(|e| words(&e))?;
                let link = SerialLink::open(spectrometer, SpectrometerSetup::BAUD, Arc::clone(&clock));
                let link = watch(Box::new(link.map_err(|e| words(&e))?));
                let spectrometer = spectrometer_setup.open(link, Arc::clone(&clock)).map_err(|e| words(&e))?;
                let kit = Kit::from_parts(spectrometer, laser, *excitation_nm, clock);
                Ok(Self { kit: kit.map_err(|e| words(&e))?, settings, emulated: None })
            }
        }
    }

    pub(super) fn status(&mut self) -> Result<KitStatus, String> {
        let report = self.kit.report().map_err(|e| words(&e))?;
        Ok(KitStatus {
            spectrometer: self.kit.spectrometer().clone(),
            laser: self.kit.laser().clone(),
            laser_state: report.laser_state,
            // Tenths are what a person reads; finer digits would make every status a new one.
            temperatures_c: report.temperatures_c.iter().map(|t| (t * 10.0).round() / 10.0).collect(),
            scan_ms: u64::try_from(self.kit.expected_duration(&self.settings).as_millis()).unwrap_or(u64::MAX),
        })
    }

    pub(super) fn set_sample(&mut self, sample: &str) -> Result<(), String> {
        if let Some((bench, library)) = &self.emulated {
            bench.set_sample(sample_from_name(library, sample).map_err(|e| words(&e))?);
        }
        Ok(())
    }

    pub(super) fn acquire(&mut self, shared: &Shared) -> Result<Acquisition, Ended> {
        let end = self.kit.acquire(
            &self.settings,
            &|| shared.cancelled(),
            &mut |progress| {
                let stage = match progress.stage {
                    AcquireStage::Preparing => Stage::Preparing,
                    AcquireStage::Dark => Stage::Dark,
                    AcquireStage::Light => Stage::Light,
                };
                shared.progress(stage, progress.fraction * ACQUISITION_SHARE, progress.remaining);
            },
            &mut |state: LaserState| shared.events.push(Event::Laser(state)),
        );
        end.map_err(|error| match error {
            AnalyzerError::Cancelled => Ended::Cancelled,
            error if error.loses_the_kit() => Ended::Lost(words(&error)),
            error => Ended::Failed(words(&error)),
        })
    }
}

/// An error as a sentence for the screen.
fn words(error: &dyn std::error::Error) -> String {
    let text = error.to_string();
    let mut letters = text.chars();
    let first = letters.next().map(|c| c.to_uppercase().to_string()).unwrap_or_default();
    format!("{first}{}.", letters.as_str().trim_end_matches('.'))
}
