//! The commands as a stranger meets them: help, results, and a sentence when something is wrong.

use std::fmt::Write as _;
use std::fs;
use std::io::{BufRead, BufReader};
#[cfg(target_os = "linux")]
use std::os::fd::AsRawFd;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

use serde_json::Value;
use tempfile::TempDir;

/// Commands that `--help` lists; each works.
const COMMANDS: &[&str] = &[
    "identify",
    "convert",
    "scan",
    "calibrate",
    "kit",
    "check",
    "emulate",
    "ports",
    "library",
    "casebook",
    "account",
    "evaluate",
];

fn command() -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_parcelscope"));
    command.env_remove("PARCELSCOPE_LOG").stdin(Stdio::null());
    command
}

fn run(arguments: &[&str]) -> Output {
    command().args(arguments).output().unwrap()
}

fn code(output: &Output) -> i32 {
    output.status.code().unwrap_or(-1)
}

fn stdout(output: &Output) -> String {
    String::from_utf8(output.stdout.clone()).unwrap()
}

fn stderr(output: &Output) -> String {
    String::from_utf8(output.stderr.clone()).unwrap()
}

fn json(output: &Output) -> Value {
    serde_json::from_slice(&output.stdout).unwrap_or_else(|error| panic!("{error}: {}", stdout(output)))
}

/// A refusal is exit code 2 and one line on stderr that a person can act on: no panic, no debug dump, no bare code.
fn refusal(output: &Output) -> String {
    let sentence = stderr(output);
    assert_eq!(code(output), 2, "{sentence}");
    assert_eq!(sentence.trim_end().lines().count(), 1, "{sentence}");
    for word in ["panicked", "RUST_BACKTRACE", "os error", "Error {", "Err(", "Some("] {
        assert!(!sentence.contains(word), "{sentence}");
    }
    assert!(sentence.starts_with("parcelscope: ") && sentence.len() > 40, "{sentence}");
    sentence
}

struct Files {
    folder: TempDir,
}

