//! An emulated MatchBox laser, 785 nm. Commands have no terminator: the device takes what came before a silence.

use std::time::Duration;

use super::bench::Bench;
use super::line::Line;
use super::{Device, Log};

/// Silence that ends a command.
const SILENCE: Duration = Duration::from_millis(30);
/// Time from *on* to full power.
const WARM_UP: Duration = Duration::from_millis(150);
/// Longest command that is kept.
const MAX_COMMAND: usize = 64;
/// Rated power, mW.
const RATED_MW: u32 = 300;
/// Line speed of the real device.
const BAUD: u32 = 115_200;

/// The device.
#[derive(Debug)]
pub struct MatchBox {
    bench: Bench,
    line: Line,
    log: Log,
    serial_number: u64,
    heard: Vec<u8>,
    heard_at: Duration,
    on_since: Option<Duration>,
    power_mw: u32,
    access_level: u8,
    switched_on: u32,
}

impl MatchBox {
    /// A laser that shines on `bench`; off at first.
    pub fn new(bench: Bench, serial_number: u64, log: Log) -> Self {
        Self {
            bench,
            line: Line::new(BAUD),
            log,
            serial_number,
            heard: Vec::new(),
            heard_at: Duration::ZERO,
            on_since: None,
            power_mw: RATED_MW,
            access_level: 0,
            switched_on: 0,
        }
    }

    fn state(&self, now: Duration) -> &'static str {
        match self.on_since {
            None => "OFF",
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
        let words: Vec<&str> = command.split_whitespace().collect();
        let reply = match words.as_slice() {
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
            ["r", "s"] => format!("#Settings: 25.0 25.0 800 4000 {} 900 0 0 40.0", self.power_mw),
            ["r", "m"] => "APC".to_owned(),
            ["r", "l"] => format!("Access level: {}", self.access_level),
            ["e", "1"] if self.on_since.is_some() => "<ERR 2>".to_owned(),
            ["e", "1"] => {
                self.on_since = Some(now);
                self.switched_on += 1;
                self.bench.laser_on(now);
                "<ACK>".to_owned()
            }
            ["e", "0"] => {
                self.on_since = None;
                self.bench.laser_off(now);
                "<ACK>".to_owned()
            }
            ["c", "u", "1", "1234"] => {
                self.access_level = 1;
                "<ACK>".to_owned()
            }
            ["c", "u", ..] => "<ERR 1>".to_owned(),
            ["c", "4", _] if self.access_level == 0 => "<ERR 1>".to_owned(),
            ["c", "4", power] => match power.parse::<u32>() {
                Ok(power_mw) if power_mw <= RATED_MW => {
                    self.power_mw = power_mw;
                    "<ACK>".to_owned()
                }
                _ => "<ERR 4>".to_owned(),
            },
            _ => "<ERR 5>".to_owned(),
        };
        self.line.send(format!("{reply}\r\n").as_bytes(), now);
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

    fn next_due(&self) -> Option<Duration> {
        let command = (!self.heard.is_empty()).then_some(self.heard_at + SILENCE);
        [self.line.next_due(), command].into_iter().flatten().min()
    }
}
