//! A kit is calibrated with standards, and what is left of its errors is measured.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use parcelscope::analyzer::emulator::{EXCITATION_NM, Gap, Unit, memory_kit};
use parcelscope::analyzer::{Kit, ScanSettings, VirtualClock};
use parcelscope::formats;
use parcelscope::library::Library;
use parcelscope::session::{
    KitFinding, KitHistory, MeasuredStandard, StandardPurpose, find_in_standards, standard_sample,
};
use parcelscope::signal::calibration::{
    AxisFit, CalibrationError, CheckLimits, Excitation, MatchedLine, Standards, check_performance, fit_axis,
    match_lines, measure_band,
};
use parcelscope::spectrum::{Band, Spectrum, Technique, legendre};
use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;
use rand_distr::{Distribution, Normal};

/// Measured files that are not part of the repository.
fn data() -> Option<PathBuf> {
    crate::measured_data::folder("calibration from measured files")
}

/// The sample spectrum of a file and the laser that its axis was computed with.
fn read(path: &Path) -> (Spectrum, f64) {
    let bytes = std::fs::read(path).unwrap();
    let spectra = formats::read_bytes(&bytes, &path.file_name().unwrap().to_string_lossy()).unwrap();
    let spectrum = spectra.iter().find(|s| s.to_spectrum().is_ok()).unwrap();
    (spectrum.to_spectrum().unwrap().0, spectrum.laser_nm.unwrap_or(785.0))
}

fn rms(values: impl Iterator<Item = f64>) -> f64 {
    let values: Vec<f64> = values.collect();
    (values.iter().map(|v| v * v).sum::<f64>() / values.len() as f64).sqrt()
}

fn calibrate(key: &str, spectrum: &Spectrum, laser_nm: f64) -> Result<AxisFit, CalibrationError> {
    let standards = Standards::bundled().unwrap();
    let lines = match_lines(standards.with_lines(key).unwrap(), spectrum, laser_nm)?;
    fit_axis(&lines, spectrum.range_cm1(), laser_nm, Excitation::Known)
}

/// Range of the emulated axes, cm-1.
const RANGE_CM1: (f64, f64) = (190.0, 2_300.0);

/// A smooth error of the axis up to the third order, cm-1 over the reported shift, with its largest value drawn up to 6.
struct AxisError([f64; 4]);

impl AxisError {
    fn draw(rng: &mut ChaCha8Rng) -> Self {
        let shape: [f64; 4] = std::array::from_fn(|_| rng.random_range(-1.0..1.0));
        let shape = Self(shape);
        let peak = (0..200).map(|i| shape.at(RANGE_CM1.0 + 10.55 * f64::from(i)).abs()).fold(0.0, f64::max);
        let wanted = rng.random_range(0.0..6.0);
        Self(shape.0.map(|c| c * wanted / peak))
    }

    /// True minus reported shift.
    fn at(&self, reported_cm1: f64) -> f64 {
        let (low, high) = RANGE_CM1;
        let u = (2.0 * reported_cm1 - low - high) / (high - low);
        self.0.iter().zip(legendre(u)).map(|(c, p)| c * p).sum()
    }
}

/// What an instrument with this error shows of a standard.
fn seen(bands: &[Band], error: &AxisError, rng: &mut ChaCha8Rng) -> Spectrum {
    let axis: Vec<f64> = (0..1_024).map(|i| RANGE_CM1.0 + 2.0625 * f64::from(i)).collect();
    let normal = Normal::new(0.0, 1.0).unwrap();
    let extra: f64 = rng.random_range(3.0..7.0);
    let (gain, glow) = (rng.random_range(2_000.0..8_000.0), rng.random_range(0.1..2.0));
    let bands: Vec<Band> = bands.iter().map(|b| b.broadened(extra)).collect();
    let light: Vec<f64> = axis
        .iter()
        .map(|x| {
            let truth = x + error.at(*x);
            let raman: f64 = bands.iter().map(|b| b.value_at(truth)).sum();
            let response = 1.0 - 0.7 * (x / 2_600.0).powi(2);
            gain * (raman + glow * (-0.5 * ((x - 900.0) / 800.0).powi(2)).exp()) * response
        })
        .collect();
    let noise: Vec<f64> = light.iter().map(|y| (9.0 + 0.2 * y).sqrt()).collect();
    let counts = light.iter().zip(&noise).map(|(y, sd)| y + sd * normal.sample(rng)).collect();
    Spectrum::new(Technique::Raman, axis, counts).unwrap().with_noise(noise).unwrap()
}