impl Files {
    fn new() -> Self {
        Self { folder: tempfile::tempdir().unwrap() }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn write(&self, name: &str, bytes: &[u8]) -> String {
        let path = self.path(name);
        fs::write(&path, bytes).unwrap();
        text(&path)
    }

    /// A made-up Raman spectrum: bands, a background and an ordinate without noise.
    fn spectrum(&self, name: &str) -> String {
        let mut rows = String::from("Raman shift (cm-1)\tIntensity (counts)\n");
        for i in 0..900 {
            let x = 200.0 + 2.0 * f64::from(i);
            let band = |at: f64, height: f64| height / (1.0 + ((x - at) / 5.0).powi(2));
            let y = 500.0 + 0.1 * x + band(621.0, 900.0) + band(1001.4, 9000.0) + band(1602.3, 2500.0);
            writeln!(rows, "{x}\t{y:.3}").unwrap();
        }
        self.write(name, rows.as_bytes())
    }
}

fn text(path: &Path) -> String {
    path.to_string_lossy().into_owned()
}

#[test]
fn help_lists_the_commands_that_work_and_no_others() {
    let help = run(&["--help"]);
    assert_eq!(code(&help), 0);
    let listed: Vec<String> = stdout(&help)
        .lines()
        .skip_while(|line| !line.starts_with("Commands:"))
        .skip(1)
        .take_while(|line| !line.trim().is_empty())
        .filter_map(|line| line.split_whitespace().next().map(str::to_owned))
        .filter(|name| name != "help")
        .collect();
    assert_eq!(listed, COMMANDS.to_vec());
    for name in COMMANDS {
        let help = run(&[name, "--help"]);
        assert_eq!(code(&help), 0, "{name}");
        let text = stdout(&help);
        assert!(text.contains("Usage:") && !text.contains("Planned"), "{name}: {text}");
    }
    assert!(stdout(&run(&["--version"])).starts_with("parcelscope 0."));
}

#[test]
fn a_wrong_argument_is_exit_code_2_and_keeps_json_parseable() {
    for arguments in [&["nonsense"][..], &["identify"], &["convert", "--to", "pdf", "x"], &["scan", "--nonsense"]] {
        let plain = run(arguments);
        assert_eq!((code(&plain), stdout(&plain).as_str()), (2, ""), "{arguments:?}");
        assert!(stderr(&plain).starts_with("error: "), "{}", stderr(&plain));
        let as_json = run(&[arguments, &["--json"]].concat());
        assert_eq!(code(&as_json), 2);
        assert!(json(&as_json)["error"].as_str().unwrap().len() > 10, "{arguments:?}");
    }
    let missing = json(&run(&["identify", "--json"]));
    assert!(missing["error"].as_str().unwrap().contains("<FILE>"), "{missing}");
}

#[test]
fn a_command_of_a_later_version_says_so() {
    let output = run(&["triage", "score", "declarations.csv"]);
    assert!(refusal(&output).contains("cannot screen declarations yet"));
}

#[test]
fn a_file_that_cannot_be_read_gets_a_sentence_that_says_why() {
    let files = Files::new();
    let huge = files.path("huge.txt");
    fs::File::create(&huge).unwrap().set_len(50_000_000_000).unwrap();
    let cases = [
        (text(&files.path("missing.txt")), "there is no file"),
        (text(files.folder.path()), "is a folder"),
        (files.write("empty.csv", b""), "is empty"),
        (files.write("junk.bin", &[0, 1, 2, 3, 255, 0]), "neither text nor a known spectrum format"),
        (files.write("letter.txt", b"Dear colleague,\nplease scan it again.\n"), "no table"),
        (files.write("scan.pdf", b"%PDF-1.7 ..."), "a PDF document"),
        (files.write("a.jdx", b"##TITLE=a\n##JCAMP-DX=4.24\n##END=\n"), "no table with data"),
        (files.write("cut.txt", b"200\t1\n201\t2\n202\t3\n203"), "line 4"),
        (text(&huge), "50000 MB"),
    ];
    for (file, why) in cases {
        for name in ["identify", "convert"] {
            let output = run(&[name, &file]);
            assert!(refusal(&output).contains(why), "{name}: {}", stderr(&output));
            let as_json = run(&["--json", name, &file]);
            assert_eq!(code(&as_json), 2);
            let document = json(&as_json);
            assert_eq!(document["file"], file.as_str());
            assert!(document["error"].as_str().unwrap().contains(why), "{document}");
        }
    }
}

#[cfg(unix)]
#[test]
fn a_pipe_is_refused_instead_of_waited_for() {
    let files = Files::new();
    let pipe = files.path("pipe");
    nix::unistd::mkfifo(&pipe, nix::sys::stat::Mode::S_IRUSR | nix::sys::stat::Mode::S_IWUSR).unwrap();
    assert!(refusal(&run(&["identify", &text(&pipe)])).contains("not a regular file"));
    assert!(refusal(&run(&["convert", "/dev/zero"])).contains("not a regular file"));
}

#[test]
fn identify_prints_the_document_that_scripts_rely_on() {
    let files = Files::new();
    let file = files.spectrum("one.txt");
    let output = run(&["identify", &file, "--json"]);
    assert_eq!((code(&output), stderr(&output).as_str()), (0, ""));
    let document = json(&output);
    for (pointer, kind) in [
        ("/file", "string"),
        ("/technique", "string"),
        ("/simulated", "boolean"),
        ("/verdict/level", "string"),
        ("/verdict/rule", "string"),
        ("/verdict/headline", "string"),
        ("/verdict/next_step", "string"),
        ("/quality/snr", "number"),
        ("/quality/saturated", "boolean"),
        ("/quality/fluorescence", "number"),
        ("/quality/range_cm1/0", "number"),
        ("/quality/range_cm1/1", "number"),
        ("/quality/problems", "array"),
        ("/identified", "array"),
        ("/coverage/listed_measured", "number"),
        ("/coverage/listed_computed_only", "number"),
        ("/coverage/not_searchable", "array"),
        ("/assumed", "array"),
        ("/candidates/0/substance", "string"),
        ("/candidates/0/groups", "array"),
        ("/candidates/0/score", "number"),
        ("/candidates/0/explained", "number"),
        ("/candidates/0/missing_bands", "array"),
        ("/candidates/0/reference/tier", "string"),
        ("/candidates/0/reference/source", "string"),
        ("/mixture", "array"),
        ("/class_evidence", "array"),
        ("/detection_limits/0/substance", "string"),
        ("/residual/unexplained", "number"),
        ("/residual/strongest_unexplained_cm1", "array"),
        ("/library/name", "string"),
        ("/library/version", "string"),
        ("/library/sha256", "string"),
        ("/elapsed_ms", "number"),
    ] {
        let value = document.pointer(pointer).unwrap_or_else(|| panic!("{pointer} is missing"));
        let found = match value {
            Value::String(_) => "string",
            Value::Bool(_) => "boolean",
            Value::Number(_) => "number",
            Value::Array(_) => "array",
            _ => "other",
        };
        assert_eq!(found, kind, "{pointer}");
    }
    for pointer in ["/candidates/0/cas", "/candidates/0/probability"] {
        assert!(document.pointer(pointer).is_some(), "{pointer} is there, null or not");
    }
    assert_eq!(document["technique"], "raman");
    assert_eq!(document["simulated"], false);
    assert_eq!(document["assumed"].as_array().unwrap().len(), 0);
    let levels = ["alarm", "alert", "inconclusive", "none-detected"];
    assert!(levels.contains(&document["verdict"]["level"].as_str().unwrap()));
}

#[test]
fn identify_tells_people_the_finding_the_next_step_and_what_could_be_missed() {
    let files = Files::new();
    let output = run(&["identify", &files.spectrum("one.txt")]);
    assert_eq!((code(&output), stderr(&output).as_str()), (0, ""));
    let text = stdout(&output);
    let words = ["ALARM", "ALERT", "INCONCLUSIVE", "NOTHING LISTED DETECTED"];
    assert!(words.iter().any(|word| text.contains(word)), "{text}");
    for part in ["Finding", "Do now", "signal to noise", "they assert nothing", "Could be missed", "sha256"] {
        assert!(text.contains(part), "{part}: {text}");
    }
    let lower = text.to_lowercase();
    for claim in ["is safe", "harmless", "% by weight", "purity"] {
        assert!(!lower.contains(claim), "{claim}: {text}");
    }
}

#[test]
fn what_a_file_does_not_say_is_listed_as_assumed() {
    let files = Files::new();
    let rows = (0..200).map(|i| format!("{} {}\n", 300 + 7 * i, 100 + i % 9)).collect::<Vec<_>>().concat();
    let document = json(&run(&["--json", "identify", &files.write("bare.txt", rows.as_bytes())]));
    let assumed = document["assumed"].to_string();
    assert!(assumed.contains("Raman") && assumed.contains("cm-1"), "{assumed}");
}

#[test]
fn several_files_are_a_list_in_their_order_and_one_bad_file_is_exit_code_2() {
    let files = Files::new();
    let (one, two) = (files.spectrum("one.txt"), files.spectrum("two.txt"));
    let missing = text(&files.path("missing.txt"));
    for name in ["identify", "convert"] {
        let output = run(&[name, "--json", &one, &missing, &two]);
        assert_eq!(code(&output), 2);
        let document = json(&output);
        let list = document.as_array().unwrap();
        let names: Vec<&str> = list.iter().filter_map(|entry| entry["file"].as_str()).collect();
        assert_eq!(names, [&one, &missing, &two]);
        let failed: Vec<bool> = list.iter().map(|entry| entry.get("error").is_some()).collect();
        assert_eq!(failed, [false, true, false], "{name}");
        assert_eq!(code(&run(&[name, "--json", &one, &two])), 0);
    }
}

#[test]
fn spectra_that_cannot_be_compared_are_refused_with_the_reason() {
    let files = Files::new();
    let rows = |unit: &str, from: u32| -> String {
        let rows = (0..100).map(|i| format!("{},{}\n", from + i, i % 7)).collect::<Vec<_>>().concat();
        format!("axis ({unit}),intensity\n{rows}")
    };
    let series = (0..3).map(|i| format!("{i}\t{}\n", vec!["5"; 40].join("\t"))).collect::<Vec<_>>().concat();
    let axis: Vec<String> = (0..40).map(|i| (300 + 10 * i).to_string()).collect();
    let series = format!("\t{}\n{series}", axis.join("\t"));
    for (name, content, why) in [
        ("nm.csv", rows("nm", 790), "in nm"),
        ("pixel.csv", rows("pixel", 0), "in pixel"),
        ("absolute.csv", rows("cm-1", 12_000), "no range of Raman shifts"),
        ("short.txt", "300 1\n310 2\n".to_owned(), "2 points"),
        ("series.txt", series.clone(), "holds 3 spectra of samples; choose one with --spectrum"),
    ] {
        let output = run(&["identify", &files.write(name, content.as_bytes())]);
        assert!(refusal(&output).contains(why), "{name}: {}", stderr(&output));
    }
    let series = files.write("series.txt", series.as_bytes());
    assert_eq!(code(&run(&["identify", &series, "--spectrum", "3"])), 0);
    assert!(refusal(&run(&["identify", &series, "--spectrum", "4"])).contains("it holds 3"));
    assert!(refusal(&run(&["identify", &series, "--library", "x.pack"])).contains("x.pack: opening failed"));
}

#[test]
fn what_a_file_does_not_say_is_stated_by_the_operator_and_never_guessed() {
    let files = Files::new();
    let table = |unit: &str| {
        let rows = (0..400).map(|i| format!("{},{}\n", 4000 - 8 * i, 0.2 + 0.6 * (f64::from(i) / 20.0).sin().abs()));
        format!("Wavenumber (cm-1),{unit}\n{}", rows.collect::<String>())
    };
    let reflectance = files.write("a.csv", table("Reflectance").as_bytes());
    let silent = ["identify", &reflectance, "--technique", "ir-transmission"];
    assert!(refusal(&run(&silent)).contains("choose absorbance"));
    let document = json(&run(&[&silent[..], &["--reflectance-as", "kubelka-munk", "--json"]].concat()));
    assert_eq!(document["technique"], "ir-transmission");
    assert_eq!(document["stated"][0], "technique ir-transmission");
    assert!(document["converted"][0].as_str().unwrap().contains("Kubelka-Munk"), "{document}");
    let transmittance = files.write("b.csv", table("Transmittance").as_bytes());
    assert!(refusal(&run(&["identify", &transmittance])).contains("state the technique"));
    let document = json(&run(&["identify", &transmittance, "--technique", "atr-ftir", "--json"]));
    assert!(document["converted"][0].as_str().unwrap().contains("transmittance"), "{document}");
    assert!(document["assumed"][0].as_str().unwrap().contains("share of one"), "{document}");
    let nmr = files
        .write("n.jdx", b"##TITLE=a\n##JCAMP-DX=5\n##DATA TYPE=NMR SPECTRUM\n##XYPOINTS=(XY..XY)\n1 2\n2 3\n##END=\n");
    assert!(refusal(&run(&["identify", &nmr, "--technique", "raman"])).contains("NMR SPECTRUM"));
    assert!(refusal(&run(&["identify", &nmr, "--laser-nm", "7"])).contains("no spectrometer"));
}

#[test]
fn convert_lists_every_spectrum_as_stored() {
    let files = Files::new();
    let file = files.write("two.csv", b"Wavelength (nm),Dark,Absorbance\n800,5,0.25\n801,6,0.5\n803,-7,0.125\n");
    let document = json(&run(&["convert", &file, "--json"]));
    assert_eq!(document["file"], file.as_str());
    let spectra = document["spectra"].as_array().unwrap();
    assert_eq!(spectra.len(), 2);
    let dark = &spectra[0];
    for (key, value) in [
        ("points", 3.0),
        ("x_first", 800.0),
        ("x_last", 803.0),
        ("y_first", 5.0),
        ("y_last", -7.0),
        ("y_min", -7.0),
        ("y_max", 6.0),
        ("y_sum", 4.0),
    ] {
        assert_eq!(dark[key].as_f64(), Some(value), "{key}");
    }
    assert_eq!((dark["kind"].as_str(), dark["x_unit"].as_str()), (Some("other"), Some("nm")));
    assert!(dark["technique"].is_null() && dark["y_unit"].is_null(), "{dark}");
    assert_eq!((spectra[1]["kind"].as_str(), spectra[1]["y_unit"].as_str()), (Some("sample"), Some("absorbance")));
    assert!(stdout(&run(&["convert", &file])).contains("3 points, 800 to 803 nm"));
}

#[test]
fn convert_writes_csv_that_reads_back_and_never_overwrites() {
    let files = Files::new();
    let file = files.spectrum("one.txt");
    let printed = run(&["convert", &file, "--to", "csv"]);
    assert_eq!((code(&printed), stderr(&printed).as_str()), (0, ""));
    let copy = files.write("copy.csv", &printed.stdout);
    let strip = |file: &str| {
        let mut document = json(&run(&["convert", file, "--json"]));
        document["spectra"][0]["title"].take();
        document["spectra"].clone()
    };
    assert_eq!(strip(&file), strip(&copy));

    let folder = text(&files.path("out"));
    let written = json(&run(&["convert", &file, "--to", "csv", "--out-dir", &folder, "--json"]));
    assert_eq!(fs::read(written["written"][0].as_str().unwrap()).unwrap(), printed.stdout);
    let again = run(&["convert", &file, "--to", "csv", "--out-dir", &folder]);
    assert!(refusal(&again).contains("not overwritten"));

    assert!(refusal(&run(&["convert", &file, &copy, "--to", "csv"])).contains("--out-dir"));
    for form in ["affn", "difdup"] {
        let jcamp = run(&["convert", &file, "--to", "jcamp", "--form", form]);
        assert!(stdout(&jcamp).starts_with("##TITLE="), "{}", stderr(&jcamp));
        let copy = files.write("copy.jdx", &jcamp.stdout);
        assert_eq!(strip(&file), strip(&copy), "{form}");
    }
}

#[test]
fn a_title_from_a_file_can_neither_drive_the_terminal_nor_become_a_formula() {
    let files = Files::new();
    let file = files.write("evil.txt", "Title=\u{9b}31m=cmd()\nx;y\n200;1\n201;2\n".as_bytes());
    let listed = stdout(&run(&["convert", &file]));
    assert!(listed.contains("=cmd()") && !listed.contains('\u{9b}'), "{listed}");
    let formula = files.write("formula.txt", b"Title: =cmd()\nx;y\n200;1\n201;2\n");
    let csv = stdout(&run(&["convert", &formula, "--to", "csv"]));
    assert!(csv.starts_with("title,'=cmd()\n"), "{csv}");
}

#[test]
fn a_reader_that_goes_away_is_no_panic() {
    let files = Files::new();
    let rows = (0..200_000).map(|i| format!("{} {}\n", 300 + i, i % 9)).collect::<Vec<_>>().concat();
    let file = files.write("long.txt", rows.as_bytes());
    let mut child = command()
        .args(["convert", &file, "--to", "csv"])
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    drop(child.stdout.take());
    let output = child.wait_with_output().unwrap();
    assert_eq!((code(&output), stderr(&output).as_str()), (0, ""));
}

#[cfg(target_os = "linux")]
#[test]
fn a_result_that_cannot_be_written_is_an_error() {
    let files = Files::new();
    let full = fs::File::options().write(true).open("/dev/full").unwrap();
    let output = command().args(["convert", &files.spectrum("one.txt")]).stdout(full).output().unwrap();
    assert!(refusal(&output).contains("cannot be written to standard output"));
}

#[test]
fn logs_go_to_stderr_and_a_wrong_level_is_named() {
    let files = Files::new();
    let file = files.spectrum("one.txt");
    let output = command().env("PARCELSCOPE_LOG", "trace").args(["--json", "identify", &file]).output().unwrap();
    assert_eq!(json(&output)["technique"], "raman");
    let wrong = command().env("PARCELSCOPE_LOG", "=loud=").args(["convert", &file]).output().unwrap();
    assert_eq!(code(&wrong), 0);
    assert!(stderr(&wrong).contains("PARCELSCOPE_LOG"), "{}", stderr(&wrong));
}

#[test]
fn the_window_asked_for_without_a_display_is_a_sentence() {
    let data = tempfile::tempdir().unwrap();
    let mut asked = command();
    for variable in ["DISPLAY", "WAYLAND_DISPLAY", "WAYLAND_SOCKET"] {
        asked.env_remove(variable);
    }
    let output = asked.arg("--data-dir").arg(data.path()).output().unwrap();
    assert_eq!(code(&output), 2);
    let said = stderr(&output);
    assert!(!said.contains("panicked") && said.contains("parcelscope: "), "{said}");
}

#[test]
fn ports_are_listed_with_the_emulator_and_nothing_is_asked_unasked() {
    let output = run(&["ports", "--json"]);
    assert_eq!((code(&output), stderr(&output).as_str()), (0, ""));
    let document = json(&output);
    assert_eq!(document["ports"][0]["port"], "emulator");
    assert!(document.get("probed").is_none(), "{document}");
    assert!(stdout(&run(&["ports"])).starts_with("emulator "));
    assert!(refusal(&run(&["ports", "--probe", "/dev/no-such-port"])).contains("there is no serial port"));
}

/// A running child that is killed when the test ends, whatever way.
#[cfg(unix)]
struct Running(std::process::Child);

#[cfg(unix)]
impl Drop for Running {
    fn drop(&mut self) {
        // It may have ended by itself.
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

#[cfg(unix)]
#[test]
fn a_probe_names_the_devices_and_asks_only_questions() {
    let files = Files::new();
    let log = text(&files.path("commands.log"));
    let mut kit = Running(command().args(["emulate", "kit", "--log", &log]).stdout(Stdio::piped()).spawn().unwrap());
    let mut lines = BufReader::new(kit.0.stdout.take().unwrap()).lines();
    let spectrometer = lines.next().unwrap().unwrap();
    let laser = lines.next().unwrap().unwrap();
    let output = run(&["ports", "--json", "--probe", &spectrometer, &laser]);
    assert_eq!((code(&output), stderr(&output).as_str()), (0, ""));
    let document = json(&output);
    let probed = document["probed"].as_array().unwrap();
    assert_eq!((probed[0]["port"].as_str(), probed[1]["port"].as_str()), (Some(&*spectrometer), Some(&*laser)));
    assert_eq!((&probed[0]["answered"]["protocol"], &probed[0]["answered"]["baud"]), (&"obp".into(), &9_600.into()));
    assert_eq!(probed[1]["answered"]["protocol"], "matchbox");
    assert!(probed[1]["answered"]["model"].as_str().unwrap().contains("0785L"), "{document}");
    // What the devices understood; whatever else arrived was no command to them.
    let heard = fs::read_to_string(&log).unwrap();
    for command in ["e 1", "e 2", "c u", "c 4", "c 3", "f s"] {
        assert!(!heard.contains(command), "{heard}");
    }
    assert!(heard.contains("NM?"), "{heard}");
}

#[cfg(target_os = "linux")]
#[test]
fn a_port_that_stays_silent_is_a_negative_result() {
    let silent = nix::pty::openpty(None, None).unwrap();
    let port = text(&fs::read_link(format!("/proc/self/fd/{}", silent.slave.as_raw_fd())).unwrap());
    let output = run(&["ports", "--probe", &port]);
    assert_eq!((code(&output), stderr(&output).as_str()), (1, ""));
    assert!(stdout(&output).contains("no known device answers"), "{}", stdout(&output));
}

/// The real spectra, judged one by one: a verdict for every file and no error.
#[test]
fn every_measured_query_gets_a_verdict() {
    let Some(data) = crate::measured_data::folder("measured spectra on the command line") else { return };
    let folder = data.join("raman-queries");
    let mut files: Vec<String> = fs::read_dir(folder).unwrap().map(|entry| text(&entry.unwrap().path())).collect();
    files.sort();
    let arguments: Vec<&str> = ["identify", "--json"].into_iter().chain(files.iter().map(String::as_str)).collect();
    let output = run(&arguments);
    assert_eq!((code(&output), stderr(&output).as_str()), (0, ""));
    let document = json(&output);
    assert_eq!(document.as_array().map(Vec::len), Some(files.len()));
    for entry in document.as_array().unwrap() {
        assert!(entry["verdict"]["level"].is_string(), "{}", entry["file"]);
    }
}
