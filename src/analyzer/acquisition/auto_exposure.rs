//! Auto exposure: from a few short probe readouts to the integration time and the number of exposures. Pure: whoever has
//! the device takes the probes.

use std::time::Duration;

use super::statistics::{mean, median};
use super::{Brightness, ExposureChoice};
use crate::analyzer::Limits;

/// Most probe exposures.
pub const PROBES_MAX: u8 = 3;
/// First probe, microseconds.
const FIRST_US: f64 = 20_000.0;
/// Longest probe, microseconds: the sample should not wait for its scan.
const LONGEST_PROBE_US: f64 = 2_000_000.0;
/// Factor by which the time changes while nothing is known: the range that one readout can measure is about a thousand.
const LEAP: f64 = 300.0;
/// Signal over its noise from which a probe tells the brightness well enough, and from which it tells anything.
const GOOD_SIGMAS: f64 = 120.0;
const SOME_SIGMAS: f64 = 8.0;
/// Light exposures of a scan; more where the time allows and it is weak.
const EXPOSURES: (u8, u8) = (3, 10);
/// Time of light, laser on, that is enough where the light is strong.
const ENOUGH: Duration = Duration::from_secs(3);
/// Share of the time budget that goes to the dark: two readouts beside three of light.
const DARK_SHARE: f64 = 0.4;
/// Pixels over which a single hit is told from light, and the share of the highest that a pixel beside it has at least where
/// it is light: half in the narrowest band that a detector can resolve, two pixels wide.
const AROUND: usize = 5;
const ALONE: f64 = 0.4;
/// Below this fill, the lower end of the target, the light counts as too weak for the time allowed.
const WEAK_FILL: f64 = 0.6;

/// What auto exposure aims at.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct AutoExposure {
    /// Share of saturation that the brightest pixel should reach.
    pub target_fill: f64,
    /// Time for dark and light readouts together.
    pub budget: Duration,
}

impl Default for AutoExposure {
    /// The middle of 60 to 80 % of saturation, in 10 s.
    fn default() -> Self {
        Self { target_fill: 0.7, budget: Duration::from_secs(10) }
    }
}

/// What to do after a probe.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(in crate::analyzer) enum ProbeOutcome {
    /// Take another one with this integration time, microseconds.
    Again(u32),
    /// Enough is known.
    Chosen(ExposureChoice),
}

/// The state between probes.
#[derive(Clone, Debug)]
pub(in crate::analyzer) struct Prober {
    aim: AutoExposure,
    limits: Limits,
    step_us: u32,
    /// Counts of a readout without light, per pixel, and their scatter.
    dark: Vec<f64>,
    dark_sd: f64,
    /// Time from the end of an integration to the next, as measured.
    overhead: Duration,
    taken: u8,
    /// Counts per microsecond at the brightest pixel, as last measured, and its relative uncertainty.
    rate: Option<(f64, f64)>,
}

impl Prober {
    /// `dark` is a short readout with the laser off.
    pub fn new(aim: AutoExposure, limits: Limits, step_us: u32, dark: &[u32], overhead: Duration) -> Self {
        let dark: Vec<f64> = dark.iter().map(|c| f64::from(*c)).collect();
        let differences: Vec<f64> =
            dark.iter().zip(dark.iter().skip(1)).map(|(a, b): (&f64, &f64)| (b - a).abs()).collect();
        // Difference of two readouts; never below the rounding.
        let dark_sd = (median(differences) * 1.483 / std::f64::consts::SQRT_2).max(0.5);
        Self { aim, limits, step_us: step_us.max(1), dark, dark_sd, overhead, taken: 0, rate: None }
    }

    /// Integration time of the first probe, microseconds.
    pub fn first_us(&self) -> u32 {
        self.possible(FIRST_US)
    }

    /// Longest integration time that a scan can get, microseconds.
    pub fn last_us(&self) -> u32 {
        self.possible(f64::MAX)
    }

    /// The nearest integration time that the device takes and the budget allows.
    fn possible(&self, wanted_us: f64) -> u32 {
        let step = f64::from(self.step_us);
        let (least, most) = (f64::from(self.limits.integration_us_min), self.longest_us());
        let steps = (wanted_us.max(least).min(most) / step).round();
        ((steps * step).max((least / step).ceil() * step)).min(f64::from(self.limits.integration_us_max)) as u32
    }

    /// Longest integration time of the scan, microseconds: the light exposures and the dark must fit into the budget.
    fn longest_us(&self) -> f64 {
        let light = self.aim.budget.as_secs_f64() * (1.0 - DARK_SHARE) / f64::from(EXPOSURES.0);
        let seconds = (light - self.overhead.as_secs_f64()).max(0.001);
        (seconds * 1e6).min(f64::from(self.limits.integration_us_max))
    }

