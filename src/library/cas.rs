//! CAS registry numbers.

/// True when `text` is a CAS registry number: two to seven digits, two digits, and the check digit they demand.
///
/// The check digit is the sum of the other digits, counted from the right with weights 1, 2, 3 ..., modulo 10.
pub fn is_valid_cas(text: &str) -> bool {
    let mut parts = text.split('-');
    let (Some(first), Some(second), Some(check), None) = (parts.next(), parts.next(), parts.next(), parts.next())
    else {
        return false;
    };
    let digits = |s: &str| s.bytes().all(|b| b.is_ascii_digit());
    if !(2..=7).contains(&first.len()) || second.len() != 2 || check.len() != 1 {
        return false;
    }
    if !digits(first) || !digits(second) || !digits(check) || first.starts_with('0') {
        return false;
    }
    let sum: u32 =
        first.bytes().chain(second.bytes()).rev().zip(1_u32..).map(|(b, weight)| u32::from(b - b'0') * weight).sum();
    check.bytes().next().is_some_and(|b| u32::from(b - b'0') == sum % 10)
}

#[cfg(test)]
mod tests {
    use super::is_valid_cas;

    #[test]
    fn right_check_digits_pass() {
        for cas in ["437-38-7", "7732-18-5", "58-08-2", "2785346-75-8", "50-00-0"] {
            assert!(is_valid_cas(cas), "{cas}");
        }
    }

    #[test]
    fn wrong_check_digits_and_other_shapes_fail() {
        let wrong =
            ["437-38-8", "1609-66-5", "58-8-2", "58-08", "58-08-2-1", "", "--", "a58-08-2", "058-08-2", "５8-08-2"];
        for cas in wrong {
            assert!(!is_valid_cas(cas), "{cas}");
        }
    }
}
