//! What an emulated OBP spectrometer says to every message type that its model has. Data that are wrong are refused with
//! the number that says why, as far as the protocol's list of numbers is known.

use std::time::Duration;

use crate::analyzer::obp::codec::{Checksum, Message};
use crate::analyzer::obp::{device_error, kinds};

use super::Fault;
use super::obp_device::{MANUFACTURER, ObpDevice};
use super::obp_model::{
    ALIAS_LENGTH, BAUDS, BUFFER_MAX, DELAY_MAX_US, PINS, SETPOINTS_C, Stored, USER_STRING_LENGTH, USER_STRINGS,
};

/// Data of an answer; nothing for a set or for an answer that comes later; or the error number of a refusal.
pub(super) type Outcome = Result<Option<Vec<u8>>, u16>;

const DONE: Outcome = Ok(None);

impl ObpDevice {
    /// What the unit does and says.
    pub(super) fn act(&mut self, request: &Message, now: Duration) -> Outcome {
        let kind = request.kind;
        let data = request.data.as_slice();
        match kind {
            0..0x10_0000 => self.act_on_unit(kind, data, now),
            0x10_0000..0x11_0000 => self.act_on_spectra(request, now),
            0x11_0000..0x18_0000 => self.act_on_exposure(kind, data, now),
            0x18_0000..0x20_0000 => self.act_on_calibration(kind, data),
            0x20_0000..0x40_0000 => self.act_on_pins(kind, data),
            _ => self.act_on_climate(kind, data, now),
        }
    }

    /// Identity, line, user strings.
    fn act_on_unit(&mut self, kind: u32, data: &[u8], now: Duration) -> Outcome {
        match kind {
            kinds::RESET => self.power_up(now),
            kinds::RESET_DEFAULTS => {
                self.stored = Stored::factory(&self.bench.unit(), self.unit.baud);
                self.power_up(now);
            }
            kinds::SET_CHECKSUM_TYPE => {
                self.checksum = match byte(data)? {
                    0 => Checksum::None,
                    1 => Checksum::Md5,
                    _ => return Err(device_error::UNKNOWN_CHECKSUM),
                };
            }
            kinds::HARDWARE_REVISION => return say(&[1]),
            kinds::FIRMWARE_REVISION => return say(&0x0100_u16.to_le_bytes()),
            kinds::SERIAL_NUMBER => return say(self.serial().as_bytes()),
            kinds::SERIAL_NUMBER_LENGTH | kinds::ALIAS_LENGTH => return say(&[ALIAS_LENGTH as u8]),
            kinds::ALIAS => return say(&self.stored.alias),
            kinds::SET_ALIAS if data.len() <= ALIAS_LENGTH => self.stored.alias = data.to_vec(),
            kinds::SET_ALIAS => return Err(device_error::LENGTH_MISMATCH),
            kinds::USER_STRING_COUNT => return say(&[USER_STRINGS as u8]),
            kinds::USER_STRING_LENGTH => return say(&(USER_STRING_LENGTH as u16).to_le_bytes()),
            kinds::USER_STRING => return say(indexed(&self.stored.user_strings, data)?),
            kinds::SET_USER_STRING => {
                let (index, text) = data.split_first().ok_or(device_error::LENGTH_MISMATCH)?;
                if text.len() > USER_STRING_LENGTH {
                    return Err(device_error::LENGTH_MISMATCH);
                }
                let place = self.stored.user_strings.get_mut(usize::from(*index)).ok_or(device_error::DATA_INVALID)?;
                *place = text.to_vec();
            }
            kinds::BAUD => return say(&self.baud.to_le_bytes()),
            kinds::SET_BAUD => {
                self.baud = Some(word(data)?).filter(|b| BAUDS.contains(b)).ok_or(device_error::DATA_INVALID)?;
            }
            kinds::FLOW_CONTROL => return say(&[self.flow_control]),
            // Its line has no wires for another kind.
            kinds::SET_FLOW_CONTROL => set_byte(&mut self.flow_control, data, 0)?,
            kinds::SAVE_SERIAL_SETTINGS => {
                nothing(data)?;
                (self.stored.baud, self.stored.flow_control) = (self.baud, self.flow_control);
            }
            kinds::USB_VENDOR_ID => return say(&0x2457_u16.to_le_bytes()),
            kinds::USB_PRODUCT_ID => return say(&self.facts.usb_product.to_le_bytes()),
            kinds::MANUFACTURER => return say(MANUFACTURER.as_bytes()),
            kinds::PRODUCT => return say(self.facts.product.as_bytes()),
            kinds::SET_STATUS_LED => {
                byte(data)?;
            }
            _ => return Err(device_error::UNKNOWN_TYPE),
        }
        DONE
    }

