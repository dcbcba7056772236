//! Frames of the Ocean Binary Protocol as bytes and back: pure, for the driver and the emulator alike.
//!
//! A frame is a header of 44 bytes, an optional payload, 16 bytes of checksum and a footer of 4 bytes, little-endian
//! throughout:
//!
//! | offset | size | field |
//! |---|---|---|
//! | 0 | 2 | start bytes `C1 C0` |
//! | 2 | 2 | protocol version |
//! | 4 | 2 | flags, see [`flags`] |
//! | 6 | 2 | error number, see [`super::device_error`] |
//! | 8 | 4 | message type, see [`super::kinds`] |
//! | 12 | 4 | tag that the device echoes |
//! | 16 | 6 | zeros |
//! | 22 | 1 | checksum type: 0 none, 1 MD5 |
//! | 23 | 1 | length of the immediate data, 0..=16 |
//! | 24 | 16 | immediate data, zero padded |
//! | 40 | 4 | bytes that follow = payload length + 20 |
//! | 44 | n | payload, only for data longer than 16 bytes |
//! | 44+n | 16 | checksum over every byte before it, zeros where there is none |
//! | 60+n | 4 | footer `C5 C4 C3 C2` |

use md5::{Digest, Md5};
use thiserror::Error;

/// Protocol version that the devices of this family speak.
pub const VERSION: u16 = 0x1100;
/// Older version that the devices also accept from a host.
pub const VERSION_OLD: u16 = 0x1000;
/// Bytes of the header.
pub const HEADER_LEN: usize = 44;
/// Bytes of the smallest frame: header, checksum, footer.
pub const MIN_FRAME_LEN: usize = HEADER_LEN + TAIL_LEN;
/// Longest frame that is read. The longest legal one is a buffered spectrum of 4,272 bytes.
pub const MAX_FRAME_LEN: usize = 64 * 1024;

/// Most data that travels in the header.
const IMMEDIATE_MAX: usize = 16;
const CHECKSUM_LEN: usize = 16;
const TAIL_LEN: usize = CHECKSUM_LEN + FOOTER.len();
const START: [u8; 2] = [0xC1, 0xC0];
const FOOTER: [u8; 4] = [0xC5, 0xC4, 0xC3, 0xC2];

/// Bits of the flags field.
pub mod flags {
    /// Answer to an earlier request; set by the device.
    pub const RESPONSE: u16 = 0x0001;
    /// The request was carried out; set by the device.
    pub const ACK: u16 = 0x0002;
    /// The host wants an ACK or a NACK; without it a set is not answered at all.
    pub const ACK_REQUESTED: u16 = 0x0004;
    /// The request was refused, the error number says why; set by the device.
    pub const NACK: u16 = 0x0008;
    /// Exception or hardware error; set by the device.
    pub const EXCEPTION: u16 = 0x0010;
    /// The message type is deprecated; set by the device.
    pub const DEPRECATED: u16 = 0x0020;
}

/// How a frame is protected.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Checksum {
    /// Sixteen zeros.
    None,
    /// MD5 over header and payload.
    Md5,
}

/// One message without its framing.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Message {
    /// Protocol version, [`VERSION`] or [`VERSION_OLD`].
    pub version: u16,
    /// Bits of [`flags`].
    pub flags: u16,
    /// Error number, 0 in requests.
    pub error: u16,
    /// Message type, see [`super::kinds`].
    pub kind: u32,
    /// Free tag that the device echoes.
    pub regarding: u32,
    /// Protection of the frame.
    pub checksum: Checksum,
    /// Data, wherever the frame carried it.
    pub data: Vec<u8>,
}

impl Message {
    /// A question: no flags, the answer carries the same type.
    #[must_use]
    pub fn query(kind: u32, data: &[u8]) -> Self {
        Self { version: VERSION, flags: 0, error: 0, kind, regarding: 0, checksum: Checksum::None, data: data.to_vec() }
    }

    /// A command that the device answers with ACK or NACK.
    #[must_use]
    pub fn set(kind: u32, data: &[u8]) -> Self {
        Self { flags: flags::ACK_REQUESTED, ..Self::query(kind, data) }
    }

    /// A device's answer with data.
    #[must_use]
    pub fn reply(request: &Self, data: Vec<u8>) -> Self {
        Self {
            version: VERSION,
            flags: flags::RESPONSE,
            error: 0,
            kind: request.kind,
            regarding: request.regarding,
            checksum: Checksum::None,
            data,
        }
    }

