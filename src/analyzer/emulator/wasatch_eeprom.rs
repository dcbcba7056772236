//! The EEPROM of an emulated Wasatch module: pages as the maker would have written them, format 15.

use crate::analyzer::wasatch::{Calibration, CoolerCalibration, LaserCalibration, PAGE, PAGES};

use super::optics::{EXCITATION_NM, Unit};

/// Temperature of the detector without its cooler, deg C.
pub(super) const AMBIENT_C: f64 = 25.0;
/// Temperature that the detector is to have, deg C.
pub(super) const SETPOINT_C: f64 = -15.0;
/// Format number: the first one with the laser's watchdog.
const FORMAT: u8 = 15;
/// deg C over counts of the temperature converter (an assumption).
const C_OF_COUNTS: [f64; 3] = [66.0, -0.03125, 0.0];
/// Counts of the setpoint over deg C (an assumption).
const SETPOINT_COUNTS_OF_C: [f64; 3] = [2_400.0, -32.0, 0.0];

/// Counts of the temperature converter at a temperature.
pub(super) fn counts_of_temperature(temperature_c: f64) -> u16 {
    let [constant, slope, _] = C_OF_COUNTS;
    ((temperature_c - constant) / slope).round().clamp(0.0, 4_095.0) as u16
}

/// Temperature that counts of the setpoint ask for, deg C.
pub(super) fn setpoint_of_counts(counts: u16) -> f64 {
    let [constant, slope, _] = SETPOINT_COUNTS_OF_C;
    (f64::from(counts) - constant) / slope
}

/// What the unit with this serial number says of itself.
pub(super) fn unit_calibration(serial_number: u64, watchdog_s: u16, unit: &Unit) -> Calibration {
    // The EEPROM keeps single precision; there is room for a fifth coefficient.
    let single = |c: f64| f64::from(c as f32);
    let coefficients = unit.detector.reported_coefficients_nm.into_iter().chain([0.0]);
    Calibration {
        serial: format!("WP-{:05}", serial_number % 100_000),
        model: "WP-785-EMU".to_owned(),
        wavelength_coefficients_nm: coefficients.map(single).collect(),
        excitation_nm: Some(EXCITATION_NM),
        detector: "S16011".to_owned(),
        bad_pixels: unit.hot_pixels.iter().map(|(pixel, _)| *pixel).collect(),
        linearity_coefficients: unit.nonlinearity.iter().take(5).copied().map(f64::from).collect(),
        integration_ms: Some((3, 60_000)),
        resolution_cm1: Some(9.0),
        cooler: Some(CoolerCalibration {
            setpoint_counts_of_c: SETPOINT_COUNTS_OF_C,
            c_of_counts: C_OF_COUNTS,
            range_c: (-20.0, 20.0),
            setpoint_c: SETPOINT_C,
        }),
        laser: Some(LaserCalibration {
            percent_of_mw: [0.0, 0.25, 0.0, 0.0],
            power_mw: (10.0, 400.0),
            warm_up_s: 0,
            watchdog_s,
        }),
        calibrated_on: "2026-01-15".to_owned(),
    }
}

