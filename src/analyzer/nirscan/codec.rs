//! Packets of the TI DLP NIRscan Nano on its UART as pure bytes.
//!
//! `"ABCD"`, checksum (u32, plain sum of the bytes from the flags to the last data byte), flags, sequence number, length
//! (u16, 2 + data bytes), command (u16, group in the high byte), data, `"DCBA"`; numbers are little-endian.

use std::fmt;

/// First bytes of a packet.
pub const START: [u8; 4] = *b"ABCD";
/// Last bytes of a packet.
pub const END: [u8; 4] = *b"DCBA";
/// Bytes before the data.
pub const HEADER: usize = 14;
/// Bytes of a packet without data.
pub const MIN_PACKET: usize = HEADER + END.len();
/// Most data bytes of a packet: the length field counts at most 512.
pub const MAX_DATA: usize = 510;
/// What a device answers that heard a gap of more than a millisecond inside a packet.
pub const GAP_FAILURE: [u8; 16] = [0x41, 0x42, 0x43, 0x44, 0x10, 0, 0, 0, 0x10, 0, 0, 0, 0x44, 0x43, 0x42, 0x41];

/// Bits of the flags.
pub mod flags {
    /// The host wants an answer.
    pub const REPLY: u8 = 0x40;
    /// A read; without it a write.
    pub const READ: u8 = 0x80;
    /// Where the device says how it went.
    pub const RESPONSE: u8 = 0x30;
    /// It went wrong.
    pub const ERROR: u8 = 0x10;
    /// Another link owns the device.
    pub const BUSY: u8 = 0x20;
}

/// A packet in either direction.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Packet {
    /// Flags.
    pub flags: u8,
    /// Sequence number; an answer has that of its request.
    pub sequence: u8,
    /// Command: group in the high byte.
    pub command: u16,
    /// Data.
    pub data: Vec<u8>,
}

/// Why bytes that begin like a packet are none.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PacketError {
    /// The length field has no room for the command, or says more than a packet can have.
    Length(u16),
    /// The checksum does not fit.
    Checksum {
        /// As received.
        found: u32,
        /// As computed.
        computed: u32,
    },
    /// The packet does not end as it should.
    Footer,
    /// The device heard a gap inside the request.
    Gap,
}

impl fmt::Display for PacketError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Length(length) => write!(f, "a packet announces a length of {length}"),
            Self::Checksum { found, computed } => write!(f, "a checksum is {found} where {computed} is right"),
            Self::Footer => f.write_str("a packet does not end with DCBA"),
            Self::Gap => f.write_str("the device heard a gap inside the request"),
        }
    }
}

/// Plain sum of bytes.
pub fn checksum(bytes: &[u8]) -> u32 {
    bytes.iter().fold(0, |sum, b| sum.wrapping_add(u32::from(*b)))
}

/// The bytes of a packet. Data beyond [`MAX_DATA`] are a mistake of the caller and are left out.
pub fn encode(packet: &Packet) -> Vec<u8> {
    let data = packet.data.get(..packet.data.len().min(MAX_DATA)).unwrap_or_default();
    let mut body = vec![packet.flags, packet.sequence];
    body.extend((data.len() as u16 + 2).to_le_bytes());
    body.extend(packet.command.to_le_bytes());
    body.extend_from_slice(data);
    let mut bytes = START.to_vec();
    bytes.extend(checksum(&body).to_le_bytes());
    bytes.append(&mut body);
    bytes.extend(END);
    bytes
}

