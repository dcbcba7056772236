//! Records to write into casebooks: plain ones, and any that can exist.

use std::path::PathBuf;

use jiff::Timestamp;
use parcelscope::analyzer::{
    Acquisition, CheckState, DarkSource, DeviceIdentity, Exposure, ExposureKind, LaserState, ScanConditions,
};
use parcelscope::casebook::{
    Casebook, ClockAgainstGps, ClockKeeping, LastBlank, Role, ScanKind, ScanRecord, Spot, Standing, Subject, TimeSource,
};
use parcelscope::identify::{
    Answer, Candidate, Component, Coverage, DetectionLimit, Identified, QualityReport, ReferenceNote, Residual,
    Strength, Verdict,
};
use parcelscope::library::{LibraryIdentity, Tier};
use parcelscope::spectrum::{AxisCorrection, Correction, ResponseCurve, Spectrum, Technique};
use proptest::collection::vec;
use proptest::prelude::*;

/// A folder with a casebook of `n` records.
pub fn casebook_of(n: u32) -> (tempfile::TempDir, PathBuf) {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("casebook.sqlite3");
    let mut casebook = Casebook::open(&path).unwrap();
    for i in 0..n {
        casebook.append(&plain_record(i)).unwrap();
    }
    (dir, path)
}

/// A small record that differs by `i`.
pub fn plain_record(i: u32) -> ScanRecord {
    let device = |model: &str| DeviceIdentity {
        model: model.to_owned(),
        serial: format!("S{i}"),
        firmware: None,
        driver: "test".to_owned(),
        port: "emulator".to_owned(),
        simulated: true,
    };
    let exposure = |kind| Exposure {
        kind,
        counts: (0..64).map(|p| p * 7 + i).collect(),
        integration_us: 100_000,
        scans_averaged: 1,
        saturation_counts: 16_383,
        temperatures_c: vec![21.5],
        laser_before: LaserState::Off,
        laser_after: LaserState::Off,
        started_ms: 5,
    };
    let axis: Vec<f64> = (0..64).map(|p| 200.0 + f64::from(p) * 1.1).collect();
    let intensity = axis.iter().map(|x| x.sin() + f64::from(i)).collect();
    ScanRecord {
        taken_at: Timestamp::from_second(1_790_000_000 + i64::from(i)).unwrap(),
        operator: "unenrolled".to_owned(),
        standing: None,
        parcel: format!("RR{i}"),
        subject: Subject::default(),
        time_source: Some(TimeSource { kept_by: ClockKeeping::System, synchronised: None, gps: None }),
        last_blank: None,
        emulated_sample: Some("talc".to_owned()),
        acquisition: Acquisition {
            spectrometer: device("spectrometer"),
            laser: device("laser"),
            excitation_nm: 785.0,
            wavelength_coefficients_nm: vec![780.0, 0.3],
            dark: exposure(ExposureKind::Dark),
            light: vec![exposure(ExposureKind::Light)],
            spectrum: Spectrum::new(Technique::Raman, axis, intensity).unwrap(),
            simulated: true,
            conditions: ScanConditions::default(),
        },
        answer: answer(Verdict::inconclusive("no-signal", format!("No signal {i}"), "Scan again.".to_owned())),
        program_version: "0.1.0".to_owned(),
    }
}

fn answer(verdict: Verdict) -> Answer {
    let detection_limits = verdict.missable().map_or_else(Vec::new, |m| m.limits().to_vec());
    Answer {
        technique: Technique::Raman,
        simulated: true,
        verdict,
        quality: QualityReport {
            snr: 12.25,
            saturated: false,
            fluorescence: 0.1,
            range_cm1: (200.0, 1800.0),
            problems: vec![],
        },
        identified: vec![],
        coverage: Coverage::default(),
        candidates: vec![],
        mixture: vec![],
        class_evidence: vec![],
        not_in_library: None,
        detection_limits,
        residual: Residual::default(),
        library: LibraryIdentity { name: "bundled".to_owned(), version: "1".to_owned(), sha256: "ab".repeat(32) },
        engine: "engine 1".to_owned(),
    }
}

fn number() -> impl Strategy<Value = f64> {
    prop::num::f64::NORMAL | prop::num::f64::ZERO | prop::num::f64::SUBNORMAL
}

fn laser() -> impl Strategy<Value = LaserState> {
    prop::sample::select(vec![
        LaserState::Off,
        LaserState::WarmingUp,
        LaserState::On,
        LaserState::Fault,
        LaserState::Blocked,
        LaserState::Unknown,
    ])
}

