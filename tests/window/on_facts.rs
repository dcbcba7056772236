//! What alarms is decided at the laboratory's desk: proposed, refused, approved by another person, signed, installed, and the
//! open window uses it from the next scan on.

use egui_kittest::Harness;
use parcelscope::ui::App;

use crate::on_laboratory::{PHRASE, change_to, desk, fill, open, staff, step};
use crate::on_session::wait_for;
use crate::{name_starting, names, press};

fn scan(h: &mut Harness<'_, App>, record: usize) -> String {
    press(h, "Scan page");
    press(h, "Scan");
    wait_for(h, &format!("Record {record} saved"));
    let answer = wait_for(h, "Answer:");
    press(h, "Next parcel");
    answer
}

fn says(h: &Harness<'_, App>, part: &str) -> bool {
    names(h).iter().any(|name| name.contains(part))
}

#[test]
fn a_substance_that_is_moved_into_an_alarming_group_alarms_once_another_person_agreed() {
    let folder = tempfile::tempdir().expect("a folder");
    staff(folder.path());
    let mut h = open(folder.path(), "lena", "talc");
    let before = scan(&mut h, 1);
    assert!(!before.contains("ALARM"), "{before}");

    // The laboratory proposes.
    desk(&mut h);
    fill(&mut h, &[("Name of the draft", "lists"), ("Version", "2027.1")]);
    press(&mut h, "Begin");
    wait_for(&mut h, "Began the draft lists");
    step(&mut h, "Facts");
    fill(
        &mut h,
        &[
            ("Substance to change", "talc"),
            ("Into groups", "fentanyl"),
            ("Where this can be read (empty: from memory)", "Order 12"),
        ],
    );
    press(&mut h, "Propose for the substance");
    wait_for(&mut h, "Submitted the change of talc");
    assert!(says(&h, "alarms; before: does not alarm"), "{:?}", names(&h));
    fill(&mut h, &[("Group", "solvent")]);
    press(&mut h, "It alarms");
    press(&mut h, "Propose for the group");
    wait_for(&mut h, "Submitted the change of group");
    step(&mut h, "Review");
    let approve = wait_for(&mut h, "Approve the change of talc");
    press(&mut h, &approve);
    wait_for(&mut h, "The role of this account may not");

    // Nobody signs it as it is.
    change_to(&mut h, "rolf");
    step(&mut h, "Packs and keys");
    fill(&mut h, &[("Name of a new key", "lab-2027"), ("Its passphrase, 12 or more", PHRASE)]);
    press(&mut h, "Make the key");
    let verifier = wait_for(&mut h, "Made the key.").rsplit(": ").next().expect("the public half").to_owned();
    step(&mut h, "Release");
    fill(
        &mut h,
        &[("Signing key", "lab-2027"), ("Passphrase of the key", PHRASE), ("Why there is no evaluation", "facts only")],
    );
    press(&mut h, "Sign");
    wait_for(&mut h, "The draft was not signed");
    assert!(says(&h, "waits for a reviewer"), "{:?}", names(&h));

    // Another person approves one and returns the other, which the laboratory then takes back.
    change_to(&mut h, "rhea");
    step(&mut h, "Review");
    let approve = wait_for(&mut h, "Approve the change of talc");
    press(&mut h, &approve);
    wait_for(&mut h, "Approved 1 change of facts");
    fill(&mut h, &[("Reason", "solvents are no drugs")]);
    let back = wait_for(&mut h, "Return the change of group");
    press(&mut h, &back);
    wait_for(&mut h, "Returned 1 change of facts");
    change_to(&mut h, "lena");
    step(&mut h, "Facts");
    press(&mut h, "Neither");
    press(&mut h, "Propose for the group");
    wait_for(&mut h, "What is in use says the same again");

    change_to(&mut h, "rolf");
    step(&mut h, "Release");
    fill(&mut h, &[("Passphrase of the key", PHRASE)]);
    press(&mut h, "Sign");
    let pack = wait_for(&mut h, "Signed: ").trim_start_matches("Signed: ").to_owned();

    // Installed, it counts in the window that is open; gone back to, the library of before does.
    change_to(&mut h, "ada");
    step(&mut h, "Packs and keys");
    fill(&mut h, &[("Pack to install", &pack), ("Public half of a key", &verifier)]);
    press(&mut h, "Trust");
    wait_for(&mut h, "Packs of lab-2027 are taken");
    press(&mut h, "Install");
    wait_for(&mut h, "Scans use ");
    change_to(&mut h, "omar");
    let after = scan(&mut h, 2);
    assert!(after.contains("ALARM") && after.contains("talc"), "{after}");
    change_to(&mut h, "ada");
    press(&mut h, "Library page");
    press(&mut h, "Use bundled again");
    wait_for(&mut h, "Scans use ");
    change_to(&mut h, "omar");
    let again = scan(&mut h, 3);
    assert!(!again.contains("ALARM"), "{again}");
    assert!(name_starting(&h, "EMULATED ANALYZER").is_some());
}
