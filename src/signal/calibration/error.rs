//! Why a measurement of a standard gives no calibration. Every sentence says what to do.

use thiserror::Error;

/// What is wrong with a measurement of a standard, or with the request.
#[derive(Clone, Debug, PartialEq, Error)]
#[non_exhaustive]
pub enum CalibrationError {
    /// The table of standards that is part of the program cannot be read: a fault of the build.
    #[error("the table of calibration standards cannot be read ({0}); install the program again")]
    Table(String),
    /// No standard of this name.
    #[error("there is no calibration standard '{name}'; choose one of {known}")]
    UnknownStandard {
        /// The name.
        name: String,
        /// Names that exist.
        known: String,
    },
    /// A standard that cannot do what is asked.
    #[error("{name} cannot be used for {purpose}; use {instead}")]
    WrongStandard {
        /// The standard.
        name: String,
        /// What for.
        purpose: &'static str,
        /// What can.
        instead: &'static str,
    },
    /// Nothing rises out of the noise.
    #[error("no band rises out of the noise; check that the standard lies under the probe, then measure longer")]
    NoBands,
    /// The bands are not those of the standard.
    #[error(
        "only {matched} of the {expected} lines of {name} were found where they can be ({why}); check that it is {name} and that the probe touches it, then measure again"
    )]
    NotTheStandard {
        /// The standard.
        name: String,
        /// Lines that were found.
        matched: usize,
        /// Lines that should be seen.
        expected: usize,
        /// What is missing.
        why: String,
    },
    /// The axis does not reach the lines.
    #[error(
        "the axis ({from_cm1:.0} to {to_cm1:.0} cm-1) holds {lines} usable lines of {name}; choose another standard"
    )]
    OutOfRange {
        /// The standard.
        name: String,
        /// Lines on the axis that can be told apart.
        lines: usize,
        /// Start of the axis.
        from_cm1: f64,
        /// End of the axis.
        to_cm1: f64,
    },
    /// Lines were found, but no smooth correction brings them into place.
    #[error(
        "after the fit the lines still lie {rms_cm1:.1} cm-1 rms from their places; the old calibration stays, measure the standard again with more light"
    )]
    NotSmooth {
        /// What is left, cm-1.
        rms_cm1: f64,
    },
    /// The detector was saturated where it matters.
    #[error("the detector was saturated at {0} points; measure again with a shorter integration time")]
    Saturated(usize),
    /// A luminescence standard for another laser.
    #[error(
        "{name} is certified for a laser of {certified_nm} nm and this kit has {excitation_nm:.1} nm; use the glass for this laser"
    )]
    WrongLaser {
        /// The standard.
        name: String,
        /// Laser of the certificate.
        certified_nm: f64,
        /// Laser of the kit.
        excitation_nm: f64,
    },
    /// Signal too weak to divide by.
    #[error("the luminescence is only {snr:.0} times its noise where it is weakest; measure longer")]
    WeakLuminescence {
        /// Signal over noise after smoothing.
        snr: f64,
    },
}
