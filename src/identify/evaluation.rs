//! Accuracy with its truth: counts, intervals, every error by name, measured and simulated apart.

use serde::Serialize;

use super::answer::{Answer, Strength};
use super::verdict::Level;

/// Judgement of one query.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Outcome {
    /// File or sample.
    pub query: String,
    /// The truth, as CAS numbers of which any is right; empty when the substance is in no reference.
    pub truth: Vec<String>,
    /// CAS number (or name) of the best candidate.
    pub first: String,
    /// True when the best candidate is the truth.
    pub first_right: bool,
    /// Name that was `identified`, if any.
    pub named: Option<String>,
    /// True when something was identified and neither it nor a declared alternative is the truth.
    pub named_wrong: bool,
    /// Level of the verdict.
    pub level: Level,
    /// Score of the best candidate.
    pub score: f64,
}

impl Outcome {
    /// Judges an answer by CAS number. A name counts as right when it or one of its declared alternatives is the truth;
    /// `alternatives_cas` resolves names of alternatives to CAS numbers.
    pub fn judge(
        query: &str,
        truth: &[String],
        answer: &Answer,
        alternatives_cas: &dyn Fn(&str) -> Vec<String>,
    ) -> Self {
        let is_true = |cas: &[String]| cas.iter().any(|c| truth.contains(c));
        let first = answer.candidates.first();
        let named = answer.identified.iter().find(|i| i.strength == Strength::Identified);
        let named_right = named.is_some_and(|n| {
            is_true(&alternatives_cas(&n.substance)) || n.alternatives.iter().any(|a| is_true(&alternatives_cas(a)))
        });
        Self {
            query: query.to_owned(),
            truth: truth.to_vec(),
            first: first.map_or_else(String::new, |c| c.substance.clone()),
            first_right: first.is_some_and(|c| is_true(&alternatives_cas(&c.substance))),
            named: named.map(|n| n.substance.clone()),
            named_wrong: named.is_some() && !named_right,
            level: answer.verdict.level(),
            score: first.map_or(0.0, |c| c.score),
        }
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

/// One suite.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Table {
    /// Name of the suite.
    pub suite: String,
    /// `measured` or `simulated`.
    pub spectra: &'static str,
    /// Best candidate right, of the queries whose substance has a reference.
    pub first: Rate,
    /// Something identified, of the queries whose substance has a reference.
    pub named: Rate,
    /// Wrongly identified, of all queries.
    pub named_wrong: Rate,
    /// Alarms and alerts, of all queries.
    pub alarms_and_alerts: Rate,
    /// Every query that went wrong.
    pub errors: Vec<Outcome>,
}

impl Table {
    /// Counts outcomes.
    pub fn new(suite: &str, spectra: &'static str, outcomes: &[Outcome]) -> Self {
        let known: Vec<&Outcome> = outcomes.iter().filter(|o| !o.truth.is_empty()).collect();
        let count = |test: &dyn Fn(&Outcome) -> bool| outcomes.iter().filter(|o| test(o)).count();
        let loud = |o: &Outcome| matches!(o.level, Level::Alarm | Level::Alert);
        let wrong = |o: &&Outcome| (!o.truth.is_empty() && !o.first_right) || o.named_wrong;
        Self {
            suite: suite.to_owned(),
            spectra,
            first: Rate::new(known.iter().filter(|o| o.first_right).count(), known.len()),
            named: Rate::new(known.iter().filter(|o| o.named.is_some()).count(), known.len()),
            named_wrong: Rate::new(count(&|o| o.named_wrong), outcomes.len()),
            alarms_and_alerts: Rate::new(count(&loud), outcomes.len()),
            errors: outcomes.iter().filter(wrong).cloned().collect(),
        }
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