fn device() -> impl Strategy<Value = DeviceIdentity> {
    (any::<[String; 4]>(), any::<Option<String>>(), any::<bool>()).prop_map(
        |([model, serial, driver, port], firmware, simulated)| DeviceIdentity {
            model,
            serial,
            firmware,
            driver,
            port,
            simulated,
        },
    )
}

fn exposure(kind: ExposureKind) -> impl Strategy<Value = Exposure> {
    let numbers = (any::<u32>(), any::<u16>(), any::<u32>(), any::<u64>());
    (vec(any::<u32>(), 0..200), numbers, vec(prop::num::f32::NORMAL, 0..4), laser(), laser()).prop_map(
        move |(
            counts,
            (integration_us, scans_averaged, saturation_counts, started_ms),
            temperatures_c,
            before,
            after,
        )| {
            Exposure {
                kind,
                counts,
                integration_us,
                scans_averaged,
                saturation_counts,
                temperatures_c,
                laser_before: before,
                laser_after: after,
                started_ms,
            }
        },
    )
}

fn spectrum() -> impl Strategy<Value = Spectrum> {
    let points = vec((0.001_f64..10.0, number(), 0.0_f64..1e9), 32..100);
    (points, any::<bool>(), vec(0_usize..32, 0..5), prop::option::of(0.1_f64..50.0)).prop_map(
        |(points, noisy, saturated, resolution)| {
            let mut at = -500.0;
            let axis = points.iter().map(|(step, _, _)| {
                at += step;
                at
            });
            let spectrum =
                Spectrum::new(Technique::Raman, axis.collect(), points.iter().map(|p| p.1).collect()).unwrap();
            let spectrum =
                if noisy { spectrum.with_noise(points.iter().map(|p| p.2).collect()).unwrap() } else { spectrum };
            let spectrum = spectrum.with_saturated(saturated);
            if let Some(r) = resolution { spectrum.with_resolution(r) } else { spectrum }
        },
    )
}

fn verdict() -> impl Strategy<Value = Verdict> {
    (0..4, any::<[String; 3]>(), vec((any::<String>(), prop::option::of(0.0_f64..1.0)), 0..4)).prop_map(
        |(level, [rule, headline, next], limits)| match level {
            0 => Verdict::alarm(&rule, headline, next),
            1 => Verdict::alert(&rule, headline, next),
            2 => Verdict::inconclusive(&rule, headline, next),
            _ => {
                let limits: Vec<_> = limits
                    .into_iter()
                    .map(|(substance, spectral_share)| DetectionLimit { substance, spectral_share })
                    .collect();
                Verdict::none_detected(&rule, &headline, &limits, &Coverage::default())
            }
        },
    )
}

fn any_answer() -> impl Strategy<Value = Answer> {
    let named = vec((any::<[String; 3]>(), any::<Option<String>>(), vec(any::<String>(), 0..3)), 0..3);
    let measured = vec((any::<String>(), number(), number(), vec(number(), 0..4), prop::option::of(number())), 0..4);
    (verdict(), any::<bool>(), named, measured, (number(), number(), number()), any::<[String; 4]>()).prop_map(
        |(verdict, flag, named, measured, (snr, a, b), [name, version, sha256, engine])| {
            let reference = |source: &str| ReferenceNote {
                tier: Tier::Literature,
                source: source.to_owned(),
                item: source.is_empty().then(|| "an item".to_owned()),
            };
            let identified = named
                .into_iter()
                .map(|([substance, form, group], cas, alternatives)| Identified {
                    substance,
                    cas,
                    form,
                    strength: if flag { Strength::Identified } else { Strength::Class },
                    groups: vec![group],
                    alternatives,
                })
                .collect();
            let candidates = measured
                .iter()
                .map(|(substance, score, shift_cm1, missing_bands, probability)| Candidate {
                    substance: substance.clone(),
                    cas: None,
                    groups: vec![],
                    probability: *probability,
                    score: *score,
                    explained: *score,
                    missing_bands: missing_bands.clone(),
                    shift_cm1: *shift_cm1,
                    reference: reference(substance),
                })
                .collect();
            let mixture = measured
                .into_iter()
                .map(|(substance, share, upper, _, p_value)| Component {
                    reference: reference(&substance),
                    substance,
                    cas: None,
                    groups: vec![],
                    spectral_share: share,
                    share_interval: flag.then_some((share, upper)),
                    p_value,
                    alternatives: Vec::new(),
                })
                .collect();
            Answer {
                simulated: flag,
                quality: QualityReport {
                    snr,
                    saturated: flag,
                    fluorescence: a,
                    range_cm1: (a, b),
                    problems: vec![name.clone()],
                },
                identified,
                candidates,
                mixture,
                residual: Residual { unexplained: a, strongest_unexplained_cm1: vec![b] },
                library: LibraryIdentity { name, version, sha256 },
                engine,
                ..answer(verdict)
            }
        },
    )
}

