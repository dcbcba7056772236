//! The bundled library is what its rules and its sources say, and nothing unsound gets in.

use std::collections::BTreeSet;
use std::process::Command;
use std::time::Instant;

use parcelscope::library::{KNOWN_LICENCES, Library, LibraryError, LibraryTexts, Tier, is_valid_cas};
use parcelscope::spectrum::Technique;

mod tables;

fn strongest(heights: impl Iterator<Item = f64>) -> f64 {
    heights.fold(f64::MIN, f64::max)
}

fn bundled() -> std::sync::Arc<Library> {
    Library::bundled().unwrap_or_else(|e| panic!("{e}"))
}

#[test]
fn the_bundled_library_reads_and_keeps_its_invariants() {
    let library = bundled();
    let groups: BTreeSet<&str> = library.groups.iter().map(|g| g.key.as_str()).collect();
    let mut keys = BTreeSet::new();
    let mut numbers = BTreeSet::new();
    for substance in &library.substances {
        assert!(keys.insert(&substance.key), "{} is there twice", substance.key);
        for cas in substance.cas.iter().chain(&substance.related_cas) {
            assert!(is_valid_cas(cas), "{}: {cas}", substance.key);
            assert!(numbers.insert(cas), "{cas} is there twice");
        }
        assert!(!substance.groups.is_empty() && substance.groups.iter().all(|g| groups.contains(g.as_str())));
        let flags: Vec<_> = substance.groups.iter().filter_map(|g| library.group(g)).collect();
        assert_eq!(substance.alarms, flags.iter().any(|g| g.alarms), "{}", substance.key);
        assert_eq!(substance.listed, flags.iter().any(|g| g.listed), "{}", substance.key);
    }
    for reference in &library.references {
        let name = &library.substance_of(reference).expect("it has a substance").key;
        let source = library.source(&reference.source).expect("it has a source");
        assert!(source.ship && KNOWN_LICENCES.contains(&reference.licence.as_str()), "{name}");
        let (from, to) = reference.range_cm1;
        assert!(from < to, "{name}");
        assert!(reference.bands.windows(2).all(|p| p[0].position_cm1 <= p[1].position_cm1), "{name}");
        for band in &reference.bands {
            assert!(band.fwhm_cm1 > 0.0 && band.height > 0.0 && band.height <= 1.0, "{name} {band:?}");
            assert!((0.0..=1.0).contains(&band.lorentz_fraction), "{name} {band:?}");
            assert!(band.position_cm1 + band.fwhm_cm1 >= from && band.position_cm1 - band.fwhm_cm1 <= to, "{name}");
        }
        assert!(reference.bands.iter().any(|b| b.height == 1.0), "{name}");
        assert!(!matches!(reference.tier, Tier::MeasuredHere | Tier::Simulated), "{name}: nothing was measured here");
        if matches!(reference.tier, Tier::Computed) {
            assert!(!reference.can_support_identification(), "{name}");
            assert_eq!(reference.technique, Technique::Raman, "{name}: computed infrared was never validated");
        }
        assert_eq!(reference.tier == Tier::MeasuredElsewhere, !reference.usual_widths, "{name}");
    }
    let count = |tier| library.references.iter().filter(|r| r.tier == tier).count();
    assert_eq!(count(Tier::MeasuredElsewhere), 79);
}

#[test]
fn every_licence_text_that_must_travel_along_is_in_the_binary() {
    let library = bundled();
    let notices: Vec<_> = library.sources.iter().filter_map(|s| s.notice.as_ref()).collect();
    assert!(!notices.is_empty());
    for notice in notices {
        let text = Library::bundled_notices().iter().find(|(file, _)| file == notice).map(|(_, text)| text);
        let text = text.unwrap_or_else(|| panic!("{notice} is not in the binary"));
        assert!(text.contains("Copyright (c)") && text.contains("Permission is hereby granted"), "{notice}");
    }
}

fn parcelscope(arguments: &[&str]) -> (Option<i32>, String, String) {
    let output = Command::new(env!("CARGO_BIN_EXE_parcelscope")).args(arguments).output().expect("the program runs");
    let text = |bytes: Vec<u8>| String::from_utf8(bytes).expect("its output is text");
    (output.status.code(), text(output.stdout), text(output.stderr))
}

