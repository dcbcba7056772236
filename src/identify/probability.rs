//! From evidence to the probability that the best reference names the right substance.
//!
//! A logistic model (Platt, 1999) of a few pieces of evidence, fitted on emulated scans of substances and units that are
//! kept apart by hash and by unit from those that are reported (`parcelscope evaluate calibrate` fits it anew). It holds
//! for scans like those: it is a probability about the emulator's world, not about the field.

use super::candidates::Contender;

/// Pieces of evidence.
pub const FEATURES: usize = 7;

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

/// The fitted model: constant and one coefficient for each piece of evidence. Fitted on 1,908 emulated scans of the tuning
/// half (half of them with their own substance left out); on the 2,160 of the other half the expected calibration error
/// is 0.008 (simulated).
const CONSTANT: f64 = -12.330_074;
const COEFFICIENTS: [f64; FEATURES] =
    [-1.594_719, -1.088_205, -2.153_207, -10.309_990, -9.924_276, 0.095_365, 1.362_947];

/// Calibration scans of one kind of substance: how many there were, and the highest log-odds that a wrong name reached
/// with its own substance left out, highest first.
struct Calibration {
    scans: usize,
    wrong: &'static [f64],
}

const ALARMING: Calibration = Calibration {
    scans: 162,
    wrong: &[
        2.270, 0.925, 0.392, -0.168, -0.755, -0.921, -0.952, -1.226, -1.284, -1.495, -1.813, -1.839, -1.906, -1.917,
    ],
};
const OTHER: Calibration = Calibration {
    scans: 1_746,
    wrong: &[
        3.803, 1.650, 1.409, 1.331, 0.661, 0.564, 0.561, 0.360, 0.277, 0.220, -0.056, -0.558, -0.665, -1.060, -1.220,
        -1.299, -1.393, -1.394, -1.398, -1.472, -1.709, -1.735, -1.935, -1.994,
    ],
};

/// The rate of wrong names among scans like the calibration scans that the user tolerates.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Tolerance(f64);

impl Tolerance {
    /// The usual tolerance.
    pub const DEFAULT: Self = Self(0.01);

    /// A rate between 0 and 1; anything else is the usual one.
    pub fn new(rate: f64) -> Self {
        if (0.0..=1.0).contains(&rate) { Self(rate) } else { Self::DEFAULT }
    }

    /// The rate that can be claimed: none below 3 in the number of calibration scans is (the rule of three).
    pub fn claimed(self, alarming: bool) -> f64 {
        self.0.max(3.0 / Calibration::of(alarming).scans as f64)
    }

    /// Log-odds that a name must exceed: split conformal prediction, class by class (Mondrian; Vovk et al., 2005). With
    /// `k` calibration scans wrongly named above it, the rate on scans like them is at most `(k + 1) / (n + 1)`.
    pub(super) fn threshold(self, alarming: bool) -> f64 {
        let calibration = Calibration::of(alarming);
        let allowed = (self.claimed(alarming) * (calibration.scans as f64 + 1.0)).floor() as usize;
        let place = allowed.saturating_sub(1).min(calibration.wrong.len() - 1);
        calibration.wrong.get(place).copied().unwrap_or(0.0)
    }
}

impl Calibration {
    const fn of(alarming: bool) -> &'static Self {
        if alarming { &ALARMING } else { &OTHER }
    }
}

/// Logarithm of the odds that the best reference names the right substance.
pub(super) fn log_odds(best: &Contender<'_>, next: Option<&Contender<'_>>) -> f64 {
    CONSTANT + features(best, next).iter().zip(COEFFICIENTS).map(|(f, c)| f * c).sum::<f64>()
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
