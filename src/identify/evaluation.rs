//! Accuracy with its truth: counts, intervals, every error by name, measured and simulated apart.

use std::fmt;

use serde::Serialize;

use crate::library::Substance;
use crate::spectrum::Spectrum;

use super::answer::{Answer, Identified, Strength};
use super::engine::Engine;
use super::verdict::Level;

/// Where the spectra of a suite came from; every line that states an accuracy says it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Spectra {
    /// Measured on real samples.
    Measured,
    /// Simulated; says nothing about the field.
    Simulated,
    /// Neither the files nor their table of labels say where they came from: whoever gave them vouches for it.
    AsStated,
    /// Some of each.
    Several {
        /// Measured, by their table of labels.
        measured: usize,
        /// Simulated, by the files or their table of labels.
        simulated: usize,
        /// Nothing says it.
        as_stated: usize,
    },
}

impl Spectra {
    /// Where so many spectra came from.
    pub const fn counted(measured: usize, simulated: usize, as_stated: usize) -> Self {
        match (measured, simulated, as_stated) {
            (1.., 0, 0) => Self::Measured,
            (0, 1.., 0) => Self::Simulated,
            (0, 0, _) => Self::AsStated,
            _ => Self::Several { measured, simulated, as_stated },
        }
    }
}

impl fmt::Display for Spectra {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Measured => f.write_str("measured"),
            Self::Simulated => f.write_str("simulated"),
            Self::AsStated => f.write_str("as stated by the operator"),
            Self::Several { measured, simulated, as_stated } => {
                write!(f, "{measured} measured, {simulated} simulated, {as_stated} as stated by the operator")
            }
        }
    }
}

/// What a query really is.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Truth {
    /// Name.
    pub name: String,
    /// CAS numbers of the forms of which any is right; where there are none the name decides.
    pub cas: Vec<String>,
}

impl Truth {
    /// No substance at all.
    pub fn nothing() -> Self {
        Self { name: "nothing".to_owned(), cas: Vec::new() }
    }

    /// True for the substance that this names.
    pub fn is(&self, substance: &Substance) -> bool {
        if self.cas.is_empty() {
            let wanted = self.name.to_lowercase();
            substance.name.to_lowercase() == wanted || substance.synonyms.iter().any(|s| s.to_lowercase() == wanted)
        } else {
            self.cas.iter().any(|c| substance.has_cas(c))
        }
    }

    /// True when the substance belongs to the half on which thresholds were chosen. The halves are told apart by a
    /// hash (FNV-1a) of the CAS numbers and stay as they are; what has no number is in the tuning half.
    pub fn is_for_tuning(&self) -> bool {
        if self.cas.is_empty() {
            return true;
        }
        let hash = (self.cas.join("|").bytes())
            .fold(0xcbf2_9ce4_8422_2325_u64, |h, b| (h ^ u64::from(b)).wrapping_mul(0x0100_0000_01b3));
        (hash >> 32) & 1 == 0
    }
}

/// A spectrum with its label.
#[derive(Clone, Debug)]
pub struct Query {
    /// File or sample.
    pub name: String,
    /// The truth: the substance that matters.
    pub truth: Truth,
    /// What else really is there: cutting agents, the bag.
    pub beside: Vec<Truth>,
    /// The spectrum.
    pub spectrum: Spectrum,
}

/// Judgement of one query.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[expect(clippy::struct_excessive_bools, reason = "each is one question of the judgement")]
pub struct Outcome {
    /// File or sample.
    pub query: String,
    /// The truth.
    pub truth: Truth,
    /// True when the library that was asked has a reference of it.
    pub in_library: bool,
    /// Name of the best candidate; empty when there is none.
    pub first: String,
    /// True when the best candidate is the truth.
    pub first_right: bool,
    /// Name that was `identified`, if any.
    pub named: Option<String>,
    /// True when that or a declared alternative is the truth.
    pub named_right: bool,
    /// True when something was identified and neither it nor a declared alternative is there.
    pub named_wrong: bool,
    /// True when the truth is among what was identified or called possible, or a declared alternative of it.
    pub pointed_at: bool,
    /// The components of the fit with their shares, largest first.
    pub components: Vec<(String, f64)>,
    /// Its share of the fitted signal, where the fit has it.
    pub share: Option<f64>,
    /// The interval of that share.
    pub share_interval: Option<(f64, f64)>,
    /// True when the truth is a substance that alarms.
    pub alarming: bool,
    /// Level of the verdict.
    pub level: Level,
    /// Rule of the verdict.
    pub rule: String,
    /// Score of the best candidate.
    pub score: f64,
}

