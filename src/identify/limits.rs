//! What this scan could have seen: detection limits and coverage.

use crate::library::Library;
use crate::spectrum::Technique;

use super::answer::{Coverage, DetectionLimit};
use super::mixture::Mixture;

/// Quantiles of the normal distribution: 1 % false alarms and 95 % power (Currie, Anal. Chem. 40 (1968) 586).
const DECISION_AND_POWER: f64 = 2.326 + 1.645;

/// For each alarming substance with a reference of this technique the smallest share of the signal that would have
/// stood out of what the mixture left unexplained with 95 % power (net analyte signal, Lorber 1986); null where its
/// only reference is calculated or a list of positions. `curve_of` gives the curve of a substance's reference over the
/// fitted window.
pub(super) fn detection_limits(
    library: &Library,
    technique: Technique,
    mixture: &Mixture,
    signal_area: f64,
    noise: f64,
    curve_of: &dyn Fn(usize) -> Option<Vec<f64>>,
) -> Vec<DetectionLimit> {
    let residual = &mixture.residual;
    let scatter = (residual.iter().map(|v| v * v).sum::<f64>() / residual.len().max(1) as f64).sqrt();
    let scatter = scatter.max(noise) * autocorrelation_inflation(residual).sqrt();
    let mut limits = Vec::new();
    for (index, substance) in library.substances.iter().enumerate().filter(|(_, s)| s.alarms) {
        if !library.references_of(index).any(|r| r.technique == technique) {
            continue;
        }
        let spectral_share = curve_of(index).map(|curve| {
            // What else was found can imitate it; itself it cannot.
            let others: Vec<&[f64]> = (mixture.parts.iter().zip(&mixture.curves))
                .filter(|(part, _)| part.substance != index)
                .map(|(_, c)| c.as_slice())
                .collect();
            let net = net_signal_norm(&curve, &others);
            if net <= 1e-9 || signal_area <= 0.0 {
                return 1.0;
            }
            let area = DECISION_AND_POWER * scatter / net * curve.iter().sum::<f64>();
            (area / (signal_area + area)).clamp(0.0, 1.0)
        });
        limits.push(DetectionLimit { substance: substance.name.clone(), spectral_share });
    }
    limits
}

/// Norm of the part of `curve` that the `components` cannot imitate.
fn net_signal_norm(curve: &[f64], components: &[&[f64]]) -> f64 {
    let dot = |a: &[f64], b: &[f64]| a.iter().zip(b).map(|(x, y)| x * y).sum::<f64>();
    let mut basis: Vec<Vec<f64>> = Vec::new();
    let project = |v: &mut Vec<f64>, basis: &[Vec<f64>]| {
        for b in basis {
            let along = dot(v, b);
            v.iter_mut().zip(b).for_each(|(x, y)| *x -= along * y);
        }
    };
    for component in components {
        let mut v = component.to_vec();
        project(&mut v, &basis);
        let norm = dot(&v, &v).sqrt();
        if norm > 1e-12 {
            basis.push(v.iter().map(|x| x / norm).collect());
        }
    }
    let mut net = curve.to_vec();
    project(&mut net, &basis);
    dot(&net, &net).sqrt()
}

/// `1 + 2 sum rho` over the residual's autocorrelation up to its first drop below 0.05: neighbouring points of a residual
/// that the references' faults made are not independent.
fn autocorrelation_inflation(residual: &[f64]) -> f64 {
    let zero: f64 = residual.iter().map(|v| v * v).sum();
    if zero <= 0.0 {
        return 1.0;
    }
    let mut inflation = 1.0;
    for lag in 1..residual.len().min(50) {
        let rho = residual.iter().zip(residual.iter().skip(lag)).map(|(a, b)| a * b).sum::<f64>() / zero;
        if rho < 0.05 {
            break;
        }
        inflation += 2.0 * rho;
    }
    inflation
}

/// Which listed substances the library can search for with `technique`.
pub(super) fn coverage(library: &Library, technique: Technique) -> Coverage {
    let found = library.coverage(technique);
    let name = |index: &usize| library.substances.get(*index).map(|s| s.name.clone());
    Coverage {
        listed_measured: found.measured.len() + found.literature.len(),
        listed_computed_only: found.computed_only.len(),
        not_searchable: found.not_searchable.iter().filter_map(name).collect(),
    }
}
