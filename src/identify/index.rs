//! The references of one technique, ready to be compared at one resolution.

use std::ops::Range;

use crate::library::{Library, Reference, Tier};
use crate::signal::{MATCH_RESOLUTION_CM1, SearchGrid, prepare_to};
use crate::spectrum::{Band, Spectrum, Technique};

use super::features::{TOLERANT_RANGE_CM1, TOLERANT_WIDTH_CM1, sharp_reference, tolerant_reference};
use super::tops::{Top, tops};

/// Under this share of the strongest band a top of a reference says nothing.
const FAINTEST_TOP: f64 = 0.02;
/// Wings of a Lorentzian are cut at this many widths, where they have fallen under 0.1 %.
const LORENTZ_REACH: f64 = 16.0;

/// Similarity from which two references are one for a scan: emulated samples with the measured gap reach 0.96 of their
/// own reference at the median.
const NEARLY: f64 = 0.96;
/// Share of the shorter range that both must cover for that.
const NEARLY_RANGE: f64 = 0.9;

/// How a reference is compared.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Metric {
    /// Square root, high-pass, small shifts.
    Sharp,
    /// Square root, wide smoothing, larger shifts.
    Tolerant,
}

/// One reference on the grid.
#[derive(Clone, Debug)]
pub(super) struct Indexed {
    /// Index into [`Library::references`].
    pub reference: usize,
    /// Index into [`Library::substances`].
    pub substance: usize,
    /// Where it came from.
    pub tier: Tier,
    /// True when it may carry an identification ([`Reference::can_support_identification`]).
    pub supports: bool,
    /// How it is compared.
    pub metric: Metric,
    /// Grid points at which it says something.
    pub span: Range<usize>,
    /// Intensity over the span, strongest 1.
    pub shape: Vec<f64>,
    /// The feature over the span.
    pub feature: Vec<f64>,
    /// Its tops, ascending by position.
    pub tops: Vec<Top>,
}

/// All references of one technique at one match resolution.
#[derive(Debug)]
pub(super) struct Index {
    /// The grid.
    pub grid: SearchGrid,
    /// The references, in the order of the library.
    pub entries: Vec<Indexed>,
}

impl Index {
    /// Synthesises every reference of `technique` at match resolution number `match_index`. Simulated references may
    /// carry a name only if `believes_simulated`.
    pub fn build(library: &Library, technique: Technique, match_index: usize, believes_simulated: bool) -> Self {
        let grid = SearchGrid::of(technique);
        let resolution = MATCH_RESOLUTION_CM1.get(match_index).copied().unwrap_or(MATCH_RESOLUTION_CM1[0]);
        let entries = library
            .references
            .iter()
            .enumerate()
            .filter(|(_, r)| r.technique == technique)
            .filter_map(|(index, r)| Indexed::new(index, r, grid, resolution, believes_simulated))
            .collect();
        Self { grid, entries }
    }
}

impl Indexed {
    fn new(
        index: usize,
        reference: &Reference,
        grid: SearchGrid,
        resolution_cm1: f64,
        believes_simulated: bool,
    ) -> Option<Self> {
        let metric = if reference.tier == Tier::Computed { Metric::Tolerant } else { Metric::Sharp };
        let (mut lo, mut hi) = reference.range_cm1;
        if metric == Metric::Tolerant {
            lo = lo.max(TOLERANT_RANGE_CM1.0);
            hi = hi.min(TOLERANT_RANGE_CM1.1);
        }
        let span = grid.span(lo, hi);
        if span.len() < 8 {
            return None;
        }
        let mut shape = vec![0.0; span.len()];
        let bands = match (&reference.measured, metric) {
            (Some(measured), Metric::Sharp) => {
                add_measured(&mut shape, span.start, measured.spectrum(), resolution_cm1);
                &[][..]
            }
            _ => reference.bands.as_slice(),
        };
        for band in bands {
            let seen = match metric {
                // A calculated activity is an area; every stick gets the same width, so heights stay in proportion.
                Metric::Tolerant => Band { fwhm_cm1: TOLERANT_WIDTH_CM1, lorentz_fraction: 1.0, ..*band },
                Metric::Sharp => {
                    let own = reference.own_resolution_cm1;
                    band.broadened((resolution_cm1.powi(2) - own.powi(2)).max(0.0).sqrt())
                }
            };
            add_band(&mut shape, grid, span.start, seen);
        }
        let top = shape.iter().copied().fold(0.0, f64::max);
        if top <= 0.0 || !top.is_finite() {
            return None;
        }
        for v in &mut shape {
            *v /= top;
        }
        let step = grid.step_cm1();
        let feature = match metric {
            Metric::Sharp => sharp_reference(&shape, step),
            Metric::Tolerant => tolerant_reference(&shape, step),
        };
        let mut tops = tops(&shape, grid.at(span.start), step);
        tops.retain(|t| t.prominence >= FAINTEST_TOP && t.prominence >= 0.1 * t.height);
        Some(Self {
            reference: index,
            substance: reference.substance,
            tier: reference.tier,
            supports: reference.can_support_identification()
                || (believes_simulated && reference.tier == Tier::Simulated),
            metric,
            span,
            shape,
            feature,
            tops,
        })
    }

