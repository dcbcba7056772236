//! Galactic (later Thermo) SPC: the old layout (version byte 0x4D) and the new one with the low byte first (0x4B) or the
//! high byte first (0x4C); one spectrum or many, over an even axis, a shared axis or an axis each.
//!
//! Source: Galactic Industries, "A Brief Guide to SPC File Format", and its header file SPC.H (1997).

use std::sync::Arc;

use crate::spectrum::Technique;

use super::binary::Binary;
use super::{FileSpectrum, FileTechnique, FormatError, MAX_NUMBERS, MAX_POINTS, SpectrumKind, XUnit, YUnit, number};

const DIALECT: &str = "a Galactic SPC file";
const NEW_LOW_FIRST: u8 = 0x4b;
const NEW_HIGH_FIRST: u8 = 0x4c;
const OLD: u8 = 0x4d;
/// Size of the main header, new layout.
const HEADER: usize = 512;
/// Where the first subheader stands in the old layout; it belongs to the main header.
const OLD_HEADER: usize = 224;
/// Size of the header of one spectrum.
const SUBHEADER: usize = 32;
/// The exponent that says: not integers but floats.
const FLOATS: i32 = -128;
/// Most spectra of one file.
const MAX_SPECTRA: usize = 1 << 17;

/// Bits of the first byte.
const SHORTS: u8 = 0x01;
const MANY: u8 = 0x04;
const OWN_LABELS: u8 = 0x20;
const AXIS_EACH: u8 = 0x40;
const AXIS_STORED: u8 = 0x80;

/// The version byte, and a main header whose counts can be true. A text never holds a NUL so close to its start.
pub(super) fn recognises(bytes: &[u8]) -> bool {
    let has_nul = bytes.iter().take(32).any(|b| *b == 0);
    match bytes.get(1) {
        Some(&(NEW_LOW_FIRST | NEW_HIGH_FIRST)) => has_nul && bytes.len() >= HEADER,
        Some(&OLD) => has_nul && bytes.len() >= OLD_HEADER + SUBHEADER,
        _ => false,
    }
}

/// Every spectrum in file order.
pub(super) fn read(bytes: &[u8], fallback_title: &str) -> Result<Vec<FileSpectrum>, FormatError> {
    let file = match bytes.get(1) {
        Some(&NEW_HIGH_FIRST) => Binary::big_endian(bytes),
        _ => Binary::little_endian(bytes),
    };
    let header = if bytes.get(1) == Some(&OLD) { Header::old(&file) } else { Header::new(&file) };
    let header = header.ok_or_else(|| incomplete("its header is cut off"))?;
    let mut spectra = if bytes.get(1) == Some(&OLD) { header.read_old(&file)? } else { header.read_new(&file)? };
    if spectra.is_empty() {
        return Err(incomplete("it holds no points"));
    }
    let title = if header.title.is_empty() { fallback_title } else { &header.title };
    let is_single = spectra.len() == 1;
    for (i, spectrum) in spectra.iter_mut().enumerate() {
        let place = std::mem::take(&mut spectrum.title);
        spectrum.title = if is_single { title.to_owned() } else { format!("{title}: {} of the file{place}", i + 1) };
        header.describe(spectrum);
    }
    Ok(spectra)
}

fn incomplete(what: &str) -> FormatError {
    FormatError::Incomplete { dialect: DIALECT, what: what.to_owned() }
}

/// The main header.
struct Header {
    flags: u8,
    experiment: u8,
    exponent: i32,
    points: usize,
    first_x: f64,
    last_x: f64,
    spectra: usize,
    x_type: u8,
    y_type: u8,
    z_type: u8,
    title: String,
    /// Labels of x, y and z in the file's own words.
    labels: Vec<String>,
    log: String,
}

impl Header {
    fn new(file: &Binary<'_>) -> Option<Self> {
        let log_at = file.size(248)?;
        Some(Self {
            flags: file.u8(0)?,
            experiment: file.u8(2)?,
            exponent: i32::from(file.i8(3)?),
            points: file.size(4)?,
            first_x: file.f64(8)?,
            last_x: file.f64(16)?,
            spectra: file.size(24)?.max(1),
            x_type: file.u8(28)?,
            y_type: file.u8(29)?,
            z_type: file.u8(30)?,
            title: file.text(88, 130)?,
            labels: labels(file.slice(218, 30)?),
            log: if log_at < HEADER { String::new() } else { log(file, log_at).unwrap_or_default() },
        })
    }

