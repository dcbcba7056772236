//! Which spectrometers without a laser of their own there is a driver for, by name.

use std::fmt;
use std::str::FromStr;
use std::sync::Arc;

use serde::{Deserialize, Serialize};
use thiserror::Error;

use super::obp::ObpSpectrometer;
use super::ocean_letter::{LetterSettings, LetterSpectrometer};
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
}

/// A name that is no spectrometer.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[error("there is no spectrometer called '{0}'; use obp or ocean-letter")]
pub struct UnknownSpectrometer(pub String);

impl SpectrometerSetup {
    /// Line speed as delivered, at which the port is opened; the drivers find the present one.
    pub const BAUD: u32 = 9_600;

    /// The name that the command line and settings know.
    pub const fn name(&self) -> &'static str {
        match self {
            Self::Obp => "obp",
            Self::OceanLetter(_) => "ocean-letter",
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
        let known = [Self::Obp, Self::OceanLetter(LetterSettings::default())];
        known.into_iter().find(|setup| setup.name() == name).ok_or_else(|| UnknownSpectrometer(name.to_owned()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_setup_is_found_by_its_name_and_read_from_settings() {
        for name in ["obp", "ocean-letter"] {
            let setup: SpectrometerSetup = name.parse().unwrap();
            assert_eq!(setup.to_string(), name);
            let text = serde_json::to_string(&setup).unwrap();
            assert!(text.contains(name), "{text}");
            assert_eq!(serde_json::from_str::<SpectrometerSetup>(&text).unwrap(), setup);
        }
        let few: SpectrometerSetup = toml::from_str("protocol = 'ocean-letter'\npixels = 1024").unwrap();
        assert_eq!(few, SpectrometerSetup::OceanLetter(LetterSettings { pixels: 1_024, ..LetterSettings::default() }));
        assert!("nothing".parse::<SpectrometerSetup>().is_err());
    }
}
