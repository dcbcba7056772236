//! Why a kit could not be connected or did not deliver a spectrum. Every sentence ends with what to do.

use thiserror::Error;

use super::laser::LaserKind;
use super::{LaserState, TransportError};
use crate::spectrum::SpectrumError;

/// What went wrong between the program and the kit.
#[derive(Clone, Debug, PartialEq, Error)]
#[non_exhaustive]
pub enum AnalyzerError {
    /// Bytes did not pass.
    #[error(transparent)]
    Link(#[from] TransportError),
    /// The user cancelled. The laser was commanded off.
    #[error("the scan was cancelled; nothing was measured")]
    Cancelled,
    /// Nothing on the port speaks a known spectrometer protocol.
    #[error(
        "no spectrometer answered on {port} at any line speed; check that it is switched on, that the cable is the right one and that {port} is its port"
    )]
    NoSpectrometer {
        /// The port's name.
        port: String,
    },
    /// Nothing on the port answers like the laser.
    #[error("no laser answered on {port}; treat the laser as on, check its power and cable, then connect again")]
    NoLaser {
        /// The port's name.
        port: String,
    },
    /// Damaged bytes, also after a repeat.
    #[error("{port} sent damaged data while reading {what} ({why}); check the cable and try again")]
    Damaged {
        /// The port's name.
        port: String,
        /// What was asked for.
        what: &'static str,
        /// What is wrong with the bytes.
        why: String,
    },
    /// The device refused.
    #[error("the device on {port} refused {what}: {why}; switch it off and on and connect again")]
    Refused {
        /// The port's name.
        port: String,
        /// What was asked for.
        what: &'static str,
        /// The device's error number, where its protocol has one.
        number: u16,
        /// What the device says.
        why: &'static str,
    },
    /// A well-formed answer whose content makes no sense.
    #[error(
        "the device on {port} answered {what} with something that cannot be right ({why}); it is not used, switch the device off and on and connect again"
    )]
    Implausible {
        /// The port's name.
        port: String,
        /// What was asked for.
        what: &'static str,
        /// What is wrong with it.
        why: String,
    },
    /// A setting was sent and reads back differently.
    #[error(
        "{what} was set to {wanted} and reads back as {found} on {port}; switch the device off and on and try again"
    )]
    NotTaken {
        /// The port's name.
        port: String,
        /// The setting.
        what: &'static str,
        /// Value sent.
        wanted: u64,
        /// Value read back.
        found: u64,
    },
    /// A setting that this device cannot do.
    #[error(
        "{what} of {wanted} is outside the limits of the device on {port} ({least} to {most}); choose a value within"
    )]
    OutOfLimits {
        /// The port's name.
        port: String,
        /// The setting.
        what: &'static str,
        /// Value asked for.
        wanted: u64,
        /// Least value.
        least: u64,
        /// Greatest value.
        most: u64,
    },
    /// A value between the steps of a setting.
    #[error(
        "{what} of {wanted} cannot be set on {port}: the device counts in steps of {step}; choose a multiple of it"
    )]
    NotAStep {
        /// The port's name.
        port: String,
        /// The setting.
        what: &'static str,
        /// Value asked for.
        wanted: u64,
        /// The step.
        step: u64,
    },
    /// The device does not give its calibration.
    #[error(
        "the device on {port} does not give the calibration that a scan needs ({why}); add a calibration file with its serial number to the settings of this kit"
    )]
    NoCalibration {
        /// The port's name.
        port: String,
        /// What is missing, or why it cannot be read.
        why: String,
    },
    /// Absorbance needs a white reference.
    #[error(
        "there is no white reference for a scan on {port} ({why}); lay the white standard on the window, measure the reference, then scan the sample"
    )]
    NoReference {
        /// The port's name.
        port: String,
        /// What is wrong with the last one, if there is one.
        why: String,
    },
    /// Another instrument answers than the one that was connected.
    #[error("{port} now answers as {found} and no longer as {expected}; connect again to use the other instrument")]
    OtherDevice {
        /// The port's name.
        port: String,
        /// Serial number that was connected.
        expected: String,
        /// Serial number that answers.
        found: String,
    },
    /// The laser does not confirm that it is off.
    #[error(
        "the laser on {port} was commanded off and does not confirm it (state: {}); treat it as on, cut its power, then connect again",
        .state.words()
    )]
    LaserNotOff {
        /// The port's name.
        port: String,
        /// State as read back.
        state: LaserState,
    },
    /// The laser did not come on, or did not stay on.
    #[error(
        "the laser on {port} is not on when it should be (state: {}); it was commanded off, check key, interlock and supply, then scan again",
        .state.words()
    )]
    LaserNotOn {
        /// The port's name.
        port: String,
        /// State as read back.
        state: LaserState,
    },
    /// Key, interlock or a fault keep the laser from emitting.
    #[error("the laser on {port} cannot emit: {why}; it was commanded off, put that right and scan again")]
    LaserBlocked {
        /// The port's name.
        port: String,
        /// What stops it.
        why: String,
    },
    /// A laser whose power cannot be set by its protocol.
    #[error("the power of the laser on {port} cannot be set from here; set it at the laser")]
    PowerFixed {
        /// The port's name.
        port: String,
    },
    /// Nothing on the port speaks NMEA 0183.
    #[error("no GPS receiver speaks on {port} at any usual line speed; check its cable and that {port} is its port")]
    NoReceiver {
        /// The port's name.
        port: String,
    },
    /// The machine slept between the wish for light and the command.
    #[error("the computer was suspended, so the laser on {port} was commanded off and not switched on; scan again")]
    Suspended {
        /// The port's name.
        port: String,
    },
    /// The note that the laser may be on cannot be written.
    #[error(
        "the laser on {port} was not switched on: the note that it may be on cannot be written ({why}); make room in the data folder and scan again"
    )]
    NoMarker {
        /// The port's name.
        port: String,
        /// The system's words.
        why: String,
    },
    /// A line speed that no public source states.
    #[error(
        "the line speed of {laser} lasers is not documented; find it in the papers of this laser and give it with its port (--laser-baud)"
    )]
    SpeedUnknown {
        /// The kind of laser.
        laser: LaserKind,
    },
    /// The wavelength calibration gives no rising Raman-shift axis.
    #[error(
        "the wavelength calibration of the device on {port} gives no Raman-shift axis with a laser of {excitation_nm} nm ({why}); check the laser wavelength of this kit"
    )]
    Calibration {
        /// The port's name.
        port: String,
        /// Laser wavelength of the kit, nm.
        excitation_nm: f64,
        /// What is wrong with it.
        why: String,
    },
    /// The light saturates the detector at the shortest integration time.
    #[error(
        "the light on {port} saturates the detector even at its shortest integration time ({shortest_us} microseconds); lower the laser power, move the probe back or shield it from other light"
    )]
    TooBright {
        /// The port's name.
        port: String,
        /// Shortest integration time, microseconds.
        shortest_us: u32,
    },
    /// The detector does not come to the temperature that it was told to hold.
    #[error(
        "the detector on {port} is at {detector_c:.1} °C and does not hold the {setpoint_c:.1} °C that it was told, after {waited_s} s; let the analyzer stand in the shade and scan again, and have its cooler repaired if that does not help"
    )]
    CoolerUnsettled {
        /// The port's name.
        port: String,
        /// Temperature of the detector, deg C.
        detector_c: f32,
        /// Temperature that it was told to hold, deg C.
        setpoint_c: f32,
        /// How long it was waited for, s.
        waited_s: u64,
    },
    /// Counts that do not make a spectrum.
    #[error("the exposures give no spectrum: {0}")]
    Spectrum(#[from] SpectrumError),
}

impl AnalyzerError {
    /// Whether the kit must be connected again before it can be used.
    pub const fn loses_the_kit(&self) -> bool {
        !matches!(
            self,
            Self::Cancelled
                | Self::OutOfLimits { .. }
                | Self::NotAStep { .. }
                | Self::NoReference { .. }
                | Self::TooBright { .. }
                | Self::CoolerUnsettled { .. }
                | Self::Spectrum(_)
                | Self::LaserNotOn { .. }
                | Self::LaserBlocked { .. }
                | Self::PowerFixed { .. }
                | Self::NoMarker { .. }
                | Self::Suspended { .. }
                | Self::Damaged { .. }
        )
    }
}
