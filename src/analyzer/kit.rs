//! A kit: spectrometer and laser, and one acquisition with them.

use std::sync::Arc;
use std::time::Duration;

use crate::spectrum::{Spectrum, Technique};

use super::laser::{Laser, LaserGuard, MatchBoxLaser};
use super::obp::{ObpSpectrometer, Readout};
use super::{Acquisition, AnalyzerError, Clock, DeviceIdentity, Exposure, ExposureKind, LaserState, Transport};

/// Electrons per count assumed for the shot noise where the kit's gain was not measured.
const ASSUMED_ELECTRONS_PER_COUNT: f64 = 6.0;
/// Time that commands and read-backs around one exposure take, for the estimate of the time left.
const OVERHEAD: Duration = Duration::from_millis(300);

/// What to acquire.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct ScanSettings {
    /// Integration time of one scan, microseconds.
    pub integration_us: u32,
    /// Scans that the device averages into one readout.
    pub averages: u16,
    /// Light readouts: with two or more a cosmic ray is found by its absence from the others.
    pub light_readouts: u16,
    /// Resolution of the spectrometer (full width at half maximum), cm-1.
    pub resolution_cm1: f64,
    /// Line speed of the spectrometer, bits per second; decides how long a readout is on the wire.
    pub baud: u32,
}

impl Default for ScanSettings {
    fn default() -> Self {
        Self { integration_us: 1_000_000, averages: 1, light_readouts: 3, resolution_cm1: 9.0, baud: 115_200 }
    }
}

impl ScanSettings {
    /// Duration of one readout.
    fn readout(&self) -> Duration {
        Duration::from_micros(u64::from(self.integration_us)) * u32::from(self.averages)
    }

    /// Expected duration of the whole acquisition: one dark readout and the light ones.
    pub fn duration(&self) -> Duration {
        // A spectrum is 2,112 bytes of ten bits each.
        let transfer = Duration::from_secs_f64(21_120.0 / f64::from(self.baud.max(1)));
        (self.readout() + transfer + OVERHEAD) * (1 + u32::from(self.light_readouts))
    }
}

/// How far an acquisition is.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct AcquireProgress {
    /// What is being exposed.
    pub kind: ExposureKind,
    /// Share that is done, 0..=1.
    pub fraction: f32,
    /// Time left.
    pub remaining: Duration,
}

/// What the kit says of itself.
#[derive(Clone, Debug, PartialEq)]
pub struct KitReport {
    /// Laser state as read back.
    pub laser_state: LaserState,
    /// Temperatures of the spectrometer, deg C.
    pub temperatures_c: Vec<f32>,
}

/// An open kit. Dropping it commands the laser off.
pub struct Kit {
    spectrometer: ObpSpectrometer,
    laser: MatchBoxLaser,
    excitation_nm: f64,
    clock: Arc<dyn Clock>,
}

impl Kit {
    /// Opens laser and spectrometer. The laser is commanded off before anything else is asked.
    pub fn connect(
        spectrometer: Box<dyn Transport>,
        laser: Box<dyn Transport>,
        excitation_nm: f64,
        clock: Arc<dyn Clock>,
    ) -> Result<Self, AnalyzerError> {
        let laser = MatchBoxLaser::open(laser, Arc::clone(&clock))?;
        let spectrometer = ObpSpectrometer::open(spectrometer, Arc::clone(&clock))?;
        Ok(Self { spectrometer, laser, excitation_nm, clock })
    }

    /// The spectrometer.
    pub const fn spectrometer(&self) -> &DeviceIdentity {
        self.spectrometer.identity()
    }

    /// The laser.
    pub fn laser(&self) -> &DeviceIdentity {
        self.laser.identity()
    }

    /// Asks both devices how they are.
    pub fn report(&mut self) -> Result<KitReport, AnalyzerError> {
        let laser_state = self.laser.state();
        Ok(KitReport { laser_state, temperatures_c: self.spectrometer.temperatures_c()? })
    }

