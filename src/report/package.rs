//! The exchange package of one record: everything that a laboratory or a partner needs, and how to check it without us.

use std::io::{Cursor, Write};

use serde::Serialize;
use serde_json::json;
use zip::write::SimpleFileOptions;
use zip::{CompressionMethod, DateTime, ZipWriter};

use crate::analyzer::{Exposure, ExposureKind};
use crate::casebook::{Dossier, ScanRecord, StoredEvent};
use crate::formats::{FileSpectrum, FileTechnique, JcampForm, SpectrumKind, XUnit, YUnit, to_jcamp};
use crate::library::Library;
use crate::signal::prepare;

use super::{Paper, ReportError, record_pdf, sha256_hex};

/// The published schema of `record.json`.
const RECORD_SCHEMA: &str = include_str!("../../docs/schema/record.schema.json");
/// The published schema of `manifest.json`.
const MANIFEST_SCHEMA: &str = include_str!("../../docs/schema/manifest.schema.json");
/// The published schema of what the laboratory sends back.
const RESULT_SCHEMA: &str = include_str!("../../docs/schema/laboratory-result.schema.json");
/// The verifier that the tests hold against changed proofs: another language, none of our code.
const VERIFIER: &str = include_str!("../../tests/promises/clients/verify_proof.py");
/// What a reader does first.
const README: &str = include_str!("package_readme.txt");

/// A file of the package, as the manifest lists it.
#[derive(Serialize)]
struct Listed {
    path: String,
    bytes: usize,
    sha256: String,
}

/// `record.json`. Written from the record itself, so that each number has the digits that it has in the parts.
#[derive(Serialize)]
struct Document<'a> {
    format: &'static str,
    id: i64,
    digest: &'a str,
    record: &'a ScanRecord,
    history: &'a [StoredEvent],
}

/// The package as a ZIP archive. The same dossier and library give the same bytes.
pub fn package(dossier: &Dossier, library: Option<&Library>, paper: Paper) -> Result<Vec<u8>, ReportError> {
    let record = &dossier.scan.record;
    let document = Document {
        format: "parcelscope-record/1",
        id: dossier.scan.id,
        digest: &dossier.digest,
        record,
        history: &dossier.history,
    };
    let mut files: Vec<(String, Vec<u8>)> = vec![
        ("README.txt".to_owned(), README.into()),
        ("record.json".to_owned(), pretty(&document)?),
        ("proof/proof.json".to_owned(), pretty(&dossier.proof)?),
        ("proof/verify_proof.py".to_owned(), VERIFIER.into()),
        ("report.pdf".to_owned(), record_pdf(dossier, library, paper)?),
        ("schema/record.schema.json".to_owned(), RECORD_SCHEMA.into()),
        ("schema/manifest.schema.json".to_owned(), MANIFEST_SCHEMA.into()),
        ("schema/laboratory-result.schema.json".to_owned(), RESULT_SCHEMA.into()),
    ];
    for (event, proof) in dossier.history.iter().zip(&dossier.event_proofs) {
        files.push((format!("proof/event-{}.json", event.id), pretty(proof)?));
    }
    for part in &dossier.parts {
        files.push((format!("parts/{}", part_file(part.name)), part.bytes.clone()));
    }
    for (name, spectrum) in spectra(dossier) {
        files.push((format!("spectra/{name}.jdx"), to_jcamp(&spectrum, JcampForm::Affn).into_bytes()));
    }
    files.extend(attached(dossier));
    let listed: Vec<Listed> = files
        .iter()
        .map(|(path, bytes)| Listed { path: path.clone(), bytes: bytes.len(), sha256: sha256_hex(bytes) })
        .collect();
    let manifest = json!({
        "format": "parcelscope-package/1",
        "record": dossier.scan.id,
        "record_digest": dossier.digest,
        "simulated": record.acquisition.simulated,
        "files": listed,
    });
    files.insert(0, ("manifest.json".to_owned(), pretty(&manifest)?));
    zipped(&files)
}

/// Name of a part's file; the ending says what is in it.
fn part_file(name: &str) -> String {
    let ending = match name {
        "settings" | "answer" => "json",
        "spectrum" => "f64le",
        _ => "u32le",
    };
    format!("{name}.{ending}")
}

