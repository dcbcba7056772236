//! Every name of a library at hand: an import asks for thousands.

use std::collections::HashMap;

use crate::library::Substance;

/// Names, synonyms, keys and CAS numbers, and whose they are.
#[derive(Clone, Debug, Default)]
pub struct Names {
    by_word: HashMap<String, usize>,
}

impl Names {
    /// Those of these substances.
    pub fn of(substances: &[Substance]) -> Self {
        let mut names = Self::default();
        for (index, substance) in substances.iter().enumerate() {
            names.add(index, substance);
        }
        names
    }

    /// Adds one substance. Keys and names win over numbers, these over synonyms and related forms, whoever comes first.
    pub fn add(&mut self, index: usize, substance: &Substance) {
        let strong = [&substance.key, &substance.name];
        for word in strong {
            self.by_word.insert(word.to_lowercase(), index);
        }
        let numbers = substance.cas.iter().chain(&substance.related_cas);
        for word in numbers.chain(&substance.synonyms).chain(substance.related.iter().map(|r| &r.name)) {
            self.by_word.entry(word.to_lowercase()).or_insert(index);
        }
    }

    /// Index of the substance that is called so.
    pub fn find(&self, what: &str) -> Option<usize> {
        self.by_word.get(&what.trim().to_lowercase()).copied()
    }
}
