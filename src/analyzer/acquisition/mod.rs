//! From readouts of a kit to a spectrum with its noise and the conditions under which it was made.

mod conditions;
mod exposure;
mod progress;
mod reduce;

pub use conditions::{Brightness, CheckState, CoolerRecord, DarkSource, ExposureChoice, ScanConditions};
pub use exposure::{Acquisition, DeviceIdentity, Exposure, ExposureKind, LaserState};
pub use progress::{AcquireProgress, AcquireStage};
pub(super) use progress::{Plan, Ticker};
pub use reduce::{Optics, raman_shift_axis_cm1, reduce};
