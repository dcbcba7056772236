//! References are made of replicates that agree, reviewed by another person, and released only when they are better or somebody
//! says why not.

use std::sync::Arc;

use jiff::Timestamp;
use parcelscope::identify::{Query, Truth};
use parcelscope::laboratory::{
    Comparison, LaboratoryError, NOBODY, Replicate, StandardFacts, SubstanceFacts, Verdict, check_comparison,
    check_facts, check_references, check_training, compare, prepare_reference, propose, review, submit, take_out,
    waiting,
};
use parcelscope::library::pack::{Decision, PackContent, sign};
use parcelscope::library::{Library, SourceFile, Tier, fact_digests};
use parcelscope::signature::NoteSigner;
use parcelscope::spectrum::{Spectrum, Technique};

use super::laboratory_import::intensity;

fn now() -> Timestamp {
    "2026-11-24T12:00:00Z".parse().unwrap()
}

fn draft() -> PackContent {
    let bundled = Library::bundled().unwrap().as_ref().clone().renamed("border", "2027.1");
    PackContent::of_bundled(&bundled, &[], now())
}

/// A scan of a made-up substance with its first band here; every seed has its own noise.
fn spectrum(first_cm1: f64, seed: u32) -> Spectrum {
    let axis: Vec<f64> = (0..900).map(|i| 300.0 + 2.0 * f64::from(i)).collect();
    let noise = |x: f64| 4.0 * ((x * 12.989_8 + 7.1 * f64::from(seed)).sin() * 43_758.545).fract();
    let values = axis.iter().map(|x| intensity(*x, first_cm1) + noise(*x)).collect();
    Spectrum::new(Technique::Raman, axis, values).unwrap().with_resolution(8.0)
}

fn replicate(first_cm1: f64, seed: u32) -> Replicate {
    Replicate {
        from: SourceFile { name: format!("scan {seed}"), sha256: format!("{seed:064}") },
        spectrum: spectrum(first_cm1, seed),
        laser_nm: Some(785.0),
        simulated: false,
        instrument: "Bench 1".to_owned(),
        converted: vec!["corrected by axis".to_owned()],
        stated: Vec::new(),
        check: "passed".to_owned(),
    }
}

fn facts(name: &str, group: &str) -> StandardFacts {
    StandardFacts {
        substance: SubstanceFacts {
            name: name.to_owned(),
            groups: vec![group.to_owned()],
            formula: Some("C7H10N2".to_owned()),
            stated_by: "ana".to_owned(),
            ..SubstanceFacts::default()
        },
        lot: Some("L-1".to_owned()),
        certificate: Some("C-1".to_owned()),
        purity_percent: Some(99.1),
        ..StandardFacts::default()
    }
}

/// The draft with a reference of a new substance, submitted by ana.
fn with_one(group: &str) -> PackContent {
    let replicates: Vec<Replicate> = (0..4).map(|s| replicate(505.0, s)).collect();
    let prepared =
        prepare_reference(&draft(), &replicates, &facts("novelane", group), "ana", now(), &|_, _| true).unwrap();
    let mut content = submit(draft(), prepared, "ana", now()).unwrap();
    let earlier = fact_digests(&draft().library);
    propose(&mut content, &earlier, &Library::bundled().unwrap(), "ana", now());
    content
}

#[test]
fn a_reference_is_the_mean_of_replicates_that_agree_with_noise_and_everything_stated() {
    let mut replicates: Vec<Replicate> = (0..5).map(|s| replicate(505.0, s)).collect();
    replicates[2].spectrum = spectrum(700.0, 2);
    let prepared =
        prepare_reference(&draft(), &replicates, &facts("novelane", "fentanyl"), "ana", now(), &|_, _| true).unwrap();
    let outliers: Vec<bool> = prepared.replicates.iter().map(|r| r.outlier).collect();
    assert_eq!(outliers, [false, false, true, false, false]);
    assert!((prepared.molar_mass_g_mol.unwrap() - 122.17).abs() < 0.01, "{:?}", prepared.molar_mass_g_mol);
    assert_eq!((prepared.confusables.nearest.len(), prepared.confusables.named_right), (5, 4));
    assert!(prepared.confusables.cutting.iter().any(|c| c.agent == "lactose" && c.lowest_share.is_some()));
    let content = submit(draft(), prepared, "ana", now()).unwrap();
    let library = &content.library;
    let index = library.find_index("novelane").unwrap();
    let reference = library.references_of(index).next().unwrap();
    assert!(library.substances[index].alarms, "a member of an alarming group alarms");
    assert_eq!(reference.tier, Tier::MeasuredHere);
    let provenance = reference.provenance.as_ref().unwrap();
    assert_eq!((provenance.lot.as_deref(), provenance.purity_percent), (Some("L-1"), Some(99.1)));
    assert_eq!((provenance.files.len(), provenance.replicates.len(), provenance.nearest.len()), (5, 5, 5));
    assert!(provenance.converted.iter().any(|c| c.contains("mean of 4 of 5")), "{:?}", provenance.converted);
    assert!(reference.measured.as_ref().unwrap().spectrum().noise_sd().is_some());
    assert_eq!(waiting(&content).len(), 1);
}

