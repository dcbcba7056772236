//! The conversation with a laser that speaks lines of text: silences, replies, leftovers. What is said is the business of
//! the drivers; this knows only where a command and a reply end.

use std::sync::Arc;
use std::time::Duration;

use crate::analyzer::spectrometer::{OnWait, SLICE};
use crate::analyzer::{AnalyzerError, Clock, Transport, TransportError};

/// Silence after which no overdue reply is expected any more.
const QUIET: Duration = Duration::from_millis(60);
/// Longest reply line that is read.
const LINE_MAX: usize = 256;
/// Bits on the line for one byte (8N1).
const BITS_PER_BYTE: u32 = 10;

/// How one model talks.
#[derive(Clone, Copy, Debug)]
pub(super) struct Dialect {
    /// Line speed, bits per second.
    pub baud: u32,
    /// What ends a command; empty where silence does.
    pub end_of_command: &'static str,
    /// What ends a line of a reply.
    pub end_of_reply: &'static str,
    /// Silence that must lie between two commands.
    pub idle: Duration,
    /// How long a reply may take.
    pub reply: Duration,
    /// The command that ends emission. It is never delayed by leftovers of other exchanges.
    pub off: &'static str,
    /// Whether a line says that a command was carried out or refused.
    pub is_verdict: fn(&str) -> bool,
    /// The line that follows every value, where there is one.
    pub closing: Option<&'static str>,
    /// The question for the serial number. Its known answer proves that no older reply is outstanding; needed where
    /// replies do not say what they answer.
    pub step_question: Option<&'static str>,
}

/// Why no reply line can be used.
#[derive(Debug)]
pub(super) enum Trouble {
    Link(TransportError),
    /// Something came, but not a reply.
    Garbled,
    Cancelled,
}

/// One link with the state of its conversation.
pub(super) struct Line {
    link: Box<dyn Transport>,
    clock: Arc<dyn Clock>,
    dialect: Dialect,
    /// When the line has been silent long enough for the next command.
    free_at: Duration,
    received: Vec<u8>,
    /// A reply was not waited for and may still come.
    stale: bool,
    /// Nothing was sent yet: another program may have left half a command in the device.
    fresh: bool,
    /// The answer to the step question.
    pub step_answer: Option<String>,
    /// Time of the last command with its reply, the silence before it included.
    pub took: Duration,
}

impl Line {
    pub fn new(mut link: Box<dyn Transport>, clock: Arc<dyn Clock>, dialect: Dialect) -> Result<Self, AnalyzerError> {
        link.set_baud(dialect.baud)?;
        // Whatever was sent before us may still be half a command.
        let free_at = clock.now() + dialect.idle;
        Ok(Self {
            link,
            clock,
            dialect,
            free_at,
            received: Vec::new(),
            stale: false,
            fresh: true,
            step_answer: None,
            took: 2 * dialect.idle + SLICE,
        })
    }

    pub fn port(&self) -> String {
        self.link.name().to_owned()
    }

    pub fn now(&self) -> Duration {
        self.clock.now()
    }

    /// Sends a command and returns the first line that can be its reply. Nothing is repeated.
    pub fn ask(
        &mut self,
        command: &str,
        on_wait: &mut OnWait<'_>,
        fits: impl Fn(&str) -> bool,
    ) -> Result<String, Trouble> {
        if self.stale && command != self.dialect.off {
            self.settle(on_wait)?;
        }
        self.exchange(command, on_wait, fits)
    }

    /// Asks; where something came that is no answer, once more. Only for questions: they change nothing.
    pub fn query(
        &mut self,
        question: &str,
        on_wait: &mut OnWait<'_>,
        fits: impl Fn(&str) -> bool,
    ) -> Result<String, Trouble> {
        match self.ask(question, on_wait, &fits) {
            Err(Trouble::Garbled) => self.ask(question, on_wait, &fits),
            other => other,
        }
    }

    /// Asks for a value that can be read as a `T`.
    pub fn query_as<T: std::str::FromStr>(
        &mut self,
        question: &str,
        on_wait: &mut OnWait<'_>,
    ) -> Result<Option<T>, Trouble> {
        let is_verdict = self.dialect.is_verdict;
        let reply = self.query(question, on_wait, |line| is_verdict(line) || line.parse::<T>().is_ok())?;
        Ok(reply.parse().ok())
    }

    /// Sends a command and returns what the laser says of it.
    pub fn command(&mut self, command: &str, on_wait: &mut OnWait<'_>) -> Result<String, Trouble> {
        self.ask(command, on_wait, self.dialect.is_verdict)
    }

