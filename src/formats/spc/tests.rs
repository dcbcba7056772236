use super::super::{FileSpectrum, FileTechnique, SpectrumKind, XUnit, YUnit, read_bytes};
use super::*;

/// A new-layout file under construction; `big` writes the high byte first.
struct File {
    bytes: Vec<u8>,
    big: bool,
}

impl File {
    fn new(flags: u8, exponent: i8, points: u32, spectra: u32, big: bool) -> Self {
        let mut file = Self { bytes: vec![0; HEADER], big };
        file.bytes[0] = flags;
        file.bytes[1] = if big { NEW_HIGH_FIRST } else { NEW_LOW_FIRST };
        file.bytes[3] = exponent.cast_unsigned();
        file.put(4, &points.to_le_bytes());
        file.put(8, &100_f64.to_le_bytes());
        file.put(16, &400_f64.to_le_bytes());
        file.put(24, &spectra.to_le_bytes());
        file.bytes[28] = 13;
        file.bytes[29] = 4;
        file.bytes[88..91].copy_from_slice(b"tea");
        file
    }

    fn ordered(&self, le: &[u8]) -> Vec<u8> {
        if self.big { le.iter().rev().copied().collect() } else { le.to_vec() }
    }

    fn put(&mut self, at: usize, le: &[u8]) {
        let bytes = self.ordered(le);
        self.bytes[at..at + bytes.len()].copy_from_slice(&bytes);
    }

    fn push(mut self, le: &[u8]) -> Self {
        let bytes = self.ordered(le);
        self.bytes.extend(bytes);
        self
    }

    fn floats(mut self, values: &[f32]) -> Self {
        for value in values {
            self = self.push(&value.to_le_bytes());
        }
        self
    }

    fn integers(mut self, values: &[i32]) -> Self {
        for value in values {
            self = self.push(&value.to_le_bytes());
        }
        self
    }

    fn sub(mut self, exponent: i8, z: f32, points: u32) -> Self {
        self.bytes.extend([0, exponent.cast_unsigned(), 0, 0]);
        self = self.push(&z.to_le_bytes()).push(&[0; 8]).push(&points.to_le_bytes());
        self.bytes.extend([0; 12]);
        self
    }

    fn read(&self) -> Vec<FileSpectrum> {
        read_bytes(&self.bytes, "x.spc").unwrap()
    }
}

#[test]
fn floats_and_integers_over_an_even_axis_are_read_in_both_byte_orders() {
    for big in [false, true] {
        let floats = File::new(0, -128, 4, 1, big).sub(0, 0.0, 0).floats(&[1.5, 2.5, 3.5, 4.5]).read();
        assert_eq!(
            (&floats[0].x[..], &floats[0].y[..]),
            (&[100.0, 200.0, 300.0, 400.0][..], &[1.5, 2.5, 3.5, 4.5][..])
        );
        assert_eq!((floats[0].title.as_str(), floats[0].kind), ("tea", SpectrumKind::Sample));
        assert_eq!(floats[0].technique, Some(FileTechnique::RAMAN));
        assert_eq!((floats[0].x_unit.clone(), floats[0].y_unit.clone()), (Some(XUnit::Cm1), Some(YUnit::Counts)));
        // 2^31 is half of the full scale 2^exponent; the exponent of the subheader of a single file is ignored.
        let integers = File::new(0, 4, 3, 1, big).sub(2, 0.0, 0).integers(&[1 << 30, -(1 << 30), 1 << 28]).read();
        assert_eq!(integers[0].y, [4.0, -4.0, 1.0]);
        let mut shorts = File::new(SHORTS, 4, 2, 1, big).sub(0, 0.0, 0);
        shorts = shorts.push(&(1_i16 << 14).to_le_bytes()).push(&(-(1_i16 << 13)).to_le_bytes());
        assert_eq!(shorts.read()[0].y, [4.0, -2.0]);
    }
}

#[test]
fn many_spectra_share_an_axis_or_bring_their_own_and_use_their_own_exponents() {
    let shared = File::new(MANY | AXIS_STORED, 4, 2, 2, false).floats(&[500.0, 100.0]);
    let shared = shared.sub(4, 0.5, 0).integers(&[1 << 30, 0]).sub(5, 1.5, 0).integers(&[1 << 30, 0]);
    let spectra = shared.read();
    assert_eq!((&spectra[0].x[..], spectra[0].y[0], spectra[1].y[0]), (&[500.0, 100.0][..], 4.0, 8.0));
    assert!(spectra[1].title.contains("tea: 2 of the file, at 1.5"), "{}", spectra[1].title);

    let own = File::new(MANY | AXIS_STORED | AXIS_EACH, 4, 9999, 2, true);
    let own = own.sub(4, 0.0, 2).floats(&[1.0, 2.0]).integers(&[1 << 30, 0]);
    let own = own.sub(-128, 0.0, 1).floats(&[7.0, 8.0]).read();
    assert_eq!((&own[0].x[..], own[0].y[0]), (&[1.0, 2.0][..], 4.0));
    assert_eq!((&own[1].x[..], own[1].y[0]), (&[7.0][..], 8.0));
}

#[test]
fn the_old_layout_exchanges_the_halves_of_its_integers() {
    let mut bytes = vec![0; OLD_HEADER];
    bytes[1] = OLD;
    bytes[2..4].copy_from_slice(&4_i16.to_le_bytes());
    for (at, value) in [(4, 2_f32), (8, 3132.5), (12, 2789.0)] {
        bytes[at..at + 4].copy_from_slice(&value.to_le_bytes());
    }
    bytes[16] = 1;
    bytes[17] = 2;
    bytes.extend([0; SUBHEADER]);
    for value in [1_i32 << 30, -3] {
        bytes.extend(((value >> 16) as i16).to_le_bytes());
        bytes.extend((value as u16).to_le_bytes());
    }
    let spectrum = &read_bytes(&bytes, "x").unwrap()[0];
    assert_eq!((&spectrum.x[..], spectrum.y[0]), (&[3132.5, 2789.0][..], 4.0));
    assert_eq!(spectrum.y[1], -3.0 * 2_f64.powi(-28));
    assert_eq!(spectrum.y_unit, Some(YUnit::Absorbance));
}

#[test]
fn a_file_that_ends_early_is_refused_and_points_without_value_are_left_out() {
    let mut file = File::new(0, -128, 4, 1, false).sub(0, 0.0, 0).floats(&[1.0, f32::NAN, 3.0, 4.0]);
    assert_eq!(file.read()[0].y, [1.0, 3.0, 4.0]);
    assert!(file.read()[0].notes[0].contains("left out: 1"));
    file.bytes.pop();
    assert!(read_bytes(&file.bytes, "x").unwrap_err().to_string().contains("ends before its last point"));
}

#[test]
fn a_laser_is_found_in_the_log() {
    assert_eq!(laser_in("Laser: 532 nm edge"), Some(532.0));
    assert_eq!(laser_in("785.1nm"), Some(785.1));
    assert_eq!(laser_in("Laser focus"), None);
}
