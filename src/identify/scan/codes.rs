//! Rows as bytes: the low frequencies of each stretch of 64 cells, and the length of what was left out.

/// Cells that are transformed together.
pub(super) const BLOCK: usize = 64;
/// Low frequencies that are kept of a block. Of spectra with lines 9 cm-1 wide at 2 cm-1 a cell they hold nearly all.
pub(super) const KEPT: usize = 15;
/// Bytes of a block: the kept frequencies and the length of the rest.
pub(super) const BLOCK_BYTES: usize = KEPT + 1;
/// Rows are padded to a multiple of this, the width of the widest vector.
pub(super) const CHUNK: usize = 64;
/// Largest magnitude of a byte.
const LARGEST: f32 = 127.0;
/// What single precision may have lost of a block's squared length in the transform.
const TRANSFORM_ERROR: f32 = 4e-6;

/// The lowest frequencies of the orthonormal discrete cosine transform (type II) of one block.
#[derive(Clone, Debug)]
pub(super) struct Transform {
    waves: Vec<[f32; BLOCK]>,
}

/// A curve in the transformed space, block by block.
#[derive(Clone, Debug)]
pub(super) struct Coefficients {
    /// [`KEPT`] frequencies and the length of the rest for each block.
    values: Vec<f32>,
}

/// A curve as bytes, with what the rounding cost.
#[derive(Clone, Debug)]
pub(super) struct Codes {
    /// Signed bytes; the rest's length is rounded up.
    pub bytes: Vec<i8>,
    /// Value of one unit.
    pub scale: f32,
    /// Length of the rounding errors of the kept frequencies.
    pub error: f32,
    /// Length of the kept frequencies.
    pub kept: f32,
    /// Length of all that was left out, as rounded up.
    pub rest: f32,
}

/// Blocks of a grid of `cells`, such that their bytes fill whole chunks.
pub(super) const fn blocks_of(cells: usize) -> usize {
    let per_chunk = CHUNK / BLOCK_BYTES;
    cells.div_ceil(BLOCK).div_ceil(per_chunk) * per_chunk
}

impl Transform {
    pub fn new() -> Self {
        let n = BLOCK as f64;
        let waves = (0..KEPT)
            .map(|k| {
                let height = if k == 0 { 1.0 / n } else { 2.0 / n }.sqrt();
                let phase = |i: usize| std::f64::consts::PI * (i as f64 + 0.5) * k as f64 / n;
                std::array::from_fn(|i| (height * phase(i).cos()) as f32)
            })
            .collect();
        Self { waves }
    }

    /// The coefficients of a curve whose first value lies on cell `start`; cells outside the blocks are left out.
    pub fn coefficients(&self, start: isize, values: &[f32], blocks: usize) -> Coefficients {
        let mut out = vec![0.0; blocks * BLOCK_BYTES];
        let mut cells = [0.0; BLOCK];
        for (number, block) in out.chunks_exact_mut(BLOCK_BYTES).enumerate() {
            let from = (number * BLOCK) as isize - start;
            let (first, end) = (from.max(0), (from + BLOCK as isize).min(values.len() as isize));
            if first >= end {
                continue;
            }
            let (first, end) = (first.unsigned_abs(), end.unsigned_abs());
            let at = first as isize - from;
            cells.fill(0.0);
            let Some(inside) = values.get(first..end) else { continue };
            let Some(place) = cells.get_mut(at.unsigned_abs()..at.unsigned_abs() + inside.len()) else { continue };
            place.copy_from_slice(inside);
            let (kept, rest) = block.split_at_mut(KEPT);
            let mut left: f64 = cells.iter().map(|v| f64::from(*v) * f64::from(*v)).sum();
            let unsure = f64::from(TRANSFORM_ERROR) * left;
            for (c, wave) in kept.iter_mut().zip(&self.waves) {
                *c = dot(wave, &cells);
                left -= f64::from(*c) * f64::from(*c);
            }
            if let Some(rest) = rest.first_mut() {
                *rest = (left.max(0.0) + unsure).sqrt() as f32 * (1.0 + f32::EPSILON);
            }
        }
        Coefficients { values: out }
    }
}

impl Coefficients {
    /// Largest magnitude.
    pub fn largest(&self) -> f32 {
        self.values.iter().fold(0.0, |m, v| m.max(v.abs()))
    }

    /// As bytes; `largest` is at least the largest magnitude.
    pub fn codes(&self, largest: f32) -> Codes {
        let scale = if largest > 0.0 { largest / LARGEST } else { 1.0 };
        let (mut error, mut kept, mut rest) = (0.0_f64, 0.0_f64, 0.0_f64);
        let mut bytes = Vec::with_capacity(self.values.len());
        for block in self.values.chunks_exact(BLOCK_BYTES) {
            let (low, last) = block.split_at(KEPT);
            for c in low {
                let code = (c / scale).round().clamp(-LARGEST, LARGEST);
                error += f64::from(c - code * scale).powi(2);
                kept += f64::from(*c).powi(2);
                bytes.push(code as i8);
            }
            for r in last {
                // The quotient of the largest may come out a hair above the largest byte.
                let code = (r / scale).ceil().clamp(0.0, LARGEST);
                rest += f64::from(r.max(code * scale)).powi(2);
                bytes.push(code as i8);
            }
        }
        let up = |square: f64| (square.sqrt() * (1.0 + 1e-6)) as f32;
        Codes { bytes, scale, error: up(error), kept: up(kept), rest: up(rest) }
    }
}

/// Scalar product in eight lanes.
fn dot(a: &[f32; BLOCK], b: &[f32; BLOCK]) -> f32 {
    let mut lanes = [0.0_f32; 8];
    for (a, b) in a.as_chunks::<8>().0.iter().zip(b.as_chunks::<8>().0) {
        for lane in 0..8 {
            lanes[lane] += a[lane] * b[lane];
        }
    }
    lanes.iter().sum()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn kept_frequencies_and_rest_together_have_the_length_of_the_curve() {
        let transform = Transform::new();
        for start in [-30_isize, 0, 7, 100] {
            let values: Vec<f32> = (0..300).map(|i| ((i * i) as f32 * 0.37).sin()).collect();
            let blocks = blocks_of(500);
            let inside = values.iter().skip(start.min(0).unsigned_abs()).map(|v| f64::from(*v).powi(2)).sum::<f64>();
            let codes = transform.coefficients(start, &values, blocks);
            let length: f64 = codes.values.iter().map(|v| f64::from(*v).powi(2)).sum();
            assert!((length / inside - 1.0).abs() < 1e-4, "start {start}: {length} for {inside}");
        }
    }

    #[test]
    fn a_smooth_band_leaves_almost_no_rest() {
        let transform = Transform::new();
        let band: Vec<f32> = (0..256).map(|i| (-((i as f32 - 101.3) / 3.0).powi(2)).exp()).collect();
        let codes = transform.coefficients(0, &band, 4);
        let codes = codes.codes(codes.largest());
        assert!(codes.rest < 0.25 * codes.kept && codes.error < 0.03 * codes.kept, "{codes:?}");
    }
}
