//! Packs of the size of a national library: whole, quick to install, open and look into. The long form (`PARCELSCOPE_LONG=1`) has
//! 25,000 and 100,000 references; the short one keeps the same promises on 2,000.

use std::fs::{self, OpenOptions};
use std::io::{Read, Seek, SeekFrom, Write};
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use jiff::Timestamp;
use parcelscope::identify::Engine;
use parcelscope::library::pack::{Filter, Pack, PackContent, PackShelf, TrustList, sign};
use parcelscope::library::{Library, MeasuredArray, Reference, Source, Substance, Tier};
use parcelscope::session::{library_in_use, pack_age};
use parcelscope::signature::NoteSigner;
use parcelscope::spectrum::{Band, Spectrum, Technique};
use rand::{RngExt as _, SeedableRng as _};
use rand_chacha::ChaCha8Rng;

fn now() -> Timestamp {
    "2026-11-24T12:00:00Z".parse().unwrap()
}

fn long() -> bool {
    std::env::var_os("PARCELSCOPE_LONG").is_some()
}

fn key() -> NoteSigner {
    NoteSigner::new("lab", &[7; 32]).unwrap()
}

fn trust() -> TrustList {
    let mut list = TrustList::default();
    list.trust(&key().verifier(), now()).unwrap();
    list
}

/// A made-up library: each substance with a group, each with four references, one of them with an array of 400 points.
fn made_up(references: usize) -> PackContent {
    let bundled = Library::bundled().unwrap();
    let mut rng = ChaCha8Rng::seed_from_u64(references as u64);
    let template = bundled.substances[0].clone();
    let axis: Vec<f64> = (0..400).map(|i| 200.0 + 5.0 * f64::from(i)).collect();
    let source = Source {
        key: "made-up".to_owned(),
        citation: "Numbers of a generator".to_owned(),
        url: String::new(),
        licence: "project".to_owned(),
        resolution_cm1: 8.0,
        ship: true,
        notice: None,
        note: None,
    };
    let substances: Vec<Substance> = (0..references / 4)
        .map(|i| Substance {
            key: format!("made-up-{i:06}"),
            name: format!("Made up {i:06}"),
            synonyms: vec![format!("substance number {i}")],
            cas: None,
            related_cas: Vec::new(),
            related: Vec::new(),
            formula: None,
            groups: vec![bundled.groups[i % bundled.groups.len()].key.clone()],
            ..template.clone()
        })
        .collect();
    let references = (0..references)
        .map(|i| {
            let mut positions: Vec<f64> = (0..12).map(|_| rng.random_range(250.0..2_150.0)).collect();
            positions.sort_by(f64::total_cmp);
            let strongest = rng.random_range(0..12);
            let bands: Vec<Band> = positions
                .iter()
                .enumerate()
                .map(|(k, at)| Band {
                    position_cm1: *at,
                    height: if k == strongest { 1.0 } else { rng.random_range(0.05..0.95) },
                    fwhm_cm1: 9.0,
                    lorentz_fraction: 0.5,
                })
                .collect();
            let measured = (i % 4 == 0).then(|| {
                let values = axis.iter().map(|x| 100.0 + bands.iter().map(|b| 1_000.0 * b.value_at(*x)).sum::<f64>());
                let spectrum = Spectrum::new(Technique::Raman, axis.clone(), values.collect()).unwrap();
                Arc::new(MeasuredArray::new(spectrum.with_resolution(8.0)).unwrap())
            });
            Reference {
                substance: i / 4,
                form: String::new(),
                tier: Tier::MeasuredElsewhere,
                technique: Technique::Raman,
                laser_nm: Some(785.0),
                range_cm1: (200.0, 2_195.0),
                source: "made-up".to_owned(),
                bands,
                usual_widths: false,
                usual_heights: false,
                cas: None,
                licence: String::new(),
                own_resolution_cm1: 0.0,
                source_item: Some(format!("item {i}")),
                provenance: None,
                measured,
            }
        })
        .collect();
    let groups = bundled.groups.clone();
    let library = Library::from_parts("made up", "1", groups, vec![source], substances, references).unwrap();
    PackContent::of_bundled(&library, &[], now())
}

fn timed<T>(what: &str, work: impl FnOnce() -> T) -> (T, Duration) {
    let begun = Instant::now();
    let value = work();
    let took = begun.elapsed();
    println!("{what}: {:.3} s", took.as_secs_f64());
    (value, took)
}

fn signed(folder: &Path, references: usize) -> (std::path::PathBuf, PackContent) {
    let path = folder.join("large.pack");
    let (content, _) = timed(&format!("making {references} references"), || made_up(references));
    timed("writing and signing", || sign(&path, &content, &key()).unwrap());
    println!("the pack has {} bytes", fs::metadata(&path).unwrap().len());
    (path, content)
}

