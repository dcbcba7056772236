//! Commands and replies as bytes. Pure: no link, no clock.

use thiserror::Error;

/// The device did what it was told.
pub const ACK: u8 = 0x06;
/// The device refuses.
pub const NAK: u8 = 0x15;
/// A spectrum follows.
pub const STX: u8 = 0x02;
/// There is no spectrum.
pub const ETX: u8 = 0x03;
/// Word that begins a spectrum.
pub const SPECTRUM_BEGIN: u16 = 0xFFFF;
/// Word that ends it.
pub const SPECTRUM_END: u16 = 0xFFFD;
/// Mark of a full value among compressed ones.
const FULL_VALUE: u8 = 0x80;
/// Words of the header behind the first: data size, scans, integration, baseline (2), pixel mode.
const HEADER_WORDS: usize = 6;
/// Most pixels that are believed.
pub const PIXELS_MAX: usize = 4_096;

/// A command with one word of data.
pub fn with_word(letter: u8, value: u16) -> [u8; 3] {
    let [high, low] = value.to_be_bytes();
    [letter, high, low]
}

/// A command with a double word of data.
pub fn with_dword(letter: u8, value: u32) -> [u8; 5] {
    let [a, b, c, d] = value.to_be_bytes();
    [letter, a, b, c, d]
}

/// The question for a variable.
pub const fn question(letter: u8) -> [u8; 2] {
    [b'?', letter]
}

/// The question for a calibration constant.
pub fn calibration_question(index: u16) -> [u8; 4] {
    let [high, low] = index.to_be_bytes();
    [b'?', b'x', high, low]
}

/// What a spectrum is expected to look like: what the driver has set and read back.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Expected {
    /// Pixels of the detector.
    pub pixels: usize,
    /// Scans that the device adds up.
    pub scans: u16,
    /// Whether values are compressed.
    pub compressed: bool,
    /// Whether a checksum follows.
    pub checksum: bool,
}

/// A spectrum as it came: sums over the scans, not means.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LetterSpectrum {
    /// Scans that were added up.
    pub scans: u16,
    /// Integration time as the header states it, in the device's unit (usually milliseconds).
    pub integration: u16,
    /// Baseline that the device states.
    pub baseline: u32,
    /// One sum per pixel.
    pub sums: Vec<u32>,
}

/// Why bytes are no spectrum.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum SpectrumError {
    /// The device says that there is none.
    #[error("the device says that the scan failed")]
    Failed,
    /// It does not begin as a spectrum does.
    #[error("it begins with {0:#04x} where a spectrum begins with 0x02")]
    Begin(u8),
    /// The word behind the first byte is another.
    #[error("its first word is {0:#06x}, not 0xffff")]
    FirstWord(u16),
    /// Neither words nor double words.
    #[error("it announces data of an unknown size ({0})")]
    DataSize(u16),
    /// Another number of scans than was asked for.
    #[error("it holds {found} scans where {expected} were asked for")]
    Scans {
        /// Asked for.
        expected: u16,
        /// In the header.
        found: u16,
    },
    /// Only some of the pixels.
    #[error("it holds a selection of pixels (mode {0}), not all of them")]
    PixelMode(u16),
    /// Double words cannot be compressed: how they would look is not documented.
    #[error("it is compressed and of double words, whose layout is not documented")]
    CompressedSums,
    /// The first value is a difference to nothing.
    #[error("its first pixel is no full value")]
    NoFirstValue,
    /// A difference leads out of the range of a pixel.
    #[error("pixel {0} falls out of range")]
    OutOfRange(usize),
    /// The word behind the pixels is another.
    #[error("it ends with {0:#06x}, not 0xfffd")]
    End(u16),
    /// The checksum does not fit.
    #[error("its checksum is {found:#06x} where its pixels make {computed:#06x}")]
    Checksum {
        /// Sent.
        found: u16,
        /// Computed.
        computed: u16,
    },
}

/// Sum of the pixel values, modulo 2^16 (Flame manual: 15, 23, 46, 98, 231, 509, 1023, 2432, 3245, 1984 give 0x2586). A
/// double word counts with both of its words; the manual's example has words only.
pub fn checksum(values: &[u32]) -> u16 {
    values.iter().fold(0, |sum: u16, value| sum.wrapping_add(*value as u16).wrapping_add((*value >> 16) as u16))
}

/// Reads bytes one after the other; `None` where more must come first.
struct Cursor<'a> {
    bytes: &'a [u8],
    at: usize,
}

impl Cursor<'_> {
    fn byte(&mut self) -> Option<u8> {
        let byte = self.bytes.get(self.at).copied()?;
        self.at += 1;
        Some(byte)
    }

    fn word(&mut self) -> Option<u16> {
        Some(u16::from_be_bytes([self.byte()?, self.byte()?]))
    }

    fn dword(&mut self) -> Option<u32> {
        Some(u32::from(self.word()?) << 16 | u32::from(self.word()?))
    }
}

