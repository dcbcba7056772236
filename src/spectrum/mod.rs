//! The data types that every other module speaks. No behaviour beyond keeping their own invariants.

mod band;
mod measured;
mod technique;

pub use band::Band;
pub use measured::{Spectrum, SpectrumError};
pub use technique::Technique;
