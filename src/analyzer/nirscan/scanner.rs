//! The scanner: who it is, its configurations, one scan from the lamp to the interpreted data.

use std::ops::ControlFlow;
use std::sync::Arc;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::codec::MAX_DATA;
use super::exchange::Exchange;
use super::interpreted::{Interpreted, POINTS_MAX};
use super::kinds;
use crate::analyzer::spectrometer::OnWait;
use crate::analyzer::{AnalyzerError, Clock, DeviceIdentity, Transport, TransportError};

/// Name of the driver in records.
pub const DRIVER: &str = concat!("nirscan-uart ", env!("CARGO_PKG_VERSION"));
/// Time beyond the estimated one after which a scan is given up.
const OVERDUE: Duration = Duration::from_secs(5);
/// Pause between two questions whether a scan is done.
const POLL: Duration = Duration::from_millis(50);
/// Longest scan that is believed.
const SCAN_MAX: Duration = Duration::from_mins(5);
/// Time that the interpretation usually takes.
const INTERPRETATION: Duration = Duration::from_millis(300);
/// Largest file that is read: the most points.
const FILE_MAX: usize = 4 + 12 * POINTS_MAX;
/// Bytes of the file of a usual scan, for the time that it takes.
const FILE_USUAL: usize = 4 + 12 * 228;
/// Short transactions of a preparation and of a scan.
const PREPARE_TRANSACTIONS: u32 = 6;
const SCAN_TRANSACTIONS: u32 = 10;
/// Subjects of sentences.
const CONFIG: &str = "the scan configuration";
const SCAN_TIME: &str = "the time of a scan";
/// Most repeats that the device averages.
pub(super) const REPEATS_MAX: u16 = 1_000;

/// One scan as the device delivered it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct NirScan {
    /// Wavelengths, nm, rising.
    pub wavelengths_nm: Vec<f64>,
    /// Intensities as the device interpreted them, one for each wavelength.
    pub intensities: Vec<i32>,
    /// Index of the scan configuration.
    pub config: u8,
    /// Repeats that the device averaged.
    pub repeats: u16,
    /// Time that the device estimated for the scan, ms.
    pub scan_time_ms: u32,
    /// Temperatures of electronics and detector, deg C; empty where the device does not report them.
    pub temperatures_c: Vec<f32>,
    /// Start of the scan on the session's monotonic clock, milliseconds.
    pub started_ms: u64,
}

/// A scanner on a link. Its lamp shines only while it scans; the device sees to that.
pub struct NirScanner {
    exchange: Exchange,
    identity: DeviceIdentity,
    configs: u8,
    config: u8,
    repeats: u16,
    scan_time: Duration,
}

impl NirScanner {
    /// Identifies the device. Operates nothing. `clock` is the one of the link.
    pub fn open(link: Box<dyn Transport>, clock: Arc<dyn Clock>) -> Result<Self, AnalyzerError> {
        let on_wait: &mut OnWait<'_> = &mut || ControlFlow::Continue(());
        let mut exchange = Exchange::new(link, clock)?;
        let serial = match serial_number(&mut exchange, on_wait) {
            Err(AnalyzerError::Link(TransportError::Timeout { .. }) | AnalyzerError::Damaged { .. }) => {
                return Err(AnalyzerError::NoSpectrometer { port: exchange.port() });
            }
            other => other?,
        };
        let model = text(&exchange.read(kinds::MODEL, "the model", &[], on_wait)?);
        let versions = exchange.read(kinds::VERSIONS, "the version numbers", &[], on_wait)?;
        let configs = exchange.read(kinds::CONFIG_COUNT, "the scan configurations", &[], on_wait)?;
        let configs = match configs.as_slice() {
            [count] if *count > 0 => *count,
            other => return Err(implausible(&exchange, "the scan configurations", format!("{other:?}"))),
        };
        let identity = DeviceIdentity {
            simulated: model.contains("EMU"),
            model: if model.is_empty() { "DLP NIRscan Nano".to_owned() } else { model },
            serial,
            firmware: firmware(&versions),
            driver: DRIVER.to_owned(),
            port: exchange.port(),
        };
        Ok(Self { exchange, identity, configs, config: 0, repeats: 1, scan_time: Duration::from_secs(2) })
    }

    /// Who it is.
    pub const fn identity(&self) -> &DeviceIdentity {
        &self.identity
    }

    /// Number of scan configurations that are stored in the device.
    pub const fn configs(&self) -> u8 {
        self.configs
    }

    /// How long [`Self::prepare`] usually takes.
    pub fn expected_prepare(&self) -> Duration {
        self.exchange.expected(8) * PREPARE_TRANSACTIONS
    }

    /// How long [`Self::scan`] usually takes.
    pub fn expected_scan(&self) -> Duration {
        let pieces = FILE_USUAL.div_ceil(MAX_DATA) as u32;
        let talk = self.exchange.expected(4) * SCAN_TRANSACTIONS + self.exchange.expected(MAX_DATA) * pieces;
        self.scan_time + INTERPRETATION + talk
    }

