//! The engine names what it can prove, alarms on what is listed, and otherwise says that it cannot tell.

use std::process::Command;
use std::sync::Arc;
use std::time::{Duration, Instant};

use proptest::prelude::*;
use rand::SeedableRng;
use rand_distr::{Distribution, Normal};

use parcelscope::analyzer::emulator::{EXCITATION_NM, Gap, Sample, SamplePart, memory_kit};
use parcelscope::analyzer::{Clock, Kit, ScanSettings, VirtualClock};
use parcelscope::identify::{Answer, Engine, Level, Strength};
use parcelscope::library::{Library, Reference, Tier};
use parcelscope::spectrum::{Band, Spectrum, Technique};

fn bundled() -> Engine {
    Engine::new(Library::bundled().unwrap())
}

/// Runs `parcelscope evaluate SUITE --json`; none, with one visible line, where it needs measured spectra and none are
/// there.
fn evaluate(suite: &str, needs_data: bool) -> Option<serde_json::Value> {
    if needs_data {
        crate::measured_data::folder(&format!("'{suite}' on measured spectra"))?;
    }
    let out = Command::new(env!("CARGO_BIN_EXE_parcelscope")).args(["evaluate", suite, "--json"]).output().unwrap();
    assert!(out.status.success(), "{}", String::from_utf8_lossy(&out.stderr));
    Some(serde_json::from_slice(&out.stdout).unwrap())
}

fn rate(tables: &serde_json::Value, what: &str) -> (u64, u64) {
    let rate = &tables[0]["lines"][0][what];
    (rate["k"].as_u64().unwrap(), rate["n"].as_u64().unwrap())
}

#[test]
fn the_reference_spectra_find_their_own_substance() {
    let Some(tables) = evaluate("reference", true) else { return };
    assert_eq!(tables[0]["spectra"], "measured");
    let (right, n) = rate(&tables, "first");
    assert!(n == 79 && right >= 78, "{right} of {n}");
    assert_eq!(rate(&tables, "named_wrong").0, 0);
    assert_eq!(rate(&tables, "false_alarms").0, 0);
}

#[test]
fn spectra_of_other_laboratories_come_first_and_none_is_named_wrongly() {
    let Some(tables) = evaluate("queries", true) else { return };
    let (right, n) = rate(&tables, "first");
    assert!(n == 25 && right * 10 >= n * 9, "{right} of {n}");
    assert_eq!(rate(&tables, "named_wrong"), (0, 27));
    assert_eq!(rate(&tables, "false_alarms").0, 0);
}

#[test]
fn a_substance_that_is_in_no_reference_is_hardly_ever_named_as_another() {
    let Some(tables) = evaluate("leave-one-out", true) else { return };
    let (wrong, n) = rate(&tables, "named_wrong");
    assert!(n == 79 && wrong * 100 <= n, "{wrong} of {n}");
}

#[test]
fn emulated_scans_come_first_and_no_benign_one_alarms() {
    let tables = evaluate("emulator", false).unwrap();
    assert_eq!(tables[0]["spectra"], "simulated");
    let (right, n) = rate(&tables, "first");
    assert!(n == 237 && right * 100 >= n * 95, "{right} of {n}");
    assert_eq!(rate(&tables, "named_wrong").0, 0, "{}", tables[0]["errors"]);
    assert_eq!(rate(&tables, "false_alarms").0, 0, "{}", tables[0]["errors"]);
    // Strictness must not make the answer useless: most of what is in the library is named.
    let (named, n) = rate(&tables, "named_right");
    assert!(named * 10 >= n * 8, "{named} of {n} named");
}

#[test]
fn an_emulated_substance_that_is_in_no_reference_is_hardly_ever_named_as_another() {
    let tables = evaluate("emulator-leave-one-out", false).unwrap();
    let (wrong, n) = rate(&tables, "named_wrong");
    assert!(n == 237 && wrong * 100 <= n * 3, "{wrong} of {n}");
}

/// A scan of the emulated kit at default settings, in virtual time.
pub fn scan(parts: Vec<SamplePart>, seed: u64) -> Spectrum {
    let clock: Arc<dyn Clock> = Arc::new(VirtualClock::default());
    let sample = Sample { name: "sample".to_owned(), parts };
    let kit = memory_kit(seed, Gap::MEASURED, sample, Arc::clone(&clock));
    let mut kit = Kit::connect(Box::new(kit.spectrometer), Box::new(kit.laser), EXCITATION_NM, clock).unwrap();
    kit.acquire(&ScanSettings::default(), &|| false, &mut |_| {}, &mut |_| {}).unwrap().spectrum
}

