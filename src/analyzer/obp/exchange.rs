//! Requests and their answers over one link: deadlines, refusals, and the lower rungs of the ladder back into step.
//!
//! 1. After damaged, missing or foreign bytes both sides are brought into step, and a *question* is asked once more. A
//!    *set* is never sent twice (the laser's *off* excepted, see [`Exchange::set_now`]); whoever sent it reads back.
//! 2. To be in step means that the serial number was asked for and answered: another one than before ends the
//!    conversation.
//! 3. The upper rungs, opening the port again and searching for the device at every line speed, are in
//!    [`super::introduce`]; a device that is not found there is lost.

use std::sync::Arc;
use std::time::Duration;

use super::codec::{Checksum, Decoder, FrameError, MIN_FRAME_LEN, Message, encode, flags};
use super::values::text;
use super::{device_error, kinds};
use crate::analyzer::spectrometer::{OnWait, SLICE};
use crate::analyzer::{AnalyzerError, Clock, Transport, TransportError};

/// Time that a device may think, beyond the time on the wire: RS-232 adapters and slow firmware.
const MARGIN: Duration = Duration::from_millis(500);
/// Silence after which nothing more of an abandoned answer is expected in the buffers.
const QUIET: Duration = Duration::from_millis(60);
/// Delay of one short transaction beyond the wire that is expected before it was measured: the latency timer of USB
/// adapters.
const LATENCY: Duration = Duration::from_millis(20);
/// Bits on the line for one byte (8N1).
const BITS_PER_BYTE: u64 = 10;

/// One request.
#[derive(Clone, Copy, Debug)]
pub(super) struct Ask<'a> {
    /// Message type.
    pub kind: u32,
    /// The subject, for sentences.
    pub what: &'static str,
    /// Data of the request.
    pub data: &'a [u8],
    /// Bytes of data that the answer brings.
    pub answer_bytes: usize,
    /// Time that the device works before it answers.
    pub work: Duration,
}

impl<'a> Ask<'a> {
    /// A short question that is answered at once.
    pub const fn short(kind: u32, what: &'static str, data: &'a [u8]) -> Self {
        Self { kind, what, data, answer_bytes: 0, work: Duration::ZERO }
    }
}

/// How a set ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum SetEnd {
    /// The device said that it is done.
    Acknowledged,
    /// No trustworthy answer; only reading back can tell.
    Unconfirmed,
}

/// What came back from a line that was knocked at.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Knock {
    /// Something speaks the protocol at this speed.
    pub heard: bool,
    /// *Off* was carried out, or there is nothing that could be on.
    pub off: bool,
    /// The question was answered.
    pub answered: bool,
}

/// What can go wrong with one attempt.
enum Trouble {
    Link(TransportError),
    Frame(FrameError),
    /// The answer began and did not end.
    CutShort,
    /// A valid frame that answers something else.
    OutOfStep,
    /// A valid frame without the checksum that the device had agreed to.
    Unprotected,
    /// Another serial number than before.
    OtherDevice(String),
    Cancelled,
}

impl Trouble {
    /// Whether bytes were lost, changed or late, so that asking again can help.
    const fn of_the_wire(&self) -> bool {
        matches!(
            self,
            Self::Frame(_)
                | Self::CutShort
                | Self::OutOfStep
                | Self::Unprotected
                | Self::Link(TransportError::Timeout { .. })
        )
    }
}

/// An answer that was not waited for and may still come.
#[derive(Clone, Copy)]
struct Stale {
    /// When it would have been overdue.
    until: Duration,
    /// The device may be acquiring and was not yet told to stop.
    acquiring: bool,
}

/// One link with the state of its conversation.
pub(super) struct Exchange {
    link: Box<dyn Transport>,
    clock: Arc<dyn Clock>,
    decoder: Decoder,
    baud: u32,
    stale: Option<Stale>,
    /// Whether the device was seen to protect its answers.
    protected: bool,
    /// How often the device was seen to have forgotten its settings.
    restarts: u32,
    /// Serial number of the device, once it is known.
    serial: Option<String>,
    /// Delay of the last short transaction beyond the wire.
    latency: Duration,
}

impl Exchange {
    pub fn new(link: Box<dyn Transport>, clock: Arc<dyn Clock>, baud: u32) -> Self {
        Self {
            link,
            clock,
            decoder: Decoder::new(),
            baud,
            stale: None,
            protected: false,
            restarts: 0,
            serial: None,
            latency: LATENCY,
        }
    }

    pub fn port(&self) -> String {
        self.link.name().to_owned()
    }

