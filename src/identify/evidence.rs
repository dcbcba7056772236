//! Evidence in both directions: what of the query does a reference explain, and which of its bands are missing?

use crate::signal::Prepared;

use super::index::{Indexed, Metric};
use super::tops::{Top, tops};

/// The fingerprint range, cm-1.
const FINGERPRINT_CM1: (f64, f64) = (300.0, 1850.0);
/// A band of the query may lie this far from the reference's after the common shift, cm-1.
const TOLERANCE_CM1: f64 = 5.0;
/// The same for calculated references: their bands are off by 7 cm-1 on average.
const TOLERANT_TOLERANCE_CM1: f64 = 14.0;
/// A reference's top must have this share of its strongest to be looked for.
const FAINTEST_SOUGHT: f64 = 0.04;
/// A band that should have this height (of the query's strongest) can be missed if it is not there ...
const VISIBLE_HEIGHT: f64 = 0.10;
/// ... and if it would stand this many standard deviations above the noise.
const VISIBLE_SIGMAS: f64 = 6.0;
/// A band is missing when less than this share of its expected height is there.
const MISSING_BELOW: f64 = 0.3;
/// Signal up to this multiple of what the reference predicts counts as explained.
const GENEROSITY: f64 = 1.25;
/// Signal under this share of the strongest band may be an error of the baseline.
pub(super) const FAINT: f64 = 0.015;
/// Standard deviation that relative heights are allowed to drift by over half the range (response curve), in log.
const RESPONSE_SLOPE_SD: f64 = 0.4;
/// Usual scatter of heights of one band between instruments, in log.
const HEIGHT_SD: f64 = 0.3;

/// The query's bands, found once.
#[derive(Clone, Debug)]
pub(super) struct QueryBands {
    tops: Vec<Top>,
}

impl QueryBands {
    /// Tops that stand out of the noise and are not on saturated points.
    pub fn of(query: &Prepared) -> Self {
        let start = query.grid().at(query.first());
        let mut found = tops(query.signal(), start, query.grid().step_cm1());
        found.retain(|t| {
            let i = query.grid().nearest(t.at_cm1).saturating_sub(query.first());
            let noise = query.noise_sd().get(i).copied().unwrap_or(f64::INFINITY);
            let usable = query.usable().get(i).copied().unwrap_or(false);
            usable && t.height > (5.0 * noise).max(0.02) && t.prominence > (4.0 * noise).max(0.012)
        });
        Self { tops: found }
    }

    /// The bands, ascending by position.
    pub fn tops(&self) -> &[Top] {
        &self.tops
    }
}

/// What one reference says about the query and the other way round.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Evidence {
    /// Share of the query's band signal, within the common range, that the reference explains, 0..=1.
    pub explained: f64,
    /// Bands of the reference that should be visible and are not, cm-1 on the query's axis.
    pub missing: Vec<f64>,
    /// Their share of all the height that the reference predicts, 0..=1.
    pub missing_share: f64,
    /// Positions of the bands that both have, cm-1 on the query's axis.
    pub matched: Vec<f64>,
    /// Strong bands of the query without a partner, cm-1.
    pub surplus: Vec<f64>,
    /// Share of the query's band heights without a partner, 0..=1.
    pub surplus_share: f64,
    /// Weighted standard deviation of the matched positions around the common shift, cm-1.
    pub position_scatter_cm1: f64,
    /// Weighted standard deviation of the matched heights around a smooth response curve, in log.
    pub height_scatter: f64,
    /// Share of the query's fingerprint range (up to 1850 cm-1) that lies in the reference's range, 0..=1.
    pub coverage: f64,
}

impl Evidence {
    /// No evidence at all.
    pub const fn none() -> Self {
        Self {
            explained: 0.0,
            missing: Vec::new(),
            missing_share: 1.0,
            matched: Vec::new(),
            surplus: Vec::new(),
            surplus_share: 1.0,
            position_scatter_cm1: 0.0,
            height_scatter: 0.0,
            coverage: 0.0,
        }
    }
}

struct Pair {
    reference: Top,
    query: Top,
}

/// Smooth gain between the heights: `ln(query / reference) = level + slope t`, `t` from -1 to 1 over the range.
struct Gain {
    level: f64,
    slope: f64,
    middle: f64,
    half: f64,
}

impl Gain {
    fn log_at(&self, x: f64) -> f64 {
        self.level + self.slope * ((x - self.middle) / self.half).clamp(-1.0, 1.0)
    }

    fn at(&self, x: f64) -> f64 {
        self.log_at(x).exp()
    }
}

