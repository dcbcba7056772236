//! The references of one technique, ready to be compared at one resolution.

use std::ops::Range;
use std::sync::{Arc, OnceLock};

use crate::library::{Library, Reference, Tier};
use crate::signal::{MATCH_RESOLUTION_CM1, SearchGrid, prepare_to};
use crate::spectrum::{Band, Spectrum, Technique};

use super::features::{TOLERANT_RANGE_CM1, TOLERANT_WIDTH_CM1, sharp_reference, tolerant_reference};
use super::tables::Tables;
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
    /// Sum and sum of squares of the feature's values before each place.
    pub sums: Vec<(f64, f64)>,
    /// Its tops, ascending by position.
    pub tops: Vec<Top>,
}

/// What is known of a reference without synthesising it.
#[derive(Clone, Debug)]
pub(super) struct Head {
    /// Index into [`Library::references`].
    pub reference: usize,
    /// Index into [`Library::substances`].
    pub substance: usize,
    /// True when it may carry an identification ([`Reference::can_support_identification`]).
    pub supports: bool,
    /// How it is compared.
    pub metric: Metric,
    /// Grid points at which it says something.
    pub span: Range<usize>,
}

/// All references of one technique at one match resolution.
#[derive(Debug)]
pub(super) struct Index {
    /// The grid.
    pub grid: SearchGrid,
    /// The references, in the order of the library.
    pub heads: Vec<Head>,
    /// The bytes that the fast pass reads.
    pub tables: Tables,
    /// Substance and entry, ascending: a library's references need not lie in the order of its substances.
    by_substance: Vec<(usize, usize)>,
    /// Substances with a reference of the technique, ascending.
    known: Vec<usize>,
    library: Arc<Library>,
    technique: Technique,
    resolution_cm1: f64,
    /// The synthesised references: those that a query came near to.
    built: Vec<OnceLock<Option<Box<Indexed>>>>,
}

impl Index {
    /// Every reference of a technique at the match resolution of that number, without kept tables.
    #[cfg(test)]
    pub fn build(library: &Arc<Library>, technique: Technique, match_index: usize, believes_simulated: bool) -> Self {
        Self::from_saved(library, (technique, match_index), believes_simulated, None)
    }

    /// Every reference of a technique at the match resolution of that number. Simulated references may carry a name only if
    /// `believes_simulated`. The tables that were kept of it are used where there are any.
    pub fn from_saved(
        library: &Arc<Library>,
        (technique, match_index): (Technique, usize),
        believes_simulated: bool,
        saved: Option<&[u8]>,
    ) -> Self {
        let grid = SearchGrid::of(technique);
        let resolution_cm1 = MATCH_RESOLUTION_CM1.get(match_index).copied().unwrap_or(MATCH_RESOLUTION_CM1[0]);
        let heads: Vec<Head> = library
            .references
            .iter()
            .enumerate()
            .filter(|(_, r)| technique.compares_with(r.technique))
            .filter_map(|(index, r)| Head::of(index, r, grid, believes_simulated))
            .collect();
        let built: Vec<OnceLock<_>> = heads.iter().map(|_| OnceLock::new()).collect();
        let mut by_substance: Vec<(usize, usize)> = heads.iter().enumerate().map(|(e, h)| (h.substance, e)).collect();
        by_substance.sort_unstable();
        let mut known: Vec<usize> =
            library.references.iter().filter(|r| technique.compares_with(r.technique)).map(|r| r.substance).collect();
        known.sort_unstable();
        known.dedup();
        let mut index = Self {
            by_substance,
            known,
            grid,
            heads,
            tables: Tables::default(),
            library: Arc::clone(library),
            technique,
            resolution_cm1,
            built,
        };
        index.tables = Tables::build(&index, saved);
        index
    }

    /// True when the substance of an entry alarms.
    pub fn alarms(&self, entry: usize) -> bool {
        let substance = self.heads.get(entry).and_then(|h| self.library.substances.get(h.substance));
        substance.is_some_and(|s| s.alarms)
    }

    /// One reference on the grid, synthesised when first asked for; none where nothing of it lies on the grid.
    pub fn get(&self, entry: usize) -> Option<&Indexed> {
        self.built.get(entry)?.get_or_init(|| self.synthesise(entry).map(Box::new)).as_deref()
    }

