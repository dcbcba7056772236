//! From evidence to the probability that the best reference names the right substance.
//!
//! A logistic model (Platt, 1999) of a few pieces of evidence, fitted on emulated scans of substances and units that are
//! kept apart by hash and by unit from those that are reported. `parcelscope evaluate calibrate` fits it anew and writes the
//! file that is embedded here. It holds for scans like those: it is a probability about the emulator's world, not about
//! the field.

use super::candidates::Contender;
use super::probability_table::{ALARMING, COEFFICIENTS, CONSTANT, OTHER};

/// Pieces of evidence.
pub const FEATURES: usize = 7;

/// Log-odds of a name that is as likely right as wrong.
const EVEN: f64 = 0.0;

/// Smallest distance from a perfect score that still counts.
const NEAREST: f64 = 0.005;

/// Evidence about the best reference: how far from perfect, how much closer than the next substance, what it explains,
/// what is missing, what is left over, and how positions and heights scatter.
pub(super) fn features(best: &Contender<'_>, next: Option<&Contender<'_>>) -> [f64; FEATURES] {
    let distance = |c: &Contender<'_>| (1.0 - c.hit.score).max(NEAREST);
    let e = &best.evidence;
    [
        distance(best).ln(),
        next.map_or(-3.0, |n| (distance(best) / distance(n)).ln()),
        (1.0 - e.explained + 0.01).ln(),
        e.missing_share,
        e.surplus_share,
        e.position_scatter_cm1,
        e.height_scatter,
    ]
}

/// Calibration scans (half of them of substances that the library did not have) with one kind of best reference: how many
/// there were, and the highest log-odds of those that wrongly met every other demand on a name, highest first.
pub(super) struct Calibration {
    pub scans: usize,
    pub wrong: &'static [f64],
}

/// The rate of wrong names that the user tolerates among scans like the calibration scans, half of which are of substances
/// that the library does not have; apart for names that alarm and others.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Tolerance {
    alarming: f64,
    other: f64,
}

impl Tolerance {
    /// The usual tolerance. Among names that alarm it is wider: on the calibration scans all wrong ones are close
    /// relatives of what is there, and a tolerance of 1 % would cost a tenth of the right alarms.
    pub const DEFAULT: Self = Self { alarming: 0.03, other: 0.01 };

    /// One rate between 0 and 1 for all names; anything else is the usual tolerance.
    pub fn new(rate: f64) -> Self {
        if (0.0..=1.0).contains(&rate) { Self { alarming: rate, other: rate } } else { Self::DEFAULT }
    }

    /// The rate that can be claimed: none below 3 in the number of calibration scans is (the rule of three).
    pub fn claimed(self, alarming: bool) -> f64 {
        let rate = if alarming { self.alarming } else { self.other };
        rate.max(3.0 / Calibration::of(alarming).scans as f64)
    }

    /// Log-odds that a name must exceed: split conformal prediction, apart by whether the best reference alarms (Mondrian;
    /// Vovk et al., 2005). With `k` calibration scans wrongly named above it, the rate on scans like them is at most
    /// `(k + 1) / (n + 1)`. Whatever is tolerated, a
    /// name is more likely right than wrong.
    pub(super) fn threshold(self, alarming: bool) -> f64 {
        let calibration = Calibration::of(alarming);
        let allowed = (self.claimed(alarming) * (calibration.scans as f64 + 1.0)).floor() as usize;
        match calibration.wrong.get(allowed.saturating_sub(1)) {
            Some(threshold) => threshold.max(EVEN),
            None => EVEN,
        }
    }
}

impl Calibration {
    const fn of(alarming: bool) -> &'static Self {
        if alarming { &ALARMING } else { &OTHER }
    }
}

/// Logarithm of the odds that the best reference names the right substance.
pub(super) fn log_odds(best: &Contender<'_>, next: Option<&Contender<'_>>) -> f64 {
    model_log_odds(&features(best, next))
}

/// The embedded model.
pub(super) fn model_log_odds(features: &[f64; FEATURES]) -> f64 {
    CONSTANT + features.iter().zip(COEFFICIENTS).map(|(f, c)| f * c).sum::<f64>()
}

/// Probability of each contender that may identify, none for the others, and of *not in the library*. Each is judged
/// against its best rival; together they are at most 1.
pub(super) fn probabilities(contenders: &[Contender<'_>]) -> (Vec<Option<f64>>, f64) {
    let mut able = contenders.iter().filter(|c| c.entry.supports);
    let (first, second) = (able.next(), able.next());
    let raw: Vec<Option<f64>> = contenders
        .iter()
        .map(|c| {
            let rival = if first.is_some_and(|f| f.hit.entry == c.hit.entry) { second } else { first };
            c.entry.supports.then(|| 1.0 / (1.0 + (-log_odds(c, rival)).exp()))
        })
        .collect();
    let whole: f64 = raw.iter().flatten().sum();
    let scale = whole.max(1.0);
    (raw.into_iter().map(|p| p.map(|p| p / scale)).collect(), (1.0 - whole / scale).max(0.0))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_smaller_tolerance_never_asks_for_less_and_no_claim_is_below_three_in_n() {
        for alarming in [true, false] {
            let rates = [0.0, 0.001, 0.01, 0.02, 0.05, 0.5, 1.0].map(Tolerance::new);
            assert!(rates.windows(2).all(|w| w[0].threshold(alarming) >= w[1].threshold(alarming)));
            let n = Calibration::of(alarming).scans as f64;
            assert!(rates.iter().all(|t| t.claimed(alarming) >= 3.0 / n));
            assert!(Calibration::of(alarming).wrong.windows(2).all(|w| w[0] >= w[1]));
        }
        assert_eq!(Tolerance::new(f64::NAN), Tolerance::DEFAULT);
    }
}
