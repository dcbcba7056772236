//! What the program and its guardian say to each other through a pipe: a tag, a length of two bytes (little-endian), data.

use std::io::{self, Read, Write};

use crate::analyzer::TransportError;

/// Most data of one message.
pub(super) const DATA_MAX: usize = 4_096;

/// From the program to the guardian.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Order {
    /// These bytes to the laser.
    Send(Vec<u8>),
    /// Another line speed.
    Baud(u32),
    /// The program lives.
    Alive,
}

/// From the guardian to the program.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Report {
    /// The port is open.
    Open,
    /// These bytes came from the laser.
    Bytes(Vec<u8>),
    /// The port cannot be used, and why.
    Failed(TransportError),
    /// The laser was commanded off without being asked, and why.
    SwitchedOff(String),
}

fn write(stream: &mut impl Write, tag: u8, data: &[u8]) -> io::Result<()> {
    // One call for all of it, so that messages of two threads do not mix.
    let length = u16::try_from(data.len()).map_err(|_| io::Error::from(io::ErrorKind::InvalidInput))?;
    let [low, high] = length.to_le_bytes();
    stream.write_all(&[&[tag, low, high], data].concat())?;
    stream.flush()
}

fn read(stream: &mut impl Read) -> io::Result<(u8, Vec<u8>)> {
    let mut head = [0; 3];
    stream.read_exact(&mut head)?;
    let [tag, low, high] = head;
    let length = usize::from(u16::from_le_bytes([low, high]));
    if length > DATA_MAX {
        return Err(io::ErrorKind::InvalidData.into());
    }
    let mut data = vec![0; length];
    stream.read_exact(&mut data)?;
    Ok((tag, data))
}

impl Order {
    pub fn write(&self, stream: &mut impl Write) -> io::Result<()> {
        match self {
            Self::Send(bytes) => bytes.chunks(DATA_MAX).try_for_each(|chunk| write(stream, b'D', chunk)),
            Self::Baud(baud) => write(stream, b'B', &baud.to_le_bytes()),
            Self::Alive => write(stream, b'A', &[]),
        }
    }

    pub fn read(stream: &mut impl Read) -> io::Result<Self> {
        match read(stream)? {
            (b'D', data) => Ok(Self::Send(data)),
            (b'B', data) => {
                let baud = data.try_into().map_err(|_| io::Error::from(io::ErrorKind::InvalidData))?;
                Ok(Self::Baud(u32::from_le_bytes(baud)))
            }
            (b'A', _) => Ok(Self::Alive),
            _ => Err(io::ErrorKind::InvalidData.into()),
        }
    }
}

impl Report {
    pub fn write(&self, stream: &mut impl Write) -> io::Result<()> {
        match self {
            Self::Open => write(stream, b'O', &[]),
            Self::Bytes(bytes) => bytes.chunks(DATA_MAX).try_for_each(|chunk| write(stream, b'D', chunk)),
            Self::Failed(error) => {
                let (kind, text) = match error {
                    TransportError::Timeout { .. } => (b't', ""),
                    // The guardian waits for nobody whose wish it could be.
                    TransportError::Interrupted { .. } => (b'o', "interrupted"),
                    TransportError::Unplugged { .. } => (b'u', ""),
                    TransportError::Busy { .. } => (b'b', ""),
                    TransportError::NoPermission { .. } => (b'p', ""),
                    TransportError::NotFound { .. } => (b'n', ""),
                    TransportError::NotAPort { what, .. } => (b'x', what.as_str()),
                    TransportError::Other { what, .. } => (b'o', what.as_str()),
                };
                let text = text.get(..text.len().min(DATA_MAX / 2)).unwrap_or_default();
                write(stream, b'F', &[&[kind], text.as_bytes()].concat())
            }
            Self::SwitchedOff(why) => write(stream, b'S', why.as_bytes()),
        }
    }

    /// Reads a report about `port`.
    pub fn read(stream: &mut impl Read, port: &str) -> io::Result<Self> {
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        match read(stream)? {
            (b'O', _) => Ok(Self::Open),
            (b'D', data) => Ok(Self::Bytes(data)),
            (b'S', data) => Ok(Self::SwitchedOff(text(&data))),
            (b'F', data) => {
                let (kind, rest) = data.split_first().ok_or(io::ErrorKind::InvalidData)?;
                let port = port.to_owned();
                Ok(Self::Failed(match kind {
                    b't' => TransportError::Timeout { port },
                    b'u' => TransportError::Unplugged { port },
                    b'b' => TransportError::Busy { port },
                    b'p' => TransportError::NoPermission { port },
                    b'n' => TransportError::NotFound { port },
                    b'x' => TransportError::NotAPort { port, what: text(rest) },
                    _ => TransportError::Other { port, what: text(rest) },
                }))
            }
            _ => Err(io::ErrorKind::InvalidData.into()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_message_is_read_as_it_was_written() {
        let orders = [Order::Send(vec![0, 13, 255]), Order::Baud(115_200), Order::Alive, Order::Send(Vec::new())];
        let mut pipe = Vec::new();
        for order in &orders {
            order.write(&mut pipe).unwrap();
        }
        let mut rest = pipe.as_slice();
        // Nothing to send is no message.
        for order in orders.iter().take(3) {
            assert_eq!(&Order::read(&mut rest).unwrap(), order);
        }
        assert!(rest.is_empty());
        let port = "/dev/x".to_owned();
        let reports = [
            Report::Open,
            Report::Bytes(b"OK\r\n".to_vec()),
            Report::SwitchedOff("why".to_owned()),
            Report::Failed(TransportError::Busy { port: port.clone() }),
            Report::Failed(TransportError::Other { port: port.clone(), what: "words".to_owned() }),
        ];
        for report in reports {
            let mut pipe = Vec::new();
            report.write(&mut pipe).unwrap();
            assert_eq!(Report::read(&mut pipe.as_slice(), &port).unwrap(), report);
        }
    }

    #[test]
    fn nonsense_and_broken_off_messages_are_errors() {
        for bytes in [&b""[..], b"D", b"D\x05\x00abc", b"Z\x00\x00", b"B\x01\x00a", b"D\xff\xff", b"F\x00\x00"] {
            assert!(Order::read(&mut &*bytes).is_err(), "{bytes:?}");
            assert!(Report::read(&mut &*bytes, "p").is_err(), "{bytes:?}");
        }
    }
}
