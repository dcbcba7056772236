use super::super::{FileSpectrum, FileTechnique, FormatError, SpectrumKind, XUnit, YUnit, read_bytes};
use crate::spectrum::Technique;

fn read(text: &str) -> Vec<FileSpectrum> {
    read_bytes(text.as_bytes(), "folder/tea.dx").unwrap_or_else(|error| panic!("{text}: {error}"))
}

fn block(header: &str, table: &str) -> String {
    format!("##TITLE=tea\n##JCAMP-DX=4.24\n{header}\n{table}\n##END=\n")
}

fn one(header: &str, table: &str) -> FileSpectrum {
    let spectra = read(&block(header, table));
    assert_eq!(spectra.len(), 1);
    spectra.into_iter().next().unwrap()
}

const INFRARED: &str = "##DATA TYPE=INFRARED SPECTRUM\n##XUNITS=1/CM\n##YUNITS=ABSORBANCE\n##XFACTOR=1\n##YFACTOR=0.5";

#[test]
fn header_and_table_make_a_spectrum() {
    let spectrum = one(
        &format!("{INFRARED}\n##FIRSTX=400\n##LASTX=403\n##NPOINTS=4\n##FIRSTY=0.5\n##RESOLUTION=4"),
        "##XYDATA=(X++(Y..Y))\n400ABC $$ remark\n403D",
    );
    assert_eq!((&spectrum.x[..], &spectrum.y[..]), (&[400.0, 401.0, 402.0, 403.0][..], &[0.5, 1.0, 1.5, 2.0][..]));
    assert_eq!((spectrum.title.as_str(), spectrum.kind), ("tea", SpectrumKind::Sample));
    assert_eq!(spectrum.technique, Some(FileTechnique::Infrared));
    assert_eq!((spectrum.x_unit, spectrum.y_unit), (Some(XUnit::Cm1), Some(YUnit::Absorbance)));
    assert_eq!((spectrum.resolution_cm1, spectrum.notes, spectrum.defects), (Some(4.0), vec![], vec![]));
}

#[test]
fn a_decreasing_abscissa_stays_in_file_order() {
    let header = format!("{INFRARED}\n##FIRSTX=403\n##LASTX=400\n##NPOINTS=4");
    let spectrum = one(&header, "##XYDATA=(X++(Y..Y))\n403 1 2\n401 3 4");
    assert_eq!((&spectrum.x[..], &spectrum.defects[..]), (&[403.0, 402.0, 401.0, 400.0][..], &[][..]));
}

#[test]
fn every_check_that_fails_is_reported_and_forbids_comparison() {
    let header = format!("{INFRARED}\n##FIRSTX=400\n##LASTX=405\n##NPOINTS=6");
    for (what, table) in [
        ("points are stated", "400ABC\n403DE"),
        ("is due", "400ABC\n404DEF"),
        ("last value", "400AJJ\n402DEF5\n405F5J"),
        ("end may be missing", ""),
        ("within a line", "cut"),
    ] {
        let text = if table == "cut" {
            "##TITLE=a\n##NPOINTS=4\n##XUNITS=1/CM\n##XYDATA=(X++(Y..Y))\n400 10 20 30 4".to_owned()
        } else if table.is_empty() {
            "##TITLE=a\n##XUNITS=1/CM\n##XYDATA=(X++(Y..Y))\n400 1 2 3 4\n".to_owned()
        } else {
            block(&header, &format!("##XYDATA=(X++(Y..Y))\n{table}"))
        };
        let spectrum = &read(&text)[0];
        assert!(spectrum.defects.iter().any(|defect| defect.contains(what)), "{what}: {:?}", spectrum.defects);
        let refusal = spectrum.to_spectrum().unwrap_err().to_string();
        assert!(refusal.contains("contradict"), "{refusal}");
    }
}

#[test]
fn a_missing_end_is_noted_where_the_count_proves_that_nothing_is_missing() {
    let spectra = read(
        "##TITLE=1\n##NPOINTS=2\n##PEAK TABLE=(XY..XY)\n1 2\n2,3\n\n##TITLE=2\n##NPOINTS=1\n##XYPOINTS=(XY..XY)\n3;4\n##END\n",
    );
    assert_eq!((&spectra[0].x[..], &spectra[0].y[..]), (&[1.0, 2.0][..], &[2.0, 3.0][..]));
    assert!(spectra[0].notes[0].contains("##END") && spectra[0].defects.is_empty());
    assert_eq!((spectra[0].is_peak_table, spectra[1].is_peak_table), (true, false));
    assert!(spectra[0].to_spectrum().unwrap_err().to_string().contains("list of peaks"));
    assert_eq!((spectra[1].title.as_str(), spectra[1].y[0]), ("2", 4.0));
}