#[test]
fn the_command_line_lists_and_shows_what_the_library_holds() {
    let (code, text, _) = parcelscope(&["library", "list", "--listed", "--json"]);
    assert_eq!(code, Some(0));
    let document: serde_json::Value = serde_json::from_str(&text).expect("one JSON document");
    assert_eq!(document["library"]["sha256"], bundled().identity.sha256);
    let listed = bundled().substances.iter().filter(|s| s.listed).count();
    assert_eq!(document["substances"].as_array().map(Vec::len), Some(listed));

    let (code, text, _) = parcelscope(&["library", "show", "23076-35-9", "--bands"]);
    assert_eq!(code, Some(0));
    for part in ["xylazine  ALARM", "computed raman", "cannot support an identification", "NOT VERIFIED", "1280.20"] {
        assert!(text.contains(part), "{part}: {text}");
    }
    let (code, text, _) = parcelscope(&["library", "list", "--notices"]);
    assert!(code == Some(0) && text.contains("Copyright (c) 2026 Wasatch Photonics"), "{text}");
}

#[test]
fn the_command_line_refuses_with_a_sentence_what_it_cannot_do() {
    for (arguments, expected) in [
        (vec!["library", "show", "unobtainium"], "unobtainium"),
        (vec!["library", "list", "--library", "a.pack"], "a.pack"),
        (vec!["library", "check", "/nowhere/a.pack"], "/nowhere/a.pack: opening failed"),
    ] {
        let (code, stdout, stderr) = parcelscope(&arguments);
        assert_eq!(code, Some(2), "{arguments:?}");
        assert!(stdout.is_empty() && stderr.contains(expected), "{arguments:?}: {stderr}");
    }
}

const GROUPS: &str = "[[group]]\nkey = \"g\"\ntitle = \"G\"\nalarms = false\nlisted = false\n";
const SOURCES: &str =
    "[[source]]\nkey = \"S\"\ncitation = \"c\"\nlicence = \"facts\"\nresolution_cm1 = 8.0\nship = true\n";
const SUBSTANCE: &str = "name = \"water\"\nsynonyms = []\ncas = \"7732-18-5\"\nformula = \"H2O\"\ngroups = [\"g\"]\nunverified = []\n\n\
    [[reference]]\ntier = \"literature\"\ntechnique = \"raman\"\nrange_cm1 = [300.0, 1800.0]\nsource = \"S\"\n\
    bands = \"\"\"\n 500.0 0.5 10.0 0.5\n1640.0 1.0 10.0 0.5\n\"\"\"\n";

fn read(groups: &str, sources: &str, substance: &str) -> Result<Library, LibraryError> {
    Library::from_texts(&LibraryTexts {
        library: "name = \"t\"\nversion = \"1\"\n",
        groups,
        sources,
        substances: &[("water.toml", substance)],
    })
}

