//! An emulated MatchBox laser, 785 nm. Commands have no terminator: the device takes what came before a silence.

use std::time::Duration;

use super::bench::Bench;
use super::line::Line;
use super::{Device, Fault, Faults, Log};

/// Silence that ends a command.
const SILENCE: Duration = Duration::from_millis(30);
/// Time from *on* to full power.
const WARM_UP: Duration = Duration::from_millis(150);
/// Longest command that is kept.
const MAX_COMMAND: usize = 64;
/// Rated power, mW.
const RATED_MW: u32 = 300;
/// Length of a reply that never ends a line.
const TOO_LONG: usize = 400;
/// Greatest current of the diode, mA.
const CURRENT_LIMIT_MA: u32 = 900;
/// Line speed of the real device.
const BAUD: u32 = 115_200;

/// The device.
#[derive(Debug)]
pub struct MatchBox {
    bench: Bench,
    line: Line,
    log: Log,
    faults: Faults,
    serial_number: u64,
    heard: Vec<u8>,
    heard_at: Duration,
    on_since: Option<Duration>,
    power_mw: u32,
    access_level: u8,
    switched_on: u32,
    current_ma: u32,
    dac: u32,
    autostart: bool,
    fan_centi_c: u32,
    /// Number of refusals that the fault made up so far; walks through the error numbers.
    refusals: u16,
}

impl MatchBox {
    /// A laser that shines on `bench`; off at first.
    pub fn new(bench: Bench, serial_number: u64, log: Log, faults: Faults) -> Self {
        Self {
            bench,
            line: Line::new(BAUD),
            log,
            faults,
            serial_number,
            heard: Vec::new(),
            heard_at: Duration::ZERO,
            on_since: None,
            power_mw: RATED_MW,
            access_level: 0,
            switched_on: 0,
            current_ma: 800,
            dac: 4_000,
            autostart: false,
            fan_centi_c: 4_000,
            refusals: 0,
        }
    }