    fn old(file: &Binary<'_>) -> Option<Self> {
        let points = file.f32(4)?;
        Some(Self {
            flags: file.u8(0)?,
            experiment: 0,
            exponent: i32::from(file.i16(2)?),
            points: if (1.0..=MAX_POINTS as f64).contains(&points) { points as usize } else { 0 },
            first_x: file.f32(8)?,
            last_x: file.f32(12)?,
            spectra: 1,
            x_type: file.u8(16)?,
            y_type: file.u8(17)?,
            z_type: 0,
            title: file.text(64, 130)?,
            labels: labels(file.slice(194, 30)?),
            log: String::new(),
        })
    }

    const fn has(&self, flag: u8) -> bool {
        self.flags & flag != 0
    }

    /// The axis from its ends.
    fn even_axis(&self) -> Arc<[f64]> {
        let step = if self.points > 1 { (self.last_x - self.first_x) / (self.points - 1) as f64 } else { 0.0 };
        let mut axis: Vec<f64> = (0..self.points).map(|i| step.mul_add(i as f64, self.first_x)).collect();
        if let Some(last) = axis.last_mut().filter(|_| self.points > 1) {
            *last = self.last_x;
        }
        axis.into()
    }

    fn read_new(&self, file: &Binary<'_>) -> Result<Vec<FileSpectrum>, FormatError> {
        let cut = || incomplete("it ends before its last point");
        if self.spectra > MAX_SPECTRA {
            return Err(FormatError::TooManyNumbers);
        }
        let axis_each = self.has(AXIS_EACH) && self.has(MANY);
        let mut at = HEADER;
        let mut shared: Arc<[f64]> = Arc::default();
        if !axis_each {
            if self.points > MAX_POINTS || self.points.saturating_mul(self.spectra) > MAX_NUMBERS {
                return Err(FormatError::TooManyNumbers);
            }
            // Before memory is taken: the file must hold the ordinates that its header promises.
            let width = if self.exponent != FLOATS && self.has(SHORTS) { 2 } else { 4 };
            if self.points.saturating_mul(self.spectra).saturating_mul(width) > file.len() {
                return Err(cut());
            }
            if self.has(AXIS_STORED) {
                shared = file.f32s(at, self.points).ok_or_else(cut)?.into();
                at += 4 * self.points;
            } else {
                shared = self.even_axis();
            }
        }
        let mut spectra = Vec::new();
        let mut numbers = shared.len();
        for _ in 0..self.spectra {
            let sub = at;
            at += SUBHEADER;
            let own_exponent = i32::from(file.i8(sub + 1).ok_or_else(cut)?);
            let own_points = file.size(sub + 16).ok_or_else(cut)?;
            let points = if axis_each { own_points } else { self.points };
            numbers += if axis_each { points.saturating_mul(2) } else { points };
            if points > MAX_POINTS || numbers > MAX_NUMBERS {
                return Err(FormatError::TooManyNumbers);
            }
            let mut axis = Arc::clone(&shared);
            if axis_each {
                axis = file.f32s(at, points).ok_or_else(cut)?.into();
                at += 4 * points;
            }
            // Of a single spectrum the main header's exponent counts: programs leave that of the subheader as it was.
            let exponent = if self.has(MANY) && self.exponent != FLOATS { own_exponent } else { self.exponent };
            let (y, bytes) = self.ordinates(file, at, points, exponent).ok_or_else(cut)?;
            at += bytes;
            if points > 0 {
                let z = file.f32(sub + 4).filter(|_| self.spectra > 1).and_then(|z| self.z(z));
                spectra.push(FileSpectrum::stored(z.unwrap_or_default(), &axis, y));
            }
        }
        Ok(spectra)
    }

