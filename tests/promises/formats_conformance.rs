//! Every real file is read as independent decoders read it, or refused for a reason that a table here names.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use parcelscope::formats::{FileSpectrum, JcampForm, SpectrumKind, read_bytes, to_csv, to_jcamp};

/// The folder of measured spectra, or a visible line that says what was not tested.
fn measured() -> Option<PathBuf> {
    crate::measured_data::folder("real files of every format")
}

/// Every file below a folder, sorted, with its path from the folder of all data.
fn files(data: &Path, folder: &str) -> Vec<String> {
    let mut found = Vec::new();
    let mut open = vec![data.join(folder)];
    while let Some(next) = open.pop() {
        for entry in fs::read_dir(next).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                open.push(path);
            } else {
                found.push(path.strip_prefix(data).unwrap().to_string_lossy().into_owned());
            }
        }
    }
    found.sort();
    found
}

/// Files that hold no spectrum in a format that is read, and the reason that is given.
const NOT_READ: [(&str, &str); 2] =
    [("formats/jcamp/osdb-*.xml", "an XML or HTML document"), ("formats/expected.csv", "*")];

/// Files whose sample cannot be compared with references, and the reason that is given. All other files must be
/// comparable.
const NOT_COMPARABLE: [(&str, &str); 41] = [
    ("formats/jcamp/cheminfo-iv.jdx", "a list of peaks"),
    ("formats/jcamp/cheminfo-jcamp-*", "no range of Raman shifts"),
    ("formats/jcamp/cheminfo-noend.jdx", "a list of peaks"),
    ("formats/jcamp/cheminfo-two.jdx", "a list of peaks"),
    ("formats/jcamp/fitr_nitrocellulose.jdx", "its ordinate is reflectance"),
    ("formats/jcamp/set-BRUKAFFN.DX", "'NMR Spectrum'"),
    ("formats/jcamp/set-BRUKNTUP.DX", "'NMR Spectrum'"),
    ("formats/jcamp/set-BRUKSQZ.DX", "'NMR Spectrum'"),
    ("formats/jcamp/set-IMSDEMO.DX", "a list of peaks"),
    ("formats/jcamp/set-ISAS_CDX.DX", "a list of peaks"),
    ("formats/jcamp/set-ISAS_MS2.DX", "'CONTINUOUS MASS SPECTRUM'"),
    ("formats/jcamp/set-TESTFID.DX", "no sample"),
    ("formats/jcamp/set-TESTSPEC.DX", "'NMR SPECTRUM'"),
    ("formats/jcamp/set-blckpkt1.jdx", "a list of peaks"),
    ("formats/jcamp/set-fixdec2.jdx", "'NMR SPECTRUM'"),
    ("formats/jcamp/set-fixinc3.jdx", "'SIMPLE GRAPH'"),
    ("formats/jcamp/set-fixinc5.jdx", "'pH TITRATION'"),
    ("formats/jcamp/set-mactab2.jdx", "a list of peaks"),
    ("formats/jcamp/set-o02.jdx", "'NMR SPECTRUM'"),
    ("formats/jcamp/set-o04.jdx", "'NMR SPECTRUM'"),
    ("formats/jcamp/set-o06.jdx", "'NMR SPECTRUM'"),
    ("formats/jcamp/set-o08.jdx", "'NMR SPECTRUM'"),
    ("formats/jcamp/set-o10.jdx", "'NMR SPECTRUM'"),
    ("formats/jcamp/set-ofid*", "no sample"),
    ("formats/jcamp/set-pktab1.jdx", "a list of peaks"),
    ("formats/jcamp/set-sqzdec1.jdx", "'NMR Spectrum'"),
    ("formats/spa/ftir_polyethylene*", "its ordinate is reflectance"),
    ("formats/spc/BARBITUATES.SPC", "mass (m/z)"),
    ("formats/spc/CONTOUR.SPC", "so it is no Raman spectrum"),
    ("formats/spc/DRUG_SAMPLE.SPC", "mass (m/z)"),
    ("formats/spc/FID.SPC", "in seconds"),
    ("formats/spc/HOLMIUM.SPC", "in nm"),
    ("formats/spc/IG_MULTI.SPC", "interferogram"),
    ("formats/spc/KKSAM.SPC", "below the near infrared"),
    ("formats/spc/*POLY*.SPC", "so it is no Raman spectrum"),
    ("formats/spc/TOLUENE.SPC", "so it is no Raman spectrum"),
    ("formats/spc/XYTRACE.SPC", "in nm"),
    ("formats/spc/raman_atacamit.spc", "so it is no Raman spectrum"),
    ("formats/spc/wplanes.spc", "in nm"),
    ("formats/text/ftir_ldpe_soil.asp", "whether its ordinate is absorbance or transmittance"),
    ("calibration/none", "*"),
];

