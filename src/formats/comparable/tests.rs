use super::*;

fn over(x: Vec<f64>) -> FileSpectrum {
    let y = x.iter().map(|x| x * 2.0).collect();
    FileSpectrum::sample("t".to_owned(), x, y)
}

fn refusal(spectrum: &FileSpectrum) -> String {
    spectrum.to_spectrum().unwrap_err().to_string()
}

#[test]
fn a_descending_axis_is_turned_and_equal_points_are_averaged() {
    let mut x: Vec<f64> = (0..40).map(|i| 1000.0 - 10.0 * f64::from(i)).collect();
    x.push(x[39]);
    let mut spectrum = over(x);
    spectrum.y[40] = 0.0;
    spectrum.saturated = vec![0, 99];
    let (sorted, assumed) = spectrum.to_spectrum().unwrap();
    assert_eq!(sorted.axis_cm1().len(), 40);
    assert_eq!((sorted.axis_cm1()[0], sorted.intensity()[0]), (610.0, 610.0));
    assert_eq!(sorted.saturated(), [39]);
    assert_eq!(assumed.len(), 2, "{assumed:?}");
    assert!(assumed[0].contains("Raman") && assumed[1].contains("cm-1"), "{assumed:?}");
}

#[test]
fn what_the_file_says_is_not_assumed() {
    let mut spectrum = over((200..300).map(f64::from).collect());
    spectrum.technique = Some(FileTechnique::RAMAN);
    spectrum.x_unit = Some(XUnit::Cm1);
    assert_eq!(spectrum.to_spectrum().unwrap().1, Vec::<String>::new());
}

#[test]
fn other_units_kinds_and_ranges_are_refused_with_the_reason() {
    let good: Vec<f64> = (0..100).map(|i| 200.0 + 5.0 * f64::from(i)).collect();
    let with = |change: fn(&mut FileSpectrum)| {
        let mut spectrum = over(good.clone());
        change(&mut spectrum);
        refusal(&spectrum)
    };
    assert!(with(|s| s.x_unit = Some(XUnit::Nm)).contains("in nm"));
    assert!(with(|s| s.y_unit = Some(YUnit::Absorbance)).contains("absorbance"));
    assert!(with(|s| s.kind = SpectrumKind::Interferogram).contains("no sample"));
    assert!(
        with(|s| {
            s.technique = Some(FileTechnique::Infrared);
            s.y_unit = Some(YUnit::Reflectance);
        })
        .contains("choose absorbance")
    );
    assert!(with(|s| s.technique = Some(FileTechnique::Infrared)).contains("absorbance or transmittance"));
    assert!(with(|s| s.technique = Some(FileTechnique::Other("NMR SPECTRUM".to_owned()))).contains("NMR SPECTRUM"));
    assert!(with(|s| s.x_unit = Some(XUnit::Other("SECONDS".to_owned()))).contains("SECONDS"));
    assert!(with(|s| s.is_peak_table = true).contains("peaks"));
    assert!(with(|s| s.defects.push("line 3 differs".to_owned())).contains("line 3"));
    assert!(refusal(&over((0..500).map(f64::from).collect())).contains("pixels"));
    assert!(refusal(&over((0..500).map(|i| 12_000.0 + f64::from(i)).collect())).contains("no range"));
    assert!(refusal(&over((0..20).map(|i| 200.0 + 9.0 * f64::from(i)).collect())).contains("20 points"));
}

#[test]
fn two_spectra_one_after_another_are_not_averaged() {
    let mut x: Vec<f64> = (0..100).map(|i| 200.0 + 5.0 * f64::from(i)).collect();
    x.extend(x.clone());
    assert!(refusal(&over(x)).contains("more than once"));
}

fn infrared(y: impl Fn(f64) -> f64, unit: YUnit) -> FileSpectrum {
    let x: Vec<f64> = (0..100).map(|i| 4000.0 - 20.0 * f64::from(i)).collect();
    let y = x.iter().map(|x| y(*x)).collect();
    let mut spectrum = FileSpectrum::sample("t".to_owned(), x, y);
    spectrum.technique = Some(FileTechnique::Infrared);
    spectrum.x_unit = Some(XUnit::Cm1);
    spectrum.y_unit = Some(unit);
    spectrum
}

#[test]
fn transmittance_becomes_absorbance_whether_share_or_percent() {
    let share = |x: f64| 0.1 + 0.8 * (x / 300.0).sin().abs();
    for (factor, unit) in
        [(1.0, YUnit::Transmittance), (100.0, YUnit::Transmittance), (100.0, YUnit::TransmittancePercent)]
    {
        let comparable = infrared(|x| factor * share(x), unit).comparable(&Choices::default()).unwrap();
        assert_eq!(comparable.spectrum.technique(), Technique::IrTransmission);
        for (x, a) in comparable.spectrum.axis_cm1().iter().zip(comparable.spectrum.intensity()) {
            assert!((a + share(*x).log10()).abs() < 1e-12);
        }
        assert!(comparable.converted[0].contains("transmittance"));
        assert!(comparable.assumed[0].contains("transmission"));
    }
}

#[test]
fn where_no_light_was_left_the_detector_is_called_blind() {
    let spectrum = infrared(|x| if x > 3900.0 { -0.01 } else { 0.5 }, YUnit::Transmittance);
    let (spectrum, _) = spectrum.to_spectrum().unwrap();
    assert_eq!(spectrum.saturated(), [95, 96, 97, 98, 99]);
    assert!(spectrum.intensity().iter().all(|a| *a <= 4.0));
}

#[test]
fn reflectance_is_converted_only_as_the_operator_chose() {
    let spectrum = infrared(|_| 0.25, YUnit::Reflectance);
    assert!(refusal(&spectrum).contains("choose"));
    let with = |reflectance| {
        let choices = Choices { reflectance: Some(reflectance), ..Choices::default() };
        spectrum.comparable(&choices).unwrap().spectrum.intensity()[0]
    };
    assert!((with(ReflectanceAs::Absorbance) - 4_f64.log10()).abs() < 1e-12);
    assert!((with(ReflectanceAs::KubelkaMunk) - 0.75 * 0.75 / 0.5).abs() < 1e-12);
}

#[test]
fn a_wavelength_axis_becomes_a_raman_shift_only_with_a_laser_that_somebody_states() {
    let x: Vec<f64> = (0..100).map(|i| 800.0 + f64::from(i)).collect();
    let mut spectrum = over(x);
    spectrum.x_unit = Some(XUnit::Nm);
    spectrum.technique = Some(FileTechnique::RAMAN);
    assert!(refusal(&spectrum).contains("laser"));
    let choices = Choices { laser_nm: Some(785.0), ..Choices::default() };
    let comparable = spectrum.comparable(&choices).unwrap();
    assert!((comparable.spectrum.axis_cm1()[0] - (1e7 / 785.0 - 1e7 / 800.0)).abs() < 1e-9);
    assert_eq!((comparable.stated.len(), comparable.converted.len()), (1, 1));
}

#[test]
fn what_the_file_says_is_never_overruled() {
    let spectrum = infrared(|_| 0.25, YUnit::Absorbance);
    let choices = |technique| Choices { technique: Some(technique), ..Choices::default() };
    assert!(spectrum.comparable(&choices(Technique::Raman)).unwrap_err().to_string().contains("infrared"));
    let stated = spectrum.comparable(&choices(Technique::AtrFtir)).unwrap();
    assert_eq!((stated.spectrum.technique(), stated.stated.len()), (Technique::AtrFtir, 1));
}
