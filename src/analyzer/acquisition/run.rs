//! The sequence of a scan: laser confirmed off, probes where the exposure is to be chosen, dark, light, laser off.

use std::ops::ControlFlow;
use std::sync::Arc;
use std::time::Duration;

use super::{
    AcquireProgress, AcquireStage, Acquisition, AutoExposure, Brightness, CoolerRecord, DarkPolicy, DarkSource,
    Exposure, ExposureChoice, ExposureKind, ExposureMode, LaserState, Optics, Plan, ProbeOutcome, Prober, Reduced,
    ScanConditions, ScanSettings, Ticker, Timings, reduce,
};
use crate::analyzer::laser::{Laser, LaserGuard, LaserPower, NotLit};
use crate::analyzer::{AnalyzerError, Clock, DetectorFacts, Kit, Spectrometer};
use crate::spectrum::Spectrum;

/// Most light exposures of one scan.
const LIGHT_EXPOSURES_MAX: u8 = 20;
/// Most dark readouts that the program averages where the device cannot.
const HOST_AVERAGES_MAX: u16 = 16;
/// Integration time that is planned for a probe before the light is known.
const PROBE_PLANNED_US: u32 = 20_000;

/// What a scan has measured.
struct Measured {
    dark: Exposure,
    dark_source: DarkSource,
    light: Vec<Exposure>,
    choice: Option<ExposureChoice>,
    cooler: Option<CoolerRecord>,
    laser_power: Option<LaserPower>,
}

impl Kit {
    /// How long [`Self::acquire`] takes at these settings, from what was measured on this kit.
    pub fn expected_duration(&self, settings: &ScanSettings) -> Duration {
        self.plan(settings).total()
    }

    /// Measures the sample: dark with the laser confirmed off, light with the laser confirmed on, laser off and
    /// confirmed, then the spectrum. With auto exposure, up to three short probes with the laser on go before.
    ///
    /// The laser is commanded off on every way out. `cancelled` is asked every 20 ms while waiting for the devices;
    /// `progress` is called as the scan goes on and `laser` with every change of the laser's state, both on this thread.
    pub fn acquire(
        &mut self,
        settings: &ScanSettings,
        cancelled: &dyn Fn() -> bool,
        progress: &mut dyn FnMut(AcquireProgress),
        laser: &mut dyn FnMut(LaserState),
    ) -> Result<Acquisition, AnalyzerError> {
        self.check(settings)?;
        let plan = self.plan(settings);
        let mut ticker = Ticker::new(Arc::clone(&self.clock), cancelled, progress, laser, plan);
        let measured = self.measure(settings, &mut ticker).inspect_err(|_| self.spectrometer.abort());
        let Measured { dark, dark_source, light, choice, cooler, laser_power } = measured?;
        let facts = self.spectrometer.detector_facts();
        let Reduced { spectrum, conditions } = reduce(&dark, &light, &self.optics(settings.resolution_cm1, &facts))?;
        let spectrum = match &self.correction {
            Some(correction) => correction.apply(&spectrum)?,
            None => spectrum,
        };
        Ok(Acquisition {
            spectrometer: self.spectrometer().clone(),
            laser: self.laser().clone(),
            excitation_nm: self.excitation_nm,
            wavelength_coefficients_nm: self.spectrometer.wavelength_coefficients_nm().to_vec(),
            dark,
            light,
            spectrum,
            simulated: self.simulated(),
            conditions: ScanConditions {
                correction: self.correction.clone(),
                check: self.check.clone(),
                dark_source,
                auto_exposure: choice,
                cooler,
                laser_power,
                ..conditions
            },
        })
    }