/// The photos and other files, under names that no archive program can take for a place elsewhere: the name under which a
/// file was added stands in the history, beside the same digest.
fn attached(dossier: &Dossier) -> Vec<(String, Vec<u8>)> {
    let mut files = std::collections::BTreeMap::new();
    for file in &dossier.files {
        let Some(bytes) = &file.bytes else { continue };
        let ending = file.name.rsplit_once('.').map(|(_, ending)| ending.to_lowercase());
        let ending = ending.filter(|e| (1..=5).contains(&e.len()) && e.bytes().all(|b| b.is_ascii_alphanumeric()));
        let ending = ending.map_or(String::new(), |ending| format!(".{ending}"));
        files.entry(format!("files/{}{ending}", file.sha256)).or_insert_with(|| bytes.clone());
    }
    files.into_iter().collect()
}

fn pretty(value: &impl Serialize) -> Result<Vec<u8>, ReportError> {
    let mut text = serde_json::to_string_pretty(value).map_err(|e| ReportError::Package(e.to_string()))?;
    text.push('\n');
    Ok(text.into_bytes())
}

/// Names without a clock: every entry carries the first day of the format, so that the bytes depend on the content only.
fn zipped(files: &[(String, Vec<u8>)]) -> Result<Vec<u8>, ReportError> {
    let options = SimpleFileOptions::default()
        .compression_method(CompressionMethod::Deflated)
        .last_modified_time(DateTime::default())
        .unix_permissions(0o644);
    let mut writer = ZipWriter::new(Cursor::new(Vec::new()));
    for (name, bytes) in files {
        writer.start_file(name.as_str(), options).map_err(|e| ReportError::Package(e.to_string()))?;
        writer.write_all(bytes).map_err(|e| ReportError::Package(e.to_string()))?;
    }
    let written = writer.finish().map_err(|e| ReportError::Package(e.to_string()))?;
    Ok(written.into_inner())
}

/// The raw readouts over the pixels, the spectrum that they give, and what of it was compared.
fn spectra(dossier: &Dossier) -> Vec<(String, FileSpectrum)> {
    let record = &dossier.scan.record;
    let acquisition = &record.acquisition;
    let empty = |title: String, kind, x: Vec<f64>, y: Vec<f64>| FileSpectrum {
        title: format!("record {} {title}", dossier.scan.id),
        kind,
        is_peak_table: false,
        technique: Some(FileTechnique::Known(record.answer.technique)),
        x_unit: Some(XUnit::Cm1),
        y_unit: Some(YUnit::Counts),
        x: x.into(),
        y,
        saturated: Vec::new(),
        laser_nm: Some(acquisition.excitation_nm),
        resolution_cm1: acquisition.spectrum.resolution_cm1(),
        notes: if acquisition.simulated {
            vec!["simulated: an emulated analyzer, no real sample".to_owned()]
        } else {
            vec![]
        },
        defects: Vec::new(),
    };
    let raw = |title: &str, exposure: &Exposure| {
        let pixels = (0..exposure.counts.len()).map(|p| p as f64).collect();
        let counts = exposure.counts.iter().map(|c| f64::from(*c)).collect();
        let mut spectrum = empty(format!("{title}, raw counts over the pixels"), SpectrumKind::Other, pixels, counts);
        spectrum.x_unit = Some(XUnit::Pixel);
        spectrum.resolution_cm1 = None;
        spectrum.notes.push(format!(
            "integration {} us, {} averaged, laser {}",
            exposure.integration_us,
            exposure.scans_averaged,
            if exposure.kind == ExposureKind::Dark { "off" } else { "on" }
        ));
        spectrum
    };
    let mut all = vec![("dark".to_owned(), raw("dark", &acquisition.dark))];
    for (number, light) in acquisition.light.iter().enumerate() {
        let title = format!("light-{}", number + 1);
        all.push((title.clone(), raw(&title, light)));
    }
    let spectrum = &acquisition.spectrum;
    let (axis, intensity) = (spectrum.axis_cm1().to_vec(), spectrum.intensity().to_vec());
    let mut measured = empty("light minus dark".to_owned(), SpectrumKind::Sample, axis, intensity);
    measured.saturated = spectrum.saturated().to_vec();
    all.push(("measured".to_owned(), measured));
    let prepared = prepare(spectrum);
    let axis = (0..prepared.signal().len()).map(|i| prepared.grid().at(prepared.first() + i)).collect();
    let mut compared = empty("as compared".to_owned(), SpectrumKind::Sample, axis, prepared.signal().to_vec());
    compared.notes.push("background removed, on the grid of the search".to_owned());
    all.push(("compared".to_owned(), compared));
    all
}
