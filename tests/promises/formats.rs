//! Files of real instruments are read as they are stored.

use std::fs;
use std::path::{Path, PathBuf};

use parcelscope::formats::{FileSpectrum, FileTechnique, SpectrumKind, XUnit, YUnit, read_bytes};
use parcelscope::spectrum::Technique;

/// The folder of measured spectra, or a visible line that says what was not tested.
fn measured(folder: &str) -> Option<PathBuf> {
    Some(crate::measured_data::folder(&format!("the real files of {folder}"))?.join(folder))
}

/// Every file below a folder, sorted.
fn files(folder: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() { found.extend(files(&path)) } else { found.push(path) }
    }
    found.sort();
    found
}

fn read(path: &Path) -> Vec<FileSpectrum> {
    let name = path.to_string_lossy();
    read_bytes(&fs::read(path).unwrap(), &name).unwrap_or_else(|error| panic!("{name}: {error}"))
}

fn sample(path: &Path) -> FileSpectrum {
    let mut samples = read(path).into_iter().filter(|s| s.kind == SpectrumKind::Sample);
    let sample = samples.next().unwrap();
    assert!(samples.next().is_none(), "{} holds one sample", path.display());
    sample
}

/// An independent and much simpler reading: the numbers of the lines that begin with a digit, in the two columns that
/// `columns` names, where both cells are numbers.
fn naive(path: &Path, separator: char, columns: (usize, usize)) -> (Vec<f64>, Vec<f64>) {
    let text: String = fs::read(path).unwrap().iter().map(|b| char::from(*b)).collect();
    text.lines()
        .filter(|line| line.starts_with(|c: char| c.is_ascii_digit() || c == '-'))
        .filter_map(|line| {
            let cells: Vec<&str> = line.split(separator).map(str::trim).collect();
            let value = |i: usize| cells.get(i)?.replace(',', ".").parse::<f64>().ok();
            Some((value(columns.0)?, value(columns.1)?))
        })
        .unzip()
}

fn assert_same(path: &Path, spectrum: &FileSpectrum, expected: &(Vec<f64>, Vec<f64>)) {
    assert!(!expected.0.is_empty(), "{}", path.display());
    assert_eq!((&spectrum.x[..], &spectrum.y[..]), (&expected.0[..], &expected.1[..]), "{}", path.display());
}

#[test]
fn every_enlighten_file_is_read_as_stored() {
    let Some(folder) = measured("raman-reference") else { return };
    let files = files(&folder);
    assert_eq!(files.len(), 79);
    for path in files {
        let spectrum = sample(&path);
        assert_same(&path, &spectrum, &naive(&path, ',', (1, 2)));
        assert_eq!((spectrum.x_unit.as_ref(), spectrum.y_unit.as_ref()), (Some(&XUnit::Cm1), Some(&YUnit::Counts)));
        assert_eq!((spectrum.technique.clone(), spectrum.laser_nm), (Some(FileTechnique::RAMAN), Some(784.896)));
        let (_, assumed) = spectrum.to_spectrum().unwrap_or_else(|error| panic!("{}: {error}", path.display()));
        assert_eq!(assumed, Vec::<String>::new(), "{}", path.display());
    }
}

#[test]
fn every_query_of_other_laboratories_is_read_as_stored() {
    let Some(folder) = measured("raman-queries") else { return };
    let files = files(&folder);
    assert_eq!(files.len(), 27);
    for path in files {
        let name = path.file_name().unwrap().to_string_lossy().into_owned();
        let spectrum = sample(&path);
        if name.contains("BW785") {
            assert_same(&path, &spectrum, &naive(&path, ';', (3, 7)));
            assert_eq!(spectrum.laser_nm, Some(784.82), "{name}");
        } else {
            assert_same(&path, &spectrum, &naive(&path, '\t', (0, 1)));
        }
        let (comparable, assumed) = spectrum.to_spectrum().unwrap_or_else(|error| panic!("{name}: {error}"));
        assert_eq!(comparable.technique(), Technique::Raman);
        assert!(comparable.axis_cm1().len() > 1000, "{name}");
        // Renishaw and bare two-column texts say neither technique nor unit; the others say both.
        let says_all = name.contains("BW785") || name.contains("MacroRAM");
        assert_eq!(assumed.len(), if says_all { 0 } else { 2 }, "{name}: {assumed:?}");
    }
}