    /// Refuses what this kit cannot do before anything is sent.
    fn check(&self, settings: &ScanSettings) -> Result<(), AnalyzerError> {
        let limits = self.spectrometer.limits();
        let averages = (1, u64::from(limits.averages_max));
        let cases: [(&'static str, u64, (u64, u64)); 4] = [
            (
                "an integration time in microseconds",
                settings.integration_us.into(),
                (limits.integration_us_min.into(), limits.integration_us_max.into()),
            ),
            (
                "a number of averaged dark readouts",
                settings.dark_averages.into(),
                (1, u64::from(limits.averages_max.max(HOST_AVERAGES_MAX))),
            ),
            ("a number of averaged light readouts", settings.light_averages.into(), averages),
            ("a number of light exposures", settings.light_exposures.into(), (1, LIGHT_EXPOSURES_MAX.into())),
        ];
        for (what, wanted, (least, most)) in cases {
            if !(least..=most).contains(&wanted) {
                let port = self.spectrometer().port.clone();
                return Err(AnalyzerError::OutOfLimits { port, what, wanted, least, most });
            }
        }
        Ok(())
    }

    /// Time of one readout.
    pub(super) fn expected_readout(&self, integration_us: u32, averages: u16) -> Duration {
        let integration = Duration::from_micros(integration_us.into()) * averages.into();
        let computed = self.spectrometer.expected_acquire(integration_us, averages).saturating_sub(integration);
        integration + self.timings.overhead_or(computed)
    }

    /// Readouts of the dark that the device averages, and how often.
    fn dark_readouts(&self, averages: u16) -> (u16, u16) {
        let device = averages.min(self.spectrometer.limits().averages_max).max(1);
        (device, averages.div_ceil(device))
    }

    fn plan(&self, settings: &ScanSettings) -> Plan {
        let integration_us = match settings.exposure {
            ExposureMode::Fixed => settings.integration_us,
            // Until the light is known, the longest that it can take.
            ExposureMode::Auto(aim) => {
                let (limits, step_us) = (self.spectrometer.limits(), self.spectrometer.integration_step_us());
                Prober::new(aim, limits, step_us, &[], self.expected_readout(0, 1)).last_us()
            }
        };
        let transaction = self.laser.expected_transaction();
        let prepare = self.timings.prepare_or(self.spectrometer.expected_prepare());
        let probing = match settings.exposure {
            ExposureMode::Fixed => Duration::ZERO,
            // A dark one and two light ones.
            ExposureMode::Auto(_) => {
                3 * (prepare + self.expected_readout(PROBE_PLANNED_US, 1)) + self.timings.warm_up() + 5 * transaction
            }
        };
        let (device, repeats) = self.dark_readouts(settings.dark_averages);
        Plan {
            preparing: transaction + prepare + probing,
            dark: 2 * transaction + u32::from(repeats) * self.expected_readout(integration_us, device),
            light: self.timings.warm_up()
                + u32::from(settings.light_exposures)
                    * (transaction + self.expected_readout(integration_us, settings.light_averages))
                + 2 * transaction,
        }
    }

    pub(in crate::analyzer) fn optics<'a>(&'a self, resolution_cm1: f64, detector: &'a DetectorFacts) -> Optics<'a> {
        Optics {
            wavelength_coefficients_nm: self.spectrometer.wavelength_coefficients_nm(),
            excitation_nm: self.excitation_nm,
            resolution_cm1,
            detector,
            port: &self.spectrometer.identity().port,
        }
    }

    fn measure(&mut self, settings: &ScanSettings, ticker: &mut Ticker<'_>) -> Result<Measured, AnalyzerError> {
        self.confirm_off(ticker)?;
        let laser_power = self.adjust_power(ticker)?;
        let mut settings = *settings;
        let mut choice = None;
        if let ExposureMode::Auto(aim) = settings.exposure {
            let chosen = self.choose_exposure(aim, ticker)?;
            settings.integration_us = chosen.integration_us;
            settings.light_exposures = chosen.light_exposures.min(LIGHT_EXPOSURES_MAX);
            settings.light_averages = 1;
            settings.exposure = ExposureMode::Fixed;
            ticker.plan_again(self.plan(&settings));
            choice = Some(chosen);
        }
        let (dark, dark_source) =
            self.measure_dark(&settings, ticker).map_err(|error| self.off_after(error, ticker))?;
        ticker.enter(AcquireStage::Light);
        let prepared = self.prepare_light(&settings, ticker).map_err(|error| self.off_after(error, ticker))?;
        let (temperatures_c, cooler) = prepared;
        let light = self.measure_light(&settings, &temperatures_c, ticker)?;
        Ok(Measured { dark, dark_source, light, choice, cooler, laser_power })
    }

    /// Commands the laser off and hands on why, or that the laser does not obey, which matters more.
    pub(super) fn off_after(&mut self, error: AnalyzerError, ticker: &mut Ticker<'_>) -> AnalyzerError {
        let state = self.laser.disable();
        ticker.laser(state);
        if state.is_dark() { error } else { not_off(&mut *self.laser, state) }
    }

    /// Makes sure that the laser is off before anything else.
    pub(super) fn confirm_off(&mut self, ticker: &mut Ticker<'_>) -> Result<(), AnalyzerError> {
        let mut state = self.laser.state(&mut || ticker.tick());
        if state != LaserState::Off {
            state = self.laser.disable();
        }
        ticker.laser(state);
        match state {
            LaserState::Off if ticker.tick().is_break() => Err(AnalyzerError::Cancelled),
            LaserState::Off => Ok(()),
            state => Err(not_off(&mut *self.laser, state)),
        }
    }

    /// Brings the spectrometer to these settings and notes how long it took.
    pub(super) fn prepare(
        &mut self,
        integration_us: u32,
        averages: u16,
        ticker: &mut Ticker<'_>,
    ) -> Result<(), AnalyzerError> {
        let began = self.clock.now();
        self.spectrometer.prepare(integration_us, averages, &mut || ticker.tick())?;
        self.timings.prepared(self.clock.now().saturating_sub(began));
        Ok(())
    }

    /// One readout without light, for the level of the dark; laser off before and after.
    pub(super) fn dark_readout(
        &mut self,
        integration_us: u32,
        averages: u16,
        ticker: &mut Ticker<'_>,
    ) -> Result<Vec<u32>, AnalyzerError> {
        self.require_off(ticker)?;
        let counts = self.readout(integration_us, averages, ticker)?;
        self.require_off(ticker)?;
        Ok(counts)
    }

    fn readout(
        &mut self,
        integration_us: u32,
        averages: u16,
        ticker: &mut Ticker<'_>,
    ) -> Result<Vec<u32>, AnalyzerError> {
        timed_readout(&mut *self.spectrometer, &mut self.timings, &*self.clock, (integration_us, averages), ticker)
    }

    /// Short probes with the laser on until the exposure is known.
    fn choose_exposure(&mut self, aim: AutoExposure, ticker: &mut Ticker<'_>) -> Result<ExposureChoice, AnalyzerError> {
        let limits = self.spectrometer.limits();
        let step_us = self.spectrometer.integration_step_us();
        let probing = Prober::new(aim, limits, step_us, &[], Duration::ZERO).first_us();
        let prepared = self.prepare(probing, 1, ticker).and_then(|()| self.dark_readout(probing, 1, ticker));
        let dark = prepared.map_err(|error| self.off_after(error, ticker))?;
        let overhead = self.expected_readout(0, 1);
        let mut prober = Prober::new(aim, limits, step_us, &dark, overhead);
        let choice = self.while_it_shines(ticker, |shining, ticker| {
            let mut integration_us = probing;
            loop {
                let (counts, _) = shining.readout(integration_us, 1, ticker)?;
                match prober.judge(integration_us, &counts) {
                    ProbeOutcome::Chosen(choice) => return Ok(choice),
                    ProbeOutcome::Again(next) => {
                        integration_us = next;
                        shining.spectrometer.prepare(next, 1, &mut || ticker.tick())?;
                    }
                }
            }
        })?;
        match choice.brightness {
            Brightness::TooBright => {
                let port = self.spectrometer().port.clone();
                Err(AnalyzerError::TooBright { port, shortest_us: choice.integration_us })
            }
            Brightness::OnTarget | Brightness::TooWeak => Ok(choice),
        }
    }

    fn measure_dark(
        &mut self,
        settings: &ScanSettings,
        ticker: &mut Ticker<'_>,
    ) -> Result<(Exposure, DarkSource), AnalyzerError> {
        let (device, repeats) = self.dark_readouts(settings.dark_averages);
        self.prepare(settings.integration_us, device, ticker)?;
        self.await_cooler(ticker)?;
        ticker.enter(AcquireStage::Dark);
        let temperatures_c = self.spectrometer.temperatures_c(&mut || ticker.tick())?;
        let wanted = device * repeats;
        if settings.dark != DarkPolicy::FRESH {
            let now = self.clock.now();
            let found = self.darks.find(settings.dark, now, settings.integration_us, wanted, &temperatures_c);
            if let Some((age, dark)) = found {
                return Ok((dark, DarkSource::Cached { age_ms: milliseconds(age) }));
            }
        }
        let laser_before = self.require_off(ticker)?;
        let started_ms = milliseconds(self.clock.now());
        let mut readouts = Vec::new();
        for _ in 0..repeats {
            readouts.push(self.readout(settings.integration_us, device, ticker)?);
        }
        // A laser that is not off now may have been on during the readout: that is no dark.
        let laser_after = self.require_off(ticker)?;
        let dark = Exposure {
            kind: ExposureKind::Dark,
            counts: average(&readouts),
            integration_us: settings.integration_us,
            scans_averaged: wanted,
            saturation_counts: self.spectrometer.limits().saturation_counts,
            temperatures_c,
            laser_before,
            laser_after,
            started_ms,
        };
        self.darks.keep(self.clock.now(), &dark);
        Ok((dark, DarkSource::Fresh))
    }

    fn require_off(&mut self, ticker: &mut Ticker<'_>) -> Result<LaserState, AnalyzerError> {
        match self.laser.state(&mut || ticker.tick()) {
            LaserState::Off => Ok(LaserState::Off),
            // A question that a cancel cut short gives no state.
            _ if ticker.tick().is_break() => Err(AnalyzerError::Cancelled),
            state => Err(not_off(&mut *self.laser, state)),
        }
    }

    /// Everything that the light exposures need and that can be done while the laser is still off.
    fn prepare_light(
        &mut self,
        settings: &ScanSettings,
        ticker: &mut Ticker<'_>,
    ) -> Result<(Vec<f32>, Option<CoolerRecord>), AnalyzerError> {
        if settings.light_averages != self.dark_readouts(settings.dark_averages).0 {
            self.spectrometer.set_averages(settings.light_averages, &mut || ticker.tick())?;
        }
        let cooler = self.spectrometer.cooler(&mut || ticker.tick())?;
        let cooler =
            cooler.map(|c| CoolerRecord { setpoint_c: c.setpoint_c, detector_c: c.detector_c, stable: c.stable });
        Ok((self.spectrometer.temperatures_c(&mut || ticker.tick())?, cooler))
    }

    fn measure_light(
        &mut self,
        settings: &ScanSettings,
        temperatures_c: &[f32],
        ticker: &mut Ticker<'_>,
    ) -> Result<Vec<Exposure>, AnalyzerError> {
        let saturation_counts = self.spectrometer.limits().saturation_counts;
        self.while_it_shines(ticker, |shining, ticker| {
            let mut laser_before = LaserState::On;
            (0..settings.light_exposures)
                .map(|_| {
                    let started_ms = milliseconds(shining.now());
                    let (counts, laser_after) =
                        shining.readout(settings.integration_us, settings.light_averages, ticker)?;
                    let before = std::mem::replace(&mut laser_before, laser_after);
                    Ok(Exposure {
                        kind: ExposureKind::Light,
                        counts,
                        integration_us: settings.integration_us,
                        scans_averaged: settings.light_averages,
                        saturation_counts,
                        temperatures_c: temperatures_c.to_vec(),
                        laser_before: before,
                        laser_after,
                        started_ms,
                    })
                })
                .collect()
        })
    }

    /// Switches the laser on, does `work` and switches it off, whatever happens in between, a panic included.
    pub(super) fn while_it_shines<T>(
        &mut self,
        ticker: &mut Ticker<'_>,
        work: impl FnOnce(&mut Shining<'_>, &mut Ticker<'_>) -> Result<T, AnalyzerError>,
    ) -> Result<T, AnalyzerError> {
        let commanded = self.clock.now();
        // From the command on it may emit.
        ticker.laser(LaserState::WarmingUp);
        let guard = match LaserGuard::light(&mut *self.laser, &self.clock, &mut || ticker.tick()) {
            Ok(guard) => guard,
            Err(NotLit { error, state }) => {
                ticker.laser(state);
                return Err(error);
            }
        };
        ticker.laser(LaserState::On);
        self.timings.warmed_up(self.clock.now().saturating_sub(commanded));
        let (result, state) = {
            let (spectrometer, timings) = (&mut *self.spectrometer, &mut self.timings);
            let mut shining = Shining { guard, spectrometer, timings, clock: &*self.clock };
            let result = work(&mut shining, ticker);
            (result, shining.guard.off())
        };
        ticker.laser(state);
        if state == LaserState::Off { result } else { Err(not_off(&mut *self.laser, state)) }
    }
}

/// A kit whose laser is on. Only what needs the light can be done with it.
pub(super) struct Shining<'a> {
    guard: LaserGuard<'a>,
    pub spectrometer: &'a mut dyn Spectrometer,
    timings: &'a mut Timings,
    clock: &'a dyn Clock,
}

