//! The bench: what spectrometer and laser of one emulated kit share. Light reaches the detector only while the laser
//! shines; it takes the laser a while to be at power, it drifts, and it bleaches the sample's fluorescence.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use super::Sample;
use super::detector::Detector;
use super::optics::{Gap, Light, Unit};

/// Share of the power that is there [`RAMP_S`] after the command, and the time in which the rest of it comes (a).
const EARLY_SHARE: f64 = 0.97;
const RAMP_S: f64 = 0.15;
const SETTLING_S: f64 = 3.0;
/// Time in which the power drifts to its final value (a).
const DRIFT_S: f64 = 60.0;
/// Intervals of shining that are remembered one by one; what was before counts for the bleaching only.
const SHINING_KEPT: usize = 64;
/// Steps in which the power is summed over an exposure.
const STEPS: f64 = 400.0;

/// Readouts that the bench remembers.
const READOUTS_KEPT: usize = 64;

/// What the detector really saw in one readout: what a device means to send, whatever becomes of it on the wire.
#[derive(Clone, Debug, PartialEq)]
pub struct Readout {
    /// Beginning of the exposure.
    pub start: Duration,
    /// Its end.
    pub end: Duration,
    /// Integrations that were averaged.
    pub scans: u16,
    /// Share of the exposure in which the laser shone, 0..=1.
    pub lit: f64,
    /// Counts, one per pixel.
    pub counts: Vec<u32>,
}

/// One emulated kit's optics. Clones are the same bench.
#[derive(Clone, Debug)]
pub struct Bench {
    state: Arc<Mutex<State>>,
}

#[derive(Debug)]
struct State {
    unit: Unit,
    sample: Sample,
    gap: Gap,
    seed: u64,
    /// What the sample sends to the detector, worked out at its first readout: other devices of the kit wait for the bench
    /// meanwhile.
    light: Option<Arc<Light>>,
    readouts: u64,
    /// The last of them, oldest first.
    seen: VecDeque<Readout>,
    /// Power that the laser is set to, relative to its rated power.
    power: f64,
    /// Relative change of the power while it warms up for minutes.
    drift: f64,
    /// Dark current relative to the detector's working temperature.
    dark_scale: f64,
    /// While the laser shone; the last entry is open while it shines.
    shining: Vec<Shine>,
    /// Since when the sample lies under the probe; `None` until the first readout of a new one.
    placed_at: Option<Duration>,
    /// Seconds at full power that the sample got in intervals that are forgotten.
    forgotten_dose_s: f64,
}

/// An interval of constant set power.
#[derive(Clone, Copy, Debug)]
struct Shine {
    on: Duration,
    off: Option<Duration>,
    /// When the emission began from which the warm-up counts.
    warm_from: Duration,
    power: f64,
}

impl Shine {
    /// Power at a time after the emission began, relative to the rated one.
    fn power_at(&self, since_on_s: f64, drift: f64) -> f64 {
        let ramp = (since_on_s / RAMP_S).clamp(0.0, 1.0);
        let early = EARLY_SHARE * ramp * ramp * (3.0 - 2.0 * ramp);
        let late = (1.0 - EARLY_SHARE) * (1.0 - (-(since_on_s - RAMP_S).max(0.0) / SETTLING_S).exp());
        self.power * (early + late) * (1.0 + drift * (1.0 - (-since_on_s / DRIFT_S).exp()))
    }

    /// Part of `from..to` in which it shines.
    fn overlap(&self, from: Duration, to: Duration) -> Option<(Duration, Duration)> {
        let (start, end) = (self.on.max(from), self.off.unwrap_or(to).min(to));
        (start < end).then_some((start, end))
    }
}

impl Bench {
    /// A bench with the STS unit that `seed` draws and `sample` under the probe.
    pub fn new(seed: u64, gap: Gap, sample: Sample) -> Self {
        Self::with_detector(seed, gap, sample, Detector::STS)
    }