fn reference<'a>(library: &'a Library, key: &str, calculated: bool) -> &'a Reference {
    let index = library.substances.iter().position(|s| s.key == key).unwrap();
    library
        .references_of(index)
        .find(|r| r.technique == Technique::Raman && (r.tier == Tier::Computed) == calculated)
        .unwrap()
}

pub fn part(library: &Library, key: &str, share: f64) -> SamplePart {
    SamplePart { share, bands: reference(library, key, false).bands.clone() }
}

/// The bundled library with one substance declared to alarm, as a pack with measured references of listed substances
/// would have it.
fn library_in_which_alarms(key: &str) -> Library {
    let mut library = (*Library::bundled().unwrap()).clone();
    let substance = library.substances.iter_mut().find(|s| s.key == key).unwrap();
    substance.groups.push("fentanyl".to_owned());
    substance.alarms = true;
    substance.listed = true;
    library
}

#[test]
fn an_identified_substance_of_an_alarming_group_is_an_alarm_with_what_to_do() {
    let engine = Engine::new(Arc::new(library_in_which_alarms("caffeine")));
    let answer = engine.identify(&scan(vec![part(engine.library(), "caffeine", 1.0)], 5));
    assert_eq!(answer.verdict.level(), Level::Alarm);
    assert_eq!(answer.verdict.rule(), "identified-listed");
    assert!(answer.verdict.next_step().contains("naloxone"));
    assert_eq!(answer.identified[0].strength, Strength::Identified);
}

#[test]
fn an_alarming_part_of_a_mixture_is_an_alert() {
    let engine = Engine::new(Arc::new(library_in_which_alarms("caffeine")));
    let library = engine.library();
    let mut seen = 0;
    for seed in 0..5 {
        let mixture = vec![part(library, "caffeine", 0.5), part(library, "lactose", 0.5)];
        let answer = engine.identify(&scan(mixture, 50 + seed));
        assert_ne!(answer.verdict.level(), Level::NoneDetected, "seed {seed}: {:?}", answer.verdict);
        seen += usize::from(matches!(answer.verdict.level(), Level::Alert | Level::Alarm));
    }
    assert!(seen >= 4, "{seen} of 5");
}

#[test]
fn what_could_have_been_missed_is_a_number_where_a_measured_reference_exists_and_null_where_none_does() {
    let engine = Engine::new(Arc::new(library_in_which_alarms("caffeine")));
    let answer = engine.identify(&scan(vec![part(engine.library(), "lactose", 1.0)], 6));
    assert_eq!(answer.verdict.level(), Level::NoneDetected, "{:?}", answer.verdict);
    let limit = |name: &str| answer.detection_limits.iter().find(|l| l.substance == name).unwrap().spectral_share;
    let caffeine = limit("caffeine").unwrap();
    assert!((0.005..0.6).contains(&caffeine), "{caffeine}");
    assert_eq!(limit("fentanyl"), None);
}

#[test]
fn a_calculated_reference_raises_a_possible_at_most() {
    let engine = bundled();
    let library = engine.library();
    let (mut scans, mut alerts) = (0, 0);
    for (number, reference) in library.references.iter().enumerate() {
        let substance = library.substance_of(reference).unwrap();
        if reference.tier != Tier::Computed || reference.technique != Technique::Raman || !substance.alarms {
            continue;
        }
        let bands = reference.bands.iter().filter(|b| b.position_cm1 < 2_400.0).copied().collect();
        let answer = engine.identify(&scan(vec![SamplePart { share: 1.0, bands }], number as u64));
        scans += 1;
        assert_ne!(answer.verdict.level(), Level::Alarm, "{}", substance.key);
        assert!(answer.identified.iter().all(|i| i.strength != Strength::Identified), "{}", substance.key);
        if answer.verdict.level() == Level::Alert {
            alerts += 1;
            assert_eq!(answer.verdict.rule(), "possible-listed");
            assert!(answer.verdict.headline().contains("calculated reference"));
            assert!(answer.verdict.next_step().contains("second technique"));
        }
    }
    assert!(scans >= 10 && alerts * 4 >= scans * 3, "{alerts} alerts in {scans} scans (simulated)");
}

/// An emulated scan of the calculated bands of a substance.
fn calculated(engine: &Engine, key: &str, seed: u64) -> Answer {
    let bands = reference(engine.library(), key, true).bands.iter().filter(|b| b.position_cm1 < 2_400.0);
    engine.identify(&scan(vec![SamplePart { share: 1.0, bands: bands.copied().collect() }], seed))
}