/// What is left of the axis error over a range, cm-1 rms.
fn left(fit: &AxisFit, error: &AxisError, range_cm1: (f64, f64)) -> f64 {
    let places = (0..=100).map(|i| range_cm1.0 + (range_cm1.1 - range_cm1.0) * f64::from(i) / 100.0);
    rms(places.map(|x| fit.correction.corrected_shift_cm1(x) - x - error.at(x)))
}

#[test]
fn an_axis_that_is_up_to_six_wavenumbers_wrong_is_right_within_seven_tenths_after_calibration() {
    let (library, standards) = (Library::bundled().unwrap(), Standards::bundled().unwrap());
    let sets: [&[&str]; 5] = [
        &["polystyrene"],
        &["acetaminophen"],
        &["cyclohexane"],
        &["polystyrene", "acetaminophen"],
        &["polystyrene", "acetaminophen", "toluene-acetonitrile"],
    ];
    for set in sets {
        let (mut covered, mut whole, mut before) = (Vec::new(), Vec::new(), Vec::new());
        let seeds = 100;
        for seed in 0..seeds {
            let mut rng = ChaCha8Rng::seed_from_u64(seed);
            let error = AxisError::draw(&mut rng);
            let mut lines: Vec<MatchedLine> = Vec::new();
            let mut range = RANGE_CM1;
            for key in set {
                let sample = standard_sample(&library, &standards, key).unwrap();
                let spectrum = seen(&sample.parts[0].bands, &error, &mut rng);
                range = spectrum.range_cm1();
                let found = match_lines(standards.with_lines(key).unwrap(), &spectrum, 785.0);
                lines.extend(found.unwrap_or_else(|e| {
                    panic!(
                        "{key}, seed {seed}: {e} {:?} {:?}",
                        error.0,
                        parcelscope::signal::calibration::find_peaks(&spectrum)
                    )
                }));
            }
            let fit =
                fit_axis(&lines, range, 785.0, Excitation::Known).unwrap_or_else(|e| panic!("{set:?} {seed}: {e}"));
            covered.push(left(&fit, &error, fit.covered_cm1));
            whole.push(left(&fit, &error, RANGE_CM1));
            before.push(rms((0..=100).map(|i| error.at(RANGE_CM1.0 + 21.1 * f64::from(i)))));
        }
        let worst = |v: &[f64]| v.iter().copied().fold(0.0, f64::max);
        println!(
            "simulated, {}, n = {seeds}: before {:.2} (worst {:.2}); after, between its lines {:.2} (worst {:.2}), whole axis {:.2} (worst {:.2}) cm-1 rms",
            set.join(" + "),
            rms(before.iter().copied()),
            worst(&before),
            rms(covered.iter().copied()),
            worst(&covered),
            rms(whole.iter().copied()),
            worst(&whole),
        );
        assert!(rms(covered.iter().copied()) < 0.4, "{set:?}: {covered:?}");
        // Cyclohexane has few lines, far apart.
        assert!(worst(&covered) < if set == ["cyclohexane"] { 1.0 } else { 0.7 }, "{set:?}: {covered:?}");
        if set.len() > 1 {
            assert!(rms(whole.iter().copied()) < 0.7, "{set:?}: {whole:?}");
        }
    }
}

/// A standard as a whole emulated kit measures it, whose axis is `largest_cm1` wrong at its worst place.
fn scanned(seed: u64, largest_cm1: f64, key: &str) -> (MeasuredStandard, Unit) {
    let (library, standards) = (Library::bundled().unwrap(), Standards::bundled().unwrap());
    let clock: Arc<VirtualClock> = Arc::default();
    let parts = memory_kit(seed, Gap::NONE, standard_sample(&library, &standards, key).unwrap(), clock.clone());
    parts.bench.set_axis_error(largest_cm1);
    let unit = parts.bench.unit();
    let mut kit = Kit::connect(Box::new(parts.spectrometer), Box::new(parts.laser), EXCITATION_NM, clock).unwrap();
    let scan = kit.acquire(&ScanSettings::automatic(), &|| false, &mut |_| {}, &mut |_| {}).unwrap();
    (MeasuredStandard::of_scan(key, &scan).unwrap(), unit)
}