    /// The entries of a substance, in the order of the library.
    pub fn entries_of(&self, substance: usize) -> impl Iterator<Item = usize> {
        let before = |s: usize| self.by_substance.partition_point(|p| p.0 < s);
        let own = self.by_substance.get(before(substance)..before(substance + 1)).unwrap_or_default();
        own.iter().map(|p| p.1)
    }

    /// True when the library has a reference of this technique, wherever its range lies.
    pub fn knows(&self, substance: usize) -> bool {
        self.known.binary_search(&substance).is_ok()
    }

    /// The feature of one reference and the grid point on which it begins, without keeping anything.
    pub fn feature(&self, entry: usize) -> Option<(usize, Vec<f64>)> {
        let head = self.heads.get(entry)?;
        let reference = self.library.references.get(head.reference)?;
        let (_, feature) = shape_and_feature(reference, head, self.grid, (self.technique, self.resolution_cm1))?;
        Some((head.span.start, feature))
    }

    fn synthesise(&self, entry: usize) -> Option<Indexed> {
        let head = self.heads.get(entry)?;
        let seen = (self.technique, self.resolution_cm1);
        Indexed::new(self.library.references.get(head.reference)?, head, self.grid, seen)
    }
}

impl Head {
    fn of(index: usize, reference: &Reference, grid: SearchGrid, believes_simulated: bool) -> Option<Self> {
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
        Some(Self {
            reference: index,
            substance: reference.substance,
            supports: reference.can_support_identification()
                || (believes_simulated && reference.tier == Tier::Simulated),
            metric,
            span,
        })
    }
}

