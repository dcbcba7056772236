//! Bruker OPUS: a directory of blocks; each array has a block of numbers and a block of parameters.
//!
//! The layout is not published. It is known from open readers (brukeropus, opusreader2, opusFC), which agree: a directory
//! entry has a type word, a length in words of 4 bytes and an offset; the bits of the type word say what a block is.

use std::collections::BTreeMap;

use crate::spectrum::Technique;

use super::binary::Binary;
use super::{
    FileSpectrum, FileTechnique, FormatError, MAX_NUMBERS, MAX_POINTS, SpectrumKind, XUnit, YUnit, number, text,
};

const DIALECT: &str = "a Bruker OPUS file";
/// First bytes of every OPUS file.
const MAGIC: &[u8] = b"\x0a\x0a\xfe\xfe";
/// Most blocks of a directory; OPUS itself makes room for 40.
const MAX_BLOCKS: usize = 1024;
/// Most parameters of a block.
const MAX_PARAMETERS: usize = 512;
/// Bit that makes the type of an array's parameters out of the type of the array.
const STATUS: u32 = 0x10;
/// Nanometres in a centimetre.
const NM_PER_CM: f64 = 1e7;

/// The file begins with the mark of OPUS.
pub(super) fn recognises(bytes: &[u8]) -> bool {
    bytes.starts_with(MAGIC)
}

/// Every array in the order of the directory.
pub(super) fn read(bytes: &[u8], fallback_title: &str) -> Result<Vec<FileSpectrum>, FormatError> {
    let file = Binary::little_endian(bytes);
    let blocks = directory(&file).ok_or_else(|| incomplete("its directory is cut off"))?;
    let about = About::read(&file, &blocks);
    let title = about.text("SNM").filter(|name| !name.is_empty()).unwrap_or(fallback_title);
    let mut spectra = Vec::new();
    let mut numbers = 0_usize;
    for block in blocks.iter().filter(|block| block.is_array()) {
        // A block of another program's results may use the bits of an array; without parameters it is none.
        let Some(status) = blocks.iter().find(|other| other.kind == block.kind | STATUS) else { continue };
        let status = parameters(&file, status);
        let points = match status.get("NPT") {
            Some(Value::Integer(n)) => usize::try_from(*n).unwrap_or(0),
            _ => 0,
        };
        numbers = numbers.saturating_add(points.saturating_mul(2));
        // Two numbers need a word of the file; entries that share a block could multiply it.
        if points > MAX_POINTS || numbers > MAX_NUMBERS || numbers > file.len() {
            return Err(FormatError::TooManyNumbers);
        }
        if points == 0 {
            continue;
        }
        let mut spectrum = array(&file, block, &status, points)?;
        spectrum.title = format!("{title}: {}", block.role());
        about.describe(&mut spectrum, block);
        if block.words / points > 1 {
            spectrum.defects.push("its block holds more numbers than one spectrum; only the first is read".to_owned());
        }
        spectra.push(spectrum);
    }
    if spectra.is_empty() { Err(incomplete("it holds no spectrum")) } else { Ok(spectra) }
}

fn incomplete(what: &str) -> FormatError {
    FormatError::Incomplete { dialect: DIALECT, what: what.to_owned() }
}

/// An entry of the directory.
#[derive(Clone, Copy, Debug)]
struct Block {
    /// The type word.
    kind: u32,
    /// Length in words of 4 bytes.
    words: usize,
    at: usize,
}

impl Block {
    const fn bits(self, from: u32, count: u32) -> u32 {
        (self.kind >> from) & ((1 << count) - 1)
    }

    /// 1 sample, 2 reference, 3 ratio of both.
    const fn source(self) -> u32 {
        self.bits(2, 2)
    }

    /// 0 for arrays, else which parameters these are.
    const fn parameters(self) -> u32 {
        self.bits(4, 6)
    }

    /// What the ordinate is.
    const fn ordinate(self) -> u32 {
        self.bits(10, 7)
    }

    /// How often the array was differentiated.
    const fn derivative(self) -> u32 {
        self.bits(17, 2)
    }

    /// Something made from the spectra: reports, peak tables, the log.
    const fn extension(self) -> u32 {
        self.bits(19, 3)
    }

    const fn is_array(self) -> bool {
        self.bits(0, 2) != 0
            && self.parameters() == 0
            && self.source() != 0
            && self.ordinate() != 0
            && self.extension() == 0
    }

