//! Commands and their answers over one link. Answers do not say what they answer; after a lost one the version, which is
//! known, is asked for until it comes alone.

use std::sync::Arc;
use std::time::Duration;

use super::codec::{self, ACK, Expected, LetterSpectrum, NAK};
use crate::analyzer::spectrometer::{OnWait, SLICE};
use crate::analyzer::{AnalyzerError, Clock, Transport, TransportError};

/// Time that a device may think, beyond the time on the wire.
const MARGIN: Duration = Duration::from_millis(500);
/// Silence after which nothing more of an abandoned answer is expected.
const QUIET: Duration = Duration::from_millis(80);
/// Silence that ends a text whose end is not documented.
const TEXT_ENDS: Duration = Duration::from_millis(150);
/// Longest text that is read.
const TEXT_MAX: usize = 64;
/// More questions for the version than the longest command has bytes; each changes nothing wherever it lands.
const FILLING: &[u8] = b"vvvvvvvvv";
/// Bytes of the answer to one of them.
const ANSWER_BYTES: usize = 3;
/// Bits on the line for one byte (8N1).
const BITS_PER_BYTE: u64 = 10;

/// What can go wrong with one attempt.
#[derive(Debug)]
pub(super) enum Trouble {
    Link(TransportError),
    /// Something came that is no answer.
    Garbled(String),
    /// The answer began and did not end.
    CutShort,
    Cancelled,
}

/// Whether the device took a command.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Verdict {
    Taken,
    Refused,
}

/// One link with the state of its conversation.
pub(super) struct Exchange {
    link: Box<dyn Transport>,
    clock: Arc<dyn Clock>,
    baud: u32,
    /// Until when an answer that was given up may still be on its way.
    stale_until: Option<Duration>,
    /// The version, once it is known.
    pub version: Option<u16>,
}

impl Exchange {
    pub fn new(link: Box<dyn Transport>, clock: Arc<dyn Clock>, baud: u32) -> Self {
        Self { link, clock, baud, stale_until: None, version: None }
    }

    pub fn port(&self) -> String {
        self.link.name().to_owned()
    }

    pub fn sleep(&self, time: Duration) {
        self.clock.sleep(time);
    }

    /// Changes the speed of our side and forgets what came at the old one.
    pub fn set_baud(&mut self, baud: u32) -> Result<(), TransportError> {
        self.link.set_baud(baud)?;
        self.baud = baud;
        self.stale_until = None;
        self.link.drain(SLICE, self.clock.now() + QUIET)
    }

    /// The speed of our side.
    pub fn baud(&self) -> u32 {
        self.baud
    }

    /// Forgets what came so far at this speed.
    pub fn set_baud_again(&mut self) -> Result<(), TransportError> {
        self.set_baud(self.baud)
    }

    /// Usual time of an exchange of so many bytes.
    pub fn wire_time(&self, bytes: usize) -> Duration {
        Duration::from_micros(bytes as u64 * BITS_PER_BYTE * 1_000_000 / u64::from(self.baud.max(1)))
    }

    /// Remembers that an answer may still come.
    pub fn abandon(&mut self, until: Duration) {
        self.stale_until = Some(self.stale_until.map_or(until, |before| before.max(until)));
    }

    pub fn now(&self) -> Duration {
        self.clock.now()
    }

    /// Sends a command that is answered by one byte.
    pub fn command(&mut self, bytes: &[u8], on_wait: &mut OnWait<'_>) -> Result<Verdict, Trouble> {
        self.settle(on_wait)?;
        self.send(bytes, Duration::ZERO)?;
        self.verdict(on_wait)
    }

