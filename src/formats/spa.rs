//! Thermo OMNIC SPA: a directory of sections behind a fixed head; one spectrum, and often the interferograms behind it.
//!
//! The layout is not published. It is known from open readers (SpectroChemPy, read.spa of R's spectrolab family), which
//! agree on the sections that are read here.

use crate::spectrum::Technique;

use super::binary::Binary;
use super::{FileSpectrum, FileTechnique, FormatError, MAX_POINTS, SpectrumKind, XUnit, YUnit, number};

const DIALECT: &str = "a Thermo Omnic SPA file";
const MAGIC: &[u8] = b"Spectral Data File";
/// Where the title stands, and how long it may be.
const TITLE: (usize, usize) = (30, 255);
/// Where the number of sections and the directory stand.
const SECTION_COUNT: usize = 294;
const DIRECTORY: usize = 304;
/// Size of an entry of the directory.
const ENTRY: usize = 16;
/// Sections by number.
const SPECTRUM_HEADER: u8 = 2;
const INTENSITIES: u8 = 3;
const HISTORY: u8 = 27;
const SAMPLE_INTERFEROGRAM: u8 = 102;
const REFERENCE_INTERFEROGRAM: u8 = 103;
/// Most bytes of the history that are looked at.
const MAX_HISTORY: usize = 1 << 16;
/// Nanometres in a centimetre.
const NM_PER_CM: f64 = 1e7;

/// The file begins with its name.
pub(super) fn recognises(bytes: &[u8]) -> bool {
    bytes.starts_with(MAGIC)
}

/// The spectrum, then its interferograms.
pub(super) fn read(bytes: &[u8], fallback_title: &str) -> Result<Vec<FileSpectrum>, FormatError> {
    let file = Binary::little_endian(bytes);
    let sections = directory(&file).ok_or_else(|| incomplete("its directory is cut off"))?;
    let find = |kind: u8| sections.iter().find(|section| section.kind == kind);
    let title = file.text(TITLE.0, TITLE.1).filter(|title| !title.is_empty());
    let title = title.as_deref().unwrap_or(fallback_title);
    let (Some(header), Some(intensities)) = (find(SPECTRUM_HEADER), find(INTENSITIES)) else {
        return Err(incomplete("it has no section with a spectrum"));
    };
    let history = find(HISTORY).and_then(|s| file.text(s.at, s.len.min(MAX_HISTORY))).unwrap_or_default();
    let mut spectra = vec![spectrum(&file, title, *header, *intensities, &history)?];
    for (kind, whose) in [(SAMPLE_INTERFEROGRAM, "sample"), (REFERENCE_INTERFEROGRAM, "reference")] {
        let Some(section) = find(kind) else { continue };
        let points = section.len / 4;
        if points > MAX_POINTS {
            return Err(FormatError::TooManyNumbers);
        }
        let y = file.f32s(section.at, points).ok_or_else(|| incomplete("an interferogram is cut off"))?;
        let x: Vec<f64> = (0..points).map(|i| i as f64).collect();
        let mut interferogram = FileSpectrum::stored(format!("{title}: interferogram of the {whose}"), &x.into(), y);
        interferogram.kind = SpectrumKind::Interferogram;
        interferogram.technique = Some(FileTechnique::Infrared);
        interferogram.x_unit = Some(XUnit::Other("points of the path difference".to_owned()));
        interferogram.y_unit = Some(YUnit::Other("interferogram".to_owned()));
        spectra.push(interferogram);
    }
    Ok(spectra)
}

fn incomplete(what: &str) -> FormatError {
    FormatError::Incomplete { dialect: DIALECT, what: what.to_owned() }
}

/// An entry of the directory.
#[derive(Clone, Copy, Debug)]
struct Section {
    kind: u8,
    at: usize,
    len: usize,
}

fn directory(file: &Binary<'_>) -> Option<Vec<Section>> {
    let count = usize::from(file.u16(SECTION_COUNT)?);
    (0..count)
        .map(|i| {
            let entry = DIRECTORY + ENTRY * i;
            Some(Section { kind: file.u8(entry)?, at: file.size(entry + 2)?, len: file.size(entry + 6)? })
        })
        .collect()
}