    /// Spectra and their buffer.
    fn act_on_spectra(&mut self, request: &Message, now: Duration) -> Outcome {
        let data = request.data.as_slice();
        let (wide, kind) = (self.facts.buffered, request.kind);
        let counts = |value: u32| say(&value.to_le_bytes()[..if wide { 4 } else { 2 }]);
        match kind {
            kinds::ABORT => {
                self.stop_acquiring();
                self.line.clear();
            }
            kinds::IDLE => return say(&[u8::from(self.acquiring.is_none())]),
            kinds::MAX_COUNTS => return counts(self.facts.detector.max_counts),
            kinds::SATURATION_COUNTS => return counts(self.facts.saturation_counts),
            kinds::BASELINE_COUNTS => return counts(self.facts.detector.offset_counts as u32),
            kinds::CORRECTED_SPECTRUM | kinds::RAW_SPECTRUM if !wide => self.begin(Some(request), now)?,
            kinds::SET_PARTIAL_SPECTRUM if !wide => {
                let (pairs, rest) = data.as_chunks::<2>();
                let [mode, start, increment, count] = *pairs else { return Err(device_error::LENGTH_MISMATCH) };
                let [mode, start, increment, count] =
                    [mode, start, increment, count].map(|p| usize::from(u16::from_le_bytes(p)));
                let last = start + increment * count.saturating_sub(1);
                if !rest.is_empty() || mode != 2 || increment == 0 || count == 0 || last >= self.facts.detector.pixels {
                    return Err(device_error::DATA_INVALID);
                }
                self.settings.partial = Some((start, increment, count));
            }
            kinds::PARTIAL_SPECTRUM if !wide => {
                self.settings.partial.ok_or(device_error::NOT_READY)?;
                self.begin(Some(request), now)?;
            }
            kinds::BUFFER_SIZE_MAX if wide => return say(&BUFFER_MAX.to_le_bytes()),
            kinds::BUFFER_SIZE if wide => return say(&self.settings.buffer_size.to_le_bytes()),
            kinds::SET_BUFFER_SIZE if wide => {
                let size = word(data)?;
                if !(1..=BUFFER_MAX).contains(&size) {
                    return Err(device_error::DATA_INVALID);
                }
                self.settings.buffer_size = size;
                let excess = self.buffer.len().saturating_sub(size as usize);
                self.buffer.drain(..excess);
            }
            kinds::CLEAR_BUFFER if wide => self.buffer.clear(),
            kinds::REMOVE_OLDEST if wide => {
                let count = (word(data)? as usize).min(self.buffer.len());
                self.buffer.drain(..count);
            }
            kinds::BUFFERED_COUNT if wide => return say(&(self.buffer.len() as u32).to_le_bytes()),
            kinds::ACQUIRE_INTO_BUFFER if wide => self.begin(None, now)?,
            kinds::BUFFERED_SPECTRUM if wide => match self.buffer.pop_front() {
                Some(spectrum) => return Ok(Some(spectrum)),
                None if self.acquiring.is_none() => self.begin(Some(request), now)?,
                None if self.waiting.is_none() => self.waiting = Some(request.clone()),
                None => return Err(device_error::NOT_READY),
            },
            _ => return Err(device_error::UNKNOWN_TYPE),
        }
        DONE
    }

