//! All rows of one library as bytes, and the bound of each.

mod saved;

use std::ops::Range;

use super::codes::{BLOCK_BYTES, CHUNK, Transform, blocks_of};
use super::kernel::{Chunk, Instructions};
use super::probe::Probe;

/// Cells between two places at which the squared length of a row up to there is kept.
const MARK: usize = 16;
/// What sums in single precision may have lost of a whole row, and the bound's own rounding.
const ROUNDING: f32 = 1e-5;
/// Rows whose products are taken before their bounds are: what the nearest cache holds.
const TILE: usize = 1024;

/// Curves on one grid, each of length 1, as bytes that bound their scalar product with any other curve.
#[derive(Clone, Debug)]
pub struct Table {
    cells: usize,
    transform: Transform,
    stride: usize,
    codes: Vec<Chunk>,
    rows: Vec<Row>,
    /// Squared length before each mark, one run of all rows after the other.
    squares: Vec<f32>,
    /// The same for the sum of the values.
    sums: Vec<f32>,
    instructions: Instructions,
}

#[derive(Clone, Copy, Debug)]
struct Row {
    scale: f32,
    error: f32,
    kept: f32,
    rest: f32,
}

/// Everything about one row.
struct Line {
    codes: Vec<Chunk>,
    row: Row,
    squares: Vec<f32>,
    sums: Vec<f32>,
}

/// What a scalar product is to be multiplied with to become a score: one over the lengths of the parts that are compared,
/// as bounds from both sides.
#[derive(Clone, Copy, Debug)]
pub struct Factors {
    /// Where the parts are as short as they can be.
    pub most: f32,
    /// Where the parts are as long as they can be.
    pub least: f32,
}

/// Stretches of the grid in whole marks, inside which a row's squared length is at least so much.
#[derive(Clone, Debug, Default)]
pub struct Inside {
    /// First and last mark.
    runs: Vec<(usize, usize)>,
}

impl Inside {
    /// The whole marks within runs of cells.
    pub fn new(runs: impl IntoIterator<Item = std::ops::Range<usize>>) -> Self {
        let runs = runs.into_iter().map(|r| (r.start.div_ceil(MARK), r.end / MARK)).filter(|(a, b)| a < b).collect();
        Self { runs }
    }

    /// Cells in these marks.
    pub fn cells(&self) -> usize {
        self.runs.iter().map(|(a, b)| (b - a) * MARK).sum()
    }
}

impl Table {
    /// A table of rows on a grid of `cells`. A row is the cell of its first value and its values, which are brought to
    /// length 1; a row of zeros stays one.
    pub fn new<R: AsRef<[f64]>>(cells: usize, rows: impl IntoIterator<Item = (usize, R)>) -> Self {
        let blocks = blocks_of(cells);
        let marks = cells / MARK + 1;
        let mut table = Self {
            cells,
            transform: Transform::new(),
            stride: blocks * BLOCK_BYTES / CHUNK,
            codes: Vec::new(),
            rows: Vec::new(),
            squares: Vec::new(),
            sums: Vec::new(),
            instructions: Instructions::best(),
        };
        let (mut squares, mut sums) = (Vec::new(), Vec::new());
        for (start, values) in rows {
            let line = table.line(start, values.as_ref());
            table.codes.extend_from_slice(&line.codes);
            table.rows.push(line.row);
            squares.extend(line.squares);
            sums.extend(line.sums);
        }
        table.squares = turned(&squares, marks);
        table.sums = turned(&sums, marks);
        table
    }

    /// A row as it is kept.
    fn line(&self, start: usize, values: &[f64]) -> Line {
        let length = values.iter().map(|v| v * v).sum::<f64>().sqrt();
        let scale = if length > 0.0 { 1.0 / length } else { 0.0 };
        let unit: Vec<f32> = values.iter().map(|v| (v * scale) as f32).collect();
        let coefficients = self.transform.coefficients(start as isize, &unit, blocks_of(self.cells));
        let codes = coefficients.codes(coefficients.largest());
        let marks = self.cells / MARK + 1;
        let (mut squares, mut sums) = (Vec::with_capacity(marks), Vec::with_capacity(marks));
        let (mut square, mut sum) = (0.0_f64, 0.0_f64);
        for mark in 0..marks {
            let cells = (mark * MARK).saturating_sub(MARK)..mark * MARK;
            let (from, to) = (cells.start.saturating_sub(start), cells.end.saturating_sub(start));
            for v in unit.get(from.min(unit.len())..to.min(unit.len())).unwrap_or_default() {
                square += f64::from(*v) * f64::from(*v);
                sum += f64::from(*v);
            }
            squares.push(square as f32);
            sums.push(sum as f32);
        }
        Line {
            codes: codes.bytes.as_chunks::<CHUNK>().0.to_vec(),
            row: Row { scale: codes.scale, error: codes.error, kept: codes.kept, rest: codes.rest },
            squares,
            sums,
        }
    }

