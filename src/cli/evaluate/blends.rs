//! Measured blends with stated fractions, against pure scans of the same session.

use std::path::Path;

use anyhow::Context as _;

use crate::identify::{Spectra, Table, fit_blend};
use crate::spectrum::Spectrum;

use super::labelled;

/// Folder of the blends in the data.
const FOLDER: &str = "mixtures/ps-ppo-785/";
/// How the manifest calls the pure scans, in the order of the materials.
const PURE: [&str; 2] = ["polystyrene pure", "polypropylene oxide pure"];
/// How it calls the blends, before the fraction.
const BLEND: &str = "polystyrene fraction ";

/// Fits every blend and states mean and scatter at each fraction.
pub fn table(data: &Path, name: &str) -> Result<Table, anyhow::Error> {
    let scans = labelled(data, FOLDER)?;
    let pure: Vec<Vec<Spectrum>> = (PURE.iter())
        .map(|name| scans.iter().filter(|q| q.truth.name == *name).map(|q| q.spectrum.clone()).collect())
        .collect();
    let mut fitted: Vec<(f64, Vec<f64>)> = Vec::new();
    for scan in &scans {
        let Some(stated) = scan.truth.name.strip_prefix(BLEND) else { continue };
        let stated: f64 =
            stated.parse().with_context(|| format!("'{}' in the manifest states no fraction", scan.truth.name))?;
        let blend =
            fit_blend(&scan.spectrum, &pure).with_context(|| format!("{} has no bands to compare", scan.name))?;
        let value = blend.fractions.first().copied().unwrap_or(0.0);
        match fitted.iter_mut().find(|(s, _)| *s == stated) {
            Some((_, values)) => values.push(value),
            None => fitted.push((stated, vec![value])),
        }
    }
    let mut table = Table::new(name, Spectra::Measured, &[], false);
    table.lines.clear();
    for (stated, values) in fitted {
        let n = values.len() as f64;
        let mean = values.iter().sum::<f64>() / n;
        let scatter = (values.iter().map(|v| (v - mean).powi(2)).sum::<f64>() / (n - 1.0).max(1.0)).sqrt();
        table.notes.push(format!(
            "{name}: polystyrene stated {stated:.4}, fitted {mean:.3}, off by {:+.3}, scatter between scans {scatter:.3}, n = {}",
            mean - stated,
            values.len()
        ));
        table.figures.push((format!("off_at_{stated}"), mean - stated));
    }
    Ok(table)
}
