//! The numbers of a JCAMP-DX table `(X++(Y..Y))`: AFFN (plain numbers), PAC (signs separate), SQZ (the first digit is a
//! letter), DIF (differences) and DUP (repeats), mixed freely.
//!
//! Source: McDonald and Wilks, "JCAMP-DX: a standard form for exchange of infrared spectra in computer readable form",
//! Applied Spectroscopy 42 (1988) 151-162, section 5.

use super::super::MAX_POINTS;

/// Longest number in digits.
const MAX_DIGITS: usize = 40;

/// The start of a line: what it says about its own place.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct LineStart {
    /// Line number in the file, from 1.
    pub line: usize,
    /// The abscissa that the line states, in the table's own scale.
    pub x: f64,
    /// Half of the last digit of that number.
    pub rounding: f64,
    /// Index of the line's first ordinate.
    pub index: usize,
    /// True if that ordinate repeats the last one of the line before.
    pub is_check: bool,
}

/// What a table holds, before its factors are applied.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Ordinates {
    /// The values; NaN where the file says `?`.
    pub y: Vec<f64>,
    /// One entry a line.
    pub starts: Vec<LineStart>,
    /// Lines whose first value, also given, does not repeat the last one of the line before, as it must after a
    /// difference.
    pub failed_checks: Vec<(usize, f64)>,
}

/// Why a table cannot be read.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Broken {
    /// A character that belongs to no number.
    Line(usize, String),
    /// More points than a table of this size can have.
    TooMany,
}

/// How the letter E is read, and which mark separates decimals.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Dialect {
    /// True where letters are digits; then E is a digit and never an exponent unless a sign follows it.
    pub packed: bool,
    /// True where the decimal mark is a comma.
    pub decimal_comma: bool,
}

impl Dialect {
    /// Finds out how a table is written. `lines` are without comments.
    pub fn of<'a>(lines: impl Iterator<Item = &'a str>, decimal_comma: bool) -> Self {
        let mut lone_e = false;
        for line in lines {
            let mut exponents = 0;
            let mut tokens = 0;
            for token in line.split_ascii_whitespace() {
                tokens += 1;
                let bytes = token.as_bytes();
                if bytes.iter().any(|b| is_packed_only(*b)) {
                    return Self { packed: true, decimal_comma };
                }
                let in_token = bytes
                    .iter()
                    .enumerate()
                    .filter(|(i, b)| b.eq_ignore_ascii_case(&b'e') && !matches!(bytes.get(i + 1), Some(b'+' | b'-')))
                    .count();
                // A number has one exponent, and no number begins with it.
                if in_token > 1 || bytes.first().is_some_and(|b| b.eq_ignore_ascii_case(&b'e')) {
                    return Self { packed: true, decimal_comma };
                }
                exponents += in_token;
            }
            // An abscissa alone on its line would have no ordinate, so the E begins one.
            lone_e |= tokens == 1 && exponents == 1;
        }
        Self { packed: lone_e, decimal_comma }
    }
}

/// Characters that only packed tables have; E and e may also mark an exponent.
const fn is_packed_only(b: u8) -> bool {
    matches!(b, b'@' | b'%' | b'A'..=b'D' | b'F'..=b'Z' | b'a'..=b'd' | b'f'..=b's')
}

/// What a value is to those before it.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Mark {
    Value,
    Difference,
    Repeat,
}

/// First digit and role of a letter.
const fn letter(b: u8) -> Option<(Mark, i8)> {
    Some(match b {
        b'@' => (Mark::Value, 0),
        b'A'..=b'I' => (Mark::Value, (b - b'@') as i8),
        b'a'..=b'i' => (Mark::Value, -((b - b'`') as i8)),
        b'%' => (Mark::Difference, 0),
        b'J'..=b'R' => (Mark::Difference, (b - b'I') as i8),
        b'j'..=b'r' => (Mark::Difference, -((b - b'i') as i8)),
        b'S'..=b'Z' => (Mark::Repeat, (b - b'R') as i8),
        b's' => (Mark::Repeat, 9),
        _ => return None,
    })
}

