//! Requests and their answers over the one port that spectrometer and laser share: deadlines, refusals, and the way back
//! into step after an answer that was not waited for.
//!
//! Answers carry no tag, and images no frame. An answer is therefore searched in what arrives by its command and its
//! checksum, so that neither pixels nor older answers can be taken for it, and after trouble one question is asked whose
//! answer can only come behind everything older.

use std::ops::{ControlFlow, RangeInclusive};
use std::sync::Arc;
use std::time::Duration;

use super::codec::{END, FrameError, MAX_DATA, OVERHEAD, Parsed, START, encode, parse};
use super::kinds::{self, FIRMWARE_REVISION, FPGA_REVISION, WRITE, status_meaning};
use super::{BAUD, WriteReply};
use crate::analyzer::spectrometer::{OnWait, SLICE};
use crate::analyzer::{AnalyzerError, Clock, Transport, TransportError};

/// Time that the unit may think beyond the time on the wire; the vendor's program reads with 200 ms, and the adapter
/// and the system take theirs.
const MARGIN: Duration = Duration::from_millis(500);
/// The same where a person waits for the laser to be off and the unit may be deaf until its image is done.
const URGENT_MARGIN: Duration = Duration::from_millis(60);
/// Silence after which nothing more of an abandoned answer is expected in the buffers.
const QUIET: Duration = Duration::from_millis(30);
/// Delay of a transaction beyond the wire that is expected before it was measured: the latency timer of USB adapters.
const LATENCY: Duration = Duration::from_millis(20);
/// Most bytes of a wrong answer that are kept.
const KEPT: usize = 16_384;

/// How a write ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum WriteEnd {
    /// The unit said that it is done.
    Done,
    /// No trustworthy answer; only reading back can tell.
    Unconfirmed,
}

/// What can go wrong with one attempt.
pub(super) enum Trouble {
    Link(TransportError),
    Damaged(String),
    Refused(u8),
    Cancelled,
}

/// An answer that is expected: command, bytes of data.
struct Expected {
    command: u8,
    data: RangeInclusive<usize>,
}

/// The state of the conversation.
pub(super) struct Exchange {
    link: Box<dyn Transport>,
    clock: Arc<dyn Clock>,
    write_reply: WriteReply,
    byte_pause: Duration,
    received: Vec<u8>,
    /// An older answer may still come.
    out_of_step: bool,
    /// Until when an abandoned image may still come, and the bytes of it.
    image: Option<(Duration, usize)>,
    /// Which of the two fencing questions is next: an unanswered one is not asked twice in a row.
    fences: u32,
    latency: Duration,
}

impl Exchange {
    pub fn new(
        mut link: Box<dyn Transport>,
        clock: Arc<dyn Clock>,
        write_reply: WriteReply,
        byte_pause: Duration,
    ) -> Result<Self, AnalyzerError> {
        link.set_baud(BAUD)?;
        Ok(Self {
            link,
            clock,
            write_reply,
            byte_pause,
            received: Vec::new(),
            // Whoever used the port before may have left half an answer.
            out_of_step: true,
            image: None,
            fences: 0,
            latency: LATENCY,
        })
    }

    pub fn port(&self) -> String {
        self.link.name().to_owned()
    }

    pub fn clock(&self) -> &Arc<dyn Clock> {
        &self.clock
    }

    /// Usual duration of a short transaction.
    pub fn expected(&self) -> Duration {
        self.request_time(OVERHEAD + 3) + self.latency
    }

    /// Asks; after damaged bytes once more. A silent unit is not asked twice.
    pub fn query(
        &mut self,
        command: u8,
        what: &'static str,
        data: RangeInclusive<usize>,
        on_wait: &mut OnWait<'_>,
    ) -> Result<Vec<u8>, AnalyzerError> {
        let expected = Expected { command, data };
        let began = self.clock.now();
        let first = self.settled(on_wait).and_then(|()| self.once(&expected, MARGIN, on_wait));
        let end = match first {
            Err(Trouble::Damaged(_) | Trouble::Refused(kinds::CRC_ERROR)) => {
                self.settled(on_wait).and_then(|()| self.once(&expected, MARGIN, on_wait))
            }
            Ok(data) => {
                let beyond = self.request_time(OVERHEAD) + line_time(OVERHEAD + data.len());
                self.latency = self.clock.now().saturating_sub(began + beyond);
                Ok(data)
            }
            other => other,
        };
        end.map_err(|trouble| self.explain(what, trouble))
    }