    /// True when the reference was measured.
    pub fn is_measured(&self) -> bool {
        matches!(self.tier, Tier::MeasuredHere | Tier::MeasuredElsewhere | Tier::Simulated)
    }

    /// True when the two references are more alike than a sample usually is to its own reference, so that whichever fits
    /// better is a coin toss.
    pub fn is_nearly(&self, other: &Self) -> bool {
        let (from, to) = (self.span.start.max(other.span.start), self.span.end.min(other.span.end));
        let shorter = self.span.len().min(other.span.len());
        if !self.supports
            || !other.supports
            || self.metric != other.metric
            || to <= from
            || ((to - from) as f64) < NEARLY_RANGE * shorter as f64
        {
            return false;
        }
        let own = self.feature.get(from - self.span.start..to - self.span.start).unwrap_or_default();
        let others = other.feature.get(from - other.span.start..to - other.span.start).unwrap_or_default();
        let dot = |a: &[f64], b: &[f64]| a.iter().zip(b).map(|(a, b)| a * b).sum::<f64>();
        dot(own, others) >= NEARLY * (dot(own, own) * dot(others, others)).sqrt().max(1e-12)
    }

    /// Intensity at a fractional grid position; none outside the span.
    pub fn shape_at(&self, grid_position: f64) -> Option<f64> {
        let p = grid_position - self.span.start as f64;
        if p < 0.0 {
            return None;
        }
        let (i, t) = (p.floor() as usize, p.fract());
        let a = self.shape.get(i)?;
        let b = self.shape.get(i + 1).unwrap_or(a);
        Some(a + (b - a) * t)
    }
}

/// Puts a measured array on the grid, conditioned like a query of this match resolution. Where the array was measured
/// with less resolution it stays as sharp as it is.
fn add_measured(shape: &mut [f64], first: usize, measured: &Spectrum, resolution_cm1: f64) {
    let at_least = MATCH_RESOLUTION_CM1.iter().position(|r| *r >= resolution_cm1).unwrap_or(0);
    let prepared = prepare_to(measured, at_least);
    for (i, (value, usable)) in prepared.signal().iter().zip(prepared.usable()).enumerate() {
        let cell = (prepared.first() + i).checked_sub(first).and_then(|at| shape.get_mut(at));
        if let Some(cell) = cell.filter(|_| *usable) {
            *cell = value.max(0.0);
        }
    }
}

/// Adds one band to the curve, near its centre only.
fn add_band(curve: &mut [f64], grid: SearchGrid, first: usize, band: Band) {
    let reach = band.fwhm_cm1 * if band.lorentz_fraction > 0.0 { LORENTZ_REACH } else { 2.5 };
    let near = grid.span(band.position_cm1 - reach, band.position_cm1 + reach);
    let (from, to) = (near.start.max(first), near.end.min(first + curve.len()));
    for cell in from..to {
        if let Some(v) = curve.get_mut(cell - first) {
            *v += band.value_at(grid.at(cell));
        }
    }
}
