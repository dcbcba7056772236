//! The Ocean Binary Protocol (OBP): frames, message types and the driver.

pub mod codec;
pub mod device_error;
pub mod kinds;

mod driver;
mod exchange;

pub use driver::ObpSpectrometer;
