//! Spectra of others become references of a draft: what a file does not say must be stated, and what is refused is listed.

use std::collections::HashSet;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use jiff::Timestamp;
use serde::Serialize;

use crate::formats::{Choices, Comparable, FileSpectrum, FileTechnique, XUnit};
use crate::library::pack::{Approval, Decision, PackContent};
use crate::library::{
    BANDS_MAX, Library, LibraryError, MeasuredArray, Provenance, Reference, Source, SourceFile, Tier,
};
use crate::signal::{BandModel, bands_of};
use crate::spectrum::Band;

use super::facts::{SubstanceFacts, place};
use super::labels::{Label, Naming, suffixes};
use super::names::Names;
use super::reading::{on_every_core, read};
use super::{Answers, LaboratoryError};

/// Terms under which spectra can be brought in: those of a library that need no text to travel along.
pub const TERMS: [&str; 6] = ["CC0-1.0", "facts", "facts-with-attribution", "project", "laboratory", "by-agreement"];

/// What the operator states of a whole collection.
#[derive(Clone, Debug, PartialEq)]
pub struct Import {
    /// Key of the source: lower-case words with hyphens.
    pub source: String,
    /// What is said of it: terms, citation, and whatever its files do not say.
    pub answers: Answers,
    /// Where its spectra were measured.
    pub tier: Tier,
    /// How they are named.
    pub naming: Naming,
    /// Who imports.
    pub author: String,
    /// When.
    pub at: Timestamp,
}

/// A spectrum that became a reference.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Taken {
    /// The file.
    pub file: String,
    /// Its number among the spectra of the file, from 1.
    pub spectrum: usize,
    /// Name of the substance.
    pub substance: String,
    /// True where the substance is new to the draft.
    pub new_substance: bool,
    /// What the operator stated because the file is silent.
    pub stated: Vec<String>,
    /// What was computed from the stored numbers.
    pub converted: Vec<String>,
}

/// An array, or a whole file, that did not.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Refused {
    /// The file.
    pub file: String,
    /// Number of the array in it, from 1; none for the whole file.
    pub spectrum: Option<usize>,
    /// Why, as a sentence.
    pub why: String,
}

/// What came of an import.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct Imported {
    /// What was taken, in the order of the files.
    pub taken: Vec<Taken>,
    /// What was refused.
    pub refused: Vec<Refused>,
    /// Labelled files that were not there.
    pub labels_without_file: Vec<String>,
}

/// A spectrum on its way to a reference.
struct Candidate {
    file: String,
    sha256: String,
    number: usize,
    label: Label,
    laser_nm: Option<f64>,
    comparable: Comparable,
    model: BandModel,
}

/// Brings the spectra of these files into a draft. What cannot be taken is listed in the answer and leaves the rest alone; the
/// content is returned anew, and the old one can be kept. Each new reference is *submitted* in the author's name.
pub fn import(
    mut content: PackContent,
    files: &[PathBuf],
    statement: &Import,
    go_on: &(dyn Fn(usize, usize) -> bool + Sync),
) -> Result<(PackContent, Imported), LaboratoryError> {
    let source = source_of(statement)?;
    let mut report = Imported::default();
    let per_file = on_every_core(files, |path| candidates(path, statement), go_on)?;
    let mut library = content.library;
    let mut names = Names::of(&library.substances);
    let mut known: HashSet<(String, String)> = HashSet::new();
    for reference in &library.references {
        let of = reference.provenance.iter().flat_map(|p| &p.files);
        let item = reference.source_item.clone().unwrap_or_default();
        known.extend(of.map(|f| (f.sha256.clone(), item.clone())));
    }
    let mut seen: HashSet<String> = HashSet::new();
    let before = library.references.len();
    for outcome in per_file.into_iter().flatten() {
        let candidate = match outcome {
            Ok(candidate) => candidate,
            Err(refused) => {
                seen.insert(refused.file.clone());
                report.refused.push(refused);
                continue;
            }
        };
        seen.insert(candidate.file.clone());
        let (file, number) = (candidate.file.clone(), candidate.number);
        let refuse = |why: String| Refused { file: file.clone(), spectrum: Some(number), why };
        let item = item_of(&candidate);
        if !known.insert((candidate.sha256.clone(), item.clone())) {
            report.refused.push(refuse("it is in the draft already".to_owned()));
            continue;
        }
        let facts = SubstanceFacts {
            name: candidate.label.substance.clone(),
            cas: candidate.label.cas.clone(),
            formula: candidate.label.formula.clone(),
            groups: if candidate.label.groups.is_empty() {
                statement.answers.groups.clone()
            } else {
                candidate.label.groups.clone()
            },
            stated_by: format!("stated by operator {}", statement.author),
            ..SubstanceFacts::default()
        };
        match place(&mut library.substances, &mut names, &library.groups, &facts) {
            Err(why) => report.refused.push(refuse(why.to_string())),
            Ok((index, new_substance)) => {
                report.taken.push(Taken {
                    file: file.clone(),
                    spectrum: number,
                    substance: library.substances.get(index).map(|s| s.name.clone()).unwrap_or_default(),
                    new_substance,
                    stated: candidate.comparable.stated.clone(),
                    converted: candidate.comparable.converted.clone(),
                });
                library.references.push(reference(candidate, index, item, statement));
            }
        }
    }
    if let Naming::Table(rows) = &statement.naming {
        let there: HashSet<&str> = seen.iter().flat_map(|s| suffixes(s)).collect();
        let mut missing: Vec<String> = rows.keys().filter(|f| !there.contains(f.as_str())).cloned().collect();
        missing.sort();
        report.labels_without_file = missing;
    }
    if library.references.len() > before && !library.sources.iter().any(|s| s.key == source.key) {
        library.sources.push(source);
    }
    content.library = submitted(library, before, &mut content.approvals, &statement.author, statement.at)?;
    Ok((content, report))
}