/// Asks the engine about one query, with every reference of its true substance removed if `leave_out`.
pub fn ask(engine: &Engine, query: &Query, leave_out: bool) -> Outcome {
    let hidden = |s: &Substance| leave_out && query.truth.is(s);
    let answer = engine.identify_without(&query.spectrum, &hidden);
    judge(engine, query, leave_out, &answer)
}

/// Asks the engine about a query that is a reference of its own library, with that reference left out.
pub fn ask_without_reference(engine: &Engine, query: &Query, reference: usize) -> Outcome {
    judge(engine, query, false, &engine.identify_without_reference(&query.spectrum, reference))
}

fn judge(engine: &Engine, query: &Query, left_out: bool, answer: &Answer) -> Outcome {
    let library = engine.library();
    let truth = library.substances.iter().enumerate().find(|(_, s)| query.truth.is(s));
    let has_reference = truth
        .is_some_and(|(i, _)| library.references_of(i).any(|r| query.spectrum.technique().compares_with(r.technique)));
    let is_true = |name: &str| library.find(name).is_some_and(|s| query.truth.is(s));
    let first = answer.candidates.first();
    let identified = || answer.identified.iter().filter(|i| i.strength == Strength::Identified);
    let among =
        |i: &Identified, test: &dyn Fn(&str) -> bool| test(&i.substance) || i.alternatives.iter().any(|a| test(a));
    let is_there =
        |name: &str| is_true(name) || library.find(name).is_some_and(|s| query.beside.iter().any(|t| t.is(s)));
    let named = identified().find(|i| among(i, &is_true)).or_else(|| identified().next());
    let named_right = named.is_some_and(|i| among(i, &is_true));
    let pointed_at = answer.identified.iter().any(|i| among(i, &is_true));
    let share = answer.mixture.iter().find(|c| is_true(&c.substance)).map(|c| (c.spectral_share, c.share_interval));
    Outcome {
        query: query.name.clone(),
        truth: query.truth.clone(),
        in_library: has_reference && !left_out,
        first: first.map_or_else(String::new, |c| c.substance.clone()),
        first_right: first.is_some_and(|c| is_true(&c.substance)),
        named: named.map(|n| n.substance.clone()),
        named_right,
        named_wrong: identified().any(|i| !among(i, &is_there)),
        pointed_at,
        components: answer.mixture.iter().map(|c| (c.substance.clone(), c.spectral_share)).collect(),
        share: share.map(|s| s.0),
        share_interval: share.and_then(|s| s.1),
        alarming: truth.is_some_and(|(_, s)| s.alarms),
        level: answer.verdict.level(),
        rule: answer.verdict.rule().to_owned(),
        score: first.map_or(0.0, |c| c.score),
    }
}

impl Outcome {
    /// An alarm or an alert.
    pub const fn is_warning(&self) -> bool {
        matches!(self.level, Level::Alarm | Level::Alert)
    }

    /// An alarm or an alert on a substance that does not alarm.
    pub const fn is_false_alarm(&self) -> bool {
        !self.alarming && self.is_warning()
    }

    /// A query whose substance alarms and is in the library that was asked.
    pub const fn is_listed_query(&self) -> bool {
        self.alarming && self.in_library
    }

    /// True when something is to be listed as an error.
    pub fn is_error(&self) -> bool {
        (self.in_library && !self.first_right)
            || self.named_wrong
            || self.is_false_alarm()
            || (self.is_listed_query() && self.level != Level::Alarm)
    }
}