    /// Number of rows.
    pub fn len(&self) -> usize {
        self.rows.len()
    }

    /// True without rows.
    pub fn is_empty(&self) -> bool {
        self.rows.is_empty()
    }

    /// Cells of the grid.
    pub const fn cells(&self) -> usize {
        self.cells
    }

    pub(super) const fn transform(&self) -> &Transform {
        &self.transform
    }

    /// Squared length and sum of a row's values inside, the first never too large.
    pub fn inside(&self, row: usize, inside: &Inside) -> (f32, f32) {
        let n = self.rows.len();
        let (mut square, mut sum) = (0.0, 0.0);
        for (from, to) in &inside.runs {
            let of = |all: &[f32]| {
                let at = |mark: usize| all.get(mark * n + row).copied().unwrap_or(0.0);
                at(*to) - at(*from)
            };
            square += (of(&self.squares) - ROUNDING).max(0.0);
            sum += of(&self.sums);
        }
        (square, sum)
    }

    /// For each of `rows` an upper bound of its best score over the curves of the probe, which are successive shifts:
    /// the scalar product times a factor between those of `factors(row)`, refined by the parabola through the best and
    /// its two neighbours. Never too low.
    pub fn bounds(&self, rows: Range<usize>, probe: &Probe, factors: impl Fn(usize) -> Factors) -> Vec<f32> {
        let mut out = Vec::with_capacity(rows.len());
        let mut products = vec![0_i32; TILE.min(rows.len()) * probe.curves];
        let mut first = rows.start;
        let end = rows.end.min(self.rows.len());
        while first < end && probe.curves > 0 {
            let tile = TILE.min(end - first);
            let Some(products) = products.get_mut(..tile * probe.curves) else { break };
            self.products(first, probe, products);
            let rows = self.rows.get(first..first + tile).unwrap_or_default();
            if probe.curves == 1 {
                out.extend(
                    rows.iter()
                        .zip(&*products)
                        .enumerate()
                        .map(|(i, (row, product))| row.highest(probe, *product).max(0.0) * factors(first + i).most),
                );
            } else {
                let numbered = rows.iter().zip(products.chunks_exact(probe.curves)).enumerate();
                out.extend(numbered.map(|(i, (row, products))| row.bound(probe, products, factors(first + i))));
            }
            first += tile;
        }
        out
    }

    /// Products of successive rows with all curves.
    fn products(&self, first: usize, probe: &Probe, products: &mut [i32]) {
        let skip = first * self.stride + probe.first_chunk;
        if probe.curves == 1 {
            let rows = self.codes.get(skip..).unwrap_or_default();
            self.instructions.dots(&probe.bytes, rows, self.stride, products);
            return;
        }
        for (number, products) in products.chunks_exact_mut(probe.curves).enumerate() {
            let from = skip + number * self.stride;
            let row = self.codes.get(from..from + probe.chunks).unwrap_or_default();
            self.instructions.dots(row, &probe.bytes, probe.chunks, products);
        }
    }
}

impl Row {
    /// Upper bound of one scalar product.
    #[inline]
    fn highest(&self, probe: &Probe, product: i32) -> f32 {
        product as f32 * (self.scale * probe.scale) + self.slack(probe)
    }

    /// What the rounding of both sides may have lost.
    #[inline]
    fn slack(&self, probe: &Probe) -> f32 {
        probe.error * (self.kept + self.error) + probe.kept * self.error + ROUNDING
    }

    /// Upper bound of the best score over successive shifts.
    #[inline]
    fn bound(&self, probe: &Probe, products: &[i32], factors: Factors) -> f32 {
        let unit = self.scale * probe.scale;
        let rest = 2.0 * probe.rest * self.rest + self.slack(probe);
        let high = |product: i32| self.highest(probe, product).max(0.0) * factors.most;
        let low = |product: i32| {
            let least = product as f32 * unit - rest;
            least * if least > 0.0 { factors.least } else { factors.most }
        };
        let mut best = products.iter().map(|p| high(*p)).fold(0.0, f32::max);
        for around in products.windows(3) {
            // The parabola lifts a maximum by (a - c)^2 / 8 (a + c), at most an eighth of the larger drop to its sides.
            if let [left, middle, right] = around {
                let top = high(*middle);
                best = best.max(top + 0.125 * (top - low(*left).min(low(*right))).max(0.0));
            }
        }
        best
    }
}

/// Row-major to column-major.
fn turned(values: &[f32], columns: usize) -> Vec<f32> {
    let rows = values.len() / columns.max(1);
    let mut out = vec![0.0; values.len()];
    for (row, line) in values.chunks_exact(columns.max(1)).enumerate() {
        for (column, value) in line.iter().enumerate() {
            if let Some(place) = out.get_mut(column * rows + row) {
                *place = *value;
            }
        }
    }
    out
}