    /// Commands the laser off and returns the state that was read back.
    pub fn laser_off(&mut self) -> LaserState {
        self.laser.disable()
    }

    /// Dark, light, and the spectrum that they give. The laser is on only during the light readouts and is commanded off on
    /// every way out. `cancelled` is asked at least every 50 ms; `progress` is called as often, `laser` at each change.
    pub fn acquire(
        &mut self,
        settings: &ScanSettings,
        cancelled: &dyn Fn() -> bool,
        progress: &mut dyn FnMut(AcquireProgress),
        laser: &mut dyn FnMut(LaserState),
    ) -> Result<Acquisition, AnalyzerError> {
        let readout = Readout { integration_us: settings.integration_us, averages: settings.averages };
        let began = self.clock.now();
        let total = settings.duration();
        let clock = Arc::clone(&self.clock);
        let mut report = |kind: ExposureKind| {
            let gone = clock.now().saturating_sub(began);
            let fraction = (gone.as_secs_f32() / total.as_secs_f32()).min(0.99);
            progress(AcquireProgress { kind, fraction, remaining: total.saturating_sub(gone) });
        };

        let before = self.laser.disable();
        laser(before);
        if before != LaserState::Off {
            return Err(AnalyzerError::LaserUnknown);
        }
        report(ExposureKind::Dark);
        self.spectrometer.configure(readout)?;
        let temperatures_c = self.spectrometer.temperatures_c()?;
        let started_ms = milliseconds(self.clock.now());
        let counts = self.spectrometer.acquire(readout, cancelled, &mut || report(ExposureKind::Dark))?;
        let after = self.laser.state();
        if after != LaserState::Off {
            laser(after);
            self.laser.disable();
            return Err(AnalyzerError::LaserUnknown);
        }
        let exposure = |kind, counts, before, after, started_ms, temperatures_c| Exposure {
            kind,
            counts,
            integration_us: readout.integration_us,
            scans_averaged: readout.averages,
            saturation_counts: self.spectrometer.saturation_counts(),
            temperatures_c,
            laser_before: before,
            laser_after: after,
            started_ms,
        };
        let dark = exposure(ExposureKind::Dark, counts, before, after, started_ms, temperatures_c.clone());

        let mut light_counts = Vec::new();
        let mut guard = LaserGuard::switch_on(&mut self.laser, self.clock.as_ref(), cancelled)?;
        laser(LaserState::On);
        for _ in 0..settings.light_readouts.max(1) {
            let started_ms = milliseconds(self.clock.now());
            let before = guard.state();
            let counts = self.spectrometer.acquire(readout, cancelled, &mut || report(ExposureKind::Light));
            let counts = match counts {
                Ok(counts) => counts,
                Err(error) => {
                    laser(guard.switch_off());
                    return Err(error);
                }
            };
            let after = guard.state();
            if before != LaserState::On || after != LaserState::On {
                laser(guard.switch_off());
                return Err(AnalyzerError::LaserStayedOff("it went out during the exposure".to_owned()));
            }
            light_counts.push((counts, before, after, started_ms));
        }
        let off = guard.switch_off();
        laser(off);
        if off != LaserState::Off {
            return Err(AnalyzerError::LaserUnknown);
        }
        let saturation_counts = self.spectrometer.saturation_counts();
        let light: Vec<Exposure> = light_counts
            .into_iter()
            .map(|(counts, before, after, started_ms)| Exposure {
                kind: ExposureKind::Light,
                counts,
                laser_before: before,
                laser_after: after,
                started_ms,
                temperatures_c: temperatures_c.clone(),
                saturation_counts,
                ..dark.clone()
            })
            .collect();
        let coefficients = self.spectrometer.coefficients_nm().to_vec();
        let spectrum = spectrum(&dark, &light, &coefficients, self.excitation_nm, settings)?;
        let (spectrometer, laser) = (self.spectrometer.identity().clone(), self.laser.identity().clone());
        let simulated = spectrometer.simulated || laser.simulated;
        Ok(Acquisition {
            spectrometer,
            laser,
            excitation_nm: self.excitation_nm,
            wavelength_coefficients_nm: coefficients,
            dark,
            light,
            spectrum,
            simulated,
        })
    }
}