    /// Makes sure that the same device still answers and is idle, and sets configuration and repeats.
    pub fn prepare(&mut self, config: u8, repeats: u16, on_wait: &mut OnWait<'_>) -> Result<(), AnalyzerError> {
        let found = serial_number(&mut self.exchange, on_wait)?;
        if found != self.identity.serial {
            let expected = self.identity.serial.clone();
            return Err(AnalyzerError::OtherDevice { port: self.exchange.port(), expected, found });
        }
        self.wait_until_idle(on_wait)?;
        self.exchange.write(kinds::SET_ACTIVE_CONFIG, CONFIG, &[config], on_wait)?;
        let active = self.exchange.read(kinds::ACTIVE_CONFIG, CONFIG, &[], on_wait)?;
        if active != [config] {
            let found = active.first().copied().unwrap_or_default().into();
            let port = self.exchange.port();
            return Err(AnalyzerError::NotTaken { port, what: CONFIG, wanted: config.into(), found });
        }
        // The protocol cannot read the repeats back; the estimated time that follows depends on them.
        self.exchange.write(kinds::SET_REPEATS, "the number of repeats", &repeats.to_le_bytes(), on_wait)?;
        let time = self.exchange.read(kinds::SCAN_TIME, SCAN_TIME, &[], on_wait)?;
        let scan_time = Duration::from_millis(u32_of(&self.exchange, SCAN_TIME, &time)?.into());
        if scan_time > SCAN_MAX {
            let why = format!("{} s", scan_time.as_secs());
            return Err(implausible(&self.exchange, SCAN_TIME, why));
        }
        (self.config, self.repeats, self.scan_time) = (config, repeats, scan_time);
        Ok(())
    }

    /// A scan that was cancelled runs on in the device, which has no command to stop it.
    fn wait_until_idle(&mut self, on_wait: &mut OnWait<'_>) -> Result<(), AnalyzerError> {
        const WHAT: &str = "the state of the device";
        let deadline = self.exchange.clock().now() + self.scan_time + OVERDUE;
        loop {
            let status = self.exchange.read(kinds::DEVICE_STATUS, WHAT, &[], on_wait)?;
            let status = u32_of(&self.exchange, WHAT, &status)?;
            if status & (kinds::STATUS_SCANNING | kinds::STATUS_INTERPRETING) == 0 {
                return Ok(());
            }
            if self.exchange.clock().now() >= deadline {
                return Err(TransportError::Timeout { port: self.exchange.port() }.into());
            }
            self.exchange.pause(POLL, on_wait)?;
        }
    }

    /// Takes one scan at the prepared settings.
    pub fn scan(&mut self, on_wait: &mut OnWait<'_>) -> Result<NirScan, AnalyzerError> {
        let temperatures_c = self.temperatures_c(on_wait)?;
        // Errors of before would be taken for those of this scan.
        self.exchange.write(kinds::CLEAR_ERRORS, "to forget old errors", &[], on_wait)?;
        let started = self.exchange.clock().now();
        self.exchange.write(kinds::START_SCAN, "a scan", &[0], on_wait)?;
        self.wait_for(kinds::SCAN_DONE, "whether the scan is done", self.scan_time, on_wait)?;
        self.exchange.write(kinds::INTERPRET, "the interpretation of the scan", &[], on_wait)?;
        self.wait_for(kinds::INTERPRET_DONE, "whether the interpretation is done", INTERPRETATION, on_wait)?;
        self.check_errors(on_wait)?;
        self.check_settings(on_wait)?;
        let file = self.read_file(kinds::INTERPRETED_FILE, on_wait)?;
        let read = Interpreted::parse(&file)
            .map_err(|error| implausible(&self.exchange, "the interpreted scan", error.to_string()))?;
        Ok(NirScan {
            wavelengths_nm: read.wavelengths_nm,
            intensities: read.intensities,
            config: self.config,
            repeats: self.repeats,
            scan_time_ms: u32::try_from(self.scan_time.as_millis()).unwrap_or(u32::MAX),
            temperatures_c,
            started_ms: u64::try_from(started.as_millis()).unwrap_or(u64::MAX),
        })
    }

    /// Temperatures of electronics and detector, deg C; empty where the device does not report them.
    pub fn temperatures_c(&mut self, on_wait: &mut OnWait<'_>) -> Result<Vec<f32>, AnalyzerError> {
        match self.exchange.read(kinds::TEMPERATURES, "the temperatures", &[], on_wait) {
            Ok(data) => {
                let (values, _) = data.as_chunks::<4>();
                Ok(values.iter().map(|v| i32::from_le_bytes(*v) as f32 / 100.0).collect())
            }
            // Relatives without the sensor.
            Err(AnalyzerError::Refused { number: 1, .. }) => Ok(Vec::new()),
            Err(error) => Err(error),
        }
    }