#[test]
fn precursors_that_can_be_told_from_opioids_get_no_naloxone_line() {
    let engine = bundled();
    let answer = calculated(&engine, "4-piperidone", 3);
    assert_eq!(answer.verdict.level(), Level::Alert, "{:?}", answer.verdict);
    assert!(answer.identified.iter().all(|i| i.alternatives.is_empty()), "{:?}", answer.identified);
    assert!(!answer.verdict.next_step().contains("naloxone"), "{}", answer.verdict.next_step());
    assert!(answer.verdict.next_step().contains("ventilation"));
}

#[test]
fn what_may_be_an_opioid_as_well_as_its_precursor_gets_the_advice_for_both() {
    let engine = bundled();
    let library = engine.library();
    let is_opioid =
        |name: &str| library.find(name).is_some_and(|s| s.groups.iter().any(|g| g == "fentanyl" || g == "nitazene"));
    let mut both = 0;
    for (key, seed) in [("4-anpp", 3), ("npp", 20), ("npp", 37), ("4-anpp", 54), ("fentanyl", 3)] {
        let answer = calculated(&engine, key, seed);
        let names: Vec<&str> = answer
            .identified
            .iter()
            .flat_map(|i| [i.substance.as_str()].into_iter().chain(i.alternatives.iter().map(String::as_str)))
            .collect();
        if names.iter().any(|n| is_opioid(n)) && !names.iter().all(|n| is_opioid(n)) {
            both += 1;
            let said = answer.verdict.next_step();
            assert!(said.contains("naloxone") && said.contains("ventilation"), "{key}: {names:?}: {said}");
        }
    }
    assert!(both >= 3, "{both} of 5 scans may be either");
}

#[test]
fn fentanyl_cut_with_lactose_never_gets_advice_without_naloxone() {
    let engine = bundled();
    let library = engine.library();
    let bands: Vec<Band> =
        reference(library, "fentanyl", true).bands.iter().filter(|b| b.position_cm1 < 2_400.0).copied().collect();
    let mut warned = 0;
    for share in [0.9, 0.8, 0.7, 0.6, 0.5] {
        for seed in 0..12 {
            let parts = vec![SamplePart { share, bands: bands.clone() }, part(library, "lactose", 1.0 - share)];
            let answer = engine.identify(&scan(parts, 300 + seed));
            if answer.verdict.level().is_warning() {
                warned += 1;
                let said = answer.verdict.next_step();
                assert!(said.contains("naloxone"), "{share}, {seed}: {:?} {:?}", answer.verdict, answer.candidates);
            }
        }
    }
    assert!(warned >= 12, "{warned} of 60 scans raise an alert (simulated)");
}

/// Bands on a background with noise, on an axis like a handheld's.
fn synthetic(bands: &[Band], noise: f64, background: f64) -> Spectrum {
    let mut rng = rand_chacha::ChaCha8Rng::seed_from_u64(17);
    let normal = Normal::new(0.0, noise).unwrap();
    let axis: Vec<f64> = (0..1024).map(|i| 190.0 + 2.1 * f64::from(i)).collect();
    let y = axis
        .iter()
        .map(|x| {
            let light: f64 = bands.iter().map(|b| 5_000.0 * b.broadened(6.0).value_at(*x)).sum();
            light + background * (1.0 + x / 4_000.0) + normal.sample(&mut rng)
        })
        .collect();
    Spectrum::new(Technique::Raman, axis, y).unwrap()
}

