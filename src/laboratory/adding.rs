//! A reference from replicates of a standard: facts are held against their rules, replicates against each other, and what it
//! may be taken for is shown before anything is saved.

use std::sync::Arc;

use jiff::Timestamp;
use serde::Serialize;

use crate::identify::average;
use crate::library::pack::PackContent;
use crate::library::{Library, MeasuredArray, Provenance, Reference, ReplicateAgreement, Source, Tier};
use crate::signal::bands_of;

use super::confusion::{Confusables, Trial, confusables};
use super::facts::{SubstanceFacts, formula, place};
use super::import::{bounded, submitted};
use super::{LaboratoryError, Names, Replicate};

/// Most replicates of one reference.
const REPLICATES_MAX: usize = 50;
/// Lasers that differ by more are not the same, nm.
const SAME_LASER_NM: f64 = 0.5;
/// Two formulas whose molar masses differ by more are not the same, g/mol.
const SAME_MASS: f64 = 0.05;
/// Longest fact in words, bytes.
const WORDS_MAX: usize = 300;

/// What is stated about a standard.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct StandardFacts {
    /// The substance.
    pub substance: SubstanceFacts,
    /// Salt, base, hydrate, polymorph; empty where not stated.
    pub form: String,
    /// Lot of the standard.
    pub lot: Option<String>,
    /// Number of its certificate.
    pub certificate: Option<String>,
    /// Purity as certified, percent by mass.
    pub purity_percent: Option<f64>,
}

impl StandardFacts {
    fn check(&self, measured_here: bool) -> Result<(), LaboratoryError> {
        let refuse = |why: String| Err(LaboratoryError::Fact(why));
        for (what, words) in
            [("lot", &self.lot), ("certificate", &self.certificate), ("form", &Some(self.form.clone()))]
        {
            if words.as_ref().is_some_and(|w| w.len() > WORDS_MAX || w.chars().any(char::is_control)) {
                return refuse(format!("the {what} is longer than {WORDS_MAX} bytes or has more than one line"));
            }
        }
        if let Some(purity) = self.purity_percent.filter(|p| !(*p > 0.0 && *p <= 100.0)) {
            return refuse(format!("a purity of {purity} % by mass is none; it is above 0 and at most 100"));
        }
        let blank = |t: &Option<String>| t.as_ref().is_none_or(|t| t.trim().is_empty());
        if measured_here && (blank(&self.lot) || blank(&self.certificate)) {
            return refuse("lot and certificate number of the standard are missing; state them".to_owned());
        }
        Ok(())
    }
}

/// A reference that was made and not yet saved.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct PreparedReference {
    /// Name of the substance.
    pub substance: String,
    /// True where it is new to the draft.
    pub new_substance: bool,
    /// Molar mass from the stated formula, g/mol.
    pub molar_mass_g_mol: Option<f64>,
    /// Where the reference stands: *measured here*, or *simulated* where an emulated analyzer measured.
    pub tier: Tier,
    /// How each replicate agrees with the others, and which were left out.
    pub replicates: Vec<ReplicateAgreement>,
    /// Corrections that are in it.
    pub converted: Vec<String>,
    /// State of the performance check.
    pub check: String,
    /// How many bands it has.
    pub bands: usize,
    /// What it may be taken for.
    pub confusables: Confusables,
    #[serde(skip)]
    library: Library,
    #[serde(skip)]
    reference: Reference,
}

