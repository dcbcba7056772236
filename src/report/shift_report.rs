//! The report of a shift or a batch for people.

use krilla::metadata::Metadata;

use super::letters::{Letters, Weight};
use super::record_report::date;
use super::selection::{SelectedRow, Selection, selection_csv};
use super::sheet::{BLACK, MARGIN, MUTE, Mark, NOTE, Paper, Sheet, TEXT};
use super::shift::{Rate, ShiftSummary};
use super::{ReportError, sha256_hex, words};

/// What the rates are not.
const RATES: &str = "These rates are of the parcels that a laboratory decided about. They were chosen for suspicion, so the rates are \
    not those of all parcels. Intervals are Wilson score intervals, 95 %. Simulated scans are in none of the numbers. A result that \
    was corrected counts as the correction says.";

/// The report of the records of a selection as PDF/A-2b. The same rows and checkpoint give the same bytes. `checkpoint` is
/// the signed note up to which the casebook was written when the rows were read.
pub fn shift_pdf(
    selection: &Selection,
    rows: &[SelectedRow],
    checkpoint: &str,
    paper: Paper,
) -> Result<Vec<u8>, ReportError> {
    let summary = ShiftSummary::new(rows);
    let letters = Letters::new()?;
    let mut sheet = Sheet::new(&letters, paper);
    let top = sheet.take(30.0);
    sheet.text((MARGIN, top), "Report of a shift or batch", Weight::Strong, 18.0, BLACK);
    let or_all = |value: Option<String>| value.unwrap_or_else(|| "all".to_owned());
    let mut simulated = summary.simulated.to_string();
    if summary.simulated > 0 {
        simulated.push_str(" (in none of the counts below)");
    }
    let mut apart = summary.blanks_and_controls.to_string();
    if summary.blanks_and_controls > 0 {
        apart.push_str(" (in none of the counts below)");
    }
    sheet.facts(&[
        ("From", selection.from.map_or("the first record".to_owned(), words::time)),
        ("Until before", selection.until.map_or("the last record".to_owned(), words::time)),
        ("Verdict", or_all(selection.level.map(|l| words::level(l).to_owned()))),
        ("Parcel contains", or_all(selection.parcel.clone())),
        ("Operator", or_all(selection.operator.clone())),
        ("Scans", summary.scans.to_string()),
        ("Simulated scans", simulated),
        ("Blanks and controls", apart),
    ]);
    counts(&mut sheet, &summary);
    sheet.heading("Answers of laboratories");
    match &summary.laboratory {
        None => sheet.paragraph("No laboratory result yet.", Weight::Regular, TEXT, BLACK),
        Some(rates) => {
            sheet.facts(&[
                ("Warnings confirmed", rate(&rates.true_warnings)),
                ("Warnings refuted", rate(&rates.false_warnings)),
                ("Missed", format!("{}, of the decided scans without a warning", rate(&rates.missed))),
                ("Undecided", rates.undecided.to_string()),
            ]);
            sheet.space(4.0);
            sheet.paragraph(RATES, Weight::Regular, NOTE, MUTE);
        }
    }
    sheet.heading("Records");
    let lines: Vec<Vec<String>> = rows.iter().map(line).collect();
    let header = ["Record", "Taken (UTC)", "Parcel", "Operator", "Verdict", "Finding", "Laboratory"];
    sheet.table(&[0.08, 0.13, 0.17, 0.12, 0.14, 0.23, 0.13], &header, &lines);
    if rows.iter().any(|row| !row.corrected.is_empty()) {
        sheet.space(4.0);
        let note = "* As a later correction says; the record itself keeps what was written at the time.";
        sheet.paragraph(note, Weight::Regular, NOTE, MUTE);
    }
    sheet.heading("Proof");
    let proof = "This report is a list of records, not their proof. Each record's own report and package carry its proof. The casebook \
        had been signed up to this checkpoint when the list was made:";
    sheet.paragraph(proof, Weight::Regular, NOTE, BLACK);
    for line in checkpoint.lines() {
        sheet.paragraph(line, Weight::Regular, NOTE, BLACK);
    }
    let digest = sha256_hex(&selection_csv(rows)?);
    let mut metadata = Metadata::new()
        .title("Report of a shift or batch".to_owned())
        .creator(concat!("Parcelscope ", env!("CARGO_PKG_VERSION")).to_owned())
        .language("en".to_owned())
        .document_id(digest.clone());
    if let Some(last) = rows.iter().map(|r| r.taken_at).max() {
        metadata = metadata.creation_date(date(last));
    }
    let simulated = summary.simulated > 0;
    let drawn =
        sheet.finish(metadata, |sheet, top, page, pages| foot(sheet, &digest, simulated, (top, page, pages)))?;
    Ok(drawn.pdf)
}

fn counts(sheet: &mut Sheet<'_>, summary: &ShiftSummary) {
    sheet.heading("Verdicts");
    let reason = |(rule, n): (&String, &usize)| vec![format!("inconclusive by rule {rule}"), n.to_string()];
    let rows: Vec<Vec<String>> = summary
        .by_level
        .iter()
        .map(|(level, count)| vec![(*level).to_owned(), count.to_string()])
        .chain(summary.inconclusive_by_rule.iter().map(reason))
        .collect();
    sheet.table(&[0.7, 0.3], &["Verdict", "Scans"], &rows);
}

fn rate(rate: &Rate) -> String {
    match (rate.share, rate.interval) {
        (Some(share), Some(interval)) => {
            format!("{} of {}: {}", rate.count, rate.of, words::share(share, Some(interval)))
        }
        _ => "none decided".to_owned(),
    }
}

fn line(row: &SelectedRow) -> Vec<String> {
    let simulated = if row.simulated { " (simulated)" } else { "" };
    let star = |field: &str| if row.corrected.contains(&field) { " *" } else { "" };
    let kind = if row.kind.counts() { String::new() } else { format!(" ({}{})", row.kind.name(), star("kind")) };
    vec![
        row.id.to_string(),
        words::time(row.taken_at).trim_end_matches(" UTC").to_owned() + star("taken_at"),
        row.parcel.clone() + star("parcel"),
        row.operator.clone() + star("operator"),
        format!("{}{simulated}{kind}", words::level(row.level)),
        row.headline.clone(),
        row.laboratory.map_or("\u{2013}".to_owned(), |l| l.key().to_owned()),
    ]
}

fn foot(sheet: &mut Sheet<'_>, digest: &str, simulated: bool, (top, page, pages): (f32, usize, usize)) {
    let right = MARGIN + sheet.width();
    sheet.put(Mark::Line { points: vec![(MARGIN, top), (right, top)], width: 0.6, ink: MUTE });
    let size = 6.6;
    let text = format!("SHA-256 of the same records as a table (casebook select, CSV): {digest}");
    sheet.text((MARGIN, top + 4.0), &text, Weight::Regular, size, MUTE);
    let number = format!("Page {page} of {pages}");
    let x = right - sheet.letters.width(&number, Weight::Regular, size);
    sheet.text((x, top + 4.0), &number, Weight::Regular, size, MUTE);
    if simulated {
        let word = "Holds SIMULATED scans";
        sheet.text((MARGIN, 18.0), word, Weight::Strong, 9.0, [0x8f, 0x0f, 0x1b]);
        sheet.text((MARGIN, top + 16.0), word, Weight::Strong, 9.0, [0x8f, 0x0f, 0x1b]);
    }
}
