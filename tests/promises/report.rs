//! The report of a record: the same bytes each time, text that can be found, fonts that travel with it.

use std::path::Path;
use std::process::Command;

use jiff::Timestamp;
use parcelscope::casebook::{Casebook, Event, ScanRecord};
use parcelscope::identify::{Candidate, Component, DetectionLimit, Identified, ReferenceNote, Strength, Verdict};
use parcelscope::library::{Library, Tier};
use parcelscope::report::{Paper, record_pdf};

use super::record_examples::plain_record;

/// A record with everything that a report shows, names far too long for their columns, and letters of other scripts.
pub fn full_record() -> ScanRecord {
    let mut record = plain_record(1);
    let long = "N-(4-fluorophenyl)-2-methyl-N-[1-(2-phenylethyl)piperidin-4-yl]propanamide-hydrochloride-monohydrate"
        .to_owned();
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
        assert_eq!(text.matches("SIMULATED").count(), 2 * pages, "twice a page");
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
