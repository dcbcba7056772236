//! The number of a parcel: the postal identifier of UPU standard S10, or whatever else stands on the label.

use serde::{Deserialize, Serialize};

/// Weights of the eight digits (UPU standard S10-12, 5.3).
const WEIGHTS: [u32; 8] = [8, 6, 4, 2, 3, 5, 9, 7];

/// What a parcel is called.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", tag = "form", content = "number")]
pub enum ParcelNumber {
    /// Two letters, nine digits of which the last is the check digit, two letters: all checked.
    S10(String),
    /// Anything else, as it stands on the label.
    Other(String),
}

/// Why a number that looks like S10 is none.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "'{number}' has the form of a postal number, but its check digit should be {expected}; read the label again, or enter it as free text"
)]
pub struct WrongCheckDigit {
    number: String,
    expected: u32,
}

impl ParcelNumber {
    /// Reads what was typed or scanned. What looks like S10 must have the right check digit.
    pub fn read(typed: &str) -> Result<Self, WrongCheckDigit> {
        let number: String = typed.chars().filter(|c| !c.is_whitespace()).collect::<String>().to_ascii_uppercase();
        let Some((digits, check)) = s10_digits(&number) else { return Ok(Self::Other(typed.trim().to_owned())) };
        let expected = check_digit(digits);
        if check == expected { Ok(Self::S10(number)) } else { Err(WrongCheckDigit { number, expected }) }
    }

    /// The same without looking at the check digit: the label itself may be wrong.
    pub fn free_text(typed: &str) -> Self {
        Self::Other(typed.trim().to_owned())
    }

    /// The number as text.
    pub fn text(&self) -> &str {
        let (Self::S10(text) | Self::Other(text)) = self;
        text
    }
}

/// The eight digits and the check digit of what has the form of S10.
fn s10_digits(number: &str) -> Option<([u32; 8], u32)> {
    let bytes: &[u8; 13] = number.as_bytes().try_into().ok()?;
    let (service, rest) = bytes.split_first_chunk::<2>()?;
    let (digits, country) = rest.split_first_chunk::<9>()?;
    let letters = service.iter().chain(country).all(u8::is_ascii_uppercase);
    if !letters || !digits.iter().all(u8::is_ascii_digit) {
        return None;
    }
    let (serial, check) = digits.split_first_chunk::<8>()?;
    Some((serial.map(|d| u32::from(d - b'0')), u32::from(check.first()? - b'0')))
}

/// 11 less the weighted sum modulo 11, where 10 is written 0 and 11 is written 5.
fn check_digit(digits: [u32; 8]) -> u32 {
    let sum: u32 = digits.iter().zip(WEIGHTS).map(|(digit, weight)| digit * weight).sum();
    match 11 - sum % 11 {
        10 => 0,
        11 => 5,
        digit => digit,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_with_the_right_check_digit_are_postal_ones_however_they_are_typed() {
        // 47312482: 8*4+6*7+4*3+2*1+3*2+5*4+9*8+7*2 = 200, 200 mod 11 = 2, 11 - 2 = 9. The standard's own example is RA 123 456 785.
        for (typed, number) in [
            ("RR473124829CN", "RR473124829CN"),
            (" rr 473 124 829 cn ", "RR473124829CN"),
            ("RA123456785GB", "RA123456785GB"),
        ] {
            assert_eq!(ParcelNumber::read(typed).unwrap(), ParcelNumber::S10(number.to_owned()), "{typed}");
        }
        for free in ["", "box 7", "RR47312482CN", "1R473124829CN", "1Z999AA10123456784"] {
            assert_eq!(ParcelNumber::read(free).unwrap(), ParcelNumber::Other(free.to_owned()));
        }
    }

    #[test]
    fn every_single_wrong_digit_is_found_where_the_check_digit_can_tell() {
        let right = "RR473124829CN";
        let (mut wrong, mut missed) = (0, 0);
        for place in 2..10 {
            for digit in '0'..='9' {
                let mut bent: Vec<char> = right.chars().collect();
                if bent[place] == digit {
                    continue;
                }
                bent[place] = digit;
                let bent: String = bent.into_iter().collect();
                match ParcelNumber::read(&bent) {
                    Err(_) => wrong += 1,
                    Ok(_) => missed += 1,
                }
            }
        }
        // Weights are coprime to 11, so a changed digit changes the remainder; two remainders share no digit here.
        assert_eq!((wrong, missed), (72, 0));
    }
}