    /// Asks until the device says that it is done.
    fn wait_for(
        &mut self,
        command: u16,
        what: &'static str,
        usual: Duration,
        on_wait: &mut OnWait<'_>,
    ) -> Result<(), AnalyzerError> {
        let deadline = self.exchange.clock().now() + usual + OVERDUE;
        loop {
            if self.exchange.read(command, what, &[], on_wait)? == [1] {
                return Ok(());
            }
            if self.exchange.clock().now() >= deadline {
                self.check_errors(on_wait)?;
                return Err(TransportError::Timeout { port: self.exchange.port() }.into());
            }
            self.exchange.pause(POLL, on_wait)?;
        }
    }

    fn check_errors(&mut self, on_wait: &mut OnWait<'_>) -> Result<(), AnalyzerError> {
        const WHAT: &str = "the errors of the device";
        let data = self.exchange.read(kinds::ERROR_STATUS, WHAT, &[], on_wait)?;
        let status = u32_of(&self.exchange, WHAT, data.get(..4).unwrap_or_default())?;
        if status == 0 {
            return Ok(());
        }
        Err(AnalyzerError::Refused {
            port: self.exchange.port(),
            what: "a scan",
            number: u16::try_from(status).unwrap_or(u16::MAX),
            why: kinds::error_meaning(status),
        })
    }

    /// A device that was restarted since [`Self::prepare`] scanned with settings of its own. The repeats cannot be read
    /// back; the time that the device estimates for a scan tells them.
    fn check_settings(&mut self, on_wait: &mut OnWait<'_>) -> Result<(), AnalyzerError> {
        let active = self.exchange.read(kinds::ACTIVE_CONFIG, CONFIG, &[], on_wait)?;
        let active = active.first().copied().unwrap_or_default();
        let time = self.exchange.read(kinds::SCAN_TIME, SCAN_TIME, &[], on_wait)?;
        let time = Duration::from_millis(u32_of(&self.exchange, SCAN_TIME, &time)?.into());
        let port = self.exchange.port();
        if active != self.config {
            let (wanted, found) = (self.config.into(), active.into());
            return Err(AnalyzerError::NotTaken { port, what: CONFIG, wanted, found });
        }
        // Estimates may be refined by what was measured.
        if time.abs_diff(self.scan_time) > self.scan_time / 5 {
            let milliseconds = |time: Duration| u64::try_from(time.as_millis()).unwrap_or(u64::MAX);
            let (wanted, found) = (milliseconds(self.scan_time), milliseconds(time));
            return Err(AnalyzerError::NotTaken { port, what: SCAN_TIME, wanted, found });
        }
        Ok(())
    }

    fn read_file(&mut self, file: u8, on_wait: &mut OnWait<'_>) -> Result<Vec<u8>, AnalyzerError> {
        const WHAT: &str = "the interpreted scan";
        let size = self.exchange.read(kinds::FILE_SIZE, WHAT, &[file], on_wait)?;
        let size = u32_of(&self.exchange, WHAT, &size)? as usize;
        if !(1..=FILE_MAX).contains(&size) {
            return Err(implausible(&self.exchange, WHAT, format!("{size} bytes")));
        }
        let mut bytes = Vec::with_capacity(size);
        while bytes.len() < size {
            let piece = self.exchange.read_piece(kinds::FILE_DATA, WHAT, on_wait)?;
            if piece.is_empty() || bytes.len() + piece.len() > size {
                let why = format!("a piece of {} bytes after {} of {size}", piece.len(), bytes.len());
                return Err(implausible(&self.exchange, WHAT, why));
            }
            bytes.extend(piece);
        }
        Ok(bytes)
    }
}

fn implausible(exchange: &Exchange, what: &'static str, why: String) -> AnalyzerError {
    AnalyzerError::Implausible { port: exchange.port(), what, why }
}

fn u32_of(exchange: &Exchange, what: &'static str, data: &[u8]) -> Result<u32, AnalyzerError> {
    let bytes = data.try_into().map_err(|_| implausible(exchange, what, format!("{} bytes", data.len())))?;
    Ok(u32::from_le_bytes(bytes))
}

fn serial_number(exchange: &mut Exchange, on_wait: &mut OnWait<'_>) -> Result<String, AnalyzerError> {
    const WHAT: &str = "the serial number";
    let serial = text(&exchange.read(kinds::SERIAL_NUMBER, WHAT, &[], on_wait)?);
    if serial.is_empty() {
        return Err(implausible(exchange, WHAT, "it is empty".to_owned()));
    }
    Ok(serial)
}

/// The first of the seven version numbers is that of the device's program. How it is divided is not documented, so that
/// it is shown as the number that it is.
fn firmware(versions: &[u8]) -> Option<String> {
    versions.first_chunk::<4>().map(|number| format!("{:#010x}", u32::from_le_bytes(*number)))
}

/// Printable text up to the first zero.
fn text(data: &[u8]) -> String {
    let text: String =
        data.iter().take_while(|b| **b != 0).filter(|b| (0x20..0x7F).contains(*b)).map(|b| char::from(*b)).collect();
    text.trim().to_owned()
}