    /// The next complete line, where a reply has several.
    pub fn next_line(&mut self, on_wait: &mut OnWait<'_>) -> Result<String, Trouble> {
        let deadline = self.clock.now() + self.dialect.reply;
        self.read_line(deadline, on_wait).inspect_err(|_| self.stale = true)
    }

    /// Brings both sides into step after a lost reply: silence, then a question whose answer is known.
    fn settle(&mut self, on_wait: &mut OnWait<'_>) -> Result<(), Trouble> {
        self.link.drain(QUIET, self.clock.now() + self.dialect.reply).map_err(Trouble::Link)?;
        self.stale = false;
        if let (Some(question), Some(answer)) = (self.dialect.step_question, self.step_answer.clone()) {
            self.exchange(question, on_wait, |line| line == answer)?;
        }
        Ok(())
    }

    fn exchange(
        &mut self,
        command: &str,
        on_wait: &mut OnWait<'_>,
        fits: impl Fn(&str) -> bool,
    ) -> Result<String, Trouble> {
        let began = self.clock.now();
        self.clock.sleep(self.free_at.saturating_sub(began));
        self.received.clear();
        let end = self.dialect.end_of_command;
        let fresh = std::mem::take(&mut self.fresh);
        let bytes = if fresh { format!("{end}{command}{end}") } else { format!("{command}{end}") };
        let sent = self.clock.now();
        let on_the_wire = Duration::from_secs(1) * BITS_PER_BYTE * bytes.len() as u32 / self.dialect.baud.max(1);
        self.free_at = sent + on_the_wire + self.dialect.idle;
        self.link.write_all(bytes.as_bytes(), sent + on_the_wire + self.dialect.reply).map_err(Trouble::Link)?;
        let reply = self.reply(sent + on_the_wire + self.dialect.reply, on_wait, fits);
        match &reply {
            // The device may still complain about the half command that was ended, or answer another program.
            _ if fresh => self.stale = true,
            // Where replies say what they answer, a verdict comes after every older one.
            Ok(line) if self.dialect.step_question.is_none() => self.stale &= !(self.dialect.is_verdict)(line),
            Ok(_) => {}
            Err(_) => self.stale = true,
        }
        if reply.is_ok() {
            self.took = self.clock.now().saturating_sub(began);
        }
        reply
    }

    fn reply(
        &mut self,
        deadline: Duration,
        on_wait: &mut OnWait<'_>,
        fits: impl Fn(&str) -> bool,
    ) -> Result<String, Trouble> {
        let mut other_lines = false;
        loop {
            let line = match self.read_line(deadline, on_wait) {
                Err(Trouble::Link(TransportError::Timeout { .. })) if other_lines => return Err(Trouble::Garbled),
                line => line?,
            };
            if !fits(&line) {
                other_lines = true;
                continue;
            }
            let closed = (self.dialect.is_verdict)(&line);
            while let Some(closing) = self.dialect.closing.filter(|_| !closed) {
                if self.read_line(deadline, on_wait)? == closing {
                    break;
                }
            }
            return Ok(line);
        }
    }

    /// The next complete line without its end.
    fn read_line(&mut self, deadline: Duration, on_wait: &mut OnWait<'_>) -> Result<String, Trouble> {
        let mut buffer = [0; 128];
        let end = self.dialect.end_of_reply.as_bytes();
        let last = end.last().copied().unwrap_or(b'\n');
        loop {
            if let Some(place) = self.received.iter().position(|b| *b == last) {
                let line: Vec<u8> = self.received.drain(..=place).collect();
                let line = line.strip_suffix(end).ok_or(Trouble::Garbled)?;
                return String::from_utf8(line.to_vec()).map_err(|_| Trouble::Garbled);
            }
            if self.received.len() > LINE_MAX {
                return Err(Trouble::Garbled);
            }
            if on_wait().is_break() {
                return Err(Trouble::Cancelled);
            }
            let now = self.clock.now();
            if now >= deadline {
                return Err(if self.received.is_empty() {
                    Trouble::Link(TransportError::Timeout { port: self.port() })
                } else {
                    Trouble::Garbled
                });
            }
            match self.link.read_some(&mut buffer, deadline.min(now + SLICE)) {
                Ok(n) => self.received.extend_from_slice(buffer.get(..n).unwrap_or_default()),
                Err(TransportError::Timeout { .. }) => {}
                Err(error) => return Err(Trouble::Link(error)),
            }
        }
    }
}