impl Shining<'_> {
    /// One readout, and the laser's state after it, which is on.
    pub fn readout(
        &mut self,
        integration_us: u32,
        averages: u16,
        ticker: &mut Ticker<'_>,
    ) -> Result<(Vec<u32>, LaserState), AnalyzerError> {
        let counts = timed_readout(self.spectrometer, self.timings, self.clock, (integration_us, averages), ticker)?;
        Ok((counts, self.guard.require_on(&mut || ticker.tick())?))
    }

    /// Monotonic time.
    pub fn now(&self) -> Duration {
        self.clock.now()
    }
}

impl Acquisition {
    /// The spectrum of the same counts without any calibration: on the axis and with the response that the device has.
    pub fn uncorrected(&self) -> Result<Spectrum, AnalyzerError> {
        let optics = Optics {
            wavelength_coefficients_nm: &self.wavelength_coefficients_nm,
            excitation_nm: self.excitation_nm,
            resolution_cm1: self.spectrum.resolution_cm1().unwrap_or(0.0),
            detector: &self.conditions.detector,
            port: &self.spectrometer.port,
        };
        Ok(reduce(&self.dark, &self.light, &optics)?.spectrum)
    }

    /// Seconds of light in one exposure: what the intensities stand for.
    pub fn light_seconds(&self) -> Option<f64> {
        self.light.first().map(|light| f64::from(light.integration_us) / 1e6)
    }
}

