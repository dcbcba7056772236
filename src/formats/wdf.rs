//! Renishaw WiRE WDF: named blocks, each with its size; one spectrum or a map or series over a shared axis.
//!
//! The layout is not published. It is known from open readers (renishawWiRE, wdf-parser, wdfReader), which agree.

use std::sync::Arc;

use super::binary::Binary;
use super::{FileSpectrum, FileTechnique, FormatError, MAX_NUMBERS, MAX_POINTS, XUnit, YUnit};

const DIALECT: &str = "a Renishaw WDF file";
const MAGIC: &[u8] = b"WDF1";
/// Size of a block's own head: name, number, size.
const BLOCK_HEAD: usize = 16;
/// Size of the file's head.
const FILE_HEAD: usize = 512;
/// Most blocks that are looked at.
const MAX_BLOCKS: usize = 4096;
/// Most spectra of one file.
const MAX_SPECTRA: usize = 1 << 17;
/// A map of spectra shorter than this has no more of them than the next line says.
const MIN_MAP_POINTS: usize = 32;
const MAX_SHORT_SPECTRA: usize = 256;
/// Nanometres in a centimetre.
const NM_PER_CM: f64 = 1e7;

/// The file begins with its name.
pub(super) fn recognises(bytes: &[u8]) -> bool {
    bytes.starts_with(MAGIC)
}

/// Every spectrum that was collected, in the order of the measurement.
pub(super) fn read(bytes: &[u8], fallback_title: &str) -> Result<Vec<FileSpectrum>, FormatError> {
    let file = Binary::little_endian(bytes);
    let head = Head::read(&file).ok_or_else(|| incomplete("its head is cut off"))?;
    if head.points == 0 || head.collected == 0 {
        return Err(incomplete("it holds no spectrum"));
    }
    if head.points > MAX_POINTS
        || head.collected > MAX_SPECTRA
        || head.collected.saturating_mul(head.points) > MAX_NUMBERS
    {
        return Err(FormatError::TooManyNumbers);
    }
    // Every spectrum has its title and units, which must not outweigh its numbers.
    if head.points < MIN_MAP_POINTS && head.collected > MAX_SHORT_SPECTRA {
        return Err(FormatError::TooManyNumbers);
    }
    let blocks = blocks(&file);
    let find = |name: &[u8]| blocks.iter().find(|block| block.name == name);
    let (Some(axis), Some(data)) = (find(b"XLST"), find(b"DATA")) else {
        return Err(incomplete("the block with its axis or its data is missing"));
    };
    let cut = || incomplete("it ends before its last point");
    let x_code = file.u32(axis.at + 4).ok_or_else(cut)?;
    // Type and unit stand before the values.
    let x: Arc<[f64]> = file.f32s(axis.at + 8, head.points).ok_or_else(cut)?.into();
    let title = if head.title.is_empty() { fallback_title } else { &head.title };
    let places = find(b"ORGN").map(|block| places(&file, block, &head)).unwrap_or_default();
    let mut spectra = Vec::with_capacity(head.collected);
    for i in 0..head.collected {
        let at = data.at + 4 * i * head.points;
        let y = file.f32s(at, head.points).filter(|_| 4 * (i + 1) * head.points <= data.len).ok_or_else(cut)?;
        let name =
            if head.spectra == 1 { title.to_owned() } else { format!("{title}: {}{}", i + 1, place(&places, i)) };
        let mut spectrum = FileSpectrum::stored(name, &x, y);
        spectrum.x_unit =
            unit(x_code).map(|unit| XUnit::named_in(unit).unwrap_or_else(|| XUnit::Other(unit.to_owned())));
        spectrum.y_unit = unit(head.y_code).map(|u| YUnit::named_in(u).unwrap_or_else(|| YUnit::Other(u.to_owned())));
        spectrum.laser_nm = head.laser_nm;
        // Over a wavelength or an energy the same instrument measures luminescence.
        spectrum.technique = (x_code == RAMAN_SHIFT).then_some(FileTechnique::RAMAN);
        if head.collected < head.spectra {
            spectrum
                .notes
                .push(format!("the measurement stopped after {} of {} spectra", head.collected, head.spectra));
        }
        spectra.push(spectrum);
    }
    Ok(spectra)
}

