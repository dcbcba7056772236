//! JCAMP-DX 4.24 and 5: labelled records as text, tables of even steps or of pairs, several blocks and pages.
//!
//! Sources: McDonald and Wilks, Applied Spectroscopy 42 (1988) 151-162 (4.24); Lampen et al., Applied Spectroscopy 45
//! (1991) 1545-1554 and Davies and Lampen, Applied Spectroscopy 47 (1993) 1093-1099 (5, NTUPLES).

mod ordinates;
mod pages;
mod pairs;
mod records;
mod table;
mod write;

use ordinates::{Broken, Dialect};
use records::{Block, Record};
use table::{Points, Scale};
pub use write::{JcampForm, to_jcamp};

use crate::spectrum::Technique;

use super::{Content, FileSpectrum, FileTechnique, FormatError, MAX_NUMBERS, SpectrumKind, XUnit, YUnit, number, text};

const DIALECT: &str = "a JCAMP-DX file";
/// Labels that only these files have, in the spelling after removal of spaces and marks.
const LABELS: [&str; 8] =
    ["JCAMPDX", "XYDATA", "XYPOINTS", "PEAKTABLE", "PEAKASSIGNMENTS", "NTUPLES", "DATATABLE", "RADATA"];
/// Longest label.
const MAX_LABEL: usize = 32;
/// Most tables of one file; a map has tens of thousands.
const MAX_TABLES: usize = 1 << 17;

/// Some line is a record that only these files have. Tables of differences look like columns of numbers, so such a text
/// must never reach the readers of tables.
pub(super) fn recognises(content: &Content<'_>) -> bool {
    text::lines(content.text).any(|(_, line)| {
        let label = line.trim_start().strip_prefix("##").and_then(|rest| rest.split_once('='));
        label.is_some_and(|(label, _)| {
            let label: String = label.chars().filter(char::is_ascii_alphanumeric).take(MAX_LABEL).collect();
            LABELS.iter().any(|known| label.eq_ignore_ascii_case(known))
        })
    })
}

/// Every table of every block, in file order.
pub(super) fn read(content: &Content<'_>) -> Result<Vec<FileSpectrum>, FormatError> {
    let mut spectra = Vec::new();
    let mut numbers = 0;
    for block in records::blocks(content.text) {
        let found = if block.find("NTUPLES").is_some() { pages::read(&block)? } else { plain(&block)? };
        let title = block.value("TITLE").unwrap_or(content.fallback_title);
        for (page, points, mut facts) in found {
            numbers += points.x.len() + points.y.len();
            if numbers > MAX_NUMBERS || spectra.len() >= MAX_TABLES {
                return Err(FormatError::TooManyNumbers);
            }
            facts.read_block(&block);
            let title = if page.is_empty() { title.to_owned() } else { format!("{title}: {page}") };
            spectra.push(facts.spectrum(title, points, &block));
        }
    }
    if spectra.is_empty() {
        let what = "it holds no table with data".to_owned();
        return Err(FormatError::Incomplete { dialect: DIALECT, what });
    }
    Ok(spectra)
}

/// One table: the name of its page, its points, and what its own records say.
type Found = (String, Points, Facts);

/// The tables of a block that is not compound.
fn plain(block: &Block<'_>) -> Result<Vec<Found>, FormatError> {
    let mut found = Vec::new();
    for record in &block.records {
        let form = record.value();
        let is_peak_table = record.is("PEAKTABLE");
        let is_assignment = record.is("PEAKASSIGNMENTS") || record.is("PEAKASSIGNMENT") || record.is("ASSIGNMENTS");
        let is_table = record.is("XYDATA") || record.is("XYPOINTS") || record.is("RADATA");
        if !(is_peak_table || is_assignment || is_table) {
            continue;
        }
        let scale = scale(block, if record.is("RADATA") { ('R', 'A') } else { ('X', 'Y') })?;
        let points = if form.contains("++") {
            even(record, &scale, decimal_comma(block))?
        } else {
            // Where there is a spectrum beside its peaks, counts, extremes and factors are those of the spectrum.
            let scale = if is_assignment { Scale::default() } else { scale };
            pairs::read(record, form, &scale, decimal_comma(block))?
        };
        if points.y.is_empty() {
            continue;
        }
        let mut facts = Facts::default();
        facts.is_peak_table = is_peak_table || is_assignment;
        let page = if is_assignment { "peak assignments" } else { "" };
        found.push((page.to_owned(), points, facts));
    }
    Ok(found)
}

