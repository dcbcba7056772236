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
        let mut coverage = Coverage::default();
        for (index, _) in self.substances.iter().enumerate().filter(|(_, s)| s.listed) {
            let own = || self.references_of(index).filter(|r| r.technique == technique);
            let measured = |r: &Reference| matches!(r.tier, Tier::MeasuredHere | Tier::MeasuredElsewhere);
            let list = if own().any(|r| measured(r) && r.can_support_identification()) {
                &mut coverage.measured
            } else if own().any(Reference::can_support_identification) {
                &mut coverage.literature
            } else if own().any(|r| r.tier == Tier::Computed) {
                &mut coverage.computed_only
            } else {
                &mut coverage.not_searchable
            };
            list.push(index);
        }
        coverage
    }
}
