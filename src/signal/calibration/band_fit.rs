//! Least squares of a few neighbouring bands on a straight background (Levenberg-Marquardt).

use nalgebra::{DMatrix, DVector};

use crate::spectrum::Band;

/// Most steps of one fit.
const STEPS: usize = 40;
/// Background parameters: level and slope.
const BACKGROUND: usize = 2;
/// Parameters of one band: place, height, width.
const PER_BAND: usize = 3;

/// One fitted band.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct FittedBand {
    pub band: Band,
    /// Standard deviation of its place, cm-1.
    pub position_sd_cm1: f64,
    /// Standard deviation of its width, cm-1.
    pub fwhm_sd_cm1: f64,
}

/// Points of a stretch of spectrum.
pub(super) struct Stretch<'a> {
    pub x_cm1: &'a [f64],
    pub y: &'a [f64],
    pub sd: &'a [f64],
}

/// Parameters in one vector: background level, background slope, Lorentzian share, then place, height and width of each
/// band. The share is common to the group and fitted only where `free_shape` says so.
struct Model<'a> {
    stretch: &'a Stretch<'a>,
    middle_cm1: f64,
    free_shape: bool,
    starts: &'a [Band],
}

impl Model<'_> {
    fn value(&self, parameters: &DVector<f64>, x: f64) -> f64 {
        let get = |i: usize| parameters.get(i).copied().unwrap_or(0.0);
        let mut value = get(0) + get(1) * (x - self.middle_cm1);
        for k in 0..self.starts.len() {
            let first = BACKGROUND + 1 + PER_BAND * k;
            let band = Band {
                position_cm1: get(first),
                height: get(first + 1),
                fwhm_cm1: get(first + 2),
                lorentz_fraction: get(BACKGROUND),
            };
            value += band.value_at(x);
        }
        value
    }

    fn residuals(&self, parameters: &DVector<f64>) -> DVector<f64> {
        let points = self.stretch.x_cm1.iter().zip(self.stretch.y).zip(self.stretch.sd);
        DVector::from_iterator(
            self.stretch.x_cm1.len(),
            points.map(|((x, y), sd)| (y - self.value(parameters, *x)) / sd),
        )
    }

    fn start(&self) -> DVector<f64> {
        let mut start = vec![0.0; BACKGROUND];
        let (first, last) = (self.stretch.y.first().copied(), self.stretch.y.last().copied());
        if let (Some(a), Some(b)) = (first, last) {
            let span = self.stretch.x_cm1.last().unwrap_or(&1.0) - self.stretch.x_cm1.first().unwrap_or(&0.0);
            start = vec![f64::midpoint(a, b), if span > 0.0 { (b - a) / span } else { 0.0 }];
        }
        start.push(self.starts.first().map_or(0.5, |b| b.lorentz_fraction));
        start.extend(self.starts.iter().flat_map(|b| [b.position_cm1, b.height, b.fwhm_cm1]));
        DVector::from_vec(start)
    }

    /// Steps by which each parameter is varied for its derivative.
    fn variation(&self, parameters: &DVector<f64>) -> Vec<f64> {
        let height = self.starts.iter().map(|b| b.height.abs()).fold(1e-12, f64::max);
        let width = self.starts.first().map_or(1.0, |b| b.fwhm_cm1);
        (0..parameters.len())
            .map(|i| match i {
                0 => height * 1e-5,
                1 => height / width * 1e-5,
                BACKGROUND => 1e-4,
                _ if (i - BACKGROUND - 1) % PER_BAND == 1 => height * 1e-5,
                _ => width * 1e-5,
            })
            .collect()
    }

    fn jacobian(&self, parameters: &DVector<f64>) -> DMatrix<f64> {
        let mut columns = Vec::with_capacity(parameters.len());
        for (i, step) in self.variation(parameters).into_iter().enumerate() {
            let fixed = i == BACKGROUND && !self.free_shape;
            let shifted = |by: f64| {
                let mut p = parameters.clone();
                if let Some(value) = p.get_mut(i) {
                    *value += by;
                }
                self.residuals(&p)
            };
            let column = if fixed {
                DVector::zeros(self.stretch.x_cm1.len())
            } else {
                (shifted(step) - shifted(-step)) / (2.0 * step)
            };
            columns.push(column);
        }
        DMatrix::from_columns(&columns)
    }

    /// Keeps the shape a shape.
    fn bound(&self, parameters: &mut DVector<f64>) {
        if let Some(share) = parameters.get_mut(BACKGROUND) {
            *share = share.clamp(0.0, 1.0);
        }
        for (k, start) in self.starts.iter().enumerate() {
            let first = BACKGROUND + 1 + PER_BAND * k;
            if let Some(place) = parameters.get_mut(first) {
                *place = place.max(start.position_cm1 - start.fwhm_cm1).min(start.position_cm1 + start.fwhm_cm1);
            }
            if let Some(width) = parameters.get_mut(first + 2) {
                *width = width.max(0.3 * start.fwhm_cm1).min(4.0 * start.fwhm_cm1);
            }
        }
    }
}