/// The reason that a table has for a file; a star stands for any text.
fn reason<'a>(table: &'a [(&'a str, &'a str)], file: &str) -> Option<&'a str> {
    let fits = |pattern: &str| {
        let mut rest = file;
        let mut parts = pattern.split('*');
        let first = parts.next().unwrap_or_default();
        let Some(after) = rest.strip_prefix(first) else { return false };
        rest = after;
        for part in parts {
            match rest.find(part) {
                Some(at) => rest = &rest[at + part.len()..],
                None => return false,
            }
        }
        pattern.ends_with('*') || rest.is_empty()
    };
    table.iter().find(|(pattern, _)| fits(pattern)).map(|(_, reason)| *reason)
}

/// A row of `expected.csv`: what another program read.
struct Expected {
    file: String,
    decoder: String,
    /// Points, x first and last, y first, last, lowest, highest and sum.
    values: [f64; 8],
}

fn expected(data: &Path) -> Vec<Expected> {
    let mut rows = csv::Reader::from_path(data.join("formats/expected.csv")).unwrap();
    rows.records()
        .map(|row| {
            let row = row.unwrap();
            let value = |i: usize| row[3 + i].parse().unwrap();
            Expected { file: row[0].to_owned(), decoder: row[1].to_owned(), values: std::array::from_fn(value) }
        })
        .collect()
}

fn summary(spectrum: &FileSpectrum) -> [f64; 8] {
    let (x, y) = (&spectrum.x, &spectrum.y);
    [
        y.len() as f64,
        x[0],
        x[x.len() - 1],
        y[0],
        y[y.len() - 1],
        y.iter().copied().fold(f64::INFINITY, f64::min),
        y.iter().copied().fold(f64::NEG_INFINITY, f64::max),
        y.iter().sum(),
    ]
}

fn agree(a: f64, b: f64) -> bool {
    (a - b).abs() <= 1e-5 * a.abs().max(b.abs())
}