impl Indexed {
    fn new(reference: &Reference, head: &Head, grid: SearchGrid, seen: (Technique, f64)) -> Option<Self> {
        let (shape, feature) = shape_and_feature(reference, head, grid, seen)?;
        let mut tops = tops(&shape, grid.at(head.span.start), grid.step_cm1());
        tops.retain(|t| t.prominence >= FAINTEST_TOP && t.prominence >= 0.1 * t.height);
        let sums = running_sums(&feature);
        Some(Self {
            reference: head.reference,
            substance: head.substance,
            tier: reference.tier,
            supports: head.supports,
            metric: head.metric,
            span: head.span.clone(),
            shape,
            feature,
            sums,
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
        let i = p as usize;
        let t = p - i as f64;
        let a = self.shape.get(i)?;
        let b = self.shape.get(i + 1).unwrap_or(a);
        Some(a + (b - a) * t)
    }

    /// The reference over a window of the grid, moved up by `shift_cm1`; zero where the reference says nothing.
    pub fn over(&self, window: Range<usize>, shift_cm1: f64, step_cm1: f64) -> Vec<f64> {
        // All points lie at the same fraction between two of the reference's.
        let origin = window.start as f64 - shift_cm1 / step_cm1 - self.span.start as f64;
        let (base, t) = (origin.floor(), origin - origin.floor());
        let before = ((-base).max(0.0) as usize).min(window.len());
        let shape = self.shape.get(base.max(0.0) as usize..).unwrap_or_default();
        let ends = shape.last().into_iter().copied();
        let pairs = shape.iter().zip(shape.iter().skip(1).copied().chain(ends));
        let mut out = vec![0.0; before];
        out.extend(pairs.take(window.len() - before).map(|(a, b)| a + (b - a) * t));
        out.resize(window.len(), 0.0);
        out
    }
}

/// Sum and sum of squares of the values before each place, the end included.
pub(super) fn running_sums(values: &[f64]) -> Vec<(f64, f64)> {
    let mut sums = Vec::with_capacity(values.len() + 1);
    let mut so_far = (0.0, 0.0);
    sums.push(so_far);
    for v in values {
        so_far = (so_far.0 + v, so_far.1 + v * v);
        sums.push(so_far);
    }
    sums
}

/// Intensity over the span, strongest 1, and the feature; none where nothing of the reference lies there.
fn shape_and_feature(
    reference: &Reference,
    head: &Head,
    grid: SearchGrid,
    (technique, resolution_cm1): (Technique, f64),
) -> Option<(Vec<f64>, Vec<f64>)> {
    let mut shape = vec![0.0; head.span.len()];
    let bands = match (&reference.measured, head.metric) {
        (Some(measured), Metric::Sharp) => {
            add_measured(&mut shape, head.span.start, measured.spectrum(), resolution_cm1);
            &[][..]
        }
        _ => reference.bands.as_slice(),
    };
    for band in bands {
        let seen = match head.metric {
            // A calculated activity is an area; every stick gets the same width, so heights stay in proportion.
            Metric::Tolerant => Band { fwhm_cm1: TOLERANT_WIDTH_CM1, lorentz_fraction: 1.0, ..*band },
            Metric::Sharp => {
                let own = reference.own_resolution_cm1;
                band.broadened((resolution_cm1.powi(2) - own.powi(2)).max(0.0).sqrt())
            }
        };
        add_band(&mut shape, grid, head.span.start, seen);
    }
    // Heights that nobody stated are no heights of that technique either.
    if reference.technique != technique && !reference.usual_heights {
        for (i, v) in shape.iter_mut().enumerate() {
            *v *= technique.height_factor(reference.technique, grid.at(head.span.start + i));
        }
    }
    let top = shape.iter().copied().fold(0.0, f64::max);
    if top <= 0.0 || !top.is_finite() {
        return None;
    }
    for v in &mut shape {
        *v /= top;
    }
    let step = grid.step_cm1();
    let feature = match head.metric {
        Metric::Sharp => sharp_reference(&shape, step),
        Metric::Tolerant => tolerant_reference(&shape, step),
    };
    Some((shape, feature))
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

#[cfg(test)]
mod tests {
    use super::super::crowd::crowd;
    use super::*;

    #[test]
    fn a_reference_over_a_window_is_its_intensity_at_each_point() {
        let index = Index::build(&Arc::new(crowd(1, 2)), Technique::Raman, 0, false);
        for entry in (0..index.heads.len()).step_by(17) {
            let Some(e) = index.get(entry) else { continue };
            for shift in [-9.3, -2.0, 0.0, 0.7, 5.1] {
                for window in [0..1876, 100..700, 1500..1876, 40..41] {
                    let over = e.over(window.clone(), shift, 2.0);
                    assert_eq!(over.len(), window.len());
                    for (cell, v) in window.zip(over) {
                        let wanted = e.shape_at(cell as f64 - shift / 2.0).unwrap_or(0.0);
                        assert!((v - wanted).abs() < 1e-9, "entry {entry} cell {cell} shift {shift}");
                    }
                }
            }
        }
    }

    #[test]
    fn a_transmission_reference_is_drawn_for_an_atr_scan_as_deep_as_its_light_enters() {
        let mut library = crowd(1, 2);
        let mut reference = library.references[0].clone();
        reference.technique = Technique::IrTransmission;
        reference.measured = None;
        reference.range_cm1 = (500.0, 3500.0);
        let band = |position_cm1| Band { position_cm1, height: 1.0, fwhm_cm1: 14.0, lorentz_fraction: 0.0 };
        reference.bands = vec![band(800.0), band(1_600.0), band(3_200.0)];
        (reference.tier, reference.usual_heights) = (Tier::Literature, false);
        let unstated = Reference { usual_heights: true, ..reference.clone() };
        library.references = vec![reference, unstated];
        let library = Arc::new(library);
        let heights = |technique, entry: usize| {
            let index = Index::build(&library, technique, 0, false);
            let shape = &index.get(entry).unwrap().shape;
            let at = |x| shape[index.grid.nearest(x) - index.heads[entry].span.start];
            [at(800.0), at(1_600.0), at(3_200.0)]
        };
        for (technique, entry, wanted) in [
            (Technique::IrTransmission, 0, [1.0, 1.0, 1.0]),
            (Technique::AtrFtir, 0, [1.0, 0.5, 0.25]),
            (Technique::AtrFtir, 1, [1.0, 1.0, 1.0]),
        ] {
            let drawn = heights(technique, entry);
            assert!(drawn.iter().zip(wanted).all(|(d, w)| (d - w).abs() < 0.02), "{technique} {entry}: {drawn:?}");
        }
        assert!(Index::build(&library, Technique::Sers, 0, false).heads.is_empty());
    }

    #[test]
    fn the_entries_of_a_substance_are_those_that_name_it() {
        let mut library = crowd(2, 2);
        library.references.reverse(); // the order of the substances is no promise
        let index = Index::build(&Arc::new(library), Technique::Raman, 0, false);
        for substance in 0..530 {
            let slow: Vec<usize> = (0..index.heads.len()).filter(|e| index.heads[*e].substance == substance).collect();
            assert_eq!(index.entries_of(substance).collect::<Vec<_>>(), slow);
        }
    }
}
