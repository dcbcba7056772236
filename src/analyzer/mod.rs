//! From bytes on a wire to exposures and a spectrum on a calibrated axis: transports with deadlines, protocol codecs,
//! drivers, emulators, acquisition and laser safety.

mod clock;
mod error;
mod exposure;
mod kit;
mod serial;
mod transport;

pub mod emulator;
pub mod laser;
pub mod obp;

pub use clock::{Clock, SystemClock, VirtualClock};
pub use error::AnalyzerError;
pub use exposure::{Acquisition, DeviceIdentity, Exposure, ExposureKind, LaserState};
pub use kit::{AcquireProgress, Kit, KitReport, ScanSettings};
pub use serial::{PortListing, SerialLink, UsbDevice, list_ports};
pub use transport::{Transport, TransportError};
