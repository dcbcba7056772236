//! Wasatch Photonics OEM Raman modules on their UART: spectrometer, laser and cooler behind one port.
//!
//! The vendor's own description of this port is not public; what is known comes from a demonstration program and from
//! the sibling protocol on SPI. What neither of them settles is a field of [`WasatchOptions`], and docs/devices.md lists
//! it.

mod calibration;
pub mod codec;
mod eeprom;
mod exchange;
pub mod kinds;
mod laser;
mod open;
mod spectrometer;

pub use calibration::{Calibration, CalibrationError, CoolerCalibration, LaserCalibration};
pub use eeprom::{Eeprom, PAGE, PAGES};
pub use laser::WasatchLaser;
pub use open::{WasatchUnit, open, open_laser};
pub use spectrometer::WasatchSpectrometer;

use std::time::Duration;

use serde::{Deserialize, Serialize};

/// The only line speed of these units.
pub const BAUD: u32 = 921_600;

/// The bytes that switch the laser off whatever was sent before. Half a request may lie in the module, which would take
/// the beginning of these bytes for its rest: behind two bytes of one, the first `<` reads as a length of sixty. So the
/// command is said twelve times, longer than any request can claim to be.
pub const LASER_OFF: &[u8] = {
    const OFF: [u8; 7] = *b"\x3C\x00\x02\xB4\x00\x76\x3E";
    const TIMES: usize = 12;
    const ALL: [[u8; 7]; TIMES] = [OFF; TIMES];
    ALL.as_flattened()
};

/// What the public sources leave open about a unit, and what a person must therefore say.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct WasatchOptions {
    /// Where the calibration comes from.
    pub calibration: CalibrationSource,
    /// Order of the two bytes of a pixel.
    pub pixel_order: PixelOrder,
    /// Form of the answer to a write.
    pub write_reply: WriteReply,
    /// Pause between two bytes of a request. The vendor's demonstration program writes one byte a millisecond; whether
    /// units need that is not known.
    #[serde(rename = "byte_pause_ms", with = "milliseconds")]
    pub byte_pause: Duration,
    /// Gain of the detector to be set before every measurement; `None` leaves the unit's own.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub gain: Option<f64>,
    /// Laser wavelength, nm, where it is another than in the calibration.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub excitation_nm: Option<f64>,
    /// Serial number from the unit's label, for one whose EEPROM has none. One whose EEPROM has another is refused.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub serial: Option<String>,
}

/// A duration in settings: whole milliseconds.
mod milliseconds {
    use std::time::Duration;

    use serde::{Deserialize, Deserializer, Serializer};

    pub fn serialize<S: Serializer>(duration: &Duration, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_u32(u32::try_from(duration.as_millis()).unwrap_or(u32::MAX))
    }

    /// At most a tenth of a second: a longer pause is a mistake.
    pub fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Duration, D::Error> {
        let milliseconds = u32::deserialize(deserializer)?;
        if milliseconds > 100 {
            return Err(serde::de::Error::custom("a pause between bytes has at most 100 ms"));
        }
        Ok(Duration::from_millis(milliseconds.into()))
    }
}

impl Default for WasatchOptions {
    fn default() -> Self {
        Self {
            calibration: CalibrationSource::Eeprom,
            pixel_order: PixelOrder::BigEndian,
            write_reply: WriteReply::Framed,
            byte_pause: Duration::from_millis(1),
            gain: None,
            excitation_nm: None,
            serial: None,
        }
    }
}

/// Where the calibration of a unit comes from.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum CalibrationSource {
    /// The unit's EEPROM, by the commands of the SPI port. Units that do not take them on the UART are refused with a
    /// sentence that says to give a file.
    Eeprom,
    /// A calibration that was read elsewhere, usually with [`Calibration::from_json`]. The unit does not say its serial
    /// number on the UART, so that only a person can tell that this is the right one.
    Given(Box<Calibration>),
}

/// Order of the two bytes of a pixel.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum PixelOrder {
    /// High byte first, as on the SPI port.
    #[default]
    BigEndian,
    /// Low byte first, as in all other data.
    LittleEndian,
}

impl PixelOrder {
    /// Counts of the pixels whose bytes these are.
    pub fn counts(self, bytes: &[u8]) -> Vec<u32> {
        let (pairs, _) = bytes.as_chunks::<2>();
        let count = |pair: &[u8; 2]| match self {
            Self::BigEndian => u16::from_be_bytes(*pair).into(),
            Self::LittleEndian => u16::from_le_bytes(*pair).into(),
        };
        pairs.iter().map(count).collect()
    }

    /// Bytes of pixels.
    pub fn bytes(self, counts: &[u32]) -> Vec<u8> {
        let clip = |count: &u32| u16::try_from(*count).unwrap_or(u16::MAX);
        match self {
            Self::BigEndian => counts.iter().flat_map(|c| clip(c).to_be_bytes()).collect(),
            Self::LittleEndian => counts.iter().flat_map(|c| clip(c).to_le_bytes()).collect(),
        }
    }

    /// The other order.
    #[must_use]
    pub const fn other(self) -> Self {
        match self {
            Self::BigEndian => Self::LittleEndian,
            Self::LittleEndian => Self::BigEndian,
        }
    }
}

/// Form of the answer to a write.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum WriteReply {
    /// A frame with the command and a status byte.
    #[default]
    Framed,
    /// `'<' status '>'`, as on the SPI port.
    Bare,
}

#[cfg(test)]
mod tests {
    use super::codec::{Decoder, encode};
    use super::*;

    #[test]
    fn off_is_heard_behind_every_beginning_of_every_request() {
        let off = encode(kinds::LASER_ENABLE | kinds::WRITE, &[0]);
        let requests =
            [off.clone(), encode(kinds::INTEGRATION_TIME | kinds::WRITE, &[1, 2, 3]), encode(kinds::PING, &[])];
        for request in requests {
            for half in 0..request.len() {
                let mut decoder = Decoder::new();
                decoder.push(&request[..half]);
                decoder.push(LASER_OFF);
                let heard = std::iter::from_fn(|| decoder.next()).flatten();
                assert!(heard.into_iter().any(|frame| encode(frame.command, &frame.data) == off), "{half}");
            }
        }
    }
}
