//! The report of one record: what was found, how sure it is, what it was measured with, and the proof of the record.

use jiff::Timestamp;
use krilla::metadata::{DateTime, Metadata};
use qrcode::{Color, EcLevel, QrCode};

use crate::analyzer::gps::Place;
use crate::casebook::{Dossier, ScanRecord, StoredEvent, TimeSource};
use crate::identify::{Answer, Level};
use crate::library::Library;

use super::curves::curves;
use super::digest::hex;
use super::letters::{Letters, Weight};
use super::photos::{Photo, photos, put_photos};
use super::plot::plot;
use super::preview::PreviewPage;
use super::sheet::{BLACK, Drawn, Ink, MARGIN, MUTE, Mark, NOTE, Paper, Sheet, TEXT};
use super::{ReportError, words};

/// Most lines of each list of findings; the record holds all.
const ROWS: usize = 7;
/// Longest body of an event that is printed; the package holds all.
const BODY_CHARS: usize = 600;

/// What *presumptive* means, for a reader who was not there.
const PRESUMPTIVE: &str = "Presumptive means that the result rests on one screening technique. A Raman or infrared scan compares light \
    from one spot of the sample with the references of a library. It can miss what is present in a small share, what fluoresces and \
    what the library does not hold, and it can take one substance for a near relative. Such a result justifies care, holding the \
    item and sending it to a laboratory; it does not prove identity, purity or quantity. Proof needs a confirmatory method, for \
    example gas or liquid chromatography with mass spectrometry, in a laboratory. A share of the signal is not a share of the weight.";

/// The report of a record as PDF/A-2b. The same dossier and library give the same bytes.
///
/// `library` is used to draw the reference, if it is the very library of the record.
pub fn record_pdf(dossier: &Dossier, library: Option<&Library>, paper: Paper) -> Result<Vec<u8>, ReportError> {
    drawn(dossier, library, paper).map(|drawn| drawn.pdf)
}

/// The pages of the same report, to be looked at before it is saved.
pub fn record_preview(
    dossier: &Dossier,
    library: Option<&Library>,
    paper: Paper,
) -> Result<Vec<PreviewPage>, ReportError> {
    drawn(dossier, library, paper).map(|drawn| drawn.pages)
}

fn drawn(dossier: &Dossier, library: Option<&Library>, paper: Paper) -> Result<Drawn, ReportError> {
    let whole = rendered(dossier, library, paper, &photos(dossier));
    // A photo may turn out damaged only when its pixels are read. The report is worth more than the picture.
    if whole.is_err() && !dossier.files.is_empty() { rendered(dossier, library, paper, &[]) } else { whole }
}

