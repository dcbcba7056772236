//! What a new reference may be taken for, and how much of it is seen beside a cutting agent: asked of the engine before anything
//! is saved. Mixtures are computed, so these are estimates for pure chemistry on this instrument, not limits by weight.

use std::sync::Arc;

use serde::Serialize;

use crate::identify::{Answer, Engine, Strength, replicate_mean};
use crate::library::{Library, MeasuredArray, Reference};
use crate::signal::bands_of;
use crate::spectrum::{Spectrum, Technique};

use super::evaluation::engine_for_evaluation;
use super::import::bounded;
use super::{LaboratoryError, Replicate};

/// Other substances that are listed as near.
const NEAREST: usize = 5;
/// Replicates that are asked about with the others as the reference.
const ASKED_MAX: usize = 5;
/// What powders are cut with most often.
const CUTTING_AGENTS: [&str; 6] = ["lactose", "mannitol", "caffeine", "acetaminophen", "sucrose", "inositol"];
/// Shares of the band area that are tried, falling.
const SHARES: [f64; 8] = [0.5, 0.3, 0.2, 0.1, 0.05, 0.03, 0.02, 0.01];

/// How much of it is still named beside a cutting agent.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct CuttingLimit {
    /// The cutting agent.
    pub agent: String,
    /// Lowest share of the band area, down from a half, at which the engine still points at it; none where not even then.
    pub lowest_share: Option<f64>,
}

/// What a new reference may be taken for.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct Confusables {
    /// The nearest other substances and their similarity, nearest first.
    pub nearest: Vec<(String, f64)>,
    /// Replicates that were asked about, each against the mean of the others.
    pub asked: usize,
    /// Of these, how many were named right.
    pub named_right: usize,
    /// What was said of the others.
    pub named_else: Vec<String>,
    /// Near substances whose own reference is now named as the new one.
    pub taken_for_it: Vec<String>,
    /// Detection limits in common cutting agents, computed.
    pub cutting: Vec<CuttingLimit>,
}

/// A reference on trial: the library without it (its substance is there), and what it was made of.
pub(super) struct Trial<'a> {
    pub library: &'a Library,
    pub reference: &'a Reference,
    pub mean: &'a Spectrum,
    pub kept: &'a [&'a Replicate],
}

impl Trial<'_> {
    /// An engine on the library with a reference of this spectrum in place.
    fn engine(&self, spectrum: &Spectrum) -> Option<Engine> {
        let model = bands_of(spectrum)?;
        let measured = MeasuredArray::new(spectrum.clone()).map(Arc::new);
        let reference =
            Reference { bands: bounded(model.bands), range_cm1: model.range_cm1, measured, ..self.reference.clone() };
        let mut library = self.library.clone();
        library.references.push(reference);
        library.references.sort_by_key(|r| r.substance);
        Some(engine_for_evaluation(Arc::new(library)))
    }

    fn name(&self) -> &str {
        self.library.substances.get(self.reference.substance).map_or("", |s| s.name.as_str())
    }

    /// True when the answer names the new substance, alone or as one that cannot be told apart.
    fn points_at_it(&self, answer: &Answer) -> bool {
        let name = self.name();
        answer.identified.iter().any(|i| i.substance == name || i.alternatives.iter().any(|a| a == name))
    }

    fn spectrum(&self, values: Vec<f64>) -> Option<Spectrum> {
        let spectrum = Spectrum::new(self.mean.technique(), self.mean.axis_cm1().to_vec(), values).ok()?;
        let root = (self.kept.len() as f64).sqrt();
        let noise = self.mean.noise_sd().map(|n| n.iter().map(|v| v * root).collect::<Vec<f64>>());
        let spectrum = match noise {
            Some(noise) => spectrum.clone().with_noise(noise).unwrap_or(spectrum),
            None => spectrum,
        };
        Some(match self.mean.resolution_cm1() {
            Some(resolution) => spectrum.with_resolution(resolution),
            None => spectrum,
        })
    }

    /// What one replicate differs from the mean by: the noise of a single measurement as it really was.
    fn noise(&self) -> Vec<f64> {
        let axis = self.mean.axis_cm1();
        let total = |v: &[f64]| v.iter().sum::<f64>();
        let other = self.kept.iter().rev().find(|r| r.spectrum.axis_cm1().len() >= axis.len());
        let Some(other) = other else { return vec![0.0; axis.len()] };
        let (from, values) = (other.spectrum.axis_cm1(), other.spectrum.intensity());
        let at = from.partition_point(|x| axis.first().is_some_and(|a| x < a));
        let values: Vec<f64> = values.iter().skip(at).take(axis.len()).copied().collect();
        let scale = total(self.mean.intensity()) / total(&values);
        if values.len() != axis.len() || !scale.is_finite() {
            return vec![0.0; axis.len()];
        }
        values.iter().zip(self.mean.intensity()).map(|(v, m)| v * scale - m).collect()
    }

    /// Bands of a reference over the axis of the mean, as this instrument sees them, to an area of 1.
    fn shape(&self, reference: &Reference) -> Option<Vec<f64>> {
        let resolution = self.mean.resolution_cm1().unwrap_or(reference.own_resolution_cm1);
        let mut shape = reference.synthesize(self.mean.axis_cm1(), resolution, reference.own_resolution_cm1);
        let area: f64 = shape.iter().sum();
        if !(area > 0.0 && area.is_finite()) {
            return None;
        }
        for v in &mut shape {
            *v /= area;
        }
        Some(shape)
    }

    /// A scan of these shapes at these shares: as strong as the standard itself, with the noise of a single measurement.
    fn mixture(&self, parts: &[(&[f64], f64)], noise: &[f64]) -> Option<Spectrum> {
        let own = self.shape(self.reference)?;
        let span = |v: &[f64]| {
            let high = v.iter().copied().fold(f64::NEG_INFINITY, f64::max);
            high - v.iter().copied().fold(f64::INFINITY, f64::min)
        };
        let scale = span(self.mean.intensity()) / span(&own);
        let floor = self.mean.intensity().iter().copied().fold(f64::INFINITY, f64::min);
        let values = noise.iter().enumerate().map(|(i, n)| {
            let light: f64 = parts.iter().map(|(shape, share)| share * shape.get(i).copied().unwrap_or(0.0)).sum();
            floor + n + scale * light
        });
        self.spectrum(values.collect())
    }

    /// The strongest-standing Raman reference of another substance.
    fn reference_of(&self, substance: usize) -> Option<&Reference> {
        let raman = |r: &&Reference| r.technique == Technique::Raman && r.band_count() > 0;
        self.library.references_of(substance).filter(raman).min_by_key(|r| r.tier)
    }
}