/// Weighs a reference, moved up by `shift_cm1`, against the query.
pub(super) fn weigh(query: &Prepared, bands: &QueryBands, entry: &Indexed, shift_cm1: f64) -> Evidence {
    let grid = query.grid();
    let step = grid.step_cm1();
    let shift = shift_cm1 / step;
    let tolerance = match entry.metric {
        Metric::Sharp => TOLERANCE_CM1,
        Metric::Tolerant => TOLERANT_TOLERANCE_CM1,
    };
    let lo = (entry.span.start as f64 + shift).ceil().max(query.first() as f64) as usize;
    let hi =
        ((entry.span.end as f64 - 1.0 + shift).floor().max(0.0) as usize + 1).min(query.first() + query.signal().len());
    let range = (grid.at(lo.min(hi)), grid.at(hi.max(1) - 1));
    let inside = |x: f64| x >= range.0 && x <= range.1;
    let at = |x: f64| grid.nearest(x).saturating_sub(query.first());
    let usable = |x: f64| query.usable().get(at(x)).copied().unwrap_or(false);
    let noise = |x: f64| query.noise_sd().get(at(x)).copied().unwrap_or(0.0);

    let sought: Vec<Top> = entry
        .tops
        .iter()
        .map(|t| Top { at_cm1: t.at_cm1 + shift_cm1, ..*t })
        .filter(|t| t.height >= FAINTEST_SOUGHT && inside(t.at_cm1) && usable(t.at_cm1))
        .collect();
    let seen: Vec<Top> = bands.tops().iter().filter(|t| inside(t.at_cm1)).copied().collect();
    let pairs = pair(&sought, &seen, tolerance);
    let gain = fit_gain(&pairs, &sought, &seen, range);

    let highest_near = |x: f64| {
        let (from, to) = (at(x - tolerance), at(x + tolerance));
        query.signal().get(from..=to).map_or(0.0, |s| s.iter().copied().fold(0.0, f64::max))
    };
    let mut missing = Vec::new();
    let (mut missing_height, mut all_height) = (0.0, 0.0);
    for t in &sought {
        let expected = gain.at(t.at_cm1) * t.height;
        all_height += expected;
        let visible = expected >= VISIBLE_HEIGHT.max(VISIBLE_SIGMAS * noise(t.at_cm1));
        if visible && highest_near(t.at_cm1) < MISSING_BELOW * expected {
            missing.push(t.at_cm1);
            missing_height += expected;
        }
    }

    let (mut total, mut unexplained) = (0.0, 0.0);
    let blur = if entry.metric == Metric::Sharp { 1.0 } else { 4.0 };
    for cell in lo..hi {
        let i = cell - query.first();
        let (Some(q), Some(n), Some(true)) =
            (query.signal().get(i), query.noise_sd().get(i), query.usable().get(i).copied())
        else {
            continue;
        };
        let seen = q - (2.0 * n).max(FAINT);
        if seen <= 0.0 {
            continue;
        }
        let p = cell as f64 - shift;
        let r = [-blur, 0.0, blur].iter().filter_map(|d| entry.shape_at(p + d)).fold(0.0, f64::max);
        total += seen;
        unexplained += (seen - GENEROSITY * gain.at(grid.at(cell)) * r).max(0.0);
    }

    let partner = |t: &Top| pairs.iter().any(|p| p.query.at_cm1 == t.at_cm1);
    let lonely: Vec<&Top> = seen.iter().filter(|t| !partner(t)).collect();
    let seen_height: f64 = seen.iter().map(|t| t.prominence).sum();
    let (position_scatter_cm1, height_scatter) = scatter(&pairs, &gain);
    let fingerprint = fingerprint_cells(query, query.first()..query.first() + query.signal().len());
    let covered = fingerprint_cells(query, lo..hi);
    Evidence {
        explained: if total > 0.0 { (1.0 - unexplained / total).clamp(0.0, 1.0) } else { 0.0 },
        missing_share: if all_height > 0.0 { (missing_height / all_height).clamp(0.0, 1.0) } else { 1.0 },
        missing,
        matched: pairs.iter().map(|p| p.query.at_cm1).collect(),
        surplus: lonely.iter().filter(|t| t.height >= VISIBLE_HEIGHT).map(|t| t.at_cm1).collect(),
        surplus_share: if seen_height > 0.0 {
            (lonely.iter().map(|t| t.prominence).sum::<f64>() / seen_height).max(0.0)
        } else {
            1.0
        },
        position_scatter_cm1,
        height_scatter,
        coverage: if fingerprint > 0.0 { covered / fingerprint } else { 1.0 },
    }
}

