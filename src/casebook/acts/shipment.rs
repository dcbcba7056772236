//! What is said of a parcel in fixed words only, so that it can be shared: nobody can type a name into it.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};
use thiserror::Error;

/// Most countries of one route.
const ROUTE_MAX: usize = 8;

/// A word or code that is none of those there are.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum UnknownWord {
    /// A word outside a fixed list.
    #[error("'{0}' is none of the words {1}; choose the nearest one, or 'other'")]
    Word(String, String),
    /// No code of the Harmonized System.
    #[error("'{0}' is no code of the Harmonized System; give the first 2, 4 or 6 digits without dots")]
    HsCode(String),
    /// No code of a country.
    #[error("'{0}' is no country; give its two letters of ISO 3166-1, as DE")]
    Country(String),
}

/// Defines a list of fixed words with their names.
macro_rules! words {
    ($(#[$about:meta])* $name:ident { $($(#[$what:meta])* $variant:ident = $text:literal,)+ }) => {
        $(#[$about])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
        #[serde(rename_all = "kebab-case")]
        pub enum $name { $($(#[$what])* $variant,)+ }

        impl $name {
            /// Every word.
            pub const ALL: &'static [Self] = &[$(Self::$variant,)+];

            /// The word.
            pub const fn name(self) -> &'static str {
                match self { $(Self::$variant => $text,)+ }
            }
        }

        impl FromStr for $name {
            type Err = UnknownWord;

            fn from_str(text: &str) -> Result<Self, UnknownWord> {
                let all = || Self::ALL.iter().map(|word| word.name()).collect::<Vec<_>>().join(", ");
                let found = Self::ALL.iter().copied().find(|word| word.name() == text);
                found.ok_or_else(|| UnknownWord::Word(text.to_owned(), all()))
            }
        }
    };
}

words! {
    /// How a substance was hidden.
    Concealment {
        /// It was not.
        Open = "open",
        /// In a container with a label that says something else.
        FalseLabel = "false-label",
        /// Among or inside the goods.
        InGoods = "in-goods",
        /// In walls, bottom or padding of the packaging.
        InPackaging = "in-packaging",
        /// Between or in sheets of paper.
        InPaper = "in-paper",
        /// Soaked into paper, cloth or another carrier.
        Impregnated = "impregnated",
        /// Dissolved in a liquid.
        Dissolved = "dissolved",
        /// In another way.
        Other = "other",
    }
}

words! {
    /// What the declaration says is in it.
    DeclaredGoods {
        /// Nothing is declared.
        Undeclared = "undeclared",
        /// Letters, papers, books.
        Documents = "documents",
        /// Clothes, shoes, cloth.
        Clothing = "clothing",
        /// Cosmetics and soap.
        Cosmetics = "cosmetics",
        /// Food, tea, spices.
        Food = "food",
        /// Supplements and vitamins.
        Supplements = "supplements",
        /// Medicines.
        Medicines = "medicines",
        /// Devices and parts of them.
        Electronics = "electronics",
        /// Toys and games.
        Toys = "toys",
        /// Chemicals, dyes, reagents.
        Chemicals = "chemicals",
        /// Household goods and tools.
        Household = "household",
        /// A gift without more.
        Gift = "gift",
        /// Something else.
        Other = "other",
    }
}

/// Defines a text that holds only what `$fits` lets pass.
macro_rules! code {
    ($(#[$about:meta])* $name:ident, $error:ident, $fits:expr) => {
        $(#[$about])*
        #[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
        #[serde(try_from = "String", into = "String")]
        pub struct $name(String);

        impl FromStr for $name {
            type Err = UnknownWord;

            fn from_str(text: &str) -> Result<Self, UnknownWord> {
                let fits: fn(&[u8]) -> bool = $fits;
                if fits(text.as_bytes()) { Ok(Self(text.to_owned())) } else { Err(UnknownWord::$error(text.to_owned())) }
            }
        }

        impl TryFrom<String> for $name {
            type Error = UnknownWord;

            fn try_from(text: String) -> Result<Self, UnknownWord> {
                text.parse()
            }
        }

        impl From<$name> for String {
            fn from(code: $name) -> Self {
                code.0
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }
    };
}

code!(
    /// The first 2, 4 or 6 digits of a code of the Harmonized System (World Customs Organization).
    HsCode,
    HsCode,
    |text| matches!(text.len(), 2 | 4 | 6) && text.iter().all(u8::is_ascii_digit)
);
code!(
    /// A country, as its two capital letters of ISO 3166-1.
    Country,
    Country,
    |text| text.len() == 2 && text.iter().all(u8::is_ascii_uppercase)
);

/// What may be shared about a parcel. A field that is empty was not stated.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Shipment {
    /// How the substance was hidden.
    pub concealment: Option<Concealment>,
    /// What was declared.
    pub declared: Option<DeclaredGoods>,
    /// Under which code of the Harmonized System.
    pub hs_code: Option<HsCode>,
    /// Countries from the sender to the addressee.
    pub route: Vec<Country>,
    /// Gross weight, grams.
    pub weight_g: Option<u32>,
}

impl Shipment {
    /// What is wrong with it.
    pub(super) fn problem(&self) -> Option<&'static str> {
        if *self == Self::default() {
            return Some("nothing about the shipment is stated");
        }
        (self.route.len() > ROUTE_MAX).then_some("a route has at most 8 countries")
    }

    /// As the history says it.
    pub(super) fn words(&self) -> String {
        let mut said = Vec::new();
        said.extend(self.concealment.map(|c| format!("concealment {}", c.name())));
        said.extend(self.declared.map(|d| format!("declared as {}", d.name())));
        said.extend(self.hs_code.as_ref().map(|code| format!("HS {code}")));
        if !self.route.is_empty() {
            let route: Vec<String> = self.route.iter().map(ToString::to_string).collect();
            said.push(format!("route {}", route.join(" - ")));
        }
        said.extend(self.weight_g.map(|g| format!("{g} g")));
        format!("shipment: {}", said.join(", "))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_fixed_words_and_codes_pass_also_from_json() {
        for code in ["29", "2933", "293333"] {
            assert_eq!(code.parse::<HsCode>().unwrap().to_string(), code);
        }
        for wrong in ["", "2", "29333", "29.33", "John", "2933330000"] {
            assert!(wrong.parse::<HsCode>().is_err(), "{wrong}");
        }
        for wrong in ["", "D", "de", "DEU", "D1"] {
            assert!(wrong.parse::<Country>().is_err(), "{wrong}");
        }
        for word in Concealment::ALL {
            assert_eq!(word.name().parse(), Ok(*word));
            assert_eq!(serde_json::to_value(word).unwrap(), word.name());
        }
        for word in DeclaredGoods::ALL {
            assert_eq!(word.name().parse(), Ok(*word));
            assert_eq!(serde_json::to_value(word).unwrap(), word.name());
        }
        let smuggled = serde_json::json!({ "concealment": "John Doe", "declared": null, "hs_code": null, "route": [], "weight_g": 1 });
        assert!(serde_json::from_value::<Shipment>(smuggled).is_err());
    }
}
