//! A small non-negative mixture: components are added one by one while the data ask for them, and each may be dropped or
//! swapped again. `statement` says of each that stays its share, interval, p-value and the references that would do as well.

mod statement;

use std::ops::Range;

use crate::signal::Prepared;

use super::evidence::{Evidence, QueryBands, weigh};
use super::index::Index;
use super::linear::{Span, Whitening, autocorrelation_inflation, dot, left_over, non_negative, student_tail};

/// Most components, the container included.
const MAX_COMPONENTS: usize = 5;
/// Bayesian information criterion (effective points) that a component must gain (strong evidence: Kass and Raftery,
/// J. Am. Stat. Assoc. 90 (1995) 773).
const MIN_BIC_GAIN: f64 = 10.0;
/// Largest p-value of a component, corrected for the number of references that were tried.
const MAX_P: f64 = 1e-4;
/// A component must take away at least this share of what the others leave (weighted squares): the faults of a
/// reference leave something that another reference always fits a little.
const MIN_GAIN: f64 = 0.10;
/// A component may be shifted against the leader by this much, cm-1: one instrument has one axis error.
const OWN_SHIFT_CM1: f64 = 3.0;
/// Steps in which the shift of a chosen component is refined, cm-1.
const SHIFT_STEPS_CM1: [f64; 7] = [-3.0, -2.0, -1.0, 0.0, 1.0, 2.0, 3.0];
/// Error of a reference as a share of its height: heights of one substance scatter by 5-28 % between instruments.
const REFERENCE_ERROR: f64 = 0.15;
/// Error of the other components as a share of their height, when bands are looked for in what they leave.
pub(super) const OTHERS_ERROR: f64 = 0.20;
/// Error floor relative to the strongest band: baseline and shoulders.
const FLOOR_ERROR: f64 = 0.008;
/// Most of a component's predicted heights that may be missing from what the others leave.
const MISSING_SHARE: f64 = 0.12;
/// Share of the window that a reference must cover.
const COVERS: f64 = 0.8;
/// Candidates that are fitted in full in each round.
const TRIED: usize = 4;

/// One component of the fit.
#[derive(Clone, Debug)]
pub(super) struct Part {
    /// Number in [`Index::heads`].
    pub entry: usize,
    /// Index of the substance in the library.
    pub substance: usize,
    /// Query minus reference, cm-1.
    pub shift_cm1: f64,
    /// Share of the fitted signal (area), 0..=1.
    pub share: f64,
    /// Its 95 % interval.
    pub interval: (f64, f64),
    /// Probability that pure chance gains as much with any of the references tried.
    pub p_value: f64,
    /// Correlation of the component with what the others leave, whitened.
    pub partial: f64,
    /// Evidence in both directions between the component and what the others leave.
    pub evidence: Evidence,
    /// Substances whose reference would explain the signal as well in its place, best first.
    pub alternatives: Vec<usize>,
    /// The reference over the window, shifted.
    pub curve: Vec<f64>,
    /// The same, whitened.
    pub column: Vec<f64>,
}

/// The fit.
pub(super) struct Mixture {
    /// Grid points that were fitted.
    pub window: Range<usize>,
    /// Components, largest share first.
    pub parts: Vec<Part>,
    /// Signal that the fit does not reach even with the generosity that differences between instruments ask for.
    pub surplus: Vec<f64>,
    /// Share of the signal's area that is surplus, 0..=1.
    pub unexplained: f64,
    /// Shift of the best reference, cm-1.
    pub shift_cm1: f64,
    /// The whitened space; none when nothing could be fitted.
    pub space: Option<Space>,
}

/// The whitened problem, kept for presence tests and detection limits.
pub(super) struct Space {
    pub whitening: Whitening,
    pub target: Vec<f64>,
}

impl Mixture {
    /// No component: all is unexplained.
    pub fn none(query: &Prepared) -> Self {
        Self {
            window: query.first()..query.first() + query.signal().len(),
            parts: Vec::new(),
            surplus: query.signal().to_vec(),
            unexplained: 1.0,
            shift_cm1: 0.0,
            space: None,
        }
    }
}

