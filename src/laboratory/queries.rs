//! Labelled spectra of the laboratory, to ask a library about.

use std::collections::HashSet;
use std::path::Path;

use crate::formats::{Choices, FileSpectrum, FileTechnique, SpectrumKind};
use crate::identify::{Query, Spectra, Truth};
use crate::library::is_valid_cas;

use super::labels::{Label, Naming, Origin, suffixes};
use super::reading::{on_every_core, read};
use super::{LaboratoryError, collect_files, read_labels};

/// Spectra with what they are.
#[derive(Clone, Debug)]
pub struct LabelledQueries {
    /// The spectra.
    pub queries: Vec<Query>,
    /// Where they came from, as far as the files or the labels say.
    pub spectra: Spectra,
}

/// Reads the spectra of a folder that a table of labels names ([`read_labels`]); the others are left out. A label whose file
/// is not there, and a labelled file that cannot be compared, are errors: an evaluation of half the spectra would look like
/// one of all.
pub fn labelled_queries(
    folder: &Path,
    labels: &Path,
    go_on: &(dyn Fn(usize, usize) -> bool + Sync),
) -> Result<LabelledQueries, LaboratoryError> {
    let rows = read_labels(labels)?;
    let mut files = collect_files(&[folder.to_owned()])?;
    files.retain(|f| f != labels);
    let naming = Naming::Table(rows.clone());
    let read = on_every_core(&files, |path| of_file(path, &naming), go_on)?;
    let (mut queries, mut seen) = (Vec::new(), HashSet::new());
    let (mut measured, mut simulated, mut as_stated) = (0, 0, 0);
    for found in read {
        for (file, query, origin) in found? {
            seen.insert(file);
            queries.push(query);
            *match origin {
                Some(Origin::Measured) => &mut measured,
                Some(Origin::Simulated) => &mut simulated,
                None => &mut as_stated,
            } += 1;
        }
    }
    let named: HashSet<&str> = seen.iter().flat_map(|s| suffixes(s)).collect();
    let mut missing: Vec<&String> = rows.keys().filter(|f| !named.contains(f.as_str())).collect();
    missing.sort();
    if let Some(first) = missing.first() {
        let what = format!("{} of its files are not in {}, the first is {first}", missing.len(), folder.display());
        return Err(LaboratoryError::Labels { path: labels.to_owned(), what });
    }
    Ok(LabelledQueries { queries, spectra: Spectra::counted(measured, simulated, as_stated) })
}

fn of_file(path: &Path, naming: &Naming) -> Result<Vec<(String, Query, Option<Origin>)>, LaboratoryError> {
    let found = read(path)?;
    let mut out = Vec::new();
    // What cannot be read is wrong only where a label names it.
    let Ok(files) = found.files else {
        return match naming.label(&found.name, 1, "") {
            None => Ok(out),
            Some(_) => {
                found.files.map(|_| Vec::new()).map_err(|source| LaboratoryError::File { name: found.name, source })
            }
        };
    };
    for file in files {
        let name = if file.name == found.base { found.name.clone() } else { file.name.clone() };
        let spectra = match file.read {
            Ok(spectra) => spectra,
            Err(source) if naming.label(&name, 1, "").is_some() => return Err(LaboratoryError::File { name, source }),
            Err(_) => continue,
        };
        for (i, spectrum) in spectra.iter().enumerate().filter(|(_, s)| s.kind == SpectrumKind::Sample) {
            let Some(label) = naming.label(&name, i + 1, &spectrum.title) else { continue };
            let stated = matches!(&spectrum.technique, Some(FileTechnique::Known(_)));
            let choices = Choices {
                technique: label.technique.filter(|_| !stated),
                laser_nm: label.laser_nm,
                ..Choices::default()
            };
            let comparable =
                spectrum.comparable(&choices).map_err(|source| LaboratoryError::File { name: name.clone(), source })?;
            let origin = origin_of(spectrum, &label, &name)?;
            let number = if spectra.len() > 1 { format!(" #{}", i + 1) } else { String::new() };
            let short = name.rsplit('/').next().unwrap_or(&name);
            let query = Query {
                name: format!("{short}{number}"),
                truth: truth(&label),
                beside: Vec::new(),
                spectrum: comparable.spectrum,
            };
            out.push((name.clone(), query, origin));
        }
    }
    Ok(out)
}

/// What the file says, else the label; where they contradict each other nothing is believed.
fn origin_of(spectrum: &FileSpectrum, label: &Label, name: &str) -> Result<Option<Origin>, LaboratoryError> {
    match (spectrum.says_simulated(), label.origin) {
        (true, Some(Origin::Measured)) => Err(LaboratoryError::Labels {
            path: name.into(),
            what: "the file says that it is simulated, and its label that it was measured; correct the label"
                .to_owned(),
        }),
        (true, _) => Ok(Some(Origin::Simulated)),
        (false, stated) => Ok(stated),
    }
}

fn truth(label: &Label) -> Truth {
    let number = label.cas.clone().or_else(|| Some(label.substance.clone()).filter(|s| is_valid_cas(s)));
    Truth { name: label.substance.clone(), cas: number.into_iter().collect() }
}