    fn kind(self) -> SpectrumKind {
        match (self.ordinate(), self.source()) {
            (2 | 8, _) => SpectrumKind::Interferogram,
            (_, 2) => SpectrumKind::Reference,
            (4..=6 | 10..=12 | 15..=19, _) if self.derivative() == 0 => SpectrumKind::Sample,
            // A single channel, too: it holds lamp, detector and air besides the sample.
            _ => SpectrumKind::Other,
        }
    }

    fn y_unit(self) -> YUnit {
        let words = match (self.ordinate(), self.derivative()) {
            (_, 1..) => "derivative",
            // log10(1/R) is compared as absorbance is.
            (4 | 15 | 19, _) => return YUnit::Absorbance,
            (5 | 18, _) => return YUnit::Transmittance,
            (6, _) => return YUnit::KubelkaMunk,
            (12, _) => return YUnit::Reflectance,
            (1, _) => "single channel",
            (2 | 8, _) => "interferogram",
            (3, _) => "phase",
            (10, _) => "Raman intensity",
            (11, _) => "emission",
            (16, _) => "ATR intensity",
            (17, _) => "photoacoustic intensity",
            _ => "unknown ordinate",
        };
        YUnit::Other(words.to_owned())
    }

    fn role(self) -> String {
        let source = match self.source() {
            1 => " of the sample",
            2 => " of the reference",
            _ => "",
        };
        format!("{}{source}", self.y_unit())
    }
}

fn directory(file: &Binary<'_>) -> Option<Vec<Block>> {
    let (at, count) = (file.size(12)?, file.size(20)?.min(MAX_BLOCKS));
    (0..count)
        .map(|i| {
            let entry = at.checked_add(12 * i)?;
            Some(Block { kind: file.u32(entry)?, words: file.size(entry + 4)?, at: file.size(entry + 8)? })
        })
        .collect()
}

/// A parameter's value.
#[derive(Clone, Debug, PartialEq)]
enum Value {
    Integer(i32),
    Float(f64),
    Text(String),
}

/// The parameters of a block by their names of three letters; what is damaged ends the list.
fn parameters(file: &Binary<'_>, block: &Block) -> BTreeMap<String, Value> {
    let mut found = BTreeMap::new();
    let mut at = block.at;
    let end = block.at.saturating_add(block.words.saturating_mul(4));
    while at < end && found.len() < MAX_PARAMETERS {
        let Some((name, kind, size)) =
            file.text(at, 3).zip(file.u16(at + 4)).zip(file.u16(at + 6)).map(|((n, k), s)| (n, k, s))
        else {
            break;
        };
        if name == "END" || name.len() != 3 {
            break;
        }
        let bytes = 2 * usize::from(size);
        let value = match kind {
            0 => file.i32(at + 8).map(Value::Integer),
            1 => file.f64(at + 8).filter(|v| v.is_finite()).map(Value::Float),
            _ => file.text(at + 8, bytes).map(Value::Text),
        };
        if let Some(value) = value {
            found.insert(name, value);
        }
        at += 8 + bytes;
    }
    found
}

/// The numbers of an array over its even axis.
fn array(
    file: &Binary<'_>,
    block: &Block,
    status: &BTreeMap<String, Value>,
    points: usize,
) -> Result<FileSpectrum, FormatError> {
    let cut = || incomplete("an array is cut off");
    let float = |name: &str| match status.get(name) {
        Some(Value::Float(v)) => Some(*v),
        Some(Value::Integer(v)) => Some(f64::from(*v)),
        _ => None,
    };
    let (Some(first), Some(last)) = (float("FXV"), float("LXV")) else {
        return Err(incomplete("an array does not say where its axis begins and ends"));
    };
    if points > block.words {
        return Err(cut());
    }
    // 1: floats, 2: integers.
    let is_integer = matches!(status.get("DPF"), Some(Value::Integer(2)));
    let mut y = if is_integer {
        file.slice(block.at, 4 * points).ok_or_else(cut)?;
        (0..points).filter_map(|i| file.i32(block.at + 4 * i)).map(f64::from).collect()
    } else {
        file.f32s(block.at, points).ok_or_else(cut)?
    };
    let factor = float("CSF").filter(|factor| *factor != 0.0).unwrap_or(1.0);
    if factor != 1.0 {
        for value in &mut y {
            *value *= factor;
        }
    }
    let step = if points > 1 { (last - first) / (points - 1) as f64 } else { 0.0 };
    let x: Vec<f64> = (0..points).map(|i| if i + 1 == points { last } else { step.mul_add(i as f64, first) }).collect();
    let mut spectrum = FileSpectrum::stored(String::new(), &x.into(), y);
    spectrum.x_unit = match status.get("DXU") {
        Some(Value::Text(unit)) => Some(match unit.as_str() {
            "WN" => XUnit::Cm1,
            "MI" => XUnit::Micrometre,
            "NM" | "WL" => XUnit::Nm,
            "PNT" => XUnit::Other("points of the path difference".to_owned()),
            "MIN" => XUnit::Other("minutes".to_owned()),
            other => XUnit::Other(other.to_owned()),
        }),
        _ => None,
    };
    Ok(spectrum)
}

