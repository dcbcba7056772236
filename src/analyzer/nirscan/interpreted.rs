//! The file in which the device hands over an interpreted scan: a count, then wavelength and intensity of each point,
//! packed and little-endian.

use thiserror::Error;

/// Bytes of a point: f64 wavelength in nm, i32 intensity.
const POINT: usize = 12;
/// Most points that are believed; the device has a buffer for 864.
pub const POINTS_MAX: usize = 4_096;
/// Wavelengths of such devices, nm, with room for their relatives.
const WAVELENGTHS_NM: std::ops::RangeInclusive<f64> = 600.0..=3_000.0;

/// An interpreted scan, wavelengths rising.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Interpreted {
    /// Wavelengths, nm.
    pub wavelengths_nm: Vec<f64>,
    /// Intensities, one for each wavelength.
    pub intensities: Vec<i32>,
}

/// Why bytes are no interpreted scan.
#[derive(Clone, Debug, PartialEq, Error)]
#[non_exhaustive]
pub enum InterpretedError {
    /// No count, or one that no scan has.
    #[error("it has {0} points")]
    Count(i64),
    /// More or fewer bytes than the points need.
    #[error("{points} points need {needed} bytes, and {found} came")]
    Length {
        /// Points that are announced.
        points: usize,
        /// Bytes that they need.
        needed: usize,
        /// Bytes that came.
        found: usize,
    },
    /// A wavelength that is none, or out of order.
    #[error("the wavelength of point {0} is out of range or out of order")]
    Wavelength(usize),
}

impl Interpreted {
    /// Reads the file.
    pub fn parse(bytes: &[u8]) -> Result<Self, InterpretedError> {
        let (count, rest) = bytes.split_first_chunk::<4>().ok_or(InterpretedError::Count(0))?;
        let count = i32::from_le_bytes(*count);
        let points = usize::try_from(count).ok().filter(|n| (1..=POINTS_MAX).contains(n));
        let points = points.ok_or(InterpretedError::Count(count.into()))?;
        let (records, surplus) = rest.as_chunks::<POINT>();
        if records.len() != points || !surplus.is_empty() {
            return Err(InterpretedError::Length { points, needed: 4 + POINT * points, found: bytes.len() });
        }
        let mut read = Self::default();
        for [w0, w1, w2, w3, w4, w5, w6, w7, intensity @ ..] in records {
            read.wavelengths_nm.push(f64::from_le_bytes([*w0, *w1, *w2, *w3, *w4, *w5, *w6, *w7]));
            read.intensities.push(i32::from_le_bytes(*intensity));
        }
        if read.wavelengths_nm.first() > read.wavelengths_nm.last() {
            read.wavelengths_nm.reverse();
            read.intensities.reverse();
        }
        read.checked()
    }

    fn checked(self) -> Result<Self, InterpretedError> {
        if let Some(i) = self.wavelengths_nm.iter().position(|w| !WAVELENGTHS_NM.contains(w)) {
            return Err(InterpretedError::Wavelength(i));
        }
        let pairs = self.wavelengths_nm.iter().zip(self.wavelengths_nm.iter().skip(1));
        match pairs.into_iter().position(|(a, b)| b <= a) {
            Some(i) => Err(InterpretedError::Wavelength(i + 1)),
            None => Ok(self),
        }
    }

    /// The bytes of the file.
    pub fn encode(&self) -> Vec<u8> {
        let mut bytes = (self.wavelengths_nm.len() as i32).to_le_bytes().to_vec();
        for (wavelength_nm, intensity) in self.wavelengths_nm.iter().zip(&self.intensities) {
            bytes.extend(wavelength_nm.to_le_bytes());
            bytes.extend(intensity.to_le_bytes());
        }
        bytes
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn scan(points: usize) -> Interpreted {
        Interpreted {
            wavelengths_nm: (0..points).map(|i| 900.0 + 3.5 * i as f64).collect(),
            intensities: (0..points as i32).map(|i| i * 100 - 50).collect(),
        }
    }

    #[test]
    fn a_file_is_four_bytes_and_twelve_for_each_point() {
        let bytes = scan(228).encode();
        assert_eq!(bytes.len(), 4 + 12 * 228);
        assert_eq!(Interpreted::parse(&bytes), Ok(scan(228)));
    }

    #[test]
    fn falling_wavelengths_are_turned_round_with_their_intensities() {
        let mut falling = scan(50);
        falling.wavelengths_nm.reverse();
        falling.intensities.reverse();
        assert_eq!(Interpreted::parse(&falling.encode()), Ok(scan(50)));
    }

    #[test]
    fn damage_is_named() {
        let bytes = scan(40).encode();
        assert_eq!(Interpreted::parse(&[]), Err(InterpretedError::Count(0)));
        assert_eq!(Interpreted::parse(&(-1_i32).to_le_bytes()), Err(InterpretedError::Count(-1)));
        let short = Interpreted::parse(&bytes[..bytes.len() - 1]);
        assert_eq!(short, Err(InterpretedError::Length { points: 40, needed: 484, found: 483 }));
        let mut wild = scan(40);
        wild.wavelengths_nm[7] = f64::NAN;
        assert_eq!(Interpreted::parse(&wild.encode()), Err(InterpretedError::Wavelength(7)));
        wild.wavelengths_nm[7] = wild.wavelengths_nm[6];
        assert_eq!(Interpreted::parse(&wild.encode()), Err(InterpretedError::Wavelength(7)));
    }

    proptest! {
        #[test]
        fn any_bytes_never_panic(bytes in proptest::collection::vec(any::<u8>(), 0..200), count in 0_i32..20) {
            let _ = Interpreted::parse(&bytes);
            let mut counted = count.to_le_bytes().to_vec();
            counted.extend(&bytes);
            let _ = Interpreted::parse(&counted);
        }
    }
}
