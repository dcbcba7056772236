//! Programs that are not ours accept the emulated lasers and the GPS receiver, and our GPS reader accepts what a program
//! that is not ours writes. All of them run in environments of the test only; most are GPL or AGPL.

#![cfg(unix)]

use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use parcelscope::analyzer::gps::{GpsDecoder, Place};
use serde_json::Value;

use super::foreign_client::{TALK_LIMIT, emulator, python, run};

/// `microscope` drives OBIS and Cobolt, `pylablib-lightweight` Cobolt. What they need is named too, so that every run has
/// the same.
const LASER_PACKAGES: [&str; 14] = [
    "--no-deps",
    "microscope==0.7.0",
    "pylablib-lightweight==1.4.3",
    "pyserial==3.5",
    "setuptools==65.5.0",
    "hidapi==0.15.0",
    "numpy==2.4.6",
    "pandas==3.1.1",
    "pillow==13.0.0",
    "Pyro4==4.82",
    "python-dateutil==4.0.0",
    "scipy==1.17.1",
    "serpent==1.43",
    "tzdata==2026.6",
];
/// `instrumentkit` drives Ondax. It names a version of `ruamel.yaml` that does not build on present Pythons, so what it
/// needs is named here.
const ONDAX_PACKAGES: [&str; 13] = [
    "--no-deps",
    "instrumentkit==0.6.0",
    "python-vxi11==0.9",
    "future==1.0.0",
    "quantities==0.16.4",
    "numpy==2.4.6",
    "typing_extensions==4.16.0",
    "ruamel.yaml==0.19.1",
    "pyserial==3.5",
    "pyusb==1.3.1",
    "python-usbtmc==0.8",
    "pyvisa==1.16.2",
    "setuptools==65.5.0",
];
const GPS_PACKAGES: [&str; 1] = ["pynmeagps==1.1.8"];

/// What a client says of an emulated laser.
fn talk(python: &Path, client: &str, kind: &str) -> Value {
    let (_device, port) = emulator(kind, &[]);
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/promises/foreign_lasers.py");
    let said = run(Command::new(python).arg(script).args([client, &port]), TALK_LIMIT)
        .unwrap_or_else(|error| panic!("{client}: {error}"));
    serde_json::from_str(said.lines().last().unwrap_or_default()).unwrap_or_else(|error| panic!("{error}: {said}"))
}

fn number(value: &Value) -> f64 {
    value.as_f64().unwrap_or_else(|| panic!("{value} is no number"))
}

#[test]
fn microscope_and_pylablib_drive_the_emulated_obis_and_cobolt() {
    let python = python("foreign-lasers", &LASER_PACKAGES);
    for client in ["obis", "cobolt"] {
        let seen = talk(&python, client, client);
        assert_eq!((&seen["on"], &seen["off"]), (&Value::Bool(true), &Value::Bool(true)), "{client}: {seen}");
        // Two fifths of the rated power.
        assert!((number(&seen["power"]) - 0.4).abs() < 1e-6, "{client}: {seen}");
        println!("{client}: microscope 0.7.0 switched it on and off and read 40 % power (emulated)");
    }
    let seen = talk(&python, "cobolt-pylablib", "cobolt");
    assert_eq!((&seen["on"], &seen["off"]), (&Value::Bool(true), &Value::Bool(true)), "{seen}");
    assert_eq!(seen["info"][0], "000001", "{seen}");
    assert_eq!((&seen["error"], &seen["mode"]), (&Value::from("none"), &Value::from("continuous")), "{seen}");
    assert_eq!((&seen["interlock"], &seen["key"]), (&Value::Bool(true), &Value::Bool(true)), "{seen}");
    assert!((number(&seen["power"]) - 0.04).abs() < 1e-6 && (number(&seen["set"]) - 0.04).abs() < 1e-6, "{seen}");
    println!("cobolt: pylablib-lightweight 1.4.3 switched it on and off, interlock and key read (emulated)");
}

