//! Frames of the Wasatch OEM UART protocol as pure bytes.
//!
//! `'<' LEN_hi LEN_lo CMD DATA... CRC8 '>'` with `LEN = 1 + data bytes`, big-endian, while numbers in the data are
//! little-endian. Data are not escaped, so a frame ends where its length says and never at the next `'>'`. Images are not
//! framed at all: they come as bare pixel bytes.

use std::fmt;

/// First byte of a frame.
pub const START: u8 = b'<';
/// Last byte of a frame.
pub const END: u8 = b'>';
/// Bytes of a frame beside its data.
pub const OVERHEAD: usize = 6;
/// Most data bytes of a frame: an EEPROM page is the largest datum that the protocol knows.
pub const MAX_DATA: usize = 64;

/// A message in either direction.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Frame {
    /// Command code; bit 7 says *write*.
    pub command: u8,
    /// Data.
    pub data: Vec<u8>,
}

/// Why bytes that begin like a frame are none.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FrameError {
    /// The length field says no command, or more data than any command has.
    Length(u16),
    /// The checksum does not fit.
    Checksum {
        /// Command code, if it is right.
        command: u8,
        /// As received.
        found: u8,
        /// As computed.
        computed: u8,
    },
    /// The frame does not end with `'>'`.
    Footer(u8),
}

impl fmt::Display for FrameError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Length(length) => write!(f, "a frame announces a length of {length}"),
            Self::Checksum { found, computed, .. } => {
                write!(f, "a checksum is {found:#04x} where {computed:#04x} is right")
            }
            Self::Footer(found) => write!(f, "a frame ends with {found:#04x} and not with 0x3e"),
        }
    }
}

/// CRC-8/MAXIM: polynomial 0x31 reflected, initial value 0. Its check value over `123456789` is 0xA1.
pub fn crc8(bytes: &[u8]) -> u8 {
    bytes
        .iter()
        .fold(0, |crc, byte| (0..8).fold(crc ^ byte, |crc, _| if crc & 1 == 1 { (crc >> 1) ^ 0x8C } else { crc >> 1 }))
}

/// The bytes of a frame. Data beyond [`MAX_DATA`] are a mistake of the caller and are left out.
pub fn encode(command: u8, data: &[u8]) -> Vec<u8> {
    let data = data.get(..data.len().min(MAX_DATA)).unwrap_or_default();
    let [high, low] = (data.len() as u16 + 1).to_be_bytes();
    let mut bytes = vec![START, high, low, command];
    bytes.extend_from_slice(data);
    bytes.push(crc8(bytes.get(1..).unwrap_or_default()));
    bytes.push(END);
    bytes
}

/// What stands at the beginning of some bytes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Parsed {
    /// A whole frame and its length.
    Whole(Frame, usize),
    /// The beginning of what may become a frame.
    Incomplete,
    /// No frame.
    Broken(FrameError),
    /// Not even the first byte of one.
    Elsewhere,
}

/// Reads the frame at the beginning of `bytes`.
pub fn parse(bytes: &[u8]) -> Parsed {
    let (length, rest) = match bytes {
        [START, high, low, rest @ ..] => (u16::from_be_bytes([*high, *low]), rest),
        [] | [START, ..] => return Parsed::Incomplete,
        _ => return Parsed::Elsewhere,
    };
    let body = usize::from(length);
    if !(1..=1 + MAX_DATA).contains(&body) {
        return Parsed::Broken(FrameError::Length(length));
    }
    let (Some(command), Some(found), Some(end)) = (rest.first(), rest.get(body), rest.get(body + 1)) else {
        return Parsed::Incomplete;
    };
    if *end != END {
        return Parsed::Broken(FrameError::Footer(*end));
    }
    let computed = crc8(bytes.get(1..3 + body).unwrap_or_default());
    if *found != computed {
        return Parsed::Broken(FrameError::Checksum { command: *command, found: *found, computed });
    }
    let data = rest.get(1..body).unwrap_or_default().to_vec();
    Parsed::Whole(Frame { command: *command, data }, OVERHEAD + body - 1)
}

/// Finds the frames in a stream of bytes, one after the other.
#[derive(Clone, Debug, Default)]
pub struct Decoder {
    buffer: Vec<u8>,
}

impl Decoder {
    /// An empty decoder.
    pub fn new() -> Self {
        Self::default()
    }

    /// Takes bytes as they arrive.
    pub fn push(&mut self, bytes: &[u8]) {
        self.buffer.extend_from_slice(bytes);
    }

    /// Forgets what is not yet a frame.
    pub fn clear(&mut self) {
        self.buffer.clear();
    }

    /// Bytes that are not yet a frame.
    pub fn pending(&self) -> usize {
        self.buffer.len()
    }