    /// Takes the counts of a probe.
    pub fn judge(&mut self, integration_us: u32, counts: &[u32]) -> ProbeOutcome {
        self.taken += 1;
        let time = f64::from(integration_us);
        let saturation = f64::from(self.limits.saturation_counts);
        let (top, above) = self.brightest(counts);
        if top >= saturation {
            let least = self.possible(0.0);
            if integration_us <= least {
                return ProbeOutcome::Chosen(self.choice(least, 1.0, Brightness::TooBright));
            }
            return self.again_or(time / LEAP, Brightness::TooBright);
        }
        let sigmas = above / self.dark_sd;
        if sigmas < SOME_SIGMAS {
            let longest = self.possible(LONGEST_PROBE_US);
            if integration_us >= longest {
                let fill = (top + above.max(0.0) * (self.longest_us() / time - 1.0)) / saturation;
                let choice = self.choice(self.last_us(), fill.min(1.0), Brightness::TooWeak);
                return ProbeOutcome::Chosen(choice);
            }
            return self.again_or((time * LEAP).min(LONGEST_PROBE_US), Brightness::TooWeak);
        }
        let rate = above / time;
        self.rate = Some((rate, 1.0 / sigmas));
        let wanted = (self.aim.target_fill * saturation - (top - above)).max(0.0) / rate;
        if sigmas < GOOD_SIGMAS && self.taken < PROBES_MAX && f64::from(integration_us) < LONGEST_PROBE_US {
            // Long enough to see it well, short enough to stay below the target.
            let better = self.possible(wanted.min(time * 2.0 * GOOD_SIGMAS / sigmas).min(LONGEST_PROBE_US));
            if better > integration_us {
                return ProbeOutcome::Again(better);
            }
        }
        ProbeOutcome::Chosen(self.aimed(wanted, rate, top - above, saturation))
    }

    fn again_or(&self, next_us: f64, otherwise: Brightness) -> ProbeOutcome {
        let next = self.possible(next_us);
        if self.taken < PROBES_MAX {
            ProbeOutcome::Again(next)
        } else {
            let fill = if otherwise == Brightness::TooBright { 1.0 } else { 0.0 };
            ProbeOutcome::Chosen(self.choice(next, fill, otherwise))
        }
    }

    fn aimed(&self, wanted_us: f64, rate: f64, base: f64, saturation: f64) -> ExposureChoice {
        let least = f64::from(self.possible(0.0));
        let integration_us = self.possible(wanted_us);
        let fill = (base + rate * f64::from(integration_us)) / saturation;
        // Below the target only because the device takes no finer time is not too weak.
        let brightness = if fill < WEAK_FILL && integration_us >= self.last_us() {
            Brightness::TooWeak
        } else if wanted_us < least && fill > 0.95 {
            Brightness::TooBright
        } else {
            Brightness::OnTarget
        };
        self.choice(integration_us, fill, brightness)
    }

    fn choice(&self, integration_us: u32, expected_fill: f64, brightness: Brightness) -> ExposureChoice {
        let one = f64::from(integration_us) / 1e6 + self.overhead.as_secs_f64();
        let light = self.aim.budget.as_secs_f64() * (1.0 - DARK_SHARE);
        // Strong light needs no more than a few seconds; weak light gets the whole budget.
        let wanted = if expected_fill < self.aim.target_fill { light } else { light.min(ENOUGH.as_secs_f64()) };
        let light_exposures = ((wanted / one) as u8).clamp(EXPOSURES.0, EXPOSURES.1);
        ExposureChoice { probes: self.taken, integration_us, light_exposures, expected_fill, brightness }
    }

    /// Counts at the brightest place and how far they are above the dark. The place is that of the highest median of five
    /// neighbouring pixels, so that a cosmic ray or a hot pixel is no light; the count is that of its highest pixel, unless
    /// that stands alone.
    fn brightest(&self, counts: &[u32]) -> (f64, f64) {
        let counts: Vec<f64> = counts.iter().map(|c| f64::from(*c)).collect();
        let smooth = counts.windows(AROUND).map(|w| median(w.to_vec()));
        let place = smooth.enumerate().max_by(|a, b| a.1.total_cmp(&b.1)).map_or(0, |(i, _)| i);
        let dark_at = |pixel: usize| self.dark.get(pixel).copied().unwrap_or_else(|| mean(&self.dark));
        let above = |pixel: usize| counts.get(pixel).map_or(0.0, |count| count - dark_at(pixel));
        let near = counts.get(place..place + AROUND).unwrap_or(&counts);
        let highest = (place..place + AROUND).max_by(|a, b| above(*a).total_cmp(&above(*b))).unwrap_or(place);
        let (top, middle) = (counts.get(highest).copied().unwrap_or(0.0), median(near.to_vec()));
        let dark = (place..place + AROUND).map(dark_at).sum::<f64>() / AROUND as f64;
        let beside = above(highest.saturating_sub(1)).max(above(highest + 1));
        let alone = ALONE * above(highest) > beside + SOME_SIGMAS * self.dark_sd;
        let level = if alone { middle } else { top };
        (level, level - dark)
    }
}

