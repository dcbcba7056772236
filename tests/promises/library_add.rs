//! References on the command line from files of another instrument, and from a saved kit.

use std::fmt::Write as _;
use std::path::Path;

use parcelscope::laboratory::waiting;
use parcelscope::library::Tier;
use parcelscope::library::pack::read_draft;

use super::accounts::{program, said};
use super::foreign_client::emulator;
use super::kit_commands::json;
use super::laboratory_import::intensity;

/// A spectrum of a made-up substance; every seed has its own noise.
fn write(path: &Path, first_cm1: f64, seed: u32) {
    let mut text = String::new();
    for i in 0..900 {
        let x = 300.0 + 2.0 * f64::from(i);
        let noise = 4.0 * ((x * 12.989_8 + 7.1 * f64::from(seed)).sin() * 43_758.545).fract();
        writeln!(text, "{x},{}", intensity(x, first_cm1) + noise).unwrap();
    }
    std::fs::write(path, text).unwrap();
}

#[test]
fn files_of_another_instrument_become_a_reference_that_says_what_the_operator_stated() {
    let folder = tempfile::tempdir().unwrap();
    let data = folder.path().join("data");
    let path = |name: &str| folder.path().join(name).to_str().unwrap().to_owned();
    let run = |arguments: &[&str], code: i32| {
        let output = program(&data, arguments, &[]);
        assert_eq!(output.status.code(), Some(code), "{arguments:?}: {}", said(&output));
        said(&output)
    };
    let draft = path("draft");
    run(&["library", "draft", &draft, "--version", "2027.1"], 0);
    let files: Vec<String> = (0..4).map(|seed| path(&format!("{seed}.csv"))).collect();
    for (seed, file) in files.iter().enumerate() {
        // The third is of something else.
        write(Path::new(file), if seed == 2 { 700.0 } else { 505.0 }, seed as u32);
    }
    let files: Vec<&str> = files.iter().map(String::as_str).collect();
    let add =
        ["library", "add", "--into", &draft, "--substance", "novelane", "--group", "cutting-agent", "--lot", "L-1"];
    let add = [&add[..], &["--certificate", "C-9", "--formula", "C7H10N2", "--file"], &files].concat();
    assert!(run(&add, 2).contains("--instrument"), "files do not say what measured them");
    let add = [&add[..], &["--instrument", "Bench 7", "--checked", "polystyrene, today"]].concat();
    assert!(run(&add, 2).contains("supposition"), "what the files do not say is stated");
    let stated =
        [&add[..], &["--technique", "raman", "--x-unit", "cm-1", "--y-unit", "counts", "--laser-nm", "785"]].concat();
    assert!(run(&[&stated[..], &["--preview"]].concat(), 0).contains("Nothing was saved"));
    assert!(waiting(&read_draft(Path::new(&draft)).unwrap()).is_empty());
    let text = run(&stated, 0);
    for wanted in ["novelane (new to the draft)", "122.17", "STANDS OUT", "stated by operator: polystyrene, today"] {
        assert!(text.contains(wanted), "{wanted}: {text}");
    }
    let content = read_draft(Path::new(&draft)).unwrap();
    let library = &content.library;
    let reference = library.references_of(library.find_index("novelane").unwrap()).next().unwrap();
    assert_eq!((reference.tier, reference.laser_nm), (Tier::MeasuredHere, Some(785.0)));
    let provenance = reference.provenance.as_ref().unwrap();
    assert_eq!((provenance.instrument.as_deref(), provenance.files.len()), (Some("Bench 7"), 4));
    for wanted in ["laser 785", "performance check: polystyrene, today"] {
        assert!(provenance.stated.iter().any(|s| s.contains(wanted)), "{wanted}: {provenance:?}");
    }
    assert_eq!(waiting(&content).len(), 1);
}

#[test]
fn a_saved_kit_measures_a_reference_once_its_check_was_passed() {
    let dir = tempfile::tempdir().unwrap();
    let (_box, port) = emulator("obp-ventana", &["--seed", "21", "--sample", "polystyrene", "--no-gap"]);
    json(dir.path(), &["kit", "save", "Box", "--port", &port, "--laser-port", &port]);
    let draft = dir.path().join("draft");
    let draft = draft.to_str().unwrap();
    json(dir.path(), &["library", "draft", draft, "--version", "2027.1"]);
    let add = ["library", "add", "--into", draft, "--substance", "polystyrene", "--kit", "Box", "--lot", "L-1"];
    let add = [&add[..], &["--certificate", "C-9"]].concat();
    let placed = ["", "", ""];
    let unchecked = program(dir.path(), &add, &placed);
    assert_eq!(unchecked.status.code(), Some(2), "{}", said(&unchecked));
    assert!(said(&unchecked).contains("performance check"), "{}", said(&unchecked));
    json(dir.path(), &["calibrate", "--kit", "Box", "--standard", "polystyrene"]);
    json(dir.path(), &["check", "--kit", "Box"]);
    // Whoever scans with a real port places the sample anew for each replicate.
    let nobody = program(dir.path(), &add, &placed[..1]);
    assert!(nobody.status.code() == Some(2) && said(&nobody).contains("standard input has ended"), "{}", said(&nobody));
    let done = program(dir.path(), &add, &placed);
    assert_eq!(done.status.code(), Some(0), "{}", said(&done));
    let text = said(&done);
    for wanted in ["polystyrene: simulated reference", "replicate 3 of 3", "corrected by axis", "waits for a reviewer"]
    {
        assert!(text.contains(wanted), "{wanted}: {text}");
    }
    let content = read_draft(Path::new(draft)).unwrap();
    let waiting = waiting(&content);
    assert_eq!((waiting.len(), waiting[0].replicates, waiting[0].tier), (1, 3, Tier::Simulated));
}