    /// A bench with the unit of another detector that `seed` draws and `sample` under the probe.
    pub fn with_detector(seed: u64, gap: Gap, sample: Sample, detector: Detector) -> Self {
        let unit = Unit::draw(seed, detector);
        // Up to 1.5 % either way, another for every seed.
        let drift = 0.015 * (seed.wrapping_mul(0x9E37_79B9_7F4A_7C15) as f64 / u64::MAX as f64 * 2.0 - 1.0);
        let state = State {
            unit,
            sample,
            gap,
            seed,
            light: None,
            readouts: 0,
            seen: VecDeque::new(),
            power: 1.0,
            drift,
            dark_scale: 1.0,
            shining: Vec::new(),
            placed_at: Some(Duration::ZERO),
            forgotten_dose_s: 0.0,
        };
        Self { state: Arc::new(Mutex::new(state)) }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        // Nothing in here can be left half done, so a panic elsewhere does not spoil it.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The unit on the bench.
    pub fn unit(&self) -> Unit {
        self.state().unit.clone()
    }

    /// Gives the unit an axis whose largest error is `largest_cm1`; see [`Unit::draw_with_axis_error`].
    pub fn set_axis_error(&self, largest_cm1: f64) {
        let mut state = self.state();
        state.unit = Unit::draw_with_axis_error(state.seed, state.unit.detector, largest_cm1);
        state.light = None;
    }

    /// How far samples put under the probe differ from their references from now on. A standard does not.
    pub fn set_gap(&self, gap: Gap) {
        let mut state = self.state();
        (state.gap, state.light) = (gap, None);
    }

    /// Puts something else, not yet bleached, under the probe.
    pub fn set_sample(&self, sample: Sample) {
        let mut state = self.state();
        (state.sample, state.light, state.placed_at, state.forgotten_dose_s) = (sample, None, None, 0.0);
    }

    /// The laser starts to shine.
    pub fn laser_on(&self, now: Duration) {
        let mut state = self.state();
        if state.shining.last().is_none_or(|last| last.off.is_some()) {
            state.forget_old();
            let shine = Shine { on: now, off: None, warm_from: now, power: state.power };
            state.shining.push(shine);
        }
    }

    /// The laser stops shining.
    pub fn laser_off(&self, now: Duration) {
        if let Some(last) = self.state().shining.last_mut()
            && last.off.is_none()
        {
            last.off = Some(now);
        }
    }

    /// Sets the power of the laser relative to its rated power, whether it shines or not.
    pub fn set_laser_power(&self, relative: f64, now: Duration) {
        let mut state = self.state();
        state.power = relative.max(0.0);
        let power = state.power;
        if let Some(last) = state.shining.last_mut()
            && last.off.is_none()
        {
            last.off = Some(now);
            let next = Shine { on: now, off: None, power, ..*last };
            state.shining.push(next);
        }
    }

    /// True while the laser shines.
    pub fn laser_shines(&self) -> bool {
        self.state().shining.last().is_some_and(|last| last.off.is_none())
    }

    /// Sets the dark current relative to the one at the detector's working temperature.
    pub fn set_dark_scale(&self, relative: f64) {
        self.state().dark_scale = relative.max(0.0);
    }

    /// Counts of a readout from `start` to `end` that averaged `scans` integrations.
    pub fn read_out(&self, start: Duration, end: Duration, scans: u16) -> Vec<u32> {
        let mut state = self.state();
        state.readouts += 1;
        let scans_float = f64::from(scans.max(1));
        let seconds = end.saturating_sub(start).as_secs_f64() / scans_float;
        let light = state.light();
        let dose = state.dose_before(start);
        let (steady_s, glow_s) = state.energy(start, end, dose, light.bleaching_share, light.bleaching_s);
        let electrons: Vec<f64> = light
            .steady
            .iter()
            .zip(&light.glow)
            .map(|(steady, glow)| (steady * steady_s + glow * glow_s) / scans_float)
            .collect();
        let noise_seed = state.seed.wrapping_mul(0x9E37_79B9_7F4A_7C15) ^ state.readouts;
        let counts = state.unit.read_out(&electrons, seconds, state.dark_scale, scans, noise_seed);
        let readout = Readout { start, end, scans, lit: state.lit(start, end), counts: counts.clone() };
        if state.seen.len() == READOUTS_KEPT {
            state.seen.pop_front();
        }
        state.seen.push_back(readout);
        counts
    }

    /// The last readouts, oldest first.
    pub fn readouts(&self) -> Vec<Readout> {
        self.state().seen.iter().cloned().collect()
    }
}

impl State {
    /// The same sample on the same bench shines the same; only the noise changes from readout to readout.
    fn light(&mut self) -> Arc<Light> {
        let (unit, sample, gap, seed) = (&self.unit, &self.sample, self.gap, self.seed);
        let light = self.light.get_or_insert_with(|| {
            let name_seed = sample.name.bytes().fold(seed, |s, b| s.wrapping_mul(0x100_0000_01b3) ^ u64::from(b));
            Arc::new(unit.light(sample, gap, name_seed))
        });
        Arc::clone(light)
    }

    /// Share of an exposure in which the laser shone.
    fn lit(&self, start: Duration, end: Duration) -> f64 {
        let shone =
            self.shining.iter().filter_map(|shine| shine.overlap(start, end)).map(|(from, to)| to.saturating_sub(from));
        let all = end.saturating_sub(start).as_secs_f64();
        shone.sum::<Duration>().as_secs_f64() / all.max(f64::MIN_POSITIVE)
    }

