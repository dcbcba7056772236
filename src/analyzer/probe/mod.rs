//! Asks what is connected to a port, with questions that start no emission, change no setting and save nothing. A laser that
//! answers is commanded off before it is asked more: it may have been left on.
//!
//! Even so a strange device may take the bytes for a command, so only ports that the user names are asked.

mod questions;

use std::time::Duration;

use serde::Serialize;

use super::laser::{LaserKind, LaserSetup};
use super::obp::kinds;
use super::ocean_letter::LetterSettings;
use super::wasatch::{self, WasatchOptions};
use super::{Clock, SpectrometerSetup, Transport, TransportError, nirscan};
use questions::Asked;

/// Line speeds at which an OBP spectrometer may have been left, the power-up default first, then the most usual ones.
const OBP_BAUDS: [u32; 5] = [9_600, 115_200, 57_600, 19_200, 38_400];
/// Line speed of most lasers and of NIRscan scanners.
const USUAL_BAUD: u32 = 115_200;
/// Longest wait for an answer; 64 bytes each way take 134 ms at 9600 baud.
const PATIENCE: Duration = Duration::from_millis(500);
/// Silence after which the line is taken for quiet. MatchBox lasers tell commands apart by 30 ms of silence.
const QUIET: Duration = Duration::from_millis(60);
/// A protocol that a probe knows.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum ProbedProtocol {
    /// Ocean Binary Protocol.
    Obp,
    /// Wasatch OEM module.
    Wasatch,
    /// NIRscan Nano.
    Nirscan,
    /// MatchBox laser.
    #[serde(rename = "matchbox")]
    MatchBox,
    /// OBIS laser.
    Obis,
    /// Cobolt laser.
    Cobolt,
    /// Ondax laser.
    Ondax,
    /// Ocean letter protocol.
    OceanLetter,
}

impl ProbedProtocol {
    /// What a person calls it.
    pub const fn words(self) -> &'static str {
        match self {
            Self::Obp => "spectrometer with the Ocean Binary Protocol",
            Self::Wasatch => "Wasatch Raman module with its own laser",
            Self::Nirscan => "NIRscan near-infrared scanner",
            Self::MatchBox => "MatchBox laser",
            Self::Obis => "Coherent OBIS laser",
            Self::Cobolt => "Cobolt laser",
            Self::Ondax => "Ondax laser",
            Self::OceanLetter => "spectrometer with the Ocean letter protocol",
        }
    }

    /// That of a laser on a port of its own; `None` for one inside a spectrometer.
    pub const fn of_laser(kind: LaserKind) -> Option<Self> {
        match kind {
            LaserKind::MatchBox => Some(Self::MatchBox),
            LaserKind::Obis => Some(Self::Obis),
            LaserKind::Cobolt => Some(Self::Cobolt),
            LaserKind::Ondax => Some(Self::Ondax),
            LaserKind::Wasatch | LaserKind::Ventana => None,
        }
    }

    /// Line speeds at which it is asked for, the usual one first.
    pub const fn bauds(self) -> &'static [u32] {
        match self {
            Self::Obp => &OBP_BAUDS,
            Self::Wasatch => &[wasatch::BAUD],
            Self::Nirscan | Self::Cobolt | Self::MatchBox => &[USUAL_BAUD],
            Self::Obis => &[USUAL_BAUD, 9_600],
            Self::Ondax => &[19_200, 9_600, 115_200],
            Self::OceanLetter => &[9_600, 115_200],
        }
    }

    /// What ends a command of a laser that hears lines. Questions of other protocols, and what came at another speed, may
    /// lie in it as the beginning of a line that would swallow its own question.
    const fn line_end(self) -> Option<&'static [u8]> {
        match self {
            Self::Obis | Self::Cobolt => Some(b"\r\n"),
            Self::Ondax => Some(b"\r"),
            Self::Obp | Self::Wasatch | Self::Nirscan | Self::MatchBox | Self::OceanLetter => None,
        }
    }

    /// How a Raman spectrometer that speaks it is set up, with the usual settings; `None` for what is none.
    pub fn spectrometer_setup(self) -> Option<SpectrometerSetup> {
        match self {
            Self::Obp => Some(SpectrometerSetup::Obp),
            Self::Wasatch => Some(SpectrometerSetup::Wasatch(WasatchOptions::default())),
            Self::OceanLetter => Some(SpectrometerSetup::OceanLetter(LetterSettings::default())),
            Self::Nirscan | Self::MatchBox | Self::Obis | Self::Cobolt | Self::Ondax => None,
        }
    }

    /// How a laser that speaks it at `baud` is set up; `None` for what is no laser of its own.
    pub fn laser_setup(self, baud: u32) -> Option<LaserSetup> {
        let kind = match self {
            Self::MatchBox => LaserKind::MatchBox,
            Self::Obis => LaserKind::Obis,
            Self::Cobolt => LaserKind::Cobolt,
            Self::Ondax => LaserKind::Ondax,
            Self::Obp | Self::Wasatch | Self::Nirscan | Self::OceanLetter => return None,
        };
        let baud = Some(baud).filter(|baud| kind.usual_baud() != Some(*baud));
        Some(LaserSetup { kind, baud })
    }
}

