//! The spectrometer of a unit: settings with read-back, images, the cooler.

use std::ops::RangeInclusive;
use std::time::Duration;

use super::exchange::{Exchange, WriteEnd, line_time};
use super::laser::{Port, lock};
use super::open::{Who, who_answers};
use super::{Calibration, PixelOrder, WasatchOptions, kinds};
use crate::analyzer::spectrometer::{CoolerState, DetectorFacts, Limits, OnWait, Spectrometer};
use crate::analyzer::{AnalyzerError, DeviceIdentity, TransportError};

/// Greatest count of a 16-bit pixel. No source says at which count these detectors saturate.
const SATURATION_COUNTS: u32 = 65_535;
/// Integration times of units whose calibration does not name limits, ms: the field has 24 bits, the vendor's program
/// stops at this.
const INTEGRATION_MS: (u32, u32) = (1, 1_677_215);
/// Most readouts that are averaged here, on the host.
const AVERAGES_MAX: u16 = 1_000;
/// Detector sizes that are believed.
const PIXELS: RangeInclusive<usize> = 32..=16_384;
/// Distance from the setpoint, deg C, within which the detector's temperature is called stable; units do not say.
const STABLE_WITHIN_C: f64 = 0.5;
/// An image is in the wrong byte order when the other order is this much smoother.
const SMOOTHER: u64 = 4;
/// Short transactions of a complete preparation.
const PREPARE_TRANSACTIONS: u32 = 13;
const MICROSECONDS_A_MILLISECOND: u32 = 1_000;

/// The spectrometer of a unit.
pub struct WasatchSpectrometer {
    port: Port,
    who: Who,
    identity: DeviceIdentity,
    calibration: Calibration,
    limits: Limits,
    pixel_order: PixelOrder,
    gain: Option<f64>,
    integration_ms: u32,
    averages: u16,
}

impl WasatchSpectrometer {
    /// Reads the detector's size and starts its cooler.
    pub(super) fn new(
        port: Port,
        who: Who,
        identity: DeviceIdentity,
        calibration: Calibration,
        options: &WasatchOptions,
        on_wait: &mut OnWait<'_>,
    ) -> Result<Self, AnalyzerError> {
        let pixels = read_pixels(&mut lock(&port), on_wait)?;
        let (least, most) = calibration.integration_ms.unwrap_or(INTEGRATION_MS);
        // A laser that goes off by itself in the middle of an exposure would spoil it.
        let watchdog_s = calibration.laser.map_or(0, |laser| laser.watchdog_s);
        let most = if watchdog_s == 0 { most } else { most.min(u32::from(watchdog_s) * 1_000) };
        let limits = Limits {
            pixels,
            saturation_counts: SATURATION_COUNTS,
            integration_us_min: least.min(most).saturating_mul(MICROSECONDS_A_MILLISECOND),
            integration_us_max: most.min(INTEGRATION_MS.1).saturating_mul(MICROSECONDS_A_MILLISECOND),
            averages_max: AVERAGES_MAX,
        };
        let (pixel_order, gain) = (options.pixel_order, options.gain);
        let mut spectrometer =
            Self { port, who, identity, calibration, limits, pixel_order, gain, integration_ms: 0, averages: 1 };
        spectrometer.cool(on_wait)?;
        Ok(spectrometer)
    }

    /// What the unit, or the file, says of itself.
    pub const fn calibration(&self) -> &Calibration {
        &self.calibration
    }

    /// Tells the cooler to hold the temperature at which the unit was calibrated.
    fn cool(&mut self, on_wait: &mut OnWait<'_>) -> Result<(), AnalyzerError> {
        let Some(cooler) = self.calibration.cooler else { return Ok(()) };
        let setpoint = cooler.setpoint_counts(cooler.setpoint_c);
        let mut port = lock(&self.port);
        set(&mut port, kinds::TEC_SETPOINT, "the cooler's setpoint", &setpoint.to_le_bytes(), on_wait)?;
        set(&mut port, kinds::TEC_ENABLE, "the cooler", &[1], on_wait)
    }

