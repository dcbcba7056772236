//! From bytes on a wire to exposures and a spectrum on a calibrated axis: transports with deadlines, protocol codecs,
//! drivers, emulators, acquisition and laser safety.

mod clock;
mod exposure;
mod transport;

pub mod emulator;
pub mod obp;

pub use clock::{Clock, SystemClock, VirtualClock};
pub use exposure::{Acquisition, DeviceIdentity, Exposure, ExposureKind, LaserState};
pub use transport::{Transport, TransportError};