/// Asks the engine. `go_on` is told how many questions are done and ends it by returning false.
pub(super) fn confusables(
    trial: &Trial<'_>,
    go_on: &(dyn Fn(usize, usize) -> bool + Sync),
) -> Result<Confusables, LaboratoryError> {
    let no_band = || LaboratoryError::Replicate("the mean shows no band above its noise".to_owned());
    let with_it = trial.engine(trial.mean).ok_or_else(no_band)?;
    let agents: Vec<(usize, &str)> = CUTTING_AGENTS
        .iter()
        .filter_map(|a| Some((trial.library.find_index(a)?, *a)))
        .filter(|(i, _)| *i != trial.reference.substance && trial.reference.technique == Technique::Raman)
        .collect();
    let asked = trial.kept.len().min(ASKED_MAX);
    let all = 1 + asked + NEAREST + agents.len();
    let mut done = 0;
    let mut step = || {
        done += 1;
        if go_on(done.min(all), all) { Ok(()) } else { Err(LaboratoryError::Cancelled) }
    };

    let hidden = trial.library.substances.get(trial.reference.substance).map(|s| s.key.clone());
    let without = with_it.identify_without(trial.mean, &|s| Some(&s.key) == hidden.as_ref());
    let nearest: Vec<(String, f64)> =
        without.candidates.iter().take(NEAREST).map(|c| (c.substance.clone(), c.score)).collect();
    step()?;

    let mut found = Confusables { nearest, asked, ..Confusables::default() };
    for i in 0..asked {
        let others: Vec<&Spectrum> =
            trial.kept.iter().enumerate().filter(|(k, _)| *k != i).map(|(_, r)| &r.spectrum).collect();
        let mean = replicate_mean(&others).map_err(|why| LaboratoryError::Replicate(why.to_string()))?;
        let engine = trial.engine(&mean).ok_or_else(no_band)?;
        if let Some(one) = trial.kept.get(i) {
            let answer = engine.identify(&one.spectrum);
            let named = answer.identified.iter().find(|n| n.strength == Strength::Identified);
            if trial.points_at_it(&answer) && named.is_some() {
                found.named_right += 1;
            } else {
                found
                    .named_else
                    .push(named.map_or_else(|| answer.verdict.headline().to_owned(), |n| n.substance.clone()));
            }
        }
        step()?;
    }

    let noise = trial.noise();
    for (name, _) in &found.nearest.clone() {
        let near = trial.library.find_index(name).and_then(|i| trial.reference_of(i)).and_then(|r| trial.shape(r));
        let scan = near.and_then(|shape| trial.mixture(&[(&shape, 1.0)], &noise));
        if scan.is_some_and(|s| trial.points_at_it(&with_it.identify(&s))) {
            found.taken_for_it.push(name.clone());
        }
        step()?;
    }

    let own = trial.shape(trial.reference).ok_or_else(no_band)?;
    for (index, _) in agents {
        let name = trial.library.substances.get(index).map_or("", |s| s.name.as_str());
        let shape = trial.reference_of(index).and_then(|r| trial.shape(r));
        if let Some(shape) = shape {
            let seen = |share: f64| {
                let scan = trial.mixture(&[(&own, share), (&shape, 1.0 - share)], &noise);
                scan.is_some_and(|s| trial.points_at_it(&with_it.identify(&s)))
            };
            let lowest_share = SHARES.into_iter().take_while(|s| seen(*s)).last();
            found.cutting.push(CuttingLimit { agent: name.to_owned(), lowest_share });
        }
        step()?;
    }
    Ok(found)
}
