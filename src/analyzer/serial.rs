//! A serial port of the operating system.

use std::io::{self, Read, Write};
use std::sync::Arc;
use std::time::Duration;

use serialport::{ErrorKind, SerialPort, SerialPortType};

use super::{Clock, Transport, TransportError};

/// Shortest wait that is asked of the operating system.
const MIN_WAIT: Duration = Duration::from_millis(1);

/// An open port, held exclusively.
pub struct SerialLink {
    name: String,
    port: Box<dyn SerialPort>,
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

/// A USB device behind a port.
#[derive(Clone, Debug, PartialEq, Eq)]
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
    /// Opens a port with 8 data bits, no parity, one stop bit and no flow control.
    pub fn open(name: &str, baud: u32, clock: Arc<dyn Clock>) -> Result<Self, TransportError> {
        let port = serialport::new(name, baud).timeout(MIN_WAIT).open().map_err(|e| from_serialport(name, &e))?;
        Ok(Self { name: name.to_owned(), port, clock })
    }

    fn wait_until(&mut self, deadline: Duration) -> Result<(), TransportError> {
        let left = deadline.saturating_sub(self.clock.now()).max(MIN_WAIT);
        self.port.set_timeout(left).map_err(|e| from_serialport(&self.name, &e))
    }
}

impl Transport for SerialLink {
    fn name(&self) -> &str {
        &self.name
    }

    fn write_all(&mut self, bytes: &[u8], deadline: Duration) -> Result<(), TransportError> {
        self.wait_until(deadline)?;
        self.port.write_all(bytes).map_err(|e| from_io(&self.name, &e))
    }

    fn read_some(&mut self, buffer: &mut [u8], deadline: Duration) -> Result<usize, TransportError> {
        self.wait_until(deadline)?;
        match self.port.read(buffer) {
            Ok(0) => Err(TransportError::Unplugged { port: self.name.clone() }),
            Ok(n) => Ok(n),
            Err(e) => Err(from_io(&self.name, &e)),
        }
    }

    fn drain(&mut self, quiet: Duration, deadline: Duration) -> Result<(), TransportError> {
        let mut buffer = [0_u8; 4096];
        loop {
            let now = self.clock.now();
            match self.read_some(&mut buffer, (now + quiet).min(deadline)) {
                Ok(_) if self.clock.now() < deadline => {}
                Ok(_) | Err(TransportError::Timeout { .. }) => return Ok(()),
                Err(other) => return Err(other),
            }
        }
    }

    fn set_baud(&mut self, baud: u32) -> Result<(), TransportError> {
        self.port.set_baud_rate(baud).map_err(|e| from_serialport(&self.name, &e))
    }
}

/// The serial ports that the operating system lists.
pub fn list_ports() -> Result<Vec<PortListing>, TransportError> {
    let ports = serialport::available_ports().map_err(|e| from_serialport("the list of ports", &e))?;
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

fn from_io(name: &str, error: &io::Error) -> TransportError {
    let port = name.to_owned();
    // EIO, ENXIO, ENODEV: what Linux says when an adapter is pulled out.
    let pulled = matches!(error.raw_os_error(), Some(5 | 6 | 19));
    match error.kind() {
        io::ErrorKind::TimedOut | io::ErrorKind::WouldBlock => TransportError::Timeout { port },
        io::ErrorKind::BrokenPipe => TransportError::Unplugged { port },
        _ if pulled => TransportError::Unplugged { port },
        io::ErrorKind::NotFound => TransportError::NotFound { port },
        io::ErrorKind::PermissionDenied => TransportError::NoPermission { port },
        _ => TransportError::Other { port, what: error.to_string() },
    }
}

fn from_serialport(name: &str, error: &serialport::Error) -> TransportError {
    let port = name.to_owned();
    match error.kind() {
        ErrorKind::NoDevice if error.description.contains("lock") => TransportError::Busy { port },
        ErrorKind::NoDevice | ErrorKind::Io(io::ErrorKind::NotFound) => TransportError::NotFound { port },
        ErrorKind::Io(io::ErrorKind::PermissionDenied) => TransportError::NoPermission { port },
        ErrorKind::Io(io::ErrorKind::TimedOut) => TransportError::Timeout { port },
        _ => TransportError::Other { port, what: error.to_string() },
    }
}