/// The points of a table of even steps.
fn even(record: &Record<'_>, scale: &Scale, decimal_comma: bool) -> Result<Points, FormatError> {
    let dialect = Dialect::of(record.table_lines().map(|(_, line)| line), decimal_comma);
    let table = ordinates::read(record.table_lines(), dialect, record.len()).map_err(broken)?;
    Ok(Points::even(table, scale))
}

fn broken(why: Broken) -> FormatError {
    match why {
        Broken::Line(line, what) => FormatError::Line { line, what },
        Broken::TooMany => FormatError::TooManyNumbers,
    }
}

/// What the header of a block says about its one table; `names` are the letters of abscissa and ordinate.
fn scale(block: &Block<'_>, names: (char, char)) -> Result<Scale, FormatError> {
    let (x, y) = names;
    let number = |label: String| block.find(&label).and_then(Record::number);
    let factor = |label: String| match number(label.clone()) {
        Some(factor) if factor == 0.0 => {
            Err(FormatError::Incomplete { dialect: DIALECT, what: format!("its {label} is zero") })
        }
        other => Ok(other.unwrap_or(1.0)),
    };
    Ok(Scale {
        first_x: number(format!("FIRST{x}")),
        last_x: number(format!("LAST{x}")),
        delta_x: number(format!("DELTA{x}")).filter(|step| *step != 0.0),
        points: number("NPOINTS".to_owned()).filter(|n| *n >= 1.0).map(|n| n as usize),
        x_factor: factor(format!("{x}FACTOR"))?,
        y_factor: factor(format!("{y}FACTOR"))?,
        first_y: number(format!("FIRST{y}")),
        min_y: number(format!("MIN{y}")),
        max_y: number(format!("MAX{y}")),
    })
}

/// True where the header writes its numbers with decimal commas, against the standard.
fn decimal_comma(block: &Block<'_>) -> bool {
    ["FIRSTX", "LASTX", "DELTAX", "XFACTOR", "YFACTOR", "FIRSTY", "MAXY", "MINY"].iter().any(|label| {
        block.value(label).is_some_and(|value| {
            !value.contains('.') && number::parse(value, number::Decimal::Comma).is_some() && value.contains(',')
        })
    })
}

/// What records say about a table besides its numbers.
#[derive(Default)]
struct Facts {
    is_peak_table: bool,
    kind: Option<SpectrumKind>,
    technique: Option<FileTechnique>,
    x_unit: Option<XUnit>,
    y_unit: Option<YUnit>,
    laser_nm: Option<f64>,
    resolution_cm1: Option<f64>,
}

impl Facts {
    /// Adds what the block's own header says, where a page did not say it already.
    fn read_block(&mut self, block: &Block<'_>) {
        if self.x_unit.is_none() {
            self.x_unit = block.value("XUNITS").or_else(|| block.value("RUNITS")).map(x_unit);
        }
        if self.y_unit.is_none() {
            self.y_unit = block.value("YUNITS").or_else(|| block.value("AUNITS")).map(y_unit);
        }
        let data_type = block.value("DATATYPE").unwrap_or_default();
        self.technique = technique(data_type, block.value("SAMPLINGPROCEDURE").unwrap_or_default());
        let says = |word: &str| data_type.to_uppercase().contains(word);
        // Written by this program, where the data type has no words for it.
        let kind = block.value("$KIND").unwrap_or_default();
        if says("INTERFEROGRAM") {
            self.kind = Some(SpectrumKind::Interferogram);
        } else if kind == SpectrumKind::Reference.name() {
            self.kind = Some(SpectrumKind::Reference);
        } else if kind == SpectrumKind::Other.name() {
            self.kind = Some(SpectrumKind::Other);
        } else if says("BACKGROUND") || says("REFERENCE") {
            self.kind = Some(SpectrumKind::Reference);
        } else if says("FID") {
            self.kind = Some(SpectrumKind::Other);
        }
        self.laser_nm =
            ["$LASERWAVELENGTHNM", "LASERWAVELENGTH", ".LASERWAVELENGTH", "$LASERWAVELENGTH", "EXCITATIONWAVELENGTH"]
                .iter()
                .find_map(|label| number::laser_nm(block.value(label)?));
        if self.x_unit == Some(XUnit::Cm1) {
            let resolution = block.find("RESOLUTION").and_then(Record::number);
            self.resolution_cm1 = resolution.filter(|r| (0.001..1_000.0).contains(r));
        }
    }