/// The order of a probe: frames that nothing else understands first, a bare letter last.
const ORDER: [ProbedProtocol; 8] = [
    ProbedProtocol::Obp,
    ProbedProtocol::Wasatch,
    ProbedProtocol::Nirscan,
    ProbedProtocol::MatchBox,
    ProbedProtocol::Obis,
    ProbedProtocol::Cobolt,
    ProbedProtocol::Ondax,
    ProbedProtocol::OceanLetter,
];

/// What answered.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Answered {
    /// Its protocol.
    pub protocol: ProbedProtocol,
    /// Line speed at which it answered.
    pub baud: u32,
    /// Model as the device says, where its protocol has a question for it.
    pub model: Option<String>,
    /// Serial number as the device says.
    pub serial: Option<String>,
}

/// Asks on an open port, the safest question first; `None` where nothing that is known answered.
pub fn probe(port: &mut dyn Transport, clock: &dyn Clock) -> Result<Option<Answered>, TransportError> {
    for protocol in ORDER {
        for baud in protocol.bauds() {
            if let Some(answered) = ask(port, clock, protocol, *baud)? {
                return Ok(Some(answered));
            }
        }
    }
    Ok(None)
}

/// Asks for one protocol at one line speed. A device that answers is left without half a question.
pub fn ask(
    port: &mut dyn Transport,
    clock: &dyn Clock,
    protocol: ProbedProtocol,
    baud: u32,
) -> Result<Option<Answered>, TransportError> {
    port.set_baud(baud)?;
    let mut asked = Asked { port, clock };
    asked.quieten()?;
    if let Some(end) = protocol.line_end() {
        asked.end_line(end)?;
    }
    // The model, where the protocol has a question for it, and the serial number.
    let found = match protocol {
        ProbedProtocol::Obp => match asked.obp(kinds::SERIAL_NUMBER_LENGTH)? {
            Some(_) => {
                asked.off(LaserKind::Ventana)?;
                Some((None, asked.obp(kinds::SERIAL_NUMBER)?.map(|data| printable(&data))))
            }
            None => None,
        },
        // Its serial number lies in an EEPROM, which is read when it is opened.
        ProbedProtocol::Wasatch if asked.wasatch()? => {
            asked.off(LaserKind::Wasatch)?;
            Some((None, None))
        }
        ProbedProtocol::Wasatch => None,
        ProbedProtocol::Nirscan => match asked.nirscan(nirscan::kinds::VERSIONS)? {
            Some(_) => {
                let model = asked.nirscan(nirscan::kinds::MODEL)?.map(|data| printable(&data));
                Some((model, asked.nirscan(nirscan::kinds::SERIAL_NUMBER)?.map(|data| printable(&data))))
            }
            None => None,
        },
        ProbedProtocol::MatchBox => match asked.matchbox(b"NM?")? {
            Some(model) => {
                asked.off(LaserKind::MatchBox)?;
                Some((Some(model), asked.matchbox(b"ID?")?))
            }
            None => None,
        },
        ProbedProtocol::Obis => match asked.line(b"*IDN?\r\n")?.filter(|line| line.starts_with("Coherent")) {
            Some(model) => {
                asked.off(LaserKind::Obis)?;
                Some((Some(model), asked.serial_line(b"SYST:INF:SNUM?\r\n")?))
            }
            None => None,
        },
        ProbedProtocol::Cobolt => match asked.serial_line(b"gsn?\r\n")? {
            Some(serial) => {
                asked.off(LaserKind::Cobolt)?;
                Some((None, Some(serial)))
            }
            None => None,
        },
        ProbedProtocol::Ondax => match asked.serial_line(b"rsn?\r")? {
            Some(serial) => {
                asked.off(LaserKind::Ondax)?;
                Some((None, Some(serial)))
            }
            None => None,
        },
        ProbedProtocol::OceanLetter => asked.letter()?.then_some((None, None)),
    };
    if found.is_some() {
        asked.quieten()?;
    }
    Ok(found.map(|(model, serial)| Answered { protocol, baud, model, serial }))
}

