//! What alarms is what the laboratory decided: facts of substances and groups are proposals, reviewed like references, part of
//! the pack, and nothing else is signed.

use jiff::Timestamp;
use parcelscope::laboratory::{
    AlarmLevel, FactEdit, GroupEdit, NOBODY, SubstanceEdit, Verdict, check_facts, edit, propose, review, submit_facts,
    waiting_facts,
};
use parcelscope::library::pack::{PackContent, read_draft, write_draft};
use parcelscope::library::{Library, changed_facts, fact_digests};
use serde_json::Value;

use super::accounts::SECRET;
use super::laboratory_day::Unit;
use super::laboratory_import::enrol;

const PASSPHRASE: &str = "five random words in here";

/// What is stated wrongly in a case.
type Change<'a> = &'a dyn Fn(&mut SubstanceEdit);

fn now() -> Timestamp {
    "2026-11-24T12:00:00Z".parse().unwrap()
}

fn draft() -> PackContent {
    let bundled = Library::bundled().unwrap().as_ref().clone().renamed("border", "2027.1");
    PackContent::of_bundled(&bundled, &[], now())
}

fn about(substance: &str) -> SubstanceEdit {
    SubstanceEdit { substance: substance.to_owned(), source: Some("Memo 7".to_owned()), ..SubstanceEdit::default() }
}

fn into_group(substance: &str, group: &str) -> FactEdit {
    FactEdit::Substance(Box::new(SubstanceEdit { add_groups: vec![group.to_owned()], ..about(substance) }))
}

fn group(key: &str, title: Option<&str>, level: AlarmLevel) -> FactEdit {
    FactEdit::Group(GroupEdit { key: key.to_owned(), title: title.map(str::to_owned), level: Some(level), note: None })
}

/// The content with an edit, proposed by somebody.
fn proposed(content: &PackContent, wish: &FactEdit, author: &str) -> PackContent {
    let bundled = Library::bundled().unwrap();
    let earlier = fact_digests(&content.library);
    let mut content = edit(content.clone(), wish, author, now()).unwrap();
    propose(&mut content, &earlier, &bundled, author, now());
    content
}

fn approve(content: &mut PackContent, by: &str) -> Result<usize, String> {
    let bundled = Library::bundled().unwrap();
    let done = review(content, &bundled, &["all".to_owned()], &Verdict::Approve, by, now());
    done.map(|d| d.facts.len()).map_err(|e| e.to_string())
}

fn signable(content: &PackContent) -> Result<(), String> {
    check_facts(&mut content.clone(), &Library::bundled().unwrap()).map_err(|e| e.to_string())
}

#[test]
fn changed_facts_are_signed_only_as_another_person_approved_them() {
    assert_eq!(signable(&draft()), Ok(()), "a draft that says what is in use needs nobody");
    let mut content = proposed(&draft(), &into_group("sucrose", "fentanyl"), "ana");
    assert!(signable(&content).unwrap_err().contains("waits for a reviewer"));
    for (by, wanted) in [("ana", "cannot review"), ("ANA", "cannot review"), (NOBODY, "enrolled")] {
        let why = approve(&mut content, by).unwrap_err();
        assert!(why.contains(wanted), "{by}: {why}");
    }
    assert_eq!(approve(&mut content, "rita"), Ok(1));
    assert_eq!(signable(&content), Ok(()));

    // A later edit needs another approval, and who had a part in the one before cannot give it.
    let mut later = proposed(&content, &into_group("sucrose", "nitazene"), "bob");
    assert!(signable(&later).unwrap_err().contains("of bob waits"));
    assert_eq!(approve(&mut later, "rita"), Ok(1));
    let open = proposed(&draft(), &into_group("sucrose", "fentanyl"), "ana");
    let mut open = proposed(&open, &into_group("sucrose", "nitazene"), "bob");
    assert!(approve(&mut open, "ana").unwrap_err().contains("has a part"));
    assert_eq!(open.waiting().len(), 1, "the proposal before was replaced: {:?}", open.approvals);
    assert_eq!(approve(&mut open, "rita"), Ok(1));
    assert_eq!(signable(&open), Ok(()));

    // Edited back there is nothing to review.
    let back =
        FactEdit::Substance(Box::new(SubstanceEdit { drop_groups: vec!["fentanyl".to_owned()], ..about("sucrose") }));
    let back = proposed(&content, &back, "ana");
    let change = &changed_facts(&Library::bundled().unwrap(), &back.library)[0];
    assert!(change.lines.iter().all(|l| l.starts_with("facts from")), "only who said what is left: {change:?}");

    // What nobody submitted is refused, also where the list of steps was lost; the whole is submitted by name.
    let mut lost = PackContent { approvals: Vec::new(), ..content.clone() };
    assert!(signable(&lost).unwrap_err().contains("never submitted"));
    assert!(approve(&mut lost, "rita").unwrap_err().contains("nobody submitted"));
    assert_eq!(submit_facts(&mut lost, &Library::bundled().unwrap(), "ana", now()).len(), 1);
    assert_eq!(approve(&mut lost, "rita"), Ok(1));
    assert_eq!(signable(&lost), Ok(()));
    // An approval is about these facts in the place of those of the pack that was in use.
    let other = Library::bundled().unwrap().as_ref().clone().renamed("border", "2026.9");
    let why = check_facts(&mut content.clone(), &other).unwrap_err().to_string();
    assert!(why.contains("never submitted"), "{why}");
}

