//! A pack is taken whole and unchanged from somebody who is trusted, or not at all.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use jiff::Timestamp;
use parcelscope::library::pack::{
    Filter, KeyState, Pack, PackContent, PackError, PackShelf, TrustList, read_draft, rotation, sign, write_draft,
};
use parcelscope::library::{Library, MeasuredArray, Provenance, Reference, Tier};
use parcelscope::session::{age_warning, library_by_digest, library_in_use};
use parcelscope::signature::NoteSigner;
use parcelscope::spectrum::{Spectrum, Technique};

use super::accounts::program;

pub fn now() -> Timestamp {
    "2026-11-24T12:00:00Z".parse().unwrap()
}

pub fn signer(name: &str) -> NoteSigner {
    NoteSigner::new(name, &[name.len() as u8; 32]).unwrap()
}

pub fn trusting(signer: &NoteSigner) -> TrustList {
    let mut list = TrustList::default();
    list.trust(&signer.verifier(), now()).unwrap();
    list
}

/// A library of two substances, one with a measured array.
fn small(version: &str) -> PackContent {
    let bundled = Library::bundled().unwrap();
    let pick = ["sucrose", "water"];
    let mut library = Library::clone(&bundled);
    let old: Vec<usize> = pick.iter().filter_map(|k| bundled.find_index(k)).collect();
    library.substances = old.iter().map(|i| bundled.substances[*i].clone()).collect();
    let references: Vec<Reference> = old
        .iter()
        .enumerate()
        .flat_map(|(new, i)| bundled.references_of(*i).map(move |r| Reference { substance: new, ..r.clone() }))
        .collect();
    let axis: Vec<f64> = (0..200).map(|i| 300.0 + 7.3 * f64::from(i)).collect();
    let values = axis.iter().map(|x| (x / 37.0).sin().abs() + 1.0 / 3.0).collect();
    let noise = axis.iter().map(|x| x / 1e6).collect();
    let spectrum = Spectrum::new(Technique::Raman, axis, values).unwrap().with_noise(noise).unwrap();
    let mut references = references;
    let at = references.iter().position(|r| r.technique == Technique::Raman).unwrap();
    let measured = MeasuredArray::new(spectrum.with_resolution(7.25)).map(Arc::new);
    let provenance = Some(Box::new(Provenance { author: "ana".to_owned(), ..Provenance::default() }));
    references[at] = Reference { measured, provenance, ..references[at].clone() };
    let library =
        Library::from_parts("test pack", version, library.groups, library.sources, library.substances, references)
            .unwrap();
    PackContent::of_bundled(&library, &[("LICENSES/a.txt", "free")], now())
}

fn signed(folder: &Path, version: &str, key: &NoteSigner) -> PathBuf {
    let path = folder.join(format!("{version}.pack"));
    sign(&path, &small(version), key).unwrap();
    path
}

pub fn shelf(folder: &Path, key: &NoteSigner) -> PackShelf {
    let shelf = PackShelf::of(folder);
    shelf.change_trust(|list| list.trust(&key.verifier(), now())).unwrap();
    shelf
}

#[test]
fn a_pack_reads_back_exactly_and_its_digest_is_that_of_the_library() {
    let folder = tempfile::tempdir().unwrap();
    let key = signer("lab");
    let content = small("1.2");
    let path = folder.path().join("a?b#c %.pack");
    let seal = sign(&path, &content, &key).unwrap();
    let pack = Pack::open(&path, &trusting(&key)).unwrap();
    assert_eq!(pack.content().unwrap(), content);
    assert_eq!(seal.content_sha256, content.library.identity.sha256);
    assert_ne!(small("1.3").library.identity.sha256, seal.content_sha256);
    let mut other = content.clone();
    other.library.references.iter_mut().for_each(|r| r.measured = None);
    assert_ne!(other.library.renamed("test pack", "1.2").identity.sha256, seal.content_sha256, "arrays count");
    let draft = folder.path().join("draft");
    write_draft(&draft, &content).unwrap();
    assert_eq!(read_draft(&draft).unwrap(), content);
    assert!(matches!(Pack::open(&draft, &trusting(&key)), Err(PackError::NotWhole { .. })), "a draft is no pack");
}