#[cfg(test)]
mod tests {
    use rand::{RngExt, SeedableRng};
    use rand_chacha::ChaCha8Rng;
    use rand_distr::{Distribution, Normal};

    use super::*;

    const LIMITS: Limits = Limits {
        pixels: 1_024,
        saturation_counts: 16_383,
        integration_us_min: 10,
        integration_us_max: 85_000_000,
        averages_max: 5_000,
    };

    /// A readout of a bell of light that gives `rate` counts a microsecond at its top.
    fn readout(rate: f64, integration_us: f64, rng: &mut ChaCha8Rng) -> Vec<u32> {
        (0..1_024)
            .map(|p| {
                let light = rate * integration_us * (-0.5 * ((f64::from(p) - 400.0) / 4.0).powi(2)).exp();
                let sd = (4.0 + light / 6.0).sqrt();
                (150.0 + light + Normal::new(0.0, sd).unwrap().sample(rng)).round().clamp(0.0, 16_383.0) as u32
            })
            .collect()
    }

    fn choose(rate: f64, budget: Duration, seed: u64) -> ExposureChoice {
        let mut rng = ChaCha8Rng::seed_from_u64(seed);
        let dark = readout(0.0, 20_000.0, &mut rng);
        let aim = AutoExposure { budget, ..AutoExposure::default() };
        let mut prober = Prober::new(aim, LIMITS, 1, &dark, Duration::from_millis(200));
        let mut time = prober.first_us();
        loop {
            match prober.judge(time, &readout(rate, f64::from(time), &mut rng)) {
                ProbeOutcome::Again(next) => time = next,
                ProbeOutcome::Chosen(choice) => return choice,
            }
        }
    }

    #[test]
    fn the_target_is_reached_within_three_probes_over_six_decades_of_light() {
        let budget = Duration::from_secs(75);
        let (mut most, mut fills) = (0, Vec::new());
        for seed in 0..600 {
            // From 70 % of saturation in 14 s to 70 % in 14 microseconds.
            let decade: f64 = ChaCha8Rng::seed_from_u64(9_000 + seed).random_range(0.0..6.0);
            let rate = 0.7 * 16_383.0 / 14.0 * 10_f64.powf(-decade);
            let choice = choose(rate, budget, seed);
            assert_eq!(choice.brightness, Brightness::OnTarget, "{rate} {choice:?}");
            let fill = (150.0 + rate * f64::from(choice.integration_us)) / 16_383.0;
            assert!((0.6..0.8).contains(&fill), "rate {rate}: fill {fill}, {choice:?}");
            assert!(choice.light_exposures >= 3);
            most = most.max(choice.probes);
            fills.push(fill);
        }
        println!(
            "simulated, n = 600: at most {most} probes, fill {:.3} to {:.3}",
            fills.iter().copied().fold(1.0, f64::min),
            fills.iter().copied().fold(0.0, f64::max)
        );
        assert!(most <= PROBES_MAX);
    }

    #[test]
    fn light_outside_the_range_is_called_too_weak_or_too_bright() {
        for seed in 0..50 {
            let weak = choose(1e-5, Duration::from_secs(15), seed);
            assert_eq!(weak.brightness, Brightness::TooWeak, "{weak:?}");
            assert!(weak.integration_us > 2_500_000 && weak.probes <= PROBES_MAX, "{weak:?}");
            let bright = choose(1e5, Duration::from_secs(15), seed);
            assert_eq!((bright.brightness, bright.probes), (Brightness::TooBright, 3), "{bright:?}");
        }
    }

    #[test]
    fn the_chosen_exposures_fit_into_the_budget_and_into_the_steps_of_the_device() {
        for seed in 0..100 {
            let rate = 10_f64.powf(-4.0 + 7.0 * seed as f64 / 100.0);
            for seconds in [5, 15, 60] {
                let choice = choose(rate, Duration::from_secs(seconds), seed);
                let light = f64::from(choice.light_exposures) * (f64::from(choice.integration_us) / 1e6 + 0.2);
                assert!(light <= seconds as f64 * 0.8, "{choice:?} in {seconds} s");
            }
        }
        let mut stepped = Prober::new(
            AutoExposure::default(),
            Limits { integration_us_min: 3_000, ..LIMITS },
            1_000,
            &[150; 1_024],
            Duration::ZERO,
        );
        let mut rng = ChaCha8Rng::seed_from_u64(1);
        let first = stepped.first_us();
        let ProbeOutcome::Chosen(choice) = stepped.judge(first, &readout(0.1, f64::from(first), &mut rng)) else {
            panic!("a good probe is enough");
        };
        assert_eq!(choice.integration_us % 1_000, 0, "{choice:?}");
    }
}
