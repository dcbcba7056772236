//! Versions of packs: one to four numbers joined by dots, compared number by number.

use super::error::PackError;

/// A version that can be compared.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct PackVersion([u32; 4]);

impl PackVersion {
    /// Reads a version in its only form: no sign, no leading zero, at most nine digits a number.
    pub fn parse(text: &str) -> Result<Self, PackError> {
        let refuse = || PackError::Version(text.chars().take(40).collect());
        let mut numbers = [0; 4];
        let mut places = numbers.iter_mut();
        for part in text.split('.') {
            let plain = part.bytes().all(|b| b.is_ascii_digit()) && (1..=9).contains(&part.len());
            if !plain || (part.len() > 1 && part.starts_with('0')) {
                return Err(refuse());
            }
            *places.next().ok_or_else(refuse)? = part.parse().map_err(|_| refuse())?;
        }
        Ok(Self(numbers))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_compare_as_numbers_and_have_one_form() {
        let v = |text| PackVersion::parse(text).unwrap();
        assert!(v("2026.11.10") > v("2026.11.9"));
        assert!(v("2") > v("1.999999999.3.4"));
        for bad in ["", "1.", ".1", "1..2", "01", "1.2.3.4.5", "-1", "+1", "1a", "1234567890", "1 "] {
            assert!(PackVersion::parse(bad).is_err(), "{bad:?}");
        }
    }
}