/// One readout of so many averaged integrations of so many microseconds, with its duration noted.
fn timed_readout(
    spectrometer: &mut dyn Spectrometer,
    timings: &mut Timings,
    clock: &dyn Clock,
    (integration_us, averages): (u32, u16),
    ticker: &mut Ticker<'_>,
) -> Result<Vec<u32>, AnalyzerError> {
    let began = clock.now();
    let counts = spectrometer.acquire(&mut || ticker.tick())?;
    let integration = Duration::from_micros(integration_us.into()) * averages.into();
    timings.readout(clock.now().saturating_sub(began), integration);
    Ok(counts)
}

/// Mean of readouts, rounded. From three on, the highest of a pixel is left out where it stands alone far above the others:
/// a cosmic ray.
fn average(readouts: &[Vec<u32>]) -> Vec<u32> {
    let pixels = readouts.iter().map(Vec::len).min().unwrap_or(0);
    (0..pixels)
        .map(|p| {
            let mut values: Vec<u64> = readouts.iter().filter_map(|r| r.get(p)).map(|c| u64::from(*c)).collect();
            values.sort_unstable();
            if let [least, .., second, highest] = values.as_slice()
                && highest - second > 10 * (second - least).max(4)
            {
                values.pop();
            }
            let count = values.len().max(1) as u64;
            u32::try_from((values.iter().sum::<u64>() + count / 2) / count).unwrap_or(u32::MAX)
        })
        .collect()
}

/// Why a scan cannot go on with a laser in this state. One that a key, an interlock or a fault holds was read back as
/// dark: that is to be put right, and the sentence names it.
fn not_off(laser: &mut dyn Laser, state: LaserState) -> AnalyzerError {
    let port = laser.identity().port.clone();
    if state.emission_ended() {
        let obstacle = laser.condition(&mut || ControlFlow::Continue(())).obstacle();
        let why = obstacle.unwrap_or_else(|| "its key or its interlock holds it".to_owned());
        return AnalyzerError::LaserBlocked { port, why };
    }
    AnalyzerError::LaserNotOff { port, state }
}

fn milliseconds(time: Duration) -> u64 {
    u64::try_from(time.as_millis()).unwrap_or(u64::MAX)
}
