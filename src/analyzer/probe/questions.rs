//! One question of each protocol that tells who is there and operates nothing, and which answers count.

use std::time::Duration;

use super::{PATIENCE, QUIET};
use crate::analyzer::laser::LaserKind;
use crate::analyzer::obp::codec::{self as obp_codec, Decoder, Message};
use crate::analyzer::wasatch;
use crate::analyzer::{Clock, Transport, TransportError, nirscan};

/// Longest wait for silence.
const DRAIN: Duration = Duration::from_millis(400);
/// Silence after which a command is taken for answered: what OBP is told to switch a laser off takes 180 ms on its way at
/// 9600 baud.
const OFF_QUIET: Duration = Duration::from_millis(300);
/// Longest answer of a laser that is read.
const MAX_REPLY: usize = 256;
/// Answers of the letter protocol.
const ACK: u8 = 0x06;
const NAK: u8 = 0x15;

/// A port that is asked.
pub(super) struct Asked<'a> {
    pub port: &'a mut dyn Transport,
    pub clock: &'a dyn Clock,
}

impl Asked<'_> {
    /// Waits until the line is quiet: whatever is there may still chew on earlier questions and complain about them.
    pub(super) fn quieten(&mut self) -> Result<(), TransportError> {
        self.port.drain(QUIET, self.clock.now() + DRAIN)
    }

    /// Ends the line that a device may have begun to hear, and lets it complain.
    pub(super) fn end_line(&mut self, end: &[u8]) -> Result<(), TransportError> {
        self.port.write_all(end, self.clock.now() + PATIENCE)?;
        self.quieten()
    }

    /// The data of the answer to an OBP question. Only a whole, valid frame that answers this question counts.
    pub(super) fn obp(&mut self, kind: u32) -> Result<Option<Vec<u8>>, TransportError> {
        let mut decoder = Decoder::new();
        self.answer(&obp_codec::encode(&Message::query(kind, &[])), |bytes| {
            decoder.push(bytes);
            while let Some(frame) = decoder.next() {
                if let Ok(message) = frame
                    && message.kind == kind
                    && message.has(obp_codec::flags::RESPONSE)
                {
                    return Some(Some(message.data));
                }
            }
            None
        })
    }

    /// Whether a Wasatch module answers a ping with a whole, valid frame.
    pub(super) fn wasatch(&mut self) -> Result<bool, TransportError> {
        let ping = wasatch::codec::encode(wasatch::kinds::PING, &[]);
        let mut decoder = wasatch::codec::Decoder::new();
        let mut heard = Vec::new();
        let pong = self.answer(&ping, |bytes| {
            heard.extend_from_slice(bytes);
            decoder.push(bytes);
            while let Some(frame) = decoder.next() {
                if frame.is_ok_and(|frame| frame.command & !wasatch::kinds::WRITE == wasatch::kinds::PING) {
                    return Some(Some(()));
                }
            }
            None
        })?;
        // A line that only gives back what it was sent, answers with the same bytes to anything.
        Ok(pong.is_some() && (heard != ping || !self.echoes()?))
    }

    /// Commands a laser off that was just found, because somebody may have left it on. What it says to that is not
    /// believed here: it is read back when the laser is opened.
    pub(super) fn off(&mut self, laser: LaserKind) -> Result<(), TransportError> {
        self.quieten()?;
        self.port.write_all(laser.off_bytes(), self.clock.now() + PATIENCE)?;
        // A spectrometer without a laser refuses, twice.
        self.port.drain(OFF_QUIET, self.clock.now() + PATIENCE)
    }

    /// Whether the line gives back what nobody would answer.
    fn echoes(&mut self) -> Result<bool, TransportError> {
        self.quieten()?;
        let nothing = [0xFF; 3];
        let mut heard = Vec::new();
        let echo = self.answer(&nothing, |bytes| {
            heard.extend_from_slice(bytes);
            (heard.len() >= nothing.len()).then(|| (heard == nothing).then_some(()))
        })?;
        self.quieten()?;
        Ok(echo.is_some())
    }

    /// The data of the answer to a question to a NIRscan.
    pub(super) fn nirscan(&mut self, command: u16) -> Result<Option<Vec<u8>>, TransportError> {
        use nirscan::codec::{Decoder, Packet, encode, flags};
        let request = Packet { flags: flags::READ | flags::REPLY, sequence: 1, command, data: Vec::new() };
        let mut decoder = Decoder::new();
        self.answer(&encode(&request), |bytes| {
            decoder.push(bytes);
            while let Some(packet) = decoder.next() {
                // An echo has no data.
                if let Ok(packet) = packet
                    && (packet.sequence, packet.command) == (request.sequence, command)
                    && packet.flags & flags::RESPONSE == 0
                    && !packet.data.is_empty()
                {
                    return Some(Some(packet.data));
                }
            }
            None
        })
    }

    /// The text between angle brackets that a MatchBox answers.
    pub(super) fn matchbox(&mut self, question: &[u8]) -> Result<Option<String>, TransportError> {
        let line = self.line(question)?;
        let text = line.as_deref().and_then(|line| line.strip_prefix('<')?.strip_suffix('>'));
        Ok(text.filter(|t| !t.is_empty() && !t.starts_with("ERR") && *t != "ACK").map(str::to_owned))
    }

    /// The first line of what comes back, without blanks around it.
    pub(super) fn line(&mut self, question: &[u8]) -> Result<Option<String>, TransportError> {
        let mut reply: Vec<u8> = Vec::new();
        self.answer(question, |bytes| {
            for byte in bytes {
                if !reply.is_empty() || !matches!(byte, b'\r' | b'\n') {
                    reply.push(*byte);
                }
            }
            if let Some(end) = reply.iter().position(|b| matches!(b, b'\r' | b'\n')) {
                let line = String::from_utf8_lossy(reply.get(..end).unwrap_or_default()).trim().to_owned();
                return Some(Some(line).filter(|line| !line.is_empty()));
            }
            (reply.len() > MAX_REPLY).then_some(None)
        })
    }

    /// A serial number that a laser states in a line: letters and digits, at least one digit, and no refusal.
    pub(super) fn serial_line(&mut self, question: &[u8]) -> Result<Option<String>, TransportError> {
        let plain = |line: &String| {
            line.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-')
                && line.bytes().any(|b| b.is_ascii_digit())
                && !line.starts_with("ERR")
        };
        Ok(self.line(question)?.filter(plain))
    }

    /// Whether a device answers the letter `v` as the letter protocol says: ACK and a version, or NAK alone.
    pub(super) fn letter(&mut self) -> Result<bool, TransportError> {
        let mut reply = Vec::new();
        let version = self.answer(b"v", |bytes| {
            reply.extend_from_slice(bytes);
            match reply.as_slice() {
                [ACK, _, _] => Some(Some(())),
                [ACK | NAK] | [ACK, _] => None,
                _ => Some(None),
            }
        })?;
        Ok(version.is_some() || reply == [NAK])
    }

    /// Sends a question in one piece and hands over what comes until `read` has decided or the time is over. A device
    /// that never stops talking does not hold the probe up.
    fn answer<T>(
        &mut self,
        question: &[u8],
        mut read: impl FnMut(&[u8]) -> Option<Option<T>>,
    ) -> Result<Option<T>, TransportError> {
        let deadline = self.clock.now() + PATIENCE;
        self.port.write_all(question, deadline)?;
        let mut buffer = [0; 256];
        while self.clock.now() < deadline {
            match self.port.read_some(&mut buffer, deadline) {
                Ok(n) => {
                    if let Some(decided) = read(buffer.get(..n).unwrap_or_default()) {
                        return Ok(decided);
                    }
                }
                Err(TransportError::Timeout { .. }) => break,
                Err(error) => return Err(error),
            }
        }
        Ok(None)
    }
}
