//! A pack that is installed while a session runs answers from the next scan on, whoever installed it; a key that is taken back
//! ends the answers of its packs at once.

use jiff::Timestamp;
use parcelscope::identify::Level;
use parcelscope::library::Library;
use parcelscope::library::pack::{PackContent, PackShelf, sign};
use parcelscope::session::{Event, KitChoice, Session, SessionConfig};

use super::packs::{now, signer};
use super::session::{failed, ready, saved, scan, until};

/// The bundled library with talc in an alarming group.
fn with_talc_listed(version: &str) -> PackContent {
    let Library { groups, sources, mut substances, references, .. } = Library::bundled().unwrap().as_ref().clone();
    let talc = substances.iter_mut().find(|s| s.key == "talc").unwrap();
    talc.groups.push("fentanyl".to_owned());
    let library = Library::from_parts("border", version, groups, sources, substances, references).unwrap();
    PackContent::of_bundled(&library, &[], now())
}

#[test]
fn an_open_session_uses_a_pack_from_the_next_scan_on_and_none_whose_key_was_taken_back() {
    let folder = tempfile::tempdir().unwrap();
    let data = folder.path().join("data");
    std::fs::create_dir(&data).unwrap();
    let kit = KitChoice::Emulator { sample: "talc".to_owned(), seed: 7, virtual_time: true };
    let session = Session::start(SessionConfig::new(data.clone(), kit)).unwrap();
    ready(&session);
    scan(&session);
    let (before, _) = saved(&session);
    assert_eq!(before.record.answer.verdict.level(), Level::NoneDetected, "{:?}", before.record.answer.verdict);

    // Another process installs: the session is not asked.
    let (shelf, key) = (PackShelf::of(&data), signer("lab"));
    shelf.change_trust(|list| list.trust(&key.verifier(), now())).unwrap();
    let pack = folder.path().join("1.pack");
    sign(&pack, &with_talc_listed("1"), &key).unwrap();
    shelf.install(&pack, Timestamp::now(), false).unwrap();
    scan(&session);
    let (after, events) = saved(&session);
    assert_eq!(after.record.answer.verdict.level(), Level::Alarm, "{:?}", after.record.answer.verdict);
    assert_eq!(after.record.answer.library.version, "1", "the record names the pack that answered");
    let told =
        events.iter().filter_map(|e| if let Event::LibraryInUse(Ok(used)) = e { Some(&used.version) } else { None });
    assert_eq!(told.collect::<Vec<_>>(), ["1"], "and the session says so, once");
    scan(&session);
    let (_, events) = saved(&session);
    assert!(!events.iter().any(|e| matches!(e, Event::LibraryInUse(_))), "{events:?}");

    shelf.change_trust(|list| list.revoke("lab", "lost", now())).unwrap();
    scan(&session);
    let (why, _) = failed(&session);
    assert!(why.contains("revoked") && why.contains("lab"), "{why}");
    shelf.rollback(Some("bundled")).unwrap();
    scan(&session);
    let (again, _) = saved(&session);
    assert_eq!(again.record.answer.library, before.record.answer.library);
    assert_eq!(again.record.answer.verdict.level(), Level::NoneDetected);
}

#[test]
fn the_emulated_probe_shows_the_substances_of_the_pack_in_use() {
    let folder = tempfile::tempdir().unwrap();
    let data = folder.path().join("data");
    std::fs::create_dir(&data).unwrap();
    let kit = KitChoice::Emulator { sample: "talc".to_owned(), seed: 7, virtual_time: true };
    let session = Session::start(SessionConfig::new(data.clone(), kit)).unwrap();
    ready(&session);
    let (shelf, key) = (PackShelf::of(&data), signer("lab"));
    shelf.change_trust(|list| list.trust(&key.verifier(), now())).unwrap();
    let Library { groups, sources, mut substances, references, .. } = Library::bundled().unwrap().as_ref().clone();
    substances.iter_mut().find(|s| s.key == "talc").unwrap().key = "talc-by-another-key".to_owned();
    let library = Library::from_parts("border", "1", groups, sources, substances, references).unwrap();
    let pack = folder.path().join("1.pack");
    sign(&pack, &PackContent::of_bundled(&library, &[], now()), &key).unwrap();
    shelf.install(&pack, Timestamp::now(), false).unwrap();
    scan(&session);
    saved(&session);
    let sample = "talc-by-another-key".to_owned();
    session.send(parcelscope::session::Command::SetEmulatedSample { sample: sample.clone() }).unwrap();
    until(&session, "the other sample", |e| match e {
        Event::EmulatedSample { sample: now } if *now == sample => Some(()),
        Event::Failed(why) => panic!("{why}"),
        _ => None,
    });
}