impl fmt::Display for Outcome {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let first = if self.first.is_empty() { "nothing" } else { self.first.as_str() };
        write!(f, "{}: is {}, best candidate {first} ({:.2})", self.query, self.truth.name, self.score)?;
        match (&self.named, self.named_wrong) {
            (Some(name), true) => write!(f, ", WRONGLY IDENTIFIED as {name}")?,
            (Some(name), false) => write!(f, ", identified as {name}")?,
            (None, _) => {}
        }
        if self.is_false_alarm() {
            write!(f, ", FALSE ALARM")?;
        }
        if self.components.len() > 1 {
            let parts: Vec<String> = self.components.iter().map(|(name, share)| format!("{name} {share:.2}")).collect();
            write!(f, ", fit {}", parts.join(" + "))?;
        }
        if self.is_listed_query() && !self.is_warning() {
            write!(f, ", MISSED")?;
        }
        write!(f, ", rule {}", self.rule)
    }
}

/// `k` of `n` with its Wilson 95 % interval.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct Rate {
    /// Hits.
    pub k: usize,
    /// Trials.
    pub n: usize,
    /// Lower end of the interval.
    pub low: f64,
    /// Upper end of the interval.
    pub high: f64,
}

impl Rate {
    /// The rate of `k` in `n`.
    pub fn new(k: usize, n: usize) -> Self {
        let (low, high) = wilson(k, n);
        Self { k, n, low, high }
    }
}

impl std::fmt::Display for Rate {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let percent = if self.n == 0 { 0.0 } else { 100.0 * self.k as f64 / self.n as f64 };
        write!(
            f,
            "{}/{} = {percent:.1} % (95 % interval {:.1}-{:.1} %)",
            self.k,
            self.n,
            100.0 * self.low,
            100.0 * self.high
        )
    }
}

/// Wilson's score interval for a proportion, 95 % (J. Am. Stat. Assoc. 22 (1927) 209).
pub fn wilson(k: usize, n: usize) -> (f64, f64) {
    if n == 0 {
        return (0.0, 1.0);
    }
    let (k, n, z) = (k as f64, n as f64, 1.959_964);
    let p = k / n;
    let centre = (p + z * z / (2.0 * n)) / (1.0 + z * z / n);
    let half = z / (1.0 + z * z / n) * (p * (1.0 - p) / n + z * z / (4.0 * n * n)).sqrt();
    ((centre - half).max(0.0), (centre + half).min(1.0))
}

/// One line of a table: a set of outcomes, counted.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Line {
    /// Which of the suite's queries: `all`, `tuning half`, `reporting half`, a share, a kind of trouble.
    pub part: String,
    /// Number of queries.
    pub n: usize,
    /// Best candidate right, of the queries whose substance the library has.
    pub first: Rate,
    /// Identified rightly, of the queries whose substance the library has.
    pub named_right: Rate,
    /// Wrongly identified, of all queries.
    pub named_wrong: Rate,
    /// Alarms, of the queries whose substance alarms and is in the library.
    pub alarmed: Rate,
    /// Alarms and alerts, of the same.
    pub warned: Rate,
    /// Identified rightly, of the same.
    pub exact: Rate,
    /// Alarms and alerts, of all queries whose substance does not alarm.
    pub false_alarms: Rate,
    /// Inconclusive, of all queries.
    pub inconclusive: Rate,
}

impl Line {
    fn of(part: &str, outcomes: &[&Outcome]) -> Self {
        let count = |test: &dyn Fn(&Outcome) -> bool| outcomes.iter().filter(|o| test(o)).count();
        let n = outcomes.len();
        let known = count(&|o| o.in_library);
        let listed = count(&Outcome::is_listed_query);
        Self {
            part: part.to_owned(),
            n,
            first: Rate::new(count(&|o| o.in_library && o.first_right), known),
            named_right: Rate::new(count(&|o| o.in_library && o.named_right), known),
            named_wrong: Rate::new(count(&|o| o.named_wrong), n),
            alarmed: Rate::new(count(&|o| o.is_listed_query() && o.level == Level::Alarm), listed),
            warned: Rate::new(count(&|o| o.is_listed_query() && o.is_warning()), listed),
            exact: Rate::new(count(&|o| o.is_listed_query() && o.named_right), listed),
            false_alarms: Rate::new(count(&Outcome::is_false_alarm), count(&|o| !o.alarming)),
            inconclusive: Rate::new(count(&|o| o.level == Level::Inconclusive), n),
        }
    }
}