    /// Changes the speed of our side and forgets what came at the old one.
    pub fn set_baud(&mut self, baud: u32) -> Result<(), TransportError> {
        self.link.set_baud(baud)?;
        self.baud = baud;
        let now = self.clock.now();
        self.link.drain(LATENCY, now + QUIET)?;
        self.decoder.clear();
        self.stale = None;
        Ok(())
    }

    /// Closes the port and opens it again, where the link can.
    pub fn reopen(&mut self) -> Result<(), TransportError> {
        (self.stale, self.protected) = (None, false);
        self.restarts += 1;
        self.decoder.clear();
        self.link.reopen()
    }

    /// From now on every answer must carry a checksum, or need not.
    pub fn require_protection(&mut self, required: bool) {
        self.protected = required;
    }

    /// How often the device was seen to have forgotten its settings, here or by a search. Whoever set something asks before
    /// and after.
    pub const fn restarts(&self) -> u32 {
        self.restarts
    }

    /// From now on only the device with this serial number is talked to.
    pub fn expect_serial(&mut self, serial: &str) {
        self.serial = Some(serial.to_owned());
    }

    /// Waits while the device changes its speed, asking `on_wait` on the way. What comes is read and thrown away: a link
    /// that is interrupted says so to whoever reads.
    pub fn pause(&mut self, duration: Duration, on_wait: &mut OnWait<'_>) -> Result<(), AnalyzerError> {
        let mut buffer = [0; 256];
        let end = self.clock.now() + duration;
        loop {
            let left = end.saturating_sub(self.clock.now());
            if left.is_zero() {
                return Ok(());
            }
            if on_wait().is_break() {
                return Err(AnalyzerError::Cancelled);
            }
            let now = self.clock.now();
            match self.link.read_some(&mut buffer, now + left.min(SLICE)) {
                Ok(_) | Err(TransportError::Timeout { .. }) => {}
                Err(error) => return Err(error.into()),
            }
        }
    }

    /// Usual duration of a transaction.
    pub fn expected(&self, ask: &Ask<'_>) -> Duration {
        ask.work + self.wire_time(ask) + self.latency
    }

    /// Finds out whether a device listens at this speed, and tells it `off` before it is asked anything: whoever is found
    /// has heard *off* first, also where nobody knows yet that there is a laser. Both go out together, so that silence
    /// costs one wait only.
    pub fn knock(
        &mut self,
        off: &Ask<'_>,
        question: &Ask<'_>,
        on_wait: &mut OnWait<'_>,
    ) -> Result<Knock, AnalyzerError> {
        self.decoder.clear();
        let deadline = self.deadline(off) + self.wire_time(question);
        let mut knock = Knock::default();
        let mut end = self
            .send(&Message::set(off.kind, off.data))
            .and_then(|()| self.send(&Message::query(question.kind, question.data)))
            .map_err(Trouble::Link);
        while end.is_ok() {
            match self.receive(deadline, on_wait) {
                // A line that gives back what it was sent is no device.
                Ok(reply) if !reply.has(flags::RESPONSE) => {}
                Ok(reply) => {
                    knock.heard = true;
                    let refused = reply.has(flags::NACK) || reply.has(flags::EXCEPTION);
                    if reply.kind == off.kind {
                        // Who does not know the message has no laser that it could switch on.
                        knock.off = reply.has(flags::ACK) || (refused && reply.error == device_error::UNKNOWN_TYPE);
                    } else if reply.kind == question.kind && !refused {
                        knock.answered = true;
                        return Ok(knock);
                    }
                }
                Err(Trouble::Frame(_)) => {}
                Err(trouble) => end = Err(trouble),
            }
        }
        self.stale = Some(Stale { until: deadline, acquiring: false });
        match end {
            Err(trouble) if !trouble.of_the_wire() => Err(self.explain(question, trouble)),
            _ => Ok(knock),
        }
    }

    /// Asks; after damaged or missing bytes once more, provided that the device can be brought into step.
    pub fn query(&mut self, ask: &Ask<'_>, on_wait: &mut OnWait<'_>) -> Result<Message, AnalyzerError> {
        self.settle(on_wait)?;
        let request = Message::query(ask.kind, ask.data);
        let first = self.once(&request, ask, on_wait);
        let damaged_on_the_way = |reply: &Message| {
            reply.has(flags::NACK) && matches!(reply.error, device_error::BAD_CHECKSUM | device_error::BAD_END)
        };
        let reply = match first {
            Err(trouble) if trouble.of_the_wire() => {
                self.settle(on_wait)?;
                match self.once(&request, ask, on_wait) {
                    Err(Trouble::Unprotected) => self.ask_restarted(&request, ask, on_wait),
                    other => other,
                }
            }
            Ok(reply) if damaged_on_the_way(&reply) => self.once(&request, ask, on_wait),
            other => other,
        };
        self.checked(ask, reply)
    }

