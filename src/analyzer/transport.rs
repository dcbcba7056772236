//! A byte stream to a device. Every call has an absolute deadline on the clock that the transport was made with.

use std::time::Duration;

use thiserror::Error;

/// Why bytes did not pass.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum TransportError {
    /// Nothing (or not enough) came before the deadline.
    #[error("{port} did not answer in time; check the cable and that the device is switched on")]
    Timeout {
        /// The port's name.
        port: String,
    },
    /// The device is gone.
    #[error("{port} was unplugged; connect the device again")]
    Unplugged {
        /// The port's name.
        port: String,
    },
    /// Somebody else holds the port.
    #[error("{port} is in use by another program; close that program and try again")]
    Busy {
        /// The port's name.
        port: String,
    },
    /// The operating system refuses the port.
    #[error(
        "no permission to open {port}; ask the administrator to add this user to the group that owns serial ports (dialout)"
    )]
    NoPermission {
        /// The port's name.
        port: String,
    },
    /// There is no such port.
    #[error("there is no serial port {port}; 'parcelscope ports' lists the ports of this machine")]
    NotFound {
        /// The port's name.
        port: String,
    },
    /// The name leads to something that is no serial port.
    #[error("'{port}' is {what} and no serial port; 'parcelscope ports' lists the ports of this machine")]
    NotAPort {
        /// The name as it was given.
        port: String,
        /// What it is, with its article.
        what: String,
    },
    /// Nobody wants the answer any more.
    #[error("what was asked at {port} was cancelled; ask again when it is wanted")]
    Interrupted {
        /// The port's name.
        port: String,
    },
    /// Anything else.
    #[error("{port} failed: {what}; unplug the device, plug it in again and retry")]
    Other {
        /// The port's name.
        port: String,
        /// The operating system's words.
        what: String,
    },
}

/// A byte stream with deadlines. Deadlines are times on the clock of the link (`Clock::now`), not durations.
pub trait Transport: Send {
    /// The port's name for messages: a device path, or `emulator`.
    fn name(&self) -> &str;
    /// Writes all bytes or fails by `deadline`.
    fn write_all(&mut self, bytes: &[u8], deadline: Duration) -> Result<(), TransportError>;
    /// Reads at least one byte into `buffer`, or fails with [`TransportError::Timeout`] at `deadline`.
    fn read_some(&mut self, buffer: &mut [u8], deadline: Duration) -> Result<usize, TransportError>;
    /// The time on the clock of the link.
    fn now(&self) -> Duration;
    /// Throws away what arrives until the line was silent for `quiet`; gives up at `deadline` without an error. It reads, so
    /// that whoever watches a link also sees what is thrown away.
    fn drain(&mut self, quiet: Duration, deadline: Duration) -> Result<(), TransportError> {
        let mut buffer = [0; 1_024];
        loop {
            let now = self.now();
            if now >= deadline {
                return Ok(());
            }
            match self.read_some(&mut buffer, deadline.min(now + quiet)) {
                Ok(_) => {}
                Err(TransportError::Timeout { .. }) => return Ok(()),
                Err(error) => return Err(error),
            }
        }
    }
    /// Changes the line speed, where the link has one.
    fn set_baud(&mut self, baud: u32) -> Result<(), TransportError>;
    /// Closes the port and opens it again, which brings some adapters back to life. Links that have no port stay as they
    /// are.
    fn reopen(&mut self) -> Result<(), TransportError> {
        Ok(())
    }
}