/// Demands on a component that is to carry a name although no single substance explains the signal. Chosen on the
/// tuning half of emulated mixtures; see docs/identification.md.
mod proof {
    /// Share of the signal that the whole fit may leave.
    pub const UNEXPLAINED: f64 = 0.08;
    /// Correlation with what the others leave.
    pub const PARTIAL: f64 = 0.45;
    /// Share of what the others leave that the component explains.
    pub const EXPLAINED: f64 = 0.75;
    /// Share of its predicted heights that may be missing.
    pub const MISSING: f64 = 0.08;
    /// Bands that must be found.
    pub const BANDS: usize = 3;
    /// Scatter of their positions, cm-1.
    pub const POSITION_SCATTER_CM1: f64 = 2.6;
    /// Most components.
    pub const COMPONENTS: usize = 4;
}

impl Mixture {
    /// Components that may carry a name. One component alone is no mixture: `sure_alone` says whether the odds on it are
    /// those that a single substance needs.
    pub fn proven(&self, sure_alone: bool) -> impl Iterator<Item = &Part> {
        let whole = self.unexplained <= proof::UNEXPLAINED && (2..=proof::COMPONENTS).contains(&self.parts.len())
            || (sure_alone && self.unexplained <= proof::UNEXPLAINED && self.parts.len() == 1);
        self.parts.iter().filter(move |p| whole && p.is_proven())
    }
}

impl Part {
    fn is_proven(&self) -> bool {
        self.p_value <= MAX_P
            && self.partial >= proof::PARTIAL
            && self.evidence.missing_share <= proof::MISSING
            && self.evidence.explained >= proof::EXPLAINED
            && self.evidence.matched.len() >= proof::BANDS
            && self.evidence.position_scatter_cm1 <= proof::POSITION_SCATTER_CM1
    }
}

/// A reference that may enter, as chosen or tried.
#[derive(Clone)]
struct Option_ {
    entry: usize,
    substance: usize,
    shift_cm1: f64,
    curve: Vec<f64>,
    column: Vec<f64>,
}

/// A set of components with its fit.
struct Fit {
    amplitudes: Vec<f64>,
    rest: Vec<f64>,
    squares: f64,
}

fn solve(target: &[f64], set: &[&Option_]) -> Fit {
    let columns: Vec<&[f64]> = set.iter().map(|o| o.column.as_slice()).collect();
    let amplitudes = non_negative(target, &columns);
    let rest = left_over(target, &columns, &amplitudes);
    Fit { squares: dot(&rest, &rest), amplitudes, rest }
}

fn without(chosen: &[Option_], k: usize) -> Vec<&Option_> {
    chosen.iter().enumerate().filter(|(i, _)| *i != k).map(|(_, o)| o).collect()
}

/// What the data say about the scatter of the whitened residual.
pub(super) struct Scatter {
    /// Variance of one point, never below what noise and reference errors ask for.
    pub variance: f64,
    /// `1 + 2 sum rho`.
    pub inflation: f64,
    /// Independent points.
    pub effective: f64,
}

impl Scatter {
    pub fn of(rest: &[f64], free: usize) -> Self {
        let inflation = autocorrelation_inflation(rest);
        let variance = (dot(rest, rest) / free.max(1) as f64).max(1.0);
        Self { variance, inflation, effective: (free as f64 / inflation).max(3.0) }
    }

    /// Standard deviation of an amplitude whose net signal has this squared norm.
    pub fn amplitude_sd(&self, net_square: f64) -> f64 {
        (self.variance * self.inflation / net_square.max(1e-30)).sqrt()
    }
}

/// What may enter the fit, and from where it starts.
pub(super) struct Start<'a> {
    /// Entries that may enter with the shift at which each fitted best on its own, best similarity first.
    pub pool: &'a [(usize, f64)],
    /// Shift of the best reference, cm-1.
    pub shift_cm1: f64,
    /// Entry that carries a name on its own and with which the fit starts.
    pub named: Option<usize>,
}

/// Standard deviation of each point of the window: noise, the references' errors, and a floor.
fn sigmas(query: &Prepared, window: &Range<usize>) -> Vec<Option<f64>> {
    window
        .clone()
        .map(|cell| {
            let i = cell.checked_sub(query.first())?;
            let (q, n) = (query.signal().get(i)?, query.noise_sd().get(i)?);
            let ok = query.usable().get(i).copied().unwrap_or(false);
            ok.then(|| (n * n + (REFERENCE_ERROR * q).powi(2) + FLOOR_ERROR.powi(2)).sqrt())
        })
        .collect()
}

