//! The report of a record: the same bytes each time, text that can be found, fonts that travel with it.

use std::path::Path;
use std::process::Command;

use jiff::Timestamp;
use parcelscope::casebook::{
    Casebook, ClockAgainstGps, ClockKeeping, Event, LastBlank, ScanKind, ScanRecord, Subject, TimeSource,
};
use parcelscope::casebook::{StoredScan, VerifyOptions, verify};
use parcelscope::identify::{Candidate, Component, DetectionLimit, Identified, ReferenceNote, Strength, Verdict};
use parcelscope::library::{Library, Tier};
use parcelscope::report::{Paper, SelectedRow, Selection, package, record_pdf, shift_pdf};

use super::accounts::{at, staffed};
use super::record_examples::plain_record;

/// A record with everything that a report shows, names far too long for their columns, and letters of other scripts.
pub fn full_record() -> ScanRecord {
    let mut record = plain_record(1);
    let long = "N-(4-fluorophenyl)-2-methyl-N-[1-(2-phenylethyl)piperidin-4-yl]propanamide-hydrochloride-monohydrate"
        .to_owned();
    record.subject = Subject { kind: ScanKind::Control, spot: Some("2/5 left corner".parse().unwrap()) };
    record.time_source = Some(TimeSource {
        kept_by: ClockKeeping::Gps,
        synchronised: Some(false),
        gps: Some(ClockAgainstGps { ahead_ms: -61_000, simulated: true }),
    });
    record.last_blank =
        Some(LastBlank { record: Some(7), taken_at: record.taken_at, found: Some("lactose".to_owned()) });
    "RR123456785HR \u{202e}Čaša Ωμ 漢字".clone_into(&mut record.parcel);
    let answer = &mut record.answer;
    answer.verdict = Verdict::alarm(
        "listed-identified",
        format!("{long} identified"),
        "Presumptive. Hold the parcel and send it to the laboratory. Do not open; wear gloves.".to_owned(),
    );
    let reference = || ReferenceNote { tier: Tier::MeasuredElsewhere, source: "source".to_owned(), item: None };
    answer.identified = vec![Identified {
        substance: long.clone(),
        cas: Some("244195-32-2".to_owned()),
        form: "form not determined".to_owned(),
        strength: Strength::Identified,
        groups: vec!["fentanyl".to_owned()],
        alternatives: vec![long.replace("4-fluoro", "3-fluoro")],
    }];
    answer.candidates = (0..12)
        .map(|i| Candidate {
            substance: if i == 0 { long.clone() } else { format!("candidate {i}") },
            cas: None,
            groups: vec![],
            probability: (i < 3).then_some(0.91),
            score: 0.9,
            explained: 0.8,
            missing_bands: (0..i).map(|b| 400.0 + 100.0 * f64::from(b)).collect(),
            shift_cm1: 0.0,
            reference: reference(),
        })
        .collect();
    answer.mixture = vec![Component {
        substance: long,
        cas: None,
        groups: vec![],
        spectral_share: 0.4,
        share_interval: Some((0.3, 0.5)),
        p_value: Some(1e-7),
        alternatives: vec![],
        reference: reference(),
    }];
    answer.detection_limits = vec![DetectionLimit { substance: "xylazine".to_owned(), spectral_share: Some(0.043) }];
    answer.coverage.not_searchable = (0..40).map(|i| format!("substance {i}")).collect();
    record
}

/// A casebook that holds only `record`.
pub fn casebook_with(record: &ScanRecord) -> (tempfile::TempDir, Casebook) {
    let dir = tempfile::tempdir().unwrap();
    let mut casebook = Casebook::open(&dir.path().join("casebook.sqlite3")).unwrap();
    casebook.append(record).unwrap();
    (dir, casebook)
}