prop_compose! {
    fn conditions()(
        [low, high, excitation, change] in any::<[i32; 4]>().prop_map(|v| v.map(|n| f64::from(n) / 7.0)),
        offset_nm in any::<[i16; 4]>().prop_map(|v| v.map(|n| f64::from(n) / 3.0)),
        sources in vec(any::<String>(), 0..3),
        knots in vec((number(), number()), 0..5),
        pixels in vec(0_usize..2_000, 0..5),
        (age_ms, cached) in any::<(u64, bool)>(),
        check in 0_usize..4,
        why in any::<String>(),
        seconds in -9_000_000_000_i64..9_000_000_000,
    ) -> ScanConditions {
        let time = Timestamp::from_second(seconds).unwrap();
        let axis = AxisCorrection {
            domain_nm: (low, high), offset_nm, reported_excitation_nm: excitation, excitation_nm: excitation,
        };
        let (shift_cm1, response) = knots.into_iter().unzip();
        ScanConditions {
            correction: cached.then_some(Correction {
                sources, axis: Some(axis), response: Some(ResponseCurve { shift_cm1, response }), resolution_cm1: Some(low),
            }),
            check: [
                CheckState::Never,
                CheckState::Passed { expires: time },
                CheckState::Expired { expired: time },
                CheckState::Failed { why },
            ][check].clone(),
            dark_source: if cached { DarkSource::Cached { age_ms } } else { DarkSource::Fresh },
            changed_during_scan: Some(change),
            change_share: None,
            hot_pixels: pixels.clone(),
            interpolated_pixels: pixels,
            ..ScanConditions::default()
        }
    }
}

fn subject() -> impl Strategy<Value = Subject> {
    let spot = (prop::option::of(1_u16..60), prop::option::of(0_u16..60), any::<String>());
    let spot = spot.prop_map(|(number, more, place)| {
        Spot::new(number, number.and_then(|n| more.map(|more| n + more)), &place).ok()
    });
    (prop::sample::select(ScanKind::ALL.to_vec()), spot).prop_map(|(kind, spot)| Subject { kind, spot })
}

prop_compose! {
    /// Any record.
    pub fn record()(
        seconds in -60_000_000_000_i64..250_000_000_000,
        nanos in 0..1_000_000_000_i32,
        [operator, parcel, program_version] in any::<[String; 3]>(),
        emulated_sample in any::<Option<String>>(),
        spectrometer in device(),
        laser in device(),
        excitation_nm in number(),
        wavelength_coefficients_nm in vec(number(), 0..6),
        dark in exposure(ExposureKind::Dark),
        light in vec(exposure(ExposureKind::Light), 0..4),
        spectrum in spectrum(),
        simulated in any::<bool>(),
        conditions in conditions(),
        answer in any_answer(),
        subject in subject(),
        time_source in prop::option::of(
            (prop::sample::select(ClockKeeping::ALL.to_vec()), any::<Option<bool>>(), any::<Option<(i64, bool)>>())
                .prop_map(|(kept_by, synchronised, gps)| TimeSource {
                    kept_by,
                    synchronised,
                    gps: gps.map(|(ahead_ms, simulated)| ClockAgainstGps { ahead_ms, simulated }),
                })
        ),
        blank in prop::option::of((prop::option::of(1..1_000_i64), any::<Option<String>>())),
        standing in prop::option::of((prop::sample::select(Role::ALL.to_vec()), prop::option::of(0_i16..9_000))),
    ) -> ScanRecord {
        let acquisition = Acquisition {
            spectrometer, laser, excitation_nm, wavelength_coefficients_nm, dark, light, spectrum, simulated,
            conditions,
        };
        let taken_at = Timestamp::new(seconds, nanos).unwrap();
        let last_blank = blank.map(|(record, found)| LastBlank { record, taken_at, found });
        let standing = standing.map(|(role, day)| Standing {
            role,
            training_expires: day.map(|day| jiff::civil::date(day, 2, 28)),
        });
        ScanRecord { taken_at, operator, standing, parcel, subject, time_source, last_blank, emulated_sample, acquisition, answer, program_version }
    }
}
