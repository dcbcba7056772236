use std::sync::Arc;

use super::*;
use crate::identify::Engine;
use crate::identify::answer::{Component, ReferenceNote};
use crate::library::{Library, Tier};
use crate::spectrum::Spectrum;

/// What a scan by `technique` says: substances with their shares, alarming ones marked by `!`.
fn says(technique: Technique, named: &[(&str, f64)], limits: &[(&str, f64)]) -> Answer {
    let engine = Engine::new(Arc::new(Library::bundled().unwrap().as_ref().clone()));
    let flat = Spectrum::new(technique, (0..40).map(f64::from).collect(), vec![1.0; 40]).unwrap();
    let mut answer = engine.identify(&flat);
    answer.coverage = Coverage::default();
    answer.detection_limits = (limits.iter())
        .map(|(name, share)| DetectionLimit { substance: (*name).to_owned(), spectral_share: Some(*share) })
        .collect();
    for (name, share) in named {
        let substance = name.trim_end_matches('!').to_owned();
        let groups = if substance == "polyethylene" { vec!["packaging".to_owned()] } else { Vec::new() };
        answer.identified.push(Identified {
            substance: substance.clone(),
            cas: None,
            form: String::new(),
            strength: Strength::Identified,
            groups: groups.clone(),
            alternatives: Vec::new(),
        });
        answer.mixture.push(Component {
            substance,
            cas: None,
            groups,
            spectral_share: *share,
            share_interval: Some((0.8 * share, 1.2 * share)),
            p_value: None,
            alternatives: Vec::new(),
            reference: ReferenceNote { tier: Tier::MeasuredElsewhere, source: String::new(), item: None },
        });
    }
    let alarming = named.iter().find(|(n, _)| n.ends_with('!')).map(|(n, _)| n.trim_end_matches('!'));
    answer.verdict = match (alarming, named.first()) {
        (Some(name), _) => {
            Verdict::alarm("identified-listed", format!("{name} identified"), "Hold the parcel.".to_owned())
        }
        (None, Some((name, _))) => {
            Verdict::none_detected("identified-not-listed", name, &answer.detection_limits, &answer.coverage)
        }
        (None, None) => Verdict::inconclusive("too-weak", "Too weak".to_owned(), "Scan longer.".to_owned()),
    };
    answer
}

fn raman(named: &[(&str, f64)]) -> Answer {
    says(Technique::Raman, named, &[("xylazine", 0.12)])
}

fn infrared(named: &[(&str, f64)]) -> Answer {
    says(Technique::AtrFtir, named, &[("xylazine", 0.2)])
}

#[test]
fn what_raman_and_infrared_both_name_is_supported_and_still_presumptive() {
    let both = combine(&[raman(&[("xylazine!", 1.0)]), infrared(&[("xylazine!", 1.0)])]).unwrap();
    assert_eq!((both.verdict.level(), both.techniques), (Level::Alarm, Techniques::Support));
    assert_eq!(both.verdict.rule(), "supported-by-second-technique");
    assert!(both.verdict.headline().contains("supported by a second technique, still presumptive"));
    assert_eq!(both.identified.len(), 1);
    // Harmless substances too, and the order of the scans says nothing.
    let sugar = combine(&[infrared(&[("sucrose", 1.0)]), raman(&[("sucrose", 1.0)])]).unwrap();
    assert_eq!((sugar.verdict.level(), sugar.techniques), (Level::NoneDetected, Techniques::Support));
    assert!(sugar.verdict.headline().contains("still presumptive"), "{}", sugar.verdict.headline());
    // Both saw the item: the better limit of the two counts.
    assert_eq!(sugar.verdict.missable().unwrap().limits()[0].spectral_share, Some(0.12));
}

