//! What the window knows of the library as it is looked at: what is searched for, the substance at hand, the curves that
//! lie over each other, and what the substance could be taken for.

use std::sync::Arc;

use egui_plot::PlotPoint;

use crate::identify::{Answer, drawn};
use crate::library::{Library, Reference, Substance};
use crate::session::{Command, LibraryNews, LibraryWish};
use crate::signal::prepare;

use super::model::Model;
use super::widgets::Curve;
use super::words;

/// Most curves that are looked at together.
pub const CURVES_MAX: usize = 8;

/// Which substances are listed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Kind {
    /// All of them.
    #[default]
    All,
    /// Those that alarm.
    Alarming,
    /// Those on a watch list.
    Listed,
    /// Those on a watch list that no reference can find.
    NotSearchable,
}

impl Kind {
    /// Every choice with its words.
    pub const ALL: [(Self, &'static str); 4] = [
        (Self::All, "All"),
        (Self::Alarming, "Alarming"),
        (Self::Listed, "Listed"),
        (Self::NotSearchable, "No reference"),
    ];

    fn takes(self, library: &Library, index: usize, substance: &Substance) -> bool {
        match self {
            Self::All => true,
            Self::Alarming => substance.alarms,
            Self::Listed => substance.listed,
            Self::NotSearchable => substance.listed && library.references_of(index).next().is_none(),
        }
    }
}

/// What of the substance at hand is shown.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Face {
    /// Its facts.
    #[default]
    Facts,
    /// Its references and where they came from.
    References,
    /// What it could be taken for.
    Alike,
    /// The curves, where the window is too small to show them beside.
    Spectra,
}

/// What the substance at hand could be taken for.
#[derive(Clone, Debug, Default, PartialEq)]
pub enum Alike {
    /// Nobody asked.
    #[default]
    Unasked,
    /// Asked for this reference.
    Asked(usize),
    /// The answer, with the reference that stands for each candidate's substance; none where it cannot be compared.
    Known(Option<Box<Neighbours>>),
    /// It could not be found out.
    Failed(String),
}

/// What a scan like a reference would be answered without its substance, and who lies near.
#[derive(Clone, Debug, PartialEq)]
pub struct Neighbours {
    /// The answer.
    pub answer: Answer,
    /// For each candidate its substance in the library, and the reference that stands for it. Looked up once: a frame of a
    /// large library has no time for it.
    pub known: Vec<(Option<usize>, Option<usize>)>,
}

impl Neighbours {
    fn of(answer: Answer, library: &Library) -> Self {
        let find = |name: &str| {
            let substance = library.find_index(name);
            (substance, substance.and_then(|index| best_reference(library, index)))
        };
        Self { known: answer.candidates.iter().map(|c| find(&c.substance)).collect(), answer }
    }
}

/// The library as it is looked at.
#[derive(Debug, Default)]
pub struct Shelf {
    /// What is looked for, as typed.
    pub query: String,
    /// Which substances.
    pub kind: Kind,
    /// What was found: indices of substances, those that are called so first, then in the order of the library.
    pub hits: Vec<usize>,
    found_for: Option<(String, Kind)>,
    /// The substance at hand.
    pub chosen: Option<usize>,
    /// What of it is shown.
    pub face: Face,
    /// The curves, with the references they belong to.
    pub curves: Vec<(usize, Curve)>,
    /// What it could be taken for.
    pub alike: Alike,
}

impl Shelf {
    /// Finds anew where something else is looked for than before.
    pub fn find(&mut self, library: &Library) {
        let wanted = (self.query.trim().to_lowercase(), self.kind);
        if self.found_for.as_ref() == Some(&wanted) {
            return;
        }
        let found = library.substances.iter().enumerate();
        let found = found.filter(|(i, s)| self.kind.takes(library, *i, s) && answers_to(library, s, &wanted.0));
        let mut found: Vec<(u8, usize)> = found.map(|(i, s)| (nearness(s, &wanted.0), i)).collect();
        found.sort_unstable();
        self.hits = found.into_iter().map(|(_, index)| index).collect();
        self.found_for = Some(wanted);
    }

