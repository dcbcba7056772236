//! Bytes from outside are met with an answer: the fuzzer's corpus and random streams go through the checks of `fuzz/`.

use std::fs;
use std::path::Path;

use proptest::prelude::*;

#[path = "../../fuzz/checks.rs"]
pub mod checks;

type Check = fn(&[u8]);

/// Every codec and every format with its check; the name is that of its target and of its corpus.
const CHECKS: [(&str, Check); 13] = [
    ("obp", checks::obp),
    ("wasatch", checks::wasatch),
    ("nirscan", checks::nirscan),
    ("ocean_letter", checks::ocean_letter),
    ("laser", checks::laser),
    ("gps", checks::gps),
    ("jcamp", checks::formats::read_and_check),
    ("spc", checks::formats::read_and_check),
    ("opus", checks::formats::read_and_check),
    ("spa", checks::formats::read_and_check),
    ("wdf", checks::formats::read_and_check),
    ("text", checks::formats::read_and_check),
    ("zip", checks::formats::read_and_check),
];

#[test]
fn the_corpus_of_every_codec_is_replayed_without_a_finding() {
    let corpus = Path::new(env!("CARGO_MANIFEST_DIR")).join("fuzz/corpus");
    for (name, check) in CHECKS {
        let files: Vec<_> = fs::read_dir(corpus.join(name)).unwrap().map(|entry| entry.unwrap().path()).collect();
        assert!(!files.is_empty(), "{name} has no corpus");
        for file in files {
            check(&fs::read(file).unwrap());
        }
    }
}

#[test]
fn every_target_has_a_corpus_and_every_corpus_a_target() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("fuzz");
    let names = |folder: &str| {
        let mut names: Vec<String> = fs::read_dir(root.join(folder))
            .unwrap()
            .map(|entry| entry.unwrap().path().file_stem().unwrap().to_string_lossy().into_owned())
            .collect();
        names.sort();
        names
    };
    let mut known = CHECKS.map(|(name, _)| name.to_owned()).to_vec();
    known.sort();
    assert_eq!(names("targets"), known);
    assert_eq!(names("corpus"), known);
}

/// A stream of pieces of the corpus, some cut short, some with a byte changed, with anything between them.
fn streams(name: &'static str) -> impl Strategy<Value = Vec<u8>> {
    let corpus = Path::new(env!("CARGO_MANIFEST_DIR")).join("fuzz/corpus").join(name);
    let mut files: Vec<_> = fs::read_dir(corpus).unwrap().map(|entry| entry.unwrap().path()).collect();
    files.sort();
    let pieces: Vec<Vec<u8>> = files.into_iter().map(|file| fs::read(file).unwrap()).collect();
    let piece = (prop::sample::select(pieces), any::<prop::sample::Index>(), any::<u8>(), 0..4_u8).prop_map(
        |(mut piece, at, byte, change)| {
            let at = at.index(piece.len().max(1));
            match change {
                0 => piece.truncate(at),
                1 => piece.iter_mut().skip(at).take(1).for_each(|b| *b = byte),
                2 => piece.insert(at.min(piece.len()), byte),
                _ => {}
            }
            piece
        },
    );
    let anything = prop::collection::vec(any::<u8>(), 0..40);
    prop::collection::vec(prop_oneof![3 => piece, 1 => anything], 0..6).prop_map(|parts| parts.concat())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(96))]

    #[test]
    fn damaged_obp_streams_are_met_with_an_answer(bytes in streams("obp")) {
        checks::obp(&bytes);
    }

    #[test]
    fn damaged_wasatch_streams_are_met_with_an_answer(bytes in streams("wasatch")) {
        checks::wasatch(&bytes);
    }

    #[test]
    fn damaged_nirscan_streams_are_met_with_an_answer(bytes in streams("nirscan")) {
        checks::nirscan(&bytes);
    }

    #[test]
    fn damaged_ocean_letter_streams_are_met_with_an_answer(bytes in streams("ocean_letter")) {
        checks::ocean_letter(&bytes);
    }

    #[test]
    fn damaged_gps_streams_are_met_with_an_answer(bytes in streams("gps")) {
        checks::gps(&bytes);
    }

    #[test]
    fn damaged_laser_streams_are_met_with_an_answer(bytes in streams("laser")) {
        checks::laser(&bytes);
    }
}