fn milliseconds(time: Duration) -> u64 {
    u64::try_from(time.as_millis()).unwrap_or(u64::MAX)
}

/// Light minus dark on the Raman-shift axis, with the noise of each point.
fn spectrum(
    dark: &Exposure,
    light: &[Exposure],
    coefficients_nm: &[f64],
    excitation_nm: f64,
    settings: &ScanSettings,
) -> Result<Spectrum, AnalyzerError> {
    let n = dark.counts.len();
    if light.is_empty() || light.iter().any(|l| l.counts.len() != n) {
        return Err(AnalyzerError::NoSpectrum("light and dark readouts differ in length; scan again".to_owned()));
    }
    let read_noise = scatter(&dark.counts);
    let electrons_per_count = ASSUMED_ELECTRONS_PER_COUNT * f64::from(settings.averages.max(1));
    let (mut axis, mut signal, mut noise, mut saturated) = (Vec::new(), Vec::new(), Vec::new(), Vec::new());
    for pixel in 0..n {
        let wavelength_nm = coefficients_nm.iter().rev().fold(0.0, |sum, c| sum * pixel as f64 + c);
        let shift_cm1 = 1e7 / excitation_nm - 1e7 / wavelength_nm;
        let values: Vec<u32> = light.iter().filter_map(|l| l.counts.get(pixel).copied()).collect();
        let (mean, kept) = mean_without_cosmic_rays(&values, read_noise, electrons_per_count);
        let dark_counts = f64::from(dark.counts.get(pixel).copied().unwrap_or(0));
        if values.iter().any(|v| *v >= dark.saturation_counts) {
            saturated.push(axis.len());
        }
        let shot = (mean - dark_counts).max(0.0) / electrons_per_count;
        axis.push(shift_cm1);
        signal.push(mean - dark_counts);
        noise.push(((shot + read_noise * read_noise) / kept as f64 + read_noise * read_noise).sqrt());
    }
    let wrong = |e: crate::spectrum::SpectrumError| AnalyzerError::NoSpectrum(e.to_string());
    Ok(Spectrum::new(Technique::Raman, axis, signal)
        .and_then(|s| s.with_noise(noise))
        .map_err(wrong)?
        .with_saturated(saturated)
        .with_resolution(settings.resolution_cm1))
}

/// Mean of the readouts of one pixel, without those that stand more than six standard deviations above the lowest: a
/// cosmic ray only adds, and hits one readout. Also the number of readouts kept.
fn mean_without_cosmic_rays(values: &[u32], read_noise: f64, electrons_per_count: f64) -> (f64, usize) {
    let lowest = f64::from(values.iter().copied().min().unwrap_or(0));
    let sd = (read_noise * read_noise + lowest / electrons_per_count).sqrt().max(1.0);
    let kept: Vec<f64> = values.iter().map(|v| f64::from(*v)).filter(|v| *v <= lowest + 6.0 * sd).collect();
    (kept.iter().sum::<f64>() / kept.len().max(1) as f64, kept.len().max(1))
}

/// Standard deviation of neighbouring differences, robust: the read and dark noise of one pixel, counts.
fn scatter(counts: &[u32]) -> f64 {
    let mut steps: Vec<f64> = counts.windows(2).map(|w| (f64::from(w[1]) - f64::from(w[0])).abs()).collect();
    if steps.is_empty() {
        return 1.0;
    }
    let middle = steps.len() / 2;
    (*steps.select_nth_unstable_by(middle, f64::total_cmp).1 / 0.6745 / std::f64::consts::SQRT_2).max(0.3)
}