    /// Writes. Never repeated: without a trustworthy answer the caller reads back.
    pub fn write(
        &mut self,
        command: u8,
        what: &'static str,
        data: &[u8],
        on_wait: &mut OnWait<'_>,
    ) -> Result<WriteEnd, AnalyzerError> {
        let end = self.settled(on_wait).and_then(|()| self.write_once(command, data, MARGIN, on_wait));
        match end {
            Ok(()) => Ok(WriteEnd::Done),
            Err(Trouble::Damaged(_) | Trouble::Link(TransportError::Timeout { .. })) => Ok(WriteEnd::Unconfirmed),
            Err(trouble) => Err(self.explain(what, trouble)),
        }
    }

    /// Commands the laser off at once, whatever is under way, and reads it back: what register 0x34 says, or why nobody
    /// knows.
    pub fn laser_off(&mut self) -> Result<u8, Trouble> {
        let on_wait: &mut OnWait<'_> = &mut || ControlFlow::Continue(());
        let margin = if self.image.is_some() { URGENT_MARGIN } else { MARGIN };
        match self.write_once(kinds::LASER_ENABLE, &[0], margin, on_wait) {
            Ok(()) | Err(Trouble::Damaged(_) | Trouble::Refused(_) | Trouble::Link(TransportError::Timeout { .. })) => {
            }
            Err(lost) => return Err(lost),
        }
        self.laser_register(margin, on_wait)
    }

    /// Reads whether the laser is enabled. Also answers while the pixels of an abandoned image arrive.
    pub fn laser_enabled(&mut self, on_wait: &mut OnWait<'_>) -> Result<u8, Trouble> {
        self.laser_register(MARGIN, on_wait)
    }

    fn laser_register(&mut self, margin: Duration, on_wait: &mut OnWait<'_>) -> Result<u8, Trouble> {
        // An answer to the same question from before must not be taken for the state now.
        if self.out_of_step {
            self.fence(margin, on_wait)?;
        }
        let data = self.once(&Expected { command: kinds::LASER_ENABLE, data: 1..=1 }, margin, on_wait)?;
        data.first().copied().ok_or_else(|| Trouble::Damaged("an empty answer came".to_owned()))
    }

    /// Takes one image: exactly `bytes` bytes and not one more.
    pub fn image(
        &mut self,
        bytes: usize,
        exposure: Duration,
        on_wait: &mut OnWait<'_>,
    ) -> Result<Vec<u8>, AnalyzerError> {
        const WHAT: &str = "an image";
        let end = self.settled(on_wait).and_then(|()| self.image_once(bytes, exposure, on_wait));
        end.map_err(|trouble| self.explain(WHAT, trouble))
    }

    fn image_once(&mut self, bytes: usize, exposure: Duration, on_wait: &mut OnWait<'_>) -> Result<Vec<u8>, Trouble> {
        self.received.clear();
        self.send(&encode(kinds::ACQUIRE, &[]))?;
        let deadline = self.clock.now() + exposure + line_time(bytes) + MARGIN;
        // From here on pixels may come until the deadline, also when nobody waits for them.
        self.image = Some((deadline, bytes));
        self.out_of_step = true;
        while self.received.len() < bytes {
            if let Err(trouble) = self.receive(deadline, on_wait) {
                if let Some((_, missing)) = &mut self.image {
                    *missing = bytes.saturating_sub(self.received.len());
                }
                return Err(self.why_no_image(trouble, bytes));
            }
        }
        self.image = None;
        self.out_of_step = false;
        let surplus = self.received.split_off(bytes);
        let image = std::mem::replace(&mut self.received, surplus);
        if self.received.is_empty() {
            return Ok(image);
        }
        self.out_of_step = true;
        Err(Trouble::Damaged(format!("{} bytes more than pixels came", self.received.len())))
    }

    /// What came instead of an image.
    fn why_no_image(&mut self, trouble: Trouble, bytes: usize) -> Trouble {
        if !matches!(trouble, Trouble::Link(TransportError::Timeout { .. })) || self.received.is_empty() {
            return trouble;
        }
        match parse(&self.received) {
            Parsed::Whole(frame, length) if frame.command == kinds::ACQUIRE && length == self.received.len() => {
                self.image = None;
                Trouble::Refused(frame.data.first().copied().unwrap_or(kinds::NOT_AVAILABLE))
            }
            _ => Trouble::Damaged(format!("{} of {bytes} bytes came", self.received.len())),
        }
    }