    /// How spectra are taken.
    fn act_on_exposure(&mut self, kind: u32, data: &[u8], now: Duration) -> Outcome {
        let (shortest, longest) = self.facts.integration_us;
        let detector = self.facts.detector;
        match kind {
            kinds::INTEGRATION_TIME => return say(&self.settings.integration_us.unwrap_or(shortest).to_le_bytes()),
            kinds::INTEGRATION_TIME_MIN => return say(&shortest.to_le_bytes()),
            kinds::INTEGRATION_TIME_MAX => return say(&longest.to_le_bytes()),
            kinds::INTEGRATION_TIME_STEP | kinds::ACQUISITION_DELAY_STEP => return say(&1_u32.to_le_bytes()),
            kinds::SET_INTEGRATION_TIME => {
                let wanted = Some(word(data)?).filter(|us| (shortest..=longest).contains(us));
                self.settings.integration_us = Some(wanted.ok_or(device_error::DATA_INVALID)?);
            }
            kinds::TRIGGER_MODE => return say(&[self.settings.trigger]),
            kinds::SET_TRIGGER_MODE => set_byte(&mut self.settings.trigger, data, self.facts.trigger_max)?,
            kinds::TRIGGER_PULSE => {
                nothing(data)?;
                self.trigger(now);
            }
            kinds::PIXEL_COUNT => return say(&(detector.pixels as u32).to_le_bytes()),
            kinds::ACTIVE_PIXELS => {
                let active: Vec<usize> = (0..detector.pixels).filter(|p| !detector.masked(*p)).collect();
                return ranges(&active.first().copied().zip(active.last().copied()).into_iter().collect::<Vec<_>>());
            }
            kinds::OPTICAL_DARK_PIXELS => return ranges(detector.optical_dark),
            kinds::ELECTRIC_DARK_PIXELS => return ranges(detector.electric_dark),
            kinds::BINNING => return say(&[self.settings.binning]),
            kinds::BINNING_MAX => return say(&[self.facts.binning_max]),
            kinds::BINNING_DEFAULT => return say(&[self.stored.binning]),
            kinds::SET_BINNING => set_byte(&mut self.settings.binning, data, self.facts.binning_max)?,
            kinds::SET_BINNING_DEFAULT => set_byte(&mut self.stored.binning, data, self.facts.binning_max)?,
            kinds::LAMP_ENABLE => return say(&[self.settings.lamp]),
            kinds::SET_LAMP_ENABLE => {
                set_byte(&mut self.settings.lamp, data, 1)?;
                self.lamp_changed(now);
            }
            kinds::ACQUISITION_DELAY => return say(&self.settings.delay_us.to_le_bytes()),
            kinds::ACQUISITION_DELAY_MIN => return say(&0_u32.to_le_bytes()),
            kinds::ACQUISITION_DELAY_MAX => return say(&DELAY_MAX_US.to_le_bytes()),
            kinds::SET_ACQUISITION_DELAY => {
                let wanted = Some(word(data)?).filter(|us| *us <= DELAY_MAX_US);
                self.settings.delay_us = wanted.ok_or(device_error::DATA_INVALID)?;
            }
            kinds::SET_SHUTTER => set_byte(&mut self.settings.shutter, data, 1)?,
            kinds::SCANS_TO_AVERAGE => return say(&self.settings.averages.to_le_bytes()),
            kinds::SET_SCANS_TO_AVERAGE => {
                let wanted = u16::from_le_bytes(data.try_into().map_err(|_| device_error::LENGTH_MISMATCH)?);
                if !(1..=self.facts.averages_max).contains(&wanted) {
                    return Err(device_error::DATA_INVALID);
                }
                self.settings.averages = wanted;
            }
            kinds::BOXCAR => return say(&[self.settings.boxcar]),
            kinds::SET_BOXCAR => set_byte(&mut self.settings.boxcar, data, 15)?,
            _ => return Err(device_error::UNKNOWN_TYPE),
        }
        DONE
    }

