//! What is gained and what is risked at every threshold on the odds: the coverage/risk curve.

use crate::identify::{CalibrationRow, Engine, Query, Rate, Table};
use crate::library::Substance;

/// Thresholds on the odds that are printed.
const LEAST_ODDS: [f64; 9] = [0.05, 0.1, 0.25, 0.5, 1.0, 2.0, 4.0, 10.0, 50.0];

/// Adds the curve of single substances to a table: at each threshold the share of queries that are named rightly with
/// their reference in the library (coverage), and wrongly with it removed (risk). The first lines judge by the odds alone, the last
/// as the engine does, which makes its other demands too.
pub fn add_curve(table: &mut Table, engine: &Engine, queries: &[Query]) {
    let rows = |left_out: bool| -> Vec<Option<CalibrationRow>> {
        let ask = |q: &Query| {
            let is_truth = |s: &Substance| q.truth.is(s);
            engine.evidence(&q.spectrum, &|s| left_out && q.truth.is(s), &is_truth)
        };
        queries.iter().map(ask).collect()
    };
    let known = rows(false);
    let unknown = rows(true);
    let rate = |rows: &[Option<CalibrationRow>], named: &dyn Fn(&CalibrationRow) -> bool| {
        Rate::new(rows.iter().flatten().filter(|r| named(r)).count(), rows.len())
    };
    for odds in LEAST_ODDS {
        let sure = |r: &CalibrationRow| r.odds() > odds;
        table.notes.push(format!(
            "named by odds above {odds} alone: rightly {}; wrongly with the own reference removed {}",
            rate(&known, &|r| r.right && sure(r)),
            rate(&unknown, &|r| !r.right && sure(r))
        ));
    }
    let decided = |r: &CalibrationRow| r.carries_name && engine.is_sure_of(r);
    let (coverage, risk) =
        (rate(&known, &|r| r.declared && decided(r)), rate(&unknown, &|r| !r.declared && decided(r)));
    table.notes.push(format!(
        "named as single substances as the engine decides: rightly {coverage}; wrongly with the own reference removed {risk}"
    ));
    let share = |r: Rate| r.k as f64 / r.n.max(1) as f64;
    table.figures.push(("coverage".to_owned(), share(coverage)));
    table.figures.push(("risk".to_owned(), share(risk)));
}
