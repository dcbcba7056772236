//! The last minute of what passed over the wires of a kit, for support: time, direction, bytes.

use std::collections::VecDeque;
use std::fmt::Write;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use super::{Clock, Transport, TransportError};

/// How far back the log reaches.
const KEPT: Duration = Duration::from_mins(1);
/// Most bytes that are kept, of all wires together.
const BYTES_MAX: usize = 1 << 20;
/// Most entries that are kept.
const ENTRIES_MAX: usize = 20_000;
/// Bytes of one direction that come within this time are one entry, so that a slow line does not make an entry of each.
const JOIN_WITHIN: Duration = Duration::from_millis(20);
/// Most bytes of one entry.
const ENTRY_BYTES_MAX: usize = 4_096;
/// Bytes in a line of the text.
const BYTES_A_LINE: usize = 16;
/// What raises the access level of a MatchBox laser; a level and a password follow.
const ACCESS_COMMAND: &[u8] = b"c u ";
/// What stands in the place of a password.
const HIDDEN: u8 = b'*';

/// The log. Clones are the same log.
#[derive(Clone)]
pub struct WireLog {
    clock: Arc<dyn Clock>,
    kept: Arc<Mutex<Kept>>,
}

#[derive(Default)]
struct Kept {
    entries: VecDeque<Entry>,
    bytes: usize,
}

struct Entry {
    /// When its first byte passed, and its last so far.
    began: Duration,
    ended: Duration,
    port: Arc<str>,
    what: What,
}

enum What {
    ToDevice(Vec<u8>),
    FromDevice(Vec<u8>),
    /// Something other than bytes: a change of speed, a cable that was pulled.
    Event(String),
}

impl WireLog {
    /// An empty log whose times are those of `clock`.
    pub fn new(clock: Arc<dyn Clock>) -> Self {
        Self { clock, kept: Arc::default() }
    }

    /// A link that does the same as `link` and is logged. `clock` is the one on which the link's deadlines are given.
    #[must_use]
    pub fn watch(&self, link: Box<dyn Transport>, clock: Arc<dyn Clock>) -> Box<dyn Transport> {
        let port = Arc::from(link.name());
        Box::new(WatchedLink { link, clock, log: self.clone(), port })
    }

    /// The last minute as text: how long ago in seconds, the port, `>` to the device or `<` from it, the bytes in
    /// hexadecimal and as ASCII. Passwords of lasers are not in it.
    pub fn text(&self) -> String {
        let now = self.clock.now();
        let mut kept = self.kept();
        kept.forget_before(now.saturating_sub(KEPT));
        let mut text =
            "# Parcelscope wire log: seconds before the export, port, > to the device or < from it, bytes, ASCII\n"
                .to_owned();
        for entry in &kept.entries {
            let (mark, bytes): (char, &[u8]) = match &entry.what {
                What::ToDevice(bytes) => ('>', bytes),
                What::FromDevice(bytes) => ('<', bytes),
                What::Event(words) => {
                    let _ = writeln!(text, "{} {} - {words}", ago(now, entry.began), entry.port);
                    continue;
                }
            };
            for line in bytes.chunks(BYTES_A_LINE) {
                // Writing to a string cannot fail.
                let _ = write!(text, "{} {} {mark}", ago(now, entry.began), entry.port);
                for byte in line {
                    let _ = write!(text, " {byte:02x}");
                }
                let ascii = line.iter().map(|b| if (0x20..0x7F).contains(b) { char::from(*b) } else { '.' });
                let _ = writeln!(text, "{}  |{}|", "   ".repeat(BYTES_A_LINE - line.len()), ascii.collect::<String>());
            }
        }
        text
    }

    fn kept(&self) -> MutexGuard<'_, Kept> {
        // Entries are whole or not there; a panic elsewhere cannot leave half of one.
        self.kept.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn add(&self, port: &Arc<str>, what: What) {
        let now = self.clock.now();
        let mut kept = self.kept();
        kept.forget_before(now.saturating_sub(KEPT));
        kept.add(Entry { began: now, ended: now, port: Arc::clone(port), what });
    }
}

