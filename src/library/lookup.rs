//! Finding things in a library.

use super::model::{Group, Library, Reference, Source, Substance, Tier};
use crate::spectrum::Technique;

/// What of the watch list a library can search for with one technique. Every listed substance is in exactly one of
/// the four lists; each holds indices into [`Library::substances`], ascending.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Coverage {
    /// Listed substances with a measured reference.
    pub measured: Vec<usize>,
    /// Listed substances whose best reference is a literature one that can support an identification.
    pub literature: Vec<usize>,
    /// Listed substances known by calculation only: at most a *possible*.
    pub computed_only: Vec<usize>,
    /// Listed substances without a usable reference.
    pub not_searchable: Vec<usize>,
}

impl Library {
    /// The substance with this key, name, synonym, CAS number or related form; upper and lower case are the same.
    pub fn find(&self, what: &str) -> Option<&Substance> {
        self.find_index(what).and_then(|i| self.substances.get(i))
    }

    /// Index of the substance that [`Library::find`] finds. Keys and names win over synonyms, these over related forms.
    pub fn find_index(&self, what: &str) -> Option<usize> {
        let what = what.trim();
        let wanted = what.to_lowercase();
        let same = |s: &String| s.to_lowercase() == wanted;
        let find = |test: &dyn Fn(&Substance) -> bool| self.substances.iter().position(test);
        find(&|s| s.key == wanted || same(&s.name))
            .or_else(|| find(&|s| s.has_cas(what)))
            .or_else(|| find(&|s| s.synonyms.iter().any(same)))
            .or_else(|| find(&|s| s.related.iter().any(|r| same(&r.name))))
    }

    /// The references of the substance with this index.
    pub fn references_of(&self, substance: usize) -> impl Iterator<Item = &Reference> {
        // References lie in the order of their substances.
        let before = |s: usize| self.references.partition_point(|r| r.substance < s);
        self.references.get(before(substance)..before(substance + 1)).unwrap_or_default().iter()
    }

    /// The substance of a reference.
    pub fn substance_of(&self, reference: &Reference) -> Option<&Substance> {
        self.substances.get(reference.substance)
    }

    /// The group with this key.
    pub fn group(&self, key: &str) -> Option<&Group> {
        self.groups.iter().find(|g| g.key == key)
    }

    /// The source with this key.
    pub fn source(&self, key: &str) -> Option<&Source> {
        self.sources.iter().find(|s| s.key == key)
    }

    /// What of the watch list can be searched for with `technique`.
    pub fn coverage(&self, technique: Technique) -> Coverage {
        // Strongest evidence of each substance, in one pass over the references.
        let mut best = vec![Evidence::None; self.substances.len()];
        for reference in self.references.iter().filter(|r| technique.compares_with(r.technique)) {
            let found = match reference.tier {
                Tier::MeasuredHere | Tier::MeasuredElsewhere if reference.can_support_identification() => {
                    Evidence::Measured
                }
                _ if reference.can_support_identification() => Evidence::Literature,
                Tier::Computed => Evidence::Computed,
                _ => Evidence::None,
            };
            if let Some(place) = best.get_mut(reference.substance) {
                *place = found.max(*place);
            }
        }
        let mut coverage = Coverage::default();
        for ((index, _), best) in self.substances.iter().enumerate().zip(best).filter(|((_, s), _)| s.listed) {
            let list = match best {
                Evidence::Measured => &mut coverage.measured,
                Evidence::Literature => &mut coverage.literature,
                Evidence::Computed => &mut coverage.computed_only,
                Evidence::None => &mut coverage.not_searchable,
            };
            list.push(index);
        }
        coverage
    }
}

/// What a library can say about one substance, weakest first.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Evidence {
    None,
    Computed,
    Literature,
    Measured,
}
