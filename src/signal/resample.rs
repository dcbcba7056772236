//! Resampling onto a uniform axis with the area conserved.

use std::ops::Range;

use super::SearchGrid;

/// Mean of the spectrum over each grid cell of `cells`, where the spectrum between its points is the cubic Hermite
/// curve through them (slopes from three points, on an uneven axis). The mean over a cell is the integral of that
/// curve divided by the cell's width, so that the area under every band is conserved and noise averages where several
/// points fall into one cell. `axis_cm1` rises strictly and has as many points as `values`.
pub fn resample(axis_cm1: &[f64], values: &[f64], grid: SearchGrid, cells: Range<usize>) -> Vec<f64> {
    let curve = Integral::new(axis_cm1, values);
    let half = 0.5 * grid.step_cm1();
    let mut segment = 0;
    let mut out = Vec::with_capacity(cells.len());
    for cell in cells {
        let x = grid.at(cell);
        let (lo, hi) = (curve.clamp(x - half), curve.clamp(x + half));
        let low = curve.up_to(lo, &mut segment);
        let keep = segment;
        let high = curve.up_to(hi, &mut segment);
        segment = keep;
        out.push(if hi > lo { (high - low) / (hi - lo) } else { 0.0 });
    }
    out
}

/// Running integral of the cubic Hermite interpolant.
struct Integral<'a> {
    x: &'a [f64],
    y: &'a [f64],
    slope: Vec<f64>,
    area: Vec<f64>,
}

impl<'a> Integral<'a> {
    fn new(x: &'a [f64], y: &'a [f64]) -> Self {
        let n = x.len();
        let chord = |i: usize| (y[i + 1] - y[i]) / (x[i + 1] - x[i]);
        let slope = (0..n)
            .map(|i| {
                if n < 2 {
                    0.0
                } else if i == 0 {
                    chord(0)
                } else if i + 1 == n {
                    chord(n - 2)
                } else {
                    // Slope of the parabola through three points.
                    let (a, b) = (x[i] - x[i - 1], x[i + 1] - x[i]);
                    (chord(i - 1) * b + chord(i) * a) / (a + b)
                }
            })
            .collect::<Vec<_>>();
        let mut area = Vec::with_capacity(n);
        let mut sum = 0.0;
        for i in 0..n {
            area.push(sum);
            if i + 1 < n {
                let h = x[i + 1] - x[i];
                sum += h * (0.5 * (y[i] + y[i + 1]) + h * (slope[i] - slope[i + 1]) / 12.0);
            }
        }
        Self { x, y, slope, area }
    }

    fn clamp(&self, x: f64) -> f64 {
        match (self.x.first(), self.x.last()) {
            (Some(first), Some(last)) => x.clamp(*first, *last),
            _ => x,
        }
    }

    /// Integral from the first point to `x`; `segment` is where the last question ended.
    fn up_to(&self, x: f64, segment: &mut usize) -> f64 {
        if self.x.len() < 2 {
            return 0.0;
        }
        while *segment + 2 < self.x.len() && self.x[*segment + 1] < x {
            *segment += 1;
        }
        let i = *segment;
        let h = self.x[i + 1] - self.x[i];
        let t = (x - self.x[i]) / h;
        let (t2, t3, t4) = (t * t, t * t * t, t * t * t * t);
        self.area[i]
            + h * (self.y[i] * (t - t3 + 0.5 * t4)
                + self.y[i + 1] * (t3 - 0.5 * t4)
                + h * self.slope[i] * (0.5 * t2 - 2.0 / 3.0 * t3 + 0.25 * t4)
                + h * self.slope[i + 1] * (0.25 * t4 - t3 / 3.0))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::spectrum::Technique;

    fn uneven_axis(lo: f64, hi: f64, points: usize) -> Vec<f64> {
        (0..points)
            .map(|i| {
                let t = i as f64 / (points - 1) as f64;
                lo + (hi - lo) * (t + 0.15 * t * (1.0 - t))
            })
            .collect()
    }

    fn gauss(x: f64, at: f64, fwhm: f64) -> f64 {
        let u = 2.0 * (x - at) / fwhm;
        (-std::f64::consts::LN_2 * u * u).exp()
    }

    #[test]
    fn the_area_of_a_band_is_conserved_on_fine_and_coarse_axes() {
        let grid = SearchGrid::of(Technique::Raman);
        for points in [500, 1000, 4000] {
            let axis = uneven_axis(300.0, 1800.0, points);
            let y: Vec<f64> = axis.iter().map(|x| gauss(*x, 1001.3, 9.0)).collect();
            let cells = grid.span(400.0, 1700.0);
            let area: f64 = resample(&axis, &y, grid, cells).iter().sum::<f64>() * grid.step_cm1();
            let truth = 9.0 * (std::f64::consts::PI / std::f64::consts::LN_2).sqrt() / 2.0;
            assert!((area / truth - 1.0).abs() < 2e-3, "{points} points: {area} against {truth}");
        }
    }

    #[test]
    fn a_parabola_is_averaged_exactly() {
        let grid = SearchGrid::of(Technique::Raman);
        let axis = uneven_axis(300.0, 900.0, 211);
        let y: Vec<f64> = axis.iter().map(|x| 2.0 + 0.3 * x - 1e-3 * x * x).collect();
        let cells = grid.span(320.0, 880.0);
        for (cell, got) in cells.clone().zip(resample(&axis, &y, grid, cells)) {
            let x = grid.at(cell);
            // Mean of a parabola over a cell of width 2: the value plus y''/6.
            let mean = 2.0 + 0.3 * x - 1e-3 * (x * x + 1.0 / 3.0);
            assert!((got - mean).abs() < 1e-8, "{got} against {mean} at {x}");
        }
    }

    #[test]
    fn a_band_keeps_its_height_when_the_pixels_are_as_coarse_as_a_third_of_its_width() {
        let grid = SearchGrid::of(Technique::Raman);
        let axis = uneven_axis(300.0, 1800.0, 540);
        let y: Vec<f64> = axis.iter().map(|x| gauss(*x, 1001.3, 9.0)).collect();
        let top = resample(&axis, &y, grid, grid.span(900.0, 1100.0)).into_iter().fold(0.0, f64::max);
        assert!(top > 0.94, "{top}");
    }
}