    /// News of the session.
    pub fn news(&mut self, news: LibraryNews, library: Option<&Library>) {
        match news {
            // An answer about a reference that is no longer asked about is not shown.
            LibraryNews::Alike { reference, answer } if self.alike == Alike::Asked(reference) => {
                let found = answer.zip(library);
                self.alike = Alike::Known(found.map(|(answer, library)| Box::new(Neighbours::of(*answer, library))));
            }
            LibraryNews::Alike { .. } | LibraryNews::Laboratory { .. } => {}
            LibraryNews::Trouble(why) => self.alike = Alike::Failed(why),
        }
    }

    /// True when the curve of a reference is shown.
    pub fn shows(&self, reference: usize) -> bool {
        self.curves.iter().any(|(shown, _)| *shown == reference)
    }

    /// Shows or hides the curve of a reference; where there are as many as can be told apart, nothing is added.
    pub fn toggle(&mut self, library: &Library, reference: usize) {
        if self.shows(reference) {
            self.curves.retain(|(shown, _)| *shown != reference);
        } else if self.curves.len() < CURVES_MAX
            && let Some(curve) = library.references.get(reference).and_then(|r| curve(library, r))
        {
            self.curves.push((reference, curve));
        }
    }
}

impl Model {
    /// Looks things up in this library from now on. What was looked up in another one stood at other places of it.
    pub fn use_library(&mut self, library: Arc<Library>) {
        self.shelf = Shelf { query: std::mem::take(&mut self.shelf.query), kind: self.shelf.kind, ..Shelf::default() };
        self.library = Some(library);
    }

    /// Takes a substance of the library in hand. Its first reference is drawn; curves that were drawn by hand stay.
    pub fn choose_substance(&mut self, library: &Arc<Library>, index: usize) {
        let first = best_reference(library, index);
        let by_itself = match (self.shelf.chosen, self.shelf.curves.as_slice()) {
            (Some(before), [(shown, _)]) => best_reference(library, before) == Some(*shown),
            (_, []) => true,
            _ => false,
        };
        if by_itself {
            self.shelf.curves.clear();
            if let Some(reference) = first {
                self.shelf.toggle(library, reference);
            }
        }
        self.shelf.chosen = Some(index);
        self.shelf.alike = Alike::Unasked;
    }

    /// Asks what the substance at hand could be taken for, where that is shown and was not asked.
    pub fn ask_alike(&mut self, library: &Library) {
        let Some(reference) = self.shelf.chosen.and_then(|index| best_reference(library, index)) else { return };
        if self.shelf.alike == Alike::Unasked {
            self.shelf.alike = Alike::Asked(reference);
            self.send(Command::Library(LibraryWish::Alike { reference }));
        }
    }
}

/// The reference that stands for a substance: one that may identify before others, of them the one with the most bands.
pub fn best_reference(library: &Library, substance: usize) -> Option<usize> {
    let first = library.references.partition_point(|r| r.substance < substance);
    // Of equals the first.
    let own = library.references_of(substance).enumerate().collect::<Vec<_>>().into_iter().rev();
    own.max_by_key(|(_, r)| (r.can_support_identification(), r.band_count())).map(|(i, _)| first + i)
}

/// 0 for a substance that is called `wanted` (lower case), 1 where its name begins so, 2 for any other.
fn nearness(substance: &Substance, wanted: &str) -> u8 {
    let name = substance.name.to_lowercase();
    if name == wanted || substance.cas.as_deref() == Some(wanted) {
        0
    } else if name.starts_with(wanted) {
        1
    } else {
        2
    }
}

