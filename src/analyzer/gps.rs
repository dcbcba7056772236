//! Where a scan was made: a GPS receiver on a serial port that talks NMEA 0183 by itself. Nothing is ever sent to it.
//!
//! Sentences are read by the `nmea` crate. RMC (validity, position) and GGA (quality, satellites, altitude) are used; a
//! sentence without a checksum that fits counts as nothing.

use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use nmea::ParseResult;
use nmea::sentences::FixType;
use nmea::sentences::rmc::RmcStatusOfFix;
use serde::{Deserialize, Serialize};

use super::spectrometer::{OnWait, SLICE};
use super::{AnalyzerError, Clock, Transport, TransportError};

/// Line speeds of receivers: the usual ones of today, the one of the standard, fast ones.
pub const GPS_BAUDS: [u32; 4] = [9_600, 4_800, 38_400, 115_200];
/// How long a speed is listened to: receivers speak once a second.
const LISTEN: Duration = Duration::from_millis(2_200);
/// Age from which a position is no longer where the scan was made.
pub const AGE_MAX: Duration = Duration::from_secs(10);
/// Longest sentence that is read; the standard has 82 characters, some receivers take a few more.
const SENTENCE_MAX: usize = 120;

/// Places of the latitude in GGA and RMC; the longitude stands two places behind it.
const GGA_LATITUDE: usize = 2;
const RMC_LATITUDE: usize = 3;
/// Places of magnetic variation (two fields) and mode in RMC, the name of the sentence counted as place 0.
const RMC_VARIATION: usize = 10;
const RMC_MODE: usize = 12;

/// A position as the receiver gave it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct GpsFix {
    /// Latitude, degrees, north positive (WGS 84).
    pub latitude_deg: f64,
    /// Longitude, degrees, east positive (WGS 84).
    pub longitude_deg: f64,
    /// Height over mean sea level, metres; only GGA sentences have one.
    pub altitude_m: Option<f64>,
    /// Horizontal dilution of precision.
    pub hdop: Option<f64>,
    /// Satellites in use.
    pub satellites: Option<u32>,
    /// Age of the position, milliseconds.
    pub age_ms: u64,
    /// True when the receiver says that it only simulates.
    pub simulated: bool,
}

/// Why there is no position.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum NoFix {
    /// No receiver is set up, or its port cannot be opened.
    NoReceiver,
    /// A receiver is set up and its line speed is not found yet.
    Listening,
    /// Nothing readable came for a while.
    Silent,
    /// The receiver says that it has no valid position.
    Searching,
}

/// What is known of the place, for the record: no fix is recorded as no fix.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", tag = "state")]
pub enum Place {
    /// A position that is not older than ten seconds.
    Fix(GpsFix),
    /// None, and why.
    NoFix {
        /// Why.
        why: NoFix,
    },
}

impl Place {
    /// Sentence for the screen and the record.
    pub fn words(&self) -> String {
        match self {
            Self::Fix(fix) => {
                let simulated = if fix.simulated { "SIMULATED " } else { "" };
                let satellites = fix.satellites.map(|n| format!(", {n} satellites")).unwrap_or_default();
                format!(
                    "{simulated}position {:.5}, {:.5}{satellites}, {:.1} s old",
                    fix.latitude_deg,
                    fix.longitude_deg,
                    fix.age_ms as f64 / 1e3
                )
            }
            Self::NoFix { why: NoFix::NoReceiver } => "no position: no GPS receiver".to_owned(),
            Self::NoFix { why: NoFix::Listening } => {
                "no position yet: the line speed of the GPS receiver is being found".to_owned()
            }
            Self::NoFix { why: NoFix::Silent } => "no position: the GPS receiver says nothing readable".to_owned(),
            Self::NoFix { why: NoFix::Searching } => "no position: the GPS receiver has no fix".to_owned(),
        }
    }
}

/// The time that a receiver states with a valid position. A sentence comes up to a second after the time that it states.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct GpsTime {
    /// UTC as the sentence states it.
    pub utc: Timestamp,
    /// How long ago the sentence came.
    pub age: Duration,
    /// True when the receiver says that it only simulates.
    pub simulated: bool,
}

/// Reads sentences out of bytes and keeps the last position. Pure: time enters with the bytes.
#[derive(Clone, Debug, Default)]
pub struct GpsDecoder {
    line: Vec<u8>,
    /// The last position, its age not yet set, and when it came.
    fix: Option<(GpsFix, Duration)>,
    /// When the last whole sentence came.
    heard: Option<Duration>,
    /// The time of the last valid RMC sentence and when it came; its age not yet set.
    time: Option<(GpsTime, Duration)>,
}