#[test]
fn an_empty_exposure_noise_and_a_saturated_one_are_inconclusive_with_the_reason() {
    let engine = bundled();
    let sucrose = &reference(engine.library(), "sucrose", false).bands;
    let cases = [
        ("too-weak", scan(Vec::new(), 1)),
        ("too-weak", synthetic(&[], 20.0, 300.0)),
        ("saturated", synthetic(sucrose, 5.0, 300.0).with_saturated(vec![300, 301, 302])),
        ("saturated", {
            let s = synthetic(sucrose, 5.0, 14_000.0);
            let clipped = s.intensity().iter().map(|v| v.min(16_383.0)).collect();
            Spectrum::new(Technique::Raman, s.axis_cm1().to_vec(), clipped).unwrap()
        }),
        ("too-weak", {
            let axis: Vec<f64> = (0..1000).map(|i| 200.0 + 2.0 * f64::from(i)).collect();
            let flat = vec![5.0; axis.len()];
            Spectrum::new(Technique::Raman, axis, flat).unwrap()
        }),
        ("wrong-range", {
            let axis: Vec<f64> = (0..100).map(|i| 1_000.0 + f64::from(i)).collect();
            Spectrum::new(Technique::Raman, axis.clone(), axis).unwrap()
        }),
        ("no-nir-library", {
            let s = synthetic(sucrose, 5.0, 300.0);
            let axis = s.axis_cm1().iter().map(|x| 4_000.0 + 3.0 * x).collect();
            Spectrum::new(Technique::Nir, axis, s.intensity().to_vec()).unwrap()
        }),
    ];
    for (rule, spectrum) in cases {
        let answer = engine.identify(&spectrum);
        assert_eq!(answer.verdict.level(), Level::Inconclusive, "{rule}: {:?}", answer.verdict);
        assert_eq!(answer.verdict.rule(), rule, "{:?} {:?}", answer.verdict, answer.quality);
        assert!(answer.identified.is_empty());
        assert!(answer.verdict.next_step().ends_with('.'));
    }
}

#[test]
fn household_goods_never_alarm_whether_the_library_has_them_or_not() {
    let engine = bundled();
    for key in ["sucrose", "talc", "polyethylene", "sodium-bicarbonate", "glucose", "polystyrene", "coconut-oil"] {
        let spectrum = synthetic(&reference(engine.library(), key, false).bands, 8.0, 3_000.0);
        for hidden in [false, true] {
            let answer = engine.identify_without(&spectrum, &|s| hidden && s.key == key);
            assert!(
                matches!(answer.verdict.level(), Level::NoneDetected | Level::Inconclusive),
                "{key}, hidden {hidden}: {:?}",
                answer.verdict
            );
            assert!(!hidden || answer.identified.is_empty(), "{key}: {:?}", answer.identified);
        }
    }
}

#[test]
fn polystyrene_without_its_reference_is_not_taken_for_another_phenyl() {
    let engine = bundled();
    for seed in 0..40 {
        let spectrum = scan(vec![part(engine.library(), "polystyrene", 1.0)], 700 + seed);
        let answer = engine.identify_without(&spectrum, &|s| s.key == "polystyrene");
        assert!(answer.identified.is_empty(), "seed {seed}: {:?}", answer.identified);
    }
}

/// The bundled library with a second reference of lactose: of another substance, or of another form, 0.3 cm-1 away.
fn library_with_a_twin(of_another_substance: bool) -> Library {
    let mut library = Library::bundled().unwrap().as_ref().clone();
    let mut twin = reference(&library, "lactose", false).clone();
    for band in &mut twin.bands {
        band.position_cm1 += 0.3;
    }
    "another form".clone_into(&mut twin.form);
    if of_another_substance {
        let mut substance = library.substances[twin.substance].clone();
        "lactose-twin".clone_into(&mut substance.key);
        "lactose twin".clone_into(&mut substance.name);
        twin.substance = library.substances.len();
        library.substances.push(substance);
    }
    library.references.push(twin);
    library
}

#[test]
fn near_identical_references_are_named_as_a_group_and_not_as_a_coin_toss() {
    let engine = Engine::new(Arc::new(library_with_a_twin(true)));
    for seed in 0..8 {
        let answer = engine.identify(&scan(vec![part(engine.library(), "lactose", 1.0)], 60 + seed));
        let named = answer.identified.first().unwrap();
        let mut group: Vec<&str> =
            named.alternatives.iter().map(String::as_str).chain([named.substance.as_str()]).collect();
        group.sort_unstable();
        assert!(group.contains(&"lactose") && group.contains(&"lactose twin"), "seed {seed}: {group:?}");
    }
}

#[test]
fn a_form_is_not_stated_where_another_form_fits_as_well() {
    let spectrum = |engine: &Engine| scan(vec![part(engine.library(), "lactose", 1.0)], 61);
    let engine = Engine::new(Arc::new(library_with_a_twin(false)));
    let answer = engine.identify(&spectrum(&engine));
    assert_eq!(answer.identified[0].substance, "lactose");
    assert_eq!(answer.identified[0].form, "form not determined");
}