    /// Ordinates of the new layout and the bytes that they take.
    fn ordinates(&self, file: &Binary<'_>, at: usize, points: usize, exponent: i32) -> Option<(Vec<f64>, usize)> {
        if exponent == FLOATS {
            return Some((file.f32s(at, points)?, 4 * points));
        }
        if self.has(SHORTS) {
            let unit = 2_f64.powi(exponent - 16);
            file.slice(at, points.checked_mul(2)?)?;
            let y = (0..points).map(|i| file.i16(at + 2 * i).map(|y| f64::from(y) * unit));
            return Some((y.collect::<Option<_>>()?, 2 * points));
        }
        let unit = 2_f64.powi(exponent - 32);
        file.slice(at, points.checked_mul(4)?)?;
        let y = (0..points).map(|i| file.i32(at + 4 * i).map(|y| f64::from(y) * unit));
        Some((y.collect::<Option<_>>()?, 4 * points))
    }

    /// The old layout: the axis is even, the spectra follow each other to the end of the file, and the two halves of an
    /// ordinate are exchanged.
    fn read_old(&self, file: &Binary<'_>) -> Result<Vec<FileSpectrum>, FormatError> {
        let cut = || incomplete("it ends before its last point");
        let width = if self.has(SHORTS) { 2 } else { 4 };
        let block = SUBHEADER + width * self.points;
        if self.points == 0 || file.len() < OLD_HEADER + block {
            return Err(cut());
        }
        let axis = self.even_axis();
        let mut spectra = Vec::new();
        let mut at = OLD_HEADER;
        while at + block <= file.len() && (spectra.is_empty() || self.has(MANY)) {
            if spectra.len() >= MAX_SPECTRA || (spectra.len() + 1).saturating_mul(self.points) > MAX_NUMBERS {
                return Err(FormatError::TooManyNumbers);
            }
            let own = file.i8(at + 1).map_or(self.exponent, i32::from);
            let exponent = if self.has(MANY) && own != 0 { own } else { self.exponent };
            let data = at + SUBHEADER;
            let y: Option<Vec<f64>> = (0..self.points)
                .map(|i| {
                    if self.has(SHORTS) {
                        return file.i16(data + 2 * i).map(|y| f64::from(y) * 2_f64.powi(exponent - 16));
                    }
                    let (high, low) = (file.i16(data + 4 * i)?, file.u16(data + 4 * i + 2)?);
                    Some(f64::from(i32::from(high) << 16 | i32::from(low)) * 2_f64.powi(exponent - 32))
                })
                .collect();
            let z = file.f32(at + 4).filter(|_| self.has(MANY)).and_then(|z| self.z(z));
            spectra.push(FileSpectrum::stored(z.unwrap_or_default(), &axis, y.ok_or_else(cut)?));
            at += block;
        }
        Ok(spectra)
    }

    /// Where a spectrum stands in a series, for its title.
    fn z(&self, z: f64) -> Option<String> {
        let unit = if self.has(OWN_LABELS) { self.labels.get(2).cloned() } else { None };
        let unit = unit.filter(|unit| !unit.is_empty()).unwrap_or_else(|| axis_words(self.z_type).to_owned());
        z.is_finite().then(|| format!(", at {z} {unit}"))
    }

    /// What the header says about every spectrum.
    fn describe(&self, spectrum: &mut FileSpectrum) {
        let label = |i: usize| {
            let is_used = self.has(OWN_LABELS);
            self.labels.get(i).filter(|label| is_used && !label.is_empty())
        };
        spectrum.x_unit = match label(0) {
            Some(label) => Some(XUnit::named_in(label).unwrap_or_else(|| XUnit::Other(label.clone()))),
            None => x_unit(self.x_type),
        };
        spectrum.y_unit = match label(1) {
            Some(label) => Some(YUnit::named_in(label).unwrap_or_else(|| YUnit::Other(label.clone()))),
            None => y_unit(self.y_type),
        };
        spectrum.technique = self.technique(spectrum.y_unit.as_ref());
        if self.y_type == 1 || self.x_type == 255 {
            spectrum.kind = SpectrumKind::Interferogram;
        }
        for line in self.log.lines() {
            let Some((key, value)) = line.split_once('=') else { continue };
            if key.trim().to_lowercase().starts_with("laser") && spectrum.laser_nm.is_none() {
                spectrum.laser_nm = laser_in(value);
            }
        }
    }

