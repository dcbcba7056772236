use proptest::prelude::*;

use super::*;
use crate::analyzer::obp::{device_error, kinds};

/// The tail that all captured frames without checksum share: 20 bytes follow, no checksum, footer.
const PLAIN_TAIL: &str = "1400000000000000000000000000000000000000c5c4c3c2";

fn hex(text: &str) -> Vec<u8> {
    (0..text.len()).step_by(2).map(|i| u8::from_str_radix(&text[i..i + 2], 16).unwrap()).collect()
}

/// Requests captured from the vendor's own library, as start..immediate data, and the message that gives them.
fn captured_requests() -> Vec<(&'static str, Message)> {
    vec![
        (
            "c1c00011000000000101000000000000000000000000000000000000000000000000000000000000",
            Message::query(kinds::SERIAL_NUMBER_LENGTH, &[]),
        ),
        (
            "c1c00011000000000001000000000000000000000000000000000000000000000000000000000000",
            Message::query(kinds::SERIAL_NUMBER, &[]),
        ),
        (
            "c1c00011000000000101180000000000000000000000000103000000000000000000000000000000",
            Message::query(kinds::WAVELENGTH_COEFFICIENT, &[3]),
        ),
        (
            "c1c000110400000010001100000000000000000000000004204e0000000000000000000000000000",
            Message::set(kinds::SET_INTEGRATION_TIME, &20_000_u32.to_le_bytes()),
        ),
        (
            "c1c00011040000001001110000000000000000000000000100000000000000000000000000000000",
            Message::set(kinds::SET_TRIGGER_MODE, &[0]),
        ),
        (
            "c1c00011000000000010100000000000000000000000000000000000000000000000000000000000",
            Message::query(kinds::CORRECTED_SPECTRUM, &[]),
        ),
        (
            "c1c00011000000000200400000000000000000000000000000000000000000000000000000000000",
            Message::query(kinds::TEMPERATURES, &[]),
        ),
        (
            "c1c00011040000001004110000000000000000000000000101000000000000000000000000000000",
            Message::set(kinds::SET_LAMP_ENABLE, &[1]),
        ),
        (
            "c1c00011040000001000120000000000000000000000000203000000000000000000000000000000",
            Message::set(kinds::SET_SCANS_TO_AVERAGE, &3_u16.to_le_bytes()),
        ),
        (
            "c1c00011040000001010120000000000000000000000000102000000000000000000000000000000",
            Message::set(kinds::SET_BOXCAR, &[2]),
        ),
        // The vendor's C demo: old version, no ACK asked for.
        (
            "c1c000100000000010001100000000000000000000000004a0860100000000000000000000000000",
            Message { version: VERSION_OLD, ..Message::query(kinds::SET_INTEGRATION_TIME, &100_000_u32.to_le_bytes()) },
        ),
        // The same: mode 2, from pixel 100, every pixel, ten of them.
        (
            "c1c0001000000000102010000000000000000000000000080200640001000a000000000000000000",
            Message {
                version: VERSION_OLD,
                ..Message::query(kinds::SET_PARTIAL_SPECTRUM, &[2, 0, 100, 0, 1, 0, 10, 0])
            },
        ),
    ]
}

#[test]
fn requests_are_the_bytes_that_the_vendors_programs_send() {
    for (head, message) in captured_requests() {
        let expected = hex(&format!("{head}{PLAIN_TAIL}"));
        assert_eq!(encode(&message), expected, "encode {message:?}");
        let mut decoder = Decoder::new();
        decoder.push(&expected);
        assert_eq!(decoder.next(), Some(Ok(message)));
        assert_eq!(decoder.pending(), 0);
    }
}

#[test]
fn replies_are_the_bytes_that_the_vendors_programs_accept() {
    let set = Message::set(kinds::SET_INTEGRATION_TIME, &20_000_u32.to_le_bytes());
    let serial = Message::query(kinds::SERIAL_NUMBER, &[]);
    let cases = [
        (
            "c1c000110300000010001100000000000000000000000000000000000000000000000000000000001400000000000000000000000000000000000000c5c4c3c2",
            Message::ack(&set),
        ),
        (
            "c1c000110900060010001100000000000000000000000000000000000000000000000000000000001400000000000000000000000000000000000000c5c4c3c2",
            Message::nack(&set, device_error::DATA_INVALID),
        ),
        (
            "c1c0001101000000000100000000000000000000000001065331323334350000000000000000000014000000b7ac25d6edf311da0eb926b3c084eb31c5c4c3c2",
            Message { checksum: Checksum::Md5, ..Message::reply(&serial, b"S12345".to_vec()) },
        ),
    ];
    for (text, message) in cases {
        assert_eq!(encode(&message), hex(text), "encode {message:?}");
        let mut decoder = Decoder::new();
        decoder.push(&hex(text));
        assert_eq!(decoder.next(), Some(Ok(message)));
    }
}