    /// Calibrations and the optical bench.
    fn act_on_calibration(&mut self, kind: u32, data: &[u8]) -> Outcome {
        let stored = &mut self.stored;
        let count = |all: &[f32]| say(&[all.len() as u8]);
        match kind {
            kinds::WAVELENGTH_COEFFICIENT_COUNT => return count(&stored.wavelength),
            kinds::WAVELENGTH_COEFFICIENT => return say(&indexed(&stored.wavelength, data)?.to_le_bytes()),
            kinds::SET_WAVELENGTH_COEFFICIENT => set_indexed(&mut stored.wavelength, data)?,
            kinds::NONLINEARITY_COEFFICIENT_COUNT => return count(&stored.nonlinearity),
            kinds::NONLINEARITY_COEFFICIENT => return say(&indexed(&stored.nonlinearity, data)?.to_le_bytes()),
            kinds::SET_NONLINEARITY_COEFFICIENT => set_indexed(&mut stored.nonlinearity, data)?,
            kinds::STRAY_LIGHT_COEFFICIENT_COUNT => return count(&stored.stray_light),
            kinds::STRAY_LIGHT_COEFFICIENT => return say(&indexed(&stored.stray_light, data)?.to_le_bytes()),
            kinds::SET_STRAY_LIGHT_COEFFICIENT => set_indexed(&mut stored.stray_light, data)?,
            kinds::IRRADIANCE_CALIBRATION if stored.irradiance.is_empty() => return Err(device_error::NO_INFORMATION),
            kinds::IRRADIANCE_CALIBRATION => return say(&stored.irradiance),
            kinds::SET_IRRADIANCE_CALIBRATION if data.len() == 4 * self.facts.detector.pixels => {
                stored.irradiance = data.to_vec();
            }
            kinds::SET_IRRADIANCE_CALIBRATION => return Err(device_error::LENGTH_MISMATCH),
            kinds::HOT_PIXELS => return Ok(Some(stored.hot_pixels.iter().flat_map(|p| p.to_le_bytes()).collect())),
            kinds::SET_HOT_PIXELS => {
                let (words, rest) = data.as_chunks::<4>();
                let pixels: Vec<u32> = words.iter().map(|w| u32::from_le_bytes(*w)).collect();
                if !rest.is_empty() {
                    return Err(device_error::LENGTH_MISMATCH);
                }
                if pixels.iter().any(|p| *p as usize >= self.facts.detector.pixels) {
                    return Err(device_error::DATA_INVALID);
                }
                stored.hot_pixels = pixels;
            }
            kinds::BENCH_ID => return say(self.facts.bench_id.as_bytes()),
            kinds::BENCH_SERIAL => return say(format!("B{:05}", self.unit.serial_number % 100_000).as_bytes()),
            kinds::SLIT_UM => return say(&25_u16.to_le_bytes()),
            kinds::FIBRE_UM => return say(&400_u16.to_le_bytes()),
            kinds::GRATING => return say(b"1200 per mm at 750 nm"),
            kinds::FILTER => return say(b"long pass 798 nm"),
            kinds::COATING => return say(b"none"),
            kinds::DETECTOR_SERIAL => return say(format!("D{:05}", self.unit.serial_number % 100_000).as_bytes()),
            _ => return Err(device_error::UNKNOWN_TYPE),
        }
        DONE
    }

    /// General-purpose pins and strobes.
    fn act_on_pins(&mut self, kind: u32, data: &[u8]) -> Outcome {
        match kind {
            kinds::PIN_COUNT => return say(&[PINS]),
            kinds::PIN_OUTPUTS => return say(&self.settings.pin_outputs.to_le_bytes()),
            kinds::SET_PIN_OUTPUTS => set_masked(&mut self.settings.pin_outputs, data)?,
            kinds::PIN_LEVELS => return say(&self.settings.pin_levels.to_le_bytes()),
            kinds::SET_PIN_LEVELS => set_masked(&mut self.settings.pin_levels, data)?,
            kinds::SET_STROBE_DELAY | kinds::SET_STROBE_WIDTH | kinds::SET_CONTINUOUS_STROBE_PERIOD => {
                word(data)?;
            }
            kinds::SET_STROBE_ENABLE | kinds::SET_CONTINUOUS_STROBE_ENABLE => set_byte(&mut 0, data, 1)?,
            _ => return Err(device_error::UNKNOWN_TYPE),
        }
        DONE
    }

