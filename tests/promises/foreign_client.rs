//! A program that is not ours accepts the emulated spectrometer: pyseabreeze over pyserial, from pinned packages.

use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

/// Packages of the client; pyusb is imported by seabreeze even when no USB is used.
const PACKAGES: [&str; 3] = ["seabreeze==2.11.0", "pyserial==3.5", "pyusb==1.3.1"];
/// Longest time that installing the packages, and one conversation, may take.
const INSTALL_LIMIT: Duration = Duration::from_mins(4);
const TALK_LIMIT: Duration = Duration::from_mins(1);

/// Ends a process however the test ends.
struct Killed(Child);

impl Drop for Killed {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

fn run(command: &mut Command, limit: Duration) -> Result<String, String> {
    let child =
        command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().map_err(|e| format!("{command:?}: {e}"))?;
    let mut child = Killed(child);
    let start = Instant::now();
    while child.0.try_wait().map_err(|e| e.to_string())?.is_none() {
        if start.elapsed() > limit {
            return Err(format!("{command:?} did not end within {limit:?}"));
        }
        std::thread::sleep(Duration::from_millis(50));
    }
    let read = |stream: Option<&mut dyn std::io::Read>| {
        let mut text = String::new();
        if let Some(stream) = stream {
            let _ = stream.read_to_string(&mut text);
        }
        text
    };
    let out = read(child.0.stdout.as_mut().map(|s| s as &mut dyn std::io::Read));
    let err = read(child.0.stderr.as_mut().map(|s| s as &mut dyn std::io::Read));
    match child.0.wait() {
        Ok(status) if status.success() => Ok(out),
        other => Err(format!("{command:?} ended with {other:?}: {err}")),
    }
}

/// A Python with the client's packages, made once and kept beside the build.
fn python() -> PathBuf {
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join("foreign-client");
    let python = folder.join("bin/python");
    let ready = folder.join("ready");
    if !ready.exists() {
        run(Command::new("python3").args(["-m", "venv", "--clear"]).arg(&folder), INSTALL_LIMIT)
            .expect("python3-venv makes an environment");
        run(Command::new(&python).args(["-m", "pip", "install", "--quiet"]).args(PACKAGES), INSTALL_LIMIT)
            .expect("pip installs the client");
        std::fs::write(&ready, "").expect("the folder is writable");
    }
    python
}

fn emulator(arguments: &[&str]) -> (Killed, String) {
    let mut child = Killed(
        Command::new(env!("CARGO_BIN_EXE_parcelscope"))
            .args(["emulate", "obp-sts"])
            .args(arguments)
            .stdout(Stdio::piped())
            .spawn()
            .expect("the emulator starts"),
    );
    let mut path = String::new();
    BufReader::new(child.0.stdout.take().expect("stdout is piped")).read_line(&mut path).expect("a line with the path");
    (child, path.trim().to_owned())
}

#[test]
fn pyseabreeze_reads_identity_wavelengths_and_spectra_with_and_without_checksums() {
    let Some(data) = std::env::var_os("PARCELSCOPE_DATA") else {
        println!("PARCELSCOPE_DATA is unset: the foreign client of the emulator was not run");
        return;
    };
    let client = Path::new(&data).join("../clients/obp_pyseabreeze.py");
    let python = python();
    for checksum in ["none", "md5"] {
        let (_emulator, port) = emulator(&["--reply-checksum", checksum]);
        let said = run(Command::new(&python).arg(&client).args([port.as_str(), "STS"]), TALK_LIMIT)
            .unwrap_or_else(|e| panic!("replies with checksum {checksum}: {e}"));
        let seen: serde_json::Value = serde_json::from_str(&said).expect("one JSON line");
        assert_eq!(seen["serial"], "EMU00001", "{seen}");
        assert_eq!(seen["pixels"], 1024, "{seen}");
        assert!((seen["nm"][0].as_f64().expect("a number") - 797.0).abs() < 1e-3, "{seen}");
        let last = seen["nm"][1].as_f64().expect("a number");
        assert!((last - (797.0 + 0.1592 * 1023.0 - 2.0e-6 * 1023.0 * 1023.0)).abs() < 1e-2, "{seen}");
        assert!(seen["max"].as_f64().expect("a number") > 100.0, "{seen}");
    }
    // The client's own codec asks for what its STS model leaves out.
    let (_emulator, port) = emulator(&["--reply-checksum", "md5"]);
    let script = format!(
        "import sys, struct, json; sys.path.insert(0, {:?}); import obp_pyseabreeze as c\n\
         t = c.SerialTransport({port:?}); p = c.OBPProtocol(t)\n\
         p.msgs = {{0x400002: bytes, 0x110000: bytes, **p.msgs}}\n\
         temperatures = struct.unpack('<3f', p.query(0x400002)[:12])\n\
         p.send(0x110010, 20000); integration = struct.unpack('<L', p.query(0x110000)[:4])[0]\n\
         print(json.dumps(dict(temperatures=temperatures, integration=integration)))",
        client.parent().expect("the client lies in a folder").display().to_string()
    );
    let said = run(Command::new(&python).args(["-c", &script]), TALK_LIMIT).expect("the client reads temperatures");
    let seen: serde_json::Value = serde_json::from_str(&said).expect("one JSON line");
    let detector = seen["temperatures"][0].as_f64().expect("a number");
    assert!((20.0..35.0).contains(&detector), "{seen}");
    assert_eq!(seen["integration"], 20_000, "{seen}");
}
