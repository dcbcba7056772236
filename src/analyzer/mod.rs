//! From bytes on a wire to exposures and a spectrum on a calibrated axis: transports with deadlines, protocol codecs,
//! drivers, emulators, acquisition and laser safety.

mod clock;
mod error;
mod exposure;
mod kit;
mod progress;
mod reduce;
mod serial;
mod spectrometer;
mod transport;

pub mod emulator;
pub mod laser;
pub mod obp;

pub use clock::{Clock, SystemClock, VirtualClock};
pub use error::AnalyzerError;
pub use exposure::{Acquisition, DeviceIdentity, Exposure, ExposureKind, LaserState};
pub use kit::{Kit, KitReport, ScanSettings};
pub use progress::{AcquireProgress, AcquireStage};
pub use reduce::{Optics, raman_shift_axis_cm1, reduce};
pub use serial::{PortListing, SerialLink, UsbDevice, list_ports};
pub use spectrometer::{Limits, OnWait, SLICE, Spectrometer};
pub use transport::{Transport, TransportError};