#[test]
fn techniques_that_contradict_each_other_are_inconclusive_and_keep_the_advice_of_the_graver() {
    let apart = combine(&[raman(&[("xylazine!", 1.0)]), infrared(&[("lactose", 1.0)])]).unwrap();
    assert_eq!((apart.verdict.level(), apart.techniques), (Level::Inconclusive, Techniques::Contradict));
    assert_eq!(apart.verdict.rule(), "techniques-disagree");
    assert!(apart.verdict.headline().contains("Raman says xylazine, infrared says lactose"));
    assert!(apart.verdict.next_step().contains("Hold the parcel."), "{}", apart.verdict.next_step());
    // One that shows part of what the other shows does not contradict it, and the alarm stays.
    let part = combine(&[raman(&[("lactose", 0.8), ("xylazine!", 0.2)]), infrared(&[("lactose", 1.0)])]).unwrap();
    assert_eq!((part.verdict.level(), part.techniques), (Level::Alarm, Techniques::Support));
    assert_ne!(part.verdict.rule(), "supported-by-second-technique", "lactose is supported, xylazine is not");
    // The bag alone is nothing in common.
    let bag = combine(&[raman(&[("polyethylene", 1.0)]), infrared(&[("polyethylene", 1.0)])]).unwrap();
    assert_eq!(bag.techniques, Techniques::OneSilent);
}

#[test]
fn sers_repeats_raman_and_is_no_second_technique() {
    let scans = [raman(&[("xylazine!", 1.0)]), says(Technique::Sers, &[("xylazine!", 1.0)], &[])];
    let both = combine(&scans).unwrap();
    assert_eq!((both.verdict.level(), both.techniques), (Level::Alarm, Techniques::One));
}

#[test]
fn spots_that_differ_are_a_finding_and_the_gravest_of_them_stays() {
    let spots = [raman(&[("lactose", 1.0)]), raman(&[("lactose", 1.0)]), raman(&[("xylazine!", 1.0)])];
    let item = combine(&spots).unwrap();
    assert_eq!((item.verdict.level(), item.homogeneous), (Level::Alarm, false));
    assert_eq!(item.verdict.rule(), "not-homogeneous");
    assert_eq!(item.findings.len(), 2);
    assert!(item.verdict.next_step().contains("scan more places"));
    let benign = combine(&[raman(&[("lactose", 1.0)]), raman(&[("sucrose", 1.0)])]).unwrap();
    assert_eq!((benign.verdict.level(), benign.homogeneous), (Level::NoneDetected, false));
    assert!(benign.verdict.headline().contains("lactose and sucrose; the item is not homogeneous"));
    let same = combine(&[raman(&[("lactose", 1.0)]), raman(&[("lactose", 1.0)])]).unwrap();
    assert!(same.homogeneous && same.findings.is_empty());
}

#[test]
fn a_share_under_the_limit_of_another_spot_is_no_contradiction_and_one_above_it_is() {
    let blend = |share: f64| raman(&[("lactose", 1.0 - share), ("xylazine!", share)]);
    for (share, homogeneous) in [(0.10, true), (0.14, true), (0.20, false), (0.5, false)] {
        let item = combine(&[blend(share), raman(&[("lactose", 1.0)])]).unwrap();
        assert_eq!(item.homogeneous, homogeneous, "share {share}: {:?}", item.findings);
        assert_eq!(item.verdict.level(), Level::Alarm);
    }
}

#[test]
fn a_scan_that_saw_nothing_neither_lowers_nor_raises_and_is_told() {
    for other in [raman(&[("xylazine!", 1.0)]), raman(&[("lactose", 1.0)])] {
        let item = combine(&[raman(&[]), other.clone()]).unwrap();
        assert_eq!(item.verdict.level(), other.verdict.level());
        assert!(item.homogeneous);
        assert!(item.findings[0].contains("scan 1 (too weak)"), "{:?}", item.findings);
    }
    assert_eq!(combine(&[raman(&[]), raman(&[])]).unwrap().verdict.level(), Level::Inconclusive);
}

#[test]
fn one_scan_or_two_libraries_cannot_be_combined() {
    assert_eq!(combine(&[raman(&[])]).unwrap_err(), CombineError::TooFew { scans: 1 });
    let mut other = raman(&[]);
    other.library.sha256 = "0".repeat(64);
    assert_eq!(combine(&[raman(&[]), other]).unwrap_err(), CombineError::DifferentLibraries);
}