#[test]
fn any_byte_of_a_large_pack_that_is_flipped_makes_install_refuse() {
    let (references, flips) = if long() { (25_600, 1_000) } else { (2_000, 40) };
    let folder = tempfile::tempdir().unwrap();
    let (path, _) = signed(folder.path(), references);
    let shelf = PackShelf::of(&folder.path().join("data"));
    shelf.change_trust(|list| list.trust(&key().verifier(), now())).unwrap();
    let mut file = OpenOptions::new().read(true).write(true).open(&path).unwrap();
    let bytes = file.metadata().unwrap().len();
    let mut rng = ChaCha8Rng::seed_from_u64(11);
    let mut flip = |at: u64, bit: u8| {
        let mut byte = [0];
        file.seek(SeekFrom::Start(at)).unwrap();
        file.read_exact(&mut byte).unwrap();
        file.seek(SeekFrom::Start(at)).unwrap();
        file.write_all(&[byte[0] ^ (1 << bit)]).unwrap();
    };
    let mut refused = 0;
    for number in 0..flips {
        let (at, bit) = (rng.random_range(0..bytes), rng.random_range(0..8));
        flip(at, bit);
        // The whole way through the shelf for some of them: it copies and syncs.
        let error =
            if number % 50 == 0 { shelf.install(&path, now(), false).err() } else { Pack::open(&path, &trust()).err() };
        assert!(error.is_some(), "bit {bit} of byte {at} of {bytes}");
        refused += 1;
        flip(at, bit);
    }
    assert_eq!(shelf.current().unwrap().used, None);
    shelf.install(&path, now(), false).unwrap();
    println!("{refused} of {flips} flipped bytes of a pack with {references} references were refused");
}

#[test]
fn a_large_pack_is_installed_opened_and_filtered_within_its_times() {
    let references = if long() { 100_000 } else { 2_000 };
    let folder = tempfile::tempdir().unwrap();
    let (path, content) = signed(folder.path(), references);
    let data = folder.path().join("data");
    let shelf = PackShelf::of(&data);
    shelf.change_trust(|list| list.trust(&key().verifier(), now())).unwrap();
    let (_, install) = timed("install", || shelf.install(&path, now(), false).unwrap());
    let ((_, pack), open) = timed("open", || shelf.open_used().unwrap().unwrap());
    let (_, age) = timed("age", || pack_age(&data).unwrap().unwrap());
    let find = |what: &str, filter: &Filter| timed(what, || pack.find(filter).unwrap());
    let all = Filter { most: 1_000, ..Filter::default() };
    let (listed, list) = find("first thousand substances", &all);
    let (named, text) = find("by part of a name", &Filter { text: "up 000049".to_owned(), ..all.clone() });
    let group = Some("nitazene".to_owned());
    let (members, by_group) = find("by group", &Filter { group, ..all.clone() });
    assert_eq!((named.len(), named[0].references), (1, 4));
    assert_eq!(listed.len(), (references / 4).min(1_000));
    assert!(!members.is_empty() && members.iter().all(|m| m.substance.groups == ["nitazene"]));
    for filter in [&all, &Filter { text: "Number 4".to_owned(), listed: true, most: 9_999, ..Filter::default() }] {
        let most = filter.most as usize;
        let by_hand: Vec<&str> =
            content.library.substances.iter().filter(|s| filter.fits(s)).map(|s| s.key.as_str()).take(most).collect();
        let found = pack.find(filter).unwrap();
        assert_eq!(found.iter().map(|f| f.substance.key.as_str()).collect::<Vec<_>>(), by_hand);
    }
    let (used, read) = timed("reading the whole library", || library_in_use(&data, now()).unwrap());
    assert_eq!(used.library.references.len(), references);
    assert!(install < Duration::from_mins(1), "{install:?}");
    assert!(open < Duration::from_secs(1) && age < Duration::from_secs(1), "{open:?}");
    for quick in [list, text, by_group] {
        assert!(quick < Duration::from_secs(1), "{quick:?}");
    }
    let engine = Engine::new(Arc::clone(&used.library));
    let query = used.library.references[8].measured.as_ref().unwrap().spectrum().clone();
    let (first, _) = timed("first search, with the index", || engine.identify(&query));
    let (second, _) = timed("second search", || engine.identify(&query));
    assert_eq!(first, second);
    assert_eq!(first.candidates[0].substance, used.library.substances[2].name);
    println!("reading {references} references whole takes {:.1} s in this profile", read.as_secs_f64());
}
