//! Tables of pairs `(XY..XY)` and of groups such as `(XYW..XYW)` and `(XYMA)`.

use super::super::{FormatError, MAX_POINTS, number};
use super::ordinates::{self, Dialect};
use super::records::Record;
use super::table::{Points, Scale};

/// The points of a table whose form, such as `(XY..XY)`, names the letters of a group. Empty where it has no X and Y.
pub(super) fn read(record: &Record<'_>, form: &str, scale: &Scale, decimal_comma: bool) -> Result<Points, FormatError> {
    let group: String = form.chars().skip_while(|c| *c != '(').skip(1).take_while(char::is_ascii_alphabetic).collect();
    let group = group.to_ascii_uppercase();
    let (mut x, mut y) = (Vec::new(), Vec::new());
    if group.len() == 2 {
        let mut values = Vec::new();
        for (line, text) in record.table_lines() {
            ordinates::numbers(text, Dialect { packed: false, decimal_comma }, &mut values)
                .map_err(|c| FormatError::Line { line, what: format!("'{c}' fits into no number") })?;
            if values.len() > 2 * MAX_POINTS {
                return Err(FormatError::TooManyNumbers);
            }
        }
        let (pairs, rest) = values.as_chunks::<2>();
        if !rest.is_empty() {
            let what = "its table of pairs ends with half a pair".to_owned();
            return Err(FormatError::Incomplete { dialect: super::DIALECT, what });
        }
        (x, y) = pairs.iter().map(|[x, y]| (*x, *y)).unzip();
    } else if let (Some(x_at), Some(y_at)) = (group.find('X'), group.find('Y')) {
        for (_, text) in record.table_lines() {
            // Groups stand in brackets, or apart by white space with commas inside.
            let in_brackets = text.contains('(');
            let separator: &[char] = if in_brackets { &['(', ')'] } else { &[' ', '\t', ';'] };
            for cells in text.split(separator).filter(|part| part.contains(',')) {
                let cell = |at: usize| number::parse_either(cells.split(',').nth(at)?);
                if let (Some(px), Some(py)) = (cell(x_at), cell(y_at)) {
                    if x.len() >= MAX_POINTS {
                        return Err(FormatError::TooManyNumbers);
                    }
                    x.push(px);
                    y.push(py);
                }
            }
        }
    }
    Ok(Points::pairs(x, y, scale))
}