    /// A device that answers without the agreed checksum was restarted. It is told again, and short questions are asked
    /// again; a spectrum would be one of other settings.
    fn ask_restarted(
        &mut self,
        request: &Message,
        ask: &Ask<'_>,
        on_wait: &mut OnWait<'_>,
    ) -> Result<Message, Trouble> {
        self.restarts += 1;
        self.stale = None;
        let protect = Ask::short(kinds::SET_CHECKSUM_TYPE, "the checksum of replies", &[1]);
        let told = self.once(&Message::set(protect.kind, protect.data), &protect, on_wait)?;
        if told.has(flags::ACK) && ask.work.is_zero() {
            return self.once(request, ask, on_wait);
        }
        Err(Trouble::Unprotected)
    }

    /// Like [`Self::query`], with `None` when the device does not know the message or has no such information.
    pub fn query_optional(
        &mut self,
        ask: &Ask<'_>,
        on_wait: &mut OnWait<'_>,
    ) -> Result<Option<Message>, AnalyzerError> {
        absent_as_none(self.query(ask, on_wait))
    }

    /// Sets with an ACK. Never repeated: without a trustworthy answer the caller reads back.
    pub fn set(&mut self, ask: &Ask<'_>, on_wait: &mut OnWait<'_>) -> Result<SetEnd, AnalyzerError> {
        self.settle(on_wait)?;
        match self.once(&Message::set(ask.kind, ask.data), ask, on_wait) {
            Err(trouble) if trouble.of_the_wire() => Ok(SetEnd::Unconfirmed),
            reply => {
                let reply = self.checked(ask, reply)?;
                Ok(if reply.has(flags::ACK) { SetEnd::Acknowledged } else { SetEnd::Unconfirmed })
            }
        }
    }

    /// Sends a set at once, whatever is still under way, and looks for its ACK among what comes. For the one command that
    /// must not wait and may be sent twice: laser off.
    pub fn set_now(&mut self, ask: &Ask<'_>, on_wait: &mut OnWait<'_>) -> Result<SetEnd, AnalyzerError> {
        if self.stale.is_some_and(|stale| stale.acquiring) {
            // Otherwise the ACK would queue behind a spectrum that nobody wants any more.
            self.abort();
        }
        self.decoder.clear();
        let deadline = self.deadline(ask);
        let mut end = self.send(&Message::set(ask.kind, ask.data)).map_err(Trouble::Link);
        while end.is_ok() {
            match self.receive(deadline, on_wait) {
                Ok(reply) if reply.kind == ask.kind => {
                    let reply = self.checked(ask, Ok(reply))?;
                    return Ok(if reply.has(flags::ACK) { SetEnd::Acknowledged } else { SetEnd::Unconfirmed });
                }
                Ok(_) | Err(Trouble::Frame(_)) => {}
                Err(trouble) => end = Err(trouble),
            }
        }
        self.stale.get_or_insert(Stale { until: deadline, acquiring: false });
        match end {
            Err(trouble) if !trouble.of_the_wire() => Err(self.explain(ask, trouble)),
            _ => Ok(SetEnd::Unconfirmed),
        }
    }

    /// Like [`Self::set`], with `None` when the device does not know the message.
    pub fn set_optional(&mut self, ask: &Ask<'_>, on_wait: &mut OnWait<'_>) -> Result<Option<SetEnd>, AnalyzerError> {
        absent_as_none(self.set(ask, on_wait))
    }

    /// Tells the device to stop acquiring and returns without waiting for its answer.
    pub fn abort(&mut self) {
        let now = self.clock.now();
        if self.link.write_all(&encode(&Message::set(kinds::ABORT, &[])), now + SLICE).is_ok() {
            let until = self.stale.map_or(now, |stale| stale.until).max(now + MARGIN);
            self.stale = Some(Stale { until, acquiring: false });
        }
    }

    /// Brings both sides into step after an abandoned answer: abort where needed, silence, then one question whose
    /// answer can only come after everything older.
    fn settle(&mut self, on_wait: &mut OnWait<'_>) -> Result<(), AnalyzerError> {
        let Some(stale) = self.stale else { return Ok(()) };
        if stale.acquiring {
            self.abort();
        }
        let now = self.clock.now();
        self.link.drain(QUIET, now + MARGIN)?;
        self.decoder.clear();
        let ask = Ask { answer_bytes: 64, ..Ask::short(kinds::SERIAL_NUMBER, "the serial number", &[]) };
        let sent = self.send(&Message::query(ask.kind, ask.data));
        let deadline = self.deadline(&ask) + stale.until.saturating_sub(self.clock.now());
        let mut end = sent.map_err(Trouble::Link);
        while end.is_ok() {
            match self.receive(deadline, on_wait) {
                Ok(message) if message.kind == ask.kind => {
                    self.stale = None;
                    let found = text(&message.data);
                    // A refusal shows that both sides are in step, though not who it is.
                    if found.is_empty() || self.serial.as_ref().is_none_or(|serial| *serial == found) {
                        return Ok(());
                    }
                    end = Err(Trouble::OtherDevice(found));
                }
                Ok(_) | Err(Trouble::Frame(_)) => {}
                Err(trouble) => end = Err(trouble),
            }
        }
        end.map_err(|trouble| self.explain(&ask, trouble))
    }

