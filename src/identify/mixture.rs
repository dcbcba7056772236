//! A small non-negative mixture: components are added one by one while each still explains a good part of the rest.

use super::search::Match;

/// Most components.
const MAX_COMPONENTS: usize = 4;
/// A component must take away at least this share of what the others leave (sum of squares).
const MIN_GAIN: f64 = 0.25;
/// A component under this share of the fitted signal is not stated.
const MIN_SHARE: f64 = 0.03;

/// One component of the fit.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Part {
    /// Index into the ranked matches.
    pub(super) rank: usize,
    /// Share of the fitted signal (area), 0..=1.
    pub(super) share: f64,
}

/// The fit.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Mixture {
    /// Components, largest share first.
    pub(super) parts: Vec<Part>,
    /// Signal less the fit.
    pub(super) residual: Vec<f64>,
    /// Share of the signal's sum of squares that the fit leaves, 0..=1.
    pub(super) unexplained: f64,
}

/// Fits `signal` by candidates out of `matches`; `eligible` gives the ranks that may enter.
pub(super) fn fit(signal: &[f64], matches: &[Match], eligible: &[usize]) -> Mixture {
    let total: f64 = signal.iter().map(|v| v * v).sum();
    let mut chosen: Vec<usize> = Vec::new();
    let mut amplitudes: Vec<f64> = Vec::new();
    let mut rest = total;
    while chosen.len() < MAX_COMPONENTS && total > 0.0 {
        let trial = eligible.iter().filter(|rank| !chosen.contains(rank)).filter_map(|rank| {
            let mut set = chosen.clone();
            set.push(*rank);
            let curves: Vec<&[f64]> = set.iter().filter_map(|r| matches.get(*r)).map(|m| m.curve.as_slice()).collect();
            let weights = non_negative(signal, &curves);
            let left = sum_of_squares_left(signal, &curves, &weights);
            (*weights.last()? > 0.0).then_some((*rank, weights, left))
        });
        let Some((rank, weights, left)) = trial.min_by(|a, b| a.2.total_cmp(&b.2).then(a.0.cmp(&b.0))) else { break };
        if left > rest * (1.0 - MIN_GAIN) {
            break;
        }
        chosen.push(rank);
        amplitudes = weights;
        rest = left;
    }
    let curves: Vec<&[f64]> = chosen.iter().filter_map(|r| matches.get(*r)).map(|m| m.curve.as_slice()).collect();
    let areas: Vec<f64> = curves.iter().zip(&amplitudes).map(|(c, a)| a * c.iter().sum::<f64>()).collect();
    let area: f64 = areas.iter().sum();
    let mut parts: Vec<Part> = chosen
        .iter()
        .zip(&areas)
        .map(|(rank, a)| Part { rank: *rank, share: if area > 0.0 { a / area } else { 0.0 } })
        .filter(|p| p.share >= MIN_SHARE)
        .collect();
    parts.sort_by(|a, b| b.share.total_cmp(&a.share).then(a.rank.cmp(&b.rank)));
    let residual = (0..signal.len())
        .map(|i| {
            signal[i] - curves.iter().zip(&amplitudes).map(|(c, a)| a * c.get(i).copied().unwrap_or(0.0)).sum::<f64>()
        })
        .collect();
    Mixture { parts, residual, unexplained: if total > 0.0 { (rest / total).clamp(0.0, 1.0) } else { 1.0 } }
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

fn sum_of_squares_left(signal: &[f64], curves: &[&[f64]], weights: &[f64]) -> f64 {
    (0..signal.len())
        .map(|i| {
            let fitted: f64 = curves.iter().zip(weights).map(|(c, w)| w * c.get(i).copied().unwrap_or(0.0)).sum();
            (signal[i] - fitted).powi(2)
        })
        .sum()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn two_parts_come_back_with_their_shares() {
        let band = |c: f64| (0..300).map(|i| (-((f64::from(i) - c) / 4.0).powi(2)).exp()).collect::<Vec<f64>>();
        let curves = [band(50.0), band(120.0), band(200.0)];
        let matches: Vec<Match> = curves
            .iter()
            .enumerate()
            .map(|(i, c)| Match { reference: i, score: 0.0, shift_cm1: 0.0, curve: c.clone() })
            .collect();
        let signal: Vec<f64> = (0..300).map(|i| 7.0 * curves[0][i] + 3.0 * curves[2][i]).collect();
        let fit = fit(&signal, &matches, &[0, 1, 2]);
        let shares: Vec<(usize, f64)> = fit.parts.iter().map(|p| (p.rank, p.share)).collect();
        assert_eq!(shares.len(), 2);
        assert!(shares[0].0 == 0 && (shares[0].1 - 0.7).abs() < 1e-6, "{shares:?}");
        assert!(shares[1].0 == 2 && (shares[1].1 - 0.3).abs() < 1e-6, "{shares:?}");
        assert!(fit.unexplained < 1e-9);
    }
}
