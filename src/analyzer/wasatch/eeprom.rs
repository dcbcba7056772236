//! The EEPROM of Wasatch units (ENG-0034): eight pages of 64 bytes, everything little-endian. What a field means depends
//! on the format number in the last byte of page 0; the numbers at which fields moved are those of the vendor's Python
//! library, wasatch 2.5.2.

use super::calibration::{Calibration, CalibrationError, CoolerCalibration, LaserCalibration};

/// Bytes of a page.
pub const PAGE: usize = 64;
/// Pages.
pub const PAGES: usize = 8;
/// The newest format whose fields are known.
const NEWEST_FORMAT: u8 = 18;

/// The pages as read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Eeprom {
    pages: [[u8; PAGE]; PAGES],
}

impl Eeprom {
    /// Pages as they were read.
    pub const fn new(pages: [[u8; PAGE]; PAGES]) -> Self {
        Self { pages }
    }

    /// Serial number; empty where the maker wrote none.
    pub fn serial(&self) -> String {
        self.text(0, 16, 16)
    }

    /// The calibration in the pages. `stated` is the serial number of a unit whose pages have none.
    pub fn calibration(&self, stated: Option<&str>) -> Result<Calibration, CalibrationError> {
        let format = self.u8(0, 63);
        let own = self.serial();
        let serial = if own.is_empty() { stated.map(str::trim).unwrap_or_default().to_owned() } else { own };
        if format == 0xFF || self.pages.iter().all(|page| page.iter().all(|b| *b == 0)) {
            return Err(CalibrationError::Implausible { serial, why: "the EEPROM is empty".to_owned() });
        }
        if format > NEWEST_FORMAT {
            let why = format!("its EEPROM has format {format}, and only those up to {NEWEST_FORMAT} are known");
            return Err(CalibrationError::Implausible { serial, why });
        }
        let mut wavelengths = self.floats(1, 0, 4);
        if format >= 8 {
            wavelengths.extend(self.floats(2, 21, 1));
        }
        let integration_ms = match format {
            5.. => Some((self.u32(3, 40), self.u32(3, 44))),
            _ => Some((self.u16(2, 21).into(), self.u16(2, 23).into())),
        };
        let excitation_nm = if format >= 4 { self.f32(3, 36) } else { f64::from(self.u16(0, 39)) };
        Calibration {
            serial,
            model: self.text(0, 0, 16),
            wavelength_coefficients_nm: wavelengths,
            // A unit that was sold without a laser has none of these.
            excitation_nm: (excitation_nm > 0.0).then_some(excitation_nm),
            detector: self.text(2, 0, 16),
            bad_pixels: self.bad_pixels(),
            linearity_coefficients: without_identity(self.floats(2, 43, 5)),
            integration_ms: integration_ms.filter(|(_, most)| *most > 0),
            resolution_cm1: (format >= 7).then(|| self.f32(3, 48)).filter(|r| *r > 0.0),
            cooler: (self.u8(0, 36) != 0).then(|| self.cooler()),
            laser: (self.u8(0, 38) != 0).then(|| self.laser(format)),
            calibrated_on: self.text(1, 48, 12),
        }
        .checked()
    }

    fn cooler(&self) -> CoolerCalibration {
        let (warmest, coldest) = (self.i16(1, 28), self.i16(1, 30));
        CoolerCalibration {
            setpoint_counts_of_c: [self.f32(1, 16), self.f32(1, 20), self.f32(1, 24)],
            c_of_counts: [self.f32(1, 32), self.f32(1, 36), self.f32(1, 40)],
            range_c: (coldest.into(), warmest.into()),
            setpoint_c: self.i16(0, 45).into(),
        }
    }

    fn laser(&self, format: u8) -> LaserCalibration {
        LaserCalibration {
            percent_of_mw: [self.f32(3, 12), self.f32(3, 16), self.f32(3, 20), self.f32(3, 24)],
            power_mw: (self.f32(3, 32), self.f32(3, 28)),
            warm_up_s: if format >= 10 { self.u8(2, 18) } else { 0 },
            watchdog_s: if format >= 15 { self.u16(3, 52) } else { 0 },
        }
    }

