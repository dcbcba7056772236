//! Serial ports as transports, and which ones this machine has, by the `serialport` crate. Errors of the operating system are named once, here.

use std::io::ErrorKind;
use std::panic::catch_unwind;
use std::sync::Arc;
use std::time::Duration;

use serde::{Deserialize, Serialize};
use serialport::{ClearBuffer, SerialPort, SerialPortType};

use super::{Clock, Transport, TransportError};

/// Longest single wait in a call of the operating system.
const STEP: Duration = Duration::from_millis(50);

/// A serial port that this process holds alone.
pub struct SerialLink {
    /// `None` after it could not be opened again.
    port: Option<Box<dyn SerialPort>>,
    name: String,
    baud: u32,
    clock: Arc<dyn Clock>,
}

/// A port of this machine.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PortListing {
    /// Path or name.
    pub name: String,
    /// What the system knows of the USB device behind it.
    pub usb: Option<UsbDevice>,
}

/// The USB device behind a port: the adapter, not the instrument at its far side.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct UsbDevice {
    /// Vendor number.
    pub vendor: u16,
    /// Product number.
    pub product: u16,
    /// Serial number of the adapter.
    pub serial: Option<String>,
    /// What the adapter calls itself.
    pub title: Option<String>,
}

impl SerialLink {
    /// Opens a port, 8N1 without flow control, for this process only; drivers change the line speed where they need to. `clock` is the one on which deadlines are given;
    /// a port needs real time.
    pub fn open(path: &str, baud: u32, clock: Arc<dyn Clock>) -> Result<Self, TransportError> {
        Ok(Self { port: Some(open_port(path, baud)?), name: path.to_owned(), baud, clock })
    }

    fn port(&mut self) -> Result<&mut dyn SerialPort, TransportError> {
        match &mut self.port {
            Some(port) => Ok(&mut **port),
            None => Err(TransportError::Unplugged { port: self.name.clone() }),
        }
    }

    /// The wait of the next call of the operating system, or `None` after the deadline.
    fn step(&mut self, deadline: Duration) -> Result<Option<()>, TransportError> {
        let left = deadline.saturating_sub(self.clock.now());
        if left.is_zero() {
            return Ok(None);
        }
        // Below a millisecond some systems round to zero and the loop would spin.
        let wait = left.clamp(Duration::from_millis(1), STEP);
        let set = self.port()?.set_timeout(wait);
        set.map_err(|error| io_error(&self.name, &error.into()))?;
        Ok(Some(()))
    }

    fn timeout(&self) -> TransportError {
        TransportError::Timeout { port: self.name.clone() }
    }
}

impl Transport for SerialLink {
    fn name(&self) -> &str {
        &self.name
    }

    fn write_all(&mut self, mut bytes: &[u8], deadline: Duration) -> Result<(), TransportError> {
        while !bytes.is_empty() {
            self.step(deadline)?.ok_or_else(|| self.timeout())?;
            match self.port()?.write(bytes) {
                Ok(n) => bytes = bytes.get(n..).unwrap_or_default(),
                Err(error) if is_nothing_yet(error.kind()) => {}
                Err(error) => return Err(io_error(&self.name, &error)),
            }
        }
        Ok(())
    }

    fn read_some(&mut self, buffer: &mut [u8], deadline: Duration) -> Result<usize, TransportError> {
        loop {
            self.step(deadline)?.ok_or_else(|| self.timeout())?;
            match self.port()?.read(buffer) {
                // A port that is readable and has nothing has lost its other side.
                Ok(0) => return Err(TransportError::Unplugged { port: self.name.clone() }),
                Ok(n) => return Ok(n),
                Err(error) if is_nothing_yet(error.kind()) => {}
                Err(error) => return Err(io_error(&self.name, &error)),
            }
        }
    }

    fn now(&self) -> Duration {
        self.clock.now()
    }

    fn set_baud(&mut self, baud: u32) -> Result<(), TransportError> {
        let set = self.port()?.set_baud_rate(baud);
        set.map_err(|error| io_error(&self.name, &error.into()))?;
        self.baud = baud;
        Ok(())
    }

    fn reopen(&mut self) -> Result<(), TransportError> {
        // The port is held alone, so the old handle must go first.
        self.port = None;
        self.port = Some(open_port(&self.name, self.baud)?);
        Ok(())
    }
}

fn open_port(path: &str, baud: u32) -> Result<Box<dyn SerialPort>, TransportError> {
    refuse_other_things(path)?;
    let mut port = serialport::new(path, baud).timeout(STEP).open().map_err(|error| open_error(path, &error))?;
    // Some adapters power the far side from DTR; pseudo-terminals do not have it.
    if let Err(error) = port.write_data_terminal_ready(true) {
        tracing::debug!(path, %error, "DTR cannot be set");
    }
    port.clear(ClearBuffer::Input).map_err(|error| io_error(path, &error.into()))?;
    Ok(port)
}