fn spectrum(
    file: &Binary<'_>,
    title: &str,
    header: Section,
    intensities: Section,
    history: &str,
) -> Result<FileSpectrum, FormatError> {
    let cut = || incomplete("the section about its spectrum is cut off");
    let points = file.size(header.at + 4).ok_or_else(cut)?;
    let x_code = file.u8(header.at + 8).ok_or_else(cut)?;
    let y_code = file.u8(header.at + 12).ok_or_else(cut)?;
    let first = file.f32(header.at + 16).ok_or_else(cut)?;
    let last = file.f32(header.at + 20).ok_or_else(cut)?;
    if points > MAX_POINTS {
        return Err(FormatError::TooManyNumbers);
    }
    if points.saturating_mul(4) > intensities.len {
        return Err(incomplete("it holds fewer intensities than it states points"));
    }
    let y = file.f32s(intensities.at, points).ok_or_else(|| incomplete("it ends before its last point"))?;
    let step = if points > 1 { (last - first) / (points - 1) as f64 } else { 0.0 };
    let x: Vec<f64> = (0..points).map(|i| if i + 1 == points { last } else { step.mul_add(i as f64, first) }).collect();
    if points == 0 {
        return Err(incomplete("it holds no points"));
    }
    let mut spectrum = FileSpectrum::stored(title.to_owned(), &x.into(), y);
    spectrum.x_unit = match x_code {
        1 | 32 => Some(XUnit::Cm1),
        2 => Some(XUnit::Other("points of the path difference".to_owned())),
        3 => Some(XUnit::Nm),
        4 => Some(XUnit::Micrometre),
        _ => None,
    };
    spectrum.y_unit = y_unit(y_code);
    if x_code == 2 || y_code == 22 {
        spectrum.kind = SpectrumKind::Interferogram;
    } else if y_code == 15 {
        // A single channel holds lamp, detector and air besides the sample.
        spectrum.kind = SpectrumKind::Other;
    }
    spectrum.technique = match (x_code, y_code) {
        (32, _) | (_, 31) => Some(FileTechnique::RAMAN),
        _ if history.split(|c: char| !c.is_alphanumeric()).any(|word| word == "ATR") => Some(Technique::AtrFtir.into()),
        (1, _) => Some(FileTechnique::Infrared),
        _ => None,
    };
    if spectrum.technique == Some(FileTechnique::RAMAN) {
        let laser_cm1 = file.f32(header.at + 96).filter(|cm1| *cm1 > 0.0);
        spectrum.laser_nm = laser_cm1.map(|cm1| NM_PER_CM / cm1).filter(|nm| (200.0..=2_000.0).contains(nm));
    }
    for line in history.lines() {
        if let Some((_, rest)) = line.split_once("Resolution:") {
            let word = rest.split_whitespace().next().unwrap_or_default();
            spectrum.resolution_cm1 = number::parse_either(word).filter(|r| (0.001..1_000.0).contains(r));
        }
    }
    Ok(spectrum)
}

/// Ordinates by number.
fn y_unit(code: u8) -> Option<YUnit> {
    Some(match code {
        11 => YUnit::ReflectancePercent,
        // log10(1/R) is compared as absorbance is.
        12 | 17 => YUnit::Absorbance,
        16 => YUnit::TransmittancePercent,
        20 => YUnit::KubelkaMunk,
        21 => YUnit::Reflectance,
        15 => YUnit::Other("single channel".to_owned()),
        22 => YUnit::Other("volts".to_owned()),
        26 => YUnit::Other("photoacoustic intensity".to_owned()),
        31 => YUnit::Other("Raman intensity".to_owned()),
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::super::{FileTechnique, SpectrumKind, XUnit, YUnit, read_bytes};
    use super::*;

    fn file(x_code: u8, y_code: u8, history: &str, values: &[f32]) -> Vec<u8> {
        let mut bytes = vec![0; DIRECTORY];
        bytes[..MAGIC.len()].copy_from_slice(MAGIC);
        bytes[30..33].copy_from_slice(b"tea");
        bytes[SECTION_COUNT] = 4;
        let mut header = vec![0; 140];
        header[4..8].copy_from_slice(&(values.len() as u32).to_le_bytes());
        header[8] = x_code;
        header[12] = y_code;
        header[16..20].copy_from_slice(&4000_f32.to_le_bytes());
        header[20..24].copy_from_slice(&3998_f32.to_le_bytes());
        header[96..100].copy_from_slice(&18_791.373_f32.to_le_bytes());
        let data: Vec<u8> = values.iter().flat_map(|v| v.to_le_bytes()).collect();
        let sections = [(2, header), (3, data.clone()), (27, history.as_bytes().to_vec()), (102, data)];
        let mut at = DIRECTORY + ENTRY * sections.len();
        for (kind, section) in &sections {
            let mut entry = vec![*kind, 0];
            entry.extend((at as u32).to_le_bytes());
            entry.extend((section.len() as u32).to_le_bytes());
            entry.resize(ENTRY, 0);
            bytes.extend(entry);
            at += section.len();
        }
        bytes.extend(sections.into_iter().flat_map(|(_, section)| section));
        bytes
    }

    #[test]
    fn the_codes_decide_what_the_spectrum_is() {
        let read = |x, y, history| read_bytes(&file(x, y, history, &[1.0, 2.0, 3.0]), "x.spa").unwrap().swap_remove(0);
        let infrared = read(1, 16, "Final format:\t%T\r\n\t Resolution:\t 4.000 from 649\r\n");
        assert_eq!((&infrared.x[..], &infrared.y[..]), (&[4000.0, 3999.0, 3998.0][..], &[1.0, 2.0, 3.0][..]));
        assert_eq!((&infrared.technique, &infrared.x_unit), (&Some(FileTechnique::Infrared), &Some(XUnit::Cm1)));
        assert_eq!((infrared.y_unit, infrared.resolution_cm1), (Some(YUnit::TransmittancePercent), Some(4.0)));
        let raman = read(32, 31, "");
        assert_eq!(raman.technique, Some(FileTechnique::RAMAN));
        assert!((raman.laser_nm.unwrap() - 532.16).abs() < 0.01);
        assert_eq!(read(1, 17, "Advanced ATR correction").technique, Some(Technique::AtrFtir.into()));
        assert_eq!(read(2, 22, "").kind, SpectrumKind::Interferogram);
    }

    #[test]
    fn interferograms_are_listed_behind_the_spectrum_and_cut_files_are_refused() {
        let bytes = file(1, 17, "", &[1.0, 2.0, 3.0]);
        let spectra = read_bytes(&bytes, "x").unwrap();
        assert_eq!((spectra.len(), spectra[1].kind, spectra[1].y[2]), (2, SpectrumKind::Interferogram, 3.0));
        for cut in [100, 310, 400, 510, bytes.len() - 1] {
            assert!(read_bytes(&bytes[..cut], "x").unwrap_err().to_string().contains("SPA"), "{cut}");
        }
    }
}