    /// Seconds at full power that the sample got before `time`; the warm-up counts as full power.
    fn dose_before(&mut self, time: Duration) -> f64 {
        let placed_at = *self.placed_at.get_or_insert(time);
        let kept: f64 = self
            .shining
            .iter()
            .filter_map(|shine| {
                shine.overlap(placed_at, time).map(|(from, to)| to.saturating_sub(from).as_secs_f64() * shine.power)
            })
            .sum();
        self.forgotten_dose_s + kept
    }

    /// Drops old intervals, but not what they did to the sample.
    fn forget_old(&mut self) {
        if self.shining.len() < SHINING_KEPT {
            return;
        }
        let placed_at = self.placed_at;
        for shine in self.shining.drain(..SHINING_KEPT / 2) {
            if let (Some(placed_at), Some(off)) = (placed_at, shine.off) {
                self.forgotten_dose_s += off.saturating_sub(shine.on.max(placed_at)).as_secs_f64() * shine.power;
            }
        }
    }

    /// Seconds at full power within `start..end`, for what does not bleach and for the fluorescence.
    fn energy(&self, start: Duration, end: Duration, dose_s: f64, share: f64, decay_s: f64) -> (f64, f64) {
        let (mut steady, mut glow) = (0.0, 0.0);
        for shine in &self.shining {
            let Some((from, to)) = shine.overlap(start, end) else { continue };
            let step = to.saturating_sub(from).as_secs_f64() / STEPS;
            let began = from.saturating_sub(shine.warm_from).as_secs_f64();
            for i in 0..STEPS as u32 {
                let power = step * shine.power_at(began + (f64::from(i) + 0.5) * step, self.drift);
                steady += power;
                glow += power * (1.0 - share * (1.0 - (-(dose_s + steady) / decay_s).exp()));
            }
        }
        (steady, glow)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::analyzer::emulator::SamplePart;
    use crate::spectrum::Band;

    const SECOND: Duration = Duration::from_secs(1);

    fn bench() -> Bench {
        let band = Band { position_cm1: 1001.0, height: 1.0, fwhm_cm1: 9.0, lorentz_fraction: 0.0 };
        let part = SamplePart { share: 1.0, bands: vec![band] };
        Bench::new(3, Gap::NONE, Sample { name: "line".to_owned(), parts: vec![part] })
    }

    /// Light minus dark, mean over the pixels, of two hundred averaged scans.
    fn light(bench: &Bench, start: Duration, length: Duration) -> f64 {
        let counts = bench.read_out(start, start + length, 1);
        counts.iter().map(|c| f64::from(*c)).sum::<f64>() / counts.len() as f64 - bench.unit().detector.offset_counts
    }

    #[test]
    fn the_laser_comes_to_power_gradually_and_its_set_power_scales_the_light() {
        let bench = bench();
        let dark = light(&bench, Duration::ZERO, SECOND);
        bench.laser_on(SECOND);
        let seen = |from_ms: u64| {
            light(&bench, SECOND + Duration::from_millis(from_ms), Duration::from_millis(50)) * 20.0 - dark
        };
        let (first, second, full) = (seen(0), seen(60), seen(8_000));
        assert!(first < 0.2 * full && first < second && second < 0.8 * full, "{first}, {second}, {full}");
        bench.set_laser_power(0.25, 20 * SECOND);
        let quarter = light(&bench, 21 * SECOND, SECOND) - dark;
        let ratio = quarter / (light(&bench, 18 * SECOND, SECOND) - dark);
        assert!((ratio - 0.25).abs() < 0.02, "{ratio}");
        bench.laser_off(30 * SECOND);
        assert!((light(&bench, 31 * SECOND, SECOND) - dark).abs() < 1.0);
    }

    #[test]
    fn fluorescence_bleaches_with_the_light_that_the_sample_got_and_a_fresh_sample_glows_again() {
        let bench = bench();
        bench.laser_on(Duration::ZERO);
        let late = 400 * SECOND;
        let early = light(&bench, 3 * SECOND, SECOND);
        let bleached = light(&bench, late, SECOND);
        assert!(bleached < 0.97 * early, "{early} then {bleached}");
        let sample = bench.state().sample.clone();
        bench.set_sample(sample);
        let fresh = light(&bench, late + SECOND, SECOND);
        assert!(fresh > 1.03 * bleached, "{bleached} then {fresh}");
        // Switching often makes the bench forget intervals, not the bleaching.
        for i in 0..200_u32 {
            bench.laser_off(late + (2 * i + 2) * SECOND);
            bench.laser_on(late + (2 * i + 3) * SECOND);
        }
        let again = light(&bench, late + 420 * SECOND, SECOND);
        assert!(again < 0.97 * fresh, "{fresh} then {again}");
    }
}