/// One suite.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Table {
    /// Name of the suite.
    pub suite: String,
    /// Where the spectra came from.
    pub spectra: Spectra,
    /// All queries first; then the halves, where thresholds were chosen on one of them.
    pub lines: Vec<Line>,
    /// Every query that went wrong.
    pub errors: Vec<Outcome>,
    /// Further figures, each a sentence with its n.
    pub notes: Vec<String>,
    /// The same figures as numbers, by name.
    pub figures: Vec<(String, f64)>,
}

impl Table {
    /// Counts outcomes; `halves` adds the half on which thresholds were chosen and the other one.
    pub fn new(suite: &str, spectra: Spectra, outcomes: &[Outcome], halves: bool) -> Self {
        let part = |tuning: bool| outcomes.iter().filter(|o| o.truth.is_for_tuning() == tuning).collect::<Vec<_>>();
        let mut lines = vec![Line::of("all", &outcomes.iter().collect::<Vec<_>>())];
        if halves {
            lines.push(Line::of("tuning half", &part(true)));
            lines.push(Line::of("reporting half", &part(false)));
        }
        let errors = outcomes.iter().filter(|o| o.is_error()).cloned().collect();
        Self { suite: suite.to_owned(), spectra, lines, errors, notes: Vec::new(), figures: Vec::new() }
    }

    /// Counts outcomes of named parts of a suite, in the order in which the parts first appear, and all of them.
    pub fn of_parts(suite: &str, spectra: Spectra, outcomes: &[(String, Outcome)]) -> Self {
        let mut names: Vec<&str> = Vec::new();
        for (part, _) in outcomes {
            if !names.contains(&part.as_str()) {
                names.push(part);
            }
        }
        let all = outcomes.iter().map(|(_, o)| o).collect::<Vec<_>>();
        let mut lines = vec![Line::of("all", &all)];
        for name in names {
            let own: Vec<&Outcome> = outcomes.iter().filter(|(p, _)| p == name).map(|(_, o)| o).collect();
            lines.push(Line::of(name, &own));
        }
        let errors = all.into_iter().filter(|o| o.is_error()).cloned().collect();
        Self { suite: suite.to_owned(), spectra, lines, errors, notes: Vec::new(), figures: Vec::new() }
    }
}

impl fmt::Display for Table {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let spectra = self.spectra;
        for line in &self.lines {
            writeln!(f, "{} ({spectra} spectra, {}, n = {})", self.suite, line.part, line.n)?;
            for (what, rate) in [
                ("best candidate right", line.first),
                ("identified rightly", line.named_right),
                ("identified WRONGLY", line.named_wrong),
                ("alarm on listed", line.alarmed),
                ("alarm or alert on listed", line.warned),
                ("exact on listed", line.exact),
                ("false alarms and alerts", line.false_alarms),
                ("inconclusive", line.inconclusive),
            ] {
                if rate.n > 0 {
                    writeln!(f, "  {what:<24} {rate}, {spectra}")?;
                }
            }
        }
        for note in &self.notes {
            writeln!(f, "  {note} ({spectra})")?;
        }
        for error in &self.errors {
            writeln!(f, "  error ({spectra}): {error}")?;
        }
        if self.errors.is_empty() && !self.lines.is_empty() {
            writeln!(f, "  no errors ({spectra})")?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_interval_agrees_with_published_values() {
        // Newcombe, Statist. Med. 17 (1998) 857, table I, method 3: 81/263, 15/148, 0/20, 1/29.
        for (k, n, low, high) in
            [(81, 263, 0.2553, 0.3662), (15, 148, 0.0624, 0.1605), (0, 20, 0.0, 0.1611), (1, 29, 0.0061, 0.1718)]
        {
            let (a, b) = wilson(k, n);
            assert!((a - low).abs() < 1e-4 && (b - high).abs() < 1e-4, "{k}/{n}: {a} {b}");
        }
    }
}