fn incomplete(what: &str) -> FormatError {
    FormatError::Incomplete { dialect: DIALECT, what: what.to_owned() }
}

/// What the file's head says.
struct Head {
    points: usize,
    /// Spectra that were planned, and those that were measured.
    spectra: usize,
    collected: usize,
    y_code: u32,
    laser_nm: Option<f64>,
    title: String,
}

impl Head {
    fn read(file: &Binary<'_>) -> Option<Self> {
        file.slice(0, FILE_HEAD)?;
        let spectra = usize::try_from(file.u64(64)?).ok()?;
        let laser_cm1 = file.f32(156)?;
        Some(Self {
            points: file.size(60)?,
            spectra,
            collected: usize::try_from(file.u64(72)?).ok()?.min(spectra),
            y_code: file.u32(152)?,
            laser_nm: Some(NM_PER_CM / laser_cm1).filter(|nm| (200.0..=2_000.0).contains(nm)),
            title: file.text(240, 160)?,
        })
    }
}

/// A block: its name and where its content lies.
struct Block<'a> {
    name: &'a [u8],
    at: usize,
    len: usize,
}

fn blocks<'a>(file: &Binary<'a>) -> Vec<Block<'a>> {
    let mut found = Vec::new();
    let mut at = 0_usize;
    while let (Some(name), Some(size)) = (file.slice(at, 4), file.u64(at + 8)) {
        let Some(size) = usize::try_from(size).ok().filter(|size| *size >= BLOCK_HEAD) else { break };
        found.push(Block { name, at: at + BLOCK_HEAD, len: size - BLOCK_HEAD });
        let Some(next) = at.checked_add(size).filter(|next| *next < file.len()) else { break };
        at = next;
        if found.len() >= MAX_BLOCKS {
            break;
        }
    }
    found
}

/// A coordinate of every spectrum: its name, its unit, where its values lie.
struct Coordinate<'a> {
    name: String,
    unit: &'static str,
    file: Binary<'a>,
    at: usize,
}

/// The coordinates along which the measurement moved.
fn places<'a>(file: &Binary<'a>, block: &Block<'_>, head: &Head) -> Vec<Coordinate<'a>> {
    const IS_PRIMARY: u32 = 0x8000_0000;
    const ENTRY_HEAD: usize = 24;
    let mut found = Vec::new();
    let count = file.u32(block.at).unwrap_or(0).min(32);
    let mut at = block.at + 4;
    for _ in 0..count {
        let (Some(kind), Some(code), Some(name)) = (file.u32(at), file.u32(at + 4), file.text(at + 8, 16)) else {
            break;
        };
        if kind & IS_PRIMARY != 0 {
            found.push(Coordinate { name, unit: unit(code).unwrap_or_default(), file: *file, at: at + ENTRY_HEAD });
        }
        let Some(next) = head.spectra.checked_mul(8).and_then(|size| at.checked_add(ENTRY_HEAD)?.checked_add(size))
        else {
            break;
        };
        at = next;
    }
    found
}