    /// Asks a question that is answered by ACK and `bytes` of data, or refused; once more after damage.
    pub fn query(&mut self, question: &[u8], bytes: usize, on_wait: &mut OnWait<'_>) -> Result<Option<u32>, Trouble> {
        let once = |exchange: &mut Self, on_wait: &mut OnWait<'_>| {
            exchange.settle(on_wait)?;
            exchange.ask(question, bytes, on_wait)
        };
        match once(self, on_wait) {
            Err(Trouble::Garbled(_) | Trouble::CutShort) => once(self, on_wait),
            other => other,
        }
    }

    fn ask(&mut self, question: &[u8], bytes: usize, on_wait: &mut OnWait<'_>) -> Result<Option<u32>, Trouble> {
        self.send(question, Duration::ZERO)?;
        if self.verdict(on_wait)? == Verdict::Refused {
            return Ok(None);
        }
        let data = self.read(bytes, on_wait)?;
        Ok(Some(data.iter().fold(0, |value, byte| value << 8 | u32::from(*byte))))
    }

    /// Asks for the version without bringing both sides into step first: finds out who is there.
    pub fn probe(&mut self, on_wait: &mut OnWait<'_>) -> Result<Option<u16>, Trouble> {
        self.stale_until = None;
        let version = self.ask(b"v", 2, on_wait)?;
        Ok(version.and_then(|version| u16::try_from(version).ok()))
    }

    /// Fills up a command whose rest was lost on the wire: a device that waits for it hears nothing else. What answers
    /// then is thrown away.
    pub fn fill_half_command(&mut self) -> Result<(), TransportError> {
        let deadline = self.clock.now() + self.wire_time(FILLING.len()) + MARGIN;
        self.link.write_all(FILLING, deadline)?;
        self.clock.sleep(self.wire_time(FILLING.len() * ANSWER_BYTES));
        self.set_baud_again()
    }

    /// Asks for a text. Its end is not documented: it ends with a silence, a NUL, CR or LF, whichever comes first.
    pub fn text(&mut self, question: &[u8], on_wait: &mut OnWait<'_>) -> Result<Option<String>, Trouble> {
        self.settle(on_wait)?;
        self.send(question, self.wire_time(TEXT_MAX) + TEXT_ENDS)?;
        if self.verdict(on_wait)? == Verdict::Refused {
            return Ok(None);
        }
        let mut text = Vec::new();
        let mut buffer = [0; TEXT_MAX];
        while text.len() < TEXT_MAX {
            if on_wait().is_break() {
                return Err(self.trouble(Trouble::Cancelled));
            }
            match self.link.read_some(&mut buffer, self.clock.now() + TEXT_ENDS) {
                Ok(n) => text.extend_from_slice(buffer.get(..n).unwrap_or_default()),
                Err(TransportError::Timeout { .. }) => break,
                Err(error) => return Err(Trouble::Link(error)),
            }
        }
        if text.len() >= TEXT_MAX {
            return Err(self.trouble(Trouble::Garbled("a text without end".to_owned())));
        }
        let end = text.iter().position(|b| matches!(b, 0 | b'\r' | b'\n')).unwrap_or(text.len());
        let text = text.get(..end).unwrap_or_default();
        if text.iter().any(|byte| !(0x20..0x7F).contains(byte)) {
            return Err(self.trouble(Trouble::Garbled("a text with bytes that are no letters".to_owned())));
        }
        self.stale_until = None;
        Ok(Some(String::from_utf8_lossy(text).trim().to_owned()))
    }

    /// Takes a spectrum: `work` is the time of the exposures, `bytes` the longest reply.
    pub fn spectrum(
        &mut self,
        expected: &Expected,
        work: Duration,
        bytes: usize,
        on_wait: &mut OnWait<'_>,
    ) -> Result<LetterSpectrum, Trouble> {
        self.settle(on_wait)?;
        let deadline = self.send(b"S", work + self.wire_time(bytes))?;
        let mut received = Vec::with_capacity(bytes);
        let mut buffer = [0; 1_024];
        loop {
            match codec::decode(&received, expected) {
                Ok(Some((spectrum, length))) if length == received.len() => {
                    self.stale_until = None;
                    return Ok(spectrum);
                }
                Ok(Some(_)) => return Err(self.trouble(Trouble::Garbled("bytes follow the spectrum".to_owned()))),
                Ok(None) if received.len() <= bytes => {}
                Ok(None) => return Err(self.trouble(Trouble::Garbled("it does not end".to_owned()))),
                Err(error) => return Err(self.trouble(Trouble::Garbled(error.to_string()))),
            }
            match self.read_slice(&mut buffer, deadline, on_wait) {
                Ok(n) => received.extend_from_slice(buffer.get(..n).unwrap_or_default()),
                Err(Trouble::Link(TransportError::Timeout { .. })) if !received.is_empty() => {
                    return Err(self.trouble(Trouble::CutShort));
                }
                Err(trouble) => return Err(trouble),
            }
        }
    }

    /// Brings both sides into step after an answer that was given up: silence, then the version and nothing else.
    fn settle(&mut self, on_wait: &mut OnWait<'_>) -> Result<(), Trouble> {
        let Some(until) = self.stale_until else { return Ok(()) };
        let mut buffer = [0; 1_024];
        let mut quiet_since = self.clock.now();
        loop {
            let now = self.clock.now();
            if now.saturating_sub(quiet_since) >= QUIET && now >= until {
                break;
            }
            if on_wait().is_break() {
                return Err(Trouble::Cancelled);
            }
            match self.link.read_some(&mut buffer, now + SLICE) {
                Ok(_) => quiet_since = self.clock.now(),
                Err(TransportError::Timeout { .. }) => {}
                Err(error) => return Err(Trouble::Link(error)),
            }
            // A device that never stops talking does not hold the driver up.
            if now > until + MARGIN * 4 {
                return Err(self.trouble(Trouble::Garbled("it does not stop sending".to_owned())));
            }
        }
        let known = self.version;
        match self.probe(on_wait)? {
            Some(version) if known.is_none_or(|known| known == version) => Ok(()),
            _ => Err(self.trouble(Trouble::Garbled("it does not answer with its version".to_owned()))),
        }
    }

    /// Sends a request; returns the deadline of its answer.
    fn send(&mut self, bytes: &[u8], work: Duration) -> Result<Duration, Trouble> {
        let deadline = self.clock.now() + self.wire_time(bytes.len() + 8) + work + MARGIN;
        // Until the answer is complete it may come at any time.
        self.stale_until = Some(deadline);
        self.link.write_all(bytes, deadline).map_err(Trouble::Link)?;
        Ok(deadline)
    }

    fn verdict(&mut self, on_wait: &mut OnWait<'_>) -> Result<Verdict, Trouble> {
        match self.read(1, on_wait)?.first() {
            Some(&ACK) => Ok(Verdict::Taken),
            Some(&NAK) => Ok(Verdict::Refused),
            other => Err(self.trouble(Trouble::Garbled(format!("{other:02x?} where 06 or 15 belongs")))),
        }
    }

    /// Reads so many bytes; the answer is complete with them.
    fn read(&mut self, bytes: usize, on_wait: &mut OnWait<'_>) -> Result<Vec<u8>, Trouble> {
        let deadline = self.clock.now() + self.wire_time(bytes + 8) + MARGIN;
        let mut received = Vec::with_capacity(bytes);
        while received.len() < bytes {
            let mut buffer = [0; 16];
            let most = (bytes - received.len()).min(buffer.len());
            let place = buffer.get_mut(..most).unwrap_or_default();
            match self.read_slice(place, deadline, on_wait) {
                Ok(n) => received.extend_from_slice(buffer.get(..n).unwrap_or_default()),
                Err(Trouble::Link(TransportError::Timeout { .. })) if !received.is_empty() => {
                    return Err(self.trouble(Trouble::CutShort));
                }
                Err(trouble) => return Err(self.trouble(trouble)),
            }
        }
        self.stale_until = None;
        Ok(received)
    }

    fn read_slice(
        &mut self,
        buffer: &mut [u8],
        deadline: Duration,
        on_wait: &mut OnWait<'_>,
    ) -> Result<usize, Trouble> {
        loop {
            if on_wait().is_break() {
                return Err(Trouble::Cancelled);
            }
            let now = self.clock.now();
            if now >= deadline {
                return Err(Trouble::Link(TransportError::Timeout { port: self.port() }));
            }
            match self.link.read_some(buffer, deadline.min(now + SLICE)) {
                Ok(n) => return Ok(n),
                Err(TransportError::Timeout { .. }) => {}
                Err(error) => return Err(Trouble::Link(error)),
            }
        }
    }

    /// More of an answer may follow what went wrong.
    fn trouble(&mut self, trouble: Trouble) -> Trouble {
        let now = self.clock.now();
        self.abandon(now);
        trouble
    }

    pub fn explain(&self, what: &'static str, trouble: Trouble) -> AnalyzerError {
        let why = match trouble {
            Trouble::Link(error) => return error.into(),
            Trouble::Cancelled => return AnalyzerError::Cancelled,
            Trouble::Garbled(why) => why,
            Trouble::CutShort => "the answer broke off".to_owned(),
        };
        AnalyzerError::Damaged { port: self.port(), what, why }
    }
}
