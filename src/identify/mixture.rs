//! A small non-negative mixture: components are added one by one while each explains a good part of what the others
//! leave and its own bands are there.

use std::ops::Range;

use crate::signal::Prepared;

use super::candidates::Contender;
use super::evidence::FAINT;

/// Most components.
const MAX_COMPONENTS: usize = 4;
/// A component must take away at least this share of what the others leave (weighted squares) ...
const MIN_GAIN: f64 = 0.25;
/// ... and this share of the whole.
const MIN_GAIN_OF_ALL: f64 = 0.015;
/// A component under this share of the fitted signal is not stated.
const MIN_SHARE: f64 = 0.03;
/// A component may be shifted against the leader by this much, cm-1: one instrument has one axis error.
const OWN_SHIFT_CM1: f64 = 3.0;
/// Error of a reference as a share of its height: heights of one substance scatter by 5-28 % between instruments.
const REFERENCE_ERROR: f64 = 0.20;
/// Error floor relative to the strongest band: baseline and shoulders.
const FLOOR_ERROR: f64 = 0.02;
/// Signal up to this multiple of the fit, moved by up to one grid step, counts as explained.
const GENEROSITY: f64 = 1.25;
/// A component's band can be missed when it should have this height (of the strongest in the query) ...
const VISIBLE_HEIGHT: f64 = 0.05;
/// ... and is missing when less than this share of it is there.
const MISSING_BELOW: f64 = 0.3;
/// Most of a component's predicted heights that may be missing.
const MISSING_SHARE: f64 = 0.06;
/// Grid points on either side within which a component's band is looked for.
const REACH: usize = 2;

/// One component of the fit.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Part {
    /// Index into the contenders.
    pub contender: usize,
    /// Index of the substance in the library.
    pub substance: usize,
    /// Share of the fitted signal (area), 0..=1.
    pub share: f64,
}

/// The fit.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Mixture {
    /// Grid points that were fitted.
    pub window: Range<usize>,
    /// Components, largest share first.
    pub parts: Vec<Part>,
    /// Their curves over the window, in the same order.
    pub curves: Vec<Vec<f64>>,
    /// Signal less the fit, over the window.
    pub residual: Vec<f64>,
    /// Signal that the fit does not reach even with the generosity that differences between instruments ask for.
    pub surplus: Vec<f64>,
    /// Share of the signal's area that is surplus, 0..=1.
    pub unexplained: f64,
}

impl Mixture {
    /// No component: all is unexplained.
    pub fn none(query: &Prepared) -> Self {
        Self {
            window: query.first()..query.first() + query.signal().len(),
            parts: Vec::new(),
            curves: Vec::new(),
            residual: query.signal().to_vec(),
            surplus: query.signal().to_vec(),
            unexplained: 1.0,
        }
    }
}

/// Reference curve over a window of the grid, moved up by `shift_cm1`; zero where the reference says nothing.
pub(super) fn curve(contender: &Contender<'_>, window: Range<usize>, shift_cm1: f64, step_cm1: f64) -> Vec<f64> {
    let shift = shift_cm1 / step_cm1;
    window.map(|cell| contender.entry.shape_at(cell as f64 - shift).unwrap_or(0.0)).collect()
}

