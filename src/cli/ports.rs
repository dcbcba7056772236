//! `parcelscope ports`.

use std::fmt::Write as _;
use std::process::ExitCode;
use std::sync::Arc;
use std::sync::atomic::Ordering;

use anyhow::{Context as _, bail};
use clap::Args;
use serde::Serialize;

use crate::analyzer::probe::{self, Answered};
use crate::analyzer::{Clock, Interrupt, PortListing, SerialLink, SystemClock, TransportError, list_ports};

use super::scan::watch_signals;
use super::{BAD_INPUT, Context, output};

/// Exit code when a port that was asked stays silent.
const SILENT: u8 = 1;
/// Line speed at which a port is opened; the probe then tries others.
const FIRST_BAUD: u32 = 9_600;

/// USB makers whose chips turn USB into a serial port, or sit in instruments that are one. The chip does not say which
/// instrument is behind it.
const ADAPTERS: [(u16, &str); 9] = [
    (0x0403, "FTDI adapter"),
    (0x10c4, "CP210x adapter (MatchBox lasers have one)"),
    (0x1a86, "CH340 adapter"),
    (0x067b, "Prolific adapter"),
    (0x0483, "STM32 board"),
    (0x2341, "Arduino board"),
    (0x16c0, "Teensy board"),
    (0x239a, "Adafruit board"),
    (0x2e8a, "RP2040 board"),
];

/// Arguments of `ports`.
#[derive(Args, Debug)]
#[command(
    after_help = "Nothing is sent to any port unless it is named after --probe: a strange device may take a question for a command.\n\
                  A probe asks for spectrometers with the Ocean Binary Protocol, Wasatch modules and NIRscan scanners, then for MatchBox, OBIS, \
                  Cobolt and Ondax lasers, last for the Ocean letter protocol, each at its usual line speeds: ten seconds for a silent port. \
                  It switches nothing on and changes no setting.\n\
                  What answered can be saved under a name: 'parcelscope kit --help'.\n\
                  The exit code is 1 if a probed port does not answer, and 2 if it cannot be opened."
)]
pub struct PortsArgs {
    /// Ask what is connected to these ports
    #[arg(long, value_name = "PORT", num_args = 1..)]
    probe: Vec<String>,
}

/// One port, for people and for `--json`.
#[derive(Debug, PartialEq, Serialize)]
struct Entry {
    port: String,
    kind: &'static str,
    vid: Option<u16>,
    pid: Option<u16>,
    serial_number: Option<String>,
    description: String,
}

/// What a probe found on one port.
#[derive(Serialize)]
struct Probed {
    port: String,
    answered: Option<Answered>,
    error: Option<String>,
}

/// What `--json` says without `--probe`.
#[derive(Serialize)]
struct Listed {
    ports: Vec<Entry>,
}

/// What `--json` says after `--probe`.
#[derive(Serialize)]
struct Asked {
    probed: Vec<Probed>,
}

/// Runs `ports`.
pub fn run(args: PortsArgs, context: &Context) -> Result<ExitCode, anyhow::Error> {
    let PortsArgs { probe } = args;
    if probe.is_empty() { list(context) } else { ask(&probe, context) }
}

fn list(context: &Context) -> Result<ExitCode, anyhow::Error> {
    let mut ports = vec![Entry {
        port: "emulator".to_owned(),
        kind: "emulator",
        vid: None,
        pid: None,
        serial_number: None,
        description: "built-in emulated kit: 'parcelscope scan --port emulator'".to_owned(),
    }];
    let mut found: Vec<Entry> = list_ports()?.into_iter().map(describe).collect();
    found.sort_by(|a, b| a.port.cmp(&b.port));
    let hint = if found.is_empty() {
        "No serial port found. If an instrument is plugged in, check its cable and its driver.\n"
    } else {
        "Nothing was sent to these ports. To ask what is connected, name the port: parcelscope ports --probe PORT\n"
    };
    ports.append(&mut found);
    if context.json {
        output::print_json(&Listed { ports })?;
    } else {
        let width = ports.iter().map(|port| port.port.chars().count()).max().unwrap_or_default();
        let mut text = String::new();
        for port in &ports {
            writeln!(text, "{:<width$}  {}", port.port, port.description)?;
        }
        output::print_text(&output::printable(&format!("{text}{hint}")))?;
    }
    Ok(ExitCode::SUCCESS)
}

