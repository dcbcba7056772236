//! The uniform axis on which spectra and references are compared.

use crate::spectrum::Technique;

/// A uniform axis in cm-1. Every spectrum of one technique is searched on the same grid, so that references are
/// synthesised once.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct SearchGrid {
    start_cm1: f64,
    step_cm1: f64,
    len: usize,
}

impl SearchGrid {
    /// The grid of a technique. Raman: 2 cm-1 from 250 to 4000 cm-1; below, the edge filters of portable instruments open,
    /// each at another place, and their slope is no band. Infrared: 2 cm-1 from 400 to 4000 cm-1. Near infrared: 8 cm-1 from 4000 to
    /// 12000 cm-1, where bands are tens of cm-1 wide.
    pub const fn of(technique: Technique) -> Self {
        match technique {
            Technique::Raman | Technique::Sers => Self { start_cm1: 250.0, step_cm1: 2.0, len: 1876 },
            Technique::AtrFtir | Technique::IrTransmission => Self { start_cm1: 400.0, step_cm1: 2.0, len: 1801 },
            Technique::Nir => Self { start_cm1: 4000.0, step_cm1: 8.0, len: 1001 },
        }
    }

    /// Distance of two grid points, cm-1.
    pub const fn step_cm1(self) -> f64 {
        self.step_cm1
    }

    /// Number of points.
    pub const fn len(self) -> usize {
        self.len
    }

    /// True for a grid without points; no technique has one.
    pub const fn is_empty(self) -> bool {
        self.len == 0
    }

    /// Position of grid point `index`, cm-1.
    pub fn at(self, index: usize) -> f64 {
        self.start_cm1 + self.step_cm1 * index as f64
    }

    /// All positions, cm-1.
    pub fn axis_cm1(self) -> Vec<f64> {
        (0..self.len).map(|i| self.at(i)).collect()
    }

    /// Indices of the grid points within `lo..=hi` cm-1; empty when there are none.
    pub fn span(self, lo_cm1: f64, hi_cm1: f64) -> std::ops::Range<usize> {
        let first = ((lo_cm1 - self.start_cm1) / self.step_cm1).ceil().max(0.0) as usize;
        let end = ((hi_cm1 - self.start_cm1) / self.step_cm1).floor() + 1.0;
        let end = (end.max(0.0) as usize).min(self.len);
        first.min(end)..end
    }

    /// The grid point nearest to a position, clamped to the grid.
    pub fn nearest(self, x_cm1: f64) -> usize {
        let i = ((x_cm1 - self.start_cm1) / self.step_cm1).round().max(0.0) as usize;
        i.min(self.len.saturating_sub(1))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_span_holds_exactly_the_points_inside() {
        let grid = SearchGrid::of(Technique::Raman);
        assert_eq!(grid.span(301.0, 306.0), 26..29);
        assert_eq!(grid.span(250.0, 250.0), 0..1);
        assert!(grid.span(9000.0, 9900.0).is_empty());
        assert!(grid.span(500.0, 400.0).is_empty());
        assert_eq!(grid.nearest(grid.at(77)), 77);
    }
}
