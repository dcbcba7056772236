//! Tables of numbers in text: which characters separate columns and decimals, where the table begins, its cells.

use super::number::{self, Decimal};
use super::{FormatError, MAX_NUMBERS, MAX_POINTS, text};

/// Text that is looked at to find out how columns and decimals are separated.
const SAMPLE_BYTES: usize = 256 * 1024;
/// Longest piece of a wrong line that an error repeats.
const QUOTED_CHARS: usize = 40;

/// What may follow the last cell of a line.
const LINE_END: [char; 3] = [' ', '\r', '\u{1a}'];

/// What separates columns.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Separator {
    Tab,
    Semicolon,
    Comma,
    Space,
}

impl Separator {
    /// The character; `None` for any amount of white space.
    const fn mark(self) -> Option<char> {
        match self {
            Self::Tab => Some('\t'),
            Self::Semicolon => Some(';'),
            Self::Comma => Some(','),
            Self::Space => None,
        }
    }
}

/// How a table is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Layout {
    pub separator: Separator,
    pub decimal: Decimal,
}

/// Every layout, the least ambiguous first: of layouts that read equally many lines the first is taken.
const LAYOUTS: [Layout; 7] = [
    Layout { separator: Separator::Tab, decimal: Decimal::Point },
    Layout { separator: Separator::Tab, decimal: Decimal::Comma },
    Layout { separator: Separator::Semicolon, decimal: Decimal::Point },
    Layout { separator: Separator::Semicolon, decimal: Decimal::Comma },
    Layout { separator: Separator::Comma, decimal: Decimal::Point },
    Layout { separator: Separator::Space, decimal: Decimal::Point },
    Layout { separator: Separator::Space, decimal: Decimal::Comma },
];

impl Layout {
    /// The trimmed cells of a line; a separator at the end opens no further cell.
    pub fn cells(self, line: &str) -> Vec<&str> {
        let line = line.trim_end_matches(LINE_END);
        match self.separator.mark() {
            Some(mark) => line.strip_suffix(mark).unwrap_or(line).split(mark).map(str::trim).collect(),
            None => line.split_whitespace().collect(),
        }
    }

    /// True when a separator ends the line: it may stand behind the last cell or before an empty one.
    pub fn ends_open(self, line: &str) -> bool {
        self.separator.mark().is_some_and(|mark| line.trim_end_matches(LINE_END).ends_with(mark))
    }

    /// The number of cells if the line is a row: a number first, then numbers or gaps, two cells or more.
    fn row_width(self, line: &str) -> Option<usize> {
        let cells = self.cells(line);
        let (first, rest) = cells.split_first()?;
        let is_value = |cell: &&str| number::parse(cell, self.decimal).is_some() || number::is_gap(cell);
        (number::parse(first, self.decimal).is_some() && !rest.is_empty() && rest.iter().all(is_value))
            .then_some(cells.len())
    }
}

/// Rows of equal width; gaps are NaN.
pub(super) struct Rows {
    pub columns: usize,
    cells: Vec<f64>,
}

impl Rows {
    /// The points at which both columns have a value.
    pub fn points(&self, x_column: usize, y_column: usize) -> (Vec<f64>, Vec<f64>) {
        self.cells
            .chunks_exact(self.columns.max(1))
            .filter_map(|row| Some((*row.get(x_column)?, *row.get(y_column)?)))
            .filter(|(x, y)| x.is_finite() && y.is_finite())
            .unzip()
    }

    /// A column from top to bottom; gaps are NaN.
    pub fn column(&self, column: usize) -> impl Iterator<Item = f64> {
        self.cells.iter().skip(column).step_by(self.columns.max(1)).copied()
    }

    /// Number of rows.
    pub fn len(&self) -> usize {
        self.cells.len() / self.columns.max(1)
    }
}

/// A table that was found in a text.
pub(super) struct Table<'a> {
    /// The lines before it.
    pub header: Vec<&'a str>,
    /// Titles of the columns, where the header's last line has one for each.
    pub titles: Option<Vec<&'a str>>,
    pub rows: Rows,
}

