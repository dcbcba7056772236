//! What is stated of the components that were chosen: shares with intervals, p-values, the references that would do as well,
//! and what they leave unexplained.

use super::super::evidence::FAINT;
use super::super::linear::{dot, left_over};
use super::{Fit, Mixture, Option_, Part, Scatter, Search, solve, without};

/// Criterion under which two references explain the signal equally well.
const SAME_BIC: f64 = 6.0;
/// A component under this share of the fitted signal is not stated.
const MIN_SHARE: f64 = 0.02;
/// Signal up to this multiple of the fit, moved by up to one grid step, counts as explained.
const GENEROSITY: f64 = 1.25;

impl Search<'_> {
    /// The chosen components with all that is said about them, and the curve of the whole fit.
    pub(super) fn parts(&self, mut chosen: Vec<Option_>) -> (Vec<Part>, Vec<f64>) {
        loop {
            let set: Vec<&Option_> = chosen.iter().collect();
            let fit = solve(&self.space.target, &set);
            let areas: Vec<f64> =
                chosen.iter().zip(&fit.amplitudes).map(|(o, a)| a * o.curve.iter().sum::<f64>()).collect();
            let whole: f64 = areas.iter().sum();
            let least = areas.iter().enumerate().min_by(|a, b| a.1.total_cmp(b.1));
            if let Some((k, area)) = least
                && *area < MIN_SHARE * whole
            {
                chosen.remove(k);
                continue;
            }
            let mut curve = vec![0.0; self.window.len()];
            for (o, a) in chosen.iter().zip(&fit.amplitudes) {
                curve.iter_mut().zip(&o.curve).for_each(|(f, c)| *f += a * c);
            }
            let intervals = self.intervals(&chosen, &fit, &areas, whole);
            let mut parts: Vec<Part> = (0..chosen.len())
                .filter_map(|k| self.part(k, &chosen, &fit, areas.get(k)? / whole.max(1e-30), *intervals.get(k)?))
                .collect();
            parts.sort_by(|a, b| b.share.total_cmp(&a.share).then(a.entry.cmp(&b.entry)));
            return (parts, curve);
        }
    }

    fn part(&self, k: usize, chosen: &[Option_], fit: &Fit, share: f64, interval: (f64, f64)) -> Option<Part> {
        let own = chosen.get(k)?;
        let amplitude = *fit.amplitudes.get(k)?;
        let others = without(chosen, k);
        let amplitudes: Vec<f64> =
            fit.amplitudes.iter().enumerate().filter(|(i, _)| *i != k).map(|(_, a)| *a).collect();
        let columns: Vec<&[f64]> = others.iter().map(|o| o.column.as_slice()).collect();
        let rest = left_over(&self.space.target, &columns, &amplitudes);
        let norm = (dot(&rest, &rest) * dot(&own.column, &own.column)).sqrt();
        Some(Part {
            entry: own.entry,
            substance: own.substance,
            shift_cm1: own.shift_cm1,
            share,
            interval,
            p_value: self.p_value(own, amplitude, &others, &fit.rest),
            partial: if norm > 0.0 { dot(&rest, &own.column) / norm } else { 0.0 },
            evidence: self.evidence(own, amplitude, &others, &amplitudes),
            alternatives: self.alternatives(own, chosen, fit),
            curve: own.curve.clone(),
            column: own.column.clone(),
        })
    }

    /// Substances that would do as well in the place of a component, best first.
    fn alternatives(&self, own: &Option_, chosen: &[Option_], fit: &Fit) -> Vec<usize> {
        let others: Vec<Option_> = chosen.iter().filter(|o| o.entry != own.entry).cloned().collect();
        let scatter = Scatter::of(&fit.rest, self.space.whitening.free());
        let floor = self.space.whitening.free() as f64;
        let worse = |squares: f64| scatter.effective * (squares.max(floor) / fit.squares.max(floor)).ln();
        let without = solve(&self.space.target, &others.iter().collect::<Vec<_>>());
        let mut found: Vec<(f64, usize)> = self
            .promising(&others, &[own.entry], &without.rest)
            .into_iter()
            .filter_map(|k| self.pool.get(k))
            .filter(|o| o.substance != own.substance && chosen.iter().all(|c| c.substance != o.substance))
            .map(|o| (self.refined(o, &others, own.shift_cm1).1.squares, o.substance))
            .filter(|(squares, _)| worse(*squares) < SAME_BIC)
            .collect();
        found.sort_by(|a, b| a.0.total_cmp(&b.0).then(a.1.cmp(&b.1)));
        let mut names: Vec<usize> = Vec::new();
        for (_, substance) in found {
            if !names.contains(&substance) {
                names.push(substance);
            }
        }
        names
    }

    /// 95 % intervals of the shares: covariance of the amplitudes, carried to the shares to first order.
    fn intervals(&self, chosen: &[Option_], fit: &Fit, areas: &[f64], whole: f64) -> Vec<(f64, f64)> {
        let n = chosen.len();
        if n == 0 {
            return Vec::new();
        }
        let gram = nalgebra::DMatrix::from_fn(n, n, |i, j| dot(&chosen[i].column, &chosen[j].column));
        let scatter = Scatter::of(&fit.rest, self.space.whitening.free());
        let scale = scatter.variance * scatter.inflation;
        let covariance = gram.pseudo_inverse(1e-12).unwrap_or_else(|_| nalgebra::DMatrix::zeros(n, n)) * scale;
        let unit: Vec<f64> = chosen.iter().map(|o| o.curve.iter().sum::<f64>()).collect();
        areas
            .iter()
            .enumerate()
            .map(|(k, area)| {
                let share = area / whole.max(1e-30);
                // d share_k / d a_j = unit_j (delta_kj - share_k) / whole
                let slope = |j: usize| unit[j] * (f64::from(u8::from(j == k)) - share) / whole.max(1e-30);
                let variance: f64 =
                    (0..n).map(|i| (0..n).map(|j| slope(i) * slope(j) * covariance[(i, j)]).sum::<f64>()).sum();
                let half = 1.96 * variance.max(0.0).sqrt();
                ((share - half).clamp(0.0, 1.0), (share + half).clamp(0.0, 1.0))
            })
            .collect()
    }

    /// The components as they are handed on, and the signal that they do not reach.
    pub(super) fn finish(&self, parts: Vec<Part>, fit: &[f64], shift_cm1: f64) -> Mixture {
        let reached = |i: usize| {
            fit.get(i.saturating_sub(1)..(i + 2).min(fit.len())).unwrap_or_default().iter().copied().fold(0.0, f64::max)
        };
        let noise = self.query.noise_sd().get(self.window.start - self.query.first()..).unwrap_or_default();
        let seen: Vec<f64> = self.signal.iter().zip(noise).map(|(q, n)| (q - (2.0 * n).max(FAINT)).max(0.0)).collect();
        let surplus: Vec<f64> = seen.iter().enumerate().map(|(i, q)| (q - GENEROSITY * reached(i)).max(0.0)).collect();
        let whole: f64 = seen.iter().sum();
        let unexplained = if whole > 0.0 { (surplus.iter().sum::<f64>() / whole).clamp(0.0, 1.0) } else { 1.0 };
        // What no component explains may be more of any, or none of them: of the signal each has at least so much less.
        let mut parts = parts;
        for part in &mut parts {
            part.interval.0 *= 1.0 - unexplained;
        }
        Mixture { window: self.window.clone(), parts, surplus, unexplained, shift_cm1, space: None }
    }
}