/// Fits the query, within the range of its best reference, by the references that may identify. Where the best one
/// carries a name (`leader_is_named`), the fit starts with it.
pub(super) fn fit(query: &Prepared, contenders: &[Contender<'_>], leader_is_named: bool) -> Mixture {
    let Some(leader) = contenders.iter().find(|c| c.entry.supports) else { return Mixture::none(query) };
    let step = query.grid().step_cm1();
    let window =
        leader.entry.span.start.max(query.first())..leader.entry.span.end.min(query.first() + query.signal().len());
    let inside = |v: &[f64]| -> Vec<f64> {
        v.get(window.start.saturating_sub(query.first())..window.end.saturating_sub(query.first()))
            .unwrap_or_default()
            .to_vec()
    };
    if window.is_empty() {
        return Mixture::none(query);
    }
    let (signal, noise) = (inside(query.signal()), inside(query.noise_sd()));
    let usable = query.usable().get(window.start - query.first()..window.end - query.first()).unwrap_or_default();
    let weights: Vec<f64> = signal
        .iter()
        .zip(&noise)
        .zip(usable)
        .map(|((q, n), ok)| {
            let error = n * n + (REFERENCE_ERROR * q).powi(2) + FLOOR_ERROR * FLOOR_ERROR;
            if *ok { 1.0 / error.sqrt() } else { 0.0 }
        })
        .collect();
    let pool: Vec<(usize, Vec<f64>)> = contenders
        .iter()
        .enumerate()
        .filter(|(_, c)| c.entry.supports)
        .map(|(i, c)| {
            let lead = leader.hit.shift_cm1;
            let shift = c.hit.shift_cm1.clamp(lead - OWN_SHIFT_CM1, lead + OWN_SHIFT_CM1);
            (i, curve(c, window.clone(), shift, step))
        })
        .collect();
    // The leader is the first of the pool.
    let start = if leader_is_named { vec![0] } else { Vec::new() };
    let chosen = choose(start, &signal, &noise, &weights, &pool, query, contenders, &window);
    finish(window, &signal, &noise, &weights, &pool, &chosen, contenders)
}

/// Greedy forward choice; positions in `pool`, `chosen` to begin with.
#[expect(clippy::too_many_arguments, reason = "the fit's data, named one by one")]
fn choose(
    mut chosen: Vec<usize>,
    signal: &[f64],
    noise: &[f64],
    weights: &[f64],
    pool: &[(usize, Vec<f64>)],
    query: &Prepared,
    contenders: &[Contender<'_>],
    window: &Range<usize>,
) -> Vec<usize> {
    let weighted = |v: &[f64]| v.iter().zip(weights).map(|(a, w)| a * w).collect::<Vec<f64>>();
    let target = weighted(signal);
    let curves: Vec<Vec<f64>> = pool.iter().map(|(_, c)| weighted(c)).collect();
    let total: f64 = target.iter().map(|v| v * v).sum();
    let mut refused: Vec<usize> = Vec::new();
    let mut rest = {
        let set: Vec<&[f64]> = chosen.iter().filter_map(|i| curves.get(*i)).map(Vec::as_slice).collect();
        left_over(&target, &set, &non_negative(&target, &set)).iter().map(|v| v * v).sum()
    };
    while chosen.len() < MAX_COMPONENTS && total > 0.0 {
        let trial = (0..pool.len())
            .filter(|k| !chosen.contains(k) && !refused.contains(k))
            .filter_map(|k| {
                let set: Vec<&[f64]> =
                    chosen.iter().chain(&[k]).filter_map(|i| curves.get(*i)).map(Vec::as_slice).collect();
                let amplitudes = non_negative(&target, &set);
                let left: f64 = left_over(&target, &set, &amplitudes).iter().map(|v| v * v).sum();
                (*amplitudes.last()? > 0.0).then_some((k, amplitudes, left))
            })
            .min_by(|a, b| a.2.total_cmp(&b.2).then(a.0.cmp(&b.0)));
        let Some((k, amplitudes, left)) = trial else { break };
        if left > rest * (1.0 - MIN_GAIN) || rest - left < MIN_GAIN_OF_ALL * total {
            break;
        }
        let amplitude = amplitudes.last().copied().unwrap_or(0.0);
        let bands_are_there = pool
            .get(k)
            .and_then(|(c, _)| contenders.get(*c))
            .is_some_and(|c| missing_share(c, amplitude, signal, noise, query, window) <= MISSING_SHARE);
        if bands_are_there {
            chosen.push(k);
            rest = left;
        } else {
            refused.push(k);
        }
    }
    chosen
}

/// Share of the heights that a component at `amplitude` predicts which are not there.
fn missing_share(
    contender: &Contender<'_>,
    amplitude: f64,
    signal: &[f64],
    noise: &[f64],
    query: &Prepared,
    window: &Range<usize>,
) -> f64 {
    let (mut missing, mut all) = (0.0, 0.0);
    for top in &contender.entry.tops {
        let expected = amplitude * top.height;
        let cell = query.grid().nearest(top.at_cm1 + contender.hit.shift_cm1);
        let Some(at) = cell.checked_sub(window.start).filter(|i| *i < signal.len()) else { continue };
        let sigma = noise.get(at).copied().unwrap_or(0.0);
        all += expected;
        let seen = signal.iter().skip(at.saturating_sub(REACH)).take(2 * REACH + 1).copied().fold(0.0, f64::max);
        if expected >= VISIBLE_HEIGHT.max(6.0 * sigma) && seen < MISSING_BELOW * expected {
            missing += expected;
        }
    }
    if all > 0.0 { missing / all } else { 1.0 }
}

fn finish(
    window: Range<usize>,
    signal: &[f64],
    noise: &[f64],
    weights: &[f64],
    pool: &[(usize, Vec<f64>)],
    chosen: &[usize],
    contenders: &[Contender<'_>],
) -> Mixture {
    let weighted = |v: &[f64]| v.iter().zip(weights).map(|(a, w)| a * w).collect::<Vec<f64>>();
    let picked: Vec<&(usize, Vec<f64>)> = chosen.iter().filter_map(|k| pool.get(*k)).collect();
    let heavy: Vec<Vec<f64>> = picked.iter().map(|(_, c)| weighted(c)).collect();
    let heavy: Vec<&[f64]> = heavy.iter().map(Vec::as_slice).collect();
    let amplitudes = non_negative(&weighted(signal), &heavy);
    let curves: Vec<&[f64]> = picked.iter().map(|(_, c)| c.as_slice()).collect();
    let residual = left_over(signal, &curves, &amplitudes);
    let fit: Vec<f64> = signal.iter().zip(&residual).map(|(q, r)| q - r).collect();
    let reached = |i: usize| {
        fit.get(i.saturating_sub(1)..(i + 2).min(fit.len())).unwrap_or_default().iter().copied().fold(0.0, f64::max)
    };
    let seen: Vec<f64> = signal.iter().zip(noise).map(|(q, n)| (q - (2.0 * n).max(FAINT)).max(0.0)).collect();
    let surplus: Vec<f64> = seen.iter().enumerate().map(|(i, q)| (q - GENEROSITY * reached(i)).max(0.0)).collect();
    let areas: Vec<f64> = curves.iter().zip(&amplitudes).map(|(c, a)| a * c.iter().sum::<f64>()).collect();
    let fitted: f64 = areas.iter().sum();
    let mut parts: Vec<(Part, Vec<f64>)> = picked
        .iter()
        .zip(&areas)
        .map(|((contender, c), a)| {
            let substance = contenders.get(*contender).map_or(usize::MAX, |c| c.entry.substance);
            let share = if fitted > 0.0 { a / fitted } else { 0.0 };
            (Part { contender: *contender, substance, share }, c.clone())
        })
        .filter(|(p, _)| p.share >= MIN_SHARE)
        .collect();
    parts.sort_by(|a, b| b.0.share.total_cmp(&a.0.share).then(a.0.contender.cmp(&b.0.contender)));
    let whole: f64 = seen.iter().sum();
    let (parts, curves) = parts.into_iter().unzip();
    let unexplained = if whole > 0.0 { (surplus.iter().sum::<f64>() / whole).clamp(0.0, 1.0) } else { 1.0 };
    Mixture { window, parts, curves, residual, surplus, unexplained }
}

/// Non-negative least squares by cyclic coordinate descent on the normal equations, which converges for a positive
/// semidefinite matrix; a handful of unknowns need a few dozen rounds.
fn non_negative(signal: &[f64], curves: &[&[f64]]) -> Vec<f64> {
    let dot = |a: &[f64], b: &[f64]| a.iter().zip(b).map(|(x, y)| x * y).sum::<f64>();
    let gram: Vec<Vec<f64>> = curves.iter().map(|a| curves.iter().map(|b| dot(a, b)).collect()).collect();
    let right: Vec<f64> = curves.iter().map(|a| dot(a, signal)).collect();
    let mut weights = vec![0.0; curves.len()];
    for _ in 0..200 {
        let mut moved = 0.0_f64;
        for k in 0..curves.len() {
            let diagonal = gram[k][k];
            if diagonal <= 0.0 {
                continue;
            }
            let fitted: f64 = gram[k].iter().zip(&weights).map(|(g, w)| g * w).sum();
            let new = (weights[k] + (right[k] - fitted) / diagonal).max(0.0);
            moved = moved.max((new - weights[k]).abs() * diagonal.sqrt());
            weights[k] = new;
        }
        if moved <= 1e-9 * right.iter().fold(0.0_f64, |m, r| m.max(r.abs())).sqrt() {
            break;
        }
    }
    weights
}

/// Signal less the weighted sum of the curves.
fn left_over(signal: &[f64], curves: &[&[f64]], amplitudes: &[f64]) -> Vec<f64> {
    let mut rest = signal.to_vec();
    for (c, a) in curves.iter().zip(amplitudes) {
        for (r, v) in rest.iter_mut().zip(*c) {
            *r -= a * v;
        }
    }
    rest
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn non_negative_amplitudes_come_back_and_an_absent_curve_gets_none() {
        let band = |c: f64| (0..300).map(|i| (-((f64::from(i) - c) / 4.0).powi(2)).exp()).collect::<Vec<f64>>();
        let curves = [band(50.0), band(54.0), band(200.0)];
        let signal: Vec<f64> = (0..300).map(|i| 7.0 * curves[0][i] - 0.5 * curves[1][i] + 3.0 * curves[2][i]).collect();
        let set: Vec<&[f64]> = curves.iter().map(Vec::as_slice).collect();
        let amplitudes = non_negative(&signal, &set);
        assert!(amplitudes[1] == 0.0 && (amplitudes[2] - 3.0).abs() < 1e-6, "{amplitudes:?}");
        assert!((6.0..7.0).contains(&amplitudes[0]), "{amplitudes:?}");
    }
}