#[test]
fn pages_of_a_compound_block_have_their_own_variables() {
    let text = "##TITLE=run\n##JCAMP-DX=5.0\n##DATA TYPE=RAMAN SPECTRUM\n##NTUPLES=RAMAN\n##VAR_NAME=SHIFT, GREEN, RED, PAGE\n\
        ##SYMBOL=X, Y, Z, N\n##VAR_FORM=AFFN, ASDF, ASDF, AFFN\n##VAR_DIM=3, 3, 3, 2\n##UNITS=1/CM, COUNTS, COUNTS,\n\
        ##FIRST=100, 1, 10, 1\n##LAST=102, 3, 30, 2\n##FACTOR=1, 1, 10, 1\n##PAGE=N=1\n##DATA TABLE=(X++(Y..Y)), XYDATA\n\
        100AJJ\n##PAGE=N=2\n##DATA TABLE=(X++(Z..Z)), XYDATA\n100ABC\n##PAGE=N=3\n##NPOINTS=2\n##DATA TABLE=(XY..XY), PEAKS\n\
        1,2 3,4\n##END NTUPLES=RAMAN\n##END=\n";
    let spectra = read(text);
    let titles: Vec<_> = spectra.iter().map(|s| s.title.as_str()).collect();
    assert_eq!(titles, ["run: GREEN, N=1", "run: RED, N=2", "run: GREEN, N=3"]);
    assert_eq!((&spectra[0].x[..], &spectra[0].y[..]), (&[100.0, 101.0, 102.0][..], &[1.0, 2.0, 3.0][..]));
    assert_eq!(spectra[1].y, [10.0, 20.0, 30.0]);
    assert!(spectra.iter().all(|s| s.technique == Some(FileTechnique::RAMAN) && s.defects.is_empty()), "{spectra:?}");
    assert_eq!((&spectra[2].x[..], spectra[2].is_peak_table), (&[1.0, 3.0][..], true));
}

#[test]
fn what_is_no_vibrational_spectrum_is_listed_and_refused_by_name() {
    for (data_type, units) in [("NMR SPECTRUM", "HZ"), ("MASS SPECTRUM", "M/Z"), ("ION MOBILITY SPECTRUM", "SECONDS")] {
        let header = format!("##DATA TYPE={data_type}\n##XUNITS={units}\n##FIRSTX=1\n##LASTX=3\n##NPOINTS=3");
        let spectrum = one(&header, "##XYDATA=(X++(Y..Y))\n1 1 2 3");
        assert_eq!(spectrum.x_unit, Some(XUnit::Other(units.to_owned())));
        assert!(spectrum.to_spectrum().unwrap_err().to_string().contains(data_type));
    }
    let interferogram = one(
        "##DATA TYPE=INFRARED INTERFEROGRAM\n##RUNITS=POINTS\n##FIRSTR=0\n##LASTR=2\n##NPOINTS=3\n##AFACTOR=2",
        "##RADATA=(R++(A..A))\n0 1 2 3",
    );
    assert_eq!((interferogram.kind, interferogram.y[2]), (SpectrumKind::Interferogram, 6.0));
}

#[test]
fn infrared_says_how_the_light_met_the_sample_only_where_the_file_does() {
    for (sampling, technique) in [
        ("diamond ATR, 1 bounce", FileTechnique::Known(Technique::AtrFtir)),
        ("Transmission, KBr pellet", FileTechnique::Known(Technique::IrTransmission)),
        ("unknown", FileTechnique::Infrared),
    ] {
        let header = format!("{INFRARED}\n##SAMPLING PROCEDURE={sampling}\n##FIRSTX=1\n##LASTX=2\n##NPOINTS=2");
        assert_eq!(one(&header, "##XYDATA=(X++(Y..Y))\n1 1 2").technique, Some(technique));
    }
}

#[test]
fn decimal_commas_are_understood_throughout_where_the_header_writes_them() {
    let header = "##XUNITS=1/CM\n##FIRSTX=400,5\n##LASTX=401,5\n##NPOINTS=3\n##YFACTOR=0,5";
    let spectrum = one(header, "##XYDATA=(X++(Y..Y))\n400,5 1,5 2 3");
    assert_eq!((&spectrum.x[..], &spectrum.y[..]), (&[400.5, 401.0, 401.5][..], &[0.75, 1.0, 1.5][..]));
}

#[test]
fn a_file_without_a_table_and_a_table_with_junk_are_refused_by_name() {
    let refusal = |text: &str| read_bytes(text.as_bytes(), "x").unwrap_err();
    assert!(refusal("##TITLE=a\n##JCAMP-DX=5\n##END=\n").to_string().contains("no table"));
    assert!(matches!(refusal(&block("", "##XYDATA=(X++(Y..Y))\n1 2 #")), FormatError::Line { line: 5, .. }));
    assert!(refusal(&block("##YFACTOR=0", "##XYDATA=(X++(Y..Y))\n1 2")).to_string().contains("YFACTOR"));
    assert_eq!(refusal(&block("", "##XYDATA=(X++(Y..Y))\n1As999999999")), FormatError::TooManyNumbers);
}