/// Puts a library together again after references were added behind `before`, each submitted in the author's name.
pub(super) fn submitted(
    library: Library,
    before: usize,
    approvals: &mut Vec<Approval>,
    author: &str,
    at: Timestamp,
) -> Result<Library, LibraryError> {
    let Library { identity, groups, sources, substances, references } = library;
    // An array in memory tells its reference apart from any other, also when all are put in another order.
    let new: HashSet<*const MeasuredArray> =
        references.iter().skip(before).filter_map(|r| r.measured.as_ref().map(Arc::as_ptr)).collect();
    let mut library = Library::from_parts(&identity.name, &identity.version, groups, sources, substances, references)?;
    let name = library.honest_name(&identity.name);
    if name != identity.name {
        library = library.renamed(&name, &identity.version);
    }
    let is_new = |r: &&Reference| r.measured.as_ref().is_some_and(|m| new.contains(&Arc::as_ptr(m)));
    for reference in library.references.iter().filter(is_new) {
        approvals.push(Approval {
            substance: library.substance_of(reference).map(|s| s.key.clone()).unwrap_or_default(),
            reference: reference.digest(),
            by: author.to_owned(),
            at,
            step: Decision::Submitted,
        });
    }
    Ok(library)
}

fn source_of(statement: &Import) -> Result<Source, LaboratoryError> {
    let need = |what: Option<&String>, name: &str| {
        what.filter(|w| !w.trim().is_empty()).cloned().ok_or_else(|| {
            LaboratoryError::Fact(format!("nothing states the {name} of the source {}; state it", statement.source))
        })
    };
    let citation = need(statement.answers.citation.as_ref(), "citation")?;
    let licence = need(statement.answers.licence.as_ref(), "licence")?;
    if !TERMS.contains(&licence.as_str()) {
        return Err(LaboratoryError::Fact(format!(
            "`{licence}` is none of the terms under which spectra can be brought in; they are {}",
            TERMS.join(", ")
        )));
    }
    Ok(Source {
        key: statement.source.clone(),
        citation,
        url: String::new(),
        licence,
        resolution_cm1: statement.answers.resolution_cm1.unwrap_or(0.0),
        ship: true,
        notice: None,
        note: Some(format!("imported by {}", statement.author)),
    })
}

fn item_of(candidate: &Candidate) -> String {
    let base = candidate.file.rsplit('/').next().unwrap_or(&candidate.file);
    if candidate.number == 1 { base.to_owned() } else { format!("{base} #{}", candidate.number) }
}

/// Every array of one file, ready or refused.
fn candidates(path: &Path, statement: &Import) -> Vec<Result<Candidate, Refused>> {
    let whole = |file: String, why: String| vec![Err(Refused { file, spectrum: None, why })];
    let read = match read(path) {
        Ok(read) => read,
        Err(why) => return whole(path.to_string_lossy().into_owned(), why.to_string()),
    };
    let files = match read.files {
        Ok(files) => files,
        Err(why) => return whole(read.name, why.to_string()),
    };
    let mut out = Vec::new();
    for file in files {
        let name = if file.name == read.base { read.name.clone() } else { file.name.clone() };
        match file.read {
            Err(why) => out.push(Err(Refused { file: name, spectrum: None, why: why.to_string() })),
            Ok(spectra) => {
                for (i, spectrum) in spectra.iter().enumerate() {
                    let made = candidate(&name, &file.sha256, i + 1, spectrum, statement);
                    out.push(made.map_err(|why| Refused { file: name.clone(), spectrum: Some(i + 1), why }));
                }
            }
        }
    }
    out
}