/// One number of a line.
struct Number {
    mark: Mark,
    value: f64,
    /// Value of one unit of its last digit.
    unit: f64,
}

/// A cursor over one line.
struct Scanner<'a> {
    rest: &'a [u8],
    dialect: Dialect,
}

impl Scanner<'_> {
    /// The next number; `Ok(None)` at the end of the line, `Err` with the character that fits nowhere.
    fn next(&mut self) -> Result<Option<Number>, char> {
        let is_gap = |b: &u8| matches!(b, b' ' | b'\t' | b';') || (*b == b',' && !self.dialect.decimal_comma);
        while let Some((_, tail)) = self.rest.split_first().filter(|(b, _)| is_gap(b)) {
            self.rest = tail;
        }
        let Some((first, tail)) = self.rest.split_first() else { return Ok(None) };
        match *first {
            b'?' => {
                self.rest = tail;
                Ok(Some(Number { mark: Mark::Value, value: f64::NAN, unit: 0.0 }))
            }
            b'+' | b'-' | b'0'..=b'9' | b'.' | b',' => self.plain().map(Some),
            other if self.dialect.packed => match letter(other) {
                Some((mark, digit)) => {
                    self.rest = tail;
                    self.packed(mark, digit).map(Some)
                }
                None => Err(char::from(other)),
            },
            other => Err(char::from(other)),
        }
    }

    /// A number in plain digits, its sign first.
    fn plain(&mut self) -> Result<Number, char> {
        let negative = self.rest.first() == Some(&b'-');
        if matches!(self.rest.first(), Some(b'+' | b'-')) {
            self.rest = self.rest.get(1..).unwrap_or_default();
        }
        let start = self.rest;
        let (mantissa, decimals, digits) = self.digits(0.0);
        if digits == 0 {
            return Err(self.rest.first().map_or('-', |b| char::from(*b)));
        }
        let exponent = self.exponent();
        let scale = exponent - decimals;
        // Beyond 15 digits or 10^22 the quick way rounds twice.
        let value = if digits <= 15 && (-22..=22).contains(&scale) {
            scaled(mantissa, scale)
        } else {
            let written = start.get(..start.len() - self.rest.len()).unwrap_or_default();
            let text = String::from_utf8_lossy(written).replace(',', ".");
            text.parse().unwrap_or_else(|_| scaled(mantissa, scale))
        };
        let unit = scaled(1.0, scale);
        if !value.is_finite() || digits > MAX_DIGITS {
            return Err('E');
        }
        Ok(Number { mark: Mark::Value, value: if negative { -value } else { value }, unit })
    }

    /// The digits after a letter.
    fn packed(&mut self, mark: Mark, digit: i8) -> Result<Number, char> {
        let (mantissa, decimals, digits) = self.digits(f64::from(digit.unsigned_abs()));
        let value = scaled(mantissa, -decimals);
        if digits > MAX_DIGITS || !value.is_finite() {
            return Err('9');
        }
        Ok(Number { mark, value: if digit < 0 { -value } else { value }, unit: 1.0 })
    }

    /// Digits and decimals that follow: their value behind `start`, the number of decimals, the number of digits.
    fn digits(&mut self, start: f64) -> (f64, i32, usize) {
        let mut mantissa = start;
        let (mut decimals, mut count, mut behind_mark) = (0, 0, false);
        while let Some((byte, tail)) = self.rest.split_first() {
            match byte {
                b'0'..=b'9' => {
                    mantissa = mantissa * 10.0 + f64::from(byte - b'0');
                    decimals += i32::from(behind_mark);
                    count += 1;
                }
                b'.' if !behind_mark => behind_mark = true,
                b',' if self.dialect.decimal_comma && !behind_mark => behind_mark = true,
                _ => break,
            }
            self.rest = tail;
        }
        (mantissa, decimals, count)
    }

    /// An exponent, if one follows. In packed tables only one with a sign: E is a digit there.
    fn exponent(&mut self) -> i32 {
        let [b'E' | b'e', tail @ ..] = self.rest else { return 0 };
        let (negative, digits) = match tail {
            [b'-', digits @ ..] => (true, digits),
            [b'+', digits @ ..] => (false, digits),
            digits if !self.dialect.packed => (false, digits),
            _ => return 0,
        };
        let count = digits.iter().take_while(|b| b.is_ascii_digit()).count();
        if count == 0 {
            return 0;
        }
        let value = digits.iter().take(count.min(4)).fold(0, |value, b| value * 10 + i32::from(b - b'0'));
        self.rest = digits.get(count..).unwrap_or_default();
        if negative { -value } else { value }
    }
}

