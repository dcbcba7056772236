//! Programs that are not ours accept the emulated devices: pyseabreeze over pyserial the spectrometers, IOmatchbox the
//! laser, from pinned packages.

use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::Mutex;
use std::time::{Duration, Instant};

/// Packages of the clients; pyusb is imported by seabreeze even when no USB is used.
const PACKAGES: [&str; 6] =
    ["--no-deps", "seabreeze==2.11.0", "pyserial==3.5", "pyusb==1.3.1", "IOmatchbox==0.27", "numpy==2.4.6"];
/// Longest time that installing the packages, and one conversation, may take.
const INSTALL_LIMIT: Duration = Duration::from_mins(4);
pub const TALK_LIMIT: Duration = Duration::from_mins(1);

/// Ends a process however the test ends.
pub struct Killed(pub Child);

impl Drop for Killed {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

pub fn run(command: &mut Command, limit: Duration) -> Result<String, String> {
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

/// A Python with a client's packages, made once and kept beside the build.
pub fn python(name: &str, packages: &[&str]) -> PathBuf {
    // One test makes it, the others wait.
    static MAKING: Mutex<()> = Mutex::new(());
    let _making = MAKING.lock();
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join(name);
    let python = folder.join("bin/python");
    let ready = folder.join("ready");
    let listed = packages.join(" ");
    if std::fs::read_to_string(&ready).unwrap_or_default() != listed {
        run(Command::new("python3").args(["-m", "venv", "--clear"]).arg(&folder), INSTALL_LIMIT)
            .expect("python3-venv makes an environment");
        run(Command::new(&python).args(["-m", "pip", "install", "--quiet"]).args(packages), INSTALL_LIMIT)
            .expect("pip installs the client");
        std::fs::write(&ready, listed).expect("the folder is writable");
    }
    python
}

/// The scripts that drive the clients.
fn clients() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/promises/clients")
}

pub fn emulator(kind: &str, arguments: &[&str]) -> (Killed, String) {
    let mut child = Killed(
        Command::new(env!("CARGO_BIN_EXE_parcelscope"))
            .args(["emulate", kind])
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
    let client = clients().join("obp_pyseabreeze.py");
    let python = python("foreign-client", &PACKAGES);
    for checksum in ["none", "md5"] {
        let (_emulator, port) = emulator("obp-sts", &["--lit", "--reply-checksum", checksum]);
        let said = run(Command::new(&python).arg(&client).args([port.as_str(), "STS"]), TALK_LIMIT)
            .unwrap_or_else(|e| panic!("replies with checksum {checksum}: {e}"));
        let seen: serde_json::Value = serde_json::from_str(&said).expect("one JSON line");
        assert_eq!(seen["serial"], "EMU00001", "{seen}");
        assert_eq!(seen["pixels"], 1024, "{seen}");
        assert!((seen["nm"][0].as_f64().expect("a number") - 797.0).abs() < 1e-3, "{seen}");
        let last = seen["nm"][1].as_f64().expect("a number");
        assert!((last - (797.0 + 0.1592 * 1023.0 - 2.0e-6 * 1023.0 * 1023.0)).abs() < 1e-2, "{seen}");
        // The dark lies below 200 counts, hot pixels apart.
        assert!(seen["max"].as_f64().expect("a number") > 160.0, "{seen}");
    }
    // The client's own codec asks for what its STS model leaves out.
    let (_emulator, port) = emulator("obp-sts", &["--reply-checksum", "md5"]);
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

#[test]
fn pyseabreeze_reads_buffered_spectra_the_cooler_and_the_nonlinearity_of_a_qe_pro() {
    let folder = clients().display().to_string();
    for checksum in ["none", "md5"] {
        let (_emulator, port) = emulator("obp-qepro", &["--reply-checksum", checksum]);
        // 9,600 baud would take longer than the client waits, so it changes the speed first, as the field driver does.
        let script = format!(
            "import sys, struct, json, time; sys.path.insert(0, {folder:?}); import obp_pyseabreeze as c\n\
             from seabreeze.pyseabreeze.features.thermoelectric import ThermoElectricFeatureOBP\n\
             from seabreeze.pyseabreeze.features.nonlinearity import NonlinearityCoefficientsFeatureOBP\n\
             t = c.SerialTransport({port:?}); p = c.OBPProtocol(t)\n\
             p.msgs = {{0x810: struct.Struct('<L').pack, 0x110410: struct.Struct('<B').pack, 0x420003: bytes, **p.msgs}}\n\
             p.send(0x810, 115200); time.sleep(1); t.port.baudrate = 115200\n\
             serial = bytes(p.query(0x100)).rstrip(b'\\0').decode()\n\
             features = [f for g in c.devices.QEPRO._feature_classes.values() for f in g]\n\
             s = [f(p, 0) for f in features if hasattr(f(p, 0), 'get_intensities')][0]\n\
             s.set_integration_time_micros(100000); s.set_trigger_mode(0)\n\
             dark = s.get_intensities(); p.send(0x110410, 1); time.sleep(0.3); light = s.get_intensities()\n\
             nm = s.get_wavelengths(); cooler = ThermoElectricFeatureOBP(p, 0)\n\
             before = cooler.read_temperature_degrees_celsius(); stable = p.query(0x420003)[0]\n\
             cooler.set_temperature_setpoint_degrees_celsius(-20.0); cooler.enable_tec(True); time.sleep(2)\n\
             after = cooler.read_temperature_degrees_celsius()\n\
             terms = NonlinearityCoefficientsFeatureOBP(p, 0).get_nonlinearity_coefficients()\n\
             print(json.dumps(dict(serial=serial, pixels=len(light), dark=float(dark.mean()), light=float(light.mean()),\n\
             nm=[float(nm[0]), float(nm[-1])], before=before, stable=stable, after=after, terms=terms)))"
        );
        let said = run(Command::new(python("foreign-client", &PACKAGES)).args(["-c", &script]), TALK_LIMIT)
            .unwrap_or_else(|e| panic!("replies with checksum {checksum}: {e}"));
        let seen: serde_json::Value = serde_json::from_str(&said).expect("one JSON line");
        let number = |name: &str| seen[name].as_f64().expect("a number");
        assert_eq!((&seen["serial"], &seen["pixels"], &seen["stable"]), (&"EMU00001".into(), &1_044.into(), &1.into()));
        assert!(number("light") > number("dark") + 50.0, "{seen}");
        assert!((number("before") + 10.0).abs() < 0.1 && number("after") < -10.3, "{seen}");
        assert!((seen["nm"][0].as_f64().expect("a number") - 795.408).abs() < 1e-3, "{seen}");
        assert_eq!((seen["terms"].as_array().map(Vec::len), seen["terms"][0].as_f64()), (Some(8), Some(1.0)), "{seen}");
    }
}

#[test]
fn iomatchbox_drives_the_emulated_laser() {
    let (_emulator, port) = emulator("matchbox", &[]);
    let script = format!(
        "import json, time; from IOmatchbox import IOM\n\
         laser = IOM(port={port:?}); said = {{}}\n\
         said['level'] = laser.get_access_level(); laser.set_access_level(1); said['raised'] = laser.get_access_level()\n\
         laser.set_opt_power(120); laser.disable_autostart(); laser.save_changes(); said['settings'] = laser.get_settings()\n\
         said['off'] = laser.get_readings().split()[7]; laser.start_laser(); time.sleep(1)\n\
         said['on'] = laser.get_readings().split()[7]; laser.start_laser(); laser.stop_laser()\n\
         said['after'] = laser.get_readings().split()[7]; said['info'] = laser.get_info(); said['times'] = laser.get_optime()\n\
         print(); print(json.dumps(said))"
    );
    let said = run(Command::new(python("foreign-client", &PACKAGES)).args(["-c", &script]), TALK_LIMIT)
        .expect("the client drives the laser");
    assert!(said.contains("connected to: 0785L-EMU"), "{said}");
    // Every change was acknowledged, and switching on twice was refused by its number.
    assert!(said.matches("acknowledged").count() >= 6 && said.contains("2 - laser already on"), "{said}");
    let seen: serde_json::Value = serde_json::from_str(said.lines().last().unwrap_or_default()).expect("a JSON line");
    assert_eq!((&seen["level"], &seen["raised"]), (&0.into(), &1.into()), "{seen}");
    assert_eq!((&seen["off"], &seen["on"], &seen["after"]), (&"OFF".into(), &"APC".into(), &"OFF".into()), "{seen}");
    let settings: Vec<&str> = seen["settings"].as_str().unwrap_or_default().split(' ').collect();
    assert_eq!((settings.get(5), settings.get(8)), (Some(&"120"), Some(&"1")), "{seen}");
    assert_eq!(seen["info"].as_str().map(|info| info.split("  ").nth(2) == Some("0785L-EMU")), Some(true), "{seen}");
    assert!(seen["times"].as_str().is_some_and(|times| times.ends_with(", 1")), "{seen}");
}
