//! Written by `parcelscope evaluate calibrate --report src/identify/probability_table.rs`; not to be edited by hand.

use super::probability::{Calibration, FEATURES};

/// Constant of the log-odds.
pub(super) const CONSTANT: f64 = -15.4125;
/// One coefficient for each piece of evidence.
#[rustfmt::skip]
pub(super) const COEFFICIENTS: [f64; FEATURES] = [-1.1594, -1.7554, -3.0158, -20.0670, -18.2011, 0.3820, 5.4936];
/// Calibration scans whose best reference is an alarming substance.
#[rustfmt::skip]
pub(super) const ALARMING: Calibration = Calibration { scans: 632, wrong: &[3.7671, 2.8881, 2.6596, 2.4784, 2.3396, 1.4702, 1.4144, 1.3033, 1.2916, 1.2834, 1.0148, 0.7966, 0.6171, 0.5877, 0.5276, 0.5035, 0.4915, 0.4542, 0.2471, 0.0996, 0.0371, -0.0444, -0.1535, -0.2082, -0.3213, -0.3253, -0.5311, -0.5693, -0.5753, -0.8268, -0.9365, -1.0936, -1.2747, -1.2781, -1.3139, -1.3936, -1.4093, -1.4867, -1.5796, -1.5885, -1.6053, -1.7086, -1.7155, -1.7405, -1.7581, -1.8202, -1.8245, -2.0109, -2.0244, -2.1306, -2.1708, -2.2036, -2.2177, -2.2262, -2.2912, -2.3077, -2.3256, -2.3333, -2.3343, -2.3541, -2.3728, -2.3924, -2.3989, -2.4446] };
/// Calibration scans whose best reference is another substance.
#[rustfmt::skip]
pub(super) const OTHER: Calibration = Calibration { scans: 2416, wrong: &[-3.3092, -3.3398, -3.8828, -3.9974, -4.1637, -4.5998, -4.6103, -4.6288, -5.0458] };