    /// The technique by the axis and by the instrument that the header names.
    fn technique(&self, y_unit: Option<&YUnit>) -> Option<FileTechnique> {
        const RAMAN_SHIFT: u8 = 13;
        let other = |words: &str| Some(FileTechnique::Other(words.to_owned()));
        match self.experiment {
            _ if self.x_type == RAMAN_SHIFT => Some(FileTechnique::RAMAN),
            1..=3 | 14 => other("chromatogram"),
            // "FT-IR, FT-NIR or FT-Raman": only the ordinate tells.
            4 => matches!(
                y_unit,
                Some(YUnit::Absorbance | YUnit::Transmittance | YUnit::Reflectance | YUnit::KubelkaMunk)
            )
            .then_some(FileTechnique::Infrared),
            5 => Some(Technique::Nir.into()),
            7 => other("UV-VIS spectrum"),
            8 => other("X-ray diffraction"),
            9 => other("mass spectrum"),
            10 => other("NMR spectrum"),
            11 => Some(FileTechnique::RAMAN),
            12 => other("fluorescence spectrum"),
            13 => other("atomic spectrum"),
            _ => None,
        }
    }
}

/// The three labels of a header, each ended by a NUL.
fn labels(bytes: &[u8]) -> Vec<String> {
    bytes
        .split(|b| *b == 0)
        .take(3)
        .map(|part| Binary::little_endian(part).text(0, part.len()).unwrap_or_default())
        .collect()
}

/// The text of the log block.
fn log(file: &Binary<'_>, at: usize) -> Option<String> {
    let (size, text_at) = (file.size(at)?, file.size(at + 8)?);
    let from = at.checked_add(text_at)?;
    let len = size.checked_sub(text_at)?.min(file.len().checked_sub(from)?).min(1 << 16);
    file.text(from, len)
}

/// A laser wavelength in a text such as `Laser: 532 nm edge`.
fn laser_in(text: &str) -> Option<f64> {
    let before = text.split("nm").next()?.trim_end();
    let start = before.rfind(|c: char| !(c.is_ascii_digit() || matches!(c, '.' | ','))).map_or(0, |i| i + 1);
    text.contains("nm").then(|| number::laser_nm(before.get(start..)?)).flatten()
}

/// The axis units by number. `None` where the file says that its unit is arbitrary.
fn x_unit(number: u8) -> Option<XUnit> {
    match number {
        0 => None,
        1 | 13 => Some(XUnit::Cm1),
        2 => Some(XUnit::Micrometre),
        3 => Some(XUnit::Nm),
        16 | 17 | 22 => Some(XUnit::Pixel),
        other => Some(XUnit::Other(axis_words(other).to_owned())),
    }
}

/// The words of SPC.H for axes that are no spectrum's.
const fn axis_words(number: u8) -> &'static str {
    match number {
        1 | 13 => "cm-1",
        2 => "um",
        3 => "nm",
        4 => "seconds",
        5 => "minutes",
        6 => "Hz",
        7 => "kHz",
        8 => "MHz",
        9 => "mass (m/z)",
        10 => "ppm",
        11 => "days",
        12 => "years",
        14 => "eV",
        18 => "degrees",
        19 => "degrees Fahrenheit",
        20 => "degrees Celsius",
        21 => "kelvin",
        23 => "milliseconds",
        24 => "microseconds",
        25 => "nanoseconds",
        26 => "GHz",
        27 => "cm",
        28 => "m",
        29 => "mm",
        30 => "hours",
        255 => "path difference",
        _ => "units not stated",
    }
}

/// The ordinate units by number. `None` where the file says that its unit is arbitrary.
fn y_unit(number: u8) -> Option<YUnit> {
    Some(match number {
        // 10 is log10(1/R), which is compared as absorbance is.
        2 | 10 => YUnit::Absorbance,
        3 => YUnit::KubelkaMunk,
        4 => YUnit::Counts,
        128 => YUnit::Transmittance,
        129 => YUnit::Reflectance,
        other => YUnit::Other(
            match other {
                1 => "interferogram",
                5 => "volts",
                6 => "degrees",
                7 => "milliamperes",
                8 => "millimetres",
                9 => "millivolts",
                11 => "percent",
                12 => "intensity",
                13 => "relative intensity",
                14 => "energy",
                16 => "decibels",
                19..=21 => "temperature",
                22 => "refractive index",
                23 => "extinction coefficient",
                24 => "real part",
                25 => "imaginary part",
                26 => "complex",
                130 => "single beam",
                131 => "emission",
                _ => return None,
            }
            .to_owned(),
        ),
    })
}

#[cfg(test)]
mod tests;
