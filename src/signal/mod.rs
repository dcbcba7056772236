//! Conditioning of one spectrum: despike, resampling to the search grid, baseline, noise, quality.
//!
//! [`prepare`] is the only way to a [`Prepared`] spectrum, so that raw counts cannot be searched by accident.

mod baseline;
mod despike;
mod prepare;
mod resample;
mod smooth;

pub use baseline::{BaselineSettings, arpls};
pub use despike::despike;
pub use prepare::{GRID_STEP_CM1, Prepared, Quality, SignalError, prepare};
pub use resample::{noise_on_grid, resample};
pub use smooth::{gaussian, high_pass};