    fn bad_pixels(&self) -> Vec<usize> {
        // -1 marks an unused place.
        let mut bad: Vec<usize> = (0..15).filter_map(|i| usize::try_from(self.i16(5, 2 * i)).ok()).collect();
        bad.sort_unstable();
        bad.dedup();
        bad
    }

    /// Bytes at a place; zeros beyond the end, which no caller asks for.
    fn bytes<const N: usize>(&self, page: usize, offset: usize) -> [u8; N] {
        let found = self.pages.get(page).and_then(|p| p.get(offset..offset + N));
        found.and_then(|b| b.try_into().ok()).unwrap_or([0; N])
    }

    fn u8(&self, page: usize, offset: usize) -> u8 {
        let [byte] = self.bytes(page, offset);
        byte
    }

    fn u16(&self, page: usize, offset: usize) -> u16 {
        u16::from_le_bytes(self.bytes(page, offset))
    }

    fn i16(&self, page: usize, offset: usize) -> i16 {
        i16::from_le_bytes(self.bytes(page, offset))
    }

    fn u32(&self, page: usize, offset: usize) -> u32 {
        u32::from_le_bytes(self.bytes(page, offset))
    }

    fn f32(&self, page: usize, offset: usize) -> f64 {
        f32::from_le_bytes(self.bytes(page, offset)).into()
    }

    fn floats(&self, page: usize, offset: usize, count: usize) -> Vec<f64> {
        (0..count).map(|i| self.f32(page, offset + 4 * i)).collect()
    }

    /// Printable characters up to the first zero.
    fn text(&self, page: usize, offset: usize, length: usize) -> String {
        let bytes = self.pages.get(page).and_then(|p| p.get(offset..offset + length)).unwrap_or_default();
        let text: String = bytes
            .iter()
            .take_while(|b| **b != 0)
            .filter(|b| (0x20..0x7F).contains(*b))
            .map(|b| char::from(*b))
            .collect();
        text.trim().to_owned()
    }
}

/// Coefficients that change nothing, or were never written, are none.
fn without_identity(coefficients: Vec<f64>) -> Vec<f64> {
    let identity = coefficients.iter().skip(1).all(|c| *c == 0.0) && coefficients.first().is_none_or(|c| *c <= 1.0);
    if identity || coefficients.iter().any(|c| !c.is_finite()) { Vec::new() } else { coefficients }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn an_erased_an_empty_and_an_unknown_eeprom_are_refused() {
        let mut newer = [[1; PAGE]; PAGES];
        newer[0][63] = NEWEST_FORMAT + 1;
        for pages in [[[0xFF; PAGE]; PAGES], [[0; PAGE]; PAGES], newer] {
            let end = Eeprom::new(pages).calibration(None);
            assert!(matches!(end, Err(CalibrationError::Implausible { .. })), "{end:?}");
        }
    }

    #[test]
    fn the_linearity_that_changes_nothing_is_none() {
        assert!(without_identity(vec![1.0, 0.0, 0.0, 0.0, 0.0]).is_empty());
        assert!(without_identity(vec![0.0; 5]).is_empty());
        assert!(without_identity(vec![f64::NAN; 5]).is_empty());
        assert_eq!(without_identity(vec![0.9, 1e-6, 0.0, 0.0, 0.0]).len(), 5);
    }

    proptest! {
        #[test]
        fn any_pages_give_a_checked_calibration_or_an_error(
            bytes in proptest::collection::vec(any::<u8>(), PAGE * PAGES),
            format in 0_u8..=20,
        ) {
            let mut pages = [[0; PAGE]; PAGES];
            for (page, bytes) in pages.iter_mut().zip(bytes.chunks(PAGE)) {
                page.copy_from_slice(bytes);
            }
            pages[0][63] = format;
            if let Ok(read) = Eeprom::new(pages).calibration(None) {
                prop_assert_eq!(read.clone().checked(), Ok(read));
            }
        }
    }
}