fn candidate(
    file: &str,
    sha256: &str,
    number: usize,
    spectrum: &FileSpectrum,
    statement: &Import,
) -> Result<Candidate, String> {
    // What is wrong with the array comes first: nobody labels a background.
    let label = statement.naming.label(file, number, &spectrum.title);
    let mut choices = statement.answers.choices.clone();
    if let Some(label) = &label {
        choices.laser_nm = label.laser_nm.or(choices.laser_nm);
        choices.technique = label.technique.or(choices.technique);
    }
    // A statement about the collection does not overrule a file that speaks for itself.
    if matches!(&spectrum.technique, Some(FileTechnique::Known(_)))
        && label.as_ref().is_none_or(|l| l.technique.is_none())
    {
        choices.technique = None;
    }
    let mut comparable = spectrum.comparable(&choices).map_err(|why| why.to_string())?;
    let supposed: Vec<&String> = comparable.assumed.iter().collect();
    if let Some(first) = supposed.first() {
        return Err(format!("a reference must not rest on a supposition ({first}); state it of the source"));
    }
    if spectrum.says_simulated() && statement.tier != Tier::Simulated {
        return Err(
            "the file says that it is simulated; bring it in with the tier simulated, or leave it out".to_owned()
        );
    }
    let label = label.ok_or_else(|| "nothing says what it is: no label names it".to_owned())?;
    let laser_nm = laser(spectrum, &choices, &mut comparable);
    let model =
        bands_of(&comparable.spectrum).ok_or("it shows no band above its noise, so nothing can be found by it")?;
    Ok(Candidate { file: file.to_owned(), sha256: sha256.to_owned(), number, label, laser_nm, comparable, model })
}

/// The laser of the file, else the stated one. Infrared has none.
fn laser(spectrum: &FileSpectrum, choices: &Choices, comparable: &mut Comparable) -> Option<f64> {
    use crate::spectrum::Technique;
    if !matches!(comparable.spectrum.technique(), Technique::Raman | Technique::Sers) {
        return None;
    }
    spectrum.laser_nm.or_else(|| {
        let stated = choices.laser_nm?;
        // Where the axis was in nanometres the statement is listed already.
        if matches!(spectrum.x_unit, None | Some(XUnit::Cm1)) {
            comparable.stated.push(format!("laser {stated} nm"));
        }
        Some(stated)
    })
}

/// The strongest bands that a reference may have; the array holds everything.
pub fn bounded(mut bands: Vec<Band>) -> Vec<Band> {
    if bands.len() > BANDS_MAX {
        bands.sort_by(|a, b| b.height.total_cmp(&a.height));
        bands.truncate(BANDS_MAX);
        bands.sort_by(|a, b| a.position_cm1.total_cmp(&b.position_cm1));
    }
    bands
}

fn reference(candidate: Candidate, substance: usize, item: String, statement: &Import) -> Reference {
    let Candidate { file, sha256, label, laser_nm, comparable, model, .. } = candidate;
    let technique = comparable.spectrum.technique();
    let name = file.rsplit('/').next().unwrap_or(&file).to_owned();
    let mut spectrum = comparable.spectrum;
    if let (None, Some(resolution)) = (spectrum.resolution_cm1(), statement.answers.resolution_cm1) {
        spectrum = spectrum.with_resolution(resolution);
    }
    let provenance = Provenance {
        author: statement.author.clone(),
        added_at: statement.at.to_string(),
        files: vec![SourceFile { name, sha256 }],
        stated: comparable.stated,
        converted: comparable.converted,
        assumed: comparable.assumed,
        instrument: statement.answers.instrument.clone(),
        ..Provenance::default()
    };
    Reference {
        substance,
        form: label.form,
        tier: statement.tier,
        technique,
        laser_nm,
        range_cm1: model.range_cm1,
        source: statement.source.clone(),
        bands: bounded(model.bands),
        usual_widths: false,
        usual_heights: false,
        cas: None,
        licence: String::new(),
        own_resolution_cm1: 0.0,
        source_item: Some(item),
        provenance: Some(Box::new(provenance)),
        measured: MeasuredArray::new(spectrum).map(Arc::new),
    }
}
