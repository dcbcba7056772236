//! The measured spectra of a library, each asked with itself left out: does another spectrum of the same substance, of
//! another instrument, find it?

use std::collections::BTreeSet;

use anyhow::bail;

use crate::identify::{Engine, Outcome, Query, Rate, Spectra, Table, Truth, ask, ask_without_reference};
use crate::library::{Reference, Substance, Tier};

/// Rates of false names at which the right ones are counted.
const FALSE_NAMES: [f64; 3] = [0.01, 0.05, 0.10];

/// One measured spectrum of the library.
struct Own {
    reference: usize,
    tuning: bool,
    query: Query,
}

/// The suite. Each spectrum of a substance that has another one of the same technique is asked twice: with itself left out,
/// which it should be found by, and with its whole substance left out, which nothing should be named by.
pub fn table(engine: &Engine, name: &str) -> Result<Table, anyhow::Error> {
    let own = own(engine);
    if own.is_empty() {
        bail!("the library holds no two measured spectra of one substance and technique, so that none can be left out");
    }
    let simulated = engine.library().references.iter().any(|r| r.tier == Tier::Simulated);
    let spectra = if simulated { Spectra::Simulated } else { Spectra::Measured };
    let half = |o: &Own| if o.tuning { "tuning half" } else { "reporting half" }.to_owned();
    let outcomes: Vec<(String, Outcome)> =
        own.iter().map(|o| (half(o), ask_without_reference(engine, &o.query, o.reference))).collect();
    let without: Vec<Outcome> = own.iter().map(|o| ask(engine, &o.query, true)).collect();
    let mut table = Table::of_parts(name, spectra, &outcomes);
    let count = |test: &dyn Fn(&Outcome) -> bool| Rate::new(without.iter().filter(|o| test(o)).count(), without.len());
    table.notes.push(format!("named with the whole substance left out: {}", count(&|o| o.named_wrong)));
    table.notes.push(format!("alarms and alerts with it left out, benign: {}", count(&|o| o.is_false_alarm())));
    // How sure the engine is of its best candidate, whatever it would name.
    let sure_of = |hide_all: bool| -> Vec<f64> { own.iter().map(|o| odds(engine, o, hide_all)).collect() };
    let (known, unknown) = (sure_of(false), sure_of(true));
    for rate in FALSE_NAMES {
        for part in ["all", "tuning half", "reporting half"] {
            let mine = |i: &usize| part == "all" || outcomes.get(*i).is_some_and(|o| o.0 == part);
            let places: Vec<usize> = (0..own.len()).filter(mine).collect();
            let mut wrong: Vec<f64> = places.iter().filter_map(|i| unknown.get(*i).copied()).collect();
            wrong.sort_by(|a, b| b.total_cmp(a));
            // Those above the threshold are at most the rate.
            let allowed = (rate * places.len() as f64).floor() as usize;
            let threshold = wrong.get(allowed).copied().unwrap_or(f64::NEG_INFINITY);
            let right = places.iter().filter(|i| {
                outcomes.get(**i).is_some_and(|o| o.1.first_right) && known.get(**i).is_some_and(|k| *k > threshold)
            });
            let rate_right = Rate::new(right.count(), places.len());
            table.notes.push(format!(
                "best candidate right and surer than all but {:.0} % of those whose substance is left out, {part}: {rate_right}",
                100.0 * rate
            ));
            if part == "all" {
                table
                    .figures
                    .push((format!("right_at_{rate}_false"), rate_right.k as f64 / rate_right.n.max(1) as f64));
            }
        }
    }
    Ok(table)
}

fn odds(engine: &Engine, own: &Own, hide_all: bool) -> f64 {
    let is_truth = |s: &Substance| own.query.truth.is(s);
    let row = if hide_all {
        engine.evidence(&own.query.spectrum, &is_truth, &is_truth)
    } else {
        engine.evidence_without_reference(&own.query.spectrum, own.reference, &is_truth)
    };
    row.map_or(f64::NEG_INFINITY, |r| r.odds().ln())
}

fn own(engine: &Engine) -> Vec<Own> {
    let library = engine.library();
    let measured = |r: &Reference| r.measured.is_some();
    let twice: BTreeSet<usize> = library
        .references
        .windows(2)
        .filter(|w| w.iter().all(measured) && w[0].substance == w[1].substance && w[0].technique == w[1].technique)
        .map(|w| w[0].substance)
        .collect();
    let mut found = Vec::new();
    for (number, reference) in library.references.iter().enumerate() {
        let (Some(array), Some(substance)) = (&reference.measured, library.substance_of(reference)) else { continue };
        if !twice.contains(&reference.substance) {
            continue;
        }
        let truth = Truth { name: substance.name.clone(), cas: substance.cas.iter().cloned().collect() };
        // The halves are told apart by the name where there is no number.
        let hashed = substance.cas.clone().unwrap_or_else(|| substance.name.to_lowercase());
        let tuning = Truth { name: String::new(), cas: vec![hashed] }.is_for_tuning();
        let item = reference.source_item.as_deref().unwrap_or("-");
        let name = format!("{}, reference {} ({item})", substance.name, number + 1);
        let query = Query { name, truth, beside: Vec::new(), spectrum: array.spectrum().clone() };
        found.push(Own { reference: number, tuning, query });
    }
    found
}