/// Number of the given grid points that lie in the fingerprint range; above it are the X-H stretches, which many
/// instruments do not reach. Below 300 cm-1 edge filters differ, so that absence there says nothing.
fn fingerprint_cells(query: &Prepared, cells: std::ops::Range<usize>) -> f64 {
    let (from, to) = if query.grid().at(0) < FINGERPRINT_CM1.1 { FINGERPRINT_CM1 } else { (0.0, f64::INFINITY) };
    cells.filter(|c| (from..=to).contains(&query.grid().at(*c))).count() as f64
}

/// Pairs each sought band, strongest first, with the nearest free band of the query.
fn pair(sought: &[Top], seen: &[Top], tolerance: f64) -> Vec<Pair> {
    let mut order: Vec<&Top> = sought.iter().collect();
    order.sort_by(|a, b| b.height.total_cmp(&a.height).then(a.at_cm1.total_cmp(&b.at_cm1)));
    let mut free = vec![true; seen.len()];
    let mut pairs = Vec::new();
    for reference in order {
        let nearest = seen
            .iter()
            .enumerate()
            .filter(|(i, t)| free[*i] && (t.at_cm1 - reference.at_cm1).abs() <= tolerance)
            .min_by(|a, b| (a.1.at_cm1 - reference.at_cm1).abs().total_cmp(&(b.1.at_cm1 - reference.at_cm1).abs()));
        if let Some((i, query)) = nearest {
            free[i] = false;
            pairs.push(Pair { reference: *reference, query: *query });
        }
    }
    pairs.sort_by(|a, b| a.query.at_cm1.total_cmp(&b.query.at_cm1));
    pairs
}

/// Weighted least squares of the gain with a prior on its slope.
fn fit_gain(pairs: &[Pair], sought: &[Top], seen: &[Top], range: (f64, f64)) -> Gain {
    let middle = 0.5 * (range.0 + range.1);
    let half = (0.5 * (range.1 - range.0)).max(1.0);
    if pairs.is_empty() {
        let top = |tops: &[Top]| tops.iter().map(|t| t.height).fold(0.0, f64::max);
        let level = (top(seen).max(1e-6) / top(sought).max(1e-6)).ln();
        return Gain { level, slope: 0.0, middle, half };
    }
    let ridge = (HEIGHT_SD / RESPONSE_SLOPE_SD).powi(2);
    let (mut w0, mut w1, mut w2, mut l0, mut l1) = (0.0, 0.0, 0.0, 0.0, 0.0);
    let heaviest = pairs.iter().map(weight).fold(0.0, f64::max).max(1e-12);
    for p in pairs {
        let w = weight(p) / heaviest;
        let t = (p.query.at_cm1 - middle) / half;
        let l = log_ratio(p);
        w0 += w;
        w1 += w * t;
        w2 += w * t * t;
        l0 += w * l;
        l1 += w * t * l;
    }
    let determinant = w0 * (w2 + ridge) - w1 * w1;
    if determinant.abs() < 1e-12 {
        return Gain { level: l0 / w0.max(1e-12), slope: 0.0, middle, half };
    }
    let slope = (w0 * l1 - w1 * l0) / determinant;
    Gain { level: (l0 - w1 * slope) / w0, slope, middle, half }
}

fn weight(p: &Pair) -> f64 {
    (p.reference.height * p.query.height).max(0.0).sqrt()
}

fn log_ratio(p: &Pair) -> f64 {
    (p.query.height.max(1e-6) / p.reference.height.max(1e-6)).ln()
}

/// Weighted scatter of positions and of heights of the pairs; zero with fewer than two.
fn scatter(pairs: &[Pair], gain: &Gain) -> (f64, f64) {
    let total: f64 = pairs.iter().map(weight).sum();
    if pairs.len() < 2 || total <= 0.0 {
        return (0.0, 0.0);
    }
    let gap = |p: &Pair| p.query.at_cm1 - p.reference.at_cm1;
    let mean = pairs.iter().map(|p| weight(p) * gap(p)).sum::<f64>() / total;
    let position = pairs.iter().map(|p| weight(p) * (gap(p) - mean).powi(2)).sum::<f64>() / total;
    let height =
        pairs.iter().map(|p| weight(p) * (log_ratio(p) - gain.log_at(p.query.at_cm1)).powi(2)).sum::<f64>() / total;
    (position.sqrt(), height.sqrt())
}