    /// Asks a question directly behind an image. Its answer must be the very next bytes: pixels that were lost or added
    /// on the way would stand before it.
    pub fn query_behind_image(
        &mut self,
        command: u8,
        what: &'static str,
        data: RangeInclusive<usize>,
        on_wait: &mut OnWait<'_>,
    ) -> Result<Vec<u8>, AnalyzerError> {
        let expected = Expected { command, data };
        let end = self.once_strictly(&expected, on_wait);
        end.map_err(|trouble| self.explain(what, trouble))
    }

    fn once_strictly(&mut self, expected: &Expected, on_wait: &mut OnWait<'_>) -> Result<Vec<u8>, Trouble> {
        let length = OVERHEAD + expected.data.end();
        let end = self.once(expected, MARGIN, on_wait);
        // `once` keeps how much it had to skip.
        match (end, self.received.len()) {
            (Ok(data), 0) => Ok(data),
            (Ok(_), skipped) => {
                self.out_of_step = true;
                Err(Trouble::Damaged(format!("{skipped} bytes stand around an answer of {length}")))
            }
            (other, _) => other,
        }
    }

    /// One attempt at a question. Bytes around the answer stay in `received`.
    fn once(&mut self, expected: &Expected, margin: Duration, on_wait: &mut OnWait<'_>) -> Result<Vec<u8>, Trouble> {
        self.received.clear();
        self.out_of_step = true;
        self.send(&encode(expected.command, &[]))?;
        let deadline = self.clock.now() + line_time(OVERHEAD + expected.data.end()) + margin;
        let data = self.answer(expected, deadline, on_wait)?;
        if expected.data.contains(&data.len()) {
            return Ok(data);
        }
        match data.as_slice() {
            // Where more was asked for, a single byte is a status.
            [status] => Err(Trouble::Refused(*status)),
            _ => Err(Trouble::Damaged(format!("{} bytes of data came", data.len()))),
        }
    }

    fn write_once(
        &mut self,
        command: u8,
        data: &[u8],
        margin: Duration,
        on_wait: &mut OnWait<'_>,
    ) -> Result<(), Trouble> {
        self.received.clear();
        let was_out_of_step = self.out_of_step;
        self.out_of_step = true;
        self.send(&encode(command | WRITE, data))?;
        let deadline = self.clock.now() + line_time(OVERHEAD + 1) + margin;
        let status = match self.write_reply {
            WriteReply::Framed => {
                let expected = Expected { command: command | WRITE, data: 1..=1 };
                let data = self.answer(&expected, deadline, on_wait)?;
                data.first().copied().unwrap_or(kinds::LENGTH_ERROR)
            }
            WriteReply::Bare => self.bare_status(deadline, on_wait)?,
        };
        // A status does not say which write it answers.
        self.out_of_step = was_out_of_step;
        if status == kinds::SUCCESS { Ok(()) } else { Err(Trouble::Refused(status)) }
    }

    /// `'<' status '>'`. Three bytes without a checksum are a weak sign, which is why every write is read back.
    fn bare_status(&mut self, deadline: Duration, on_wait: &mut OnWait<'_>) -> Result<u8, Trouble> {
        loop {
            match self.received.as_slice() {
                [START, status, END, ..] => {
                    let status = *status;
                    self.received.clear();
                    return Ok(status);
                }
                [START, _, _, ..] => return Err(Trouble::Damaged("no status came".to_owned())),
                _ => self.receive(deadline, on_wait)?,
            }
        }
    }

    /// Waits for the answer to `expected.command`. A write may be answered with its own code or with that of the read.
    fn answer(
        &mut self,
        expected: &Expected,
        deadline: Duration,
        on_wait: &mut OnWait<'_>,
    ) -> Result<Vec<u8>, Trouble> {
        let echo = |command| command == expected.command || command | WRITE == expected.command;
        loop {
            let mut broken = None;
            for start in 0..self.received.len() {
                match parse(self.received.get(start..).unwrap_or_default()) {
                    Parsed::Whole(frame, length) if echo(frame.command) => {
                        self.received.drain(start..start + length);
                        self.out_of_step &= self.image.is_some();
                        return Ok(frame.data);
                    }
                    Parsed::Broken(error) => broken = Some(error),
                    _ => {}
                }
            }
            let overdue = |exchange: &Self, trouble| match trouble {
                Trouble::Link(TransportError::Timeout { .. }) => exchange.why_no_answer(broken, trouble),
                other => other,
            };
            if let Err(trouble) = self.receive(deadline, on_wait) {
                return Err(overdue(self, trouble));
            }
            if self.received.len() > KEPT {
                let surplus = self.received.len() - KEPT / 2;
                self.received.drain(..surplus);
            }
        }
    }