/// Finds the table in a text and reads it.
pub(super) fn find(text: &str) -> Result<Table<'_>, FormatError> {
    let (layout, first_line, columns) = recognise(text).ok_or(FormatError::NoTable)?;
    let rows = read_rows(text::lines(text).skip(first_line - 1), layout, columns)?;
    let header: Vec<&str> = text::lines(text).take(first_line - 1).map(|(_, line)| line).collect();
    let titles = titles(&header, columns);
    if layout.separator == Separator::Comma && columns > 2 && titles.is_none() {
        let has_point = text::lines(text).skip(first_line - 1).any(|(_, line)| line.contains('.'));
        if !has_point {
            return Err(FormatError::AmbiguousCommas);
        }
    }
    Ok(Table { header, titles, rows })
}

/// The layout that reads most lines of the text's beginning, the first line and the width of its longest run of rows.
fn recognise(text: &str) -> Option<(Layout, usize, usize)> {
    let mut looked_at = 0;
    let sample: Vec<(usize, &str)> = text::lines(text)
        .take_while(|(_, line)| {
            let goes_on = looked_at < SAMPLE_BYTES;
            looked_at += line.len() + 1;
            goes_on
        })
        .filter(|(_, line)| !is_remark(line))
        .collect();
    let mut best: Option<(usize, Layout, usize, usize)> = None;
    for layout in LAYOUTS {
        if let Some((length, first_line, columns)) = longest_run(&sample, layout)
            && best.is_none_or(|(longest, ..)| length > longest)
        {
            best = Some((length, layout, first_line, columns));
        }
    }
    best.map(|(_, layout, first_line, columns)| (layout, first_line, columns))
}

/// Length, first line and width of the longest run of rows of equal width.
fn longest_run(sample: &[(usize, &str)], layout: Layout) -> Option<(usize, usize, usize)> {
    let widths: Vec<(usize, Option<usize>)> =
        sample.iter().map(|(number, line)| (*number, layout.row_width(line))).collect();
    widths
        .chunk_by(|a, b| a.1 == b.1)
        .filter_map(|run| run.first().and_then(|(line, width)| Some((run.len(), *line, (*width)?))))
        // Of runs of equal length the first, and `max_by_key` returns the last.
        .rev()
        .max_by_key(|(length, ..)| *length)
}

/// Blank lines and remarks may stand anywhere.
fn is_remark(line: &str) -> bool {
    let line = line.trim().trim_end_matches(LINE_END);
    line.is_empty() || line.starts_with('#') || line.starts_with("//") || line.starts_with('%')
}

/// Reads rows of `columns` cells. Text may follow the table; text between rows, rows of another width and cells that are
/// neither number nor gap are refused, so that no damaged line is skipped silently.
pub(super) fn read_rows<'a>(
    lines: impl Iterator<Item = (usize, &'a str)>,
    layout: Layout,
    columns: usize,
) -> Result<Rows, FormatError> {
    let mut cells = Vec::new();
    let mut not_a_row: Option<(usize, &str)> = None;
    let mut count = 0;
    for (line_number, line) in lines.filter(|(_, line)| !is_remark(line)) {
        let mut row = layout.cells(line);
        if row.len() + 1 == columns && layout.ends_open(line) {
            row.push("");
        }
        let is_text = |cell: &&str| number::parse(cell, layout.decimal).is_none() && !number::is_gap(cell);
        if row.iter().any(is_text) {
            not_a_row.get_or_insert((line_number, line));
            continue;
        }
        if let Some((line_number, line)) = not_a_row {
            return Err(FormatError::Line { line: line_number, what: format!("'{}' are no numbers", quote(line)) });
        }
        if row.len() != columns {
            let what = format!("it has {} columns and the rows before it {columns}", row.len());
            return Err(FormatError::Line { line: line_number, what });
        }
        count += 1;
        if count > MAX_POINTS || cells.len() + columns > MAX_NUMBERS {
            return Err(FormatError::TooManyNumbers);
        }
        cells.extend(row.iter().map(|cell| number::parse(cell, layout.decimal).unwrap_or(f64::NAN)));
    }
    Ok(Rows { columns, cells })
}

