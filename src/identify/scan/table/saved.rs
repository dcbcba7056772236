//! A table as bytes that can be kept, and back. Whoever keeps them vouches for them; what is read here is only held against
//! the shape that the rows must have, so that nothing in it can break a search.

use super::super::codes::{BLOCK_BYTES, CHUNK, Transform, blocks_of};
use super::super::kernel::{Chunk, Instructions};
use super::{MARK, Row, Table};

impl Table {
    /// Appends the rows in little-endian bytes: codes, scales and lengths, squared lengths and sums.
    pub fn append_to(&self, out: &mut Vec<u8>) {
        out.reserve(self.codes.len() * CHUNK + 4 * (4 * self.rows.len() + self.squares.len() + self.sums.len()));
        for chunk in &self.codes {
            out.extend(chunk.iter().map(|code| code.cast_unsigned()));
        }
        let rows = self.rows.iter().flat_map(|r| [r.scale, r.error, r.kept, r.rest]);
        for value in rows.chain(self.squares.iter().copied()).chain(self.sums.iter().copied()) {
            out.extend_from_slice(&value.to_le_bytes());
        }
    }

    /// Takes a table of `rows` rows on a grid of `cells` off the front of `bytes`; none where it cannot be one.
    pub fn take_from(bytes: &mut &[u8], cells: usize, rows: usize) -> Option<Self> {
        let stride = blocks_of(cells) * BLOCK_BYTES / CHUNK;
        let marks = cells / MARK + 1;
        let (codes, rest) = bytes.split_at_checked(rows.checked_mul(stride)?.checked_mul(CHUNK)?)?;
        let codes: Vec<Chunk> = codes.as_chunks::<CHUNK>().0.iter().map(|c| c.map(u8::cast_signed)).collect();
        *bytes = rest;
        let lengths: Vec<Row> = numbers(bytes, rows.checked_mul(4)?)?
            .as_chunks::<4>()
            .0
            .iter()
            .map(|[scale, error, kept, rest]| Row { scale: *scale, error: *error, kept: *kept, rest: *rest })
            .collect();
        let sound = |r: &Row| [r.scale, r.error, r.kept, r.rest].iter().all(|v| *v >= 0.0);
        let (squares, sums) = (numbers(bytes, rows.checked_mul(marks)?)?, numbers(bytes, rows.checked_mul(marks)?)?);
        lengths.iter().all(sound).then(|| Self {
            cells,
            transform: Transform::new(),
            stride,
            codes,
            rows: lengths,
            squares,
            sums,
            instructions: Instructions::best(),
        })
    }

    /// Puts another row in the place of one.
    pub fn replace(&mut self, row: usize, start: usize, values: &[f64]) {
        let line = self.line(start, values);
        let first = row * self.stride;
        let (Some(codes), Some(place)) = (self.codes.get_mut(first..first + self.stride), self.rows.get_mut(row))
        else {
            return;
        };
        codes.copy_from_slice(&line.codes);
        *place = line.row;
        let n = self.rows.len();
        for (all, own) in [(&mut self.squares, line.squares), (&mut self.sums, line.sums)] {
            for (place, value) in all.iter_mut().skip(row).step_by(n).zip(own) {
                *place = value;
            }
        }
    }
}

/// So many finite numbers off the front.
fn numbers(bytes: &mut &[u8], count: usize) -> Option<Vec<f32>> {
    let (own, rest) = bytes.split_at_checked(count.checked_mul(4)?)?;
    *bytes = rest;
    let values: Vec<f32> = own.as_chunks::<4>().0.iter().map(|b| f32::from_le_bytes(*b)).collect();
    values.iter().all(|v| v.is_finite()).then_some(values)
}
