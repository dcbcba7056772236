//! Numbers and texts at places of a binary file. Every access is checked: a place beyond the end gives `None`.

use super::text;

/// The bytes of a file and the order in which they make numbers.
#[derive(Clone, Copy, Debug)]
pub(super) struct Binary<'a> {
    bytes: &'a [u8],
    is_big_endian: bool,
}

impl<'a> Binary<'a> {
    /// A file whose numbers begin with their lowest byte.
    pub const fn little_endian(bytes: &'a [u8]) -> Self {
        Self { bytes, is_big_endian: false }
    }

    /// A file whose numbers begin with their highest byte.
    pub const fn big_endian(bytes: &'a [u8]) -> Self {
        Self { bytes, is_big_endian: true }
    }

    /// Size of the file.
    pub const fn len(&self) -> usize {
        self.bytes.len()
    }

    /// The bytes from `at`.
    pub fn slice(&self, at: usize, len: usize) -> Option<&'a [u8]> {
        self.bytes.get(at..at.checked_add(len)?)
    }

    fn array<const N: usize>(&self, at: usize) -> Option<[u8; N]> {
        let mut array: [u8; N] = self.slice(at, N)?.try_into().ok()?;
        if self.is_big_endian {
            array.reverse();
        }
        Some(array)
    }

    /// One byte.
    pub fn u8(&self, at: usize) -> Option<u8> {
        self.bytes.get(at).copied()
    }

    /// A signed byte.
    pub fn i8(&self, at: usize) -> Option<i8> {
        self.u8(at).map(u8::cast_signed)
    }

    /// A signed number of 2 bytes.
    pub fn i16(&self, at: usize) -> Option<i16> {
        self.array(at).map(i16::from_le_bytes)
    }

    /// A number of 2 bytes.
    pub fn u16(&self, at: usize) -> Option<u16> {
        self.array(at).map(u16::from_le_bytes)
    }

    /// A signed number of 4 bytes.
    pub fn i32(&self, at: usize) -> Option<i32> {
        self.array(at).map(i32::from_le_bytes)
    }

    /// A number of 4 bytes.
    pub fn u32(&self, at: usize) -> Option<u32> {
        self.array(at).map(u32::from_le_bytes)
    }

    /// A number of 4 bytes as an offset or count.
    pub fn size(&self, at: usize) -> Option<usize> {
        usize::try_from(self.u32(at)?).ok()
    }

    /// A number of 8 bytes.
    pub fn u64(&self, at: usize) -> Option<u64> {
        self.array(at).map(u64::from_le_bytes)
    }

    /// A float of 4 bytes.
    pub fn f32(&self, at: usize) -> Option<f64> {
        self.array(at).map(f32::from_le_bytes).map(f64::from)
    }

    /// A float of 8 bytes.
    pub fn f64(&self, at: usize) -> Option<f64> {
        self.array(at).map(f64::from_le_bytes)
    }

    /// `count` floats of 4 bytes.
    pub fn f32s(&self, at: usize, count: usize) -> Option<Vec<f64>> {
        let bytes = self.slice(at, count.checked_mul(4)?)?;
        let (words, _) = bytes.as_chunks::<4>();
        let value =
            |word: &[u8; 4]| if self.is_big_endian { f32::from_be_bytes(*word) } else { f32::from_le_bytes(*word) };
        Some(words.iter().map(|word| f64::from(value(word))).collect())
    }

    /// A text in Windows-1252 that ends at a NUL or after `len` bytes, without white space around it.
    pub fn text(&self, at: usize, len: usize) -> Option<String> {
        let bytes = self.slice(at, len)?;
        let end = bytes.iter().position(|b| *b == 0).unwrap_or(len);
        let text: String = bytes.iter().take(end).map(|b| text::windows_1252(*b)).collect();
        Some(text.trim_matches(|c: char| c.is_whitespace() || c.is_control()).to_owned())
    }
}

#[cfg(test)]
mod tests {
    use super::Binary;

    #[test]
    fn numbers_are_read_in_either_order_and_never_beyond_the_end() {
        let bytes = [0x01, 0x02, 0x03, 0x04];
        assert_eq!(Binary::little_endian(&bytes).u32(0), Some(0x0403_0201));
        assert_eq!(Binary::big_endian(&bytes).u32(0), Some(0x0102_0304));
        assert_eq!(Binary::big_endian(&bytes).i16(2), Some(0x0304));
        assert_eq!(Binary::little_endian(&bytes).u32(1), None);
        assert_eq!(Binary::little_endian(&bytes).slice(usize::MAX, 2), None);
        assert_eq!(Binary::little_endian(&bytes).f32s(0, usize::MAX), None);
        assert_eq!(Binary::big_endian(&1.5_f32.to_be_bytes()).f32s(0, 1), Some(vec![1.5]));
        assert_eq!(Binary::little_endian(b" a\x96b \0c").text(0, 7).as_deref(), Some("a\u{2013}b"));
    }
}
