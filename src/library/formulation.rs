//! What tablets with a known imprint are made of: a small table with its sources, for the check of a pill.

use std::sync::OnceLock;

use serde::{Deserialize, Serialize};

use super::error::LibraryError;
use super::file;

/// Longest imprint that is taken, in characters: more is no imprint.
const MAX_IMPRINT: usize = 40;

/// A medicine in one tablet.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Active {
    /// Name of the substance, as a library finds it.
    pub substance: String,
    /// Milligrams in one tablet, where the label says it.
    #[serde(default)]
    pub mg: Option<f64>,
    /// Least and most share of the tablet's mass, 0..=1, where a source gives it.
    #[serde(default)]
    pub mass_share: Option<(f64, f64)>,
}

/// A tablet as its label describes it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Formulation {
    /// Imprint as on the tablet.
    pub imprint: String,
    /// Colour; empty where none was read.
    pub colour: String,
    /// Shape; empty where none was read.
    pub shape: String,
    /// What acts.
    pub actives: Vec<Active>,
    /// What else the label lists; empty where the list was not read.
    pub inactive: Vec<String>,
    /// Where this was read, and when.
    pub source: String,
}

/// The file as it is stored.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct FormulationsFile {
    formulation: Vec<Formulation>,
}

/// The formulations that the program knows.
#[derive(Clone, Debug, PartialEq)]
pub struct Formulations(Vec<Formulation>);

static BUNDLED: OnceLock<Result<Formulations, LibraryError>> = OnceLock::new();

impl Formulations {
    /// The table in the binary (`spectra-library/formulations.toml`), read on the first call. A test proves that it is
    /// sound; an error would mean a damaged build.
    pub fn bundled() -> Result<&'static Self, LibraryError> {
        let read = || Self::from_text(include_str!("../../spectra-library/formulations.toml"));
        BUNDLED.get_or_init(read).as_ref().map_err(Clone::clone)
    }

    /// Reads a table and checks it: every row has an imprint, an active substance and a source, and shares are shares.
    pub fn from_text(text: &str) -> Result<Self, LibraryError> {
        const FILE: &str = "formulations.toml";
        let FormulationsFile { formulation } = file::read(FILE, text)?;
        for row in &formulation {
            let refuse = |rule: &str| Err(LibraryError::rule(FILE, format!("imprint `{}`: {rule}", row.imprint)));
            if stripped(&row.imprint).is_empty() || row.imprint.chars().count() > MAX_IMPRINT {
                return refuse("an imprint has letters or digits, and not many");
            }
            if row.actives.is_empty() {
                return refuse("it has no active substance");
            }
            if row.source.trim().is_empty() {
                return refuse("it has no source");
            }
            let shares = row.actives.iter().filter_map(|a| a.mass_share);
            if shares.clone().any(|(least, most)| !(0.0 < least && least <= most && most <= 1.0)) {
                return refuse("a share of the mass lies between 0 and 1, the least first");
            }
            if row.actives.iter().filter_map(|a| a.mg).any(|mg| !(mg.is_finite() && mg > 0.0)) {
                return refuse("milligrams are above zero");
            }
        }
        Ok(Self(formulation))
    }

    /// All rows.
    pub fn rows(&self) -> &[Formulation] {
        &self.0
    }

    /// The rows with this imprint, and of those the ones of this colour. Case, blanks and signs do not count; a row
    /// whose colour was not read fits every colour.
    pub fn with_imprint(&self, imprint: &str, colour: Option<&str>) -> Vec<&Formulation> {
        let asked = stripped(imprint);
        let fits = |row: &&Formulation| {
            stripped(&row.imprint) == asked
                && (row.colour.is_empty() || colour.is_none_or(|c| row.colour.eq_ignore_ascii_case(c.trim())))
        };
        if asked.is_empty() { Vec::new() } else { self.0.iter().filter(fits).collect() }
    }
}

/// Letters and digits of an imprint, upper case.
fn stripped(imprint: &str) -> String {
    imprint.chars().filter(|c| c.is_alphanumeric()).flat_map(char::to_uppercase).take(MAX_IMPRINT).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::library::Library;

    #[test]
    fn the_bundled_table_is_sound_and_every_active_substance_is_one_the_library_knows() {
        let table = Formulations::bundled().unwrap();
        let library = Library::bundled().unwrap();
        assert!(table.rows().len() >= 10);
        for row in table.rows() {
            assert!(row.source.contains("read 20"), "{}: no date of reading", row.imprint);
            for active in &row.actives {
                assert!(library.find(&active.substance).is_some(), "{} is not in the library", active.substance);
            }
        }
    }

    #[test]
    fn an_imprint_is_found_however_it_is_typed_and_a_colour_narrows_it() {
        let table = Formulations::bundled().unwrap();
        for typed in ["M 30", "m30", "M-30", " M\t3 0 "] {
            assert_eq!(table.with_imprint(typed, None).len(), 1, "{typed:?}");
        }
        assert_eq!(table.with_imprint("M 30", Some("Blue")).len(), 1);
        assert!(table.with_imprint("M 30", Some("pink")).is_empty());
        assert_eq!(table.with_imprint("K18", Some("pink")).len(), 1, "no colour was read for it");
        for nothing in ["", "  ", "--", "M 3", "M 300"] {
            assert!(table.with_imprint(nothing, None).is_empty(), "{nothing:?}");
        }
    }

    #[test]
    fn a_row_without_source_or_with_an_impossible_share_is_refused() {
        let row = |share: &str, source: &str| {
            format!(
                "[[formulation]]\nimprint = \"A 1\"\ncolour = \"\"\nshape = \"\"\ninactive = []\nsource = \"{source}\"\n\
                 actives = [{{ substance = \"caffeine\", mass_share = {share} }}]\n"
            )
        };
        assert!(Formulations::from_text(&row("[0.1, 0.2]", "label")).is_ok());
        for (share, source) in
            [("[0.2, 0.1]", "label"), ("[0.0, 0.1]", "label"), ("[0.5, 1.5]", "label"), ("[0.1, 0.2]", " ")]
        {
            let refused = Formulations::from_text(&row(share, source)).unwrap_err().to_string();
            assert!(refused.contains("A 1"), "{refused}");
        }
    }
}