fn ago(now: Duration, then: Duration) -> String {
    format!("-{:.3}", now.saturating_sub(then).as_secs_f64())
}

impl Kept {
    fn add(&mut self, new: Entry) {
        self.bytes += new.what.bytes();
        match self.entries.back_mut() {
            Some(last) if last.takes(&new) => last.append(new),
            _ => self.entries.push_back(new),
        }
        while self.bytes > BYTES_MAX || self.entries.len() > ENTRIES_MAX {
            self.forget_oldest();
        }
    }

    fn forget_before(&mut self, oldest: Duration) {
        while self.entries.front().is_some_and(|entry| entry.ended < oldest) {
            self.forget_oldest();
        }
    }

    fn forget_oldest(&mut self) {
        if let Some(entry) = self.entries.pop_front() {
            self.bytes = self.bytes.saturating_sub(entry.what.bytes());
        }
    }
}

impl What {
    const fn bytes(&self) -> usize {
        match self {
            Self::ToDevice(bytes) | Self::FromDevice(bytes) => bytes.len(),
            Self::Event(words) => words.len(),
        }
    }
}

impl Entry {
    /// Whether the bytes of `new` belong to this entry. Only what a device sends comes in pieces.
    fn takes(&self, new: &Self) -> bool {
        let both = matches!((&self.what, &new.what), (What::FromDevice(_), What::FromDevice(_)));
        let near = new.began.saturating_sub(self.ended) <= JOIN_WITHIN;
        both && near && self.port == new.port && self.what.bytes() + new.what.bytes() <= ENTRY_BYTES_MAX
    }

    fn append(&mut self, new: Self) {
        if let (What::FromDevice(bytes), What::FromDevice(more)) = (&mut self.what, new.what) {
            bytes.extend(more);
            self.ended = new.ended;
        }
    }
}

/// A link whose traffic is logged.
struct WatchedLink {
    link: Box<dyn Transport>,
    clock: Arc<dyn Clock>,
    log: WireLog,
    port: Arc<str>,
}

impl WatchedLink {
    /// Notes what went wrong, except that nothing came: that is what silence in the log says.
    fn note<T>(&self, result: Result<T, TransportError>) -> Result<T, TransportError> {
        match &result {
            Ok(_) | Err(TransportError::Timeout { .. }) => {}
            Err(error) => self.log.add(&self.port, What::Event(error.to_string())),
        }
        result
    }
}

impl Transport for WatchedLink {
    fn name(&self) -> &str {
        self.link.name()
    }

    fn write_all(&mut self, bytes: &[u8], deadline: Duration) -> Result<(), TransportError> {
        // Noted before it is sent: a command that hangs must be in the log.
        self.log.add(&self.port, What::ToDevice(without_password(bytes)));
        let result = self.link.write_all(bytes, deadline);
        self.note(result)
    }

    fn read_some(&mut self, buffer: &mut [u8], deadline: Duration) -> Result<usize, TransportError> {
        let result = self.link.read_some(buffer, deadline);
        if let Ok(n) = result {
            self.log.add(&self.port, What::FromDevice(buffer.get(..n).unwrap_or_default().to_vec()));
        }
        self.note(result)
    }

    fn now(&self) -> Duration {
        self.clock.now()
    }

    fn set_baud(&mut self, baud: u32) -> Result<(), TransportError> {
        self.log.add(&self.port, What::Event(format!("line speed {baud}")));
        let result = self.link.set_baud(baud);
        self.note(result)
    }

    fn reopen(&mut self) -> Result<(), TransportError> {
        self.log.add(&self.port, What::Event("port opened again".to_owned()));
        let result = self.link.reopen();
        self.note(result)
    }
}