/// Finds the packets in a stream of bytes, one after the other.
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

    /// Forgets what is not yet a packet.
    pub fn clear(&mut self) {
        self.buffer.clear();
    }

    /// Bytes that are not yet a packet.
    pub fn pending(&self) -> usize {
        self.buffer.len()
    }

    /// The next packet, or what stands in its place; `None` until more bytes arrive. Bytes outside packets are skipped.
    #[expect(clippy::should_implement_trait, reason = "a decoder goes on after None")]
    pub fn next(&mut self) -> Option<Result<Packet, PacketError>> {
        let found = self.buffer.windows(START.len()).position(|w| w == START);
        // Without a whole start, its beginning may stand at the end.
        let skipped = found.unwrap_or_else(|| self.buffer.len().saturating_sub(START.len() - 1));
        self.buffer.drain(..skipped);
        found?;
        if self.buffer.starts_with(&GAP_FAILURE) {
            self.buffer.drain(..GAP_FAILURE.len());
            return Some(Err(PacketError::Gap));
        }
        // The failure packet is shorter than any other; its beginning decides which of both this is.
        let header: [u8; HEADER] = self.buffer.get(..HEADER)?.try_into().ok()?;
        let [_, _, _, _, c0, c1, c2, c3, flags, sequence, l0, l1, k0, k1] = header;
        if self.buffer.len() < GAP_FAILURE.len() && GAP_FAILURE.starts_with(&header) {
            return None;
        }
        let length = u16::from_le_bytes([l0, l1]);
        let whole = usize::from(length) + MIN_PACKET - 2;
        if !(2..=MAX_DATA as u16 + 2).contains(&length) {
            return Some(Err(self.refuse(PacketError::Length(length))));
        }
        let packet = self.buffer.get(..whole)?;
        let body = packet.get(8..whole - END.len()).unwrap_or_default();
        if !packet.ends_with(&END) {
            return Some(Err(self.refuse(PacketError::Footer)));
        }
        let (found, computed) = (u32::from_le_bytes([c0, c1, c2, c3]), checksum(body));
        if found != computed {
            return Some(Err(self.refuse(PacketError::Checksum { found, computed })));
        }
        let data = body.get(HEADER - 8..).unwrap_or_default().to_vec();
        self.buffer.drain(..whole);
        Some(Ok(Packet { flags, sequence, command: u16::from_le_bytes([k0, k1]), data }))
    }

    fn refuse(&mut self, error: PacketError) -> PacketError {
        // The next packet may begin right behind this false start.
        self.buffer.drain(..1);
        error
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::super::kinds;
    use super::*;

    fn packet(flags: u8, sequence: u8, command: u16, data: &[u8]) -> Packet {
        Packet { flags, sequence, command, data: data.to_vec() }
    }

    fn decoded(bytes: &[u8]) -> Vec<Result<Packet, PacketError>> {
        let mut decoder = Decoder::new();
        decoder.push(bytes);
        std::iter::from_fn(|| decoder.next()).collect()
    }

    fn hex(text: &str) -> Vec<u8> {
        text.split_whitespace().map(|b| u8::from_str_radix(b, 16).unwrap()).collect()
    }

    #[test]
    fn requests_are_those_of_the_firmwares_rules_byte_by_byte() {
        const READ: u8 = flags::READ | flags::REPLY;
        const WRITE: u8 = flags::REPLY;
        let cases = [
            (packet(READ, 0, kinds::VERSIONS, &[]), "41 42 43 44 DA 00 00 00 C0 00 02 00 16 02 44 43 42 41"),
            (packet(READ, 7, kinds::SERIAL_NUMBER, &[]), "41 42 43 44 FE 00 00 00 C0 07 02 00 33 02 44 43 42 41"),
            (packet(WRITE, 1, kinds::START_SCAN, &[0]), "41 42 43 44 5E 00 00 00 40 01 03 00 18 02 00 44 43 42 41"),
            (packet(READ, 2, kinds::SCAN_DONE, &[]), "41 42 43 44 DF 00 00 00 C0 02 02 00 19 02 44 43 42 41"),
            (packet(WRITE, 3, kinds::INTERPRET, &[]), "41 42 43 44 80 00 00 00 40 03 02 00 39 02 44 43 42 41"),
            (packet(READ, 5, kinds::FILE_SIZE, &[8]), "41 42 43 44 FD 00 00 00 C0 05 03 00 2D 00 08 44 43 42 41"),
            (packet(READ, 6, kinds::FILE_DATA, &[]), "41 42 43 44 F6 00 00 00 C0 06 02 00 2E 00 44 43 42 41"),
        ];
        for (packet, bytes) in cases {
            assert_eq!(encode(&packet), hex(bytes), "{packet:?}");
            assert_eq!(decoded(&hex(bytes)), [Ok(packet)]);
        }
    }

    #[test]
    fn what_is_wrong_with_a_packet_is_named() {
        let good = encode(&packet(0xC0, 1, kinds::SCAN_DONE, &[1]));
        let with = |place: usize, byte: u8| {
            let mut bytes = good.clone();
            bytes[place] = byte;
            decoded(&bytes).first().cloned()
        };
        assert_eq!(with(10, 1), Some(Err(PacketError::Length(1))));
        assert_eq!(with(11, 0xFF), Some(Err(PacketError::Length(0xFF03))));
        assert!(matches!(with(14, 0), Some(Err(PacketError::Checksum { .. }))));
        assert_eq!(with(15, 0), Some(Err(PacketError::Footer)));
        assert_eq!(decoded(&GAP_FAILURE), [Err(PacketError::Gap)]);
    }

    proptest! {
        #[test]
        fn any_bytes_in_any_pieces_never_panic_and_are_consumed(
            bytes in proptest::collection::vec(prop_oneof![any::<u8>(), Just(b'A'), Just(b'B'), Just(b'C'), Just(b'D')], 0..1500),
            cut in 1_usize..40,
        ) {
            let mut decoder = Decoder::new();
            for piece in bytes.chunks(cut) {
                decoder.push(piece);
                while decoder.next().is_some() {}
            }
            prop_assert!(decoder.pending() < MAX_DATA + MIN_PACKET);
        }

        #[test]
        fn every_packet_comes_back_also_after_noise_and_in_pieces(
            noise in proptest::collection::vec(any::<u8>().prop_filter("not a start", |b| *b != b'A'), 0..30),
            (flags, sequence, command) in any::<(u8, u8, u16)>(),
            data in proptest::collection::vec(any::<u8>(), 0..=MAX_DATA),
            cut in 1_usize..60,
        ) {
            let sent = Packet { flags, sequence, command, data };
            let mut bytes = noise;
            bytes.extend(encode(&sent));
            let mut decoder = Decoder::new();
            let mut packets = Vec::new();
            for piece in bytes.chunks(cut) {
                decoder.push(piece);
                while let Some(packet) = decoder.next() {
                    packets.push(packet);
                }
            }
            prop_assert_eq!(packets, vec![Ok(sent)]);
        }

        #[test]
        fn one_changed_byte_never_gives_another_packet(
            data in proptest::collection::vec(any::<u8>(), 0..100),
            place in any::<prop::sample::Index>(),
            flip in 1_u8..=255,
        ) {
            let sent = Packet { flags: 0xC0, sequence: 9, command: kinds::FILE_DATA, data };
            let mut bytes = encode(&sent);
            let place = place.index(bytes.len());
            bytes[place] ^= flip;
            prop_assert!(decoded(&bytes).iter().all(Result::is_err));
        }
    }
}
