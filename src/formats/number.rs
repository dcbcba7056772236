//! Numbers as instrument programs write them.

/// What separates the decimals.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Decimal {
    Point,
    Comma,
}

/// Longest text that is taken for a number.
const MAX_DIGITS: usize = 64;

/// A finite decimal number, or `None`. Words (`nan`, `inf`), hexadecimal and grouped thousands are no numbers.
pub(super) fn parse(cell: &str, decimal: Decimal) -> Option<f64> {
    let cell = cell.trim();
    if cell.is_empty() || cell.len() > MAX_DIGITS {
        return None;
    }
    let allowed = |b: u8| b.is_ascii_digit() || matches!(b, b'+' | b'-' | b'e' | b'E');
    let mark = match decimal {
        Decimal::Point => b'.',
        Decimal::Comma => b',',
    };
    if !cell.bytes().all(|b| allowed(b) || b == mark) {
        return None;
    }
    let value: f64 = match decimal {
        Decimal::Point => cell.parse().ok()?,
        Decimal::Comma => cell.replace(',', ".").parse().ok()?,
    };
    value.is_finite().then_some(value)
}

/// A single value of a header, where the decimal mark may be either.
pub(super) fn parse_either(cell: &str) -> Option<f64> {
    parse(cell, Decimal::Point).or_else(|| parse(cell, Decimal::Comma))
}

/// True for cells that stand for a missing value.
pub(super) fn is_gap(cell: &str) -> bool {
    let cell = cell.trim();
    cell.is_empty() || cell.eq_ignore_ascii_case("nan") || cell == "-" || cell == "--"
}

/// A laser wavelength in nm if the text states a possible one.
pub(super) fn laser_nm(cell: &str) -> Option<f64> {
    parse_either(cell.trim().trim_end_matches("nm")).filter(|nm| (200.0..=2000.0).contains(nm))
}

#[cfg(test)]
mod tests {
    use super::{Decimal, laser_nm, parse, parse_either};

    #[test]
    fn numbers_are_read_with_either_decimal_mark() {
        assert_eq!(parse(" -1.5e3 ", Decimal::Point), Some(-1500.0));
        assert_eq!(parse("784,82", Decimal::Comma), Some(784.82));
        assert_eq!(parse_either("-4,2E-06"), Some(-4.2e-6));
        assert_eq!(parse("0.0000E+00", Decimal::Point), Some(0.0));
    }

    #[test]
    fn words_and_grouped_thousands_are_not_numbers() {
        for cell in ["", "nan", "inf", "infinity", "0x10", "1.234,5", "1,234,567", "1e999", "1 2", "e", "."] {
            assert_eq!(parse(cell, Decimal::Point), None, "{cell}");
            assert_eq!(parse(cell, Decimal::Comma), None, "{cell}");
        }
    }

    #[test]
    fn only_possible_lasers_are_lasers() {
        assert_eq!(laser_nm("785 "), Some(785.0));
        assert_eq!(laser_nm("784,82 nm"), Some(784.82));
        assert_eq!(laser_nm("0"), None);
        assert_eq!(laser_nm("7850"), None);
    }
}
