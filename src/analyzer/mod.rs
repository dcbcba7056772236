//! From bytes on a wire to exposures and a spectrum on a calibrated axis: transports with deadlines, protocol codecs,
//! drivers, emulators, acquisition and laser safety.

mod acquisition;
mod clock;
mod error;
mod interrupt;
mod kit;
mod serial;
mod spectrometer;
mod spectrometer_setup;
mod transport;
mod wire_log;

pub mod emulator;
pub mod gps;
pub mod guardian;
pub mod laser;
pub mod nirscan;
pub mod obp;
pub mod ocean_letter;
pub mod probe;
pub mod wasatch;

pub use acquisition::{
    AcquireProgress, AcquireStage, Acquisition, AutoExposure, Brightness, CheckState, CoolerRecord, DarkPolicy,
    DarkSource, DeviceIdentity, Exposure, ExposureChoice, ExposureKind, ExposureMode, LaserState, NirConditions,
    Optics, PROBES_MAX, PreviewFrame, PreviewSettings, Reduced, ScanConditions, ScanSettings, raman_shift_axis_cm1,
    reduce,
};
pub use clock::{Clock, SystemClock, VirtualClock};
pub use error::AnalyzerError;
pub use interrupt::Interrupt;
pub use kit::{Kit, KitReport};
pub use serial::{PortListing, SerialLink, UsbDevice, list_ports};
pub use spectrometer::{CoolerState, DetectorFacts, Limits, OnWait, SLICE, Spectrometer};
pub use spectrometer_setup::{SpectrometerSetup, UnknownSpectrometer};
pub use transport::{Transport, TransportError};
pub use wire_log::WireLog;