/// Parameters about instrument and sample. Those of the sample's measurement count before those of the reference.
struct About(BTreeMap<String, Value>);

impl About {
    fn read(file: &Binary<'_>, blocks: &[Block]) -> Self {
        let mut all = BTreeMap::new();
        let is_about = |block: &&Block| block.parameters() > 1 && block.extension() == 0;
        // Of the same name the last wins, so the reference's come first.
        for of_reference in [true, false] {
            for block in blocks.iter().filter(is_about).filter(|block| (block.source() == 2) == of_reference) {
                all.extend(parameters(file, block));
            }
        }
        Self(all)
    }

    fn text(&self, name: &str) -> Option<&str> {
        match self.0.get(name) {
            Some(Value::Text(text)) => Some(text::brief(text)),
            _ => None,
        }
    }

    fn float(&self, name: &str) -> Option<f64> {
        match self.0.get(name) {
            Some(Value::Float(v)) => Some(*v),
            Some(Value::Integer(v)) => Some(f64::from(*v)),
            Some(Value::Text(text)) => number::parse_either(text),
            None => None,
        }
    }

    fn describe(&self, spectrum: &mut FileSpectrum, block: &Block) {
        spectrum.kind = block.kind();
        spectrum.y_unit = Some(block.y_unit());
        let accessory = self.text("ACC").unwrap_or_default().to_uppercase();
        let source = self.text("SRC").unwrap_or_default().to_uppercase();
        let is_raman = block.ordinate() == 10 || self.text("PLF").is_some_and(|form| form.starts_with("RAM"));
        spectrum.technique = Some(if is_raman {
            FileTechnique::RAMAN
        } else if source.contains("NIR") {
            Technique::Nir.into()
        } else if accessory.contains("ATR") {
            Technique::AtrFtir.into()
        } else if accessory.starts_with("TRANS") {
            Technique::IrTransmission.into()
        } else {
            FileTechnique::Infrared
        });
        if is_raman {
            // Given as wavenumber by most instruments and as wavelength by some; no laser fits both.
            let laser = self.float("RLW").map(|laser| if laser > 4_000.0 { NM_PER_CM / laser } else { laser });
            spectrum.laser_nm = laser.filter(|nm| (200.0..=2_000.0).contains(nm));
        }
        if spectrum.x_unit == Some(XUnit::Cm1) {
            spectrum.resolution_cm1 = self.float("RES").filter(|r| (0.001..1_000.0).contains(r));
        }
        for (name, words) in [("INS", "measured with"), ("ACC", "accessory")] {
            if let Some(text) = self.text(name).filter(|text| !text.is_empty()) {
                spectrum.notes.push(format!("{words} {text}"));
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::{FileTechnique, SpectrumKind, XUnit, YUnit, read_bytes};
    use super::*;

    fn parameter(name: &str, value: &Value) -> Vec<u8> {
        let (kind, mut bytes) = match value {
            Value::Integer(v) => (0_u16, v.to_le_bytes().to_vec()),
            Value::Float(v) => (1, v.to_le_bytes().to_vec()),
            Value::Text(v) => (2, [v.as_bytes(), b"\0"].concat()),
        };
        bytes.resize(bytes.len().next_multiple_of(2), 0);
        let size = (bytes.len() / 2) as u16;
        [name.as_bytes(), b"\0", &kind.to_le_bytes(), &size.to_le_bytes(), &bytes].concat()
    }

    fn list(parameters: &[(&str, Value)]) -> Vec<u8> {
        let mut bytes: Vec<u8> = parameters.iter().flat_map(|(name, value)| parameter(name, value)).collect();
        bytes.extend(b"END\0\0\0\0\0");
        bytes.resize(bytes.len().next_multiple_of(4), 0);
        bytes
    }

    fn file(blocks: &[(u32, Vec<u8>)]) -> Vec<u8> {
        let mut bytes = MAGIC.to_vec();
        bytes.extend(920_622_f64.to_le_bytes());
        for value in [24, 40, blocks.len() as u32] {
            bytes.extend(value.to_le_bytes());
        }
        let mut at = 24 + 12 * blocks.len();
        for (kind, block) in blocks {
            for value in [*kind, (block.len() / 4) as u32, at as u32] {
                bytes.extend(value.to_le_bytes());
            }
            at += block.len();
        }
        bytes.extend(blocks.iter().flat_map(|(_, block)| block.clone()));
        bytes
    }

    fn status(points: i32) -> Vec<u8> {
        list(&[
            ("NPT", Value::Integer(points)),
            ("FXV", Value::Float(4000.0)),
            ("LXV", Value::Float(3998.0)),
            ("CSF", Value::Float(2.0)),
            ("DPF", Value::Integer(1)),
            ("DXU", Value::Text("WN".to_owned())),
        ])
    }

    fn floats(values: &[f32]) -> Vec<u8> {
        values.iter().flat_map(|v| v.to_le_bytes()).collect()
    }

    fn sample(extra: &[(u32, Vec<u8>)]) -> Vec<u8> {
        let mut blocks = vec![
            (0x60, list(&[("ACC", Value::Text("Platinum ATR".to_owned())), ("SRC", Value::Text("MIR".to_owned()))])),
            (0x30, list(&[("RES", Value::Float(4.0))])),
            (0xa0, list(&[("SNM", Value::Text("tea".to_owned()))])),
            (0x100f, floats(&[0.5, 1.0, 1.5])),
            (0x101f, status(3)),
            (0x40b, floats(&[7.0, 8.0, 9.0, 0.0])),
            (0x41b, status(3)),
        ];
        blocks.extend_from_slice(extra);
        file(&blocks)
    }

    #[test]
    fn every_array_is_listed_with_what_it_is() {
        let spectra = read_bytes(&sample(&[]), "x.0").unwrap();
        let absorbance = &spectra[0];
        assert_eq!((&absorbance.x[..], &absorbance.y[..]), (&[4000.0, 3999.0, 3998.0][..], &[1.0, 2.0, 3.0][..]));
        assert_eq!((absorbance.title.as_str(), absorbance.kind), ("tea: absorbance", SpectrumKind::Sample));
        assert_eq!(absorbance.technique, Some(FileTechnique::Known(Technique::AtrFtir)));
        assert_eq!((&absorbance.x_unit, &absorbance.y_unit), (&Some(XUnit::Cm1), &Some(YUnit::Absorbance)));
        assert_eq!(absorbance.resolution_cm1, Some(4.0));
        assert_eq!(
            (spectra[1].title.as_str(), spectra[1].kind),
            ("tea: single channel of the reference", SpectrumKind::Reference)
        );
    }

    #[test]
    fn interferograms_and_raman_spectra_are_told_apart() {
        let extra = [
            (0x807, floats(&[1.0, 2.0, 3.0])),
            (0x817, status(3)),
            (0x0280f, floats(&[1.0, 2.0, 3.0])),
            (0x0281f, status(3)),
            (0x50, list(&[("RLW", Value::Float(9394.0))])),
        ];
        let spectra = read_bytes(&sample(&extra), "x.0").unwrap();
        assert_eq!(spectra[2].kind, SpectrumKind::Interferogram);
        assert_eq!((spectra[3].kind, &spectra[3].technique), (SpectrumKind::Sample, &Some(FileTechnique::RAMAN)));
        assert!((spectra[3].laser_nm.unwrap() - 1064.5).abs() < 0.1);
    }

    #[test]
    fn a_file_that_ends_early_or_promises_too_much_is_refused() {
        let bytes = sample(&[]);
        for cut in [10, 30, 100, bytes.len() - 200, bytes.len() - 150] {
            if let Ok(spectra) = read_bytes(&bytes[..cut], "x.0") {
                assert!(spectra.len() < 2, "{cut}");
            }
        }
        let huge = file(&[(0x100f, floats(&[0.5])), (0x101f, status(i32::MAX))]);
        assert_eq!(read_bytes(&huge, "x.0").unwrap_err(), FormatError::TooManyNumbers);
        let wrong = file(&[(0x100f, floats(&[0.5])), (0x101f, status(60))]);
        assert!(read_bytes(&wrong, "x.0").unwrap_err().to_string().contains("cut off"));
    }
}