/// Fits `starts` together. `None` where there are too few points or nothing converges. With `free_shape` the Lorentzian
/// share is fitted too: for a width that means something, not needed for a place.
pub(super) fn fit_bands(stretch: &Stretch<'_>, starts: &[Band], free_shape: bool) -> Option<Vec<FittedBand>> {
    let count = BACKGROUND + 1 + PER_BAND * starts.len();
    let points = stretch.x_cm1.len();
    if starts.is_empty() || points < count || stretch.sd.iter().any(|sd| *sd <= 0.0) {
        return None;
    }
    let middle_cm1 = stretch.x_cm1.iter().sum::<f64>() / points as f64;
    let model = Model { stretch, middle_cm1, free_shape, starts };
    let mut parameters = model.start();
    let mut cost = model.residuals(&parameters).norm_squared();
    let mut damping = 1e-3;
    for _ in 0..STEPS {
        let jacobian = model.jacobian(&parameters);
        let normal = jacobian.tr_mul(&jacobian);
        let gradient = jacobian.tr_mul(&model.residuals(&parameters));
        let mut damped = normal.clone();
        for i in 0..count {
            if let Some(d) = damped.get_mut((i, i)) {
                *d += damping * *d + 1e-12;
            }
        }
        let step = damped.cholesky()?.solve(&gradient);
        let mut next = &parameters - step;
        model.bound(&mut next);
        let next_cost = model.residuals(&next).norm_squared();
        if next_cost.is_finite() && next_cost <= cost {
            let converged = cost - next_cost <= 1e-9 * cost;
            parameters = next;
            cost = next_cost;
            damping = (damping * 0.3).max(1e-9);
            if converged {
                break;
            }
        } else {
            damping *= 5.0;
            if damping > 1e9 {
                break;
            }
        }
    }
    finish(&model, &parameters, cost)
}

/// Reads the bands and their uncertainties. Where the shape does not fit the data, the misfit counts as noise.
fn finish(model: &Model<'_>, parameters: &DVector<f64>, cost: f64) -> Option<Vec<FittedBand>> {
    let count = parameters.len();
    let jacobian = model.jacobian(parameters);
    let mut normal = jacobian.tr_mul(&jacobian);
    for i in 0..count {
        // A fixed parameter has an empty row; it must not make the matrix singular.
        if let Some(d) = normal.get_mut((i, i)) {
            *d += 1e-12 + *d * 1e-12;
        }
    }
    let covariance = normal.cholesky()?.inverse();
    let freedom = model.stretch.x_cm1.len().saturating_sub(count).max(1) as f64;
    let misfit = (cost / freedom).max(1.0);
    let sd = |i: usize| (covariance.get((i, i)).copied().unwrap_or(f64::INFINITY) * misfit).sqrt();
    let get = |i: usize| parameters.get(i).copied().unwrap_or(f64::NAN);
    let bands = (0..model.starts.len()).map(|k| {
        let first = BACKGROUND + 1 + PER_BAND * k;
        FittedBand {
            band: Band {
                position_cm1: get(first),
                height: get(first + 1),
                fwhm_cm1: get(first + 2),
                lorentz_fraction: get(BACKGROUND),
            },
            position_sd_cm1: sd(first),
            fwhm_sd_cm1: sd(first + 2),
        }
    });
    Some(bands.collect())
}
