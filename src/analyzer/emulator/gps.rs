//! An emulated GPS receiver: one GGA and one RMC sentence a second, marked as simulated in the ways that NMEA 0183 has
//! for it (quality 8, mode S).

use std::time::Duration;

use jiff::tz::TimeZone;
use jiff::{SignedDuration, Timestamp};

use super::line::Line;
use super::{Device, Fault, Faults, Log};

/// Line speed of receivers as delivered.
const BAUD: u32 = 9_600;
/// Time between two pairs of sentences.
const EVERY: Duration = Duration::from_secs(1);

/// Where the receiver is.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Position {
    /// Latitude, degrees, north positive.
    pub latitude_deg: f64,
    /// Longitude, degrees, east positive.
    pub longitude_deg: f64,
    /// Height over mean sea level, metres.
    pub altitude_m: f64,
}

impl Position {
    /// An airport with a customs office.
    pub const AIRPORT: Self = Self { latitude_deg: 50.1008, longitude_deg: 14.26, altitude_m: 380.0 };
}

/// The device.
#[derive(Debug)]
pub struct Gps {
    position: Option<Position>,
    line: Line,
    log: Log,
    faults: Faults,
    next_at: Duration,
    started: Timestamp,
}

/// The first second of 2026, where nobody says when the emulator started.
const USUAL_START: i64 = 1_767_225_600;

impl Gps {
    /// A receiver at a position, or one that finds none.
    pub fn new(position: Option<Position>, log: Log, faults: Faults) -> Self {
        let started = Timestamp::from_second(USUAL_START).unwrap_or(Timestamp::UNIX_EPOCH);
        Self { position, line: Line::new(BAUD), log, faults, next_at: EVERY, started }
    }

    /// The same with another UTC at the start of the emulator.
    #[must_use]
    pub const fn starting_at(mut self, started: Timestamp) -> Self {
        self.started = started;
        self
    }

    /// The two sentences of a second since the start of the emulator.
    fn sentences(&self, at: Duration) -> [String; 2] {
        let since = SignedDuration::try_from(at).unwrap_or_default();
        let utc = self.started.saturating_add(since).unwrap_or(self.started).to_zoned_datetime(TimeZone::UTC);
        let (time, date) = (utc.strftime("%H%M%S.%2f").to_string(), utc.strftime("%d%m%y").to_string());
        match self.position {
            None => [format!("GPGGA,{time},,,,,0,00,99.9,,M,,M,,"), format!("GPRMC,{time},V,,,,,,,{date},,,N")],
            Some(Position { latitude_deg, longitude_deg, altitude_m }) => {
                let (north, east) = (latitude_deg >= 0.0, longitude_deg >= 0.0);
                let place = format!(
                    "{},{},{},{}",
                    degrees_minutes(latitude_deg, 2),
                    if north { 'N' } else { 'S' },
                    degrees_minutes(longitude_deg, 3),
                    if east { 'E' } else { 'W' }
                );
                [
                    format!("GPGGA,{time},{place},8,09,0.9,{altitude_m:.1},M,45.0,M,,"),
                    format!("GPRMC,{time},A,{place},0.0,0.0,{date},,,S"),
                ]
            }
        }
    }

    fn speak(&mut self, now: Duration) {
        while self.next_at <= now {
            let at = self.next_at;
            self.next_at += EVERY;
            // A receiver that was stopped for long does not make up for it.
            if now.saturating_sub(at) > EVERY * 3 {
                continue;
            }
            for body in self.sentences(at) {
                let wrong = u8::from(self.faults.strikes(Fault::WrongChecksum));
                let sum = body.bytes().fold(0, |sum, byte| sum ^ byte) ^ wrong;
                let end = if self.faults.strikes(Fault::WrongFooter) { "" } else { "\r\n" };
                self.line.send(format!("${body}*{sum:02X}{end}").as_bytes(), at);
            }
        }
    }
}

/// Degrees and minutes as NMEA writes them, `digits` digits of degrees.
fn degrees_minutes(degrees: f64, digits: usize) -> String {
    // In ten-thousandths of a minute, so that no rounding gives sixty minutes.
    let whole = (degrees.abs() * 600_000.0).round() as u64;
    let (degrees, rest) = (whole / 600_000, whole % 600_000);
    format!("{degrees:0digits$}{:02}.{:04}", rest / 10_000, rest % 10_000)
}

impl Device for Gps {
    fn receive(&mut self, bytes: &[u8], now: Duration) {
        // It only talks; what a host sends by mistake is noted.
        self.log.write(now, &format!("gps {} bytes ignored", bytes.len()));
    }

    fn transmit_at_most(&mut self, now: Duration, most: usize) -> Vec<u8> {
        self.speak(now);
        self.line.arrived(now, most)
    }

    fn line_speed(&self) -> Option<u32> {
        Some(BAUD)
    }

    fn next_due(&self) -> Option<Duration> {
        Some(self.line.next_due().map_or(self.next_at, |due| due.min(self.next_at)))
    }
}