fn quote(line: &str) -> String {
    let mut quoted: String = line.trim().chars().take(QUOTED_CHARS).collect();
    if line.trim().chars().nth(QUOTED_CHARS).is_some() {
        quoted.push('\u{2026}');
    }
    quoted
}

/// The cells of the header's last line (remarks behind it are passed over) if it has a title for each column under any
/// separator.
fn titles<'a>(header: &[&'a str], columns: usize) -> Option<Vec<&'a str>> {
    for line in header.iter().rev().filter(|line| !line.trim().is_empty()) {
        let titles = LAYOUTS.iter().find_map(|layout| {
            let mut cells = layout.cells(line);
            cells.retain(|cell| !cell.is_empty());
            let titled = |cell: &&str| cell.chars().any(char::is_alphabetic);
            (cells.len() == columns && cells.iter().all(titled)).then_some(cells)
        });
        if titles.is_some() || !is_remark(line) {
            return titles;
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    fn points(text: &str) -> (Vec<f64>, Vec<f64>) {
        find(text).map(|table| table.rows.points(0, 1)).unwrap()
    }

    #[test]
    fn every_separator_and_decimal_mark_reads_the_same() {
        for text in [
            "100.5\t2.25\n101.5\t-3\n",
            "100,5\t2,25\n101,5\t-3\n",
            "100.5;2.25\n101.5;-3\n",
            "100,5;2,25\r\n101,5;-3\r\n",
            "100,5; 2,25;\n101,5; -3;\n",
            "100.5,2.25\n101.5,-3\n",
            "100.5, 2.25\n101.5, -3\n",
            "  100.5   2.25\n  101.5   -3\n",
            "100,5 2,25\n101,5 -3\n",
            "100.5\t2.25\t\n101.5\t-3\t\n\u{1a}",
        ] {
            assert_eq!(points(text), (vec![100.5, 101.5], vec![2.25, -3.0]), "{text:?}");
        }
    }

    #[test]
    fn a_header_and_a_footer_are_no_rows() {
        let table = find("Made 2024 11\nShift;Counts\n\n# a remark\n1;2\n3;4\n\nend of file\n").unwrap();
        assert_eq!(table.rows.points(0, 1), (vec![1.0, 3.0], vec![2.0, 4.0]));
        assert_eq!(table.titles, Some(vec!["Shift", "Counts"]));
        assert_eq!(table.rows.len(), 2);
    }

    #[test]
    fn gaps_are_left_out_and_damage_is_named_with_its_line() {
        assert_eq!(points("1\t2\n3\tNaN\n5\t6\n"), (vec![1.0, 5.0], vec![2.0, 6.0]));
        assert_eq!(find("1\t2\t3\n3\t4\t\n5\t6\t7\n").unwrap().rows.points(0, 2), (vec![1.0, 5.0], vec![3.0, 7.0]));
        let damage = |text: &str| find(text).map(|_| ()).unwrap_err().to_string();
        assert!(damage("1\t2\n3\t4\n5\tx7\n7\t8\n").contains("line 3"));
        assert!(damage("1\t2\n3\t4\n5\t6\n7\n").contains("line 4"));
        assert!(damage("1\t2\n3\t4\n5\t6\t7\n").contains("3 columns"));
        assert!(damage("1\t1e999\n2\t1e999\n").contains("no table"));
    }

    #[test]
    fn commas_that_could_be_either_are_refused() {
        assert_eq!(find("100,5,2,25\n101,5,3,5\n").map(|_| ()).unwrap_err(), FormatError::AmbiguousCommas);
        assert!(find("100,5\n101,3\n").is_ok());
        assert!(find("a,b,c\n1,2,3\n2,3,4\n").is_ok());
    }

    #[test]
    fn too_many_rows_are_refused() {
        let text = "1\t2\n".repeat(MAX_POINTS + 1);
        assert_eq!(find(&text).map(|_| ()).unwrap_err(), FormatError::TooManyNumbers);
    }
}