#[test]
fn an_unsound_file_is_refused_with_its_name_and_a_sentence() {
    assert!(read(GROUPS, SOURCES, SUBSTANCE).is_ok(), "the file that the cases spoil is sound");
    let cases = [
        ("name = \"water\"", "name = \"water\"\nsurprise = 1", "surprise"),
        ("name = \"water\"", "name = \" \"", "no name"),
        ("7732-18-5", "7732-18-6", "check digit"),
        ("H2O", "H2Xy", "Xy"),
        ("[\"g\"]", "[\"h\"]", "groups.toml"),
        ("[\"g\"]", "[]", "no group"),
        ("\"S\"", "\"T\"", "sources.toml"),
        ("\"literature\"", "\"certain\"", "certain"),
        ("[300.0, 1800.0]", "[1800.0, 300.0]", "range"),
        ("[300.0, 1800.0]", "[nan, 1800.0]", "range"),
        ("500.0 0.5 10.0 0.5", "500.0 0.5 10.0", "four numbers"),
        ("500.0 0.5 10.0 0.5", "500.0 0.5 10.0 0.5 1", "four numbers"),
        ("500.0 0.5 10.0 0.5", "500.0 0.5 10.0 1.5", "Lorentzian"),
        ("500.0 0.5 10.0 0.5", "500.0 0.5 -1 0.5", "width"),
        ("500.0 0.5 10.0 0.5", "500.0 0.5 NaN 0.5", "width"),
        ("500.0 0.5 10.0 0.5", "500.0 -0.5 10.0 0.5", "height"),
        ("500.0 0.5 10.0 0.5", "500.0 1.5 10.0 0.5", "height"),
        ("500.0 0.5 10.0 0.5", "inf 0.5 10.0 0.5", "outside the range"),
        ("500.0 0.5 10.0 0.5", "1700.0 0.5 10.0 0.5", "ascending"),
        ("1640.0 1.0", "1640.0 0.9", "instead of 1"),
    ];
    for (old, new, expected) in cases {
        assert!(SUBSTANCE.contains(old), "{old}");
        let error = read(GROUPS, SOURCES, &SUBSTANCE.replacen(old, new, 1)).expect_err(new).to_string();
        assert!(error.contains("water.toml") && error.contains(expected), "{new}: {error}");
    }
    let huge = format!("{SUBSTANCE}# {}", "x".repeat(2 << 20));
    assert!(matches!(read(GROUPS, SOURCES, &huge), Err(LibraryError::TooLarge { .. })));
    let deep = format!("{SUBSTANCE}x = {}{}", "[".repeat(50_000), "]".repeat(50_000));
    assert!(matches!(read(GROUPS, SOURCES, &deep), Err(LibraryError::Syntax { .. })));
    let many = SUBSTANCE.replace(" 500.0 0.5 10.0 0.5\n", &" 500.0 0.5 10.0 0.5\n".repeat(500));
    assert!(read(GROUPS, SOURCES, &many).expect_err("too many bands").to_string().contains("bands"));
}

#[test]
fn a_reference_without_a_known_licence_is_refused() {
    for (old, new, expected) in [
        ("licence = \"facts\"", "licence = \"found on the web\"", "found on the web"),
        ("licence = \"facts\"\n", "", "licence"),
        ("licence = \"facts\"", "licence = \"MIT\"", "notice"),
        ("ship = true", "ship = false", "do not allow"),
    ] {
        let error = read(GROUPS, &SOURCES.replace(old, new), SUBSTANCE).expect_err(new).to_string();
        assert!(error.contains(expected), "{error}");
    }
    let error =
        read(&GROUPS.replace("alarms = false", "alarms = true"), SOURCES, SUBSTANCE).expect_err("rule").to_string();
    assert!(error.contains("alarms without being listed"), "{error}");
}

#[test]
fn two_substances_never_share_a_number_or_a_name() {
    let other = |text: &str| {
        Library::from_texts(&LibraryTexts {
            library: "name = \"t\"\nversion = \"1\"\n",
            groups: GROUPS,
            sources: SOURCES,
            substances: &[("water.toml", SUBSTANCE), ("ice.toml", text)],
        })
    };
    assert!(other(&SUBSTANCE.replace("\"water\"", "\"ice\"").replace("7732-18-5", "64-17-5")).is_ok());
    let error = other(&SUBSTANCE.replace("\"water\"", "\"ice\"")).expect_err("same number").to_string();
    assert!(error.contains("7732-18-5"), "{error}");
    let error =
        other(&SUBSTANCE.replace("\"water\"", "\"Water\"").replace("7732-18-5", "64-17-5")).expect_err("same name");
    assert!(error.to_string().contains("Water"), "{error}");
}

#[test]
fn the_digest_changes_with_content_and_not_with_comments() {
    let digest = |text: &str| read(GROUPS, SOURCES, text).expect("sound").identity.sha256;
    let plain = digest(SUBSTANCE);
    assert_eq!(plain.len(), 64);
    assert_eq!(plain, digest(&format!("# a remark\n{SUBSTANCE}")));
    assert_ne!(plain, digest(&SUBSTANCE.replace("500.0 0.5", "500.0 0.51")));
    assert_ne!(plain, digest(&SUBSTANCE.replace("synonyms = []", "synonyms = [\"aqua\"]")));
}

