//! Which lasers there are a driver for, by name.

use std::fmt;
use std::str::FromStr;
use std::sync::Arc;

use serde::{Deserialize, Serialize};
use thiserror::Error;

use super::line_laser::LineLaser;
use super::{Laser, cobolt, matchbox, obis, ondax};
use crate::analyzer::obp::{self, ObpSpectrometer};
use crate::analyzer::{AnalyzerError, Clock, Transport, wasatch};

/// A protocol of lasers.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum LaserKind {
    /// Integrated Optics MatchBox.
    #[default]
    MatchBox,
    /// Coherent OBIS, SCPI.
    Obis,
    /// Cobolt (Hübner) 06- and 08-NLD.
    Cobolt,
    /// Ondax LM.
    Ondax,
    /// The laser inside a Wasatch module, on the port of the module.
    Wasatch,
    /// The laser inside a Ventana 785, on the port of the spectrometer.
    Ventana,
}

/// A name that is no laser.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[error("there is no laser called '{0}'; use matchbox, obis, cobolt, ondax, wasatch or ventana")]
pub struct UnknownLaser(pub String);

impl LaserKind {
    /// All that are lasers by themselves and speak in lines of text.
    pub const ALL: [Self; 4] = [Self::MatchBox, Self::Obis, Self::Cobolt, Self::Ondax];

    /// The name that the command line and settings know.
    pub const fn name(self) -> &'static str {
        match self {
            Self::MatchBox => "matchbox",
            Self::Obis => "obis",
            Self::Cobolt => "cobolt",
            Self::Ondax => "ondax",
            Self::Wasatch => "wasatch",
            Self::Ventana => "ventana",
        }
    }

    /// Line speed of the laser as delivered; `None` where no public source states it.
    pub const fn usual_baud(self) -> Option<u32> {
        match self {
            Self::MatchBox | Self::Obis | Self::Cobolt => Some(115_200),
            Self::Ondax => None,
            Self::Wasatch => Some(wasatch::BAUD),
            Self::Ventana => Some(obp::BAUD),
        }
    }

    /// The bytes that end emission whatever was sent before: where commands have a terminator it comes first, so that
    /// half a command does not swallow the next one.
    pub const fn off_bytes(self) -> &'static [u8] {
        match self {
            Self::MatchBox => b"e 0",
            Self::Obis => b"\r\nSOUR:AM:STAT OFF\r\n",
            Self::Cobolt => b"\r\nl0\r\n",
            Self::Ondax => b"\rloff\r",
            Self::Wasatch => wasatch::LASER_OFF,
            Self::Ventana => &obp::LASER_OFF,
        }
    }

    /// Whether silence, and not a terminator, ends a command.
    pub const fn ends_by_silence(self) -> bool {
        matches!(self, Self::MatchBox)
    }
}

impl fmt::Display for LaserKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl FromStr for LaserKind {
    type Err = UnknownLaser;

    fn from_str(name: &str) -> Result<Self, UnknownLaser> {
        Self::ALL
            .into_iter()
            .chain([Self::Wasatch, Self::Ventana])
            .find(|kind| kind.name() == name)
            .ok_or_else(|| UnknownLaser(name.to_owned()))
    }
}

/// How to reach a laser on its port.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct LaserSetup {
    /// Its protocol.
    pub kind: LaserKind,
    /// Line speed where it is not the usual one, or where none is known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub baud: Option<u32>,
}

impl LaserSetup {
    /// A laser at its usual speed.
    pub const fn usual(kind: LaserKind) -> Self {
        Self { kind, baud: None }
    }

    /// The line speed, or the refusal to guess one.
    pub fn baud(self) -> Result<u32, AnalyzerError> {
        self.baud.or(self.kind.usual_baud()).ok_or(AnalyzerError::SpeedUnknown { laser: self.kind })
    }

    /// Opens the laser on a link: commanded off first, then identified.
    pub fn open(self, link: Box<dyn Transport>, clock: Arc<dyn Clock>) -> Result<Box<dyn Laser>, AnalyzerError> {
        let baud = self.baud()?;
        Ok(match self.kind {
            LaserKind::MatchBox => Box::new(LineLaser::open(link, clock, matchbox::MatchBox)?),
            LaserKind::Obis => Box::new(LineLaser::open(link, clock, obis::Obis { baud })?),
            LaserKind::Cobolt => Box::new(LineLaser::open(link, clock, cobolt::Cobolt)?),
            LaserKind::Ondax => Box::new(LineLaser::open(link, clock, ondax::Ondax { baud, commanded_on: None })?),
            LaserKind::Wasatch => Box::new(wasatch::open_laser(link, clock)?),
            LaserKind::Ventana => Box::new(ObpSpectrometer::open_with_laser(link, clock)?.1),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_laser_is_found_by_its_name_also_in_saved_settings() {
        for kind in LaserKind::ALL {
            assert_eq!(kind.name().parse(), Ok(kind));
            assert_eq!(serde_json::to_value(kind).unwrap(), kind.name());
        }
        assert!("LuxX".parse::<LaserKind>().unwrap_err().to_string().contains("LuxX"));
    }

    #[test]
    fn a_speed_that_nobody_states_is_asked_for_and_not_guessed() {
        assert_eq!(LaserSetup::usual(LaserKind::Obis).baud(), Ok(115_200));
        assert_eq!(LaserSetup { kind: LaserKind::Obis, baud: Some(9_600) }.baud(), Ok(9_600));
        let refused = LaserSetup::usual(LaserKind::Ondax).baud().unwrap_err();
        assert!(refused.to_string().contains("line speed"), "{refused}");
        assert_eq!(LaserSetup { kind: LaserKind::Ondax, baud: Some(19_200) }.baud(), Ok(19_200));
    }
}