    fn state(&self, now: Duration) -> &'static str {
        match self.on_since {
            None => "OFF",
            Some(_) if self.faults.shows(Fault::OnButReadsOff) => "OFF",
            Some(since) if now.saturating_sub(since) < WARM_UP => "WRM",
            Some(_) => "APC",
        }
    }

    fn execute(&mut self, now: Duration) {
        let command = String::from_utf8_lossy(&std::mem::take(&mut self.heard)).trim().to_owned();
        if command.is_empty() {
            return;
        }
        self.log.write(now, &format!("matchbox {command}"));
        if self.faults.strikes(Fault::ResetBetweenCommands) || self.faults.is_on(Fault::InterlockOpen) {
            self.dim(now);
        }
        let words: Vec<&str> = command.split_whitespace().collect();
        let reply = match words.as_slice() {
            _ if self.faults.strikes(Fault::Nack) => self.next_refusal(),
            ["e" | "c" | "f", ..] if command != "e 0" && self.faults.strikes(Fault::AccessLevel) => {
                "<ERR 1>".to_owned()
            }
            // The list of error numbers has none for the interlock; 0 is the general one.
            ["e", "1"] if self.faults.is_on(Fault::InterlockOpen) => "<ERR 0>".to_owned(),
            ["ID?"] if self.faults.strikes(Fault::OtherSerial) => {
                format!("<{:06}>", self.serial_number.wrapping_add(1) % 1_000_000)
            }
            ["NM?"] => "<0785L-EMU>".to_owned(),
            ["ID?"] => format!("<{:06}>", self.serial_number % 1_000_000),
            ["r", "i"] => format!(
                "EMU 1.0\r\n{:06}\r\n0785L-EMU\r\n{} h\r\n{}",
                self.serial_number % 1_000_000,
                now.as_secs() / 3600,
                self.switched_on
            ),
            ["r", "r"] => {
                let (current_ma, load) = if self.on_since.is_some() { (420, 55) } else { (0, 0) };
                format!("#Readings: 25.1 25.3 30.2 {current_ma}mA {load}% 20% {} 35% 5.01V", self.state(now))
            }
            // Temperatures in hundredths of a degree.
            ["r", "s"] => format!(
                "#Settings: 2500 2500 {} {} {} {CURRENT_LIMIT_MA} {} {} {}",
                self.current_ma,
                self.dac,
                self.power_mw,
                u8::from(self.autostart),
                self.access_level,
                self.fan_centi_c
            ),
            ["r", "m"] => "APC".to_owned(),
            ["r", "t"] => format!("{} h.\r\n{}", now.as_secs() / 3600, self.switched_on),
            ["r", "l"] => format!("Access level: {}", self.access_level),
            ["e", "1"] if self.on_since.is_some() => "<ERR 2>".to_owned(),
            ["e", "1"] => {
                self.on_since = Some(now);
                self.switched_on += 1;
                self.bench.laser_on(now);
                "<ACK>".to_owned()
            }
            ["e", "0"] => {
                self.dim(now);
                "<ACK>".to_owned()
            }
            ["c", "u", "1", "1234"] => {
                self.access_level = 1;
                "<ACK>".to_owned()
            }
            ["c", "u", ..] => "<ERR 4>".to_owned(),
            ["c", place, value] => match self.change(place, value, now) {
                Ok(()) => "<ACK>".to_owned(),
                Err(number) => format!("<ERR {number}>"),
            },
            ["f", "s"] if self.access_level == 0 => "<ERR 1>".to_owned(),
            // 'e 2' warms the crystal and the diode, which this laser does not need; it does not emit.
            ["e", "2"] | ["f", "s"] => "<ACK>".to_owned(),
            _ => "<ERR 5>".to_owned(),
        };
        self.send(&reply, now);
    }

    /// Changes a setting, or says with which number it does not.
    fn change(&mut self, place: &str, value: &str, now: Duration) -> Result<(), u8> {
        const FORBIDDEN: u8 = 1;
        const OUT_OF_RANGE: u8 = 4;
        const UNKNOWN: u8 = 5;
        let level = match place {
            "4" | "6" | "a" | "f" => 1,
            "1" | "2" | "3" => 3,
            _ => return Err(UNKNOWN),
        };
        if self.access_level < level {
            return Err(FORBIDDEN);
        }
        let value = value.parse::<u32>().map_err(|_| OUT_OF_RANGE)?;
        match (place, value) {
            ("4", ..=RATED_MW) => {
                self.power_mw = value;
                self.bench.set_laser_power(f64::from(value) / f64::from(RATED_MW), now);
            }
            ("6", ..=8_191) => self.dac = value,
            ("a", ..=1) => self.autostart = value == 1,
            ("f", 1_500..=5_000) => self.fan_centi_c = value,
            _ => return Err(OUT_OF_RANGE),
        }
        Ok(())
    }

    /// Emission ends.
    fn dim(&mut self, now: Duration) {
        self.on_since = None;
        self.bench.laser_off(now);
    }

    /// The error numbers of the device, one after the other.
    fn next_refusal(&mut self) -> String {
        let number = self.refusals % 7;
        self.refusals += 1;
        format!("<ERR {number}>")
    }

    fn send(&mut self, reply: &str, now: Duration) {
        let reply = match reply {
            _ if self.faults.strikes(Fault::WrongType) => "<ACKNOWLEDGED>",
            reply => reply,
        };
        let end = if self.faults.strikes(Fault::WrongFooter) { "\n\r" } else { "\r\n" };
        let mut bytes = format!("{reply}{end}").into_bytes();
        if self.faults.strikes(Fault::OversizedLength) {
            // Text has no length field; the counterpart is a line that does not end.
            bytes = reply.bytes().cycle().take(TOO_LONG).collect();
        }
        self.line.send(&bytes, now);
    }

    fn settle(&mut self, now: Duration) {
        if !self.heard.is_empty() && now.saturating_sub(self.heard_at) >= SILENCE {
            self.execute(self.heard_at + SILENCE);
        }
    }
}

impl Device for MatchBox {
    fn receive(&mut self, bytes: &[u8], now: Duration) {
        self.settle(now);
        let room = MAX_COMMAND.saturating_sub(self.heard.len());
        self.heard.extend(bytes.iter().take(room));
        self.heard_at = now;
    }

    fn transmit_at_most(&mut self, now: Duration, most: usize) -> Vec<u8> {
        self.settle(now);
        self.line.arrived(now, most)
    }

    fn line_speed(&self) -> Option<u32> {
        Some(BAUD)
    }

    fn next_due(&self) -> Option<Duration> {
        let command = (!self.heard.is_empty()).then_some(self.heard_at + SILENCE);
        [self.line.next_due(), command].into_iter().flatten().min()
    }
}
