//! Values in the data of messages: numbers, floats, text, spectra. Pure.

use super::codec::Message;

/// Bytes before the pixels of a buffered spectrum.
const METADATA_LEN: usize = 32;

/// An unsigned number of 1, 2 or 4 bytes; sources differ on the widths.
pub(super) fn number(reply: &Message) -> Result<u32, String> {
    match *reply.data.as_slice() {
        [a] => Ok(a.into()),
        [a, b] => Ok(u16::from_le_bytes([a, b]).into()),
        [a, b, c, d] => Ok(u32::from_le_bytes([a, b, c, d])),
        _ => Err(format!("{} bytes", reply.data.len())),
    }
}

/// One finite binary32.
pub(super) fn float(reply: &Message) -> Result<f32, String> {
    let value = <[u8; 4]>::try_from(reply.data.as_slice()).map(f32::from_le_bytes);
    value.ok().filter(|v| v.is_finite()).ok_or_else(|| "it is no number".to_owned())
}

/// Printable text up to the first zero.
pub(super) fn text(data: &[u8]) -> String {
    let text: String =
        data.iter().take_while(|b| **b != 0).filter(|b| (0x20..0x7F).contains(*b)).map(|b| char::from(*b)).collect();
    text.trim().to_owned()
}

/// Counts of 16 bits, one per pixel.
pub(super) fn counts_16(data: &[u8], pixels: usize) -> Result<Vec<u32>, String> {
    match data.as_chunks::<2>() {
        (pairs, []) if pairs.len() == pixels => Ok(pairs.iter().map(|p| u16::from_le_bytes(*p).into()).collect()),
        _ => Err(format!("{} bytes for {pixels} pixels", data.len())),
    }
}

/// A spectrum out of a device's buffer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Buffered {
    /// Running number of the spectrum.
    pub number: u32,
    /// Integration time that the device used, microseconds.
    pub integration_us: u32,
    /// Trigger mode that the device used.
    pub trigger: u8,
    /// Counts of 32 bits, one per pixel.
    pub counts: Vec<u32>,
}

/// Number (u32), tick in microseconds (u64), integration time in microseconds (u32), reserved (u16), trigger mode (u8),
/// 13 reserved bytes; then the pixels.
pub(super) fn buffered(data: &[u8], pixels: usize) -> Result<Buffered, String> {
    let wrong = || format!("{} bytes for {pixels} pixels with metadata", data.len());
    let (metadata, counts) = data.split_at_checked(METADATA_LEN).ok_or_else(wrong)?;
    let word = |at: usize| metadata.get(at..).and_then(<[u8]>::first_chunk).copied().map(u32::from_le_bytes);
    let (Some(number), Some(integration_us), Some(trigger)) = (word(0), word(12), metadata.get(18)) else {
        return Err(wrong());
    };
    match counts.as_chunks::<4>() {
        (words, []) if words.len() == pixels => Ok(Buffered {
            number,
            integration_us,
            trigger: *trigger,
            counts: words.iter().map(|w| u32::from_le_bytes(*w)).collect(),
        }),
        _ => Err(wrong()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_buffered_spectrum_is_read_from_the_places_of_its_fields_and_only_when_whole() {
        let mut data = Vec::new();
        data.extend_from_slice(&7_u32.to_le_bytes());
        data.extend_from_slice(&123_456_789_u64.to_le_bytes());
        data.extend_from_slice(&8_000_u32.to_le_bytes());
        data.extend_from_slice(&[0xAA, 0xAA, 3]);
        data.extend_from_slice(&[0xBB; 13]);
        for count in [1_u32, 70_000, 199_999] {
            data.extend_from_slice(&count.to_le_bytes());
        }
        let seen = buffered(&data, 3).expect("whole");
        assert_eq!(seen, Buffered { number: 7, integration_us: 8_000, trigger: 3, counts: vec![1, 70_000, 199_999] });
        for length in 0..data.len() {
            assert!(buffered(&data[..length], 3).is_err(), "{length} bytes");
        }
        assert!(buffered(&data, 2).is_err() && buffered(&data, 4).is_err());
    }

    #[test]
    fn counts_of_another_length_are_refused() {
        assert_eq!(counts_16(&[1, 0, 0xFF, 0x3F], 2), Ok(vec![1, 16_383]));
        for (length, pixels) in [(3, 2), (4, 1), (4, 3), (0, 1)] {
            assert!(counts_16(&vec![0; length], pixels).is_err());
        }
    }
}