    /// Looks at what was set before the integration time once more. A module that was restarted in between has lost it,
    /// and one that is restarted later loses the integration time, which every image is asked for.
    fn verify(&mut self, on_wait: &mut OnWait<'_>) -> Result<(), AnalyzerError> {
        let mut port = lock(&self.port);
        if let Some(cooler) = self.calibration.cooler {
            let setpoint = cooler.setpoint_counts(cooler.setpoint_c).to_le_bytes();
            expect(&mut port, kinds::TEC_SETPOINT, "the cooler's setpoint", &setpoint, on_wait)?;
            expect(&mut port, kinds::TEC_ENABLE, "the cooler", &[1], on_wait)?;
        }
        if let Some(gain) = self.gain {
            expect(&mut port, kinds::DETECTOR_GAIN, "the gain", &gain_bytes(gain), on_wait)?;
        }
        Ok(())
    }

    fn counts(&self, bytes: &[u8]) -> Result<Vec<u32>, AnalyzerError> {
        let counts = self.pixel_order.counts(bytes);
        let other = self.pixel_order.other();
        if roughness(&counts) / SMOOTHER <= roughness(&other.counts(bytes)) {
            return Ok(counts);
        }
        let name = match other {
            PixelOrder::BigEndian => "high byte first",
            PixelOrder::LittleEndian => "low byte first",
        };
        Err(AnalyzerError::Implausible {
            port: self.identity.port.clone(),
            what: "an image",
            why: format!("the two bytes of a pixel seem to be swapped: set the pixel order of this kit to '{name}'"),
        })
    }
}

impl Spectrometer for WasatchSpectrometer {
    fn identity(&self) -> &DeviceIdentity {
        &self.identity
    }

    fn limits(&self) -> Limits {
        self.limits
    }

    fn integration_step_us(&self) -> u32 {
        MICROSECONDS_A_MILLISECOND
    }

    fn wavelength_coefficients_nm(&self) -> &[f64] {
        &self.calibration.wavelength_coefficients_nm
    }

    fn detector_facts(&self) -> DetectorFacts {
        DetectorFacts {
            nonlinearity_coefficients: self.calibration.linearity_coefficients.clone(),
            bad_pixels: self.calibration.bad_pixels.clone(),
            electric_dark_pixels: Vec::new(),
        }
    }

    fn cooler(&mut self, on_wait: &mut OnWait<'_>) -> Result<Option<CoolerState>, AnalyzerError> {
        let Some(cooler) = self.calibration.cooler else { return Ok(None) };
        let mut port = lock(&self.port);
        let wanted = cooler.setpoint_counts(cooler.setpoint_c);
        expect(&mut port, kinds::TEC_SETPOINT, "the cooler's setpoint", &wanted.to_le_bytes(), on_wait)?;
        let enabled = number(&mut port, kinds::TEC_ENABLE, "the cooler", 1..=1, on_wait)? == 1;
        let counts = number(&mut port, kinds::DETECTOR_TEMPERATURE, "the temperature", 2..=2, on_wait)?;
        let detector_c = cooler.temperature_c(counts as u16);
        Ok(Some(CoolerState {
            setpoint_c: cooler.setpoint_c as f32,
            detector_c: detector_c as f32,
            stable: enabled && (detector_c - cooler.setpoint_c).abs() <= STABLE_WITHIN_C,
        }))
    }

    fn prepare(&mut self, integration_us: u32, averages: u16, on_wait: &mut OnWait<'_>) -> Result<(), AnalyzerError> {
        let found = who_answers(&mut lock(&self.port), self.who.serial.is_some(), on_wait)?;
        if found != self.who {
            let (expected, found) = (self.who.to_string(), found.to_string());
            return Err(AnalyzerError::OtherDevice { port: self.identity.port.clone(), expected, found });
        }
        if !integration_us.is_multiple_of(MICROSECONDS_A_MILLISECOND) {
            return Err(AnalyzerError::NotAStep {
                port: self.identity.port.clone(),
                what: "an integration time in microseconds",
                wanted: integration_us.into(),
                step: MICROSECONDS_A_MILLISECOND.into(),
            });
        }
        self.cool(on_wait)?;
        if let Some(gain) = self.gain {
            set(&mut lock(&self.port), kinds::DETECTOR_GAIN, "the gain", &gain_bytes(gain), on_wait)?;
        }
        self.integration_ms = integration_us / MICROSECONDS_A_MILLISECOND;
        let bytes = integration_bytes(self.integration_ms);
        set(&mut lock(&self.port), kinds::INTEGRATION_TIME, INTEGRATION, &bytes, on_wait)?;
        self.verify(on_wait)?;
        self.set_averages(averages, on_wait)
    }

