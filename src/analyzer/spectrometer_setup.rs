//! Which spectrometers there is a driver for, by name.

use std::fmt;
use std::str::FromStr;
use std::sync::Arc;

use serde::{Deserialize, Serialize};
use thiserror::Error;

use super::obp::ObpSpectrometer;
use super::ocean_letter::{LetterSettings, LetterSpectrometer};
use super::wasatch::{self, WasatchOptions};
use super::{AnalyzerError, Clock, Spectrometer, Transport};

/// How to talk to a spectrometer on its port.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", tag = "protocol")]
pub enum SpectrometerSetup {
    /// Ocean Binary Protocol; everything else is asked of the device.
    #[default]
    Obp,
    /// Ocean letter protocol.
    OceanLetter(LetterSettings),
    /// Wasatch OEM module, whose laser is on the same port.
    Wasatch(WasatchOptions),
}

/// A name that is no spectrometer.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[error("there is no spectrometer called '{0}'; use obp, ocean-letter or wasatch")]
pub struct UnknownSpectrometer(pub String);

impl SpectrometerSetup {
    /// Line speed as delivered, at which the port is opened; the drivers find the present one.
    pub const BAUD: u32 = 9_600;

    /// The name that the command line and settings know.
    pub const fn name(&self) -> &'static str {
        match self {
            Self::Obp => "obp",
            Self::OceanLetter(_) => "ocean-letter",
            Self::Wasatch(_) => "wasatch",
        }
    }

    /// Finds the spectrometer on a link and identifies it.
    pub fn open(
        &self,
        link: Box<dyn Transport>,
        clock: Arc<dyn Clock>,
    ) -> Result<Box<dyn Spectrometer>, AnalyzerError> {
        Ok(match self {
            Self::Obp => Box::new(ObpSpectrometer::open(link, clock)?),
            Self::OceanLetter(settings) => Box::new(LetterSpectrometer::open(link, settings.clone(), clock)?),
            // Its laser was commanded off and stays so.
            Self::Wasatch(options) => Box::new(wasatch::open(link, clock, options)?.spectrometer),
        })
    }
}

impl fmt::Display for SpectrometerSetup {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl FromStr for SpectrometerSetup {
    type Err = UnknownSpectrometer;

    /// The setup with the usual settings.
    fn from_str(name: &str) -> Result<Self, UnknownSpectrometer> {
        let known = [Self::Obp, Self::OceanLetter(LetterSettings::default()), Self::Wasatch(WasatchOptions::default())];
        known.into_iter().find(|setup| setup.name() == name).ok_or_else(|| UnknownSpectrometer(name.to_owned()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_setup_is_found_by_its_name_and_read_from_settings() {
        for name in ["obp", "ocean-letter", "wasatch"] {
            let setup: SpectrometerSetup = name.parse().unwrap();
            assert_eq!(setup.to_string(), name);
            let text = serde_json::to_string(&setup).unwrap();
            assert!(text.contains(name), "{text}");
            assert_eq!(serde_json::from_str::<SpectrometerSetup>(&text).unwrap(), setup);
        }
        let few: SpectrometerSetup = toml::from_str("protocol = 'ocean-letter'\npixels = 1024").unwrap();
        assert_eq!(few, SpectrometerSetup::OceanLetter(LetterSettings { pixels: 1_024, ..LetterSettings::default() }));
        let module: SpectrometerSetup =
            toml::from_str("protocol = 'wasatch'\npixel_order = 'little-endian'\nbyte_pause_ms = 0").unwrap();
        let pixel_order = wasatch::PixelOrder::LittleEndian;
        let options =
            WasatchOptions { pixel_order, byte_pause: std::time::Duration::ZERO, ..WasatchOptions::default() };
        assert_eq!(module, SpectrometerSetup::Wasatch(options));
        assert!("nothing".parse::<SpectrometerSetup>().is_err());
    }
}
