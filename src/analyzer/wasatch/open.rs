//! Opening a unit: the laser is commanded off first, then the unit is identified and its calibration read.

use std::fmt;
use std::ops::ControlFlow;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use super::exchange::Exchange;
use super::laser::{Port, lock};
use super::{CalibrationSource, Eeprom, PAGE, PAGES, WasatchLaser, WasatchOptions, WasatchSpectrometer, kinds};
use crate::analyzer::laser::Laser;
use crate::analyzer::spectrometer::OnWait;
use crate::analyzer::{AnalyzerError, Clock, DeviceIdentity, Kit, LaserState, Transport, TransportError};

/// Name of the driver in records.
pub const DRIVER: &str = concat!("wasatch-uart ", env!("CARGO_PKG_VERSION"));
/// Time that a unit needs to load an EEPROM page; that of the SPI port.
const PAGE_LOAD: Duration = Duration::from_millis(10);

/// A unit that was opened: spectrometer and laser share its port.
pub struct WasatchUnit {
    /// The laser, off. Dropped first, so that it goes off before the port closes.
    pub laser: Box<dyn Laser>,
    /// The spectrometer.
    pub spectrometer: WasatchSpectrometer,
    clock: Arc<dyn Clock>,
}

impl WasatchUnit {
    /// The unit with its laser inside something that watches over it.
    #[must_use]
    pub fn watched(self, watch: impl FnOnce(Box<dyn Laser>) -> Box<dyn Laser>) -> Self {
        Self { laser: watch(self.laser), ..self }
    }

    /// The unit as a kit. `excitation_nm` of the kit's settings goes before what the unit's calibration says.
    pub fn into_kit(self, excitation_nm: Option<f64>) -> Result<Kit, AnalyzerError> {
        let known = excitation_nm.or(self.spectrometer.calibration().excitation_nm);
        let excitation_nm = known.ok_or_else(|| AnalyzerError::NoCalibration {
            port: self.laser.identity().port.clone(),
            why: "the wavelength of its laser is not in it".to_owned(),
        })?;
        Kit::from_parts(Box::new(self.spectrometer), self.laser, excitation_nm, self.clock)
    }
}

/// Opens the unit on `link`: its laser is commanded off and must confirm it, then it is identified, its calibration read
/// and its cooler started. `clock` is the one of the link.
pub fn open(
    link: Box<dyn Transport>,
    clock: Arc<dyn Clock>,
    options: &WasatchOptions,
) -> Result<WasatchUnit, AnalyzerError> {
    let on_wait: &mut OnWait<'_> = &mut || ControlFlow::Continue(());
    let Dark { port, mut laser, mut who } = command_off(link, Arc::clone(&clock), options, on_wait)?;
    let name = laser.identity().port.clone();
    let calibration = match &options.calibration {
        CalibrationSource::Given(calibration) => calibration.as_ref().clone(),
        CalibrationSource::Eeprom => {
            let pages = read_pages(&mut lock(&port), on_wait)?;
            who.serial = Some(pages.serial());
            let calibration = pages.calibration(options.serial.as_deref());
            calibration.map_err(|error| AnalyzerError::Implausible {
                port: name.clone(),
                what: "its EEPROM",
                why: error.to_string(),
            })?
        }
    };
    if let Some(stated) = options.serial.as_ref().filter(|stated| stated.trim() != calibration.serial) {
        let (expected, found) = (stated.clone(), calibration.serial.clone());
        return Err(AnalyzerError::OtherDevice { port: name, expected, found });
    }
    let identity = DeviceIdentity {
        model: format!("Wasatch {}", calibration.model).trim().to_owned(),
        serial: calibration.serial.clone(),
        firmware: Some(who.firmware_words()),
        simulated: who.fpga.starts_with("EMU") || calibration.model.contains("EMU"),
        ..blank_identity(&name)
    };
    laser.configure(identity.clone(), calibration.laser);
    laser.end_modulation(on_wait)?;
    let spectrometer = WasatchSpectrometer::new(port, who, identity, calibration, options, on_wait)?;
    Ok(WasatchUnit { laser: Box::new(laser), spectrometer, clock })
}

/// Opens the laser of the unit on `link` alone, commanded off and confirmed: for whoever must make sure that it is off
/// and knows nothing of the unit.
pub fn open_laser(link: Box<dyn Transport>, clock: Arc<dyn Clock>) -> Result<WasatchLaser, AnalyzerError> {
    let on_wait: &mut OnWait<'_> = &mut || ControlFlow::Continue(());
    let Dark { mut laser, who, .. } = command_off(link, clock, &WasatchOptions::default(), on_wait)?;
    let name = laser.identity().port.clone();
    laser.configure(DeviceIdentity { firmware: Some(who.firmware_words()), ..blank_identity(&name) }, None);
    Ok(laser)
}