/// `mantissa` times ten to the power of `scale`. Both factors are exact up to 2^53 and 10^22, and so is then the result
/// but for one rounding, as with any other decimal reader.
fn scaled(mantissa: f64, scale: i32) -> f64 {
    match scale {
        0 => mantissa,
        1..=22 => mantissa * 10_f64.powi(scale),
        -22..=-1 => mantissa / 10_f64.powi(-scale),
        _ => mantissa * 10_f64.powi(scale.clamp(-400, 400)),
    }
}

/// Reads the lines of a table. `lines` come with their numbers and without comments; `most` is how many points the
/// table may have.
pub(super) fn read<'a>(
    lines: impl Iterator<Item = (usize, &'a str)>,
    dialect: Dialect,
    most: usize,
) -> Result<Ordinates, Broken> {
    let most = most.min(MAX_POINTS);
    let mut table = Ordinates::default();
    let mut last_difference: Option<f64> = None;
    // The value that differences and repeats go on from.
    let mut base = f64::NAN;
    for (line, text) in lines {
        let mut scanner = Scanner { rest: text.as_bytes(), dialect };
        let fail = |c: char| Broken::Line(line, format!("'{c}' fits into no number"));
        let Some(x) = scanner.next().map_err(fail)? else { continue };
        if x.mark != Mark::Value {
            return Err(Broken::Line(line, "it does not begin with its abscissa".to_owned()));
        }
        let check = last_difference.take().is_some();
        let mut repeats_first = check;
        let index = table.y.len() - usize::from(check && !table.y.is_empty());
        table.starts.push(LineStart { line, x: x.value, rounding: x.unit / 2.0, index, is_check: check });
        while let Some(number) = scanner.next().map_err(fail)? {
            let times = match number.mark {
                Mark::Value => {
                    last_difference = None;
                    // After a difference the next line begins with the value reached, as a check. The line's own
                    // differences go on from what it says.
                    base = number.value;
                    if std::mem::take(&mut repeats_first) {
                        if table.y.last().is_some_and(|last| differ(*last, number.value)) {
                            table.failed_checks.push((line, number.value));
                        }
                    } else {
                        table.y.push(number.value);
                    }
                    0
                }
                Mark::Difference => {
                    if table.y.is_empty() {
                        return Err(Broken::Line(line, "its first value is a difference to nothing".to_owned()));
                    }
                    repeats_first = false;
                    last_difference = Some(number.value);
                    base += number.value;
                    table.y.push(base);
                    0
                }
                // The count includes the value itself.
                Mark::Repeat => (number.value as usize).saturating_sub(1),
            };
            if table.y.len().saturating_add(times) > most {
                return Err(Broken::TooMany);
            }
            if times > 0 && table.y.is_empty() {
                return Err(Broken::Line(line, "it repeats a value before there is one".to_owned()));
            }
            for _ in 0..times {
                base += last_difference.unwrap_or(0.0);
                table.y.push(base);
            }
        }
    }
    Ok(table)
}

/// Appends the plain numbers of a line; `Err` with the character that fits into none.
pub(super) fn numbers(line: &str, dialect: Dialect, into: &mut Vec<f64>) -> Result<(), char> {
    let mut scanner = Scanner { rest: line.as_bytes(), dialect };
    while let Some(number) = scanner.next()? {
        into.push(number.value);
    }
    Ok(())
}

/// True when a check value is not the value reached. Values are whole numbers in practice; decimals add up with rounding.
fn differ(reached: f64, check: f64) -> bool {
    (reached - check).abs() > 1e-6 * check.abs().max(1.0)
}

#[cfg(test)]
mod tests;
