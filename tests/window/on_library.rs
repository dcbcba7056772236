//! The Library screen: over a session that the test plays, and over a real one.

use egui_kittest::Harness;
use parcelscope::library::Library;
use parcelscope::session::{Command, LibraryNews, LibraryWish};
use parcelscope::ui::App;

use crate::on_records::type_into;
use crate::on_script::{check_targets, ready};
use crate::on_session::{session, wait_for};
use crate::script::Script;
use crate::{SIZES, name_starting, names, press, window};

fn open(h: &mut Harness<'_, App>, query: &str, name: &str) {
    press(h, "Library page");
    type_into(h, "Look for a substance of the library", query);
    let row = name_starting(h, &format!("{name},")).unwrap_or_else(|| panic!("{name}: {:?}", names(h)));
    press(h, &row);
}

#[test]
fn a_substance_is_found_by_its_number_and_shows_its_facts_and_the_source_of_each_reference() {
    let script = Script::new();
    let mut h = ready(&script, true);
    let library = Library::bundled().unwrap();
    let fentanyl = library.find("fentanyl").unwrap();
    open(&mut h, fentanyl.cas.as_deref().unwrap(), "fentanyl");
    assert!(names(&h).contains(&fentanyl.formula.clone().unwrap()), "{:?}", names(&h));
    press(&mut h, "References");
    let index = library.find_index("fentanyl").unwrap();
    for reference in library.references_of(index) {
        assert!(name_starting(&h, &format!("Source {}", reference.source)).is_some(), "{:?}", names(&h));
    }
    assert!(script.commands().is_empty(), "looking asks nothing of the session");
}

#[test]
fn what_a_substance_could_be_taken_for_is_asked_once_and_an_answer_about_another_is_not_shown() {
    let script = Script::new();
    let mut h = ready(&script, true);
    open(&mut h, "sucrose", "sucrose");
    press(&mut h, "Could be taken for");
    h.run_ok();
    let asked = script.commands();
    let [Command::Library(LibraryWish::Alike { reference })] = asked[..] else { panic!("{asked:?}") };
    assert!(name_starting(&h, "Comparing it").is_some());
    script.happen(parcelscope::session::Event::Library(LibraryNews::Alike { reference: reference + 1, answer: None }));
    h.run_ok();
    assert!(name_starting(&h, "Comparing it").is_some());
    script.happen(parcelscope::session::Event::Library(LibraryNews::Trouble("It is not loaded.".to_owned())));
    h.run_ok();
    assert!(name_starting(&h, "It is not loaded.").is_some());
}

#[test]
fn a_real_session_says_what_a_substance_could_be_taken_for_and_its_curve_lies_over_the_other() {
    let folder = tempfile::tempdir().unwrap();
    let mut h = window(Box::new(session(folder.path(), true)), SIZES[0]);
    wait_for(&mut h, "Space starts");
    open(&mut h, "fentanyl", "fentanyl");
    press(&mut h, "Could be taken for");
    wait_for(&mut h, "If this substance were not in the library");
    let other = name_starting(&h, "Show the curve of").expect("a neighbour");
    press(&mut h, &other);
    let plot = name_starting(&h, "Spectra over each other: fentanyl").unwrap_or_else(|| panic!("{:?}", names(&h)));
    assert!(plot.contains(';'), "two curves: {plot}");
    press(&mut h, "Hide all curves");
    assert!(name_starting(&h, "Spectra over each other").is_none(), "{:?}", names(&h));
}

#[test]
fn everything_that_can_be_pressed_on_the_library_screen_is_large_enough_at_both_sizes() {
    for size in SIZES {
        let script = Script::new();
        script.connect(true);
        let mut h = window(script.link(), size);
        h.run_ok();
        open(&mut h, "sucrose", "sucrose");
        for face in ["Facts", "References", "Could be taken for"] {
            press(&mut h, face);
            check_targets(&h, size, face);
        }
    }
}