    /// Temperatures, cooler, laser.
    fn act_on_climate(&mut self, kind: u32, data: &[u8], now: Duration) -> Outcome {
        let temperatures = self.temperatures(now);
        let (cooled, laser) = (self.facts.cooled, self.facts.laser);
        match kind {
            kinds::TEMPERATURE_COUNT => return say(&[temperatures.len() as u8]),
            kinds::TEMPERATURE => return say(&indexed(&temperatures, data)?.to_le_bytes()),
            kinds::TEMPERATURES => return Ok(Some(temperatures.iter().flat_map(|t| t.to_le_bytes()).collect())),
            kinds::COOLER_ENABLE if cooled => return say(&[u8::from(self.cooler.enabled)]),
            kinds::COOLER_SETPOINT if cooled => return say(&self.cooler.setpoint_c.to_le_bytes()),
            kinds::COOLER_STABLE if cooled => {
                return say(&[u8::from(self.cooler.stable(now, self.faults.is_on(Fault::TecUnstable)))]);
            }
            kinds::COOLER_TEMPERATURE if cooled => return say(&self.detector_c(now).to_le_bytes()),
            kinds::SET_COOLER_ENABLE if cooled => {
                let mut enabled = 0;
                set_byte(&mut enabled, data, 1)?;
                self.cooler.change(enabled == 1, self.cooler.setpoint_c, now);
            }
            kinds::SET_COOLER_SETPOINT if cooled => {
                let wanted = Some(float(data)?).filter(|c| SETPOINTS_C.contains(c));
                self.cooler.change(self.cooler.enabled, wanted.ok_or(device_error::DATA_INVALID)?, now);
            }
            kinds::LIGHT_SOURCE_ENABLE if laser => {
                only_source(data)?;
                let lie = self.faults.shows(Fault::OnButReadsOff);
                return say(&[if lie { 0 } else { u8::from(self.bench.laser_shines()) }]);
            }
            kinds::SET_LIGHT_SOURCE_ENABLE if laser => {
                let (source, enable) = data.split_at_checked(2).ok_or(device_error::LENGTH_MISMATCH)?;
                only_source(source)?;
                let mut enabled = 0;
                set_byte(&mut enabled, enable, 1)?;
                if enabled == 1 && self.faults.is_on(Fault::InterlockOpen) {
                    return Err(device_error::NOT_READY);
                }
                self.shine(enabled == 1, now);
            }
            kinds::LIGHT_SOURCE_INTENSITY if laser => {
                only_source(data)?;
                return say(&self.settings.laser_intensity.to_le_bytes());
            }
            kinds::SET_LIGHT_SOURCE_INTENSITY if laser => {
                let (source, intensity) = data.split_at_checked(2).ok_or(device_error::LENGTH_MISMATCH)?;
                only_source(source)?;
                let wanted = Some(float(intensity)?).filter(|i| (0.0..=1.0).contains(i));
                self.settings.laser_intensity = wanted.ok_or(device_error::DATA_INVALID)?;
                self.bench.set_laser_power(f64::from(self.settings.laser_intensity), now);
            }
            _ => return Err(device_error::UNKNOWN_TYPE),
        }
        DONE
    }
}

/// Types that change something; all others ask.
pub(super) const fn is_set(kind: u32) -> bool {
    matches!(
        kind,
        kinds::RESET
            | kinds::RESET_DEFAULTS
            | kinds::SET_CHECKSUM_TYPE
            | kinds::SET_ALIAS
            | kinds::SET_USER_STRING
            | kinds::SET_BAUD
            | kinds::SET_FLOW_CONTROL
            | kinds::SAVE_SERIAL_SETTINGS
            | kinds::SET_STATUS_LED
            | kinds::ABORT
            | kinds::CLEAR_BUFFER
            | kinds::REMOVE_OLDEST
            | kinds::SET_BUFFER_SIZE
            | kinds::ACQUIRE_INTO_BUFFER
            | kinds::SET_PARTIAL_SPECTRUM
            | kinds::SET_INTEGRATION_TIME
            | kinds::SET_TRIGGER_MODE
            | kinds::TRIGGER_PULSE
            | kinds::SET_BINNING
            | kinds::SET_BINNING_DEFAULT
            | kinds::SET_LAMP_ENABLE
            | kinds::SET_ACQUISITION_DELAY
            | kinds::SET_SHUTTER
            | kinds::SET_SCANS_TO_AVERAGE
            | kinds::SET_BOXCAR
            | kinds::SET_WAVELENGTH_COEFFICIENT
            | kinds::SET_NONLINEARITY_COEFFICIENT
            | kinds::SET_STRAY_LIGHT_COEFFICIENT
            | kinds::SET_IRRADIANCE_CALIBRATION
            | kinds::SET_HOT_PIXELS
            | kinds::SET_PIN_OUTPUTS
            | kinds::SET_PIN_LEVELS
            | kinds::SET_STROBE_DELAY
            | kinds::SET_STROBE_WIDTH
            | kinds::SET_STROBE_ENABLE
            | kinds::SET_CONTINUOUS_STROBE_PERIOD
            | kinds::SET_CONTINUOUS_STROBE_ENABLE
            | kinds::SET_COOLER_ENABLE
            | kinds::SET_COOLER_SETPOINT
            | kinds::SET_LIGHT_SOURCE_ENABLE
            | kinds::SET_LIGHT_SOURCE_INTENSITY
    )
}

