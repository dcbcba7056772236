//! Why a device or an acquisition failed.

use thiserror::Error;

use super::TransportError;

/// A device did not do what it was asked, or an acquisition ended without a spectrum.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum AnalyzerError {
    /// The wire failed.
    #[error(transparent)]
    Transport(#[from] TransportError),
    /// The device refused a command.
    #[error("{port} refused '{what}': {why}; check that the kit is set up for this model of device")]
    Refused {
        /// The port's name.
        port: String,
        /// What was asked.
        what: &'static str,
        /// The device's reason.
        why: String,
    },
    /// The device answered something that makes no sense.
    #[error("{port} gave a wrong answer to '{what}': {why}; nothing of it was used. Check the cable and scan again")]
    Garbled {
        /// The port's name.
        port: String,
        /// What was asked.
        what: &'static str,
        /// What was wrong.
        why: String,
    },
    /// A setting was read back other than it was set.
    #[error("{port} did not take the setting '{what}'; scan again, and if it stays so have the device serviced")]
    NotTaken {
        /// The port's name.
        port: String,
        /// The setting.
        what: &'static str,
    },
    /// The laser could not be confirmed off.
    #[error("the laser could not be confirmed off: treat it as on, take its power away, and check its cable")]
    LaserUnknown,
    /// The laser did not start.
    #[error("the laser did not switch on ({0}); check key and interlock")]
    LaserStayedOff(String),
    /// The user cancelled.
    #[error("the scan was cancelled; the laser was switched off")]
    Cancelled,
    /// The counts do not make a spectrum.
    #[error("the readout is no spectrum: {0}")]
    NoSpectrum(String),
}

impl AnalyzerError {
    /// True when the device must be opened again before it can be used.
    pub const fn loses_the_kit(&self) -> bool {
        matches!(self, Self::Transport(_) | Self::Garbled { .. } | Self::LaserUnknown)
    }
}