    fn why_no_answer(&self, broken: Option<FrameError>, silent: Trouble) -> Trouble {
        match broken {
            Some(error) => Trouble::Damaged(error.to_string()),
            None if self.received.is_empty() => silent,
            None => Trouble::Damaged("what came is no answer to the question".to_owned()),
        }
    }

    /// Asks a question whose answer can only come behind everything older.
    fn fence(&mut self, margin: Duration, on_wait: &mut OnWait<'_>) -> Result<(), Trouble> {
        let (command, data) =
            if self.fences.is_multiple_of(2) { (FIRMWARE_REVISION, 1..=4) } else { (FPGA_REVISION, 1..=7) };
        // The other one next time, when this one stays without an answer.
        self.fences += 1;
        self.once(&Expected { command, data }, margin, on_wait)?;
        self.fences -= 1;
        self.received.clear();
        Ok(())
    }

    /// Brings both sides into step where they are not: waits for an abandoned image, then for silence, then fences.
    fn settled(&mut self, on_wait: &mut OnWait<'_>) -> Result<(), Trouble> {
        if let Some((until, mut missing)) = self.image {
            while missing > 0 {
                self.received.clear();
                match self.receive(until, on_wait) {
                    Ok(()) => missing = missing.saturating_sub(self.received.len()),
                    Err(Trouble::Link(TransportError::Timeout { .. })) => break,
                    Err(trouble) => {
                        self.image = Some((until, missing));
                        return Err(trouble);
                    }
                }
            }
            self.image = None;
            self.out_of_step = true;
        }
        if !self.out_of_step {
            return Ok(());
        }
        let now = self.clock.now();
        self.link.drain(QUIET, now + 2 * QUIET).map_err(Trouble::Link)?;
        self.fence(MARGIN, on_wait)
    }

    fn send(&mut self, bytes: &[u8]) -> Result<(), Trouble> {
        let deadline = self.clock.now() + self.request_time(bytes.len()) + MARGIN;
        if self.byte_pause.is_zero() {
            return self.link.write_all(bytes, deadline).map_err(Trouble::Link);
        }
        for byte in bytes {
            self.link.write_all(&[*byte], deadline).map_err(Trouble::Link)?;
            self.clock.sleep(self.byte_pause);
        }
        Ok(())
    }

    /// Reads what is there; an error when nothing comes by `deadline`.
    fn receive(&mut self, deadline: Duration, on_wait: &mut OnWait<'_>) -> Result<(), Trouble> {
        let mut buffer = [0; 1_024];
        loop {
            if on_wait().is_break() {
                return Err(Trouble::Cancelled);
            }
            let now = self.clock.now();
            if now >= deadline {
                return Err(Trouble::Link(TransportError::Timeout { port: self.port() }));
            }
            match self.link.read_some(&mut buffer, deadline.min(now + SLICE)) {
                Ok(n) => {
                    self.received.extend_from_slice(buffer.get(..n).unwrap_or_default());
                    return Ok(());
                }
                Err(TransportError::Timeout { .. }) => {}
                Err(error) => return Err(Trouble::Link(error)),
            }
        }
    }

    pub fn explain(&self, what: &'static str, trouble: Trouble) -> AnalyzerError {
        let port = self.port();
        match trouble {
            Trouble::Link(error) => error.into(),
            Trouble::Cancelled => AnalyzerError::Cancelled,
            Trouble::Damaged(why) => AnalyzerError::Damaged { port, what, why },
            Trouble::Refused(status) => {
                AnalyzerError::Refused { port, what, number: status.into(), why: status_meaning(status) }
            }
        }
    }

    fn request_time(&self, bytes: usize) -> Duration {
        line_time(bytes) + self.byte_pause * bytes as u32
    }
}

/// Time of bytes on the wire, ten bits each.
pub(super) fn line_time(bytes: usize) -> Duration {
    Duration::from_micros(bytes as u64 * 10_000_000 / u64::from(BAUD) + 1)
}

const _: () = assert!(KEPT > 2 * (MAX_DATA + OVERHEAD), "an answer fits into what is kept");