/// Errors in a part of the axis, cm-1 rms: with the calibration and without it.
fn errors_in(unit: &Unit, fit: &AxisFit, range_cm1: (f64, f64)) -> (f64, f64) {
    let pixels = (0..unit.detector.pixels).map(|pixel| {
        let reported = 1e7 / EXCITATION_NM - 1e7 / unit.detector.reported_wavelength_nm(pixel);
        (reported, unit.true_shift_cm1(pixel))
    });
    let inside: Vec<(f64, f64)> = pixels.filter(|(x, _)| (range_cm1.0..=range_cm1.1).contains(x)).collect();
    let after = rms(inside.iter().map(|(x, truth)| fit.correction.corrected_shift_cm1(*x) - truth));
    (after, rms(inside.iter().map(|(x, truth)| x - truth)))
}

/// How the errors of many units are told.
fn spread(values: &[f64]) -> String {
    let worst = values.iter().copied().fold(0.0, f64::max);
    let over = values.iter().filter(|v| **v >= 0.7).count();
    format!("{:.2} (worst {worst:.2}, {over} of {} at 0.7 or more)", rms(values.iter().copied()), values.len())
}

#[test]
fn an_emulated_kit_that_is_six_wavenumbers_wrong_is_right_within_seven_tenths_where_its_calibration_says_so() {
    let seeds = if std::env::var_os("PARCELSCOPE_LONG").is_some() { 200 } else { 24 };
    let standards = Standards::bundled().unwrap();
    let all = ["polystyrene", "acetaminophen", "toluene-acetonitrile", "cyclohexane"];
    let sets: [&[&str]; 8] = [
        &all[..3],
        &["polystyrene", "toluene-acetonitrile"],
        &["polystyrene", "acetaminophen", "cyclohexane"],
        &["polystyrene", "acetaminophen"],
        &["polystyrene", "cyclohexane"],
        &["polystyrene"],
        &["acetaminophen"],
        &["cyclohexane"],
    ];
    let mut left: Vec<[Vec<f64>; 4]> = sets.iter().map(|_| Default::default()).collect();
    let mut trusted: Vec<Vec<(f64, f64)>> = sets.iter().map(|_| Vec::new()).collect();
    for seed in 0..seeds {
        let measured = all.map(|key| scanned(seed, 6.0, key));
        let unit = &measured[0].1;
        for ((set, left), trusted) in sets.iter().zip(&mut left).zip(&mut trusted) {
            let of_set: Vec<MeasuredStandard> =
                measured.iter().map(|m| m.0.clone()).filter(|m| set.contains(&m.standard.as_str())).collect();
            let whole = (200.0, of_set[0].reported.range_cm1().1);
            let finding = find_in_standards(StandardPurpose::Calibration, &standards, &of_set, &KitHistory::default());
            let finding = finding.unwrap_or_else(|e| panic!("{set:?}, seed {seed}: {e}"));
            let KitFinding::Axis { fit, .. } = &finding else { panic!("{finding:?}") };
            let trust = fit.trusted_cm1.unwrap_or_else(|| panic!("{set:?}, seed {seed}"));
            let (of_whole, before) = errors_in(unit, fit, whole);
            let all = [errors_in(unit, fit, fit.covered_cm1).0, errors_in(unit, fit, trust).0, of_whole, before];
            left.iter_mut().zip(all).for_each(|(list, value)| list.push(value));
            trusted.push(trust);
            assert_eq!(fit.leaves_out(), finding.remarks()[0].contains("for the rest of the axis calibrate"));
        }
    }
    let middle = |mut values: Vec<f64>| {
        values.sort_by(f64::total_cmp);
        values[values.len() / 2]
    };
    for ((set, left), trusted) in sets.iter().zip(&left).zip(&trusted) {
        let [low, high] = [trusted.iter().map(|t| t.0).collect(), trusted.iter().map(|t| t.1).collect()].map(middle);
        println!(
            "emulated kits, {}, n = {seeds}, cm-1 rms: before {:.2}; between the lines {}; where trusted (median {low:.0} to {high:.0}) {}; whole axis {}",
            set.join(" + "),
            rms(left[3].iter().copied()),
            spread(&left[0]),
            spread(&left[1]),
            spread(&left[2]),
        );
        let worst = |values: &[f64]| values.iter().copied().fold(0.0, f64::max);
        assert!(worst(&left[1]) < 0.7, "{set:?}, where it is trusted: {:?}", left[1]);
        // Cyclohexane alone has few lines, far apart; what it says is trusted in a part of them.
        if *set != ["cyclohexane"] {
            assert!(worst(&left[0]) < 0.7, "{set:?}, between the lines: {:?}", left[0]);
            assert!(low <= 600.0 && high >= 1_600.0, "{set:?} is trusted from {low} to {high} only");
        }
    }
    for recommended in [&left[0][2], &left[1][2]] {
        assert!(recommended.iter().all(|e| *e < 0.7), "recommended, whole axis: {recommended:?}");
    }
    assert!(trusted[0].iter().all(|t| t.0 < 260.0 && t.1 > 2_250.0), "{:?}", trusted[0]);
}