/// A device's text up to its padding.
fn printable(data: &[u8]) -> String {
    let text: String =
        data.iter().take_while(|b| **b != 0).filter(|b| (0x20..0x7F).contains(*b)).map(|b| char::from(*b)).collect();
    text.trim().to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::analyzer::VirtualClock;
    use crate::analyzer::obp::codec::{self, Decoder, Message};

    /// A device that answers at one line speed and remembers what it was sent.
    struct Device {
        clock: VirtualClock,
        answers_at: u32,
        baud: u32,
        answer: fn(&[u8]) -> Vec<u8>,
        line: Vec<u8>,
        heard: Vec<(u32, Vec<u8>)>,
    }

    impl Device {
        fn new(clock: &VirtualClock, answers_at: u32, answer: fn(&[u8]) -> Vec<u8>) -> Self {
            Self { clock: clock.clone(), answers_at, baud: 0, answer, line: Vec::new(), heard: Vec::new() }
        }
    }

    impl Transport for Device {
        fn name(&self) -> &'static str {
            "test"
        }

        fn write_all(&mut self, bytes: &[u8], _deadline: Duration) -> Result<(), TransportError> {
            self.heard.push((self.baud, bytes.to_vec()));
            if self.baud == self.answers_at {
                self.line.extend((self.answer)(bytes));
            }
            Ok(())
        }

        fn read_some(&mut self, buffer: &mut [u8], deadline: Duration) -> Result<usize, TransportError> {
            if self.line.is_empty() {
                self.clock.sleep(deadline.saturating_sub(self.clock.now()));
                return Err(TransportError::Timeout { port: "test".to_owned() });
            }
            // A slow line: few bytes at a time.
            let n = self.line.len().min(buffer.len()).min(7);
            buffer[..n].copy_from_slice(&self.line[..n]);
            self.line.drain(..n);
            Ok(n)
        }

        fn now(&self) -> Duration {
            self.clock.now()
        }

        fn set_baud(&mut self, baud: u32) -> Result<(), TransportError> {
            self.baud = baud;
            Ok(())
        }
    }

    fn spectrometer(bytes: &[u8]) -> Vec<u8> {
        let mut decoder = Decoder::new();
        decoder.push(bytes);
        let Some(Ok(request)) = decoder.next() else { return Vec::new() };
        let data = match request.kind {
            kinds::SERIAL_NUMBER_LENGTH => vec![16],
            kinds::SERIAL_NUMBER => b"S12345\0\0".to_vec(),
            // It has no laser.
            kinds::SET_LIGHT_SOURCE_ENABLE => {
                return codec::encode(&Message::nack(&request, crate::analyzer::obp::device_error::UNKNOWN_TYPE));
            }
            kind => panic!("a probe must not send message {kind:#x}"),
        };
        codec::encode(&Message::reply(&request, data))
    }

    fn laser(bytes: &[u8]) -> Vec<u8> {
        match bytes {
            b"NM?" => b"<0785L-11>\r\n".to_vec(),
            b"ID?" => b"<123456>\r\n".to_vec(),
            _ => b"<ERR 5>\r\n".to_vec(),
        }
    }

    #[test]
    fn a_spectrometer_is_found_at_any_line_speed() {
        for baud in OBP_BAUDS {
            let clock = VirtualClock::default();
            let mut device = Device::new(&clock, baud, spectrometer);
            let expected =
                Answered { protocol: ProbedProtocol::Obp, baud, model: None, serial: Some("S12345".to_owned()) };
            assert_eq!(probe(&mut device, &clock), Ok(Some(expected)));
        }
    }

    #[test]
    fn a_laser_is_found_after_it_complained_about_the_first_question() {
        let clock = VirtualClock::default();
        let mut device = Device::new(&clock, USUAL_BAUD, laser);
        let found = probe(&mut device, &clock).unwrap().unwrap();
        assert_eq!(
            (found.protocol, found.model.as_deref(), found.serial.as_deref()),
            (ProbedProtocol::MatchBox, Some("0785L-11"), Some("123456"))
        );
        let heard: Vec<&[u8]> = device.heard.iter().map(|(_, bytes)| bytes.as_slice()).collect();
        assert_eq!(heard[heard.len() - 3..], [b"NM?".as_slice(), b"e 0", b"ID?"], "off before it is asked more");
    }

    #[test]
    fn silence_noise_and_an_echo_are_no_devices_and_end_in_time() {
        for answer in [|_: &[u8]| Vec::new(), |_: &[u8]| vec![0xc1; 5_000], <[u8]>::to_vec] {
            let clock = VirtualClock::default();
            let mut device = Device::new(&clock, USUAL_BAUD, answer);
            assert_eq!(probe(&mut device, &clock), Ok(None));
            assert!(clock.now() < Duration::from_secs(14), "{:?}", clock.now());
        }
    }

    #[test]
    fn nothing_is_sent_but_questions() {
        let clock = VirtualClock::default();
        let mut device = Device::new(&clock, 0, |_| Vec::new());
        assert_eq!(probe(&mut device, &clock), Ok(None));
        let question = codec::encode(&Message::query(kinds::SERIAL_NUMBER_LENGTH, &[]));
        // A laser that hears lines may have the beginning of one from the questions before: it is ended first.
        let lasers: [(u32, &[u8]); 14] = [
            (USUAL_BAUD, b"NM?"),
            (USUAL_BAUD, b"\r\n"),
            (USUAL_BAUD, b"*IDN?\r\n"),
            (9_600, b"\r\n"),
            (9_600, b"*IDN?\r\n"),
            (USUAL_BAUD, b"\r\n"),
            (USUAL_BAUD, b"gsn?\r\n"),
            (19_200, b"\r"),
            (19_200, b"rsn?\r"),
            (9_600, b"\r"),
            (9_600, b"rsn?\r"),
            (USUAL_BAUD, b"\r"),
            (USUAL_BAUD, b"rsn?\r"),
            (9_600, b"v"),
        ];
        let mut expected: Vec<(u32, Vec<u8>)> = OBP_BAUDS.iter().map(|baud| (*baud, question.clone())).collect();
        // Protocols, Wasatch UART: the ping of the published example.
        expected.push((921_600, vec![0x3C, 0x00, 0x01, 0x4B, 0xA2, 0x3E]));
        let version = device.heard.get(expected.len()).cloned().unwrap();
        assert_eq!((version.0, version.1.get(..4)), (USUAL_BAUD, Some(b"ABCD".as_slice())));
        expected.push(version);
        expected.extend(lasers.iter().map(|(baud, bytes)| (*baud, bytes.to_vec())));
        expected.push((USUAL_BAUD, b"v".to_vec()));
        assert_eq!(device.heard, expected);
    }
}
