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

/// Points that any file may have.
const POINTS_ALWAYS: usize = 1 << 14;
/// Most notes of one kind that are kept.
const MAX_NOTES: usize = 20;

/// Every table of every block, in file order.
pub(super) fn read(content: &Content<'_>) -> Result<Vec<FileSpectrum>, FormatError> {
    let mut spectra = Vec::new();
    // Repeats make megabytes of a few bytes. The densest real files have less than a point a byte.
    let mut left = POINTS_ALWAYS.saturating_add(content.text.len()).min(MAX_NUMBERS / 2);
    for block in records::blocks(content.text) {
        let found =
            if block.find("NTUPLES").is_some() { pages::read(&block, &mut left)? } else { plain(&block, &mut left)? };
        if found.is_empty() {
            continue;
        }
        let title = block.value("TITLE").unwrap_or(text::brief(content.fallback_title));
        let about = Facts::of_block(&block, found.len() == 1);
        for (page, points, facts) in found {
            if spectra.len() >= MAX_TABLES {
                return Err(FormatError::TooManyNumbers);
            }
            let title = if page.is_empty() { title.to_owned() } else { format!("{title}: {page}") };
            spectra.push(facts.or(&about).spectrum(title, points));
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
fn plain(block: &Block<'_>, left: &mut usize) -> Result<Vec<Found>, FormatError> {
    let (spectrum_scale, interferogram_scale) = (scale(block, ('X', 'Y')), scale(block, ('R', 'A')));
    let decimal_comma = decimal_comma(block);
    let mut found = Vec::new();
    for record in &block.records {
        let form = record.value();
        let is_peak_table = record.is("PEAKTABLE");
        let is_assignment = record.is("PEAKASSIGNMENTS") || record.is("PEAKASSIGNMENT") || record.is("ASSIGNMENTS");
        let is_table = record.is("XYDATA") || record.is("XYPOINTS") || record.is("RADATA");
        if !(is_peak_table || is_assignment || is_table) {
            continue;
        }
        // Where there is a spectrum beside its peaks, counts, extremes and factors are those of the spectrum.
        let scale = match (is_assignment, record.is("RADATA")) {
            (true, _) => Scale::default(),
            (false, true) => interferogram_scale.clone()?,
            (false, false) => spectrum_scale.clone()?,
        };
        let points = if form.contains("++") && !is_assignment {
            even(record, &scale, decimal_comma, *left)?
        } else {
            pairs::read(record, form, &scale, decimal_comma)?
        };
        if points.y.is_empty() {
            continue;
        }
        *left = left.checked_sub(points.y.len()).ok_or(FormatError::TooManyNumbers)?;
        let page = if is_assignment { "peak assignments" } else { "" };
        let facts = Facts { is_peak_table: is_peak_table || is_assignment, ..Facts::default() };
        found.push((page.to_owned(), points, facts));
    }
    Ok(found)
}

/// The points of a table of even steps, no more than `most`.
fn even(record: &Record<'_>, scale: &Scale, decimal_comma: bool, most: usize) -> Result<Points, FormatError> {
    let dialect = Dialect::of(record.table_lines().map(|(_, line)| line), decimal_comma);
    let table = ordinates::read(record.table_lines(), dialect, most).map_err(broken)?;
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
        Some(0.0) => Err(FormatError::Incomplete { dialect: DIALECT, what: format!("its {label} is zero") }),
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
    saturated: Vec<usize>,
    notes: Vec<String>,
    defects: Vec<String>,
}

impl Facts {
    /// What the header of a block says. Records that speak of single points are only read where there is one table.
    fn of_block(block: &Block<'_>, is_only_table: bool) -> Self {
        let data_type = block.value("DATATYPE").unwrap_or_default();
        let laser =
            ["$LASERWAVELENGTHNM", "LASERWAVELENGTH", ".LASERWAVELENGTH", "$LASERWAVELENGTH", "EXCITATIONWAVELENGTH"];
        let x_unit = block.value("XUNITS").or_else(|| block.value("RUNITS")).map(x_unit);
        let resolution = block.find("RESOLUTION").and_then(Record::number);
        let mut facts = Self {
            is_peak_table: false,
            kind: kind(data_type, block.value("$KIND").unwrap_or_default()),
            technique: technique(data_type, block.value("SAMPLINGPROCEDURE").unwrap_or_default()),
            resolution_cm1: resolution.filter(|r| x_unit == Some(XUnit::Cm1) && (0.001..1_000.0).contains(r)),
            x_unit,
            y_unit: block.value("YUNITS").or_else(|| block.value("AUNITS")).map(y_unit),
            laser_nm: laser.iter().find_map(|label| number::laser_nm(block.value(label)?)),
            ..Self::default()
        };
        if !block.is_closed && block.is_cut {
            facts.defects.push("the file ends within a line, so that its last number may be cut off".to_owned());
        } else if !block.is_closed && (block.find("NPOINTS").is_some() || block.find("NTUPLES").is_some()) {
            facts.notes.push("the block has no ##END=".to_owned());
        } else if !block.is_closed {
            let what = "the block has neither ##END= nor ##NPOINTS=, so that its end may be missing";
            facts.defects.push(what.to_owned());
        }
        facts.notes.extend(block.value("SPECTROMETERDATASYSTEM").map(|value| format!("measured with {value}")));
        facts.notes.extend(block.value("CASREGISTRYNO").map(|value| format!("CAS registry number {value}")));
        if is_only_table {
            let written = |label: &'static str| block.records.iter().filter(move |record| record.is(label));
            let values = |label| written(label).map(|record| text::brief(record.value()).to_owned()).take(MAX_NOTES);
            facts.notes.extend(values("$NOTE"));
            facts.defects.extend(values("$DEFECT"));
            let lines = written("$SATURATEDPOINTS").flat_map(Record::lines);
            facts.saturated =
                lines.flat_map(|(_, line)| line.split_whitespace()).map_while(|word| word.parse().ok()).collect();
        }
        facts
    }

    /// What a page says itself, else what its block says.
    fn or(self, block: &Self) -> Self {
        Self {
            is_peak_table: self.is_peak_table,
            kind: self.kind.or(block.kind),
            technique: self.technique.or_else(|| block.technique.clone()),
            x_unit: self.x_unit.or_else(|| block.x_unit.clone()),
            y_unit: self.y_unit.or_else(|| block.y_unit.clone()),
            laser_nm: block.laser_nm,
            resolution_cm1: block.resolution_cm1,
            saturated: block.saturated.clone(),
            notes: block.notes.clone(),
            defects: block.defects.clone(),
        }
    }

    fn spectrum(self, title: String, points: Points) -> FileSpectrum {
        let Points { x, y, notes, defects } = points;
        let mut spectrum = FileSpectrum::sample(title, x, y);
        spectrum.kind = self.kind.unwrap_or(SpectrumKind::Sample);
        spectrum.is_peak_table = self.is_peak_table;
        spectrum.technique = self.technique;
        spectrum.x_unit = self.x_unit;
        spectrum.y_unit = self.y_unit;
        spectrum.laser_nm = self.laser_nm;
        spectrum.resolution_cm1 = self.resolution_cm1;
        spectrum.notes = [notes, self.notes].concat();
        spectrum.defects = [defects, self.defects].concat();
        let count = spectrum.y.len();
        spectrum.saturated = self.saturated.into_iter().filter(|index| *index < count).take(count).collect();
        spectrum
    }
}

/// What a data type says about the role of a spectrum; `written` is this program's own word where the type has none.
fn kind(data_type: &str, written: &str) -> Option<SpectrumKind> {
    let upper = data_type.to_uppercase();
    if upper.contains("INTERFEROGRAM") {
        Some(SpectrumKind::Interferogram)
    } else if let Some(kind) = SpectrumKind::from_name(written) {
        Some(kind)
    } else if upper.contains("BACKGROUND") || upper.contains("REFERENCE") {
        Some(SpectrumKind::Reference)
    } else {
        upper.contains("FID").then_some(SpectrumKind::Other)
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