#[test]
fn hardly_any_other_substance_of_the_library_passes_for_a_standard() {
    let (library, standards) = (Library::bundled().unwrap(), Standards::bundled().unwrap());
    let mut rng = ChaCha8Rng::seed_from_u64(5);
    let (mut tried, mut taken) = (0, Vec::new());
    for (index, substance) in library.substances.iter().enumerate() {
        let Some(reference) =
            library.references_of(index).find(|r| r.technique == Technique::Raman && r.bands.len() >= 3)
        else {
            continue;
        };
        let spectrum = seen(&reference.bands, &AxisError([0.0; 4]), &mut rng);
        for standard in ["polystyrene", "cyclohexane", "acetaminophen"] {
            if substance.key.contains(standard) || substance.key.contains("paracetamol") {
                continue;
            }
            tried += 1;
            let lines = match_lines(standards.with_lines(standard).unwrap(), &spectrum, 785.0);
            if let Ok(fit) = lines.and_then(|l| fit_axis(&l, spectrum.range_cm1(), 785.0, Excitation::Known)) {
                taken.push(format!("{} as {standard} ({:.2})", substance.key, fit.after_rms_cm1));
            }
        }
    }
    println!("simulated: {} of {tried} wrong samples were taken for a standard: {taken:?}", taken.len());
    // Other benzene rings with one substituent have the lines of polystyrene, and in the same places.
    assert!(tried > 300 && taken.len() * 100 <= tried, "{taken:?}");
}

#[test]
fn real_polystyrene_is_calibrated_and_its_errors_before_and_after_are_told() {
    let Some(data) = data() else { return };
    let standards = Standards::bundled().unwrap();
    let polystyrene = standards.with_lines("polystyrene").unwrap();
    let wanted = |name: &str| name.contains("PST02") || name.contains("olystyrene") || name.contains("1,0000");
    let mut files: Vec<PathBuf> = ["calibration", "raman-queries", "raman-reference"]
        .iter()
        .flat_map(|folder| std::fs::read_dir(data.join(folder)).unwrap())
        .map(|entry| entry.unwrap().path())
        .filter(|path| wanted(&path.file_name().unwrap().to_string_lossy()))
        .collect();
    files.sort();
    let (mut before, mut after) = (Vec::new(), Vec::new());
    for path in &files {
        let name = path.file_name().unwrap().to_string_lossy().into_owned();
        let (spectrum, laser_nm) = read(path);
        let fit = calibrate("polystyrene", &spectrum, laser_nm).unwrap_or_else(|e| panic!("{name}: {e}"));
        let check = check_performance(polystyrene, &spectrum, laser_nm, None, None, &CheckLimits::default()).unwrap();
        println!(
            "measured, {name}: {} lines, before {:.2}, after {:.2}, left out {:.2} cm-1 rms; shift {:+.2}, worst {:+.2}, 1001 cm-1 band {:.1} wide, {:.0} times its noise",
            fit.lines.len(),
            fit.before_rms_cm1,
            fit.after_rms_cm1,
            fit.left_out_rms_cm1.unwrap_or(f64::NAN),
            check.mean_error_cm1,
            check.worst_error_cm1,
            check.width_cm1,
            check.snr,
        );
        assert!(fit.after_rms_cm1 < 0.5 && fit.after_rms_cm1 <= fit.before_rms_cm1, "{name}");
        assert!(check.passed(), "{name}: {:?}", check.problems);
        before.push(fit.before_rms_cm1);
        after.push(fit.after_rms_cm1);
    }
    println!(
        "measured, n = {} files of 4 instruments: {:.2} before, {:.2} after, cm-1 rms against ASTM E1840",
        files.len(),
        rms(before.iter().copied()),
        rms(after.into_iter())
    );
    assert!(files.len() >= 9, "{files:?}");
}

