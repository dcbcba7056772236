//! What each spectrum of a collection is: by a table, or by one rule for all.

use std::collections::HashMap;
use std::path::Path;

use crate::spectrum::Technique;

use super::LaboratoryError;

/// Most bytes of a table of labels.
const LABELS_BYTES_MAX: u64 = 64 << 20;

/// One row of a table of labels: what is said of a spectrum.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Label {
    /// Number of the spectrum among those of its file, from 1; none means every one.
    pub spectrum: Option<usize>,
    /// Name or CAS number of the substance.
    pub substance: String,
    /// CAS number.
    pub cas: Option<String>,
    /// Formula.
    pub formula: Option<String>,
    /// Groups of a new substance.
    pub groups: Vec<String>,
    /// Salt, base, hydrate, polymorph.
    pub form: String,
    /// Laser wavelength, nm.
    pub laser_nm: Option<f64>,
    /// Technique.
    pub technique: Option<Technique>,
    /// Whether it was measured on a real sample, or simulated.
    pub origin: Option<Origin>,
}

/// Where a spectrum came from, as a table of labels says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Origin {
    /// Measured on a real sample.
    Measured,
    /// Simulated or emulated.
    Simulated,
}

/// How spectra get their substance.
#[derive(Clone, Debug, PartialEq)]
pub enum Naming {
    /// The title that the file states of the spectrum.
    Title,
    /// The file's name without its ending.
    File,
    /// The folder in which the file lies.
    Folder,
    /// A table: name of a file, with or without its folders, to its rows.
    Table(HashMap<String, Vec<Label>>),
}

impl Naming {
    /// What the spectrum with this number (from 1) and title in this file is. None where nothing says it.
    pub fn label(&self, file: &str, number: usize, title: &str) -> Option<Label> {
        let named = |name: &str| {
            let substance = name.trim().to_owned();
            (!substance.is_empty()).then(|| Label { substance, ..Label::default() })
        };
        let mut parts = file.rsplit(['/', '\\']);
        let base = parts.next().unwrap_or(file);
        match self {
            Self::Title => named(title),
            Self::File => named(base.rsplit_once('.').map_or(base, |(stem, _)| stem)),
            Self::Folder => named(parts.next().unwrap_or_default()),
            Self::Table(rows) => {
                // As much of the path as the table names: `b/c.txt` for `a/b/c.txt`, the whole path before the bare name.
                let rows = suffixes(file).find_map(|name| rows.get(name))?;
                let exact = rows.iter().find(|l| l.spectrum == Some(number));
                exact.or_else(|| rows.iter().find(|l| l.spectrum.is_none())).cloned()
            }
        }
    }
}

/// A path and what is left of it without its first, first two ... folders.
pub(super) fn suffixes(path: &str) -> impl Iterator<Item = &str> {
    std::iter::once(path).chain(path.match_indices('/').filter_map(|(at, _)| path.get(at + 1..)))
}

/// Reads a table of labels: columns `file` and `substance`, and where wanted `spectrum`, `cas`, `formula`, `group`
/// (several with `|`), `form`, `laser_nm` (or `laser`), `technique`, `origin` (`measured` or `simulated`). Other columns are an error: a misspelt one would be
/// lost.
pub fn read_labels(path: &Path) -> Result<HashMap<String, Vec<Label>>, LaboratoryError> {
    let refuse = |what: String| LaboratoryError::Labels { path: path.to_owned(), what };
    let disk = |source| LaboratoryError::Disk { path: path.to_owned(), doing: "read", source };
    let file = std::fs::File::open(path).map_err(disk)?;
    if file.metadata().map_err(disk)?.len() > LABELS_BYTES_MAX {
        return Err(refuse(format!("it has more than {} MiB", LABELS_BYTES_MAX >> 20)));
    }
    let mut table = csv::ReaderBuilder::new().trim(csv::Trim::All).flexible(true).from_reader(file);
    let headers: Vec<String> = table
        .headers()
        .map_err(|e| refuse(e.to_string()))?
        .iter()
        .map(|h| h.trim_start_matches('\u{feff}').to_lowercase())
        .collect();
    let known = [
        "file",
        "substance",
        "spectrum",
        "cas",
        "formula",
        "group",
        "form",
        "laser",
        "laser_nm",
        "technique",
        "origin",
    ];
    if let Some(strange) = headers.iter().find(|h| !known.contains(&h.as_str())) {
        return Err(refuse(format!("there is no column `{strange}`; the columns are {}", known.join(", "))));
    }
    let column = |name: &str| headers.iter().position(|h| h == name);
    let need = |name: &str| column(name).ok_or_else(|| refuse(format!("it has no column `{name}`")));
    let (file, substance) = (need("file")?, need("substance")?);
    let mut rows: HashMap<String, Vec<Label>> = HashMap::new();
    for (i, row) in table.records().enumerate() {
        let line = i + 2;
        let row = row.map_err(|e| refuse(e.to_string()))?;
        let cell = |at: usize| row.get(at).map(str::trim).filter(|c| !c.is_empty());
        let optional = |name: &str| column(name).and_then(cell);
        let Some(file) = cell(file) else { return Err(refuse(format!("line {line} names no file"))) };
        let Some(substance) = cell(substance) else {
            return Err(refuse(format!("line {line} does not say what {file} is")));
        };
        let number = |what: &str, text: &str| refuse(format!("line {line}: `{text}` is no {what}"));
        let laser = optional("laser_nm").or_else(|| optional("laser"));
        let laser = laser.map(|t| {
            let bare = t.trim_end_matches("nm").trim();
            bare.parse::<f64>().ok().filter(|nm| (200.0..=2_000.0).contains(nm)).ok_or_else(|| number("laser in nm", t))
        });
        let spectrum = optional("spectrum").map(|t| {
            t.parse::<usize>().ok().filter(|n| *n > 0).ok_or_else(|| number("number of a spectrum, from 1", t))
        });
        let technique = optional("technique").map(|t| {
            serde_json::from_value(serde_json::Value::String(t.to_lowercase())).map_err(|_| number("technique", t))
        });
        let origin = optional("origin").map(|t| match t.to_lowercase().as_str() {
            "measured" => Ok(Origin::Measured),
            "simulated" => Ok(Origin::Simulated),
            _ => Err(number("origin; write measured or simulated", t)),
        });
        let label = Label {
            spectrum: spectrum.transpose()?,
            substance: substance.to_owned(),
            cas: optional("cas").map(str::to_owned),
            formula: optional("formula").map(str::to_owned),
            groups: optional("group").map_or_else(Vec::new, |g| g.split('|').map(|k| k.trim().to_owned()).collect()),
            form: optional("form").unwrap_or_default().to_owned(),
            laser_nm: laser.transpose()?,
            technique: technique.transpose()?,
            origin: origin.transpose()?,
        };
        rows.entry(file.replace('\\', "/")).or_default().push(label);
    }
    if rows.is_empty() {
        return Err(refuse("it has no rows".to_owned()));
    }
    Ok(rows)
}