/// Makes a reference of replicates and shows what it may be taken for. The content is as it was; [`submit`] saves.
pub fn prepare_reference(
    content: &PackContent,
    replicates: &[Replicate],
    facts: &StandardFacts,
    author: &str,
    at: Timestamp,
    go_on: &(dyn Fn(usize, usize) -> bool + Sync),
) -> Result<PreparedReference, LaboratoryError> {
    let first = alike(replicates)?;
    let simulated = replicates.iter().any(|r| r.simulated);
    facts.check(!simulated)?;
    let molar_mass_g_mol = facts.substance.molar_mass_g_mol()?;
    let mut library = content.library.clone();
    let mut names = Names::of(&library.substances);
    let (index, new_substance) = place(&mut library.substances, &mut names, &library.groups, &facts.substance)?;
    check_known(&library, index, facts, molar_mass_g_mol)?;

    let spectra: Vec<_> = replicates.iter().map(|r| r.spectrum.clone()).collect();
    let averaged = average(&spectra).map_err(|why| LaboratoryError::Replicate(why.to_string()))?;
    let agreement: Vec<ReplicateAgreement> = (replicates.iter().zip(&averaged.correlation).zip(&averaged.outlier))
        .map(|((r, c), o)| ReplicateAgreement { name: r.from.name.clone(), correlation: *c, outlier: *o })
        .collect();
    let kept: Vec<&Replicate> =
        replicates.iter().zip(&averaged.outlier).filter(|(_, o)| !**o).map(|(r, _)| r).collect();
    let model = bands_of(&averaged.mean)
        .ok_or_else(|| LaboratoryError::Replicate("the mean shows no band above its noise".to_owned()))?;
    let source = source_of(&mut library, first, simulated, averaged.mean.resolution_cm1().unwrap_or(0.0));
    let mut converted = first.converted.clone();
    converted.push(format!("mean of {} of {} replicates, each scaled to the same area", kept.len(), replicates.len()));
    let tier = if simulated { Tier::Simulated } else { Tier::MeasuredHere };
    let mut reference = Reference {
        substance: index,
        form: facts.form.trim().to_owned(),
        tier,
        technique: averaged.mean.technique(),
        laser_nm: first.laser_nm,
        range_cm1: model.range_cm1,
        licence: source.licence.clone(),
        own_resolution_cm1: source.resolution_cm1,
        source: source.key,
        bands: bounded(model.bands),
        usual_widths: false,
        usual_heights: false,
        cas: None,
        source_item: Some(format!("{} {:.0}", first.from.name, at)),
        provenance: None,
        measured: MeasuredArray::new(averaged.mean.clone()).map(Arc::new),
    };
    if reference.measured.is_none() {
        return Err(LaboratoryError::Replicate("the spectrum has too many points to be a reference".to_owned()));
    }
    let trial = Trial { library: &library, reference: &reference, mean: &averaged.mean, kept: &kept };
    let confusables = confusables(&trial, go_on)?;
    let words = |t: &Option<String>| t.as_ref().map(|t| t.trim().to_owned()).filter(|t| !t.is_empty());
    reference.provenance = Some(Box::new(Provenance {
        author: author.to_owned(),
        added_at: at.to_string(),
        files: replicates.iter().map(|r| r.from.clone()).collect(),
        stated: first.stated.clone(),
        converted: converted.clone(),
        assumed: Vec::new(),
        lot: words(&facts.lot),
        certificate: words(&facts.certificate),
        purity_percent: facts.purity_percent,
        instrument: Some(first.instrument.clone()),
        replicates: agreement.clone(),
        nearest: confusables.nearest.clone(),
    }));
    Ok(PreparedReference {
        substance: library.substances.get(index).map(|s| s.name.clone()).unwrap_or_default(),
        new_substance,
        molar_mass_g_mol,
        tier,
        replicates: agreement,
        converted,
        check: first.check.clone(),
        bands: reference.band_count(),
        confusables,
        library,
        reference,
    })
}

/// Puts a prepared reference into the content it was made for, *submitted* in the author's name.
pub fn submit(
    mut content: PackContent,
    prepared: PreparedReference,
    author: &str,
    at: Timestamp,
) -> Result<PackContent, LaboratoryError> {
    if content.library.identity != prepared.library.identity {
        return Err(LaboratoryError::Replicate("the draft was changed meanwhile; make it again".to_owned()));
    }
    let mut library = prepared.library;
    let before = library.references.len();
    library.references.push(prepared.reference);
    content.library = submitted(library, before, &mut content.approvals, author, at)?;
    Ok(content)
}