#[test]
fn the_resolution_is_read_from_real_calcite_and_agrees_with_polystyrene_on_the_same_instrument() {
    let Some(data) = data() else { return };
    let (calcite, _) = read(&data.join("calibration/nCAL02_iRPlus785_Z020_100_1100ms.txt"));
    let (polystyrene, laser_nm) = read(&data.join("calibration/PST02_iRPlus785_Z020_100_1300ms.txt"));
    let band = measure_band(&calcite, 1_085.0, 10.0).unwrap();
    let check = measure_band(&polystyrene, 1_001.4, 10.0).unwrap();
    let axis = calibrate("polystyrene", &polystyrene, laser_nm).unwrap();
    let corrected = axis.correction.corrected_shift_cm1(band.position_cm1);
    println!(
        "measured: calcite at {:.2} +- {:.2} cm-1 ({corrected:.2} with the axis of polystyrene), {:.2} +- {:.2} wide; polystyrene 1001 cm-1 {:.2} wide",
        band.position_cm1, band.position_sd_cm1, band.fwhm_cm1, band.fwhm_sd_cm1, check.fwhm_cm1
    );
    let measured = |key: &str, spectrum: &Spectrum| MeasuredStandard {
        standard: key.to_owned(),
        reported: spectrum.clone(),
        corrected: spectrum.clone(),
        excitation_nm: laser_nm,
        seconds: None,
    };
    let both = [measured("polystyrene", &polystyrene), measured("calcite", &calcite)];
    let standards = Standards::bundled().unwrap();
    let none = KitHistory::default();
    let found = find_in_standards(StandardPurpose::Calibration, &standards, &both, &none).unwrap();
    let KitFinding::Axis { fit, witnesses } = &found else { panic!("{found:?}") };
    assert_eq!(fit, &axis, "calcite is fitted in no way");
    let alone = find_in_standards(StandardPurpose::Calibration, &standards, &both[1..], &none).unwrap();
    for said in found.remarks().iter().chain(&alone.remarks()) {
        println!("measured, n = 1: {said}");
    }
    let after = witnesses[0].after_cm1.unwrap();
    assert!((witnesses[0].before_cm1 - (band.position_cm1 - 1_085.0)).abs() < 0.2, "{witnesses:?}");
    assert!((after - (corrected - 1_085.0)).abs() < 0.2, "{witnesses:?}");
    assert!(alone.remarks()[0].contains("no calibration of the axis is known"), "{:?}", alone.remarks());
    // Published places of the calcite band: 1085 to 1087 cm-1.
    assert!((1_084.5..1_087.5).contains(&corrected), "{corrected}");
    assert!((3.0..8.0).contains(&band.fwhm_cm1) && band.fwhm_cm1 < check.fwhm_cm1 + 0.5, "{band:?} {check:?}");
    let (silicon, _) = read(&data.join("calibration/S0B02_iRPlus785_Z020_100_12000ms.txt"));
    let band = measure_band(&silicon, 520.5, 8.0).unwrap();
    println!("measured: silicon at {:.2} cm-1, {:.2} wide", band.position_cm1, band.fwhm_cm1);
    assert!((band.position_cm1 - 520.5).abs() < 2.0, "{band:?}");
}

#[test]
fn a_spectrum_without_any_line_of_the_standard_is_refused_with_no_share_of_it() {
    let axis: Vec<f64> = (200..=1_900).map(f64::from).collect();
    // Bands of something else, where polystyrene has none.
    let band = |x: f64, at: f64| 1_000.0 * (-0.5 * ((x - at) / 4.0).powi(2)).exp();
    let light = axis.iter().map(|x| 100.0 + (x * 1.7).sin() + band(*x, 400.0) + band(*x, 700.0) + band(*x, 1_300.0));
    let other = Spectrum::new(Technique::Raman, axis.clone(), light.collect()).unwrap();
    let why = calibrate("polystyrene", &other, 785.0).unwrap_err().to_string();
    assert!(why.contains("0 % of their intensity") && !why.contains("-0"), "{why}");
}