#[test]
fn a_group_says_what_alarms_and_every_change_of_it_is_listed_and_reviewed() {
    let bundled = Library::bundled().unwrap();
    let content = proposed(&draft(), &group("agency-list", Some("List of the agency"), AlarmLevel::Alarms), "ana");
    let mut content = proposed(&content, &into_group("talc", "agency-list"), "ana");
    let content_2 = content.clone();
    let waiting = waiting_facts(&content, &bundled);
    let lines: Vec<String> = waiting.iter().flat_map(|w| w.change.lines.clone()).collect();
    for wanted in ["new group: alarms", "1 in it: talc", "alarms; before: does not alarm and is not watched"] {
        assert!(lines.iter().any(|l| l == wanted), "{wanted}: {lines:?}");
    }
    assert_eq!(approve(&mut content, "rita"), Ok(2));
    assert_eq!(signable(&content), Ok(()));
    let alarms = |c: &PackContent| c.library.substances[c.library.find_index("talc").unwrap()].alarms;
    assert!(alarms(&content) && !alarms(&draft()));

    // The level is a fact of its own: the members are as they were, the group needs its approval.
    let lower = proposed(&content, &group("agency-list", None, AlarmLevel::Watched), "ana");
    assert!(!alarms(&lower));
    assert!(signable(&lower).unwrap_err().contains("List of the agency"));
    let fentanyl = proposed(&draft(), &group("fentanyl", None, AlarmLevel::Neither), "ana");
    let change = &changed_facts(&bundled, &fentanyl.library)[0];
    assert_eq!(change.key, "group:fentanyl");
    assert!(change.lines[0].contains("was alarms, is neither") && change.lines[1].contains("and"), "{change:?}");
    // One of two is approved: the other is still refused.
    let mut half = content_2;
    review(&mut half, &bundled, &["group:agency-list".to_owned()], &Verdict::Approve, "rita", now()).unwrap();
    assert!(signable(&half).unwrap_err().contains("talc"));
}