fn rendered(
    dossier: &Dossier,
    library: Option<&Library>,
    paper: Paper,
    pictures: &[Photo<'_>],
) -> Result<Drawn, ReportError> {
    let letters = Letters::new()?;
    let mut sheet = Sheet::new(&letters, paper);
    let record = &dossier.scan.record;
    title(&mut sheet, dossier);
    verdict(&mut sheet, &record.answer, record.clock_warning());
    sheet.heading("Spectrum");
    plot(&mut sheet, &curves(record, library), words::axis(record.answer.technique));
    findings(&mut sheet, &record.answer);
    sheet.heading("What presumptive means");
    sheet.paragraph(PRESUMPTIVE, Weight::Regular, TEXT, BLACK);
    measurement(&mut sheet, dossier);
    history(&mut sheet, &dossier.history);
    put_photos(&mut sheet, dossier, pictures);
    proof(&mut sheet, dossier)?;
    let metadata = metadata(dossier);
    sheet.finish(metadata, |sheet, top, page, pages| foot(sheet, dossier, top, page, pages))
}

fn title(sheet: &mut Sheet<'_>, dossier: &Dossier) {
    let record = &dossier.scan.record;
    let top = sheet.take(26.0);
    sheet.text((MARGIN, top), "Screening report", Weight::Strong, 18.0, BLACK);
    let number = format!("Record {}", dossier.scan.id);
    let right = MARGIN + sheet.width() - sheet.letters.width(&number, Weight::Strong, 11.0);
    sheet.text((right, top + 6.0), &number, Weight::Strong, 11.0, BLACK);
    sheet.space(2.0);
    let mut facts = vec![
        ("Taken", words::time(record.taken_at)),
        ("Clock", record.time_source.map_or("its state was not recorded".to_owned(), TimeSource::words)),
        ("Operator", operator(record)),
        ("Parcel", if record.parcel.is_empty() { "not stated".to_owned() } else { record.parcel.clone() }),
        ("Scanned", record.subject.words()),
        ("Last blank", record.last_blank_words()),
    ];
    if record.acquisition.simulated {
        facts.push(("Origin", "simulated: an emulated analyzer, no real sample".to_owned()));
    }
    if let Some(sample) = &record.emulated_sample {
        facts.push(("Emulated sample", sample.clone()));
    }
    sheet.facts(&facts);
}

/// Who scanned, and what that person was at the time.
fn operator(record: &ScanRecord) -> String {
    let Some(standing) = record.standing else { return record.operator.clone() };
    let training =
        standing.training_expires.map_or("no training date stated".to_owned(), |d| format!("training valid to {d}"));
    format!("{} ({}, {training})", record.operator, standing.role.name())
}

/// Colours of a level's text and ground. The word says the same.
const fn inks(level: Level) -> (Ink, Ink) {
    match level {
        Level::Alarm => ([0x8f, 0x0f, 0x1b], [0xfb, 0xe9, 0xea]),
        Level::Alert => ([0x66, 0x38, 0x00], [0xfd, 0xf1, 0xdd]),
        Level::Inconclusive => ([0x3c, 0x42, 0x4a], [0xec, 0xee, 0xf0]),
        Level::NoneDetected => ([0x0b, 0x4a, 0x86], [0xe6, 0xf0, 0xfa]),
    }
}

fn verdict(sheet: &mut Sheet<'_>, answer: &Answer, clock: Option<String>) {
    let verdict = &answer.verdict;
    let (ink, ground) = inks(verdict.level());
    let inner = sheet.width() - 20.0;
    let headline = sheet.letters.lines(verdict.headline(), Weight::Strong, 11.0, inner);
    let rule = format!("Rule {} \u{b7} presumptive, to be confirmed by a laboratory", verdict.rule());
    let rule = sheet.letters.lines(&rule, Weight::Regular, NOTE, inner);
    // A headline that fills the page would leave no room for its own box.
    let headline: Vec<String> = headline.into_iter().take(12).collect();
    let height = 38.0 + headline.len() as f32 * 14.5 + rule.len() as f32 * 10.0;
    sheet.space(6.0);
    let top = sheet.take(height);
    let (width, left) = (sheet.width(), MARGIN + 10.0);
    sheet.put(Mark::Box { x: MARGIN, y: top, width, height: height - 6.0, ink: ground });
    sheet.put(Mark::Box { x: MARGIN, y: top, width: 4.0, height: height - 6.0, ink });
    sheet.text((left, top + 6.0), words::level(verdict.level()), Weight::Strong, 15.0, ink);
    let mut y = top + 28.0;
    for line in &headline {
        sheet.text((left, y), line, Weight::Strong, 11.0, BLACK);
        y += 14.5;
    }
    for line in &rule {
        sheet.text((left, y), line, Weight::Regular, NOTE, MUTE);
        y += 10.0;
    }
    sheet.facts(&[("What to do", verdict.next_step().to_owned())]);
    for problem in &answer.quality.problems {
        sheet.facts(&[("Problem of this scan", problem.clone())]);
    }
    if let Some(warning) = clock {
        sheet.facts(&[("Problem of the clock", warning)]);
    }
}

fn findings(sheet: &mut Sheet<'_>, answer: &Answer) {
    sheet.heading("Findings");
    if answer.identified.is_empty() {
        sheet.paragraph("No substance was named.", Weight::Regular, TEXT, BLACK);
    } else {
        let rows: Vec<Vec<String>> = answer
            .identified
            .iter()
            .map(|found| {
                let probability = answer.candidates.iter().find(|c| c.substance == found.substance);
                vec![
                    found.substance.clone(),
                    found.cas.clone().unwrap_or_else(|| "\u{2013}".to_owned()),
                    if found.form.is_empty() { "not determined".to_owned() } else { found.form.clone() },
                    words::strength(found.strength).to_owned(),
                    probability.and_then(|c| c.probability).map_or("\u{2013}".to_owned(), |p| format!("{p:.2}")),
                    if found.alternatives.is_empty() { "\u{2013}".to_owned() } else { found.alternatives.join(", ") },
                ]
            })
            .collect();
        let shares = [0.24, 0.13, 0.19, 0.12, 0.1, 0.22];
        sheet.table(&shares, &["Named", "CAS", "Form", "How", "Probability", "Cannot be told from"], &rows);
    }
    if !answer.candidates.is_empty() {
        sheet.space(8.0);
        let rows: Vec<Vec<String>> = answer
            .candidates
            .iter()
            .take(ROWS)
            .map(|c| {
                vec![
                    c.substance.clone(),
                    c.probability.map_or("\u{2013}".to_owned(), |p| format!("{p:.2}")),
                    format!("{:.2}", c.score),
                    words::share(c.explained, None),
                    words::bands(&c.missing_bands),
                    format!("{}, {}", words::tier(c.reference.tier), c.reference.source),
                ]
            })
            .collect();
        let header =
            ["Candidate (asserts nothing)", "Probability", "Similarity", "Explained", "Missing bands", "Reference"];
        sheet.table(&[0.26, 0.11, 0.1, 0.1, 0.18, 0.25], &header, &rows);
    }
    if !answer.mixture.is_empty() {
        sheet.space(8.0);
        let rows: Vec<Vec<String>> = answer
            .mixture
            .iter()
            .take(ROWS)
            .map(|c| {
                let p = c.p_value.map_or("\u{2013}".to_owned(), |p| format!("{p:.1e}"));
                vec![
                    c.substance.clone(),
                    words::share(c.spectral_share, c.share_interval),
                    p,
                    words::tier(c.reference.tier).to_owned(),
                ]
            })
            .collect();
        let header = ["Component of the fit", "Share of the signal (95 %)", "By chance", "Reference"];
        sheet.table(&[0.4, 0.25, 0.15, 0.2], &header, &rows);
    }
    sheet.space(8.0);
    for class in &answer.class_evidence {
        let probability = class.probability.map_or(String::new(), |p| format!(", probability {p:.2}"));
        let text = format!(
            "{}{probability}; bands found {}; bands missing {}",
            class.class,
            words::bands(&class.bands_found),
            words::bands(&class.bands_missing)
        );
        sheet.facts(&[("Class evidence", text)]);
    }
    sheet.facts(&missed(answer));
}

/// What this scan could not have seen.
fn missed(answer: &Answer) -> Vec<(&'static str, String)> {
    let mut limits: Vec<(f64, &str)> =
        answer.detection_limits.iter().filter_map(|l| Some((l.spectral_share?, l.substance.as_str()))).collect();
    limits.sort_by(|a, b| b.0.total_cmp(&a.0).then(a.1.cmp(b.1)));
    let shown: Vec<String> = limits.iter().take(ROWS).map(|(s, name)| format!("{name} {:.1} %", s * 100.0)).collect();
    let more = match limits.len().saturating_sub(ROWS) {
        0 => String::new(),
        more => format!(" and {more} substances with lower limits"),
    };
    let limits = if shown.is_empty() {
        "none could be computed for this scan".to_owned()
    } else {
        format!("{}{more}. Below this share of the signal the substance could have been missed.", shown.join(", "))
    };
    let coverage = &answer.coverage;
    let mut facts = vec![
        ("Detection limits", limits),
        (
            "Unexplained",
            format!(
                "{} of the band signal; strongest unexplained bands at {}",
                words::share(answer.residual.unexplained, None),
                words::bands(&answer.residual.strongest_unexplained_cm1)
            ),
        ),
        (
            "Searched for",
            format!(
                "{} listed substances with a measured reference, {} known by calculation only",
                coverage.listed_measured, coverage.listed_computed_only
            ),
        ),
    ];
    if let Some(p) = answer.not_in_library {
        facts.push(("Not in the library", format!("probability {p:.2}")));
    }
    if !coverage.not_searchable.is_empty() {
        facts.push(("Cannot be searched for", coverage.not_searchable.join(", ")));
    }
    facts
}

fn measurement(sheet: &mut Sheet<'_>, dossier: &Dossier) {
    let record = &dossier.scan.record;
    let (scan, answer) = (&record.acquisition, &record.answer);
    sheet.heading("Instrument and measurement");
    let conditions = &scan.conditions;
    let calibration = match &conditions.correction {
        None => "none applied: this kit has no calibration record".to_owned(),
        Some(correction) => correction.sources.join("; "),
    };
    let mut facts = vec![
        ("Spectrometer", words::device(&scan.spectrometer)),
        ("Laser", format!("{}, {} nm", words::device(&scan.laser), scan.excitation_nm)),
        ("Place", conditions.place.as_ref().map_or("not recorded".to_owned(), Place::words)),
        ("Calibration", calibration),
        ("Performance check", conditions.check.words()),
    ];
    let exposures = std::iter::once(&scan.dark).chain(&scan.light);
    let lasers: Vec<String> = exposures
        .map(|e| {
            let kind = if e.kind == crate::analyzer::ExposureKind::Dark { "dark" } else { "light" };
            format!("{kind} readout: {} before, {} after", words::laser(e.laser_before), words::laser(e.laser_after))
        })
        .collect();
    facts.push(("Laser state", lasers.join("; ")));
    if let Some(light) = scan.light.first() {
        facts.push((
            "Exposure",
            format!(
                "{} \u{d7} {} ms, {} averaged, saturation at {} counts, {} pixels",
                scan.light.len(),
                f64::from(light.integration_us) / 1000.0,
                light.scans_averaged,
                light.saturation_counts,
                light.counts.len()
            ),
        ));
        if !light.temperatures_c.is_empty() {
            let all: Vec<String> = light.temperatures_c.iter().map(|t| format!("{t:.1} \u{b0}C")).collect();
            facts.push(("Temperatures", all.join(", ")));
        }
    }
    if let Some(choice) = &conditions.auto_exposure {
        facts.push(("Exposure", words::exposure(choice)));
    }
    if let Some(power) = &conditions.laser_power {
        facts.push(("Laser power", power.words()));
    }
    facts.push(("Dark", words::dark(conditions.dark_source)));
    let quality = &answer.quality;
    facts.push(("Quality", format!(
        "signal to noise {:.0}, background {:.1} times the bands, {}, compared from {:.0} to {:.0} cm\u{207b}\u{b9}",
        quality.snr,
        quality.fluorescence,
        if quality.saturated { "saturated points" } else { "no saturated point" },
        quality.range_cm1.0,
        quality.range_cm1.1
    )));
    if let Some(changed) = conditions.changed_during_scan {
        facts.push((
            "Change during scan",
            format!("{changed:.1} times its uncertainty (above 4: moved, bleached or burnt)"),
        ));
    }
    let library = &answer.library;
    facts.push(("Library", format!("{} {}, SHA-256 {}", library.name, library.version, library.sha256)));
    facts.push(("Program", format!("Parcelscope {}, {}", record.program_version, answer.engine)));
    sheet.facts(&facts);
}

fn history(sheet: &mut Sheet<'_>, history: &[StoredEvent]) {
    sheet.heading("Chain of custody and history");
    if history.is_empty() {
        let text = "The casebook holds nothing about this record beside the scan: no note, no hand-over, no disposition, no laboratory result.";
        return sheet.paragraph(text, Weight::Regular, TEXT, BLACK);
    }
    let rows: Vec<Vec<String>> = history
        .iter()
        .map(|event| {
            let body = event.words().unwrap_or_else(|| body_words(&event.body));
            vec![words::stored_time(&event.at), event.operator.clone(), event.kind.clone(), body]
        })
        .collect();
    sheet.table(&[0.21, 0.16, 0.16, 0.47], &["When (UTC)", "Who", "What", "Said"], &rows);
}

/// The body of an event as text: the values of an object with their names.
fn body_words(body: &serde_json::Value) -> String {
    let text = |value: &serde_json::Value| match value {
        serde_json::Value::String(text) => text.clone(),
        other => other.to_string(),
    };
    let whole = match body {
        serde_json::Value::Object(map) => {
            let filled = map.iter().filter(|(_, value)| !value.is_null());
            filled.map(|(name, value)| format!("{name}: {}", text(value))).collect::<Vec<_>>().join("; ")
        }
        other => text(other),
    };
    if whole.chars().count() <= BODY_CHARS {
        return whole;
    }
    whole.chars().take(BODY_CHARS).chain(" \u{2026} (cut; the record holds the rest)".chars()).collect()
}

fn proof(sheet: &mut Sheet<'_>, dossier: &Dossier) -> Result<(), ReportError> {
    sheet.heading("Proof of the record");
    let text = format!("parcelscope:record:{}:sha256:{}", dossier.scan.id, dossier.digest);
    let code = QrCode::with_error_correction_level(&text, EcLevel::M).map_err(|e| ReportError::Pdf(e.to_string()))?;
    let (width, modules) = (code.width(), code.to_colors());
    let side = 92.0;
    sheet.keep_together(side + 8.0);
    let top = sheet.take(0.0);
    let module = side / width as f32;
    let left = MARGIN + sheet.width() - side;
    for (i, _) in modules.iter().enumerate().filter(|(_, c)| **c == Color::Dark) {
        let (x, y) = (left + (i % width) as f32 * module, top + (i / width) as f32 * module);
        // A hair wider than a module: no seams between neighbours.
        sheet.put(Mark::Box { x, y, width: module + 0.02, height: module + 0.02, ink: [0, 0, 0] });
    }
    let column = sheet.width() - side - 16.0;
    let lines = [
        format!("Record digest (SHA-256, also in the QR code): {}", dossier.digest),
        format!(
            "Included in log {}; checkpoint of {} entries, signed {}, root {}.",
            dossier.checkpoint.origin,
            dossier.checkpoint.size,
            words::stored_time(&dossier.checkpoint_at),
            hex(&dossier.checkpoint.root)
        ),
        format!("Verifier key of the casebook: {}", dossier.proof.verifier),
        "The exchange package of this record holds the inclusion proof and how to check it without this program. A key that stands only \
         here proves nothing: hold it against one that was noted elsewhere."
            .to_owned(),
    ];
    let mut y = top;
    for text in &lines {
        for line in sheet.letters.lines(text, Weight::Regular, NOTE, column) {
            sheet.text((MARGIN, y), &line, Weight::Regular, NOTE, BLACK);
            y += NOTE * 1.35;
        }
        y += 3.0;
    }
    sheet.space((y - top).max(side + 6.0));
    Ok(())
}

fn foot(sheet: &mut Sheet<'_>, dossier: &Dossier, top: f32, page: usize, pages: usize) {
    let right = MARGIN + sheet.width();
    sheet.put(Mark::Line { points: vec![(MARGIN, top), (right, top)], width: 0.6, ink: MUTE });
    let size = 6.6;
    let lines = [
        format!("Record {} \u{b7} SHA-256 {}", dossier.scan.id, dossier.digest),
        format!(
            "Checkpoint {} \u{b7} {} entries \u{b7} {}",
            dossier.checkpoint.origin,
            dossier.checkpoint.size,
            words::stored_time(&dossier.checkpoint_at)
        ),
        format!("Root {} \u{b7} this record is included", hex(&dossier.checkpoint.root)),
    ];
    let mut y = top + 4.0;
    for line in &lines {
        sheet.text((MARGIN, y), line, Weight::Regular, size, MUTE);
        y += 9.0;
    }
    let number = format!("Page {page} of {pages}");
    let x = right - sheet.letters.width(&number, Weight::Regular, size);
    sheet.text((x, top + 4.0), &number, Weight::Regular, size, MUTE);
    if dossier.scan.record.acquisition.simulated {
        let word = "SIMULATED \u{2013} not evidence of a real substance";
        let width = sheet.letters.width(word, Weight::Strong, 9.0);
        sheet.text((right - width, top + 33.0), word, Weight::Strong, 9.0, [0x8f, 0x0f, 0x1b]);
        // Also at the head, outside the column, where nothing else stands.
        sheet.text((MARGIN, 18.0), word, Weight::Strong, 9.0, [0x8f, 0x0f, 0x1b]);
    }
}

fn metadata(dossier: &Dossier) -> Metadata {
    Metadata::new()
        .title(format!("Screening report, record {}", dossier.scan.id))
        .creator(format!("Parcelscope {}", dossier.scan.record.program_version))
        .language("en".to_owned())
        .creation_date(date(dossier.scan.record.taken_at))
        .document_id(dossier.digest.clone())
}

/// A time as the file's own data hold it.
pub(super) fn date(at: Timestamp) -> DateTime {
    let at = at.to_zoned_datetime(jiff::tz::TimeZone::UTC);
    let small = |n: i8| u8::try_from(n).unwrap_or(0);
    DateTime::new(u16::try_from(at.year()).unwrap_or(0))
        .month(small(at.month()))
        .day(small(at.day()))
        .hour(small(at.hour()))
        .minute(small(at.minute()))
        .second(small(at.second()))
        .utc_offset_hour(0)
        .utc_offset_minute(0)
}
