//! The exact fast pass over all references: a scan of bytes that can only overrate, then the exact score of whatever the
//! overrated one could still place.
//!
//! Each row is transformed block by block (discrete cosine transform of 64 cells), the 15 lowest frequencies are rounded
//! to a byte each, and the length of the rest takes the sixteenth byte, rounded up. By Cauchy and Schwarz the product of
//! two rests is at most the product of their lengths, block by block; so one sum of byte products, plus the lengths of
//! the rounding errors, bounds the scalar product of the curves from above. A quarter of the bytes of an 8-bit copy and a
//! sixteenth of those of a 32-bit one are read, and nothing can be missed.

mod codes;
mod kernel;
mod probe;
mod ranking;
mod table;

pub use kernel::Instructions;
pub use probe::Probe;
pub use ranking::{highest, top};
pub use table::{Factors, Inside, Table};