    fn spectrum(self, title: String, points: Points, block: &Block<'_>) -> FileSpectrum {
        let Points { x, y, notes, defects } = points;
        let mut spectrum = FileSpectrum::sample(title, x, y);
        spectrum.kind = self.kind.unwrap_or(SpectrumKind::Sample);
        spectrum.is_peak_table = self.is_peak_table;
        spectrum.technique = self.technique;
        spectrum.x_unit = self.x_unit;
        spectrum.y_unit = self.y_unit;
        spectrum.laser_nm = self.laser_nm;
        spectrum.resolution_cm1 = self.resolution_cm1;
        spectrum.notes = notes;
        spectrum.defects = defects;
        let written = |label: &'static str| block.records.iter().filter(move |record| record.is(label));
        spectrum.defects.extend(written("$DEFECT").map(|record| record.value().to_owned()));
        let indices =
            written("$SATURATEDPOINTS").flat_map(|record| record.lines()).flat_map(|(_, line)| line.split_whitespace());
        let count = spectrum.x.len();
        spectrum.saturated =
            indices.filter_map(|index| index.parse().ok()).filter(|index| *index < count).take(count).collect();
        if !block.is_closed {
            if block.find("NPOINTS").is_some() || block.find("NTUPLES").is_some() {
                spectrum.notes.push("the block has no ##END=".to_owned());
            } else {
                let what = "the block has neither ##END= nor ##NPOINTS=, so that its end may be missing";
                spectrum.defects.push(what.to_owned());
            }
        }
        for label in ["SPECTROMETERDATASYSTEM", "CASREGISTRYNO", "$NOTE"] {
            for record in block.records.iter().filter(|record| record.is(label) && !record.value().is_empty()) {
                spectrum.notes.push(match label {
                    "SPECTROMETERDATASYSTEM" => format!("measured with {}", record.value()),
                    "CASREGISTRYNO" => format!("CAS registry number {}", record.value()),
                    _ => record.value().to_owned(),
                });
            }
        }
        spectrum
    }
}

fn x_unit(words: &str) -> XUnit {
    XUnit::named_in(words).unwrap_or_else(|| XUnit::Other(words.to_owned()))
}

fn y_unit(words: &str) -> YUnit {
    YUnit::named_in(words).unwrap_or_else(|| YUnit::Other(words.to_owned()))
}

/// The technique that the data type names; for infrared the sampling procedure may say how the light met the sample.
fn technique(data_type: &str, sampling: &str) -> Option<FileTechnique> {
    let upper = data_type.to_uppercase();
    let words = |text: &str, word: &str| text.split(|c: char| !c.is_alphanumeric()).any(|w| w == word);
    if upper.is_empty() || upper == "INTERFEROGRAM" {
        None
    } else if words(&upper, "SERS") || words(&sampling.to_uppercase(), "SERS") {
        Some(Technique::Sers.into())
    } else if upper.contains("RAMAN") {
        Some(FileTechnique::RAMAN)
    } else if upper.contains("NEAR INFRARED") || upper.contains("NEAR-INFRARED") || words(&upper, "NIR") {
        Some(Technique::Nir.into())
    } else if upper.contains("INFRARED") || words(&upper, "IR") {
        let sampling = sampling.to_uppercase();
        Some(if words(&sampling, "ATR") || sampling.contains("ATTENUATED TOTAL") {
            Technique::AtrFtir.into()
        } else if sampling.contains("TRANSMISSION") {
            Technique::IrTransmission.into()
        } else {
            FileTechnique::Infrared
        })
    } else {
        Some(FileTechnique::Other(data_type.to_owned()))
    }
}

#[cfg(test)]
mod tests;
