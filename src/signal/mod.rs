//! Conditioning of one spectrum: despike, resample onto the search grid, baseline, noise, quality.
//!
//! [`prepare`] is the only way to a [`Prepared`]; whoever holds one knows that it went through all of these steps.

mod bands;
mod baseline;
mod despike;
mod grid;
mod noise;
mod prepare;
mod quality;
mod resample;
mod smooth;

pub mod calibration;

pub use bands::{BandModel, bands_of};
pub use baseline::{Baseline, arpls};
pub use despike::{Despiked, despike};
pub use grid::SearchGrid;
pub use noise::{noise_level, noise_profile};
pub use prepare::{MATCH_RESOLUTION_CM1, Prepared, prepare, prepare_to};
pub use quality::{Quality, WEAKEST_SNR};
pub use resample::resample;
pub use smooth::{SavitzkyGolay, SmoothError, gaussian_blur, wide_blur};