#[test]
fn what_is_from_memory_is_not_verified_and_what_will_not_do_is_refused_with_the_reason() {
    let stated = |change: &dyn Fn(&mut SubstanceEdit)| {
        let mut wish = about("talc");
        change(&mut wish);
        edit(draft(), &FactEdit::Substance(Box::new(wish)), "ana", now())
    };
    let status = |s: &mut SubstanceEdit| {
        s.control = vec![("DE".to_owned(), "not controlled".to_owned())];
        s.as_of = Some("2026-11-01".parse().unwrap());
        s.add_synonyms = vec!["soapstone powder".to_owned()];
        s.cas = Some("14807-96-6".to_owned());
    };
    let talc = |content: &PackContent| content.library.substances[content.library.find_index("talc").unwrap()].clone();
    let sourced = talc(&stated(&status).unwrap());
    let shown = |s: &parcelscope::library::Substance| {
        s.control.lines(&s.unverified_facts).into_iter().find(|(label, _)| label == "DE").unwrap().1
    };
    assert_eq!(shown(&sourced), "not controlled (as of 2026-11-01; Memo 7)");
    assert!(sourced.synonyms.contains(&"soapstone powder".to_owned()));
    assert!(sourced.facts_from.last().unwrap().contains("stated by ana on 2026-11-24: Memo 7"), "{sourced:?}");
    let remembered = stated(&|s| {
        status(s);
        s.source = None;
    });
    let remembered = talc(&remembered.unwrap());
    assert!(shown(&remembered).starts_with("NOT VERIFIED, from memory"), "{}", shown(&remembered));
    for fact in ["control in DE", "cas", "synonyms"] {
        assert!(remembered.unverified_facts.iter().any(|f| f == fact), "{fact}: {remembered:?}");
    }
    // A source that is found later takes the mark away.
    let mut content = draft();
    content.library.substances.iter_mut().find(|s| s.key == "talc").unwrap().clone_from(&remembered);
    let mut wish = about("talc");
    status(&mut wish);
    wish.add_synonyms = vec!["steatite powder".to_owned()];
    let verified = talc(&edit(content, &FactEdit::Substance(Box::new(wish)), "ana", now()).unwrap());
    assert!(
        !verified.unverified_facts.iter().any(|f| f == "control in DE" || f == "cas" || f == "synonyms"),
        "{verified:?}"
    );

    let cases: [(Change<'_>, &str); 9] = [
        (&|s| s.cas = Some("14807-96-7".to_owned()), "check digit"),
        (&|s| s.cas = Some("57-50-1".to_owned()), "also in"),
        (&|s| s.add_groups = vec!["nothing".to_owned()], "no group"),
        (&|s| s.drop_groups = vec!["fentanyl".to_owned()], "not in the group"),
        (&|s| s.add_synonyms = vec!["sucrose".to_owned()], "also in"),
        (&|s| s.control = vec![("DE".to_owned(), "x".to_owned())], "needs the day"),
        (&|s| s.drop_control = vec!["FR".to_owned()], "nothing is stated"),
        (&|s| s.substance = "unobtainium".to_owned(), "no substance"),
        (&|_| {}, "nothing was stated"),
    ];
    for (change, wanted) in cases {
        let why = stated(change).unwrap_err().to_string();
        assert!(why.contains(wanted), "{wanted}: {why}");
    }
    let listed = |s: &mut SubstanceEdit| {
        s.substance = "Brorphine chloride".to_owned();
        s.new = true;
        s.add_groups = vec!["listed-opioid".to_owned()];
    };
    let content = stated(&listed).unwrap();
    let new = &content.library.substances[content.library.find_index("brorphine chloride").unwrap()];
    assert!(new.alarms && new.listed, "{new:?}");
}

/// Changes a draft as somebody would who knows its format: a text in the database, and the digest in its manifest.
fn edit_by_hand(draft: &str, from: &str, to: &str, digest_too: bool) {
    let db = rusqlite::Connection::open(draft).unwrap();
    let changed =
        db.execute("UPDATE substance SET content = replace(content, ?1, ?2) WHERE key = 'talc'", [from, to]).unwrap();
    assert_eq!(changed, 1);
    let text: String = db.query_row("SELECT content FROM substance WHERE key = 'talc'", [], |r| r.get(0)).unwrap();
    assert!(text.contains(to), "{text}");
    if digest_too {
        drop(db);
        let content = read_draft(std::path::Path::new(draft)).unwrap_err().to_string();
        assert!(content.contains("digest"), "{content}");
        let db = rusqlite::Connection::open(draft).unwrap();
        let all = |table: &str| {
            let mut rows = db.prepare(&format!("SELECT content FROM {table} ORDER BY position")).unwrap();
            let rows: Vec<String> = rows.query_map([], |r| r.get(0)).unwrap().map(Result::unwrap).collect();
            rows
        };
        let parts =
            |table: &str| -> Vec<Value> { all(table).iter().map(|t| serde_json::from_str(t).unwrap()).collect() };
        let read = |table: &str| serde_json::to_string(&parts(table)).unwrap();
        let manifest = |key: &str| -> String {
            db.query_row("SELECT value FROM manifest WHERE key = ?1", [key], |r| r.get(0)).unwrap()
        };
        let library = Library::from_parts(
            &manifest("name"),
            &manifest("version"),
            serde_json::from_str(&read("groups")).unwrap(),
            serde_json::from_str(&read("source")).unwrap(),
            serde_json::from_str(&read("substance")).unwrap(),
            serde_json::from_str(&read("reference")).unwrap(),
        )
        .unwrap();
        db.execute("UPDATE manifest SET value = ?1 WHERE key = 'sha256'", [&library.identity.sha256]).unwrap();
    }
}

#[test]
fn an_alarm_means_what_the_agency_decided_from_the_edit_to_the_unit_in_the_field() {
    let folder = tempfile::tempdir().unwrap();
    let (lab, unit) = (Unit::new(folder.path(), "lab"), Unit::new(folder.path(), "unit"));
    let path = |name: &str| folder.path().join(name).to_str().unwrap().to_owned();
    let scan = ["scan", "--port", "emulator", "--sample", "talc", "--seed", "44", "--integration-ms", "600"];
    let level = |unit: &Unit| unit.json(&scan, &[])["verdict"]["level"].as_str().unwrap().to_owned();
    unit.ready("44", &[], &[]);
    assert_eq!(level(&unit), "none-detected");

    enrol(&lab.0, &[("ana", "laboratory"), ("bea", "laboratory"), ("rita", "reviewer"), ("rolf", "releaser")]);
    lab.run(&["library", "key", "create", "lab-1", "--user", "rolf"], &[SECRET, PASSPHRASE], 0);
    let verifier = lab.run(&["library", "key", "show", "lab-1"], &[], 0);
    unit.run(&["library", "key", "trust", verifier.trim()], &[], 0);
    let draft = path("draft");
    let begin = |version: &str| {
        let _ = std::fs::remove_file(&draft);
        lab.run(&["library", "draft", &draft, "--version", version], &[], 0);
    };
    let sign = |pack: &str, code| {
        let sign = ["library", "sign", &draft, "--key", "lab-1", "--out", pack, "--user", "rolf"];
        lab.run(&[&sign[..], &["--not-evaluated", "facts only"]].concat(), &[SECRET, PASSPHRASE], code)
    };
    let review = |what: &[&str], user: &str, code| {
        lab.run(&[&["library", "review", &draft][..], what, &["--user", user]].concat(), &[SECRET], code)
    };

    // Into an alarming group: proposed, refused, returned, proposed again, approved by another, signed.
    begin("2027.1");
    let edit = ["library", "edit", &draft, "talc", "--add-group", "fentanyl", "--source", "Order 12"];
    assert!(lab.run(&edit, &[], 2).contains("--user"));
    assert!(lab.run(&[&edit[..], &["--user", "rita"]].concat(), &[SECRET], 2).contains("reviewer"));
    let done = lab.run(&[&edit[..], &["--user", "ana"]].concat(), &[SECRET], 0);
    assert!(done.contains("alarms; before: does not alarm"), "{done}");
    assert!(sign(&path("1.pack"), 2).contains("waits for a reviewer"));
    assert!(review(&["approve", "talc"], "ana", 2).contains("laboratory"), "her role does not review");
    review(&["return", "talc", "--reason", "which order?"], "rita", 0);
    assert!(sign(&path("1.pack"), 2).contains("which order?"));
    let more = ["library", "edit", &draft, "talc", "--control", "US=List 12", "--as-of", "2026-11-01"];
    lab.run(&[&more[..], &["--source", "Order 12 of 2026", "--user", "bea"]].concat(), &[SECRET], 0);
    // Who had a part in it reviews it no more, whatever her role is by then.
    lab.run(&["account", "role", "ana", "reviewer", "--user", "ada"], &[SECRET], 0);
    assert!(review(&["approve", "talc"], "ana", 2).contains("has a part"));
    let listed = lab.run(&["library", "review", &draft], &[], 0);
    assert!(listed.starts_with("1 waiting") && listed.contains("by bea"), "{listed}");
    review(&["approve", "talc"], "rita", 0);
    let approved = std::fs::read(&draft).unwrap();

    // A hand in the file after the approval: another group, another name of the group's member.
    for (digest_too, wanted) in [(false, "digest"), (true, "never submitted")] {
        edit_by_hand(&draft, "\"fentanyl\"", "\"solvent\"", digest_too);
        let why = sign(&path("1.pack"), 2);
        assert!(why.contains(wanted), "{wanted}: {why}");
        std::fs::write(&draft, &approved).unwrap();
    }
    let changes = lab.run(&["library", "changes", &draft], &[], 0);
    assert!(
        changes.starts_with("1 ") && changes.contains("US List 12 (as of 2026-11-01; Order 12 of 2026)"),
        "{changes}"
    );
    sign(&path("1.pack"), 0);
    lab.run(&["library", "key", "trust", verifier.trim(), "--user", "ada"], &[SECRET], 0);
    for who in [&lab, &unit] {
        let user: &[&str] = if who.0 == lab.0 { &["--user", "ada"] } else { &[] };
        who.run(&[&["library", "install", &path("1.pack")], user].concat(), &[SECRET], 0);
    }
    assert_eq!(level(&unit), "alarm");
    let shown = unit.run(&["library", "show", "talc"], &[], 0);
    assert!(shown.contains("ALARM") && shown.contains("US               List 12"), "{shown}");

    // Out of it again: the next pack does not alarm. The approval of the first does not cover it.
    begin("2027.2");
    let out = ["library", "edit", &draft, "talc", "--drop-group", "fentanyl", "--source", "Order 13", "--user", "bea"];
    lab.run(&out, &[SECRET], 0);
    assert!(sign(&path("2.pack"), 2).contains("does not alarm and is not watched; before: alarms"));
    review(&["approve", "all"], "rita", 0);
    sign(&path("2.pack"), 0);
    unit.run(&["library", "install", &path("2.pack")], &[], 0);
    assert_eq!(level(&unit), "none-detected");

    // The way a whole group is judged is a fact like any other.
    begin("2027.3");
    let group = ["library", "group", &draft, "cutting-agent", "--level", "alarms", "--user", "bea"];
    lab.run(&group, &[SECRET], 0);
    assert!(sign(&path("3.pack"), 2).contains("group"));
    let report = lab.run(&["library", "review", &draft, "--json"], &[], 0);
    assert!(report.contains("group:cutting-agent"), "{report}");
}

#[test]
fn a_comparison_lists_the_changed_facts_and_a_substance_that_is_gone_is_one() {
    let bundled = Library::bundled().unwrap();
    let content = proposed(&draft(), &into_group("talc", "fentanyl"), "ana");
    let none = |_: usize, _: usize| true;
    let after = std::sync::Arc::new(content.library.clone());
    let report = parcelscope::laboratory::compare(&bundled, &after, &[], now(), &none).unwrap();
    assert_eq!((report.changed_facts.len(), report.changed_facts[0].key.as_str()), (1, "talc"));
    let Library { identity, groups, sources, mut substances, mut references } = draft().library;
    let gone = (0..substances.len()).find(|i| substances[*i].listed && !references.iter().any(|r| r.substance == *i));
    let gone = gone.unwrap();
    substances.remove(gone);
    for reference in &mut references {
        reference.substance -= usize::from(reference.substance > gone);
    }
    let library =
        Library::from_parts(&identity.name, &identity.version, groups, sources, substances, references).unwrap();
    let smaller = PackContent { library, ..draft() };
    assert!(signable(&smaller).unwrap_err().contains("the substance is gone"));
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("draft");
    write_draft(&path, &content).unwrap();
    assert_eq!(read_draft(&path).unwrap(), content, "proposals travel with the draft");
}
