//! Molecular formulas: `C22H28N2O`, hydrates and salts with a dot (`2Na2CO3.3H2O2`), groups (`Ca(OH)2`), and the
//! repeat unit of a polymer (`(C2H4)n`).

use std::collections::BTreeMap;

use thiserror::Error;

/// Why a text is no formula.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum FormulaError {
    /// Nothing there.
    #[error("the formula is empty; leave the line out when the formula is unknown")]
    Empty,
    /// A symbol that is no element this table has.
    #[error("`{0}` is not an element symbol that is known here; check capital letters")]
    UnknownElement(String),
    /// A character that does not belong.
    #[error("the character `{0}` does not belong into a formula")]
    Unexpected(char),
    /// Brackets do not close.
    #[error("the brackets of the formula do not pair up")]
    Brackets,
    /// A number out of reason.
    #[error("a count in the formula is zero or above {MAX_COUNT}")]
    Count,
}

/// The largest count of one element or group that is accepted.
const MAX_COUNT: u32 = 10_000;
/// The deepest nesting of brackets that is accepted.
const MAX_DEPTH: usize = 8;

/// Standard atomic weights (conventional values), g/mol, of the elements that occur in trade goods.
const WEIGHTS: &[(&str, f64)] = &[
    ("H", 1.008),
    ("Li", 6.94),
    ("B", 10.81),
    ("C", 12.011),
    ("N", 14.007),
    ("O", 15.999),
    ("F", 18.998),
    ("Na", 22.990),
    ("Mg", 24.305),
    ("Al", 26.982),
    ("Si", 28.085),
    ("P", 30.974),
    ("S", 32.06),
    ("Cl", 35.45),
    ("K", 39.098),
    ("Ca", 40.078),
    ("Ti", 47.867),
    ("V", 50.942),
    ("Cr", 51.996),
    ("Mn", 54.938),
    ("Fe", 55.845),
    ("Co", 58.933),
    ("Ni", 58.693),
    ("Cu", 63.546),
    ("Zn", 65.38),
    ("Br", 79.904),
    ("Sr", 87.62),
    ("Mo", 95.95),
    ("Ag", 107.868),
    ("Sn", 118.710),
    ("I", 126.904),
    ("Ba", 137.327),
    ("W", 183.84),
    ("Pt", 195.084),
    ("Au", 196.967),
    ("Hg", 200.592),
    ("Pb", 207.2),
    ("Bi", 208.980),
];

/// A parsed formula: how many atoms of each element.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Formula {
    atoms: BTreeMap<&'static str, u32>,
}

impl Formula {
    /// Reads a formula.
    pub fn parse(text: &str) -> Result<Self, FormulaError> {
        let text = text.trim();
        if text.is_empty() {
            return Err(FormulaError::Empty);
        }
        let mut atoms = BTreeMap::new();
        for part in text.split('.') {
            // The `n` of a polymer stands for one repeat unit.
            let part = part.strip_suffix(")n").map_or_else(|| part.to_owned(), |p| format!("{p})"));
            let mut scan = Scan { rest: part.chars().collect::<Vec<_>>().into_iter().peekable() };
            let times = scan.count()?;
            let unit = scan.group(0)?;
            if unit.is_empty() {
                return Err(FormulaError::Empty);
            }
            merge(&mut atoms, &unit, times)?;
        }
        Ok(Self { atoms })
    }

    /// Molar mass, g/mol; of one repeat unit for a polymer.
    pub fn molar_mass_g_mol(&self) -> f64 {
        self.atoms.iter().map(|(symbol, n)| f64::from(*n) * weight(symbol).map_or(0.0, |(_, w)| w)).sum()
    }

    /// Atoms of the element with this symbol.
    pub fn count(&self, symbol: &str) -> u32 {
        self.atoms.get(symbol).copied().unwrap_or(0)
    }
}

fn weight(symbol: &str) -> Option<(&'static str, f64)> {
    WEIGHTS.iter().copied().find(|(s, _)| *s == symbol)
}

