//! The data types that every other module speaks. No behaviour beyond keeping their own invariants.

mod band;
mod calibration;
mod measured;
mod technique;

pub use band::Band;
pub use calibration::{AxisCorrection, Correction, ResponseCurve, legendre, shift_cm1, wavelength_nm};
pub use measured::{Spectrum, SpectrumError};
pub use technique::Technique;