#[test]
fn the_bundled_library_as_a_pack_keeps_its_digest_and_all_its_answers() {
    let folder = tempfile::tempdir().unwrap();
    let key = signer("lab");
    let bundled = Library::bundled().unwrap();
    let content = PackContent::of_bundled(&bundled, Library::bundled_notices(), now());
    let path = folder.path().join("bundled.pack");
    let seal = sign(&path, &content, &key).unwrap();
    assert_eq!(seal.content_sha256, bundled.identity.sha256);
    let shelf = shelf(folder.path(), &key);
    shelf.install(&path, now(), false).unwrap();
    let used = library_in_use(folder.path(), now()).unwrap();
    assert_eq!(*used.library, *bundled);
    let pack = Pack::open(&path, &trusting(&key)).unwrap();
    let found = pack.find(&Filter { text: "FENTANYL".into(), group: None, listed: true, most: 1_000 }).unwrap();
    let by_hand = |s: &&parcelscope::library::Substance| {
        let words = [&s.key, &s.name].into_iter().chain(&s.synonyms).chain(s.related.iter().map(|r| &r.name));
        s.listed && words.map(|w| w.to_lowercase()).any(|w| w.contains("fentanyl"))
    };
    assert_eq!(found.len(), bundled.substances.iter().filter(by_hand).count());
    assert!(found.len() > 5);
}

#[test]
fn flipping_any_single_byte_makes_install_refuse() {
    let folder = tempfile::tempdir().unwrap();
    let key = signer("lab");
    let path = signed(folder.path(), "1", &key);
    let bytes = fs::read(&path).unwrap();
    let trust = trusting(&key);
    let spoiled = folder.path().join("spoiled.pack");
    let shelf = shelf(&folder.path().join("data"), &key);
    // Every byte of the signed page, and of the database every one in the long run and every 23rd here.
    let pace = if std::env::var_os("PARCELSCOPE_LONG").is_some() { 1 } else { 23 };
    let page = bytes.len() - 4_096;
    for at in (0..page).step_by(pace).chain(page..bytes.len()) {
        let mut changed = bytes.clone();
        changed[at] ^= 1 << (at % 8);
        fs::write(&spoiled, &changed).unwrap();
        let error = Pack::open(&spoiled, &trust).expect_err(&format!("byte {at} of {}", bytes.len()));
        assert!(!error.to_string().is_empty());
        // The whole way through the shelf for some of them: it takes syncs.
        if at % 997 == 0 || at + 4 > bytes.len() {
            assert!(shelf.install(&spoiled, now(), false).is_err(), "byte {at}");
        }
    }
    for cut in [0, 1, 4_095, 4_096, bytes.len() / 2, bytes.len() - 4_096, bytes.len() - 1] {
        fs::write(&spoiled, &bytes[..cut]).unwrap();
        assert!(shelf.install(&spoiled, now(), false).is_err(), "cut at {cut}");
    }
    let longer = [bytes.as_slice(), &[0; 4_096]].concat();
    fs::write(&spoiled, longer).unwrap();
    assert!(shelf.install(&spoiled, now(), false).is_err(), "a page more");
    assert_eq!(shelf.current().unwrap().used, None);
    shelf.install(&path, now(), false).unwrap();
}

#[test]
fn foreign_older_and_other_packs_are_refused_and_rollback_goes_to_any_earlier_one() {
    let folder = tempfile::tempdir().unwrap();
    let (key, foreign) = (signer("lab"), signer("stranger"));
    let shelf = shelf(folder.path(), &key);
    let packs: Vec<PathBuf> = ["1.9", "1.10", "1.11"].iter().map(|v| signed(folder.path(), v, &key)).collect();
    let install = |path: &Path| shelf.install(path, now(), false);
    for pack in &packs {
        install(pack).unwrap();
    }
    for old in &packs {
        let error = install(old).unwrap_err();
        assert!(matches!(error, PackError::Older { .. }) && error.to_string().contains("rollback"), "{error}");
    }
    let unknown = signed(folder.path(), "2", &foreign);
    assert!(matches!(install(&unknown), Err(PackError::Foreign { .. })));
    // Somebody else's key under the trusted name.
    let path = folder.path().join("imposter.pack");
    sign(&path, &small("3"), &NoteSigner::new("lab", &[99; 32]).unwrap()).unwrap();
    assert!(matches!(install(&path), Err(PackError::Foreign { .. })));
    let mut other = small("9");
    other.library = other.library.renamed("another line", "9");
    sign(&path, &other, &key).unwrap();
    assert!(matches!(install(&path), Err(PackError::OtherName { .. })));

    let used = || library_in_use(folder.path(), now()).unwrap().library.identity.version.clone();
    assert_eq!(used(), "1.11");
    assert_eq!(shelf.rollback(None).unwrap().unwrap().version, "1.10");
    assert_eq!(shelf.rollback(Some("1.9")).unwrap().unwrap().version, "1.9");
    assert_eq!(used(), "1.9");
    assert_eq!(shelf.rollback(Some("bundled")).unwrap(), None);
    assert_eq!(used(), Library::bundled().unwrap().identity.version);
    assert!(shelf.rollback(Some("7")).is_err());
    // A record of any day finds its library.
    for version in ["1.9", "1.10", "1.11"] {
        let sha256 = small(version).library.identity.sha256;
        let library = library_by_digest(folder.path(), &sha256).unwrap().unwrap();
        assert_eq!((library.identity.version.as_str(), &library.identity.sha256), (version, &sha256));
    }
    assert!(library_by_digest(folder.path(), &"0".repeat(64)).unwrap().is_none());
}

