//! The house keeps its order: data flows one way, the window's libraries stay in the window, pure rooms stay pure.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

/// Which room may use which. A room may always use itself. The order is that of `ARCHITECTURE.md`.
const ALLOWED: &[(&str, &[&str])] = &[
    ("spectrum", &[]),
    ("formats", &["spectrum"]),
    ("signal", &["spectrum"]),
    ("signature", &[]), // notes and keys: casebook and packs sign alike
    ("library", &["spectrum", "signature"]),
    ("identify", &["spectrum", "signal", "library"]),
    ("analyzer", &["spectrum"]),
    ("casebook", &["spectrum", "signature", "library", "identify", "analyzer"]),
    // Renders records for people and laboratories; the search's own preparation of a spectrum is what it draws.
    ("report", &["spectrum", "formats", "signal", "library", "identify", "analyzer", "casebook"]),
    // A draft's way to a pack: files and recorded scans become references, each submitted for a second person to judge, and
    // the engine says what the draft names better and worse.
    ("laboratory", &["spectrum", "formats", "signal", "library", "identify", "analyzer", "casebook"]),
    // Reports are written on a thread of the session, so that the window does not wait for them.
    // So is the laboratory's work, in the name of who is signed in.
    (
        "session",
        &["spectrum", "signal", "signature", "library", "identify", "analyzer", "casebook", "report", "laboratory"],
    ),
    ("ui", &["spectrum", "signal", "library", "laboratory", "identify", "analyzer", "casebook", "report", "session"]),
    (
        "cli",
        &[
            "spectrum",
            "formats",
            "signal",
            "library",
            "identify",
            "analyzer",
            "casebook",
            "report",
            "laboratory",
            "session",
            "ui",
            "signature",
        ],
    ),
];

/// Rooms in which only numbers and bytes go in and out.
const PURE: &[&str] = &["spectrum", "formats", "signal", "signature", "identify", "report"];
/// What a pure room must not touch.
const IMPURE: &[&str] =
    &["std::fs", "std::thread", "std::env", "std::net", "Instant::now", "SystemTime::now", "Timestamp::now"];

fn rust_files(directory: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    let mut open = vec![directory.to_path_buf()];
    while let Some(next) = open.pop() {
        for entry in fs::read_dir(&next).expect("source folder is readable") {
            let path = entry.expect("entry is readable").path();
            if path.is_dir() {
                open.push(path);
            } else if path.extension().is_some_and(|e| e == "rs") {
                found.push(path);
            }
        }
    }
    found.sort();
    found
}

fn source_root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("src")
}

/// The part of a file that ships: everything before its test module, without comments.
fn shipped_code(path: &Path) -> String {
    let text = fs::read_to_string(path).expect("source file is text");
    let code = text.split("#[cfg(test)]").next().unwrap_or_default();
    code.lines().filter(|l| !l.trim_start().starts_with("//")).collect::<Vec<_>>().join("\n")
}

fn room_of(path: &Path) -> String {
    let relative = path.strip_prefix(source_root()).expect("file lies under src");
    relative.iter().next().expect("file has a name").to_string_lossy().into_owned()
}

#[test]
fn every_edge_between_rooms_is_in_the_table() {
    let allowed: BTreeMap<&str, &[&str]> = ALLOWED.iter().copied().collect();
    let mut wrong = Vec::new();
    let mut edges = 0;
    for path in rust_files(&source_root()) {
        let room = room_of(&path);
        if path.parent().is_none_or(|p| p == source_root()) {
            continue; // lib.rs and main.rs stand above the rooms
        }
        let permitted = *allowed.get(room.as_str()).unwrap_or_else(|| panic!("room {room} is not in the table"));
        let code = shipped_code(&path);
        for part in code.split("crate::").skip(1) {
            let target: String = part.chars().take_while(|c| c.is_ascii_alphanumeric() || *c == '_').collect();
            edges += 1;
            if target != room && !permitted.contains(&target.as_str()) {
                wrong.push(format!("{} uses crate::{target}", path.display()));
            }
        }
    }
    assert!(edges > 20, "the scan found only {edges} uses of crate::, so it does not see the code");
    assert!(wrong.is_empty(), "edges that the table does not allow:\n{}", wrong.join("\n"));
}

#[test]
fn only_the_window_and_the_command_line_know_their_libraries() {
    let mut wrong = Vec::new();
    for path in rust_files(&source_root()) {
        let room = room_of(&path);
        let code = shipped_code(&path);
        let windows = ["egui", "eframe", "egui_plot"].iter().any(|c| code.contains(&format!("{c}::")));
        if (windows && room != "ui") || (code.contains("clap::") && room != "cli") {
            wrong.push(path.display().to_string());
        }
    }
    assert!(wrong.is_empty(), "window or command-line libraries outside their room:\n{}", wrong.join("\n"));
}

#[test]
fn pure_rooms_touch_no_clock_disk_or_thread() {
    let mut wrong = Vec::new();
    for path in rust_files(&source_root()) {
        if PURE.contains(&room_of(&path).as_str()) {
            let code = shipped_code(&path);
            wrong.extend(IMPURE.iter().filter(|w| code.contains(**w)).map(|w| format!("{}: {w}", path.display())));
        }
    }
    assert!(wrong.is_empty(), "pure rooms that are not:\n{}", wrong.join("\n"));
}

#[test]
fn no_module_is_a_drawer() {
    for path in rust_files(&source_root()) {
        let name = path.file_stem().expect("file has a name").to_string_lossy().into_owned();
        assert!(
            !["utils", "util", "common", "helpers", "helper", "misc"].contains(&name.as_str()),
            "{} is a drawer: name it after what it does",
            path.display()
        );
    }
}