/// Fits the query, within the range of its best reference, by the references of the pool.
pub(super) fn fit(query: &Prepared, index: &Index, start: &Start<'_>) -> Mixture {
    let Some(leader) = start.pool.first().and_then(|(e, _)| index.get(*e)) else { return Mixture::none(query) };
    let step = query.grid().step_cm1();
    let window = leader.span.start.max(query.first())..leader.span.end.min(query.first() + query.signal().len());
    if window.len() < 16 {
        return Mixture::none(query);
    }
    let inside = |v: &[f64]| -> Vec<f64> {
        v.get(window.start - query.first()..window.end - query.first()).unwrap_or_default().to_vec()
    };
    let signal = inside(query.signal());
    let whitening = Whitening::new(&sigmas(query, &window));
    let space = Space { target: whitening.whiten(&signal), whitening };
    let option = |entry: usize, shift_cm1: f64| -> Option<Option_> {
        let e = index.get(entry)?;
        let curve = e.over(window.clone(), shift_cm1, step);
        let column = space.whitening.whiten(&curve);
        Some(Option_ { entry, substance: e.substance, shift_cm1, curve, column })
    };
    let pool: Vec<Option_> = (start.pool.iter())
        .filter(|(e, _)| {
            index.get(*e).is_some_and(|e| {
                let common = e.span.end.min(window.end).saturating_sub(e.span.start.max(window.start));
                common as f64 >= COVERS * window.len() as f64
            })
        })
        .filter_map(|(e, shift)| {
            option(*e, shift.clamp(start.shift_cm1 - OWN_SHIFT_CM1, start.shift_cm1 + OWN_SHIFT_CM1))
        })
        .collect();
    let search = Search { query, index, window: &window, signal: &signal, space: &space, pool: &pool, option: &option };
    let chosen = search.choose(start);
    let (parts, fit_curve) = search.parts(chosen);
    let mut mixture = search.finish(parts, &fit_curve, start.shift_cm1);
    mixture.space = Some(space);
    mixture
}

struct Search<'a> {
    query: &'a Prepared,
    index: &'a Index,
    window: &'a Range<usize>,
    signal: &'a [f64],
    space: &'a Space,
    pool: &'a [Option_],
    option: &'a dyn Fn(usize, f64) -> Option<Option_>,
}

