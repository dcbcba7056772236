//! What is looked for: one curve, or the same one at several shifts.

use super::codes::{BLOCK_BYTES, CHUNK, Codes, blocks_of};
use super::kernel::Chunk;
use super::table::Table;

/// Curves to be compared with every row of a [`Table`], as bytes of one scale.
#[derive(Clone, Debug)]
pub struct Probe {
    /// Chunks that hold anything of any of the curves.
    pub(super) first_chunk: usize,
    pub(super) chunks: usize,
    /// The curves, each `chunks` long.
    pub(super) bytes: Vec<Chunk>,
    pub(super) curves: usize,
    /// Value of one unit.
    pub(super) scale: f32,
    /// The largest of all curves: length of the rounding errors, of the kept frequencies, of the rest.
    pub(super) error: f32,
    pub(super) kept: f32,
    pub(super) rest: f32,
}

impl Probe {
    /// A probe of curves on the table's grid, each with the cell on which its first value lies (which may lie before the
    /// grid). Curves must have the length 1 or less; values outside the grid do not count.
    pub fn new(table: &Table, curves: &[(isize, Vec<f32>)]) -> Self {
        let blocks = blocks_of(table.cells());
        let transformed: Vec<_> =
            curves.iter().map(|(start, values)| table.transform().coefficients(*start, values, blocks)).collect();
        let largest = transformed.iter().map(super::codes::Coefficients::largest).fold(0.0, f32::max);
        let codes: Vec<Codes> = transformed.iter().map(|c| c.codes(largest)).collect();
        let touched = |chunk: &usize| {
            codes.iter().any(|c| c.bytes.chunks_exact(CHUNK).nth(*chunk).is_some_and(|b| b.iter().any(|v| *v != 0)))
        };
        let all = blocks * BLOCK_BYTES / CHUNK;
        let first_chunk = (0..all).find(touched).unwrap_or(0);
        let end = (0..all).rfind(touched).map_or(first_chunk, |last| last + 1);
        let bytes = codes
            .iter()
            .flat_map(|c| c.bytes.as_chunks::<CHUNK>().0.get(first_chunk..end).unwrap_or_default().iter().copied())
            .collect();
        let most = |of: fn(&Codes) -> f32| codes.iter().map(of).fold(0.0, f32::max);
        Self {
            first_chunk,
            chunks: end - first_chunk,
            bytes,
            curves: curves.len(),
            scale: codes.first().map_or(1.0, |c| c.scale),
            error: most(|c| c.error),
            kept: most(|c| c.kept),
            rest: most(|c| c.rest),
        }
    }
}
