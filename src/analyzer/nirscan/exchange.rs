//! Requests and their answers. An answer carries the sequence number and the command of its request, so that one which
//! comes late is never taken for another.

use std::sync::Arc;
use std::time::Duration;

use super::BAUD;
use super::codec::{Decoder, MAX_DATA, MIN_PACKET, Packet, PacketError, encode, flags};
use crate::analyzer::spectrometer::{OnWait, SLICE};
use crate::analyzer::{AnalyzerError, Clock, Transport, TransportError};

/// Time that the device may think beyond the time on the wire.
const MARGIN: Duration = Duration::from_millis(500);
/// Pause after which the device takes the next byte for the beginning of a packet.
const RESYNC: Duration = Duration::from_millis(5);
/// Delay of a transaction beyond the wire that is expected before it was measured.
const LATENCY: Duration = Duration::from_millis(20);

/// What can go wrong with one attempt.
enum Trouble {
    Link(TransportError),
    Packet(PacketError),
    CutShort,
    Refused { busy: bool },
    Cancelled,
}

/// The state of the conversation.
pub(super) struct Exchange {
    link: Box<dyn Transport>,
    clock: Arc<dyn Clock>,
    decoder: Decoder,
    sequence: u8,
    latency: Duration,
}

impl Exchange {
    pub fn new(mut link: Box<dyn Transport>, clock: Arc<dyn Clock>) -> Result<Self, AnalyzerError> {
        link.set_baud(BAUD)?;
        Ok(Self { link, clock, decoder: Decoder::new(), sequence: 0, latency: LATENCY })
    }

    pub fn port(&self) -> String {
        self.link.name().to_owned()
    }

    pub fn clock(&self) -> &Arc<dyn Clock> {
        &self.clock
    }

    /// Usual duration of a transaction with that many bytes of data.
    pub fn expected(&self, data: usize) -> Duration {
        line_time(2 * MIN_PACKET + data) + self.latency
    }

    /// Waits, asking `on_wait` on the way.
    pub fn pause(&self, duration: Duration, on_wait: &mut OnWait<'_>) -> Result<(), AnalyzerError> {
        let end = self.clock.now() + duration;
        loop {
            if on_wait().is_break() {
                return Err(AnalyzerError::Cancelled);
            }
            let left = end.saturating_sub(self.clock.now());
            if left.is_zero() {
                return Ok(());
            }
            self.clock.sleep(left.min(SLICE));
        }
    }

    /// Reads; after damaged bytes once more.
    pub fn read(
        &mut self,
        command: u16,
        what: &'static str,
        data: &[u8],
        on_wait: &mut OnWait<'_>,
    ) -> Result<Vec<u8>, AnalyzerError> {
        let end = match self.once(flags::READ | flags::REPLY, command, data, on_wait) {
            Err(Trouble::Packet(_) | Trouble::CutShort) => {
                self.clock.sleep(RESYNC);
                self.once(flags::READ | flags::REPLY, command, data, on_wait)
            }
            other => other,
        };
        end.map_err(|trouble| self.explain(what, trouble))
    }

    /// Reads the next piece of a file. Never repeated: the device goes on by itself, so that a repeat would skip one.
    pub fn read_piece(
        &mut self,
        command: u16,
        what: &'static str,
        on_wait: &mut OnWait<'_>,
    ) -> Result<Vec<u8>, AnalyzerError> {
        let end = self.once(flags::READ | flags::REPLY, command, &[], on_wait);
        end.map_err(|trouble| self.explain(what, trouble))
    }

    /// Writes. Never repeated.
    pub fn write(
        &mut self,
        command: u16,
        what: &'static str,
        data: &[u8],
        on_wait: &mut OnWait<'_>,
    ) -> Result<Vec<u8>, AnalyzerError> {
        let end = self.once(flags::REPLY, command, data, on_wait);
        end.map_err(|trouble| self.explain(what, trouble))
    }

    fn once(&mut self, how: u8, command: u16, data: &[u8], on_wait: &mut OnWait<'_>) -> Result<Vec<u8>, Trouble> {
        self.decoder.clear();
        self.sequence = self.sequence.wrapping_add(1);
        let request = Packet { flags: how, sequence: self.sequence, command, data: data.to_vec() };
        let bytes = encode(&request);
        let began = self.clock.now();
        // In one piece: a gap of a millisecond ends a packet.
        self.link.write_all(&bytes, began + line_time(bytes.len()) + MARGIN).map_err(Trouble::Link)?;
        let deadline = began + line_time(bytes.len() + MIN_PACKET + MAX_DATA) + MARGIN;
        loop {
            let answer = self.receive(deadline, on_wait)?;
            if answer.sequence != request.sequence || answer.command != command {
                continue;
            }
            // The response first: behind a refusal the data are those of an older answer.
            match answer.flags & flags::RESPONSE {
                0 => {
                    let wire = line_time(bytes.len() + MIN_PACKET + answer.data.len());
                    self.latency = self.clock.now().saturating_sub(began + wire);
                    return Ok(answer.data);
                }
                response => return Err(Trouble::Refused { busy: response == flags::BUSY }),
            }
        }
    }

    /// The next packet, whatever it answers.
    fn receive(&mut self, deadline: Duration, on_wait: &mut OnWait<'_>) -> Result<Packet, Trouble> {
        let mut buffer = [0; 1_024];
        loop {
            if let Some(packet) = self.decoder.next() {
                return packet.map_err(Trouble::Packet);
            }
            if on_wait().is_break() {
                return Err(Trouble::Cancelled);
            }
            let now = self.clock.now();
            if now >= deadline {
                return Err(if self.decoder.pending() > 0 {
                    Trouble::CutShort
                } else {
                    Trouble::Link(TransportError::Timeout { port: self.port() })
                });
            }
            match self.link.read_some(&mut buffer, deadline.min(now + SLICE)) {
                Ok(n) => self.decoder.push(buffer.get(..n).unwrap_or_default()),
                Err(TransportError::Timeout { .. }) => {}
                Err(error) => return Err(Trouble::Link(error)),
            }
        }
    }

    fn explain(&self, what: &'static str, trouble: Trouble) -> AnalyzerError {
        let port = self.port();
        let why = match trouble {
            Trouble::Link(error) => return error.into(),
            Trouble::Cancelled => return AnalyzerError::Cancelled,
            Trouble::Refused { busy: true } => {
                let why = "its USB or Bluetooth connection owns it";
                return AnalyzerError::Refused { port, what, number: 2, why };
            }
            Trouble::Refused { busy: false } => {
                return AnalyzerError::Refused { port, what, number: 1, why: "it reports an error" };
            }
            Trouble::Packet(error) => error.to_string(),
            Trouble::CutShort => "the answer broke off".to_owned(),
        };
        AnalyzerError::Damaged { port, what, why }
    }
}

/// Time of bytes on the wire, ten bits each.
fn line_time(bytes: usize) -> Duration {
    Duration::from_micros(bytes as u64 * 10_000_000 / u64::from(BAUD))
}