/// True when a substance has a name, number, formula or group with `wanted` in it; `wanted` is lower case.
fn answers_to(library: &Library, substance: &Substance, wanted: &str) -> bool {
    let has = |text: &str| text.to_lowercase().contains(wanted);
    let group = |key: &String| has(key) || library.group(key).is_some_and(|g| has(&g.title));
    wanted.is_empty()
        || has(&substance.name)
        || substance.synonyms.iter().any(|s| has(s))
        || substance.cas.as_deref().is_some_and(has)
        || substance.related.iter().any(|r| has(&r.name) || has(&r.cas))
        || substance.formula.as_deref().is_some_and(has)
        || substance.groups.iter().any(group)
}

/// The curve of a reference without its background, highest value 1, and its name.
fn curve(library: &Library, reference: &Reference) -> Option<Curve> {
    let spectrum = drawn(reference)?;
    let points: Vec<(f64, f64)> = if reference.measured.is_some() {
        let prepared = prepare(&spectrum);
        prepared.signal().iter().enumerate().map(|(i, y)| (prepared.grid().at(prepared.first() + i), *y)).collect()
    } else {
        spectrum.axis_cm1().iter().copied().zip(spectrum.intensity().iter().copied()).collect()
    };
    let highest = points.iter().map(|p| p.1).fold(0.0, f64::max);
    if highest <= 0.0 {
        return None;
    }
    let name = library.substance_of(reference).map_or("", |s| s.name.as_str());
    let form = if reference.form.is_empty() { String::new() } else { format!(", {}", reference.form) };
    let technique = reference.technique;
    Some(Curve {
        name: format!("{name}{form}, {technique}, {}", words::tier_words(reference.tier)),
        points: points.into_iter().map(|(x, y)| PlotPoint { x, y: y / highest }).collect(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(query: &str, kind: Kind) -> Vec<String> {
        let library = Library::bundled().unwrap();
        let mut shelf = Shelf { query: query.to_owned(), kind, ..Shelf::default() };
        shelf.find(&library);
        shelf.hits.iter().map(|i| library.substances[*i].name.clone()).collect()
    }

    #[test]
    fn a_substance_is_found_by_name_synonym_cas_number_and_group() {
        let library = Library::bundled().unwrap();
        let fentanyl = library.find("fentanyl").unwrap();
        for text in ["FENTAN", fentanyl.cas.as_deref().unwrap(), " fentanyl ", "C22H28N2O"] {
            assert!(found(text, Kind::All).contains(&fentanyl.name), "{text}");
        }
        assert_eq!(found("fentanyl", Kind::All)[0], fentanyl.name, "who is called so comes first");
        let synonym = library.substances.iter().find(|s| !s.synonyms.is_empty()).unwrap();
        assert!(found(&synonym.synonyms[0], Kind::All).contains(&synonym.name));
        let group = library.groups.iter().find(|g| g.key == "nitazene").unwrap();
        let members = library.substances.iter().filter(|s| s.groups.contains(&group.key)).count();
        assert!(members > 0 && found(&group.title, Kind::All).len() >= members);
        assert!(found("no such substance", Kind::All).is_empty());
        assert_eq!(found("", Kind::All).len(), library.substances.len());
        assert!(found("", Kind::NotSearchable).len() < found("", Kind::Listed).len());
    }

    #[test]
    fn at_most_eight_curves_are_shown_and_each_can_be_hidden_again() {
        let library = Library::bundled().unwrap();
        let mut shelf = Shelf::default();
        for reference in 0..12 {
            shelf.toggle(&library, reference);
        }
        assert_eq!(shelf.curves.len(), CURVES_MAX);
        shelf.toggle(&library, 3);
        assert!(!shelf.shows(3) && shelf.curves.len() == CURVES_MAX - 1);
        for (_, curve) in &shelf.curves {
            let highest = curve.points.iter().map(|p| p.y).fold(0.0, f64::max);
            assert!((highest - 1.0).abs() < 1e-12, "{}", curve.name);
        }
    }
}
