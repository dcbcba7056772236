//! Asks what is connected to a port, with questions that start no emission, change no setting and save nothing.
//!
//! Even so a strange device may take the bytes for a command, so only ports that the user names are asked.

use std::time::Duration;

use serde::Serialize;

use crate::analyzer::obp::codec::{self, Decoder, Message};
use crate::analyzer::obp::kinds;
use crate::analyzer::{Clock, Transport, TransportError};

/// Line speeds at which an OBP spectrometer may have been left, the power-up default first, then the most usual ones.
const OBP_BAUDS: [u32; 5] = [9_600, 115_200, 57_600, 19_200, 38_400];
/// Line speed of MatchBox lasers.
const MATCHBOX_BAUD: u32 = 115_200;
/// Longest wait for an answer; 64 bytes each way take 134 ms at 9600 baud.
const PATIENCE: Duration = Duration::from_millis(500);
/// Silence after which the line is taken for quiet. MatchBox lasers tell commands apart by 30 ms of silence.
const QUIET: Duration = Duration::from_millis(60);
/// Longest wait for silence.
const DRAIN: Duration = Duration::from_millis(400);
/// Longest answer of a laser that is read.
const MAX_REPLY: usize = 256;

/// What answered.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub(super) struct Answered {
    /// `obp` or `matchbox`.
    pub protocol: &'static str,
    /// Line speed at which it answered.
    pub baud: u32,
    /// Model as the device says, where its protocol has a question for it.
    pub model: Option<String>,
    /// Serial number as the device says.
    pub serial: Option<String>,
}

/// Asks on an open port; `None` where nothing that is known answered.
pub(super) fn probe(port: &mut dyn Transport, clock: &dyn Clock) -> Result<Option<Answered>, TransportError> {
    for baud in OBP_BAUDS {
        port.set_baud(baud)?;
        quieten(port, clock)?;
        if ask_obp(port, clock, kinds::SERIAL_NUMBER_LENGTH)?.is_some() {
            let serial = ask_obp(port, clock, kinds::SERIAL_NUMBER)?.map(|data| printable(&data));
            return Ok(Some(Answered { protocol: "obp", baud, model: None, serial }));
        }
    }
    port.set_baud(MATCHBOX_BAUD)?;
    // Whatever is there may still chew on the frames above and complain about them.
    quieten(port, clock)?;
    let Some(model) = ask_matchbox(port, clock, b"NM?")? else { return Ok(None) };
    quieten(port, clock)?;
    let serial = ask_matchbox(port, clock, b"ID?")?;
    Ok(Some(Answered { protocol: "matchbox", baud: MATCHBOX_BAUD, model: Some(model), serial }))
}

fn quieten(port: &mut dyn Transport, clock: &dyn Clock) -> Result<(), TransportError> {
    port.drain(QUIET, clock.now() + DRAIN)
}

/// The data of the answer to an OBP question. Only a whole, valid frame that answers this question counts.
fn ask_obp(port: &mut dyn Transport, clock: &dyn Clock, kind: u32) -> Result<Option<Vec<u8>>, TransportError> {
    let deadline = clock.now() + PATIENCE;
    port.write_all(&codec::encode(&Message::query(kind, &[])), deadline)?;
    let mut decoder = Decoder::new();
    let mut buffer = [0; 256];
    while let Some(n) = read(port, clock, &mut buffer, deadline)? {
        decoder.push(buffer.get(..n).unwrap_or_default());
        while let Some(frame) = decoder.next() {
            if let Ok(message) = frame
                && message.kind == kind
                && message.has(codec::flags::RESPONSE)
            {
                return Ok(Some(message.data));
            }
        }
    }
    Ok(None)
}

/// The text between angle brackets that a MatchBox answers.
fn ask_matchbox(
    port: &mut dyn Transport,
    clock: &dyn Clock,
    question: &[u8],
) -> Result<Option<String>, TransportError> {
    let deadline = clock.now() + PATIENCE;
    port.write_all(question, deadline)?;
    let mut reply = Vec::new();
    let mut buffer = [0; 64];
    while let Some(n) = read(port, clock, &mut buffer, deadline)? {
        reply.extend_from_slice(buffer.get(..n).unwrap_or_default());
        if let Some(end) = reply.windows(2).position(|pair| pair == b"\r\n") {
            let line = String::from_utf8_lossy(reply.get(..end).unwrap_or_default()).into_owned();
            let text = line.trim().strip_prefix('<').and_then(|rest| rest.strip_suffix('>'));
            return Ok(text.filter(|t| !t.is_empty() && !t.starts_with("ERR") && *t != "ACK").map(str::to_owned));
        }
        if reply.len() > MAX_REPLY {
            break;
        }
    }
    Ok(None)
}

/// Some bytes, or `None` where the deadline passed. A device that never stops talking does not hold the probe up.
fn read(
    port: &mut dyn Transport,
    clock: &dyn Clock,
    buffer: &mut [u8],
    deadline: Duration,
) -> Result<Option<usize>, TransportError> {
    if clock.now() >= deadline {
        return Ok(None);
    }
    match port.read_some(buffer, deadline) {
        Ok(n) => Ok(Some(n)),
        Err(TransportError::Timeout { .. }) => Ok(None),
        Err(error) => Err(error),
    }
}

/// A device's text without padding.
fn printable(data: &[u8]) -> String {
    let text: String = data.iter().map(|b| char::from(*b)).filter(|c| *c != '\0').collect();
    text.trim().to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::analyzer::VirtualClock;

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
            let expected = Answered { protocol: "obp", baud, model: None, serial: Some("S12345".to_owned()) };
            assert_eq!(probe(&mut device, &clock), Ok(Some(expected)));
        }
    }

    #[test]
    fn a_laser_is_found_after_it_complained_about_the_first_question() {
        let clock = VirtualClock::default();
        let mut device = Device::new(&clock, MATCHBOX_BAUD, laser);
        let found = probe(&mut device, &clock).unwrap().unwrap();
        assert_eq!(
            (found.protocol, found.model.as_deref(), found.serial.as_deref()),
            ("matchbox", Some("0785L-11"), Some("123456"))
        );
    }

    #[test]
    fn silence_noise_and_an_echo_are_no_devices_and_end_in_time() {
        for answer in [|_: &[u8]| Vec::new(), |_: &[u8]| vec![0xc1; 5_000], <[u8]>::to_vec] {
            let clock = VirtualClock::default();
            let mut device = Device::new(&clock, MATCHBOX_BAUD, answer);
            assert_eq!(probe(&mut device, &clock), Ok(None));
            assert!(clock.now() < Duration::from_secs(8), "{:?}", clock.now());
        }
    }

    #[test]
    fn nothing_is_sent_but_questions() {
        let clock = VirtualClock::default();
        let mut device = Device::new(&clock, 0, |_| Vec::new());
        assert_eq!(probe(&mut device, &clock), Ok(None));
        let question = codec::encode(&Message::query(kinds::SERIAL_NUMBER_LENGTH, &[]));
        let expected: Vec<(u32, Vec<u8>)> =
            OBP_BAUDS.iter().map(|baud| (*baud, question.clone())).chain([(MATCHBOX_BAUD, b"NM?".to_vec())]).collect();
        assert_eq!(device.heard, expected);
    }
}