/// Reads the reply to `S` from what has come so far: a spectrum and its length in bytes, an error, or `None` while it is
/// incomplete.
pub fn decode(bytes: &[u8], expected: &Expected) -> Result<Option<(LetterSpectrum, usize)>, SpectrumError> {
    let mut cursor = Cursor { bytes, at: 0 };
    match cursor.byte() {
        None => return Ok(None),
        Some(STX) => {}
        Some(ETX) => return Err(SpectrumError::Failed),
        Some(other) => return Err(SpectrumError::Begin(other)),
    }
    match cursor.word() {
        None => return Ok(None),
        Some(SPECTRUM_BEGIN) => {}
        Some(other) => return Err(SpectrumError::FirstWord(other)),
    }
    let mut header = [0; HEADER_WORDS];
    for place in &mut header {
        let Some(word) = cursor.word() else { return Ok(None) };
        *place = word;
    }
    let [size, scans, integration, baseline_high, baseline_low, pixel_mode] = header;
    let double = match size {
        0 => false,
        1 => true,
        other => return Err(SpectrumError::DataSize(other)),
    };
    if scans != expected.scans {
        return Err(SpectrumError::Scans { expected: expected.scans, found: scans });
    }
    if pixel_mode != 0 {
        return Err(SpectrumError::PixelMode(pixel_mode));
    }
    let pixels = expected.pixels.min(PIXELS_MAX);
    let mut sums = Vec::with_capacity(pixels);
    let computed = match (expected.compressed, double) {
        (true, true) => return Err(SpectrumError::CompressedSums),
        (true, false) => match read_compressed(&mut cursor, pixels, &mut sums)? {
            Some(sum) => sum,
            None => return Ok(None),
        },
        (false, _) => {
            for _ in 0..pixels {
                let value = if double { cursor.dword() } else { cursor.word().map(u32::from) };
                let Some(value) = value else { return Ok(None) };
                sums.push(value);
            }
            checksum(&sums)
        }
    };
    match cursor.word() {
        None => return Ok(None),
        Some(SPECTRUM_END) => {}
        Some(other) => return Err(SpectrumError::End(other)),
    }
    if expected.checksum {
        match cursor.word() {
            None => return Ok(None),
            Some(found) if found != computed => return Err(SpectrumError::Checksum { found, computed }),
            Some(_) => {}
        }
    }
    let baseline = u32::from(baseline_high) << 16 | u32::from(baseline_low);
    Ok(Some((LetterSpectrum { scans, integration, baseline, sums }, cursor.at)))
}

/// Reads compressed values: `80 hi lo` is a full value, any other byte a signed difference to the pixel before. Returns
/// the checksum over the items: a full value adds itself and 0x80, a difference its byte.
fn read_compressed(cursor: &mut Cursor<'_>, pixels: usize, sums: &mut Vec<u32>) -> Result<Option<u16>, SpectrumError> {
    let mut sum = 0_u16;
    let mut last: Option<u16> = None;
    for pixel in 0..pixels {
        let Some(byte) = cursor.byte() else { return Ok(None) };
        let value = if byte == FULL_VALUE {
            let Some(value) = cursor.word() else { return Ok(None) };
            sum = sum.wrapping_add(value).wrapping_add(u16::from(FULL_VALUE));
            value
        } else {
            let before = last.ok_or(SpectrumError::NoFirstValue)?;
            sum = sum.wrapping_add(u16::from(byte));
            before.checked_add_signed(i16::from(byte.cast_signed())).ok_or(SpectrumError::OutOfRange(pixel))?
        };
        last = Some(value);
        sums.push(value.into());
    }
    Ok(Some(sum))
}

/// Writes the reply to `S` as a device does. `None` for what the protocol cannot carry: words over 16 bits, or
/// compressed double words.
pub fn encode(spectrum: &LetterSpectrum, expected: &Expected) -> Option<Vec<u8>> {
    let double = spectrum.scans > 1;
    let mut bytes = vec![STX];
    let header = [
        SPECTRUM_BEGIN,
        u16::from(double),
        spectrum.scans,
        spectrum.integration,
        (spectrum.baseline >> 16) as u16,
        spectrum.baseline as u16,
        0,
    ];
    bytes.extend(header.iter().flat_map(|word| word.to_be_bytes()));
    let sum = if expected.compressed && !double {
        write_compressed(&spectrum.sums, &mut bytes)?
    } else if expected.compressed {
        return None;
    } else {
        for value in &spectrum.sums {
            if double {
                bytes.extend(value.to_be_bytes());
            } else {
                bytes.extend(u16::try_from(*value).ok()?.to_be_bytes());
            }
        }
        checksum(&spectrum.sums)
    };
    bytes.extend(SPECTRUM_END.to_be_bytes());
    if expected.checksum {
        bytes.extend(sum.to_be_bytes());
    }
    Some(bytes)
}

/// Writes compressed values and returns their checksum.
fn write_compressed(sums: &[u32], bytes: &mut Vec<u8>) -> Option<u16> {
    let mut sum = 0_u16;
    let mut last: Option<u16> = None;
    for value in sums {
        let value = u16::try_from(*value).ok()?;
        let difference = last.and_then(|last| i8::try_from(i32::from(value) - i32::from(last)).ok());
        if let Some(byte) = difference.map(i8::cast_unsigned).filter(|byte| *byte != FULL_VALUE) {
            sum = sum.wrapping_add(u16::from(byte));
            bytes.push(byte);
        } else {
            sum = sum.wrapping_add(value).wrapping_add(u16::from(FULL_VALUE));
            bytes.push(FULL_VALUE);
            bytes.extend(value.to_be_bytes());
        }
        last = Some(value);
    }
    Some(sum)
}
