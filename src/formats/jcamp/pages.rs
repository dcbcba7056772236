//! Compound blocks (`##NTUPLES=`): several variables declared once, and pages whose tables use them.

use super::super::{FormatError, SpectrumKind, number, text};
use super::records::{Block, Record};
use super::table::Scale;
use super::{Facts, Found, decimal_comma, even, pairs, x_unit, y_unit};

/// The declarations: lists with one entry a variable.
struct Variables<'a> {
    symbols: Vec<&'a str>,
    names: Vec<&'a str>,
    dims: Vec<&'a str>,
    units: Vec<&'a str>,
    first: Vec<&'a str>,
    last: Vec<&'a str>,
    min: Vec<&'a str>,
    max: Vec<&'a str>,
    factor: Vec<&'a str>,
}

impl<'a> Variables<'a> {
    fn read(block: &Block<'a>) -> Self {
        let list = |label: &str| -> Vec<&'a str> {
            block.find(label).map(|record| record.value().split(',').map(str::trim).collect()).unwrap_or_default()
        };
        Self {
            symbols: list("SYMBOL"),
            names: list("VARNAME"),
            dims: list("VARDIM"),
            units: list("UNITS"),
            first: list("FIRST"),
            last: list("LAST"),
            min: list("MIN"),
            max: list("MAX"),
            factor: list("FACTOR"),
        }
    }

    /// Where a symbol stands in the lists.
    fn at(&self, symbol: char) -> Option<usize> {
        self.symbols.iter().position(|known| known.len() == 1 && known.starts_with(symbol))
    }
}

fn entry<'a>(list: &[&'a str], at: Option<usize>) -> Option<&'a str> {
    list.get(at?).copied().filter(|entry| !entry.is_empty())
}

fn value(list: &[&str], at: Option<usize>) -> Option<f64> {
    number::parse_either(entry(list, at)?)
}

/// The table of every page.
pub(super) fn read(block: &Block<'_>, left: &mut usize) -> Result<Vec<Found>, FormatError> {
    let variables = Variables::read(block);
    let pages = Pages {
        variables,
        decimal_comma: decimal_comma(block),
        is_only: block.records.iter().filter(|record| record.is("DATATABLE")).count() == 1,
    };
    let mut found = Vec::new();
    let mut page = "";
    let mut points_of_page = None;
    for record in &block.records {
        if record.is("PAGE") {
            page = text::brief(record.value());
            points_of_page = None;
        } else if record.is("NPOINTS") {
            points_of_page = record.number().filter(|n| *n >= 1.0).map(|n| n as usize);
        } else if record.is("DATATABLE") {
            let table = pages.table(record, page, points_of_page, *left)?;
            *left = left
                .checked_sub(table.as_ref().map_or(0, |(_, points, _)| points.y.len()))
                .ok_or(FormatError::TooManyNumbers)?;
            found.extend(table);
        }
    }
    Ok(found)
}

/// A compound block.
struct Pages<'a> {
    variables: Variables<'a>,
    decimal_comma: bool,
    /// True where there is one page.
    is_only: bool,
}

impl Pages<'_> {
    fn table(
        &self,
        record: &Record<'_>,
        page: &str,
        points_of_page: Option<usize>,
        most: usize,
    ) -> Result<Option<Found>, FormatError> {
        let variables = &self.variables;
        // `(X++(R..R)), XYDATA` or `(XY..XY), PEAKS`: letters in order, the first is the abscissa.
        let form = text::brief(record.value());
        let (shape, use_) = form.rsplit_once("),").unwrap_or((form, ""));
        let mut letters = shape.chars().filter(char::is_ascii_alphabetic);
        let (Some(x_symbol), Some(y_symbol)) = (letters.next(), letters.next()) else { return Ok(None) };
        let (x, y) = (variables.at(x_symbol), variables.at(y_symbol));
        let factor = |at| value(&variables.factor, at).filter(|factor| *factor != 0.0).unwrap_or(1.0);
        let is_even = shape.contains("++");
        let dim =
            value(&variables.dims, y).or_else(|| value(&variables.dims, x)).filter(|n| *n >= 1.0).map(|n| n as usize);
        // The lists give extremes over all pages, so they hold for a table of pairs only where there is one page.
        let per_page = |v: Option<f64>| v.filter(|_| is_even || self.is_only);
        let scale = Scale {
            first_x: value(&variables.first, x).filter(|_| is_even),
            last_x: value(&variables.last, x).filter(|_| is_even),
            delta_x: None,
            points: points_of_page.or(dim.filter(|_| is_even)),
            x_factor: factor(x),
            y_factor: factor(y),
            first_y: per_page(value(&variables.first, y)),
            min_y: per_page(value(&variables.min, y)),
            max_y: per_page(value(&variables.max, y)),
        };
        let points = if is_even {
            even(record, &scale, self.decimal_comma, most)?
        } else {
            let pair = format!("({}", shape.replace(x_symbol, "X").replace(y_symbol, "Y").trim_start_matches('('));
            pairs::read(record, &pair, &scale, self.decimal_comma)?
        };
        if points.y.is_empty() {
            return Ok(None);
        }
        let name = text::brief(entry(&variables.names, y).unwrap_or_default());
        let mut facts = Facts {
            is_peak_table: use_.to_uppercase().contains("PEAKS"),
            x_unit: entry(&variables.units, x).map(|unit| x_unit(text::brief(unit))),
            y_unit: entry(&variables.units, y).map(|unit| y_unit(text::brief(unit))),
            ..Facts::default()
        };
        if name.to_uppercase().contains("IMAG") {
            facts.kind = Some(SpectrumKind::Other);
        }
        let title = [name, page].into_iter().filter(|part| !part.is_empty()).collect::<Vec<_>>().join(", ");
        Ok(Some((title, points, facts)))
    }
}