#[test]
fn a_changed_byte_under_md5_is_never_a_message() {
    let message = Message { checksum: Checksum::Md5, ..Message::query(kinds::RAW_SPECTRUM, &[7; 200]) };
    let good = encode(&message);
    for i in 0..good.len() {
        let mut bad = good.clone();
        bad[i] ^= 0x40;
        let mut decoder = Decoder::new();
        decoder.push(&bad);
        while let Some(result) = decoder.next() {
            // Byte 22 says whether there is a checksum at all; 0x41 is no known type.
            assert!(result.is_err(), "byte {i} changed and still a message");
        }
    }
}

#[test]
fn noise_and_a_lost_byte_cost_one_frame_only() {
    let first = encode(&Message::query(kinds::RAW_SPECTRUM, &[1; 100]));
    let second = Message::query(kinds::SERIAL_NUMBER, &[]);
    let mut wire = vec![0x00, 0xC1, 0x55, 0xC1];
    wire.extend(first.iter().enumerate().filter(|(i, _)| *i != 70).map(|(_, b)| *b));
    wire.extend(encode(&second));
    let mut decoder = Decoder::new();
    let mut messages = Vec::new();
    let mut errors = Vec::new();
    for byte in wire {
        decoder.push(&[byte]);
        while let Some(result) = decoder.next() {
            match result {
                Ok(message) => messages.push(message),
                Err(error) => errors.push(error),
            }
        }
    }
    assert_eq!(messages, [second]);
    assert_eq!(errors, [FrameError::Footer { kind: kinds::RAW_SPECTRUM, regarding: 0 }]);
}

#[test]
fn a_header_that_lies_is_refused_before_its_bytes_are_awaited() {
    let good = encode(&Message::query(kinds::SERIAL_NUMBER, &[]));
    let patched = |offset: usize, bytes: &[u8]| {
        let mut frame = good.clone();
        frame[offset..offset + bytes.len()].copy_from_slice(bytes);
        let mut decoder = Decoder::new();
        decoder.push(&frame[..HEADER_LEN]);
        decoder.next().expect("refused at once").expect_err("refused")
    };
    let (kind, regarding) = (kinds::SERIAL_NUMBER, 0);
    assert_eq!(patched(2, &[0x34, 0x12]), FrameError::Version { version: 0x1234, kind, regarding });
    assert_eq!(patched(22, &[9]), FrameError::ChecksumType { kind, regarding, checksum: 9 });
    assert_eq!(patched(23, &[17]), FrameError::Lengths { kind, regarding });
    assert_eq!(patched(40, &19_u32.to_le_bytes()), FrameError::Lengths { kind, regarding });
    assert_eq!(
        patched(40, &u32::MAX.to_le_bytes()),
        FrameError::TooLong { kind, regarding, bytes: u64::from(u32::MAX) + 44 }
    );
}

fn any_message() -> impl Strategy<Value = Message> {
    (
        prop_oneof![Just(VERSION), Just(VERSION_OLD)],
        any::<u16>(),
        any::<u16>(),
        any::<u32>(),
        any::<u32>(),
        prop_oneof![Just(Checksum::None), Just(Checksum::Md5)],
        proptest::collection::vec(any::<u8>(), 0..300),
    )
        .prop_map(|(version, flags, error, kind, regarding, checksum, data)| Message {
            version,
            flags,
            error,
            kind,
            regarding,
            checksum,
            data,
        })
}

proptest! {
    #[test]
    fn every_message_survives_the_wire_in_any_pieces(
        messages in proptest::collection::vec(any_message(), 1..4),
        piece in 1_usize..90,
    ) {
        let wire: Vec<u8> = messages.iter().flat_map(encode).collect();
        let mut decoder = Decoder::new();
        let mut seen = Vec::new();
        for part in wire.chunks(piece) {
            decoder.push(part);
            while let Some(result) = decoder.next() {
                seen.push(result.expect("a good frame"));
            }
        }
        prop_assert_eq!(seen, messages);
    }

    #[test]
    fn arbitrary_bytes_never_panic_and_always_end(
        pieces in proptest::collection::vec(proptest::collection::vec(prop_oneof![Just(0xC1), Just(0xC0), Just(0), any::<u8>()], 0..200), 0..8),
    ) {
        let mut decoder = Decoder::new();
        let total: usize = pieces.iter().map(Vec::len).sum();
        let mut results = 0;
        for piece in pieces {
            decoder.push(&piece);
            while decoder.next().is_some() {
                results += 1;
            }
        }
        prop_assert!(results * START.len() <= total);
    }
}