#[test]
fn a_rotated_key_signs_no_new_pack_and_a_revoked_one_none_at_all() {
    let folder = tempfile::tempdir().unwrap();
    let (old, new) = (signer("lab"), signer("lab-2027"));
    let shelf = shelf(folder.path(), &old);
    shelf.install(&signed(folder.path(), "1", &old), now(), false).unwrap();
    let text = rotation(&old, &new.verifier());
    let forged = rotation(&signer("stranger"), &new.verifier());
    assert!(shelf.change_trust(|l| l.rotate(&forged, now())).is_err());
    assert!(shelf.change_trust(|l| l.rotate(&text.replace('1', "2"), now())).is_err());
    shelf.change_trust(|l| l.rotate(&text, now())).unwrap();
    assert!(matches!(shelf.trust().unwrap().keys[0].state, KeyState::Retired { .. }));
    assert!(shelf.change_trust(|l| l.rotate(&text, now())).is_err(), "a retired key has no second successor");
    let refused = shelf.install(&signed(folder.path(), "2", &old), now(), false).unwrap_err();
    assert!(matches!(refused, PackError::Withdrawn { .. }), "{refused}");
    assert!(library_in_use(folder.path(), now()).is_ok(), "what is installed still counts");
    shelf.install(&signed(folder.path(), "2", &new), now(), false).unwrap();
    shelf.change_trust(|l| l.revoke("lab-2027", "stolen", now())).unwrap();
    let error = library_in_use(folder.path(), now()).unwrap_err();
    assert!(error.to_string().contains("stolen"), "never replaced in silence: {error}");
    assert!(shelf.change_trust(|l| l.trust(&new.verifier(), now())).is_err(), "revoked is revoked");
    shelf.rollback(Some("1")).unwrap();
    assert!(library_in_use(folder.path(), now()).is_ok());
}

#[test]
fn a_field_unit_warns_when_its_pack_is_older_than_its_age() {
    let folder = tempfile::tempdir().unwrap();
    let key = signer("lab");
    let shelf = shelf(folder.path(), &key);
    let installed = shelf.install(&signed(folder.path(), "1", &key), now(), false).unwrap();
    let later = |days: i64| Timestamp::from_second(now().as_second() + days * 86_400).unwrap();
    assert_eq!(library_in_use(folder.path(), later(180)).unwrap().warning, None);
    assert!(library_in_use(folder.path(), later(182)).unwrap().warning.unwrap().contains("182 days"));
    shelf.warn_after(30).unwrap();
    assert!(library_in_use(folder.path(), later(32)).unwrap().warning.is_some());
    assert_eq!(age_warning(&installed, 0, later(9_999)), None);
}

#[test]
fn the_search_uses_the_measured_array_of_a_pack() {
    let bundled = Library::bundled().unwrap();
    let at = bundled.find_index("sucrose").unwrap();
    let reference = bundled.references_of(at).find(|r| r.tier == Tier::MeasuredElsewhere).unwrap();
    let axis: Vec<f64> = (0..1_200).map(|i| 300.0 + 2.2 * f64::from(i)).collect();
    let draw = |resolution| {
        let values = reference.synthesize(&axis, resolution, reference.own_resolution_cm1);
        values.iter().map(|v| 4_000.0 * v + 200.0).collect::<Vec<f64>>()
    };
    let spectrum = |resolution| Spectrum::new(Technique::Raman, axis.clone(), draw(resolution)).unwrap();
    let rank = |measured: Option<Spectrum>| {
        let mut library = Library::clone(&bundled);
        let place = library.references.iter().position(|r| r == reference).unwrap();
        library.references[place].measured = measured.and_then(MeasuredArray::new).map(Arc::new);
        let answer = parcelscope::identify::Engine::new(Arc::new(library)).identify(&spectrum(12.0));
        answer.candidates.iter().find(|c| c.substance == bundled.substances[at].name).map(|c| c.score)
    };
    let good = rank(Some(spectrum(9.0).with_resolution(9.0))).unwrap();
    assert!(good > 0.97, "measured at 9 cm-1, asked at 12 cm-1: {good}");
    // The bands stay; an array that shows something else takes their place in the search.
    let wrong: Vec<f64> = axis.iter().map(|x| 1_000.0 * (-((x - 2_000.0) / 9.0).powi(2)).exp() + 5.0).collect();
    let wrong = rank(Some(Spectrum::new(Technique::Raman, axis.clone(), wrong).unwrap()));
    assert!(wrong.is_none_or(|score| score < 0.5), "{wrong:?}");
}