fn merge(
    into: &mut BTreeMap<&'static str, u32>,
    unit: &BTreeMap<&'static str, u32>,
    times: u32,
) -> Result<(), FormulaError> {
    for (symbol, n) in unit {
        let sum = n.checked_mul(times).and_then(|m| m.checked_add(into.get(symbol).copied().unwrap_or(0)));
        let sum = sum.filter(|s| *s <= MAX_COUNT).ok_or(FormulaError::Count)?;
        into.insert(symbol, sum);
    }
    Ok(())
}

/// The reader's place in one dot-separated part.
struct Scan {
    rest: std::iter::Peekable<std::vec::IntoIter<char>>,
}

impl Scan {
    /// A count, 1 when none is written.
    fn count(&mut self) -> Result<u32, FormulaError> {
        let mut seen = false;
        let mut value = 0_u32;
        while let Some(digit) = self.rest.peek().and_then(|c| c.to_digit(10)) {
            seen = true;
            value = value.saturating_mul(10).saturating_add(digit);
            self.rest.next();
        }
        match (seen, value) {
            (false, _) => Ok(1),
            (true, 1..=MAX_COUNT) => Ok(value),
            (true, _) => Err(FormulaError::Count),
        }
    }

    /// Elements and groups up to the closing bracket or the end.
    fn group(&mut self, depth: usize) -> Result<BTreeMap<&'static str, u32>, FormulaError> {
        if depth > MAX_DEPTH {
            return Err(FormulaError::Brackets);
        }
        let mut atoms = BTreeMap::new();
        loop {
            let Some(c) = self.rest.next() else {
                return if depth == 0 { Ok(atoms) } else { Err(FormulaError::Brackets) };
            };
            let unit = match c {
                '(' => self.group(depth + 1)?,
                ')' if depth > 0 => return Ok(atoms),
                ')' => return Err(FormulaError::Brackets),
                'A'..='Z' => {
                    let mut symbol = String::from(c);
                    while let Some(low) = self.rest.next_if(char::is_ascii_lowercase) {
                        symbol.push(low);
                    }
                    let Some((known, _)) = weight(&symbol) else {
                        return Err(FormulaError::UnknownElement(symbol));
                    };
                    BTreeMap::from([(known, 1)])
                }
                other => return Err(FormulaError::Unexpected(other)),
            };
            let times = self.count()?;
            merge(&mut atoms, &unit, times)?;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{Formula, FormulaError};

    #[test]
    fn molar_masses_are_those_of_the_textbook() {
        let cases = [
            ("H2O", 18.015),
            ("C22H28N2O", 336.48),
            ("C22H28N2O.HCl", 372.94),
            ("2Na2CO3.3H2O2", 314.02),
            ("Ca(OH)2", 74.09),
            ("Na2B4O7.10H2O", 381.36),
            ("(C8H8)n", 104.15),
        ];
        for (text, mass) in cases {
            let found = Formula::parse(text).unwrap().molar_mass_g_mol();
            assert!((found - mass).abs() < 0.02, "{text}: {found}");
        }
        assert_eq!(Formula::parse("Ca(ClO)2").unwrap().count("Cl"), 2);
    }

    #[test]
    fn nonsense_is_refused_with_its_reason() {
        let cases = [
            ("", FormulaError::Empty),
            ("C2H6.", FormulaError::Empty),
            ("Xq2", FormulaError::UnknownElement("Xq".into())),
            ("C2H6O-", FormulaError::Unexpected('-')),
            ("Ca(OH2", FormulaError::Brackets),
            ("Ca)OH", FormulaError::Brackets),
            ("H0", FormulaError::Count),
            ("C99999999999", FormulaError::Count),
            ("(((((((((((H)))))))))))", FormulaError::Brackets),
        ];
        for (text, error) in cases {
            assert_eq!(Formula::parse(text).err(), Some(error), "{text}");
        }
    }
}