#[test]
fn every_real_file_is_read_as_others_read_it_or_refused_for_a_named_reason() {
    let Some(data) = measured() else { return };
    let expected = expected(&data);
    // Format: files, read, refused, arrays that another decoder read, disagreements.
    let mut table: BTreeMap<String, [usize; 5]> = BTreeMap::new();
    let mut wrong = Vec::new();
    let mut all = 0;
    for folder in ["formats", "raman-reference", "raman-queries", "calibration"] {
        for file in files(&data, folder) {
            if file == "formats/expected.csv" {
                continue;
            }
            all += 1;
            let format = file.rsplit_once('/').unwrap().0.to_owned();
            let row = table.entry(format).or_default();
            row[0] += 1;
            let result = read_bytes(&fs::read(data.join(&file)).unwrap(), &file);
            let spectra = match (result, reason(&NOT_READ, &file)) {
                (Ok(spectra), None) => spectra,
                (Err(error), Some(reason)) if error.to_string().contains(reason) => {
                    row[2] += 1;
                    continue;
                }
                (result, reason) => {
                    wrong.push(format!("{file}: {:?}, but the table says {reason:?}", result.map(|s| s.len())));
                    continue;
                }
            };
            row[1] += 1;
            for other in expected.iter().filter(|expected| expected.file == file) {
                row[3] += 1;
                let fits = |s: &FileSpectrum| summary(s).iter().zip(&other.values).all(|(a, b)| agree(*a, *b));
                if !spectra.iter().any(fits) {
                    row[4] += 1;
                    wrong.push(format!("{file}: no array is as {} reads it", other.decoder));
                }
            }
            let sample = spectra.iter().find(|s| s.kind == SpectrumKind::Sample).unwrap_or(&spectra[0]);
            match (sample.to_spectrum(), reason(&NOT_COMPARABLE, &file)) {
                (Ok(_), None) => {}
                (Err(error), Some(reason)) if error.to_string().contains(reason) => {}
                (result, reason) => {
                    wrong.push(format!("{file}: {:?}, but the table says {reason:?}", result.map(|_| "comparable")));
                }
            }
            wrong.extend(spectra.iter().flat_map(|s| s.defects.iter().map(|defect| format!("{file}: {defect}"))));
        }
    }
    println!(
        "{:<18} {:>6} {:>6} {:>8} {:>9} {:>14}",
        "format", "files", "read", "refused", "compared", "disagreements"
    );
    for (format, [files, read, refused, compared, disagreements]) in &table {
        println!("{format:<18} {files:>6} {read:>6} {refused:>8} {compared:>9} {disagreements:>14}");
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    assert_eq!((all, expected.len()), (94 + 79 + 27 + 4, 52));
    assert_eq!(table.values().map(|row| row[3]).sum::<usize>(), expected.len());
}

#[test]
fn convert_lists_the_arrays_that_other_decoders_read() {
    let Some(data) = measured() else { return };
    let expected = expected(&data);
    let mut files: Vec<&str> = expected.iter().map(|row| row.file.as_str()).collect();
    files.sort_unstable();
    files.dedup();
    assert_eq!(files.len(), 30);
    let output = Command::new(env!("CARGO_BIN_EXE_parcelscope"))
        .args(["convert", "--json"])
        .args(files.iter().map(|file| data.join(file)))
        .output()
        .unwrap();
    let documents: Vec<serde_json::Value> = serde_json::from_slice(&output.stdout).unwrap();
    for row in &expected {
        let at = files.iter().position(|file| *file == row.file).unwrap();
        let spectra = documents[at]["spectra"].as_array().unwrap();
        let keys = ["points", "x_first", "x_last", "y_first", "y_last", "y_min", "y_max", "y_sum"];
        let fits = |s: &serde_json::Value| {
            keys.iter().zip(&row.values).all(|(key, value)| agree(s[key].as_f64().unwrap(), *value))
        };
        assert!(spectra.iter().any(fits), "{} as {} reads it", row.file, row.decoder);
    }
}

#[test]
fn packed_files_agree_point_by_point_with_the_xml_beside_them() {
    let Some(data) = measured() else { return };
    let mut compared = 0;
    for xml in files(&data, "formats/jcamp").iter().filter(|file| file.ends_with("xml")) {
        let file = &xml.replace(".xml", ".jdx");
        let spectrum = read_bytes(&fs::read(data.join(file)).unwrap(), file).unwrap().remove(0);
        let xml = fs::read_to_string(data.join(xml)).unwrap();
        let mut points: Vec<f64> = xml
            .split("<xy>")
            .skip(1)
            .map(|rest| rest.split_once("</xy>").unwrap().0.split_once(',').unwrap().1.parse().unwrap())
            .collect();
        // Where it took rounded abscissas for a gap, the program that wrote the XML filled in a point of zero, and says
        // itself that it then has one more than stated.
        if xml.contains("does not match points found") {
            points.retain(|y| *y != 0.0);
        }
        assert_eq!(points.len(), spectrum.y.len(), "{file}");
        for (i, (xml, ours)) in points.iter().zip(&spectrum.y).enumerate() {
            // The XML gives seven decimals.
            assert!((xml - ours).abs() <= 0.6e-7, "{file}, point {i}: {ours} and {xml} in the XML");
        }
        compared += points.len();
    }
    assert!(compared > 50_000, "{compared} points were compared");
}

#[test]
fn four_encodings_of_one_spectrum_agree() {
    let Some(data) = measured() else { return };
    let read = |name: &str| {
        let file = format!("formats/jcamp/cheminfo-jcamp-{name}.dx");
        read_bytes(&fs::read(data.join(&file)).unwrap(), &file).unwrap().remove(0)
    };
    let longest = read("squeezed");
    for name in ["fix", "packed", "difdup"] {
        let other = read(name);
        // The files hold the beginning of one spectrum, of different length.
        let n = other.y.len();
        assert!(n >= 8, "{name}");
        assert_eq!((&other.x[..], &other.y[..]), (&longest.x[..n], &longest.y[..n]), "{name}");
    }
}

#[test]
fn what_is_written_reads_back_within_the_written_precision() {
    let Some(data) = measured() else { return };
    let mut written = 0;
    for file in files(&data, "formats") {
        let Ok(spectra) = read_bytes(&fs::read(data.join(&file)).unwrap(), &file) else { continue };
        for spectrum in spectra.iter().take(3) {
            let again = |text: String| read_bytes(text.as_bytes(), &spectrum.title).unwrap().remove(0);
            let step = (spectrum.x[spectrum.x.len() - 1] - spectrum.x[0]).abs() / spectrum.x.len() as f64;
            let same_axis = |other: &FileSpectrum| {
                other.x.len() == spectrum.x.len()
                    && other.x.iter().zip(&spectrum.x[..]).all(|(a, b)| (a - b).abs() <= 2e-6 * step + 1e-12 * b.abs())
            };
            let plain = again(to_jcamp(spectrum, JcampForm::Affn));
            assert_eq!(plain.y, spectrum.y, "{file}");
            assert!(same_axis(&plain), "{file}");
            assert_eq!(
                (&plain.technique, plain.kind, plain.laser_nm),
                (&spectrum.technique, spectrum.kind, spectrum.laser_nm)
            );
            assert_eq!(plain.defects, spectrum.defects, "{file}");
            let packed = again(to_jcamp(spectrum, JcampForm::DifDup));
            let highest = spectrum.y.iter().fold(0.0_f64, |high, y| high.max(y.abs()));
            assert!(same_axis(&packed) && packed.defects == spectrum.defects, "{file}: {:?}", packed.defects);
            for (a, b) in packed.y.iter().zip(&spectrum.y) {
                assert!((a - b).abs() <= 3e-9 * highest, "{file}: {a} {b}");
            }
            let csv = again(to_csv(spectrum));
            assert_eq!((&csv.x, &csv.y), (&spectrum.x, &spectrum.y), "{file}");
            written += 1;
        }
    }
    assert!(written > 100, "{written} spectra were written");
}
