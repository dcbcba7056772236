//! From readouts of a kit to a spectrum with its noise and the conditions under which it was made.

mod auto_exposure;
mod conditions;
mod dark;
mod detector;
mod exposure;
mod noise;
mod preview;
mod progress;
mod ready;
mod reduce;
mod run;
mod settings;
mod statistics;
mod timings;

pub use auto_exposure::{AutoExposure, PROBES_MAX};
use auto_exposure::{ProbeOutcome, Prober};
pub use conditions::{Brightness, CheckState, CoolerRecord, DarkSource, ExposureChoice, NirConditions, ScanConditions};
pub(super) use dark::DarkCache;
pub use dark::DarkPolicy;
pub use exposure::{Acquisition, DeviceIdentity, Exposure, ExposureKind, LaserState};
pub use preview::PreviewFrame;
pub use progress::{AcquireProgress, AcquireStage};
pub(super) use progress::{Plan, Ticker};
pub use reduce::{Optics, Reduced, raman_shift_axis_cm1, reduce};
pub use settings::{ExposureMode, PreviewSettings, ScanSettings};
pub(super) use timings::Timings;