    fn set_averages(&mut self, averages: u16, _on_wait: &mut OnWait<'_>) -> Result<(), AnalyzerError> {
        self.averages = averages.max(1);
        Ok(())
    }

    fn acquire(&mut self, on_wait: &mut OnWait<'_>) -> Result<Vec<u32>, AnalyzerError> {
        let exposure = Duration::from_millis(self.integration_ms.into());
        let mut mean = Mean::of(self.limits.pixels);
        for _ in 0..self.averages {
            let mut port = lock(&self.port);
            let bytes = port.image(2 * self.limits.pixels, exposure, on_wait)?;
            // Pixels carry no checksum: that the answer to this question follows them at once proves that none was lost
            // or added, and what it says that the unit was not restarted.
            let wanted = integration_bytes(self.integration_ms);
            let found = port.query_behind_image(kinds::INTEGRATION_TIME, "the end of an image", 3..=3, on_wait)?;
            if found != wanted {
                return Err(not_taken(&port, INTEGRATION, &wanted, &found));
            }
            drop(port);
            mean.add(&self.counts(&bytes)?);
        }
        Ok(mean.counts())
    }

    fn temperatures_c(&mut self, on_wait: &mut OnWait<'_>) -> Result<Vec<f32>, AnalyzerError> {
        let Some(cooler) = self.calibration.cooler else { return Ok(Vec::new()) };
        let mut port = lock(&self.port);
        let counts = number(&mut port, kinds::DETECTOR_TEMPERATURE, "the temperature", 2..=2, on_wait)?;
        Ok(vec![cooler.temperature_c(counts as u16) as f32])
    }

    fn abort(&mut self) {
        // The protocol has no abort: the unit finishes its image, and the next question waits for it.
    }

    fn expected_prepare(&self) -> Duration {
        lock(&self.port).expected() * PREPARE_TRANSACTIONS
    }

    fn expected_acquire(&self, integration_us: u32, averages: u16) -> Duration {
        let port = lock(&self.port);
        let image = Duration::from_micros(integration_us.into()) + line_time(2 * self.limits.pixels);
        (image + 2 * port.expected()) * u32::from(averages.max(1))
    }
}

const INTEGRATION: &str = "the integration time in milliseconds";

/// The mean of several images. A pixel that was saturated in one of them stays saturated: averaging must not hide it.
struct Mean {
    sums: Vec<u64>,
    saturated: Vec<bool>,
    images: u64,
}

impl Mean {
    fn of(pixels: usize) -> Self {
        Self { sums: vec![0; pixels], saturated: vec![false; pixels], images: 0 }
    }

    fn add(&mut self, counts: &[u32]) {
        self.images += 1;
        for ((sum, saturated), count) in self.sums.iter_mut().zip(&mut self.saturated).zip(counts) {
            *sum += u64::from(*count);
            *saturated |= *count >= SATURATION_COUNTS;
        }
    }

    fn counts(&self) -> Vec<u32> {
        let images = self.images.max(1);
        let mean = |sum: &u64| u32::try_from((sum + images / 2) / images).unwrap_or(SATURATION_COUNTS);
        let pixels = self.sums.iter().zip(&self.saturated);
        pixels.map(|(sum, saturated)| if *saturated { SATURATION_COUNTS } else { mean(sum) }).collect()
    }
}

/// Sum of the steps from pixel to pixel.
fn roughness(counts: &[u32]) -> u64 {
    counts.iter().zip(counts.iter().skip(1)).map(|(a, b)| u64::from(a.abs_diff(*b))).sum()
}

