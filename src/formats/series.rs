//! Many spectra over one axis: the first row holds the axis behind one or two empty cells, every further row one or two
//! labels (time, depth, place) and the intensities. LabSpec writes time series and maps so.

use super::number::{self, Decimal};
use super::table::{Layout, Separator};
use super::{Content, FileSpectrum, FormatError, MAX_CELLS, MAX_POINTS, text};

/// Fewest axis points that tell a series from an ordinary table with an empty cell.
const MIN_AXIS: usize = 16;
/// Most labels before the intensities of a row.
const MAX_LABELS: usize = 2;
/// Series separate cells by tabs.
const LAYOUTS: [Layout; 2] = [
    Layout { separator: Separator::Tab, decimal: Decimal::Point },
    Layout { separator: Separator::Tab, decimal: Decimal::Comma },
];

/// The first line that is no remark holds an axis behind one or two empty cells.
pub(super) fn recognises(content: &Content<'_>) -> bool {
    axis(content.text).is_some()
}

/// One sample per row.
pub(super) fn read(content: &Content<'_>) -> Result<Vec<FileSpectrum>, FormatError> {
    let Some((axis_line, layout, labels, axis)) = axis(content.text) else { return Err(FormatError::NoTable) };
    if axis.len() > MAX_POINTS {
        return Err(FormatError::TooManyNumbers);
    }
    let mut spectra = Vec::new();
    for (line, row) in text::lines(content.text).skip(axis_line).filter(|(_, row)| !row.trim().is_empty()) {
        // Every spectrum holds the axis too.
        if (spectra.len() + 1).saturating_mul(2 * axis.len()) > MAX_CELLS {
            return Err(FormatError::TooManyNumbers);
        }
        let cells = layout.cells(row);
        let values = cells.get(labels..).unwrap_or_default();
        let intensities: Vec<f64> = values.iter().map_while(|cell| number::parse(cell, layout.decimal)).collect();
        if values.len() != axis.len() || intensities.len() != axis.len() {
            let what = format!("it has {} numbers and the axis {}", intensities.len(), axis.len());
            return Err(FormatError::Line { line, what });
        }
        let label = cells.get(..labels).unwrap_or_default().join(", ");
        let title = format!("{} ({label})", content.fallback_title);
        spectra.push(FileSpectrum::sample(title, axis.clone(), intensities));
    }
    Ok(spectra)
}

/// The axis row: its line, how it is written, the number of cells before the axis, and the axis.
fn axis(text: &str) -> Option<(usize, Layout, usize, Vec<f64>)> {
    let (line, row) = text::lines(text).find(|(_, row)| !row.trim().is_empty() && !row.starts_with('#'))?;
    LAYOUTS.iter().find_map(|layout| {
        let cells = layout.cells(row);
        let labels = cells.iter().take_while(|cell| cell.is_empty()).count();
        let axis = cells.get(labels..)?.iter().map(|cell| number::parse(cell, layout.decimal));
        let axis: Vec<f64> = axis.collect::<Option<_>>()?;
        ((1..=MAX_LABELS).contains(&labels) && axis.len() >= MIN_AXIS).then_some((line, *layout, labels, axis))
    })
}

#[cfg(test)]
mod tests {
    use super::super::read_bytes;

    fn text(rows: &[&str]) -> String {
        let axis: Vec<String> = (0..20).map(|i| format!("{}", 2000 - 10 * i)).collect();
        let values: Vec<String> = (0..20).map(|i| i.to_string()).collect();
        let rows: Vec<String> = rows.iter().map(|label| format!("{label}\t{}\n", values.join("\t"))).collect();
        format!("\t{}\n{}", axis.join("\t"), rows.concat())
    }

    #[test]
    fn every_row_of_a_series_is_a_spectrum_over_the_first_row() {
        let spectra = read_bytes(text(&["0", "5.834"]).as_bytes(), "series.txt").unwrap();
        assert_eq!(spectra.len(), 2);
        assert_eq!(spectra[1].title, "series (5.834)");
        assert_eq!((spectra[1].x[0], spectra[1].x[19], spectra[1].y[19]), (2000.0, 1810.0, 19.0));
    }

    #[test]
    fn a_row_that_was_cut_off_is_refused() {
        let mut series = text(&["0", "5.834"]);
        series.truncate(series.len() - 5);
        assert!(read_bytes(series.as_bytes(), "x").unwrap_err().to_string().contains("line 3"));
    }
}
