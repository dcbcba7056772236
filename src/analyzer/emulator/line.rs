//! The device's end of a serial line: bytes leave at the line's speed.

use std::collections::VecDeque;
use std::time::Duration;

/// Bytes that are handed over together: finer steps would only cost time.
const CHUNK: usize = 64;

/// Bytes on their way to the host.
#[derive(Clone, Debug)]
pub(super) struct Line {
    byte_time: Duration,
    queue: VecDeque<(Duration, Vec<u8>)>,
    free_at: Duration,
}

impl Line {
    /// A line of `baud` bits per second, ten bits a byte.
    pub(super) fn new(baud: u32) -> Self {
        let mut line = Self { byte_time: Duration::ZERO, queue: VecDeque::new(), free_at: Duration::ZERO };
        line.set_baud(baud);
        line
    }

    pub(super) fn set_baud(&mut self, baud: u32) {
        self.byte_time = Duration::from_nanos(10_000_000_000 / u64::from(baud.max(1)));
    }

    /// Puts bytes behind those that are already on their way.
    pub(super) fn send(&mut self, bytes: &[u8], now: Duration) {
        self.free_at = self.free_at.max(now);
        for chunk in bytes.chunks(CHUNK) {
            self.free_at += self.byte_time * chunk.len() as u32;
            self.queue.push_back((self.free_at, chunk.to_vec()));
        }
    }

    /// Bytes that have arrived by `now`, `most` at the most; the rest stays.
    pub(super) fn arrived(&mut self, now: Duration, most: usize) -> Vec<u8> {
        let mut out = Vec::new();
        while let Some((due, bytes)) = self.queue.front_mut()
            && *due <= now
            && out.len() < most
        {
            let taken = bytes.len().min(most - out.len());
            out.extend(bytes.drain(..taken));
            if bytes.is_empty() {
                self.queue.pop_front();
            }
        }
        out
    }

    pub(super) fn next_due(&self) -> Option<Duration> {
        self.queue.front().map(|(due, _)| *due)
    }

    /// Takes back what has not left yet; the line is free again.
    pub(super) fn clear(&mut self) {
        self.queue.clear();
        self.free_at = Duration::ZERO;
    }
}