impl Search<'_> {
    fn choose(&self, start: &Start<'_>) -> Vec<Option_> {
        let target = &self.space.target;
        let mut chosen: Vec<Option_> =
            start.named.and_then(|named| self.pool.iter().find(|o| o.entry == named)).cloned().into_iter().collect();
        let mut refused: Vec<usize> = Vec::new();
        let mut now = solve(target, &chosen.iter().collect::<Vec<_>>());
        while chosen.len() < MAX_COMPONENTS {
            let tried = self.promising(&chosen, &refused, &now.rest);
            let best = tried
                .into_iter()
                .filter_map(|k| self.pool.get(k))
                .map(|o| self.refined(o, &chosen, start.shift_cm1))
                .min_by(|a, b| a.1.squares.total_cmp(&b.1.squares).then(a.0.entry.cmp(&b.0.entry)));
            let Some((candidate, fit)) = best else { break };
            let amplitude = fit.amplitudes.last().copied().unwrap_or(0.0);
            let gain = now.squares - fit.squares;
            if amplitude <= 0.0 || gain < MIN_GAIN * now.squares {
                break;
            }
            let others: Vec<&Option_> = chosen.iter().collect();
            let evidence =
                self.evidence(&candidate, amplitude, &others, fit.amplitudes.split_last().map_or(&[], |s| s.1));
            if evidence.missing_share > MISSING_SHARE || evidence.matched.is_empty() {
                refused.push(candidate.entry);
                continue;
            }
            chosen.push(candidate);
            now = fit;
        }
        self.without_needless(&mut chosen, now);
        chosen
    }

    /// Drops components that the data do not ask for, the least needed first. Only the residual of the whole fit says
    /// what scatter remains: while a component is missing, its bands look like scatter and would hide the others.
    fn without_needless(&self, chosen: &mut Vec<Option_>, mut now: Fit) {
        while !chosen.is_empty() {
            let least = (0..chosen.len())
                .filter_map(|k| {
                    let (own, others) = (chosen.get(k)?, without(chosen, k));
                    let fit = solve(&self.space.target, &others);
                    let p = self.p_value(own, *now.amplitudes.get(k)?, &others, &now.rest);
                    Some((k, self.bic(fit.squares, &now), p, fit))
                })
                .min_by(|a, b| a.1.total_cmp(&b.1).then(a.0.cmp(&b.0)));
            match least {
                Some((k, bic, p, fit)) if bic < MIN_BIC_GAIN || p > MAX_P => {
                    chosen.remove(k);
                    now = fit;
                }
                _ => break,
            }
        }
    }

    /// Gain of the Bayesian information criterion from one component more.
    fn bic(&self, before: f64, fit: &Fit) -> f64 {
        let scatter = Scatter::of(&fit.rest, self.space.whitening.free());
        let floor = self.space.whitening.free() as f64;
        scatter.effective * ((before.max(floor)) / fit.squares.max(floor)).ln() - scatter.effective.ln()
    }

    fn p_value(&self, candidate: &Option_, amplitude: f64, others: &[&Option_], rest: &[f64]) -> f64 {
        let columns: Vec<&[f64]> = others.iter().map(|o| o.column.as_slice()).collect();
        let scatter = Scatter::of(rest, self.space.whitening.free());
        let sd = scatter.amplitude_sd(Span::of(&columns).net_square(&candidate.column));
        (student_tail(amplitude / sd, scatter.effective) * self.pool.len() as f64).min(1.0)
    }

    /// Positions in the pool of those that could take away most of the rest.
    fn promising(&self, chosen: &[Option_], refused: &[usize], rest: &[f64]) -> Vec<usize> {
        let columns: Vec<&[f64]> = chosen.iter().map(|o| o.column.as_slice()).collect();
        let span = Span::of(&columns);
        let mut ranked: Vec<(usize, f64)> = (self.pool.iter().enumerate())
            .filter(|(_, o)| !refused.contains(&o.entry) && chosen.iter().all(|c| c.substance != o.substance))
            .filter_map(|(k, o)| {
                let along = dot(&o.column, rest);
                let net = span.net_square(&o.column);
                (along > 0.0 && net > 0.02 * dot(&o.column, &o.column)).then(|| (k, along * along / net))
            })
            .collect();
        ranked.sort_by(|a, b| b.1.total_cmp(&a.1).then(a.0.cmp(&b.0)));
        ranked.into_iter().take(TRIED).map(|(k, _)| k).collect()
    }

    /// A candidate at the shift at which it fits best beside the others.
    fn refined(&self, candidate: &Option_, others: &[Option_], common_cm1: f64) -> (Option_, Fit) {
        let mut set: Vec<&Option_> = others.iter().collect();
        set.push(candidate);
        let mut best = (candidate.clone(), solve(&self.space.target, &set));
        for step in SHIFT_STEPS_CM1 {
            let Some(moved) = (self.option)(candidate.entry, common_cm1 + step) else { continue };
            let mut set: Vec<&Option_> = others.iter().collect();
            set.push(&moved);
            let fit = solve(&self.space.target, &set);
            if fit.squares < best.1.squares {
                best = (moved, fit);
            }
        }
        best
    }

    /// Evidence between a component and what the others leave.
    fn evidence(&self, candidate: &Option_, amplitude: f64, others: &[&Option_], amplitudes: &[f64]) -> Evidence {
        let mut fitted = vec![0.0; self.window.len()];
        for (o, a) in others.iter().zip(amplitudes) {
            fitted.iter_mut().zip(&o.curve).for_each(|(f, c)| *f += a * c);
        }
        let error: Vec<f64> = fitted.iter().map(|f| OTHERS_ERROR * f).collect();
        let rest = self.query.less(self.window.start, &fitted, &error, amplitude.max(1e-9));
        let bands = QueryBands::of(&rest);
        match self.index.get(candidate.entry) {
            Some(entry) => weigh(&rest, &bands, entry, candidate.shift_cm1),
            None => Evidence::none(),
        }
    }
}