    /// The next frame, or what stands in its place; `None` until more bytes arrive. Bytes outside frames are skipped.
    #[expect(clippy::should_implement_trait, reason = "a decoder goes on after None")]
    pub fn next(&mut self) -> Option<Result<Frame, FrameError>> {
        let start = self.buffer.iter().position(|b| *b == START).unwrap_or(self.buffer.len());
        self.buffer.drain(..start);
        match parse(&self.buffer) {
            Parsed::Whole(frame, length) => {
                self.buffer.drain(..length);
                Some(Ok(frame))
            }
            Parsed::Broken(error) => {
                // The next frame may begin right behind this false start.
                self.buffer.drain(..1);
                Some(Err(error))
            }
            Parsed::Incomplete | Parsed::Elsewhere => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::analyzer::wasatch::kinds;

    #[test]
    fn the_checksum_has_its_published_check_value() {
        assert_eq!(crc8(b"123456789"), 0xA1);
        assert_eq!(crc8(&[]), 0);
    }

    #[test]
    fn requests_are_those_of_the_vendors_codec_byte_by_byte() {
        let write = |command| command | kinds::WRITE;
        let cases: [(u8, &[u8], &[u8]); 9] = [
            (kinds::PING, &[], &[0x3C, 0x00, 0x01, 0x4B, 0xA2, 0x3E]),
            (kinds::FIRMWARE_REVISION, &[], &[0x3C, 0x00, 0x01, 0x0D, 0x39, 0x3E]),
            (kinds::FPGA_REVISION, &[], &[0x3C, 0x00, 0x01, 0x10, 0x59, 0x3E]),
            (kinds::INTEGRATION_TIME, &[], &[0x3C, 0x00, 0x01, 0x11, 0x07, 0x3E]),
            (write(kinds::INTEGRATION_TIME), &[100, 0, 0], &[0x3C, 0x00, 0x04, 0x91, 0x64, 0x00, 0x00, 0x4A, 0x3E]),
            (kinds::PIXEL_COUNT, &[], &[0x3C, 0x00, 0x01, 0x15, 0x66, 0x3E]),
            (write(kinds::LASER_ENABLE), &[1], &[0x3C, 0x00, 0x02, 0xB4, 0x01, 0x28, 0x3E]),
            (write(kinds::LASER_ENABLE), &[0], &[0x3C, 0x00, 0x02, 0xB4, 0x00, 0x76, 0x3E]),
            (kinds::ACQUIRE, &[], &[0x3C, 0x00, 0x01, 0x0A, 0xBA, 0x3E]),
        ];
        for (command, data, bytes) in cases {
            assert_eq!(encode(command, data), bytes, "{command:#04x}");
            let frame = Frame { command, data: data.to_vec() };
            assert_eq!(parse(bytes), Parsed::Whole(frame, bytes.len()), "{command:#04x}");
        }
    }

    #[test]
    fn the_published_reply_reads_as_its_revision() {
        let bytes = [0x3C, 0x00, 0x08, 0x10, 0x30, 0x32, 0x2E, 0x31, 0x2E, 0x32, 0x33, 0x83, 0x3E];
        let frame = Frame { command: kinds::FPGA_REVISION, data: b"02.1.23".to_vec() };
        assert_eq!(parse(&bytes), Parsed::Whole(frame, bytes.len()));
    }

    #[test]
    fn what_is_wrong_with_a_frame_is_named() {
        let good = encode(kinds::PIXEL_COUNT, &[0x00, 0x04]);
        let with = |place: usize, byte: u8| {
            let mut bytes = good.clone();
            bytes[place] = byte;
            parse(&bytes)
        };
        assert_eq!(with(1, 0x40), Parsed::Broken(FrameError::Length(0x4003)));
        assert_eq!(with(2, 0), Parsed::Broken(FrameError::Length(0)));
        assert!(matches!(with(4, 0x01), Parsed::Broken(FrameError::Checksum { .. })));
        assert_eq!(with(7, 0x0A), Parsed::Broken(FrameError::Footer(0x0A)));
        assert_eq!(with(0, 0), Parsed::Elsewhere);
        assert_eq!(parse(&good[..7]), Parsed::Incomplete);
    }

    proptest! {
        #[test]
        fn any_bytes_in_any_pieces_never_panic_and_are_consumed(
            bytes in proptest::collection::vec(any::<u8>(), 0..600),
            cut in 1_usize..40,
        ) {
            let mut decoder = Decoder::new();
            for piece in bytes.chunks(cut) {
                decoder.push(piece);
                while decoder.next().is_some() {}
            }
            // What is kept is at most one unfinished frame.
            prop_assert!(decoder.pending() < MAX_DATA + OVERHEAD);
        }

        #[test]
        fn every_frame_comes_back_also_after_noise_and_in_pieces(
            noise in proptest::collection::vec(any::<u8>().prop_filter("not a start", |b| *b != START), 0..30),
            command in any::<u8>(),
            data in proptest::collection::vec(any::<u8>(), 0..=MAX_DATA),
            cut in 1_usize..20,
        ) {
            let mut bytes = noise;
            bytes.extend(encode(command, &data));
            let mut decoder = Decoder::new();
            let mut frames = Vec::new();
            for piece in bytes.chunks(cut) {
                decoder.push(piece);
                while let Some(frame) = decoder.next() {
                    frames.push(frame);
                }
            }
            prop_assert_eq!(frames, vec![Ok(Frame { command, data })]);
        }

        #[test]
        fn one_changed_byte_never_gives_another_frame(
            command in any::<u8>(),
            data in proptest::collection::vec(any::<u8>(), 0..=MAX_DATA),
            place in any::<prop::sample::Index>(),
            flip in 1_u8..=255,
        ) {
            let mut bytes = encode(command, &data);
            let place = place.index(bytes.len());
            bytes[place] ^= flip;
            prop_assert!(!matches!(parse(&bytes), Parsed::Whole(..)));
        }
    }
}