/// A unit whose laser is confirmed to be off.
struct Dark {
    port: Port,
    laser: WasatchLaser,
    who: Who,
}

fn command_off(
    link: Box<dyn Transport>,
    clock: Arc<dyn Clock>,
    options: &WasatchOptions,
    on_wait: &mut OnWait<'_>,
) -> Result<Dark, AnalyzerError> {
    let exchange = Exchange::new(link, clock, options.write_reply, options.byte_pause)?;
    let name = exchange.port();
    let port: Port = Arc::new(Mutex::new(exchange));
    let mut laser = WasatchLaser::new(Arc::clone(&port), blank_identity(&name));
    let state = laser.disable();
    let who = match who_answers(&mut lock(&port), false, on_wait) {
        Err(AnalyzerError::Link(TransportError::Timeout { .. }) | AnalyzerError::Damaged { .. }) => {
            return Err(AnalyzerError::NoSpectrometer { port: name });
        }
        other => other?,
    };
    match state {
        LaserState::Off => Ok(Dark { port, laser, who }),
        state => Err(AnalyzerError::LaserNotOff { port: name, state }),
    }
}

fn blank_identity(port: &str) -> DeviceIdentity {
    DeviceIdentity {
        model: "Wasatch".to_owned(),
        serial: String::new(),
        firmware: None,
        driver: DRIVER.to_owned(),
        port: port.to_owned(),
        simulated: false,
    }
}

/// By what a unit is known again.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Who {
    /// Firmware revision.
    pub firmware: String,
    /// FPGA revision.
    pub fpga: String,
    /// Serial number, where the unit can say it.
    pub serial: Option<String>,
}

impl Who {
    fn firmware_words(&self) -> String {
        format!("{}, FPGA {}", self.firmware, self.fpga)
    }
}

impl fmt::Display for Who {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.serial {
            Some(serial) => f.write_str(serial),
            None => write!(f, "firmware {}, FPGA {}", self.firmware, self.fpga),
        }
    }
}

/// Asks who answers.
pub(super) fn who_answers(
    port: &mut Exchange,
    with_serial: bool,
    on_wait: &mut OnWait<'_>,
) -> Result<Who, AnalyzerError> {
    let firmware = port.query(kinds::FIRMWARE_REVISION, "the firmware revision", 4..=4, on_wait)?;
    let firmware: Vec<String> = firmware.iter().map(u8::to_string).collect();
    let fpga = port.query(kinds::FPGA_REVISION, "the FPGA revision", 7..=7, on_wait)?;
    let fpga = fpga.iter().filter(|b| (0x20..0x7F).contains(*b)).map(|b| char::from(*b)).collect();
    let serial = if with_serial {
        let page = read_page(port, 0, on_wait)?;
        let text = page.iter().skip(16).take(16).take_while(|b| **b != 0);
        let text: String = text.filter(|b| (0x20..0x7F).contains(*b)).map(|b| char::from(*b)).collect();
        Some(text.trim().to_owned())
    } else {
        None
    };
    Ok(Who { firmware: firmware.join("."), fpga, serial })
}

fn read_pages(port: &mut Exchange, on_wait: &mut OnWait<'_>) -> Result<Eeprom, AnalyzerError> {
    let mut pages = [[0; PAGE]; PAGES];
    for (number, page) in (0..).zip(&mut pages) {
        *page = match read_page(port, number, on_wait) {
            Err(AnalyzerError::Refused { why, .. }) => {
                // On this port the code that loads a page may be that of the test pattern, which must not stay on.
                port.write(kinds::TEST_PATTERN, "the test pattern", &[0], on_wait)?;
                return Err(AnalyzerError::NoCalibration { port: port.port(), why: format!("its EEPROM: {why}") });
            }
            other => other?,
        };
    }
    Ok(Eeprom::new(pages))
}

/// Reads one EEPROM page by the commands of the SPI port.
fn read_page(port: &mut Exchange, number: u8, on_wait: &mut OnWait<'_>) -> Result<[u8; PAGE], AnalyzerError> {
    const WHAT: &str = "an EEPROM page";
    port.write(kinds::LOAD_PAGE, WHAT, &[kinds::PAGE_FLAG + number], on_wait)?;
    port.clock().sleep(PAGE_LOAD);
    let data = port.query(kinds::READ_PAGE, WHAT, PAGE..=PAGE, on_wait)?;
    data.as_slice().try_into().map_err(|_| AnalyzerError::Damaged {
        port: port.port(),
        what: WHAT,
        why: format!("{} bytes came", data.len()),
    })
}