#[test]
fn replicates_and_facts_that_will_not_do_are_refused_with_the_reason_and_a_cancel_ends_the_work() {
    let good: Vec<Replicate> = (0..3).map(|s| replicate(505.0, s)).collect();
    let novel = facts("novelane", "fentanyl");
    let refused = |replicates: &[Replicate], facts: &StandardFacts| {
        prepare_reference(&draft(), replicates, facts, "ana", now(), &|_, _| true).unwrap_err().to_string()
    };
    let with = |change: &dyn Fn(&mut Vec<Replicate>)| {
        let mut replicates = good.clone();
        change(&mut replicates);
        refused(&replicates, &novel)
    };
    let stated = |change: &dyn Fn(&mut StandardFacts)| {
        let mut facts = novel.clone();
        change(&mut facts);
        refused(&good, &facts)
    };
    let cases = [
        (with(&|r| r.truncate(2)), "at least 3"),
        (with(&|r| r[1].spectrum = spectrum(900.0, 1)), "agree"),
        (with(&|r| r[1].instrument = "Bench 2".to_owned()), "several instruments"),
        (with(&|r| r[1].laser_nm = Some(1_064.0)), "several lasers"),
        (with(&|r| r[1].from = r[0].from.clone()), "there twice"),
        (with(&|r| r[1].converted = Vec::new()), "calibrated anew"),
        (stated(&|f| f.substance.cas = Some("50-00-1".to_owned())), "check digit"),
        (stated(&|f| f.substance.formula = Some("C7Xx".to_owned())), "no formula"),
        (stated(&|f| f.substance.groups = vec!["nothing".to_owned()]), "no group"),
        (stated(&|f| f.purity_percent = Some(0.0)), "purity"),
        (stated(&|f| f.lot = None), "lot and certificate"),
        (stated(&|f| f.substance.name = "sucrose".to_owned()), "molar mass"),
    ];
    for (why, wanted) in cases {
        assert!(why.contains(wanted), "{wanted}: {why}");
    }
    let ended = prepare_reference(&draft(), &good, &novel, "ana", now(), &|done, _| done < 3);
    assert!(matches!(ended, Err(LaboratoryError::Cancelled)));
}

#[test]
fn nobody_approves_their_own_and_only_what_another_person_approved_is_released() {
    let bundled = Library::bundled().unwrap();
    let released = |content: &PackContent| {
        check_references(content, &[&bundled]).map_err(|e| e.to_string())?;
        check_facts(&mut content.clone(), &bundled).map_err(|e| e.to_string())
    };
    assert_eq!(released(&draft()), Ok(()), "what is bundled was looked at in its time");
    let mut content = with_one("fentanyl");
    let all = ["all".to_owned()];
    assert!(released(&content).unwrap_err().contains("waits for a reviewer"));
    for (by, wanted) in [("ana", "submitted"), ("Ana", "submitted"), (NOBODY, "enrolled"), ("", "enrolled")] {
        let why = review(&mut content, &bundled, &all, &Verdict::Approve, by, now()).unwrap_err().to_string();
        assert!(why.contains(wanted), "{by}: {why}");
    }
    let none = Verdict::Return { reason: " ".to_owned() };
    assert!(review(&mut content, &bundled, &all, &none, "rita", now()).is_err(), "a return needs a reason");
    assert!(review(&mut content, &bundled, &["12345678".to_owned()], &Verdict::Approve, "rita", now()).is_err());
    assert_eq!(content, with_one("fentanyl"), "what was refused changed nothing");

    let mut returned = content.clone();
    let why = Verdict::Return { reason: "which salt?".to_owned() };
    review(&mut returned, &bundled, &["novelane".to_owned()], &why, "rita", now()).unwrap();
    assert!(released(&returned).unwrap_err().contains("which salt?"));
    take_out(&mut returned, &bundled, &all, "again with the salt", "ana", now()).unwrap();
    assert_eq!((released(&returned), waiting(&returned).len()), (Ok(()), 0));
    assert_eq!(returned.approvals.len(), 6, "its life, and that of its substance's facts, stay on record");
    assert_eq!(returned.library.find_index("novelane"), None, "a substance that came with it goes with it");

    review(&mut content, &bundled, &all, &Verdict::Approve, "rita", now()).unwrap();
    assert_eq!(released(&content), Ok(()));
    // A draft is a file that anybody can write: what is in it beside the word of a reviewer does not count.
    let mut edited = content.clone();
    edited.approvals.retain(|a| a.step != Decision::Submitted);
    assert!(released(&edited).is_err());
    let mut edited = content.clone();
    edited.approvals.iter_mut().for_each(|a| a.by = "ana".to_owned());
    assert!(released(&edited).unwrap_err().contains("may not"));
    let mut edited = content.clone();
    edited.library.references.iter_mut().filter(|r| r.provenance.is_some()).for_each(|r| r.provenance = None);
    assert!(released(&edited).is_err(), "another content needs another approval");
}

