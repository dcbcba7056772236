//! The TI DLP NIRscan Nano and its derivatives on their UART: near-infrared scans of 900 to 1700 nm.
//!
//! The device calibrates wavelengths itself and delivers intensities; absorbance needs a white reference that was
//! measured with the same settings. Near-infrared spectra are a technique of their own and are compared with nothing
//! else.

mod absorbance;
pub mod codec;
mod exchange;
pub mod interpreted;
pub mod kinds;
mod kit;
mod scanner;

pub use absorbance::absorbance;
pub use kit::{NirAcquisition, NirKit, NirReference, NirSettings};
pub use scanner::{NirScan, NirScanner};

/// The line speed of these devices.
pub const BAUD: u32 = 115_200;