/// Replicates of one instrument, laser and kind; the first of them.
fn alike(replicates: &[Replicate]) -> Result<&Replicate, LaboratoryError> {
    let refuse = |why: &str| Err(LaboratoryError::Replicate(why.to_owned()));
    let Some(first) = replicates.first() else { return refuse("there is no replicate") };
    if replicates.len() > REPLICATES_MAX {
        return refuse("there are more than 50 replicates; choose the best of them");
    }
    for (i, one) in replicates.iter().enumerate() {
        if one.instrument != first.instrument || one.simulated != first.simulated {
            return refuse("the replicates were measured with several instruments; make a reference of each");
        }
        let far = |a: f64, b: f64| (a - b).abs() > SAME_LASER_NM;
        if one.laser_nm.zip(first.laser_nm).is_some_and(|(a, b)| far(a, b)) {
            return refuse("the replicates were measured with several lasers; make a reference of each");
        }
        if replicates.iter().take(i).any(|other| other.from.sha256 == one.from.sha256) {
            return refuse("one measurement is there twice; replicates are separate measurements");
        }
        if one.converted != first.converted {
            return refuse(
                "the kit was calibrated anew between the replicates; measure all of them with one calibration",
            );
        }
    }
    Ok(first)
}

/// What is stated of a substance that the draft has already must agree with it.
fn check_known(
    library: &Library,
    index: usize,
    facts: &StandardFacts,
    mass: Option<f64>,
) -> Result<(), LaboratoryError> {
    let Some(known) = library.substances.get(index) else { return Ok(()) };
    let known_mass = known.formula.as_deref().and_then(|f| formula(f).ok()).map(|f| f.molar_mass_g_mol());
    if let (Some(mass), Some(known_mass), true) = (mass, known_mass, facts.form.trim().is_empty())
        && (mass - known_mass).abs() > SAME_MASS
    {
        return Err(LaboratoryError::Fact(format!(
            "{} has a molar mass of {known_mass:.2} g/mol in the draft, and the stated formula one of {mass:.2}; correct it, or state \
             the salt or hydrate as form",
            known.name
        )));
    }
    let stated = &facts.substance.groups;
    if let Some(other) = stated.iter().find(|g| !known.groups.contains(g)) {
        return Err(LaboratoryError::Fact(format!(
            "{} is not in the group `{other}` in the draft; leave the groups out, or correct them",
            known.name
        )));
    }
    Ok(())
}

/// The source that stands for this instrument at this resolution, added to the library where it is new.
fn source_of(library: &mut Library, replicate: &Replicate, simulated: bool, resolution_cm1: f64) -> Source {
    let plain: String =
        replicate.instrument.to_lowercase().chars().map(|c| if c.is_ascii_alphanumeric() { c } else { '-' }).collect();
    let mut base = plain.split('-').filter(|p| !p.is_empty()).collect::<Vec<_>>().join("-");
    base.truncate(70);
    let base = format!("{}-{}", if simulated { "emulated" } else { "laboratory" }, base.trim_matches('-'));
    let keys = std::iter::once(base.trim_matches('-').to_owned()).chain((2..).map(|n| format!("{base}-{n}")));
    for key in keys.take(library.sources.len() + 2) {
        match library.sources.iter().find(|s| s.key == key) {
            Some(known) if (known.resolution_cm1 - resolution_cm1).abs() < 1e-9 => return known.clone(),
            Some(_) => {}
            None => {
                let citation = if simulated {
                    format!("Emulated analyzer {}, for training", replicate.instrument)
                } else {
                    format!("Measured by the laboratory that owns this pack with {}", replicate.instrument)
                };
                let source = Source {
                    key,
                    citation,
                    url: String::new(),
                    licence: if simulated { "project" } else { "laboratory" }.to_owned(),
                    resolution_cm1,
                    ship: true,
                    notice: None,
                    note: None,
                };
                library.sources.push(source.clone());
                return source;
            }
        }
    }
    // One of more keys than there are sources is free.
    Source {
        key: base,
        citation: String::new(),
        url: String::new(),
        licence: "laboratory".to_owned(),
        resolution_cm1,
        ship: true,
        notice: None,
        note: None,
    }
}
