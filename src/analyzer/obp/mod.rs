//! The Ocean Binary Protocol (OBP): frames, message types, the driver of its spectrometers and of the laser
//! that one of them has.

pub mod codec;
pub mod device_error;
pub mod kinds;

mod driver;
mod exchange;
mod introduce;
mod profile;
mod values;
mod ventana;

pub use driver::ObpSpectrometer;
pub use ventana::{LASER_OFF, VentanaLaser};

/// Line speed of the devices as delivered, at which a port is opened; the driver finds the present one.
pub const BAUD: u32 = 9_600;