    fn once(&mut self, request: &Message, ask: &Ask<'_>, on_wait: &mut OnWait<'_>) -> Result<Message, Trouble> {
        let deadline = self.deadline(ask);
        let began = self.clock.now();
        let reply = self.send(request).map_err(Trouble::Link).and_then(|()| self.receive(deadline, on_wait));
        let reply = reply.and_then(|reply| {
            if reply.kind != ask.kind {
                return Err(Trouble::OutOfStep);
            }
            let verdict = reply.flags & (flags::ACK | flags::NACK | flags::EXCEPTION) != 0;
            let bare = self.protected && !verdict && reply.checksum == Checksum::None;
            if bare { Err(Trouble::Unprotected) } else { Ok(reply) }
        });
        if reply.is_ok() && ask.work.is_zero() {
            let took = self.clock.now().saturating_sub(began);
            self.latency = took.saturating_sub(self.wire_time(ask));
        }
        if reply.is_err() {
            self.stale = Some(Stale { until: deadline, acquiring: !ask.work.is_zero() });
        }
        reply
    }

    fn send(&mut self, message: &Message) -> Result<(), TransportError> {
        let bytes = encode(message);
        let deadline = self.clock.now() + self.line_time(bytes.len()) + MARGIN;
        self.link.write_all(&bytes, deadline)
    }

    /// The next frame, whatever it answers.
    fn receive(&mut self, deadline: Duration, on_wait: &mut OnWait<'_>) -> Result<Message, Trouble> {
        let mut buffer = [0; 1024];
        loop {
            if let Some(frame) = self.decoder.next() {
                return frame.map_err(Trouble::Frame);
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

    /// Turns the end of an attempt into an answer without refusal.
    fn checked(&self, ask: &Ask<'_>, reply: Result<Message, Trouble>) -> Result<Message, AnalyzerError> {
        let reply = reply.map_err(|trouble| self.explain(ask, trouble))?;
        if reply.has(flags::NACK) || reply.has(flags::EXCEPTION) || reply.error != device_error::OK {
            return Err(AnalyzerError::Refused {
                port: self.port(),
                what: ask.what,
                number: reply.error,
                why: device_error::meaning(reply.error),
            });
        }
        Ok(reply)
    }

    fn explain(&self, ask: &Ask<'_>, trouble: Trouble) -> AnalyzerError {
        let why = match trouble {
            Trouble::Link(error) => return error.into(),
            Trouble::Cancelled => return AnalyzerError::Cancelled,
            Trouble::Frame(error) => error.to_string(),
            Trouble::CutShort => "the answer broke off".to_owned(),
            Trouble::OutOfStep => "an answer to another question came".to_owned(),
            Trouble::Unprotected => {
                "its checksum is missing, so the device was restarted or the bytes changed".to_owned()
            }
            Trouble::OtherDevice(found) => {
                let expected = self.serial.clone().unwrap_or_default();
                return AnalyzerError::OtherDevice { port: self.port(), expected, found };
            }
        };
        AnalyzerError::Damaged { port: self.port(), what: ask.what, why }
    }

    fn deadline(&self, ask: &Ask<'_>) -> Duration {
        self.clock.now() + ask.work + self.wire_time(ask) + MARGIN
    }

    fn wire_time(&self, ask: &Ask<'_>) -> Duration {
        self.line_time(2 * MIN_FRAME_LEN + ask.data.len() + ask.answer_bytes)
    }

    fn line_time(&self, bytes: usize) -> Duration {
        Duration::from_micros(bytes as u64 * BITS_PER_BYTE * 1_000_000 / u64::from(self.baud.max(1)))
    }
}

fn absent_as_none<T>(result: Result<T, AnalyzerError>) -> Result<Option<T>, AnalyzerError> {
    match result {
        Ok(value) => Ok(Some(value)),
        Err(AnalyzerError::Refused { number: device_error::UNKNOWN_TYPE | device_error::NO_INFORMATION, .. }) => {
            Ok(None)
        }
        Err(error) => Err(error),
    }
}