#[test]
fn a_release_with_a_regression_needs_a_justification_that_stays_in_the_pack() {
    let bundled = Library::bundled().unwrap();
    // A new substance that alarms and looks exactly like sugar: sugar now alarms, or loses its name.
    let at = bundled.find_index("sucrose").unwrap();
    let sugar = bundled.references_of(at).find(|r| r.can_support_identification()).unwrap();
    let axis: Vec<f64> = (0..1_100).map(|i| 300.0 + 2.0 * f64::from(i)).collect();
    let draw = |seed: u32| {
        let light = sugar.synthesize(&axis, 9.0, sugar.own_resolution_cm1);
        let noise = |x: f64| ((x * 12.989_8 + f64::from(seed)).sin() * 43_758.545).fract();
        let values = light.iter().zip(&axis).map(|(v, x)| 4_000.0 * v + 200.0 + 3.0 * noise(*x)).collect();
        Spectrum::new(Technique::Raman, axis.clone(), values).unwrap().with_resolution(9.0)
    };
    let replicates: Vec<Replicate> = (0..3).map(|s| Replicate { spectrum: draw(s), ..replicate(500.0, s) }).collect();
    let prepared =
        prepare_reference(&draft(), &replicates, &facts("novelane", "fentanyl"), "ana", now(), &|_, _| true).unwrap();
    assert_eq!(prepared.confusables.nearest[0].0, bundled.substances[at].name);
    let mut content = submit(draft(), prepared, "ana", now()).unwrap();
    let query = |name: &str, spectrum| Query {
        name: name.to_owned(),
        truth: Truth { name: name.to_owned(), cas: Vec::new() },
        beside: Vec::new(),
        spectrum,
    };
    let queries = [query("sucrose", draw(8)), query("novelane", draw(9))];
    let ended = compare(&bundled, &Arc::new(content.library.clone()), &queries, now(), &|_, _| false);
    assert!(matches!(ended, Err(LaboratoryError::Cancelled)));
    let report = compare(&bundled, &Arc::new(content.library.clone()), &queries, now(), &|_, _| true).unwrap();
    assert!(report.regressions() > 0, "{report:?}");
    let false_alarm = report.new_false_alarms.iter().any(|c| c.spectrum == "sucrose" && c.before.contains("sucrose"));
    assert!(false_alarm, "listed one by one: {report:?}");

    let refused = |content: &mut PackContent, not_evaluated: Option<&str>, why: Option<&str>| {
        check_comparison(content, &bundled, not_evaluated, why).map_err(|e| e.to_string())
    };
    assert!(refused(&mut content, None, Some("good")).unwrap_err().contains("not evaluated"));
    report.keep_in(&mut content, None);
    assert!(refused(&mut content, Some("no time"), None).unwrap_err().contains("nobody justified"));
    assert!(refused(&mut content, None, Some("  ")).is_err());
    let other = Arc::new(bundled.as_ref().clone().renamed("other", "1"));
    assert!(check_comparison(&mut content, &other, None, Some("x")).unwrap_err().to_string().contains("in use now"));
    refused(&mut content, None, Some("the twin is rarer than the harm")).unwrap();
    assert_eq!(content.documents["justification"], "the twin is rarer than the harm");
    assert_eq!(Comparison::kept_in(&content).unwrap().unwrap(), report);
    content.library = content.library.renamed("border", "2027.2");
    assert!(refused(&mut content, None, Some("x")).unwrap_err().contains("changed after"));
}

#[test]
fn simulated_references_make_a_training_pack_that_says_so_in_its_signed_name_or_none() {
    let mut replicates: Vec<Replicate> = (0..3).map(|s| replicate(505.0, s)).collect();
    for replicate in &mut replicates {
        replicate.simulated = true;
    }
    let prepared =
        prepare_reference(&draft(), &replicates, &facts("novelane", "fentanyl"), "ana", now(), &|_, _| true).unwrap();
    let mut content = submit(draft(), prepared, "ana", now()).unwrap();
    assert_eq!(content.library.identity.name, "border training");
    assert!(check_training(&content, false).is_err() && check_training(&content, true).is_ok());
    assert!(check_training(&draft(), true).is_err() && check_training(&draft(), false).is_ok());
    let folder = tempfile::tempdir().unwrap();
    let key = NoteSigner::new("lab", &[3; 32]).unwrap();
    sign(&folder.path().join("a.pack"), &content, &key).unwrap();
    content.library = content.library.renamed("border", "2027.1");
    let why = sign(&folder.path().join("b.pack"), &content, &key).unwrap_err().to_string();
    assert!(why.contains("simulated") && why.contains("training"), "{why}");
}
