//! Many spectra over one axis: the first row holds the axis behind some label cells, every further row its labels (name,
//! time, depth, place) and the intensities. LabSpec writes time series and maps so, spreadsheets write libraries so.

use std::sync::Arc;

use super::number::{self, Decimal};
use super::table::{Layout, Separator};
use super::{Content, FileSpectrum, FormatError, MAX_NUMBERS, MAX_POINTS, XUnit, text};

/// Fewest axis points that tell a series from an ordinary table.
const MIN_AXIS: usize = 16;
/// Most labels before the intensities of a row.
const MAX_LABELS: usize = 8;
/// How series are written; spaces cannot separate cells, because labels are texts.
const LAYOUTS: [Layout; 5] = [
    Layout { separator: Separator::Tab, decimal: Decimal::Point },
    Layout { separator: Separator::Tab, decimal: Decimal::Comma },
    Layout { separator: Separator::Semicolon, decimal: Decimal::Point },
    Layout { separator: Separator::Semicolon, decimal: Decimal::Comma },
    Layout { separator: Separator::Comma, decimal: Decimal::Point },
];

/// The row of the axis.
struct Axis {
    /// Its line, from 1.
    line: usize,
    layout: Layout,
    /// Cells before the first axis point.
    labels: usize,
    values: Vec<f64>,
    /// Unit, where a cell before the axis names one.
    unit: Option<XUnit>,
}

/// The first line that is no remark holds an axis, and the next as many numbers.
pub(super) fn recognises(content: &Content<'_>) -> bool {
    axis(content.text).is_some()
}

/// One sample per row.
pub(super) fn read(content: &Content<'_>) -> Result<Vec<FileSpectrum>, FormatError> {
    let Some(axis) = axis(content.text) else { return Err(FormatError::NoTable) };
    if axis.values.len() > MAX_POINTS {
        return Err(FormatError::TooManyNumbers);
    }
    let count = axis.values.len();
    let x: Arc<[f64]> = axis.values.as_slice().into();
    let mut spectra = Vec::new();
    for (line, row) in text::lines(content.text).skip(axis.line).filter(|(_, row)| !row.trim().is_empty()) {
        if (spectra.len() + 2).saturating_mul(count) > MAX_NUMBERS {
            return Err(FormatError::TooManyNumbers);
        }
        let cells = cells(row, axis.layout, axis.labels + count);
        let values = cells.get(axis.labels..).unwrap_or_default();
        let intensities: Vec<f64> = values
            .iter()
            .map_while(|cell| number::parse(cell, axis.layout.decimal).or(number::is_gap(cell).then_some(f64::NAN)))
            .collect();
        if values.len() != count || intensities.len() != count {
            let what = format!("it has {} numbers and the axis {count}", intensities.len());
            return Err(FormatError::Line { line, what });
        }
        let labels: Vec<&str> = cells.iter().take(axis.labels).copied().filter(|label| !label.is_empty()).collect();
        let label = if labels.is_empty() { (spectra.len() + 1).to_string() } else { labels.join(", ") };
        let mut spectrum = FileSpectrum::stored(format!("{} ({label})", content.fallback_title), &x, intensities);
        spectrum.x_unit.clone_from(&axis.unit);
        spectra.push(spectrum);
    }
    Ok(spectra)
}

/// The cells of a row without their quotation marks. A separator at the end may stand before a missing value.
fn cells(row: &str, layout: Layout, expected: usize) -> Vec<&str> {
    let mut cells: Vec<&str> = layout.cells(row).into_iter().map(|cell| cell.trim_matches('"').trim()).collect();
    if cells.len() + 1 == expected && layout.ends_open(row) {
        cells.push("");
    }
    cells
}

fn axis(text: &str) -> Option<Axis> {
    let mut rows = text::lines(text).filter(|(_, row)| !row.trim().is_empty() && !row.starts_with('#'));
    let (line, row) = rows.next()?;
    let (_, second) = rows.next()?;
    LAYOUTS.iter().find_map(|layout| {
        let first = cells(row, *layout, 0);
        let value = |cell: &&str| number::parse(cell, layout.decimal);
        let labels = first.iter().take_while(|cell| value(cell).is_none()).count();
        let values: Vec<f64> = first.get(labels..)?.iter().map(value).collect::<Option<_>>()?;
        // Without labels a first row is told from a row of many columns by its order.
        let rises = values.windows(2).all(|w| w[1] > w[0]);
        let falls = values.windows(2).all(|w| w[1] < w[0]);
        let is_axis = values.len() >= MIN_AXIS && labels <= MAX_LABELS && (labels > 0 || rises || falls);
        if !is_axis {
            return None;
        }
        let next = cells(second, *layout, first.len());
        let is_number = |cell: &&str| value(cell).is_some() || number::is_gap(cell);
        let fits = next.len() == first.len() && next.get(labels..)?.iter().all(is_number);
        // A row that was cut off is refused later with its line; but a head of another table is no axis.
        let is_axis_row = fits || labels > 0 && next.get(labels..).is_some_and(|rest| rest.iter().all(is_number));
        let unit = first.iter().take(labels).find_map(|label| XUnit::named_in(label));
        is_axis_row.then_some(Axis { line, layout: *layout, labels, values, unit })
    })
}

#[cfg(test)]
mod tests {
    use super::super::read_bytes;

    fn text(labels: &str, separator: &str, rows: &[&str]) -> String {
        let axis: Vec<String> = (0..20).map(|i| format!("{}", 2000 - 10 * i)).collect();
        let values: Vec<String> = (0..20).map(|i| i.to_string()).collect();
        let row = |label: &&str| format!("{label}{separator}{}\n", values.join(separator));
        let rows: Vec<String> = rows.iter().map(row).collect();
        format!("{labels}{separator}{}\n{}", axis.join(separator), rows.concat())
    }

    #[test]
    fn every_row_of_a_series_is_a_spectrum_over_the_first_row() {
        for (labels, separator, rows, title) in [
            ("", "\t", ["0", "5.834"], "series (5.834)"),
            ("\"name\"", ",", ["\"tea\"", "\"coffee\""], "series (coffee)"),
            ("name;lot", ";", ["tea;1", "coffee;2"], "series (coffee, 2)"),
        ] {
            let spectra = read_bytes(text(labels, separator, &rows).as_bytes(), "series.txt").unwrap();
            assert_eq!(spectra.len(), 2, "{labels}");
            assert_eq!(spectra[1].title, title);
            assert_eq!((spectra[1].x[0], spectra[1].x[19], spectra[1].y[19]), (2000.0, 1810.0, 19.0));
        }
        let bare = text("", "\t", &[""]).replace("\n\t", "\n");
        assert_eq!(read_bytes(bare.trim_start().as_bytes(), "series.txt").unwrap()[0].title, "series (1)");
    }

    #[test]
    fn a_label_before_the_axis_may_name_its_unit() {
        let spectra = read_bytes(text("Raman shift (cm-1)", ",", &["tea"]).as_bytes(), "x").unwrap();
        assert_eq!(spectra[0].x_unit, Some(super::XUnit::Cm1));
    }

    #[test]
    fn a_gap_is_left_out_and_a_row_that_was_cut_off_is_refused() {
        let gap = text("", "\t", &["0"]).replace("\t5\t", "\t\t");
        assert_eq!(read_bytes(gap.as_bytes(), "x").unwrap()[0].y.len(), 19);
        let mut series = text("", "\t", &["0", "5.834"]);
        series.truncate(series.len() - 5);
        assert!(read_bytes(series.as_bytes(), "x").unwrap_err().to_string().contains("line 3"));
    }
}