/// The serial ports that the operating system lists. Pseudo-terminals are not among them.
pub fn list_ports() -> Result<Vec<PortListing>, TransportError> {
    let failed = |what: String| TransportError::Other { port: "the list of serial ports".to_owned(), what };
    // The enumeration of the crate panics where /sys is not mounted.
    let ports = catch_unwind(serialport::available_ports)
        .map_err(|_| failed("the operating system does not show its devices".to_owned()))?
        .map_err(|error| failed(error.to_string()))?;
    Ok(ports
        .into_iter()
        .map(|port| PortListing {
            name: port.port_name,
            usb: match port.port_type {
                SerialPortType::UsbPort(usb) => Some(UsbDevice {
                    vendor: usb.vid,
                    product: usb.pid,
                    serial: usb.serial_number,
                    title: usb.product.or(usb.manufacturer),
                }),
                _ => None,
            },
        })
        .collect())
}

const fn is_nothing_yet(kind: ErrorKind) -> bool {
    matches!(kind, ErrorKind::TimedOut | ErrorKind::Interrupted | ErrorKind::WouldBlock)
}

/// Refuses what cannot be a port before it is opened, so that the sentence is about the name and not about a cable.
fn refuse_other_things(path: &str) -> Result<(), TransportError> {
    let not_a_port = |what: &str| Err(TransportError::NotAPort { port: path.to_owned(), what: what.to_owned() });
    if path.trim().is_empty() {
        return not_a_port("an empty name");
    }
    match std::fs::metadata(path).map(|m| m.file_type()) {
        Ok(kind) if kind.is_dir() => not_a_port("a folder"),
        Ok(kind) if kind.is_file() => not_a_port("a file"),
        // Devices, names that only the system's own calls know (COM3), and what is missing: opening it tells.
        _ => Ok(()),
    }
}

/// Names what the operating system says when a port is opened.
fn open_error(path: &str, error: &serialport::Error) -> TransportError {
    let port = path.to_owned();
    match error.kind() {
        serialport::ErrorKind::Io(ErrorKind::PermissionDenied) => TransportError::NoPermission { port },
        serialport::ErrorKind::Io(ErrorKind::ResourceBusy) => TransportError::Busy { port },
        // The crate reports a lock that somebody else holds as "no device"; only its words tell the two apart.
        serialport::ErrorKind::NoDevice if is_held(&error.description) => TransportError::Busy { port },
        serialport::ErrorKind::NoDevice | serialport::ErrorKind::Io(ErrorKind::NotFound) => {
            TransportError::NotFound { port }
        }
        // ENOTTY, of which the crate hands on only the words.
        _ if error.description.to_lowercase().contains("typewriter") || error.description.contains("ioctl") => {
            TransportError::NotAPort { port, what: "another kind of device".to_owned() }
        }
        _ => TransportError::Other { port, what: error.to_string() },
    }
}

/// On Unix the lock fails; on Windows an open port is refused with "access denied".
fn is_held(words: &str) -> bool {
    let words = words.to_lowercase();
    words.contains("exclusive lock") || words.contains("access is denied") || words.contains("busy")
}

/// Names what the operating system says about an open port. Adapters that were pulled out answer with EIO, ENXIO or
/// ENODEV where a clean hang-up gives a broken pipe.
fn io_error(path: &str, error: &std::io::Error) -> TransportError {
    const EIO_ENXIO_ENODEV: [i32; 3] = [5, 6, 19];
    let port = path.to_owned();
    let gone = matches!(error.kind(), ErrorKind::BrokenPipe | ErrorKind::NotFound | ErrorKind::NotConnected)
        || (cfg!(unix) && error.raw_os_error().is_some_and(|code| EIO_ENXIO_ENODEV.contains(&code)))
        || (cfg!(windows) && error.kind() == ErrorKind::PermissionDenied)
        // `serialport` turns EIO of a closed pseudo-terminal into words.
        || error.to_string().contains("I/O error");
    if gone { TransportError::Unplugged { port } } else { TransportError::Other { port, what: error.to_string() } }
}

#[cfg(all(test, unix))]
mod tests {
    use super::*;
    use crate::analyzer::SystemClock;

    #[test]
    fn a_name_that_leads_to_no_port_is_refused_in_words_about_the_name() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("spectrum.csv");
        std::fs::write(&file, "1,2").unwrap();
        let missing = folder.path().join("ttyUSB9");
        let text = |path: &std::path::Path| path.to_str().unwrap().to_owned();
        let cases = [
            (String::new(), "an empty name"),
            (text(folder.path()), "a folder"),
            (text(&file), "a file"),
            ("/dev/null".to_owned(), "another kind of device"),
            (text(&missing), "there is no serial port"),
        ];
        for (path, words) in cases {
            let Err(error) = SerialLink::open(&path, 9_600, Arc::new(SystemClock::start())) else {
                panic!("'{path}' was opened")
            };
            let said = error.to_string();
            assert!(said.contains(words) && said.contains("parcelscope ports"), "{path}: {said}");
            assert!(!said.contains("unplug"), "{path}: {said}");
        }
    }
}