/// Questions that carry the index of what they ask for.
pub(super) const fn takes_data(kind: u32) -> bool {
    matches!(
        kind,
        kinds::USER_STRING
            | kinds::WAVELENGTH_COEFFICIENT
            | kinds::NONLINEARITY_COEFFICIENT
            | kinds::STRAY_LIGHT_COEFFICIENT
            | kinds::TEMPERATURE
            | kinds::LIGHT_SOURCE_ENABLE
            | kinds::LIGHT_SOURCE_INTENSITY
    )
}

#[expect(clippy::unnecessary_wraps, reason = "it stands for the outcome of a message, among others that fail")]
fn say(bytes: &[u8]) -> Outcome {
    Ok(Some(bytes.to_vec()))
}

fn nothing(data: &[u8]) -> Result<(), u16> {
    if data.is_empty() { Ok(()) } else { Err(device_error::LENGTH_MISMATCH) }
}

fn byte(data: &[u8]) -> Result<u8, u16> {
    match data {
        [value] => Ok(*value),
        _ => Err(device_error::LENGTH_MISMATCH),
    }
}

fn word(data: &[u8]) -> Result<u32, u16> {
    data.try_into().map(u32::from_le_bytes).map_err(|_| device_error::LENGTH_MISMATCH)
}

fn float(data: &[u8]) -> Result<f32, u16> {
    word(data).map(f32::from_bits)
}

fn set_byte(place: &mut u8, data: &[u8], most: u8) -> Result<(), u16> {
    let wanted = byte(data)?;
    if wanted > most {
        return Err(device_error::DATA_INVALID);
    }
    *place = wanted;
    Ok(())
}

/// Bits of a value where a mask is set.
fn set_masked(place: &mut u32, data: &[u8]) -> Result<(), u16> {
    let (value, mask) = data.split_at_checked(4).ok_or(device_error::LENGTH_MISMATCH)?;
    let (value, mask) = (word(value)?, word(mask)?);
    if mask >> PINS != 0 {
        return Err(device_error::DATA_INVALID);
    }
    *place = *place & !mask | value & mask;
    Ok(())
}

/// The light source of a Ventana: module 0, source 0.
fn only_source(data: &[u8]) -> Result<(), u16> {
    match data {
        [0, 0] => Ok(()),
        [_, _] => Err(device_error::DATA_INVALID),
        _ => Err(device_error::LENGTH_MISMATCH),
    }
}

fn indexed<'a, T>(all: &'a [T], data: &[u8]) -> Result<&'a T, u16> {
    all.get(usize::from(byte(data)?)).ok_or(device_error::DATA_INVALID)
}

fn set_indexed(all: &mut [f32], data: &[u8]) -> Result<(), u16> {
    let (index, value) = data.split_first().ok_or(device_error::LENGTH_MISMATCH)?;
    let value = float(value)?;
    let place = all.get_mut(usize::from(*index)).ok_or(device_error::DATA_INVALID)?;
    if !value.is_finite() {
        return Err(device_error::DATA_INVALID);
    }
    *place = value;
    Ok(())
}

/// First and last pixel of every range; refused where the model has none.
fn ranges(all: &[(usize, usize)]) -> Outcome {
    if all.is_empty() {
        return Err(device_error::NO_INFORMATION);
    }
    let data = all.iter().flat_map(|(first, last)| [*first as u32, *last as u32]).flat_map(u32::to_le_bytes);
    Ok(Some(data.collect()))
}