impl GpsDecoder {
    /// Takes bytes that came at `now`. Returns how many whole sentences they completed.
    pub fn push(&mut self, bytes: &[u8], now: Duration) -> usize {
        let mut sentences = 0;
        for byte in bytes {
            match byte {
                b'$' => {
                    self.line.clear();
                    self.line.push(b'$');
                }
                b'\r' | b'\n' => {
                    let line = std::mem::take(&mut self.line);
                    sentences += usize::from(self.sentence(&line, now));
                }
                _ if self.line.is_empty() || self.line.len() >= SENTENCE_MAX => self.line.clear(),
                byte => self.line.push(*byte),
            }
        }
        sentences
    }

    /// Whether a line is a whole sentence; keeps what it says of the position.
    fn sentence(&mut self, line: &[u8], now: Duration) -> bool {
        let Some(text) = std::str::from_utf8(line).ok().and_then(checked) else { return false };
        let parsed = match nmea::parse_str(&text) {
            Ok(parsed) => parsed,
            // A sentence of a kind or form that this parser does not know is still the word of a receiver.
            Err(nmea::Error::Unsupported(_) | nmea::Error::DisabledSentence) => {
                self.heard = Some(now);
                return true;
            }
            Err(_) => return false,
        };
        self.heard = Some(now);
        match parsed {
            ParseResult::GGA(gga) => {
                let valid = gga.fix_type.is_some_and(is_fix);
                let position = gga.latitude.zip(gga.longitude).filter(|_| valid);
                self.fix = position.and_then(in_range).map(|(latitude_deg, longitude_deg)| {
                    let finite = |value: f32| Some(f64::from(value)).filter(|value| value.is_finite());
                    let fix = GpsFix {
                        latitude_deg,
                        longitude_deg,
                        altitude_m: gga.altitude.and_then(finite),
                        hdop: gga.hdop.and_then(finite),
                        satellites: gga.fix_satellites,
                        age_ms: 0,
                        simulated: gga.fix_type == Some(FixType::Simulation),
                    };
                    (fix, now)
                });
            }
            ParseResult::RMC(rmc) => {
                let quality = rmc.faa_mode.map_or(FixType::Gps, FixType::from);
                let valid = rmc.status_of_fix != RmcStatusOfFix::Invalid && is_fix(quality);
                let simulated = quality == FixType::Simulation;
                let stated = rmc.fix_date.zip(rmc.fix_time).filter(|_| valid);
                let utc = stated.and_then(|(date, time)| {
                    Timestamp::from_millisecond(date.and_time(time).and_utc().timestamp_millis()).ok()
                });
                self.time = utc.map(|utc| (GpsTime { utc, age: Duration::ZERO, simulated }, now));
                match rmc.lat.zip(rmc.lon).filter(|_| valid).and_then(in_range) {
                    None => self.fix = None,
                    Some((latitude_deg, longitude_deg)) => {
                        // What only GGA says is kept while it is fresh.
                        let last = self.fix.take().filter(|(_, at)| now.saturating_sub(*at) <= AGE_MAX);
                        let blank = GpsFix {
                            latitude_deg,
                            longitude_deg,
                            altitude_m: None,
                            hdop: None,
                            satellites: None,
                            age_ms: 0,
                            simulated,
                        };
                        let fix = last.map_or(blank, |(fix, _)| GpsFix {
                            latitude_deg,
                            longitude_deg,
                            simulated: fix.simulated || simulated,
                            ..fix
                        });
                        self.fix = Some((fix, now));
                    }
                }
            }
            _ => {}
        }
        true
    }

    /// What is known of the place at `now`.
    pub fn place(&self, now: Duration) -> Place {
        let age = |at: Duration| now.saturating_sub(at);
        match (&self.fix, self.heard) {
            (Some((fix, at)), _) if age(*at) <= AGE_MAX => {
                let age_ms = u64::try_from(age(*at).as_millis()).unwrap_or(u64::MAX);
                Place::Fix(GpsFix { age_ms, ..fix.clone() })
            }
            (_, Some(heard)) if age(heard) <= AGE_MAX => Place::NoFix { why: NoFix::Searching },
            _ => Place::NoFix { why: NoFix::Silent },
        }
    }
}

impl GpsDecoder {
    /// The time that the receiver stated last; none where it is older than ten seconds or no valid one came.
    pub fn time(&self, now: Duration) -> Option<GpsTime> {
        let (time, at) = self.time?;
        let age = now.saturating_sub(at);
        (age <= AGE_MAX).then_some(GpsTime { age, ..time })
    }
}

