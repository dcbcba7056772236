//! The Ocean letter protocol of older spectrometers (USB2000+, USB4000, HR class, Flame-S/T, SAD500): one letter and binary data,
//! most significant byte first.
//!
//! Sources: the Flame manual 225-00000-000-11, a translated copy of the Flame-S command set, and the SAD500 description;
//! what they leave open is a setting here ([`LetterSettings`]) or refused.

pub mod codec;
mod driver;
mod exchange;
mod settings;

pub use driver::LetterSpectrometer;
pub use settings::{IntegrationUnit, LetterCalibration, LetterSettings};