    /// A device's "done".
    #[must_use]
    pub fn ack(request: &Self) -> Self {
        Self { flags: flags::RESPONSE | flags::ACK, ..Self::reply(request, Vec::new()) }
    }

    /// A device's refusal with an error number of [`super::device_error`].
    #[must_use]
    pub fn nack(request: &Self, error: u16) -> Self {
        Self { flags: flags::RESPONSE | flags::NACK, error, ..Self::reply(request, Vec::new()) }
    }

    /// Whether all bits of `mask` are set.
    pub const fn has(&self, mask: u16) -> bool {
        self.flags & mask == mask
    }
}

/// Why bytes are not a frame.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum FrameError {
    /// A protocol version that nobody speaks.
    #[error("a frame states protocol version {version:#06x}, which is unknown; it was ignored")]
    Version {
        /// The version.
        version: u16,
        /// Message type as far as the header can be trusted.
        kind: u32,
        /// Tag as far as the header can be trusted.
        regarding: u32,
    },
    /// Lengths that contradict the frame's rules.
    #[error("a frame of message {kind:#x} contradicts itself about its length; it was ignored")]
    Lengths {
        /// Message type.
        kind: u32,
        /// Tag.
        regarding: u32,
    },
    /// Longer than any device sends.
    #[error("a frame of message {kind:#x} claims {bytes} bytes, more than {MAX_FRAME_LEN}; it was ignored")]
    TooLong {
        /// Message type.
        kind: u32,
        /// Tag.
        regarding: u32,
        /// Bytes that the whole frame would have.
        bytes: u64,
    },
    /// An unknown kind of checksum.
    #[error("a frame of message {kind:#x} has an unknown kind of checksum ({checksum}); it was ignored")]
    ChecksumType {
        /// Message type.
        kind: u32,
        /// Tag.
        regarding: u32,
        /// The unknown type.
        checksum: u8,
    },
    /// The frame does not end with the footer.
    #[error("a frame of message {kind:#x} does not end properly: bytes were lost on the wire; it was ignored")]
    Footer {
        /// Message type.
        kind: u32,
        /// Tag.
        regarding: u32,
    },
    /// The checksum does not match.
    #[error("the checksum of a frame of message {kind:#x} is wrong: bytes changed on the wire; it was ignored")]
    Checksum {
        /// Message type.
        kind: u32,
        /// Tag.
        regarding: u32,
    },
}

/// The frame of a message.
#[must_use]
pub fn encode(message: &Message) -> Vec<u8> {
    let data = &message.data;
    let immediate = if data.len() <= IMMEDIATE_MAX { data.as_slice() } else { &[] };
    let payload = if data.len() <= IMMEDIATE_MAX { &[] } else { data.as_slice() };
    let mut bytes = Vec::with_capacity(MIN_FRAME_LEN + payload.len());
    bytes.extend_from_slice(&START);
    bytes.extend_from_slice(&message.version.to_le_bytes());
    bytes.extend_from_slice(&message.flags.to_le_bytes());
    bytes.extend_from_slice(&message.error.to_le_bytes());
    bytes.extend_from_slice(&message.kind.to_le_bytes());
    bytes.extend_from_slice(&message.regarding.to_le_bytes());
    bytes.extend_from_slice(&[0; 6]);
    bytes.push(match message.checksum {
        Checksum::None => 0,
        Checksum::Md5 => 1,
    });
    bytes.push(immediate.len() as u8);
    bytes.extend_from_slice(immediate);
    bytes.resize(40, 0);
    bytes.extend_from_slice(&((payload.len() + TAIL_LEN) as u32).to_le_bytes());
    bytes.extend_from_slice(payload);
    let checksum: [u8; CHECKSUM_LEN] = match message.checksum {
        Checksum::None => [0; CHECKSUM_LEN],
        Checksum::Md5 => Md5::digest(&bytes).into(),
    };
    bytes.extend_from_slice(&checksum);
    bytes.extend_from_slice(&FOOTER);
    bytes
}

/// Turns a stream of bytes, cut anywhere, into messages. Noise between frames is skipped; a broken frame is reported
/// once and the search for the next start goes on right behind its start bytes, so that a lost byte costs one frame.
#[derive(Clone, Debug, Default)]
pub struct Decoder {
    buffer: Vec<u8>,
}