#[test]
fn what_a_customs_officer_would_stop_alarms_and_what_is_sold_everywhere_does_not() {
    let library = bundled();
    let standing = |name: &str| {
        let s = library.find(name).unwrap_or_else(|| panic!("{name} is not in the library"));
        (s.alarms, s.listed)
    };
    let alarms = [
        "fentanyl",
        "carfentanil",
        "isotonitazene",
        "heroin",
        "xylazine",
        "medetomidine",
        "4-ANPP",
        "NPP",
        "P2P",
        "ephedrine",
        "cocaine",
        "methamphetamine",
        "ketamine hydrochloride",
        "bromazolam",
        "acetic anhydride",
        "thiofentanil",
    ];
    let watched = [
        "acetone",
        "toluene",
        "methyl ethyl ketone",
        "hydrochloric acid",
        "diethyl ether",
        "aniline",
        "potassium permanganate",
        "piperonal",
        "BTMPS",
        "gabapentin",
        "1,4-butanediol",
    ];
    let neither = [
        "sucrose",
        "starch",
        "talc",
        "polyethylene",
        "ethanol",
        "water",
        "caffeine",
        "naloxone",
        "acetaminophen",
        "silicon",
        "polystyrene",
        "citric acid",
    ];
    for name in alarms {
        assert_eq!(standing(name), (true, true), "{name}");
    }
    for name in watched {
        assert_eq!(standing(name), (false, true), "{name}");
    }
    for name in neither {
        assert_eq!(standing(name), (false, false), "{name}");
    }
}

#[test]
fn a_substance_is_found_by_every_name_and_number_of_its_forms() {
    let library = bundled();
    for (key, names) in [
        ("fentanyl", ["437-38-7", "990-73-8", "Fentanyl Citrate"]),
        ("methyl-ethyl-ketone", ["2-butanone", "78-93-3", " Methyl ethyl ketone "]),
        ("isopropanol", ["2-propanol", "67-63-0", "ISOPROPANOL"]),
        ("citric-acid", ["5949-29-1", "77-92-9", "citric acid monohydrate"]),
        ("calcium-carbonate", ["calcite", "aragonite", "471-34-1"]),
    ] {
        for name in names {
            assert_eq!(library.find(name).map(|s| s.key.as_str()), Some(key), "{name}");
        }
    }
    assert!(library.find("unobtainium").is_none() && library.find("").is_none());
}

#[test]
fn coverage_counts_every_listed_substance_once() {
    let library = bundled();
    for technique in Technique::ALL {
        let c = library.coverage(technique);
        let mut all: Vec<usize> =
            [&c.measured, &c.literature, &c.computed_only, &c.not_searchable].into_iter().flatten().copied().collect();
        all.sort_unstable();
        let listed: Vec<usize> = (0..library.substances.len()).filter(|i| library.substances[*i].listed).collect();
        assert_eq!(all, listed, "{technique}");
    }
    let raman = library.coverage(Technique::Raman);
    let has = |list: &[usize], key: &str| list.iter().any(|i| library.substances[*i].key == key);
    assert!(has(&raman.measured, "acetone"));
    assert!(has(&raman.computed_only, "fentanyl"));
    assert!(has(&raman.not_searchable, "carfentanil"));
    assert!(has(&raman.not_searchable, "thiofentanil"), "three positions without heights cannot find a substance");
}

#[test]
fn an_instrument_sees_a_measured_reference_no_sharper_than_it_was_measured() {
    let library = bundled();
    let index = library.find_index("acetone").expect("acetone is there");
    let reference = library.references_of(index).find(|r| r.tier == Tier::MeasuredElsewhere).expect("measured");
    assert_eq!(reference.own_resolution_cm1, 7.0);
    let axis: Vec<f64> = (700..900).map(f64::from).collect();
    let top = |resolution| strongest(reference.synthesize(&axis, resolution, reference.own_resolution_cm1).into_iter());
    assert_eq!(top(3.0), top(7.0));
    assert!(top(12.0) < top(7.0));
}

#[test]
fn the_bundled_library_reads_fast_enough_for_the_start_of_the_window() {
    let start = Instant::now();
    let library = Library::from_texts(Library::bundled_texts()).unwrap_or_else(|e| panic!("{e}"));
    let took = start.elapsed();
    println!("{} references read in {took:?}", library.references.len());
    // Typically a fifth of this; the bound leaves room for a loaded machine.
    assert!(took.as_millis() < 500, "{took:?}");
}