#[test]
fn every_mixture_and_calibration_file_is_read_as_stored() {
    let (Some(mixtures), Some(calibration)) = (measured("mixtures"), measured("calibration")) else { return };
    let mixtures = files(&mixtures);
    assert_eq!(mixtures.len(), 42);
    for path in mixtures {
        assert_same(&path, &sample(&path), &naive(&path, '\t', (0, 1)));
    }
    for path in files(&calibration) {
        let spectrum = sample(&path);
        assert_same(&path, &spectrum, &naive(&path, ';', (3, 7)));
        spectrum.to_spectrum().unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    }
}

#[test]
fn other_text_files_of_instruments_are_read_or_refused_with_a_sentence() {
    let Some(formats) = measured("formats") else { return };
    for path in files(&formats.join("bwtek")) {
        assert_same(&path, &sample(&path), &naive(&path, ';', (3, 7)));
    }
    let calcite = formats.join("text/R040070.rruff.785.txt");
    let spectrum = sample(&calcite);
    assert_same(&calcite, &spectrum, &naive(&calcite, ',', (0, 1)));
    assert_eq!((spectrum.title.as_str(), spectrum.technique), ("Calcite", Some(FileTechnique::RAMAN)));
    let series = read(&formats.join("text/horiba-ts.txt"));
    assert_eq!((series.len(), series[0].x.len()), (100, 1024));
    assert_eq!((series[1].x[0], series[1].y[0], series[1].y[1]), (2135.1912, 6278.0, 6032.0));
}

#[test]
fn every_text_dialect_gives_the_same_spectrum() {
    let x: Vec<f64> = (0..200).map(|i| 205.5 + 8.25 * f64::from(i)).collect();
    let y: Vec<f64> = x.iter().map(|x| (900.0 + 400.0 * (x / 60.0).sin()).round()).collect();
    let rows = |separator: &str, end: &str, decimal: &str, descending: bool| {
        let mut rows: Vec<String> = x.iter().zip(&y).map(|(x, y)| format!("{x}{separator}{y}{end}")).collect();
        if descending {
            rows.reverse();
        }
        rows.concat().replace('.', decimal)
    };
    let numbered = || x.iter().zip(&y).enumerate();
    let enlighten = numbered().map(|(i, (x, y))| format!("{i},{x},{y}\n")).collect::<Vec<_>>().concat();
    let bwtek = numbered()
        .map(|(i, (x, y))| format!("{i};800.1;12000.1;{x};10;65535;{};{y};0;\r\n", y + 10.0).replace('.', ","))
        .collect::<Vec<_>>()
        .concat();
    let files = [
        ("tab", rows("\t", "\n", ".", false)),
        ("tab, descending, CRLF", format!("#Wave\t\t#Intensity\r\n{}", rows("\t", "\r\n", ".", true))),
        ("space", rows("   ", "\n", ".", false)),
        ("comma", rows(",", "\n", ".", false)),
        ("comma and space", rows(", ", "\n", ".", false)),
        ("semicolon, decimal comma", rows(";", "\r\n", ",", false)),
        ("tab, decimal comma", rows("\t", "\r\n", ",", true)),
        ("LabSpec", format!("#Laser (nm)=\t785\n#AxisUnit[1]=1/cm\n{}", rows("\t", "\r\n", ".", true))),
        ("ENLIGHTEN", format!("ENLIGHTEN Version,4\nLaser Wavelength,785\n\nPixel,Wavenumber,Processed\n{enlighten}")),
        (
            "B&W Tek",
            format!(
                "File Version;B\r\nlaser_wavelength;785\r\nPixel;Wavelength;Wavenumber;Raman Shift;Dark;Reference;Raw data #1;Dark Subtracted #1;%TR #1;\r\n9;  ;  ;  ;1;2;3;4;5;\r\n{bwtek}"
            ),
        ),
    ];
    for (dialect, text) in files {
        let spectra = read_bytes(text.as_bytes(), "x.txt").unwrap_or_else(|error| panic!("{dialect}: {error}"));
        let (spectrum, _) = spectra[0].to_spectrum().unwrap_or_else(|error| panic!("{dialect}: {error}"));
        assert_eq!((spectrum.axis_cm1(), spectrum.intensity()), (&x[..], &y[..]), "{dialect}");
    }
}
