//! From a measured standard to what is wrong with an instrument: axis, resolution, response, and whether it may be used.

mod axis;
mod band_fit;
mod check;
mod error;
mod matching;
mod peaks;
mod response;
mod standards;

pub use axis::{AxisFit, Excitation, LineResult, TRUSTED_SD_CM1, error_cm1, fit_axis};
pub use check::{CheckLimits, CheckOutcome, CheckedLine, check_performance};
pub use error::CalibrationError;
pub use matching::{LinePlace, MatchedLine, match_lines};
pub use peaks::{Peak, find_peaks, measure_band, typical_width_cm1};
pub use response::fit_response;
pub use standards::{Luminescence, Standard, StandardKind, StandardLine, Standards};