#[test]
fn instrumentkit_drives_the_emulated_ondax() {
    let python = python("foreign-ondax", &ONDAX_PACKAGES);
    let seen = talk(&python, "ondax", "ondax");
    assert_eq!((&seen["serial"], &seen["status"]), (&Value::from("EMU000001"), &Value::from(1)), "{seen}");
    assert!((number(&seen["power"]) - 40.0).abs() < 0.1 && (number(&seen["target"]) - 40.0).abs() < 0.1, "{seen}");
    assert_eq!(number(&seen["dark"]), 0.0, "{seen}");
    println!("ondax: instrumentkit 0.6.0 switched it on and off and read 40 mW (emulated)");
}

fn gps_python() -> PathBuf {
    python("foreign-gps", &GPS_PACKAGES)
}

#[test]
fn what_pynmeagps_writes_is_read_as_the_same_place() {
    // Places on all four quarters of the globe, and one without a fix.
    let script = r#"
from pynmeagps import NMEAMessage, GET
import json
places = [(50.1008, 14.26), (-33.9461, 151.1772), (40.6413, -73.7781), (-22.81, -43.2506), (0.00002, -0.00001)]
for lat, lon in places:
    ns, ew = "N" if lat >= 0 else "S", "E" if lon >= 0 else "W"
    gga = NMEAMessage("GP", "GGA", GET, lat=lat, NS=ns, lon=lon, EW=ew, quality=1, numSV=9, HDOP=0.9, alt=380.5, altUnit="M", sep=45.0, sepUnit="M")
    rmc = NMEAMessage("GN", "RMC", GET, status="A", lat=lat, NS=ns, lon=lon, EW=ew, spd=0.1, cog=12.0, posMode="A")
    print(json.dumps([lat, lon, gga.serialize().decode(), rmc.serialize().decode()]))
"#;
    let said = run(Command::new(gps_python()).args(["-c", script]), TALK_LIMIT).unwrap();
    let mut read = 0;
    for line in said.lines() {
        let case: Value = serde_json::from_str(line).unwrap();
        let (latitude, longitude) = (number(&case[0]), number(&case[1]));
        for sentence in [&case[2], &case[3]] {
            let mut decoder = GpsDecoder::default();
            let text = sentence.as_str().unwrap();
            assert_eq!(decoder.push(text.as_bytes(), Duration::from_secs(1)), 1, "{text}");
            let Place::Fix(fix) = decoder.place(Duration::from_secs(1)) else { panic!("no fix from {text}") };
            let close = (fix.latitude_deg - latitude).abs() < 2e-6 && (fix.longitude_deg - longitude).abs() < 2e-6;
            assert!(close, "{text}: {fix:?}");
            read += 1;
        }
    }
    assert_eq!(read, 10, "{said}");
}

#[test]
fn pynmeagps_reads_the_emulated_receiver() {
    let (_device, port) = emulator("gps", &[]);
    let script = r#"
import json, sys
from pynmeagps import NMEAReader, VALCKSUM
stream = open(sys.argv[1], "rb", buffering=0)
reader, seen = NMEAReader(stream, validate=VALCKSUM), {}
while len(seen) < 2:
    raw, message = reader.read()
    if message is not None:
        seen[message.msgID] = [message.lat, message.lon, str(getattr(message, "quality", "")), str(getattr(message, "status", ""))]
print(json.dumps(seen))
"#;
    let said = run(Command::new(gps_python()).args(["-c", script, &port]), TALK_LIMIT).unwrap();
    let seen: Value = serde_json::from_str(said.trim()).unwrap();
    for kind in ["GGA", "RMC"] {
        assert!((number(&seen[kind][0]) - 50.1008).abs() < 1e-6, "{seen}");
        assert!((number(&seen[kind][1]) - 14.26).abs() < 1e-6, "{seen}");
    }
    assert_eq!((&seen["GGA"][2], &seen["RMC"][3]), (&Value::from("8"), &Value::from("A")), "simulated: {seen}");
}