/// Where a spectrum was measured, for its title.
fn place(places: &[Coordinate<'_>], i: usize) -> String {
    let values = places.iter().filter_map(|c| {
        let value = c.file.f64(c.at.checked_add(i.checked_mul(8)?)?).filter(|v| v.is_finite())?;
        Some(format!("{} {value} {}", c.name, c.unit))
    });
    let text = values.collect::<Vec<_>>().join(", ");
    if text.is_empty() { text } else { format!(" ({})", text.trim_end()) }
}

const RAMAN_SHIFT: u32 = 1;
const NANOMETRE: u32 = 3;
const ELECTRON_VOLT: u32 = 4;

/// The units by number. `None` where the file says that its unit is arbitrary.
const fn unit(code: u32) -> Option<&'static str> {
    Some(match code {
        RAMAN_SHIFT | 2 => "cm-1",
        NANOMETRE => "nm",
        ELECTRON_VOLT => "eV",
        5 => "um",
        6 => "counts",
        7 => "electrons",
        8 => "mm",
        9 => "m",
        10 => "kelvin",
        11 => "pascal",
        12 => "seconds",
        13 => "milliseconds",
        14 => "hours",
        15 => "days",
        16 => "pixel",
        17 => "intensity",
        18 => "relative intensity",
        19 => "degrees",
        20 => "radians",
        21 => "degrees Celsius",
        22 => "degrees Fahrenheit",
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::super::{FileTechnique, FormatError, XUnit, YUnit, read_bytes};
    use super::*;

    fn block(name: [u8; 4], content: &[u8]) -> Vec<u8> {
        let size = (BLOCK_HEAD + content.len()) as u64;
        [&name[..], &0_u32.to_le_bytes(), &size.to_le_bytes(), content].concat()
    }

    fn floats(values: &[f32]) -> Vec<u8> {
        values.iter().flat_map(|v| v.to_le_bytes()).collect()
    }

    fn map(points: u32, spectra: u64, collected: u64, values: &[f32]) -> Vec<u8> {
        let mut head = vec![0; FILE_HEAD];
        head[..4].copy_from_slice(MAGIC);
        head[8..16].copy_from_slice(&(FILE_HEAD as u64).to_le_bytes());
        head[60..64].copy_from_slice(&points.to_le_bytes());
        head[64..72].copy_from_slice(&spectra.to_le_bytes());
        head[72..80].copy_from_slice(&collected.to_le_bytes());
        head[152] = 6;
        head[156..160].copy_from_slice(&18_788.16_f32.to_le_bytes());
        head[240..243].copy_from_slice(b"tea");
        let axis = [1_u32.to_le_bytes(), RAMAN_SHIFT.to_le_bytes()].concat();
        let mut places = [1_u32.to_le_bytes(), 0x8000_0005_u32.to_le_bytes(), 5_u32.to_le_bytes()].concat();
        places.extend(b"Z\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0");
        places.extend((0..spectra).flat_map(|i| (i as f64 - 10.0).to_le_bytes()));
        let axis = [axis, floats(&[300.0, 200.0])].concat();
        [head, block(*b"DATA", &floats(values)), block(*b"XLST", &axis), block(*b"ORGN", &places)].concat()
    }

    #[test]
    fn every_spectrum_of_a_map_is_read_over_the_shared_axis() {
        let spectra = read_bytes(&map(2, 3, 2, &[1.0, 2.0, 3.0, 4.0, 0.0, 0.0]), "x.wdf").unwrap();
        assert_eq!(spectra.len(), 2);
        assert_eq!((&spectra[1].x[..], &spectra[1].y[..]), (&[300.0, 200.0][..], &[3.0, 4.0][..]));
        assert_eq!(spectra[1].title, "tea: 2 (Z -9 um)");
        assert!(Arc::ptr_eq(&spectra[0].x, &spectra[1].x));
        assert_eq!((&spectra[0].technique, &spectra[0].x_unit), (&Some(FileTechnique::RAMAN), &Some(XUnit::Cm1)));
        assert_eq!(spectra[0].y_unit, Some(YUnit::Counts));
        assert!((spectra[0].laser_nm.unwrap() - 532.25).abs() < 0.01);
        assert!(spectra[0].notes[0].contains("2 of 3"));
    }

    #[test]
    fn cut_files_and_absurd_counts_are_refused() {
        let bytes = map(2, 1, 1, &[1.0, 2.0]);
        for cut in [100, 520, 540, 560] {
            assert!(read_bytes(&bytes[..cut], "x").unwrap_err().to_string().contains("WDF"), "{cut}");
        }
        let mut absurd = bytes.clone();
        absurd[64..80].fill(0xff);
        assert_eq!(read_bytes(&absurd, "x").unwrap_err(), FormatError::TooManyNumbers);
    }
}