#[test]
fn a_unit_in_order_is_not_sent_to_be_checked_because_a_wrong_reference_fits_elsewhere() {
    let engine = bundled();
    let library = engine.library();
    let mut scans = 0;
    for (number, reference) in library.references.iter().enumerate() {
        if reference.technique != Technique::Raman || reference.tier != Tier::MeasuredElsewhere {
            continue;
        }
        let key = &library.substance_of(reference).unwrap().key;
        let bands = reference.bands.clone();
        let spectrum = scan(vec![SamplePart { share: 1.0, bands }], 4_000 + number as u64);
        let answer = engine.identify_without(&spectrum, &|s| s.key == *key);
        assert_ne!(answer.verdict.rule(), "out-of-calibration", "{key}: {:?}", answer.candidates.first());
        scans += 1;
    }
    assert!(scans >= 70, "{scans}");
}

#[test]
fn an_axis_that_is_off_is_called_so() {
    let engine = bundled();
    let mut called = 0;
    for key in ["acetaminophen", "sucrose", "caffeine", "ibuprofen", "lactose", "glucose"] {
        let mut bands = reference(engine.library(), key, false).bands.clone();
        for band in &mut bands {
            band.position_cm1 += 11.0;
        }
        let answer = engine.identify(&synthetic(&bands, 8.0, 3_000.0));
        called += usize::from(answer.verdict.rule() == "out-of-calibration");
    }
    assert!(called >= 4, "{called} of 6");
}

#[test]
fn lists_of_positions_and_single_bands_never_identify() {
    let engine = bundled();
    for reference in engine.library().references.iter().filter(|r| r.technique == Technique::Raman) {
        if reference.can_support_identification() {
            continue;
        }
        let answer = engine.identify(&synthetic(&reference.bands, 5.0, 500.0));
        let substance = engine.library().substance_of(reference).unwrap();
        assert!(
            answer.identified.iter().all(|i| i.strength != Strength::Identified || i.substance != substance.name),
            "{}: {:?}",
            substance.key,
            answer.identified
        );
    }
}

#[test]
fn the_same_spectrum_gives_the_same_answer() {
    let library = Library::bundled().unwrap();
    let spectrum = scan(vec![part(&library, "lactose", 0.6), part(&library, "caffeine", 0.4)], 77);
    let first = bundled().identify(&spectrum);
    let engine = bundled();
    assert_eq!(engine.identify(&spectrum), first);
    assert_eq!(engine.identify(&spectrum), first);
}

#[test]
fn a_verdict_takes_less_than_fifty_milliseconds() {
    let engine = bundled();
    let spectrum = scan(vec![part(engine.library(), "hydrocortisone", 1.0)], 7);
    let best = (0..7)
        .map(|_| {
            let began = Instant::now();
            engine.identify(&spectrum);
            began.elapsed()
        })
        .min()
        .unwrap();
    println!("verdict in {best:?}");
    assert!(best < Duration::from_millis(50), "{best:?}");
}

fn all_finite(answer: &Answer) -> bool {
    let q = &answer.quality;
    let numbers = [q.snr, q.fluorescence, q.range_cm1.0, q.range_cm1.1, answer.residual.unexplained]
        .into_iter()
        .chain(answer.residual.strongest_unexplained_cm1.iter().copied())
        .chain(answer.candidates.iter().flat_map(|c| {
            [c.score, c.explained, c.shift_cm1].into_iter().chain(c.missing_bands.iter().copied()).collect::<Vec<_>>()
        }))
        .chain(answer.mixture.iter().map(|c| c.spectral_share))
        .chain(answer.detection_limits.iter().filter_map(|l| l.spectral_share));
    numbers.into_iter().all(f64::is_finite)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]
    #[test]
    fn any_spectrum_gets_an_answer_in_finite_numbers(
        start in -500.0..3_000.0_f64,
        steps in prop::collection::vec(0.01..12.0_f64, 64..500),
        values in prop::collection::vec(prop_oneof![3 => -1e3..1e5_f64, 1 => -1e300..1e300_f64, 1 => Just(0.0)], 500),
        resolution in prop_oneof![Just(0.0), 0.001..200.0_f64],
        technique in prop::sample::select(Technique::ALL.to_vec()),
    ) {
        let mut x = start;
        let axis: Vec<f64> = steps.iter().map(|s| { x += s; x }).collect();
        let n = axis.len();
        let spectrum = Spectrum::new(technique, axis, values[..n].to_vec()).unwrap().with_resolution(resolution);
        let answer = bundled().identify(&spectrum);
        prop_assert!(all_finite(&answer));
        prop_assert!(answer.identified.iter().all(|i| i.strength != Strength::Identified), "{:?}", answer.identified);
    }
}