fn parcelscope(data: &Path, arguments: &[&str], input: &str) -> (Option<i32>, String, String) {
    // Whoever runs the program ends the last line.
    let lines: Vec<&str> = input.lines().collect();
    let output = program(data, arguments, &lines);
    let text = |bytes: Vec<u8>| String::from_utf8(bytes).unwrap();
    (output.status.code(), text(output.stdout), text(output.stderr))
}

#[test]
fn the_command_line_takes_a_pack_from_the_laboratory_to_a_unit() {
    let folder = tempfile::tempdir().unwrap();
    let (lab, unit) = (folder.path().join("lab"), folder.path().join("unit"));
    let (draft, pack) = (folder.path().join("draft"), folder.path().join("new.pack"));
    let (draft, pack) = (draft.to_str().unwrap(), pack.to_str().unwrap());
    let passphrase = "five random words in here\n";
    let done = |(code, out, err): (Option<i32>, String, String)| {
        assert_eq!(code, Some(0), "{out}{err}");
        out
    };
    done(parcelscope(&lab, &["library", "key", "create", "lab-1"], passphrase));
    let verifier = done(parcelscope(&lab, &["library", "key", "show", "lab-1"], ""));
    done(parcelscope(&lab, &["library", "draft", draft, "--version", "2027.1"], ""));
    let sign = ["library", "sign", draft, "--key", "lab-1", "--out", pack];
    let (code, _, error) = parcelscope(&lab, &sign, passphrase);
    assert!(code == Some(2) && error.contains("library evaluate"), "{error}");
    let sign = [&sign[..], &["--not-evaluated", "same content"]].concat();
    let (code, _, error) = parcelscope(&lab, &sign, "not the passphrase\n");
    assert!(code == Some(2) && error.contains("does not open"), "{error}");
    done(parcelscope(&lab, &sign, passphrase));

    let install = ["library", "install", pack];
    let (code, _, error) = parcelscope(&unit, &install, "");
    assert!(code == Some(2) && error.contains("does not trust"), "{error}");
    done(parcelscope(&unit, &["library", "key", "trust", verifier.trim()], ""));
    done(parcelscope(&unit, &["library", "check", pack], ""));
    done(parcelscope(&unit, &install, ""));
    let list = done(parcelscope(&unit, &["library", "list", "--json"], ""));
    let list: serde_json::Value = serde_json::from_str(&list).unwrap();
    assert_eq!(list["library"]["version"], "2027.1");
    let shown = done(parcelscope(&unit, &["library", "installed", "--json"], ""));
    let shown: serde_json::Value = serde_json::from_str(&shown).unwrap();
    assert_eq!(shown["used"]["sha256"], list["library"]["sha256"]);
    let (code, _, error) = parcelscope(&unit, &install, "");
    assert!(code == Some(2) && error.contains("only a newer one"), "{error}");
    // A record made with the pack finds it again when another library is in use.
    let scan = ["scan", "--port", "emulator", "--sample", "talc", "--seed", "3", "--json"];
    let scan: serde_json::Value = serde_json::from_str(&done(parcelscope(&unit, &scan, ""))).unwrap();
    assert_eq!(scan["library"]["version"], "2027.1");
    done(parcelscope(&unit, &["library", "rollback", "bundled"], ""));
    let replay = done(parcelscope(&unit, &["casebook", "replay", "1"], ""));
    assert!(replay.contains("The same in every field."), "{replay}");
    let report = folder.path().join("report.pdf");
    let with_reference = ["casebook", "report", "1", "--out", report.to_str().unwrap()];
    done(parcelscope(&unit, &with_reference, ""));
    fs::write(pack, b"not a pack").unwrap();
    assert_eq!(parcelscope(&unit, &["library", "check", pack], "").0, Some(1));
}