fn describe(listing: PortListing) -> Entry {
    let Some(usb) = listing.usb else {
        let description = "serial port of this machine".to_owned();
        return Entry { port: listing.name, kind: "serial", vid: None, pid: None, serial_number: None, description };
    };
    let mut description = format!("USB {:04x}:{:04x}", usb.vendor, usb.product);
    let adapter = ADAPTERS.iter().find(|(vendor, _)| *vendor == usb.vendor).map(|(_, what)| (*what).to_owned());
    let serial = usb.serial.as_ref().map(|serial| format!("serial number {serial}"));
    for part in [usb.title, adapter, serial].into_iter().flatten() {
        description.push_str(", ");
        description.push_str(&part);
    }
    Entry {
        port: listing.name,
        kind: "usb",
        vid: Some(usb.vendor),
        pid: Some(usb.product),
        serial_number: usb.serial,
        description,
    }
}

fn ask(ports: &[String], context: &Context) -> Result<ExitCode, anyhow::Error> {
    let clock: Arc<dyn Clock> = Arc::new(SystemClock::start());
    let stopped = watch_signals().context("the signals of this process cannot be watched; try again")?;
    let seen = Arc::clone(&stopped);
    let interrupt = Interrupt::new(move || seen.load(Ordering::SeqCst));
    let mut probed = Vec::new();
    for port in ports {
        let asked = ask_one(port, &clock, &interrupt);
        // What was sent was sent whole, and a laser that had answered was commanded off.
        if stopped.load(Ordering::SeqCst) {
            bail!("stopped by a signal while {port} was asked; nothing was switched on");
        }
        let (answered, error) = match asked {
            Ok(answered) => (answered, None),
            Err(error) => (None, Some(error.to_string())),
        };
        if !context.json {
            output::print_text(&output::printable(&in_words(port, answered.as_ref(), error.as_deref())))?;
        }
        if let Some(error) = &error {
            output::complain(error);
        }
        probed.push(Probed { port: port.clone(), answered, error });
    }
    let failed = probed.iter().any(|port| port.error.is_some());
    let silent = probed.iter().any(|port| port.answered.is_none());
    if context.json {
        output::print_json(&Asked { probed })?;
    }
    Ok(if failed {
        ExitCode::from(BAD_INPUT)
    } else if silent {
        ExitCode::from(SILENT)
    } else {
        ExitCode::SUCCESS
    })
}

fn ask_one(port: &str, clock: &Arc<dyn Clock>, interrupt: &Interrupt) -> Result<Option<Answered>, TransportError> {
    let mut link = interrupt.wrap(Box::new(SerialLink::open(port, FIRST_BAUD, Arc::clone(clock))?));
    probe::probe(link.as_mut(), clock.as_ref())
}

fn in_words(port: &str, answered: Option<&Answered>, error: Option<&str>) -> String {
    match (answered, error) {
        (_, Some(_)) => String::new(),
        (None, None) => format!(
            "{port}  no known device answers; check that it is switched on and that no other program uses the port\n"
        ),
        (Some(found), None) => {
            let what = found.protocol.words();
            let part = |name: &str, value: Option<&String>| value.map(|v| format!(", {name} {v}")).unwrap_or_default();
            format!(
                "{port}  {what}{}{} at {} baud\n",
                part("model", found.model.as_ref()),
                part("serial number", found.serial.as_ref()),
                found.baud
            )
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::analyzer::UsbDevice;
    use crate::analyzer::probe::ProbedProtocol;

    #[test]
    fn a_port_is_described_by_what_the_system_knows_and_never_named_an_instrument() {
        let usb = UsbDevice {
            vendor: 0x10c4,
            product: 0xea60,
            serial: Some("0001".to_owned()),
            title: Some("CP2102N".to_owned()),
        };
        let port = describe(PortListing { name: "/dev/ttyUSB0".to_owned(), usb: Some(usb) });
        assert_eq!(
            port.description,
            "USB 10c4:ea60, CP2102N, CP210x adapter (MatchBox lasers have one), serial number 0001"
        );
        assert_eq!((port.kind, port.vid, port.pid), ("usb", Some(0x10c4), Some(0xea60)));
        let plain = describe(PortListing { name: "/dev/ttyS0".to_owned(), usb: None });
        assert_eq!((plain.kind, plain.description.as_str()), ("serial", "serial port of this machine"));
    }

    #[test]
    fn an_answer_is_told_in_words() {
        let found = Answered { protocol: ProbedProtocol::Obp, baud: 9_600, model: None, serial: Some("S1".to_owned()) };
        assert_eq!(
            in_words("p", Some(&found), None),
            "p  spectrometer with the Ocean Binary Protocol, serial number S1 at 9600 baud\n"
        );
        assert!(in_words("p", None, None).contains("no known device answers"));
    }
}