/// A receiver on a link.
pub struct GpsReceiver {
    link: Box<dyn Transport>,
    clock: Arc<dyn Clock>,
    decoder: GpsDecoder,
}

impl GpsReceiver {
    /// Listens at the usual line speeds until a sentence comes. Sends nothing.
    pub fn open(
        mut link: Box<dyn Transport>,
        clock: &Arc<dyn Clock>,
        on_wait: &mut OnWait<'_>,
    ) -> Result<Self, AnalyzerError> {
        for baud in GPS_BAUDS {
            link.set_baud(baud)?;
            let mut receiver = Self { link, clock: Arc::clone(clock), decoder: GpsDecoder::default() };
            let end = clock.now() + LISTEN;
            while clock.now() < end {
                if on_wait().is_break() {
                    return Err(AnalyzerError::Cancelled);
                }
                if receiver.listen(SLICE)? > 0 {
                    return Ok(receiver);
                }
            }
            link = receiver.link;
        }
        Err(AnalyzerError::NoReceiver { port: link.name().to_owned() })
    }

    /// The port's name.
    pub fn port(&self) -> &str {
        self.link.name()
    }

    /// Takes in what the receiver says within `time`, and no longer. Returns the number of whole sentences.
    pub fn listen(&mut self, time: Duration) -> Result<usize, TransportError> {
        let end = self.clock.now() + time;
        let mut buffer = [0; 256];
        let mut sentences = 0;
        loop {
            match self.link.read_some(&mut buffer, end) {
                Ok(n) => sentences += self.decoder.push(buffer.get(..n).unwrap_or_default(), self.clock.now()),
                Err(TransportError::Timeout { .. }) => return Ok(sentences),
                Err(error) => return Err(error),
            }
            if self.clock.now() >= end {
                return Ok(sentences);
            }
        }
    }

    /// The time that the receiver stated last.
    pub fn time(&self) -> Option<GpsTime> {
        self.decoder.time(self.clock.now())
    }

    /// What is known of the place now.
    pub fn place(&self) -> Place {
        self.decoder.place(self.clock.now())
    }
}

/// A sentence whose checksum fits, in the form that the parser takes: it stumbles over a magnetic variation without a
/// direction and over an empty navigation status of RMC, which are of no use here.
fn checked(line: &str) -> Option<String> {
    let (body, digits) = line.strip_prefix('$')?.rsplit_once('*')?;
    let digits = digits.trim_end();
    let sent = u8::from_str_radix(digits, 16).ok().filter(|_| digits.len() == 2)?;
    let sum = |body: &str| body.bytes().fold(0, |sum, byte| sum ^ byte);
    if sum(body) != sent {
        return None;
    }
    let mut fields: Vec<&str> = body.split(',').collect();
    let first_angle = match fields.first() {
        Some(name) if name.ends_with("GGA") => Some(GGA_LATITUDE),
        Some(name) if name.ends_with("RMC") => Some(RMC_LATITUDE),
        _ => None,
    };
    // Latitude, its side, longitude.
    let angles = first_angle.map(|place| [place, place + 2]).into_iter().flatten();
    if angles.filter_map(|place| fields.get(place)).any(|angle| !minutes_fit(angle)) {
        return None;
    }
    if fields.first().is_some_and(|name| name.ends_with("RMC")) {
        fields.truncate(RMC_MODE + 1);
        fields.iter_mut().take(RMC_MODE).skip(RMC_VARIATION).for_each(|field| *field = "");
        if fields.get(RMC_MODE) == Some(&"") {
            fields.truncate(RMC_MODE);
        }
    }
    let body = fields.join(",");
    let sum = sum(&body);
    Some(format!("${body}*{sum:02X}"))
}

/// Whether an angle of degrees and minutes, as NMEA writes it, has less than sixty minutes; also one that is not given.
fn minutes_fit(angle: &str) -> bool {
    let whole = angle.split('.').next().unwrap_or_default();
    let minutes = whole.len().checked_sub(2).and_then(|tens| whole.get(tens..)).unwrap_or(whole);
    minutes.is_empty() || minutes.parse::<u8>().is_ok_and(|minutes| minutes < 60)
}

/// Dead reckoning and positions typed in by hand are no fixes.
const fn is_fix(quality: FixType) -> bool {
    !matches!(quality, FixType::Invalid | FixType::Estimated | FixType::Manual)
}

/// A position on the Earth.
fn in_range((latitude_deg, longitude_deg): (f64, f64)) -> Option<(f64, f64)> {
    let on_earth = latitude_deg.abs() <= 90.0 && longitude_deg.abs() <= 180.0;
    on_earth.then_some((latitude_deg, longitude_deg))
}