/// 24 bits, low byte first.
fn integration_bytes(milliseconds: u32) -> [u8; 3] {
    let [low, middle, high, _] = milliseconds.to_le_bytes();
    [low, middle, high]
}

/// Whole part and 256ths, low byte first: 24.0 is 0x1800.
fn gain_bytes(gain: f64) -> [u8; 2] {
    ((gain * 256.0).round().clamp(0.0, f64::from(u16::MAX)) as u16).to_le_bytes()
}

fn read_pixels(port: &mut Exchange, on_wait: &mut OnWait<'_>) -> Result<usize, AnalyzerError> {
    const WHAT: &str = "the pixel count";
    let pixels = number(port, kinds::PIXEL_COUNT, WHAT, 2..=2, on_wait)? as usize;
    if PIXELS.contains(&pixels) {
        return Ok(pixels);
    }
    Err(AnalyzerError::Implausible { port: port.port(), what: WHAT, why: pixels.to_string() })
}

/// An unsigned number of a few bytes, low byte first.
fn number(
    port: &mut Exchange,
    command: u8,
    what: &'static str,
    bytes: RangeInclusive<usize>,
    on_wait: &mut OnWait<'_>,
) -> Result<u32, AnalyzerError> {
    Ok(little_endian(&port.query(command, what, bytes, on_wait)?) as u32)
}

fn little_endian(bytes: &[u8]) -> u64 {
    bytes.iter().rev().fold(0, |sum, b| (sum << 8) | u64::from(*b))
}

/// A setting that must take: written, read back, compared.
fn set(
    port: &mut Exchange,
    command: u8,
    what: &'static str,
    data: &[u8],
    on_wait: &mut OnWait<'_>,
) -> Result<(), AnalyzerError> {
    let end = port.write(command, what, data, on_wait)?;
    match expect(port, command, what, data, on_wait) {
        // Neither the write nor the reading back was answered.
        Err(AnalyzerError::Refused { .. }) if end == WriteEnd::Unconfirmed => {
            Err(TransportError::Timeout { port: port.port() }.into())
        }
        end => end,
    }
}

/// Reads a setting that must be `wanted`.
fn expect(
    port: &mut Exchange,
    command: u8,
    what: &'static str,
    wanted: &[u8],
    on_wait: &mut OnWait<'_>,
) -> Result<(), AnalyzerError> {
    let found = port.query(command, what, wanted.len()..=wanted.len(), on_wait)?;
    if found == wanted { Ok(()) } else { Err(not_taken(port, what, wanted, &found)) }
}

fn not_taken(port: &Exchange, what: &'static str, wanted: &[u8], found: &[u8]) -> AnalyzerError {
    AnalyzerError::NotTaken { port: port.port(), what, wanted: little_endian(wanted), found: little_endian(found) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_go_out_as_the_protocol_writes_them() {
        assert_eq!(integration_bytes(100), [0x64, 0, 0]);
        assert_eq!(integration_bytes(16_777_215), [0xFF; 3]);
        assert_eq!(gain_bytes(24.0), 0x1800_u16.to_le_bytes());
        assert_eq!(gain_bytes(1.9), 0x01E6_u16.to_le_bytes());
        assert_eq!(little_endian(&[0x64, 1, 0]), 356);
    }

    #[test]
    fn a_pixel_saturated_once_stays_saturated_in_the_mean() {
        let mut mean = Mean::of(3);
        mean.add(&[10, 65_535, 100]);
        mean.add(&[13, 20_000, 101]);
        assert_eq!(mean.counts(), [12, 65_535, 101]);
    }

    #[test]
    fn swapped_pixel_bytes_are_rougher() {
        let counts: Vec<u32> = (0..1_024_u32).map(|p| 900 + (p * 7) % 5 + p / 3).collect();
        let bytes = PixelOrder::BigEndian.bytes(&counts);
        let (right, wrong) = (PixelOrder::BigEndian.counts(&bytes), PixelOrder::LittleEndian.counts(&bytes));
        assert_eq!(right, counts);
        assert!(roughness(&wrong) > SMOOTHER * roughness(&right));
    }
}