/// The pages that hold a calibration.
pub(super) fn burn(calibration: &Calibration) -> [[u8; PAGE]; PAGES] {
    let mut book = Book { pages: [[0; PAGE]; PAGES] };
    book.put(0, 0, calibration.model.as_bytes(), 16);
    book.put(0, 16, calibration.serial.as_bytes(), 16);
    book.put(0, 32, &crate::analyzer::wasatch::BAUD.to_le_bytes(), 4);
    book.put(0, 63, &[FORMAT], 1);
    book.floats(1, 0, calibration.wavelength_coefficients_nm.iter().take(4));
    book.floats(2, 21, calibration.wavelength_coefficients_nm.iter().skip(4));
    book.put(1, 48, calibration.calibrated_on.as_bytes(), 12);
    book.put(2, 0, calibration.detector.as_bytes(), 16);
    book.floats(2, 43, calibration.linearity_coefficients.iter());
    book.floats(3, 36, calibration.excitation_nm.iter());
    if let Some((least, most)) = calibration.integration_ms {
        book.put(3, 40, &least.to_le_bytes(), 4);
        book.put(3, 44, &most.to_le_bytes(), 4);
    }
    book.floats(3, 48, calibration.resolution_cm1.iter());
    if let Some(cooler) = &calibration.cooler {
        book.put(0, 36, &[1], 1);
        book.put(0, 45, &(cooler.setpoint_c as i16).to_le_bytes(), 2);
        book.floats(1, 16, cooler.setpoint_counts_of_c.iter());
        book.put(1, 28, &(cooler.range_c.1 as i16).to_le_bytes(), 2);
        book.put(1, 30, &(cooler.range_c.0 as i16).to_le_bytes(), 2);
        book.floats(1, 32, cooler.c_of_counts.iter());
    }
    if let Some(laser) = &calibration.laser {
        book.put(0, 38, &[1], 1);
        book.put(2, 18, &[laser.warm_up_s], 1);
        book.floats(3, 12, laser.percent_of_mw.iter());
        book.floats(3, 28, [laser.power_mw.1, laser.power_mw.0].iter());
        book.put(3, 52, &laser.watchdog_s.to_le_bytes(), 2);
    }
    let bad = calibration.bad_pixels.iter().map(|p| *p as i16).chain(std::iter::repeat(-1)).take(15);
    for (place, pixel) in bad.enumerate() {
        book.put(5, 2 * place, &pixel.to_le_bytes(), 2);
    }
    book.pages
}

struct Book {
    pages: [[u8; PAGE]; PAGES],
}

impl Book {
    /// Writes at most `room` bytes.
    fn put(&mut self, page: usize, offset: usize, bytes: &[u8], room: usize) {
        let place = self.pages.iter_mut().skip(page).take(1).flat_map(|p| p.iter_mut().skip(offset).take(room));
        place.zip(bytes).for_each(|(place, byte)| *place = *byte);
    }

    fn floats<'a>(&mut self, page: usize, offset: usize, values: impl Iterator<Item = &'a f64>) {
        for (i, value) in values.enumerate() {
            self.put(page, offset + 4 * i, &(*value as f32).to_le_bytes(), 4);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::analyzer::emulator::Detector;
    use crate::analyzer::wasatch::Eeprom;

    #[test]
    fn what_is_written_is_read_again() {
        let unit = unit_calibration(77, 30, &Unit::draw(3, Detector::WASATCH));
        assert_eq!(Eeprom::new(burn(&unit)).calibration(None), Ok(unit.clone()));
        let bare = Calibration { cooler: None, laser: None, bad_pixels: vec![], resolution_cm1: None, ..unit };
        assert_eq!(Eeprom::new(burn(&bare)).calibration(Some("a label")), Ok(bare.clone()), "its own goes first");
        // A unit that does not say its serial number has the one that a person read on its label.
        let nameless = Eeprom::new(burn(&Calibration { serial: String::new(), ..bare.clone() }));
        let labelled = Calibration { serial: "WP-7".to_owned(), ..bare };
        assert_eq!(nameless.calibration(Some(" WP-7 ")), Ok(labelled));
        let refused = nameless.calibration(None).unwrap_err().to_string();
        assert!(refused.contains("state the one on its label"), "{refused}");
    }

    #[test]
    fn converter_counts_mean_the_temperatures_that_the_calibration_says() {
        let cooler = unit_calibration(1, 0, &Unit::draw(3, Detector::WASATCH)).cooler.unwrap();
        for temperature_c in [-20.0, -15.0, 0.0, 25.0] {
            let counts = counts_of_temperature(temperature_c);
            assert!((cooler.temperature_c(counts) - temperature_c).abs() < 0.02);
            let setpoint = cooler.setpoint_counts(temperature_c);
            assert!((setpoint_of_counts(setpoint) - temperature_c).abs() < 0.02);
        }
    }
}