/// The bytes with stars in the place of a password.
fn without_password(bytes: &[u8]) -> Vec<u8> {
    let Some(secret) = bytes.strip_prefix(ACCESS_COMMAND) else { return bytes.to_vec() };
    let hidden = secret.iter().map(|b| if b.is_ascii_whitespace() { *b } else { HIDDEN });
    ACCESS_COMMAND.iter().copied().chain(hidden).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::analyzer::VirtualClock;
    use crate::analyzer::emulator::{Device, MemoryLink};

    /// Says back what it hears, one byte per call.
    #[derive(Default)]
    struct Echo(VecDeque<u8>);

    impl Device for Echo {
        fn receive(&mut self, bytes: &[u8], _now: Duration) {
            self.0.extend(bytes);
        }

        fn transmit_at_most(&mut self, _now: Duration, most: usize) -> Vec<u8> {
            self.0.drain(..self.0.len().min(most).min(1)).collect()
        }

        fn next_due(&self) -> Option<Duration> {
            None
        }
    }

    fn watched() -> (WireLog, Box<dyn Transport>, VirtualClock) {
        let clock = VirtualClock::default();
        let log = WireLog::new(Arc::new(clock.clone()));
        let link = MemoryLink::new("port 1", Echo::default(), Arc::new(clock.clone()));
        let link = log.watch(Box::new(link), Arc::new(clock.clone()));
        (log, link, clock)
    }

    fn talk(link: &mut Box<dyn Transport>, clock: &VirtualClock, bytes: &[u8]) {
        let deadline = clock.now() + Duration::from_millis(100);
        link.write_all(bytes, deadline).unwrap();
        link.drain(Duration::from_millis(30), deadline).unwrap();
    }

    #[test]
    fn both_directions_stand_in_the_text_with_their_time_and_single_bytes_are_joined() {
        let (log, mut link, clock) = watched();
        link.set_baud(9_600).unwrap();
        talk(&mut link, &clock, b"NM?\xC1\r\n");
        clock.sleep(Duration::from_millis(2_470));
        let text = log.text();
        let lines: Vec<&str> = text.lines().skip(1).collect();
        assert_eq!(lines[0], "-2.500 port 1 - line speed 9600");
        let both = "4e 4d 3f c1 0d 0a                                |NM?...|";
        let expected: Vec<String> = ["> ", "< "].map(|mark| format!("-2.500 port 1 {mark}{both}")).to_vec();
        assert_eq!(lines[1..], expected);
    }

    #[test]
    fn only_the_last_minute_is_kept_and_never_more_than_a_megabyte() {
        let (log, mut link, clock) = watched();
        for n in 0..100_u8 {
            talk(&mut link, &clock, &[b'a', n]);
            clock.sleep(Duration::from_secs(1));
        }
        let lines = log.text().lines().count() - 1;
        assert!((110..=122).contains(&lines), "{lines} lines: two a second for a minute");
        for _ in 0..3_000 {
            link.write_all(&[0x55; 1_000], Duration::MAX).unwrap();
        }
        let kept = log.kept();
        let counted: usize = kept.entries.iter().map(|e| e.what.bytes()).sum();
        assert_eq!(kept.bytes, counted);
        assert!((BYTES_MAX - 1_000..=BYTES_MAX).contains(&kept.bytes), "{}", kept.bytes);
        drop(kept);
        for _ in 0..2 * ENTRIES_MAX {
            link.write_all(b"x", Duration::MAX).unwrap();
        }
        assert!(log.kept().entries.len() <= ENTRIES_MAX);
    }

    #[test]
    fn a_password_is_sent_and_not_logged() {
        let (log, mut link, clock) = watched();
        let deadline = clock.now() + Duration::from_secs(1);
        link.write_all(b"c u 1 1234", deadline).unwrap();
        let mut heard = Vec::new();
        let mut byte = [0];
        while heard.len() < 10 {
            link.read_some(&mut byte, deadline).unwrap();
            heard.extend(byte);
        }
        assert_eq!(heard, b"c u 1 1234", "the laser hears it");
        let text = log.text();
        assert!(text.lines().any(|l| l.contains("> 63 20 75 20 2a 20 2a 2a 2a 2a")), "{text}");
    }
}
