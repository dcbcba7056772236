//! What the operator said of a source is remembered, so that the second delivery of the same partner asks nothing again.

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io::{Read, Write};
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use crate::formats::Choices;

use super::LaboratoryError;

/// Most bytes of the file.
const BYTES_MAX: u64 = 4 << 20;

/// What was said of one source. Parts that nobody said anything about are none.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Answers {
    /// What its files do not say.
    pub choices: Choices,
    /// Who made it, what, when.
    pub citation: Option<String>,
    /// Terms under which it may be in a library.
    pub licence: Option<String>,
    /// Resolution of its instrument (full width at half maximum), cm-1.
    pub resolution_cm1: Option<f64>,
    /// Groups of substances that are new.
    pub groups: Vec<String>,
    /// Its instrument.
    pub instrument: Option<String>,
}

impl Answers {
    /// These, and where they say nothing the earlier ones.
    #[must_use]
    pub fn or(self, earlier: Self) -> Self {
        let (a, b) = (self.choices, earlier.choices);
        Self {
            choices: Choices {
                technique: a.technique.or(b.technique),
                x_unit: a.x_unit.or(b.x_unit),
                y_unit: a.y_unit.or(b.y_unit),
                laser_nm: a.laser_nm.or(b.laser_nm),
                reflectance: a.reflectance.or(b.reflectance),
            },
            citation: self.citation.or(earlier.citation),
            licence: self.licence.or(earlier.licence),
            resolution_cm1: self.resolution_cm1.or(earlier.resolution_cm1),
            groups: if self.groups.is_empty() { earlier.groups } else { self.groups },
            instrument: self.instrument.or(earlier.instrument),
        }
    }
}

fn place(data_dir: &Path) -> PathBuf {
    data_dir.join("laboratory").join("sources.json")
}

fn read(path: &Path) -> Result<BTreeMap<String, Answers>, LaboratoryError> {
    let disk = |source| LaboratoryError::Disk { path: path.to_owned(), doing: "read", source };
    let mut text = String::new();
    match File::open(path) {
        Err(e) if e.kind() == std::io::ErrorKind::NotFound => return Ok(BTreeMap::new()),
        opened => opened.and_then(|f| f.take(BYTES_MAX).read_to_string(&mut text)).map_err(disk)?,
    };
    serde_json::from_str(&text).map_err(|e| disk(std::io::Error::other(e)))
}

/// What was said of this source before in this data folder; nothing where it is new.
pub fn remembered_answers(data_dir: &Path, source: &str) -> Result<Answers, LaboratoryError> {
    Ok(read(&place(data_dir))?.remove(source).unwrap_or_default())
}

/// Remembers what was said of a source, whole or not at all.
pub fn keep_answers(data_dir: &Path, source: &str, answers: &Answers) -> Result<(), LaboratoryError> {
    let path = place(data_dir);
    let disk = |source| LaboratoryError::Disk { path: path.clone(), doing: "written", source };
    let mut all = read(&path)?;
    all.insert(source.to_owned(), answers.clone());
    let text = serde_json::to_vec_pretty(&all).map_err(|e| disk(std::io::Error::other(e)))?;
    let new = path.with_extension("new");
    path.parent().map_or(Ok(()), fs::create_dir_all).map_err(disk)?;
    File::create(&new)
        .and_then(|mut f| f.write_all(&text).and_then(|()| f.sync_all()))
        .and_then(|()| fs::rename(&new, &path))
        .map_err(disk)
}
