//! What an emulated device was told and when: the proof that the laser was commanded off.

use std::fs::File;
use std::io::Write;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

/// Lines that are kept in memory.
const KEPT: usize = 10_000;

/// A log that several devices share. Clones are the same log.
#[derive(Clone, Debug, Default)]
pub struct Log {
    inner: Arc<Mutex<Inner>>,
}

#[derive(Debug, Default)]
struct Inner {
    lines: Vec<(Duration, String)>,
    file: Option<File>,
}

impl Log {
    /// A log that is also written to `file`, line by line.
    pub fn to_file(file: File) -> Self {
        Self { inner: Arc::new(Mutex::new(Inner { lines: Vec::new(), file: Some(file) })) }
    }

    /// Adds a line.
    pub fn write(&self, now: Duration, what: &str) {
        let mut inner = self.inner.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(file) = &mut inner.file {
            // The emulator must go on when its log's disk is full.
            let _ = writeln!(file, "{:.3} {what}", now.as_secs_f64());
        }
        if inner.lines.len() >= KEPT {
            inner.lines.drain(..KEPT / 2);
        }
        inner.lines.push((now, what.to_owned()));
    }

    /// What was written, oldest first.
    pub fn lines(&self) -> Vec<(Duration, String)> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner).lines.clone()
    }
}