/// What a program of poppler-utils says of the file.
fn ask(program: &str, arguments: &[&str], pdf: &Path) -> String {
    let mut command = Command::new(program);
    command.args(arguments).arg(pdf);
    if program == "pdftotext" {
        command.arg("-");
    }
    let output = command.output().unwrap_or_else(|e| panic!("{program} (scripts/install-packages test): {e}"));
    assert!(output.status.success(), "{program}: {}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap()
}

#[test]
fn a_record_gives_the_same_report_again_also_when_the_log_has_grown() {
    let (_dir, mut casebook) = casebook_with(&full_record());
    let library = Library::bundled().unwrap();
    let render = |casebook: &Casebook, paper| record_pdf(&casebook.dossier(1).unwrap(), Some(&library), paper).unwrap();
    let first = render(&casebook, Paper::A4);
    assert_eq!(first, render(&casebook, Paper::A4));
    assert_ne!(first, render(&casebook, Paper::Letter));
    casebook.append(&plain_record(2)).unwrap();
    assert_eq!(first, render(&casebook, Paper::A4), "another record changes nothing");
    let body = serde_json::json!({ "text": "seal 4711" });
    let note = Event { operator: "officer", kind: "note", scan_id: Some(1), body: &body };
    casebook.append_event(Timestamp::from_second(1_790_000_100).unwrap(), &note).unwrap();
    assert_ne!(first, render(&casebook, Paper::A4), "a note about the record belongs to its report");
}

#[test]
fn the_text_can_be_selected_and_the_fonts_are_in_the_file() {
    let (dir, mut casebook) = casebook_with(&full_record());
    let body = serde_json::json!({ "text": "handed over with seal 4711" });
    let note = Event { operator: "officer", kind: "hand-over", scan_id: Some(1), body: &body };
    casebook.append_event(Timestamp::from_second(1_790_000_100).unwrap(), &note).unwrap();
    let dossier = casebook.dossier(1).unwrap();
    for paper in [Paper::A4, Paper::Letter] {
        let file = dir.path().join("report.pdf");
        std::fs::write(&file, record_pdf(&dossier, None, paper).unwrap()).unwrap();
        let text = ask("pdftotext", &["-raw"], &file);
        let flat: String = text.split_whitespace().collect();
        for wanted in [
            "ALARM",
            "listed-identified",
            "2-methyl-N-[1-(2-phenylethyl)piperidin-4-yl]propanamide-hydrochloride-monohydrate",
            "xylazine 4.3 %",
            "Presumptive means",
            "Čaša Ωμ",
            "seal 4711",
            &dossier.digest,
            &dossier.checkpoint.origin,
        ] {
            let wanted: String = wanted.split_whitespace().collect();
            assert!(flat.contains(&wanted), "{paper:?}: {wanted} is not in\n{text}");
        }
        let pages: usize = text.matches('\u{c}').count();
        assert!(pages >= 2, "{pages}");
        let said = flat.matches("SIMULATED\u{2013}notevidenceofarealsubstance").count();
        assert_eq!(said, 2 * pages, "twice a page: {text}");
        assert!(text.matches(&dossier.digest[..]).count() > pages, "once a page and once with its code");
        let fonts = ask("pdffonts", &[], &file);
        let rows: Vec<&str> = fonts.lines().skip(2).collect();
        assert_eq!(rows.len(), 2, "{fonts}");
        for row in rows {
            let columns: Vec<&str> = row.split_whitespace().rev().collect();
            // From the right: generation, object, unicode, subset, embedded.
            assert_eq!(columns[2..5], ["yes", "yes", "yes"], "{fonts}");
        }
    }
}

#[test]
fn the_report_of_a_shift_is_the_same_again_and_shows_every_record_and_the_counts() {
    let mut rows = Vec::new();
    for n in 1..=60 {
        let mut record = plain_record(n);
        record.acquisition.simulated = n == 60;
        if n % 3 == 0 {
            record.answer.verdict = Verdict::alarm("identified", format!("fentanyl {n}"), "Hold.".to_owned());
        }
        rows.push(SelectedRow::new(&StoredScan { id: i64::from(n), record }, &[]));
    }
    let selection = Selection { parcel: Some("RR".to_owned()), ..Selection::default() };
    let render = |paper| shift_pdf(&selection, &rows, "parcelscope/casebook/1\n42\nroot\n", paper).unwrap();
    let dir = tempfile::tempdir().unwrap();
    for paper in [Paper::A4, Paper::Letter] {
        assert_eq!(render(paper), render(paper));
        let file = dir.path().join("shift.pdf");
        std::fs::write(&file, render(paper)).unwrap();
        let text = ask("pdftotext", &["-layout"], &file);
        for n in [1, 30, 59] {
            assert!(text.contains(&format!("RR{n} ")), "{text}");
        }
        for wanted in ["fentanyl 3", "No laboratory result yet", "parcelscope/casebook/1", "Holds SIMULATED scans"] {
            assert!(text.contains(wanted), "{wanted}: {text}");
        }
        let counted = |word: &str, n: &str| {
            let is_line = |line: &str| line.split_whitespace().collect::<Vec<_>>() == [word, n];
            assert!(text.lines().any(is_line), "{word} {n}: {text}");
        };
        counted("alarm", "19");
        counted("inconclusive", "40");
        assert!(ask("pdffonts", &[], &file).lines().skip(2).all(|line| line.contains(" yes yes yes ")));
    }
}

#[test]
fn photos_are_in_the_report_and_in_the_package_and_a_damaged_one_spoils_neither() {
    let dir = tempfile::tempdir().unwrap();
    let (mut casebook, actors) = staffed(dir.path());
    casebook.append(&full_record()).unwrap();
    let photo = dir.path().join("parcel front.png");
    image::RgbImage::from_fn(320, 200, |x, y| image::Rgb([x as u8, y as u8, 90])).save(&photo).unwrap();
    let text = dir.path().join("label.txt");
    std::fs::write(&text, "as printed").unwrap();
    let plain = record_pdf(&casebook.dossier(1).unwrap(), None, Paper::A4).unwrap();
    casebook.attach(at(9), &actors[0], 1, &photo, "the front").unwrap();
    casebook.attach(at(9), &actors[0], 1, &text, "").unwrap();
    let dossier = casebook.dossier(1).unwrap();
    let pdf = record_pdf(&dossier, None, Paper::A4).unwrap();
    assert_eq!(pdf, record_pdf(&dossier, None, Paper::A4).unwrap());
    assert!(pdf.len() > plain.len());
    let file = dir.path().join("report.pdf");
    std::fs::write(&file, pdf).unwrap();
    assert!(ask("pdfimages", &["-list"], &file).contains("320   200"), "the picture is in the file");
    let said = ask("pdftotext", &["-raw"], &file);
    assert!(said.contains("parcel front.png") && said.contains("the front") && said.contains("label.txt"), "{said}");

    let zip = package(&dossier, None, Paper::A4).unwrap();
    let mut archive = zip::ZipArchive::new(std::io::Cursor::new(zip)).unwrap();
    let names: Vec<String> = archive.file_names().map(|name| name.unwrap().into_owned()).collect();
    let names: Vec<String> = names.into_iter().filter(|name| name.starts_with("files/")).collect();
    assert_eq!(names.len(), 2, "{names:?}");
    let mut bytes = Vec::new();
    std::io::Read::read_to_end(
        &mut archive.by_name(&format!("files/{}.png", dossier.files[0].sha256)).unwrap(),
        &mut bytes,
    )
    .unwrap();
    assert_eq!(bytes, std::fs::read(&photo).unwrap());

    // A picture whose pixels cannot be read, and a file that somebody changed.
    let broken = dir.path().join("broken.png");
    let head = bytes[..bytes.len() / 2].to_vec();
    std::fs::write(&broken, head).unwrap();
    casebook.attach(at(10), &actors[0], 1, &broken, "").unwrap();
    std::fs::write(casebook.file_path(&dossier.files[1].sha256), "as bent").unwrap();
    let dossier = casebook.dossier(1).unwrap();
    assert_eq!(dossier.files[1].bytes, None);
    std::fs::write(&file, record_pdf(&dossier, None, Paper::A4).unwrap()).unwrap();
    let said = ask("pdftotext", &["-raw"], &file);
    assert!(said.contains("broken.png") && said.contains("NOT THERE"), "{said}");
    let found = verify(casebook.path(), &VerifyOptions::default(), &mut |_| true).unwrap().unwrap();
    assert_eq!(found.findings.len(), 1, "{found:?}");
}