/// What the head of the buffer is.
enum Head {
    Incomplete,
    Bad(FrameError),
    Frame(Message, usize),
}

impl Decoder {
    /// A decoder that has seen nothing.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Takes bytes in the order of the wire.
    pub fn push(&mut self, bytes: &[u8]) {
        self.buffer.extend_from_slice(bytes);
    }

    /// The next message or broken frame; `None` until more bytes come.
    #[expect(clippy::should_implement_trait, reason = "more bytes may follow a None; an iterator would say the end")]
    pub fn next(&mut self) -> Option<Result<Message, FrameError>> {
        self.skip_to_start();
        match inspect(&self.buffer) {
            Head::Incomplete => None,
            Head::Bad(error) => {
                self.buffer.drain(..START.len());
                Some(Err(error))
            }
            Head::Frame(message, len) => {
                self.buffer.drain(..len);
                Some(Ok(message))
            }
        }
    }

    /// Bytes of a frame that has begun and is not complete, noise before it excluded.
    pub fn pending(&mut self) -> usize {
        self.skip_to_start();
        self.buffer.len()
    }

    /// Forgets everything that was not yet handed out.
    pub fn clear(&mut self) {
        self.buffer.clear();
    }

    /// Drops noise before the first start bytes; a lone `C1` at the very end may be half of them and stays.
    fn skip_to_start(&mut self) {
        let start = self
            .buffer
            .windows(START.len())
            .position(|w| w == START)
            .unwrap_or_else(|| self.buffer.len() - usize::from(self.buffer.last() == Some(&START[0])));
        self.buffer.drain(..start);
    }
}

/// Little-endian fields of the header; missing bytes read as zero and are never reached, because callers check the
/// length first.
fn field<const N: usize>(bytes: &[u8], offset: usize) -> [u8; N] {
    let mut out = [0; N];
    if let Some(part) = bytes.get(offset..offset + N) {
        out.copy_from_slice(part);
    }
    out
}

fn inspect(bytes: &[u8]) -> Head {
    if bytes.len() < HEADER_LEN {
        return Head::Incomplete;
    }
    let version = u16::from_le_bytes(field(bytes, 2));
    let kind = u32::from_le_bytes(field(bytes, 8));
    let regarding = u32::from_le_bytes(field(bytes, 12));
    let [checksum_type, immediate_len] = field(bytes, 22);
    let remaining = u64::from(u32::from_le_bytes(field(bytes, 40)));
    let frame_len = HEADER_LEN as u64 + remaining;
    if version != VERSION && version != VERSION_OLD {
        return Head::Bad(FrameError::Version { version, kind, regarding });
    }
    let immediate_len = usize::from(immediate_len);
    if immediate_len > IMMEDIATE_MAX
        || remaining < TAIL_LEN as u64
        || (immediate_len > 0 && remaining > TAIL_LEN as u64)
    {
        return Head::Bad(FrameError::Lengths { kind, regarding });
    }
    if frame_len > MAX_FRAME_LEN as u64 {
        return Head::Bad(FrameError::TooLong { kind, regarding, bytes: frame_len });
    }
    let checksum = match checksum_type {
        0 => Checksum::None,
        1 => Checksum::Md5,
        other => return Head::Bad(FrameError::ChecksumType { kind, regarding, checksum: other }),
    };
    let Some(frame) = bytes.get(..frame_len as usize) else {
        return Head::Incomplete;
    };
    let (covered, tail) = frame.split_at(frame.len() - TAIL_LEN);
    let (stated, footer) = tail.split_at(CHECKSUM_LEN);
    if footer != FOOTER {
        return Head::Bad(FrameError::Footer { kind, regarding });
    }
    if checksum == Checksum::Md5 && stated != Md5::digest(covered).as_slice() {
        return Head::Bad(FrameError::Checksum { kind, regarding });
    }
    let (header, payload) = covered.split_at(HEADER_LEN);
    let data = if payload.is_empty() { header.get(24..24 + immediate_len).unwrap_or_default() } else { payload };
    let message = Message {
        version,
        flags: u16::from_le_bytes(field(bytes, 4)),
        error: u16::from_le_bytes(field(bytes, 6)),
        kind,
        regarding,
        checksum,
        data: data.to_vec(),
    };
    Head::Frame(message, frame.len())
}

#[cfg(test)]
mod tests;
